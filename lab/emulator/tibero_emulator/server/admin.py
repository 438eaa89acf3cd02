# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Administrative statements: CREATE DATABASE, ALTER DATABASE / SYSTEM / SESSION / TABLESPACE, ARCHIVE LOG LIST."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tibero_emulator.server import maintenance, schema_ddl
from tibero_emulator.server.errors import TbrError
from tibero_emulator.server.lexer import Cursor, Token
from tibero_emulator.server.maintenance import FileSpec

if TYPE_CHECKING:
    from tibero_emulator.server.session import Session

DONE = "Database altered."
SYSTEM_DONE = "System altered."
SYSTEM_PRIVILEGES = {"DATABASE": "ALTER DATABASE", "SYSTEM": "ALTER SYSTEM", "TABLESPACE": "ALTER TABLESPACE"}


@dataclass
class DatabaseSpec:
    """What CREATE DATABASE asked for."""

    name: str = ""
    sys_password: str = "tibero"
    character_set: str = "MSWIN949"
    national_set: str = "UTF16"
    archivelog: bool = False
    groups: list[tuple[int, list[str], int]] = field(default_factory=list)
    system: list[FileSpec] = field(default_factory=list)
    syssub: list[FileSpec] = field(default_factory=list)
    undo: tuple[str, list[FileSpec]] | None = None
    temp: tuple[str, list[FileSpec]] | None = None
    default: tuple[str, list[FileSpec]] | None = None


def say(message: str) -> dict[str, Any]:
    return {"columns": [], "rows": [], "message": message, "row_count": 0}


def run(session: Session, tokens: list[Token], sql: str) -> dict[str, Any]:
    """Run one statement that is neither a query nor DML. Raises TbrError."""
    cursor = Cursor(tokens, sql)
    first, second = cursor.peek(), cursor.peek(1)
    if cursor.accept("ARCHIVE", "LOG", "LIST"):
        return maintenance.archive_log_list(session.instance)
    if first == "CREATE" and second == "DATABASE" and cursor.peek(2) != "LINK":
        cursor.accept("CREATE", "DATABASE")
        return create_database(session, cursor)
    if first == "ALTER" and second == "SESSION":
        cursor.accept("ALTER", "SESSION")
        return alter_session(session, cursor)
    if session.instance.state == "NOMOUNT":
        if first in ("CREATE", "ALTER", "DROP", "GRANT", "TRUNCATE"):
            raise TbrError(7004)
        raise TbrError(12028)
    if first == "ALTER" and second in ("DATABASE", "SYSTEM", "TABLESPACE"):
        cursor.accept(first, second)
        require(session, SYSTEM_PRIVILEGES[second])
        handler = {"DATABASE": alter_database, "SYSTEM": alter_system, "TABLESPACE": alter_tablespace}[second]
        return handler(session, cursor)
    return schema_ddl.run(session, cursor)


def require(session: Session, privilege: str) -> None:
    """TBR-17003 unless SYS, a DBA, or holder of the system privilege; SYSBACKUP may do what backups need (tibero.md
    10)."""
    if session.user == "SYS" or (session.user == "SYSBACKUP" and privilege in SYSTEM_PRIVILEGES.values()):
        return
    if session.instance.state in ("NORMAL", "READ_ONLY"):
        catalog = session.catalog()
        if catalog.is_dba(session.user) or privilege in catalog.roles_of(session.user):
            return
    raise TbrError(17003)


# ---------------------------------------------------------------------- CREATE DATABASE
def file_spec(cursor: Cursor) -> FileSpec:
    """'file' [SIZE n] [REUSE] [AUTOEXTEND {OFF | ON [NEXT n] [MAXSIZE {n | UNLIMITED}]}]"""
    spec = FileSpec(cursor.file_name())
    while True:
        if cursor.accept("SIZE"):
            spec.size = cursor.size()
        elif cursor.accept("REUSE"):
            spec.reuse = True
        elif cursor.accept("AUTOEXTEND", "OFF"):
            spec.autoextend = False
        elif cursor.accept("AUTOEXTEND", "ON"):
            spec.autoextend = True
        elif cursor.accept("NEXT"):
            spec.next = cursor.size()
        elif cursor.accept("MAXSIZE", "UNLIMITED"):
            spec.max = 0
        elif cursor.accept("MAXSIZE"):
            spec.max = cursor.size()
        else:
            return spec


