# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Statements that a standby cluster cannot follow, recognised in the text of a script before anything is run.

    split(text) -> statements        comments, strings, quoted names and PSM blocks are understood; nothing is dropped
    judge(statement) -> Verdict      SUPPORTED, CAUTION, UNSUPPORTED or UNKNOWN, with the reason and its source

Source: the vendor's manual lists what redo apply cannot follow (H, reference 15). Everything else is supported only if its first words are on
a list of what is known to travel as redo; the rest is UNKNOWN, because a list of what is forbidden proves nothing of what it does not name.
"""

import re
from typing import List, NamedTuple, Optional, Sequence, Tuple

SUPPORTED, CAUTION, UNSUPPORTED, UNKNOWN = "supported", "caution", "unsupported", "unknown"
#: From good to bad: the verdict of a script is that of its worst statement.
GRADES = (SUPPORTED, CAUTION, UNKNOWN, UNSUPPORTED)

SQL, BLOCK, COMMAND, BROKEN = "sql", "block", "command", "broken"


class Statement(NamedTuple):
    """One statement as written, without its end sign.

    ``line``: where it begins, from 1. ``kind``: SQL, BLOCK (PSM, ended by a line with ``/``), COMMAND (of tbsql) or BROKEN, with the reason in
    ``why``. ``words``: what it says, in upper case, without comments, and with strings and quoted names as one word each. ``plain``: the text
    without comments, as tbsql can be given it (a comment behind a statement breaks the next one, H).
    """

    text: str
    line: int
    kind: str
    words: Tuple[str, ...]
    hints: str = ""
    why: str = ""
    plain: str = ""


class Verdict(NamedTuple):
    """A grade, the rule or reason behind it, and where that is known from."""

    grade: str
    why: str
    source: str


# --------------------------------------------------------------------------------------- reading

_WORD = re.compile(r"[^\W\d][\w$#]*", re.UNICODE)
_NUMBER = re.compile(r"\d[\w.]*")
_Q_QUOTE = re.compile(r"[nN]?[qQ]'")
_VARIABLE = re.compile(r"&&?[^\W\d]|&\d", re.UNICODE)
_SLASH = re.compile(r"[ \t]*/[ \t]*(?:\r?\n|\Z)")
#: First words of a PSM block, whose semicolons do not end it.
_PROGRAMS = ("FUNCTION", "PROCEDURE", "PACKAGE", "TRIGGER", "TYPE")
_BETWEEN = ("OR", "REPLACE", "EDITIONABLE", "NONEDITIONABLE")
#: Commands of tbsql that change nothing (H, utility guide); they end with their line.
_HARMLESS = (
    "SET",
    "PROMPT",
    "REM",
    "REMARK",
    "COLUMN",
    "COL",
    "SPOOL",
    "WHENEVER",
    "DESC",
    "DESCRIBE",
    "SHOW",
    "PAUSE",
    "CLEAR",
    "TTITLE",
    "BTITLE",
    "BREAK",
    "EXIT",
    "QUIT",
    "PING",
    "HELP",
)
#: Commands of tbsql behind which anything may stand: other scripts, programs, other servers, programs in the database.
_OPAQUE = (
    "START",
    "HOST",
    "CONN",
    "CONNECT",
    "DISCONNECT",
    "EXEC",
    "EXECUTE",
    "RUN",
    "TBDOWN",
    "DEFINE",
    "ACCEPT",
    "VARIABLE",
    "VAR",
    "ARCHIVE",
    "EDIT",
    "LOADFILE",
    "SAVE",
    "EXPORT",
    "INPUT",
    "CHANGE",
    "APPEND",
    "DEL",
)
#: SET is a command of tbsql, but these are SQL.
_SQL_SET = ("TRANSACTION", "ROLE", "CONSTRAINT", "CONSTRAINTS")
STRING = "'...'"


class _Reader:
    """Reads one statement at a time."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def line(self, at: int) -> int:
        return self.text.count("\n", 0, at) + 1

    def skip_space(self) -> None:
        """Blanks and comments between statements."""
        while self.at < len(self.text):
            if self.text[self.at].isspace():
                self.at += 1
            elif not self._comment()[0]:
                return

    def _comment(self) -> Tuple[bool, str]:
        """Step over a comment. :returns: whether there was one, and the hint it holds."""
        if self.text.startswith("--", self.at):
            end = self.text.find("\n", self.at)
            body = self.text[self.at : len(self.text) if end < 0 else end]
            self.at += len(body)
            return True, body[3:] if body.startswith("--+") else ""
        if self.text.startswith("/*", self.at):
            end = self.text.find("*/", self.at + 2)
            if end < 0:
                return False, ""
            body = self.text[self.at : end]
            self.at = end + 2
            return True, body[3:] if body.startswith("/*+") else ""
        return False, ""

    def statement(self) -> Optional[Statement]:
        """The next statement, None at the end."""
        self.skip_space()
        if self.at >= len(self.text):
            return None
        start = self.at
        if self._lonely_slash(start):
            self._to_line_end()
            return Statement("/", self.line(start), COMMAND, ("/",))
        command = self._command(start)
        return command or self._sql(start)

    def _to_line_end(self) -> str:
        end = self.text.find("\n", self.at)
        body = self.text[self.at : len(self.text) if end < 0 else end]
        self.at += len(body)
        return body

    def _line_begins(self, at: int) -> bool:
        return not self.text[self.text.rfind("\n", 0, at) + 1 : at].strip()

    def _lonely_slash(self, at: int) -> bool:
        return self._line_begins(at) and bool(_SLASH.match(self.text, at))

    def _command(self, start: int) -> Optional[Statement]:
        """A command of tbsql, which ends with its line."""
        if self.text[start] in "@!":
            return Statement(self._to_line_end().strip(), self.line(start), COMMAND, (self.text[start],))
        word = _WORD.match(self.text, start)
        if not word:
            return None
        name = word.group().upper()
        rest = _WORD.search(self.text, word.end())
        if name == "SET" and rest and rest.group().upper() in _SQL_SET:
            return None
        if name not in _HARMLESS + _OPAQUE:
            return None
        body = self._to_line_end().strip()
        return Statement(body, self.line(start), COMMAND, (name,))

    def _sql(self, start: int) -> Statement:
        """SQL up to its semicolon, or a block up to its line with a slash."""
        words: List[str] = []
        hints, kept, since = "", "", start
        while self.at < len(self.text):
            block = _is_block(words)
            if block is None and self.text[self.at] == ";":
                text, kept = self.text[start : self.at], kept + self.text[since : self.at]
                self.at += 1
                return Statement(text.strip(), self.line(start), SQL, tuple(words), hints.strip(), "", kept.strip())
            if self._lonely_slash(self.at) and self.at > start:
                text, kept = self.text[start : self.at], kept + self.text[since : self.at]
                kind = SQL if block is None else BLOCK
                self._to_line_end()
                return Statement(text.strip(), self.line(start), kind, tuple(words), hints.strip(), "", kept.strip())
            before = self.at
            found, hint = self._comment()
            if found:
                hints += " " + hint.upper()
                # A hint is part of the statement; any other comment separates words like a blank.
                kept += self.text[since:before] + (self.text[before : self.at] if hint else " ")
                since = self.at
            elif not self._word(words):
                why = "a string, a quoted name or a comment has no end, or a quotation is of a form that is not known"
                return self._broken(start, words, why)
        if _is_block(words) is not None:
            return self._broken(start, words, "a block has no end: a line with nothing but a slash")
        kept += self.text[since:]
        return Statement(
            self.text[start:].strip(), self.line(start), SQL, tuple(words), hints.strip(), "", kept.strip()
        )

    def _word(self, words: List[str]) -> bool:
        """Step over one word or sign. :returns: False when it has no end or no known form."""
        text, at = self.text, self.at
        if _Q_QUOTE.match(text, at) or text.startswith("/*", at):
            return False
        if text[at] in "'\"":
            end = _closing(text, at)
            if end < 0:
                return False
            words.append(STRING if text[at] == "'" else text[at : end + 1])
            self.at = end + 1
            return True
        found = _WORD.match(text, at) or _NUMBER.match(text, at)
        if found:
            words.append(found.group().upper())
            self.at = found.end()
        else:
            if not text[at].isspace():
                words.append(text[at])
            self.at += 1
        return True

    def _broken(self, start: int, words: Sequence[str], why: str) -> Statement:
        """What cannot be taken apart goes to the end of the text: where the next statement begins is not known either."""
        text = self.text[start:]
        self.at = len(self.text)
        return Statement(text.strip(), self.line(start), BROKEN, tuple(words), why=why)


