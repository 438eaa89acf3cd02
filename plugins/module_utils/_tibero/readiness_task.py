# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The module tibero_readiness_info: everything that readiness has to know of one member. Reads only.

It is run on all members at a time, twice: first each is read, and a primary holds the port open on which it would
receive redo as a standby; then each tries the ports of the others, logs in to them, and watches its own position move.
The held port is let go by a third run, or by itself when its time is over. Nothing is judged here.
"""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import PRIMARY, Fact, known, unknown
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Runner
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock, wait_until
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import (
    held_ports,
    host_facts,
    options,
    preflight_task,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import (
    Answer,
    Login,
    LoginFailed,
    Query,
    Tibero,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import dsn
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.leftovers import leftovers
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.readiness_facts import MemberFacts

READINESS_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC,
    member={"type": "str", "required": True},
    listener_port={"type": "int", "default": 8629},
    standby_port={"type": "int"},
    data_dir={"type": "path", "required": True},
    archive_dir={"type": "path", "required": True},
    control_files={"type": "list", "elements": "path", "default": []},
    seed_dir={"type": "path"},
    salt={"type": "str", "default": ""},
    listen={"type": "int", "default": 0},
    peers={"type": "list", "elements": "dict", "default": []},
    reach_timeout={"type": "float", "default": 5.0},
    samples={"type": "int", "default": 3},
    interval={"type": "float", "default": 1.0},
    release={"type": "bool", "default": False},
)

_NAMES = (
    "(UPPER(NAME) LIKE 'LOG_REPLICATION%' OR UPPER(NAME) IN ('STANDBY_USE_OBSERVER', 'USE_STANDBY_REDO_LOG', "
    "'_USE_STANDBY_REDO_LOG', '_LNW_REVERSE_SYNC', 'LOG_ARCHIVE_DEST'))"
)
#: Who answers: by these a login through an alias proves at which member it arrived (columns recorded, H).
IDENTITY = Query("V$INSTANCE", ("INSTANCE_NAME", "HOST_NAME", "TIP_FILE", "STARTUP_TIME"))
#: Columns of V$TRANSACTION as a field kit for 4 to 6 uses them (M). The server counts the age: it alone knows its clock.
TRANSACTIONS = Query(
    "V$TRANSACTION",
    ("SESS_ID", "USED_BLK", ("AGE", "FLOOR((SYSDATE - START_TIME) * 86400)")),
    again=False,
)
QUESTIONS: Dict[str, Query] = {
    "identity": IDENTITY,
    "log": Query("V$LOG", ("THREAD#", "GROUP#", "BYTES", "SEQUENCE#", "STATUS")),
    "logfile": Query("V$LOGFILE", ("GROUP#", "MEMBER")),
    "datafile": Query("V$DATAFILE", ("NAME",)),
    "tempfile": Query("V$TEMPFILE", ("NAME",)),
    "archived": Query("V$ARCHIVED_LOG", ("THREAD#", "SEQUENCE#", "NAME")),
    "recover": Query("V$RECOVER_FILE", ("FILE#", "ERROR")),
    "transactions": TRANSACTIONS,
    "vt_parameter": Query("_VT_PARAMETER", ("NAME", "VALUE"), _NAMES, again=False),
    "parameters": Query("V$PARAMETERS", ("NAME", "VALUE"), _NAMES, again=False),
    "session": Query("V$SESSION"),
    "standby_log": Query("V$STANDBY_LOGFILE"),
}
_POSITION = Query("V$DATABASE", ("CURRENT_TSN",))
#: Columns of V$SESSION worth showing, as far as they exist.
_SESSION_COLUMNS = ("SID", "USERNAME", "USER_NAME", "STATUS", "PROG_NAME", "IPADDR")
#: Seconds that a login at another member may take.
LOGIN_LIMIT = 20.0
#: Logins at other members at a time.
AT_A_TIME = 5
#: Where a host says what starts with it, below /; files larger than this are no such list.
STARTERS = (
    "etc/systemd/system",
    "usr/lib/systemd/system",
    "etc/init.d",
    "etc/cron.d",
    "etc/crontab",
    "etc/rc.local",
    "etc/rc.d/rc.local",
)
STARTER_LIMIT = 65536
_NUMBER = re.compile(r"[0-9]+\Z")


class _Asked(NamedTuple):
    """Answers by name of :data:`QUESTIONS`, or why there are none."""

    answers: Mapping[str, Answer]
    why: str

    def of(self, name: str) -> Answer:
        return self.answers.get(name, Answer(why=self.why or "not asked"))


def _let_go(params: Mapping[str, Any]) -> None:
    held_ports.release(held_ports.READINESS, params["tb_home"], params["tb_sid"])


def readiness_info(context: Context, clock: Optional[Clock] = None) -> Outcome:
    """Read the member; or, with peers, try the ways to them; or let the held port go. See the module's documentation.

    :raises Refusal: when there is no Tibero below tb_home, or the password cannot be written.
    """
    params = context.params
    held: Dict[str, Any] = {"held": [], "failed": {}}
    if params["release"]:
        _let_go(params)
        return Outcome(False, {"facts": {}, "state": "", "listening": held})
    client = options.client_of(context)
    if params["peers"]:
        facts = MemberFacts(_ways(context, client, clock))
    else:
        _let_go(params)
        facts = collect(context, client)
        held = _hold(params, facts)
    return Outcome(False, {"facts": facts.as_dict(), "state": facts.as_state(), "listening": held})


# --------------------------------------------------------------------------------------- the member by itself


def collect(context: Context, client: Tibero) -> MemberFacts:
    """Everything that can be read of this member without another one."""
    params = context.params
    client.program("tbboot")
    preflight_params = dict(params, block_size=None, licence=None)
    looked = preflight_task.look_at(client)
    found = preflight_task.collect(preflight_params, client, params["salt"] or client.tb_sid, looked)
    asked = _ask(client, bool(looked.seen and looked.seen.answers), looked.why)
    state = looked.seen.state if looked.seen else None
    if state is not None:
        found.update(protection_mode=state.protection_mode, log_sequence=state.log_sequence)
        found["notes"] = known(list(state.notes), "the observation")
        destinations = state.destinations
        found["destinations"] = (
            known([each.as_dict() for each in destinations.value], destinations.source)
            if destinations.is_known and destinations.value is not None
            else unknown(destinations.source, destinations.why)
        )
        found["identity"] = _identity_fact(asked.of("identity"), state.database_id)
    found.update(_of_views(asked, found["parameters"] if "parameters" in found else unknown("tip", "cannot be read")))
    found["archive_place"] = _archive_place(params["archive_dir"])
    found["files"] = _files(client, found)
    found["observer"] = _observer(context.runner, client, asked)
    found["leftovers"] = leftovers(client, params["seed_dir"] or "")
    found["supervisors"] = supervisors()
    found["cpus"] = known(os.cpu_count() or 1, "the kernel")
    return MemberFacts(found)


def _ask(client: Tibero, answers: bool, why: str) -> _Asked:
    if not answers:
        return _Asked({}, why or "the instance does not answer")
    names = list(QUESTIONS)
    try:
        return _Asked(dict(zip(names, client.ask([QUESTIONS[name] for name in names]))), "")
    except StandbyError as error:
        return _Asked({}, error.seen)


def _identity(answer: Answer) -> Dict[str, Optional[str]]:
    row = answer.rows[0] if len(answer.rows) == 1 else {}
    names = (("instance", "INSTANCE_NAME"), ("host", "HOST_NAME"), ("tip", "TIP_FILE"), ("startup", "STARTUP_TIME"))
    return {name: row.get(column) for name, column in names}


def _identity_fact(answer: Answer, dbid: "Fact[str]") -> "Fact[Any]":
    if not answer.is_known:
        return unknown("V$INSTANCE", answer.why)
    return known(dict(_identity(answer), dbid=dbid.value if dbid.is_known else None), "V$INSTANCE, V$DATABASE.DBID")


def _of_views(asked: _Asked, parameters: "Fact[Any]") -> Dict[str, "Fact[Any]"]:
    base = preflight_task.plain(parameters, "DB_CREATE_FILE_DEST")
    return {
        "redo": _redo(asked.of("log"), asked.of("logfile"), base),
        "standby_redo": _rows(asked.of("standby_log"), "V$STANDBY_LOGFILE"),
        "datafiles": _sizes(asked.of("datafile"), "V$DATAFILE", base),
        "tempfiles": _sizes(asked.of("tempfile"), "V$TEMPFILE", base),
        "archives": archives(asked.of("archived")),
        "live_parameters": _live(asked),
        "sessions": _sessions(asked.of("session")),
        "transactions": _transactions(asked.of("transactions")),
        "recover_files": _rows(asked.of("recover"), "V$RECOVER_FILE", {"FILE#": "file", "ERROR": "error"}),
    }


def _rows(answer: Answer, source: str, names: Optional[Mapping[str, str]] = None) -> "Fact[Any]":
    if not answer.is_known:
        return unknown(source, answer.why)
    if names is None:
        return known([dict(row) for row in answer.rows], source)
    return known([{new: row.get(old) for old, new in names.items()} for row in answer.rows], source)


def _absolute(path: str, base: str) -> str:
    return path if os.path.isabs(path) or path.startswith("+") else os.path.join(base, path)


def _sizes(answer: Answer, source: str, base: str) -> "Fact[Any]":
    if not answer.is_known:
        return unknown(source, answer.why)
    found = []
    for row in answer.rows:
        if not row.get("NAME"):
            return unknown(source, "a row has no NAME")
        path = _absolute(str(row["NAME"]), base)
        try:
            found.append({"path": path, "bytes": os.path.getsize(path)})
        except OSError:
            found.append({"path": path, "bytes": None})
    return known(found, "{0}, stat".format(source))


def _redo(log: Answer, members: Answer, base: str) -> "Fact[Any]":
    for answer, source in ((log, "V$LOG"), (members, "V$LOGFILE")):
        if not answer.is_known:
            return unknown(source, answer.why)
    files: Dict[str, List[str]] = {}
    for row in members.rows:
        files.setdefault(str(row.get("GROUP#")), []).append(_absolute(str(row.get("MEMBER") or ""), base))
    found = []
    for row in log.rows:
        if not _NUMBER.match(row.get("BYTES") or ""):
            return unknown("V$LOG.BYTES", "{0!r} is not a number".format(row.get("BYTES")))
        paths = files.get(str(row.get("GROUP#")), [])
        found.append(
            {
                "thread": row.get("THREAD#"),
                "group": row.get("GROUP#"),
                "bytes": int(str(row["BYTES"])),
                "sequence": int(str(row["SEQUENCE#"])) if _NUMBER.match(row.get("SEQUENCE#") or "") else None,
                "status": row.get("STATUS"),
                "members": paths,
                "missing": [path for path in paths if not path.startswith("+") and not os.path.isfile(path)],
            }
        )
    return known(found, "V$LOG, V$LOGFILE, stat")


def archives(answer: Answer) -> "Fact[Any]":
    """Sequences of archived logs as ranges, and those whose file is gone. V$ARCHIVED_LOG gives the number that is also
    in the file's name (H, recorded)."""
    source = "V$ARCHIVED_LOG, stat"
    if not answer.is_known:
        return unknown(source, answer.why)
    listed = {}
    for row in answer.rows:
        if _NUMBER.match(row.get("SEQUENCE#") or "") and row.get("NAME"):
            listed[int(str(row["SEQUENCE#"]))] = os.path.isfile(str(row["NAME"]))
    present = sorted(number for number, there in listed.items() if there)
    ranges: List[List[int]] = []
    for number in present:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    gone = sorted(number for number, there in listed.items() if not there)
    return known({"highest": max(listed) if listed else None, "present": ranges, "missing": gone[-1000:]}, source)


