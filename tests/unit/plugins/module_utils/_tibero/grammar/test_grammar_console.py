# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tbboot and tbdown: variations of what was recorded, and every refusal of the catalogue."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import console
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.console import (
    BootOutcome,
    DownOutcome,
    Listener,
    parse_boot,
    parse_down,
)

QUICK = settings(max_examples=100, deadline=None)
STARTED = """Change core dump dir to /tibero/tibero7/bin/prof.
Listener port = 8629

Tibero 7

TmaxTibero Corporation Copyright (c) 2020-. All rights reserved.
Tibero instance started up (%s).
"""
SUSPENDED = """Change core dump dir to /tibero/edu/tibero6/bin/prof.
Listener port = 8629

********************************************************
* Critical Warning : Raise svmode failed. The reason is
*   TBR-1024 :  Database needs media recovery: open failed(/DataDisk/T1/tbdata/system001.dtf).
*   Current server mode is MOUNT.
********************************************************

Tibero 6

TmaxData Corporation Copyright (c) 2008-. All rights reserved.
Tibero instance started suspended at MOUNT mode.
"""
STARS = "*" * 59
ALIVE = (
    STARS
    + """
*                     BOOT FAILED.
* tbsvr process (16839) is alive.
* Check if there are any tbsvr instances running.
"""
    + STARS
    + "\n"
)
GARBAGE = (
    STARS
    + """
*                     BOOT FAILED.
* Garbage files have not been deleted.
* Please run "tbdown clean" and try again.
"""
    + STARS
    + "\n"
)
LICENCE = (
    "*" * 73
    + """
* ERROR: %s
* (1) Check the license file - /opt/tibero7/license/license.xml
"""
    + "*" * 73
    + "\nTibero instance startup failed!\n"
)


@pytest.mark.parametrize(
    ("bracket", "mode", "flag"),
    [
        ("NORMAL mode", "NORMAL", ""),
        ("NORMAL RESETLOGS mode", "NORMAL", "RESETLOGS"),
        ("NORMAL FAILOVER mode", "NORMAL", "FAILOVER"),
        ("FAILOVER mode", "FAILOVER", ""),
        ("RECOVERY mode", "RECOVERY", ""),
        ("READ ONLY mode", "READ", "ONLY"),
        ("SOMETHING_NEW mode", "SOMETHING_NEW", ""),
        ("  NORMAL   mode  ", "NORMAL", ""),
        ("NORMALmode", "NORMAL", ""),
        ("NORMAL", "NORMAL", ""),
        ("mode", "", ""),
    ],
)
def test_mode_words_are_kept_as_printed(bracket: str, mode: str, flag: str) -> None:
    boot = parse_boot(STARTED % bracket)
    assert (boot.outcome, boot.mode, boot.flag) == (BootOutcome.STARTED, mode, flag)
    assert (boot.version, boot.listeners, boot.core_dir) == ("7", (Listener("", 8629),), "/tibero/tibero7/bin/prof")


@pytest.mark.parametrize(
    "text",
    [
        "Tibero instance started up (NORMAL mode).",
        "Tibero instance started up (NORMAL mode)",
        "Tibero  instance started up( NORMAL mode ).",
        "Tiberoinstance startedup (NORMAL mode).",
        "tibero instance started up (NORMAL mode).   ",
        "Tibero instance started up (NORMAL\nmode).",
        "Tibero instance started up\n(NORMAL mode).",
        "\x1b[1mTibero instance started up (NORMAL mode).\x1b[0m\r\r",
        "[oracle@db1 ~]$ Tibero instance started up (NORMAL mode).",
        "기동합니다 Tibero instance started up (NORMAL mode). 완료",
        "Tibero 7 TmaxTibero Corporation Copyright (c) 2020-. All rights reserved. "
        "Tibero instance started up (NORMAL mode).",
    ],
)
def test_started_however_it_was_copied(text: str) -> None:
    _check_started(text)


@pytest.mark.parametrize("noise", ["\ufeff", "\x1b]0;tibero@db1:~\x07", "\x1b(B\x1b[m", "-bash-4.2$ tbboot\n"])
def test_started_behind_the_noise_of_a_terminal(noise: str) -> None:
    _check_started(noise + STARTED % "NORMAL mode")


