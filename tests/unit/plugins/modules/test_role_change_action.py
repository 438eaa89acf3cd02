# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conductor of a role change: two members hand over through the controller's journal; real shells, real workers, played actions."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.firedrill.standby.plugins.action import tibero_role_change as action
from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, journal, stepper
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed
from ansible_collections.firedrill.standby.plugins.module_utils._core.journal import Change, Journal, Step
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until

STEPS = (
    Step(1, "seoul1", "demote", "stop the primary", "back"),
    Step(2, "busan1", "stop", "stop the standby", "back"),
    Step(3, "seoul1", "follow", "it follows", "back"),
    Step(4, "busan1", "promote", "it's open", "none"),
)
CHANGE = Change("c1", "switchover", "seoul1", "busan1", "ops@desk", "now", STEPS)
Act = Callable[[Step, Any], Any]


class Member:
    """One member: its journal and worker are real, its actions are played, its connection can be cut."""

    def __init__(self, place: Path, name: str, todo: list[int], act: Act, log: Path, run: str = "r1") -> None:
        self.name = name
        self.journal = Journal(str(place / name))
        self.act = act
        self.cut = 0
        self.shells: list[str] = []
        self.plugin = action.ActionModule.__new__(action.ActionModule)
        self.arguments = {
            "state": "armed", "member": name, "change": CHANGE.as_dict(), "todo": todo, "order": [1, 2, 3, 4],
            "involved": ["seoul1", "busan1"], "payload": {}, "run": run, "log": str(log),
        }  # fmt: skip
        self.plugin._task = SimpleNamespace(args=self.arguments, check_mode=False)
        self.plugin._execute_module = self.module  # type: ignore[method-assign]
        self.plugin._low_level_execute_command = self.shell  # type: ignore[method-assign]
        self.result: dict[str, Any] = {}

    def module(self, module_name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        assert module_name == "firedrill.standby.tibero_role_change"
        assert not {"order", "involved", "payload", "log"} & set(module_args)
        order = stepper.Order(module_args["run"], CHANGE, self.name, tuple(module_args["todo"]), 20.0)
        actions = dict.fromkeys(("demote", "stop", "follow", "promote"), self.act)
        started = stepper.arm(self.journal, order, actions, 5.0)
        assert started.status.process
        return {"directory": self.journal.directory, "pid": started.status.process.pid, "steps": [], "notes": []}

    def shell(self, script: str, executable: str) -> dict[str, Any]:
        assert executable == "/bin/sh"
        self.shells.append(script)
        if self.cut:
            self.cut -= 1
            raise AnsibleConnectionFailure("no route to host")
        done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, timeout=60, check=False)
        return {"rc": done.returncode, "stdout": done.stdout}

    def start(self) -> threading.Thread:
        def run() -> None:
            self.result = self.plugin.run(task_vars={})

        thread = threading.Thread(target=run)
        thread.start()
        return thread


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    shown: list[str] = []
    monkeypatch.setattr(action.ActionBase, "run", lambda *_: {})
    monkeypatch.setattr(action, "display", SimpleNamespace(display=shown.append, vvv=lambda _: None))
    return shown


def both(place: Path, one: Act, other: Act) -> tuple[Member, Member]:
    log = place / "c1.jsonl"
    return Member(place, "seoul1", [1, 3], one, log), Member(place, "busan1", [2, 4], other, log)


def play(*members: Member) -> None:
    threads = [member.start() for member in members]
    for thread in threads:
        thread.join(90)
        assert not thread.is_alive()


def events(place: Path) -> list[tuple[str, str, int]]:
    lines = [json.loads(line) for line in (place / "c1.jsonl").read_text().splitlines()]
    return [(line["member"], line["event"], line["step"]) for line in lines if line["event"] != "armed"]


