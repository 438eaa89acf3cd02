# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens of Tibero's SQL, and a cursor to parse administrative statements with."""

from __future__ import annotations

import re
from typing import NamedTuple

from tibero_emulator.server.errors import TbrError

WORD, QUOTED, STRING, NUMBER, PUNCT = "WORD", "QUOTED", "STRING", "NUMBER", "PUNCT"

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)
      |(?P<STRING>'(?:[^']|'')*')
      |(?P<QUOTED>"[^"]*")
      |(?P<NUMBER>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)
      |(?P<WORD>[A-Za-z_\u0080-\uffff][\w$\#]*)
      |(?P<PUNCT>\|\||<=|>=|<>|!=|:=|=>|\(\+\)|[-+*/(),.;=<>:%@?!^|\[\]{}&~`])""",
    re.VERBOSE | re.DOTALL,
)

SIZES = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


class Token(NamedTuple):
    """kind, source text, and where it stood."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def upper(self) -> str:
        """Upper-cased text of a word; other tokens as they are (so a quoted name never looks like a keyword)."""
        return self.text.upper() if self.kind == WORD else self.text

    @property
    def value(self) -> str:
        """The name or the string it stands for."""
        if self.kind == STRING:
            return self.text[1:-1].replace("''", "'")
        if self.kind == QUOTED:
            return self.text[1:-1]
        return self.text.upper() if self.kind == WORD else self.text


def tokenize(sql: str) -> list[Token]:
    """Tokens without blanks and comments. Raises TBR-8004 on text that is none."""
    tokens = []
    position = 0
    while position < len(sql):
        match = _TOKEN.match(sql, position)
        if match is None:
            raise TbrError(8004)
        kind = match.lastgroup or ""
        if kind != "space":
            tokens.append(Token(kind, match.group(), position, match.end()))
        position = match.end()
    while tokens and tokens[-1].text == ";":
        tokens.pop()
    if any(each.text == ";" for each in tokens):
        raise TbrError(8004)
    return tokens


class Cursor:
    """Reads tokens one after the other; anything unexpected is a syntax error."""

    def __init__(self, tokens: list[Token], sql: str, code: int = 8004) -> None:
        self.tokens = tokens
        self.sql = sql
        self.code = code
        self.index = 0

    def error(self) -> TbrError:
        return TbrError(self.code)

    @property
    def done(self) -> bool:
        return self.index >= len(self.tokens)

    def peek(self, ahead: int = 0) -> str:
        """Upper-cased text of a coming token, "" at the end."""
        index = self.index + ahead
        return self.tokens[index].upper if index < len(self.tokens) else ""

    def next(self) -> Token:
        if self.done:
            raise self.error()
        self.index += 1
        return self.tokens[self.index - 1]

    def accept(self, *words: str) -> bool:
        """Consume the words if all of them come next."""
        if all(self.peek(i) == word for i, word in enumerate(words)):
            self.index += len(words)
            return True
        return False

    def expect(self, *words: str) -> None:
        if not self.accept(*words):
            raise self.error()

    def name(self) -> str:
        token = self.next()
        if token.kind not in (WORD, QUOTED):
            raise self.error()
        return token.value

    def qualified(self) -> tuple[str | None, str]:
        """[owner.]name"""
        first = self.name()
        if self.accept("."):
            return first, self.name()
        return None, first

    def string(self) -> str:
        token = self.next()
        if token.kind != STRING:
            raise self.error()
        return token.value

    def file_name(self) -> str:
        """A path: single or double quotes."""
        token = self.next()
        if token.kind not in (STRING, QUOTED):
            raise self.error()
        return token.value

    def integer(self) -> int:
        token = self.next()
        if token.kind != NUMBER or not token.text.isdigit():
            raise self.error()
        return int(token.text)

    def size(self) -> int:
        """A size such as 50M or 8192; K, M, G, T may stand apart."""
        number = self.integer()
        if self.peek() in SIZES and not self.done:
            return number * SIZES[self.next().upper]
        return number

    def rest(self) -> str:
        """Source text from the current token to the end."""
        return self.sql[self.tokens[self.index].start :].rstrip().rstrip(";") if not self.done else ""

    def end(self) -> None:
        if not self.done:
            raise self.error()

    def group(self) -> list[Token]:
        """The tokens inside the parenthesis that opens here."""
        self.expect("(")
        depth, start = 1, self.index
        while depth:
            text = self.next().text
            depth += (text == "(") - (text == ")")
        return self.tokens[start : self.index - 1]


def split_commas(tokens: list[Token]) -> list[list[Token]]:
    """Split on top-level commas."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if token.text == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts
