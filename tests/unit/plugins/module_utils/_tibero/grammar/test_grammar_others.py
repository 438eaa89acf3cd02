# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Process lists, cmrctl, licences, the server log, tbrmgr and the catalogue of messages."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import (
    cmrctl,
    console,
    license,
    lines,
    messages,
    ps,
    rmgr,
    slog,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError

QUICK = settings(max_examples=100, deadline=None)

# ---------------------------------------------------------------------------------------------------- ps

SERVER = ps.Title("tbsvr", "RECOVERY", "orders")


@pytest.mark.parametrize(
    ("line", "pid", "ppid", "user"),
    [
        (
            "tibero     101     1  1 14:14 ?        00:00:00 tbsvr          -t RECOVERY -SVR_SID orders",
            101,
            1,
            "tibero",
        ),
        (
            "1001       101     1  1 Nov21 pts/0    1-02:03:04 tbsvr          -t RECOVERY -SVR_SID orders",
            101,
            1,
            "1001",
        ),
        (
            "tibero     101     1  1 Nov 21 pts/0    00:00:00 tbsvr          -t RECOVERY -SVR_SID orders",
            101,
            1,
            "tibero",
        ),
        ("    101       1 tibero   tbsvr          -t RECOVERY -SVR_SID orders", 101, 1, "tibero"),
        ("101 1 tiber+ /tibero/tibero7/bin/tbsvr -t RECOVERY -SVR_SID orders", 101, 1, "tiber+"),
        (
            "tibero     101     1  1 11월21 ?        00:00:00 tbsvr          -t RECOVERY -SVR_SID orders",
            101,
            1,
            "tibero",
        ),
        ("  101     1 tibero    \\_ tbsvr          -t RECOVERY -SVR_SID orders", 101, 1, "tibero"),
        ("  101     1 tibero    |   |   \\_ /t/bin/tbsvr -t RECOVERY -SVR_SID orders", 101, 1, "tibero"),
        (
            "tibero 101 0.0 0.1 1234 5678 ? Ss Nov21 0:01 tbsvr          -t RECOVERY -SVR_SID orders",
            101,
            None,
            "tibero",
        ),
    ],
)
def test_forms_of_a_process_list(line: str, pid: int, ppid: int | None, user: str) -> None:
    for text in (line, "header\n" + line + "\r\n", line + "   \n"):
        found = ps.parse(text)
        assert found.processes == (ps.Process(pid, ppid, user, SERVER),)
        assert ps.instance(found, "orders") == ps.Instance("orders", "RECOVERY", pid, user, ())
    assert ps.instance(ps.parse(line), "ORDERS") is None


@pytest.mark.parametrize(
    "line",
    [
        "root     13517  8366  0 14:15 pts/0    00:00:00 grep --color=auto tbsvr",
        "root     13517  8366  0 14:15 pts/0    00:00:00 grep tbsvr -t NORMAL -SVR_SID orders",
        "tibero   13517  8366  0 14:15 pts/0    00:00:00 vi tbsvr.log",
        "tibero   13517  8366  0 14:15 pts/0    00:00:00 /bin/sh -c tbsvr -t NORMAL -SVR_SID orders",
        "13517  8366 tibero tbsvrx -t NORMAL -SVR_SID orders",
        "tbsvr          -t NORMAL -SVR_SID orders",
        "                              :",
        "",
    ],
)
def test_what_is_no_server(line: str) -> None:
    assert ps.parse(line).processes == ()


def test_old_names_listener_and_orphans() -> None:
    text = """
tibero   19981     1  0 21:12 pts/2    00:00:00 tbsvr         ...
tibero   19983 19981  0 21:12 pts/2    00:00:00 tbsvr_TBMP    ...
tibero   19984 19981  0 21:12 pts/2    00:00:00 tbsvr_WP000   ...
tibero   19987 19981  2 21:12 pts/2    00:00:12 tbsvr_PEP000   ...
tibero   19999     1  0 21:12 pts/2    00:00:00 tbsvr_DBWR     -t NORMAL -SVR_SID dead
tibero   20000     1  0 21:12 pts/2    00:00:00 tblistener     -n 11 -t NORMAL -SVR_SID orders
"""
    found = ps.parse(text)
    assert found.instances == (ps.Instance("", "", 19981, "tibero", ("tbsvr_TBMP", "tbsvr_WP000", "tbsvr_PEP000")),)
    assert found.orphans == (ps.Process(19999, 1, "tibero", ps.Title("tbsvr_DBWR", "NORMAL", "dead")),)
    assert found.listeners == (ps.Process(20000, 1, "tibero", ps.Title("tblistener", "NORMAL", "orders")),)


