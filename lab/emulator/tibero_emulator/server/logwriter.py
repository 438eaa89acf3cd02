# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LGWR and ARCH of a primary: append, group commit, log switch, archiving.

Lock order: Database.append_lock (one appender at a time), then `cond` (positions). A commit appends under
append_lock, releases it and then waits in flush(); the first waiter writes for all (group commit).
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from tibero_emulator.server import redolog
from tibero_emulator.server.control import ArchiveInfo, Control, LogGroup
from tibero_emulator.server.redolog import HEADER_SIZE, LogError, LogHeader

if TYPE_CHECKING:
    from tibero_emulator.server.database import Database

READY_WAIT = 0.05  # seconds between looks at a group that cannot be reused yet (a predicate is checked each time)


class Stopped(Exception):
    """The instance is going down; the redo was not made durable."""


class GroupFiles:
    """The members of one log group, open for writing. One of several may be missing, not all."""

    def __init__(self, group: LogGroup) -> None:
        self.group = group
        self.fds: list[int] = []
        for path in group.members:
            try:
                self.fds.append(os.open(path, os.O_RDWR))
            except FileNotFoundError:
                continue
        if not self.fds:
            raise FileNotFoundError(2, "no member of the log group is there", group.members[0])

    def write(self, offset: int, data: bytes) -> None:
        for fd in self.fds:
            os.pwrite(fd, data, offset)

    def sync(self) -> None:
        for fd in self.fds:
            os.fdatasync(fd)

    def cut(self, offset: int) -> None:
        """Empty the file from `offset` on: what a lost transaction left must not be read as redo of the next one."""
        for fd in self.fds:
            os.ftruncate(fd, offset)
            os.ftruncate(fd, self.group.size)
        self.sync()

    def close(self) -> None:
        for fd in self.fds:
            os.close(fd)
        self.fds = []


def create_members(group: LogGroup, reuse: bool = False) -> None:
    """Create the files of a group at full size (sparse). Raises OSError."""
    for path in group.members:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | (os.O_TRUNC if reuse else os.O_EXCL)
        fd = os.open(path, flags, 0o600)
        os.ftruncate(fd, group.size)
        os.close(fd)


def reusable(control: Control, group: LogGroup) -> bool:
    """A group may be overwritten once archived (ARCHIVELOG) and no longer needed by instance recovery.

    Standby redo logs wait for archiving only (tibero.md 11.4), since a standby reads archives when it recovers.
    """
    if group.seq == 0:
        return True
    if group.end is None:
        return False
    if control.archivelog and not group.archived:
        return False
    return control.ckpt[1] > group.seq or (group.standby and control.archivelog)


def next_group(groups: list[LogGroup], current: LogGroup | None) -> LogGroup:
    """The group after `current` in cyclic order; never-used groups first come in their own turn."""
    if current is None:
        return groups[0]
    index = next((i for i, each in enumerate(groups) if each.group == current.group), -1)
    return groups[(index + 1) % len(groups)]


def header_for(control: Control, group: LogGroup) -> LogHeader:
    return LogHeader(
        dbid=control.dbid,
        db_name=control.db_name,
        thread=group.thread,
        group=group.group,
        seq=group.seq,
        branch=control.branch,
        first_tsn=group.first_tsn,
        first_time=group.first_time,
        resetlogs=control.resetlog_tsn,
        end=group.end,
        next_tsn=group.next_tsn,
        standby=group.standby,
    )


