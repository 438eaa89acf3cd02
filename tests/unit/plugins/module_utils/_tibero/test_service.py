# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of a member on one played instance: what it says of itself, how it boots, when it stops."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import journal, standing
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import PRIMARY, STANDBY
from ansible_collections.firedrill.standby.plugins.module_utils._core.standing import Latest, Standing
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import role_record, role_steps, service
from tests.unit.plugins.module_utils._tibero.fake_tibero import BOOT_BANNER, FakeTibero, box

NAMES = ("busan1", "seoul1", "seoul2")
FAILOVER = Latest("2026-11-27T06:00:00Z", "c1", "failover", journal.CHANGE_DONE, "seoul1", "seoul2")
GARBAGE = (
    f"{'*' * 59}\n*                     BOOT FAILED.\n* Garbage files have not been deleted.\n"
    f'* Please run "tbdown clean" and try again.\n{"*" * 59}\n'
)


class Played(service.Member):
    """A member whose others are played."""

    said_by_others: dict[str, Standing | None]

    def others(self) -> dict[str, Standing | None]:
        return dict(self.said_by_others)


@pytest.fixture
def fake(tmp_path: Path) -> FakeTibero:
    return FakeTibero(tmp_path)


@pytest.fixture
def member(fake: FakeTibero, tmp_path: Path) -> Played:
    others = (("seoul2", "127.0.0.1", 1), ("busan1", "127.0.0.1", 2))
    key = tmp_path / "orders.key"
    key.write_text("a key of some length\n")
    config = service.Config(
        "orders", "seoul1", "127.0.0.1", 0, others, str(fake.home), fake.sid, str(key), "stay_down", 4, 1, 30
    )
    made = Played(config, fake)
    made.said_by_others = {name: other(name) for name in NAMES if name != "seoul1"}
    return made


def other(name: str, recorded: str = STANDBY, runs: str = standing.RUNS_AS_STANDBY, **more: Any) -> Standing:
    return Standing(name, "orders", NAMES, recorded, runs, True, **more)


