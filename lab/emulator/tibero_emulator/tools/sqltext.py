# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How tbsql finds the end of a statement in lines of input (tibero.md 3.1)."""

from __future__ import annotations

import re
from typing import NamedTuple

# fmt: off
SQL_WORDS = frozenset((
    "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "ALTER", "DROP", "TRUNCATE", "GRANT", "REVOKE",
    "COMMIT", "ROLLBACK", "SAVEPOINT", "BEGIN", "DECLARE", "CALL", "WITH", "EXPLAIN", "LOCK", "COMMENT", "RENAME",
    "ANALYZE", "AUDIT", "NOAUDIT", "PURGE", "FLASHBACK",
))
# fmt: on

_BLOCK = re.compile(
    r"\s*(BEGIN|DECLARE|CREATE\s+(OR\s+REPLACE\s+)?(FUNCTION|PROCEDURE|PACKAGE|TRIGGER|TYPE))\b", re.IGNORECASE
)


def first_word(line: str) -> str:
    """The first word of a line in upper case, without a closing semicolon."""
    match = re.match(r"\s*([A-Za-z_][A-Za-z0-9_]*)", line)
    return match.group(1).upper() if match else ""


def semicolons(text: str) -> tuple[list[int], bool]:
    """Positions of the semicolons outside quotes and comments, and whether a quote or block comment is still open."""
    found: list[int] = []
    index, end = 0, len(text)
    while index < end:
        character = text[index]
        if character in "'\"":
            close = text.find(character, index + 1)
            if close < 0:
                return found, True
            index = close
        elif text.startswith("--", index):
            newline = text.find("\n", index)
            if newline < 0:
                break
            index = newline
        elif text.startswith("/*", index):
            close = text.find("*/", index + 2)
            if close < 0:
                return found, True
            index = close + 1
        elif character == ";":
            found.append(index)
        index += 1
    return found, False


class Statement(NamedTuple):
    """A finished statement: its text, whether it must fail (two on a line, after a trailing comment), what stays
    behind."""

    text: str
    broken: bool
    rest: str


class Buffer:
    """Lines of one statement.

    `;` at the end of a line or a line `/` ends it; PSM blocks end with `/` only. Two statements on one line are one
    broken statement. What follows `;` as a comment stays in the buffer, so that the lines after it, commands included,
    become a statement that fails.
    """

    def __init__(self, comment_breaks: bool = True) -> None:
        self.text = ""
        self.lines = 0
        self._residue = False
        self._comment_breaks = comment_breaks

    def __bool__(self) -> bool:
        return self.lines > 0

    def clear(self) -> None:
        """Forget what was entered."""
        self.text, self.lines, self._residue = "", 0, False

    def _finish(self, text: str, broken: bool, rest: str) -> Statement:
        broken = broken or self._residue
        self.clear()
        if rest:
            self.text, self.lines, self._residue = rest, 1, True
        return Statement(text.strip(), broken, rest)

    def feed(self, line: str) -> Statement | None:
        """Add one line; the statement it finishes, or None."""
        open_before = semicolons(self.text)[1]
        if line.strip() == "/" and not open_before:
            return self._finish(self.text, False, "")
        self.text = f"{self.text}\n{line}" if self.lines else line
        self.lines += 1
        if _BLOCK.match(self.text):
            return None
        ends, is_open = semicolons(self.text)
        if not ends or is_open:
            return None
        rest = self.text[ends[-1] + 1 :].strip()
        if rest and not rest.startswith(("--", "/*")):
            return None
        return self._finish(self.text[: ends[-1]], len(ends) > 1, rest if self._comment_breaks else "")
