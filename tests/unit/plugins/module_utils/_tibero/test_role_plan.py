# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a switchover does next, for every pair of states and every place where an earlier run may have stopped."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts, journal
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.journal import Change, Mark, Merged
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import role_plan, role_steps
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.role_plan import View, Wish, decide

NAMES = ("seoul1", "seoul2", "busan1")
OPEN = View(facts.PRIMARY, facts.READ_WRITE, True, "100")
FOLLOWS = View(facts.STANDBY, facts.RECOVERING, True, "100")
READABLE = View(facts.STANDBY, facts.READ_ONLY, True, "100")
DOWN = View(facts.UNKNOWN, facts.STOPPED, False, facts.UNKNOWN, "no view tells the role")
HALF = View(facts.UNKNOWN, facts.MOUNTED, True, facts.UNKNOWN)
DARK = View(facts.UNKNOWN, facts.UNKNOWN, True, facts.UNKNOWN, "login failed")
STATES = {
    "open": OPEN,
    "follows": FOLLOWS,
    "readable": READABLE,
    "down": DOWN,
    "half": HALF,
    "dark": DARK,
    "silent": None,
}


def wish(target: str = "seoul2", **more: Any) -> Wish:
    given_ = {"max_lag": 10, "promote_first": False, "change_id": "c2", "holder": "ops@desk", "started_at": "now"}
    return Wish(**{"target": target, **given_, **more})


def half_done(kind: str = "switchover", **marks: str) -> Merged:
    """An open change from seoul1 to seoul2; ``marks`` by action."""
    steps = role_steps.switchover("seoul1", "seoul2")
    undoes = ""
    if kind == "undo":
        steps, undoes = role_steps.undo("seoul1", "seoul2", True), "c0"
    change = Change("c1", kind, "seoul1", "seoul2", "ops@other", "earlier", steps, undoes)
    numbers = {step.action: step.number for step in steps}
    found = {numbers[action]: Mark(word, "", {"position": "100"}) for action, word in marks.items()}
    return Merged(change, found, ("seoul1",))


def actions(decision: role_plan.Decision) -> list[str]:
    assert decision.change is not None
    steps = {step.number: step for step in decision.change.steps}
    return [f"{steps[number].member} {steps[number].action}" for number in decision.todo]


# ----------------------------------------------------------------------------------------- begin


def test_it_begins_in_the_manuals_order() -> None:
    found = decide(NAMES, {"seoul1": OPEN, "seoul2": FOLLOWS, "busan1": FOLLOWS}, None, wish())
    assert found.mode == role_plan.BEGIN and role_plan.involved(found) == ["seoul1", "seoul2"]
    assert actions(found) == ["seoul1 demote", "seoul2 stop", "seoul1 follow", "seoul2 promote"]
    assert role_plan.own(found, "seoul2") == [2, 4]
    assert all(step.undo for step in found.change.steps)  # type: ignore[union-attr]


def test_the_shorter_order_promotes_first() -> None:
    views = {"seoul1": OPEN, "seoul2": READABLE, "busan1": FOLLOWS}
    found = decide(NAMES, views, None, wish(promote_first=True))
    assert actions(found) == ["seoul1 demote", "seoul2 stop", "seoul2 promote", "seoul1 follow"]


def test_the_target_is_primary_already() -> None:
    found = decide(NAMES, {"seoul1": FOLLOWS, "seoul2": OPEN, "busan1": FOLLOWS}, None, wish())
    assert (found.mode, found.todo, found.words) == (role_plan.NOTHING, (), "seoul2 is primary already")


