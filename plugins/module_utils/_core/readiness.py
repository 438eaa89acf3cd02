# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Readiness: could we switch over, fail over, come back? One structure for all engines.

cluster -> candidates (the members that could become primary) -> checks -> a verdict for each operation. An engine
brings the checks; what a check counts for, what an unanswered one means and what the whole comes to is decided here.

A check *blocks* the operations that cannot be done while it is FAIL, or UNKNOWN; it *warns* those that it makes
worse. An UNKNOWN that is advisory only warns; one that the operator accepted by name counts for nothing, but is shown.

Public: :class:`Thresholds`, :func:`thresholds`, :class:`Item`, :class:`NotRun`, :class:`Candidate`, :class:`Report`,
:func:`verdicts`, :func:`blocking`, :func:`overall`, :func:`as_dict`, :func:`lines`.
"""

import textwrap
from typing import Any, Collection, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import checks
from ansible_collections.firedrill.standby.plugins.module_utils._core.checks import FAIL, OK, UNKNOWN, WARN, Check
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.waiver import Waiver

#: The operations that are asked about.
SWITCHOVER = "switchover"
FAILOVER = "failover"
WAY_BACK = "way_back"
OPERATIONS: Tuple[str, ...] = (SWITCHOVER, FAILOVER, WAY_BACK)
#: Whether every candidate has to be ready, or one of them.
EVERY, ONE = "every", "one"
#: So many checks that are UNKNOWN for one reason have a line each.
FEW = 3


class Thresholds(NamedTuple):
    """Where a verdict turns, all in one place.

    ``lag_*`` in the unit of the engine's positions; ``backlog_*`` in logs that wait to be archived; ``transaction_*``
    and ``clock_*`` in seconds; ``sessions_warn``: sessions that a stop would have to end; ``space_*``: factors of what
    is needed; ``power_*``: CPU and memory of the candidate as parts of the primary's; ``licence_warn_days`` in days.
    """

    lag_warn: int = 10000
    lag_fail: int = 100000
    backlog_warn: int = 2
    backlog_fail: int = 10
    transaction_warn: int = 60
    transaction_fail: int = 3600
    sessions_warn: int = 20
    licence_warn_days: int = 30
    clock_warn: float = 5.0
    clock_fail: float = 60.0
    space_ok: float = 1.5
    space_fail: float = 1.1
    power_ok: float = 1.0
    power_fail: float = 0.7


def thresholds(raw: Mapping[str, Any], variable: str = "readiness_limits") -> Thresholds:
    """The defaults with what the operator set.

    :raises Refusal: for a name that does not exist or a value that is not a number.
    """
    values: Dict[str, Any] = {}
    for name in sorted(raw):
        if name not in Thresholds._fields:
            raise Refusal(
                seen="{0} has the name {1!r}".format(variable, name),
                meaning="Known limits are {0}".format(", ".join(Thresholds._fields)),
                remedy="correct {0}".format(variable),
                details={"variable": variable},
            )
        kind = type(getattr(Thresholds(), name))
        try:
            values[name] = kind(str(raw[name]))
        except ValueError as error:
            raise Refusal(
                seen="{0}.{1} is {2!r}".format(variable, name, raw[name]),
                meaning="Allowed is {0}".format("a whole number" if kind is int else "a number"),
                remedy="correct {0}".format(variable),
                details={"variable": variable},
            ) from error
    return Thresholds(**values)


class Item(NamedTuple):
    """A check, and what it counts for: the operations that it blocks, and those that it only makes worse. ``waiver``: of who answers for it, where it would
    stand in the way."""

    check: Check
    blocks: Tuple[str, ...]
    warns: Tuple[str, ...] = ()
    waiver: Optional[Waiver] = None

    def verdict(self, operation: str) -> str:
        """What the check says of one operation; OK if it does not concern it."""
        said = self._said(operation)
        return WARN if self.waiver is not None and stands_in_the_way(said) else said

    def _said(self, operation: str) -> str:
        if operation not in self.blocks + self.warns:
            return OK
        verdict = self.check.verdict
        if verdict == UNKNOWN and self.check.tolerated:
            return OK
        if verdict == UNKNOWN and self.check.advisory:
            return WARN
        return WARN if operation not in self.blocks and verdict in (FAIL, UNKNOWN) else verdict


class NotRun(NamedTuple):
    """A question of the catalogue that is not asked here, and why."""

    id: str
    why: str


class Candidate(NamedTuple):
    """A member that could become primary, with the checks that concern it and not the others."""

    name: str
    items: Tuple[Item, ...]


class Report(NamedTuple):
    """The whole answer. ``primary``: the member that is primary now, "" if none is known; ``items``: the checks that
    count for every candidate; ``silent``: members that did not answer."""

    cluster: str
    engine: str
    primary: str
    items: Tuple[Item, ...]
    candidates: Tuple[Candidate, ...]
    not_run: Tuple[NotRun, ...]
    silent: Tuple[str, ...] = ()


def tolerate(report: Report, ids: Collection[str]) -> Report:
    """The same report with the UNKNOWN checks marked that the operator accepts by id or group of ids."""

    def marked(items: Sequence[Item]) -> Tuple[Item, ...]:
        found = checks.tolerate([item.check for item in items], ids)
        return tuple(item._replace(check=check) for item, check in zip(items, found))

    return report._replace(
        items=marked(report.items),
        candidates=tuple(each._replace(items=marked(each.items)) for each in report.candidates),
    )


def waive(report: Report, waivers: Sequence[Waiver]) -> Report:
    """The same report with the checks marked for which somebody answers. What would stand in nobody's way needs no waiver."""

    def marked(items: Sequence[Item]) -> Tuple[Item, ...]:
        found = []
        for item in items:
            blocked = any(stands_in_the_way(item.verdict(each)) for each in OPERATIONS)
            waiver = next((each for each in waivers if each.covers(item.check.id)), None)
            found.append(item._replace(waiver=waiver) if blocked else item)
        return tuple(found)

    return report._replace(
        items=marked(report.items),
        candidates=tuple(each._replace(items=marked(each.items)) for each in report.candidates),
    )


