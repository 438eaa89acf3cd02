# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""CREATE DATABASE at NOMOUNT (module tibero_database). The instance stops by itself afterwards (H) and is left
stopped."""

import json
import os
import re
import time
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import STARTING, STOPPED
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock, wait_until
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import options
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import (
    Login,
    LoginFailed,
    Tibero,
    password_literal,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.decide_boot import BELOW, Wish
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.drive import ensure
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import Seen, look

_TABLESPACE = {
    "size": {"type": "str"},
    "next": {"type": "str", "default": "10M"},
    "max": {"type": "str", "default": "unlimited"},
}

DATABASE_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC,
    name={"type": "str"},
    nomount_password={"type": "str", "no_log": True},
    data_dir={"type": "path"},
    character_set={"type": "str", "default": "UTF8"},
    national_character_set={"type": "str", "default": "UTF16"},
    archivelog={"type": "bool", "default": True},
    redo_groups={"type": "int", "default": 3},
    redo_size={"type": "str", "default": "50M"},
    redo_dirs={"type": "list", "elements": "path", "default": []},
    system={"type": "dict", "default": {}, "options": _TABLESPACE},
    syssub={"type": "dict", "default": {}, "options": _TABLESPACE},
    temp={"type": "dict", "default": {}, "options": _TABLESPACE},
    undo={"type": "dict", "default": {}, "options": _TABLESPACE},
    usr={"type": "dict", "default": {}, "options": _TABLESPACE},
    undo_tablespace={"type": "str", "default": "UNDO"},
    max_datafiles={"type": "int", "default": 100},
    max_instances={"type": "int", "default": 8},
    create_timeout={"type": "int", "default": 7200},
)

#: The vendor's default of SYS before there is a database (H: `tbsql sys/tibero` at NOMOUNT).
DEFAULT_PASSWORD = "tibero"
#: Sizes of the first files, as recorded on 7.2.3.
SIZES = {"system": "100M", "syssub": "10M", "temp": "100M", "undo": "200M", "usr": "100M"}
#: What the server prints before it stops (H).
CREATED = ("created",)

_SIZE = re.compile(r"[1-9][0-9]*[KMGT]\Z", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,29}\Z")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}\Z")


class Layout(NamedTuple):
    """What is to be created: the statement with a placeholder for the password, and the directories its files
    need."""

    statement: str
    directories: Tuple[str, ...]


def _bad(option: str, value: object, allowed: str) -> Refusal:
    return Refusal(
        seen="{0} is {1!r}".format(option, value),
        meaning="Allowed is {0}".format(allowed),
        remedy="Correct {0}; nothing was done".format(option),
    )


def _check(params: Mapping[str, Any], name: str, tip_name: str) -> None:
    """Everything that goes into the statement is checked here, so that no option can carry SQL of its own."""
    if not _NAME.match(name):
        raise _bad("name", name, "a letter, then at most 39 letters, digits and underscores")
    if tip_name and name != tip_name:
        raise _bad("name", name, "DB_NAME of the tip, {0} (TBR-7067)".format(tip_name))
    for option in ("character_set", "national_character_set", "undo_tablespace"):
        if not _WORD.match(params[option]):
            raise _bad(option, params[option], "one word of letters, digits and underscores")
    if not _SIZE.match(params["redo_size"]):
        raise _bad("redo_size", params["redo_size"], "a number with K, M, G or T")
    if not 2 <= params["redo_groups"] <= 255:
        raise _bad("redo_groups", params["redo_groups"], "2 to 255")
    for option in ("max_datafiles", "max_instances"):
        if not 1 <= params[option] <= 65535:
            raise _bad(option, params[option], "1 to 65535")
    for option in SIZES:
        given = params[option] or {}
        for key in ("size", "next", "max"):
            value = given.get(key)
            if value and not _SIZE.match(value) and not (key == "max" and value.lower() == "unlimited"):
                raise _bad("{0}.{1}".format(option, key), value, "a number with K, M, G or T")


def _file(directory: str, name: str, clause: Mapping[str, Any], default: str) -> str:
    path = os.path.join(directory, name)
    return "'{0}' size {1} autoextend on next {2} maxsize {3}".format(
        path, clause.get("size") or default, clause.get("next") or "10M", clause.get("max") or "unlimited"
    )


def layout(params: Mapping[str, Any], name: str, directory: str) -> Layout:
    """The statement in the order recorded on 7.2.3, with ``{password}`` where the password goes.

    :arg directory: where the files go; "" leaves the names relative, which the server resolves by DB_CREATE_FILE_DEST
        (H, recorded).
    """
    redo_dirs = [str(path) for path in params["redo_dirs"]] or [directory]
    groups = []
    for number in range(params["redo_groups"]):
        members = [
            "'{0}'".format(os.path.join(place, _member(number, copy, redo_dirs)))
            for copy, place in enumerate(redo_dirs)
        ]
        files = members[0] if len(members) == 1 else "({0})".format(",".join(members))
        groups.append("group {0} {1} size {2}".format(number, files, params["redo_size"]))

    def clause(option: str, file_name: str) -> str:
        return _file(directory, file_name, params[option] or {}, SIZES[option])

    lines = [
        'create database "{0}"'.format(name),
        "user sys identified by {password}",
        "maxinstances {0}".format(params["max_instances"]),
        "maxdatafiles {0}".format(params["max_datafiles"]),
        "character set {0}".format(params["character_set"]),
        "national character set {0}".format(params["national_character_set"]),
        "logfile",
        ",\n".join(groups),
        "maxloggroups 255",
        "maxlogmembers 8",
        "archivelog" if params["archivelog"] else "noarchivelog",
        "datafile " + clause("system", "system001.dtf"),
        "default temporary tablespace TEMP",
        "tempfile " + clause("temp", "temp001.dtf"),
        "extent management local autoallocate",
        "undo tablespace {0}".format(params["undo_tablespace"]),
        "datafile " + clause("undo", "undo001.dtf"),
        "extent management local autoallocate",
        "SYSSUB",
        "datafile " + clause("syssub", "syssub001.dtf"),
        "default tablespace USR",
        "datafile " + clause("usr", "usr001.dtf"),
        "extent management local autoallocate;",
    ]
    return Layout("\n".join(lines), tuple(sorted({place for place in redo_dirs + [directory] if place})))


def _member(number: int, copy: int, redo_dirs: List[str]) -> str:
    return (
        "log{0:03d}.log".format(number)
        if len(redo_dirs) == 1
        else "log{0:03d}{1}.log".format(number, chr(ord("a") + copy))
    )


# --------------------------------------------------------------------------------------- the work


def _record_path(client: Tibero) -> str:
    return os.path.join(client.record_directory, "create.json")


def _record(client: Tibero, done: bool) -> None:
    detached.private_directory(client.record_directory)
    record = {"done": done, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    detached.write_atomically(_record_path(client), json.dumps(record) + "\n")


def created_here(client: Tibero) -> bool:
    """Whether our record says that this collection created the database of this instance."""
    return bool((detached.read_json(_record_path(client)) or {}).get("done"))


def ensure_database(context: Context, clock: Optional[Clock] = None) -> Outcome:
    """Create the database unless its control file is there; see the module's documentation."""
    params = context.params
    if (params.get("sys_user") or "sys").lower() != "sys":
        raise _bad("sys_user", params["sys_user"], "sys: nobody else exists before there is a database")
    password_literal(params.get("sys_password") or "")
    client = _client(context, params["sys_password"])
    paths = client.control_files()
    if not paths and context.check_mode and client.tip() is None:
        # The task before would write the tip; without one nothing can have been created.
        return _outcome(client, params.get("name") or "", True, (), "")
    if not paths:
        raise Refusal(
            seen="{0} does not exist or has no CONTROL_FILES".format(client.tip_path),
            meaning="Where the database would lie is not known",
            remedy="Write the tip first: firedrill.standby.tibero_tip",
        )
    name = params.get("name") or client.parameter("DB_NAME")
    _check(params, name, client.parameter("DB_NAME"))
    existing = [path for path in paths if os.path.exists(path)]
    if existing:
        _refuse_unfinished(client, existing)
        return _outcome(client, name, False, paths, "")
    plan = layout(params, name, _directory(client, params))
    _refuse_leftovers(plan, paths)
    shown = plan.statement.replace("{password}", "********")
    if context.check_mode:
        return _outcome(client, name, True, paths, shown)
    _create(client, context, plan, paths, clock)
    return _outcome(client, name, True, paths, shown)


