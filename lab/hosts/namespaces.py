# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as name spaces of this machine (root): own address, processes, disk, host name, sshd."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.hosts import packages
from lab.hosts.backend import Command, Place, Save, Say
from lab.hosts.children import Child, marked
from lab.hosts.errors import LabError
from lab.hosts.guest import guest_files, known_hosts, python_files
from lab.hosts.network import Network, interface_name
from lab.hosts.processes import descendants
from lab.hosts.spec import LabSpec, checkout
from lab.hosts.state import Host, LabState, locked
from lab.hosts.system import (
    PATH,
    ProcessStat,
    Runner,
    alive,
    all_processes,
    command_line,
    identify,
    kill_all,
    link_of,
    until,
)

FIRST_ADDRESS = 11
#: Its lock is the one of all who give addresses to interfaces of this machine.
INTERFACES = Path("/sys/class/net")
BOOT_TIMEOUT = 30.0
# An overlay's upper layer needs a local file system with extended attributes that is not an overlay itself.
UNFIT = ("overlay", "nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "vboxsf", "fuse", "vfat", "ecryptfs")


class Namespaces:
    """The backend `namespaces`."""

    def __init__(self, place: Place, runner: Runner) -> None:
        self._directory = place.directory
        self._root = place.root
        self._runner = runner
        self._network = Network(runner)

    def prepare(self, spec: LabSpec, say: Say) -> None:
        """See Backend."""
        if os.geteuid() != 0:
            raise LabError("the namespaces backend needs root; run as root, or use --backend directories")
        for path in ("/usr", "/etc"):
            if os.stat(path).st_dev != os.stat("/").st_dev:
                raise LabError(f"{path} is a file system of its own on this machine; the lab builds hosts from / alone")
        packages.ensure(self._runner, say, spec.install)

    def claim(self, spec: LabSpec, state: LabState, save: Save) -> None:
        """See Backend."""
        self._control_directory.mkdir(mode=0o700)
        config = self._directory / "switch.json"
        config.write_text("{}\n")
        # Labs of other state directories and of other checkouts choose too, and see a subnet once an interface has it.
        with locked(INTERFACES):
            network = self._network.choose_subnet(f"{self._root}/{spec.name}", spec.subnet)
            state.subnet = str(network)
            state.controller_address = str(network[1])
            state.interface = interface_name(self._directory)
            state.control_directory = str(self._control_directory)
            for index, name in enumerate(spec.hosts, start=1):
                address = str(network[FIRST_ADDRESS + index - 1])
                state.hosts[name] = Host(name, index, address, str(self._disk(name)))
            save(state)
            child = self._child("switch", "switch", config)
            state.switch = child.process
            save(state)
            child.go(15.0)
            self._network.build_switch(state)

    @property
    def _control_directory(self) -> Path:
        """Where ssh keeps its shared connections: sockets, whose paths may have 107 bytes, ssh's suffix included.

        Derived and never read from the state: `down` kills and deletes by it, and a half-written state must not lead it
        elsewhere.
        """
        near = self._directory / "cp"
        return near if len(str(near)) <= 60 else Path("/tmp") / interface_name(self._directory)

    def _disk(self, name: str) -> Path:
        return self._directory / "disks" / name

    def _child(self, what: str, kind: str, config: Path) -> Child:
        program = str(Path(__file__).with_name("hostinit.py"))
        argv = [packages.INTERPRETER, "-I", program, kind, str(config)]
        return Child(what, argv, self._directory, self._directory / "boot.log")

    def build(self, state: LabState, save: Save, step: Say) -> None:
        """See Backend."""
        disks = self._directory / "disks"
        disks.mkdir(mode=0o755)
        if file_system(disks) in UNFIT or file_system(disks).startswith("fuse"):
            state.mounts.append(str(disks))
            save(state)
            self._runner.run(["mount", "-t", "tmpfs", "-o", "mode=755", "lab-disks", str(disks)])
        step("making keys")
        self._keygen(self._directory / "id_ed25519", f"lab-{state.name}")
        for host in state.hosts.values():
            self._keygen(self._directory / f"host_{host.name}", host.name)
        (self._directory / "known_hosts").write_text(known_hosts(self._directory, state))
        for host in state.hosts.values():
            step(f"booting {host.name} ({host.address})")
            self.start(state, host, save)
        self.apply_cuts(state)
        save(state)

    def _keygen(self, path: Path, comment: str) -> None:
        self._runner.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])

    def start(self, state: LabState, host: Host, save: Save) -> None:
        """See Backend."""
        if host.status != "new":
            # A host whose process 1 was killed by others may have left its cable.
            self._network.unplug(state, host)
        config = self._config(state, host)
        child = self._child(f"process 1 of {host.name}", "host", config)
        host.init = child.process
        host.interface = f"eth0 in {host.name}, h{host.index} in the switch"
        try:
            save(state)
            self._network.plug(state, host)
            child.go(BOOT_TIMEOUT)
            pid = child.process.pid
            until(f"sshd of {host.name}", lambda: (listening(pid, 22), "no listener on port 22"), BOOT_TIMEOUT)
            host.mounts = mounts_of(pid)
            host.status = "up"
            if state.fault_of("rate", host.name):
                self._network.apply_rate(state, host)
        except BaseException:
            kill_all([child.process])
            host.init = None
            raise
        finally:
            child.close()
            save(state)
        self._end_shared_connections(host)

    def _config(self, state: LabState, host: Host) -> Path:
        disk = self._disk(host.name)
        upper, temporary = disk / "upper", disk / "tmp"
        if host.status == "new":
            for path, mode in ((disk, 0o755), (upper, 0o755), (disk / "work", 0o755), (disk / "merged", 0o755)):
                path.mkdir()
                path.chmod(mode)
            home = upper / "root"
            home.mkdir(mode=0o700)
            # The administrator's own home directory, with its keys, is not for the hosts: each has an empty one.
            os.setxattr(home, "trusted.overlay.opaque", b"y")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        temporary.chmod(0o1777)
        path = self._directory / f"{host.name}.json"
        config = {
            "name": host.name,
            "upper": str(upper),
            "work": str(disk / "work"),
            "merged": str(disk / "merged"),
            "tmp": str(temporary),
            "hidden": outermost([str(checkout()), str(self._root)]),
            "shares": state.shares,
            "first_boot": host.status == "new",
            "files": guest_files(self._directory, state, host),
            "python_files": python_files(),
            "sshd": [shutil.which("sshd", path=PATH), "-D", "-e", "-f", "/etc/lab/sshd_config"],
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(config))
        return path

    def crash(self, state: LabState, host: Host) -> None:
        """See Backend."""
        self._network.silence(state, host)
        if host.init is not None:
            kill_all([host.init])
        self._network.unplug(state, host)
        host.init = None
        host.mounts = []
        host.interface = ""

    def processes(self, state: LabState, host: Host) -> list[ProcessStat]:
        """See Backend."""
        if host.init is None or not alive(host.init):
            return []
        space = link_of(host.init.pid, "ns/pid")
        stats = list(all_processes())
        members = {stat.pid for stat in stats if link_of(stat.pid, "ns/pid") == space}
        return descendants(members, stats)

    def is_up(self, state: LabState, host: Host) -> bool:
        """See Backend."""
        return alive(host.init)

    def apply_cuts(self, state: LabState) -> None:
        """See Backend."""
        state.rules = self._network.apply_cuts(state)

    def apply_rate(self, state: LabState, host: Host) -> None:
        """See Backend."""
        self._network.apply_rate(state, host)

    def command(self, state: LabState, host: Host, argv: Sequence[str]) -> Command:
        """See Backend."""
        if host.init is None or not alive(host.init):
            raise LabError(f"{host.name} is down; start it with: python3 -m lab start --name {state.name} {host.name}")
        env = {"PATH": PATH, "HOME": "/root", "USER": "root", "LOGNAME": "root", "LANG": "C.UTF-8"}
        env |= {"TERM": os.environ.get("TERM", "dumb"), "SHELL": "/bin/bash"}
        enter = ["nsenter", "-t", str(host.init.pid), "-m", "-u", "-i", "-n", "-p", "-r", "-w", "--"]
        return Command([*enter, *argv], env, "/")

    def variables(self, state: LabState, host: Host) -> dict[str, Any]:
        """See Backend."""
        options = {
            "UserKnownHostsFile": self._directory / "known_hosts",
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "IdentitiesOnly": "yes",
            "ControlMaster": "auto",
            "ControlPersist": "10m",
            "ControlPath": f"{self._control_directory}/%h-%p-%r",
            "ConnectTimeout": 5,
            "ServerAliveInterval": 5,
            "ServerAliveCountMax": 3,
        }
        return {
            "ansible_connection": "ssh",
            "ansible_host": host.address,
            "ansible_port": 22,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self._directory / "id_ed25519"),
            "ansible_ssh_common_args": "-F /dev/null" + "".join(f" -o {key}={text}" for key, text in options.items()),
            "ansible_python_interpreter": state.python or packages.INTERPRETER,
            "lab_backend": "namespaces",
            "lab_address": host.address,
        }

    def destroy(self, state: LabState | None) -> None:
        """See Backend."""
        recorded = [fault.healer for fault in state.faults] + [state.switch] if state else []
        inits = [host.init for host in state.hosts.values()] if state else []
        # Hosts end first and with their cables in, so that shared ssh connections see their end.
        kill_all(process for process in inits if process is not None)
        self._end_shared_connections()
        mine = {process for process in recorded if process is not None} | set(marked(self._directory))
        kill_all(process for process in mine if process.pid != os.getpid())
        interface = interface_name(self._directory)
        if os.path.exists(f"/sys/class/net/{interface}"):
            self._runner.run(["ip", "link", "delete", interface], check=False)
        until(
            f"removal of {interface}",
            lambda: (not os.path.exists(f"/sys/class/net/{interface}"), "still in /sys/class/net"),
            15.0,
        )
        disks = self._directory / "disks"
        if os.path.ismount(disks):
            self._unmount(disks)
        if self._control_directory.is_dir():
            self._control_directory.rmdir()

    def _unmount(self, path: Path) -> None:
        def probe() -> tuple[bool, str]:
            # The kernel lets go of a killed host's mounts a moment after its last process.
            said = self._runner.run(["umount", str(path)], check=False).stderr.strip()
            return not os.path.ismount(path), said

        until(f"unmounting {path}", probe, 15.0)

    def _end_shared_connections(self, host: Host | None = None) -> None:
        """End the ssh master processes that the inventory's connection sharing left, of one host or of all."""
        prefix = f"{host.address}-" if host else ""
        start = f"ssh: {self._control_directory}/{prefix}"
        masters = []
        for stat in all_processes():
            if command_line(stat.pid).startswith(start):
                process = identify(stat.pid)
                if process is not None:
                    masters.append(process)
        kill_all(masters)
        if self._control_directory.is_dir():
            for path in self._control_directory.glob(f"{prefix}*"):
                if path.is_socket():
                    path.unlink(missing_ok=True)


def outermost(paths: Sequence[str]) -> list[str]:
    """The paths that are not inside another of them."""
    return [path for path in paths if not any(path.startswith(other + "/") for other in paths)]


def file_system(path: Path) -> str:
    """The type of the file system a path is on."""
    best, kind = "", ""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        point = left.split()[4]
        if (str(path) + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best):
            best, kind = point, right.split()[0]
    return kind


def mounts_of(pid: int) -> list[str]:
    """The mount points a process sees."""
    try:
        text = Path(f"/proc/{pid}/mountinfo").read_text()
    except OSError:
        return []
    return [line.split()[4] for line in text.splitlines()]


def listening(pid: int, port: int) -> bool:
    """Whether something listens on an IPv4 TCP port in the network name space of a process."""
    try:
        lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return False
    return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in lines)
