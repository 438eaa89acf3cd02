# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tibero_cold_copy: what is refused before the stop, and that the primary comes back; tibero_files_info beside it."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    Refusal,
    StandbyError,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import cold_copy as subject
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import database_files, instance_tasks
from tests.unit.plugins.module_utils._tibero.fake_tibero import PASSWORD, FakeTibero, FakeTime, box


class Primary(FakeTibero):
    """An open primary with its files; every look at V$SESSION is a session of its own."""

    def __init__(self, tb_home: Path) -> None:
        super().__init__(tb_home)
        self.enter("NORMAL")
        self.timers: list[Any] = []
        self.logins = 0
        self.others: list[dict[str, str]] = []
        for name in ("system001.dtf", "temp001.dtf", "log001.log"):
            (self.data / name).write_bytes(b"data")
        (self.data / "arch").mkdir()
        for number in (4, 5, 6):
            (self.data / "arch" / f"s{number}.arc").write_bytes(b"redo")
        self.views["V$DATAFILE"] = [{"NAME": f"{self.data}/system001.dtf"}]
        self.views["V$LOGFILE"] = [{"MEMBER": f"{self.data}/log001.log"}]
        self.views["V$CONTROLFILE"] = [{"NAME": f"{self.data}/c1.ctl"}]
        self.views["V$TEMPFILE"] = [{"NAME": "temp001.dtf"}]
        self.views["V$ARCHIVED_LOG"] = [
            {"THREAD#": "0", "SEQUENCE#": str(n), "NAME": f"{self.data}/arch/s{n}.arc"} for n in (4, 5, 6)
        ]
        self.replies["ALTER SYSTEM SWITCH LOGFILE;"] = "System altered."

    def view(self, name: str) -> Any:
        if name == "V$SESSION" and name not in self.views:
            self.logins += 1
            own = {"SID": str(100 + self.logins), "SERIAL#": "1", "USERNAME": "SYS", "PROG_NAME": "tbsql"}
            return [{"SID": "1", "SERIAL#": "1", "USERNAME": None, "PROG_NAME": "LGWR"}, own, *self.others]
        return super().view(name)

    @property
    def acts(self) -> list[str]:
        """Log switches, the arming of the timer, stops and boots, in their order."""
        return [text.rstrip(";") for text in self.statements if text.startswith(("ALTER", "armed"))] + self.programs()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Primary:
    primary = Primary(tmp_path)

    def dead_man(directory: str, name: str, seconds: float, act: Any, key: str = "") -> None:
        primary.timers.append((seconds, act))
        primary.statements.append(f"armed {'running' if primary.process else 'stopped'}")

    monkeypatch.setattr(detached, "dead_man", dead_man)
    monkeypatch.setattr(detached, "cancel", lambda directory, name: primary.timers.clear())
    return primary


def run(fake: FakeTibero, state: str, check: bool = False, **params: Any) -> Any:
    base = {"state": state, "lease": 600, "disconnect": False, "log_switches": 3}
    outcome = subject.cold_copy(fake.context(check, **{**base, **params}), FakeTime().clock())
    assert PASSWORD not in json.dumps([outcome.values, outcome.before, outcome.after])
    return outcome


def test_the_whole_way(fake: Primary) -> None:
    stopped = run(fake, "present")
    assert stopped.changed and not fake.process and stopped.values["running"] is False
    assert fake.acts == [*["ALTER SYSTEM SWITCH LOGFILE"] * 3, "armed running", "tbdown -t IMMEDIATE"]
    kinds = [item["kind"] for item in stopped.values["files"]]
    assert kinds == ["datafile", "redo", "controlfile", "tempfile", "password"]
    assert [item["sequence"] for item in stopped.values["archives"]] == [5, 6], "those of logs that are still online"
    assert stopped.values["tsn"] == str(fake.tsn) and stopped.values["lease"]["seconds"] == 600

    started = run(fake, "absent")
    assert started.changed and fake.process == "NORMAL" and not fake.timers
    assert not run(fake, "absent").changed
    assert not subject.pending(fake.client())


