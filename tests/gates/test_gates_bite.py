# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each lint gate, with the very commands and settings of `make lint`, fails on a small broken collection and passes a
sound one.

A gate that is always green proves nothing, and its settings rot unseen.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tools import gates, tree

# REUSE-IgnoreStart
HEADER = (
    "# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)\n"
    "# SPDX-License-Identifier: GPL-3.0-or-later\n"
)
# REUSE-IgnoreEnd
#: The project's own settings, which the sample is judged by.
SETTINGS = (
    *("pyproject.toml", ".yamllint", ".ansible-lint", ".gitignore", "galaxy.yml", "REUSE.toml", "meta/runtime.yml"),
    *("LICENSES/GPL-3.0-or-later.txt", "changelogs/config.yaml", "changelogs/changelog.yaml", "tests/config.yml"),
)
MODULE = "plugins/modules/tibero_x.py"
SOUND = {
    "README.md": "# A sample\n",
    "meta/runtime.yml": f'---\n{HEADER}requires_ansible: ">=2.16.0"\naction_groups: {{tibero: [tibero_x]}}\n',
    "plugins/module_utils/_x.py": HEADER
    + '"""A sample."""\n\n\ndef twice(number: int) -> int:\n    return 2 * number\n',
    MODULE: HEADER
    + '''DOCUMENTATION = r"""
module: tibero_x
short_description: Does x
version_added: 0.1.0
author: [The firedrill.standby authors (@firedrill)]
description: [Does x.]
attributes:
  check_mode: {description: Predicts., support: full}
options:
  mode: {description: [The mode.], type: str, default: normal}
"""
EXAMPLES = r"""
- name: Do x
  firedrill.standby.tibero_x:
"""
RETURN = r"""
state: {description: The state., returned: always, type: str}
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    module = AnsibleModule(argument_spec={"mode": {"default": "normal"}}, supports_check_mode=True)
    module.exit_json(state=module.params["mode"])


if __name__ == "__main__":
    main()
''',
    "playbooks/sample.yml": "---\n"
    + HEADER
    + "- name: Look\n  hosts: all\n  gather_facts: false\n  tasks:\n"
    + "    - name: Do x\n      firedrill.standby.tibero_x:\n",
    "tools/sample.sh": "#!/usr/bin/env bash\n" + HEADER + 'set -euo pipefail\necho "$@"\n',
    "changelogs/fragments/1.yml": "---\nminor_changes:\n  - A sample.\n",
}
#: Gate, file, text that is replaced (all of the file if empty), by what, and what the gate must print.
BROKEN = (
    ("ruff", "plugins/module_utils/_x.py", "", HEADER + "import os\n", "F401"),
    ("ruff", "plugins/module_utils/_x.py", "2 * number", "2*number", "_x.py"),
    ("ruff", "plugins/module_utils/_x.py", "(number: int)", "(number)", "ANN001"),
    ("ruff", "plugins/module_utils/_x.py", "A sample.", "A " + "x" * 160, "E501"),
    ("mypy", "plugins/module_utils/_x.py", "2 * number", "str(number)", "Incompatible return value"),
    ("vermin", "plugins/module_utils/_x.py", "2 * number", "(x := number)", "3.8"),
    ("vermin", MODULE, "from ansible.", "import dataclasses\nfrom ansible.", "3.7"),
    ("yamllint", "playbooks/sample.yml", "hosts: all", "hosts:  all", "too many spaces"),
    ("shellcheck", "tools/sample.sh", 'echo "$@"', "unused=1", "SC2034"),
    ("ansible-lint", "playbooks/sample.yml", "- name: Do x\n      ", "- ", "name[missing]"),
    (
        "ansible-lint",
        "playbooks/sample.yml",
        "firedrill.standby.tibero_x:",
        "ansible.builtin.command: ls",
        "no-changed-when",
    ),
    ("changelog", "changelogs/fragments/1.yml", "minor_changes", "small_changes", "small_changes"),
    ("docs", MODULE, "[Does x.]", "[See O(other\\).]", "tibero_x"),
    ("docs", MODULE, "options:\n", "seealso: [{module: firedrill.standby.gone}]\noptions:\n", "firedrill.standby.gone"),
    ("reuse", "lab/sample.lua", "", "x\n", "sample.lua"),
    ("importer", "README.md", None, None, "README"),
    ("importer", "playbooks/sample.yml", "- name: Do x\n      ", "- ", "name[missing]"),
)
#: These run ansible-test, which takes seconds for each of its own environments; one of its tests is enough for each
#: sample.
SANITY = (
    ("validate-modules", MODULE, "default: normal}", "default: mount}", "doc-default-does-not-match-spec"),
    ("no-assert", "plugins/module_utils/_x.py", "return 2", "assert number\n    return 2", "raise AssertionError"),
)
GATES = {gate.name: gate for gate in gates.LINT}


def lay(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A small sound collection with the project's settings, under the path that Ansible wants, known to a git of its
    own."""
    root = tmp_path / "ansible_collections" / "firedrill" / "standby"
    for name in SETTINGS:
        if (tree.ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tree.ROOT / name, root / name)
    for name, text in SOUND.items():
        lay(root, name, text)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True, capture_output=True)
    return root


def judge(gate: str, root: Path, *arguments: str) -> tuple[bool, str]:
    """Whether the gate passes, and what it printed."""
    passed, output = True, ""
    for command in GATES[gate].commands(root):
        done = subprocess.run(
            [*command, *arguments],
            cwd=root,
            env=gates.environment(root.parent.parent.parent),
            capture_output=True,
            text=True,
            check=False,
        )
        passed = passed and done.returncode == 0
        output += done.stdout + done.stderr
    return passed, output


def breaking(root: Path, name: str, old: str | None, new: str | None) -> None:
    """Make one thing wrong; a text that is not there would leave the sample sound, and the test green for nothing."""
    if old is None or new is None:
        (root / name).unlink()
        return
    text = (root / name).read_text(encoding="utf-8") if (root / name).exists() else ""
    assert old in text
    lay(root, name, text.replace(old, new) if old else new)


@pytest.mark.parametrize("gate", sorted({broken[0] for broken in BROKEN}))
def test_gate_passes_sound_sample(gate: str, sample: Path) -> None:
    passed, output = judge(gate, sample)
    assert passed, output


@pytest.mark.parametrize(("gate", "name", "old", "new", "says"), BROKEN)
def test_gate_fails_on_broken_sample(
    gate: str, name: str, old: str | None, new: str | None, says: str, sample: Path
) -> None:
    breaking(sample, name, old, new)
    passed, output = judge(gate, sample)
    assert not passed
    assert says in output


@pytest.mark.parametrize(("test", "name", "old", "new", "says"), SANITY)
def test_sanity_fails_on_broken_sample(test: str, name: str, old: str, new: str, says: str, sample: Path) -> None:
    passed, output = judge("sanity", sample, "--test", test)
    assert passed, output
    breaking(sample, name, old, new)
    passed, output = judge("sanity", sample, "--test", test)
    assert not passed
    assert says in output


def test_every_gate_has_a_broken_sample() -> None:
    elsewhere = {"sanity", "house", "artefact", "gates-bite"}  # below, and in the files that these gates run
    assert {broken[0] for broken in BROKEN} | elsewhere == set(GATES)
