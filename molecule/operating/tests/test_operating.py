# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What standby.yml describes is what the servers and the tips say; what could stop the primary or lose a standby is refused. Emulator.

The tests build on each other in the order in which they stand here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import scenario

from lab.cluster import LAB_PASSWORD
from lab.hosts.api import Lab

CHECKED, DONE, AGAIN = scenario.runs("converge.yml")
PRIMARY, STANDBY = scenario.members()
AS_CONVERGED = {
    "tibero_protection_mode": "availability",
    "tibero_read_only": True,
    "tibero_standby_redo": True,
}
FORBIDDEN = {
    "standby_ddl_statements": ["CREATE TABLE before_it (a NUMBER)", "CREATE GLOBAL TEMPORARY TABLE g (a NUMBER)"]
}


def home(member: str) -> Path:
    """TB_HOME of a member of a lab of directories."""
    return next(Path(Lab.open(scenario.LAB_NAME).state().host(member).directory).glob("tibero7"))


def sql(member: str, *statements: str) -> str:
    """What tbsql says to statements of SYS."""
    place = home(member)
    environment = {**os.environ, "TB_HOME": str(place), "TB_SID": "orders"}
    environment["PATH"] = f"{place}/bin:{place}/client/bin:{os.environ['PATH']}"
    text = "\n".join([f"CONN sys/'{LAB_PASSWORD}'", *statements, "EXIT", ""])
    done = subprocess.run(
        ["tbsql", "-s"], input=text, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout


def running(member: str) -> dict[str, str]:
    """The replication parameters that a member runs with."""
    statement = "SELECT '<<' || NAME || '=' || VALUE || '>>' FROM _VT_PARAMETER WHERE NAME LIKE 'LOG_RE%';"
    found = re.findall(r"<<(\w+)=(.*?)>>", sql(member, "SET LINESIZE 200", statement))
    return {name: value for name, value in found if value}


def tip(member: str) -> dict[str, str]:
    """The tip of a member."""
    lines = (home(member) / "config" / "orders.tip").read_text(encoding="utf-8").splitlines()
    return {
        key: value.strip('"') for key, sign, value in (line.partition("=") for line in lines) if sign and key[:1] != "#"
    }


def play(book: str, variables: dict[str, Any], *arguments: str) -> tuple[int, str, int]:
    """Run a playbook; its exit code, its output with blanks folded, and the number of changes."""
    done = subprocess.run(
        [
            "ansible-playbook",
            "-i",
            str(scenario.INVENTORY),
            f"playbooks/{book}",
            "-e",
            json.dumps(variables),
            *arguments,
        ],
        cwd=scenario.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    text = re.sub(r"\s+", " ", done.stdout + done.stderr)
    return done.returncode, text, sum(int(number) for number in re.findall(r"changed=(\d+)", text))


def test_check_mode_predicted_every_task_and_the_second_run_changed_nothing():
    assert [scenario.failed(run) for run in (CHECKED, DONE, AGAIN)] == [set()] * 3
    assert sorted(map(tuple, CHECKED["changed"])) == sorted(map(tuple, DONE["changed"]))
    assert scenario.changing(DONE) == {PRIMARY, STANDBY} and AGAIN["changed"] == []


def test_the_running_primary_and_both_tips_say_the_same():
    assert running(PRIMARY)["LOG_REPLICATION_MODE"] == "AVAILABILITY"
    assert running(PRIMARY)["LOG_REPLICATION_DEST_1"].endswith(" LGWR SYNC")
    assert tip(PRIMARY)["LOG_REPLICATION_DEST_1"] == running(PRIMARY)["LOG_REPLICATION_DEST_1"]
    assert [tip(member)["LOG_REPLICATION_MODE"] for member in (PRIMARY, STANDBY)] == ["AVAILABILITY"] * 2


def test_the_standby_has_redo_logs_like_the_primarys_and_can_be_read():
    assert tip(STANDBY)["USE_STANDBY_REDO_LOG"] == "Y" and "USE_STANDBY_REDO_LOG" not in tip(PRIMARY)
    assert "3 rows selected." in sql(STANDBY, "SELECT GROUP# FROM V$STANDBY_LOGFILE;")
    sql(PRIMARY, "CREATE TABLE seen_there (a NUMBER);")
    assert "TBR-21042" in sql(STANDBY, "INSERT INTO seen_there VALUES (1);")


@pytest.mark.parametrize("arguments", [("--check",), ()])
def test_the_last_synchronous_standby_is_not_suspended(arguments: tuple[str, ...]):
    before = (running(PRIMARY), tip(PRIMARY), tip(STANDBY))
    code, text, changed = play("standby.yml", {**AS_CONVERGED, "tibero_destination_enabled": False}, *arguments)
    assert (code, changed) == (2, 0), text[-2000:]
    assert "every LGWR SYNC destination is to be suspended (1)" in text and "Legal is PERFORMANCE first" in text
    assert before == (running(PRIMARY), tip(PRIMARY), tip(STANDBY))


def test_a_forbidden_statement_is_refused_and_nothing_of_the_script_is_run():
    code, text, changed = play("guarded_ddl.yml", FORBIDDEN)
    assert (code, changed) == (2, 0), text[-2000:]
    assert "UNSUPPORTED line 1: CREATE GLOBAL TEMPORARY TABLE" in text and "standby_rebuild: true" in text
    assert "TBR-" in sql(PRIMARY, "SELECT * FROM before_it;")


def test_in_performance_the_standby_is_suspended_and_brought_back_to_recovery():
    wish = {"tibero_standby_redo": True, "tibero_destination_enabled": False}
    code, text, changed = play("standby.yml", wish)
    assert code == 0 and changed, text[-2000:]
    assert running(PRIMARY)["LOG_REPLICATION_MODE"] == "PERFORMANCE"
    assert running(PRIMARY)["LOG_REPLICATION_1_ENABLE"] == tip(PRIMARY)["LOG_REPLICATION_1_ENABLE"] == "N"
    assert "RECOVERY" in sql(STANDBY, "SELECT STATUS FROM V$INSTANCE;")


def test_statements_run_once_the_standby_is_detached_and_it_is_known_to_need_a_copy():
    code, text, _changed = play("guarded_ddl.yml", {**FORBIDDEN, "standby_ddl_detach": True}, "--check")
    assert "TBR-" in sql(PRIMARY, "SELECT * FROM before_it;"), "check mode ran a statement"
    assert code == 0, text[-2000:]
    # The emulator has no global temporary tables; another forbidden statement will do.
    forbidden = ["CREATE TABLE before_it (a NUMBER)", "ALTER DATABASE ADD LOGFILE GROUP 7 ('log007.log') SIZE 8M"]
    code, text, _changed = play("guarded_ddl.yml", {"standby_ddl_statements": forbidden, "standby_ddl_detach": True})
    assert code == 0, text[-2000:]
    assert "0 row selected." in sql(PRIMARY, "SELECT * FROM before_it;")
    assert running(PRIMARY) == {"LOG_REPLICATION_MODE": "UNPROTECTED", "LOG_REPLICATION_1_ENABLE": "N"}
    assert not [key for key in tip(PRIMARY) if key.startswith("LOG_REPLICATION")]
    code, text, changed = play("standby.yml", {})
    assert (code, changed) == (0, 0), text[-2000:]
    code, text, changed = play("setup_standby.yml", {})
    assert (code, changed) == (2, 0) and "standby_rebuild: true" in text, text[-2000:]
