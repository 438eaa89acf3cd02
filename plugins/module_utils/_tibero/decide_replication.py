# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""From how a primary sends its redo to how it shall: the statements and their order. Pure, and all that check mode runs.

In PROTECTION the primary ends when no LGWR SYNC standby answers, and in PROTECTION and AVAILABILITY it does not boot without one (H, MAN). So no
plan passes through a state in which one of these modes is on and no LGWR SYNC destination is both enabled and proven to run: the mode is lowered
to PERFORMANCE before the last such destination is touched, and raised last, after a step that proves one.

Nothing says that the numbers of destinations must be without gaps (H: "numbered from 1"), so a destination keeps its number when another goes (L).
"""

import re
from typing import Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import tip
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError

UNPROTECTED, PERFORMANCE, AVAILABILITY, PROTECTION = "UNPROTECTED", "PERFORMANCE", "AVAILABILITY", "PROTECTION"
#: From weakest to strongest (H, MAN; UNPROTECTED is the default without replication, H, TADTI123).
MODES = (UNPROTECTED, PERFORMANCE, AVAILABILITY, PROTECTION)
#: Modes that need an LGWR SYNC standby (H, MAN).
STRONG = (AVAILABILITY, PROTECTION)
SYNC = "LGWR SYNC"
ARCHIVE = "ARCH ASYNC"

MODE_KEY = "LOG_REPLICATION_MODE"
#: The switch of one destination. That it exists is H; its name is M, since MAN prints it as LOG_RELICATION_1_ENABLE.
ENABLE_NAME = "LOG_REPLICATION_{n}_ENABLE"
_DESTINATION = re.compile(r"LOG_REPLICATION_DEST_([1-9])\Z")
_ENABLE = re.compile(r"LOG_REP?LICATION_([1-9])_ENABLE\Z")

#: What a step does.
SET_MODE, SET, CLEAR, ENABLE, SUSPEND, PROVE = "mode", "set", "clear", "enable", "suspend", "prove"


class Link(NamedTuple):
    """One destination: its value ``host:port TRANSPORT``; whether it is proven to run, and whether its standby is seen in recovery (None: not
    known); and what was seen, for messages."""

    value: str
    running: Optional[bool] = None
    alive: Optional[bool] = None
    seen: str = "not looked at"

    @property
    def address(self) -> str:
        return self.value.split(" ")[0]

    @property
    def transport(self) -> str:
        return " ".join(self.value.split(" ")[1:3])

    @property
    def sync(self) -> bool:
        return self.transport == SYNC


class Sending(NamedTuple):
    """How a primary sends redo: the mode, destinations by number, and the numbers that are switched off."""

    mode: str
    links: Mapping[int, Link]
    off: FrozenSet[int] = frozenset()


class Step(NamedTuple):
    """One step: what it does, to which destination (0 for the mode), the value afterwards, and the statement ("" for PROVE)."""

    action: str
    number: int
    value: str
    statement: str


def plain(value: str, key: str = "a destination") -> str:
    """A destination in the one form in which it compares. :raises UnknownState: when it cannot be read."""
    try:
        parsed = tip.parse_destination(value)
    except GrammarError as error:
        raise UnknownState(
            seen="{0} is {1!r}".format(key, value),
            meaning=str(error),
            remedy="Correct it in the tip and with ALTER SYSTEM, or in the description of the cluster",
        ) from error
    return tip.render_destination(parsed._replace(host=parsed.host.lower()))


def number_of(key: str) -> int:
    """The number of a destination's key. :raises Refusal: for another key."""
    found = _DESTINATION.match(key.upper())
    if not found:
        raise Refusal(
            seen="{0!r} was named as a destination".format(key),
            meaning="Only LOG_REPLICATION_DEST_1 to LOG_REPLICATION_DEST_9 are destinations",
            remedy="Correct the option",
        )
    return int(found.group(1))


def observed(live: Mapping[str, str]) -> Sending:
    """How the running primary sends redo, from its parameters by upper-case name.

    A switch that the server does not list counts as on: a destination works without it (H, field files never set it).

    :raises UnknownState: for a mode or a destination that is not recognised.
    """
    mode = live.get(MODE_KEY, "").strip('" ').upper() or UNPROTECTED
    if mode not in MODES:
        raise UnknownState(
            seen="{0} of the running primary is {1!r}".format(MODE_KEY, mode),
            meaning="Known are {0}; what another mode needs is not known, so nothing is changed".format(
                ", ".join(MODES)
            ),
            remedy="Look at the primary by hand",
        )
    links, off = {}, set()
    for key, value in sorted(live.items()):
        destination, switch = _DESTINATION.match(key), _ENABLE.match(key)
        if destination and value.strip('" '):
            links[int(destination.group(1))] = Link(plain(value, key))
        elif switch and value.strip('" ') and not _is_on(key, value):
            off.add(int(switch.group(1)))
    return Sending(mode, links, frozenset(off))


def _is_on(key: str, value: str) -> bool:
    try:
        return tip.parse_bool(value.strip('" '))
    except GrammarError as error:
        raise UnknownState(
            seen="{0} of the running primary is {1!r}".format(key, value),
            meaning=str(error),
            remedy="Set it to Y or N by hand",
        ) from error