@pytest.mark.parametrize(
    ("views", "target", "kind", "says"),
    [
        ({"seoul1": OPEN, "seoul2": OPEN, "busan1": FOLLOWS}, "seoul2", UnknownState, "2 members are primary: seoul1, seoul2"),
        ({"seoul1": DOWN, "seoul2": FOLLOWS, "busan1": FOLLOWS}, "seoul2", UnknownState, "No open primary; seen: seoul1: stopped"),
        ({"seoul1": OPEN, "seoul2": FOLLOWS, "busan1": FOLLOWS}, "seoul9", Refusal, "standby_target is 'seoul9'"),
        ({"seoul1": OPEN, "seoul2": FOLLOWS, "busan1": FOLLOWS}, "", Refusal, "one of the members: seoul1, seoul2, busan1"),
        ({"seoul1": OPEN, "seoul2": FOLLOWS, "busan1": None}, "seoul2", UnknownState, "No answer from busan1"),
        ({"seoul1": OPEN, "seoul2": DOWN, "busan1": FOLLOWS}, "seoul2", Refusal, "seoul2 is stopped"),
        ({"seoul1": OPEN, "seoul2": HALF, "busan1": FOLLOWS}, "seoul2", Refusal, "Only a standby that applies redo"),
        ({"seoul1": OPEN, "seoul2": DARK, "busan1": FOLLOWS}, "seoul2", Refusal, "login failed"),
        ({"seoul1": OPEN, "seoul2": FOLLOWS._replace(position="89"), "busan1": FOLLOWS}, "seoul2", Refusal, "it lags by 11"),
        ({"seoul1": OPEN, "seoul2": FOLLOWS._replace(position="UNKNOWN"), "busan1": FOLLOWS}, "seoul2", UnknownState, "is UNKNOWN"),
    ],
)  # fmt: skip
def test_it_is_refused_and_says_why(views: dict[str, View | None], target: str, kind: type, says: str) -> None:
    with pytest.raises(kind) as caught:
        decide(NAMES, views, None, wish(target))
    assert says in str(caught.value) and "To do:" in str(caught.value)


def test_a_lag_at_the_limit_is_accepted() -> None:
    views = {"seoul1": OPEN, "seoul2": FOLLOWS._replace(position="90"), "busan1": FOLLOWS}
    assert decide(NAMES, views, None, wish()).mode == role_plan.BEGIN


@pytest.mark.parametrize(("position", "ahead"), [("110", 0), ("111", 11), ("900000", 899900)])
def test_a_target_may_be_ahead_by_what_a_moment_explains_and_no_more(position: str, ahead: int) -> None:
    views = {"seoul1": OPEN, "seoul2": FOLLOWS._replace(position=position), "busan1": FOLLOWS}
    if not ahead:
        assert decide(NAMES, views, None, wish()).mode == role_plan.BEGIN
        return
    with pytest.raises(UnknownState, match=rf"seoul2 at {position}: it is ahead by {ahead}.*The limit is 10 in both"):
        decide(NAMES, views, None, wish())


@pytest.mark.parametrize("foreign", ["seoul2", "busan1"])
def test_a_member_with_another_dbid_is_refused_whatever_its_position(foreign: str) -> None:
    views: dict[str, View | None] = {"seoul1": OPEN._replace(database_id="7"), "seoul2": FOLLOWS, "busan1": FOLLOWS}
    views[foreign] = FOLLOWS._replace(database_id="8", position="90")
    with pytest.raises(Refusal, match=rf"DBID: seoul1 has 7, {foreign} has 8.*different databases"):
        decide(NAMES, views, None, wish())


def test_an_id_that_is_not_told_or_the_same_refuses_nothing() -> None:
    known = {"database_id": "7"}
    views = {"seoul1": OPEN._replace(**known), "seoul2": FOLLOWS, "busan1": FOLLOWS._replace(**known)}  # type: ignore[arg-type]
    assert decide(NAMES, views, None, wish()).mode == role_plan.BEGIN


def test_the_view_is_taken_from_the_observation() -> None:
    state: dict[str, Any] = {"position": {"value": "100"}, "database_id": {"value": "7", "source": "V$DATABASE.DBID"}}
    seen = {"role": "primary", "open_mode": "read_write", "running": True, "state": state}
    assert role_plan.view_of(seen) == OPEN._replace(database_id="7")
    state["database_id"] = {"value": "UNKNOWN", "source": "V$DATABASE.DBID", "why": "TBR-22003"}
    assert role_plan.view_of(seen) == OPEN


# --------------------------------------------------------------------------- after an interruption

DONE, BEGUN, FAILED = journal.DONE, journal.BEGUN, journal.FAILED


