# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tip files: what may be written, what is kept, what counts as a change."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import tip
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError

TEXT = """# head
DB_NAME=orders
  LISTENER_PORT = 8629   # the port
CONTROL_FILES="/a b/c1.ctl","/a/#2/c2.ctl"\t#two
TOTAL_SHM_SIZE=1024M#2G
_STANDBY_CONN_PORT=8633
tac1.THREAD=0
tac2.THREAD=1
LOG_ARCHIVE_DEST=/arch
EMPTY=
LAST="x"
"""


def value(document: tip.Document, key: str) -> tip.Value:
    found = tip.get(document, key)
    assert found is not None
    return found


def test_values_quotes_and_comments() -> None:
    document = tip.parse(TEXT)
    assert value(document, "CONTROL_FILES").items == ("/a b/c1.ctl", "/a/#2/c2.ctl")
    assert value(document, "TOTAL_SHM_SIZE").text == "1024M"
    assert value(document, "listener_port").text == "8629"
    assert value(document, "EMPTY").items == ()
    assert tip.get(document, "THREAD") is None
    assert value(document, "tac2.THREAD").text == "1"
    assert [line.comment for line in document.lines if line.comment] == ["# the port", "#two", "#2G"]


def test_set_keeps_place_comment_spelling_and_quotes() -> None:
    document = tip.parse(TEXT)
    document = tip.set_value(document, "listener_port", 9000)
    document = tip.set_value(document, "TOTAL_SHM_SIZE", "2G")
    document = tip.set_value(document, "LAST", "y")
    document = tip.set_value(document, "tac2.THREAD", 2)
    document = tip.set_value(document, "CONTROL_FILES", ["/c1", "/c2", "/c3"])
    assert tip.render(document) == TEXT.replace("= 8629 ", "= 9000 ").replace("1024M#", "2G#").replace(
        '"x"', '"y"'
    ).replace("tac2.THREAD=1", "tac2.THREAD=2").replace('"/a b/c1.ctl","/a/#2/c2.ctl"', '"/c1","/c2","/c3"')


def test_an_unquoted_path_stays_unquoted_until_it_cannot() -> None:
    document = tip.set_value(tip.parse("A=/x\n"), "A", "/y")
    assert tip.render(document) == "A=/y\n"
    assert tip.render(tip.set_value(document, "A", "/y z")) == 'A="/y z"\n'
    assert tip.render(tip.set_value(document, "A", "/y#z")) == 'A="/y#z"\n'


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        (8629, "K=8629"),
        (True, "K=Y"),
        (False, "K=N"),
        ("PERFORMANCE", "K=PERFORMANCE"),
        ("10.0.0.2:8633 LGWR ASYNC", 'K="10.0.0.2:8633 LGWR ASYNC"'),
        ("[fe80::1]:8633 LGWR SYNC", 'K="[fe80::1]:8633 LGWR SYNC"'),
        ("log-t%t-r%r-s%s.arc", 'K="log-t%t-r%r-s%s.arc"'),
        (["/a", "/b"], 'K="/a","/b"'),
        ("", 'K=""'),
        ("한글", 'K="한글"'),
    ],
)
def test_new_keys_go_to_the_end(wanted: tip.Wanted, line: str) -> None:
    assert tip.render(tip.set_value(tip.parse("A=1"), "K", wanted)) == "A=1\n%s\n" % line
    assert tip.render(tip.set_value(tip.parse("A=1\r\n"), "K", wanted)) == "A=1\r\n%s\r\n" % line


@pytest.mark.parametrize("bad", ['a"b', "a'b", "a\nb", "a\rb", "a\x00b", "\x7f"])
def test_values_that_cannot_be_written_are_refused(bad: str) -> None:
    for wanted in (bad, ["ok", bad]):
        with pytest.raises(GrammarError, match="no way to write them"):
            tip.set_value(tip.parse(TEXT), "DB_NAME", wanted)


