# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""V$ views, SYS's hidden tables and the static dictionary views.

Columns and widths as recorded where a recording exists (tibero.md 4); the columns of V$STANDBY, V$STANDBY_DEST and
V$STANDBY_LOGFILE are INVENTED: nobody has published them.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from tibero_emulator.server import logminer
from tibero_emulator.server.catalog import DATE, Column, Kind, Table
from tibero_emulator.server.dialect import quote
from tibero_emulator.server.errors import TbrError
from tibero_emulator.server.functions import EngineConnection, date_text

if TYPE_CHECKING:
    from tibero_emulator.server.session import Session

PATH = Kind("VARCHAR", 256)
NAME = Kind("VARCHAR", 128)
Rows = Iterable[tuple[Any, ...]]
MOUNTED = ("MOUNT", "NORMAL", "RECOVERY", "READ_ONLY")
OPENED = ("NORMAL", "READ_ONLY")


class View(NamedTuple):
    """states: server states in which it answers (else TBR-22003); sys_only: hidden from other users."""

    columns: Callable[[str], list[Column]]
    rows: Callable[[Session], Rows]
    states: tuple[str, ...] = MOUNTED
    sys_only: bool = False


VIEWS: dict[str, View] = {}


KINDS = {"n": Kind("NUMBER", 10), "d": DATE, "p": PATH, "i": NAME}


def shape_of(spec: str, **others: Kind) -> list[Column]:
    """Columns from `NAME:kind ...`: n number, d date, p path, i identifier, digits a VARCHAR of that width."""
    found = []
    for part in spec.split():
        name, _colon, kind = part.rpartition(":")
        found.append(Column(name, others.get(kind) or KINDS.get(kind) or Kind("VARCHAR", int(kind))))
    return found


def columns(spec: str) -> Callable[[str], list[Column]]:
    fixed = shape_of(spec)
    return lambda version: fixed


def date_width(version: str) -> int:
    """DATE columns are 32 wide on 6 and 80 (the whole line) on 7, as recorded."""
    return 32 if version == "6" else 80


def when(stamp: float) -> str | None:
    return date_text(datetime.fromtimestamp(stamp)) if stamp else None


def view(
    name: str, shape: Callable[[str], list[Column]], states: tuple[str, ...] = MOUNTED, sys_only: bool = False
) -> Callable[[Callable[[Session], Rows]], Callable[[Session], Rows]]:
    def add(function: Callable[[Session], Rows]) -> Callable[[Session], Rows]:
        VIEWS[name] = View(shape, function, states, sys_only)
        return function

    return add


# ---------------------------------------------------------------------- use by sessions
def is_view(table: Table) -> bool:
    return table.sql_name in VIEWS


def find(name: str, session: Session) -> Table | None:
    """The view as a table, or None. Raises TBR-22003 in a state where it does not answer."""
    found = VIEWS.get(name)
    if found is None or (found.sys_only and session.user != "SYS"):
        return None
    if name.startswith("V$LOGMNR_") and session.instance.setting("logminer") != "on":
        return None
    if session.instance.state not in found.states:
        raise TbrError(22003, name)
    return Table("SYS", name, "SYSTEM", found.columns(session.instance.version), sql_name=name)


def materialise(name: str, session: Session, connection: EngineConnection) -> None:
    """Put the present rows of a view into a temporary table of the same name."""
    definition = VIEWS[name]
    shape = definition.columns(session.instance.version)
    listed = ", ".join(
        f"{quote(column.name)} {'NUMERIC' if column.kind.name == 'NUMBER' else 'TEXT'}" for column in shape
    )
    connection.execute(f"DROP TABLE IF EXISTS temp.{quote(name)}")
    connection.execute(f"CREATE TEMP TABLE {quote(name)}({listed})")
    marks = ", ".join("?" * len(shape))
    connection.executemany(
        f"INSERT INTO temp.{quote(name)} VALUES ({marks})", [tuple(row) for row in definition.rows(session)]
    )