def _live(asked: _Asked) -> "Fact[Any]":
    for name in ("vt_parameter", "parameters"):
        answer = asked.of(name)
        if answer.is_known and (answer.rows or name == "parameters"):
            values = {(row.get("NAME") or "").upper(): (row.get("VALUE") or "").strip() for row in answer.rows}
            return known(values, QUESTIONS[name].source)
    return unknown("_VT_PARAMETER, V$PARAMETERS", asked.of("parameters").why or "no rows")


def _sessions(answer: Answer) -> "Fact[Any]":
    if not answer.is_known:
        return unknown("V$SESSION", answer.why)
    shown = [
        ",".join("{0}={1}".format(name, row[name]) for name in _SESSION_COLUMNS if row.get(name)) for row in answer.rows
    ]
    return known(shown, "V$SESSION")


def _transactions(answer: Answer) -> "Fact[Any]":
    source = "V$TRANSACTION (columns by a field kit)"
    if not answer.is_known:
        return unknown(source, answer.why)
    found = []
    for row in answer.rows:
        if not re.match(r"-?[0-9]+(\.[0-9]+)?\Z", row.get("AGE") or ""):
            return unknown(source, "age {0!r} is not a number".format(row.get("AGE")))
        found.append({"session": row.get("SESS_ID"), "age": int(float(str(row["AGE"]))), "blocks": row.get("USED_BLK")})
    return known(found, source)


