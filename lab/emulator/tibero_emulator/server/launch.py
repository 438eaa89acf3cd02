# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a server process the way tbboot needs it: detached, keeping the caller's stdout, talking back over a pipe."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

TERMINAL = ("up", "suspended", "refused")
TITLE_ROOM = "." * 160


def boot(
    request: dict[str, Any],
    python: str = sys.executable,
    timeout: float | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Start the server and yield its events up to and including `up`, `suspended` or `refused`.

    Args:
        request: the boot request (see main.py). python: interpreter to use.
        timeout: seconds for the whole boot, None waits for ever. environ: environment, default os.environ.
    """
    request_read, request_write = os.pipe()
    event_read, event_write = os.pipe()
    command = [
        python,
        "-s",
        "-B",
        "-m",
        "tibero_emulator.server.main",
        "--request-fd",
        str(request_read),
        "--event-fd",
        str(event_write),
        "--title-room",
        TITLE_ROOM,
    ]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        pass_fds=(request_read, event_write),
        env=dict(environ) if environ is not None else None,
    )
    os.close(request_read)
    os.close(event_write)
    with os.fdopen(request_write, "w", encoding="utf-8") as handle:
        json.dump(request, handle)
    process.wait()
    yield from _events(event_read, timeout)


def _events(fd: int, timeout: float | None) -> Iterator[dict[str, Any]]:
    deadline = None if timeout is None else time.monotonic() + timeout
    rest = b""
    try:
        while True:
            remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([fd], [], [], remaining)[0]:
                yield {"event": "refused", "code": 0, "text": f"no end of the boot within {timeout} seconds"}
                return
            data = os.read(fd, 65536)
            if not data:
                yield {"event": "refused", "code": 0, "text": "server process died: see log/slog/sys.log"}
                return
            rest += data
            while b"\n" in rest:
                line, rest = rest.split(b"\n", 1)
                event: dict[str, Any] = json.loads(line)
                yield event
                if event["event"] in TERMINAL:
                    return
    finally:
        os.close(fd)
