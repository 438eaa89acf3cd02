# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What became of the writes: the ledger of intents against the rows that a member shows. Pure arithmetic.

A: acknowledged, S: survivors, ?: unknown, N: all intents (drills reference, 4.3). lost = A without S; recovered = ? in S; absent = ? without S;
phantom = survives although certainly failed; alien = S without N; duplicate; damaged = another payload, sequence or writer than was sent.
A hole is a lost acknowledged write that a survivor of the same writer and role epoch follows: log shipping may lose only a suffix.

Where the method is silent:

- Rows are matched by their uuid. What a row says besides (sequence, payload, writer) must then agree.
- In one role epoch one member accepts writes. Where the clients' epoch is the same and the members that answered are known to be two, the client had
  not yet heard of the new epoch: that is no hole. The write is lost all the same. The first answer of a session does not say who gave it; the next one
  of the same session does.
- The lost time's upper end is counted from a survivor that was acknowledged before the first lost write was sent, so surely before it; the lower end from
  the last survivor that can lie before it. Without such a survivor nothing bounds the upper end.
- An acknowledgement that came after a read began is not held against that read.

Public: :class:`Tally`, :func:`tally`, :class:`LostTime`, :func:`lost_time`, :func:`rows_apart`.
"""

from typing import Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.ledger import ACKED, FAILED, Operation, Survivor

#: The sets of a tally in the order of reports.
SETS: Tuple[str, ...] = (
    "acked",
    "failed",
    "unknown",
    "survived",
    "lost",
    "recovered",
    "absent",
    "phantom",
    "alien",
    "duplicate",
    "damaged",
    "holes",
)


class Tally(NamedTuple):
    """Sets of uuids for one read of one member; ``duplicate`` names each surplus row once."""

    acked: FrozenSet[str]
    failed: FrozenSet[str]
    unknown: FrozenSet[str]
    survived: FrozenSet[str]
    lost: FrozenSet[str]
    recovered: FrozenSet[str]
    absent: FrozenSet[str]
    phantom: FrozenSet[str]
    alien: FrozenSet[str]
    duplicate: Tuple[str, ...]
    damaged: FrozenSet[str]
    holes: FrozenSet[str]

    def counts(self) -> Dict[str, int]:
        """How many there are of each, and ``intents``: acknowledged, failed and unknown together."""
        found = {name: len(getattr(self, name)) for name in SETS}
        found["intents"] = found["acked"] + found["failed"] + found["unknown"]
        return found


def _split(intents: Iterable[Operation], until: Mapping[str, int]) -> Tuple[Set[str], Set[str], Set[str]]:
    """The intents that a read could show, by outcome; an answer that came after the read began does not count."""
    acked, failed, unknown = set(), set(), set()
    for each in intents:
        limit = until.get(each.client)
        if limit is not None and each.sent >= limit:
            continue
        late = each.ended is None or (limit is not None and each.ended > limit)
        if each.outcome == ACKED and not late:
            acked.add(each.uuid)
        elif each.outcome == FAILED and not late:
            failed.add(each.uuid)
        else:
            unknown.add(each.uuid)
    return acked, failed, unknown


def _damaged(rows: Sequence[Survivor], intents: Mapping[str, Operation]) -> Set[str]:
    """Rows that are not what was sent. The first row of a stream tells how its writer is called."""
    writers: Dict[Tuple[str, str], str] = {}
    found = set()
    for row in rows:
        meant = intents.get(row.uuid)
        if meant is None:
            continue
        writer = writers.setdefault((meant.client, meant.stream), row.writer)
        if (row.seq, row.payload_hash, row.writer) != (meant.seq, meant.payload_hash, writer):
            found.add(row.uuid)
    return found


def _nodes(intents: Mapping[str, Operation]) -> Dict[str, str]:
    """Who took each write, "" where that is not known: as its answer says, or as the next answer of its stream, with nothing but answers between."""
    streams: Dict[Tuple[str, str], List[Operation]] = {}
    for each in intents.values():
        streams.setdefault((each.client, each.stream), []).append(each)
    found = {}
    for own in streams.values():
        following = ""
        for each in sorted(own, key=lambda one: one.seq, reverse=True):
            following = (each.node or following) if each.outcome == ACKED else ""
            found[each.uuid] = following or each.node
    return found


def _holes(lost: Set[str], survived: Set[str], intents: Mapping[str, Operation]) -> Set[str]:
    """Lost writes that a survivor of the same writer and epoch follows."""
    if not lost:
        return set()
    node_of = _nodes(intents)
    last: Dict[Tuple[str, str, int], Dict[str, int]] = {}
    for uuid in survived:
        each = intents[uuid]
        nodes = last.setdefault((each.client, each.stream, each.epoch), {})
        nodes[node_of[uuid]] = max(nodes.get(node_of[uuid], 0), each.seq)
    found = set()
    for uuid in lost:
        each, own = intents[uuid], node_of[uuid]
        for node, seq in last.get((each.client, each.stream, each.epoch), {}).items():
            if seq > each.seq and (not node or not own or node == own):
                found.add(uuid)
    return found


def tally(operations: Sequence[Operation], rows: Sequence[Survivor], until: Mapping[str, int]) -> Tally:
    """Compare the intents with one read of one member.

    :arg operations: writes and guard writes of all clients: every intent there is, or rows of others look alien.
    :arg until: for each client the instant of its monotonic clock at which the read began; a client that is missing counts whole.
    """
    intents = {each.uuid: each for each in operations}
    acked, failed, unknown = _split(operations, until)
    seen: Set[str] = set()
    duplicate: List[str] = []
    for row in rows:
        if row.uuid in seen:
            duplicate.append(row.uuid)
        seen.add(row.uuid)
    known = seen & set(intents)
    lost = acked - seen
    return Tally(
        acked=frozenset(acked),
        failed=frozenset(failed),
        unknown=frozenset(unknown),
        survived=frozenset(seen),
        lost=frozenset(lost),
        recovered=frozenset(unknown & seen),
        absent=frozenset(unknown - seen),
        phantom=frozenset(failed & seen),
        alien=frozenset(seen - known),
        duplicate=tuple(sorted(duplicate)),
        damaged=frozenset(_damaged(rows, intents)),
        holes=frozenset(_holes(lost, known, intents)),
    )


class LostTime(NamedTuple):
    """How long a stretch of writes one client lost, in nanoseconds; ``hi`` None: no survivor before the loss bounds it."""

    client: str
    lo: int
    hi: Optional[int]


def lost_time(operations: Sequence[Operation], found: Tally) -> List[LostTime]:
    """The lost time of each client that lost something: ``[max(0, send(l) - ack(s)), ack(l) - send(s)]``, see the head of this file."""
    results = []
    for client in sorted({each.client for each in operations if each.uuid in found.lost}):
        own = [each for each in operations if each.client == client and each.ended is not None]
        lost = [each for each in own if each.uuid in found.lost]
        alive = [each for each in own if each.uuid in found.survived and each.uuid in found.acked]
        first_sent = min(each.sent for each in lost)
        first_ended = min(each.ended or 0 for each in lost)
        surely = [each for each in alive if (each.ended or 0) <= first_sent]
        maybe = [each.ended or 0 for each in alive if each.sent < first_ended]
        before = max(surely, key=lambda each: (each.ended or 0, -each.sent)) if surely else None
        last_ack = max(each.ended or 0 for each in lost)
        results.append(
            LostTime(
                client,
                max(0, max(each.sent for each in lost) - max(maybe)) if maybe else 0,
                last_ack - before.sent if before is not None else None,
            )
        )
    return results


def rows_apart(first: Tally, other: Tally) -> Tuple[FrozenSet[str], FrozenSet[str]]:
    """Where two reads disagree, among the intents that both could show: what the other misses, and what it has more."""
    scope = (first.acked | first.failed | first.unknown) & (other.acked | other.failed | other.unknown)
    return (first.survived - other.survived) & scope, (other.survived - first.survived) & scope