# ------------------------------------------------------------------------------------------- files and the host


def _archive_place(path: str) -> "Fact[Any]":
    exists = os.path.isdir(path)
    return known(
        {"path": path, "exists": exists, "writable": exists and os.access(path, os.W_OK | os.X_OK)}, "access(2)"
    )


def _files(client: Tibero, found: Mapping[str, "Fact[Any]"]) -> "Fact[Any]":
    """The files without which no boot succeeds: whether each is there and can be read by the OS user of the database."""
    try:
        control = list(client.control_files() or ())
    except StandbyError as error:
        return unknown(client.tip_path, error.seen)
    wanted = [("tip", client.tip_path), ("aliases", _dsn_path(client))] + [("control file", path) for path in control]
    passwords = found.get("password_file")
    if passwords is not None and passwords.is_known and passwords.value:
        wanted.append(("password file", str(passwords.value["path"])))
    result = []
    for kind, path in wanted:
        if path.startswith("+"):
            continue
        state = "missing" if not os.path.exists(path) else "ok" if os.access(path, os.R_OK) else "unreadable"
        result.append({"kind": kind, "path": path, "state": state})
    return known(result, "access(2)")


def _dsn_path(client: Tibero) -> str:
    return os.path.join(client.tb_home, "client", "config", "tbdsn.tbr")


