# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Fencing one instance: it is stopped without mercy and kept from starting, whoever tries. What the module tibero_fence does.

Kept from starting means that its tip has another name: ``tbboot`` reads the tip before anything else, so no service unit, script or person boots
the instance by mistake. Taking the fence away gives the tip its name back.
"""

import json
import os
import signal
from typing import Any, Dict, List

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, journal
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import options
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero

FENCED = "fenced"
ABSENT = "absent"
SUFFIX = ".fenced"
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


def ensure_fence(context: Context) -> Outcome:
    """Fence, or take the fence away; see the module's documentation."""
    client = options.client_of(context)
    before = seen_by(client)
    if context.params["state"] == ABSENT:
        return _lift(context, client, before)
    pids = _pids(client)
    changed = bool(pids) or not before
    values: Dict[str, Any] = {"fenced": before, "killed": [], "tip": client.tip_path}
    if changed and not context.check_mode:
        # First the name, then the stop: what restarts the instance at once finds no tip any more.
        if os.path.lexists(client.tip_path):
            os.rename(client.tip_path, client.tip_path + SUFFIX)
        detached.private_directory(client.record_directory)
        record = {"reason": context.params["reason"], "at": journal.now()}
        detached.write_atomically(record_path(client), json.dumps(record, sort_keys=True) + "\n")
        values["killed"] = _stop(client, pids)
        values["fenced"] = seen_by(client)
        if not values["fenced"]:
            raise CommandFailed(
                seen="Neither {0} nor {0}{1} exists".format(client.tip_path, SUFFIX),
                meaning="Without a tip nothing boots here, but nothing is there either that would be kept from it",
                remedy="Check tb_home and tb_sid: this may be another installation than the one that ran",
            )
    return Outcome(changed, values, {"fenced": bool(before)}, {"fenced": True}, "instance " + client.tb_sid)


def _pids(client: Tibero) -> List[int]:
    instances = client.processes()
    if instances is None:
        raise UnknownState(
            seen="The process list of this host cannot be read",
            meaning="Whether a server runs here is not known",
            remedy="Look at it with ps; fence the host by other means",
        )
    return [instance.pid for instance in instances]


def _stop(client: Tibero, pids: List[int]) -> List[int]:
    """Stop the server for good: ABORT, then SIGKILL. :returns: the processes that had to be killed."""
    if not pids:
        return []
    client.run((client.program("tbdown"), "-t", "ABORT"), deadline=ABORT_LIMIT, kill=False)
    left = _pids(client)
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    try:
        wait_until(
            lambda: _pids(client),
            lambda seen: not seen,
            KILL_LIMIT,
            "the server processes to be gone",
            "",
            interval=0.1,
        )
    except DeadlineExceeded as error:
        raise CommandFailed(
            seen="Processes {0} of {1} live on after SIGKILL".format(_pids(client), client.tb_sid),
            meaning="The instance may still write; this host is not fenced",
            remedy="Cut its power or its network",
        ) from error
    return left


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
