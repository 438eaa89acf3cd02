# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project keeps the rules of the house, and each rule finds the sample that breaks it.

A sample is a small tree of files. ``sound`` samples stand for what a rule must leave alone, so that no rule can be
green by finding everything or red by finding too much.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import pytest

from tools.house import RULES
from tools.house.source import Rule, Tree
from tools.tree import ROOT

BY_NAME = {rule.name: rule for rule in RULES}
# REUSE-IgnoreStart
HEADER = (
    "# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)\n"
    "# SPDX-License-Identifier: GPL-3.0-or-later\n"
)
# REUSE-IgnoreEnd
UTILS = "plugins/module_utils/"
BASE = "ansible_collections.firedrill.standby.plugins."
CORE, ENGINE, MODULE = UTILS + "_core/x.py", UTILS + "_tibero/x.py", "plugins/modules/tibero_x.py"
TASKS, PLAY = "roles/cluster/tasks/main.yml", "playbooks/x.yml"


class Sample(NamedTuple):
    """Files, and a part of what the rule must say of them; None if it must say nothing."""

    rule: str
    files: dict[str, str]
    says: str | None


def bad(rule: str, says: str, files: dict[str, str]) -> Sample:
    return Sample(rule, files, says)


def sound(rule: str, files: dict[str, str]) -> Sample:
    return Sample(rule, files, None)


PYTHON = (
    bad("readable", "is no Python", {CORE: "def x(:\n"}),
    bad("readable", "the file is no YAML", {TASKS: "- a: b: c\n"}),
    bad("readable", "DOCUMENTATION is no YAML", {MODULE: 'DOCUMENTATION = """\nmodule: a: b\n"""\n'}),
    bad("layers", "_core imports _tibero", {CORE: f"from {BASE}module_utils._tibero import tip\n"}),
    bad("layers", "_core imports _tibero", {CORE: "from .._tibero.grammar import tip\n"}),
    bad("layers", "_core imports _module", {CORE: f"import {BASE}module_utils._module\n"}),
    bad("layers", "imports _mariadb", {ENGINE: f"from {BASE}module_utils._mariadb.client import x\n"}),
    bad("layers", "imports a module", {ENGINE: f"from {BASE}modules.tibero_tip import main\n"}),
    bad("layers", "imports a module", {"plugins/action/x.py": f"from {BASE}modules import tibero_tip\n"}),
    bad("layers", "not part of the collection", {MODULE: "from lab.hosts import up\n"}),
    sound("layers", {ENGINE: f"from {BASE}module_utils._core import errors\nfrom . import member\n"}),
    bad("one-adapter", "imports ansible", {ENGINE: "from ansible.module_utils.basic import AnsibleModule\n"}),
    sound("one-adapter", {UTILS + "_module.py": "from ansible.module_utils.basic import AnsibleModule\n"}),
    bad("standard-library", "imports yaml", {ENGINE: "import yaml\n"}),
    sound("standard-library", {"plugins/action/x.py": "import yaml\n", ENGINE: "import json\n"}),
    bad("one-runner", "imports subprocess", {ENGINE: "import subprocess\n"}),
    bad("one-runner", "os.system", {ENGINE: "import os\nos.system('x')\n"}),
    bad("one-runner", "os.execv", {"plugins/action/x.py": "import os\nos.execv('x', [])\n"}),
    bad("one-runner", "run_command", {MODULE: "def f(module):\n    module.run_command(['x'])\n"}),
    sound("one-runner", {UTILS + "_core/runner.py": "import subprocess\n", ENGINE: "import os\nos.path.exists('x')\n"}),
    bad("pure-grammar", "grammar imports os", {UTILS + "_tibero/grammar/tip.py": "import os\n"}),
    bad("pure-grammar", "grammar imports time", {UTILS + "_tibero/grammar/deep/x.py": "from time import monotonic\n"}),
    bad("pure-grammar", "calls open()", {UTILS + "_tibero/grammar/tip.py": "def f(p):\n    return open(p)\n"}),
    bad(
        "pure-grammar",
        "runner",
        {UTILS + "_mariadb/grammar/x.py": f"from {BASE}module_utils._core.runner import run\n"},
    ),
    sound(
        "pure-grammar", {UTILS + "_tibero/grammar/tip.py": "import re\nfrom typing import List\nfrom . import lines\n"}
    ),
    bad("small-functions", "long has 61 lines", {"lab/x.py": "def long():\n" + "    a = 1\n" * 60}),
    sound("small-functions", {"lab/x.py": "def long():\n" + "    a = 1\n" * 59}),
    bad("thin-modules", "151 lines of code", {MODULE: "a = 1\n" * 151}),
    bad("thin-modules", "main() has 11 lines", {MODULE: "def main():\n" + "    a = 1\n" * 11}),
    sound(
        "thin-modules", {MODULE: 'DOCUMENTATION = """\n' + "x\n" * 200 + '"""\n' + "# why\n\n" * 200 + "a = 1\n" * 149}
    ),
    bad("no-bare-except", "bare except", {"lab/x.py": "try:\n    a = 1\nexcept:\n    raise\n"}),
    sound("no-bare-except", {"lab/x.py": "try:\n    a = 1\nexcept OSError:\n    raise\n"}),
    bad("one-waiter", "sleeps", {ENGINE: "import time\nwhile True:\n    time.sleep(1)\n"}),
    bad("one-waiter", "imports time.sleep", {ENGINE: "from time import sleep\n"}),
    bad("one-waiter", "sleeps", {"lab/x.py": "import time\ntime.sleep(1)\n"}),
    bad("one-waiter", "sleeps", {"molecule/x/tests/test_x.py": "import time\nwhile not ready():\n    time.sleep(1)\n"}),
    sound("one-waiter", {"lab/x.py": "from lab.hosts.system import wait_for\nwait_for('it', ready)\n"}),
    bad("no-wall-clock", "subtracts time.time()", {ENGINE: "import time\na = time.time() - 1\n"}),
    sound("no-wall-clock", {ENGINE: "import time\na = time.monotonic() - 1\nb = time.time() > 5\n"}),
    bad("named-encodings", "without errors", {ENGINE: "open('/x', encoding='utf-8')\n"}),
    bad("named-encodings", "without encoding", {CORE: "open('/x', 'w', errors='replace')\n"}),
    bad("named-encodings", "without encoding", {MODULE: "import os\nos.fdopen(3, mode='a')\n"}),
    bad("named-encodings", "without encoding", {CORE: "import tempfile\ntempfile.NamedTemporaryFile('w')\n"}),
    sound("named-encodings", {CORE: "open('/x', 'rb')\nopen('/x', mode='ab')\nimport os\nos.open('/x', 0)\n"}),
    sound("named-encodings", {CORE: "import tempfile\ntempfile.TemporaryFile()\n", "lab/x.py": "open('/x')\n"}),
    sound("named-encodings", {CORE: "open('/x', encoding='utf-8', errors='replace')\n"}),
    bad("tests-can-fail", "asserts a constant", {"tests/unit/test_x.py": "def test_x():\n    assert True\n"}),
    bad("tests-can-fail", "asserts a tuple", {"tests/unit/test_x.py": "def test_x():\n    assert (1 == 2, 'no')\n"}),
    sound("tests-can-fail", {"tests/unit/test_x.py": "def test_x():\n    assert len('a') == 1\n"}),
)

