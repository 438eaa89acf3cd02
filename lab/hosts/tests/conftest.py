# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of these tests: the ones the lab offers to others."""

from lab.hosts.pytest_plugin import lab_factory, lab_root

__all__ = ["lab_factory", "lab_root"]