def test_members_hand_over_in_order_with_what_was_seen(tmp_path: Path, quiet: list[str]) -> None:
    def act(step: Step, payload: Any) -> dict[str, Any]:
        return {"position": f"{step.number}0", "heard": sorted(payload)}

    one, other = both(tmp_path, act, act)
    play(one, other)
    heard = {entry["title"]: entry["seen"]["heard"] for member in (one, other) for entry in member.result["done"]}
    assert heard == {
        "stop the primary": [],
        "stop the standby": ["demote"],
        "it follows": ["demote", "stop"],
        "it's open": ["demote", "follow", "stop"],
    }
    assert one.result["changed"] and not one.result.get("failed")
    expected = [(STEPS[n - 1].member, word, n) for n in (1, 2, 3, 4) for word in ("begin", "end")]
    assert events(tmp_path) == expected
    assert quiet == ["seoul1: stop the primary", "busan1: stop the standby", "seoul1: it follows", "busan1: it's open"]
    record = one.journal.read()
    assert record is not None and {n: mark.state for n, mark in record.marks.items()} == {
        1: journal.DONE,
        3: journal.DONE,
    }


def test_a_step_that_fails_stops_everybody_and_no_worker_is_left(tmp_path: Path) -> None:
    def fails(step: Step, payload: Any) -> dict[str, Any]:
        raise CommandFailed("it said no", "refused", "look", {"code": 1127})

    one, other = both(tmp_path, lambda step, payload: {}, fails)
    play(one, other)
    assert other.result["failed"] and other.result["seen"] == "it said no" and other.result["details"] == {"code": 1127}
    assert (
        one.result["failed"]
        and "Step 2 on busan1 (stop the standby) did not come to its end: it said no" in one.result["msg"]
    )
    assert [entry["step"] for entry in one.result["done"]] == [1] and one.result["changed"]
    assert not other.result["changed"]
    for member in (one, other):
        place = member.journal.directory
        wait_until(
            lambda place=place: stepper.status(place), lambda seen: not seen.is_running, 10, "its worker to end", ""
        )


def test_one_that_refuses_keeps_all_from_beginning(tmp_path: Path) -> None:
    one, other = both(tmp_path, lambda step, payload: {}, lambda step, payload: {})
    other.module = lambda **_: {"failed": True, "seen": "sessions are connected"}  # type: ignore[method-assign, misc]
    other.plugin._execute_module = other.module  # type: ignore[method-assign]
    play(one, other)
    assert "busan1 refused: sessions are connected" in one.result["msg"] and "no step was run" in one.result["msg"]
    assert not one.result["changed"] and events(tmp_path) == [("busan1", "refused", 0)]


def test_one_that_does_not_come_is_waited_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action, "MEETING", 0.5)
    one, _other = both(tmp_path, lambda step, payload: {}, lambda step, payload: {})
    play(one)
    assert "these are not prepared: busan1" in one.result["msg"] and not one.result["changed"]


def test_a_connection_that_comes_back_goes_on_and_does_nothing_twice(tmp_path: Path) -> None:
    def act(step: Step, payload: Any) -> dict[str, Any]:
        with open(tmp_path / "times", "a") as target:
            target.write(f"{step.number}\n")
        return {}

    one, other = both(tmp_path, act, act)
    one.cut = 3
    play(one, other)
    times = [int(line) for line in (tmp_path / "times").read_text().split()]
    assert times == [1, 2, 3, 4] and not one.result.get("failed")


def test_a_member_that_is_lost_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action, "LOST", 0.5)
    one, other = both(tmp_path, lambda step, payload: {}, lambda step, payload: {})
    one.cut = 10000
    play(one, other)
    assert "it cannot be reached: no route to host" in one.result["msg"] and "failover.yml" in one.result["msg"]
    assert "Step 1 on seoul1 (stop the primary) did not come to its end: it cannot be reached" in other.result["msg"]


def test_a_worker_that_died_is_said(tmp_path: Path) -> None:
    one, other = both(tmp_path, lambda step, payload: {}, lambda step, payload: {})
    plain = one.shell

    def shell(script: str, executable: str) -> dict[str, Any]:
        if "go-1" in script:
            detached.cancel(one.journal.directory, stepper.JOB)
        return plain(script, executable)

    one.plugin._low_level_execute_command = shell  # type: ignore[method-assign]
    play(one, other)
    assert "its worker is gone" in one.result["msg"]
    record = one.journal.read()
    assert record is not None and record.marks == {}
