# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tbdsn.tbr: one alias changes, every other byte stays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import dsn
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError

TEXT = """#-------------------------------------------------
# /t/client/config/tbdsn.tbr
orders=(
    (INSTANCE=(HOST=localhost)
              (PORT=8629)
              (DB_NAME=orders)
    )
)

# behind it
  gw = ((GATEWAY=(LISTENER=(HOST=h)(PORT=9093))
         (TARGET=orcl) (TX_MODE=GLOBAL)))   # a gateway
TB_NLS_LANG=UTF8
TBCLI_LOG_DIR=/home/test/log
two=((INSTANCE=(HOST=a)(PORT=1)(DB_NAME=d))(INSTANCE=(HOST=b)(PORT=2)(DB_NAME=d)(WEIGHT=3))(LOAD_BALANCE=Y)(NEW=x))
"""


def alias(name: str, *hosts: str, **options: object) -> dsn.Alias:
    return dsn.Alias(name, tuple(dsn.Instance(host, "8629", "d") for host in hosts), **options)  # type: ignore[arg-type]


def test_reading() -> None:
    document = dsn.parse(TEXT)
    assert dsn.render(document) == TEXT
    assert dsn.names(document) == ("orders", "gw", "two")
    assert dsn.globals_of(document) == (("TB_NLS_LANG", "UTF8"), ("TBCLI_LOG_DIR", "/home/test/log"))
    two = dsn.get(document, "two")
    assert two is not None
    assert [(i.host, i.port_number, i.db_name) for i in two.instances] == [("a", 1, "d"), ("b", 2, "d")]
    assert (two.load_balance, two.use_failover, two.use_ssl) == (True, None, None)
    assert [(p.name, p.value) for p in two.extra] == [("NEW", "x")]
    gateway = dsn.get(document, "gw")
    assert gateway is not None and not gateway.is_tibero
    assert dsn.problems(document) == ()


def test_upsert_adds_at_the_end() -> None:
    document, changed = dsn.upsert(dsn.parse(TEXT), alias("new", "h"))
    assert changed
    assert dsn.render(document) == TEXT + "new=(\n    (INSTANCE=(HOST=h)(PORT=8629)(DB_NAME=d))\n)\n"
    assert dsn.upsert(document, alias("new", "h")) == (document, False)


def test_upsert_ends_a_last_line_without_a_line_feed() -> None:
    document, _changed = dsn.upsert(dsn.parse("TB_NLS_LANG=UTF8"), alias("new", "h"))
    assert dsn.render(document).startswith("TB_NLS_LANG=UTF8\nnew=(\n")
    crlf, _changed = dsn.upsert(dsn.parse("TB_NLS_LANG=UTF8\r\n"), alias("new", "h"))
    assert dsn.render(crlf).count("\r\n") == dsn.render(crlf).count("\n")


def test_upsert_changes_one_alias_only_and_keeps_unknown_parameters() -> None:
    wanted = dsn.Alias(
        "two", (dsn.Instance("b", "2", "d"), dsn.Instance("c", "3", "d")), use_failover=True, force_failover_delay=10
    )
    document, changed = dsn.upsert(dsn.parse(TEXT), wanted)
    assert changed
    assert dsn.render(document) == TEXT[: TEXT.index("two=")] + (
        "two=(\n    (INSTANCE=(HOST=b)(PORT=2)(DB_NAME=d)(WEIGHT=3))\n    (INSTANCE=(HOST=c)(PORT=3)(DB_NAME=d))\n"
        "    (USE_FAILOVER=Y)\n    (FORCE_FAILOVER_DELAY=10)\n    (NEW=x)\n)\n"
    )
    assert dsn.upsert(document, wanted) == (document, False)


def test_the_same_meaning_is_no_change() -> None:
    document = dsn.parse(TEXT)
    wanted = dsn.Alias("orders", (dsn.Instance("localhost", "8629", "orders"),), load_balance=False)
    assert dsn.upsert(document, wanted) == (document, False)


