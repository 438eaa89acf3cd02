# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""A backup set of tbrmgr, made on a primary and recovered on a new standby (module tibero_rmgr).

What tbrmgr prints when it succeeds is recorded nowhere (L), and its exit codes are not documented. So its success is
proven by what it leaves: no error number, files of the set in its directory, a row of V$BACKUP_SET that does not
contradict; after a recovery, control files and password file where the tip says. It is run without --userid, as in the
recording of a real server (H, 7), because a password must not stand in an argument list.

Two directories matter: that of the backup set, which holds nothing but what tbrmgr puts there, and the place of our own
records, which tell a set of ours from somebody else's.
"""

import json
import os
import re
import shutil
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
    StandbyError,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import (
    PRIMARY,
    READ_WRITE,
    STANDBY,
    STOPPED,
    MemberState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Completed
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import target
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import (
    database_files,
    drive,
    host_facts,
    options,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Query, Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.decide_boot import Wish
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import rmgr
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import look
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.trouble import advice

RMGR_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC,
    state={"type": "str", "choices": ["present", "recovered", "absent"], "default": "present"},
    directory={"type": "path", "required": True},
    for_standby={"type": "bool", "default": True},
    with_archivelog={"type": "bool", "default": True},
    with_password_file={"type": "bool", "default": True, "no_log": False},
    rmgr_timeout={"type": "int", "default": 86400},
    space_margin={"type": "float", "default": 5.0},
)

#: Our record of a backup set, and of a recovery.
BACKUP = "backup"
RECOVERY = "recovery"
#: Words of V$BACKUP_SET.STATUS. COMPLETED is recorded (H, T6).
COMPLETED = "COMPLETED"
#: Name of the process that runs tbrmgr.
JOB = "tbrmgr"
#: Names in a data directory that mean nothing.
IGNORED = ("lost+found",)


class Listing(NamedTuple):
    """The files of a directory: how many, how many bytes, and path, size and time of the last write of each."""

    files_count: int
    size: int
    files: List[List[Any]]


def _records(client: Tibero) -> str:
    return os.path.join(client.record_directory, "rmgr_records")


def _path(client: Tibero, kind: str) -> str:
    return os.path.join(_records(client), kind + ".json")


def read_record(client: Tibero, kind: str) -> Dict[str, Any]:
    """Our record of a backup set or of a recovery, empty without one."""
    return detached.read_json(_path(client, kind)) or {}


def _write(client: Tibero, kind: str, record: Mapping[str, Any]) -> None:
    detached.private_directory(client.record_directory)
    detached.private_directory(_records(client))
    detached.write_atomically(_path(client, kind), json.dumps(dict(record), indent=1, sort_keys=True) + "\n")


def _forget(client: Tibero, kind: str) -> None:
    try:
        os.unlink(_path(client, kind))
    except FileNotFoundError:
        return


def listing(directory: str) -> Listing:
    """What lies below a directory, links not followed; empty when it does not exist. :raises OSError:"""
    found: List[List[Any]] = []
    if os.path.isdir(directory):
        for path, size in sorted(host_facts.files_below(directory)):
            found.append([os.path.relpath(path, directory), size, os.lstat(path).st_mtime_ns])
    return Listing(len(found), sum(each[1] for each in found), found)


def tbrmgr(context: Context) -> Outcome:
    """Back up, recover or remove the set; see the module's documentation."""
    client = options.client_of(context)
    directory = os.path.normpath(str(context.params["directory"]))
    target.check_path(directory, "directory")
    _refuse_place(client, directory)
    state = context.params["state"]
    if state == "present":
        return _present(context, client, directory)
    if state == "recovered":
        return _recovered(context, client, directory)
    return _absent(context, client, directory)