def idents(report: Report) -> List[str]:
    """Ids of all checks, those that were not asked included."""
    items = report.items + tuple(item for each in report.candidates for item in each.items)
    return [item.check.id for item in items] + [each.id for each in report.not_run]


def verdicts(report: Report, candidate: Candidate) -> Dict[str, str]:
    """The verdict of each operation for one candidate."""
    everything = report.items + candidate.items
    found = {}
    for operation in OPERATIONS:
        said = [item.verdict(operation) for item in everything if operation in item.blocks + item.warns]
        found[operation] = max(said, key=checks.SEVERITY.index) if said else UNKNOWN
    return found


def blocking(report: Report, candidate: Candidate, operation: str) -> List[str]:
    """Ids of the checks that forbid an operation, worst first."""
    found = [item for item in report.items + candidate.items if item.verdict(operation) in (FAIL, UNKNOWN)]
    ordered = sorted(found, key=lambda item: -checks.SEVERITY.index(item.verdict(operation)))
    return [item.check.id for item in ordered]


def overall(report: Report, operations: Sequence[str], require: str = EVERY) -> str:
    """One verdict for the exit code of a run: the worst of the operations asked about.

    With ``require`` ONE the best candidate decides, and a candidate that is worse is a warning. Without any candidate
    nothing can take over: FAIL.
    """
    if not report.candidates:
        return FAIL
    each = []
    for candidate in report.candidates:
        found = verdicts(report, candidate)
        each.append(max((found[name] for name in operations), key=checks.SEVERITY.index))
    worst, best = max(each, key=checks.SEVERITY.index), min(each, key=checks.SEVERITY.index)
    if require == EVERY or worst == best:
        return worst
    return max(best, WARN, key=checks.SEVERITY.index)


def stands_in_the_way(verdict: str) -> bool:
    """Whether a verdict forbids the operation. UNKNOWN does: an advisory or accepted one is no UNKNOWN any more."""
    return verdict in (FAIL, UNKNOWN)


def _item(item: Item) -> Dict[str, Any]:
    return dict(
        item.check.as_dict(),
        blocks=list(item.blocks),
        warns=list(item.warns),
        waiver=item.waiver.as_dict() if item.waiver is not None else None,
    )


def as_dict(report: Report, operations: Sequence[str] = OPERATIONS, require: str = EVERY) -> Dict[str, Any]:
    """Plain data, the same for all engines."""
    candidates = {}
    for candidate in report.candidates:
        candidates[candidate.name] = {
            "verdicts": verdicts(report, candidate),
            "blocking": {name: blocking(report, candidate, name) for name in OPERATIONS},
            "checks": [_item(item) for item in candidate.items],
        }
    return {
        "cluster": report.cluster,
        "engine": report.engine,
        "primary": report.primary,
        "verdict": overall(report, operations, require),
        "silent": list(report.silent),
        "checks": [_item(item) for item in report.items],
        "candidates": candidates,
        "not_run": [dict(each._asdict()) for each in report.not_run],
    }


