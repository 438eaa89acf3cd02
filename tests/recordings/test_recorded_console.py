# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tbboot, tbdown, gen_tip.sh, ps, cmrctl, tbcm, sys.log and tbrmgr as recorded: the exact record of each."""

from __future__ import annotations

import pytest
from recording_files import NAMES, recording

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import cmrctl, console, ps, rmgr, slog
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.console import (
    Boot,
    BootOutcome,
    Box,
    Down,
    DownOutcome,
    Error,
    Listener,
)

NOTHING = Boot(BootOutcome.UNRECOGNISED, "", "", None, "", (), None, (), (), (), False, "", "", "", (), "")
PORT = (Listener("", 8629),)
PROF7 = "/tibero/tibero7/bin/prof"


def started(mode: str, version: str, core: str = "", **more: object) -> Boot:
    return NOTHING._replace(
        outcome=BootOutcome.STARTED,
        mode=mode,
        version=version,
        **{"listeners": PORT, "core_dir": core, "files": (core,) if core else (), **more},
    )


PERMISSION = (
    ("220015", "Failure to create directory: %s (13:Permission denied)"),
    ("220015", "Failure to create directory: %s (13:Permission denied)"),
    ("220014", "Create directory fail cascade: %s/log"),
    ("220014", "Create directory fail cascade: %s/log/dlog"),
)
REUSE = Box(
    "A shared memory segment with the same key already exists.",
    (
        "A shared memory segment with the same key already exists.",
        "SHM_KEY = 0xd541e17e",
        "Trying to reuse the shared memory segment....",
    ),
)
TAS2 = ("/home/tibero/tibero6/instance/tas2", "/home/vagrant/tibero6/instance/tas2")

BOOTS = {
    "t6-tbboot-nomount-createdb-normal.txt": started("NORMAL", "6"),
    "t6-tbdown-tbboot-tbsql-openframe.txt": started("NORMAL", "6", "/opt/tmaxdb/tibero6/bin/prof"),
    "t7-tbboot-mount-standby-controlfile.txt": started("MOUNT", "7", PROF7),
    "t7-tbboot-nomount-tas-and-tbsql-banner.txt": started("NOMOUNT", "7", PROF7, listeners=(Listener("", 28629),)),
    "t7-ps-two-instances-and-tbboot-normal.txt": started("NORMAL", "7", PROF7),
    "t7-tip-tsc-parameters-and-mount.txt": started("MOUNT", "7", PROF7),
    "t7-cmrctl-add-and-start-tac.txt": started("NORMAL", "7"),
    "t7-gen_tip-boot-create-single.txt": started(
        "NORMAL",
        "6",
        "/home/vagrant/tibero6/bin/prof",
        files=(
            "/home/vagrant/tibero6/bin/prof",
            "/home/tibero7/tibero7/instance/tibero/log/system_init.log",
        ),
    ),
    "t7-tbboot-failed-already-running.txt": NOTHING._replace(
        outcome=BootOutcome.ALREADY_RUNNING,
        code=250111,
        pid=16839,
        errors=(Error(250111, "", "tbsvr process (16839) is alive."),),
        boxes=(
            Box(
                "BOOT FAILED.",
                (
                    "BOOT FAILED.",
                    "tbsvr process (16839) is alive.",
                    "Check if there are any tbsvr instances running.",
                ),
            ),
        ),
    ),
    "t7-tbboot-suspended-TBR-24003.txt": NOTHING._replace(
        outcome=BootOutcome.SUSPENDED,
        mode="NOMOUNT",
        code=24003,
        errors=(Error(24003, "TBR", "Unable to read control file."),),
        boxes=(
            Box(
                "Critical Warning : Raise svmode failed. The reason is",
                (
                    "Critical Warning : Raise svmode failed. The reason is",
                    "TBR-24003 :  Unable to read control file.",
                    "Current server mode is NOMOUNT.",
                ),
            ),
        ),
    ),
    "t5to7-tbboot-shmget-failed.txt": NOTHING._replace(
        outcome=BootOutcome.NO_SHARED_MEMORY,
        code=250081,
        errors=(
            Error(250081, "", "shmget failed.: No space left on device"),
            Error(250081, "", "Cannot get shared memory segment:"),
        ),
        boxes=(
            Box(
                "Cannot get shared memory segment:",
                (
                    "Cannot get shared memory segment:",
                    "SHM_KEY = 0x780d5c27, size = 3221225472, errno=28 (No space left on device)",
                ),
            ),
        ),
    ),
    "t6to7-tbboot-tip-error-7200.txt": NOTHING._replace(
        outcome=BootOutcome.TIP_ERROR,
        code=7200,
        errors=(
            Error(
                7200,
                "",
                "Error (-7200) occurred while processing parameter '_TSN_TIME_MAP_INTERVAL' and value '8' "
                "(_TSN_TIME_MAP_INTERVAL must be between 0 and 2147483647)..",
            ),
        ),
        tip_path="/tibero/tibero7/config/$TB_SID.tip",
        files=("/tibero/tibero7/config/$TB_SID.tip",),
    ),
    "t7-cmrctl-start-failed-permission-and-shm.txt": NOTHING._replace(
        outcome=BootOutcome.PERMISSION,
        code=220015,
        errors=tuple(Error(int(code), "", text % TAS2[0]) for code, text in PERMISSION)
        + tuple(Error(int(code), "", text % TAS2[1]) for code, text in PERMISSION),
        boxes=(REUSE,),
        warnings=(" ".join(REUSE.lines),),
        files=tuple(
            path for home in TAS2 for path in (home, home + "/log", home + "/log/dlog", home + "/log/dlog/dbms.log")
        ),
    ),
}


