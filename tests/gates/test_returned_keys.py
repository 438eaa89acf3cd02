# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that returns what it does not document fails the run, and one that keeps its word does not."""

from __future__ import annotations

import subprocess
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


@pytest.mark.parametrize(
    ("result", "says"),
    [
        ("state='up'", None),
        ("state='up', mode='normal'", "returns mode, which its RETURN does not document"),
        ("state=['up']", "returns state as list, documented as str"),
    ],
)
@pytest.mark.parametrize("looped", [False, True])
def test_returned_keys(result: str, says: str | None, looped: bool, tmp_path: Path) -> None:
    module = tmp_path / "ansible_collections" / "firedrill" / "standby" / "plugins" / "modules" / "tibero_x.py"
    module.parent.mkdir(parents=True)
    module.write_text(MODULE.replace("RESULT", result), encoding="utf-8")
    task = "    - firedrill.standby.tibero_x:\n" + ("      loop: [1, 2]\n" if looped else "")
    play = tmp_path / "play.yml"
    play.write_text(f"- hosts: localhost\n  gather_facts: false\n  tasks:\n{task}", encoding="utf-8")
    options = ("-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={gates.PYTHON}")
    done = subprocess.run(
        gates.own("returned_keys.py", *gates.tool("ansible-playbook", *options, str(play))),
        env=gates.environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "failed=0" in done.stdout, done.stdout + done.stderr
    assert done.returncode == (0 if says is None else 1), done.stdout + done.stderr
    assert says is None or f"firedrill.standby.tibero_x {says}" in done.stdout