# ---------------------------------------------------------------------------------------------- for people


def _because(report: Report, candidate: Candidate) -> str:
    """Which checks stand in the way, in a few words."""
    parts = []
    for operation in OPERATIONS:
        found = blocking(report, candidate, operation)
        if found:
            more = " and {0} more".format(len(found) - 2) if len(found) > 2 else ""
            parts.append("{0}: {1}{2}".format(operation.replace("_", " "), ", ".join(found[:2]), more))
    return "; ".join(parts)


def _columns(rows: Sequence[Sequence[str]]) -> List[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def summary(report: Report) -> List[str]:
    """One line for each candidate under a heading: the verdicts and what stands in the way."""
    head = "READINESS of {0}: primary {1}{2}".format(
        report.cluster,
        report.primary or "UNKNOWN",
        "; no answer from {0}".format(", ".join(report.silent)) if report.silent else "",
    )
    if not report.candidates:
        return [head, "no member that could become primary"]
    rows: List[Sequence[str]] = [("CANDIDATE", "SWITCHOVER", "FAILOVER", "WAY BACK", "IN THE WAY")]
    for candidate in report.candidates:
        found = verdicts(report, candidate)
        rows.append((candidate.name, *(found[name] for name in OPERATIONS), _because(report, candidate)))
    return [head] + _columns(rows)


def _alike(shown: Sequence[Check], width: int) -> Tuple[List[Check], List[str]]:
    """Many checks that are UNKNOWN for one reason are one line: it is the reason that a person needs."""
    groups: Dict[str, List[Check]] = {}
    for check in shown:
        if check.verdict == UNKNOWN:
            groups.setdefault(check.observed, []).append(check)
    many = {reason: group for reason, group in groups.items() if len(group) > FEW}
    kept = [check for check in shown if check.verdict != UNKNOWN or check.observed not in many]
    found = []
    for reason, group in many.items():
        ids = ", ".join(check.id for check in group)
        found += ["{0} checks are {1}".format(len(group), reason)]
        found += textwrap.wrap(ids, max(width, 80), initial_indent="    ", subsequent_indent="    ")
    return kept, found


def _section(title: str, items: Sequence[Item], everything: bool, width: int) -> List[str]:
    shown = [item.check for item in items]
    accepted = [check.id for check in shown if check.verdict == UNKNOWN and check.tolerated]
    counted = [check.verdict for check in shown if check.id not in accepted]
    counts = ["{0} {1}".format(counted.count(verdict), verdict) for verdict in reversed(checks.SEVERITY)]
    counts += ["{0} UNKNOWN and accepted".format(len(accepted))] if accepted else []
    found = ["", "{0}: {1}".format(title, ", ".join(counts))]
    excused = _excused(items)
    if everything:
        return found + checks.table(shown, width)[1:] + excused
    shown = [check for check in shown if check.verdict != OK and check.id not in accepted]
    kept, alike = _alike(shown, width)
    if kept:
        found += checks.table(kept, width)[1:]
    found += alike
    if accepted:
        found += textwrap.wrap("UNKNOWN and accepted: " + ", ".join(accepted), max(width, 80), subsequent_indent="    ")
    return found + excused


def _excused(items: Sequence[Item]) -> List[str]:
    return [
        "{0} is waived by {1.person} until {1.until}: {1.reason}".format(item.check.id, item.waiver)
        for item in items
        if item.waiver is not None
    ]


def lines(report: Report, everything: bool = False, width: int = 120) -> List[str]:
    """The report as a person reads it: the summary, what concerns all, then each candidate, worst first.

    :arg everything: whether checks that are OK, and questions that were not asked, are listed too.
    """
    found = summary(report)
    if report.items:
        found += _section("The cluster", report.items, everything, width)
    for candidate in report.candidates:
        found += _section("If {0} became primary".format(candidate.name), candidate.items, everything, width)
    if everything and report.not_run:
        found += ["", "Not asked:"] + ["  {0}: {1}".format(each.id, each.why) for each in report.not_run]
    return found
