# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tbrmgr, tbcm, cmrctl, tberr, tbprobe and the system script, without a real server."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tools_support import context, fake_server, home_with_dsn, recording, run_tool

from tibero_emulator import settings as switches
from tibero_emulator.tools import tbrmgr


def squeezed(text: str) -> str:
    return re.sub(r" +", " ", text)


def test_rmgr_banner_as_recorded(tmp_path: Path) -> None:
    box = recording("t7-tbrmgr-banner-and-tablespace-ddl").split("-v\n")[1].split("[extract")[0]
    assert squeezed(tbrmgr.banner(context(tmp_path))) == squeezed(box)
    assert {len(line) for line in tbrmgr.banner(context(tmp_path)).splitlines()} == {78}


class Primary:
    """A fake database with files on disk; keeps the order of statements and copies."""

    def __init__(self, base: Path, mode: str = "ARCHIVELOG") -> None:
        self.base, self.mode = base, mode
        self.seen: list[str] = []
        base.mkdir()
        for name in ("system001.dtf", "usr001.dtf", "log1.log", "c1.ctl", "temp001.dtf", ".passwd", "log-t0-r0-s5.arc"):
            (base / name).write_bytes(name.encode() * 1000)

    def run(self, sql: str) -> dict[str, Any]:
        self.seen.append(sql)
        files = {
            "V$DATAFILE": ["system001.dtf", "usr001.dtf"],
            "V$CONTROLFILE": ["c1.ctl"],
            "V$LOGFILE": ["log1.log"],
            "V$TEMPFILE": ["temp001.dtf"],
            "V$ARCHIVED_LOG": ["log-t0-r0-s5.arc"],
        }
        for name, found in files.items():
            if name in sql:
                rows = [[str(self.base / one)] for one in found]
                return {"columns": [{"name": "NAME", "type": "VARCHAR", "width": 256}], "rows": rows}
        if "V$DATABASE" in sql:
            value = self.mode if "LOG_MODE" in sql else "orders"
            return {"columns": [{"name": "X", "type": "VARCHAR", "width": 12}], "rows": [[value]]}
        if "CONTROLFILE TO" in sql:
            Path(sql.split("'")[1]).write_bytes(b"control file copy")
        return {"message": "Database altered."}


def rmgr(home: Path, *arguments: str) -> str:
    return run_tool("tbrmgr", [*arguments, "--userid", "sys/tibero"], home).stdout


def test_backup_copies_in_backup_mode_and_recover_puts_back(tmp_path: Path) -> None:
    primary = Primary(tmp_path / "db")
    with fake_server(primary.run) as server:
        home = home_with_dsn(tmp_path / "home", server.server_address[1])
        (home / "config" / "tibero.tip").write_text(
            f'DB_NAME=orders\nCONTROL_FILES="{tmp_path}/db/c1.ctl"\nDB_CREATE_FILE_DEST="{tmp_path}/db"\n'
        )
        printed = rmgr(
            home,
            "backup",
            "-o",
            str(tmp_path / "bk"),
            "-v",
            "--with-archivelog",
            "--with-password-file",
            "--for-standby",
        )
    assert printed.endswith("RMGR backup succeeded.\n")
    order = [sql for sql in primary.seen if sql.startswith("ALTER")]
    assert [sql.split(" TO ")[0] for sql in order] == [
        "ALTER DATABASE BEGIN BACKUP",
        "ALTER DATABASE END BACKUP",
        "ALTER SYSTEM SWITCH LOGFILE",
        "ALTER DATABASE BACKUP CONTROLFILE",
    ]
    (made,) = tbrmgr.read_sets(tmp_path / "bk")
    assert made["options"] == ["FOR_STANDBY", "WITH_ARCHIVELOG"]
    assert {one[0] for one in made["files"]} == {
        "datafile",
        "controlfile",
        "logfile",
        "tempfile",
        "archivelog",
        "passwd",
    }
    for name in ("usr001.dtf", ".passwd"):
        one = next(tbrmgr.File(*one) for one in made["files"] if one[1].endswith(name))
        tbrmgr.restore_file(one, tmp_path / "bk" / "set_1", tmp_path / "back" / name)
        assert (tmp_path / "back" / name).read_bytes() == (tmp_path / "db" / name).read_bytes()
    data = next(tbrmgr.File(*one) for one in made["files"] if one[0] == "datafile")
    (tmp_path / "bk" / "set_1" / data.name).write_bytes(b"torn")
    with pytest.raises(tbrmgr.Failed, match="TBR-24141"):
        tbrmgr.restore_file(data, tmp_path / "bk" / "set_1", tmp_path / "back" / "torn")


