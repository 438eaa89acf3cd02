# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One mounted database: files, buffer cache, commit, checkpoint, instance and media recovery.

The SQL engine is sqlite3 on a scratch file ("buffer cache", thrown away at every boot). What a COMMIT changed is
read from the engine's write-ahead log as page images; each page has a home (file, block), and that list is the
redo of the transaction. The page images also go to the dirty list, from which DBWR writes blocks and checkpoints.
Design ours; durability rules: issue 2.
"""

from __future__ import annotations

import os
import random
import secrets
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tibero_emulator.server import redolog
from tibero_emulator.server.blocks import Block, BlockError, DataFile, FileHeader
from tibero_emulator.server.control import STANDBY, ControlStore, FileInfo
from tibero_emulator.server.errors import TbrError
from tibero_emulator.server.logwriter import Archiver, LogWriter, Stopped
from tibero_emulator.server.redolog import COMMIT, HEADER_SIZE, META, PAGES, LogError, LogFile, PageChange, Record
from tibero_emulator.server.tipvalues import Parameters

DIRTY_LIMIT = 4096  # pages after which DBWR writes without waiting for its turn
DBWR_SECONDS = 1.0
WAL_HEADER = 32
WAL_FRAME = 24

Position = list[int]  # [tsn, seq, offset]


def _batches(writes: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The statements in parts that fit into a redo record each; the last part goes with the COMMIT."""
    parts: list[list[dict[str, Any]]] = [[]]
    size = 0
    for each in writes:
        size += len(each["sql"]) + 128
        if size > redolog.CHUNK and parts[-1]:
            parts.append([])
            size = len(each["sql"]) + 128
        parts[-1].append(each)
    return parts


class Dirty(NamedTuple):
    """A page image that is not in its block yet."""

    file: int
    block: int
    tsn: int
    image: bytes


class WalTail:
    """Reads from the engine's write-ahead log what the last commit added."""

    def __init__(self, path: str, page_size: int) -> None:
        self.path = path
        self.fd = -1  # the engine creates the file with its first change
        self.page_size = page_size
        self.offset = WAL_HEADER
        self.salt = b""

    def committed(self) -> tuple[int, dict[int, bytes]]:
        """(database size in pages, page -> image) of the newest commit; (0, {}) if it changed nothing."""
        if self.fd < 0:
            self.fd = os.open(self.path, os.O_RDONLY)
        head = os.pread(self.fd, WAL_HEADER, 0)
        if len(head) < WAL_HEADER:
            self.offset = WAL_HEADER
            return 0, {}
        if head[16:24] != self.salt:
            self.salt = head[16:24]
            self.offset = WAL_HEADER
        frame = WAL_FRAME + self.page_size
        pages: dict[int, bytes] = {}
        position = self.offset
        while True:
            buffer = os.pread(self.fd, frame * 16, position)
            for start in range(0, len(buffer) - frame + 1, frame):
                page, size = struct.unpack_from(">II", buffer, start)
                if buffer[start + 8 : start + 16] != self.salt:
                    return 0, {}
                pages[page] = buffer[start + WAL_FRAME : start + frame]
                position += frame
                if size:
                    self.offset = position
                    return size, pages
            if len(buffer) < frame * 16:
                return 0, {}

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)


