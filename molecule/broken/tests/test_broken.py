# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rotating tenth of the kill-point sweep: role changes that are broken at a moment and run again. All of it: make sweep."""

from __future__ import annotations

import time

import pytest

from lab.sweep.bench import Bench
from lab.sweep.cases import Case, tenth
from lab.sweep.run import run_cases

#: The day is the seed; it is part of the tests' names.
DAY = int(time.time() // 86400)


@pytest.mark.parametrize("cases", tenth(DAY), ids=lambda cases: f"day {DAY}: {', '.join(map(str, cases))}")
def test_broken_and_run_again(bench: Bench, cases: tuple[Case, ...]):
    result = run_cases(bench, cases)
    assert result.broken == (), result
