# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The module tibero_preflight: look at a member, hold its free ports open, try the ports of others, judge.

Nothing is changed on the host. The only thing that is left behind is the temporary listener, for a bounded time.
"""

import base64
import datetime
import os
import re
import secrets
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from ansible_collections.firedrill.standby.plugins.module_utils._core import checks as core
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import NO_DATABASE, Fact, known, unknown
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import manifest
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import (
    held_ports,
    host_facts,
    hot_backup,
    member,
    preflight,
    reinstate,
    rmgr,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Answer, Query, Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import console, license
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.tip import PARAMETER
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import COMMON_SPEC, client_of
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.preflight import Facts, Limits, Wish

PREFLIGHT_SPEC: Dict[str, Any] = dict(
    COMMON_SPEC,
    member={"type": "str", "required": True},
    listener_port={"type": "int", "default": 8629},
    standby_port={"type": "int"},
    data_dir={"type": "path", "required": True},
    archive_dir={"type": "path", "required": True},
    control_files={"type": "list", "elements": "path", "default": []},
    seed_dir={"type": "path"},
    version={"type": "str"},
    block_size={"type": "int"},
    character_set={"type": "str", "default": ""},
    parameters={"type": "dict"},
    licence={"type": "str"},
    transport={"type": "str", "default": ""},
    seed_method={"type": "str", "default": "hot", "choices": ["hot", "cold", "rmgr"]},
    prepared={"type": "bool", "default": False},
    opens_ports={"type": "bool", "default": False},
    keeps_files={"type": "bool", "default": False},
    reach={"type": "list", "elements": "dict", "default": []},
    reach_timeout={"type": "float", "default": 5.0},
    listen={"type": "int", "default": 0},
    release={"type": "bool", "default": False},
    facts={"type": "raw"},
    primary={"type": "raw"},
    primary_member={"type": "str"},
    judge={"type": "bool", "default": True},
    tolerate={"type": "list", "elements": "str", "default": []},
    limits={"type": "dict", "default": {}},
)

#: Questions to an open primary beside those of an observation. NLS names and the columns of _DD_PROPS are not recorded
#: (L).
_QUESTIONS: Dict[str, Query] = {
    "datafile": Query("V$DATAFILE", ("NAME",)),
    "tempfile": Query("V$TEMPFILE", ("NAME",)),
    "logfile": Query("V$LOGFILE", ("MEMBER",)),
    "controlfile": Query("V$CONTROLFILE", ("NAME",)),
    "log": Query("V$LOG", ("BYTES",)),
    "vt_parameter": Query("_VT_PARAMETER", ("NAME", "VALUE"), "NAME = 'DB_BLOCK_SIZE'"),
    "parameters": Query("V$PARAMETERS", ("NAME", "VALUE"), "NAME = 'DB_BLOCK_SIZE'"),
    "props": Query("_DD_PROPS"),
}
_NOT_INSTALLED = "no Tibero is installed here yet"


class Looked(NamedTuple):
    """What was asked of one member: the observation, the answers to :data:`_QUESTIONS`, or why there are none."""

    seen: Optional[member.Seen]
    answers: Mapping[str, Answer]
    why: str


def look_at(client: Tibero) -> Looked:
    """Observe the instance and ask it :data:`_QUESTIONS`; never raises because it is down or silent."""
    if not client.installed:
        return Looked(None, {}, _NOT_INSTALLED)
    seen = member.look(client)
    if not seen.answers:
        return Looked(seen, {}, seen.state.version.why or "the instance does not answer")
    names = list(_QUESTIONS)
    try:
        return Looked(seen, dict(zip(names, client.ask([_QUESTIONS[name] for name in names]))), "")
    except StandbyError as error:
        return Looked(seen, {}, error.seen)


# --------------------------------------------------------------------------------------------- facts of the instance


def _state(looked: Looked) -> Dict[str, "Fact[Any]"]:
    if looked.seen is None:
        nothing = "TB_HOME/bin/tbboot is not there"
        return {
            "process": known(False, nothing),
            "role": known(NO_DATABASE, nothing),
            "recorded_role": known("", nothing),
        }
    state, record = looked.seen.state, looked.seen.record
    return {
        "process": state.process,
        "role": state.role,
        "open_mode": state.open_mode,
        "archive_mode": state.archive_mode,
        "backup_open": state.backup_open,
        "recorded_role": known(record.role if record.same_control_files else "", record.path),
    }


def version_facts(client: Tibero) -> Dict[str, "Fact[Any]"]:
    """Major version and build by ``tbboot -version``; its form is not recorded (L), so the whole lines that tell product, build or
    patch stand for the build."""
    source = "tbboot -version"
    if not client.installed:
        return {"tibero_version": unknown(source, _NOT_INSTALLED), "tibero_build": unknown(source, _NOT_INSTALLED)}
    done = client.run((client.program("tbboot"), "-version"), deadline=30.0)
    text = done.output + "\n" + done.errors
    lines = console.version_lines(text)
    major = console.parse_version(text).product.split(".")[0]
    seen = repr(text.strip()[:200]) if text.strip() else "nothing" + (" within 30 s" if done.timed_out else "")
    return {
        "tibero_version": known(major, source) if major else unknown(source, "no version; it printed {0}".format(seen)),
        "tibero_build": known(" / ".join(lines)[:400], source)
        if lines
        else unknown(source, "no line tells a build; it printed {0}".format(seen)),
    }


def _tip(client: Tibero) -> "Fact[Any]":
    """All parameters of the tip as they are written, quotes and all; a key bound to this instance outranks the global one."""
    try:
        document = client.tip()
    except (StandbyError, GrammarError, OSError) as error:
        return unknown(client.tip_path, str(error))
    if document is None:
        return unknown(client.tip_path, "there is no tip")
    found: Dict[str, str] = {}
    for scope in (client.tb_sid, ""):  # as tip.get(): of a key that is there twice, the first
        for line in document.lines:
            if line.kind == PARAMETER and line.scope == scope and line.value is not None:
                found.setdefault(line.name, line.value.raw)
    return known(found, client.tip_path)


def plain(parameters: "Fact[Any]", name: str) -> str:
    """A parameter without its quotes, "" if it is not set or nothing is known of the parameters."""
    values = parameters.value if parameters.is_known else None
    return str((values or {}).get(name) or "").replace('"', "").strip()


def _of_parameters(parameters: "Fact[Any]") -> Dict[str, "Fact[Any]"]:
    """Facts that are parameters. LOG_ARCHIVE_FORMAT is compared tip with tip: unset on both means the same default."""
    if not parameters.is_known or parameters.value is None:
        return {name: unknown(parameters.source, parameters.why) for name in ("db_name", "log_archive_format")}
    name = plain(parameters, "DB_NAME")
    return {
        "parameters": parameters,
        "db_name": known(name, parameters.source) if name else unknown(parameters.source, "DB_NAME is not set"),
        "log_archive_format": known(
            plain(parameters, "LOG_ARCHIVE_FORMAT") or "not set, the default", parameters.source
        ),
    }


def _block_size(params: Mapping[str, Any], looked: Looked, parameters: "Fact[Any]") -> "Fact[Any]":
    """Of the running instance, else of the tip, else of the description."""
    for name in ("vt_parameter", "parameters"):
        for row in looked.answers.get(name, Answer()).rows:
            value = preflight.size(row.get("VALUE"))
            if value:
                return known(value, _QUESTIONS[name].source)
    text = plain(parameters, "DB_BLOCK_SIZE")
    if preflight.size(text):
        return known(preflight.size(text), parameters.source)
    if params["block_size"]:
        return known(params["block_size"], "tibero_block_size")
    return unknown("_VT_PARAMETER, tip", looked.why or "DB_BLOCK_SIZE is in neither")


def _character_set(looked: Looked) -> "Fact[Any]":
    """By _DD_PROPS, whose columns are not recorded (L): the row of a name that ends in NLS_CHARACTERSET or
    CHARACTER_SET."""
    answer = looked.answers.get("props", Answer(why=looked.why or "not asked"))
    if not answer.is_known:
        return unknown("_DD_PROPS", answer.why)
    for row in answer.rows:
        values = [str(value or "").strip() for value in row.values()]
        for position, value in enumerate(values[:-1]):
            if re.match(r"(NLS_|DB_)?(CHARACTER_?SET|CHARSET)\Z", value.upper()):
                return known(values[position + 1].upper(), "_DD_PROPS")
    return unknown("_DD_PROPS", "no row of a known name among {0}".format(len(answer.rows)))


def _database_size(params: Mapping[str, Any], looked: Looked) -> "Fact[Any]":
    """Bytes and files to copy: of the files the views name, else of what lies below the data directory."""
    columns = (("datafile", "NAME"), ("tempfile", "NAME"), ("logfile", "MEMBER"), ("controlfile", "NAME"))
    named = [(name, looked.answers.get(name, Answer(why="not asked")), column) for name, column in columns]
    try:
        if named[0][1].is_known and named[2][1].is_known:
            paths = {str(row[column]) for _name, answer, column in named for row in answer.rows if row.get(column)}
            redo = sum(os.path.getsize(str(row["MEMBER"])) for row in named[2][1].rows if row.get("MEMBER"))
            total = sum(os.path.getsize(path) for path in paths if not path.startswith("+"))
            return known({"bytes": total, "files": len(paths) + 2, "redo_bytes": redo}, "V$DATAFILE, V$LOGFILE, stat")
        archives = params["archive_dir"].rstrip("/") + "/"
        found = [pair for pair in host_facts.files_below(params["data_dir"]) if not pair[0].startswith(archives)]
    except OSError as error:
        return unknown(error.filename or params["data_dir"], error.strerror or str(error))
    if not found:
        return unknown(params["data_dir"], "holds no file")
    redo = sum(amount for path, amount in found if path.endswith((".log", ".redo")))
    return known(
        {"bytes": sum(pair[1] for pair in found), "files": len(found) + 2, "redo_bytes": redo}, params["data_dir"]
    )


def _licence(params: Mapping[str, Any], client: Tibero) -> "Fact[Any]":
    """The licence that the next boot will read: the one to be installed, if given, else the file."""
    path = os.path.join(client.tb_home, "license", "license.xml")
    if params["licence"]:
        path = "tibero_license_file"
        try:
            data = base64.b64decode(params["licence"], validate=True)
        except ValueError as error:
            return unknown("option licence", "it is not in base64: {0}".format(error))
    else:
        try:
            with open(path, "rb") as source:
                data = source.read(1 << 20)
        except FileNotFoundError:
            return known({"missing": True, "path": path}, path)
        except OSError as error:
            return unknown(path, error.strerror or str(error))
    try:
        found = license.parse(data)
    except GrammarError as error:
        return unknown(path, str(error))
    end = license.last_day(found)
    return known(
        {
            "path": path,
            "product_version": found.product_version,
            "start_date": found.start_date.isoformat() if found.start_date else None,
            "end_date": end.isoformat() if end else None,
            "duration": found.duration if end and not found.end_date else None,
            "edition": found.edition,
            "type": found.type,
            "host": found.host,
        },
        path,
    )


def manifests(seed_dir: str) -> List[manifest.Manifest]:
    """The manifests of our copy: each of its parts has a directory of its own below the seed's."""
    if not seed_dir:
        return []
    places = [seed_dir]
    if os.path.isdir(seed_dir):
        places += sorted(os.path.join(seed_dir, name) for name in os.listdir(seed_dir))
    loaded = [manifest.load(place) for place in places if os.path.isfile(manifest.path(place))]
    return [record for record in loaded if record is not None]


