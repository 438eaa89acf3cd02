# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs the Debian packages of the tests over real SSH, as root; without root it names what is missing and goes on.

python -m tools.packages
"""

from __future__ import annotations

import os
import sys

from lab.hosts import packages
from lab.hosts.errors import LabError
from lab.hosts.system import Runner

#: Programs that tests and benchmarks use beside those of the lab's hosts.
BESIDE = {"rsync": "rsync", "iptables": "iptables", "systemd-analyze": "systemd"}


def main() -> int:
    packages.PROGRAMS.update(BESIDE)
    root = os.geteuid() == 0
    try:
        packages.ensure(Runner(), print, install=root)
    except LabError as error:
        print(f"Test bed: {error}", file=sys.stderr)
        return 1 if root else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
