# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the fixture `bench`, and `drill`: the policy of a drill whose client is the controller."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import scenario
from cluster_bench import bench

from lab import drills
from lab.sweep.bench import Bench

__all__ = ["Drill", "bench"]


@dataclass
class Drill:
    """A finished drill: the exit code and output of its playbook, its folder, and the document in it."""

    code: int
    text: str
    folder: Path
    document: dict[str, Any]

    def value(self, path: str) -> Any:
        group, name = path.split(".")
        return self.document[group][name]["value"]

    def verdicts(self) -> dict[str, str]:
        return {each["objective"]: each["verdict"] for each in self.value("R.objectives")}

    def verify(self, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Its own verify.py, with a Python that knows nothing of us."""
        program = (folder or self.folder) / "verify.py"
        return subprocess.run(
            ["/usr/bin/python3", "-I", str(program)], capture_output=True, text=True, check=False, timeout=120
        )


@pytest.fixture(scope="session")
def client(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> drills.Client:
    """A client of Tibero on the controller."""
    return drills.unpack_client(bench.lab, scenario.INVENTORY, Path(tmp_path_factory.mktemp("client")))


@pytest.fixture(scope="session")
def drill(bench: Bench, client: drills.Client, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Drill]:
    evidence = Path(tmp_path_factory.mktemp("evidence"))
    objectives = {
        "rto_seconds": 120,
        "rto_reads_seconds": 120,
        "rpo_seconds": 120,
        "rtrr_seconds": 400,
        "steady_seconds": 10,
    }

    def run(kind: str, *arguments: str, target: str = "seoul2", **variables: Any) -> Drill:
        policy = drills.policy("A drill of the lab", objectives, faults=drills.faults(kind))
        few = {"drill_writers": 3, "drill_interval_ms": 500, "drill_baseline_seconds": 10}
        given = {"drill_policy": policy, **few, **drills.consents(kind, bench.lab), **variables}
        given = drills.variables(client, evidence, target, **given)
        before = set(evidence.glob("*/objectives.json"))
        code, text = bench.play(drills.book(kind), "-e", json.dumps(given), *arguments, journals="", limit=900.0)
        made = sorted(set(evidence.glob("*/objectives.json")) - before)
        folder = made[-1].parent if made else Path("/nonexistent")
        document = folder / "evidence.json"
        return Drill(code, text, folder, json.loads(document.read_text()) if document.exists() else {})

    yield run  # type: ignore[misc]
    shutil.rmtree(evidence, ignore_errors=True)
