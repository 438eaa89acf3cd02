# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner of the gates, the clean copy and the set-up themselves: a runner that swallows a failure makes every gate
worthless."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import check, core, gates, tree


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(check, "LOGS", tree.CACHE / f"logs-test-{os.getpid()}")
    check.LOGS.mkdir(parents=True, exist_ok=True)
    yield check.LOGS
    shutil.rmtree(check.LOGS)


def gate(code: str, limit: int = 30) -> gates.Gate:
    return gates.Gate("sample", "a sample", lambda _root: [[sys.executable, "-c", code]], limit=limit, in_checkout=True)


@pytest.mark.usefixtures("logs")
def test_green_gate_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = check.run_gates([gate("print('quiet')")], jobs=1)
    assert [outcome.trouble for outcome in outcomes] == [""]
    shown = capsys.readouterr().out
    assert shown.count("\n") == 1
    assert "ok" in shown
    assert "quiet" not in shown


@pytest.mark.usefixtures("logs")
def test_red_gate_shows_the_end_of_its_output(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = check.run_gates([gate("print('the reason'); raise SystemExit(3)")], jobs=1)
    assert outcomes[0].trouble == "exit code 3"
    shown = capsys.readouterr().out
    assert "FAILED" in shown
    assert "the reason" in shown


@pytest.mark.usefixtures("logs")
def test_what_was_found_is_shown_also_far_above_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    code = "print('ERROR: the finding'); print('word\\n' * 200); raise SystemExit(1)"
    check.run_gates([gate(code)], jobs=1)
    shown = capsys.readouterr().out
    assert shown.count("ERROR: the finding") == 1
    assert shown.count("word") == check.SHOWN - 1


@pytest.mark.usefixtures("logs")
def test_first_of_two_commands_fails_the_gate() -> None:
    commands = [[sys.executable, "-c", "raise SystemExit(1)"], [sys.executable, "-c", ""]]
    outcomes = check.run_gates([gates.Gate("sample", "", lambda _root: commands, in_checkout=True)], jobs=1)
    assert outcomes[0].trouble == "exit code 1"


@pytest.mark.usefixtures("logs")
def test_gate_beyond_its_limit_is_ended_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "child"
    code = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(mark)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    outcomes = check.run_gates([gate(code, limit=2)], jobs=1)
    assert outcomes[0].trouble == "did not end within 2 s"
    child = int(mark.read_text(encoding="utf-8"))
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and " Z " not in Path(f"/proc/{child}/stat").read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, "the child of an ended gate lives on"
        time.sleep(0.1)


@pytest.mark.usefixtures("logs")
def test_gates_run_side_by_side_but_for_those_that_want_to_be_alone(tmp_path: Path) -> None:
    """Each gate writes its begin and its end; two of them wait for each other's begin."""
    seen = tmp_path / "seen"
    code = (
        f"import pathlib, sys, time\nseen = pathlib.Path({str(seen)!r})\n"
        "def say(word):\n    with seen.open('a') as stream:\n        stream.write(word + '\\n')\n"
        "say('begin {0}')\nwhile {1} and seen.read_text().count('begin') < 4: time.sleep(0.01)\nsay('end')\n"
    )
    chosen = [gate(code.format(name, name in "cd"))._replace(alone=name in "ab") for name in "cadb"]
    assert [outcome.trouble for outcome in check.run_gates(chosen, jobs=2)] == [""] * 4
    lines = seen.read_text(encoding="utf-8").splitlines()
    assert lines[:4] == ["begin a", "end", "begin b", "end"]
    assert sorted(lines[4:6]) == ["begin c", "begin d"]


@pytest.mark.usefixtures("logs")
def test_gates_that_share_something_never_run_beside_each_other(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    code = f"import time\ndef say(w):\n    open({str(seen)!r}, 'a').write(w)\nsay('b')\ntime.sleep(0.2)\nsay('e')\n"
    chosen = [gate(code)._replace(name=name, share="ports") for name in "xyz"]
    assert [outcome.trouble for outcome in check.run_gates(chosen, jobs=3)] == [""] * 3
    assert seen.read_text(encoding="utf-8") == "be" * 3


def test_unknown_gate_names_those_there_are() -> None:
    with pytest.raises(SystemExit, match=r"No gate spelling in the stage lint\. There are: .*ruff"):
        check.choose(["spelling"], "lint")


def test_no_scenario_is_a_failure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(gates, "scenarios", lambda root=tree.ROOT: [])
    assert check.run_stage("molecule", [], 1) == 1
    assert "no molecule/*/molecule.yml exists" in capsys.readouterr().out


def test_scenarios_are_found(tmp_path: Path) -> None:
    for name in ("b", "a", "resume"):
        (tmp_path / "molecule" / name).mkdir(parents=True)
        (tmp_path / "molecule" / name / "molecule.yml").touch()
    (tmp_path / "molecule" / "shared").mkdir()
    assert gates.scenarios(tmp_path) == ["resume", "a", "b"]
    assert set(gates.LONG) <= set(gates.scenarios())


SKIPS = """
import pytest

def test_in_its_body():
    pytest.skip("no such program")

@pytest.mark.skipif(True, reason="not today")
def test_by_its_mark():
    pass

def test_that_is_listed_for_root():
    pytest.skip("root may write everywhere")

def test_that_is_listed_for_others():
    pytest.skip("hosts as network name spaces need root")

@pytest.mark.xfail
def test_that_is_known_to_fail():
    raise ValueError
"""


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_skipped_test_fails_unless_its_reason_is_listed(workers: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(SKIPS, encoding="utf-8")
    (tmp_path / "test_b.py").write_text("import pytest\npytest.importorskip('no_such_package')\n", encoding="utf-8")
    command = gates.pytest(*workers, "--continue-on-collection-errors", "--rootdir", str(tmp_path), str(tmp_path))
    done = subprocess.run(command, cwd=tree.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "2 failed, 1 skipped, 1 xfailed, 2 errors in" in done.stdout
    unlisted = "others" if os.geteuid() == 0 else "root"
    for said in (
        "test_in_its_body is skipped: 'no such program'",
        "test_by_its_mark is skipped: 'not today'",
        f"test_that_is_listed_for_{unlisted} is skipped",
        "test_b.py is skipped: \"could not import 'no_such_package'",
    ):
        assert said in done.stdout


def test_tests_that_meet_ansible_are_found(tmp_path: Path) -> None:
    tests = tmp_path / "tests" / "unit" / "deep"
    tests.mkdir(parents=True)
    prefix = "from ansible_collections.firedrill.standby.plugins"
    meeting = {
        "imports": "from ansible.errors import AnsibleError",
        "inside": "def test_x():\n    import ansible.constants",
        "action": f"{prefix}.action import seed_pull",
        "kind": f"{prefix} import filter as filters",
        "module": "import_module('ansible_collections.firedrill.standby.plugins.modules.' + name)",
        "base": f"{prefix}.module_utils import _module",
        "program": "run(['ansible-playbook'])",
    }
    for name, text in {**meeting, "pure": f"{prefix}.module_utils._core import wait\n"}.items():
        (tests / f"test_{name}.py").write_text(f"{text}\n", encoding="utf-8")
    assert core.meeting_ansible(tmp_path) == sorted(f"tests/unit/deep/test_{name}.py" for name in meeting)


def test_core_under_which_nothing_would_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"no test below .*/tests/unit meets Ansible"):
        core.meeting_ansible(tmp_path)


def test_core_sees_documentation_that_is_missing(capfd: pytest.CaptureFixture[str]) -> None:
    command = gates.tool("ansible-doc", "--json", "-t", "module", "ansible.builtin.ping", "ansible.builtin.gone")
    assert core.run(command, gates.environment()) == 1
    assert "not documented: ansible.builtin.gone" in capfd.readouterr().out


def checkout(root: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(root)], check=True, capture_output=True)
    (root / ".gitignore").write_text("ignored\n", encoding="utf-8")
    (root / "kept").write_text("1", encoding="utf-8")
    (root / "ignored").write_text("1", encoding="utf-8")


def test_copy_holds_what_git_would_hold(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    checkout(source)
    (source / "old").mkdir()
    (source / "old" / "file").write_text("1", encoding="utf-8")
    tree.copy_to(target, source)
    assert {path.name for path in target.iterdir()} == {".git", ".gitignore", "kept", "old"}
    shutil.rmtree(source / "old")
    (source / "kept").write_text("2", encoding="utf-8")
    (target / "left over").write_text("1", encoding="utf-8")
    tree.copy_to(target, source)
    assert {path.name for path in target.iterdir()} == {".git", ".gitignore", "kept"}
    assert (target / "kept").read_text(encoding="utf-8") == "2"


def test_outside_of_a_checkout_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="git does not know the files"):
        tree.project_files(tmp_path)


def set_up(root: Path, argument: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the set-up in a copy of what it reads, as somebody who is not root and has no package index."""
    (root / "tools").mkdir(exist_ok=True)
    shutil.copy(tree.ROOT / "tools" / "setup.sh", root / "tools")
    shutil.copytree(tree.ROOT / "requirements", root / "requirements", dirs_exist_ok=True)
    surroundings = {
        **os.environ,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(root),
        **environment,
    }
    return subprocess.run(
        ["bash", "tools/setup.sh", argument], cwd=root, env=surroundings, capture_output=True, text=True, check=False
    )


def program(path: Path, text: str) -> str:
    path.write_text("#!/bin/sh\n" + text, encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_set_up_without_python_says_how_to_name_one(tmp_path: Path) -> None:
    done = set_up(tmp_path, "run", PYTHON="python-that-is-not-there")
    assert done.returncode == 1
    assert "there is no program 'python-that-is-not-there'" in done.stderr


def test_set_up_with_an_old_python_says_which_is_needed(tmp_path: Path) -> None:
    done = set_up(
        tmp_path, "run", PYTHON=program(tmp_path / "python", '[ "$1" = -V ] && echo Python 3.9.2 || exit 1\n')
    )
    assert done.returncode == 1
    assert "Python 3.9.2; ansible-core 2.19 needs Python 3.11 or later" in done.stderr


def test_set_up_without_ensurepip_names_the_package(tmp_path: Path) -> None:
    """A python3 as Debian has it without python3-venv, of somebody who may not install packages and reaches no
    index."""
    python = program(tmp_path / "python", f'case "$*" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n')
    program(tmp_path / "id", "echo 1000\n")
    done = set_up(tmp_path, "run", PYTHON=python, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_set_up_without_an_index_shows_what_pip_said(tmp_path: Path) -> None:
    done = set_up(tmp_path, "run", PYTHON=sys.executable)
    assert done.returncode == 1
    assert "pip could not install requirements/run.txt" in done.stderr
    assert "ERROR: " in done.stderr
