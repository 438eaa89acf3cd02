# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""A primary that is stopped for the time of a cold copy, and started again whatever becomes of the copy (module
tibero_cold_copy).

Three things bring it back: the module itself with state absent; a dead man's timer on the primary, armed before the
stop, when nobody renews its lease; and, after a restart of the host, the next run of a playbook, which finds the record
that was written here. A record counts only while the control files are as the stop left them: if somebody has run the
instance since, what it is now is no longer for us to say, and a primary that was replaced meanwhile must not be opened
again.
"""

import json
import os
import time
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, network
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import (
    PRIMARY,
    READ_WRITE,
    STOPPED,
    MemberState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import database_files, drive, options
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.decide_boot import Wish, down_step
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import tip
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import Seen, look

COLD_COPY_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC,
    state={"type": "str", "choices": ["present", "absent"], "default": "present"},
    lease={"type": "int", "default": 600},
    disconnect={"type": "bool", "default": False},
    log_switches={"type": "int", "default": 3},
)

JOB = "cold_copy"
SWITCH = "ALTER SYSTEM SWITCH LOGFILE"
SWITCHED = ("altered", "switched")
#: Shortest lease in seconds: below it a slow stop could outlast it.
SHORTEST_LEASE = 30
#: Modes in which a primary does not boot without a synchronous standby (H, MAN).
NEEDING_STANDBY = ("PROTECTION", "AVAILABILITY")
#: Seconds that a standby gets to take a connection.
REACH = 5.0


class Record(NamedTuple):
    """What we wrote down of our stop: the files of the copy, the TSN before it, when it was, and how the control files
    were left (empty until the stop is proven)."""

    files: List[Dict[str, Any]]
    archives: List[Dict[str, Any]]
    tsn: str
    lease: int
    stopped_at: str
    left: List[Any]

    @property
    def stopped(self) -> bool:
        return bool(self.left)


def _directory(client: Tibero) -> str:
    return os.path.join(client.record_directory, JOB)


def _record_path(client: Tibero) -> str:
    return os.path.join(_directory(client), "stop.json")


def read_record(client: Tibero) -> Optional[Record]:
    """Our stop as recorded, None without one."""
    raw = detached.read_json(_record_path(client))
    if raw is None:
        return None
    return Record(
        list(raw.get("files") or []),
        list(raw.get("archives") or []),
        str(raw.get("tsn", "")),
        int(raw.get("lease", 0)),
        str(raw.get("stopped_at", "")),
        list(raw.get("left") or []),
    )


def _write_record(client: Tibero, record: Record) -> None:
    detached.private_directory(client.record_directory)
    detached.private_directory(_directory(client))
    detached.write_atomically(_record_path(client), json.dumps(record._asdict(), indent=1, sort_keys=True) + "\n")


def _forget(client: Tibero) -> bool:
    try:
        os.unlink(_record_path(client))
    except FileNotFoundError:
        return False
    return True


def _left(client: Tibero) -> List[Any]:
    """Path, inode, size and time of the last write of each control file: an instance that was run has written them."""
    found: List[Any] = []
    for path in client.control_files() or ():
        try:
            seen = os.stat(path)
        except OSError:
            found.append([path, None, None, None])
            continue
        found.append([path, seen.st_ino, seen.st_size, seen.st_mtime_ns])
    return found


def pending(client: Tibero) -> Dict[str, Any]:
    """Whether this member lies stopped because a cold copy of ours was interrupted; empty without a record.

    :returns: ``{stopped_at, resumable, why}``; ``resumable`` is False, with the reason, when the record does not prove
        that the instance is as we left it.
    """
    record = read_record(client)
    if record is None:
        return {}
    why = ""
    if not record.stopped:
        why = "the stop was begun and its end was not seen"
    elif record.left != _left(client):
        why = "its control files have been written since, so somebody has run it"
    return {"stopped_at": record.stopped_at, "resumable": not why, "why": why}


def cold_copy(context: Context, clock: Optional[Clock] = None) -> Outcome:
    """Stop for the copy, or start again; see the module's documentation."""
    client = options.client_of(context)
    if context.params["state"] == "present":
        return _present(context, client, clock)
    return _absent(context, client, clock)


# ------------------------------------------------------------------------------------------- stop


def _present(context: Context, client: Tibero, clock: Optional[Clock]) -> Outcome:
    lease = int(context.params["lease"])
    if lease < SHORTEST_LEASE:
        raise Refusal(
            seen="lease is {0} s".format(lease),
            meaning="A lease shorter than {0} s could lapse while the primary is still being stopped".format(
                SHORTEST_LEASE
            ),
            remedy="Set lease to {0} or more".format(SHORTEST_LEASE),
        )
    seen = look(client)
    record = read_record(client)
    if seen.state.process.equals(False) and record is not None and pending(client)["resumable"]:
        if not context.check_mode:
            _arm(client, record.lease)
        return _outcome(client, seen.state, record, False, True)
    _refuse_stop(client, seen, bool(context.params["disconnect"]))
    if context.check_mode:
        planned = Record(database_files.list_files(client), [], str(seen.state.position.value or ""), lease, "", [])
        return _outcome(client, seen.state, planned, True, True)
    if record is not None:
        detached.cancel(_directory(client), JOB)
        _forget(client)
    record = _prepare(context, client, seen, lease)
    drive.ensure(client, Wish(STOPPED, "immediate"), clock=clock)
    record = record._replace(left=_left(client))
    _write_record(client, record)
    return _outcome(client, look(client).state, record, True, True)


