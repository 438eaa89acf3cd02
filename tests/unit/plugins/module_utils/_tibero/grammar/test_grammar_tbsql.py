# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tbsql: folded rows, pages, residue, errors of several lines, and what a publisher does to blanks."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import columns, tbsql

RECORDINGS = Path(__file__).resolve().parents[5] / "recordings" / "tibero"
QUICK = settings(max_examples=100, deadline=None)
LOGS = """
    GROUP# MEMBER
---------- -----------------------------------
         0 /t/log01.log
         1 /t/log11.log

2 rows selected.
"""
LOG_ROWS = [{"GROUP#": "0", "MEMBER": "/t/log01.log"}, {"GROUP#": "1", "MEMBER": "/t/log11.log"}]
FOLDED = """
      DBID NAME
---------- ----------------------------------------
RESETLOG_DATE                    PREV_RESETLOG_TSN
-------------------------------- -----------------
LOG_MODE
------------
"""


def only(text: str) -> tbsql.Table:
    tables = tbsql.parse(text).tables
    assert len(tables) == 1
    return tables[0]


def rows(text: str) -> list[dict[str, str | None]]:
    table = only(text)
    assert not table.damaged
    return tbsql.dicts(table)


@pytest.mark.parametrize(
    "text",
    [
        LOGS,
        LOGS.replace("\n\n", "\n"),
        LOGS.replace("\n", "\r\n"),
        "SQL> select GROUP#, member from v$logfile;\n" + LOGS + "\nSQL> \n",
        "SQL> select GROUP#, member\n   2 from v$logfile\n   3 ;\n" + LOGS,
        "SQL> \n" + LOGS + "\nSQL> Disconnected.\n",
        LOGS.replace("    GROUP#", "SQL>     GROUP#", 1),
        "\n".join("    " + line for line in LOGS.split("\n")),
        LOGS.replace("         0 /", "0 /").replace("         1 /", "1 /"),
        LOGS.replace("    GROUP#", "GROUP#"),
        "[u@h ~]$ tbsql sys/x\n\ntbSQL 7\n\nConnected to Tibero.\n\n" + LOGS,
        LOGS.replace("\n2 rows selected.", ""),
        LOGS.replace("2 rows selected.", "SQL> 2 rows selected."),
        LOGS.rstrip(),
    ],
)
def test_a_small_table_however_it_was_copied(text: str) -> None:
    assert rows(text) == LOG_ROWS


def test_folded_rows_with_nulls_and_separators() -> None:
    text = FOLDED + (
        " 881590366 tibero\n"
        "                                                 0\n"
        "NOARCHIVELOG\n"
        "\n"
        "         2 other\n"
        "\n"
        "ARCHIVELOG\n"
        "\n"
        "         3\n"
        "2018/01/26                                    7\n"
        "\n"
        "\n"
        "\n"
        "3 rows selected.\n"
    )
    assert rows(text) == [
        {
            "DBID": "881590366",
            "NAME": "tibero",
            "RESETLOG_DATE": None,
            "PREV_RESETLOG_TSN": "0",
            "LOG_MODE": "NOARCHIVELOG",
        },
        {"DBID": "2", "NAME": "other", "RESETLOG_DATE": None, "PREV_RESETLOG_TSN": None, "LOG_MODE": "ARCHIVELOG"},
        {"DBID": "3", "NAME": None, "RESETLOG_DATE": "2018/01/26", "PREV_RESETLOG_TSN": "7", "LOG_MODE": None},
    ]


def test_folded_rows_without_a_count() -> None:
    text = FOLDED + " 881590366 tibero\n" + " " * 49 + "0\nNOARCHIVELOG\n\n\nSQL> Disconnected.\n"
    assert [row["LOG_MODE"] for row in rows(text)] == ["NOARCHIVELOG"]


def test_a_folded_row_that_lost_a_blank_line_is_damaged() -> None:
    table = only(FOLDED + " 881590366 tibero\nNOARCHIVELOG\n\n1 row selected.\n")
    assert table.damaged


def test_a_count_that_does_not_fit_is_damage() -> None:
    assert only(LOGS.replace("2 rows", "3 rows")).damaged
    assert only("5 rows selected.\n").damaged
    assert not only("0 row selected.\n").damaged
    assert only("0 row selected.\n").rows == ()


def test_a_row_of_null_is_a_row_if_the_count_says_so() -> None:
    text = "\nNAME\n----------\na\n\nb\n\n3 rows selected.\n"
    assert rows(text) == [{"NAME": "a"}, {"NAME": None}, {"NAME": "b"}]
    assert rows("\nX\n-\n\n\n1 row selected.\n") == [{"X": None}]
    assert only(text.replace("3 rows selected.", "")).damaged


def test_pages_are_one_result_if_the_count_says_so() -> None:
    page = "\n NUM\n----\n   1\n   2\n"
    assert [row["NUM"] for row in rows(page + page.replace("1", "3").replace("2", "4") + "\n4 rows selected.\n")] == [
        "1",
        "2",
        "3",
        "4",
    ]
    for count in (3, 5):
        last = tbsql.parse(page + page + "\n%d rows selected.\n" % count).tables[-1]
        assert (len(last.rows), last.damaged) == (2, True)
    tables = tbsql.parse(page + page + "\n2 rows selected.\n").tables
    assert [(len(table.rows), table.selected, table.damaged) for table in tables] == [(2, None, False), (2, 2, False)]


