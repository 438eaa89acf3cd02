# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control file: what the database consists of, kept in every copy that CONTROL_FILES names.

Each copy holds two slots that are written in turn, so a torn write loses at most the newest state. Copies are
checked against each other when the file is opened. Layout invented; roles and contents: tibero.md 8, 11, 12.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import zlib
from dataclasses import asdict, dataclass, field
from typing import Any

SLOT = 1024 * 1024
PREAMBLE = 8192
SLOT_HEAD = struct.Struct("<4sIQII")  # magic, format, sequence, length, crc
MAGIC = b"TCTL"
FORMAT = 1
MAX_ARCHIVES = 3000

PRIMARY, STANDBY, SNAPSHOT = "PRIMARY", "STANDBY", "SNAPSHOT"


class ControlError(Exception):
    """The control file cannot be used; `path` is the copy at fault, `missing` tells "not there" from "not readable"."""

    def __init__(self, path: str, reason: str, missing: bool = False) -> None:
        self.path = path
        self.reason = reason
        self.missing = missing
        super().__init__(f"{path}: {reason}")


@dataclass
class LogGroup:
    """One redo log group. seq 0 = never used. end = offset of its end once closed, else None."""

    group: int
    thread: int
    members: list[str]
    size: int
    seq: int = 0
    first_tsn: int = 0
    first_time: float = 0.0
    next_tsn: int = 0
    end: int | None = None
    archived: bool = True
    standby: bool = False


@dataclass
class FileInfo:
    """One data file as the control file knows it. backup = begin position while in hot backup.

    verify: set by STANDBY CONTROLFILE, cleared when the first RECOVERY boot has accepted the copy.
    end_backup: TSN of the BEGIN BACKUP whose END BACKUP redo has still to be applied.
    """

    file: int
    name: str
    tablespace: str
    size: int
    autoextend: bool = False
    next: int = 0
    max: int = 0
    create_tsn: int = 0
    backup: list[int] | None = None
    backup_time: float = 0.0
    verify: bool = False
    end_backup: int | None = None


@dataclass
class TempInfo:
    """One temp file."""

    file: int
    name: str
    tablespace: str
    size: int
    autoextend: bool = False
    next: int = 0
    max: int = 0


@dataclass
class TablespaceInfo:
    """type: DATA, UNDO or TEMP."""

    number: int
    name: str
    type: str


@dataclass
class ArchiveInfo:
    """One archived log."""

    thread: int
    seq: int
    name: str
    first_tsn: int
    next_tsn: int
    first_time: float
    time: float
    resetlogs: int
    branch: int


@dataclass
class Control:
    """The whole state. Positions are [tsn, seq, offset]; branches are [branch id, first TSN, first sequence], oldest
    first."""

    db_name: str
    dbid: int
    block_size: int
    created: float
    cf_created: float
    character_set: str = "MSWIN949"
    national_set: str = "UTF16"
    version: str = "7"
    role: str = PRIMARY
    member: str = ""
    archivelog: bool = False
    resetlog_tsn: int = 0
    resetlog_time: float = 0.0
    prev_resetlog_tsn: int = 0
    prev_resetlog_time: float = 0.0
    branches: list[list[int]] = field(default_factory=list)
    ckpt: list[int] = field(default_factory=lambda: [0, 1, 0])
    ckpt_time: float = 0.0
    clean: bool = False
    switchover: bool = False
    had_standby: bool = False
    need_resetlogs: bool = False
    recovered_to: list[int] | None = None
    db_pages: int = 0
    next_seq: int = 1
    groups: list[LogGroup] = field(default_factory=list)
    standby_thread: bool = False
    files: list[FileInfo] = field(default_factory=list)
    temps: list[TempInfo] = field(default_factory=list)
    tablespaces: list[TablespaceInfo] = field(default_factory=list)
    archives: list[ArchiveInfo] = field(default_factory=list)
    default_tablespace: str = "SYSTEM"
    temp_tablespace: str = ""
    undo_tablespace: str = ""

    @property
    def branch(self) -> int:
        return self.branches[-1][0] if self.branches else 0

    def file_of(self, number: int) -> FileInfo | None:
        return next((each for each in self.files if each.file == number), None)

    def online(self) -> list[LogGroup]:
        return [each for each in self.groups if not each.standby]

    def standby_groups(self) -> list[LogGroup]:
        return [each for each in self.groups if each.standby]

    def group_with(self, seq: int) -> LogGroup | None:
        return next((each for each in self.groups if each.seq == seq), None)

    def tablespace(self, name: str) -> TablespaceInfo | None:
        return next((each for each in self.tablespaces if each.name == name), None)

    def archive_with(self, seq: int) -> ArchiveInfo | None:
        return next((each for each in reversed(self.archives) if each.seq == seq), None)

    def to_json(self) -> bytes:
        del self.archives[:-MAX_ARCHIVES]
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, raw: bytes) -> Control:
        values: dict[str, Any] = json.loads(raw)
        kinds = {
            "groups": LogGroup,
            "files": FileInfo,
            "temps": TempInfo,
            "tablespaces": TablespaceInfo,
            "archives": ArchiveInfo,
        }
        for name, kind in kinds.items():
            values[name] = [kind(**each) for each in values[name]]
        return cls(**values)


