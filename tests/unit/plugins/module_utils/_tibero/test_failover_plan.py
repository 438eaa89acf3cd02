# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who takes over, what may be lost, and who has to be fenced, for what may be left of a cluster."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.filter.standby import standby_returns
from ansible_collections.firedrill.standby.plugins.module_utils._core import facts, journal
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.journal import Change, Mark, Merged
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import failover_plan, role_plan, role_steps
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.failover_plan import Candidate, decide, predict
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.role_plan import View, Wish

OPEN = View(facts.PRIMARY, facts.READ_WRITE, True, "120")
SICK = View(facts.UNKNOWN, facts.UNKNOWN, True, facts.UNKNOWN, "login failed")
DEAD = View(facts.UNKNOWN, facts.STOPPED, False, facts.UNKNOWN, "", facts.PRIMARY)
RESTING = View(facts.UNKNOWN, facts.STOPPED, False, facts.UNKNOWN, "", facts.STANDBY)
EMPTY = View(facts.NO_DATABASE, facts.STOPPED, False, facts.UNKNOWN)
SYNC, ASYNC = "LGWR SYNC", "LGWR ASYNC"
TRANSPORTS = {"seoul1": SYNC, "seoul2": SYNC, "busan1": ASYNC}


def follows(position: str) -> View:
    return View(facts.STANDBY, facts.RECOVERING, True, position)


def wish(target: str = "") -> Wish:
    return Wish(target, 0, False, "f1", "ops@desk", "now")


def choose(views: dict[str, View | None], target: str = "", mode: str = "PERFORMANCE", **more: Any) -> Any:
    given_ = {"found": None, "allow_loss": True, **more}
    return decide(views, TRANSPORTS, dict.fromkeys(views, mode), given_["found"], wish(target), given_["allow_loss"])


def test_the_one_with_most_redo_takes_over_and_it_says_why() -> None:
    found = choose({"seoul1": None, "seoul2": follows("99"), "busan1": follows("100")})
    assert found.decision.mode == role_plan.BEGIN and found.decision.change.new == "busan1"
    assert found.why == (
        "busan1: TSN 100, LGWR ASYNC",
        "seoul2: TSN 99, LGWR SYNC",
        "busan1 is chosen: it holds most redo",
    )
    assert [step.action for step in found.decision.change.steps] == ["stop", "take_over"]
    assert found.lost == ("seoul1",) and found.decision.change.old == "seoul1"
    assert found.ahead == ()


def test_a_standby_that_holds_more_than_the_named_one_is_to_be_built_anew() -> None:
    found = choose({"seoul1": None, "seoul2": follows("99"), "busan1": follows("100")}, target="seoul2")
    assert found.decision.change.new == "seoul2" and found.ahead == ("busan1",)
    level = choose({"seoul1": None, "seoul2": follows("100"), "busan1": follows("100")}, target="seoul2")
    assert level.ahead == ()


def test_of_two_that_hold_the_same_the_synchronous_one_takes_over() -> None:
    found = choose({"seoul1": None, "busan1": follows("100"), "seoul2": follows("100")})
    assert found.decision.change.new == "seoul2" and found.why[-1] == "seoul2 is chosen: nobody holds more"


@pytest.mark.parametrize(
    ("state", "fenced"),
    [(None, True), (SICK, True), (DEAD, True), (RESTING, False), (EMPTY, False), (follows("1"), False)],
)
def test_whoever_is_not_proven_harmless_is_fenced(state: View | None, fenced: bool) -> None:
    found = choose({"seoul1": None, "seoul2": follows("100"), "busan1": state})
    assert found.lost == (("seoul1", "busan1") if fenced else ("seoul1",))


def test_a_healthy_primary_is_no_case_for_a_failover() -> None:
    with pytest.raises(Refusal, match=r"seoul1 is an open primary and answers.*switchover\.yml"):
        choose({"seoul1": OPEN, "seoul2": follows("100"), "busan1": None})


def test_a_second_run_has_nothing_to_do() -> None:
    found = choose({"seoul1": DEAD, "seoul2": OPEN, "busan1": follows("100")}, "seoul2")
    assert found.decision.mode == role_plan.NOTHING and found.decision.words == "seoul2 is primary already"


