# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server process `tbsvr`: boot request in, events out, sessions, control socket, end.

`python -m tibero_emulator.server.main --request-fd R --event-fd W` reads one JSON object from R and writes JSON
lines to W. Started by launch.boot(); nothing else should build this command line.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import threading
import traceback
from typing import Any

from tibero_emulator import wire
from tibero_emulator.server.errors import TbrError
from tibero_emulator.server.instance import Instance, Refused, Suspended, listen
from tibero_emulator.server.processes import Helpers, daemonize, set_title, title_of
from tibero_emulator.server.session import Session


class Server:
    """Everything around an Instance that is operating system."""

    def __init__(self, request: dict[str, Any], event_fd: int) -> None:
        self.request = request
        self._event_fd = event_fd
        self.path = os.path.join(request["tb_home"], "instance", request["sid"], "path")
        self.instance: Instance
        self.helpers = Helpers(request["mode"], request["sid"])
        self.ended = threading.Event()
        self.exit_code = 0
        self._end_lock = threading.Lock()
        self._control: socket.socket

    # ------------------------------------------------------------------ events
    def event(self, name: str, **values: Any) -> None:
        if self._event_fd >= 0:
            try:
                os.write(self._event_fd, json.dumps({"event": name, **values}).encode() + b"\n")
            except OSError:
                self.close_events()  # tbboot was killed; the boot goes on

    def close_events(self) -> None:
        if self._event_fd >= 0:
            os.close(self._event_fd)
            self._event_fd = -1

    # ------------------------------------------------------------------ run
    def run(self) -> int:
        """Boot and serve until the end. Returns the exit code."""
        mode = self.request["mode"]
        os.makedirs(self.path, exist_ok=True)
        self.instance = Instance(self.request)
        self.instance.on_crash = self.crash
        ports = self._ports()
        sockets = []
        try:
            for port in ports:
                sockets.append(listen(self.instance.params.text("LISTENER_IP"), port))
        except Refused as refused:
            for each in sockets:
                each.close()
            self.event("refused", code=refused.code, text=refused.text)
            return 1
        handover = self._spawn(sockets)
        self._write_proc_info(ports)
        self._control = self._listen_control()
        threading.Thread(target=self._accept, args=(handover,), name="accept", daemon=True).start()
        threading.Thread(target=self._serve_control, name="control", daemon=True).start()
        self.event("listening", ports=[ports[0]])
        refusal = self._boot(mode)
        if refusal is not None:
            self._finish()
            self.event("refused", code=refusal.code, text=refusal.text)
            return 1
        self.close_events()
        self.ended.wait()
        return self._finish()

    def _ports(self) -> list[int]:
        port = self.instance.params.number("LISTENER_PORT", 8629)
        return [port, self.instance.params.number("_LSNR_SPECIAL_PORT", port + 1)]

    def _spawn(self, sockets: list[socket.socket]) -> socket.socket:
        settings = self.instance.settings
        roles = ["tbsvr_MGWP"]
        roles += [f"tbsvr_FGWP{i:03d}" for i in range(int(settings["fgwp_processes"]))]
        roles += [f"tbsvr_PEWP{i:03d}" for i in range(int(settings["pewp_processes"]))]
        roles += ["tbsvr_AGNT", "tbsvr_DBWR", "tbsvr_RCWP"]
        self.helpers.spawn(roles)
        return self.helpers.spawn_listener(sockets)

    def _boot(self, mode: str) -> Refused | None:
        """Raise the instance; the refusal when it must end (told only when nothing is left)."""
        instance = self.instance
        try:
            instance.boot(mode)
        except Suspended as suspended:
            instance.slog("FRM", f"TBR-{suspended.code}: {suspended.text}")
            extra = suspended.extra
            self.event("suspended", mode=suspended.mode, code=suspended.code, text=suspended.text, extra=extra)
            self._write_proc_info(self._ports())
            return None
        except Refused as refused:
            instance.slog("FRM", f"{refused.code}: {refused.text}")
            return refused
        self._write_proc_info(self._ports())
        shown = "RECOVERY" if instance.state == "READ_ONLY" else instance.state
        self.event("up", mode=shown, flag=instance.flag)
        return None

    # ------------------------------------------------------------------ process information
    def _write_proc_info(self, ports: list[int]) -> None:
        standby = self.instance.params.number("_STANDBY_CONN_PORT", ports[0] + 4)
        info = {
            "pid": os.getpid(),
            "pids": self.helpers.pids,
            "mode": self.request["mode"],
            "state": self.instance.state,
            "flag": self.instance.flag,
            "sid": self.request["sid"],
            "started": self.instance.started,
            "ports": {"listener": ports[0], "special": ports[1], "standby": standby},
        }
        fresh = os.path.join(self.path, ".proc_info.new")
        with open(fresh, "w", encoding="utf-8") as handle:
            json.dump(info, handle)
        os.rename(fresh, os.path.join(self.path, "proc_info"))

    def _cleanup(self) -> None:
        """What a clean end removes."""
        for name in ("proc_info", "control"):
            try:
                os.unlink(os.path.join(self.path, name))
            except FileNotFoundError:
                continue

    # ------------------------------------------------------------------ sessions
    def _accept(self, handover: socket.socket) -> None:
        """Connections that tblistener hands over."""
        while True:
            try:
                peer, fds, _flags, _address = socket.recv_fds(handover, 128, 1)
            except OSError:
                return
            if not peer:
                return
            for fd in fds:
                sock = socket.socket(fileno=fd)
                threading.Thread(target=self._session, args=(sock, peer.decode()), name="session", daemon=True).start()

    def _session(self, sock: socket.socket, peer: str) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with sock, sock.makefile("rb", buffering=65536) as reader:
            try:
                self._talk(sock, reader, peer)
            except OSError:
                return  # the client is gone, or the server closed the connection

    def _talk(self, sock: socket.socket, reader: Any, peer: str) -> None:
        line = reader.readline(65536)
        if not line.endswith(b"\n"):
            return
        instance = self.instance
        try:
            hello = json.loads(line)
            session = instance.login(
                hello["user"], hello["password"], hello.get("db_name", ""), peer, hello.get("program", "")
            )
        except TbrError as error:
            sock.sendall(wire.dumps({"code": error.code, "text": error.text}))
            return
        except (ValueError, KeyError, TypeError):
            return
        session.on_close = lambda: _shut(sock)
        try:
            sock.sendall(wire.dumps({"ok": True, "version": instance.version, "session": session.number}))
            for request in reader:
                reply = self._answer(session, json.loads(request))
                sock.sendall(wire.dumps(reply))
                if session.ended.is_set():
                    return
                if instance.creating and instance.shutting_down:
                    return
        finally:
            instance.logout(session)
            if instance.creating and instance.shutting_down:
                self.end()

    def _answer(self, session: Any, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("op") == "ping":
            return {"ok": True}
        try:
            result: dict[str, Any] = session.execute(request["sql"])
            return result
        except TbrError as error:
            return {"code": error.code, "text": error.text}
        except Exception as error:  # noqa: BLE001  one statement must not take the server down
            self.instance.slog("FRM", "internal error: " + traceback.format_exc().replace("\n", " | "))
            return {"code": 590001, "text": f"Emulator: internal error {type(error).__name__}: {error}"}

    # ------------------------------------------------------------------ control socket
    def _listen_control(self) -> socket.socket:
        """A unix socket; its path may be longer than the system allows, so it is bound through the directory."""
        name = os.path.join(self.path, "control")
        try:
            os.unlink(name)
        except FileNotFoundError:
            pass  # the usual case
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        directory = os.open(self.path, os.O_PATH)
        try:
            sock.bind(f"/proc/self/fd/{directory}/control")
        finally:
            os.close(directory)
        sock.listen(16)
        return sock

    def _serve_control(self) -> None:
        while True:
            try:
                client, _peer = self._control.accept()
            except OSError:
                return
            threading.Thread(target=self._control_client, args=(client,), name="control client", daemon=True).start()

    def _control_client(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as reader:
            try:
                for line in reader:
                    request = json.loads(line)
                    if request.get("op") == "down":
                        self._down(client, str(request.get("mode", "NORMAL")).upper())
                        return
                    client.sendall(json.dumps(self._control_answer(request)).encode() + b"\n")
            except (OSError, ValueError):
                return

    def _control_answer(self, request: dict[str, Any]) -> dict[str, Any]:
        operation = request.get("op")
        if operation == "ping":
            return {"event": "pong"}
        if operation in ("status", "cm"):
            return self.instance.report()
        if operation == "sql":
            return self._local_sql(str(request.get("sql", "")))
        return {"event": "error", "code": 0, "text": f"unknown operation {operation!r}"}

    def _local_sql(self, sql: str) -> dict[str, Any]:
        """One statement as SYS for tbrmgr on this host, without a password: who may open the socket may (invented)."""
        session = Session(self.instance, 0, "SYS", "local", "tbrmgr")
        try:
            return {"event": "result", **self._answer(session, {"sql": sql})}
        finally:
            session.close()

    def _down(self, client: socket.socket, mode: str) -> None:
        """Shut down and answer. A requester that goes away abandons a waiting NORMAL, POST_TX or SWITCHOVER."""
        abandoned = threading.Event()
        if mode not in ("NORMAL", "POST_TX", "IMMEDIATE", "ABORT", "SWITCHOVER"):
            client.sendall(
                json.dumps({"event": "error", "code": 70028, "text": "Invalid shutdown mode."}).encode() + b"\n"
            )
            return
        if mode == "ABORT":
            self.instance.slog("FRM", "shutdown ABORT")
            client.sendall(json.dumps({"event": "terminated", "mode": mode}).encode() + b"\n")
            self.crash("ABORT")
            return
        threading.Thread(target=_watch, args=(client, abandoned), name="control watch", daemon=True).start()
        with self._end_lock:
            try:
                self.instance.shutdown(mode, abandoned)
            except TbrError as error:
                client.sendall(json.dumps({"event": "error", "code": error.code, "text": error.text}).encode() + b"\n")
                return
        self._cleanup()
        try:
            client.sendall(json.dumps({"event": "terminated", "mode": mode}).encode() + b"\n")
        finally:
            self.end()

    # ------------------------------------------------------------------ end
    def end(self) -> None:
        self.ended.set()

    def _finish(self) -> int:
        self._cleanup()
        self.helpers.stop()
        return self.exit_code

    def crash(self, reason: str) -> None:
        """End without cleaning up: leftovers stay, the next boot finds them."""
        for pid in self.helpers.pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        os._exit(1)


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # already closed


def _watch(client: socket.socket, abandoned: threading.Event) -> None:
    try:
        client.recv(1)
    except OSError:
        pass  # closed by us after the answer
    abandoned.set()


def main() -> int:
    parser = argparse.ArgumentParser(description="Tibero emulator server (an emulator, not Tibero); started by tbboot")
    parser.add_argument("--request-fd", type=int, required=True)
    parser.add_argument("--event-fd", type=int, required=True)
    parser.add_argument("--title-room", default="")
    arguments = parser.parse_args()
    with os.fdopen(arguments.request_fd, "rb") as handle:
        request = json.loads(handle.read())
    # tbboot names FAILOVER and RESETLOGS as NORMAL with a flag, and the word that was asked for beside it: the word is the boot mode here.
    request["mode"] = request.get("flag") or request["mode"]
    daemonize()
    os.set_inheritable(arguments.event_fd, False)
    set_title(title_of("tbsvr", request["mode"], request["sid"]), "tbsvr")
    server = Server(request, arguments.event_fd)
    try:
        code = server.run()
    except Exception as error:  # noqa: BLE001  tbboot must learn why
        server.event("refused", code=0, text=f"{type(error).__name__}: {error}")
        if hasattr(server, "instance"):
            server.instance.slog("FRM", "boot failed: " + traceback.format_exc().replace("\n", " | "))
        code = 1
    os._exit(code)


if __name__ == "__main__":
    main()
