# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fixture: the cluster of this scenario as the sweep sees it. The conftest.py of a scenario imports it."""

from __future__ import annotations

from pathlib import Path

import pytest
import scenario

from lab.hosts.api import Lab
from lab.sweep.bench import Bench


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    place = Path(tmp_path_factory.mktemp("runs"))
    return Bench(Lab.open(scenario.LAB_NAME), scenario.INVENTORY, scenario.members(), place)