def _check_started(text: str) -> None:
    boot = parse_boot(text)
    assert (boot.outcome, boot.mode) == (BootOutcome.STARTED, "NORMAL")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "Tibero 7\n\nTmaxTibero Corporation Copyright (c) 2020-. All rights reserved.\n",
        "Listener port = 8629\n",
        "Change core dump dir to /x.\n",
        "cat: /proc/sys/net/ipv4/tcp_wmem: No such file or directory\n",
        "Tibero cluster manager started up.\n",
        "Wait until the instance started up.\n",
        "tbboot: is the instance started up ...\n",
        "The instance started up (but is not open yet)\n",
        "Tibero instance started up (NORMAL",
        "Tibero instance started up (NORMAL mo",
        "Tibero instance started up (NORMAL mode) could not be reached\n",
        "The tbsvr instance terminated abnormally.\n",
        "DB instance terminated unexpectedly (signal 9)\n",
        "Tibero instance terminated (NORMAL mode) failed.\n",
        "tbsvr: error while loading shared libraries: libaio.so.1: cannot open shared object file\n",
        "-bash: tbboot: command not found\n",
        "bash: tbboot: command not found\n",
        "$ grep 'instance started up (NORMAL mode)' sys.log\n",
        "# Tibero comes up here\n",
        "정상 기동\n",
    ],
)
def test_silence_is_no_success(text: str) -> None:
    boot = parse_boot(text)
    assert (boot.outcome, boot.text) == (BootOutcome.UNRECOGNISED, text)
    assert parse_down(text).outcome == DownOutcome.UNRECOGNISED


@pytest.mark.parametrize(
    ("line", "listeners"),
    [
        ("Listener port = 8629", (Listener("", 8629),)),
        ("listener port = 8629", (Listener("", 8629),)),
        ("Listener port- 8629", (Listener("", 8629),)),
        ("Listener port=8629", (Listener("", 8629),)),
        ("Listener IPv4 port = 8629\nListener IPv6 port = 8630", (Listener("IPv4", 8629), Listener("IPv6", 8630))),
        ("Listener port = 8629\nListener port = 8629", (Listener("", 8629),)),
        ("Change core dump dir to /x/prof. Listener port = 8629", (Listener("", 8629),)),
    ],
)
def test_listener_lines(line: str, listeners: tuple[Listener, ...]) -> None:
    assert parse_boot(line + "\nTibero instance started up (NORMAL mode).").listeners == listeners


@pytest.mark.parametrize(
    ("banner", "version"),
    [
        ("Tibero 6  ", "6"),
        ("Tibero7", "7"),
        ("Tibero 7 (DB 7.2)", "7"),
        ("Tibero 7  TmaxData Corporation Copyright (c) 2008-. All rights reserved.", "7"),
        ("Tibero 5 SP1", ""),
        ("tibero6", ""),
        ("Copyright (c) 2008, 2009, 2011 Tibero Corporation. All rights reserved.", ""),
    ],
)
def test_banner(banner: str, version: str) -> None:
    assert parse_boot(banner + "\nTibero instance started up (NORMAL mode).").version == version


@pytest.mark.parametrize(
    ("line", "directory"),
    [
        ("Change core dump dir to /opt/t/bin/prof. Listener port = 8629", "/opt/t/bin/prof"),
        ("change core dump dir to /tibero/tibero7/bin/prof", "/tibero/tibero7/bin/prof"),
        ("Change core dump dir to /a b/prof.", "/a b/prof"),
        ("Change core dump dir to /a.b/prof.d.", "/a.b/prof.d"),
    ],
)
def test_core_directory(line: str, directory: str) -> None:
    assert parse_boot(line).core_dir == directory


def test_suspended_with_box_and_banner() -> None:
    boot = parse_boot("$ tbboot\n" + SUSPENDED)
    assert (boot.outcome, boot.mode, boot.code, boot.version) == (BootOutcome.SUSPENDED, "MOUNT", 1024, "6")
    assert boot.errors == (
        console.Error(1024, "TBR", "Database needs media recovery: open failed(/DataDisk/T1/tbdata/system001.dtf)."),
    )
    assert boot.files == ("/tibero/edu/tibero6/bin/prof", "/DataDisk/T1/tbdata/system001.dtf")
    assert len(boot.boxes) == 1
    assert len(boot.boxes[0].lines) == 3


