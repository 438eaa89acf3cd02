# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redo: records, log files and archives.

A log file is a 512-byte header followed by records, each bound to the log's sequence number and checksummed, so
that the end of the written part and leftovers of an earlier use of the file are recognised by content alone. An
archive is the used part of a log file with a closed header. A standby's log file of a sequence is byte for byte
the primary's. Layout invented.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

HEADER_SIZE = 512
HEAD = struct.Struct("<4sII")  # magic, length, crc
MAGIC = b"TLOG"
RECORD = struct.Struct("<IIIIQd")  # crc, length, seq, kind, tsn, time
ENTRY = struct.Struct("<IHHHHII")  # page, file, hole offset, hole length, pad, block, data length
COMMIT_HEAD = struct.Struct("<II")  # database pages, entries
WRITES_HEAD = struct.Struct("<I")  # length of the statements' JSON behind the pages

COMMIT, PAGES, META = 1, 2, 3
CHUNK = 256 * 1024  # page bytes per PAGES record of a large transaction


class LogError(Exception):
    """A log file or archive that cannot be used; the text says why."""


@dataclass
class LogHeader:
    """Header of a log file or archive. end is None while the log is open."""

    dbid: int
    db_name: str
    thread: int
    group: int
    seq: int
    branch: int
    first_tsn: int
    first_time: float
    resetlogs: int = 0
    end: int | None = None
    next_tsn: int = 0
    standby: bool = False

    def encode(self) -> bytes:
        body = json.dumps(asdict(self), separators=(",", ":")).encode()
        return (HEAD.pack(MAGIC, len(body), zlib.crc32(body)) + body).ljust(HEADER_SIZE, b"\0")


def decode_header(raw: bytes) -> LogHeader:
    """Raises LogError if this is no whole log header."""
    if len(raw) < HEADER_SIZE:
        raise LogError("file is shorter than its header")
    magic, length, crc = HEAD.unpack_from(raw)
    body = raw[HEAD.size : HEAD.size + length]
    if magic != MAGIC or len(body) != length or zlib.crc32(body) != crc:
        raise LogError("log header is damaged")
    return LogHeader(**json.loads(body))


def read_header(path: str) -> LogHeader:
    """Header of a log file or archive. Raises OSError, LogError."""
    with open(path, "rb") as handle:
        return decode_header(handle.read(HEADER_SIZE))


class Record(NamedTuple):
    """One redo record; offset and end are positions in log `seq`."""

    kind: int
    seq: int
    offset: int
    end: int
    tsn: int
    time: float
    payload: bytes

    @property
    def meta(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self.payload.rstrip(b"\0"))
        return values


class PageChange(NamedTuple):
    """One page image and where it lives."""

    page: int
    file: int
    block: int
    image: bytes


def record_length(payload: int) -> int:
    return (RECORD.size + payload + 7) // 8 * 8


def encode_record(seq: int, kind: int, tsn: int, time: float, payload: bytes) -> bytes:
    length = record_length(len(payload))
    body = RECORD.pack(0, length, seq, kind, tsn, time)[4:] + payload.ljust(length - RECORD.size, b"\0")
    return zlib.crc32(body).to_bytes(4, "little") + body


def meta_payload(operation: str, **values: Any) -> bytes:
    return json.dumps({"op": operation, **values}, separators=(",", ":")).encode()


def parse(buffer: bytes | memoryview, base: int, seq: int) -> Iterator[Record]:
    """Whole records of log `seq` in a buffer that starts at offset `base`; stops at the first thing that is none."""
    position = 0
    size = len(buffer)
    while position + RECORD.size <= size:
        crc, length, has_seq, kind, tsn, time = RECORD.unpack_from(buffer, position)
        if has_seq != seq or length < RECORD.size or length % 8 or kind not in (COMMIT, PAGES, META):
            return
        if position + length > size:
            return
        if zlib.crc32(buffer[position + 4 : position + length]) != crc:
            return
        payload = bytes(buffer[position + RECORD.size : position + length])
        yield Record(kind, seq, base + position, base + position + length, tsn, time, payload)
        position += length


