# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drill in miniature for tests: a switchover and the way back on three members, with ledgers, rows and drill.json as a real one leaves them.

Everything is plain data that a test may break before it asks for the files.
"""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.firedrill.standby.plugins.module_utils._core import evidence_folder
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_promise import (
    LEFT_SCHEMA,
    PROBING,
    left_of,
    promise_of,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_record import (
    Rows,
    parse_rows,
    record_from,
    render_rows,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.ledger import (
    Anchor,
    Ledger,
    Operation,
    Survivor,
    Writer,
    read_from,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.verdict_material import Inputs

MS = 1_000_000
SECOND = 1000 * MS
#: The client's monotonic clock when the drill began, and the wall clock at that instant.
MONO, WALL = 5000 * SECOND, 1_772_323_200 * SECOND
CLIENT = "client1"
MEMBERS = ("seoul1", "seoul2", "busan1")
#: Who is primary: from, until, member, role epoch. In between nobody is.
REIGNS = ((0, 20_500, "seoul1", 1), (22_000, 60_400, "busan1", 2), (61_600, 90_000, "seoul1", 3))
#: Milliseconds in which the writers stand still for the reads.
STILL = ((44_000, 46_000), (88_000, 90_000))
LEGS = (
    {
        "name": "there",
        "old": "seoul1",
        "new": "busan1",
        "t0": 20_000,
        "t3": 20_700,
        "open": 22_000,
        "t9": 40_000,
        "read": 45_000,
    },
    {
        "name": "back",
        "old": "busan1",
        "new": "seoul1",
        "t0": 60_000,
        "t3": 60_600,
        "open": 61_600,
        "t9": 80_000,
        "read": 89_000,
    },
)


def reign(instant: int) -> tuple[str, int]:
    """Primary and epoch at an instant in milliseconds; no primary in between."""
    for begin, end, member, epoch in REIGNS:
        if begin <= instant < end:
            return member, epoch
    return "", 0


def operations(stream: str, kind: str, path: str, offset: int, interval: int) -> Iterator[Operation]:
    """The open loop of one stream; a success takes 4 ms, a refusal 1 ms."""
    known, seq = 1, 0
    for instant in range(offset, 90_000, interval):
        if kind != "guard" and any(begin <= instant < end for begin, end in STILL):
            continue
        seq += 1
        member, epoch = reign(instant)
        served = bool(member) and path in ("application", "direct:" + member)
        known = epoch if served else known
        uuid = f"{stream}-{seq:06d}"
        yield Operation(
            CLIENT,
            stream,
            kind,
            path,
            seq,
            uuid,
            "" if kind == "read" else hashlib.sha256(uuid.encode()).hexdigest()[:16],
            known,
            MONO + instant * MS,
            MONO + (instant + (4 if served else 1)) * MS,
            "A" if served else "F",
            "" if served else "TBR-2131 connection refused",
            member if served else "",
        )


def ledger_bytes(
    header: dict[str, Any], found: list[Operation], anchors: list[tuple[int, int, int]], closed: bool = True
) -> bytes:
    """A ledger as a probe writes it, by the probe's own writer: intents, outcomes and anchors by time."""
    events: list[tuple[int, int, int, Any]] = []
    for each in found:
        events.append((each.sent, 1, each.seq, each))
        if each.ended is not None:
            events.append((each.ended, 0, each.seq, each))
    events += [(anchor[0], 2, 0, Anchor(*anchor)) for anchor in anchors]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "ledger"
        writer = Writer(str(path), header)
        for instant, kind, _seq, what in sorted(events, key=lambda event: event[:3]):
            if kind == 2:
                writer.anchor(what)
            elif kind == 1:
                writer.intent(what.seq, what.uuid, what.payload_hash, what.epoch, what.sent)
            else:
                writer.outcome(what.outcome, what.seq, instant, what.node, what.error)
        if closed:
            writer.close()
        else:
            writer.abandon()
        return path.read_bytes()