def test_pages_of_folded_rows_are_one_result() -> None:
    page = FOLDED + "         %d x\n2018/01/26                                       %d\nARCHIVELOG\n\n"
    text = page % (1, 11) + page % (2, 22) + "\n2 rows selected.\n"
    assert [(row["DBID"], row["PREV_RESETLOG_TSN"]) for row in rows(text)] == [("1", "11"), ("2", "22")]


def test_a_statement_between_two_equal_queries_is_no_row() -> None:
    query = FOLDED + "         1 x\n2018/01/26                                       7\nARCHIVELOG\n\n\n"
    run = tbsql.parse(query + "System altered.\n\n" + query + "SQL> ")
    assert [len(table.rows) for table in run.tables] == [1, 1]
    assert [feedback.text for feedback in run.feedback] == ["System altered."]


def test_a_folded_row_may_start_with_a_line_of_nulls() -> None:
    row = "\n%49d\nARCHIVELOG\n\n"
    assert [
        (found["DBID"], found["PREV_RESETLOG_TSN"]) for found in rows(FOLDED + row % 5 + "\n1 row selected.\n")
    ] == [(None, "5")]
    both = rows(FOLDED + row % 5 + row % 6 + "\n2 rows selected.\n")
    assert [(found["DBID"], found["PREV_RESETLOG_TSN"]) for found in both] == [(None, "5"), (None, "6")]


def test_blank_lines_that_can_be_nulls_or_not_are_damage() -> None:
    doubled = FOLDED + "\n\n         1 x\n2018/01/26                                       7\nARCHIVELOG\n\n\n"
    assert only(doubled + "1 row selected.\n").damaged


def test_a_dash_is_a_value() -> None:
    assert rows("\nLOG\n-----\n1\n-\n22\n--\n\n4 rows selected.\n") == [{"LOG": log} for log in ("1", "-", "22", "--")]
    text = FOLDED + "         1 x\n-\nA\n\n         2 y\n--\nB\n\n\n2 rows selected.\n"
    assert [(row["NAME"], row["RESETLOG_DATE"], row["LOG_MODE"]) for row in rows(text)] == [
        ("x", "-", "A"),
        ("y", "--", "B"),
    ]
    assert rows("\nLOG\n---\n1\n---\n\n2 rows selected.\n") == [{"LOG": "1"}, {"LOG": "---"}]
    # What can be a heading of its own as well is not settled without the count.
    assert only("\nLOG\n---\nN\n-\n\n2 rows selected.\n").damaged
    wide = "\nNAME       STATUS\n---------- --------\nseoul      UP\n-          -\nbusan      DOWN\n"
    expected = [("seoul", "UP"), ("-", "-"), ("busan", "DOWN")]
    for text in (wide, wide + "\n3 rows selected.\n"):
        assert [(row["NAME"], row["STATUS"]) for row in rows(text)] == expected


def test_a_count_that_fits_nothing_damages_the_table_before_it() -> None:
    head = "\nNAME\n----------\na\n"
    # The dashes of a value cannot be told from those of a heading.
    cut = tbsql.parse(head + "b\n----------\nc\n\n4 rows selected.\n").tables
    assert [table.damaged for table in cut] == [True, True]
    for between in ("SQL> hm\n", "SQL> commit;\nCommit completed.\n"):
        orphan = tbsql.parse(head + between + "5 rows selected.\n").tables
        assert [table.damaged for table in orphan] == [True, True]
    vouched = tbsql.parse(head + "SQL> hm\n1 row selected.\n").tables
    assert not vouched[0].damaged
    counted = tbsql.parse(head + "\n1 row selected.\n\n4 rows selected.\n").tables
    assert [table.damaged for table in counted] == [False, True]
    third = tbsql.parse(head + head.replace("NAME", "X") + "SQL> hm\n5 rows selected.\n").tables
    assert [table.damaged for table in third] == [False, True, True]


def test_a_heading_without_rows_is_damage() -> None:
    assert only("\nNAME\n----------\n\n\n").damaged


@pytest.mark.parametrize(
    ("body", "damaged"),
    [
        ("a\n\nb\n\nSQL> \n", True),
        ("\nb\n", True),
        ("a\n\n   b c\n", False),
        ("a\n\nlonger than the column\n", False),
        ("a\n\n\nb\n", False),
        ("a\n\nSQL> quit\n", False),
        ("a\n\nDropped.\n", False),
        ("a\n\nTBR-8004 b\n", False),
        ("a\n\nX\n-\n1\n", False),
        ("a\n\nquit;\n", False),
        ("a\n\n$ quit\n", False),
    ],
)
def test_a_row_behind_a_row_of_null_is_lost_without_a_count(body: str, damaged: bool) -> None:
    assert tbsql.parse("\nNAME\n----------\n" + body).tables[0].damaged is damaged


def test_the_time_a_statement_took_is_no_row() -> None:
    assert rows("\nNAME\n" + "-" * 80 + "\na\n\nTotal elapsed time 00:00:00.002311\n") == [{"NAME": "a"}]


