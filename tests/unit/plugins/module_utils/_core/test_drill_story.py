# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The story of a drill: moments on one clock, carried to those of clients with bounds that hold whatever the clocks say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_record import record_from
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_story import (
    Instant,
    carried,
    marks_of,
    positions_of,
    steps_of,
    story,
)

MS, SECOND = 10**6, 10**9
#: The controller's clock and wall clock when the story begins.
START, WALL = 7000 * SECOND, 1_772_323_200 * SECOND
PARTS = (
    ("demote", "seoul1", "tbdown -t SWITCHOVER on seoul1"),
    ("stop", "busan1", "tbdown on busan1"),
    ("follow", "seoul1", "tbboot -t RECOVERY on seoul1"),
    ("promote", "busan1", "tbboot -t FAILOVER on busan1"),
)


def line(event: str, at: int, step: int, **more: Any) -> dict[str, Any]:
    """An event of the controller's journal, some milliseconds after the start."""
    number = max(step - 1, 0)
    common = {"clock_ns": START + at * MS, "wall_ns": WALL + at * MS, "member": PARTS[number][1], "step": step}
    return {"event": event, **common, **more}


def journal() -> list[dict[str, Any]]:
    """A switchover: each step takes a second on its member, and the word and the news travel 100 ms each."""
    change = {"steps": [{"number": number, "action": part[0]} for number, part in enumerate(PARTS, 1)]}
    lines = [line("armed", 0, 0, change=change)]
    for step in range(1, 5):
        began = 100 + (step - 1) * 1300
        lines.append(line("begin", began, step, title=PARTS[step - 1][2]))
        lines.append(line("end", began + 1200, step, seconds=1.0, seen={}))
    return lines


def stamp(at: int, width: int = 0) -> dict[str, Any]:
    return {"before": START + at * MS, "after": START + (at + width) * MS, "wall": WALL + at * MS}


def leg(**more: Any) -> dict[str, Any]:
    made = {"name": "there", "kind": "switchover", "old": "seoul1", "new": "busan1", "journal": journal()}
    return {**made, "stamps": {"t0": stamp(0, 2), "t9": stamp(9000, 2)}, **more}


def test_steps_are_bounded_by_word_duration_and_news() -> None:
    steps = steps_of(journal(), "raw/journals/there.jsonl")
    assert [(step.number, step.action, step.member) for step in steps] == [
        (number, part[0], part[1]) for number, part in enumerate(PARTS, 1)
    ]
    first = steps[0]
    # The duration is taken 2 ms short, since the member rounds it.
    assert (first.began.lo, first.began.hi) == (START + 100 * MS, START + 302 * MS)
    assert (first.ended.lo, first.ended.hi) == (START + 1098 * MS, START + 1300 * MS)


def test_a_step_that_was_done_again_counts_with_its_last_end_and_one_without_an_end_not_at_all() -> None:
    lines = [*journal(), line("begin", 9000, 4, title="again"), line("end", 9500, 4, seconds=0.4, seen={})]
    assert steps_of(lines, "")[-1].ended.hi == START + 9500 * MS
    assert [step.number for step in steps_of(lines[:-3], "")] == [1, 2, 3]
    assert steps_of([], "") == []


def test_the_marks_of_a_switchover() -> None:
    readings = [{"client": "desk", "before": START, "after": START + 4 * MS, "mono": 50 * SECOND, "same": False}]
    marks = marks_of(leg(), readings, "raw/journals/there.jsonl")
    assert sorted(marks) == ["t0", "t3", "t4", "t5", "t9"]
    # t3 is the end of the demotion, t4 the word for the promotion, t5 its end; each within its bound, plus the question's.
    for name, low, high in (("t3", 1098, 1300), ("t4", 4000, 4202), ("t5", 4998, 5200)):
        middle = 50 * SECOND + (low + high) * MS // 2 - 2 * MS
        assert marks[name]["at"] == {"desk": middle} and marks[name]["bound_ns"] == (high - low) * MS // 2 + 2 * MS
    assert marks["t3"]["source"] == "raw/journals/there.jsonl" and marks["t0"]["wall_ns"] == WALL


def failover(**more: Any) -> dict[str, Any]:
    """A failover, whose journal knows the promotion only; it was decided at 2 s and the promotion ordered at 4 s."""
    lines = [each for each in journal() if each["event"] == "armed" or each["step"] == 4]
    stamps = {"t0": stamp(0, 2), "t2": stamp(2000, 50), "reinstating": stamp(8000), "t9": stamp(9000, 2)}
    return {**leg(kind="failover", journal=lines), "stamps": stamps, **more}


def test_the_fence_of_a_failover_lies_between_the_decision_and_the_order() -> None:
    readings = [{"client": "desk", "before": START, "after": START, "mono": START, "same": True}]
    marks = marks_of(failover(), readings, "raw/journals/there.jsonl")
    assert sorted(marks) == ["t0", "t2", "t3", "t4", "t5", "t9"], "a stamp of another name is no mark"
    assert marks["t3"]["at"] == {"desk": START + 3000 * MS} and marks["t3"]["bound_ns"] == 1000 * MS
    without = failover(stamps={"t0": stamp(0, 2)})
    assert "t3" not in marks_of(without, readings, "")


