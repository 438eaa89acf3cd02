# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One login: statements, transactions, the form of answers."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tibero_emulator.server import admin, logminer, views
from tibero_emulator.server.catalog import Catalog, Column, Kind, Table, sql_name
from tibero_emulator.server.dialect import Context, Translated, quote, translate
from tibero_emulator.server.errors import TbrError
from tibero_emulator.server.functions import (
    EngineConnection,
    Nls,
    as_date,
    as_timestamp,
    column_char,
    column_number,
    column_text,
    date_text,
    format_date,
    number_text,
    parse_internal,
    register,
    timestamp_text,
)
from tibero_emulator.server.lexer import NUMBER, STRING, Token, tokenize
from tibero_emulator.server.logwriter import Stopped

if TYPE_CHECKING:
    from tibero_emulator.server.instance import Instance

CACHE = 512
DICTIONARY_OWNERS = ("SYS", "SYSCAT", "PUBLIC")
READ_STATES = ("NORMAL", "READ_ONLY")


@dataclass
class InsertPlan:
    """A plain INSERT ... VALUES: the engine's statement and one converter per column."""

    sql: str
    table: Table
    convert: list[Callable[[Any], Any]]


def plural(count: int, word: str) -> str:
    """`1 row inserted.`, `0 row inserted.`, `5 rows inserted.` (recorded for selected and inserted)."""
    return f"{count} {'rows' if count > 1 else 'row'} {word}."


def answer(
    message: str | None = None,
    columns: list[dict[str, Any]] | None = None,
    rows: list[list[str | None]] | None = None,
    count: int = 0,
) -> dict[str, Any]:
    return {"columns": columns or [], "rows": rows or [], "message": message, "row_count": count}


