# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outages: against a slow reading of the definition, against services whose outage is known, and by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import outage
from ansible_collections.firedrill.standby.plugins.module_utils._core.ledger import Operation
from ansible_collections.firedrill.standby.plugins.module_utils._core.outage import SECOND, Baseline, Gap

MS = 1_000_000


def op(sent: int, ended: int | None, outcome: str = "A", stream: str = "w00", path: str = "application") -> Operation:
    return Operation(
        "c", stream, "write", path, sent + 1, f"{stream}-{sent}-{ended}", "", 1, sent, ended, outcome, "", ""
    )


def slow_gaps(operations: list[Operation]) -> list[tuple[object, ...]]:
    """The definition read aloud, quadratic and without any index."""
    good = [each for each in operations if each.outcome == "A" and each.ended is not None]
    left = [each for each in operations if each.outcome != "A" and each.ended is not None]
    found = []
    while left:
        x1_end = min(each.ended for each in left)
        limit, inside = x1_end, []
        while True:
            candidates = [each for each in good if each.sent > limit]
            f_sent = min((each.sent for each in candidates), default=None)
            f_end = max((each.ended for each in candidates if each.sent == f_sent), default=None)
            inside += [each for each in left if f_sent is None or each.sent < f_sent]
            left = [each for each in left if not (f_sent is None or each.sent < f_sent)]
            proved = left and any(
                x1_end < each.sent and all(each.ended < other.sent for other in left) for each in good
            )
            # The last success before the rest has to be such a proof itself.
            if proved:
                earliest = min(other.sent for other in left)
                last_end = max(each.ended for each in good if each.ended < earliest)
                proved = max(each.sent for each in good if each.ended == last_end) > x1_end
            if not left or proved:
                break
            limit = min(each.ended for each in left)
        begun = min(each.sent for each in inside)
        l_end = max((each.ended for each in good if each.ended < begun), default=None)
        l_sent = max((each.sent for each in good if each.ended == l_end), default=None)
        lo = max(0, max(each.sent for each in inside) - x1_end)
        hi = None if l_sent is None or f_end is None else f_end - l_sent
        found.append((lo, hi, l_sent, f_end, len(inside)))
    return found


OPERATIONS = st.lists(
    st.builds(
        op,
        st.integers(0, 60),
        st.none() | st.integers(0, 12),
        st.sampled_from("AAAF?"),
        st.sampled_from(("w00", "w01")),
    ).map(lambda each: each if each.ended is None else each._replace(ended=each.sent + each.ended)),
    max_size=25,
)


@settings(max_examples=600, deadline=None)
@given(OPERATIONS)
def test_gaps_are_those_of_the_definition(operations: list[Operation]) -> None:
    found = [(gap.lo, gap.hi, gap.begin, gap.end, gap.failed) for gap in outage.gaps(operations)]
    assert sorted(found, key=str) == sorted(slow_gaps(operations), key=str)


@settings(max_examples=400, deadline=None)
@given(
    st.integers(1000, 3000),
    st.integers(0, 4000),
    st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 900), st.integers(0, 900)), max_size=80),
)
def test_the_true_outage_lies_within_the_bounds(begin: int, length: int, asked: list[tuple[int, int, int]]) -> None:
    """One outage of known length; every operation succeeds exactly if the service was there at a hidden instant of it, however long it hangs."""
    operations = [op(-20, -10), op(20_000, 20_010)]
    for number, (sent, before, after) in enumerate(asked):
        away = begin <= sent + before < begin + length
        operations.append(op(sent, sent + before + after, "F" if away else "A", f"w{number}"))
    found = outage.gaps(operations)
    if any(each.outcome != "A" for each in operations):
        assert found and found[0].lo <= length
        assert any((gap.hi or 0) >= length for gap in found), "some gap covers the whole outage"
    else:
        assert found == [] and length <= (outage.blind(operations) or 0)


def test_a_plain_outage_by_hand() -> None:
    operations = [op(0, 4), op(10, 14), op(20, 21, "F"), op(30, 31, "F"), op(40, 41, "?"), op(50, 54), op(60, 64)]
    (gap,) = outage.gaps(operations)
    assert (gap.lo, gap.hi, gap.failed) == (40 - 21, 54 - 10, 3)


def test_what_was_sent_before_the_failure_proves_nothing() -> None:
    hung = op(19, 70, stream="w01")  # sent before, hangs, and succeeds in the end
    operations = [op(10, 14), op(20, 21, "F"), hung, op(40, 41, "F"), op(80, 84)]
    (gap,) = outage.gaps(operations)
    assert gap.first_ok == operations[-1] and gap.hi == 84 - 10


def test_a_hanging_failure_does_not_hide_the_outage_behind_it() -> None:
    """All hang until their time is up, while others succeed again: the outage was 400 long."""
    operations = [
        op(-5, -1),
        *(op(t, t + 500, "?", f"w{t}") for t in range(0, 400, 50)),
        *(op(t, t + 4, stream=f"v{t}") for t in range(401, 900, 10)),
    ]
    found = outage.gaps(operations)
    assert len(found) == 1 and (found[0].hi or 0) >= 400