@pytest.mark.parametrize("name", sorted(BOOTS))
def test_boot(name: str) -> None:
    text = recording(name)
    assert console.parse_boot(text)._replace(text="") == BOOTS[name]
    assert console.parse_boot(text).text == text


@pytest.mark.parametrize("name", sorted(BOOTS))
def test_boot_reads_the_same_with_crlf_indented_and_without_blank_lines(name: str) -> None:
    text = recording(name)
    for variation in (
        text.replace("\n", "\r\n"),
        "\n".join("    " + line for line in text.split("\n")),
        "\n".join(line for line in text.split("\n") if line.strip()),
        "\n".join(line + "  " for line in text.split("\n")),
    ):
        assert console.parse_boot(variation)._replace(text="") == BOOTS[name]


DOWNS = {
    "t6-tbdown-already-stopped.txt": (DownOutcome.ALREADY_STOPPED, ""),
    "t6-tbdown-help-and-normal.txt": (DownOutcome.TERMINATED, "NORMAL"),
    "t7-tbdown-reverse-sync-first-steps.txt": (DownOutcome.TERMINATED, "IMMEDIATE"),
    # The last message of this text is one of tbboot: no stop.
    "t6-tbdown-tbboot-tbsql-openframe.txt": (DownOutcome.STARTED, "NORMAL"),
}


@pytest.mark.parametrize("name", sorted(DOWNS))
def test_down(name: str) -> None:
    outcome, mode = DOWNS[name]
    modes = ("NORMAL", "POST_TX", "IMMEDIATE", "ABORT", "SWITCHOVER", "ABNORMAL") if "help" in name else ()
    files = ("/opt/tmaxdb/tibero6/bin/prof",) if "openframe" in name else ()
    assert console.parse_down(recording(name))._replace(text="") == Down(outcome, mode, None, (), (), modes, files, "")


def test_recordings_of_other_programs_are_no_boot_and_no_stop() -> None:
    for name in NAMES:
        if name in BOOTS or name in DOWNS or "TBR" in name or "TBS" in name or "error-lines" in name:
            continue
        assert console.parse_boot(recording(name)).outcome == BootOutcome.UNRECOGNISED, name
        assert console.parse_down(recording(name)).outcome == DownOutcome.UNRECOGNISED, name


