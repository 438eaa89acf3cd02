# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redo transport and apply: LNW on the primary, LNR and SMR on the standby.

Frames on TCP: type (1 byte), length (4 bytes), payload; handshake payloads are JSON. The redo that travels is the
bytes of the log file itself, addressed by (sequence, offset), so that a standby's log of a sequence equals the
primary's. Protocol invented; which process does what, the three methods and the protection modes: tibero.md 8, 12.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Any

from tibero_emulator import EMULATOR_VERSION
from tibero_emulator.server import passwd, redolog
from tibero_emulator.server.control import LogGroup
from tibero_emulator.server.errors import TbrError, text_of
from tibero_emulator.server.logwriter import GroupFiles, close_group, header_for, next_group, reusable
from tibero_emulator.server.redolog import HEADER_SIZE, LogFile

if TYPE_CHECKING:
    from tibero_emulator.server.database import Database
    from tibero_emulator.server.instance import Instance
    from tibero_emulator.tip import Destination

FRAME = struct.Struct("<cI")
POSITION = struct.Struct("<QQQ")  # seq, offset, tsn
CHUNK = 1 << 20
PROTOCOL = 1

HELLO, PROOF, VERDICT, START, LOG, REDO, SWITCH, ACK, END = b"H", b"P", b"V", b"S", b"L", b"R", b"W", b"A", b"E"

IDLE, CONNECTING, CATCHUP, RUNNING, FAILED, DISABLED = "IDLE", "CONNECTING", "CATCHUP", "RUNNING", "ERROR", "DISABLED"


def tune(sock: socket.socket, seconds: float) -> None:
    """No delay, and a dead link is noticed within about `seconds`."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, int(seconds / 2)))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, int(seconds / 6)))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


class Channel:
    """Frames over one socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = bytearray()

    def send(self, kind: bytes, payload: bytes) -> None:
        self.sock.sendall(FRAME.pack(kind, len(payload)) + payload)

    def send_json(self, kind: bytes, value: dict[str, Any]) -> None:
        self.send(kind, json.dumps(value).encode())

    def receive(self) -> tuple[bytes, bytes]:
        """Next frame. Raises ConnectionError at the end of the stream, OSError."""
        while True:
            frame = self.buffered()
            if frame is not None:
                return frame
            self.fill()

    def buffered(self) -> tuple[bytes, bytes] | None:
        """A frame that has arrived whole, without waiting."""
        if len(self._buffer) < FRAME.size:
            return None
        kind, length = FRAME.unpack_from(self._buffer)
        if len(self._buffer) < FRAME.size + length:
            return None
        payload = bytes(self._buffer[FRAME.size : FRAME.size + length])
        del self._buffer[: FRAME.size + length]
        return kind, payload

    def fill(self) -> None:
        data = self.sock.recv(1 << 18)
        if not data:
            raise ConnectionError("connection closed by the other side")
        self._buffer += data

    def receive_json(self, kind: bytes) -> dict[str, Any]:
        """Next frame, which must be of `kind`. Raises TBR-1030 on another."""
        has, payload = self.receive()
        if has != kind:
            raise TbrError(1030, has[0], kind[0])
        values: dict[str, Any] = json.loads(payload)
        return values

    def close(self) -> None:
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the peer was first
        self.sock.close()


def check_history(primary: list[list[int]], tsn: int, branch: int, primary_tsn: int) -> None:
    """A standby may follow if its redo is a prefix of the primary's history. Raises TBR-1036.

    Args:
        primary: branches of the primary, [id, first TSN, first sequence], oldest first.
        tsn: last TSN the standby has; branch: the branch it was written on; primary_tsn: the primary's present TSN.
    """
    for index, (known, _tsn, _seq) in enumerate(primary):
        if known != branch:
            continue
        limit = primary[index + 1][1] if index + 1 < len(primary) else primary_tsn
        if tsn <= limit:
            return
        break
    raise TbrError(1036)