def test_a_tree_of_processes() -> None:
    found = ps.parse(
        " 101    1 tibero   tbsvr          -t NORMAL -SVR_SID orders\n"
        " 102  101 tibero    \\_ tbsvr_MGWP     -t NORMAL -SVR_SID orders\n"
        " 103  101 tibero    |   \\_ tblistener\n"
    )
    assert [(instance.sid, instance.children) for instance in found.instances] == [("orders", ("tbsvr_MGWP",))]
    assert ([process.pid for process in found.listeners], found.orphans) == ([103], ())


def test_children_of_children_belong_to_the_server_and_are_lost_with_it() -> None:
    children = (
        " 102  101 tibero   tbsvr_FGWP000  -t NORMAL -SVR_SID orders\n"
        " 103  102 tibero   tbsvr_RCWP     -t NORMAL -SVR_SID orders\n"
        " 104  104 tibero   tbsvr_AGNT     -t NORMAL -SVR_SID another\n"
    )
    found = ps.parse(children + " 101    1 tibero   tbsvr          -t NORMAL -SVR_SID orders\n")
    assert [instance.children for instance in found.instances] == [("tbsvr_FGWP000", "tbsvr_RCWP")]
    assert [process.pid for process in found.orphans] == [104]
    lost = ps.parse(children)
    assert lost.instances == () and [process.pid for process in lost.orphans] == [102, 103, 104]
    names = ("tbsvr_FGWP000", "tbsvr_RCWP")
    assert ps.remains(lost.orphans, "orders") == ps.Instance("orders", "", 102, "tibero", names, True)
    assert ps.remains(lost.orphans, "ORDERS") is None


def test_boots_of_a_list() -> None:
    head = "tibero   %d     1  0 21:12 pts/2    00:00:00 %s\n"
    boots = [
        "tbboot",
        "/t/bin/tbboot -t RECOVERY",
        "/bin/sh /t/bin/tbboot -t MOUNT",
        "-bash tbboot",
        r"\_ tbboot normal",
    ]
    others = [
        "vi /t/bin/tbboot",
        "grep tbboot",
        "tbbootx",
        "/bin/sh -c tbboot",
        "tail -f tbboot.log",
        "tbsvr -t NORMAL",
    ]
    text = "".join(head % (number, command) for number, command in enumerate(boots + others, 1))
    found = ps.parse_boots(text)
    assert [(item.pid, item.title.mode) for item in found] == [(1, ""), (2, "RECOVERY"), (3, "MOUNT"), (4, ""), (5, "")]
    assert {item.title.name for item in found} == {"tbboot"}


def test_titles_that_were_cut_short_are_no_lost_processes() -> None:
    found = ps.parse(
        "tibero   101     1  0 21:12 pts/2    00:00:00 tbsvr         ...\n"
        "tibero   102   101  0 21:12 pts/2    00:00:00 tbsvr_WP000   ...\n"
        "tibero   103   101  0 21:12 pts/2    00:00:00 [tbsvr_PEP000] <defunct>\n"
    )
    assert found.instances == (ps.Instance("", "", 101, "tibero", ("tbsvr_WP000",)),)


def test_without_parents_the_sid_tells_children() -> None:
    head = "tibero %d 0.0 0.1 1 2 ? Ss 10:00 0:01 %s"
    text = head % (1, "tbsvr          -t NORMAL -SVR_SID a") + "\n" + head % (2, "tbsvr_DBWR     -t NORMAL -SVR_SID a")
    assert ps.parse(text).instances == (ps.Instance("a", "NORMAL", 1, "tibero", ("tbsvr_DBWR",)),)


@pytest.mark.parametrize(
    ("data", "title"),
    [
        (b"tbsvr          -t NORMAL -SVR_SID orders\0\0\0", ps.Title("tbsvr", "NORMAL", "orders")),
        (b"/t/bin/tbsvr\0-t\0MOUNT\0-SVR_SID\0orders\0", ps.Title("tbsvr", "MOUNT", "orders")),
        ("tbsvr_FGWP000  -t NORMAL -SVR_SID orders", ps.Title("tbsvr_FGWP000", "NORMAL", "orders")),
        (b"tblistener\0", ps.Title("tblistener", "", "")),
        (b"grep\0tbsvr\0", None),
        (b"", None),
        (b"\xff\xfe\0", None),
    ],
)
def test_cmdline(data: bytes | str, title: ps.Title | None) -> None:
    assert ps.parse_cmdline(data) == title


