# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What exists on a host is compared, not changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.firedrill.standby.plugins.filter.standby import standby_existing

ROLE = Path(__file__).resolve().parents[5] / "roles" / "host"
ACCOUNT = {"user": "tibero", "group": "dba", "gid": "500", "shell": "/bin/bash"}
SAME = ["x", "1001", "500", "", "/home/tibero", "/bin/bash"]


def directory(owner: str = "tibero", group: str = "dba", mode: str = "0750", exists: bool = True) -> dict[str, Any]:
    return {"item": "/data", "stat": {"exists": exists, "pw_name": owner, "gr_name": group, "mode": mode}}


def test_what_is_as_we_would_make_it_is_no_difference() -> None:
    assert standby_existing([directory(), directory(exists=False)], ACCOUNT, SAME, "0750") == []
    assert standby_existing([directory(exists=False)], {**ACCOUNT, "gid": ""}, [], "0750") == []


def test_shell_and_group_of_a_user_are_reported() -> None:
    passwd = ["x", "1001", "100", "", "/home/tibero", "/bin/ksh"]
    assert standby_existing([], ACCOUNT, passwd, "0750") == [
        {"what": "group of user tibero", "seen": "gid 100", "wanted": "dba (500)", "unusable": False},
        {"what": "shell of user tibero", "seen": "/bin/ksh", "wanted": "/bin/bash", "unusable": False},
    ]


@pytest.mark.parametrize(
    ("owner", "group", "mode", "unusable"),
    [
        ("tibero", "dba", "0700", False),
        ("tibero", "users", "0755", False),
        ("root", "dba", "0770", False),
        ("root", "root", "1777", False),
        ("root", "root", "0755", True),
        ("root", "dba", "0750", True),
        ("tibero", "dba", "0550", True),
    ],
)
def test_a_directory_is_reported_and_refused_only_where_nothing_can_be_written(
    owner: str, group: str, mode: str, unusable: bool
) -> None:
    assert standby_existing([directory(owner, group, mode)], ACCOUNT, SAME, "0750") == [
        {"what": "/data", "seen": f"{owner}:{group} {mode}", "wanted": "tibero:dba 0750", "unusable": unusable}
    ]


def test_the_role_changes_nothing_that_exists_unless_asked() -> None:
    tasks = yaml.safe_load((ROLE / "tasks" / "main.yml").read_text(encoding="utf-8"))
    acting = {task["name"]: task.get("when") for task in tasks}
    assert acting["Create the OS user of the database"] == "host_existing == 'change' or not __host_passwd"
    assert acting["Create the directories of the database"] == "host_existing == 'change' or not item.stat.exists"
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))
    assert defaults["host_existing"] == "keep"
