# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What happened in a drill, from the controller's journals and the readings of clocks, as ``raw/drill.json`` wants it. Pure.

Everything is timed on one clock, the controller's. The journal of a role change says when the controller gave the word for a step and when it
learned of the end; the member says how long the step took on its own clock. So an end lies between word + duration and the news of it,
and a beginning between the word and the news - duration: bounds without any clock of another host. A client's clock is compared by a question:
the client's reading lies between the controller's readings before and after it.

Public: :class:`Instant`, :class:`Step`, :func:`carried`, :func:`steps_of`, :func:`marks_of`, :func:`story`.
"""

import re
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_record import DRILL_SCHEMA, FAILOVER, RIDE

#: Actions of a journal by what they mean for the timeline: the former primary serves no more, the new one is told to take over.
FENCING_ACTIONS = ("demote",)
PROMOTING_ACTIONS = ("promote", "take_over")
#: How a failover fenced, by the word of its journal, and as the evidence says it. Nobody is promoted before the ports were seen closed.
FENCED = {
    "its own host": "stopped by its own host and kept from starting; its ports seen closed from every survivor",
    "command of the site": "the command of the site, which ended with {0}; its ports seen closed from every survivor",
}
#: Where a person vouches for the fence, nobody looks at ports.
OVERRIDE = "override of a person"
CONFIRMED, NOT_CONFIRMED, NOT_TOLD = "confirmed", "not confirmed", "UNKNOWN"


class Instant(NamedTuple):
    """A moment on the controller's clock, as far as it is known: not before ``lo``, not after ``hi``, nanoseconds; ``wall`` is its wall clock near
    it."""

    lo: int
    hi: int
    wall: int
    source: str


class Step(NamedTuple):
    """One step of a role change that came to its end. ``began``, ``ended``: when; ``seen``: what the member told of it."""

    number: int
    member: str
    action: str
    title: str
    began: Instant
    ended: Instant
    seen: Mapping[str, Any] = {}


def steps_of(lines: Iterable[Mapping[str, Any]], source: str) -> List[Step]:
    """The steps of a journal that ended, in their order. A change that was taken up again has several runs; the last end of a step counts.

    :arg lines: of the controller's journal. :arg source: its path in the evidence.
    :raises KeyError: for a line without its fields.
    """
    actions: Dict[int, str] = {}
    begun: Dict[int, Mapping[str, Any]] = {}
    found: Dict[int, Step] = {}
    for line in lines:
        if line["event"] == "armed":
            actions.update({int(step["number"]): str(step["action"]) for step in line["change"]["steps"]})
        elif line["event"] == "begin":
            begun[int(line["step"])] = line
        elif line["event"] == "end" and int(line["step"]) in begun:
            number = int(line["step"])
            word, took = begun[number], int(float(line["seconds"]) * 10**9)
            # The member rounds its duration, and its clock may run a little faster than ours.
            took = max(took - 2 * 10**6, 0)
            first, last = int(word["clock_ns"]), int(line["clock_ns"])
            found[number] = Step(
                number,
                str(line["member"]),
                actions.get(number, ""),
                str(word.get("title", "")),
                Instant(first, max(last - took, first), int(word["wall_ns"]), source),
                Instant(min(first + took, last), last, int(line["wall_ns"]), source),
                line.get("seen") or {},
            )
    return [found[number] for number in sorted(found)]


def carried(instant: Instant, readings: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
    """A moment as a mark of ``raw/drill.json``: on the clock of each client, with the widest of their bounds.

    :arg readings: questions to clients, each with ``client``, ``before`` and ``after`` on the controller's clock, and ``mono`` on the client's.
        Of several of one client the one nearest to the moment counts, since clocks drift. ``same`` says that it is the same clock, so nothing is
        added to the bound.
    """
    at: Dict[str, int] = {}
    middle = (instant.lo + instant.hi) // 2
    bound = 0
    for client in sorted({str(reading["client"]) for reading in readings}):
        own = [reading for reading in readings if reading["client"] == client]
        nearest = min(own, key=lambda each: abs((int(each["before"]) + int(each["after"])) // 2 - middle))
        low, high = int(nearest["mono"]) - int(nearest["after"]), int(nearest["mono"]) - int(nearest["before"])
        if nearest.get("same"):
            low = high = 0
        first, last = instant.lo + low, instant.hi + high
        at[client] = (first + last) // 2
        bound = max(bound, (last - first + 1) // 2)
    return {"at": at, "wall_ns": instant.wall, "bound_ns": bound, "host": "controller", "source": instant.source}


def _instant(stamp: Mapping[str, Any], source: str) -> Instant:
    return Instant(int(stamp["before"]), int(stamp["after"]), int(stamp["wall"]), source)


def marks_of(leg: Mapping[str, Any], readings: Sequence[Mapping[str, Any]], source: str) -> Dict[str, Any]:
    """The marks of one leg.

    :arg leg: ``kind``, ``old``, ``new``, ``stamps`` (by mark, readings of the controller's own clock) and ``journal`` (lines).
    """
    stamps = {str(name): stamp for name, stamp in (leg.get("stamps") or {}).items() if stamp}
    moments = {name: _instant(stamp, "raw/drill.json") for name, stamp in stamps.items() if re.match(r"t\d+\Z", name)}
    steps = steps_of(leg.get("journal") or (), source)
    fences = [step for step in steps if step.member == leg["old"] and step.action in FENCING_ACTIONS]
    promotions = [step for step in steps if step.member == leg["new"] and step.action in PROMOTING_ACTIONS]
    # Where nobody takes over, the standby must not accept writes from the fault on.
    if leg.get("kind") == RIDE and "t0" in moments:
        moments.setdefault("t3", moments["t0"])
    elif fences:
        moments.setdefault("t3", fences[0].ended)
    elif promotions and "t2" in moments:
        # A failover fences before its journal begins, after it was decided; nobody is promoted before the fence was seen from every survivor.
        decided, ordered = moments["t2"], promotions[0].began
        moments.setdefault("t3", Instant(decided.lo, max(ordered.lo, decided.lo), ordered.wall, source))
    if promotions:
        moments.setdefault("t4", promotions[-1].began)
        moments.setdefault("t5", promotions[-1].ended)
    return {name: carried(moment, readings) for name, moment in sorted(moments.items())}


def journal_steps(leg: Mapping[str, Any], source: str) -> List[Dict[str, Any]]:
    """The steps of a leg as field ``J.steps``."""
    return [
        {
            "leg": leg["name"],
            "number": step.number,
            "member": step.member,
            "title": step.title,
            "begun_wall_ns": step.began.wall,
            "ended_wall_ns": step.ended.wall,
            "outcome": "done",
            "source": source,
        }
        for step in steps_of(leg.get("journal") or (), source)
    ]


def fences_of(leg: Mapping[str, Any], source: str) -> List[Dict[str, Any]]:
    """The fences of a leg as field ``N.fences``: what kept the former primary from accepting writes, and when that was seen."""
    found = []
    steps = steps_of(leg.get("journal") or (), source)
    for step in steps:
        if step.member == leg["old"] and step.action in FENCING_ACTIONS:
            found.append(_fence(leg, step.title, step.ended.wall, source))
    promotions = [step for step in steps if step.member == leg["new"] and step.action in PROMOTING_ACTIONS]
    if not found and promotions:
        told = list(_decided_on(leg).get("fences") or ())
        if leg["old"] not in [each.get("member") for each in told]:
            told.insert(0, {"member": leg["old"]})
        found = [_fenced(leg, each, promotions[0].began.wall, source) for each in told]
    return found


def _decided_on(leg: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a failover was decided on, as its promotion told it; empty where its journal holds no such word."""
    for step in reversed(steps_of(leg.get("journal") or (), "")):
        if step.action in PROMOTING_ACTIONS and step.seen.get("evidence"):
            return dict(step.seen["evidence"])
    return {}


def _fenced(leg: Mapping[str, Any], told: Mapping[str, Any], wall: int, source: str) -> Dict[str, Any]:
    """A fence of a failover, as its journal has it. :arg wall: when the promotion was ordered."""
    member, by = str(told["member"]), told.get("by")
    if by in FENCED:
        return dict(_fence(leg, FENCED[str(by)].format(told.get("rc")), wall, source), member=member)
    found = dict(_fence(leg, NOT_TOLD, None, source), member=member, result=NOT_TOLD)
    if by == OVERRIDE:
        found.update(method=OVERRIDE, result=NOT_CONFIRMED)
    else:
        found["why"] = "the journal of the failover does not tell how {0} was fenced".format(member)
    return found


def _fence(leg: Mapping[str, Any], method: str, wall: Optional[int], source: str) -> Dict[str, Any]:
    return {
        "leg": leg["name"],
        "member": leg["old"],
        "method": method,
        "result": CONFIRMED,
        "confirmed_wall_ns": wall,
        "source": source,
    }


def positions_of(leg: Mapping[str, Any], unit: str = "TSN") -> Dict[str, Any]:
    """The cross-check of the ledger: the last log position of the old primary, and the one at which the new one went its own way.

    :arg leg: ``kind``, ``old``, ``new``, ``journal``, and of a failover ``old_last``, what the log of the lost primary was seen to reach afterwards. After a
        planned change the old primary's own word counts, given when it stopped and when it ran as a standby.
    """
    steps = steps_of(leg.get("journal") or (), "")
    told = [str(step.seen.get("position", "")) for step in steps if step.member == leg["old"]]
    branch = [str(step.seen.get("branch_point", "")) for step in steps if step.action in PROMOTING_ACTIONS]
    opened = [int(text) for text in branch if text.isdigit()]
    why = ""
    if leg["kind"] == FAILOVER:
        # What a lost primary is known to have reached is a lower bound: it tells something only when it lies beyond.
        told = [
            text for text in (str(leg.get("old_last") or ""),) if text.isdigit() and opened and int(text) > opened[-1]
        ]
        why = "how far the log of {0} went beyond is not known".format(leg["old"])
    last = [int(text) for text in told if text.isdigit()]
    if not opened:
        why = "no journal tells where {0} opened".format(leg["new"])
    elif not last:
        why = why or "{0} did not say how far it came".format(leg["old"])
    return {
        "unit": unit,
        "old_last": max(last) if last else None,
        "new_open": opened[-1] if opened else None,
        "why": "" if last and opened else why,
    }


def predicted_of(leg: Mapping[str, Any]) -> Optional[Dict[str, Any]]:
    """What the failover of a leg said would be lost, before it promoted anybody; None where its journal holds no such word."""
    loss = _decided_on(leg).get("loss")
    if not loss:
        return None
    said = {name: loss[name] for name in ("none", "first", "last", "seconds", "certainty")}
    return dict(said, at_most=loss.get("at_most"), seconds_by=loss.get("seconds_by") or "")


def _leg(leg: Mapping[str, Any], readings: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
    source = journal_path(str(leg["name"]))
    return {
        "name": leg["name"],
        "kind": leg["kind"],
        "old": leg["old"],
        "new": leg["new"],
        "marks": marks_of(leg, readings, source),
        "mode": leg.get("mode") or {"mode": None, "why": "it was not read"},
        "reads": [
            _read(leg, dict(each, read=read), readings) for each in leg.get("reads") or () for read in each["reads"]
        ],
        "positions": positions_of(leg),
        "predicted": predicted_of(leg),
        "smoke": leg.get("smoke") or None,
    }


def _read(leg: Mapping[str, Any], read: Mapping[str, Any], readings: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
    """A read; its moment is that of its beginning."""
    found: Dict[str, Any] = {"read": read["read"], "member": read["member"], "file": "", "at": {}}
    if read.get("why"):
        found["why"] = read["why"]
        return found
    found["file"] = rows_path(str(leg["name"]), str(read["read"]), str(read["member"]))
    found["at"] = carried(_instant(read["stamp"], ""), readings)["at"]
    return found


def journal_path(leg: str) -> str:
    """Where the journal of a leg lies in the evidence."""
    return "raw/journals/{0}.jsonl".format(leg)


def rows_path(leg: str, read: str, member: str) -> str:
    """Where the rows of a read lie in the evidence."""
    return "raw/rows/{0}-{1}-{2}.jsonl".format(leg, read, member)


def observed(value: Any, source: str = "raw/drill.json") -> Dict[str, Any]:
    """A field that the drill fills."""
    return {"value": value, "kind": "observed", "source": source}


def story(told: Mapping[str, Any]) -> Dict[str, Any]:
    """``raw/drill.json``.

    :arg told: ``drill_id``, ``type``, ``members``, ``ledgers`` (paths in the evidence), ``legs``, ``readings``, ``classification``, ``way_back``,
        ``human_ns``, and ``document``, fields by path with their value, or with ``value`` and ``source``. A leg has ``name``, ``kind``, ``old``, ``new``,
        ``stamps``, ``journal``, ``mode``, ``old_last``, ``smoke`` and ``reads``, each of those with ``reads`` (a, b, c), ``member`` and ``stamp``, or ``why``
        they could not be taken.
    :raises KeyError: when something of this is missing.
    """
    readings: List[Mapping[str, Any]] = list(told["readings"])
    legs = [_leg(leg, readings) for leg in told["legs"]]
    steps = [step for leg in told["legs"] for step in journal_steps(leg, journal_path(str(leg["name"])))]
    fences = [fence for leg in told["legs"] for fence in fences_of(leg, journal_path(str(leg["name"])))]
    document: Dict[str, Any] = {
        "J.steps": observed(steps, "raw/journals"),
        "N.fences": observed(fences, "raw/journals"),
    }
    for path, value in (told.get("document") or {}).items():
        document[str(path)] = observed(**value) if _has_source(value) else observed(value)
    required: Optional[Sequence[str]] = told.get("required")
    record = {
        "schema": DRILL_SCHEMA,
        "drill_id": told["drill_id"],
        "type": told["type"],
        "members": list(told["members"]),
        "ledgers": sorted(told["ledgers"]),
        "legs": legs,
        "classification": told["classification"],
        "way_back": told["way_back"],
        "human_ns": int(told.get("human_ns") or 0),
        "lost_bytes": told.get("lost_bytes"),
        "findings": list(told.get("findings") or ()),
        "document": document,
    }
    if required is not None:
        record["required"] = list(required)
    return record


def _has_source(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"value", "source"}