def test_a_folded_row_behind_a_line_of_nulls_is_lost_without_a_count() -> None:
    row = FOLDED + "         1 x\n2018/01/26                                       7\nARCHIVELOG\n\n%s\nSQL> "
    assert only(row % "\n2018/01/27                                       8\nARCHIVELOG\n\n").damaged
    assert only(row % "\n\nARCHIVELOG\n\n").damaged
    assert only(row % "         2 y").damaged
    assert not only(row % "").damaged
    assert not only(row % "\n\n\nARCHIVELOG\n\n").damaged


def test_a_wrapped_value_is_no_row_of_its_own() -> None:
    head = "\n        ID NAME\n---------- ----------\n"
    assert only(head + "         1 abcdefghij\n           klm\n").damaged
    assert only(head + "         1 \ud55c\uae00\ud55c\uae00\ud55c\n           klm\n").damaged
    assert only(head + "         1 abcdefghij\n           klm\n\n1 row selected.\n").damaged
    assert not only(head + "         1 abcdefghij\n           klm\n\n2 rows selected.\n").damaged
    assert not only(head + "         1 abcdefghi\n           klm\n").damaged
    assert not only(head + "1234567890 a\n         2\n").damaged


def recorded(name: str) -> str:
    return (RECORDINGS / name).read_text(encoding="utf-8").split("\n", 1)[1]


def stripped(text: str) -> str:
    return "\n".join(line.lstrip() for line in text.split("\n"))


@pytest.mark.parametrize("name", ["t7-tbsql-v_instance.txt", "t6-tbsql-v_database.txt"])
def test_a_recording_without_its_indentation_reads_the_same(name: str) -> None:
    assert rows(stripped(recorded(name))) == rows(recorded(name))


def test_a_recording_of_which_runs_of_blanks_became_one() -> None:
    text = recorded("t6-tbsql-table-alignment.txt")
    assert rows(re.sub(" +", " ", text)) == rows(text)


@pytest.mark.parametrize(
    "mangle", [stripped, lambda text: re.sub(" +", " ", text), lambda text: stripped(re.sub(" +", " ", text))]
)
def test_no_recording_gives_other_values_when_its_blanks_are_lost(mangle: Callable[[str], str]) -> None:
    for path in sorted(RECORDINGS.glob("*.txt")):
        text = recorded(path.name)
        tables = [table for table in tbsql.parse(text).tables if not table.damaged]
        right = {(table.columns, row) for table in tables for row in table.rows}
        # Within a value one blank is as good as several.
        right |= {(names, tuple(cell and re.sub(" +", " ", cell) for cell in row)) for names, row in right}
        columns = {names for names, _row in right}
        for table in tbsql.parse(mangle(text)).tables:
            if table.columns in columns and not table.damaged:
                assert {(table.columns, row) for row in table.rows} <= right, path.name


NUMBERED = "INSTANCE_NUMBER INSTANCE_NAME\n--------------- --------------------\n"
SIZES = "TABLESPACE_NAME TOTAL_SIZE(MB) USED_SIZE(MB)\n--------------- -------------- -------------\n"
MODES = (
    "PREV_RESETLOG_DATE               LOG_MODE       CKPT_TSN\n"
    "-------------------------------- ------------ ----------\n"
    "2018/01/26                       ARCHIVELOG            7\n"
)


@pytest.mark.parametrize(
    ("text", "last"),
    [
        (NUMBERED + "0 tiberotestdb\n", ("0", "tiberotestdb")),
        (NUMBERED + "0 a  b\n", ("0", "a  b")),
        (NUMBERED + "0 a b\n", ("0", "a b")),
        (NUMBERED + "a               b\n", ("a", "b")),
        (SIZES + "UNDO 240 40.06\n", ("UNDO", "240", "40.06")),
        (MODES + "NOARCHIVELOG      35748\n", (None, "NOARCHIVELOG", "35748")),
        ("X            A\n------------ ----------\nlog mode\n", ("log mode", None)),
    ],
)
def test_a_line_that_lost_blanks_has_one_sensible_reading(text: str, last: tuple[str | None, ...]) -> None:
    table = only(text)
    assert (table.rows[-1], table.damaged) == (last, False)


