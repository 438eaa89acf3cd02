# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""drill_clock_info: a client's clock, read between two readings of the controller's."""

from __future__ import annotations

import typing as t

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, ledger


class ActionModule(ActionBase):
    """Reads the controller's clock, runs the module on the host, and reads it again."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Ask.

        :returns: ``reading``, see the module's documentation; or its failure.
        """
        result = super().run(tmp, task_vars)
        name, now = ledger.clock()
        before = ledger.anchor(now)
        if boolean(self._task.args.get("controller", False)):
            reading = {
                "client": "controller",
                "mono": before.mono,
                "client_wall": before.wall,
                "clock": name,
                "same": True,
            }
            result["reading"] = {**reading, "before": before.mono, "after": now(), "wall": before.wall}
            return {**result, "changed": False}
        result.update(self._execute_module(module_name="firedrill.standby.drill_clock_info", task_vars=task_vars))
        after = now()
        reading = result.get("reading")
        if isinstance(reading, dict):
            booted = reading.pop("boot_id", "")
            same = bool(booted) and booted == detached.boot_id() and reading.get("clock") == name
            reading.update(before=before.mono, after=after, wall=before.wall, same=same)
        return result