@pytest.mark.parametrize(
    ("old", "new", "marks", "mode", "todo"),
    [
        # Nothing was handed over.
        ("open", "follows", {}, role_plan.CLOSE, []),
        ("open", "readable", {"demote": BEGUN}, role_plan.CLOSE, []),
        ("open", "down", {"demote": FAILED}, role_plan.UNDO, ["seoul2 follow"]),
        # The primary has stopped; what it was stopped by, the server tells at its RECOVERY boot.
        ("down", "follows", {"demote": BEGUN}, role_plan.RESUME, ["seoul1 follow", "seoul2 stop", "seoul2 promote"]),
        ("down", "follows", {"demote": DONE}, role_plan.RESUME, ["seoul1 follow", "seoul2 stop", "seoul2 promote"]),
        ("down", "down", {"demote": DONE, "stop": DONE}, role_plan.RESUME, ["seoul1 follow", "seoul2 stop", "seoul2 promote"]),
        ("half", "down", {"demote": DONE, "stop": BEGUN}, role_plan.RESUME, ["seoul1 follow", "seoul2 stop", "seoul2 promote"]),
        # It died by itself before the change began.
        ("down", "follows", {}, role_plan.UNDO, ["seoul2 follow", "seoul1 return"]),
        # It follows already.
        ("follows", "follows", {"demote": DONE}, role_plan.RESUME, ["seoul2 stop", "seoul2 promote"]),
        ("follows", "down", {"demote": DONE, "stop": DONE, "follow": DONE}, role_plan.RESUME, ["seoul2 stop", "seoul2 promote"]),
        ("follows", "down", {"demote": DONE, "stop": DONE, "follow": DONE, "promote": BEGUN}, role_plan.RESUME, ["seoul2 promote"]),
        ("follows", "down", {"demote": DONE, "promote": FAILED}, role_plan.UNDO, ["seoul2 follow", "seoul1 return"]),
        ("follows", "half", {"demote": DONE, "promote": BEGUN}, role_plan.UNDO, ["seoul2 follow", "seoul1 return"]),
        # The target has opened.
        ("follows", "open", {"demote": DONE}, role_plan.CLOSE, []),
        ("down", "open", {"demote": DONE, "promote": DONE}, role_plan.RESUME, ["seoul1 follow"]),
        ("half", "open", {"demote": DONE, "promote": DONE}, role_plan.RESUME, ["seoul1 follow"]),
    ],
)  # fmt: skip
def test_a_switchover_that_stopped_half_way(
    old: str, new: str, marks: dict[str, str], mode: str, todo: list[str]
) -> None:
    views = {"seoul1": STATES[old], "seoul2": STATES[new], "busan1": FOLLOWS}
    found = decide(NAMES, views, half_done(**marks), wish())
    assert (found.mode, actions(found)) == (mode, todo)
    if mode == role_plan.UNDO:
        assert found.change is not None and (found.change.id, found.change.undoes) == ("c2", "c1")
        assert found.result == journal.UNDONE


def test_the_positions_that_were_seen_reach_the_steps_to_come() -> None:
    views = {"seoul1": FOLLOWS, "seoul2": FOLLOWS, "busan1": FOLLOWS}
    found = decide(NAMES, views, half_done(demote=DONE, stop=FAILED), wish())
    # A former primary that is seen as a standby tells its end now, for the proof before the promotion.
    assert found.payload == {"demote": {"position": "100"}, "follow": {"position": "100"}}
    views["seoul1"] = DOWN
    assert decide(NAMES, views, half_done(demote=DONE), wish()).payload == {"demote": {"position": "100"}}


def test_what_the_step_saw_is_not_replaced_by_what_is_seen_now() -> None:
    views = {"seoul1": FOLLOWS._replace(position="90"), "seoul2": DOWN, "busan1": FOLLOWS}
    found = decide(NAMES, views, half_done(demote=DONE, stop=DONE, follow=DONE), wish())
    assert found.payload["follow"] == {"position": "100"}


@pytest.mark.parametrize(
    ("old", "new", "marks", "mode"),
    [
        ("follows", "follows", {"demote": DONE}, role_plan.UNDO),
        ("down", "follows", {"demote": DONE}, role_plan.UNDO),
        ("down", "down", {"demote": BEGUN}, role_plan.UNDO),
        ("open", "follows", {"demote": FAILED}, role_plan.CLOSE),
        ("follows", "open", {"promote": DONE}, role_plan.CLOSE),
        ("down", "open", {"promote": DONE, "follow": FAILED}, role_plan.PERSON),
    ],
)
def test_a_step_that_has_just_failed_is_taken_back_and_not_tried_again(
    old: str, new: str, marks: dict[str, str], mode: str
) -> None:
    views = {"seoul1": STATES[old], "seoul2": STATES[new], "busan1": FOLLOWS}
    found = decide(NAMES, views, half_done(**marks), wish("", retreat=True))
    assert found.mode == mode
    if mode == role_plan.PERSON:
        assert "Next: run the same command again" in found.words and found.result == journal.NEEDS_PERSON


