# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides on the controller, from what all members are and what their journals say, what a role change does next; no host is touched."""

from __future__ import annotations

import os
import secrets
import socket
import time
import typing as t
from pathlib import Path

from ansible import constants as C
from ansible import context
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.firedrill.standby.plugins.module_utils._core import journal
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import cluster, failover_plan, role_plan
from ansible_collections.firedrill.standby.plugins.plugin_utils import _described, _registered

display = Display()

#: How a member was fenced that only a person says to be dead.
_BY_A_PERSON = "override of a person"


class ActionModule(ActionBase):
    """Reads ``standby_described`` and ``standby_observation`` of every member; meant for one run a play (``run_once``)."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Decide.

        :returns: ``ansible_facts.standby_change``; or a failure with seen, meaning and remedy.
        """
        result = super().run(tmp, task_vars)
        try:
            change = self._change(task_vars or {})
        except StandbyError as error:
            result.update(failed=True, changed=False, **error.as_failure())
            return result
        result.update(changed=False, ansible_facts={"standby_change": change})
        for line in change["plan"]:
            display.display(line)
        return result

    def _change(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        hostvars = variables["hostvars"]
        names = [str(name) for name in self._task.args.get("members", variables["ansible_play_hosts_all"])]
        members = _registered.members(hostvars, names)
        cluster.check_cluster(members)
        # A member that dropped out since it was observed is silent now, whatever it was then.
        gone = set(variables["ansible_play_hosts_all"]) - set(variables["ansible_play_hosts"])
        seen = {
            name: None if name in gone else _registered.result(hostvars[name], "standby_observation") for name in names
        }
        views = {name: role_plan.view_of(observed) for name, observed in seen.items()}
        records = _registered.journals(hostvars, [name for name in names if name not in gone])
        for name, record in records.items():
            _refuse_working(name, record, hostvars[name])
        found = journal.merge(records)
        wish = self._wish(record.change.started_at for record in records.values() if record is not None)
        more: dict[str, t.Any] = {}
        if self._task.args.get("kind", "switchover") == "failover":
            decision, more = self._failover(members, hostvars, views, found, wish)
        else:
            decision = role_plan.decide(names, views, found, wish)
            if decision.change is not None:
                cluster.check_mode(
                    members, decision.change.old if decision.change.kind == "undo" else decision.change.new
                )
        involved = role_plan.involved(decision)
        if wish.promote_first and members[0].protection_mode != "performance":
            raise Refusal(
                seen=f"role_change_promote_first is true and tibero_protection_mode is {members[0].protection_mode!r}",
                meaning="In this mode a primary does not boot before its LGWR SYNC standby runs, so the new primary cannot boot first",
                remedy="leave role_change_promote_first out, or lower the mode to performance with playbooks/standby.yml first",
                details={"variable": "role_change_promote_first"},
            )
        _refuse_few_forks(len(involved))
        log = self._log(members[0].db_name, decision)
        return {
            "mode": decision.mode,
            "change": decision.change.as_dict() if decision.change else {},
            "todo": list(decision.todo),
            "own": {name: role_plan.own(decision, name) for name in involved},
            "payload": decision.payload,
            "involved": involved,
            "result": decision.result,
            "words": decision.words,
            "run": secrets.token_hex(8),
            "guard": _guard(members, decision),
            "aliases": {member.name: list(cluster.aliases(members, member)) for member in members},
            "log": str(log) if log else "",
            "plan": [*_plan_text(decision), *more.get("plan", [])],
            "primary": _primary_after(decision, wish.target),
            **{name: value for name, value in more.items() if name != "plan"},
        }

    def _failover(
        self,
        members: list[cluster.Member],
        hostvars: t.Mapping[str, t.Any],
        views: t.Mapping[str, role_plan.View | None],
        found: journal.Merged | None,
        wish: role_plan.Wish,
    ) -> tuple[role_plan.Decision, dict[str, t.Any]]:
        """Who takes over, and what goes with it: who has to be fenced, what may be lost, whether the mode has to be lowered."""
        transports = {member.name: member.transport for member in members}
        seen = {name: _registered.result(hostvars[name], "standby_observation") or {} for name in views}
        modes = {name: _mode(members[0].protection_mode, each) for name, each in seen.items()}
        failover_plan.refuse_observer(
            {name: str((seen[name].get("tip") or {}).get("STANDBY_USE_OBSERVER", "")) for name in views if views[name]}
        )
        allowed = self._truth("allow_data_loss", "standby_allow_data_loss")
        overrides = {name: said for name, said in dict(self._task.args.get("overrides") or {}).items() if said}
        reached = max(failover_plan.seen_at(views), int(self._task.args.get("reached") or 0))
        fenced = [str(name) for name in self._task.args.get("fenced") or ()]
        fences = _fences(self._task.args.get("fences") or (), fenced)
        unproven = [str(fence["member"]) for fence in fences if fence["by"] == _BY_A_PERSON]
        failover = failover_plan.decide(
            views, transports, modes, found, wish, allowed, "primary" in overrides, fenced, reached, unproven
        )
        decision = failover.decision
        new = decision.change.new if decision.change else ""
        standbys = [name for name, view in views.items() if view is not None and view.is_standby]
        left = [name for name in standbys if name != new and name not in failover.ahead]
        lower = bool(new) and members[0].protection_mode != "performance"
        lower = lower and not [name for name in left if transports[name] == cluster.SYNC]
        evidence = {
            "loss": failover.loss._asdict(),
            "allowed": allowed,
            "candidates": list(failover.why),
            "lost": list(failover.lost),
            "ahead": list(failover.ahead),
            "overrides": overrides,
            "fences": fences,
        }
        more = {
            "lost": list(failover.lost),
            "loss": failover.loss._asdict(),
            "lower_mode": lower,
            "ports": _ports([member for member in members if member.name in failover.lost]),
            "ahead": list(failover.ahead),
            "reached": reached,
            "plan": _failover_text(failover, fenced, lower),
        }
        return _with_evidence(decision, evidence), more

    def _wish(self, moments: t.Iterable[str]) -> role_plan.Wish:
        arguments = self._task.args
        target = str(arguments.get("target") or "")
        user = os.environ.get("USER") or str(os.getuid())
        return role_plan.Wish(
            target=target,
            max_lag=int(arguments.get("max_lag", 1000)),
            promote_first=self._truth("promote_first", "role_change_promote_first"),
            change_id=str(arguments.get("change_id") or "")
            or f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}",
            holder=f"{user}@{socket.gethostname()}, process {os.getppid()}",
            started_at=journal.moment_after(moments),
            retreat=self._truth("retreat", "retreat"),
        )

    def _truth(self, option: str, variable: str) -> bool:
        """An option that is true or false; what is neither is refused by the name of the variable that people set."""
        return _described.truth(variable, self._templar.template(self._task.args.get(option, False)))

    def _log(self, cluster_name: str, decision: role_plan.Decision) -> Path | None:
        """The controller's own journal of this change, one line an event."""
        if decision.change is None:
            return None
        state_home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        given = str(self._task.args.get("journal_dir") or "") or os.path.join(state_home, "firedrill")
        directory = Path(given).expanduser() / cluster_name
        if not self._task.check_mode:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return directory / f"{decision.change.id}.jsonl"