@pytest.mark.parametrize(
    ("name", "sid", "files"),
    [
        (
            "t6-gen_tip-output-and-tip.txt",
            "tibero",
            (
                "/home/tibero/tibero6/config/tibero.tip",
                "/home/tibero/tibero6/config/psm_commands",
                "/home/tibero/tibero6/client/config/tbdsn.tbr",
            ),
        ),
        (
            "t7-gen_tip-output-tac-node.txt",
            "tac1",
            (
                "/home/vagrant/tibero6/config/tac1.tip",
                "/home/vagrant/tibero6/config/psm_commands",
                "/home/vagrant/tibero6/client/config/tbdsn.tbr",
            ),
        ),
        (
            "t7-gen_tip-boot-create-single.txt",
            "tibero",
            (
                "/home/tibero/Tibero/tibero7/config/tibero.tip",
                "/home/tibero/Tibero/tibero7/config/psm_commands",
                "/home/tibero/Tibero/tibero7/client/config/tbdsn.tbr",
            ),
        ),
    ],
)
def test_gen_tip(name: str, sid: str, files: tuple[str, ...]) -> None:
    assert console.parse_gen_tip(recording(name))._replace(text="") == console.GenTip(sid, files, True, "")


def test_system_script() -> None:
    assert console.parse_script(recording("t7-system_sh-output.txt"))._replace(text="") == console.Script(
        True, "/tibero/tibero7/instance/tac1/log/system_init.log", (), ""
    )
    assert not console.parse_script(recording("t6-tbboot-nomount-createdb-normal.txt")).done


def test_ps_one_instance() -> None:
    found = ps.parse(recording("t7-ps-processes-and-v_instance.txt"))
    children = (
        ["tbsvr_MGWP"]
        + ["tbsvr_FGWP%03d" % n for n in range(10)]
        + ["tbsvr_PEWP%03d" % n for n in range(6)]
        + ["tbsvr_AGNT", "tbsvr_DBWR", "tbsvr_RCWP"]
    )
    assert found.instances == (ps.Instance("tiberotestdb", "NORMAL", 9886, "nhncloud", tuple(children)),)
    assert (found.listeners, found.orphans, len(found.processes)) == ((), (), 21)


def test_ps_two_instances() -> None:
    found = ps.parse(recording("t7-ps-two-instances-and-tbboot-normal.txt"))
    tas = ["tbsvr_MGWP"] + ["tbsvr_FGWP%03d" % n for n in range(5)]
    tas += ["tbsvr_AGNT", "tbsvr_DBWR", "tbsvr_RCWP", "tbsvr_ASSD", "tbsvr_ACSD"]
    tac = ["tbsvr_MGWP", "tbsvr_FGWP000", "tbsvr_FGWP001", "tbsvr_ASSD", "tbsvr_ACSD"]
    assert found.instances == (
        ps.Instance("tas1", "NORMAL", 13512, "tibero", tuple(tas)),
        ps.Instance("tac1", "NORMAL", 69139, "tibero", tuple(tac)),
    )
    assert found.orphans == ()


def test_ps_knows_grep_from_a_server() -> None:
    assert ps.parse(recording("t6-tbdown-already-stopped.txt")).processes == ()


def test_observer() -> None:
    up = ("1", "UP")
    first = cmrctl.Observer(
        "obs",
        (
            cmrctl.Member("123", "0", "cmp", *up, "UP(NRML)", "PRIMARY"),
            cmrctl.Member("123", "1", "cms", *up, "UP(RECO)", "TARGET"),
        ),
    )
    reports = cmrctl.parse(recording("t6-cmrctl-observer-show-switchover-mode.txt"))
    assert reports[0] == first
    assert [type(report).__name__ for report in reports] == ["Observer", "Observer", "Observer", "Tsc", "Tsc"]
    assert reports[2] == cmrctl.Observer(
        "obs",
        (
            cmrctl.Member("123", "3", "cmp", *up, "UP(RECO)", "TARGET"),
            cmrctl.Member("123", "4", "cms", *up, "UP(NRML)", "PRIMARY"),
        ),
    )
    assert reports[3] == cmrctl.Tsc(
        "123",
        "ON(TSN)",
        "DISASTER_PLAN",
        (
            cmrctl.TscRow("0", "cmp", "Y(M)", "-", "60", 0),
            cmrctl.TscRow("1", "cms", "Y(M)", "1", "60", 38568),
        ),
    )
    assert cmrctl.parse_tsc(recording("t6-cmrctl-observer-show-switchover-mode.txt")).mode == "PROTECTIVE"


