# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""A former primary of Tibero becomes a standby again: facts, choice, and the record of what was begun (module
tibero_reinstate).

What is known of the methods:

* rejoin: after a SWITCHOVER stop the old primary needs neither a copy nor STANDBY CONTROLFILE (H, MAN). Whether it was
  opened again since is only told by its control files being as that stop left them.
* reverse synchronisation: conditions by TADTI023 (H); what its steps are beyond the parameter _LNW_REVERSE_SYNC is not
  public, so a RECOVERY boot with the files as they are is all that is tried (L), and TBR-1123 or TBR-1036 is its refusal.
* resync and rebuild: hot copy of the new primary, STANDBY CONTROLFILE, RECOVERY (H, TBATI050: the vendor's way back of a
  former primary after a failover). Both end with the same files; a resync has fewer of their bytes sent.
"""

import json
import os
import time
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, journal
from ansible_collections.firedrill.standby.plugins.module_utils._core import reinstate as core
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import (
    MOUNTED,
    PRIMARY,
    READ_WRITE,
    STANDBY,
    STOPPED,
    UNKNOWN,
    Fact,
    known,
    unknown,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.reinstate import Case, Choice, Condition
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import (
    divergence,
    divergence_export,
    options,
    role_change_task,
    role_record,
    role_steps,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.instance_tasks import values_of
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import Seen, look

SWITCHOVER, FAILOVER = "switchover", "failover"
LOOKED, PLANNED, BEGUN, FINISHED = "looked", "planned", "begun", "finished"
#: Kinds of files that the first part of a copy brings; the others come with the second.
FIRST_PART = ("datafile", "tempfile", "password")

REINSTATE_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC,
    state={"type": "str", "choices": [LOOKED, PLANNED, BEGUN, FINISHED], "default": PLANNED},
    member={"type": "str", "required": True},
    branch_point={"type": "str", "default": ""},
    lost_by={"type": "str", "choices": [SWITCHOVER, FAILOVER, ""], "default": ""},
    switchover_stop={"type": "dict", "default": {}},
    primary_database_id={"type": "str", "default": ""},
    primary_parameters={"type": "dict", "default": {}},
    primary_transport={"type": "str", "default": ""},
    export_directory={"type": "path"},
    method={"type": "str", "choices": [core.AUTO] + list(core.METHODS), "default": core.AUTO},
    reverse_sync={"type": "bool", "default": False},
    structure_unchanged={"type": "bool", "default": False},
    seed_method={"type": "str", "choices": ["hot", "cold", "rmgr"], "default": "hot"},
    overwrite={"type": "bool", "default": False},
)


class Record(NamedTuple):
    """What was begun: the method, against which branch of history, the export, and which files may be overwritten."""

    member: str
    method: str
    branch_point: str
    database_id: str
    manifest: str
    replaces: Dict[str, List[str]]
    keeps: List[str]
    choice: Dict[str, Any]


def record_path(client: Tibero) -> str:
    """Where the record of an unfinished reinstatement lies."""
    return os.path.join(client.record_directory, "reinstate.json")


def read_record(client: Tibero) -> Optional[Record]:
    """The record of a reinstatement that was begun and not finished, None without one.

    :raises UnknownState: for one that this version does not understand.
    """
    path = record_path(client)
    if not os.path.lexists(path):
        return None
    raw = detached.read_json(path)
    try:
        if raw is None:
            raise ValueError("no JSON")
        return Record(**{name: raw[name] for name in Record._fields})
    except (KeyError, TypeError, ValueError) as error:
        raise UnknownState(
            seen="{0} cannot be read ({1!r})".format(path, error),
            meaning="Whether files of this member are half overwritten cannot be told",
            remedy="Look at it; if nothing was begun, remove it and run again",
        ) from error


def _write_record(client: Tibero, record: Record) -> None:
    detached.private_directory(client.record_directory)
    raw = dict(record._asdict(), begun_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    detached.write_atomically(record_path(client), json.dumps(raw, indent=1, sort_keys=True) + "\n")


# ----------------------------------------------------------------------------------- what is known


def untouched(client: Tibero, stop: Mapping[str, Any]) -> "Fact[bool]":
    """Whether nobody has booted the instance since its SWITCHOVER stop.

    :arg stop: what the role change wrote down right after the stop: ``control_files``, as
        :func:`role_steps.control_file_stamps` gives them.
    """
    recorded = [list(one) for one in stop.get("control_files") or ()]
    if not recorded:
        return unknown("record of the SWITCHOVER stop", "none is given")
    same = sorted(map(str, recorded)) == sorted(map(str, role_steps.control_file_stamps(client)))
    return known(same, "control files against the record of the SWITCHOVER stop")


def _same_database(own: str, primary: str) -> "Fact[bool]":
    if not own or not primary:
        return unknown("V$DATABASE.DBID", "it is {0!r} here and {1!r} on the primary".format(own, primary))
    return known(own == primary, "V$DATABASE.DBID, {0} here and {1} on the primary".format(own, primary))


def _lost_by(params: Mapping[str, Any]) -> "Fact[bool]":
    lost_by = str(params.get("lost_by") or "")
    if not lost_by:
        return unknown("lost_by", "nobody recorded how this member lost its role")
    return known(lost_by == SWITCHOVER, "lost_by is {0}".format(lost_by))


def _held(params: Mapping[str, Any]) -> "Fact[bool]":
    """Also when a failover replaced the switchover: the stop ships all redo (H), and the new primary must have got it."""
    position = str((params.get("switchover_stop") or {}).get("position") or "")
    branch_point = str(params.get("branch_point") or "")
    if not position:
        return unknown("record of the SWITCHOVER stop", "none is given")
    if not (position.isdigit() and branch_point.isdigit()):
        return unknown(
            "journals", "the stop was at TSN {0!r}, the branch point is {1!r}".format(position, branch_point)
        )
    return known(
        int(branch_point) >= int(position), "stopped at TSN {0}, branch point {1}".format(position, branch_point)
    )


def _rejoin(client: Tibero, params: Mapping[str, Any], seen: Seen) -> Tuple[Condition, ...]:
    clean = untouched(client, params.get("switchover_stop") or {})
    if not seen.state.process.equals(False):
        clean = unknown("ps", "the instance runs, so its control files have changed since")
    return (
        Condition("the role was given up by a switchover, which ships all redo first", _lost_by(params)),
        Condition("nobody has booted the instance since the SWITCHOVER stop", clean),
        Condition("the new primary held what this member had at that stop", _held(params)),
    )


def _reverse(params: Mapping[str, Any]) -> Tuple[Condition, ...]:
    """Conditions by TADTI023 (H) that can be read; those that no view tells are the user's word, see the module."""
    parameters = {str(name).upper(): str(value) for name, value in (params.get("primary_parameters") or {}).items()}
    mode = parameters.get("LOG_REPLICATION_MODE", "").strip('"').upper()
    flag = parameters.get("_LNW_REVERSE_SYNC", "").strip('"').upper()
    transport = str(params.get("primary_transport") or "").upper()
    source = "running parameters of the new primary"
    return (
        Condition(
            "the protection mode is PERFORMANCE",
            known(mode == "PERFORMANCE", source + ", " + mode)
            if mode
            else unknown(source, "LOG_REPLICATION_MODE is not told"),
        ),
        Condition(
            "redo goes to this member by LGWR ASYNC",
            known(transport == "LGWR ASYNC", transport)
            if transport
            else unknown("destinations", "the transport is not told"),
        ),
        Condition(
            "_LNW_REVERSE_SYNC is Y on the new primary",
            known(flag == "Y", source + ", " + flag) if flag else unknown(source, "_LNW_REVERSE_SYNC is not told"),
        ),
        Condition(
            "no tablespace or data file changed on either side, and no control file was made anew",
            known(True, "reinstate_reverse_sync_confirmed")
            if params.get("structure_unchanged")
            else unknown("views", "none tells it, and reinstate_reverse_sync_confirmed is false"),
        ),
        Condition(
            "the role was lost by a failover",
            unknown("lost_by", "nobody recorded it")
            if not params.get("lost_by")
            else known(params["lost_by"] == FAILOVER, "lost_by is {0}".format(params["lost_by"])),
        ),
    )