@pytest.mark.parametrize("width", [8, 40, 56, 59, 73, 75, 200])
@pytest.mark.parametrize("blanks", [":", " :", " : ", " :  ", ": "])
def test_boxes_of_any_width_and_blanks_around_the_colon(width: int, blanks: str) -> None:
    text = SUSPENDED.replace("*" * 56, "*" * width).replace(" :  Database", blanks + "Database")
    boot = parse_boot(text)
    assert (boot.outcome, boot.code, len(boot.boxes)) == (BootOutcome.SUSPENDED, 1024, 1)
    assert boot.errors[0].text.startswith("Database needs")


def test_missing_control_file_prints_two_boxes() -> None:
    first = "*" * 60 + "\n*   Warning: Control file open failed \n*   /tibero/tbdata/c1.ctl\n" + "*" * 60 + "\n"
    boot = parse_boot(first + SUSPENDED.replace("TBR-1024", "TBR-24003").replace("MOUNT", "NOMOUNT"))
    assert (boot.outcome, boot.mode, boot.code) == (BootOutcome.SUSPENDED, "NOMOUNT", 24003)
    assert [box.title for box in boot.boxes] == [
        "Warning: Control file open failed",
        "Critical Warning : Raise svmode failed. The reason is",
    ]
    assert boot.warnings == ("Warning: Control file open failed /tibero/tbdata/c1.ctl",)
    assert "/tibero/tbdata/c1.ctl" in boot.files


def test_the_old_nomount_boot_says_suspended() -> None:
    text = (
        "listener port = 8629\nchange core dump dir to /tibero/tibero7/bin/prof\n\nTibero 7\n\n"
        "Copyright (c) 2008, 2009, 2011 Tibero Corporation. All rights reserved.\n\n"
        "Tibero instance started suspended at NOMOUNT mode.\n"
    )
    boot = parse_boot(text)
    assert (boot.outcome, boot.mode, boot.code) == (BootOutcome.SUSPENDED, "NOMOUNT", None)


def test_a_standby_booted_normal() -> None:
    text = SUSPENDED.replace(
        "TBR-1024 :  Database needs media recovery: open failed(/DataDisk/T1/tbdata/system001.dtf).",
        "TBR-1098 :  Database in standby mode. Failover is required to boot as primary.",
    )
    boot = parse_boot(text)
    assert (boot.outcome, boot.mode, boot.code) == (BootOutcome.SUSPENDED, "MOUNT", 1098)


REFUSALS = [
    (ALIVE, BootOutcome.ALREADY_RUNNING, 250111),
    (GARBAGE, BootOutcome.GARBAGE_LEFT, 250110),
    (
        "*                     BOOT FAILED.\n* tbsvr is still running, or garbage files have not been deleted.\n"
        '* Please run "tbdown clean" and try again.\n',
        BootOutcome.GARBAGE_LEFT,
        250086,
    ),
    (LICENCE % "Can't open the license file!!", BootOutcome.LICENSE, 360002),
    (LICENCE % "License expired!!", BootOutcome.LICENSE, 360003),
    (LICENCE % "Mismatch host id!!", BootOutcome.LICENSE, 360004),
    (LICENCE % "Invalid license file format or Mismatch version!!", BootOutcome.LICENSE, 360006),
    (LICENCE % "Invalid signature!!", BootOutcome.LICENSE, 360007),
    (LICENCE % "Invalid license!!", BootOutcome.LICENSE, 360008),
    ("ERROR: Active/Standby replication is not licensed.\n", BootOutcome.NOT_LICENSED_TSC, 350005),
    ("LGWR SYNC standby DB is required for AVAILABILITY\n", BootOutcome.SYNC_STANDBY_REQUIRED, 350008),
    ("Standby DB is required for PERFORMANCE\n", BootOutcome.SYNC_STANDBY_REQUIRED, 350009),
    (
        "TBR-7515: At least one LGWR SYNC standby DB is required.\nTibero instance startup failed!\n",
        BootOutcome.SYNC_STANDBY_REQUIRED,
        7515,
    ),
    (
        "Fail to listen port[8629]. Shutting down the instance...\nTibero instance startup failed!\n",
        BootOutcome.PORT_TAKEN,
        250120,
    ),
    ("Error: Timedout while trying to open port 8629\n", BootOutcome.PORT_TAKEN, 270053),
    ("tbboot: Invalid bootmode!!!\n", BootOutcome.BAD_MODE, 270045),
    ("TAC does not allow bootmode FAILOVER\n", BootOutcome.BAD_MODE, None),
    (
        "*** Tibero initialization parameter (tip) file failure:\nParameter 'DB_NAME' defined twice.\n.\n"
        "Tip file path = /t/config/o.tip\n",
        BootOutcome.TIP_ERROR,
        260030,
    ),
    ("Equal sign (=) expected.\n", BootOutcome.TIP_ERROR, 260026),
    ("Invalid LOG_REPLICATION_MODE: FAST\n", BootOutcome.TIP_ERROR, 350004),
    ("tbboot: environment variable TB_HOME or TB_SID is not set.\n", BootOutcome.REFUSED, 250092),
    ("TBR-29003: Failed to connect to CM (Cluster Manager).\n", BootOutcome.REFUSED, 29003),
    ("Tibero instance startup failed!\n", BootOutcome.REFUSED, 270049),
    ("TBR-424242 : something new\n", BootOutcome.REFUSED, 424242),
    (STARS + "\n*                     BOOT FAILED.\n* Something new.\n" + STARS, BootOutcome.REFUSED, 250109),
]


