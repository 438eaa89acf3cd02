# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The redo of a former primary beyond the branch point: what can be read of it (module tibero_divergence_info).

Read at MOUNT, where the control file is open and nothing moves. V$DATABASE.CKPT_TSN is recorded (H); CURRENT_TSN at MOUNT
is not documented (L) and counts as reached only when it is a number above 0. FIRST_CHANGE# and NEXT_CHANGE# of V$LOG and
V$ARCHIVED_LOG are not in the documents at hand (L, by analogy with CHANGE# of V$BACKUP): where they are missing, every log
counts as one that may hold such redo.

Whether the database has redo beyond the branch point is only ever answered with yes or UNKNOWN: no view proves the end
of the redo at MOUNT.
"""

import os
import re
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from ansible_collections.firedrill.standby.plugins.module_utils._core import divergence as core
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import MOUNTED, UNKNOWN
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import database_files, options
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Answer, Query, Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import marks
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import Seen, look

INFO_SPEC: Dict[str, Any] = dict(options.COMMON_SPEC, branch_point={"type": "str", "required": True})

_QUERIES: Dict[str, Query] = {
    "database": Query("V$DATABASE", ("DBID", "NAME", "CURRENT_TSN", "CKPT_TSN")),
    "log": Query("V$LOG", ("THREAD#", "GROUP#", "SEQUENCE#", "STATUS", "FIRST_CHANGE#")),
    "logfile": Query("V$LOGFILE", ("GROUP#", "MEMBER")),
    "archived": Query("V$ARCHIVED_LOG", ("THREAD#", "SEQUENCE#", "NAME", "FIRST_CHANGE#", "NEXT_CHANGE#")),
}
#: Columns of V$LOGMNR_CONTENTS by their names in Oracle, which Tibero's package would imitate (L).
_MINED = (
    ("TSN", "SCN"),
    ("TIME", "TO_CHAR(TIMESTAMP,'YYYY/MM/DD HH24:MI:SS')"),
    ("OPERATION", "OPERATION"),
    ("OWNER", "SEG_OWNER"),
    ("NAME", "SEG_NAME"),
    ("ACCOUNT", "USERNAME"),
    ("SQL", "SQL_REDO"),
)
#: DBMS_LOGMNR.NEW, .ADDFILE and .COMMITTED_DATA_ONLY as numbers, because a CALL takes no constants of a package.
_NEW, _ADDFILE, _COMMITTED = 1, 3, 2


class Found(NamedTuple):
    """A measured member: its database, the measure, and every file of its database, archives apart."""

    database_id: str
    db_name: str
    measure: core.Measure
    files: List[Dict[str, Any]]
    archives: List[Dict[str, Any]]


class Mined(NamedTuple):
    """The writes that the server tells of redo, or ``why`` it does not."""

    rows: Sequence[Dict[str, Optional[str]]]
    why: str = ""


def branch_point_of(value: Any) -> int:
    """The branch point as a number.

    :raises UnknownState: when it is not given: nothing can be measured against it then.
    """
    text = str(value or "").strip()
    if re.match(r"[0-9]{1,20}\Z", text):
        return int(text)
    raise UnknownState(
        seen="branch_point is {0!r}".format(text),
        meaning="At which TSN the new primary went its own way is not known, so which redo of the former primary is its "
        "own cannot be told, and none may be discarded",
        remedy="Give the last TSN that both histories share, as the role change recorded it on the new primary",
        details={"variable": "branch_point"},
    )


def _int(text: Optional[str]) -> Optional[int]:
    return int(text) if text and re.match(r"[0-9]+\Z", text) else None


def _logs(answers: Dict[str, Answer], branch_point: int) -> List[core.Log]:
    """Every log that the views know. An archive of an earlier incarnation ends before the branch point and is left out,
    because its number can be that of a later log."""
    members: Dict[str, List[str]] = {}
    for row in answers["logfile"].rows:
        if row.get("MEMBER"):
            members.setdefault(str(row.get("GROUP#")), []).append(str(row["MEMBER"]))
    found = []
    for row in answers["archived"].rows:
        sequence, end = _int(row.get("SEQUENCE#")), _int(row.get("NEXT_CHANGE#"))
        if sequence is None or (end is not None and end <= branch_point):
            continue
        paths = tuple(path for path in [row.get("NAME") or ""] if path and os.path.exists(path))
        thread = _int(row.get("THREAD#")) or 0
        found.append(core.Log(thread, sequence, _int(row.get("FIRST_CHANGE#")), end, False, paths))
    for row in answers["log"].rows:
        sequence = _int(row.get("SEQUENCE#"))
        if not sequence:
            continue  # a group that was never used shows no sequence, or 0
        paths = tuple(path for path in members.get(str(row.get("GROUP#")), []) if os.path.exists(path))
        current = (row.get("STATUS") or "").upper() == "CURRENT"
        thread = _int(row.get("THREAD#")) or 0
        found.append(core.Log(thread, sequence, _int(row.get("FIRST_CHANGE#")), None, current, paths))
    return found


def _reached(row: Dict[str, Optional[str]]) -> List[core.Reached]:
    found = []
    for column in ("CURRENT_TSN", "CKPT_TSN"):
        value = _int(row.get(column))
        if value:
            found.append(core.Reached(value, "V$DATABASE.{0}".format(column)))
    return found


def measure(client: Tibero, branch_point: int) -> Found:
    """Measure a mounted member.

    :raises UnknownState: when a view that decides cannot be read.
    """
    names = list(_QUERIES)
    answers = dict(zip(names, client.ask([_QUERIES[name] for name in names])))
    for name in names:
        if not answers[name].is_known:
            raise UnknownState(
                seen="{0} cannot be read: {1}".format(_QUERIES[name].source, answers[name].why),
                meaning="Which redo of this member is its own cannot be told",
                remedy="Mount the instance (tbboot -t MOUNT) and log in as sys",
            )
    rows = answers["database"].rows
    if len(rows) != 1 or not rows[0].get("DBID"):
        raise UnknownState(
            seen="V$DATABASE has {0} rows and no single DBID".format(len(rows)),
            meaning="Which database this is cannot be told",
            remedy="Look at V$DATABASE by hand",
        )
    measured = core.measure(branch_point, _reached(rows[0]), _logs(answers, branch_point))
    files = [dict(one) for one in database_files.list_files(client)]
    return Found(
        str(rows[0]["DBID"]), str(rows[0].get("NAME") or ""), measured, files, database_files.archives(client, 0)
    )


def own_archives(found: Found) -> List[str]:
    """Archives that hold, or may hold, redo beyond the branch point: the new history will use their names."""
    beyond = {path for one in found.measure.logs for path in one.log.paths}
    return [str(item["path"]) for item in found.archives if item["path"] in beyond]


def refuse_unmounted(seen: Seen) -> None:
    """:raises Refusal: when the instance is in another state than MOUNT. :raises UnknownState: when that is not known."""
    state = seen.state
    if state.open_mode.equals(MOUNTED):
        return
    error = Refusal if state.open_mode.is_known else UnknownState
    raise error(
        seen="{0} is {1!r}, role {2!r}".format(state.name, state.open_mode, state.role),
        meaning="Redo can only be measured for good where it stands still and the control file is open, which is MOUNT",
        remedy="If it is open as a primary, it is not fenced: fence it first. Then boot it with mode mount",
        details={"state": state.as_dict()},
    )


def mine(client: Tibero, paths: Sequence[str], after: int) -> Mined:
    """Ask the server which writes the redo in these files holds, beyond a TSN.

    By DBMS_LOGMNR, whose existence in Tibero no document at hand shows (L): an error only means that there is no listing.
    Everything is one session, because the package works for its session only.
    """
    if not paths:
        return Mined((), "there is no log to read")
    calls = [
        "CALL DBMS_LOGMNR.ADD_LOGFILE({0}, {1});".format(marks.literal(path), _NEW if not number else _ADDFILE)
        for number, path in enumerate(paths)
    ]
    calls.append("CALL DBMS_LOGMNR.START_LOGMNR(0, 0, NULL, NULL, NULL, {0});".format(_COMMITTED))
    select = marks.select_marked("mined", _MINED, "V$LOGMNR_CONTENTS", "SCN > {0}".format(after), "SCN")
    try:
        statements = list(marks.SETTINGS) + calls + [select, "CALL DBMS_LOGMNR.END_LOGMNR();"]
        replies = client.session(statements, ("SET LINESIZE 200",), client.timeout)
    except StandbyError as error:
        return Mined((), error.seen)
    for reply in replies[:-1]:
        if reply.run.errors:
            first = reply.run.errors[0]
            return Mined((), client.scrub("{0}-{1}: {2}".format(first.prefix, first.code, first.text)))
    try:
        return Mined(tuple(marks.read_marked(replies[-2].text, "mined", [name for name, _sql in _MINED])))
    except GrammarError as error:
        return Mined((), str(error))


def values_of(found: Found) -> Dict[str, Any]:
    """The return values that describe a measure, the same in both modules."""
    measured = found.measure
    return {
        "branch_point": str(measured.branch_point),
        "database_id": found.database_id,
        "db_name": found.db_name,
        "diverged": measured.diverged.value if measured.diverged.is_known else UNKNOWN,
        "first_tsn": str(measured.branch_point + 1),
        "last_tsn": str(measured.last.value) if measured.last.is_known else UNKNOWN,
        "last_tsn_source": measured.last.source,
        "certainty": measured.certainty,
        "logs": measured.as_dict()["logs"],
        "gaps": list(measured.gaps),
        "database_files": found.files,
        "own_archives": own_archives(found),
        "other_archives": [item["path"] for item in found.archives if item["path"] not in own_archives(found)],
    }


def divergence_info(context: Context) -> Outcome:
    """Measure; see the documentation of the module tibero_divergence_info."""
    branch_point = branch_point_of(context.params["branch_point"])
    client = options.client_of(context)
    refuse_unmounted(look(client))
    return Outcome(False, values_of(measure(client, branch_point)))
