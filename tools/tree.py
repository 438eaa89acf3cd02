# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the project, and a clean copy of them under the path that Ansible wants a collection to have.

The gates look at the copy: it holds what git would hold and nothing else, so that neither a virtual environment nor a
mounted test host is ever linted, and a file that git ignores by mistake is missing there too.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
#: What ANSIBLE_COLLECTIONS_PATH must hold for the copy to be found.
COLLECTIONS = CACHE / "collections"
COPY = COLLECTIONS / "ansible_collections" / "firedrill" / "standby"


def project_files(root: Path = ROOT) -> list[Path]:
    """Files that are in git or would be with the next `git add`, relative to the root, sorted.

    :raises RuntimeError: when git is missing or the root is no checkout.
    """
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise RuntimeError("The program git is missing; the gates ask it which files belong to the project.") from error
    if done.returncode:
        raise RuntimeError(f"git does not know the files of {root}: {done.stderr.strip()}")
    names = {Path(name) for name in done.stdout.split("\0") if name}
    return sorted(name for name in names if (root / name).is_file())


def copy_to(target: Path, root: Path = ROOT) -> None:
    """Make the target hold exactly the project's files; only what differs is written, so that caches keyed by time stay
    good."""
    wanted = set(project_files(root))
    if target.is_symlink():
        target.unlink()
    for directory, _, names in os.walk(target):
        for name in names:
            path = Path(directory) / name
            if path.relative_to(target) not in wanted:
                path.unlink()
    for wish in wanted:
        source, copy = root / wish, target / wish
        if copy.is_file() and filecmp.cmp(source, copy) and source.stat().st_mode == copy.stat().st_mode:
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, copy)
    for directory, subdirectories, names in os.walk(target, topdown=False):
        if not subdirectories and not names and Path(directory) != target:
            Path(directory).rmdir()