def after(now: Sending, step: Step) -> Sending:
    """The state that a step leads to; what check mode shows, and what tests follow through a plan."""
    links, off = dict(now.links), set(now.off)
    mode = now.mode
    if step.action == SET_MODE:
        mode = step.value
    elif step.action == SET:
        links[step.number] = Link(step.value)
    elif step.action == CLEAR:
        links.pop(step.number, None)
    elif step.action == ENABLE:
        off.discard(step.number)
    elif step.action == SUSPEND:
        off.add(step.number)
        links[step.number] = links[step.number]._replace(running=False)
    elif step.action == PROVE:
        links[step.number] = links[step.number]._replace(running=True, alive=True)
    return Sending(mode, links, frozenset(off))


def protected(now: Sending) -> List[int]:
    """Numbers of the LGWR SYNC destinations that are on and proven to run."""
    return [
        number for number, link in sorted(now.links.items()) if link.sync and link.running and number not in now.off
    ]


def decide(now: Sending, wanted: Sending, remove: Sequence[int] = (), enable_name: str = ENABLE_NAME) -> List[Step]:
    """The steps from ``now`` to ``wanted``; empty when it is so already.

    :arg now: with what is known of each link, see :class:`Link`. :arg wanted: its links carry ``alive`` for the standbys that were asked.
    :arg remove: numbers of destinations that ``wanted`` does not have and that may go. :arg enable_name: name of the switch, with ``{n}``.
    :raises Refusal: when there is no safe way, naming one that is legal.
    """
    _refuse(now, wanted, remove)
    changes = _changes(now, wanted, remove, enable_name)
    if now.mode == wanted.mode and not changes:
        return []
    kept = _kept(now, changes)
    steps: List[Step] = []
    mode = now.mode
    lowest = PERFORMANCE if wanted.mode == UNPROTECTED else wanted.mode
    if (mode == UNPROTECTED and wanted.mode != UNPROTECTED) or (mode in STRONG and not kept):
        mode = PERFORMANCE
    elif MODES.index(mode) > MODES.index(lowest):
        mode = lowest
    if mode != now.mode:
        steps.append(_mode(mode))
    steps.extend(changes)
    if mode != wanted.mode:
        if wanted.mode in STRONG:
            steps.append(_prove(now, wanted))
        steps.append(_mode(wanted.mode))
    return steps


def _mode(mode: str) -> Step:
    return Step(SET_MODE, 0, mode, "ALTER SYSTEM SET {0}={1}".format(MODE_KEY, mode))


def _switch(number: int, on: bool, enable_name: str) -> Step:
    letter = "Y" if on else "N"
    name = enable_name.replace("{n}", str(number))
    return Step(ENABLE if on else SUSPEND, number, letter, "ALTER SYSTEM SET {0}={1}".format(name, letter))


def _value(number: int, value: str) -> Step:
    # Double quotes as the manual prints them (conflict 13 of the reference). An empty value as the way to remove one is L.
    return Step(
        SET if value else CLEAR,
        number,
        value,
        'ALTER SYSTEM SET LOG_REPLICATION_DEST_{0} = "{1}"'.format(number, value),
    )


def _changes(now: Sending, wanted: Sending, remove: Sequence[int], enable_name: str) -> List[Step]:
    """Changes of destinations: those that go, those that are switched off, those that are set, those that are switched on."""
    gone = [number for number in sorted(remove) if number in now.links]
    cleared, values, on, off = [], [], [], []
    for number, link in sorted(wanted.links.items()):
        for other, held in sorted(now.links.items()):
            # Two destinations must never feed one standby, not even for a moment.
            if other != number and other not in gone and held.address == link.address:
                cleared.append(other)
    for number, link in sorted(wanted.links.items()):
        old = now.links.get(number)
        fresh = old is None or number in cleared
        if fresh or (old is not None and old.value != link.value):
            values.append(_value(number, link.value))
        if number in wanted.off and number not in now.off:
            off.append((number, fresh))
        elif number in now.off and number not in wanted.off:
            on.append(number)
    first = [_value(number, "") for number in sorted(set(gone) | set(cleared))]
    first.extend(_switch(number, False, enable_name) for number, fresh in off if not fresh)
    # A destination that does not exist cannot be switched (350012, C), so a new one is switched off right after it was made.
    last = [_switch(number, False, enable_name) for number, fresh in off if fresh]
    return first + values + last + [_switch(number, True, enable_name) for number in on]


def _kept(now: Sending, changes: Sequence[Step]) -> List[int]:
    """LGWR SYNC destinations that are proven to run and that no change touches."""
    touched = {step.number for step in changes}
    return [number for number in protected(now) if number not in touched]


def _candidates(wanted: Sending) -> List[int]:
    return [number for number, link in sorted(wanted.links.items()) if link.sync and number not in wanted.off]


