# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""From what is left of a cluster to who takes over, what may be lost, and who has to be fenced before. Pure.

Every member that is not proven to be something else may be the primary, so every such member has to be fenced. What may be lost is said with its
certainty; no figure is guessed.
"""

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts, journal
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.journal import Change, Merged, Record, Step
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import role_plan, role_steps
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.role_plan import (
    BEGIN,
    CLOSE,
    NOTHING,
    RESUME,
    STATUS,
    Decision,
    View,
    Wish,
)

SYNC = "LGWR SYNC"
UNKNOWN = "UNKNOWN"
MODES = ("PROTECTION", "AVAILABILITY", "PERFORMANCE")


class Candidate(NamedTuple):
    """A standby that could take over: its position in TSN, how it received redo, and for how many seconds at most something may be missing on it, with
    the source, or None and why that is not known."""

    name: str
    position: int
    transport: str
    age: Optional[int] = None
    age_by: str = "it was not asked"

    def text(self) -> str:
        return "{0}: TSN {1}, {2}".format(self.name, self.position, self.transport)


class Loss(NamedTuple):
    """What may be lost: the first and the last TSN, how many seconds, and how certain that is. ``none``: proven to be nothing. ``at_most``: the upper end
    of the seconds as a number, None where nothing bounds them; ``seconds_by``: by what they are known, or why they are not."""

    none: bool
    first: str
    last: str
    seconds: str
    certainty: str
    at_most: Optional[int] = None
    seconds_by: str = ""

    def text(self) -> str:
        """One sentence for people."""
        if self.none:
            return "No acknowledged redo is lost: {0}".format(self.certainty)
        by = " ({0})".format(self.seconds_by) if self.seconds_by else ""
        return "Possible loss of acknowledged redo: TSN {0} to {1}, seconds {2}{3}; {4}".format(
            self.first, self.last, self.seconds, by, self.certainty
        )


class Failover(NamedTuple):
    """The decision, who has to be fenced, why this candidate, the loss, and the standbys that hold more than the new primary.

    A standby that holds no more than the new primary has applied the start of its history, and can follow it. One that holds more has redo of the
    former primary that the new one never saw: it can only be built anew.
    """

    decision: Decision
    lost: Tuple[str, ...]
    why: Tuple[str, ...]
    loss: Loss
    ahead: Tuple[str, ...] = ()


def steps(new: str) -> Tuple[Step, ...]:
    """The steps of a failover (H, MAN: ``tbdown`` on the standby, then a FAILOVER boot)."""
    return (
        Step(1, new, role_steps.STOP, "tbdown on {0}".format(new), "boot {0} RECOVERY".format(new)),
        Step(
            2,
            new,
            role_steps.TAKE_OVER,
            "tbboot -t FAILOVER on {0}".format(new),
            "none: the former primary is reinstated",
        ),
    )


def decide(
    views: Mapping[str, Optional[View]],
    transports: Mapping[str, str],
    modes: Mapping[str, str],
    found: Optional[Merged],
    wish: Wish,
    allow_loss: bool,
    give_up: bool = False,
    fenced: Sequence[str] = (),
    reached: int = 0,
    unproven: Sequence[str] = (),
) -> Failover:
    """Who takes over.

    :arg views: what every member is, None for one that does not answer. :arg transports: how each receives redo. :arg modes: protection mode that each
        surviving instance has, UNKNOWN where that is not known.
    :arg allow_loss: the operator's consent to lose acknowledged redo. :arg give_up: a person's word that a primary that answers serves nobody; it
        is fenced like one that is lost. :arg fenced: members that have been fenced for this failover: they stay lost, whatever they look like now.
    :arg reached: the TSN at which a primary that answered was seen before it was fenced. :arg unproven: those of ``fenced`` that a person vouches for.
    :raises Refusal: a primary is healthy, no standby is left, or a loss is possible and not allowed. :raises UnknownState: positions are not known.
    """
    views = {name: None if name in fenced else view for name, view in views.items()}
    primaries = [name for name, view in views.items() if view is not None and view.is_primary]
    if found is not None and found.change.kind == "failover":
        return _go_on(views, found, wish)
    if primaries and (not wish.target or wish.target in primaries) and _done_before(primaries, wish):
        words = "{0} is primary already".format(primaries[0])
        return Failover(Decision(NOTHING, None, (), "", words, {}), (), (), _no_loss(words))
    if not give_up:
        _refuse_healthy(primaries)
    if found is not None and _promotion_begun(found, views):
        return _promoted_half(found, _to_fence(views, found.change.new), wish, allow_loss)
    lost = _to_fence(views, "")
    _refuse_silent_since(lost, fenced)
    role_plan.refuse_foreign(views)
    candidates = _candidates(views, transports)
    chosen, why = _choose(candidates, wish.target, views)
    replaced = _replaced(found, chosen.name, lost)
    if found is not None and _goal(found.change) in lost and _goal(found.change) != chosen.name:
        loss = _loss_of_goal(chosen, found.change)
    else:
        loss = predict(chosen, candidates, lost, modes.get(chosen.name, UNKNOWN), max(reached, seen_at(views)))
        loss = in_seconds(loss, chosen, [name for name in lost if name not in fenced], unproven)
    _refuse_loss(loss, chosen.name, allow_loss)
    old, todo = ",".join(lost), steps(chosen.name)
    change = Change(wish.change_id, "failover", old, chosen.name, wish.holder, wish.started_at, todo, undoes=replaced)
    words = "{0} is primary; {1}; {2} to be reinstated".format(chosen.name, loss.text(), ", ".join(lost) or "nobody")
    ahead = tuple(each.name for each in candidates if each.position > chosen.position)
    return Failover(Decision(BEGIN, change, (1, 2), journal.CHANGE_DONE, words, {}), lost, tuple(why), loss, ahead)


def _refuse_healthy(primaries: Sequence[str]) -> None:
    """:raises Refusal: a primary is open and answers."""
    if primaries:
        raise Refusal(
            seen="{0} is an open primary and answers".format(", ".join(primaries)),
            meaning="A failover would put a second primary beside it, and give up what it has not sent yet",
            remedy="Run playbooks/switchover.yml. If it serves nobody although it answers, such as one that clients and standbys cannot reach, give "
            "failover_primary_override with by and reason; it is fenced first",
            details={"variable": "failover_primary_override", "primaries": primaries},
        )


def seen_at(views: Mapping[str, Optional[View]]) -> int:
    """The TSN at which an open primary that answers was seen, 0 without one."""
    seen = [view.position for view in views.values() if view is not None and view.is_primary]
    return max([int(position) for position in seen if position.isdigit()] or [0])


def _refuse_silent_since(lost: Sequence[str], fenced: Sequence[str]) -> None:
    """Behind the fence nobody else may have become one who has to be fenced."""
    others = [name for name in lost if name not in fenced]
    if fenced and others:
        raise UnknownState(
            seen="{0} was a standby before {1} was fenced, and is not seen as one now".format(
                ", ".join(others), ", ".join(fenced)
            ),
            meaning="What it is decides who may take over, so nobody was promoted; {0} stays fenced".format(
                ", ".join(fenced)
            ),
            remedy="Run the same command again: it looks anew, and fences whoever does not answer",
        )


def _done_before(primaries: Sequence[str], wish: Wish) -> bool:
    """Asked for by name, and that is what is: a second run."""
    return len(primaries) == 1 and bool(wish.target)


def _no_loss(words: str) -> Loss:
    return Loss(True, "", "", "0", words, 0)


def _to_fence(views: Mapping[str, Optional[View]], but: str) -> Tuple[str, ...]:
    """Everybody who is or may be a primary, but for the one who shall be."""
    return tuple(name for name, view in views.items() if name != but and (view is None or view.may_be_primary))


def _go_on(views: Mapping[str, Optional[View]], found: Merged, wish: Wish) -> Failover:
    """A failover that stopped half-way goes on."""
    change = found.change
    view = views.get(change.new)
    lost = _to_fence(views, change.new)
    if wish.target not in ("", change.new) or view is None:
        raise Refusal(
            seen="The failover {0} to {1} is half done (begun by {2} at {3}); {1} {4}".format(
                change.id,
                change.new,
                change.holder,
                change.started_at,
                "does not answer" if view is None else "is not {0}".format(wish.target),
            ),
            meaning="It may have been promoted, and a second failover could make a second primary",
            remedy="Make {0} answer and run again with -e standby_target={0}; if its host is lost for good, see that it stays away, and remove "
            "role_change/change.json where it is open".format(change.new),
            details={"change": change.as_dict()},
        )
    words = "{0} is primary; resumed".format(change.new)
    decided = _loss_before(change)
    if view.is_primary:
        role_plan.refuse_two(views)
        return Failover(Decision(CLOSE, change, (), journal.CHANGE_DONE, words, {}), lost, (), decided)
    payload: Dict[str, Any] = {
        step.action: found.marks[step.number].seen
        for step in change.steps
        if found.state_of(step.number) == journal.DONE
    }
    todo: Tuple[int, ...] = (1, 2)
    if found.state_of(2) in (journal.BEGUN, journal.DONE):
        payload[role_steps.TAKE_OVER] = {"begun": True}
        if view.is_stopped and found.state_of(1) == journal.DONE:
            todo = (2,)
    return Failover(Decision(RESUME, change, todo, journal.CHANGE_DONE, words, payload), lost, (), decided)


def _loss_before(change: Change) -> Loss:
    """The loss that the run foresaw which began the change."""
    raw = change.evidence.get("loss") or {}
    if not set(Loss._fields) <= set(raw):
        return Loss(False, UNKNOWN, UNKNOWN, UNKNOWN, "the run that began it foresaw it; its journal does not say what")
    at_most = raw["at_most"]
    words = {name: str(raw[name]) for name in Loss._fields if name not in ("none", "at_most")}
    return Loss(none=raw["none"] is True, at_most=at_most if isinstance(at_most, int) else None, **words)


def mode_of(running: str, tip: str, declared: str) -> str:
    """The protection mode that the former primary had, as far as a survivor can tell; else the words that contradict each other.

    A survivor has the mode of its own boot in memory, and the one that was last written by us in its tip. The primary's may have been lowered
    while it ran, which changes neither; a description that says another mode is a sign of that.

    :arg running: LOG_REPLICATION_MODE of the survivor. :arg tip: that of its tip, "" where it has none. :arg declared: tibero_protection_mode.
    """
    found = {running.upper(), declared.upper()} | ({tip.upper()} if tip else set())
    if len(found) == 1:
        return found.pop()
    return "{0} in memory, {1} in the tip, {2} declared".format(
        running or UNKNOWN, tip or "none", declared.upper() or UNKNOWN
    )


def refuse_observer(observers: Mapping[str, str]) -> None:
    """:arg observers: STANDBY_USE_OBSERVER in the tip of each survivor. :raises Refusal: before anything is fenced, when one has an Observer."""
    found = sorted(name for name, value in observers.items() if value not in ("", "N", "NO", UNKNOWN))
    if not found:
        return
    raise Refusal(
        seen="The tip of {0} has STANDBY_USE_OBSERVER={1}".format(", ".join(found), observers[found[0]]),
        meaning="Roles of this cluster are changed by its Observer; a failover by hand beside it can make two primaries",
        remedy="See what the Observer did or will do with `cmrctl show --tscid <TSC_ID>` there, and let it change the roles; if it is lost for "
        "good, take STANDBY_USE_OBSERVER out of the tips and run again",
        details={"observers": dict(observers)},
    )


def _refuse_loss(loss: Loss, new: str, allowed: bool) -> None:
    if loss.none or allowed:
        return
    raise Refusal(
        seen=loss.text(),
        meaning="{0} would become the primary without what it did not receive; what was acknowledged to clients may be gone".format(
            new
        ),
        remedy="If that is acceptable, say so: -e standby_allow_data_loss=true (recorded with this figure). Else bring the primary back",
        details={"variable": "standby_allow_data_loss", "loss": dict(loss._asdict())},
    )


# --------------------------------------------------------------------------- in the middle of a switchover


def _goal(change: Change) -> str:
    """Who may have become the primary by a half-done change."""
    return change.old if change.kind == "undo" else change.new


def returns(name: str, view: Optional[View], record: Optional[Record], silent: Sequence[str]) -> bool:
    """Whether a member that a half-done switchover stopped is booted as a standby, so that it can say how far it is and take over.

    Only while the other one of the two is lost: else playbooks/switchover.yml goes on or takes it back. Its own journal proves that it may be booted so:
    the promotion was not begun on the target; the former primary was stopped for the switchover (H, MAN: it boots RECOVERY then, and is refused
    otherwise).
    """
    if record is None or not record.is_open or view is None or not view.is_stopped:
        return False
    change = record.change
    marked = {step.action for step in change.steps if step.number in record.marks}
    if change.kind == "switchover" and name == change.new:
        return change.old in silent and role_steps.PROMOTE not in marked
    return change.kind == "switchover" and name == change.old and change.new in silent and role_steps.DEMOTE in marked


def _promotion_begun(found: Merged, views: Mapping[str, Optional[View]]) -> bool:
    """Whether the target of a half-done switchover died in or after its promotion: only its own boot can tell whether it is a primary."""
    change = found.change
    numbers = [step.number for step in change.steps if step.action == role_steps.PROMOTE]
    view = views.get(change.new)
    begun = bool(numbers) and found.state_of(numbers[0]) != journal.NOT_BEGUN
    return change.kind == "switchover" and begun and view is not None and view.is_stopped


def _promoted_half(found: Merged, lost: Tuple[str, ...], wish: Wish, allow_loss: bool) -> Failover:
    """The failover ends the promotion that the switchover began."""
    change = found.change
    _refuse_other(found, wish.target or change.new)
    loss = Loss(
        False,
        UNKNOWN,
        UNKNOWN,
        UNKNOWN,
        "{0} died when the switchover {1} promoted it, so its position cannot be read; the switchover promotes only who holds every TSN".format(
            change.new, change.id
        ),
        seconds_by="its logs cannot be asked",
    )
    _refuse_loss(loss, change.new, allow_loss)
    stopped = [step.number for step in change.steps if step.action == role_steps.STOP]
    payload: Dict[str, Any] = {role_steps.TAKE_OVER: {"begun": True}}
    if stopped and found.state_of(stopped[0]) == journal.DONE:
        payload[role_steps.STOP] = found.marks[stopped[0]].seen
    own = Change(
        wish.change_id,
        "failover",
        ",".join(lost),
        change.new,
        wish.holder,
        wish.started_at,
        steps(change.new),
        undoes=change.id,
    )
    words = "{0} is primary; {1}; {2} to be reinstated".format(change.new, loss.text(), ", ".join(lost) or "nobody")
    why = ("{0} is taken: the switchover {1} had begun to promote it".format(change.new, change.id),)
    return Failover(Decision(BEGIN, own, (2,), journal.CHANGE_DONE, words, payload), lost, why, loss)


def _loss_of_goal(chosen: Candidate, change: Change) -> Loss:
    return Loss(
        False,
        str(chosen.position + 1),
        UNKNOWN,
        UNKNOWN,
        "{0} may have been promoted by the half-done {1} {2}, and what it accepted then nobody else holds".format(
            _goal(change), change.kind, change.id
        ),
        seconds_by="when {0} was promoted is not known".format(_goal(change)),
    )


def _replaced(found: Optional[Merged], chosen: str, lost: Sequence[str]) -> str:
    """The id of the half-done change that this failover replaces, "" without one.

    Its goal may have been promoted: either it takes over itself, or it is lost, and fenced before anybody is promoted.
    """
    if found is None:
        return ""
    if _goal(found.change) not in lost:
        _refuse_other(found, chosen)
    return found.change.id


def _refuse_other(found: Merged, chosen: str) -> None:
    change = found.change
    if chosen == _goal(change):
        return
    raise Refusal(
        seen="The {0} {1} from {2} to {3} is half done, and {4} would take over".format(
            change.kind, change.id, change.old, change.new, chosen
        ),
        meaning="{0} may have been promoted by it, so nobody else is".format(_goal(change)),
        remedy="Name its target: -e standby_target={0}".format(_goal(change)),
        details={"change": change.as_dict()},
    )


def _candidates(views: Mapping[str, Optional[View]], transports: Mapping[str, str]) -> List[Candidate]:
    """The standbys that apply redo and say how far they are, the furthest first."""
    found = []
    silent = []
    for name, view in views.items():
        if view is None or not view.is_standby:
            continue
        if view.position.isdigit():
            transport = transports.get(name, UNKNOWN)
            found.append(Candidate(name, int(view.position), transport, view.held_age, view.held_by))
        else:
            silent.append(name)
    if silent:
        raise UnknownState(
            seen="The position of {0} is not known".format(", ".join(silent)),
            meaning="Which standby holds most cannot be told, and a wrong choice loses data",
            remedy="Make V$DATABASE.CURRENT_TSN readable there ({0}), or stop that standby if it shall be left out".format(
                STATUS
            ),
        )
    if not found:
        raise Refusal(
            seen="No standby is left; seen: {0}".format(
                "; ".join("{0}: {1}".format(name, view.text() if view else "no answer") for name, view in views.items())
            ),
            meaning="Nobody can take over",
            remedy="Boot a standby with `tbboot -t RECOVERY`, or bring the primary back",
        )
    return sorted(found, key=lambda each: (-each.position, each.transport != SYNC))


def _choose(
    candidates: Sequence[Candidate], target: str, views: Mapping[str, Optional[View]]
) -> Tuple[Candidate, List[str]]:
    best = candidates[0]
    why = [each.text() for each in candidates]
    if not target:
        reason = (
            "it holds most redo"
            if len(candidates) > 1 and candidates[1].position < best.position
            else "nobody holds more"
        )
        return best, why + ["{0} is chosen: {1}".format(best.name, reason)]
    named = [each for each in candidates if each.name == target]
    if not named:
        raise _no_candidate(target, views.get(target), ", ".join(each.name for each in candidates))
    if named[0].position < best.position:
        why.append("{0} was named although {1} holds more".format(target, best.name))
    return named[0], why


def _no_candidate(target: str, view: Optional[View], others: str) -> Refusal:
    """Why the member that was named cannot take over as it is, and what makes it able to."""
    details = {"variable": "standby_target", "value": target}
    recorded = view.recorded if view is not None and view.is_stopped else ""
    if recorded == facts.PRIMARY:
        return Refusal(
            seen="standby_target is {0!r}: stopped, and our own record says that it is the primary".format(target),
            meaning="It is the last primary that is known, and may hold what nobody else does; another one would give that up",
            remedy="Start it on its host with `tbboot`, after `tbdown clean` where it asks for that. Only if it cannot be started name another: {0}".format(
                others
            ),
            details=details,
        )
    if recorded == facts.STANDBY:
        # Such as one whose host went down behind the fence: RECOVERY opens nothing, and only then it says how far it is (H).
        return Refusal(
            seen="standby_target is {0!r}: stopped, and our own record says that it is a standby".format(target),
            meaning="A stopped standby does not say how far it is, and may hold more than those that run ({0})".format(
                others
            ),
            remedy="Start it on its host with `tbboot -t RECOVERY`, after `tbdown clean` where it asks for that, and run the same command again; or name "
            "another: {0}".format(others),
            details=details,
        )
    return Refusal(
        seen="standby_target is {0!r}: {1}".format(target, view.text() if view else "no answer, or no member"),
        meaning="Allowed is a standby that applies redo: {0}".format(others),
        remedy="Name one of these, or none: then the one with most redo is taken",
        details=details,
    )


def predict(
    chosen: Candidate, candidates: Sequence[Candidate], lost: Sequence[str], mode: str, reached: int = 0
) -> Loss:
    """What may be lost with this candidate.

    :arg mode: as :func:`mode_of` tells it. :arg reached: the TSN at which a primary that answers was seen, 0 without one.

    In PROTECTION the primary acknowledges nothing that no SYNC standby has (H, MAN). That proves something only for the SYNC standby that holds
    most, when nobody but the primary is missing. AVAILABILITY may have degraded unseen (H), the other modes promise nothing.
    """
    first = str(chosen.position + 1)
    best = candidates[0]
    if reached > max(best.position, chosen.position):
        return Loss(
            False, first, "{0} or more".format(reached), UNKNOWN, "the primary was seen at TSN {0}".format(reached)
        )
    if best.position > chosen.position:
        return Loss(
            False,
            first,
            "{0} or more".format(best.position),
            UNKNOWN,
            "{0} holds more than {1}".format(best.name, chosen.name),
        )
    if mode.upper() == "PROTECTION" and chosen.transport == SYNC and len(lost) <= 1:
        return Loss(
            True,
            "",
            "",
            "0",
            "PROTECTION is set on {0}, in its tip and by its description; it received by LGWR SYNC and holds most".format(
                chosen.name
            ),
            0,
        )
    if mode.upper() == "AVAILABILITY" and chosen.transport == SYNC:
        why = "AVAILABILITY may have gone on without its SYNC standby, and whether it had cannot be read any more"
    elif mode.upper() not in MODES:
        why = "in which mode the primary acknowledged is not certain: {0}".format(mode)
    elif mode.upper() == "PROTECTION":
        why = "PROTECTION was kept by a SYNC standby that is missing, or {0} did not receive by LGWR SYNC".format(
            chosen.name
        )
    else:
        why = "{0} with {1} acknowledges before a standby has it; how far the primary came cannot be read".format(
            mode, chosen.transport
        )
    return Loss(False, first, UNKNOWN, UNKNOWN, why)


def in_seconds(loss: Loss, chosen: Candidate, open_still: Sequence[str], unproven: Sequence[str]) -> Loss:
    """The loss with its seconds: at least none, since whether anything was acknowledged is not known; at most the age of what the candidate holds for
    certain, which was counted when it was looked at.

    :arg open_still: members that are still to be fenced, and may acknowledge until then. :arg unproven: members that only a person says to be dead.
    """
    if loss.none:
        return loss
    if unproven:
        return loss._replace(
            seconds_by="no fence of {0} is proven, so it may acknowledge for as long as it likes".format(
                ", ".join(unproven)
            )
        )
    if chosen.age is None:
        return loss._replace(seconds_by="{0}: {1}".format(chosen.name, chosen.age_by))
    by = "{0} holds all that was acknowledged before; {1}; its clock and that of the former primary taken for equal".format(
        chosen.name, chosen.age_by
    )
    if open_still:
        by += "; what {0} acknowledges until the fence comes on top".format(", ".join(open_still))
    return loss._replace(seconds="0 to {0}".format(chosen.age), at_most=chosen.age, seconds_by=by)