def test_node() -> None:
    assert cmrctl.parse_node(recording("t6-cmrctl-show-node-and-help.txt")) == cmrctl.Node(
        "cmp",
        (
            cmrctl.Resource("COMMON", "network", "net0", "UP", "(private) 10.0.1.5/9550"),
            cmrctl.Resource("COMMON", "cluster", "cls_primary", "UP", "inc: net0, pub: N/A"),
            cmrctl.Resource(
                "cls_primary", "file", "cls_primary:0", "UP", "/home/ec2-user/tibero6/config/cls_primary_cfile"
            ),
            cmrctl.Resource("cls_primary", "service", "Tibero", "UP", "Database, Active Cluster (auto-restart: OFF)"),
            cmrctl.Resource(
                "cls_primary", "db", "tibero", "UP(NRML)", "Tibero, /home/ec2-user/tibero6, failed retry cnt: 0"
            ),
        ),
    )


def test_services() -> None:
    tac, tas = cmrctl.parse(recording("t7-cmrctl-show-service.txt"))
    assert isinstance(tac, cmrctl.Service)
    assert isinstance(tas, cmrctl.Service)
    assert tac == cmrctl.Service(
        "tac",
        "Database",
        "Active Cluster",
        "cls1",
        (
            ("Service name", "tac"),
            ("Service type", "Database"),
            ("Service mode", "Active Cluster"),
            ("Cluster", "cls1"),
            ("Inst. Auto Start", "OFF"),
            ("Interrupt Status", "COMMITTED"),
            ("Incarnation No.", "4 / 4 (CUR / COMMIT)"),
        ),
        (
            cmrctl.ServiceInstance("1", "tbcm1", "UP(NRML)", "COMMITTED", "4", "Y"),
            cmrctl.ServiceInstance("2", "tbcm2", "UP(NRML)", "COMMITTED", "4", "Y"),
        ),
    )
    assert (tas.name, tas.type, len(tas.instances)) == ("tas", "Active Storage", 2)


def test_replies() -> None:
    added = cmrctl.parse_reply(recording("t7-cmrctl-add-and-start-tac.txt"))
    assert (added.outcome, added.resource, added.mode) == (cmrctl.ReplyOutcome.SUCCESS, ("db", "tac2"), "NORMAL")
    assert len(added.messages) == 12
    refused = cmrctl.parse_reply(recording("t7-cmrctl-start-failed-permission-and-shm.txt"))
    assert (refused.outcome, refused.messages[-1]) == (
        cmrctl.ReplyOutcome.FAILED,
        "Failed to start the resource 'tas2'",
    )


def test_tbcm() -> None:
    failed = cmrctl.parse_tbcm(recording("t7-tbcm-boot-failed.txt"))
    assert failed._replace(text="") == cmrctl.Manager(False, "tbcm1", "", "", "")
    both = recording("t7-tbcm-boot-ok-and-failed.txt")
    assert cmrctl.parse_tbcm(both)._replace(text="") == cmrctl.Manager(False, "tbcm1", "7.1.1", "254994", "")
    first = both[: both.index("\n# tbcm -b\nCM Guard daemon started up.\nTibero")]
    assert cmrctl.parse_tbcm(first)._replace(text="") == cmrctl.Manager(True, "tbcm1", "7.1.1", "254994", "")


def test_slog() -> None:
    entries = slog.parse(recording("t7-slog-nomount-lines.txt"))
    assert [(entry.time, entry.module, entry.level) for entry in entries] == [
        ("2024-12-04T09:26:14.070000", "FRM-00", "I"),
        ("2024-12-04T09:26:14.070000", "FRM-00", "I"),
        ("2024-12-04T09:26:14.515000", "CLB-00", "I"),
        ("2024-12-04T09:26:14.549000", "TXU-00", "I"),
        ("2024-12-04T09:26:14.568000", "FRM-00", "I"),
    ]
    assert entries[1].text == "min sleep time: 0 usec"
    assert slog.mode_changes(entries) == (slog.ModeChange("2024-12-04T09:26:14.568000", "NOMOUNT", "NOMOUNT", "0"),)


def test_rmgr_banner_is_no_success() -> None:
    found = rmgr.parse(recording("t7-tbrmgr-banner-and-tablespace-ddl.txt"))
    assert (found.started, found.failed, found.errors) == (True, False, ())