# ---------------------------------------------------------------------- instance and database
def _database_columns(version: str) -> list[Column]:
    created = "CREATE_DATE:w" if version == "6" else "DB_CREATE_DATE:w CF_CREATE_DATE:w"
    return shape_of(
        f"DBID:n NAME:40 {created} CURRENT_TSN:n OPEN_MODE:10 RESETLOG_TSN:n RESETLOG_DATE:w PREV_RESETLOG_TSN:n "
        "PREV_RESETLOG_DATE:w LOG_MODE:12 CKPT_TSN:n CKPT_DATE:w CPU_NAME:32 PLATFORM_NAME:32 "
        "CPU_MODEL:128 OS_UPTIME:128",
        w=Kind("DATE", date_width(version)),
    )


def cpu_model() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as handle:
            for line in handle:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass  # not Linux, or hidden: the platform's word will do
    return platform.processor() or "unknown"


def os_uptime() -> str:
    try:
        with open("/proc/uptime", encoding="utf-8") as handle:
            seconds = int(float(handle.read().split()[0]))
    except OSError:
        seconds = 0
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    hours, minutes = divmod(seconds // 60, 60)
    return f"{time.strftime('%H:%M:%S')} up {hours:2d}:{minutes:02d},  0 users,  load average: {load}"


@view("V$DATABASE", _database_columns)
def _v_database(session: Session) -> Rows:
    instance = session.instance
    database = instance.database
    if database is None:
        return
    control = database.control.state
    created = [when(control.created)] if instance.version == "6" else [when(control.created), when(control.cf_created)]
    yield (
        control.dbid,
        control.db_name,
        *created,
        instance.current_tsn(),
        instance.open_mode(),
        control.resetlog_tsn,
        when(control.resetlog_time),
        control.prev_resetlog_tsn,
        when(control.prev_resetlog_time),
        "ARCHIVELOG" if control.archivelog else "NOARCHIVELOG",
        control.ckpt[0],
        when(control.ckpt_time),
        "X86",
        "LINUX_X86_64",
        cpu_model(),
        os_uptime(),
    )


def _instance_columns(version: str) -> list[Column]:
    return shape_of(
        "INSTANCE_NUMBER:n INSTANCE_NAME:40 DB_NAME:40 HOST_NAME:63 PARALLEL:3 THREAD#:n VERSION:8 STARTUP_TIME:w "
        "STATUS:16 SHUTDOWN_PENDING:3 TIP_FILE:p",
        w=Kind("DATE", date_width(version)),
    )


def _v_instance(session: Session) -> Rows:
    instance = session.instance
    pending = "YES" if instance.shutting_down else "NO"
    yield (
        0,
        instance.params.sid,
        instance.params.db_name,
        instance.host,
        "NO",
        0,
        instance.version,
        when(instance.started),
        instance.status(),
        pending,
        instance.tip_path,
    )


view("V$INSTANCE", _instance_columns)(_v_instance)
view("_VT_INSTANCE", _instance_columns, sys_only=True)(_v_instance)


@view("V$VERSION", columns("NAME:40 VALUE:128"))
def _v_version(session: Session) -> Rows:
    from tibero_emulator import EMULATOR_VERSION, PRODUCTS

    product = PRODUCTS[session.instance.version]
    yield ("PRODUCT_MAJOR", session.instance.version)
    yield ("PRODUCT_NAME", "Tibero")
    yield ("BUILD_NUMBER", product["build"])
    yield ("PATCH_FILES", product["release"])
    yield ("EMULATOR", f"emulator {EMULATOR_VERSION}, not Tibero")


VIEWS["VT_VERSION"] = VIEWS["V$VERSION"]._replace(sys_only=True)


@view(
    "V$LICENSE",
    columns("PRODUCT:20 TYPE:20 ISSUE_DATE:20 EXPIRE_DATE:20 LIMIT_USER:20 LIMIT_CPU:20 HOST:64"),
    OPENED,
)
def _v_license(session: Session) -> Rows:
    licence = session.instance.licence
    yield tuple(
        str(licence.get(key) or "")
        for key in ("product", "kind", "issue_date", "end_date", "limit_user", "limit_cpu", "host")
    )


# ---------------------------------------------------------------------- files
@view(
    "V$LOG",
    columns("THREAD#:n GROUP#:n SEQUENCE#:n BYTES:n MEMBERS:n ARCHIVED:3 STATUS:16 FIRST_CHANGE#:n FIRST_TIME:d"),
)
def _v_log(session: Session) -> Rows:
    database = session.instance.database
    if database is None:
        return
    control = database.control.state
    for group in control.online():
        status = (
            "UNUSED"
            if not group.seq
            else "CURRENT"
            if group.end is None
            else ("ACTIVE" if control.ckpt[1] <= group.seq else "INACTIVE")
        )
        archived = "YES" if group.archived and group.end is not None and control.archivelog else "NO"
        yield (
            group.thread,
            group.group,
            group.seq,
            group.size,
            len(group.members),
            archived,
            status,
            group.first_tsn,
            when(group.first_time),
        )


def _vt_log(session: Session) -> Rows:
    for row in _v_log(session):
        yield (row[1], row[0], row[2])


view("_VT_LOG", columns("GROUP#:n THREAD#:n SEQUENCE#:n"), sys_only=True)(_vt_log)


@view("V$LOGFILE", columns("GROUP#:n STATUS:7 TYPE:7 MEMBER:p"))
def _v_logfile(session: Session) -> Rows:
    database = session.instance.database
    for group in database.control.state.online() if database else []:
        for member in group.members:
            yield (group.group, None, "ONLINE", member)


@view(
    "V$DATAFILE",
    columns("FILE#:n CREATE_TSN:n TS#:n STATUS:8 ENABLED:10 CKPT_TSN:n BYTES:n BLOCKS:n BLOCK_SIZE:n NAME:p"),
)
def _v_datafile(session: Session) -> Rows:
    database = session.instance.database
    if database is None:
        return
    control = database.control.state
    for info in control.files:
        tablespace = control.tablespace(info.tablespace)
        header = database.files.get(info.file)
        yield (
            info.file,
            info.create_tsn,
            tablespace.number if tablespace else None,
            "SYSTEM" if info.tablespace == "SYSTEM" else "ONLINE",
            "READ WRITE",
            header.header.ckpt[0] if header else control.ckpt[0],
            info.size,
            info.size // control.block_size,
            control.block_size,
            info.name,
        )


@view(
    "V$TEMPFILE",
    columns("FILE#:n TS#:n STATUS:8 BYTES:n NAME:p"),
)
def _v_tempfile(session: Session) -> Rows:
    database = session.instance.database
    for info in database.control.state.temps if database else []:
        tablespace = database.control.state.tablespace(info.tablespace) if database else None
        yield (info.file, tablespace.number if tablespace else None, "ONLINE", info.size, info.name)


@view("V$CONTROLFILE", columns("STATUS:7 NAME:p"))
def _v_controlfile(session: Session) -> Rows:
    for path in session.instance.params.control_files:
        yield (None, path)


@view(
    "V$TABLESPACE",
    columns("TS#:n NAME:i TYPE:8 BIGFILE:3 FLASHBACK_ON:3"),
)
def _v_tablespace(session: Session) -> Rows:
    database = session.instance.database
    for each in database.control.state.tablespaces if database else []:
        yield (each.number, each.name, each.type, "NO", "NO")


ARCHIVED = columns(
    "THREAD#:n SEQUENCE#:n NAME:p RESETLOGS_CHANGE#:n RESETLOGS_TIME:d FIRST_CHANGE#:n FIRST_TIME:d "
    "NEXT_CHANGE#:n COMPLETION_TIME:d BLOCKS:n"
)


def _archived(session: Session) -> Rows:
    database = session.instance.database
    control = database.control.state if database else None
    for each in control.archives if control else []:
        yield (
            each.thread,
            each.seq,
            each.name,
            each.resetlogs,
            when(control.resetlog_time if control else 0),
            each.first_tsn,
            when(each.first_time),
            each.next_tsn,
            when(each.time),
            0,
        )


view("V$ARCHIVED_LOG", ARCHIVED)(_archived)
view("_VT_ARCHIVED_LOG", ARCHIVED, sys_only=True)(_archived)


@view("V$ARCHIVE_DEST_FILES", columns("THREAD#:n SEQUENCE#:n NAME:p BYTES:n"))
def _v_archive_dest_files(session: Session) -> Rows:
    """Recorded quirk: SEQUENCE# is one higher than in V$ARCHIVED_LOG for the same file."""
    database = session.instance.database
    for each in database.control.state.archives if database else []:
        if os.path.exists(each.name):
            yield (each.thread, each.seq + 1, each.name, os.path.getsize(each.name))


# ---------------------------------------------------------------------- backup and recovery
@view("V$BACKUP", columns("FILE#:n STATUS:10 CHANGE#:n TIME:d"))
def _v_backup(session: Session) -> Rows:
    database = session.instance.database
    for info in database.control.state.files if database else []:
        active = info.backup is not None
        yield (
            info.file,
            "ACTIVE" if active else "NOT ACTIVE",
            info.backup[0] if info.backup else 0,
            when(info.backup_time if active else 0),
        )


@view("_VT_BACKUP", columns("FILE#:n STATUS:n"), sys_only=True)
def _vt_backup(session: Session) -> Rows:
    database = session.instance.database
    for info in database.control.state.files if database else []:
        yield (info.file, 1 if info.backup is not None else 0)


@view(
    "V$RECOVER_FILE",
    columns("FILE#:n ONLINE:7 ERROR:20 CHANGE#:n TIME:d"),
)
def _v_recover_file(session: Session) -> Rows:
    yield from session.instance.files_to_recover()


# ---------------------------------------------------------------------- sessions and parameters
@view(
    "V$SESSION",
    columns(
        "SID:n SERIAL#:n USERNAME:40 IPADDR:40 STATUS:16 SCHEMANAME:40 TYPE:12 SQL_ID:16 LOGON_TIME:d "
        "PROG_NAME:30 WLOCK_WAIT:n"
    ),
)
def _v_session(session: Session) -> Rows:
    instance = session.instance
    for each in instance.list_sessions():
        status = "SESS_RECOVERING" if instance.recovering else ("RUNNING" if each.status == "RUNNING" else "READY")
        yield (
            each.number,
            each.number,
            each.user,
            each.peer,
            status,
            each.schema,
            "WTHR",
            None,
            when(each.started),
            each.program,
            None,
        )


@view("V$TRANSACTION", columns("SESS_ID:n USN:n SLOT:n USED_BLK:n START_TIME:d"))
def _v_transaction(session: Session) -> Rows:
    """SESS_ID, USN, USED_BLK and START_TIME as a field kit for 4 to 6 uses them (M); SLOT and every value invented."""
    for each in session.instance.list_sessions():
        if each.in_transaction:
            yield (each.number, 0, each.number, 1, when(each.transaction_started))


PARAMETERS = columns("NAME:64 VALUE:256 DFLT_VALUE:256")


def _parameters(session: Session) -> Rows:
    params = session.instance.params
    defaults = params.defaults()
    values = params.snapshot()
    for name in sorted(set(values) | set(defaults)):
        default = defaults.get(name, "")
        yield (name, params.text(name), ",".join(default) if isinstance(default, list) else default)


view("V$PARAMETERS", PARAMETERS)(_parameters)


@view("_VT_PARAMETER", columns("NAME:64 VALUE:256"), sys_only=True)
def _vt_parameter(session: Session) -> Rows:
    for name, value, _default in _parameters(session):
        yield (name, value)


# ---------------------------------------------------------------------- what the redo says (INVENTED, switch logminer)
@view(
    "V$LOGMNR_CONTENTS",
    columns(
        "SCN:n TIMESTAMP:d THREAD#:n RBASQN:n OPERATION:32 SEG_OWNER:i SEG_NAME:i USERNAME:i SQL_REDO:4000",
    ),
    sys_only=True,
)
def _v_logmnr_contents(session: Session) -> Rows:
    yield from logminer.rows(session)


@view(
    "V$LOGMNR_LOGS",
    columns("FILENAME:p THREAD_ID:n LOG_ID:n LOW_SCN:n NEXT_SCN:n FILESIZE:n"),
    sys_only=True,
)
def _v_logmnr_logs(session: Session) -> Rows:
    yield from logminer.logs(session)


# ---------------------------------------------------------------------- standby (INVENTED columns)
@view(
    "V$STANDBY_DEST",
    columns(
        "DEST_ID:n DESTINATION:64 METHOD:12 ENABLED:3 STATUS:16 SENT_TSN:n ACKED_TSN:n APPLIED_TSN:n "
        "SENT_SEQ:n ERROR:128"
    ),
)
def _v_standby_dest(session: Session) -> Rows:
    """Invented: one row per configured destination of a primary."""
    yield from session.instance.destination_rows()


@view(
    "V$STANDBY",
    columns(
        "ROLE:10 PROTECTION_MODE:16 STATUS:16 PRIMARY:64 RECEIVED_TSN:n APPLIED_TSN:n RECEIVED_SEQ:n "
        "PRIMARY_TSN:n LAST_RECEIVED:d"
    ),
)
def _v_standby(session: Session) -> Rows:
    """Invented: one row about this member's part in the standby cluster."""
    yield from session.instance.standby_rows()


@view(
    "V$STANDBY_LOGFILE",
    columns("THREAD#:n GROUP#:n MEMBER:p BYTES:n SEQUENCE#:n STATUS:16"),
)
def _v_standby_logfile(session: Session) -> Rows:
    """Invented: the standby redo log groups."""
    database = session.instance.database
    for group in database.control.state.standby_groups() if database else []:
        status = "UNASSIGNED" if not group.seq else ("ACTIVE" if group.end is None else "CLOSED")
        for member in group.members:
            yield (group.thread, group.group, member, group.size, group.seq, status)


# ---------------------------------------------------------------------- static views
@view("_DD_PROPS", columns("NAME:64 VALUE:128 COMMENT_STR:128"), OPENED, sys_only=True)
def _dd_props(session: Session) -> Rows:
    engine = session.instance.engine
    assert engine is not None
    yield from engine.keeper.execute("SELECT NAME, VALUE, COMMENT_STR FROM _DD_PROPS").fetchall()


DATA_FILES = columns(
    "FILE_NAME:p FILE_ID:n TABLESPACE_NAME:i BYTES:n BLOCKS:n STATUS:9 AUTOEXTENSIBLE:3 MAXBYTES:n INCREMENT_BY:n"
)


def _file_rows(session: Session, temp: bool) -> Rows:
    database = session.instance.database
    if database is None:
        return
    control = database.control.state
    for each in control.temps if temp else control.files:
        yield (
            each.name,
            each.file,
            each.tablespace,
            each.size,
            each.size // control.block_size,
            "AVAILABLE",
            "YES" if each.autoextend else "NO",
            each.max,
            each.next // control.block_size,
        )


view("DBA_DATA_FILES", DATA_FILES, OPENED)(lambda session: _file_rows(session, False))
view("DBA_TEMP_FILES", DATA_FILES, OPENED)(lambda session: _file_rows(session, True))


@view(
    "DBA_TABLESPACES",
    columns("TABLESPACE_NAME:i BLOCK_SIZE:n STATUS:9 CONTENTS:9"),
    OPENED,
)
def _dba_tablespaces(session: Session) -> Rows:
    database = session.instance.database
    contents = {"DATA": "PERMANENT", "UNDO": "UNDO", "TEMP": "TEMPORARY"}
    for each in database.control.state.tablespaces if database else []:
        yield (each.name, session.instance.params.block_size, "ONLINE", contents[each.type])


@view(
    "DBA_USERS",
    columns("USERNAME:i USER_ID:n ACCOUNT_STATUS:32 DEFAULT_TABLESPACE:i"),
    OPENED,
)
def _dba_users(session: Session) -> Rows:
    for index, (name, (_verifier, tablespace, locked)) in enumerate(sorted(session.catalog().users.items())):
        yield (name, index, "LOCKED" if locked else "OPEN", tablespace)


def _in_scope(session: Session, scope: str, owner: str) -> bool:
    return scope != "USER" or owner == session.user


def _tables(session: Session, scope: str) -> list[Table]:
    tables = session.catalog().tables.values()
    return [each for each in tables if each.view_text is None and _in_scope(session, scope, each.owner)]


def _table_rows(session: Session, scope: str) -> Rows:
    for each in _tables(session, scope):
        yield (each.owner, each.name, each.tablespace, None)


def _column_rows(session: Session, scope: str) -> Rows:
    for each in _tables(session, scope):
        for position, column in enumerate(each.columns, 1):
            kind = column.kind
            nullable = "Y" if column.nullable else "N"
            described = (kind.name, kind.width, kind.precision or None, kind.scale, position, nullable)
            yield (each.owner, each.name, column.name, *described)


def _object_rows(session: Session, scope: str) -> Rows:
    catalog = session.catalog()
    listed = [(each.owner, each.name, "VIEW" if each.view_text else "TABLE") for each in catalog.tables.values()]
    listed += [(index.owner, index.name, "INDEX") for index in catalog.indexes.values()]
    listed += [(key[0], key[1], "SEQUENCE") for key in catalog.sequences]
    for owner, name, kind in listed:
        if _in_scope(session, scope, owner):
            yield (owner, name, kind, "VALID")


def _sequence_rows(session: Session, scope: str) -> Rows:
    for (owner, name), (last, step) in session.catalog().sequences.items():
        if _in_scope(session, scope, owner):
            yield (owner, name, step, last)


def _index_rows(session: Session, scope: str) -> Rows:
    for index in session.catalog().indexes.values():
        if _in_scope(session, scope, index.owner):
            yield (index.owner, index.name, index.table_name, "UNIQUE" if index.unique else "NONUNIQUE")


# Each exists as DBA_, ALL_ and USER_; the first column is the owner, which USER_ does not show.
STATIC_VIEWS: dict[str, tuple[str, Callable[[Session, str], Rows]]] = {
    "TABLES": ("OWNER:i TABLE_NAME:i TABLESPACE_NAME:i NUM_ROWS:n", _table_rows),
    "TAB_COLUMNS": (
        "OWNER:i TABLE_NAME:i COLUMN_NAME:i DATA_TYPE:30 DATA_LENGTH:n DATA_PRECISION:n DATA_SCALE:n COLUMN_ID:n "
        "NULLABLE:1",
        _column_rows,
    ),
    "OBJECTS": ("OWNER:i OBJECT_NAME:i OBJECT_TYPE:20 STATUS:7", _object_rows),
    "SEQUENCES": ("SEQUENCE_OWNER:i SEQUENCE_NAME:i INCREMENT_BY:n LAST_NUMBER:n", _sequence_rows),
    "INDEXES": ("OWNER:i INDEX_NAME:i TABLE_NAME:i UNIQUENESS:9", _index_rows),
}


def _register_static(scope: str, name: str, spec: str, rows: Callable[[Session, str], Rows]) -> None:
    skip = 1 if scope == "USER" else 0
    shape = columns(" ".join(spec.split()[skip:]))
    view(f"{scope}_{name}", shape, OPENED)(lambda session: (row[skip:] for row in rows(session, scope)))


for _scope in ("USER", "ALL", "DBA"):
    for _name, (_spec, _rows) in STATIC_VIEWS.items():
        _register_static(_scope, _name, _spec, _rows)

for _name in ("V$DATABASE", "V$INSTANCE", "V$LOG", "V$SESSION"):
    VIEWS[_name.replace("V$", "GV$")] = VIEWS[_name]
