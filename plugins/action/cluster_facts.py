# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gathers the few facts that the roles use, and says in our own terms why a host cannot be asked."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.firedrill.standby.plugins.plugin_utils import _reach

#: What the roles use of a host: os_family and its like, the service manager, the package manager.
SUBSET = ("!all", "!min", "distribution", "pkg_mgr", "service_mgr")


class ActionModule(ActionBase):
    """One run of ``ansible.builtin.setup``. A host that cannot be reached fails like any other, so that the run ends there."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Gather.

        :returns: the result of ``setup``; or a failure with seen, meaning and remedy.
        """
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        said, unreachable = "", False
        try:
            facts = self._execute_module("ansible.legacy.setup", {"gather_subset": list(SUBSET)}, task_vars=variables)
        except AnsibleConnectionFailure as error:
            facts, said, unreachable = {}, str(error), True
        except AnsibleError as error:
            facts, said = {}, str(error)
        if not said and not facts.get("failed"):
            result.update(facts)
            return result
        trouble = _reach.refusal(self._way(variables), said or _reach.said_by(facts), unreachable)
        result.update(failed=True, changed=False, **trouble.as_failure())
        return result

    def _way(self, variables: dict[str, t.Any]) -> _reach.Way:
        become = self._connection.become
        return _reach.Way(
            host=str(variables.get("inventory_hostname", "")),
            address=self._option("host") or str(variables.get("ansible_host", variables.get("inventory_hostname", ""))),
            port=self._option("port"),
            user=self._option("remote_user"),
            interpreter=str(variables.get("ansible_python_interpreter", "auto")),
            become_user=str(become.get_option("become_user") or "root") if become else "",
            become_method=str(become.name) if become else "",
        )

    def _option(self, name: str) -> str:
        """An option of the connection plugin, empty if it has none of this name."""
        try:
            return str(self._connection.get_option(name) or "")
        except (KeyError, AnsibleError):
            return ""
