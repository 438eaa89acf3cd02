# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts for playbooks and drills: real network namespaces as root, plain directories without.

`Lab.up` builds a lab, `Lab.open` finds a running one; see docs/lab.md for what a user does with it.
"""

from lab.hosts.api import Lab
from lab.hosts.errors import LabError
from lab.hosts.spec import LabSpec
from lab.hosts.system import Result

__all__ = ["Lab", "LabError", "LabSpec", "Result"]
