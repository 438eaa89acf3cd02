# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as network name spaces, for real: SSH, Ansible, faults, and nothing left behind. Needs root."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.hosts import Lab, LabError, LabSpec, Result, network
from lab.hosts.network import interface_name
from lab.hosts.pytest_plugin import LabFactory, connect, needs_root, write_inventory
from lab.hosts.spec import checkout
from lab.hosts.state import LabState, Store
from lab.hosts.system import (
    ProcessStat,
    Runner,
    all_processes,
    command_line,
    environment,
    identify,
    link_of,
    send,
    until,
)

pytestmark = needs_root
HOSTS = ("seoul1", "seoul2", "busan1")
SPACES = ("ns/net", "ns/mnt", "ns/pid", "ns/uts", "ns/ipc")


@pytest.fixture(scope="module")
def lab(lab_factory: LabFactory) -> Lab:
    """Three hosts for the whole module; each test leaves them as it found them."""
    return lab_factory("module", *HOSTS, backend="namespaces")


@pytest.fixture
def whole(lab: Lab) -> Iterator[Lab]:
    """The same three hosts, checked to be whole before, and made whole after."""
    assert _conditions(lab) == dict.fromkeys(HOSTS, "up") and not lab.status()["faults"]
    yield lab
    lab.heal()
    for host, condition in _conditions(lab).items():
        if condition == "frozen":
            lab.thaw(host)
        elif condition != "up":
            lab.start(host)


def _conditions(lab: Lab) -> dict[str, str]:
    return {name: host["condition"] for name, host in lab.status()["hosts"].items()}


def _ansible(program: str, *arguments: str, cwd: Path) -> Result:
    path = Path(sys.executable).parent / program
    (cwd / "ansible.cfg").write_text("[defaults]\n")
    env = {**os.environ, "ANSIBLE_HOME": str(cwd / "home"), "ANSIBLE_CONFIG": str(cwd / "ansible.cfg")}
    env["LC_ALL"] = "C.UTF-8"
    return Runner().run([str(path), *arguments], timeout=90, env=env, cwd=str(cwd))


# -- hosts ------------------------------------------------------------------------------------------------------


def test_ssh_by_the_inventory(lab: Lab, tmp_path: Path) -> None:
    inventory = write_inventory(lab, tmp_path / "hosts.yml", "orders")
    listed = json.loads(_ansible("ansible-inventory", "-i", str(inventory), "--list", cwd=tmp_path).stdout)
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
    said = _ansible("ansible", "-i", inventory, "orders", "-m", "ansible.builtin.ping", cwd=tmp_path).stdout
    assert said.count('"ping": "pong"') == len(HOSTS)
    wanted = "filter=ansible_hostname,ansible_default_ipv4"
    facts = _ansible("ansible", "-i", inventory, "seoul2", "-m", "ansible.builtin.setup", "-a", wanted, cwd=tmp_path)
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


# -- faults -----------------------------------------------------------------------------------------------------


def test_cut_and_heal_a_link(whole: Lab) -> None:
    assert connect(whole, "seoul1", "seoul2")
    whole.cut("seoul1", "seoul2")
    assert not connect(whole, "seoul1", "seoul2") and not connect(whole, "seoul2", "seoul1")
    assert connect(whole, "seoul1", "busan1") and connect(whole, "controller", "seoul1")
    assert whole.heal("seoul2", "seoul1") == 1
    assert connect(whole, "seoul1", "seoul2") and connect(whole, "seoul2", "seoul1")
    assert whole.state().rules == []


def test_cut_from_everyone(whole: Lab) -> None:
    whole.cut("seoul1", controller=False)
    assert not connect(whole, "seoul1", "seoul2") and not connect(whole, "busan1", "seoul1")
    assert connect(whole, "controller", "seoul1") and connect(whole, "seoul2", "busan1")
    whole.cut("seoul1")
    assert not connect(whole, "controller", "seoul1")
    assert whole.run("seoul1", ["hostname"]).stdout == "seoul1\n"
    whole.heal("seoul1", "controller")
    assert connect(whole, "controller", "seoul1") and not connect(whole, "seoul1", "seoul2")
    whole.heal("seoul1")
    assert connect(whole, "seoul1", "seoul2")


_SEND = "import socket,sys; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', (sys.argv[1], 5005))"
_HEAR = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 5005)); s.settimeout(2); {}"