def test_two_aliases_in_one_line() -> None:
    text = "a=((INSTANCE=(HOST=h)(PORT=1)(DB_NAME=d))) b=((INSTANCE=(HOST=h)(PORT=1)(DB_NAME=d)))"
    document, changed = dsn.remove(dsn.parse(text), "a")
    assert changed
    assert dsn.render(document).strip() == "b=((INSTANCE=(HOST=h)(PORT=1)(DB_NAME=d)))"


def test_remove() -> None:
    document = dsn.parse(TEXT)
    without, changed = dsn.remove(document, "orders")
    assert changed
    assert dsn.render(without) == TEXT[: TEXT.index("orders=")] + TEXT[TEXT.index("\n# behind") :]
    assert dsn.remove(without, "orders") == (without, False)
    assert dsn.remove(document, "ORDERS") == (document, False)  # alias names are case-sensitive


def test_duplicates_are_reported_and_end_at_the_next_upsert() -> None:
    text = "a=((INSTANCE=(HOST=h)(PORT=8629)(DB_NAME=d)))\n#x\na=((INSTANCE=(HOST=i)(PORT=8629)(DB_NAME=d)))\n"
    document = dsn.parse(text)
    assert [(p.line, p.text) for p in dsn.problems(document)] == [(3, "alias a is defined twice, first in line 1")]
    document, changed = dsn.upsert(document, alias("a", "h"))
    assert changed
    assert dsn.render(document) == "a=((INSTANCE=(HOST=h)(PORT=8629)(DB_NAME=d)))\n#x\n"


def test_a_gateway_is_never_overwritten() -> None:
    with pytest.raises(GrammarError, match="belongs to a gateway"):
        dsn.upsert(dsn.parse(TEXT), alias("gw", "h"))


def test_instances_that_lack_something_are_reported() -> None:
    text = "TVSAM=( \n    (INSTANCE=(HOST=127.0.0.1)\n        (PT=8629)\n    (DB_NAME=TVSAM)\n          )\n     )\n"
    document = dsn.parse(text)
    assert [p.text for p in dsn.problems(document)] == ["an INSTANCE of alias TVSAM has no PORT"]
    assert dsn.render(document) == text


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("(HOST=h # main\n)(PORT=1)(DB_NAME=d)", "HOST 'h # main'"),
        ("(HOST=h i)(PORT=1)(DB_NAME=d)", "HOST 'h i'"),
        ("(HOST=#\n)(PORT=1)(DB_NAME=d)", "HOST '#'"),
        ("(HOST=h)(PORT=abc)(DB_NAME=d)", "PORT 'abc'"),
        ("(HOST=h)(PORT=86 29)(DB_NAME=d)", "PORT '86 29'"),
        ("(HOST=h)(PORT=0)(DB_NAME=d)", "PORT '0'"),
        ("(HOST=h)(PORT=65536)(DB_NAME=d)", "PORT '65536'"),
        ("(HOST=h)(PORT=@P@ 1)(DB_NAME=d)", "PORT '@P@ 1'"),
        ("(HOST=h)(PORT=1)(DB_NAME=d e)", "DB_NAME 'd e'"),
        ("(HOST=h)(PORT=1)(DB_NAME=d)(NEW=x # y\n)", "NEW 'x # y'"),
        ("(HOST=h)(PORT=1)(DB_NAME=d))(LOAD_BALANCE=Y # z\n", "LOAD_BALANCE 'Y # z'"),
    ],
)
def test_values_that_no_client_can_use_are_reported_with_their_line(written: str, said: str) -> None:
    text = "#\na=(\n(INSTANCE=%s)\n)\n" % written
    document = dsn.parse(text)
    assert dsn.render(document) == text
    assert [(p.line, p.name) for p in dsn.problems(document)] == [(3, "a")]
    assert said in dsn.problems(document)[0].text
    if "#" in said:
        with pytest.raises(GrammarError, match=r"line 3.*line of its own"):
            dsn.upsert(document, alias("a", "h"))


