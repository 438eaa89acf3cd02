# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of a scenario know of it: its lab, its runs, and the evidence that collect.yml wrote down."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

NAME = os.environ["MOLECULE_SCENARIO_NAME"]
LAB_NAME = f"molecule-{NAME}"
WORK = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
ROOT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
LAB_DIRECTORY = ROOT / ".cache" / "lab" / LAB_NAME
INVENTORY = LAB_DIRECTORY / "inventory.yml"


def evidence() -> dict[str, Any]:
    """What collect.yml saw: `ledger` (lines of JSON), `rows` and `members` by member, `watched` by member."""
    return dict(json.loads((WORK / "evidence.json").read_text(encoding="utf-8")))


def runs(playbook: str) -> list[dict[str, Any]]:
    """The runs of a playbook, oldest first, as the callback run_record wrote them."""
    lines = (WORK / "runs.jsonl").read_text(encoding="utf-8").splitlines()
    return [run for run in map(json.loads, lines) if run["playbook"] == playbook]


def changing(run: dict[str, Any]) -> set[str]:
    """The hosts on which a run changed something, or said it would."""
    return {host for host, numbers in run["hosts"].items() if numbers["changed"]}


def failed(run: dict[str, Any]) -> set[str]:
    """The hosts that failed or were not reached in a run."""
    return {host for host, numbers in run["hosts"].items() if numbers["failures"] or numbers["unreachable"]}


@cache
def description() -> dict[str, Any]:
    """The description of the cluster, as create.yml gave it to the lab."""
    return dict(json.loads((WORK / "cluster.json").read_text(encoding="utf-8")))


def members() -> list[str]:
    """The members; the first is the primary."""
    return list(description()["members"])


def variable(member: str, name: str, default: str) -> str:
    """A variable of a member as the scenario describes it, else the default."""
    return str(description()["members"][member].get(name, default))


def home() -> str:
    """TB_HOME of every member."""
    return f"/home/tibero/tibero{description()['version']}"


def data_directory(member: str) -> str:
    """Where a member has its datafiles."""
    return variable(member, "tibero_data_dir", f"{home()}/database/orders")