@pytest.mark.parametrize("key", ["", "A B", "A=B", "A\n", '"A"', "#A"])
def test_keys_that_cannot_be_written_are_refused(key: str) -> None:
    with pytest.raises(GrammarError, match="tip key"):
        tip.set_value(tip.parse(""), key, "1")


def test_merge_reports_only_changes_of_meaning() -> None:
    document = tip.parse(
        'A="x"\nB=1024M#2G\nC=y\nD="1","2"\nLOG_REPLICATION_DEST_1="H:1 lgwr  async"\n'
        "LOG_REPLICATION_MODE=performance\n"
        'STANDBY_FILE_NAME_CONVERT="/a,/b"\n'
    )
    same, changes = tip.merge(
        document,
        {
            "A": "x",
            "B": "1G",
            "C": True,
            "D": ["1", "2"],
            "LOG_REPLICATION_DEST_1": "H:1 LGWR ASYNC",
            "LOG_REPLICATION_MODE": "PERFORMANCE",
            "STANDBY_FILE_NAME_CONVERT": "/a, /b",
            "NOT_THERE": None,
        },
    )
    assert changes == ()
    assert same is document


def test_merge_changes_adds_removes_and_ends_duplicates() -> None:
    document = tip.parse("A=1 # one\nB=2\nA=1\nC=3\nB=9\n")
    merged, changes = tip.merge(document, {"A": 1, "B": 4, "C": None, "D": "new one"})
    assert tip.render(merged) == 'A=1 # one\nB=4\nD="new one"\n'
    assert changes == (
        tip.Change("A", "deduplicated", "1, 1", "1"),
        tip.Change("B", "changed", "2", "4"),
        tip.Change("C", "removed", "3", None),
        tip.Change("D", "added", None, '"new one"'),
    )
    assert tip.merge(merged, {"A": 1, "B": 4, "C": None, "D": "new one"}) == (merged, ())


def test_case_matters_for_names_but_not_for_booleans() -> None:
    document = tip.parse("DB_NAME=y\nUSE=y\n")
    assert [change.key for change in tip.merge(document, {"DB_NAME": "Y", "USE": "Y"})[1]] == ["DB_NAME"]


def test_a_list_may_go_on_in_the_next_line() -> None:
    text = 'CONTROL_FILES="/a/c1.ctl",\n              "/b/c2.ctl" # two\nX=\n"q"\nY=a,\n b\nZ=,\nW=1\n'
    document = tip.parse(text)
    assert tip.render(document) == text
    assert value(document, "CONTROL_FILES").items == ("/a/c1.ctl", "/b/c2.ctl")
    assert value(document, "X").items == ("q",)
    assert value(document, "Y").items == ("a", "b")
    assert value(document, "W").text == "1"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("text", "items", "raw"),
    [
        ('X="/a",\n#"/old",\n  "/b" # two\nY=1\n', ("/a", "/b"), '"/a",\n  "/b"'),
        ('X="/a", # one\n "/b"\nY=1\n', ("/a", "/b"), '"/a",\n "/b"'),
        ('X="/a",\n\n # old\n \t\n"/b",\n#c\n"/c"\nY=1\n', ("/a", "/b", "/c"), '"/a",\n"/b",\n"/c"'),
        ("X=/a, # one\n#/old,\n/b\nY=1\n", ("/a", "/b"), "/a,\n/b"),
        ('X=\n#"/old",\n"/b"\nY=1\n', ("/b",), '"/b"'),
        ('X="/a",\n#"/old"\nY=1\n', ("/a",), '"/a",'),
        ("X=/a,\n# c\nY=1\n", ("/a",), "/a,"),
        ("X=\n# c\nY=1\n", (), ""),
    ],
)
def test_a_comment_inside_a_list_is_no_part_of_the_value(text: str, items: tuple[str, ...], raw: str, end: str) -> None:
    text, raw = text.replace("\n", end), raw.replace("\n", end)
    document = tip.parse(text)
    assert tip.render(document) == text
    assert value(document, "X").items == items
    assert value(document, "X").raw == raw
    assert value(document, "Y").text == "1"
    assert tip.find(document, "Y")[0].number == text[: text.index("Y=")].count("\n") + 1
    assert tip.problems(document) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('X="/a",\n# c\nnonsense\n', "line 3, column 1: saw 'nonsense'"),
        ("X=/a,\n\nnonsense\n", "line 3, column 1: saw 'nonsense'"),
        ('X="/a",\n\n#c\n"/b\n', "line 4, column 1: saw '\"/b'"),
    ],
)
def test_what_follows_a_comment_is_no_item_unless_it_is_written_as_one(text: str, said: str) -> None:
    with pytest.raises(GrammarError, match=re.escape(said)):
        tip.parse(text)
    assert tip.render(tip.parse(text, strict=False)) == text


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ('X="/a", # one\n#"/old",\n"/b" # two\nY=1\n', 'X="/c" # two\n# one\n#"/old",\nY=1\n'),
        ('X="/a",\r\n  #"/old",\r\n\r\n"/b"', 'X="/c"\r\n#"/old",\r\n'),
        ('X= # none\n#"/old",\n"/b"\n', 'X= # none\n#"/old",\n"/c"\n'),
    ],
)
def test_a_changed_list_keeps_the_comments_that_stood_in_it(text: str, after: str) -> None:
    document = tip.parse(text)
    assert tip.merge(document, {"X": list(value(document, "X").items)}) == (document, ())
    changed, changes = tip.merge(document, {"X": ["/c"]})
    assert tip.render(changed) == after
    assert changes == (tip.Change("X", "changed", value(document, "X").raw, '"/c"'),)
    assert [line.number for line in changed.lines] == [line.number for line in tip.parse(after).lines]