@pytest.mark.parametrize("host", ["h", "192.168.x.x", "@MY_IP@", "fe80::1%eth0"])
@pytest.mark.parametrize("port", ["1", "65535", "@PORT@"])
def test_values_of_recorded_files_are_no_problem(host: str, port: str) -> None:
    document = dsn.parse("a=((INSTANCE=(HOST=%s)(PORT=%s)(DB_NAME=@DB_NAME@)))\n" % (host, port))
    assert dsn.problems(document) == ()


def test_a_global_with_a_comment_behind_it_is_reported() -> None:
    document = dsn.parse("A=1\nTB_NLS_LANG=UTF8 # c\n")
    assert [(p.line, p.name) for p in dsn.problems(document)] == [(2, "TB_NLS_LANG")]


COMMENTED = """a=(
  # the main one (HOST=x)
  (INSTANCE=(HOST=h) # rack 3
   (PORT=8629
   # was 8630
   )(DB_NAME=d)) # )
)   # behind
b=((INSTANCE=(HOST=i)(PORT=1)(DB_NAME=d)))
"""


def test_what_looks_like_a_comment_but_is_a_value_is_not_both() -> None:
    document = dsn.parse("a=((INSTANCE=(HOST=h)(PORT=1)(DB_NAME=d)(NEW=#5)))\n")
    assert document.items[0].comments == ()
    assert document.items[0].params[0].children[3].value == "#5"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_upsert_keeps_the_comments_inside_an_alias(end: str) -> None:
    text = COMMENTED.replace("\n", end)
    document = dsn.parse(text)
    assert dsn.upsert(document, alias("a", "h")) == (document, False)
    document, changed = dsn.upsert(document, alias("a", "j"))
    assert changed
    lines = ["a=(", "# the main one (HOST=x)", "# rack 3", "# was 8630", "# )"]
    lines += ["    (INSTANCE=(HOST=j)(PORT=8629)(DB_NAME=d))", ")   # behind"]
    assert dsn.render(document) == end.join(lines) + end + text[text.index("b=") :]
    again = dsn.parse(dsn.render(document))
    assert dsn.upsert(again, alias("a", "j")) == (again, False)
    third, _changed = dsn.upsert(again, alias("a", "k"))
    assert dsn.render(third) == dsn.render(again).replace("HOST=j", "HOST=k")
    others, _changed = dsn.upsert(again, alias("b", "k"))
    assert dsn.render(others).startswith(end.join(lines) + end + "b=(" + end + "    (INSTANCE")


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("# head\ra=((INSTANCE=(HOST=h)(PORT=1)(DB_NAME=d)))\r", 1, 7),
        ("x=1\nb=1\ra=((INSTANCE=(HOST=h)(PORT=1)(DB_NAME=d)))\r", 2, 4),
        ("a=(\n# c\r(INSTANCE=(HOST=h)(PORT=1)(DB_NAME=d))\n)\n", 2, 4),
    ],
)
def test_a_lone_carriage_return_hides_no_alias(text: str, line: int, column: int) -> None:
    with pytest.raises(GrammarError, match="carriage return") as error:
        dsn.parse(text)
    assert (error.value.line, error.value.column) == (line, column)
    document = dsn.parse(text, strict=False)
    assert dsn.render(document) == text
    assert dsn.problems(document)


@pytest.mark.parametrize(
    "text",
    [
        "a =\n  ((INSTANCE=(HOST=h)(PORT=8629)(DB_NAME=d)))\n",
        "a=(INSTANCE=(HOST=h)(PORT=8629)(DB_NAME=d))\n",
        "a=(\r\n(INSTANCE=(HOST= h )( PORT =8629)(DB_NAME=d))\r\n)\r\n",
        "a=((instance=(host=h)(port=8629)(db_name=d)))",
        "a=(\n# the only one\n(INSTANCE=(HOST=h)(PORT=8629)(DB_NAME=d))\n)\n",
        "\ufeffa=((INSTANCE=(HOST=h)(PORT=8629)(DB_NAME=d)))\n",
    ],
)
def test_ways_to_write_the_same(text: str) -> None:
    document = dsn.parse(text)
    found = dsn.get(document, "a")
    assert found is not None
    assert found.instances == (dsn.Instance("h", "8629", "d"),)
    assert dsn.render(document) == text


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("x\n", 1, 1, "alias="),
        ("a=((INSTANCE=(HOST=h)(PORT=1)(DB_NAME=d))\nb=1\n", 2, 1, "closing parenthesis"),
        ("a=((INSTANCE=(HOST=h(PORT=1)))\n", 1, 21, "closing parenthesis after the value"),
        ("#\na=((INSTANCE=(HOST=h)(PORT=1)", 2, 30, "opened in line 2"),
        ("a=((=1))", 1, 4, "(NAME=value)"),
    ],
)
def test_errors_say_where(text: str, line: int, column: int, said: str) -> None:
    with pytest.raises(GrammarError) as error:
        dsn.parse(text)
    assert (error.value.line, error.value.column) == (line, column)
    assert said in str(error.value)
    assert dsn.render(dsn.parse(text, strict=False)) == text


