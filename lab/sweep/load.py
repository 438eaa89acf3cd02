# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows that are written while something breaks, and which of them were acknowledged."""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from lab.cluster import LAB_PASSWORD
from lab.hosts.errors import LabError
from lab.hosts.system import wait_for
from lab.sweep.bench import Bench

#: Seconds within which a commit is answered; one that waits longer is of unknown outcome, and its writer ends.
ANSWER = 20.0
STRIDE = 1000000
#: Seconds between two rows of the prober on one member.
PAUSE = 0.5


class Answer(NamedTuple):
    """A row of the prober whose COMMIT was answered: its number, who answered, when it was asked and when it was answered, by the monotonic clock."""

    number: int
    member: str
    asked: float
    answered: float


class Prober:
    """Writes one row after another on every member that takes it, each in a login of its own, from before an operation to after its end.

    A row that a member acknowledged must be in the database of the last primary: one that a former primary accepted beside a new one would be
    missing there. And `two_at_once` tells of one that was accepted by a former primary after its successor had accepted one. It sees what lasts about as
    long as two of its rows are apart, which is about a second.
    """

    def __init__(self, bench: Bench, table: str) -> None:
        self._bench = bench
        self._table = table
        self._over = threading.Event()
        self._numbers = itertools.count(1)
        self._answers: list[Answer] = []
        self._tried: dict[str, list[float]] = {name: [] for name in bench.members}
        # A member that is frozen keeps its own writer waiting, and no other.
        self._threads = [threading.Thread(target=self._run, args=(name,), daemon=True) for name in bench.members]

    def __enter__(self) -> Prober:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End, after the rows under way."""
        self._over.set()
        for each in self._threads:
            each.join(120)

    @property
    def answers(self) -> list[Answer]:
        """What was acknowledged so far."""
        return list(self._answers)

    @property
    def acknowledged(self) -> list[list[int]]:
        """The same as :func:`lost` takes it: each row for itself, because rows of several logins have no order."""
        return [[each.number] for each in self._answers]

    def watched(self, old: str, new: str) -> list[str]:
        """A sentence if it cannot have seen that the old primary accepts rows beside the new one."""
        accepted = [each.answered for each in self._answers if each.member == new]
        if not accepted:
            return [f"I3: {new} acknowledged no row of the prober, so nothing was proved"]
        if not [moment for moment in self._tried[old] if moment > min(accepted)]:
            return [f"I3: nobody tried to write on {old} after {new} had accepted a row, so nothing was proved"]
        return []

    def _run(self, name: str) -> None:
        while not self._over.wait(PAUSE):
            self._write(name)

    def _write(self, name: str) -> None:
        number = next(self._numbers)
        asked = time.monotonic()
        self._tried[name].append(asked)
        try:
            said = self._bench.sql(
                name, [f"INSERT INTO {self._table} VALUES ({number}, '{name}');", "COMMIT;"], timeout=5
            )
        except Exception:  # noqa: BLE001 - a host that is down or frozen acknowledges nothing
            return
        if "1 row inserted." in said and "Commit completed." in said:
            self._answers.append(Answer(number, name, asked, time.monotonic()))


def two_at_once(answers: Sequence[Answer]) -> list[str]:
    """A sentence for each member that accepted a row although a member that became primary after it had accepted one already."""
    first: dict[str, Answer] = {}
    for each in sorted(answers, key=lambda one: one.answered):
        first.setdefault(each.member, each)
    broken = []
    for old, new in itertools.combinations(first.values(), 2):
        late = [each.number for each in answers if each.member == old.member and each.asked > new.answered]
        if late:
            broken.append(f"I3: {old.member} accepted rows after {new.member} had accepted one: {late[:20]}")
    return broken


class Guard:
    """Clients on another host that want to write on a former primary, by the network, from when it is lost to when it cannot take anything any more.

    Each row is a login of its own. Some wait at the port all the time, so a frozen host that goes on is written to at once, not at the next try.
    """

    WAITING = 4

    def __init__(self, bench: Bench, client: str, former: str, table: str) -> None:
        self._bench = bench
        self._client = client
        self._former = former
        self._table = table
        self._over = threading.Event()
        self._numbers = itertools.count(1)
        self._answers: list[Answer] = []
        self._ended: list[Answer] = []
        self.tried: set[int] = set()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(self.WAITING)]

    def __enter__(self) -> Guard:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for each in self._threads:
            each.join(120)

    @property
    def accepted(self) -> list[Answer]:
        """Rows whose COMMIT was answered."""
        return list(self._answers)

    @property
    def ended(self) -> list[Answer]:
        """All tries that came to an end within their time, whatever it was."""
        return list(self._ended)

    def _run(self) -> None:
        while not self._over.wait(0.3):
            number, asked = next(self._numbers), time.monotonic()
            self.tried.add(number)
            statements = [
                f"CONN sys/'{LAB_PASSWORD}'@{self._former}",
                f"INSERT INTO {self._table} VALUES ({number}, 'guard');",
                "COMMIT;",
                "EXIT",
            ]
            try:
                done = self._bench.lab.run(
                    self._client,
                    ["su", "-", "tibero", "-c", "tbsql -s"],
                    stdin="\n".join(statements) + "\n",
                    check=False,
                    timeout=90,
                )
            except LabError:
                continue
            tried = Answer(number, self._former, asked, time.monotonic())
            self._ended.append(tried)
            if "1 row inserted." in done.stdout and "Commit completed." in done.stdout:
                self._answers.append(tried)


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
