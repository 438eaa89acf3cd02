# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Losses: against a slow reading of the definition, and by hand."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import loss
from ansible_collections.firedrill.standby.plugins.module_utils._core.ledger import Operation, Survivor


def op(
    seq: int,
    outcome: str = "A",
    sent: int | None = None,
    ended: int | None = -1,
    epoch: int = 1,
    node: str = "",
    writer: str = "w0",
    client: str = "c",
) -> Operation:
    begin = seq * 10 if sent is None else sent
    end = begin + 3 if ended == -1 else ended
    return Operation(
        client,
        writer,
        "write",
        "application",
        seq,
        f"{client}-{writer}-{seq}",
        f"h{seq}",
        epoch,
        begin,
        end,
        outcome,
        "",
        node,
    )


def row(each: Operation, **changes: object) -> Survivor:
    return Survivor(each.stream, each.seq, each.uuid, each.payload_hash, each.node, each.epoch, "")._replace(**changes)  # type: ignore[arg-type]


def slow_node(each: Operation, intents: list[Operation]) -> str:
    """Who took it: as its own answer says, or as the next one does, when only answers came between."""
    if each.node or each.outcome != "A":
        return each.node
    for later in sorted(intents, key=lambda one: one.seq):
        if (later.client, later.stream) == (each.client, each.stream) and later.seq > each.seq:
            if later.outcome != "A":
                return ""
            if later.node:
                return later.node
    return ""


def slow_tally(intents: list[Operation], rows: list[Survivor], until: int) -> dict[str, object]:
    """The definitions of the method, one sentence each."""
    inside = [each for each in intents if each.sent < until]
    answered = [each for each in inside if each.ended is not None and each.ended <= until]
    acked = {each.uuid for each in answered if each.outcome == "A"}
    failed = {each.uuid for each in answered if each.outcome == "F"}
    open_ones = {each.uuid for each in inside} - acked - failed
    there = {each.uuid for each in rows}
    meant = {each.uuid: each for each in intents}
    holes = set()
    for lost in acked - there:
        for other in there & set(meant):
            a, b = meant[lost], meant[other]
            nodes = {slow_node(a, intents), slow_node(b, intents)}
            two_nodes = len(nodes - {""}) == 2
            if (a.client, a.stream, a.epoch) == (b.client, b.stream, b.epoch) and b.seq > a.seq and not two_nodes:
                holes.add(lost)
    return {
        "lost": acked - there,
        "recovered": open_ones & there,
        "absent": open_ones - there,
        "phantom": failed & there,
        "alien": there - set(meant),
        "duplicate": len(rows) - len(there),
        "holes": holes,
    }


INTENTS = st.lists(
    st.tuples(
        st.sampled_from("AAAF?"), st.integers(1, 2), st.sampled_from(("", "a", "b")), st.sampled_from((-1, None, 25))
    ),
    max_size=9,
).map(
    lambda found: [
        op(n, o, epoch=e, node=m, ended=None if x is None else -1 if x == -1 else n * 10 + x)
        for n, (o, e, m, x) in enumerate(found, 1)
    ]
)


@settings(max_examples=500, deadline=None)
@given(st.data(), INTENTS)
def test_sets_are_those_of_the_definition(data: st.DataObject, intents: list[Operation]) -> None:
    others = [row(op(90 + n, writer="x")) for n in range(data.draw(st.integers(0, 2)))]
    rows = (
        data.draw(st.lists(st.sampled_from([row(each) for each in intents] + others), max_size=12))
        if intents or others
        else []
    )
    until = data.draw(st.integers(0, 110))
    found = loss.tally(intents, rows, {"c": until})
    wanted = slow_tally(intents, rows, until)
    for name in ("lost", "recovered", "absent", "phantom", "alien", "holes"):
        assert getattr(found, name) == wanted[name], name
    assert len(found.duplicate) == wanted["duplicate"]
    counts = found.counts()
    assert counts["intents"] == counts["acked"] + counts["failed"] + counts["unknown"]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=3, max_size=12), st.integers(1, 10), st.data())
