# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DDL on schema objects: tables, indexes, views, sequences, synonyms, users, roles, grants, tablespaces."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tibero_emulator.server import maintenance, passwd
from tibero_emulator.server.catalog import Column, Kind, Table, sql_name
from tibero_emulator.server.dialect import Context, Translated, quote, store, translate
from tibero_emulator.server.errors import TbrError
from tibero_emulator.server.functions import date_text
from tibero_emulator.server.lexer import NUMBER, QUOTED, STRING, WORD, Cursor, Token, split_commas, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tibero_emulator.server.session import Session

CONSTRAINT_WORDS = ("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK")
COLUMN_ENDS = ("NOT", "NULL", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "CONSTRAINT", "DEFAULT", "ENABLE", "DISABLE")


def say(message: str, count: int = 0) -> dict[str, Any]:
    return {"columns": [], "rows": [], "message": message, "row_count": count}


def password(cursor: Cursor) -> str:
    """A password after IDENTIFIED BY: single quotes keep the case, a word is folded to upper case (tibero.md 3.1)."""
    token = cursor.next()
    if token.kind in (STRING, QUOTED):
        return token.value
    if token.kind == NUMBER:
        return token.text
    if token.kind != WORD:
        raise cursor.error()
    return token.text.upper()


@contextmanager
def changing(session: Session) -> Iterator[Any]:
    """A DDL statement: commits what is open, runs in its own transaction, commits itself."""
    session.commit()
    session.begin()
    session.hint = "SYSTEM"
    try:
        yield session.connection
        session.connection.execute("UPDATE _DD_VERSION SET V = V + 1")
        session.note_write("DDL", session.sql_text)
        session.commit()
    except BaseException:
        session.rollback()
        raise
    engine = session.instance.engine
    if engine is not None:
        engine.forget_catalog()


def run(session: Session, cursor: Cursor) -> dict[str, Any]:
    """CREATE, DROP, ALTER, TRUNCATE, GRANT, REVOKE, COMMENT. Raises TbrError; TBR-8004 for anything unknown."""
    words = (cursor.peek(), cursor.peek(1), cursor.peek(2))
    if words[0] not in ("CREATE", "DROP", "ALTER", "TRUNCATE", "GRANT", "REVOKE", "COMMENT", "ANALYZE", "PURGE"):
        raise TbrError(8004)
    state = session.instance.state
    if state == "READ_ONLY":
        raise TbrError(1035)
    if state != "NORMAL":
        raise TbrError(7004)
    for key, handler in HANDLERS.items():
        if cursor.accept(*key):
            return handler(session, cursor)
    raise TbrError(8004)


def _now() -> str:
    return date_text(datetime.now())


def _own(session: Session, owner: str | None) -> str:
    """Owner of a new object; another user's schema needs DBA."""
    chosen = owner or session.schema
    catalog = session.catalog()
    if chosen not in catalog.users:
        raise TbrError(590007, "user", chosen)
    if chosen != session.user and not catalog.is_dba(session.user):
        raise TbrError(17003)
    return chosen


def _shown(owner: str | None, name: str) -> str:
    return f"{owner}.{name}" if owner else name


def _dba(session: Session) -> None:
    if not session.catalog().is_dba(session.user):
        raise TbrError(17003)


# ---------------------------------------------------------------------- tables
def parse_kind(tokens: list[Token]) -> tuple[Kind, int]:
    """(type, tokens used) of a column definition after the name."""
    word = tokens[0].upper
    used = 1
    numbers: list[int] = []
    if word == "LONG" and len(tokens) > 1 and tokens[1].upper == "RAW":
        used = 2
    if used < len(tokens) and tokens[used].text == "(":
        used += 1
        while tokens[used].text != ")":
            if tokens[used].kind == NUMBER:
                numbers.append(int(tokens[used].text))
            used += 1
        used += 1
    if word == "TIMESTAMP" or word == "INTERVAL":
        while used < len(tokens) and tokens[used].upper in ("WITH", "LOCAL", "TIME", "ZONE"):
            used += 1
        return Kind("TIMESTAMP"), used
    if word in ("VARCHAR", "VARCHAR2", "NVARCHAR", "NVARCHAR2", "RAW"):
        return Kind("VARCHAR", numbers[0] if numbers else 1), used
    if word in ("CHAR", "NCHAR"):
        return Kind("CHAR", numbers[0] if numbers else 1), used
    if word in ("NUMBER", "NUMERIC", "DECIMAL", "DEC"):
        precision, scale = (numbers + [0, 0])[:2]
        return Kind("NUMBER", max(10, precision + 1 if precision else 10), precision, scale), used
    if word in ("INTEGER", "INT", "SMALLINT", "BIGINT"):
        return Kind("NUMBER", 39, 38, 0), used
    if word in ("FLOAT", "REAL", "BINARY_FLOAT", "BINARY_DOUBLE", "DOUBLE"):
        return Kind("NUMBER", 10), used + (1 if word == "DOUBLE" else 0)
    if word == "DATE":
        return Kind("DATE"), used
    if word in ("CLOB", "NCLOB", "LONG", "BLOB"):
        return Kind("CLOB", 0), used
    raise TbrError(8004)


