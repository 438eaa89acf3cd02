# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration files of real servers: read exactly, written back to the byte."""

from __future__ import annotations

import datetime

import pytest
from recording_files import NAMES, recording, recording_bytes

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import dsn, license, tip
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.lines import decode, encode

COMMON_DBDEPLOYER = {
    "DB_NAME": "testdb",
    "LISTENER_PORT": "8629",
    "CONTROL_FILES": "/root/tibero6/database/tbctl1/c1.ctl,/root/tibero6/database/tbctl2/c2.ctl",
    "DB_CREATE_FILE_DEST": "/root/tibero6/database/tbdata",
    "LOG_ARCHIVE_DEST": "/root/tibero6/database/tbarch",
    "MAX_SESSION_COUNT": "100",
    "TOTAL_SHM_SIZE": "2G",
    "MEMORY_TARGET": "4G",
    "USE_TS_QUOTA": "N",
    "AUTHENTICATION_TIMEOUT": "100",
    "DBLINK_CONN_TIMEOUT": "100",
    "TPR_SNAPSHOT_RETENTION": "30",
    "TPR_SNAPSHOT_TOP_SQL_CNT": "10",
    "GATHER_SQL_EXEC_TIME": "Y",
    "GATHER_SQL_PLAN_STAT": "Y",
    "SLOG_TOTAL_SIZE_LIMIT": "1G",
    "_SLOG_DISPLAY_YEAR": "Y",
    "AUDIT_SYS_OPERATIONS": "Y",
    "AUDIT_TRAIL": "OS",
    "CM_PORT": "28629",
    "STANDBY_USE_OBSERVER": "Y",
    "LOG_REPLICATION_MODE": "PERFORMANCE",
    "LOCAL_CLUSTER_PORT": "18629",
}

TIPS = {
    "t6-tip-tsc-primary.txt": {
        **COMMON_DBDEPLOYER,
        "LOG_REPLICATION_DEST_1": "<Standby IP>:8633 LGWR ASYNC",
        "LOCAL_CLUSTER_ADDR": "<Primary IP>",
    },
    "t6-tip-tsc-standby.txt": {
        **COMMON_DBDEPLOYER,
        "LOG_REPLICATION_DEST_1": "<Primary IP>:8633 LGWR ASYNC",
        "LOCAL_CLUSTER_ADDR": "<Standby IP>",
    },
    "t7-tip-archivelog.txt": {
        "DB_NAME": "tibero",
        "LISTENER_PORT": "8629",
        "CONTROL_FILES": "/tibero/tbdata/tibero/c1.ctl,/tibero/tbdata/tibero/c2.ctl",
        "DB_CREATE_FILE_DEST": "/tibero/tbdata/tibero",
        "LOG_ARCHIVE_DEST": "/tibero/tbdata/tibero/arch",
        "MAX_SESSION_COUNT": "20",
        "TOTAL_SHM_SIZE": "1G",
        "MEMORY_TARGET": "2G",
    },
    "t6to7-gen_tip-tip-template.txt": {
        "DB_NAME": "@SID@",
        "LISTENER_PORT": "@PORT@",
        "TOTAL_SHM_SIZE": "4G",
        "MEMORY_TARGET": "8G",
        "MAX_SESSION_COUNT": "50",
        "ACTIVE_SESSION_TIMEOUT": "610",
    },
    "t6-tip-template-tsc-aws.txt": {
        "DB_NAME": "@DB_NAME@",
        "LISTENER_PORT": "@LISTENER_PORT@",
        "_LSNR_SPECIAL_PORT": "@LISTENER_SPECIAL_PORT@",
        "CONTROL_FILES": "@DATABASE_DIRECTORY@/tbdata/c1.ctl",
        "DB_CREATE_FILE_DEST": "@DATABASE_DIRECTORY@/tbdata",
        "MAX_SESSION_COUNT": "@MAX_SESSION_COUNT@",
        "TOTAL_SHM_SIZE": "@TOTAL_SHM_SIZE@",
        "MEMORY_TARGET": "@MEMORY_TARGET@",
        "UNDO_TABLESPACE": "@UNDO_TABLESPACE@",
        "CLUSTER_DATABASE": "@CLUSTER_DATABASE@",
        "LOCAL_CLUSTER_ADDR": "@MY_IP@",
        "LOCAL_CLUSTER_PORT": "@DB_CLUSTER_PORT@",
        "THREAD": "@THREAD@",
        "CM_PORT": "@CM_PORT@",
        "LOG_ARCHIVE_DEST": "@DATABASE_DIRECTORY@/archive",
        "LOG_REPLICATION_MODE": "@LOG_REPLICATION_MODE@",
        "LOG_REPLICATION_DEST_1": "@TARGET_IP@:@LOG_TARGET_DB_PORT@ LGWR ASYNC",
        "STANDBY_USE_OBSERVER": "@STANDBY_USE_OBSERVER@",
        "_STANDBY_NETWORK_TIMEOUT": "@STANDBY_NETWORK_TIMEOUT@",
        "_STANDBY_CONN_PORT": "@LOG_TARGET_DB_PORT@",
    },
    "t6-tbcm-tip-template-aws.txt": {
        "CM_NAME": "@CM_NAME@",
        "CM_UI_PORT": "@CM_UIPORT@",
        "CM_RESOURCE_FILE": "@TB_HOME@/@CM_NAME@/@CM_NAME@_res.crf",
        "CM_HEARTBEAT_EXPIRE": "@CM_HEARTBEAT_EXPIRE@",
        "CM_WATCHDOG_EXPIRE": "@CM_WATCHDOG_EXPIRE@",
    },
    "t6-tbcmobs-tip-template-aws.txt": {
        "CM_NAME": "@OBSERVER_NAME@",
        "CM_MODE_OBSERVER": "@CM_MODE_OBSERVER@",
        "CM_OBSERVER_PORT": "@OBSERVER_PORT@",
        "CM_UI_PORT": "@CM_UIPORT@",
    },
}

