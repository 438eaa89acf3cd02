# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that turn what was seen on a host into what is needed or reported. Each calls one pure function.

Each imports what it calls when it is called: Ansible compiles a collection's Python anew in every worker, one for each task and host, and a task that wants
a filter loads this file. What all of them need would cost each such task a seventh of a second.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError


def standby_tip(primary_tip: t.Mapping[str, str], plan: t.Mapping[str, t.Any]) -> dict[str, str]:
    """The whole tip of a standby from the primary's tip and the standby's plan."""
    from ansible_collections.firedrill.standby.plugins.module_utils._tibero import cluster

    return cluster.standby_tip(primary_tip, cluster.Plan(**plan))


def standby_files(
    found: t.Sequence[t.Mapping[str, t.Any]], primary: t.Mapping[str, t.Any], standby: t.Mapping[str, t.Any]
) -> list[dict[str, str]]:
    """Source, target and kind of every file of a primary for a standby."""
    from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import StandbyError
    from ansible_collections.firedrill.standby.plugins.module_utils._tibero import files

    try:
        return files.standby_files(found, primary, standby)
    except StandbyError as error:
        raise AnsibleFilterError(str(error)) from error


def standby_peers(members: t.Sequence[t.Mapping[str, t.Any]], host: str) -> list[dict[str, t.Any]]:
    """The other members of a cluster, from the records of all."""
    from ansible_collections.firedrill.standby.plugins.module_utils._tibero import cluster

    return cluster.peers([cluster.Member(**member) for member in members], host)


def standby_approval_problems(note: t.Any, policy: t.Mapping[str, t.Any], step: str) -> list[str]:
    """Why a note of an approval does not count for a step, in words."""
    from ansible_collections.firedrill.standby.plugins.module_utils._core import drill_policy
    from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import StandbyError

    try:
        return drill_policy.approval_problems(policy, step, note)
    except StandbyError as error:
        raise AnsibleFilterError(str(error)) from error


def standby_drill_ways(
    members: t.Sequence[t.Mapping[str, t.Any]],
    alias: str,
    application: t.Mapping[str, int],
    direct: t.Mapping[str, int],
) -> dict[str, t.Any]:
    """How the clients of a drill reach the members: aliases, paths, guards, names."""
    from ansible_collections.firedrill.standby.plugins.module_utils._tibero import cluster

    return cluster.drill_ways([cluster.Member(**member) for member in members], alias, application, direct)


def standby_drill_tripped(
    policy: t.Mapping[str, t.Any], quiet: t.Sequence[float | None], pressed: t.Mapping[str, t.Any] | None = None
) -> list[str]:
    """What ends a drill early now, in words."""
    from ansible_collections.firedrill.standby.plugins.module_utils._core import drill_policy, drill_program
    from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import StandbyError

    try:
        return drill_policy.tripped(policy, quiet, drill_program.now(), pressed)
    except StandbyError as error:
        raise AnsibleFilterError(str(error)) from error


def standby_drill_lost(
    observations: t.Mapping[str, t.Mapping[str, t.Any]], members: t.Sequence[str], course: t.Mapping[str, t.Any]
) -> list[str]:
    """What became of the members of a drill that the drill has not done, in words."""
    from ansible_collections.firedrill.standby.plugins.module_utils._core import drill_course

    sights = {str(name): drill_course.sight_of(observations.get(name)) for name in members}
    return drill_course.lost(sights, drill_course.Course(**course))


def standby_drill_way(
    observations: t.Mapping[str, t.Mapping[str, t.Any]], members: t.Sequence[str], origin: str, back: bool
) -> dict[str, str]:
    """What brings the members of a drill home that broke off, as far as it is safe without a person."""
    from ansible_collections.firedrill.standby.plugins.module_utils._core import drill_course

    sights = {str(name): drill_course.sight_of(observations.get(name)) for name in members}
    return dict(drill_course.way_home(sights, origin, back)._asdict())


def standby_existing(
    directories: t.Sequence[t.Mapping[str, t.Any]],
    account: t.Mapping[str, t.Any],
    passwd: t.Sequence[t.Any] | None,
    mode: str,
) -> list[dict[str, t.Any]]:
    """How an existing user and existing directories differ from what would be made."""
    from ansible_collections.firedrill.standby.plugins.module_utils._core import existing

    gid = account.get("gid")
    made = existing.Account(
        str(account["user"]), str(account["group"]), None if gid in (None, "") else int(str(gid)), str(account["shell"])
    )
    return existing.differences(made, passwd, directories, mode)


def standby_answering(variables: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Where a member answers the others, from its variables."""
    member = variables["standby_described"]["member"]
    port = variables.get("standby_service_port") or int(member["listener_port"]) + 5
    return {"name": variables["inventory_hostname"], "address": member["address"], "port": int(port)}


def standby_returns(observation: t.Mapping[str, t.Any], name: str, silent: t.Sequence[str]) -> bool:
    """Whether a member that a half-done switchover stopped is booted as a standby, so that it can take over."""
    from ansible_collections.firedrill.standby.plugins.module_utils._core import journal
    from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import StandbyError
    from ansible_collections.firedrill.standby.plugins.module_utils._tibero import failover_plan, role_plan

    seen = observation.get("role_change") or {}
    if "change" not in seen or seen.get("working"):
        return False
    try:
        return failover_plan.returns(name, role_plan.view_of(observation), journal.record_from(seen), silent)
    except StandbyError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Registers the filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {
            "standby_answering": standby_answering,
            "standby_approval_problems": standby_approval_problems,
            "standby_drill_lost": standby_drill_lost,
            "standby_drill_tripped": standby_drill_tripped,
            "standby_drill_way": standby_drill_way,
            "standby_drill_ways": standby_drill_ways,
            "standby_existing": standby_existing,
            "standby_files": standby_files,
            "standby_peers": standby_peers,
            "standby_returns": standby_returns,
            "standby_tip": standby_tip,
        }
