# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One instance: boot modes, what is open, sessions, shutdown."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tibero_emulator import settings as settings_reader
from tibero_emulator import tip as tip_reader
from tibero_emulator.server import catalog as dd
from tibero_emulator.server import maintenance, passwd
from tibero_emulator.server.blocks import BlockError
from tibero_emulator.server.control import (
    PRIMARY,
    SNAPSHOT,
    STANDBY,
    Control,
    ControlError,
    ControlStore,
    LogGroup,
    TablespaceInfo,
)
from tibero_emulator.server.database import Database, new_dbid, new_member
from tibero_emulator.server.engine import Engine
from tibero_emulator.server.errors import TbrError, set_overrides
from tibero_emulator.server.functions import date_text
from tibero_emulator.server.logwriter import LogWriter, Stopped, create_members
from tibero_emulator.server.maintenance import DEFAULT_LOG_SIZE, MIN_LOG_SIZE, FileSpec
from tibero_emulator.server.redolog import HEADER_SIZE
from tibero_emulator.server.replication import FAILED, Receiver, Sender, Transport, settle_old_logs, sync_groups
from tibero_emulator.server.session import Session
from tibero_emulator.server.slog import Slog
from tibero_emulator.server.tipvalues import Parameters

if TYPE_CHECKING:
    from tibero_emulator.server.admin import DatabaseSpec

NEEDED_REASON = {"NORMAL": "", "FAILOVER": "FAILOVER", "RESETLOGS": "RESETLOGS"}


