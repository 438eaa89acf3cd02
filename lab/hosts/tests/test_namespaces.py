# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as network name spaces, for real: SSH, Ansible, faults, and nothing left behind. Needs root."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.hosts import Lab, LabError, LabSpec, network
from lab.hosts.network import interface_name
from lab.hosts.pytest_plugin import LabFactory, connect, needs_root, write_inventory
from lab.hosts.spec import checkout
from lab.hosts.state import LabState, Store
from lab.hosts.system import (
    Runner,
    all_processes,
    command_line,
    environment,
    identify,
    link_of,
    until,
)
from lab.hosts.tests.namespaces_support import HOSTS, ansible, conditions

pytestmark = needs_root
SPACES = ("ns/net", "ns/mnt", "ns/pid", "ns/uts", "ns/ipc")


@pytest.fixture(scope="module")
def lab(lab_factory: LabFactory) -> Lab:
    """Three hosts for the whole module; each test leaves them as it found them."""
    return lab_factory("module", *HOSTS, backend="namespaces")


# -- hosts ------------------------------------------------------------------------------------------------------


def test_ssh_by_the_inventory(lab: Lab, tmp_path: Path) -> None:
    inventory = write_inventory(lab, tmp_path / "hosts.yml", "orders")
    listed = json.loads(ansible("ansible-inventory", "-i", str(inventory), "--list", cwd=tmp_path).stdout)
    for name in HOSTS:
        found = listed["_meta"]["hostvars"][name]
        words = [*found["ansible_ssh_common_args"].split(), "-o", "BatchMode=yes"]
        words += ["-i", found["ansible_ssh_private_key_file"], f"root@{found['ansible_host']}"]
        script = "hostname; id -u; echo $SSH_CONNECTION; grep -E 'Sig(Blk|Ign)' /proc/self/status"
        host, user, connection, *signals = Runner().run(["ssh", *words, script]).stdout.splitlines()
        assert (host, user) == (name, "0")
        assert connection.split()[0] == lab.state().controller_address
        # Process 1 blocks and ignores signals; nothing here may inherit that (beyond 31 they are the C library's).
        assert [int(line.split()[1], 16) & 0x7FFFFFFF for line in signals] == [0, 0]


def test_ansible_ping_and_facts(lab: Lab, tmp_path: Path) -> None:
    inventory = str(write_inventory(lab, tmp_path / "hosts.yml", "orders"))
    said = ansible("ansible", "-i", inventory, "orders", "-m", "ansible.builtin.ping", cwd=tmp_path).stdout
    assert said.count('"ping": "pong"') == len(HOSTS)
    wanted = "filter=ansible_hostname,ansible_default_ipv4"
    facts = ansible("ansible", "-i", inventory, "seoul2", "-m", "ansible.builtin.setup", "-a", wanted, cwd=tmp_path)
    assert '"ansible_hostname": "seoul2"' in facts.stdout
    assert f'"address": "{lab.address("seoul2")}"' in facts.stdout


