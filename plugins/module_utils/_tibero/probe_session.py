# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""A client session of the probe for Tibero: one ``tbsql`` that stays, and a line of conversation for each request.

The program is started once, see :mod:`conversation`, and each part of a request has an answer of its own. INSERT and COMMIT are two statements, and only
``Commit completed.`` is an acknowledgement (recording t7-tbrmgr-banner-and-tablespace-ddl: H): with ``SET AUTOCOMMIT ON`` the reply to the INSERT
could come before its commit, which nothing documents (L). ``SET EXITCOMMIT OFF`` keeps a ``CONN`` or the end of the program from committing
what was left open (utility guide: H; that CONN counts as an end: L).

A session that ran into its time limit is killed with its program and never asked again, so it cannot commit later by our doing.
"""

import errno
import os
import socket
from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple, TypeVar

from ansible_collections.firedrill.standby.plugins.module_utils._core.ledger import ACKED, FAILED, TABLE, UNKNOWN
from ansible_collections.firedrill.standby.plugins.module_utils._core.probe_session import (
    CONNECT_LIMIT,
    READABLE,
    STATEMENT_LIMIT,
    WRITABLE,
    Answer,
    Request,
    Session,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Spawner
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.conversation import Conversation, Gone
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import marks, tbsql

#: Version of the driver: the conversation and its table of certain failures. It stands in every ledger.
DRIVER = "tbsql-conversation/1"
#: How long tbsql may take until it takes a command.
LAUNCH_LIMIT = 10 * 10**9
#: Between two starts of the program for one session, so that a program that dies at once is not started in a circle.
LAUNCH_INTERVAL = 10**9
_Part = TypeVar("_Part")

#: How the probe works, as group I of the evidence tells it; what each says is in this file.
METHOD: Mapping[str, Any] = {
    "mix": "a write is one row inserted and its own commit, a read is one row asked for; a session that stays for each stream",
    "isolation": "the default of the server, which is not asked",
    "ack_rule": "one row inserted and 'Commit completed.' printed by tbsql, without any error",
    "limits": {"connect_ns": CONNECT_LIMIT, "statement_ns": STATEMENT_LIMIT},
    "retry_policy": "none: an operation is sent once; a session that got no answer in time is ended and opened anew",
}


class Rule(NamedTuple):
    """Why an error of the INSERT itself is a certain failure: the mark of its number and text, and the reason in words."""

    mark: str
    why: str


#: Errors of the *INSERT* after which it is certain that no row was written. Numbers and texts are the vendor's catalogue (C) or recorded (H);
#: that the server says them before anything is written follows from their texts. An error that is not here is UNKNOWN: above all 2131
#: (connection lost, H), 12039 (server is shutting down, C) and everything that COMMIT says. The table is for versions 6 and 7.
CERTAIN: Mapping[int, Rule] = {
    7501: Rule("C", "a standby in replication refuses the statement"),
    8004: Rule("H", "the statement did not get past the parser"),
    8142: Rule("C", "the boot mode admits no DML"),
    12028: Rule("C", "NOMOUNT admits DDL only"),
    17003: Rule("C", "the account has no right to write there"),
    21042: Rule("C", "no transaction begins in read only mode"),
    70003: Rule("H", "tbsql itself did not know the command, so nothing was sent"),
    70004: Rule("H", "tbsql was not connected, so nothing was sent"),
}


def classify_insert(insert: str, commit: str) -> Answer:
    """What became of a row, from what tbsql printed for its INSERT and for its COMMIT.

    :returns: ACKED only for one row inserted and a completed commit without any error; FAILED only if the INSERT itself ended with an error of
        :data:`CERTAIN` and no row; UNKNOWN for everything else.
    """
    first, second = tbsql.parse(insert), tbsql.parse(commit)
    inserted = [feedback for feedback in first.feedback if feedback.verb == "inserted"]
    committed = [feedback for feedback in second.feedback if feedback.text.rstrip(".") == "Commit completed"]
    errors = first.errors + second.errors
    if not errors and committed and [feedback.affected for feedback in inserted] == [1]:
        return Answer(ACKED)
    if not errors:
        said = " ".join((insert + " " + commit).split())
        return Answer(UNKNOWN, "no confirmation that is known: {0}".format(said[:160]))
    if len(first.errors) == 1 and not inserted and first.errors[0].code in CERTAIN:
        return Answer(FAILED, _text(first.errors[0]))
    return Answer(UNKNOWN, _text(errors[0]))


def classify_read(said: str) -> Answer:
    """What became of a question: it was answered, or it was not; a read leaves nothing in doubt but one that had no answer in time."""
    run = tbsql.parse(said)
    if run.errors:
        return Answer(FAILED, _text(run.errors[0]))
    if [table for table in run.tables if table.selected is not None]:
        return Answer(ACKED)
    return Answer(UNKNOWN, "no answer that is known: {0}".format(" ".join(said.split())[:160]))


def _text(error: tbsql.Error) -> str:
    return "{0}-{1}: {2}".format(error.prefix, error.code, " ".join(error.text.split()))


def insert_of(request: Request, node: str) -> str:
    """The INSERT of a row; in lines, because the line length of tbsql is unknown."""
    texts = [marks.literal(text) for text in (request.uuid, request.payload, request.payload_hash, node or "-")]
    return (
        "INSERT INTO {0} (WRITER, SEQ, UUID, PAYLOAD, PAYLOAD_HASH, NODE, ROLE_EPOCH, DB_TS)\nVALUES ({1}, {2}, {3},\n{4},\n{5},\n{6}, {7}, "
        "SYSDATE);"
    ).format(TABLE, marks.literal(request.stream), request.seq, texts[0], texts[1], texts[2], texts[3], request.epoch)


def question_of(request: Request) -> str:
    """What a reader asks: one row by its key, whether it is there or not."""
    return "SELECT COUNT(*) AS FOUND FROM {0} WHERE WRITER = 'w00' AND SEQ = {1};".format(TABLE, request.seq)


#: Who answers, as it says itself; asked after the first success of a connection, so that one row and its line have no name. Column HOST_NAME is
#: recorded (H); the port tells members of one host apart, and an account that may not see it (M: SYS only) has none.
IDENTITY = (
    "SELECT '<<h|'||HOST_NAME||'>>' FROM V$INSTANCE;",
    "SELECT '<<p|'||VALUE||'>>' FROM _VT_PARAMETER WHERE NAME = 'LISTENER_PORT';",
)


def node_of(said: str, names: Mapping[str, str]) -> str:
    """The member that answered, from what :data:`IDENTITY` printed: its name where ``host:port`` or ``host`` is known, else what it said."""
    found = dict(cell.split("|", 1) for cell in marks.cells(said) if "|" in cell)
    host, port = found.get("h", ""), found.get("p", "")
    full = "{0}:{1}".format(host, port) if host and port else host
    return names.get(full) or names.get(host) or full


#: States. LAUNCHING: tbsql starts. IDLE: it runs, without a connection. READY: connected. IDENTIFYING: connected, and asks who answers. The
#: others have a request open.
_GONE, _LAUNCHING, _IDLE, _READY = "gone", "launching", "idle", "ready"
_KNOCKING, _CONNECTING, _IDENTIFYING, _ASKING = "knocking", "connecting", "identifying", "asking"
_BEFORE_SENDING = (_KNOCKING, _CONNECTING)


def _there(part: Optional[_Part]) -> _Part:
    """What a state of the conversation cannot be without."""
    if part is None:
        raise AssertionError("the session is in a state in which this must be there")
    return part


class TiberoSession(Session):
    """One tbsql.

    :arg client: the installation and the login, with the alias to connect through. :arg spawner: starts tbsql. :arg names: ``host:port`` or
        ``host`` -> member. :arg knock: address and port to try before each login, for a server that is expected to be down: a refused
        connection is then told without tbsql.
    """

    def __init__(
        self,
        client: Tibero,
        spawner: Spawner,
        names: Optional[Mapping[str, str]] = None,
        knock: Optional[Tuple[str, int]] = None,
        connect_limit: int = CONNECT_LIMIT,
        statement_limit: int = STATEMENT_LIMIT,
    ) -> None:
        self._client = client
        self._spawner = spawner
        self._names: Dict[str, str] = dict(names or {})
        self._knock = knock
        self._limits = {_KNOCKING: connect_limit, _CONNECTING: connect_limit}
        self._limits.update({_IDENTIFYING: LAUNCH_LIMIT, _ASKING: statement_limit, _LAUNCHING: LAUNCH_LIMIT})
        self._state = _GONE
        self._talk: Optional[Conversation] = None
        self._socket: Optional[socket.socket] = None
        self._request: Optional[Request] = None
        self._since = 0
        self._launched: Optional[int] = None
        self._node = ""
        self._identified = False

    # ---------------------------------------------------------------------------------------- what the probe calls

    def ready(self, now: int) -> bool:
        if self._state == _GONE:
            self._launch(now)
        return self._state in (_IDLE, _READY)

    def begin(self, request: Request, now: int) -> Optional[Answer]:
        self._request = request
        if self._state == _READY:
            return self._ask(now)
        if self._knock is not None:
            return self._begin_knock(now)
        return self._connect(now)

    def waits(self) -> Optional[Tuple[int, str]]:
        if self._socket is not None:
            return self._socket.fileno(), WRITABLE
        return (self._talk.fileno(), READABLE) if self._talk is not None else None

    def deadline(self) -> Optional[int]:
        limit = self._limits.get(self._state)
        return None if limit is None else self._since + limit

    def poll(self, now: int) -> Optional[Answer]:
        answer = self._poll_knock(now) if self._state == _KNOCKING else self._listen(now)
        moment = self.deadline()
        if answer is None and moment is not None and now >= moment:
            return self._over(now)
        return answer

    def close(self) -> None:
        self._drop_socket()
        if self._talk is not None:
            self._talk.end()
            self._talk = None
        self._state = _GONE

    # ---------------------------------------------------------------------------------------- the program

    def _launch(self, now: int) -> None:
        if self._launched is not None and now - self._launched < LAUNCH_INTERVAL:
            return
        self._launched = now
        try:
            self._talk = Conversation(self._client, self._spawner)
        except Gone:
            # No memory or no process left: the next slot tries again, and this one is missed as STARTING.
            return
        self._say(now, _LAUNCHING, ("SET EXITCOMMIT OFF", "SET LINESIZE 200"))

    def _say(self, now: int, state: str, *parts: Tuple[str, ...]) -> Optional[Answer]:
        """Send parts, and be in a state from now on."""
        self._state, self._since = state, now
        try:
            _there(self._talk).say(*parts)
        except Gone as gone:
            return self._lost(now, str(gone))
        return None

    def _listen(self, now: int) -> Optional[Answer]:
        if self._talk is None:
            return None
        try:
            return self._go_on(now, self._talk) if self._talk.answered() else None
        except Gone as gone:
            return self._lost(now, str(gone))

    def _go_on(self, now: int, talk: Conversation) -> Optional[Answer]:
        """The last fence of a state has come."""
        if self._state == _LAUNCHING:
            self._state = _IDLE
        elif self._state == _CONNECTING:
            return self._connected(now, talk.parts(1)[0])
        elif self._state == _IDENTIFYING:
            self._node, self._identified = node_of(talk.text(), self._names), True
            self._state = _READY
        elif self._state == _ASKING:
            return self._answered(now, talk)
        return None

    # ---------------------------------------------------------------------------------------- a request

    def _begin_knock(self, now: int) -> Optional[Answer]:
        place = _there(self._knock)
        self._socket = socket.socket(socket.AF_INET6 if ":" in place[0] else socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        code = self._socket.connect_ex(place)
        if code not in (0, errno.EINPROGRESS):
            return self._refused(code)
        self._state, self._since = _KNOCKING, now
        return None

    def _poll_knock(self, now: int) -> Optional[Answer]:
        knocking = _there(self._socket)
        code = knocking.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            return self._refused(code)
        try:
            knocking.getpeername()
        except OSError:
            return None
        self._drop_socket()
        return self._connect(now)

    def _refused(self, code: int) -> Answer:
        self._drop_socket()
        return self._done(_IDLE, FAILED, "connect: {0}".format(os.strerror(code)))

    def _drop_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self, now: int) -> Optional[Answer]:
        self._node, self._identified = "", False
        return self._say(now, _CONNECTING, (self._client.connect_line(),))

    def _connected(self, now: int, said: str) -> Optional[Answer]:
        run = tbsql.parse(said)
        if run.errors:
            return self._done(_IDLE, FAILED, "login: {0}".format(_text(run.errors[-1])))
        if not run.connected:
            return self._done(
                _IDLE, FAILED, "login: no connection that is known: {0}".format(" ".join(said.split())[:120])
            )
        return self._ask(now)

    def _ask(self, now: int) -> Optional[Answer]:
        request = _there(self._request)
        if request.kind == "read":
            return self._say(now, _ASKING, (question_of(request),))
        return self._say(now, _ASKING, (insert_of(request, self._node),), ("COMMIT;",))

    def _answered(self, now: int, talk: Conversation) -> Answer:
        reading = _there(self._request).kind == "read"
        answer = classify_read(talk.parts(1)[0]) if reading else classify_insert(*talk.parts(2))
        # After everything but a success the next request logs in anew: through an alias with failover it may find another member then.
        done = self._done(_READY if answer.outcome == ACKED else _IDLE, answer.outcome, answer.error)
        if answer.outcome == ACKED and not self._identified:
            # Only now: the first success after an outage must not wait for a question that no application asks.
            self._say(now, _IDENTIFYING, IDENTITY)
        return done

    def _done(self, state: str, outcome: str, error: str) -> Answer:
        self._state = state
        self._request = None
        return Answer(outcome, error, self._node)

    def _over(self, now: int) -> Optional[Answer]:
        """A time limit has passed: what was not sent has failed, what was sent is unknown."""
        limit = self._limits[self._state] // 10**6
        return self._lost(now, "no answer within {0} ms while {1}".format(limit, self._state))

    def _lost(self, now: int, why: str) -> Optional[Answer]:
        """The conversation is over; a new program is started at once, so that it is there for the next slot."""
        state, request, node = self._state, self._request, self._node
        knocking = state == _KNOCKING
        self._drop_socket()
        if knocking:
            return self._done(_IDLE, FAILED, why)
        self.close()
        self._request, self._node = None, ""
        self._launch(now)
        if request is None:
            return None
        return (
            Answer(FAILED, why + "; nothing was sent", node) if state in _BEFORE_SENDING else Answer(UNKNOWN, why, node)
        )