def _target(params: Mapping[str, Any], client: Tibero) -> "Fact[Any]":
    """What lies where the database will be: absent, empty, unfinished or ours (by the manifests of our copy, or by the
    record of our recovery from a backup set), else foreign."""
    places = [params["data_dir"], params["archive_dir"]]
    try:
        records = manifests(params["seed_dir"] or "")
        recovery = rmgr.read_record(client, rmgr.RECOVERY)
        replaced = set(reinstate.begun_files(client))
        found: Dict[str, int] = {}
        for place in places:
            if os.path.lexists(place):
                found.update(host_facts.files_below(place))
    except (StandbyError, OSError) as error:
        return unknown(params["data_dir"], str(error))
    found.update({path: os.path.getsize(path) for path in params["control_files"] if os.path.isfile(path)})
    ours = {path for record in records for item in record.items for path in (item.target, item.part)}
    recovered = tuple(str(place).rstrip("/") + "/" for place in recovery.get("places") or ())
    foreign = sorted(
        path
        for path in found
        if path not in ours
        and path not in replaced
        and "/lost+found/" not in path
        and not (recovered and path.startswith(recovered))
    )
    state = {"path": params["data_dir"], "bytes": sum(found.values()), "detail": ""}
    if foreign:
        more = " and {0} more".format(len(foreign) - 5) if len(foreign) > 5 else ""
        return known(dict(state, state="foreign", detail=", ".join(foreign[:5]) + more), "directory")
    if replaced:
        return known(dict(state, state="replaced", detail=reinstate.record_path(client)), "record of the reinstatement")
    names = ["copy {0}".format(record.seed) for record in records]
    if recovery:
        names.append("recovery from {0}".format(recovery.get("directory")))
    if names and found:
        broken = [record for record in records if record.state == manifest.UNFINISHED]
        word = "unfinished" if broken or (recovery and not recovery.get("finished")) else "ours"
        return known(dict(state, state=word, detail=", ".join(names)), str(params["seed_dir"]))
    return known(dict(state, state="empty" if os.path.isdir(params["data_dir"]) else "absent"), "directory")