ENGINE_TYPES = {"NUMBER": "NUMERIC", "CHAR": "TEXT COLLATE RTRIM"}


class TableBuilder:
    """Collects the parts of CREATE TABLE."""

    def __init__(self, session: Session, owner: str, name: str) -> None:
        self.session = session
        self.owner = owner
        self.name = name
        self.columns: list[Column] = []
        self.clauses: list[str] = []
        self.indexes: list[tuple[str, list[str], str]] = []

    def item(self, tokens: list[Token]) -> None:
        """One comma-separated item: a table constraint or a column."""
        if not tokens:
            raise TbrError(8004)
        if tokens[0].upper in CONSTRAINT_WORDS:
            self._constraint(Cursor(tokens, self.session.sql_text), None)
        else:
            self._column(tokens)

    def _column(self, tokens: list[Token]) -> None:
        if tokens[0].kind not in (WORD, QUOTED) or len(tokens) < 2:
            raise TbrError(8004)
        name = tokens[0].value
        kind, used = parse_kind(tokens[1:])
        cursor = Cursor(tokens[1 + used :], self.session.sql_text)
        nullable, default = True, None
        while not cursor.done:
            if cursor.accept("NOT", "NULL"):
                nullable = False
            elif cursor.accept("NULL") or cursor.accept("ENABLE"):
                continue
            elif cursor.accept("DEFAULT"):
                default = self._default(cursor, kind, name)
            else:
                self._constraint(cursor, name)
        if any(column.name == name for column in self.columns):
            raise TbrError(590008, "column", name)
        self.columns.append(Column(name, kind, nullable, default))

    def _default(self, cursor: Cursor, kind: Kind, name: str) -> str:
        start = cursor.index
        depth = 0
        while not cursor.done and (depth or cursor.peek() not in COLUMN_ENDS or cursor.index == start):
            text = cursor.next().text
            depth += (text == "(") - (text == ")")
        tokens = cursor.tokens[start : cursor.index]
        text = self.session.sql_text[tokens[0].start : tokens[-1].end]
        translated = expression(self.session, text)
        return store(kind, name, translated)

    def _constraint(self, cursor: Cursor, column: str | None) -> None:
        label = cursor.name() if cursor.accept("CONSTRAINT") else None
        if cursor.accept("NOT", "NULL"):
            raise TbrError(590002, "named NOT NULL constraint")
        if cursor.accept("PRIMARY", "KEY") or cursor.accept("UNIQUE"):
            primary = cursor.tokens[cursor.index - 1].upper == "KEY"
            names = [column] if column else [part[0].value for part in split_commas(cursor.group())]
            chosen = label or f"{self.owner}_CON{zlib.crc32(repr((self.owner, self.name, names)).encode()) % 10**8:08d}"
            self.indexes.append((chosen, [str(each) for each in names], "PRIMARY" if primary else "UNIQUE"))
            listed = ", ".join(quote(str(each)) for each in names)
            self.clauses.append(f"{'PRIMARY KEY' if primary else 'UNIQUE'} ({listed})")
            if cursor.accept("USING", "INDEX"):
                while not cursor.done and cursor.peek() not in COLUMN_ENDS:
                    cursor.next()
        elif cursor.accept("CHECK"):
            inside = cursor.group()
            text = self.session.sql_text[inside[0].start : inside[-1].end]
            self.clauses.append(f"CONSTRAINT {quote(label or 'CHECK')} CHECK ({expression(self.session, text)})")
        elif cursor.accept("FOREIGN", "KEY"):
            names = [part[0].value for part in split_commas(cursor.group())]
            self._references(cursor, [str(each) for each in names])
        elif cursor.peek() == "REFERENCES" and column:
            self._references(cursor, [column])
        else:
            raise TbrError(8004)
        cursor.accept("ENABLE")

    def _references(self, cursor: Cursor, names: list[str]) -> None:
        """Foreign keys are read and then forgotten: the emulator does not enforce them (docs/fidelity.md)."""
        cursor.expect("REFERENCES")
        owner, table = cursor.qualified()
        self.session.resolve(owner, table)
        if cursor.peek() == "(":
            cursor.group()
        cursor.accept("ON", "DELETE", "CASCADE") or cursor.accept("ON", "DELETE", "SET", "NULL")

    def sql(self) -> str:
        parts = []
        for column in self.columns:
            text = f"{quote(column.name)} {ENGINE_TYPES.get(column.kind.name, 'TEXT')}"
            text += f" DEFAULT ({column.default})" if column.default else ""
            parts.append(text + ("" if column.nullable else " NOT NULL"))
        return f"CREATE TABLE {quote(sql_name(self.owner, self.name))}({', '.join(parts + self.clauses)})"

    def register(self, connection: Any, tablespace: str) -> None:
        connection.execute(
            "INSERT INTO _DD_OBJECTS VALUES (?,?,'TABLE',?,?,NULL)", (self.owner, self.name, tablespace, _now())
        )
        insert_columns(connection, self.owner, self.name, self.columns)
        for name, columns, kind in self.indexes:
            connection.execute(
                "INSERT INTO _DD_INDEXES VALUES (?,?,?,?,?,1,?)",
                (self.owner, name, self.owner, self.name, ",".join(columns), kind),
            )


