# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This plugin utility is private to the collection firedrill.standby: other collections must not import it.
"""The controller's journal of a role change: a file of JSON lines, which is also where its workers hand over to each other.

Ansible works on each member in a process of its own. Each of them appends lines and reads those of the others; one write of a
short line at the end of a local file is not torn by another.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.firedrill.standby.plugins.module_utils._core import ledger
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import DeadlineExceeded
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until

#: The clock of this host on which intervals are measured, the same one as that of the probe's ledgers.
_CLOCK = ledger.clock()[1]
#: Seconds between two looks at the file.
LOOK = 0.02


class Events:
    """The events of one run, by one member's process.

    Args:
        path: the file; made with mode 0600.
        run: name of the run; lines of other runs of the same change are not seen.
        member: who writes.
    """

    def __init__(self, path: Path, run: str, member: str) -> None:
        self._path = path
        self._run = run
        self._member = member

    def say(self, event: str, step: int = 0, **more: Any) -> None:
        """Append an event, on the disk before anything else happens."""
        clock_ns, wall_ns = _CLOCK(), ledger.wall_clock()
        line = {
            "run": self._run,
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wall_ns // 10**9)),
            "clock_ns": clock_ns,
            "wall_ns": wall_ns,
            "member": self._member,
            "event": event,
            "step": step,
            **more,
        }
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, (json.dumps(line, sort_keys=True) + "\n").encode())
            os.fsync(handle)
        finally:
            os.close(handle)

    def seen(self) -> list[dict[str, Any]]:
        """All events of this run so far."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        # The last line may be under way.
        lines = [json.loads(line) for line in text.split("\n")[:-1] if line]
        return [line for line in lines if line.get("run") == self._run]

    def until(
        self,
        found: Callable[[list[dict[str, Any]]], Mapping[str, Any] | None],
        seconds: float,
        meanwhile: Callable[[], None],
    ) -> Mapping[str, Any] | None:
        """Wait for events.

        Args:
            found: what is waited for, in the events so far.
            seconds: how long at most.
            meanwhile: called between two looks.

        Returns:
            what was found, None when the time is over.
        """

        def look() -> Mapping[str, Any] | None:
            event = found(self.seen())
            if event is None:
                meanwhile()
            return event

        try:
            return wait_until(
                look,
                lambda event: event is not None,
                seconds,
                "an event",
                "",
                interval=LOOK,
            ).value
        except DeadlineExceeded:
            return None
