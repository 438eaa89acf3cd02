# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks of role drill that end one early, run by ansible-playbook over played modules: who is looked at, who is started, what is switched back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.plugins.modules.test_role_change_tasks import GIVEN, HOSTS, PLAYED, ROOT

MODULES = (
    "cluster_lock", "tibero_instance_info", "tibero_instance", "tibero_marker", "drill_evidence", "drill_fault", "drill_probe", "drill_probe_info",
)  # fmt: skip
#: The real role would change the roles; here its order is written down as a call.
SWITCH = """
- firedrill.standby.tibero_marker:
    state: "switch to {{ role_change_target }}"
"""
PLAY = """
- hosts: all
  gather_facts: false
  connection: local
  any_errors_fatal: true
  tasks:
    - ansible.builtin.set_fact: {drill_start: "{{ starts[inventory_hostname] }}"}
    - ansible.builtin.include_role: {name: firedrill.standby.drill, tasks_from: "{{ tried }}"}
    - ansible.builtin.debug: {msg: "REMAINS {{ drill_broken | default({}) | to_json }} WAY {{ drill_way | default({}) | to_json }}"}
      run_once: true
"""
LEG = {"name": "there", "kind": "switchover", "old": "seoul1", "new": "seoul2", "epoch": 1, "home": False}
DISASTER = {**LEG, "name": "disaster", "kind": "failover", "hit": "seoul1"}
FACTS = {
    "drill_leg_at": LEG, "drill_stamps": {"t6": {}}, "drill_hit": [], "drill_lost": [], "drill_changes": [], "drill_ahead": [], "drill_guards": [],
    "drill_tripped": [], "drill_stopped_by": [], "drill_broken": {"state": "stopped", "step": "back", "why": "lee stopped it"},
    "drill_frozen": {"folder": "/nonexistent/01DRILL", "drill_id": "01DRILL", "figures": {}}, "drill_fault_begun": {}, "drill_faults": [],
}  # fmt: skip


def member(role: str, **more: Any) -> dict[str, Any]:
    mode = {"primary": "read_write", "standby": "recovery"}.get(role, "stopped")
    return {"role": role, "open_mode": mode, "running": role != "UNKNOWN", "fenced": {}, "role_change": {}, **more}


STOPPED = member("UNKNOWN")
FAILOVER = {"id": "c9", "kind": "failover", "old": "seoul1", "new": "busan1", "holder": "kim@desk", "started_at": "now"}