JUDGED = """
- name: Look
  firedrill.standby.tibero_instance_info:
  register: __cluster_seen
  failed_when: false
- name: Judge
  ansible.builtin.assert:
    that: __cluster_seen is success
"""
TASK = (
    bad("no-swallowed-errors", "ignore_errors", {TASKS: "- ansible.builtin.command: x\n  ignore_errors: true\n"}),
    bad(
        "no-swallowed-errors",
        "ignore_errors",
        {PLAY: "- hosts: a\n  tasks:\n    - block:\n        - debug:\n      ignore_errors: true\n"},
    ),
    bad(
        "no-swallowed-errors",
        "without a later assert",
        {TASKS: JUDGED.replace("    that: __cluster_seen", "    that: other")},
    ),
    bad(
        "no-swallowed-errors",
        "without a later assert",
        {TASKS: JUDGED.replace("__cluster_seen is", "__cluster_seen_not is")},
    ),
    bad(
        "no-swallowed-errors",
        "inside a block with a rescue",
        {TASKS: "- rescue: [x:]\n  block:\n    - {x: , register: a, failed_when: false}\n    - assert: {that: a.b}\n"},
    ),
    sound("no-swallowed-errors", {TASKS: JUDGED}),
    bad("no-pause", "pause", {TASKS: "- ansible.builtin.pause:\n    seconds: 5\n"}),
    bad("no-pause", "without a condition", {TASKS: "- ansible.builtin.wait_for:\n    timeout: 5\n"}),
    bad(
        "no-pause",
        "runs sleep",
        {TASKS: "- ansible.builtin.command:\n    argv: [sleep, 5]\n".replace("[sleep, 5]", "'sleep 5'")},
    ),
    sound("no-pause", {TASKS: "- ansible.builtin.wait_for:\n    port: 8629\n    timeout: 5\n"}),
    bad(
        "lists-keep-their-order",
        "difference",
        {"roles/cluster/vars/main.yml": "x: \"{{ a | difference([b]) | join(', ') }}\"\n"},
    ),
    bad("lists-keep-their-order", "union", {PLAY: '- hosts: all\n  vars:\n    x: "{{ a|union(b) }}"\n'}),
    sound("lists-keep-their-order", {TASKS: "- ansible.builtin.assert:\n    that: a | intersect(b) | length > 0\n"}),
    sound(
        "lists-keep-their-order", {TASKS: "- ansible.builtin.debug:\n    msg: \"{{ a | reject('in', b) | list }}\"\n"}
    ),
    bad("commands-are-lists", "as a string", {TASKS: "- ansible.builtin.command: ls /\n  changed_when: false\n"}),
    bad("commands-are-lists", "shell in a role", {TASKS: "- ansible.builtin.shell: ls | wc\n  changed_when: false\n"}),
    bad("commands-are-lists", "without changed_when", {TASKS: "- ansible.builtin.command:\n    argv: [ls]\n"}),
    bad(
        "commands-are-lists",
        "with a secret",
        {"molecule/x/verify.yml": "- hosts: a\n  tasks:\n    - shell: tbsql sys/{{ tibero_sys_password }}\n"},
    ),
    bad(
        "commands-are-lists",
        "with a secret",
        {TASKS: "- command:\n    argv: [x, '{{ token }}']\n  changed_when: true\n"},
    ),
    sound(
        "commands-are-lists",
        {TASKS: "- command:\n    argv: [cat]\n    stdin: '{{ a_password }}'\n  changed_when: false\n"},
    ),
    bad("changed-is-seen", "prose", {TASKS: "- command:\n    argv: [x]\n  changed_when: \"'done' in a.stdout\"\n"}),
    sound("changed-is-seen", {TASKS: "- command:\n    argv: [x]\n  changed_when: a.rc == 3\n"}),
    bad("short-task-files", "201 lines", {TASKS: "#\n" * 201}),
    sound("short-task-files", {TASKS: "#\n" * 200}),
    bad(
        "asserts-can-fail",
        "nothing that could fail",
        {"molecule/x/verify.yml": "- hosts: a\n  tasks:\n    - assert: {that: true}\n"},
    ),
    bad("asserts-can-fail", "nothing that could fail", {TASKS: "- ansible.builtin.assert:\n    that: [true]\n"}),
    sound("asserts-can-fail", {TASKS: "- ansible.builtin.assert:\n    that: [a is defined]\n"}),
)


