# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The agent's protocol seen from the target: requests go out, a thread takes the answers in and "
"proves their digests."""

import json
import queue
import threading
from typing import Any, Dict, List, NamedTuple, Optional, Union

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import StandbyError, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import agent
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed.transport import (
    Channel,
    Endpoint,
    Unreachable,
    explain,
)

#: Bytes that login scripts on the source may write before the agent's first word.
NOISE_LIMIT = 65536
#: Answers received and not yet taken; with the one in hand and the one under way this bounds the memory to four chunks.
BACKLOG = 2


class Corrupted(StandbyError):
    """A chunk's bytes do not agree with the digest that came with them."""


class Chunk(NamedTuple):
    """An answer to a READ: see ``agent``. ``data`` holds the bytes of DATA until :meth:`Session.release`."""

    number: int
    what: int
    length: int
    size: int
    digest: bytes
    data: Optional[bytearray]


class Failure(NamedTuple):
    """An answer that says why a request could not be served."""

    number: int
    errno: Optional[int]
    text: str
    path: str


class _Lease(NamedTuple):
    held: Optional[bool]


class _End(NamedTuple):
    error: BaseException


_Answer = Union[Chunk, Failure, _Lease, _End]


class Session:
    """A conversation with one agent. Not for several threads, except for its own.

    :arg channel: a fresh conversation. :arg endpoint: for messages. :arg seed: the seed that the agent must serve.
    :raises Unreachable: when the agent does not come up. :raises UnknownState: when it is another seed's or of another
        version.
    """

    def __init__(self, channel: Channel, endpoint: Endpoint, seed: str) -> None:
        self._channel = channel
        self._endpoint = endpoint
        self._number = 0
        self._algorithm = agent.ALGORITHMS[0]
        self._chunk_size = 0
        self._zero_digests: Dict[int, bytes] = {}
        self._answers: "queue.Queue[_Answer]" = queue.Queue(maxsize=BACKLOG)
        self._pool: "queue.Queue[bytearray]" = queue.Queue()
        self._thread: Optional[threading.Thread] = None
        self._closed = False
        self._leases_asked = 0
        #: False once the agent said that the lease of the offer is not held any more; None when the offer has none.
        self.lease_held: Optional[bool] = None
        try:
            self._await_magic()
            self.hello = self._json(agent.HELLO)
        except BaseException:
            self.close()
            raise
        if self.hello.get("version") != agent.VERSION or self.hello.get("seed") != seed:
            self.close()
            raise UnknownState(
                seen="The agent on {0} speaks version {1} for seed {2!r}".format(
                    endpoint.name, self.hello.get("version"), self.hello.get("seed")
                ),
                meaning="Wanted was version {0} for seed {1!r}".format(agent.VERSION, seed),
                remedy="Offer the files again with the same seed id and the same version of this collection",
            )

    def _await_magic(self) -> None:
        seen = bytearray()
        one = bytearray(1)
        while not seen.endswith(agent.MAGIC):
            if len(seen) > NOISE_LIMIT or not self._channel.read_into(memoryview(one)):
                self._give_up(seen.decode("utf-8", "backslashreplace"))
            seen += one

    def _give_up(self, noise: str = "") -> None:
        returncode, said = self._channel.ending()
        raise explain(self._endpoint, returncode, said, noise)

    def _fill(self, view: memoryview) -> None:
        """Fill the view or raise what became of the conversation."""
        while view:
            got = self._channel.read_into(view)
            if not got:
                self._give_up()
            view = view[got:]

    def _head(self) -> Any:
        head = bytearray(agent.HEADER.size)
        self._fill(memoryview(head))
        kind, number, length = agent.HEADER.unpack(head)
        limit = agent.MAX_CHUNK + 1024 if kind == agent.CHUNK else agent.MAX_BODY
        if not agent.HELLO <= kind <= agent.ERROR or length > limit:
            raise Corrupted(
                seen="A frame of kind {0} and {1} bytes came from {2}".format(kind, length, self._endpoint.name),
                meaning="Bytes were changed on their way, or something else than the agent writes to its output",
                remedy="Run again; the copy goes on where it stopped",
            )
        return kind, number, length

    def _body(self, length: int) -> Any:
        body = bytearray(length)
        self._fill(memoryview(body))
        try:
            return json.loads(body.decode("ascii"))
        except ValueError as error:
            raise Corrupted(
                seen="An answer of {0} is not JSON".format(self._endpoint.name),
                meaning="Bytes were changed on their way",
                remedy="Run again; the copy goes on where it stopped",
            ) from error

    def _json(self, wanted: int) -> Any:
        """The next answer, which must be of this kind; for the calm part of a session, before :meth:`begin`."""
        kind, _number, length = self._head()
        body = self._body(length)
        if kind == agent.ERROR:
            raise Unreachable(
                seen="{0} answered: {1} {2}".format(self._endpoint.name, body.get("text"), body.get("path") or ""),
                meaning="The source cannot serve the offer",
                remedy="Check the offered files on the source",
                again=False,
                reason="agent_error",
            )
        if kind != wanted:
            raise Corrupted(
                seen="{0} answered with frame {1} instead of {2}".format(self._endpoint.name, kind, wanted),
                meaning="The two sides do not speak the same protocol",
                remedy="Offer the files again with the same version of this collection",
            )
        return body

    def _send(self, kind: int, body: bytes) -> int:
        self._number = (self._number + 1) % 0xFFFFFFFF
        try:
            self._channel.write(agent.HEADER.pack(kind, self._number, len(body)) + body)
        except OSError:
            # The reading side knows why; here only that it is over.
            if self._thread is None:
                self._give_up()
        return self._number

    def _send_json(self, kind: int, value: Any) -> int:
        return self._send(kind, json.dumps(value).encode("ascii"))

    def entries(self) -> List[agent.Entry]:
        """Everything that is offered."""
        self._send_json(agent.LIST, {})
        found: List[agent.Entry] = []
        while True:
            batch = self._json(agent.ENTRIES)
            if not batch:
                return found
            found.extend(agent.Entry(**record) for record in batch)

    def begin(self, algorithm: str, chunk: int) -> None:
        """Fix digest and chunk size, ask for the lease, and start to take in answers."""
        self._algorithm = algorithm
        self._chunk_size = chunk
        self._send_json(agent.BEGIN, {"algorithm": algorithm, "chunk": chunk})
        self._json(agent.BEGIN)
        self._send_json(agent.LEASE, {"renew": True})
        self.lease_held = self._json(agent.LEASE)["held"]
        for _number in range(BACKLOG + 2):
            self._pool.put(bytearray(chunk))
        self._thread = threading.Thread(target=self._take_in, daemon=True)
        self._thread.start()

    def ask(self, key: str, offset: int, length: int, have: bytes = b"", flags: int = 0) -> int:
        """Send a READ; answers come in the order of the requests. Its number."""
        name = key.encode("utf-8", "surrogateescape")
        return self._send(agent.READ, agent.READ_HEAD.pack(flags, offset, length, len(have), len(name)) + name + have)

    def ask_lease(self, renew: bool) -> None:
        """Ask whether the lease is held; ``lease_held`` tells when the answer has come."""
        self._leases_asked += 1
        self._send_json(agent.LEASE, {"renew": renew})

    def answer(self) -> Union[Chunk, Failure]:
        """The next answer to a READ.

        :raises Unreachable: when the conversation broke. :raises Corrupted: when bytes were changed on their way.
        """
        while True:
            got = self._answers.get()
            if isinstance(got, _End):
                self._answers.put(got)
                raise got.error
            if not isinstance(got, _Lease):
                return got
            self._note_lease(got)

    def await_lease(self) -> Optional[bool]:
        """Ask for the lease and wait for the answer; only while no READ is under way."""
        self.ask_lease(False)
        while self._leases_asked:
            got = self._answers.get()
            if isinstance(got, _End):
                self._answers.put(got)
                raise got.error
            self._note_lease(got)
        return self.lease_held

    def _note_lease(self, got: "_Answer") -> bool:
        if isinstance(got, _Lease):
            self._leases_asked -= 1
            self.lease_held = got.held
            return True
        return False

    def release(self, chunk: Chunk) -> None:
        """Give the buffer of a chunk back."""
        if chunk.data is not None:
            self._pool.put(chunk.data)

    def _take_in(self) -> None:
        try:
            while not self._closed:
                kind, number, length = self._head()
                if kind == agent.CHUNK:
                    self._answers.put(self._chunk(number, length))
                    continue
                body = self._body(length)
                if kind == agent.ERROR:
                    self._answers.put(
                        Failure(number, body.get("errno"), str(body.get("text")), str(body.get("path") or ""))
                    )
                elif kind == agent.LEASE:
                    self._answers.put(_Lease(body["held"]))
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits for the answer
            self._answers.put(_End(error))

    def _chunk(self, number: int, body: int) -> Chunk:
        head = bytearray(agent.CHUNK_HEAD.size)
        self._fill(memoryview(head))
        what, length, size, digest_length = agent.CHUNK_HEAD.unpack(head)
        digest = bytearray(digest_length)
        self._fill(memoryview(digest))
        data = None
        if (
            body != agent.CHUNK_HEAD.size + digest_length + (length if what == agent.DATA else 0)
            or length > self._chunk_size
        ):
            raise self._corrupted(number)
        if what == agent.DATA:
            data = self._pool.get()
            view = memoryview(data)[:length]
            self._fill(view)
            if agent.digest_of(self._algorithm, view).digest() != digest:
                self._pool.put(data)
                raise self._corrupted(number)
        elif what == agent.ZERO and self.zero_digest(length) != digest:
            raise self._corrupted(number)
        return Chunk(number, what, length, size, bytes(digest), data)

    def _corrupted(self, number: int) -> Corrupted:
        return Corrupted(
            seen="The bytes of answer {0} from {1} do not agree with their digest".format(number, self._endpoint.name),
            meaning="They were changed between the source's disk and this process: memory, network "
            "card or the agent itself",
            remedy="Run again: only what is not proven is sent again. If it comes back, suspect the "
            "hardware of one of the two hosts",
        )

    def zero_digest(self, length: int) -> bytes:
        """The digest of so many zero bytes."""
        if length not in self._zero_digests:
            if len(self._zero_digests) > 64:
                self._zero_digests.clear()
            self._zero_digests[length] = agent.digest_of(self._algorithm, bytes(length)).digest()
        return self._zero_digests[length]

    def close(self) -> None:
        """End the conversation and its thread. May be called again."""
        if self._closed:
            return
        self._closed = True
        self._channel.stop()
        if self._thread is not None:
            # The thread may wait for room in the queue or for a buffer: make both until it is gone.
            while self._thread.is_alive():
                self._pool.put(bytearray(self._chunk_size))
                try:
                    self._answers.get(timeout=0.05)
                except queue.Empty:
                    pass
        self._channel.close()