def insert_columns(connection: Any, owner: str, name: str, columns: list[Column], first: int = 1) -> None:
    for position, column in enumerate(columns, first):
        kind = column.kind
        connection.execute(
            "INSERT INTO _DD_COLUMNS VALUES (?,?,?,?,?,?,?,?,?,?)",
            (
                owner,
                name,
                position,
                column.name,
                kind.name,
                kind.width,
                kind.precision,
                kind.scale,
                int(column.nullable),
                column.default,
            ),
        )


def _context(session: Session) -> Context:
    from tibero_emulator.server import views

    return Context(session.resolve, session.sequence_key, views.is_view)


def expression(session: Session, text: str) -> str:
    """One scalar expression in the engine's words."""
    translated = translate(f"SELECT {text} FROM DUAL", _context(session))
    body = translated.sql[len("SELECT ") :]
    return body[: body.rindex(" FROM (SELECT 'X' AS")]


def create_table(session: Session, cursor: Cursor) -> dict[str, Any]:
    owner_given, name = cursor.qualified()
    owner = _own(session, owner_given)
    _must_be_free(session, owner, name)
    builder = TableBuilder(session, owner, name)
    names: list[str] = []
    if cursor.peek() == "(":
        items = split_commas(cursor.group())
        if all(len(item) == 1 for item in items):
            names = [item[0].value for item in items]
        else:
            for item in items:
                builder.item(item)
    tablespace = _physical(session, cursor, owner)
    if cursor.accept("AS"):
        return _create_as(session, builder, names, cursor.rest(), tablespace, _shown(owner_given, name))
    cursor.end()
    if not builder.columns:
        raise TbrError(8004)
    for column in builder.columns:
        if not column.nullable or column.name in [
            c for _n, cs, kind in builder.indexes if kind == "PRIMARY" for c in cs
        ]:
            continue
    with changing(session) as connection:
        session.hint = tablespace
        connection.execute(_primary_not_null(builder))
        builder.register(connection, tablespace)
    return say(f"Table '{_shown(owner_given, name)}' created.")


def _primary_not_null(builder: TableBuilder) -> str:
    """Primary key columns are NOT NULL (sqlite would allow NULL there)."""
    keys = {column for _name, columns, kind in builder.indexes if kind == "PRIMARY" for column in columns}
    missing = keys - {column.name for column in builder.columns}
    if missing:
        raise TbrError(8026)
    builder.columns = [column._replace(nullable=False) if column.name in keys else column for column in builder.columns]
    return builder.sql()


def _must_be_free(session: Session, owner: str, name: str) -> None:
    catalog = session.catalog()
    if (owner, name) in catalog.tables or (owner, name) in catalog.sequences or (owner, name) in catalog.synonyms:
        raise TbrError(7074, sql_name(owner, name))


def _physical(session: Session, cursor: Cursor, owner: str) -> str:
    """TABLESPACE and the storage words after the column list; returns the tablespace."""
    database = session.instance.database
    assert database is not None
    control = database.control.state
    tablespace = session.catalog().users[owner][1]
    while not cursor.done and cursor.peek() != "AS":
        if cursor.accept("TABLESPACE"):
            tablespace = cursor.name()
            if control.tablespace(tablespace) is None:
                raise TbrError(590007, "tablespace", tablespace)
        elif cursor.peek() == "STORAGE":
            cursor.next()
            cursor.group()
        elif cursor.peek() in ("PCTFREE", "INITRANS", "MAXTRANS", "PARALLEL"):
            cursor.next()
            cursor.integer()
        elif cursor.peek() in ("LOGGING", "NOLOGGING", "NOPARALLEL", "NOCOMPRESS", "COMPRESS", "CACHE", "NOCACHE"):
            cursor.next()
        else:
            raise TbrError(8004)
    return tablespace


