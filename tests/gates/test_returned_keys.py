# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that returns what it does not document fails the run, and one that keeps its word does not."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tools import gates

MODULE = '''
DOCUMENTATION = """
module: tibero_x
short_description: Does x
description: [Does x.]
"""
EXAMPLES = ""
RETURN = """
state: {description: [State.], returned: always, type: str}
"""
from ansible.module_utils.basic import AnsibleModule

def main():
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    module.exit_json(changed=False, RESULT)

if __name__ == "__main__":
    main()
'''


#: What a module returns, by its name, and what is said of it. Each has a task of its own and one in a loop.
SOUND = {"tibero_x": ("state='up'", None)}
BROKEN = {
    "tibero_more": ("state='up', mode='normal'", "returns mode, which its RETURN does not document"),
    "tibero_type": ("state=['up']", "returns state as list, documented as str"),
}


def run(results: Mapping[str, tuple[str, str | None]], looped: bool, place: Path) -> subprocess.CompletedProcess[str]:
    """A play over modules that return this, watched."""
    modules = place / "ansible_collections" / "firedrill" / "standby" / "plugins" / "modules"
    modules.mkdir(parents=True)
    tasks = ""
    for name, (result, _) in results.items():
        (modules / f"{name}.py").write_text(MODULE.replace("RESULT", result), encoding="utf-8")
        tasks += f"    - firedrill.standby.{name}:\n" + (
            "      loop: [1, 2]\n      loop_control: {loop_var: tibero_one, index_var: tibero_number}\n"
            if looped
            else ""
        )
    play = place / "play.yml"
    play.write_text(f"- hosts: localhost\n  gather_facts: false\n  tasks:\n{tasks}", encoding="utf-8")
    options = ("-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={gates.PYTHON}")
    done = subprocess.run(
        gates.own("returned_keys.py", *gates.tool("ansible-playbook", *options, str(play))),
        env=gates.environment(place),
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "failed=0" in done.stdout, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("looped", [False, True])
def test_module_that_returns_what_it_documents_is_passed(looped: bool, tmp_path: Path) -> None:
    done = run(SOUND, looped, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "RETURN" not in done.stdout


@pytest.mark.parametrize("looped", [False, True])
def test_module_that_returns_something_else_fails_the_run(looped: bool, tmp_path: Path) -> None:
    done = run(BROKEN, looped, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    for name, (_, says) in BROKEN.items():
        assert f"firedrill.standby.{name} {says}" in done.stdout
