# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""One Tibero instance, observed: every value with its source, or UNKNOWN and why. Reads only.

Evidence from weak to strong (reference section 8): process list, its ``-t MODE -SVR_SID sid``, V$INSTANCE.STATUS with
V$DATABASE.OPEN_MODE. One login answers everything. Views are read by the columns they turn out to have.
"""

import os
import re
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import (
    NO_DATABASE,
    PRIMARY,
    STANDBY,
    STOPPED,
    Destination,
    Fact,
    MemberState,
    known,
    unknown,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import role_record
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Answer, LoginFailed, Query, Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.decide_boot import Scene
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.decide_role import (
    Evidence,
    Reading,
    judge,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import tip
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError

#: Files below $TB_HOME/instance/$TB_SID that only a living instance has. Their names are not documented (L), so they
#: are a hint and never decide: whether something has to be cleaned is what tbboot says (box 250110).
PROCESS_FILES = (".proc.list", "path/proc_info")

_REPLICATION = "UPPER(NAME) LIKE 'LOG_REPLICATION%'"

#: The questions of one observation, by name.
QUERIES: Dict[str, Query] = {
    "instance": Query("V$INSTANCE", ("INSTANCE_NAME", "DB_NAME", "VERSION", "STATUS", "SHUTDOWN_PENDING")),
    "database": Query("V$DATABASE", ("DBID", "NAME", "CURRENT_TSN", "OPEN_MODE", "LOG_MODE", "RESETLOG_TSN")),
    "log": Query("V$LOG", ("THREAD#", "SEQUENCE#", "STATUS")),
    # Of V$LOG these two columns are not documented (L); FIRST_TIME of V$ARCHIVED_LOG is (H). The server counts the age: it alone knows its clock.
    "begun": Query(
        "V$LOG", ("SEQUENCE#", "FIRST_CHANGE#", ("AGE", "FLOOR((SYSDATE - FIRST_TIME) * 86400)")), again=False
    ),
    "backup": Query("V$BACKUP", ("FILE#", "STATUS", "CHANGE#", "TIME")),
    "vt_backup": Query("_VT_BACKUP", ("STATUS",), again=False),
    "vt_parameter": Query("_VT_PARAMETER", ("NAME", "VALUE"), _REPLICATION, again=False),
    "parameters": Query("V$PARAMETERS", ("NAME", "VALUE"), _REPLICATION, again=False),
    "standby_dest": Query("V$STANDBY_DEST"),
    "standby": Query("V$STANDBY"),
}

_DESTINATION = re.compile(r"LOG_REPLICATION_DEST_([1-9])\Z")
#: Column names by which an unknown view may tell a destination's number, state, or what was received (L: names only
#: are documented).
_NUMBER_COLUMNS = ("DEST_ID", "DEST#", "DEST_NO", "ID", "STANDBY_ID", "NUMBER")
_STATE_COLUMNS = ("STATUS", "STATE", "CONN_STATUS", "CONNECT_STATUS", "FLAG")
_RECEIVED_COLUMNS = ("RECEIVED_TSN", "RCVD_TSN", "RECV_TSN", "LAST_RECEIVED_TSN", "STANDBY_TSN")


class Seen(NamedTuple):
    """An observation with what decisions need beside the engine-free ``state``.

    ``boot_word``: the ``-t`` word of ps; ``garbage``: leftovers of a dead instance seem to lie there; ``record``: our
    own record of the role; ``answers``: the raw answers by name of :data:`QUERIES`; ``login``: the error of the
    login, 0 without one.
    """

    state: MemberState
    boot_word: str
    garbage: bool
    record: role_record.RoleRecord
    answers: Dict[str, Answer]
    login: int

    @property
    def scene(self) -> Scene:
        return Scene(self.state, self.garbage, self.record.role, self.record.path)

    @property
    def row(self) -> Dict[str, Optional[str]]:
        """The row of V$DATABASE, empty when it could not be read."""
        rows = self.answers.get("database", Answer(why="not asked")).rows
        return rows[0] if len(rows) == 1 else {}


def observe(client: Tibero) -> MemberState:
    """The state of one instance; never raises because the instance is down or silent."""
    return look(client).state


def look(client: Tibero) -> Seen:
    """Observe with everything that decisions need. :raises Refusal: when there is no Tibero below tb_home, or the
    password cannot be written."""
    instances = client.processes()
    record = role_record.read(client)
    boot_word = instances[0].mode.upper() if instances else ""
    garbage = instances == () and has_leftovers(client)
    answers, login, why = _answers(client) if instances else ({}, 0, "the instance is stopped")
    evidence = Evidence(
        process=None if instances is None else bool(instances),
        boot_word=boot_word,
        status=_reading(answers, "instance", "STATUS", why),
        open_mode=_reading(answers, "database", "OPEN_MODE", why),
        control_file=_has_control_file(client),
        recorded_role=record.role,
    )
    judged = judge(evidence, client.words)
    notes = list(judged.notes) + _notes(
        garbage, record, judged.role, instances is not None and len(instances) > 1, answers
    )
    facts = _facts(answers, judged.role, why)
    software = _software(client)
    role = judged.role
    if software.equals(False) and role.equals(NO_DATABASE):
        role = known(NO_DATABASE, software.source)
    process: Fact[bool] = (
        unknown("ps", "the process list could not be read") if instances is None else known(bool(instances), "ps -efww")
    )
    state = MemberState(
        name=client.tb_sid,
        engine="tibero",
        process=process,
        open_mode=judged.open_mode,
        role=role,
        software=software,
        notes=tuple(notes),
        **facts,
    )
    return Seen(state, boot_word, garbage, record, answers, login)


def _software(client: Tibero) -> "Fact[bool]":
    """Whether the programs are there. Where they are not, tb_home may as well be a typing error, and no database was
    looked for."""
    if client.installed:
        return known(True, os.path.join(client.tb_home, "bin", "tbboot"))
    return known(False, "no Tibero below tibero_home {0}".format(client.tb_home))


def _answers(client: Tibero) -> Tuple[Dict[str, Answer], int, str]:
    """All answers by name, or none with the error number and the reason."""
    names = list(QUERIES)
    try:
        return dict(zip(names, client.ask([QUERIES[name] for name in names]))), 0, ""
    except LoginFailed as error:
        return {}, error.code, error.seen
    except StandbyError as error:
        return {}, 0, error.seen


def _reading(answers: Dict[str, Answer], name: str, column: str, why: str) -> Reading:
    answer = answers.get(name, Answer(why=why))
    if not answer.is_known:
        return Reading(code=answer.code, why=answer.why)
    if len(answer.rows) != 1 or not answer.rows[0].get(column):
        return Reading(why="{0} has {1} rows and no single {2}".format(QUERIES[name].source, len(answer.rows), column))
    return Reading(word=str(answer.rows[0][column]))


def _has_control_file(client: Tibero) -> Optional[bool]:
    """Whether any control file lies where the tip says; None when that cannot be told.

    Without a tip the instance can neither boot nor have been created, so there is none. A tip as gen_tip.sh leaves it
    (7, recorded) names no control files; then there is none as long as the default database directory (H, 8 of the
    reference) is empty or missing.
    """
    try:
        document = client.tip()
        paths = client.control_files()
    except StandbyError:
        return None
    if document is None:
        # A fence hides the tip: then nothing is said about the database.
        return None if os.path.lexists(client.tip_path + ".fenced") else False
    if not paths:
        directory = os.path.join(client.tb_home, "database", client.tb_sid)
        try:
            return None if os.listdir(directory) else False
        except FileNotFoundError:
            return False
        except OSError:
            return None
    if [path for path in paths if path.startswith("+")]:
        return None  # in TAS disk space, which no file system call can see
    return bool([path for path in paths if os.path.exists(path)])


def has_leftovers(client: Tibero) -> bool:
    """Whether files lie there that only a living instance should have. A hint, see :data:`PROCESS_FILES`."""
    return bool([name for name in PROCESS_FILES if os.path.exists(os.path.join(client.instance_directory, name))])


def _notes(
    garbage: bool, record: role_record.RoleRecord, role: "Fact[str]", several: bool, answers: Dict[str, Answer]
) -> List[str]:
    notes = []
    if garbage:
        notes.append(
            "No process runs, but process files of an instance lie there: it seems to have died (crash recovery "
            "follows at its next boot)"
        )
    if several:
        notes.append("More than one server process carries this TB_SID")
    if record.role and role.is_known and role.value in (PRIMARY, STANDBY) and record.role != role.value:
        notes.append("{0} records the role {1}, but {2} was observed".format(record.path, record.role, role.value))
    pending = answers.get("instance", Answer(why="-")).rows
    if len(pending) == 1 and (pending[0].get("SHUTDOWN_PENDING") or "NO").upper() != "NO":
        notes.append("A shutdown is pending: a stop waits for sessions or transactions")
    return notes


# ----------------------------------------------------------------------------- facts from answers


def _facts(answers: Dict[str, Answer], role: "Fact[str]", why: str) -> Dict[str, Any]:
    """The facts of MemberState that come from views."""
    parameters = _parameters(answers, why)
    return {
        "version": _column(answers, "instance", "VERSION", why),
        "database_id": _column(answers, "database", "DBID", why),
        "position": _position(answers, why),
        "received": _received(answers, role, why),
        "log_sequence": _log_sequence(answers, why),
        "archive_mode": _archive_mode(answers, why),
        "protection_mode": _protection_mode(parameters),
        "destinations": _destinations(parameters, answers),
        "backup_open": _backup_open(answers, why),
    }


def _column(answers: Dict[str, Answer], name: str, column: str, why: str) -> "Fact[str]":
    source = "{0}.{1}".format(QUERIES[name].source, column)
    answer = answers.get(name, Answer(why=why))
    if not answer.is_known:
        return unknown(source, answer.why)
    if len(answer.rows) != 1:
        return unknown(source, "{0} rows instead of one".format(len(answer.rows)))
    value = answer.rows[0].get(column)
    if value is None:
        return unknown(source, "the view has no such column, or it is empty")
    return known(value, source)


def _position(answers: Dict[str, Answer], why: str) -> "Fact[str]":
    fact = _column(answers, "database", "CURRENT_TSN", why)
    if fact.is_known and not re.match(r"[0-9]+\Z", fact.value or ""):
        return unknown(fact.source, "{0!r} is not a number".format(fact.value))
    return fact


def _received(answers: Dict[str, Answer], role: "Fact[str]", why: str) -> "Fact[str]":
    """How far redo was received; only a view whose columns nobody documents could tell (L), so mostly unknown."""
    if not role.equals(STANDBY):
        return unknown("V$STANDBY", "only a standby receives redo" if role.is_known else "the role is not known")
    answer = answers.get("standby", Answer(why=why))
    if not answer.is_known:
        return unknown("V$STANDBY", answer.why)
    for row in answer.rows:
        for column in _RECEIVED_COLUMNS:
            if re.match(r"[0-9]+\Z", row.get(column) or ""):
                return known(str(row[column]), "V$STANDBY.{0} (column not documented)".format(column))
    return unknown(
        "V$STANDBY", "no column of a known name: {0}".format(", ".join(answer.rows[0]) if answer.rows else "no rows")
    )


def held_age(seen: Seen) -> "Fact[int]":
    """For how many seconds, at most, what a primary acknowledged may be missing on this standby, counted back from when it was looked at.

    A standby at TSN n has every log from its beginning on that began at TSN n + 1 or before, so it holds all that was acknowledged before that log was
    begun. How old a log is the standby tells by its own clock; the log was begun by that of the primary, to the second.
    """
    source = "V$LOG.FIRST_CHANGE#, FIRST_TIME (columns not documented)"
    position, answer = seen.state.position, seen.answers.get("begun", Answer(why="not asked"))
    if not position.is_known or not answer.is_known:
        return unknown(source, answer.why or position.why)
    held = []
    for row in answer.rows:
        sequence, first, age = (row.get(name) or "" for name in ("SEQUENCE#", "FIRST_CHANGE#", "AGE"))
        if [text for text in (sequence, first) if not text.isdigit()] or not re.match(r"-?[0-9]+\Z", age):
            continue
        if int(first) <= int(position.value or 0) + 1:
            held.append((int(sequence), int(first), int(age)))
    if not held:
        return unknown(source, "it shows no log that began at or before TSN {0}".format(position.value))
    sequence_, first_, age_ = max(held)
    if age_ < 0:
        return unknown(source, "log {0} began {1} s ahead of the clock of this host".format(sequence_, -age_))
    return known(age_ + 1, "{0}: log {1} began at TSN {2}".format(source, sequence_, first_))


def _log_sequence(answers: Dict[str, Answer], why: str) -> "Fact[int]":
    answer = answers.get("log", Answer(why=why))
    if not answer.is_known:
        return unknown("V$LOG", answer.why)
    numbers = [(row.get("SEQUENCE#") or "", (row.get("STATUS") or "").upper()) for row in answer.rows]
    valid = [(int(number), status) for number, status in numbers if re.match(r"[0-9]+\Z", number)]
    if not valid:
        return unknown("V$LOG.SEQUENCE#", "no log group with a sequence number")
    current = [number for number, status in valid if status == "CURRENT"]
    if len(current) == 1:
        return known(current[0], "V$LOG, status CURRENT")
    return known(max(number for number, _status in valid), "V$LOG, highest SEQUENCE#")


def _archive_mode(answers: Dict[str, Answer], why: str) -> "Fact[bool]":
    fact = _column(answers, "database", "LOG_MODE", why)
    if not fact.is_known:
        return unknown(fact.source, fact.why)
    word = (fact.value or "").upper()
    if word not in ("ARCHIVELOG", "NOARCHIVELOG"):
        return unknown(fact.source, "unknown word {0!r}".format(fact.value))
    return known(word == "ARCHIVELOG", fact.source)


def _backup_open(answers: Dict[str, Answer], why: str) -> "Fact[bool]":
    """Whether a hot backup is open: V$BACKUP.STATUS (H), else _VT_BACKUP.STATUS = 1 (H)."""
    answer = answers.get("backup", Answer(why=why))
    if answer.is_known and answer.rows:
        words = {(row.get("STATUS") or "").upper() for row in answer.rows}
        if words <= {"ACTIVE", "NOT ACTIVE"}:
            return known("ACTIVE" in words, "V$BACKUP.STATUS")
    second = answers.get("vt_backup", Answer(why=why))
    if second.is_known:
        words = {row.get("STATUS") or "" for row in second.rows}
        if words <= {"0", "1"}:
            return known("1" in words, "_VT_BACKUP.STATUS")
    return unknown("V$BACKUP, _VT_BACKUP", answer.why or second.why or "neither has a word that is known")


class _Parameters(NamedTuple):
    values: Optional[Dict[str, str]]
    source: str
    why: str


def _parameters(answers: Dict[str, Answer], why: str) -> _Parameters:
    for name in ("vt_parameter", "parameters"):
        answer = answers.get(name, Answer(why=why))
        if answer.is_known and (answer.rows or name == "parameters"):
            values = {(row.get("NAME") or "").upper(): (row.get("VALUE") or "").strip() for row in answer.rows}
            return _Parameters(values, QUERIES[name].source, "")
    return _Parameters(None, "_VT_PARAMETER, V$PARAMETERS", answers.get("parameters", Answer(why=why)).why or "no rows")


def _protection_mode(parameters: _Parameters) -> "Fact[str]":
    source = "{0}, LOG_REPLICATION_MODE".format(parameters.source)
    if parameters.values is None:
        return unknown(source, parameters.why)
    value = parameters.values.get("LOG_REPLICATION_MODE")
    if value is None:
        return unknown(source, "the running instance lists no such parameter")
    return known(value.strip('"').upper() or "UNPROTECTED", source)


def _destinations(parameters: _Parameters, answers: Dict[str, Answer]) -> "Fact[Tuple[Destination, ...]]":
    """Destinations as the running instance has them; a standby has them too but ignores them (H)."""
    source = "{0}, LOG_REPLICATION_DEST_n".format(parameters.source)
    if parameters.values is None:
        return unknown(source, parameters.why)
    found: List[Destination] = []
    for name, value in sorted(parameters.values.items()):
        number = _DESTINATION.match(name)
        if not number or not value.strip('" '):
            continue
        try:
            parsed = tip.parse_destination(value)
        except GrammarError as error:
            return unknown(source, str(error))
        index = int(number.group(1))
        found.append(
            Destination(
                index,
                parsed.host,
                parsed.port,
                parsed.transport,
                _enabled(parameters, index),
                _destination_state(
                    answers,
                    index,
                    len([key for key in parameters.values if _DESTINATION.match(key) and parameters.values[key]]),
                ),
            )
        )
    return known(tuple(found), source)


def sends(client: Tibero) -> "Tuple[Fact[str], Fact[Tuple[Destination, ...]]]":
    """Protection mode and destinations of an instance that may run on another host, asked through the client's alias.

    :raises StandbyError: when it does not answer.
    """
    names = ("vt_parameter", "parameters", "standby_dest")
    answers = dict(zip(names, client.ask([QUERIES[name] for name in names])))
    parameters = _parameters(answers, "")
    return _protection_mode(parameters), _destinations(parameters, answers)


def _enabled(parameters: _Parameters, number: int) -> "Fact[bool]":
    name = "LOG_REPLICATION_{0}_ENABLE".format(number)
    value = (parameters.values or {}).get(name)
    if value is None:
        return unknown(name, "the running instance lists no such parameter")
    try:
        return known(tip.parse_bool(value.strip('"')), "{0}, {1}".format(parameters.source, name))
    except GrammarError as error:
        return unknown(name, str(error))


def _destination_state(answers: Dict[str, Answer], number: int, count: int) -> "Fact[str]":
    """What V$STANDBY_DEST says of a destination, as far as its columns have names that can be understood (L)."""
    answer = answers.get("standby_dest", Answer(why="not asked"))
    if not answer.is_known:
        return unknown("V$STANDBY_DEST", answer.why)
    rows: Sequence[Dict[str, Optional[str]]] = answer.rows
    numbered = [row for row in rows for column in _NUMBER_COLUMNS if row.get(column) == str(number)]
    if not numbered and count == 1 and len(rows) == 1:
        numbered = list(rows)
    for row in numbered[:1]:
        for column in _STATE_COLUMNS:
            if row.get(column):
                return known(str(row[column]), "V$STANDBY_DEST.{0} (column not documented)".format(column))
    return unknown(
        "V$STANDBY_DEST", "no row or column of a known name: {0}".format(", ".join(rows[0]) if rows else "no rows")
    )


def running(state: MemberState) -> Optional[bool]:
    """True, False, or None when it cannot be told."""
    if state.process.is_known:
        return bool(state.process.value)
    return None


def is_stopped(state: MemberState) -> bool:
    return state.open_mode.equals(STOPPED)
