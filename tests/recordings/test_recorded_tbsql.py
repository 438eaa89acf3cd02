# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tbsql as recorded: every error, reply and table, exactly."""

from __future__ import annotations

import pytest
from recording_files import NAMES, recording

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import tbsql

ARCH = "/tibero/tbdata/tibero/arch/log-t0-r0-s%d.arc"
V_INSTANCE = {
    "INSTANCE_NUMBER": "0",
    "INSTANCE_NAME": "tiberotestdb",
    "DB_NAME": "tiberotestdb",
    "HOST_NAME": "tiberoinstance.novalocal",
    "PARALLEL": "NO",
    "THREAD#": "0",
    "VERSION": "7",
    "STARTUP_TIME": "2023/10/17",
    "STATUS": "NORMAL",
    "SHUTDOWN_PENDING": "NO",
    "TIP_FILE": "/db/tibero7/config/tiberotestdb.tip",
}


def archive_list(oldest: str, following: str, current: str) -> list[dict[str, str]]:
    return [
        {"NAME": "Database log mode", "VALUE": "Archive Mode"},
        {"NAME": "Archive destination", "VALUE": "/tibero/tbdata/tibero/arch/"},
        {"NAME": "Oldest online log sequence", "VALUE": oldest},
        {"NAME": "Next log sequence to archive", "VALUE": following},
        {"NAME": "Current log sequence", "VALUE": current},
    ]