def test_a_loss_is_refused_unless_it_is_allowed() -> None:
    views = {"seoul1": None, "seoul2": follows("100"), "busan1": follows("99")}
    with pytest.raises(Refusal) as caught:
        choose(views, allow_loss=False)
    said = str(caught.value)
    assert "Possible loss of acknowledged redo: TSN 101 to UNKNOWN, seconds UNKNOWN" in said
    assert "standby_allow_data_loss" in said and caught.value.details["loss"]["first"] == "101"
    assert choose(views).decision.mode == role_plan.BEGIN


@pytest.mark.parametrize(
    ("views", "target", "kind", "says"),
    [
        ({"seoul1": None, "seoul2": None, "busan1": None}, "", Refusal, "No standby is left; seen: seoul1: no answer"),
        (
            {"seoul1": None, "seoul2": follows("UNKNOWN"), "busan1": follows("9")},
            "",
            UnknownState,
            "The position of seoul2",
        ),
        (
            {"seoul1": None, "seoul2": follows("9"), "busan1": RESTING},
            "busan1",
            Refusal,
            "Start it on its host with `tbboot -t RECOVERY`, after `tbdown clean` where it asks for that, and run the same command again; or name "
            "another: seoul2",
        ),
        (
            # It runs, at a level that nothing tells: to boot it would be no help.
            {"seoul1": None, "seoul2": follows("9"), "busan1": RESTING._replace(running=True)},
            "busan1",
            Refusal,
            "Name one of these, or none",
        ),
        ({"seoul1": None, "seoul2": follows("9"), "busan1": None}, "tokyo1", Refusal, "no answer, or no member"),
        (
            {"seoul1": None, "seoul2": DEAD, "busan1": follows("9")},
            "seoul2",
            Refusal,
            "Only if it cannot be started name another: busan1",
        ),
    ],
)
def test_it_is_refused_and_says_why(views: dict[str, View | None], target: str, kind: type, says: str) -> None:
    with pytest.raises(kind) as caught:
        choose(views, target)
    assert says in str(caught.value) and "To do:" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "position", "transport", "lost", "mode", "none"),
    [
        ("seoul2", 100, SYNC, ["seoul1"], "PROTECTION", True),
        ("seoul2", 100, SYNC, ["seoul1", "tokyo1"], "PROTECTION", False),
        ("seoul2", 100, ASYNC, ["seoul1"], "PROTECTION", False),
        ("seoul2", 99, SYNC, ["seoul1"], "PROTECTION", False),
        ("seoul2", 100, SYNC, ["seoul1"], "AVAILABILITY", False),
        ("seoul2", 100, SYNC, ["seoul1"], "PERFORMANCE", False),
        ("seoul2", 100, SYNC, ["seoul1"], "UNKNOWN", False),
    ],
)
def test_only_protection_proves_that_nothing_is_lost(
    name: str, position: int, transport: str, lost: list[str], mode: str, none: bool
) -> None:
    chosen = Candidate(name, position, transport)
    best = Candidate("busan1", 100, ASYNC)
    loss = predict(chosen, [best, chosen] if position < 100 else [chosen, best], lost, mode)
    assert loss.none is none and loss.certainty
    if position < 100:
        assert (loss.first, loss.last) == ("100", "100 or more")


def half_done(**marks: str) -> Merged:
    change = Change("f0", "failover", "seoul1", "seoul2", "ops@other", "earlier", failover_plan.steps("seoul2"))
    numbers = {"stop": 1, "take_over": 2}
    return Merged(
        change, {numbers[name]: Mark(word, "", {"position": "100"}) for name, word in marks.items()}, ("seoul2",)
    )