@pytest.mark.parametrize(("old", "steps"), [("follows", ["promote"]), ("down", ["follow", "promote"])])
@pytest.mark.parametrize("mark", [BEGUN, DONE])
def test_a_target_that_died_when_it_was_promoted_may_have_taken_writes_and_nobody_else_is_opened(
    old: str, steps: list[str], mark: str
) -> None:
    views = {"seoul1": STATES[old], "seoul2": DOWN, "busan1": FOLLOWS}
    marks = {"demote": DONE, "stop": DONE, "promote": mark}
    at_once = decide(NAMES, views, half_done(**marks), wish("", retreat=True))
    assert (
        at_once.mode == role_plan.PERSON and "nobody else is opened. Next: run the same command again" in at_once.words
    )
    later = decide(NAMES, views, half_done(**marks), wish())
    assert later.mode == role_plan.RESUME and [each.split()[1] for each in actions(later)] == steps
    assert later.payload["promote"] == {"begun": True}


@pytest.mark.parametrize(("old", "new", "mode"), [("open", "follows", "close"), ("follows", "down", "undo")])
def test_an_undo_that_stopped_goes_on_backwards(old: str, new: str, mode: str) -> None:
    views = {"seoul1": STATES[old], "seoul2": STATES[new], "busan1": FOLLOWS}
    found = decide(NAMES, views, half_done("undo", follow=DONE), wish())
    assert (found.mode, found.result) == (mode, journal.UNDONE)


def test_another_target_waits_for_the_open_change() -> None:
    views = {"seoul1": DOWN, "seoul2": FOLLOWS, "busan1": FOLLOWS}
    with pytest.raises(
        Refusal, match=r"from seoul1 to seoul2 is open \(begun by ops@other at earlier\); asked for is busan1"
    ):
        decide(NAMES, views, half_done(demote=DONE), wish("busan1"))


@pytest.mark.parametrize("side", ["seoul1", "seoul2"])
def test_a_side_that_does_not_answer_decides_nothing(side: str) -> None:
    views = {"seoul1": DOWN, "seoul2": FOLLOWS, "busan1": FOLLOWS, side: None}
    with pytest.raises(UnknownState, match=rf"{side} does not answer, and the switchover c1 is half done"):
        decide(NAMES, views, half_done(demote=DONE), wish())


def test_the_age_of_an_open_change_is_shown() -> None:
    found = half_done(demote=DONE)
    found = found._replace(change=found.change._replace(started_at="2020-01-01T00:00:00Z"))
    views: dict[str, View | None] = {"seoul1": DOWN, "seoul2": FOLLOWS, "busan1": FOLLOWS}
    with pytest.raises(Refusal, match=r"begun by ops@other at 2020-01-01T00:00:00Z, \d+ days ago"):
        decide(NAMES, views, found, wish("busan1"))
    with pytest.raises(UnknownState, match=r"begun by ops@other at 2020-01-01T00:00:00Z, \d+ days ago"):
        decide(NAMES, {**views, "seoul1": None}, found, wish())


# ------------------------------------------------------------------- a stop that waits for sessions

STOPPING = DARK._replace(
    why="Login of sys to orders failed: TBR-12039: Server instance is shutting down.", stopping=True
)


@pytest.mark.parametrize("old", [STOPPING, OPEN._replace(stopping=True)])
@pytest.mark.parametrize("mark", [BEGUN, FAILED])
def test_a_stop_that_waits_for_sessions_ends_with_a_person_and_the_sessions(old: View, mark: str) -> None:
    views = {"seoul1": old, "seoul2": FOLLOWS, "busan1": FOLLOWS}
    found_change = half_done(demote=mark)
    said = "tbdown -t SWITCHOVER still waits after 60 s; sessions seen before it: SID=7,USERNAME=APP"
    found_change.marks[1] = Mark(mark, "", {"seen": said})
    found = decide(NAMES, views, found_change, wish("", retreat=True))
    assert (found.mode, found.todo, found.result) == (role_plan.PERSON, (), journal.NEEDS_PERSON)
    for words in (
        said,
        "Next: end the programs of these sessions",
        "`tbdown -t ABORT` on seoul1",
        "run the same command",
    ):
        assert words in found.words
    with pytest.raises(UnknownState, match=r"The stop of seoul1 was begun and waits.*USERNAME=APP.*tbdown -t ABORT"):
        decide(NAMES, views, found_change, wish())
    # The sessions have left: the stop is over, and the next run goes on.
    later = decide(NAMES, {**views, "seoul1": DOWN}, found_change, wish())
    assert later.mode == role_plan.RESUME and actions(later)[0] == "seoul1 follow"