def test_what_a_failover_foresaw_is_told_from_its_journal_and_nothing_of_a_planned_change() -> None:
    loss = {"none": False, "first": "8", "last": "UNKNOWN", "seconds": "UNKNOWN", "certainty": "ASYNC"}
    more = {"at_most": 57, "seconds_by": "log 5"}
    lines = [
        *journal()[:-1],
        line("end", 9500, 4, seconds=0.4, seen={"evidence": {"loss": {**loss, **more}, "allowed": True}}),
    ]
    [told_leg] = story(told(legs=[failover(journal=lines)]))["legs"]
    assert told_leg["predicted"] == {**loss, "at_most": 57, "seconds_by": "log 5"}
    assert story(told(legs=[leg()]))["legs"][0]["predicted"] is None


def test_fences_are_told_with_what_confirmed_them() -> None:
    source = "raw/journals/there.jsonl"
    [switched] = story(told(legs=[leg()]))["document"]["N.fences"]["value"]
    assert (switched["member"], switched["method"], switched["source"]) == ("seoul1", PARTS[0][2], source)
    assert switched["confirmed_wall_ns"] == WALL + 1300 * MS
    assert switched["result"] == "confirmed" and "why" not in switched
    assert story(told(legs=[leg(journal=[])]))["document"]["N.fences"]["value"] == []


def fenced(*fences: dict[str, Any]) -> list[dict[str, Any]]:
    """The fences of a failover whose promotion told what it was decided on."""
    lines = [*journal()[:-1], line("end", 9500, 4, seconds=0.4, seen={"evidence": {"fences": list(fences)}})]
    lines = [each for each in lines if each["event"] == "armed" or each["step"] == 4]
    return list(story(told(legs=[failover(journal=lines)]))["document"]["N.fences"]["value"])


OWN = {"member": "seoul1", "by": "its own host", "killed": 3, "record": {"reason": "failover x to busan1"}}
COMMAND = {"member": "seoul1", "by": "command of the site", "rc": 0, "ended_at": "2026-03-01 09:00:03.1"}
OVERRIDE = {"member": "seoul1", "by": "override of a person"}


@pytest.mark.parametrize(
    ("fence", "method"),
    [
        (OWN, "stopped by its own host and kept from starting; its ports seen closed from every survivor"),
        (COMMAND, "the command of the site, which ended with 0; its ports seen closed from every survivor"),
    ],
)
def test_a_fence_of_a_failover_is_told_as_its_journal_has_it(fence: dict[str, Any], method: str) -> None:
    [found] = fenced(fence)
    assert found == {
        "leg": "there",
        "member": "seoul1",
        "method": method,
        "result": "confirmed",
        # Nobody is promoted before the ports were seen closed.
        "confirmed_wall_ns": WALL + 4000 * MS,
        "source": "raw/journals/there.jsonl",
    }


def test_a_fence_that_is_the_word_of_a_person_is_not_confirmed() -> None:
    [found] = fenced(OVERRIDE)
    assert (found["method"], found["result"], found["confirmed_wall_ns"]) == (
        "override of a person",
        "not confirmed",
        None,
    )


def test_every_member_that_a_failover_fenced_is_told() -> None:
    found = fenced(OWN, {**OVERRIDE, "member": "seoul2"})
    assert [(each["member"], each["result"]) for each in found] == [
        ("seoul1", "confirmed"),
        ("seoul2", "not confirmed"),
    ]


@pytest.mark.parametrize("fences", [(), ({**OWN, "member": "seoul2"},), ({**OWN, "by": "a new way"},)])
def test_a_fence_that_the_journal_does_not_tell_is_unknown_with_why(fences: tuple[dict[str, Any], ...]) -> None:
    found = next(each for each in fenced(*fences) if each["member"] == "seoul1")
    assert (found["method"], found["result"], found["confirmed_wall_ns"]) == ("UNKNOWN", "UNKNOWN", None)
    assert found["why"] == "the journal of the failover does not tell how seoul1 was fenced"
    [older] = story(told(legs=[failover()]))["document"]["N.fences"]["value"]
    assert (older["method"], older["why"]) == (found["method"], found["why"])


def test_one_clock_adds_nothing_to_a_bound() -> None:
    readings = [{"client": "localhost", "before": START, "after": START + 900 * MS, "mono": START, "same": True}]
    mark = carried(Instant(START, START + 2 * MS, WALL, ""), readings)
    assert mark["at"] == {"localhost": START + MS} and mark["bound_ns"] == MS


@given(
    st.integers(-(10**12), 10**12),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(0, 10**10),
    st.integers(0, 10**9),
    st.floats(0, 1),
)
def test_what_happened_lies_within_the_bound_on_every_clock(
    offset: int, before: int, answered: int, moment: int, width: int, where: float
) -> None:
    """A client's clock that differs by any offset, a question of any length, a moment known to any width."""
    reading = {"client": "desk", "before": START, "after": START + before + answered, "same": False}
    reading["mono"] = START + before + offset
    instant = Instant(START + moment, START + moment + width, WALL, "")
    truth = instant.lo + int(width * where) + offset
    mark = carried(instant, [reading])
    assert abs(mark["at"]["desk"] - truth) <= mark["bound_ns"] + 1
    assert mark["bound_ns"] <= (width + before + answered) // 2 + 1


