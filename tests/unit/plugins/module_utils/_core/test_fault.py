# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults: consent, one at a time, healed by a timer that outlives everybody. Processes are real sleepers; crashes and firewalls are played."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, fault, fault_process
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_policy import CONSENTS
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.fault_process import Family, System, Target
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until

#: A server that forks on, so that a freeze has to look more than once.
SLEEPER = "import time\nwhile True: time.sleep(0.05)"
#: What would start a killed server again.
BOOT = (sys.executable, "boot")


def until(predicate: Callable[[], Any], what: str) -> Any:
    return wait_until(predicate, bool, 20, what, "", interval=0.02).value


def quiet(command: Command) -> Completed:
    raise FileNotFoundError(command.argv[0])


class Scene:
    """An instance of sleepers on this host, and the module's core on it."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.sleepers: list[subprocess.Popen[bytes]] = []
        self.system = System()
        self.runner: Any = quiet
        self.ports = fault.Ports((8629,), (8633,), (8633,))
        self.undecided: tuple[str, ...] = ()
        self.hidden: set[int] = set()

    def sleep(self, count: int) -> Scene:
        for _each in range(count):
            self.sleepers.append(subprocess.Popen([sys.executable, "-c", SLEEPER]))
        return self

    def look(self) -> Family:
        named = [(detached.identify(each.pid), "tbsvr") for each in self.sleepers if each.pid not in self.hidden]
        return Family(tuple(Target(process, name) for process, name in named if process is not None), self.undecided)

    def run(self, check: bool = False, **options: Any) -> Outcome:
        wanted: dict[str, Any] = {"state": "present", "drill": "d1", "member": "seoul1", **options}
        if wanted["state"] == "present":
            wanted.setdefault("consent", CONSENTS[wanted["fault"]])
        engine = fault.Engine("orders", str(self.base), os.geteuid(), self.look, lambda: self.ports)
        return fault.ensure(fault.Wish(**wanted), engine, fault.Host(self.runner, self.system, str(self.base)), check)

    def states(self) -> set[str]:
        return {fault_process.state_of(each.pid) for each in self.sleepers}

    def timer(self) -> int:
        record = next(self.base.glob(".firedrill-fault-*/fault.json"))
        process = detached.ask(str(record.parent), "fault").process
        assert process is not None
        return process.pid

    def left(self) -> list[str]:
        return sorted(str(path) for path in self.base.rglob("*"))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    for directory in tmp_path.glob(".firedrill-fault-*"):
        detached.cancel(str(directory), "fault", 30)
    for each in made.sleepers:
        each.kill()
        each.wait()


# ----------------------------------------------------------------------------------------------- consent, control case


@pytest.mark.parametrize("name", sorted(CONSENTS))
def test_without_its_own_consent_nothing_is_even_looked_at(scene: Scene, name: str) -> None:
    def never(*_arguments: Any) -> Any:
        raise AssertionError("looked at")

    scene.look = never  # type: ignore[method-assign]
    scene.system = System(never, never, never, never, never, never, never, never, never, never)
    scene.runner = never
    for wrong in {"yes", *CONSENTS.values()} - {CONSENTS[name]}:
        with pytest.raises(Refusal, match="A fault is done only to those who say what it does"):
            scene.run(fault=name, consent=wrong)
    assert scene.left() == []


def test_the_control_case_does_nothing_and_says_so(scene: Scene) -> None:
    outcome = scene.sleep(1).run(fault="none")
    assert not outcome.changed and scene.left() == [] and scene.states() <= {"S", "R"}
    executed = outcome.values["executed"]
    assert executed["fault"] == "none" and executed["healed_by"] == "nobody" and "control case" in executed["source"]
    assert executed["begun_wall_ns"] == executed["healed_wall_ns"] > 0 and executed["member"] == "seoul1"


@pytest.mark.parametrize("numbers", [{"seconds": 0}, {"seconds": 86401}, {"control_port": 0}])
def test_bad_numbers_are_refused(scene: Scene, numbers: Any) -> None:
    with pytest.raises(Refusal, match="seconds is"):
        scene.sleep(1).run(fault="freeze", **numbers)


# ----------------------------------------------------------------------------------------------- freeze


def test_a_freeze_is_healed_by_its_timer_and_collected_once(scene: Scene) -> None:
    outcome = scene.sleep(3).run(fault="freeze", seconds=2)
    values = outcome.values
    assert outcome.changed and values["fault_state"] == "in_force" and values["method"] == "SIGSTOP"
    assert scene.states() == {"T"} and values["count"] == 3
    assert {each["state"] for each in values["processes"]["in_force"]} == {"T"}
    assert values["heals_at_wall_ns"] - values["begun_wall_ns"] == 2 * 10**9
    assert values["begun_wall_ns"] <= values["in_force_wall_ns"] and 0 < values["remaining_seconds"] <= 2
    assert values["healed_by"] == "" and values["healed_wall_ns"] is None
    until(lambda: scene.states() <= {"S", "R"}, "the timer to heal")
    until(lambda: scene.run(check=True, state="absent").values["fault_state"] == "healed", "the record")
    # Again: it was done and is not done again.
    again = scene.run(fault="freeze", seconds=2)
    assert not again.changed and again.values["fault_state"] == "healed" and "second time" in again.warnings[0]
    assert scene.states() <= {"S", "R"}
    ended = scene.run(state="absent")
    assert ended.changed and ended.values["healed_by"] == "timer" and ended.values["fault_state"] == "healed"
    assert 2 * 10**9 <= ended.values["healed_wall_ns"] - values["begun_wall_ns"] < 12 * 10**9
    assert {each["state"] for each in ended.values["processes"]["healed"]} <= {"S", "R"}
    assert ended.values["executed"]["begun_wall_ns"] == values["begun_wall_ns"]
    assert scene.left() == [] and not scene.run(state="absent").changed


def test_a_drill_heals_before_the_time(scene: Scene) -> None:
    scene.sleep(2).run(fault="freeze", seconds=300)
    timer = scene.timer()
    again = scene.run(fault="freeze", seconds=9)
    assert not again.changed and 200 < again.values["remaining_seconds"] <= 300 and not again.warnings
    assert scene.run(check=True, state="absent").changed and scene.states() == {"T"}
    ended = scene.run(state="absent")
    assert ended.changed and ended.values["healed_by"] == "drill" and scene.states() <= {"S", "R"}
    assert scene.left() == [] and detached.identify(timer) is None
    assert not scene.run(state="absent").changed and scene.run(state="absent").values["executed"] == {}


def test_check_mode_predicts_and_touches_nothing(scene: Scene) -> None:
    outcome = scene.sleep(2).run(check=True, fault="freeze")
    assert (
        outcome.changed
        and outcome.values["method"] == "SIGSTOP"
        and "2 processes of orders" in outcome.values["source"]
    )
    assert len(outcome.values["processes"]["before"]) == 2 and outcome.values["executed"] == {}
    assert scene.left() == [] and scene.states() <= {"S", "R"}


def test_another_fault_waits_for_the_end_of_the_first(scene: Scene) -> None:
    scene.sleep(1).run(fault="freeze")
    for other in ({"fault": "kill_server", "boot_command": BOOT}, {"fault": "freeze", "drill": "d2"}):
        with pytest.raises(Refusal, match="One fault at a time"):
            scene.run(**other)
    assert scene.states() == {"T"}


def test_a_server_that_forks_is_frozen_with_its_child(scene: Scene) -> None:
    scene.sleep(3)
    scene.hidden = {scene.sleepers[2].pid}
    usual = scene.look
    looks: list[int] = []

    def look() -> Family:
        looks.append(1)
        # The last one is seen only after the first two were stopped.
        if fault_process.state_of(scene.sleepers[0].pid) == "T":
            scene.hidden = set()
        return usual()

    scene.look = look  # type: ignore[method-assign]
    assert scene.run(fault="freeze").values["count"] == 3 and scene.states() == {"T"}


def test_the_timer_outlives_the_controller_and_its_session(scene: Scene) -> None:
    scene.sleep(2)
    program = (
        "import os, sys, time; sys.path.insert(0, {root!r})\n"
        "from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, fault\n"
        "from ansible_collections.firedrill.standby.plugins.module_utils._core.fault_process import *\n"
        "from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import run\n"
        "look = lambda: Family(tuple(Target(detached.identify(p), 'tbsvr') for p in {pids!r}))\n"
        "engine = fault.Engine('orders', {base!r}, os.geteuid(), look, None)\n"
        "wish = fault.Wish('present', 'freeze', 'the_server_is_frozen', 3, 'd1')\n"
        "fault.ensure(wish, engine, fault.Host(run, System(), {base!r}), False)\n"
        "print('in force', flush=True)\n"
        "time.sleep(60)\n"
    ).format(
        root=str(Path(fault.__file__).parents[6]), pids=[each.pid for each in scene.sleepers], base=str(scene.base)
    )
    module = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)
    assert module.stdout is not None and module.stdout.readline() == b"in force\n"
    os.killpg(module.pid, signal.SIGHUP)
    os.killpg(module.pid, signal.SIGKILL)
    module.wait()
    # Its output is closed by everybody: the timer holds nothing of the session.
    assert module.stdout.read() == b""
    assert scene.states() == {"T"}
    until(lambda: scene.states() <= {"S", "R"}, "the timer to heal")
    until(lambda: scene.run(check=True, state="absent").values["fault_state"] == "healed", "its record")
    assert scene.run(state="absent").values["healed_by"] == "timer" and scene.left() == []


def test_a_timer_that_is_told_to_end_heals_first(scene: Scene) -> None:
    scene.sleep(2).run(fault="freeze")
    os.kill(scene.timer(), signal.SIGTERM)
    until(lambda: scene.states() <= {"S", "R"}, "the heal")
    until(lambda: scene.run(check=True, state="absent").values["healed_by"] == "timer", "the record")
    assert scene.run(state="absent").values["healed_by"] == "timer" and scene.left() == []


def test_what_a_killed_timer_leaves_is_healed_by_its_record(scene: Scene) -> None:
    scene.sleep(2).run(fault="freeze", seconds=1)
    os.kill(scene.timer(), signal.SIGKILL)
    until(lambda: scene.run(check=True, state="absent").values["fault_state"] == "unhealed", "its death")
    assert scene.states() == {"T"}
    with pytest.raises(Refusal, match="The process that would heal it is gone"):
        scene.run(fault="freeze")
    ended = scene.run(state="absent")
    assert ended.values["healed_by"] == "drill" and scene.states() <= {"S", "R"} and scene.left() == []


def test_processes_that_the_fence_killed_meanwhile_are_gone(scene: Scene) -> None:
    scene.sleep(2).run(fault="freeze")
    scene.sleepers[0].kill()
    scene.sleepers[0].wait()
    ended = scene.run(state="absent").values["processes"]["healed"]
    assert [each["state"] in ("S", "R") for each in ended] == [False, True] and ended[0]["state"] == "gone"


def test_a_pid_that_another_process_got_is_never_signalled(scene: Scene) -> None:
    stranger = scene.sleep(1).sleepers[0]
    now = detached.identify(stranger.pid)
    assert now is not None
    for other in (now._replace(started="1"), now._replace(boot="another")):
        for number in (signal.SIGSTOP, signal.SIGKILL, 0):
            assert fault_process.send(other, number) is False
        assert fault_process.kill([Target(other, "tbsvr")], System()) == 0
        assert fault_process.thaw([Target(other, "tbsvr")], System()) == 0
    assert stranger.poll() is None and scene.states() <= {"S", "R"}


def test_a_record_of_another_boot_signals_nobody(scene: Scene) -> None:
    scene.sleep(1).run(fault="freeze")
    os.kill(scene.timer(), signal.SIGKILL)
    until(lambda: scene.run(check=True, state="absent").values["fault_state"] == "unhealed", "its death")
    scene.system = System(boot=lambda: "another", identify=lambda pid: None)
    ended = scene.run(state="absent")
    assert ended.values["fault_state"] == "rebooted" and ended.values["host_rebooted"]
    assert ended.values["healed_by"] == "nobody" and ended.values["healed_wall_ns"] is None and scene.left() == []
    assert scene.states() == {"T"}


def test_without_handles_of_processes_signals_go_by_number(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    scene.sleep(1).run(fault="freeze")
    assert scene.states() == {"T"} and scene.run(state="absent").changed and scene.states() <= {"S", "R"}


def test_nothing_to_freeze_and_what_others_stopped_is_refused(scene: Scene) -> None:
    with pytest.raises(Refusal, match="No process of orders runs"):
        scene.run(fault="freeze")
    scene.sleep(1).sleepers[0].send_signal(signal.SIGSTOP)
    until(lambda: scene.states() == {"T"}, "the stop")
    with pytest.raises(Refusal, match="is stopped already"):
        scene.run(fault="freeze")
    scene.sleepers[0].send_signal(signal.SIGCONT)
    assert scene.left() == []


def test_processes_of_another_user_are_refused_before_the_first_is_stopped(scene: Scene) -> None:
    def forbidden(process: detached.Process, number: int) -> bool:
        assert number == 0
        raise PermissionError(1, "no")

    scene.sleep(2).system = System(send=forbidden)
    with pytest.raises(Refusal, match="belongs to another user"):
        scene.run(fault="freeze")
    assert scene.left() == []


def test_a_freeze_that_fails_is_undone(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.sleep(2)
    deaf = scene.sleepers[1].pid

    def send(process: detached.Process, number: int) -> bool:
        return True if process.pid == deaf and number == signal.SIGSTOP else fault_process.send(process, number)

    scene.system = System(send=send)
    monkeypatch.setattr(fault_process.freeze, "__defaults__", (0.3,))
    with pytest.raises(CommandFailed, match="What had been done of it was undone"):
        scene.run(fault="freeze")
    assert scene.states() <= {"S", "R"} and scene.left() == []


def test_what_may_belong_to_it_is_told_and_left_alone(scene: Scene) -> None:
    scene.sleep(1).undecided = ("process 7 (tblistener, parent 1)",)
    assert "process 7" in scene.run(fault="freeze").warnings[0]


def test_a_login_manager_that_kills_timers_is_refused(scene: Scene) -> None:
    files = {"/proc/self/cgroup": "0::/user.slice/user-1000.slice/session-3.scope\n", "/proc/self/loginuid": "1000"}
    answer = ["b true\n"]

    def runner(command: Command) -> Completed:
        assert command.argv[0] == "busctl" and command.argv[-1] == "KillUserProcesses"
        return Completed(command.argv, 0, answer[0], "", 0.0, False)

    scene.sleep(1).runner = runner
    scene.system = System(read=lambda path: files[path])
    with pytest.raises(Refusal, match="would be killed with the SSH session"):
        scene.run(fault="freeze")
    answer[0] = "b false\n"
    assert scene.run(check=True, fault="freeze").changed
    files["/proc/self/loginuid"], answer[0] = "0", "b true\n"
    assert scene.run(check=True, fault="freeze").changed


def test_a_fault_of_another_user_is_that_users(scene: Scene) -> None:
    user = os.geteuid() + 1
    scene.system = System(euid=lambda: user)
    engine = fault.Engine("orders", str(scene.base), None, scene.look, lambda: scene.ports)
    owner = engine._replace(owner=os.geteuid())
    Path(fault.directory_of(str(scene.base), engine, os.geteuid())).mkdir()
    host = fault.Host(scene.runner, scene.system, str(scene.base))
    with pytest.raises(Refusal, match="was begun by user"):
        fault.ensure(fault.Wish("absent"), owner, host, False)


# ----------------------------------------------------------------------------------------------- kill


def test_exactly_the_instance_is_killed_and_until_its_time_nothing_heals_it(scene: Scene) -> None:
    scene.sleep(4)
    bystander = scene.sleepers[3]
    scene.hidden = {bystander.pid}
    outcome = scene.run(fault="kill_server", boot_command=BOOT)
    assert outcome.changed and outcome.values["count"] == 3 and outcome.values["fault_state"] == "done"
    assert outcome.values["heals_at_wall_ns"] is not None and outcome.values["healed_by"] == "nobody"
    assert [each.wait() for each in scene.sleepers[:3]] == [-signal.SIGKILL] * 3
    assert bystander.poll() is None and fault_process.state_of(bystander.pid) in ("S", "R")
    assert {each["state"] for each in outcome.values["processes"]["in_force"]} == {"gone"}
    # The server was reinstated: the drill that runs again does not kill it a second time.
    scene.hidden = set()
    scene.sleep(1)
    assert not scene.run(fault="kill_server", boot_command=BOOT).changed
    ended = scene.run(state="absent")
    assert ended.changed and ended.values["executed"]["healed_by"] == "nobody"
    assert ended.values["executed"]["healed_wall_ns"] is None
    assert scene.states() - {"gone"} <= {"S", "R"} and scene.left() == []


@pytest.mark.parametrize(("code", "healed_by"), [(0, "timer"), (3, "nobody")])
def test_a_killed_server_is_started_by_the_timer_when_nobody_ends_the_drill(
    scene: Scene, code: int, healed_by: str
) -> None:
    """3 is how the program of role service says that it stays down, such as for a fence."""
    called = scene.base / "called"

    def runner(command: Command) -> Completed:
        assert command.argv == BOOT
        called.touch()
        return Completed(command.argv, code, "said", "", 0.0, False)

    scene.runner = runner
    scene.sleep(2)
    begun = scene.run(fault="kill_server", seconds=1, boot_command=BOOT)
    assert begun.values["fault_state"] == "done" and begun.values["heals_at_wall_ns"]
    until(lambda: scene.run(check=True, state="absent").values["command"], "the timer")
    ended = scene.run(state="absent").values
    assert called.exists() and ended["command"]["rc"] == code
    assert ended["executed"]["healed_by"] == healed_by and bool(ended["executed"]["healed_wall_ns"]) is (code == 0)
    called.unlink()
    assert scene.left() == []


def test_a_drill_that_goes_on_is_not_booted_under_its_hands(scene: Scene) -> None:
    def runner(command: Command) -> Completed:
        raise AssertionError(f"{command.argv} was run")

    scene.runner = runner
    scene.sleep(1)
    scene.run(fault="kill_server", seconds=30, boot_command=BOOT)
    ended = scene.run(state="absent").values
    assert ended["executed"]["healed_by"] == "nobody" and ended["fault_state"] == "done" and scene.left() == []


@pytest.mark.parametrize(
    ("command", "words"), [((), "boot_command is empty"), (("tbboot",), "boot_command begins with 'tbboot'")]
)
def test_a_server_that_nothing_would_start_again_is_not_killed(
    scene: Scene, command: tuple[str, ...], words: str
) -> None:
    scene.sleep(1)
    for check in (True, False):
        with pytest.raises(Refusal, match=words):
            scene.run(check=check, fault="kill_server", boot_command=command)
    assert scene.states() <= {"S", "R"} and scene.left() == []


def test_a_process_that_does_not_die_is_told_and_stays_on_record(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.sleep(2)
    immortal = scene.sleepers[1].pid

    def send(process: detached.Process, number: int) -> bool:
        return True if process.pid == immortal and number == signal.SIGKILL else fault_process.send(process, number)

    scene.system = System(send=send)
    monkeypatch.setattr(fault_process.kill, "__defaults__", (0.3,))
    with pytest.raises(CommandFailed, match="What was done of it is not undone"):
        scene.run(fault="kill_server", boot_command=BOOT)
    assert scene.sleepers[0].wait() == -signal.SIGKILL
    with pytest.raises(Refusal, match="not known to be complete"):
        scene.run(fault="kill_server", boot_command=BOOT)
    ended = scene.run(state="absent")
    assert ended.values["fault_state"] == "failed" and ended.values["executed"]["begun_wall_ns"] and scene.left() == []


def test_waits_for_processes_have_an_end(scene: Scene) -> None:
    target = scene.sleep(1).look().members
    deaf = System(send=lambda process, number: True)
    with pytest.raises(DeadlineExceeded):
        fault_process.freeze(scene.look, deaf, lambda targets: None, 0.1)
    with pytest.raises(DeadlineExceeded):
        fault_process.kill(target, deaf, 0.1)
    with pytest.raises(DeadlineExceeded):
        fault_process.thaw(target, System(state=lambda pid: "T", send=lambda process, number: True), 0.1)


# ----------------------------------------------------------------------------------------------- cuts


class Firewall:
    """nft, played: one table, which may refuse to go. Kept in a file, because the timer's process has memory of its own."""

    def __init__(self, place: Path) -> None:
        self.file, self.stuck = place / "table", place / "stuck"
        place.mkdir()

    def __call__(self, command: Command) -> Completed:
        words, code, output = command.argv[1:], 0, ""
        if command.argv[0] != "nft":
            raise FileNotFoundError(command.argv[0])
        if words == ("-f", "-"):
            self.file.write_text(command.stdin)
        elif words[:2] == ("list", "tables"):
            output = self.file.read_text().split(" {")[0] if self.file.exists() else "table inet site\n"
        elif words[:2] == ("list", "table"):
            output = self.file.read_text()
        elif self.stuck.exists():
            self.stuck.unlink()
            code = 1
        else:
            self.file.unlink()
        return Completed(command.argv, code, output, "", 0.0, False)


