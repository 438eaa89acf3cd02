# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Whether a drill is still in charge of what happens to its cluster, and how one that broke off brings it home. Pure.

A drill expects one member to serve, has hit another, and knows the role changes that are its own. A member that is lost beyond that, or a role change of
somebody else, is a real disaster: the drill ends, and whatever people do about it goes first.

Public: :class:`Sight`, :class:`Course`, :class:`Way`, :func:`sight_of`, :func:`lost`, :func:`way_home`.
"""

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts, journal

FAILOVER = "failover"


class Sight(NamedTuple):
    """A member as it was seen. ``running``: None when that is not known; ``fence``: why it is fenced, "" when it is not; ``change``: its journal of a
    role change, empty without one."""

    role: str
    open_mode: str
    running: Optional[bool]
    fence: str
    change: Mapping[str, Any]
    state: str

    @property
    def is_primary(self) -> bool:
        return self.role == facts.PRIMARY and self.open_mode == facts.READ_WRITE

    @property
    def is_stopped(self) -> bool:
        return self.running is False

    @property
    def is_unknown(self) -> bool:
        """Whether nothing tells what it is, stopped or not."""
        return not self.is_stopped and facts.UNKNOWN in (self.role, self.open_mode)

    def text(self) -> str:
        """What it is, in a few words."""
        words = "stopped" if self.is_stopped else "{0}, {1}".format(self.role, self.open_mode)
        return words + (", and fenced ({0})".format(self.fence) if self.fence else "")


class Course(NamedTuple):
    """What a drill expects. ``primary``: who serves, "" where it does not say; ``hit``: members that are down by its own doing; ``own``: ids of its role
    changes; ``known``: ids of those that were there before it; ``quiet``: whether clients get no write through; ``kinds``: changes of others that
    count."""

    primary: str
    hit: Sequence[str] = ()
    own: Sequence[str] = ()
    known: Sequence[str] = ()
    quiet: bool = False
    kinds: Sequence[str] = ("switchover", "undo", FAILOVER)


class Way(NamedTuple):
    """What brings a cluster home: the target of a role change that was left half done, the member to reinstate, the member to switch back to, each "" where
    there is nothing to do; ``why``: what a person has to do or know first."""

    finish: str = ""
    reinstate: str = ""
    switch: str = ""
    why: str = ""


def sight_of(observation: Optional[Mapping[str, Any]]) -> Optional[Sight]:
    """A member from the result of its observation, None when it did not answer."""
    if not observation or "role" not in observation:
        return None
    running, seen = observation.get("running"), observation.get("role_change") or {}
    return Sight(
        str(observation["role"]),
        str(observation.get("open_mode", facts.UNKNOWN)),
        running if isinstance(running, bool) else None,
        str((observation.get("fenced") or {}).get("reason") or ""),
        seen.get("change") or {},
        str(seen.get("state") or ""),
    )


def _foreign(sights: Mapping[str, Optional[Sight]], course: Course) -> List[str]:
    """Role changes that are not the drill's, each once, and fences of failovers whose journal is not there yet."""
    ours = set(course.own) | set(course.known)
    found: Dict[str, str] = {}
    for sight in sights.values():
        if sight is None:
            continue
        kind, name = str(sight.change.get("kind")), str(sight.change.get("id"))
        if kind in course.kinds and name not in ours:
            found[name] = "the {0} {1} to {2}, begun by {3} at {4}, is not the drill's".format(
                kind, name, *(sight.change.get(key) for key in ("new", "holder", "started_at"))
            )
        words = sight.fence.split(" ")
        if words[0] == FAILOVER and len(words) > 1 and words[1] not in ours:
            found.setdefault(words[1], "the {0} is not the drill's, and has fenced".format(sight.fence))
    return [found[name] for name in sorted(found)]


def lost(sights: Mapping[str, Optional[Sight]], course: Course) -> List[str]:
    """What became of the members that the drill has not done, in words; empty when it is all the drill's.

    :arg sights: every member of the drill, None for one that did not answer.
    """
    found = _foreign(sights, course)
    for name in sorted(sights):
        sight = sights[name]
        if name in course.hit:
            continue
        who = "{0}, {1},".format(name, "the primary" if name == course.primary else "a standby")
        if sight is None:
            found.append("{0} does not answer".format(who))
        elif sight.state not in ("",) + journal.ENDS and sight.change.get("id") in course.own:
            continue  # In the middle of a change of the drill, whose journal tells what it is.
        elif sight.is_stopped or (
            name == course.primary and not sight.is_primary and (course.quiet or not sight.is_unknown)
        ):
            found.append("{0} is {1}".format(who, sight.text()))
    return found


def _half_done(sights: Mapping[str, Optional[Sight]]) -> Optional[Way]:
    """A role change that was left half done comes first, by itself where its journals can lead it to an end."""
    for name in sorted(sights):
        sight = sights[name]
        if sight is None or sight.state in ("",) + journal.ENDS:
            continue
        kind, new = str(sight.change.get("kind")), str(sight.change.get("new"))
        if kind == FAILOVER:
            return Way(
                why="run playbooks/failover.yml -e standby_target={0}, which goes on with the failover".format(new)
            )
        if sight.state == journal.NEEDS_PERSON:
            return Way(why="{0} needs a person: see playbooks/status.yml".format(sight.change.get("id")))
        return Way(finish=str(sight.change.get("old")) if kind == "undo" else new)
    return None


def way_home(sights: Mapping[str, Optional[Sight]], origin: str, back: bool) -> Way:
    """How the members come to be what they were, as far as it is safe without a person.

    :arg sights: every member. :arg origin: who was primary at the start. :arg back: whether the policy wants it to be primary again.
    """
    silent = [name for name in sorted(sights) if sights[name] is None]
    if silent:
        return Way(why="make {0} answer".format(", ".join(silent)))
    half_done = _half_done(sights)
    if half_done is not None:
        return half_done
    primaries = [name for name, sight in sorted(sights.items()) if sight is not None and sight.is_primary]
    if len(primaries) != 1:
        return Way(
            why="{0}: look at them with playbooks/status.yml, and start {1} if it may be, or run playbooks/failover.yml".format(
                "{0} are primary".format(" and ".join(primaries)) if primaries else "no member is an open primary",
                origin,
            )
        )
    sight = sights.get(origin)
    if sight is None or primaries == [origin]:
        return Way()
    if sight.role != facts.STANDBY and not sight.is_stopped:
        return Way(why="{0} is {1}: see playbooks/status.yml".format(origin, sight.text()))
    standby = sight.role == facts.STANDBY and not sight.is_stopped and not sight.fence
    return Way(reinstate="" if standby else origin, switch=origin if back else "")
