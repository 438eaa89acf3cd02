# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: the bench, and a guard that sees that a refused run changed nothing on any member."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench import Bench
from fingerprint import difference


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """The lab with a built primary and an empty host."""
    return Bench(tmp_path_factory.mktemp("bad_input"))


@pytest.fixture
def untouched(bench: Bench) -> Iterator[None]:
    """Nothing is different after the test: no file, no process, no key, no tip."""
    before = bench.fingerprint()
    yield
    assert difference(before, bench.fingerprint()) == []
