# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What tbsql prints: errors, replies, tables.

Public API
    parse(text) -> Run                       everything in the order of the text; never raises
    Run.errors, .feedback, .tables           by kind; Run.events: all three in order
    Run.connected, .disconnected, .version, .alias
    dicts(table) -> list of dict             rows as column -> str or None
    archive_log_list(run) -> ArchiveLog or None
    find_errors(text) -> tuple of Error      only the ``TB[RS]-n`` lines
Values that must be beyond doubt are read through marks instead: see the module marks.

How tables are read (recordings of 6 and 7, H): a heading line over a line of dashes; wide rows are folded over
several such pairs, and each row over as many lines. Columns are cut at the gaps between the dashes; where a published
copy has lost or moved blanks so that a cut would go through a word, the words are matched to the columns instead.
Outer blanks of a value are not data; a value of blanks only is None, so NULL and a blank text look the same here.
Lost blank lines inside a folded row cannot be repaired with certainty: such a table is marked ``damaged`` and must
not be acted on. Nor can a row of NULLs be told from the end of a table without a count: if a row may follow it, the
table is damaged, too.
"""

import re
from typing import Dict, List, NamedTuple, Optional, Pattern, Sequence, Tuple, Union

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.columns import (
    Fold,
    cells_of,
    fits,
    fold_of,
    is_dashes,
    may_continue,
    settled,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.lines import split_plain


class Error(NamedTuple):
    """An error. prefix: "TBR" (server) or "TBS" (tbsql); text: all its lines, joined by line feeds; line: 1-based."""

    prefix: str
    code: int
    text: str
    line: int


class Feedback(NamedTuple):
    """A reply such as ``10000 rows inserted.`` or ``Table 'T1' created.``.

    verb: its last word ("inserted", "created", "altered"); affected: the number of rows, or None; name: the object in
    quotes, or "".
    """

    text: str
    verb: str
    affected: Optional[int]
    name: str
    line: int


class Table(NamedTuple):
    """A result set. selected: what ``n rows selected.`` said, or None; damaged: the rows cannot be told apart with
    certainty.

    ``0 row selected.`` has no heading in tbsql: it gives a table without columns, with selected = 0.
    """

    columns: Tuple[str, ...]
    rows: Tuple[Tuple[Optional[str], ...], ...]
    selected: Optional[int]
    damaged: bool
    line: int


Event = Union[Error, Feedback, Table]


class Run(NamedTuple):
    """One or several tbsql sessions. connected: a session was connected at any time; alias: of ``Connected to Tibero
    using <alias>.``

    residue: lines that are nothing of the above: echoed statements, prompts with commands, remarks of an author.
    """

    version: str
    connected: bool
    disconnected: bool
    alias: str
    events: Tuple[Event, ...]
    residue: Tuple[str, ...]

    @property
    def errors(self) -> Tuple[Error, ...]:
        """The errors in order."""
        return tuple([event for event in self.events if isinstance(event, Error)])

    @property
    def feedback(self) -> Tuple[Feedback, ...]:
        """The replies in order, without ``n rows selected.``, which belongs to its table."""
        return tuple([event for event in self.events if isinstance(event, Feedback)])

    @property
    def tables(self) -> Tuple[Table, ...]:
        """The result sets in order."""
        return tuple([event for event in self.events if isinstance(event, Table)])


class ArchiveLog(NamedTuple):
    """``ARCHIVE LOG LIST``.

    archiving: True, False, or None if the mode reads like neither; sequences are None where not printed.
    """

    mode: str
    archiving: Optional[bool]
    destination: str
    oldest: Optional[int]
    next_to_archive: Optional[int]
    current: Optional[int]


# ------------------------------------------------------------------------------------------------------- kinds of lines

_ERROR = re.compile(r"(TB[RS])-([0-9]{1,7})[ \t]*:[ \t]*(.*)")
# At the start of a line outside a table the number alone makes an error; inside a table it may be a value.
_NUMBERED = re.compile(r"(TB[RS])-([0-9]{1,7})(?![\w-])[ \t]*:?[ \t]*(.*)")
_NUMBERED_TEXT = re.compile(r"[ \t]*TB[RS]-[0-9]{1,7}[ \t]\S")
# "2 selected." stands in manuals of old versions.
_SELECTED = re.compile(r"([0-9]{1,18})[ \t]*(?:rows?[ \t]*)?selected[ \t]*\.?\Z", re.IGNORECASE)
_COUNTED = re.compile(r"([0-9]{1,18})[ \t]+rows?[ \t]+([a-z]+)[ \t]*\.?\Z", re.IGNORECASE)
_VERBS = (
    "created altered dropped truncated granted revoked completed started stopped replaced commented renamed locked "
    "inserted updated deleted merged enabled disabled recovered switched executed compiled purged succeeded changed "
    "analyzed set called terminated mounted opened closed saved loaded flashbacked audited explained successful defined"
)
_SINGLE = frozenset(_VERBS.split())
_REPLY = re.compile(
    r"[A-Z][A-Za-z/]*(?:[ \t]+(?:[A-Za-z/-]+|'[^'\n]*'|\"[^\"\n]*\")){0,8}?[ \t]*\b(%s)[ \t]*\.\Z"
    % "|".join(_VERBS.split())
)
_QUOTED_NAME = re.compile(r"'([^'\n]*)'|\"([^\"\n]*)\"")
_BANNER = re.compile(r"tbSQL[ \t]*([0-9]+(?:\.[0-9]+)*)", re.IGNORECASE)
_COPYRIGHT = re.compile(r"Corporation[ \t]*Copyright|All[ \t]*rights[ \t]*reserved", re.IGNORECASE)
_CONNECTED = re.compile(r"Connected[ \t]+to[ \t]+Tibero(?:[ \t]+using[ \t]+([^\s.]+))?[ \t]*\.?\Z", re.IGNORECASE)
_DISCONNECTED = re.compile(r"Disconnected\.?\Z", re.IGNORECASE)
# SET TIME ON puts the time of day before the prompt.
_PROMPT = re.compile(r"(?:(?:[0-9]{2}:[0-9]{2}:[0-9]{2}[ \t]+)?SQL>[ \t]?)+")
_NUMBERS = re.compile(r"[ \t]*(?:[0-9]{1,4}[ ,][ \t]*)+")
_CONTINUED = re.compile(r"[ \t]*([0-9]{1,4})[ ,\t]")
_SHELL = re.compile(
    r"(?:\[[^\]\n]{1,80}\][ \t]*[$#]+|[\w.-]+@[\w.:~/-]+[$#]|-?(?:ba|k|z)?sh-[0-9.]+[$#]|[$#](?=[ \t]+\S))(?:[ \t]|\Z)"
)
_ELAPSED = re.compile(r"Total elapsed time\b", re.IGNORECASE)
# A dash or two are a value of some views; a column under a heading is hardly ever that narrow.
_NARROW = 3
_COLUMN_NAME = re.compile(r"[A-Z_][A-Z0-9_$#]*\Z")
_RULE_LINE = re.compile(r"[=*]{8,}[ \t]*\Z")
_SQL_WORD = re.compile(
    r"(?:ALTER|CREATE|DROP|INSERT|UPDATE|DELETE|MERGE|COMMIT|ROLLBACK|GRANT|REVOKE)\b", re.IGNORECASE
)
_BEHIND = re.compile(r"[;:][ \t]*(?=TB[RS]-[0-9]+[ \t]*:)")
_ASKED = re.compile(r"(?:Enter[ \t]+[A-Za-z ]{1,30}:[ \t]*)+")

# Errors whose text goes over several lines in the catalogue, and how the further lines read. 7.x prints one line more
# for 1072 (H).
_MORE_LINES: Dict[int, Pattern[str]] = {
    1072: re.compile(r"[ \t]*(?:Need a log|Recovery (?:done|is incomplete)|.*resetlogs is required)", re.IGNORECASE),
}
# Where the statement that failed is quoted, the quotation ends with a caret under the place (M).
_AT_LINE = re.compile(r"[ \t]*at line [0-9]+", re.IGNORECASE)
_CARET = re.compile(r"[ \t]*\^+[ \t]*\Z")
_CARET_DISTANCE = 6


def _feedback(text: str, line: int) -> Optional[Feedback]:
    counted = _COUNTED.match(text)
    if counted:
        return Feedback(text, counted.group(2).lower(), int(counted.group(1)), "", line)
    if not text.endswith(".") or len(text) > 300:
        return None
    if text[:-1].isalpha() and text[0].isupper() and text[:-1].lower() in _SINGLE:
        return Feedback(text, text[:-1].lower(), None, "", line)
    reply = _REPLY.match(text)
    if reply is None:
        return None
    name = _QUOTED_NAME.search(text)
    return Feedback(text, reply.group(1).lower(), None, (name.group(1) or name.group(2) or "") if name else "", line)


def _reply_behind(text: str) -> str:
    """Return the reply of a line in which a publisher ran statement and reply together (``ALTER ....

    Database altered.``).
    """
    if len(text) < 1000 and _SQL_WORD.match(text):
        error = _BEHIND.search(text)
        if error:
            return text[error.end() :]
        cut = max(text.rfind(";"), text.rfind(": "))
        return text[cut + 1 :].strip(" \t") if cut >= 0 else text
    return text


def _known(text: str) -> bool:
    """Tell whether a line is one that tbsql prints by itself (not a table line, not an echo)."""
    return bool(
        _ERROR.match(text)
        or _SELECTED.match(text)
        or _CONNECTED.match(text)
        or _DISCONNECTED.match(text)
        or _BANNER.match(text)
        or _feedback(text, 0)
    )


def _without_prompt(line: str) -> str:
    prompt = _PROMPT.match(line)
    return line[prompt.end() :] if prompt else line


def _without_residue(line: str) -> Tuple[str, bool]:
    """Strip what -s and an input without echo leave at the start of a line: prompts (``SQL> SQL> ``) and continuation
    numbers.

    :returns: the rest, and whether it started with a prompt. The rest of a prompt line is a typed command unless it
        is known output.
    """
    prompt = _PROMPT.match(line.lstrip(" \t"))
    if prompt:
        rest = line.lstrip(" \t")[prompt.end() :]
        inner = _after_numbers(rest)
        return (inner if inner is not None else rest), True
    inner = _after_numbers(line)
    return (inner if inner is not None else line), False


def _after_numbers(line: str) -> Optional[str]:
    """Strip ``2   3   4 `` before known output: the prompts of a statement of several lines whose input is not
    echoed."""
    match = _NUMBERS.match(line)
    if match is None:
        return None
    numbers = [int(number) for number in re.findall(r"[0-9]+", match.group())]
    rest = line[match.end() :]
    # "2 10 rows selected." keeps its 10: the prompts count up from 2 without a gap.
    if numbers != list(range(2, 2 + len(numbers))):
        upto = 0
        while upto < len(numbers) and numbers[upto] == upto + 2:
            upto += 1
        if upto == 0:
            return None
        cut = re.match(r"[ \t]*(?:[0-9]{1,4}[ ,][ \t]*){%d}" % upto, line)
        rest = line[cut.end() :] if cut else rest
    return rest if _known(rest.strip()) else None


# ------------------------------------------------------------------------------------------------------- the whole text


class _Parser:
    """One pass over the lines; every branch moves `at` forward, and a table looks ahead over its own lines only."""

    def __init__(self, text: str) -> None:
        self.lines = split_plain(text)
        self.at = 0
        self.events: List[Event] = []
        self.residue: List[str] = []
        self.version = ""
        self.alias = ""
        self.connected = False
        self.disconnected = False
        # True while the lines of a statement are being echoed, so that "2 from dual" is no output.
        self.echo = False
        # Where the last table without a count ended: the next page of the same result starts there.
        self.page_end = -1

    def run(self) -> Run:
        while self.at < len(self.lines):
            self.step()
        return Run(self.version, self.connected, self.disconnected, self.alias, tuple(self.events), tuple(self.residue))

    def pair_at(self, index: int) -> bool:
        """Tell whether a heading and its dashes start at this line."""
        if index + 1 >= len(self.lines) or "-" not in self.lines[index + 1]:
            return False
        heading = self.lines[index]
        if not heading.strip(" \t") or is_dashes(heading) or _RULE_LINE.match(heading.strip(" \t")):
            return False
        dashes = self.lines[index + 1].strip(" \t")
        # A column is at least as wide as its heading: below a longer text a dash is a value.
        return is_dashes(dashes) and (" " in dashes or len(_without_prompt(heading).strip(" \t")) <= len(dashes))

    def step(self) -> None:
        line = self.lines[self.at]
        stripped = line.strip(" \t")
        if not stripped:
            self.at += 1
            return
        if self.pair_at(self.at) and not _NUMBERED.match(stripped):
            self.table()
            return
        rest, prompted = _without_residue(line)
        body = rest.strip(" \t")
        if self.known(body, rest):
            self.echo = False
            return
        if prompted:
            # A command follows its prompt; a statement goes on in numbered lines until it ends.
            self.echo = bool(body) and not body.endswith(";") and body != "/"
        elif self.echo and body.endswith(";"):
            self.echo = False
        if body:
            self.residue.append(line)
        self.at += 1

    def known(self, body: str, rest: str) -> bool:
        """Consume a line that tbsql prints by itself."""
        if not body:
            return False
        asked = _ASKED.match(body)
        body = body[asked.end() :] if asked else body
        error = _NUMBERED.match(_reply_behind(body))
        if error:
            self.error(error)
            return True
        selected = _SELECTED.match(body)
        if selected:
            self.doubt_before(int(selected.group(1)))
            self.events.append(Table((), (), int(selected.group(1)), int(selected.group(1)) != 0, self.at + 1))
            self.at += 1
            return True
        connected = _CONNECTED.match(body)
        banner = _BANNER.match(body)
        if connected:
            self.connected = True
            self.disconnected = False
            self.alias = connected.group(1) or ""
        elif _DISCONNECTED.match(body):
            self.disconnected = True
        elif banner:
            self.version = banner.group(1)
        elif _COPYRIGHT.search(body) and len(body) < 200:
            pass
        else:
            feedback = _feedback(_reply_behind(body), self.at + 1)
            if feedback is None or (self.echo and _CONTINUED.match(self.lines[self.at]) and feedback.affected is None):
                return False
            self.events.append(feedback)
        self.at += 1
        return True

    def error(self, match: "re.Match[str]") -> None:
        start = self.at + 1
        code = int(match.group(2))
        bare = not match.group(3) and ":" not in match.group()
        text = [match.group() if bare else match.group(3).strip(" \t")]
        self.at += 1
        more = _MORE_LINES.get(code)
        while more is not None and self.at < len(self.lines) and more.match(self.lines[self.at]):
            text.append(self.lines[self.at].strip(" \t"))
            self.at += 1
        if self.at < len(self.lines) and _AT_LINE.match(self.lines[self.at]):
            text.append(self.lines[self.at].strip(" \t"))
            self.at += 1
            for ahead in range(self.at, min(self.at + _CARET_DISTANCE, len(self.lines))):
                if _CARET.match(self.lines[ahead]):
                    text.extend([quoted.rstrip() for quoted in self.lines[self.at : ahead + 1]])
                    self.at = ahead + 1
                    break
        self.events.append(Error(match.group(1), code, "\n".join(text), start))

    # --------------------------------------------------------------------------------------------------- tables

    def ends_table(self, index: int, height: int) -> bool:
        """Tell whether this line cannot belong to the rows of the table that starts here, with `height` headings."""
        line = self.lines[index]
        stripped = line.strip(" \t")
        return bool(
            _PROMPT.match(stripped)
            or _ERROR.match(stripped)
            or _SELECTED.match(_without_residue(stripped)[0])
            or _DISCONNECTED.match(stripped)
            or _SHELL.match(stripped)
            or _RULE_LINE.match(stripped)
            or (self.pair_at(index) and (self.is_wide(index + 1) or self.is_same_heading(index, height)))
        )

    def is_wide(self, index: int) -> bool:
        """Tell whether a line of dashes can hardly be a row. Between the dashes of a heading stands one blank each."""
        dashes = self.lines[index].strip(" \t")
        return len(dashes) > _NARROW and not ("  " in dashes and max(map(len, dashes.split())) <= _NARROW)

    def is_same_heading(self, index: int, height: int) -> bool:
        """Tell whether the headings of the table whose rows start at `at` are repeated here: a page ends."""
        top = self.at - 2 * height
        return self.lines[index : index + 2 * height] == self.lines[top : self.at]

    def headings(self) -> List[Fold]:
        folds: List[Fold] = []
        while self.pair_at(self.at):
            heading = self.lines[self.at]
            if folds and not self.is_wide(self.at + 1) and _COLUMN_NAME.match(heading.strip(" \t")) is None:
                break
            if folds == []:
                # The heading may follow the prompt of an input that is not echoed.
                heading = _without_prompt(heading)
            folds.append(fold_of(heading, self.lines[self.at + 1]))
            self.at += 2
        return folds

    def table(self) -> None:
        start = self.at + 1
        folds = self.headings()
        body = self.body(folds)
        cut_short = self.goes_on(folds)
        while self.at < len(self.lines) and not self.lines[self.at].strip(" \t"):
            self.at += 1
        count = self.count_here()
        rows, damaged = _rows(body, settled(folds, body), count if not self.page_before(start) else None)
        # Without rows there is no heading. Without a count, a line that reads like an error is no certain value.
        damaged = damaged or not rows or (count is None and (cut_short or any(map(_NUMBERED_TEXT.match, body))))
        table = Table(_unique([name for fold in folds for name in fold.names]), tuple(rows), count, damaged, start)
        if count is not None:
            table = self.with_pages(table, start)
            if self.page_before(start):
                self.doubt_before(count - len(table.rows))
        self.events.append(table._replace(damaged=table.damaged or (count is not None and count != len(table.rows))))
        self.page_end = self.at if count is None else -1
        self.echo = False

    def goes_on(self, folds: Sequence[Fold]) -> bool:
        """Tell whether a row may follow the blank lines at which a table without a count ends, one that is cut off or
        has NULLs in its first lines: as many as that takes, and behind them a line that fits and is nothing else.
        """
        blank = 0
        while blank <= len(folds) and self.at + blank < len(self.lines) and _blank(self.lines[self.at + blank]):
            blank += 1
        behind = self.at + blank
        # Rows of several lines have one blank line between them that is no NULL.
        height = blank if len(folds) == 1 else blank - 1
        if blank == 0 or height > max(1, len(folds) - 1) or behind >= len(self.lines):
            return False
        body = self.lines[behind].strip(" \t")
        other = _known(body) or _NUMBERED.match(body) or _ELAPSED.match(body) or body.endswith(";")
        if other or self.pair_at(behind) or self.ends_table(behind, len(folds)):
            return False
        return fits(self.lines[behind], folds[height % len(folds)])

    def doubt_before(self, count: int) -> None:
        """Mark the last table if it has no count and not as many rows: some of them may be lost.

        :arg count: what a count that fits nothing else leaves for it.
        """
        for index in range(len(self.events) - 1, -1, -1):
            event = self.events[index]
            if isinstance(event, Table):
                if event.selected is None and count not in (0, len(event.rows)):
                    self.events[index] = event._replace(damaged=True)
                return

    def page_before(self, start: int) -> bool:
        """Tell whether the table that starts here follows another one directly, so that the count may speak for
        both."""
        return self.page_end == start - 1

    def with_pages(self, table: Table, start: int) -> Table:
        """Put the pages of a long result together: tbsql repeats the heading every PAGESIZE lines, the count comes
        once.

        Equal headings alone prove nothing (the same query may have run twice with FEEDBACK OFF); the count does.
        """
        if not self.page_before(start):
            return table
        rows = table.rows
        damaged = table.damaged
        taken = 0
        for event in reversed(self.events):
            if len(rows) >= (table.selected or 0) or not isinstance(event, Table):
                break
            if event.columns != table.columns or event.selected is not None:
                break
            rows = event.rows + rows
            damaged = damaged or event.damaged
            taken += 1
        if taken == 0 or len(rows) != table.selected:
            return table
        first = self.events[-taken]
        del self.events[-taken:]
        return Table(table.columns, rows, table.selected, damaged, first.line)

    def count_here(self) -> Optional[int]:
        if self.at >= len(self.lines):
            return None
        match = _SELECTED.match(_without_residue(self.lines[self.at])[0].strip(" \t"))
        if match is None:
            return None
        self.at += 1
        return int(match.group(1))

    def body(self, folds: Sequence[Fold]) -> List[str]:
        """Take the lines of the rows. Blank lines stay in: only _rows() can tell a separator from an empty value."""
        first = self.at
        end = first
        blank_at = -1
        while end < len(self.lines) and not self.ends_table(end, len(folds)):
            if not self.lines[end].strip(" \t"):
                blank_at = end if blank_at < 0 else blank_at
            end += 1
        closed = (
            end < len(self.lines) and _SELECTED.match(_without_residue(self.lines[end])[0].strip(" \t")) is not None
        )
        if len(folds) > 1 and end < len(self.lines) and self.is_same_heading(end, len(folds)):
            # A page ends here, unless a statement without a result ran between two equal queries.
            closed = not any(_known(line.strip(" \t")) for line in self.lines[first:end])
        if blank_at >= 0 and len(folds) == 1 and not closed:
            # Nothing vouches for the lines behind the blank one: they are somebody's remark or the next statement.
            end = blank_at
        elif blank_at >= 0 and not closed:
            end = self.folded_end(first, end, len(folds))
        self.at = end
        return self.lines[first:end]

    def folded_end(self, first: int, end: int, height: int) -> int:
        """Where a folded table without a count ends.

        Behind the last row that is complete and follows the others directly.
        """
        at = first
        last = first
        while at + height <= end and self.lines[at].strip(" \t"):
            at += height
            last = at
            blank = 0
            while at < end and not self.lines[at].strip(" \t"):
                at += 1
                blank += 1
            if blank > 1:
                break
        return last if last > first else end


def _unique(names: Sequence[str]) -> Tuple[str, ...]:
    """Number the repetitions of a column name, so that no value of a row is lost in a dict."""
    seen: Dict[str, int] = {}
    result: List[str] = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else "%s_%d" % (name, seen[name]))
    return tuple(result)


_Row = Tuple[Optional[str], ...]


def _rows(body: Sequence[str], folds: Sequence[Fold], count: Optional[int]) -> Tuple[List[_Row], bool]:
    if len(folds) == 1:
        return _flat_rows(body, folds[0], count)
    parts = _exact_parts(body, len(folds), count)
    # Without a count nothing proves that a row starts with a line of NULLs.
    if parts is not None and (count is not None or not any(_blank(part[0]) for part in parts)):
        return _cut_parts(parts, folds)
    return _folded_rows(body, folds)


def _blank(line: str) -> bool:
    return not line.strip(" \t")


def _flat_rows(body: Sequence[str], fold: Fold, count: Optional[int]) -> Tuple[List[_Row], bool]:
    """Rows of one line each. A blank line is a row of NULLs only if the printed count needs it."""
    lines = list(body)
    # One blank line stands before the count and is none of the rows.
    while lines and _blank(lines[-1]) and (len(lines) == len(body) or count is None or len(lines) > count):
        lines.pop()
    if count is None or len(lines) != count:
        lines = [line for line in lines if not _blank(line)]
    rows: List[_Row] = []
    damaged = False
    for line in lines:
        cells, certain = cells_of(line, fold)
        damaged = damaged or (count is None and rows != [] and may_continue(rows[-1], cells, fold))
        rows.append(tuple(cells))
        damaged = damaged or not certain
    return rows, damaged


def _exact_parts(body: Sequence[str], height: int, count: Optional[int]) -> Optional[List[Sequence[str]]]:
    """Return the lines of each row if they stand as tbsql prints them, else None.

    Each row has as many lines as there are headings and a blank one behind; one more blank line may stand before the
    count or before the next page. Only this tells a row that starts with a line of NULLs from a separator.
    """
    rows, more = divmod(len(body), height + 1)
    if rows == 0 or more > 1 or (count is not None and rows != count) or (more and not _blank(body[-1])):
        return None
    parts = [body[at : at + height + 1] for at in range(0, rows * (height + 1), height + 1)]
    return [part[:-1] for part in parts] if all(_blank(part[-1]) for part in parts) else None


def _cut_parts(parts: Sequence[Sequence[str]], folds: Sequence[Fold]) -> Tuple[List[_Row], bool]:
    rows: List[_Row] = []
    damaged = False
    for part in parts:
        row: List[Optional[str]] = []
        for line, fold in zip(part, folds):
            cells, certain = cells_of(line, fold)
            row.extend(cells)
            damaged = damaged or not certain
        rows.append(tuple(row))
    return rows, damaged


def _folded_rows(body: Sequence[str], folds: Sequence[Fold]) -> Tuple[List[_Row], bool]:
    """Rows of several lines. A blank line inside a row is a line of NULLs, between rows it is a separator.

    If a copy has lost blank lines, a separator could be taken for a line of NULLs and the values would slide into the
    wrong columns. So a row that holds blank lines counts as certain only if a separator still follows it, and a row
    with more than the separator before it is not certain: its first line may be one of NULLs.
    """
    height = len(folds)
    parts: List[Sequence[str]] = []
    damaged = False
    at = 0
    blank = 0
    while at < len(body):
        if _blank(body[at]):
            at += 1
            blank += 1
            continue
        part = list(body[at : at + height])
        at += height
        holds_blank = any(_blank(line) for line in part)
        if len(part) < height or (holds_blank and not (at < len(body) and _blank(body[at]))):
            damaged = True
        if blank > (1 if parts else 0):
            damaged = True
        blank = 0
        parts.append(part + ["" for _missing in range(height - len(part))])
    rows, uncertain = _cut_parts(parts, folds)
    return rows, damaged or uncertain


# ------------------------------------------------------------------------------------------------------- public


def parse(text: str) -> Run:
    """Read the output of one or several tbsql sessions. Never raises; linear in the length of the text."""
    return _Parser(text).run()


def find_errors(text: str) -> Tuple[Error, ...]:
    """Return the errors of a text, wherever they stand and whatever the exit code was."""
    return parse(text).errors


def dicts(table: Table) -> List[Dict[str, Optional[str]]]:
    """Return the rows as column name -> text or None.

    A column name that occurs twice is numbered (``NAME``, ``NAME_2``).
    """
    return [dict(zip(table.columns, row)) for row in table.rows]


def _number(text: Optional[str]) -> Optional[int]:
    return int(text) if text is not None and re.match(r"[0-9]{1,18}\Z", text) else None


def archive_log_list(run: Run) -> Optional[ArchiveLog]:
    """Return the last ``ARCHIVE LOG LIST`` of a run (H: NAME/VALUE table), or None if there is none or it is damaged.

    Only ``Archive Mode`` is recorded; a mode that starts with "No" is read as not archiving (L).
    """
    for table in reversed(run.tables):
        if table.columns != ("NAME", "VALUE"):
            continue
        values = {(row[0] or "").lower(): row[1] for row in table.rows}
        mode = values.get("database log mode")
        if mode is None or table.damaged:
            continue
        lowered = mode.lower()
        archiving = True if lowered.startswith("archive") else (False if lowered.startswith("no") else None)
        return ArchiveLog(
            mode,
            archiving,
            values.get("archive destination") or "",
            _number(values.get("oldest online log sequence")),
            _number(values.get("next log sequence to archive")),
            _number(values.get("current log sequence")),
        )
    return None
