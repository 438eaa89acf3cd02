# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Backup mode of a primary, with a dead man's timer that ends it when nobody renews its lease (module
tibero_hot_backup).

The timer is armed *before* ``BEGIN BACKUP``, so that there is no moment in which a controller could die and leave the
primary in backup mode for ever. What was begun is written down first, so that an open backup can be told from somebody
else's: it is ours while the timer runs; without it, only if V$BACKUP still shows what it showed at our begin.
"""

import json
import os
import re
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed, Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import (
    PRIMARY,
    READ_WRITE,
    Fact,
    MemberState,
    known,
    unknown,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock, wait_until
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import database_files, options
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Answer, Query, Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import marks
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import Seen, look

HOT_BACKUP_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC,
    state={"type": "str", "choices": ["present", "absent"], "default": "present"},
    lease={"type": "int", "default": 600},
    controlfile_backup={"type": "path"},
    log_switches={"type": "int"},
)

BEGIN = "ALTER DATABASE BEGIN BACKUP"
END = "ALTER DATABASE END BACKUP"
SWITCH = "ALTER SYSTEM SWITCH LOGFILE"
ALTERED = ("altered",)
JOB = "hot_backup"
#: Errors of END BACKUP that mean that there was nothing to end (C).
NOTHING_TO_END = (24011, 24055)
#: Error of BEGIN BACKUP that means that somebody was faster (C).
ALREADY_BEGUN = 24010
#: Shortest lease in seconds: below it a slow log switch could outlast it.
SHORTEST_LEASE = 30


class Record(NamedTuple):
    """What we wrote down of our backup: the first log sequence a copy needs, its TSN, the lease, the backup of the
    control file, and the marks of V$BACKUP after the begin, () as long as they were not seen."""

    first_sequence: int
    tsn: str
    lease: int
    controlfile: str
    begun: bool
    ended: bool = False
    last_sequence: int = 0
    marks: Tuple[Tuple[str, str, str], ...] = ()


def _directory(client: Tibero) -> str:
    return os.path.join(client.record_directory, JOB)


def _record_path(client: Tibero) -> str:
    return os.path.join(_directory(client), "backup.json")


def _last_path(client: Tibero) -> str:
    """The record of the backup that is over: its copy of the control file lies there until the next one."""
    return os.path.join(_directory(client), "last.json")


def read_record(client: Tibero) -> Optional[Record]:
    """Our backup as recorded, None without one."""
    raw = detached.read_json(_record_path(client))
    if raw is None:
        return None
    return Record(
        int(raw.get("first_sequence", 0)),
        str(raw.get("tsn", "")),
        int(raw.get("lease", 0)),
        str(raw.get("controlfile", "")),
        bool(raw.get("begun")),
        bool(raw.get("ended")),
        int(raw.get("last_sequence", 0)),
        tuple((str(one[0]), str(one[1]), str(one[2])) for one in raw.get("marks") or ()),
    )


def _marks(seen: Seen) -> Tuple[Tuple[str, str, str], ...]:
    """File, CHANGE# and TIME of each file in backup mode (columns: H, recorded; that both are set at the begin: L).
    () where the view does not tell them."""
    rows = seen.answers.get("backup", Answer(why="not asked")).rows
    active = [row for row in rows if (row.get("STATUS") or "").upper() == "ACTIVE"]
    found = [(str(row.get("FILE#") or ""), str(row.get("CHANGE#") or ""), str(row.get("TIME") or "")) for row in active]
    return tuple(sorted(found)) if all(number and change for number, change, _time in found) else ()


def is_ours(client: Tibero, record: Optional[Record], seen: Seen) -> "Fact[bool]":
    """Whether the backup that is open now is the one that we began.

    Our record alone does not prove it: once the timer has ended our backup, somebody may have begun one by hand.
    """
    if record is None or not record.begun or record.ended:
        return known(False, "no backup of ours is recorded as begun and not ended")
    job = detached.ask(_directory(client), JOB)
    if job.is_running:
        return known(True, "its timer runs")
    if job.state == detached.FINISHED:
        return known(False, "the timer has ended ours")
    now = _marks(seen)
    if record.marks and now:
        return known(now == record.marks, "V$BACKUP.CHANGE# and TIME; its timer is {0}".format(job.state))
    return unknown(
        "V$BACKUP.CHANGE# and TIME",
        "the timer of our backup is {0}, and {1}".format(
            job.state, "the view does not tell them" if record.marks else "none were recorded at our begin"
        ),
    )


def _write_record(client: Tibero, record: Record) -> None:
    detached.private_directory(client.record_directory)
    detached.private_directory(_directory(client))
    raw = dict(record._asdict(), written_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    detached.write_atomically(_record_path(client), json.dumps(raw, indent=1, sort_keys=True) + "\n")


def _forget(client: Tibero, record: Optional[Record]) -> None:
    for path in [_record_path(client)] + ([record.controlfile] if record and record.controlfile else []):
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue


def hot_backup(context: Context, clock: Optional[Clock] = None) -> Outcome:
    """Begin or end backup mode; see the module's documentation."""
    client = options.client_of(context)
    if context.params["state"] == "present":
        return _present(context, client)
    return _absent(context, client, clock)


