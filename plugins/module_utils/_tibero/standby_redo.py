# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What the module tibero_standby_redo does: log groups that only a standby writes, with the redo it receives.

Rules (H, 11.4 of the reference; the manuals of 6 and 7 differ, conflicts 5 and 6): size always that of the online logs (TBR-1132); on 7 thread 0,
count and group numbers as online, no multiplexing, not to be disabled again; on 6 the count is free, twice the online one recommended, and no
THREAD clause. On 6 nothing says whether numbers of online groups may be used again, so new ones follow them (L). Adding them to a standby that
runs already, rather than while it is built, is not described; the statements and their order are those of building one (L).
"""

import json
import os
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts
from ansible_collections.firedrill.standby.plugins.module_utils._core.detached import (
    private_directory,
    read_json,
    write_atomically,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import (
    config_file,
    decide_replication,
    member,
    options,
    role_record,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Query, Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.cluster import redo_parameter
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.decide_boot import ALWAYS, Wish
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.drive import ensure
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.tip import render_size
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.instance_tasks import (
    REDO_PARAMETERS,
    redo_parameter_of,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.replication import RUNNING_WORDS

STANDBY_REDO_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC,
    groups={"type": "int", "default": 0},
    directory={"type": "path"},
    parameter={"type": "str", "choices": list(REDO_PARAMETERS)},
    version={"type": "int", "choices": [6, 7], "default": 7},
    restart={"type": "bool", "default": False},
    primary_alias={"type": "str"},
    destination={"type": "int"},
)

ENABLE = "ALTER DATABASE ENABLE PUBLIC STANDBY REDO THREAD 0"
RECOVER = "ALTER DATABASE RECOVER AUTOMATIC FOR STANDBY"


class Group(NamedTuple):
    """One standby redo log group."""

    group: int
    member: str
    bytes: int


class Logs(NamedTuple):
    """The log groups of a standby: the numbers and the size of the online ones, and its standby redo logs."""

    online: Tuple[int, ...]
    size: int
    groups: Tuple[Group, ...]


class Redo(NamedTuple):
    """What decisions are made of: the logs, the open mode, whether the parameter is on in the tip and in the running instance, and whether
    work of ours was begun and not finished."""

    logs: Logs
    open_mode: str
    parameter: bool
    live: bool
    begun: bool


# --------------------------------------------------------------------------------------- deciding


def wanted_groups(logs: Logs, count: int, version: int, directory: str) -> Tuple[Group, ...]:
    """The groups to have, by the rules of the version.

    :arg count: 0 follows the vendor. :raises Refusal: for a number that the version does not allow, or groups that are not right.
    """
    number = count or (len(logs.online) if version == 7 else 2 * len(logs.online))
    if version == 7 and number != len(logs.online):
        raise Refusal(
            seen="{0} standby redo log groups were asked for; there are {1} online groups".format(
                number, len(logs.online)
            ),
            meaning="On 7 their number and their group numbers are those of the online groups",
            remedy="Leave the number out, or change the number of online groups before the standbys are built",
        )
    wrong = [one for one in logs.groups if one.bytes != logs.size]
    if wrong:
        raise Refusal(
            seen="Standby redo log group {0} has {1} bytes, the online logs have {2}".format(
                wrong[0].group, wrong[0].bytes, logs.size
            ),
            meaning="Standby redo logs must have the size of the online logs (TBR-1132), and cannot be taken away again",
            remedy="Build the standby anew",
        )
    if len(logs.groups) > number and count:
        raise Refusal(
            seen="{0} standby redo log groups were asked for, and there are {1}".format(number, len(logs.groups)),
            meaning="They cannot be taken away again",
            remedy="Ask for as many as there are",
        )
    first = 0 if version == 7 else max(logs.online) + 1
    numbers = sorted(logs.online) if version == 7 else list(range(first, first + number))
    held = {one.group: one for one in logs.groups}
    return tuple(
        held.get(one, Group(one, os.path.join(directory, "standby{0:03d}.log".format(one)), logs.size))
        for one in numbers
    )


def add_statement(group: Group, version: int) -> str:
    """The statement that adds a group."""
    return "ALTER DATABASE ADD STANDBY LOGFILE {0}GROUP {1} '{2}' SIZE {3}".format(
        "THREAD 0 " if version == 7 else "", group.group, group.member, render_size(group.bytes)
    )


def decide(seen: Redo, wanted: Sequence[Group], version: int) -> List[str]:
    """The statements to run in MOUNT, in the vendor's order; empty when nothing is missing."""
    have = {one.group for one in seen.logs.groups}
    missing = [one for one in wanted if one.group not in have]
    if not missing and not seen.begun and seen.parameter and seen.live:
        return []
    return [add_statement(one, version) for one in missing] + [ENABLE, RECOVER]


