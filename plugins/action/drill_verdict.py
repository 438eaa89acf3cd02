# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges the evidence folder of a drill on the controller: computes the verdict, and checks a folder that is sealed."""

from __future__ import annotations

import os
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.firedrill.standby.plugins.module_utils._core import evidence_check, evidence_compose, verdict
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError
from ansible_collections.firedrill.standby.plugins.plugin_utils import _drill

display = Display()

SPEC: dict[str, t.Any] = {
    "folder": {"type": "path", "required": True},
    "enforce": {"type": "bool", "default": True},
    "accept": {
        "type": "list",
        "elements": "str",
        "choices": list(verdict.ORDER),
        "default": [verdict.MET, verdict.WITH_FINDINGS],
    },
}


class ActionModule(ActionBase):
    """Reads the folder; writes nothing."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Judge, print, and fail if the verdict is not accepted and O(enforce) is set.

        :returns: ``verdict``, ``annotation``, ``objectives``, ``reasons``, ``sealed``; or a failure that holds them too.
        """
        result = super().run(tmp, task_vars)
        return _drill.settle(result, lambda: self._judge(result))

    def _judge(self, result: dict[str, t.Any]) -> dict[str, t.Any]:
        given = _drill.arguments(SPEC, self._task.args)
        folder = given["folder"]
        if self._task.check_mode and not os.path.isdir(folder):
            nothing: dict[str, t.Any] = {"objectives": [], "reasons": ["check mode made no folder"]}
            return dict(nothing, changed=False, sealed=False, verdict="", annotation="")
        sealed = os.path.exists(os.path.join(folder, evidence_compose.MANIFEST))
        problems = evidence_check.check(folder) if sealed else []
        if problems:
            raise StandbyError(
                seen="{0} is not as it was sealed: {1}".format(folder, "; ".join(problems[:5])),
                meaning="What it says cannot be relied on",
                remedy=f"run python3 {os.path.join(folder, 'verify.py')} for all of it, and keep the folder",
                details={"problems": problems},
            )
        found = _verdict(folder)
        values = {
            "changed": False,
            "sealed": sealed,
            "verdict": found["R"]["overall"]["value"],
            "annotation": found["R"]["annotation"]["value"],
            "objectives": found["R"]["objectives"]["value"],
            "reasons": found["R"]["reasons"]["value"],
        }
        for line in _lines(values, found["L"]["statement"]["value"]):
            display.display(line)
        if given["enforce"] and values["verdict"] not in given["accept"]:
            result.update(values)
            raise StandbyError(
                seen="The drill is {0}: {1}".format(values["verdict"], "; ".join(values["reasons"][:5])),
                meaning="Its objectives were not shown to be met",
                remedy="read the findings in the report, mend their causes, and drill again; enforce: false only reports",
                details={"verdict": values["verdict"]},
            )
        return values


def _verdict(folder: str) -> dict[str, dict[str, t.Any]]:
    """:raises Refusal: when what the verdict rests on is not there."""
    try:
        return verdict.judge(evidence_compose.inputs_from(evidence_check.read_folder(folder)))
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal(
            seen=f"{folder}: {error}",
            meaning="The verdict cannot be computed from what lies there",
            remedy="add what is missing with firedrill.standby.drill_evidence",
        ) from error


def _lines(values: t.Mapping[str, t.Any], statement: str) -> list[str]:
    """The verdict for a person."""
    head = "DRILL: {0}{1}".format(values["verdict"], f" ({values['annotation']})" if values["annotation"] else "")
    lines = ["", head]
    for each in values["objectives"]:
        span = f"[{_figure(each['measured_lo'], each['unit'])}, {_figure(each['measured_hi'], each['unit'])}]"
        lines.append(
            f"  {each['objective']:<17} {each['verdict']:<18} {span} against {_figure(each['target'], each['unit'])}"
        )
        lines += [f"      {reason}" for reason in each["reasons"]]
    return [*lines, f"  {statement}", ""]


def _figure(value: int | None, unit: str) -> str:
    if value is None:
        return "unknown"
    return f"{value / 1e9:.3f} s" if unit == "ns" else f"{value} {unit}"
