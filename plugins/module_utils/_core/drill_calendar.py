# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""When a drill may begin, when it is due, and what has to be said of one that was missed. Pure: no clock, no file.

All moments have a zone, and are compared as moments: the window of a policy is right in any zone, and across a change to or from summer time. A blackout
date is a date in the zone of the window's start, as it is for the drill itself (``drill_policy.when`` is the one rule of both).

Public: :func:`window_of`, :func:`may_begin`, :func:`chance_left`, :func:`due`, :func:`missed`, :func:`alarms`, :func:`figures`.
"""

import datetime
import re
from typing import Any, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import drill_policy
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_due import Held, due_by
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence import value_of
from ansible_collections.firedrill.standby.plugins.module_utils._core.prometheus import Families, seconds

#: Types of drills by the playbook that holds them; readiness is asked for and is no drill.
TYPES: Dict[str, str] = {
    "drill_switchover.yml": "switchover_and_back",
    "drill_failover.yml": "failover_fence_reinstate",
    "readiness.yml": "",
}
#: Exit codes of a drill that does not begin; those of ansible-playbook end at 8, or are 99 and 250.
NOT_YET, OVER, BLACKOUT, BUSY, HELD, BROKEN = 81, 82, 83, 84, 85, 86
REFUSED = (NOT_YET, OVER, BLACKOUT, BUSY, HELD, BROKEN)
#: The code of a shell for a program that cannot be started.
NOT_FOUND = 127
#: Grades of an attempt: it began; the window has a moment left for it; none; it was held in this window already.
BEGAN, POSTPONED, MISSED, DONE = "began", "postponed", "missed", "done"
PREFIX = "firedrill_drill_"
#: How the finding begins that says why a drill was refused or ended early (role drill).
ENDED = "The drill was "
#: Kinds of alarms, the first part of their keys: nothing can be told of the drill; its policy cannot be read; when the first is due is not known; it is
#: overdue; its window passed without one; a run failed or broke off.
TROUBLE, UNREADABLE, NO_DATE, OVERDUE, WINDOW, RUN = "trouble", "policy", "no-date", "due", "window", "run"
KINDS: Tuple[str, ...] = (TROUBLE, UNREADABLE, NO_DATE, OVERDUE, WINDOW, RUN)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)\Z")
_DAY = datetime.timedelta(days=1)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class Window(NamedTuple):
    """When drills of a policy may begin: from ``start`` until before ``end``, but on no date of ``blackout``."""

    start: datetime.datetime
    end: datetime.datetime
    blackout: FrozenSet[str]

    def allows(self, at: datetime.datetime) -> bool:
        """Whether a drill may begin at a moment."""
        return self.start <= at < self.end and at.astimezone(self.start.tzinfo).date().isoformat() not in self.blackout


class Start(NamedTuple):
    """Whether a drill begins: ``code`` 0, or the exit code of why not; ``grade`` as above; ``why`` in words."""

    code: int
    grade: str
    why: str


class Attempt(NamedTuple):
    """What the program noted when it was to begin a drill. ``ended_wall_ns`` is None while no end is known."""

    at_wall_ns: int
    grade: str
    code: int
    why: str
    ended_wall_ns: Optional[int] = None


class Drill(NamedTuple):
    """A drill that was held, as its evidence says. ``ended_how``: why it was refused, or ended early; empty when it was not."""

    drill_id: str
    type: str
    environment: str
    started_wall_ns: int
    overall: str
    due_date: str
    ended_how: str = ""


class Due(NamedTuple):
    """When the next drill is due, and by what."""

    at: datetime.datetime
    why: str


class Alarm(NamedTuple):
    """What has to be said once. ``key`` tells it from others of the same drill."""

    key: str
    text: str

    @property
    def kind(self) -> str:
        """One of :data:`KINDS`."""
        return self.key.partition(":")[0]


class Seen(NamedTuple):
    """All that the alarm knows of one scheduled drill. ``policy`` is None where it has none, ``trouble`` says why nothing can be told of it."""

    name: str
    cluster: str
    type: str
    policy: Optional[Mapping[str, Any]]
    drills: Sequence[Drill]
    attempts: Sequence[Attempt]
    running: bool
    trouble: str = ""

    @property
    def environment(self) -> str:
        """As the policy says."""
        return str((self.policy or {}).get("environment") or "production")

    @property
    def own(self) -> List[Drill]:
        """Drills of this type and environment; others prove nothing of this one."""
        return [each for each in self.drills if (each.type, each.environment) == (self.type, self.environment)]


def wall(at: datetime.datetime) -> int:
    """Nanoseconds since 1970."""
    return (at - _EPOCH) // datetime.timedelta(microseconds=1) * 1000


def at_wall(nanoseconds: int) -> datetime.datetime:
    """The moment of so many nanoseconds since 1970, in UTC."""
    return _EPOCH + datetime.timedelta(microseconds=nanoseconds // 1000)


def utc(text: str) -> datetime.datetime:
    """A moment that is written as YYYY-MM-DD HH:MM:SS and is in UTC."""
    return datetime.datetime.strptime(text + " +0000", "%Y-%m-%d %H:%M:%S %z")


def _said(at: datetime.datetime) -> str:
    return at.isoformat(timespec="seconds")


def _refuse(key: str, seen: Any, meaning: str) -> Refusal:
    return Refusal(
        "{0} is {1!r}".format(key, seen), meaning, "correct {0} in the policy".format(key), details={"policy": key}
    )


def window_of(policy: Mapping[str, Any]) -> Window:
    """The window of a policy with its blackout dates. :raises Refusal: when one of them cannot be read."""
    given = policy.get("window") or {}
    if not isinstance(given, Mapping):
        raise _refuse("window", given, "It needs start and end")
    start, end = (drill_policy.moment(str(given.get(key) or ""), "window." + key) for key in ("start", "end"))
    if end <= start:
        raise _refuse("window", "{0} to {1}".format(given["start"], given["end"]), "It ends before it begins")
    dates = [str(each) for each in policy.get("blackout_dates") or ()]
    for date in dates:
        _date(date, "blackout_dates")
    return Window(start, end, frozenset(dates))


def _date(text: str, key: str) -> datetime.date:
    found = _DATE.match(text)
    try:
        return datetime.date(*(int(each) for each in found.groups())) if found else datetime.date(0, 1, 1)
    except ValueError:
        raise _refuse(key, text, "Dates are written YYYY-MM-DD") from None


def chance_left(window: Window, now: datetime.datetime) -> bool:
    """Whether a drill may still begin at some later moment of the window."""
    at = max(now, window.start).astimezone(window.start.tzinfo)
    while at < window.end:
        if window.allows(at):
            return True
        at = datetime.datetime.combine(at.date() + _DAY, datetime.time(), tzinfo=window.start.tzinfo)
    return False


def _put_off(window: Window, now: datetime.datetime, code: int, why: str) -> Start:
    return Start(code, POSTPONED if chance_left(window, now) else MISSED, why)


def may_begin(
    policy: Optional[Mapping[str, Any]], now: datetime.datetime, begun: Sequence[int] = (), holder: str = ""
) -> Start:
    """Whether a drill begins now.

    :arg policy: None for what needs none, such as a look at the readiness. :arg begun: when earlier ones began, nanoseconds since 1970. One window is
        the approval of one drill. :arg holder: what holds the lock, in words; empty when it is free.
    """
    if policy is None:
        return Start(BUSY, POSTPONED, holder) if holder else Start(0, BEGAN, "")
    try:
        window = window_of(policy)
    except Refusal as error:
        return Start(BROKEN, MISSED, str(error))
    inside = [each for each in begun if window.start <= at_wall(each) < window.end]
    if inside:
        return Start(
            HELD,
            DONE,
            "It began at {0} already, and the window {1} to {2} approves one drill".format(
                _said(at_wall(max(inside))), _said(window.start), _said(window.end)
            ),
        )
    try:
        drill_policy.when(policy, now)
    except Refusal as error:
        if now < window.start:
            code = NOT_YET
        else:
            code = OVER if now >= window.end else BLACKOUT
        return _put_off(window, now, code, str(error))
    if holder:
        return _put_off(window, now, BUSY, holder)
    return Start(0, BEGAN, "")


# ------------------------------------------------------------------------------------------- due


def drill_of(document: Mapping[str, Any]) -> Drill:
    """A drill from its evidence document."""
    return Drill(
        value_of(document, "A.drill_id", ""),
        value_of(document, "A.type", ""),
        value_of(document, "A.environment", ""),
        value_of(document, "A.started_wall_ns", 0),
        value_of(document, "R.overall", "inconclusive"),
        value_of(document, "B.due_date", ""),
        next((each["what"] for each in value_of(document, "Q.findings", []) if each["what"].startswith(ENDED)), ""),
    )


def last_of(drills: Sequence[Drill]) -> Optional[Drill]:
    """The last one that came to a verdict: of an inconclusive one nothing is known, so it counts as none."""
    judged = [each for each in drills if each.overall != "inconclusive" and each.started_wall_ns]
    return max(judged, key=lambda each: each.started_wall_ns) if judged else None


def due(policy: Mapping[str, Any], drills: Sequence[Drill]) -> Optional[Due]:
    """When the next drill is due: the last that came to a verdict and the cadence, or the date of the policy, whichever is earlier; None: not known.

    The date of the policy is met by a drill that came to a verdict under that very date. At the end of its day, in the zone of the window, it is over.

    :raises Refusal: when the policy cannot be read.
    """
    zone, cadence, end = window_of(policy).start.tzinfo, policy.get("cadence_days"), None
    if cadence is not None and (not str(cadence).isdigit() or not 1 <= int(cadence) <= 36500):
        raise _refuse("cadence_days", cadence, "It is a number of days, 1 to 36500")
    date = str(policy.get("due_date") or "")
    if date:
        end = wall(datetime.datetime.combine(_date(date, "due_date") + _DAY, datetime.time(), tzinfo=zone))
    held = [Held(each.drill_id, each.started_wall_ns, each.due_date) for each in drills if last_of([each]) is not None]
    found = due_by(None if cadence is None else int(cadence), date, end, held)
    return Due(at_wall(found.at).astimezone(zone), found.why) if found is not None else None


def missed(attempts: Sequence[Attempt]) -> List[Attempt]:
    """The beginnings that came to nothing since the last run before this one: the window had no moment left, or ansible-playbook could not be started.

    :arg attempts: of one schedule, oldest first; a run whose end nobody noted yet, at their end, is this one.
    """
    runs = [number for number, each in enumerate(attempts) if each.grade == BEGAN and each.code != NOT_FOUND]
    # This run is the last one, unless its end was noted: then it was closed by hand, or a person began this drill.
    now = runs.pop() if runs and attempts[runs[-1]].ended_wall_ns is None else len(attempts)
    since = attempts[runs[-1] + 1 if runs else 0 : now]
    return [each for each in since if each.grade == MISSED or each.code == NOT_FOUND]


# ----------------------------------------------------------------------------------------- alarm


def _history(seen: Seen) -> str:
    last = last_of(seen.own)
    text = "none came to a verdict yet"
    if last is not None:
        text = "the last that came to a verdict is {0} of {1}: {2}".format(
            last.drill_id, _said(at_wall(last.started_wall_ns)), last.overall
        )
    if seen.attempts:
        each = seen.attempts[-1]
        text += "; last attempt {0}: {1}{2}".format(
            _said(at_wall(each.at_wall_ns)), each.grade, ", " + each.why if each.why else ""
        )
    return text


def _of_the_policy(seen: Seen, policy: Mapping[str, Any], now: datetime.datetime) -> List[Alarm]:
    """:raises Refusal: when the policy cannot be read."""
    found = []
    window, own = window_of(policy), seen.own
    when = due(policy, own)
    if when is None and last_of(own) is None:
        text = "no drill came to a verdict yet, and the policy has no due_date: when the first is due is not known"
        found.append(Alarm(NO_DATE, text))
    if when is not None and when.at <= now:
        found.append(Alarm(OVERDUE + ":" + _said(when.at), "it was due at {0}: {1}".format(_said(when.at), when.why)))
    begun = [each.at_wall_ns for each in seen.attempts if each.grade == BEGAN] + [each.started_wall_ns for each in own]
    if window.end <= now and not [each for each in begun if window.start <= at_wall(each) < window.end]:
        text = "no drill began in the window {0} to {1}".format(_said(window.start), _said(window.end))
        found.append(Alarm(WINDOW + ":" + _said(window.start), text))
    return found


def alarms(seen: Seen, now: datetime.datetime) -> List[Alarm]:
    """What has to be said of a drill: it is overdue, its window passed without it, it failed or broke off, or nothing can be told of it."""
    found = []
    if seen.trouble:
        found.append(Alarm(TROUBLE + ":" + seen.trouble, seen.trouble))
    elif seen.policy is not None:
        try:
            found += _of_the_policy(seen, seen.policy, now)
        except Refusal as error:
            found.append(Alarm(UNREADABLE + ":" + error.seen, str(error)))
    runs = [each for each in seen.attempts if each.grade == BEGAN]
    for each in runs:
        began = _said(at_wall(each.at_wall_ns))
        if each.ended_wall_ns is not None and each.code != 0:
            text = "the run of {0} ended with {1}{2}".format(began, each.code, _ended_how(seen, each))
            found.append(Alarm(RUN + ":" + began, text))
        elif each.ended_wall_ns is None and not (seen.running and each is runs[-1]):
            found.append(Alarm(RUN + ":" + began, "the run of {0} broke off: nothing noted its end".format(began)))
    return [each._replace(text="{0}; {1}".format(each.text, _history(seen))) for each in found]


def _ended_how(seen: Seen, run: Attempt) -> str:
    """Why the drill of a run was refused or ended early, as far as it left evidence that says so."""
    end = run.at_wall_ns if run.ended_wall_ns is None else run.ended_wall_ns
    for each in seen.own:
        if each.ended_how and run.at_wall_ns <= each.started_wall_ns <= end:
            return ": {0}: {1}".format(each.drill_id, each.ended_how)
    return ""


def _standing(seen: Seen, now: datetime.datetime) -> Dict[str, Optional[int]]:
    """How many alarms of each kind stand; None: it cannot be told, or the kind has no meaning for what has no policy.

    A run that failed stands until a later one ended well: a gauge has to come down again. The words of it are told once, also if both happened
    between two looks.
    """
    runs = [each for each in seen.attempts if each.grade == BEGAN]
    good = [number for number, each in enumerate(runs) if each.ended_wall_ns is not None and each.code == 0]
    over = {RUN + ":" + _said(at_wall(each.at_wall_ns)) for each in runs[: good[-1] if good else 0]}
    kinds = [each.kind for each in alarms(seen, now) if each.key not in over]
    found: Dict[str, Optional[int]] = {kind: kinds.count(kind) for kind in KINDS}
    blind = [NO_DATE, OVERDUE, WINDOW] if UNREADABLE in kinds or TROUBLE in kinds or seen.policy is None else []
    blind += [UNREADABLE] if TROUBLE in kinds or seen.policy is None else []
    found.update(dict.fromkeys(blind))
    return found


def figures(drills: Sequence[Seen], left_out: Mapping[Tuple[str, str], int], now: datetime.datetime) -> str:
    """The metrics of all scheduled drills; what is not known is absent.

    :arg left_out: folders that are not as they were sealed, by cluster and type.
    """
    due_at, overdue, last_at, damaged, standing = [], [], [], [], []
    for seen in drills:
        labels = {"cluster": seen.cluster, "type": seen.type, "environment": seen.environment}
        # Two drills may be of one type, and readiness has none, so the name tells them apart.
        standing += [(dict(labels, drill=seen.name, kind=kind), n) for kind, n in _standing(seen, now).items()]
        if not seen.type:
            continue
        when, last = None, last_of(seen.own)
        try:
            when = due(seen.policy, seen.own) if seen.policy is not None and not seen.trouble else None
        except Refusal:
            when = None
        due_at.append((labels, seconds(wall(when.at)) if when else None))
        overdue.append((labels, int(when.at <= now) if when else None))
        last_at.append((labels, seconds(last.started_wall_ns) if last else None))
        damaged.append((labels, left_out.get((seen.cluster, seen.type))))
    found = Families(PREFIX, {})
    found.gauge("due_timestamp_seconds", "When the next drill is due, since 1970; absent: not known.", *due_at)
    found.gauge("overdue", "1 if the drill is overdue, 0 if not; absent: not known when it is due.", *overdue)
    text = "When the last drill that came to a verdict began, since 1970; absent: there is none."
    found.gauge("last_timestamp_seconds", text, *last_at)
    found.gauge(
        "folders_left_out", "Folders of evidence that are not as they were sealed; they count as none.", *damaged
    )
    text = (
        "Alarms that stand, by kind; absent: it cannot be told. A run that failed stands until a later one ended well."
    )
    found.gauge("alarms", text, *standing)
    found.gauge("schedule_checked_timestamp_seconds", "When this was looked at, since 1970.", ({}, seconds(wall(now))))
    return found.text()