@pytest.mark.parametrize(("text", "outcome", "code"), REFUSALS)
def test_refusals(text: str, outcome: BootOutcome, code: int | None) -> None:
    for around in ("%s", "Listener port = 8629\n%s", "$ tbboot\n\n%s\n$ \n"):
        boot = parse_boot(around % text)
        assert (boot.outcome, boot.code) == (outcome, code)


FAILED = "Tibero instance startup failed!\n"
STANDBY = "TBR-1098: Database in standby mode. Failover is required to boot as primary.\n"
DB_NAME = "TBR-24027: Invalid DB_NAME value in .tip file: 'a' should be 'b'.\n"
LATER = "$ tbsql sys/x\nTBR-2131: Generic I/O error.\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (STANDBY + FAILED, 1098),
        (FAILED + STANDBY, 1098),
        (DB_NAME + FAILED, 24027),
        ("TBR-1036: Standby consistency check failed.\n" + FAILED, 1036),
        ("TBR-1098 Database in standby mode.\n" + FAILED, 1098),
        ("%s\n*        BOOT FAILED.\n* %s%s\n" % (STARS, STANDBY, STARS), 1098),
        ("%s\n*        BOOT FAILED.\n* %s%s\n%s" % (STARS, STANDBY, STARS, FAILED), 1098),
        (STANDBY + "Failed to start the resource 'tibero'\n", 1098),
        ("Error (-7201) occurred.\n" + FAILED, 7201),
        ("iparam condition check failed. name:X, value: 1\nTBR-7067: Names differ.\n", 7067),
        # Of several the last that the catalogue knows; what a client is told when the server is gone explains nothing.
        (DB_NAME + STANDBY + FAILED, 1098),
        (STANDBY + "TBR-424242: something new\n" + FAILED, 1098),
        (STANDBY + "TBR-12039: Server instance is shutting down.\n" + FAILED, 1098),
        ("TBR-424242: new\nTBR-2131: Generic I/O error.\n" + FAILED, 424242),
        (STANDBY + "TBR-2131: Generic I/O error.\n", 1098),
        # What another program printed is no reason of this boot.
        (STANDBY + FAILED + LATER, 1098),
        (FAILED + LATER, 270049),
        (LATER + "$ tbboot\n" + FAILED, 270049),
        ("SQL> x\nTBR-8004: Syntax error.\nSQL> exit\nDisconnected.\n" + FAILED, 270049),
        (DB_NAME + FAILED + "$ tbboot\n" + STANDBY + FAILED, 1098),
        (DB_NAME + FAILED + "$ tbboot\n" + FAILED, 270049),
        (SUSPENDED + FAILED, 270049),
        # A cause that has a number of its own stays.
        (STANDBY + "Fail to listen port[8629]. Shutting down the instance...\n" + FAILED, 250120),
        ("TAC does not allow bootmode FAILOVER\nPermission denied\n", None),
    ],
)
def test_the_number_of_a_refused_boot_is_the_one_that_explains_most(text: str, code: int | None) -> None:
    boot = parse_boot(text)
    assert boot.outcome not in (BootOutcome.UNRECOGNISED, BootOutcome.STARTED)
    assert boot.code == code