def cluster(**more: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """seoul2 has taken over."""
    seen = {"seoul1": member("standby"), "seoul2": member("primary"), "busan1": member("standby"), **more}
    return {f"tibero_instance_info@{name}": [each] for name, each in seen.items()}


class Bench:
    """A collection of played modules around the real tasks of the role."""

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
        for part in ("filter", "module_utils"):
            shutil.copytree(ROOT / "plugins" / part, collection / "plugins" / part)
        for part in ("tasks", "defaults", "vars"):
            shutil.copytree(ROOT / "roles/drill" / part, collection / "roles/drill" / part)
        (collection / "roles/role_change/tasks").mkdir(parents=True)
        (collection / "roles/role_change/tasks/main.yml").write_text(SWITCH)
        (collection / "roles/cluster/tasks").mkdir(parents=True)
        (collection / "roles/cluster/tasks/unlock.yml").write_text("[]")
        (place / "play.yml").write_text(PLAY)
        (place / "ansible.cfg").write_text("[defaults]\n")

    def run(self, tried: str, scene: dict[str, Any], facts: dict[str, Any], **variables: Any) -> str:
        (self.place / "scene.json").write_text(json.dumps(scene))
        calls = self.place / "calls.jsonl"
        calls.write_text("")
        starts = {name: {"role": {"value": "primary" if name == "seoul1" else "standby"}} for name in HOSTS}
        given = {
            **GIVEN, "tried": tried, "starts": starts, "drill_leg": LEG, "tibero_db_name": "orders",
            "drill_policy": {"faults": [{"fault": "kill_server"}]}, "drill_clients": [],
            "ansible_python_interpreter": sys.executable, **variables,
        }  # fmt: skip
        # Of less weight than what the tasks note themselves.
        (self.place / "group_vars").mkdir(exist_ok=True)
        known = {name: value for name, value in {**FACTS, **facts}.items() if value is not None}
        (self.place / "group_vars/all.json").write_text(json.dumps(known))
        (self.place / "variables.json").write_text(json.dumps(given))
        environment = {
            **os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_COLLECTIONS_PATH": str(self.place), "ANSIBLE_CONFIG": str(self.place / "ansible.cfg"),
            "PLAYED_SCENE": str(self.place / "scene.json"), "PLAYED_CALLS": str(calls), "ANSIBLE_HOME": str(self.place / "home"),
        }  # fmt: skip
        ran = subprocess.run(
            [str(Path(sys.executable).parent / "ansible-playbook"), "-i", ",".join(HOSTS), "play.yml", "-e", "@variables.json"],
            env=environment, cwd=self.place, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        self.calls = [json.loads(line) for line in calls.read_text().splitlines()]
        return " ".join((ran.stdout + ran.stderr).split()).replace('\\"', '"')

    def switched(self) -> set[str]:
        return {call["key"].rsplit(" ", 1)[-1] for call in self.calls if call["key"].startswith("tibero_marker:switch")}

    def logged(self) -> list[str]:
        return [call["args"]["event"] for call in self.calls if call["key"] == "drill_evidence"]

    def started(self) -> list[str]:
        return [call["host"] for call in self.calls if call["key"] == "tibero_instance"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize(
    ("scene", "variables", "switched", "logged"),
    [
        (cluster(), {}, {"seoul1"}, ["home"]),
        (cluster(), {"drill_way_home": False}, set(), []),
        (cluster(), {"drill_policy": {"faults": [{"fault": "none"}], "switch_back": False}}, set(), []),
        (cluster(seoul2=STOPPED), {}, set(), []),
        (cluster(busan1={"unreachable": True, "msg": "no route"}), {}, set(), []),
        (cluster(seoul1=STOPPED), {}, set(), []),
        (cluster(seoul1=STOPPED), {"drill_hit": ["seoul1"]}, set(), []),
        ({**cluster(), "tibero_marker:switch to seoul1@seoul2": [{"failed": True, "msg": "it lags"}]}, {}, {"seoul1"}, ["not home"]),
    ],
)  # fmt: skip
def test_a_drill_that_broke_off_is_switched_back_only_where_that_is_safe(
    bench: Bench, scene: dict[str, Any], variables: dict[str, Any], switched: set[str], logged: list[str]
) -> None:
    said = bench.run("home", scene, {}, **variables)
    assert "REMAINS" in said, said[-3000:]
    assert (bench.switched(), bench.logged()) == (switched, logged), said[-3000:]


def test_a_real_disaster_that_is_seen_on_the_way_home_is_what_stopped_the_drill(bench: Bench) -> None:
    said = bench.run("home", cluster(seoul2=STOPPED), {})
    assert "a real disaster: seoul2, the primary, is stopped" in said.split("REMAINS", 1)[1], said[-3000:]


def test_a_failover_that_people_did_meanwhile_is_beside_the_disaster(bench: Bench) -> None:
    seen = {"role_change": {"change": FAILOVER, "state": "done"}}
    facts = {
        "drill_lost": ["seoul2, the primary, is stopped"],
        "drill_there": True,
        "standby_observation": {**member("standby"), **seen},
        "drill_way": {"finish": ""},
    }
    play = bench.place / "play.yml"
    play.write_text(
        PLAY.replace(
            "REMAINS", "{{ drill_stopped_by | map(attribute='by') | list }} {{ drill_overtaken | length }} REMAINS"
        )
    )
    said = bench.run("rescued", {}, facts)
    assert "the failover c9 to busan1, begun by kim@desk at now, is not the drill's" in said, said[-2000:]
    quiet = bench.run("rescued", {}, {**facts, "standby_observation": member("standby")})
    assert "[] 0 REMAINS" in quiet, quiet[-2000:]


@pytest.mark.parametrize(
    ("broken", "scene", "reinstate"),
    [
        (True, cluster(seoul1=STOPPED), "seoul1"),
        (True, cluster(seoul1=STOPPED, seoul2={**member("primary"), "role_change": {"change": FAILOVER, "state": "done"}}), ""),
        (False, cluster(seoul1=STOPPED), "seoul1"),
    ],
)  # fmt: skip
def test_the_former_primary_is_reinstated_unless_somebody_else_has_taken_over(
    bench: Bench, broken: bool, scene: dict[str, Any], reinstate: str
) -> None:
    facts = {"drill_leg_at": DISASTER, "drill_hit": ["seoul1"]}
    hidden = {} if broken else {"drill_broken": None}
    said = bench.run("way", scene, {**facts, **hidden}, drill_leg=DISASTER)
    assert f'"reinstate": "{reinstate}"' in said, said[-3000:]


@pytest.mark.parametrize(("overtaken", "started"), [(False, ["seoul1"]), (True, [])])
def test_a_server_that_was_killed_is_not_started_beside_one_that_somebody_promoted(
    bench: Bench, overtaken: bool, started: list[str]
) -> None:
    """The button is pressed while the drill waits for its clients to notice; meanwhile a person took the disaster for a real one."""
    seen = {"seoul1": STOPPED, "seoul2": member("standby"), "busan1": member("standby")}
    if overtaken:
        seen["busan1"] = {**member("primary"), "role_change": {"change": FAILOVER, "state": "done"}}
    tasks = bench.place / "ansible_collections/firedrill/standby/roles/drill/tasks"
    (tasks / "leg_begin.yml").write_text("- ansible.builtin.fail: {msg: lee stopped it}\n")
    facts = {
        "drill_leg_at": DISASTER, "drill_hit": ["seoul1"], "drill_stamps": {}, "drill_fault_begun": {"fault": "kill_server"},
        "drill_tripped": ["lee stopped it"],
    }  # fmt: skip
    said = bench.run("disaster_ride", cluster(**seen), facts, drill_leg=DISASTER)
    assert bench.started() == started, said[-3000:]
    assert ("a real disaster: the failover c9 to busan1" in said) is overtaken, said[-3000:]
    assert '"state": "stopped"' in said.split("REMAINS", 1)[1]


def test_a_drill_whose_run_is_alive_is_not_closed(bench: Bench) -> None:
    folder = bench.place / "01DRILL"
    (bench.place / "01DRILL.staging").mkdir()
    (bench.place / "01DRILL.staging/state.json").write_text("{}")
    refused = {"cluster_lock": [{"failed": True, "msg": "Another run is at work on this cluster"}]}
    said = bench.run("again", refused, {}, drill_folder=str(folder))
    assert {call["key"] for call in bench.calls} == {"cluster_lock"} and "REMAINS" not in said, said[-2000:]
    taken_up = "Read what is known of the drill"
    assert taken_up not in said and taken_up in bench.run("again", {}, {}, drill_folder=str(folder))


def test_a_host_that_is_lost_does_not_keep_a_drill_from_being_closed(bench: Bench) -> None:
    folder = bench.place / "01DRILL"
    (bench.place / "01DRILL.staging").mkdir()
    (bench.place / "01DRILL.staging/state.json").write_text("{}")
    (bench.place / "host_vars").mkdir()
    # Nobody listens there.
    gone = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    (bench.place / "host_vars/busan1.json").write_text(json.dumps(gone))
    said = bench.run("again", {}, {}, drill_folder=str(folder))
    assert {call["host"] for call in bench.calls if call["key"] == "cluster_lock"} == {"seoul1", "seoul2"}
    assert "Read what is known of the drill" in said, said[-3000:]


def test_a_drill_that_is_sealed_is_not_left_open(bench: Bench) -> None:
    """Its run was killed between the seal and its last task."""
    (bench.place / "play.yml").write_text(
        "- hosts: all\n  gather_facts: false\n  connection: local\n  vars_files: [vars.yml]\n"
        "  tasks: [{ansible.builtin.debug: {msg: 'OPEN {{ __drill_open | to_json }}'}, run_once: true}]\n"
    )
    shutil.copy(ROOT / "roles/drill/vars/main.yml", bench.place / "vars.yml")
    kept = []
    for name in ("01OPEN", "01SEALED"):
        state = bench.place / f"{name}.staging/state.json"
        state.parent.mkdir()
        state.write_text(json.dumps({"drill_starts": {"seoul1": {}}}))
        kept.append({"path": str(state)})
    (bench.place / "01SEALED").mkdir()
    (bench.place / "01SEALED/MANIFEST.sha256").write_text("")
    said = bench.run("", {}, {"__drill_kept": {"files": kept}})
    assert f'OPEN ["{bench.place}/01OPEN"]' in said, said[-2000:]


def test_a_failover_of_a_person_waits_for_no_drill_but_one_that_changes_roles_this_moment() -> None:
    """It takes the lease of role changes alone, and a drill gives that back after each change, also where one broke off."""
    (lock,) = [
        each for each in yaml.safe_load((ROOT / "roles/failover/tasks/take_over.yml").read_text()) if "lock" in str(each.get("ansible.builtin.include_role"))
    ]  # fmt: skip
    assert lock["vars"]["cluster_locks"] == ["roles"]
    text = "".join(path.read_text() for path in (ROOT / "roles/failover").rglob("*.yml"))
    assert "cluster_lock:" not in text and "tasks_from: plan" not in text
    for name in ("change", "answer_failover", "restored", "broken"):
        assert "tasks_from: unlock" in (ROOT / f"roles/drill/tasks/{name}.yml").read_text(), name