# ---------------------------------------------------------------------------------------------------- cmrctl

NODE = """Resource List of Node tbcm1
=====================================================================
  CLUSTER     TYPE        NAME       STATUS           DETAIL
----------- -------- -------------- -------- ------------------------
     COMMON  network           inc1       UP (private) 192.168.40.128/29000
     COMMON  cluster           cls1     DOWN inc: inc1, pub: pub1
       cls1       db           tac2 UP(NRML) tac, /tibero/tibero7, failed retry cnt: 0
       cls1      vip           vip1    UP(R) tac, 192.168.33.156/255.255.255.0/192.168.33.255 (1)
                                             failed retry cnt: 0
=====================================================================
"""
OBSERVER = """Resource List of Observer obs
======================================================================
 TSC_ID   CLS_ID     CM_NAME    NID   CM_STAT   INST_STAT    PRI/TAR
-------- -------- ----------- ----- --------- ----------- ---------
     123        0         cmp     1        UP     UP(NRML)   PRIMARY
                1         cms     1      DOWN         DOWN   TARGET
     124        0         xmp     1        UP     UP(NRML)   PRIMARY
======================================================================
"""


def test_continued_detail_and_crlf() -> None:
    for text in (NODE, NODE.replace("\n", "\r\n"), "$ cmrctl show\n\n" + NODE + "$ \n"):
        node = cmrctl.parse_node(text)
        assert node.name == "tbcm1"
        assert [resource.status for resource in node.resources] == ["UP", "DOWN", "UP(NRML)", "UP(R)"]
        assert node.resources[3].detail == ("tac, 192.168.33.156/255.255.255.0/192.168.33.255 (1) failed retry cnt: 0")


def test_groups_of_the_observer() -> None:
    observer = cmrctl.parse_observer(OBSERVER)
    assert [(member.tsc_id, member.cm_name, member.role) for member in observer.members] == [
        ("123", "cmp", "PRIMARY"),
        ("123", "cms", "TARGET"),
        ("124", "xmp", "PRIMARY"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        NODE[: NODE.index("failed retry")],
        NODE.replace("db           tac2 UP(NRML) tac", "db"),
        OBSERVER.replace("     123        0 ", ""),
        OBSERVER.replace("   PRIMARY", ""),
        "",
        "TSC(ID: 1) Information\n====================\nx\n",
        "TSC(ID: 1) Information\n=========\n-- --\n1 a Y - 60 x\n=========\n",
        "Service Resource Info\n=========\n",
    ],
)
def test_broken_tables_are_refused(text: str) -> None:
    for read in (cmrctl.parse_node, cmrctl.parse_observer, cmrctl.parse_tsc, cmrctl.parse_service):
        with pytest.raises(GrammarError):
            read(text)


def test_a_service_without_instances() -> None:
    rule = "=" * 49
    text = "Service Resource Info\n%s\nService name    : tac\nService type    : Database\n%s\n" % (rule, rule)
    assert cmrctl.parse_service(text) == cmrctl.Service(
        "tac", "Database", "", "", (("Service name", "tac"), ("Service type", "Database")), ()
    )


RULE = "=" * 90
TSC = (
    "TSC(ID: 123) Information\n"
    + RULE
    + """
 FAILOVER      MODE       CLS_ID     CM_NAME    CONN   LOG    Heartbeat         RCVD.TSN
---------- -------------- -------- ----------- ------ ----- ------------- --------------------
  ON(TSN)   DISASTER_PLAN        0         cmp   Y(M)    -             60                    0
%s
"""
    + RULE
    + "\n"
)
TSC_ROW = "                                 1         cms      N    1             60"


@pytest.mark.parametrize(
    ("received", "read"),
    [("38568", 38568), ("0", 0), ("-", None), ("--", None), ("N/A", None), ("n/a", None), ("-1", None), ("", None)],
)
def test_a_standby_that_is_not_connected_may_tell_no_tsn(received: str, read: int | None) -> None:
    first, second = cmrctl.parse_tsc(TSC % (TSC_ROW + received.rjust(21))).rows
    assert (first.received_tsn, second) == (0, cmrctl.TscRow("1", "cms", "N", "1", "60", read))