def test_of_several_questions_the_nearest_counts() -> None:
    early = {"client": "desk", "before": START, "after": START + 10 * MS, "mono": START}
    late = {"client": "desk", "before": START + 100 * SECOND, "after": START + 100 * SECOND + MS, "mono": START}
    near = carried(Instant(START + 99 * SECOND, START + 99 * SECOND, WALL, ""), [early, late])
    assert near == carried(Instant(START + 99 * SECOND, START + 99 * SECOND, WALL, ""), [late])
    assert near["bound_ns"] == MS // 2


def told(**more: Any) -> dict[str, Any]:
    reads = [
        {"member": "busan1", "reads": ["a", "c"], "stamp": stamp(20_000, 3)},
        {"member": "seoul1", "reads": ["b"], "why": "it did not answer"},
    ]
    readings = [{"client": "desk", "before": START, "after": START + MS, "mono": START, "same": True}]
    return {
        "drill_id": "01KJMA8A00RWC6DP1VG4X2N7QE",
        "type": "switchover_and_back",
        "members": ["seoul1", "busan1"],
        "ledgers": ["raw/ledgers/b", "raw/ledgers/a"],
        "legs": [leg(reads=reads, mode={"mode": "PROTECTION", "guaranteed": True, "source": "raw/x"})],
        "readings": readings,
        "classification": {"engine": "tibero", "driver": "tbsql", "valid": True},
        "way_back": {"original_layout": False, "differences": [], "residue": []},
        "document": {"A.state": "reported", "G.lag": {"value": [], "source": "raw/observations/a.json"}},
        **more,
    }


def test_the_story_is_a_record_that_the_verdict_reads() -> None:
    made = story(told())
    record = record_from(made)
    assert record.ledgers == ("raw/ledgers/a", "raw/ledgers/b") and record.legs[0].mode.guaranteed
    reads = {(read.read, read.member): read for read in record.legs[0].reads}
    assert reads["a", "busan1"].file == "raw/rows/there-a-busan1.jsonl"
    assert reads["a", "busan1"].at == {"desk": START + 20_001_500_000}
    assert reads["b", "seoul1"].file == "" and reads["b", "seoul1"].why == "it did not answer"
    assert made["document"]["G.lag"] == {"value": [], "kind": "observed", "source": "raw/observations/a.json"}
    steps = made["document"]["J.steps"]["value"]
    assert [step["number"] for step in steps] == [1, 2, 3, 4] and steps[0]["begun_wall_ns"] == WALL + 100 * MS


@pytest.mark.parametrize("missing", ["drill_id", "members", "legs", "readings", "classification", "way_back"])
def test_a_story_without_its_parts_is_none(missing: str) -> None:
    broken = told()
    del broken[missing]
    with pytest.raises(KeyError):
        story(broken)


def test_where_nobody_takes_over_the_standby_counts_as_fenced_from_the_fault_on() -> None:
    readings = [{"client": "desk", "before": START, "after": START, "mono": 50 * SECOND, "same": True}]
    ride = leg(kind="ride", old="busan1", new="seoul1", journal=[])
    marks = marks_of(ride, readings, "")
    assert marks["t3"] == marks["t0"] and "t4" not in marks and "t5" not in marks
    assert "t3" not in marks_of({**ride, "stamps": {}}, readings, "")


def seen(event: dict[str, Any], **told: str) -> dict[str, Any]:
    return {**event, "seen": told}


def test_positions_of_a_planned_change_are_the_words_of_both() -> None:
    lines = journal()
    lines[2], lines[6], lines[8] = (
        seen(lines[2], position="191"),
        seen(lines[6], position="198"),
        seen(lines[8], position="201", branch_point="198"),
    )
    found = positions_of(leg(journal=lines))
    assert (found["old_last"], found["new_open"], found["unit"], found["why"]) == (198, 198, "TSN", "")


@pytest.mark.parametrize(
    ("old_last", "known"), [("205", 205), ("198", None), ("40", None), ("UNKNOWN", None), ("", None)]
)
def test_the_log_of_a_lost_primary_tells_something_only_beyond_the_branch(old_last: str, known: int | None) -> None:
    lines = journal()
    lines[2], lines[8] = seen(lines[2], position="191"), seen(lines[8], branch_point="198")
    found = positions_of(leg(kind="failover", journal=lines, old_last=old_last))
    assert (found["old_last"], found["new_open"]) == (known, 198)
    assert bool(found["why"]) == (known is None)


def test_positions_that_nobody_told_are_not_known() -> None:
    found = positions_of(leg(journal=[]))
    assert found["old_last"] is found["new_open"] is None and "no journal tells where busan1 opened" in found["why"]
