# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges on the controller, from what was read on all members, whether roles could be changed; no host is touched."""

from __future__ import annotations

import datetime
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.firedrill.standby.plugins.module_utils._core import checks, waiver
from ansible_collections.firedrill.standby.plugins.module_utils._core import readiness as core
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import cluster, readiness
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.readiness_checks import Seen
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.readiness_facts import MemberFacts

display = Display()


def today() -> datetime.date:
    """The day that it still is somewhere: whether a waiver is over in the zone of its policy is asked when the policy is frozen."""
    # datetime.UTC came with Python 3.11, and ansible-core 2.16 runs on 3.10.
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=12)).date()  # noqa: UP017


class ActionModule(ActionBase):
    """Reads ``standby_described``, ``readiness_look`` and ``readiness_ways`` of every member of the play."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Judge, print, and fail if something stands in the way and O(enforce) is set.

        :returns: ``readiness``, the report as plain data, ``verdict``, ``summary`` and ``table``; or a failure.
        """
        result = super().run(tmp, task_vars)
        try:
            self._judge(result, task_vars or {})
        except StandbyError as error:
            result.update(failed=True, changed=False, **error.as_failure())
        return result

    def _judge(self, result: dict[str, t.Any], variables: dict[str, t.Any]) -> None:
        arguments = self._task.args
        operations = _chosen("operations", arguments.get("operations") or core.OPERATIONS, core.OPERATIONS)
        require = _chosen("require", [arguments.get("require", core.EVERY)], (core.EVERY, core.ONE))[0]
        hostvars = variables["hostvars"]
        names = [str(name) for name in arguments.get("members", variables["ansible_play_hosts_all"])]
        asked = readiness.Asked(
            cluster=str(arguments.get("cluster") or "the cluster"),
            target=str(arguments.get("target") or ""),
            limits=core.thresholds(arguments.get("limits") or {}),
            fences=readiness.fences_declared({name: hostvars[name].get("failover_fence_command") for name in names}),
        )
        waivers = waiver.read(list(arguments.get("waivers") or []), today())
        report = readiness.judge(
            [_seen(name, hostvars[name]) for name in names], asked, list(arguments.get("tolerate") or [])
        )
        strangers = waiver.unknown(waivers, core.idents(report), names)
        report = core.waive(report, waivers)
        everything = bool(arguments.get("everything")) or display.verbosity > 0
        lines = core.lines(report, everything)
        for line in ["", *lines, ""]:
            display.display(line)
        found = core.as_dict(report, operations, require)
        summary = core.summary(report)
        if strangers:
            # Whoever waives it means something, and what that is nobody knows.
            found["verdict"] = checks.FAIL
            summary.append(f"no check of this cluster is meant by the waiver of {', '.join(strangers)}")
            display.display(summary[-1])
        result.update(
            changed=False,
            readiness=found,
            verdict=found["verdict"],
            summary=summary,
            table=core.lines(report, True),
        )
        if arguments.get("enforce", True) and core.stands_in_the_way(found["verdict"]):
            result.update(failed=True, **_refusal(report, operations, found["verdict"], summary).as_failure())


def _chosen(name: str, given: t.Sequence[t.Any], allowed: t.Sequence[str]) -> list[str]:
    """Words of an option that knows only some.

    :raises Refusal: for another word.
    """
    words = [str(word) for word in given]
    for word in words:
        if word not in allowed:
            raise Refusal(
                seen=f"readiness_{name} has the value {word!r}",
                meaning=f"Allowed is {', '.join(allowed)}",
                remedy=f"correct readiness_{name}",
                details={"variable": f"readiness_{name}", "value": word},
            )
    return words


def _seen(name: str, variables: t.Mapping[str, t.Any]) -> Seen:
    """A member with what its two runs of tibero_readiness_info told."""
    member = cluster.Member(**variables["standby_described"]["member"])
    look = variables.get("readiness_look") or {}
    if not look.get("state"):
        return readiness.silent(member, _why(look))
    facts = MemberFacts.read(look["state"])
    ways = variables.get("readiness_ways") or {}
    if ways.get("state"):
        more = MemberFacts.read(ways["state"])
        for fact in ("reach", "names", "logins", "positions"):
            facts = facts.with_fact(fact, more[fact])
    return Seen(member, facts, True)


def _why(look: t.Mapping[str, t.Any]) -> str:
    if look.get("unreachable"):
        return f"the host did not answer: {' '.join(str(look.get('msg') or '').split())[:160]}"
    if look.get("failed"):
        return f"it could not be read: {' '.join(str(look.get('msg') or '').split())[:160]}"
    return "it was not read"


def _refusal(report: core.Report, operations: t.Sequence[str], verdict: str, summary: t.Sequence[str]) -> Refusal:
    blocked = {
        candidate.name: {name: core.blocking(report, candidate, name) for name in operations}
        for candidate in report.candidates
    }
    return Refusal(
        seen="Readiness of {0} is {1}\n{2}".format(report.cluster, verdict, "\n".join(summary[1:])),
        meaning="Something stands in the way of what was asked about, and nothing was changed",
        remedy="follow the lines marked -> above; an UNKNOWN that is known to be harmless can be named in readiness_tolerate; "
        "readiness_enforce: false only reports",
        details={"verdict": verdict, "blocking": blocked},
    )