def test_a_comma_inside_quotes_is_reported_where_each_item_is_a_path() -> None:
    document = tip.parse('CONTROL_FILES="/a/c1.ctl,/b/c2.ctl"\nSTANDBY_FILE_NAME_CONVERT="/p, /s"\nX="a,b"\n')
    assert [(p.line, p.key) for p in tip.problems(document)] == [(1, "CONTROL_FILES")]
    assert "'/a/c1.ctl,/b/c2.ctl'" in tip.problems(document)[0].text
    for text in ('CONTROL_FILES="/a","/b"\n', "CONTROL_FILES=/a,/b\n", 's.CONTROL_FILES="/a"\n'):
        assert tip.problems(tip.parse(text)) == ()
    assert tip.problems(tip.parse('s.CONTROL_FILES="/a,/b"\n'))


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("DB_NAME=a\rLISTENER_PORT=1\r", 1, 10),
        ("# head\rDB_NAME=a\r", 1, 7),
        ("A=1\nDB_NAME=a # c\rB=2\n", 2, 14),
        ('X="/a",\n# c\r"/b"\n', 2, 4),
        ('X="/a",\n"/b" # c\rB=2\n', 2, 9),
        ('A="a\x00b"\n', 1, 5),
        ("A=b,\n a\x1bb\n", 2, 3),
        ("A=\x7f\n", 1, 3),
    ],
)
def test_control_characters_are_refused_and_hide_nothing(text: str, line: int, column: int) -> None:
    with pytest.raises(GrammarError, match=r"carriage return|control character") as error:
        tip.parse(text)
    assert (error.value.line, error.value.column) == (line, column)
    document = tip.parse(text, strict=False)
    assert tip.render(document) == text
    assert [p.text for p in tip.problems(document) if p.text.startswith("not a tip line")]
    assert value(tip.parse('A="a\tb"\r\r\n'), "A").text == "a\tb"


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("A=1\nnonsense\n", 2, 1),
        ('A="open\n', 1, 3),
        ('A="x" y\n', 1, 7),
        ("A=1\n\n  =5\n", 3, 3),
        ("A B=1\n", 1, 1),
    ],
)
def test_errors_say_where(text: str, line: int, column: int) -> None:
    with pytest.raises(GrammarError) as error:
        tip.parse(text)
    assert (error.value.line, error.value.column) == (line, column)
    assert "line %d, column %d" % (line, column) in str(error.value)
    assert tip.render(tip.parse(text, strict=False)) == text


