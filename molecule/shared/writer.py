# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inserts rows one by one, each with its own COMMIT, and keeps a ledger of what was acknowledged.

    writer.py DIRECTORY ALIAS       the password of SYS comes on standard input

It detaches itself when the first row is acknowledged and goes on until DIRECTORY/stop appears. DIRECTORY/ledger has a
line of JSON for each step of a row: `attempted` before the INSERT, `acknowledged` after the COMMIT, `unknown` when the
answer was something else; then the writer ends. DIRECTORY/ended appears at the end.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

#: Seconds within which any statement must be answered: a commit waits for a SYNC standby that just came or went.
ANSWER = 60.0
#: Seconds between two rows.
PACE = 0.05
TABLE = "CREATE TABLE writer_rows (id NUMBER PRIMARY KEY, what VARCHAR(60));"


class Session:
    """tbsql with a line of conversation for each statement."""

    def __init__(self, alias: str, password: str) -> None:
        self._child = subprocess.Popen(["tbsql", "-s"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.say(f"CONN sys/'{password}'@{alias}")
        self.ask("SELECT 'here' FROM DUAL;", "1 row selected.")

    def say(self, line: str) -> None:
        """Send a line."""
        assert self._child.stdin is not None
        self._child.stdin.write(line.encode() + b"\n")
        self._child.stdin.flush()

    def ask(self, statement: str, answer: str) -> str:
        """Send a statement and read until its answer or an error; returns the text that was read."""
        self.say(statement)
        assert self._child.stdout is not None
        text = ""
        deadline = time.monotonic() + ANSWER
        while answer not in text:
            left = deadline - time.monotonic()
            readable, _, _ = select.select([self._child.stdout], [], [], max(left, 0.0))
            piece = os.read(self._child.stdout.fileno(), 65536) if readable else b""
            text += piece.decode(errors="replace")
            if not piece or "TBR-" in text or "TBS-" in text:
                raise RuntimeError(f"no {answer!r} to {statement!r} but: {text!r}")
        return text

    def close(self) -> None:
        """Leave tbsql."""
        self.say("EXIT")
        self._child.wait(timeout=ANSWER)


class Ledger:
    """The steps of each row, in the order in which they happened."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def note(self, number: int, what: str, outcome: str, said: str = "") -> None:
        """Write a step down before anything else happens."""
        self._file.write(json.dumps({"id": number, "what": what, "outcome": outcome, "said": said}) + "\n")
        self._file.flush()


def work(directory: Path, alias: str, password: str) -> None:
    """Insert until asked to stop."""
    ledger = Ledger(directory / "ledger")
    session = Session(alias, password)
    session.ask(TABLE, "created.")
    number, pace = 0, threading.Event()
    while not (directory / "stop").exists():
        number += 1
        what = f"주문 {number} of O'Neil, {number * 7919 % 10007}"
        quoted = what.replace("'", "''")
        ledger.note(number, what, "attempted")
        try:
            session.ask(f"INSERT INTO writer_rows VALUES ({number}, '{quoted}');", "1 row inserted.")
            session.ask("COMMIT;", "Commit completed.")
        except (RuntimeError, OSError) as error:
            ledger.note(number, what, "unknown", str(error))
            return
        ledger.note(number, what, "acknowledged")
        pace.wait(PACE)
    session.close()


def detach(directory: Path) -> bool:
    """Become a process of its own; true in the new process."""
    if os.fork():
        return False
    os.setsid()
    if os.fork():
        os._exit(0)
    log = os.open(directory / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, target)
    return True


def main() -> int:
    directory, alias = Path(sys.argv[1]), sys.argv[2]
    password = sys.stdin.readline().rstrip("\n")
    if detach(directory):
        try:
            work(directory, alias, password)
        finally:
            (directory / "ended").touch()
        return 0
    deadline = time.monotonic() + ANSWER
    ledger = directory / "ledger"
    while not (ledger.exists() and "acknowledged" in ledger.read_text(encoding="utf-8")):
        if (directory / "ended").exists() or time.monotonic() > deadline:
            log = (directory / "log").read_text(encoding="utf-8") if (directory / "log").exists() else "(no log)"
            print(f"the writer acknowledged no row; its log:\n{log}", file=sys.stderr)
            return 1
        time.sleep(0.1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
