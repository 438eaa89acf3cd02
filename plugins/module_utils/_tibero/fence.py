# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Fencing one instance: it is stopped without mercy and kept from starting, whoever tries. What the module tibero_fence does.

Kept from starting means that its tip has another name: ``tbboot`` reads the tip before anything else, so no service unit, script or person boots
the instance by mistake. Taking the fence away gives the tip its name back.

Stopped means that none of its processes is left: neither a server nor what only a server's children are, which may still commit for the sessions
that they serve, nor a listener, nor a ``tbboot`` that had read the tip before.
"""

import json
import os
import signal
from typing import Any, Dict, List, Optional

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, journal
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
    StandbyError,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.fault_process import Family, System, Target
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import fault, options
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero

FENCED = "fenced"
ABSENT = "absent"
SUFFIX = ".fenced"
#: Behind the name of a hidden tip that a second one follows, which somebody made meanwhile.
OLDER = ".older"
#: Seconds that ABORT gets before the server's processes are killed: it is asked of an instance that may be sick.
ABORT_LIMIT = 20.0
#: Seconds for processes to be gone after SIGKILL.
KILL_LIMIT = 20.0

FENCE_SPEC: Dict[str, Any] = dict(
    options.INSTANCE_SPEC,
    state={"type": "str", "choices": [FENCED, ABSENT], "default": FENCED},
    reason={"type": "str", "default": ""},
)


def record_path(client: Tibero) -> str:
    """Where it is written down why an instance is fenced."""
    return os.path.join(client.record_directory, "fence.json")


def seen_by(client: Tibero) -> Dict[str, Any]:
    """Whether an instance is fenced: ``{tip, reason, at}``, empty when it is not."""
    hidden = client.tip_path + SUFFIX
    if not os.path.lexists(hidden):
        return {}
    record = detached.read_json(record_path(client)) or {}
    return {"tip": hidden, "reason": str(record.get("reason", "")), "at": str(record.get("at", ""))}


def ensure_fence(context: Context, proc: Optional[fault.Proc] = None, system: Optional[System] = None) -> Outcome:
    """Fence, or take the fence away; see the module's documentation. :arg proc, system: a test passes its own."""
    client = options.client_of(context)
    hunt = _Hunt(client, proc or fault.Proc(), system or System())
    before = seen_by(client)
    if context.params["state"] == ABSENT:
        return _lift(context, client, before)
    values: Dict[str, Any] = {"fenced": before, "killed": [], "tip": client.tip_path}
    # A tip beside the hidden one is a fence that somebody has taken away half.
    open_to_boots = os.path.lexists(client.tip_path) or not before
    warnings: List[str] = []
    if context.check_mode:
        left = hunt.look()
        if not open_to_boots and not left.members and left.undecided:
            raise _not_fenced(client, left)
        changed = open_to_boots or bool(left.members)
    else:
        changed = _fence(client, hunt, str(context.params["reason"]), open_to_boots, warnings)
        values.update(killed=hunt.killed, fenced=seen_by(client))
        if not values["fenced"]:
            raise CommandFailed(
                seen="Neither {0} nor {0}{1} exists".format(client.tip_path, SUFFIX),
                meaning="Without a tip nothing boots here, but nothing is there either that would be kept from it",
                remedy="Check tb_home and tb_sid: this may be another installation than the one that ran",
            )
    outcome = Outcome(changed, values, {"fenced": bool(before)}, {"fenced": True}, "instance " + client.tb_sid)
    return outcome._replace(warnings=tuple(warnings))


def _fence(client: Tibero, hunt: "_Hunt", reason: str, open_to_boots: bool, warnings: List[str]) -> bool:
    """Hide the tip, then stop whatever runs. :returns: whether there was anything to do.

    :raises CommandFailed: when a process is left, or may be, or when the process list cannot be read.
    """
    # First the name, then the look: a boot that begins from now on finds no tip, and one that began before is seen.
    if os.path.lexists(client.tip_path):
        hidden = client.tip_path + SUFFIX
        if os.path.lexists(hidden):
            os.rename(hidden, hidden + OLDER)
        os.rename(client.tip_path, hidden)
    try:
        changed = open_to_boots or bool(hunt.look().members)
        if changed:
            _write_down(client, reason, warnings)
        hunt.stop()
    except UnknownState as error:
        # It says that nothing was changed, which is not so any more.
        raise CommandFailed(
            seen=error.seen,
            meaning="Whether a server of {0} runs here is not known, so it does not count as fenced; no boot finds its tip any more".format(
                client.tb_sid
            ),
            remedy="Look at it with ps; fence the host by other means",
        ) from error
    return changed or hunt.acted


def _write_down(client: Tibero, reason: str, warnings: List[str]) -> None:
    record = {"reason": reason, "at": journal.now()}
    try:
        detached.private_directory(client.record_directory)
        detached.write_atomically(record_path(client), json.dumps(record, sort_keys=True) + "\n")
    except OSError as error:
        # A disk that is full is a reason to fence, and no reason to let the server run on.
        warnings.append("Why {0} is fenced could not be written down: {1}".format(client.tb_sid, error))


