# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows that are written while something breaks, and which of them were acknowledged."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import threading
import time

from lab.cluster import LAB_PASSWORD
from lab.hosts.system import wait_for
from lab.sweep.bench import Bench

#: Seconds within which a commit is answered; one that waits longer is of unknown outcome, and its writer ends.
ANSWER = 20.0
STRIDE = 1000000


class Prober:
    """Writes one row after another on every member that takes it, each in a login of its own.

    A row that a member acknowledged must be in the database of the last primary. One that a former primary accepted beside a new one would be
    missing there.
    """

    def __init__(self, bench: Bench, table: str) -> None:
        self._bench = bench
        self._table = table
        self._over = threading.Event()
        self.acknowledged: dict[int, str] = {}
        self._count = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the row under way."""
        self._over.set()
        self._thread.join(120)

    def _run(self) -> None:
        while not self._over.wait(0.3):
            for name in self._bench.members:
                self._write(name)

    def _write(self, name: str) -> None:
        self._count += 1
        number = self._count
        try:
            said = self._bench.sql(
                name, [f"INSERT INTO {self._table} VALUES ({number}, '{name}');", "COMMIT;"], timeout=5
            )
        except Exception:  # noqa: BLE001 - a host that is down or frozen acknowledges nothing
            return
        if "1 row inserted." in said and "Commit completed." in said:
            self.acknowledged[number] = name


class Writer:
    """One session that stays connected to one member and inserts rows, each with its COMMIT, as fast as they are answered.

    `acknowledged` has the numbers whose COMMIT was answered, in their order; `doubtful` the one that was under way when the session ended, if any.
    """

    def __init__(self, bench: Bench, member: str, table: str, number: int) -> None:
        command = bench.lab.command(member, ["su", "-", "tibero", "-c", "exec tbsql -s"])
        self._child = subprocess.Popen(
            command.argv,
            env=command.env,
            cwd=command.cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._table = table
        self._first = number * STRIDE
        self._over = threading.Event()
        self.acknowledged: list[int] = []
        self.doubtful: int | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _ask(self, statement: str, answer: str) -> bool:
        """Whether a statement got its answer, and no error."""
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.write(statement.encode() + b"\n")
        self._child.stdin.flush()
        text, deadline = b"", time.monotonic() + ANSWER
        while answer.encode() not in text:
            ready, _, _ = select.select([self._child.stdout], [], [], max(deadline - time.monotonic(), 0.0))
            piece = os.read(self._child.stdout.fileno(), 65536) if ready else b""
            text += piece
            if not piece or b"TBR-" in text or b"TBS-" in text:
                return False
        return True

    def _run(self) -> None:
        number = self._first
        with contextlib.suppress(OSError):
            self._ask(f"CONN sys/'{LAB_PASSWORD}'\nSELECT 'here' FROM DUAL;", "1 row selected.")
            while not self._over.is_set():
                number += 1
                self.doubtful = number
                if not self._ask(f"INSERT INTO {self._table} VALUES ({number}, 'load');", "1 row inserted."):
                    return
                if not self._ask("COMMIT;", "Commit completed."):
                    return
                self.acknowledged.append(number)
                self.doubtful = None

    def stop(self) -> None:
        """End, after the row under way, and see that the session is gone."""
        self._over.set()
        self._thread.join(2 * ANSWER)
        self._child.kill()
        self._child.wait()


class Load:
    """Some writers on one member."""

    def __init__(self, bench: Bench, member: str, table: str, writers: int = 3) -> None:
        self._writers = [Writer(bench, member, table, number) for number in range(1, writers + 1)]
        wait_for(
            f"writers on {member} to write",
            lambda: [len(each.acknowledged) for each in self._writers],
            lambda counts: min(counts) >= 5,
            60,
        )

    def stop(self) -> None:
        """End all of them."""
        for each in self._writers:
            each.stop()

    @property
    def acknowledged(self) -> list[list[int]]:
        """The acknowledged rows of each writer, in their order."""
        return [list(each.acknowledged) for each in self._writers]


def lost(acknowledged: list[list[int]], present: set[int]) -> tuple[list[int], list[str]]:
    """The acknowledged rows that are missing, and a sentence for each writer whose missing rows are not a suffix of what it wrote."""
    missing: list[int] = []
    holes = []
    for rows in acknowledged:
        gone = [row for row in rows if row not in present]
        missing += gone
        if gone and gone != rows[-len(gone) :]:
            holes.append(f"a hole: {gone[0]} is missing and a later row of the same writer is there")
    return missing, holes