# ---------------------------------------------------------------------------------------------------------- one look


def ports_of(params: Mapping[str, Any]) -> Dict[str, int]:
    """The ports of the instance, by name."""
    listener = int(params["listener_port"])
    return {"listener": listener, "special": listener + 1, "standby": int(params["standby_port"] or listener + 4)}


def _let_go(params: Mapping[str, Any]) -> None:
    held_ports.release(held_ports.PREFLIGHT, params["tb_home"], params["tb_sid"])


def collect(params: Mapping[str, Any], client: Tibero, salt: str, looked: Looked) -> Dict[str, "Fact[Any]"]:
    """All facts of this member but the reach."""
    found: Dict[str, "Fact[Any]"] = dict(host_facts.platform_facts())
    found.update(_state(looked))
    found.update(version_facts(client))
    tip = _tip(client)
    found.update(_of_parameters(tip))
    own = host_facts.OwnProcesses(client.tb_home, client.tb_sid)
    directory = plain(tip, "DB_CREATE_FILE_DEST")
    found.update(
        {
            "installed": known(client.installed, os.path.join(client.tb_home, "bin", "tbboot")),
            "db_block_size": _block_size(params, looked, tip),
            "character_set": _character_set(looked),
            "database_size": _database_size(params, looked),
            "licence": _licence(params, client),
            "ports": host_facts.ports(ports_of(params), own),
            "space": host_facts.space({"data": params["data_dir"], "archive": params["archive_dir"]}),
            "password_file": host_facts.password_file(os.path.join(directory or params["data_dir"], ".passwd"), salt),
            "kernel_parameters": host_facts.kernel_parameters(),
            "memory": host_facts.memory(),
            "remove_ipc": host_facts.remove_ipc(),
            "limits": host_facts.limits(),
            "target": _target(params, client),
            "rmgr_jobs": host_facts.rmgr_jobs(),
            "backup_ours": _backup_is_ours(client, looked),
        }
    )
    return found


