# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the description of one member on the controller; no host is touched."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import cluster
from ansible_collections.firedrill.standby.plugins.plugin_utils import _described


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
        description = self._task.args.get("description")
        try:
            cluster.unknown_variables(variables["hostvars"][host].keys(), _described.documented_variables(), host)
            if description is None:
                self._check_variables(host, variables)
                result.update(changed=False)
                return result
            member = cluster.member(host, description)
            self._check_licence(host, str(description.get("tibero_license_file") or ""))
        except StandbyError as error:
            result.update(failed=True, changed=False, **error.as_failure())
            return result
        result.update(changed=False, member=member._asdict())
        return result

    def _check_variables(self, host: str, variables: t.Mapping[str, t.Any]) -> None:
        """Hold what is set against the argument specs; what needs a default of a role to be resolved is left to the role."""
        _described.check_given(variables, host, self._task.args.get("required", ()))
        for name, option in _described.documented_options().items():
            if name not in variables:
                continue
            try:
                value = self._templar.template(variables[name])
            except AnsibleError:
                continue
            _described.check_value(name, value, option, host)

    def _check_licence(self, host: str, name: str) -> None:
        """Look for the licence where the role software will: the file is read on the controller."""
        if not name:
            return
        try:
            self._find_needle("files", name)
        except AnsibleError as error:
            raise Refusal(
                seen=f"tibero_license_file of {host} is {name!r}, and there is no such file on the controller",
                meaning="Allowed is a licence that the vendor made for this host; without one Tibero does not boot",
                remedy="put the file there, correct the variable, or unset it where the licence lies on the host already",
                details={"variable": "tibero_license_file", "value": name, "host": host},
            ) from error
