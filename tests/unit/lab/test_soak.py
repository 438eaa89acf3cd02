# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a soak, and what is read of a drill for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_policy import CONSENTS
from lab import drills, soak

SECOND = 10**9
SAMPLE = Path(__file__).parents[1] / "plugins" / "module_utils" / "_core" / "evidence_sample.json"


def one(rto_ns: int | None, **more: object) -> drills.Figures:
    return drills.Figures("01X", "met", rto_ns, 30 * SECOND, 0, 100, 0)._replace(**more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("nanoseconds", "shown"),
    [(0, "0.0"), (1, "0.1"), (20 * SECOND, "20.0"), (20 * SECOND + 1, "20.1"), (None, "unbounded")],
)
def test_no_figure_is_shown_better_than_it_is(nanoseconds: int | None, shown: str) -> None:
    assert soak.seconds(nanoseconds) == shown


def test_the_distribution_names_its_number_and_never_hides_what_nothing_bounds() -> None:
    lines = soak.table(
        [("switchover", each) for each in (one(20 * SECOND), one(None), one(40 * SECOND), one(30 * SECOND))], 59
    ).splitlines()
    assert lines[0].startswith("4 drills of 59")
    assert "| switchover, RTO | 3 of 4 | 20.0 | 30.0 | 40.0 |" in lines
    assert "| switchover, redundancy back | 4 of 4 | 30.0 | 30.0 | 30.0 |" in lines
    assert "| switchover | 01X | met | unbounded | 30.0 | 0 | 100 | 0 |" in lines


def test_of_an_even_number_the_later_of_the_middle_ones_is_shown() -> None:
    assert "| none, RTO | 2 of 2 | 20.0 | 30.0 | 30.0 |" in soak.table(
        [("none", one(20 * SECOND)), ("none", one(30 * SECOND))], 2
    )


def test_differences_that_are_not_known_are_not_none() -> None:
    assert "| 100 | unknown |" in soak.table([("none", one(SECOND, differences=None))], 1)


def test_figures_are_the_upper_ends_of_the_document(tmp_path: Path) -> None:
    sample = json.loads(SAMPLE.read_text(encoding="utf-8"))
    (tmp_path / "evidence.json").write_text(json.dumps(sample))
    upper = {each["objective"]: each["measured_hi"] for each in sample["R"]["objectives"]["value"]}
    found = drills.figures(tmp_path)
    assert (found.rto_ns, found.rtrr_ns, found.differences) == (upper["rto"], upper["rtrr"], upper["way_back"])
    assert (found.drill, found.verdict) == (tmp_path.name, sample["R"]["overall"]["value"])


@pytest.mark.parametrize("rounds", ["0", "-1", "x"])
def test_rounds_are_a_number_from_one_on(rounds: str) -> None:
    with pytest.raises(SystemExit) as ended:
        soak.main([rounds])
    assert ended.value.code == 2


def test_kinds_are_counted_apart() -> None:
    lines = soak.table([("switchover", one(20 * SECOND)), ("freeze", one(40 * SECOND))], 2).splitlines()
    assert "| switchover, RTO | 1 of 1 | 20.0 | 20.0 | 20.0 |" in lines
    assert "| freeze, RTO | 1 of 1 | 40.0 | 40.0 | 40.0 |" in lines


def test_an_unknown_drill_is_refused() -> None:
    with pytest.raises(SystemExit) as ended:
        soak.main(["1", "earthquake"])
    assert ended.value.code == 2


def test_every_fault_of_a_policy_can_be_drilled_with_its_consent() -> None:
    assert drills.CONSENTS == CONSENTS


def test_a_loss_is_foreseen_where_a_failover_of_the_document_said_so(tmp_path: Path) -> None:
    document = json.loads(SAMPLE.read_text(encoding="utf-8"))
    word = {"leg": "there", "first": "11", "last": "13 or more", "seconds": "UNKNOWN", "lost": 0}
    nothing, something = {**word, "none": True}, {**word, "none": False}
    for said, foreseen in (([], False), ([nothing], False), ([nothing, something], True)):
        document["L"]["predicted"]["value"] = said
        (tmp_path / "evidence.json").write_text(json.dumps(document), encoding="utf-8")
        assert drills.figures(tmp_path).foreseen is foreseen


