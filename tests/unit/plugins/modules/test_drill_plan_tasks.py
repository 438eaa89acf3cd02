# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a failover drill, run by ansible-playbook over played modules: its fault is tried, and never done, before anything is frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.plugins.modules.test_drill_tasks import Bench
from tests.unit.plugins.modules.test_role_change_tasks import HOSTS, PLAYED

PLAN = {"primary": "seoul1", "standbys": ["seoul2", "busan1"]}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    told = PLAYED.replace('"args": args}', '"args": args, "check": bool(self._task.check_mode)}')
    (tmp_path / "ansible_collections/firedrill/standby/plugins/action/drill_fault.py").write_text(told)
    return made


def planned(bench: Bench, answer: dict[str, Any], fault: str = "kill_server", **variables: Any) -> str:
    given = {
        "drill_policy": {"faults": [{"fault": fault, "consent": "yes"}]}, "standby_plan": PLAN, "standby_rebuild": True, "standby_service": False,
        "__drill_hosts": {name: name for name in HOSTS}, **variables,
    }  # fmt: skip
    return bench.run("plan", {"drill_fault": [answer]}, {"drill_frozen": None}, **given)


def test_the_fault_is_tried_on_the_primary_without_being_done(bench: Bench) -> None:
    said = planned(bench, {"changed": True}, drill_boot_command=["/bin/start"])
    assert "REMAINS" in said, said[-3000:]
    [call] = bench.calls
    assert (call["host"], call["check"]) == ("seoul1", True)
    assert call["args"]["boot_command"] == ["/bin/start"] and call["args"]["drill"] == ""
    assert "changed=0" in said.split("PLAY RECAP", 1)[1].split("seoul1", 1)[1].split("seoul2", 1)[0], said[-600:]


def test_what_refuses_the_fault_refuses_the_drill(bench: Bench) -> None:
    said = planned(bench, {"failed": True, "msg": "boot_command is empty"})
    assert "REMAINS" not in said and "boot_command is empty" in said, said[-3000:]
    assert [call["args"]["boot_command"] for call in bench.calls] == [[]]


def test_the_program_of_role_service_starts_a_killed_server(bench: Bench) -> None:
    planned(bench, {"changed": True}, standby_service=True, tibero_db_name="orders")
    command = bench.calls[0]["args"]["boot_command"]
    assert command[-3:] == ["/usr/local/sbin/firedrill-orders", "/etc/firedrill-standby/orders.json", "boot"]
