# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tibero_hot_backup: begin, end, whose backup it is, and the dead man's timer."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import hot_backup as subject
from tests.unit.plugins.module_utils._tibero.fake_tibero import PASSWORD, FakeTibero, FakeTime


class Primary(FakeTibero):
    """An open primary whose backup statements work."""

    def __init__(self, tb_home: Path) -> None:
        super().__init__(tb_home)
        self.enter("NORMAL")
        self.sequence = 7
        self.archived: list[int] = []
        self.timers: list[Any] = []
        self.timer = detached.NONE  # what became of the timer when none is armed
        for name in ("system001.dtf", "usr001.dtf", "temp001.dtf", "log001.log"):
            (self.data / name).write_bytes(b"data")
        (self.data / "arch").mkdir()
        self.views["V$DATAFILE"] = [{"NAME": f"{self.data}/system001.dtf"}, {"NAME": f"{self.data}/usr001.dtf"}]
        self.views["V$LOGFILE"] = [{"MEMBER": f"{self.data}/log001.log"}]
        self.views["V$CONTROLFILE"] = [{"NAME": f"{self.data}/c1.ctl"}]
        self.views["V$TEMPFILE"] = [{"NAME": "temp001.dtf"}]
        self.views["V$ARCHIVED_LOG"] = []
        self.replies["ALTER DATABASE BEGIN BACKUP;"] = self.begin
        self.replies["ALTER DATABASE END BACKUP;"] = self.end
        self.replies["ALTER DATABASE BACKUP CONTROLFILE TO"] = self.copy
        self.replies["ALTER SYSTEM SWITCH LOGFILE;"] = self.switch

    def begin(self, text: str) -> str:
        self.statements.append(f"armed={len(self.timers)}")
        self.backup = ["ACTIVE", "ACTIVE"]
        self.tsn += 10
        self.backup_begun = self.tsn
        return "Database altered."

    def lapse(self) -> None:
        """Nobody renewed the lease: the timer ends the backup."""
        self.end("")
        self.timers.clear()
        self.timer = detached.FINISHED

    def die(self) -> None:
        """The timer's process is gone, as after a boot of the host; the backup stays open."""
        self.timers.clear()
        self.timer = detached.DIED

    def end(self, text: str) -> str | int:
        if self.backup != ["ACTIVE", "ACTIVE"]:
            return 24011
        self.backup = ["NOT ACTIVE", "NOT ACTIVE"]
        return "Database altered."

    def copy(self, text: str) -> str:
        Path(text.split("'")[1]).write_bytes(b"control file")
        return "Database altered."

    def switch(self, text: str) -> str:
        path = self.data / "arch" / f"log-t0-r0-s{self.sequence}.arc"
        path.write_bytes(b"redo")
        self.archived.append(self.sequence)
        rows = [
            {"THREAD#": "0", "SEQUENCE#": str(n), "NAME": f"{self.data}/arch/log-t0-r0-s{n}.arc"} for n in self.archived
        ]
        self.views["V$ARCHIVED_LOG"] = rows
        self.sequence += 1
        return "System altered."

    def view(self, name: str) -> Any:
        if name == "V$LOG":
            return [{"THREAD#": "0", "GROUP#": "0", "SEQUENCE#": str(self.sequence), "STATUS": "CURRENT"}]
        return super().view(name)

    @property
    def acts(self) -> list[str]:
        words = ("ALTER", "armed")
        return [text.split(" TO ")[0].rstrip(";") for text in self.statements if text.startswith(words)]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Primary:
    primary = Primary(tmp_path)

    def dead_man(directory: str, name: str, seconds: float, act: Any, key: str = "") -> None:
        primary.timers.append((seconds, act, key))

    def cancel(directory: str, name: str) -> None:
        primary.timers.clear()

    def ask(directory: str, name: str) -> detached.Status:
        state = detached.RUNNING if primary.timers else primary.timer
        result = {"lapsed": True} if state == detached.FINISHED else {}
        return detached.Status(name, state, primary.sid, None, None, None, {}, result, {})

    monkeypatch.setattr(detached, "ask", ask)
    monkeypatch.setattr(detached, "dead_man", dead_man)
    monkeypatch.setattr(detached, "cancel", cancel)
    return primary


