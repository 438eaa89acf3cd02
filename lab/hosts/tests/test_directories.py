# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as directories, through the command line; as root the same command line is run by the user nobody."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.hosts import Lab, LabError, LabSpec, Result
from lab.hosts.directories import STEP
from lab.hosts.ports import user_of
from lab.hosts.spec import STATE_VARIABLE, checkout
from lab.hosts.system import Runner, alive, identify, process_stat, until

# Their labs try the same ports first, and those of other state directories do not know of each other.
NOBODY = 65534
# Root's interpreter may live where nobody else can read it; the system's is for all.
PYTHON = "/usr/bin/python3" if os.geteuid() == 0 else sys.executable
SLEEPER = "import signal; signal.pause()"


class User:
    """A user without root who works with labs under one state directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._prefix: list[str] = []
        if os.geteuid() == 0:
            self._prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]

    def does(self, *argv: str, check: bool = True, variables: Mapping[str, str] | None = None) -> Result:
        """Run a program as that user, in the checkout."""
        env = {"PATH": os.environ["PATH"], STATE_VARIABLE: str(self.root), "LC_ALL": "C.UTF-8", **(variables or {})}
        env["PYTHONDONTWRITEBYTECODE"] = "1"
        return Runner().run([*self._prefix, *argv], timeout=60, check=check, env=env, cwd=str(checkout()))

    def lab(self, *arguments: str, check: bool = True) -> Result:
        """Run the lab's command line as that user."""
        return self.does(PYTHON, "-m", "lab", *arguments, check=check)

    def status(self) -> dict[str, Any]:
        """The status of the default lab."""
        found: dict[str, Any] = json.loads(self.lab("status", "--json").stdout)
        return found

    def starts(self, **variables: str) -> int:
        """Start a process that stays, detached, in no particular directory; returns its id."""
        code = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]).pid)"
        return int(self.does(PYTHON, "-c", code, variables=variables).stdout)


@pytest.fixture
def user() -> Iterator[User]:
    """A user without root, with a state directory of their own; no lab is left behind."""
    # Not pytest's own temporary directory: root's is closed to others.
    base = Path(tempfile.mkdtemp(prefix="lab-test-"))
    if os.geteuid() == 0:
        os.chown(base, NOBODY, NOBODY)
    found = User(base / "state")
    yield found
    found.lab("down", "--all")
    assert list(base.iterdir()) == []
    shutil.rmtree(base)


def test_life_without_root(user: User) -> None:
    said = user.lab("up", "seoul1", "seoul2").stdout
    assert "lab lab: directories" in said
    home = user.root / "lab" / "hosts" / "seoul1"
    assert home.is_dir()
    assert user.lab("run", "seoul1", "--", "pwd").stdout == f"{home}\n"
    code = user.lab("run", "seoul1", "--", "sh", "-c", "exit 7", check=False)
    assert code.rc == 7
    assert user.lab("down").stdout == "lab lab is gone\n"
    assert not user.root.exists()
    assert user.lab("down").stdout == "there is no lab lab: nothing to do\n"


def test_inventory_without_root(user: User) -> None:
    user.lab("up", "seoul1", "client1", "--port-base", "21429")
    given = ("--group", "orders:seoul1", "--host-var", "seoul1:standby_bootstrap_primary=true")
    tree = yaml.safe_load(user.lab("inventory", *given).stdout)["all"]
    assert tree["children"] == {"orders": {"hosts": {"seoul1": {}}}}
    found = tree["hosts"]["seoul1"]
    assert found["ansible_connection"] == "local"
    assert found["lab_dir"] == str(user.root / "lab" / "hosts" / "seoul1")
    assert found["standby_bootstrap_primary"] is True
    assert [tree["hosts"][name]["lab_port_base"] for name in ("seoul1", "client1")] == [21429, 21429 + STEP]


ANSIBLE = Path(sys.executable).parent / "ansible"


@pytest.mark.skipif(not ANSIBLE.exists(), reason="this interpreter has no ansible beside it")
def test_ansible_by_the_inventory(tmp_path: Path) -> None:
    lab = Lab.up(LabSpec("local", ("seoul1", "seoul2"), "directories"), tmp_path / "state")
    try:
        (tmp_path / "hosts.yml").write_text(lab.inventory(["orders"]))
        (tmp_path / "ansible.cfg").write_text("[defaults]\n")
        env = {**os.environ, "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"), "LC_ALL": "C.UTF-8"}
        argv = [str(ANSIBLE), "-i", str(tmp_path / "hosts.yml"), "orders"]
        said = Runner().run([*argv, "-m", "ansible.builtin.ping"], timeout=60, env=env).stdout
        assert said.count('"ping": "pong"') == 2
        # What Ansible sent was compiled for the next time.
        assert list((lab.directory / "python" / "cache" / str(os.getuid())).iterdir())
    finally:
        lab.down()


def test_taken_port_is_refused_with_its_user(user: User) -> None:
    # Below the range of outgoing connections, where no port is taken by chance.
    free = next(port for port in range(11000, 20000, 7) if user_of(port) == "")
    with socket.create_server(("127.0.0.1", free)) as taken:
        port = taken.getsockname()[1]
        base = port - STEP - 3
        result = user.lab("up", "a", "b", "--port-base", str(base), check=False)
        who = "a process of user root" if os.geteuid() == 0 else f"process {os.getpid()} ("
        assert result.rc == 1
        assert f"port {port} is in use by {who}" in result.stderr
        assert "choose another --port-base" in result.stderr
    assert not user.root.exists()


