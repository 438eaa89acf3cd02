# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A member's worker: it waits for go, marks before it acts, tells the end, and ends by itself when nobody gives a sign of life."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, journal, stepper
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed, Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.journal import Change, Journal, Step
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until

STEPS = (
    Step(1, "a", "first", "the first", "back"),
    Step(2, "b", "theirs", "not ours", "back"),
    Step(3, "a", "last", "the last", "back"),
)
CHANGE = Change("c1", "switchover", "a", "b", "ops@desk", "2026-11-27T06:00:00Z", STEPS)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Journal]:
    found = Journal(str(tmp_path / "role_change"))
    yield found
    if os.path.isdir(found.directory):
        detached.cancel(found.directory, stepper.JOB)


def arm(own: Journal, actions: dict[str, Any], patience: float = 20.0, run: str = "r1", wait: float = 0.5) -> None:
    stepper.arm(own, stepper.Order(run, CHANGE, "a", (1, 3), patience), actions, wait)


def go(own: Journal, number: int, run: str = "r1", payload: dict[str, Any] | None = None) -> None:
    text = json.dumps({"run": run, "payload": payload or {}})
    detached.write_atomically(stepper.go_path(own.directory, number), text)


def end(own: Journal, number: int) -> dict[str, Any]:
    path = stepper.end_path(own.directory, number)
    return dict(wait_until(lambda: detached.read_json(path), bool, 20, f"end {number}", "", interval=0.02).value or {})


def over(own: Journal) -> detached.Status:
    return wait_until(
        lambda: stepper.status(own.directory), lambda seen: not seen.is_running, 20, "the worker", "", interval=0.02
    ).value


def marks(own: Journal) -> dict[int, str]:
    record = own.read()
    assert record is not None
    return {number: mark.state for number, mark in record.marks.items()}


def test_steps_run_at_their_go_with_what_others_saw(own: Journal) -> None:
    actions = {
        "first": lambda step, payload: {"title": step.title, "marked": marks(own)},
        "last": lambda step, payload: {"heard": payload["theirs"]},
    }
    arm(own, actions)
    assert marks(own) == {}
    go(own, 1)
    # The mark is written before the step runs.
    assert end(own, 1)["seen"] == {"title": "the first", "marked": {"1": journal.BEGUN}}
    assert marks(own) == {1: journal.DONE}
    go(own, 3, payload={"theirs": {"position": "7"}})
    assert end(own, 3)["seen"] == {"heard": {"position": "7"}}
    assert over(own).result == {"ended": "all steps are done", "done": [1, 3]}
    assert marks(own) == {1: journal.DONE, 3: journal.DONE}


def test_nobody_says_go(own: Journal) -> None:
    arm(own, {}, patience=0.3)
    assert over(own).result == {"ended": "nobody said go for step 1", "done": []}
    assert marks(own) == {}


def test_a_sign_of_life_keeps_it_waiting(own: Journal) -> None:
    arm(own, {"first": lambda step, payload: {}}, patience=0.6)
    for number in range(6):
        os.utime(stepper.lease(own.directory), (number, number))
        with pytest.raises(Exception, match="last seen"):
            wait_until(lambda: "waiting", lambda _: False, 0.2, "time to pass", "")
        assert stepper.status(own.directory).is_running
    assert over(own).result["ended"] == "nobody said go for step 1"


def test_a_go_of_another_run_is_not_obeyed(own: Journal) -> None:
    arm(own, {"first": lambda step, payload: {}}, patience=0.5)
    go(own, 1, run="older")
    assert over(own).result["done"] == [] and marks(own) == {}


def test_a_step_that_fails_ends_the_part(own: Journal) -> None:
    def fails(step: Step, payload: Any) -> dict[str, Any]:
        raise CommandFailed("it said no", "refused", "look", {"code": 1127})

    arm(own, {"first": fails, "last": lambda step, payload: {}})
    go(own, 1)
    failed = end(own, 1)["failed"]
    assert (failed["seen"], failed["details"]) == ("it said no", {"code": 1127})
    assert over(own).result["ended"] == "step 1 failed" and marks(own) == {1: journal.FAILED}


def test_an_error_of_our_own_is_told_and_marked(own: Journal) -> None:
    arm(own, {"first": lambda step, payload: {}["nothing"]})
    go(own, 1)
    assert "KeyError" in end(own, 1)["failed"]["seen"] and marks(own) == {1: journal.FAILED}


def test_a_second_run_waits_for_a_worker_without_controller(own: Journal) -> None:
    arm(own, {"first": lambda step, payload: {"run": 1}}, patience=0.5)
    arm(own, {"first": lambda step, payload: {"run": 2}}, run="r2", wait=20)
    go(own, 1, run="r2")
    assert end(own, 1)["seen"] == {"run": 2}


def test_a_second_run_is_refused_while_the_first_has_a_controller(own: Journal) -> None:
    arm(own, {}, patience=30)
    with pytest.raises(Refusal, match=r"Another run is changing roles here: waiting for its controller.*ops@desk"):
        arm(own, {}, run="r2", wait=0.3)


def test_marks_of_an_earlier_run_are_no_go(own: Journal) -> None:
    arm(own, {"first": lambda step, payload: {}}, patience=0.5)
    go(own, 1)
    end(own, 1)
    over(own)
    arm(own, {"first": lambda step, payload: {}}, patience=0.3, run="r2", wait=5)
    assert not os.path.exists(stepper.end_path(own.directory, 1))
    assert over(own).result["done"] == []
