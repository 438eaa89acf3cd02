# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The probe for Tibero on a client host. What the modules drill_probe and drill_probe_info do."""

import os
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, probe, probe_job
from ansible_collections.firedrill.standby.plugins.module_utils._core.client_look import DRILL_VARIABLE
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.ledger import TABLE
from ansible_collections.firedrill.standby.plugins.module_utils._core.probe_session import Session
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Child, Command, Spawner, spawn
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import options
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.probe_session import DRIVER, TiberoSession

STARTED, STOPPED = "started", "stopped"

_JOB_SPEC: Dict[str, Any] = {
    "directory": {"type": "path", "required": True},
    "name": {"type": "str", "default": "probe"},
}
INFO_SPEC: Dict[str, Any] = dict(_JOB_SPEC, ledgers={"type": "bool", "default": True})
PROBE_SPEC: Dict[str, Any] = dict(
    options.INSTANCE_SPEC,
    **_JOB_SPEC,
    sys_user=options.LOGIN_SPEC["sys_user"],
    sys_password=options.LOGIN_SPEC["sys_password"],
    state={"type": "str", "choices": [STARTED, STOPPED], "default": STARTED},
    drill={"type": "str", "default": ""},
    paths={
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "alias": {"type": "str", "required": True},
            "writers": {"type": "int", "default": 0},
            "readers": {"type": "int", "default": 0},
        },
    },
    guards={
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "member": {"type": "str", "required": True},
            "alias": {"type": "str", "required": True},
            "host": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
        },
    },
    prefix={"type": "str", "default": ""},
    interval_ms={"type": "int", "default": 100},
    guard_interval_ms={"type": "int", "default": 50},
    payload_size={"type": "int", "default": 100},
    epoch={"type": "int", "default": 1},
    lease_seconds={"type": "int", "default": 60},
    members={"type": "dict", "default": {}},
    client={"type": "str", "default": ""},
    lab_host={"type": "bool", "default": False},
)


def refuse_on_member(client: Tibero, allowed: bool) -> None:
    """A probe beside a server shares its fate: the host that dies takes the evidence with it.

    :raises Refusal: when a server of this TB_SID runs here. :raises UnknownState: when that cannot be told.
    """
    if allowed:
        return
    own = client.processes()
    if own is None:
        raise UnknownState(
            seen="The processes of this host cannot be listed",
            meaning="Whether a member of the cluster runs here is not known, and a probe never runs beside one",
            remedy="Make 'ps -efww' work for the user of this task",
        )
    pids = [item.pid for item in own] + [item.pid for item in client.strangers()]
    if pids:
        raise Refusal(
            seen="A server of {0} runs on this host: process {1}".format(client.tb_sid, ", ".join(map(str, pids))),
            meaning="The drill may end this host, and the ledger with it; what its own server answers is not what clients see",
            remedy="Run the probe on a client host, such as the controller; on a host that is a whole lab set lab_host: true",
        )


def _specs(params: Mapping[str, Any]) -> List[Tuple[probe.StreamSpec, str, Any]]:
    """The streams of the parameters, each with its alias and what it knocks at."""
    prefix, interval = str(params["prefix"]), int(params["interval_ms"]) * probe.MILLISECOND
    guard_interval = int(params["guard_interval_ms"]) * probe.MILLISECOND
    found: List[Tuple[probe.StreamSpec, str, Any]] = []
    numbers = {"writers": 0, "readers": 0}
    for path in params["paths"]:
        for what, letter, kind in (("writers", "w", "write"), ("readers", "r", "read")):
            first, count = numbers[what], int(path[what])
            numbers[what] += count
            names = ["{0}{1}{2:02d}".format(prefix, letter, number) for number in range(first, first + count)]
            for spec in probe.spread(names, kind, str(path["name"]), interval):
                found.append((spec, str(path["alias"]), None))
    for guard in params["guards"]:
        name = "{0}g-{1}".format(prefix, guard["member"])
        path_name = "direct:{0}".format(guard["member"])
        spec = probe.StreamSpec(name, "guard", path_name, guard_interval, 0)
        found.append((spec, str(guard["alias"]), (str(guard["host"]), int(guard["port"]))))
    return found


def _refuse_bad(params: Mapping[str, Any], specs: List[Tuple[probe.StreamSpec, str, Any]]) -> None:
    probe_job.checked_name("name", str(params["name"]))
    probe_job.checked_name("drill", str(params["drill"]))
    for spec, _alias, _knock in specs:
        probe_job.checked_name("prefix, or the member of a guard,", spec.name)
    numbers = ("interval_ms", "guard_interval_ms", "lease_seconds", "payload_size", "epoch")
    low = [name for name in numbers if int(params[name]) < 1]
    doubled = len(specs) != len({spec.name for spec, _alias, _knock in specs})
    if low or not specs or doubled or not 60 <= int(params["payload_size"]) <= 2000:
        raise Refusal(
            seen="{0} streams; {1}".format(
                len(specs), ", ".join("{0}: {1}".format(name, params[name]) for name in numbers)
            ),
            meaning="A probe needs at least one writer, reader or guard, each guard once, numbers above zero, and a payload of 60 to 2000 "
            "characters",
            remedy="Correct 'paths', 'guards' and these numbers",
        )