class Refused(Exception):
    """The boot leaves nothing running: event "refused"."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text
        super().__init__(text)


class Suspended(Exception):
    """The boot stays below the wanted mode: event "suspended"."""

    def __init__(self, mode: str, code: int, text: str, extra: list[str] | None = None) -> None:
        self.mode = mode
        self.code = code
        self.text = text
        self.extra = extra or []
        super().__init__(text)


class Instance:
    """See the module text. `state`: NOMOUNT, MOUNT, NORMAL, RECOVERY, READ_ONLY."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.tb_home: str = request["tb_home"]
        self.sid: str = request["sid"]
        self.version: str = str(request.get("version", "7"))[:1]
        self.settings: dict[str, Any] = {**settings_reader.defaults(), **request.get("settings", {})}
        set_overrides(self.settings.get("message_overrides", {}))
        self.params = Parameters(request["tip"], self.tb_home, self.sid)
        self.tip_path: str = request.get("tip_path", "")
        self.licence: dict[str, Any] = request.get("licence") or {}
        self.host = socket.gethostname()
        self.home = os.path.join(self.tb_home, "instance", self.sid)
        self.slog = Slog(self.home)
        self.started = time.time()
        self.state = "NOMOUNT"
        self.flag = ""
        self.database: Database | None = None
        self.engine: Engine | None = None
        self.transport: Transport | None = None
        self.receiver: Receiver | None = None
        self.recovering = False
        self.creating = False
        self.shutting_down = False
        self.open_lock = threading.RLock()
        self.on_crash: Callable[[str], None] = lambda reason: None
        self.on_exit: Callable[[], None] = lambda: None
        self._sessions: dict[int, Session] = {}
        self._sessions_cond = threading.Condition()
        self._next_session = 1

    # ------------------------------------------------------------------ settings
    def setting(self, name: str) -> Any:
        return self.settings[name]

    def seconds(self, step: str) -> float:
        return settings_reader.seconds(self.settings, step)

    def take_time(self, step: str) -> None:
        settings_reader.take_time(self.settings, step)

    def uses_standby_redo(self) -> bool:
        """USE_STANDBY_REDO_LOG; 6 also knows the name with an underscore (tibero.md, conflict 5)."""
        return self.params.flag("USE_STANDBY_REDO_LOG") or self.params.flag("_USE_STANDBY_REDO_LOG")

    def crash(self, reason: str) -> None:
        self.slog("FRM", f"instance terminated: {reason}")
        if self.database is not None:
            self.database.crashed.set()
            self.database.stopping.set()
        self.on_crash(reason)

    # ------------------------------------------------------------------ boot
    def boot(self, mode: str) -> None:
        """Raise the instance to the wanted mode. Raises Suspended (server stays), Refused (server ends)."""
        self.set_state("NOMOUNT", mode)
        self.take_time("boot_nomount")
        if mode == "NOMOUNT":
            return
        self.take_time("boot_mount")
        self.mount()
        self.set_state("MOUNT", mode)
        if mode == "MOUNT":
            return
        try:
            if mode == "RECOVERY":
                self.open_recovery()
            else:
                self.open_primary(mode)
        except TbrError as error:
            self.abandon_open()
            raise Suspended("MOUNT", error.code, error.text) from error

    def set_state(self, state: str, boot_word: str | None = None) -> None:
        self.state = state
        flags = {"RESETLOGS": 1, "FAILOVER": 2}
        word = boot_word or self.request.get("mode", state)
        shown = "RECOVERY" if state == "READ_ONLY" else state
        self.slog("FRM", f"Server is running at {shown} mode (bootmode : {word}, bootflag : {flags.get(word, 0)})")

    @property
    def scratch(self) -> str:
        return os.path.join(self.home, "path", "buffer_cache")

    def mount(self) -> None:
        """Open and compare the control files. Raises Suspended at NOMOUNT: TBR-24003, 24027, 24026."""
        try:
            store = ControlStore.open(self.params.control_files)
        except ControlError as error:
            self.slog("FRM", f"control file {error}")
            extra = ["*   Warning: Control file open failed ", f"*   {error.path}"] if error.missing else []
            refusal = TbrError(24003)
            raise Suspended("NOMOUNT", 24003, refusal.text, extra) from error
        control = store.state
        refused = None
        if control.db_name != self.params.db_name:
            refused = TbrError(24027, self.params.db_name, control.db_name)
        elif control.block_size != self.params.block_size:
            refused = TbrError(24026, control.block_size, self.params.block_size)
        if refused is not None:
            raise Suspended("NOMOUNT", refused.code, refused.text)
        self.database = self._new_database(store)

    def _new_database(self, store: ControlStore | None) -> Database:
        database = Database(self.params, self.slog, self.scratch)
        if store is not None:
            database.control = store
        database.on_crash = self.crash
        database.on_meta = lambda record: maintenance.apply_meta(self, record)
        return database

    def abandon_open(self) -> None:
        """Back to MOUNT after a failed open."""
        database = self.database
        if self.transport is not None:
            self.transport.stop()
            self.transport = None
        if self.engine is not None:
            self.engine.close()
            self.engine = None
        if database is not None:
            database.close(clean=False)
            self.database = self._new_database(ControlStore.open(self.params.control_files))
        self.state = "MOUNT"

    # ------------------------------------------------------------------ primary
    def open_primary(self, word: str) -> None:
        """NORMAL, RESETLOGS and FAILOVER. Raises TbrError (stay at MOUNT), Refused."""
        database = self.database
        assert database is not None
        control = database.control.state
        if word == "FAILOVER":
            self._check_failover(control)
        elif control.role == STANDBY:
            raise TbrError(1098)
        elif control.need_resetlogs and word != "RESETLOGS":
            raise TbrError(1023)
        elif control.switchover and not self.setting("normal_after_switchover"):
            raise TbrError(1034)
        self._check_destinations()
        self.take_time("failover" if word == "FAILOVER" else "boot_open")
        sync_groups(self)
        if word == "FAILOVER":
            self._probe_standby()
            self.recover_standby_files()
            self._promote()
        else:
            self._instance_recovery()
            if word == "RESETLOGS":
                self._reset_logs()
        self._open_read_write(word)

    def _check_failover(self, control: Control) -> None:
        if control.role == SNAPSHOT:
            raise TbrError(1129)
        if control.role != STANDBY:
            raise TbrError(1127)

    def _check_destinations(self) -> None:
        """Static rules of LOG_REPLICATION_MODE (350004, 350008, 350009)."""
        try:
            tip_reader.check_replication(self.params.snapshot(), "NORMAL")
        except tip_reader.TipError as error:
            raise Refused(error.code, error.text) from error

    def _probe_standby(self) -> None:
        """Before a promotion that will need a SYNC standby: look whether one answers, so that a refusal changes
        nothing."""
        mode = self.params.text("LOG_REPLICATION_MODE", "UNPROTECTED").upper()
        if mode not in ("PROTECTION", "AVAILABILITY"):
            return
        for destination in self.destinations():
            if destination.method != "LGWR SYNC" or not destination.enabled:
                continue
            try:
                Sender(self, destination).connect(probe=True).close()
                return
            except (OSError, TbrError) as error:
                self.slog("LNW", f"{destination.host}:{destination.port}: {error}")
        raise Refused(350008, TbrError(350008, mode).text)

    def _instance_recovery(self) -> None:
        """Files are there, belong here and are made current from the online redo."""
        database = self.database
        assert database is not None
        control = database.control.state
        database.open_files()
        database.check_stale()
        database.scan()
        database.recover(control.ckpt)
        newest = max((group.seq for group in control.online()), default=0)
        if database.redo_missing or database.received[0] < newest:
            seq = database.received[0] + (0 if database.redo_missing else 1)
            group = control.group_with(seq) or control.group_with(newest)
            raise TbrError(1024, "open failed", group.members[0] if group else f"log seq {seq}")
        database.check_after_recovery()

    def _reset_logs(self) -> None:
        """A new incarnation: sequences start at 1, archives get another %r."""
        database = self.database
        assert database is not None
        with database.control.update() as control:
            control.prev_resetlog_tsn, control.prev_resetlog_time = control.resetlog_tsn, control.resetlog_time
            control.resetlog_tsn, control.resetlog_time = database.tsn, time.time()
            control.branches.append([secrets.randbits(31), database.tsn, 1])
            control.need_resetlogs = False
            control.archives = []
            for group in control.groups:
                group.seq, group.end, group.archived = 0, None, True
        database.partial = []
        database.received = (1, HEADER_SIZE)
        database.position = [database.tsn, 1, HEADER_SIZE]

    def _promote(self) -> None:
        """Standby to primary: the received log is closed where it ends, a new branch of history begins after it."""
        database = self.database
        assert database is not None
        database.checkpoint()
        seq, offset = database.received
        branch = [secrets.randbits(31), database.tsn, seq + 1]
        with database.control.update() as control:
            group = control.group_with(seq)
            if group is not None and group.end is None:
                self._close_received(group, offset)
            control.role = PRIMARY
            control.switchover = False
            control.branches.append(branch)
            control.ckpt = [database.tsn, seq + 1, HEADER_SIZE]
        database.partial = []
        database.received = (seq + 1, HEADER_SIZE)
        database.position = [database.tsn, seq + 1, HEADER_SIZE]
        self.slog("FRM", f"standby promoted at TSN {database.tsn}, log sequence {seq + 1}")

    def _close_received(self, group: LogGroup, offset: int) -> None:
        from tibero_emulator.server.logwriter import GroupFiles, close_group

        database = self.database
        assert database is not None
        files = GroupFiles(group)
        try:
            files.cut(offset)
            close_group(database, files, offset, database.tsn + 1)
        finally:
            files.close()

    def _open_read_write(self, word: str) -> None:
        """Everything after recovery: log writer, buffer cache, engine, background writers, transport."""
        database = self.database
        assert database is not None
        database.start_writers()
        database.open_log()
        database.build_scratch(wal=True)
        self.engine = Engine(database, read_only=False)
        database.attach_tail()
        database.mark_open()
        with database.control.update() as control:
            control.switchover = False
            control.had_standby = False
        if word == "FAILOVER":
            branch = control.branches[-1]
            database.append_meta("branch", id=branch[0], tsn=branch[1], seq=branch[2])
        for temp in control.temps:
            if not os.path.exists(temp.name):
                self.slog("FRM", f"temp file {temp.name} is missing")
        self.transport = Transport(self)
        self.transport.configure()
        if self.transport.mode in ("PROTECTION", "AVAILABILITY") and not self.transport.wait_protected():
            self._refuse_unprotected(self.transport.mode)
        self.flag = word if word in ("RESETLOGS", "FAILOVER") else ""
        self.set_state("NORMAL", word)

    def _refuse_unprotected(self, mode: str) -> None:
        """No SYNC standby answered: the boot fails as a whole (tibero.md 1.5); files are closed cleanly."""
        database = self.database
        assert database is not None and self.transport is not None
        had = database.control.state.had_standby
        self.transport.stop()
        if self.engine is not None:
            self.engine.close()
        database.close(clean=True)
        with database.control.update() as control:
            control.had_standby = had
        raise Refused(350008, TbrError(350008, mode).text)

    def open_from_mount(self, resetlogs: bool) -> None:
        """ALTER DATABASE OPEN."""
        with self.open_lock:
            if self.state != "MOUNT":
                raise TbrError(7004)
            try:
                self.open_primary("RESETLOGS" if resetlogs else "NORMAL")
            except TbrError:
                self.abandon_open()
                raise
            except Refused as error:
                self.database = self._new_database(ControlStore.open(self.params.control_files))
                self.transport, self.engine = None, None
                raise TbrError(error.code, text=error.text) from error

    # ------------------------------------------------------------------ standby
    def open_recovery(self) -> None:
        """RECOVERY: judge the copy, apply local redo, listen for the primary. Raises TbrError (stay at MOUNT)."""
        database = self.database
        assert database is not None
        control = database.control.state
        if control.role == SNAPSHOT:
            raise TbrError(1129)
        if control.role != STANDBY:
            self._former_primary(control)
        self.take_time("boot_open")
        port = self.params.number("_STANDBY_CONN_PORT", self.params.number("LISTENER_PORT", 8629) + 4)
        listener = listen(self.params.text("LISTENER_IP"), port)
        try:
            self.recover_standby_files()
            settle_old_logs(database)
            database.start_writers()
            database.mark_open()
        except BaseException:
            listener.close()
            raise
        self.receiver = Receiver(self, listener)
        self.receiver.start()
        self.set_state("RECOVERY")

    def _former_primary(self, control: Control) -> None:
        """RECOVERY boot of a database that was never converted (tibero.md 1.5, 12.1, 22.9)."""
        database = self.database
        assert database is not None
        if control.switchover and control.clean:
            with database.control.update():
                control.role = STANDBY
                control.switchover = False
            return
        if control.had_standby and self.setting("former_primary_recovery_code") == 1036:
            raise TbrError(1036)
        raise TbrError(1127)

    def recover_standby_files(self) -> None:
        """Open, verify and bring a standby's files to the end of local redo.

        Raises: TBR-1024 (missing, foreign, damaged), 1036 (copied without backup mode, other history), 24111 (END
        BACKUP not reached).
        """
        database = self.database
        assert database is not None
        sync_groups(self)
        database.open_files()
        self._judge_copy(database)
        database.scan()
        self.recovering = True
        try:
            database.recover(database.oldest_position())
        finally:
            self.recovering = False
        for (number, _block), reason in database.bad_blocks.items():
            info = database.control.state.file_of(number)
            raise TbrError(1024, f"corrupted block, {reason}", info.name if info else "?")
        pending = [info for info in database.control.state.files if info.end_backup is not None]
        if pending and self.setting("end_backup_needed_at_recovery_boot"):
            raise TbrError(24111)
        newest = max(file.header.ckpt[0] for file in database.files.values())
        if not pending and max(newest, database.max_block_tsn) > database.tsn:
            raise TbrError(1036)
        with database.control.update() as control:
            for info in control.files:
                info.verify = False

    def _judge_copy(self, database: Database) -> None:
        """A fresh copy must be cold (closed cleanly) or hot (taken in backup mode)."""
        branches = [each[0] for each in database.control.state.branches]
        with database.control.update() as control:
            for info in control.files:
                header = database.files[info.file].header
                if header.branch not in branches:
                    raise TbrError(1036)
                if not info.verify or header.member == control.member:
                    continue
                if header.backup is not None:
                    info.end_backup = header.backup[0]
                elif header.fuzzy:
                    self.slog("FRM", f"{info.name} was copied while the database was open and not in backup mode")
                    raise TbrError(int(self.setting("fuzzy_copy_code")), "copied without backup mode", info.name)

    def open_read_only(self) -> None:
        """ALTER DATABASE OPEN READ ONLY CONTINUE RECOVERY, in RECOVERY."""
        with self.open_lock:
            database, receiver = self.database, self.receiver
            if database is not None and database.control.state.role != STANDBY:
                raise TbrError(1127)
            if self.state != "RECOVERY" or database is None or receiver is None:
                raise TbrError(7004)
            if any(info.end_backup is not None for info in database.control.state.files):
                raise TbrError(24111)
            temps = database.control.state.temps
            if not temps or not all(os.path.exists(temp.name) for temp in temps):
                raise TbrError(24140)
            with receiver.apply_lock:
                database.build_scratch(wal=False)
                engine = Engine(database, read_only=True)
                database.on_page = engine.apply_page
                self.engine = engine
            self.set_state("READ_ONLY")

    def close_read_only(self) -> None:
        """ALTER DATABASE STANDBY: back to RECOVERY; other users are disconnected."""
        with self.open_lock:
            database, receiver, engine = self.database, self.receiver, self.engine
            if self.state != "READ_ONLY" or database is None or receiver is None or engine is None:
                raise TbrError(7004)
            self.set_state("RECOVERY")
            for session in self.list_sessions():
                if session.user != "SYS":
                    session.interrupt()
            with receiver.apply_lock, engine.gate.applying():
                database.on_page = None
                self.engine = None
                engine.close()

    # ------------------------------------------------------------------ CREATE DATABASE
    def create_database(self, spec: DatabaseSpec) -> None:
        """Write all files, the dictionary and `.passwd`; after the answer the instance stops (tibero.md 1.2)."""
        for path in self.params.control_files:
            if os.path.exists(path):
                raise TbrError(590008, "control file", path)
        self.creating = True
        made: list[str] = []
        try:
            self.take_time("create_database")
            self._create(spec, made)
        except (TbrError, OSError) as error:
            self.creating = False
            self.database = None
            for path in made:
                if os.path.exists(path):
                    os.unlink(path)
            if isinstance(error, OSError):
                raise TbrError(590001, f"{error.filename}: {error.strerror}") from error
            raise
        self.shutting_down = True

    def _create(self, spec: DatabaseSpec, made: list[str]) -> None:
        database = self._new_database(None)
        now = time.time()
        control = Control(
            spec.name, new_dbid(), self.params.block_size, now, now, spec.character_set, spec.national_set, self.version
        )
        control.member = new_member()
        control.archivelog = spec.archivelog
        control.branches = [[secrets.randbits(31), 0, 1]]
        database.control = ControlStore(self.params.control_files, 0, control)
        database.control._depth = 1  # nothing to write yet: the copies are created at the end
        self._create_logs(control, spec, made)
        self._create_files(database, control, spec, made)
        made += self.params.control_files
        ControlStore.create(self.params.control_files, control)
        database.control._depth = 0
        database.control.write()
        self.database = database
        self._create_dictionary(database, spec)
        passwd.write(self.params.file_dest, spec.sys_password)
        made.append(passwd.path(self.params.file_dest))

    def _create_logs(self, control: Control, spec: DatabaseSpec, made: list[str]) -> None:
        groups = spec.groups or [(i, [f"log{i}1.log"], DEFAULT_LOG_SIZE) for i in range(3)]
        for index, (number, members, size) in enumerate(groups):
            paths = [self.params.resolve(each) for each in members]
            group = LogGroup(number if number >= 0 else index, 0, paths, max(size or DEFAULT_LOG_SIZE, MIN_LOG_SIZE))
            create_members(group)
            made += paths
            control.groups.append(group)
        if len(control.groups) < 2:
            raise TbrError(590001, "at least two log groups are needed")

    def _create_files(self, database: Database, control: Control, spec: DatabaseSpec, made: list[str]) -> None:
        def grown(name: str) -> list[FileSpec]:
            return [FileSpec(name, autoextend=True, next=10 * 1024 * 1024)]

        undo = spec.undo or ("UNDO", grown("undo001.dtf"))
        temp = spec.temp or ("TEMP", grown("temp001.dtf"))
        usr = spec.default or ("USR", grown("usr001.dtf"))
        parts = [
            ("SYSTEM", "DATA", spec.system or grown("system001.dtf")),
            (undo[0], "UNDO", undo[1]),
            (temp[0], "TEMP", temp[1]),
            (usr[0], "DATA", usr[1]),
            ("SYSSUB", "DATA", spec.syssub or grown("syssub001.dtf")),
        ]
        for number, (name, kind, specs) in enumerate(parts):
            control.tablespaces.append(TablespaceInfo(number, name, kind))
            for each in specs:
                path = self.params.resolve(each.name)
                if os.path.exists(path) and not each.reuse:
                    raise TbrError(590008, "file", path)
                made.append(path)
                if kind == "TEMP":
                    maintenance.create_temp_file(database, control, each, name)
                else:
                    maintenance.create_data_file(database, control, each, name, maintenance.next_file_number(control))
        control.default_tablespace = usr[0]
        control.undo_tablespace, control.temp_tablespace = undo[0], temp[0]

    def _create_dictionary(self, database: Database, spec: DatabaseSpec) -> None:
        """The first transactions: dictionary, accounts, properties; then a clean close."""
        database.start_writers()
        database.log = LogWriter(database)
        database.log.start(1, None)
        database.position = [0, 1, HEADER_SIZE]
        database.build_scratch(wal=True)
        engine = Engine(database, read_only=False)
        database.attach_tail()
        connection = engine.keeper
        connection.execute("BEGIN IMMEDIATE")
        for sql in dd.SCHEMA:
            connection.execute(sql)
        now = date_text(datetime.now())
        early = self.setting(
            "example_users_at_create"
        )  # else the system script makes them (recording t7-system_sh-output)
        for name, secret, locked in [user for user in dd.DEFAULT_USERS if early or user[0] in ("SYS", "SYSCAT")]:
            chosen = spec.sys_password if name == "SYS" else secret
            tablespace = "SYSTEM" if name.startswith("SYS") else database.control.state.default_tablespace
            connection.execute(
                "INSERT INTO _DD_USERS VALUES (?,?,?,?,?)", (name, passwd.verifier(chosen), tablespace, now, locked)
            )
        for name in [user for user in dd.DBA_USERS if early or user in ("SYS", "SYSCAT")]:
            connection.execute("INSERT INTO _DD_GRANTS VALUES (?,'DBA','','')", (name,))
        properties = {
            "NLS_CHARACTERSET": spec.character_set,
            "NLS_NCHAR_CHARACTERSET": spec.national_set,
            "DB_NAME": spec.name,
            "DEFAULT_TEMP_TABLESPACE": database.control.state.temp_tablespace,
            "DEFAULT_PERMANENT_TABLESPACE": database.control.state.default_tablespace,
        }
        connection.executemany("INSERT INTO _DD_PROPS VALUES (?,?,'')", list(properties.items()))
        lsn = database.commit(lambda: connection.execute("COMMIT"), "SYSTEM")
        database.log.flush(lsn)
        engine.close()
        database.close(clean=True)

    # ------------------------------------------------------------------ logins
    def login(self, user: str, password: str, db_name: str, peer: str, program: str) -> Session:
        """Open a session. Raises TbrError (tibero.md 3, 10)."""
        name = user[1:-1] if user.startswith('"') else user.upper()
        if db_name and db_name.upper() != self.params.db_name.upper():
            raise TbrError(12079)
        if self.creating:
            raise TbrError(17020)
        if self.shutting_down:
            raise TbrError(12039)
        self._authenticate(name, password)
        with self._sessions_cond:
            if len(self._sessions) >= self.params.number("MAX_SESSION_COUNT", 20) and name != "SYS":
                raise TbrError(590001, "MAX_SESSION_COUNT is reached")
            session = Session(self, self._next_session, name, peer, program)
            self._sessions[session.number] = session
            self._next_session += 1
        return session

    def _authenticate(self, name: str, password: str) -> None:
        if name == "SYS":
            fresh = self.state == "NOMOUNT" and not any(os.path.exists(path) for path in self.params.control_files)
            stored = passwd.verifier("TIBERO") if fresh else passwd.read(self.params.file_dest)
            if not passwd.matches(stored, password):
                raise TbrError(17001)
            return
        if self.state in ("NOMOUNT", "MOUNT"):
            raise TbrError(12021)
        if self.state == "RECOVERY":
            raise TbrError(12004)
        engine = self.engine
        if engine is None:
            raise TbrError(17008)
        found = engine.catalog().users.get(name)
        if found is None or not passwd.matches(found[0], password):
            raise TbrError(17001)
        if found[2]:
            raise TbrError(17006)

    def logout(self, session: Session) -> None:
        try:
            session.close()
        finally:
            with self._sessions_cond:
                self._sessions.pop(session.number, None)
                self._sessions_cond.notify_all()

    def list_sessions(self) -> list[Session]:
        with self._sessions_cond:
            return list(self._sessions.values())

    def kill_session(self, number: int) -> None:
        session = self._sessions.get(number)
        if session is None:
            raise TbrError(590007, "session", str(number))
        session.interrupt()

    # ------------------------------------------------------------------ commit
    def make_durable(self, lsn: int) -> None:
        """Return when a commit is as safe as the mode promises."""
        database = self.database
        if database is None or database.log is None:
            raise Stopped
        log = database.log
        log.flush(lsn)
        transport = self.transport
        if transport is not None and transport.senders:
            with log.cond:
                position = log.durable
            transport.wait_commit(position)

    # ------------------------------------------------------------------ replication
    def destinations(self) -> list[tip_reader.Destination]:
        """Raises TbrError 350007 for a malformed one."""
        try:
            return tip_reader.destinations(self.params.snapshot())
        except tip_reader.TipError as error:
            raise TbrError(error.code, text=error.text) from error

    def senders(self) -> list[Sender]:
        return list(self.transport.senders) if self.transport is not None else []

    def set_parameter(self, name: str, value: str) -> None:
        """ALTER SYSTEM SET. LOG_REPLICATION_* act at once (tibero.md 12.5); static parameters are refused."""
        if name.startswith(("LOG_REPLICATION", "LOG_RELICATION")):
            self._set_replication(name.replace("LOG_RELICATION", "LOG_REPLICATION"), value)
            return
        if name not in tip_reader.KNOWN and self.setting("tip_unknown_parameter") == "refuse":
            raise TbrError(590007, "parameter", name)
        if name in STATIC_PARAMETERS:
            raise TbrError(590001, f"parameter '{name}' is static: change the tip and restart")
        self.params.set(name, value)

    def _set_replication(self, name: str, value: str) -> None:
        if self.state == "NORMAL" and self.transport is not None:
            if name == "LOG_REPLICATION_MODE":
                self._set_mode(value.upper())
            elif name.startswith("LOG_REPLICATION_DEST_"):
                self._set_destination(int(name.rsplit("_", 1)[1]), name, value)
            elif name.endswith("_ENABLE"):
                self._enable_destination(int(name.split("_")[2]), name, value)
            else:
                raise TbrError(590007, "parameter", name)
        else:
            self.params.set(name, value)

    def _set_mode(self, mode: str) -> None:
        assert self.transport is not None
        if mode not in tip_reader.REPLICATION_MODES:
            raise TbrError(350004, mode)
        if mode in ("PROTECTION", "AVAILABILITY"):
            running = [each for each in self.transport.senders if each.synchronous and each.connected]
            if not running:
                raise TbrError(7515)
        old = self.transport.mode
        self.params.set("LOG_REPLICATION_MODE", mode)
        if mode == "UNPROTECTED":
            self.transport.stop()
        elif old == "UNPROTECTED":
            self.transport.configure()

    def _last_synchronous(self, number: int) -> bool:
        """Whether PROTECTION would lose its last SYNC standby without this destination."""
        assert self.transport is not None
        if self.transport.mode != "PROTECTION":
            return False
        found = self.transport.find(number)
        others = [
            each for each in self.transport.senders if each.synchronous and each.connected and each.number != number
        ]
        return found is not None and found.synchronous and found.connected and not others

    def _set_destination(self, number: int, name: str, value: str) -> None:
        assert self.transport is not None
        if not 1 <= number <= tip_reader.MAX_DESTINATIONS:
            raise TbrError(350012, number)
        probe = {**self.params.snapshot(), name: value}
        try:
            found = next((each for each in tip_reader.destinations(probe) if each.number == number), None)
        except tip_reader.TipError as error:
            raise TbrError(error.code, text=error.text) from error
        if self._last_synchronous(number):
            raise TbrError(7515)
        self.params.set(name, value)
        if self.transport.mode == "UNPROTECTED":
            return
        self.transport.remove(number)
        if found is not None:
            self.transport.add(found)

    def _enable_destination(self, number: int, name: str, value: str) -> None:
        assert self.transport is not None
        if value.upper() not in ("Y", "N"):
            raise TbrError(7001)
        on = value.upper() == "Y"
        sender = self.transport.find(number)
        if sender is None:
            raise TbrError(350012, number)
        if sender.enabled == on and self.setting("enable_twice_code"):
            raise TbrError(int(self.setting("enable_twice_code")), number, "enabled" if on else "disabled")
        if not on and self._last_synchronous(number):
            raise TbrError(7515)
        self.params.set(name, value.upper())
        sender.enable(on)

    # ------------------------------------------------------------------ answers for views
    def current_tsn(self) -> int:
        return self.database.tsn if self.database is not None else 0

    def status(self) -> str:
        return str(self.setting("instance_status").get(self.state, self.state))

    def open_mode(self) -> str:
        return str(self.setting("open_mode").get(self.state, self.state))

    def destination_rows(self) -> Iterator[tuple[Any, ...]]:
        for each in self.senders():
            yield (
                each.number,
                each.target,
                each.method,
                "YES" if each.enabled else "NO",
                each.status,
                each.sent_tsn,
                each.acked_tsn,
                each.applied_tsn,
                each.sent[0],
                each.error or None,
            )

    def standby_rows(self) -> Iterator[tuple[Any, ...]]:
        database = self.database
        if database is None:
            return
        role = database.control.state.role
        mode = self.params.text("LOG_REPLICATION_MODE", "UNPROTECTED")
        receiver = self.receiver
        if receiver is None:
            yield (role, mode, "-", None, None, None, None, None, None)
            return
        last = date_text(datetime.fromtimestamp(receiver.last)) if receiver.last else None
        yield (
            role,
            mode,
            "CONNECTED" if receiver.connected else "WAITING",
            receiver.primary or None,
            receiver.primary_tsn,
            database.tsn,
            receiver.seq,
            receiver.primary_tsn,
            last,
        )

    def files_to_recover(self) -> Iterator[tuple[Any, ...]]:
        """V$RECOVER_FILE: files that would keep the database from opening."""
        database = self.database
        if database is None or self.state != "MOUNT":
            return
        control = database.control.state
        for info in control.files:
            try:
                file = database.open_file(info)
            except (TbrError, BlockError):
                yield (info.file, "ONLINE", "open failed", 0, None)
                continue
            header = file.header
            file.close()
            if header.ckpt[0] < control.ckpt[0] or (header.backup is not None and info.backup is None):
                yield (
                    info.file,
                    "ONLINE",
                    "file restored",
                    header.ckpt[0],
                    date_text(datetime.fromtimestamp(header.time)),
                )

    def report(self) -> dict[str, Any]:
        """Status for the control socket."""
        database = self.database
        receiver = self.receiver
        words = {"NORMAL": "NRML", "RECOVERY": "RECO", "READ_ONLY": "RECO", "MOUNT": "MOUNT", "NOMOUNT": "NOMOUNT"}
        return {
            "event": "status",
            "mode": "RECOVERY" if self.state == "READ_ONLY" else self.state,
            "state": self.state,
            "flag": self.flag,
            "role": database.control.state.role if database is not None else None,
            "open_mode": self.open_mode(),
            "tsn": self.current_tsn(),
            "sessions": len(self._sessions),
            "inst_stat": words[self.state],
            "rcvd_tsn": receiver.primary_tsn if receiver is not None else 0,
            "connected": receiver.connected if receiver is not None else False,
            "senders": [
                {
                    "number": s.number,
                    "target": s.target,
                    "method": s.method,
                    "status": s.status,
                    "acked_tsn": s.acked_tsn,
                    "error": s.error,
                }
                for s in self.senders()
            ],
        }

    # ------------------------------------------------------------------ shutdown
    def check_shutdown(self) -> None:
        """Raises TBR-24029 while a file is in hot backup."""
        database = self.database
        if database is None:
            return
        for info in database.control.state.files if self.state == "NORMAL" else []:
            if info.backup is not None:
                raise TbrError(24029, info.file, info.name)

    def shutdown(self, mode: str, abandoned: threading.Event) -> None:
        """NORMAL, POST_TX, IMMEDIATE, SWITCHOVER. Returns when everything is closed.

        Raises: TbrError when refused (the instance stays up).
        """
        self.check_shutdown()
        if mode == "SWITCHOVER":
            self._check_switchover()
        self.shutting_down = True
        self.slog("FRM", f"shutdown {mode} requested")
        try:
            self._end_sessions(mode, abandoned)
            if mode == "SWITCHOVER" and self.transport is not None:
                self.transport.ship_all(abandoned)
            if abandoned.is_set():
                raise TbrError(590001, "shutdown abandoned by the requester")
        except TbrError:
            self.shutting_down = False
            raise
        self.take_time("down")
        self.close(mode == "SWITCHOVER")

    def _check_switchover(self) -> None:
        if self.state != "NORMAL":
            raise TbrError(7004)
        connected = [each for each in self.senders() if each.connected]
        if not connected and self.setting("switchover_needs_standby"):
            raise TbrError(7514)

    def _end_sessions(self, mode: str, abandoned: threading.Event) -> None:
        """Wait for logins (NORMAL, SWITCHOVER), for transactions (POST_TX), or end them at once (IMMEDIATE)."""
        if mode == "SWITCHOVER" and self.transport is not None:
            self.transport.ship_all(abandoned)
        if mode == "POST_TX":
            with self._sessions_cond:
                while any(each.in_transaction or each.status == "RUNNING" for each in self._sessions.values()):
                    if abandoned.is_set():
                        return
                    self._sessions_cond.wait(0.1)
        if mode in ("IMMEDIATE", "POST_TX"):
            for session in self.list_sessions():
                session.interrupt()
        with self._sessions_cond:
            while self._sessions and not abandoned.is_set():
                self._sessions_cond.wait(0.1)

    def close(self, switchover: bool = False) -> None:
        """Clean close of whatever is open."""
        database = self.database
        if self.receiver is not None:
            self.receiver.stop()
        was_open = self.state in ("NORMAL", "RECOVERY", "READ_ONLY")
        if database is not None and was_open and self.state == "NORMAL":
            if self.transport is not None and not switchover:
                self._last_ship(self.transport)
            if self.transport is not None:
                self.transport.stop()
        if self.engine is not None:
            self.engine.close()
            self.engine = None
        if database is not None and was_open:
            database.close(clean=True)
            if switchover:
                with database.control.update() as control:
                    control.switchover = True
        for suffix in ("", "-wal", "-shm", "-journal"):
            try:
                os.unlink(self.scratch + suffix)
            except FileNotFoundError:
                continue
        self.slog("FRM", "instance terminated")

    def _last_ship(self, transport: Transport) -> None:
        """A clean stop gives running SYNC standbys a moment to receive what is already written, no more."""
        deadline = time.monotonic() + 2.0
        log = self.database.log if self.database is not None else None
        if log is None:
            return
        with log.cond:
            while time.monotonic() < deadline:
                behind = [
                    s
                    for s in transport.senders
                    if s.synchronous and s.status not in (FAILED,) and s.connected and not s.caught_up(log.durable)
                ]
                if not behind:
                    return
                log.cond.wait(0.1)


STATIC_PARAMETERS = (
    "DB_NAME",
    "DB_BLOCK_SIZE",
    "CONTROL_FILES",
    "DB_CREATE_FILE_DEST",
    "LISTENER_PORT",
    "MAX_SESSION_COUNT",
    "TOTAL_SHM_SIZE",
    "MEMORY_TARGET",
    "_STANDBY_CONN_PORT",
    "STANDBY_FILE_NAME_CONVERT",
    "USE_STANDBY_REDO_LOG",
    "_USE_STANDBY_REDO_LOG",
)


def listen(address: str, port: int) -> socket.socket:
    """A listening socket. Raises Refused (250120) when the port is taken."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((address or "0.0.0.0", port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        raise Refused(250120, TbrError(250120, port).text) from error
    return sock