# ------------------------------------------------------------------------------------------ begin


def _present(context: Context, client: Tibero) -> Outcome:
    params = context.params
    if params["lease"] < SHORTEST_LEASE:
        raise Refusal(
            seen="lease is {0} s".format(params["lease"]),
            meaning=("A lease shorter than {0} s could lapse while the backup is still being begun").format(
                SHORTEST_LEASE
            ),
            remedy="Set lease to {0} or more".format(SHORTEST_LEASE),
        )
    seen = look(client)
    record = read_record(client)
    ours = is_ours(client, record, seen)
    _refuse_begin(seen, ours)
    already = ours.equals(True) and seen.state.backup_open.equals(True)
    if context.check_mode:
        files = database_files.list_files(client, record.controlfile if record else "")
        return _outcome(client, seen.state, record, files, not already, True)
    if not already:
        # A record without an open backup is one that ended by itself, or never began: what was copied then is worth
        # nothing.
        if record is not None:
            detached.cancel(_directory(client), JOB)
        _forget(client, record)
        record = _begin(context, client, seen)
    elif record is None:
        raise AssertionError("to take a backup over was decided without a record of it")
    else:
        _arm(client, record.lease or params["lease"])
    proof = look(client)
    after = proof.state
    if not after.backup_open.equals(True):
        raise CommandFailed(
            seen="{0} was confirmed, but backup mode is {1!r}".format(BEGIN, after.backup_open),
            meaning="Files copied now would not be a backup",
            remedy="Look at V$BACKUP by hand; run again with state absent first",
            details={"state": after.as_dict()},
        )
    if not already:
        record = record._replace(marks=_marks(proof))
        _write_record(client, record)
    return _outcome(client, after, record, database_files.list_files(client, record.controlfile), not already, True)