@pytest.mark.parametrize(
    "text",
    [
        # One value alone could stand in either column.
        NUMBERED + "tiberotestdb\n",
        NUMBERED + "5\n",
        "DBID NAME\n---------- ----------\n12\n",
        "EMP_ID NAME\n---------- ----------\nkim\n",
        # As many words as columns, but which of them belong together does not show.
        SIZES + "UNDO 1 240 40.06\n",
        "DB_NAME STATUS\n------- ------\nab cd\n",
        # With other rows or the heading as they were, the words can be one value.
        "NAME            CHANGE#\n------------ ----------\nretry 5\n",
        # A gap next to an empty column, and what stands behind it is where that column begins or ends.
        "NAME       STATUS     NOTE\n---------- ---------- ----------\n           x       UP\n           y          z\n",
        # Or next to a value that stands at no edge.
        "ERROR            STATUS     NOTE\n---------------- ---------- ----\nretry          a  b         c\n",
        "NAME         N# NOTE\n---------- ---- ----------\nx               5   abc\n",
        "NAME OPEN_MODE AGE\n---------- ---------- ----------\na  b\n",
        # The row as a whole is moved.
        "     BYTES A           DB_NAME\n---------- ----------- ----------\n         5 x           y\n     5             y\n",
        # A number, then text: that is how two columns begin.
        "HOST_NAME       CHANGE# X\n------------ ---------- ----\nit's                 -1 y\n-1 x\n",
        "USED_SIZE(MB) CHANGE# A\n------------- ------------ ----------------\n9.9E+12 -1\n",
        "NAME BYTES NOTE\n---------- ---------- ----------\nx                   5 ok\nlog 5 x\n",
        "DB_NAME STATUS CHANGE#\n------- ------ -------\na b 5\n",
        # A value that cannot be one of its column, and nowhere to move it.
        "INSTANCE_NUMBER X\n--------------- ----\nabcdefgh\n",
        "CHANGE# STATUS\n------- ------\n5 abc   x\n",
        "NAME       CKPT_TSN\n---------- --------\ntibero    abc\n",
        "NAME       CKPT_TSN\n---------- --------\ntibero         abc def\n",
        # Text at the right edge, or in either of two columns.
        "NAME       VALUE\n---------- ----------\nabcdef ghijklmn\n",
        "NAME       A          B\n---------- ---------- ----------\n     abcdefghij\n",
        # The number is at no edge.
        "CKPT_TSN STATUS\n---------- ------------\n     0 ON\n       NOT ACTIVE\n",
        "CHANGE# STATUS\n------- ----------------\n     -1 x\n -1 NOT ACTIVE\n",
        # Prose.
        "NAME         STATUS       NOTE\n------------ ------------ ------------\na word that word and so on\n",
        # A value is never longer than its column.
        "NAME         STATUS\n------------ ------------\na word        and many more than fit in here\n",
        "NAME         STATUS\n------------ ------------\na word      and many more than fit in here\n",
    ],
)
def test_a_line_that_lost_blanks_and_can_be_read_in_several_ways_is_damage(text: str) -> None:
    assert only(text).damaged


@pytest.mark.parametrize(
    ("text", "last"),
    [
        # A wide gap that is part of a value.
        (
            "NAME         STATUS     NOTE\n------------ ---------- ----------\na  b                    x\n",
            ("a  b", None, "x"),
        ),
        ("NAME         STATUS\n------------ ----------\nup  4:38\n", ("up  4:38", None)),
        # Words and NULLs, while other lines show that blanks are not lost.
        ("NAME            CHANGE#\n------------ ----------\nretry               5\nlog 5\n", ("log 5", None)),
        ("OPEN_MODE  NOTE\n---------- ----------\nREAD WRITE\n", ("READ WRITE", None)),
        ("CKPT_TSN NAME\n-------- ------------------------------\n         Intel i7\n", (None, "Intel i7")),
        ("EMP_ID NAME\n---------- ----------\n           kim\nx\n", ("x", None)),
        # A name is no proof.
        ("SERIAL_NUMBER STATUS\n------------- ----------\nA-17          x\n", ("A-17", "x")),
        (
            "ORDER_NUMBER    STATUS     NOTE\n--------------- ---------- ----------\nA-17            x\n",
            ("A-17", "x", None),
        ),
        (
            "EXPIRE_DATE  LIMIT_USER HOST\n------------ ---------- --------\nunlimited             3\n",
            ("unlimited", "3", None),
        ),
        ("       ID NAME\n--------- -----\n      5 x\n", ("5", "x")),
    ],
)
def test_words_and_nulls_of_a_proper_layout_are_certain(text: str, last: tuple[str | None, ...]) -> None:
    table = only(text)
    assert (table.rows[-1], table.damaged) == (last, False)


def test_a_heading_that_lost_its_first_blanks_shows_where_numbers_stand() -> None:
    fold = columns.fold_of("DBID NAME              AGE", "---------- ---------- ----------")
    assert (fold.right, fold.stripped) == ((True, False, True), True)


def test_a_row_with_its_indentation_says_that_none_is_lost() -> None:
    head = "DBID EXPIRE_DATE    NOTE\n---------- -------------- ----\n"
    assert not only(head + "         1 unlimited\n").damaged
    assert only(head + "unlimited\n").damaged


def test_values_of_which_the_blanks_between_are_lost_are_no_certain_rows() -> None:
    heading = "NAME OPEN_MODE AGE\n---------- ---------- ----------\n"
    assert only(heading + "tibero READ 12\n\n1 row selected.\n").damaged
    assert only(heading + "tibero 12\n\n1 row selected.\n").damaged
    assert rows(heading + "tibero     READ WRITE         12\n\n1 row selected.\n") == [
        {"NAME": "tibero", "OPEN_MODE": "READ WRITE", "AGE": "12"}
    ]
    assert rows(heading + "tibero\n\n1 row selected.\n") == [{"NAME": "tibero", "OPEN_MODE": None, "AGE": None}]


def test_a_heading_that_lost_its_first_blanks_stands_above_numbers() -> None:
    heading = "DBID NAME\n---------- ----------\n"
    assert rows(heading + "12 tibero\n\n1 row selected.\n") == [{"DBID": "12", "NAME": "tibero"}]
    assert rows(heading + "        12\n\n1 row selected.\n") == [{"DBID": "12", "NAME": None}]


