# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Waiting: a predicate, a deadline on the monotonic clock, and the last state seen. There is no other sleep in the collection."""

import time
from typing import Callable, Generic, NamedTuple, Optional, TypeVar

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import DeadlineExceeded

T = TypeVar("T")


class Clock(NamedTuple):
    """Where time comes from; a test passes its own and waits for nothing."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Waited(Generic[T]):
    """The end of a wait: the ``value`` last seen and the ``duration`` in seconds."""

    def __init__(self, value: T, duration: float) -> None:
        self.value = value
        self.duration = duration


def wait_until(
    observe: Callable[[], T],
    satisfied: Callable[[T], bool],
    deadline: float,
    what: str,
    remedy: str,
    interval: float = 0.2,
    clock: Optional[Clock] = None,
) -> "Waited[T]":
    """Observe until a condition holds.

    :arg observe: reads the present state.
    :arg satisfied: tells whether that state is the one waited for.
    :arg deadline: seconds; the state is observed at least once, and once more at the deadline itself.
    :arg what: the condition in words, for the error ("the instance orders7 to answer").
    :arg remedy: what a person does when the wait ends in vain.
    :arg interval: seconds between two observations.
    :returns: the state that satisfied the condition and how long it took.
    :raises DeadlineExceeded: with the last state seen in ``details['last_seen']``.
    """
    time_source = clock or Clock()
    start = time_source.now()
    while True:
        seen = observe()
        elapsed = time_source.now() - start
        if satisfied(seen):
            return Waited(seen, elapsed)
        if elapsed >= deadline:
            raise DeadlineExceeded(
                seen="Waited {0:.0f} s for {1}; last seen: {2}".format(elapsed, what, seen),
                meaning="The condition did not come true within its limit of {0:.0f} s".format(deadline),
                remedy=remedy,
                details={"last_seen": str(seen), "duration": round(elapsed, 3)},
            )
        time_source.sleep(min(interval, max(deadline - elapsed, 0.0)))