def test_stopped_twice_renews_and_stops_nothing(fake: Primary) -> None:
    first = run(fake, "present")
    again = run(fake, "present")
    assert not again.changed and again.values["files"] == first.values["files"]
    assert fake.programs() == ["tbdown -t IMMEDIATE"] and len(fake.timers) == 2


def test_check_mode_stops_and_starts_nothing(fake: Primary) -> None:
    predicted = run(fake, "present", check=True)
    assert predicted.changed and not fake.acts and predicted.values["files"]
    run(fake, "present")
    assert run(fake, "absent", check=True).changed and not fake.process


def test_a_primary_that_was_never_stopped_is_left_alone(fake: Primary) -> None:
    assert not run(fake, "absent").changed and not fake.programs()
    fake.process = ""
    assert not run(fake, "absent").changed and not fake.programs(), "somebody else stopped it"


def test_sessions_are_named_before_the_stop(fake: Primary) -> None:
    fake.others = [{"SID": "7", "SERIAL#": "3", "USERNAME": "APP", "PROG_NAME": "billing"}]
    with pytest.raises(Refusal, match=r"1 session.*USERNAME=APP.*billing.*standby_cold_disconnect"):
        run(fake, "present")
    assert not fake.acts and fake.process
    assert run(fake, "present", disconnect=True).changed


def test_sessions_that_cannot_be_told_are_no_sessions(fake: Primary) -> None:
    fake.views["V$SESSION"] = 8053
    with pytest.raises(UnknownState, match="Who is connected"):
        run(fake, "present")
    fake.views["V$SESSION"] = [{"USERNAME": "APP"}]
    with pytest.raises(UnknownState, match="Who is connected"):
        run(fake, "present")
    assert fake.process and run(fake, "present", disconnect=True).changed


@pytest.mark.parametrize("mode", ["PROTECTION", "AVAILABILITY"])
def test_a_mode_that_needs_a_standby_is_refused_without_one(fake: Primary, mode: str) -> None:
    text = fake.tip.read_text() + f"LOG_REPLICATION_MODE={mode}\n"
    fake.tip.write_text(text)
    with pytest.raises(Refusal, match=f"{mode}.*names no LGWR SYNC standby"):
        run(fake, "present")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        fake.tip.write_text(text + f'LOG_REPLICATION_DEST_1="127.0.0.1:{port} LGWR SYNC"\n')
        with pytest.raises(Refusal, match=f"127.0.0.1:{port}"):
            run(fake, "present")
        closed.listen()
        fake.tip.write_text(text + f'LOG_REPLICATION_DEST_1="127.0.0.1:{port} LGWR ASYNC"\n')
        with pytest.raises(Refusal, match="names no LGWR SYNC standby"):
            run(fake, "present")
        assert fake.process and not fake.acts
        fake.tip.write_text(text + f'LOG_REPLICATION_DEST_1="127.0.0.1:{port} LGWR SYNC"\n')
        assert run(fake, "present").changed


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda fake: fake.enter("RECOVERY"), "open primary"),
        (lambda fake: fake.enter("MOUNT"), "open primary"),
        (lambda fake: setattr(fake, "process", ""), "open primary"),
        (lambda fake: setattr(fake, "backup", ["ACTIVE"]), "TBR-24029"),
        (lambda fake: setattr(fake, "backup", 8053), "not known"),
        (lambda fake: fake.views.update({"V$DATAFILE": 8053}), "no copy"),
    ],
)
def test_refusals(fake: Primary, prepare: Any, says: str) -> None:
    prepare(fake)
    with pytest.raises(Refusal, match=says):
        run(fake, "present")
    assert not fake.programs() and not fake.timers and subject.read_record(fake.client()) is None


def test_a_stop_that_fails_is_undone_by_absent(fake: Primary) -> None:
    fake.downs["IMMEDIATE"] = "TBR-24029: Unable to shut down.\n"
    with pytest.raises(CommandFailed):
        run(fake, "present")
    outcome = run(fake, "absent")
    assert not outcome.changed and not fake.timers and subject.read_record(fake.client()) is None