class Scene:
    """One drill. ``streams``: operations by stream; ``rows``: survivors by file; ``drill``: drill.json; ``objectives``: the frozen figures."""

    def __init__(self) -> None:
        self.objectives: dict[str, Any] = {
            "rto_ns": 5 * SECOND,
            "rto_reads_ns": 5 * SECOND,
            "rpo_ns": 0,
            "rpo_transactions": 0,
            "rtrr_ns": 60 * SECOND,
            "load_share_ppm": 100_000,
            "production_rate_milli": 100_000,
            "steady_ns": 10 * SECOND,
        }
        self.streams: dict[str, list[Operation]] = {}
        self.kinds: dict[str, tuple[str, str, int]] = {}
        for number in range(4):
            self.stream(f"w{number:02d}", "write", "application", number * 25, 100)
        for number, member in enumerate(("seoul1", "busan1")):
            self.stream(f"w{number + 8:02d}", "write", "direct:" + member, number * 50, 200)
            self.stream(f"g-{member}", "guard", "direct:" + member, 7 + number, 100)
        for number in range(2):
            self.stream(f"r{number:02d}", "read", "application", number * 100, 200)
        self.anchors = [(MONO + second * SECOND, WALL + second * SECOND, 2000) for second in range(0, 91, 5)]
        self.open_streams: set[str] = set()
        self.rows: dict[str, list[Survivor]] = {}
        self.drill: dict[str, Any] = {
            "schema": "firedrill.standby/drill/1",
            "drill_id": "01KJMA8A00RWC6DP1VG4X2N7QE",
            "type": "switchover_and_back",
            "members": list(MEMBERS),
            "legs": [self._leg(leg) for leg in LEGS],
            "classification": {"engine": "tibero", "driver": "tbsql", "valid": True},
            "way_back": {"original_layout": True, "differences": [], "residue": []},
            "human_ns": 0,
            "document": {},
        }
        self.dropped: set[str] = set()
        self.looks: dict[str, dict[str, Any]] = {
            f"raw/observations/left-{moment}-{host}.json": {
                "schema": LEFT_SCHEMA,
                "host": host,
                "left": [],
                "unseen": [],
            }
            for moment in ("start", "end")
            for host in (CLIENT, "localhost")
        }

    def stream(self, name: str, kind: str, path: str, offset: int, interval: int) -> None:
        self.kinds[name] = (kind, path, interval)
        self.streams[name] = list(operations(name, kind, path, offset, interval))

    def _leg(self, leg: dict[str, Any]) -> dict[str, Any]:
        offsets = {"t0": leg["t0"], "t1": leg["t0"], "t2": leg["t0"], "t3": leg["t3"], "t4": leg["t3"] + 100}
        offsets |= {"t5": leg["open"] - 10, "t6": leg["open"] - 5, "t9": leg["t9"], "t10": leg["read"] + 500}
        reads = [("a", leg["new"], leg["read"])]
        reads += [("b", member, leg["read"]) for member in MEMBERS if member != leg["new"]]
        reads += [("c", "seoul1", leg["read"] + 500)] if leg["name"] == "back" else []
        found = []
        for read, member, instant in reads:
            file = f"raw/rows/{leg['name']}-{read}-{member}.jsonl"
            self.rows[file] = self.survivors(instant)
            found.append({"read": read, "member": member, "file": file, "at": {CLIENT: MONO + instant * MS}})
        return {
            "name": leg["name"],
            "kind": "switchover",
            "old": leg["old"],
            "new": leg["new"],
            "marks": {name: self.mark(instant) for name, instant in offsets.items()},
            "mode": {"mode": "AVAILABILITY", "guaranteed": True, "source": "raw/console/mode.txt"},
            "positions": {"unit": "TSN", "old_last": 4711, "new_open": 4711},
            "reads": found,
        }

    def mark(self, instant: int, bound: int = 400_000) -> dict[str, Any]:
        """An instant in milliseconds as a mark."""
        at, wall = {CLIENT: MONO + instant * MS}, WALL + instant * MS
        return {"at": at, "wall_ns": wall, "bound_ns": bound, "host": "controller", "source": "raw/events.jsonl#1"}

    def survivors(self, instant: int) -> list[Survivor]:
        """The rows that a member has at an instant in milliseconds."""
        return [
            Survivor(each.stream, each.seq, each.uuid, each.payload_hash, each.node, each.epoch, "2026-03-01 00:00:00")
            for found in self.streams.values()
            for each in found
            if each.kind != "read" and each.outcome == "A" and each.sent < MONO + instant * MS
        ]

    def change(self, uuid: str, **values: Any) -> None:
        """Change one operation."""
        stream = uuid.rsplit("-", 1)[0]
        self.streams[stream] = [each._replace(**values) if each.uuid == uuid else each for each in self.streams[stream]]

    def find(self, stream: str, instant: int) -> Operation:
        """The first operation of a stream that was sent at or after an instant in milliseconds."""
        return next(each for each in self.streams[stream] if each.sent >= MONO + instant * MS)

    def files(self) -> dict[str, bytes]:
        """The raw files but drill.json, by path."""
        found = {}
        for stream in self.kinds:
            closed = stream not in self.open_streams
            data = ledger_bytes(self.header(stream), self.streams[stream], self.anchors, closed)
            found[f"raw/ledgers/{CLIENT}/{stream}.ledger"] = data
        for file, rows in self.rows.items():
            leg, read, member = file.rsplit("/", 1)[1].removesuffix(".jsonl").split("-", 2)
            found[file] = render_rows({"leg": leg, "read": read, "member": member}, rows)
        found.update({path: json.dumps(seen).encode() for path, seen in self.looks.items()})
        found["raw/console/seoul1-console.txt"] = (
            b"--- 2026-03-01T00:00:20Z tbdown -t SWITCHOVER: ended with 0 after 0.6 s\n"
        )
        return {path: data for path, data in found.items() if path not in self.dropped}

    def probing(self) -> dict[str, Any]:
        """What the event log says since the probes began."""
        place = "raw/observations/left-{0}-{1}.json"
        return {
            "ledgers": [f"raw/ledgers/{CLIENT}/{stream}.ledger" for stream in self.kinds],
            "hosts": [
                {"host": name, "start": place.format("start", host), "end": place.format("end", host)}
                for name, host in ((CLIENT, CLIENT), ("controller", "localhost"))
            ],
        }

    def record(self) -> dict[str, Any]:
        """drill.json with the ledgers that the probe was started with."""
        return {"ledgers": [f"raw/ledgers/{CLIENT}/{stream}.ledger" for stream in self.kinds], **self.drill}

    def header(self, stream: str) -> dict[str, Any]:
        """The head of a ledger."""
        kind, path, interval = self.kinds[stream]
        return {
            "schema": 1,
            "client": CLIENT,
            "stream": stream,
            "kind": kind,
            "path": path,
            "interval_ns": interval * MS,
            "boot_id": "b",
            "clock": "CLOCK_BOOTTIME",
            "clock_sync": None,
        }

    def keep_known(self) -> None:
        """Number the operations of each stream anew and take out rows that nobody sent: for tests that take operations away."""
        for stream, found in self.streams.items():
            self.streams[stream] = [each._replace(seq=number) for number, each in enumerate(found, 1)]
        seqs = {each.uuid: each.seq for found in self.streams.values() for each in found if each.outcome == "A"}
        for file, rows in self.rows.items():
            self.rows[file] = [row._replace(seq=seqs[row.uuid]) for row in rows if row.uuid in seqs]

    def inputs(self) -> Inputs:
        """What the verdict is made from, without the way over files."""
        anchors = tuple(Anchor(*each) for each in self.anchors)
        ledgers = {
            f"raw/ledgers/{CLIENT}/{stream}.ledger": Ledger(
                self.header(stream), tuple(found), anchors, (), stream not in self.open_streams
            )
            for stream, found in self.streams.items()
        }
        rows = {file: Rows({}, tuple(found), ()) for file, found in self.rows.items()}
        return Inputs(
            self.objectives,
            record_from(json.loads(json.dumps(self.record()))),
            {path: ledger for path, ledger in ledgers.items() if path not in self.dropped},
            {path: found for path, found in rows.items() if path not in self.dropped},
            promise=promise_of([(PROBING, self.probing())]),
            left=left_of(
                promise_of([(PROBING, self.probing())]),
                {path: json.dumps(seen).encode() for path, seen in self.looks.items() if path not in self.dropped},
            ),
        )

    def read_back(self) -> Inputs:
        """The same, read back from the files."""
        files = self.files()
        return Inputs(
            self.objectives,
            record_from(json.loads(json.dumps(self.record()))),
            {path: read_from(io.BytesIO(data)) for path, data in files.items() if path.endswith(".ledger")},
            {path: parse_rows(data) for path, data in files.items() if path.endswith(".jsonl")},
            promise=promise_of([(PROBING, self.probing())]),
            left=left_of(promise_of([(PROBING, self.probing())]), files),
        )


