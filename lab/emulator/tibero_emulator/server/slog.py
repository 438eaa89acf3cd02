# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The system log, `instance/<SID>/log/slog/sys.log`, in the recorded form (t7-slog-nomount-lines)."""

from __future__ import annotations

import os
import threading
from datetime import datetime


class Slog:
    """slog("FRM", "text") appends one line. The component number is always 00; lines about LNW, LNR and SMR are
    invented."""

    def __init__(self, instance_home: str) -> None:
        directory = os.path.join(instance_home, "log", "slog")
        os.makedirs(directory, exist_ok=True)
        for each in ("dlog", "lsnr"):
            os.makedirs(os.path.join(instance_home, "log", each), exist_ok=True)
        self._path = os.path.join(directory, "sys.log")
        self._dlog = os.path.join(instance_home, "log", "dlog", "dbms.log")
        self._lock = threading.Lock()

    def __call__(self, component: str, text: str) -> None:
        stamp = datetime.now().strftime("%Y-%m-%dT%H:%M:%S.%f")
        line = f"[{stamp}] [{component}-00] [I] {text}\n"
        with self._lock:
            for path in (self._path, self._dlog):
                with open(path, "a", encoding="utf-8") as handle:
                    handle.write(line)
