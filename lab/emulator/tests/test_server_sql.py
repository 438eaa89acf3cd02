# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQL over the wire: dialect, types, transactions, dictionary, accounts. One server for the whole file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_harness import Node, wait_for

from tibero_emulator import wire


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    made = Node(tmp_path_factory.mktemp("sql"))
    try:
        made.create()
        yield made
    finally:
        made.stop_hard()


@pytest.fixture
def tibero(node: Node) -> Iterator[wire.Client]:
    client = node.connect("tibero", "tmax")
    yield client
    client.close()


def rows(client: wire.Client, sql: str) -> list[list[str | None]]:
    return client.execute(sql).rows


def code(client: wire.Client, sql: str) -> int:
    with pytest.raises(wire.WireError) as caught:
        client.execute(sql)
    return caught.value.code


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1 FROM DUAL", [["1"]]),
        ("select dummy from dual", [["X"]]),
        ("SELECT 'a' || NULL || 1.50 FROM DUAL", [["a1.5"]]),
        ("SELECT NVL(NULL, 'x'), NVL2('a', 'b', 'c'), COALESCE(NULL, NULL, 3) FROM DUAL", [["x", "b", "3"]]),
        ("SELECT DECODE(2, 1, 'one', 2, 'two', 'other'), DECODE(NULL, NULL, 'n') FROM DUAL", [["two", "n"]]),
        (
            "SELECT MOD(7, 3), MOD(-7, 3), TRUNC(3.789, 2), TRUNC(-3.7), ROUND(2.5), 1/3 FROM DUAL",
            [["1", "-1", "3.78", "-3", "3", "0.3333333333333333"]],
        ),
        (
            "SELECT TO_CHAR(1234.5, '9,999.00'), TO_CHAR(7, 'FM000'), TO_CHAR(-3), TO_CHAR(12, '0000000000') FROM DUAL",
            [[" 1,234.50", "007", "-3", " 0000000012"]],
        ),
        (
            "SELECT TO_CHAR(TO_DATE('2024/02/29 13:05:07', 'YYYY/MM/DD HH24:MI:SS'), "
            "'DD-MON-YY HH:MI:SS AM DY') FROM DUAL",
            [["29-FEB-24 01:05:07 PM THU"]],
        ),
        (
            "SELECT TO_DATE('20240131', 'YYYYMMDD') + 1, DATE '2024-03-01' - DATE '2024-02-01' FROM DUAL",
            [["2024/02/01", "29"]],
        ),
        (
            "SELECT ADD_MONTHS(DATE '2024-01-31', 1), LAST_DAY(DATE '2023-02-03') FROM DUAL",
            [["2024/02/29", "2023/02/28"]],
        ),
        (
            "SELECT SUBSTR('abcdef', 2, 3), SUBSTR('abcdef', -2), INSTR('banana', 'a', 1, 2), "
            "LPAD('7', 3, '0') FROM DUAL",
            [["bcd", "ef", "4", "007"]],
        ),
        ("SELECT COUNT(*) FROM (SELECT LEVEL FROM DUAL CONNECT BY LEVEL <= 100)", [["100"]]),
        (
            "SELECT TRIM(TO_CHAR(ROWNUM, '0000000000')), ROWNUM FROM DUAL CONNECT BY LEVEL <= 2",
            [["0000000001", "1"], ["0000000002", "2"]],
        ),
        ("SELECT CASE WHEN '' IS NULL THEN 'empty is null' END FROM DUAL", [["empty is null"]]),
        ("SELECT USER, SYS_CONTEXT('USERENV', 'DB_NAME') FROM DUAL", [["TIBERO", "orders"]]),
        ("SELECT '<<' || TO_CHAR(COUNT(*)) || '>>' FROM DUAL", [["<<1>>"]]),
    ],
)
def test_expressions(tibero: wire.Client, sql: str, expected: list[list[str | None]]) -> None:
    assert rows(tibero, sql) == expected


