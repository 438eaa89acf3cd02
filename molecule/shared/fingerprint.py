# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fingerprints of the lab, under the name by which tests of a scenario import them; the sweep of `lab` needs them too."""

from __future__ import annotations

from lab.sweep.fingerprint import ROLE_CHANGE, RUNNING, Fingerprint, difference, fingerprint, unexplained

__all__ = ["ROLE_CHANGE", "RUNNING", "Fingerprint", "difference", "fingerprint", "unexplained"]
