# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may approve a step: the rule as a function, and as playbooks/drill_approve.yml keeps it in a real run of ansible-playbook."""

from __future__ import annotations

import datetime
import getpass
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import drill_policy
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_policy import (
    approval_problems,
    decide,
    may_approve,
    stale,
)
from tests.unit.plugins.module_utils._core.test_drill_stop import NOW
from tests.unit.plugins.modules.test_drill_actions import POLICY

#: Where the collection lies, as ansible looks for it.
COLLECTIONS = Path(drill_policy.__file__).parents[6]
PLAYBOOK = Path(__file__).parents[4] / "playbooks" / "drill_approve.yml"
BOTH = {**POLICY, "approvers": ["Kim ", "lee"]}
NOTE = {"step": "back", "person": "lee", "at_wall_ns": 1, "os_user": "lee", "sudo_user": "", "host": "control1"}


def test_the_requester_is_no_approver_where_two_persons_are_wanted() -> None:
    assert may_approve(BOTH) == ["lee"]
    assert may_approve({**BOTH, "two_persons": False}) == ["Kim", "lee"]
    assert "kim asked for the drill, and approves none of its steps" in decide(BOTH, NOW, True).warnings
    assert decide({**POLICY, "approvers": ["lee"]}, NOW, True).warnings == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"step": "there"}, "for the step 'there', and 'back' waits"),
        ({"person": "Kim"}, "by 'Kim', who asked for the drill; who may approve: lee"),
        ({"person": "park"}, "by 'park'; who may approve: lee"),
        ({"at_wall_ns": None}, "does not say when"),
        ({"os_user": ""}, "does not say os_user"),
        ({"os_user": " ", "host": None}, "does not say os_user and host"),
        ({"os_user": "KIM"}, "written by the account of kim"),
        ({"os_user": "root", "sudo_user": "kim"}, "written by the account of kim"),
    ],
)
def test_an_approval_counts_or_says_why_not(changes: dict[str, Any], said: str) -> None:
    found = approval_problems(BOTH, "back", {**NOTE, **changes})
    assert (len(found), said in "".join(found)) == (int(bool(said)), True), found


def test_one_person_may_approve_where_the_policy_says_so() -> None:
    note = {**NOTE, "person": "Kim", "os_user": "kim"}
    assert approval_problems({**BOTH, "two_persons": False}, "back", note) == []
    assert approval_problems(BOTH, "back", ["lee"]) == ["it is no note of an approval"]


@pytest.mark.parametrize(
    ("verified", "old"),
    [
        ("2026-03-01", False),
        ("2024-09-01", False),
        ("2024-08-31", True),
        ("2023-03-01", True),
        ("2027-01-01", False),
        ("2026-02-30", True),
        ("spring", True),
        ("", True),
    ],
)
def test_a_standard_is_stale_after_18_months(verified: str, old: bool) -> None:
    assert stale(verified, datetime.date(2026, 3, 1)) is old
    standard = {"standard": "GB/T 20988-2025", "clause": "9", "grade": "direct", "verified": verified}
    warnings = decide({**POLICY, "standards": [standard]}, NOW, True).warnings
    assert any("GB/T 20988-2025 was last verified" in each for each in warnings) is old


def approve(place: Path, policy: dict[str, Any], person: str, **environment: str) -> tuple[int, str, Path]:
    folder = place / "ID"
    folder.mkdir()
    (place / "ID.staging").mkdir()
    (folder / "objectives.json").write_text(json.dumps({"policy": policy}))
    program = shutil.which("ansible-playbook", path=str(Path(sys.executable).parent)) or "ansible-playbook"
    given = json.dumps({"drill_folder": str(folder), "drill_step": "back", "drill_person": person})
    kept = {key: value for key, value in os.environ.items() if key != "SUDO_USER" and not key.startswith("ANSIBLE_")}
    done = subprocess.run(
        [program, str(PLAYBOOK), "-e", given],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
        env={
            **kept,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_LOCAL_TEMP": str(place / "tmp"),
            "ANSIBLE_NOCOLOR": "1",
            **environment,
        },
    )
    said = " ".join((done.stdout + done.stderr).split())
    return done.returncode, said, place / "ID.staging" / "approval-back.json"


def test_the_playbook_writes_what_the_check_accepts(tmp_path: Path) -> None:
    code, said, note = approve(tmp_path, BOTH, "lee")
    assert code == 0, said
    written = json.loads(note.read_text())
    assert written["os_user"] == getpass.getuser() and written["host"] == platform.node()
    assert approval_problems(BOTH, "back", written) == [] and note.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("person", "environment", "words"),
    [
        ("Kim", {}, "it is by 'Kim', who asked for the drill; who may approve: lee"),
        ("lee", {"SUDO_USER": "kim"}, "written by the account of kim, who asked for the drill"),
    ],
)
def test_the_playbook_refuses_the_requester(
    tmp_path: Path, person: str, environment: dict[str, str], words: str
) -> None:
    code, said, note = approve(tmp_path, BOTH, person, **environment)
    assert code != 0 and words in said and not note.exists(), said


def test_the_playbook_lets_one_person_do_both_where_the_policy_says_so(tmp_path: Path) -> None:
    code, said, note = approve(tmp_path, {**BOTH, "two_persons": False}, "Kim", SUDO_USER="kim")
    assert code == 0 and json.loads(note.read_text())["sudo_user"] == "kim", said
