# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tip reader: recorded tips are read, what the catalogue has a refusal for is refused in its words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools_support import recording

from tibero_emulator import settings as switches
from tibero_emulator import tip

SETTINGS = switches.defaults()
BASE = 'DB_NAME=tibero\nCONTROL_FILES="/d/c1.ctl"\n'


def read(text: str, version: str = "7", **changes: object) -> dict[str, tip.Value]:
    return tip.parse(text, version, {**SETTINGS, **changes})


def refused(text: str, version: str = "7", **changes: object) -> tip.TipError:
    with pytest.raises(tip.TipError) as caught:
        read(text, version, **changes)
    return caught.value


@pytest.mark.parametrize("name", ["t6-tip-tsc-primary", "t6-tip-tsc-standby"])
def test_recorded_tsc_tips_are_accepted(name: str) -> None:
    values = read(recording(name).replace("<Standby IP>", "10.0.0.2").replace("<Primary IP>", "10.0.0.1"), "6")
    assert values["CONTROL_FILES"] == ["/root/tibero6/database/tbctl1/c1.ctl", "/root/tibero6/database/tbctl2/c2.ctl"]
    (found,) = tip.destinations(values)
    assert (found.port, found.method, found.enabled) == (8633, "LGWR ASYNC", True)


def test_recorded_small_tips_are_accepted() -> None:
    values = read(recording("t7-tip-archivelog"))
    assert values["CONTROL_FILES"] == ["/tibero/tbdata/tibero/c1.ctl", "/tibero/tbdata/tibero/c2.ctl"]
    generated = recording("t6-gen_tip-output-and-tip").split("MEMORY_TARGET:2048\n")[1]
    values = read(generated, "6")
    assert tip.as_size(str(values["TOTAL_SHM_SIZE"])) == 1024**3  # the comment after the value is no part of it


def test_recorded_template_is_accepted_once_it_is_filled() -> None:
    text = recording("t6-tip-template-tsc-aws")
    filled = {"PORT": "8629", "SIZE": "2G", "TARGET": "4G", "CLUSTER_DATABASE": "N", "THREAD": "0", "OBSERVER": "Y"}
    for line in recording("t6-tip-template-tsc-aws").splitlines():
        for word in line.split("@")[1::2]:
            value = next(
                (v for k, v in filled.items() if k in word and "DEST" not in word), "/x" if "DIR" in word else "1"
            )
            value = "PERFORMANCE" if word == "LOG_REPLICATION_MODE" else value
            text = text.replace(f"@{word}@", value)
    assert read(text, "6")["_STANDBY_CONN_PORT"] == "8629"


@pytest.mark.parametrize(
    ("lines", "code", "text"),
    [
        ("NOT_KNOWN=1", 260025, "Invalid parameter name: 'NOT_KNOWN'"),
        ("listener_port=8629", 260025, "Invalid parameter name: 'listener_port'"),
        ("LISTENER_PORT 8629", 260026, "Equal sign (=) expected."),
        ("DB_NAME=other", 260030, "Parameter 'DB_NAME' defined twice."),
        ("CLUSTER_DATABASE=MAYBE", 260039, "Yes/No expected."),
        ("MAX_SESSION_COUNT=many", 260041, "Number out of range: many."),
        ("TOTAL_SHM_SIZE=2T", 260041, "Number out of range: 2T."),
        ("DB_FILES=1", 260054, "'DB_FILES' parameter is no longer supported."),
        ("LOG_REPLICATION_MODE=FASTEST", 350004, "Invalid LOG_REPLICATION_MODE: FASTEST"),
        ('LOG_REPLICATION_DEST_2="h:8633 LGWR"', 350007, "Invalid LOG_REPLICATION_DEST_2"),
        ('LOG_REPLICATION_DEST_1="h:99999 LGWR SYNC"', 350007, "Invalid LOG_REPLICATION_DEST_1"),
        ('LOG_REPLICATION_DEST_10="h:8633 LGWR SYNC"', 260025, "Invalid parameter name: 'LOG_REPLICATION_DEST_10'"),
        ('STANDBY_FILE_NAME_CONVERT="/a"', 260032, "Invalid STANDBY_FILE_NAME_CONVERT: not matched."),
        ('STANDBY_FILE_NAME_CONVERT="/a,/b,/c"', 260031, "Too many files in STANDBY_FILE_NAME_CONVERT."),
        ('STANDBY_FILE_NAME_CONVERT=",/b"', 260033, "Invalid STANDBY_FILE_NAME_CONVERT: empty prefix."),
    ],
)
def test_bad_lines_are_refused_in_the_vendors_words(lines: str, code: int, text: str) -> None:
    error = refused(BASE + lines + "\n")
    assert (error.code, error.text) == (code, text)


