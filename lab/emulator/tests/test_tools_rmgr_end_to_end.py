# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tbrmgr with the emulator's own server: a standby from a backup set, and a database put back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools_life import LIMIT, PASSWORD, SID, Life

from tibero_emulator.tools import common

# Steps of one life, on one worker.


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Life, Life, Path]]:
    """A primary in ARCHIVELOG with one row, an installed standby host, and a backup folder."""
    primary = Life(tmp_path_factory.mktemp("primary"), "7")
    standby = Life(tmp_path_factory.mktemp("standby"), "7")
    backups = tmp_path_factory.mktemp("backups")
    for one, peer in ((primary, standby), (standby, primary)):
        convert = f'STANDBY_FILE_NAME_CONVERT="{peer.home}/database,{one.home}/database"'
        one.configure(
            "LOG_REPLICATION_MODE=PERFORMANCE",
            f'LOG_REPLICATION_DEST_1="127.0.0.1:{peer.port + 4} LGWR ASYNC"',
            *([convert] if one is standby else []),
        )
    primary.run("tbboot", "nomount")
    assert "Database created." in primary.create_database(archivelog=True)
    assert primary.down()
    assert "(NORMAL mode)" in primary.run("tbboot")
    primary.run("system_install.sh", "-p1", PASSWORD, "-p2", "syscat")
    primary.sql("CREATE TABLE T1(C1 NUMBER);", "INSERT INTO T1 VALUES (1);", "COMMIT;", login="tibero/tmax")
    yield primary, standby, backups
    for one in (standby, primary):
        common.kill_recorded(one.ctx)


def test_1_backup_for_standby(pair: tuple[Life, Life, Path]) -> None:
    primary, _, backups = pair
    printed = primary.run(
        "tbrmgr", "backup", "-o", str(backups), "-v", "--with-archivelog", "--with-password-file", "--for-standby"
    )
    assert "RMGR backup succeeded." in printed, printed
    assert "ACTIVE" not in primary.sql("SELECT STATUS FROM V$BACKUP;").replace("NOT ACTIVE", "")


def test_2_recover_for_standby_boots_recovery_and_receives(pair: tuple[Life, Life, Path]) -> None:
    primary, standby, backups = pair
    printed = standby.run(
        "tbrmgr", "recover", "-o", str(backups), "--with-archivelog", "--with-password-file", "--for-standby"
    )
    assert "RMGR recovery succeeded." in printed, printed
    booted = standby.run("tbboot", "-t", "RECOVERY")
    assert booted.endswith("Tibero instance started up (RECOVERY mode).\n"), booted
    primary.sql("INSERT INTO T1 VALUES (2);", "COMMIT;", "", login="tibero/tmax")
    assert "Database altered." in standby.sql("ALTER DATABASE OPEN READ ONLY CONTINUE RECOVERY;")
    assert common.wait_until(lambda: standby.value("COUNT(*) || '>>' FROM T1", login="tibero/tmax") == "2", LIMIT, 0.3)


def test_3_a_standby_never_boots_normal(pair: tuple[Life, Life, Path]) -> None:
    _, standby, _ = pair
    assert standby.run("tbdown", "immediate").startswith("Tibero instance terminated")
    printed = standby.run("tbboot")
    assert "*   TBR-1098 :  Database in standby mode. Failover is required to boot as primary." in printed
    assert "started suspended at MOUNT mode." in printed
    assert standby.run("tbdown").startswith("Tibero instance terminated")


def test_4_a_lost_database_is_put_back(pair: tuple[Life, Life, Path]) -> None:
    primary, _, backups = pair
    primary.sql("INSERT INTO T1 VALUES (3);", "COMMIT;", "ALTER SYSTEM SWITCH LOGFILE;", login="tibero/tmax")
    assert primary.run("tbdown", "immediate").startswith("Tibero instance terminated")
    for path in (primary.home / "database" / SID).glob("*.dtf"):
        path.unlink()
    shutil.rmtree(primary.home / "database" / SID / "none", ignore_errors=True)
    printed = primary.run("tbrmgr", "recover", "-o", str(backups))
    assert "RMGR recovery succeeded." in printed, printed
    booted = primary.run("tbboot")
    assert booted.endswith("Tibero instance started up (NORMAL mode).\n"), booted
    assert int(primary.value("COUNT(*) || '>>' FROM T1", login="tibero/tmax")) >= 1
    assert primary.run("tbdown", "immediate").startswith("Tibero instance terminated")
