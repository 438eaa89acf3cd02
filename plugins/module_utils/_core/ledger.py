# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The ledger of a drill: what a client meant to do, written before it is sent, and what became of it.

One append-only file a stream, ASCII lines, read in one pass:

======================================  ==================================================================================
``H <json>``                            header, the first line
``I seq uuid hash epoch t_send``        an intent, given to the kernel before the statement is sent; hash is ``-`` for reads
``A|F|? seq t_end node error``          its outcome: acknowledged, certainly failed, unknown; node is ``-`` when unknown
``L seq t_due``                         intent ``seq`` was sent later than its schedule said, by more than the header's ``late_ns``
``M t_due count why``                   ``count`` slots from ``t_due`` on in which nothing was sent, and why
``W mono wall width``                   an anchor between the monotonic clock and the wall clock
``C count sha256``                      after each 1000 lines: lines so far, and the digest of all bytes so far
``Z count sha256``                      the same, as the last line of a stream that was stopped and not lost
======================================  ==================================================================================

**What is promised.** Every line is handed to the kernel by one ``write(2)`` before the caller goes on. So a ledger survives the death of the
probe in any way, ``kill -9`` included: an intent that is not in the file was not sent. It does not survive the crash of the client host as a
whole: :meth:`Writer.sync` (called about once a second, from a thread) brings the lines to the disk, and what was written after the last of
these calls may be missing after a loss of power. Waiting for the disk before each statement would make the disk of the client the clock
of the measurement. After a crash of the host the last line is no ``Z``, and the verdict treats the stream as lost.