class Session:
    """State of one login. Not thread-safe: one statement at a time; `interrupt()` may come from another thread."""

    def __init__(self, instance: Instance, number: int, user: str, peer: str, program: str) -> None:
        self.instance = instance
        self.number = number
        self.user = user
        self.schema = user
        self.peer = peer
        self.program = program
        self.started = time.time()
        self.status = "READY"
        self.sql_text = ""
        self.nls = Nls(instance.params.text("NLS_DATE_FORMAT") or "YYYY/MM/DD")
        self.ended = threading.Event()
        self.in_transaction = False
        self.transaction_started = 0.0
        self.hint = ""
        self.mining = logminer.Mining()
        self._writes: list[dict[str, Any]] = []
        self._savepoints: dict[str, int] = {}
        self.on_close: Callable[[], None] = lambda: None
        self._connection: EngineConnection | None = None
        self._connection_state = ""
        self._pending_sequences: set[str] = set()
        self._current_values: dict[str, int] = {}
        self._cache: OrderedDict[str, tuple[int, Translated]] = OrderedDict()
        self._inserts: dict[tuple[str, ...], tuple[int, InsertPlan]] = {}

    # ------------------------------------------------------------------ entry
    def execute(self, sql: str) -> dict[str, Any]:
        """Run one statement.

        Returns: the wire answer. Raises: TbrError.
        """
        text = sql.strip()
        while text.endswith(";"):
            text = text[:-1].rstrip()
        self.sql_text = text
        self.status = "RUNNING"
        try:
            return self._dispatch(text)
        except sqlite3.Error as error:
            raise self._translate_error(error) from error
        except Stopped as error:
            self.ended.set()
            raise TbrError(590006) from error
        finally:
            self.status = "READY"

    def _dispatch(self, text: str) -> dict[str, Any]:
        word = text.split(None, 1)[0].upper() if text else ""
        word = word.split("(", 1)[0]
        if word in ("--", "/*") or text.startswith(("--", "/*")):
            tokens = tokenize(text)
            word = tokens[0].upper if tokens else ""
        if word in ("SELECT", "WITH"):
            return self._select(text)
        if word in ("INSERT", "UPDATE", "DELETE", "MERGE"):
            return self._dml(text, word)
        if word in ("COMMIT", "ROLLBACK", "SAVEPOINT"):
            return self._transaction(text)
        tokens = tokenize(text)
        if word == "CALL":
            return logminer.call(self, tokens, text)
        if word == "SET" or (word == "LOCK" and len(tokens) > 2):
            return answer("Transaction set." if word == "SET" else "Table locked.")
        result: dict[str, Any] = admin.run(self, tokens, text)
        return result

    # ------------------------------------------------------------------ connection
    @property
    def connection(self) -> EngineConnection:
        """The engine's connection of this session, or one without user data below NORMAL."""
        state = self.instance.state if self.instance.state in READ_STATES else "NONE"
        if self._connection is not None and self._connection_state != state:
            self._connection.close()
            self._connection = None
        if self._connection is None:
            engine = self.instance.engine
            if engine is not None and state != "NONE":
                self._connection = engine.connect(self.nls, self._context, self._nextval)
            else:
                self._connection = sqlite3.connect(
                    ":memory:", isolation_level=None, check_same_thread=False, factory=EngineConnection
                )
                register(self._connection, self.nls, self._context, self._nextval)
            self._connection_state = state
        return self._connection

    def catalog(self) -> Catalog:
        engine = self.instance.engine
        if engine is None or self.instance.state not in READ_STATES:
            raise TbrError(8142)
        return engine.catalog()

    def _context(self, key: str) -> Any:
        params = self.instance.params
        known = {
            "SESSION_USER": self.user,
            "CURRENT_USER": self.user,
            "CURRENT_SCHEMA": self.schema,
            "DB_NAME": params.db_name,
            "INSTANCE_NAME": params.sid,
            "HOST": self.peer,
            "SERVER_HOST": self.instance.host,
            "SID": self.number,
            "SESSIONID": self.number,
        }
        return known.get(str(key).upper())

    def _nextval(self, key: str, current: bool) -> int:
        if current:
            if key not in self._current_values:
                raise TbrError(590007, "current value of sequence", key)
            return self._current_values[key]
        engine = self.instance.engine
        assert engine is not None
        if engine.read_only:
            raise TbrError(21042)
        value, passed = engine.sequence_value(key)
        if passed:
            self._pending_sequences.add(key)
        self._current_values[key] = value
        return value

    # ------------------------------------------------------------------ names
    def resolve(self, owner: str | None, name: str) -> Table:
        """A table, view or V$ view by name as this user sees it. Raises TBR-8033, 8142."""
        if owner is None or owner in DICTIONARY_OWNERS:
            found = views.find(name, self)
            if found is not None:
                return found
        if self.instance.state not in READ_STATES:
            if name.startswith(("V$", "GV$", "_VT", "VT_", "DBA_", "ALL_", "USER_", "_DD")):
                raise TbrError(22003, name)
            raise TbrError(8142)
        catalog = self.catalog()
        key = (owner or self.schema, name)
        table = catalog.tables.get(key)
        if table is None:
            target = catalog.synonyms.get(key) or (catalog.synonyms.get(("PUBLIC", name)) if owner is None else None)
            table = catalog.tables.get(target) if target else None
        if table is None or not self._may_see(catalog, table):
            raise TbrError(8033)
        return table

    def _may_see(self, catalog: Catalog, table: Table) -> bool:
        if table.owner in (self.user, self.schema) or catalog.is_dba(self.user):
            return True
        holders = {self.user, "PUBLIC"} | catalog.roles_of(self.user)
        return any(g in holders and o == table.owner and n == table.name for g, _p, o, n in catalog.grants)

    def sequence_key(self, owner: str | None, name: str) -> str | None:
        key = (owner or self.schema, name)
        return sql_name(*key) if key in self.catalog().sequences else None

    def translation(self, text: str) -> Translated:
        """Translate with a cache that the dictionary's version invalidates."""
        engine = self.instance.engine
        version = engine.catalog().version if engine is not None and self.instance.state in READ_STATES else -1
        cached = self._cache.get(text)
        if cached is not None and cached[0] == version:
            self._cache.move_to_end(text)
            return cached[1]
        context = Context(self.resolve, self.sequence_key, views.is_view)
        result = translate(text, context)
        self._cache[text] = (version, result)
        if len(self._cache) > CACHE:
            self._cache.popitem(last=False)
        return result

    # ------------------------------------------------------------------ queries
    def _select(self, text: str) -> dict[str, Any]:
        if self.instance.state == "NOMOUNT":
            raise TbrError(12028)
        engine = self.instance.engine
        if engine is not None and engine.read_only:
            with engine.gate.reading():
                return self._query(text)
        return self._query(text)

    def _query(self, text: str) -> dict[str, Any]:
        plan = self.translation(text)
        connection = self.connection
        for name in plan.views:
            views.materialise(name, self, connection)
        try:
            if plan.locks:
                self._begin()
            cursor = connection.execute(plan.sql)
            names = [each[0] for each in cursor.description]
            rows = cursor.fetchall()
        finally:
            for name in plan.views:
                connection.execute(f"DROP TABLE IF EXISTS temp.{quote(name)}")
        if self._pending_sequences and not self.in_transaction:
            self._begin()
            self.commit()
        columns = plan.columns
        if columns is None or len(columns) != len(names):
            columns = [Column(name, Kind("VARCHAR")) for name in names]
        return self._format(columns, rows)

    def _format(self, columns: list[Column], rows: list[tuple[Any, ...]]) -> dict[str, Any]:
        shown: list[list[str | None]] = []
        kinds = [self._actual_kind(column.kind, index, rows) for index, column in enumerate(columns)]
        for row in rows:
            shown.append([self.show(value, kind) for value, kind in zip(row, kinds, strict=True)])
        described = []
        for index, (column, kind) in enumerate(zip(columns, kinds, strict=True)):
            width = kind.width
            if kind.name in ("DATE", "TIMESTAMP"):
                width = width or views.date_width(self.instance.version)
            elif not width:
                width = max([len(row[index] or "") for row in shown] + [1])
            described.append({"name": column.name, "type": kind.name, "width": width, "precision": kind.precision})
        return answer(None, described, shown, len(shown))

    @staticmethod
    def _actual_kind(kind: Kind, index: int, rows: list[tuple[Any, ...]]) -> Kind:
        """Where the type is unknown, numbers in every row make it a NUMBER."""
        if kind.name == "VARCHAR" and not kind.width:
            values = [row[index] for row in rows if row[index] is not None]
            if values and all(isinstance(value, (int, float)) for value in values):
                return Kind("NUMBER", 10)
        return kind

    def show(self, value: Any, kind: Kind) -> str | None:
        if value is None:
            return None
        if isinstance(value, (int, float)):
            return number_text(value)
        if kind.name == "DATE":
            return format_date(parse_internal(value), self.nls.date) if value[:1].isdigit() else str(value)
        if kind.name == "TIMESTAMP":
            return format_date(parse_internal(value), self.nls.timestamp) if value[:1].isdigit() else str(value)
        return str(value)

    # ------------------------------------------------------------------ DML
    def check_writable(self) -> None:
        """Raises the refusal that fits the instance's state."""
        state = self.instance.state
        if state == "NOMOUNT":
            raise TbrError(12028)
        if state == "READ_ONLY":
            raise TbrError(21042)
        if state != "NORMAL":
            raise TbrError(8142)

    def _dml(self, text: str, word: str) -> dict[str, Any]:
        self.check_writable()
        tokens = tokenize(text)
        try:
            plain = self._plain_insert(tokens) if word == "INSERT" else None
        except IndexError:
            raise TbrError(8004) from None
        if plain is not None:
            plan, values = plain
            count = self._run(plan.sql, values, plan.table.tablespace)
            self.note_write(word, text, plan.table, count)
            return answer(plural(count, "inserted"), count=count)
        translated = self.translation(text)
        assert translated.table is not None
        for name in translated.views:
            views.materialise(name, self, self.connection)
        try:
            count = self._run(translated.sql, (), translated.table.tablespace)
            if translated.second is not None:
                count += self._run(translated.second, (), translated.table.tablespace)
        finally:
            for name in translated.views:
                self.connection.execute(f"DROP TABLE IF EXISTS temp.{quote(name)}")
        self.note_write(word, text, translated.table, count)
        verb = {"INSERT": "inserted", "UPDATE": "updated", "DELETE": "deleted", "MERGE": "merged"}[translated.kind]
        return answer(plural(count, verb), count=count)

    def note_write(self, operation: str, text: str, table: Table | None = None, count: int = 1) -> None:
        """Remember a statement that changed something, for the redo of its transaction; never a password."""
        if not count:
            return
        marker = text.upper().find("IDENTIFIED")
        shown = text if operation != "DDL" or marker < 0 else text[:marker] + "IDENTIFIED BY '***'"
        owner, name = (table.owner, table.name) if table is not None else ("", "")
        self._writes.append({"op": operation, "owner": owner, "name": name, "user": self.user, "sql": shown})

    def _run(self, sql: str, values: Any, tablespace: str) -> int:
        began = self._begin()
        self.hint = tablespace or self.hint
        try:
            return max(self.connection.execute(sql, values).rowcount, 0)
        except sqlite3.Error:
            if began:
                self.rollback()
            raise

    def _plain_insert(self, tokens: list[Token]) -> tuple[InsertPlan, list[Any]] | None:
        """INSERT INTO t [(columns)] VALUES (literals) without a parser; None if it is anything else."""
        if len(tokens) < 6 or tokens[1].upper != "INTO":
            return None
        index = 3
        owner, name = None, tokens[2].value
        if tokens[index].text == ".":
            owner, name, index = name, tokens[4].value, 5
        given: list[str] = []
        if tokens[index].text == "(":
            index += 1
            while tokens[index].text != ")":
                if tokens[index].text != ",":
                    given.append(tokens[index].value)
                index += 1
            index += 1
        if tokens[index].upper != "VALUES" or tokens[index + 1].text != "(" or tokens[-1].text != ")":
            return None
        values = _literals(tokens[index + 2 : -1])
        if values is None:
            return None
        plan = self._insert_plan(owner, name, given)
        if len(values) != len(plan.convert):
            raise TbrError(8004)
        return plan, [convert(value) for convert, value in zip(plan.convert, values, strict=True)]

    def _insert_plan(self, owner: str | None, name: str, given: list[str]) -> InsertPlan:
        version = self.catalog().version
        key = (owner or "", name, *given)
        cached = self._inserts.get(key)
        if cached is not None and cached[0] == version:
            return cached[1]
        table = self.resolve(owner, name)
        if views.is_view(table) or table.view_text is not None:
            raise TbrError(590002, "DML on a view")
        columns = []
        for column_name in given or [column.name for column in table.columns]:
            column = table.column(column_name)
            if column is None:
                raise TbrError(8026)
            columns.append(column)
        names = ", ".join(quote(column.name) for column in columns)
        sql = f"INSERT INTO {quote(table.sql_name)}({names}) VALUES ({', '.join('?' * len(columns))})"
        plan = InsertPlan(sql, table, [converter(column, self.nls) for column in columns])
        self._inserts[key] = (version, plan)
        return plan

    # ------------------------------------------------------------------ transactions
    def _begin(self) -> bool:
        """Become the writer if not already. True if this began the transaction."""
        if self.in_transaction:
            return False
        engine = self.instance.engine
        if engine is None:
            raise TbrError(8142)
        engine.writer.acquire(self, self.ended.is_set)
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        except BaseException:
            engine.writer.release(self)
            raise
        self.in_transaction = True
        self.transaction_started = time.time()
        return True

    def begin(self) -> None:
        """Start a transaction for DDL."""
        self._begin()

    def _transaction(self, text: str) -> dict[str, Any]:
        words = text.upper().split()
        if self.instance.state == "NOMOUNT":
            raise TbrError(12028)
        if words[0] == "COMMIT" and words[1:] in ([], ["WORK"]):
            self.commit()
            return answer("Commit completed.")
        if words[0] == "SAVEPOINT" and len(words) == 2:
            self._begin()
            self.connection.execute(f"SAVEPOINT {quote(words[1])}")
            self._savepoints[words[1]] = len(self._writes)
            return answer("Savepoint created.")
        if words[0] == "ROLLBACK" and words[1:] in ([], ["WORK"]):
            self.rollback()
            return answer("Rollback completed.")
        if words[0] == "ROLLBACK" and words[1] == "TO" and self.in_transaction:
            self.connection.execute(f"ROLLBACK TO {quote(words[-1])}")
            del self._writes[self._savepoints.get(words[-1], 0) :]
            return answer("Rollback completed.")
        raise TbrError(8004)

    def commit(self) -> None:
        """End the transaction; returns when its redo is durable here and, if a protection mode asks for it, on a
        standby."""
        if not self.in_transaction:
            return
        instance = self.instance
        database, engine = instance.database, instance.engine
        assert database is not None and engine is not None
        connection = self.connection
        try:
            for key in self._pending_sequences:
                owner, name = key.split(".", 1)
                mark = engine.sequence_mark(key)
                connection.execute("UPDATE _DD_SEQUENCES SET LAST=? WHERE OWNER=? AND NAME=?", (mark, owner, name))
            self._pending_sequences.clear()
            self._check_space(connection)
            lsn = database.commit(lambda: connection.execute("COMMIT"), self.hint, self._writes)
            engine.trim_wal()
        except BaseException:
            self.rollback()
            raise
        self.in_transaction = False
        self._writes, self._savepoints = [], {}
        engine.writer.release(self)
        if lsn:
            instance.make_durable(lsn)

    def _check_space(self, connection: EngineConnection) -> None:
        """A commit must never fail for want of blocks after the engine has committed: look before."""
        database = self.instance.database
        assert database is not None
        wanted = connection.execute("PRAGMA page_count").fetchone()[0] - database.db_pages
        if wanted > 0 and wanted > database.free_pages(self.hint):
            raise TbrError(590005, self.hint or "SYSTEM")

    def rollback(self) -> None:
        self._pending_sequences.clear()
        self._writes, self._savepoints = [], {}
        if not self.in_transaction:
            return
        self.in_transaction = False
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        finally:
            if self.instance.engine is not None:
                self.instance.engine.writer.release(self)

    # ------------------------------------------------------------------ end
    def interrupt(self) -> None:
        """End the session from another thread: the running statement fails, the transaction is rolled back."""
        self.ended.set()
        connection = self._connection
        if connection is not None:
            try:
                connection.interrupt()
            except sqlite3.ProgrammingError:
                pass  # its own thread has just closed it
        self.on_close()

    def close(self) -> None:
        try:
            self.rollback()
        except sqlite3.Error:
            pass  # the connection dies with its transaction
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # ------------------------------------------------------------------ errors
    def _translate_error(self, error: sqlite3.Error) -> TbrError:
        text = str(error)
        connection = self._connection
        if connection is not None and connection.last_error is not None:
            raised, connection.last_error = connection.last_error, None
            return raised
        if text.startswith("UNIQUE constraint failed"):
            return TbrError(10007, self._constraint(text))
        if text.startswith("NOT NULL constraint failed"):
            return TbrError(10005, _dotted_quotes(text.split(":", 1)[1].strip()))
        if text.startswith("CHECK constraint failed"):
            return TbrError(10006, text.split(":", 1)[1].strip())
        if text.startswith("FOREIGN KEY"):
            return TbrError(10008, "FOREIGN KEY")
        if text.startswith(("no such column", "ambiguous column", "no such function")):
            return TbrError(8026)
        if text.startswith("no such table"):
            return TbrError(8033)
        if "syntax error" in text or "number of arguments" in text or "number of result columns" in text:
            return TbrError(8004)
        if "interrupted" in text:
            return TbrError(590006)
        return TbrError(590001, text)

    def _constraint(self, text: str) -> str:
        """Owner and name of the violated unique index."""
        first = text.split(":", 1)[1].split(",")
        columns = [part.strip().rsplit(".", 1)[1] for part in first]
        table = first[0].strip().rsplit(".", 1)[0]
        for index in self.catalog().indexes.values():
            if sql_name(index.table_owner, index.table_name) == table and index.columns == columns and index.unique:
                return f"{index.owner}'.'{index.name}"
        return _dotted_quotes(table)


