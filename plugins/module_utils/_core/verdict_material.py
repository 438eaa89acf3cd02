# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What a verdict is made from, and what speaks against it: the material of a drill by client, doubts and notes.

A *doubt* makes an objective inconclusive unless it is already shown not to be met; a *note* is a finding. Everything here reads, and decides only
whether the material can carry a verdict (drills reference, 4.4 to 4.6).

Public: :class:`Inputs`, :class:`Note`, :class:`Material`, :class:`Court`, :func:`examine`, and the names of objectives.
"""

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_due import DueBy
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_promise import Left, Promise
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_record import READS, Leg, Record, Rows
from ansible_collections.firedrill.standby.plugins.module_utils._core.ledger import (
    ACKED,
    BEHIND,
    Anchor,
    Ledger,
    Operation,
)

RTO, RTO_READS, RPO, RPO_TRANSACTIONS, RPO_BYTES = "rto", "rto_reads", "rpo", "rpo_transactions", "rpo_bytes"
RTRR, FENCING, INTEGRITY, WAY_BACK = "rtrr", "fencing", "integrity", "way_back"
OBJECTIVES: Tuple[str, ...] = (RTO, RTO_READS, RPO, RPO_TRANSACTIONS, RPO_BYTES, RTRR, FENCING, INTEGRITY, WAY_BACK)
LOSS: Tuple[str, ...] = (RPO, RPO_TRANSACTIONS, RPO_BYTES, INTEGRITY)
TIMES: Tuple[str, ...] = (RTO, RTO_READS, RTRR, RPO)
INFO, WARNING, FAILURE = "info", "warning", "failure"
WRITE, READ, GUARD = "write", "read", "guard"
APPLICATION, DATABASE = "application", "database"
#: The state of a drill that ended by no order, and the fields of its begin and end.
INTERRUPTED, BEGAN, ENDED = "interrupted", "A.started_wall_ns", "A.ended_wall_ns"

#: A step of wall against monotonic clock that is reported, from one anchor to the next or since the first; the drift (parts in a million) that adds
#: up without being a step; the longest time without an anchor.
CLOCK_STEP, CLOCK_DRIFT_PPM, ANCHORS_APART = 50000000, 500, 20000000000
#: So many percent of its slots a probe may be late for by its own fault.
LATE_PERCENT = 1
#: A bound of more than a tenth of the objective leaves that part unresolved.
BOUND_SHARE = 10


class Inputs(NamedTuple):
    """Everything a verdict rests on. ``objectives``: the frozen figures; ``ledgers`` and ``rows`` by their path inside of the folder; ``window``: begin
    and end of the window of the policy, nanoseconds since the epoch, None where it is not known; ``promise``: what the event log says must be there;
    ``left``: what hosts showed that are no members; ``due``: when the drill was due, and
    by what."""

    objectives: Mapping[str, Any]
    record: Record
    ledgers: Mapping[str, Ledger]
    rows: Mapping[str, Rows]
    window: Optional[Tuple[int, int]] = None
    promise: Promise = Promise((), ())
    left: Tuple[Left, ...] = ()
    due: Optional[DueBy] = None


class Note(NamedTuple):
    """A finding of the tool. ``when``: wall clock in nanoseconds, 0 for the whole drill."""

    severity: str
    objective: str
    what: str
    when: int
    source: str


class Court:
    """Collects what speaks against a verdict; the same sentence counts once."""

    def __init__(self) -> None:
        self.doubts: Dict[str, List[str]] = {}
        self.notes: List[Note] = []
        #: Some intents may be missing, so a row that nobody is known to have sent proves nothing.
        self.intents_incomplete = False

    def doubt(self, objectives: Sequence[str], why: str) -> None:
        """Nothing can be concluded about these objectives, and why."""
        for objective in objectives:
            known = self.doubts.setdefault(objective, [])
            if why not in known:
                known.append(why)

    def note(self, severity: str, objective: str, what: str, when: int = 0, source: str = "raw/drill.json") -> None:
        """A finding. :arg objective: "" when it belongs to none."""
        found = Note(severity, objective, what, when, source)
        if found not in self.notes:
            self.notes.append(found)


class Material:
    """The ledgers of a drill, by client."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self.operations: Dict[str, List[Operation]] = {}
        self.anchors: Dict[str, List[Anchor]] = {}
        self.files: Dict[Tuple[str, str], str] = {}
        self.intervals: Dict[Tuple[str, str, str], int] = {}
        #: Files with answers that stand before their questions; such an answer counts as none.
        self.reversed: List[str] = []
        for path in sorted(inputs.ledgers):
            ledger = inputs.ledgers[path]
            client, stream = str(ledger.header.get("client", "")), str(ledger.header.get("stream", ""))
            self.files[(client, stream)] = path
            self.operations.setdefault(client, []).extend(self._forward(path, ledger.operations))
            self.anchors.setdefault(client, []).extend(ledger.anchors)
            key = (client, str(ledger.header.get("kind", "")), str(ledger.header.get("path", "")))
            self.intervals[key] = max(int(ledger.header.get("interval_ns") or 0), self.intervals.get(key, 0))
        for anchors in self.anchors.values():
            anchors.sort()

    def _forward(self, path: str, operations: Sequence[Operation]) -> List[Operation]:
        found = []
        for each in operations:
            forward = each.ended is None or each.ended >= each.sent
            if not forward:
                self.reversed.append(path)
            found.append(each if forward else each._replace(ended=None))
        return found

    def interval(self, client: str, kind: str, path: str) -> int:
        """The longest distance of two operations that a stream of this kind and path was asked for, in nanoseconds."""
        wanted = "direct:" if path == DATABASE else path
        found = [
            value
            for (one, other, where), value in self.intervals.items()
            if (one, other) == (client, kind) and (where == path or (wanted == "direct:" and where.startswith(wanted)))
        ]
        return max(found + [0])

    @property
    def clients(self) -> List[str]:
        """Names of the client hosts, sorted."""
        return sorted(self.operations)

    @property
    def legs(self) -> Tuple[Leg, ...]:
        """The role changes, in order."""
        return self.inputs.record.legs

    def of(self, client: str, kind: str, path: str = "") -> List[Operation]:
        """Operations of one client and kind; of one path, "database" standing for all direct ones, or of all."""
        found = [each for each in self.operations.get(client, ()) if each.kind == kind]
        if path == DATABASE:
            return [each for each in found if each.path.startswith("direct:")]
        return [each for each in found if not path or each.path == path]

    def intents(self) -> List[Operation]:
        """Every write of every client, those of the guards too."""
        return [each for client in self.clients for each in self.operations[client] if each.kind in (WRITE, GUARD)]

    def judged_path(self, kind: str) -> str:
        """The path that is judged: the application's, if any client used it."""
        return APPLICATION if any(self.of(client, kind, APPLICATION) for client in self.clients) else DATABASE

    def at(self, leg: Leg, mark: str, client: str) -> Optional[int]:
        """A mark on a client's monotonic clock."""
        found = leg.marks.get(mark)
        return None if found is None else found.at.get(client)

    def window(self, number: int, client: str) -> Optional[Tuple[int, int]]:
        """From t0 of a leg to t0 of the next, or to the last operation; None without t0 on this clock."""
        begin = self.at(self.legs[number], "t0", client)
        if begin is None:
            return None
        last = max([max(each.sent, each.ended or 0) for each in self.operations.get(client, ())] + [begin])
        later = [self.at(leg, "t0", client) for leg in self.legs[number + 1 : number + 2]]
        return begin - self.legs[number].marks["t0"].bound, next((each for each in later if each is not None), last)

    def wall(self, client: str, mono: int) -> int:
        """The client's wall clock at an instant of its monotonic clock, by the nearest anchor; 0 without any."""
        anchors = self.anchors.get(client)
        if not anchors:
            return 0
        nearest = min(anchors, key=lambda anchor: abs(anchor.mono - mono))
        return nearest.wall + mono - nearest.mono


