# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the collection's artefact from the clean copy of the project: what `make build` calls.

python -m tools.build [DIRECTORY]      default: build/
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

from tools import gates, tree

#: Galaxy refuses more; ours is far below, and a jump means that something slipped in.
LIMIT = 2 * 1024 * 1024


def build(target: Path, source: Path = tree.COPY) -> Path:
    """Build the artefact of a copy into a directory and return its path.

    :raises RuntimeError: when ansible-galaxy refuses, or the artefact is larger than it should be.
    """
    target.mkdir(parents=True, exist_ok=True)
    command = gates.tool("ansible-galaxy", "collection", "build", "--force", "--output-path", str(target), str(source))
    done = subprocess.run(command, capture_output=True, text=True, env=gates.environment(), check=False)
    if done.returncode:
        raise RuntimeError(
            f"ansible-galaxy could not build the collection: {done.stderr.strip() or done.stdout.strip()}"
        )
    built = Path(done.stdout.strip().split(" at ")[-1])
    if built.stat().st_size > LIMIT:
        raise RuntimeError(
            f"{built.name} has {built.stat().st_size} bytes, more than {LIMIT}; see build_ignore in galaxy.yml"
        )
    return built


def names(artefact: Path) -> list[str]:
    """The files in an artefact."""
    with tarfile.open(artefact) as archive:
        return sorted(member.name for member in archive if member.isfile())


def main() -> int:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else tree.ROOT / "build"
    with tree.alone("copy"):
        tree.copy_to(tree.COPY)
        built = build(target)
    print(f"{built}: {len(names(built))} files, {built.stat().st_size // 1024} KiB")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as error:
        print(f"Stopped: {error}", file=sys.stderr)
        sys.exit(1)
