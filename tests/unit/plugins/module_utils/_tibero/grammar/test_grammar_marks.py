# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values between marks: whatever they hold and wherever the output is folded, they come back as they were."""

from __future__ import annotations

import re
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import marks, tbsql
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.lines import decode, encode

QUICK = settings(max_examples=100, deadline=None)
COLUMNS = ["A", "B", "C"]
VALUES = st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=("Cs",)))), min_size=3, max_size=3)
RESIDUE = st.sampled_from(
    [
        "",
        "SQL> ",
        "\nSQL> SQL> ",
        "1 row selected.\n",
        "Disconnected.\n",
        "A\n---------\n",
        " 2   3 ",
        "<",
        ">>",
        "<<x|=1>>\n",
        "한글\n",
    ]
)


def rows_of(values: list[list[str | None]]) -> list[dict[str, str | None]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in values]


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        "a b",
        ">>",
        "<<",
        "<<t|=1>>",
        "|",
        "%",
        "%20",
        "-",
        "=",
        "'",
        '"',
        "한글",
        "a\nb",
        "\r\n",
        "\t",
        "&x",
        "\\",
    ],
)
def test_every_value_comes_back(value: str | None) -> None:
    text = "SQL> %s\nDisconnected.\n" % marks.print_marked("t", [value, "x", None])
    assert marks.read_marked(text, "t", COLUMNS) == [{"A": value, "B": "x", "C": None}]


@QUICK
@given(st.lists(VALUES, max_size=4), RESIDUE, st.integers(5, 200))
def test_rows_survive_residue_and_folding_anywhere(values: list[list[str | None]], residue: str, width: int) -> None:
    text = residue
    for row in values:
        line = marks.print_marked("t", row)
        text += "\n".join(line[at : at + width] for at in range(0, len(line), width)) + "\n" + residue + "\n"
    assert marks.read_marked(text, "t", COLUMNS) == rows_of(values)
    assert marks.read_marked(text, "other", COLUMNS) == []


@QUICK
@given(VALUES, st.integers(5, 60))
def test_rows_survive_folding_at_bytes_and_padding(values: list[str | None], width: int) -> None:
    # LINESIZE counts bytes, so a character of several bytes may be cut in two; what follows is padded with blanks.
    data = encode(marks.print_marked("t", values))
    folded = b"\r\n".join(data[at : at + width].ljust(width) for at in range(0, len(data), width))
    assert marks.read_marked(decode(folded), "t", COLUMNS) == rows_of([values])


def test_the_statement_is_no_row() -> None:
    sql = marks.select_marked("t", COLUMNS, "V$INSTANCE", where="A = " + marks.literal("it's <<t|"), order_by="A")
    assert "<<" not in sql.replace("<<t|'", "") and ">>" not in sql
    echo = marks.select_marked("t", COLUMNS, "V$INSTANCE")
    assert marks.read_marked("SQL> " + echo, "t", COLUMNS) == []
    assert max(len(line) for line in sql.split("\n")) < 1000
    assert sql.count(";") == 1 and sql.endswith(";")
    assert "WHERE A = 'it''s <<t|'\nORDER BY A;" in sql


def test_the_select_says_what_the_reader_reads() -> None:
    """Run the SELECT on an SQL engine: its TO_CHAR and CHR are taught, the rest is ordinary SQL."""
    with sqlite3.connect(":memory:") as engine:
        engine.create_function("TO_CHAR", 1, lambda value: None if value is None else str(value))
        engine.create_function("CHR", 1, chr)
        engine.execute("CREATE TABLE T (A, B, C)")
        values = [["a b>>|%", None, 7], ["한글\r\n\t<<", "'", "-"], ["%20", "=", 1.5]]
        engine.executemany("INSERT INTO T VALUES (?,?,?)", values)
        printed = engine.execute(marks.select_marked("t", COLUMNS, "T", order_by="ROWID").rstrip(";")).fetchall()
    text = "\n".join(row[0] for row in printed)
    assert marks.read_marked(text, "t", COLUMNS) == rows_of(
        [[None if v is None else str(v) for v in row] for row in values]
    )


def test_expressions_have_names() -> None:
    columns = [("STARTED", "TO_CHAR(STARTUP_TIME,'YYYY/MM/DD HH24:MI:SS')"), "STATUS"]
    sql = marks.select_marked("inst", columns, "SYS._VT_INSTANCE")
    assert "CASE WHEN TO_CHAR(STARTUP_TIME,'YYYY/MM/DD HH24:MI:SS') IS NULL" in sql
    text = marks.print_marked("inst", ["2023/10/17 10:00:00", "NORMAL"])
    assert marks.read_marked(text, "inst", columns) == [{"STARTED": "2023/10/17 10:00:00", "STATUS": "NORMAL"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<<t|=a|=b", "cut off"),
        ("<<t|=a|=b|=c>", "cut off"),
        ("<<t|=a|=b\n<<t|=a|=b|=c>>", "cut off"),
        ("<<t|=a|=b>>", "3 fields"),
        ("<<t|=a|=b|=c|=d>>", "3 fields"),
        ("<<t|a|=b|=c>>", "- for NULL"),
        ("<<t|=a|=b|>>", "- for NULL"),
        ("<<t|=%41|=b|=c>>", "escapes of this scheme"),
        ("<<t|=%|=b|=c>>", "escapes of this scheme"),
    ],
)
def test_broken_rows_are_refused(text: str, said: str) -> None:
    with pytest.raises(GrammarError, match=re.escape(said)):
        marks.read_marked("SQL> " + text, "t", COLUMNS)


@QUICK
@given(st.text(), st.text(alphabet="<>t|=-%20\n a"))
def test_no_text_raises_anything_else(text: str, own: str) -> None:
    for tried in (text, own):
        try:
            marks.read_marked(tried, "t", COLUMNS)
        except GrammarError:
            pass
        marks.cells(tried)


@pytest.mark.parametrize(
    ("tag", "columns", "source"),
    [
        ("T", ["A"], "V"),
        ("", ["A"], "V"),
        ("t|", ["A"], "V"),
        ("t", [], "V"),
        ("t", ["A;B"], "V"),
        ("t", ["A B"], "V"),
        ("t", [7], "V"),
        ("t", ["A"], "V W"),
        ("t", ["A"], "V;"),
        ("t", ["A"], "a.b.c"),
        ("t", ["A"], ""),
    ],
)
def test_unsafe_names_are_refused(tag: str, columns: list[object], source: str) -> None:
    with pytest.raises(GrammarError):
        marks.select_marked(tag, columns, source)


@pytest.mark.parametrize("bad", ["a\nb", "\x00", "\x7f", "\r"])
def test_literals_in_one_line_only(bad: str) -> None:
    with pytest.raises(GrammarError):
        marks.literal(bad)
    assert marks.literal("it's") == "'it''s'"


def test_plain_cells_of_the_recorded_idiom() -> None:
    text = "SQL> SELECT '<<' || TO_CHAR(X) || '>>' FROM T;\n<<36092>>\n\nSQL> <<a >> b>>  \n<<>>\nno\n<<cut\n"
    assert marks.cells(text) == ("36092", "a >> b", "")


def test_marks_do_not_disturb_the_other_reader() -> None:
    text = marks.print_marked("t", ["TBR-1: x", None, "Table 'A' created."]) + "\nTBR-8004: Syntax error.\n"
    run = tbsql.parse(text)
    assert [error.code for error in run.errors] == [8004]
    assert run.feedback == ()
