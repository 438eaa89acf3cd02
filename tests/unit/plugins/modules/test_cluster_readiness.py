# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judgement on the controller: what it takes from the hosts' variables, what it prints, when it fails."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.action import cluster_readiness as action
from tests.unit.plugins.module_utils._tibero.readiness_scene import ACCEPTED, MEMBERS, described, good, seen

WAYS = ("reach", "logins", "positions", "names")


def variables(silent: tuple[str, ...] = (), **changes: dict[str, Any]) -> dict[str, Any]:
    """The variables of all hosts after the two looks; what the second look tells is not in the first."""
    hostvars: dict[str, Any] = {}
    for name, values in good().items():
        values.update(changes.get(name, {}))
        first = seen({key: value for key, value in values.items() if key not in WAYS}, name).facts
        second = seen({key: value for key, value in values.items() if key in WAYS}, name).facts
        hostvars[name] = {
            "standby_described": {"member": described(name)._asdict()},
            "readiness_look": {"state": first.as_state()},
            "readiness_ways": {"state": second.as_state()},
        }
        if name in silent:
            hostvars[name].update(
                readiness_look={"unreachable": True, "msg": "Failed to connect\n to the host"},
                readiness_ways={"skipped": True},
            )
    return {"hostvars": hostvars, "ansible_play_hosts_all": list(MEMBERS)}


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Any:
    shown: list[str] = []

    def run(task_vars: dict[str, Any], **arguments: Any) -> tuple[dict[str, Any], str]:
        plugin = action.ActionModule.__new__(action.ActionModule)
        plugin._task = SimpleNamespace(args={"cluster": "orders", "tolerate": list(ACCEPTED), **arguments})
        monkeypatch.setattr(action.ActionBase, "run", lambda *_: {})
        monkeypatch.setattr(action, "display", SimpleNamespace(display=shown.append, verbosity=0))
        shown.clear()
        return plugin.run(task_vars=task_vars), "\n".join(shown)

    return run


def test_a_good_cluster(judge: Any) -> None:
    result, shown = judge(variables())
    assert result["verdict"] == "WARN" and not result.get("failed") and result["changed"] is False
    assert result["readiness"]["primary"] == "seoul1"
    assert result["readiness"]["candidates"]["seoul2"]["verdicts"] == {
        "switchover": "OK",
        "failover": "WARN",
        "way_back": "OK",
    }
    assert "READINESS of orders: primary seoul1" in shown
    assert "PC-C1.lag.seoul2" not in shown, "what is OK is counted, not listed"
    assert "PC-C1.lag.seoul2" in "\n".join(result["table"])


def test_what_stands_in_the_way_fails_the_run_and_says_what(judge: Any) -> None:
    result, shown = judge(variables(seoul2={"licence": {"missing": True, "path": "/l"}}))
    assert result["failed"] and result["nothing_changed"]
    assert "seoul2     FAIL        FAIL      FAIL" in result["msg"]
    assert result["details"]["blocking"]["seoul2"]["switchover"] == ["PC-B8.licence.seoul2"]
    assert result["details"]["blocking"]["busan1"]["switchover"] == []
    assert "PC-B8.licence.seoul2" in shown and "-> Put a licence for this host" in shown
    only, _shown = judge(variables(seoul2={"licence": {"missing": True, "path": "/l"}}), enforce=False)
    assert only["verdict"] == "FAIL" and not only.get("failed")


WAIVED = {"person": "lee", "reason": "it is ordered", "until": "2999-12-31"}


def test_what_somebody_answers_for_only_warns_and_is_shown(judge: Any) -> None:
    bad = variables(seoul2={"licence": {"missing": True, "path": "/l"}})
    result, shown = judge(bad, waivers=[{"check": "PC-B8.licence.seoul2", **WAIVED}])
    assert result["verdict"] == "WARN" and not result.get("failed")
    assert "PC-B8.licence.seoul2 is waived by lee until 2999-12-31: it is ordered" in shown
    [check] = [
        each for each in result["readiness"]["candidates"]["seoul2"]["checks"] if each["id"] == "PC-B8.licence.seoul2"
    ]
    assert (check["verdict"], check["waiver"]) == (
        "FAIL",
        {"who": "lee", "why": "it is ordered", "until": "2999-12-31"},
    )
    marked = [
        each["id"] for one in result["readiness"]["candidates"].values() for each in one["checks"] if each["waiver"]
    ]
    assert marked == ["PC-B8.licence.seoul2"]


@pytest.mark.parametrize("enforce", [True, False])
def test_a_waiver_of_no_check_stands_in_the_way_itself(judge: Any, enforce: bool) -> None:
    result, shown = judge(variables(), waivers=[{"check": "PC-B8.license", **WAIVED}], enforce=enforce)
    words = "no check of this cluster is meant by the waiver of PC-B8.license"
    assert result["verdict"] == "FAIL" and bool(result.get("failed")) is enforce
    assert words in shown and result["summary"][-1] == words and (not enforce or words in result["msg"])


def test_a_waiver_that_is_over_is_refused(judge: Any) -> None:
    result, _shown = judge(variables(), waivers=[{"check": "PC-B8.licence", **WAIVED, "until": "2020-01-01"}])
    assert result["failed"] and "was good until 2020-01-01" in result["msg"]


def test_one_candidate_is_enough_if_that_is_asked(judge: Any) -> None:
    bad = variables(seoul2={"licence": {"missing": True, "path": "/l"}})
    result, _shown = judge(bad, require="one")
    assert result["verdict"] == "WARN" and not result.get("failed")
    result, _shown = judge(bad, target="busan1")
    assert result["verdict"] == "WARN" and list(result["readiness"]["candidates"]) == ["busan1"]


def test_a_host_that_does_not_answer_is_shown_with_the_reason(judge: Any) -> None:
    result, shown = judge(variables(silent=("seoul1",)))
    assert result["failed"], "no switchover without the primary"
    assert "no answer from seoul1" in shown
    assert "checks are UNKNOWN: the host did not answer: Failed to connect to the host" in shown
    only, _shown = judge(variables(silent=("busan1",)), operations=["failover"], target="seoul2")
    assert only["verdict"] == "WARN" and not only.get("failed")


def test_words_that_are_not_known_are_refused(judge: Any) -> None:
    for arguments, message in (
        ({"operations": ["failback"]}, "readiness_operations has the value 'failback'"),
        ({"require": "all"}, "readiness_require has the value 'all'"),
        ({"limits": {"lag": 3}}, "readiness_limits has the name 'lag'"),
        ({"target": "pusan1"}, "standby_target is 'pusan1'"),
    ):
        result, _shown = judge(variables(), **arguments)
        assert result["failed"] and message in result["msg"], arguments


def test_a_fence_command_is_recognised(judge: Any) -> None:
    told = variables()
    told["hostvars"]["seoul1"]["failover_fence_command"] = "power off"
    result, shown = judge(told)
    assert "PC-G6.fences" not in shown and not result.get("failed")


def test_everything_lists_what_is_fine_and_what_is_not_asked(judge: Any) -> None:
    _result, shown = judge(variables(), everything=True)
    assert "PC-C1.lag.seoul2" in shown and "PC-C13: Tibero has no dry run" in shown