def test_problems() -> None:
    document = tip.parse('A=1\na=2\nB="x",y\n?\n', strict=False)
    assert [(p.line, p.text) for p in tip.problems(document)] == [
        (2, "a is defined twice, first in line 1"),
        (3, "B has items with and without quotes"),
        (4, "not a tip line: ?"),
    ]


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("512", 512), ("1K", 1024), ("1024m", 1 << 30), ("2G", 2 << 30), ("1T", 1 << 40)]
)
def test_sizes(text: str, size: int) -> None:
    assert tip.parse_size(text) == size
    assert tip.parse_size(tip.render_size(size)) == size


@pytest.mark.parametrize("text", ["", "G", "1.5G", "-1", "1X", "1 2"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(GrammarError, match="size"):
        tip.parse_size(text)


@pytest.mark.parametrize(
    ("text", "destination"),
    [
        ("10.0.0.2:8633 LGWR SYNC", tip.Destination("10.0.0.2", 8633, "LGWR SYNC", None)),
        ("seoul2:8633 lgwr   async", tip.Destination("seoul2", 8633, "LGWR ASYNC", None)),
        ('"busan-1.example.com:1 ARCH ASYNC"', tip.Destination("busan-1.example.com", 1, "ARCH ASYNC", None)),
        ("[2001:db8::2]:65535 LGWR ASYNC", tip.Destination("2001:db8::2", 65535, "LGWR ASYNC", None)),
        ("h:1 ARCH ASYNC 60", tip.Destination("h", 1, "ARCH ASYNC", 60)),
        ("h:1 ARCH ASYNC DELAY=60", tip.Destination("h", 1, "ARCH ASYNC", 60)),
    ],
)
def test_destinations(text: str, destination: tip.Destination) -> None:
    assert tip.parse_destination(text) == destination
    assert tip.parse_destination(tip.render_destination(destination)) == destination


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("h:0 LGWR SYNC", "between 1 and 65535"),
        ("h:70000 LGWR SYNC", "between 1 and 65535"),
        ("h LGWR SYNC", "host:port"),
        ("h:1", "host:port"),
        ("h:1 ARCH SYNC", "host:port"),
        ("h:1 LGWR", "host:port"),
        ("fe80::1:8633 LGWR SYNC", "brackets"),
        ("@IP@:@PORT@ LGWR ASYNC", "placeholder"),
        ("<Standby IP>:8633 LGWR ASYNC", "placeholder"),
        ("a b:1 LGWR SYNC", "host:port"),
    ],
)
def test_no_destinations(text: str, hint: str) -> None:
    with pytest.raises(GrammarError, match=hint):
        tip.parse_destination(text)


def test_convert_pairs() -> None:
    document = tip.parse('STANDBY_FILE_NAME_CONVERT="/p/a, /s/a,/p/b,/s/b"\n')
    assert tip.parse_convert(value(document, "STANDBY_FILE_NAME_CONVERT")) == (("/p/a", "/s/a"), ("/p/b", "/s/b"))
    separate = tip.parse('STANDBY_FILE_NAME_CONVERT="/p","/s"\n')
    assert tip.parse_convert(value(separate, "STANDBY_FILE_NAME_CONVERT")) == (("/p", "/s"),)
    pairs = [("/p a", "/s a"), ("/p", "/s")]
    written = tip.set_value(tip.parse(""), "STANDBY_FILE_NAME_CONVERT", tip.render_convert(pairs))
    assert tip.render(written) == 'STANDBY_FILE_NAME_CONVERT="/p a, /s a, /p, /s"\n'
    assert tip.parse_convert(value(tip.parse(tip.render(written)), "STANDBY_FILE_NAME_CONVERT")) == tuple(pairs)
    for bad in ('X="/a"', 'X="/a,"', "X="):
        with pytest.raises(GrammarError, match="STANDBY_FILE_NAME_CONVERT"):
            tip.parse_convert(value(tip.parse(bad), "X"))
    for pair in ([("/a,b", "/c")], [("", "/c")], []):
        with pytest.raises(GrammarError, match="STANDBY_FILE_NAME_CONVERT"):
            tip.render_convert(pair)


