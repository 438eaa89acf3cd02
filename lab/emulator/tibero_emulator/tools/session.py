# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client session: alias -> connection -> statements, through the client of wire.py."""

from __future__ import annotations

import random
from typing import NamedTuple

from .. import messages, wire
from . import dsn


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
    """What CONNECT names. Double quotes around the user are kept: they keep its case on the server."""

    user: str
    password: str
    alias: str


class Session:
    """One logged-in connection."""

    def __init__(self, client: wire.Client, login: Login) -> None:
        self._client = client
        self.login = login
        self.alive = True

    def execute(self, sql: str) -> wire.Result:
        """Run one statement; raises ServerError, 2131 once the connection is lost."""
        if not self.alive:
            raise ServerError(2131, messages.text(2131))
        try:
            return self._client.execute(sql)
        except wire.WireError as error:
            self.alive = error.code != 2131
            raise ServerError(error.code, error.text) from error

    def close(self) -> None:
        """Leave: the server rolls back what was not committed."""
        self.alive = False
        self._client.close()


def open_session(tb_home: str, default_alias: str, login: Login) -> Session:
    """Log in through an alias of tbdsn.tbr (default: that of TB_SID).

    With USE_FAILOVER=Y the next instance is tried when one has no listener; LOAD_BALANCE=Y starts at any of them.

    Raises:
        ServerError: 2131 no listener at the target (recorded), 2173 alias unknown (number invented), or the server's
            own refusal.
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
            client = wire.Client.connect(target.host, target.port, login.user, login.password, target.db_name)
        except wire.WireError as error:
            raise ServerError(error.code, error.text) from error
        except OSError:
            continue
        return Session(client, login)
    raise ServerError(2131, messages.text(2131))