def test_testinfra_by_the_inventory(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    testinfra = pytest.importorskip("testinfra")
    # Its ansible connection runs ansible-inventory from PATH.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    inventory = write_inventory(lab, tmp_path / "hosts.yml", "orders")
    hosts = testinfra.get_hosts(["ansible://orders"], ansible_inventory=str(inventory))
    assert sorted(host.check_output("hostname") for host in hosts) == sorted(HOSTS)


def test_hosts_know_each_other_by_name(lab: Lab) -> None:
    for name in HOSTS:
        said = lab.run("busan1", ["getent", "hosts", name]).stdout.split()
        assert said == [lab.address(name), name]


def test_hosts_have_their_own_everything(lab: Lab) -> None:
    inits = {name: host.init.pid for name, host in lab.state().hosts.items() if host.init}
    for space in SPACES:
        assert len({link_of(pid, space) for pid in [*inits.values(), os.getpid()]}) == len(HOSTS) + 1
    for path in (f"{place}/firedrill-lab-mine" for place in ("/tmp", "/run", "/dev/shm", "/etc", "/opt")):
        lab.run("seoul1", ["sh", "-c", f"echo mine > {path}"])
        assert not Path(path).exists()
        assert lab.run("seoul2", ["cat", path], check=False).rc == 1
        lab.run("seoul1", ["rm", path])


def test_hosts_see_neither_the_checkout_nor_the_administrators_home(lab: Lab) -> None:
    # A checkout below /tmp is not there at all, since a host has a /tmp of its own.
    assert lab.run("seoul1", ["ls", "-A", str(checkout())], check=False).stdout == ""
    assert lab.run("seoul1", ["touch", f"{checkout()}/x"], check=False).rc == 1
    assert lab.run("seoul1", ["ls", "/root/.ssh", "/root/.pyenv"], check=False).stdout == ""


def test_kernel_settings_of_the_machine_are_safe(lab: Lab) -> None:
    before = Path("/proc/sys/fs/file-max").read_text(), Path("/proc/sys/kernel/sem").read_text()
    script = "sysctl -qw fs.file-max=4321 kernel.sem='9 99 9 9'; sysctl -n fs.file-max kernel.sem"
    assert lab.run("seoul1", ["sh", "-c", script]).stdout.split() == ["4321", "9", "99", "9", "9"]
    assert lab.run("seoul1", ["sysctl", "-w", "vm.laptop_mode=0"], check=False).rc != 0
    assert (Path("/proc/sys/fs/file-max").read_text(), Path("/proc/sys/kernel/sem").read_text()) == before


def test_run_does_not_wait_for_daemons_and_ends_what_is_late(lab: Lab) -> None:
    number = lab.run("seoul1", ["sh", "-c", "sleep 60 & echo $!"], timeout=10).stdout.strip()
    assert lab.run("seoul1", ["kill", number]).rc == 0
    with pytest.raises(LabError, match=r"did not end within 0\.5 s"):
        lab.run("seoul1", ["sleep", "1234"], timeout=0.5)
    assert "sleep 1234" not in lab.run("seoul1", ["ps", "-e", "-o", "args"]).stdout


def test_orphans_are_reaped(lab: Lab) -> None:
    lab.run("seoul1", ["sh", "-c", "(sleep 0.1 &) ; exit 0"])

    def probe() -> tuple[bool, str]:
        said = lab.run("seoul1", ["ps", "-e", "-o", "stat,args"]).stdout
        return "sleep" not in said and "Z" not in {line[:1] for line in said.splitlines()}, said

    until("end of the orphan", probe, 10)


# -- building and removing --------------------------------------------------------------------------------------


def _listing() -> dict[str, list[str]]:
    """Mounts, interfaces, rules and qdiscs of the machine."""
    runner = Runner()
    return {
        "mounts": Path("/proc/self/mountinfo").read_text().splitlines(),
        "interfaces": runner.run(["ip", "-o", "link", "show"]).stdout.splitlines(),
        "routes": runner.run(["ip", "route", "show", "table", "all"]).stdout.splitlines(),
        "rules": runner.run(["nft", "list", "ruleset"]).stdout.splitlines(),
        "qdiscs": runner.run(["tc", "qdisc", "show"]).stdout.splitlines(),
    }


#: What another lab of the machine brings and takes while ours is looked at: its interface, and the disks of a lab whose
#: state is on an overlay.
ANOTHERS = re.compile(r"\blab-(?:[0-9a-f]{8}|disks)\b")


def _ours(line: str, lab: Lab) -> bool:
    """Whether what has appeared may be of this lab: whatever does not show another's mark."""
    return ANOTHERS.search(line) is None or interface_name(lab.directory) in line or str(lab.directory) in line


def _leftovers(lab: Lab, before: dict[str, list[str]], spaces: set[str], state: LabState | None) -> list[str]:
    """What is there and was not; of the processes only the lab's, since others of the machine go on."""
    new = [(kind, line) for kind, lines in _listing().items() for line in lines if line not in before[kind]]
    left = [f"{kind}: {line}" for kind, line in new if _ours(line, lab)]
    recorded = {host.init for host in state.hosts.values()} | {state.switch} if state else set()
    for stat in all_processes():
        text = command_line(stat.pid) + str(environment(stat.pid))
        inside = any(link_of(stat.pid, space) in spaces for space in SPACES)
        ours = str(lab.directory) in text or inside or identify(stat.pid) in recorded
        if ours and identify(stat.pid) is not None:
            left.append(f"process {stat.pid}: {command_line(stat.pid)}")
    sockets = Path("/tmp") / interface_name(lab.directory)
    return left + [str(path) for path in (lab.directory, sockets) if path.exists()]


def _assert_nothing_left(lab: Lab, before: dict[str, list[str]], spaces: set[str], state: LabState | None) -> None:
    def probe() -> tuple[bool, str]:
        # Mounts and processes end a moment after what held them; what is really left stays and is found at the end.
        left = _leftovers(lab, before, spaces, state)
        return not left, "\n".join(left)

    until("nothing left", probe, 10)


def _spaces(state: LabState) -> set[str]:
    pids = [host.init.pid for host in state.hosts.values() if host.init] + ([state.switch.pid] if state.switch else [])
    return {link_of(pid, space) for pid in pids for space in SPACES} - {link_of(os.getpid(), space) for space in SPACES}


def test_down_leaves_nothing(lab_factory: LabFactory, tmp_path: Path) -> None:
    before = _listing()
    lab = lab_factory("gone", "a", "b", "c", backend="namespaces")
    inventory = str(write_inventory(lab, tmp_path / "hosts.yml"))
    said = ansible("ansible", "-i", inventory, "all", "-m", "ansible.builtin.ping", cwd=tmp_path).stdout
    assert said.count("pong") == 3
    lab.run("a", ["sh", "-c", "setsid sleep 1000 & mount -t tmpfs none /mnt; unshare -p -f sleep 1000 &"])
    lab.cut("a", "b", seconds=600)
    lab.rate("a", "1mbit")
    lab.freeze("b")
    lab.crash("c")
    state = lab.state()
    spaces = _spaces(state)
    during = _leftovers(lab, before, spaces, state)
    # The check can fail: with the lab up it finds each kind of thing.
    for kind in ("interfaces: ", "process ", str(lab.directory)):
        assert any(line.startswith(kind) for line in during), kind
    assert any("[mux]" in line for line in during)
    assert lab.down()
    _assert_nothing_left(lab, before, spaces, state)
    assert not lab.down()


def test_down_works_without_state(lab_factory: LabFactory) -> None:
    before = _listing()
    lab = lab_factory("lost", "a", backend="namespaces")
    state = lab.state()
    spaces = _spaces(state)
    (lab.directory / "state.json").write_text("{")
    assert lab.down()
    _assert_nothing_left(lab, before, spaces, state)


class FailingRunner(Runner):
    """Fails at the n-th program that would be run: with an error, or by killing the whole program."""

    def __init__(self, at: int, deadly: bool = False) -> None:
        self.left = at
        self._deadly = deadly

    def run(self, argv, **options):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN003, ANN201
        self.left -= 1
        if self.left == 0 and self._deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.left == 0:
            raise LabError(f"{argv[0]} failed for the test")
        return super().run(argv, **options)


Unfinished = Callable[[str], Lab]


@pytest.fixture
def unfinished(lab_root: Path) -> Iterator[Unfinished]:
    """Names a lab whose building is going to fail; should the test fail instead, the lab is removed all the same."""
    named: list[Lab] = []

    def name(text: str) -> Lab:
        named.append(Lab(lab_root, text))
        return named[-1]

    yield name
    for lab in named:
        lab.down()


# 1 is the first program run, before anything is made; the last ones boot the second host.
STEPS = range(1, 18, 3)


def test_down_of_a_directory_that_is_no_lab_is_refused(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "letter").touch()
    with pytest.raises(LabError, match="is not a lab's directory"):
        Lab(tmp_path, "documents").down()
    assert (tmp_path / "documents" / "letter").exists()


def test_down_of_an_early_state_touches_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state saved before anything was claimed names no directory: an empty path must not become the current one."""
    bystander = tmp_path / "bystander"
    bystander.touch()
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path / "state", "early")
    store.root.mkdir()
    store.create()
    store.save(LabState("early", "namespaces"))
    assert Lab(store.root, "early").down()
    assert bystander.exists()


@pytest.mark.parametrize("step", STEPS)
def test_up_that_fails_cleans_up_and_says_where(lab_root: Path, unfinished: Unfinished, step: int) -> None:
    before = _listing()
    lab = unfinished("half")
    with pytest.raises(LabError, match=r"up failed while .* failed for the test.*everything made so far was removed"):
        Lab.up(LabSpec("half", ("a", "b"), "namespaces"), lab_root, runner=FailingRunner(step))
    _assert_nothing_left(lab, before, set(), None)


@pytest.mark.parametrize("step", STEPS)
def test_down_after_up_was_killed(lab_root: Path, unfinished: Unfinished, step: int) -> None:
    before = _listing()
    lab = unfinished("killed")
    code = (
        "import sys\nfrom lab.hosts import Lab, LabSpec\nfrom lab.hosts.tests.test_namespaces import FailingRunner\n"
        "Lab.up(LabSpec('killed', ('a', 'b'), 'namespaces'), sys.argv[1], runner=FailingRunner(int(sys.argv[2]), True))"
    )
    argv = [sys.executable, "-c", code, str(lab_root), str(step)]
    assert Runner().run(argv, cwd=str(checkout()), check=False).rc == -signal.SIGKILL
    assert lab.directory.exists()
    with pytest.raises(LabError, match="exists already"):
        Lab.up(LabSpec("killed", ("a",), "namespaces"), lab_root)
    assert lab.down()
    _assert_nothing_left(lab, before, set(), None)


def test_interrupted_up_cleans_up(lab_root: Path, unfinished: Unfinished) -> None:
    before = _listing()
    lab = unfinished("stopped")
    hosts = [f"h{number}" for number in range(20)]
    argv = [sys.executable, "-m", "lab", "up", "--name", "stopped", "--state", str(lab_root), *hosts]
    with subprocess.Popen(argv, cwd=checkout(), stderr=subprocess.PIPE, text=True) as process:
        until("begin", lambda: ((lab.directory / "host_h3.pub").exists(), "nothing"), 30, interval=0.005)
        process.terminate()
        assert process.communicate(timeout=60)[1].endswith("lab: interrupted\n")
    assert process.returncode == 130
    _assert_nothing_left(lab, before, set(), None)


def test_two_labs_side_by_side(lab: Lab, lab_factory: LabFactory) -> None:
    other = lab_factory("other", "seoul1", "seoul2", backend="namespaces")
    assert other.state().subnet != lab.state().subnet
    assert other.state().interface != lab.state().interface
    other.cut("seoul1", "seoul2")
    assert not connect(other, "seoul1", "seoul2") and connect(lab, "seoul1", "seoul2")
    other.down()
    assert connect(lab, "controller", "seoul1") and connect(lab, "seoul1", "seoul2")


def test_labs_built_at_once_get_subnets_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of different state directories, which share no lock, and with the same subnet as their first choice."""
    monkeypatch.setattr(network, "digest", lambda name: 77)
    specs = [LabSpec(f"at-once-{number}", ("a",), "namespaces") for number in range(3)]
    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(Lab.up, spec, tmp_path / spec.name) for spec in specs]
    built = [future.result() for future in futures if not future.exception()]
    subnets = {lab.state().subnet for lab in built}
    for lab in built:
        lab.down()
    assert [future.exception() for future in futures] == [None] * 3
    assert len(subnets) == 3


