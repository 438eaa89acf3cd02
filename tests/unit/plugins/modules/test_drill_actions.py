# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Freezing, adding, sealing and judging from playbooks: what the action plugins take, write, refuse and return."""

from __future__ import annotations

import copy
import datetime
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ansible_collections.firedrill.standby.plugins.action import drill_evidence, drill_objectives, drill_verdict
from ansible_collections.firedrill.standby.plugins.module_utils._core import drill_policy, evidence_check
from tests.unit.plugins.module_utils._core.drill_scene import Scene, fill

MODULES = Path(__file__).parents[4] / "plugins" / "modules"
NOW = datetime.datetime(2026, 3, 1, 0, 30, tzinfo=datetime.UTC)
POLICY: dict[str, Any] = {
    "name": "orders-dr",
    "version": "3",
    "title": "Spring drill",
    "environment": "ci",
    "objectives": {
        "rto_seconds": 5,
        "rto_reads_seconds": 5,
        "rpo_seconds": 0,
        "rpo_transactions": 0,
        "rtrr_seconds": 60,
        "load_share_percent": 10,
        "production_writes_per_second": 100,
        "steady_seconds": 10,
    },
    "scope": ["orders"],
    "requester": "kim",
    "approvers": ["lee"],
    "window": {"start": "2026-03-01T09:00:00+09:00", "end": "2026-03-01T11:00:00+09:00"},
    "blackout_dates": ["2026-03-02"],
    "faults": [{"fault": "kill_server", "consent": "the_server_is_killed"}],
}


@pytest.fixture
def act(monkeypatch: pytest.MonkeyPatch) -> Any:
    shown: list[str] = []
    monkeypatch.setattr(drill_objectives, "now", lambda: NOW)
    for action in (drill_objectives, drill_verdict):
        monkeypatch.setattr(action, "display", SimpleNamespace(display=shown.append, warning=shown.append))

    def run(action: Any, check_mode: bool = False, **arguments: Any) -> dict[str, Any]:
        plugin = action.ActionModule.__new__(action.ActionModule)
        plugin._task = SimpleNamespace(args=arguments, check_mode=check_mode)
        monkeypatch.setattr(action.ActionBase, "run", lambda *_: {})
        shown.clear()
        return dict(plugin.run(task_vars={}), shown="\n".join(shown))

    return run


def with_changes(**changes: Any) -> dict[str, Any]:
    policy = copy.deepcopy(POLICY)
    for key, value in changes.items():
        if value is None:
            policy.pop(key)
        elif isinstance(value, dict) and key == "objectives":
            policy[key] = {name: each for name, each in {**policy[key], **value}.items() if each is not None}
        else:
            policy[key] = value
    return policy


def test_from_the_policy_to_a_sealed_folder_that_verifies(act: Any, tmp_path: Path) -> None:
    made = act(drill_objectives, policy=POLICY, directory=str(tmp_path), mode_guaranteed=True)
    assert not made.get("failed"), made
    assert made["changed"] and made["figures"]["rto_ns"] == 5 * 10**9 and made["figures"]["load_share_ppm"] == 100_000
    assert made["notes"] == [] and Path(made["folder"]).name == made["drill_id"]
    frozen = (Path(made["folder"]) / "objectives.json").read_bytes()
    assert evidence_check.digest(frozen) == made["sha256"] and json.loads(frozen)["policy"]["requester"] == "kim"
    fill(made["folder"], Scene())
    before = act(drill_verdict, folder=made["folder"])
    assert before["verdict"] == "met" and before["sealed"] is False and "DRILL: met" in before["shown"]
    done = act(
        drill_evidence,
        folder=made["folder"] + "/",
        event="ended",
        raw=[{"dest": "raw/console/a.txt", "content": "tiger\n"}, {"dest": "raw/journals/a.json", "content": {"a": 1}}],
        secrets=["tiger"],
        seal=True,
        cluster="orders",
    )
    assert not done.get("failed"), done
    assert done["verdict"] == "met" and done["redactions"] == 1 and done["number"] == 4
    assert evidence_check.check(made["folder"]) == []
    after = act(drill_verdict, folder=made["folder"])
    assert after["sealed"] is True and after["objectives"] == before["objectives"]
    document = json.loads(Path(done["evidence"]).read_text())
    assert document["D"]["faults_planned"]["value"][0]["consent"] == "the_server_is_killed"
    assert document["B"]["policy"]["value"] == {"name": "orders-dr", "version": "3"}
    assert act(drill_evidence, folder=made["folder"], event="more")["failed"]