def _files(export: Optional[Mapping[str, Any]]) -> "Fact[bool]":
    """Whether every file of the former primary is there, so that its chunks can be compared."""
    if export is None:
        return unknown("manifest of the export", "there is none")
    lost = [str(one["path"]) for one in export["database_files"] if not os.access(str(one["path"]), os.R_OK | os.W_OK)]
    if lost:
        return known(False, "{0} cannot be read and written".format(", ".join(lost[:3])))
    return known(True, "files by the manifest of the export")


def _copy_conditions(
    params: Mapping[str, Any], export: Optional[Mapping[str, Any]]
) -> Dict[str, Tuple[Condition, ...]]:
    consent = Condition(
        "overwriting its files was allowed",
        known(bool(params["overwrite"]), "reinstate_overwrite is {0}".format(str(bool(params["overwrite"])).lower())),
    )
    method = str(params["seed_method"])
    by_files = Condition(
        "the database is copied file by file",
        known(method in ("hot", "cold"), "standby_seed_method is {0}".format(method)),
    )
    return {
        core.RESYNC: (consent, by_files, Condition("its files are there and can be compared", _files(export))),
        core.REBUILD: (consent, by_files),
    }


def _exported(export: Optional[Mapping[str, Any]]) -> Condition:
    text = "its own redo beyond the branch point is exported"
    if export is None:
        return Condition(text, unknown("manifest of the export", "there is none for this branch point"))
    if not divergence_export.still_same(export):
        return Condition(text, known(False, "its redo has changed since the export {0}".format(export["directory"])))
    return Condition(text, known(True, os.path.join(str(export["directory"]), divergence_export.MANIFEST)))


