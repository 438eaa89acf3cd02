# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start servers from JSON boot requests on free ports of 127.0.0.1 and talk to them over the wire: no command line
tools involved."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

EMULATOR = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(EMULATOR))

from claims import free_ports  # noqa: E402

from tibero_emulator import settings, wire  # noqa: E402
from tibero_emulator.server import launch  # noqa: E402

MEGA = 1024 * 1024


def wait_for(predicate: Callable[[], Any], seconds: float = 20.0, what: str = "") -> Any:
    """The first true value of the predicate; AssertionError with the last value after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or predicate}, last {value!r}")
        time.sleep(0.02)


class Node:
    """One TB_HOME with one instance."""

    def __init__(self, root: Path, sid: str = "tb", db_name: str = "orders", version: str = "7") -> None:
        self.root = root
        self.sid = sid
        self.version = version
        self.port = free_ports()
        self.data = root / "data"
        # no system script in these tests: the users it makes come with CREATE DATABASE
        self.settings: dict[str, Any] = {**settings.defaults(), "example_users_at_create": True}
        self.tip: dict[str, Any] = {
            "DB_NAME": db_name,
            "LISTENER_PORT": str(self.port),
            "LISTENER_IP": "127.0.0.1",
            "CONTROL_FILES": [str(self.data / "c1.ctl"), str(self.data / "c2.ctl")],
            "DB_CREATE_FILE_DEST": str(self.data),
            "LOG_ARCHIVE_DEST": str(self.data / "arch"),
            "MAX_SESSION_COUNT": "50",
        }
        self.events: list[dict[str, Any]] = []
        root.mkdir(parents=True, exist_ok=True)

    # ------------------------------------------------------------------ life
    def boot(self, mode: str = "NORMAL", timeout: float = 60.0) -> dict[str, Any]:
        """Boot and return the last event."""
        request = {
            "tb_home": str(self.root),
            "sid": self.sid,
            "mode": mode,
            "flag": "",
            "version": self.version,
            "tip": self.tip,
            "tip_path": str(self.root / "config" / f"{self.sid}.tip"),
            "settings": self.settings,
            "licence": {"product": "Tibero"},
        }
        environ = {**os.environ, "PYTHONPATH": str(EMULATOR)}
        self.events = list(launch.boot(request, timeout=timeout, environ=environ))
        return self.events[-1]

    def up(self, mode: str = "NORMAL") -> None:
        event = self.boot(mode)
        assert event["event"] == "up", (event, self.slog()[-2000:])

    def control(self, request: dict[str, Any], timeout: float | None = 60.0) -> dict[str, Any]:
        directory = os.open(self.root / "instance" / self.sid / "path", os.O_PATH)
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(timeout)
                sock.connect(f"/proc/self/fd/{directory}/control")
                sock.sendall(json.dumps(request).encode() + b"\n")
                answer: dict[str, Any] = json.loads(sock.makefile("rb").readline() or b"{}")
                return answer
        finally:
            os.close(directory)

    def down(self, mode: str = "IMMEDIATE") -> dict[str, Any]:
        pid = self.pid()
        answer = self.control({"op": "down", "mode": mode})
        if answer.get("event") == "terminated":
            wait_for(lambda: not alive(pid), what="end of the server process")
        return answer

    def pid(self) -> int:
        return int(self.proc_info()["pid"])

    def proc_info(self) -> dict[str, Any]:
        info: dict[str, Any] = json.loads((self.root / "instance" / self.sid / "path" / "proc_info").read_text())
        return info

    def running(self) -> bool:
        try:
            return alive(self.pid())
        except OSError:
            return False

    def kill(self) -> None:
        """kill -9, then what `tbdown clean` does."""
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not alive(pid), what="death of the server process")
        self.clean()

    def clean(self) -> None:
        for name in ("proc_info", "control"):
            (self.root / "instance" / self.sid / "path" / name).unlink(missing_ok=True)

    def status(self) -> dict[str, Any]:
        return self.control({"op": "status"})

    # ------------------------------------------------------------------ SQL
    def connect(self, user: str = "sys", password: str = "tibero", timeout: float | None = 60.0) -> wire.Client:
        return wire.Client.connect("127.0.0.1", self.port, user, password, self.tip["DB_NAME"], timeout)

    def sql(self, *statements: str, user: str = "sys", password: str = "tibero") -> wire.Result:
        """Run statements in one session; the last result."""
        client = self.connect(user, password)
        try:
            for statement in statements:
                result = client.execute(statement)
            return result
        finally:
            client.close()

    def value(self, statement: str, **login: str) -> str | None:
        return self.sql(statement, **login).rows[0][0]

    def refusal(self, *statements: str, **login: str) -> int:
        """The TBR number the last statement is refused with."""
        try:
            result = self.sql(*statements, **login)
        except wire.WireError as error:
            return error.code
        raise AssertionError(f"not refused: {statements[-1]} -> {result}")

    def create(self, archivelog: bool = True, log_mb: int = 5, options: str = "") -> None:
        """NOMOUNT, CREATE DATABASE, NORMAL."""
        self.up("NOMOUNT")
        pid = self.pid()
        groups = ", ".join(f"group {i} 'log{i}1.log' size {log_mb}M" for i in range(3))
        result = self.sql(
            f"create database user sys identified by tibero character set UTF8 logfile {groups} "
            f"{'archivelog' if archivelog else 'noarchivelog'} datafile 'system001.dtf' size 10M autoextend on next 5M "
            "default temporary tablespace TEMP tempfile 'temp001.dtf' size 5M "
            "undo tablespace UNDO datafile 'undo001.dtf' size 5M "
            f"default tablespace USR datafile 'usr001.dtf' size 10M autoextend on next 5M maxsize 500M {options}"
        )
        assert result.message == "Database created."
        wait_for(lambda: not alive(pid), what="end of the instance after CREATE DATABASE")
        self.up("NORMAL")

    def slog(self) -> str:
        path = self.root / "instance" / self.sid / "log" / "slog" / "sys.log"
        return path.read_text() if path.exists() else ""

    def stop_hard(self) -> None:
        """For teardown: end whatever runs, by recorded process ids."""
        try:
            info = self.proc_info()
        except OSError:
            return
        for pid in [info["pid"], *info["pids"]]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as handle:
            return handle.read().rsplit(b")", 1)[1].split()[0] != b"Z"
    except OSError:
        return False


def destination(target: Node, method: str) -> str:
    return f"127.0.0.1:{target.port + 4} {method}"


def clone(source: Node, target: Node) -> None:
    """Copy the database files of a stopped or backed-up source, hidden ones too, as the collection does."""
    if target.data.exists():
        shutil.rmtree(target.data)
    shutil.copytree(source.data, target.data)
    target.tip["STANDBY_FILE_NAME_CONVERT"] = f"{source.data}, {target.data}"


def make_standby(source: Node, target: Node) -> None:
    """Cold copy of a stopped source, converted and booted RECOVERY."""
    clone(source, target)
    target.up("MOUNT")
    assert target.sql("ALTER DATABASE STANDBY CONTROLFILE").message == "Database altered."
    assert target.down()["event"] == "terminated"
    target.up("RECOVERY")
