# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Checks: one question each, answered with evidence, and a table of them that a person reads at a glance.

A check never decides by itself what happens next. :func:`blockers` does: a FAIL always blocks; an UNKNOWN blocks too,
because a question
that could not be answered is not a question answered with yes, unless the check is advisory or was tolerated by name.
"""

import textwrap
from typing import Any, Collection, Dict, Iterable, List, Mapping, NamedTuple, Sequence, Tuple

OK = "OK"
WARN = "WARN"
FAIL = "FAIL"
UNKNOWN = "UNKNOWN"

#: Verdicts from harmless to worst. FAIL is worse than UNKNOWN: it is known to be bad.
SEVERITY: Tuple[str, ...] = (OK, WARN, UNKNOWN, FAIL)


class Check(NamedTuple):
    """One question with its answer.

    ``id``: dotted name, stable, such as "platform.endianness". ``expected`` and ``observed``: texts, each naming the
    value itself. ``source``: the file, view or command the evidence came from. ``remedy``: what to do if it is not OK.
    ``advisory``: True if an UNKNOWN here only warns. ``tolerated``: True if the operator named this check as one whose
    UNKNOWN is accepted.
    """

    id: str
    question: str
    expected: str
    observed: str
    source: str
    verdict: str
    remedy: str = ""
    advisory: bool = False
    tolerated: bool = False

    def as_dict(self) -> Dict[str, Any]:
        """Plain data for results and reports, one key for each field."""
        return dict(self._asdict())


def from_dict(record: Mapping[str, Any]) -> Check:
    """A check read back from :meth:`Check.as_dict`. Raises ValueError for a verdict that does not exist."""
    check = Check(**{field: record[field] for field in Check._fields if field in record})
    if check.verdict not in SEVERITY:
        raise ValueError(
            "check {0}: verdict {1!r} is not one of {2}".format(check.id, check.verdict, ", ".join(SEVERITY))
        )
    return check


def worst(checks: Iterable[Check]) -> str:
    """The worst verdict among the checks. Without any check it is UNKNOWN: nothing was looked at."""
    ranks = [SEVERITY.index(check.verdict) for check in checks]
    return SEVERITY[max(ranks)] if ranks else UNKNOWN


def tolerate(checks: Iterable[Check], ids: Collection[str]) -> List[Check]:
    """Mark the UNKNOWN checks that the operator accepts by id. A FAIL is never tolerated this way.

    :arg ids: ids of checks, or groups of them such as ``licence`` for every ``licence.*``.
    """

    def named(check: Check) -> bool:
        parts = check.id.split(".")
        return any(".".join(parts[: end + 1]) in ids for end in range(len(parts)))

    return [check._replace(tolerated=True) if check.verdict == UNKNOWN and named(check) else check for check in checks]


def blockers(checks: Iterable[Check]) -> List[Check]:
    """The checks that forbid to go on: every FAIL, and every UNKNOWN that is neither advisory nor tolerated."""
    return [
        check
        for check in checks
        if check.verdict == FAIL or (check.verdict == UNKNOWN and not check.advisory and not check.tolerated)
    ]


def summary(checks: Sequence[Check]) -> str:
    """One line: the worst verdict and how many checks have which verdict."""
    counts = [
        "{0} {1}".format(sum(check.verdict == verdict for check in checks), verdict) for verdict in reversed(SEVERITY)
    ]
    return "{0}: {1}".format(worst(checks), ", ".join(counts))


def _verdict_text(check: Check) -> str:
    if check.verdict == UNKNOWN and check.tolerated:
        return "UNKNOWN, tolerated"
    if check.verdict == UNKNOWN and check.advisory:
        return "UNKNOWN, advisory"
    return check.verdict


def _rows(cells: Sequence[str], widths: Sequence[int]) -> List[str]:
    wrapped = [textwrap.wrap(cell, width, break_long_words=True) or [""] for cell, width in zip(cells, widths)]
    height = max(len(column) for column in wrapped)
    return [
        "  ".join(
            (column[line] if line < len(column) else "").ljust(width) for column, width in zip(wrapped, widths)
        ).rstrip()
        for line in range(height)
    ]


def listing(checks: Sequence[Check]) -> List[str]:
    """The checks for an error message, worst first, two lines each; no value is broken, so it can be searched and
    copied."""
    lines = []
    for check in sorted(checks, key=lambda each: -SEVERITY.index(each.verdict)):
        lines.append(
            "{0:<7} {1}: observed {2}; expected {3} [{4}]".format(
                check.verdict, check.id, check.observed, check.expected, check.source
            )
        )
        if check.remedy:
            lines.append("        -> {0}".format(check.remedy))
    return lines


def table(checks: Sequence[Check], width: int = 120) -> List[str]:
    """The checks as lines of text, worst first, with what to do under each one that is not OK.

    :arg width: columns of the page; at least 80 are used.
    :returns: lines without line ends; the first is the summary.
    """
    ordered = sorted(checks, key=lambda check: -SEVERITY.index(check.verdict))
    heads = ("VERDICT", "CHECK", "EXPECTED", "OBSERVED", "SOURCE")
    first = max([len(heads[0])] + [min(len(_verdict_text(check)), 18) for check in ordered])
    second = max([len(heads[1])] + [min(len(check.id), 30) for check in ordered])
    rest = max(width, 80) - first - second - 8
    # Expected and observed are what is compared: they get three tenths and four tenths of what is left, the source the
    # remainder.
    widths = (first, second, rest * 3 // 10, rest * 4 // 10, rest - rest * 3 // 10 - rest * 4 // 10)
    lines = [summary(checks)] + _rows(heads, widths) + ["  ".join("-" * each for each in widths)]
    for check in ordered:
        lines += _rows((_verdict_text(check), check.id, check.expected, check.observed, check.source), widths)
        if check.verdict != OK and check.remedy:
            indent = " " * (first + 2)
            lines += textwrap.wrap(
                check.remedy, max(width, 80), initial_indent=indent + "-> ", subsequent_indent=indent + "   "
            )
    return lines
