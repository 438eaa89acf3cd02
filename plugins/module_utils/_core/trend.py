# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What several drills say together (drills reference, 4.7).

The unit is the drill: writes of one drill die together. n clean drills bound the probability of a loss in the next one by ``1 - 0.05 ** (1 / n)`` with
95 % confidence, about 3/n. The largest of 59 outages bounds the 95th percentile; with fewer there is no percentile, only smallest, median and largest.
Drills of the tests and of production are never mixed, nor are drills of different types.

Public: :func:`entry`, :func:`loss_bound_ppm`, :func:`statistics`, :func:`statements`.
"""

from typing import Any, Dict, List, Mapping, Optional, Sequence

from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence import value_of

#: So many drills let the largest outage bound the 95th percentile: 0.95 ** 59 < 0.05.
ENOUGH = 59
MILLION = 1000000


def entry(document: Mapping[str, Any]) -> Dict[str, Any]:
    """One drill in the trend, from its evidence document."""
    objectives = {each["objective"]: each for each in value_of(document, "R.objectives", [])}
    findings = value_of(document, "Q.findings", [])
    counts = value_of(document, "L.counts", {})
    return {
        "drill_id": value_of(document, "A.drill_id", ""),
        "type": value_of(document, "A.type", ""),
        "environment": value_of(document, "A.environment", ""),
        "started_wall_ns": value_of(document, "A.started_wall_ns", 0),
        "overall": value_of(document, "R.overall", "inconclusive"),
        "rto_hi_ns": (objectives.get("rto") or {}).get("measured_hi"),
        "rto_reads_hi_ns": (objectives.get("rto_reads") or {}).get("measured_hi"),
        "lost": counts.get("lost"),
        "lost_hi_ns": value_of(document, "L.lost_hi_ns"),
        "acked": counts.get("acked"),
        "findings_open": sum(1 for each in findings if each.get("state") != "closed"),
        "findings_closed": sum(1 for each in findings if each.get("state") == "closed"),
    }


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


def _spread(values: Sequence[int]) -> Optional[Dict[str, int]]:
    if not values:
        return None
    ordered = sorted(values)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2
    return {"min": ordered[0], "median": median, "max": ordered[-1]}


def statistics(drills: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """One record for each environment and type of drill.

    A drill is *clean* if it is conclusive and lost nothing. Only if all conclusive ones are clean is there a bound.
    """
    found = []
    for environment, kind in sorted({(str(each["environment"]), str(each["type"])) for each in drills}):
        own = [each for each in drills if (each["environment"], each["type"]) == (environment, kind)]
        conclusive = [each for each in own if each["overall"] != "inconclusive"]
        clean = [each for each in conclusive if each["lost"] == 0]
        times = [int(each["rto_hi_ns"]) for each in conclusive if each["rto_hi_ns"] is not None]
        all_clean = bool(clean) and len(clean) == len(conclusive)
        found.append(
            {
                "environment": environment,
                "type": kind,
                "n": len(own),
                "conclusive": len(conclusive),
                "clean": len(clean),
                "rto_hi_ns": _spread(times),
                "lost_hi_ns": _spread(
                    [int(each["lost_hi_ns"]) for each in conclusive if each["lost_hi_ns"] is not None]
                ),
                "loss_bound_ppm": loss_bound_ppm(len(clean)) if all_clean else None,
                "p95_bounded_by_max": len(times) >= ENOUGH,
            }
        )
    return found


def _percent(ppm: int) -> str:
    # Rounded up: a bound is never said to be better than it is.
    tenths = -(-ppm // 1000)
    return "{0}.{1} %".format(tenths // 10, tenths % 10)


def statements(found: Sequence[Mapping[str, Any]]) -> List[str]:
    """What the drills show and what not, one or two sentences for each environment and type."""
    lines = []
    for each in found:
        of = "{0} in {1}".format(each["type"], each["environment"] or "an undeclared environment")
        bound = each["loss_bound_ppm"]
        if bound is None:
            text = "{0}: {1} drills, {2} conclusive, {3} of them without a loss: no bound for the next one"
            lines.append(text.format(of, each["n"], each["conclusive"], each["clean"]))
        else:
            text = "{0}: {1} clean drills bound the probability of a loss in the next one by {2} with 95 % confidence; 59 are needed for 5 %"
            lines.append(text.format(of, each["clean"], _percent(bound)))
        if each["p95_bounded_by_max"]:
            lines.append("{0}: the longest outage bounds the 95th percentile with 95 % confidence".format(of))
        else:
            lines.append(
                "{0}: too few drills for a percentile; smallest, median and largest are all there is".format(of)
            )
    return lines