def _mode(declared: str, seen: t.Mapping[str, t.Any]) -> str:
    """The protection mode by a survivor: its memory, its tip, its description."""
    running = str(((seen.get("state") or {}).get("protection_mode") or {}).get("value", "UNKNOWN"))
    return failover_plan.mode_of(running, str((seen.get("tip") or {}).get("LOG_REPLICATION_MODE", "")), declared)


def _ports(lost: t.Iterable[cluster.Member]) -> list[dict[str, t.Any]]:
    """The ports on which a lost member would serve clients: listener, special and SSL (H, vendor's manual)."""
    return [
        {"member": member.name, "host": member.address, "port": port}
        for member in lost
        for port in range(member.listener_port, member.listener_port + 3)
    ]


def _guard(members: t.Iterable[cluster.Member], decision: role_plan.Decision) -> dict[str, dict[str, t.Any]]:
    """By member who has to watch, whose writes are tried and how they are reached; nobody's while a change is taken back, which makes one the primary again.

    A failover names all that had to be fenced, since each of them may have been the primary.
    """
    change = decision.change
    if (
        change is None
        or change.kind == "undo"
        or decision.mode not in (role_plan.BEGIN, role_plan.RESUME, role_plan.CLOSE)
    ):
        return {}
    former = change.old.split(",")
    watched = [
        {"member": each.name, "alias": cluster.alias_of(each), "host": each.address, "port": each.listener_port}
        for each in members
        if each.name in former
    ]
    return {change.new: {"members": watched}} if watched else {}


