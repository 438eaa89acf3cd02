# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What the module tibero_role_change does on one member: prepare its part of a change, or close its journal."""

import os
from typing import Any, Dict, List, Mapping

from ansible_collections.firedrill.standby.plugins.module_utils._core import guard, journal, stepper
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    Refusal,
    StandbyError,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import options, role_guard, role_steps
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero

ARMED = "armed"
GUARDED = "guarded"
CLOSED = "closed"
SETTLED = "settled"

ROLE_CHANGE_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC,
    state={"type": "str", "choices": [ARMED, GUARDED, CLOSED, SETTLED], "default": ARMED},
    member={"type": "str", "required": True},
    change={"type": "dict"},
    todo={"type": "list", "elements": "int", "default": []},
    run={"type": "str", "default": ""},
    # Of the action plugin of the same name, which says go:
    order={"type": "list", "elements": "int", "default": []},
    involved={"type": "list", "elements": "str", "default": []},
    payload={"type": "dict", "default": {}},
    log={"type": "path"},
    patience={"type": "float", "default": 20.0},
    sessions={"type": "str", "choices": list(role_steps.SESSION_POLICIES), "default": role_steps.SESSIONS_REFUSE},
    session_deadline={"type": "float", "default": 60.0},
    accept_unproven={"type": "bool", "default": False},
    guard={"type": "dict", "options": role_guard.GUARD_SPEC},
    result={"type": "str", "choices": [journal.CHANGE_DONE, journal.UNDONE, journal.NEEDS_PERSON]},
    words={"type": "str", "default": ""},
)


def journal_of(client: Tibero) -> journal.Journal:
    """The journal of an instance, beside our other records of it; never part of a copy."""
    return journal.Journal(os.path.join(client.record_directory, "role_change"))


def seen_by(client: Tibero) -> Dict[str, Any]:
    """The journal for the observation of a member: the record, empty without one, or why it cannot be read.

    ``working`` tells whether a worker of a run is alive there, ``watching`` whether the guard of the change is, ``guard`` what it saw, empty without one.
    """
    own = journal_of(client)
    try:
        record = own.read()
    except UnknownState as error:
        return {"unreadable": str(error)}
    if record is None:
        return {}
    return dict(
        record.as_dict(),
        working=stepper.status(own.directory).is_running,
        watching=guard.is_watching(own.directory, record.change.id),
        guard=guard.read(own.directory, record.change.id),
    )


def ensure_role_change(context: Context) -> Outcome:
    """Arm the worker or close the journal; see the module's documentation."""
    params = context.params
    client = options.client_of(context)
    own = journal_of(client)
    if params["state"] == SETTLED:
        working = stepper.settle(own.directory, params["patience"] + 5.0).is_running
        return Outcome(False, {"directory": own.directory, "pid": 0, "steps": [], "notes": [], "working": working})
    change = journal.change_from(params["change"])
    if params["state"] == CLOSED:
        return _close(context, own, change)
    if params["state"] == GUARDED:
        return _guarded(context, own, change)
    return _arm(context, client, own, change)


def _arm(context: Context, client: Tibero, own: journal.Journal, change: journal.Change) -> Outcome:
    params = context.params
    todo: List[int] = [int(number) for number in params["todo"]]
    steps = {step.number: step for step in change.steps}
    foreign = [number for number in todo if number not in steps or steps[number].member != params["member"]]
    if foreign or not params["run"]:
        raise Refusal(
            seen="todo of {0} is {1}, run is {2!r}".format(params["member"], todo, params["run"]),
            meaning="Allowed are the numbers of this member's own steps, and the name of the run that will say go",
            remedy="Take both from the plan that firedrill.standby.cluster_role_change makes",
        )
    terms = role_steps.Terms(params["sessions"], params["session_deadline"], params["accept_unproven"])
    mine = [steps[number] for number in todo]
    notes = role_steps.prepare(client, mine, terms, act=not context.check_mode)
    values = {"directory": own.directory, "pid": 0, "steps": [step.title for step in mine], "notes": notes}
    if context.check_mode:
        return Outcome(True, values)
    order = stepper.Order(params["run"], change, params["member"], todo, params["patience"])
    started = stepper.arm(own, order, role_steps.actions(client, terms), params["patience"] + 5.0)
    values["pid"] = started.status.process.pid if started.status.process else 0
    notes.extend(_watch(params, client, own, change))
    return Outcome(True, values)


def _watch(params: Mapping[str, Any], client: Tibero, own: journal.Journal, change: journal.Change) -> List[str]:
    """Start the guard, where this member is to have one. :returns: why there is none, in words; it never keeps a role change from being made."""
    asked = params.get("guard")
    try:
        if not asked:
            guard.stop(own.directory)
            return []
        begins = [
            stepper.go_path(own.directory, step.number) for step in change.steps if step.member == params["member"]
        ]
        names = ", ".join(each["member"] for each in asked["members"])
        order = guard.Order(change.id, names, begins, stepper.lease(own.directory), asked["interval"], asked["limit"])
        guard.arm(own.directory, order, role_guard.attempts(client, asked["members"]))
    except StandbyError as error:
        return ["No guard watches the former primary: {0}".format(error.seen)]
    return []


def _guarded(context: Context, own: journal.Journal, change: journal.Change) -> Outcome:
    """End the guard and tell what it saw. :raises CommandFailed: when the former primary took a write."""
    values: Dict[str, Any] = {"directory": own.directory, "pid": 0, "steps": [], "notes": [], "guard": {}}
    if context.check_mode:
        return Outcome(False, values)
    guard.stop(own.directory)
    seen = guard.read(own.directory, change.id)
    if not seen.get("attempts"):
        return Outcome(
            False,
            values,
            warnings=(
                "No guard has tried to write on {0}, so it is not known whether it took writes".format(change.old),
            ),
        )
    words = guard.summary(seen)
    said = "; ".join("{0} ({1} times: {2})".format(text, times, outcome) for outcome, text, times in seen["said"])
    if seen[guard.ACCEPTED]:
        who = role_guard.takers(seen)
        raise CommandFailed(
            seen="{0}. It said: {1}".format(words, said),
            meaning="There were two primaries: writes of clients that reached {0} are in no other member".format(who),
            remedy="Fence {0} now (take its power or network away, or stop it and close its ports); then playbooks/reinstate.yml, which lists and exports "
            "what it took".format(who),
            details={"guard": seen},
        )
    values.update(guard=seen, notes=[words])
    doubt = (
        ()
        if guard.proves(seen)
        else ("{0}, so it is not proven that it took no writes. It said: {1}".format(words, said),)
    )
    return Outcome(False, values, warnings=doubt)


def _close(context: Context, own: journal.Journal, change: journal.Change) -> Outcome:
    result, words = context.params["result"], context.params["words"]
    record = own.read()
    values = {"directory": own.directory, "pid": 0, "steps": [], "notes": []}
    if record is None or record.change.id != change.id:
        # A member that took no part, or one whose journal went with its disk: there is nothing to close.
        return Outcome(False, values)
    if context.check_mode:
        return Outcome(record.is_open, values)
    if result != journal.CHANGE_DONE:
        # What it would see from now on is no change's any more.
        guard.stop(own.directory)
    return Outcome(own.close(change.id, result, words), values, {"state": record.state}, {"state": result}, own.path)
