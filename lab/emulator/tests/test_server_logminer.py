# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DBMS_LOGMNR of the emulator (invented): what the redo of a former primary says was written, read at MOUNT."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server_harness import Node

from tibero_emulator.server import redolog


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path / "node")
    yield made
    made.stop_hard()


texts = st.text(max_size=40)
writes = st.lists(
    st.fixed_dictionaries({"op": texts, "owner": texts, "name": texts, "user": texts, "sql": texts}), max_size=6
)


@given(writes, st.integers(0, 7))
@settings(max_examples=60)
def test_statements_stand_behind_the_pages_and_disturb_nothing(found: list[dict[str, str]], padding: int) -> None:
    pages = [redolog.PageChange(3, 1, 2, bytes(512))]
    payload = redolog.encode_commit(9, pages) + redolog.encode_writes("t1", found) + bytes(padding)
    assert redolog.decode_commit(payload) == (9, pages)
    assert redolog.decode_writes(payload) == (("t1", found) if found else ("", []))
    assert redolog.decode_writes(redolog.encode_commit(9, pages)) == ("", [])


def _logs(node: Node) -> list[str]:
    return [row[0] for row in node.sql("SELECT MEMBER FROM V$LOGFILE").rows if row[0]]


def _mine(node: Node, after: int, files: list[str] | None = None) -> list[list[str | None]]:
    names = files if files is not None else [path for path in _logs(node) if redolog_used(path)]
    calls = [f"CALL DBMS_LOGMNR.ADD_LOGFILE('{path}', {1 if not i else 3})" for i, path in enumerate(names)]
    return node.sql(
        *calls,
        "CALL DBMS_LOGMNR.START_LOGMNR(0, 0, NULL, NULL, NULL, 2)",
        f"SELECT SCN, OPERATION, SEG_OWNER, SEG_NAME, SQL_REDO FROM V$LOGMNR_CONTENTS WHERE SCN > {after} ORDER BY SCN",
    ).rows


def redolog_used(path: str) -> bool:
    try:
        return bool(redolog.read_header(path).seq)
    except redolog.LogError:
        return False


def test_off_as_long_as_nobody_documents_it(node: Node) -> None:
    node.create()
    assert node.refusal("CALL DBMS_LOGMNR.ADD_LOGFILE('/x', 1)") == 8033
    assert node.refusal("SELECT * FROM V$LOGMNR_CONTENTS") == 8033


def test_exactly_the_committed_statements_after_a_tsn_at_mount_after_a_crash(node: Node) -> None:
    node.settings["logminer"] = "on"
    node.create()
    node.sql("CREATE TABLE t (id NUMBER PRIMARY KEY, what VARCHAR(20))", "INSERT INTO t VALUES (1, 'before')", "COMMIT")
    branch = int(node.value("SELECT CURRENT_TSN FROM V$DATABASE") or 0)
    node.sql(
        "INSERT INTO t VALUES (2, 'o''ne; -- <<x>>')",
        "SAVEPOINT a",
        "INSERT INTO t VALUES (99, 'undone')",
        "ROLLBACK TO a",
        "UPDATE t SET what = 'changed' WHERE id = 1",
        "DELETE FROM t WHERE id = 12345",
        "COMMIT",
        "INSERT INTO t VALUES (98, 'rolled back')",
        "ROLLBACK",
        "ALTER SYSTEM SWITCH LOGFILE",
        "CREATE USER u IDENTIFIED BY 'secret_word'",
        "INSERT INTO t VALUES (97, 'open')",
    )
    open_one = node.connect()
    open_one.execute("INSERT INTO t VALUES (96, 'never committed')")
    node.kill()
    node.up("MOUNT")
    rows = _mine(node, branch)
    assert [row[1:] for row in rows] == [
        ["INSERT", "SYS", "T", "INSERT INTO t VALUES (2, 'o''ne; -- <<x>>')"],
        ["UPDATE", "SYS", "T", "UPDATE t SET what = 'changed' WHERE id = 1"],
        ["DDL", None, None, "CREATE USER u IDENTIFIED BY '***'"],
    ]
    assert all(int(row[0] or 0) > branch for row in rows)
    assert node.refusal("SELECT * FROM V$LOGMNR_CONTENTS") == 590001
    assert node.refusal("CALL DBMS_LOGMNR.START_LOGMNR(0, 0)") == 590001


def test_a_large_transaction_is_told_whole_and_once(node: Node) -> None:
    node.settings["logminer"] = "on"
    node.create()
    node.sql("CREATE TABLE t (id NUMBER PRIMARY KEY, what VARCHAR(1000))")
    branch = int(node.value("SELECT CURRENT_TSN FROM V$DATABASE") or 0)
    wanted = [f"INSERT INTO t VALUES ({number}, '{'x' * 900}')" for number in range(700)]
    node.sql(*wanted, "COMMIT")
    node.down()
    node.up("MOUNT")
    assert [row[4] for row in _mine(node, branch)] == wanted