def _refuse_begin(seen: Seen, ours: "Fact[bool]") -> None:
    state = seen.state
    if not state.role.equals(PRIMARY) or not state.open_mode.equals(READ_WRITE):
        raise Refusal(
            seen="{0} is {1!r}, role {2!r}".format(state.name, state.open_mode, state.role),
            meaning="Backup mode exists on an open primary only",
            remedy="Name the primary, open in mode normal",
            details={"state": state.as_dict()},
        )
    if not state.archive_mode.equals(True):
        raise Refusal(
            seen="Archive mode is {0!r}".format(state.archive_mode),
            meaning="A copy made while the database is open needs the archived redo of that time",
            remedy="Switch archiving on (firedrill.standby.tibero_archivelog), or copy cold",
            details={"state": state.as_dict()},
        )
    if not state.backup_open.is_known:
        raise UnknownState(
            seen="Whether a backup is open is not known: {0!r}".format(state.backup_open),
            meaning="Somebody else's backup could be ended by ours",
            remedy="Make V$BACKUP or _VT_BACKUP readable for the account",
            details={"state": state.as_dict()},
        )
    if state.backup_open.value and not ours.is_known:
        raise _uncertain(state, ours)
    if state.backup_open.value and not ours.value:
        raise Refusal(
            seen="{0} has a backup open ({1}) that is not ours: {2}".format(
                state.name, state.backup_open.source, ours.source
            ),
            meaning="Beginning or ending it here would make somebody's backup worthless",
            remedy="Wait for its end, or end it by hand with {0} if it was forgotten".format(END),
            details={"state": state.as_dict()},
        )
    if not state.log_sequence.is_known:
        raise UnknownState(
            seen="The current log sequence is not known: {0!r}".format(state.log_sequence),
            meaning="Which archives the copy needs could not be told",
            remedy="Make V$LOG readable for the account",
            details={"state": state.as_dict()},
        )


def _uncertain(state: MemberState, ours: "Fact[bool]") -> UnknownState:
    return UnknownState(
        seen="{0} has a backup open ({1}), and whether it is the one that we began is not known: {2}".format(
            state.name, state.backup_open.source, ours.why
        ),
        meaning="Ending somebody else's backup would make it worthless",
        remedy="Ask who began it; end it by hand with {0} if it is nobody's, then run again".format(END),
        details={"state": state.as_dict()},
    )


def _begin(context: Context, client: Tibero, seen: Seen) -> Record:
    """Timer, record, BEGIN BACKUP, copy of the control file, in this order."""
    lease = int(context.params["lease"])
    controlfile = context.params.get("controlfile_backup") or os.path.join(_directory(client), "controlfile.ctl")
    last = detached.read_json(_last_path(client)) or {}
    if last.get("controlfile") == controlfile and os.path.exists(controlfile):
        os.unlink(controlfile)  # of our last backup, which is over
    _refuse_place(controlfile)
    record = Record(
        int(seen.state.log_sequence.value or 0), str(seen.state.position.value or ""), lease, controlfile, False
    )
    _write_record(client, record)
    _arm(client, lease)
    record = record._replace(begun=True)
    _write_record(client, record)
    try:
        client.execute(BEGIN, ALTERED, proof=lambda: _all_active(client))
        _backup_controlfile(client, controlfile)
    except Exception as error:
        # The state that was found is restored: no backup mode, unless it is another's, no timer, no record.
        if not isinstance(error, CommandFailed) or (error.details or {}).get("code") != ALREADY_BEGUN:
            end_backup(client)
        detached.cancel(_directory(client), JOB)
        _forget(client, record)
        raise
    return record


def _refuse_place(path: str) -> None:
    """The place of the control file's backup must be free: whatever lies there is not ours, and a failed begin
    removes what it made."""
    if not os.path.isabs(path) or "'" in path or os.path.exists(path):
        raise Refusal(
            seen="controlfile_backup is {0}{1}".format(path, ", which exists" if os.path.exists(path) else ""),
            meaning="The server writes a new file there and needs an absolute path",
            remedy="Name a path where nothing lies",
        )


def _all_active(client: Tibero) -> bool:
    """Whether every file is in backup mode, which proves a BEGIN BACKUP whose reply is not known (its reply is not recorded)."""
    rows = look(client).answers.get("backup", Answer(why="not asked")).rows
    return bool(rows) and {str(row.get("STATUS") or "").upper() for row in rows} == {"ACTIVE"}


def _backup_controlfile(client: Tibero, path: str) -> None:
    statement = "ALTER DATABASE BACKUP CONTROLFILE TO {0}".format(marks.literal(path))
    client.execute(statement, ALTERED, proof=lambda: os.path.isfile(path) and os.path.getsize(path) > 0)
    if not os.path.exists(path):
        raise CommandFailed(
            seen="The server confirmed the backup of the control file, but {0} does not exist".format(path),
            meaning="The copy would lack a control file",
            remedy="Check that the server may write there",
        )


