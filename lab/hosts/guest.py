# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that make a name space a host of its own: names, keys, sshd's configuration."""

import hashlib
from pathlib import Path

from lab.hosts.spec import CONTROLLER
from lab.hosts.state import Host, LabState

SSHD_CONFIG = """\
# Written by the lab.
Port 22
AddressFamily inet
HostKey /etc/lab/ssh_host_ed25519_key
AuthorizedKeysFile /etc/lab/authorized_keys .ssh/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM yes
UseDNS no
PrintMotd no
PidFile /run/sshd.pid
LogLevel VERBOSE
MaxStartups 100:30:200
MaxSessions 100
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
"""


def hosts_file(state: LabState) -> str:
    """/etc/hosts of every host of the lab."""
    lines = ["127.0.0.1 localhost", f"{state.controller_address} {CONTROLLER}"]
    lines += [f"{host.address} {host.name}" for host in state.hosts.values()]
    return "\n".join(lines) + "\n"


def guest_files(directory: Path, state: LabState, host: Host) -> dict[str, tuple[str, int]]:
    """Text and mode of each file written at a host's first boot."""
    key = directory / f"host_{host.name}"
    machine = hashlib.sha256(f"{directory} {host.name}".encode()).hexdigest()[:32]
    return {
        "/etc/hostname": (f"{host.name}\n", 0o644),
        "/etc/hosts": (hosts_file(state), 0o644),
        # No name server: a look-up of an unknown name fails at once instead of waiting.
        "/etc/resolv.conf": ("# Written by the lab: names come from /etc/hosts.\n", 0o644),
        "/etc/machine-id": (machine + "\n", 0o444),
        "/etc/lab/sshd_config": (SSHD_CONFIG, 0o644),
        "/etc/lab/authorized_keys": ((directory / "id_ed25519.pub").read_text(), 0o644),
        "/etc/lab/ssh_host_ed25519_key": (key.read_text(), 0o600),
        "/etc/lab/ssh_host_ed25519_key.pub": (key.with_suffix(".pub").read_text(), 0o644),
    }


def python_files(cache: str = "") -> dict[str, tuple[str, int]]:
    """Text and mode of each file for the directory of packages of a host's Python: see zip_cache.py, whose directory may be another."""
    return {
        "lab_zip_cache.py": (Path(__file__).with_name("zip_cache.py").read_text(), 0o644),
        "lab_zip_cache.pth": (f"import lab_zip_cache; lab_zip_cache.install({repr(cache) if cache else ''})\n", 0o644),
    }


def known_hosts(directory: Path, state: LabState) -> str:
    """The lab's own known_hosts: every host by address and by name."""
    lines = []
    for host in state.hosts.values():
        kind, key = (directory / f"host_{host.name}.pub").read_text().split()[:2]
        lines.append(f"{host.address},{host.name} {kind} {key}")
    return "\n".join(lines) + "\n"