# Tip lines quoted in something else: read with strict=False.
QUOTED_TIPS = {
    "t6-gen_tip-output-and-tip.txt": {
        "DB_NAME": "tibero",
        "LISTENER_PORT": "8629",
        "CONTROL_FILES": "/home/tibero/tibero6/database/tibero/c1.ctl",
        "MAX_SESSION_COUNT": "20",
        "TOTAL_SHM_SIZE": "1024M",
        "MEMORY_TARGET": "2048M",
    },
    "t7-tip-tsc-parameters-and-mount.txt": {
        "LOG_REPLICATION_MODE": "PERFORMANCE",
        "LOG_REPLICATION_DEST_1": "192.169.187.129:8633 LGWR ASYNC",
        "LOG_REPLICATION_DEST_2": "192.169.187.130:8633 ARCH ASYNC",
        "STANDBY_FILE_NAME_CONVERT": "Primary 절대경로, Standby 절대경로",
        "STANDBY_ENABLE_TAC_MULTINODE": "Y",
        "STANDBY_ENABLE_LOG_RECOVERY": "Y",
    },
    "t7-tbsql-standby-redo-log-setup.txt": {
        "LOG_REPLICATION_MODE": "PERFORMANCE",
        "LOG_REPLICATION_DEST_1": "192.168.179.66:8862 LGWR ASYNC",
        "_STANDBY_CONN_PORT": "8862",
        "_STANDBY_NETWORK_TIMEOUT": "60",
        "USE_STANDBY_REDO_LOG": "Y",
    },
}


def values(document: tip.Document) -> dict[str, str]:
    return {line.key: line.value.text for line in document.lines if line.kind == tip.PARAMETER and line.value}


@pytest.mark.parametrize("name", sorted(TIPS))
def test_tip_files(name: str) -> None:
    document = tip.parse(recording(name))
    assert values(document) == TIPS[name]
    assert tip.problems(document) == ()
    assert encode(tip.render(document)) == recording_bytes(name)


@pytest.mark.parametrize("name", sorted(QUOTED_TIPS))
def test_tip_lines_quoted_in_other_texts(name: str) -> None:
    with pytest.raises(GrammarError):
        tip.parse(recording(name))
    document = tip.parse(recording(name), strict=False)
    assert values(document) == QUOTED_TIPS[name]
    assert encode(tip.render(document)) == recording_bytes(name)