def _heard(lab: Lab, source: str, target: str) -> bool:
    """Whether a datagram gets through; it is sent only after the hearer has bound its port."""
    command = lab.command(target, ["/usr/bin/python3", "-c", _HEAR.format("print('up', flush=True); print(s.recv(9))")])
    with subprocess.Popen(command.argv, env=command.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as hearer:
        assert hearer.stdout is not None and hearer.stdout.readline() == b"up\n"
        lab.run(source, ["/usr/bin/python3", "-c", _SEND, lab.address(target)])
        return hearer.stdout.read() == b"b'x'\n"


def test_one_way_cut(whole: Lab) -> None:
    assert _heard(whole, "seoul1", "seoul2") and _heard(whole, "seoul2", "seoul1")
    whole.cut("seoul1", "seoul2", one_way=True)
    assert not _heard(whole, "seoul1", "seoul2")
    assert _heard(whole, "seoul2", "seoul1")


def test_port_cut(whole: Lab) -> None:
    lose = _HEAR.replace("SOCK_DGRAM", "SOCK_STREAM").format("s.listen(9); input()")
    command = whole.command("seoul2", ["/usr/bin/python3", "-c", lose])
    with subprocess.Popen(command.argv, env=command.env, stdin=subprocess.PIPE) as server:
        try:
            until("server", lambda: (connect(whole, "seoul1", "seoul2", 5005), "refused"), 10)
            whole.cut("seoul1", "seoul2", port=5005)
            assert not connect(whole, "seoul1", "seoul2", 5005)
            assert connect(whole, "seoul1", "seoul2", 22) and connect(whole, "busan1", "seoul2", 5005)
            whole.heal()
            assert connect(whole, "seoul1", "seoul2", 5005)
        finally:
            assert server.stdin is not None
            server.stdin.close()


def test_cut_heals_itself_without_the_caller(whole: Lab) -> None:
    argv = [sys.executable, "-m", "lab", "cut", "seoul1", "seoul2", "--for", "2"]
    options = ["--name", whole.name, "--state", str(whole.directory.parent)]
    Runner().run([*argv, *options], cwd=str(checkout()))
    assert not connect(whole, "seoul1", "seoul2", timeout=0.5)
    (fault,) = whole.status()["faults"]
    assert fault["timer_alive"] and 0 < fault["seconds_left"] <= 2
    until("healing", lambda: (not whole.status()["faults"], str(whole.status()["faults"])), 10)
    assert connect(whole, "seoul1", "seoul2")


def test_heal_by_hand_ends_the_timer(whole: Lab) -> None:
    whole.cut("seoul1", "seoul2", seconds=600)
    healer = whole.state().faults[0].healer
    assert healer is not None and identify(healer.pid) == healer
    whole.heal("seoul1", "seoul2")
    assert identify(healer.pid) != healer


def _seconds_to_send(lab: Lab, source: str, target: str, count: int) -> float:
    """Seconds a stream of `count` bytes takes from its first to its last byte, as the receiver's clock has it."""
    code = (
        "import socket,time; s = socket.create_server(('', 5006)); print('up', flush=True); c = s.accept()[0];"
        f" n = 0; b = time.monotonic()\nwhile n < {count}:\n d = c.recv(65536)\n n += len(d)\n if not d: break\n"
        "print(time.monotonic() - b)"
    )
    command = lab.command(target, ["/usr/bin/python3", "-c", code])
    with subprocess.Popen(command.argv, env=command.env, stdout=subprocess.PIPE) as receiver:
        assert receiver.stdout is not None and receiver.stdout.readline() == b"up\n"
        sender = f"import socket; socket.create_connection(('{lab.address(target)}', 5006)).sendall(bytes({count}))"
        lab.run(source, ["/usr/bin/python3", "-c", sender])
        return float(receiver.stdout.read())


def test_rate(whole: Lab) -> None:
    count = 2_500_000
    assert _seconds_to_send(whole, "seoul1", "seoul2", count) < 0.7
    whole.rate("seoul1", "20mbit", direction="out")
    assert 0.8 < _seconds_to_send(whole, "seoul1", "seoul2", count) < 1.6
    assert _seconds_to_send(whole, "seoul2", "seoul1", count) < 0.7
    whole.rate("seoul1", "10mbit")
    assert 1.7 < _seconds_to_send(whole, "seoul1", "seoul2", count) < 4
    assert 1.7 < _seconds_to_send(whole, "seoul2", "seoul1", count) < 4
    assert len(whole.status()["faults"]) == 1
    whole.rate("seoul1", "off")
    assert _seconds_to_send(whole, "seoul1", "seoul2", count) < 0.7
    assert whole.status()["faults"] == []


def test_freeze_and_thaw(whole: Lab) -> None:
    command = whole.command("seoul1", ["sh", "-c", "while :; do date +%s%N > /var/tmp/clock; done"])
    with subprocess.Popen(command.argv, env=command.env, start_new_session=True) as worker:
        try:
            clock = Path(whole.state().hosts["seoul1"].directory) / "upper/var/tmp/clock"
            until("work", lambda: (clock.exists() and clock.stat().st_size > 0, "nothing"), 10)
            whole.freeze("seoul1")
            at_freeze = clock.read_text()
            states = {stat.state for stat in _members(whole, "seoul1")} - {"Z"}
            assert states == {"T"}
            # The kernel still takes connections; no program answers.
            assert connect(whole, "seoul2", "seoul1")
            assert clock.read_text() == at_freeze
            with pytest.raises(LabError, match="seoul1 is frozen and would not answer"):
                whole.run("seoul1", ["true"])
            assert whole.thaw("seoul1")
            until("work again", lambda: (clock.read_text() > at_freeze, clock.read_text()), 10)
            assert not whole.thaw("seoul1")
        finally:
            os.killpg(worker.pid, signal.SIGKILL)


def _members(lab: Lab, host: str) -> list[ProcessStat]:
    init = lab.state().hosts[host].init
    assert init is not None
    space = link_of(init.pid, "ns/pid")
    return [stat for stat in all_processes() if link_of(stat.pid, "ns/pid") == space]


def test_freeze_thaws_itself(whole: Lab) -> None:
    whole.freeze("seoul1", seconds=1.0)
    assert _conditions(whole)["seoul1"] == "frozen"
    until("thaw", lambda: (_conditions(whole)["seoul1"] == "up", str(_conditions(whole))), 10)
    assert whole.run("seoul1", ["hostname"]).stdout == "seoul1\n"


def test_crash_is_silent_and_the_disk_stays(whole: Lab, tmp_path: Path) -> None:
    inventory = str(write_inventory(whole, tmp_path / "hosts.yml"))
    ping = ["ansible", "-i", inventory, "seoul1", "-m", "ansible.builtin.ping"]
    assert "pong" in _ansible(*ping, cwd=tmp_path).stdout
    whole.run("seoul1", ["sh", "-c", "echo kept > /opt/kept; touch /tmp/lost /run/lost /dev/shm/lost"])
    keys = whole.run("seoul1", ["cat", "/etc/lab/ssh_host_ed25519_key.pub"]).stdout
    code = (
        f"import socket; s = socket.create_connection(('{whole.address('seoul1')}', 22)); s.recv(99); s.settimeout(3)\n"
        "print('open', flush=True)\ntry: print('heard', s.recv(99))\nexcept TimeoutError: print('silence')"
    )
    command = whole.command("seoul2", ["/usr/bin/python3", "-c", code])
    with subprocess.Popen(command.argv, env=command.env, stdout=subprocess.PIPE) as peer:
        assert peer.stdout is not None and peer.stdout.readline() == b"open\n"
        whole.crash("seoul1")
        assert peer.stdout.read() == b"silence\n"
    assert _conditions(whole) == {"seoul1": "down", "seoul2": "up", "busan1": "up"}
    assert not connect(whole, "seoul2", "seoul1")
    with pytest.raises(LabError, match="seoul1 is down; start it with"):
        whole.run("seoul1", ["true"])
    with pytest.raises(LabError, match="seoul1 is down already"):
        whole.crash("seoul1")
    whole.start("seoul1")
    assert whole.run("seoul1", ["cat", "/opt/kept"]).stdout == "kept\n"
    assert whole.run("seoul1", ["ls", "/tmp/lost", "/run/lost", "/dev/shm/lost"], check=False).stdout == ""
    assert whole.run("seoul1", ["cat", "/etc/lab/ssh_host_ed25519_key.pub"]).stdout == keys
    assert "pong" in _ansible(*ping, cwd=tmp_path).stdout
    with pytest.raises(LabError, match="seoul1 is up already"):
        whole.start("seoul1")


def test_crash_boots_again_by_itself_and_faults_outlive_it(whole: Lab) -> None:
    whole.cut("seoul1", "seoul2")
    whole.rate("seoul1", "10mbit")
    whole.crash("seoul1", seconds=1.0)
    until("boot", lambda: (_conditions(whole)["seoul1"] == "up", str(_conditions(whole))), 15)
    until("end of the fault", lambda: (len(whole.status()["faults"]) == 2, str(whole.status()["faults"])), 5)
    assert not connect(whole, "seoul1", "seoul2") and connect(whole, "seoul1", "busan1")
    assert "tbf" in whole.run("seoul1", ["tc", "qdisc", "show", "dev", "eth0"]).stdout


def test_frozen_host_can_crash(whole: Lab) -> None:
    whole.freeze("seoul1", seconds=600)
    whole.crash("seoul1")
    assert [fault["kind"] for fault in whole.status()["faults"]] == ["crash"]
    whole.start("seoul1")
    assert connect(whole, "controller", "seoul1")


def test_host_killed_by_others_is_seen_and_can_be_started(whole: Lab) -> None:
    init = whole.state().hosts["busan1"].init
    assert init is not None and send(init, signal.SIGKILL)
    until("death", lambda: (_conditions(whole)["busan1"] == "dead", str(_conditions(whole))), 5)
    whole.start("busan1")
    assert connect(whole, "seoul1", "busan1")


def test_dead_timer_is_shown(whole: Lab) -> None:
    whole.cut("seoul1", "seoul2", seconds=600)
    healer = whole.state().faults[0].healer
    assert healer is not None and send(healer, signal.SIGKILL)
    until("death", lambda: (whole.status()["faults"][0]["timer_alive"] is False, "alive"), 5)


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


def _leftovers(lab: Lab, before: dict[str, list[str]], spaces: set[str], state: LabState | None) -> list[str]:
    """What is there and was not; of the processes only the lab's, since others of the machine go on."""
    left = [f"{kind}: {line}" for kind, lines in _listing().items() for line in lines if line not in before[kind]]
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
        # Another lab of the machine may be built just now: what is really left stays and is found at the end.
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
    said = _ansible("ansible", "-i", inventory, "all", "-m", "ansible.builtin.ping", cwd=tmp_path).stdout
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
    assert _conditions(lab)["seoul1"] == "up"


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