@pytest.mark.parametrize(
    "bad",
    [
        alias("a-b", "h"),
        alias("a b", "h"),
        alias("", "h"),
        alias("a"),
        alias("a", "h)"),
        alias("a", "h i"),
        alias("a", ""),
        dsn.Alias("a", (dsn.Instance("h", "0", "d"),)),
        dsn.Alias("a", (dsn.Instance("h", "x", "d"),)),
        dsn.Alias("a", (dsn.Instance("h", "1", "d\n"),)),
    ],
)
def test_what_cannot_be_written_is_refused(bad: dsn.Alias) -> None:
    with pytest.raises(GrammarError):
        dsn.upsert(dsn.parse(TEXT), bad)


def test_deep_nesting_needs_no_stack() -> None:
    text = "a=" + "(" + "(A=" * 20000 + ")" * 20001 + "\n"
    assert dsn.render(dsn.parse(text)) == text
    with pytest.raises(GrammarError):
        dsn.parse("a=" + "(" * 20000)


QUICK = settings(max_examples=60, deadline=None)
NAMES = st.from_regex(r"[A-Za-z0-9_]{1,12}", fullmatch=True)
HOSTS = st.from_regex(r"[a-z0-9.:-]{1,20}", fullmatch=True)
ALIASES = st.builds(
    dsn.Alias,
    NAMES,
    st.lists(
        st.builds(dsn.Instance, HOSTS, st.integers(1, 65535).map(str), NAMES, st.just(())), min_size=1, max_size=3
    ).map(tuple),
    st.sampled_from([None, True, False]),
    st.sampled_from([None, True, False]),
    st.one_of(st.none(), st.integers(0, 1000)),
    st.sampled_from([None, True, False]),
    st.just(()),
    st.just(0),
)


@QUICK
@given(st.text())
def test_any_text_survives(text: str) -> None:
    assert dsn.render(dsn.parse(text, strict=False)) == text
    try:
        document = dsn.parse(text)
    except GrammarError as error:
        assert error.line is not None
    else:
        assert dsn.render(document) == text


@QUICK
@given(st.text(alphabet="a=() \n#\rHOST"))
def test_any_text_of_its_own_characters_survives(text: str) -> None:
    assert dsn.render(dsn.parse(text, strict=False)) == text
    try:
        assert dsn.render(dsn.parse(text)) == text
    except GrammarError as error:
        assert error.line is not None


@QUICK
@given(st.lists(ALIASES, max_size=5), ALIASES)
def test_upsert_is_idempotent_and_leaves_the_others(present: list[dsn.Alias], wanted: dsn.Alias) -> None:
    document = dsn.parse("# head\n")
    for item in present:
        document, _changed = dsn.upsert(document, item)
    before = {name: dsn.get(document, name) for name in dsn.names(document) if name != wanted.name}
    document, _changed = dsn.upsert(document, wanted)
    again = dsn.parse(dsn.render(document))
    found = dsn.get(again, wanted.name)
    assert found is not None
    assert found.instances == wanted.instances
    assert dsn.upsert(again, wanted)[1] is False
    after = {name: dsn.get(again, name) for name in dsn.names(again) if name != wanted.name}
    strip = lambda found: {k: v._replace(line=0) for k, v in found.items() if v}  # noqa: E731
    assert strip(after) == strip(before)