QUICK = settings(max_examples=60, deadline=None)
KEYS = st.from_regex(r"_?[A-Z][A-Z0-9_]{0,20}", fullmatch=True)
ITEMS = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\"'"), min_size=1, max_size=30)
LINES = st.one_of(
    st.just(""),
    st.just("# comment"),
    st.just('K="a","b" # c'),
    st.just('s.K="a", # c\n\n#"old",\n"b"'),
    st.builds("{}={}".format, KEYS, st.sampled_from(["1", "2G#3G", '"x y"', "/a/b", '"a","b"', "a,b", "", "Y"])),
)


@QUICK
@given(st.text())
def test_any_text_survives(text: str) -> None:
    assert tip.render(tip.parse(text, strict=False)) == text
    try:
        document = tip.parse(text)
    except GrammarError as error:
        assert error.line is not None
    else:
        assert tip.render(document) == text


@QUICK
@given(st.lists(LINES), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_any_tip_survives(lines: list[str], end: str, ended: bool) -> None:
    text = end.join(lines) + (end if ended else "")
    assert tip.render(tip.parse(text)) == text


@QUICK
@given(st.lists(LINES), KEYS, st.one_of(ITEMS, st.lists(ITEMS, min_size=1, max_size=3), st.integers(0), st.booleans()))
def test_what_is_set_is_read_and_nothing_else_moves(lines: list[str], key: str, wanted: tip.Wanted) -> None:
    document = tip.parse("\n".join(lines))
    written = tip.set_value(document, key, wanted)
    again = tip.parse(tip.render(written))
    expected = ("Y" if wanted else "N",) if isinstance(wanted, bool) else None
    if expected is None:
        expected = (
            (wanted,) if isinstance(wanted, str) else (str(wanted),) if isinstance(wanted, int) else tuple(wanted)
        )
    assert value(again, key).items == expected
    others = [line.text.rstrip("\n") for line in document.lines if line.name != key.upper()]
    assert [line.text.rstrip("\n") for line in again.lines if line.name != key.upper()] == others
    assert tip.merge(again, {key: wanted})[1] == ()


@QUICK
@given(
    st.builds(
        tip.Destination,
        st.sampled_from(["h", "10.0.0.1", "::1", "fe80::1%eth0"]),
        st.integers(1, 65535),
        st.sampled_from(tip.TRANSPORTS),
        st.one_of(st.none(), st.integers(0, 10**8)),
    )
)
def test_destinations_round_trip(destination: tip.Destination) -> None:
    assert tip.parse_destination(tip.render_destination(destination)) == destination


@pytest.mark.parametrize("key", ["LOG_REPLICATION_DEST_1", "log_replication_dest_2", "LOG_REPLICATION_DEST_10"])
def test_a_numbered_key_comes_back_to_its_place(key: str) -> None:
    text = (
        "A=1\nLOG_REPLICATION_DEST_1=a\nlog_replication_dest_2=b\n# three\nLOG_REPLICATION_DEST_10=c\n"
        "LOG_ARCHIVE_DEST_1=d\nZ=2\n"
    )
    document = tip.parse(text)
    value = tip.find(document, key)[0].value
    assert value is not None
    back = tip.set_value(tip.remove(document, key), key, value.raw)
    assert [line.number for line in back.lines] == list(range(1, 8))
    assert tip.render(back).replace("# three\n", "") == text.replace("# three\n", "")
    assert tip.render(tip.set_value(document, "s.LOG_REPLICATION_DEST_1", "e")).endswith("s.LOG_REPLICATION_DEST_1=e\n")
    assert tip.render(tip.set_value(document, "NEW_1", "e")).endswith("Z=2\nNEW_1=e\n")
