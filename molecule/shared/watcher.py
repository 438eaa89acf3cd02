# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at the command lines and environments of all processes of a host, again and again, for words that must not be there.

    watcher.py DIRECTORY       the words come on standard input, one a line

It detaches itself and goes on until DIRECTORY/stop appears; then DIRECTORY/report holds JSON: the number of looks, and
each process that was caught, with the file that showed the word.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from writer import detach

#: Seconds between two looks: the programs that could be caught live for longer.
PACE = 0.05


def caught(words: list[bytes]) -> Iterator[str]:
    """Processes that show one of the words now."""
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                text = (process / name).read_bytes()
            except OSError:
                continue
            if any(word in text for word in words):
                yield f"{name} of {text.split(bytes(1))[0].decode(errors='replace')}"


def main() -> None:
    directory = Path(sys.argv[1])
    words = [line.encode() for line in sys.stdin.read().split()]
    if not detach(directory):
        return
    looks, found, pace = 0, set(), threading.Event()
    while not (directory / "stop").exists():
        found.update(caught(words))
        looks += 1
        pace.wait(PACE)
    (directory / "report").write_text(json.dumps({"looks": looks, "found": sorted(found)}))


if __name__ == "__main__":
    main()
