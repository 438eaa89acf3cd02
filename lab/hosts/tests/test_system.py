# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs, deadlines and processes, on the real system."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from lab.hosts import packages, ports
from lab.hosts.errors import LabError
from lab.hosts.processes import by_depth, continue_all, kill_members, stop_all
from lab.hosts.system import (
    ProcessId,
    ProcessStat,
    Result,
    Runner,
    alive,
    all_processes,
    environment,
    identify,
    kill_all,
    process_stat,
    send,
    until,
)

SLEEPER = [sys.executable, "-c", "import signal; signal.pause()"]


def test_runner_does_not_wait_for_daemons_that_hold_stdout() -> None:
    start = time.monotonic()
    result = Runner().run(["sh", "-c", "sleep 5 & echo $!; cat"], stdin="in")
    assert time.monotonic() - start < 3
    number, text = result.stdout.split("\n")
    os.kill(int(number), signal.SIGKILL)
    assert text == "in"


def test_runner_reports_failure_and_kills_at_the_deadline() -> None:
    with pytest.raises(LabError, match="ended with code 3; it said: oh no"):
        Runner().run(["sh", "-c", "echo oh no >&2; exit 3"])
    with pytest.raises(LabError, match=r"did not end within 0\.3 s; it said: begun"):
        Runner().run(["sh", "-c", "echo begun; sleep 77 & sleep 77"], timeout=0.3)
    with pytest.raises(LabError, match="cannot run /no/such/program: No such file"):
        Runner().run(["/no/such/program"])


def test_until_tells_what_it_saw_last() -> None:
    with pytest.raises(LabError, match=r"the moon: not reached within 0.05 s; last seen: half"):
        until("the moon", lambda: (False, "half"), 0.05)


def test_only_the_very_process_is_signalled() -> None:
    process = subprocess.Popen(SLEEPER)
    try:
        seen = identify(process.pid)
        assert seen is not None and alive(seen)
        assert not send(ProcessId(seen.pid, seen.start + 1), signal.SIGKILL)
        assert alive(seen)
        kill_all([seen])
        assert not alive(seen) and not send(seen, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()


def test_parents_are_stopped_first_and_continued_last() -> None:
    stats = [ProcessStat(9, "S", 5, 0), ProcessStat(5, "S", 4, 0), ProcessStat(4, "S", 1, 0)]
    assert [stat.pid for stat in by_depth(stats)] == [4, 5, 9]


def test_stop_and_continue_leave_what_was_stopped_before() -> None:
    children = [subprocess.Popen(SLEEPER, env={"LAB_TEST": str(os.getpid())}) for _ in range(3)]

    def members() -> list[ProcessStat]:
        return [stat for stat in all_processes() if environment(stat.pid).get("LAB_TEST") == str(os.getpid())]

    def states() -> list[str]:
        return [stat.state for child in children if (stat := process_stat(child.pid))]

    try:
        until("start", lambda: (len(members()) == 3, "fewer"), 5)
        os.kill(children[0].pid, signal.SIGSTOP)
        until("stop", lambda: (states()[0] == "T", states()[0]), 5)
        before = stop_all(members)
        assert [process.pid for process in before] == [children[0].pid]
        assert states() == ["T", "T", "T"]
        continue_all(members, before)
        assert states()[0] == "T" and "T" not in states()[1:]
        kill_members(members)
        assert members() == []
    finally:
        for child in children:
            child.kill()
            child.wait()


def test_taken_port_names_its_user() -> None:
    server = subprocess.Popen([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "0"], stderr=subprocess.PIPE)
    try:
        number = _port_of(server.pid)
        assert f"process {server.pid} (" in ports.user_of(number)
        assert "http.server" in ports.user_of(number)
    finally:
        server.kill()
        server.communicate()
    until("release", lambda: (ports.user_of(number) == "", "taken"), 5)


def _port_of(pid: int) -> int:
    found: list[int] = []

    def probe() -> tuple[bool, str]:
        sockets = set()
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # a program that starts closes files between the listing and the look
                sockets.add(os.readlink(entry))
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if f"socket:[{fields[9]}]" in sockets and fields[3] == "0A":
                found.append(int(fields[1].split(":")[1], 16))
        return bool(found), "no listener"

    until("listener", probe, 10)
    return found[0]


class Apt(Runner):
    """Plays apt-get: notes what is run, and whether services were forbidden to start meanwhile."""

    def __init__(self, policy: Path, codes: list[int]) -> None:
        self.seen: list[tuple[list[str], bool]] = []
        self._policy = policy
        self._codes = codes

    def run(self, argv, **options):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN003, ANN201
        verb = [word for word in argv if word in ("install", "update")] + [w for w in argv if w.startswith("openssh")]
        self.seen.append((verb, self._policy.exists()))
        return Result(tuple(argv), self._codes.pop(0), "", "")


def test_missing_packages_are_announced_and_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tmp_path / "policy-rc.d"
    lost = [["openssh-server"], []]
    monkeypatch.setattr(packages, "_POLICY", policy)
    monkeypatch.setattr(packages, "missing_packages", lambda: lost.pop(0))
    monkeypatch.setattr("shutil.which", lambda name, path: f"/usr/bin/{name}")
    apt = Apt(policy, [100, 0, 0])
    said: list[str] = []
    assert packages.ensure(apt, said.append, install=True) == ["openssh-server"]
    assert said == ["installing with apt-get, because the lab needs them: openssh-server"]
    install = ["install", "openssh-server"]
    assert apt.seen == [(install, True), (["update"], True), (install, True)]
    assert not policy.exists()


def test_missing_packages_are_refused_when_installing_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "missing_packages", lambda: ["nftables", "openssh-server"])
    with pytest.raises(LabError, match="packages are missing: nftables, openssh-server; install them"):
        packages.ensure(Runner(), print, install=False)
