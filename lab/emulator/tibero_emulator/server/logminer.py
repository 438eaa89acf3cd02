# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the redo says was written: DBMS_LOGMNR and V$LOGMNR_CONTENTS. INVENTED, and off unless the switch `logminer` is on.

No public document at hand says that Tibero has this package; names, options and columns are those of the Oracle
package whose others Tibero imitates. The contents come from the redo of the files given and from nothing else: each
COMMIT carries the statements of its transaction (see `redolog.encode_writes`), so the listing needs neither the
dictionary nor an open database, and a copy of a log tells the same as the log.

Differences that are known: one row per statement, not per row changed; only committed changes are ever shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from tibero_emulator.server import redolog
from tibero_emulator.server.errors import TbrError
from tibero_emulator.server.functions import date_text
from tibero_emulator.server.lexer import Cursor, Token
from tibero_emulator.server.redolog import HEADER_SIZE, META, PAGES, LogError, LogFile

if TYPE_CHECKING:
    from tibero_emulator.server.session import Session

PACKAGE = "DBMS_LOGMNR"
NEW, REMOVEFILE, ADDFILE = 1, 2, 3
#: Redo records that change files or tablespaces, and what is told of them: their statement is not in the redo.
FILE_CHANGES = {
    "add_file": ("ALTER", "TABLESPACE", "ADD", "DATAFILE"),
    "create_tablespace": ("CREATE", "TABLESPACE"),
    "drop_tablespace": ("DROP", "TABLESPACE"),
}
MOUNTED = ("MOUNT", "NORMAL", "RECOVERY", "READ_ONLY")


class Mining(NamedTuple):
    """What one session is looking at: files in the order given, and the TSN range (0 = no bound) once started."""

    files: tuple[str, ...] = ()
    started: bool = False
    first: int = 0
    last: int = 0


class Change(NamedTuple):
    """One committed statement as the redo tells it."""

    tsn: int
    time: float
    thread: int
    sequence: int
    operation: str
    owner: str
    name: str
    user: str
    sql: str


def call(session: Session, tokens: list[Token], sql: str) -> dict[str, Any]:
    """CALL DBMS_LOGMNR.<procedure>(literals). Raises TBR-8033 for any other procedure, and for these when switched off."""
    cursor = Cursor(tokens, sql)
    cursor.accept("CALL")
    package = cursor.next().upper
    if session.instance.setting("logminer") != "on" or package != PACKAGE or not cursor.accept("."):
        raise TbrError(8033)
    procedure = cursor.next().upper
    if session.user != "SYS":
        raise TbrError(17003)
    if session.instance.state not in MOUNTED:
        raise TbrError(7004)
    arguments = _arguments(cursor)
    if procedure == "ADD_LOGFILE":
        _add(session, arguments)
    elif procedure == "START_LOGMNR":
        _start(session, arguments)
    elif procedure == "END_LOGMNR":
        session.mining = Mining()
    else:
        raise TbrError(8033)
    return {"columns": [], "rows": [], "message": "PSM completed.", "row_count": 0}


def _arguments(cursor: Cursor) -> list[str]:
    found: list[str] = []
    if not cursor.accept("("):
        return found
    while not cursor.accept(")"):
        if found and not cursor.accept(","):
            raise cursor.error()
        found.append(cursor.next().value)
    return found


def _number(arguments: list[str], index: int, default: int) -> int:
    text = arguments[index] if index < len(arguments) else ""
    if not text or text.upper() == "NULL":
        return default
    if not text.isdigit():
        raise TbrError(590004, text)
    return int(text)


def _add(session: Session, arguments: list[str]) -> None:
    if not arguments:
        raise TbrError(8004)
    path, option = arguments[0], _number(arguments, 1, ADDFILE)
    kept = () if option == NEW else tuple(name for name in session.mining.files if name != path)
    if option == REMOVEFILE:
        session.mining = Mining(kept)
        return
    try:
        header = redolog.read_header(path)
    except (OSError, LogError) as error:
        raise TbrError(590001, f"{path}: {error}") from error
    database = session.instance.database
    if database is None or header.dbid != database.control.state.dbid:
        raise TbrError(590001, f"{path} is the log of another database")
    session.mining = Mining((*kept, path))


def _start(session: Session, arguments: list[str]) -> None:
    if not session.mining.files:
        raise TbrError(590001, "no log file was added")
    session.mining = session.mining._replace(
        started=True, first=_number(arguments, 0, 0), last=_number(arguments, 1, 0)
    )


def contents(session: Session) -> Iterator[Change]:
    """The committed changes of the files of this session, in the order of their TSN. Raises TbrError before START."""
    mining = session.mining
    if not mining.started:
        raise TbrError(590001, "DBMS_LOGMNR.START_LOGMNR was not called in this session")
    found: dict[tuple[int, int, int], Change] = {}
    for path in mining.files:
        # Two members of a group, or a log and its archive, hold the same records.
        for offset, index, change in _changes(path):
            found[(change.sequence, offset, index)] = change
    for key in sorted(found):
        change = found[key]
        if change.tsn >= mining.first and (not mining.last or change.tsn <= mining.last):
            yield change


def _changes(path: str) -> Iterator[tuple[int, int, Change]]:
    log = LogFile.open(path)
    waiting: dict[str, list[dict[str, Any]]] = {}
    try:
        for record in log.records(HEADER_SIZE):
            if record.kind == META:
                if record.meta["op"] in FILE_CHANGES:
                    told = {"op": "DDL", "user": "SYS", "sql": " ".join(FILE_CHANGES[record.meta["op"]])}
                    named = record.meta.get("name") or record.meta.get("info", {}).get("name", "")
                    yield record.offset, 0, _change(record, log.header.thread, dict(told, name=str(named)))
                continue
            transaction, writes = redolog.decode_writes(record.payload)
            if record.kind == PAGES:
                waiting.setdefault(transaction, []).extend(writes)
                continue
            for index, each in enumerate([*waiting.pop(transaction, []), *writes]):
                yield record.offset, index, _change(record, log.header.thread, each)
    finally:
        log.close()


def _change(record: redolog.Record, thread: int, each: dict[str, Any]) -> Change:
    names = [str(each.get(key, "")) for key in ("op", "owner", "name", "user", "sql")]
    return Change(record.tsn, record.time, thread, record.seq, *names)


def rows(session: Session) -> Iterable[tuple[Any, ...]]:
    """Rows of V$LOGMNR_CONTENTS."""
    for change in contents(session):
        stamp = date_text(datetime.fromtimestamp(change.time))
        yield (
            change.tsn,
            stamp,
            change.thread,
            change.sequence,
            change.operation,
            change.owner or None,
            change.name or None,
            change.user or None,
            change.sql,
        )


def logs(session: Session) -> Iterable[tuple[Any, ...]]:
    """Rows of V$LOGMNR_LOGS."""
    for path in session.mining.files:
        header = redolog.read_header(path)
        yield (path, header.thread, header.seq, header.first_tsn, header.next_tsn or None, os.path.getsize(path))