def file_specs(cursor: Cursor) -> list[FileSpec]:
    found = [file_spec(cursor)]
    while cursor.accept(","):
        found.append(file_spec(cursor))
    return found


def _extent(cursor: Cursor) -> None:
    """EXTENT MANAGEMENT LOCAL ...: read and ignored."""
    if cursor.accept("EXTENT", "MANAGEMENT", "LOCAL"):
        if cursor.accept("UNIFORM"):
            if cursor.accept("SIZE"):
                cursor.size()
        else:
            cursor.accept("AUTOALLOCATE")


def _members(cursor: Cursor) -> list[str]:
    if cursor.peek() != "(":
        return [cursor.file_name()]
    inside = Cursor(cursor.group(), cursor.sql)
    names = [inside.file_name()]
    while inside.accept(","):
        names.append(inside.file_name())
    inside.end()
    return names


def log_group(cursor: Cursor) -> tuple[int, list[str], int]:
    """[GROUP n] member(s) SIZE s; group -1 when not given."""
    number = cursor.integer() if cursor.accept("GROUP") else -1
    names = _members(cursor)
    size = cursor.size() if cursor.accept("SIZE") else 0
    cursor.accept("REUSE")
    return number, names, size


def _named(cursor: Cursor, word: str) -> tuple[str, list[FileSpec]]:
    name = cursor.name()
    cursor.expect(word)
    specs = file_specs(cursor)
    _extent(cursor)
    return name, specs


def _database_clause(cursor: Cursor, spec: DatabaseSpec) -> None:
    """One clause of CREATE DATABASE."""
    if cursor.accept("USER"):
        cursor.expect("SYS", "IDENTIFIED", "BY")
        spec.sys_password = schema_ddl.password(cursor)
    elif cursor.peek().startswith("MAX"):
        cursor.next()
        cursor.integer()
    elif cursor.accept("NATIONAL", "CHARACTER", "SET"):
        spec.national_set = cursor.name()
    elif cursor.accept("CHARACTER", "SET"):
        spec.character_set = cursor.name()
    elif cursor.accept("LOGFILE"):
        spec.groups.append(log_group(cursor))
        while cursor.accept(","):
            spec.groups.append(log_group(cursor))
    elif cursor.accept("ARCHIVELOG"):
        spec.archivelog = True
    elif cursor.accept("NOARCHIVELOG"):
        spec.archivelog = False
    elif cursor.accept("DATAFILE"):
        spec.system = file_specs(cursor)
        _extent(cursor)
    elif cursor.accept("DEFAULT", "TEMPORARY", "TABLESPACE") or cursor.accept("TEMPORARY", "TABLESPACE"):
        spec.temp = _named(cursor, "TEMPFILE")
    elif cursor.accept("UNDO", "TABLESPACE"):
        spec.undo = _named(cursor, "DATAFILE")
    elif cursor.accept("DEFAULT", "TABLESPACE"):
        spec.default = _named(cursor, "DATAFILE")
    elif cursor.accept("SYSSUB"):
        cursor.expect("DATAFILE")
        spec.syssub = file_specs(cursor)
        _extent(cursor)
    else:
        raise cursor.error()


def _starts_clause(word: str) -> bool:
    """Whether CREATE DATABASE goes on without a name."""
    clauses = ("USER", "LOGFILE", "DATAFILE", "CHARACTER", "NATIONAL", "ARCHIVELOG", "NOARCHIVELOG", "DEFAULT", "UNDO")
    return word in clauses or word.startswith("MAX")


