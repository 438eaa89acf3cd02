# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What a former primary wrote that the cluster does not have: arithmetic over its logs. Pure; knows no engine.

The branch point is the last position that both histories share. A former primary's redo beyond it is its own, is in
no other member, and is lost when the member is made a standby again. So it is measured first, and a doubt counts
against the former primary: a log that *may* hold such redo is listed, and "none" is only said of what was proven.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import Fact, known, unknown

#: How sure a last position is. AT_LEAST: it was reached, and more may follow.
EXACT = "exact"
AT_LEAST = "at_least"
NOT_KNOWN = "unknown"

#: Whether a log holds redo beyond the branch point.
YES = "yes"
MAYBE = "maybe"


class Log(NamedTuple):
    """One log by its number. ``first``: the first position in it; ``end``: the first position after it, None while it is
    the current one or when it is not known; ``paths``: every place where it lies, members of a group and archives."""

    thread: int
    sequence: int
    first: Optional[int]
    end: Optional[int]
    current: bool
    paths: Tuple[str, ...]


class Reached(NamedTuple):
    """A position that was certainly reached, and where that was read."""

    position: int
    source: str


class Beyond(NamedTuple):
    """A log that holds, or may hold, redo beyond the branch point."""

    log: Log
    holds: str


class Measure(NamedTuple):
    """The redo beyond a branch point.

    ``diverged``: whether there is any. ``last``: the last position seen. ``logs``: in order; ``gaps``: in words, what is
    not there or cannot be told, so that the redo listed may be incomplete.
    """

    branch_point: int
    diverged: "Fact[bool]"
    last: "Fact[int]"
    certainty: str
    logs: Tuple[Beyond, ...]
    gaps: Tuple[str, ...]

    def as_dict(self) -> Dict[str, Any]:
        return {
            "branch_point": str(self.branch_point),
            "diverged": self.diverged.as_dict(),
            "last": self.last.as_dict(),
            "certainty": self.certainty,
            "logs": [dict(_plain(one.log), holds=one.holds) for one in self.logs],
            "gaps": list(self.gaps),
        }


def _plain(log: Log) -> Dict[str, Any]:
    record = dict(log._asdict())
    record["paths"] = list(log.paths)
    return record


def joined(logs: Sequence[Log]) -> List[Log]:
    """One log for each thread and number: an archive and a log file of the same number are the same redo.

    An end that is not told is that of the next number's beginning.
    """
    found: Dict[Tuple[int, int], Log] = {}
    for log in logs:
        key = (log.thread, log.sequence)
        other = found.get(key)
        if other is None:
            found[key] = log
            continue
        found[key] = Log(
            log.thread,
            log.sequence,
            other.first if other.first is not None else log.first,
            other.end if other.end is not None else log.end,
            other.current or log.current,
            other.paths + tuple(path for path in log.paths if path not in other.paths),
        )
    for key, log in list(found.items()):
        following = found.get((log.thread, log.sequence + 1))
        if log.end is None and not log.current and following is not None and following.first is not None:
            found[key] = log._replace(end=following.first)
    return [found[key] for key in sorted(found)]


def beyond(logs: Sequence[Log], branch_point: int) -> List[Beyond]:
    """The logs that hold or may hold redo beyond the branch point, in order.

    A log whose end is not known reaches as far as is possible. Whether an end is the position after the last one or the
    last one itself differs between engines, so a log that ends right behind the branch point is listed too.
    """
    found = []
    for log in joined(logs):
        if log.end is not None and log.end <= branch_point:
            continue
        certain = log.first is not None and log.first > branch_point and not log.current
        surely_long = log.end is not None and log.end > branch_point + 1
        found.append(Beyond(log, YES if certain or surely_long else MAYBE))
    return found


def gaps(chosen: Sequence[Beyond], branch_point: int) -> List[str]:
    """What keeps the listed logs from being all redo beyond the branch point, in words."""
    words = []
    threads: Dict[int, List[Log]] = {}
    for one in chosen:
        threads.setdefault(one.log.thread, []).append(one.log)
    if not chosen:
        words.append("no log that reaches to position {0} is known".format(branch_point + 1))
    for thread, logs in sorted(threads.items()):
        first = logs[0]
        if first.first is None:
            words.append(
                "where log {0} of thread {1} begins is not told, so earlier logs may be needed".format(
                    first.sequence, thread
                )
            )
        elif first.first > branch_point + 1:
            words.append(
                "log {0} of thread {1} begins at {2}; the log with position {3} is not known any more".format(
                    first.sequence, thread, first.first, branch_point + 1
                )
            )
        numbers = [log.sequence for log in logs]
        missing = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
        if missing:
            words.append("logs {0} of thread {1} are not known".format(", ".join(map(str, missing)), thread))
        words.extend(
            "log {0} of thread {1} lies nowhere any more".format(log.sequence, thread) for log in logs if not log.paths
        )
    return words


def measure(
    branch_point: int, reached: Sequence[Reached], logs: Sequence[Log], exact: Optional[Reached] = None
) -> Measure:
    """How far a former primary went beyond the branch point.

    :arg reached: positions that were certainly reached; a position of 0 is none. :arg logs: every log that is known.
    :arg exact: the last position, when it was proven to be the last.
    :returns: :class:`Measure`. ``diverged`` is False only with ``exact``: a lower bound proves nothing about what
        follows it.
    """
    sure = list(reached)
    for log in joined(logs):
        for position, what in ((log.first, "beginning"), (log.end, "end")):
            if position is not None and position > 1:
                sure.append(Reached(position - 1, "{0} of log {1}".format(what, log.sequence)))
    sure = [one for one in sure if one.position > 0]
    chosen = beyond(logs, branch_point)
    words = tuple(gaps(chosen, branch_point))
    if exact is not None:
        diverged = known(exact.position > branch_point, exact.source)
        return Measure(branch_point, diverged, known(exact.position, exact.source), EXACT, tuple(chosen), words)
    if not sure:
        why = "nothing tells how far this member went"
        return Measure(branch_point, unknown("logs", why), unknown("logs", why), NOT_KNOWN, tuple(chosen), words)
    last = max(sure, key=lambda one: one.position)
    diverged = (
        known(True, last.source)
        if last.position > branch_point
        else unknown(last.source, "it reached at least {0}, and what follows is not told".format(last.position))
    )
    return Measure(branch_point, diverged, known(last.position, last.source), AT_LEAST, tuple(chosen), words)
