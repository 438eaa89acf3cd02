# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire between tbsql and the server: one JSON object per line over TCP. Invented; the real protocol is not
imitated.

Client: hello {"user", "password", "db_name", "program"} -> {"ok": true, ...} or {"code", "text"};
then {"op": "execute", "sql"} -> {"columns", "rows", "message", "row_count"} or {"code", "text"}, and {"op": "ping"}.
"""

from __future__ import annotations

import json
import socket
from typing import Any, NamedTuple

MAX_LINE = 256 * 1024 * 1024

LOGOUT_SECONDS = 5.0


class WireError(Exception):
    """A refusal by the server: `code` and `text` as in `TBR-<code>: <text>`."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text
        super().__init__(f"TBR-{code}: {text}")


class Result(NamedTuple):
    """Answer to one statement.

    columns: [{"name", "type", "width", "precision"}] for a query, else []. rows: values as text or None.
    message: feedback of DDL and DML ("Table 'T1' created.", "5 rows inserted."), None for a query.
    """

    columns: list[dict[str, Any]]
    rows: list[list[str | None]]
    message: str | None
    row_count: int


def dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


class Client:
    """One session."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._reader = sock.makefile("rb", buffering=65536)
        self.server: dict[str, Any] = {}

    @classmethod
    def connect(
        cls, host: str, port: int, user: str, password: str, db_name: str, timeout: float | None = None
    ) -> Client:
        """Open a session.

        Args:
            timeout: seconds for connecting and for each answer; None waits for ever.
        Raises:
            OSError: nobody listens. WireError: the login is refused.
        """
        sock = socket.create_connection((host, port), timeout=timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = cls(sock)
        try:
            client.server = client._call({"user": user, "password": password, "db_name": db_name, "program": "tbsql"})
        except BaseException:
            client.close()
            raise
        return client

    def _call(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            self._sock.sendall(dumps(request))
            line = self._reader.readline(MAX_LINE)
        except TimeoutError:
            raise
        except OSError as error:
            raise WireError(2131, "Generic I/O error.") from error
        if not line.endswith(b"\n"):
            raise WireError(2131, "Generic I/O error.")
        answer: dict[str, Any] = json.loads(line)
        if "code" in answer:
            raise WireError(int(answer["code"]), str(answer["text"]))
        return answer

    def execute(self, sql: str) -> Result:
        """Run one statement. Raises WireError; 2131 when the server ended the session."""
        answer = self._call({"op": "execute", "sql": sql})
        return Result(answer["columns"], answer["rows"], answer["message"], answer["row_count"])

    def ping(self) -> None:
        self._call({"op": "ping"})

    def close(self) -> None:
        """Log out: the session is gone from the server when this returns, or LOGOUT_SECONDS have passed.

        A client that left at once would be seen in V$SESSION for a moment by the next one, on a busy host.
        """
        try:
            self._sock.shutdown(socket.SHUT_WR)
            self._sock.settimeout(LOGOUT_SECONDS)
            while self._sock.recv(65536):
                pass  # an answer nobody waited for
        except OSError:
            pass  # already gone, or the server does not answer: leaving must work still
        self._reader.close()
        self._sock.close()
