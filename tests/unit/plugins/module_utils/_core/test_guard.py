# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard of a role change: it waits for the first go, counts every attempt once, and ends when it is told to or nobody is there to tell it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, guard
from ansible_collections.firedrill.standby.plugins.module_utils._core.guard import (
    ACCEPTED,
    NO_ANSWER,
    OUTCOMES,
    REFUSED,
    UNCLEAR,
    Attempt,
    Order,
    Watch,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock, wait_until


class Time:
    """A clock on which something happens: ``at`` holds what to do when it has come so far."""

    def __init__(self) -> None:
        self.now = 0.0
        self.at: list[tuple[float, Callable[[], None]]] = []

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        due = [each for each in self.at if each[0] <= self.now]
        self.at = [each for each in self.at if each[0] > self.now]
        for _, happen in due:
            happen()

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, self.sleep)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "role_change"
    directory.mkdir(mode=0o700)
    (directory / "lease").touch()
    yield directory
    guard.stop(str(directory))


def order(place: Path, change: str = "c1", limit: float = 30.0, interval: float = 1.0) -> Order:
    return Order(change, "seoul1", [str(place / "go-2"), str(place / "go-4")], str(place / "lease"), interval, limit)


def touch(path: Path) -> Callable[[], None]:
    return path.touch


def watched(place: Path, time: Time, answers: Callable[[float], Attempt], limit: float = 30.0) -> Watch:
    return Watch(str(place), order(place, limit=limit), lambda: answers(time.now), time.clock)


def test_nothing_is_tried_before_the_former_primary_has_handed_over(place: Path):
    time, tried = Time(), []

    def answers(now: float) -> Attempt:
        tried.append(now)
        return Attempt(REFUSED, "nobody listens")

    time.at = [(5.0, touch(place / "go-2")), (9.0, touch(place / "guard-stop"))]
    seen = watched(place, time, answers).run(lambda _: None)
    assert tried[0] >= 5.0 and len(tried) == seen["attempts"] == seen[REFUSED]
    assert 3 <= len(tried) <= 6 and seen["began_at"] and seen["ended_at"]
    assert guard.read(str(place), "c1") == seen and (place / "guard-c1.json").stat().st_mode & 0o777 == 0o600


def test_a_change_that_never_came_so_far_leaves_no_attempt(place: Path):
    time = Time()
    seen = watched(place, time, lambda now: Attempt(ACCEPTED, "never")).run(lambda _: None)
    assert seen["attempts"] == 0 and seen["began_at"] == "" and not guard.proves(seen)
    assert 30.0 < time.now < 32.0


def test_it_ends_by_itself_when_its_controller_is_gone_and_not_before(place: Path):
    time = Time()
    (place / "go-4").touch()
    lease = place / "lease"

    def renew() -> None:
        later = lease.stat().st_mtime + 1
        os.utime(lease, (later, later))

    time.at = [(20.0, renew), (40.0, renew)]
    seen = watched(place, time, lambda now: Attempt(NO_ANSWER, "connect: timed out")).run(lambda _: None)
    assert 70.0 < time.now < 73.0 and seen[NO_ANSWER] == seen["attempts"] > 60
    assert not guard.proves(seen), "a host that gives no answer proves nothing"


@pytest.mark.parametrize(
    ("outcomes", "proves"),
    [
        ([REFUSED], True),
        ([REFUSED, NO_ANSWER], True),
        ([NO_ANSWER], False),
        ([REFUSED, UNCLEAR], False),
        ([REFUSED, ACCEPTED, REFUSED], False),
    ],
)
def test_what_it_proves(place: Path, outcomes: list[str], proves: bool):
    time, left = Time(), list(outcomes)
    (place / "go-2").touch()

    def answers(now: float) -> Attempt:
        outcome = left.pop(0)
        if not left:
            (place / "guard-stop").touch()
        return Attempt(outcome, outcome)

    seen = watched(place, time, answers).run(lambda _: None)
    assert guard.proves(seen) is proves
    assert guard.summary(seen).startswith(f"{len(outcomes)} attempt(s) to write on seoul1")
    assert f"{outcomes.count(ACCEPTED)} accepted" in guard.summary(seen)