def _with_evidence(decision: role_plan.Decision, evidence: dict[str, t.Any]) -> role_plan.Decision:
    """What it was decided on goes into the journal; a run that takes a failover up keeps that of the first."""
    if decision.mode == role_plan.BEGIN and decision.change is not None:
        decision = decision._replace(change=decision.change._replace(evidence=evidence))
    elif decision.change is not None and decision.change.evidence:
        evidence = dict(decision.change.evidence)
    return decision._replace(payload={**decision.payload, "evidence": evidence})


def _failover_text(failover: failover_plan.Failover, fenced: list[str], lower: bool) -> list[str]:
    """What people are told before anything happens."""
    new = failover.decision.change.new if failover.decision.change else ""
    text = [f"  {line}" for line in failover.why] + [f"  {failover.loss.text()}."] * bool(failover.decision.todo)
    if fenced:
        text.append(f"  Fenced: {', '.join(fenced)}. What the others hold was read after that.")
    elif failover.lost:
        text.append(f"  To be fenced first: {', '.join(failover.lost)}.")
    if failover.ahead:
        text.append(f"  To be built anew, since they hold more than {new}: {', '.join(failover.ahead)}.")
    if lower:
        text.append("  No SYNC standby is left, so LOG_REPLICATION_MODE of the new primary is lowered to PERFORMANCE.")
    return text


def _fences(results: t.Iterable[t.Mapping[str, t.Any]], fenced: t.Iterable[str]) -> list[dict[str, t.Any]]:
    """How each member was fenced, from what the tasks that did it registered; the last that did it counts."""
    found: dict[str, dict[str, t.Any]] = {}
    for result in results:
        if result.get("failed") or result.get("unreachable") or result.get("skipped"):
            continue
        if "cmd" in result:
            found[result["item"]] = {"by": "command of the site", "rc": result.get("rc"), "ended_at": result.get("end")}
        elif "fenced" in result:
            found[result["item"]] = {"by": "its own host", "killed": result.get("killed"), "record": result["fenced"]}
    return [{"member": name, **found.get(name, {"by": _BY_A_PERSON})} for name in fenced]


def _refuse_working(name: str, record: journal.Record | None, variables: t.Mapping[str, t.Any]) -> None:
    """A worker that is still there after we waited for it has a living controller."""
    seen = _registered.result(variables, "standby_observation") or {}
    if record is None or not record.is_open or not seen.get("role_change", {}).get("working"):
        return
    raise Refusal(
        seen=f"A {record.change.kind} from {record.change.old} to {record.change.new} is under way on {name}, begun by "
        f"{record.change.holder} at {journal.since(record.change.started_at)}",
        meaning="One role change at a time; its controller gave a sign of life within the last seconds",
        remedy="wait for its end and look at playbooks/status.yml; if that controller is gone, run again in a minute",
        details={"change": record.change.as_dict()},
    )


def _refuse_few_forks(needed: int) -> None:
    forks = int(context.CLIARGS.get("forks") or C.DEFAULT_FORKS)
    if forks < needed:
        raise Refusal(
            seen=f"forks is {forks}",
            meaning=f"The {needed} members of a role change hand over to each other, so they have to be worked on at the same time",
            remedy=f"set forks to {needed} or more (ansible.cfg, ANSIBLE_FORKS or -f)",
            details={"variable": "forks"},
        )


def _plan_text(decision: role_plan.Decision) -> list[str]:
    """What is going to happen, for people: printed before anything happens."""
    if decision.change is None:
        return [f"Nothing to do: {decision.words}."]
    head = {
        role_plan.BEGIN: "{0.kind} {0.id}: {0.old} hands over to {0.new}",
        role_plan.RESUME: "{0.kind} {0.id} from {0.old} to {0.new} stopped half-way and goes on",
        role_plan.UNDO: "{0.undoes} from {0.old} to {0.new} stopped half-way and is taken back",
        role_plan.CLOSE: "{0.kind} {0.id} from {0.old} to {0.new} has come to its end; its journals are closed",
        role_plan.PERSON: "{0.kind} {0.id} from {0.old} to {0.new} needs a person",
    }[decision.mode]
    if decision.change.kind == "failover" and decision.mode == role_plan.BEGIN:
        head = "failover {0.id}: {0.new} takes over from {0.old}"
    steps = {step.number: step for step in decision.change.steps}
    lines = [head.format(decision.change)]
    return lines + [f"  {place}. {steps[number].title}" for place, number in enumerate(decision.todo, 1)]


def _primary_after(decision: role_plan.Decision, target: str) -> str:
    """Who is primary when the decision has been carried out."""
    if decision.change is None:
        return target
    return decision.change.old if decision.result == journal.UNDONE else decision.change.new