def _client(context: Context, password: str) -> Tibero:
    params = context.params
    login = Login("sys", password, params.get("alias") or "")
    return options.client_of(context, login)


def _directory(client: Tibero, params: Mapping[str, Any]) -> str:
    directory = str(params.get("data_dir") or client.parameter("DB_CREATE_FILE_DEST"))
    for path in [directory] + [str(path) for path in params["redo_dirs"]]:
        if path and (not path.startswith(("/", "+")) or re.search(r"['\"\s;{}]", path)):
            raise _bad("data_dir or redo_dirs", path, "an absolute path without quotes, blanks, semicolons and braces")
    return directory


def _refuse_unfinished(client: Tibero, existing: List[str]) -> None:
    record = detached.read_json(_record_path(client))
    if record is not None and not record.get("done"):
        raise Refusal(
            seen=("{0} exists, and a creation of this database was begun at {1} but never ended").format(
                existing[0], record.get("at")
            ),
            meaning="It is half made",
            remedy=(
                "Stop the instance, remove the control files, data files and redo of this database and {0}, "
                "and run again"
            ).format(_record_path(client)),
        )


def _refuse_leftovers(plan: Layout, paths: Tuple[str, ...]) -> None:
    """No control file, but data: somebody's database whose control files were lost must not be overwritten."""
    for directory in plan.directories:
        found = [entry for entry in sorted(_entries(directory)) if entry.endswith((".dtf", ".log", ".ctl"))]
        if found:
            raise Refusal(
                seen="{0} holds {1}, but none of the control files {2} exists".format(
                    directory, ", ".join(found[:5]), ", ".join(paths)
                ),
                meaning="These may be the files of a database whose control files are elsewhere",
                remedy="Correct CONTROL_FILES in the tip, or move these files away",
            )