def specified(options: str, **files: str) -> dict[str, str]:
    """A role `cluster` with these options, and further files of it by their path inside of the role."""
    tree = {"roles/cluster/meta/argument_specs.yml": "argument_specs:\n  main:\n    options:\n" + options}
    tree.update({f"roles/cluster/{name.replace('__', '/')}.yml": text for name, text in files.items()})
    return tree


PORT = "      tibero_port:\n        type: int\n        default: 8629\n"
ROLE = (
    bad("roles-are-described", "has no README.md", specified(PORT, tasks__main="---\n")),
    bad("roles-are-described", "has no meta/argument_specs.yml", {TASKS: "---\n"}),
    bad(
        "defaults-agree",
        "is not in the argument specification",
        specified(PORT, defaults__main="tibero_port: 8629\ntibero_x: 1\n"),
    ),
    bad("defaults-agree", "default 8629 there, 8630", specified(PORT, defaults__main="tibero_port: 8630\n")),
    bad("defaults-agree", "none in roles/cluster/defaults/main.yml", specified(PORT, defaults__main="{}\n")),
    bad(
        "defaults-agree", "requires it", specified("      tibero_x: {required: true}\n", defaults__main="tibero_x: 1\n")
    ),
    bad(
        "defaults-agree", "no default there", specified("      tibero_x: {type: int}\n", defaults__main="tibero_x: 1\n")
    ),
    sound("defaults-agree", specified(PORT, defaults__main="tibero_port: 8629\n")),
    sound(
        "defaults-agree",
        specified("      tibero_x: {type: int}\n", defaults__main='tibero_x: "{{ tibero_port + 4 }}"\n'),
    ),
    bad(
        "variables-are-documented",
        "uses tibero_y",
        specified(PORT, tasks__main="- debug:\n    msg: '{{ tibero_y }}'\n"),
    ),
    bad(
        "variables-are-documented",
        "uses standby_y",
        specified(PORT, tasks__main="- debug:\n  when: standby_y | bool\n"),
    ),
    bad(
        "variables-are-documented",
        "uses tibero_z",
        {**specified(PORT), "roles/host/templates/limits.conf": "{% if tibero_z %}x{% endif %}\n"},
    ),
    sound(
        "variables-are-documented",
        specified(
            PORT,
            tasks__main="- firedrill.standby.tibero_tip:\n    port: '{{ tibero_port }}'\n  register: tibero_seen\n"
            "- debug:\n  when: \"tibero_seen.tibero_any == 'tibero_text' and x.standby_plan\"\n",
        ),
    ),
    bad("own-names", "brings the variable tibero_x", {"roles/host/defaults/main.yml": "tibero_x: 1\n"}),
    bad("own-names", "those of the cluster begin with", specified("      port: {type: int}\n")),
    bad("own-names", "tibero_port", {**specified(PORT), "roles/host/defaults/main.yml": "tibero_port: 1\n"}),
    sound(
        "own-names",
        {
            **specified(PORT),
            "roles/host/meta/argument_specs.yml": "argument_specs: {a: {options: {tibero_port: {required: true}}}}\n",
        },
    ),
    sound("own-names", {"roles/host/defaults/main.yml": "host_x: 1\n__host_y: 2\n", **specified(PORT)}),
)