def test_headings_and_types(tibero: wire.Client) -> None:
    result = tibero.execute("select count(*), sysdate d, upper('x'), to_char(sysdate, 'YYYY') \"Year\" from dual")
    assert [each["name"] for each in result.columns] == ["COUNT(*)", "D", "UPPER('x')", "Year"]
    assert [each["type"] for each in result.columns] == ["NUMBER", "DATE", "VARCHAR", "VARCHAR"]


def test_tables_and_feedback(tibero: wire.Client) -> None:
    assert tibero.execute(
        "CREATE TABLE T1 (C1 NUMBER(5) PRIMARY KEY, C2 VARCHAR(10) NOT NULL, C3 CHAR(4), C4 DATE DEFAULT SYSDATE)"
    ).message == ("Table 'T1' created.")
    assert tibero.execute("insert into t1 values (1, 'one', 'a', sysdate)").message == "1 row inserted."
    assert (
        tibero.execute("insert into t1 (c1, c2) select level + 1, 'r' || level from dual connect by level <= 4").message
        == "4 rows inserted."
    )
    assert tibero.execute("update t1 set c2 = upper(c2) where c1 > 3").message == "2 rows updated."
    assert tibero.execute("delete from t1 where c1 = 99").message == "0 row deleted."
    assert tibero.execute("commit").message == "Commit completed."
    assert rows(tibero, "select c1, c2, c3 || '|' from t1 where c1 <= 1 or c2 = 'R4' order by c1 desc") == [
        ["5", "R4", "|"],
        ["1", "one", "a   |"],
    ]
    assert rows(tibero, "select c1 from t1 where c3 = 'a'") == [["1"]]
    assert rows(tibero, "select c1 from (select c1 from t1 order by c1 desc) where rownum <= 2") == [["5"], ["4"]]
    assert rows(tibero, "select count(*) from t1 where c4 is not null and c4 <= sysdate") == [["5"]]
    assert rows(tibero, "select a.c1, b.c1 from t1 a, t1 b where a.c1 = b.c1 - 4 and b.c1 is not null") == [["1", "5"]]
    assert rows(tibero, "select a.c1, b.c1 from t1 a, t1 b where a.c1 + 4 = b.c1(+) and a.c1 < 3 order by 1") == [
        ["1", "5"],
        ["2", None],
    ]
    merged = tibero.execute(
        "merge into t1 t using (select 1 c1, 'uno' c2 from dual union all select 50, 'new' from dual) s "
        "on (t.c1 = s.c1) "
        "when matched then update set t.c2 = s.c2 when not matched then insert (c1, c2) values (s.c1, s.c2)"
    )
    assert merged.message == "2 rows merged."
    assert rows(tibero, "select c2 from t1 where c1 in (1, 50) order by c1") == [["uno"], ["new"]]
    tibero.execute("rollback")
    assert rows(tibero, "select c2 from t1 where c1 in (1, 50)") == [["one"]]
    tibero.execute("create table b(b) as select level from dual connect by level < 100")
    assert rows(tibero, "select count(*), max(b) from b") == [["99", "99"]]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select selekt frm x", 8004),
        ("selec 1 from dual", 8004),
        ("select 1 from dual; select 2 from dual", 8004),
        ("select * from no_such_table", 8033),
        ("select nope from dual", 8026),
        ("insert into k (nope) values (1)", 8026),
        ("insert into k values (1, 'dup', 1)", 10007),
        ("insert into k values (null, 'x', 1)", 10005),
        ("insert into k values (7, 'much too long', 1)", 590003),
        ("insert into k values (123456, 'x', 1)", 590003),
        ("insert into k values ('abc', 'x', 1)", 590004),
        ("insert into k values (8, 'x', -1)", 10006),
        ("insert into k values (1, 2)", 8004),
        ("insert into k", 8004),
        ("drop table nope", 7071),
        ("create table k (a number)", 7074),
        ("create unique index k_i on k(a)", 7124),
        ("select 1/0 from dual", 5070),
        ("select to_date('2024-13-01', 'YYYY-MM-DD') from dual", 590004),
        ("begin null; end", 8004),
    ],
)
def test_errors(tibero: wire.Client, sql: str, expected: int) -> None:
    try:
        tibero.execute(
            "create table k (a number(5) constraint k_pk primary key, b varchar(5), c number check (c >= 0))"
        )
        tibero.execute("insert into k values (1, 'a', 0)")
        tibero.execute("commit")
    except wire.WireError as error:
        assert error.code == 7074
    assert code(tibero, sql) == expected
    assert rows(tibero, "select count(*) from k") == [["1"]]


