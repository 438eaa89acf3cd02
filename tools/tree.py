# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the project, and a clean copy of them under the path that Ansible wants a collection to have.

The gates look at the copy: it holds what git would hold and nothing else, so that neither a virtual environment nor a
mounted test host is ever linted, and a file that git ignores by mistake is missing there too.
"""

from __future__ import annotations

import fcntl
import filecmp
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
#: What ANSIBLE_COLLECTIONS_PATH must hold for the copy to be found.
COLLECTIONS = CACHE / "collections"
COPY = COLLECTIONS / "ansible_collections" / "firedrill" / "standby"


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Hold the lock of this name: two runs in one checkout would write to the same copy. A dead run holds nothing."""
    CACHE.mkdir(exist_ok=True)
    with open(CACHE / f"{name}.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another run holds .cache/{name}.lock in this checkout; waiting for its end.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


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
    # A repository of its own: tools that ask git for the files would else find the checkout's, which ignores the copy.
    if not (target / ".git").exists():
        subprocess.run(["git", "init", "--quiet", str(target)], check=True, capture_output=True)
    for directory, subdirectories, names in os.walk(target):
        if ".git" in subdirectories:
            subdirectories.remove(".git")
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
    _remove_empty_directories(target)


def _remove_empty_directories(target: Path) -> None:
    for directory, _, _ in os.walk(target, topdown=False):
        path = Path(directory)
        if path != target and ".git" not in path.relative_to(target).parts and not any(path.iterdir()):
            path.rmdir()
