# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The verdict of a drill: pure arithmetic over ledgers and reads, the same for all engines.

Each objective is met, met with findings, not met or inconclusive; so is the whole. How they are judged (drills reference, 4):

- Measured is an interval, and its upper end counts. Above the objective it is *not met*, except where only the width of the interval puts it there: if
  the lower end is within the objective and the interval is wider than the objective itself, the measurement could not decide it: *inconclusive*.
- A service that flaps is judged by the sum of its gaps; with several clients the worst counts, of several reads and members too.
- A doubt (damaged ledger, no load, missing read, clock step, unknown mode, ...) makes what would be met inconclusive. What is shown not to be met stays
  so: a doubt never excuses.
- Nothing lost in a mode that does not promise it is luck: "met, not guaranteed".
- A write that is logged as certainly failed and survives (phantom) shows that the table of outcomes is wrong, so the loss is inconclusive.
- A wall clock that stepped does not change an interval of the monotonic clock, so figures stand as they are; that nothing else was disturbed is not
  shown, so what would be met is inconclusive.
- Over all: not met before inconclusive before met with findings before met.

Public: :func:`judge`, and the words of verdicts.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence import observed, unknown
from ansible_collections.firedrill.standby.plugins.module_utils._core.verdict_figures import (
    Losses,
    digests,
    guards,
    losses,
    outages,
    parts,
    redundancy,
    resolution,
    series,
    smoke,
    timeline,
    unseen,
    workload,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.verdict_material import (
    BOUND_SHARE,
    FAILURE,
    FENCING,
    INTEGRITY,
    LOSS,
    OBJECTIVES,
    READ,
    RPO,
    RPO_BYTES,
    RPO_TRANSACTIONS,
    RTO,
    RTO_READS,
    RTRR,
    WARNING,
    WAY_BACK,
    WRITE,
    Court,
    Inputs,
    Material,
    examine,
)

MET, WITH_FINDINGS, NOT_MET, INCONCLUSIVE = "met", "met with findings", "not met", "inconclusive"
NOT_GUARANTEED = "met, not guaranteed"
#: From harmless to worst.
ORDER: Tuple[str, ...] = (MET, WITH_FINDINGS, INCONCLUSIVE, NOT_MET)
LIMITS: Tuple[str, ...] = (
    "Corruption outside of the drill's own table, stale reads and the application's caches are not seen",
    "Writes of one drill die together: 0 lost of many says nothing about the next drill; the unit is the drill",
    "An outage shorter than the sampling step between two operations is not seen",
    "Intervals are measured on one client's monotonic clock; marks of other hosts carry the bound that is printed with them",
)


class _Measured(NamedTuple):
    """An objective as measured. ``lo``, ``hi`` None: not measured, or not bounded."""

    objective: str
    target: int
    lo: Optional[int]
    hi: Optional[int]
    unit: str
    sure: bool = True


def _milliseconds(nanoseconds: Optional[int]) -> str:
    if nanoseconds is None:
        return "unbounded"
    return "{0}.{1:03d} ms".format(nanoseconds // 1000000, nanoseconds // 1000 % 1000)


def _text(value: Optional[int], unit: str) -> str:
    return _milliseconds(value) if unit == "ns" else "{0} {1}".format("unknown" if value is None else value, unit)


def _weigh(seen: _Measured) -> Tuple[str, List[str]]:
    """The verdict on an interval, and why it is not met or not to be decided."""
    interval = "[{0}, {1}]".format(_text(seen.lo, seen.unit), _text(seen.hi, seen.unit))
    against = "measured {0} against {1}".format(interval, _text(seen.target, seen.unit))
    if seen.lo is not None and seen.lo > seen.target:
        return NOT_MET, [against]
    if seen.lo is None or seen.hi is None or not seen.sure:
        return INCONCLUSIVE, [
            "{0}: {1}".format(against, "its bounds are too wide" if not seen.sure else "nothing bounds it")
        ]
    if seen.hi <= seen.target:
        return MET, []
    if seen.target and seen.hi - seen.lo > seen.target:
        return INCONCLUSIVE, ["{0}: the bounds are wider than the objective".format(against)]
    return NOT_MET, [against]


def _judged(seen: _Measured, court: Court, annotation: str = "") -> Dict[str, Any]:
    verdict, reasons = _weigh(seen)
    doubts = court.doubts.get(seen.objective, [])
    if verdict != NOT_MET and doubts:
        verdict = INCONCLUSIVE
    notes = [note for note in court.notes if note.objective == seen.objective and note.severity in (WARNING, FAILURE)]
    if verdict == MET and notes:
        verdict = WITH_FINDINGS
    return {
        "objective": seen.objective,
        "target": seen.target,
        "measured_lo": seen.lo,
        "measured_hi": seen.hi,
        "unit": seen.unit,
        "verdict": verdict,
        "reasons": reasons + doubts + [note.what for note in notes],
        "annotation": annotation if verdict in (MET, WITH_FINDINGS) else "",
    }


def _worst(found: Sequence[_Measured]) -> _Measured:
    """The measurement with the worst verdict; of several the longest."""
    return max(found, key=lambda each: (ORDER.index(_weigh(each)[0]), each.hi is None, each.hi or 0, each.lo or 0))


def _weighed_outage(objective: str, target: int, kind: str, measured: Sequence[Dict[str, Any]]) -> _Measured:
    """The worst outage of a kind on the judged path; each is weighed by itself."""
    own = [
        _Measured(objective, target, each["lo_ns"], each["hi_ns"], "ns")
        for each in measured
        if each["judged"] and each["kind"] == kind
    ]
    return _worst(own) if own else _Measured(objective, target, None, None, "ns")


def _restored(target: int, found: Sequence[Dict[str, Any]]) -> _Measured:
    """Redundancy: the worst of all legs, with its bound; unresolved if the bound is more than a tenth of the objective."""
    if not found or any(each["ns"] is None for each in found):
        return _Measured(RTRR, target, None, None, "ns")
    sure = all(each["bound_ns"] * BOUND_SHARE <= target for each in found)
    lo = max(max(0, each["ns"] - each["bound_ns"]) for each in found)
    return _Measured(RTRR, target, lo, max(each["ns"] + each["bound_ns"] for each in found), "ns", sure)


def _integrity(lost: Losses, tested: Sequence[Dict[str, Any]], court: Court) -> _Measured:
    """Holes, aliens, duplicates, damaged rows, reads that disagree, and an application that does not work."""
    counts = lost.counts
    if not counts:
        return _Measured(INTEGRITY, 0, None, None, "rows")
    wrong = ["holes", "duplicate", "damaged"]
    if not court.intents_incomplete:
        wrong.append("alien")
    elif counts.get("alien"):
        court.doubt((INTEGRITY,), "{0} rows may belong to intents that were lost with a ledger".format(counts["alien"]))
    for name in wrong:
        if counts.get(name):
            court.note(FAILURE, INTEGRITY, "{0}: {1}".format(name, counts[name]), 0, "raw/rows")
    bad = sum(counts.get(name, 0) for name in wrong) + len(lost.disagreements)
    failed = [each for each in tested if each["result"] != "passed"]
    for each in failed:
        what = "leg {0}: the application's own test failed: {1}, {2}".format(each["leg"], each["name"], each["said"])
        court.note(FAILURE, INTEGRITY, what, 0, each["source"])
    return _Measured(INTEGRITY, 0, bad + len(failed), bad + len(failed), "defects" if failed else "rows")


def residue_of(inputs: Inputs) -> Optional[List[Dict[str, Any]]]:
    """What the drill left behind, on members and on hosts that are none; None where nothing was seen and not everything was looked at."""
    told = inputs.record.way_back.get("residue")
    found = [dict(each, source="raw/drill.json") for each in told or ()]
    found += [{"host": host.host, "what": what, "source": host.source} for host in inputs.left for what in host.found]
    return None if not found and (told is None or unlooked(inputs)) else found


def unlooked(inputs: Inputs) -> List[str]:
    """What of hosts that are no members is not known, in words."""
    text = "what the drill left on {0} is not known: {1}"
    return [text.format(host.host, why) for host in inputs.left for why in host.why]


def _home(inputs: Inputs, court: Court) -> _Measured:
    """The way back: the layout, differences without an explanation, residue."""
    seen = inputs.record.way_back
    layout = seen.get("original_layout")
    open_ones = [each for each in seen.get("differences") or () if not each.get("explained")]
    residue = residue_of(inputs) or []
    for each in open_ones:
        court.note(
            FAILURE,
            WAY_BACK,
            "{0}: {1} differs from the start without an explanation".format(each.get("member"), each.get("what")),
        )
    for each in residue:
        what = "{0}: the drill left {1} behind".format(each.get("host"), each.get("what"))
        court.note(FAILURE, WAY_BACK, what, 0, each["source"])
    if layout is False:
        court.note(FAILURE, WAY_BACK, "the roles are not those of the start")
    for why in unlooked(inputs):
        court.doubt((WAY_BACK,), why)
    bad = len(open_ones) + len(residue) + (1 if layout is False else 0)
    if layout is None and not bad:
        court.doubt((WAY_BACK,), seen.get("why") or "whether the cluster is as it was is not known")
    return _Measured(WAY_BACK, 0, bad, bad, "differences")


def _luck(material: Material, lost: Losses, court: Court) -> str:
    """Nothing lost although the mode did not promise it."""
    loose = [leg for leg in material.legs if leg.mode.name and not leg.mode.guaranteed]
    # Without a read nobody knows that.
    if not loose or not lost.counts or lost.counts["lost"]:
        return ""
    for leg in loose:
        what = "leg {0}: nothing was lost, but the mode in force, {1}, does not promise it".format(
            leg.name, leg.mode.name
        )
        court.note(WARNING, RPO, what, leg.marks["t0"].wall if "t0" in leg.marks else 0, leg.mode.source)
    return NOT_GUARANTEED


def _loss_objectives(material: Material, lost: Losses, court: Court) -> List[Dict[str, Any]]:
    goals, annotation = material.inputs.objectives, _luck(material, lost, court)
    step = resolution(material)
    target = goals.get("rpo_ns")
    if lost.counts.get("phantom"):
        court.doubt(
            LOSS,
            "{0} writes that are logged as certainly failed survived: the table of outcomes is not valid here".format(
                lost.counts["phantom"]
            ),
        )
    if target and step is not None and step > int(target):
        court.doubt(
            (RPO,), "one write in {0} cannot show a loss of {1}".format(_milliseconds(step), _milliseconds(int(target)))
        )
    count = lost.counts.get("lost")
    found = []
    if target is not None:
        goal = int(target)
        # Where none may be lost, a single lost write decides, however short the time it stands for.
        times = [_Measured(RPO, goal, each["lo_ns"] or int(not goal), each["hi_ns"], "ns") for each in lost.times]
        nothing = 0 if count is not None else None
        found.append(_judged(_worst(times or [_Measured(RPO, goal, nothing, nothing, "ns")]), court, annotation))
    if goals.get("rpo_transactions") is not None:
        found.append(
            _judged(
                _Measured(RPO_TRANSACTIONS, int(goals["rpo_transactions"]), count, count, "transactions"),
                court,
                annotation,
            )
        )
    if goals.get("rpo_bytes") is not None:
        lost_bytes = material.inputs.record.lost_bytes
        found.append(
            _judged(_Measured(RPO_BYTES, int(goals["rpo_bytes"]), lost_bytes, lost_bytes, "bytes"), court, annotation)
        )
    return found


def _objectives(
    material: Material,
    measured: Sequence[Dict[str, Any]],
    lost: Losses,
    guarded: Sequence[Dict[str, Any]],
    court: Court,
) -> List[Dict[str, Any]]:
    goals = material.inputs.objectives
    found = []
    for objective, kind in ((RTO, WRITE), (RTO_READS, READ)):
        if goals.get(objective + "_ns") is not None:
            target = int(goals[objective + "_ns"])
            unseen([each for each in measured if each["kind"] == kind], target, court)
            found.append(_judged(_weighed_outage(objective, target, kind, measured), court))
    found += _loss_objectives(material, lost, court)
    if goals.get("rtrr_ns") is not None:
        found.append(_judged(_restored(int(goals["rtrr_ns"]), redundancy(material)), court))
    accepted = sum(each["accepted_after_fence"] for each in guarded)
    known = accepted if guarded else None
    found.append(_judged(_Measured(FENCING, 0, known, known, "writes"), court))
    found.append(_judged(_integrity(lost, smoke(material), court), court))
    found.append(_judged(_home(material.inputs, court), court))
    return sorted(found, key=lambda each: OBJECTIVES.index(each["objective"]))


def _findings(material: Material, court: Court) -> List[Dict[str, Any]]:
    """The tool's findings, then those that people declared; people fill in cause, action, owner and the rest later."""
    empty = dict.fromkeys(("cause", "action", "owner", "due", "ticket", "retest"), "")
    notes = [
        dict(
            empty,
            severity=note.severity,
            objective=note.objective,
            what=note.what,
            when_wall_ns=note.when,
            raised_by="tool",
            source=note.source,
            state="open",
        )
        for note in court.notes
    ]
    told = [
        dict(
            empty,
            **{
                "severity": "info",
                "objective": "",
                "when_wall_ns": 0,
                "source": "raw/drill.json",
                "state": "open",
                **dict(each),
                "raised_by": "person",
            },
        )
        for each in material.inputs.record.findings
    ]
    return [dict(each, id="F{0}".format(number)) for number, each in enumerate(notes + told, 1)]


def _statement(lost: Losses, step: Optional[int]) -> str:
    counts = lost.counts
    if not counts:
        return "nothing was read, so nothing is known of a loss"
    return "{0} lost of {1} acked; resolution 1/rate = {2}".format(
        counts["lost"], counts["acked"], _milliseconds(step) if step else "unknown"
    )


def _overall(objectives: Sequence[Dict[str, Any]], court: Court) -> str:
    worst = max((each["verdict"] for each in objectives), key=ORDER.index) if objectives else INCONCLUSIVE
    if worst == MET and any(note.severity in (WARNING, FAILURE) for note in court.notes):
        return WITH_FINDINGS
    return worst


def _maybe(value: Any, why: str, source: str) -> Dict[str, Any]:
    return unknown(why) if value is None else observed(value, source)


def _group_k(material: Material, measured: List[Dict[str, Any]]) -> Dict[str, Any]:
    return {
        "outages": observed(measured, "raw/ledgers"),
        "parts": observed(parts(material, measured), "raw/drill.json"),
        "human_ns": observed(material.inputs.record.human_ns, "raw/drill.json"),
        "redundancy": observed(redundancy(material), "raw/drill.json"),
        "series": observed(series(material, measured), "raw/ledgers"),
    }


def _group_l(material: Material, lost: Losses) -> Dict[str, Any]:
    step, record = resolution(material), material.inputs.record
    nothing = "no member was read"
    return {
        "counts": _maybe(lost.counts or None, nothing, "raw/rows"),
        "reads": observed(lost.reads, "raw/rows"),
        "agree": _maybe(not lost.disagreements if len(lost.reads) > 1 else None, "fewer than two reads", "raw/rows"),
        "disagreements": observed(lost.disagreements, "raw/rows"),
        "lost_time": observed(lost.times, "raw/ledgers"),
        "lost_lo_ns": _maybe(lost.lo if lost.reads else None, nothing, "raw/ledgers"),
        "lost_hi_ns": _maybe(
            lost.hi if lost.reads else None, "nothing bounds it" if lost.reads else nothing, "raw/ledgers"
        ),
        "lost_bytes": _maybe(
            record.lost_bytes, "positions of this engine count no bytes, or were not read", "raw/drill.json"
        ),
        "resolution_ns": _maybe(step, "no write was acknowledged before t0", "raw/ledgers"),
        "statement": observed(_statement(lost, step), "raw/ledgers"),
        "ids": observed(lost.ids, "raw/rows"),
        "positions": observed(lost.positions, "raw/drill.json"),
        "mode_in_force": observed(
            [{"leg": leg.name, "mode": leg.mode.name, "guaranteed": leg.mode.guaranteed} for leg in material.legs],
            "raw/drill.json",
        ),
        "predicted": observed(lost.predicted, "raw/drill.json"),
    }


def judge(inputs: Inputs) -> Dict[str, Dict[str, Any]]:
    """Judge a drill.

    :returns: fields of the groups I, J, K, L, N, Q and R as docs/evidence.md describes them, those that ``verify.py`` computes again.
    """
    material, court = Material(inputs), Court()
    examine(material, court)
    measured = outages(material, court)
    lost = losses(material, court)
    guarded = guards(material, court)
    objectives = _objectives(material, measured, lost, guarded, court)
    overall = _overall(objectives, court)
    reasons: List[str] = []
    for each in objectives:
        reasons += [reason for reason in each["reasons"] if reason not in reasons]
    lucky = any(each["annotation"] for each in objectives) and overall in (MET, WITH_FINDINGS)
    load = workload(material)
    return {
        "I": {
            name: _maybe(
                value,
                "no write was acknowledged before t0, or the policy declares no rate of production",
                "raw/ledgers",
            )
            for name, value in load.items()
        },
        "J": {"events": observed(timeline(material, measured), "raw/drill.json")},
        "K": _group_k(material, measured),
        "L": _group_l(material, lost),
        "M": {
            "digests": _maybe(digests(material) or None, "no member was read", "raw/rows"),
            "smoke_test": _maybe(smoke(material) or None, "the application has no test", "raw/drill.json"),
        },
        "N": {
            "guard": observed(guarded, "raw/ledgers"),
            "accepted_after_fence": _maybe(
                sum(each["accepted_after_fence"] for each in guarded) if guarded else None,
                "no guard was at work",
                "raw/ledgers",
            ),
        },
        "Q": {"findings": {"value": _findings(material, court), "kind": "declared", "source": "raw/drill.json"}},
        "R": {
            "overall": observed(overall, "raw/ledgers"),
            "annotation": observed(NOT_GUARANTEED if lucky else "", "raw/drill.json"),
            "objectives": observed(objectives, "raw/ledgers"),
            "reasons": observed(
                reasons + [note.what for note in court.notes if note.what not in reasons], "raw/ledgers"
            ),
            "limits": observed(list(LIMITS), "verify.py"),
        },
    }