The digests show a line that was changed, removed or added by mistake or by hand. Someone who computes them anew leaves no trace here;
against that stands the signed manifest of the evidence. Lines after the last ``C`` of a stream without ``Z`` are covered by no digest
(:attr:`Ledger.covered` tells how many lines are).
"""

import hashlib
import json
import os
import time
from typing import IO, Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import quote, unquote

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError

#: The table that the writers of a drill write to.
TABLE = "DRILL_LEDGER"
ACKED, FAILED, UNKNOWN = "A", "F", "?"
#: Version of the format; a reader refuses no other one, it reports it as damage.
SCHEMA = 1
#: Lines between two marks of the chain.
CHAIN = 1000
#: Bytes that a line may have; more is damage.
LINE_LIMIT = 65536
#: Damages that are told one by one; a file of garbage has millions.
DAMAGE_LIMIT = 50
#: Linux's number of CLOCK_BOOTTIME, which goes on while the host is suspended. Python names it from 3.7 on.
_BOOTTIME = 7


class Operation(NamedTuple):
    """One thing that a client did.

    ``client``: the host the ledger lies on; all times of one client are on one monotonic clock. ``stream``: one ledger file, ``w00``, ``r00``,
    ``g-seoul1``. ``kind``: "write", "read" or "guard". ``path``: "application" or "direct:<member>". ``seq``: the stream's own sequence, from 1.
    ``payload_hash``: of what was sent, "" for reads. ``epoch``: the role epoch that the client knew when it sent. ``sent``, ``ended``:
    nanoseconds on the monotonic clock; ``ended`` is None when the process died before an end was written, which counts as UNKNOWN.
    ``error``: the engine's code and short text. ``node``: the member that answered, as it says itself, "" when unknown.
    """

    client: str
    stream: str
    kind: str
    path: str
    seq: int
    uuid: str
    payload_hash: str
    epoch: int
    sent: int
    ended: Optional[int]
    outcome: str
    error: str
    node: str


class Anchor(NamedTuple):
    """Both clocks at one moment: ``wall`` (nanoseconds since 1970) was read between two readings of the monotonic clock that lie ``width``
    apart; ``mono`` is the first of them."""

    mono: int
    wall: int
    width: int


class Late(NamedTuple):
    """An intent that was sent later than planned: ``due`` is the planned moment on the monotonic clock."""

    seq: int
    due: int


#: Why nothing was sent in a slot. BUSY: the statement before had no answer yet, so the slot lies inside of an operation that is in the
#: ledger. STARTING: the client's own program was not ready. BEHIND: the probe itself was too slow.
BUSY, STARTING, BEHIND = "busy", "starting", "behind"


class Missed(NamedTuple):
    """``slots`` slots of the schedule, the first at ``due``, in which nothing was sent; ``why`` is BUSY, STARTING or BEHIND."""

    due: int
    slots: int
    why: str


class Ledger(NamedTuple):
    """A stream as its file has it.

    ``damage``: in words with the line number; empty means sound. ``closed``: the end line was written, so the stream was stopped and not
    lost. ``covered``: lines that a matching digest covers.
    """

    header: Mapping[str, Any]
    operations: Tuple[Operation, ...]
    anchors: Tuple[Anchor, ...]
    damage: Tuple[str, ...]
    closed: bool
    late: Tuple[Late, ...] = ()
    missed: Tuple[Missed, ...] = ()
    covered: int = 0


class Survivor(NamedTuple):
    """One row of :data:`TABLE` as a member showed it."""

    writer: str
    seq: int
    uuid: str
    payload_hash: str
    node: str
    epoch: int
    db_ts: str


class LedgerBroken(StandbyError):
    """A line could not be written, so nothing more may be sent on this stream."""


# ------------------------------------------------------------------------------------------------------------------ clocks


def _boottime() -> int:
    read: Optional[Callable[[int], int]] = getattr(time, "clock_gettime_ns", None)
    return read(_BOOTTIME) if read is not None else int(time.clock_gettime(_BOOTTIME) * 1e9)


def _monotonic() -> int:
    read: Optional[Callable[[], int]] = getattr(time, "monotonic_ns", None)
    return read() if read is not None else int(time.monotonic() * 1e9)


def clock() -> Tuple[str, Callable[[], int]]:
    """The clock for all intervals of a client: its name and how to read it, in nanoseconds.

    CLOCK_BOOTTIME where there is one, since it does not stand still while the host is suspended; else CLOCK_MONOTONIC.
    """
    try:
        _boottime()
    except (OSError, AttributeError):
        return "CLOCK_MONOTONIC", _monotonic
    return "CLOCK_BOOTTIME", _boottime


def wall_clock() -> int:
    """The wall clock in nanoseconds since 1970; only anchors use it."""
    read: Optional[Callable[[], int]] = getattr(time, "time_ns", None)
    return read() if read is not None else int(time.time() * 1e9)


def anchor(mono: Callable[[], int], wall: Callable[[], int] = wall_clock) -> Anchor:
    """Read both clocks side by side."""
    before = mono()
    seen = wall()
    return Anchor(before, seen, mono() - before)


# ------------------------------------------------------------------------------------------------------------------ writing


def _node_token(node: str) -> str:
    """A word without blanks; ``-`` stands for unknown, so a member that calls itself so is written another way."""
    return {"": "-", "-": "%2D"}.get(node) or quote(node, safe=".:", errors="replace")


def _error_text(error: str) -> str:
    """A text as one ASCII line: the inside of a JSON string."""
    return json.dumps(error.encode("utf-8", "replace").decode("utf-8"))[1:-1]


class Writer:
    """Writes one stream.

    :arg path: a file that must not exist yet. :arg header: plain data; ``schema`` is added.
    :raises Refusal: when the file is there. :raises LedgerBroken: when a line cannot be written; the stream is over then, and the line that
        was cut off is seen as damage by the reader.
    """

    def __init__(self, path: str, header: Mapping[str, Any]) -> None:
        self.path = path
        self.lines = 0
        self._digest = hashlib.sha256()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            self._handle = os.open(path, flags, 0o600)
        except FileExistsError as error:
            raise Refusal(
                seen="{0} is there already".format(path),
                meaning="A ledger is written once and never again; that one belongs to an earlier start",
                remedy="Start with another drill id, or move the old ledgers to their evidence",
            ) from error
        self._put("H " + json.dumps(dict(header, schema=SCHEMA), sort_keys=True))

    def intent(self, seq: int, uuid: str, payload_hash: str, epoch: int, sent: int) -> None:
        """Write down what is about to be sent; after this returns, it may be sent."""
        self._put("I {0} {1} {2} {3} {4}".format(seq, uuid, payload_hash or "-", epoch, sent))

    def outcome(self, outcome: str, seq: int, ended: int, node: str = "", error: str = "") -> None:
        """Write down what became of an intent: ACKED, FAILED or UNKNOWN."""
        self._put("{0} {1} {2} {3} {4}".format(outcome, seq, ended, _node_token(node), _error_text(error)))

    def late(self, seq: int, due: int) -> None:
        """Write down that an intent was sent behind its schedule."""
        self._put("L {0} {1}".format(seq, due))

    def missed(self, due: int, count: int, why: str) -> None:
        """Write down slots in which nothing was sent: BUSY, STARTING or BEHIND."""
        self._put("M {0} {1} {2}".format(due, count, why))

    def anchor(self, seen: Anchor) -> None:
        """Write an anchor."""
        self._put("W {0} {1} {2}".format(*seen))

    def sync(self) -> None:
        """Bring what was written to the disk; may be called from another thread than the one that writes."""
        (getattr(os, "fdatasync", None) or os.fsync)(self._handle)

    def close(self) -> None:
        """End the stream with its last mark."""
        try:
            self._mark("Z")
            self.sync()
        finally:
            os.close(self._handle)

    def abandon(self) -> None:
        """Let go of the file without an end line: the stream is lost from here on."""
        os.close(self._handle)

    def _put(self, line: str) -> None:
        self._write(line)
        if self.lines % CHAIN == 0:
            self._mark("C")

    def _mark(self, kind: str) -> None:
        self._write("{0} {1} {2}".format(kind, self.lines, self._digest.hexdigest()))

    def _write(self, line: str) -> None:
        data = line.encode("ascii") + b"\n"
        try:
            written = os.write(self._handle, data)
        except OSError as error:
            raise self._broken(str(error.strerror or error)) from error
        if written != len(data):
            raise self._broken("only {0} of {1} bytes of a line were taken".format(written, len(data)))
        self._digest.update(data)
        self.lines += 1

    def _broken(self, why: str) -> LedgerBroken:
        return LedgerBroken(
            seen="{0}: {1}".format(self.path, why),
            meaning="An intent that is not in the ledger must not be sent, so this stream ends here and the drill cannot be concluded from it",
            remedy="Make room on the disk of the ledgers (drill_probe's 'directory') and run the drill again",
        )


# ------------------------------------------------------------------------------------------------------------------ reading


class _Bad(ValueError):
    """A line that is none of ours; the text says why."""


def _numbers(fields: List[bytes], count: int) -> List[int]:
    if len(fields) != count or not all(field.isdigit() and len(field) < 21 for field in fields):
        raise _Bad("it has not the {0} numbers that belong there".format(count))
    return [int(field) for field in fields]


def _lines(source: IO[bytes]) -> Iterator[bytes]:
    """Lines with their end; one that is too long comes in pieces, of which none but the last has an end."""
    while True:
        line = source.readline(LINE_LIMIT)
        if not line:
            return
        yield line


class _Reader:
    """Takes the lines one after another and keeps what they say."""

    def __init__(self) -> None:
        self.header: Dict[str, Any] = {}
        self.operations: List[Operation] = []
        self.anchors: List[Anchor] = []
        self.lates: List[Late] = []
        self.misses: List[Missed] = []
        self.damages: List[str] = []
        self.untold = 0
        self.closed = False
        self.covered = 0
        self._number = 0
        self._digest = hashlib.sha256()
        self._mismatches = 0
        self._open: Dict[int, int] = {}
        self._clock = 0

    def damage(self, text: str) -> None:
        if len(self.damages) < DAMAGE_LIMIT:
            self.damages.append(text)
        else:
            self.untold += 1

    def take(self, line: bytes) -> None:
        self._number += 1
        try:
            self._take(line)
        except _Bad as bad:
            self.damage("line {0}: {1}: {2!r}".format(self._number, bad, line[:80].decode("ascii", "backslashreplace")))
        self._digest.update(line)

    def _take(self, line: bytes) -> None:
        if self.closed:
            raise _Bad("it comes after the end line")
        if not line.endswith(b"\n"):
            raise _Bad("it is torn or too long")
        kind, rest = line[:2], line[2:-1]
        if (self._number == 1) != (kind == b"H "):
            if self._number != 1:
                raise _Bad("a second header")
            self.damage("line 1: the header is missing")
        if kind in (b"C ", b"Z "):
            self._mark(kind, rest)
            return
        if self._number > 1 and (self._number - 1) % CHAIN == 0:
            self.damage("line {0}: the mark after {1} lines is missing".format(self._number, self._number - 1))
        reader = self._KINDS.get(kind)
        if reader is None:
            raise _Bad("its kind is not known")
        reader(self, rest)

    def _take_header(self, rest: bytes) -> None:
        try:
            header = json.loads(rest.decode("ascii"))
        except (ValueError, RecursionError) as error:
            raise _Bad("the header is no JSON") from error
        if not isinstance(header, dict):
            raise _Bad("the header is no JSON object")
        self.header = header
        if header.get("schema") != SCHEMA:
            raise _Bad("the schema is {0!r}, not {1}".format(header.get("schema"), SCHEMA))

    def _mark(self, kind: bytes, rest: bytes) -> None:
        fields = rest.split(b" ")
        if len(fields) != 2:
            raise _Bad("a mark has a count and a digest")
        (count,) = _numbers(fields[:1], 1)
        before = self._number - 1
        if count != before:
            self.damage(
                "line {0}: the mark counts {1} lines before it and there are {2}: lines are missing or were added".format(
                    self._number, count, before
                )
            )
        if fields[1] != self._digest.hexdigest().encode("ascii"):
            self._mismatches += 1
            if self._mismatches == 1:
                self.damage(
                    "line {0}: the digest does not match: a byte of the lines {1} to {2} is not as it was written".format(
                        self._number, self.covered + 1, before
                    )
                )
        elif not self._mismatches:
            self.covered = self._number
        if kind == b"Z ":
            self.closed = True

    def _take_intent(self, rest: bytes) -> None:
        fields = rest.split(b" ")
        if len(fields) != 5:
            raise _Bad("an intent has five fields")
        seq, epoch, sent = _numbers([fields[0], fields[3], fields[4]], 3)
        expected = self.operations[-1].seq + 1 if self.operations else 1
        if seq < expected:
            raise _Bad("its sequence {0} came before".format(seq))
        if seq > expected:
            self.damage("line {0}: intents {1} to {2} are missing".format(self._number, expected, seq - 1))
        self._advance(sent)
        try:
            name, digest = fields[1].decode("ascii"), fields[2].decode("ascii")
        except ValueError as error:
            raise _Bad("it is not ASCII") from error
        client, stream, kind, path = (str(self.header.get(key, "")) for key in ("client", "stream", "kind", "path"))
        shown = "" if digest == "-" else digest
        self._open[seq] = len(self.operations)
        self.operations.append(
            Operation(client, stream, kind, path, seq, name, shown, epoch, sent, None, UNKNOWN, "", "")
        )

    def _take_outcome(self, outcome: str, rest: bytes) -> None:
        fields = rest.split(b" ", 3)
        if len(fields) != 4:
            raise _Bad("an outcome has a sequence, a time, a node and an error")
        seq, ended = _numbers(fields[:2], 2)
        try:
            node = "" if fields[2] == b"-" else unquote(fields[2].decode("ascii"), errors="strict")
            error = str(json.loads('"' + fields[3].decode("ascii") + '"'))
        except ValueError as bad:
            raise _Bad("its node or its error cannot be read") from bad
        index = self._open.pop(seq, None)
        if index is None:
            raise _Bad("it is the outcome of {0}, which has no open intent".format(seq))
        operation = self.operations[index]
        if ended < operation.sent:
            self.damage("line {0}: {1} ended before it was sent".format(self._number, seq))
        self._advance(ended)
        self.operations[index] = operation._replace(ended=ended, outcome=outcome, error=error, node=node)

    def _advance(self, moment: int) -> None:
        """One thread writes a stream, so its times only grow."""
        if moment < self._clock:
            self.damage("line {0}: its time lies before that of an earlier line".format(self._number))
        self._clock = max(self._clock, moment)

    def _take_late(self, rest: bytes) -> None:
        self.lates.append(Late(*_numbers(rest.split(b" "), 2)))

    def _take_missed(self, rest: bytes) -> None:
        fields = rest.split(b" ")
        due, count = _numbers(fields[:2], 2)
        why = b" ".join(fields[2:]).decode("ascii", "backslashreplace")
        if why not in (BUSY, STARTING, BEHIND):
            raise _Bad("why nothing was sent is not known")
        self.misses.append(Missed(due, count, why))

    def _take_anchor(self, rest: bytes) -> None:
        seen = Anchor(*_numbers(rest.split(b" "), 3))
        self._advance(seen.mono)
        self.anchors.append(seen)

    _KINDS: Mapping[bytes, Callable[["_Reader", bytes], None]] = {
        b"H ": _take_header,
        b"I ": _take_intent,
        b"A ": lambda self, rest: self._take_outcome(ACKED, rest),
        b"F ": lambda self, rest: self._take_outcome(FAILED, rest),
        b"? ": lambda self, rest: self._take_outcome(UNKNOWN, rest),
        b"L ": _take_late,
        b"M ": _take_missed,
        b"W ": _take_anchor,
    }

    def ledger(self) -> Ledger:
        if self._number == 0:
            self.damage("the file is empty")
        if self._mismatches > 1:
            self.damages.append(
                "{0} further digests do not match either, since each covers all lines before it".format(
                    self._mismatches - 1
                )
            )
        if self.untold:
            self.damages.append("{0} further damages are not listed".format(self.untold))
        return Ledger(
            header=self.header,
            operations=tuple(self.operations),
            anchors=tuple(self.anchors),
            damage=tuple(self.damages),
            closed=self.closed,
            late=tuple(self.lates),
            missed=tuple(self.misses),
            covered=self.covered,
        )


def read_from(source: IO[bytes]) -> Ledger:
    """A ledger from an open file of bytes. Whatever the bytes are, damage is in the result and never an exception."""
    reader = _Reader()
    try:
        for line in _lines(source):
            reader.take(line)
    except OSError as error:
        reader.damage("the file cannot be read to its end: {0}".format(error.strerror or error))
    return reader.ledger()


def read(path: str) -> Ledger:
    """The ledger in a file; one that cannot be opened is a damaged ledger without operations."""
    try:
        with open(path, "rb") as source:
            return read_from(source)
    except OSError as error:
        return Ledger({}, (), (), ("the file cannot be read: {0}".format(error.strerror or error),), False)