# ---------------------------------------------------------------------------------------- looking


def _numbers(text: Any) -> int:
    return int(text) if str(text or "").isdigit() else -1


def _logs(client: Tibero) -> Logs:
    """The logs as the views name them. :raises UnknownState: when a view cannot be read by columns of known names."""
    online, standby = client.ask([Query("V$LOG", ("GROUP#", "BYTES")), Query("V$STANDBY_LOGFILE")])
    numbers = [(_numbers(row.get("GROUP#")), _numbers(row.get("BYTES"))) for row in online.rows]
    if not online.is_known or not numbers or [one for one in numbers if min(one) < 0]:
        raise _unreadable("V$LOG", online.why or "no GROUP# and BYTES")
    if len({size for _number, size in numbers}) > 1:
        raise Refusal(
            seen="The online logs have different sizes: {0}".format(sorted({size for _number, size in numbers})),
            meaning="Standby redo logs must have the size of the online logs, and there is more than one",
            remedy="Give all online logs one size before the standbys are built",
        )
    groups: Dict[int, Group] = {}
    for row in standby.rows:
        found = Group(_numbers(row.get("GROUP#")), str(row.get("MEMBER") or ""), _numbers(row.get("BYTES")))
        if found.group < 0 or found.bytes < 0:
            raise _unreadable("V$STANDBY_LOGFILE", "its columns are {0}".format(", ".join(row)))
        groups[found.group] = found
    if not standby.is_known:
        raise _unreadable("V$STANDBY_LOGFILE", standby.why)
    return Logs(
        tuple(sorted(number for number, _size in numbers)), numbers[0][1], tuple(groups[one] for one in sorted(groups))
    )


def _unreadable(view: str, why: str) -> UnknownState:
    return UnknownState(
        seen="{0} cannot be read: {1}".format(view, why),
        meaning="Which logs there are cannot be told (no manual at hand lists the columns), so none is added",
        remedy="Look at the view by hand",
    )


def _record_path(client: Tibero) -> str:
    return os.path.join(client.record_directory, "standby_redo.json")


def _begun(client: Tibero) -> bool:
    """Whether work of ours on these control files was begun and not finished."""
    record = read_json(_record_path(client)) or {}
    return bool(record) and record.get("control_files") == role_record.identities(client) and not record.get("finished")


def _note(client: Tibero, finished: bool) -> None:
    private_directory(client.record_directory)
    record = {"control_files": role_record.identities(client), "finished": finished}
    write_atomically(_record_path(client), json.dumps(record, indent=1, sort_keys=True) + "\n")


def _look(client: Tibero, parameter: str) -> Redo:
    seen = member.look(client)
    mode = seen.state.open_mode
    standby = seen.state.role.equals(facts.STANDBY) or (
        mode.equals(facts.MOUNTED) and seen.record.role == facts.STANDBY and seen.record.same_control_files
    )
    if not standby or mode.value not in (facts.MOUNTED, facts.RECOVERING, facts.READ_ONLY):
        raise UnknownState(
            seen="Role of {0} is {1!r}, open mode {2!r}".format(client.tb_sid, seen.state.role, mode),
            meaning="Standby redo logs are added to a standby, which is in recovery or mounted for it",
            remedy="Boot the standby with `tbboot -t RECOVERY`; playbooks/status.yml shows what each member is",
            details={"state": seen.state.as_dict()},
        )
    live = client.live_parameters().get(parameter, "").strip('" ').upper().startswith("Y")
    on = redo_parameter_of(client) == parameter
    return Redo(_logs(client), str(mode.value), on, live, _begun(client))


# ------------------------------------------------------------------------------------------- work


def _refuse_last(client: Tibero, alias: str, destination: int) -> None:
    """In PROTECTION the primary ends with its last LGWR SYNC standby (H, MAN), so it is asked before this one is stopped."""
    try:
        mode, links = member.sends(client.at(alias))
    except StandbyError as error:
        raise UnknownState(
            seen="The primary ({0}) does not answer: {1}".format(alias, error.seen),
            meaning="Whether it can do without this standby is not known",
            remedy="Make the alias of the primary work on this host, then run again",
        ) from error
    others = [
        one
        for one in links.value or ()
        if one.number != destination
        and one.transport == decide_replication.SYNC
        and not one.enabled.equals(False)
        and one.state.is_known
        and str(one.state.value).upper() in RUNNING_WORDS
    ]
    if mode.is_known and (mode.value != decide_replication.PROTECTION or others):
        return
    raise Refusal(
        seen="Mode of the primary is {0!r}; other LGWR SYNC standbys that are seen running: {1}".format(
            mode, ", ".join(str(one.number) for one in others) or "none"
        ),
        meaning="In PROTECTION the primary ends when its last LGWR SYNC standby stops",
        remedy="Legal is AVAILABILITY or PERFORMANCE first (tibero_protection_mode, playbooks/standby.yml), then this, then PROTECTION again",
    )


