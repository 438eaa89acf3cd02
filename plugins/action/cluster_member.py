# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the description of one member on the controller; no host is touched."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import cluster
from ansible_collections.firedrill.standby.plugins.plugin_utils._described import documented_variables


class ActionModule(ActionBase):
    """``description`` in, the normalised record of the member out."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Check the description and look for misspelt variables.

        :returns: ``member``, the record of :class:`cluster.Member` as a dictionary; or a failure with seen, meaning and remedy.
        """
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        host = str(variables["inventory_hostname"])
        try:
            cluster.unknown_variables(variables["hostvars"][host].keys(), documented_variables(), host)
            member = cluster.member(host, self._task.args["description"])
        except StandbyError as error:
            result.update(failed=True, changed=False, **error.as_failure())
            return result
        result.update(changed=False, member=member._asdict())
        return result