def test_the_next_run_finds_it_and_only_as_it_was_left(fake: Primary) -> None:
    run(fake, "present")
    info = {"status_words": {}, "open_mode_words": {}}
    seen = instance_tasks.instance_info(fake.context(**info)).values
    assert seen["cold_copy"]["resumable"] is True and seen["cold_copy"]["stopped_at"]
    os.utime(fake.data / "c1.ctl", ns=(1, 1))
    seen = instance_tasks.instance_info(fake.context(**info)).values
    assert seen["cold_copy"]["resumable"] is False and "somebody has run it" in seen["cold_copy"]["why"]
    with pytest.raises(Refusal, match="two primaries"):
        run(fake, "absent")
    assert not fake.process
    assert subject._start_by_timer(fake.client()) == {
        "started": False,
        "why": "its control files have been written since the stop",
    }
    fake.enter("NORMAL")
    assert instance_tasks.instance_info(fake.context(**info)).values["cold_copy"] == {}


def test_one_that_was_started_meanwhile_is_said(fake: Primary) -> None:
    run(fake, "present")
    fake.enter("NORMAL")
    outcome = run(fake, "absent")
    assert not outcome.changed and "not of a quiet primary" in outcome.warnings[0]


def test_a_start_that_fails_keeps_the_record(fake: Primary) -> None:
    run(fake, "present")
    fake.boots["NORMAL"] = lambda: fake.suspend("NORMAL", "MOUNT") or box("MOUNT", 1098, "Database in standby mode.")
    with pytest.raises(StandbyError):
        run(fake, "absent")
    assert subject.read_record(fake.client()) is not None


def test_a_lease_that_is_too_short(fake: Primary) -> None:
    with pytest.raises(Refusal, match="30"):
        run(fake, "present", lease=29)


def test_the_real_timer_starts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a real process: what it does reaches us through a file, because it plays the programs in its own memory."""
    primary = Primary(tmp_path)
    started = tmp_path / "started"

    def boot() -> str:
        started.write_text("x")
        primary.enter("NORMAL")
        return "Tibero instance started up (NORMAL mode).\n"

    primary.boots["NORMAL"] = boot
    monkeypatch.setattr(subject, "SHORTEST_LEASE", 0)
    original = subject._arm
    # The fork takes the memory of this moment with it, in which the instance still runs.
    monkeypatch.setattr(subject, "_arm", lambda client, lease: None)
    run(primary, "present", lease=1)
    original(primary.client(), 1)
    directory = str(tmp_path / "instance" / primary.sid / "firedrill" / "cold_copy")
    status = wait_until(
        lambda: detached.ask(directory, subject.JOB), lambda seen: not seen.is_running, 20, "the timer", ""
    ).value
    assert started.exists() and status.result["acted"]["started"] is True
    assert PASSWORD not in "".join(Path(directory, name).read_text() for name in os.listdir(directory))


# ------------------------------------------------------------------------------------------ files


def test_files_info_lists_everything(fake: Primary) -> None:
    values = database_files.files_info(fake.context(first_sequence=None)).values
    assert [item["kind"] for item in values["files"]] == ["datafile", "redo", "controlfile", "tempfile", "password"]
    assert values["bytes"] == sum(item["size"] for item in values["files"]) and values["missing"] == []
    assert (values["first_sequence"], [item["sequence"] for item in values["archives"]]) == (5, [5, 6])
    (fake.data / "temp001.dtf").unlink()
    values = database_files.files_info(fake.context(first_sequence=1)).values
    assert [item["sequence"] for item in values["archives"]] == [4, 5, 6]
    assert values["missing"] == [f"{fake.data}/temp001.dtf"]


@pytest.mark.parametrize("view", ["V$LOG", "V$ARCHIVED_LOG", "V$CONTROLFILE"])
def test_files_info_refuses_half_a_list(fake: Primary, view: str) -> None:
    fake.views[view] = 8053
    with pytest.raises(UnknownState):
        database_files.files_info(fake.context(first_sequence=None))
