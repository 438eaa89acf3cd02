# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kill-point sweep: a role change is broken at every moment in every way and run again, and what must always hold is checked.

`bench` is a cluster of the lab and what is asked of it, `load` writes rows and knows which were acknowledged, `fingerprint` tells what hosts are made of and
what may differ, `residue` what is left behind, `cases` lists what is broken, `run` breaks, runs again and judges. `make sweep` runs all; molecule/broken
runs a rotating tenth.
"""
