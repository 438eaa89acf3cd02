# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules for one instance: documentation against argument specification, and the adapter that runs them."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import yaml

from ansible_collections.firedrill.standby.plugins.module_utils import _module
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome

BASE = "ansible_collections.firedrill.standby.plugins"
#: Module -> name of its argument specification.
MODULES = {
    "tibero_apply_wait": "APPLY_SPEC",
    "tibero_archivelog": "ARCHIVELOG_SPEC",
    "tibero_database": "DATABASE_SPEC",
    "tibero_ddl_guard": "GUARD_SPEC",
    "tibero_dsn": "DSN_SPEC",
    "tibero_fingerprint_info": "FINGERPRINT_SPEC",
    "tibero_hot_backup": "HOT_BACKUP_SPEC",
    "tibero_instance": "INSTANCE_SPEC",
    "tibero_instance_info": "INFO_SPEC",
    "tibero_password": "PASSWORD_SPEC",
    "tibero_query": "QUERY_SPEC",
    "tibero_read_only": "READ_ONLY_SPEC",
    "tibero_replication": "REPLICATION_SPEC",
    "tibero_standby_controlfile": "CONTROLFILE_SPEC",
    "tibero_standby_mark": "MARK_SPEC",
    "tibero_standby_redo": "STANDBY_REDO_SPEC",
    "tibero_system_scripts": "SCRIPTS_SPEC",
    "tibero_tip": "TIP_SPEC",
}
SECRETS = ("sys_password", "syscat_password", "nomount_password", "previous_password", "password")


class Ended(Exception):
    """AnsibleModule ended the process."""


class FakeModule:
    """AnsibleModule as far as the adapter uses it."""

    params: dict[str, Any] = {}
    check = False
    diff = True
    last: FakeModule

    def __init__(self, argument_spec: dict[str, Any], supports_check_mode: bool, **options: Any) -> None:
        assert supports_check_mode
        self.argument_spec, self.options = argument_spec, options
        self.params, self.check_mode, self._diff = FakeModule.params, FakeModule.check, FakeModule.diff
        self.result: dict[str, Any] = {}
        FakeModule.last = self

    def exit_json(self, **result: Any) -> None:
        self.result = dict(result, failed=False)
        raise Ended

    def fail_json(self, **result: Any) -> None:
        self.result = dict(result, failed=True)
        raise Ended


@pytest.fixture(autouse=True)
def _fake_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_module, "AnsibleModule", FakeModule)
    monkeypatch.setattr(FakeModule, "params", {})


def documented(name: str) -> dict[str, Any]:
    """The options of a module with those of its fragments."""
    module = importlib.import_module(f"{BASE}.modules.{name}")
    document = yaml.safe_load(module.DOCUMENTATION)
    options = dict(document.get("options", {}))
    for fragment in document["extends_documentation_fragment"]:
        parts = fragment.split(".")[2:]
        holder = importlib.import_module(f"{BASE}.doc_fragments.{parts[0]}").ModuleDocFragment
        text = getattr(holder, (parts[1] if len(parts) > 1 else "documentation").upper())
        options.update(yaml.safe_load(text).get("options", {}))
    return options


def compare(spec: dict[str, Any], options: dict[str, Any], where: str) -> None:
    assert set(spec) == set(options), where
    for name, entry in spec.items():
        option = options[name]
        for key in ("type", "default", "choices", "elements"):
            assert entry.get(key) == option.get(key), f"{where}.{name}: {key}"
        assert bool(entry.get("required")) == bool(option.get("required")), f"{where}.{name}: required"
        if name in SECRETS:
            assert entry["no_log"] is True, f"{where}.{name}"
        if "options" in entry:
            compare(entry["options"], option["suboptions"], f"{where}.{name}")