def test_another_stop_is_not_taken_for_that_of_the_switchover() -> None:
    views = {"seoul1": STOPPING, "seoul2": FOLLOWS, "busan1": FOLLOWS}
    found = decide(NAMES, views, half_done(demote=DONE), wish("", retreat=True))
    assert found.mode == role_plan.PERSON and "These states do not tell" in found.words


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("dark", "follows", "seoul1 is UNKNOWN, UNKNOWN (login failed)"),
        ("open", "dark", "Whether the standby still follows is not known"),
        ("dark", "open", "seoul1 does not follow it"),
    ],
)
def test_states_that_decide_nothing_end_with_a_person_after_a_step_that_failed(old: str, new: str, why: str) -> None:
    views = {"seoul1": STATES[old], "seoul2": STATES[new], "busan1": FOLLOWS}
    found = decide(NAMES, views, half_done(demote=FAILED), wish("", retreat=True))
    assert (found.mode, found.result) == (role_plan.PERSON, journal.NEEDS_PERSON)
    assert why in found.words and "Next: " in found.words and "run the same command again" in found.words
    with pytest.raises(UnknownState, match=r"To do: Make .* answer"):
        decide(NAMES, views, half_done(demote=FAILED), wish())


# ------------------------------------------------------------------------------ an undo that fails


@pytest.mark.parametrize(("old", "new"), [("down", "follows"), ("follows", "down"), ("open", "down"), ("half", "half")])
def test_an_undo_that_has_just_failed_ends_with_a_person(old: str, new: str) -> None:
    views = {"seoul1": STATES[old], "seoul2": STATES[new], "busan1": FOLLOWS}
    found_change = half_done("undo")
    found_change.marks[1] = Mark(FAILED, "", {"seen": "came to TBR-1127", "meaning": "m", "remedy": "read sys.log"})
    found = decide(NAMES, views, found_change, wish("", retreat=True))
    assert (found.mode, found.todo, found.result) == (role_plan.PERSON, (), journal.NEEDS_PERSON)
    assert "c0 could not be taken back" in found.words and "came to TBR-1127" in found.words
    assert "Next: read sys.log; then run the same command again, which tries it once more" in found.words
    # A person runs it again: once more.
    assert decide(NAMES, views, found_change, wish()).mode == role_plan.UNDO


def test_an_undo_that_came_to_its_end_all_the_same_is_closed() -> None:
    views = {"seoul1": OPEN, "seoul2": FOLLOWS, "busan1": FOLLOWS}
    found = decide(NAMES, views, half_done("undo", follow=DONE), wish("", retreat=True))
    assert (found.mode, found.result) == (role_plan.CLOSE, journal.UNDONE)


def test_an_open_failover_is_not_ours() -> None:
    views = {"seoul1": DOWN, "seoul2": OPEN, "busan1": FOLLOWS}
    with pytest.raises(Refusal, match="failover"):
        decide(NAMES, views, half_done("failover"), wish())


state = st.sampled_from(sorted(STATES))
mark = st.sampled_from(["", BEGUN, DONE, FAILED])


@given(
    state, state, state, st.booleans(), st.fixed_dictionaries(dict.fromkeys(("demote", "stop", "follow", "promote"), mark)),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_no_plan_ever_opens_a_second_primary(
    old: str, new: str, third: str, is_open: bool, marks: dict[str, str], retreat: bool, first: bool
) -> None:
    """Whatever was seen: a plan that opens a member has nobody open beside it, and opens one only."""
    views = {"seoul1": STATES[old], "seoul2": STATES[new], "busan1": STATES[third]}
    found_change = half_done(**{name: word for name, word in marks.items() if word}) if is_open else None
    try:
        found = decide(NAMES, views, found_change, wish(retreat=retreat, promote_first=first))
    except StandbyError as error:
        assert error.nothing_changed
        return
    opening = [each for each in actions(found) if each.split()[1] in ("promote", "return")] if found.change else []
    assert len(opening) <= 1
    if opening:
        opened = opening[0].split()[0]
        leaving = [each.split()[0] for each in actions(found) if each.endswith(" demote")]
        others = [name for name, view in views.items() if view is not None and view.is_primary and name != opened]
        assert others == leaving
        assert views[opened] is not None and views[opened] != DARK
    if found.mode == role_plan.BEGIN:
        assert not is_open
