# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What a drill wrote down beside its ledgers: ``raw/drill.json``, and the rows that members showed.

``raw/drill.json`` (docs/evidence.md describes each key) tells what no ledger can: the legs with the marks t0 to t11, each carried to the monotonic clock
of every client by a ping just before and after, the mode in force at t0, the reads, log positions, and the fields of the evidence that the drill
itself fills. ``raw/rows/*.jsonl`` is one read of one member: a head, one row a line, and an end with the number and digest of all before.

Public: :class:`Mark`, :class:`Mode`, :class:`Read`, :class:`Positions`, :class:`Leg`, :class:`Record`, :func:`record_from`, :class:`Rows`,
:func:`parse_rows`, :func:`render_rows`.
"""

import hashlib
import json
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.ledger import Survivor

DRILL_SCHEMA = "firedrill.standby/drill/1"
ROWS_SCHEMA = "firedrill.standby/rows/1"
#: The reads: (a) the new primary, (b) every member, (c) after the way home.
READS: Tuple[str, ...] = ("a", "b", "c")
#: Kinds of legs beside "switchover": a standby took over from a primary that was lost; nobody took over, and ``old`` is a standby all along.
FAILOVER, RIDE = "failover", "ride"


class Mark(NamedTuple):
    """One instant of the timeline. ``at``: on the monotonic clock of each client, nanoseconds; ``bound``: how far it may be off, nanoseconds."""

    name: str
    at: Mapping[str, int]
    wall: int
    bound: int
    host: str
    source: str


class Mode(NamedTuple):
    """The replication mode in force at t0. ``name``: "" when it is not known, then ``why``; ``guaranteed``: whether it promises that nothing is
    lost."""

    name: str
    guaranteed: bool
    why: str
    source: str


class Read(NamedTuple):
    """One read of the whole table on one member. ``at``: when it began, on the monotonic clock of each client; ``file``: "" when it could not be
    taken, then ``why``."""

    read: str
    member: str
    file: str
    at: Mapping[str, int]
    why: str


class Positions(NamedTuple):
    """The last log position on the old primary and the one at which the new one opened; None when not known."""

    unit: str
    old_last: Optional[int]
    new_open: Optional[int]
    why: str


class Prediction(NamedTuple):
    """What a failover said before it promoted anybody: ``none``, that no acknowledged write is lost, else the log positions from ``first`` to ``last``
    and how many ``seconds``, in the words of its journal, and how certain that was. ``at_most``: the upper end of the seconds, None where nothing bounds
    them; ``seconds_by``: by what they are known, or why they are not."""

    none: bool
    first: str
    last: str
    seconds: str
    certainty: str
    at_most: Optional[int] = None
    seconds_by: str = ""


class Smoke(NamedTuple):
    """The application's own test against the primary of a leg: its name, whether it passed, and what it said last."""

    name: str
    passed: bool
    said: str


class Leg(NamedTuple):
    """One role change: there, or back. ``predicted``: None where nothing was predicted, as of a planned change; ``smoke``:
    None where the application has no test."""

    name: str
    kind: str
    old: str
    new: str
    marks: Mapping[str, Mark]
    mode: Mode
    reads: Tuple[Read, ...]
    positions: Positions
    predicted: Optional[Prediction] = None
    smoke: Optional[Smoke] = None


class Record(NamedTuple):
    """``raw/drill.json``. ``ledgers``: every file that the probe was started with, so that a missing one is noticed; ``required``: the reads
    that have to be there; ``classification``: whether the table of outcomes is valid for engine and driver; ``document``: fields by path."""

    drill_id: str
    type: str
    members: Tuple[str, ...]
    legs: Tuple[Leg, ...]
    ledgers: Tuple[str, ...]
    required: Tuple[str, ...]
    classification: Mapping[str, Any]
    way_back: Mapping[str, Any]
    human_ns: int
    lost_bytes: Optional[int]
    findings: Tuple[Mapping[str, Any], ...]
    document: Mapping[str, Mapping[str, Any]]
    raw: Mapping[str, Any]


def _clock(value: Any) -> Dict[str, int]:
    return {str(client): int(instant) for client, instant in (value or {}).items()}


def _number(value: Any) -> Optional[int]:
    return None if value is None else int(value)


def _prediction(raw: Optional[Mapping[str, Any]]) -> Optional[Prediction]:
    if raw is None:
        return None
    first, last, seconds, certainty = (str(raw[name]) for name in ("first", "last", "seconds", "certainty"))
    return Prediction(
        raw["none"] is True,
        first,
        last,
        seconds,
        certainty,
        _number(raw.get("at_most")),
        str(raw.get("seconds_by") or ""),
    )


def _smoke(raw: Optional[Mapping[str, Any]]) -> Optional[Smoke]:
    return None if raw is None else Smoke(str(raw["name"]), raw["passed"] is True, str(raw["said"]))


def _leg(raw: Mapping[str, Any]) -> Leg:
    marks = {}
    for name, mark in (raw.get("marks") or {}).items():
        marks[str(name)] = Mark(
            str(name),
            _clock(mark.get("at")),
            int(mark.get("wall_ns") or 0),
            int(mark.get("bound_ns") or 0),
            str(mark.get("host") or ""),
            str(mark.get("source") or "raw/drill.json"),
        )
    mode, positions = raw.get("mode") or {}, raw.get("positions") or {}
    return Leg(
        str(raw["name"]),
        str(raw.get("kind") or ""),
        str(raw["old"]),
        str(raw["new"]),
        marks,
        Mode(
            str(mode.get("mode") or ""),
            mode.get("guaranteed") is True,
            str(mode.get("why") or "it was not recorded"),
            str(mode.get("source") or "raw/drill.json"),
        ),
        tuple(
            Read(
                str(read["read"]),
                str(read["member"]),
                str(read.get("file") or ""),
                _clock(read.get("at")),
                str(read.get("why") or ""),
            )
            for read in raw.get("reads") or ()
        ),
        Positions(
            str(positions.get("unit") or ""),
            _number(positions.get("old_last")),
            _number(positions.get("new_open")),
            str(positions.get("why") or ""),
        ),
        _prediction(raw.get("predicted")),
        _smoke(raw.get("smoke")),
    )


def record_from(raw: Mapping[str, Any]) -> Record:
    """Read the contents of ``raw/drill.json``.

    :raises ValueError: for another schema or a key that is missing or of the wrong type.
    """
    if raw.get("schema") != DRILL_SCHEMA:
        raise ValueError("drill.json has the schema {0!r}, known is {1!r}".format(raw.get("schema"), DRILL_SCHEMA))
    try:
        return Record(
            str(raw["drill_id"]),
            str(raw["type"]),
            tuple(str(member) for member in raw["members"]),
            tuple(_leg(leg) for leg in raw["legs"]),
            tuple(str(path) for path in raw["ledgers"]),
            tuple(str(read) for read in raw.get("required", READS)),
            raw.get("classification") or {},
            raw.get("way_back") or {},
            int(raw.get("human_ns") or 0),
            _number(raw.get("lost_bytes")),
            tuple(raw.get("findings") or ()),
            raw.get("document") or {},
            raw,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("drill.json cannot be read: {0!r}".format(error)) from error


class Rows(NamedTuple):
    """One read of one member. ``damage``: each defect in words with its line, empty when sound."""

    head: Mapping[str, Any]
    survivors: Tuple[Survivor, ...]
    damage: Tuple[str, ...]


class RowsWriter:
    """Writes the file of one read, row by row. The payload's hash is what the reader made of the payload, never the stored column.

    :arg head: leg, read and member. :arg write: takes the bytes.
    """

    def __init__(self, head: Mapping[str, Any], write: Callable[[bytes], Any]) -> None:
        self._write = write
        self._digest = hashlib.sha256()
        self.rows = 0
        self._put(dict(head, schema=ROWS_SCHEMA))

    def _put(self, value: Any) -> None:
        line = (json.dumps(value, sort_keys=True) + "\n").encode("ascii")
        self._write(line)
        self._digest.update(line)

    def take(self, row: Survivor) -> None:
        """One row."""
        self._put(list(row))
        self.rows += 1

    def close(self) -> str:
        """Write the end. :returns: the SHA-256 of the whole file."""
        self._put({"rows": self.rows, "sha256": self._digest.hexdigest()})
        return self._digest.hexdigest()


def render_rows(head: Mapping[str, Any], survivors: Iterable[Survivor]) -> bytes:
    """The file of one read, see :class:`RowsWriter`."""
    parts: List[bytes] = []
    writer = RowsWriter(head, parts.append)
    for survivor in survivors:
        writer.take(survivor)
    writer.close()
    return b"".join(parts)


def _line(number: int, line: bytes, damage: List[str]) -> Any:
    try:
        return json.loads(line.decode("ascii"))
    except ValueError:
        damage.append("line {0}: no JSON".format(number))
        return None


def parse_rows(data: bytes) -> Rows:
    """Read a file of rows; whatever is wrong is in ``damage``, nothing is raised."""
    damage: List[str] = []
    lines = data.split(b"\n")
    if lines.pop() or len(lines) < 2:
        damage.append("line {0}: torn, it has no end".format(len(lines) + 1))
    parsed = [_line(number, line, damage) for number, line in enumerate(lines, 1)]
    head = parsed[0] if parsed and isinstance(parsed[0], dict) else {}
    if head.get("schema") != ROWS_SCHEMA:
        damage.append("line 1: no head of the schema {0}".format(ROWS_SCHEMA))
    end = parsed[-1] if len(parsed) > 1 and isinstance(parsed[-1], dict) else {}
    body = data[: data.rfind(b"\n", 0, len(data) - 1) + 1]
    rows = []
    for number, value in enumerate(parsed[1:-1], 2):
        if isinstance(value, list) and len(value) == 7 and isinstance(value[1], int) and isinstance(value[5], int):
            rows.append(
                Survivor(str(value[0]), value[1], str(value[2]), str(value[3]), str(value[4]), value[5], str(value[6]))
            )
        else:
            damage.append("line {0}: no row".format(number))
    if (end.get("rows"), end.get("sha256")) != (len(rows), hashlib.sha256(body).hexdigest()):
        damage.append("line {0}: number or digest of the rows is another".format(len(lines)))
    return Rows(head, tuple(rows), tuple(damage))
