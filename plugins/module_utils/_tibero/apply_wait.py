# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Waiting on a standby until it has applied what the primary had (module tibero_apply_wait).

What is compared is the position that each member reports (the meaning of a standby's CURRENT_TSN is not documented: L).
"""

import re
from typing import Any, Callable, Dict, NamedTuple, Optional

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import DeadlineExceeded, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import STANDBY, MemberState
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock, Waited, wait_until
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import options
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.instance_tasks import observation
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import Seen, look

APPLY_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC,
    position={"type": "str", "required": True},
    apply_timeout={"type": "int", "default": 300},
)
_POSITION = re.compile(r"[0-9]+\Z")
#: Seconds between two looks at the standby.
INTERVAL = 0.5


class Reached(NamedTuple):
    """How far a member was seen, printed shortly in the error of a wait."""

    seen: Seen
    done: bool

    def __str__(self) -> str:
        state = self.seen.state
        shown = (("TSN", state.position), ("role", state.role), ("open mode", state.open_mode))
        return ", ".join(
            "{0} {1}".format(what, fact.value if fact.is_known else "UNKNOWN ({0})".format(fact.why))
            for what, fact in shown
        )


def checked_position(value: Any, whose: str, remedy: str) -> str:
    """A position that can be waited for. :raises UnknownState: when it is no number, for then nothing can be told."""
    text = str(value or "")
    if not _POSITION.match(text):
        raise UnknownState(
            seen="The position of {0} is {1!r}".format(whose, text),
            meaning="Whether a standby has passed it cannot be told",
            remedy=remedy,
        )
    return text


def await_position(
    client: Tibero,
    position: str,
    limit: float,
    what: str,
    remedy: str,
    also: Callable[[MemberState], bool] = lambda state: True,
    clock: Optional[Clock] = None,
) -> "Waited[Reached]":
    """Wait until the reported position is ``position`` or later and ``also`` holds.

    :raises DeadlineExceeded: with the position and state last seen.
    """

    last: Dict[str, Any] = {}

    def reached() -> Reached:
        seen = look(client)
        state = seen.state
        last["state"] = state.as_dict()
        own = str(state.position.value) if state.position.is_known else ""
        return Reached(seen, bool(_POSITION.match(own)) and int(own) >= int(position) and also(state))

    try:
        return wait_until(reached, lambda seen: seen.done, limit, what, remedy, interval=INTERVAL, clock=clock)
    except DeadlineExceeded as error:
        # The table of members still shows what was seen.
        error.details.update(last)
        raise


def await_applied(context: Context, clock: Optional[Clock] = None) -> Outcome:
    """Wait, then return the standby as it is seen; see the module's documentation."""
    params = context.params
    client = options.client_of(context)
    position = checked_position(
        params["position"], "the primary", "See why with playbooks/status.yml; the primary must be open and readable"
    )
    if context.check_mode:
        return Outcome(False, dict(observation(client, look(client)), duration=0.0))
    waited = await_position(
        client,
        position,
        float(params["apply_timeout"]),
        "{0} to be a standby that has applied TSN {1}, where the primary was".format(client.tb_sid, position),
        "Raise standby_apply_timeout ({0} s now) if the last position grows from run to run and run again; else redo does not "
        "arrive or is not applied: read sys.log below {1}/log/slog and V$STANDBY_DEST of the primary".format(
            params["apply_timeout"], client.instance_directory
        ),
        lambda state: state.role.equals(STANDBY),
        clock,
    )
    values = observation(client, waited.value.seen)
    return Outcome(False, dict(values, duration=round(waited.duration, 3)))
