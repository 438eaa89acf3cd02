# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The guard of a role change: from when the former primary has handed over, it tries to write there, and counts what comes of it.

It is a job of its own on the new primary, armed before anything stops, so it costs the outage nothing. It begins with the first "go" for a step of the
new primary, which no controller says before the former primary has ended its own or is fenced: the order of events tells what is a violation, not two
clocks. It ends when it is told to, or by itself when no controller gave a sign of life for ``limit`` seconds. What it saw is a file beside the journal.

Public: :class:`Attempt`, :class:`Order`, :func:`arm`, :func:`stop`, :func:`read`, :func:`is_watching`, :func:`summary`.
"""

import json
import os
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock, wait_until

#: Name of the job below the journal's directory.
JOB = "guard"
#: What becomes of an attempt. REFUSED: whoever is there takes no writes, or nobody listens. NO_ANSWER: nothing came back, which proves nothing of a host
#: that is frozen or cut off. UNCLEAR: an answer that is not known, or a login that cannot work.
REFUSED, ACCEPTED, NO_ANSWER, UNCLEAR = "refused", "accepted", "no_answer", "unclear"
OUTCOMES = (REFUSED, ACCEPTED, NO_ANSWER, UNCLEAR)
#: Different answers that are kept in words; of a guard that runs for minutes most are the same.
_KEPT = 8
#: Seconds between two looks for the first go.
_LOOK = 0.1


class Attempt(NamedTuple):
    """What became of one attempt to write, and what was said."""

    outcome: str
    said: str


class Order(NamedTuple):
    """What a guard shall do.

    ``change_id``: the change it belongs to. ``member``: whose writes it tries, in words for people; of several, with commas. ``begins``: files of which one
    has to be there before it tries anything. ``lease``: the file that a living controller touches. ``interval``: seconds from one attempt to the next.
    ``limit``: seconds without a sign of life after which it ends.
    """

    change_id: str
    member: str
    begins: Sequence[str]
    lease: str
    interval: float
    limit: float


def path_of(directory: str, change_id: str) -> str:
    """The file with what the guard of a change saw."""
    return os.path.join(directory, "guard-{0}.json".format(change_id))


def read(directory: str, change_id: str) -> Dict[str, Any]:
    """What the guard of a change has seen, empty without one: ``member``, ``began_at``, ``ended_at``, ``attempts``, the number of each of
    :data:`OUTCOMES`, and ``said``, the different answers with their numbers."""
    return detached.read_json(path_of(directory, change_id)) or {}


def is_watching(directory: str, change_id: str) -> bool:
    """Whether the guard of a change is at work: nobody has heard yet what it saw."""
    found = detached.ask(directory, JOB)
    return found.is_running and found.key == change_id


def summary(seen: Dict[str, Any]) -> str:
    """What a guard saw, in a line for people."""
    return (
        "{attempts} attempt(s) to write on {member} after it had handed over: {refused} refused, {no_answer} without an answer, {unclear} unclear, "
        "{accepted} accepted"
    ).format(**seen)


def proves(seen: Dict[str, Any]) -> bool:
    """Whether it can be said from it that nobody of those watched took a write: they answered, and always in a way that is known. Of several, one that
    never answers would hide behind the answers of another."""
    silent = seen.get(NO_ANSWER) and "," in seen["member"]
    return bool(seen.get(REFUSED)) and not seen.get(UNCLEAR) and not seen.get(ACCEPTED) and not silent


def arm(directory: str, order: Order, attempt: Callable[[], Attempt]) -> detached.Started:
    """Start the guard of a change, or go on with the one that an earlier run of it has left; a guard of another change is stopped.

    :arg directory: of the journal. :arg attempt: tries once to write; it keeps secrets in memory only, and has a limit of its own.
    """
    running = detached.ask(directory, JOB)
    if running.is_running and running.key != order.change_id:
        stop(directory)
    elif not running.is_running and os.path.lexists(_stop_path(directory)):
        os.unlink(_stop_path(directory))
    return detached.start(directory, JOB, order.change_id, lambda job: _work(job, directory, order, attempt))


def stop(directory: str, deadline: float = 60.0) -> detached.Status:
    """Tell the guard to end, and wait for it; one that is not there has ended.

    :arg deadline: seconds; longer than one attempt takes. :raises DeadlineExceeded: when it did not end.
    """
    if detached.ask(directory, JOB).is_running:
        with open(_stop_path(directory), "wb"):
            pass
        wait_until(
            lambda: detached.ask(directory, JOB),
            lambda seen: not seen.is_running,
            deadline,
            "the guard of the role change to end",
            "Look at guard.log in {0}, and end its process by hand".format(directory),
        )
    detached.remove(directory, JOB)
    return detached.ask(directory, JOB)


def _stop_path(directory: str) -> str:
    return os.path.join(directory, "guard-stop")


def _work(job: detached.Job, directory: str, order: Order, attempt: Callable[[], Attempt]) -> Dict[str, Any]:
    watch = Watch(directory, order, attempt)
    try:
        return watch.run(lambda seen: job.progress(**{name: seen[name] for name in ("attempts",) + OUTCOMES}))
    finally:
        if os.path.lexists(_stop_path(directory)):
            os.unlink(_stop_path(directory))


class Watch:
    """The guard's work, apart from its process.

    :arg clock: where time comes from; a test passes its own.
    """

    def __init__(
        self, directory: str, order: Order, attempt: Callable[[], Attempt], clock: Optional[Clock] = None
    ) -> None:
        self._directory = directory
        self._order = order
        self._attempt = attempt
        self._clock = clock or Clock()
        self._life: Dict[str, Any] = {"mark": 0, "since": self._clock.now()}
        self._said: List[List[Any]] = []
        self.seen: Dict[str, Any] = dict.fromkeys(OUTCOMES, 0)
        self.seen.update(member=order.member, began_at="", ended_at="", attempts=0, said=self._said)

    def run(self, tell: Callable[[Dict[str, Any]], None]) -> Dict[str, Any]:
        """Wait for the first go, then try until the end. :arg tell: gets what was seen so far. :returns: what was seen, which is in the file too."""
        if self._until(self._begun, _LOOK):
            self.seen["began_at"] = _moment()
            self._until(lambda: self._try(tell), self._order.interval)
            self.seen["ended_at"] = _moment()
        self._write()
        return self.seen

    def _until(self, done: Callable[[], bool], interval: float) -> bool:
        """Do something again and again until it says so, or until the guard has to end (False)."""
        return wait_until(
            lambda: (done(), self._over()),
            lambda found: found[0] or found[1],
            float("inf"),
            "the end of the guard",
            "",
            interval=interval,
            clock=self._clock,
        ).value[0]

    def _begun(self) -> bool:
        return any(os.path.exists(path) for path in self._order.begins)

    def _over(self) -> bool:
        """Whether it was told to end, or nobody is there any more to tell it."""
        if os.path.exists(_stop_path(self._directory)):
            return True
        try:
            mark = os.stat(self._order.lease).st_mtime_ns
        except OSError:
            mark = self._life["mark"]
        if mark != self._life["mark"]:
            self._life.update(mark=mark, since=self._clock.now())
        return bool(self._clock.now() - self._life["since"] > self._order.limit)

    def _try(self, tell: Callable[[Dict[str, Any]], None]) -> bool:
        outcome, said = self._attempt()
        self.seen["attempts"] += 1
        self.seen[outcome] += 1
        known = [each for each in self._said if each[:2] == [outcome, said]]
        if known:
            known[0][2] += 1
        elif len(self._said) < _KEPT:
            self._said.append([outcome, said, 1])
        tell(self.seen)
        # At once, for a host that dies may have seen what nobody else has.
        if outcome == ACCEPTED or not known:
            self._write()
        return False

    def _write(self) -> None:
        path = path_of(self._directory, self._order.change_id)
        detached.write_atomically(path, json.dumps(self.seen, indent=1, sort_keys=True) + "\n")


def _moment() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
