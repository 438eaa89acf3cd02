# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Serves the files of one offer over standard input and output: the source's side of a copy.

This file is laid on the source as it is and runs there alone: it imports the standard library only (Python 3.6 or
later). Usage::

    python3 -I agent.py OFFER.json

The offer is the whole of what it may do: ``{"seed": id, "expires": seconds since 1970, "files": [path], "trees":
[{"path", "exclude": [pattern]}], "lease": path or null}``. It writes nothing; it renews the lease file's time stamp
when asked, and only that of the offer.

Protocol, version 1. The agent first writes ``MAGIC``; login scripts may have written something before it. Then both
sides speak frames: a header (kind, number of the request, length of the body) and the body. Requests are answered in
order; several may be under way.

* HELLO, agent to target, unasked: JSON ``{version, seed, host, pid, python, rates: {algorithm: MiB/s}}``;
* BEGIN: JSON ``{algorithm, chunk}``, fixes the digest of this session and the largest chunk it will ask for; answered
  by BEGIN;
* LIST: answered by ENTRIES frames, JSON lists of ``{key, type: f|d|l|?, size, mode, mtime_ns, link, error}``, and an
  empty ENTRIES at the end;
* READ: flags, offset, length, the key of a file, and the digest that the target has already, or none. Answered by
  CHUNK: what it is (DATA, SAME as the target's, ZERO, or DIGEST only), its length (shorter than asked for at the end of
  the file), the present size of the file, the digest, the bytes. The answer NOT_YET is reserved for a source that is
  itself being filled;
* LEASE: JSON ``{renew: bool}``; answered by LEASE: JSON ``{held: bool or null}``, null when the offer has none;
* ERROR, agent to target: JSON ``{errno, text, path}``, the answer to a request that failed; the session goes on.

A file is named by its key, with NUL between the parts: ``f`` and the path of an offered file, or ``t``, the path of an
offered tree and the path below it.
"""

import fcntl
import fnmatch
import hashlib
import json
import os
import queue
import select
import socket
import stat
import struct
import sys
import threading
import time
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

VERSION = 1
MAGIC = b"FIREDRILL-SEED-1\n"
HEADER = struct.Struct("!BII")
READ_HEAD = struct.Struct("!BQIBH")
CHUNK_HEAD = struct.Struct("!BIQB")

HELLO, BEGIN, LIST, ENTRIES, READ, CHUNK, LEASE, ERROR = range(1, 9)
#: What a CHUNK is.
DATA, SAME, ZERO, DIGEST, NOT_YET = range(5)
#: Flag of READ: the digest is wanted, not the bytes.
DIGEST_ONLY = 1

ALGORITHMS = ("sha256", "blake2b")
#: Limits, so that a broken peer cannot make this process grow: bytes of a chunk, of any other body.
MAX_CHUNK = 16 * 1024 * 1024
MAX_BODY = 4 * 1024 * 1024
ENTRIES_PER_FRAME = 500
#: Seconds without any request after which the peer is taken for gone.
IDLE_LIMIT = 900.0
#: Files kept open between two requests.
OPEN_FILES = 4


class Refused(Exception):
    """A request that the offer does not allow, or that is not of the protocol."""


class Entry(NamedTuple):
    """One file, directory or link of an offer, as listed."""

    key: str
    type: str
    size: int
    mode: int
    mtime_ns: int
    link: str
    error: str


def digest_of(algorithm: str, data: Any = b"") -> Any:
    """A hash object; ``algorithm`` is one of ALGORITHMS. Digests are 32 bytes long."""
    if algorithm == "blake2b":
        return hashlib.blake2b(data, digest_size=32)
    if algorithm == "sha256":
        return hashlib.sha256(data)
    raise Refused("unknown algorithm {0!r}".format(algorithm))


def measure_rates() -> Dict[str, int]:
    """MiB/s of each algorithm on this host: which is faster depends on the processor and on what "
    "Python was built with."""
    sample = bytes(1024 * 1024)
    rates = {}
    for algorithm in ALGORITHMS:
        best = min(_time_of(algorithm, sample) for dummy in range(3))
        rates[algorithm] = int(1.0 / max(best, 1e-6))
    return rates


def _time_of(algorithm: str, sample: bytes) -> float:
    start = time.perf_counter()
    digest_of(algorithm, sample).digest()
    return time.perf_counter() - start


