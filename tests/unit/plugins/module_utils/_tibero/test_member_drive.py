# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driving an instance: steps, refusals, and what is left behind when a step does not come to its end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import drive, role_record
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.cold_copy import other_sessions
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.decide_boot import Wish
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.drive import clean, ensure
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import Seen, observe
from tests.unit.plugins.module_utils._tibero.fake_tibero import (
    BOOT_BANNER,
    ERRORS,
    PASSWORD,
    PID,
    FakeTibero,
    FakeTime,
    box,
    recording,
)

GARBAGE = (
    "*" * 59 + "\n*                     BOOT FAILED.\n* Garbage files have not been deleted.\n"
    '* Please run "tbdown clean" and try again.\n' + "*" * 59 + "\n"
)


@pytest.fixture
def fake(tmp_path: Path) -> FakeTibero:
    return FakeTibero(tmp_path)


@pytest.mark.parametrize(
    ("mode", "open_mode"),
    [
        ("nomount", "nomount"),
        ("mount", "mount"),
        ("normal", "read_write"),
        ("recovery", "recovery"),
        ("resetlogs", "read_write"),
        ("failover", "read_write"),
    ],
)
def test_boot_from_stopped_and_again(fake: FakeTibero, mode: str, open_mode: str) -> None:
    first = ensure(fake.client(), Wish(mode))
    assert first.changed and first.after.state.open_mode.value == open_mode
    assert fake.programs() == [f"tbboot -t {mode.upper()}"]
    second = ensure(fake.client(), Wish(mode))
    assert not second.changed and not second.steps and len(fake.programs()) == 1


@pytest.mark.parametrize("down", ["normal", "post_tx", "immediate", "abort", "abnormal", "switchover"])
def test_stop_and_again(fake: FakeTibero, down: str) -> None:
    fake.enter("NORMAL")
    assert ensure(fake.client(), Wish("stopped", down)).changed
    assert fake.programs() == [f"tbdown -t {down.upper()}"]
    assert not ensure(fake.client(), Wish("stopped", down)).changed
    assert len(fake.programs()) == 1


def test_check_mode_runs_nothing(fake: FakeTibero) -> None:
    driven = ensure(fake.client(), Wish("recovery"), check_mode=True)
    assert driven.changed and [step.as_text() for step in driven.steps] == ["tbboot -t RECOVERY (asked for)"]
    assert not fake.programs()


def test_half_booted_is_stopped_first(fake: FakeTibero) -> None:
    fake.suspend("RECOVERY", "MOUNT")
    ensure(fake.client(), Wish("recovery"))
    assert fake.programs() == ["tbdown -t IMMEDIATE", "tbboot -t RECOVERY"]


@pytest.mark.parametrize(
    ("running", "wish", "says"),
    [
        ("RECOVERY", Wish("normal", restart="always"), "standby"),
        ("RECOVERY", Wish("resetlogs", restart="always"), "standby"),
        ("NORMAL", Wish("recovery", restart="always"), "open primary"),
        ("NORMAL", Wish("mount"), "restart"),
        ("RECOVERY", Wish("failover"), "restart"),
        ("MOUNT", Wish("recovery", restart="never"), "restart"),
        ("RECOVERY", Wish("stopped", "switchover"), "switchover"),
    ],
)
def test_refusals_change_nothing(fake: FakeTibero, running: str, wish: Wish, says: str) -> None:
    fake.enter(running)
    with pytest.raises(Refusal) as caught:
        ensure(fake.client(), wish)
    assert says in str(caught.value) and caught.value.nothing_changed
    assert not fake.programs()


def test_a_running_standby_is_promoted_only_with_consent(fake: FakeTibero) -> None:
    fake.enter("RECOVERY")
    role_record.write(fake.client(), "standby", "test")
    ensure(fake.client(), Wish("failover", restart="always"))
    assert fake.programs() == ["tbdown -t IMMEDIATE", "tbboot -t FAILOVER"]
    assert role_record.read(fake.client()).role == "primary"