@pytest.fixture
def cut(scene: Scene, tmp_path: Path) -> Scene:
    scene.base = tmp_path / "base"
    scene.base.mkdir()
    scene.runner = Firewall(tmp_path / "nft")
    environment = {"/proc/self/environ": "SSH_CONNECTION=10.9.0.1 51000 10.9.0.5 22\0"}
    scene.system = System(euid=lambda: 0, read=lambda path: environment.get(path, ""))
    if os.geteuid() != 0:
        # The played root keeps its records in a directory of the user that the test runs as.
        scene.base.chmod(0o700)
    return scene


def test_a_cut_is_healed_by_its_timer(cut: Scene) -> None:
    wish = {"fault": "cut_both", "client_addresses": ("10.9.0.2",), "standby_addresses": ("10.9.0.3",), "seconds": 2}
    predicted = cut.run(check=True, **wish)
    assert predicted.changed and not cut.runner.file.exists() and cut.left() == []
    outcome = cut.run(**wish)
    assert outcome.values["method"] == "nft" and "10.9.0.1 to port 22" in outcome.values["source"]
    rules = "\n".join(outcome.values["rules"]["in_force"])
    assert "ip saddr { 10.9.0.2/32 } tcp dport { 8629 } counter drop" in rules
    assert "ip saddr { 10.9.0.3/32 } tcp dport { 8629, 8633 } counter drop" in rules
    assert "ip daddr { 10.9.0.3/32 } tcp dport { 8633 } counter drop" in rules
    until(lambda: not cut.runner.file.exists(), "the timer to heal")
    until(lambda: cut.run(check=True, state="absent").values["fault_state"] == "healed", "its record")
    ended = cut.run(state="absent").values
    assert ended["healed_by"] == "timer" and ended["rules"]["healed"] == [] and ended["rules"]["last"]
    assert cut.left() == [] and not cut.run(state="absent").changed


