# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data files: blocks of DB_BLOCK_SIZE that say where they belong.

Block 0 is the file header. Every other block carries a 64-byte header (magic, DBID, file number, block number,
page number, TSN, checksum) and one page of the SQL engine, half a block long. The page number in the header makes
the map of pages self-describing: it is rebuilt at boot from the blocks alone. Physical layout invented; that
blocks carry these fields: issue 2.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

MAGIC = b"TBLK"
HEADER = struct.Struct("<4sIHHIIQI")  # magic dbid file flags block page tsn crc
PAYLOAD = 64
NO_PAGE = 0xFFFFFFFF
SCAN_BLOCKS = 256  # blocks read at a time when a file is scanned


class BlockError(Exception):
    """A block that is not what it should be; the text says which and why."""


class Block(NamedTuple):
    """One verified block."""

    block: int
    page: int
    tsn: int
    image: bytes


def encode(dbid: int, file: int, block: int, page: int, tsn: int, image: bytes) -> bytes:
    """Header and payload of one block (shorter than a whole block: the rest of the block is never read)."""
    head = HEADER.pack(MAGIC, dbid, file, 0, block, page, tsn, 0)
    crc = zlib.crc32(image, zlib.crc32(head))
    return HEADER.pack(MAGIC, dbid, file, 0, block, page, tsn, crc) + bytes(PAYLOAD - HEADER.size) + image


def decode(raw: bytes | memoryview, dbid: int, file: int, block: int, payload: int) -> Block | None:
    """Verify one block; None for a block that was never written (all zero header).

    Raises:
        BlockError: foreign, misplaced or torn.
    """
    magic, has_dbid, has_file, flags, has_block, page, tsn, crc = HEADER.unpack_from(raw, 0)
    if magic == b"\0\0\0\0" and has_block == 0 and crc == 0:
        return None
    if magic != MAGIC:
        raise BlockError(f"block {block}: no block header")
    if has_dbid != dbid:
        raise BlockError(f"block {block}: belongs to database {has_dbid}, not {dbid}")
    if has_file != file or has_block != block:
        raise BlockError(f"block {block}: header says file {has_file} block {has_block}")
    image = bytes(raw[PAYLOAD : PAYLOAD + payload])
    head = HEADER.pack(magic, has_dbid, has_file, flags, has_block, page, tsn, 0)
    if zlib.crc32(image, zlib.crc32(head)) != crc:
        raise BlockError(f"block {block}: checksum does not match (torn write)")
    return Block(block, page, tsn, image)


@dataclass
class FileHeader:
    """What block 0 says. Positions are [tsn, seq, offset]."""

    dbid: int
    file: int
    tablespace: str
    block_size: int
    blocks: int
    hwm: int = 1
    create_tsn: int = 0
    ckpt: list[int] = field(default_factory=lambda: [0, 0, 0])
    branch: int = 0
    fuzzy: bool = False
    backup: list[int] | None = None
    member: str = ""
    time: float = 0.0


class DataFile:
    """One open data file."""

    def __init__(self, path: str, fd: int, header: FileHeader) -> None:
        self.path = path
        self.fd = fd
        self.header = header

    @classmethod
    def create(cls, path: str, header: FileHeader, reuse: bool = False) -> DataFile:
        """Create the file at its full (sparse) size. Raises OSError (EEXIST unless reuse)."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | (os.O_TRUNC if reuse else os.O_EXCL)
        fd = os.open(path, flags, 0o640)
        os.ftruncate(fd, header.blocks * header.block_size)
        made = cls(path, fd, header)
        made.write_header()
        os.fsync(fd)
        return made

    @classmethod
    def open(cls, path: str, dbid: int, file: int, block_size: int) -> DataFile:
        """Open and verify the header.

        Raises:
            OSError: missing or unreadable. BlockError: foreign, torn, or another file.
        """
        fd = os.open(path, os.O_RDWR)
        try:
            header = read_header(fd, dbid, file, block_size)
        except BaseException:
            os.close(fd)
            raise
        return cls(path, fd, header)

    def write_header(self) -> None:
        body = json.dumps(self.header.__dict__, separators=(",", ":")).encode()
        payload = self.header.block_size // 2
        image = body.ljust(payload, b"\0")
        os.pwrite(self.fd, encode(self.header.dbid, self.header.file, 0, NO_PAGE, self.header.ckpt[0], image), 0)

    def write_page(self, block: int, page: int, tsn: int, image: bytes) -> None:
        header = self.header
        os.pwrite(self.fd, encode(header.dbid, header.file, block, page, tsn, image), block * header.block_size)
        if block >= header.hwm:
            header.hwm = block + 1

    def read_page(self, block: int) -> Block | None:
        header = self.header
        payload = header.block_size // 2
        raw = os.pread(self.fd, PAYLOAD + payload, block * header.block_size)
        if len(raw) < PAYLOAD + payload:
            raise BlockError(f"block {block}: file is too short")
        return decode(raw, header.dbid, header.file, block, payload)

    def extend(self, blocks: int) -> None:
        """Grow the file to that many blocks (never shrinks)."""
        if blocks > self.header.blocks:
            self.header.blocks = blocks
            os.ftruncate(self.fd, blocks * self.header.block_size)

    def scan(self, top: int | None = None) -> Iterator[Block | BlockError]:
        """Every used block below the high-water mark, or the error found in its place."""
        size = self.header.block_size
        payload = size // 2
        last = min(top or self.header.blocks, self.header.blocks)
        block = 1
        while block < last:
            raw = os.pread(self.fd, SCAN_BLOCKS * size, block * size)
            if not raw:
                return
            view = memoryview(raw)
            for index in range(len(raw) // size):
                try:
                    found = decode(
                        view[index * size : (index + 1) * size], self.header.dbid, self.header.file, block, payload
                    )
                except BlockError as error:
                    yield error
                else:
                    if found is not None:
                        yield found
                block += 1
                if block >= last:
                    return
            if len(raw) < size:
                return

    def sync(self) -> None:
        os.fdatasync(self.fd)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def read_header(fd: int, dbid: int, file: int, block_size: int) -> FileHeader:
    """Block 0 of an open file, verified. Raises BlockError."""
    payload = block_size // 2
    raw = os.pread(fd, PAYLOAD + payload, 0)
    if len(raw) < PAYLOAD + payload:
        raise BlockError("file is shorter than its header")
    found = decode(raw, dbid, file, 0, payload)
    if found is None:
        raise BlockError("file header is empty")
    try:
        values: dict[str, Any] = json.loads(found.image.rstrip(b"\0"))
        return FileHeader(**values)
    except (ValueError, TypeError) as error:
        raise BlockError(f"file header is damaged: {error}") from error
