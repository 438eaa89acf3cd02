# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second run on a Tibero 6 changed nothing."""

from __future__ import annotations

import scenario

BUILT, AGAIN = scenario.runs("converge.yml")


def test_no_run_failed():
    assert [scenario.failed(run) for run in (BUILT, AGAIN)] == [set(), set()]


def test_the_first_run_built_and_the_second_changed_nothing():
    assert set(scenario.members()) <= scenario.changing(BUILT)
    assert AGAIN["changed"] == []