def test_normal_boot_of_a_recorded_standby_is_refused(fake: FakeTibero) -> None:
    role_record.write(fake.client(), "standby", "test")
    for mode in ("normal", "resetlogs"):
        with pytest.raises(Refusal, match=r"records it as standby.*lost as a standby.*role\.json"):
            ensure(fake.client(), Wish(mode))
    ensure(fake.client(), Wish("mount"))
    with pytest.raises(Refusal, match="records it"):
        ensure(fake.client(), Wish("normal"))
    assert fake.programs() == ["tbboot -t MOUNT"]


def test_recovery_is_recorded_for_later(fake: FakeTibero) -> None:
    ensure(fake.client(), Wish("recovery"))
    assert role_record.read(fake.client()).role == "standby"
    ensure(fake.client(), Wish("stopped"))
    with pytest.raises(Refusal):
        ensure(fake.client(), Wish("normal"))


def test_unknown_state_is_never_driven(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.status = "WEIRD"
    for wish in (Wish("normal"), Wish("recovery", restart="always"), Wish("stopped")):
        with pytest.raises(UnknownState, match="WEIRD"):
            ensure(fake.client(), wish)
    assert not fake.programs()
    ensure(fake.client(), Wish("stopped", "abort"))
    assert fake.programs() == ["tbdown -t ABORT"]


def test_wrong_password_is_refused_before_any_stop(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    with pytest.raises(UnknownState, match="TBR-17001"):
        ensure(fake.client(password="Wrong-planted"), Wish("stopped"))
    assert not fake.programs()


def test_a_boot_without_a_password_is_refused(fake: FakeTibero) -> None:
    with pytest.raises(Refusal, match="sys_password"):
        ensure(fake.client(password=""), Wish("normal"))
    assert not fake.programs()


def test_suspended_is_left_for_a_look(fake: FakeTibero) -> None:
    def boot() -> str:
        fake.suspend("NORMAL", "MOUNT")
        return box("MOUNT", 1098, ERRORS[1098])

    fake.boots["NORMAL"] = boot
    with pytest.raises(CommandFailed) as caught:
        ensure(fake.client(), Wish("normal"))
    error = caught.value
    assert "suspended at MOUNT" in error.seen and "TBR-1098" in error.seen
    assert "left running" in error.meaning and "Stop the instance before any retry" in error.remedy
    assert (error.details["code"], error.details["mode"]) == (1098, "MOUNT")
    assert fake.process == "NORMAL"


def test_suspended_is_stopped_when_our_boot_caused_it_and_it_was_asked_for(fake: FakeTibero) -> None:
    def boot() -> str:
        fake.suspend("NORMAL", "NOMOUNT")
        return recording("t7-tbboot-suspended-TBR-24003.txt") + "Tibero instance started suspended at NOMOUNT mode.\n"

    fake.boots["NORMAL"] = boot
    with pytest.raises(CommandFailed, match="stopped again"):
        ensure(fake.client(), Wish("normal", stop_suspended=True))
    assert fake.process == "" and fake.programs()[-1] == "tbdown -t IMMEDIATE"


def test_garbage_needs_consent(fake: FakeTibero) -> None:
    fake.boots["NORMAL"] = GARBAGE
    with pytest.raises(CommandFailed) as caught:
        ensure(fake.client(), Wish("normal"))
    assert caught.value.details["outcome"] == "garbage left" and "clean_garbage" in caught.value.remedy
    assert fake.programs() == ["tbboot -t NORMAL"]


def test_garbage_is_cleaned_once_after_proof(fake: FakeTibero) -> None:
    fake.boots["NORMAL"] = GARBAGE

    def cleaned() -> str:
        del fake.boots["NORMAL"]
        return "cleaned\n"

    fake.downs["clean"] = cleaned
    driven = ensure(fake.client(), Wish("normal", clean_garbage=True))
    assert fake.programs() == ["tbboot -t NORMAL", "tbdown clean", "tbboot -t NORMAL"]
    assert any("tbdown clean" in note for note in driven.notes)


def test_garbage_that_stays_is_a_failure_not_a_loop(fake: FakeTibero) -> None:
    fake.boots["NORMAL"] = GARBAGE
    with pytest.raises(CommandFailed, match="garbage left"):
        ensure(fake.client(), Wish("normal", clean_garbage=True))
    assert fake.programs() == ["tbboot -t NORMAL", "tbdown clean", "tbboot -t NORMAL"]


def test_seen_leftovers_are_cleaned_first(fake: FakeTibero) -> None:
    left = fake.home / "instance" / fake.sid / ".proc.list"
    left.write_text("x")
    fake.downs["clean"] = lambda: str(left.unlink() or "done\n")
    ensure(fake.client(), Wish("mount", clean_garbage=True))
    assert fake.programs() == ["tbdown clean", "tbboot -t MOUNT"]


def test_clean_is_refused_while_a_server_lives(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    with pytest.raises(Refusal, match="proof"):
        clean(fake.client())
    fake.process = ""
    fake.ps_fails = True
    with pytest.raises(Refusal, match="unknown"):
        clean(fake.client())
    assert not fake.programs()


def left_behind(fake: FakeTibero, lives: list[bool]) -> None:
    """Two workers of a server that is gone, as long as ``lives`` holds True."""

    def shown() -> str:
        lines = ["UID PID PPID C STIME TTY TIME CMD"]
        for pid, name in ((PID + 1, "tbsvr_DBWR "), (PID + 2, "tbsvr_RCWP ")) if lives[0] else ():
            lines.append(f"tibero {pid} 1 0 14:15 ? 00:00:00 {name} -t NORMAL -SVR_SID orders")
        return "\n".join(lines + ([] if not fake.process else [plain()])) + "\n"

    plain = fake._ps
    fake._ps = shown  # type: ignore[method-assign]


@pytest.mark.parametrize("wish", [Wish("normal", clean_garbage=True), Wish("recovery"), Wish("stopped")])
def test_nothing_is_booted_cleaned_or_called_stopped_beside_what_a_dead_server_left(
    fake: FakeTibero, wish: Wish
) -> None:
    left_behind(fake, [True])
    (fake.home / "instance" / fake.sid / ".proc.list").write_text("x")
    time = FakeTime()
    with pytest.raises(UnknownState, match=rf"{PID + 1} \(tbsvr_DBWR\), {PID + 2} \(tbsvr_RCWP\)") as caught:
        ensure(fake.client(timeout=300.0), wish, clock=time.clock())
    assert "may still write" in caught.value.meaning and "30 s" in caught.value.meaning
    assert [each["pid"] for each in caught.value.details["orphans"]] == [PID + 1, PID + 2]
    assert 29 < time.time < 32 and not fake.programs()
    with pytest.raises(Refusal, match="tbsvr_DBWR"):
        clean(fake.client(timeout=300.0), time.clock())
    assert not fake.programs()


def test_what_a_dead_server_left_gets_time_to_end(fake: FakeTibero) -> None:
    lives = [True]
    left_behind(fake, lives)
    time = FakeTime()
    time.on_sleep = lambda now: lives.__setitem__(0, now < 3)
    assert ensure(fake.client(), Wish("normal"), clock=time.clock()).after.state.open_mode.value == "read_write"
    assert fake.programs() == ["tbboot -t NORMAL"]


def test_what_a_dead_server_left_is_no_stopped_instance(fake: FakeTibero) -> None:
    left_behind(fake, [True])
    state = observe(fake.client())
    assert state.process.equals(True) and not state.open_mode.is_known and not state.role.is_known


def test_a_hard_stop_may_end_what_a_dead_server_left(fake: FakeTibero) -> None:
    lives = [True]
    left_behind(fake, lives)

    def abort() -> str:
        lives[0] = False
        return "Tibero instance terminated (ABORT mode).\n"

    fake.downs["ABORT"] = abort
    assert ensure(fake.client(), Wish("stopped", "abort")).changed and fake.programs() == ["tbdown -t ABORT"]


def test_clean_is_judged_by_what_it_leaves(fake: FakeTibero) -> None:
    left = fake.home / "instance" / fake.sid / ".proc.list"
    left.write_text("x")
    fake.downs["clean"] = "Do you really want to clean? (y/n) : \n"
    with pytest.raises(CommandFailed, match="still there"):
        clean(fake.client())
    fake.downs["clean"] = lambda: str(left.unlink() or "Do you really want to clean? (y/n) : \nfinished\n")
    assert clean(fake.client())


def test_clean_that_is_refused_by_the_program(fake: FakeTibero) -> None:
    fake.downs["clean"] = '\n"tbdown clean" failed. tbsvr is running.\n'
    with pytest.raises(CommandFailed, match="clean refused"):
        clean(fake.client())


@pytest.mark.parametrize(
    ("text", "outcome", "says"),
    [
        (recording("t7-tbboot-failed-already-running.txt"), "already running", "runs already"),
        (recording("t6to7-tbboot-tip-error-7200.txt"), "tip error", ""),
        (recording("t5to7-tbboot-shmget-failed.txt"), "no shared memory", ""),
        ("Something nobody has seen\n", "unrecognised", "not one that is known"),
        ("", "unrecognised", "not one that is known"),
    ],
)
def test_boots_that_fail(fake: FakeTibero, text: str, outcome: str, says: str) -> None:
    fake.boots["NORMAL"] = text
    with pytest.raises(CommandFailed) as caught:
        ensure(fake.client(), Wish("normal"))
    assert caught.value.details["outcome"] == outcome and says in str(caught.value)
    assert caught.value.remedy and caught.value.details["state"]["process"]["value"] is False


def test_started_in_words_only_is_no_success(fake: FakeTibero) -> None:
    fake.boots["NORMAL"] = BOOT_BANNER + "Tibero instance started up (NORMAL mode).\n"
    with pytest.raises(CommandFailed, match="server process is gone"):
        ensure(fake.client(), Wish("normal"))


def test_a_boot_that_is_never_seen_in_its_mode(fake: FakeTibero) -> None:
    def boot() -> str:
        fake.enter("RECOVERY")
        fake.status = "STARTING UP"
        return BOOT_BANNER + "Tibero instance started up (RECOVERY mode).\n"

    fake.boots["RECOVERY"] = boot
    with pytest.raises(DeadlineExceeded, match="STARTING UP"):
        ensure(fake.client(), Wish("recovery"), clock=FakeTime().clock())


def test_waits_until_the_server_lets_in(fake: FakeTibero) -> None:
    time = FakeTime()

    def boot() -> str:
        fake.enter("NORMAL")
        fake.login_error = 17008
        return BOOT_BANNER + "Tibero instance started up (NORMAL mode).\n"

    fake.boots["NORMAL"] = boot
    time.on_sleep = lambda now: setattr(fake, "login_error", 0) if now > 1 else None
    assert ensure(fake.client(), Wish("normal"), clock=time.clock()).changed


def test_a_wrong_password_does_not_wait_out_the_deadline(fake: FakeTibero) -> None:
    time = FakeTime()
    with pytest.raises(CommandFailed) as caught:
        ensure(fake.client(password="Wrong-planted"), Wish("normal"), clock=time.clock())
    assert time.time == 0 and "17001" in caught.value.seen
    assert "planted" not in json.dumps(caught.value.as_failure())


def test_a_slow_boot_goes_on(fake: FakeTibero) -> None:
    fake.slow.add("tbboot")
    with pytest.raises(DeadlineExceeded, match="goes on; it was not killed"):
        ensure(fake.client(), Wish("normal"))
    assert fake.process == "NORMAL"


@pytest.mark.parametrize("down", ["normal", "switchover"])
def test_a_stop_that_waits_names_the_sessions_and_kills_nothing(fake: FakeTibero, down: str) -> None:
    fake.enter("NORMAL")
    fake.slow.add("tbdown")
    fake.views["V$SESSION"] = [{"SID": "12", "USERNAME": "APP", "STATUS": "RUNNING", "PROG_NAME": "java"}]
    with pytest.raises(DeadlineExceeded) as caught:
        ensure(fake.client(), Wish("stopped", down))
    assert "USERNAME=APP" in caught.value.seen and "neither killed nor escalated" in caught.value.meaning
    assert caught.value.details["sessions"][0]["SID"] == "12"
    assert fake.programs() == [f"tbdown -t {down.upper()}"] and fake.process == "NORMAL"


def test_users_behind_many_threads_of_the_server_are_seen(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.slow.add("tbdown")
    threads = [{"SID": str(number), "SERIAL#": "1", "USERNAME": None} for number in range(60)]
    users = [{"SID": str(number), "SERIAL#": "1", "USERNAME": "APP"} for number in range(60, 180)]
    fake.views["V$SESSION"] = threads + users
    found = other_sessions(fake.client())
    assert found is not None and len(found) == 120
    with pytest.raises(DeadlineExceeded) as caught:
        ensure(fake.client(), Wish("stopped", "normal"))
    assert caught.value.seen.count("USERNAME=APP") == 10 and caught.value.seen.endswith("; and 110 more")
    kept = caught.value.details["sessions"]
    assert len(kept) == 50 and {each["USERNAME"] for each in kept} == {"APP"}
    assert caught.value.details["sessions_left_out"] == 70


def test_an_open_backup_refuses_a_clean_stop(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.backup = ["ACTIVE"]
    with pytest.raises(Refusal, match="24029"):
        ensure(fake.client(), Wish("stopped"))
    assert not fake.programs()


def test_a_stop_with_an_unknown_text_is_believed_when_the_processes_end(fake: FakeTibero) -> None:
    fake.enter("NORMAL")

    def down() -> str:
        fake.process = ""
        return "bye\n"

    fake.downs["IMMEDIATE"] = down
    driven = ensure(fake.client(), Wish("stopped"))
    assert driven.changed and "nothing that is known" in driven.notes[0]


def test_a_stop_that_says_it_is_done_but_is_not(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.downs["IMMEDIATE"] = "Tibero instance terminated (IMMEDIATE mode).\n"
    with pytest.raises(DeadlineExceeded, match="server processes"):
        ensure(fake.client(), Wish("stopped"), clock=FakeTime().clock())


@pytest.mark.parametrize("text", ["bye\n", "TBR-24029: Unable to shut down: file 0 ('/x') has online backup set.\n"])
def test_a_stop_that_fails(fake: FakeTibero, text: str) -> None:
    fake.enter("NORMAL")
    fake.downs["IMMEDIATE"] = text
    with pytest.raises(CommandFailed) as caught:
        ensure(fake.client(), Wish("stopped"), clock=FakeTime().clock())
    assert text.strip(" .\n") in caught.value.seen
    assert PASSWORD not in json.dumps(caught.value.as_failure())


def test_an_instance_that_dies_once_it_was_seen(fake: FakeTibero, monkeypatch: pytest.MonkeyPatch) -> None:
    real = drive.look
    seen: list[str] = []

    def look(client: Tibero) -> Seen:
        found = real(client)
        seen.append(str(found.state.open_mode.value))
        if seen[-1] == "read_write":
            fake.process = ""
        return found

    monkeypatch.setattr(drive, "look", look)
    with pytest.raises(CommandFailed, match="left it again"):
        ensure(fake.client(), Wish("normal"))
    assert seen == ["stopped", "read_write", "stopped"]