def test_a_line_that_can_be_mended_in_two_ways_is_not_certain() -> None:
    heading = "    STATUS CKPT_DATE1 OPEN_MODE2\n---------- ---------- ----------\n"
    assert only(heading + "      6278 I         --\n\n1 row selected.\n").damaged
    assert not only(heading + "      6278 I          --\n\n1 row selected.\n").damaged


@pytest.mark.parametrize("prompt", ["14:08:21 SQL> ", "SQL> ", "SQL> 14:08:21 SQL> "])
def test_prompts_with_the_time_of_day(prompt: str) -> None:
    run = tbsql.parse(prompt + "select 1 from dual;\n" + LOGS + "\n" + prompt + "Disconnected.\n")
    assert (len(run.tables), run.disconnected) == (1, True)
    assert tbsql.dicts(run.tables[0]) == LOG_ROWS


@pytest.mark.parametrize("prompt", ["-bash-4.2$ ", "sh-4.4$ ", "bash-5.1# ", "-bash-4.2$"])
def test_the_prompt_of_a_shell_without_a_profile_ends_a_table(prompt: str) -> None:
    run = tbsql.parse(prompt + "tbsql sys/x\n" + LOGS.replace("\n2 rows selected.\n", "") + prompt)
    assert tbsql.dicts(run.tables[0]) == LOG_ROWS


def test_the_count_of_old_versions() -> None:
    assert rows(LOGS.replace("2 rows selected.", "2 selected.")) == LOG_ROWS
    assert only(LOGS.replace("2 rows selected.", "3 selected.")).damaged


def test_values_with_blanks_and_empty_columns() -> None:
    text = (
        "\n     FILE# STATUS        CHANGE# TIME                      ERROR\n"
        "---------- ---------- ---------- ------------------------- -----------\n"
        "         0 NOT ACTIVE          0                           open failed\n"
        "         1 ACTIVE         36092 2023/04/06 10:00:00\n\n2 rows selected.\n"
    )
    # The second row has lost a blank before CHANGE#: the value still stands inside its column.
    assert rows(text) == [
        {"FILE#": "0", "STATUS": "NOT ACTIVE", "CHANGE#": "0", "TIME": None, "ERROR": "open failed"},
        {"FILE#": "1", "STATUS": "ACTIVE", "CHANGE#": "36092", "TIME": "2023/04/06 10:00:00", "ERROR": None},
    ]


def test_korean_values_counted_by_screen_or_by_bytes() -> None:
    head = "\nNAME                 CITY\n-------------------- ----------\n"
    screen = "가나다" + " " * 14 + " 서울\n"
    stored = "가나다" + " " * 11 + " 서울\n"
    characters = "가나다" + " " * 17 + " 서울\n"
    for line in (screen, stored, characters):
        assert rows(head + line) == [{"NAME": "가나다", "CITY": "서울"}]
    # Counted by bytes; on the screen both values would seem to stand in the first column.
    assert rows(head + "가나다라마" + " " * 5 + " 서울\n") == [{"NAME": "가나다라마", "CITY": "서울"}]


KOREAN = (
    "A           CHANGE# DB_NAME\n-------- ---------- ------------\nseoul             5 12\n%s\n\n2 rows selected.\n"
)


@pytest.mark.parametrize("blanks", [14, 12, 16])
def test_a_number_at_the_right_edge_tells_how_korean_is_counted(blanks: int) -> None:
    assert rows(KOREAN % ("한글" + " " * blanks + "5 12"))[1] == {"A": "한글", "CHANGE#": "5", "DB_NAME": "12"}


def test_korean_that_can_be_counted_in_two_ways_is_not_certain() -> None:
    # A number at the right edge of the second column, or text at the left one of the third.
    assert only(KOREAN % ("한글" + " " * 16 + "5")).damaged
    assert not only(KOREAN % ("한글" + " " * 16 + "a")).damaged
    assert only("NAME     X V\n-------- - ----------\n한글       a b\n").damaged
    assert only("A        B N#\n-------- - --\n한글이      5\n").damaged
    cities = "NAME       CITY              AGE\n---------- ---------- ----------\nx          y                   5\n"
    assert only(cities + " 서울 한\n").damaged


def test_equal_column_names_are_numbered() -> None:
    assert rows("\nA A\n- -\n1 2\n") == [{"A": "1", "A_2": "2"}]


def test_two_results_in_a_row() -> None:
    run = tbsql.parse(LOGS + "\nNAME\n------\nSYSTEM\n\n1 row selected.\n\n0 row selected.\n")
    assert [table.selected for table in run.tables] == [2, 1, 0]