# ---------------------------------------------------------------------- primary
class Sender:
    """LNW: one destination of a primary. A thread connects, ships and reconnects; another reads acknowledgements."""

    def __init__(self, instance: Instance, destination: Destination) -> None:
        self.instance = instance
        self.number = destination.number
        self.host = destination.host
        self.port = destination.port
        self.method = destination.method
        self.enabled = destination.enabled
        self.status = IDLE if self.enabled else DISABLED
        self.error = ""
        self.sent = (0, 0)
        self.acked = (0, 0)
        self.acked_tsn = 0
        self.sent_tsn = 0
        self.applied_tsn = 0
        self.channel: Channel | None = None
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._last_logged = ""
        self._source: LogFile | None = None
        self._thread = threading.Thread(target=self._run, name=f"LNW{self.number}", daemon=True)

    # ------------------------------------------------------------------ state
    @property
    def connected(self) -> bool:
        return self.status in (CATCHUP, RUNNING)

    @property
    def synchronous(self) -> bool:
        return self.method == "LGWR SYNC"

    @property
    def target(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def timeout(self) -> float:
        return float(self.instance.params.number("_STANDBY_NETWORK_TIMEOUT", 60) or 60)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        channel = self.channel
        if channel is not None:
            channel.close()
        self._notify()
        if self._thread.is_alive():
            self._thread.join()

    def enable(self, on: bool) -> None:
        self.enabled = on
        self._set(CONNECTING if on else DISABLED)
        self._wake.set()
        channel = self.channel
        if not on and channel is not None:
            channel.close()

    def _notify(self) -> None:
        database = self.instance.database
        log = database.log if database is not None else None
        if log is not None:
            with log.cond:
                log.cond.notify_all()

    def _set(self, status: str, error: str = "") -> None:
        self.status = status
        self.error = error
        self._notify()
        line = f"LNW{self.number} {self.target} {self.method}: {status}" + (f" {error}" if error else "")
        if line != self._last_logged and status not in (CONNECTING,):
            self._last_logged = line
            self.instance.slog("LNW", line)

    # ------------------------------------------------------------------ thread
    def _run(self) -> None:
        while not self._stop.is_set():
            if not self.enabled:
                self._set(DISABLED)
                self._wake.wait()
                self._wake.clear()
                continue
            try:
                self._set(CONNECTING) if self.status != FAILED else None
                self.channel = self.connect()
                self._ship(self.channel)
            except TbrError as error:
                self._failed(str(error))
            except OSError as error:
                code = 1102 if self.connected else 1038
                self._failed(f"TBR-{code}: {text_of(code, error.strerror or str(error))}")
            finally:
                channel, self.channel = self.channel, None
                if channel is not None:
                    channel.close()
            if not self._stop.is_set():
                # The reader of acknowledgements has set it at its end: one that refuses would be asked without a pause.
                self._wake.clear()
                self._wake.wait(self.instance.seconds("lnw_reconnect"))
                self._wake.clear()
        self._set(DISABLED)

    def _failed(self, error: str) -> None:
        """A broken connection is an error unless we broke it."""
        if self.enabled and not self._stop.is_set():
            self._set(FAILED, error)
        else:
            self._set(DISABLED)

    def connect(self, probe: bool = False) -> Channel:
        """Connect, prove SYS's authority, compare databases.

        Raises: OSError (nobody there), TBR-1036 (not a copy of this history), TBR-1030 (other version), TBR-17001
        (SYS password).
        """
        database = self.instance.database
        assert database is not None
        sock = socket.create_connection((self.host, self.port), timeout=min(self.timeout, 10.0))
        tune(sock, self.timeout)
        channel = Channel(sock)
        try:
            hello = channel.receive_json(HELLO)
            if hello.get("protocol") != PROTOCOL or hello.get("version") != self.instance.version:
                raise TbrError(1030, PROTOCOL, int(hello.get("protocol", 0)))
            control = database.control.state
            channel.send_json(
                PROOF,
                {
                    "proof": passwd.proof(passwd.read(self.instance.params.file_dest), hello["nonce"], "primary"),
                    "dbid": control.dbid,
                    "db_name": control.db_name,
                    "block_size": control.block_size,
                    "branches": control.branches,
                    "tsn": database.tsn,
                    "version": self.instance.version,
                    "from": f"{self.instance.host}:{self.instance.params.number('LISTENER_PORT')}",
                    "method": self.method,
                    "probe": probe,
                },
            )
            verdict = channel.receive_json(VERDICT)
            if "code" in verdict:
                raise TbrError(int(verdict["code"]), text=str(verdict["text"]))
            if not probe:
                check_history(control.branches, verdict["tsn"], verdict["branch"], database.tsn)
                self.sent = (verdict["seq"], verdict["offset"])
                self.acked = self.sent
                self.acked_tsn = self.applied_tsn = verdict["tsn"]
            sock.settimeout(self.timeout)
            return channel
        except BaseException:
            channel.close()
            raise

    # ------------------------------------------------------------------ shipping
    def _ship(self, channel: Channel) -> None:
        """Send redo from the standby's position on, for as long as the connection holds."""
        database = self.instance.database
        assert database is not None
        with database.control.update() as control:
            control.had_standby = True
        self._set(CATCHUP)
        reader = threading.Thread(target=self._read_acks, args=(channel,), name=f"LNW{self.number}ack", daemon=True)
        reader.start()
        try:
            while not self._stop.is_set() and self.enabled and self.channel is channel:
                self._ship_some(database, channel)
                if not reader.is_alive():
                    raise ConnectionError("disconnected")
        finally:
            self._use_source(None)
            channel.close()
            reader.join()

    def _use_source(self, log: LogFile | None) -> None:
        """Change the log that is being read; the one before is closed, once."""
        before, self._source = self._source, log
        if before is not None:
            before.close()

    def _ship_some(self, database: Database, channel: Channel) -> None:
        """Send what is there, or wait for more."""
        seq, offset = self.sent
        source = self._source
        if source is None or source.header.seq != seq:
            self._use_source(None)
            source = self._open(database, seq)
            self._use_source(source)
            channel.send_json(
                LOG,
                {
                    "seq": seq,
                    "thread": 0,
                    "branch": source.header.branch,
                    "first_tsn": source.header.first_tsn,
                    "first_time": source.header.first_time,
                    "resetlogs": source.header.resetlogs,
                },
            )
        end, closed = self._end(database, seq)
        if offset < end:
            data = source.read(offset, min(CHUNK, end - offset))
            if not data:
                raise TbrError(1027, 0, self.sent_tsn or source.header.first_tsn)
            channel.send(REDO, POSITION.pack(seq, offset, database.tsn) + data)
            self.sent = (seq, offset + len(data))
            return
        if closed is not None:
            channel.send_json(SWITCH, {"seq": seq, "end": end, "next_tsn": closed})
            self.sent = (seq + 1, HEADER_SIZE)
            self._use_source(None)
            return
        self.sent_tsn = database.tsn
        self._wait_more(database, (seq, offset), channel)

    def _open(self, database: Database, seq: int) -> LogFile:
        """The log to read; ARCH ASYNC takes archives only. TBR-1027 when it is gone."""
        if self.method == "ARCH ASYNC":
            self._wait_archive(database, seq)
        self._wait_begun(database, seq)
        log = database.find_log(seq)
        if log is None:
            control = database.control.state
            after = control.archive_with(seq)
            raise TbrError(1027, 0, after.first_tsn if after else self.acked_tsn + 1)
        return log

    def _wait_begun(self, database: Database, seq: int) -> None:
        """Between the end of one log and the beginning of the next the writer may have to wait for a free group."""
        log = database.log
        assert log is not None
        with log.cond:
            while log.durable[0] < seq:
                if self._stop.is_set() or not self.enabled or self.channel is None or self._peer_gone(self.channel):
                    raise ConnectionError("stopped")
                log.cond.wait(0.5)

    def _wait_archive(self, database: Database, seq: int) -> None:
        """Until sequence `seq` has been archived (ARCH ASYNC; on a NOARCHIVELOG primary that is never)."""
        while not self._stop.is_set() and self.enabled:
            control = database.control.state
            if control.archive_with(seq) is not None:
                return
            group = control.group_with(seq)
            if group is None:
                return
            self.status = RUNNING
            assert database.log is not None
            with database.log.cond:
                database.log.cond.wait(0.2)
            if self.channel is None or self._peer_gone(self.channel):
                raise ConnectionError("disconnected")
        raise ConnectionError("stopped")

    @staticmethod
    def _peer_gone(channel: Channel) -> bool:
        return channel.sock.fileno() < 0

    def _end(self, database: Database, seq: int) -> tuple[int, int | None]:
        """(offset up to which log `seq` may be sent, TSN after it if closed)."""
        log = database.log
        assert log is not None
        with log.cond:
            durable = log.durable
        if durable[0] == seq:
            group = database.control.state.group_with(seq)
            if group is None or group.end is None:
                return durable[1], None
        header = None
        found = database.find_log(seq)
        if found is not None:
            header = found.header
            found.close()
        if header is None or header.end is None:
            raise TbrError(1027, 0, self.acked_tsn + 1)
        return header.end, header.next_tsn

    def _wait_more(self, database: Database, position: tuple[int, int], channel: Channel) -> None:
        """At the end of durable redo: SYNC wakes at once, ASYNC polls (tibero.md 12.4)."""
        log = database.log
        assert log is not None
        if self.status != RUNNING:
            self._set(RUNNING)
        if self.synchronous:
            with log.cond:
                if (
                    log.durable == position
                    and not self._stop.is_set()
                    and self.channel is channel
                    and channel.sock.fileno() >= 0
                ):
                    log.cond.wait(1.0)
            return
        self._wake.wait(self.instance.seconds("lnw_poll"))
        self._wake.clear()

    def _read_acks(self, channel: Channel) -> None:
        database = self.instance.database
        assert database is not None
        log = database.log
        try:
            channel.sock.settimeout(None)
            while True:
                kind, payload = channel.receive()
                if kind == END:
                    values = json.loads(payload)
                    self._set(FAILED, f"TBR-{values['code']}: {values['text']}")
                    break
                if kind != ACK:
                    break
                seq, offset, tsn = POSITION.unpack_from(payload)
                applied = POSITION.unpack_from(payload, POSITION.size)[2]
                assert log is not None
                with log.cond:
                    self.acked, self.acked_tsn, self.applied_tsn = (seq, offset), tsn, applied
                    log.cond.notify_all()
        except (OSError, ValueError):
            pass  # the shipping thread reports the broken connection
        finally:
            channel.close()
            if self.status == RUNNING:
                self.status = CATCHUP
            self._wake.set()
            self._notify()

    # ------------------------------------------------------------------ questions of others
    def caught_up(self, position: tuple[int, int]) -> bool:
        return self.acked >= position

    def disconnect(self, reason: str) -> None:
        """Give up on a standby that does not answer in time."""
        self.instance.slog("LNW", f"LNW{self.number} {self.target}: {reason}")
        channel = self.channel
        self.status = FAILED
        if channel is not None:
            channel.close()


class Transport:
    """All destinations of a primary, and the protection mode."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.senders: list[Sender] = []
        self.lock = threading.RLock()
        self.degraded = False

    @property
    def mode(self) -> str:
        return self.instance.params.text("LOG_REPLICATION_MODE", "UNPROTECTED").upper()

    def configure(self) -> None:
        """Start senders for the destinations of the tip (only a primary calls this)."""
        if self.mode == "UNPROTECTED":
            return
        for destination in self.instance.destinations():
            self.add(destination)

    def add(self, destination: Destination) -> Sender:
        sender = Sender(self.instance, destination)
        with self.lock:
            self.senders = [each for each in self.senders if each.number != destination.number] + [sender]
            self.senders.sort(key=lambda each: each.number)
        sender.start()
        return sender

    def remove(self, number: int) -> None:
        with self.lock:
            gone = [each for each in self.senders if each.number == number]
            self.senders = [each for each in self.senders if each.number != number]
        for each in gone:
            each.stop()

    def find(self, number: int) -> Sender | None:
        return next((each for each in self.senders if each.number == number), None)

    def wait_protected(self) -> bool:
        """PROTECTION and AVAILABILITY: an LGWR SYNC standby must be connected before the database opens (tibero.md
        1.5)."""
        deadline = time.monotonic() + float(self.instance.setting("boot_sync_wait_seconds"))
        log = self.instance.database.log if self.instance.database else None
        assert log is not None
        while True:
            if any(each.synchronous and each.connected for each in self.senders):
                return True
            tried = [each for each in self.senders if each.synchronous and each.status != FAILED]
            if not tried or time.monotonic() > deadline:
                return False
            with log.cond:
                log.cond.wait(0.05)

    def wait_commit(self, position: tuple[int, int]) -> None:
        """Hold a commit until the standbys that the mode counts have its redo.

        PROTECTION ends the instance when no SYNC standby is left; AVAILABILITY and PERFORMANCE go on without one.
        """
        mode = self.mode
        if not self.senders or mode == "UNPROTECTED":
            return
        database = self.instance.database
        log = database.log if database is not None else None
        if log is None:
            return
        strict = mode == "PROTECTION"
        until: dict[int, float] = {}
        while True:
            connected = [each for each in self.senders if each.synchronous and each.enabled and each.connected]
            if strict and not connected:
                self.instance.crash("LOG_REPLICATION_MODE=PROTECTION and no LGWR SYNC standby answers")
                raise TbrError(7515)
            # One that is still catching up counts only when PROTECTION has no other.
            pool = [each for each in connected if each.status == RUNNING] or (connected if strict else [])
            waiting = [each for each in pool if not each.caught_up(position)]
            if not waiting:
                self._note(mode, connected)
                return
            now = time.monotonic()
            for each in waiting:
                if now > until.setdefault(each.number, now + each.timeout):
                    each.disconnect("no acknowledgement within _STANDBY_NETWORK_TIMEOUT")
            with log.cond:
                if any(not each.caught_up(position) for each in waiting):
                    log.cond.wait(min(1.0, max(0.01, min(until.values()) - now)))

    def _note(self, mode: str, counted: list[Sender]) -> None:
        """AVAILABILITY without a standby that acknowledges runs on, and says so once."""
        lapsed = mode == "AVAILABILITY" and not any(each.status == RUNNING for each in counted)
        if lapsed != self.degraded:
            self.degraded = lapsed
            word = "runs without synchronous protection" if lapsed else "synchronous protection is back"
            self.instance.slog("LNW", f"LOG_REPLICATION_MODE=AVAILABILITY: primary {word}")

    def ship_all(self, abandoned: threading.Event) -> None:
        """SWITCHOVER: until every connected standby has all redo."""
        database = self.instance.database
        assert database is not None and database.log is not None
        log = database.log
        while not abandoned.is_set():
            for each in self.senders:
                each._wake.set()
            with log.cond:
                position = log.durable
                behind = [each for each in self.senders if each.connected and not each.caught_up(position)]
                if not behind:
                    return
                log.cond.wait(0.1)

    def stop(self) -> None:
        with self.lock:
            senders, self.senders = self.senders, []
        for each in senders:
            each.stop()


# ---------------------------------------------------------------------- standby
class Receiver:
    """LNR and SMR: listens on _STANDBY_CONN_PORT, writes received redo durably, acknowledges, applies."""

    def __init__(self, instance: Instance, listener: socket.socket) -> None:
        self.instance = instance
        self.listener = listener
        self.primary = ""
        self.primary_tsn = 0
        self.connected = False
        self.last = 0.0
        self.files: GroupFiles | None = None
        self.seq, self.offset = 0, 0
        self.received_tsn = 0
        self._stop = threading.Event()
        self._channel: Channel | None = None
        self._turn = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()
        self.apply_lock = threading.Lock()
        self._queue: list[tuple[int, int, bytes]] = []
        self._fresh: list[tuple[int, int, bytes]] = []
        self._queue_cond = threading.Condition()
        self._rest = b""
        self._rest_at = (0, 0)
        self._threads = [
            threading.Thread(target=self._listen, name="LNR", daemon=True),
            threading.Thread(target=self._apply_loop, name="SMR", daemon=True),
        ]

    def start(self) -> None:
        database = self._database()
        self.seq, self.offset = database.received = self._continuation(*database.received)
        self.received_tsn = database.tsn
        self._rest_at = database.received
        for thread in self._threads:
            thread.start()

    def _continuation(self, seq: int, offset: int) -> tuple[int, int]:
        """Where the primary goes on. After a hot copy, local redo may end with an archive, whose log is complete; what
        lies in the groups beyond it is behind a gap and will be sent again."""
        database = self._database()
        log = database.find_log(seq)
        if log is None:
            return seq, offset
        complete = log.header.end == offset
        log.close()
        if not complete:
            return seq, offset
        with database.control.update() as control:
            for group in control.groups:
                if group.seq > seq:
                    group.seq, group.end, group.archived = 0, None, True
        return seq + 1, HEADER_SIZE

    def stop(self) -> None:
        """Stop receiving, apply what has been received, end the threads."""
        self._stop.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # not every system can shut a listening socket down; close() follows
        self.listener.close()
        channel = self._channel
        if channel is not None:
            channel.close()
        with self._queue_cond:
            self._queue_cond.notify_all()
        for thread in self._threads:
            thread.join()
        if self.files is not None:
            self.files.close()
            self.files = None

    def _database(self) -> Database:
        database = self.instance.database
        assert database is not None
        return database

    # ------------------------------------------------------------------ LNR
    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                sock, peer = self.listener.accept()
            except OSError:
                return
            if self._stop.is_set():
                sock.close()
                return
            tune(sock, self.instance.params.number("_STANDBY_NETWORK_TIMEOUT", 60) or 60)
            name = f"{peer[0]}:{peer[1]}"
            threading.Thread(target=self._serve, args=(Channel(sock), name), name="LNRconn", daemon=True).start()

    def _serve(self, channel: Channel, peer: str) -> None:
        """One connection of a primary. A newer one that proves itself supersedes an older, perhaps a dead link."""
        try:
            channel.sock.settimeout(30.0)
            if self._handshake(channel, peer):
                channel.sock.settimeout(None)
                self.connected = True
                self._receive(channel)
        except TbrError as error:
            self.instance.slog("LNR", str(error))
            self._tell(channel, error)
        except (OSError, ValueError, KeyError) as error:
            if not self._stop.is_set():
                self.instance.slog("LNR", f"TBR-1037: {text_of(1037)} ({error})")
        finally:
            channel.close()
            if self._channel is channel:
                self.connected = False
                self._channel = None
                self._idle.set()

    def _supersede(self, channel: Channel) -> None:
        """Become the one connection that writes redo."""
        with self._turn:
            old = self._channel
            if old is not None:
                old.close()
                self._idle.wait(30.0)
            self._idle.clear()
            self._channel = channel

    @staticmethod
    def _tell(channel: Channel, error: TbrError) -> None:
        try:
            channel.send_json(END, {"code": error.code, "text": error.text})
        except OSError:
            pass  # the primary has gone; slog has the reason

    def _handshake(self, channel: Channel, peer: str) -> bool:
        """Challenge and consistency check; a refusal is told to the primary. True if redo follows."""
        database = self._database()
        control = database.control.state
        nonce = secrets.token_hex(16)
        hello = {"protocol": PROTOCOL, "version": self.instance.version, "nonce": nonce, "emulator": EMULATOR_VERSION}
        channel.send_json(HELLO, hello)
        try:
            proof = channel.receive_json(PROOF)
            stored = passwd.read(self.instance.params.file_dest)
            if proof["proof"] != passwd.proof(stored, nonce, "primary"):
                raise TbrError(17001)
            if (
                proof["dbid"] != control.dbid
                or proof["block_size"] != control.block_size
                or proof["db_name"] != control.db_name
            ):
                raise TbrError(1036)
            if proof["version"] != self.instance.version:
                raise TbrError(1030, PROTOCOL, PROTOCOL)
            if not proof["probe"]:
                self._supersede(channel)
                self._drain()
                check_history(proof["branches"], database.tsn, control.branch, proof["tsn"])
        except TbrError as error:
            channel.send_json(VERDICT, {"code": error.code, "text": error.text})
            self.instance.slog("LNR", f"{peer} refused: {error}")
            return False
        if proof["probe"]:
            channel.send_json(VERDICT, {"probe": True})
            return False
        channel.send_json(
            VERDICT,
            {
                "tsn": database.tsn,
                "seq": self.seq,
                "offset": self.offset,
                "branch": control.branch,
                "branches": control.branches,
            },
        )
        if proof["branches"] != control.branches:
            with database.control.update():
                control.branches = [list(each) for each in proof["branches"]]
        self.primary, self.primary_tsn = proof["from"], proof["tsn"]
        self.instance.slog(
            "LNR", f"primary {self.primary} connected, {proof['method']}, from seq {self.seq} offset {self.offset}"
        )
        return True

    def _drain(self) -> None:
        """Until SMR has applied everything that was received."""
        with self._queue_cond:
            while self._queue and not self._stop.is_set():
                self._queue_cond.wait(0.2)

    def _receive(self, channel: Channel) -> None:
        """Frames of one connection. Writes what came together, syncs once, acknowledges once."""
        while not self._stop.is_set():
            frame: tuple[bytes, bytes] | None = channel.receive()
            try:
                while frame is not None:
                    self._frame(*frame)
                    frame = channel.buffered()
            finally:
                self._publish()
            self.last = time.time()
            self._acknowledge(channel)

    def _publish(self) -> None:
        """Make received redo durable, then hand it to SMR: a block must never be newer than the durable redo."""
        if self.files is not None:
            self.files.sync()
        with self._queue_cond:
            self._queue += self._fresh
            self._queue_cond.notify_all()
        self._fresh = []

    def _frame(self, kind: bytes, payload: bytes) -> None:
        if kind == REDO:
            self._write(payload)
        elif kind == LOG:
            self._begin_log(json.loads(payload))
        elif kind == SWITCH:
            self._end_log(json.loads(payload))
        elif kind == END:
            raise ConnectionError("the primary ended the connection")
        else:
            raise TbrError(1030, kind[0], REDO[0])

    def _acknowledge(self, channel: Channel) -> None:
        database = self._database()
        position = POSITION.pack(self.seq, self.offset, self.primary_tsn)
        channel.send(ACK, position + POSITION.pack(database.position[1], database.position[2], database.tsn))

    def _write(self, payload: bytes) -> None:
        seq, offset, tsn = POSITION.unpack_from(payload)
        data = payload[POSITION.size :]
        if seq != self.seq or offset != self.offset or self.files is None:
            raise TbrError(1030, REDO[0], REDO[0])
        if offset + len(data) > self.files.group.size:
            raise TbrError(1132)
        self.files.write(offset, data)
        self.offset += len(data)
        self.primary_tsn = tsn
        self._fresh.append((seq, offset, data))

    def _begin_log(self, values: dict[str, Any]) -> None:
        """Redo of log `seq` follows: continue the local log of that sequence, or take the next free group."""
        database = self._database()
        control = database.control.state
        seq = values["seq"]
        if self.files is not None and self.files.group.seq == seq:
            return
        if self.files is not None:
            self.files.close()
            self.files = None
        pool = control.standby_groups() if self._uses_standby_groups() else control.online()
        have = next((group for group in control.groups if group.seq == seq and group.end is None), None)
        if have is not None:
            self.files = GroupFiles(have)
            self.files.cut(max(self.offset, HEADER_SIZE))
            return
        if self.offset > HEADER_SIZE:
            raise TbrError(1036)
        newest = max((group for group in pool if group.seq), key=lambda each: each.seq, default=None)
        group = next_group(pool, newest)
        self._wait_reusable(group)
        with database.control.update():
            group.seq, group.first_tsn, group.first_time = seq, values["first_tsn"], values["first_time"]
            group.end, group.next_tsn, group.archived = None, 0, False
            files = GroupFiles(group)
            header = header_for(control, group)
            header.branch, header.resetlogs = values["branch"], values["resetlogs"]
            files.write(0, header.encode())
            files.cut(HEADER_SIZE)
        self.files = files

    def _uses_standby_groups(self) -> bool:
        control = self._database().control.state
        return control.standby_thread and bool(control.standby_groups()) and self.instance.uses_standby_redo()

    def _wait_reusable(self, group: LogGroup) -> None:
        database = self._database()
        while not reusable(database.control.state, group):
            if self._stop.is_set():
                raise ConnectionError("stopped")
            database.request_checkpoint()
            database.wake_archiver()
            with database.progress:
                database.progress.wait(0.05)

    def _end_log(self, values: dict[str, Any]) -> None:
        """The primary closed log `seq`: close ours, archive it, go to the next."""
        database = self._database()
        if values["seq"] != self.seq or values["end"] != self.offset:
            raise TbrError(1030, SWITCH[0], SWITCH[0])
        if self.files is not None:
            self.files.sync()
            close_group(database, self.files, values["end"], values["next_tsn"])
            self.files.close()
            self.files = None
        self._fresh.append((self.seq + 1, HEADER_SIZE, b""))
        self.seq, self.offset = self.seq + 1, HEADER_SIZE
        self._publish()  # the next group may only become free when SMR has applied this log
        database.wake_archiver()
        database.request_checkpoint()

    # ------------------------------------------------------------------ SMR
    def _apply_loop(self) -> None:
        while True:
            with self._queue_cond:
                while not self._queue:
                    if self._stop.is_set() and not self._threads[0].is_alive():
                        return
                    self._queue_cond.wait(0.2)
                batch = list(self._queue)
            delay = self.instance.seconds("apply_delay")
            if delay:
                self._stop.wait(delay)
            try:
                with self.apply_lock:
                    self._apply(batch)
            except (TbrError, OSError, ValueError) as error:
                self.instance.crash(f"SMR: {error}")
                return
            with self._queue_cond:
                del self._queue[: len(batch)]
                self._queue_cond.notify_all()

    def _apply(self, batch: list[tuple[int, int, bytes]]) -> None:
        """Apply received bytes record by record; a record that is not complete yet waits for the rest."""
        database = self._database()
        engine = self.instance.engine
        records = []
        for seq, offset, data in batch:
            if (seq, offset) != self._rest_at:
                self._rest = b""
            buffer = self._rest + data
            base = offset - len(self._rest)
            used = 0
            for record in redolog.parse(buffer, base, seq):
                used = record.end - base
                records.append(record)
            self._rest = buffer[used:]
            self._rest_at = (seq, offset + len(data))
        if engine is not None and records:
            with engine.gate.applying():
                for record in records:
                    database.apply(record)
                engine.touch()
        else:
            for record in records:
                database.apply(record)
        database.received = self._rest_at
        if not self._rest and not database.partial:
            with database.state_lock:
                database.position = [database.tsn, *self._rest_at]


def sync_groups(instance: Instance) -> None:
    """Make the control file's view of the log files agree with the files (after a copy, or a crash between two writes).

    Raises: TBR-1024 when a log file is not there.
    """
    database = instance.database
    assert database is not None
    branches = [each[0] for each in database.control.state.branches]
    with database.control.update() as control:
        for group in control.groups:
            if not any(os.path.exists(name) for name in group.members):
                raise TbrError(1024, "open failed", group.members[0])
            header = None
            for name in group.members:
                try:
                    header = redolog.read_header(name)
                    break
                except (OSError, redolog.LogError):
                    continue
            if header is None or header.dbid != control.dbid or header.branch not in branches:
                if control.role != "PRIMARY":
                    group.seq, group.end, group.archived = 0, None, True
                continue
            if header.seq == group.seq and header.end == group.end:
                continue
            group.seq, group.end, group.first_tsn, group.next_tsn = (
                header.seq,
                header.end,
                header.first_tsn,
                header.next_tsn,
            )
            group.first_time = header.first_time
            group.archived = (
                not control.archivelog or control.archive_with(header.seq) is not None or header.end is None
            )


def settle_old_logs(database: Database) -> None:
    """On a standby: logs older than the receive position that were copied while current are no longer needed."""
    with database.control.update() as control:
        for group in control.groups:
            if group.seq and group.end is None and group.seq < database.received[0]:
                group.end, group.archived = HEADER_SIZE, True
