# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tbboot and tbdown: their words against the recordings, their checks before and without a server."""

from __future__ import annotations

import io
import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from tools_support import context, recording, run_tool

from tibero_emulator import licence, tip
from tibero_emulator.tools import common, tbboot, tbdown


def stream(*events: dict[str, Any]) -> io.StringIO:
    return io.StringIO("".join(json.dumps(event) + "\n" for event in events))


LISTENING = {"event": "listening", "ports": [8629, 8630]}
UP = {"event": "up", "mode": "NORMAL", "flag": ""}


def prepared(home: Path, sid: str = "tibero", extra: str = "", days: int = 30, version: str = "7") -> Path:
    """A home whose tip and licence are good."""
    for folder in ("config", "license", "lib"):
        (home / folder).mkdir(exist_ok=True)
    (home / "lib" / "emulator_version").write_text(f"{version}\n")
    (home / "config" / f"{sid}.tip").write_text(f'DB_NAME=tibero\nCONTROL_FILES="{home}/c1.ctl"\n{extra}')
    text = licence.render(licence.make(socket.gethostname(), days, version=version))
    (home / "license" / "license.xml").write_text(text)
    return home


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ("boot", "NORMAL")),
        (["nomount"], ("boot", "NOMOUNT")),
        (["-t", "Mount"], ("boot", "MOUNT")),
        (["RESETLOGS"], ("boot", "RESETLOGS")),
        (["-t", "FAILOVER"], ("boot", "FAILOVER")),
        (["recovery"], ("boot", "RECOVERY")),
        (["-version"], ("version", "NORMAL")),
        (["-l"], ("licence", "NORMAL")),
    ],
)
def test_boot_words_in_every_form(arguments: list[str], expected: tuple[str, str]) -> None:
    assert tbboot.parse_arguments(arguments) == expected


@pytest.mark.parametrize("arguments", [["READONLY"], ["-t"], ["-t", "ALTERDDL"], ["NORMAL", "MOUNT"], ["-x"]])
def test_other_words_are_bad_modes(arguments: list[str]) -> None:
    with pytest.raises(tbboot.BadMode):
        tbboot.parse_arguments(arguments)