def _arm(client: Tibero, lease: int) -> None:
    """Arm the dead man, or renew the lease of the one that waits already."""
    detached.private_directory(client.record_directory)
    detached.dead_man(_directory(client), JOB, lease, lambda: end_backup(client), key=client.tb_sid)


def end_backup(client: Tibero) -> Dict[str, Any]:
    """END BACKUP; nothing to end is as good. What the dead man does. :returns: what the server said."""
    reply = client.session([END + ";"])[0]
    if reply.run.errors:
        error = reply.run.errors[0]
        if error.code in NOTHING_TO_END:
            return {"ended": False, "code": error.code}
        raise client.failed(END, error)
    return {"ended": True, "code": 0}


def _outcome(
    client: Tibero,
    state: MemberState,
    record: Optional[Record],
    files: List[Dict[str, Any]],
    changed: bool,
    wanted: bool,
    **more: Any,
) -> Outcome:
    """The result. ``wanted``: whether backup mode is meant to be on, for the diff."""
    open_now = state.backup_open.as_dict()["value"]
    values: Dict[str, Any] = {
        "files": files,
        "first_sequence": record.first_sequence if record else None,
        "tsn": record.tsn if record else None,
        "controlfile_backup": record.controlfile if record else None,
        "lease": {
            "path": detached.lease_path(_directory(client), JOB),
            "directory": _directory(client),
            "name": JOB,
            "seconds": record.lease if record else None,
        },
        "backup_open": open_now,
    }
    values.update(more)
    before = (not wanted) if changed else wanted
    return Outcome(
        changed, values, {"backup_mode": before}, {"backup_mode": wanted}, "database of {0}".format(state.name)
    )


# -------------------------------------------------------------------------------------------- end


def _absent(context: Context, client: Tibero, clock: Optional[Clock]) -> Outcome:
    record = read_record(client)
    seen = look(client)
    state = seen.state
    if record is None:
        if state.backup_open.equals(True):
            raise Refusal(
                seen="{0} has a backup open ({1}) that is not ours".format(state.name, state.backup_open.source),
                meaning="Ending it here would make somebody's backup worthless",
                remedy="End it by hand with {0} if it was forgotten".format(END),
                details={"state": state.as_dict()},
            )
        return _outcome(client, state, None, [], False, False, archives=[], last_sequence=None)
    if not state.backup_open.is_known:
        raise UnknownState(
            seen="Whether our backup is still open is not known: {0!r}".format(state.backup_open),
            meaning="It was begun by us and its timer may still end it",
            remedy="Make the instance answer, then run again",
            details={"state": state.as_dict()},
        )
    if not record.ended:
        ours = is_ours(client, record, seen)
        if state.backup_open.value and not ours.is_known:
            raise _uncertain(state, ours)
        if not (state.backup_open.value and ours.value):
            raise _lapsed(client, record, bool(state.backup_open.value), context.check_mode)
    if context.check_mode:
        return _outcome(client, state, record, [], True, False, archives=[], last_sequence=None)
    if not record.ended:
        record = _end(client, record)
    return _finish(context, client, record, clock)


def _lapsed(client: Tibero, record: Record, another: bool, check_mode: bool) -> CommandFailed:
    """Our backup is not open any more: whatever was copied meanwhile is no backup. Said once; the record goes with
    it. ``another``: somebody else's is open instead, and is left alone."""
    job = detached.ask(_directory(client), JOB)
    if not check_mode:
        detached.cancel(_directory(client), JOB)
        _forget(client, record)
    return CommandFailed(
        seen="The backup that we began at log sequence {0} is not open any more; its timer: {1}{2}".format(
            record.first_sequence,
            "its lease lapsed and it ended the backup" if job.result.get("lapsed") else job.state,
            ". The one that is open now is not ours and was left as it is" if another else "",
        ),
        meaning="Files copied after its end are not part of a backup, so the copy is worth nothing",
        remedy="Begin again with state present and copy anew; renew the lease more often or make it longer",
        details={"job": job.as_dict()},
    )