def test_missing_and_relative_files_are_refused() -> None:
    assert refused("DB_NAME=x\n").text == "Missing mandatory parameter CONTROL_FILES."
    assert refused('DB_NAME=x\nCONTROL_FILES="/a/c1.ctl","c2.ctl"\n').text == "Control file path must be absolute."


def test_recorded_range_error_is_reproduced_to_the_byte() -> None:
    error = refused(BASE + "_TSN_TIME_MAP_INTERVAL=-8\n")
    text = error.render("/tibero/tibero7/config/$TB_SID.tip", SETTINGS)
    assert text.replace("-8", "8") == recording("t6to7-tbboot-tip-error-7200").rstrip("\n") + "\n"


def test_the_name_of_the_srl_parameter_depends_on_the_version() -> None:
    read(BASE + "_USE_STANDBY_REDO_LOG=Y\n", "6")
    assert refused(BASE + "_USE_STANDBY_REDO_LOG=Y\n").code == 260025
    read(BASE + "USE_STANDBY_REDO_LOG=Y\n")


def test_unknown_names_can_be_let_through() -> None:
    assert read(BASE + "_SOMETHING_ELSE=1\n", tip_unknown_parameter="accept")["_SOMETHING_ELSE"] == "1"


def test_defaults_follow_the_listener_port() -> None:
    values = tip.with_defaults(read(BASE + "LISTENER_PORT=9000\n"), "/home/t", "s")
    assert [values[name] for name in ("_LSNR_SPECIAL_PORT", "_LSNR_SSL_PORT", "_STANDBY_CONN_PORT")] == [
        "9001",
        "9002",
        "9004",
    ]
    assert tip.with_defaults(read(BASE), "/h", "s")["LISTENER_PORT"] == "8629"
    explicit = tip.with_defaults(read(BASE + "_STANDBY_CONN_PORT=8862\n"), "/h", "s")
    assert explicit["_STANDBY_CONN_PORT"] == "8862"


def test_replication_needs_its_destinations_only_on_a_primary() -> None:
    values = read(BASE + 'LOG_REPLICATION_MODE=AVAILABILITY\nLOG_REPLICATION_DEST_1="h:8633 LGWR ASYNC"\n')
    with pytest.raises(tip.TipError, match="LGWR SYNC standby DB is required for AVAILABILITY"):
        tip.check_replication(values, "NORMAL")
    tip.check_replication(values, "RECOVERY")
    with pytest.raises(tip.TipError, match="Standby DB is required for PERFORMANCE"):
        tip.check_replication(read(BASE + "LOG_REPLICATION_MODE=PERFORMANCE\n"), "FAILOVER")


def test_comments_and_quotes() -> None:
    values = read(
        '# c\n\nDB_NAME = "a#b" # x\nCONTROL_FILES=/d/c1.ctl , /d/c2.ctl# y\nLOG_ARCHIVE_FORMAT="log-t%t-r%r-s%s.arc"\n'
    )
    assert values == {
        "DB_NAME": "a#b",
        "CONTROL_FILES": ["/d/c1.ctl", "/d/c2.ctl"],
        "LOG_ARCHIVE_FORMAT": "log-t%t-r%r-s%s.arc",
    }


def test_an_unreadable_tip_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(tip.TipError, match="No such file"):
        tip.read(tmp_path / "x.tip", "/h", "x", "7", SETTINGS)


@given(st.text(max_size=200))
def test_any_text_gives_values_or_a_tip_error(text: str) -> None:
    try:
        read(BASE + text)
    except tip.TipError as error:
        assert error.text
