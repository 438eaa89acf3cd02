# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages the namespaces backend needs, installed through apt-get when their programs are missing."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from lab.hosts.errors import LabError
from lab.hosts.system import PATH, Runner

PROGRAMS = {
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "ip": "iproute2",
    "tc": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    # Most hosts have it, and Ansible sends a module in one go with it: with su it copies a file first.
    "sudo": "sudo",
}
INTERPRETER = "/usr/bin/python3"
_POLICY = Path("/usr/sbin/policy-rc.d")


def missing_packages() -> list[str]:
    """Packages to install, in a stable order."""
    lost = {package for program, package in PROGRAMS.items() if shutil.which(program, path=PATH) is None}
    if not os.access(INTERPRETER, os.X_OK):
        lost.add("python3")
    return sorted(lost)


def ensure(runner: Runner, say: Callable[[str], None], install: bool) -> list[str]:
    """Install what is missing; returns the packages installed.

    Services do not start on the machine itself: for the time of the installation a policy-rc.d forbids it.

    Raises:
        LabError: something is missing and may not, or could not, be installed.
    """
    packages = missing_packages()
    if not packages:
        return []
    command = "apt-get install --no-install-recommends " + " ".join(packages)
    if not install or shutil.which("apt-get", path=PATH) is None:
        raise LabError(f"packages are missing: {', '.join(packages)}; install them (on Debian: {command})")
    say(f"installing with apt-get, because the lab needs them: {', '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": PATH}
    base = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120"]
    ours = not _POLICY.exists()
    if ours:
        _POLICY.write_text("#!/bin/sh\n# Written by the lab while it installs packages.\nexit 101\n")
        _POLICY.chmod(0o755)
    try:
        wanted = [*base, "install", "--no-install-recommends", *packages]
        if runner.run(wanted, env=environment, timeout=300, check=False).rc != 0:
            runner.run([*base, "update"], env=environment, timeout=180)
            runner.run(wanted, env=environment, timeout=300)
    finally:
        if ours:
            _POLICY.unlink(missing_ok=True)
    still = missing_packages()
    if still:
        raise LabError(f"{command} ended well, yet programs of {', '.join(still)} are still missing")
    return packages