def run(fake: FakeTibero, state: str, check: bool = False, **params: Any) -> Any:
    base = {"state": state, "lease": 600, "controlfile_backup": None, "log_switches": None}
    outcome = subject.hot_backup(fake.context(check, **{**base, **params}), FakeTime().clock())
    assert PASSWORD not in json.dumps([outcome.values, outcome.before, outcome.after])
    return outcome


def test_the_whole_way(fake: Primary) -> None:
    begun = run(fake, "present")
    assert begun.changed and begun.values["backup_open"] is True
    assert fake.acts == ["armed=1" if text.startswith("armed") else text for text in fake.acts], "armed before BEGIN"
    assert [seconds for seconds, _act, _key in fake.timers] == [600]
    kinds = [(item["kind"], item["when"]) for item in begun.values["files"]]
    assert kinds == [
        ("datafile", "during"),
        ("datafile", "during"),
        ("redo", "after"),
        ("controlfile", "after"),
        ("tempfile", "during"),
        ("password", "during"),
    ]
    paths = {item["kind"]: item["path"] for item in begun.values["files"]}
    assert paths["controlfile"] == begun.values["controlfile_backup"] and Path(paths["controlfile"]).exists()
    assert paths["tempfile"] == f"{fake.data}/temp001.dtf" and paths["password"] == f"{fake.data}/.passwd"
    assert begun.values["first_sequence"] == 7 and begun.values["lease"]["seconds"] == 600

    ended = run(fake, "absent")
    assert ended.changed and ended.values["backup_open"] is False and not fake.timers
    assert fake.acts.count("ALTER SYSTEM SWITCH LOGFILE") == 2, "highest group number + 2"
    assert [(item["sequence"], item["kind"]) for item in ended.values["archives"]] == [(7, "archive")]
    assert (ended.values["first_sequence"], ended.values["last_sequence"]) == (7, 7)
    assert fake.acts[-1] == "ALTER DATABASE BACKUP CONTROLFILE", "made anew once the backup is over"
    again = run(fake, "absent")
    assert not again.changed and again.values["archives"] == []
    assert run(fake, "present").changed, "a second backup can follow"


def test_present_twice_renews_and_begins_nothing(fake: Primary) -> None:
    run(fake, "present")
    acts = list(fake.acts)
    outcome = run(fake, "present", lease=900)
    assert not outcome.changed and fake.acts == acts
    assert [seconds for seconds, _act, _key in fake.timers] == [600, 600], "the lease stays as it was begun"


def test_the_timer_is_armed_before_begin(fake: Primary) -> None:
    run(fake, "present")
    assert fake.acts[:2] == ["ALTER DATABASE BEGIN BACKUP", "armed=1"]


def test_check_mode_begins_and_ends_nothing(fake: Primary) -> None:
    assert run(fake, "present", check=True).changed and not fake.acts and not fake.timers
    run(fake, "present")
    acts = list(fake.acts)
    assert run(fake, "absent", check=True).changed and fake.acts == acts


def test_somebody_elses_backup_is_left_alone(fake: Primary) -> None:
    fake.backup = ["ACTIVE", "NOT ACTIVE"]
    for state in ("present", "absent"):
        with pytest.raises(Refusal, match="not ours"):
            run(fake, state)
    assert not fake.acts and not fake.timers


def test_a_backup_that_ended_early_is_said_once(fake: Primary) -> None:
    run(fake, "present")
    fake.lapse()
    for check in (True, False):
        with pytest.raises(CommandFailed, match="worth nothing"):
            run(fake, "absent", check=check)
    assert not run(fake, "absent").changed
    run(fake, "present")
    fake.lapse()
    assert run(fake, "present").changed, "begun anew"


