# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of setup_standby.yml that a test starts, breaks and judges, and what it looks at meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from typing import Any

import scenario

from lab.cluster import LAB_PASSWORD
from lab.hosts.api import Lab

HOME = scenario.home()
RECORDS = f"{HOME}/instance/orders/firedrill"


class Play:
    """One run of setup_standby.yml in the background, its output in a file, its numbers in the scenario's runs."""

    count = 0

    def __init__(self, *arguments: str) -> None:
        Play.count += 1
        self._output = scenario.WORK / f"play-{Play.count}.out"
        self._runs = scenario.WORK / f"play-{Play.count}.jsonl"
        self._runs.unlink(missing_ok=True)
        book = str(scenario.ROOT / "playbooks" / "setup_standby.yml")
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                ["ansible-playbook", "-i", str(scenario.INVENTORY), book, *arguments],
                cwd=scenario.ROOT,
                env={**os.environ, "FIREDRILL_RUNS": str(self._runs)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What it said so far."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    @property
    def pid(self) -> int:
        """Its process on the controller."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    @property
    def record(self) -> dict[str, Any]:
        """Its numbers, as the callback run_record wrote them."""
        return dict(json.loads(self._runs.read_text(encoding="utf-8")))

    def end(self, seconds: float = 240.0) -> int:
        """Wait for its end; the exit code."""
        try:
            return self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the run did not end within {seconds:.0f} s:\n{self.output[-3000:]}") from None

    def kill(self) -> None:
        """End it and its workers as a dying controller would: without a word."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def play(*arguments: str) -> Play:
    """Run setup_standby.yml to its end, which must be a good one."""
    run = Play(*arguments)
    assert run.end() == 0, run.output[-4000:]
    return run


def lab() -> Lab:
    """The lab of this scenario."""
    return Lab.open(scenario.LAB_NAME)


def console(member: str, *argv: str, stdin: str = "") -> str:
    """Output of a program on a member's console, which works when links are cut."""
    return str(lab().run(member, argv, stdin=stdin, check=False).stdout)


def sql(member: str, statements: Sequence[str]) -> str:
    """What tbsql says to statements of SYS."""
    lines = [f"CONN sys/'{LAB_PASSWORD}'", *statements, "EXIT"]
    return console(member, "su", "-", "tibero", "-c", "tbsql -s", stdin="\n".join(lines) + "\n")


def journal(member: str, part: str = "data") -> dict[str, Any]:
    """The journal of a member's copy; empty when there is none yet."""
    text = console(member, "cat", f"{RECORDS}/seed/{part}/pull.json")
    return dict(json.loads(text)) if text else {}


def sent(member: str) -> int:
    """Bytes that the copy under way has received so far; 0 when none is under way."""
    seen = journal(member)
    return int(seen["progress"].get("bytes_sent", 0)) if seen.get("state") == "running" else 0


def backup_open(member: str) -> bool:
    """Whether a datafile of the primary is in backup mode, by the server's own view."""
    return "ACTIVE" in sql(member, ["SELECT DISTINCT STATUS FROM V$BACKUP WHERE STATUS = 'ACTIVE';"]).replace(
        "NOT ACTIVE", ""
    )


def lose_disk(member: str) -> None:
    """What a member had of the database is gone, as after the loss of a disk; the software stays."""
    directory = scenario.data_directory(member)
    console(member, "pkill", "-9", "-u", "tibero")
    for path in (
        f"{HOME}/instance/orders",
        directory,
        scenario.variable(member, "tibero_archive_dir", f"{directory}/arch"),
    ):
        console(member, "rm", "-rf", path)
