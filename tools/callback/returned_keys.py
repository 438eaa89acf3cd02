# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds what modules return, in a real run, against what their RETURN documents.

`make molecule` switches it on. Each key that is returned and not documented, and each value of another type than
documented, becomes a line of the file that FIREDRILL_RETURNED_KEYS names; tools/returned_keys.py makes a failure of it.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: returned_keys
type: aggregate
short_description: Compare what modules return with what they document
description: [Part of the tests of firedrill.standby.]
"""

PREFIX = "firedrill.standby."
#: What Ansible itself puts into a result.
COMMON = frozenset(
    (
        *(
            "changed",
            "failed",
            "msg",
            "diff",
            "warnings",
            "deprecations",
            "invocation",
            "skipped",
            "skip_reason",
            "results",
        ),
        *(
            "exception",
            "attempts",
            "retries",
            "unreachable",
            "ansible_facts",
            "rc",
            "stdout",
            "stderr",
            "module_stdout",
        ),
        *("module_stderr", "stdout_lines", "stderr_lines", "failed_when_result", "censored", "delta", "start", "end"),
        *("failed_when_suppressed_exception", "false_condition", "timedout"),
    )
)
#: What a failure of ours says beside its message, whether or not a RETURN repeats it (see _core/errors.py).
FAILURE = frozenset(("seen", "meaning", "remedy", "nothing_changed", "details"))
TYPES: dict[str, Any] = {
    "str": str,
    "path": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "list": list,
    "dict": Mapping,
    "raw": object,
    "complex": Mapping,
}


def objections(action: str, result: Mapping[str, Any], documented: Mapping[str, Any]) -> list[str]:
    """What is wrong with a result, one line each."""
    loop = (result.get("ansible_loop_var"), result.get("ansible_index_var"))
    expected = {*COMMON, "item", *loop, *(FAILURE if result.get("failed") else ())}
    found = []
    for key, value in result.items():
        if key in expected or key.startswith(("_ansible", "ansible_")):
            continue
        entry = documented.get(key)
        if entry is None:
            found.append(f"{action} returns {key}, which its RETURN does not document")
        elif value is not None and not isinstance(value, TYPES.get(str(entry.get("type")), object)):
            found.append(f"{action} returns {key} as {type(value).__name__}, documented as {entry.get('type')}")
    return found


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Looks at each result of a module of the collection."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "returned_keys"
    CALLBACK_NEEDS_ENABLED = True

    def _judge(self, result: Any, **_options: Any) -> None:
        action = str(result._task.resolved_action or result._task.action)
        if not action.startswith(PREFIX):
            return
        outcomes = result._result.get("results") if result._task.loop else None
        for outcome in outcomes or [result._result]:
            lines = objections(action, outcome, documented(action))
            if lines:
                with open(os.environ["FIREDRILL_RETURNED_KEYS"], "a", encoding="utf-8") as report:
                    report.writelines(f"{line}\n" for line in lines)

    v2_runner_on_ok = _judge
    v2_runner_on_failed = _judge


@cache
def documented(action: str) -> dict[str, Any]:
    """RETURN of a module."""
    from ansible.plugins.loader import module_loader

    path = module_loader.find_plugin(action)
    if path is None:
        return {}
    # RETURN knows no fragments, so that its text is all of it; Ansible's own reader would read the whole documentation, in each run.
    for statement in ast.parse(Path(path).read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "RETURN":
            return dict(yaml_load(ast.literal_eval(statement.value)) or {})
    return {}
