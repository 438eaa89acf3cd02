# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tibero_rmgr: exact argument lists, judged by what tbrmgr leaves, and whose directories it may touch."""

from __future__ import annotations

import json
import os
import re
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
    StandbyError,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import known
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import host_facts
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import rmgr as subject
from tests.unit.plugins.module_utils._tibero.fake_tibero import PASSWORD, FakeTibero, recording

#: The banner as recorded; what follows it on success is not known.
BANNER = "\n".join(recording("t7-tbrmgr-banner-and-tablespace-ddl.txt").splitlines()[-6:-1]) + "\n"
FLAGS = ("--with-archivelog", "--with-password-file", "--for-standby")
SET = {"SET_ID": "1", "BACKUP_TYPE": "FULL", "STATUS": "COMPLETED", "OPTIONS": "FOR_STANDBY, WITH_ARCHIVELOG"}


class Host(FakeTibero):
    """An instance with a tbrmgr that leaves files."""

    def __init__(self, tb_home: Path) -> None:
        super().__init__(tb_home)
        (self.home / "bin" / "tbrmgr").write_text("#!/bin/sh\n")
        self.prints = BANNER + "something that nobody has recorded\n"
        self.code: int | None = 0
        self.leaves = True
        self.sets: list[dict[str, str]] | int = []
        self.views["V$LOGFILE"] = [{"MEMBER": f"{self.data}/log001.log"}]
        self.views["V$DATAFILE"] = [{"NAME": f"{self.data}/system001.dtf"}]
        self.views["V$CONTROLFILE"] = [{"NAME": f"{self.data}/c1.ctl"}]
        self.views["V$TEMPFILE"] = []
        self.views["V$ARCHIVED_LOG"] = []

    def view(self, name: str) -> Any:
        return self.sets if name == "V$BACKUP_SET" else super().view(name)

    def _tbrmgr(self, command: Command) -> str:
        directory = Path(command.argv[command.argv.index("-o") + 1])
        if self.leaves and command.argv[1] == "backup":
            (directory / "set_1").mkdir()
            (directory / "set_1" / "system001.bak").write_bytes(b"blocks")
            if isinstance(self.sets, list):
                self.sets = [*self.sets, dict(SET, SET_ID=str(len(self.sets) + 1))]
        elif self.leaves:
            for name in ("c1.ctl", ".passwd", "system001.dtf"):
                (self.data / name).write_bytes(b"restored")
        return self.prints

    def _done(self, command: Command, output: str, code: int = 0) -> Completed:  # type: ignore[override]
        rmgr = Path(command.argv[0]).name == "tbrmgr"
        return Completed(command.argv, self.code if rmgr else code, output, "", 0.01, False)


