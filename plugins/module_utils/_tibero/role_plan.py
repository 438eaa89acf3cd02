# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""From what every member is, and what journals say, to what a switchover does next. Pure: nothing here reads or writes.

What the members *are* decides; the journal only tells what was meant and which of two readings of a stopped instance is right.
Every outcome is one of the words below, and nothing is done on what is not known.
"""

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts, journal
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.journal import Change, Merged, Step
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import role_steps

#: Nothing to do: the target is primary already.
NOTHING = "nothing"
#: Begin the change.
BEGIN = "begin"
#: Go on with a change that stopped half-way.
RESUME = "resume"
#: Take a change back.
UNDO = "undo"
#: The members are where the change wanted them, or where it found them: only the journals are open.
CLOSE = "close"
#: A person has to decide; the journals stay open.
PERSON = "person"

STATUS = "see playbooks/status.yml"
#: How an observation tells that a stop waits: the login is refused (C, catalogue; 17008 says so of a boot too), or V$INSTANCE.SHUTDOWN_PENDING
#: is not NO (column H), of which our observation makes a note. Whether a server that waits takes a login of SYS is not known (L), so either counts.
STOPPING = ("TBR-12039", "TBR-17008", "A shutdown is pending")


class View(NamedTuple):
    """One member as observed: texts of ``_core.facts``, UNKNOWN where not known; ``running`` None when that is not known; ``recorded`` is the
    role that our own record on it names. ``database_id``: V$DATABASE.DBID, "" where it is not told: the column is documented (H), what a standby
    in RECOVERY shows in it is not (L), so a missing one proves nothing. ``stopping``: a stop of it was begun and waits. ``held_age``: for how many
    seconds at most something may be missing on a standby, None where that is not known, and by what, or why not."""

    role: str
    open_mode: str
    running: Optional[bool]
    position: str
    why: str = ""
    recorded: str = ""
    database_id: str = ""
    stopping: bool = False
    held_age: Optional[int] = None
    held_by: str = "it was not asked"

    @property
    def may_be_primary(self) -> bool:
        """Whether it is not proven to be anything else than a primary. A stopped member counts as what our own record says of it."""
        harmless = self.is_standby or self.role == facts.NO_DATABASE
        return not (harmless or (self.is_stopped and self.recorded == facts.STANDBY))

    @property
    def is_primary(self) -> bool:
        return self.role == facts.PRIMARY and self.open_mode == facts.READ_WRITE

    @property
    def is_standby(self) -> bool:
        return self.role == facts.STANDBY and self.open_mode in (facts.RECOVERING, facts.READ_ONLY)

    @property
    def is_stopped(self) -> bool:
        return self.running is False

    @property
    def is_half_booted(self) -> bool:
        return self.open_mode in (facts.STARTING, facts.MOUNTED)

    @property
    def is_closed(self) -> bool:
        """Known to be no open database: a standby, stopped, or below the operating modes."""
        return self.is_standby or self.is_stopped or self.is_half_booted

    def text(self) -> str:
        """The state in a few words."""
        words = "stopped" if self.is_stopped else "{0}, {1}".format(self.role, self.open_mode)
        return words + (" ({0})".format(self.why) if self.why else "")


class Wish(NamedTuple):
    """What is wanted: the target (the next primary), the greatest lag in TSN, the order, and who runs it. ``retreat``: a step has just failed,
    so an open change is taken back and not tried again."""

    target: str
    max_lag: int
    promote_first: bool
    change_id: str
    holder: str
    started_at: str
    retreat: bool = False


class Decision(NamedTuple):
    """``mode``: one of the words above. ``change``: the change it is about, None for NOTHING. ``todo``: numbers of its steps in the
    order in which they run. ``result`` and ``words``: how the journals are closed afterwards."""

    mode: str
    change: Optional[Change]
    todo: Tuple[int, ...]
    result: str
    words: str
    payload: Dict[str, Any]


def view_of(observation: Optional[Mapping[str, Any]]) -> Optional[View]:
    """A member's view from the result of tibero_instance_info, None when the member did not answer."""
    if not observation or "role" not in observation:
        return None
    state = observation.get("state") or {}
    running = observation.get("running")
    position = (state.get("position") or {}).get("value", facts.UNKNOWN)
    why = "" if observation["role"] != facts.UNKNOWN else str((state.get("role") or {}).get("why", ""))
    database_id = str((state.get("database_id") or {}).get("value") or "")
    held = observation.get("held_age") or {}
    age = held.get("value")
    said = [why] + [str(note) for note in state.get("notes") or ()]
    return View(
        str(observation["role"]),
        str(observation.get("open_mode", facts.UNKNOWN)),
        running if isinstance(running, bool) else None,
        str(position),
        why,
        str(observation.get("recorded_role") or ""),
        "" if database_id == facts.UNKNOWN else database_id,
        running is True and bool([text for text in said for word in STOPPING if word in text]),
        age if isinstance(age, int) else None,
        str(held.get("source" if isinstance(age, int) else "why") or "it was not asked"),
    )


