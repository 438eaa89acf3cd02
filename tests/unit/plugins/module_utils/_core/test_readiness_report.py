# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check counts for, what the whole comes to, and how it reads; no engine is in it."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import readiness
from ansible_collections.firedrill.standby.plugins.module_utils._core.checks import (
    FAIL,
    OK,
    SEVERITY,
    UNKNOWN,
    WARN,
    Check,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.readiness import (
    FAILOVER,
    OPERATIONS,
    SWITCHOVER,
    WAY_BACK,
    Candidate,
    Item,
    NotRun,
    Report,
)


def check(verdict: str, name: str = "PC-X1.thing", observed: str = "seen", **more: bool) -> Check:
    return Check(name, "Is it?", "yes", observed, "here", verdict, "" if verdict == OK else "Do it.", **more)


def report(*items: Item, common: tuple[Item, ...] = ()) -> Report:
    return Report("orders", "none", "a", common, (Candidate("b", items),), (NotRun("PC-Z9", "no reason"),))


@pytest.mark.parametrize("verdict", SEVERITY)
def test_a_check_blocks_what_it_blocks_and_only_warns_what_it_warns(verdict: str) -> None:
    item = Item(check(verdict), (SWITCHOVER,), (FAILOVER,))
    assert item.verdict(SWITCHOVER) == verdict
    assert item.verdict(FAILOVER) == (WARN if verdict in (FAIL, UNKNOWN) else verdict)
    assert item.verdict(WAY_BACK) == OK


def test_an_unknown_that_is_advisory_warns_and_one_that_is_accepted_counts_for_nothing() -> None:
    assert Item(check(UNKNOWN, advisory=True), (SWITCHOVER,)).verdict(SWITCHOVER) == WARN
    assert Item(check(UNKNOWN, tolerated=True), (SWITCHOVER,)).verdict(SWITCHOVER) == OK
    assert Item(check(FAIL, tolerated=True, advisory=True), (SWITCHOVER,)).verdict(SWITCHOVER) == FAIL


def test_only_an_unknown_can_be_accepted_by_id_or_group() -> None:
    found = report(
        Item(check(UNKNOWN, "PC-D2.pages"), OPERATIONS),
        Item(check(UNKNOWN, "PC-D21.other"), OPERATIONS),
        Item(check(FAIL, "PC-D2.worse"), OPERATIONS),
    )
    marked = readiness.tolerate(found, ["PC-D2"])
    assert [item.check.tolerated for item in marked.candidates[0].items] == [True, False, False]


def test_verdicts_count_what_concerns_all_and_what_concerns_one() -> None:
    found = report(Item(check(OK), (FAILOVER,)), common=(Item(check(FAIL, "PC-A1.x"), (SWITCHOVER,)),))
    assert readiness.verdicts(found, found.candidates[0]) == {SWITCHOVER: FAIL, FAILOVER: OK, WAY_BACK: UNKNOWN}
    assert readiness.blocking(found, found.candidates[0], SWITCHOVER) == ["PC-A1.x"]
    assert readiness.blocking(found, found.candidates[0], FAILOVER) == []


def two(first: str, second: str) -> Report:
    candidates = (
        Candidate("b", (Item(check(first), OPERATIONS),)),
        Candidate("c", (Item(check(second), OPERATIONS),)),
    )
    return Report("orders", "none", "a", (), candidates, ())


@given(st.sampled_from(SEVERITY), st.sampled_from(SEVERITY))
def test_every_candidate_or_one(first: str, second: str) -> None:
    found = two(first, second)
    worst, best = max(first, second, key=SEVERITY.index), min(first, second, key=SEVERITY.index)
    assert readiness.overall(found, OPERATIONS) == worst
    one = readiness.overall(found, OPERATIONS, readiness.ONE)
    assert one == (best if first == second else max(best, WARN, key=SEVERITY.index))
    assert readiness.stands_in_the_way(one) == (best in (FAIL, UNKNOWN))


def test_without_a_candidate_nothing_can_take_over() -> None:
    assert readiness.overall(Report("orders", "none", "a", (), (), ()), OPERATIONS) == FAIL


def test_the_operations_asked_about_make_the_verdict() -> None:
    found = report(Item(check(FAIL), (SWITCHOVER,)), Item(check(OK), (FAILOVER, WAY_BACK)))
    assert readiness.overall(found, [FAILOVER]) == OK
    assert readiness.overall(found, OPERATIONS) == FAIL


def test_limits() -> None:
    assert readiness.thresholds({"lag_warn": "7", "space_ok": 2}) == readiness.Thresholds(lag_warn=7, space_ok=2.0)
    with pytest.raises(Refusal, match="readiness_limits has the name 'lag'"):
        readiness.thresholds({"lag": 1})
    with pytest.raises(Refusal, match=r"readiness_limits\.lag_warn is '1.5'. Allowed is a whole number"):
        readiness.thresholds({"lag_warn": "1.5"})


def test_plain_data_is_json_and_says_all() -> None:
    found = json.loads(json.dumps(readiness.as_dict(report(Item(check(FAIL), (SWITCHOVER,))))))
    assert found["verdict"] == FAIL and found["primary"] == "a"
    assert found["candidates"]["b"]["blocking"] == {"switchover": ["PC-X1.thing"], "failover": [], "way_back": []}
    assert found["candidates"]["b"]["checks"][0]["blocks"] == ["switchover"]
    assert found["not_run"] == [{"id": "PC-Z9", "why": "no reason"}]


def test_a_person_reads_the_summary_then_what_is_not_ok_worst_first() -> None:
    found = report(
        Item(check(WARN, "PC-X2.warns"), OPERATIONS),
        Item(check(FAIL, "PC-X3.fails"), (SWITCHOVER,)),
        Item(check(OK, "PC-X4.fine"), OPERATIONS),
        Item(check(UNKNOWN, "PC-X5.accepted", tolerated=True), OPERATIONS),
    )
    lines = readiness.lines(found)
    assert lines[:3] == [
        "READINESS of orders: primary a",
        "CANDIDATE  SWITCHOVER  FAILOVER  WAY BACK  IN THE WAY",
        "b          FAIL        WARN      WARN      switchover: PC-X3.fails",
    ]
    text = "\n".join(lines)
    assert text.index("PC-X3.fails  ") < text.index("PC-X2.warns  ")
    assert "If b became primary: 1 FAIL, 0 UNKNOWN, 1 WARN, 1 OK, 1 UNKNOWN and accepted" in lines
    assert "PC-X4.fine" not in text and "UNKNOWN and accepted: PC-X5.accepted" in lines
    everything = "\n".join(readiness.lines(found, everything=True))
    assert "PC-X4.fine" in everything and "PC-Z9: no reason" in everything


def test_many_that_are_unknown_for_one_reason_are_one_line() -> None:
    few = [Item(check(UNKNOWN, f"PC-X{number}.x", "UNKNOWN: dark"), OPERATIONS) for number in range(readiness.FEW)]
    assert not [line for line in readiness.lines(report(*few)) if "checks are" in line]
    many = [Item(check(UNKNOWN, f"PC-X{number}.x", "UNKNOWN: dark"), OPERATIONS) for number in range(readiness.FEW + 1)]
    lines = readiness.lines(report(*many, Item(check(FAIL, "PC-X9.bad"), OPERATIONS)))
    assert "4 checks are UNKNOWN: dark" in lines and "    PC-X0.x, PC-X1.x, PC-X2.x, PC-X3.x" in lines
    assert [line for line in lines if line.startswith("FAIL     PC-X9.bad")]


def test_all_combinations_of_two_checks_give_the_worse() -> None:
    for first, second in itertools.product(SEVERITY, SEVERITY):
        found = report(Item(check(first, "PC-X1.a"), OPERATIONS), Item(check(second, "PC-X1.b"), OPERATIONS))
        worse = max(first, second, key=SEVERITY.index)
        assert set(readiness.verdicts(found, found.candidates[0]).values()) == {worse}