def test_constraint_name_is_told(tibero: wire.Client) -> None:
    tibero.execute("create table cn (a number constraint cn_pk primary key)")
    tibero.execute("insert into cn values (1)")
    with pytest.raises(wire.WireError, match=r"UNIQUE constraint violation \('TIBERO'.'CN_PK'\)"):
        tibero.execute("insert into cn values (1)")
    tibero.execute("rollback")


def test_sequences_survive(node: Node, tibero: wire.Client) -> None:
    tibero.execute("create sequence sq start with 5 increment by 2")
    assert rows(tibero, "select sq.nextval from dual") == [["5"]]
    assert rows(tibero, "select sq.nextval, sq.currval from dual") == [["7", "7"]]
    tibero.execute("create table sqt (a number)")
    tibero.execute("insert into sqt values (sq.nextval)")
    tibero.execute("commit")
    assert rows(tibero, "select a from sqt") == [["9"]]


def test_two_writers_wait_for_each_other(node: Node, tibero: wire.Client) -> None:
    tibero.execute("create table w (a number)")
    tibero.execute("insert into w values (1)")
    done: list[str | None] = []

    def second() -> None:
        done.append(node.sql("insert into tibero.w values (2)", "commit").message)

    thread = threading.Thread(target=second)
    thread.start()
    assert rows(tibero, "select count(*) from w") == [["1"]]
    assert node.value("select count(*) from tibero.w") == "0"
    assert not done
    tibero.execute("commit")
    thread.join(20)
    assert done == ["Commit completed."]
    assert rows(tibero, "select count(*) from w") == [["2"]]


def test_ddl_commits(node: Node, tibero: wire.Client) -> None:
    tibero.execute("create table dc (a number)")
    tibero.execute("insert into dc values (1)")
    tibero.execute("create table dc2 (a number)")
    tibero.execute("rollback")
    assert node.value("select count(*) from tibero.dc") == "1"
    assert tibero.execute("alter table dc add (b varchar(5) default 'x')").message == "Table 'DC' altered."
    assert rows(tibero, "select a, b from dc") == [["1", "x"]]
    assert tibero.execute("truncate table dc").message == "Table 'DC' truncated."
    assert tibero.execute("drop table dc").message == "Table 'DC' dropped."
    assert code(tibero, "select * from dc") == 8033


def test_lost_session_rolls_back(node: Node, tibero: wire.Client) -> None:
    tibero.execute("create table lost (a number)")
    other = node.connect("tibero", "tmax")
    other.execute("insert into lost values (1)")
    other.close()
    wait_for(lambda: node.status()["sessions"] == 1, what="end of the other session")
    assert tibero.execute("insert into lost values (2)").message == "1 row inserted."
    tibero.execute("commit")
    assert rows(tibero, "select a from lost") == [["2"]]


def test_accounts_and_privileges(node: Node) -> None:
    node.sql("create user app identified by 'Mixed'", "grant connect, resource to app")
    assert node.refusal("select 1 from dual", user="app", password="mixed") == 17001
    assert node.value("select user from dual", user="APP", password="Mixed") == "APP"
    node.sql("create table mine (a number)", user="app", password="Mixed")
    node.sql("create table tibero.others (a number)")
    login = {"user": "app", "password": "Mixed"}
    assert node.refusal("select * from tibero.others", **login) == 8033
    node.sql("grant select on tibero.others to app")
    assert node.value("select count(*) from tibero.others", **login) == "0"
    assert node.refusal("alter system switch logfile", **login) == 17003
    assert node.refusal("create user x identified by y", **login) == 17003
    assert node.refusal("select * from _vt_parameter", **login) == 8033
    node.sql("alter user app account lock")
    assert node.refusal("select 1 from dual", **login) == 17006