def _refuse_place(client: Tibero, directory: str) -> None:
    """A backup set among the files of the database would be taken for one of them, and removed with them or they with
    it."""
    places = [client.parameter("DB_CREATE_FILE_DEST"), client.parameter("LOG_ARCHIVE_DEST")]
    places += [os.path.dirname(path) for path in client.control_files() or ()]
    for place in [os.path.normpath(place) for place in places if place.startswith("/")]:
        if directory == place or directory.startswith(place + "/") or place.startswith(directory + "/"):
            raise Refusal(
                seen="directory is {0}, and {1} holds files of the database".format(directory, place),
                meaning="The backup set is removed after its use, and nothing of the database must lie beside it",
                remedy="Name a directory of its own (standby_rmgr_dir), neither below nor above {0}".format(place),
            )


def _check_empty(client: Tibero, directory: str, kind: str) -> None:
    """:raises Refusal: when something lies in the directory of a set that no record of ours names."""
    if read_record(client, kind).get("directory") == directory:
        return
    found = listing(directory)
    if found.files_count or os.path.islink(directory) or (os.path.lexists(directory) and not os.path.isdir(directory)):
        raise Refusal(
            seen="{0} is not empty: {1}".format(
                directory, ", ".join(str(each[0]) for each in found.files[:5]) or "it is a link or no directory"
            ),
            meaning="It was not made by this collection, and tbrmgr would add its set to what lies there",
            remedy="Name an empty directory (standby_rmgr_dir), or move these files away",
        )


def _check_space(directory: str, needed: int, margin: float, what: str) -> Dict[str, int]:
    """:raises Refusal: when the file system has no room. :returns: what is needed and what is free, in bytes."""
    place = target.existing_ancestor(directory)
    seen = os.statvfs(place)
    free = seen.f_bavail * seen.f_frsize
    wanted = int(needed * (1.0 + max(margin, 0.0) / 100.0))
    if free < wanted:
        raise Refusal(
            seen="{0} needs {1} bytes in {2}, and {3} are free".format(what, wanted, directory, free),
            meaning="tbrmgr would fail half-way, and the file system would be full",
            remedy="Give the file system of {0} more room, or name another directory (standby_rmgr_dir)".format(place),
            details={"needed": wanted, "free": free},
        )
    return {"needed": wanted, "free": free}


# ------------------------------------------------------------------------------------ the process


def _is_at_work(client: Tibero, key: str) -> bool:
    """Whether a run that an earlier call of this module started is still under way."""
    status = detached.ask(_records(client), JOB)
    return status.is_running and status.key == key


def _detached(context: Context, client: Tibero, key: str, work: Callable[[], Dict[str, Any]]) -> Dict[str, Any]:
    """Do the work in a process of its own, so that hours of tbrmgr do not hang on one session of the controller, and
    wait for it. :returns: what the work returned."""
    detached.private_directory(client.record_directory)
    detached.start(_records(client), JOB, key, lambda job: work())
    return _attend(context, client)


def _attend(context: Context, client: Tibero) -> Dict[str, Any]:
    """Wait for the end of the work. :raises StandbyError: what it failed with, or that it died."""
    status = wait_until(
        lambda: detached.ask(_records(client), JOB),
        lambda seen: not seen.is_running,
        float(context.params["rmgr_timeout"]) + 300.0,
        "tbrmgr to end",
        "Look at {0}".format(_records(client)),
        interval=0.5,
    ).value
    if status.state == detached.FINISHED:
        return dict(status.result)
    raw = status.error
    if status.state == detached.FAILED:
        raise StandbyError(str(raw.get("seen")), str(raw.get("meaning")), str(raw.get("remedy")), raw.get("details"))
    raise StandbyError(
        seen="The process that ran tbrmgr is {0}".format(status.state),
        meaning="It was ended from outside, or the host restarted; what tbrmgr left is not whole",
        remedy="Run the same task again: what is unfinished and ours is done anew",
        details={"job": status.as_dict()},
    )


# ----------------------------------------------------------------------------------------- backup


