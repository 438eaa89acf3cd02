# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What administrative statements do to the files and the control file. Every function raises TbrError on a refusal."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tibero_emulator.server.blocks import DataFile
from tibero_emulator.server.control import SNAPSHOT, STANDBY, Control, FileInfo, LogGroup, TablespaceInfo, TempInfo
from tibero_emulator.server.database import Database, new_header, new_member
from tibero_emulator.server.errors import TbrError
from tibero_emulator.server.logwriter import create_members
from tibero_emulator.server.redolog import Record

if TYPE_CHECKING:
    from tibero_emulator.server.instance import Instance

DEFAULT_FILE_SIZE = 100 * 1024 * 1024
DEFAULT_LOG_SIZE = 50 * 1024 * 1024
MIN_LOG_SIZE = 1024 * 1024


@dataclass
class FileSpec:
    """A file in DDL: name as written, sizes in bytes (0 = default, max 0 = unlimited)."""

    name: str
    size: int = 0
    reuse: bool = False
    autoextend: bool = False
    next: int = 0
    max: int = 0


def _database(instance: Instance, *states: str) -> Database:
    """The database, if the instance is in one of the states; TBR-7004 otherwise."""
    if instance.database is None or instance.state not in states:
        raise TbrError(7004)
    return instance.database


def refuse_on_cluster(instance: Instance, what: str) -> None:
    """DDL that redo apply cannot follow (tibero.md 15): refused on a standby, and on a primary while a standby is
    enabled."""
    if instance.database is not None and instance.database.control.state.role == STANDBY:
        raise TbrError(int(instance.setting("unsupported_ddl_standby_code")))
    condition = instance.setting("unsupported_ddl_when")
    senders = instance.senders()
    active = (
        [each for each in senders if each.enabled]
        if condition == "enabled"
        else [each for each in senders if each.connected]
    )
    if instance.state == "NORMAL" and active:
        instance.slog("FRM", f"{what} refused: a standby is {condition}")
        raise TbrError(int(instance.setting("unsupported_ddl_primary_code")))


# ---------------------------------------------------------------------- logs
def archive_log_list(instance: Instance) -> dict[str, Any]:
    """ARCHIVE LOG LIST in the recorded form (t7-tbsql-archivelog-enable-and-list)."""
    if instance.database is None:
        raise TbrError(12028)
    control = instance.database.control.state
    used = [group.seq for group in control.online() if group.seq]
    current = max(used, default=0)
    rows = [
        ["Database log mode", "Archive Mode" if control.archivelog else "No Archive Mode"],
        ["Archive destination", instance.params.archive_dest.rstrip("/") + "/"],
        ["Oldest online log sequence", str(min(used, default=0))],
        ["Next log sequence to archive", str(current)],
        ["Current log sequence", str(current)],
    ]
    if not control.archivelog:
        del rows[3]
    columns = [
        {"name": "NAME", "type": "VARCHAR", "width": 31, "precision": 0},
        {"name": "VALUE", "type": "VARCHAR", "width": 48, "precision": 0},
    ]
    return {"columns": columns, "rows": rows, "message": None, "row_count": len(rows)}


def set_archivelog(instance: Instance, on: bool) -> str:
    """ALTER DATABASE ARCHIVELOG | NOARCHIVELOG, in MOUNT."""
    database = _database(instance, "MOUNT")
    if database.control.state.role == STANDBY:
        raise TbrError(7501)
    with database.control.update() as control:
        control.archivelog = on
        for group in control.groups:
            if group.end is not None:
                group.archived = True
    return "Database altered."


def switch_logfile(instance: Instance) -> None:
    """ALTER SYSTEM SWITCH LOGFILE: archiving runs in the background."""
    database = _database(instance, "NORMAL")
    assert database.log is not None
    with database.append_lock:
        database.log.switch()


def checkpoint(instance: Instance) -> None:
    _database(instance, "NORMAL", "RECOVERY", "READ_ONLY").checkpoint()


