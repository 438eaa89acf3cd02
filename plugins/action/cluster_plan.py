# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides on the controller, from all members' descriptions and observations, what one member shall be; no host is touched."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import cluster
from ansible_collections.firedrill.standby.plugins.plugin_utils import _registered


class ActionModule(ActionBase):
    """Reads ``standby_described`` and ``standby_observation`` of every member of the play."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Plan this host.

        :returns: ``ansible_facts.standby_plan``, the record of :class:`cluster.Plan` as a dictionary; without ``observed`` nothing; or a failure.
        """
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        try:
            plan = self._plan(variables)
        except StandbyError as error:
            result.update(failed=True, changed=False, **error.as_failure())
            return result
        result.update(changed=False)
        if plan is not None:
            result.update(ansible_facts={"standby_plan": plan})
        return result

    def _plan(self, variables: dict[str, t.Any]) -> dict[str, t.Any] | None:
        hostvars = variables["hostvars"]
        host = str(variables["inventory_hostname"])
        names = [str(name) for name in self._task.args.get("members", variables["ansible_play_hosts_all"])]
        members = _registered.members(hostvars, names)
        cluster.check_cluster(members)
        if not self._task.args.get("observed", True):
            return None
        silent = [name for name in names if _registered.result(hostvars[name], "standby_observation") is None]
        if silent:
            raise UnknownState(
                seen=f"No answer from {', '.join(silent)} (see above)",
                meaning="A member that cannot be seen may be the primary, so nothing is planned around it",
                remedy="make the host reachable (ssh, sudo, Python), or take it out of the group if it is gone for good",
                details={"members": silent},
            )
        _registered.refuse_half_done(hostvars, names)
        fenced = bool(self._templar.template(self._task.args.get("fenced", False)))
        if not fenced:
            _registered.refuse_fenced(hostvars, names)
        observed, running, recorded, cold, why, sights, installed, elsewhere = {}, {}, {}, {}, {}, {}, {}, {}
        for name in names:
            seen = hostvars[name]["standby_observation"]
            observed[name] = str(seen.get("role", facts.UNKNOWN))
            running[name] = bool(seen.get("running"))
            recorded[name] = str(seen.get("recorded_role") or "")
            cold[name] = seen.get("cold_copy") or {}
            state = seen.get("state") or {}
            why[name] = str((state.get("role") or {}).get("why") or "")
            installed[name] = (state.get("software") or {}).get("value") is True
            elsewhere[name] = seen.get("elsewhere") or []
            sights[name] = _sight(seen)
        cluster.check_homes(members, installed, elsewhere)
        cluster.check_logins(members, observed, running, why)
        rebuild, built = (bool(self._task.args.get(option, False)) for option in ("rebuild", "built"))
        plan = cluster.plan(members, host, observed, running, recorded, cold, sights, rebuild, built)
        if self._task.args.get("primary_required") and not built and not rebuild and not fenced:
            cluster.refuse_marked(sights, plan.primary)
        if plan.resume and self._task.check_mode:
            raise Refusal(
                seen=f"{host} is the primary and was stopped by this collection for a cold copy at {cold[host]['stopped_at']}",
                meaning="The copy was interrupted. Check mode starts nothing, and without a primary nothing more can be predicted",
                remedy=f"run again without --check, which starts it first, or start it on {host} with `tbboot`",
            )
        resumed = cold[plan.primary].get("resumable")
        if self._task.args.get("primary_required") and observed[plan.primary] != facts.PRIMARY and not resumed:
            raise cluster.without_database(members, installed, plan.primary)
        copies = dict(self._task.args.get("copies") or {})
        return plan._replace(seed=bool(copies.get(host, plan.seed)))._asdict()


def _sight(seen: t.Mapping[str, t.Any]) -> cluster.Sight:
    """What an observation says beside the role. Destinations that could not be read are none: nothing rests on them but their numbers."""
    found = ((seen.get("state") or {}).get("destinations") or {}).get("value")
    links = (
        [(int(one["number"]), str(one["host"]), int(one["port"])) for one in found] if isinstance(found, list) else []
    )
    return cluster.Sight(tuple(links), str(seen.get("rebuild") or ""), str(seen.get("standby_redo_parameter") or ""))