def test_a_blank_cls_id_is_counted_from_the_right() -> None:
    row = TSC_ROW.replace("1         cms", "          cms") + "38568".rjust(21)
    for text in (TSC % row, TSC.replace(" 0         cmp", "           cmp") % row):
        found = cmrctl.parse_tsc(text)
        assert found.rows[1] == cmrctl.TscRow("", "cms", "N", "1", "60", 38568)
        assert (found.failover, found.mode, found.rows[0].cm_name) == ("ON(TSN)", "DISASTER_PLAN", "cmp")


@pytest.mark.parametrize(
    "row",
    [
        "1 cms N 1 60",  # a field is missing, and no column tells which
        "1 cms N 60 38568",
        "1 N Y(M) 1 60",
        TSC_ROW.replace("N    1 ", "N      ") + "38568".rjust(21),
        TSC_ROW.replace("cms", "   ") + "38568".rjust(21),
        TSC_ROW + "soon".rjust(21),
        TSC_ROW + "\u00b2".rjust(21),
        TSC_ROW + "-x".rjust(21),
    ],
)
def test_a_row_of_a_tsc_that_can_be_read_two_ways_is_refused(row: str) -> None:
    with pytest.raises(GrammarError):
        cmrctl.parse_tsc(TSC % row)


@pytest.mark.parametrize("lost", ["ON(TSN)", "DISASTER_PLAN"])
def test_a_first_row_of_a_tsc_without_failover_or_mode_is_refused(lost: str) -> None:
    with pytest.raises(GrammarError):
        cmrctl.parse_tsc(TSC.replace(lost, " " * len(lost)) % (TSC_ROW + "38568".rjust(21)))


def test_a_blank_cls_id_of_the_observer() -> None:
    text = OBSERVER.replace("                1         cms", "                          cms")
    text = text.replace("     124        0         xmp", "     124                  xmp")
    assert [member[:4] for member in cmrctl.parse_observer(text).members] == [
        ("123", "0", "cmp", "1"),
        ("123", "", "cms", "1"),
        ("124", "", "xmp", "1"),
    ]
    squeezed = "\n".join(" ".join(line.split()) for line in OBSERVER.split("\n"))
    assert cmrctl.parse_observer(squeezed) == cmrctl.parse_observer(OBSERVER)


@pytest.mark.parametrize(
    ("row", "lost"),
    [
        ("                1         cms     1      DOWN         DOWN   TARGET", field)
        for field in ("   TARGET", "      DOWN   TARGET", "     1      DOWN", "cms", "1      DOWN")
    ]
    + [("     124        0         xmp     1        UP     UP(NRML)   PRIMARY", "   PRIMARY")],
)
def test_a_row_of_the_observer_that_lacks_another_field_is_refused(row: str, lost: str) -> None:
    broken = OBSERVER.replace(row, row.replace(lost, " " * len(lost)))
    assert broken != OBSERVER
    with pytest.raises(GrammarError):
        cmrctl.parse_observer(broken)


SHARED = """***************************************************************************
* A shared memory segment with the same key already exists.
* SHM_KEY = 0xd541e17e, errno = 17 (cannot create)
* Trying to reuse the shared memory segment....
***************************************************************************
"""


@pytest.mark.parametrize(
    "said",
    [
        "*    BOOT FAILED.",
        "* B O O T\nBOOT  FAILED",
        "TBR-1098: Database in standby mode.",
        "*   TBR-1024 :  Database needs media recovery.",
        "ora TBS-70028",
        "Tibero instance started suspended at MOUNT mode.",
        "* Critical Warning : Raise svmode failed. The reason is",
        "Critical Warning : Current server mode is MOUNT.",
        "***********\n* ERROR: License expired!!\n***********",
        "Active/Standby replication is not licensed.",
        "LGWR SYNC standby DB is required for AVAILABILITY",
        SHARED + "* TBR-1098: x",
        SHARED + "***********\n* Cannot get shared memory segment:\n***********",
        SHARED.replace("* Trying", "* BOOT FAILED. Trying"),
        "*** Warning: Control file open failed\n* TBR-24003 :  Unable to read control file.",
    ],
)
def test_a_failed_boot_outweighs_a_request_that_was_sent(said: str) -> None:
    for text in ("MSG SENDING SUCCESS!\n" + said, said + "\nBOOT SUCCESS! (MODE : NORMAL)"):
        reply = cmrctl.parse_reply(text)
        assert reply.outcome == cmrctl.ReplyOutcome.FAILED
        assert any(line in said for line in reply.messages)