def _create_as(
    session: Session, builder: TableBuilder, names: list[str], query: str, tablespace: str, shown: str
) -> dict[str, Any]:
    """CREATE TABLE ... AS SELECT (recorded form: create table b(b) as select level from dual connect by ...)."""
    translated: Translated = translate(query, _context(session))
    if translated.kind != "SELECT" or translated.columns is None:
        raise TbrError(590002, "CREATE TABLE AS with columns that cannot be typed")
    if names and len(names) != len(translated.columns):
        raise TbrError(8004)
    for index, column in enumerate(translated.columns):
        kind = column.kind
        if kind.name == "NUMBER":
            kind = Kind("NUMBER", 10)
        elif kind.name == "VARCHAR" and not kind.width:
            kind = Kind("VARCHAR", 4000)
        builder.columns.append(Column(names[index] if names else column.name, kind))
    marks = [f"X{index}" for index in range(len(builder.columns))]
    stored = [store(column.kind, column.name, quote(mark)) for column, mark in zip(builder.columns, marks, strict=True)]
    with changing(session) as connection:
        session.hint = tablespace
        connection.execute(builder.sql())
        builder.register(connection, tablespace)
        connection.execute(
            f"INSERT INTO {quote(sql_name(builder.owner, builder.name))} SELECT {', '.join(stored)} FROM "
            f"(WITH Q({', '.join(quote(mark) for mark in marks)}) AS ({translated.sql}) SELECT * FROM Q)"
        )
        session.hint = tablespace
    return say(f"Table '{shown}' created.")


def _table(session: Session, cursor: Cursor) -> tuple[Table, str]:
    owner, name = cursor.qualified()
    table = session.catalog().tables.get((owner or session.schema, name))
    if table is None or table.view_text is not None:
        raise TbrError(7071, sql_name(owner or session.schema, name))
    _own(session, table.owner)
    return table, _shown(owner, name)


def drop_table(session: Session, cursor: Cursor) -> dict[str, Any]:
    table, shown = _table(session, cursor)
    cursor.accept("CASCADE", "CONSTRAINTS")
    cursor.accept("PURGE")
    cursor.end()
    with changing(session) as connection:
        connection.execute(f"DROP TABLE {quote(table.sql_name)}")
        key = (table.owner, table.name)
        connection.execute("DELETE FROM _DD_OBJECTS WHERE OWNER=? AND NAME=? AND KIND='TABLE'", key)
        connection.execute("DELETE FROM _DD_COLUMNS WHERE OWNER=? AND TABLE_NAME=?", key)
        connection.execute("DELETE FROM _DD_INDEXES WHERE TABLE_OWNER=? AND TABLE_NAME=?", key)
        connection.execute("DELETE FROM _DD_GRANTS WHERE OWNER=? AND OBJECT=?", key)
    return say(f"Table '{shown}' dropped.")


def truncate_table(session: Session, cursor: Cursor) -> dict[str, Any]:
    table, shown = _table(session, cursor)
    with changing(session) as connection:
        connection.execute(f"DELETE FROM {quote(table.sql_name)}")
    return say(f"Table '{shown}' truncated.")


def alter_table(session: Session, cursor: Cursor) -> dict[str, Any]:
    """ADD column(s), DROP COLUMN, RENAME TO, RENAME COLUMN, MODIFY a type (the dictionary's width only)."""
    table, shown = _table(session, cursor)
    key = (table.owner, table.name)
    name = quote(table.sql_name)
    if cursor.accept("ADD"):
        if cursor.peek() in CONSTRAINT_WORDS:
            raise TbrError(590002, "ALTER TABLE ADD CONSTRAINT; give it in CREATE TABLE or use CREATE UNIQUE INDEX")
        builder = TableBuilder(session, *key)
        items = split_commas(cursor.group()) if cursor.peek() == "(" else [cursor.tokens[cursor.index :]]
        for item in items:
            builder.item(item)
        with changing(session) as connection:
            for column in builder.columns:
                default = ""
                if column.default:  # the engine wants a constant here: what the expression gives now
                    value = connection.execute(f"SELECT quote({column.default})").fetchone()[0]
                    default = f" DEFAULT {value}"
                kind = ENGINE_TYPES.get(column.kind.name, "TEXT")
                connection.execute(f"ALTER TABLE {name} ADD COLUMN {quote(column.name)} {kind}{default}")
            insert_columns(connection, *key, builder.columns, len(table.columns) + 1)
    elif cursor.accept("DROP"):
        cursor.accept("COLUMN")
        names = [part[0].value for part in split_commas(cursor.group())] if cursor.peek() == "(" else [cursor.name()]
        with changing(session) as connection:
            for each in names:
                connection.execute(f"ALTER TABLE {name} DROP COLUMN {quote(each)}")
                connection.execute("DELETE FROM _DD_COLUMNS WHERE OWNER=? AND TABLE_NAME=? AND NAME=?", (*key, each))
    elif cursor.accept("RENAME", "TO"):
        _rename_table(session, table, cursor.name())
    elif cursor.accept("RENAME", "COLUMN"):
        old = cursor.name()
        cursor.expect("TO")
        new = cursor.name()
        with changing(session) as connection:
            connection.execute(f"ALTER TABLE {name} RENAME COLUMN {quote(old)} TO {quote(new)}")
            connection.execute(
                "UPDATE _DD_COLUMNS SET NAME=? WHERE OWNER=? AND TABLE_NAME=? AND NAME=?", (new, *key, old)
            )
    elif cursor.accept("MODIFY"):
        _modify(session, table, cursor)
    else:
        raise TbrError(8004)
    return say(f"Table '{shown}' altered.")