def test_an_error_of_another_program_is_no_reason_of_a_suspension() -> None:
    assert parse_boot(SUSPENDED + LATER).code == 1024
    assert parse_boot(SUSPENDED.replace("TBR-1024", "TBR-9") + "TBR-1098: x\n").code == 1098


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("TBR-7550 Failed.", 7550, "Failed."),
        ("TBR-12345", 12345, ""),
        ("TBS-70028\r", 70028, ""),
        ("  * TBR-12345 *", 12345, ""),
        ("TBR-1024에러", 1024, "에러"),
        ("TBR-123456789: x", 123456789, "x"),
    ],
)
def test_a_number_at_the_start_of_a_line_needs_no_colon(line: str, code: int, said: str) -> None:
    boot = parse_boot(line)
    assert (boot.outcome, boot.code) == (BootOutcome.REFUSED, code)
    assert boot.errors == (console.Error(code, line.strip(" *")[:3], said),)
    assert console.parse_script(line).errors == boot.errors
    assert parse_down(line).code == code


def test_a_number_within_a_line_is_an_error_only_with_a_colon() -> None:
    assert parse_boot("see TBR-7550 in the manual").outcome == BootOutcome.UNRECOGNISED
    assert parse_boot("ERROR: TBR-7550: x").code == 7550


def test_an_error_outweighs_an_automatic_clean_and_a_question() -> None:
    cleaned = '"tbdown clean" is executed automatically.\n'
    asked = "Current bootmode is FAILOVER.\nDo you really want to continue?(yes/no)\n"
    for before in (cleaned, asked):
        boot = parse_boot(before + STANDBY)
        assert (boot.outcome, boot.code) == (BootOutcome.REFUSED, 1098)
    assert parse_boot(cleaned + LATER).outcome == BootOutcome.AUTO_CLEANED
    assert parse_boot(asked + LATER).outcome == BootOutcome.QUESTION
    assert parse_boot(STANDBY + "$ tbboot -t FAILOVER\n" + asked).outcome == BootOutcome.QUESTION


def test_licence_and_tip_paths() -> None:
    assert parse_boot(REFUSALS[3][0]).licence_path == "/opt/tibero7/license/license.xml"
    boot = parse_boot(REFUSALS[17][0])
    assert (boot.tip_path, boot.pid) == ("/t/config/o.tip", None)
    assert parse_boot(ALIVE).pid == 16839


def test_a_leftover_segment_is_a_warning() -> None:
    box = (
        "*" * 75
        + "\n* A shared memory segment with the same key already exists.\n* SHM_KEY = 0xd541e17e\n"
        + "* Trying to reuse the shared memory segment....\n"
        + "*" * 75
        + "\n"
    )
    boot = parse_boot(box + STARTED % "NORMAL mode")
    assert boot.outcome == BootOutcome.STARTED
    assert boot.warnings == (
        "A shared memory segment with the same key already exists. SHM_KEY = 0xd541e17e "
        "Trying to reuse the shared memory segment....",
    )


def test_memory_warning_is_a_warning() -> None:
    text = (
        "Warning: The initialization parameter 'MEMORY_TARGET' value is greater than the physical system memory size.\n"
    )
    boot = parse_boot(text + STARTED % "NORMAL mode")
    assert (boot.outcome, boot.warnings) == (BootOutcome.STARTED, (text.strip(),))


def test_auto_clean() -> None:
    line = '\n"tbdown clean" is executed automatically.\n\n'
    assert parse_boot(line).outcome == BootOutcome.AUTO_CLEANED
    boot = parse_boot(line + STARTED % "NORMAL mode")
    assert (boot.outcome, boot.auto_cleaned) == (BootOutcome.STARTED, True)


def test_a_question_that_nobody_answered() -> None:
    question = "Current bootmode is FAILOVER.\nDo you really want to continue?(yes/no)"
    boot = parse_boot(question)
    assert (boot.outcome, boot.mode, boot.code) == (BootOutcome.QUESTION, "FAILOVER", 270107)
    assert parse_boot(question + "yes\n" + STARTED % "NORMAL FAILOVER mode").outcome == BootOutcome.STARTED


def test_files_are_paths_and_no_rules() -> None:
    text = " /------ newmount sql ------/\nopen failed(/a/b.dtf). 1/2 or/and +DS0/tac/c1.ctl, '$TB_HOME/x y'\n"
    assert parse_boot(text).files == ("/a/b.dtf", "+DS0/tac/c1.ctl", "$TB_HOME/x")


