# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of hosts as network name spaces share."""

import os
import sys
from pathlib import Path

from lab.hosts import Lab, Result
from lab.hosts.system import Runner

HOSTS = ("seoul1", "seoul2", "busan1")


def conditions(lab: Lab) -> dict[str, str]:
    """Each host, and whether it is up, down, dead or frozen."""
    return {name: host["condition"] for name, host in lab.status()["hosts"].items()}


def ansible(program: str, *arguments: str, cwd: Path) -> Result:
    """Run a program of Ansible with no settings but its own."""
    path = Path(sys.executable).parent / program
    (cwd / "ansible.cfg").write_text("[defaults]\n")
    env = {**os.environ, "ANSIBLE_HOME": str(cwd / "home"), "ANSIBLE_CONFIG": str(cwd / "ansible.cfg")}
    env["LC_ALL"] = "C.UTF-8"
    return Runner().run([str(path), *arguments], timeout=90, env=env, cwd=str(cwd))