def _present(context: Context, client: Tibero, directory: str) -> Outcome:
    params = context.params
    record = read_record(client, BACKUP)
    state = look(client).state
    if _is_whole(record, directory, params):
        return _outcome(client, record, False, "backup set")
    key = "backup " + directory
    if _is_at_work(client, key):
        return _outcome(client, record if context.check_mode else _attend(context, client), True, "backup set")
    _refuse_backup(state)
    _check_empty(client, directory, BACKUP)
    files = database_files.list_files(client)
    needed = database_files.total(files)
    if params["with_archivelog"]:
        needed += database_files.total(database_files.archives(client, 0))
    ours = listing(directory).size if record.get("directory") == directory else 0
    spaces = _check_space(directory, max(needed - ours, 0), params["space_margin"], "The backup set")
    planned = {"directory": directory, "tsn": str(state.position.value or ""), "space": spaces}
    if context.check_mode:
        return _outcome(client, planned, True, "backup set")
    made = _detached(context, client, key, lambda: _back_up(context, client, directory, planned))
    return _outcome(client, made, True, "backup set")


def _is_whole(record: Mapping[str, Any], directory: str, params: Mapping[str, Any]) -> bool:
    """Whether the set of ours is finished, made with the same options, and as it was left."""
    return bool(
        record.get("finished")
        and record.get("directory") == directory
        and record.get("options") == _options(params)
        and record.get("files") == listing(directory).files
    )


def _options(params: Mapping[str, Any]) -> List[str]:
    names = ("with_archivelog", "with_password_file", "for_standby")
    return ["--" + name.replace("_", "-") for name in names if params[name]]


def _refuse_backup(state: MemberState) -> None:
    if not state.role.equals(PRIMARY) or not state.open_mode.equals(READ_WRITE):
        raise Refusal(
            seen="{0} is {1!r}, role {2!r}".format(state.name, state.open_mode, state.role),
            meaning="A backup set for a standby is made on the open primary",
            remedy="Name the primary, open in mode normal",
            details={"state": state.as_dict()},
        )
    if not state.archive_mode.equals(True):
        raise Refusal(
            seen="Archive mode is {0!r}".format(state.archive_mode),
            meaning="A set that is made while the database is open needs the archived redo of that time",
            remedy="Switch archiving on (firedrill.standby.tibero_archivelog), or copy cold",
            details={"state": state.as_dict()},
        )
    if not state.backup_open.equals(False):
        raise UnknownState(
            seen="Whether a hot backup is open: {0!r}".format(state.backup_open),
            meaning="tbrmgr beside an open backup is not known to work",
            remedy="End the backup first",
            details={"state": state.as_dict()},
        )
    jobs = host_facts.rmgr_jobs()
    if jobs.is_known and jobs.value:
        raise Refusal(
            seen="tbrmgr is at work: {0}".format("; ".join(jobs.value)),
            meaning="The server runs one RMGR job at a time (TBR-7550)",
            remedy="Wait until it has ended",
        )