def _dotted_quotes(name: str) -> str:
    return name.replace(".", "'.'")


def _literals(tokens: list[Token]) -> list[Any] | None:
    """Values of a list of literals, or None if one is an expression."""
    values: list[Any] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        sign = 1
        if token.text in ("-", "+") and index + 1 < len(tokens):
            sign = -1 if token.text == "-" else 1
            index += 1
            token = tokens[index]
            if token.kind != NUMBER:
                return None
        if token.kind == NUMBER:
            number = float(token.text) if any(ch in token.text for ch in ".eE") else int(token.text)
            values.append(sign * number)
        elif token.kind == STRING:
            values.append(token.value)
        elif token.upper == "NULL":
            values.append(None)
        elif token.upper == "SYSDATE":
            values.append(date_text(datetime.now()))
        elif token.upper == "SYSTIMESTAMP":
            values.append(timestamp_text(datetime.now()))
        else:
            return None
        index += 1
        if index < len(tokens) and tokens[index].text != ",":
            return None
        index += 1
    return values


def converter(column: Column, nls: Nls) -> Callable[[Any], Any]:
    """What turns a literal into the stored form of a column."""
    kind = column.kind
    if kind.name == "NUMBER":
        return lambda value: column_number(value, kind.precision, kind.scale, column.name)
    if kind.name == "DATE":
        return lambda value: as_date(value, nls)
    if kind.name == "TIMESTAMP":
        return lambda value: as_timestamp(value, nls)
    if kind.name == "CHAR":
        return lambda value: column_char(value, kind.width, column.name)
    return lambda value: column_text(value, kind.width, column.name)
