# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab with everything our playbooks need to build a cluster on it: hosts, the emulator's tarball, licences and an inventory.

`python3 -m lab.cluster up NAME ...` is what molecule's create step calls; the demo uses the same functions.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.hosts.api import Lab
from lab.hosts.spec import LabSpec

ROOT = Path(__file__).resolve().parent.parent
PACK = ROOT / "lab/emulator/pack.py"
#: Password of SYS in labs. It guards an emulator on addresses that only this machine has, and tests search logs for it.
LAB_PASSWORD = "lab_Sys-7.secret"
LAB_SYSCAT_PASSWORD = "lab_Syscat-7.secret"

Vars = dict[str, Any]


@dataclass(frozen=True)
class ClusterSpec:
    """A cluster as a scenario describes it.

    Args:
        name: name of the lab.
        members: variables of each member, by inventory name, in order.
        group: the inventory group.
        clients: further hosts that are no members.
        backend: `namespaces`, `directories` or `auto`.
        version: major version of the emulator.
        variables: variables of the group.
        licence_days: validity of the licences.
    """

    name: str
    members: Mapping[str, Vars]
    group: str = "orders"
    clients: tuple[str, ...] = ()
    backend: str = "auto"
    version: int = 7
    variables: Vars = field(default_factory=dict)
    licence_days: int = 365


def pack_emulator(version: int, output: Path, python: str) -> tuple[Path, str]:
    """Pack the emulator for an interpreter of its hosts; returns the tarball and its checksum as `sha256:...`."""
    done = subprocess.run(
        [sys.executable, str(PACK), "--version", str(version), "--output", str(output), "--python", python],
        check=True,
        capture_output=True,
        text=True,
    )
    words = done.stdout.split()
    tarball = next(Path(word) for word in words if word.endswith(".tar.gz"))
    digest = next(word for word in words if word.startswith("sha256:"))
    return tarball, digest


def make_licence(host_name: str, version: int, days: int, path: Path, start: str = "") -> None:
    """Make an emulator licence for a host name and a major version, valid from a day (YYYY/MM/DD, default today)."""
    folder = path.parent / (path.name + ".made")
    command = [sys.executable, str(PACK), "--version", str(version), "--licence", host_name]
    command += ["--days", str(days), "--output", str(folder), *(["--start", start] if start else [])]
    subprocess.run(command, check=True, capture_output=True, text=True)
    shutil.move(str(folder / "license.xml"), path)
    folder.rmdir()


def member_variables(lab: Lab, backend: str, name: str, spec: ClusterSpec, licences: Path) -> Vars:
    """What a member needs beside its scenario's variables: paths, ports and how to become the OS user."""
    host = lab.state().host(name)
    licence = licences / f"{name}.xml"
    if backend == "directories":
        home = Path(host.directory) / f"tibero{spec.version}"
        make_licence(os.uname().nodename, spec.version, spec.licence_days, licence)
        own: Vars = {
            "tibero_home": str(home),
            "tibero_listener_port": host.port_base,
            "tibero_address": "127.0.0.1",
            "standby_become": False,
            "standby_host_prepare": False,
            "standby_seed_transport": "local",
            "software_profile": "",
        }
    else:
        make_licence(name, spec.version, spec.licence_days, licence)
        own = {
            "tibero_address": host.address,
            # A lab host reaches no package mirror, and most of the kernel is the machine's.
            "host_packages": [],
            "host_kernel": "file",
        }
    return {**own, "tibero_license_file": str(licence), **spec.members[name]}


def up(spec: ClusterSpec, root: Path | None = None, say: Any = print) -> tuple[Lab, Path]:
    """Build the lab and write `inventory.yml` beside it.

    Returns:
        the lab and the inventory's path.
    """
    lab = Lab.up(LabSpec(spec.name, (*spec.members, *spec.clients), spec.backend), root, say)
    backend = lab.state().backend
    files = lab.directory / "cluster"
    (files / "licences").mkdir(parents=True)
    tarball, digest = pack_emulator(
        spec.version, files, sys.executable if backend == "directories" else "/usr/bin/python3"
    )
    variables: Vars = {
        "standby_engine": "tibero",
        "tibero_version": spec.version,
        "tibero_db_name": spec.group,
        "tibero_tarball": str(tarball),
        "tibero_tarball_checksum": digest,
        "tibero_sys_password": LAB_PASSWORD,
        "tibero_syscat_password": LAB_SYSCAT_PASSWORD,
        "tibero_redo_size": "8M",
        "tibero_total_shm_size": "512M",
        "tibero_memory_target": "1G",
        **spec.variables,
    }
    hosts = []
    for name in spec.members:
        own = {**variables, **member_variables(lab, backend, name, spec, files / "licences")}
        hosts += [f"{name}:{key}={json.dumps(value)}" for key, value in own.items()]
    groups = [f"{spec.group}:{','.join(spec.members)}"]
    if spec.clients:
        groups.append(f"clients:{','.join(spec.clients)}")
    inventory = lab.directory / "inventory.yml"
    inventory.touch(mode=0o600)
    inventory.write_text(lab.inventory(groups, hosts))
    return lab, inventory


def playbook(
    inventory: Path, book: str, *arguments: str, environment: Mapping[str, str] | None = None, **options: Any
) -> Any:
    """Run one of our playbooks as a user of a checkout does; returns the completed process."""
    program = Path(sys.executable).parent / "ansible-playbook"
    command = [str(program), "-i", str(inventory), str(ROOT / "playbooks" / book), *arguments]
    surroundings = {**os.environ, **(environment or {})}
    return subprocess.run(command, cwd=ROOT, env={**surroundings, **keeping(surroundings)}, check=False, **options)


def keeping(environment: Mapping[str, str]) -> dict[str, str]:
    """What has to be in the environment of ansible-playbook so that it keeps the modules it packs for the next run: see callback/module_store.py."""

    def joined(name: str, more: str, by: str) -> str:
        return by.join(part for part in (environment.get(name), more) if part)

    return {
        "ANSIBLE_CALLBACK_PLUGINS": joined("ANSIBLE_CALLBACK_PLUGINS", str(ROOT / "lab" / "callback"), os.pathsep),
        "ANSIBLE_CALLBACKS_ENABLED": joined("ANSIBLE_CALLBACKS_ENABLED", "module_store", ","),
        "FIREDRILL_MODULE_STORE": str(ROOT / ".cache" / "modules"),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: up NAME SPEC.json prints the inventory's path; down NAME."""
    parser = argparse.ArgumentParser(prog="python3 -m lab.cluster", description=__doc__)
    parser.add_argument("verb", choices=("up", "down"))
    parser.add_argument("name")
    parser.add_argument("spec", nargs="?", help="JSON file with the fields of ClusterSpec")
    options = parser.parse_args(arguments)
    if options.verb == "down":
        Lab(name=options.name).down()
        return 0
    given = json.loads(Path(options.spec).read_text())
    given["clients"] = tuple(given.get("clients", ()))
    _, inventory = up(ClusterSpec(name=options.name, **given), say=lambda text: print(text, file=sys.stderr))
    print(inventory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