def add_log_group(instance: Instance, thread: int, number: int, members: list[str], size: int, standby: bool) -> None:
    """ADD [STANDBY] LOGFILE. Standby redo logs: MOUNT, USE_STANDBY_REDO_LOG=Y, not smaller than the online logs."""
    if standby:
        database = _database(instance, "MOUNT")
        if not instance.uses_standby_redo():
            raise TbrError(1107)
        if thread != 0:
            raise TbrError(24134, thread, 0)
    else:
        refuse_on_cluster(instance, "ADD LOGFILE")
        database = _database(instance, "MOUNT", "NORMAL")
    control = database.control.state
    online = max((group.size for group in control.online()), default=DEFAULT_LOG_SIZE)
    size = size or online
    if standby and size < online:
        raise TbrError(1132)
    same = [group for group in control.groups if group.standby == standby]
    if number < 0:
        number = max((group.group for group in same), default=-1) + 1
    if any(group.group == number for group in same):
        raise TbrError(590008, "log group", str(number))
    group = LogGroup(
        number, thread, [instance.params.resolve(each) for each in members], max(size, MIN_LOG_SIZE), standby=standby
    )
    _create_log(group)
    with database.control.update():
        control.groups.append(group)


def _create_log(group: LogGroup) -> None:
    try:
        create_members(group)
    except OSError as error:
        raise TbrError(590001, f"cannot create {error.filename}: {error.strerror}") from error


def add_member(instance: Instance, name: str, number: int) -> None:
    refuse_on_cluster(instance, "ADD LOGFILE MEMBER")
    raise TbrError(590002, "ADD LOGFILE MEMBER; give all members in CREATE DATABASE or ADD LOGFILE GROUP")


def drop_log_group(instance: Instance, number: int) -> None:
    refuse_on_cluster(instance, "DROP LOGFILE")
    database = _database(instance, "MOUNT", "NORMAL")
    with database.control.update() as control:
        found = next((group for group in control.online() if group.group == number), None)
        if found is None:
            raise TbrError(590007, "log group", str(number))
        if len(control.online()) <= 2 or (found.end is None and found.seq) or control.ckpt[1] <= found.seq:
            raise TbrError(590001, f"log group {number} is in use or one of the last two")
        control.groups.remove(found)


def enable_standby_thread(instance: Instance, number: int) -> None:
    database = _database(instance, "MOUNT")
    if not instance.uses_standby_redo():
        raise TbrError(1107)
    if number != 0:
        raise TbrError(24134, number, 0)
    with database.control.update() as control:
        if not control.standby_groups():
            raise TbrError(1131, number)
        control.standby_thread = True


# ---------------------------------------------------------------------- control file
def standby_control_file(instance: Instance) -> None:
    """ALTER DATABASE STANDBY CONTROLFILE: role and converted paths (tibero.md 11.1). The copy is judged at the
    RECOVERY boot."""
    database = _database(instance, "MOUNT")
    if database.control.state.role == SNAPSHOT:
        raise TbrError(1096, "database is a snapshot standby")
    convert = instance.params.name_convert()

    def moved(name: str) -> str:
        if convert is None:
            return name
        source, target = (each.rstrip("/") for each in convert)
        return target + name[len(source) :] if name == source or name.startswith(source + "/") else name

    with database.control.update() as control:
        for group in control.groups:
            group.members = [moved(name) for name in group.members]
        for info in control.files:
            info.name = moved(info.name)
            info.backup = None
            info.verify = True
            info.end_backup = None
        for temp in control.temps:
            temp.name = moved(temp.name)
        control.role = STANDBY
        control.member = new_member()
        control.switchover = False
        control.had_standby = False
        control.clean = False
        control.cf_created = time.time()
    instance.slog("FRM", "standby control file created")


def convert(instance: Instance, snapshot: bool) -> None:
    """Snapshot conversion: only its refusals exist (TBR-1126, 1116, 1128); the conversion is not emulated."""
    database = _database(instance, "MOUNT", "RECOVERY")
    control = database.control.state
    if not snapshot and control.role != SNAPSHOT:
        raise TbrError(1128)
    if control.role != STANDBY:
        raise TbrError(1127)
    if not control.standby_thread:
        raise TbrError(1126)
    if not instance.params.size("FLASHBACK_LOG_BUFFER"):
        raise TbrError(1116)
    raise TbrError(590002, "snapshot standby")


