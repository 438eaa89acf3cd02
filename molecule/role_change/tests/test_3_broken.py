# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rotating tenth of the kill-point sweep: role changes that are broken at a moment and run again. All of it: make sweep."""

from __future__ import annotations

import time

import pytest

from lab.sweep.bench import Bench
from lab.sweep.cases import Case, tenth
from lab.sweep.run import run_case

#: The day is the seed; it is part of the tests' names.
DAY = int(time.time() // 86400)


@pytest.mark.parametrize("case", tenth(DAY), ids=lambda case: f"day {DAY}: {case}")
def test_broken_and_run_again(bench: Bench, case: Case):
    result = run_case(bench, case)
    assert result.broken == (), result