def _prepare(context: Context, client: Tibero, seen: Seen, lease: int) -> Record:
    """Log switches, the list of files, the timer and the record, in this order; then it may be stopped.

    Three switches before the stop are field practice (H, AWS runbook): the archives then reach up to the copy.
    """
    for _number in range(max(int(context.params["log_switches"]), 0)):
        client.execute(SWITCH, SWITCHED)
    files = database_files.list_files(client)
    archived: List[Dict[str, Any]] = []
    if seen.state.archive_mode.equals(True):
        archived = database_files.archives(client, database_files.oldest_online_sequence(client))
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    record = Record(files, archived, str(seen.state.position.value or ""), lease, now, [])
    _write_record(client, record)
    _arm(client, lease)
    return record


def _arm(client: Tibero, lease: int) -> None:
    """Arm the dead man, or renew the lease of the one that waits already."""
    detached.private_directory(client.record_directory)
    detached.dead_man(_directory(client), JOB, lease, lambda: _start_by_timer(client), key=client.tb_sid)


def _start_by_timer(client: Tibero) -> Dict[str, Any]:
    """What the dead man does. :returns: what was done; a start that is not ours to make is no failure to repeat."""
    state = look(client).state
    if state.role.equals(PRIMARY) and state.open_mode.equals(READ_WRITE):
        return {"started": False, "why": "it runs"}
    record = read_record(client)
    if record is not None and record.stopped and record.left != _left(client):
        return {"started": False, "why": "its control files have been written since the stop"}
    driven = drive.ensure(client, Wish("normal", clean_garbage=True))
    return {"started": True, "steps": [step.as_text() for step in driven.steps]}


def _refuse_stop(client: Tibero, seen: Seen, disconnect: bool) -> None:
    """Everything that forbids the stop, before anything was changed."""
    state = seen.state
    if not state.role.equals(PRIMARY) or not state.open_mode.equals(READ_WRITE):
        raise Refusal(
            seen="{0} is {1!r}, role {2!r}".format(state.name, state.open_mode, state.role),
            meaning="Only an open primary is stopped for a cold copy, because only then is it known what it is",
            remedy="Name the primary, open in mode normal",
            details={"state": state.as_dict()},
        )
    if not state.backup_open.is_known:
        raise UnknownState(
            seen="Whether a backup is open is not known: {0!r}".format(state.backup_open),
            meaning="The server refuses a clean stop while files are in backup mode (TBR-24029)",
            remedy="Make V$BACKUP or _VT_BACKUP readable for the account",
            details={"state": state.as_dict()},
        )
    down_step(state, "immediate", "")
    _refuse_mode(client)
    _refuse_sessions(client, disconnect)


def _refuse_mode(client: Tibero) -> None:
    """In PROTECTION and AVAILABILITY a primary does not boot without a synchronous standby (H, MAN; 350008), so one
    must be there. What counts is the tip, which the next boot reads."""
    document = client.tip()
    value = tip.get(document, "LOG_REPLICATION_MODE") if document is not None else None
    mode = value.text.upper() if value is not None else ""
    if mode not in NEEDING_STANDBY:
        return
    tried = [_try(host, port) for host, port in _synchronous(client)]
    if [each for each in tried if each[1]]:
        return
    raise Refusal(
        seen="LOG_REPLICATION_MODE is {0} in {1}, and {2}".format(
            mode,
            client.tip_path,
            "no LGWR SYNC standby takes a connection: "
            + ", ".join("{0} ({1})".format(each[0], each[2]) for each in tried)
            if tried
            else "it names no LGWR SYNC standby",
        ),
        meaning="A primary in this mode does not boot without a synchronous standby, so after the stop it would stay "
        "down",
        remedy="Start a standby that receives by LGWR SYNC first, copy with standby_seed_method: hot, or lower the "
        "mode to performance",
        details={"mode": mode},
    )


def _synchronous(client: Tibero) -> List[Tuple[str, int]]:
    """Host and port of the tip's LGWR SYNC destinations."""
    found = []
    for number in range(1, 10):
        text = client.parameter("LOG_REPLICATION_DEST_{0}".format(number))
        if not text:
            continue
        try:
            parsed = tip.parse_destination(text)
        except GrammarError:
            continue  # not one that can be proven to be synchronous
        if parsed.transport.upper() == "LGWR SYNC":
            found.append((parsed.host, parsed.port))
    return found