def _modify(session: Session, table: Table, cursor: Cursor) -> None:
    items = split_commas(cursor.group()) if cursor.peek() == "(" else [cursor.tokens[cursor.index :]]
    with changing(session) as connection:
        for item in items:
            column = table.column(item[0].value)
            if column is None:
                raise TbrError(8026)
            kind, _used = parse_kind(item[1:])
            connection.execute(
                "UPDATE _DD_COLUMNS SET TYPE=?, LEN=?, PREC=?, SCALE=? WHERE OWNER=? AND TABLE_NAME=? AND NAME=?",
                (kind.name, kind.width, kind.precision, kind.scale, table.owner, table.name, column.name),
            )


def _rename_table(session: Session, table: Table, name: str) -> None:
    _must_be_free(session, table.owner, name)
    with changing(session) as connection:
        connection.execute(f"ALTER TABLE {quote(table.sql_name)} RENAME TO {quote(sql_name(table.owner, name))}")
        old = (table.owner, table.name)
        connection.execute("UPDATE _DD_OBJECTS SET NAME=? WHERE OWNER=? AND NAME=?", (name, *old))
        connection.execute("UPDATE _DD_COLUMNS SET TABLE_NAME=? WHERE OWNER=? AND TABLE_NAME=?", (name, *old))
        connection.execute("UPDATE _DD_INDEXES SET TABLE_NAME=? WHERE TABLE_OWNER=? AND TABLE_NAME=?", (name, *old))


# ---------------------------------------------------------------------- indexes, views, sequences, synonyms
def create_index(unique: bool) -> Callable[[Session, Cursor], dict[str, Any]]:
    def handler(session: Session, cursor: Cursor) -> dict[str, Any]:
        owner_given, name = cursor.qualified()
        owner = _own(session, owner_given)
        cursor.expect("ON")
        table, _shown_name = _table(session, cursor)
        columns = [part[0].value for part in split_commas(cursor.group())]
        catalog = session.catalog()
        if (owner, name) in catalog.indexes:
            raise TbrError(7074, sql_name(owner, name))
        same = [
            each
            for each in catalog.indexes.values()
            if (each.table_owner, each.table_name) == (table.owner, table.name)
        ]
        if any(each.columns == columns for each in same):
            raise TbrError(7124)
        with changing(session) as connection:
            session.hint = table.tablespace
            listed = ", ".join(quote(column) for column in columns)
            word = "UNIQUE " if unique else ""
            connection.execute(
                f"CREATE {word}INDEX {quote(sql_name(owner, name))} ON {quote(table.sql_name)}({listed})"
            )
            connection.execute(
                "INSERT INTO _DD_INDEXES VALUES (?,?,?,?,?,?,'INDEX')",
                (owner, name, table.owner, table.name, ",".join(columns), int(unique)),
            )
        return say(f"Index '{_shown(owner_given, name)}' created.")

    return handler


def drop_index(session: Session, cursor: Cursor) -> dict[str, Any]:
    owner, name = cursor.qualified()
    index = session.catalog().indexes.get((owner or session.schema, name))
    if index is None:
        raise TbrError(7071, sql_name(owner or session.schema, name))
    with changing(session) as connection:
        connection.execute(f"DROP INDEX {quote(sql_name(index.owner, index.name))}")
        connection.execute("DELETE FROM _DD_INDEXES WHERE OWNER=? AND NAME=?", (index.owner, index.name))
    return say(f"Index '{_shown(owner, name)}' dropped.")


