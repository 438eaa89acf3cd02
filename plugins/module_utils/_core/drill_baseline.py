# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Group G of the evidence: what the members were at the start, from what readiness looked at, the first observation and readings of clocks. Pure.

Facts are plain, ``{value, source}`` or ``{value, source, why}`` where ``why`` says why it is not known. What is not known becomes null or stays away;
nothing is filled in.

Public: :func:`fact`, :func:`baseline`, :func:`details`.
"""

from typing import Any, Dict, List, Mapping, Optional

from ansible_collections.firedrill.standby.plugins.module_utils._core.log_gap import missing, online_of

Facts = Mapping[str, Mapping[str, Any]]


def fact(facts: Facts, name: str) -> Any:
    """The value of a fact; None where it is missing or not known."""
    found = facts.get(name) or {}
    return None if found.get("why") else found.get("value")


def details(facts: Facts) -> Dict[str, Any]:
    """What ``G.members`` says of one member beside its role, each None where it is not known."""
    licence = fact(facts, "licence") or {}
    return {
        "build": fact(facts, "tibero_build"),
        "page_size_bytes": fact(facts, "db_block_size"),
        "byte_order": fact(facts, "endianness"),
        "charset": fact(facts, "character_set"),
        "licence_until": licence.get("end_date"),
    }


def baseline(
    looked: Mapping[str, Facts], states: Mapping[str, Facts], clocks: Mapping[str, Mapping[str, Any]], primary: str
) -> Dict[str, Dict[str, Any]]:
    """Fields of group G by path, each with value and source.

    :arg looked: member -> facts of readiness. :arg states: member -> its first observation. :arg clocks: member -> ``reading`` of drill_clock_info.
    :arg primary: the member that is primary at the start.
    """
    found: Dict[str, Any] = {
        "G.free_space": _space(looked),
        "G.clocks": [_clock(name, clocks[name]) for name in sorted(clocks)],
        "G.differences": _differences(looked),
        "G.lag": _lag(states, primary),
    }
    gaps = _gaps(looked, primary)
    size = fact(looked.get(primary) or {}, "database_size")
    if size:
        found["G.data_bytes"] = int(size["bytes"])
    told = {path: {"value": value, "source": "raw/observations"} for path, value in found.items() if value != []}
    if gaps is not None:
        told["G.gaps"] = {"value": gaps, "source": "raw/observations"}
    return told


def _gaps(looked: Mapping[str, Facts], primary: str) -> Optional[List[Dict[str, Any]]]:
    """What each standby needs and nobody has any more; None where that is not known of one of them."""
    found = []
    online = online_of(fact(looked.get(primary) or {}, "redo") or [])
    archives = fact(looked.get(primary) or {}, "archives")
    for name in sorted(set(looked) - {primary}):
        needed = fact(looked[name], "log_sequence")
        if needed is None or not online or (archives is None and int(needed) < min(online)):
            return None
        gone = missing(int(needed), online, (archives or {}).get("present") or [])
        if gone:
            found.append({"member": name, "from": gone[0], "to": gone[-1]})
    return found if len(looked) > 1 else None


def _space(looked: Mapping[str, Facts]) -> List[Dict[str, Any]]:
    places = [(name, place) for name in sorted(looked) for place in (fact(looked[name], "space") or {}).values()]
    return [
        {"member": name, "path": str(place["path"]), "free_bytes": int(place["free_bytes"])} for name, place in places
    ]


def _clock(name: str, reading: Mapping[str, Any]) -> Dict[str, Any]:
    """How far a member's wall clock is ahead of the controller's: its reading lies between the controller's two, half of whose distance is the bound."""
    width = int(reading["after"]) - int(reading["before"])
    middle = int(reading["wall"]) + width // 2
    return {
        "host": name,
        "offset_ns": int(reading["client_wall"]) - middle,
        "bound_ns": width - width // 2,
        "source": "raw/observations",
    }


def _differences(looked: Mapping[str, Facts]) -> List[Dict[str, Any]]:
    """Parameters that are not equal on all members whose parameters are known; null where a member has none of that name."""
    known = {name: fact(facts, "parameters") for name, facts in looked.items()}
    tips: Dict[str, Mapping[str, Any]] = {name: tip for name, tip in known.items() if tip is not None}
    keys = sorted({key for tip in tips.values() for key in tip})
    found = []
    for key in keys:
        values = {name: tips[name].get(key) for name in sorted(tips)}
        if len({str(value) for value in values.values()}) > 1:
            found.append({"key": key, "values": values})
    return found


def _lag(states: Mapping[str, Facts], primary: str) -> List[Dict[str, Any]]:
    """How many log positions each standby is behind. The members were asked one after another, so it may be too large by what was written meanwhile; of a
    standby that was asked later than the primary and is ahead by that, it is 0."""
    front = str(fact(states.get(primary) or {}, "position") or "")
    found = []
    for name in sorted(states):
        own = str(fact(states[name], "position") or "")
        if name != primary:
            behind = max(int(front) - int(own), 0) if front.isdigit() and own.isdigit() else None
            source = "raw/observations/start-{0}.json".format(name)
            found.append({"member": name, "positions": behind, "seconds_ns": None, "bytes": None, "source": source})
    return found