def rename_database(instance: Instance, name: str) -> None:
    database = _database(instance, "MOUNT")
    with database.control.update() as control:
        control.db_name = name


def rename_file(instance: Instance, old: str, new: str) -> None:
    """ALTER DATABASE RENAME FILE, in MOUNT; the new file must be there."""
    refuse_on_cluster(instance, "RENAME FILE")
    database = _database(instance, "MOUNT")
    old, new = instance.params.resolve(old), instance.params.resolve(new)
    if not os.path.exists(new):
        raise TbrError(1024, "open failed", new)
    with database.control.update() as control:
        found = False
        listed: list[Any] = [*control.files, *control.temps]
        for info in listed:
            if info.name == old:
                info.name, found = new, True
        for group in control.groups:
            if old in group.members:
                group.members[group.members.index(old)], found = new, True
        if not found:
            raise TbrError(590007, "file", old)


def backup_control_file(instance: Instance, name: str, reuse: bool) -> None:
    database = _database(instance, "MOUNT", "NORMAL", "RECOVERY", "READ_ONLY")
    try:
        database.control.copy_to(instance.params.resolve(name), reuse)
    except OSError as error:
        raise TbrError(590001, f"cannot write {error.filename}: {error.strerror}") from error


def control_file_trace(instance: Instance, name: str, reuse: bool, resetlogs: bool) -> None:
    """BACKUP CONTROLFILE TO TRACE AS: a CREATE CONTROLFILE script, its words inferred; the emulator cannot run it."""
    database = _database(instance, "MOUNT", "NORMAL")
    control = database.control.state
    path = instance.params.resolve(name)
    if os.path.exists(path) and not reuse:
        raise TbrError(590001, f"file {path} exists")
    lines = [f'CREATE CONTROLFILE REUSE DATABASE "{control.db_name}"', "LOGFILE"]
    lines += [f"GROUP {g.group} '{g.members[0]}' SIZE {g.size // 1048576}M," for g in control.online()]
    lines[-1] = lines[-1].rstrip(",")
    lines += ["RESETLOGS" if resetlogs else "NORESETLOGS", "DATAFILE"]
    lines += [f"'{info.name}'," for info in control.files]
    lines[-1] = lines[-1].rstrip(",")
    lines += ["ARCHIVELOG" if control.archivelog else "NOARCHIVELOG", f"CHARACTER SET {control.character_set}", ";"]
    lines += [f"-- ALTER TABLESPACE {t.tablespace} ADD TEMPFILE '{t.name}' SIZE {t.size} REUSE;" for t in control.temps]
    with open(path, "w", encoding="utf-8") as handle:
        handle.write("\n".join(lines) + "\n")


# ---------------------------------------------------------------------- hot backup
def hot_backup(instance: Instance, tablespace: str | None, begin: bool) -> None:
    """ALTER DATABASE | TABLESPACE BEGIN | END BACKUP."""
    database = _database(instance, "NORMAL") if begin else _database(instance, "NORMAL", "MOUNT")
    control = database.control.state
    if control.role == STANDBY:
        raise TbrError(7501)
    files = [info for info in control.files if tablespace in (None, info.tablespace)]
    if not files:
        raise TbrError(590007, "tablespace", tablespace or "")
    if begin:
        _begin_backup(instance, database, files)
    elif instance.state == "MOUNT":
        _end_backup_mounted(database, files, tablespace)
    else:
        _end_backup(database, files, tablespace)


def _begin_backup(instance: Instance, database: Database, files: list[FileInfo]) -> None:
    if not database.control.state.archivelog and instance.setting("backup_needs_archivelog"):
        raise TbrError(590001, "online backup needs ARCHIVELOG mode")
    for info in files:
        if info.backup is not None:
            raise TbrError(24010, info.tablespace)
    with database.ckpt_lock:
        database.checkpoint()
        with database.control.update() as control:
            position = list(control.ckpt)
            for info in files:
                header = database.files[info.file].header
                header.ckpt = position
                header.backup = position
                database.files[info.file].write_header()
                database.files[info.file].sync()
                info.backup = position
                info.backup_time = time.time()
    database.append_meta("begin_backup", files=[info.file for info in files])


