# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values are held against the argument specs of our own roles, and refused with what is allowed and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.plugin_utils import _described

OPTIONS = _described.documented_options()


@pytest.mark.parametrize(
    ("name", "value", "allowed", "remedy"),
    [
        ("tibero_transport", "LGWR", "one of LGWR SYNC, LGWR ASYNC, ARCH ASYNC", "for example 'LGWR SYNC'"),
        ("tibero_version", 5, "one of 6, 7", "set tibero_version"),
        ("tibero_listener_port", "eight", "a whole number", "write tibero_listener_port"),
        ("standby_become", "perhaps", "true or false", "write standby_become"),
        ("standby_become", "false", "not as a text", "standby_become=True in an INI inventory"),
        ("tibero_parameters", 7, "a mapping", "write tibero_parameters"),
        ("tibero_control_files", 7, "a list", "write tibero_control_files"),
        ("readiness_operations", ["failback"], "a list of switchover, failover, way_back", "set readiness_operations"),
        ("readiness_operations", "failback", "one of switchover, failover, way_back", "set readiness_operations"),
        ("preflight_reach_timeout", "soon", "a number", "write preflight_reach_timeout"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(name, value, allowed, remedy):
    with pytest.raises(Refusal) as error:
        _described.check_value(name, value, OPTIONS[name], "busan1")
    assert f"{name} of busan1 is {value!r}" in str(error.value)
    assert allowed in error.value.meaning
    assert remedy in error.value.remedy


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tibero_version", "7"),
        ("readiness_operations", ["failover"]),
        ("tibero_listener_port", "8629"),
        ("standby_become", False),
        ("tibero_control_files", ["/c1.ctl"]),
        ("tibero_parameters", {"A": 1}),
        ("tibero_home", "/opt/tibero7"),
        ("tibero_standby_port", None),
    ],
)
def test_what_ansible_would_take_is_taken(name, value):
    _described.check_value(name, value, OPTIONS[name], "busan1")


@pytest.mark.parametrize("value", [{"by": "me"}, {}, [], [True], "perhaps", "", 7, 0.5])
def test_a_consent_that_is_neither_true_nor_false_is_refused(value: Any) -> None:
    with pytest.raises(Refusal) as error:
        _described.check_value("standby_allow_data_loss", value, OPTIONS["standby_allow_data_loss"], "busan1")
    said = str(error.value)
    assert (
        f"standby_allow_data_loss of busan1 is {value!r}. Allowed is true or false, also as a text. To do: give" in said
    )


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (True, True),
        ("true", True),
        ("True", True),
        ("yes", True),
        (1, True),
        (False, False),
        ("False", False),
        ("no", False),
    ],
)
def test_a_consent_of_the_command_line_is_what_it_says(value: Any, meant: bool) -> None:
    for name in ("standby_allow_data_loss", "failover_allow_data_loss"):
        _described.check_value(name, value, OPTIONS[name], "busan1")
    assert _described.truth("standby_allow_data_loss", value) is meant


def test_a_secret_is_not_shown():
    with pytest.raises(Refusal) as error:
        _described.check_value("x", "hunter2", {"type": "int", "no_log": True}, "busan1")
    assert "hunter2" not in str(error.value)
    assert "hunter2" not in str(error.value.details)


def test_a_required_variable_is_named():
    _described.check_given(["tibero_sys_password"], "busan1")
    with pytest.raises(Refusal, match="tibero_sys_password of busan1 is not set"):
        _described.check_given(["tibero_home"], "busan1")
    with pytest.raises(Refusal, match="tibero_syscat_password of busan1 is not set"):
        _described.check_given(["tibero_sys_password"], "busan1", ["tibero_syscat_password"])


def test_the_facts_of_the_playbooks_are_documented_variables():
    assert {"standby_plan", "standby_cluster", "tibero_home"} <= _described.documented_variables()


def test_what_roles_note_for_those_that_follow_is_no_misspelt_variable() -> None:
    noted = set()
    for path in Path("roles").glob("*/tasks/*.yml"):
        for task in _tasks(yaml.safe_load(path.read_text(encoding="utf-8")) or []):
            noted |= {str(task.get("register", ""))} | set(task.get("ansible.builtin.set_fact", {}))
    ours = {name for name in noted if name.startswith(("standby_", "tibero_"))}
    assert "standby_seed_sent" in ours and "standby_backup" in ours
    assert ours <= _described.documented_variables(), ours - _described.documented_variables()


def _tasks(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in found:
        yield task
        for part in ("block", "rescue", "always"):
            yield from _tasks(task.get(part, []))