def test_the_last_instance_message_decides() -> None:
    assert parse_boot(SUSPENDED + STARTED % "NORMAL mode").outcome == BootOutcome.STARTED
    assert parse_boot(STARTED % "NORMAL mode" + SUSPENDED).outcome == BootOutcome.SUSPENDED
    assert parse_boot(ALIVE + STARTED % "NORMAL mode").outcome == BootOutcome.STARTED
    assert parse_boot(STARTED % "NORMAL mode" + ALIVE).outcome == BootOutcome.ALREADY_RUNNING
    assert parse_boot(STARTED % "NORMAL mode" + LICENCE % "License expired!!").outcome == BootOutcome.LICENSE
    down = "Tibero instance terminated (IMMEDIATE mode).\n"
    assert parse_boot(STARTED % "NORMAL mode" + down).outcome == BootOutcome.TERMINATED
    assert parse_boot(down + STARTED % "NORMAL mode").outcome == BootOutcome.STARTED


def test_errors_of_other_programs_after_a_start_do_not_undo_it() -> None:
    text = STARTED % "RECOVERY mode" + "$ tbsql u/p\nTBR-12004: Unable to connect: DBMS server is in recovery mode.\n"
    boot = parse_boot(text)
    assert (boot.outcome, boot.mode) == (BootOutcome.STARTED, "RECOVERY")


def test_a_record_holds_nothing_of_the_boot_before() -> None:
    other = STARTED.replace("8629", "9629").replace("Tibero 7", "Tibero 6").replace("TmaxTibero", "TmaxData")
    boot = parse_boot(SUSPENDED + other % "NORMAL mode")
    assert (boot.listeners, boot.version, boot.errors, boot.boxes) == ((Listener("", 9629),), "6", (), ())


@pytest.mark.parametrize(
    ("text", "outcome", "mode"),
    [
        ("Tibero instance terminated (NORMAL mode).", DownOutcome.TERMINATED, "NORMAL"),
        ("Tibero instance terminated (SWITCHOVER mode).", DownOutcome.TERMINATED, "SWITCHOVER"),
        ("Tibero instance terminated (POST_TX mode)", DownOutcome.TERMINATED, "POST_TX"),
        ("Tibero instance terminated(ABNORMAL\nmode).", DownOutcome.TERMINATED, "ABNORMAL"),
        ("Tibero instance was terminated.", DownOutcome.TERMINATED, ""),
        ("tbdown failed. proc info file is deleted.", DownOutcome.ALREADY_STOPPED, ""),
        (
            "TBR-24029: Unable to shut down: file 0 ('/t/system001.dtf') has online backup set.",
            DownOutcome.BACKUP_OPEN,
            "",
        ),
        ("TBS-70028: Invalid shutdown mode.", DownOutcome.BAD_MODE, ""),
        ("Invalid shutdown mode.", DownOutcome.BAD_MODE, ""),
        ('\n"tbdown clean" failed. tbsvr is running.', DownOutcome.CLEAN_REFUSED, ""),
        ('\n"tbdown clean" failed.', DownOutcome.CLEAN_REFUSED, ""),
        ("Usage: tbdown [-h] [-t DOWNMODE]", DownOutcome.HELP, ""),
        ("Do you want to clean? (y/n) ", DownOutcome.QUESTION, ""),
        ("Do you want to clean? (y/n) y\nGarbage files have been deleted.", DownOutcome.CLEANED, ""),
        ("TBR-17001: Login failed: invalid user name or password.", DownOutcome.REFUSED, ""),
        ("Garbage files have not been deleted.", DownOutcome.REFUSED, ""),
        ("something new", DownOutcome.UNRECOGNISED, ""),
        ("The tbsvr instance terminated abnormally.", DownOutcome.UNRECOGNISED, ""),
        ("Tibero instance terminated (NORMAL mode) was not reached", DownOutcome.UNRECOGNISED, ""),
        ("waiting until the instance terminated", DownOutcome.UNRECOGNISED, ""),
        ("tbdown failed. Cannot reach the server.", DownOutcome.UNRECOGNISED, ""),
    ],
)
def test_down(text: str, outcome: DownOutcome, mode: str) -> None:
    for around in ("%s", "$ tbdown\n%s\n", "%s\r\n"):
        down = parse_down(around % text)
        assert (down.outcome, down.mode) == (outcome, mode)


def test_clean_refused_tells_a_living_server_from_other_reasons() -> None:
    assert parse_down('"tbdown clean" failed. tbsvr is running.').code == 250093
    assert parse_down('"tbdown clean" failed.\ntbsvr is running.').code == 250093
    assert parse_down('"tbdown clean" failed.').code == 250094