def test_a_firewall_that_is_busy_is_asked_again(cut: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault, "HEAL_PAUSE", 0.05)
    cut.run(fault="cut_clients", client_addresses=("10.9.0.2",))
    cut.runner.stuck.touch()
    ended = cut.run(state="absent").values
    assert ended["fault_state"] == "healed" and not cut.runner.file.exists() and not cut.runner.stuck.exists()


def test_rules_whose_record_is_lost_are_taken_away(cut: Scene) -> None:
    cut.run(fault="cut_clients", client_addresses=("10.9.0.2",))
    os.kill(cut.timer(), signal.SIGKILL)
    directory = next(cut.base.iterdir())
    until(lambda: detached.ask(str(directory), "fault").state == detached.DIED, "its death")
    detached.remove(str(directory), "fault")
    with pytest.raises(Refusal, match="A cut is in force that nobody heals"):
        cut.run(fault="cut_clients", client_addresses=("10.9.0.2",))
    assert cut.run(check=True, state="absent").changed and cut.runner.file.exists()
    assert cut.run(state="absent").changed and not cut.runner.file.exists() and not cut.run(state="absent").changed


def test_what_a_cut_needs_is_asked_before(cut: Scene) -> None:
    with pytest.raises(Refusal, match="client_addresses is empty"):
        cut.run(fault="cut_clients", standby_addresses=("10.9.0.3",))
    with pytest.raises(Refusal, match="standby_addresses is empty"):
        cut.run(fault="cut_both", client_addresses=("10.9.0.2",))
    wish = {"fault": "cut_clients", "client_addresses": ("10.9.0.2",)}
    cut.system = cut.system._replace(euid=lambda: 1000)
    with pytest.raises(Refusal, match="Only root may lay rules"):
        cut.run(**wish)
    cut.system = cut.system._replace(euid=lambda: 0, read=lambda path: "")
    with pytest.raises(Refusal, match="Set control_address"):
        cut.run(**wish)
    assert cut.run(check=True, control_address="10.9.0.1", **wish).changed
    assert cut.left() == [] and not cut.runner.file.exists()


