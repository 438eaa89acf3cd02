# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries the collection under one version of ansible-core, in a virtual environment of its own below .cache/core.

    python tools/core.py 2.16

Runs the unit tests of what meets Ansible (modules, action plugins, filters), lets ansible-doc read every module, and
checks the syntax of every playbook, by its path and by its name in the collection. What does not meet Ansible does not
depend on its version.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools import gates, tree

REQUIREMENTS = tree.ROOT / "requirements"
#: What the unit tests need beside ansible-core; their versions are those of requirements/constraints.txt.
BESIDE = ("pytest", "pytest-xdist", "hypothesis")
#: Packages whose version follows ansible-core's.
FOLLOWING = ("ansible-core", "resolvelib")
TESTS = ("tests/unit/plugins/modules", "tests/unit/plugins/action", "tests/unit/plugins/filter")


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


def commands(place: Path) -> list[list[str]]:
    """What is run in the environment."""
    plays = sorted(path.name for path in (tree.ROOT / "playbooks").glob("*.yml"))
    modules = sorted(path.stem for path in (tree.ROOT / "plugins" / "modules").glob("*.py"))
    bin_ = place / "bin"
    found: list[list[str]] = []
    tests = gates.existing(tree.ROOT, *TESTS)
    if tests:
        found.append([str(bin_ / "pytest"), "-q", "--no-header", "-p", "no:cacheprovider", *tests])
    if modules:
        found.append(
            [str(bin_ / "ansible-doc"), "-t", "module", "--json", *(f"firedrill.standby.{name}" for name in modules)]
        )
    if plays:
        check = [str(bin_ / "ansible-playbook"), "--syntax-check", "-i", "localhost,"]
        found.append([*check, *(f"playbooks/{name}" for name in plays)])
        found.append([*check, *(f"firedrill.standby.{name.removesuffix('.yml')}" for name in plays)])
    return found


def main() -> int:
    version = sys.argv[1]
    place = tree.CACHE / "core" / version
    with tree.alone(f"core-{version}"):
        prepare(versions()[version], place)
        surroundings = gates.environment()
        surroundings["PATH"] = os.pathsep.join([str(place / "bin"), surroundings["PATH"]])
        surroundings["VIRTUAL_ENV"] = str(place)
        codes = []
        for command in commands(place):
            print("$", *command, flush=True)
            # ansible-doc prints the documentation, which is read by its exit code and its errors alone.
            quiet = subprocess.DEVNULL if "ansible-doc" in command[0] else None
            codes.append(subprocess.run(command, cwd=tree.ROOT, env=surroundings, stdout=quiet, check=False).returncode)
    return max(codes, default=1)


if __name__ == "__main__":
    sys.exit(main())
