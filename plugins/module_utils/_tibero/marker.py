# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""A marker row that travels: written on the primary, waited for on a standby, and removed. What the module tibero_marker does.

A standby in RECOVERY answers no query on tables, so there the position that it reports has to pass that of the marker (the meaning of a
standby's CURRENT_TSN is not documented: L); a standby that is open read only shows the row itself.
"""

import re
from typing import Any, Dict, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import options
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.apply_wait import (
    await_position,
    checked_position,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Query, Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import marks
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import look

WRITTEN = "written"
ARRIVED = "arrived"
ABSENT = "absent"
TABLE = "FIREDRILL_MARKER"

MARKER_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC,
    state={"type": "str", "choices": [WRITTEN, ARRIVED, ABSENT], "required": True},
    marker={"type": "str", "required": True},
    position={"type": "str"},
)
_MARKER = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")


def ensure_marker(context: Context) -> Outcome:
    """Write, await or remove the marker; see the module's documentation."""
    params = context.params
    client = options.client_of(context)
    name: str = params["marker"]
    if not _MARKER.match(name):
        raise Refusal(
            seen="marker is {0!r}".format(name),
            meaning="Allowed are up to 64 letters, digits, dots, dashes and underscores",
            remedy="Name the marker after the change",
        )
    if params["state"] == ARRIVED:
        return _await(context, client, name)
    seen = look(client).state
    if not seen.role.equals(facts.PRIMARY) or not seen.open_mode.equals(facts.READ_WRITE):
        raise UnknownState(
            seen="Role of {0} is {1!r}, open mode {2!r}".format(client.tb_sid, seen.role, seen.open_mode),
            meaning="Only an open primary takes a marker",
            remedy="See playbooks/status.yml for who is primary",
        )
    there = _exists(client)
    if params["state"] == ABSENT:
        if there and not context.check_mode:
            _run(client, ("DROP TABLE {0};".format(TABLE),))
        return Outcome(there, {"position": "", "read": False, "duration": 0.0})
    if context.check_mode:
        return Outcome(True, {"position": facts.UNKNOWN, "read": False, "duration": 0.0})
    statements = () if there else ("CREATE TABLE {0} (ID VARCHAR(64) PRIMARY KEY, WRITTEN_AT DATE);".format(TABLE),)
    insert = "INSERT INTO {0} VALUES ({1}, SYSDATE);".format(TABLE, marks.literal(name))
    _run(client, statements + (insert, "COMMIT;"))
    position = look(client).state.position
    return Outcome(
        True, {"position": position.value if position.is_known else facts.UNKNOWN, "read": False, "duration": 0.0}
    )


def _exists(client: Tibero) -> bool:
    answer = client.ask([Query("USER_TABLES", ("TABLE_NAME",), "TABLE_NAME = {0}".format(marks.literal(TABLE)))])[0]
    if not answer.is_known:
        raise UnknownState(
            seen="USER_TABLES of {0}: {1}".format(client.tb_sid, answer.why),
            meaning="Whether the table of the marker is there is not known",
            remedy="Look at the account's privileges; leave the marker out with role_change_marker: false",
        )
    return bool(answer.rows)


def _run(client: Tibero, statements: Tuple[str, ...]) -> None:
    """Statements in one login; the first error ends it with its meaning."""
    for reply in client.session(statements):
        if reply.run.errors:
            raise client.failed(reply.statement.rstrip(";"), reply.run.errors[0])


def _await(context: Context, client: Tibero, name: str) -> Outcome:
    """On a standby: the position has passed the marker's, and where the standby is readable the row is there."""
    text = checked_position(
        context.params.get("position"),
        "the marker",
        "Give the position that the primary returned when it wrote the marker",
    )
    if context.check_mode:
        return Outcome(False, {"position": text, "read": False, "duration": 0.0})
    waited = await_position(
        client,
        text,
        client.timeout,
        "{0} to have the marker {1} at TSN {2}".format(client.tb_sid, name, text),
        "Redo does not arrive or is not applied: look at playbooks/status.yml and at sys.log of this standby",
        lambda state: not state.open_mode.equals(facts.READ_ONLY) or _shows(client, name),
    )
    position = str(waited.value.seen.state.position.value)
    return Outcome(False, {"position": position, "read": _shows(client, name), "duration": round(waited.duration, 3)})


def _shows(client: Tibero, name: str) -> bool:
    """Whether the row can be read here; in RECOVERY no table can."""
    answer = client.ask([Query(TABLE, ("ID",), "ID = {0}".format(marks.literal(name)), again=False)])[0]
    return answer.is_known and len(answer.rows) == 1
