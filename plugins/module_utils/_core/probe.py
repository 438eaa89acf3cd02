# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The probe: many client sessions on a fixed schedule, and a ledger of what each of them saw.

Open loop: when a slot of the schedule comes, something is sent, whether the server is well or not. A client that waited for a slow answer and
only then went on would send least while the server is slowest, and its figures would hide the stall (coordinated omission). One session can
have one statement open, so the slots that come while it waits are not sent; they lie between the sending and the end of an operation that
is in the ledger, whose limit is one second, and they are counted there (``M ... busy``). Nothing is made up for later.

The probe tells when it is the one who is slow: an intent that is sent more than ``late_ns`` behind its slot is marked (``L``), and a slot for
which it came so late that the next one was due is missed as ``behind``. Both make :attr:`Summary.kept_schedule` false when they are more
than one in a hundred slots.

One thread does everything; a second one only brings lines to the disk, since waiting for a disk must not move the schedule.
"""

import hashlib
import heapq
import json
import os
import select
import threading
import uuid
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import ledger
from ansible_collections.firedrill.standby.plugins.module_utils._core.probe_session import (
    READABLE,
    Answer,
    Request,
    Session,
)

MILLISECOND = 10**6
SECOND = 10**9
#: Between two anchors of a stream (drills.md 4.1).
ANCHOR_INTERVAL = 5 * SECOND
#: Between two looks at what the controller wants: stop, epoch, lease.
CONTROL_INTERVAL = SECOND // 10
#: Between two reports of progress.
REPORT_INTERVAL = SECOND
#: How long the programs of the sessions may take to start before the schedule begins without them.
WARM_UP = 20 * SECOND
#: Seconds between two times that the lines are brought to the disk.
SYNC_INTERVAL = 1.0
#: Behind its slot by more than this, an intent counts as late.
LATE = 5 * MILLISECOND
#: Part of the slots that may be late or missed by the probe's own fault until it says that it did not keep its schedule.
TOLERATED = 0.01
#: Characters of an error that go into the ledger.
ERROR_LIMIT = 300


class StreamSpec(NamedTuple):
    """One stream: its name (``w00``), its kind ("write", "read", "guard"), the path it takes, and its schedule in nanoseconds."""

    name: str
    kind: str
    path: str
    interval: int
    offset: int


def spread(names: Sequence[str], kind: str, path: str, interval: int) -> List[StreamSpec]:
    """Streams of one kind on one path: number k of W starts at k * interval / W, so together they look every interval / W."""
    count = max(len(names), 1)
    return [StreamSpec(name, kind, path, interval, number * interval // count) for number, name in enumerate(names)]


class Clock(NamedTuple):
    """Where the probe's time comes from, in nanoseconds; a test passes its own."""

    name: str
    now: Callable[[], int]
    anchor: Callable[[], ledger.Anchor]


def real_clock() -> Clock:
    """The clock of this host."""
    name, now = ledger.clock()
    return Clock(name, now, lambda: ledger.anchor(now))