def squeeze(page: int, image: bytes) -> tuple[int, int, bytes]:
    """(hole offset, hole length, rest): the free gap of a b-tree page need not travel (sqlite.org/fileformat2.html,
    1.6)."""
    start = 100 if page == 1 else 0
    kind = image[start]
    if kind not in (0x0D, 0x05, 0x0A, 0x02):
        return 0, 0, image
    cells = int.from_bytes(image[start + 3 : start + 5], "big")
    content = int.from_bytes(image[start + 5 : start + 7], "big") or 65536
    low = start + (12 if kind in (0x05, 0x02) else 8) + 2 * cells
    if not low < content <= len(image):
        return 0, 0, image
    return low, content - low, image[:low] + image[content:]


def encode_pages(changes: list[PageChange]) -> bytes:
    parts = []
    for change in changes:
        low, hole, rest = squeeze(change.page, change.image)
        parts.append(ENTRY.pack(change.page, change.file, low, hole, 0, change.block, len(rest)))
        parts.append(rest)
    return b"".join(parts)


def encode_commit(db_pages: int, changes: list[PageChange]) -> bytes:
    return COMMIT_HEAD.pack(db_pages, len(changes)) + encode_pages(changes)


def encode_writes(transaction: str, writes: list[dict[str, Any]]) -> bytes:
    """What a transaction's statements were, to stand behind the pages of a COMMIT or PAGES payload (invented)."""
    body = json.dumps({"id": transaction, "writes": writes}, separators=(",", ":")).encode() if writes else b""
    return WRITES_HEAD.pack(len(body)) + body


def decode_writes(payload: bytes) -> tuple[str, list[dict[str, Any]]]:
    """(transaction, its statements in this record) of a COMMIT or PAGES payload; none in redo of an older emulator."""
    _pages, count = COMMIT_HEAD.unpack_from(payload)
    position = COMMIT_HEAD.size
    for _ in range(count):
        position += ENTRY.size + ENTRY.unpack_from(payload, position)[-1]
    if position + WRITES_HEAD.size > len(payload):
        return "", []
    (length,) = WRITES_HEAD.unpack_from(payload, position)
    if not length:
        return "", []
    start = position + WRITES_HEAD.size
    values = json.loads(payload[start : start + length])
    return str(values["id"]), list(values["writes"])


def decode_commit(payload: bytes) -> tuple[int, list[PageChange]]:
    """(database pages, changes) of a COMMIT or PAGES payload."""
    db_pages, count = COMMIT_HEAD.unpack_from(payload)
    position = COMMIT_HEAD.size
    changes = []
    for _ in range(count):
        page, file, low, hole, _pad, block, length = ENTRY.unpack_from(payload, position)
        position += ENTRY.size
        rest = payload[position : position + length]
        position += length
        image = rest[:low] + bytes(hole) + rest[low:] if hole else rest
        changes.append(PageChange(page, file, block, image))
    return db_pages, changes


class LogFile:
    """One readable log file or archive."""

    def __init__(self, path: str, header: LogHeader, fd: int) -> None:
        self.path = path
        self.header = header
        self.fd = fd

    @classmethod
    def open(cls, path: str) -> LogFile:
        """Raises OSError, LogError."""
        fd = os.open(path, os.O_RDONLY)
        try:
            return cls(path, decode_header(os.pread(fd, HEADER_SIZE, 0)), fd)
        except BaseException:
            os.close(fd)
            raise

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self.fd, length, offset)

    def records(self, offset: int) -> Iterator[Record]:
        """Records from `offset` on, to the end of the written part."""
        position = offset
        window = 1 << 20
        while True:
            buffer = os.pread(self.fd, window, position)
            last = position
            for record in parse(buffer, position, self.header.seq):
                last = record.end
                yield record
            if last > position:
                position = last
                window = 1 << 20
            elif len(buffer) == window and window < 1 << 26 and self._looks_long(buffer):
                window *= 4
            else:
                return

    def _looks_long(self, buffer: bytes) -> bool:
        """Whether the record at the start of the buffer may be longer than the buffer."""
        _crc, length, seq, _kind, _tsn, _time = RECORD.unpack_from(buffer)
        return bool(seq == self.header.seq and len(buffer) < length < 1 << 26)

    def close(self) -> None:
        os.close(self.fd)