def test_boxes_that_only_warn_are_no_failure() -> None:
    warned = "*" * 60 + "\n*   Warning: Control file open failed\n*   /t/c1.ctl\n" + "*" * 60 + "\n"
    for box in (SHARED, warned):
        reply = cmrctl.parse_reply(box + "BOOT SUCCESS! (MODE : NORMAL)")
        assert (reply.outcome.name, reply.messages) == ("SUCCESS", ("BOOT SUCCESS! (MODE : NORMAL)",))
    for name in ("tbs-1", "TBS-1"):
        added = cmrctl.parse_reply("Resource add success! (db, %s)" % name)
        assert (added.outcome.name, added.resource) == ("SUCCESS", ("db", name))


@pytest.mark.parametrize(
    ("text", "outcome", "resource"),
    [
        ("SUCCESS!", "SUCCESS", None),
        ("Resource add success! (network, inc1)", "SUCCESS", ("network", "inc1")),
        ("MSG SENDING SUCCESS!", "SUCCESS", None),
        ("BOOT SUCCESS! (MODE : RECOVERY)", "SUCCESS", None),
        ("Failed to start the resource 'tas2'", "FAILED", None),
        ("SUCCESS!\nERROR: something", "FAILED", None),
        ("", "UNRECOGNISED", None),
        ("hello", "UNRECOGNISED", None),
        ("$ cmrctl switchover --tscid 1 # failed before\nSUCCESS!", "SUCCESS", None),
    ],
)
def test_replies(text: str, outcome: str, resource: tuple[str, str] | None) -> None:
    reply = cmrctl.parse_reply(text)
    assert (reply.outcome.name, reply.resource) == (outcome, resource)
    assert cmrctl.parse_reply("BOOT SUCCESS! (MODE : RECOVERY)").mode == "RECOVERY"


@pytest.mark.parametrize(
    "text",
    [
        "SUCCESS! but it failed afterwards",
        "Not SUCCESS!",
        "Resource add success! (db, tac1), but the cluster could not be reached",
        "$ cmrctl del service --name x\nCM: SIGSEGV caught...  making callstack\n    [00] 0x0040 = cm_thr_main + 0x04e7\n",
    ],
)
def test_a_success_that_is_taken_back_in_its_line_is_none(text: str) -> None:
    assert cmrctl.parse_reply(text).outcome == cmrctl.ReplyOutcome.FAILED


def test_a_node_whose_title_is_lost() -> None:
    text = (
        "cmrctl show\n=========================================\n"
        "  CLUSTER     TYPE        NAME       STATUS           DETAIL         \n"
        "----------- -------- -------------- -------- ------------------------\n"
        "     COMMON  cluster            cls     DOWN inc: inter2, pub: pub1\n"
        "        cls       db            db1    DEACT svc, /t, failed retry cnt: 3\n"
        "        cls      vip           vip1     INTR svc, 10.0.0.9/255.255.255.0\n"
        "        cls      vip           vip2  UNKNOWN svc, 10.0.0.8/255.255.255.0\n"
        "        cls       db            db2 UP(NRML)(2) svc, /t\n"
        "=========================================\n"
    )
    node = cmrctl.parse_node(text)
    assert (node.name, [resource.status for resource in node.resources]) == (
        "",
        ["DOWN", "DEACT", "INTR", "UNKNOWN", "UP(NRML)(2)"],
    )
    titled = text.replace("cmrctl show\n", "Resource List of Node cm1\n")
    assert cmrctl.parse(titled) == (node._replace(name="cm1"),)
    with pytest.raises(GrammarError):
        cmrctl.parse(text[: text.rindex("=" * 41)])


# ---------------------------------------------------------------------------------------------------- licence

LICENCE = """<?xml version="1.0" encoding="%s"?>
<tmax_license><license version="1.1"><product version="7.2.3">Tibero</product>
<start_date>2025/07/03</start_date><end_date>%s</end_date><licensee>%s</licensee>
<limit_cpu>4</limit_cpu><identified_by_host>db1</identified_by_host></license></tmax_license>"""


