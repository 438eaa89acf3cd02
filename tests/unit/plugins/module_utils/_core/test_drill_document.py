# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields of the evidence from what a drill looked at: readiness, observations, fingerprints; and the way back."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import fingerprint as fp
from ansible_collections.firedrill.standby.plugins.module_utils._core.checks import OK, WARN, Check
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_document import (
    checks_of,
    fingerprints_of,
    home_of,
    members_of,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence import FIELDS
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import known, unknown
from tests.unit.plugins.module_utils._core.test_fingerprint import Sections, cluster, made

CHECK = Check("PC-B1.primary", "One primary?", "one", "seoul1", "V$INSTANCE", OK)


def report(**more: Any) -> dict[str, Any]:
    lag = CHECK._replace(id="PC-C1.lag", question="Lag?", verdict=WARN, remedy="wait").as_dict()
    return {
        "checks": [dict(CHECK.as_dict(), blocks=["failover"], warns=[])],
        "candidates": {"busan1": {"verdicts": {}, "blocking": {}, "checks": [lag]}},
        "not_run": [{"id": "PC-C13", "why": "Tibero has no dry run"}],
        **more,
    }


def states(members: dict[str, Sections]) -> dict[str, str]:
    return {name: fp.as_state(made(sections, name)) for name, sections in members.items()}


def test_every_check_is_in_the_evidence_with_its_candidate_and_those_that_do_not_apply() -> None:
    fields = checks_of(report(), "raw/observations/readiness.json")
    found = fields["H.checks"]["value"]
    assert [(each["id"], each["verdict"]) for each in found] == [
        ("PC-B1.primary", "OK"),
        ("PC-C1.lag", "WARN"),
        ("PC-C13", "not run"),
    ]
    assert found[1]["question"] == "Lag? (busan1)" and found[1]["remedy"] == "wait"
    assert found[2]["question"] == "Tibero has no dry run"
    assert fields["H.counts"]["value"] == {"OK": 1, "WARN": 1, "UNKNOWN": 0, "FAIL": 0, "not run": 1}
    assert fields["H.counts"]["source"] == "raw/observations/readiness.json"


def test_a_check_has_the_keys_that_the_schema_promises() -> None:
    described = next(spec.text for spec in FIELDS["H"] if spec.name == "checks")
    for key in checks_of(report(), "")["H.checks"]["value"][0]:
        assert key in described


def test_a_report_of_another_shape_is_an_error() -> None:
    with pytest.raises(KeyError):
        checks_of({"checks": []}, "")


def test_members_hold_what_is_known_and_null_for_the_rest() -> None:
    seen = {
        "busan1": {"role": {"value": "UNKNOWN", "source": "s", "why": "no login"}},
        "seoul1": {"role": {"value": "primary", "source": "s"}},
    }
    first, second = members_of(seen, {"seoul1": "192.0.2.1"}, "raw/observations/start-{0}.json")
    assert (first["name"], first["role"], first["host"]) == ("busan1", None, "")
    assert (second["role"], second["host"], second["source"]) == (
        "primary",
        "192.0.2.1",
        "raw/observations/start-seoul1.json",
    )


def test_fingerprints_are_told_by_their_digest() -> None:
    taken = states(cluster())
    found = fingerprints_of(taken, "raw/{0}")
    assert [each["member"] for each in found] == ["busan1", "busan2", "seoul1"]
    assert all(each["sha256"] == fp.read(taken[each["member"]])["sha256"] for each in found)
    with pytest.raises(UnknownState):
        fingerprints_of({"seoul1": "bm90aGluZw=="}, "")


def test_home_is_as_it_was() -> None:
    taken = states(cluster())
    assert home_of(taken, taken, {}, True) == {"original_layout": True, "differences": [], "residue": []}


def test_a_difference_and_residue_are_told() -> None:
    after = cluster()
    after["seoul1"][fp.PARAMETERS]["DB_NAME"] = known("other", "s")
    after["busan1"][fp.FENCE]["fence"] = known("here", "s")
    home = home_of(states(cluster()), states(after), {}, True)
    assert [each["what"] for each in home["differences"] if not each["explained"]] == [
        "fence: fence",
        "parameters: DB_NAME",
    ]
    assert home["residue"] == [{"host": "busan1.example", "what": "a fence: here"}]


def test_where_residue_could_hide_nothing_is_said_to_be_as_it_was() -> None:
    members = cluster()
    members["seoul1"][fp.PROCESSES] = {fp.WHOLE: unknown("/proc", "no permission")}
    taken = states(members)
    home = home_of(taken, taken, {}, True)
    assert home["original_layout"] is None and "seoul1: processes: no permission" in home["why"]
    assert home_of(taken, taken, {}, False)["original_layout"] is False, "what is known to be wrong stays so"


@pytest.mark.parametrize(("before", "after"), [({}, {}), (True, {}), ({}, True)])
def test_without_a_comparison_nothing_is_known(before: Any, after: Any) -> None:
    taken = states(cluster())
    home = home_of(taken if before else {}, taken if after else {}, {}, True)
    assert home["original_layout"] is None and "not compared" in home["why"]


def test_roles_that_are_not_known_are_no_way_back() -> None:
    taken = states(cluster())
    assert home_of(taken, taken, {}, None)["why"] == "the roles at the end are not known"
