# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""How long a service was away, from the operations of its clients: pure arithmetic on one monotonic clock.

Method (drills reference, 4.2). X1 ... Xm are the failed operations of a gap, L the one that succeeded and ended last before X1 ended, F the first one
that succeeded and was *sent after* the fault. The service surely worked at some instant inside L and inside F, and surely did not at some instant
inside X1 and inside Xm, so the outage lies in ``[max(0, start(Xm) - end(X1)), end(F) - start(L)]``. The upper end is judged.

Where the method is silent, the reading that reports more was chosen:

- "After the fault" is after the end of X1: an operation that was sent before it may have been done before the service went away. So F never
  proves too much, also where the fault is an order that takes effect seconds later, and for the second gap of a service that flaps.
- L ended before the first failed operation of the gap was *sent*, not only before X1 ended. While one operation hangs until its time is up, others may
  succeed again; one of those as L would hide the outage that lies before it. No less is reported than clients saw, at the price of one sampling step.
- Failed operations between which nothing succeeded that was sent after X1 belong to one gap.
- An operation without an end (its process died) proves neither failure nor success.
- Successes that all come late are an outage as well: when no success ended for longer than :data:`STALL`, although operations were under
  way, that is a gap with the lower end 0.
- Without any failed operation the upper end is not 0 but what the sampling cannot see.

All times are integers in nanoseconds. Public: :class:`Gap`, :func:`gaps`, :func:`blind`, :func:`silences`, :func:`longest_stream`,
:func:`steady`, :func:`database_path`, :class:`Baseline`, :func:`baseline`.
"""

from bisect import bisect_left, bisect_right
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.ledger import ACKED, Operation

SECOND = 1000000000
#: No success for so long, although operations were under way, counts as an outage.
STALL = SECOND
#: How far a candidate for the steady state moves on.
STEP = SECOND // 10


class Gap(NamedTuple):
    """One outage of a path. ``lo``, ``hi`` in nanoseconds; ``hi`` None: nothing bounds it, since L or F is missing. ``failed``: number of failed
    operations; ``stall``: no operation failed, all were late."""

    last_ok: Optional[Operation]
    first_failed: Optional[Operation]
    last_failed: Optional[Operation]
    first_ok: Optional[Operation]
    failed: int
    stall: bool = False

    @property
    def lo(self) -> int:
        """The outage lasted at least so long."""
        if self.first_failed is None or self.last_failed is None:
            return 0
        return max(0, self.last_failed.sent - _end(self.first_failed))

    @property
    def hi(self) -> Optional[int]:
        """The outage lasted at most so long."""
        if self.last_ok is None or self.first_ok is None:
            return None
        return _end(self.first_ok) - self.last_ok.sent

    @property
    def begin(self) -> Optional[int]:
        """The outage did not begin before."""
        return None if self.last_ok is None else self.last_ok.sent

    @property
    def end(self) -> Optional[int]:
        """The outage was over by then."""
        return None if self.first_ok is None else _end(self.first_ok)


def _end(operation: Operation) -> int:
    return operation.sent if operation.ended is None else operation.ended


def _by_end(operation: Operation) -> Tuple[int, int, str, int]:
    return (_end(operation), operation.sent, operation.stream, operation.seq)


def _by_sent(operation: Operation) -> Tuple[int, int, str, int]:
    # Of two that were sent at once the later answer counts: it reports more.
    return (operation.sent, -_end(operation), operation.stream, operation.seq)


class _Successes:
    """The operations that succeeded, in both orders."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        found = [each for each in operations if each.outcome == ACKED and each.ended is not None]
        self.by_end = sorted(found, key=_by_end)
        self.by_sent = sorted(found, key=_by_sent)
        self._ends = [_end(each) for each in self.by_end]
        self._sents = [each.sent for each in self.by_sent]

    def last_before(self, instant: int) -> Optional[Operation]:
        """The one that ended last before an instant."""
        place = bisect_left(self._ends, instant)
        return self.by_end[place - 1] if place else None

    def first_sent_after(self, instant: int) -> Optional[Operation]:
        """The first that was sent after an instant."""
        place = bisect_right(self._sents, instant)
        return self.by_sent[place] if place < len(self.by_sent) else None


def gaps(operations: Sequence[Operation]) -> List[Gap]:
    """The outages of one path, in order; the operations may come in any order.

    :arg operations: of one client, so that all times are on one clock, and of one path and kind.
    """
    good = _Successes(operations)
    failed = sorted((each for each in operations if each.outcome != ACKED and each.ended is not None), key=_by_end)
    found: List[Gap] = []
    while failed:
        first = failed[0]
        inside: List[Operation] = []
        proof = _end(first)
        while True:
            first_ok = good.first_sent_after(proof)
            inside += [each for each in failed if first_ok is None or each.sent < first_ok.sent]
            failed = [each for each in failed if first_ok is not None and each.sent >= first_ok.sent]
            if not failed:
                break
            between = good.last_before(min(each.sent for each in failed))
            if between is not None and between.sent > _end(first):
                break
            proof = _end(failed[0])
        last_failed = max(inside, key=lambda each: (each.sent, _end(each)))
        last_ok = good.last_before(min(each.sent for each in inside))
        found.append(Gap(last_ok, first, last_failed, first_ok, len(inside)))
    return sorted(found + _stalls(good, found), key=_order)