def case_of(client: Tibero, params: Mapping[str, Any], seen: Seen, export: Optional[Mapping[str, Any]]) -> Case:
    """Everything that the choice is made from."""
    own = str(export["database_id"]) if export else str(seen.row.get("DBID") or "")
    rejoin = _rejoin(client, params, seen)
    common = [
        Condition("it holds the same database as the primary", _same_database(own, str(params["primary_database_id"])))
    ]
    if all(one.holds for one in rejoin):
        # Nothing is overwritten, and the server itself compares the databases when the redo comes (TBR-1036, C).
        common = []
    conditions = {core.REJOIN: rejoin, core.REVERSE_SYNC: _reverse(params)}
    conditions.update(_copy_conditions(params, export))
    asked = bool(params.get("reverse_sync")) or params["method"] == core.REVERSE_SYNC
    return Case(str(params["member"]), tuple(common), conditions, _exported(export), asked)


def replaced(export: Mapping[str, Any]) -> Dict[str, List[str]]:
    """Files that the two parts of a copy may overwrite or remove: everything of the former primary, archives of the
    common history excepted."""
    found: Dict[str, List[str]] = {"data": [], "logs": [str(path) for path in export["own_archives"]]}
    for one in export["database_files"]:
        found["data" if one["kind"] in FIRST_PART else "logs"].append(str(one["path"]))
    return {part: sorted(set(paths)) for part, paths in found.items()}


# ----------------------------------------------------------------------------------------- module


def newest_export(client: Tibero, params: Mapping[str, Any]) -> Optional[Dict[str, Any]]:
    """The manifest of the last finished export for the branch point, None without one."""
    if not str(params.get("branch_point") or "").strip():
        return None
    branch_point = divergence.branch_point_of(params["branch_point"])
    base = divergence_export.base_of(client, params.get("export_directory"))
    done = [record for _place, record in divergence_export.exports(base, branch_point) if record is not None]
    return done[-1] if done else None


def reinstate(context: Context) -> Outcome:
    """One of the four states; see the documentation of the module tibero_reinstate."""
    client = options.client_of(context)
    state = context.params["state"]
    if state == FINISHED:
        return _finished(context, client)
    seen = look(client)
    record = read_record(client)
    if state == LOOKED:
        return _looked(context, client, seen, record)
    if record is not None:
        return Outcome(False, _values(client, seen, record, True))
    _refuse_open(seen)
    export = newest_export(client, context.params)
    if context.check_mode and export is None and context.params["lost_by"] != SWITCHOVER:
        if seen.state.open_mode.equals(STOPPED):
            return _not_to_tell(context, client, seen)
        export = _as_if_exported(client, context)
    choice = core.choose(case_of(client, context.params, seen, export), str(context.params["method"]))
    made = _record_of(context, choice, export)
    if state == PLANNED or choice.method not in core.OVERWRITING:
        return Outcome(False, _values(client, seen, made, False))
    if not context.check_mode:
        _write_record(client, made)
        # The control files will be others at the same place: what was recorded of them must not be believed any more.
        role_record.forget(client)
        seen = seen._replace(record=role_record.read(client))
    values = dict(_values(client, seen, made, False), begun=True)
    return Outcome(True, values, {}, {"reinstate": made.method}, record_path(client))


def _as_if_exported(client: Tibero, context: Context) -> Dict[str, Any]:
    """Check mode on a mounted member: what the export would say, for it would be made before the choice."""
    branch_point = divergence.branch_point_of(context.params["branch_point"])
    place = divergence_export.base_of(client, context.params.get("export_directory"))
    return dict(divergence.values_of(divergence.measure(client, branch_point)), directory=place, files=[])


def _not_to_tell(context: Context, client: Tibero, seen: Seen) -> Outcome:
    """Check mode on a stopped member: it would be mounted to be measured, which check mode does not do."""
    line = "{0}: UNKNOWN which method; it is stopped, and would be mounted, measured and exported before the choice".format(
        context.params["member"]
    )
    values = dict(values_of(seen), method=UNKNOWN, lines=[line], record=record_path(client))
    return Outcome(context.params["state"] == BEGUN, values)


