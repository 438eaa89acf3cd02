# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer of one fault: a detached process that heals it although the one who asked may be long gone.

    python3 -m lab.hosts.healer ROOT NAME NUMBER UNTIL STATUS_FD GO_FD

It forks, tells `pid N`, waits for a line on GO_FD (end of file: the fault was never recorded, so it leaves), says
`ready`, waits until UNTIL (seconds on the monotonic clock) and ends the fault.
"""

import os
import sys
import threading
import time
import traceback
from pathlib import Path

from lab.hosts.api import Lab


def main(arguments: list[str]) -> int:
    """Fork, tell, leave; the child is the timer."""
    root, name, number, end = Path(arguments[0]), arguments[1], int(arguments[2]), float(arguments[3])
    status, go = int(arguments[4]), int(arguments[5])
    os.chdir("/")
    child = os.fork()
    if child:
        os.write(status, f"pid {child}\n".encode())
        return 0
    if os.read(go, 1) == b"":
        return 1
    os.write(status, b"ready\n")
    os.close(status)
    os.close(go)
    clock = threading.Event()
    while time.monotonic() < end:
        clock.wait(max(0.0, end - time.monotonic()))
    try:
        Lab(root, name).expire(number)
    except Exception as error:  # noqa: BLE001 - whatever it was, `status` must show it
        traceback.print_exc()
        Lab(root, name).note_failure(number, str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