def _closing(text: str, at: int) -> int:
    """Where a quotation that begins at ``at`` ends; a doubled sign stands for itself. -1 without an end."""
    sign = text[at]
    end = text.find(sign, at + 1)
    while end >= 0 and text.startswith(sign, end + 1):
        end = text.find(sign, end + 2)
    return end


def _is_block(words: Sequence[str]) -> Optional[bool]:
    """None for plain SQL, False for the definition of a program, True for a block that is run."""
    if not words:
        return None
    if words[0] in ("BEGIN", "DECLARE") or words[0] == "<":
        return True
    if words[0] == "CREATE":
        rest = [word for word in words[1:] if word not in _BETWEEN]
        if rest and rest[0] in _PROGRAMS:
            return False
    return None


def split(text: str) -> Tuple[Statement, ...]:
    """The statements of a script, in order.

    Every character that is neither blank nor part of a comment or of an end sign is in one of them.
    """
    reader = _Reader(text)
    found: List[Statement] = []
    while True:
        statement = reader.statement()
        if statement is None:
            return tuple(found)
        if statement.text or statement.words:
            found.append(statement)


# --------------------------------------------------------------------------------------- judging

_MANUAL = "H, administrator's guide: operations that a standby cluster does not support"
_LISTED = "statement that travels as redo"
#: First words of statements that travel as redo, or that change nothing.
_KNOWN = (
    "SELECT",
    "WITH",
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "EXPLAIN",
    "TRUNCATE",
    "GRANT",
    "REVOKE",
    "COMMENT",
    "RENAME",
    "ANALYZE",
    "LOCK",
)
_OBJECTS = (
    "TABLE",
    "INDEX",
    "VIEW",
    "SEQUENCE",
    "SYNONYM",
    "USER",
    "ROLE",
    "PROFILE",
    "TABLESPACE",
    "FUNCTION",
    "PROCEDURE",
    "PACKAGE",
    "TRIGGER",
    "TYPE",
    "MATERIALIZED",
    "CLUSTER",
    "CONTEXT",
    "LIBRARY",
    "DIRECTORY",
    "OUTLINE",
)
_ADJECTIVES = _BETWEEN + ("PUBLIC", "UNIQUE", "BITMAP", "FORCE", "NO", "BIGFILE", "SMALLFILE", "UNDO")
_SYSTEM = ("CHECKPOINT", "SWITCH", "KILL", "FLUSH", "DISCONNECT")


