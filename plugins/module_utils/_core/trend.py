# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What several drills say together (drills reference, 4.7).

The unit is the drill: writes of one drill die together. n clean drills bound the probability of a loss in the next one by ``1 - 0.05 ** (1 / n)`` with
95 % confidence, about 3/n. The largest of 59 outages bounds the 95th percentile; with fewer there is no percentile, only smallest, median and largest.
Drills of the tests and of production are never mixed, nor are drills of different types or faults: the control case shows what a drill costs, not a disaster.

A figure without an upper end, or with one that cannot be relied on, counts as larger than any other. Left out, the worst drills would make the rest look
like all of them.

Public: :func:`entry`, :func:`population`, :func:`loss_bound_ppm`, :func:`statistics`, :func:`statements`.
"""

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence import value_of

#: So many drills let the largest outage bound the 95th percentile: 0.95 ** 59 < 0.05.
ENOUGH = 59
MILLION = 1000000
#: What is known of an outage or a loss: its upper end; no upper end to rely on; nothing, since the drill ended before its t0.
MEASURED, UNBOUNDED, NEVER = "measured", "unbounded", "never"
#: The type of drill that does a fault, and the verdict that decides nothing.
DISASTER, UNDECIDED = "failover_fence_reinstate", "inconclusive"


def _standing(judged: Mapping[str, Any], high: Optional[int], begun: bool) -> str:
    """What is known of a figure. :arg judged: its objective in group R. :arg high: its upper end. :arg begun: whether the drill came to its t0."""
    if high is not None and judged.get("verdict", UNDECIDED) != UNDECIDED:
        return MEASURED
    return UNBOUNDED if begun or judged.get("measured_lo") is not None else NEVER


def _fault(document: Mapping[str, Any]) -> str:
    """The fault of a drill, as it was done; as it was planned, where none was. Other types do none, whatever their policy names."""
    kind = value_of(document, "A.type", "")
    for path in ("D.faults_executed", "D.faults_planned") if kind == DISASTER else ("D.faults_executed",):
        names = sorted({str(each.get("fault") or "") for each in value_of(document, path, [])} - {""})
        if names:
            return "+".join(names)
    return "none" if kind == DISASTER else ""


def entry(document: Mapping[str, Any]) -> Dict[str, Any]:
    """One drill in the trend, from its evidence document."""
    objectives = {each["objective"]: each for each in value_of(document, "R.objectives", [])}
    findings = value_of(document, "Q.findings", [])
    counts = value_of(document, "L.counts", {})
    rto, rpo = objectives.get("rto") or {}, objectives.get("rpo") or {}
    begun = value_of(document, "D.start_wall_ns") is not None
    lost_hi = value_of(document, "L.lost_hi_ns") if counts else None
    return {
        "drill_id": value_of(document, "A.drill_id", ""),
        "type": value_of(document, "A.type", ""),
        "fault": _fault(document),
        "environment": value_of(document, "A.environment", ""),
        "started_wall_ns": value_of(document, "A.started_wall_ns", 0),
        "due_date": value_of(document, "B.due_date", ""),
        "overall": value_of(document, "R.overall", UNDECIDED),
        "outage": _standing(rto, rto.get("measured_hi"), begun),
        "rto_hi_ns": rto.get("measured_hi"),
        "rto_reads_hi_ns": (objectives.get("rto_reads") or {}).get("measured_hi"),
        "loss": _standing(rpo, lost_hi, begun),
        "lost": counts.get("lost"),
        "lost_hi_ns": value_of(document, "L.lost_hi_ns"),
        "acked": counts.get("acked"),
        "findings_open": sum(1 for each in findings if each.get("state") != "closed"),
        "findings_closed": sum(1 for each in findings if each.get("state") == "closed"),
    }


def population(drill: Mapping[str, Any]) -> Tuple[str, str, str]:
    """What a drill may be counted together with: its environment, type and fault."""
    return str(drill["environment"]), str(drill["type"]), str(drill.get("fault") or "")


def loss_bound_ppm(clean: int) -> int:
    """The 95 % bound of the probability of a loss after so many clean drills, in millionths, rounded up; computed without fractions.

    It is the smallest p for which so many drills in a row without a loss had a probability of at most 5 %: ``(1 - p) ** n <= 1 / 20``.
    """
    if clean < 1:
        return MILLION
    low, high = 0, MILLION
    while low < high:
        middle = (low + high) // 2
        if (MILLION - middle) ** clean * 20 <= MILLION**clean:
            high = middle
        else:
            low = middle + 1
    return low


def _figures_of(drills: Sequence[Mapping[str, Any]], standing: str, figure: str) -> List[Optional[int]]:
    """The figure of each drill that has one; None: larger than any. An entry that an earlier version made is read at its worst."""
    found: List[Optional[int]] = []
    for each in drills:
        known = each.get(standing) or (UNBOUNDED if each["overall"] == UNDECIDED else MEASURED)
        if known != NEVER:
            value = each[figure]
            found.append(int(value) if known == MEASURED and value is not None else None)
    return found


def _spread(values: Sequence[Optional[int]]) -> Optional[Dict[str, Optional[int]]]:
    """Smallest, median and largest; None where that one is not bounded."""
    if not values:
        return None
    bounded = sorted(each for each in values if each is not None)
    ordered: List[Optional[int]] = [*bounded, *([None] * (len(values) - len(bounded)))]
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    median = None if low is None or high is None else (low + high) // 2
    return {"min": ordered[0], "median": median, "max": ordered[-1]}


def statistics(drills: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """One record for each environment, type and fault.

    A drill is *clean* if it is conclusive and lost nothing. Only if all conclusive ones are clean, and no other is known to have lost anything, is there
    a bound.
    """
    found = []
    for environment, kind, fault in sorted({population(each) for each in drills}):
        own = [each for each in drills if population(each) == (environment, kind, fault)]
        conclusive = [each for each in own if each["overall"] != UNDECIDED]
        clean = [each for each in conclusive if each["lost"] == 0]
        times = _figures_of(own, "outage", "rto_hi_ns")
        unbounded = times.count(None)
        all_clean = bool(clean) and len(clean) == len(conclusive) and not any(each["lost"] for each in own)
        found.append(
            {
                "environment": environment,
                "type": kind,
                "fault": fault,
                "n": len(own),
                "conclusive": len(conclusive),
                "clean": len(clean),
                "outages": len(times),
                "unbounded": unbounded,
                "rto_hi_ns": _spread(times),
                "lost_hi_ns": _spread(_figures_of(own, "loss", "lost_hi_ns")),
                "loss_bound_ppm": loss_bound_ppm(len(clean)) if all_clean else None,
                "p95_bounded_by_max": len(times) >= ENOUGH and not unbounded,
            }
        )
    return found


def _percent(ppm: int) -> str:
    # Rounded up: a bound is never said to be better than it is.
    tenths = -(-ppm // 1000)
    return "{0}.{1} %".format(tenths // 10, tenths % 10)


def _of_losses(of: str, each: Mapping[str, Any]) -> str:
    bound = each["loss_bound_ppm"]
    if bound is None:
        text = "{0}: {1} drills, {2} conclusive, {3} of them without a loss: no bound for the next one"
        return text.format(of, each["n"], each["conclusive"], each["clean"])
    text = "{0}: {1} clean drills bound the probability of a loss in the next one by {2} with 95 % confidence; 59 are needed for 5 %"
    said = text.format(of, each["clean"], _percent(bound))
    undecided = each["n"] - each["conclusive"]
    return said + (
        "; {0} inconclusive are not among them and may have lost something".format(undecided) if undecided else ""
    )


def _of_outages(of: str, each: Mapping[str, Any]) -> str:
    if each["unbounded"]:
        text = "{0}: {1} of {2} outages have no upper end that can be relied on; they count as longer than any, so the largest gives no percentile"
        return text.format(of, each["unbounded"], each["outages"])
    if each["p95_bounded_by_max"]:
        return "{0}: the longest outage bounds the 95th percentile with 95 % confidence".format(of)
    return "{0}: too few drills for a percentile; smallest, median and largest are all there is".format(of)


def statements(found: Sequence[Mapping[str, Any]]) -> List[str]:
    """What the drills show and what not, two sentences for each environment, type and fault."""
    lines = []
    for each in found:
        of = "{0}{1} in {2}".format(
            each["type"],
            " with {0}".format(each["fault"]) if each["fault"] else "",
            each["environment"] or "an undeclared environment",
        )
        lines += [_of_losses(of, each), _of_outages(of, each)]
    return lines