def supervisors(root: str = "/") -> "Fact[Any]":
    """Files of the operating system that boot Tibero, and whether they say that they are this collection's."""
    found = []
    for place in STARTERS:
        path = os.path.join(root, place)
        names = [path]
        if os.path.isdir(path):
            try:
                names = [os.path.join(path, name) for name in sorted(os.listdir(path))]
            except OSError as error:
                return unknown(path, error.strerror or str(error))
        for name in names:
            if not os.path.isfile(name) or os.path.getsize(name) > STARTER_LIMIT:
                continue
            text = host_facts.read(name) or ""
            if "tbboot" in text:
                found.append({"path": "/" + os.path.relpath(name, root), "ours": "firedrill" in text})
    return known(found, "systemd units, init scripts and cron tables of the system")


def _managers(proc: str = "/proc") -> List[Tuple[str, Dict[str, str]]]:
    """Running Cluster Managers and Observers: the name of the program and its environment, as far as it may be read."""
    found = []
    for pid in [name for name in os.listdir(proc) if name.isdigit()]:
        try:
            with open(os.path.join(proc, pid, "cmdline"), "rb") as source:
                words = source.read().split(b"\0")
        except OSError:
            continue  # it ended meanwhile
        name = os.path.basename(words[0]).decode("utf-8", "replace")
        if name not in ("tbcm", "tbcmobs"):
            continue
        environment: Dict[str, str] = {}
        try:
            with open(os.path.join(proc, pid, "environ"), "rb") as source:
                entries = [entry.split(b"=", 1) for entry in source.read().split(b"\0") if b"=" in entry]
            environment = {os.fsdecode(key): os.fsdecode(value) for key, value in entries}
        except OSError:
            pass  # another user's; that it runs is known all the same
        found.append((name, environment))
    return found


def _observer(runner: Runner, client: Tibero, asked: _Asked) -> "Fact[Any]":
    """Whether an Observer may change roles by itself (STANDBY_USE_OBSERVER, H), and what the Cluster Manager says."""
    live = _live(asked)
    try:
        text, by = client.parameter("STANDBY_USE_OBSERVER"), client.tip_path
    except StandbyError as error:
        return unknown(client.tip_path, error.seen)
    if live.is_known and (live.value or {}).get("STANDBY_USE_OBSERVER"):
        text, by = str((live.value or {})["STANDBY_USE_OBSERVER"]), live.source
    managers = [each for each in _managers() if each[1].get("TB_HOME", client.tb_home) == client.tb_home]
    manager = ""
    if managers:
        manager = "{0} runs; {1}".format(managers[0][0], _show(runner, client, managers[0][1]))
    word = text.strip('" ').upper()
    if word not in ("", "N", "NO", "Y", "YES"):
        return unknown(by, "STANDBY_USE_OBSERVER is {0!r}".format(text))
    return known({"configured": word in ("Y", "YES"), "by": by, "manager": manager}, by)


def _show(runner: Runner, client: Tibero, environment: Mapping[str, str]) -> str:
    """What ``cmrctl show`` says (H), in the environment of the Cluster Manager that runs."""
    try:
        program = client.program("cmrctl")
    except StandbyError as error:
        return error.seen
    own = {name: environment[name] for name in ("CM_HOME", "CM_SID") if name in environment}
    done = runner(Command((program, "show"), "", dict(client.environment, **own), 15.0, client.tb_home))
    text = " / ".join(" ".join(line.split()) for line in done.output.splitlines() if line.strip())
    return "cmrctl show: {0}".format(text[:500] or "nothing")


