# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the command line half share: recordings, a context, a server that plays back answers."""

from __future__ import annotations

import json
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tibero_emulator import settings as switches
from tibero_emulator.tools import common

EMULATOR = Path(__file__).resolve().parent.parent
RECORDINGS = EMULATOR.parent.parent / "tests" / "recordings" / "tibero"


def recording(name: str) -> str:
    """A recording without its first line."""
    return (RECORDINGS / f"{name}.txt").read_text(encoding="utf-8").split("\n", 1)[1]


def context(home: Path, version: str = "7", sid: str = "tibero", **changes: Any) -> common.Context:
    """A context over `home` with changed settings."""
    return common.Context(str(home), sid, version, {**switches.defaults(), **changes})


def home_with_dsn(home: Path, port: int, sid: str = "tibero", version: str = "7") -> Path:
    """A TB_HOME with what the client half needs: a version and an alias."""
    (home / "client" / "config").mkdir(parents=True, exist_ok=True)
    (home / "lib").mkdir(exist_ok=True)
    (home / "config").mkdir(exist_ok=True)
    (home / "lib" / "emulator_version").write_text(f"{version}\n")
    (home / "client" / "config" / "tbdsn.tbr").write_text(
        f"{sid}=((INSTANCE=(HOST=127.0.0.1)(PORT={port})(DB_NAME={sid})))\n"
    )
    return home


Answer = Callable[[str], dict[str, Any]]


class FakeServer(socketserver.ThreadingTCPServer):
    """Speaks the wire protocol: `answer(sql)` gives the reply; `logins` and `statements` keep what came."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, answer: Answer, login_error: tuple[int, str] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), FakeHandler)
        self.answer = answer
        self.login_error = login_error
        self.statements: list[str] = []
        self.logins: list[dict[str, Any]] = []


class FakeHandler(socketserver.StreamRequestHandler):
    """One connection of FakeServer."""

    server: FakeServer

    def handle(self) -> None:
        """Answer every line until the client leaves."""
        for line in self.rfile:
            request = json.loads(line)
            if request.get("op", "hello") == "hello":
                self.server.logins.append(request)
                error = self.server.login_error
                reply: dict[str, Any] = {"code": error[0], "text": error[1]} if error else {"ok": True}
            else:
                sql = request["sql"]
                self.server.statements.append(sql)
                reply = {"message": "Commit completed."} if sql == "COMMIT" else self.server.answer(sql)
                if "code" not in reply:
                    reply = {"columns": [], "rows": [], "message": None, "row_count": 0, **reply}
            self.wfile.write(json.dumps(reply).encode() + b"\n")


@contextmanager
def fake_server(answer: Answer, login_error: tuple[int, str] | None = None) -> Iterator[FakeServer]:
    """A FakeServer on a free port for the time of a with block."""
    server = FakeServer(answer, login_error)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def environment(home: Path, sid: str = "tibero", **more: str) -> dict[str, str]:
    """The environment of an emulator program run from the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TB_", "PYTHON"))}
    path = f"{home}/bin:{home}/client/bin:{kept.get('PATH', '')}"
    return {
        **kept,
        "PATH": path,
        "TB_HOME": str(home),
        "TB_SID": sid,
        "PYTHONPATH": str(EMULATOR),
        "TB_EMULATOR_PYTHON": sys.executable,
        **more,
    }


def run_tool(
    name: str, arguments: list[str], home: Path, typed: str = "", cwd: Path | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run one of the tools as a process from the checkout, with `typed` on its standard input."""
    return subprocess.run(
        [sys.executable, "-s", "-B", "-m", f"tibero_emulator.tools.{name}", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        env=environment(home, **more),
        cwd=cwd or home,
        timeout=60,
        check=False,
    )


def unpack(tarball: Path, folder: Path) -> None:
    """Unpack a tarball as our own roles do, with the tar of the host."""
    subprocess.run(["tar", "--extract", "--file", str(tarball), "--directory", str(folder)], check=True)


def unpacked(folder: Path, version: str) -> Path:
    """Pack the emulator and unpack it under `folder`; returns TB_HOME."""
    import pack

    path, _ = pack.pack(version, folder / "packed")
    unpack(path, folder)
    return folder / f"tibero{version}"
