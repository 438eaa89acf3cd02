# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The table of a drill on the database: made, read whole, dropped. What the modules drill_table and drill_rows_info do.

Nothing that is not the drill's own is ever touched: a table of that name with other columns, or with rows of anything else, is refused.
"""

import hashlib
import os
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, facts, probe_job
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_record import READS, RowsWriter
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.ledger import TABLE, Survivor
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import options
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Query, Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import marks
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import look

PRESENT, ABSENT = "present", "absent"
COLUMNS = ("WRITER", "SEQ", "UUID", "PAYLOAD", "PAYLOAD_HASH", "NODE", "ROLE_EPOCH", "DB_TS")
CREATE = (
    "CREATE TABLE {0} (WRITER VARCHAR(64) NOT NULL, SEQ NUMBER NOT NULL, UUID VARCHAR(64),\nPAYLOAD VARCHAR(2000), PAYLOAD_HASH VARCHAR(64), "
    "NODE VARCHAR(128),\nROLE_EPOCH NUMBER, DB_TS DATE, PRIMARY KEY (WRITER, SEQ));"
).format(TABLE)
#: Rows that are asked for at once, so that neither tbsql nor the module holds a million of them.
PAGE = 5000

TABLE_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC,
    state={"type": "str", "choices": [PRESENT, ABSENT], "default": PRESENT},
    drill={"type": "str", "required": True},
)
ROWS_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC,
    path={"type": "path", "required": True},
    drill={"type": "str", "required": True},
    leg={"type": "str", "required": True},
    read={"type": "str", "required": True, "choices": list(READS)},
    member={"type": "str", "required": True},
)


def ensure_table(context: Context) -> Outcome:
    """Make the table of a drill on the primary, or drop it; see the documentation of drill_table."""
    params = context.params
    drill = probe_job.checked_name("drill", str(params["drill"]))
    client = options.client_of(context)
    state = look(client).state
    if not state.role.equals(facts.PRIMARY) or not state.open_mode.equals(facts.READ_WRITE):
        raise UnknownState(
            seen="Role of {0} is {1!r}, open mode {2!r}".format(client.tb_sid, state.role, state.open_mode),
            meaning="Only an open primary takes the table of a drill",
            remedy="See playbooks/status.yml for who is primary",
        )
    there = _exists(client)
    rows = _own_rows(client, drill) if there else 0
    wanted = params["state"] == PRESENT
    if there != wanted and not context.check_mode:
        statement = CREATE if wanted else "DROP TABLE {0};".format(TABLE)
        reply = client.session([statement])[0]
        if reply.run.errors:
            raise client.failed(statement.rstrip(";"), reply.run.errors[0])
        if _exists(client) != wanted:
            raise UnknownState(
                seen="After {0!r} the table is {1}".format(
                    statement.split("(", 1)[0].strip(), "gone" if wanted else "still there"
                ),
                meaning="The statement printed no error and had no effect that can be seen",
                remedy="Look at the account of sys_user and at sys.log",
            )
    words = {True: PRESENT, False: ABSENT}
    values = {"table": TABLE, "rows": rows}
    return Outcome(there != wanted, values, {"table": words[there]}, {"table": words[wanted]}, TABLE)


def _exists(client: Tibero) -> bool:
    answer = _one(client, Query("USER_TABLES", ("TABLE_NAME",), "TABLE_NAME = {0}".format(marks.literal(TABLE))))
    return bool(answer)


def _one(client: Tibero, query: Query) -> Tuple[Dict[str, Optional[str]], ...]:
    return tuple(_rows(client, [query]))


def _rows(client: Tibero, queries: Sequence[Query]) -> Iterator[Dict[str, Optional[str]]]:
    """The rows of all answers, one after the other. :raises UnknownState: when one question was not answered."""
    for query, answer in zip(queries, client.ask([query._replace(again=False) for query in queries])):
        if not answer.is_known:
            raise UnknownState(
                seen="{0} on {1}: {2}".format(query.source, client.tb_sid, answer.why),
                meaning="What the table of the drill is or holds there is not known",
                remedy="A standby answers questions on tables only while it is open read only; look at the account's rights as well",
                details={"code": answer.code},
            )
        yield from answer.rows


def _count(client: Tibero, where: str = "") -> int:
    rows = _one(client, Query(TABLE, (("N", "COUNT(*)"),), where))
    return int(rows[0]["N"] or 0)


def _own_rows(client: Tibero, drill: str) -> int:
    """The rows of a table that is the drill's own. :raises Refusal: when it is not."""
    columns = client.ask([Query(TABLE, COLUMNS, "1 = 0", again=False)])[0]
    total = _count(client) if columns.is_known else 0
    own = _count(client, "PAYLOAD LIKE {0}".format(marks.literal(_pattern(drill)))) if columns.is_known else 0
    if not columns.is_known or own != total:
        raise Refusal(
            seen="Table {0} is there already {1}".format(
                TABLE,
                "and has other columns: {0}".format(columns.why)
                if not columns.is_known
                else "with {0} rows, of which {1} are of drill {2}".format(total, own, drill),
            ),
            meaning="It belongs to an earlier drill or to somebody else, and is neither used nor dropped",
            remedy="Save what is needed of it, drop or rename it by hand, and run again",
            details={"rows": total, "own": own},
        )
    return total


