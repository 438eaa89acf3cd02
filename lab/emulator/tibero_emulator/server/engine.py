# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQL engine: sqlite3 connections over the scratch file, the dictionary, sequences, the writer lock."""

from __future__ import annotations

import sqlite3
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tibero_emulator.server import catalog as dd
from tibero_emulator.server.catalog import Catalog
from tibero_emulator.server.database import Database, standby_page_one
from tibero_emulator.server.errors import TbrError
from tibero_emulator.server.functions import EngineConnection, Nls, register

WAL_LIMIT = 16 * 1024 * 1024
SEQUENCE_CACHE = 20


class WriterLock:
    """sqlite has one writer: a transaction holds this from its first change to its end; others wait in order of
    arrival."""

    def __init__(self) -> None:
        self._cond = threading.Condition()
        self._owner: object | None = None
        self._closed = False

    def acquire(self, owner: object, interrupted: Callable[[], bool]) -> None:
        """Raises 590006 when the waiting session is being ended."""
        with self._cond:
            while self._owner is not None and self._owner is not owner:
                if interrupted() or self._closed:
                    raise TbrError(590006)
                self._cond.wait(0.2)
            self._owner = owner

    def release(self, owner: object) -> None:
        with self._cond:
            if self._owner is owner:
                self._owner = None
                self._cond.notify_all()

    @property
    def owner(self) -> object | None:
        return self._owner

    def close(self) -> None:
        with self._cond:
            self._closed = True
            self._cond.notify_all()


class ReadGate:
    """Readers of a read-only standby against the apply of redo: many readers or one applier, who goes first.

    A thread that reads already may enter again.
    """

    def __init__(self) -> None:
        self._cond = threading.Condition()
        self._readers = 0
        self._appliers = 0
        self._applying = False
        self._mine = threading.local()

    @contextmanager
    def reading(self) -> Iterator[None]:
        depth = getattr(self._mine, "depth", 0)
        if not depth:
            with self._cond:
                while self._appliers:
                    self._cond.wait()
                self._readers += 1
        self._mine.depth = depth + 1
        try:
            yield
        finally:
            self._mine.depth = depth
            if not depth:
                with self._cond:
                    self._readers -= 1
                    self._cond.notify_all()

    @contextmanager
    def applying(self) -> Iterator[None]:
        with self._cond:
            self._appliers += 1
            while self._applying or self._readers:
                self._cond.wait()
            self._applying = True
        try:
            yield
        finally:
            with self._cond:
                self._applying = False
                self._appliers -= 1
                self._cond.notify_all()


class Engine:
    """Opens connections to the buffer cache of one open database."""

    def __init__(self, database: Database, read_only: bool) -> None:
        self.database = database
        self.read_only = read_only
        self.writer = WriterLock()
        self.gate = ReadGate()
        self._lock = threading.Lock()
        self._catalog: Catalog | None = None
        self._sequences: dict[str, list[int]] = {}
        self._scratch_fd: Any = None
        self.keeper = self._open()

    # ------------------------------------------------------------------ connections
    def _open(self) -> EngineConnection:
        target = f"file:{urllib.parse.quote(self.database.scratch)}?mode={'ro' if self.read_only else 'rwc'}"
        connection = sqlite3.connect(
            target,
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            factory=EngineConnection,
            cached_statements=512,
        )
        connection.execute("PRAGMA temp_store=MEMORY")
        if self.read_only:
            return connection
        connection.execute(f"PRAGMA page_size={self.database.page_size}")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("PRAGMA journal_mode=WAL").fetchone()
        connection.execute("PRAGMA busy_timeout=60000")
        return connection

    def connect(self, nls: Nls, context: Callable[[str], Any], nextval: Callable[..., int]) -> EngineConnection:
        connection = self._open()
        register(connection, nls, context, nextval)
        return connection

    # ------------------------------------------------------------------ dictionary
    def catalog(self) -> Catalog:
        """The dictionary as committed; re-read when it changed."""
        if self.read_only:
            with self.gate.reading(), self._lock:
                if self._catalog is None or dd.version_of(self.keeper) != self._catalog.version:
                    self._catalog = dd.load(self.keeper)
                return self._catalog
        with self._lock:
            if self._catalog is None:
                self._catalog = dd.load(self.keeper)
            return self._catalog

    def forget_catalog(self) -> None:
        with self._lock:
            self._catalog = None

    # ------------------------------------------------------------------ sequences
    def sequence_value(self, key: str) -> tuple[int, bool]:
        """(next value, whether the stored high-water mark has to move)."""
        with self._lock:
            state = self._sequences.get(key)
            if state is None:
                owner, name = key.split(".", 1)
                row = self.keeper.execute(
                    "SELECT LAST, INCREMENT_BY FROM _DD_SEQUENCES WHERE OWNER=? AND NAME=?", (owner, name)
                ).fetchone()
                if row is None:
                    raise TbrError(8033)
                state = self._sequences[key] = [row[0], row[1], row[0]]  # current, step, stored mark
            state[0] += state[1]
            passed = (state[0] - state[2]) * (1 if state[1] > 0 else -1) > 0
            if passed:
                state[2] = state[0] + state[1] * SEQUENCE_CACHE
            return state[0], passed

    def sequence_mark(self, key: str) -> int:
        with self._lock:
            return self._sequences[key][2]

    def forget_sequence(self, key: str) -> None:
        with self._lock:
            self._sequences.pop(key, None)

    # ------------------------------------------------------------------ apply on a read-only standby
    def apply_page(self, page: int, image: bytes) -> None:
        """Write one page of applied redo into the readers' file (the caller holds gate.applying())."""
        if self._scratch_fd is None:
            self._scratch_fd = open(self.database.scratch, "r+b", buffering=0)  # noqa: SIM115  kept open for the engine's life
        if page == 1:
            image = standby_page_one(image, int(time.monotonic_ns() // 1000) & 0x7FFFFFFF)
        self._scratch_fd.seek((page - 1) * self.database.page_size)
        self._scratch_fd.write(image)

    def touch(self) -> None:
        """Tell every reader that the file changed (the caller holds gate.applying())."""
        image = self.database.read_page(1)
        if image is not None:
            self.apply_page(1, image)

    # ------------------------------------------------------------------ housekeeping
    def trim_wal(self) -> None:
        """Fold the engine's log into its file when it has grown (the caller holds the writer lock)."""
        if self.database.tail is not None and self.database.tail.offset > WAL_LIMIT:
            self.keeper.execute("PRAGMA busy_timeout=0")
            self.keeper.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def close(self) -> None:
        self.writer.close()
        self.keeper.close()
        if self._scratch_fd is not None:
            self._scratch_fd.close()