def decide(
    members: Sequence[str], views: Mapping[str, Optional[View]], open_change: Optional[Merged], wish: Wish
) -> Decision:
    """What a switchover to ``wish.target`` does now.

    :arg members: all members of the cluster. :arg views: what each is, None for one that did not answer.
    :raises Refusal: the wish cannot be done; nothing was changed. :raises UnknownState: what is seen does not decide it.
    """
    refuse_two(views)
    if open_change is not None:
        return _go_on(views, open_change, wish)
    _refuse_target(members, wish.target)
    primaries = [name for name, view in views.items() if view is not None and view.is_primary]
    silent = [name for name, view in views.items() if view is None]
    if not primaries:
        raise UnknownState(
            seen="No open primary; seen: {0}".format(_all(views)),
            meaning="A switchover hands over from a primary that runs; without one it would be a failover",
            remedy="Start the primary with `tbboot` on its host if it may be; if it is lost, run playbooks/failover.yml",
        )
    if primaries[0] == wish.target:
        return Decision(NOTHING, None, (), "", "{0} is primary already".format(wish.target), {})
    _refuse_silent(silent, wish.target)
    return _begin(primaries[0], views, wish)


def _all(views: Mapping[str, Optional[View]]) -> str:
    return "; ".join("{0}: {1}".format(name, view.text() if view else "no answer") for name, view in views.items())


def refuse_two(views: Mapping[str, Optional[View]]) -> None:
    """:raises UnknownState: more than one member is an open primary."""
    primaries = [name for name, view in views.items() if view is not None and view.is_primary]
    if len(primaries) > 1:
        raise UnknownState(
            seen="{0} members are primary: {1}".format(len(primaries), ", ".join(primaries)),
            meaning="Two primaries accept writes that will never meet; no role is changed on top of that",
            remedy="Decide which one is right, stop the other with `tbdown -t IMMEDIATE`, keep its files, then run again",
            details={"primaries": primaries},
        )


def _refuse_target(members: Sequence[str], target: str) -> None:
    if target in members:
        return
    raise Refusal(
        seen="standby_target is {0!r}".format(target),
        meaning="Allowed is one of the members: {0}".format(", ".join(members)),
        remedy="Name the standby that shall become the primary: -e standby_target=NAME",
        details={"variable": "standby_target", "value": target, "allowed": list(members)},
    )


def _refuse_silent(silent: Sequence[str], target: str) -> None:
    if not silent:
        return
    raise UnknownState(
        seen="No answer from {0}".format(", ".join(silent)),
        meaning="A member that cannot be seen may be a primary of its own, and could not follow {0}".format(target),
        remedy="Make it reachable (ssh, sudo, Python), or take it out of the group if it is gone for good",
        details={"members": list(silent)},
    )


def _begin(old: str, views: Mapping[str, Optional[View]], wish: Wish) -> Decision:
    view = views[wish.target]
    if view is None or not view.is_standby:
        raise Refusal(
            seen="{0} is {1}".format(wish.target, view.text() if view else "silent"),
            meaning="Only a standby that applies redo can take over",
            remedy="Boot it with `tbboot -t RECOVERY` if it is a standby; build it with playbooks/setup_standby.yml if it is not",
            details={"variable": "standby_target", "value": wish.target},
        )
    refuse_foreign(views)
    primary = views[old]
    _refuse_lag(old, primary.position if primary else facts.UNKNOWN, wish, view)
    change = Change(
        wish.change_id,
        "switchover",
        old,
        wish.target,
        wish.holder,
        wish.started_at,
        role_steps.switchover(old, wish.target, wish.promote_first),
    )
    words = "{0} is primary, {1} is its standby".format(wish.target, old)
    return Decision(BEGIN, change, tuple(step.number for step in change.steps), journal.CHANGE_DONE, words, {})


