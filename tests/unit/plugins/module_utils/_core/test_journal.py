# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a role change: written before, read back, merged, and refused when it is not one of ours."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import journal
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    Refusal,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.journal import Change, Journal, Record, Step

STEPS = (Step(1, "seoul1", "demote", "stop it", "back"), Step(2, "busan1", "promote", "open it", "none"))


def change(name: str = "c1", undoes: str = "") -> Change:
    return Change(name, "switchover", "seoul1", "busan1", "ops@desk", "2026-11-27T06:00:00Z", STEPS, undoes)


@pytest.fixture
def own(tmp_path: Path) -> Journal:
    return Journal(str(tmp_path / "role_change"))


def test_nothing_is_there_before_a_change(own: Journal) -> None:
    assert own.read() is None and not os.path.exists(own.directory)


def test_every_mark_is_on_the_disk_at_once(own: Journal) -> None:
    own.open(change())
    own.begin(1)
    seen = own.read()
    assert seen is not None and seen.is_open and seen.marks[1].state == journal.BEGUN
    own.finish(1, {"position": "19"})
    own.begin(2)
    own.fail(2, CommandFailed("it said no", "refused", "look"))
    again = Journal(own.directory).read()
    assert again is not None
    assert (again.marks[1].state, again.marks[1].seen) == (journal.DONE, {"position": "19"})
    assert (again.marks[2].state, again.marks[2].seen["seen"]) == (journal.FAILED, "it said no")
    assert stat.S_IMODE(os.stat(own.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(own.directory).st_mode) == 0o700


def test_a_step_that_is_begun_again_is_counted(own: Journal) -> None:
    own.open(change())
    own.begin(1)
    own.begin(1)
    own.finish(1, {})
    seen = own.read()
    assert seen is not None and seen.marks[1].times == 2


def test_another_change_is_refused_with_its_holder(own: Journal) -> None:
    own.open(change())
    with pytest.raises(Refusal, match=r"open switchover c1 from seoul1 to busan1, begun by ops@desk at 2026-11-27"):
        own.open(change("c2"))


def test_the_same_change_goes_on_and_keeps_its_marks(own: Journal) -> None:
    own.open(change())
    own.begin(1)
    own.finish(1, {})
    assert own.open(change()).marks[1].state == journal.DONE


@pytest.mark.parametrize("ended", [True, False])
def test_an_ended_change_and_one_that_is_taken_back_are_kept_beside(own: Journal, ended: bool) -> None:
    own.open(change())
    if ended:
        assert own.close("c1", journal.CHANGE_DONE, "well")
    own.open(change("c2", undoes="" if ended else "c1"))
    kept = json.loads(Path(own.directory, "c1.json").read_text())
    assert kept["state"] == (journal.CHANGE_DONE if ended else journal.OPEN)
    seen = own.read()
    assert seen is not None and seen.change.id == "c2"


def test_closing_twice_writes_once_and_never_another_change(own: Journal) -> None:
    own.open(change())
    assert own.close("c1", journal.UNDONE, "taken back")
    assert not own.close("c1", journal.CHANGE_DONE, "other words")
    seen = own.read()
    assert seen is not None and (seen.state, seen.words) == (journal.UNDONE, "taken back")
    with pytest.raises(Refusal, match="the journal of c1, not of c9"):
        own.close("c9", journal.UNDONE, "")


def test_one_that_needs_a_person_stays_open(own: Journal) -> None:
    own.open(change())
    own.close("c1", journal.NEEDS_PERSON, "look")
    seen = own.read()
    assert seen is not None and seen.is_open
    assert own.open(change()).state == journal.OPEN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "{}",
        '{"change": {"id": "../../x", "steps": []}}',
        json.dumps({"change": change().as_dict()}),
    ],
)
def test_what_is_not_a_journal_is_not_taken_for_none(own: Journal, text: str) -> None:
    os.makedirs(own.directory, 0o700)
    Path(own.path).write_text(text)
    with pytest.raises(UnknownState, match=r"not known"):
        own.read()


def test_words_of_another_version_are_unknown(own: Journal) -> None:
    record = Record(change(), "half", "", {}).as_dict()
    with pytest.raises(UnknownState, match="'half'"):
        journal.record_from(record)
    record = Record(change(), journal.OPEN, "", {1: journal.Mark("perhaps", "", {})}).as_dict()
    with pytest.raises(UnknownState, match="perhaps"):
        journal.record_from(record)