def test_backup_mode_ends_even_if_the_copy_fails(tmp_path: Path) -> None:
    primary = Primary(tmp_path / "db")
    (tmp_path / "db" / "usr001.dtf").unlink()
    with fake_server(primary.run) as server:
        home = home_with_dsn(tmp_path / "home", server.server_address[1])
        printed = rmgr(home, "backup", "-o", str(tmp_path / "bk"))
    assert "No such file" in printed
    assert primary.seen[-1] != "ALTER DATABASE BEGIN BACKUP"
    assert "ALTER DATABASE END BACKUP" in primary.seen
    assert not list((tmp_path / "bk").iterdir())


def test_backup_refuses_noarchivelog_and_incremental(tmp_path: Path) -> None:
    with fake_server(Primary(tmp_path / "db", "NOARCHIVELOG").run) as server:
        home = home_with_dsn(tmp_path / "home", server.server_address[1])
        assert "needs ARCHIVELOG" in rmgr(home, "backup", "-o", str(tmp_path / "bk"))
        assert "not available in the emulator" in rmgr(home, "backup", "-i", "-o", str(tmp_path / "bk"))


@pytest.mark.parametrize(
    ("flags", "options", "code"),
    [({"for_standby"}, ["WITH_ARCHIVELOG"], "TBR-24105"), ({"with_archivelog"}, ["FOR_STANDBY"], "TBR-24068")],
)
def test_recover_refuses_an_unfit_set(flags: set[str], options: list[str], code: str) -> None:
    wanted = tbrmgr.Options("recover", Path("/x"), frozenset(flags), {})
    with pytest.raises(tbrmgr.Failed, match=code):
        tbrmgr.chosen_set(wanted, [{"set_id": 1, "options": options}])


# --- cluster manager ------------------------------------------------------------------------------------------------


def cm_home(home: Path) -> dict[str, str]:
    home_with_dsn(home, 1)
    text = f"CM_NAME=tbcm1\nCM_UI_PORT=18629\nCM_RESOURCE_FILE={home}/config/tbcm1_res\n"
    (home / "config" / "tbcm1.tip").write_text(text)
    return {"CM_SID": "tbcm1"}


def test_tbcm_as_recorded(tmp_path: Path) -> None:
    more = cm_home(tmp_path)
    printed = run_tool("tbcm", ["-b"], tmp_path, **more).stdout.replace(str(tmp_path), "/tibero/tibero7")
    recorded = recording("t7-tbcm-boot-ok-and-failed")
    assert printed in recorded
    assert run_tool("tbcm", ["-b"], tmp_path, **more).stdout in recorded
    assert run_tool("tbcm", ["-d"], tmp_path, **more).returncode == 0
    assert "startup failed" in run_tool("tbcm", ["-b"], tmp_path, CM_SID="other").stdout


