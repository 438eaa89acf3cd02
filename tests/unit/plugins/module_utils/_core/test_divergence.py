# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a former primary has beyond the branch point: nothing that may be there is left out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import divergence
from ansible_collections.firedrill.standby.plugins.module_utils._core.divergence import MAYBE, YES, Log, Reached


def log(sequence: int, first: int | None, end: int | None, current: bool = False, path: str = "") -> Log:
    return Log(0, sequence, first, end, current, (path or f"/d/{sequence}",))


HISTORY = [log(5, 10, 20), log(6, 20, 30), log(7, 30, None, True)]


def test_logs_from_the_branch_point_on() -> None:
    found = divergence.beyond(HISTORY, 24)
    assert [(one.log.sequence, one.holds) for one in found] == [(6, YES), (7, MAYBE)]
    assert divergence.gaps(found, 24) == []


def test_an_archive_and_a_log_file_of_one_number_are_one() -> None:
    both = divergence.joined([log(6, None, None, path="/d/log"), log(6, 20, 30, path="/a/6.arc")])
    assert both == [Log(0, 6, 20, 30, False, ("/d/log", "/a/6.arc"))]


def test_an_end_that_is_not_told_is_the_beginning_of_the_next() -> None:
    assert divergence.joined([log(5, 10, None), log(6, 20, None, True)])[0].end == 20


def test_without_positions_every_log_may_hold_it_and_a_gap_is_told() -> None:
    found = divergence.beyond([log(5, None, None), log(6, None, None, True)], 24)
    assert [(one.log.sequence, one.holds) for one in found] == [(5, MAYBE), (6, MAYBE)]
    assert divergence.gaps(found, 24) == [
        "where log 5 of thread 0 begins is not told, so earlier logs may be needed",
    ]


def test_what_is_missing_is_told() -> None:
    late = divergence.beyond([log(7, 30, None, True)], 24)
    assert divergence.gaps(late, 24) == [
        "log 7 of thread 0 begins at 30; the log with position 25 is not known any more"
    ]
    holed = divergence.beyond([log(5, 10, 30), log(7, 40, None, True)], 24)
    assert divergence.gaps(holed, 24) == ["logs 6 of thread 0 are not known"]
    gone = divergence.beyond([Log(0, 6, 20, 30, False, ()), log(7, 30, None, True)], 24)
    assert divergence.gaps(gone, 24) == ["log 6 of thread 0 lies nowhere any more"]
    assert divergence.gaps([], 24) == ["no log that reaches to position 25 is known"]


def test_a_lower_bound_proves_that_it_diverged_and_never_that_it_did_not() -> None:
    far = divergence.measure(24, [Reached(40, "view")], HISTORY)
    assert far.diverged.equals(True) and far.last.value == 40 and far.certainty == divergence.AT_LEAST
    near = divergence.measure(35, [Reached(30, "view")], HISTORY)
    assert not near.diverged.is_known and near.last.value == 30
    assert near.diverged.why == "it reached at least 30, and what follows is not told"


def test_a_position_of_zero_is_none() -> None:
    nothing = divergence.measure(24, [Reached(0, "view")], [])
    assert not nothing.diverged.is_known and not nothing.last.is_known
    assert nothing.certainty == divergence.NOT_KNOWN


def test_only_a_proven_end_says_that_there_is_none() -> None:
    assert divergence.measure(30, [], HISTORY, Reached(30, "stop")).diverged.equals(False)
    assert divergence.measure(29, [], HISTORY, Reached(30, "stop")).diverged.equals(True)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Log], int]:
    """A whole history of logs, some of whose positions are not told, and its last position."""
    ends = sorted(draw(st.sets(st.integers(1, 200), min_size=1, max_size=8)))
    logs, first = [], 0
    for number, end in enumerate(ends, 1):
        told = draw(st.booleans())
        current = number == len(ends)
        logs.append(log(number, first if told else None, end if told and not current else None, current))
        first = end
    return draw(st.permutations(logs)), ends[-1]


@given(histories(), st.integers(0, 220))
def test_no_log_with_redo_beyond_the_branch_point_is_left_out(history: tuple[list[Log], int], branch: int) -> None:
    logs, _last = history
    chosen = {one.log.sequence for one in divergence.beyond(logs, branch)}
    whole = sorted(logs, key=lambda one: one.sequence)
    for one in whole:
        following = [other.first for other in whole if other.sequence > one.sequence and other.first is not None]
        surely_over = one.end is not None and one.end <= branch
        surely_over = surely_over or (bool(following) and following[0] <= branch and not one.current)
        assert one.sequence in chosen or surely_over
    assert whole[-1].sequence in chosen, "the current log may always hold more"
