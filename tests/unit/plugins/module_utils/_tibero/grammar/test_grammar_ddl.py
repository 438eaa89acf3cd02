# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements that a standby cannot follow are recognised however they are written, and what cannot be told is never fine."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import ddl

#: What the manual lists (H, reference 15).
FORBIDDEN = {
    "ALTER TABLESPACE hist READ ONLY": "ALTER TABLESPACE ... READ ONLY",
    "ALTER TABLESPACE hist READ WRITE": "ALTER TABLESPACE ... READ WRITE",
    "ALTER DATABASE ADD LOGFILE GROUP 5 'l5.log' SIZE 50M": "ALTER DATABASE ADD LOGFILE",
    "ALTER DATABASE DROP LOGFILE GROUP 5": "ALTER DATABASE DROP LOGFILE",
    "ALTER DATABASE TEMPFILE 't.dtf' RESIZE 5M": "ALTER DATABASE TEMPFILE",
    "ALTER DATABASE RENAME FILE 'a' TO 'b'": "ALTER DATABASE RENAME FILE",
    "CREATE GLOBAL TEMPORARY TABLE g (a NUMBER)": "CREATE GLOBAL TEMPORARY TABLE",
}


def grades(text: str) -> list[str]:
    return [ddl.judge(one).grade for one in ddl.split(text)]


def one(text: str) -> ddl.Statement:
    (found,) = ddl.split(text)
    return found


@pytest.mark.parametrize(("text", "rule"), FORBIDDEN.items())
def test_each_of_the_manual(text: str, rule: str):
    verdict = ddl.judge(one(text + ";"))
    assert (verdict.grade, verdict.why) == ("unsupported", rule) and verdict.source.startswith("H")


@pytest.mark.parametrize(
    "text",
    [
        "alter/**/database--x\n/* y */add\n\tlogfile group 5 ('a', 'b') size 5M",
        "ALTER DATABASE orders ADD LOGFILE GROUP 5 'a'",
        "ALTER DATABASE \"orders\" ADD LOGFILE MEMBER 'a' TO GROUP 5",
        "ALTER DATABASE ADD LOGFILE THREAD 1 GROUP 5 'a'",
        'ALTER TABLESPACE "my; -- ts" READ\n\n ONLY',
        "create global\ntemporary table x as select ';' from dual",
    ],
)
def test_however_it_is_written(text: str):
    assert grades(text) == ["unsupported"]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 'ALTER DATABASE ADD LOGFILE' FROM dual",
        "INSERT INTO t VALUES ('it''s; CREATE GLOBAL TEMPORARY TABLE x')",
        'CREATE TABLE "ALTER DATABASE TEMPFILE" (a NUMBER) -- ALTER TABLESPACE x READ ONLY',
        "/* ALTER DATABASE DROP LOGFILE GROUP 1; */ COMMIT",
        "ALTER TABLE t READ ONLY",
        "CREATE OR REPLACE PROCEDURE p AS BEGIN EXECUTE IMMEDIATE 'x'; END;\n/",
        "CREATE UNIQUE INDEX i ON t (a)",
        "ALTER SYSTEM SWITCH LOGFILE",
        "SET LINESIZE 200",
        "SET TRANSACTION READ ONLY",
    ],
)
def test_what_travels(text: str):
    assert grades(text) == ["supported"]


@pytest.mark.parametrize(
    "text",
    [
        "INSERT /*+ APPEND */ INTO t SELECT * FROM s",
        "INSERT --+ append parallel\n INTO t SELECT * FROM s",
        "CREATE TABLE t (a NUMBER) NOLOGGING",
        "ALTER TABLESPACE TEMP ADD TEMPFILE 't2.dtf' SIZE 5M",
        "CREATE TABLESPACE ts DATAFILE 'ts.dtf' SIZE 5M",
        "ALTER SYSTEM SET LOG_REPLICATION_DEST_1='10.0.0.2:8633 LGWR ASYNC'",
        "ALTER SYSTEM SET _LNW_REVERSE_SYNC=Y",
    ],
)
def test_what_needs_care(text: str):
    assert grades(text) == ["caution"]


