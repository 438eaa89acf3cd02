# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What a member is made of, before a drill and after it: the differences, what explains them, and what was left behind. Pure.

A fingerprint is plain data:

    {"schema": SCHEMA, "member": NAME, "host": NAME,
     "sections": {SECTION: {KEY: {"value", "source"} or {"value": "UNKNOWN", "source", "why"}}},
     "moving": the same in one level: what moves by itself and is never compared,
     "sha256": of the sections' values, without their sources}

A section that could not be read has the single key ``*``. An entry with ``covers`` is the digest of a file whose content is in another section; it
tells a difference only where that section tells none, so that one cause is one difference.

A difference is explained by one of :data:`RULES` and by nothing else. Where the method is silent: a value that is UNKNOWN on one side, or for another
reason on the other, is a difference that no rule explains; for the same reason on both sides it is none, and :func:`unseen` tells it.

Public: :func:`build`, :func:`read`, :func:`as_state`, :class:`Expected`, :func:`expected_from`, :func:`compare`, :func:`residue`, :func:`unseen`.
"""

import base64
import hashlib
import json
import re
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, journal
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import PRIMARY, STANDBY, UNKNOWN, Fact

SCHEMA = "firedrill.standby/fingerprint/1"
#: The key of a section that could not be read.
WHOLE = "*"

#: Sections, in the order of reports. The engine fills them; what a key is called inside of one is its own affair, but for the keys below.
INSTANCE, DESTINATIONS, PARAMETERS, ALIASES, FILES = "instance", "destinations", "parameters", "aliases", "files"
CONTROL_FILES, DATA_FILES, TEMP_FILES = "control_files", "data_files", "temp_files"
REDO, STANDBY_REDO = "redo", "standby_redo"
HOST, AUTOSTART, SERVICES = "host", "autostart", "services"
RECORDS, JOURNALS = "records", "journals"
LEFTOVERS, FENCE, LEASES, OFFERS = "leftovers", "fence", "leases", "offers"
TEMPORARY, PROCESSES, DRILL = "temporary", "processes", "drill"
SECTIONS: Tuple[str, ...] = (
    INSTANCE,
    DESTINATIONS,
    PARAMETERS,
    ALIASES,
    FILES,
    CONTROL_FILES,
    DATA_FILES,
    TEMP_FILES,
    REDO,
    STANDBY_REDO,
    HOST,
    AUTOSTART,
    SERVICES,
    RECORDS,
    JOURNALS,
    LEFTOVERS,
    FENCE,
    LEASES,
    OFFERS,
    TEMPORARY,
    PROCESSES,
    DRILL,
)
#: Keys that rules know.
ROLE, OPEN_MODE, BACKUP_MODE, FROZEN = "role", "open_mode", "backup_mode", "frozen_processes"
ROLE_RECORD, LATEST_CHANGE, CHANGE_FILES = "role", "latest_change", "role_change/"
#: What the guard of a role change saw, beside the journal of that change.
GUARD_RECORD = re.compile(r"guard-([A-Za-z0-9_.-]+)\.json")
ENABLED = " enabled"
#: What is said of a table on a member that answers no query on tables, which is no lack of knowledge but its role.
NOT_ASKED = "not asked: this role answers no query on tables"
ABSENT, NONE = "absent", "none"

#: How an entry that is not there is shown.
NOTHING = "not there"

Entry = Mapping[str, Any]
Sections = Mapping[str, Mapping[str, Entry]]


# --------------------------------------------------------------------------------------------------------------- its form


def build(
    member: str,
    host: str,
    sections: Mapping[str, Mapping[str, "Fact[Any]"]],
    moving: Mapping[str, "Fact[Any]"],
    covers: Mapping[str, str],
) -> Dict[str, Any]:
    """The fingerprint of one member.

    :arg sections: every one of :data:`SECTIONS`. :arg covers: key in FILES -> the section that holds what the file says.
    :raises ValueError: for a section that is missing or not known, and for a number with a fraction, which has more than one text.
    """
    if set(sections) != set(SECTIONS):
        raise ValueError("sections {0}".format(sorted(set(sections) ^ set(SECTIONS))))
    plain: Dict[str, Dict[str, Dict[str, Any]]] = {
        name: {key: fact.as_dict() for key, fact in sections[name].items()} for name in SECTIONS
    }
    for key, section in covers.items():
        if key in plain[FILES]:
            plain[FILES][key]["covers"] = section
    return {
        "schema": SCHEMA,
        "member": member,
        "host": host,
        "sections": plain,
        "moving": {key: fact.as_dict() for key, fact in moving.items()},
        "sha256": digest(plain),
    }


def _is_known(entry: Entry) -> bool:
    return not entry.get("why")


def _compared(entry: Entry) -> List[Any]:
    """What of an entry is compared: the value or the reason why there is none, never where it was read."""
    return ["value", entry["value"]] if _is_known(entry) else [UNKNOWN, entry["why"]]


def _whole(value: Any) -> None:
    if isinstance(value, float):
        raise ValueError("{0!r} has a fraction; a fingerprint holds whole numbers".format(value))
    if isinstance(value, Mapping):
        for each in value.values():
            _whole(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            _whole(each)


def digest(sections: Sections) -> str:
    """SHA-256 of the canonical form of what is compared: JSON, keys sorted, no blanks, ASCII. Equal for two fingerprints without a difference.

    :raises ValueError: for a number with a fraction.
    """
    plain = {name: {key: _compared(entry) for key, entry in keys.items()} for name, keys in sections.items()}
    _whole(plain)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def as_state(fingerprint: Mapping[str, Any]) -> str:
    """A fingerprint as one word, base64 of JSON: Ansible masks a password wherever it occurs in a result, also as a part of a path."""
    return base64.b64encode(json.dumps(fingerprint, sort_keys=True).encode("utf-8")).decode("ascii")


def _strange(seen: str) -> UnknownState:
    return UnknownState(
        seen=seen,
        meaning="It is no fingerprint of this version, or was changed since it was taken, so it proves nothing",
        remedy="Hand on 'state' as firedrill.standby.tibero_fingerprint_info returned it",
    )


def read(handed_on: Any) -> Dict[str, Any]:
    """A fingerprint from :func:`as_state`, or from plain data.

    :raises UnknownState: for anything else, and when the digest is not that of the content.
    """
    found = handed_on
    if isinstance(handed_on, str):
        try:
            found = json.loads(base64.b64decode(handed_on, validate=True).decode("utf-8"))
        except ValueError as error:
            raise _strange(
                "{0!r}... is not the 'state' of a fingerprint ({1})".format(handed_on[:40], error)
            ) from error
    if not isinstance(found, Mapping) or found.get("schema") != SCHEMA:
        raise _strange("The schema is {0!r}".format(found.get("schema") if isinstance(found, Mapping) else found))
    try:
        sections = {
            str(name): {
                str(key): dict(entry, value=entry["value"], source=entry["source"]) for key, entry in keys.items()
            }
            for name, keys in found["sections"].items()
        }
        seen = digest(sections)
        texts = {name: str(found[name]) for name in ("member", "host", "sha256")}
        moving = {str(key): dict(entry) for key, entry in found["moving"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _strange("The fingerprint cannot be read ({0}: {1})".format(type(error).__name__, error)) from error
    if set(sections) != set(SECTIONS):
        raise _strange("Sections that are not those of this version: {0}".format(sorted(set(sections) ^ set(SECTIONS))))
    if seen != texts["sha256"]:
        raise _strange("The digest says {0}, the content has {1}".format(texts["sha256"], seen))
    return dict(texts, schema=SCHEMA, sections=sections, moving=moving)


# ------------------------------------------------------------------------------------------------------- what was to be expected


class Expected(NamedTuple):
    """What the drill was to leave changed.

    ``roles``: member -> role, of the members whose role the policy leaves changed; empty with a way back. ``changes``: ids of the role changes that the
    drill made. ``rebuilt``: members whose database was copied anew, as the policy says for a former primary.
    """

    roles: Mapping[str, str] = {}
    changes: Tuple[str, ...] = ()
    rebuilt: Tuple[str, ...] = ()


#: With a way back: nothing was to be left changed.
AS_AT_THE_START = Expected()


def expected_from(raw: Mapping[str, Any]) -> Expected:
    """The same from plain data. :raises UnknownState: for a word or a shape that is not known."""
    roles, lists = raw.get("roles") or {}, {name: raw.get(name) or [] for name in ("changes", "rebuilt")}
    wrong = sorted(set(raw) - set(Expected._fields))
    wrong += [
        name for name, value in sorted(lists.items()) if isinstance(value, str) or not isinstance(value, Sequence)
    ]
    if not isinstance(roles, Mapping) or [role for role in roles.values() if role not in (PRIMARY, STANDBY)]:
        wrong.append("roles")
    if wrong:
        raise UnknownState(
            seen="What a drill was to leave has {0}: {1!r}".format(", ".join(wrong), dict(raw)),
            meaning="Known are roles (member: primary or standby), changes (ids) and rebuilt (members)",
            remedy="Correct it; what is not named here is not expected",
        )
    named = {name: tuple(str(each) for each in value) for name, value in lists.items()}
    return Expected({str(name): str(role) for name, role in roles.items()}, named["changes"], named["rebuilt"])


class Case(NamedTuple):
    """One difference as a rule sees it. ``before``, ``after``: the values; None where the entry is not there. Both are known."""

    member: str
    section: str
    key: str
    before: Any
    after: Any
    start: Mapping[str, Sections]
    end: Mapping[str, Sections]
    expected: Expected


class Rule(NamedTuple):
    """What explains a difference: in which section, for which keys (a pattern that matches the whole key), when, and the reason for a report."""

    name: str
    section: str
    keys: str
    when: Callable[[Case], bool]
    reason: str


def _value(sections: Sections, section: str, key: str) -> Any:
    entry = sections.get(section, {}).get(key)
    return entry["value"] if entry is not None and _is_known(entry) else None


def _new_role(case: Case) -> str:
    """The role that this member was to get and has, "" when its role is none that the policy leaves changed."""
    wanted = case.expected.roles.get(case.member, "")
    was, now = (_value(each[case.member], INSTANCE, ROLE) for each in (case.start, case.end))
    return wanted if wanted and wanted == now and was in (PRIMARY, STANDBY) and was != now else ""


def _role_as_declared(case: Case) -> bool:
    return bool(_new_role(case)) and case.after == _new_role(case)


def _open_as_the_role_was(case: Case) -> bool:
    """Open as a member was at the start that had the role that this one has now."""
    role = _new_role(case)
    same = [sections for sections in case.start.values() if role and _value(sections, INSTANCE, ROLE) == role]
    return case.after is not None and case.after in [_value(sections, INSTANCE, OPEN_MODE) for sections in same]


def _destination_follows(case: Case) -> bool:
    """A new primary sends where it did not, a new standby sends nowhere any more; nobody sends in another way than before."""
    role = _new_role(case)
    switch = case.key.endswith(ENABLED)
    if role == PRIMARY:
        return case.after is True if switch else case.before is None
    return role == STANDBY and (case.after in (None, False) if switch else case.after is None)


def _record_follows(case: Case) -> bool:
    """The record of the role names the role that the member has; all else in it is as it was."""
    if not isinstance(case.before, Mapping) or not isinstance(case.after, Mapping):
        return False
    rest = [{key: value for key, value in each.items() if key != "role"} for each in (case.before, case.after)]
    return rest[0] == rest[1] and bool(_new_role(case)) and case.after.get("role") == _new_role(case)


def _record_is_first(case: Case) -> bool:
    """The first role change of a member writes its record; the role in it is the one that the member had and has."""
    after = case.after if isinstance(case.after, Mapping) else {}
    roles = [_value(each[case.member], INSTANCE, ROLE) for each in (case.start, case.end)]
    return (
        case.before is None
        and after.get("role") is not None
        and roles == [after.get("role")] * 2
        and _worked_here(case)
    )


def _latest_is_ours(case: Case) -> bool:
    after = case.after if isinstance(case.after, Mapping) else {}
    return after.get("id") in case.expected.changes and after.get("state") in journal.ENDS


def _journal_is_ours(case: Case) -> bool:
    after = case.after if isinstance(case.after, Mapping) else {}
    return case.before is None and case.key in case.expected.changes and after.get("state") in journal.ENDS


def _guard_is_ours(case: Case) -> bool:
    after = case.after if isinstance(case.after, Mapping) else {}
    return case.before is None and after.get("guard_of") in case.expected.changes and after.get("ended") is True


def _worked_here(case: Case) -> bool:
    """A role change of the drill was closed on this member, so its worker wrote, replaced or removed what lies beside the journal."""
    mine = [_value(case.end[case.member], JOURNALS, each) for each in case.expected.changes]
    return bool([each for each in mine if isinstance(each, Mapping) and each.get("state") in journal.ENDS])


def _only_grown(case: Case) -> bool:
    """Nothing but the size differs, and it is larger."""
    if not isinstance(case.before, Mapping) or not isinstance(case.after, Mapping):
        return False
    old, new = dict(case.before), dict(case.after)
    sizes = (old.pop("bytes", None), new.pop("bytes", None))
    return old == new and isinstance(sizes[0], int) and isinstance(sizes[1], int) and sizes[1] > sizes[0]


def _readable_by_role(case: Case) -> bool:
    """Whether the member can be asked follows its role; where it can, nothing is there."""
    seen = (case.before, case.after)
    return {PRIMARY: (NOT_ASKED, ABSENT), STANDBY: (ABSENT, NOT_ASKED)}.get(_new_role(case)) == seen


def _rebuilt(case: Case) -> bool:
    return case.member in case.expected.rebuilt


def _copied_from(case: Case) -> bool:
    """Another member was built anew, and no job of this one runs on or failed. What is not finished is told as a leftover besides."""
    job = case.after.get("job") if isinstance(case.after, Mapping) else None
    return bool(set(case.expected.rebuilt) - {case.member}) and job in (None, detached.FINISHED, detached.CANCELLED)


def _added_by_rebuild(case: Case) -> bool:
    return _rebuilt(case) and case.before is None


#: Everything that explains a difference.
RULES: Tuple[Rule, ...] = (
    Rule("role", INSTANCE, ROLE, _role_as_declared, "the policy of the drill leaves the roles changed"),
    Rule(
        "open mode",
        INSTANCE,
        OPEN_MODE,
        _open_as_the_role_was,
        "it follows the role, which the policy of the drill leaves changed: a member of this role was open like this at the start",
    ),
    Rule(
        "destination",
        DESTINATIONS,
        ".*",
        _destination_follows,
        "destinations follow the role, which the policy of the drill leaves changed: a primary sends, a standby does not",
    ),
    Rule(
        "role record",
        RECORDS,
        ROLE_RECORD,
        _record_follows,
        "our own record names the role that the policy of the drill leaves",
    ),
    Rule(
        "first role record",
        RECORDS,
        ROLE_RECORD,
        _record_is_first,
        "the first role change of a member writes our own record of its role, which is the one that it had at the start",
    ),
    Rule(
        "latest change",
        RECORDS,
        LATEST_CHANGE,
        _latest_is_ours,
        "our own record names the last role change of the drill, which is closed",
    ),
    Rule(
        "journal",
        JOURNALS,
        ".*",
        _journal_is_ours,
        "the journal of a role change of the drill, which is closed; journals are kept",
    ),
    Rule(
        "guard",
        RECORDS,
        re.escape(CHANGE_FILES) + GUARD_RECORD.pattern,
        _guard_is_ours,
        "what the guard of a role change of the drill saw, which has ended; it is kept beside the journal",
    ),
    Rule(
        "files of a role change",
        RECORDS,
        re.escape(CHANGE_FILES) + r"(worker\.(json|lock|log)|lease|(go|end)-[0-9]+)",
        _worked_here,
        "each role change replaces the files by which its worker and its controller speak; that of the drill is closed",
    ),
    Rule(
        "growth",
        DATA_FILES,
        ".*",
        _only_grown,
        "a database extends its files while rows are written and gives nothing back when they are dropped",
    ),
    Rule(
        "growth",
        TEMP_FILES,
        ".*",
        _only_grown,
        "a database extends its temporary files when it needs them and gives nothing back",
    ),
    Rule(
        "readable by role",
        DRILL,
        "table .*",
        _readable_by_role,
        "whether tables can be asked for follows the role, which the policy of the drill leaves changed; no table is there",
    ),
    Rule(
        "copy",
        RECORDS,
        r"(seed|rmgr_records)/.*|standby_redo\.json",
        _rebuilt,
        "the member was built anew by the drill; the records of what is finished are kept",
    ),
    Rule(
        "source of a copy",
        RECORDS,
        r"(hot_backup|cold_copy|rmgr_records)/.*|offers/(\.lock)?",
        _copied_from,
        "another member was built anew from this one by the drill; the records of a backup that is over are kept until the next one",
    ),
    Rule(
        "export",
        RECORDS,
        r"divergence/.*",
        _added_by_rebuild,
        "redo that only the former primary had was exported before its files were replaced, and is kept",
    ),
    Rule(
        "standby redo",
        STANDBY_REDO,
        ".*",
        _added_by_rebuild,
        "the member was built anew as a standby; the standby redo logs it was given stay when its role changes",
    ),
)


# ----------------------------------------------------------------------------------------------------------------- comparing


def shown(entry: Optional[Entry]) -> str:
    """An entry as a report shows it."""
    if entry is None:
        return NOTHING
    if not _is_known(entry):
        return "{0}: {1}".format(UNKNOWN, entry["why"])
    value = entry["value"]
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _read_all(taken: Mapping[str, Any]) -> Dict[str, Sections]:
    found = {}
    for name, raw in taken.items():
        one = read(raw)
        if one["member"] != name:
            raise _strange("The fingerprint of {0} is given as that of {1}".format(one["member"], name))
        found[str(name)] = one["sections"]
    return found


def _order(section: str) -> Tuple[int, str]:
    return (SECTIONS.index(section), section) if section in SECTIONS else (len(SECTIONS), section)


def _difference(member: str, what: str, before: str, after: str, explained: str = "") -> Dict[str, str]:
    return {"member": member, "what": what, "before": before, "after": after, "explained": explained}


def _count(keys: Mapping[str, Entry]) -> str:
    return "{0} entries".format(len(keys))


def _explain(case: Case, rules: Sequence[Rule]) -> str:
    for rule in rules:
        if rule.section == case.section and re.match("(?:{0})\\Z".format(rule.keys), case.key) and rule.when(case):
            return rule.reason
    return ""


def _explained(
    member: str,
    section: str,
    key: str,
    start: Mapping[str, Sections],
    end: Mapping[str, Sections],
    expected: Expected,
    rules: Sequence[Rule],
) -> str:
    before, after = (each[member].get(section, {}).get(key) for each in (start, end))
    if [entry for entry in (before, after) if entry is not None and not _is_known(entry)]:
        return ""
    values = [None if entry is None else entry["value"] for entry in (before, after)]
    return _explain(Case(member, section, key, values[0], values[1], start, end, expected), rules)


def _differing(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> List[str]:
    keys = sorted(set(before) | set(after))
    return [key for key in keys if _side(before.get(key)) != _side(after.get(key))]


def _side(entry: Optional[Entry]) -> str:
    """As text, so that True and 1 differ as they do in the digest."""
    return "" if entry is None else json.dumps(_compared(entry), sort_keys=True)


def _covered(before: Sections, after: Sections, section: str, key: str) -> bool:
    """Whether what a digest covers tells the difference already."""
    covers = {str((each.get(section, {}).get(key) or {}).get("covers") or "") for each in (before, after)} - {""}
    return bool([name for name in covers if _differing(before.get(name, {}), after.get(name, {}))])


def compare(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    expected: Expected = AS_AT_THE_START,
    rules: Sequence[Rule] = RULES,
) -> List[Dict[str, str]]:
    """The differences of all members between the start and the end.

    :arg before: member -> fingerprint, as plain data or as :func:`as_state` made it. :arg after: the same at the end. :arg expected: what the drill was
        to leave changed; nothing else is explained by it. :arg rules: what explains a difference.
    :returns: ``[{member, what, before, after, explained}]`` in the order of members, sections and keys; texts, ``explained`` is the reason, or "".
    :raises UnknownState: for a fingerprint that is none, or that was changed.
    """
    start, end = _read_all(before), _read_all(after)
    found = []
    for member in sorted(set(start) | set(end)):
        if member not in start or member not in end:
            seen = ["was read" if member in each else "was not read" for each in (start, end)]
            found.append(_difference(member, "the member", seen[0], seen[1]))
            continue
        for section in sorted(set(start[member]) | set(end[member]), key=_order):
            old, new = start[member].get(section, {}), end[member].get(section, {})
            if (WHOLE in old) != (WHOLE in new):
                sides = [shown(each[WHOLE]) if WHOLE in each else _count(each) for each in (old, new)]
                found.append(_difference(member, section, sides[0], sides[1]))
                continue
            for key in _differing(old, new):
                if _covered(start[member], end[member], section, key):
                    continue
                why = _explained(member, section, key, start, end, expected, rules)
                found.append(_difference(member, _what(section, key), shown(old.get(key)), shown(new.get(key)), why))
    return found


def _what(section: str, key: str) -> str:
    return section if key == WHOLE else "{0}: {1}".format(section, key)


# ------------------------------------------------------------------------------------------------------------------- residue


class Trace(NamedTuple):
    """What must not be there after a drill: in which section, for which keys, the values that are none, and how it is named."""

    section: str
    keys: str
    clean: Tuple[Any, ...]
    words: str


#: Everything that is residue, whoever left it: a drill begins only where nothing of it is.
TRACES: Tuple[Trace, ...] = (
    Trace(INSTANCE, BACKUP_MODE, (False,), "backup mode, which is open"),
    Trace(INSTANCE, FROZEN, (0,), "processes of the server that are frozen: {value}"),
    Trace(LEFTOVERS, ".*", (), "unfinished work: {key}: {value}"),
    Trace(FENCE, ".*", (NONE,), "a fence: {value}"),
    Trace(LEASES, ".*", (), "a lease: {key}"),
    Trace(OFFERS, ".*", (), "an offer of files: {key}"),
    Trace(TEMPORARY, ".*", (), "a temporary file: {key}"),
    Trace(PROCESSES, ".*", (), "a process: {key}"),
    Trace(DRILL, ".*", (ABSENT, NOT_ASKED), "{key}: {value}"),
)


def _open_journal(entry: Entry) -> bool:
    value = entry["value"]
    return not isinstance(value, Mapping) or value.get("state") not in journal.ENDS


def _traces(section: str, key: str) -> List[Trace]:
    return [each for each in TRACES if each.section == section and re.match("(?:{0})\\Z".format(each.keys), key)]


def residue(after: Mapping[str, Any]) -> List[Dict[str, str]]:
    """What was left behind, by the fingerprints at the end: ``[{host, what}]``. What could not be looked at is told by :func:`unseen`.

    :arg after: member -> fingerprint. :raises UnknownState: for a fingerprint that is none, or that was changed.
    """
    found = []
    for name in sorted(after):
        one = read(after[name])
        for section in SECTIONS:
            for key, entry in sorted(one["sections"].get(section, {}).items()):
                if not _is_known(entry):
                    continue
                if section == JOURNALS and _open_journal(entry):
                    what = "the open journal of role change {0}: {1}".format(key, shown(entry))
                    found.append({"host": one["host"], "what": what})
                for trace in _traces(section, key):
                    if _side(entry) not in [_side({"value": value}) for value in trace.clean]:
                        what = trace.words.format(key=key, value=shown(entry))
                        found.append({"host": one["host"], "what": what})
    return found


def unseen(after: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """What is UNKNOWN at the end, and whether residue could hide there: ``[{member, what, why, residue: bool}]``.

    A member of which something was seen neither before nor after shows no difference there, and none can be ruled out.
    """
    found = []
    for name in sorted(after):
        sections = read(after[name])["sections"]
        for section in sorted(sections, key=_order):
            watched = section == JOURNALS or section in [each.section for each in TRACES]
            for key, entry in sorted(sections[section].items()):
                if not _is_known(entry):
                    hides = watched if key == WHOLE else section == JOURNALS or bool(_traces(section, key))
                    found.append({"member": name, "what": _what(section, key), "why": entry["why"], "residue": hides})
    return found
