# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What the modules tibero_instance and tibero_instance_info do."""

from typing import Any, Dict, List, Optional

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import DeadlineExceeded, StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import STOPPED, UNKNOWN
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock, wait_until
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import (
    cold_copy,
    fence,
    options,
    role_change_task,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.decide_boot import (
    ALWAYS,
    BELOW,
    BOOT_MODES,
    DOWN_MODES,
    NEVER,
    Wish,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.drive import LASTING_ERRORS, ensure
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import Seen, held_age, look, running

#: Conflict 5 of the reference: 7 and late 6 without underscore, 6 by its manual with one.
REDO_PARAMETERS = ("USE_STANDBY_REDO_LOG", "_USE_STANDBY_REDO_LOG")
#: Parameters of the tip that a role change is decided on. Those of the running instance may be older.
TIP_PARAMETERS = ("LOG_REPLICATION_MODE", "STANDBY_USE_OBSERVER")

INSTANCE_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC,
    state={"type": "str", "choices": ["started", "stopped"], "default": "started"},
    mode={"type": "str", "choices": list(BOOT_MODES)},
    down_mode={"type": "str", "choices": list(DOWN_MODES), "default": "immediate"},
    restart={"type": "str", "choices": [NEVER, BELOW, ALWAYS], "default": BELOW},
    clean_garbage={"type": "bool", "default": False},
    stop_suspended={"type": "bool", "default": False},
)

INFO_SPEC: Dict[str, Any] = dict(options.COMMON_SPEC, settle_timeout={"type": "float", "default": 0.0})


def values_of(seen: Seen) -> Dict[str, Any]:
    """The return values that describe an observed instance, the same in every module."""
    state = seen.state
    alive = running(state)
    return {
        "state": state.as_dict(),
        "role": state.role.value if state.role.is_known else UNKNOWN,
        "open_mode": state.open_mode.value if state.open_mode.is_known else UNKNOWN,
        "running": UNKNOWN if alive is None else alive,
        "recorded_role": seen.record.role,
        "boot_request": seen.boot_word,
    }


def short(seen: Seen) -> Dict[str, Any]:
    """The part of the state that a diff shows."""
    return {name: value for name, value in values_of(seen).items() if name in ("role", "open_mode", "running")}


def ensure_instance(context: Context) -> Outcome:
    """Boot or stop; see the module's documentation."""
    params = context.params
    wish = Wish(
        STOPPED if params["state"] == "stopped" else params["mode"],
        params["down_mode"],
        params["restart"],
        params["clean_garbage"],
        params["stop_suspended"],
    )
    driven = ensure(options.client_of(context), wish, context.check_mode)
    values = values_of(driven.after)
    values["steps"] = [step.as_text() for step in driven.steps]
    values["notes"] = list(driven.notes)
    before, after = short(driven.before), short(driven.after)
    if context.check_mode and driven.steps:
        after = dict(
            before,
            running=wish.mode != STOPPED,
            open_mode=STOPPED if wish.mode == STOPPED else "as after tbboot -t " + wish.mode.upper(),
        )
    return Outcome(driven.changed, values, before, after, "instance {0}".format(params["tb_sid"]), driven.notes)


def instance_info(context: Context) -> Outcome:
    """Observe; see the module's documentation. Never fails because the instance is down or silent."""
    client = options.client_of(context)
    seen = settled(client, context.params["settle_timeout"])
    values = observation(client, seen)
    values["held_age"] = held_age(seen).as_dict()
    values["tip"] = {name: _from_tip(client, name) for name in TIP_PARAMETERS}
    return Outcome(False, values)


def settled(client: Tibero, timeout: float, clock: Optional[Clock] = None) -> Seen:
    """An observation that is not made in the middle of a boot or a shutdown, such as one that a run began which was interrupted.

    Both take seconds, in which the server runs and takes no login. A wrong password stays wrong: nothing is waited for.

    :arg timeout: seconds; 0 looks once.
    :returns: what was seen last, at the latest at the limit; a caller judges an instance that is still silent as it would without a wait.
    """
    last: List[Seen] = []

    def observe() -> Seen:
        last[:] = [look(client)]
        return last[0]

    def is_settled(seen: Seen) -> bool:
        return not running(seen.state) or bool(seen.answers) or seen.login in LASTING_ERRORS

    try:
        wait_until(observe, is_settled, timeout, "the instance to start or to stop", "", interval=0.5, clock=clock)
    except DeadlineExceeded:
        pass  # what was seen last is the answer
    return last[0]


def observation(client: Tibero, seen: Seen) -> Dict[str, Any]:
    """The return values of an observation, on which the plan and the table of members rest."""
    values = values_of(seen)
    values["cold_copy"] = {} if values["running"] is True else cold_copy.pending(client)
    # Another TB_HOME than the description's is told from a host without a database.
    elsewhere = () if values["running"] is True else client.strangers()
    values["elsewhere"] = [dict(stranger._asdict()) for stranger in elsewhere]
    values["role_change"] = role_change_task.seen_by(client)
    values["fenced"] = fence.seen_by(client)
    values["rebuild"] = seen.record.rebuild
    values["standby_redo_parameter"] = redo_parameter_of(client)
    return values


def _from_tip(client: Tibero, name: str) -> str:
    try:
        return client.parameter(name).strip().strip('"').upper()
    except StandbyError:
        return UNKNOWN


def redo_parameter_of(client: Tibero) -> str:
    """Which of the two parameters for standby redo logs is on in the tip, "" for none; the tip also tells it of a stopped instance."""
    try:
        on = [name for name in REDO_PARAMETERS if client.parameter(name).strip('" ').upper().startswith("Y")]
    except StandbyError:
        return ""
    return on[0] if on else ""
