# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The module tibero_fingerprint_info: what a member is made of, for "equal to the start". Reads only, and judges nothing.

What moves by itself (TSN, sequences, moments, what V$STANDBY_DEST says) is in ``moving``. Where a value is compared, it is one that a drill with a way
back has to leave as it was.
"""

import hashlib
import os
import pwd
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts, fingerprint, journal, ledger
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import Fact, known, unknown
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import (
    config_file,
    fingerprint_records,
    host_facts,
    marker,
    member,
    options,
    preflight_task,
    readiness_task,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Answer, Query, Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.fingerprint_records import THERE, Found
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import dsn, marks, tip
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.leftovers import ROLE_CHANGE, leftovers

FINGERPRINT_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC,
    member={"type": "str", "required": True},
    data_dir={"type": "path", "required": True},
    archive_dir={"type": "path", "required": True},
    seed_dir={"type": "path"},
    salt={"type": "str", "default": ""},
)

#: Tables that a drill and a role change make and drop.
TABLES = (ledger.TABLE, marker.TABLE)
#: NAME, GROUP# and MEMBER are documented (H); BYTES of the files is not, so a view without it is read by the columns it has. Columns of
#: V$STANDBY_LOGFILE are not documented at all.
QUESTIONS: Dict[str, Query] = {
    "datafile": Query("V$DATAFILE", ("NAME", "BYTES")),
    "tempfile": Query("V$TEMPFILE", ("NAME", "BYTES")),
    "controlfile": Query("V$CONTROLFILE", ("NAME",)),
    "log": Query("V$LOG", ("THREAD#", "GROUP#", "BYTES")),
    "logfile": Query("V$LOGFILE", ("GROUP#", "MEMBER")),
    "standby_log": Query("V$STANDBY_LOGFILE"),
    "archived": Query("V$ARCHIVED_LOG", ("THREAD#", "SEQUENCE#", "NAME")),
}
#: Parameters whose value is told by a digest only, should a tip ever hold one.
_SECRET = re.compile(r"PASS|PWD|SECRET", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+\Z")
#: Files of ours that start or describe the instance, below /; what is in a key is never read.
_OUR_PLACES = ("etc/systemd/system", "etc/cron.d", "usr/local/sbin", "etc/firedrill-standby")


class Roots(NamedTuple):
    """What stands for /, /tmp and /proc, so that a test can play a host."""

    root: str = "/"
    temporary: str = "/tmp"
    proc: str = "/proc"


HOST = Roots()


def fingerprint_info(context: Context, roots: Roots = HOST) -> Outcome:
    """Read the member; see the module's documentation.

    :raises Refusal: when there is no Tibero below tb_home, or the password cannot be written.
    """
    client = options.client_of(context)
    client.program("tbboot")
    taken = collect(context.params, client, roots)
    name = context.params["member"]
    values = {
        "fingerprint": taken,
        "state": fingerprint.as_state(taken),
        "sha256": taken["sha256"],
        "residue": fingerprint.residue({name: taken}),
        "unknown": fingerprint.unseen({name: taken}),
    }
    return Outcome(False, values)


def collect(params: Mapping[str, Any], client: Tibero, roots: Roots) -> Dict[str, Any]:
    """The fingerprint of one member; never raises because the instance is down or silent."""
    seen = member.look(client)
    answers, why = _ask(client, seen)
    base = _database_directory(client, params)

    def answer(name: str) -> Answer:
        return answers.get(name, Answer(why=why))

    records = fingerprint_records.collect(client, roots.temporary, roots.proc)
    parameters, tip_digest = _tip(client, params["salt"] or client.tb_sid)
    aliases, dsn_digest = _aliases(client)
    sections: Dict[str, Found] = dict(records.sections)
    sections[fingerprint.DRILL].update(_tables(client, seen))
    sections.update(
        {
            fingerprint.INSTANCE: _instance(client, seen, roots.proc),
            fingerprint.DESTINATIONS: _destinations(seen.state.destinations),
            fingerprint.PARAMETERS: parameters,
            fingerprint.ALIASES: aliases,
            fingerprint.FILES: {
                "tip": tip_digest,
                "tbdsn.tbr": dsn_digest,
                "licence": _digest(os.path.join(client.tb_home, "license", "license.xml")),
                "password_file": host_facts.password_file(
                    os.path.join(base, ".passwd"), params["salt"] or client.tb_sid
                ),
            },
            fingerprint.CONTROL_FILES: _control_files(client, answer("controlfile")),
            fingerprint.DATA_FILES: _sized(answer("datafile"), "V$DATAFILE", base),
            fingerprint.TEMP_FILES: _sized(answer("tempfile"), "V$TEMPFILE", base),
            fingerprint.REDO: _redo(answer("log"), answer("logfile"), base),
            fingerprint.STANDBY_REDO: _standby_redo(answer("standby_log")),
            fingerprint.HOST: _host(client, params, roots),
            fingerprint.AUTOSTART: _autostart(roots.root),
            fingerprint.LEFTOVERS: _leftovers(client, params["seed_dir"] or ""),
        }
    )
    moving = dict(records.moving, **_moving(seen, answer("archived"), client))
    covers = {"tip": fingerprint.PARAMETERS, "tbdsn.tbr": fingerprint.ALIASES}
    return fingerprint.build(params["member"], os.uname().nodename, sections, moving, covers)


def _whole(fact: "Fact[Any]") -> Found:
    return {fingerprint.WHOLE: fact}


def _ask(client: Tibero, seen: member.Seen) -> Tuple[Dict[str, Answer], str]:
    """Answers to :data:`QUESTIONS`, or none and why."""
    if not seen.answers:
        return {}, seen.state.version.why or "the instance does not answer"
    names = list(QUESTIONS)
    try:
        return dict(zip(names, client.ask([QUESTIONS[name] for name in names]))), ""
    except StandbyError as error:
        return {}, error.seen


# ---------------------------------------------------------------------------------------------------------- the instance


def _instance(client: Tibero, seen: member.Seen, proc: str) -> Found:
    state = seen.state
    found: Found = {
        "software": state.software,
        "process": state.process,
        fingerprint.ROLE: state.role,
        fingerprint.OPEN_MODE: state.open_mode,
        "version": state.version,
        "database_id": state.database_id,
        "protection_mode": state.protection_mode,
        "archive_mode": state.archive_mode,
        fingerprint.BACKUP_MODE: state.backup_open,
        fingerprint.FROZEN: fingerprint_records.frozen(client, proc),
    }
    found["build"] = preflight_task.version_facts(client)["tibero_build"]
    return found


def _destinations(seen: "Fact[Tuple[facts.Destination, ...]]") -> Found:
    """Destinations as the running instance has them, by address; whether each is on is a value of its own, which may be unknown."""
    if not seen.is_known:
        return _whole(unknown(seen.source, seen.why))
    found: Found = {}
    for each in seen.value or ():
        key = "{0}:{1}".format(each.host, each.port)
        if key in found:
            return _whole(unknown(seen.source, "{0} is a destination twice".format(key)))
        found[key] = known({"number": each.number, "transport": each.transport}, seen.source)
        found[key + fingerprint.ENABLED] = each.enabled
    return found


def _tables(client: Tibero, seen: member.Seen) -> Found:
    """Whether the tables of a drill are there. A standby in RECOVERY answers no query on tables (H), so there nobody asks."""
    names = {"table " + name: name for name in TABLES}
    if seen.state.role.equals(facts.STANDBY) and seen.state.open_mode.equals(facts.RECOVERING):
        return {key: known(fingerprint.NOT_ASKED, "the role") for key in names}
    if not seen.answers:
        nothing = unknown("USER_TABLES", seen.state.version.why or "the instance does not answer")
        return dict.fromkeys(names, nothing)
    queries = [
        Query("USER_TABLES", ("TABLE_NAME",), "TABLE_NAME = {0}".format(marks.literal(name)), again=False)
        for name in names.values()
    ]
    try:
        answers = client.ask(queries)
    except StandbyError as error:
        return {key: unknown("USER_TABLES", error.seen) for key in names}
    found: Found = {}
    for (key, name), answer in zip(names.items(), answers):
        rows = [row for row in answer.rows if row.get("TABLE_NAME") == name]
        found[key] = (
            known(THERE if rows else fingerprint.ABSENT, "USER_TABLES")
            if answer.is_known
            else unknown("USER_TABLES", answer.why)
        )
    return found


# ------------------------------------------------------------------------------------------------------ its configuration


def _digest(path: str) -> "Fact[Any]":
    try:
        return known({"path": path, "sha256": fingerprint_records.sha256_of(path)}, path)
    except FileNotFoundError:
        return known({"path": path, "sha256": fingerprint.ABSENT}, path)
    except OSError as error:
        return unknown(path, error.strerror or str(error))


def _tip(client: Tibero, salt: str) -> Tuple[Found, "Fact[Any]"]:
    """Every parameter of the tip as it is written, and the digest of the file; a value that is a secret counts by a salted, slow digest in both."""
    path = client.tip_path
    try:
        document = client.tip()
    except (StandbyError, OSError) as error:
        return _whole(unknown(path, str(error))), _digest(path)
    if document is None:
        return _whole(unknown(path, "there is no tip")), _digest(path)
    found: Found = {}
    text = []
    for line in document.lines:
        shown = line.value.raw if line.kind == tip.PARAMETER and line.value is not None else None
        if shown is None or not _SECRET.search(line.name):
            text.append(line.text)
        else:
            secret = hashlib.pbkdf2_hmac(
                "sha256", shown.encode("utf-8", "surrogateescape"), salt.encode("utf-8"), host_facts.ROUNDS
            )
            shown = "hidden: " + secret.hex()
            text.append("{0}{1}{2}".format(line.before, shown, line.after))
        if shown is not None:
            found[_free(found, line.key)] = known(shown, path)
    whole = "".join(text).encode("utf-8", "surrogateescape")
    return found, known({"path": path, "sha256": hashlib.sha256(whole).hexdigest()}, path)


def _free(found: Mapping[str, Any], key: str) -> str:
    """The key itself, or with a number where the file has it more than once."""
    name, number = key, 1
    while name in found:
        number += 1
        name = "{0} ({1})".format(key, number)
    return name


def _param(param: dsn.Param) -> List[Any]:
    return [param.name, param.value, [_param(child) for child in param.children]]


def _aliases(client: Tibero) -> Tuple[Found, "Fact[Any]"]:
    """Every alias of tbdsn.tbr as it is read, and the digest of the file."""
    path = config_file.dsn_path(client.tb_home)
    try:
        document = dsn.parse(config_file.read_text(path) or "", strict=False)
    except (OSError, GrammarError) as error:
        return _whole(unknown(path, str(error))), _digest(path)
    found: Found = {}
    for item in document.items:
        if not item.name:
            continue
        value = [_param(param) for param in item.params] if item.params else item.value
        found[_free(found, item.name)] = known(value, path)
    return found, _digest(path)


# --------------------------------------------------------------------------------------------------------------- its files


def _database_directory(client: Tibero, params: Mapping[str, Any]) -> str:
    """Where the files with relative names and the password file lie: DB_CREATE_FILE_DEST, else the data directory."""
    try:
        named = client.parameter("DB_CREATE_FILE_DEST")
    except StandbyError:
        named = ""
    return named or str(params["data_dir"])


def _absolute(path: str, base: str) -> str:
    return path if os.path.isabs(path) or path.startswith("+") else os.path.join(base, path)


def _is_there(path: str) -> str:
    """In words, because what lies in TAS disk space no file system call can see."""
    if path.startswith("+"):
        return "in TAS"
    return "yes" if os.path.isfile(path) else "no"


def _control_files(client: Tibero, answer: Answer) -> Found:
    """The control files by the view (H), or by the tip where the instance does not answer. Their sizes grow by themselves."""
    source = "V$CONTROLFILE, stat"
    paths: Sequence[str] = [str(row["NAME"]) for row in answer.rows if row.get("NAME")]
    if not paths:
        source = "{0}, stat".format(client.tip_path)
        try:
            paths = client.control_files() or ()
        except StandbyError as error:
            return _whole(unknown(client.tip_path, error.seen))
    if not paths:
        return _whole(unknown(source, answer.why or "neither the view nor the tip names one"))
    return {path: known({"there": _is_there(path)}, source) for path in paths}


def _bytes(row: Mapping[str, Optional[str]], path: str) -> Optional[int]:
    """The size as the database tells it; where its view does not, as the file system does."""
    if _NUMBER.match(row.get("BYTES") or ""):
        return int(str(row["BYTES"]))
    try:
        return os.path.getsize(path)
    except OSError:
        return None


def _sized(answer: Answer, source: str, base: str) -> Found:
    if not answer.is_known:
        return _whole(unknown(source, answer.why))
    found: Found = {}
    for row in answer.rows:
        if not row.get("NAME"):
            return _whole(unknown(source, "a row has no NAME"))
        path = _absolute(str(row["NAME"]), base)
        size = _bytes(row, path)
        by = source if row.get("BYTES") else "{0}, stat".format(source)
        there = _is_there(path)
        found[_free(found, path)] = (
            known({"bytes": size, "there": there}, by) if size is not None else unknown(by, "neither tells its size")
        )
    return found


def _redo(log: Answer, members: Answer, base: str) -> Found:
    for answer, source in ((log, "V$LOG"), (members, "V$LOGFILE")):
        if not answer.is_known:
            return _whole(unknown(source, answer.why))
    paths: Dict[str, List[str]] = {}
    for row in members.rows:
        paths.setdefault(str(row.get("GROUP#")), []).append(_absolute(str(row.get("MEMBER") or ""), base))
    found: Found = {}
    for row in log.rows:
        group = str(row.get("GROUP#"))
        if not _NUMBER.match(row.get("BYTES") or "") or not _NUMBER.match(group):
            return _whole(unknown("V$LOG", "GROUP# is {0!r}, BYTES {1!r}".format(row.get("GROUP#"), row.get("BYTES"))))
        mine = sorted(paths.get(group, []))
        value = {
            "thread": row.get("THREAD#"),
            "bytes": int(str(row["BYTES"])),
            "members": {path: _is_there(path) for path in mine},
        }
        found[_free(found, "group " + group)] = known(value, "V$LOG, V$LOGFILE, stat")
    return found


def _standby_redo(answer: Answer) -> Found:
    """The groups by columns of V$STANDBY_LOGFILE that have the names of those of V$LOG (L); their sequences and states move."""
    source = "V$STANDBY_LOGFILE (columns not documented)"
    if not answer.is_known:
        return _whole(unknown(source, answer.why))
    groups: Dict[str, Dict[str, Any]] = {}
    for row in answer.rows:
        group = row.get("GROUP#") or ""
        if not _NUMBER.match(group) or not _NUMBER.match(row.get("BYTES") or ""):
            return _whole(unknown(source, "its columns are {0}".format(", ".join(row))))
        value = groups.setdefault("group " + group, {"bytes": int(str(row["BYTES"])), "members": []})
        value["members"] = sorted(value["members"] + [row["MEMBER"]] if row.get("MEMBER") else value["members"])
    return {key: known(value, source) for key, value in groups.items()}


# ------------------------------------------------------------------------------------------------------------------ the host


def _host(client: Tibero, params: Mapping[str, Any], roots: Roots) -> Found:
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = ""
    user = {"name": name, "uid": uid, "gid": os.getegid(), "groups": sorted(set(os.getgroups()))}
    found: Found = {"user": known(user, "the process")}
    places = (("home", client.tb_home), ("data", str(params["data_dir"])), ("archive", str(params["archive_dir"])))
    table = host_facts.read(os.path.join(roots.proc, "self", "mountinfo"))
    for place, path in places:
        found["directory of " + place] = known({"path": path, "there": "yes" if os.path.isdir(path) else "no"}, "stat")
        found["file system of " + place] = _mount(table, os.path.realpath(path))
    return found


def _mount(table: Optional[str], path: str) -> "Fact[Any]":
    """The file system that a path lies in, by mountinfo of proc(5): where it is mounted, what it is, and whether it can be written."""
    best: Optional[Dict[str, Any]] = None
    for line in (table or "").splitlines():
        words = line.split()
        if len(words) < 10 or "-" not in words[6:]:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), words[4])
        dash = words.index("-", 6)
        inside = point == "/" or path == point or path.startswith(point + "/")
        # A later line lies over an earlier one of the same place.
        if inside and (best is None or len(point) >= len(best["mounted at"])) and len(words) > dash + 3:
            best = {
                "mounted at": point,
                "type": words[dash + 1],
                "source": words[dash + 2],
                "options": words[5],
                "written": "no" if "ro" in words[dash + 3].split(",") else "yes",
            }
    source = "/proc/self/mountinfo"
    return (
        known(best, source) if best else unknown(source, "no line for {0}".format(path) if table else "cannot be read")
    )


def _autostart(root: str) -> Found:
    """What boots the instance with its host: each file that calls tbboot, and each of ours, with its digest and the targets that want it."""
    seen = readiness_task.supervisors(root)
    if not seen.is_known:
        return _whole(seen)
    paths = {str(each["path"]) for each in seen.value or []}
    try:
        for place in _OUR_PLACES:
            directory = os.path.join(root, place)
            names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
            ours = [name for name in names if place.startswith("etc/firedrill") or name.startswith("firedrill-")]
            paths.update("/" + os.path.join(place, name) for name in ours)
    except OSError as error:
        return _whole(unknown(error.filename or root, error.strerror or str(error)))
    return {path: _starter(root, path) for path in sorted(paths)}


def _starter(root: str, path: str) -> "Fact[Any]":
    whole = os.path.join(root, path.lstrip("/"))
    units = os.path.join(root, "etc/systemd/system")
    name = os.path.basename(path)
    try:
        places = sorted(os.listdir(units)) if os.path.isdir(units) else []
        wanted = [
            place for place in places if place.endswith(".wants") and os.path.lexists(os.path.join(units, place, name))
        ]
        mode = oct(os.lstat(whole).st_mode & 0o7777)
        sha256 = "not read" if path.endswith(".key") else fingerprint_records.sha256_of(whole)
    except OSError as error:
        return unknown(path, error.strerror or str(error))
    return known({"sha256": sha256, "mode": mode, "wanted by": wanted}, path)


def _leftovers(client: Tibero, seed_dir: str) -> Found:
    seen = leftovers(client, seed_dir)
    if not seen.is_known:
        return _whole(seen)
    found: Found = {}
    # Journals of role changes are a section of their own.
    for each in [one for one in seen.value or [] if one["kind"] != ROLE_CHANGE]:
        found[_free(found, str(each["kind"]))] = known("{0}: {1}".format(each["state"], each["detail"]), seen.source)
    return found


# -------------------------------------------------------------------------------------------------------------- what moves


def _moving(seen: member.Seen, archived: Answer, client: Tibero) -> Found:
    """What nobody compares, for people who ask what it was."""
    state = seen.state
    found: Found = {
        "taken_at": known(journal.now(), "clock of the host"),
        "position": state.position,
        "received": state.received,
        "log_sequence": state.log_sequence,
        "notes": known(list(state.notes), "the observation"),
    }
    archives = readiness_task.archives(archived)
    highest = (archives.value or {}).get("highest")
    found["highest_archive"] = known(highest, archives.source) if archives.is_known else archives
    for each in (state.destinations.value or ()) if state.destinations.is_known else ():
        found["state of {0}:{1}".format(each.host, each.port)] = each.state
    for path in _tip_control_files(client):
        try:
            found["bytes of " + path] = known(os.path.getsize(path), "stat")
        except OSError as error:
            found["bytes of " + path] = unknown("stat", error.strerror or str(error))
    return found


def _tip_control_files(client: Tibero) -> Sequence[str]:
    try:
        return client.control_files() or ()
    except StandbyError:
        return ()