def _read_slot(fd: int, index: int) -> tuple[int, bytes] | None:
    """(sequence, JSON) of one slot, or None if it is not whole."""
    base = PREAMBLE + index * SLOT
    head = os.pread(fd, SLOT_HEAD.size, base)
    if len(head) < SLOT_HEAD.size:
        return None
    magic, form, sequence, length, crc = SLOT_HEAD.unpack(head)
    if magic != MAGIC or form != FORMAT or not 0 < length <= SLOT - SLOT_HEAD.size:
        return None
    body = os.pread(fd, length, base + SLOT_HEAD.size)
    if len(body) != length or zlib.crc32(body) != crc:
        return None
    return sequence, body


def read_copy(path: str) -> tuple[int, bytes]:
    """(sequence, JSON) of the newest whole slot of one copy. Raises ControlError."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError as error:
        raise ControlError(path, "no such file", missing=True) from error
    except OSError as error:
        raise ControlError(path, error.strerror or str(error)) from error
    try:
        slots = [slot for slot in (_read_slot(fd, 0), _read_slot(fd, 1)) if slot]
    finally:
        os.close(fd)
    if not slots:
        raise ControlError(path, "no valid control record")
    return max(slots, key=lambda slot: slot[0])


class ControlStore:
    """The copies on disk and the state in memory.

    `update()` is the only way to change the state: with store.update() as control: ... writes every copy on leaving.
    """

    def __init__(self, paths: list[str], sequence: int, state: Control) -> None:
        self.paths = paths
        self.sequence = sequence
        self.state = state
        self.lock = threading.RLock()
        self._depth = 0

    @classmethod
    def create(cls, paths: list[str], state: Control) -> ControlStore:
        """Write new copies. Raises OSError."""
        for path in paths:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            os.ftruncate(fd, PREAMBLE + 2 * SLOT)
            os.pwrite(fd, b"Tibero emulator control file, not a Tibero file\n", 0)
            os.close(fd)
        store = cls(paths, 0, state)
        store.write()
        return store

    @classmethod
    def open(cls, paths: list[str]) -> ControlStore:
        """Read and compare all copies.

        A crash between two copies leaves them one step apart: the newest wins. Anything else is refused.
        Raises:
            ControlError: missing, unreadable or inconsistent copy.
        """
        found = [(path, *read_copy(path)) for path in paths]
        newest = max(found, key=lambda each: each[1])
        state = Control.from_json(newest[2])
        for path, sequence, body in found:
            other = json.loads(body)
            if other["dbid"] != state.dbid or newest[1] - sequence > 1:
                raise ControlError(path, "does not agree with the other copies")
        store = cls(paths, newest[1], state)
        if any(sequence != newest[1] for _path, sequence, _body in found):
            store.write()
        return store

    def write(self) -> None:
        """Write the state to every copy, durable when it returns."""
        with self.lock:
            self.sequence += 1
            body = self.state.to_json()
            if len(body) > SLOT - SLOT_HEAD.size:
                del self.state.archives[: len(self.state.archives) // 2]
                body = self.state.to_json()
            head = SLOT_HEAD.pack(MAGIC, FORMAT, self.sequence, len(body), zlib.crc32(body))
            for path in self.paths:
                fd = os.open(path, os.O_WRONLY)
                try:
                    os.pwrite(fd, head + body, PREAMBLE + (self.sequence % 2) * SLOT)
                    os.fdatasync(fd)
                finally:
                    os.close(fd)

    def copy_to(self, path: str, reuse: bool) -> None:
        """ALTER DATABASE BACKUP CONTROLFILE TO. Raises OSError (EEXIST unless reuse)."""
        with self.lock:
            flags = os.O_RDWR | os.O_CREAT | (os.O_TRUNC if reuse else os.O_EXCL)
            fd = os.open(path, flags, 0o600)
            os.close(fd)
            clone = ControlStore.create([path], self.state)
            clone.sequence = self.sequence
            clone.write()

    def __enter__(self) -> Control:
        self.lock.acquire()
        self._depth += 1
        return self.state

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        try:
            self._depth -= 1
            if self._depth == 0 and kind is None:
                self.write()
        finally:
            self.lock.release()

    def update(self) -> ControlStore:
        return self
