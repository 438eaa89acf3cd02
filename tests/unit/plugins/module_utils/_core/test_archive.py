# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program packed from the collection's modules: it runs where there is no collection, and is always the same."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import archive
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.service_task import PROGRAM


def test_it_runs_on_its_own(tmp_path: Path) -> None:
    program = tmp_path / "firedrill-orders"
    program.write_bytes(archive.program(PROGRAM, sys.executable))
    program.chmod(0o755)
    done = subprocess.run(
        [str(program), str(tmp_path / "none.json"), "boot"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": "/nowhere"},
    )
    assert done.returncode == 1 and "none.json is no description of a member" in done.stdout, done
    assert "playbooks/setup_standby.yml" in done.stdout and not done.stderr


def test_the_same_sources_give_the_same_bytes() -> None:
    assert archive.program(PROGRAM, "/usr/bin/python3") == archive.program(PROGRAM, "/usr/bin/python3")
    packed = archive.sources(PROGRAM)
    assert PROGRAM in packed and not [name for name in packed if name.endswith(("_module", "service_task"))]


def test_a_module_without_its_source_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: importlib.machinery.ModuleSpec(name, None))
    with pytest.raises(StandbyError, match=r"source of .* cannot be read"):
        archive.sources(PROGRAM)
