# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries the collection under one version of ansible-core, in a virtual environment of its own below .cache/core.

    python tools/core.py 2.16

Runs the unit tests that meet Ansible, lets ansible-doc read every module and role, and checks the syntax of every
playbook, by its path and by its name in the collection. What does not meet Ansible does not depend on its version. The
version of the main environment needs none of its own, and `make unit` has run all tests under it already.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools import gates, tree

REQUIREMENTS = tree.ROOT / "requirements"
#: What the unit tests need beside ansible-core; their versions are those of requirements/constraints.txt.
BESIDE = ("pytest", "pytest-xdist", "hypothesis")
#: Packages whose version follows ansible-core's.
FOLLOWING = ("ansible-core", "resolvelib")
#: What a test says that meets Ansible: it imports ansible, or what of the collection does, or runs a program of it.
MEETS = re.compile(
    r"^\s*(?:from|import) ansible(?:\.|\s)|\bplugins(?:\.|\s+import\s+)(?:action|callback|filter|inventory|modules)\b"
    r"|\b_module\b|\bansible-(?:doc|inventory|playbook)\b",
    re.MULTILINE,
)


def versions() -> dict[str, str]:
    """The supported versions: ``{"2.16": "ansible-core==2.16.19", ...}``."""
    lines = (REQUIREMENTS / "cores.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.strip() for line in lines if line.startswith("ansible-core==")]
    return dict(zip(gates.cores(), pins, strict=True))


def prepare(pin: str, place: Path) -> None:
    """Make the virtual environment, once for each set of versions."""
    constraints = (REQUIREMENTS / "constraints.txt").read_text(encoding="utf-8").splitlines()
    kept = [line for line in constraints if not line.lower().startswith(tuple(f"{name}==" for name in FOLLOWING))]
    digest = hashlib.sha256("\n".join([pin, sys.version, *BESIDE, *kept]).encode()).hexdigest()
    stamp = place / "made-from"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return
    shutil.rmtree(place, ignore_errors=True)
    # The interpreter below the virtual environment, so that the new one does not hang on the old one.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    allowed = place / "constraints.txt"
    allowed.write_text("\n".join(kept) + "\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python")]
    options = ["install", "--quiet", "--no-input", "--disable-pip-version-check", "-c", str(allowed)]
    subprocess.run([*pip, *options, pin, *BESIDE], check=True)
    stamp.write_text(digest, encoding="utf-8")


def meeting_ansible(root: Path = tree.ROOT) -> list[str]:
    """The unit tests that meet Ansible, found and never listed, so that none is forgotten.

    :raises RuntimeError: when there is none: a version under which nothing runs would be green for nothing.
    """
    tests = sorted((root / "tests" / "unit").rglob("test_*.py"))
    found = [str(path.relative_to(root)) for path in tests if MEETS.search(path.read_text(encoding="utf-8"))]
    if not found:
        raise RuntimeError(f"no test below {root}/tests/unit meets Ansible")
    return found


def documented(root: Path = tree.ROOT) -> dict[str, list[str]]:
    """Everything that has a documentation, by the kind that ansible-doc knows it as."""
    found = {
        "module": (root / "plugins" / "modules").glob("*.py"),
        "filter": (root / "plugins" / "filter").glob("*.yml"),
        "role": (path for path in (root / "roles").iterdir() if path.is_dir()),
    }
    return {kind: sorted(f"firedrill.standby.{path.stem}" for path in paths) for kind, paths in found.items()}


def run(command: list[str], surroundings: dict[str, str]) -> int:
    """Run a command in the checkout; ansible-doc, which passes over what it cannot read, must have shown every name."""
    print("$", *command, flush=True)
    if "ansible-doc" not in command[0]:
        return subprocess.run(command, cwd=tree.ROOT, env=surroundings, check=False).returncode
    done = subprocess.run(command, cwd=tree.ROOT, env=surroundings, stdout=subprocess.PIPE, text=True, check=False)
    missing = set(command[4:]) - set(json.loads(done.stdout or "{}"))
    if missing:
        print("not documented:", *sorted(missing), flush=True)
    return done.returncode or bool(missing)


def commands(place: Path, with_tests: bool) -> list[list[str]]:
    """What is run in the environment."""
    plays = sorted(path.name for path in (tree.ROOT / "playbooks").glob("*.yml"))
    bin_ = place / "bin"
    document = [str(bin_ / "ansible-doc"), "--json", "-t"]
    check = [str(bin_ / "ansible-playbook"), "--syntax-check", "-i", "localhost,"]
    return [
        *([gates.pytest(*meeting_ansible(), interpreter=str(bin_ / "python"))] if with_tests else []),
        *([*document, kind, *names] for kind, names in documented().items()),
        [*check, *(f"playbooks/{name}" for name in plays)],
        [*check, *(f"firedrill.standby.{name.removesuffix('.yml')}" for name in plays)],
    ]


def environment_of(version: str) -> tuple[Path, bool]:
    """The virtual environment with this version, made if need be, and whether it is another one than the main."""
    pin = versions()[version]
    if pin == f"ansible-core=={metadata.version('ansible-core')}":
        return gates.BIN.parent, False
    place = tree.CACHE / "core" / version
    prepare(pin, place)
    return place, True


def main() -> int:
    version = sys.argv[1]
    with tree.alone(f"core-{version}"):
        place, another = environment_of(version)
        surroundings = gates.environment()
        surroundings["PATH"] = os.pathsep.join([str(place / "bin"), surroundings["PATH"]])
        surroundings["VIRTUAL_ENV"] = str(place)
        return max(run(command, surroundings) for command in commands(place, with_tests=another))


if __name__ == "__main__":
    sys.exit(main())