DOCUMENTED = '''
DOCUMENTATION = r"""
module: tibero_x
short_description: Does x
version_added: 0.1.0
author: [A (@a)]
description: [Does x.]
extends_documentation_fragment: [firedrill.standby.tibero]
attributes:
  check_mode: {support: full}
  diff_mode: {support: none, details: [There is nothing to compare.]}
  idempotent: {support: full}
options:
  mode: {description: [The mode.], type: str, choices: [normal, mount], default: normal}
"""
EXAMPLES = r"""
- name: Do x
  firedrill.standby.tibero_x:
"""
RETURN = r"""
state: {description: [The state.], returned: always, type: dict}
"""
from ansible.module_utils.basic import AnsibleModule
SPEC = dict(
    mode=dict(choices=["normal", "mount"], default="normal"),
    tb_home=dict(type="path", required=True),
    sys_password=dict(no_log=True),
)
def main():
    AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
'''
FRAGMENT = '''
class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  tb_home: {description: [Home.], type: path, required: true}
  sys_password: {description: [Password.], type: str}
"""
'''


def module(old: str = "", new: str = "") -> dict[str, str]:
    """The documented module, with one thing made wrong."""
    assert old in DOCUMENTED
    return {
        MODULE: DOCUMENTED.replace(old, new) if old else DOCUMENTED,
        "plugins/doc_fragments/tibero.py": FRAGMENT,
        "meta/runtime.yml": "action_groups:\n  tibero: [tibero_x]\n",
    }


MODULES = (
    bad("complete-documentation", "RETURN is missing", module('RETURN = r"""', 'OTHER = r"""')),
    bad("complete-documentation", "documents the module tibero_y", module("module: tibero_x", "module: tibero_y")),
    bad("complete-documentation", "nothing of version_added", module("version_added: 0.1.0\n")),
    bad("complete-documentation", "no example uses", module("  firedrill.standby.tibero_x:", "  tibero_x:")),
    bad("complete-documentation", "state has no type", module(", type: dict")),
    sound("complete-documentation", module()),
    bad(
        "declared-attributes", "does not say how far it supports idempotent", module("  idempotent: {support: full}\n")
    ),
    bad("declared-attributes", "without details", module(", details: [There is nothing to compare.]")),
    sound("declared-attributes", module()),
    bad("action-group", "is in no action group", {**module(), "meta/runtime.yml": "action_groups: {tibero: []}\n"}),
    bad(
        "action-group",
        "which is no module",
        {**module(), "meta/runtime.yml": "action_groups: {tibero: [tibero_x, y]}\n"},
    ),
    bad(
        "action-group",
        "is not in the group tibero",
        {**module(), "meta/runtime.yml": "action_groups: {all: [tibero_x]}\n"},
    ),
    bad("action-group", "would refuse", module("extends_documentation_fragment: [firedrill.standby.tibero]\n")),
    sound("action-group", module()),
    bad("specification-is-documented", "option mode is not documented", module("  mode: {desc", "  other: {desc")),
    bad("specification-is-documented", "option other is documented and not", module("  mode: {desc", "  other: {desc")),
    bad("specification-is-documented", "default is 'mount'", module('default="normal"', 'default="mount"')),
    bad("specification-is-documented", "type is 'raw'", module("mode=dict(", 'mode=dict(type="raw", ')),
    bad("specification-is-documented", "required is False", module(", required=True")),
    bad("specification-is-documented", "choices are", module('"normal", "mount"', '"normal"')),
    bad("specification-is-documented", "check mode and does not switch it on", module(", supports_check_mode=True")),
    sound("specification-is-documented", module()),
    bad("secrets-are-hidden", "sys_password looks like a secret", module("dict(no_log=True)", "dict()")),
    sound("secrets-are-hidden", module()),
)