# name: (version, connected, disconnected, events)
# An event is ("E", prefix, code, text), ("F", text) or ("T", selected, rows).
RUNS: dict[str, tuple[str, bool, bool, list[tuple[object, ...]]]] = {
    "t5to6-tbsql-TBS-70002-file-not-found.txt": (
        "",
        False,
        False,
        [("E", "TBS", 70002, "Failed to open the file '.\\sql\\monitor.sql': No such file or directory.")],
    ),
    "t5to6-tbsql-one-row-selected.txt": (
        "",
        False,
        False,
        [("T", 1, [{"PASSWD": "/home/tibero/tbdata/tbfile/"}])],
    ),
    "t6-monitor-backup-set-for-standby.txt": (
        "",
        False,
        False,
        [
            (
                "T",
                None,
                [
                    {
                        "SET_ID": "1",
                        "BACKUP_TYPE": "FULL",
                        "STATUS": "COMPLETED",
                        "Start": "2019/06/07 16:49:40",
                        "Finish": "2019/06/07 16:50:07",
                        "SIZE(GB)": "329",
                        "Options": "FOR_STANDBY, WITH_ARCHIVELOG",
                    },
                    {
                        "SET_ID": "2",
                        "BACKUP_TYPE": "INCREMENTAL",
                        "STATUS": "COMPLETED",
                        "Start": "2019/06/09 07:39:47",
                        "Finish": "2019/06/09 07:40:16",
                        "SIZE(GB)": "94",
                        "Options": "WITH_ARCHIVELOG",
                    },
                    {
                        "SET_ID": "3",
                        "BACKUP_TYPE": "FULL",
                        "STATUS": "COMPLETED",
                        "Start": "2019/06/09 07:40:53",
                        "Finish": "2019/06/09 07:41:34",
                        "SIZE(GB)": "349",
                        "Options": "WITH_ARCHIVELOG, COMPRESSION",
                    },
                ],
            )
        ],
    ),
    "t6-monitor-instance-database-summary.txt": (
        "",
        False,
        False,
        [
            (
                "T",
                None,
                [
                    {
                        "Instance Name": name,
                        "Database Name": "tac",
                        "Version": "6   163119 FS06_CS_1806",
                        "Status": "READ WRITE",
                        "NLS Character": "UTF8/UTF16",
                        "Log Mode": "ARCHIVELOG",
                        "DB Create Time": "2019/06/05 09:54:23",
                        "DB Uptime": uptime,
                    }
                    for name, uptime in (("tac1", "0d 22h 1m"), ("tac2", "0d 0h 3m"))
                ],
            )
        ],
    ),
    "t6-tbboot-nomount-createdb-normal.txt": (
        "6",
        True,
        True,
        [("F", "Spooling is started."), ("F", "Database created.")],
    ),
    "t6-tbdown-help-and-normal.txt": ("6", True, False, []),
    "t6-tbdown-tbboot-tbsql-openframe.txt": ("6", True, False, []),
    "t6-tbsql-connect-and-create-table.txt": ("", True, False, [("F", "Table 'T1' created.")]),
    "t6-tbsql-create-database-archivelog.txt": ("", False, False, []),
    "t6-tbsql-table-alignment.txt": (
        "",
        False,
        False,
        [
            (
                "T",
                None,
                [
                    {
                        "TABLESPACE_NAME": "UNDO",
                        "TOTAL_SIZE(MB)": "240",
                        "USED_SIZE(MB)": "40.06",
                        "FREE_SIZE(MB)": "199.94",
                        "FREE_SIZE(%)": "83.31",
                    }
                ],
            )
        ],
    ),
    "t6-tbsql-v_database.txt": (
        "6",
        True,
        False,
        [
            (
                "T",
                1,
                [
                    {
                        "DBID": "881590366",
                        "NAME": "tibero",
                        "CREATE_DATE": "2018/01/26",
                        "CURRENT_TSN": "36092",
                        "OPEN_MODE": "READ WRITE",
                        "RESETLOG_TSN": "0",
                        "RESETLOG_DATE": None,
                        "PREV_RESETLOG_TSN": "0",
                        "PREV_RESETLOG_DATE": None,
                        "LOG_MODE": "NOARCHIVELOG",
                        "CKPT_TSN": "35748",
                        "CKPT_DATE": "2018/01/26",
                        "CPU_NAME": "X86",
                        "PLATFORM_NAME": "LINUX_X86_64",
                        "CPU_MODEL": "Intel(R) Core(TM) i7-4510U CPU @ 2.00GHz",
                        "OS_UPTIME": "14:08:21 up  4:38,  0 users,  load average: 0.00, 0.17, 0.41",
                    }
                ],
            )
        ],
    ),
    "t7-cmrctl-add-and-start-tac.txt": ("7", True, False, [("F", "Database created.")]),
    "t7-gen_tip-boot-create-single.txt": ("", False, True, [("F", "Database created.")]),
    "t7-ps-processes-and-v_instance.txt": (
        "7",
        True,
        False,
        [("F", "System altered."), ("F", "System altered."), ("T", 1, [V_INSTANCE])],
    ),
    "t7-tbboot-mount-standby-controlfile.txt": ("", True, False, [("F", "Database altered.")]),
    "t7-tbboot-nomount-tas-and-tbsql-banner.txt": ("7", True, False, []),
    "t7-tbdown-reverse-sync-first-steps.txt": ("", False, False, []),
    "t7-tbrmgr-banner-and-tablespace-ddl.txt": (
        "7",
        True,
        False,
        [
            ("F", "Tablespace 'DROP_TEST_TS' created."),
            ("F", "Table 'TIBERO.TEST_TBL' created."),
            ("F", "10000 rows inserted."),
            ("F", "10000 rows inserted."),
            ("F", "Commit completed."),
            ("T", 1, [{"COUNT(*)": "180000"}]),
        ],
    ),
    "t7-tbsql-TBR-2131-no-listener.txt": (
        "7",
        False,
        False,
        [("E", "TBR", 2131, "Generic I/O error."), ("E", "TBR", 130092, "(ORA-12541) TNS:no listener")],
    ),
    "t7-tbsql-add-redo-thread.txt": (
        "",
        True,
        True,
        [("F", "Tablespace 'UNDO1' created.")] + [("F", "Database altered.")] * 4,
    ),
    "t7-tbsql-archivelog-enable-and-list.txt": (
        "",
        False,
        False,
        [
            ("T", None, [{"LOG_MODE": "ARCHIVELOG"}]),
            ("T", None, archive_list("4", "6", "6")),
            ("F", "System altered."),
            ("T", None, archive_list("5", "7", "7")),
            ("T", None, [{"SEQUENCE#": "5", "NAME": ARCH % 5}, {"SEQUENCE#": "6", "NAME": ARCH % 6}]),
            ("T", None, [{"SEQUENCE#": "6", "NAME": ARCH % 5}, {"SEQUENCE#": "7", "NAME": ARCH % 6}]),
        ],
    ),
    "t7-tbsql-begin-end-backup-v_backup.txt": (
        "",
        False,
        False,
        [
            ("F", "Session altered."),
            (
                "T",
                None,
                [{"FILE#": str(n), "STATUS": "NOT ACTIVE", "CHANGE#": "0", "TIME": None} for n in range(5)],
            ),
        ],
    ),
    "t7-tbsql-create-database-relative-paths.txt": ("", False, False, []),
    "t7-tbsql-create-database-tas.txt": ("", True, True, [("F", "Database created.")]),
    "t7-tbsql-error-lines.txt": (
        "",
        False,
        False,
        [
            ("E", "TBR", 8004, "Syntax error."),
            ("E", "TBR", 8067, "Invalid window value used in analytic clause."),
            ("E", "TBR", 11005, "Specified value '-1' is invalid for mathematical function argument(s)."),
            ("E", "TBR", 8162, "Cannot insert into an always identity column."),
            ("F", "4 rows merged."),
            ("T", None, [{"EMP_ID": "1", "NAME": "kim"}, {"EMP_ID": "2", "NAME": "lee"}]),
        ],
    ),
    "t7-tbsql-standby-redo-log-setup.txt": ("", False, False, []),
    "t7-tbsql-tempfile-readd.txt": (
        "",
        False,
        False,
        [
            ("T", 0, []),
            ("T", None, [{"NAME": name} for name in ("SYSTEM", "UNDO", "TEMP", "USR", "SYSSUB", "USERS")]),
        ],
    ),
    "t7-tbsql-v_datafile-v_logfile-v_controlfile.txt": (
        "",
        False,
        False,
        [
            (
                "T",
                None,
                [
                    {"NAME": "/tibero/tbdata/tibero/%s.dtf" % name}
                    for name in ("system001", "undo001", "usr001", "syssub001", "USERS01")
                ],
            ),
            (
                "T",
                None,
                [{"GROUP#": str(n), "MEMBER": "/tibero/tbdata/tibero/log%d1.log" % n} for n in range(3)],
            ),
            ("T", None, [{"NAME": "/tibero/tbdata/tibero/c%d.ctl" % n} for n in (1, 2)]),
        ],
    ),
    "t7-tbsql-v_instance.txt": ("7", True, False, [("T", 1, [V_INSTANCE])]),
    "t7-tip-tsc-parameters-and-mount.txt": ("", True, False, [("F", "Database altered.")]),
}