@pytest.mark.parametrize("name", MODULES)
def test_documentation_and_argument_spec_agree(name: str) -> None:
    module = importlib.import_module(f"{BASE}.modules.{name}")
    compare(getattr(module, MODULES[name]), documented(name), name)
    assert yaml.safe_load(module.EXAMPLES) and yaml.safe_load(module.RETURN)
    attributes = yaml.safe_load(module.DOCUMENTATION).get("attributes", {})
    assert name.endswith("_info") or {"check_mode", "diff_mode", "idempotent"} <= set(attributes)


# The two that are left out look at files only.
@pytest.mark.parametrize("name", sorted(set(MODULES) - {"tibero_dsn", "tibero_standby_mark"}))
def test_every_module_that_looks_takes_the_words_of_the_views(name: str) -> None:
    module = importlib.import_module(f"{BASE}.modules.{name}")
    assert {"status_words", "open_mode_words"} <= set(getattr(module, MODULES[name]))


@pytest.mark.parametrize("name", MODULES)
def test_main_is_the_specification_and_one_call(name: str) -> None:
    module = importlib.import_module(f"{BASE}.modules.{name}")
    spec = getattr(module, MODULES[name])
    given = {key: entry.get("default") for key, entry in spec.items()}
    # What every module does first: look for Tibero where there is none.
    FakeModule.params = {**given, "tb_home": "/nowhere/tibero", "tb_sid": "orders", "sys_password": "Planted-1"}
    FakeModule.params.update({"mode": "normal", "query": "SELECT 1 FROM DUAL", "parameters": {"A": "b"}})
    FakeModule.params.update({"aliases": [], "absent": ["x"]} if name == "tibero_dsn" else {})
    FakeModule.params.update({"mode": "performance", "destinations": {}} if name == "tibero_replication" else {})
    FakeModule.params.update({"statements": ["COMMIT"], "reason": "x"})
    with pytest.raises(Ended):
        module.main()
    result = FakeModule.last.result
    assert FakeModule.last.argument_spec == spec and "Planted-1" not in str(result)
    if name in ("tibero_instance_info", "tibero_ddl_guard"):  # what they cannot see is unknown, not an error
        assert result["failed"] is False and result["changed"] is False
    else:
        assert result["failed"] is True and result["remedy"] and result["meaning"] and result["seen"]


def test_results_and_diffs() -> None:
    def action(context: Context) -> Outcome:
        return Outcome(
            True, {"value": ["Planted-1"]}, {"a": {"b": 1}, "c": [2]}, "text Planted-1\n", "head", ["careful"]
        )

    FakeModule.params = {"sys_password": "Planted-1"}
    with pytest.raises(Ended):
        _module.run_module({}, action, lambda params: [params["sys_password"]])
    result = FakeModule.last.result
    assert result["value"] == ["********"] and result["warnings"] == ["careful"] and result["changed"] is True
    assert result["diff"]["before"] == "a.b: 1\nc[0]: 2\n" and result["diff"]["after"] == "text ********\n"
    assert result["diff"]["before_header"] == "head"


def test_errors_become_failures_without_secrets() -> None:
    def refuse(context: Context) -> Outcome:
        raise Refusal("saw Planted-1", "meaning", "remedy", {"deep": {"Planted-1": ["Planted-1"]}})

    FakeModule.params = {"sys_password": "Planted-1"}
    with pytest.raises(Ended):
        _module.run_module({}, refuse, lambda params: [params["sys_password"]])
    result = FakeModule.last.result
    assert result["msg"] == "saw ********. meaning. To do: remedy." and result["nothing_changed"] is True
    assert "Planted" not in str(result)


def test_operating_system_errors_are_said() -> None:
    def broken(context: Context) -> Outcome:
        raise PermissionError(13, "Permission denied", "/tibero/x")

    with pytest.raises(Ended):
        _module.run_module({}, broken)
    assert "/tibero/x: Permission denied" in FakeModule.last.result["msg"]


def test_no_diff_without_sides_or_without_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "diff" not in _module.result_of(Outcome(False), True)
    assert "diff" not in _module.result_of(Outcome(True, {}, "a", "b"), False)