def test_cmrctl_help_and_table_as_recorded(tmp_path: Path) -> None:
    more = cm_home(tmp_path)
    recorded = recording("t6-cmrctl-show-node-and-help")
    assert run_tool("cmrctl", ["help"], tmp_path, **more).stdout == recorded.split("$ cmrctl help\n")[1]
    run_tool("tbcm", ["-b"], tmp_path, **more)
    home = "/home/ec2-user/tibero6"
    for words in (
        "add network --name net0 --ipaddr 10.0.1.5 --portno 9550",
        f"add cluster --name cls_primary --incnet net0 --cfile {home}/config/cls_primary_cfile",
        "start cluster --name cls_primary",
        "add service --name Tibero --cname cls_primary --tscid 123",
        f"add db --name tibero --svcname Tibero --dbhome {home} --envfile x",
    ):
        assert "ailed" not in run_tool("cmrctl", words.split(), tmp_path, **more).stdout
    shown = run_tool("cmrctl", ["show"], tmp_path, **more).stdout.replace("of Node tbcm1", "of Node cmp")
    wanted = recorded.split("$ cmrctl show\n")[1].split("\n\n")[0] + "\n"
    assert shown == wanted.replace("UP(NRML)", "    DOWN")
    again = run_tool("cmrctl", ["add", "network", "--name", "net0"], tmp_path, **more)
    assert again.returncode == 1


# --- the rest -------------------------------------------------------------------------------------------------------


def test_tberr_and_tbprobe(tmp_path: Path) -> None:
    home_with_dsn(tmp_path, 1)
    assert "Database in standby mode." in run_tool("tberr", ["1098"], tmp_path).stdout
    assert run_tool("tberr", ["TBR-999999"], tmp_path).returncode == 1
    assert run_tool("tbprobe", [], tmp_path).returncode == 3


@pytest.mark.parametrize(("version", "arguments"), [("7", []), ("6", [f"-a{n}" for n in range(1, 5)])])
def test_system_script_prints_the_recorded_lines(tmp_path: Path, version: str, arguments: list[str]) -> None:
    statements: list[str] = []

    def answer(sql: str) -> dict[str, Any]:
        statements.append(sql)
        return {"message": "Role 'X' created."}

    with fake_server(answer) as server:
        home = home_with_dsn(tmp_path, server.server_address[1], version=version)
        (home / "config" / "tibero.tip").write_text("DB_NAME=tibero\n")
        words = ["-p1", "tibero", "-p2", "syscat", *[word for each in arguments for word in (each, "y")]]
        done = run_tool("system_script", words, home)
        logins = [login["user"] for login in server.logins]
    assert logins == ["SYSCAT", "SYS"]
    lines = done.stdout.splitlines()
    recorded = recording("t7-system_sh-output").splitlines()
    assert [line for line in lines if line not in recorded] == [
        f"For details, check {home}/instance/tibero/log/system_init.log."
    ]
    if version == "7":
        known = [line for line in recorded if line.endswith("...") or line == "Done."]
        assert [line for line in lines if line in known] == known
    assert any(sql.startswith("CREATE USER TIBERO ") for sql in statements)
    log = (home / "instance" / "tibero" / "log" / "system_init.log").read_text()
    assert "tmax" not in log


def test_system_script_asks_as_recorded_and_stops_on_a_wrong_password(tmp_path: Path) -> None:
    with fake_server(lambda sql: {"message": "x"}, (17001, "Login failed: invalid user name or password.")) as server:
        home = home_with_dsn(tmp_path, server.server_address[1])
        (home / "config" / "tibero.tip").write_text("DB_NAME=tibero\n")
        done = run_tool("system_script", [], home, "a\nb\n")
    assert done.stdout.startswith("Enter SYS password:\n\nEnter SYSCAT password:\n\n")
    assert done.stdout.endswith("TBR-17001: Login failed: invalid user name or password.\n")
    assert done.returncode == 1


def test_every_switch_is_in_the_fidelity_table() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "fidelity.md").read_text(encoding="utf-8")
    missing = [name for name in switches.SWITCHES if f"`{name}`" not in text]
    assert not missing
    assert json.dumps(switches.defaults())