def test_the_true_lost_stretch_lies_within_the_bounds(latencies: list[int], kept: int, data: st.DataObject) -> None:
    """Commits happen at hidden instants between send and answer; the log is cut after one of them."""
    commits, operations = [], []
    for seq, latency in enumerate(latencies, 1):
        one = op(seq, ended=seq * 10 + latency * 3, writer=f"w{seq}")
        operations.append(one)
        commits.append((one.sent + data.draw(st.integers(0, latency * 3)), one))
    commits.sort(key=lambda pair: pair[0])
    kept = min(kept, len(commits) - 1)
    rows = [row(one) for _instant, one in commits[:kept]]
    found = loss.tally(operations, rows, {})
    (time,) = loss.lost_time(operations, found)
    true = commits[-1][0] - commits[kept - 1][0]
    assert time.lo <= true
    assert time.hi is None or true <= time.hi


def test_lost_time_by_hand() -> None:
    operations = [op(1), op(2), op(3), op(4, "?"), op(5)]
    found = loss.tally(operations, [row(operations[0])], {})
    assert found.lost == {"c-w0-2", "c-w0-3", "c-w0-5"} and found.absent == {"c-w0-4"} and not found.holes
    assert loss.lost_time(operations, found) == [loss.LostTime("c", 50 - 13, 53 - 10)]


def test_everything_lost_has_no_upper_end() -> None:
    operations = [op(1), op(2)]
    (time,) = loss.lost_time(operations, loss.tally(operations, [], {}))
    assert time.hi is None


def test_the_worst_client_has_its_own_times() -> None:
    operations = [op(1), op(2), op(1, client="d", sent=1000), op(2, client="d", sent=5000)]
    found = loss.tally(operations, [row(operations[0]), row(operations[2])], {})
    assert [(each.client, each.hi) for each in loss.lost_time(operations, found)] == [("c", 13), ("d", 4003)]


def test_a_suffix_is_no_hole_and_neither_is_the_next_epoch() -> None:
    operations = [op(1), op(2), op(3, epoch=2)]
    assert not loss.tally(operations, [row(operations[0]), row(operations[2])], {}).holes
    operations[2] = op(3)
    assert loss.tally(operations, [row(operations[0]), row(operations[2])], {}).holes == {"c-w0-2"}


def test_a_stale_epoch_of_the_client_is_no_hole_if_another_member_answered() -> None:
    operations = [op(1, node="a"), op(2, node="a"), op(3, node="b")]
    assert not loss.tally(operations, [row(operations[0]), row(operations[2])], {}).holes
    assert loss.tally(operations, [row(operations[0]), row(op(3, node=""))], {}).lost == {"c-w0-2"}


def test_the_first_answer_of_a_session_is_of_whom_the_next_one_names() -> None:
    """After a failover to an ASYNC standby: a suffix of the old primary is lost, and clients do not know the new epoch yet."""
    operations = [op(1, node="a"), op(2, node="a"), op(3, "?", node="a"), op(4), op(5, node="b")]
    there = [row(operations[0]), row(operations[3]), row(operations[4])]
    found = loss.tally(operations, there, {})
    assert found.lost == {"c-w0-2"} and not found.holes
    failed = [*operations[:4], op(5, "F"), op(6, node="b")]
    assert loss.tally(failed, there[:2], {}).holes == {"c-w0-2"}, "another session may have been another member's"
    same = [*operations[:4], op(5, node="a")]
    assert loss.tally(same, [there[0], there[1], row(same[4])], {}).holes == {"c-w0-2"}


def test_damage_is_another_payload_sequence_or_writer() -> None:
    operations = [op(1), op(2), op(3)]
    rows = [row(each) for each in operations]
    assert not loss.tally(operations, rows, {}).damaged
    for change in ({"payload_hash": "other"}, {"seq": 9}, {"writer": "w9"}):
        assert loss.tally(operations, [rows[0], row(operations[1], **change)], {}).damaged == {"c-w0-2"}, change


def test_an_answer_after_the_read_began_is_not_held_against_it() -> None:
    operations = [op(1), op(2, sent=20, ended=60), op(3)]
    found = loss.tally(operations, [row(operations[0])], {"c": 30})
    assert found.lost == frozenset() and found.absent == {"c-w0-2"} and found.acked == {"c-w0-1"}


def test_reads_are_compared_by_what_both_could_show() -> None:
    operations = [op(1), op(2), op(3)]
    first = loss.tally(operations, [row(each) for each in operations[:2]], {"c": 25})
    same = loss.tally(operations, [row(each) for each in operations], {})
    less = loss.tally(operations, [row(operations[0]), row(operations[2])], {})
    assert loss.rows_apart(first, same) == (frozenset(), frozenset())
    assert loss.rows_apart(first, less) == ({"c-w0-2"}, frozenset())
    assert loss.rows_apart(less, same) == (frozenset(), {"c-w0-2"})