def _back_up(context: Context, client: Tibero, directory: str, planned: Dict[str, Any]) -> Dict[str, Any]:
    """Make the set anew; an unfinished one of ours goes first."""
    chosen = _options(context.params)
    if os.path.isdir(directory):
        shutil.rmtree(directory)
    _write(client, BACKUP, dict(planned, options=chosen, finished=False))
    detached.private_directory(directory)
    before = _backup_sets(client)
    done = _run(context, client, ["backup", "-o", directory, "-v"] + chosen)
    found = listing(directory)
    if not [each for each in found.files if each[1]]:
        raise _failed(client, done, "{0} holds no file after it".format(directory))
    row = _new_set(before, _backup_sets(client))
    _judge_set(client, done, row)
    record = dict(
        planned,
        options=chosen,
        finished=True,
        files=found.files,
        bytes=found.size,
        backup_set=row or {},
        made_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    _write(client, BACKUP, record)
    return dict(record, printed=done.output)


def _backup_sets(client: Tibero) -> Optional[Dict[str, Dict[str, str]]]:
    """Rows of V$BACKUP_SET by set number; None when the view cannot be read. Its columns differ by patch (H)."""
    answer = client.ask([Query("V$BACKUP_SET")])[0]
    if not answer.is_known:
        return None
    found: Dict[str, Dict[str, str]] = {}
    for number, row in enumerate(answer.rows):
        key = row.get("SET_ID") or row.get("SET#") or "row {0}".format(number)
        found[str(key)] = {name.upper(): str(value or "") for name, value in row.items()}
    return found


def _new_set(
    before: Optional[Mapping[str, Dict[str, str]]], after: Optional[Mapping[str, Dict[str, str]]]
) -> Optional[Dict[str, str]]:
    """The row that came with our backup, None when it cannot be told."""
    fresh = [key for key in after or {} if key not in (before or {})]
    return (after or {})[fresh[0]] if before is not None and len(fresh) == 1 else None


def _judge_set(client: Tibero, done: Completed, row: Optional[Mapping[str, str]]) -> None:
    """:raises CommandFailed: when the server's own list contradicts, or nothing but a bad exit code speaks."""
    status = (row or {}).get("STATUS", "").upper()
    if status and status != COMPLETED:
        raise _failed(client, done, "V$BACKUP_SET shows the set as {0}".format(status))
    words = (row or {}).get("OPTIONS", "").upper()
    if words and "--for-standby" in done.argv and not re.search(r"FOR[_ ]STANDBY", words):
        raise _failed(client, done, "V$BACKUP_SET shows the options {0}, without FOR_STANDBY".format(words))
    if not status and done.returncode != 0:
        raise _failed(
            client, done, "it ended with code {0}, and V$BACKUP_SET does not show the set".format(done.returncode)
        )


def _run(context: Context, client: Tibero, arguments: Sequence[str]) -> Completed:
    """Run tbrmgr to its end and refuse what is certainly a failure.

    :raises CommandFailed: an error number was printed, or the banner never came. :raises DeadlineExceeded:
    """
    limit = float(context.params["rmgr_timeout"])
    done = client.run([client.program("tbrmgr")] + list(arguments), deadline=limit)
    printed = rmgr.parse(done.output + ("\n" + done.errors if done.errors else ""))
    if done.timed_out:
        raise DeadlineExceeded(
            seen="tbrmgr {0} had not ended after {1:.0f} s and was ended".format(arguments[0], limit),
            meaning="What it left is not whole",
            remedy="Set standby_rmgr_timeout higher (option rmgr_timeout), then run again",
            details=client.describe(done),
        )
    if printed.failed:
        error = printed.errors[0]
        says = advice(error.code)
        raise CommandFailed(
            seen=client.scrub(
                "tbrmgr {0} failed: {1}-{2}: {3}".format(arguments[0], error.prefix, error.code, error.text)
            ),
            meaning=says.meaning,
            remedy=says.remedy,
            details=dict(client.describe(done), code=error.code),
        )
    if not printed.started:
        raise _failed(client, done, "its banner did not come")
    return done


def _failed(client: Tibero, done: Completed, why: str) -> CommandFailed:
    text = " / ".join(line.strip() for line in (done.output + "\n" + done.errors).splitlines() if line.strip())
    return CommandFailed(
        seen=client.scrub("tbrmgr {0}: {1}. It printed: {2}".format(done.argv[1], why, text[-600:] or "nothing")),
        meaning="What tbrmgr prints on success is not known, so it is judged by what it leaves, and that is not enough",
        remedy="Read what it printed; run {0} by hand as the OS user of Tibero".format(" ".join(done.argv)),
        details=client.describe(done),
    )


# --------------------------------------------------------------------------------------- recovery


def _recovered(context: Context, client: Tibero, directory: str) -> Outcome:
    params = context.params
    record = read_record(client, RECOVERY)
    found = listing(directory)
    seen = look(client)
    if record.get("finished") and record.get("set") in (found.files, None) and _control_files(client)[1] == []:
        return _outcome(client, record, False, "copy of the database")
    key = "recover " + directory
    if _is_at_work(client, key):
        return _outcome(
            client, record if context.check_mode else _attend(context, client), True, "copy of the database"
        )
    _refuse_recovery(client, seen.state, seen.record.role if seen.record.same_control_files else "")
    places = _refuse_foreign(client, record)
    if not found.files_count:
        raise Refusal(
            seen="{0} holds no file".format(directory),
            meaning="There is no backup set to recover from",
            remedy="Copy the set that state=present made on the primary to this directory first",
        )
    there = sum(listing(place).size for place in places)
    data = client.parameter("DB_CREATE_FILE_DEST") or places[0]
    spaces = _check_space(data, max(found.size - there, 0), params["space_margin"], "The recovery")
    planned: Dict[str, Any] = {"directory": directory, "places": places, "space": spaces, "options": _options(params)}
    if context.check_mode:
        return _outcome(client, planned, True, "copy of the database")
    _write(client, RECOVERY, dict(planned, finished=False))
    planned = dict(planned, set=found.files, bytes=found.size)
    recovered = _detached(context, client, key, lambda: _recover(context, client, directory, planned))
    return _outcome(client, recovered, True, "copy of the database")


def _recover(context: Context, client: Tibero, directory: str, planned: Mapping[str, Any]) -> Dict[str, Any]:
    """Run the recovery, judge it, and write down that it is finished."""
    done = _run(context, client, ["recover", "-o", directory] + _options(context.params))
    _judge_recovery(client, done, bool(context.params["with_password_file"]))
    _bring_down(client, done)
    finished = dict(planned, finished=True)
    _write(client, RECOVERY, finished)
    return dict(finished, printed=done.output)


def _refuse_recovery(client: Tibero, state: MemberState, recorded: str) -> None:
    if not state.process.equals(False):
        raise Refusal(
            seen="{0} is {1!r}".format(state.name, state.open_mode),
            meaning="tbrmgr recover writes the files that a running instance has open",
            remedy="If this instance may go, stop it with tbdown",
            details={"state": state.as_dict()},
        )
    if recorded in (PRIMARY, STANDBY):
        raise Refusal(
            seen="{0} records the control files of {1} as those of a {2}".format(
                client.record_directory, state.name, recorded
            ),
            meaning="The recovery would overwrite a database that lives",
            remedy="Boot it (mode recovery for a standby); if it is to be built anew, move its files away",
        )


def database_places(client: Tibero) -> List[str]:
    """Directories that a recovery writes to: those of the data files, the archives and the control files."""
    places = [client.parameter("DB_CREATE_FILE_DEST"), client.parameter("LOG_ARCHIVE_DEST")]
    places += [os.path.dirname(path) for path in client.control_files() or ()]
    found: List[str] = []
    for place in sorted({os.path.normpath(place) for place in places if place.startswith("/")}):
        if not [each for each in found if place.startswith(each + "/")]:
            found.append(place)
    return found


def _refuse_foreign(client: Tibero, record: Mapping[str, Any]) -> List[str]:
    """tbrmgr overwrites without asking (L), so it runs only into places that are empty or that our own unfinished
    recovery found empty. :returns: the places."""
    places = database_places(client)
    if not places:
        raise Refusal(
            seen="{0} names neither DB_CREATE_FILE_DEST nor CONTROL_FILES".format(client.tip_path),
            meaning="Where the recovery would put the files is not known, nor whether anything lies there",
            remedy="Write the tip of the standby first (firedrill.standby.tibero_tip)",
        )
    if record.get("places") == places:
        return places
    foreign = [
        path
        for place in places
        if os.path.isdir(place)
        for path, _size in host_facts.files_below(place)
        if not set(os.path.relpath(path, place).split(os.sep)) & set(IGNORED)
    ]
    if foreign:
        more = " and {0} more".format(len(foreign) - 5) if len(foreign) > 5 else ""
        raise Refusal(
            seen="The target is not empty: {0}{1}".format(", ".join(sorted(foreign)[:5]), more),
            meaning="These files are not of a recovery of ours, and tbrmgr would overwrite them",
            remedy="Check whose they are; move them away or remove them by hand, then run again",
            details={"foreign": sorted(foreign)[:1000]},
        )
    return places


def _control_files(client: Tibero) -> Tuple[List[str], List[str]]:
    """The control files of the tip, and those that are not there."""
    paths = list(client.control_files() or ())
    return paths, [path for path in paths if not os.path.isfile(path)]


def _judge_recovery(client: Tibero, done: Completed, password: bool) -> None:
    """What the recovery must have left. A bad exit code alone is enough to refuse, because no list of the server speaks
    for a recovery as V$BACKUP_SET does for a backup. :raises CommandFailed:"""
    if done.returncode != 0:
        raise _failed(client, done, "it ended with code {0}".format(done.returncode))
    missing = _control_files(client)[1]
    base = client.parameter("DB_CREATE_FILE_DEST")
    if password and base and not os.path.isfile(os.path.join(base, ".passwd")):
        missing.append(os.path.join(base, ".passwd"))
    if missing:
        raise _failed(client, done, "{0} is not there after it".format(", ".join(missing)))
    if not [size for place in database_places(client) for _path, size in host_facts.files_below(place) if size > 0]:
        raise _failed(client, done, "no data file is there after it")


def _bring_down(client: Tibero, done: Completed) -> None:
    """Whether tbrmgr leaves the instance down or at MOUNT is not known (L); it is brought down, unless it was opened.

    :raises CommandFailed: when the copy was opened as a primary: then its redo has left the primary's line.
    """
    state = look(client).state
    if state.open_mode.equals(READ_WRITE):
        raise _failed(client, done, "the copy was opened for writing, so it can no longer become a standby")
    if not state.process.equals(False):
        drive.ensure(client, Wish(STOPPED, "immediate"))


# ----------------------------------------------------------------------------------------- remove


def _absent(context: Context, client: Tibero, directory: str) -> Outcome:
    """Remove the set that we made here, or that was copied here and recovered from; the database stays."""
    kinds = [kind for kind in (BACKUP, RECOVERY) if read_record(client, kind).get("directory") == directory]
    there = os.path.isdir(directory) and bool(kinds)
    changed = there or BACKUP in kinds
    if not kinds and listing(directory).files_count:
        raise Refusal(
            seen="{0} holds files, and no record of ours names it".format(directory),
            meaning="It is not known whose backup set that is",
            remedy="Look at it and remove it by hand if it may go",
        )
    if context.check_mode or not changed:
        return _outcome(client, {"directory": directory}, changed, "backup set", gone=True)
    if there:
        shutil.rmtree(directory)
    # Also that of a recovery: what lies in the data directory later is no longer proven to be a copy of ours.
    for kind in kinds:
        _forget(client, kind)
    return _outcome(client, {"directory": directory}, True, "backup set", gone=True)


def _outcome(client: Tibero, record: Mapping[str, Any], changed: bool, what: str, gone: bool = False) -> Outcome:
    values = {
        "directory": record.get("directory"),
        "bytes": record.get("bytes"),
        "files": len(record.get("files") or record.get("set") or []),
        "tsn": record.get("tsn"),
        "backup_set": record.get("backup_set") or {},
        "space": record.get("space") or {},
        "printed": client.scrub(str(record.get("printed") or "")),
    }
    before, after = ("present", "absent") if gone else ("absent", "present")
    if not changed:
        before = after
    return Outcome(changed, values, {what: before}, {what: after}, "{0} of {1}".format(what, client.tb_sid))
