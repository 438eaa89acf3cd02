# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs `ansible-test sanity` over a copy of the collection, also on a machine that reaches a package index and nothing
else.

    python tools/sanity.py DIRECTORY [ARGUMENT...]

ansible-test installs pip into its own virtual environments with a script that it downloads from a server of the Ansible
project. The same is had from the environment that runs it, so a script is laid into its cache beforehand that copies pip
from there. Its other requirements come through pip.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools import gates, tree

#: ansible-test makes nine environments with pip. A copy takes 0.3 s of processor time, where ensurepip takes 8 s.
BOOTSTRAP = "import shutil, sysconfig\nshutil.copytree({pip!r}, sysconfig.get_path('purelib'), dirs_exist_ok=True)\n"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def pip_version() -> str:
    """The version of pip that this ansible-test wants, from its own table.

    :raises RuntimeError: when the table is not where it was in ansible-core 2.19.
    """
    import ansible_test

    table = Path(ansible_test.__path__[0]) / "_internal" / "python_requirements.py"
    found = re.search(r"pip='([\d.]+)'|'pip': '([\d.]+)'|\"pip\": \"([\d.]+)\"", table.read_text(encoding="utf-8"))
    if found is None:
        raise RuntimeError(
            f"{table} names no version of pip; lay the bootstrap file that ansible-test asks for by hand"
        )
    return next(group for group in found.groups() if group)


def lay_bootstrap(home: Path) -> None:
    """Lay the script with which ansible-test installs pip, and the pip that it copies: files and record, since
    ansible-test removes pip with `pip uninstall` when an environment is made.

    :raises RuntimeError: when pip has no record of its files.
    """
    cache = home / ".ansible" / "test" / "cache"
    pip = cache / "pip"
    shutil.rmtree(pip, ignore_errors=True)
    files = metadata.distribution("pip").files
    if not files:
        raise RuntimeError("pip of this environment has no record of its files; remove .venv to have it made anew")
    for file in files:
        # Its programs lie outside, and ansible-test calls none.
        if ".." not in file.parts and Path(str(file.locate())).is_file():
            (pip / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(str(file.locate()), pip / file)
    script = BOOTSTRAP.format(pip=str(pip))
    (cache / f"get_pip_{pip_version().replace('.', '_')}.py").write_text(script, encoding="utf-8")


def excluded(root: Path) -> list[str]:
    """The directories that do not go into the artefact: they are judged by the other gates, with rules that fit
    them."""
    ignored = yaml.safe_load((root / "galaxy.yml").read_text(encoding="utf-8"))["build_ignore"]
    return [part for name in ignored if (root / name).is_dir() for part in ("--exclude", f"{name}/")]


def main() -> int:
    root = Path(sys.argv[1]).resolve()
    # Samples have another place than the project, so that neither waits for the end of the other.
    name = "sanity" if root == tree.COPY else "sanity-sample"
    place = tree.CACHE / name / "ansible_collections" / "firedrill" / "standby"
    home = gates.isolated_home(f"{name}-home")
    surroundings = {**gates.environment(), "HOME": str(home), "PYTHONWARNINGS": "ignore"}
    command = gates.tool("ansible-test", "sanity", "--local", "--requirements", "--python", VERSION, "--color", "no")
    for variable in ("ANSIBLE_COLLECTIONS_PATH", "MYPYPATH"):
        surroundings.pop(variable)
    # ansible-test makes its environments where they are missing; two runs at a time would make the same ones. It also
    # leaves files among those it judges, so it gets a copy of its own.
    with tree.alone(name):
        lay_bootstrap(home)
        tree.copy_to(place, root)
        done = subprocess.run([*command, *excluded(place), *sys.argv[2:]], cwd=place, env=surroundings, check=False)
    return done.returncode


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
