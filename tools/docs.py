# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the documentation as HTML: what `make docs` calls. A warning of Sphinx is a failure.

python -m tools.docs [DIRECTORY]      default: build/docs
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tools import gates, tree

TITLE = "firedrill.standby"
#: Added to the settings of the site: it is rendered without a network, so labels of Ansible's own documentation stay
#: plain text. Our own references are checked by the gate `docs`.
SETTINGS = """
intersphinx_mapping = {}
nitpicky = False
suppress_warnings = ["ref.ref"]
copyright = "The firedrill.standby authors"
"""


def commands(work: Path, target: Path) -> list[list[str]]:
    """The steps: a site of Sphinx, the collection's pages as reStructuredText, HTML."""
    options = (
        "--use-current",
        "--squash-hierarchy",
        "--sphinx-theme",
        "alabaster",
        "--project",
        TITLE,
        "--title",
        TITLE,
    )
    pages = ("--use-current", "--squash-hierarchy", "--fail-on-error", "--cleanup", "everything")
    return [
        gates.tool("antsibull-docs", "sphinx-init", *options, "--fail-on-error", "--dest-dir", str(work), TITLE),
        gates.tool("antsibull-docs", "collection", *pages, "--dest-dir", str(work / "rst"), TITLE),
        gates.tool(
            "sphinx-build", "-q", "-W", "--keep-going", "-b", "html", "-c", str(work), str(work / "rst"), str(target)
        ),
    ]


def main() -> int:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else tree.ROOT / "build" / "docs"
    work = tree.CACHE / "docs"
    for directory in (work, target):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
    with tree.alone("copy"):
        tree.copy_to(tree.COPY)
    for command in commands(work, target):
        done = subprocess.run(command, cwd=work, env=gates.environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stdout, done.stderr, sep="", file=sys.stderr)
            print(f"Stopped: {Path(command[0]).name} {command[1]} failed; its output is above.", file=sys.stderr)
            return 1
        if "sphinx-init" in command:
            with open(work / "conf.py", "a", encoding="utf-8") as settings:
                settings.write(SETTINGS)
    print(f"{target / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