def test_three_cm_tips_in_one_text_are_reported_as_duplicates() -> None:
    document = tip.parse(recording("t6-tbcm-tips-primary-standby-observer.txt"))
    assert [line.value.text for line in tip.find(document, "CM_NAME") if line.value] == [
        "primary",
        "standby",
        "observer",
    ]
    assert [line.value.text for line in tip.find(document, "CM_UI_PORT") if line.value] == ["28629", "28629", "38629"]
    assert [(p.line, p.key) for p in tip.problems(document)] == [
        (9, "CM_HEARTBEAT_EXPIRE"),
        (10, "CM_WATCHDOG_EXPIRE"),
        (11, "CM_NAME"),
        (12, "CM_UI_PORT"),
        (13, "CM_RESOURCE_FILE"),
        (16, "CM_HEARTBEAT_EXPIRE"),
        (17, "CM_WATCHDOG_EXPIRE"),
        (18, "CM_NAME"),
        (19, "CM_UI_PORT"),
    ]


def test_comment_behind_a_value() -> None:
    document = tip.parse(recording("t6-gen_tip-output-and-tip.txt"), strict=False)
    assert [(line.key, line.comment) for line in document.lines if line.comment] == [
        ("TOTAL_SHM_SIZE", "#2G"),
        ("MEMORY_TARGET", "#4G"),
    ]


def test_placeholders_of_a_template() -> None:
    assert tip.placeholders(tip.parse(recording("t6to7-gen_tip-tip-template.txt"))) == ("@SID@", "@PORT@")


@pytest.mark.parametrize("name", NAMES)
def test_every_recording_survives_both_file_grammars(name: str) -> None:
    text = recording(name)
    assert encode(tip.render(tip.parse(text, strict=False))) == recording_bytes(name)
    assert encode(dsn.render(dsn.parse(text, strict=False))) == recording_bytes(name)
    crlf = text.replace("\n", "\r\n")
    assert tip.render(tip.parse(crlf, strict=False)) == crlf
    assert dsn.render(dsn.parse(crlf, strict=False)) == crlf


def test_dsn_with_failover() -> None:
    document = dsn.parse(recording("t6-tbdsn-force-failover-delay.txt"))
    assert dsn.get(document, "tibero") == dsn.Alias(
        name="tibero",
        instances=(dsn.Instance("localhost", "8629", "tibero"), dsn.Instance("192.168.x.x", "8629", "tibero2")),
        load_balance=True,
        use_failover=True,
        force_failover_delay=10,
        line=1,
    )
    assert encode(dsn.render(document)) == recording_bytes("t6-tbdsn-force-failover-delay.txt")


def test_dsn_template() -> None:
    document = dsn.parse(recording("t6-tbdsn-template-aws.txt"))
    assert dsn.names(document) == ("@TB_SID@", "@TB_SID@_SP")
    special = dsn.get(document, "@TB_SID@_SP")
    assert special is not None
    assert special.instances == (dsn.Instance("@MY_IP@", "@LISTENER_SPECIAL_PORT@", "@DB_NAME@"),)
    assert special.instances[0].port_number is None
    assert dsn.placeholders(document) == (
        "@TB_SID@",
        "@MY_IP@",
        "@LISTENER_PORT@",
        "@DB_NAME@",
        "@LISTENER_SPECIAL_PORT@",
    )


def test_dsn_of_gen_tip_between_shell_lines() -> None:
    document = dsn.parse(recording("t7-tbdsn-gen_tip-generated.txt"), strict=False)
    assert dsn.get(document, "tibero") == dsn.Alias(
        name="tibero", instances=(dsn.Instance("localhost", "8629", "tibero"),), line=12
    )
    assert [p.line for p in dsn.problems(document)] == [1, 2, 3, 5, 6, 7]


def test_licence() -> None:
    licence = license.parse(recording_bytes("t7-license-xml-structure.txt"))
    assert licence == license.License(
        product="Tibero",
        product_version="7.2.3",
        format_version="1.1",
        issue_date=datetime.date(2025, 7, 3),
        start_date=datetime.date(2025, 7, 3),
        end_date=datetime.date(2025, 8, 1),
        licensee="Demo_Trial_tibero7",
        edition="trial",
        type="demo",
        duration=30,
        host="tibero7",
        limits=(("limit_user", "20"),),
        signed=True,
    )
    assert license.last_day(licence) == datetime.date(2025, 8, 1)
    assert decode(b"\xbc\xad\xbf\xef") and encode(decode(b"\xbc\xad\xbf\xef")) == b"\xbc\xad\xbf\xef"