class Database:
    """Thread-safe; lock order: append_lock, ckpt_lock, state_lock, control.lock, LogWriter.cond."""

    def __init__(self, params: Parameters, slog: Callable[[str, str], None], scratch: str) -> None:
        self.params = params
        self.slog = slog
        self.scratch = scratch
        self.control: ControlStore
        self.files: dict[int, DataFile] = {}
        self.append_lock = threading.RLock()
        self.ckpt_lock = threading.RLock()
        self.state_lock = threading.RLock()
        self.progress = threading.Condition()
        self.stopping = threading.Event()
        self.crashed = threading.Event()
        self.on_crash: Callable[[str], None] = lambda reason: None
        self.tsn = 0
        self.position: Position = [0, 1, HEADER_SIZE]
        self.db_pages = 0
        self.place: dict[int, tuple[int, int]] = {}
        self.next_block: dict[int, int] = {}
        self.dirty: dict[int, Dirty] = {}
        self.writing: dict[int, Dirty] = {}
        self.unsynced: set[int] = set()
        self.bad_blocks: dict[tuple[int, int], str] = {}
        self.max_block_tsn = 0
        self.tail: WalTail | None = None
        self.log: LogWriter | None = None
        self.archiver: Archiver | None = None
        self._ckpt_wanted = threading.Event()
        self._dbwr: threading.Thread | None = None
        self.partial: list[PageChange] = []
        self.received: tuple[int, int] = (1, HEADER_SIZE)
        self.redo_missing = False
        self.in_bulk = False
        self.stop_at: int | None = None
        self.on_page: Callable[[int, bytes], None] | None = None
        self.on_meta: Callable[[Record], None] | None = None

    # ------------------------------------------------------------------ small things
    @property
    def page_size(self) -> int:
        return self.control.state.block_size // 2

    def crash(self, reason: str) -> None:
        """Something that a server does not survive: the process ends without a clean close."""
        self.crashed.set()
        self.stopping.set()
        self.slog("FRM", f"instance terminated abnormally: {reason}")
        self.on_crash(reason)

    def request_checkpoint(self) -> None:
        self._ckpt_wanted.set()

    def wake_archiver(self) -> None:
        if self.archiver is not None:
            self.archiver.wake.set()

    def start_writers(self) -> None:
        """DBWR and ARCH."""
        self.archiver = Archiver(self)
        self.archiver.start()
        self.archiver.wake.set()
        self._dbwr = threading.Thread(target=self._dbwr_loop, name="DBWR", daemon=True)
        self._dbwr.start()

    def _dbwr_loop(self) -> None:
        while not self.stopping.is_set():
            self._ckpt_wanted.wait(DBWR_SECONDS)
            try:
                if self._ckpt_wanted.is_set():
                    self._ckpt_wanted.clear()
                    self.checkpoint()
                elif self.dirty:
                    self.write_dirty()
            except Stopped:
                return
            except OSError as error:
                self.crash(f"DBWR: {error}")
                return

    # ------------------------------------------------------------------ files
    def open_file(self, info: FileInfo) -> DataFile:
        """Open one data file or say in Tibero's words why not (TBR-1024, suspended at MOUNT)."""
        control = self.control.state
        try:
            return DataFile.open(info.name, control.dbid, info.file, control.block_size)
        except OSError as error:
            self.slog("FRM", f"open {info.name}: {error.strerror}")
            raise TbrError(1024, "open failed", info.name) from error
        except BlockError as error:
            self.slog("FRM", f"open {info.name}: {error}")
            raise TbrError(1024, "file header is not valid", info.name) from error

    def open_files(self) -> None:
        """Open every data file; closes all again if one refuses."""
        opened: dict[int, DataFile] = {}
        try:
            for info in self.control.state.files:
                opened[info.file] = self.open_file(info)
        except TbrError:
            for each in opened.values():
                each.close()
            raise
        self.files = opened

    def close_files(self) -> None:
        for each in self.files.values():
            each.close()
        self.files = {}

    def scan(self) -> None:
        """Verify every used block and rebuild the map of pages."""
        self.place.clear()
        self.bad_blocks.clear()
        self.max_block_tsn = 0
        best: dict[int, int] = {}
        for number, file in self.files.items():
            self.next_block[number] = max(1, file.header.hwm)
            for found in file.scan(file.header.hwm):
                if isinstance(found, BlockError):
                    self._note_bad(number, found)
                    continue
                self.max_block_tsn = max(self.max_block_tsn, found.tsn)
                if best.get(found.page, -1) <= found.tsn:
                    best[found.page] = found.tsn
                    self.place[found.page] = (number, found.block)

    def _note_bad(self, file: int, error: BlockError) -> None:
        block = int(str(error).split(":")[0].split()[-1])
        self.bad_blocks[(file, block)] = str(error)
        self.slog("FRM", f"{self.files[file].path}: {error}")

    def read_page(self, page: int) -> bytes | None:
        """Newest image of a page, or None if it was never written."""
        with self.state_lock:
            dirty = self.dirty.get(page) or self.writing.get(page)
            if dirty is not None:
                return dirty.image
            home = self.place.get(page)
        if home is None:
            return None
        found: Block | None = self.files[home[0]].read_page(home[1])
        return found.image if found else None

    def build_scratch(self, wal: bool) -> None:
        """Write the engine's file from the blocks. wal=False: the form a standby's readers use (no write-ahead log)."""
        for suffix in ("", "-wal", "-shm", "-journal"):
            try:
                os.unlink(self.scratch + suffix)
            except FileNotFoundError:
                continue
        size = self.page_size
        fd = os.open(self.scratch, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.ftruncate(fd, self.db_pages * size)
            for page in list(self.place):
                if page > self.db_pages:
                    continue
                image = self.read_page(page)
                if image is not None:
                    os.pwrite(fd, image if wal or page != 1 else standby_page_one(image, self.tsn), (page - 1) * size)
        finally:
            os.close(fd)

    # ------------------------------------------------------------------ commit
    def free_pages(self, tablespace: str) -> int:
        """Pages that still fit into the tablespace, growth included."""
        total = 0
        with self.state_lock:
            for info in self._files_for(tablespace):
                total += self._limit_blocks(info) - self.next_block.get(info.file, 1)
        return total

    def _files_for(self, tablespace: str) -> list[FileInfo]:
        control = self.control.state
        chosen = [each for each in control.files if each.tablespace == tablespace]
        return chosen or [each for each in control.files if each.tablespace == "SYSTEM"]

    def _limit_blocks(self, info: FileInfo) -> int:
        size = self.control.state.block_size
        header = self.files[info.file].header
        if not info.autoextend:
            return header.blocks
        return max(header.blocks, info.max // size) if info.max else 1 << 30

    def allocate(self, page: int, tablespace: str) -> tuple[int, int]:
        """A home for a new page; grows the file when AUTOEXTEND allows. The caller holds append_lock and state_lock."""
        candidates = self._files_for(tablespace)
        for info in candidates:
            block = self.next_block.get(info.file, 1)
            if block < self._limit_blocks(info):
                header = self.files[info.file].header
                if block >= header.blocks:
                    self._grow(info, block)
                self.next_block[info.file] = block + 1
                self.place[page] = (info.file, block)
                return info.file, block
        raise TbrError(590005, tablespace)

    def _grow(self, info: FileInfo, block: int) -> None:
        size = self.control.state.block_size
        step = max(info.next // size, 1) if info.next else max(1048576 // size, 16)
        blocks = block + step
        if info.max:
            blocks = max(block + 1, min(blocks, info.max // size))
        self.files[info.file].extend(blocks)
        with self.control.update():
            info.size = blocks * size

    def commit(
        self, run_commit: Callable[[], object], tablespace: str, writes: list[dict[str, Any]] | None = None
    ) -> int:
        """Run the engine's COMMIT and turn what it wrote into redo.

        writes: the transaction's statements, which the redo carries for V$LOGMNR_CONTENTS.
        Returns: LSN for LogWriter.flush(), 0 if nothing changed. The caller holds the writer lock of the SQL engine.
        """
        assert self.log is not None and self.tail is not None
        with self.append_lock:
            if self.stopping.is_set() and self.crashed.is_set():
                raise Stopped
            run_commit()
            try:
                return self._log_commit(tablespace, writes or [])
            except (TbrError, OSError) as error:
                self.crash(f"commit could not be logged: {error}")
                raise Stopped from error

    def _log_commit(self, tablespace: str, writes: list[dict[str, Any]]) -> int:
        """Give every changed page a home and append the redo."""
        assert self.tail is not None
        size, pages = self.tail.committed()
        if not pages:
            return 0
        with self.state_lock:
            changes = []
            for page, image in pages.items():
                home = self.place.get(page) or self.allocate(page, tablespace)
                changes.append(PageChange(page, home[0], home[1], image))
        return self.append_commit(size, changes, writes)

    def append_commit(self, size: int, changes: list[PageChange], writes: list[dict[str, Any]] | None = None) -> int:
        """Redo of one transaction: PAGES records for the bulk of a large one, then COMMIT. Holds append_lock."""
        assert self.log is not None
        tsn = self.tsn + 1
        rest = changes
        transaction, batches = secrets.token_hex(4), _batches(writes or [])
        if len(changes) * self.page_size > redolog.CHUNK:
            if len(changes) * self.page_size > self.log.capacity():
                self.crash("a transaction's redo does not fit into the redo log groups; make them larger")
                raise Stopped
            per = max(1, redolog.CHUNK // self.page_size)
            self.in_bulk = True
            while len(rest) > per:
                part, rest = rest[:per], rest[per:]
                self.log.append(PAGES, tsn, redolog.encode_commit(size, part))
        for batch in batches[:-1]:
            self.in_bulk = True
            told = redolog.encode_writes(transaction, batch)
            self.log.append(PAGES, tsn, redolog.encode_commit(size, []) + told)
        told = redolog.encode_writes(transaction, batches[-1])
        lsn = self.log.append(COMMIT, tsn, redolog.encode_commit(size, rest) + told)
        self.in_bulk = False
        with self.state_lock:
            for change in changes:
                self.dirty[change.page] = Dirty(change.file, change.block, tsn, change.image)
            self.tsn = tsn
            self.db_pages = size
            self.position = [tsn, self.log.seq, self.log.offset]
        if len(self.dirty) > DIRTY_LIMIT:
            self.request_checkpoint()
        return lsn

    def log_closed(self, seq: int, offset: int) -> None:
        """A log ended, or the next one began: recovery may start there, unless a large transaction is half written."""
        if not self.in_bulk:
            with self.state_lock:
                self.position = [self.tsn, seq, offset]

    def append_meta(self, operation: str, **values: object) -> int:
        """Write a redo record that is no page change and flush it. Returns its TSN."""
        assert self.log is not None
        with self.append_lock:
            tsn = self.tsn + 1
            lsn = self.log.append(META, tsn, redolog.meta_payload(operation, **values))
            with self.state_lock:
                self.tsn = tsn
                self.position = [tsn, self.log.seq, self.log.offset]
        self.log.flush(lsn)
        return tsn

    # ------------------------------------------------------------------ DBWR
    def write_dirty(self) -> None:
        """Write all dirty pages to their blocks; `unsynced` notes the files whose blocks are not durable yet."""
        with self.ckpt_lock:
            with self.state_lock:
                batch, self.dirty = self.dirty, {}
                self.writing = batch
                lsn = self.log.appended if self.log is not None else 0
            if not batch:
                return
            if self.log is not None:
                self.log.flush(lsn)
            for page, dirty in sorted(batch.items(), key=lambda each: (each[1].file, each[1].block)):
                file = self.files.get(dirty.file)
                if file is None:  # the file was dropped meanwhile
                    continue
                if dirty.block >= file.header.blocks:
                    file.extend(dirty.block + 1)
                file.write_page(dirty.block, page, dirty.tsn, dirty.image)
                self.unsynced.add(dirty.file)
            with self.state_lock:
                self.writing = {}

    def checkpoint(self, clean: bool = False) -> None:
        """Make everything up to now durable in the data files; move the recovery start there.

        clean: the files are being closed (fuzzy flag goes away).
        """
        with self.ckpt_lock:
            with self.state_lock:
                position = list(self.position)
                pages = self.db_pages
            self.write_dirty()
            unsynced, self.unsynced = self.unsynced, set()
            now = time.time()
            branch = self.control.state.branch
            for number, file in list(self.files.items()):
                if number in unsynced:
                    file.sync()
                info = self.control.state.file_of(number)
                if info is None or info.backup is not None:
                    continue  # in hot backup the header stays as it was at BEGIN BACKUP
                header = file.header
                header.ckpt, header.branch, header.time = position, branch, now
                header.hwm = max(header.hwm, self.next_block.get(number, 1))
                header.backup = None
                header.fuzzy = not clean
                header.member = self.control.state.member
                file.write_header()
                file.sync()
            with self.control.update() as control:
                control.ckpt = position
                control.ckpt_time = now
                control.db_pages = pages
                control.clean = clean
        with self.progress:
            self.progress.notify_all()

    # ------------------------------------------------------------------ redo for recovery
    def find_log(self, seq: int) -> LogFile | None:
        """Log `seq` of the present history, from a log file or an archive; None if it is nowhere."""
        control = self.control.state
        names = [member for group in control.groups for member in group.members]
        known = control.archive_with(seq)
        if known is not None:
            names.append(known.name)
        names.append(self.params.archive_name(0, control.resetlog_tsn, seq))
        unfinished: LogFile | None = None
        for name in names:
            try:
                log = LogFile.open(name)
            except (OSError, LogError):
                continue
            header = log.header
            if header.seq != seq or header.dbid != control.dbid or header.branch != self.branch_of(seq):
                log.close()
            elif header.end is not None:
                if unfinished is not None:
                    unfinished.close()
                return log
            elif unfinished is None:
                unfinished = log  # an online log copied while it was current: the archive of the same sequence has more
            else:
                log.close()
        return unfinished

    def branch_of(self, seq: int) -> int:
        """Branch to which log `seq` belongs in this database's history."""
        found = 0
        for branch, _tsn, first in self.control.state.branches:
            if first <= seq:
                found = branch
        return found

    def redo_from(self, seq: int, offset: int) -> Iterator[Record]:
        """Local redo from a position to its end, across logs.

        `self.received` is the end (seq, offset) afterwards, `self.redo_missing` tells that a log was absent or damaged.
        """
        position = max(offset, HEADER_SIZE)
        self.received, self.redo_missing = (seq, position), True
        while True:
            log = self.find_log(seq)
            if log is None:
                return
            try:
                for record in log.records(position):
                    position = record.end
                    yield record
                end = log.header.end
            finally:
                log.close()
            self.received, self.redo_missing = (seq, position), end is not None and position < end
            if end is None or position < end:
                return
            following = self.find_log(seq + 1)
            if following is None:
                return
            following.close()
            seq, position = seq + 1, HEADER_SIZE

    def recover(self, position: Position) -> None:
        """Apply local redo from a checkpoint position to its end; the new state is in tsn, position, received,
        db_pages."""
        self.tsn = position[0]
        self.position = [position[0], position[1], max(position[2], HEADER_SIZE)]
        self.db_pages = self.control.state.db_pages
        self.partial = []
        count = 0
        for record in self.redo_from(position[1], position[2]):
            if self.stop_at is not None and record.tsn > self.stop_at:
                self.received, self.redo_missing = (record.seq, record.offset), False
                break
            self.apply(record)
            count += 1
            if len(self.dirty) > DIRTY_LIMIT:
                self.write_dirty()
        if not self.partial and self.received > (self.position[1], self.position[2]):
            self.position = [self.tsn, *self.received]
        self.slog("FRM", f"recovery: {count} redo records applied up to TSN {self.tsn} (seq {self.received[0]})")

    def apply(self, record: Record) -> None:
        """Apply one redo record to the buffer cache and the dirty list (recovery, SMR)."""
        if record.kind == PAGES:
            self.partial.extend(redolog.decode_commit(record.payload)[1])
            return
        if record.kind == META:
            self.partial = []
            if self.on_meta is not None:
                self.on_meta(record)
            with self.state_lock:
                self.tsn = record.tsn
                self.position = [record.tsn, record.seq, record.end]
            return
        size, changes = redolog.decode_commit(record.payload)
        if self.partial:
            changes = self.partial + changes
            self.partial = []
        with self.state_lock:
            for change in changes:
                self.dirty[change.page] = Dirty(change.file, change.block, record.tsn, change.image)
                self.place[change.page] = (change.file, change.block)
                if change.block >= self.next_block.get(change.file, 1):
                    self.next_block[change.file] = change.block + 1
                self.bad_blocks.pop((change.file, change.block), None)
                if self.on_page is not None:
                    self.on_page(change.page, change.image)
            self.tsn = record.tsn
            self.db_pages = size
            self.position = [record.tsn, record.seq, record.end]

    # ------------------------------------------------------------------ checks before an open
    def check_stale(self) -> None:
        """Instance recovery must be enough: every file is at least as new as the control file's checkpoint.

        Raises: TBR-1049 (stale file), TBR-1024 (file of another history, torn block).
        """
        control = self.control.state
        branches = [each[0] for each in control.branches]
        for info in control.files:
            header = self.files[info.file].header
            if header.branch not in branches:
                raise TbrError(1024, "file belongs to another incarnation", info.name)
            if header.ckpt[0] < control.ckpt[0] or header.backup is not None:
                raise TbrError(1049, info.file)

    def check_after_recovery(self) -> None:
        """No block may be torn or newer than the redo that was applied."""
        for (number, _block), reason in self.bad_blocks.items():
            info = self.control.state.file_of(number)
            raise TbrError(1024, f"corrupted block, {reason}", info.name if info else "?")
        if self.max_block_tsn > self.tsn:
            for number, file in self.files.items():
                for found in file.scan(file.header.hwm):
                    if isinstance(found, Block) and found.tsn > self.tsn:
                        raise TbrError(1049, number)
        for number, file in self.files.items():
            if file.header.ckpt[0] > self.tsn:
                raise TbrError(1049, number)

    def oldest_position(self) -> Position:
        """Where media recovery of the present files has to begin."""
        positions = [list(each.header.backup or each.header.ckpt) for each in self.files.values()]
        return min(positions, key=lambda each: (each[1], each[2]))

    # ------------------------------------------------------------------ open and close as primary
    def open_log(self) -> None:
        """Begin writing redo at the recovered position."""
        self.log = LogWriter(self)
        self.log.resume(*self.received)
        self.position = [self.tsn, self.log.seq, self.log.offset]
        if self.partial:
            self.partial = []
            self.append_meta("discard")

    def attach_tail(self) -> None:
        """Start reading commits from the engine's write-ahead log (the engine has opened the scratch file)."""
        self.tail = WalTail(self.scratch + "-wal", self.page_size)

    def mark_open(self) -> None:
        """The files are in use: fuzzy until a clean close."""
        self.checkpoint()

    def close(self, clean: bool) -> None:
        """Stop the writers; with clean=True take a last checkpoint and close the files consistently."""
        self.stopping.set()
        self._ckpt_wanted.set()
        if self._dbwr is not None:
            self._dbwr.join()
        if self.archiver is not None:
            self.archiver.stop()
            self.archiver.join()
        if clean:
            if self.log is not None:
                self.log.flush(self.log.appended)
            self.checkpoint(clean=True)
        if self.log is not None:
            self.log.close()
            self.log = None
        if self.tail is not None:
            self.tail.close()
            self.tail = None
        self.close_files()


def standby_page_one(image: bytes, counter: int) -> bytes:
    """Page 1 for readers without a write-ahead log: legacy format numbers and a change counter that moves.

    The engine drops its cache when the counter differs (sqlite.org/fileformat2.html, 1.3.8).
    """
    changed = bytearray(image)
    changed[18:20] = b"\x01\x01"
    number = (counter & 0x7FFFFFFF) or 1
    changed[24:28] = number.to_bytes(4, "big")
    changed[92:96] = number.to_bytes(4, "big")
    return bytes(changed)


def new_dbid() -> int:
    return random.SystemRandom().randrange(1 << 29, 1 << 31)


def new_member() -> str:
    return f"{random.SystemRandom().randrange(1 << 48):012x}"


def is_standby(control: ControlStore) -> bool:
    return control.state.role == STANDBY


def new_header(dbid: int, info: FileInfo, block_size: int, position: Position, branch: int, member: str) -> FileHeader:
    return FileHeader(
        dbid=dbid,
        file=info.file,
        tablespace=info.tablespace,
        block_size=block_size,
        blocks=max(2, info.size // block_size),
        create_tsn=position[0],
        ckpt=list(position),
        branch=branch,
        fuzzy=True,
        member=member,
        time=time.time(),
    )
