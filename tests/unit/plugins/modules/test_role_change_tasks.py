# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks of the role role_change, run by ansible-playbook over played modules: what runs on whom, what is refused, how the journals are closed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[4]
HOSTS = ("seoul1", "seoul2", "busan1")
#: Each module of the collection that the tasks call, as an action that writes its call down and answers from the scene: by module, state where there is
#: one, and host; the n-th call gets the n-th answer, and the last answer stays.
PLAYED = """
import fcntl, json, os
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        args = dict(self._task.args)
        name, host = self._task.action.rsplit(".", 1)[-1], task_vars["inventory_hostname"]
        key = name + (":" + args["state"] if "state" in args else "")
        with open(os.environ["PLAYED_CALLS"], "a+") as calls:
            fcntl.flock(calls, fcntl.LOCK_EX)
            calls.seek(0)
            before = [json.loads(line) for line in calls]
            number = len([call for call in before if (call["key"], call["host"]) == (key, host)])
            calls.write(json.dumps({"key": key, "host": host, "args": args}) + "\\n")
        scene = json.load(open(os.environ["PLAYED_SCENE"]))
        answers = scene.get(key + "@" + host, scene.get(key, [{}]))
        return {"changed": False, **answers[min(number, len(answers) - 1)]}
"""
MODULES = (
    "cluster_role_change", "tibero_role_change", "tibero_marker", "tibero_query", "tibero_apply_wait", "tibero_instance_info", "tibero_dsn", "cluster_lock",
)  # fmt: skip
PLAY = """
- hosts: all
  gather_facts: false
  connection: local
  tasks:
    - ansible.builtin.include_role: {name: firedrill.standby.role_change}
"""
OBSERVE = """
- firedrill.standby.tibero_instance_info:
  register: standby_observation
"""
GIVEN = {
    "tibero_home": "/t", "tibero_sid": "orders", "tibero_sys_password": "none", "tibero_status_words": {}, "tibero_open_mode_words": {},
    "tibero_timeout": 5, "tibero_user": "tibero", "standby_os_user": "tibero", "standby_become": False, "standby_target": "seoul2",
    "cluster_locks": ["run", "roles"], "cluster_lock_timeout": 0,
}  # fmt: skip


FORMER = {"member": "seoul1", "alias": "seoul1", "host": "192.0.2.1", "port": 8629}


def decision(mode: str, number: str = "c1", undoes: str = "", **more: Any) -> dict[str, Any]:
    kind = "undo" if undoes else "switchover"
    change = {"id": number, "kind": kind, "old": "seoul1", "new": "seoul2", "undoes": undoes}
    steps = [1, 2] if mode in ("begin", "resume", "undo") else []
    own = {"seoul1": [1], "seoul2": [2]} if steps else {}
    given = {
        "mode": mode, "change": change, "todo": steps, "own": own, "involved": list(own), "payload": {}, "result": "done", "words": "well",
        "run": "r1", "aliases": {name: [] for name in HOSTS}, "log": "", "primary": "seoul2",
        "guard": {"seoul2": {"members": [FORMER]}} if steps and not undoes else {},
    }  # fmt: skip
    return {"ansible_facts": {"standby_change": {**given, **more}}}


def observed(name: str) -> dict[str, Any]:
    role = "primary" if name == "seoul1" else "standby"
    return {"role": role, "open_mode": "x", "rebuild": "", "role_change": {}, "state": {"position": {"value": "100"}}}


SOUND = {
    **{f"tibero_instance_info@{name}": [observed(name)] for name in HOSTS},
    "cluster_role_change": [decision("begin")],
    "tibero_marker:written": [{"position": "120", "changed": True}],
    "tibero_query": [{"reply": "System altered.", "changed": True}],
    "tibero_apply_wait": [{"duration": 0.1}],
}