@pytest.mark.parametrize(
    ("state", "marks", "mode", "todo"),
    [
        (follows("100"), {}, role_plan.RESUME, (1, 2)),
        (RESTING, {"stop": journal.DONE}, role_plan.RESUME, (1, 2)),
        (RESTING, {"stop": journal.DONE, "take_over": journal.BEGUN}, role_plan.RESUME, (2,)),
        (DEAD, {"stop": journal.DONE, "take_over": journal.DONE}, role_plan.RESUME, (2,)),
        (OPEN, {"stop": journal.DONE, "take_over": journal.DONE}, role_plan.CLOSE, ()),
    ],
)
def test_a_failover_that_stopped_goes_on(state: View, marks: dict[str, str], mode: str, todo: tuple[int, ...]) -> None:
    views = {"seoul1": None, "seoul2": state, "busan1": follows("99")}
    found = choose(views, found=half_done(**marks), allow_loss=False)
    assert (found.decision.mode, found.decision.todo) == (mode, todo)
    assert (role_steps.TAKE_OVER in found.decision.payload) == (
        marks.get("take_over") in (journal.BEGUN, journal.DONE) and mode == role_plan.RESUME
    )


def test_a_half_done_switchover_is_replaced_by_its_own_target_only() -> None:
    change = Change("c1", "switchover", "seoul1", "seoul2", "ops", "then", role_steps.switchover("seoul1", "seoul2"))
    views = {"seoul1": None, "seoul2": follows("9"), "busan1": follows("9")}
    found = Merged(change, {}, ("seoul2",))
    assert choose(views, "seoul2", found=found).decision.change.undoes == "c1"
    with pytest.raises(Refusal, match="seoul2 may have been promoted by it"):
        choose(views, "busan1", found=found)


def switchover(**marks: str) -> Merged:
    """Half done, from seoul1 to seoul2; marks by action."""
    change = Change("c1", "switchover", "seoul1", "seoul2", "ops", "then", role_steps.switchover("seoul1", "seoul2"))
    numbers = {step.action: step.number for step in change.steps}
    seen = {numbers[action]: Mark(word, "", {"position": "120"}) for action, word in marks.items()}
    return Merged(change, seen, ("seoul2",))


def test_where_the_target_of_a_switchover_is_lost_its_former_primary_or_a_third_may_take_over() -> None:
    """It is fenced first; what it may have accepted as a primary is a possible loss, in every mode."""
    views = {"seoul1": follows("120"), "seoul2": None, "busan1": follows("118")}
    found = choose(views, found=switchover(demote=journal.DONE), mode="PROTECTION")
    assert found.decision.change.new == "seoul1" and found.decision.change.undoes == "c1"
    assert found.lost == ("seoul2",) and not found.loss.none and "seoul2 may have been promoted" in found.loss.text()
    with pytest.raises(Refusal, match="seoul2 may have been promoted by the half-done switchover c1"):
        choose(views, found=switchover(demote=journal.DONE), mode="PROTECTION", allow_loss=False)


@pytest.mark.parametrize("promote", [journal.BEGUN, journal.FAILED, journal.DONE])
@pytest.mark.parametrize("recorded", [facts.STANDBY, facts.PRIMARY])
def test_a_target_that_died_when_it_was_promoted_is_promoted_to_its_end(recorded: str, promote: str) -> None:
    died = View(facts.UNKNOWN, facts.STOPPED, False, facts.UNKNOWN, "", recorded)
    views = {"seoul1": None, "seoul2": died, "busan1": follows("118")}
    found = choose(views, found=switchover(stop=journal.DONE, promote=promote))
    assert found.decision.change.new == "seoul2" and found.decision.todo == (2,) and found.lost == ("seoul1",)
    assert found.decision.payload == {"take_over": {"begun": True}, "stop": {"position": "120"}}
    with pytest.raises(Refusal, match="seoul2 died when the switchover c1 promoted it"):
        choose(views, found=switchover(promote=promote), allow_loss=False)
    with pytest.raises(Refusal, match="seoul2 may have been promoted by it"):
        choose(views, "busan1", found=switchover(promote=promote))


STOPPED = View(facts.UNKNOWN, facts.STOPPED, False, facts.UNKNOWN, "", facts.STANDBY)


