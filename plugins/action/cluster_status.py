# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints the members of a cluster side by side, on the controller, from what was observed on each."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.firedrill.standby.plugins.module_utils._core import overview
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal

display = Display()


class ActionModule(ActionBase):
    """Reads ``standby_observation`` and ``standby_described`` of every member; hosts that did not answer are shown, not left out."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Draw the table.

        :returns: ``members``, the rows as data, and ``table``, the lines as printed.
        """
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        hostvars = variables["hostvars"]
        names = [str(name) for name in self._task.args.get("members", variables["ansible_play_hosts_all"])]
        if not names:
            nobody = Refusal(
                seen=f"standby_cluster is {variables.get('standby_cluster', 'not set')!r}, and the inventory has no host for it",
                meaning="Nothing was done, on no host; allowed is a group or a host of the inventory",
                remedy="see the groups with `ansible-inventory --graph`, then correct -e standby_cluster or -i",
                details={"variable": "standby_cluster"},
            )
            result.update(failed=True, changed=False, **nobody.as_failure())
            return result
        observations, transports = {}, {}
        for name in names:
            seen = hostvars[name].get("standby_observation") or {}
            # A wait in vain carries in its details what it saw last.
            observations[name] = seen.get("state") or (seen.get("details") or {}).get("state")
            transports[name] = (hostvars[name].get("standby_described") or {}).get("member", {}).get("transport", "")
        rows = overview.overview(observations, transports)
        lines = overview.table(rows)
        for line in ["", *lines, ""]:
            display.display(line)
        result.update(changed=False, members=overview.as_dicts(rows), table=lines)
        return result
