# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""How the guard of a role change tries to write on a Tibero: it logs in as SYS and makes a table.

A table, because whoever makes one wrote, whatever else there is in the database; a row needs a table that is there already. One that was made is dropped at
once. What refuses it is told by the error of the statement, by the same table of errors as in a drill (:data:`probe_session.CERTAIN`), or by the login.
"""

import itertools
import socket
from typing import Any, Callable, Dict, Mapping, Optional, Sequence

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import DeadlineExceeded, StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.guard import (
    ACCEPTED,
    NO_ANSWER,
    REFUSED,
    UNCLEAR,
    Attempt,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import LoginFailed, Reply, Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.drive import LASTING_ERRORS
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.probe_session import CERTAIN

TABLE = "FIREDRILL_GUARD"
CREATE = "CREATE TABLE {0} (ID NUMBER);".format(TABLE)
DROP = "DROP TABLE {0};".format(TABLE)
#: Errors of CREATE TABLE after which it is certain that none was made: those of a row, 7004 (the boot mode admits no DDL: C).
REFUSALS = frozenset(CERTAIN) | {7004}
#: Seconds for the connection, and for a login with one statement.
CONNECT_LIMIT, STATEMENT_LIMIT = 2.0, 10.0

#: What the module gets: which members, and how they are reached from here.
MEMBER_SPEC: Dict[str, Any] = {
    "member": {"type": "str", "required": True},
    "alias": {"type": "str", "required": True},
    "host": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
}
GUARD_SPEC: Dict[str, Any] = {
    "members": {"type": "list", "elements": "dict", "options": MEMBER_SPEC, "required": True},
    "interval": {"type": "float", "default": 1.0},
    "limit": {"type": "float", "default": 120.0},
}


def attempts(client: Tibero, members: Sequence[Mapping[str, Any]]) -> Callable[[], Attempt]:
    """What tries once to write: on one member after the other.

    :arg client: of this host, with the login. :arg members: as in :data:`MEMBER_SPEC`, at least one.
    """
    turns = itertools.cycle(members)

    def attempt() -> Attempt:
        turn = next(turns)
        outcome, said = _knock(turn) or try_to_write(client.at(turn["alias"]))
        return Attempt(outcome, said if len(members) == 1 else "{0}: {1}".format(turn["member"], said))

    return attempt


def takers(seen: Mapping[str, Any]) -> str:
    """Who took a write, of those that a guard watched, by name."""
    if "," not in seen["member"]:
        return str(seen["member"])
    names = [said.split(":")[0] for outcome, said, _at in seen["said"] if outcome == ACCEPTED]
    return ", ".join(dict.fromkeys(names)) or str(seen["member"])


def _knock(member: Mapping[str, Any]) -> Optional[Attempt]:
    """What its port alone tells; None where somebody listens."""
    try:
        socket.create_connection((member["host"], member["port"]), CONNECT_LIMIT).close()
    except ConnectionRefusedError:
        return Attempt(REFUSED, "nobody listens")
    except OSError as error:
        return Attempt(NO_ANSWER, "connect: {0}".format(error.strerror or "timed out"))
    return None


def try_to_write(client: Tibero) -> Attempt:
    """Log in and make a table; what was made is removed again."""
    try:
        reply = client.session((CREATE,), deadline=STATEMENT_LIMIT)[0]
    except LoginFailed as error:
        # A login that fails for its password would fail on an open primary too.
        lasting = error.code in LASTING_ERRORS or not error.code
        return Attempt(UNCLEAR if lasting else REFUSED, "login: {0}".format(_short(error.seen)))
    except DeadlineExceeded as error:
        return Attempt(NO_ANSWER, _short(error.seen))
    except StandbyError as error:
        return Attempt(UNCLEAR, _short(error.seen))
    return _drop(client) if _made(reply) else _refused(reply)


def _made(reply: Reply) -> bool:
    return not reply.run.errors and any(each.verb == "created" for each in reply.run.feedback)


def _refused(reply: Reply) -> Attempt:
    errors = reply.run.errors
    if not errors:
        return Attempt(UNCLEAR, _short(reply.text))
    said = "{0}-{1}: {2}".format(errors[0].prefix, errors[0].code, _short(errors[0].text))
    return Attempt(REFUSED if errors[0].code in REFUSALS else UNCLEAR, said)


def _drop(client: Tibero) -> Attempt:
    try:
        gone = not client.session((DROP,), deadline=STATEMENT_LIMIT)[0].run.errors
    except StandbyError:
        gone = False
    left = "" if gone else ", and could not be dropped again"
    return Attempt(ACCEPTED, "the table {0} of {1} was made{2}".format(TABLE, client.login.user, left))


def _short(text: str) -> str:
    return " ".join(text.split())[:160]