def _backup_is_ours(client: Tibero, looked: Looked) -> "Fact[bool]":
    """Whether the open backup was begun by this collection."""
    if looked.seen is None:
        return known(False, _NOT_INSTALLED)
    return hot_backup.is_ours(client, hot_backup.read_record(client), looked.seen)


def _hold_ports(params: Mapping[str, Any], facts: Facts) -> Dict[str, Any]:
    """Hold the free ports of this member open, so that the others can try them."""
    if params["listen"] <= 0 or not facts["ports"].is_known:
        return {"held": [], "failed": {}}
    names = ("listener", "standby")
    free = [
        int(port["port"]) for port in facts["ports"].value or [] if port["state"] == "free" and port["name"] in names
    ]
    return held_ports.hold(held_ports.PREFLIGHT, params["tb_home"], params["tb_sid"], free, float(params["listen"]))


# ----------------------------------------------------------------------------------------------------------- judging


def _limits(raw: Mapping[str, Any]) -> Limits:
    known_names = set(Limits._fields)
    for name in sorted(raw):
        if name not in known_names:
            raise Refusal(
                seen="preflight limit {0!r} is not known".format(name),
                meaning="Known limits are {0}".format(", ".join(Limits._fields)),
                remedy="Correct preflight_limits",
            )
    values: Dict[str, Any] = {name: type(getattr(preflight.LIMITS, name))(value) for name, value in raw.items()}
    return Limits(**values)


def _completed(params: Mapping[str, Any], client: Tibero, own: Facts, primary: Optional[Facts]) -> Facts:
    """Our facts with what can only be told beside the primary's, and with the parameters that will be written."""
    if params["parameters"] is not None:
        planned = {str(key): str(value) for key, value in params["parameters"].items()}
        for name, fact in _of_parameters(known(planned, "tip as it will be written")).items():
            own = own.with_fact(name, fact)
    if not own["tibero_version"].is_known and params["version"]:
        own = own.with_fact("tibero_version", known(str(params["version"]), "tibero_version, to be installed"))
    if primary is None:
        return own
    there = primary["password_file"]
    here = own["password_file"]
    if there.is_known and here.is_known and there.value and here.value:
        own = own.with_fact("password_file", host_facts.password_file(here.value["path"], there.value["salt"]))
    offset = host_facts.clock_offset(
        params["member"], params["primary_member"] or "", own["reach"], primary["reach"], own["clock"], primary["clock"]
    )
    return own.with_fact("clock_offset", offset)


