# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the fixture `bench`."""

from __future__ import annotations

from cluster_bench import bench

__all__ = ["bench"]