class Time:
    """A clock that sleeps at once."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, self.sleep)


def boot(member: Played) -> tuple[int, list[str]]:
    said: list[str] = []
    return service.boot(member, said.append, Time().clock), said


def test_a_standby_boots_recovery(fake: FakeTibero, member: Played) -> None:
    role_record.write(member.client, STANDBY, "test")
    member.said_by_others = {}
    code, said = boot(member)
    assert (code, fake.programs()) == (0, ["tbboot -t RECOVERY"])
    assert said[-1] == "orders runs: tbboot -t RECOVERY"
    assert json.loads(Path(member.verdict_path).read_text())["verdict"] == standing.BOOT_STANDBY


def test_a_primary_boots_normal_after_all_have_answered(fake: FakeTibero, member: Played) -> None:
    role_record.write(member.client, PRIMARY, "test")
    assert boot(member)[0] == 0 and fake.programs() == ["tbboot -t NORMAL"]
    assert boot(member)[0] == 0 and fake.programs() == ["tbboot -t NORMAL"]  # it runs: nothing is done


def test_it_waits_and_then_stays_down(fake: FakeTibero, member: Played) -> None:
    role_record.write(member.client, PRIMARY, "test")
    member.said_by_others["busan1"] = None
    code, said = boot(member)
    assert (code, fake.programs()) == (service.STAYS_DOWN, [])
    assert [line.split(":")[1].strip() for line in said] == ["wait", "stay down"]


def test_a_later_change_is_kept_for_those_who_ask(fake: FakeTibero, member: Played) -> None:
    role_record.write(member.client, PRIMARY, "test")
    member.said_by_others["busan1"] = other("busan1", latest=FAILOVER)
    assert boot(member)[0] == service.STAYS_DOWN and not fake.programs()
    member.said_by_others = {}
    assert member.standing().latest == FAILOVER


def test_leftovers_of_a_crash_are_cleaned(fake: FakeTibero, member: Played) -> None:
    role_record.write(member.client, STANDBY, "test")

    def first() -> str:
        fake.boots.clear()
        return GARBAGE

    fake.boots["RECOVERY"] = first
    code, said = boot(member)
    assert (code, fake.programs()) == (0, ["tbboot -t RECOVERY", "tbdown clean", "tbboot -t RECOVERY"])
    assert "Leftovers of a dead instance" in said[1]


def test_a_boot_that_is_suspended_is_stopped_again_and_told(
    fake: FakeTibero, member: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    role_record.write(member.client, PRIMARY, "test")

    def suspended() -> str:
        fake.suspend("NORMAL", "MOUNT")
        return box("MOUNT", 1098, "Database in standby mode. Failover is required to boot as primary.")

    fake.boots["NORMAL"] = suspended
    said: list[str] = []
    monkeypatch.setattr(service, "Member", lambda config, runner: member)
    code = service.main(["firedrill", config_file(member), "boot"], fake, said.append)
    assert code == service.FAILED and fake.process == "" and "TBR-1098" in said[-1]
    assert json.loads(Path(member.verdict_path).read_text())["verdict"] == standing.STAY


def config_file(member: Played) -> str:
    path = Path(member.config.key_file).with_suffix(".json")
    path.write_text(json.dumps(member.config._asdict()))
    return str(path)


def test_a_started_boot_without_a_server_is_no_start(fake: FakeTibero, member: Played) -> None:
    role_record.write(member.client, STANDBY, "test")
    fake.boots["RECOVERY"] = f"{BOOT_BANNER}Tibero instance started up (RECOVERY mode).\n"
    with pytest.raises(service.DeadlineExceeded, match="to be seen"):
        boot(member)


def half_done(member: Played) -> None:
    steps = role_steps.switchover("seoul1", "seoul2", False)
    change = journal.Change("c1", "switchover", "seoul1", "seoul2", "ops", "2026-11-27T06:00:00Z", steps)
    journal.Journal(f"{member.client.record_directory}/role_change").open(change)


def test_what_is_half_done_is_not_started(fake: FakeTibero, member: Played) -> None:
    role_record.write(member.client, STANDBY, "test")
    half_done(member)
    code, said = boot(member)
    assert (code, fake.programs()) == (
        service.STAYS_DOWN,
        [],
    ) and "c1 from seoul1 to seoul2 (open) is half done" in said[0]


@pytest.mark.parametrize("name", ["reinstate.json", "cold_copy/stop.json", "role_change/change.json"])
def test_unfinished_work_keeps_it_down(fake: FakeTibero, member: Played, name: str) -> None:
    role_record.write(member.client, STANDBY, "test")
    path = Path(member.client.record_directory) / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text("{}")
    assert boot(member)[0] == service.STAYS_DOWN and not fake.programs()


def test_a_marked_standby_and_other_control_files_stay_down(fake: FakeTibero, member: Played) -> None:
    role_record.write(member.client, STANDBY, "test")
    role_record.mark(member.client, "redo cannot follow")
    assert "redo cannot follow" in boot(member)[1][0]
    (fake.data / "c1.ctl").rename(fake.data / "old.ctl")
    (fake.data / "c1.ctl").write_bytes(b"another")
    assert "no role is registered" in boot(member)[1][0] and not fake.programs()


@pytest.mark.parametrize(
    ("word", "runs"),
    [("NORMAL", "primary"), ("FAILOVER", "primary"), ("RECOVERY", "standby"), ("MOUNT", "otherwise"), ("", "not")],
)
def test_how_it_runs_is_read_from_its_boot_request(fake: FakeTibero, member: Played, word: str, runs: str) -> None:
    fake.process = word
    assert member.standing().runs == runs
    fake.ps_fails = True
    assert member.standing().runs == standing.RUNS_UNKNOWN


def test_a_mode_that_needs_a_standby_is_seen_in_the_tip(fake: FakeTibero, member: Played) -> None:
    assert not service.needs_standby(member.client)
    fake.tip.write_text(fake.tip.read_text() + "LOG_REPLICATION_MODE=PROTECTION\n")
    assert service.needs_standby(member.client)


# ------------------------------------------------------------------------------------------ watch


def taken_over(member: Played) -> None:
    member.said_by_others["seoul2"] = other("seoul2", PRIMARY, standing.RUNS_AS_PRIMARY, latest=FAILOVER)


def test_a_primary_that_was_taken_over_from_fences_itself(fake: FakeTibero, member: Played) -> None:
    fake.enter("NORMAL")
    said: list[str] = []
    watch = service.Watch(member, said.append)
    try:
        assert watch.look() is False and not fake.programs()
        taken_over(member)
        assert watch.look() is True
    finally:
        watch.close()
    assert (
        fake.process == "" and not fake.tip.exists() and said[-1].startswith("stopped by its own watch: the failover")
    )
    assert member.standing().fenced and member.standing().latest == FAILOVER
    fake.tip.with_suffix(".tip.fenced").rename(fake.tip)
    role_record.write(member.client, PRIMARY, "test")
    assert boot(member)[0] == service.STAYS_DOWN  # also without its fence


def test_a_standby_is_left_alone(fake: FakeTibero, member: Played) -> None:
    fake.enter("RECOVERY")
    taken_over(member)
    watch = service.Watch(member, lambda text: None)
    try:
        assert watch.look() is False and fake.process == "RECOVERY"
    finally:
        watch.close()
    assert member.standing().latest == FAILOVER  # it passes on what it was told


def test_two_primaries_without_a_change_are_told_once(fake: FakeTibero, member: Played) -> None:
    fake.enter("NORMAL")
    member.said_by_others["seoul2"] = other("seoul2", PRIMARY, standing.RUNS_AS_PRIMARY)
    said: list[str] = []
    watch = service.Watch(member, said.append)
    try:
        assert watch.look() is False and watch.look() is False
    finally:
        watch.close()
    assert len(said) == 1 and "TWO PRIMARIES" in said[0] and fake.process == "NORMAL"


def test_an_error_of_one_look_does_not_end_the_watch(fake: FakeTibero, member: Played) -> None:
    said: list[str] = []
    looks = iter([OSError("gone"), None])
    watch = service.Watch(member, said.append)

    def look() -> bool:
        found = next(looks)
        if found is not None:
            raise found
        return False

    watch.look = look  # type: ignore[method-assign]
    ends = iter([False, True])
    watch.run(lambda: next(ends), Time().clock)
    assert said == ["the watch could not look: gone"]


def test_members_ask_each_other_for_real(fake: FakeTibero, member: Played, tmp_path: Path) -> None:
    watch = service.Watch(member, lambda text: None, "p1")
    watch.look()
    assert watch._answering is not None
    port = watch._answering.port
    asking = service.Member(
        member.config._replace(member="seoul2", others=(("seoul1", "127.0.0.1", port), ("busan1", "127.0.0.1", port))),
        fake,
    )
    try:
        found = asking.others()
        # One that answers under another name is no answer.
        assert found["seoul1"] == member.standing() and found["busan1"] is None
        assert service.answering(member.config._replace(port=port), member.key()) == "p1"
    finally:
        watch.close()
    assert service.answering(member.config._replace(port=port), member.key()) == ""


# ---------------------------------------------------------------------------------- command line


def run(fake: FakeTibero, member: Played, *words: str) -> tuple[int, list[str]]:
    said: list[str] = []
    return service.main(["firedrill", config_file(member), *words], fake, said.append), said


def test_it_stops_with_its_host(fake: FakeTibero, member: Played) -> None:
    assert run(fake, member, "stop") == (0, ["orders does not run"])
    fake.enter("NORMAL")
    assert run(fake, member, "stop")[0] == 0 and fake.programs() == ["tbdown -t IMMEDIATE"]


def test_what_a_run_saw_is_registered_once(fake: FakeTibero, member: Played) -> None:
    assert run(fake, member, "register", "primary", "seoul1") == (0, ['{"changed": true}'])
    assert run(fake, member, "register", "primary", "seoul1") == (0, ['{"changed": false}'])
    assert member.standing().recorded == PRIMARY and member.standing().latest is None
    member.learn({"seoul2": other("seoul2", latest=FAILOVER)}, member.standing())
    # Roles were changed by hand since: seoul1 was seen as the primary although a failover to seoul2 is known.
    assert run(fake, member, "register", "primary", "seoul1") == (0, ['{"changed": true}'])
    latest = member.standing().latest
    assert latest is not None and latest.holders == {"seoul1"} and latest.started_at > FAILOVER.started_at
    assert run(fake, member, "register", "primary", "seoul1") == (0, ['{"changed": false}'])
    code, said = run(fake, member, "register", "king")
    assert code == 1 and "Allowed are a role" in said[0]


def test_the_status_says_what_a_boot_would_do(fake: FakeTibero, member: Played) -> None:
    role_record.write(member.client, PRIMARY, "test")
    code, said = run(fake, member, "status")
    assert code == 0 and said[0] == "seoul1: recorded as primary, runs not at all"
    assert said[1:4] == ["busan1: no answer", "seoul2: no answer", "latest change: none"]
    assert said[4].startswith("at boot: stay down: no answer from busan1, seoul2")


def test_a_broken_description_starts_nothing(fake: FakeTibero, member: Played) -> None:
    path = config_file(member)
    Path(path).write_text(json.dumps(dict(member.config._asdict(), unreachable="perhaps")))
    said: list[str] = []
    assert service.main(["firedrill", path, "boot"], fake, said.append) == 1
    assert "unreachable is 'perhaps'" in said[0] and not fake.programs()


def test_one_watch_at_a_time(fake: FakeTibero, member: Played) -> None:
    first = service.take_turn(member)
    assert first is not None and service.take_turn(member) is None
    os.close(first)
    second = service.take_turn(member)
    assert second is not None
    os.close(second)


def test_a_trouble_is_told_once_and_again_after_it_was_over(fake: FakeTibero, member: Played) -> None:
    """A port that another program holds, over many looks: the log must not fill."""
    said: list[str] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        member.config = member.config._replace(port=taken.getsockname()[1])
        watch = service.Watch(member, said.append)
        watch.look()
        watch.look()
    watch.look()
    watch.close()
    assert len(said) == 1 and said[0].startswith("cannot answer at 127.0.0.1:")
