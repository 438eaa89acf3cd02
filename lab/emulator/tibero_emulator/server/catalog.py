# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data dictionary: tables inside the database itself, so that it travels with the redo."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import NamedTuple

SCHEMA = (
    "CREATE TABLE _DD_VERSION(V INTEGER)",
    "INSERT INTO _DD_VERSION VALUES(1)",
    "CREATE TABLE _DD_PROPS(NAME TEXT PRIMARY KEY, VALUE TEXT, COMMENT_STR TEXT)",
    "CREATE TABLE _DD_USERS(NAME TEXT PRIMARY KEY, VERIFIER TEXT, DEFAULT_TS TEXT, CREATED TEXT, LOCKED INTEGER)",
    "CREATE TABLE _DD_OBJECTS(OWNER TEXT, NAME TEXT, KIND TEXT, TABLESPACE TEXT, CREATED TEXT, TEXT TEXT,"
    " PRIMARY KEY(OWNER, NAME, KIND))",
    "CREATE TABLE _DD_COLUMNS(OWNER TEXT, TABLE_NAME TEXT, POS INTEGER, NAME TEXT, TYPE TEXT, LEN INTEGER,"
    " PREC INTEGER, SCALE INTEGER, NULLABLE INTEGER, DFLT TEXT, PRIMARY KEY(OWNER, TABLE_NAME, POS))",
    "CREATE TABLE _DD_INDEXES(OWNER TEXT, NAME TEXT, TABLE_OWNER TEXT, TABLE_NAME TEXT, COLUMNS TEXT,"
    " UNIQ INTEGER, KIND TEXT, PRIMARY KEY(OWNER, NAME))",
    "CREATE TABLE _DD_SEQUENCES(OWNER TEXT, NAME TEXT, LAST INTEGER, INCREMENT_BY INTEGER, PRIMARY KEY(OWNER, NAME))",
    "CREATE TABLE _DD_GRANTS(GRANTEE TEXT, PRIVILEGE TEXT, OWNER TEXT, OBJECT TEXT)",
)

# Accounts that exist after CREATE DATABASE with the vendor's default passwords (tibero.md 10).
DEFAULT_USERS = (
    ("SYS", "TIBERO", 0),
    ("SYSCAT", "SYSCAT", 0),
    ("TIBERO", "TMAX", 0),
    ("TIBERO1", "TMAX", 0),
    ("SYSGIS", "SYSGIS", 1),
    ("OUTLN", "OUTLN", 1),
    ("SYSBACKUP", "SYSBACKUP", 0),
    ("LBACSYS", "LBACSYS", 1),
)
DBA_USERS = ("SYS", "SYSCAT", "TIBERO", "TIBERO1")


class Kind(NamedTuple):
    """Type of a column or expression: NUMBER, VARCHAR, CHAR, DATE, TIMESTAMP, CLOB; width in characters."""

    name: str
    width: int = 0
    precision: int = 0
    scale: int = 0


NUMBER = Kind("NUMBER", 10)
DATE = Kind("DATE")
TIMESTAMP = Kind("TIMESTAMP")


class Column(NamedTuple):
    """One column of a table."""

    name: str
    kind: Kind
    nullable: bool = True
    default: str | None = None


@dataclass
class Table:
    """A table or a view. sql_name: its name inside the engine."""

    owner: str
    name: str
    tablespace: str
    columns: list[Column] = field(default_factory=list)
    view_text: str | None = None
    created: str = ""
    sql_name: str = ""

    def column(self, name: str) -> Column | None:
        return next((each for each in self.columns if each.name == name), None)


class Index(NamedTuple):
    """An index or the index of a constraint (kind INDEX, PRIMARY, UNIQUE)."""

    owner: str
    name: str
    table_owner: str
    table_name: str
    columns: list[str]
    unique: bool
    kind: str


@dataclass
class Catalog:
    """What the dictionary said when it was read."""

    version: int
    tables: dict[tuple[str, str], Table] = field(default_factory=dict)
    users: dict[str, tuple[str, str, bool]] = field(default_factory=dict)
    sequences: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    grants: set[tuple[str, str, str, str]] = field(default_factory=set)
    indexes: dict[tuple[str, str], Index] = field(default_factory=dict)
    synonyms: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    roles: set[str] = field(default_factory=set)

    def roles_of(self, user: str) -> set[str]:
        found: set[str] = set()
        queue = [user]
        while queue:
            name = queue.pop()
            for grantee, privilege, _owner, obj in self.grants:
                if grantee == name and not obj and privilege not in found:
                    found.add(privilege)
                    queue.append(privilege)
        return found

    def is_dba(self, user: str) -> bool:
        return user == "SYS" or "DBA" in self.roles_of(user)


def sql_name(owner: str, name: str) -> str:
    return f"{owner}.{name}"


def version_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT V FROM _DD_VERSION").fetchone()[0])


def load(connection: sqlite3.Connection) -> Catalog:
    """Read the dictionary through any connection of the engine."""
    catalog = Catalog(version_of(connection))
    rows = connection.execute("SELECT OWNER, NAME, KIND, TABLESPACE, CREATED, TEXT FROM _DD_OBJECTS").fetchall()
    for owner, name, kind, tablespace, created, text in rows:
        if kind == "SYNONYM":
            target = text.split(".", 1)
            catalog.synonyms[(owner, name)] = (target[0], target[1])
        elif kind == "ROLE":
            catalog.roles.add(name)
        else:
            view = text if kind == "VIEW" else None
            catalog.tables[(owner, name)] = Table(owner, name, tablespace, [], view, created, sql_name(owner, name))
    for owner, table, name, kind, length, precision, scale, nullable, default in connection.execute(
        "SELECT OWNER, TABLE_NAME, NAME, TYPE, LEN, PREC, SCALE, NULLABLE, DFLT FROM _DD_COLUMNS"
        " ORDER BY OWNER, TABLE_NAME, POS"
    ):
        found = catalog.tables.get((owner, table))
        if found is not None:
            found.columns.append(Column(name, Kind(kind, length, precision, scale), bool(nullable), default))
    for name, verifier, tablespace, locked in connection.execute(
        "SELECT NAME, VERIFIER, DEFAULT_TS, LOCKED FROM _DD_USERS"
    ):
        catalog.users[name] = (verifier, tablespace, bool(locked))
    for owner, name, last, step in connection.execute("SELECT OWNER, NAME, LAST, INCREMENT_BY FROM _DD_SEQUENCES"):
        catalog.sequences[(owner, name)] = (last, step)
    catalog.grants.update(connection.execute("SELECT GRANTEE, PRIVILEGE, OWNER, OBJECT FROM _DD_GRANTS"))
    for row in connection.execute("SELECT OWNER, NAME, TABLE_OWNER, TABLE_NAME, COLUMNS, UNIQ, KIND FROM _DD_INDEXES"):
        index = Index(row[0], row[1], row[2], row[3], row[4].split(","), bool(row[5]), row[6])
        catalog.indexes[(index.owner, index.name)] = index
    return catalog