def _end(client: Tibero, record: Record) -> Record:
    """END BACKUP, proven; written down at once, so that a failure in what follows is not taken for a backup that
    ended early."""
    end_backup(client)
    detached.cancel(_directory(client), JOB)
    after = look(client).state
    if not after.backup_open.equals(False):
        raise CommandFailed(
            seen="{0} was confirmed, but backup mode is {1!r}".format(END, after.backup_open),
            meaning="The primary cannot be stopped cleanly while it is on (TBR-24029)",
            remedy="Look at V$BACKUP by hand and end it",
            details={"state": after.as_dict()},
        )
    record = record._replace(ended=True, last_sequence=_sequence(after))
    _write_record(client, record)
    return record


def _finish(context: Context, client: Tibero, record: Record, clock: Optional[Clock]) -> Outcome:
    """Log switches, the archives they bring, and the end of our record."""
    for _number in range(_switches(context, client)):
        client.execute(SWITCH, ALTERED)
    archives = _archives(client, record.first_sequence, record.last_sequence, clock)
    if os.path.exists(record.controlfile):
        os.unlink(record.controlfile)
    _backup_controlfile(client, record.controlfile)  # anew: this one knows that the backup is over
    files = database_files.list_files(client, record.controlfile)
    over = dict(record._asdict())
    detached.write_atomically(_last_path(client), json.dumps(over, sort_keys=True) + "\n")
    try:
        os.unlink(_record_path(client))
    except FileNotFoundError:
        pass  # somebody removed our record; the backup is over in any case
    after = look(client).state
    return _outcome(client, after, record, files, True, False, archives=archives, last_sequence=record.last_sequence)


def _sequence(state: MemberState) -> int:
    if not state.log_sequence.is_known:
        raise UnknownState(
            seen="The current log sequence is not known: {0!r}".format(state.log_sequence),
            meaning="Which archives the copy needs cannot be told; backup mode itself has ended",
            remedy="Make V$LOG readable, then copy every archive since the begin",
            details={"state": state.as_dict()},
        )
    return int(state.log_sequence.value or 0)


def _switches(context: Context, client: Tibero) -> int:
    """How many log switches follow: highest group number + 2, as a field kit does (M), so that every group is
    archived once."""
    if context.params.get("log_switches") is not None:
        return max(int(context.params["log_switches"]), 1)
    answer = client.ask([Query("V$LOG", ("GROUP#",))])[0]
    groups = [int(str(row["GROUP#"])) for row in answer.rows if re.match(r"[0-9]+\Z", row.get("GROUP#") or "")]
    return max(groups or [1]) + 2


def _archives(client: Tibero, first: int, last: int, clock: Optional[Clock]) -> List[Dict[str, Any]]:
    """The archives from ``first`` to ``last``, waited for: archiving runs behind the switch.

    V$ARCHIVED_LOG gives the number that is also in the file name; V$ARCHIVE_DEST_FILES is one higher (H, recorded).
    """

    def listed() -> Dict[int, Dict[str, Any]]:
        return {item["sequence"]: item for item in database_files.archives(client, first, last)}

    wanted = set(range(first, last + 1))
    seen = wait_until(
        listed,
        lambda found: wanted <= set(found),
        client.timeout,
        "the archives {0} to {1} to be there".format(first, last),
        "Check that LOG_ARCHIVE_DEST has space (TBR-1063) and that no one removes archives; backup mode itself "
        "has ended",
        interval=0.5,
        clock=clock,
    ).value
    return [seen[number] for number in sorted(seen)]