def licence(encoding: str = "UTF-8", end: str = "2025/08/01", licensee: str = "x") -> license.License:
    return license.parse((LICENCE % (encoding, end, licensee)).encode(encoding))


@pytest.mark.parametrize("encoding", ["UTF-8", "utf-8", "EUC-KR", "cp949", "ms949", "GBK", "utf-16"])
def test_declared_encodings(encoding: str) -> None:
    word = "高" if encoding == "GBK" else "서울"
    if encoding == "utf-16":
        with pytest.raises(GrammarError):
            licence(encoding, licensee=word)  # its declaration cannot be read as ASCII
    else:
        assert licence(encoding, licensee=word).licensee == word


def test_byte_order_mark_and_latin() -> None:
    assert license.parse(b"\xef\xbb\xbf" + (LICENCE % ("UTF-8", "2025/08/01", "x")).encode()).product == "Tibero"
    assert licence("ISO-8859-1", licensee="é").licensee == "é"


def test_the_last_day() -> None:
    assert license.last_day(licence()) == datetime.date(2025, 8, 1)


def test_an_end_that_follows_from_the_duration() -> None:
    text = "<license><product>Tibero</product><issue_date>2025/07/03</issue_date><duration>%s</duration></license>"
    found = license.parse((text % 30).encode())
    assert license.last_day(found) == datetime.date(2025, 8, 1)
    assert license.last_day(license.parse((text % "unlimited").encode())) is None
    assert license.last_day(license.parse((text % 999999999).encode())) is None
    assert license.last_day(license.parse((text % 0).encode())) is None


def test_a_word_for_no_end_outweighs_a_duration() -> None:
    for word in ("UNLIMITED", "permanent"):
        text = (LICENCE % ("UTF-8", word, "x")).replace("<limit_cpu>", "<duration>30</duration><limit_cpu>")
        assert license.last_day(license.parse(text.encode())) is None


@pytest.mark.parametrize("name", ["expire_date", "expiration_date", "EXPIRE_DATE", "valid_until"])
def test_an_end_by_another_name_is_an_end(name: str) -> None:
    text = (LICENCE % ("UTF-8", "X", "x")).replace("<end_date>X</end_date>", "<%s>2025/08/01</%s>" % (name, name))
    assert license.last_day(license.parse(text.encode())) == datetime.date(2025, 8, 1)
    both = (LICENCE % ("UTF-8", "2025/07/31", "x")).replace(
        "<end_date>", "<%s>2025/08/01</%s><end_date>" % (name, name)
    )
    assert license.last_day(license.parse(both.encode())) == datetime.date(2025, 7, 31)
    other = text.replace(">2025/08/01<", ">30<")
    assert license.last_day(license.parse(other.encode())) is None


def test_a_licence_without_end() -> None:
    assert licence(end="").end_date is None
    assert licence(end="unlimited").end_date is None
    assert license.last_day(licence(end="")) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<",
        b"hello",
        b"<tmax_license/>",
        b"<license><product>JEUS</product></license>",
        b"<license><product>Tibero</product><end_date>soon</end_date></license>",
        b"<license><product>Tibero</product><end_date>2025/02/30</end_date></license>",
        b"<license><product>Tibero</product><duration>many</duration></license>",
        b"<?xml version='1.0' encoding='nonsense'?><license><product>Tibero</product></license>",
        b"<?xml version='1.0' encoding='unicode_escape'?><license><product>Tibero</product></license>",
        b"<?xml version='1.0' encoding='hex'?><license><product>Tibero</product></license>",
        b"<license><product>Tibero</product>\xff</license>",
        b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><license><product>Tibero&e;</product></license>",
        b"<!doctype x><license><product>Tibero</product></license>",
        b"<license><product>Tibero&undefined;</product></license>",
        b"<license>" * 5000,
        b" " * (1 << 21),
    ],
)
def test_broken_licences_are_refused(data: bytes) -> None:
    with pytest.raises(GrammarError, match="licence file"):
        license.parse(data)


@pytest.mark.parametrize(
    "declared", ["<!DOCTYPE x>", '<!DOCTYPE x [<!ENTITY e "x">]>', "<!doctype x>", "<!-- <!ENTITY -->"]
)
def test_document_types_and_entities_are_refused(declared: str) -> None:
    for encoding in ("utf-8", "euc-kr"):
        data = "<?xml version='1.0' encoding='%s'?>%s<license><product>Tibero</product></license>" % (
            encoding,
            declared,
        )
        with pytest.raises(GrammarError, match="document type or entity"):
            license.parse(data.encode(encoding))