def test_two_gaps_and_an_open_end() -> None:
    operations = [op(0, 4), op(10, 11, "F"), op(20, 24), op(30, 34), op(40, 41, "F"), op(50, 51, "F")]
    first, second = outage.gaps(operations)
    assert (first.lo, first.hi) == (0, 24 - 0)
    assert second.hi is None and second.lo == 50 - 41 and second.end is None
    (never,) = outage.gaps([op(10, 11, "F"), op(20, 24)])
    assert never.hi is None and never.begin is None


def test_an_operation_without_an_end_is_no_failure() -> None:
    assert outage.gaps([op(0, 4), op(10, None, "?"), op(20, 24)]) == []


def test_successes_that_are_all_late_are_an_outage() -> None:
    late = [op(i * 100 * MS, i * 100 * MS + 4 * MS) for i in range(10)]
    late += [op(1000 * MS + i, 4000 * MS + i, stream=f"w{i}") for i in range(4)]
    (gap,) = outage.gaps(late)
    assert gap.stall and gap.lo == 0 and gap.hi == 4000 * MS - 900 * MS
    nobody_asked = [op(0, 4 * MS), op(5000 * MS, 5004 * MS)]
    assert outage.gaps(nobody_asked) == []
    assert outage.silences(nobody_asked, 0, 5000 * MS, 300 * MS) == [(4 * MS, 5000 * MS)]


def test_silences_are_where_nothing_is_under_way() -> None:
    operations = [op(0, 10), op(5, 100), op(400, 410)]
    assert outage.silences(operations, 0, 1000, 200) == [(100, 400), (410, 1000)]
    assert outage.silences(operations, 0, 420, 300) == []
    assert outage.silences([], 0, 10, 5) == [(0, 10)]


def test_without_a_failure_the_bound_is_what_could_hide() -> None:
    assert outage.blind([op(0, 4), op(10, 14), op(50, 54), op(60, 64)]) == 54 - 10
    assert outage.blind([op(0, 4)]) is None


def test_one_stream_may_wait_longer_than_the_service() -> None:
    operations = [op(0, 4), op(5, 10, stream="w01"), op(900, 904), op(20, 24, stream="w01")]
    assert outage.longest_stream(operations, 0, 1000) == 900
    assert outage.longest_stream(operations, 2000, 3000) is None


def test_the_database_is_there_while_any_member_serves() -> None:
    old, new = "direct:a", "direct:b"
    operations = [
        op(0, 4, path=old),
        op(5, 6, "F", path=new),
        op(10, 11, "F", path=old),
        op(15, 16, "F", path=new),
        op(20, 24, path=new),
        op(30, 31, "F", path=old),
    ]
    kept = outage.database_path(operations)
    assert [each.sent for each in kept] == [0, 10, 20], (
        "what a standby refuses, and the former primary later, is no outage"
    )


@pytest.mark.parametrize(("percent", "rank"), [(99, 99), (50, 50), (1, 1)])
def test_percentiles_are_nearest_ranks(percent: int, rank: int) -> None:
    assert outage._rank(list(range(1, 101)), percent) == rank


def steady_operations(slow_until: int = 0, missing_until: int = 0, gap: int = 0) -> list[Operation]:
    """One success every 10 ms for 100 s, 5 ms long; 50 ms long until ``slow_until``; every second one until ``missing_until``."""
    found = []
    for instant in range(0, 100_000, 10):
        if instant < missing_until and instant // 10 % 2:
            continue
        latency = 50 if instant < slow_until else 5
        found.append(op(instant * MS, (instant + latency) * MS))
    return found


def slow_steady(operations: list[Operation], usual: Baseline, begin: int, end: int, hold: int) -> int | None:
    instant = begin
    while instant + hold <= end:
        inside = [each for each in operations if instant <= (each.ended or 0) < instant + hold]
        quick = sum((each.ended or 0) - each.sent <= 2 * usual.p99 for each in inside)
        if inside and len(inside) / hold >= 0.95 * usual.successes / usual.span and quick / len(inside) >= 0.99:
            return instant
        instant += outage.STEP
    return None


@pytest.mark.parametrize(("slow", "missing"), [(0, 0), (7_000, 0), (0, 9_000), (3_000, 12_000)])
def test_steady_state_is_the_first_instant_from_which_it_holds(slow: int, missing: int) -> None:
    operations = steady_operations(slow, missing)
    usual = Baseline(1000, 10 * SECOND, 5 * MS)
    found = outage.steady(operations, usual, 0, 100 * SECOND, [], 20 * SECOND)
    assert found == slow_steady(operations, usual, 0, 100 * SECOND, 20 * SECOND)
    assert found is not None and (found == 0) == (slow == missing == 0)


def test_no_steady_state_without_time_to_see_it_or_inside_of_a_gap() -> None:
    usual = Baseline(1000, 10 * SECOND, 5 * MS)
    assert outage.steady(steady_operations(), usual, 50 * SECOND, 100 * SECOND, [], 60 * SECOND) is None
    gap = Gap(op(0, 1), None, None, op(2 * SECOND, 2 * SECOND + 1), 1)
    assert (
        outage.steady(steady_operations(), usual, SECOND, 100 * SECOND, [gap], 20 * SECOND) == 2 * SECOND + outage.STEP
    )
