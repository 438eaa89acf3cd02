# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs every benchmark in benchmarks/, one after the other, alone on the machine: what `make bench` calls.

Each file is a program that prints its figures beside what they must keep, and ends with 1 when it does not keep one.
"""

from __future__ import annotations

import subprocess
import sys
import time

from tools import gates, tree


def main() -> int:
    found = sorted(path for path in (tree.ROOT / "benchmarks").glob("*.py") if not path.name.startswith("_"))
    if not found:
        print("make bench: there is nothing in benchmarks/. A run that measures nothing proves nothing, so it fails.")
        return 1
    red = []
    for path in found:
        print(f"== benchmarks/{path.name}", flush=True)
        start = time.monotonic()
        module = f"benchmarks.{path.stem}"
        done = subprocess.run(
            gates.python("-m", module), cwd=tree.ROOT, env=gates.environment(isolated=False), check=False
        )
        print(f"   {'ok' if done.returncode == 0 else 'FAILED'} in {time.monotonic() - start:.1f} s", flush=True)
        if done.returncode:
            red.append(path.name)
    print(f"make bench: {len(found) - len(red)} of {len(found)} kept" + (f"; FAILED: {', '.join(red)}" if red else ""))
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