def test_password_file(node: Node) -> None:
    hidden = node.data / ".passwd"
    before = hidden.read_bytes()
    assert len(before) == 44
    assert node.refusal("select 1 from dual", password="wrong") == 17001
    node.sql("alter user sys identified by other1")
    assert hidden.read_bytes() != before
    assert node.value("select 1 from dual", password="OTHER1") == "1"
    node.sql("alter user sys identified by tibero", password="other1")
    assert hidden.read_bytes() == before
    moved = hidden.rename(node.data / "hidden")
    try:
        assert node.refusal("select 1 from dual") == 17007
    finally:
        moved.rename(hidden)


def test_wrong_db_name(node: Node) -> None:
    with pytest.raises(wire.WireError) as caught:
        wire.Client.connect("127.0.0.1", node.port, "sys", "tibero", "elsewhere", 20)
    assert caught.value.code == 12079


def test_special_port_answers(node: Node) -> None:
    client = wire.Client.connect("127.0.0.1", node.port + 1, "sys", "tibero", "orders", 20)
    assert rows(client, "select 1 from dual") == [["1"]]
    client.close()


def test_views(node: Node) -> None:
    assert node.value("select open_mode from v$database") == "READ WRITE"
    assert node.value("SELECT LOG_MODE FROM V$DATABASE") == "ARCHIVELOG"
    columns = [each["name"] for each in node.sql("select * from v$database").columns]
    assert columns[:5] == ["DBID", "NAME", "DB_CREATE_DATE", "CF_CREATE_DATE", "CURRENT_TSN"]
    columns = [each["name"] for each in node.sql("select * from v$instance").columns]
    assert columns == [
        "INSTANCE_NUMBER",
        "INSTANCE_NAME",
        "DB_NAME",
        "HOST_NAME",
        "PARALLEL",
        "THREAD#",
        "VERSION",
        "STARTUP_TIME",
        "STATUS",
        "SHUTDOWN_PENDING",
        "TIP_FILE",
    ]
    assert node.sql("select name from v$tablespace order by ts#").rows == [
        ["SYSTEM"],
        ["UNDO"],
        ["TEMP"],
        ["USR"],
        ["SYSSUB"],
    ]
    assert node.sql("select group#, member from v$logfile").rows == [
        [str(i), str(node.data / f"log{i}1.log")] for i in range(3)
    ]
    assert node.sql("select name from v$controlfile").rows == [[name] for name in node.tip["CONTROL_FILES"]]
    assert node.sql("select file# from v$datafile").rows == [["0"], ["1"], ["2"], ["3"]]
    assert node.value("select value from _vt_parameter where name = 'DB_NAME'") == "orders"
    assert node.value("select value from _dd_props where name = 'NLS_CHARACTERSET'") == "UTF8"
    assert node.value("select count(*) from v$session where username = 'SYS'") == "1"
    assert node.value("select status from v$backup where file# = 0") == "NOT ACTIVE"
    assert node.sql("select tablespace_name from dba_temp_files").rows == [["TEMP"]]
    assert node.sql("select a.name, b.group# from v$database a, v$log b where b.status = 'CURRENT'").row_count == 1
    assert node.sql("select * from v$standby_dest").rows == []
    assert (
        node.value("select table_name from user_tables where table_name = 'T1'", user="tibero", password="tmax") == "T1"
    )


