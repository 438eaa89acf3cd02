# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""One run at a time: a lease on a member, held by a dead man's timer there and renewed by the run's controller.

Whoever finds it held looks on for a moment: a lease that is renewed belongs to a run that lives, and is refused; one that is not
renewed lapses, and is taken. So a run that was killed never blocks the next one for longer than the lease lasts. A reboot of the
member ends the timer and frees the lock as well.

There are two locks. ``run`` keeps away whatever builds or changes a cluster. ``roles`` is that of role changes alone: a failover takes no
other, so that it waits for nobody but one who changes roles, such as while a drill lasts for an hour.
"""

import json
import os
import time
from typing import Any, Dict, List, NamedTuple, Optional

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, journal
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock, wait_until

#: The locks, each the name of a job and so of its files, such as run.lock, run.lease, run.json; both in a directory of this name.
JOB = "run"
ROLES = "roles"
HELD, RELEASED = "held", "released"

SPEC: Dict[str, Any] = {
    "directory": {"type": "path", "required": True},
    "state": {"type": "str", "choices": [HELD, RELEASED], "default": HELD},
    "locks": {"type": "list", "elements": "str", "choices": [JOB, ROLES], "default": [JOB]},
    "where": {"type": "path"},
    "seconds": {"type": "float", "default": 30.0},
    "run": {"type": "str", "default": ""},
    "holder": {"type": "str", "default": ""},
}
#: Seconds that a timer may need beyond its lease until it is seen to have ended.
MARGIN = 10.0


class Held(NamedTuple):
    """A lock as it was seen: free without a ``run``; ``mark`` is the time of its last sign of life."""

    run: str = ""
    holder: str = ""
    since: str = ""
    mark: int = 0


def seen(directory: str, job: str = JOB) -> Held:
    """Who holds the lock. Reads only."""
    status = detached.ask(directory, job)
    if not status.is_running:
        return Held()
    try:
        mark = os.stat(detached.lease_path(directory, job)).st_mtime_ns
    except OSError:
        mark = 0
    try:
        record = json.loads(status.key)
    except ValueError:
        record = {}
    return Held(
        str(record.get("run") or "unknown"),
        str(record.get("holder") or "unknown"),
        str(record.get("since") or "unknown"),
        mark,
    )


def refusal(held: Held, job: str = JOB) -> Refusal:
    """The refusal that names the run at work, with its age."""
    what = "Another run changes the roles of this cluster" if job == ROLES else "Another run is at work on this cluster"
    return Refusal(
        seen="{0}: {1}, since {2}".format(what, held.holder, journal.since(held.since)),
        meaning="Two runs at once would take away from each other what they need; its controller gave a sign of life just now",
        remedy="Wait for its end, or end it there (Ctrl-C), look at playbooks/status.yml and run again; a run whose controller is gone gives "
        "way by itself within a minute",
        details={"lock": job, "run": held.run, "holder": held.holder, "since": held.since},
    )


def hold(context: Context, clock: Optional[Clock] = None) -> Outcome:
    """Take the locks for a run, all or none, or give them back; in check mode only see that nobody else has them. What the module cluster_lock does."""
    params = context.params
    directory, run = str(params["directory"]), str(params["run"])
    values: Dict[str, Any] = {"run": run, "holder": str(params["holder"]), "since": "", "pids": {}, "other": -1}
    # A member without a database of its own yet has nothing that could be changed beside us.
    if params["where"] and not os.path.isdir(params["where"]):
        return Outcome(False, values)
    if params["state"] == RELEASED:
        if not context.check_mode:
            give_back(directory, list(params["locks"]), run)
        return Outcome(False, values)
    ages = [last_other(directory, job, run) for job in params["locks"]]
    values["other"] = min([age for age in ages if age >= 0] or [-1])
    taken: List[str] = []
    try:
        for job in params["locks"]:
            _await_free(directory, job, run, float(params["seconds"]), clock)
            if not context.check_mode:
                _take(directory, job, values, taken, float(params["seconds"]))
    except Refusal:
        give_back(directory, taken, run)
        raise
    return Outcome(False, values)


def last_other(directory: str, job: str, run: str) -> int:
    """Seconds since another run was last known to hold the lock, -1 when none ever did; what was seen before that may be old."""
    status = detached.ask(directory, job)
    if status.state == detached.NONE or '"{0}"'.format(run) in status.key:
        return -1
    return int(status.heartbeat_age or 0)


def give_back(directory: str, jobs: List[str], run: str) -> None:
    """Give the locks back that this run holds; nobody else's is touched."""
    for job in jobs:
        if seen(directory, job).run == run:
            detached.remove_lease(detached.lease_path(directory, job))


def _await_free(directory: str, job: str, run: str, seconds: float, clock: Optional[Clock]) -> None:
    """:raises Refusal: another run holds it, and lives."""
    first = seen(directory, job)
    end = wait_until(
        lambda: seen(directory, job),
        lambda held: held.run in ("", run) or held.mark not in (0, first.mark),
        seconds + MARGIN,
        "the lease of {0} to lapse or to be renewed".format(first.holder),
        "Look at the files {0}/{1}.*".format(directory, job),
        clock=clock,
    ).value
    if end.run not in ("", run):
        raise refusal(end, job)


def _take(directory: str, job: str, values: Dict[str, Any], taken: List[str], seconds: float) -> None:
    """Take one lock, or come upon it as its holder; ``values`` and ``taken`` tell of it.

    :raises Refusal: another run was faster.
    """
    run = values["run"]
    if not os.path.isdir(os.path.dirname(directory)):
        detached.private_directory(os.path.dirname(directory))
    since = seen(directory, job).since or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    key = json.dumps({"run": run, "holder": values["holder"], "since": since}, sort_keys=True)
    try:
        started = detached.dead_man(directory, job, seconds, dict, key, attempts=1)
    except Refusal:
        held = seen(directory, job)
        if held.run in ("", run):
            raise
        raise refusal(held, job) from None
    if not started.attached:
        taken.append(job)
    process = started.status.process
    values["since"] = values["since"] or since
    values["pids"][job] = process.pid if process else 0