def _hold(params: Mapping[str, Any], facts: MemberFacts) -> Dict[str, Any]:
    """Hold the port open on which an open primary would receive redo as a standby, so that the others can try it.

    Not while a role change is under way, or may be: its boot needs the port.
    """
    nothing: Dict[str, Any] = {"held": [], "failed": {}}
    busy = facts["leftovers"]
    changing = not busy.is_known or any(each["kind"] == "role change" for each in busy.value or [])
    if params["listen"] <= 0 or not facts["role"].equals(PRIMARY) or not facts["ports"].is_known or changing:
        return nothing
    free = [
        int(port["port"])
        for port in facts["ports"].value or []
        if port["name"] == "standby" and port["state"] == "free"
    ]
    return held_ports.hold(held_ports.READINESS, params["tb_home"], params["tb_sid"], free, float(params["listen"]))


# --------------------------------------------------------------------------------------- the ways to the others


def _ways(context: Context, client: Tibero, clock: Optional[Clock]) -> Dict[str, "Fact[Any]"]:
    params = context.params
    peers: Sequence[Mapping[str, Any]] = params["peers"]
    ports = [
        {"member": peer["member"], "host": peer["host"], "port": int(port)} for peer in peers for port in peer["ports"]
    ]
    return {
        "reach": host_facts.reach(ports, params["reach_timeout"]),
        "names": host_facts.names(ports),
        "logins": _logins(context, client, peers),
        "positions": positions(client, int(params["samples"]), float(params["interval"]), clock),
    }


def _logins(context: Context, client: Tibero, peers: Sequence[Mapping[str, Any]]) -> "Fact[Any]":
    """Log in to every other member through its alias, as redo transport and a person would (H: tbdsn, aliases only)."""
    path = _dsn_path(client)
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as source:
            document = dsn.parse(source.read(), strict=False)
    except FileNotFoundError:
        document = dsn.parse("")
    except (OSError, ValueError, GrammarError) as error:
        return unknown(path, str(error))
    names = dsn.names(document)

    def attempt(peer: Mapping[str, Any]) -> Dict[str, Any]:
        tried = {"member": peer["member"], "alias": peer["alias"], "code": 0, "detail": "", "identity": {}}
        if peer["alias"] not in names:
            return dict(tried, outcome="no_alias", detail="{0} has no such alias".format(path))
        login = Login(client.login.user, client.login.password, str(peer["alias"]))
        other = Tibero(client.tb_home, client.tb_sid, context.runner, login, LOGIN_LIMIT)
        try:
            answer = other.ask([IDENTITY])[0]
        except LoginFailed as error:
            return dict(tried, outcome="failed", code=error.code, detail=error.seen)
        except StandbyError as error:
            return dict(tried, outcome="failed", detail=error.seen)
        if not answer.is_known:
            return dict(tried, outcome="unreadable", code=answer.code, detail=answer.why)
        return dict(tried, outcome="ok", identity=_identity(answer))

    with ThreadPoolExecutor(max_workers=AT_A_TIME) as pool:
        return known(list(pool.map(attempt, peers)), "tbsql, {0}".format(path))


def positions(client: Tibero, samples: int, interval: float, clock: Optional[Clock] = None) -> "Fact[Any]":
    """The position of this member, several times. Times are of one clock and never compared with another host's."""
    source = "V$DATABASE.CURRENT_TSN"
    time_source = clock or Clock()
    seen: List[Dict[str, Any]] = []
    begun = time_source.now()

    def look() -> int:
        answer = client.ask([_POSITION])[0]
        text = (answer.rows[0].get("CURRENT_TSN") if len(answer.rows) == 1 else "") or ""
        if not _NUMBER.match(text):
            raise StandbyError(answer.why or "CURRENT_TSN is {0!r}".format(text), "No position", "Look at the instance")
        seen.append({"position": int(text), "at": round(time_source.now() - begun, 3)})
        return len(seen)

    try:
        wait_until(
            look, lambda count: count >= samples, samples * (interval + 10.0), "samples", "-", interval, time_source
        )
    except StandbyError as error:
        return unknown(source, "{0} of {1} samples: {2}".format(len(seen), samples, error.seen))
    return known(seen, source)