def test_no_secret_in_the_record() -> None:
    data = b"<license><product>Tibero</product><serial_ID>S3RIAL</serial_ID><signature>S1GN</signature></license>"
    found = license.parse(data)
    assert found.signed
    assert "S3RIAL" not in repr(found) and "S1GN" not in repr(found)


@QUICK
@given(st.binary())
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    try:
        license.parse(data)
    except GrammarError:
        pass


# ---------------------------------------------------------------------------------------------------- logs, tbrmgr


def test_a_byte_order_mark_and_the_title_of_a_window_are_no_text() -> None:
    title = "\x1b]0;tibero@db1:~\x07"
    assert lines.split_plain("\ufeff%sa\x1b(B\r\nb\x1b[?2004h\x1b=" % title) == ["a", "b"]
    assert lines.split_plain("a\ufeffb\x1b]") == ["a\ufeffb\x1b]"]
    assert slog.parse("\ufeff[09:26:15] [SMR-01] [E] x\n")[0].module == "SMR-01"


def test_slog_forms() -> None:
    text = (
        "tail of a line\n[12-04T09:26:14.568000] [FRM-00] [I] Server is running at RECOVERY mode "
        "(bootmode : RECOVERY, bootflag : 0)\r\n  more of it\n\n[09:26:15] [SMR-01] [E] x\n"
    )
    entries = slog.parse(text)
    assert [(entry.time, entry.module, entry.level) for entry in entries] == [
        ("12-04T09:26:14.568000", "FRM-00", "I"),
        ("09:26:15", "SMR-01", "E"),
    ]
    assert entries[0].text.endswith("bootflag : 0)\n  more of it")
    assert slog.mode_changes(entries) == (slog.ModeChange("12-04T09:26:14.568000", "RECOVERY", "RECOVERY", "0"),)


def test_rmgr_error_behind_progress() -> None:
    found = rmgr.parse(
        "  0.00% |     |\r 50.00% |==>  |\rTBR-7570: Another Media Recovery or RMGR job is already ongoing.\r\n"
    )
    assert (found.failed, [error.code for error in found.errors]) == (True, [7570])
    assert found.messages == ("0.00% |     |", "50.00% |==>  |")


def test_rmgr_error() -> None:
    rule = "=" * 78
    text = "%s\n= Recovery Manager(RMGR) starts%s=\n%s\nTBR-24068: The latest backup set #1 is x.\nhm\n" % (
        rule,
        " " * 46,
        rule,
    )
    found = rmgr.parse(text)
    assert (found.started, found.failed, found.messages) == (True, True, ("hm",))
    assert [error.code for error in found.errors] == [24068]


@pytest.mark.parametrize(
    ("text", "codes", "said", "kept"),
    [
        ("ERROR: TBR-24105: x", [24105], ["x"], ("ERROR: TBR-24105: x",)),
        ("TBR-7550 Failed", [7550], ["Failed"], ()),
        ("TBS-70002", [70002], ["TBS-70002"], ()),
        ("backup ended with TBR-7550", [7550], ["backup ended with TBR-7550"], ("backup ended with TBR-7550",)),
        (" 50% |==>  | TBR-7570: busy", [7570], ["busy"], ("50% |==>  | TBR-7570: busy",)),
        ("= TBR-7550 Failed   =", [7550], ["Failed"], ()),
        ("= ERROR (TBR-7550) =", [7550], ["ERROR (TBR-7550)"], ("= ERROR (TBR-7550) =",)),
        ("TBR-24068: a\nhm\nERROR: TBR-7550: b", [24068, 7550], ["a", "b"], ("hm", "ERROR: TBR-7550: b")),
        ("ERROR: TBR-7550: b\nTBR-24068: a", [7550, 24068], ["b", "a"], ("ERROR: TBR-7550: b",)),
        ("TBR-" + "9" * 5000, [int("9" * 18)], ["9" * 4982], ()),
    ],
)
def test_rmgr_error_in_any_place(text: str, codes: list[int], said: list[str], kept: tuple[str, ...]) -> None:
    found = rmgr.parse(text)
    assert (found.failed, [error.code for error in found.errors]) == (True, codes)
    assert [error.text for error in found.errors] == said
    assert found.messages == kept