REMOVED = "Shared memory was removed.\n"
KILLED = "Tibero instance terminated (ABNORMAL mode).\n"


@pytest.mark.parametrize(
    ("text", "outcome", "mode"),
    [
        (KILLED + REMOVED, DownOutcome.TERMINATED, "ABNORMAL"),
        (REMOVED + KILLED, DownOutcome.TERMINATED, "ABNORMAL"),
        (KILLED + "Remove it? (y/n)\n" + REMOVED, DownOutcome.TERMINATED, "ABNORMAL"),
        ("tbdown failed. proc info file is deleted.\n" + REMOVED, DownOutcome.ALREADY_STOPPED, ""),
        ('"tbdown clean" failed. tbsvr is running.\n' + REMOVED, DownOutcome.CLEAN_REFUSED, ""),
        (KILLED + "$ tbdown clean\n" + REMOVED, DownOutcome.CLEANED, ""),
        (KILLED + "tbdown clean\n" + REMOVED, DownOutcome.CLEANED, ""),
        (KILLED + "$ ipcs -m\n" + REMOVED, DownOutcome.TERMINATED, "ABNORMAL"),
        ("Clean? (y/n)\n" + REMOVED, DownOutcome.CLEANED, ""),
        (REMOVED + REMOVED, DownOutcome.CLEANED, ""),
    ],
)
def test_words_of_a_clean_do_not_undo_what_the_same_run_said(text: str, outcome: DownOutcome, mode: str) -> None:
    down = parse_down(text)
    assert (down.outcome, down.mode) == (outcome, mode)


def test_backup_names_its_file() -> None:
    down = parse_down("TBR-24029: Unable to shut down: file 0 ('/t/system001.dtf') has online backup set.")
    assert (down.code, down.files) == (24029, ("/t/system001.dtf",))


NOISE = (
    "cat: /proc/sys/net/core/rmem_max: No such file or directory\n"
    "/opt/tibero6/FS05/bin/tbboot: line 3: warning: setlocale: LC_ALL: cannot change locale (ko_KR.UTF-8)\n"
    "Change core dump dir to /tibero/tibero7/bin/prof.\n"
)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Tibero 7 (DB 7.2 FS02PS)   (Build 254994)\n", ("Tibero 7 (DB 7.2 FS02PS) (Build 254994)",)),
        ("Tibero 6   163119 FS06_CS_1806\n", ("Tibero 6 163119 FS06_CS_1806",)),
        ("Tibero 7\n\nCopyright (c) 2020-.\nBuild: 254994\n", ("Tibero 7", "Build: 254994")),
        ("Tibero 7.2.3 (Linux X86_64)\n", ("Tibero 7.2.3 (Linux X86_64)",)),
        ("Tibero 7 (DB 7.2.3)\n", ("Tibero 7 (DB 7.2.3)",)),
        ("Tibero 7\nDB 7.2.3\n", ("Tibero 7", "DB 7.2.3")),
        ("Tibero RDBMS 7.2.3\n", ("Tibero RDBMS 7.2.3",)),
        # These tell a line of versions, under which two builds may differ.
        ("Tibero 7\n", ()),
        ("Tibero 7.2\n", ()),
        ("Tibero 7 (DB 7.2)\n", ()),
        ("Tibero 7 TmaxTibero Corporation Copyright (c) 2020-. All rights reserved.\n", ()),
        ("Tibero 7\nGNU bash, version 4.2.46\n", ()),
        ("", ()),
    ],
)
def test_version_lines_are_the_same_whatever_a_host_warns_of(text: str, lines: tuple[str, ...]) -> None:
    assert console.version_lines(text) == lines
    assert console.version_lines(NOISE + text) == lines
    assert console.parse_version(NOISE + text)[:3] == console.parse_version(text)[:3]


@pytest.mark.parametrize(
    ("text", "product", "build", "label"),
    [
        ("Tibero 7 (DB 7.2 FS02PS) (Build 254994)", "7", "254994", "FS02PS"),
        ("Tibero 6   163119 FS06_CS_1806", "6", "", "FS06_CS_1806"),
        ("$ tbboot -version\nTibero 6 (Build: 199301)\n", "6", "199301", ""),
        ("Tibero 7.2.3 (Linux X86_64)", "7.2.3", "", ""),
        ("Tibero 7 (DB 7.2.3)", "7", "", ""),
        ("nothing", "", "", ""),
    ],
)
def test_version(text: str, product: str, build: str, label: str) -> None:
    assert console.parse_version(text)[:3] == (product, build, label)


