# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The tip file (``$TB_HOME/config/$TB_SID.tip``) and the tips of Cluster Manager and Observer, which share its grammar.

Public API
    parse(text, strict=True) -> Document        lossless; strict=False keeps lines that are no tip lines (kind OTHER)
    render(document) -> str                     the text, to the byte
    get(document, key) -> Value or None         ``.text`` (first item), ``.items`` (all), ``.quoted``, ``.raw``
    set_value(document, key, wanted) -> Document
    remove(document, key) -> Document
    merge(document, wanted) -> (Document, tuple of Change)     wanted: mapping key -> str, int, bool, sequence, or
                                                               None (= absent)
    problems(document) -> tuple of Problem      duplicates, mixed quoting, commas inside quotes, unreadable lines
    placeholders(document) -> tuple of str      ``@X@`` that nobody filled in
    same_value(name, a, b) -> bool              equal in meaning: 1024M and 1G, "x" and x, y and Y
    parse_size(text) -> int, render_size(n) -> str, parse_bool(text) -> bool
    parse_destination(text) -> Destination, render_destination(destination) -> str
    parse_convert(value) -> pairs, render_convert(pairs) -> str          STANDBY_FILE_NAME_CONVERT

Source of the grammar: tip recordings of versions 6 and 7 (H), message catalogue 260021-260054 (C): ``KEY=VALUE``,
``#`` starts a comment, also after a value, values optionally in double quotes, lists separated by commas, sizes with
K, M, G, T. Nothing is known of an escape for a double quote inside quotes, so such values are refused. Keys are
compared without regard to case (L; all recorded keys are upper case). Comments and blank lines may stand inside a list
that goes on (L: somebody comments out one of several files).
"""

import re
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.lines import split_keep

BLANK = "blank"
COMMENT = "comment"
PARAMETER = "parameter"
OTHER = "other"

Wanted = Union[str, int, bool, Sequence[str]]


class Value(NamedTuple):
    """A value.

    raw: as written, without outer blanks and comments; items: the list without quotes; quoted: any item was quoted.
    """

    raw: str
    items: Tuple[str, ...]
    quoted: bool
    mixed: bool

    @property
    def text(self) -> str:
        """The value of a parameter that is no list; for a list the items joined by commas."""
        return ",".join(self.items)


class Line(NamedTuple):
    """One entry of the file; `text` holds its exact characters with the line end (a continued list spans several
    lines).

    For kind PARAMETER: scope and name are the parts of the key (``tac1.THREAD`` -> scope "tac1", name "THREAD"),
    `before` is the text up to the value, `after` the text behind it (blanks, comment, line end), `inside` the comments
    between the items of a list.
    """

    kind: str
    number: int
    text: str
    key: str
    scope: str
    name: str
    value: Optional[Value]
    comment: str
    before: str
    after: str
    inside: Tuple[str, ...] = ()


class Document(NamedTuple):
    """A tip file as a sequence of lines."""

    lines: Tuple[Line, ...]


class Change(NamedTuple):
    """What merge() did to one key. kind: added, changed, removed or deduplicated; before/after: raw values."""

    key: str
    kind: str
    before: Optional[str]
    after: Optional[str]


class Problem(NamedTuple):
    """Something in the file that Tibero would refuse or that we cannot read."""

    line: int
    key: str
    text: str


class Destination(NamedTuple):
    """A value of LOG_REPLICATION_DEST_n.

    transport: "LGWR SYNC", "LGWR ASYNC" or "ARCH ASYNC"; delay: seconds (unit L) or None.
    """

    host: str
    port: int
    transport: str
    delay: Optional[int]


TRANSPORTS = ("LGWR SYNC", "LGWR ASYNC", "ARCH ASYNC")

_KEY = re.compile(
    r"(?P<key>(?:(?P<prefix>[A-Za-z0-9_*$@-]+)\.)?(?P<name>@?[A-Za-z_][A-Za-z0-9_$@-]*?)"
    r"(?:@(?P<suffix>[A-Za-z0-9_*$-]+))?)(?P<equals>[ \t]*=[ \t]*)"
)
_LEAD = re.compile("[ \t\ufeff]*")
_PLACEHOLDER = re.compile(r"@[A-Za-z_][A-Za-z0-9_]*@")
# A value of these characters reads the same with and without quotes. Everything else is written in quotes.
_PLAIN = re.compile(r"[A-Za-z0-9_.+-]+\Z|@[A-Za-z_][A-Za-z0-9_]*@\Z")
_NUMBER = re.compile(r"([0-9]{1,18})[ \t]*([KMGTkmgt]?)[Bb]?\Z")
_UNIT = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
# Names and texts: "y" is not "Y" here, and "1024M" is not "1G".
_TEXT_KEYS = frozenset(["DB_NAME", "CM_NAME", "UNDO_TABLESPACE", "INSTANCE_NAME", "LOG_ARCHIVE_FORMAT"])
# Lists of paths. In others, such as STANDBY_FILE_NAME_CONVERT, a comma inside quotes is how they are written.
_PATH_LISTS = frozenset(["CONTROL_FILES"])
_DESTINATION_KEY = re.compile(r"LOG_REPLICATION_DEST_[0-9]+\Z")
# No value has them; where one does, the file is damaged. A tab is a blank.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")


# ---------------------------------------------------------------------------------------------------- reading


#: A key of a numbered family.
_FAMILY = re.compile(r"(.*_)([0-9]+)\Z")


def parse(text: str, strict: bool = True) -> Document:
    """Read a tip file.

    :arg text: the file; bytes that are no UTF-8 may be lone surrogates.
    :arg strict: raise on a line that is neither blank, comment nor ``KEY=VALUE``; if false, such a line is kept with
        kind OTHER and
        reported by problems(), which is meant for texts in which a tip file is only quoted.
    :raises GrammarError: with line and column.
    """
    physical = split_keep(text)
    lines: List[Line] = []
    index = 0
    while index < len(physical):
        line, used = _read_line(physical, index, strict)
        lines.append(line)
        index += used
    return Document(tuple(lines))


def render(document: Document) -> str:
    """Return the text of the document; render(parse(text)) == text for every text."""
    return "".join([line.text for line in document.lines])


def _split_end(line: str) -> Tuple[str, str]:
    body = line.rstrip("\r\n")
    return body, line[len(body) :]


def _plain_line(kind: str, number: int, text: str) -> Line:
    return Line(kind, number, text, "", "", "", None, "", "", "")


def _read_line(physical: Sequence[str], index: int, strict: bool) -> Tuple[Line, int]:
    """Read the entry that starts at physical line `index`; return it and how many physical lines it takes."""
    number = index + 1
    body, _end = _split_end(physical[index])
    lead_match = _LEAD.match(body)
    start = lead_match.end() if lead_match else 0
    if start == len(body):
        return _plain_line(BLANK, number, physical[index]), 1
    key = _KEY.match(body, start)
    try:
        if "\r" in body:
            # Line ends of another system: what follows would be taken for a value, or vanish in a comment.
            expected = "a line feed at the end of each line, not a carriage return alone"
            raise GrammarError("tip file", body.strip(), expected, number, body.index("\r") + 1)
        if body[start] == "#":
            return _plain_line(COMMENT, number, physical[index]), 1
        if key is None:
            raise GrammarError(
                "tip file", body.strip(), "KEY=VALUE, a comment starting with #, or a blank line", number, start + 1
            )
        return _read_parameter(physical, index, key)
    except GrammarError:
        if strict:
            raise
        return _plain_line(OTHER, number, physical[index]), 1


def _read_parameter(physical: Sequence[str], index: int, key: "re.Match[str]") -> Tuple[Line, int]:
    text = physical[index]
    used = 1
    scanner = _ValueScanner(key.group("key"), index + 1)
    position = key.end()
    scanner.feed(text, position, 0)
    while scanner.open:
        end = _continued(physical, index + used, scanner)
        for line in physical[index + used : end]:
            scanner.line += 1
            scanner.feed(line, 0, len(text))
            text += line
        if end <= index + used:
            break
        used = end - index
    value_start, value_end = scanner.span(position)
    value, inside = scanner.value(text)
    after = text[value_end:]
    hash_at = after.find("#")
    comment = _split_end(after[hash_at:])[0] if hash_at >= 0 else ""
    entry = Line(
        PARAMETER,
        index + 1,
        text,
        key.group("key"),
        key.group("prefix") or key.group("suffix") or "",
        key.group("name").upper(),
        value,
        comment,
        text[:value_start],
        after,
        inside,
    )
    return entry, used


def _continued(physical: Sequence[str], start: int, scanner: "_ValueScanner") -> int:
    """Tell where the next line of an open list ends, with the comments and blank lines before it.

    A list may go on in the next line: after a comma, or where the value is missing and the next line starts with a
    quote (manual, M). Behind a comment or a blank line (L) it must be written as the items before it, so that a stray
    line stays an error.

    :returns: the index behind that line, or `start` if the list does not go on.
    """
    blank = False
    for index in range(start, len(physical)):
        line = _split_end(physical[index])[0]
        body = line.strip(" \t")
        if "\r" in line:
            return start
        if not body or body[0] == "#":
            blank = blank or not body
            continue
        goes_on = body[0] == '"'
        if not goes_on and not scanner.empty and _KEY.match(body) is None:
            goes_on = index == start or not (blank or any(scanner.quotes))
        return index + 1 if goes_on else start
    return start


class _ValueScanner:
    """Reads a value.

    Items, their quotes, and where the value ends. `open` is true while a further line may belong to it.
    """

    def __init__(self, key: str, line: int) -> None:
        self.what = "tip file, value of %s" % key
        self.line = line
        self.items: List[str] = []
        self.quotes: List[bool] = []
        self.open = True
        self.empty = True
        self._start: Optional[int] = None
        self._end = 0
        #: Comments and blank lines: where each starts and ends in the text of the entry, and the comment.
        self._apart: List[Tuple[int, int, str]] = []

    def span(self, default: int) -> Tuple[int, int]:
        """Return where the value starts and ends in the text of the entry."""
        if self._start is None:
            return default, default
        return self._start, self._end

    def value(self, text: str) -> Tuple[Value, Tuple[str, ...]]:
        """Return the value and the comments inside it. :arg text: the text of the entry."""
        start, end = self.span(0)
        inside = [part for part in self._apart if start <= part[0] and part[1] <= end]
        raw = ""
        for begin, behind, _comment in inside:
            raw += text[start:begin]
            start = behind
        mixed = any(self.quotes) and not all(self.quotes)
        value = Value(raw + text[start:end], tuple(self.items), any(self.quotes), mixed)
        return value, tuple([part[2] for part in inside if part[2]])

    def feed(self, line: str, position: int, offset: int) -> None:
        """Read one line from `position`; `offset` is where the line starts in the text of the entry."""
        body = _split_end(line)[0]
        length = len(body)
        while True:
            blanks = position
            while position < length and body[position] in " \t":
                position += 1
            if position >= length or body[position] == "#":
                if not blanks:
                    self._apart.append((offset, offset + len(line), body[position:]))
                elif position < length:
                    self._apart.append((offset + blanks, offset + length, body[position:]))
                return
            if self._start is None:
                self._start = offset + position
            self.empty = False
            position = self._item(body, position)
            self._end = offset + position
            while position < length and body[position] in " \t":
                position += 1
            if position >= length or body[position] == "#":
                self.open = False
                return
            if body[position] != ",":
                raise GrammarError(
                    self.what,
                    body[position:],
                    "a comma, a comment or the end of the line after a closing quote",
                    self.line,
                    position + 1,
                )
            position += 1
            self._end = offset + position
            self.open = True

    def _item(self, body: str, position: int) -> int:
        if body[position] == '"':
            end = body.find('"', position + 1)
            if end < 0:
                raise GrammarError(
                    self.what, body[position:], "a closing double quote in the same line", self.line, position + 1
                )
            self._add(body[position + 1 : end], True, position + 1)
            return end + 1
        end = position
        while end < len(body) and body[end] not in ",#":
            end += 1
        item = body[position:end].rstrip(" \t")
        self._add(item, False, position)
        return position + len(item)

    def _add(self, item: str, quoted: bool, position: int) -> None:
        control = _CONTROL.search(item)
        if control:
            column = position + control.start() + 1
            raise GrammarError(self.what, item, "a value without control characters", self.line, column)
        self.items.append(item)
        self.quotes.append(quoted)


# ---------------------------------------------------------------------------------------------------- looking


def _split_key(key: str) -> Tuple[str, str]:
    match = _KEY.match(key + "=")
    if match is None or match.end() != len(key) + 1:
        raise GrammarError("tip key", key, "a parameter name of letters, digits and underscores, e.g. LISTENER_PORT")
    return match.group("prefix") or match.group("suffix") or "", match.group("name").upper()


def find(document: Document, key: str) -> Tuple[Line, ...]:
    """Return all lines that set this key (same scope, same name)."""
    wanted = _split_key(key)
    return tuple([line for line in document.lines if line.kind == PARAMETER and (line.scope, line.name) == wanted])


def get(document: Document, key: str) -> Optional[Value]:
    """Return the value of a key, or None if it is not set. If it is set twice, the first (problems() tells)."""
    found = find(document, key)
    return found[0].value if found else None


def problems(document: Document) -> Tuple[Problem, ...]:
    """Return what Tibero would refuse or read in a way that is not documented.

    Keys defined twice (260030, C), lists with and without quotes mixed, paths with a comma inside quotes, lines without
    a key.
    """
    found: List[Problem] = []
    first: Dict[Tuple[str, str], int] = {}
    for line in document.lines:
        if line.kind == OTHER:
            found.append(Problem(line.number, "", "not a tip line: %s" % line.text.strip()[:80]))
        elif line.kind == PARAMETER and line.value is not None:
            where = (line.scope, line.name)
            if where in first:
                found.append(
                    Problem(line.number, line.key, "%s is defined twice, first in line %d" % (line.key, first[where]))
                )
            else:
                first[where] = line.number
            if line.value.mixed:
                found.append(Problem(line.number, line.key, "%s has items with and without quotes" % line.key))
            for item in line.value.items if line.name in _PATH_LISTS else ():
                if "," in item:
                    text = "%s has a comma inside quotes, %r: put quotes around each path" % (line.key, item)
                    found.append(Problem(line.number, line.key, text))
    return tuple(found)


def placeholders(document: Document) -> Tuple[str, ...]:
    """Return the ``@X@`` in values, each once, in order."""
    seen: List[str] = []
    for line in document.lines:
        if line.kind == PARAMETER and line.value is not None:
            for name in _PLACEHOLDER.findall(line.value.raw):
                if name not in seen:
                    seen.append(name)
    return tuple(seen)


# ---------------------------------------------------------------------------------------------------- writing


def _items_of(key: str, wanted: Wanted) -> Tuple[str, ...]:
    if isinstance(wanted, bool):
        return ("Y" if wanted else "N",)
    if isinstance(wanted, int):
        return (str(wanted),)
    items = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    for item in items:
        for character in item:
            if character in "\"'" or ord(character) < 32 or ord(character) == 127:
                raise GrammarError(
                    "value for %s" % key,
                    item,
                    "a value without quotes, line breaks and control characters: a tip file has no way to write them",
                )
    return items


def render_value(key: str, wanted: Wanted, quoted: Optional[bool] = None) -> str:
    """Return a value as it is written behind the equal sign.

    :arg quoted: the style to keep if the value allows it; None: quotes only where a bare value could be misread.
    :raises GrammarError: if the value cannot be written (quote, line break, control character).
    """
    items = _items_of(key, wanted)
    bare = all(_PLAIN.match(item) is not None for item in items)
    if quoted is False and not bare:
        # An unquoted path stays unquoted: only characters that would end or split the value force quotes.
        bare = all(item != "" and not re.search(r'[,#"\s]', item) and item[0] != "=" for item in items)
    if quoted is True or not bare:
        return ",".join(['"%s"' % item for item in items])
    return ",".join(items)


def _value_of(raw: str) -> Value:
    scanner = _ValueScanner("", 1)
    scanner.feed(raw, 0, 0)
    return scanner.value(raw)[0]


def _line_end(document: Document) -> str:
    for line in document.lines:
        if "\r\n" in line.text:
            return "\r\n"
        if "\n" in line.text:
            return "\n"
    return "\n"


def set_value(document: Document, key: str, wanted: Wanted) -> Document:
    """Set a key. An existing line keeps its place, key spelling, inline comment and, where possible, its quoting;
    comments between the items of a list become lines of their own behind it. A new one goes into its numbered family,
    such as ``LOG_REPLICATION_DEST_1`` before ``_2``, so that a file is the same again when one went and came back; else
    to the end.

    Further lines that set the same key are removed, with their comments: Tibero refuses a key that is defined twice
    (260030, C).

    :raises GrammarError: if the value cannot be written.
    """
    scope_name = _split_key(key)
    lines: List[Line] = []
    end = _line_end(document)
    done = moved = False
    for line in document.lines:
        if line.kind != PARAMETER or (line.scope, line.name) != scope_name:
            lines.append(line)
        elif not done:
            lines.extend(_with_value(line, wanted, end))
            done, moved = True, bool(line.inside)
    if not done:
        if lines and not lines[-1].text.endswith("\n"):
            lines[-1] = _with_line_end(lines[-1], end)
        raw = render_value(key, wanted)
        number = sum([line.text.count("\n") for line in lines]) + 1
        scope, name = scope_name
        new = Line(PARAMETER, number, key + "=" + raw + end, key, scope, name, _value_of(raw), "", key + "=", end)
        place = _place_of(lines, scope, name)
        lines.insert(place, new)
        moved = place < len(lines) - 1
    if moved:
        return parse("".join([line.text for line in lines]), strict=False)  # the numbers of lines are others now
    return Document(tuple(lines))


def _place_of(lines: Sequence[Line], scope: str, name: str) -> int:
    """Where a new key goes: into its numbered family, before the first higher one or behind the last lower one; else to the end."""
    own = _FAMILY.match(name)
    place = len(lines)
    for index, line in enumerate(lines):
        other = _FAMILY.match(line.name) if own and line.kind == PARAMETER and line.scope == scope else None
        if other is None or own is None or other.group(1) != own.group(1):
            continue
        if int(other.group(2)) > int(own.group(2)):
            return index
        place = index + 1
    return place


def _with_line_end(line: Line, end: str) -> Line:
    changed = line._replace(text=line.text + end)
    return changed._replace(after=line.after + end) if line.kind == PARAMETER else changed


def _with_value(line: Line, wanted: Wanted, end: str) -> List[Line]:
    """Return the entry with another value, then the comments that stood inside the old one."""
    old = line.value
    raw = render_value(line.key, wanted, old.quoted if old is not None and old.items else None)
    changed = line._replace(text=line.before + raw + line.after, value=_value_of(raw), inside=())
    if line.inside and not changed.text.endswith("\n"):
        changed = _with_line_end(changed, end)
    return [changed] + [_plain_line(COMMENT, line.number, comment + end) for comment in line.inside]


def remove(document: Document, key: str) -> Document:
    """Remove every line that sets the key, with its inline comment and those between the items of a list."""
    gone = find(document, key)
    return Document(tuple([line for line in document.lines if line not in gone])) if gone else document


def merge(document: Document, wanted: Mapping[str, Optional[Wanted]]) -> Tuple[Document, Tuple[Change, ...]]:
    """Bring keys to wanted values; keys that are not named stay as they are.

    :arg wanted: key -> value; None means that the key must be absent.
    :returns: the new document and one Change for each key whose *meaning* changed. If nothing changes, the document
        is the one given.
    :raises GrammarError: if a value cannot be written; nothing is half done, the document given is not touched.
    """
    changes: List[Change] = []
    for key, value in wanted.items():
        present = find(document, key)
        before = present[0].value.raw if present and present[0].value is not None else None
        if value is None:
            if present:
                document = remove(document, key)
                changes.append(Change(key, "removed", before, None))
            continue
        new = _value_of(render_value(key, value))
        if present and present[0].value is not None and same_value(_split_key(key)[1], present[0].value, new):
            if len(present) > 1:
                extra = list(present[1:])
                document = Document(tuple([line for line in document.lines if line not in extra]))
                changes.append(Change(key, "deduplicated", ", ".join([_raw(line) for line in present]), before))
            continue
        document = set_value(document, key, value)
        after = _raw(find(document, key)[0])
        changes.append(Change(key, "changed" if present else "added", before, after))
    return document, tuple(changes)


def _raw(line: Line) -> str:
    return line.value.raw if line.value is not None else ""


# ---------------------------------------------------------------------------------------------------- meaning


def same_value(name: str, a: Value, b: Value) -> bool:
    """Tell whether two values of the parameter `name` (without scope) mean the same."""
    upper = name.upper()
    if _DESTINATION_KEY.match(upper):
        try:
            return parse_destination(a.text) == parse_destination(b.text)
        except GrammarError:
            return a.items == b.items
    if upper == "STANDBY_FILE_NAME_CONVERT":
        try:
            return parse_convert(a) == parse_convert(b)
        except GrammarError:
            return a.items == b.items
    if upper == "LOG_REPLICATION_MODE":
        return a.text.upper() == b.text.upper()
    if upper in _TEXT_KEYS:
        return a.items == b.items
    return [_canonical(item) for item in a.items] == [_canonical(item) for item in b.items]


def _canonical(item: str) -> Union[str, int, bool]:
    number = _NUMBER.match(item)
    if number:
        return "n%d" % (int(number.group(1)) * _UNIT[number.group(2).upper()])
    if item.upper() in ("Y", "YES"):
        return "yes"
    if item.upper() in ("N", "NO"):
        return "no"
    return "=" + item


def parse_size(text: str) -> int:
    """Return a size in bytes: ``512``, ``1024M``, ``2g``. :raises GrammarError: if it is no size."""
    match = _NUMBER.match(text.strip())
    if match is None:
        raise GrammarError("size", text, "a whole number with K, M, G or T, e.g. 1024M")
    return int(match.group(1)) * _UNIT[match.group(2).upper()]


def render_size(size: int) -> str:
    """Return a size in bytes in the largest unit that loses nothing."""
    if size < 0:
        raise GrammarError("size", str(size), "a number of bytes, zero or more")
    for unit in ("T", "G", "M", "K"):
        if size and size % _UNIT[unit] == 0:
            return "%d%s" % (size // _UNIT[unit], unit)
    return str(size)


def parse_bool(text: str) -> bool:
    """Return a Y/N value (260039 ``Yes/No expected.``, C). :raises GrammarError: otherwise."""
    upper = text.strip().upper()
    if upper in ("Y", "YES"):
        return True
    if upper in ("N", "NO"):
        return False
    raise GrammarError("boolean", text, "Y or N")


_DESTINATION = re.compile(
    r"(?P<host>\[[0-9A-Za-z:.%_-]+\]|[^\s:\[\]<>@,\"']+):(?P<port>[0-9]{1,5})[ \t]+"
    r"(?P<how>LGWR|ARCH)[ \t]+(?P<sync>SYNC|ASYNC)"
    r"(?:[ \t]+(?:DELAY[ \t]*=?[ \t]*)?(?P<delay>[0-9]{1,9}))?\Z",
    re.IGNORECASE,
)


def parse_destination(text: str) -> Destination:
    """Read ``host:port {LGWR SYNC|LGWR ASYNC|ARCH ASYNC}`` (H, MAN) with an optional delay (its existence C, its form
    L).

    IPv6 addresses stand in brackets (L).

    :raises GrammarError: for anything else, e.g. a placeholder that nobody filled in.
    """
    stripped = text.strip(' \t"')
    match = _DESTINATION.match(stripped)
    expected = 'host:port and one of LGWR SYNC, LGWR ASYNC, ARCH ASYNC, e.g. "10.0.0.2:8633 LGWR ASYNC"'
    if match is None:
        if _PLACEHOLDER.search(stripped) or re.match(r"<[^<>]*>", stripped):
            expected += "; this one still holds a placeholder"
        elif stripped.count(":") > 1 and "[" not in stripped:
            expected += "; an IPv6 address stands in brackets"
        raise GrammarError("replication destination", text, expected)
    transport = "%s %s" % (match.group("how").upper(), match.group("sync").upper())
    if transport not in TRANSPORTS:
        raise GrammarError("replication destination", text, expected)
    port = int(match.group("port"))
    if not 1 <= port <= 65535:
        raise GrammarError("replication destination", text, "a port between 1 and 65535")
    delay = match.group("delay")
    return Destination(match.group("host").strip("[]"), port, transport, int(delay) if delay is not None else None)


def render_destination(destination: Destination) -> str:
    """Return the value of LOG_REPLICATION_DEST_n, without quotes.

    :raises GrammarError: if a field cannot be written.
    """
    host = "[%s]" % destination.host if ":" in destination.host else destination.host
    text = "%s:%d %s" % (host, destination.port, destination.transport)
    if destination.delay is not None:
        text += " %d" % destination.delay
    if parse_destination(text) != destination:
        raise GrammarError(
            "replication destination", text, "a host name or address, a port and a transport that read back the same"
        )
    return text


def parse_convert(value: Value) -> Tuple[Tuple[str, str], ...]:
    """Return the (primary directory, standby directory) pairs of STANDBY_FILE_NAME_CONVERT.

    Documented form: both directories in one pair of quotes, separated by a comma (H, MAN); separately quoted items
    are read as well.

    :raises GrammarError: odd number of directories (260032, C) or an empty one (260033, C).
    """
    parts = [part.strip() for item in value.items for part in item.split(",")]
    if len(parts) % 2 or not parts:
        raise GrammarError(
            "STANDBY_FILE_NAME_CONVERT", value.raw, "pairs of primary and standby directory, separated by commas"
        )
    if "" in parts:
        raise GrammarError("STANDBY_FILE_NAME_CONVERT", value.raw, "no empty directory")
    return tuple([(parts[i], parts[i + 1]) for i in range(0, len(parts), 2)])


def render_convert(pairs: Sequence[Tuple[str, str]]) -> str:
    """Return the value for the pairs as one item (it is written in one pair of quotes).

    :raises GrammarError: if a path holds a comma.
    """
    for pair in pairs:
        for path in pair:
            if not path or "," in path or path != path.strip():
                raise GrammarError("STANDBY_FILE_NAME_CONVERT", path, "a directory without commas and outer blanks")
    if not pairs:
        raise GrammarError("STANDBY_FILE_NAME_CONVERT", "", "at least one pair of directories")
    return ", ".join(["%s, %s" % pair for pair in pairs])