def create_database(session: Session, cursor: Cursor) -> dict[str, Any]:
    """Parse and run CREATE DATABASE (clauses in any order, as the recordings have them)."""
    if session.user != "SYS":
        raise TbrError(17003)
    if session.instance.state != "NOMOUNT":
        raise TbrError(7004)
    spec = DatabaseSpec(name=session.instance.params.db_name)
    if not cursor.done and not _starts_clause(cursor.peek()):
        token = cursor.next()
        spec.name = token.text.strip('"')
    while not cursor.done:
        _database_clause(cursor, spec)
    if spec.name.upper() != session.instance.params.db_name.upper():
        raise TbrError(7067, spec.name, session.instance.params.db_name)
    spec.name = session.instance.params.db_name
    session.instance.create_database(spec)
    return say("Database created.")


# ---------------------------------------------------------------------- ALTER DATABASE
Handler = Callable[["Session", Cursor], str]


def _archivelog(on: bool) -> Handler:
    return lambda session, cursor: maintenance.set_archivelog(session.instance, on)


def _open(session: Session, cursor: Cursor) -> str:
    instance = session.instance
    if session.user == "SYSBACKUP":
        raise TbrError(7607)
    if cursor.accept("READ", "ONLY"):
        cursor.expect("CONTINUE", "RECOVERY")
        cursor.end()
        instance.open_read_only()
        return DONE
    resetlogs = cursor.accept("RESETLOGS")
    cursor.accept("NORESETLOGS")
    cursor.end()
    instance.open_from_mount(resetlogs)
    return DONE


def _recover(session: Session, cursor: Cursor) -> str:
    cursor.accept("AUTOMATIC")
    for_standby = cursor.accept("FOR", "STANDBY")
    if not for_standby:
        cursor.accept("DATABASE")
        for_standby = cursor.accept("FOR", "STANDBY")
    until: int | None = None
    if cursor.accept("UNTIL", "CANCEL"):
        until = -1
    elif cursor.accept("UNTIL", "CHANGE"):
        until = cursor.integer()
    cursor.end()
    maintenance.recover(session.instance, for_standby, until)
    return DONE


def _add(session: Session, cursor: Cursor) -> str:
    standby = cursor.accept("STANDBY")
    cursor.expect("LOGFILE")
    if cursor.accept("MEMBER"):
        name = cursor.file_name()
        cursor.expect("TO", "GROUP")
        maintenance.add_member(session.instance, name, cursor.integer())
        return DONE
    thread = cursor.integer() if cursor.accept("THREAD") else 0
    groups = [log_group(cursor)]
    while cursor.accept(","):
        groups.append(log_group(cursor))
    cursor.end()
    for number, members, size in groups:
        maintenance.add_log_group(session.instance, thread, number, members, size, standby)
    return DONE


def _drop(session: Session, cursor: Cursor) -> str:
    cursor.accept("STANDBY")
    cursor.expect("LOGFILE", "GROUP")
    number = cursor.integer()
    cursor.end()
    maintenance.drop_log_group(session.instance, number)
    return DONE


def _enable(session: Session, cursor: Cursor) -> str:
    cursor.accept("PUBLIC")
    standby = cursor.accept("STANDBY", "REDO")
    cursor.expect("THREAD")
    number = cursor.integer()
    cursor.end()
    if standby:
        maintenance.enable_standby_thread(session.instance, number)
    return DONE


def _rename(session: Session, cursor: Cursor) -> str:
    if cursor.accept("TO"):
        maintenance.rename_database(session.instance, cursor.next().value)
        return DONE
    cursor.expect("FILE")
    old = cursor.file_name()
    cursor.expect("TO")
    maintenance.rename_file(session.instance, old, cursor.file_name())
    return DONE


def _backup(session: Session, cursor: Cursor) -> str:
    cursor.expect("CONTROLFILE", "TO")
    if cursor.accept("TRACE"):
        name = cursor.file_name() if cursor.accept("AS") else "controlfile.trc"
        reuse = cursor.accept("REUSE")
        resetlogs = cursor.accept("RESETLOGS")
        cursor.accept("NORESETLOGS")
        cursor.end()
        maintenance.control_file_trace(session.instance, name, reuse, resetlogs)
        return DONE
    name = cursor.file_name()
    reuse = cursor.accept("REUSE")
    cursor.end()
    maintenance.backup_control_file(session.instance, name, reuse)
    return DONE