def test_check_mode_writes_nothing(act: Any, tmp_path: Path) -> None:
    made = act(drill_objectives, check_mode=True, policy=POLICY, directory=str(tmp_path / "evidence"))
    assert made["changed"] and made["sha256"] == "" and not (tmp_path / "evidence").exists()
    added = act(drill_evidence, check_mode=True, folder=made["folder"], event="touched", seal=True)
    assert added["changed"] and not added.get("failed")
    assert act(drill_verdict, check_mode=True, folder=made["folder"])["verdict"] == ""
    assert act(drill_objectives, check_mode=True, policy=with_changes(approvers=["Kim"]), directory=str(tmp_path))[
        "failed"
    ]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"objectives": None}, "has no objectives"),
    ({"objectives": {"rto_seconds": None}}, "missing required arguments: rto_seconds found in policy -> objectives"),
    ({"objectives": {"rto_seconds": 0}}, "objectives.rto_seconds is 0"),
    ({"objectives": {"rpo_seconds": -1}}, "objectives.rpo_seconds is -1"),
    ({"objectives": {"production_writes_per_second": None}}, "production's rate is not declared"),
    ({"approvers": ["Kim "]}, "kim asks for the drill and approves it"),
    ({"approvers": ["KIM", " kim"]}, "kim asks for the drill and approves it"),
    ({"approvers": []}, "approvers are none"),
    ({"window": {"start": "2026-03-01T09:31:00+09:00", "end": "2026-03-01T11:00:00+09:00"}}, "Outside of its window"),
    ({"window": {"start": "2026-03-01T08:00:00+09:00", "end": "2026-03-01T09:30:00+09:00"}}, "Outside of its window"),
    ({"window": {"start": "2026-03-01T09:00:00+09:00", "end": "2026-03-01T08:00:00+09:00"}}, "ends before it begins"),
    ({"window": {"start": "2026-03-01T09:00:00", "end": "2026-03-01T11:00:00+09:00"}}, "without a zone"),
    ({"window": {"start": "2026-02-30T09:00:00Z", "end": "2026-03-01T11:00:00+09:00"}}, "There is no such time"),
    ({"blackout_dates": ["2026-03-01"]}, "2026-03-01 is a blackout date"),
    ({"blackout_dates": ["March 1st"]}, "blackout_dates holds 'March 1st'"),
    ({"faults": [{"fault": "crash_host", "member": "a"}]}, "set consent: the_host_is_crashed"),
    (
        {"faults": [{"fault": "crash_host", "consent": "the_server_is_killed"}]},
        "has the consent 'the_server_is_killed'",
    ),
    ({"faults": [{"fault": "nuke"}]}, "value of fault must be one of"),
    ({"pass_criteria": ["rpo_bytes"]}, "pass_criteria names rpo_bytes"),
    ({"surprise": 1}, "surprise"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=lambda value: value if isinstance(value, str) else None)