@pytest.mark.parametrize(
    ("name", "marks", "silent", "back"),
    [
        ("seoul2", ["stop"], ["seoul1"], True),
        ("seoul2", ["stop"], [], False),  # playbooks/switchover.yml goes on
        ("seoul2", ["stop", "promote"], ["seoul1"], False),  # it may be a primary
        ("seoul1", ["demote"], ["seoul2"], True),
        ("seoul1", [], ["seoul2"], False),  # nobody stopped it for the switchover
        ("seoul1", ["demote"], ["busan1"], False),
        ("busan1", [], ["seoul1", "seoul2"], False),
    ],
)
def test_who_was_stopped_by_a_switchover_is_had_back_only_when_the_other_is_lost(
    name: str, marks: list[str], silent: list[str], back: bool
) -> None:
    found = switchover(**dict.fromkeys(marks, journal.DONE))
    record = journal.Record(found.change, journal.OPEN, "", found.marks)
    assert failover_plan.returns(name, STOPPED, record, silent) is back
    assert not failover_plan.returns(name, STOPPED, record._replace(state=journal.CHANGE_DONE), silent)
    assert not failover_plan.returns(name, follows("9"), record, silent)
    assert not failover_plan.returns(name, STOPPED, None, silent)
    seen = {**record.as_dict(), "working": False}
    observed = {"role": "UNKNOWN", "open_mode": "stopped", "running": False, "role_change": seen}
    assert standby_returns(observed, name, silent) is back
    assert not standby_returns({**observed, "role_change": {**seen, "working": True}}, name, silent)
    assert not standby_returns({**observed, "role_change": {"unreadable": "x"}}, name, silent)


@pytest.mark.parametrize(("view", "target"), [(None, ""), (follows("9"), "busan1")])
def test_a_failover_is_not_started_beside_another(view: View | None, target: str) -> None:
    with pytest.raises(Refusal, match="a second failover could make a second primary"):
        choose({"seoul1": None, "seoul2": view, "busan1": follows("9")}, target, found=half_done())


state = st.sampled_from([None, SICK, DEAD, RESTING, EMPTY, OPEN]) | st.integers(1, 5).map(lambda n: follows(str(n)))


@given(st.tuples(state, state, state), st.sampled_from(["", "seoul1", "seoul2", "busan1"]), st.booleans())
def test_nobody_is_promoted_beside_a_member_that_is_neither_harmless_nor_fenced(
    states: tuple[Any, ...], target: str, allow: bool
) -> None:
    views = dict(zip(TRANSPORTS, states, strict=True))
    try:
        found = choose(views, target, allow_loss=allow)
    except StandbyError as error:
        assert error.nothing_changed
        return
    if not found.decision.todo:
        assert found.decision.mode == role_plan.NOTHING
        return
    new = found.decision.change.new
    assert views[new] is not None and views[new].is_standby and new not in found.lost
    for name, view in views.items():
        assert name in found.lost or (view is not None and not view.may_be_primary), name
    assert allow or found.loss.none


def test_a_primary_that_is_given_up_is_fenced_like_one_that_is_lost() -> None:
    views = {"seoul1": OPEN, "seoul2": follows("100"), "busan1": None}
    found = decide(views, TRANSPORTS, dict.fromkeys(views, "PERFORMANCE"), None, wish("seoul2"), True, give_up=True)
    assert found.lost == ("seoul1", "busan1") and found.decision.change.new == "seoul2"
    again = decide(views, TRANSPORTS, dict.fromkeys(views, "PERFORMANCE"), None, wish("seoul1"), True, give_up=True)
    assert again.decision.mode == role_plan.NOTHING


def test_going_on_fences_a_former_primary_that_came_back_meanwhile() -> None:
    views = {"seoul1": OPEN, "seoul2": follows("100"), "busan1": follows("99")}
    found = choose(views, found=half_done())
    assert found.decision.mode == role_plan.RESUME and found.lost == ("seoul1",)


def test_the_one_who_takes_over_is_not_fenced_while_it_is_half_way() -> None:
    views = {"seoul1": DEAD, "seoul2": View(facts.PRIMARY, facts.MOUNTED, True, "100"), "busan1": follows("99")}
    assert choose(views, found=half_done(stop=journal.DONE, take_over=journal.BEGUN)).lost == ("seoul1",)


def test_two_primaries_are_told_and_not_covered_up() -> None:
    views = {"seoul1": OPEN, "seoul2": OPEN, "busan1": follows("99")}
    with pytest.raises(UnknownState, match="2 members are primary: seoul1, seoul2"):
        choose(views, found=half_done(stop=journal.DONE, take_over=journal.DONE))


