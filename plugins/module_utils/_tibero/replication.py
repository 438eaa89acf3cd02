# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Sending redo: the destinations and the protection mode of a running primary, and the read-only opening of a standby.

Destinations and mode are changed by ALTER SYSTEM while the primary runs (H, MAN, section "adding a standby"); the tip is changed apart from it,
because the server does not rewrite it (L). The mode is raised last, and the server itself refuses it while no standby receives synchronously.
"""

import re
from typing import Dict, List, Mapping, NamedTuple, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed, Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import member, options
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero

#: Modes in which redo is sent, from weakest to strongest (H, MAN).
MODES = ("PERFORMANCE", "AVAILABILITY", "PROTECTION")
_KEY = re.compile(r"^LOG_REPLICATION_DEST_[1-9]$")
#: Refusals that mean "not yet": 7514 standby not RUNNING, 7515 no LGWR SYNC standby, 7516 LNW not ready (C, catalogue).
NOT_YET = (7514, 7515, 7516)

REPLICATION_SPEC = dict(
    options.COMMON_SPEC,
    mode={"type": "str", "required": True, "choices": ["performance", "availability", "protection"]},
    destinations={"type": "dict", "required": True},
)
READ_ONLY_SPEC = dict(
    options.COMMON_SPEC, state={"type": "str", "default": "present", "choices": ["present", "absent"]}
)


class Step(NamedTuple):
    """One ALTER SYSTEM: the parameter, its value as the server shows it, and the statement."""

    key: str
    value: str
    statement: str


def plain(value: str) -> str:
    """A value as it compares: without quotes, blanks folded, upper case but for the host."""
    text = re.sub(r"\s+", " ", value.replace('"', "").strip())
    head, blank, tail = text.partition(" ")
    return head.lower() + blank + tail.upper() if ":" in head else text.upper()


def decide(live: Mapping[str, str], mode: str, destinations: Mapping[str, str]) -> List[Step]:
    """The statements that bring a running primary from its live parameters to the wanted ones.

    :arg live: running parameters by upper-case name. :arg mode: wanted LOG_REPLICATION_MODE. :arg destinations: wanted
        ``LOG_REPLICATION_DEST_n`` -> ``host:port TRANSPORT``.
    :returns: steps in a safe order: sending is switched on in PERFORMANCE, then destinations, then the wanted mode. A lower mode comes first, so
        that a destination that is about to change cannot stop the primary.
    :raises Refusal: for a key that is no destination.
    """
    bad = sorted(key for key in destinations if not _KEY.match(key))
    if bad:
        raise Refusal(
            seen="destinations holds {0}".format(", ".join(bad)),
            meaning="Only LOG_REPLICATION_DEST_1 to LOG_REPLICATION_DEST_9 are destinations",
            remedy="Correct the option destinations",
        )
    wanted = mode.upper()
    now = plain(live.get("LOG_REPLICATION_MODE", ""))
    modes: List[Step] = []
    first: List[Step] = []
    if now != wanted:
        step = Step("LOG_REPLICATION_MODE", wanted, "ALTER SYSTEM SET LOG_REPLICATION_MODE=" + wanted)
        lower = now in MODES and MODES.index(wanted) < MODES.index(now)
        (first if lower else modes).append(step)
        if now not in MODES and wanted != MODES[0]:
            first.append(Step("LOG_REPLICATION_MODE", MODES[0], "ALTER SYSTEM SET LOG_REPLICATION_MODE=" + MODES[0]))
        elif now not in MODES:
            first, modes = modes, []
    changes = [
        # Double quotes as the manual prints them (conflict 13 of the reference).
        Step(key, plain(value), 'ALTER SYSTEM SET {0} = "{1}"'.format(key, value.replace('"', "").strip()))
        for key, value in sorted(destinations.items())
        if plain(live.get(key, "")) != plain(value)
    ]
    return first + changes + modes


def _relevant(live: Mapping[str, str]) -> Dict[str, str]:
    """The parameters that a diff shows."""
    return {
        key: plain(value)
        for key, value in sorted(live.items())
        if key == "LOG_REPLICATION_MODE" or (_KEY.match(key) and value.strip())
    }


def _alter(client: Tibero, step: Step, timeout: float) -> None:
    """Run a step; a refusal that only means "not yet" is tried again until the deadline."""

    def attempt() -> Tuple[str, str]:
        try:
            client.execute(
                step.statement,
                ("altered",),
                proof=lambda: plain(client.live_parameters().get(step.key, "")) == plain(step.value),
            )
        except CommandFailed as error:
            if error.details.get("code") in NOT_YET:
                return "not yet", error.seen
            raise
        return "done", ""

    wait_until(
        attempt,
        lambda seen: seen[0] == "done",
        timeout,
        "{0} to be accepted".format(step.statement),
        "Check that the standby is booted RECOVERY and that its port is reachable from the primary, then run again",
        interval=1.0,
    )


def ensure_replication(context: Context) -> Outcome:
    """Bring destinations and mode of the running primary to what is wanted; see the module's documentation."""
    params = context.params
    client = options.client_of(context)
    state = member.observe(client)
    if not state.role.equals(facts.PRIMARY) or not state.open_mode.equals(facts.READ_WRITE):
        raise UnknownState(
            seen="Role of {0} is {1!r}, open mode {2!r}".format(client.tb_sid, state.role, state.open_mode),
            meaning="Destinations count on an open primary only (H, MAN: LOG_REPLICATION_* is ignored outside NORMAL mode)",
            remedy="Run this on the primary; playbooks/status.yml shows who that is",
            details={"state": state.as_dict()},
        )
    before = client.live_parameters()
    wanted = {str(key).upper(): str(value) for key, value in params["destinations"].items()}
    steps = decide(before, params["mode"], wanted)
    after: Mapping[str, str] = before
    if context.check_mode:
        after = dict(before, **{step.key: step.value for step in steps})
    elif steps:
        for step in steps:
            _alter(client, step, float(params["timeout"]))
        after = client.live_parameters()
        left = decide(after, params["mode"], wanted)
        if left:
            raise CommandFailed(
                seen="After {0} the server shows {1}".format(
                    "; ".join(step.statement for step in steps), _relevant(after)
                ),
                meaning="The statements were confirmed but the running values are others",
                remedy="Write the tip with firedrill.standby.tibero_tip and plan a restart of the primary",
                details={"left": [step.statement for step in left]},
            )
    extra = sorted(key for key, value in before.items() if _KEY.match(key) and value.strip() and key not in wanted)
    values = {"statements": [step.statement for step in steps], "extra": extra, "parameters": _relevant(after)}
    return Outcome(bool(steps), values, _relevant(before), _relevant(after), "running parameters of " + client.tb_sid)