def test_a_mode_that_needs_sync_is_refused_without_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        soak.main(["--transport", "ASYNC", "--protection", "availability", "1"])
    assert "availability needs SYNC to every standby, and TRANSPORT is ASYNC" in capsys.readouterr().err


def test_a_hole_and_a_loss_that_was_not_foreseen_end_the_soak() -> None:
    assert soak.doubts(one(0, lost=3, foreseen=True)) == [] and soak.doubts(one(0)) == []
    assert "3 acknowledged writes are lost, and the failover" in soak.doubts(one(0, lost=3))[0]
    assert "lost from the middle" in soak.doubts(one(0, lost=3, holes=1, foreseen=True))[0]


def foretold(**more: object) -> drills.Foretold:
    return drills.Foretold(False, 11, None, None, 10, 1, 0.2)._replace(**more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (foretold(), ""),
        (foretold(first=5), ""),
        (foretold(first=12), "foreseen from TSN 12 on, and the new primary opened at 10"),
        (foretold(first=None), "without saying from which TSN on"),
        (foretold(seconds=0.1), "0.1 s of loss were foreseen, and 0.2 s are lost"),
        (foretold(seconds=0.3), ""),
        (foretold(none=True, first=None), ""),
    ],
)
def test_a_loss_lies_where_it_was_foreseen(said: drills.Foretold, words: str) -> None:
    found = soak.doubts(one(0, lost=1, foreseen=True, foretold=(said,)))
    assert bool(found) == bool(words) and words in "".join(found)


@pytest.mark.parametrize(
    ("tsn", "last", "words"),
    [
        (11, None, ""),
        (99, None, ""),
        (10, None, "lies at TSN 10"),
        (12, 12, ""),
        (13, 12, "lies at TSN 13"),
        (0, None, "is not listed"),
    ],
)
def test_a_lost_write_is_listed_and_lies_where_a_loss_was_foreseen(tsn: int, last: int | None, words: str) -> None:
    figures = one(0, lost=1, foreseen=True, foretold=(foretold(last=last),), lost_ids=("ab12",))
    writes = [soak.Write(tsn, "INSERT INTO DRILL_LEDGER VALUES ('w', 1, 'ab12')")] if tsn else []
    found = soak.doubts(figures, writes)
    assert bool(found) == bool(words) and words in "".join(found)
    assert soak.doubts(figures) == [], "without a listing there is nothing to compare with"


def test_what_was_foretold_is_read_of_the_document(tmp_path: Path) -> None:
    document = json.loads(SAMPLE.read_text(encoding="utf-8"))
    word = {"none": False, "first": "11", "last": "13 or more", "seconds": "UNKNOWN", "lost": 2}
    document["L"]["predicted"]["value"] = [
        {**word, "leg": "there"},
        {**word, "leg": "x", "last": "13", "at_most": 2},
    ]
    document["L"]["positions"]["value"] = [{"leg": "there", "new_open": 10}]
    document["L"]["lost_time"]["value"] = [{"leg": "there", "lo_ns": SECOND}, {"leg": "there", "lo_ns": 2 * SECOND}]
    (tmp_path / "evidence.json").write_text(json.dumps(document), encoding="utf-8")
    assert drills.figures(tmp_path).foretold == (
        drills.Foretold(False, 11, None, None, 10, 2, 2.0),
        drills.Foretold(False, 11, 13, 2.0, None, 2, 0.0),
    )


def test_sync_may_lose_nothing_and_async_runs_in_performance() -> None:
    assert soak.TRANSPORTS["SYNC"] == ("protection", 0) and soak.TRANSPORTS["ASYNC"][0] == "performance"
    assert [each.get("tibero_transport") for each in soak.members("ASYNC").values()] == [
        None,
        "LGWR ASYNC",
        "LGWR ASYNC",
    ]


def test_by_mixed_the_member_that_takes_over_holds_less_than_the_other() -> None:
    described = soak.members("MIXED")
    assert described[soak.TARGET]["tibero_transport"] == "LGWR ASYNC"
    assert described["busan1"]["tibero_transport"] == "LGWR SYNC"
    assert {each["tibero_transport"] for name, each in soak.members("ASYNC").items() if name != "seoul1"} == {
        "LGWR ASYNC"
    }
