# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The open loop with a played clock and played sessions: a stall is seen, nothing is made up for, the probe's own slowness is told."""

from __future__ import annotations

import heapq
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, ledger, probe, probe_job
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.probe_session import (
    Answer,
    NullSession,
    Request,
    Session,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Completed

MS = probe.MILLISECOND
PAYLOAD = probe.payload_of("d1", 80)


class Time:
    """A clock that goes on only when somebody waits, or when the probe is made slow."""

    def __init__(self) -> None:
        self.now = 1_000 * MS
        self.slow_at: dict[int, int] = {}

    def clock(self) -> probe.Clock:
        return probe.Clock("PLAYED", lambda: self.now, lambda: ledger.Anchor(self.now, 10**18 + self.now, 10))

    def register(self, index: int, wanted: Any) -> None:
        del index, wanted

    def forget(self, index: int) -> None:
        del index

    def wait(self, nanoseconds: int) -> list[int]:
        self.now += max(nanoseconds, 0)
        for moment in [each for each in self.slow_at if each <= self.now]:
            self.now += self.slow_at.pop(moment)
        return []


class Played(Session):
    """Answers after as long as the server takes at the moment of the request; ``limit`` is the statement's."""

    def __init__(
        self, time: Time, stall: tuple[int, int] = (0, 0), limit: int = 1000 * MS, takes: int = 2 * MS
    ) -> None:
        self.time, self.stall, self.limit, self.takes = time, stall, limit, takes
        self.open: tuple[int, Answer] | None = None
        self.asked: list[Request] = []
        self.closed = False

    def ready(self, now: int) -> bool:
        return self.open is None

    def begin(self, request: Request, now: int) -> Answer | None:
        self.asked.append(request)
        end, answer = now + self.takes, Answer(ledger.ACKED, "", "seoul1")
        if self.stall[0] <= now < self.stall[1]:
            end = min(self.stall[1] + self.takes, now + self.limit)
            answer = Answer(ledger.UNKNOWN, "time") if end == now + self.limit else answer
        self.open = (end, answer)
        return None

    def poll(self, now: int) -> Answer | None:
        if self.open is None or now < self.open[0]:
            return None
        answer, self.open = self.open[1], None
        return answer

    def waits(self) -> None:
        return None

    def deadline(self) -> int | None:
        return self.open[0] if self.open else None

    def close(self) -> None:
        self.closed = True


def run(
    place: Path,
    time: Time,
    sessions: list[Session],
    seconds: float,
    interval: int = 100 * MS,
    kind: str = "write",
    report: Callable[[dict[str, Any]], None] = lambda counts: None,
) -> tuple[probe.Summary, list[ledger.Ledger]]:
    """Run streams to the end of a played time; the summary and the ledgers."""
    specs = probe.spread([f"w{number:02d}" for number in range(len(sessions))], kind, "application", interval)
    streams = []
    for spec, session in zip(specs, sessions, strict=True):
        header = {"client": "desk", "stream": spec.name, "kind": spec.kind, "path": spec.path}
        streams.append(
            probe.Stream(spec, session, ledger.Writer(probe.ledger_path(str(place), spec.name), header), PAYLOAD)
        )
    end = time.now + int(seconds * probe.SECOND)

    def control() -> probe.Control:
        return probe.Control(7, "the test is over" if time.now >= end else "")

    summary = probe.Probe(streams, control, report, time.clock(), time).run()
    return summary, [ledger.read(probe.ledger_path(str(place), spec.name)) for spec in specs]


def test_sixteen_writers_look_every_six_milliseconds(tmp_path: Path) -> None:
    time = Time()
    _summary, ledgers = run(tmp_path, time, [Played(time) for _ in range(16)], 2)
    sent = sorted(operation.sent for each in ledgers for operation in each.operations)
    assert max(after - before for before, after in itertools.pairwise(sent)) <= 10 * MS
    assert all(each.damage == () and each.closed for each in ledgers)
    assert {operation.epoch for each in ledgers for operation in each.operations} == {7}


def test_a_stall_is_not_hidden_by_clients_that_wait(tmp_path: Path) -> None:
    """The schedule goes on: what could not be sent in time is counted, and the time without an answer is in the ledger."""
    time = Time()
    stall = (time.now + 1_000 * MS, time.now + 4_000 * MS)
    session = Played(time, stall)
    summary, (seen,) = run(tmp_path, time, [session], 6)
    lost = [operation for operation in seen.operations if operation.outcome == ledger.UNKNOWN]
    assert len(lost) >= 2 and all(operation.ended == operation.sent + 1000 * MS for operation in lost)
    assert summary.counts.busy >= 25 and sum(missed.slots for missed in seen.missed) == summary.counts.busy
    for missed in seen.missed:
        last = missed.due + (missed.slots - 1) * 100 * MS
        assert any(each.sent <= missed.due and last <= (each.ended or 0) for each in seen.operations)
    # Nothing is made up for afterwards: an operation for a slot, never two.
    assert summary.counts.slots == len(seen.operations) + summary.counts.busy
    assert summary.kept_schedule, "the server was slow, not the probe"


def test_it_tells_for_how_long_no_write_was_acknowledged(tmp_path: Path) -> None:
    """One stream that hangs says nothing of the service; all of them do."""
    told: list[dict[str, Any]] = []
    time = Time()
    stall = (time.now + 1_000 * MS, time.now + 4_000 * MS)
    run(tmp_path, time, [Played(time, stall), Played(time, stall)], 6, report=told.append)
    quiet = {counts["seconds"]: counts["quiet_seconds"] for counts in told}
    assert quiet[1.0] <= 0.1 and 1.9 <= quiet[3.0] <= 2.1 and quiet[5.0] <= 0.1
    told.clear()
    (tmp_path / "one").mkdir()
    run(tmp_path / "one", time, [Played(time, (time.now, time.now + 9_000 * MS)), Played(time)], 3, report=told.append)
    assert max(counts["quiet_seconds"] for counts in told if counts["quiet_seconds"] is not None) <= 0.1


def test_reads_do_not_tell_that_writes_get_through(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []
    time = Time()
    run(tmp_path, time, [Played(time)], 3, kind="read", report=told.append)
    assert told and {counts["quiet_seconds"] for counts in told} == {None}


def test_every_operation_is_sent_in_its_own_slot(tmp_path: Path) -> None:
    time = Time()
    start = time.now
    _summary, (seen,) = run(tmp_path, time, [Played(time, (start + 200 * MS, start + 2_300 * MS))], 4)
    assert all((operation.sent - start) % (100 * MS) == 0 for operation in seen.operations)


def test_a_probe_that_is_slow_says_so(tmp_path: Path) -> None:
    time = Time()
    time.slow_at = {time.now + 500 * MS: 350 * MS}
    summary, (seen,) = run(tmp_path, time, [Played(time)], 2)
    assert summary.counts.behind >= 3 and summary.counts.late == len(seen.late) >= 1
    assert not summary.kept_schedule and summary.counts.worst >= 50 * MS
    assert [missed.why for missed in seen.missed] == [ledger.BEHIND]
    late = seen.late[0]
    assert next(each for each in seen.operations if each.seq == late.seq).sent - late.due > probe.LATE


@given(
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 900)), max_size=4),
)
def test_every_slot_is_either_sent_or_counted(interval: int, slow: list[tuple[int, int]]) -> None:
    """A property of the schedule alone: no slot is lost, none is counted twice."""

    class Sink:
        def __init__(self) -> None:
            self.intents = 0
            self.slots = 0

        def intent(self, *_: Any) -> None:
            self.intents += 1

        def missed(self, _due: int, count: int, _why: str) -> None:
            self.slots += count

        def __getattr__(self, name: str) -> Any:
            return lambda *_: None

    time, sink = Time(), Sink()
    stream = probe.Stream(
        probe.StreamSpec("w00", "write", "application", interval * MS, 3 * MS),
        NullSession(),
        sink,
        PAYLOAD,  # type: ignore[arg-type]
    )
    stream.begin(time.now)
    start = time.now
    jumps = [(start + at * MS, by * MS) for at, by in slow]
    heapq.heapify(jumps)
    while time.now < start + 3_000 * MS:
        time.now = max(time.now, stream.due)
        while jumps and jumps[0][0] <= time.now:
            time.now += heapq.heappop(jumps)[1]
        stream.take_slot(time.now, 1, time.clock())
    stream.close(time.clock())
    assert sink.intents + sink.slots == stream.counts.slots
    assert stream.counts.slots == (time.now - start - 3 * MS) // (interval * MS) + 1


