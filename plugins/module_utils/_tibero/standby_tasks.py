# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What the modules tibero_standby_controlfile and tibero_archivelog do."""

from typing import Any, Dict, List, Optional

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    Refusal,
    StandbyError,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import (
    MOUNTED,
    PRIMARY,
    READ_WRITE,
    STANDBY,
    STOPPED,
    MemberState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import options, role_record
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.decide_boot import ALWAYS, DOWN_MODES, Wish
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.drive import ensure
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.instance_tasks import values_of
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import Seen, look

CONTROLFILE_SPEC: Dict[str, Any] = dict(options.COMMON_SPEC)

ARCHIVELOG_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC,
    state={"type": "str", "choices": ["archivelog", "noarchivelog"], "default": "archivelog"},
    restart={"type": "bool", "default": False},
    down_mode={"type": "str", "choices": list(DOWN_MODES), "default": "immediate"},
)

#: The statement that makes a standby's control file of a copied one (H, administrator's guide), and the words of its
#: reply (H, recorded).
STANDBY_CONTROLFILE = "ALTER DATABASE STANDBY CONTROLFILE"
ALTERED = ("altered",)


def ensure_standby_controlfile(context: Context) -> Outcome:
    """Convert the control file; see the module's documentation."""
    client = options.client_of(context)
    seen = look(client)
    done = _is_converted(seen)
    if not done:
        _refuse_conversion(seen)
    if done or context.check_mode:
        return _controlfile_outcome(seen, seen, not done, "" if done else STANDBY)
    client.execute(STANDBY_CONTROLFILE, ALTERED)
    role_record.write(client, STANDBY, "{0} at {1}".format(STANDBY_CONTROLFILE, client.tb_sid))
    after = look(client)
    if after.record.role != STANDBY:
        raise StandbyError(
            seen="{0} does not hold the role that was just recorded".format(after.record.path),
            meaning="The control file was converted, but a later NORMAL boot would not be refused by us",
            remedy="Check the file system and the owner of {0}, then run again".format(client.record_directory),
        )
    return _controlfile_outcome(seen, after, True, after.record.role)


def _is_converted(seen: Seen) -> bool:
    """A running standby is proof; at MOUNT only our own record, and only while the control files are the ones it
    names."""
    if seen.state.role.equals(STANDBY):
        return True
    return seen.state.open_mode.equals(MOUNTED) and seen.record.role == STANDBY and seen.record.same_control_files


def _refuse_conversion(seen: Seen) -> None:
    state = seen.state
    if not state.open_mode.is_known:
        raise UnknownState(
            seen="{0}: {1!r}".format(state.name, state.open_mode),
            meaning="What state the instance is in cannot be told, so its control file is not touched",
            remedy="Make it answer first; look at it with firedrill.standby.tibero_instance_info",
            details={"state": state.as_dict()},
        )
    if seen.record.role == PRIMARY and seen.record.same_control_files:
        raise Refusal(
            seen="{0} records these control files as those of a primary ({1})".format(
                seen.record.path, seen.record.reason
            ),
            meaning="Converting them would turn a primary into a standby",
            remedy="If these files are a fresh copy after all, remove {0}".format(seen.record.path),
            details={"state": state.as_dict()},
        )
    if not state.open_mode.equals(MOUNTED):
        raise Refusal(
            seen="{0} is {1}".format(state.name, state.open_mode.value),
            meaning="The control file can only be converted in MOUNT, where it is open and the data files are not",
            remedy="Boot it with firedrill.standby.tibero_instance and mode mount; stop it first if it is a "
            "primary in use",
            details={"state": state.as_dict()},
        )


def _controlfile_outcome(before: Seen, after: Seen, changed: bool, recorded: str) -> Outcome:
    values = values_of(after)
    values["record"] = after.record.path
    return Outcome(
        changed,
        values,
        {"control_file": before.record.role or "not recorded"},
        {"control_file": recorded or before.record.role or "not recorded"},
        "control file of {0}".format(before.state.name),
    )


# ----------------------------------------------------------------------------------- archive mode


