# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login that sees the others out: who is ended and when, that it leaves last, and what it says when it cannot."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import escort as module
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Login, Tibero

PASSWORD = "geheim_Kennwort-7"
OURS = ("90", "4", "RUNNING", "SYS")
THREAD = ("1", "1", "RUNNING", "")


class Server:
    """A server with sessions, and the tbsql that talks to it. ``back``: whether a session that is ended logs in again while the server lets it."""

    def __init__(self, *others: tuple[str, str, str, str], back: bool = False, refuses: str = "") -> None:
        self.others = {each[0]: each for each in others}
        self.back = back
        self.refuses = refuses
        self.stopping = False
        self.takes_logins = 0
        self.ours = False
        self.dies = False
        self.killed: list[str] = []
        self.heard: list[str] = []
        self.command: Command | None = None
        self._out, self._in = os.pipe()
        os.set_blocking(self._out, False)

    # ---- what the escort calls

    def spawn(self, command: Command) -> Server:
        self.command = command
        return self

    def fileno(self) -> int:
        return self._out

    def say(self, data: bytes) -> None:
        if self.dies and self.ours:
            os.close(self._in)
            self._in = -1
            return
        statement = ""
        for line in data.decode().splitlines():
            self.heard.append(line)
            statement += line + " "
            if line.startswith("PROMPT "):
                os.write(self._in, (line.split(" ", 1)[1] + "\n").encode())
                statement = ""
            elif line.endswith(";") or line.startswith(("CONN", "SET")):
                os.write(self._in, self._answer(statement).encode())
                statement = ""

    def hear(self) -> bytes | None:
        try:
            return os.read(self._out, 65536)
        except BlockingIOError:
            return None

    def kill(self) -> None:
        for handle in (self._out, self._in):
            if handle >= 0:
                os.close(handle)

    # ---- what the server does

    def _answer(self, statement: str) -> str:
        if statement.startswith("CONN"):
            self.ours = not self.refuses
            return self.refuses or "Connected to Tibero.\n"
        if statement.startswith("EXIT"):
            self.ours = False
            return "Disconnected.\n"
        if not self.ours:
            return "" if statement.startswith("SET") else "TBS-70004: Not connected.\n"
        kill = re.match(r"ALTER SYSTEM KILL SESSION \((\d+), (\d+)\);", statement)
        if kill:
            return self._kill(kill.group(1))
        if "V$SESSION" in statement:
            rows = [THREAD, *self.others.values(), OURS]
            return "".join("<<session|{0}>>\n".format("|".join("=" + part for part in row)) for row in rows)
        return ""

    def _kill(self, number: str) -> str:
        self.killed.append(number)
        if number == OURS[0]:
            self.ours = False
            return "System altered.\n"
        if number not in self.others:
            return "TBR-590007: no such session.\n"
        session = self.others.pop(number)
        if self.back and (not self.stopping or self.takes_logins):
            self.takes_logins -= 1
            again = str(int(number) + 100)
            self.others[again] = (again, *session[1:])
        return "System altered.\n"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[str]:
    for name in ("tbsql", "tbdown"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text("")
    yield str(tmp_path)


def stop(home: str, server: Server, before: Callable[[], None] = lambda: None) -> module.Escort:
    """A SWITCHOVER stop that waits until every login has left, seen out by an escort."""

    def runner(command: Command) -> Completed:
        assert command.argv[-1] == "SWITCHOVER"
        server.stopping = True
        wait_until(lambda: not server.others and not server.ours, bool, 15.0, "everybody to leave", "", interval=0.02)
        return Completed(command.argv, 0, "", "", 0.1, False)

    client = Tibero(home, "orders", runner, Login("sys", PASSWORD))
    with module.Escort(client, server.spawn) as escort:  # type: ignore[arg-type]
        before()
        escort.client.run((escort.client.program("tbdown"), "-t", "SWITCHOVER"))
    return escort


APP = ("7", "9", "READY", "APP")


def test_others_are_ended_and_the_escort_leaves_last(home: str) -> None:
    server = Server(APP, ("8", "3", "READY", "APP"))
    escort = stop(home, server)
    assert server.killed == ["7", "8"] and escort.ended == 2
    assert server.heard[-1] == "EXIT;" and escort.notes == ["2 session(s) of others were ended while the stop waited"]


def test_the_password_is_on_the_standard_input_only(home: str) -> None:
    server = Server(APP)
    stop(home, server)
    assert server.command is not None and PASSWORD not in repr(server.command)
    assert next(line for line in server.heard if PASSWORD in line).startswith("CONN")


def test_nobody_is_ended_before_the_stop_has_begun(home: str) -> None:
    server = Server(APP, back=True)

    def looked_at_four_times() -> None:
        wait_until(
            lambda: len([line for line in server.heard if "V$SESSION" in line]), lambda count: count >= 4, 10.0, "", ""
        )
        assert server.ours and server.killed == []

    stop(home, server, looked_at_four_times)
    assert server.killed == ["7"]


def test_who_logs_in_again_during_the_stop_is_ended_again(home: str) -> None:
    """A server that takes logins during its stop, against what its catalogue says."""
    server = Server(APP, back=True)
    server.takes_logins = 3
    stop(home, server)
    assert server.killed == ["7", "107", "207", "307"] and not server.others


def test_nobody_leaves_before_the_stop_has_begun(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CALM", 0.0)
    server = Server()
    looks = lambda: len([line for line in server.heard if "V$SESSION" in line])  # noqa: E731
    stop(
        home,
        server,
        lambda: wait_until(looks, lambda count: count >= 4, 10.0, "four looks", "", interval=0.02) and None,
    )
    assert server.heard[-1] == "EXIT;" and server.killed == []


def test_several_that_stay_in_a_statement_are_all_ended_ours_among_them(
    home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CROWDED", 0.2)
    server = Server(("7", "9", "RUNNING", "APP"))
    escort = stop(home, server)
    assert server.killed == ["7", OURS[0]]
    assert "1 session(s) did not leave their statement" in escort.notes[0] and escort.ended == 1


@pytest.mark.parametrize(
    ("server", "match"),
    [
        (
            Server(refuses="TBR-17001: Login failed: invalid user name or password.\n"),
            "it could not log in: Login failed",
        ),
        (Server(refuses="What is this?\n"), "no connection that is known"),
    ],
)
def test_without_a_login_the_stop_does_not_begin(home: str, server: Server, match: str) -> None:
    with pytest.raises(module.Gone, match=match):
        stop(home, server)
    assert not server.stopping


def test_a_program_that_cannot_be_started_is_told(home: str) -> None:
    def spawner(command: Command) -> Any:
        raise OSError(12, "Cannot allocate memory")

    with pytest.raises(module.Gone, match="tbsql cannot be started"):
        module.Escort(
            Tibero(
                home, "orders", lambda command: Completed(command.argv, 0, "", "", 0.0, False), Login("sys", PASSWORD)
            ),
            spawner,
        ).__enter__()


def test_a_program_that_dies_does_not_hang_the_stop(home: str) -> None:
    server = Server()
    server.dies = True
    released = threading.Event()

    def runner(command: Command) -> Completed:
        released.set()
        return Completed(command.argv, 0, "", "", 0.1, False)

    client = Tibero(home, "orders", runner, Login("sys", PASSWORD))
    with module.Escort(client, server.spawn) as escort:  # type: ignore[arg-type]
        escort.client.run((escort.client.program("tbdown"), "-t", "SWITCHOVER"))
    assert released.is_set() and re.search("tbsql ended|V.SESSION", escort.notes[0])