def _begin_end(begin: bool) -> Handler:
    def handler(session: Session, cursor: Cursor) -> str:
        cursor.expect("BACKUP")
        cursor.end()
        maintenance.hot_backup(session.instance, None, begin)
        return DONE

    return handler


def _standby(session: Session, cursor: Cursor) -> str:
    if cursor.accept("CONTROLFILE"):
        cursor.end()
        maintenance.standby_control_file(session.instance)
    else:
        cursor.end()
        session.instance.close_read_only()
    return DONE


def _file_clause(temp: bool) -> Handler:
    """ALTER DATABASE DATAFILE|TEMPFILE 'f' {RESIZE n | AUTOEXTEND ... | ONLINE | OFFLINE | DROP}"""

    def handler(session: Session, cursor: Cursor) -> str:
        name = cursor.file_name()
        if temp:
            maintenance.refuse_on_cluster(session.instance, "ALTER DATABASE TEMPFILE")
        if cursor.accept("RESIZE"):
            maintenance.resize(session.instance, name, cursor.size(), temp)
        elif cursor.accept("DROP"):
            maintenance.drop_temp_file(session.instance, name)
        elif cursor.accept("AUTOEXTEND"):
            cursor.index -= 1
            probe = Cursor(cursor.tokens[cursor.index :], cursor.sql)
            maintenance.set_autoextend(session.instance, name, file_attributes(probe), temp)
            return DONE
        elif not (cursor.accept("ONLINE") or cursor.accept("OFFLINE")):
            raise cursor.error()
        return DONE

    return handler


def file_attributes(cursor: Cursor) -> FileSpec:
    spec = FileSpec("")
    while not cursor.done:
        if cursor.accept("AUTOEXTEND", "OFF"):
            spec.autoextend = False
        elif cursor.accept("AUTOEXTEND", "ON"):
            spec.autoextend = True
        elif cursor.accept("NEXT"):
            spec.next = cursor.size()
        elif cursor.accept("MAXSIZE", "UNLIMITED"):
            spec.max = 0
        elif cursor.accept("MAXSIZE"):
            spec.max = cursor.size()
        else:
            raise cursor.error()
    return spec


def _mount(session: Session, cursor: Cursor) -> str:
    raise TbrError(7004)


def _convert(session: Session, cursor: Cursor) -> str:
    """ALTER DATABASE CONVERT TO {SNAPSHOT | PHYSICAL} STANDBY: invented spelling, the real one is unknown."""
    cursor.expect("TO")
    snapshot = cursor.accept("SNAPSHOT")
    cursor.accept("PHYSICAL")
    cursor.expect("STANDBY")
    maintenance.convert(session.instance, snapshot)
    return DONE


ALTER_DATABASE: dict[str, Handler] = {
    "ARCHIVELOG": _archivelog(True),
    "NOARCHIVELOG": _archivelog(False),
    "STANDBY": _standby,
    "OPEN": _open,
    "MOUNT": _mount,
    "RECOVER": _recover,
    "ADD": _add,
    "DROP": _drop,
    "ENABLE": _enable,
    "RENAME": _rename,
    "BACKUP": _backup,
    "BEGIN": _begin_end(True),
    "END": _begin_end(False),
    "DATAFILE": _file_clause(False),
    "TEMPFILE": _file_clause(True),
    "CONVERT": _convert,
}


def alter_database(session: Session, cursor: Cursor) -> dict[str, Any]:
    """ALTER DATABASE ..."""
    handler = ALTER_DATABASE.get(cursor.peek())
    if handler is None:
        raise TbrError(7001)
    cursor.next()
    session.commit()
    return say(handler(session, cursor))