def test_taken_subnet_is_refused(lab: Lab, lab_root: Path) -> None:
    taken = lab.state()
    with pytest.raises(LabError, match=f"subnet {taken.subnet} is in use: {taken.interface} has"):
        Lab.up(LabSpec("clash", ("a",), "namespaces", subnet=taken.subnet), lab_root)
    assert not (lab_root / "clash").exists()


def test_second_up_is_refused(lab: Lab, lab_root: Path) -> None:
    with pytest.raises(LabError, match="lab 'module' exists already"):
        Lab.up(LabSpec("module", ("a",), "namespaces"), lab_root)
    assert conditions(lab)["seoul1"] == "up"


def test_shared_path_is_seen_read_only(lab_factory: LabFactory) -> None:
    shared = str(checkout() / "lab")
    lab = lab_factory("shares", "a", backend="namespaces", shares=(shared,))
    assert lab.run("a", ["cat", f"{shared}/__init__.py"]).stdout == Path(shared, "__init__.py").read_text()
    assert "Read-only" in lab.run("a", ["touch", f"{shared}/x"], check=False).stderr
    assert lab.run("a", ["ls", str(checkout())]).stdout == "lab\n"


def test_state_on_an_overlay_gets_a_disk_of_its_own(tmp_path: Path) -> None:
    script = """
    set -e
    mkdir u w m; mount -t overlay o -o lowerdir=/mnt,upperdir=u,workdir=w m
    here=$PWD/m/state; cd "$1"
    "$2" -m lab up a --name over --state "$here"
    "$2" -m lab run --name over --state "$here" a -- hostname
    grep -c lab-disks /proc/self/mounts
    "$2" -m lab down --name over --state "$here"
    grep -c lab-disks /proc/self/mounts || test ! -e "$here"
    """
    argv = ["unshare", "-m", "sh", "-c", script, "sh", str(checkout()), sys.executable]
    said = Runner().run(argv, cwd=str(tmp_path)).stdout
    assert said.splitlines()[-4:] == ["a", "1", "lab over is gone", "0"]


def test_timing_of_up(lab_root: Path) -> None:
    start = time.monotonic()
    lab = Lab.up(LabSpec("quick", ("a", "b", "c", "d"), "namespaces"), lab_root)
    took = time.monotonic() - start
    lab.down()
    assert took < 10