def test_recorded_boot_of_7(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "tibero7"
    (home / "bin" / "prof").mkdir(parents=True)
    monkeypatch.delenv("TB_PROF_DIR", raising=False)
    ctx = context(home)
    common.say(tbboot.core_directory_line(ctx))
    assert tbboot.follow(ctx, "NORMAL", stream(LISTENING, UP)) == 0
    printed = capsys.readouterr().out.replace(str(tmp_path), "/tibero")
    shown = recording("t7-ps-two-instances-and-tbboot-normal")
    assert f"$ tbboot\n{printed}" in shown


def test_recorded_boot_of_6_with_its_proc_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ctx = context(tmp_path, "6", proc_sys_noise="always")
    common.say(tbboot.proc_sys_noise(ctx))
    tbboot.follow(ctx, "NOMOUNT", stream(LISTENING, {"event": "up", "mode": "NOMOUNT", "flag": ""}))
    common.say("\n")
    assert recording("t6-tbboot-nomount-createdb-normal").startswith(capsys.readouterr().out)


def test_proc_lines_only_for_6_and_only_for_missing_files(tmp_path: Path) -> None:
    assert tbboot.proc_sys_noise(context(tmp_path, "7")) == ""
    missing = [path for path, _ in tbboot.PROC_SYS_READS if not os.path.exists(path)]
    text = tbboot.proc_sys_noise(context(tmp_path, "6"))
    assert len(set(text.splitlines())) == len(missing)


def test_two_trailing_blanks_can_be_switched_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tbboot.follow(context(tmp_path, "6", banner_trailing_blanks=2), "NORMAL", stream(UP))
    assert "\nTibero 6  \nTmaxData" in capsys.readouterr().out.replace("\n\n", "\n")
    assert "\nTibero 6  \nTmaxData" in recording("t6-tbdown-tbboot-tbsql-openframe")


@pytest.mark.parametrize(
    ("word", "shown"), [("RESETLOGS", "NORMAL RESETLOGS"), ("RECOVERY", "RECOVERY"), ("FAILOVER", "NORMAL FAILOVER")]
)
def test_banner_words_recovery_and_failover_invented(
    word: str, shown: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tbboot.follow(context(tmp_path), word, stream(LISTENING, UP))
    assert capsys.readouterr().out.endswith(f"Tibero instance started up ({shown} mode).\n")
    tbboot.follow(context(tmp_path, boot_banner_mode={word: "X"}), word, stream(UP))
    assert "(X mode)" in capsys.readouterr().out


def test_suspended_boot_shows_the_recorded_box(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event = {"event": "suspended", "mode": "NOMOUNT", "code": 24003, "text": "Unable to read control file."}
    tbboot.follow(context(tmp_path), "NORMAL", stream(event))
    printed = capsys.readouterr().out
    assert recording("t7-tbboot-suspended-TBR-24003").strip() in printed
    assert printed.endswith("Tibero instance started suspended at NOMOUNT mode.\n")


def test_refused_boot_and_silent_death(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ctx = context(tmp_path)
    event = {"event": "refused", "code": 250120, "text": "Fail to listen port[8629]. Shutting down the instance..."}
    assert tbboot.follow(ctx, "NORMAL", stream(event)) == 1
    assert capsys.readouterr().out == f"{event['text']}\nTibero instance startup failed!\n"
    assert tbboot.follow(ctx, "NORMAL", stream(LISTENING)) == 1
    assert capsys.readouterr().out.endswith("Tibero instance startup failed!\n")


def test_a_living_instance_shows_the_recorded_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = context(prepared(tmp_path))
    monkeypatch.setattr(common, "live_pids", lambda *_: [16839])
    values = tip.read(ctx.tip_path, ctx.tb_home, ctx.sid, "7", ctx.settings)
    assert tbboot.running_box(ctx, values) == recording("t7-tbboot-failed-already-running")


def leave_garbage(home: Path) -> common.Context:
    ctx = context(home)
    ctx.proc_info.parent.mkdir(parents=True)
    ctx.proc_info.write_text(json.dumps({"pid": 2**22 + 5}))
    return ctx


def test_leftovers_refuse_the_boot_until_clean(tmp_path: Path) -> None:
    ctx = leave_garbage(prepared(tmp_path))
    refused = run_tool("tbboot", [], tmp_path)
    assert refused.stdout.splitlines() == [
        "*" * 59,
        "*                     BOOT FAILED.",
        "* Garbage files have not been deleted.",
        '* Please run "tbdown clean" and try again.',
        "*" * 59,
    ]
    kept = run_tool("tbdown", ["clean"], tmp_path, typed="n\n")
    assert ctx.proc_info.exists()
    assert kept.returncode == 1
    without_answer = run_tool("tbdown", ["clean"], tmp_path)
    assert ctx.proc_info.exists()
    assert without_answer.returncode == 1
    assert run_tool("tbdown", ["clean"], tmp_path, typed="y\n").returncode == 0
    assert not ctx.proc_info.exists()


def test_auto_clean_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ctx = leave_garbage(prepared(tmp_path, extra="BOOT_WITH_AUTO_DOWN_CLEAN=Y\n"))
    values = tip.read(ctx.tip_path, ctx.tb_home, ctx.sid, "7", ctx.settings)
    assert tbboot.running_box(ctx, values) == ""
    assert capsys.readouterr().out == '\n"tbdown clean" is executed automatically.\n\n'
    assert not ctx.proc_info.exists()


def test_checks_before_the_server(tmp_path: Path) -> None:
    prepared(tmp_path, days=0)
    assert "* ERROR: License expired!!" in run_tool("tbboot", [], tmp_path).stdout
    (tmp_path / "license" / "license.xml").unlink()
    missing = run_tool("tbboot", ["nomount"], tmp_path)
    assert f"{tmp_path}/license/license.xml" in missing.stdout
    assert missing.returncode == 1
    (tmp_path / "config" / "tibero.tip").write_text("DB_NAME=x\nWHAT=1\n")
    bad = run_tool("tbboot", [], tmp_path).stdout
    assert bad.startswith("*** Tibero initialization parameter (tip) file failure: Invalid parameter name: 'WHAT'")
    assert bad.endswith(f"Tip file path = {tmp_path}/config/tibero.tip\n")
    assert run_tool("tbboot", ["-t", "SIDEWAYS"], tmp_path).stdout == "tbboot: Invalid bootmode!!!\n"
    assert run_tool("tbboot", [], tmp_path, TB_SID="").stdout == (
        "tbboot: environment variable TB_HOME or TB_SID is not set.\n"
    )


def test_replication_without_the_option_is_not_licensed(tmp_path: Path) -> None:
    prepared(tmp_path)
    text = licence.render(licence.make(socket.gethostname(), 5, "none"))
    (tmp_path / "license" / "license.xml").write_text(text)
    refused = run_tool("tbboot", ["-t", "RECOVERY"], tmp_path)
    assert refused.stdout.startswith("Active/Standby replication is not licensed.\n")


def test_unwritable_instance_directory_as_recorded(tmp_path: Path) -> None:
    prepared(tmp_path)
    (tmp_path / "instance").write_text("in the way")
    lines = run_tool("tbboot", [], tmp_path).stdout.replace(str(tmp_path), "/home/tibero/tibero6").splitlines()
    recorded = recording("t7-cmrctl-start-failed-permission-and-shm").splitlines()[2:7]
    recorded = [
        line.replace("tas2", "tibero").replace("13:Permission denied", "20:Not a directory") for line in recorded
    ]
    assert lines == recorded


def test_the_programs_say_that_they_are_an_emulator(tmp_path: Path) -> None:
    prepared(tmp_path)
    for tool, arguments in (("tbboot", ["-version"]), ("tbboot", ["-h"]), ("tbsql", ["-v"]), ("tbsql", ["-h"])):
        assert "This is not Tibero." in run_tool(tool, arguments, tmp_path).stdout
    assert run_tool("tbboot", ["-version"], tmp_path).stdout.startswith("Tibero 7   254994 ")
    assert "Expiration date" in run_tool("tbboot", ["-l"], tmp_path).stdout


def test_recorded_tbdown_help_and_already_stopped(tmp_path: Path) -> None:
    prepared(tmp_path)
    assert run_tool("tbdown", ["-h"], tmp_path).stdout in recording("t6-tbdown-help-and-normal")
    stopped = run_tool("tbdown", [], tmp_path)
    assert stopped.stdout in recording("t6-tbdown-already-stopped")
    assert stopped.stdout.count("\n") == 2
    assert stopped.returncode == 1
    assert run_tool("tbdown", ["-t", "SLOWLY"], tmp_path).stdout == "TBS-70028: Invalid shutdown mode.\n"


def serve_control(ctx: common.Context, event: dict[str, Any], asked: list[Any]) -> threading.Thread:
    """One answer on the control socket."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    directory = os.open(ctx.control.parent, os.O_RDONLY)
    listener.bind(f"/proc/self/fd/{directory}/control")
    listener.listen(1)

    def answer() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rw", encoding="utf-8") as lines:
            asked.append(json.loads(lines.readline()))
            lines.write(json.dumps(event) + "\n")
        listener.close()
        os.close(directory)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("arguments", "mode"), [([], "NORMAL"), (["immediate"], "IMMEDIATE"), (["-t", "switchover"], "SWITCHOVER")]
)
def test_tbdown_asks_the_server(
    arguments: list[str], mode: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = leave_garbage(tmp_path)
    asked: list[Any] = []
    alive = [[1234]]
    monkeypatch.setattr(common, "live_pids", lambda *_: alive.pop() if alive else [])
    thread = serve_control(ctx, {"event": "terminated", "mode": mode}, asked)
    assert tbdown.stop(ctx, tbdown.parse_arguments(arguments)) == 0
    thread.join(5)
    assert asked == [{"op": "down", "mode": mode}]
    printed = capsys.readouterr().out
    assert printed == f"Tibero instance terminated ({mode} mode).\n"
    if mode in ("NORMAL", "IMMEDIATE"):
        name = "t6-tbdown-help-and-normal" if mode == "NORMAL" else "t7-tbdown-reverse-sync-first-steps"
        assert printed in recording(name)


def test_tbdown_prints_a_refusal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = leave_garbage(tmp_path)
    monkeypatch.setattr(common, "live_pids", lambda *_: [1234])
    serve_control(
        ctx, {"event": "error", "code": 24029, "text": "Unable to shut down: file 1 ('/x') has online backup set."}, []
    )
    assert tbdown.stop(ctx, "IMMEDIATE") == 1
    assert capsys.readouterr().out == "TBR-24029: Unable to shut down: file 1 ('/x') has online backup set.\n"


def test_clean_refuses_while_the_server_lives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = leave_garbage(tmp_path)
    monkeypatch.setattr(common, "live_pids", lambda *_: [1234])
    assert tbdown.clean(ctx) == 1
    assert capsys.readouterr().out == '\n"tbdown clean" failed. tbsvr is running.\n'
    assert ctx.proc_info.exists()


def test_confirmation_270107_is_off_by_default_and_can_be_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    assert tbboot.confirm(context(tmp_path), "FAILOVER")
    ctx = context(tmp_path, confirm_boot_modes=["FAILOVER"])
    assert not tbboot.confirm(ctx, "FAILOVER")
    assert capsys.readouterr().out.startswith("Current bootmode is FAILOVER.\nDo you really want to continue?(yes/no)")
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert tbboot.confirm(ctx, "FAILOVER")