def test_two_labs_get_different_ports(user: User) -> None:
    user.lab("up", "a", "b")
    user.lab("up", "a", "b", "--name", "other")
    first = user.status()["hosts"]["a"]["port_base"]
    second = json.loads(user.lab("status", "--json", "--name", "other").stdout)["hosts"]["a"]["port_base"]
    assert abs(first - second) >= 2 * STEP
    clash = user.lab("up", "x", "--name", "third", "--port-base", str(first + 50), check=False)
    assert "overlap those of host a of lab lab" in clash.stderr


def test_freeze_thaw_and_crash_hit_the_hosts_processes_only(user: User) -> None:
    user.lab("up", "a", "b")
    homes = {name: user.root / "lab" / "hosts" / name for name in ("a", "b")}
    mine = user.starts(TB_HOME=f"{homes['a']}/tibero7")
    other = user.starts(TB_HOME=f"{homes['b']}/tibero7")
    similar = user.starts(TB_HOME=f"{homes['a']}x")
    outside = user.starts(TB_HOME=f"{user.root}/labx/hosts/a")
    user.lab("freeze", "a")
    assert [_state(pid) for pid in (mine, other, similar)] == ["T", "S", "S"]
    assert user.status()["hosts"]["a"]["condition"] == "frozen"
    user.lab("thaw", "a")
    assert _state(mine) == "S"
    user.lab("crash", "a")
    assert [_state(pid) for pid in (mine, other, similar)] == ["", "S", "S"]
    refused = user.lab("run", "a", "--", "true", check=False)
    assert "a is down; start it with: python3 -m lab start" in refused.stderr
    user.lab("start", "a")
    assert user.lab("run", "a", "--", "true").rc == 0
    user.lab("down")
    assert [_state(pid) for pid in (other, similar, outside)] == ["", "", "S"]
    os.kill(outside, signal.SIGKILL)


def _state(pid: int) -> str:
    """The state of a process: asleep, stopped, or gone."""
    stat = process_stat(pid)
    return "" if stat is None or stat.state in "ZX" else stat.state


def test_processes_are_found_by_working_directory_too(user: User) -> None:
    user.lab("up", "a")
    script = f"{PYTHON} -c '{SLEEPER}' >/dev/null 2>&1 & echo $!"
    pid = int(user.lab("run", "a", "--", "env", "-u", "LAB_DIR", "sh", "-c", script).stdout)
    assert user.status()["hosts"]["a"]["processes"] == 1
    user.lab("crash", "a")
    assert _state(pid) == ""


def test_frozen_host_thaws_itself(user: User) -> None:
    user.lab("up", "a")
    pid = user.starts(TB_HOME=f"{user.root}/lab/hosts/a")
    user.lab("freeze", "a", "--for", "6")
    assert _state(pid) == "T"
    until("thaw", lambda: (_state(pid) == "S", _state(pid)), 20)
    until("end of the fault", lambda: (user.status()["faults"] == [], "fault"), 15)


def test_timers_end_with_the_lab(user: User) -> None:
    user.lab("up", "a")
    user.lab("freeze", "a", "--for", "600")
    state = json.loads((user.root / "lab" / "state.json").read_text())
    healer = identify(state["faults"][0]["healer"][0])
    assert alive(healer)
    user.lab("down")
    assert not alive(healer)


@pytest.mark.parametrize("command", [("cut", "a", "b"), ("rate", "a", "1mbit"), ("rate", "a", "off")])
def test_links_need_root(user: User, command: tuple[str, ...]) -> None:
    user.lab("up", "a", "b")
    result = user.lab(*command, check=False)
    assert result.rc == 1
    assert f"lab: {command[0]} needs root: hosts that are directories share 127.0.0.1" in result.stderr
    assert user.status()["faults"] == []


def test_namespaces_need_root(user: User) -> None:
    result = user.lab("up", "a", "--backend", "namespaces", check=False)
    assert (result.rc, result.stdout) == (1, "")
    assert "the namespaces backend needs root" in result.stderr
    assert not user.root.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="a lab of root is needed")
def test_lab_of_root_is_refused(user: User) -> None:
    root = user.root.parent / "roots"
    Lab.up(LabSpec("lab", ("a",), "directories"), root)
    try:
        for command in ("status", "down"):
            result = user.lab(command, "--state", str(root), check=False)
            assert (result.rc, "belongs to another user" in result.stderr) == (1, True), result.stderr
    finally:
        Lab(root, "lab").down()


def test_options_of_the_other_backend_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="--subnet is of the namespaces backend"):
        Lab.up(LabSpec("x", ("a",), "directories", subnet="10.1.1.0/24"), tmp_path)
    with pytest.raises(LabError, match="--share is of the namespaces backend"):
        Lab.up(LabSpec("x", ("a",), "directories", shares=("/etc",)), tmp_path)


def test_unwritable_state_directory_is_refused(user: User) -> None:
    result = user.lab("up", "a", "--state", "/proc/nowhere", check=False)
    assert result.rc == 1
    assert "cannot make /proc/nowhere" in result.stderr and "--state" in result.stderr


def test_usage_is_shown() -> None:
    result = subprocess.run([sys.executable, "-m", "lab"], cwd=checkout(), capture_output=True, text=True, check=False)
    assert result.returncode == 2 and "usage: python3 -m lab" in result.stderr