def refuse_foreign(views: Mapping[str, Optional[View]]) -> None:
    """Members whose id is not told do not count here; readiness shows them as UNKNOWN (PC-B6).

    :raises Refusal: members are known to be different databases; positions of such cannot be compared.
    """
    found = {name: view.database_id for name, view in views.items() if view is not None and view.database_id}
    if len(set(found.values())) > 1:
        raise Refusal(
            seen="DBID: {0}".format(", ".join("{0} has {1}".format(name, each) for name, each in found.items())),
            meaning="These are different databases, so one does not hold what the other has, whatever their positions say",
            remedy="Find out what the odd one is, and keep it if somebody needs it; then build that standby anew with playbooks/setup_standby.yml, or "
            "take the host out of the group",
            details={"database_ids": found},
        )


def _refuse_lag(old: str, position: str, wish: Wish, view: View) -> None:
    """The two were read a moment apart, so a target may be ahead by what was written meanwhile, and the limit holds in both directions.

    :raises Refusal: it lags. :raises UnknownState: a position is not known, or the target is further ahead than a moment explains.
    """
    try:
        lag = int(position) - int(view.position)
    except ValueError:
        raise UnknownState(
            seen="The position of {0} is {1}, that of {2} is {3}".format(old, position, wish.target, view.position),
            meaning="How far the target lags is not known, so neither is how long a switchover would take",
            remedy="Make V$DATABASE.CURRENT_TSN readable on both; {0}".format(STATUS),
        ) from None
    if lag > wish.max_lag:
        raise Refusal(
            seen="{0} is at TSN {1}, {2} at {3}: it lags by {4}".format(old, position, wish.target, view.position, lag),
            meaning="The limit is {0}; clients would wait until the target has caught up".format(wish.max_lag),
            remedy="Wait until it has caught up ({0}), or raise role_change_max_lag".format(STATUS),
            details={"variable": "role_change_max_lag", "lag": lag},
        )
    if -lag > wish.max_lag:
        raise UnknownState(
            seen="{0} is at TSN {1}, {2} at {3}: it is ahead by {4}".format(
                old, position, wish.target, view.position, -lag
            ),
            meaning="The limit is {0} in both directions: they were read a moment apart, which does not explain more; it may hold what the primary never "
            "had".format(wish.max_lag),
            remedy="Run it again; if it stays ahead, look at its history (playbooks/readiness.yml) and build it anew; raise role_change_max_lag only if "
            "the primary writes that much in a second",
            details={"variable": "role_change_max_lag", "lag": lag},
        )


# ------------------------------------------------------------------------------- after an interruption


def _go_on(views: Mapping[str, Optional[View]], found: Merged, wish: Wish) -> Decision:
    """What to do with a change that was left open."""
    change = found.change
    if change.kind == "failover":
        raise Refusal(
            seen="The failover {0} to {1} is open".format(change.id, change.new),
            meaning="A switchover on top of it would hide where it stopped",
            remedy="Run playbooks/failover.yml with -e standby_target={0} again".format(change.new),
        )
    goal = change.old if change.kind == "undo" else change.new
    begun = journal.since(change.started_at)
    if wish.target not in ("", change.new, change.old):
        raise Refusal(
            seen="The {0} {1} from {2} to {3} is open (begun by {4} at {5}); asked for is {6}".format(
                change.kind, change.id, change.old, change.new, change.holder, begun, wish.target
            ),
            meaning="A half-done change has to come to its end first",
            remedy="Run again with -e standby_target={0}".format(goal),
        )
    old, new = views.get(change.old), views.get(change.new)
    silent = [name for name in (change.old, change.new) if views.get(name) is None]
    if old is None or new is None:
        raise UnknownState(
            seen="{0} does not answer, and the {1} {2} is half done (begun by {3} at {4})".format(
                ", ".join(silent), change.kind, change.id, change.holder, begun
            ),
            meaning="What it is decides whether the change goes on or back, so nothing is done on the other side",
            remedy="Make it answer and run the same command again; if its host is lost, run playbooks/failover.yml",
            details={"change": change.as_dict()},
        )
    strangers = [name for name, view in views.items() if view is not None and view.is_primary]
    if [name for name in strangers if name not in (change.old, change.new)]:
        raise UnknownState(
            seen="{0} is primary, although the {1} {2} was between {3} and {4}".format(
                ", ".join(strangers), change.kind, change.id, change.old, change.new
            ),
            meaning="Somebody else changed the roles meanwhile; nobody is opened beside that primary",
            remedy="When {0} is right, remove the journals of {1} (role_change/change.json) and run "
            "playbooks/setup_standby.yml".format(", ".join(strangers), change.id),
        )
    return _next(change, old, new, found, wish)