def test_of_several_one_that_is_silent_hides_behind_nobody():
    seen = {"member": "seoul1", REFUSED: 3, NO_ANSWER: 3}
    assert guard.proves(seen) and not guard.proves({**seen, "member": "seoul1, busan1"})
    assert guard.proves({**seen, "member": "seoul1, busan1", NO_ANSWER: 0})


@given(st.lists(st.tuples(st.sampled_from(OUTCOMES), st.sampled_from([str(number) for number in range(12)]))))
def test_every_attempt_is_counted_once(tmp_path_factory: pytest.TempPathFactory, answers: list[tuple[str, str]]):
    place = tmp_path_factory.mktemp("guard")
    (place / "go-2").touch()
    left = list(answers)
    if not left:
        (place / "guard-stop").touch()
        left = [(REFUSED, "last")]

    def attempt() -> Attempt:
        if len(left) == 1:
            (place / "guard-stop").touch()
        return Attempt(*left.pop(0))

    time = Time()
    seen = Watch(str(place), order(place), attempt, time.clock).run(lambda _: None)
    wanted = answers or [(REFUSED, "last")]
    assert {name: seen[name] for name in OUTCOMES} == {
        name: [each[0] for each in wanted].count(name) for name in OUTCOMES
    }
    assert seen["attempts"] == len(wanted) and len(seen["said"]) <= 8
    assert all(times == wanted.count((outcome, said)) for outcome, said, times in seen["said"])


def test_an_accepted_write_is_in_the_file_at_once(place: Path):
    time, found = Time(), []
    (place / "go-2").touch()

    def answers(now: float) -> Attempt:
        found.append(guard.read(str(place), "c1").get(ACCEPTED, 0))
        if len(found) == 4:
            (place / "guard-stop").touch()
        return Attempt(ACCEPTED, "made")

    watched(place, time, answers).run(lambda _: None)
    assert found == [0, 1, 2, 3]


def tried(place: Path, number: int) -> dict[str, int]:
    return wait_until(
        lambda: detached.ask(str(place), guard.JOB).progress,
        lambda seen: seen.get("attempts", 0) >= number,
        20,
        "attempts",
        "",
        interval=0.02,
    ).value


def test_a_process_of_its_own_that_an_earlier_run_has_left_goes_on(place: Path):
    (place / "go-2").touch()
    first = guard.arm(str(place), order(place, interval=0.01), lambda: Attempt(REFUSED, "first"))
    assert not first.attached
    again = guard.arm(str(place), order(place, interval=0.01), lambda: Attempt(ACCEPTED, "another"))
    assert again.attached and again.status.process == first.status.process
    tried(place, 2)
    guard.stop(str(place))
    seen = guard.read(str(place), "c1")
    assert seen[REFUSED] == seen["attempts"] >= 2
    # Nothing is left but what it saw.
    assert sorted(path.name for path in place.iterdir()) == ["go-2", "guard-c1.json", "lease"]


def test_the_guard_of_another_change_is_ended_first(place: Path):
    (place / "go-2").touch()
    guard.arm(str(place), order(place, interval=0.01), lambda: Attempt(REFUSED, "first"))
    tried(place, 1)
    second = guard.arm(str(place), order(place, "c2", interval=0.01), lambda: Attempt(NO_ANSWER, "second"))
    assert not second.attached and guard.read(str(place), "c1")["ended_at"]
    tried(place, 1)
    guard.stop(str(place))
    assert guard.read(str(place), "c2")[NO_ANSWER] >= 1 and guard.read(str(place), "c2")[REFUSED] == 0


def test_a_stop_that_found_nobody_does_not_end_the_next_one(place: Path):
    (place / "guard-stop").touch()
    (place / "go-2").touch()
    guard.arm(str(place), order(place, interval=0.01), lambda: Attempt(REFUSED, "well"))
    assert tried(place, 3)["attempts"] >= 3