def test_a_policy_that_cannot_be_frozen_is_refused_and_leaves_nothing(
    act: Any, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    found = act(drill_objectives, policy=with_changes(**changes), directory=str(tmp_path))
    assert found["failed"] and message in found["msg"], found["msg"]
    assert found["nothing_changed"] and list(tmp_path.iterdir()) == []


def test_one_person_may_do_both_where_the_policy_says_so(act: Any, tmp_path: Path) -> None:
    found = act(
        drill_objectives,
        policy=with_changes(approvers=["kim"], two_persons=False),
        directory=str(tmp_path),
        mode_guaranteed=True,
    )
    assert found["notes"] == ["Requester and approver are one person; the evidence says so"]
    assert found["notes"][0] in found["shown"]
    event = json.loads((Path(found["folder"]) / "raw/events.jsonl").read_text())
    assert event["data"]["approver_differs"] is False and event["data"]["sha256"] == found["sha256"]


@pytest.mark.parametrize(("mode", "words"), [(False, "does not promise it"), (None, "is not known to promise it")])
def test_no_loss_in_a_mode_that_does_not_promise_it_is_warned_of(
    act: Any, tmp_path: Path, mode: bool | None, words: str
) -> None:
    arguments = {"mode_guaranteed": mode} if mode is not None else {}
    found = act(drill_objectives, policy=POLICY, directory=str(tmp_path), **arguments)
    assert not found.get("failed") and words in found["shown"]


def test_times_of_yaml_are_read_too() -> None:
    read = yaml.safe_load("{start: 2026-03-01T09:00:00+09:00, end: 2026-03-01 11:00:00 +09:00}")
    assert drill_policy.moment(str(read["start"]) if read["start"].tzinfo else "", "x") == NOW - datetime.timedelta(
        minutes=30
    )


def test_a_verdict_that_is_not_accepted_fails_and_still_says_all(act: Any, tmp_path: Path) -> None:
    policy = with_changes(objectives={"rto_seconds": 1.5})
    made = act(drill_objectives, policy=policy, directory=str(tmp_path))
    assert made["figures"]["rto_ns"] == 1_500_000_000
    fill(made["folder"], Scene())
    found = act(drill_verdict, folder=made["folder"])
    assert found["failed"] and found["verdict"] == "not met" and found["objectives"][0]["objective"] == "rto"
    assert "The drill is not met: measured [1474.000 ms, 1529.000 ms] against 1500.000 ms" in found["msg"]
    assert "rto               not met            [1.474 s, 1.529 s] against 1.500 s" in found["shown"]
    assert not act(drill_verdict, folder=made["folder"], enforce=False).get("failed")
    assert not act(drill_verdict, folder=made["folder"], accept=["not met"]).get("failed")


def test_what_is_missing_or_edited_is_named(act: Any, tmp_path: Path) -> None:
    made = act(drill_objectives, policy=POLICY, directory=str(tmp_path))
    found = act(drill_verdict, folder=made["folder"])
    assert found["failed"] and "raw/drill.json is not there" in found["msg"]
    assert "raw/drill.json is not there" in act(drill_evidence, folder=made["folder"], seal=True)["msg"]
    assert "no directory" in act(drill_evidence, folder=str(tmp_path / "other"), event="x")["msg"]
    for raw in ({"dest": "raw/a"}, {"dest": "raw/a", "src": "/etc/hostname", "content": "x"}):
        assert "one of both" in act(drill_evidence, folder=made["folder"], raw=[raw])["msg"]
    fraction = act(drill_evidence, folder=made["folder"], raw=[{"dest": "raw/a", "content": {"seconds": 1.5}}])
    assert fraction["failed"] and "whole numbers" in fraction["msg"]
    missing = act(drill_evidence, folder=made["folder"], raw=[{"dest": "raw/a", "src": str(tmp_path / "none")}])
    assert missing["failed"] and "No such file" in missing["msg"]
    fill(made["folder"], Scene())
    assert not act(drill_evidence, folder=made["folder"], seal=True, cluster="orders").get("failed")
    (Path(made["folder"]) / "raw/drill.json").write_text("{}")
    found = act(drill_verdict, folder=made["folder"], enforce=False)
    assert found["failed"] and "raw/drill.json: was edited" in found["msg"] and "verify.py" in found["msg"]


def documented(options: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name, option in options.items():
        kept = {key: option[key] for key in ("type", "elements", "required", "choices", "default") if key in option}
        below = option.get("suboptions") or option.get("options")
        found[name] = dict(kept, options=documented(below)) if below else kept
    return found


@pytest.mark.parametrize("action", [drill_objectives, drill_evidence, drill_verdict])
def test_the_documentation_is_the_specification(action: Any) -> None:
    names: dict[str, Any] = {}
    module = action.__name__.rsplit(".", 1)[1]
    exec(compile((MODULES / f"{module}.py").read_text(), module, "exec"), names)
    assert documented(yaml.safe_load(names["DOCUMENTATION"])["options"]) == documented(action.SPEC)
