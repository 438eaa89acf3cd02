# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watcher of seed_pull: what it asks, what it shows, and what it does when the target is away for a while."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.firedrill.standby.plugins.action import seed_pull as action
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock

RUNNING = {
    "percent": 42,
    "bytes_done": 3 * 1024**3 // 2,
    "bytes_total": 3 * 1024**3,
    "rate": 100 * 1024**2,
    "eta": 3725,
    "phase": "copying",
}


class Watched:
    """The action with a module whose answers are given, a clock that only sleeping moves, and a record of what was
    shown.
    """

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, answers: list[Any], arguments: dict[str, Any], check: bool = False
    ) -> None:
        self.asked: list[dict[str, Any]] = []
        self.shown: list[str] = []
        self.warned: list[str] = []
        self.now = 0.0
        self.answers = list(answers)
        self.plugin = action.ActionModule.__new__(action.ActionModule)
        self.plugin._task = SimpleNamespace(args=arguments, check_mode=check)
        self.plugin._templar = SimpleNamespace(template=lambda value: value)
        self.plugin._execute_module = self.answer
        monkeypatch.setattr(action.ActionBase, "run", lambda *_: {})
        self.plugin.clock = Clock(now=lambda: self.now, sleep=self.sleep)
        monkeypatch.setattr(action, "display", SimpleNamespace(display=self.shown.append, warning=self.warned.append))

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def answer(self, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        assert module_name == "firedrill.standby.seed_pull"
        self.asked.append(dict(module_args))
        one = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(one, Exception):
            raise one
        return dict(one)

    def run(self) -> dict[str, Any]:
        result: dict[str, Any] = self.plugin.run(task_vars={"inventory_hostname": "busan1"})
        return result


GOING = {"finished": False, "job": "7-1", "progress": RUNNING}


def test_polls_the_same_job_until_it_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    first = dict(GOING, diff={"before": "", "after": "x"})
    watched = Watched(monkeypatch, [first, GOING, {"finished": True, "changed": True}], {"seed_id": "s", "wait": True})
    result = watched.run()
    assert result == {"finished": True, "changed": True, "diff": first["diff"]}
    assert watched.asked == [{"seed_id": "s", "wait": False}] + [{"seed_id": "s", "wait": False, "job": "7-1"}] * 2
    assert watched.shown == [], "a short copy shows nothing"


def test_long_copy_shows_how_far_it_is_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, [GOING] * 15 + [{"finished": True, "changed": True}], {})
    watched.run()
    assert watched.shown[0] == "busan1: copying 42 %, 1.5 GiB of 3.0 GiB, 100.0 MiB/s, 1:02:05 left"
    assert watched.now / 10 < len(watched.shown) <= watched.now / action.LAST_INTERVAL


@pytest.mark.parametrize(
    ("arguments", "check", "answer"),
    [
        ({"wait": False}, False, GOING),
        ({"wait": "no"}, False, GOING),
        ({}, True, {"finished": False, "changed": True}),
        ({"state": "prepared"}, False, {"finished": False, "changed": True, "public_key": "k"}),
        ({}, False, {"failed": True, "msg": "no"}),
        ({}, False, {"finished": True, "changed": False}),
    ],
)
def test_asks_once_where_there_is_nothing_to_wait_for(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], check: bool, answer: dict[str, Any]
) -> None:
    watched = Watched(monkeypatch, [answer], arguments, check)
    assert watched.run() == answer and len(watched.asked) == 1


def test_failure_in_the_middle_is_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, [dict(GOING, diff={}), {"failed": True, "msg": "disk full"}], {})
    assert watched.run() == {"failed": True, "msg": "disk full"}


def test_target_that_is_away_for_a_while_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    away = AnsibleConnectionFailure("no route")
    watched = Watched(monkeypatch, [GOING, away, away, GOING, {"finished": True, "changed": True}], {})
    assert watched.run()["finished"] is True
    assert watched.warned == ["busan1 cannot be reached, the copy on it goes on: no route"] * 2


def test_target_that_stays_away_ends_the_watch_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, [GOING, AnsibleConnectionFailure("no route")], {})
    with pytest.raises(AnsibleConnectionFailure, match="run the same task again when the host answers"):
        watched.run()
    assert watched.now >= action.UNREACHABLE_LIMIT


def test_progress_before_the_first_figures_and_without_a_rate() -> None:
    assert action.progress_line("busan1", {}) == "busan1: copy is starting"
    line = action.progress_line("busan1", dict(RUNNING, eta=None, phase="reconnecting", last_error="cut"))
    assert line.endswith("unknown time left (cut)") and "reconnecting" in line


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536 * 1024**2, "1.5 GiB"), (2**60, "1024.0 PiB")],
)
def test_bytes_for_people(amount: int, text: str) -> None:
    assert action.readable(amount) == text
