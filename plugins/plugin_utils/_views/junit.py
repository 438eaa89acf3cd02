# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This plugin utility is private to the collection firedrill.standby: other collections must not import it.
"""A drill as JUnit XML: a test case for each objective and for each invariant.

Not met is a failure. Inconclusive, and an invariant of which nothing is known, is an error: never a pass, never skipped. Public: :func:`junit`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from xml.etree import ElementTree

from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence import value_of
from ansible_collections.firedrill.standby.plugins.module_utils._core.verdict import MET, NOT_MET, WITH_FINDINGS

#: What XML 1.0 cannot hold, not even as a reference.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Invariant(NamedTuple):
    """Something that must hold after every drill. ``holds`` None: it is not known."""

    name: str
    holds: bool | None
    seen: str


def _zero(name: str, value: int | None) -> Invariant:
    return Invariant(name, None if value is None else value == 0, "unknown" if value is None else str(value))


def _flag(name: str, value: bool | None) -> Invariant:
    return Invariant(name, value, "unknown" if value is None else str(value).lower())


def invariants(document: Mapping[str, Any]) -> Iterator[Invariant]:
    """The invariants of a drill."""
    frozen, touched = value_of(document, "C.frozen_wall_ns"), value_of(document, "C.first_touch_wall_ns")
    order = None if frozen is None or touched is None else frozen <= touched
    yield Invariant("objectives were frozen before the first touch", order, f"frozen {frozen}, touched {touched}")
    counts = value_of(document, "L.counts", {})
    for name in ("lost", "alien", "duplicate", "damaged", "holes", "phantom"):
        if name != "lost" or value_of(document, "C.rpo_transactions") == 0 or value_of(document, "C.rpo_ns") == 0:
            yield _zero(f"no row is {name}" if name != "holes" else "no holes", counts.get(name))
    judged = value_of(document, "I.classification", {})
    yield _flag("the table of outcomes is valid for engine and driver", judged.get("valid"))
    yield _flag("all reads agree", value_of(document, "L.agree"))
    yield _zero("no write after the fence", value_of(document, "N.accepted_after_fence"))
    yield _flag("original layout is back", value_of(document, "O.original_layout"))
    differences, residue = value_of(document, "O.differences"), value_of(document, "O.residue")
    bare = None if differences is None else sum(1 for each in differences if not each.get("explained"))
    yield _zero("every difference is explained", bare)
    yield _zero("nothing was left behind", None if residue is None else len(residue))


def _case(suite: ElementTree.Element, name: str, group: str, nanoseconds: int | None = None) -> ElementTree.Element:
    time = 0 if nanoseconds is None else nanoseconds
    attributes = {"classname": _text(group), "name": _text(name), "time": f"{time // 10**9}.{time % 10**9:09d}"}
    return ElementTree.SubElement(suite, "testcase", attributes)


def _text(value: Any) -> str:
    return _FORBIDDEN.sub("\ufffd", str(value))


def _say(case: ElementTree.Element, tag: str, message: str, text: str) -> None:
    element = ElementTree.SubElement(case, tag, {"message": _text(message)} if tag != "system-out" else {})
    element.text = _text(text)


def junit(document: Mapping[str, Any]) -> str:
    """The XML of a drill."""
    group = "drill.{0}.{1}".format(value_of(document, "A.cluster", ""), value_of(document, "A.type", ""))
    suite = ElementTree.Element("testsuite")
    for each in value_of(document, "R.objectives", []):
        case = _case(
            suite, each["objective"], f"{group}.objective", each["measured_hi"] if each["unit"] == "ns" else None
        )
        measured = "measured [{measured_lo}, {measured_hi}] {unit} against {target}".format(**each)
        text = "\n".join([measured, each["annotation"], *each["reasons"]])
        if each["verdict"] == NOT_MET:
            _say(case, "failure", f"not met: {measured}", text)
        elif each["verdict"] not in (MET, WITH_FINDINGS):
            _say(case, "error", f"{each['verdict']}: {measured}", text)
        else:
            _say(case, "system-out", "", f"{each['verdict']}\n{text}")
    for invariant in invariants(document):
        case = _case(suite, invariant.name, f"{group}.invariant")
        if invariant.holds is None:
            _say(case, "error", f"unknown: {invariant.seen}", "nothing is known of it, so it is no pass")
        elif not invariant.holds:
            _say(case, "failure", f"does not hold: {invariant.seen}", invariant.seen)
    # A drill without objectives must not look like an empty suite that passed.
    case = _case(suite, "overall", f"{group}.verdict")
    overall = value_of(document, "R.overall", "inconclusive")
    if overall not in (MET, WITH_FINDINGS):
        _say(
            case, "failure" if overall == NOT_MET else "error", overall, "\n".join(value_of(document, "R.reasons", []))
        )
    numbers = {
        "tests": len(suite),
        "failures": len(suite.findall("*/failure")),
        "errors": len(suite.findall("*/error")),
    }
    suite.attrib.update({"name": _text(value_of(document, "A.drill_id", "")), "skipped": "0"})
    suite.attrib.update({key: str(number) for key, number in numbers.items()})
    root = ElementTree.Element("testsuites", {key: str(number) for key, number in numbers.items()})
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