def shape(run: tbsql.Run) -> list[tuple[object, ...]]:
    shaped: list[tuple[object, ...]] = []
    for event in run.events:
        if isinstance(event, tbsql.Error):
            shaped.append(("E", event.prefix, event.code, event.text))
        elif isinstance(event, tbsql.Feedback):
            shaped.append(("F", event.text))
        else:
            assert not event.damaged
            shaped.append(("T", event.selected, tbsql.dicts(event)))
    return shaped


@pytest.mark.parametrize("name", sorted(RUNS))
def test_run(name: str) -> None:
    version, connected, disconnected, events = RUNS[name]
    run = tbsql.parse(recording(name))
    assert (run.version, run.connected, run.disconnected) == (version, connected, disconnected)
    assert shape(run) == events


@pytest.mark.parametrize("name", sorted(RUNS))
def test_run_reads_the_same_with_crlf_and_trailing_blanks(name: str) -> None:
    text = recording(name)
    for variation in (text.replace("\n", "\r\n"), "\n".join(line + "   " for line in text.split("\n"))):
        assert shape(tbsql.parse(variation)) == RUNS[name][3]


def test_other_recordings_hold_no_error_and_no_reply() -> None:
    for name in NAMES:
        run = tbsql.parse(recording(name))
        if name not in RUNS and "suspended" not in name:
            assert (run.errors, run.feedback) == ((), ()), name


def test_archive_log_list_is_the_last_one() -> None:
    run = tbsql.parse(recording("t7-tbsql-archivelog-enable-and-list.txt"))
    assert tbsql.archive_log_list(run) == tbsql.ArchiveLog("Archive Mode", True, "/tibero/tbdata/tibero/arch/", 5, 7, 7)