def test_the_intent_is_written_before_the_request_is_sent(tmp_path: Path) -> None:
    time, seen = Time(), []

    class Spy(NullSession):
        def begin(self, request: Request, now: int) -> Answer | None:
            lines = (tmp_path / "w00.ledger").read_text().splitlines()
            seen.append(lines[-1].split()[:4] == ["I", str(request.seq), request.uuid, request.payload_hash])
            return super().begin(request, now)

    run(tmp_path, time, [Spy()], 0.5)
    assert len(seen) >= 5 and all(seen)


def test_what_is_open_at_the_end_gets_its_answer(tmp_path: Path) -> None:
    time = Time()
    session = Played(time, takes=300 * MS)
    _summary, (seen,) = run(tmp_path, time, [session], 0.15)
    assert [operation.outcome for operation in seen.operations] == [ledger.ACKED] and session.closed


def test_a_stream_whose_ledger_breaks_sends_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    sessions = [Played(time), Played(time)]
    real, count = ledger.Writer.intent, []

    def intent(self: ledger.Writer, *arguments: Any) -> None:
        if self.path.endswith("w00.ledger"):
            count.append(1)
            if len(count) > 3:
                raise self._broken("No space left on device")
        real(self, *arguments)

    monkeypatch.setattr(ledger.Writer, "intent", intent)
    summary, ledgers = run(tmp_path, time, list(sessions), 2)
    assert len(sessions[0].asked) == 3 and len(sessions[1].asked) >= 19
    assert "No space left" in summary.broken["w00"] and not ledgers[0].closed and ledgers[1].closed