def widen_pipe(handle: int) -> None:
    """Ask for a pipe of 1 MiB instead of 64 KiB: fewer changes between the processes.

    Not a pipe, or not allowed: no matter.
    """
    try:
        fcntl.fcntl(handle, getattr(fcntl, "F_SETPIPE_SZ", 1031), 1024 * 1024)
    except OSError:
        pass


def is_excluded(path: str, patterns: List[str]) -> bool:
    """True when a path below a tree, or a directory above it, matches a pattern.

    A pattern with a slash is held against the whole path, one without against each name; ``*`` matches slashes too.
    """
    parts = path.split("/")
    for pattern in patterns:
        wanted = pattern.strip("/")
        for end in range(1, len(parts) + 1):
            candidate = "/".join(parts[:end]) if "/" in wanted else parts[end - 1]
            if fnmatch.fnmatchcase(candidate, wanted):
                return True
    return False


def key_of(path: str, relative: Optional[str] = None) -> str:
    """The key of an offered file, or of a path below an offered tree."""
    return "f\0" + path if relative is None else "t\0{0}\0{1}".format(path, relative)


def parts_of(key: str) -> Tuple[str, Optional[str]]:
    """The parts of a key: (path, None) or (path of the tree, path below it).

    :raises Refused: when it is none.
    """
    parts = key.split("\0")
    if parts[0] == "f" and len(parts) == 2:
        return parts[1], None
    if parts[0] == "t" and len(parts) == 3:
        return parts[1], parts[2]
    raise Refused("{0!r} is not a key".format(key))


class Offer:
    """What may be read. Paths of files are followed through links (they were named); below a tree "
    "no link is followed."""

    def __init__(self, record: Dict[str, Any]) -> None:
        self.seed = str(record["seed"])
        self.expires = float(record["expires"])
        self.files: List[str] = [str(path) for path in record["files"]]
        self.trees: List[Tuple[str, List[str]]] = [
            (str(tree["path"]), [str(one) for one in tree["exclude"]]) for tree in record["trees"]
        ]
        self.lease: Optional[str] = record.get("lease")

    def entries(self) -> Iterator[Entry]:
        """Every offered file, tree by tree, a directory before what is in it."""
        for path in self.files:
            yield self._entry(key_of(path), path, os.stat)
        for root, exclude in self.trees:
            try:
                for relative in self._walk(root, "", exclude):
                    yield self._entry(key_of(root, relative), os.path.join(root, relative), os.lstat)
            except OSError as error:
                yield Entry(key_of(root, ""), "?", 0, 0, 0, "", "{0}: {1}".format(error.filename, error.strerror))

    def _walk(self, root: str, relative: str, exclude: List[str]) -> Iterator[str]:
        for name in sorted(os.listdir(os.path.join(root, relative) if relative else root)):
            path = os.path.join(relative, name)
            if is_excluded(path, exclude):
                continue
            yield path
            if stat.S_ISDIR(os.lstat(os.path.join(root, path)).st_mode):
                yield from self._walk(root, path, exclude)

    @staticmethod
    def _entry(key: str, path: str, look: Any) -> Entry:
        try:
            seen = look(path)
            kind = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l"}.get(stat.S_IFMT(seen.st_mode), "?")
            if key.startswith("f\0") and kind != "f":
                return Entry(key, "?", 0, 0, 0, "", "{0} is not a regular file".format(path))
            link = os.readlink(path) if kind == "l" else ""
            if kind == "f" and not os.access(path, os.R_OK):
                return Entry(key, kind, 0, 0, 0, "", "{0} may not be read by this user".format(path))
        except OSError as error:
            return Entry(key, "?", 0, 0, 0, "", "{0}: {1}".format(path, error.strerror))
        return Entry(
            key, kind, seen.st_size if kind == "f" else 0, stat.S_IMODE(seen.st_mode), seen.st_mtime_ns, link, ""
        )

    def open(self, key: str) -> int:
        """A descriptor of an offered file.

        :raises Refused: when the key is not of the offer. :raises OSError: as the system says.
        """
        path, relative = parts_of(key)
        if relative is None and path in self.files:
            return _regular(os.open(path, os.O_RDONLY | os.O_NONBLOCK), key)
        for root, exclude in self.trees:
            if root == path and relative is not None:
                return self._open_below(root, relative, exclude, key)
        raise Refused("{0!r} is not offered".format(key))

    @staticmethod
    def _open_below(root: str, relative: str, exclude: List[str], key: str) -> int:
        parts = relative.split("/")
        if not all(parts) or "." in parts or ".." in parts or is_excluded(relative, exclude):
            raise Refused("{0!r} is not offered".format(key))
        place = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in parts[:-1]:
                deeper = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
                os.close(place)
                place = deeper
            return _regular(os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place), key)
        finally:
            os.close(place)