def _record_of(context: Context, choice: Choice, export: Optional[Mapping[str, Any]]) -> Record:
    overwrites = choice.method in core.OVERWRITING and export is not None
    return Record(
        member=str(context.params["member"]),
        method=choice.method,
        branch_point=str(context.params["branch_point"]),
        database_id=str(export["database_id"]) if export else "",
        manifest=os.path.join(str(export["directory"]), divergence_export.MANIFEST) if export else "",
        replaces=replaced(export) if overwrites and export is not None else {"data": [], "logs": []},
        keeps=[str(path) for path in export["other_archives"]] if overwrites and export is not None else [],
        choice=choice.as_dict(),
    )


def _choice_of(record: Record) -> Choice:
    raw = record.choice
    rejected = tuple(core.Rejected(one["method"], tuple(one["reasons"])) for one in raw["rejected"])
    return Choice(str(raw["method"]), tuple(raw["reasons"]), rejected)


def _values(client: Tibero, seen: Seen, record: Record, begun: bool) -> Dict[str, Any]:
    values = values_of(seen)
    values.update(
        method=record.method,
        choice=record.choice,
        lines=_choice_of(record).lines(record.member),
        replaces=record.replaces,
        keeps=record.keeps,
        reuse=record.method == core.RESYNC,
        # The role is recorded anew by the conversion, which comes after the last byte.
        seed=record.method in core.OVERWRITING and not (begun and seen.record.role == STANDBY),
        manifest=record.manifest,
        begun=begun,
        record=record_path(client),
    )
    return values


def _refuse_open(seen: Seen) -> None:
    """:raises Refusal: for a member that is open as a primary. :raises UnknownState: when what it is cannot be told."""
    state = seen.state
    if state.open_mode.is_known and state.open_mode.value in (STOPPED, MOUNTED):
        return
    if state.open_mode.equals(READ_WRITE) or state.role.equals(PRIMARY):
        raise Refusal(
            seen="{0} is open as a primary ({1})".format(state.name, state.role.source),
            meaning="Two primaries accept writes; what this one still accepts would be lost, and is growing",
            remedy="Fence it: close its ports to clients and stop it with tbdown, then run again",
            details={"state": state.as_dict()},
        )
    raise UnknownState(
        seen="{0} is {1!r}, role {2!r}".format(state.name, state.open_mode, state.role),
        meaning="Neither stopped nor mounted, so it is not touched",
        remedy="Look at it with firedrill.standby.tibero_instance_info; stop it if it may be stopped",
        details={"state": state.as_dict()},
    )


def _looked(context: Context, client: Tibero, seen: Seen, record: Optional[Record]) -> Outcome:
    """What there is to do, before anything is mounted: nothing, to go on, to rejoin, or to measure first."""
    if seen.state.role.equals(STANDBY) and record is None:
        return Outcome(False, dict(values_of(seen), to_do="nothing", record=record_path(client)))
    if record is not None:
        return Outcome(False, dict(_values(client, seen, record, True), to_do="go_on"))
    _refuse_open(seen)
    can_rejoin = all(one.holds for one in _rejoin(client, context.params, seen))
    to_do = "rejoin" if can_rejoin and context.params["method"] in (core.AUTO, core.REJOIN) else "measure"
    return Outcome(False, dict(values_of(seen), to_do=to_do, record=record_path(client)))


def _finished(context: Context, client: Tibero) -> Outcome:
    """Close our record, and the journal of a role change that was replaced by the one after which this member was reinstated.

    Such a journal would be taken for a half-done change as soon as the next one replaces the journal that says so.
    """
    record = read_record(client)
    own = role_change_task.journal_of(client)
    change = own.read()
    replaced = change.change if change is not None and change.is_open else None
    if record is None and replaced is None:
        return Outcome(False, {"record": record_path(client), "begun": False})
    seen = look(client)
    if not context.check_mode:
        if not seen.state.role.equals(STANDBY):
            raise UnknownState(
                seen="{0} is {1!r}, role {2!r}".format(seen.state.name, seen.state.open_mode, seen.state.role),
                meaning="It is not seen as a standby, so its reinstatement is not over",
                remedy="Run playbooks/reinstate.yml again: it goes on where it stopped",
                details={"state": seen.state.as_dict()},
            )
        if replaced is not None:
            own.close(replaced.id, journal.UNDONE, "another change took its place, and this member was reinstated")
        if record is not None:
            os.unlink(record_path(client))
    if record is None:
        return Outcome(True, {"record": record_path(client), "begun": False})
    values = dict(_values(client, seen, record, False))
    return Outcome(True, values, {"reinstate": record.method}, {}, record_path(client))


def begun_files(client: Tibero) -> Sequence[str]:
    """Files that an unfinished reinstatement may overwrite, for whoever asks what lies in the target directories."""
    record = read_record(client)
    if record is None:
        return ()
    return tuple(path for paths in record.replaces.values() for path in paths) + tuple(record.keeps)