def test_a_step_that_was_not_planned_is_not_marked(own: Journal) -> None:
    own.open(change())
    with pytest.raises(UnknownState, match="no step 7"):
        own.begin(7)


def test_a_journal_that_vanished_stops_everything(own: Journal) -> None:
    own.open(change())
    os.unlink(own.path)
    with pytest.raises(UnknownState, match="is gone"):
        own.begin(1)


def record(marks: dict[int, str], state: str = journal.OPEN, name: str = "c1", undoes: str = "") -> Record:
    return Record(change(name, undoes), state, "", {n: journal.Mark(word, "", {}) for n, word in marks.items()})


def test_marks_of_all_members_are_one_change() -> None:
    merged = journal.merge({"seoul1": record({1: journal.DONE}), "busan1": record({2: journal.BEGUN}), "seoul2": None})
    assert merged is not None and merged.holders == ("busan1", "seoul1")
    assert [merged.state_of(number) for number in (1, 2, 3)] == [journal.DONE, journal.BEGUN, journal.NOT_BEGUN]


def test_ended_changes_are_no_open_change() -> None:
    assert journal.merge({"a": record({}, journal.CHANGE_DONE), "b": record({}, journal.UNDONE), "c": None}) is None


def test_one_side_may_be_closed_already() -> None:
    merged = journal.merge({"a": record({1: journal.DONE}, journal.CHANGE_DONE), "b": record({2: journal.DONE})})
    assert merged is not None and merged.state_of(1) == journal.DONE and merged.holders == ("b",)


def test_an_undo_stands_for_what_it_takes_back() -> None:
    merged = journal.merge({"a": record({1: journal.DONE}), "b": record({2: journal.DONE}, name="u1", undoes="c1")})
    assert merged is not None and merged.change.id == "u1" and merged.state_of(1) == journal.NOT_BEGUN


def test_a_member_that_was_away_keeps_what_the_others_have_replaced() -> None:
    ended = record({2: journal.DONE}, journal.CHANGE_DONE, "f1", "c1")
    assert journal.merge({"a": record({1: journal.BEGUN}), "b": ended}) is None


def test_two_changes_that_do_not_know_of_each_other_are_unknown() -> None:
    with pytest.raises(UnknownState, match="c1 to busan1 on a; switchover c2 to busan1 on b"):
        journal.merge({"a": record({}), "b": record({}, name="c2")})


words = st.sampled_from([journal.BEGUN, journal.DONE, journal.FAILED])
seen = st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers() | st.none(), max_size=3)


@given(
    st.dictionaries(
        st.integers(1, 2), st.builds(journal.Mark, words, st.text(max_size=9), seen, st.integers(1, 9)), max_size=2
    ),
    st.sampled_from([journal.OPEN, journal.NEEDS_PERSON, *journal.ENDS]),
    st.text(max_size=20),
)
def test_a_record_survives_its_file(marks: dict[int, journal.Mark], state: str, text: str) -> None:
    before = Record(change(), state, text, marks)
    assert journal.record_from(json.loads(json.dumps(before.as_dict()))) == before


def test_a_change_is_later_than_all_that_its_controller_saw() -> None:
    """A controller whose clock is behind must not order a change before one that it follows."""
    assert journal.moment_after(["2099-12-31T23:59:59Z", "", "yesterday"]) == "2100-01-01T00:00:00Z"
    assert journal.moment_after(["2001-01-01T00:00:00Z"]) >= "2026"


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(0, ", 0 s ago"), (119, ", 119 s ago"), (120, ", 2 min ago"), (7199, ", 119 min ago"), (7200, ", 2 h ago"),
     (172799, ", 47 h ago"), (172800, ", 2 days ago"), (-1, "")],
)  # fmt: skip
def test_a_moment_is_told_with_its_age(seconds: int, age: str) -> None:
    begun = 1795774830  # 2026-11-27T10:20:30Z
    assert journal.since("2026-11-27T10:20:30Z", begun + seconds) == "2026-11-27T10:20:30Z" + age
    assert journal.since("earlier", begun) == "earlier"
