# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The evidence document of a drill: one canonical JSON with the groups A to U, from which every view is made.

A document is ``{"schema": SCHEMA, "A": {...}, ..., "U": {...}}``. Each entry of a group is a *field*:
``{"value": ..., "kind": "declared" | "observed", "source": "raw/..."}``, or, where nothing is known,
``{"value": null, "kind": ..., "unknown": "why", "source": ""}``. *Declared* is what people say and sign for,
*observed* what the tool saw; an observed value points at the raw data it was made from.

Numbers are whole numbers, with the unit at the end of the name: ``_ns`` nanoseconds, ``_wall_ns`` nanoseconds since the epoch by the clock of
the host named beside it, ``_mono_ns`` nanoseconds of one client's monotonic clock, ``_milli`` thousandths (operations per 1000 seconds),
``_ppm`` millionths, ``_bytes``, ``_days``. A number that JSON would have to write as a fraction cannot be compared byte by byte, so there is none.

Public: :data:`FIELDS`, :func:`declared`, :func:`observed`, :func:`unknown`, :func:`canonical`, :func:`blank`, :func:`problems`, :func:`table`.
"""

import json
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

SCHEMA = "firedrill.standby/evidence/1"
DECLARED, OBSERVED = "declared", "observed"

#: Who fills a field.
POLICY, PROBE, DRILL, VERDICT, SEAL, PERSON = "policy", "probe", "drill", "verdict", "seal", "person"

#: Marks of the timeline, in order, and what each says.
MARKS: Tuple[Tuple[str, str], ...] = (
    ("t0", "fault or order"),
    ("t1", "detected"),
    ("t2", "decided"),
    ("t3", "fence confirmed"),
    ("t4", "role command"),
    ("t5", "open read-write"),
    ("t6", "endpoint moved"),
    ("t7", "first acknowledged write"),
    ("t8", "steady state"),
    ("t9", "redundancy restored"),
    ("t10", "ledger reconciled"),
    ("t11", "original layout back"),
)
#: Parts of an outage: name, from mark, to mark.
PARTS: Tuple[Tuple[str, str, str], ...] = (
    ("detect", "t0", "t1"),
    ("decide", "t1", "t2"),
    ("fence", "t2", "t3"),
    ("promote", "t3", "t5"),
    ("endpoint", "t5", "t6"),
    ("warm_up", "t6", "t8"),
)

GROUPS: Tuple[Tuple[str, str], ...] = (
    ("A", "Identity"),
    ("B", "Programme"),
    ("C", "Objectives"),
    ("D", "Scenario"),
    ("E", "Authorisation"),
    ("F", "Participants"),
    ("G", "Baseline"),
    ("H", "Prechecks"),
    ("I", "Workload"),
    ("J", "Timeline"),
    ("K", "Measured RTO"),
    ("L", "Measured RPO"),
    ("M", "Integrity"),
    ("N", "Fencing"),
    ("O", "Way back"),
    ("P", "Restore"),
    ("Q", "Findings"),
    ("R", "Verdict"),
    ("S", "Trend"),
    ("T", "Evidence"),
    ("U", "Sign-off"),
)


class Spec(NamedTuple):
    """A field of the schema: its name in the group, its kind, the type of its value ("str", "int", "bool", "list", "dict"), who fills it, and what
    it holds."""

    name: str
    kind: str
    type: str
    who: str
    text: str


_O, _D = OBSERVED, DECLARED

FIELDS: Dict[str, Tuple[Spec, ...]] = {
    "A": (
        Spec("drill_id", _O, "str", DRILL, "ULID; the name of the folder"),
        Spec("title", _D, "str", POLICY, "one line"),
        Spec(
            "type",
            _O,
            "str",
            DRILL,
            "switchover_and_back, failover_fence_reinstate, snapshot_standby, restore_from_backup or tabletop",
        ),
        Spec("state", _O, "str", DRILL, "where the drill ended: reported, refused, way_back_incomplete, ..."),
        Spec("cluster", _O, "str", DRILL, "name of the cluster"),
        Spec("environment", _D, "str", POLICY, "production or ci; their trends are never mixed"),
        Spec(
            "tool",
            _O,
            "dict",
            DRILL,
            "collection, version, commit (of a checkout, whose files may have been changed since; empty when installed from an artefact)",
        ),
        Spec(
            "engine",
            _O,
            "dict",
            DRILL,
            "name, version, driver, emulator (by what its programs say: true when it was not a real server, null where they do not tell, then why), "
            "declared (whether an emulator was declared)",
        ),
        Spec("configuration_sha256", _O, "str", DRILL, "digest of the cluster's description"),
        Spec("previous", _O, "dict", SEAL, "drill_id, overall, started_wall_ns of the previous drill of the cluster"),
        Spec("started_wall_ns", _O, "int", DRILL, "by the controller's clock"),
        Spec("ended_wall_ns", _O, "int", DRILL, "by the controller's clock"),
    ),
    "B": (
        Spec("policy", _D, "dict", POLICY, "name, version"),
        Spec("cadence_days", _D, "int", POLICY, "longest time between two drills"),
        Spec("due_date", _D, "str", POLICY, "YYYY-MM-DD"),
        Spec("days_since_last", _O, "int", SEAL, "days since the previous drill of the cluster"),
        Spec(
            "due_wall_ns",
            _O,
            "int",
            SEAL,
            "when it was due: cadence_days after the last drill of its type and environment that came to a verdict, or at the end of due_date",
        ),
        Spec("late_ns", _O, "int", SEAL, "how long after that it began; 0: in time"),
        Spec(
            "missed",
            _O,
            "list",
            DRILL,
            "{at_wall_ns, code, why, source}: times since its last run at which the schedule was to begin it and could not",
        ),
        Spec("scope", _D, "list", POLICY, "what is drilled, in words"),
        Spec("out_of_scope", _D, "list", POLICY, "{what, why}"),
        Spec("services", _D, "list", POLICY, "systems and services that depend on the cluster"),
        Spec("criticality", _D, "str", POLICY, "in the organisation's own words"),
        Spec("standards", _D, "list", POLICY, "{standard, clause, grade: direct|supporting|indirect, verified: date}"),
    ),
    "C": (
        Spec("rto_ns", _D, "int", POLICY, "longest outage of writes on the application's path"),
        Spec("rto_reads_ns", _D, "int", POLICY, "the same for reads"),
        Spec("rpo_ns", _D, "int", POLICY, "longest stretch of lost writes; 0: none may be lost"),
        Spec("rpo_transactions", _D, "int", POLICY, "most acknowledged writes that may be lost"),
        Spec("rpo_bytes", _D, "int", POLICY, "most bytes of log that may be lost"),
        Spec("rtrr_ns", _D, "int", POLICY, "longest time until redundancy is restored, from t0 to t9"),
        Spec("minimum_service", _D, "str", POLICY, "minimum service level, in words"),
        Spec("load_share_ppm", _D, "int", POLICY, "load of the drill as a share of production's, at least"),
        Spec("pass_criteria", _D, "list", POLICY, "names of further objectives that must be met, see group R"),
        Spec("frozen_wall_ns", _O, "int", DRILL, "when objectives.json was written"),
        Spec("frozen_sha256", _O, "str", DRILL, "digest of objectives.json"),
        Spec("first_touch_wall_ns", _O, "int", DRILL, "when the drill first touched anything; later than frozen"),
    ),
    "D": (
        Spec("narrative", _D, "str", POLICY, "the story of the disaster"),
        Spec("faults_planned", _D, "list", POLICY, "{fault, member, consent}"),
        Spec(
            "faults_executed",
            _O,
            "list",
            DRILL,
            "{fault, method, member, begun_wall_ns, healed_wall_ns, healed_by: timer|drill|nobody, source}",
        ),
        Spec("start_wall_ns", _O, "int", DRILL, "t0 by the clock of the client, first leg"),
        Spec("realism", _D, "str", POLICY, "load, time of day, what was unlike a real disaster"),
        Spec("assumptions", _D, "list", POLICY, "sentences"),
        Spec("absent_people", _D, "list", POLICY, "people deliberately absent"),
    ),
    "E": (
        Spec("requester", _D, "str", POLICY, "who asked for the drill"),
        Spec("approvers", _D, "list", POLICY, "who approved it"),
        Spec("approver_differs", _O, "bool", DRILL, "whether an approver is another person than the requester"),
        Spec("ticket", _D, "str", POLICY, "change ticket"),
        Spec("window", _D, "dict", POLICY, "start, end: ISO 8601 with zone"),
        Spec(
            "inside_window",
            _O,
            "bool",
            DRILL,
            "whether the drill began and ended inside of it; each approval past its end is a finding too",
        ),
        Spec("blackout_dates", _D, "list", POLICY, "YYYY-MM-DD, on which no drill may begin"),
        Spec(
            "waivers",
            _D,
            "list",
            POLICY,
            "{check, person, reason, until: YYYY-MM-DD} of checks that would refuse the drill, see H",
        ),
        Spec("risk_assessment", _D, "str", POLICY, "reference"),
        Spec("rollback_plan", _D, "str", POLICY, "reference"),
        Spec("regulator_notice", _D, "str", POLICY, "reference"),
        Spec("stop_conditions", _D, "list", POLICY, "{name, limit}"),
        Spec(
            "stopped_by",
            _O,
            "list",
            DRILL,
            "{by: the condition or the person, when_wall_ns, source} that ended the drill early",
        ),
        Spec("abort_authority", _D, "str", POLICY, "who may stop it"),
        Spec(
            "approvals",
            _O,
            "list",
            DRILL,
            "{step, person, os_user, sudo_user, host, at_wall_ns, source} given while the drill waited; user and host by the system of who wrote it",
        ),
        Spec("skipped", _O, "list", DRILL, "{step, reason, person, at_wall_ns, source}"),
    ),
    "F": (
        Spec("people", _D, "list", POLICY, "{name, role, organisation, on_call, observer, auditor}"),
        Spec("started_wall_ns", _O, "int", DRILL, "as in group A"),
        Spec("ended_wall_ns", _O, "int", DRILL, "as in group A"),
    ),
    "G": (
        Spec(
            "members",
            _O,
            "list",
            DRILL,
            "{name, host, role, version, build, page_size_bytes, byte_order, charset, licence_until, source}",
        ),
        Spec(
            "mode_in_force",
            _O,
            "dict",
            DRILL,
            "mode, synchronous (standbys in step at t0; null where nothing tells, then why), guaranteed (that nothing is lost), source",
        ),
        Spec(
            "lag", _O, "list", DRILL, "{member, positions, seconds_ns, bytes, source}; a part that is not known is null"
        ),
        Spec("gaps", _O, "list", DRILL, "{member, from, to}"),
        Spec("free_space", _O, "list", DRILL, "{member, path, free_bytes}"),
        Spec("backup_age_ns", _O, "int", DRILL, "age of the newest usable backup"),
        Spec("checksums", _O, "list", DRILL, "{member, state}"),
        Spec("clocks", _O, "list", DRILL, "{host, offset_ns, bound_ns, source}"),
        Spec("differences", _O, "list", DRILL, "{key, values: {member: value}}"),
        Spec("data_bytes", _O, "int", DRILL, "size of the database's files"),
        Spec("table_digests", _O, "list", DRILL, "{table, member, digest}"),
        Spec("fingerprints", _O, "list", DRILL, "{member, sha256, source}"),
    ),
    "H": (
        Spec(
            "checks",
            _O,
            "list",
            DRILL,
            "{id, question, expected, observed, verdict: OK|WARN|FAIL|UNKNOWN|not run, source, remedy, waiver: null or {who, why, until}}",
        ),
        Spec("counts", _O, "dict", DRILL, "number of checks by verdict"),
    ),
    "I": (
        Spec("clients", _O, "list", VERDICT, "{client, boot_id, clock, clock_sync, streams, operations, anchors}"),
        Spec("streams", _O, "dict", VERDICT, "number of streams by kind: write, read, guard"),
        Spec("paths", _O, "list", VERDICT, "application, direct:<member>"),
        Spec("target_rate_milli", _O, "int", VERDICT, "writes per 1000 s that the schedule asks for"),
        Spec("achieved_rate_milli", _O, "int", VERDICT, "acknowledged writes per 1000 s before t0"),
        Spec("sampling_step_ns", _O, "int", VERDICT, "mean distance of two writes of the judged path before t0"),
        Spec("production_rate_milli", _D, "int", POLICY, "writes per 1000 s of production"),
        Spec("share_ppm", _O, "int", VERDICT, "achieved rate as a share of production's"),
        Spec("mix", _O, "str", PROBE, "what an operation is"),
        Spec("isolation", _O, "str", PROBE, "isolation level of a session"),
        Spec("ack_rule", _O, "str", PROBE, "when an operation counts as acknowledged"),
        Spec("limits", _O, "dict", PROBE, "connect_ns, statement_ns"),
        Spec("retry_policy", _O, "str", PROBE, "none, or what the driver does"),
        Spec(
            "classification",
            _O,
            "dict",
            PROBE,
            "engine, driver, versions, valid (whether the table of outcomes is valid for them; else why), basis (what it rests on), source",
        ),
    ),
    "J": (
        Spec(
            "events",
            _O,
            "list",
            VERDICT,
            "{leg, mark: t0..t11, title, client, mono_ns (client's clock), wall_ns, bound_ns (±), host, source, "
            "resolved (bound at most a tenth of the objective)}; a mark that was not seen has mono_ns null and why",
        ),
        Spec("steps", _O, "list", DRILL, "{leg, number, member, title, begun_wall_ns, ended_wall_ns, outcome, source}"),
    ),
    "K": (
        Spec(
            "outages",
            _O,
            "list",
            VERDICT,
            "one for each leg, client, path and kind: {leg, client, path, kind, judged, lo_ns, hi_ns (sums; null: not bounded), span_ns, "
            "gaps: [{lo_ns, hi_ns, failed, begin_mono_ns, end_mono_ns, last_ok, first_failed, last_failed, first_ok}], longest_stream_ns, "
            "t7_mono_ns, t8_mono_ns, brown_out_ns}. An operation is {stream, seq, sent_ns, ended_ns} or null. "
            "path database: the direct paths together",
        ),
        Spec("parts", _O, "list", VERDICT, "{leg, part, ns, bound_ns, resolved}; null ns: not observed, with why"),
        Spec("human_ns", _O, "int", VERDICT, "time the drill waited for people, kept apart from machine time"),
        Spec("redundancy", _O, "list", VERDICT, "{leg, ns, bound_ns, why}: t0 to t9; null ns: t9 was not seen"),
        Spec(
            "series",
            _O,
            "list",
            VERDICT,
            "for drawing: {leg, client, path, kind, from_mono_ns, t0_mono_ns, step_ns, ok: [n], failed: [n], unknown: [n]}, "
            "operations by the time they were sent",
        ),
    ),
    "L": (
        Spec(
            "counts",
            _O,
            "dict",
            VERDICT,
            "worst of all reads: intents, acked, failed, unknown, survived, lost, recovered, absent, phantom, alien, duplicate, damaged, holes",
        ),
        Spec("reads", _O, "list", VERDICT, "{leg, read: a|b|c, member, rows, counts, source}"),
        Spec("agree", _O, "bool", VERDICT, "whether the three reads agree"),
        Spec("disagreements", _O, "list", VERDICT, "{leg, read, member, missing, more}: operations by number"),
        Spec(
            "lost_time", _O, "list", VERDICT, "{leg, read, member, client, lo_ns, hi_ns}; only where something was lost"
        ),
        Spec("lost_lo_ns", _O, "int", VERDICT, "worst lower end; 0 when nothing was lost"),
        Spec("lost_hi_ns", _O, "int", VERDICT, "worst upper end; 0 when nothing was lost; the judged figure"),
        Spec("lost_bytes", _O, "int", DRILL, "by log position"),
        Spec("resolution_ns", _O, "int", VERDICT, "1 / achieved rate: a loss shorter than this cannot be seen"),
        Spec("statement", _O, "str", VERDICT, "0 lost of n acked; resolution 1/rate"),
        Spec("ids", _O, "dict", VERDICT, "of lost, phantom, alien, duplicate, damaged, holes: {count, sha256, sample}"),
        Spec("positions", _O, "list", VERDICT, "{leg, old_last, new_open, unit, agrees: true|false|null, why}"),
        Spec("mode_in_force", _O, "list", VERDICT, "{leg, mode, guaranteed}"),
        Spec(
            "predicted",
            _O,
            "list",
            VERDICT,
            "{leg, none, first, last, seconds, certainty, at_most, seconds_by, lost, covered: true|false|null}; as a failover said before the promotion",
        ),
    ),
    "M": (
        Spec("page_check", _O, "list", DRILL, "{member, result, source}"),
        Spec("logical_checks", _O, "list", DRILL, "{name, result, source}"),
        Spec(
            "digests",
            _O,
            "list",
            VERDICT,
            "{table, leg, read, values: {member: SHA-256 of its sorted rows}, equal: true|false|null}",
        ),
        Spec("smoke_test", _O, "list", VERDICT, "{leg, name, result: passed|failed, said, source}"),
    ),
    "N": (
        Spec(
            "fences",
            _O,
            "list",
            DRILL,
            "{leg, member, method, result: confirmed, not confirmed (an override), UNKNOWN (then why), confirmed_wall_ns: null unless confirmed, source}",
        ),
        Spec(
            "guard",
            _O,
            "list",
            VERDICT,
            "{leg, client, member, operations, accepted_after_fence, refused, first_mono_ns, last_mono_ns, step_ns, ids}",
        ),
        Spec("accepted_after_fence", _O, "int", VERDICT, "writes accepted on the old side after t3; must be 0"),
    ),
    "O": (
        Spec("reinstatement", _O, "dict", DRILL, "member, method, duration_ns, bytes, source"),
        Spec("original_layout", _O, "bool", DRILL, "whether the roles are as at the start, or as the policy declares"),
        Spec("differences", _O, "list", DRILL, "{member, what, before, after, explained (empty: not explained)}"),
        Spec(
            "residue",
            _O,
            "list",
            VERDICT,
            "{host, what, source}: what the drill left behind, on members, clients and the controller",
        ),
    ),
    "P": (
        Spec("backup", _O, "dict", DRILL, "id, age_ns, type, chain, location"),
        Spec("restore", _O, "dict", DRILL, "bytes, duration_ns, target_point, point_reached, isolation, destruction"),
    ),
    "Q": (
        Spec(
            "findings",
            _D,
            "list",
            VERDICT,
            "{id, severity: info|warning|failure, objective, what, when_wall_ns (0: the whole drill), raised_by: tool|person, source, "
            "cause, action, owner, due, ticket, retest, state: open|closed}",
        ),
        Spec("lessons", _D, "list", PERSON, "sentences"),
        Spec("plan_changes", _D, "list", PERSON, "sections of the plan to change"),
    ),
    "R": (
        Spec("overall", _O, "str", VERDICT, "met, met with findings, not met or inconclusive"),
        Spec("annotation", _O, "str", VERDICT, "met, not guaranteed; or empty"),
        Spec(
            "objectives",
            _O,
            "list",
            VERDICT,
            "{objective, target, measured_lo, measured_hi, unit, verdict, reasons: [sentence], annotation}; objective: rto, rto_reads, rpo, "
            "rpo_transactions, rpo_bytes, rtrr, fencing, integrity, way_back",
        ),
        Spec("reasons", _O, "list", VERDICT, "sentences: why it is not met, or why nothing can be concluded"),
        Spec("limits", _O, "list", VERDICT, "what the method cannot see"),
    ),
    "S": (
        Spec(
            "drills",
            _O,
            "list",
            SEAL,
            "earlier drills and this one, oldest first: {drill_id, type, fault, environment, started_wall_ns, due_date, overall, outage, rto_hi_ns, "
            "rto_reads_hi_ns, loss, lost, lost_hi_ns, acked, findings_open, findings_closed}; outage, loss: measured, unbounded (no upper end that "
            "can be relied on), never (it ended before t0)",
        ),
        Spec(
            "statistics",
            _O,
            "list",
            SEAL,
            "one for each environment, type and fault: {environment, type, fault, n, clean, conclusive, outages, unbounded (of them), rto_hi_ns: {min, "
            "median, max}, lost_hi_ns: {min, median, max} (null: not bounded), loss_bound_ppm (95 %, null unless all are clean), "
            "p95_bounded_by_max}",
        ),
        Spec("statement", _O, "list", SEAL, "sentences: what n clean drills show, and what not"),
    ),
    "T": (
        Spec("manifest", _O, "str", SEAL, "file with the SHA-256 of every other file of the folder"),
        Spec("event_log", _O, "dict", SEAL, "file, entries, head (hash of the last entry)"),
        Spec("signature", _O, "dict", SEAL, "method: ssh|gpg, file, identity"),
        Spec("timestamp", _O, "dict", SEAL, "file of an RFC 3161 time-stamp"),
        Spec("retention", _D, "str", POLICY, "until when the folder is kept"),
        Spec("redactions", _O, "dict", SEAL, "file, places (number of places at which a secret was taken out)"),
        Spec(
            "console",
            _O,
            "list",
            DRILL,
            "{host, source, why}: what programs printed; why: nothing of that host is there",
        ),
        Spec("recompute", _O, "str", SEAL, "the command that recomputes K, L, N and R from raw data"),
    ),
    "U": (
        Spec("operator", _D, "str", POLICY, "who ran it"),
        Spec("system_owner", _D, "str", PERSON, ""),
        Spec("business_owner", _D, "str", PERSON, ""),
        Spec("reviewer", _D, "str", PERSON, "independent"),
        Spec("date", _D, "str", PERSON, "YYYY-MM-DD"),
        Spec("disclaimer", _D, "str", SEAL, "evidence toward a control, not certification"),
    ),
}

DISCLAIMER = "evidence toward a control, not certification"
_TYPES: Dict[str, Any] = {"str": str, "int": int, "bool": bool, "list": list, "dict": dict}


def declared(value: Any, source: str = "objectives.json") -> Dict[str, Any]:
    """A field that people declare. :arg source: the file of the folder it was declared in."""
    return {"value": value, "kind": DECLARED, "source": source}


def observed(value: Any, source: str) -> Dict[str, Any]:
    """A field that the tool observed. :arg source: path of the raw data inside of the folder, such as ``raw/drill.json``."""
    return {"value": value, "kind": OBSERVED, "source": source}


def unknown(why: str, kind: str = OBSERVED, source: str = "") -> Dict[str, Any]:
    """A field without a value. :arg why: the reason, for people; never empty."""
    return {"value": None, "kind": kind, "unknown": why, "source": source}


def canonical(value: Any) -> str:
    """The one text of a document: keys sorted, two blanks of indent, UTF-8, one line end at the end.

    :raises ValueError: for a number with a fraction, which has more than one text.
    """
    _refuse_fractions(value, "")
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _refuse_fractions(value: Any, path: str) -> None:
    if isinstance(value, float):
        raise ValueError("{0} is {1!r}; evidence holds whole numbers with a unit".format(path or "the value", value))
    if isinstance(value, Mapping):
        for key, each in value.items():
            _refuse_fractions(each, "{0}.{1}".format(path, key))
    elif isinstance(value, (list, tuple)):
        for number, each in enumerate(value):
            _refuse_fractions(each, "{0}[{1}]".format(path, number))


def blank(why: str = "not filled") -> Dict[str, Any]:
    """A complete document in which nothing is known yet."""
    document: Dict[str, Any] = {"schema": SCHEMA}
    for group, _title in GROUPS:
        document[group] = {spec.name: unknown(why, spec.kind) for spec in FIELDS[group]}
    return document


def _field_problems(path: str, spec: Spec, field: Any) -> List[str]:
    if not isinstance(field, Mapping):
        return ["{0} is no field".format(path)]
    found = []
    if field.get("kind") != spec.kind:
        found.append("{0}: kind is {1!r}, must be {2!r}".format(path, field.get("kind"), spec.kind))
    if not isinstance(field.get("source"), str):
        found.append("{0} has no source".format(path))
    value = field.get("value")
    if value is None:
        if not field.get("unknown"):
            found.append("{0} has no value and does not say why".format(path))
        return found
    if "unknown" in field:
        found.append("{0} has a value and says that it is unknown".format(path))
    if spec.kind == OBSERVED and not field.get("source"):
        found.append("{0} is observed and points at no raw data".format(path))
    if not isinstance(value, _TYPES[spec.type]) or (spec.type == "int" and isinstance(value, bool)):
        found.append("{0}: {1!r} is no {2}".format(path, type(value).__name__, spec.type))
    return found


def problems(document: Mapping[str, Any]) -> List[str]:
    """What makes a document invalid, in words; empty if it is sound.

    A tabletop drill has no observed K and L: nobody measured anything.
    """
    found = []
    if document.get("schema") != SCHEMA:
        found.append("schema is {0!r}, must be {1!r}".format(document.get("schema"), SCHEMA))
    names = [group for group, _title in GROUPS]
    found += ["{0} is no group".format(key) for key in sorted(document) if key not in names and key != "schema"]
    for group in names:
        fields = document.get(group)
        if not isinstance(fields, Mapping):
            found.append("group {0} is missing".format(group))
            continue
        specs = {spec.name: spec for spec in FIELDS[group]}
        found += ["{0}.{1} is no field of the schema".format(group, key) for key in sorted(fields) if key not in specs]
        for name, spec in specs.items():
            path = "{0}.{1}".format(group, name)
            found += _field_problems(path, spec, fields[name]) if name in fields else ["{0} is missing".format(path)]
    if not found and document["A"]["type"]["value"] == "tabletop":
        measured = [group for group in ("K", "L") for field in document[group].values() if field["value"] is not None]
        found += ["a tabletop drill carries observed {0}".format(group) for group in sorted(set(measured))]
    try:
        _refuse_fractions(document, "")
    except ValueError as error:
        found.append(str(error))
    return found


def table() -> List[str]:
    """The schema as lines of Markdown, as it stands in docs/evidence.md."""
    lines: List[str] = []
    for group, title in GROUPS:
        lines += [
            "",
            "### {0} {1}".format(group, title),
            "",
            "| Field | Kind | Type | Filled by | Holds |",
            "|---|---|---|---|---|",
        ]
        for spec in FIELDS[group]:
            text = spec.text.replace("|", "\\|")
            lines.append("| `{0}` | {1} | {2} | {3} | {4} |".format(spec.name, spec.kind, spec.type, spec.who, text))
    return lines


def value_of(document: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """The value of a field by its path, such as ``C.rto_ns``; the default when it is unknown or missing."""
    group, _dot, name = path.partition(".")
    field = (document.get(group) or {}).get(name) or {}
    value = field.get("value")
    return default if value is None else value


def sources(document: Mapping[str, Any]) -> Sequence[str]:
    """Every file of the folder that a field points at, sorted, without what stands behind a ``#``."""
    found = set()
    for group, _title in GROUPS:
        for field in (document.get(group) or {}).values():
            if field.get("source"):
                found.add(str(field["source"]).split("#", 1)[0])
    return sorted(found)