def test_a_primary_that_is_given_up_tells_how_much_would_be_lost_at_least() -> None:
    views = {"seoul1": OPEN, "seoul2": follows("100"), "busan1": follows("99")}
    found = decide(views, TRANSPORTS, dict.fromkeys(views, "PROTECTION"), None, wish(), True, give_up=True)
    assert (found.loss.first, found.loss.last) == ("101", "120 or more") and not found.loss.none
    behind = {"seoul1": DEAD, "seoul2": follows("100"), "busan1": follows("99")}
    later = decide(
        behind,
        TRANSPORTS,
        dict.fromkeys(views, "PROTECTION"),
        None,
        wish(),
        True,
        True,
        ["seoul1"],
        failover_plan.seen_at(views),
    )
    assert later.loss == found.loss


def test_behind_the_fence_the_survivors_are_judged_anew() -> None:
    """Until its fence the primary went on by the other standby."""
    modes = dict.fromkeys(TRANSPORTS, "PROTECTION")
    before = {"seoul1": None, "seoul2": follows("100"), "busan1": follows("99")}
    both = dict.fromkeys(TRANSPORTS, SYNC)
    assert decide(before, both, modes, None, wish("seoul2"), False).loss.none
    after = {"seoul1": follows("7"), "seoul2": follows("100"), "busan1": follows("130")}
    with pytest.raises(Refusal, match="TSN 101 to 130 or more"):
        decide(after, both, modes, None, wish("seoul2"), False, fenced=["seoul1"])
    found = decide(after, both, modes, None, wish(), False, fenced=["seoul1"])
    assert found.decision.change.new == "busan1" and found.lost == ("seoul1",) and found.loss.none
    named = decide(after, both, modes, None, wish("seoul2"), True, fenced=["seoul1"])
    assert named.ahead == ("busan1",)


@pytest.mark.parametrize("state", [None, SICK, DEAD])
def test_a_survivor_that_falls_silent_behind_the_fence_stops_the_failover(state: View | None) -> None:
    views = {"seoul1": None, "seoul2": follows("100"), "busan1": state}
    with pytest.raises(UnknownState, match="busan1 was a standby before seoul1 was fenced"):
        decide(views, TRANSPORTS, dict.fromkeys(views, "PERFORMANCE"), None, wish(), True, fenced=["seoul1"])


@pytest.mark.parametrize(
    ("running", "tip", "declared", "mode"),
    [
        ("PROTECTION", "PROTECTION", "protection", "PROTECTION"),
        ("PROTECTION", "", "protection", "PROTECTION"),
        (
            "PROTECTION",
            "PERFORMANCE",
            "performance",
            "PROTECTION in memory, PERFORMANCE in the tip, PERFORMANCE declared",
        ),
        (
            "PROTECTION",
            "PROTECTION",
            "performance",
            "PROTECTION in memory, PROTECTION in the tip, PERFORMANCE declared",
        ),
        ("UNKNOWN", "PROTECTION", "protection", "UNKNOWN in memory, PROTECTION in the tip, PROTECTION declared"),
    ],
)
def test_a_mode_counts_only_where_nothing_contradicts_it(running: str, tip: str, declared: str, mode: str) -> None:
    """A primary that was lowered while it ran left the old mode in the memory of its standbys."""
    assert failover_plan.mode_of(running, tip, declared) == mode
    loss = predict(Candidate("seoul2", 100, SYNC), [Candidate("seoul2", 100, SYNC)], ["seoul1"], mode)
    assert loss.none is (mode == "PROTECTION") and (loss.none or mode in loss.certainty)


def test_an_observer_is_told_before_anything_is_fenced() -> None:
    failover_plan.refuse_observer({"seoul2": "", "busan1": "N"})
    with pytest.raises(Refusal, match=r"busan1 has STANDBY_USE_OBSERVER=Y.*cmrctl show"):
        failover_plan.refuse_observer({"seoul2": "", "busan1": "Y"})