def _streams(material: Material, court: Court) -> None:
    """Ledgers that are damaged, broke off or are not there."""
    affected = {WRITE: (RTO,) + LOSS, READ: (RTO_READS,), GUARD: (FENCING,) + LOSS}
    inputs = material.inputs
    if inputs.record.legs and not inputs.promise.ledgers:
        court.doubt(
            OBJECTIVES[:-1], "the event log does not say which ledgers there must be, so a lost one is not missed"
        )
    for path in sorted(set(inputs.record.ledgers) | set(inputs.promise.ledgers)):
        if path not in inputs.ledgers:
            court.doubt(OBJECTIVES[:-1], "the ledger {0} is not there: its host or disk was lost".format(path))
            court.intents_incomplete = True
    for path in sorted(set(material.reversed)):
        court.doubt(OBJECTIVES[:-1], "the ledger {0} is damaged: answers stand before their questions".format(path))
    for path in sorted(inputs.ledgers):
        ledger = inputs.ledgers[path]
        objectives = affected.get(str(ledger.header.get("kind", "")), OBJECTIVES[:-1])
        if ledger.damage and ledger.header.get("kind") != READ:
            court.intents_incomplete = True
        for damage in ledger.damage[:3]:
            court.doubt(objectives, "the ledger {0} is damaged: {1}".format(path, damage))
        if not ledger.closed:
            court.doubt(objectives, "the ledger {0} has no end: its probe was killed or its disk was full".format(path))


