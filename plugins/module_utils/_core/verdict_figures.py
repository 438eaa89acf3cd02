# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The figures of a drill: outages for group K, losses for group L, digests for group M, guards for group N, the workload for group I, the timeline for group J.

Each function takes the material and the court, returns plain data as docs/evidence.md describes it, and says to the court what speaks against a verdict.
Public: :func:`outages`, :func:`parts`, :func:`redundancy`, :func:`series`, :func:`losses`, :class:`Losses`, :func:`digests`, :func:`smoke`, :func:`guards`,
:func:`workload`, :func:`timeline`.
"""

import hashlib
import json
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_record import (
    FAILOVER,
    RIDE,
    Leg,
    Prediction,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence import MARKS, PARTS
from ansible_collections.firedrill.standby.plugins.module_utils._core.ledger import (
    ACKED,
    FAILED,
    TABLE,
    UNKNOWN,
    Operation,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.loss import (
    LostTime,
    Tally,
    lost_time,
    rows_apart,
    tally,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.outage import (
    SECOND,
    Gap,
    baseline,
    blind,
    database_path,
    gaps,
    longest_stream,
    silences,
    steady,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.verdict_material import (
    APPLICATION,
    BOUND_SHARE,
    DATABASE,
    FAILURE,
    FENCING,
    GUARD,
    INFO,
    LOSS,
    READ,
    RPO,
    RTO,
    RTO_READS,
    WARNING,
    WRITE,
    Court,
    Material,
    achieved_rate,
    share_ppm,
)

#: The baseline is taken from so long before t0; probes must be there from so long before an outage until so long after it.
BEFORE, AROUND = 60 * SECOND, 5 * SECOND
#: A probe whose schedule was not kept for so many intervals was down; no less than :data:`QUIET`.
INTERVALS, QUIET = 3, 300000000
#: The same for a guard.
GUARD_INTERVALS, GUARD_QUIET = 20, SECOND
#: Points of a series, and of a sample of ids, at most.
POINTS, SAMPLE = 600, 20
#: Sets whose members are named.
NAMED: Tuple[str, ...] = ("lost", "phantom", "alien", "duplicate", "damaged", "holes")


def _shown(operation: Optional[Operation]) -> Optional[Dict[str, Any]]:
    if operation is None:
        return None
    return {"stream": operation.stream, "seq": operation.seq, "sent_ns": operation.sent, "ended_ns": operation.ended}


def _gap(gap: Gap) -> Dict[str, Any]:
    return {
        "lo_ns": gap.lo,
        "hi_ns": gap.hi,
        "failed": gap.failed,
        "begin_mono_ns": gap.begin,
        "end_mono_ns": gap.end,
        "last_ok": _shown(gap.last_ok),
        "first_failed": _shown(gap.first_failed),
        "last_failed": _shown(gap.last_failed),
        "first_ok": _shown(gap.first_ok),
    }


# ---------------------------------------------------------------------------------------------- K


class _Path(NamedTuple):
    """The operations of one client, kind and path, with their gaps."""

    client: str
    kind: str
    path: str
    operations: List[Operation]
    gaps: List[Gap]


def _paths(material: Material) -> List[_Path]:
    found = []
    for client in material.clients:
        for kind in (WRITE, READ):
            for path in (APPLICATION, DATABASE):
                operations = material.of(client, kind, path)
                if path == DATABASE:
                    operations = database_path(operations)
                if operations:
                    found.append(_Path(client, kind, path, operations, gaps(operations)))
    return found


def _inside(gap: Gap, window: Tuple[int, int]) -> bool:
    """Whether a gap belongs to a leg: it ended after t0 and began before the next t0."""
    return (gap.end is None or gap.end > window[0]) and (gap.begin is None or gap.begin < window[1])


def _no_failure(path: _Path, window: Tuple[int, int], leg: Leg) -> Optional[int]:
    """What an outage could have been although nothing failed: the longest that the sampling cannot see around the role change."""
    settled = leg.marks.get("t9")
    end = min(window[1], settled.at.get(path.client, window[1])) if settled else window[1]
    return blind([each for each in path.operations if window[0] - AROUND <= each.sent <= end])


def _probe_was_there(
    material: Material, path: _Path, leg: Leg, window: Tuple[int, int], found: Sequence[Gap], court: Court
) -> None:
    """The probes must have been at work around the outage, or its figure means nothing."""
    objective = RTO if path.kind == WRITE else RTO_READS
    ends = [gap.end for gap in found if gap.end is not None]
    begins = [gap.begin for gap in found if gap.begin is not None]
    begin = min([window[0]] + begins) - AROUND
    end = min(max([window[0]] + ends) + AROUND, window[1])
    limit = max(QUIET, INTERVALS * material.interval(path.client, path.kind, path.path))
    asked = [each for each in material.of(path.client, path.kind, path.path) if each.sent <= end]
    for first, last in silences(asked, max(begin, min(each.sent for each in path.operations)), end, limit):
        court.doubt(
            (objective,),
            "no {0} of {1} was under way for {2} ms around the outage of leg {3}: the probe was down".format(
                path.kind, path.client, (last - first) // 1000000, leg.name
            ),
        )
    if min(each.sent for each in path.operations) > window[0]:
        court.doubt(
            (objective,),
            "the {0}s of {1} began after t0 of leg {2}: there is no baseline".format(path.kind, path.client, leg.name),
        )


def _flapping(path: _Path, leg: Leg, found: Sequence[Gap], material: Material, court: Court) -> None:
    objective = RTO if path.kind == WRITE else RTO_READS
    if len(found) > 1:
        when = material.wall(path.client, found[1].begin or 0)
        what = "{0} gaps of {1}s on the path {2} in leg {3}: the service flapped".format(
            len(found), path.kind, path.path, leg.name
        )
        court.note(WARNING, objective, what, when, "raw/ledgers")
    for gap in found:
        if gap.stall:
            what = "{0}s in leg {1} were late without failing, for up to {2} ms".format(
                path.kind, leg.name, (gap.hi or 0) // 1000000
            )
            court.note(WARNING, objective, what, material.wall(path.client, gap.begin or 0), "raw/ledgers")


def _outage(material: Material, number: int, path: _Path, court: Court) -> Optional[Dict[str, Any]]:
    leg, window = material.legs[number], material.window(number, path.client)
    if window is None:
        return None
    found = [gap for gap in path.gaps if _inside(gap, window)]
    judged = path.path == material.judged_path(path.kind)
    if judged:
        _probe_was_there(material, path, leg, window, found, court)
        _flapping(path, leg, found, material, court)
    ends, begins = [gap.end for gap in found], [gap.begin for gap in found]
    his = [gap.hi for gap in found]
    hi: Optional[int] = sum(each or 0 for each in his) if None not in his else None
    if not found:
        hi = _no_failure(path, window, leg)
    first, last = begins[0] if found else None, ends[-1] if found else None
    usual = baseline(path.operations, max(window[0] - BEFORE, min(each.sent for each in path.operations)), window[0])
    t7 = ends[0] if found else None
    hold = int(material.inputs.objectives.get("steady_ns") or 60 * SECOND)
    t8 = steady(path.operations, usual, t7, window[1], found, hold) if usual is not None and t7 is not None else None
    return {
        "leg": leg.name,
        "client": path.client,
        "path": path.path,
        "kind": path.kind,
        "judged": judged,
        "lo_ns": sum(gap.lo for gap in found),
        "hi_ns": hi,
        "span_ns": last - first if first is not None and last is not None else None,
        "gaps": [_gap(gap) for gap in found],
        "longest_stream_ns": longest_stream(path.operations, window[0], last if last is not None else window[1])
        if found
        else None,
        "t7_mono_ns": t7,
        "t8_mono_ns": t8,
        "brown_out_ns": t8 - t7 if t8 is not None and t7 is not None else None,
    }


def outages(material: Material, court: Court) -> List[Dict[str, Any]]:
    """Every outage: one record for each leg, client, path and kind."""
    found = []
    paths = _paths(material)
    for path in paths:
        first = material.window(0, path.client) if material.legs else None
        early = [gap for gap in path.gaps if first is not None and gap.end is not None and gap.end <= first[0]]
        if path.path == DATABASE:
            # A standby, which refuses, may be asked before the primary answers for the first time.
            early = [gap for gap in early if gap.last_ok is not None]
        if early:
            what = "{0}s on the path {1} failed {2} times before the drill began".format(
                path.kind, path.path, len(early)
            )
            court.note(WARNING, "", what, material.wall(path.client, early[0].begin or 0), "raw/ledgers")
    for number in range(len(material.legs)):
        for path in paths:
            outage = _outage(material, number, path, court)
            if outage is not None:
                found.append(outage)
    for objective, kind in ((RTO, WRITE), (RTO_READS, READ)):
        for leg in material.legs:
            if not any(each["judged"] and each["kind"] == kind and each["leg"] == leg.name for each in found):
                court.doubt((objective,), "there are no {0}s of leg {1} to measure an outage by".format(kind, leg.name))
    return found


def _between(material: Material, leg: Leg, first: str, last: str) -> Tuple[Optional[int], int, str]:
    """From one mark to another on one client's clock: length, bound, and why there is none."""
    begin, end = leg.marks.get(first), leg.marks.get(last)
    missing = [name for name, mark in ((first, begin), (last, end)) if mark is None]
    if begin is None or end is None:
        return None, 0, "{0} was not seen".format(" and ".join(missing))
    for client in material.clients:
        if client in begin.at and client in end.at:
            return end.at[client] - begin.at[client], begin.bound + end.bound, ""
    return None, 0, "{0} and {1} are not on one client's clock".format(first, last)