def test_an_open_transaction_is_seen_with_its_session_and_age(node: Node, tibero: wire.Client) -> None:
    assert node.value("select count(*) from v$transaction") == "0"
    tibero.execute("CREATE TABLE open_for_long (id NUMBER)")
    tibero.execute("INSERT INTO open_for_long VALUES (1)")
    assert (
        node.sql("select sess_id from v$transaction").rows
        == node.sql("select sid from v$session where username = 'TIBERO'").rows
    )
    age = node.value("SELECT FLOOR((SYSDATE - START_TIME) * 86400) FROM V$TRANSACTION")
    assert age is not None and 0 <= int(age) < 60
    tibero.execute("ROLLBACK")
    assert node.value("select count(*) from v$transaction") == "0"
    tibero.execute("DROP TABLE open_for_long")


def test_archive_log_list_as_recorded(node: Node) -> None:
    before = node.sql("archive log list")
    assert [each["width"] for each in before.columns] == [31, 48]
    assert [row[0] for row in before.rows] == [
        "Database log mode",
        "Archive destination",
        "Oldest online log sequence",
        "Next log sequence to archive",
        "Current log sequence",
    ]
    assert before.rows[0][1] == "Archive Mode"
    assert str(before.rows[1][1]).endswith("/arch/")
    assert node.sql("alter system switch logfile").message == "System altered."
    after = node.sql("archive log list").rows
    assert int(str(after[4][1])) == int(str(before.rows[4][1])) + 1
    closed = before.rows[4][1]
    name = str(node.data / "arch" / f"log-t0-r0-s{closed}.arc")
    wait_for(lambda: [closed, name] in node.sql("select sequence#, name from v$archived_log").rows, what="the archive")
    assert [str(int(str(closed)) + 1), name] in node.sql("select sequence#, name from v$archive_dest_files").rows


def test_tablespaces_and_growth(node: Node, tibero: wire.Client) -> None:
    assert node.sql(
        "create tablespace drop_test_ts datafile 'drop_test_ts.dtf' size 2M AUTOEXTEND ON NEXT 1M MAXSIZE 1G"
    ).message == ("Tablespace 'DROP_TEST_TS' created.")
    assert (
        tibero.execute("create table tibero.test_tbl (c1 char(10), c2 number(10)) tablespace drop_test_ts").message
        == "Table 'TIBERO.TEST_TBL' created."
    )
    sql = "insert into tibero.test_tbl select trim(to_char(rownum, '0000000000')), rownum from dual "
    sql += "connect by level <= 80000"
    assert tibero.execute(sql).message == "80000 rows inserted."
    tibero.execute("commit")
    size = int(str(node.value("select bytes from v$datafile where name like '%drop_test_ts.dtf'")))
    assert size > 2 * 1024 * 1024
    assert Path(node.data / "drop_test_ts.dtf").stat().st_size == size
    assert (
        node.sql("drop tablespace drop_test_ts including contents and datafiles").message
        == "Tablespace 'DROP_TEST_TS' dropped."
    )
    assert not (node.data / "drop_test_ts.dtf").exists()
    node.sql("create tablespace tiny datafile 'tiny.dtf' size 1M")
    tibero.execute("create table full_one (a varchar(1000)) tablespace tiny")
    tibero.execute("insert into full_one select rpad('x', 1000, 'y') from dual connect by level <= 3000")
    assert code(tibero, "commit") == 590005
    assert rows(tibero, "select count(*) from full_one") == [["0"]]


def test_statements_below_the_session_continue(tibero: wire.Client) -> None:
    assert code(tibero, "select * from nothing_here") == 8033
    assert rows(tibero, "select 1 from dual") == [["1"]]


def test_a_session_is_ended_by_its_numbers(node: Node) -> None:
    victim, sys = node.connect("tibero", "tmax"), node.connect()
    listed = "SELECT SID, SERIAL# FROM V$SESSION WHERE USERNAME = 'TIBERO'"
    ((sid, serial),) = rows(sys, listed)
    assert code(sys, f"ALTER SYSTEM KILL SESSION '{sid},{serial}'") == 7001
    sys.execute(f"ALTER SYSTEM KILL SESSION ({sid}, {serial})")
    wait_for(lambda: rows(sys, listed) == [], what="the session to be gone")
    victim.close()
    sys.close()