def _entries(directory: str) -> List[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def _create(client: Tibero, context: Context, plan: Layout, paths: Tuple[str, ...], clock: Optional[Clock]) -> None:
    archive = client.parameter("LOG_ARCHIVE_DEST")
    needed = set(plan.directories) | {os.path.dirname(path) for path in paths} | ({archive} if archive else set())
    for directory in sorted(needed):
        if directory.startswith("/"):
            os.makedirs(directory, mode=0o750, exist_ok=True)
    seen = look(client)
    if not seen.state.open_mode.equals(STARTING):
        ensure(client, Wish("nomount", restart=BELOW), clock=clock)
    _record(client, False)
    statement = plan.statement.replace("{password}", password_literal(context.params["sys_password"]))
    _run_create(client, context, statement)
    wait_until(
        client.processes,
        lambda instances: instances == (),
        client.timeout,
        "the instance to stop by itself after CREATE DATABASE",
        "Look at sys.log below {0}/log/slog".format(client.instance_directory),
        clock=clock,
    )
    _verify(client, paths, look(client))
    _record(client, True)


def _run_create(client: Tibero, context: Context, statement: str) -> None:
    """Run it with the password that holds before there is a database: the vendor's default unless named."""
    wanted = context.params["sys_password"]
    candidates = [context.params.get("nomount_password") or DEFAULT_PASSWORD, wanted]
    for number, password in enumerate(candidates):
        login = _client(context, password)
        login.hide(wanted)
        try:
            login.execute(
                statement, CREATED, deadline=context.params["create_timeout"], shown="CREATE DATABASE", kill=False
            )
            return
        except DeadlineExceeded as error:
            raise _still_creating(client, context.params["create_timeout"], error) from error
        except LoginFailed as error:
            if error.code != 17001 or number + 1 == len(candidates):
                raise


def _still_creating(client: Tibero, limit: int, error: DeadlineExceeded) -> DeadlineExceeded:
    state = look(client).state
    return DeadlineExceeded(
        seen="CREATE DATABASE had not ended after {0} s; {1} is {2!r}".format(limit, client.tb_sid, state.open_mode),
        meaning="It goes on: tbsql was not killed, because that would leave a half-made database. Whether it comes to its end is "
        "not known",
        remedy="Watch sys.log below {0}/log/slog until the instance stops by itself. If tbboot then opens the database, remove {1} and run "
        "again; else stop the instance, remove its control files, data files, redo and that record, and run again with a longer "
        "tibero_create_timeout".format(client.instance_directory, _record_path(client)),
        details=dict(error.details, state=state.as_dict()),
    )


def _verify(client: Tibero, paths: Tuple[str, ...], after: Seen) -> None:
    missing = [path for path in paths if not os.path.exists(path)]
    if missing:
        raise CommandFailed(
            seen="CREATE DATABASE was confirmed, but {0} does not exist".format(", ".join(missing)),
            meaning="The database is not where the tip says",
            remedy="Read sys.log below {0}/log/slog".format(client.instance_directory),
            details={"state": after.state.as_dict()},
        )


def _outcome(client: Tibero, name: str, changed: bool, paths: Tuple[str, ...], statement: str) -> Outcome:
    values = {"name": name, "control_files": list(paths), "statement": statement}
    before = {"database": "none" if changed else name}
    return Outcome(
        changed, values, before, {"database": name}, "database of {0}, left {1}".format(client.tb_sid, STOPPED)
    )