def _active(files: list[FileInfo], tablespace: str | None) -> list[FileInfo]:
    active = [info for info in files if info.backup is not None]
    if not active:
        raise TbrError(24055) if tablespace is None else TbrError(24011, tablespace)
    return active


def _end_backup(database: Database, files: list[FileInfo], tablespace: str | None) -> None:
    active = _active(files, tablespace)
    begun = {str(info.file): (info.backup or [0])[0] for info in active}
    database.append_meta("end_backup", files=begun)
    with database.ckpt_lock:
        with database.control.update():
            for info in active:
                info.backup = None
        database.checkpoint()


def _end_backup_mounted(database: Database, files: list[FileInfo], tablespace: str | None) -> None:
    """After a crash during a hot backup: MOUNT, END BACKUP, OPEN (tibero.md 12.6, OCF idiom)."""
    active = _active(files, tablespace)
    database.open_files()
    try:
        with database.control.update() as control:
            for info in active:
                file = database.files[info.file]
                file.header.backup = None
                file.header.ckpt = list(control.ckpt)
                file.write_header()
                file.sync()
                info.backup = None
    finally:
        database.close_files()


# ---------------------------------------------------------------------- recovery in MOUNT
def recover(instance: Instance, for_standby: bool, until: int | None) -> None:
    """ALTER DATABASE RECOVER AUTOMATIC [DATABASE | FOR STANDBY] [UNTIL ...]."""
    database = _database(instance, "MOUNT")
    standby = database.control.state.role == STANDBY
    if instance.params.flag("_STANDBY_ALLOW_TEMPFILE_ADD_IN_MOUNT_MODE"):
        raise TbrError(7584)
    if standby and not for_standby:
        raise TbrError(7577)
    if for_standby and not standby:
        raise TbrError(7578)
    if instance.recovering:
        raise TbrError(1025)
    instance.recovering = True
    try:
        if standby:
            instance.recover_standby_files()
            database.checkpoint(clean=True)
        else:
            _media_recovery(database, until)
    finally:
        instance.recovering = False
        database.close_files()


def _media_recovery(database: Database, until: int | None) -> None:
    """Bring restored files to the end of redo; TBR-1027 archive gone, 1072 online log too old, 1024 damage."""
    database.open_files()
    database.scan()
    control = database.control.state
    database.stop_at = until if until is not None and until >= 0 else None
    database.recover(database.oldest_position())
    newest = max((group.seq for group in control.online()), default=0)
    incomplete = until is not None
    if database.redo_missing or (database.received[0] < newest and not incomplete):
        seq = database.received[0] + (0 if database.redo_missing else 1)
        if seq < newest:
            raise TbrError(1027, 0, database.tsn)
        with database.control.update():
            control.need_resetlogs = True
        raise TbrError(1072, 0, newest, seq, database.tsn)
    if not incomplete:
        database.check_after_recovery()
    for info in control.files:
        info.backup = None
    database.checkpoint(clean=True)
    if incomplete:
        with database.control.update():
            control.need_resetlogs = True


# ---------------------------------------------------------------------- files and tablespaces
def create_data_file(database: Database, control: Control, spec: FileSpec, tablespace: str, number: int) -> FileInfo:
    """Create a data file and its entry. Raises TbrError when the file cannot be made."""
    params = database.params
    size = max(spec.size or DEFAULT_FILE_SIZE, 16 * control.block_size)
    size -= size % control.block_size
    info = FileInfo(
        number, params.resolve(spec.name), tablespace, size, spec.autoextend, spec.next, spec.max, database.tsn
    )
    header = new_header(control.dbid, info, control.block_size, database.position, control.branch, control.member)
    try:
        database.files[number] = DataFile.create(info.name, header, spec.reuse)
    except OSError as error:
        raise TbrError(590001, f"cannot create {info.name}: {error.strerror}") from error
    database.next_block[number] = 1
    control.files.append(info)
    return info