@pytest.mark.parametrize(
    ("line", "verb", "affected", "name"),
    [
        ("10000 rows inserted.", "inserted", 10000, ""),
        ("1 row deleted.", "deleted", 1, ""),
        ("0 row updated.", "updated", 0, ""),
        ("4 rows merged.", "merged", 4, ""),
        ("Table 'T1' created.", "created", None, "T1"),
        ("Table 'TIBERO.TEST_TBL' created.", "created", None, "TIBERO.TEST_TBL"),
        ("Tablespace 'UNDO1' created.", "created", None, "UNDO1"),
        ("Control File created.", "created", None, ""),
        ("Database altered.", "altered", None, ""),
        ("System altered.", "altered", None, ""),
        ("Session altered.", "altered", None, ""),
        ("Diskspace 'DS0' created.", "created", None, "DS0"),
        ("Diskspace altered.", "altered", None, ""),
        ("Commit completed.", "completed", None, ""),
        ("Rollback completed.", "completed", None, ""),
        ("Spooling is started.", "started", None, ""),
        ("Granted.", "granted", None, ""),
        ("PSM 'P' created.", "created", None, "P"),
        ("User 'U U' altered.", "altered", None, "U U"),
    ],
)
def test_replies(line: str, verb: str, affected: int | None, name: str) -> None:
    for around in ("%s\n", "SQL> %s", "SQL> SQL> %s\r\n", "\n   %s   \n", "  2   3   4 %s", "ALTER DATABASE X; %s\n"):
        run = tbsql.parse(around % line)
        found = [(reply.text, reply.verb, reply.affected, reply.name) for reply in run.feedback]
        assert found == [(line, verb, affected, name)]
        assert run.errors == ()


@pytest.mark.parametrize(
    "line",
    [
        "create table t (c number);",
        "SQL> create table t (c number) ;",
        "Creating the role DBA...",
        "Done.",
        "Tibero instance started up (NORMAL mode).",
        "table created.",
        "The table that was created",
        "-- Table created.",
        "2 from dual",
        "Usage: tbsql",
    ],
)
def test_no_replies(line: str) -> None:
    run = tbsql.parse(line)
    assert run.events == ()


def test_pieces_of_a_statement_are_no_replies() -> None:
    run = tbsql.parse("SQL> insert into t\n2 select x from log where\n3 y = 'Table created.'\n4 ;\n\n1 row inserted.\n")
    assert [reply.text for reply in run.feedback] == ["1 row inserted."]


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("TBR-8004: Syntax error.", [("TBR", 8004, "Syntax error.")]),
        ("TBR-8004:Syntax error.", [("TBR", 8004, "Syntax error.")]),
        ("TBR-8004 :  Syntax error.  ", [("TBR", 8004, "Syntax error.")]),
        (
            "SQL> TBR-8004: Syntax error.\nSQL> TBS-70004: Not connected to the server.",
            [
                ("TBR", 8004, "Syntax error."),
                ("TBS", 70004, "Not connected to the server."),
            ],
        ),
        ("  2  3 TBR-8004: Syntax error.", [("TBR", 8004, "Syntax error.")]),
        (
            "Enter Password: TBR-17001: Login failed: invalid user name or password.",
            [("TBR", 17001, "Login failed: invalid user name or password.")],
        ),
        (
            "TBR-1072: Current online log file (thread 0 seq 7) is outdated.\nNeed a log with seq 8 to recover from "
            "TSN 38568\nRecovery is incomplete and resetlogs is required.\nDatabase altered.\n",
            [
                (
                    "TBR",
                    1072,
                    "Current online log file (thread 0 seq 7) is outdated.\nNeed a log with seq 8 to recover from "
                    "TSN 38568\nRecovery is incomplete and resetlogs is required.",
                )
            ],
        ),
        (
            "TBR-1072: Current online log file (thread 0 seq 7) is outdated.\r\nNeed a log with seq 8 to recover from "
            "TSN 38568\r\nRecovery done until 2022/08/25 16:42:11 TSN 38568.\r\n"
            "Recovery is incomplete and resetlogs is required.\r\n\r\nSQL>",
            [
                (
                    "TBR",
                    1072,
                    "Current online log file (thread 0 seq 7) is outdated.\nNeed a log with seq 8 to recover from "
                    "TSN 38568\nRecovery done until 2022/08/25 16:42:11 TSN 38568.\n"
                    "Recovery is incomplete and resetlogs is required.",
                )
            ],
        ),
        (
            "TBR-8033: Specified schema object was not found.\nat line 1, column 15 of null:\nselect * from a\n"
            "              ^\nTBR-8004: Syntax error.",
            [
                (
                    "TBR",
                    8033,
                    "Specified schema object was not found.\nat line 1, column 15 of null:\nselect * from a\n"
                    "              ^",
                ),
                ("TBR", 8004, "Syntax error."),
            ],
        ),
        (
            "SQL> ALTER DATABASE OPEN; TBR-1098: Database in standby mode.\nalter x: TBS-70004: Not connected.",
            [("TBR", 1098, "Database in standby mode."), ("TBS", 70004, "Not connected.")],
        ),
        ("TBR-7550 Failed.", [("TBR", 7550, "Failed.")]),
        (
            "SQL> TBR-7550 Failed.\nEnter Password: TBR-17001 Login failed.",
            [("TBR", 7550, "Failed."), ("TBR", 17001, "Login failed.")],
        ),
        ("TBS-70002", [("TBS", 70002, "TBS-70002")]),
        ("TBR-1072 a\nNeed a log with seq 8\n", [("TBR", 1072, "a\nNeed a log with seq 8")]),
        ("TBR-7550\n--------\nx", [("TBR", 7550, "TBR-7550")]),
        ("see TBR-7550 Failed.\nTBR-1_x\nTBR-12345678\nTBR-1-2\nTBR-", []),
        ("no TBR-8004: here", []),
        ("TBR-: x", []),
        ("XTBR-1: x", []),
    ],
)
def test_errors(text: str, errors: list[tuple[str, int, str]]) -> None:
    assert [(error.prefix, error.code, error.text) for error in tbsql.find_errors(text)] == errors