def _pattern(drill: str) -> str:
    """Rows of a drill begin with its name and a blank. The wildcard ``_`` in a name would also match other characters, so names are compared
    again where rows are read; two drills whose names differ only there are not told apart here."""
    return "{0} %".format(drill)


# ------------------------------------------------------------------------------------------------------------------ reading


class Reading:
    """Rows on their way into the file, and what is wrong with them."""

    def __init__(self, writer: RowsWriter, drill: str) -> None:
        self._writer = writer
        self._own = drill + " "
        self.damaged = 0
        self.alien = 0

    def take(self, row: Dict[str, Optional[str]]) -> None:
        """One row. The digest in a :class:`Survivor` is that of the payload which is there, never the one that the row claims."""
        payload = row["PAYLOAD"] or ""
        digest = hashlib.sha256(payload.encode("utf-8", "surrogateescape")).hexdigest()
        self.damaged += digest != (row["PAYLOAD_HASH"] or "")
        self.alien += not payload.startswith(self._own)
        self._writer.take(
            Survivor(
                row["WRITER"] or "",
                int(row["SEQ"] or 0),
                row["UUID"] or "",
                digest,
                row["NODE"] or "",
                int(row["ROLE_EPOCH"] or 0),
                row["DB_TS"] or "",
            )
        )


_READ = COLUMNS[:-1] + (("DB_TS", "TO_CHAR(DB_TS,'YYYY-MM-DD HH24:MI:SS')"),)


def _writers(client: Tibero) -> List[Tuple[str, int]]:
    """Every writer with its last sequence."""
    columns = (("W", "WRITER"), ("N", "MAX(SEQ)"))
    rows = _one(client, Query(TABLE, columns, order_by="WRITER", group_by="WRITER"))
    return [(row["W"] or "", int(row["N"] or 0)) for row in rows]


def _pages(writers: Sequence[Tuple[str, int]]) -> Iterator[List[Query]]:
    """Questions for all rows, by writer and sequence, those together that may bring :data:`PAGE` rows: a login costs more than most questions.
    Sequences begin at 1."""
    together: List[Query] = []
    room = PAGE
    for writer, last in writers:
        first = 1
        while first <= last:
            until = min(last, first + room - 1)
            where = "WRITER = {0} AND SEQ BETWEEN {1} AND {2}".format(marks.literal(writer), first, until)
            together.append(Query(TABLE, _READ, where, "SEQ"))
            room -= until - first + 1
            first = until + 1
            if not room:
                yield together
                together, room = [], PAGE
    if together:
        yield together


def rows_info(context: Context) -> Outcome:
    """Read all rows of the drill's table on this member into a file; see the documentation of drill_rows_info."""
    params = context.params
    drill = probe_job.checked_name("drill", str(params["drill"]))
    client = options.client_of(context)
    path = str(params["path"])
    before = _count(client)
    if context.check_mode:
        return Outcome(False, {"file": path, "rows": before, "damaged": 0, "alien": 0, "sha256": ""})
    detached.private_directory(os.path.dirname(path))
    temporary = path + ".new"
    try:
        writer, rows, sha256 = _write_rows(client, params, drill, temporary)
        after = _count(client)
        if not before == writer.rows == after:
            raise UnknownState(
                seen="{0} rows before, {1} read, {2} after".format(before, writer.rows, after),
                meaning="The table changed while it was read, so the rows are of no one moment",
                remedy="Stop the writers, let redo be applied, and read again",
            )
        os.rename(temporary, path)
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)
    values = {"file": path, "rows": writer.rows, "damaged": rows.damaged, "alien": rows.alien, "sha256": sha256}
    return Outcome(False, values)


def _write_rows(
    client: Tibero, params: Mapping[str, Any], drill: str, temporary: str
) -> Tuple[RowsWriter, Reading, str]:
    """All rows into a file of ours alone, safely on the disk; the file's digest is the last of the three."""
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(handle, "wb") as target:
        writer = RowsWriter({name: params[name] for name in ("leg", "read", "member")}, target.write)
        rows = Reading(writer, drill)
        for queries in _pages(_writers(client)):
            for row in _rows(client, queries):
                rows.take(row)
        sha256 = writer.close()
        target.flush()
        os.fsync(target.fileno())
    return writer, rows, sha256