# ---------------------------------------------------------------------- ALTER SYSTEM
def alter_system(session: Session, cursor: Cursor) -> dict[str, Any]:
    """ALTER SYSTEM {SWITCH LOGFILE | CHECKPOINT | SET name=value | ARCHIVE LOG ... | KILL SESSION ...}"""
    instance = session.instance
    if cursor.accept("SWITCH", "LOGFILE"):
        cursor.end()
        maintenance.switch_logfile(instance)
    elif cursor.accept("CHECKPOINT"):
        maintenance.checkpoint(instance)
    elif cursor.accept("ARCHIVE", "LOG"):
        maintenance.switch_logfile(instance)
    elif cursor.accept("KILL", "SESSION"):
        if cursor.peek() != "(":
            raise TbrError(7001)
        inside = Cursor(cursor.group(), cursor.sql)
        number = inside.integer()
        inside.expect(",")
        inside.integer()
        inside.end()
        instance.kill_session(number)
    elif cursor.accept("SET"):
        _set_parameter(session, cursor)
    elif cursor.accept("LISTENER"):
        raise TbrError(590002, "ALTER SYSTEM LISTENER")
    elif cursor.accept("FLUSH") or cursor.accept("RESET"):
        pass
    else:
        raise TbrError(7001)
    return say(SYSTEM_DONE)


def _set_parameter(session: Session, cursor: Cursor) -> None:
    """SET NAME [=] value; strings in single or double quotes, words and numbers as they are (tibero.md 12.5)."""
    name = cursor.name()
    cursor.expect("=")
    token = cursor.next()
    value = token.value if token.kind in ("STRING", "QUOTED") else cursor.sql[token.start :].strip().rstrip(";").strip()
    value = value if token.kind in ("STRING", "QUOTED") else value.upper()
    session.instance.set_parameter(name, value)


def alter_session(session: Session, cursor: Cursor) -> dict[str, Any]:
    """ALTER SESSION SET NLS_DATE_FORMAT = '...' and friends; unknown parameters are accepted and ignored."""
    cursor.expect("SET")
    name = cursor.name()
    cursor.expect("=")
    value = cursor.next().value
    if name == "NLS_DATE_FORMAT":
        session.nls.date = value
    elif name == "NLS_TIMESTAMP_FORMAT":
        session.nls.timestamp = value
    elif name == "CURRENT_SCHEMA":
        session.schema = value
    return say("Session altered.")


# ---------------------------------------------------------------------- ALTER TABLESPACE
def alter_tablespace(session: Session, cursor: Cursor) -> dict[str, Any]:
    """ALTER TABLESPACE t {ADD DATAFILE|TEMPFILE ... | BEGIN|END BACKUP | READ ONLY|WRITE | ONLINE | OFFLINE}"""
    name = cursor.name()
    instance = session.instance
    session.commit()
    if cursor.accept("ADD", "DATAFILE"):
        for spec in file_specs(cursor):
            maintenance.add_data_file(instance, name, spec)
    elif cursor.accept("ADD", "TEMPFILE"):
        for spec in file_specs(cursor):
            maintenance.add_temp_file(instance, name, spec)
    elif cursor.accept("DROP", "TEMPFILE"):
        maintenance.drop_temp_file(instance, cursor.file_name())
    elif cursor.accept("BEGIN", "BACKUP"):
        cursor.accept("WAIT")
        maintenance.hot_backup(instance, name, True)
    elif cursor.accept("END", "BACKUP"):
        maintenance.hot_backup(instance, name, False)
    elif cursor.accept("READ", "ONLY") or cursor.accept("READ", "WRITE"):
        maintenance.refuse_on_cluster(instance, "ALTER TABLESPACE READ ONLY/WRITE")
        raise TbrError(590002, "ALTER TABLESPACE READ ONLY/WRITE")
    elif not (cursor.accept("ONLINE") or cursor.accept("OFFLINE") or cursor.accept("COALESCE")):
        raise TbrError(7001)
    cursor.end()
    return say(f"Tablespace '{name}' altered.")