def test_an_error_ends_a_table() -> None:
    run = tbsql.parse("\nNAME\n----------\na\nTBR-12039: Server instance is shutting down.\n")
    assert (tbsql.dicts(run.tables[0]), run.errors[0].code) == ([{"NAME": "a"}], 12039)


def test_an_error_number_in_a_table_is_a_value() -> None:
    table = "\n      CODE KEY\n---------- --------------------\n         1 TBR-7550 Failed\n\n1 row selected.\n"
    assert rows(table) == [{"CODE": "1", "KEY": "TBR-7550 Failed"}]
    assert rows("\nKEY\n--------\nTBR-7550\nTBR-1\n") == [{"KEY": "TBR-7550"}, {"KEY": "TBR-1"}]
    text = "\nKEY\n--------------------\na\nTBR-7550 Failed.\n"
    assert rows(text + "\n2 rows selected.\n") == [{"KEY": "a"}, {"KEY": "TBR-7550 Failed."}]
    # Without a count it may as well be the error that ended the rows.
    assert only(text).damaged


@pytest.mark.parametrize(
    ("text", "version", "connected", "disconnected", "alias"),
    [
        ("\ntbSQL 7\n\nTmaxTibero ... All rights reserved.\n\nConnected to Tibero.\n\n", "7", True, False, ""),
        ("tbSQL 6  \nConnected to Tibero using TEST_2.\nSQL> Disconnected.", "6", True, True, "TEST_2"),
        ("Enter Username: sys\nEnter Password: Connected to Tibero.\n", "", True, False, ""),
        ("SQL> Connected to Tibero.\nSQL> SQL> Disconnected.", "", True, True, ""),
        ("Disconnected.\nConnected to Tibero.\n", "", True, False, ""),
        ("tbSQL 7\n\nTBR-2131: Generic I/O error.\n", "7", False, False, ""),
        ("Not Connected to Tibero.", "", False, False, ""),
        ("", "", False, False, ""),
    ],
)
def test_session(text: str, version: str, connected: bool, disconnected: bool, alias: str) -> None:
    run = tbsql.parse(text)
    assert (run.version, run.connected, run.disconnected, run.alias) == (version, connected, disconnected, alias)


def test_archive_log_list() -> None:
    text = (
        "\nNAME                            VALUE\n------------------------------- ----------------------------\n"
        "Database log mode               %s\nArchive destination             /t/arch/\n"
        "Oldest online log sequence      4\nCurrent log sequence            6\n\n"
    )
    found = tbsql.archive_log_list(tbsql.parse(text % "No Archive Mode"))
    assert found == tbsql.ArchiveLog("No Archive Mode", False, "/t/arch/", 4, None, 6)
    unknown = tbsql.archive_log_list(tbsql.parse(text % "Something else"))
    assert unknown is not None and unknown.archiving is None
    assert tbsql.archive_log_list(tbsql.parse(LOGS)) is None


def test_a_rule_of_a_report_ends_a_table() -> None:
    assert rows("\nNAME\n----------\na\n==========\n") == [{"NAME": "a"}]


CELL = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="-"), min_size=1, max_size=8
).filter(lambda text: not text.startswith(("SQL>", "#", "$", "[")) and "TB" not in text and "=" not in text)


@QUICK
@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.one_of(st.none(), CELL), CELL), min_size=1, max_size=8), st.booleans()
)
def test_a_table_laid_out_like_tbsql_reads_back(data: list[tuple[int, str | None, str]], counted: bool) -> None:
    lines = ["", "%10s %-8s %-8s" % ("NUM", "TEXT", "MORE"), "---------- -------- --------"]
    lines += [("%10d %-8s %-8s" % (number, text or "", more)).rstrip() for number, text, more in data]
    lines += ["", "%d row%s selected." % (len(data), "" if len(data) == 1 else "s")] if counted else [""]
    expected = [{"NUM": str(number), "TEXT": text, "MORE": more} for number, text, more in data]
    assert rows("\n".join(lines)) == expected


@QUICK
@given(
    st.lists(
        st.tuples(st.integers(0, 10**9), st.one_of(st.none(), CELL), st.one_of(st.none(), CELL)), min_size=1, max_size=6
    )
)
def test_a_folded_table_laid_out_like_tbsql_reads_back(data: list[tuple[int, str | None, str | None]]) -> None:
    lines = ["", "       NUM", "----------", "TEXT", "--------", "MORE", "--------"]
    for number, text, more in data:
        lines += ["%10d" % number, text or "", more or "", ""]
    lines += ["", "%d rows selected." % len(data)]
    assert rows("\n".join(lines)) == [{"NUM": str(n), "TEXT": text, "MORE": more} for n, text, more in data]


WORDS = st.sampled_from(
    ["a", "READ WRITE", "-", "--", "2023/04/06", "/t/log01.log", "가나", "값 x", "1", "Database altered.", "#1", "0"]
)
NUMBERS = st.integers(0, 10**9).map(str)


