# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""A member's part in a role change, prepared beforehand: a detached worker that has everything in memory and waits for "go".

A task of Ansible costs a third of a second and more, a module's start most of it; a role change hands over between members
several times while clients wait. So the worker is started on each member before the outage begins. Then one shell
command says go and waits for the end of a step: it makes ``go-N`` and reads ``end-N`` in the journal's directory.

Nobody says go any more (the controller died, the network is cut): the worker ends by itself after ``patience`` seconds
without a sign of life, between two steps, never inside one. The journal tells the next run where it stopped.
"""

import json
import os
import time
import traceback
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.journal import Change, Journal, Step
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until

#: Name of the job below the journal's directory.
JOB = "worker"
#: Seconds between two looks for "go".
LOOK = 0.02

#: Does one step: gets the step and what the steps before it saw, by action; returns what was seen.
Action = Callable[[Step, Mapping[str, Any]], Mapping[str, Any]]


class Order(NamedTuple):
    """What a worker shall do: the run of the controller it obeys, the change, its member, and its steps in this order."""

    run: str
    change: Change
    member: str
    todo: Sequence[int]
    patience: float


def go_path(directory: str, number: int) -> str:
    """The file that says go for a step; it holds JSON: ``run`` and ``payload``."""
    return os.path.join(directory, "go-{0}".format(number))


def end_path(directory: str, number: int) -> str:
    """The file that tells the end of a step; it holds JSON: ``run`` and either ``seen`` or ``failed``."""
    return os.path.join(directory, "end-{0}".format(number))


def lease(directory: str) -> str:
    """The file that a living controller touches."""
    return os.path.join(directory, "lease")


def status(directory: str) -> detached.Status:
    """What is known of the worker. Reads only."""
    return detached.ask(directory, JOB)


def arm(journal: Journal, order: Order, actions: Mapping[str, Action], wait: float) -> detached.Started:
    """Write the change into the journal and start the worker.

    :arg wait: seconds that a worker of an earlier run gets to end; it does so by itself when its controller is gone.
    :raises Refusal: when another run is still at work here, or another change is open.
    """
    detached.private_directory(journal.directory)
    before = settle(journal.directory, wait)
    if before.is_running:
        raise busy(journal, before)
    journal.open(order.change)
    for number in [step.number for step in order.change.steps]:
        for path in (go_path(journal.directory, number), end_path(journal.directory, number)):
            if os.path.lexists(path):
                os.unlink(path)
    with open(lease(journal.directory), "wb"):
        pass
    return detached.start(
        journal.directory, JOB, order.run, lambda job: _work(job, journal, order, actions, journal.directory)
    )


def settle(directory: str, wait: float) -> detached.Status:
    """Wait for a worker of an earlier run to end, which it does by itself when its controller is gone.

    :arg wait: seconds that it gets while it only waits; a step under way is never given up.
    :returns: the last status; still running when its controller is alive.
    """
    began = time.monotonic()
    return wait_until(
        lambda: status(directory),
        lambda found: not found.is_running or (not found.progress.get("step") and time.monotonic() - began > wait),
        float("inf"),
        "an earlier worker to end",
        "",
        interval=0.2,
    ).value


def busy(journal: Journal, seen: detached.Status) -> Refusal:
    """The refusal that names who changes roles here."""
    record = journal.read()
    holder = record.change.holder if record else "unknown"
    return Refusal(
        seen="Another run is changing roles here: {0}, for {1} s, begun by {2}".format(
            seen.progress.get("step") or "waiting for its controller", int(seen.age or 0), holder
        ),
        meaning="One role change at a time; its controller gave a sign of life within the last seconds",
        remedy="Wait for its end and look at playbooks/status.yml; if that controller is gone, run again in a minute",
        details={"holder": holder, "job": seen.as_dict()},
    )


def _work(
    job: detached.Job, journal: Journal, order: Order, actions: Mapping[str, Action], directory: str
) -> Dict[str, Any]:
    steps = {step.number: step for step in order.change.steps}
    done: List[int] = []
    for number in order.todo:
        job.progress(step="", waiting_for=number)
        payload = _await_go(directory, number, order)
        if payload is None:
            return {"ended": "nobody said go for step {0}".format(number), "done": done}
        job.progress(step=steps[number].title)
        job.write()
        if not _do(journal, steps[number], payload, order, actions, directory):
            return {"ended": "step {0} failed".format(number), "done": done}
        done.append(number)
    return {"ended": "all steps are done", "done": done}


def _await_go(directory: str, number: int, order: Order) -> Optional[Mapping[str, Any]]:
    """The payload of the go, None when nobody gave a sign of life for too long."""
    life: Dict[str, Any] = {"mark": 0, "since": time.monotonic()}

    def look() -> Optional[Mapping[str, Any]]:
        said = detached.read_json(go_path(directory, number))
        if said is not None and said.get("run") == order.run:
            return dict(said.get("payload") or {})
        try:
            mark = os.stat(lease(directory)).st_mtime_ns
        except OSError:
            mark = life["mark"]
        if mark != life["mark"]:
            life.update(mark=mark, since=time.monotonic())
        return None

    return wait_until(
        look,
        lambda said: said is not None or time.monotonic() - life["since"] > order.patience,
        float("inf"),
        "go for step {0}".format(number),
        "",
        interval=LOOK,
    ).value


def _do(
    journal: Journal,
    step: Step,
    payload: Mapping[str, Any],
    order: Order,
    actions: Mapping[str, Action],
    directory: str,
) -> bool:
    """Run one step between its two marks and tell its end. :returns: whether it came to its end."""
    answer: Dict[str, Any] = {"run": order.run}
    journal.begin(step.number)
    started = time.monotonic()
    try:
        answer["seen"] = dict(actions[step.action](step, payload))
    except StandbyError as error:
        answer["failed"] = error.as_failure()
    except Exception as error:  # noqa: BLE001 - whatever it was, the controller and the journal must learn of it
        traceback.print_exc()
        answer["failed"] = _unexpected(step, error).as_failure()
    answer["seconds"] = round(time.monotonic() - started, 3)
    if "failed" in answer:
        failed = answer["failed"]
        journal.fail(step.number, StandbyError(failed["seen"], failed["meaning"], failed["remedy"]))
    else:
        journal.finish(step.number, dict(answer["seen"], seconds=answer["seconds"]))
    detached.write_atomically(end_path(directory, step.number), json.dumps(answer) + "\n")
    return "failed" not in answer


def _unexpected(step: Step, error: Exception) -> StandbyError:
    return StandbyError(
        seen="{0} ended with {1}: {2}".format(step.title, type(error).__name__, error),
        meaning="The step ended with an error that it does not know; how far it came is not known",
        remedy="Look at the members with playbooks/status.yml and run again, which goes on from what it sees; report the error",
    )