def _prove(now: Sending, wanted: Sending) -> Step:
    """The step before a stronger mode. Any of the candidates will do; the one that runs already is named first."""
    alive = [number for number in _candidates(wanted) if wanted.links[number].alive]
    running = [
        number for number in alive if number in protected(now) and now.links[number].value == wanted.links[number].value
    ]
    return Step(PROVE, (running or alive)[0], wanted.mode, "")


# -------------------------------------------------------------------------------------- refusals


def _refuse(now: Sending, wanted: Sending, remove: Sequence[int]) -> None:
    _refuse_addresses(now, wanted, remove)
    if wanted.mode == UNPROTECTED:
        left = sorted(set(wanted.links) | (set(now.links) - set(remove)))
        if left:
            raise Refusal(
                seen="Mode UNPROTECTED was asked for, with destination {0}".format(", ".join(map(str, left))),
                meaning="Without a mode no redo is sent, so a destination would be one in name only",
                remedy="Legal is UNPROTECTED without any destination, or PERFORMANCE with them",
            )
        return
    if not wanted.links:
        raise Refusal(
            seen="Mode {0} was asked for, and no destination".format(wanted.mode),
            meaning="The primary would not boot again: a standby is required for this mode (350009)",
            remedy="Legal is a destination first, then the mode; or the mode UNPROTECTED",
        )
    if wanted.mode in STRONG:
        _refuse_strong(now, wanted, remove)


def _refuse_addresses(now: Sending, wanted: Sending, remove: Sequence[int]) -> None:
    addresses = [link.address for link in wanted.links.values()]
    twice = sorted({address for address in addresses if addresses.count(address) > 1})
    if twice:
        raise Refusal(
            seen="{0} is named by more than one destination".format(", ".join(twice)),
            meaning="One standby can be fed by one destination only",
            remedy="Name each standby once",
        )
    for number, link in sorted(now.links.items()):
        if number not in wanted.links and number not in remove and link.address in addresses:
            raise Refusal(
                seen="LOG_REPLICATION_DEST_{0} of the primary leads to {1} already".format(number, link.address),
                meaning="One standby can be fed by one destination only",
                remedy="Keep that number for it, or let the other one go",
            )


def _refuse_strong(now: Sending, wanted: Sending, remove: Sequence[int]) -> None:
    """A mode that needs an LGWR SYNC standby, without one that could be proven."""
    candidates = _candidates(wanted)
    if not candidates:
        suspended = [str(number) for number, link in sorted(wanted.links.items()) if link.sync]
        seen = "Mode {0} was asked for; {1}".format(
            wanted.mode,
            "every LGWR SYNC destination is to be suspended ({0})".format(", ".join(suspended))
            if suspended
            else "no destination receives by LGWR SYNC",
        )
        raise Refusal(
            seen=seen,
            meaning="In this mode the primary needs a standby that receives by LGWR SYNC: it does not boot without one, and in PROTECTION it ends",
            remedy="Legal is PERFORMANCE first and then this change, or an LGWR SYNC standby that stays on",
            details={"mode": wanted.mode},
        )
    if now.mode == wanted.mode and not _changes(now, wanted, remove, ENABLE_NAME):
        return
    if protected(now) and now.mode == wanted.mode and _kept(now, _changes(now, wanted, remove, ENABLE_NAME)):
        return
    if not [number for number in candidates if wanted.links[number].alive]:
        raise UnknownState(
            seen="Mode {0} was asked for (now {1}); {2}".format(
                wanted.mode,
                now.mode,
                "; ".join(
                    "LOG_REPLICATION_DEST_{0} {1}: {2}".format(
                        number, wanted.links[number].value, wanted.links[number].seen
                    )
                    for number in candidates
                ),
            ),
            meaning="No LGWR SYNC standby is proven to run, so this mode could stop the primary, or keep it from booting",
            remedy="Legal is: start such a standby with `tbboot -t RECOVERY`, then this mode; until then PERFORMANCE",
            details={"mode": wanted.mode},
        )


def remarks(now: Sending) -> Tuple[str, ...]:
    """What a person should know of a state that is as wanted."""
    sync = [number for number, link in sorted(now.links.items()) if link.sync and number not in now.off]
    running = protected(now)
    found: List[str] = []
    if now.mode in STRONG and not running:
        found.append(
            "Mode {0}, but no LGWR SYNC standby is proven to run: {1}. The primary would not boot; {2}".format(
                now.mode,
                "; ".join("{0}: {1}".format(number, now.links[number].seen) for number in sync) or "there is none",
                "it ends at its next commit"
                if now.mode == PROTECTION
                else "commits are acknowledged by the primary alone",
            )
        )
    elif now.mode == PROTECTION and len(running) == 1:
        found.append(
            "PROTECTION rests on one standby, LOG_REPLICATION_DEST_{0}: when it stops, the primary ends".format(
                running[0]
            )
        )
    return tuple(found)


def shown(now: Sending) -> Dict[str, str]:
    """A state for diffs and results."""
    result = {MODE_KEY: now.mode}
    for number, link in sorted(now.links.items()):
        result["LOG_REPLICATION_DEST_{0}".format(number)] = link.value + (" (suspended)" if number in now.off else "")
    return result