def judge(statement: Statement) -> Verdict:
    """What becomes of a statement in a standby cluster."""
    if statement.kind == BROKEN:
        return Verdict(UNKNOWN, statement.why, "")
    if _VARIABLE.search(statement.text):
        return Verdict(UNKNOWN, "it holds a variable of tbsql (&), so what will be run does not stand there", "")
    if statement.kind == COMMAND:
        return _judge_command(statement)
    words = statement.words
    if not words:
        return Verdict(UNKNOWN, "it holds no word", "")
    if statement.kind == BLOCK:
        if _is_block(words):
            return Verdict(UNKNOWN, "a block is run, and what it executes cannot be seen from its text", "")
        return Verdict(SUPPORTED, "the definition of a program", _LISTED)
    verdict = {"ALTER": _judge_alter, "CREATE": _judge_create, "DROP": _judge_drop}.get(words[0], _judge_other)(
        words, statement
    )
    if verdict.grade == SUPPORTED and "NOLOGGING" in words:
        return Verdict(CAUTION, "NOLOGGING: what is not in the redo does not reach a standby", "L")
    return verdict


def _judge_command(statement: Statement) -> Verdict:
    if statement.words[0] in _HARMLESS:
        return Verdict(SUPPORTED, "a command of tbsql that changes nothing", "H, utility guide")
    return Verdict(UNKNOWN, "a command of tbsql ({0}) behind which anything may stand".format(statement.words[0]), "")


def _judge_other(words: Sequence[str], statement: Statement) -> Verdict:
    if words[0] == "SET" and len(words) > 1 and words[1] in _SQL_SET:
        return Verdict(SUPPORTED, "it concerns the session", _LISTED)
    if words[0] not in _KNOWN:
        return Verdict(
            UNKNOWN, "{0} is not on the list of statements that are known to travel as redo".format(words[0]), ""
        )
    if words[0] == "INSERT" and re.search(r"\bAPPEND(_VALUES)?\b", statement.hints):
        return Verdict(
            CAUTION,
            "direct path: supported by the manual of 6 while a standby is connected, not by earlier ones; never while a destination is off",
            "H, conflict 11 of the reference",
        )
    return Verdict(SUPPORTED, words[0], _LISTED)


def _judge_alter(words: Sequence[str], statement: Statement) -> Verdict:
    if len(words) < 2:
        return Verdict(UNKNOWN, "ALTER of nothing", "")
    kind = words[1]
    if kind == "DATABASE":
        return _judge_database(words)
    if kind == "TABLESPACE":
        return _judge_tablespace(words)
    if kind == "SESSION":
        return Verdict(SUPPORTED, "it concerns the session", _LISTED)
    if kind == "SYSTEM":
        return _judge_system(words)
    if kind in _OBJECTS:
        return Verdict(SUPPORTED, "ALTER " + kind, _LISTED)
    return Verdict(UNKNOWN, "ALTER {0} is not on the list".format(kind), "")