def parts(material: Material, measured: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """What the outage is made of; t7 and t8 are the clients' own."""
    found = []
    objective = int(material.inputs.objectives.get("rto_ns") or 0)
    for leg in material.legs:
        for name, first, last in PARTS:
            length, bound, why = _between(material, leg, first, last)
            if last == "t8":
                t8, t6 = _own(measured, leg, "t8_mono_ns"), leg.marks.get("t6")
                if t8 is not None and t6 is not None and t8[0] in t6.at:
                    length, bound, why = t8[1] - t6.at[t8[0]], t6.bound, ""
            resolved = length is not None and bound * BOUND_SHARE <= objective
            found.append(
                {"leg": leg.name, "part": name, "ns": length, "bound_ns": bound, "resolved": resolved, "why": why}
            )
    return found


def _own(measured: Sequence[Dict[str, Any]], leg: Leg, key: str) -> Optional[Tuple[str, int]]:
    """t7 or t8 of a leg: the latest on the judged path of writes."""
    found = [
        (each["client"], each[key])
        for each in measured
        if each["judged"] and each["kind"] == WRITE and each["leg"] == leg.name and each[key] is not None
    ]
    return max(found, key=lambda pair: (pair[1], pair[0])) if found else None


def redundancy(material: Material) -> List[Dict[str, Any]]:
    """Time until redundancy was restored, from t0 to t9; ``ns`` None where t9 was not seen."""
    found = []
    for leg in material.legs:
        length, bound, why = _between(material, leg, "t0", "t9")
        found.append({"leg": leg.name, "ns": length, "bound_ns": bound, "why": why})
    return found


def timeline(material: Material, measured: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """The marks t0 to t11 of each leg; t7 and t8 come from the ledgers."""
    found = []
    objective = int(material.inputs.objectives.get("rto_ns") or 0)
    for leg in material.legs:
        for name, title in MARKS:
            record: Dict[str, Any] = {
                "leg": leg.name,
                "mark": name,
                "title": title,
                "client": "",
                "mono_ns": None,
                "wall_ns": None,
            }
            record.update(bound_ns=None, host="", source="", resolved=False, why="it was not seen")
            mark = leg.marks.get(name)
            own = _own(measured, leg, name + "_mono_ns") if name in ("t7", "t8") else None
            if own is not None:
                record.update(client=own[0], host=own[0], mono_ns=own[1], wall_ns=material.wall(own[0], own[1]))
                record.update(bound_ns=0, source="raw/ledgers", resolved=True, why="")
            elif mark is not None:
                client = next((each for each in material.clients if each in mark.at), "")
                record.update(
                    client=client, host=mark.host, mono_ns=mark.at.get(client), wall_ns=mark.wall, source=mark.source
                )
                record.update(bound_ns=mark.bound, resolved=mark.bound * BOUND_SHARE <= objective, why="")
            found.append(record)
    return found


def series(material: Material, measured: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Operations by the time they were sent, for drawing: from before t0 until after the last gap."""
    found = []
    for each in measured:
        number = next(place for place, leg in enumerate(material.legs) if leg.name == each["leg"])
        window = material.window(number, each["client"])
        t0 = material.at(material.legs[number], "t0", each["client"])
        if window is None or t0 is None:
            continue
        ends = [gap["end_mono_ns"] for gap in each["gaps"] if gap["end_mono_ns"] is not None]
        begin, end = t0 - AROUND, min(max([t0] + ends) + 2 * AROUND, window[1])
        step = max(SECOND // 10, -(-(end - begin) // POINTS))
        points = max(1, -(-(end - begin) // step))
        counts = {outcome: [0] * points for outcome in (ACKED, FAILED, UNKNOWN)}
        for operation in material.of(each["client"], each["kind"], each["path"]):
            if begin <= operation.sent < begin + points * step:
                counts[operation.outcome][(operation.sent - begin) // step] += 1
        found.append(
            {
                **{key: each[key] for key in ("leg", "client", "path", "kind")},
                "from_mono_ns": begin,
                "t0_mono_ns": t0,
                "step_ns": step,
                "ok": counts[ACKED],
                "failed": counts[FAILED],
                "unknown": counts[UNKNOWN],
            }
        )
    return found


# ---------------------------------------------------------------------------------------------- L


class Losses(NamedTuple):
    """Group L as data, and what the verdict needs of it: the worst counts and lost times."""

    reads: List[Dict[str, Any]]
    counts: Dict[str, int]
    disagreements: List[Dict[str, Any]]
    times: List[Dict[str, Any]]
    ids: Dict[str, Any]
    positions: List[Dict[str, Any]]
    predicted: List[Dict[str, Any]]
    lo: int
    hi: Optional[int]


def _ids(found: Sequence[str]) -> Dict[str, Any]:
    text = "".join(each + "\n" for each in sorted(found))
    return {
        "count": len(found),
        "sha256": hashlib.sha256(text.encode("utf-8")).hexdigest(),
        "sample": sorted(found)[:SAMPLE],
    }


def _read_name(leg: Leg, read: str, member: str) -> str:
    return "read ({0}) of {1} in leg {2}".format(read, member, leg.name)


def losses(material: Material, court: Court) -> Losses:
    """Compare the ledger with every read of every member, and the reads with each other."""
    intents = material.intents()
    reads: List[Dict[str, Any]] = []
    times: List[Dict[str, Any]] = []
    apart: List[Dict[str, Any]] = []
    all_ids: Dict[str, Set[str]] = {key: set() for key in NAMED}
    worst: Dict[str, int] = {}
    reference: Optional[Tuple[str, Tally]] = None
    by_leg: Dict[str, int] = {}
    for leg in material.legs:
        # What an earlier leg lost is missing in every read that follows.
        before = frozenset(all_ids["lost"])
        for each in leg.reads:
            rows = material.inputs.rows.get(each.file)
            if rows is None:
                continue
            found = tally(intents, rows.survivors, each.at)
            counts = found.counts()
            reads.append(
                {
                    "leg": leg.name,
                    "read": each.read,
                    "member": each.member,
                    "rows": len(rows.survivors),
                    "counts": counts,
                    "source": each.file,
                }
            )
            worst = {key: max(value, worst.get(key, 0)) for key, value in counts.items()}
            for key, known in all_ids.items():
                known.update(getattr(found, key))
            by_leg[leg.name] = max(by_leg.get(leg.name, 0), len(found.lost - before))
            times += [_time(leg, each.read, each.member, one) for one in lost_time(intents, found)]
            name = _read_name(leg, each.read, each.member)
            if reference is None:
                reference = (name, found)
            missing, more = rows_apart(reference[1], found)
            if missing or more:
                apart.append(
                    {
                        "leg": leg.name,
                        "read": each.read,
                        "member": each.member,
                        "missing": len(missing),
                        "more": len(more),
                    }
                )
                what = "{0} disagrees with {1}: {2} rows missing, {3} more".format(
                    name, reference[0], len(missing), len(more)
                )
                court.note(FAILURE, "integrity", what, 0, each.file)
    if material.legs and not reads:
        court.doubt(LOSS, "no member was ever read, so what survived is not known")
    positions = [_position(leg, by_leg.get(leg.name), court) for leg in material.legs]
    ids = {key: _ids(sorted(known)) for key, known in all_ids.items()}
    return Losses(
        reads, worst, apart, times, ids, positions, _all_predicted(material, by_leg, times, court), *_longest(times)
    )


def _all_predicted(
    material: Material, by_leg: Mapping[str, int], times: Sequence[Dict[str, Any]], court: Court
) -> List[Dict[str, Any]]:
    """What the failovers of the drill said, each against its leg."""
    told = [(leg, leg.predicted) for leg in material.legs]
    return [
        _predicted(leg, said, by_leg.get(leg.name), _surely(times, leg), court)
        for leg, said in told
        if said is not None
    ]


def _longest(times: Sequence[Dict[str, Any]]) -> Tuple[int, Optional[int]]:
    """The worst lower and upper end; 0 where nothing was lost, None where nothing bounds it."""
    his = [one["hi_ns"] for one in times]
    return max([one["lo_ns"] for one in times] + [0]), None if None in his else max(his + [0])


def _time(leg: Leg, read: str, member: str, one: LostTime) -> Dict[str, Any]:
    return {"leg": leg.name, "read": read, "member": member, "client": one.client, "lo_ns": one.lo, "hi_ns": one.hi}


def _position(leg: Leg, lost: Optional[int], court: Court) -> Dict[str, Any]:
    """The cross-check: where writes were lost there must be log that the new primary never had, and after a change as planned only then."""
    seen = leg.positions
    agrees: Optional[bool] = None
    why = seen.why
    if seen.old_last is not None and seen.new_open is not None and lost is not None:
        beyond = seen.new_open < seen.old_last
        # An old primary that was lost may well have log of its own that no client was told of; one that handed over may not.
        agrees = beyond or not lost if leg.kind == FAILOVER else beyond == (lost > 0)
        told = "{0} of {1} at the end of {2}, {3} when {4} opened; lost by the ledger: {5}".format(
            seen.unit, seen.old_last, leg.old, seen.new_open, leg.new, lost
        )
        if not agrees:
            why = told
            court.note(WARNING, RPO, "leg {0}: log positions and ledger disagree: {1}".format(leg.name, why))
        elif beyond and not lost:
            why = told
    elif not why:
        why = "not both positions are known"
    return {
        "leg": leg.name,
        "old_last": seen.old_last,
        "new_open": seen.new_open,
        "unit": seen.unit,
        "agrees": agrees,
        "why": why,
    }


def _surely(times: Sequence[Dict[str, Any]], leg: Leg) -> int:
    """The longest lower end of what clients lost in a leg, in nanoseconds."""
    return max([int(one["lo_ns"]) for one in times if one["leg"] == leg.name] + [0])


def _predicted(leg: Leg, said: Prediction, lost: Optional[int], surely_ns: int, court: Court) -> Dict[str, Any]:
    """What a failover said would be lost, against the ledger: who was told that nothing is lost must not have lost anything, and nobody more seconds
    than it said. The seconds rest on the clocks of two hosts, so they alone fail nobody."""
    covered = None if lost is None else not (lost and said.none)
    if covered and lost and said.at_most is not None and surely_ns > said.at_most * 10**9:
        covered = False
        what = "leg {0}: at least {1} s were lost, and the failover had said at most {2} s".format(
            leg.name, round(surely_ns / 1e9, 3), said.at_most
        )
        court.note(WARNING, RPO, what, 0, leg.marks["t4"].source if "t4" in leg.marks else "raw/journals")
        return dict(said._asdict(), leg=leg.name, lost=lost, covered=covered)
    if covered is False:
        what = "leg {0}: {1} acknowledged writes were lost, and the failover had said that none would be".format(
            leg.name, lost
        )
        court.note(FAILURE, RPO, what, 0, leg.marks["t4"].source if "t4" in leg.marks else "raw/journals")
    return dict(said._asdict(), leg=leg.name, lost=lost, covered=covered)


def smoke(material: Material) -> List[Dict[str, Any]]:
    """Group M: what the application's own test said of each primary."""
    return [
        {
            "leg": leg.name,
            "name": leg.smoke.name,
            "result": "passed" if leg.smoke.passed else "failed",
            "said": leg.smoke.said,
            "source": "raw/observations/smoke-{0}.txt".format(leg.name),
        }
        for leg in material.legs
        if leg.smoke is not None
    ]


def digests(material: Material) -> List[Dict[str, Any]]:
    """Group M: the rows of the drill's table as each member showed them, side by side for each read.

    :returns: for each leg and read ``values``, the SHA-256 of the sorted rows by member, and ``equal``, None where only one member was read.
    """
    found: List[Dict[str, Any]] = []
    for leg in material.legs:
        for read in sorted({each.read for each in leg.reads}):
            values = {}
            for each in leg.reads:
                rows = material.inputs.rows.get(each.file)
                if each.read == read and rows is not None:
                    text = "".join(json.dumps(list(row), sort_keys=True) + "\n" for row in sorted(rows.survivors))
                    values[each.member] = hashlib.sha256(text.encode("ascii")).hexdigest()
            if values:
                equal = len(set(values.values())) == 1 if len(values) > 1 else None
                found.append({"table": TABLE, "leg": leg.name, "read": read, "values": values, "equal": equal})
    return found


# ---------------------------------------------------------------------------------------------- N, I


def _fenced_until(material: Material, number: int, client: str) -> Optional[int]:
    """When the old primary of a leg was rightly opened again: t4 of a later leg that makes it primary."""
    old = material.legs[number].old
    for leg in material.legs[number + 1 :]:
        if leg.new == old and "t4" in leg.marks:
            instant = leg.marks["t4"].at.get(client)
            return None if instant is None else instant - leg.marks["t4"].bound
    return None


def _let_in(own: Sequence[Operation], old: str, t0: int, fenced: int) -> bool:
    """Whether a guard that asked after the fence had written to the member before t0. What is refused from the start on shows a wrong port or
    password, not a fence."""
    proven = {
        each.stream
        for each in own
        if each.outcome == ACKED and each.node in ("", old) and each.ended is not None and each.ended <= t0
    }
    return any(each.stream in proven and each.sent > fenced for each in own)


def _at_work(
    material: Material, leg: Leg, client: str, own: Sequence[Operation], span: Tuple[int, int], court: Court
) -> None:
    """A guard proves a fence when it could write before the fault, and asked all the time. :arg span: from the fence to the last that was asked."""
    fenced, last = span
    t0 = material.at(leg, "t0", client)
    # In a ride the guarded member is a standby all along, and its refusals are what is proved.
    if leg.kind != RIDE and t0 is not None and not _let_in(own, leg.old, t0, fenced):
        what = "the guard of {0} on {1} was never let in before t0 of leg {2}, so its refusals do not show a fence"
        court.doubt((FENCING,), what.format(leg.old, client, leg.name))
    limit = max(GUARD_QUIET, GUARD_INTERVALS * material.interval(client, GUARD, "direct:" + leg.old))
    quiet = silences([each for each in own if each.sent <= last], fenced, last, limit)
    if quiet:
        what = "the guard of {0} was silent for {1} ms in leg {2}".format(
            leg.old, max(end - begin for begin, end in quiet) // 1000000, leg.name
        )
        court.doubt((FENCING,), what)


def _guard(material: Material, number: int, client: str, court: Court) -> Optional[Dict[str, Any]]:
    leg = material.legs[number]
    mark = leg.marks.get("t3")
    fenced = mark.at.get(client) if mark is not None else None
    own = [each for each in material.of(client, GUARD) if each.path == "direct:" + leg.old]
    if mark is None or fenced is None or not own:
        return None
    until = _fenced_until(material, number, client)
    last = max(max(each.sent, each.ended or 0) for each in own) if until is None else until
    writes = [each for each in material.operations[client] if each.kind in (WRITE, GUARD)]
    old = [each for each in writes if each.path == "direct:" + leg.old or each.node == leg.old]
    after = [each for each in old if each.sent > fenced - mark.bound and (until is None or each.sent < until)]
    accepted = [each for each in after if each.outcome == ACKED and each.sent > fenced + mark.bound]
    near = [each for each in after if each.outcome == ACKED and each.sent <= fenced + mark.bound]
    if near:
        what = "leg {0}: {1} writes were accepted by {2} so near to its fence that the bound of t3 cannot tell the order".format(
            leg.name, len(near), leg.old
        )
        court.note(WARNING, FENCING, what, mark.wall, "raw/ledgers")
    if accepted:
        what = "leg {0}: {1} writes were accepted by {2} after it was fenced".format(leg.name, len(accepted), leg.old)
        court.note(FAILURE, FENCING, what, material.wall(client, accepted[0].sent), "raw/ledgers")
    _at_work(material, leg, client, own, (fenced, last), court)
    inside = [each for each in own if until is None or each.sent < until]
    interval = material.interval(client, GUARD, "direct:" + leg.old)
    return {
        "leg": leg.name,
        "client": client,
        "member": leg.old,
        "operations": len(inside),
        "accepted_after_fence": len(accepted),
        "refused": sum(1 for each in inside if each.outcome == FAILED),
        "first_mono_ns": inside[0].sent if inside else None,
        "last_mono_ns": inside[-1].sent if inside else None,
        "step_ns": interval,
        "ids": sorted(each.uuid for each in accepted)[:SAMPLE],
    }


def guards(material: Material, court: Court) -> List[Dict[str, Any]]:
    """The writes that went straight to the old primary of each leg."""
    found = []
    for number, leg in enumerate(material.legs):
        own = [_guard(material, number, client, court) for client in material.clients]
        found += [each for each in own if each is not None]
        if "t3" not in leg.marks:
            court.doubt(
                (FENCING,), "when the fence of {0} was confirmed in leg {1} is not known".format(leg.old, leg.name)
            )
        elif not any(each is not None and each["operations"] for each in own):
            court.doubt((FENCING,), "no guard asked {0} in leg {1}".format(leg.old, leg.name))
    return found


def workload(material: Material) -> Dict[str, Any]:
    """Group I, as far as ledgers tell it."""
    count, span = achieved_rate(material)
    ledgers = material.inputs.ledgers
    clients = []
    for client in material.clients:
        heads = [ledger.header for ledger in ledgers.values() if str(ledger.header.get("client", "")) == client]
        clients.append(
            {
                "client": client,
                "boot_id": str(heads[0].get("boot_id", "")),
                "clock": str(heads[0].get("clock", "")),
                "clock_sync": heads[0].get("clock_sync"),
                "streams": len(heads),
                "operations": len(material.operations[client]),
                "anchors": len(material.anchors[client]),
            }
        )
    writers = [ledger.header for ledger in ledgers.values() if ledger.header.get("kind") == WRITE]
    kinds = [str(ledger.header.get("kind", "")) for ledger in ledgers.values()]
    judged = material.judged_path(WRITE)
    before = [
        each
        for client in material.clients
        for each in material.of(client, WRITE, judged)
        if material.legs and each.sent < (material.at(material.legs[0], "t0", client) or 0)
    ]
    return {
        "clients": clients,
        "streams": {kind: kinds.count(kind) for kind in (WRITE, READ, GUARD)},
        "paths": sorted({each.path for client in material.clients for each in material.operations[client]}),
        "target_rate_milli": sum(10**12 // int(head["interval_ns"]) for head in writers if head.get("interval_ns")),
        "achieved_rate_milli": count * 10**12 // span if span else 0,
        "sampling_step_ns": span // len(before) if before and span else None,
        "share_ppm": share_ppm(material),
    }


def resolution(material: Material) -> Optional[int]:
    """1 / achieved rate in nanoseconds; None without load."""
    count, span = achieved_rate(material)
    return span // count if count and span else None


def unseen(found: Sequence[Dict[str, Any]], target: int, court: Court) -> None:
    """A single client may have been without service for longer than the service was away: said, where that matters."""
    for each in found:
        longest = each["longest_stream_ns"]
        if each["judged"] and longest is not None and longest > target and (each["hi_ns"] or 0) <= target:
            what = "one stream of {0} on {1} got no answer for {2} ms in leg {3}, longer than the objective; others did".format(
                each["client"], each["path"], longest // 1000000, each["leg"]
            )
            court.note(
                WARNING if each["kind"] == WRITE else INFO,
                RTO if each["kind"] == WRITE else RTO_READS,
                what,
                0,
                "raw/ledgers",
            )