def _refuse_restart(client: Tibero, seen: Redo, statements: Sequence[str]) -> Refusal:
    return Refusal(
        seen="{0} is {1}; to do in MOUNT: {2}".format(client.tb_sid, seen.open_mode, "; ".join(statements)),
        meaning="Standby redo logs are added in MOUNT, so the standby has to be stopped and receives nothing meanwhile",
        remedy="Set restart: true (in playbooks/standby.yml standby_redo_restart: true) when that is acceptable",
    )


def _write_parameter(client: Tibero, parameter: str) -> None:
    path = client.tip_path
    others = [name for name in REDO_PARAMETERS if name != parameter]
    change = config_file.plan_tip(path, config_file.read_text(path), {parameter: "Y"}, others, False)
    if change.changed:
        config_file.write(change, False)


def ensure_standby_redo(context: Context) -> Outcome:
    """Add what is missing; see the module's documentation."""
    params = context.params
    client = options.client_of(context)
    version = int(params["version"])
    parameter = params.get("parameter") or redo_parameter_of(client) or redo_parameter(version)
    seen = _look(client, parameter)
    directory = params.get("directory") or client.parameter("DB_CREATE_FILE_DEST")
    wanted = wanted_groups(seen.logs, int(params["groups"]), version, directory)
    statements = decide(seen, wanted, version)
    operating = seen.open_mode != facts.MOUNTED
    if statements and operating:
        if not params["restart"]:
            raise _refuse_restart(client, seen, statements)
        _refuse_last(client, str(params["primary_alias"]), int(params["destination"]))
    steps = _steps(seen, parameter, statements)
    after = seen._replace(logs=seen.logs._replace(groups=wanted), parameter=True) if statements else seen
    if statements and not context.check_mode:
        _work(client, seen, parameter, statements)
        after = _look(client, parameter)
        left = decide(after, wanted, version)
        if left:
            raise StandbyError(
                seen="After {0} there is still to do: {1}".format("; ".join(steps), "; ".join(left)),
                meaning="Each statement was confirmed, and the views do not show it",
                remedy="Look at V$STANDBY_LOGFILE by hand",
            )
    values = {
        "groups": [dict(one._asdict()) for one in after.logs.groups],
        "parameter": parameter,
        "steps": steps,
        "restarted": bool(statements) and operating,
    }
    return Outcome(
        bool(statements), values, _shown(seen, parameter), _shown(after, parameter), "logs of " + client.tb_sid
    )


def _steps(seen: Redo, parameter: str, statements: Sequence[str]) -> List[str]:
    if not statements:
        return []
    through = [] if seen.open_mode == facts.MOUNTED and seen.live else ["tbdown", "tbboot -t MOUNT"]
    back = [] if seen.open_mode == facts.MOUNTED else ["tbdown", "tbboot -t RECOVERY"]
    return ([] if seen.parameter else [parameter + "=Y in the tip"]) + through + list(statements) + back


def _work(client: Tibero, seen: Redo, parameter: str, statements: Sequence[str]) -> None:
    """The way through MOUNT and back to where the standby was, also when a statement fails; the next run goes on from there."""
    _note(client, False)
    _write_parameter(client, parameter)
    if seen.open_mode != facts.MOUNTED or not seen.live:
        ensure(client, Wish(facts.STOPPED))
        ensure(client, Wish("mount"))
    failure: Optional[StandbyError] = None
    try:
        for statement in statements:
            client.execute(statement, ("altered",))
    except StandbyError as error:
        failure = error
    if seen.open_mode != facts.MOUNTED:
        ensure(client, Wish("recovery", restart=ALWAYS))
    if failure is not None:
        raise failure
    _note(client, True)


def _shown(seen: Redo, parameter: str) -> Dict[str, Any]:
    return {
        parameter: "Y" if seen.parameter else "not set",
        "groups": ["{0} {1} {2}".format(*one) for one in seen.logs.groups],
    }