def test_a_whole_host_needs_no_ports(cut: Scene) -> None:
    def never() -> Any:
        raise AssertionError("asked")

    engine = fault.Engine("orders", str(cut.base), 0, cut.look, never)
    wish = fault.Wish(
        "present", "cut_standby", CONSENTS["cut_standby"], standby_addresses=("10.9.0.3",), whole_host=True
    )
    outcome = fault.ensure(wish, engine, fault.Host(cut.runner, cut.system, str(cut.base)), True)
    assert "10.9.0.3/32: all traffic" in outcome.values["source"]


# ----------------------------------------------------------------------------------------------- crash


@pytest.fixture
def crash(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A host whose trigger is a file."""
    scene.base = tmp_path / "base"
    scene.base.mkdir()
    trigger = tmp_path / "trigger"
    links = dict(fault.HOST_SPACES)
    scene.system = System(
        euid=lambda: 0,
        read=lambda path: {"/proc/sys/kernel/sysrq": "176\n"}[path],
        write=lambda path, text: (trigger.write_text(text), until(lambda: False, "the crash"))[0] and None,
        writable=lambda path: path == fault.TRIGGER,
        link=lambda path: links[path],
        boot=lambda: boots[-1],
    )
    boots = [detached.boot_id()]
    scene.trigger, scene.boots = trigger, boots  # type: ignore[attr-defined]
    monkeypatch.setattr(fault, "CRASH_DELAY", 0.5)
    return scene


def test_a_crash_is_announced_and_told_after_the_boot(crash: Any) -> None:
    before = time.time_ns()
    assert crash.run(check=True, fault="crash_host").changed and not crash.trigger.exists() and crash.left() == []
    outcome = crash.run(fault="crash_host")
    assert outcome.changed and outcome.values["fault_state"] == "announced" and not crash.trigger.exists()
    assert outcome.values["begun_wall_ns"] >= before + 5 * 10**8 and outcome.values["heals_at_wall_ns"] is None
    until(lambda: crash.trigger.exists() and crash.trigger.read_text() == "b", "the crash")
    os.kill(crash.timer(), signal.SIGKILL)
    crash.boots.append("the next boot")
    assert not crash.run(fault="crash_host").changed
    ended = crash.run(state="absent").values
    assert ended["fault_state"] == "rebooted" and ended["host_rebooted"] and ended["healed_by"] == "nobody"
    assert ended["executed"]["begun_wall_ns"] >= before and crash.left() == []


def test_a_crash_is_called_off_in_time(crash: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault, "CRASH_DELAY", 60.0)
    crash.run(fault="crash_host")
    ended = crash.run(state="absent").values
    assert (
        ended["healed_by"] == "drill" and ended["executed"] == {} and not crash.trigger.exists() and crash.left() == []
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"euid": lambda: 1000}, "Only root may crash"),
        ({"read": lambda path: "0\n"}, "switched that off"),
        ({"read": lambda path: "rubbish"}, "switched that off"),
        ({"writable": lambda path: False}, "cannot be written"),
        ({"link": lambda path: "pid:[4026532178]"}, "looks like a container"),
    ],
)
def test_a_host_is_not_crashed_where_something_is_missing(crash: Any, change: Any, words: str) -> None:
    crash.system = crash.system._replace(**change)
    with pytest.raises((Refusal, UnknownState), match=words):
        crash.run(fault="crash_host")
    assert not crash.trigger.exists() and crash.left() == []


def test_a_kernel_that_does_not_crash_is_told(crash: Any) -> None:
    crash.system = crash.system._replace(write=lambda path, text: None)
    crash.run(fault="crash_host")
    until(lambda: crash.run(check=True, state="absent").values["fault_state"] == "failed", "the failure")
    ended = crash.run(state="absent").values
    assert "this process lives" in ended["error"]["seen"] and not ended["host_rebooted"] and crash.left() == []


def test_a_command_of_the_site_crashes_the_host(crash: Any, tmp_path: Path) -> None:
    crash.system = crash.system._replace(euid=os.geteuid)
    done = tmp_path / "done"

    def runner(command: Command) -> Completed:
        if command.argv[0] in ("nft", "iptables"):
            raise FileNotFoundError(command.argv[0])
        assert command.argv == (sys.executable, "off", "seoul1")
        done.touch()
        return Completed(command.argv, code, "bye", "", 0.0, False)

    crash.runner = runner
    for wrong in ("poweroff", "/no/such/program"):
        with pytest.raises(Refusal, match="is a list of a program"):
            crash.run(fault="crash_host", crash_command=(wrong,))
    for code, state in ((0, "done"), (3, "failed")):
        outcome = crash.run(fault="crash_host", crash_command=(sys.executable, "off", "seoul1"))
        assert outcome.values["method"] == "command" and not done.exists()
        until(lambda state=state: crash.run(check=True, state="absent").values["fault_state"] == state, "the command")
        ended = crash.run(state="absent").values
        assert ended["command"]["rc"] == code and not ended["host_rebooted"] and crash.left() == []
        done.unlink()
