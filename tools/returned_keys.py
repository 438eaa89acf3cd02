# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command with the callback `returned_keys` switched on, and fails if a module returned what it does not
document. The callback `module_store` spares the many runs of playbooks beneath it to pack the same modules again.

    python tools/returned_keys.py COMMAND [ARGUMENT...]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lab import cluster

CALLBACKS = Path(__file__).resolve().parent / "callback"


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report"
        watched = {"ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS), "ANSIBLE_CALLBACKS_ENABLED": "returned_keys"}
        surroundings = {
            **os.environ,
            **watched,
            **cluster.keeping(watched),
            "FIREDRILL_RETURNED_KEYS": str(report),
        }
        done = subprocess.run(sys.argv[1:], env=surroundings, check=False)
        lines = sorted(set(report.read_text(encoding="utf-8").splitlines())) if report.exists() else []
    if lines:
        print("Modules and their RETURN disagree:", *lines, sep="\n  ")
    return done.returncode or (1 if lines else 0)


if __name__ == "__main__":
    sys.exit(main())