def ensure_read_only(context: Context) -> Outcome:
    """Open a standby read only with apply going on, or bring it back to recovery; see the module's documentation."""
    client = options.client_of(context)
    state = member.observe(client)
    if not state.role.equals(facts.STANDBY) or state.open_mode.value not in (facts.RECOVERING, facts.READ_ONLY):
        raise UnknownState(
            seen="Role of {0} is {1!r}, open mode {2!r}".format(client.tb_sid, state.role, state.open_mode),
            meaning="Only a standby in recovery can be opened read only, and only such a one brought back",
            remedy="Boot the standby with `tbboot -t RECOVERY`; playbooks/status.yml shows what each member is",
            details={"state": state.as_dict()},
        )
    wanted = facts.READ_ONLY if context.params["state"] == "present" else facts.RECOVERING
    before = {"open_mode": state.open_mode.value}
    if state.open_mode.equals(wanted):
        return Outcome(False, {"open_mode": wanted}, before, before, client.tb_sid)
    if context.check_mode:
        return Outcome(True, {"open_mode": wanted}, before, {"open_mode": wanted}, client.tb_sid)
    # H, MAN: open read only. M, two independent notes: the way back. Replies are not recorded: "altered" is expected, and another text
    # without an error counts once the mode is seen.
    opening = (
        "ALTER DATABASE OPEN READ ONLY CONTINUE RECOVERY" if wanted == facts.READ_ONLY else "ALTER DATABASE STANDBY"
    )
    timeout = float(context.params["timeout"])
    client.execute(opening, ("altered",), proof=lambda: bool(_await_mode(client, wanted, timeout)))
    after = _await_mode(client, wanted, timeout)
    return Outcome(True, {"open_mode": wanted}, before, {"open_mode": after}, client.tb_sid)


def _await_mode(client: Tibero, wanted: str, timeout: float) -> str:
    """The open mode of the standby, once it is the wanted one."""
    seen = wait_until(
        lambda: member.observe(client),
        lambda state: state.open_mode.equals(wanted) and state.role.equals(facts.STANDBY),
        timeout,
        "{0} to be a standby that is {1}".format(client.tb_sid, wanted),
        "Read the instance's sys.log",
    ).value
    return str(seen.open_mode.value)