def _next(change: Change, old: View, new: View, found: Merged, wish: Wish) -> Decision:
    if new.is_primary:
        return _after_promotion(change, old, found, wish)
    demoted = found.state_of(_number(change, role_steps.DEMOTE))
    if old.stopping and demoted in (journal.BEGUN, journal.FAILED):
        # Also where it still answers as a primary: it will not be one any more as soon as the last session leaves.
        return _person_or_raise(change, _stop_waits(change, new, found), wish)
    if change.kind == "undo" and wish.retreat and not (old.is_primary and new.is_standby):
        return _person_or_raise(change, _not_taken_back(change, old, new, found), wish)
    if old.is_primary:
        return _before_demotion(change, old, new, wish)
    if not (old.is_closed and new.is_closed):
        return _person_or_raise(change, _undecided(change, old, new), wish)
    promoted = found.state_of(_number(change, role_steps.PROMOTE))
    # It died in or after its promotion: it may have been a primary that took writes, which only its own boot can tell.
    died = (new.is_stopped and promoted == journal.BEGUN) or (
        promoted == journal.DONE and (new.is_stopped or new.is_half_booted)
    )
    if wish.retreat and died:
        words = "{0} was promoted or about to be, and is {1}; nobody else is opened. Next: run the same command again"
        return Decision(PERSON, change, (), journal.NEEDS_PERSON, words.format(change.new, new.text()), {})
    if change.kind == "undo" or wish.retreat:
        return _back(change, old, new, wish)
    if died:
        steps = (role_steps.PROMOTE,) if old.is_standby else (role_steps.FOLLOW, role_steps.PROMOTE)
        found_again = _forward(change, found, steps, old)
        return found_again._replace(payload=dict(found_again.payload, promote={"begun": True}))
    if old.is_standby:
        if promoted == journal.FAILED or new.is_half_booted:
            return _back(change, old, new, wish)
        return _forward(change, found, (role_steps.STOP, role_steps.PROMOTE), old)
    if demoted == journal.NOT_BEGUN:
        return _back(change, old, new, wish)
    # The server itself tells whether a stop was a SWITCHOVER: only then it boots RECOVERY (H, MAN; 1127 or 1036 otherwise, C/L).
    return _forward(change, found, (role_steps.FOLLOW, role_steps.STOP, role_steps.PROMOTE), old)


def _undecided(change: Change, old: View, new: View) -> UnknownState:
    return UnknownState(
        seen="{0} is {1}, {2} is {3}, and the {4} {5} is half done".format(
            change.old, old.text(), change.new, new.text(), change.kind, change.id
        ),
        meaning="These states do not tell whether it goes on or back",
        remedy="Make both instances answer ({0}), then run the same command again".format(STATUS),
        details={"change": change.as_dict()},
    )


def _person_or_raise(change: Change, error: UnknownState, wish: Wish) -> Decision:
    """After a step that has just failed the journals get an end that says what to do next; a run that only finds these states changes nothing.

    :raises UnknownState: ``error``, when nothing has just failed.
    """
    if not wish.retreat:
        raise error
    words = "{0}. {1}. Next: {2}".format(error.seen, error.meaning, error.remedy)
    return Decision(PERSON, change, (), journal.NEEDS_PERSON, words, {})


def _stop_waits(change: Change, new: View, found: Merged) -> UnknownState:
    """The SWITCHOVER stop waits for sessions, and nobody can log in any more to end them. Its ``tbdown`` is never killed: a stop that is half done is
    worse than a slow one. An ABORT is safe as long as the target was not promoted: crash recovery keeps what was committed (H)."""
    mark = found.marks.get(_number(change, role_steps.DEMOTE))
    said = str(mark.seen.get("seen") or "") if mark else ""
    return UnknownState(
        seen="The stop of {0} was begun and waits, {1} is {2}{3}".format(
            change.old, change.new, new.text(), "; " + said if said else ""
        ),
        meaning="A SWITCHOVER stop waits until every login has left (H), and a server that stops takes no new one (TBR-12039), so these sessions can be "
        "ended by their own clients only",
        remedy="end the programs of these sessions on their hosts and run the same command again, which goes on when the stop is over; or end the stop "
        "with `tbdown -t ABORT` on {0}, which loses nothing that was committed, and run the same command again, which takes the change back or goes "
        "on".format(change.old),
        details={"change": change.as_dict()},
    )


def _not_taken_back(change: Change, old: View, new: View, found: Merged) -> UnknownState:
    """An undo that failed is not tried again by itself: what refused it once may refuse it for ever."""
    failed = [mark.seen for _place, mark in sorted(found.marks.items()) if mark.state == journal.FAILED][-1:]
    said = "".join("; " + str(seen.get("seen") or "") for seen in failed)
    first = "".join("{0}; then ".format(seen["remedy"]) for seen in failed if seen.get("remedy"))
    return UnknownState(
        seen="{0} could not be taken back: {1} is {2}, {3} is {4}{5}".format(
            change.undoes, change.old, old.text(), change.new, new.text(), said
        ),
        meaning="Nobody else is opened, and it is not tried again by itself",
        remedy="{0}run the same command again, which tries it once more ({1})".format(first, STATUS),
        details={"change": change.as_dict()},
    )