def _plan(context: Context, client: Tibero, spawner: Spawner) -> probe_job.Plan:
    params = context.params
    specs = _specs(params)
    _refuse_bad(params, specs)
    aliases = {spec.name: (alias, knock) for spec, alias, knock in specs}
    # A wrong account, password or alias is told here and not by every session.
    for alias, _knock in aliases.values():
        client.at(alias).connect_line()
    client.program("tbsql")
    members = {str(seen): str(name) for seen, name in (params["members"] or {}).items()}

    # By this a program that outlives its probe is found at the end.
    mark = {DRILL_VARIABLE: str(params["drill"])}

    def marked(command: Command) -> Child:
        return spawner(command._replace(environment=dict(command.environment, **mark)))

    def make(spec: probe.StreamSpec) -> Session:
        alias, knock = aliases[spec.name]
        return TiberoSession(client.at(alias), marked, members, knock)

    described = [[list(spec), alias, knock] for spec, alias, knock in specs]
    key = probe.key_of(
        {
            "streams": described,
            "home": client.tb_home,
            "user": params["sys_user"],
            "members": members,
            **{name: params[name] for name in ("drill", "payload_size", "lease_seconds", "client")},
        }
    )
    header = {
        "client": str(params["client"]) or os.uname().nodename,
        "engine": "tibero",
        "driver": DRIVER,
        "drill": str(params["drill"]),
        "table": TABLE,
        "key": key,
    }
    streams = [spec for spec, _alias, _knock in specs]
    payload = probe.payload_of(str(params["drill"]), int(params["payload_size"]))
    return probe_job.Plan(
        str(params["directory"]),
        str(params["name"]),
        key,
        float(params["lease_seconds"]),
        header,
        streams,
        make,
        payload,
    )


def ensure_probe(context: Context, spawner: Spawner = spawn) -> Outcome:
    """Start, renew or stop the probe; see the documentation of drill_probe."""
    params = context.params
    directory, name = str(params["directory"]), probe_job.checked_name("name", str(params["name"]))
    before = detached.ask(directory, name)
    if params["state"] == STOPPED:
        if before.is_running and not context.check_mode:
            return _outcome(True, before, probe_job.stop(directory, name))
        return _outcome(before.is_running, before, before)
    client = options.client_of(context)
    refuse_on_member(client, bool(params["lab_host"]))
    plan = _plan(context, client, spawner)
    if before.is_running and before.key != plan.key:
        raise detached.busy(before)
    if not before.is_running:
        probe_job.refuse_old_ledgers(plan)
    same_epoch = probe_job.read_epoch(directory, name) == int(params["epoch"])
    if context.check_mode:
        return _outcome(not before.is_running or not same_epoch, before, before, plan.streams)
    if not before.is_running:
        plan = plan._replace(header=dict(plan.header, clock_sync=probe_job.clock_sync(context.runner)))
    started = probe_job.start(plan, int(params["epoch"]))
    told = started.attached and probe_job.set_epoch(directory, name, int(params["epoch"]))
    if not started.status.is_running:
        raise UnknownState(
            seen="The probe ended as soon as it was started: {0}".format(started.status.error or started.status.result),
            meaning="There is no load and no measurement",
            remedy="Read {0}/{1}.log".format(directory, name),
            details={"job": started.status.as_dict()},
        )
    return _outcome(not started.attached or told, before, started.status, plan.streams)


def _values(status: detached.Status) -> Dict[str, Any]:
    """A job as the modules return it."""
    counts = status.result or status.progress
    return {
        "job_state": status.state,
        "pid": status.process.pid if status.process and status.is_running else None,
        "age": status.age,
        "heartbeat_age": status.heartbeat_age,
        "counts": {
            name: counts.get(name) for name in probe.Counts.NAMES + ("worst_late_ms", "seconds", "quiet_seconds")
        },
        "kept_schedule": counts.get("kept_schedule"),
        "broken": dict(counts.get("broken") or {}),
        "reason": str(counts.get("reason", "")),
        "error": dict(status.error),
    }


def _outcome(
    changed: bool, before: detached.Status, after: detached.Status, streams: Sequence[probe.StreamSpec] = ()
) -> Outcome:
    values = _values(after)
    values["ledgers"] = [os.path.basename(probe.ledger_path("", spec.name)) for spec in streams]
    warnings = []
    if values["kept_schedule"] is False:
        warnings.append(
            "The probe did not keep its schedule: {late} of {slots} slots late, {behind} not sent because it was behind".format(
                **values["counts"]
            )
        )
    if values["broken"]:
        warnings.append("Ledgers that could not be written any more: {0}".format(values["broken"]))
    words = {True: "running", False: "not running"}
    return Outcome(
        changed,
        values,
        {"probe": words[before.is_running]},
        {"probe": words[after.is_running]},
        "probe {0}".format(after.name),
        warnings,
    )


def probe_info(context: Context) -> Outcome:
    """What a probe does and what its ledgers hold; see the documentation of drill_probe_info."""
    params = context.params
    directory, name = str(params["directory"]), probe_job.checked_name("name", str(params["name"]))
    values = _values(detached.ask(directory, name))
    ledgers = probe_job.summaries(directory) if params["ledgers"] and os.path.isdir(directory) else []
    values.update(epoch=probe_job.read_epoch(directory, name), ledgers=ledgers)
    return Outcome(False, values)
