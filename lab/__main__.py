# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python3 -m lab`: the command line of the lab's hosts."""

import sys

from lab.hosts.cli import main

sys.exit(main(sys.argv[1:]))