def _regular(handle: int, key: str) -> int:
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Refused("{0!r} is not a regular file".format(key))
    return handle


class Answer(NamedTuple):
    """A frame to be written: its head, and bytes of a buffer that goes back to the pool afterwards."""

    head: bytes
    buffer: Optional[bytearray]
    length: int


class Agent:
    """One session.

    A thread reads requests, files and digests; the caller's thread writes, so that both go on at the same time.
    """

    def __init__(self, offer: Offer, source: int, sink: int) -> None:
        self.offer = offer
        self._source = source
        self._sink = sink
        self._algorithm = ALGORITHMS[0]
        self._open: Dict[str, int] = {}
        self._answers: "queue.Queue[Optional[Answer]]" = queue.Queue(maxsize=2)
        self._pool: "queue.Queue[bytearray]" = queue.Queue()
        for _number in range(3):
            self._pool.put(bytearray())
        self._chunk_size = 0
        self._zeros = bytearray()

    def serve(self) -> None:
        """Answer until the peer closes."""
        widen_pipe(self._source)
        widen_pipe(self._sink)
        hello = {
            "version": VERSION,
            "seed": self.offer.seed,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "python": sys.version.split()[0],
            "rates": measure_rates(),
        }
        self._write(MAGIC)
        self._write(_json_frame(HELLO, 0, hello).head)
        threading.Thread(target=self._answer_all, daemon=True).start()
        while True:
            answer = self._answers.get()
            if answer is None:
                return
            self._write(answer.head)
            if answer.buffer is not None:
                self._write(memoryview(answer.buffer)[: answer.length])
                self._pool.put(answer.buffer)

    def _write(self, data: Any) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._sink, rest) :]

    def _read(self, length: int) -> bytes:
        """Exactly so many bytes, or b"" when the peer closed or is silent for too long."""
        parts = []
        while length:
            if not select.select([self._source], [], [], IDLE_LIMIT)[0]:
                return b""
            part = os.read(self._source, length)
            if not part:
                return b""
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def _answer_all(self) -> None:
        try:
            while True:
                head = self._read(HEADER.size)
                if not head:
                    return
                kind, number, length = HEADER.unpack(head)
                if length > MAX_BODY:
                    return
                body = self._read(length)
                if len(body) != length:
                    return
                self._answer(kind, number, body)
        finally:
            self._answers.put(None)

    def _answer(self, kind: int, number: int, body: bytes) -> None:
        path = ""
        try:
            if kind == READ:
                flags, offset, length, have_length, key_length = READ_HEAD.unpack_from(body)
                key = body[READ_HEAD.size : READ_HEAD.size + key_length].decode("utf-8", "surrogateescape")
                path = key.replace("\0", " ")
                have = body[READ_HEAD.size + key_length :]
                if len(have) != have_length or length > self._chunk_size:
                    raise Refused("malformed request")
                self._answers.put(self._chunk(number, key, flags, offset, length, have))
            elif kind == LIST:
                self._list(number)
            elif kind == BEGIN:
                wanted = json.loads(body.decode("ascii"))
                digest_of(str(wanted["algorithm"]))
                self._algorithm = str(wanted["algorithm"])
                self._chunk_size = min(int(wanted["chunk"]), MAX_CHUNK)
                self._zeros = bytearray(self._chunk_size)
                self._answers.put(_json_frame(BEGIN, number, {}))
            elif kind == LEASE:
                renew = bool(json.loads(body.decode("ascii"))["renew"])
                self._answers.put(_json_frame(LEASE, number, {"held": self._lease(renew)}))
            else:
                raise Refused("unknown request {0}".format(kind))
        except OSError as error:
            what = {
                "errno": error.errno,
                "text": error.strerror,
                "path": error.filename if isinstance(error.filename, str) else path,
            }
            self._answers.put(_json_frame(ERROR, number, what))
        except (Refused, ValueError, KeyError, struct.error) as error:
            self._answers.put(_json_frame(ERROR, number, {"errno": None, "text": str(error), "path": path}))

    def _list(self, number: int) -> None:
        batch: List[Dict[str, Any]] = []
        for entry in self.offer.entries():
            batch.append(dict(entry._asdict()))
            if len(batch) == ENTRIES_PER_FRAME:
                self._answers.put(_json_frame(ENTRIES, number, batch))
                batch = []
        if batch:
            self._answers.put(_json_frame(ENTRIES, number, batch))
        self._answers.put(_json_frame(ENTRIES, number, []))

    def _handle(self, key: str) -> int:
        handle = self._open.get(key)
        if handle is None:
            if len(self._open) >= OPEN_FILES:
                os.close(self._open.pop(next(iter(self._open))))
            handle = self._open[key] = self.offer.open(key)
        return handle

    def _chunk(self, number: int, key: str, flags: int, offset: int, length: int, have: bytes) -> Answer:
        handle = self._handle(key)
        buffer = self._pool.get()
        try:
            if len(buffer) != self._chunk_size:
                buffer = bytearray(self._chunk_size)
            view = memoryview(buffer)
            size = os.fstat(handle).st_size
            filled = _fill(handle, view[:length], offset)
            digest = digest_of(self._algorithm, view[:filled]).digest()
            what = self._what(flags, have, digest, buffer, filled)
            data = filled if what == DATA else 0
            head = CHUNK_HEAD.pack(what, filled, size, len(digest)) + digest
            frame = HEADER.pack(CHUNK, number, len(head) + data) + head
        except BaseException:
            self._pool.put(buffer)
            raise
        if what == DATA:
            return Answer(frame, buffer, data)
        self._pool.put(buffer)
        return Answer(frame, None, 0)

    def _what(self, flags: int, have: bytes, digest: bytes, buffer: bytearray, filled: int) -> int:
        if flags & DIGEST_ONLY:
            return DIGEST
        if have == digest:
            return SAME
        if not filled or buffer[0] or buffer[filled - 1]:
            return DATA
        # Whole buffers are compared by memcmp; of the last, shorter chunk of a file a copy is taken.
        is_zero = buffer == self._zeros or (filled < len(buffer) and buffer[:filled] == self._zeros[:filled])
        return ZERO if is_zero else DATA

    def _lease(self, renew: bool) -> Optional[bool]:
        """Whether the lease of the offer is held, renewed first if asked.

        The lock is the one of who waits for it to lapse.
        """
        if self.offer.lease is None:
            return None
        try:
            handle = os.open(self.offer.lease, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not os.path.samestat(os.fstat(handle), os.lstat(self.offer.lease)):
                return False
            if renew:
                os.utime(handle)
            return True
        except FileNotFoundError:
            return False
        finally:
            os.close(handle)


def _fill(handle: int, view: memoryview, offset: int) -> int:
    """Read at an offset until the view is full or the file ends; the number of bytes read."""
    filled = 0
    os.lseek(handle, offset, os.SEEK_SET)
    with open(handle, "rb", buffering=0, closefd=False) as source:
        while filled < len(view):
            got = source.readinto(view[filled:])
            if not got:
                break
            filled += got
    return filled


def _json_frame(kind: int, number: int, value: Any) -> Answer:
    # ensure_ascii keeps names that are not UTF-8: a lone surrogate travels as an escape.
    body = json.dumps(value).encode("ascii")
    return Answer(HEADER.pack(kind, number, len(body)) + body, None, 0)


def main(arguments: List[str]) -> int:
    """Serve the offer named in the arguments. Exit code 0: the peer closed; 3: the offer has "
    "expired or cannot be read."""
    if len(arguments) != 1:
        sys.stderr.write("usage: agent.py OFFER.json\n")
        return 2
    try:
        with open(arguments[0], encoding="utf-8", errors="surrogateescape") as source:
            offer = Offer(json.load(source))
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write("offer withdrawn or unreadable: {0}\n".format(error))
        return 3
    if time.time() >= offer.expires:
        sys.stderr.write(
            "offer {0} expired at {1}\n".format(
                offer.seed, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(offer.expires))
            )
        )
        return 3
    try:
        Agent(offer, 0, 1).serve()
    except BrokenPipeError:
        pass
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    # The reading thread may be in a blocking read: it must not hold the end of the process.
    os._exit(code)
