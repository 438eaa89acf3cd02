# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""From the files of an evidence folder to its document: a pure function, so that whoever has the raw data can make the document again.

Public: :func:`compose`, :func:`inputs_from`, :func:`parse_events`, :func:`event_line`, :data:`POLICY_FIELDS`, and the names of files.
"""

import calendar
import datetime
import hashlib
import io
import json
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_due import DueBy, Held, due_by
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_promise import Promise, left_of, promise_of
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_record import Mode, parse_rows, record_from
from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence import (
    DISCLAIMER,
    FIELDS,
    GROUPS,
    SCHEMA,
    declared,
    observed,
    unknown,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.ledger import read_from
from ansible_collections.firedrill.standby.plugins.module_utils._core.trend import entry, statements, statistics
from ansible_collections.firedrill.standby.plugins.module_utils._core.verdict import (
    INCONCLUSIVE,
    judge,
    residue_of,
    unlooked,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.verdict_material import Inputs

EVIDENCE, OBJECTIVES_FILE, MANIFEST, VERIFY = "evidence.json", "objectives.json", "MANIFEST.sha256", "verify.py"
REDACTIONS, EVENTS, DRILL, PREVIOUS = "redactions.json", "raw/events.jsonl", "raw/drill.json", "raw/previous.json"
LEDGERS, ROWS = "raw/ledgers/", "raw/rows/"
#: What cannot stand in the manifest: itself, and what is made from it.
OUTSIDE: Tuple[str, ...] = (MANIFEST, MANIFEST + ".sig", MANIFEST + ".asc", MANIFEST + ".tsr")
OBJECTIVES_SCHEMA = "firedrill.standby/objectives/1"
NOTHING = "0" * 64
FROZEN, TOUCHED, SEALED = "frozen", "touched", "sealed"
DAY = 86400 * 1000000000
#: A time of the policy, as drill_policy.moment takes it; verify.py has to read it without the rules of policies.
_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d))?(?:\.\d+)?(?:Z|([+-])(\d\d):?(\d\d))\Z")

#: Fields that the frozen policy declares: the field, and where the policy has it.
POLICY_FIELDS: Tuple[Tuple[str, str], ...] = tuple(
    (path, path.split(".")[1])
    for path in (
        *("A.title", "A.environment", "B.cadence_days", "B.due_date", "B.scope", "B.out_of_scope", "B.services"),
        *(
            "B.criticality",
            "B.standards",
            "C.minimum_service",
            "C.pass_criteria",
            "D.narrative",
            "D.realism",
            "D.assumptions",
        ),
        *(
            "D.absent_people",
            "E.requester",
            "E.approvers",
            "E.ticket",
            "E.window",
            "E.blackout_dates",
            "E.waivers",
            "E.risk_assessment",
        ),
        *("E.rollback_plan", "E.regulator_notice", "E.stop_conditions", "E.abort_authority", "F.people", "T.retention"),
    )
) + (
    ("B.policy", "policy"),
    ("D.faults_planned", "faults"),
    ("U.operator", "operator"),
)
#: Fields that come from the frozen figures.
FIGURES: Tuple[str, ...] = (
    "rto_ns",
    "rto_reads_ns",
    "rpo_ns",
    "rpo_transactions",
    "rpo_bytes",
    "rtrr_ns",
    "load_share_ppm",
)


class Event(NamedTuple):
    """One line of the event log."""

    number: int
    event: str
    wall: int
    data: Mapping[str, Any]
    hash: str


def event_line(number: int, event: str, wall: int, data: Mapping[str, Any], previous: str) -> str:
    """A line of the event log with the hash of the line before it and its own. :arg wall: nanoseconds since the epoch."""
    record = {"n": number, "event": event, "at_wall_ns": wall, "data": dict(data), "prev": previous}
    body = json.dumps(record, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return (
        json.dumps(
            dict(record, hash=hashlib.sha256(body.encode("ascii")).hexdigest()), sort_keys=True, ensure_ascii=True
        )
        + "\n"
    )


def parse_events(data: bytes) -> Tuple[List[Event], List[str]]:
    """The events, and what is wrong with the chain: each defect in words with its line."""
    found: List[Event] = []
    damage: List[str] = []
    previous = NOTHING
    for number, line in enumerate(data.decode("utf-8", "backslashreplace").splitlines(), 1):
        try:
            raw = json.loads(line)
            event = Event(int(raw["n"]), str(raw["event"]), int(raw["at_wall_ns"]), dict(raw["data"]), str(raw["hash"]))
            whole = event_line(number, event.event, event.wall, event.data, previous)
        except (ValueError, KeyError, TypeError):
            damage.append("line {0}: cannot be read".format(number))
            continue
        if whole != line + "\n":
            damage.append("line {0}: it, or a line before it, is not as it was written".format(number))
        previous = event.hash
        found.append(event)
    return found, damage


def _json(files: Mapping[str, bytes], path: str) -> Dict[str, Any]:
    """One JSON object of the folder. :raises ValueError: naming the file."""
    if path not in files:
        raise ValueError("{0} is not there".format(path))
    try:
        found = json.loads(files[path].decode("utf-8"))
    except ValueError as error:
        raise ValueError("{0} is no JSON: {1}".format(path, error)) from error
    if not isinstance(found, dict):
        raise ValueError("{0} holds no object".format(path))
    return found


def promised(files: Mapping[str, bytes]) -> Promise:
    """What the event log of a folder says must be there."""
    return promise_of((each.event, each.data) for each in parse_events(files.get(EVENTS, b""))[0])


def inputs_from(files: Mapping[str, bytes]) -> Inputs:
    """What the verdict rests on. :raises ValueError: naming the file that is missing or unreadable."""
    frozen = _json(files, OBJECTIVES_FILE)
    if frozen.get("schema") != OBJECTIVES_SCHEMA:
        raise ValueError("{0} has the schema {1!r}".format(OBJECTIVES_FILE, frozen.get("schema")))
    promise = promised(files)
    return Inputs(
        frozen["figures"],
        record_from(_json(files, DRILL)),
        {path: read_from(io.BytesIO(data)) for path, data in files.items() if path.startswith(LEDGERS)},
        {path: parse_rows(data) for path, data in files.items() if path.startswith(ROWS)},
        _bounds((frozen.get("policy") or {}).get("window")),
        promise,
        left_of(promise, files),
        _due(files, frozen.get("policy") or {}),
    )


def _due(files: Mapping[str, bytes], policy: Mapping[str, Any]) -> Optional[DueBy]:
    """When the drill was due, by the policy and the earlier drills of its type and environment; None: not known."""
    own = str(_json(files, DRILL).get("type")), str(policy.get("environment") or "")
    held = [
        Held(str(each["drill_id"]), int(each["started_wall_ns"]), str(each.get("due_date") or ""))
        for each in _earlier(files)
        if (each.get("type"), each.get("environment")) == own
        and each.get("overall") != INCONCLUSIVE
        and each.get("started_wall_ns")
    ]
    date, cadence = str(policy.get("due_date") or ""), policy.get("cadence_days")
    start = str((policy.get("window") or {}).get("start") or "").strip()
    # The zone is what stands behind the time of day.
    found = _MOMENT.match(start)
    zone = re.sub(r".*[T ][\d:.]*", "", start) if found else ""
    begin = _wall("{0} 00:00{1}".format(date, zone)) if date and zone else None
    return due_by(None if cadence is None else int(cadence), date, None if begin is None else begin + DAY, held)


def _earlier(files: Mapping[str, bytes]) -> List[Dict[str, Any]]:
    return list(_json(files, PREVIOUS).get("drills", [])) if PREVIOUS in files else []


def _declared(document: Dict[str, Any], frozen: Mapping[str, Any]) -> None:
    policy, figures = frozen["policy"], frozen["figures"]
    values = [(path, policy.get(key)) for path, key in POLICY_FIELDS]
    values += [("C." + name, figures.get(name)) for name in FIGURES]
    values.append(("I.production_rate_milli", figures.get("production_rate_milli")))
    for path, value in values:
        group, name = path.split(".")
        if value is not None:
            document[group][name] = declared(value, OBJECTIVES_FILE)


def _numbered(events: List[Event], name: str) -> Optional[Event]:
    return next((each for each in events if each.event == name), None)


def _logged(document: Dict[str, Any], events: List[Event], files: Mapping[str, bytes]) -> None:
    """What the event log tells: when the objectives were frozen, when the drill first touched anything, how the folder was sealed."""
    frozen, touched, sealed = (_numbered(events, name) for name in (FROZEN, TOUCHED, SEALED))
    if frozen is not None:
        source = "{0}#{1}".format(EVENTS, frozen.number)
        document["C"]["frozen_wall_ns"] = observed(frozen.wall, source)
        document["C"]["frozen_sha256"] = observed(str(frozen.data.get("sha256", "")), source)
        document["E"]["approver_differs"] = observed(frozen.data.get("approver_differs") is True, source)
    if touched is not None:
        document["C"]["first_touch_wall_ns"] = observed(touched.wall, "{0}#{1}".format(EVENTS, touched.number))
    group = document["T"]
    group["manifest"] = observed(MANIFEST, MANIFEST)
    group["recompute"] = observed("python3 verify.py", VERIFY)
    if events:
        log = {"file": EVENTS, "entries": len(events), "head": events[-1].hash}
        group["event_log"] = observed(log, EVENTS)
    signature = sealed.data.get("signature") if sealed is not None else None
    group["signature"] = observed(signature, EVENTS) if signature else unknown("the folder is not signed")
    group["timestamp"] = unknown("no time-stamp authority is configured")
    places = _json(files, REDACTIONS).get("places") if REDACTIONS in files else None
    if isinstance(places, list):
        group["redactions"] = observed({"file": REDACTIONS, "places": len(places)}, REDACTIONS)


def _wall(text: Any) -> Optional[int]:
    """A time with its zone in nanoseconds since the epoch; None for anything else."""
    found = _MOMENT.match(str(text or "").strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, ahead, behind = (
        int(found.group(at) or 0) for at in (1, 2, 3, 4, 5, 6, 8, 9)
    )
    zone = (ahead * 60 + behind) * 60 * (-1 if found.group(7) == "-" else 1)
    try:
        moment = datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.timezone.utc)
    except ValueError:
        return None
    return (calendar.timegm(moment.timetuple()) - zone) * 1000000000


def _bounds(window: Any) -> Optional[Tuple[int, int]]:
    """Begin and end of a window of a policy; None unless both are known."""
    given = window if isinstance(window, dict) else {}
    start, end = _wall(given.get("start")), _wall(given.get("end"))
    return None if start is None or end is None else (start, end)


def _window(document: Dict[str, Any]) -> None:
    """Whether the drill kept to its window. When it was frozen it could be said of the begin only, and a drill that overruns is what is asked for."""
    bounds = _bounds(document["E"]["window"]["value"])
    began, ended = (document["A"][name]["value"] for name in ("started_wall_ns", "ended_wall_ns"))
    if bounds is None or began is None or ended is None:
        why = "the window, the begin and the end of the drill are not all known"
        document["E"]["inside_window"] = unknown(why)
    else:
        document["E"]["inside_window"] = observed(bounds[0] <= int(began) <= int(ended) <= bounds[1], DRILL)


def _lateness(document: Dict[str, Any], due: Optional[DueBy], source: str) -> None:
    began = document["A"]["started_wall_ns"]["value"]
    if due is None or began is None:
        why = (
            "neither a due date nor an earlier drill tells when it was due"
            if due is None
            else "when it began is not known"
        )
        document["B"]["due_wall_ns"] = unknown(why) if due is None else observed(due.at, source)
        document["B"]["late_ns"] = unknown(why)
    else:
        document["B"]["due_wall_ns"] = observed(due.at, source)
        document["B"]["late_ns"] = observed(max(int(began) - due.at, 0), source)


def _mode(document: Dict[str, Any], mode: Mode) -> None:
    """The mode in force at the first t0. A standby that is connected may lag all the same, and no view that is read at t0 says which."""
    why = "a connection to a standby that stands does not tell whether the standby was in step"
    value = {"mode": mode.name, "synchronous": None, "guaranteed": mode.guaranteed, "source": mode.source, "why": why}
    document["G"]["mode_in_force"] = observed(value, DRILL)


def _trend(document: Dict[str, Any], files: Mapping[str, bytes]) -> None:
    earlier = _earlier(files)
    own = entry(document)
    drills = list(earlier) + [own]
    found = statistics(drills)
    source = PREVIOUS if PREVIOUS in files else DRILL
    document["S"] = {
        "drills": observed(drills, source),
        "statistics": observed(found, source),
        "statement": observed(statements(found), source),
    }
    if earlier:
        last = earlier[-1]
        document["A"]["previous"] = observed(
            {key: last[key] for key in ("drill_id", "overall", "started_wall_ns")}, PREVIOUS
        )
        if own["started_wall_ns"]:
            days = (own["started_wall_ns"] - last["started_wall_ns"]) // DAY
            document["B"]["days_since_last"] = observed(days, PREVIOUS)
    else:
        document["A"]["previous"] = unknown("it is the first drill of the cluster in this folder")
        document["B"]["days_since_last"] = unknown("it is the first drill of the cluster in this folder")


def compose(files: Mapping[str, bytes]) -> Dict[str, Any]:
    """The evidence document of a folder.

    :arg files: the files of the folder by their path.
    :raises ValueError: naming what is missing or unreadable.
    """
    inputs = inputs_from(files)
    frozen = _json(files, OBJECTIVES_FILE)
    document: Dict[str, Any] = {"schema": SCHEMA}
    for group, _title in GROUPS:
        document[group] = {}
        for spec in FIELDS[group]:
            why = "the policy does not declare it" if spec.who == "policy" else "it was not recorded"
            document[group][spec.name] = unknown(why, spec.kind)
    _declared(document, frozen)
    for path, field in sorted(inputs.record.document.items()):
        group, _dot, name = path.partition(".")
        if name not in document.get(group, {}):
            raise ValueError("{0}: {1} is no field of the schema".format(DRILL, path))
        document[group][name] = dict(field)
    document["A"]["drill_id"] = observed(inputs.record.drill_id, DRILL)
    document["A"]["type"] = observed(inputs.record.type, DRILL)
    for key in ("original_layout", "differences"):
        if inputs.record.way_back.get(key) is not None:
            document["O"][key] = observed(inputs.record.way_back[key], DRILL)
    residue, unseen = residue_of(inputs), unlooked(inputs)
    if residue is not None:
        document["O"]["residue"] = observed(residue, DRILL)
    elif unseen:
        document["O"]["residue"] = unknown(unseen[0])
    for group, fields in judge(inputs).items():
        document[group].update(fields)
    if inputs.record.legs:
        mode = inputs.record.legs[0].mode
        if mode.name and document["G"]["mode_in_force"]["value"] is None:
            _mode(document, mode)
        t0 = inputs.record.legs[0].marks.get("t0")
        if t0 is not None and t0.wall:
            document["D"]["start_wall_ns"] = observed(t0.wall, DRILL)
    document["U"]["disclaimer"] = declared(DISCLAIMER, VERIFY)
    _logged(document, parse_events(files.get(EVENTS, b""))[0], files)
    _window(document)
    _lateness(document, inputs.due, PREVIOUS if PREVIOUS in files else OBJECTIVES_FILE)
    _trend(document, files)
    return document