def create_view(session: Session, cursor: Cursor) -> dict[str, Any]:
    owner_given, name = cursor.qualified()
    owner = _own(session, owner_given)
    if session.catalog().tables.get((owner, name)) is not None:
        old = session.catalog().tables[(owner, name)]
        if old.view_text is None:
            raise TbrError(7074, sql_name(owner, name))
        _drop_object(session, owner, name, "VIEW")
    cursor.expect("AS")
    text = cursor.rest()
    translated = translate(text, _context(session))
    if translated.views:
        raise TbrError(590002, "a view on V$ views")
    columns = translated.columns
    if columns is None:
        raise TbrError(590002, "a view whose columns cannot be typed")
    with changing(session) as connection:
        listed = ", ".join(quote(column.name) for column in columns)
        connection.execute(f"CREATE VIEW {quote(sql_name(owner, name))}({listed}) AS {translated.sql}")
        connection.execute("INSERT INTO _DD_OBJECTS VALUES (?,?,'VIEW','',?,?)", (owner, name, _now(), text))
        insert_columns(connection, owner, name, columns)
    return say(f"View '{_shown(owner_given, name)}' created.")


def _drop_object(session: Session, owner: str, name: str, kind: str) -> None:
    with changing(session) as connection:
        if kind == "VIEW":
            connection.execute(f"DROP VIEW IF EXISTS {quote(sql_name(owner, name))}")
            connection.execute("DELETE FROM _DD_COLUMNS WHERE OWNER=? AND TABLE_NAME=?", (owner, name))
        connection.execute("DELETE FROM _DD_OBJECTS WHERE OWNER=? AND NAME=? AND KIND=?", (owner, name, kind))


def drop_view(session: Session, cursor: Cursor) -> dict[str, Any]:
    owner, name = cursor.qualified()
    table = session.catalog().tables.get((owner or session.schema, name))
    if table is None or table.view_text is None:
        raise TbrError(7071, sql_name(owner or session.schema, name))
    _drop_object(session, table.owner, name, "VIEW")
    return say(f"View '{_shown(owner, name)}' dropped.")


def create_sequence(session: Session, cursor: Cursor) -> dict[str, Any]:
    owner_given, name = cursor.qualified()
    owner = _own(session, owner_given)
    _must_be_free(session, owner, name)
    start, step = 1, 1
    while not cursor.done:
        if cursor.accept("START", "WITH"):
            start = cursor.integer()
        elif cursor.accept("INCREMENT", "BY"):
            sign = -1 if cursor.accept("-") else 1
            step = sign * cursor.integer()
        elif cursor.peek() in ("MAXVALUE", "MINVALUE", "CACHE"):
            cursor.next()
            cursor.integer()
        elif cursor.peek() in ("NOMAXVALUE", "NOMINVALUE", "NOCACHE", "CYCLE", "NOCYCLE", "ORDER", "NOORDER"):
            cursor.next()
        else:
            raise TbrError(8004)
    with changing(session) as connection:
        connection.execute("INSERT INTO _DD_SEQUENCES VALUES (?,?,?,?)", (owner, name, start - step, step))
    return say(f"Sequence '{_shown(owner_given, name)}' created.")


def drop_sequence(session: Session, cursor: Cursor) -> dict[str, Any]:
    owner, name = cursor.qualified()
    key = (owner or session.schema, name)
    if key not in session.catalog().sequences:
        raise TbrError(7071, sql_name(*key))
    with changing(session) as connection:
        connection.execute("DELETE FROM _DD_SEQUENCES WHERE OWNER=? AND NAME=?", key)
    if session.instance.engine is not None:
        session.instance.engine.forget_sequence(sql_name(*key))
    return say(f"Sequence '{_shown(owner, name)}' dropped.")


def create_synonym(public: bool) -> Callable[[Session, Cursor], dict[str, Any]]:
    def handler(session: Session, cursor: Cursor) -> dict[str, Any]:
        owner_given, name = cursor.qualified()
        owner = "PUBLIC" if public else _own(session, owner_given)
        cursor.expect("FOR")
        target_owner, target = cursor.qualified()
        with changing(session) as connection:
            connection.execute("DELETE FROM _DD_OBJECTS WHERE OWNER=? AND NAME=? AND KIND='SYNONYM'", (owner, name))
            connection.execute(
                "INSERT INTO _DD_OBJECTS VALUES (?,?,'SYNONYM','',?,?)",
                (owner, name, _now(), f"{target_owner or session.schema}.{target}"),
            )
        return say(f"Synonym '{_shown(owner_given, name)}' created.")

    return handler


