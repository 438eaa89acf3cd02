# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as directories with a block of ports each on 127.0.0.1 (no root)."""

import os
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.hosts import ports
from lab.hosts.backend import Command, Place, Save, Say
from lab.hosts.children import marked
from lab.hosts.errors import LabError
from lab.hosts.guest import python_files
from lab.hosts.processes import kill_members
from lab.hosts.spec import LabSpec, digest
from lab.hosts.state import Host, LabState, Store, lab_names
from lab.hosts.system import ProcessStat, Runner, all_processes, ancestors, environment, kill_all, link_of

ADDRESS = "127.0.0.1"
NO_LINKS = "{} needs root: hosts that are directories share 127.0.0.1; as root, use --backend namespaces"
FIRST_BASE = 28629
# Ports of one host: 100 apart, of which the first 60 are checked: listener, its neighbours and OWL's +50.
STEP = 100
CHECKED = 60
# Bases a lab without --port-base tries, all below the usual range of outgoing connections (32768 and up).
SLOTS = [FIRST_BASE, *(base for base in range(10629, 28629, 500))]


class Directories:
    """The backend `directories`."""

    def __init__(self, place: Place, runner: Runner) -> None:
        self._directory = place.directory
        self._root = place.root
        self._runner = runner

    def prepare(self, spec: LabSpec, say: Say) -> None:
        """See Backend."""
        if spec.subnet:
            raise LabError("--subnet is of the namespaces backend; directories all live on 127.0.0.1")
        if spec.shares:
            raise LabError("--share is of the namespaces backend; a directory hides nothing")

    def claim(self, spec: LabSpec, state: LabState, save: Save) -> None:
        """See Backend."""
        base = self._choose(spec)
        for index, name in enumerate(spec.hosts):
            directory = self._home(name)
            state.hosts[name] = Host(name, index + 1, ADDRESS, str(directory), port_base=base + STEP * index)
        save(state)

    def _home(self, name: str) -> Path:
        # Derived and never read from the state: what belongs to it is killed.
        return self._directory / "hosts" / name

    def _choose(self, spec: LabSpec) -> int:
        if spec.port_base:
            refusal = self._taken(spec.port_base, len(spec.hosts))
            if refusal:
                raise LabError(f"{refusal}; end it, or choose another --port-base")
            return spec.port_base
        order = SLOTS if spec.name == "lab" else _rotated(SLOTS[1:], digest(spec.name))
        first = ""
        for base in order:
            refusal = self._taken(base, len(spec.hosts))
            if not refusal:
                return base
            first = first or refusal
        raise LabError(f"no free block of ports: {first}; choose one with --port-base")

    def _taken(self, base: int, count: int) -> str:
        """Why a block is not free, or an empty text."""
        if base + STEP * count > 65536:
            return f"{count} hosts from port {base} on would pass port 65535"
        reserved = self._reserved()
        for index in range(count):
            block = base + STEP * index
            for other, owner in reserved.items():
                if abs(other - block) < STEP:
                    return f"ports {block} to {block + STEP - 1} overlap those of {owner}"
            for port in range(block, block + CHECKED):
                user = ports.user_of(port)
                if user:
                    return f"port {port} is in use by {user}"
        return ""

    def _reserved(self) -> dict[int, str]:
        found: dict[int, str] = {}
        for name in lab_names(self._root):
            if self._root / name == self._directory:
                continue
            try:
                others = Store(self._root, name).read().hosts.values()
            except LabError:
                # Damaged or just being removed: what it still uses shows when its ports are tried.
                continue
            for host in others:
                if host.port_base:
                    found[host.port_base] = f"host {host.name} of lab {name}"
        return found

    def build(self, state: LabState, save: Save, step: Say) -> None:
        """See Backend."""
        if not state.python:
            step(f"making {self._python()}")
            self._make_python()
        for host in state.hosts.values():
            step(f"making {host.directory}")
            os.makedirs(os.path.join(host.directory, "tmp"), mode=0o755)
            self.start(state, host, save)

    def _python(self) -> Path:
        return self._directory / "python" / "bin" / "python3"

    def _make_python(self) -> None:
        """A Python of the lab's own that compiles the modules which Ansible sends once and not at each task: see zip_cache.py."""
        place = self._directory / "python"
        venv.create(place, symlinks=True)
        cache = place / "cache"
        cache.mkdir()
        (packages,) = place.glob("lib/python*/site-packages")
        for name, (text, mode) in python_files(str(cache)).items():
            (packages / name).write_text(text)
            (packages / name).chmod(mode)

    def start(self, state: LabState, host: Host, save: Save) -> None:
        """See Backend."""
        host.status = "up"
        save(state)

    def crash(self, state: LabState, host: Host) -> None:
        """See Backend."""
        kill_members(lambda: self.processes(state, host))

    def processes(self, state: LabState, host: Host) -> list[ProcessStat]:
        """See Backend. A process belongs to a host by TB_HOME, LAB_DIR, working directory or program file."""
        spared = ancestors(os.getpid())
        home = self._home(host.name)
        return [stat for stat in all_processes() if stat.pid not in spared and _belongs(stat.pid, home)]

    def is_up(self, state: LabState, host: Host) -> bool:
        """See Backend."""
        return host.status == "up"

    def apply_cuts(self, state: LabState) -> None:
        """See Backend."""
        if any(fault.kind == "cut" for fault in state.faults):
            raise LabError(NO_LINKS.format("cut"))

    def apply_rate(self, state: LabState, host: Host) -> None:
        """See Backend."""
        raise LabError(NO_LINKS.format("rate"))

    def command(self, state: LabState, host: Host, argv: Sequence[str]) -> Command:
        """See Backend."""
        if host.status != "up":
            raise LabError(f"{host.name} is down; start it with: python3 -m lab start --name {state.name} {host.name}")
        env = {**os.environ, "LAB_HOST": host.name, "LAB_DIR": host.directory, "LAB_PORT_BASE": str(host.port_base)}
        return Command(list(argv), env, host.directory)

    def variables(self, state: LabState, host: Host) -> dict[str, Any]:
        """See Backend."""
        return {
            "ansible_connection": "local",
            "ansible_host": ADDRESS,
            "ansible_python_interpreter": state.python or str(self._python()),
            "ansible_remote_tmp": f"{host.directory}/tmp/.ansible",
            "lab_backend": "directories",
            "lab_address": ADDRESS,
            "lab_dir": host.directory,
            "lab_port_base": host.port_base,
            "lab_port_count": STEP,
        }

    def destroy(self, state: LabState | None) -> None:
        """See Backend."""
        kill_all(process for process in marked(self._directory))
        spared = ancestors(os.getpid())
        inside = self._directory / "hosts"
        kill_members(lambda: [s for s in all_processes() if s.pid not in spared and _belongs(s.pid, inside)])


def _rotated(values: list[int], number: int) -> list[int]:
    start = number % len(values)
    return values[start:] + values[:start]


def _belongs(pid: int, home: Path) -> bool:
    directory = str(home)

    def under(path: str) -> bool:
        return path == directory or path.startswith(directory + "/")

    variables = environment(pid)
    places = [variables.get("TB_HOME", ""), variables.get("LAB_DIR", ""), link_of(pid, "cwd"), link_of(pid, "exe")]
    return any(under(os.path.normpath(place)) for place in places if place)
