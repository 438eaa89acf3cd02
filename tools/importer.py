# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the artefact and lets Galaxy's importer judge it, as an upload to Galaxy would; a warning is a failure here.

python tools/importer.py DIRECTORY
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools import gates, tree
from tools.build import build

#: ansible-test and ansible-lint are gates of their own, with the strict profile, and flake8 of the importer contradicts the formatter; ruff has its rules.
SETTINGS = """[galaxy-importer]
RUN_ANSIBLE_TEST = False
RUN_ANSIBLE_LINT = False
RUN_FLAKE8 = False
TMP_ROOT_DIR = {directory}
"""


def main() -> int:
    root = Path(sys.argv[1]).resolve()
    tree.CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tree.CACHE, prefix="importer-") as name:
        directory = Path(name)
        settings = directory / "importer.cfg"
        settings.write_text(SETTINGS.format(directory=directory), encoding="utf-8")
        surroundings = {**gates.environment(), "GALAXY_IMPORTER_CONFIG": str(settings)}
        surroundings.pop("ANSIBLE_COLLECTIONS_PATH")
        command = gates.python("-m", "galaxy_importer.main", str(build(directory, root)))
        done = subprocess.run(command, cwd=directory, env=surroundings, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr, sep="")
    bad = [line for line in done.stdout.splitlines() if line.startswith(("WARNING", "ERROR"))]
    print(f"exit code {done.returncode}, {len(bad)} warnings and errors:", *bad, sep="\n  ")
    return 1 if done.returncode or bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as error:
        print(f"Stopped: {error}", file=sys.stderr)
        sys.exit(1)