def test_a_failover_that_is_taken_up_again_says_what_the_first_run_foresaw() -> None:
    loss = predict(Candidate("seoul2", 100, SYNC), [Candidate("seoul2", 100, SYNC)], ["seoul1"], "PERFORMANCE")
    found = half_done(stop=journal.DONE)
    decided = found._replace(change=found.change._replace(evidence={"loss": dict(loss._asdict())}))
    views = {"seoul1": None, "seoul2": follows("100"), "busan1": follows("99")}
    assert choose(views, found=decided).loss == loss
    assert not choose(views, found=found).loss.none, "an older journal does not tell, so nothing is claimed"


def test_a_standby_of_another_database_is_not_taken_for_the_one_that_holds_most() -> None:
    own, other = follows("100")._replace(database_id="1"), follows("900")._replace(database_id="2")
    with pytest.raises(Refusal, match="DBID: seoul2 has 1, busan1 has 2"):
        choose({"seoul1": None, "seoul2": own, "busan1": other})
    assert choose({"seoul1": None, "seoul2": own, "busan1": follows("99")}).decision.change.new == "seoul2"


def held(position: str, age: int | None = 57, by: str = "log 5 began at TSN 20") -> View:
    return follows(position)._replace(held_age=age, held_by=by)


def decided(views: dict[str, View | None], **more: Any) -> failover_plan.Loss:
    return decide(views, TRANSPORTS, dict.fromkeys(views, "PERFORMANCE"), None, wish(), True, **more).loss


def test_the_seconds_that_may_be_lost_are_bounded_by_what_the_candidate_holds() -> None:
    views = {"seoul1": None, "seoul2": held("100"), "busan1": held("99", 5)}
    loss = decided(views, fenced=["seoul1"])
    assert (loss.seconds, loss.at_most) == ("0 to 57", 57), "of the one that takes over, not of another"
    assert loss.seconds_by == (
        "seoul2 holds all that was acknowledged before; log 5 began at TSN 20; its clock and that of the former primary taken for equal"
    )
    assert f"seconds 0 to 57 ({loss.seconds_by}); " in loss.text()
    before = decided(views)
    assert before.at_most == 57 and "what seoul1 acknowledges until the fence comes on top" in before.seconds_by


def test_seconds_that_nothing_bounds_are_unknown_with_the_reason() -> None:
    views = {"seoul1": None, "seoul2": held("100", None, "no such column"), "busan1": held("99")}
    loss = decided(views, fenced=["seoul1"])
    assert (loss.seconds, loss.at_most, loss.seconds_by) == ("UNKNOWN", None, "seoul2: no such column")
    assert "seconds UNKNOWN (seoul2: no such column); " in loss.text()
    views["seoul2"] = held("100")
    loss = decided(views, fenced=["seoul1"], unproven=["seoul1"])
    assert (loss.seconds, loss.at_most) == ("UNKNOWN", None)
    assert loss.seconds_by == "no fence of seoul1 is proven, so it may acknowledge for as long as it likes"


def test_a_run_that_takes_the_failover_up_says_the_same_seconds() -> None:
    loss = decided({"seoul1": None, "seoul2": held("100"), "busan1": held("99")}, fenced=["seoul1"])
    found = half_done(stop=journal.DONE)
    taken_up = found._replace(change=found.change._replace(evidence={"loss": dict(loss._asdict())}))
    assert choose({"seoul1": None, "seoul2": follows("100"), "busan1": follows("99")}, found=taken_up).loss == loss


@pytest.mark.parametrize(
    ("told", "age", "by"),
    [
        ({"value": 57, "source": "log 5"}, 57, "log 5"),
        ({"value": "UNKNOWN", "source": "V$LOG", "why": "no such column"}, None, "no such column"),
        (None, None, "it was not asked"),
    ],
)
def test_a_view_tells_for_how_long_something_may_be_missing(
    told: dict[str, Any] | None, age: int | None, by: str
) -> None:
    seen = {"role": "standby", "open_mode": "recovery", "running": True, **({"held_age": told} if told else {})}
    view = role_plan.view_of(seen)
    assert view is not None and (view.held_age, view.held_by) == (age, by)


def test_where_nothing_is_lost_no_second_is() -> None:
    loss = predict(Candidate("seoul2", 100, SYNC), [Candidate("seoul2", 100, SYNC)], ["seoul1"], "PROTECTION")
    assert (loss.none, loss.seconds, loss.at_most) == (True, "0", 0)