def _try(host: str, port: int) -> Tuple[str, bool, str]:
    seen = network.probe(host, port, REACH, 0.1)
    return "{0}:{1}".format(host, port), seen.outcome == network.CONNECTED, seen.outcome


def other_sessions(client: Tibero) -> Optional[List[Dict[str, str]]]:
    """Sessions of others, None when they cannot be told.

    Which row is our own no documented view tells (L), but each look is a login of its own: a session that is seen twice
    is not ours. Rows without a user are the server's own threads.
    """
    looks: List[Dict[Tuple[str, str], Dict[str, str]]] = []
    for _number in range(2):
        rows = drive.sessions_of(client)
        if not rows or [row for row in rows if not row.get("SID") or not row.get("SERIAL#")]:
            return None
        looks.append({(row["SID"], row["SERIAL#"]): row for row in rows})
    return [row for key, row in looks[1].items() if key in looks[0] and (row.get("USERNAME") or row.get("USER_NAME"))]


def _refuse_sessions(client: Tibero, disconnect: bool) -> None:
    if disconnect:
        return
    found = other_sessions(client)
    if found == []:
        return
    if found is None:
        raise UnknownState(
            seen="Who is connected to {0} cannot be told: V$SESSION gives no rows with SID and SERIAL#".format(
                client.tb_sid
            ),
            meaning="tbdown -t IMMEDIATE would disconnect them and roll back what they have not committed",
            remedy="Make V$SESSION readable, or set standby_cold_disconnect: true (option disconnect) when that is "
            "acceptable",
        )
    raise Refusal(
        seen="{0} session(s) are connected to {1}: {2}".format(len(found), client.tb_sid, session_text(found)),
        meaning="tbdown -t IMMEDIATE would disconnect them and roll back what they have not committed",
        remedy="Let them end, or set standby_cold_disconnect: true (option disconnect) when that is acceptable; with "
        "standby_seed_method: hot nobody is disconnected",
        details={"sessions": found},
    )


def session_text(sessions: Sequence[Dict[str, str]]) -> str:
    """Sessions in one line: the first ten."""
    shown = ["; ".join(["{0}={1}".format(name, value) for name, value in each.items()]) for each in sessions[:10]]
    return ", ".join("({0})".format(text) for text in shown) + (" ..." if len(sessions) > 10 else "")


# ------------------------------------------------------------------------------------------ start


def _absent(context: Context, client: Tibero, clock: Optional[Clock]) -> Outcome:
    record = read_record(client)
    if record is None:
        return _outcome(client, look(client).state, None, False, False)
    state = look(client).state
    runs = state.role.equals(PRIMARY) and state.open_mode.equals(READ_WRITE)
    if context.check_mode:
        return _outcome(client, state, record, not runs, False)
    detached.cancel(_directory(client), JOB)
    job = detached.ask(_directory(client), JOB)
    warnings = []
    if not runs:
        _refuse_start(client, record, state)
        drive.ensure(client, Wish("normal", clean_garbage=True), clock=clock)
    elif record.stopped:
        warnings.append(
            "{0} was started while the copy was under way{1}; what was copied since is not of a quiet primary".format(
                client.tb_sid, ", by its timer" if (job.result.get("acted") or {}).get("started") else ""
            )
        )
    _forget(client)
    return _outcome(client, look(client).state, record, not runs, False)._replace(warnings=warnings)


def _refuse_start(client: Tibero, record: Record, state: MemberState) -> None:
    """Start only what we stopped and nobody has run since."""
    if not state.process.equals(False) or not record.stopped:
        return  # not stopped by us yet: drive decides by what is seen, and never opens a standby
    if record.left == _left(client):
        return
    raise Refusal(
        seen="{0} was stopped for a cold copy at {1}, and its control files have been written since".format(
            client.tb_sid, record.stopped_at
        ),
        meaning="Somebody has run it meanwhile, so it may be a former primary, and opening that would make two "
        "primaries",
        remedy="Find out which member is the primary. If it is this one, start it with tbboot and remove {0}".format(
            _record_path(client)
        ),
        details={"state": state.as_dict()},
    )


def _outcome(client: Tibero, state: MemberState, record: Optional[Record], changed: bool, wanted: bool) -> Outcome:
    """The result. ``wanted``: whether it is meant to be stopped for a copy, for the diff."""
    values: Dict[str, Any] = {
        "files": record.files if record else [],
        "archives": record.archives if record else [],
        "tsn": record.tsn if record else None,
        "stopped_at": record.stopped_at if record else None,
        "running": state.process.value if state.process.is_known else "unknown",
        "lease": {
            "path": detached.lease_path(_directory(client), JOB),
            "directory": _directory(client),
            "name": JOB,
            "seconds": record.lease if record else None,
        },
    }
    before = (not wanted) if changed else wanted
    return Outcome(
        changed,
        values,
        {"stopped_for_copy": before},
        {"stopped_for_copy": wanted},
        "instance of {0}".format(state.name),
    )
