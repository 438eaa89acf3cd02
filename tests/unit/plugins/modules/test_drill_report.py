# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of a sealed folder: where they lie, that they are made of sealed evidence only, and that the folder is left as it is."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.action import drill_report
from ansible_collections.firedrill.standby.plugins.module_utils._core import evidence_check, evidence_folder
from tests.unit.plugins.module_utils._core.drill_scene import Scene, fill
from tests.unit.plugins.modules.test_drill_actions import POLICY

DRILL = "01KJMA8A00RWC6DP1VG4X2N7QE"
FIGURES = {"rto_ns": 5 * 10**9, "rpo_ns": 0, "rpo_transactions": 0}


@pytest.fixture
def act(monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(check_mode: bool = False, **arguments: Any) -> dict[str, Any]:
        plugin = drill_report.ActionModule.__new__(drill_report.ActionModule)
        plugin._task = SimpleNamespace(args=arguments, check_mode=check_mode)
        monkeypatch.setattr(drill_report.ActionBase, "run", lambda *_: {})
        return dict(plugin.run(task_vars={}))

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = evidence_folder.freeze(str(tmp_path / "evidence"), DRILL, POLICY, FIGURES, {})
    fill(made["folder"], Scene())
    evidence_folder.seal(made["folder"])
    return Path(made["folder"])


def test_views_lie_beside_the_folder_and_are_made_once(act: Any, folder: Path) -> None:
    textfile = folder.parent.parent / "exporter" / "drill.prom"
    ahead = act(check_mode=True, folder=str(folder), textfile=str(textfile))
    assert ahead["changed"] and not Path(ahead["directory"]).exists()
    made = act(folder=str(folder), textfile=str(textfile))
    assert not made.get("failed"), made
    assert made["changed"] and made["directory"] == str(folder.parent / "reports" / DRILL)
    names = {Path(path).name for path in made["files"]}
    assert {"report.en.html", "report.ko.html", "report.zh.html", "report.zh.md", "metrics.prom", "junit.xml"} <= names
    assert all(Path(path).stat().st_mode & 0o777 == 0o644 for path in made["files"])
    digest = evidence_check.digest((folder / "evidence.json").read_bytes())
    assert digest in Path(made["report"]).read_text(encoding="utf-8") and digest in textfile.read_text(encoding="utf-8")
    assert ElementTree.parse(folder.parent / "reports" / DRILL / "junit.xml").getroot().tag == "testsuites"
    assert DRILL in next((folder.parent / "reports").glob("trend-*.en.html")).read_text(encoding="utf-8")
    assert evidence_check.check(str(folder)) == []
    again = act(folder=str(folder) + "/", textfile=str(textfile))
    assert again["changed"] is False and again["files"] == made["files"] and again["verdict"] == made["verdict"] != ""


def test_a_folder_that_was_edited_or_is_open_is_not_shown(act: Any, folder: Path) -> None:
    inside = act(folder=str(folder), directory=str(folder / "views"))
    assert inside["failed"] and "never added to" in inside["msg"] and not (folder / "views").exists()
    assert act(folder=str(folder), languages=["fr"])["failed"]
    path = folder / "evidence.json"
    path.write_bytes(path.read_bytes().replace(b'"value": "met"', b'"value": "not met"'))
    edited = act(folder=str(folder))
    assert edited["failed"] and "evidence.json: was edited" in edited["msg"]
    (folder / "MANIFEST.sha256").unlink()
    assert "has no MANIFEST.sha256" in act(folder=str(folder))["msg"]
    assert not (folder.parent / "reports").exists()


def test_check_mode_before_there_is_a_folder(act: Any, tmp_path: Path) -> None:
    made = act(check_mode=True, folder=str(tmp_path / "evidence" / DRILL))
    assert made["changed"] and made["files"] == [] and not made.get("failed")
    assert act(folder=str(tmp_path / "evidence" / DRILL))["failed"]