def _reads(material: Material, court: Court) -> None:
    """Reads that are missing or damaged."""
    record, rows = material.inputs.record, material.inputs.rows
    wanted: List[Tuple[str, str, str]] = []
    for leg in record.legs:
        wanted += [(leg.name, "a", leg.new)] if "a" in record.required else []
        if "b" in record.required:
            wanted += [(leg.name, "b", member) for member in record.members if member != leg.new]
    if "c" in record.required and record.legs:
        wanted += [(record.legs[-1].name, "c", "")]
    taken = {(leg.name, read.read, read.member): read for leg in record.legs for read in leg.reads if read.file}
    refused = {
        (leg.name, read.read, read.member): read.why for leg in record.legs for read in leg.reads if not read.file
    }
    for leg_name, read, member in wanted:
        if any(key == (leg_name, read, member or key[2]) for key in taken):
            continue
        why = refused.get((leg_name, read, member)) or "it was not taken"
        court.doubt(
            LOSS, "read ({0}) of {1} in leg {2} is missing: {3}".format(read, member or "the primary", leg_name, why)
        )
    for leg in record.legs:
        for each in leg.reads:
            if each.read not in READS or not each.file:
                continue
            if each.file not in rows:
                court.doubt(LOSS, "the rows {0} are not there".format(each.file))
                continue
            for damage in rows[each.file].damage[:3]:
                court.doubt(LOSS, "the rows {0} are damaged: {1}".format(each.file, damage))


