# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The ledger of a probe: what a client meant to do, and what came of it, as it lies on the client's disk.

ASCII lines, only ever appended, one file for each stream::

    H <json>                                    header
    I seq uuid hash epoch t_send                an intent, flushed before it is sent
    A|F|? seq t_end node error...               its outcome: acknowledged, certainly failed, unknown; node "-" is not known
    W mono wall width                           an anchor of the wall clock
    C count sha256                              lines so far, and the digest of all bytes before this line
    Z count sha256                              the same as last line: the stream was stopped and not lost

Public: the records, :func:`parse`.
"""

import hashlib
import json
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

ACKED, FAILED, UNKNOWN = "A", "F", "?"


class Operation(NamedTuple):
    """One operation of one stream.

    ``client``: host the ledger lies on; all its times are on one monotonic clock, in nanoseconds. ``stream``: one ledger file. ``kind``: "write",
    "read" or "guard". ``path``: "application" or "direct:<member>". ``seq``: the stream's own sequence, from 1. ``payload_hash``: of what was
    sent, "" for reads. ``epoch``: role epoch the client knew when it sent. ``ended``: None when the process died before an end was written.
    ``outcome``: A, F or ?. ``error``: the engine's code and text. ``node``: the member that answered, as it says itself, "" when unknown.
    """

    client: str
    stream: str
    kind: str
    path: str
    seq: int
    uuid: str
    payload_hash: str
    epoch: int
    sent: int
    ended: Optional[int]
    outcome: str
    error: str
    node: str


class Anchor(NamedTuple):
    """The wall clock beside the monotonic one; ``width``: nanoseconds between the two readings of the latter around the former."""

    mono: int
    wall: int
    width: int


class Ledger(NamedTuple):
    """One stream. ``damage``: each defect in words with the number of its line, empty when sound; ``closed``: the end line was written."""

    header: Mapping[str, Any]
    operations: Tuple[Operation, ...]
    anchors: Tuple[Anchor, ...]
    damage: Tuple[str, ...]
    closed: bool


class Survivor(NamedTuple):
    """One row of the drill's table as a member showed it. ``payload_hash``: made by the reader from the payload it read."""

    writer: str
    seq: int
    uuid: str
    payload_hash: str
    node: str
    epoch: int
    db_ts: str


_INTENT = re.compile(r"I (\d+) (\S+) (\S+) (\d+) (\d+)\Z")
_OUTCOME = re.compile(r"([AF?]) (\d+) (\d+) (\S+) ?(.*)\Z")
_ANCHOR = re.compile(r"W (\d+) (\d+) (\d+)\Z")
_CHAIN = re.compile(r"([CZ]) (\d+) ([0-9a-f]{64})\Z")


class _Reader:
    """Reads a ledger line by line and keeps what is wrong with it."""

    def __init__(self) -> None:
        self.header: Dict[str, Any] = {}
        self.intents: Dict[int, Tuple[str, str, int, int]] = {}
        self.ends: Dict[int, Tuple[str, int, str, str]] = {}
        self.anchors: List[Anchor] = []
        self.damage: List[str] = []
        self.closed = False

    def line(self, number: int, text: str, digest: str) -> None:
        """Take one line. :arg digest: of all bytes before it."""
        if self.closed:
            self.damage.append("line {0}: stands behind the end".format(number))
        intent, outcome = _INTENT.match(text), _OUTCOME.match(text)
        anchor, chain = _ANCHOR.match(text), _CHAIN.match(text)
        if text.startswith("H ") and number == 1:
            self._head(text)
        elif intent:
            seq = int(intent.group(1))
            if seq != len(self.intents) + 1:
                self.damage.append("line {0}: intent {1} where {2} was due".format(number, seq, len(self.intents) + 1))
            self.intents[seq] = (intent.group(2), intent.group(3), int(intent.group(4)), int(intent.group(5)))
        elif outcome:
            seq = int(outcome.group(2))
            if seq not in self.intents or seq in self.ends:
                self.damage.append("line {0}: outcome of {1}, which is not open".format(number, seq))
            node = "" if outcome.group(4) == "-" else outcome.group(4)
            self.ends[seq] = (outcome.group(1), int(outcome.group(3)), node, outcome.group(5))
        elif anchor:
            self.anchors.append(Anchor(int(anchor.group(1)), int(anchor.group(2)), int(anchor.group(3))))
        elif chain:
            if (int(chain.group(2)), chain.group(3)) != (number - 1, digest):
                self.damage.append("line {0}: the hash chain is broken at or before it".format(number))
            self.closed = chain.group(1) == "Z"
        else:
            self.damage.append("line {0}: not recognised: {1!r}".format(number, text[:60]))

    def _head(self, text: str) -> None:
        try:
            found = json.loads(text[2:])
        except ValueError:
            found = None
        if isinstance(found, dict):
            self.header = found
        else:
            self.damage.append("line 1: the header is no JSON object")


def parse(data: bytes) -> Ledger:
    """Read a ledger in one pass; whatever is wrong is in ``damage``, nothing is raised."""
    reader, digest = _Reader(), hashlib.sha256()
    lines = data.split(b"\n")
    torn = lines.pop()
    for number, line in enumerate(lines, 1):
        reader.line(number, line.decode("ascii", "backslashreplace"), digest.hexdigest())
        digest.update(line + b"\n")
    if torn:
        reader.damage.append("line {0}: torn, it has no end".format(len(lines) + 1))
    head = reader.header
    if not head:
        reader.damage.append("line 1: there is no header")
    common = tuple(str(head.get(key, "")) for key in ("client", "stream", "kind", "path"))
    operations = []
    for seq in sorted(reader.intents):
        uuid, payload, epoch, sent = reader.intents[seq]
        outcome, ended, node, error = reader.ends.get(seq, (UNKNOWN, None, "", ""))
        operations.append(
            Operation(
                common[0], common[1], common[2], common[3], seq, uuid, payload, epoch, sent, ended, outcome, error, node
            )
        )
    return Ledger(head, tuple(operations), tuple(reader.anchors), tuple(reader.damage), reader.closed)