class Waiter:
    """Waits for descriptors of sessions, each under the index of its stream."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._of_stream: Dict[int, Tuple[int, str]] = {}
        self._stream_of: Dict[int, int] = {}

    def register(self, index: int, wanted: Optional[Tuple[int, str]]) -> None:
        """What a stream waits for now."""
        had = self._of_stream.get(index)
        if had == wanted and (had is None or self._stream_of.get(had[0]) == index):
            return
        self.forget(index)
        if wanted is not None:
            self._poll.register(wanted[0], select.POLLIN if wanted[1] == READABLE else select.POLLOUT)
            self._of_stream[index] = wanted
            self._stream_of[wanted[0]] = index

    def forget(self, index: int) -> None:
        """A stream waits for nothing any more."""
        had = self._of_stream.pop(index, None)
        if had is not None and self._stream_of.get(had[0]) == index:
            del self._stream_of[had[0]]
            try:
                self._poll.unregister(had[0])
            except (KeyError, OSError):
                pass

    def wait(self, nanoseconds: int) -> List[int]:
        """The streams whose descriptors are ready; none when the time has passed."""
        found = self._poll.poll(max(nanoseconds, 0) / MILLISECOND)
        return [self._stream_of[handle] for handle, _event in found if handle in self._stream_of]


class Counts:
    """What a stream, or all of them, have seen so far."""

    NAMES = ("acked", "failed", "unknown", "slots", "late", "behind", "busy", "starting")

    def __init__(self) -> None:
        self.acked = self.failed = self.unknown = 0
        self.slots = self.late = self.behind = self.busy = self.starting = 0
        #: The largest distance of an intent behind its slot, in nanoseconds.
        self.worst = 0

    def add(self, other: "Counts") -> None:
        for name in self.NAMES:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.worst = max(self.worst, other.worst)

    @property
    def kept(self) -> bool:
        """Whether the probe itself kept the schedule."""
        return self.late + self.behind <= TOLERATED * max(self.slots, 1)

    def as_dict(self) -> Dict[str, Any]:
        record: Dict[str, Any] = {name: getattr(self, name) for name in self.NAMES}
        record["worst_late_ms"] = round(self.worst / MILLISECOND, 3)
        record["kept_schedule"] = self.kept
        return record


class Control(NamedTuple):
    """What the controller wants: the role epoch to write down, and whether to go on."""

    epoch: int
    reason: str = ""

    @property
    def stop(self) -> bool:
        return bool(self.reason)


class Stream:
    """One stream: its schedule, its session and its ledger."""

    def __init__(
        self, spec: StreamSpec, session: Session, writer: ledger.Writer, payload: Callable[[str, int, str], str]
    ) -> None:
        self.spec = spec
        self.session = session
        self.writer = writer
        self.counts = Counts()
        self.broken = ""
        self._payload = payload
        self._start = 0
        self._slot = 0
        self._seq = 0
        self._open: Optional[int] = None
        self._missed: Optional[ledger.Missed] = None
        self._anchored: Optional[int] = None
        #: When the last operation was acknowledged; None before the first.
        self.acked_at: Optional[int] = None

    def begin(self, start: int) -> None:
        """Say when the schedule starts."""
        self._start = start + self.spec.offset

    @property
    def due(self) -> int:
        """When the next slot comes."""
        return self._start + self._slot * self.spec.interval

    @property
    def is_open(self) -> bool:
        """Whether an operation waits for its answer."""
        return self._open is not None

    def take_slot(self, now: int, epoch: int, clock: Clock) -> None:
        """The slots that have come by ``now``: send in the latest, write down the others."""
        first, due = self._slot, self.due
        last = first + max(now - due, 0) // self.spec.interval
        self._slot = last + 1
        self.counts.slots += last - first + 1
        if self._open is not None or not self.session.ready(now):
            self._miss(due, last - first + 1, ledger.BUSY if self._open is not None else ledger.STARTING)
            return
        if last > first:
            self._miss(due, last - first, ledger.BEHIND)
        self._send(self._start + last * self.spec.interval, epoch, clock)

    def _send(self, due: int, epoch: int, clock: Clock) -> None:
        self._tell_missed()
        self._seq += 1
        name = uuid.uuid4().hex
        payload = digest = ""
        if self.spec.kind != "read":
            payload = self._payload(self.spec.name, self._seq, name)
            digest = hashlib.sha256(payload.encode("utf-8")).hexdigest()
        sent = clock.now()
        self.writer.intent(self._seq, name, digest, epoch, sent)
        self._open = self._seq
        behind = sent - due
        self.counts.worst = max(self.counts.worst, behind)
        if behind > LATE:
            self.counts.late += 1
            self.writer.late(self._seq, due)
        request = Request(self.spec.kind, self.spec.name, self._seq, name, payload, digest, epoch)
        self._take(self.session.begin(request, sent), clock)

    def poll(self, now: int, clock: Clock) -> None:
        """Let the session go on."""
        self._take(self.session.poll(now), clock)

    def _take(self, answer: Optional[Answer], clock: Clock) -> None:
        if answer is None or self._open is None:
            return
        ended = clock.now()
        self.writer.outcome(answer.outcome, self._open, ended, answer.node, answer.error[:ERROR_LIMIT])
        self._open = None
        if answer.outcome == ledger.ACKED:
            self.counts.acked += 1
            self.acked_at = ended
        elif answer.outcome == ledger.FAILED:
            self.counts.failed += 1
        else:
            self.counts.unknown += 1

    def _miss(self, due: int, count: int, why: str) -> None:
        setattr(self.counts, why, getattr(self.counts, why) + count)
        if self._missed is not None and self._missed.why == why:
            self._missed = self._missed._replace(slots=self._missed.slots + count)
            return
        self._tell_missed()
        self._missed = ledger.Missed(due, count, why)

    def _tell_missed(self) -> None:
        if self._missed is not None:
            missed, self._missed = self._missed, None
            self.writer.missed(*missed)

    def anchor(self, clock: Clock) -> None:
        """Write an anchor between the clocks, every five seconds."""
        now = clock.now()
        if self._anchored is None or now - self._anchored >= ANCHOR_INTERVAL:
            self._anchored = now
            self.writer.anchor(clock.anchor())

    def close(self, clock: Clock) -> None:
        """End the stream: no operation is open any more, or it stays without an outcome, which counts as UNKNOWN."""
        self._tell_missed()
        self.writer.anchor(clock.anchor())
        self.writer.close()


class Summary(NamedTuple):
    """What a run of the probe came to. ``reason``: why it ended. ``broken``: stream -> why its ledger could not be written any more."""

    reason: str
    counts: Counts
    broken: Mapping[str, str]
    seconds: float

    @property
    def kept_schedule(self) -> bool:
        return self.counts.kept

    def as_dict(self) -> Dict[str, Any]:
        record = self.counts.as_dict()
        record.update(reason=self.reason, broken=dict(self.broken), seconds=round(self.seconds, 3))
        return record


class Probe:
    """Runs streams until the controller wants the end.

    :arg streams: what to run. :arg control: asked ten times a second what the controller wants. :arg report: gets the counts once a second.
    """

    def __init__(
        self,
        streams: Sequence[Stream],
        control: Callable[[], Control],
        report: Callable[[Dict[str, Any]], None],
        clock: Optional[Clock] = None,
        waiter: Optional[Any] = None,
    ) -> None:
        self._streams = list(streams)
        self._control = control
        self._report = report
        self._clock = clock or real_clock()
        self._waiter = waiter or Waiter()
        self._heap: List[Tuple[int, int]] = []
        self._deadlines: Dict[int, int] = {}
        self._wanted = Control(0)

    def run(self, drain: int = 4 * SECOND, before_end: Callable[[], None] = lambda: None) -> Summary:
        """Run to the end.

        :arg drain: nanoseconds that open operations get after the end was wanted; longer than all limits of a session together.
        :arg before_end: called before the ledgers are closed.
        """
        self._wanted = self._control()
        self._warm_up()
        start = self._clock.now()
        for index, stream in enumerate(self._streams):
            stream.begin(start)
            heapq.heappush(self._heap, (stream.due, index))
        looked = reported = start
        while not self._wanted.stop and self._alive():
            now = self._clock.now()
            self._take_due(now)
            self._wait(min(looked + CONTROL_INTERVAL, self._heap[0][0] if self._heap else now + CONTROL_INTERVAL))
            now = self._clock.now()
            if now - looked >= CONTROL_INTERVAL:
                looked, self._wanted = now, self._control()
                self._anchor()
            if now - reported >= REPORT_INTERVAL:
                reported = now
                self._report(self._progress(now - start))
        return self._end(start, drain, before_end)

    def _warm_up(self) -> None:
        """Let the programs of the sessions start before the schedule does; what is not ready in time is missed as STARTING."""
        until = self._clock.now() + WARM_UP
        while not self._wanted.stop:
            now = self._clock.now()
            waiting = [index for index in self._alive() if not self._streams[index].session.ready(now)]
            if not waiting or now >= until:
                return
            for index in waiting:
                self._guarded(index, self._streams[index].poll, now, self._clock)
            self._wait(now + CONTROL_INTERVAL)
            self._wanted = self._control()

    def _alive(self) -> List[int]:
        return [index for index, stream in enumerate(self._streams) if not stream.broken]

    def _take_due(self, now: int) -> None:
        while self._heap and self._heap[0][0] <= now:
            _due, index = heapq.heappop(self._heap)
            stream = self._streams[index]
            self._guarded(index, stream.take_slot, now, self._wanted.epoch, self._clock)
            if not stream.broken:
                heapq.heappush(self._heap, (stream.due, index))
            now = self._clock.now()

    def _wait(self, until: int) -> None:
        """Wait for an answer, a limit of a session, or ``until``; then let the sessions go on that have something to do."""
        nearest = min(self._deadlines.values(), default=until)
        ready = self._waiter.wait(min(nearest, until) - self._clock.now())
        now = self._clock.now()
        over = [index for index, moment in self._deadlines.items() if moment <= now]
        for index in sorted(set(ready) | set(over)):
            self._guarded(index, self._streams[index].poll, now, self._clock)

    def _guarded(self, index: int, act: Callable[..., None], *arguments: Any) -> None:
        """Do something with a stream; one whose ledger cannot be written is over, because it must send nothing any more."""
        stream = self._streams[index]
        if stream.broken:
            return
        try:
            act(*arguments)
        except ledger.LedgerBroken as error:
            stream.broken = error.seen
            self._deadlines.pop(index, None)
            self._waiter.forget(index)
            stream.session.close()
            stream.writer.abandon()
            return
        self._waiter.register(index, stream.session.waits())
        deadline = stream.session.deadline()
        if deadline is None:
            self._deadlines.pop(index, None)
        else:
            self._deadlines[index] = deadline

    def _anchor(self) -> None:
        for index in self._alive():
            self._guarded(index, self._streams[index].anchor, self._clock)

    def _progress(self, age: int) -> Dict[str, Any]:
        total = Counts()
        for stream in self._streams:
            total.add(stream.counts)
        record = total.as_dict()
        record.update(
            seconds=round(age / SECOND, 1),
            quiet_seconds=self._quiet(),
            epoch=self._wanted.epoch,
            broken={stream.spec.name: stream.broken for stream in self._streams if stream.broken},
        )
        return record

    def _quiet(self) -> Optional[float]:
        """Seconds since the last acknowledged write, of whichever stream; None before the first."""
        ends = [each.acked_at for each in self._streams if each.spec.kind == "write" and each.acked_at is not None]
        return round((self._clock.now() - max(ends)) / SECOND, 1) if ends else None

    def _end(self, start: int, drain: int, before_end: Callable[[], None]) -> Summary:
        """Wait for what is open, then end every ledger."""
        until = self._clock.now() + drain
        while self._clock.now() < until and [index for index in self._alive() if self._streams[index].is_open]:
            self._wait(until)
        seconds = (self._clock.now() - start) / SECOND
        before_end()
        for index in self._alive():
            stream = self._streams[index]
            self._waiter.forget(index)
            stream.session.close()
            try:
                stream.close(self._clock)
            except (ledger.LedgerBroken, OSError) as error:
                stream.broken = str(error)
        total = Counts()
        for stream in self._streams:
            total.add(stream.counts)
        reason = self._wanted.reason or "no ledger could be written any more"
        return Summary(
            reason, total, {stream.spec.name: stream.broken for stream in self._streams if stream.broken}, seconds
        )


class Syncer:
    """Brings the lines of ledgers to the disk about once a second, in a thread of its own."""

    def __init__(self, writers: Sequence[ledger.Writer], interval: float = SYNC_INTERVAL) -> None:
        self._writers = list(writers)
        self._interval = interval
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        #: What the disk said last, "" while it takes everything.
        self.trouble = ""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End it; the files may be closed afterwards."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._interval):
            for writer in self._writers:
                try:
                    writer.sync()
                except OSError as error:
                    self.trouble = "{0}: {1}".format(writer.path, error.strerror or error)


def payload_of(drill: str, size: int) -> Callable[[str, int, str], str]:
    """What rows carry: text that begins with the drill and tells the row, filled up to a size."""

    def make(stream: str, seq: int, name: str) -> str:
        return "{0} {1} {2} {3} ".format(drill, stream, seq, name).ljust(size, ".")

    return make


def ledger_path(directory: str, stream: str) -> str:
    """Where the ledger of a stream lies."""
    return os.path.join(directory, "{0}.ledger".format(stream))


def key_of(plan: Mapping[str, Any]) -> str:
    """A short name for what a probe does: a second start of the same plan finds the first."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode("utf-8")).hexdigest()[:16]
