# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Freezes the objectives of a drill on the controller before anything is touched, or refuses the drill."""

from __future__ import annotations

import datetime
import os
import time
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.firedrill.standby.plugins.module_utils._core import drill_policy, evidence_folder
from ansible_collections.firedrill.standby.plugins.plugin_utils import _drill

display = Display()

SPEC: dict[str, t.Any] = {
    "policy": {"type": "dict", "required": True, "options": drill_policy.POLICY_SPEC},
    "directory": {"type": "path", "required": True},
    "drill_id": {"type": "str", "default": ""},
    "mode_guaranteed": {"type": "bool"},
}


def now() -> datetime.datetime:
    """The time by the controller's clock."""
    # datetime.UTC came with Python 3.11, and ansible-core 2.16 runs on 3.10.
    return datetime.datetime.now(datetime.timezone.utc)  # noqa: UP017


class ActionModule(ActionBase):
    """Writes objectives.json and the first line of the event log."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Freeze.

        :returns: ``drill_id``, ``folder``, ``sha256``, ``figures``, ``notes``; or a failure.
        """
        result = super().run(tmp, task_vars)
        return _drill.settle(result, self._freeze)

    def _freeze(self) -> dict[str, t.Any]:
        given = _drill.arguments(SPEC, self._task.args)
        frozen = drill_policy.decide(given["policy"], now(), given["mode_guaranteed"])
        for warning in frozen.warnings:
            display.warning(warning)
        name = given["drill_id"] or evidence_folder.ulid(int(time.time() * 1000), os.urandom(10))
        values = {"drill_id": name, "figures": frozen.figures, "notes": list(frozen.warnings)}
        folder = os.path.join(given["directory"], name)
        if self._task.check_mode:
            return dict(values, changed=True, folder=folder, sha256="")
        facts = {"approver_differs": frozen.approver_differs, "notes": list(frozen.warnings)}
        made = evidence_folder.freeze(given["directory"], name, frozen.policy, frozen.figures, facts)
        return dict(values, changed=True, folder=made["folder"], sha256=made["sha256"])
