# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters of the running instance: the tip as read at boot plus what ALTER SYSTEM changed since."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping

from tibero_emulator import tip as tip_reader

Value = str | list[str]


class Parameters:
    """Typed reads over the tip values of the boot request; thread-safe.

    Run-time changes live in memory only: the tip file is never rewritten (tibero.md 5, L).
    """

    def __init__(self, values: Mapping[str, Value], tb_home: str, sid: str) -> None:
        self._values: dict[str, Value] = tip_reader.with_defaults(values, tb_home, sid)
        self._given = dict(values)
        self._lock = threading.Lock()
        self.tb_home = tb_home
        self.sid = sid

    def text(self, name: str, default: str = "") -> str:
        with self._lock:
            value = self._values.get(name, default)
        return ",".join(value) if isinstance(value, list) else str(value)

    def items(self, name: str) -> list[str]:
        with self._lock:
            value = self._values.get(name, [])
        if isinstance(value, list):
            return list(value)
        return [part.strip().strip('"') for part in value.split(",") if part.strip()]

    def number(self, name: str, default: int = 0) -> int:
        text = self.text(name)
        return int(text) if text.strip() else default

    def size(self, name: str, default: int = 0) -> int:
        text = self.text(name)
        return tip_reader.as_size(text) if text.strip() else default

    def flag(self, name: str, default: bool = False) -> bool:
        text = self.text(name).strip().upper()
        return text.startswith("Y") if text else default

    def set(self, name: str, value: str) -> None:
        with self._lock:
            self._values[name] = value

    def snapshot(self) -> dict[str, Value]:
        with self._lock:
            return dict(self._values)

    def defaults(self) -> dict[str, Value]:
        return tip_reader.with_defaults({}, self.tb_home, self.sid)

    # ------------------------------------------------------------------ derived
    @property
    def db_name(self) -> str:
        return self.text("DB_NAME")

    @property
    def control_files(self) -> list[str]:
        return self.items("CONTROL_FILES")

    @property
    def file_dest(self) -> str:
        return self.text("DB_CREATE_FILE_DEST")

    @property
    def archive_dest(self) -> str:
        return self.text("LOG_ARCHIVE_DEST").rstrip("/") or "/"

    @property
    def block_size(self) -> int:
        return self.size("DB_BLOCK_SIZE", 8192)

    def resolve(self, name: str) -> str:
        """An absolute path; relative names lie in DB_CREATE_FILE_DEST (recording
        t7-tbsql-create-database-relative-paths)."""
        return os.path.normpath(name if os.path.isabs(name) else os.path.join(self.file_dest, name))

    def archive_name(self, thread: int, resetlogs: int, seq: int) -> str:
        """Path of an archive by LOG_ARCHIVE_FORMAT; %T %R %S are the zero-padded forms (inferred)."""
        form = self.text("LOG_ARCHIVE_FORMAT", "log-t%t-r%r-s%s.arc")
        for key, number in (("t", thread), ("r", resetlogs), ("s", seq)):
            form = form.replace(f"%{key}", str(number)).replace(f"%{key.upper()}", f"{number:010d}")
        return os.path.join(self.archive_dest, form)

    def name_convert(self) -> tuple[str, str] | None:
        """(primary directory, standby directory) of STANDBY_FILE_NAME_CONVERT, or None."""
        return tip_reader.name_convert(self.snapshot())
