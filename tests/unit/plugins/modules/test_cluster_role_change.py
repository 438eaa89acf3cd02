# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision about a role change on the controller: whose observation counts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.action import cluster_role_change as action
from ansible_collections.firedrill.standby.plugins.module_utils._core.journal import OPEN, Change, Record, change_from
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import role_steps
from tests.unit.plugins.module_utils._tibero.readiness_scene import MEMBERS, described

CHANGE = Change("c1", "switchover", "seoul1", "seoul2", "ops", "then", role_steps.switchover("seoul1", "seoul2"))


def observed(role: str, open_mode: str) -> dict[str, Any]:
    position = {"position": {"value": "120"}}
    return {"role": role, "open_mode": open_mode, "running": True, "state": position, "role_change": {}}


@pytest.fixture
def decide(monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(observations: dict[str, Any], gone: tuple[str, ...] = (), **arguments: Any) -> dict[str, Any]:
        hostvars = {
            name: {
                "standby_described": {"member": described(name)._asdict()},
                "standby_observation": observations[name],
            }
            for name in MEMBERS
        }
        here = [name for name in MEMBERS if name not in gone]
        task_vars = {"hostvars": hostvars, "ansible_play_hosts_all": list(MEMBERS), "ansible_play_hosts": here}
        plugin = action.ActionModule.__new__(action.ActionModule)
        plugin._task = SimpleNamespace(args={"target": "seoul2", **arguments}, check_mode=True)
        plugin._templar = SimpleNamespace(template=lambda value: value)
        monkeypatch.setattr(action.ActionBase, "run", lambda *_: {})
        monkeypatch.setattr(action, "_refuse_few_forks", lambda needed: None)
        return dict(plugin.run(task_vars=task_vars))

    return run


STANDBYS = {name: observed("standby", "recovery") for name in MEMBERS}


def test_all_that_answer_are_weighed(decide: Any) -> None:
    made = decide({**STANDBYS, "seoul1": observed("primary", "read_write")})
    assert made["ansible_facts"]["standby_change"]["mode"] == "begin"


def test_a_member_that_dropped_out_is_not_what_it_was_seen_as_before(decide: Any) -> None:
    """The former primary of a switchover whose host was lost after it handed over: no second primary, but one that is silent."""
    record = Record(CHANGE, OPEN, "", {}).as_dict()
    new = {**observed("primary", "read_write"), "role_change": record}
    seen = {**STANDBYS, "seoul1": observed("primary", "read_write"), "seoul2": new}
    assert "2 members are primary" in decide(seen, retreat=True)["msg"]
    failed = decide(seen, gone=("seoul1",), retreat=True)
    assert failed["failed"] and "seoul1 does not answer, and the switchover c1 is half done" in failed["msg"]


def test_the_journal_of_a_member_that_dropped_out_is_of_before_too(decide: Any) -> None:
    record = Record(CHANGE, OPEN, "", {}).as_dict()
    seen = {**STANDBYS, "seoul1": {**observed("primary", "read_write"), "role_change": record}}
    failed = decide(seen, gone=("seoul1",))
    assert failed["failed"] and "No open primary" in failed["msg"]


def survivor(position: str, mode: str = "PROTECTION", **tip: str) -> dict[str, Any]:
    state = {"position": {"value": position}, "protection_mode": {"value": mode}}
    given = {"LOG_REPLICATION_MODE": mode, "STANDBY_USE_OBSERVER": "", **tip}
    return {**observed("standby", "recovery"), "state": state, "tip": given}


def test_a_failover_keeps_in_its_journal_what_it_was_decided_on(decide: Any) -> None:
    seen = {"seoul1": None, "seoul2": survivor("100"), "busan1": survivor("99")}
    record = {"reason": "failover", "at": "now"}
    done = {"item": "seoul1", "fenced": record, "killed": [7], "changed": True}
    again = {"fenced": ["seoul1"], "fences": [done], "change_id": "f7"}
    made = decide(seen, kind="failover", allow_data_loss=True, **again)["ansible_facts"]["standby_change"]
    assert made["change"]["id"] == "f7" and made["lost"] == ["seoul1"]
    evidence = made["change"]["evidence"]
    assert evidence == made["payload"]["evidence"] and evidence["allowed"] is True
    assert evidence["fences"] == [{"member": "seoul1", "by": "its own host", "killed": [7], "record": record}]
    journal = Record(change_from(made["change"]), OPEN, "", {}).as_dict()
    resumed = decide({**seen, "seoul2": {**seen["seoul2"], "role_change": journal}}, kind="failover")
    change = resumed["ansible_facts"]["standby_change"]
    assert (
        change["mode"] == "resume" and change["loss"] == evidence["loss"] and change["payload"]["evidence"] == evidence
    )


@pytest.mark.parametrize(
    ("arguments", "variable"),
    [
        ({"kind": "failover", "allow_data_loss": {"by": "me"}}, "standby_allow_data_loss"),
        ({"promote_first": {"a": 1}}, "role_change_promote_first"),
        ({"promote_first": "perhaps"}, "role_change_promote_first"),
    ],
)
def test_what_is_neither_true_nor_false_is_refused_by_its_name(
    decide: Any, arguments: dict[str, Any], variable: str
) -> None:
    failed = decide({"seoul1": None, "seoul2": survivor("100"), "busan1": survivor("99")}, **arguments)
    value = arguments.get("allow_data_loss", arguments.get("promote_first"))
    assert failed["failed"] and failed["seen"] == f"{variable} is {value!r}"
    assert failed["details"]["variable"] == variable


def test_a_text_that_says_no_is_no_consent(decide: Any) -> None:
    seen = {"seoul1": None, "seoul2": survivor("100", "PERFORMANCE"), "busan1": survivor("99", "PERFORMANCE")}
    assert "Possible loss" in decide(seen, kind="failover", allow_data_loss="false")["msg"]


def test_what_fenced_each_member_is_told_by_what_came_of_it() -> None:
    lost = {"item": "a", "unreachable": True, "fenced": {}}
    switched = {"item": "a", "cmd": ["power", "a"], "rc": 0, "end": "then"}
    stuck = {"item": "b", "failed": True, "msg": "live on after SIGKILL"}
    assert action._fences([lost, stuck, switched], ["a", "b"]) == [
        {"member": "a", "by": "command of the site", "rc": 0, "ended_at": "then"},
        {"member": "b", "by": "override of a person"},
    ]


def test_an_observer_keeps_a_failover_from_fencing(decide: Any) -> None:
    seen = {"seoul1": None, "seoul2": survivor("100", STANDBY_USE_OBSERVER="Y"), "busan1": survivor("99")}
    failed = decide(seen, kind="failover", allow_data_loss=True)
    assert failed["failed"] and "STANDBY_USE_OBSERVER=Y" in failed["msg"]


def test_all_service_ports_of_a_lost_member_have_to_be_closed(decide: Any) -> None:
    seen = {"seoul1": None, "seoul2": survivor("100"), "busan1": survivor("99")}
    made = decide(seen, kind="failover", allow_data_loss=True)["ansible_facts"]["standby_change"]
    listener = described("seoul1").listener_port
    assert [each["port"] for each in made["ports"]] == [listener, listener + 1, listener + 2]


def test_the_new_primary_watches_the_former_one(decide: Any) -> None:
    made = decide({**STANDBYS, "seoul1": observed("primary", "read_write")})["ansible_facts"]["standby_change"]
    (watched,) = made["guard"].pop("seoul2")["members"]
    assert made["guard"] == {} and watched["member"] == watched["alias"] == "seoul1"
    (port,) = [each.listener_port for each in map(described, MEMBERS) if each.name == "seoul1"]
    assert watched["port"] == port and watched["host"]


def test_all_that_a_failover_fenced_are_watched(decide: Any) -> None:
    seen = {"seoul1": None, "seoul2": survivor("100"), "busan1": None}
    made = decide(seen, kind="failover", allow_data_loss=True)["ansible_facts"]["standby_change"]
    assert [each["member"] for each in made["guard"]["seoul2"]["members"]] == ["seoul1", "busan1"]


def test_nobody_is_watched_where_nothing_is_to_be_done(decide: Any) -> None:
    seen = {**STANDBYS, "seoul2": observed("primary", "read_write")}
    assert decide(seen)["ansible_facts"]["standby_change"]["guard"] == {}