class LogWriter:
    """The redo log writer of an open primary."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.cond = threading.Condition()
        self.files: GroupFiles | None = None
        self.seq = 0
        self.offset = 0
        self.appended = 0
        self.flushed = 0
        self.durable = (0, 0)
        self._pending: list[tuple[int, bytes]] = []
        self._flushing = False

    # ------------------------------------------------------------------ open
    def resume(self, seq: int, offset: int) -> None:
        """Go on writing log `seq` at `offset` (after instance recovery)."""
        control = self.database.control.state
        group = next((each for each in control.online() if each.seq == seq), None)
        if group is None:
            newest = max(control.online(), key=lambda each: each.seq)
            self.start(seq, newest if newest.seq else None)
            return
        if group.end is not None:
            self.start(seq + 1, group)
            return
        self.files = GroupFiles(group)
        self.seq, self.offset = seq, offset
        self.durable = (seq, offset)
        self.files.cut(offset)

    def start(self, seq: int, current: LogGroup | None) -> None:
        """Begin a new log with sequence `seq` in the group after `current`."""
        control = self.database.control.state
        group = next_group(control.online(), current)
        self._wait_reusable(group)
        with self.database.control.update():
            group.seq = seq
            group.first_tsn = self.database.tsn + 1
            group.first_time = time.time()
            group.next_tsn = 0
            group.end = None
            group.archived = False
            control.next_seq = seq + 1
            files = GroupFiles(group)
            files.write(0, header_for(control, group).encode())
            files.write(HEADER_SIZE, bytes(redolog.RECORD.size))
            files.sync()
        with self.cond:
            old, self.files = self.files, files
            self.seq, self.offset = seq, HEADER_SIZE
            self.durable = (seq, HEADER_SIZE)
            self.cond.notify_all()
        if old is not None:
            old.close()
        self.database.slog("FRM", f"log switch: thread 0 group {group.group} seq {seq}")

    def _wait_reusable(self, group: LogGroup) -> None:
        database = self.database
        warned = False
        while not reusable(database.control.state, group):
            if database.stopping.is_set():
                raise Stopped
            database.request_checkpoint()
            if not group.archived and database.control.state.archivelog and not warned:
                warned = True
                database.slog("FRM", "TBR-1063: Log writer is waiting for all logfiles to be archived.")
            with database.progress:
                database.progress.wait(READY_WAIT)

    # ------------------------------------------------------------------ append and flush
    def append(self, kind: int, tsn: int, payload: bytes) -> int:
        """Add one record; the caller holds append_lock. Returns the LSN to flush()."""
        length = redolog.record_length(len(payload))
        assert self.files is not None
        if self.offset + length > self.files.group.size:
            self.switch()
        data = redolog.encode_record(self.seq, kind, tsn, time.time(), payload)
        with self.cond:
            self._pending.append((self.offset, data))
            self.offset += len(data)
            self.appended += len(data)
            return self.appended

    def capacity(self) -> int:
        """Redo bytes that fit before the writer comes back to the current group."""
        assert self.files is not None
        groups = self.database.control.state.online()
        others = sum(each.size - HEADER_SIZE for each in groups) - (self.files.group.size - HEADER_SIZE)
        return others - redolog.CHUNK * len(groups) + self.files.group.size - self.offset

    def flush(self, lsn: int) -> None:
        """Return when everything up to `lsn` is durable in all members. Raises Stopped."""
        while True:
            with self.cond:
                if self.flushed >= lsn:
                    return
                if self.database.crashed.is_set():
                    raise Stopped
                if self._flushing:
                    self.cond.wait()
                    continue
                self._flushing = True
                batch, self._pending = self._pending, []
                target, end = self.appended, (self.seq, self.offset)
                files = self.files
            assert files is not None
            try:
                files.write(batch[0][0], b"".join(data for _offset, data in batch))
                files.sync()
            except OSError as error:
                self.database.crash(f"log write failed: {error}")
                raise Stopped from error
            with self.cond:
                self._flushing = False
                self.flushed = target
                self.durable = end
                self.cond.notify_all()

    # ------------------------------------------------------------------ switch
    def switch(self) -> int:
        """Close the current log and begin the next; the caller holds append_lock. Returns the closed sequence."""
        assert self.files is not None
        if self.appended > self.flushed:
            self.flush(self.appended)
        group = self.files.group
        closed = self.seq
        close_group(self.database, self.files, self.offset, self.database.tsn + 1)
        self.database.log_closed(closed, self.offset)
        self.database.wake_archiver()
        self.start(closed + 1, group)
        # A hot backup that begins now must not need the closed log: whoever copies takes the archives from here on.
        self.database.log_closed(self.seq, self.offset)
        self.database.request_checkpoint()
        return closed

    def close(self) -> None:
        if self.files is not None:
            self.files.close()
            self.files = None


def close_group(database: Database, files: GroupFiles, end: int, next_tsn: int) -> None:
    """Write the closed header of a log and note it in the control file."""
    group = files.group
    with database.control.update() as control:
        group.end = end
        group.next_tsn = next_tsn
        group.archived = not control.archivelog
        header = header_for(control, group)
        header.branch = read_branch(group, control)
        files.write(0, header.encode())
        files.sync()


def read_branch(group: LogGroup, control: Control) -> int:
    """Branch under which the group's log was begun (a promotion closes a log of the former branch)."""
    for name in group.members:
        try:
            return redolog.read_header(name).branch
        except (OSError, LogError):
            continue
    return control.branch


def archive_group(database: Database, group: LogGroup) -> None:
    """Copy one closed log to LOG_ARCHIVE_DEST. Raises OSError (destination missing or full)."""
    control = database.control.state
    assert group.end is not None
    resetlogs = control.resetlog_tsn
    path = database.params.archive_name(group.thread, resetlogs, group.seq)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    partial = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.part")
    present = next((name for name in group.members if os.path.exists(name)), group.members[0])
    source = os.open(present, os.O_RDONLY)
    try:
        with open(partial, "wb") as target:
            position = 0
            while position < group.end:
                data = os.pread(source, min(1 << 20, group.end - position), position)
                if not data:
                    raise OSError(f"log file {group.members[0]} ends before its redo")
                target.write(data)
                position += len(data)
            target.flush()
            os.fdatasync(target.fileno())
        os.rename(partial, path)
    finally:
        os.close(source)
    branch = redolog.read_header(path).branch
    with database.control.update():
        control.archives[:] = [each for each in control.archives if each.name != path]
        control.archives.append(
            ArchiveInfo(
                group.thread,
                group.seq,
                path,
                group.first_tsn,
                group.next_tsn,
                group.first_time,
                time.time(),
                resetlogs,
                branch,
            )
        )
        group.archived = True


class Archiver(threading.Thread):
    """Archives closed groups in order; retries while the destination cannot be written."""

    def __init__(self, database: Database) -> None:
        super().__init__(name="ARCH", daemon=True)
        self.database = database
        self.wake = threading.Event()
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            failed = self.work()
            self.wake.wait(1.0 if failed else None)
            self.wake.clear()

    def work(self) -> bool:
        """Archive everything that is due; True when something failed."""
        database = self.database
        due = [
            each for each in database.control.state.groups if each.seq and each.end is not None and not each.archived
        ]
        for group in sorted(due, key=lambda each: each.seq):
            try:
                archive_group(database, group)
            except OSError as error:
                database.slog("FRM", f"archive of seq {group.seq} failed: {error}")
                return True
            with database.progress:
                database.progress.notify_all()
        return False

    def stop(self) -> None:
        self.ended.set()
        self.wake.set()
