# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The artefact is what a user gets: built, installed without a network, and used from there."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tools import build, gates, tree

#: What may stand at the top of the artefact. Everything else needs the checkout.
ALLOWED = frozenset(
    (
        *("FILES.json", "MANIFEST.json", "README.md", "CHANGELOG.md", "CHANGELOG.rst", "CODE_OF_CONDUCT.md"),
        *("CONTRIBUTING.md", "REVIEW_CHECKLIST.md", "REUSE.toml", "LICENSES", "LICENSE"),
        *("changelogs", "docs", "meta", "playbooks", "plugins", "roles"),
    )
)
MODULES = sorted(path.stem for path in (tree.ROOT / "plugins" / "modules").glob("*.py"))
PLAYBOOKS = sorted(path.stem for path in (tree.ROOT / "playbooks").glob("*.yml"))


@pytest.fixture(scope="session")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source") / "ansible_collections" / "firedrill" / "standby"
    tree.copy_to(source)
    return build.build(tmp_path_factory.mktemp("build"), source)


@pytest.fixture(scope="session")
def installed(artefact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of collections after an installation that could reach no server."""
    target = tmp_path_factory.mktemp("collections")
    run("ansible-galaxy", "collection", "install", str(artefact), "-p", str(target), "--offline", collections=target)
    return target


def run(program: str, *arguments: str, collections: Path) -> str:
    """Run a program that sees this directory of collections only, far from the checkout; its output."""
    surroundings = {
        **gates.environment(),
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false",
    }
    done = subprocess.run(
        gates.tool(program, *arguments), cwd=collections, env=surroundings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{program} {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout


def test_holds_what_run_time_needs_and_nothing_else(artefact: Path) -> None:
    tops = {name.split("/")[0] for name in build.names(artefact)}
    assert tops <= ALLOWED
    assert {"meta", "plugins", "roles", "playbooks", "LICENSES", "README.md"} <= tops


def test_holds_no_tests_and_no_leftovers(artefact: Path) -> None:
    unwanted = re.compile(r"(^|/)(tests?|__pycache__|\.[^/]*|test_[^/]*\.py|conftest\.py)(/|$)|\.pyc$")
    assert [name for name in build.names(artefact) if unwanted.search(name)] == []


def test_checkout_builds_the_same(artefact: Path, tmp_path: Path) -> None:
    """A user who builds in the checkout, with all that lies around there, gets the same files."""
    assert build.names(build.build(tmp_path, tree.ROOT)) == build.names(artefact)


def test_size_has_a_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(build, "LIMIT", 1024)
    with pytest.raises(RuntimeError, match="more than 1024"):
        build.build(tmp_path, tree.ROOT)


def test_every_module_is_documented_from_the_installed_collection(installed: Path) -> None:
    names = [f"firedrill.standby.{name}" for name in MODULES]
    found = json.loads(run("ansible-doc", "-t", "module", "--json", *names, collections=installed))
    assert sorted(found) == names
    assert [name for name, entry in found.items() if not entry.get("return")] == []


def test_every_role_is_documented_from_the_installed_collection(installed: Path) -> None:
    roles = sorted(path.name for path in (tree.ROOT / "roles").iterdir() if path.is_dir())
    found = json.loads(run("ansible-doc", "-t", "role", "--json", "-l", "firedrill.standby", collections=installed))
    assert sorted(name for name in found) == [f"firedrill.standby.{name}" for name in roles]


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_playbook_runs_by_its_name(playbook: str, installed: Path) -> None:
    output = run(
        "ansible-playbook", f"firedrill.standby.{playbook}", "--syntax-check", "-i", "localhost,", collections=installed
    )
    assert f"playbook: {installed}" in output or "playbook: firedrill.standby" in output


def test_execution_environment_finds_its_needs(installed: Path) -> None:
    output = subprocess.run(
        gates.python("-m", "ansible_builder", "introspect", "--sanitize", str(installed)),
        capture_output=True,
        text=True,
        env=gates.environment(),
        check=False,
    )
    assert output.returncode == 0, output.stderr
    assert "openssh-client" in output.stdout


def test_release_can_be_cut(tmp_path: Path) -> None:
    """The fragments make a changelog, in a copy: a release of the project itself is made by a person."""
    source = tmp_path / "ansible_collections" / "firedrill" / "standby"
    tree.copy_to(source)
    fragments = list((source / "changelogs" / "fragments").glob("*.yml"))
    command = gates.tool("antsibull-changelog", "release", "--date", "2026-01-01")
    surroundings = {**gates.environment(), "ANSIBLE_COLLECTIONS_PATH": str(tmp_path)}
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, env=surroundings, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    version = re.search(r"^version: (.+)$", (source / "galaxy.yml").read_text(encoding="utf-8"), re.M)
    assert version is not None
    text = (source / "CHANGELOG.rst").read_text(encoding="utf-8")
    assert f"v{version[1]}\n" in text
    assert not fragments or "Release Summary" in text or "Changes" in text
    assert f"firedrill.standby.{MODULES[0]}" in text