def create_temp_file(database: Database, control: Control, spec: FileSpec, tablespace: str) -> TempInfo:
    number = max((each.file for each in control.temps), default=-1) + 1
    size = spec.size or DEFAULT_FILE_SIZE
    info = TempInfo(number, database.params.resolve(spec.name), tablespace, size, spec.autoextend, spec.next, spec.max)
    try:
        os.makedirs(os.path.dirname(info.name), exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | (0 if spec.reuse else os.O_EXCL)
        fd = os.open(info.name, flags, 0o640)
        os.ftruncate(fd, size)
        os.close(fd)
    except OSError as error:
        raise TbrError(590001, f"cannot create {info.name}: {error.strerror}") from error
    control.temps.append(info)
    return info


def next_file_number(control: Control) -> int:
    return max((info.file for info in control.files), default=-1) + 1


def add_data_file(instance: Instance, tablespace: str, spec: FileSpec) -> None:
    database = _database(instance, "NORMAL")
    found = database.control.state.tablespace(tablespace)
    if found is None or found.type == "TEMP":
        raise TbrError(590007, "tablespace", tablespace)
    with database.append_lock, database.ckpt_lock:
        with database.control.update() as control:
            info = create_data_file(database, control, spec, tablespace, next_file_number(control))
        database.append_meta("add_file", info=vars(info))
    database.checkpoint()


def add_temp_file(instance: Instance, tablespace: str, spec: FileSpec) -> None:
    """ADD TEMPFILE; on a standby opened read only or mounted as well, since temp files are not in the redo."""
    database = _database(instance, "NORMAL", "MOUNT", "RECOVERY", "READ_ONLY")
    with database.control.update() as control:
        found = control.tablespace(tablespace)
        if found is None or found.type != "TEMP":
            raise TbrError(590007, "temporary tablespace", tablespace)
        path = database.params.resolve(spec.name)
        control.temps[:] = [each for each in control.temps if each.name != path or not spec.reuse]
        create_temp_file(database, control, spec, tablespace)


def drop_temp_file(instance: Instance, name: str) -> None:
    database = _database(instance, "NORMAL", "MOUNT", "RECOVERY", "READ_ONLY")
    path = instance.params.resolve(name)
    with database.control.update() as control:
        kept = [each for each in control.temps if each.name != path]
        if len(kept) == len(control.temps):
            raise TbrError(590007, "temp file", path)
        control.temps[:] = kept


def create_tablespace(instance: Instance, name: str, kind: str, specs: list[FileSpec]) -> None:
    """CREATE [UNDO | TEMPORARY] TABLESPACE."""
    database = _database(instance, "NORMAL")
    if database.control.state.tablespace(name) is not None:
        raise TbrError(590008, "tablespace", name)
    with database.append_lock, database.ckpt_lock:
        with database.control.update() as control:
            number = max((each.number for each in control.tablespaces), default=-1) + 1
            made = []
            if kind == "TEMP":
                for spec in specs:
                    create_temp_file(database, control, spec, name)
            else:
                made = [create_data_file(database, control, spec, name, next_file_number(control)) for spec in specs]
            control.tablespaces.append(TablespaceInfo(number, name, kind))
        database.append_meta(
            "create_tablespace", number=number, name=name, type=kind, files=[vars(info) for info in made]
        )
    database.checkpoint()


def drop_tablespace(instance: Instance, name: str, with_files: bool) -> None:
    database = _database(instance, "NORMAL")
    found = database.control.state.tablespace(name)
    if found is None:
        raise TbrError(590007, "tablespace", name)
    if name in ("SYSTEM", database.control.state.default_tablespace, database.control.state.undo_tablespace):
        raise TbrError(590001, f"tablespace '{name}' cannot be dropped")
    numbers = {info.file for info in database.control.state.files if info.tablespace == name}
    if any(home[0] in numbers for home in database.place.values()):
        _relocate(database, numbers)
    database.append_meta("drop_tablespace", name=name, files=with_files)
    _forget_tablespace(database, name, with_files)


def _relocate(database: Database, numbers: set[int]) -> None:
    """Freed pages of dropped tables live in the files to drop: give them a new home in SYSTEM, as ordinary redo."""
    from tibero_emulator.server.redolog import PageChange

    with database.append_lock:
        changes = []
        with database.state_lock:
            for page in [page for page, home in database.place.items() if home[0] in numbers]:
                image = database.read_page(page)
                home = database.allocate(page, "SYSTEM")
                if image is not None:
                    changes.append(PageChange(page, home[0], home[1], image))
        if changes:
            database.append_commit(database.db_pages, changes)


def _forget_tablespace(database: Database, name: str, with_files: bool) -> None:
    with database.ckpt_lock, database.control.update() as control:
        for info in [each for each in control.files if each.tablespace == name]:
            file = database.files.pop(info.file, None)
            if file is not None:
                file.close()
            control.files.remove(info)
            if with_files and os.path.exists(info.name):
                os.unlink(info.name)
        for temp in [each for each in control.temps if each.tablespace == name]:
            control.temps.remove(temp)
            if with_files and os.path.exists(temp.name):
                os.unlink(temp.name)
        control.tablespaces[:] = [each for each in control.tablespaces if each.name != name]
    database.checkpoint()


def resize(instance: Instance, name: str, size: int, temp: bool) -> None:
    """RESIZE: grows only; shrinking is accepted when it cuts nothing that is used."""
    database = _database(instance, "NORMAL")
    path = instance.params.resolve(name)
    with database.control.update() as control:
        if temp:
            for each in control.temps:
                if each.name == path:
                    os.truncate(path, size)
                    each.size = size
                    return
            raise TbrError(590007, "temp file", path)
        info = next((each for each in control.files if each.name == path), None)
        if info is None:
            raise TbrError(590007, "data file", path)
        blocks = size // control.block_size
        if blocks < database.next_block.get(info.file, 1):
            raise TbrError(590001, f"file {path} contains data beyond the requested size")
        database.files[info.file].extend(blocks)
        info.size = max(blocks * control.block_size, info.size)


def set_autoextend(instance: Instance, name: str, spec: FileSpec, temp: bool) -> None:
    database = _database(instance, "NORMAL")
    path = instance.params.resolve(name)
    with database.control.update() as control:
        listed: list[Any] = list(control.temps if temp else control.files)
        found = next((each for each in listed if each.name == path), None)
        if found is None:
            raise TbrError(590007, "file", path)
        found.autoextend, found.next, found.max = spec.autoextend, spec.next, spec.max


# ---------------------------------------------------------------------- redo that is no page change
def apply_meta(instance: Instance, record: Record) -> None:
    """What a standby (or recovery) does with a META record. Idempotent."""
    database = instance.database
    assert database is not None
    meta = record.meta
    operation = meta["op"]
    control = database.control.state
    if operation == "create_tablespace":
        if control.tablespace(meta["name"]) is None:
            with database.control.update():
                control.tablespaces.append(TablespaceInfo(meta["number"], meta["name"], meta["type"]))
        for values in meta["files"]:
            _apply_file(instance, database, values)
    elif operation == "add_file":
        _apply_file(instance, database, meta["info"])
    elif operation == "drop_tablespace":
        if control.tablespace(meta["name"]) is not None:
            _forget_tablespace(database, meta["name"], meta["files"])
    elif operation == "end_backup":
        pending = [info for info in control.files if info.end_backup == meta["files"].get(str(info.file), -1)]
        if pending:
            with database.control.update():
                for info in pending:
                    info.end_backup = None
    elif operation == "branch" and meta["id"] not in [each[0] for each in control.branches]:
        with database.control.update():
            control.branches.append([meta["id"], meta["tsn"], meta["seq"]])


def _apply_file(instance: Instance, database: Database, values: dict[str, Any]) -> None:
    """A data file added on the primary comes to be here, at its converted path."""
    control = database.control.state
    if control.file_of(values["file"]) is not None:
        return
    name = values["name"]
    convert_names = instance.params.name_convert()
    if control.role == STANDBY and convert_names is not None:
        source, target = (each.rstrip("/") for each in convert_names)
        if name.startswith(source + "/"):
            name = target + name[len(source) :]
    spec = FileSpec(name, values["size"], True, values["autoextend"], values["next"], values["max"])
    with database.control.update():
        create_data_file(database, control, spec, values["tablespace"], values["file"])