def _clock_of(material: Material, client: str, court: Court) -> None:
    """A step of the wall clock in the time that is judged, or no anchor to see one by."""
    windows = [window for window in (material.window(number, client) for number in range(len(material.legs))) if window]
    if not windows:
        return
    begin, end = windows[0][0], windows[-1][1]
    anchors = material.anchors[client]
    inside = [each for each in anchors if begin - ANCHORS_APART <= each.mono <= end + ANCHORS_APART]
    instants = [begin] + [each.mono for each in inside if begin <= each.mono <= end] + [end]
    if not inside or max(after - before for before, after in zip(instants, instants[1:])) > ANCHORS_APART:
        court.doubt(
            TIMES, "the wall clock of {0} was not watched all the time, so a step would not be seen".format(client)
        )
    for before, after in zip(inside, inside[1:]):
        for reference, drift in ((before, 0), (inside[0], after.mono - inside[0].mono)):
            step = (after.wall - after.mono) - (reference.wall - reference.mono)
            allowed = CLOCK_STEP + max(reference.width, after.width) + drift * CLOCK_DRIFT_PPM // 1000000
            if abs(step) > allowed:
                what = "the wall clock of {0} stepped by {1} ms during the drill".format(client, step // 1000000)
                court.doubt(TIMES, what)
                court.note(
                    WARNING, "", what + "; intervals are measured on the monotonic clock", before.wall, "raw/ledgers"
                )
                return


def _clocks(material: Material, court: Court) -> None:
    for client in material.clients:
        _clock_of(material, client, court)
        for leg in material.legs:
            if material.at(leg, "t0", client) is None:
                court.doubt(
                    TIMES + (FENCING,), "t0 of leg {0} is not known on the clock of {1}".format(leg.name, client)
                )


def _modes(material: Material, court: Court) -> None:
    for leg in material.legs:
        if not leg.mode.name:
            court.doubt(
                (RPO, RPO_TRANSACTIONS),
                "the mode in force at t0 of leg {0} is not known: {1}".format(leg.name, leg.mode.why),
            )


def achieved_rate(material: Material) -> Tuple[int, int]:
    """Acknowledged writes before the first t0, and how long the clients wrote, in nanoseconds. The count is 0 when nobody wrote."""
    count, longest = 0, 0
    for client in material.clients:
        begin = material.at(material.legs[0], "t0", client) if material.legs else None
        writes = [each for each in material.of(client, WRITE) if begin is not None and each.sent < begin]
        if writes and begin is not None:
            count += sum(1 for each in writes if each.outcome == ACKED)
            longest = max(longest, begin - min(each.sent for each in writes))
    return count, longest


def share_ppm(material: Material) -> Optional[int]:
    """The achieved rate as a share of production's, in millionths; None when production's is not declared."""
    count, span = achieved_rate(material)
    production = material.inputs.objectives.get("production_rate_milli")
    if not production or not span:
        return None
    return count * 10**12 // span * 1000000 // int(production)


def _load(material: Material, court: Court) -> None:
    count, span = achieved_rate(material)
    if not count or not span:
        court.doubt(LOSS + (RTO,), "no write was acknowledged before t0: without load nothing is shown")
        return
    least = material.inputs.objectives.get("load_share_ppm")
    if not least:
        return
    share = share_ppm(material)
    if share is None:
        court.doubt(LOSS, "a share of production's load is asked for, and production's rate is not declared")
    elif share < int(least):
        text = "the load was {0}.{1} % of production's; the objectives ask for {2}.{3} % at least"
        court.doubt(LOSS, text.format(share // 10000, share // 1000 % 10, int(least) // 10000, int(least) // 1000 % 10))


def _table(material: Material, court: Court) -> None:
    if material.inputs.record.classification.get("valid") is not True:
        court.doubt(
            LOSS + (RTO, RTO_READS, FENCING),
            "the table of outcomes is not known to be valid for engine and driver: {0}".format(
                material.inputs.record.classification.get("why") or "it was not recorded"
            ),
        )


def _engine(material: Material, court: Court) -> None:
    """A ledger of a driver that was not looked up in the table, and a server that is not what it was declared to be."""
    judged = material.inputs.record.classification
    for path in sorted(material.inputs.ledgers):
        head = material.inputs.ledgers[path].header
        for key in ("engine", "driver"):
            if head.get(key) and head[key] != judged.get(key):
                text = "the ledger {0} was written by {1}, and the table of outcomes was looked up for {2}"
                court.doubt(
                    LOSS + (RTO, RTO_READS, FENCING), text.format(path, head[key], judged.get(key) or "nothing")
                )
    field = material.inputs.record.document.get("A.engine") or {}
    engine = field.get("value") or {}
    source = str(field.get("source") or "raw/drill.json")
    words = {True: "an emulator", False: "a real server"}
    if "emulator" not in engine:
        return
    if engine["emulator"] is None:
        what = "whether the servers are real ones is not known: {0}".format(engine.get("why") or "it was not recorded")
        court.note(WARNING, "", what, 0, source)
    elif engine.get("declared") in words and engine["declared"] is not engine["emulator"]:
        what = "the drill ran on {0}, and was declared to run on {1}".format(
            words[engine["emulator"]], words[engine["declared"]]
        )
        court.note(WARNING, "", what, 0, source)


def _conduct(material: Material, court: Court) -> None:
    """A drill that was ended early, steps that were left out, fences that nothing confirmed."""
    document = material.inputs.record.document
    if (document.get("A.state") or {}).get("value") == INTERRUPTED:
        # Home again by itself, it may show nothing else that speaks against it.
        what = "the drill broke off before its end"
        court.doubt(OBJECTIVES[:-1], what)
        court.note(WARNING, "", what)
    for stop in (document.get("E.stopped_by") or {}).get("value") or ():
        what = "the drill was ended early by {0}".format(stop.get("by") or "someone")
        court.doubt(OBJECTIVES[:-1], what)
        court.note(WARNING, "", what, int(stop.get("when_wall_ns") or 0), str(stop.get("source") or "raw/drill.json"))
    for skipped in (document.get("E.skipped") or {}).get("value") or ():
        what = "step {0} was left out by {1}: {2}".format(
            skipped.get("step"), skipped.get("person"), skipped.get("reason")
        )
        court.note(
            WARNING, "", what, int(skipped.get("at_wall_ns") or 0), str(skipped.get("source") or "raw/drill.json")
        )
    prechecks = document.get("H.checks") or {}
    for check in prechecks.get("value") or ():
        if check.get("waiver"):
            who, until, why = (check["waiver"].get(name) for name in ("who", "until", "why"))
            what = "check {0} stood in the way and was waived by {1} until {2}: {3}".format(
                check.get("id"), who, until, why
            )
            court.note(WARNING, "", what, 0, str(prechecks.get("source") or "raw/drill.json"))
    for fence in (document.get("N.fences") or {}).get("value") or ():
        leg, member, result = (fence.get(name) for name in ("leg", "member", "result"))
        if result == "not confirmed":
            what = "leg {0}: that {1} was fenced is the word of a person; nothing confirmed it".format(leg, member)
        elif result == "UNKNOWN":
            what = "leg {0}: how {1} was fenced is not known: {2}".format(leg, member, fence.get("why"))
        else:
            continue
        court.note(WARNING, FENCING, what, 0, str(fence.get("source") or "raw/drill.json"))


def _overrun(material: Material, court: Court) -> None:
    """A drill, or an approval that it went on by, outside of the window. An objective says nothing of that, so it is a finding."""
    document = material.inputs.record.document
    if material.inputs.window is None:
        return
    start, end = material.inputs.window
    began, ended = (int((document.get(name) or {}).get("value") or 0) for name in (BEGAN, ENDED))
    if began and began < start:
        court.note(WARNING, "", "the drill began {0} s before its window".format(_seconds(start - began)), began)
    if ended > end:
        what = "the drill went on {0} s past the end of its window".format(_seconds(ended - end))
        court.note(WARNING, "", what, end)
    for each in (document.get("E.approvals") or {}).get("value") or ():
        at = int(each.get("at_wall_ns") or 0)
        if at > end:
            what = "step {0} was approved by {1} {2} s past the end of the window".format(
                each.get("step"), each.get("person"), _seconds(at - end)
            )
            court.note(WARNING, "", what, at, str(each.get("source") or "raw/drill.json"))


def _late(material: Material, court: Court) -> None:
    """A drill that was held after it was due, or that its schedule could not begin before: what is promised for a time was not kept."""
    document, due = material.inputs.record.document, material.inputs.due
    began = int((document.get(BEGAN) or {}).get("value") or 0)
    if due is not None and began > due.at:
        hours = -(-(began - due.at) // (3600 * 10**9))
        what = "the drill began {0} h after it was due, {1} days after drill {2}".format(hours, due.days, due.drill_id)
        if due.date:
            what = "the drill began {0} h after it was due on {1}".format(hours, due.date)
        court.note(WARNING, "", what, due.at, "objectives.json")
    for each in (document.get("B.missed") or {}).get("value") or ():
        what = "the schedule could not begin the drill before: {0}".format(each.get("why"))
        court.note(WARNING, "", what, int(each.get("at_wall_ns") or 0), str(each.get("source") or "raw/drill.json"))


def _schedule(material: Material, court: Court) -> None:
    """A probe that sent late by its own fault: it asked less often than it says, and a wait of its own looks like one of the server's."""
    for client in material.clients:
        slots = late = behind = 0
        for (host, _stream), path in material.files.items():
            ledger = material.inputs.ledgers[path]
            if host == client:
                slots += len(ledger.operations) + sum(each.slots for each in ledger.missed)
                late += len(ledger.late)
                behind += sum(each.slots for each in ledger.missed if each.why == BEHIND)
        if (late + behind) * 100 > max(slots, 1) * LATE_PERCENT:
            what = (
                "the probe of {0} did not keep its schedule: {1} of {2} slots late, {3} not sent because it was behind"
            )
            court.note(WARNING, "", what.format(client, late, slots, behind), 0, "raw/ledgers")


def _seconds(nanoseconds: int) -> int:
    """Whole seconds, rounded up: what is over is never 0."""
    return -(-nanoseconds // 10**9)


def examine(material: Material, court: Court) -> None:
    """Look at everything a verdict would rest on and write down what cannot carry one."""
    if not material.legs:
        court.doubt(OBJECTIVES, "no role change was measured")
    for look in (_streams, _reads, _clocks, _modes, _load, _table, _engine, _conduct, _overrun, _late, _schedule):
        look(material, court)