@pytest.mark.parametrize(
    "text",
    [
        "ALTER SYSTEM SET LOG_REPLICATION_MODE=PROTECTION",
        "SELECT 'open",
        'SELECT "open',
        "SELECT 1 /* open",
        "SELECT q'[it's]' FROM dual",
        "SELECT &what FROM dual",
        "SELECT '&&what' FROM dual",
        "BEGIN EXECUTE IMMEDIATE 'ALTER DATABASE TEMPFILE'; END;\n/",
        "DECLARE x NUMBER; BEGIN NULL; END;\n/",
        "BEGIN NULL; END;",
        "CREATE PROCEDURE p AS BEGIN NULL; END;",
        "CALL p()",
        "EXEC p",
        "@other.sql",
        "START other",
        "!rm -rf x",
        "HOST ls",
        "CONN sys/x@busan1",
        "/",
        "ALTER DATABASE",
        "ALTER DATABASE CONVERT TO SNAPSHOT STANDBY",
        "ALTER DATABASE DATAFILE 'a' RESIZE 5M",
        "ALTER TABLESPACE ts OFFLINE",
        "ALTER SYSTEM SUSPEND",
        "CREATE PRIVATE TEMPORARY TABLE t (a NUMBER)",
        "CREATE DATABASE x",
        "DROP DATABASE",
        "ALTER DATBASE ADD LOGFILE GROUP 1 'a'",
        "FROBNICATE",
        ") (",
    ],
)
def test_what_cannot_be_told_is_unknown(text: str):
    found = grades(text)
    assert "unknown" in found and "unsupported" not in found


def test_a_script_of_several():
    text = "-- head\nCREATE TABLE a (x NUMBER); INSERT INTO a VALUES (1);\nSET ECHO ON\nBEGIN NULL; END;\n/\n\nALTER TABLESPACE\n ts READ ONLY;\n"
    found = ddl.split(text)
    assert [(item.line, item.kind, item.words[0]) for item in found] == [
        (2, "sql", "CREATE"),
        (2, "sql", "INSERT"),
        (3, "command", "SET"),
        (4, "block", "BEGIN"),
        (7, "sql", "ALTER"),
    ]
    assert ddl.worst([ddl.judge(item).grade for item in found]) == "unsupported"


def test_what_follows_a_broken_statement_is_not_fine_either():
    assert grades("SELECT 'open;\nALTER TABLESPACE x READ ONLY;") == ["unknown"]


def test_a_division_is_no_end():
    assert one("UPDATE t SET a = 5/\n2;").text == "UPDATE t SET a = 5/\n2"


def test_the_plain_text_has_no_comment_but_hints():
    text = "INSERT /*+ APPEND */ /* note; */ INTO t -- tail\nVALUES ('--x', \"/*y*/\");"
    assert one(text).plain == "INSERT /*+ APPEND */   INTO t  \nVALUES ('--x', \"/*y*/\")"


def test_an_empty_script_is_fine():
    assert ddl.split(" \n-- nothing\n/* at all */;;\n") == () and ddl.worst([]) == "supported"


# ------------------------------------------------------------------------------------ properties

SPACE = st.lists(
    st.sampled_from((" ", "\n", "\t", "\r\n", "/**/", "/* ; ' \" */", "-- ';\"\n", "/* READ ONLY */")),
    min_size=1,
    max_size=3,
).map("".join)


@given(st.sampled_from(sorted(FORBIDDEN)), st.data())
def test_no_white_space_comment_or_case_hides_a_forbidden_statement(text: str, data: st.DataObject):
    words = [
        word if word.startswith("'") else data.draw(st.sampled_from((word, word.lower(), word.title())))
        for word in text.split(" ")
    ]
    hidden = data.draw(SPACE) + "".join(word + data.draw(SPACE) for word in words)
    before = data.draw(st.sampled_from(("", "COMMIT;", "SELECT 'x''y' FROM dual;\n", "SET ECHO ON\n")))
    assert "unsupported" in grades(before + hidden + ";")


@given(st.text(alphabet=st.sampled_from("ab;'\"/*-+\n @&qQ()1_")))
def test_nothing_of_a_text_is_dropped(text: str):
    """Every sign that is no blank stands in a statement, in a comment, or is an end sign."""
    at = 0
    for found in ddl.split(text):
        start = text.index(found.text, at)
        for gap in _without_comments(text[at:start]):
            assert gap.isspace() or gap in ";/", (text, found)
        at = start + len(found.text)


def _without_comments(gap: str) -> str:
    return re.sub(r"/\*.*?\*/|--[^\n]*", "", gap, flags=re.DOTALL)


@given(st.text())
def test_every_text_gets_a_verdict(text: str):
    for found in ddl.split(text):
        verdict = ddl.judge(found)
        assert verdict.grade in ddl.GRADES and verdict.why


@given(st.text(alphabet=st.characters(blacklist_characters="'\"&", blacklist_categories=("Cs",))))
def test_what_stands_in_a_string_says_nothing(text: str):
    assert grades(f"INSERT INTO t VALUES ('{text}');") == ["supported"]
