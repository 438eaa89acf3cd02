# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The steps of a role change as one Tibero instance does them, and the order in which the vendor's manual wants them.

Switchover (H, MAN): ``tbdown -t SWITCHOVER`` on the primary ships all redo and stops it; ``tbdown`` on the standby; the former primary
boots RECOVERY; the new one boots FAILOVER. The shorter order, FAILOVER before RECOVERY, stands in a course book only (conflict 3) and is
offered for PERFORMANCE alone: in the other modes a primary does not boot without its SYNC standby. It cannot prove what committed during the stop
(:func:`_proof`), so it needs role_change_accept_unproven too; the role says so before anything stops.
"""

import os
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
    StandbyError,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import STOPPED, Fact
from ansible_collections.firedrill.standby.plugins.module_utils._core.journal import Step
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Spawner, spawn
from ansible_collections.firedrill.standby.plugins.module_utils._core.stepper import Action
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import cold_copy
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.conversation import Gone
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.decide_boot import ALWAYS, BELOW, Wish
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.drive import Driven, ensure
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.escort import Escort
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import look

DEMOTE = "demote"
STOP = "stop"
FOLLOW = "follow"
PROMOTE = "promote"
RETURN = "return"
TAKE_OVER = "take_over"

#: What becomes of sessions that keep a SWITCHOVER stop waiting (it waits for all logins, H).
SESSIONS_REFUSE = "refuse"
SESSIONS_WAIT = "wait"
SESSIONS_DISCONNECT = "disconnect"
SESSION_POLICIES = (SESSIONS_REFUSE, SESSIONS_WAIT, SESSIONS_DISCONNECT)

#: C, catalogue: the control file is no standby's; the copy has redo of its own. Both say that this database is not one that follows.
NOT_A_STANDBY = (1127, 1036)


class Terms(NamedTuple):
    """What the operator allows: what becomes of sessions and for how many seconds they may stay, and whether a target may be promoted
    without proof that it holds every TSN."""

    sessions: str = SESSIONS_REFUSE
    session_deadline: float = 60.0
    accept_unproven: bool = False


def switchover(old: str, new: str, promote_first: bool = False) -> Tuple[Step, ...]:
    """The steps of a switchover.

    :arg promote_first: the shorter order, for PERFORMANCE only; the caller has checked that.
    """
    back = "boot {0} RECOVERY and then FAILOVER, as long as {1} was not promoted".format(old, new)
    parts = [
        (old, DEMOTE, "tbdown -t SWITCHOVER on {0}".format(old), back),
        (new, STOP, "tbdown on {0}".format(new), "boot {0} RECOVERY".format(new)),
        (old, FOLLOW, "tbboot -t RECOVERY on {0}".format(old), back),
        (new, PROMOTE, "tbboot -t FAILOVER on {0}".format(new), "none: the roles are changed; switch over again"),
    ]
    if promote_first:
        parts[2], parts[3] = parts[3], parts[2]
    return _numbered(parts)


def undo(old: str, new: str, returning: bool) -> Tuple[Step, ...]:
    """Take a switchover back: ``new`` is a standby as before, and ``old``, if it left, becomes the primary again.

    ``new`` follows first: its RECOVERY boot proves that it was not promoted, and in PROTECTION and AVAILABILITY the primary needs it.

    :arg returning: whether ``old`` is not the open primary.
    """
    parts = [(new, FOLLOW, "tbboot -t RECOVERY on {0}".format(new), "none needed")]
    if returning:
        way = "{0} becomes primary again: RECOVERY, then FAILOVER; NORMAL where it never became a standby"
        parts.append((old, RETURN, way.format(old), "none: {0} is primary as before".format(old)))
    return _numbered(parts)


def _numbered(parts: List[Tuple[str, str, str, str]]) -> Tuple[Step, ...]:
    return tuple(Step(number, *part) for number, part in enumerate(parts, 1))


def actions(client: Tibero, terms: Terms) -> Dict[str, Action]:
    """The actions by name, for one instance; the worker has them in memory, password included."""
    return {
        DEMOTE: lambda step, payload: _demote(client, terms),
        STOP: lambda step, payload: _stop(client, payload),
        FOLLOW: lambda step, payload: _follow(client),
        PROMOTE: lambda step, payload: _promote(client, terms, payload),
        RETURN: lambda step, payload: _return(client),
        TAKE_OVER: lambda step, payload: _take_over(client, payload),
    }


def prepare(client: Tibero, change_steps: List[Step], terms: Terms, act: bool) -> List[str]:
    """Before anything stops: refuse what would leave the change hanging, and make the outage short.

    :arg change_steps: the steps of this member that are to run. :arg act: False looks only. :returns: remarks.
    :raises Refusal: an Observer is configured, a hot backup is open, or sessions are connected and may not be.
    """
    observer = client.parameter("STANDBY_USE_OBSERVER").strip().upper()
    if observer not in ("", "N"):
        raise Refusal(
            seen="The tip of {0} has STANDBY_USE_OBSERVER={1}".format(client.tb_sid, observer),
            meaning="Roles of this cluster are changed by its Observer; a manual change beside it can trigger an automatic failover",
            remedy="Run `cmrctl switchover --tscid <TSC_ID>` on the Observer; see the ids with `cmrctl show` there",
        )
    if DEMOTE not in [step.action for step in change_steps]:
        return []
    state = look(client).state
    if state.backup_open.equals(True) or not state.backup_open.is_known:
        raise Refusal(
            seen="{0}: hot backup open is {1!r}".format(client.tb_sid, state.backup_open),
            meaning="The server refuses a clean stop while files are in backup mode (TBR-24029)",
            remedy="End the backup: firedrill.standby.tibero_hot_backup with state absent",
        )
    if terms.sessions == SESSIONS_REFUSE:
        _refuse_sessions(client)
    if not act:
        return []
    # What is not written yet would be written while clients wait.
    client.execute("ALTER SYSTEM SWITCH LOGFILE", ("altered", "switched"))
    client.execute("ALTER SYSTEM CHECKPOINT", ("altered",))
    return ["A log switch and a checkpoint were made before the outage"]


def _refuse_sessions(client: Tibero) -> None:
    found = cold_copy.other_sessions(client)
    if found:
        raise Refusal(
            seen="{0} session(s) are connected to {1}: {2}".format(
                len(found), client.tb_sid, cold_copy.session_text(found)
            ),
            meaning="A SWITCHOVER stop waits until every login has left (H), so the outage would last as long as they stay",
            remedy="Stop the applications, or set role_change_sessions to wait or disconnect",
            details={"sessions": found},
        )
    if found is None:
        raise UnknownState(
            seen="The sessions of {0} cannot be listed".format(client.tb_sid),
            meaning="Whether a SWITCHOVER stop would wait for logins is not known",
            remedy="Look at V$SESSION by hand, or set role_change_sessions to wait or disconnect",
        )


def control_file_stamps(client: Tibero) -> List[List[Any]]:
    """Path, size and time of change of each control file; a boot that opens them changes the time."""
    found: List[List[Any]] = []
    for path in client.control_files() or ():
        try:
            seen = os.stat(path)
            found.append([path, seen.st_size, seen.st_mtime_ns])
        except OSError:
            found.append([path, None, None])
    return found


def _demote(client: Tibero, terms: Terms) -> Dict[str, Any]:
    """Ship all redo and stop. What commits after the position was read is shipped by the stop itself (H)."""
    if terms.sessions == SESSIONS_WAIT:
        _await_sessions(client, terms.session_deadline)
    position = look(client).state.position
    if terms.sessions == SESSIONS_DISCONNECT and cold_copy.other_sessions(client) != []:
        driven, notes = _stop_escorted(client)
    else:
        driven, notes = ensure(client, Wish(STOPPED, "switchover")), []
    # By this a later reinstatement tells that nobody has booted it since, so that it may follow as it is.
    stop = {"position": _shown(position), "control_files": control_file_stamps(client)}
    return {"position": _shown(position), "notes": list(driven.notes) + notes, "switchover_stop": stop}


def _stop_escorted(client: Tibero, spawner: Spawner = spawn) -> Tuple[Driven, List[str]]:
    """The same while one login sees the others out."""
    try:
        with Escort(client, spawner) as escort:
            driven = ensure(escort.client, Wish(STOPPED, "switchover"))
    except Gone as gone:
        raise Refusal(
            seen="The sessions of {0} cannot be ended: {1}".format(client.tb_sid, gone),
            meaning="The primary was not stopped; nothing was changed",
            remedy="Stop the applications and run again",
        ) from gone
    return driven, escort.notes


def _await_sessions(client: Tibero, deadline: float) -> None:
    """Wait until only our own login is left."""

    def others() -> Optional[List[Dict[str, str]]]:
        return cold_copy.other_sessions(client)

    try:
        wait_until(others, lambda found: found == [], deadline, "sessions to leave", "", interval=0.5)
    except DeadlineExceeded as error:
        found = others()
        raise Refusal(
            seen="After {0:.0f} s sessions are still connected to {1}: {2}".format(
                deadline, client.tb_sid, cold_copy.session_text(found) if found else "they cannot be listed"
            ),
            meaning="The primary was not stopped; nothing was changed",
            remedy="Stop the applications, raise role_change_session_deadline, or set role_change_sessions to disconnect",
            details={"sessions": found or []},
        ) from error


def _stop(client: Tibero, payload: Mapping[str, Any]) -> Dict[str, Any]:
    """Stop a standby once it holds what the primary had, and say how far it came."""
    if look(client).state.process.equals(False):
        # It went down on the way: what it holds can only be asked while it runs.
        ensure(client, Wish("recovery", clean_garbage=True))
    wanted = _number(payload.get(DEMOTE, {}).get("position"))
    position = look(client).state.position
    if wanted is not None:
        position = wait_until(
            lambda: look(client).state.position,
            lambda seen: (_number(seen.value) or -1) >= wanted,
            client.timeout,
            "{0} to hold TSN {1} of the primary".format(client.tb_sid, wanted),
            "The primary shipped its redo and stopped; look at sys.log of this standby. Run the playbook again to go on or to go back",
            interval=0.1,
        ).value
    driven = ensure(client, Wish(STOPPED, "immediate"))
    return {"position": _shown(position), "notes": list(driven.notes)}


def _follow(client: Tibero) -> Dict[str, Any]:
    driven = ensure(client, Wish("recovery", restart=BELOW, clean_garbage=True, stop_suspended=True))
    return {"position": _shown(driven.after.state.position), "notes": list(driven.notes)}


def _promote(client: Tibero, terms: Terms, payload: Mapping[str, Any]) -> Dict[str, Any]:
    """Open a standby as the primary, once it is proven that it holds every TSN."""
    held = payload.get(STOP, {}).get("position")
    proof = _proof(client.tb_sid, payload, terms)
    driven = _open_as_primary(client, bool(payload.get(PROMOTE, {}).get("begun")))
    return {
        "branch_point": held,
        "position": _shown(driven.after.state.position),
        "proof": proof,
        "notes": list(driven.notes),
    }


def _open_as_primary(client: Tibero, begun_before: bool) -> Driven:
    """FAILOVER boot. An earlier one that broke off may have come far enough: then it is a primary by now, and the plan has proven that nobody
    else is."""
    try:
        return ensure(client, Wish("failover", restart=ALWAYS, clean_garbage=True, stop_suspended=True))
    except CommandFailed as error:
        if not (begun_before and is_no_standby(error)):
            raise
        return ensure(client, Wish("normal", restart=BELOW, clean_garbage=True))


def _take_over(client: Tibero, payload: Mapping[str, Any]) -> Dict[str, Any]:
    """Open a standby as the primary in place of one that is lost and fenced; what it may cost was decided before and is kept in the journal."""
    driven = _open_as_primary(client, bool(payload.get(TAKE_OVER, {}).get("begun")))
    return {
        "branch_point": payload.get(STOP, {}).get("position"),
        "position": _shown(driven.after.state.position),
        "evidence": payload.get("evidence", {}),
        "notes": list(driven.notes),
    }


def _proof(name: str, payload: Mapping[str, Any], terms: Terms) -> str:
    """How it is known that nothing is lost. The figures are reported TSNs; what a standby's means exactly is not documented (19.15, L).

    What committed after the position was read and before the stop was over shows only in what the former primary reports as a standby. In the shorter
    order that comes too late, and the server's own word that its stop ships all redo (H) is no proof, so that order needs the same consent.

    :raises Refusal: it is not proven, and that is not accepted.
    """
    held = _number(payload.get(STOP, {}).get("position"))
    last = _number(payload.get(DEMOTE, {}).get("position"))
    end = _number(payload.get(FOLLOW, {}).get("position"))
    text = (
        "it held TSN {0} when it stopped; the former primary reported {1} before its stop and {2} as a standby".format(
            "UNKNOWN" if held is None else held, "UNKNOWN" if last is None else last, "UNKNOWN" if end is None else end
        )
    )
    if end is None:
        text += "; what was committed while the former primary stopped is in neither figure"
    elif held is not None and held >= max(end, -1 if last is None else last):
        return text
    if terms.accept_unproven:
        return "NOT PROVEN, accepted by role_change_accept_unproven: " + text
    raise Refusal(
        seen="{0} is not proven to hold every TSN: {1}".format(name, text),
        meaning="Promoting it could lose what was committed last, so it was not promoted",
        remedy="Run the playbook again, which goes on or takes the change back, without role_change_promote_first, whose order proves less; promote "
        "without this proof only with role_change_accept_unproven: true, which is recorded",
    )


def _return(client: Tibero) -> Dict[str, Any]:
    """Make a former primary the primary again, in a plan that has proven that nobody was promoted meanwhile.

    A NORMAL boot after a completed SWITCHOVER stop is not documented (19.6). So the server is asked: it boots RECOVERY only after such a
    stop (H, MAN), and then FAILOVER is the documented way up; refused as no standby (C/L), it is the primary that it was.
    """
    try:
        ensure(client, Wish("recovery", restart=BELOW, clean_garbage=True, stop_suspended=True))
    except CommandFailed as error:
        if not is_no_standby(error):
            raise
        driven = ensure(client, Wish("normal", restart=BELOW, clean_garbage=True))
    else:
        driven = ensure(client, Wish("failover", restart=ALWAYS, stop_suspended=True))
    return {"position": _shown(driven.after.state.position), "notes": list(driven.notes)}


def is_no_standby(error: StandbyError) -> bool:
    """Whether a boot was refused because the database is not one that follows."""
    return error.details.get("code") in NOT_A_STANDBY


def _number(value: Any) -> Optional[int]:
    try:
        return int(str(value))
    except ValueError:
        return None


def _shown(position: "Fact[str]") -> str:
    return str(position.value) if position.is_known else "UNKNOWN"