def _number(change: Change, action: str) -> int:
    numbers = [step.number for step in change.steps if step.action == action]
    return numbers[0] if numbers else 0


def _payload(found: Merged) -> Dict[str, Any]:
    """What steps that are done saw, by action, for the steps that are to come."""
    return {
        step.action: found.marks[step.number].seen
        for step in found.change.steps
        if found.state_of(step.number) == journal.DONE
    }


def _forward(change: Change, found: Merged, wanted: Sequence[str], old: View) -> Decision:
    words = "{0} is primary, {1} is its standby; resumed".format(change.new, change.old)
    todo = tuple(_number(change, action) for action in wanted)
    payload = _payload(found)
    if old.is_standby:
        # Its end is part of the proof before a promotion, and it shows that now as its own step would have.
        payload.setdefault(role_steps.FOLLOW, {"position": old.position})
    return Decision(RESUME, change, todo, journal.CHANGE_DONE, words, payload)


def _after_promotion(change: Change, old: View, found: Merged, wish: Wish) -> Decision:
    """The new primary is open: what is left is that the former one follows."""
    words = "{0} is primary, {1} is its standby".format(change.new, change.old)
    if change.kind == "undo":
        raise UnknownState(
            seen="{0} is an open primary although {1} was to be taken back".format(change.new, change.undoes),
            meaning="It was promoted after all, or by somebody else",
            remedy="Look at both members ({0}); when the roles are right, remove the journals of {1}".format(
                STATUS, change.id
            ),
        )
    if old.is_standby:
        return Decision(CLOSE, change, (), journal.CHANGE_DONE, words, {})
    if wish.retreat:
        words = "{0} is primary; {1} does not follow it ({2}). Next: run the same command again, or build {1} anew with playbooks/reinstate.yml"
        text = words.format(change.new, change.old, old.text())
        return Decision(PERSON, change, (), journal.NEEDS_PERSON, text, {})
    if old.is_stopped or old.is_half_booted:
        return _forward(change, found, (role_steps.FOLLOW,), old)
    raise UnknownState(
        seen="{0} is primary, and {1} is {2}".format(change.new, change.old, old.text()),
        meaning="Whether the former primary follows is not known",
        remedy="Make it answer ({0}), then run the same command again".format(STATUS),
    )


def _before_demotion(change: Change, old: View, new: View, wish: Wish) -> Decision:
    """The former primary is open: nothing was handed over, or it was taken back."""
    words = "taken back: {0} is primary as before".format(change.old)
    if new.is_standby:
        return Decision(CLOSE, change, (), journal.UNDONE, words, {})
    if new.is_stopped or new.is_half_booted:
        undo = _undo(change, wish, role_steps.undo(change.old, change.new, returning=False))
        return Decision(UNDO, undo, (1,), journal.UNDONE, words, {})
    unknown = UnknownState(
        seen="{0} is primary, and {1} is {2}".format(change.old, change.new, new.text()),
        meaning="Whether the standby still follows is not known",
        remedy="Make it answer ({0}), then run the same command again".format(STATUS),
    )
    return _person_or_raise(change, unknown, wish)


def _back(change: Change, old: View, new: View, wish: Wish) -> Decision:
    """Neither is primary, and the change cannot go on: the former primary becomes primary again."""
    words = "taken back: {0} is primary as before".format(change.old)
    undo = _undo(change, wish, role_steps.undo(change.old, change.new, returning=True))
    return Decision(UNDO, undo, tuple(step.number for step in undo.steps), journal.UNDONE, words, {})


def _undo(change: Change, wish: Wish, steps: Tuple[Step, ...]) -> Change:
    return Change(wish.change_id, "undo", change.old, change.new, wish.holder, wish.started_at, steps, undoes=change.id)


def involved(decision: Decision) -> List[str]:
    """The members that have a part in what is to be done, in the order of their first step."""
    if decision.change is None:
        return []
    steps = {step.number: step for step in decision.change.steps}
    return list(dict.fromkeys(steps[number].member for number in decision.todo))


def own(decision: Decision, member: str) -> List[int]:
    """The numbers of a member's own steps, in the order in which they run."""
    if decision.change is None:
        return []
    steps = {step.number: step for step in decision.change.steps}
    return [number for number in decision.todo if steps[number].member == member]