RECORDING = "tests/recordings/tibero/a.txt"
DIGEST = f"{hashlib.sha256(b'Tibero 7').hexdigest()}  {RECORDING}\n"
TEXT = (
    bad("headers", "does not begin", {"lab/x.py": "import os\n"}),
    bad("headers", "does not begin", {"playbooks/x.yml": "---\n- hosts: all\n"}),
    sound(
        "headers",
        {"lab/x.py": HEADER, "playbooks/x.yml": "---\n" + HEADER, "tools/x.sh": "#!/bin/sh\n" + HEADER, "x.md": "x\n"},
    ),
    bad("no-machine-paths", "names a path", {"README.md": "cd /wor" + "k/main\n"}),
    bad("no-machine-paths", "talks of who wrote it", {"README.md": "Written by Clau" + "de.\n"}),
    sound("no-machine-paths", {"README.md": "Redo may wor" + "k/fail; /srv/wor" + "k/x; the agent of the copy.\n"}),
    bad("links", "links to docs/x.md", {"README.md": "see [x](docs/x.md#a)\n"}),
    sound("links", {"README.md": "see [x](docs/x.md#a), [y](https://example.org/y) and [z](#z)\n", "docs/x.md": "x\n"}),
    bad("recordings", "is missing", {RECORDING: "Tibero 7"}),
    bad("recordings", "was changed", {RECORDING: "Tibero 8", "tests/gates/recordings.sha256": DIGEST}),
    bad("recordings", "is gone", {"tests/gates/recordings.sha256": DIGEST}),
    bad("recordings", "is new", {RECORDING: "Tibero 7", "tests/gates/recordings.sha256": ""}),
    sound("recordings", {RECORDING: "Tibero 7", "tests/gates/recordings.sha256": DIGEST}),
    bad("shell-scripts", "set -euo pipefail", {"x": "#!/usr/bin/env bash\ntrue\n"}),
    bad("shell-scripts", "bash cannot read it", {"x": "#!/bin/bash\nset -euo pipefail\nif true; then\n"}),
    sound("shell-scripts", {"x": "#!/bin/bash\nset -euo pipefail\ntrue\n"}),
    bad("clean-text", "a tab", {"x.md": "a\tb\n"}),
    bad("clean-text", "blanks at the end", {"x.md": "a \n"}),
    bad("clean-text", "has no end", {"x.md": "a"}),
    sound("clean-text", {"x.md": "a\n", "Makefile": "a:\n\tb\n", "tests/recordings/tibero/x.txt": "a \t"}),
)
SAMPLES = PYTHON + TASK + ROLE + MODULES + TEXT


def numbered() -> list[str]:
    """An identifier for each sample: the rule and its turn."""
    return [
        f"{sample.rule}-{'sound' if sample.says is None else 'bad'}-{number}" for number, sample in enumerate(SAMPLES)
    ]


@pytest.fixture(scope="module")
def project() -> Tree:
    return Tree(ROOT)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_project_keeps(rule: Rule, project: Tree) -> None:
    findings = sorted(rule.findings(project))
    if findings:
        pytest.fail(f"{rule.says}:\n" + "\n".join(f"  {finding}" for finding in findings), pytrace=False)


@pytest.mark.parametrize("sample", SAMPLES, ids=numbered())
def test_rule_judges_sample(sample: Sample, tmp_path: Path) -> None:
    for name, text in sample.files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    findings = [str(finding) for finding in BY_NAME[sample.rule].findings(Tree(tmp_path))]
    if sample.says is None:
        assert findings == []
    else:
        assert any(sample.says in finding for finding in findings), findings


def test_every_rule_has_a_sample_of_both_kinds() -> None:
    for rule in RULES:
        kinds = {sample.says is None for sample in SAMPLES if sample.rule == rule.name}
        wanted = {False} if rule.name in ("readable", "roles-are-described") else {True, False}
        assert kinds >= wanted, f"the rule {rule.name} has not been seen red and green"
