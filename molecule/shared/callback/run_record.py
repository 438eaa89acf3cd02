# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes one line of JSON for each run of ansible-playbook into the file that FIREDRILL_RUNS names.

The line holds the playbook, whether it was check mode, the numbers of each host, and the tasks that reported a change.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: run_record
type: aggregate
short_description: Record the numbers of a run
description: [Part of the tests of firedrill.standby.]
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Collects during the run, writes at its end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "run_record"

    def __init__(self) -> None:
        super().__init__()
        self._playbook = ""
        self._changed: list[list[str]] = []

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """The run begins."""
        self._playbook = Path(playbook._file_name).name

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task ended well on a host."""
        if result._result.get("changed"):
            self._changed.append([result._host.get_name(), result._task.get_name()])

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The run ends."""
        path = os.environ.get("FIREDRILL_RUNS")
        if not path:
            return
        record = {
            "playbook": self._playbook,
            "check": bool(context.CLIARGS.get("check")),
            "hosts": {host: stats.summarize(host) for host in stats.processed},
            "changed": self._changed,
        }
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
