# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several drills say together: nothing that could not be measured makes the figures look better."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import trend

SAMPLE = Path(__file__).parent / "evidence_sample.json"


@pytest.fixture
def document() -> dict[str, Any]:
    return dict(json.loads(SAMPLE.read_text(encoding="utf-8")))


def drills(number: int, **other: Any) -> list[dict[str, Any]]:
    one = {
        "environment": "ci",
        "type": "failover_fence_reinstate",
        "fault": "kill_server",
        "overall": "met",
        "outage": trend.MEASURED,
        "loss": trend.MEASURED,
        "lost": 0,
        "lost_hi_ns": 0,
        "rto_hi_ns": 10**9,
    }
    return [dict(one, drill_id=f"D{each}", **other) for each in range(number)]


def told(each: dict[str, Any], name: str, value: Any) -> None:
    next(one for one in each["R"]["objectives"]["value"] if one["objective"] == "rto")[name] = value


def test_the_largest_of_59_bounds_the_95th_percentile_only_if_all_are_bounded() -> None:
    assert trend.statistics(drills(59))[0]["p95_bounded_by_max"] is True
    assert trend.statistics(drills(58))[0]["p95_bounded_by_max"] is False
    (found,) = trend.statistics(drills(59) + drills(1, outage=trend.UNBOUNDED, rto_hi_ns=None, overall="inconclusive"))
    assert found["p95_bounded_by_max"] is False and (found["outages"], found["unbounded"]) == (60, 1)
    assert found["rto_hi_ns"] == {"min": 10**9, "median": 10**9, "max": None}
    said = trend.statements([found])
    assert any("1 of 60 outages" in each and "no upper end" in each for each in said)
    assert not any("bounds the 95th percentile" in each or "too few" in each for each in said)


def test_a_median_beyond_what_was_measured_is_not_bounded_either() -> None:
    (found,) = trend.statistics(drills(1) + drills(1, outage=trend.UNBOUNDED))
    assert found["rto_hi_ns"] == {"min": 10**9, "median": None, "max": None}


def test_a_drill_that_never_came_to_its_disaster_had_no_outage() -> None:
    (found,) = trend.statistics(drills(2) + drills(1, outage=trend.NEVER, loss=trend.NEVER, overall="inconclusive"))
    assert found["rto_hi_ns"]["max"] == 10**9 and (found["outages"], found["unbounded"], found["n"]) == (2, 0, 3)


def test_the_control_case_is_a_population_of_its_own() -> None:
    found = trend.statistics(drills(3) + drills(3, fault="none", rto_hi_ns=5) + drills(1, fault="cut_standby"))
    assert [(each["fault"], each["n"]) for each in found] == [("cut_standby", 1), ("kill_server", 3), ("none", 3)]
    assert found[1]["rto_hi_ns"]["median"] == 10**9
    assert any("failover_fence_reinstate with kill_server in ci" in each for each in trend.statements(found))


def test_an_inconclusive_drill_that_lost_something_leaves_no_bound() -> None:
    (found,) = trend.statistics(drills(3) + drills(1, overall="inconclusive", lost=2, loss=trend.UNBOUNDED))
    assert found["loss_bound_ppm"] is None
    (found,) = trend.statistics(drills(3) + drills(1, overall="inconclusive", lost=0, loss=trend.UNBOUNDED))
    assert found["loss_bound_ppm"] == trend.loss_bound_ppm(3) and found["lost_hi_ns"]["max"] is None
    assert any("1 inconclusive" in each and "may have lost something" in each for each in trend.statements([found]))


@pytest.mark.parametrize(
    ("changes", "outage"),
    [
        ({}, trend.MEASURED),
        ({"measured_hi": None, "verdict": "not met"}, trend.UNBOUNDED),
        ({"verdict": "inconclusive"}, trend.UNBOUNDED),
        ({"measured_hi": None, "measured_lo": None, "verdict": "inconclusive"}, trend.UNBOUNDED),
    ],
)
def test_an_outage_is_measured_or_counts_as_longer_than_any(
    document: dict[str, Any], changes: dict[str, Any], outage: str
) -> None:
    for name, value in changes.items():
        told(document, name, value)
    assert trend.entry(document)["outage"] == outage


def test_without_t0_there_was_no_outage(document: dict[str, Any]) -> None:
    document["D"]["start_wall_ns"] = {"value": None, "kind": "observed", "unknown": "never", "source": ""}
    document["L"]["counts"] = dict(document["D"]["start_wall_ns"])
    for each in document["R"]["objectives"]["value"]:
        each.update(measured_hi=None, measured_lo=None, verdict="inconclusive")
    found = trend.entry(document)
    assert found["outage"] == found["loss"] == trend.NEVER


def test_a_drill_is_of_the_fault_that_was_done(document: dict[str, Any]) -> None:
    assert trend.entry(document)["fault"] == "", "a policy may name a fault that a switchover does not do"
    failover = copy.deepcopy(document)
    failover["A"]["type"]["value"] = "failover_fence_reinstate"
    assert trend.entry(failover)["fault"] == "none"
    failover["D"]["faults_executed"]["value"] = [{"fault": "kill_server"}, {"fault": "kill_server"}]
    assert trend.entry(failover)["fault"] == "kill_server"


def test_entries_of_an_earlier_version_are_read_at_their_worst() -> None:
    old = [{key: each[key] for key in each if key not in ("fault", "outage", "loss")} for each in drills(2)]
    old[1].update(overall="inconclusive", rto_hi_ns=None)
    (found,) = trend.statistics(old)
    assert found["fault"] == "" and found["unbounded"] == 1 and found["rto_hi_ns"]["max"] is None


@pytest.mark.parametrize(("clean", "percent"), [(59, "5.0 %"), (39, "7.4 %"), (20, "14.0 %"), (1, "95.0 %")])
def test_the_bound_is_rounded_up(clean: int, percent: str) -> None:
    assert trend._percent(trend.loss_bound_ppm(clean)) == percent