def _not_fenced(client: Tibero, left: Family) -> StandbyError:
    """The failure for processes that are left after the kill, or that nothing tells whose they are."""
    if left.members:
        return CommandFailed(
            seen="Processes {0} of {1} live on after SIGKILL".format(_words(left), client.tb_sid),
            meaning="The instance may still write; this host is not fenced",
            remedy="Cut its power or its network",
            details={"left": [target.as_dict() for target in left.members], "undecided": list(left.undecided)},
        )
    return CommandFailed(
        seen="Nothing tells whether these belong to {0}, and they were not touched: {1}".format(
            client.tb_sid, "; ".join(left.undecided)
        ),
        meaning="If one does, the instance may still write or take connections; this host does not count as fenced",
        remedy="Read TB_HOME and TB_SID in /proc/PID/environ of each, as root; end those of {0} and run again, or cut the power or the network of this "
        "host".format(client.tb_sid),
        details={"undecided": list(left.undecided)},
    )


def _words(left: Family) -> str:
    return ", ".join("{0} ({1})".format(target.process.pid, target.name) for target in left.members)


class _Hunt:
    """The processes of one instance, from the first look to the end of the last of them.

    What was once seen below the server stays its own: when the server has ended, nothing above a worker tells any more whose it is.

    :arg client: the instance. :arg proc, system: how processes are looked at and told.
    """

    def __init__(self, client: Tibero, proc: fault.Proc, system: System) -> None:
        self._client = client
        self._proc = proc
        self._system = system
        self._known: List[Target] = []
        self._aborted = False
        self.killed: List[int] = []

    @property
    def acted(self) -> bool:
        """Whether anything was told to end."""
        return self._aborted or bool(self.killed)

    def look(self) -> Family:
        """What lives now: servers, workers, listeners, and whatever is booting one.

        :raises UnknownState: when the process list cannot be read.
        """
        # Boots before the family: the server of one that is not seen any more is seen then.
        boots = fault.boots(self._client, self._proc)
        family = fault.family(self._client, self._proc)
        fresh = [target for target in boots.members + family.members if target not in self._known]
        self._known.extend(fresh)
        alive = [target for target in self._known if self._proc.identify(target.process.pid) == target.process]
        undecided = boots.undecided + family.undecided
        if not alive and not undecided:
            # The proof is the list itself: a server of this TB_SID that could not be told from others by /proc is none that is gone.
            undecided = tuple(
                "process {0} ({1})".format(item.pid, ", ".join(item.children) if item.orphaned else "tbsvr")
                for item in self._client.processes() or ()
            )
        return Family(tuple(alive), undecided)

    def stop(self) -> None:
        """ABORT where there is a server, then SIGKILL for what is left, again and again until a look finds nothing.

        :raises CommandFailed: when something is left at the limit, or nothing tells whether it is this instance's.
        """
        last: List[Family] = []

        def step() -> Family:
            left = self.look()
            if not self._aborted and self._serves():
                # Once: a server that begins after it has nothing to lose, and each ABORT may take its whole limit.
                self._aborted = True
                self._abort()
                left = self.look()
            last[:] = [left]
            for target in left.members:
                self._kill(target)
            return left

        limit = ABORT_LIMIT + KILL_LIMIT
        try:
            wait_until(
                step, lambda left: not left.members and not left.undecided, limit, "its processes to end", "", 0.1
            )
        except DeadlineExceeded as error:
            raise _not_fenced(self._client, last[0]) from error

    def _serves(self) -> bool:
        # By the list alone: ABORT names the instance and no process, so it can reach no other.
        return bool([item for item in self._client.processes() or () if not item.orphaned])

    def _abort(self) -> None:
        try:
            program = self._client.program("tbdown")
        except Refusal:
            return  # its disk may be gone; a signal needs none
        self._client.run((program, "-t", "ABORT"), deadline=ABORT_LIMIT, kill=False)

    def _kill(self, target: Target) -> None:
        try:
            sent = self._system.send(target.process, signal.SIGKILL)
        except PermissionError:
            return  # it is found alive at the limit, and told then
        if sent and target.process.pid not in self.killed:
            self.killed.append(target.process.pid)


def _lift(context: Context, client: Tibero, before: Dict[str, Any]) -> Outcome:
    values: Dict[str, Any] = {"fenced": before, "killed": [], "tip": client.tip_path}
    if not before:
        return Outcome(False, values)
    if os.path.lexists(client.tip_path):
        raise Refusal(
            seen="{0} and {1} both exist".format(client.tip_path, before["tip"]),
            meaning="Somebody made a new tip for an instance that is fenced; which one is right is not known",
            remedy="Keep the right one as {0}, move the other away".format(client.tip_path),
        )
    if not context.check_mode:
        os.rename(before["tip"], client.tip_path)
        _forget(record_path(client))
        values["fenced"] = seen_by(client)
    return Outcome(True, values, {"fenced": True}, {"fenced": False}, "instance " + client.tb_sid)


def _forget(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