POLICY: dict[str, Any] = {
    "title": "Spring drill",
    "environment": "ci",
    "requester": "kim",
    "approvers": ["lee"],
    "policy": {"name": "dr", "version": "1"},
}


def fill(folder: str, scene: Scene) -> None:
    """Put the raw data of a scene into a frozen folder, as a drill does; the cluster is called orders."""
    drill_id = folder.rsplit("/", 1)[1]
    evidence_folder.log(folder, "touched", {"what": "lease"}, lambda: WALL + SECOND)
    evidence_folder.log(folder, PROBING, scene.probing(), lambda: WALL + 2 * SECOND)
    for path, data in scene.files().items():
        evidence_folder.add_raw(folder, path, data)
    record = scene.record()
    record["drill_id"] = drill_id
    record["document"] = {
        "A.cluster": {"value": "orders", "kind": "observed", "source": "raw/drill.json"},
        "A.started_wall_ns": {"value": WALL, "kind": "observed", "source": "raw/drill.json"},
        **record["document"],
    }
    evidence_folder.add_raw(folder, "raw/drill.json", json.dumps(record).encode())


def sealed(root: str, scene: Scene, drill_id: str = "01KJMA8A00RWC6DP1VG4X2N7QE", **options: Any) -> str:
    """A whole folder. :returns: its path."""
    facts = {"approver_differs": True}
    folder = evidence_folder.freeze(root, drill_id, POLICY, scene.objectives, facts, lambda: WALL)["folder"]
    fill(folder, scene)
    evidence_folder.write_previous(folder, "orders", 5)
    evidence_folder.seal(folder, clock=lambda: WALL + 100 * SECOND, **options)
    return str(folder)