@QUICK
@given(st.text())
def test_no_text_raises(text: str) -> None:
    ps.parse(text)
    ps.parse_boots(text)
    ps.parse_cmdline(text)
    slog.mode_changes(slog.parse(text))
    rmgr.parse(text)
    cmrctl.parse_reply(text)
    cmrctl.parse_tbcm(text)
    messages.identify(text)
    for read in (cmrctl.parse, cmrctl.parse_node):
        try:
            read(text)
        except GrammarError:
            pass


@QUICK
@given(
    st.lists(
        st.sampled_from(
            [*NODE.split("\n"), *OBSERVER.split("\n"), "Service Resource Info", "Service name : a", "| - - |"]
        )
    )
)
def test_no_mixture_of_tables_raises_anything_else(parts: list[str]) -> None:
    try:
        cmrctl.parse("\n".join(parts))
    except GrammarError as error:
        assert error.line is not None


@QUICK
@given(st.binary())
def test_bytes_survive_decoding(data: bytes) -> None:
    assert lines.encode(lines.decode(data)) == data


@QUICK
@given(st.text())
def test_lines_survive_splitting(text: str) -> None:
    assert "".join(lines.split_keep(text)) == text


# ---------------------------------------------------------------------------------------------------- messages

# tibero.md section 17 names these numbers; nobody may drop one by accident.
CODES = (
    "1023 1024 1025 1027 1029 1030 1034 1035 1036 1037 1038 1040 1049 1063 1072 1096 1098 1102 1107 1114 1116 "
    "1123 1126 1127 1128 1129 1131 1132 2131 2173 7001 7004 7067 7501 7512 7514 7515 7516 7550 7557 7558 7564 "
    "7570 7577 7578 7584 8004 8142 12004 12021 12028 12039 12079 17001 17003 17006 17007 17008 17018 17020 "
    "21042 22003 24001 24003 24010 24011 24026 24027 24029 24055 24068 24105 24111 24112 24115 24134 24140 "
    "24141 29003 180016 70002 70003 70004 70028 210012 220014 220015 250081 250086 250089 250092 250093 250094 "
    "250095 250109 250110 250111 250120 260005 260015 260021 260025 260026 260030 260031 260032 260033 260039 "
    "260041 260042 260054 270045 270049 270053 270107 350004 350005 350006 350007 350008 350009 350012 350013 "
    "350014 360002 360003 360004 360006 360007 360008 360009 "
)


@pytest.mark.parametrize("code", [int(code) for code in CODES.split()])
def test_every_number_is_explained(code: int) -> None:
    message = messages.lookup(code)
    assert message is not None
    assert message.mark in ("H", "C")
    for text in (message.meaning, message.remedy):
        assert text[0].isupper() or text.startswith(("tb", '"'))
        assert text.endswith((".", ").", "..."))
    explained = messages.explain(code, "said")
    assert explained.startswith("said.") and message.remedy in explained


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("* ERROR: License expired!!", 360003),
        ("* tbsvr process (16839) is alive.", 250111),
        ("Fail to listen port[8629]. Shutting down the instance...", 250120),
        ("LGWR SYNC standby DB is required for AVAILABILITY", 350008),
        ("Standby DB is required for PERFORMANCE", 350009),
        ("Parameter 'X' defined twice.", 260030),
        ("Tibero instance startup failed!", 270049),
        ("Failure to create directory: /a (13:Permission denied)", 220015),
    ],
)
def test_console_texts_are_identified(text: str, code: int) -> None:
    message = messages.identify(text)
    assert message is not None
    assert message.code == code


def test_unknown_numbers_say_where_to_ask() -> None:
    assert messages.lookup(424242) is None
    assert messages.identify("nothing of the kind") is None
    assert messages.explain(424242, "odd") == (
        "odd (number 424242 is not in the catalogue of this collection; 'tberr 424242' on the host explains it)"
    )
    assert messages.explain(None, " odd ") == "odd"


def test_console_and_catalogue_agree() -> None:
    """Each refusal that parse_boot() knows by number has its explanation, and its text leads to the same number."""
    for rule in console._RULES:
        if rule.code is not None:
            assert messages.lookup(rule.code) is not None, rule.code
    for code, message in messages.CATALOGUE.items():
        if code >= 210000 and "<" not in message.pattern:
            found = messages.identify(message.pattern)
            assert found is not None and found.pattern.rstrip(".") in message.pattern, code