def _order(gap: Gap) -> Tuple[int, int]:
    begin = gap.begin if gap.begin is not None else -1
    return (begin, _end(gap.first_failed) if gap.first_failed else begin)


def _stalls(good: _Successes, known: Sequence[Gap]) -> List[Gap]:
    # The earliest start among all successes that end later: whether one was under way while none ended.
    started = [each.sent for each in good.by_end]
    for place in range(len(started) - 2, -1, -1):
        started[place] = min(started[place], started[place + 1])
    found = []
    for place, (before, after) in enumerate(zip(good.by_end, good.by_end[1:])):
        quiet = _end(after) - _end(before)
        # Where nothing was under way nobody asked, which is a silence of the probe.
        if quiet <= STALL or started[place + 1] > _end(before) + STALL:
            continue
        explained = any(
            (gap.begin is None or gap.begin <= _end(after)) and (gap.end is None or gap.end >= _end(before))
            for gap in known
        )
        if not explained:
            found.append(Gap(before, None, None, after, 0, True))
    return found


def blind(operations: Sequence[Operation]) -> Optional[int]:
    """The longest outage that could lie between two successes that follow each other without being seen; None with fewer than two."""
    good = sorted((each for each in operations if each.outcome == ACKED and each.ended is not None), key=_by_sent)
    if len(good) < 2:
        return None
    return max(_end(after) - before.sent for before, after in zip(good, good[1:]))


def silences(operations: Sequence[Operation], begin: int, end: int, limit: int) -> List[Tuple[int, int]]:
    """Stretches of a window in which no operation was under way for longer than a limit: the probe was down.

    :arg limit: nanoseconds. :returns: pairs of instants.
    """
    busy = sorted((each.sent, _end(each)) for each in operations)
    found, reached = [], begin
    for sent, ended in busy:
        if sent > end:
            break
        if sent - reached > limit:
            found.append((reached, sent))
        reached = max(reached, ended)
    if end - reached > limit:
        found.append((reached, end))
    return found


def longest_stream(operations: Sequence[Operation], begin: int, end: int) -> Optional[int]:
    """The longest time that one stream went without a success, from the end of one to the end of the next, inside of a window.

    It is what a single client saw, and may be longer than the outage of the service, which others prove to be over.
    """
    streams: Dict[str, List[int]] = {}
    for each in operations:
        if each.outcome == ACKED and each.ended is not None:
            streams.setdefault(each.stream, []).append(each.ended)
    worst = None
    for ends in streams.values():
        ends.sort()
        for before, after in zip(ends, ends[1:]):
            if after >= begin and before <= end and (worst is None or after - before > worst):
                worst = after - before
    return worst


def database_path(operations: Sequence[Operation]) -> List[Operation]:
    """The direct paths of a client as one: the database is there while any member serves.

    A failure counts only on the member that served last; that a standby refuses writes is no outage.
    """
    found, serving = [], ""
    for each in sorted(operations, key=_by_end):
        if each.outcome == ACKED and each.ended is not None:
            serving = each.path
            found.append(each)
        elif not serving or each.path == serving:
            found.append(each)
    return found


class Baseline(NamedTuple):
    """How the path was before the fault: ``successes`` in ``span`` nanoseconds, 99 of 100 of them within ``p99`` nanoseconds."""

    successes: int
    span: int
    p99: int


def _rank(ordered: Sequence[int], percent: int) -> int:
    """Nearest rank: the smallest value that so many per cent do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def baseline(operations: Sequence[Operation], begin: int, end: int) -> Optional[Baseline]:
    """The successes that ended in a window; None without any."""
    good = [
        each for each in operations if each.outcome == ACKED and each.ended is not None and begin <= each.ended < end
    ]
    if not good or end <= begin:
        return None
    return Baseline(len(good), end - begin, _rank(sorted(_end(each) - each.sent for each in good), 99))


def steady(
    operations: Sequence[Operation],
    usual: Baseline,
    begin: int,
    end: int,
    known: Sequence[Gap],
    hold: int = 60 * SECOND,
) -> Optional[int]:
    """t8: the first instant from which, for ``hold`` nanoseconds, successes come at 95 % of the usual rate or more, and 99 of 100 of them within twice
    the usual p99. An instant inside of a gap is none.

    :arg begin: t7. :arg end: the last instant that the operations tell about.
    :returns: an instant, a multiple of :data:`STEP` after ``begin``; None when there is none, also because the load ended too early.
    """
    good = sorted(
        (_end(each), _end(each) - each.sent) for each in operations if each.outcome == ACKED and each.ended is not None
    )
    ends = [ended for ended, _latency in good]
    quick = [0]
    for _ended, latency in good:
        quick.append(quick[-1] + (1 if latency <= 2 * usual.p99 else 0))
    instant = begin
    while instant + hold <= end:
        first, last = bisect_left(ends, instant), bisect_left(ends, instant + hold)
        count = last - first
        enough = count * usual.span * 100 >= 95 * usual.successes * hold
        inside = any(
            gap.begin is not None and gap.begin < instant and (gap.end is None or instant < gap.end) for gap in known
        )
        if enough and count and not inside and (quick[last] - quick[first]) * 100 >= 99 * count:
            return instant
        instant += STEP
    return None