@st.composite
def results(draw: st.DrawFn) -> tuple[str, tuple[tuple[str | None, ...], ...]]:
    """A result with columns of any kind, folded at any LINESIZE, on one page or several, as tbsql lays it out."""
    numeric = draw(st.lists(st.booleans(), min_size=1, max_size=6))
    widths = [10 if number else draw(st.sampled_from([10, 17, 40])) for number in numeric]
    fitting = {width: WORDS.filter(lambda word, most=width: len(word) <= most) for width in widths}
    cell = [
        st.one_of(st.none(), NUMBERS if number else fitting[width])
        for number, width in zip(numeric, widths, strict=True)
    ]
    data = draw(st.lists(st.tuples(*cell), min_size=1, max_size=5))
    linesize = draw(st.sampled_from([40, 80, 200]))
    page = draw(st.sampled_from([1, 2, 100]))
    groups: list[list[int]] = [[0]]
    for column in range(1, len(widths)):
        if sum(widths[i] + 1 for i in groups[-1]) + widths[column] > linesize:
            groups.append([])
        groups[-1].append(column)

    def laid(texts: list[str], group: list[int]) -> str:
        padded = []
        for column in group:
            gap = " " * (widths[column] - sum(1 + (character >= "가") for character in texts[column]))
            padded.append(gap + texts[column] if numeric[column] else texts[column] + gap)
        return " ".join(padded).rstrip()

    names = ["C%d" % column for column in range(len(widths))]
    lines = []
    for at, row in enumerate(data):
        if at % page == 0:
            lines.append("")
            for group in groups:
                lines += [laid(names, group), " ".join("-" * widths[column] for column in group)]
        lines += [laid([text or "" for text in row], group) for group in groups]
        lines += [""] if len(groups) > 1 else []
    return "\n".join(lines + ["", "%d rows selected." % len(data), ""]), tuple(data)


@settings(max_examples=300, deadline=None)
@given(results())
def test_a_result_is_read_right_or_called_damaged(printed: tuple[str, tuple[tuple[str | None, ...], ...]]) -> None:
    text, data = printed
    tables = tbsql.parse(text).tables
    assert any(table.damaged for table in tables) or [table.rows for table in tables] == [data]


@settings(max_examples=200, deadline=None)
@given(results().filter(lambda printed: not any((row[0] or "-").startswith("-") for row in printed[1])))
def test_a_result_of_plain_values_is_read(
    printed: tuple[str, tuple[tuple[str | None, ...], ...]],
) -> None:
    text, data = printed
    if not any(set(cell or "") == {"-"} or cell == "Database altered." for row in data for cell in row):
        tables = tbsql.parse(text).tables
        assert [table.rows for table in tables] == [data]
        # How wide a Korean letter counts is sometimes undecided.
        assert not tables[0].damaged or not text.isascii()


@QUICK
@given(st.text())
def test_no_text_raises(text: str) -> None:
    tbsql.parse(text)


FRAGMENTS = st.sampled_from(
    [
        *LOGS.split("\n"),
        *FOLDED.split("\n"),
        "SQL> ",
        "2 from x",
        "TBR-1072: a",
        "Need a log",
        "Disconnected.",
        "-",
        "- -",
    ]
    + [
        "3 rows selected.",
        "가나 다",
        "[a]$ b",
        "  2  3  Table created.",
        "at line 1",
        "^",
        "=" * 9,
        "x" * 90,
        " x  y  z ",
    ]
)


@QUICK
@given(st.lists(FRAGMENTS, max_size=40), st.sampled_from(["\n", "\r\n", " "]))
def test_no_mixture_raises(parts: list[str], glue: str) -> None:
    run = tbsql.parse(glue.join(parts))
    for table in run.tables:
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert table.damaged or table.selected in (None, len(table.rows))


@pytest.mark.parametrize(
    "unit",
    [
        "NAME\n----\n",
        "NAME\n----\nx\n\n",
        "a b\n- -\nx y z\n",
        "\n",
        "- ",
        "SQL> ",
        "2 ",
        "TBR-1072: a\nNeed a log\n",
        "TBR-8033: a\nat line 1\nx\n",
        "x\n",
        "Table 'a' ",
        "가 나\n",
        "Connected to ",
        "NAME\n----\n" + "x\n" * 3 + "9 rows selected.\n",
    ],
)
def test_time_grows_with_the_length_only(unit: str) -> None:
    def seconds(count: int) -> float:
        text = unit * count
        start = time.process_time()
        tbsql.parse(text)
        return time.process_time() - start

    small, large = min(seconds(2000) for _ in range(2)), min(seconds(8000) for _ in range(2))
    assert large < 12 * small + 0.3


def test_rows_that_fit_nowhere_cost_little() -> None:
    def seconds(row: str) -> float:
        heading = "\n" + " ".join(["C1".ljust(10)] * 8) + "\n" + " ".join(["-" * 10] * 8) + "\n"
        start = time.process_time()
        tbsql.parse(heading + (row + "\n") * 3000 + "\n3000 rows selected.\n")
        return time.process_time() - start

    fitting = min(seconds(" ".join(["v".ljust(10)] * 8)) for _ in range(3))
    assert min(seconds("a b c d e f g h i j k l m n o p q r s t u v w x y z aa bb cc") for _ in range(3)) < 5 * fitting