# ---------------------------------------------------------------------- users, roles, grants
def create_user(session: Session, cursor: Cursor) -> dict[str, Any]:
    _dba(session)
    name = cursor.name()
    cursor.expect("IDENTIFIED", "BY")
    secret = password(cursor)
    if name in session.catalog().users:
        raise TbrError(590008, "user", name)
    database = session.instance.database
    assert database is not None
    tablespace = database.control.state.default_tablespace
    while not cursor.done:
        if cursor.accept("DEFAULT", "TABLESPACE"):
            tablespace = cursor.name()
        elif cursor.accept("TEMPORARY", "TABLESPACE"):
            cursor.name()
        else:
            cursor.next()
    with changing(session) as connection:
        connection.execute(
            "INSERT INTO _DD_USERS VALUES (?,?,?,?,0)", (name, passwd.verifier(secret), tablespace, _now())
        )
    return say(f"User '{name}' created.")


def alter_user(session: Session, cursor: Cursor) -> dict[str, Any]:
    """IDENTIFIED BY, ACCOUNT LOCK | UNLOCK, DEFAULT TABLESPACE. SYS's password also rewrites `.passwd` on this host
    only."""
    name = cursor.name()
    if name != session.user:
        _dba(session)
    if name not in session.catalog().users:
        raise TbrError(590007, "user", name)
    secret: str | None = None
    with changing(session) as connection:
        while not cursor.done:
            if cursor.accept("IDENTIFIED", "BY"):
                secret = password(cursor)
                connection.execute("UPDATE _DD_USERS SET VERIFIER=? WHERE NAME=?", (passwd.verifier(secret), name))
            elif cursor.accept("ACCOUNT"):
                locked = int(cursor.accept("LOCK"))
                if not locked:
                    cursor.expect("UNLOCK")
                connection.execute("UPDATE _DD_USERS SET LOCKED=? WHERE NAME=?", (locked, name))
            elif cursor.accept("DEFAULT", "TABLESPACE"):
                connection.execute("UPDATE _DD_USERS SET DEFAULT_TS=? WHERE NAME=?", (cursor.name(), name))
            else:
                raise TbrError(8004)
    if name == "SYS" and secret is not None:
        passwd.write(session.instance.params.file_dest, secret)
    return say(f"User '{name}' altered.")


def drop_user(session: Session, cursor: Cursor) -> dict[str, Any]:
    _dba(session)
    name = cursor.name()
    cascade = cursor.accept("CASCADE")
    catalog = session.catalog()
    if name not in catalog.users:
        raise TbrError(590007, "user", name)
    owned = [each for each in catalog.tables.values() if each.owner == name]
    if owned and not cascade:
        raise TbrError(590001, f"user '{name}' owns objects; CASCADE is needed")
    with changing(session) as connection:
        for table in owned:
            connection.execute(f"DROP {'VIEW' if table.view_text else 'TABLE'} {quote(table.sql_name)}")
        for sql in (
            "_DD_OBJECTS WHERE OWNER",
            "_DD_COLUMNS WHERE OWNER",
            "_DD_INDEXES WHERE OWNER",
            "_DD_SEQUENCES WHERE OWNER",
        ):
            connection.execute(f"DELETE FROM {sql}=?", (name,))
        connection.execute("DELETE FROM _DD_GRANTS WHERE GRANTEE=? OR OWNER=?", (name, name))
        connection.execute("DELETE FROM _DD_USERS WHERE NAME=?", (name,))
    return say(f"User '{name}' dropped.")


def create_role(session: Session, cursor: Cursor) -> dict[str, Any]:
    _dba(session)
    name = cursor.name()
    with changing(session) as connection:
        connection.execute("INSERT OR IGNORE INTO _DD_OBJECTS VALUES ('SYS',?,'ROLE','',?,NULL)", (name, _now()))
    return say(f"Role '{name}' created.")


def _grants(session: Session, cursor: Cursor, give: bool) -> dict[str, Any]:
    """GRANT/REVOKE a, b [ON object] TO/FROM x, y"""
    privileges: list[str] = []
    words: list[str] = []
    link = "TO" if give else "FROM"
    while cursor.peek() not in ("ON", link):
        token = cursor.next()
        if token.text == ",":
            privileges.append(" ".join(words))
            words = []
        else:
            words.append(token.value)
    privileges.append(" ".join(words))
    owner, name = "", ""
    if cursor.accept("ON"):
        given, name = cursor.qualified()
        owner = given or session.schema
        if (owner, name) not in session.catalog().tables and (owner, name) not in session.catalog().sequences:
            raise TbrError(7071, sql_name(owner, name))
        if owner != session.user:
            _dba(session)
    else:
        _dba(session)
    cursor.expect(link)
    grantees = [cursor.name()]
    while cursor.accept(","):
        grantees.append(cursor.name())
    with changing(session) as connection:
        for grantee in grantees:
            for privilege in privileges:
                row = (grantee, privilege, owner, name)
                connection.execute(
                    "DELETE FROM _DD_GRANTS WHERE GRANTEE=? AND PRIVILEGE=? AND OWNER=? AND OBJECT=?", row
                )
                if give:
                    connection.execute("INSERT INTO _DD_GRANTS VALUES (?,?,?,?)", row)
    return say("Granted." if give else "Revoked.")