def _toward(primary: Facts, name: str) -> Facts:
    """The primary's facts with only those tries that went to this member: the others are judged by their own hosts."""
    reach = primary["reach"]
    if not reach.is_known:
        return primary
    return primary.with_fact("reach", known([each for each in reach.value or [] if each["name"] == name], reach.source))


class _Judged(NamedTuple):
    """The facts as they were judged, the checks, and the ports that have to be tried again after the role host."""

    facts: Facts
    checks: List[core.Check]
    to_open: List[int]


def _judge(context: Context, client: Tibero, own: Facts) -> _Judged:
    params = context.params
    try:
        primary = Facts.read(params["primary"]) if params["primary"] else None
    except ValueError as error:
        raise Refusal(
            seen=str(error), meaning="The primary cannot be compared with", remedy="Pass the 'state' of its result"
        ) from error
    own = _completed(params, client, own, primary)
    wish = Wish(
        params["transport"],
        params["seed_method"],
        params["character_set"],
        params["prepared"],
        params["opens_ports"],
        params["keeps_files"],
    )
    seen = _toward(primary, params["member"]) if primary is not None else None
    today = datetime.date(*[int(part) for part in str(own["today"].value).split("-")])
    later = sorted(int(probe["port"]) for probe in preflight.to_be_opened(own, seen, wish))
    return _Judged(own, preflight.judge(own, seen, today, _limits(params["limits"]), wish, params["tolerate"]), later)


def _refuse(name: str, found: List[core.Check]) -> None:
    blocking = core.blockers(found)
    if not blocking:
        return
    raise Refusal(
        seen="Preflight of {0} is {1}\n{2}".format(name, core.summary(found), "\n".join(core.listing(blocking))),
        meaning="{0} of {1} checks forbid to go on, and nothing was changed".format(len(blocking), len(found)),
        remedy="follow the lines marked ->; an UNKNOWN that is known to be harmless can be named in preflight_tolerate",
        # Neither the facts nor the table: what is printed with a failure must stay short enough to be read.
        details={
            "verdict": core.worst(found),
            "blocking": [check.id for check in blocking],
            "notes": _notes([check for check in found if check not in blocking]),
        },
    )


def _notes(found: List[core.Check]) -> List[str]:
    """What is not OK, as lines for a person."""
    return core.listing([check for check in found if check.verdict != core.OK])


def run(context: Context) -> Outcome:
    """Look, listen, reach, judge, as far as asked for.

    :returns: ``facts``, ``state``, ``checks``, ``verdict``, ``table``, ``notes``, ``listening``, see the module's
    documentation.
    :raises Refusal: when a check forbids to go on; its details hold the verdict, the ids of those checks and what else
    is not as it should be.
    """
    params = context.params
    result: Dict[str, Any] = {
        "listening": {"held": [], "failed": {}},
        "checks": [],
        "table": [],
        "verdict": core.UNKNOWN,
        "to_open": [],
    }
    if params["release"]:
        _let_go(params)
        return Outcome(False, dict(result, facts={}, state=""))
    client = client_of(context)
    if params["facts"] is not None:
        try:
            facts = Facts.read(params["facts"])
        except ValueError as error:
            raise Refusal(
                seen=str(error), meaning="These facts cannot be judged", remedy="Pass the 'state' of an earlier result"
            ) from error
    else:
        _let_go(params)
        facts = Facts(collect(params, client, secrets.token_hex(16), look_at(client)))
    if params["reach"]:
        facts = facts.with_fact("reach", host_facts.reach(params["reach"], params["reach_timeout"]))
        facts = facts.with_fact("names", host_facts.names(params["reach"]))
    elif params["facts"] is None:
        facts = facts.with_fact("reach", known([], "nothing to try")).with_fact(
            "names", known([], "nothing to resolve")
        )
    if not params["judge"]:
        result["listening"] = _hold_ports(params, facts)
        return Outcome(False, dict(result, facts=facts.as_dict(), state=facts.as_state()))
    _let_go(params)
    facts, found, to_open = _judge(context, client, facts)
    result.update(
        to_open=to_open,
        facts=facts.as_dict(),
        state=facts.as_state(),
        checks=[check.as_dict() for check in found],
        table=core.table(found),
        notes=_notes(found),
        verdict=core.worst(found),
    )
    _refuse(params["member"], found)
    return Outcome(False, result)