@pytest.mark.parametrize("check", [True, False])
def test_somebody_elses_backup_after_ours_lapsed(fake: Primary, check: bool) -> None:
    """The timer ended ours, and somebody began one by hand: our record does not make it ours."""
    run(fake, "present")
    fake.lapse()
    fake.begin("")
    acts = list(fake.acts)
    with pytest.raises(Refusal, match="not ours: the timer has ended ours"):
        run(fake, "present", check=check)
    with pytest.raises(CommandFailed, match=r"began at log sequence 7 is not open any more.*is not ours and was left"):
        run(fake, "absent", check=check)
    assert fake.acts == acts and fake.backup == ["ACTIVE", "ACTIVE"] and not fake.timers
    with pytest.raises(CommandFailed if check else Refusal, match="not ours"):
        run(fake, "absent", check=check)


def test_ours_is_known_again_without_its_timer(fake: Primary) -> None:
    run(fake, "present")
    fake.die()
    assert not run(fake, "present").changed and fake.timers, "armed anew"
    fake.die()
    assert run(fake, "absent").changed and fake.backup == ["NOT ACTIVE", "NOT ACTIVE"]


def test_somebody_elses_backup_after_our_timer_died(fake: Primary) -> None:
    run(fake, "present")
    fake.die()
    fake.end("")
    fake.begin("")
    acts = list(fake.acts)
    with pytest.raises(Refusal, match=r"not ours: V\$BACKUP.CHANGE# and TIME; its timer is died"):
        run(fake, "present")
    with pytest.raises(CommandFailed, match="is not ours and was left"):
        run(fake, "absent")
    assert fake.acts == acts and fake.backup == ["ACTIVE", "ACTIVE"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_without_timer_and_marks_nobody_knows_whose_it_is(fake: Primary, when: str) -> None:
    if when == "before":
        fake.lacks = {("V$BACKUP", "CHANGE#")}
        fake.views["V$BACKUP"] = [{"FILE#": "0", "STATUS": "NOT ACTIVE"}]
        fake.replies["ALTER DATABASE BEGIN BACKUP;"] = lambda text: str(
            fake.views.update({"V$BACKUP": [{"FILE#": "0", "STATUS": "ACTIVE"}]}) or "Database altered."
        )
    run(fake, "present")
    fake.die()
    if when == "after":
        fake.lacks = {("V$BACKUP", "CHANGE#")}
        fake.views["V$BACKUP"] = [{"FILE#": "0", "STATUS": "ACTIVE"}]
    acts = list(fake.acts)
    for state in ("present", "absent"):
        with pytest.raises(UnknownState, match="whether it is the one that we began is not known"):
            run(fake, state)
    assert fake.acts == acts and not fake.timers


def test_a_failure_after_end_backup_is_resumed(fake: Primary) -> None:
    run(fake, "present")
    switch = fake.replies.pop("ALTER SYSTEM SWITCH LOGFILE;")
    with pytest.raises(CommandFailed):
        run(fake, "absent")
    fake.replies["ALTER SYSTEM SWITCH LOGFILE;"] = switch
    outcome = run(fake, "absent")
    assert outcome.changed and [item["sequence"] for item in outcome.values["archives"]] == [7]
    assert fake.acts.count("ALTER DATABASE END BACKUP") == 1


def test_a_failed_begin_leaves_nothing_behind(fake: Primary) -> None:
    fake.replies["ALTER DATABASE BACKUP CONTROLFILE TO"] = 7004
    with pytest.raises(CommandFailed, match="TBR-7004"):
        run(fake, "present")
    assert fake.backup == ["NOT ACTIVE", "NOT ACTIVE"] and not fake.timers
    assert not run(fake, "absent").changed


def test_somebody_who_begins_a_moment_before_us(fake: Primary) -> None:
    def too_late(text: str) -> int:
        fake.begin("")
        return 24010

    fake.replies["ALTER DATABASE BEGIN BACKUP;"] = too_late
    with pytest.raises(CommandFailed, match="TBR-24010"):
        run(fake, "present")
    assert fake.backup == ["ACTIVE", "ACTIVE"] and not fake.timers


def test_archives_that_never_come(fake: Primary) -> None:
    run(fake, "present")
    fake.replies["ALTER SYSTEM SWITCH LOGFILE;"] = "System altered."
    with pytest.raises(DeadlineExceeded, match="archives 7 to 7"):
        run(fake, "absent")
    assert fake.backup == ["NOT ACTIVE", "NOT ACTIVE"]


def test_number_of_switches_can_be_named(fake: Primary) -> None:
    run(fake, "present")
    run(fake, "absent", log_switches=1)
    assert fake.acts.count("ALTER SYSTEM SWITCH LOGFILE") == 1


@pytest.mark.parametrize(
    ("prepare", "error", "says"),
    [
        (lambda fake: fake.enter("RECOVERY"), Refusal, "open primary only"),
        (lambda fake: setattr(fake, "log_mode", "NOARCHIVELOG"), Refusal, "archived redo"),
        (lambda fake: setattr(fake, "backup", 8053), UnknownState, "not known"),
        (lambda fake: fake.views.update({"V$DATAFILE": 8053}), UnknownState, "no copy"),
        (lambda fake: fake.views.update({"V$TEMPFILE": 8053, "DBA_TEMP_FILES": 8053}), UnknownState, "tempfile"),
        (lambda fake: (fake.data / ".passwd").unlink(), Refusal, "TBR-17007"),
    ],
)
def test_refusals(fake: Primary, prepare: Any, error: type[Exception], says: str) -> None:
    prepare(fake)
    with pytest.raises(error, match=says):
        run(fake, "present", check=True)
    assert not fake.acts and not fake.timers


def test_temp_files_by_the_second_view(fake: Primary) -> None:
    fake.views["V$TEMPFILE"] = 8053
    fake.views["DBA_TEMP_FILES"] = [{"FILE_NAME": f"{fake.data}/temp001.dtf"}]
    files = run(fake, "present", check=True).values["files"]
    assert [item["path"] for item in files if item["kind"] == "tempfile"] == [f"{fake.data}/temp001.dtf"]


@pytest.mark.parametrize("path", ["relative.ctl", "/tmp/with'quote"])
def test_bad_places_for_the_control_file(fake: Primary, path: str) -> None:
    with pytest.raises(Refusal, match="controlfile_backup"):
        run(fake, "present", controlfile_backup=path)
    assert fake.backup == ["NOT ACTIVE", "NOT ACTIVE"]


def test_an_existing_file_is_never_overwritten(fake: Primary, tmp_path: Path) -> None:
    place = tmp_path / "mine.ctl"
    place.write_bytes(b"mine")
    with pytest.raises(Refusal, match="exists"):
        run(fake, "present", controlfile_backup=str(place))
    assert place.read_bytes() == b"mine"


def test_a_lease_that_is_too_short(fake: Primary) -> None:
    with pytest.raises(Refusal, match="30"):
        run(fake, "present", lease=5)


def test_the_record_is_private(fake: Primary) -> None:
    run(fake, "present")
    directory = fake.home / "instance" / fake.sid / "firedrill" / "hot_backup"
    assert os.stat(directory).st_mode & 0o777 == 0o700
    assert os.stat(directory / "backup.json").st_mode & 0o777 == 0o600
    assert PASSWORD not in (directory / "backup.json").read_text()


def test_the_real_timer_ends_the_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a real process: what it does reaches us through a file, because it plays the programs in its own
    memory."""
    primary = Primary(tmp_path)
    ended = tmp_path / "ended"
    primary.replies["ALTER DATABASE END BACKUP;"] = lambda text: str(ended.write_text("x") and "Database altered.")
    monkeypatch.setattr(subject, "SHORTEST_LEASE", 0)
    run(primary, "present", lease=1)
    assert not ended.exists()
    directory = str(tmp_path / "instance" / primary.sid / "firedrill" / "hot_backup")
    status = wait_until(
        lambda: detached.ask(directory, subject.JOB), lambda seen: not seen.is_running, 20, "the timer", ""
    ).value
    assert ended.exists() and status.result["acted"] == {"ended": True, "code": 0}
    assert PASSWORD not in "".join(
        Path(directory, name).read_text() for name in os.listdir(directory) if name != "controlfile.ctl"
    )