def ensure_archive_mode(context: Context) -> Outcome:
    """Switch archiving of redo on or off; see the module's documentation."""
    params = context.params
    client = options.client_of(context)
    wanted = params["state"] == "archivelog"
    seen = look(client)
    if seen.state.archive_mode.equals(wanted):
        return _archive_outcome(seen, seen, [], False)
    _refuse_archive(seen, params)
    statement = "ALTER DATABASE {0}".format(params["state"].upper())
    steps = _archive_steps(seen, statement)
    if context.check_mode:
        return _archive_outcome(seen, seen, steps, True, wanted)
    _switch_archiving(client, seen, statement, params["down_mode"])
    after = look(client)
    if seen.state.process.equals(True) and not after.state.archive_mode.equals(wanted):
        raise CommandFailed(
            seen="Archive mode is {0!r} after {1}".format(after.state.archive_mode, statement),
            meaning="The server confirmed the statement, but the view does not show it",
            remedy="Look at V$DATABASE.LOG_MODE by hand",
            details={"state": after.state.as_dict()},
        )
    return _archive_outcome(seen, after, steps, True)


def _archive_steps(seen: Seen, statement: str) -> List[str]:
    if seen.state.open_mode.equals(MOUNTED):
        return [statement]
    before = [] if seen.state.open_mode.equals(STOPPED) else ["tbdown"]
    after = ["tbdown"] + ([] if seen.state.open_mode.equals(STOPPED) else ["tbboot -t NORMAL"])
    return before + ["tbboot -t MOUNT", statement] + after


def _refuse_archive(seen: Seen, params: Any) -> None:
    state: MemberState = seen.state
    if state.role.equals(STANDBY) or (not state.role.is_known and seen.record.role == STANDBY):
        raise Refusal(
            seen="{0} is a standby".format(state.name),
            meaning="The archive mode is a property of the database and comes from the primary",
            remedy="Set it on the primary before the standbys are built",
            details={"state": state.as_dict()},
        )
    if not state.open_mode.is_known or state.open_mode.value not in (MOUNTED, READ_WRITE, STOPPED):
        raise UnknownState(
            seen="{0} is {1!r}".format(state.name, state.open_mode),
            meaning="The archive mode is changed in MOUNT, on the way from and to an open or stopped primary only",
            remedy="Bring the instance to mount or normal first",
            details={"state": state.as_dict()},
        )
    mode = state.protection_mode.value if state.protection_mode.is_known else ""
    has_standby = bool(state.destinations.is_known and state.destinations.value)
    if has_standby and (params["state"] == "noarchivelog" or mode in ("PROTECTION", "AVAILABILITY")):
        raise Refusal(
            seen="{0} sends redo to standbys (mode {1})".format(state.name, mode or "UNKNOWN"),
            meaning="Without archives a standby cannot catch up after a gap"
            if params["state"] == "noarchivelog"
            else "In this mode the primary does not boot without its standby, and it has to be booted twice",
            remedy="Remove the destinations (and lower the mode to PERFORMANCE) first, and build the standbys "
            "anew afterwards",
            details={"state": state.as_dict()},
        )
    if state.open_mode.equals(READ_WRITE) and not params["restart"]:
        raise Refusal(
            seen="{0} is open; {1} was asked for".format(state.name, params["state"]),
            meaning="The archive mode can only be changed in MOUNT, so the database has to be stopped and "
            "started twice",
            remedy="Set restart: true when an interruption is acceptable",
            details={"state": state.as_dict()},
        )


def _switch_archiving(client: Tibero, seen: Seen, statement: str, down_mode: str) -> None:
    """The way through MOUNT and back to where the instance was, also when the statement fails."""
    if seen.state.open_mode.equals(MOUNTED):
        client.execute(statement, ALTERED)
        return
    ensure(client, Wish("mount", down_mode, ALWAYS))
    failure: Optional[StandbyError] = None
    try:
        client.execute(statement, ALTERED)
    except StandbyError as error:
        failure = error
    ensure(client, Wish(STOPPED, down_mode))
    if not seen.state.open_mode.equals(STOPPED):
        ensure(client, Wish("normal", down_mode))
    if failure is not None:
        raise failure


def _archive_outcome(
    before: Seen, after: Seen, steps: List[str], changed: bool, predicted: Optional[bool] = None
) -> Outcome:
    values = values_of(after)
    values["steps"] = steps
    shown = after.state.archive_mode.as_dict()["value"] if predicted is None else predicted
    return Outcome(
        changed,
        values,
        {"archive_mode": before.state.archive_mode.as_dict()["value"]},
        {"archive_mode": shown},
        "database of " + before.state.name,
    )