# ---------------------------------------------------------------------- tablespaces
def create_tablespace(kind: str) -> Callable[[Session, Cursor], dict[str, Any]]:
    def handler(session: Session, cursor: Cursor) -> dict[str, Any]:
        from tibero_emulator.server.admin import _extent, file_specs

        _dba(session)
        name = cursor.name()
        cursor.expect("TEMPFILE" if kind == "TEMP" else "DATAFILE")
        specs = file_specs(cursor)
        _extent(cursor)
        session.commit()
        maintenance.create_tablespace(session.instance, name, kind, specs)
        return say(f"Tablespace '{name}' created.")

    return handler


def drop_tablespace(session: Session, cursor: Cursor) -> dict[str, Any]:
    _dba(session)
    name = cursor.name()
    contents = cursor.accept("INCLUDING", "CONTENTS")
    files = cursor.accept("AND", "DATAFILES")
    cursor.accept("CASCADE", "CONSTRAINTS")
    session.commit()
    used = [each for each in session.catalog().tables.values() if each.tablespace == name]
    if used and not contents:
        raise TbrError(590001, f"tablespace '{name}' is not empty; INCLUDING CONTENTS is needed")
    for table in used:
        drop_table(session, Cursor(tokenize(f'"{table.owner}"."{table.name}"'), ""))
    maintenance.drop_tablespace(session.instance, name, files)
    return say(f"Tablespace '{name}' dropped.")


def _global_temporary(session: Session, cursor: Cursor) -> dict[str, Any]:
    maintenance.refuse_on_cluster(session.instance, "CREATE GLOBAL TEMPORARY TABLE")
    raise TbrError(590002, "CREATE GLOBAL TEMPORARY TABLE")


def _ignored(message: str) -> Callable[[Session, Cursor], dict[str, Any]]:
    return lambda session, cursor: say(message)


HANDLERS: dict[tuple[str, ...], Callable[[Any, Cursor], dict[str, Any]]] = {
    ("CREATE", "GLOBAL", "TEMPORARY", "TABLE"): _global_temporary,
    ("CREATE", "TABLE"): create_table,
    ("DROP", "TABLE"): drop_table,
    ("ALTER", "TABLE"): alter_table,
    ("TRUNCATE", "TABLE"): truncate_table,
    ("CREATE", "UNIQUE", "INDEX"): create_index(True),
    ("CREATE", "INDEX"): create_index(False),
    ("DROP", "INDEX"): drop_index,
    ("CREATE", "OR", "REPLACE", "VIEW"): create_view,
    ("CREATE", "VIEW"): create_view,
    ("DROP", "VIEW"): drop_view,
    ("CREATE", "SEQUENCE"): create_sequence,
    ("DROP", "SEQUENCE"): drop_sequence,
    ("CREATE", "OR", "REPLACE", "PUBLIC", "SYNONYM"): create_synonym(True),
    ("CREATE", "OR", "REPLACE", "SYNONYM"): create_synonym(False),
    ("CREATE", "PUBLIC", "SYNONYM"): create_synonym(True),
    ("CREATE", "SYNONYM"): create_synonym(False),
    ("CREATE", "USER"): create_user,
    ("ALTER", "USER"): alter_user,
    ("DROP", "USER"): drop_user,
    ("CREATE", "ROLE"): create_role,
    ("GRANT",): lambda session, cursor: _grants(session, cursor, True),
    ("REVOKE",): lambda session, cursor: _grants(session, cursor, False),
    ("CREATE", "UNDO", "TABLESPACE"): create_tablespace("UNDO"),
    ("CREATE", "TEMPORARY", "TABLESPACE"): create_tablespace("TEMP"),
    ("CREATE", "TABLESPACE"): create_tablespace("DATA"),
    ("DROP", "TABLESPACE"): drop_tablespace,
    ("COMMENT", "ON"): _ignored("Comment created."),
    ("ANALYZE", "TABLE"): _ignored("Table analyzed."),
    ("PURGE",): _ignored("Recyclebin purged."),
}