class Bench:
    """A collection of played modules around the real tasks."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.calls: list[dict[str, Any]] = []
        collection = place / "ansible_collections/firedrill/standby"
        (collection / "plugins/action").mkdir(parents=True)
        for name in MODULES:
            (collection / f"plugins/action/{name}.py").write_text(PLAYED)
        (collection / "meta").mkdir()
        shutil.copy(ROOT / "meta/runtime.yml", collection / "meta")
        shutil.copy(ROOT / "galaxy.yml", collection)
        for part in ("tasks", "defaults"):
            shutil.copytree(ROOT / "roles/role_change" / part, collection / "roles/role_change" / part)
        (collection / "roles/cluster/tasks").mkdir(parents=True)
        (collection / "roles/cluster/tasks/observe.yml").write_text(OBSERVE)
        shutil.copy(ROOT / "roles/cluster/tasks/lock.yml", collection / "roles/cluster/tasks")
        (place / "play.yml").write_text(PLAY)
        (place / "ansible.cfg").write_text("[defaults]\n")

    def run(self, scene: dict[str, Any], *arguments: str, **variables: Any) -> str:
        (self.place / "scene.json").write_text(json.dumps({**SOUND, **scene}))
        calls = self.place / "calls.jsonl"
        calls.write_text("")
        (self.place / "variables.json").write_text(json.dumps({**GIVEN, **variables}))
        program = str(Path(sys.executable).parent / "ansible-playbook")
        environment = {
            **os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_COLLECTIONS_PATH": str(self.place), "ANSIBLE_CONFIG": str(self.place / "ansible.cfg"),
            "PLAYED_SCENE": str(self.place / "scene.json"), "PLAYED_CALLS": str(calls), "ANSIBLE_HOME": str(self.place / "home"),
        }  # fmt: skip
        ran = subprocess.run(
            [program, "-i", ",".join(HOSTS), "play.yml", "-e", "@variables.json", *arguments],
            env=environment, cwd=self.place, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        self.calls = [json.loads(line) for line in calls.read_text().splitlines()]
        return " ".join((ran.stdout + ran.stderr).split())

    def seen(self, *keys: str) -> list[str]:
        return [f"{call['key']}@{call['host']}" for call in self.calls if call["key"] in keys]

    def closed(self) -> dict[str, tuple[str, str, str]]:
        """Member -> id, result and words by which its journal was closed last."""
        found = [call for call in self.calls if call["key"] == "tibero_role_change:closed"]
        return {call["host"]: (call["args"]["change"]["id"], call["args"]["result"], call["args"]["words"]) for call in found}  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


UNDO = decision("undo", "c2", "c1", result="undone", words="taken back")
FAILS: dict[str, Any] = {"failed": True, "msg": "TBR-1: the step failed."}
LASTS: dict[str, Any] = {"failed": True, "msg": "TBR-1127: no standby."}
BOTH = ("seoul1", "seoul2")


def steps(*answers: dict[str, Any]) -> dict[str, Any]:
    return {"tibero_role_change": list(answers)}


TRAVELS = ("tibero_marker:written", "tibero_query", "tibero_apply_wait", "tibero_marker:absent", "tibero_role_change")


# ------------------------------------------------------------------------------ nobody else

HELD = {"failed": True, "msg": "Another run is at work on this cluster: ops@desk, process 7, since then."}


def test_the_locks_are_taken_on_the_first_member_by_name_and_then_on_the_others_before_anything_is_looked_at(
    bench: Bench,
) -> None:
    bench.run({})
    assert bench.seen("cluster_lock")[0] == "cluster_lock@busan1"
    assert sorted(bench.seen("cluster_lock")) == [f"cluster_lock@{name}" for name in sorted(HOSTS)]
    assert [call["key"] for call in bench.calls[:3]] == ["cluster_lock"] * 3
    taken = bench.calls[0]["args"]
    assert taken == {
        "directory": "/t/instance/orders/firedrill/run", "where": "/t/instance/orders", "locks": ["run", "roles"]
    }  # fmt: skip


@pytest.mark.parametrize(("refuses", "asked"), [("busan1", 1), ("seoul1", 3), ("seoul2", 3)])
def test_who_is_refused_on_any_member_takes_no_more_and_decides_nothing(bench: Bench, refuses: str, asked: int) -> None:
    said = bench.run({f"cluster_lock@{refuses}": [HELD]})
    assert [call["key"] for call in bench.calls] == ["cluster_lock"] * asked
    assert said.count("ops@desk, process 7") >= len(HOSTS), "every member says so"


def test_a_member_that_does_not_answer_ends_nobody(bench: Bench) -> None:
    """What is silent is for the decision to judge, which says so by its name."""
    bench.run({"cluster_lock@busan1": [{"unreachable": True, "msg": "no route"}]})
    assert len(bench.seen("cluster_lock")) == 3 and "cluster_role_change" in [call["key"] for call in bench.calls]


# ------------------------------------------------------------------------------ before the outage


def test_something_new_has_to_arrive_before_the_primary_is_stopped(bench: Bench) -> None:
    bench.run({})
    assert bench.seen(*TRAVELS)[:4] == [
        "tibero_marker:written@seoul1", "tibero_query@seoul1", "tibero_apply_wait@seoul2", "tibero_marker:absent@seoul1",
    ]  # fmt: skip
    assert sorted(bench.seen("tibero_role_change")) == ["tibero_role_change@seoul1", "tibero_role_change@seoul2"]
    (wait,) = [call["args"] for call in bench.calls if call["key"] == "tibero_apply_wait"]
    assert (wait["position"], wait["apply_timeout"]) == ("120", 60)
    (query,) = [call["args"] for call in bench.calls if call["key"] == "tibero_query"]
    assert (query["query"], query["allow_changes"], query["tb_home"]) == ("ALTER SYSTEM SWITCH LOGFILE", True, "/t")


@pytest.mark.parametrize(
    ("scene", "says"),
    [
        ({"tibero_apply_wait": [{"failed": True, "msg": "Last seen: TSN 100."}]}, "which was at TSN 120, to seoul2: Last seen: TSN 100."),
        ({"tibero_query": [{"failed": True, "msg": "TBR-8004"}]}, "TBR-8004"),
        ({"tibero_marker:written": [{"failed": True, "msg": "the disk is full"}]}, "the disk is full"),
    ],
)  # fmt: skip
def test_a_target_that_gets_nothing_new_is_refused_and_nothing_is_stopped(
    bench: Bench, scene: dict[str, Any], says: str
) -> None:
    said = bench.run(scene)
    assert says in said and "nothing was changed. To do:" in said
    assert bench.seen("tibero_role_change", "tibero_role_change:closed") == []
    assert bench.seen("tibero_marker:absent") == ["tibero_marker:absent@seoul1"]


def test_without_a_marker_the_position_before_the_log_switch_has_to_be_reached(bench: Bench) -> None:
    bench.run({}, role_change_marker=False)
    assert bench.seen(*TRAVELS)[:2] == ["tibero_query@seoul1", "tibero_apply_wait@seoul2"]
    assert [call["args"]["position"] for call in bench.calls if call["key"] == "tibero_apply_wait"] == ["100"]
    assert bench.seen("tibero_marker:written", "tibero_marker:absent") == []


def test_what_is_resumed_or_only_looked_at_sends_nothing(bench: Bench) -> None:
    bench.run({"cluster_role_change": [decision("resume")]}, role_change_marker=False)
    assert bench.seen("tibero_query", "tibero_apply_wait") == []
    bench.run({}, "--check")
    assert bench.seen("tibero_query", "tibero_apply_wait", "tibero_marker:written") == []


def test_the_shorter_order_needs_consent_before_anything_stops(bench: Bench) -> None:
    said = bench.run({}, role_change_promote_first=True)
    assert "role_change_promote_first is true and role_change_accept_unproven is not" in said
    assert bench.seen(*TRAVELS) == []
    bench.run({}, role_change_promote_first="true", role_change_accept_unproven="true")
    assert len(bench.seen("tibero_role_change")) == 2


# --------------------------------------------------------------------------------------- the guard


def guards(bench: Bench) -> dict[str, Any]:
    """Member -> the guard that its part was given."""
    return {call["host"]: call["args"].get("guard") for call in bench.calls if call["key"] == "tibero_role_change"}


def test_the_new_primary_watches_the_former_one_until_the_result_is_proved(bench: Bench) -> None:
    # What is played has the roles of before, so this is what makes the proof succeed.
    said = bench.run({"cluster_role_change": [decision("begin", primary="seoul1")]}, role_change_guard_interval="0.5")
    assert "failed=1" not in said
    watched = {"members": [FORMER], "interval": 0.5, "limit": 120}
    assert guards(bench) == {"seoul1": None, "seoul2": watched}
    assert [call["key"] for call in bench.calls][-1] == "tibero_role_change:guarded"
    assert bench.seen("tibero_role_change:guarded") == ["tibero_role_change:guarded@seoul2"]


def test_what_it_saw_is_told_although_the_proof_fails(bench: Bench) -> None:
    # What is played has the roles of before, whatever was done.
    said = bench.run({})
    assert "seoul2 is standby (x) and should be primary" in said
    assert bench.seen("tibero_role_change:guarded") == ["tibero_role_change:guarded@seoul2"]


def test_one_write_that_was_taken_fails_the_run(bench: Bench) -> None:
    said = bench.run({"tibero_role_change:guarded": [{"failed": True, "msg": "9 accepted. There were two primaries"}]})
    assert "There were two primaries" in said and "failed=1" in said


def test_without_a_guard_nobody_watches(bench: Bench) -> None:
    bench.run({}, role_change_guard="false")
    assert guards(bench) == {"seoul1": None, "seoul2": None} and bench.seen("tibero_role_change:guarded") == []


@pytest.mark.parametrize("watching", [True, False])
def test_a_guard_whose_run_was_lost_behind_its_last_step_is_heard_by_the_next(bench: Bench, watching: bool) -> None:
    left = {"change": {"id": "c0", "old": "seoul1", "new": "seoul2"}, "state": "done", "watching": watching}
    scene = {"tibero_instance_info@seoul2": [{**observed("seoul2"), "role_change": left}]}
    said = bench.run({**scene, "cluster_role_change": [decision("nothing", change={})]})
    heard = [call for call in bench.calls if call["key"] == "tibero_role_change:guarded"]
    assert [(call["host"], call["args"]["change"]["id"]) for call in heard] == [("seoul2", "c0")] * watching, said
    assert "failed=1" not in said and "changed=1" not in said


def test_nobody_watches_while_a_change_is_taken_back(bench: Bench) -> None:
    bench.run({**steps(FAILS, {"changed": True}), "cluster_role_change": [decision("begin"), UNDO]})
    last = [call for call in bench.calls if call["key"] == "tibero_role_change"][-1]
    assert "guard" not in last["args"] and bench.seen("tibero_role_change:guarded") == []


# ------------------------------------------------------------------------------- after a failure


def test_a_step_that_fails_is_taken_back(bench: Bench) -> None:
    said = bench.run({**steps(FAILS, {"changed": True}), "cluster_role_change": [decision("begin"), UNDO]})
    assert bench.closed() == dict.fromkeys(BOTH, ("c2", "undone", "taken back"))
    assert "TBR-1: the step failed. -- The change is undone: taken back." in said


def test_an_undo_that_fails_ends_with_a_person_and_is_not_tried_again_by_itself(bench: Bench) -> None:
    person = decision("person", "c2", "c1", result="needs a person", words="c1 could not be taken back. Next: look")
    said = bench.run({**steps(FAILS, LASTS), "cluster_role_change": [decision("begin"), UNDO, person]})
    assert len(bench.seen("tibero_role_change")) == 4
    assert bench.closed() == dict.fromkeys(BOTH, ("c2", "needs a person", "c1 could not be taken back. Next: look"))
    assert "TBR-1: the step failed. -- Taking it back failed too: TBR-1127: no standby." in said
    assert "The change is needs a person: c1 could not be taken back. Next: look." in said


def test_an_undo_that_was_refused_before_it_was_written_down_leaves_the_change_to_a_person(bench: Bench) -> None:
    said = bench.run({**steps(FAILS, LASTS), "cluster_role_change": [decision("begin"), UNDO]})
    assert len(bench.seen("tibero_role_change")) == 4
    closed = bench.closed()
    assert sorted(closed) == sorted(BOTH)
    for number, result, words in closed.values():
        assert (number, result) == ("c1", "needs a person")
        assert (
            "c1 could not be taken back: TBR-1127: no standby. Next: do that, then run the same command again" in words
        )
    assert "The change is needs a person. Next: run the same command again" in said


def test_an_undo_of_which_one_member_alone_has_a_part_ends_with_a_person_on_both(bench: Bench) -> None:
    alone = {"todo": [1], "own": {"seoul2": [1]}, "involved": ["seoul2"], "result": "undone", "words": "taken back"}
    person = decision("person", "c2", "c1", result="needs a person", words="look")
    decided = [decision("begin"), decision("undo", "c2", "c1", **alone), person]
    scene = {"tibero_role_change@seoul1": [FAILS], "tibero_role_change@seoul2": [FAILS, LASTS]}
    bench.run({**scene, "cluster_role_change": decided, "cluster_role_change@seoul2": [person]})
    assert bench.closed() == dict.fromkeys(BOTH, ("c2", "needs a person", "look"))


def test_a_decision_for_a_person_closes_the_journals_at_once(bench: Bench) -> None:
    person = decision("person", result="needs a person", words="the stop waits. Next: end the sessions")
    said = bench.run({**steps(FAILS), "cluster_role_change": [decision("begin"), person]})
    assert bench.closed() == dict.fromkeys(BOTH, ("c1", "needs a person", "the stop waits. Next: end the sessions"))
    assert "The change is needs a person: the stop waits. Next: end the sessions." in said
