# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""One run at a time: a lease on a member, held by a dead man's timer there and renewed by the run's controller.

Whoever finds it held looks on for a moment: a lease that is renewed belongs to a run that lives, and is refused; one that is not
renewed lapses, and is taken. So a run that was killed never blocks the next one for longer than the lease lasts. A reboot of the
member ends the timer and frees the lock as well.
"""

import json
import os
import time
from typing import Any, Dict, NamedTuple, Optional

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock, wait_until

SPEC: Dict[str, Any] = {
    "directory": {"type": "path", "required": True},
    "seconds": {"type": "float", "default": 30.0},
    "run": {"type": "str", "default": ""},
    "holder": {"type": "str", "default": ""},
}
#: The name of the job, and so of its files: run.lock, run.lease, run.json.
JOB = "run"
#: Seconds that a timer may need beyond its lease until it is seen to have ended.
MARGIN = 10.0


class Held(NamedTuple):
    """A lock as it was seen: free without a ``run``; ``mark`` is the time of its last sign of life."""

    run: str = ""
    holder: str = ""
    since: str = ""
    mark: int = 0


def seen(directory: str) -> Held:
    """Who holds the lock. Reads only."""
    status = detached.ask(directory, JOB)
    if not status.is_running:
        return Held()
    try:
        mark = os.stat(detached.lease_path(directory, JOB)).st_mtime_ns
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


def refusal(held: Held) -> Refusal:
    """The refusal that names the run at work."""
    return Refusal(
        seen="Another run is at work on this cluster: {0}, since {1}".format(held.holder, held.since),
        meaning="Two runs at once would take away from each other what they need; its controller gave a sign of life just now",
        remedy="Wait for its end, look at playbooks/status.yml and run again; a run whose controller is gone gives way by itself within "
        "a minute",
        details={"run": held.run, "holder": held.holder, "since": held.since},
    )


def take(context: Context, clock: Optional[Clock] = None) -> Outcome:
    """Take the lock for a run; in check mode only see that nobody else has it. What the module cluster_lock does."""
    params = context.params
    directory, run, seconds = str(params["directory"]), str(params["run"]), float(params["seconds"])
    first = seen(directory)
    end = wait_until(
        lambda: seen(directory),
        lambda held: held.run in ("", run) or held.mark not in (0, first.mark),
        seconds + MARGIN,
        "the lease of {0} to lapse or to be renewed".format(first.holder),
        "Look at the files {0}/{1}.*".format(directory, JOB),
        clock=clock,
    ).value
    if end.run not in ("", run):
        raise refusal(end)
    values = {"run": run, "holder": str(params["holder"]), "since": "", "pid": 0}
    if context.check_mode:
        return Outcome(False, values)
    if not os.path.isdir(os.path.dirname(directory)):
        detached.private_directory(os.path.dirname(directory))
    since = end.since or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    key = json.dumps({"run": run, "holder": values["holder"], "since": since}, sort_keys=True)
    try:
        started = detached.dead_man(directory, JOB, seconds, dict, key, attempts=1)
    except Refusal:
        held = seen(directory)
        if held.run in ("", run):
            raise
        raise refusal(held) from None
    process = started.status.process
    return Outcome(False, dict(values, since=since, pid=process.pid if process else 0))
