# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each lint gate, with the very commands and settings of `make lint`, fails on a small broken collection and passes a
sound one.

A gate that is always green proves nothing, and its settings rot unseen.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

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


class Break(NamedTuple):
    """One thing that is wrong: in this file, a text that is replaced (all of the file if empty; None removes the file),
    by what, and what the gate must print of it, as a regular expression."""

    name: str
    old: str | None
    new: str
    says: str


UTILS = "plugins/module_utils/_x.py"
PLAY = "playbooks/sample.yml"
#: Gate, and what is wrong at once; what one thing hides from the gate's tools is in a sample of its own.
BROKEN: tuple[tuple[str, tuple[Break, ...]], ...] = (
    (
        "ruff",
        (
            Break(UTILS, "def twice", "import os\n\n\ndef twice", "_x.py:.* F401"),
            Break(UTILS, "(number: int)", "(number)", "_x.py:.* ANN001"),
            Break(UTILS, "A sample.", "A " + "x" * 160, "_x.py:.* E501"),
            Break(MODULE, '["mode"])', '[ "mode"])', "tibero_x.py:.* unformatted"),
        ),
    ),
    ("mypy", (Break(UTILS, "2 * number", "str(number)", "Incompatible return value"),)),
    (
        "vermin",
        (
            Break(UTILS, "2 * number", "(x := number)", "3.8.*_x.py"),
            Break(MODULE, "from ansible.", "import dataclasses\nfrom ansible.", "3.7.*tibero_x.py"),
        ),
    ),
    ("yamllint", (Break(PLAY, "hosts: all", "hosts:  all", "too many spaces"),)),
    ("shellcheck", (Break("tools/sample.sh", 'echo "$@"', "unused=1", "SC2034"),)),
    (
        "ansible-lint",
        (
            Break(PLAY, "- name: Do x\n      ", "- ", r"name\[missing\]"),
            Break(PLAY, "firedrill.standby.tibero_x:", "ansible.builtin.command: ls", "no-changed-when"),
        ),
    ),
    ("changelog", (Break("changelogs/fragments/1.yml", "minor_changes", "small_changes", "small_changes"),)),
    (
        "docs",
        (
            Break(MODULE, "[Does x.]", "[See O(other\\).]", "other"),
            Break(MODULE, "options:\n", "seealso: [{module: firedrill.standby.gone}]\noptions:\n", "standby.gone"),
        ),
    ),
    ("reuse", (Break("lab/sample.lua", "", "x\n", "sample.lua"),)),
    ("importer", (Break("README.md", None, "", "README"),)),
    ("importer", (Break("changelogs/changelog.yaml", None, "", "[Cc]hangelog"),)),
)
#: These run ansible-test, which takes seconds for each of its own environments: two of its tests in one run are enough.
SANITY_TESTS = ("--test", "validate-modules", "--test", "no-assert")
SANITY = (
    Break(MODULE, "default: normal}", "default: mount}", "doc-default-does-not-match-spec"),
    Break(UTILS, "return 2", "assert number\n    return 2", "raise AssertionError"),
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


def breaking(root: Path, broken: Break) -> None:
    """Make one thing wrong; a text that is not there would leave the sample sound, and the test green for nothing."""
    path = root / broken.name
    if broken.old is None:
        path.unlink()
        return
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    assert broken.old in text
    lay(root, broken.name, text.replace(broken.old, broken.new) if broken.old else broken.new)


def bites(gate: str, root: Path, breaks: tuple[Break, ...], *arguments: str) -> str:
    """Break all of it, and see the gate fail with a word about each; what it printed."""
    for broken in breaks:
        breaking(root, broken)
    passed, output = judge(gate, root, *arguments)
    assert not passed
    assert [broken for broken in breaks if not re.search(broken.says, output)] == [], output
    return output


@pytest.mark.parametrize("gate", sorted({gate for gate, _ in BROKEN} - {"importer"}))
def test_gate_passes_sound_sample(gate: str, sample: Path) -> None:
    passed, output = judge(gate, sample)
    assert passed, output


@pytest.mark.parametrize(("gate", "breaks"), BROKEN)
def test_gate_fails_on_broken_sample(gate: str, breaks: tuple[Break, ...], sample: Path) -> None:
    output = bites(gate, sample, breaks)
    # The importer counts, so that a sound sample, for which it takes half a minute, need not be shown to it as well.
    assert gate != "importer" or f"{len(breaks)} warnings and errors:" in output, output


def test_sanity_fails_on_broken_sample(sample: Path) -> None:
    passed, output = judge("sanity", sample, *SANITY_TESTS)
    assert passed, output
    bites("sanity", sample, SANITY, *SANITY_TESTS)


def test_every_gate_has_a_broken_sample() -> None:
    elsewhere = {"sanity", "house", "artefact", "gates-bite"}  # above, and in the files that these gates run
    assert {gate for gate, _ in BROKEN} | elsewhere == set(GATES)
