# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads every Python file below the directories given, with the Python that runs it: old ones included, so this file is
plain.

Files of module_utils are imported too, all but the one that needs Ansible, since annotations and defaults run at
import.
"""

import os
import sys
import traceback
from typing import List


def main(directories: List[str]) -> int:
    sys.dont_write_bytecode = True
    here = os.getcwd()
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(here))))
    files = [
        os.path.join(place, name)
        for top in directories
        for place, _, names in os.walk(top)
        for name in sorted(names)
        if name.endswith(".py")
    ]
    failed = 0
    for path in sorted(files):
        try:
            with open(path, "rb") as source:
                compile(source.read(), path, "exec")
            if path.startswith("plugins/module_utils/") and not path.endswith("/_module.py"):
                name = path[: -len(".py")].replace("/__init__", "").replace(os.sep, ".")
                __import__("ansible_collections.firedrill.standby." + name)
        except Exception:  # noqa: BLE001 - whatever an old Python says against a file is the finding
            failed += 1
            traceback.print_exc()
    print("Python {0}: {1} files, {2} failed".format(sys.version.split()[0], len(files), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