def test_gen_tip_of_windows() -> None:
    text = (
        "Using TB_SID [orders]\nc:\\opt\\tibero6\\config\\orders.tip generated\n"
        "There's already c:\\opt\\tibero6\\client\\config\\tbdsn.tbr!!\n"
        "Already exists c:\\opt\\tibero6\\config\\psm_commands.bat!! Nothing has changed\n"
    )
    for end in ("\n", "\r\n"):
        found = console.parse_gen_tip(text.replace("\n", end))
        assert found[:3] == ("orders", ("c:\\opt\\tibero6\\config\\orders.tip",), False)


def test_a_boot_in_the_report_of_a_wizard() -> None:
    # A box that is no refusal, with borders of unequal width, and a suspended instance without one.
    report = (
        "*" * 50
        + " \n* Tibero Database T1 is created successfully on Fri Aug 12 19:10:43 UTC 2016. \n"
        + "*     Tibero home directory ($TB_HOME) = \n*         /opt/tibero6 \n* \n "
        + "*" * 78
        + "\n"
    )
    boot = parse_boot(STARTED % "NORMAL mode" + "Creating agent table... \nDone. \n" + report)
    assert (boot.outcome, boot.mode, boot.errors) == (BootOutcome.STARTED, "NORMAL", ())
    alone = parse_boot("listener port = 8629\n\nTibero 7\n\nTibero instance started suspended at NOMOUNT mode.\n")
    assert (alone.outcome, alone.mode, alone.code) == (BootOutcome.SUSPENDED, "NOMOUNT", None)


WORDS = st.sampled_from(
    ["Tibero", "instance", "started", "up", "terminated", "was", "not", "the", "mode", "(", ")", "."]
)


@QUICK
@given(st.lists(WORDS, max_size=9), st.sampled_from(["", "NORMAL "]))
def test_only_the_whole_message_is_a_message(words: list[str], mode: str) -> None:
    text = " ".join(words).replace("( mode", "(%smode" % mode)
    said = {parse_boot(text).outcome.name, parse_down(text).outcome.name}
    if said & {"STARTED", "TERMINATED"}:
        assert "mode )" in text or "mode)" in text or text.startswith("Tibero instance")


FRAGMENTS = st.sampled_from(
    [*STARTED.split("\n"), *SUSPENDED.split("\n"), *ALIVE.split("\n"), *GARBAGE.split("\n"), *[r[0] for r in REFUSALS]]
    + ["Tibero instance terminated (NORMAL mode).", "$ tbboot", "Do you really want to continue?(yes/no)", "한글", "("]
)


@QUICK
@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert parse_boot(text).text == text
    assert parse_down(text).text == text
    console.parse_version(text), console.parse_gen_tip(text), console.parse_script(text)


@QUICK
@given(st.lists(FRAGMENTS), st.sampled_from(["\n", "", " ", "\r\n", "\n\n"]))
def test_no_mixture_raises_and_success_is_said_not_inferred(parts: list[str], glue: str) -> None:
    text = glue.join(parts)
    boot = parse_boot(text)
    parse_down(text)
    if boot.outcome == BootOutcome.STARTED:
        assert "started" in text
    if boot.outcome == BootOutcome.SUSPENDED:
        assert "suspended" in text or "server mode is" in text


@pytest.mark.parametrize(
    "unit",
    [
        "Tibero instance started up (",
        "instance started suspended at ",
        "*" * 60 + "\n",
        "* x\n",
        " ",
        "a",
        "(",
        "/",
        "TBR-1 : ",
        "Listener port = 1 ",
        "tbsvr ",
        "garbage files ",
        "Warning: \n",
        "?",
        "Change core dump dir to . ",
        "'",
        "\x1b[",
        "$",
    ],
)
def test_time_grows_with_the_length_only(unit: str) -> None:
    def seconds(count: int) -> float:
        text = unit * count
        start = time.process_time()
        parse_boot(text)
        parse_down(text)
        return time.process_time() - start

    small, large = min(seconds(2000) for _ in range(2)), min(seconds(8000) for _ in range(2))
    assert large < 12 * small + 0.3
