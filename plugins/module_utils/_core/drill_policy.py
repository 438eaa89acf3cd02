# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The policy of a drill: what people declare beforehand. One argument specification, one function that freezes it or refuses.

Public: :data:`POLICY_SPEC`, :data:`CONSENTS`, :data:`STOP_CONDITIONS`, :func:`decide`, :func:`tripped`, :func:`when`, :func:`moment`, :func:`may_approve`,
:func:`approval_problems`, :func:`stale`, :class:`Frozen`.
"""

import datetime
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import waiver
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.verdict_material import (
    FENCING,
    INTEGRITY,
    OBJECTIVES,
    WAY_BACK,
)

#: Faults that can be declared, and the consent each needs, in the words of the damage.
CONSENTS: Dict[str, str] = {
    "none": "",
    "kill_server": "the_server_is_killed",
    "crash_host": "the_host_is_crashed",
    "freeze": "the_server_is_frozen",
    "cut_clients": "clients_are_cut_off",
    "cut_standby": "the_standby_is_cut_off",
    "cut_both": "the_member_is_isolated",
}
_TEXTS: Dict[str, Any] = {"type": "list", "elements": "str", "default": []}

OBJECTIVES_SPEC: Dict[str, Any] = {
    "rto_seconds": {"type": "float", "required": True},
    "rto_reads_seconds": {"type": "float"},
    "rpo_seconds": {"type": "float", "required": True},
    "rpo_transactions": {"type": "int"},
    "rpo_bytes": {"type": "int"},
    "rtrr_seconds": {"type": "float"},
    "load_share_percent": {"type": "float"},
    "production_writes_per_second": {"type": "float"},
    "steady_seconds": {"type": "float", "default": 60.0},
}
#: The argument specification of a policy.
POLICY_SPEC: Dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "version": {"type": "str", "required": True},
    "title": {"type": "str", "required": True},
    "environment": {"type": "str", "choices": ["production", "ci"], "default": "production"},
    "objectives": {"type": "dict", "options": OBJECTIVES_SPEC},
    "minimum_service": {"type": "str"},
    "pass_criteria": {"type": "list", "elements": "str", "choices": list(OBJECTIVES), "default": []},
    "cadence_days": {"type": "int"},
    "due_date": {"type": "str"},
    "scope": {"type": "list", "elements": "str", "required": True},
    "out_of_scope": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"what": {"type": "str", "required": True}, "why": {"type": "str", "required": True}},
    },
    "services": _TEXTS,
    "criticality": {"type": "str"},
    "standards": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "standard": {"type": "str", "required": True},
            "clause": {"type": "str", "default": ""},
            "grade": {"type": "str", "choices": ["direct", "supporting", "indirect"], "required": True},
            "verified": {"type": "str", "required": True},
        },
    },
    "narrative": {"type": "str"},
    "faults": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "fault": {"type": "str", "choices": sorted(CONSENTS), "required": True},
            "member": {"type": "str", "default": ""},
            "consent": {"type": "str", "default": ""},
        },
    },
    "realism": {"type": "str"},
    "assumptions": _TEXTS,
    "absent_people": _TEXTS,
    "requester": {"type": "str", "required": True},
    "approvers": {"type": "list", "elements": "str", "required": True},
    "two_persons": {"type": "bool", "default": True},
    "ticket": {"type": "str"},
    "window": {
        "type": "dict",
        "required": True,
        "options": {"start": {"type": "str", "required": True}, "end": {"type": "str", "required": True}},
    },
    "blackout_dates": _TEXTS,
    "waivers": {"type": "list", "elements": "dict", "default": [], "options": waiver.SPEC},
    "risk_assessment": {"type": "str"},
    "rollback_plan": {"type": "str"},
    "regulator_notice": {"type": "str"},
    "stop_conditions": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": {"type": "str", "required": True}, "limit": {"type": "int", "required": True}},
    },
    "abort_authority": {"type": "str"},
    "switch_back": {"type": "bool", "default": True},
    "people": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "role": {"type": "str", "required": True},
            "organisation": {"type": "str", "default": ""},
            "on_call": {"type": "bool", "default": False},
            "observer": {"type": "bool", "default": False},
            "auditor": {"type": "bool", "default": False},
        },
    },
    "operator": {"type": "str"},
    "retention": {"type": "str"},
}

#: Objectives of the policy: name there, name among the frozen figures, factor.
_FIGURES: Tuple[Tuple[str, str, int], ...] = (
    ("rto_seconds", "rto_ns", 10**9),
    ("rto_reads_seconds", "rto_reads_ns", 10**9),
    ("rpo_seconds", "rpo_ns", 10**9),
    ("rpo_transactions", "rpo_transactions", 1),
    ("rpo_bytes", "rpo_bytes", 1),
    ("rtrr_seconds", "rtrr_ns", 10**9),
    ("load_share_percent", "load_share_ppm", 10**4),
    ("production_writes_per_second", "production_rate_milli", 1000),
    ("steady_seconds", "steady_ns", 10**9),
)
#: Stop conditions: what is watched before each step and while a drill waits. A role change that is under way is finished or undone by its journal first.
STOP_CONDITIONS: Dict[str, str] = {
    "outage_seconds": "the clients of one host got no write through for so many seconds",
    "window_seconds_left": "the window of the policy ends in so many seconds, or is over",
}
#: Criteria that have no figure of their own: they are always judged.
_ALWAYS = (FENCING, INTEGRITY, WAY_BACK)
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d))?(?:\.\d+)?(Z|[+-]\d\d:?\d\d)\Z")
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")


#: A reading of a standard is relied on for so many months: standards get new editions.
FRESH_MONTHS = 18


class Frozen(NamedTuple):
    """A policy that may be frozen: as data for objectives.json, its figures, what was seen, and warnings."""

    policy: Dict[str, Any]
    figures: Dict[str, int]
    approver_differs: bool
    warnings: Tuple[str, ...]


def _refuse(key: str, seen: str, meaning: str, remedy: str) -> Refusal:
    return Refusal(seen=seen, meaning=meaning, remedy=remedy, details={"policy": key})


def moment(text: str, key: str) -> datetime.datetime:
    """A time with its zone. :raises Refusal: when it has no zone or is no time."""
    found = _TIME.match(text.strip())
    if not found:
        raise _refuse(
            key,
            "{0} is {1!r}".format(key, text),
            "A time of a policy is written like 2026-03-01T09:00:00+09:00; without a zone it could be meant by any clock",
            "correct {0}".format(key),
        )
    zone = found.group(7)
    minutes = 0 if zone == "Z" else int(zone[1:3]) * 60 + int(zone[-2:])
    offset = datetime.timedelta(minutes=-minutes if zone[0] == "-" else minutes)
    numbers = [int(each or 0) for each in found.groups()[:6]]
    try:
        return datetime.datetime(
            numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], tzinfo=datetime.timezone(offset)
        )
    except ValueError as error:
        raise _refuse(
            key, "{0} is {1!r}".format(key, text), "There is no such time: {0}".format(error), "correct {0}".format(key)
        ) from error


def _figures(policy: Mapping[str, Any]) -> Dict[str, int]:
    objectives = policy.get("objectives")
    if not objectives or objectives.get("rto_seconds") is None or objectives.get("rpo_seconds") is None:
        raise _refuse(
            "objectives",
            "The policy {0} has no objectives".format(policy.get("name")),
            "What is judged must be said before it is measured; afterwards any figure is a success",
            "set objectives.rto_seconds and objectives.rpo_seconds",
        )
    found = {}
    for name, figure, factor in _FIGURES:
        value = objectives.get(name)
        if value is None:
            continue
        least = name in (
            "rto_seconds",
            "rto_reads_seconds",
            "rtrr_seconds",
            "steady_seconds",
            "production_writes_per_second",
        )
        if value < 0 or (least and value == 0):
            raise _refuse(
                "objectives." + name,
                "objectives.{0} is {1}".format(name, value),
                "It must be {0}".format("more than 0" if least else "0 or more"),
                "correct objectives.{0}".format(name),
            )
        found[figure] = round(value * factor)
    if found.get("load_share_ppm") and not found.get("production_rate_milli"):
        raise _refuse(
            "objectives.production_writes_per_second",
            "objectives.load_share_percent is {0}, and production's rate is not declared".format(
                objectives["load_share_percent"]
            ),
            "A share of an unknown load cannot be reached",
            "set objectives.production_writes_per_second",
        )
    return found


def _criteria(policy: Mapping[str, Any], figures: Mapping[str, int]) -> None:
    for name in policy.get("pass_criteria") or ():
        known = name in figures or name + "_ns" in figures or name in _ALWAYS
        if not known:
            raise _refuse(
                "pass_criteria",
                "pass_criteria names {0}, for which objectives has no figure".format(name),
                "A criterion without a figure cannot be judged",
                "set its figure in objectives, or take it out",
            )


def _same(one: Any, other: Any) -> bool:
    """Whether two names are those of one person: how they are written makes nobody another."""
    return str(one or "").strip().casefold() == str(other or "").strip().casefold()


def may_approve(policy: Mapping[str, Any]) -> List[str]:
    """Who may approve: the approvers of the policy; without its requester where it wants two persons."""
    approvers = [str(each).strip() for each in policy.get("approvers") or () if str(each).strip()]
    if not policy.get("two_persons", True):
        return approvers
    return [each for each in approvers if not _same(each, policy.get("requester"))]


def approval_problems(policy: Mapping[str, Any], step: str, note: Any) -> List[str]:
    """Why an approval does not count, in words; empty when it does.

    :arg policy: as it was frozen. :arg step: what waits for it. :arg note: what playbooks/drill_approve.yml wrote down: ``step``, ``person``,
        ``at_wall_ns``, and who that was by the account of the operating system: ``os_user``, ``host``, and ``sudo_user`` (empty without sudo).
    """
    if not isinstance(note, Mapping):
        return ["it is no note of an approval"]
    found = []
    allowed, person = may_approve(policy), note.get("person")
    if note.get("step") != step:
        found.append("it is for the step {0!r}, and {1!r} waits".format(note.get("step"), step))
    if person not in allowed:
        why = ", who asked for the drill" if _same(person, policy.get("requester")) else ""
        found.append("it is by {0!r}{1}; who may approve: {2}".format(person, why, ", ".join(allowed) or "nobody"))
    if not isinstance(note.get("at_wall_ns"), int):
        found.append("it does not say when")
    missing = [key for key in ("os_user", "host") if not str(note.get(key) or "").strip()]
    if missing:
        found.append("it does not say {0} of who wrote it".format(" and ".join(missing)))
    # Who gives another name than that of the account is seen here; who uses an account that several share is not.
    accounts = [str(note.get(key) or "") for key in ("os_user", "sudo_user")]
    if policy.get("two_persons", True) and any(each and _same(each, policy.get("requester")) for each in accounts):
        found.append("it was written by the account of {0}, who asked for the drill".format(policy.get("requester")))
    return found


def _people(policy: Mapping[str, Any]) -> bool:
    requester = str(policy.get("requester") or "").strip()
    approvers = [str(each).strip() for each in policy.get("approvers") or () if str(each).strip()]
    if not approvers or not requester:
        raise _refuse(
            "approvers",
            "Requester is {0!r}, approvers are {1}".format(requester, ", ".join(approvers) or "none"),
            "A drill is asked for by one person and approved by another",
            "set requester and approvers",
        )
    if not may_approve(policy):
        raise _refuse(
            "approvers",
            "{0} asks for the drill and approves it".format(requester),
            "The policy wants two persons",
            "have somebody else approve, or set two_persons: false, which stands in the evidence",
        )
    return not all(_same(each, requester) for each in approvers)


def when(policy: Mapping[str, Any], now: datetime.datetime) -> None:
    """The one rule of when a drill may begin. :raises Refusal: outside of the window, or on a blackout date."""
    window = policy.get("window") or {}
    start, end = (
        moment(str(window.get("start") or ""), "window.start"),
        moment(str(window.get("end") or ""), "window.end"),
    )
    local = now.astimezone(start.tzinfo)
    said = "It is {0}; the window is {1} to {2}".format(
        local.isoformat(timespec="seconds"), window["start"], window["end"]
    )
    if end <= start:
        raise _refuse("window", said, "It ends before it begins", "correct window")
    if not start <= now < end:
        raise _refuse(
            "window",
            said,
            "Outside of its window nobody expects a drill",
            "wait for the window, or have another one approved",
        )
    for date in policy.get("blackout_dates") or ():
        if not _DATE.match(str(date)):
            raise _refuse(
                "blackout_dates",
                "blackout_dates holds {0!r}".format(date),
                "Dates are written YYYY-MM-DD",
                "correct it",
            )
        if str(date) == local.date().isoformat():
            raise _refuse(
                "blackout_dates",
                "{0} is a blackout date (in the zone of the window)".format(date),
                "On that day nothing that can be put off may disturb production",
                "choose another day",
            )


def stale(verified: Any, on: datetime.date) -> bool:
    """Whether a standard was last verified too long before a day, or on no day that can be read."""
    text = str(verified).strip()
    try:
        year, month, day = (int(each) for each in text.split("-")) if _DATE.match(text) else (0, 0, 0)
        seen = datetime.date(year, month, day)
    except ValueError:
        return True
    return ((on.year - seen.year) * 12 + on.month - seen.month, on.day) > (FRESH_MONTHS, seen.day)


def _faults(policy: Mapping[str, Any]) -> None:
    for fault in policy.get("faults") or ():
        name = str(fault.get("fault"))
        if name not in CONSENTS:
            raise _refuse(
                "faults",
                "faults names {0!r}".format(name),
                "Known are {0}".format(", ".join(sorted(CONSENTS))),
                "correct it",
            )
        if str(fault.get("consent") or "") != CONSENTS[name]:
            raise _refuse(
                "faults",
                "The fault {0} on {1} has the consent {2!r}".format(
                    name, fault.get("member") or "the primary", fault.get("consent") or ""
                ),
                "A fault is done only to those who say what it does",
                "set consent: {0}".format(CONSENTS[name]),
            )


def _stops(policy: Mapping[str, Any]) -> None:
    for each in policy.get("stop_conditions") or ():
        name, limit = str(each.get("name")), each.get("limit")
        if name not in STOP_CONDITIONS:
            raise _refuse(
                "stop_conditions",
                "stop_conditions names {0!r}".format(name),
                "Nothing watches that, so nothing would stop the drill. Watched are {0}".format(
                    "; ".join("{0}: {1}".format(*pair) for pair in sorted(STOP_CONDITIONS.items()))
                ),
                "name one of these; what a person watches is stopped with playbooks/drill_stop.yml",
            )
        if not isinstance(limit, int) or limit < 1:
            raise _refuse(
                "stop_conditions",
                "The limit of {0} is {1!r}".format(name, limit),
                "It is a number of seconds, 1 or more",
                "correct it",
            )


def tripped(
    policy: Mapping[str, Any],
    quiet: Sequence[Optional[float]],
    now: datetime.datetime,
    pressed: Optional[Mapping[str, Any]] = None,
) -> List[str]:
    """What ends a drill early now, in words; empty when it may go on.

    :arg policy: as it was frozen. :arg quiet: of each client host, for how many seconds none of its writes was acknowledged; None when it cannot tell,
        which trips nothing. :arg now: with a zone. :arg pressed: what a person wrote down who stops the drill: ``by`` and ``reason``.
    """
    found = []
    if pressed:
        found.append("{0} stopped it: {1}".format(pressed.get("by"), pressed.get("reason")))
    limits = {str(each["name"]): float(each["limit"]) for each in policy.get("stop_conditions") or ()}
    silent = max((float(each) for each in quiet if each is not None), default=0.0)
    if "outage_seconds" in limits and silent >= limits["outage_seconds"]:
        found.append(
            "outage_seconds: no write got through for {0:.1f} s, the limit is {1:.0f} s".format(
                silent, limits["outage_seconds"]
            )
        )
    if "window_seconds_left" in limits:
        end = str((policy.get("window") or {}).get("end") or "")
        left = (moment(end, "window.end") - now).total_seconds()
        if left <= limits["window_seconds_left"]:
            found.append(
                "window_seconds_left: the window ends {0}, in {1:.0f} s, the limit is {2:.0f} s".format(
                    end, left, limits["window_seconds_left"]
                )
            )
    return found


def whole(value: Any) -> Any:
    """The same data with fractions as texts: what is frozen has one text only."""
    if isinstance(value, float):
        return str(int(value)) if value == int(value) else repr(value)
    if isinstance(value, Mapping):
        return {str(key): whole(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [whole(each) for each in value]
    return value


def decide(policy: Mapping[str, Any], now: datetime.datetime, guaranteed: Optional[bool] = None) -> Frozen:
    """Whether a drill of this policy may begin now.

    :arg policy: as :data:`POLICY_SPEC` says. :arg now: with a zone. :arg guaranteed: whether the replication mode in force promises that nothing is
        lost; None when it is not known.
    :raises Refusal: no objectives, one person for two, outside of the window, a blackout date, a fault without consent, a stop condition that nothing
        watches, a waiver that is over, or of what cannot be waived.
    """
    figures = _figures(policy)
    _criteria(policy, figures)
    differs = _people(policy)
    when(policy, now)
    _faults(policy)
    _stops(policy)
    start = moment(str(policy["window"]["start"]), "window.start")
    waiver.read(policy.get("waivers") or (), now.astimezone(start.tzinfo).date())
    warnings: List[str] = []
    if figures["rpo_ns"] == 0 and guaranteed is not True:
        mode = "does not promise it" if guaranteed is False else "is not known to promise it"
        warnings.append(
            "No write may be lost, and the replication mode {0}: it is judged as measured, and at best met, not guaranteed".format(
                mode
            )
        )
    if not differs:
        warnings.append("Requester and approver are one person; the evidence says so")
    elif len(may_approve(policy)) < len(policy["approvers"]):
        warnings.append("{0} asked for the drill, and approves none of its steps".format(policy["requester"]))
    for each in policy.get("standards") or ():
        if stale(each.get("verified"), now.date()):
            text = "{0} was last verified on {1!r}; the report calls it stale, because that is more than {2} months ago or no date"
            warnings.append(text.format(each.get("standard"), str(each.get("verified")), FRESH_MONTHS))
    kept = {key: whole(each) for key, each in policy.items() if each is not None}
    kept["policy"] = {"name": str(policy.get("name") or ""), "version": str(policy.get("version") or "")}
    return Frozen(kept, figures, differs, tuple(warnings))