def test_reads_have_no_payload(tmp_path: Path) -> None:
    time = Time()
    session = Played(time)
    _summary, (seen,) = run(tmp_path, time, [session], 0.3, kind="read")
    assert {operation.payload_hash for operation in seen.operations} == {""} and session.asked[0].payload == ""


def test_the_payload_begins_with_the_drill_and_tells_the_row() -> None:
    assert PAYLOAD("w03", 7, "ab" * 16).startswith("d1 w03 7 " + "ab" * 16 + " ") and len(PAYLOAD("w03", 7, "x")) == 80


# --------------------------------------------------------------------------------------------------------------- steering


def lease(place: Path) -> str:
    path = detached.lease_path(str(place), "probe")
    Path(path).touch()
    return path


def test_the_lease_ends_the_probe_when_nobody_renews_it(tmp_path: Path) -> None:
    path, now = lease(tmp_path), [100.0]
    probe_job.set_epoch(str(tmp_path), "probe", 3)
    steering = probe_job.Steering(str(tmp_path), "probe", 30, lambda: now[0])
    assert steering() == probe.Control(3)
    now[0] = 129.0
    assert not steering().stop
    os.utime(path, ns=(1, 1))
    assert not steering().stop
    now[0] = 158.0
    assert not steering().stop, "it was renewed at 129"
    now[0] = 160.0
    assert steering().reason == probe_job.LAPSED and not os.path.exists(path)
    assert steering().reason == probe_job.STOPPED


def test_a_lease_that_is_taken_away_stops_the_probe_at_once(tmp_path: Path) -> None:
    path = lease(tmp_path)
    steering = probe_job.Steering(str(tmp_path), "probe", 30)
    assert not steering().stop
    os.unlink(path)
    assert steering().reason == probe_job.STOPPED


def test_the_epoch_is_told_to_a_probe_that_runs(tmp_path: Path) -> None:
    lease(tmp_path)
    assert probe_job.set_epoch(str(tmp_path), "probe", 1)
    steering = probe_job.Steering(str(tmp_path), "probe", 30)
    assert steering().epoch == 1
    assert probe_job.set_epoch(str(tmp_path), "probe", 2) and not probe_job.set_epoch(str(tmp_path), "probe", 2)
    os.utime(probe_job.epoch_path(str(tmp_path), "probe"), ns=(5, 5))
    assert steering().epoch == 2


def plan(place: Path, key: str = "k1", seconds: float = 30.0) -> probe_job.Plan:
    specs = probe.spread(["w00", "w01"], "write", "application", 20 * MS)
    header = {"client": "desk", "drill": "d1"}
    return probe_job.Plan(str(place), "probe", key, seconds, header, specs, lambda spec: NullSession(), PAYLOAD)


def test_the_job_is_started_once_told_stopped_and_summed_up(tmp_path: Path) -> None:
    place = tmp_path / "probe"
    first = probe_job.start(plan(place), 1)
    try:
        assert first.status.is_running and not first.attached
        again = probe_job.start(plan(place), 1)
        assert again.attached and again.status.process == first.status.process
        with pytest.raises(Refusal, match="is already at work"):
            probe_job.start(plan(place, "k2"), 1)
    finally:
        ended = probe_job.stop(str(place), "probe")
    assert ended.state == detached.FINISHED and ended.result["reason"] == probe_job.STOPPED
    sums = probe_job.summaries(str(place))
    assert [each["stream"] for each in sums] == ["w00", "w01"]
    assert all(each["closed"] and not each["damage"] and each["acked"] == each["operations"] > 0 for each in sums)
    assert not probe_job.stop(str(place), "probe").is_running
    with pytest.raises(Refusal, match="has ledgers of w00, w01 already"):
        probe_job.start(plan(place), 1)


def test_the_job_ends_by_itself_when_its_lease_lapses(tmp_path: Path) -> None:
    place = tmp_path / "probe"
    probe_job.start(plan(place, seconds=1.5), 1)
    ended = probe_job.wait_until(
        lambda: detached.ask(str(place), "probe"), lambda seen: not seen.is_running, 60, "the lease to lapse", ""
    ).value
    assert ended.state == detached.FINISHED and ended.result["reason"] == probe_job.LAPSED
    assert all(each["closed"] for each in probe_job.summaries(str(place)))


def test_what_the_clock_is_disciplined_by_is_seen_or_told() -> None:
    def runner(command: Any) -> Completed:
        if command.argv[0] == "chronyc":
            raise FileNotFoundError(2, "No such file or directory")
        return Completed(command.argv, 0, "NTPSynchronized=yes\n", "", 0.1, False)

    assert probe_job.clock_sync(runner) == {"source": "timedatectl show", "seen": "NTPSynchronized=yes\n"}
    nothing = probe_job.clock_sync(lambda command: Completed(command.argv, 1, "", "not here", 0.1, False))
    assert nothing == {"source": "", "seen": "chronyc: not here; timedatectl: not here"}


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x" * 41])
def test_names_that_cannot_be_files_are_refused(name: str) -> None:
    with pytest.raises(Refusal, match="drill is"):
        probe_job.checked_name("drill", name)
