# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Defaults that a role sets for the action group are options of every module of the group that runs under them: else the module refuses, on the night when
its task runs for the first time."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.firedrill.standby.plugins.doc_fragments.tibero import ModuleDocFragment

ROOT = Path(__file__).parents[4]
PREFIX = "firedrill.standby."
GROUP = f"group/{PREFIX}tibero"
MEMBERS = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]["tibero"]
FILES = sorted((ROOT / "roles").glob("*/tasks/*.yml"))


def options_of(module: str) -> set[str]:
    """What a module of the group takes, by its documentation."""
    found = importlib.import_module(f"ansible_collections.firedrill.standby.plugins.modules.{module}")
    documented = yaml.safe_load(found.DOCUMENTATION)
    options = set(documented.get("options") or {})
    for fragment, text in (("tibero", "DOCUMENTATION"), ("tibero.login", "LOGIN")):
        if PREFIX + fragment in documented["extends_documentation_fragment"]:
            options |= set(yaml.safe_load(getattr(ModuleDocFragment, text))["options"])
    return options


def under(tasks: list[dict[str, Any]], folder: Path, seen: frozenset[Path] = frozenset()) -> Iterator[str]:
    """The modules of the group that run in some tasks, and in the files that these include."""
    for task in tasks:
        for part in ("block", "rescue", "always"):
            yield from under(task.get(part) or [], folder, seen)
        yield from (name.removeprefix(PREFIX) for name in task if name.removeprefix(PREFIX) in MEMBERS)
        for word in ("ansible.builtin.include_tasks", "ansible.builtin.import_tasks"):
            pattern = re.sub(r"\{\{.*?\}\}", "*", str(task.get(word) or ""))
            for path in set(folder.glob(pattern)) - seen if pattern else ():
                yield from under(yaml.safe_load(path.read_text()) or [], folder, seen | {path})


def places(tasks: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each task or block that sets defaults for the group, with the tasks that they are for."""
    for task in tasks:
        given = (task.get("module_defaults") or {}).get(GROUP)
        if given:
            yield given, [task]
        for part in ("block", "rescue", "always"):
            yield from places(task.get(part) or [])


FOUND = [
    (f"{path.parents[1].name}/{path.name}", given, sorted(set(under(tasks, path.parent))))
    for path in FILES
    for given, tasks in places(yaml.safe_load(path.read_text()) or [])
]


def test_there_are_such_places() -> None:
    assert len(FOUND) > 3 and all(modules for _, _, modules in FOUND)


@pytest.mark.parametrize(("place", "given", "modules"), FOUND, ids=[place for place, _, _ in FOUND])
def test_defaults_of_the_group_fit_every_module_that_runs_under_them(
    place: str, given: dict[str, Any], modules: list[str]
) -> None:
    refused = {module: sorted(set(given) - options_of(module)) for module in modules}
    assert not {module: names for module, names in refused.items() if names}