def _judge_database(words: Sequence[str]) -> Verdict:
    # A name may stand behind DATABASE, so the rest is looked at with and without one.
    for rest in (words[2:], words[3:]):
        pair = tuple(rest[:2])
        if pair in (("ADD", "LOGFILE"), ("DROP", "LOGFILE"), ("RENAME", "FILE")):
            return Verdict(UNSUPPORTED, "ALTER DATABASE " + " ".join(pair), _MANUAL)
        if pair[:1] == ("TEMPFILE",):
            return Verdict(UNSUPPORTED, "ALTER DATABASE TEMPFILE", _MANUAL)
        if pair in (("BEGIN", "BACKUP"), ("END", "BACKUP"), ("BACKUP", "CONTROLFILE")):
            return Verdict(SUPPORTED, "ALTER DATABASE " + " ".join(pair), "H, hot backup of a primary")
    return Verdict(UNKNOWN, "ALTER DATABASE {0} is not on the list".format(" ".join(words[2:4])), "")


def _judge_tablespace(words: Sequence[str]) -> Verdict:
    rest = words[3:]
    for first, second in zip(rest, rest[1:]):
        if first == "READ" and second in ("ONLY", "WRITE"):
            return Verdict(UNSUPPORTED, "ALTER TABLESPACE ... READ " + second, _MANUAL)
    if tuple(rest[:2]) in (("BEGIN", "BACKUP"), ("END", "BACKUP")):
        return Verdict(SUPPORTED, "ALTER TABLESPACE ... BACKUP", "H, hot backup of a primary")
    if tuple(rest[:2]) == ("ADD", "DATAFILE"):
        return Verdict(
            CAUTION, "a new file must find its directory on every standby", "L; H: it forbids reverse synchronisation"
        )
    if tuple(rest[:2]) == ("ADD", "TEMPFILE"):
        return Verdict(CAUTION, "temp files do not travel as redo: each standby lacks the new one", "L")
    return Verdict(UNKNOWN, "ALTER TABLESPACE ... {0} is not on the list".format(" ".join(rest[:2])), "")


def _judge_system(words: Sequence[str]) -> Verdict:
    rest = words[2:]
    if rest[:1] and rest[0] in _SYSTEM:
        return Verdict(SUPPORTED, "ALTER SYSTEM " + rest[0], _LISTED)
    if rest[:1] == ("SET",) and len(rest) > 1:
        name = rest[1]
        if name == "LOG_REPLICATION_MODE":
            # Not by the way: a mode without the standby that it needs stops the primary.
            return Verdict(
                UNKNOWN, "playbooks/standby.yml changes the protection mode, and proves first that it holds", "H"
            )
        if re.match(r"_*(LOG_RE|STANDBY|USE_STANDBY|LNW)", name):
            return Verdict(CAUTION, "it changes how redo is sent; playbooks/standby.yml does that in a safe order", "H")
        return Verdict(SUPPORTED, "ALTER SYSTEM SET {0}, on this member only".format(name), _LISTED)
    return Verdict(UNKNOWN, "ALTER SYSTEM {0} is not on the list".format(" ".join(rest[:1])), "")


def _judge_create(words: Sequence[str], statement: Statement) -> Verdict:
    rest = [word for word in words[1:] if word not in _ADJECTIVES]
    if rest[:3] == ["GLOBAL", "TEMPORARY", "TABLE"]:
        return Verdict(UNSUPPORTED, "CREATE GLOBAL TEMPORARY TABLE", _MANUAL)
    if rest[:2] == ["TEMPORARY", "TABLESPACE"]:
        return Verdict(CAUTION, "temp files do not travel as redo: each standby lacks the new ones", "L")
    if rest[:1] and rest[0] == "TABLESPACE":
        return Verdict(
            CAUTION, "a new file must find its directory on every standby", "L; H: it forbids reverse synchronisation"
        )
    if rest[:1] and rest[0] in _OBJECTS:
        return Verdict(SUPPORTED, "CREATE " + rest[0], _LISTED)
    return Verdict(UNKNOWN, "CREATE {0} is not on the list".format(" ".join(rest[:2])), "")


def _judge_drop(words: Sequence[str], statement: Statement) -> Verdict:
    rest = [word for word in words[1:] if word not in _ADJECTIVES]
    if rest[:1] and rest[0] in _OBJECTS:
        return Verdict(SUPPORTED, "DROP " + rest[0], _LISTED)
    return Verdict(UNKNOWN, "DROP {0} is not on the list".format(" ".join(rest[:1])), "")


def worst(grades: Sequence[str]) -> str:
    """The grade of a whole script; SUPPORTED without statements."""
    return max(grades, key=GRADES.index) if grades else SUPPORTED
