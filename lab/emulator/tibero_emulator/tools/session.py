# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client session: alias -> connection -> statements, over the JSON lines of wire.py."""

from __future__ import annotations

import json
import random
import socket
from typing import Any, NamedTuple

from .. import messages
from . import dsn

CONNECT_SECONDS = 10.0


class ServerError(Exception):
    """An error the server or the client library reports: catalogue number and text without its prefix."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    @property
    def line(self) -> str:
        """ "TBR-n: text", once."""
        if self.text.startswith(("TBR-", "TBS-")):
            return self.text
        return f"{messages.prefix(self.code)}-{self.code}: {self.text}"


class Login(NamedTuple):
    """What CONNECT names. Quotes around user or password are kept: they decide about case on the server."""

    user: str
    password: str
    alias: str


class Session:
    """One logged-in connection."""

    def __init__(self, connection: socket.socket, login: Login, target: dsn.Target) -> None:
        self._connection = connection
        self._reader = connection.makefile("r", encoding="utf-8")
        self.login = login
        self.target = target
        self.alive = True

    def request(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send one message and return the answer; raises ServerError for an error answer or a lost connection."""
        try:
            self._connection.sendall(json.dumps(message).encode("utf-8") + b"\n")
            line = self._reader.readline()
        except OSError:
            line = ""
        if not line:
            self.alive = False
            raise ServerError(2131, messages.text(2131))
        answer: dict[str, Any] = json.loads(line)
        if answer.get("code"):
            raise ServerError(int(answer["code"]), str(answer.get("text", "")))
        return answer

    def execute(self, sql: str) -> dict[str, Any]:
        """Run one statement: {"columns", "rows", "message", "row_count"}; raises ServerError."""
        return self.request({"op": "execute", "sql": sql})

    def close(self) -> None:
        """Leave: the server rolls back what was not committed."""
        self.alive = False
        try:
            self._reader.close()
            self._connection.close()
        except OSError:
            return


def _connect(target: dsn.Target, login: Login) -> Session:
    """Connect to one target and log in; raises OSError (no listener) or ServerError (login refused)."""
    connection = socket.create_connection((target.host, target.port), timeout=CONNECT_SECONDS)
    connection.settimeout(None)
    session = Session(connection, login, target)
    try:
        session.request({"op": "hello", "user": login.user, "password": login.password, "db_name": target.db_name})
    except ServerError:
        session.close()
        raise
    return session


def open_session(tb_home: str, default_alias: str, login: Login) -> Session:
    """Log in through an alias of tbdsn.tbr (default: that of TB_SID).

    With USE_FAILOVER=Y the next instance is tried when one has no listener; LOAD_BALANCE=Y starts at any of them.
    Raises:
        ServerError: 2131 no listener at the target (recorded), 2173 alias unknown (choice of the number invented), or the
            server's own refusal.
    """
    try:
        alias = dsn.lookup(tb_home, login.alias or default_alias)
    except dsn.DsnError as error:
        raise ServerError(2173, messages.text(2173)) from error
    targets = list(alias.targets)
    if alias.load_balance:
        start = random.randrange(len(targets))
        targets = targets[start:] + targets[:start]
    if not alias.use_failover:
        targets = targets[:1]
    for target in targets:
        try:
            return _connect(target, login)
        except OSError:
            continue
    raise ServerError(2131, messages.text(2131))