@pytest.fixture(autouse=True)
def _inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is done in this process, whose memory holds the calls; one test takes the real way."""
    results: list[Any] = []
    monkeypatch.setattr(subject.detached, "start", lambda directory, name, key, work: results.append(work(None)))
    monkeypatch.setattr(subject, "_attend", lambda context, client: results[-1])


@pytest.fixture
def primary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(host_facts, "rmgr_jobs", lambda: known([], "/proc"))
    host = Host(tmp_path / "home")
    host.enter("NORMAL")
    return host


@pytest.fixture
def standby(tmp_path: Path) -> Host:
    host = Host(tmp_path / "home")
    for path in host.data.iterdir():
        path.unlink()
    pulled = Path(place(host)) / "set_1"
    pulled.mkdir(parents=True)
    (pulled / "system001.bak").write_bytes(b"blocks")
    return host


def place(host: Host) -> str:
    return f"{host.home}/staging/set"


def run(host: Host, state: str = "present", check: bool = False, **params: Any) -> Any:
    defaults = {name: spec.get("default") for name, spec in subject.RMGR_SPEC.items() if "default" in spec}
    context = host.context(check, **{**defaults, "directory": place(host), "timeout": 5, "state": state, **params})
    outcome = subject.tbrmgr(context)
    assert PASSWORD not in json.dumps([outcome.values, outcome.before, outcome.after])
    return outcome


def argv(host: Host) -> list[tuple[str, ...]]:
    return [call.argv[1:] for call in host.of("tbrmgr")]


# ----------------------------------------------------------------------------------------- backup


def test_the_backup_as_documented(primary: Host) -> None:
    made = run(primary)
    assert argv(primary) == [("backup", "-o", place(primary), "-v", *FLAGS)]
    assert primary.of("tbrmgr")[0].deadline == 86400 and primary.of("tbrmgr")[0].stdin == ""
    assert made.changed and (made.values["files"], made.values["bytes"]) == (1, 6)
    assert made.values["backup_set"]["STATUS"] == "COMPLETED" and made.values["tsn"] == str(primary.tsn)
    assert "nobody has recorded" in made.values["printed"]
    assert os.stat(place(primary)).st_mode & 0o777 == 0o700
    assert not run(primary).changed and len(argv(primary)) == 1, "a set that is whole is not made again"
    assert run(primary, with_archivelog=False).changed and argv(primary)[1][4:] == FLAGS[1:]


def test_the_real_process_tells_its_result_and_its_failure(primary: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(host_facts, "rmgr_jobs", lambda: known([], "/proc"))
    primary.prints = BANNER + "TBR-7550: Failed.\n"
    with pytest.raises(StandbyError, match="TBR-7550") as caught:
        run(primary)
    assert caught.value.details["code"] == 7550
    primary.prints = BANNER
    made = run(primary)
    assert made.changed and made.values["files"] == 1 and not run(primary).changed


def test_a_set_that_was_touched_is_made_again(primary: Host) -> None:
    run(primary)
    Path(place(primary), "set_1", "system001.bak").write_bytes(b"other")
    assert run(primary).changed and len(argv(primary)) == 2


def test_check_mode_makes_nothing(primary: Host) -> None:
    assert run(primary, check=True).changed and not argv(primary) and not Path(place(primary)).exists()


def test_removal_of_what_is_ours(primary: Host) -> None:
    run(primary)
    assert run(primary, "absent", check=True).changed and Path(place(primary)).exists()
    assert run(primary, "absent").changed and not Path(place(primary)).exists()
    assert not run(primary, "absent").changed


def test_somebody_elses_directory_is_left_alone(primary: Host) -> None:
    theirs = Path(place(primary), "theirs")
    theirs.parent.mkdir(parents=True)
    theirs.write_text("precious")
    with pytest.raises(Refusal, match="not empty: theirs"):
        run(primary)
    with pytest.raises(Refusal, match="no record of ours"):
        run(primary, "absent")
    assert theirs.read_text() == "precious" and not argv(primary)


def test_an_unfinished_set_of_ours_goes_first(primary: Host) -> None:
    primary.prints = BANNER + "TBR-1063: No space.\n"
    with pytest.raises(CommandFailed, match="TBR-1063"):
        run(primary)
    primary.prints = BANNER
    made = run(primary)
    assert made.changed and made.values["files"] == 1


def test_a_full_file_system_is_refused_before(primary: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    (primary.data / "system001.dtf").write_bytes(b"x" * 100_000)
    full = namedtuple("full", "f_bavail f_frsize")(1, 4096)
    monkeypatch.setattr(subject.os, "statvfs", lambda path: full)
    with pytest.raises(Refusal, match=r"needs 1\d{5} bytes in .*staging/set, and 4096 are free") as caught:
        run(primary)
    assert caught.value.nothing_changed and not argv(primary)


@pytest.mark.parametrize("below", ["", "/set", "/arch/set"])
def test_a_set_among_the_files_of_the_database_is_refused(primary: Host, below: str) -> None:
    with pytest.raises(Refusal, match="holds files of the database"):
        run(primary, directory=f"{primary.data}{below}")
    with pytest.raises(Refusal, match="holds files of the database"):
        run(primary, directory=str(primary.home))


@pytest.mark.parametrize(
    ("prepare", "error", "says"),
    [
        (lambda host: host.enter("RECOVERY"), Refusal, "open primary"),
        (lambda host: setattr(host, "log_mode", "NOARCHIVELOG"), Refusal, "archived redo"),
        (lambda host: setattr(host, "backup", ["ACTIVE"]), UnknownState, "hot backup"),
        (lambda host: setattr(host, "backup", 8053), UnknownState, "hot backup"),
        (lambda host: host.views.update({"V$DATAFILE": 8053}), UnknownState, "no copy"),
        (lambda host: (host.home / "bin" / "tbrmgr").unlink(), Refusal, "tbrmgr is neither"),
        (lambda host: setattr(host, "prints", BANNER + "TBR-7550: Failed.\n"), CommandFailed, "TBR-7550"),
        (lambda host: setattr(host, "prints", "what is this?\n"), CommandFailed, "banner.*what is this"),
        (lambda host: setattr(host, "leaves", False), CommandFailed, "holds no file.*nobody has recorded"),
        (lambda host: host.slow.add("tbrmgr"), DeadlineExceeded, "standby_rmgr_timeout"),
    ],
)
def test_refusals_of_a_backup(primary: Host, prepare: Any, error: type[Exception], says: str) -> None:
    prepare(primary)
    with pytest.raises(error) as caught:
        run(primary)
    assert re.search(says, str(caught.value)), str(caught.value)


def test_another_job_is_not_disturbed(primary: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_facts, "rmgr_jobs", lambda: known(["tbrmgr backup [77]"], "/proc"))
    with pytest.raises(Refusal, match=r"tbrmgr backup \[77\].*TBR-7550"):
        run(primary)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"STATUS": "FAILED"}, "shows the set as FAILED"),
        ({"OPTIONS": "WITH_ARCHIVELOG"}, "without FOR_STANDBY"),
    ],
)
def test_the_servers_own_list_must_not_contradict(primary: Host, row: dict[str, str], says: str) -> None:
    original = primary._tbrmgr

    def other(command: Command) -> str:
        text = original(command)
        primary.sets = [{**SET, **row}]
        return text

    primary._tbrmgr = other  # type: ignore[method-assign]
    with pytest.raises(CommandFailed, match=says):
        run(primary)


def test_without_that_list_the_exit_code_speaks(primary: Host) -> None:
    primary.sets = 8053
    assert run(primary).values["backup_set"] == {}
    primary.code = 1
    with pytest.raises(CommandFailed, match="ended with code 1"):
        run(primary, with_archivelog=False)
    primary.sets = []
    assert run(primary).changed, "a completed set in the list outweighs the code"


# --------------------------------------------------------------------------------------- recovery


def test_the_recovery_as_documented(standby: Host) -> None:
    done = run(standby, "recovered")
    assert argv(standby) == [("recover", "-o", place(standby), *FLAGS)]
    assert done.changed and done.values["files"] == 1
    assert not run(standby, "recovered").changed and len(argv(standby)) == 1
    assert run(standby, "absent").changed and not Path(place(standby)).exists()
    assert (standby.data / "system001.dtf").read_bytes() == b"restored", "the database stays"
    assert not subject.read_record(standby.client(), subject.RECOVERY)


def test_check_mode_recovers_nothing(standby: Host) -> None:
    assert run(standby, "recovered", check=True).changed and not argv(standby)


def test_files_that_are_not_ours_are_never_overwritten(standby: Host) -> None:
    (standby.data / "theirs.dtf").write_bytes(b"precious")
    with pytest.raises(Refusal, match=r"not empty: .*theirs\.dtf"):
        run(standby, "recovered")
    assert not argv(standby)


def test_our_own_broken_recovery_is_done_again(standby: Host) -> None:
    standby.leaves = False
    (standby.data / "lost+found").mkdir()
    with pytest.raises(CommandFailed, match=r"c1\.ctl.*is not there"):
        run(standby, "recovered")
    (standby.data / "half.dtf").write_bytes(b"half")
    standby.leaves = True
    assert run(standby, "recovered").changed and len(argv(standby)) == 2


def test_a_missing_password_file_is_said(standby: Host) -> None:
    original = standby._tbrmgr

    def other(command: Command) -> str:
        text = original(command)
        (standby.data / ".passwd").unlink()
        return text

    standby._tbrmgr = other  # type: ignore[method-assign]
    with pytest.raises(CommandFailed, match=r"\.passwd is not there"):
        run(standby, "recovered")


def test_an_instance_that_it_leaves_up_is_brought_down(standby: Host) -> None:
    original = standby._tbrmgr

    def other(command: Command) -> str:
        standby.enter("MOUNT")
        return original(command)

    standby._tbrmgr = other  # type: ignore[method-assign]
    assert run(standby, "recovered").changed
    assert standby.programs() == ["tbdown -t IMMEDIATE"] and not standby.process


def test_a_copy_that_was_opened_is_no_standby_any_more(standby: Host) -> None:
    original = standby._tbrmgr

    def other(command: Command) -> str:
        standby.enter("NORMAL")
        return original(command)

    standby._tbrmgr = other  # type: ignore[method-assign]
    with pytest.raises(CommandFailed, match="opened for writing"):
        run(standby, "recovered")


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda host: host.enter("MOUNT"), "running instance"),
        (lambda host: Path(place(host), "set_1", "system001.bak").unlink(), "no backup set"),
        (lambda host: setattr(host, "prints", BANNER + "TBR-24105: The option.\n"), "TBR-24105"),
        (lambda host: setattr(host, "code", 3), "code 3"),
    ],
)
def test_refusals_of_a_recovery(standby: Host, prepare: Any, says: str) -> None:
    prepare(standby)
    with pytest.raises((Refusal, CommandFailed), match=says):
        run(standby, "recovered")
