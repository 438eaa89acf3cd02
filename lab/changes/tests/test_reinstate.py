# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""emulator: a former primary that kept accepting local writes after a failover becomes a standby again.

The failover is done by hand, with the words of the manual: `tbdown` on the standby, `tbboot -t FAILOVER`. Nothing fences the
former primary until it is ended, so that it has writes of its own. The tests follow each other on one lab.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import cluster, demo
from lab.hosts.api import Lab
from lab.hosts.system import wait_for

NAME = "reinstate-lab"
FORMER, PRIMARY = "seoul1", "busan1"
#: Rows of the common history: enough for many chunks that no later write touches.
ROWS = 3000


class Cluster:
    """Two members, the failover, and how to look at them."""

    def __init__(self) -> None:
        Lab(name=NAME).down()
        members: dict[str, cluster.Vars] = {FORMER: {"standby_bootstrap_primary": True}, PRIMARY: {}}
        self.lab, self.inventory = cluster.up(cluster.ClusterSpec(NAME, members, backend="directories"))
        for book in ("setup_primary.yml", "setup_standby.yml"):
            assert self.play(book)[0] == 0, book

    def home(self, member: str) -> Path:
        return next(Path(self.lab.state().host(member).directory).glob("tibero[67]"))

    def records(self, member: str) -> Path:
        return self.home(member) / "instance" / "orders" / "firedrill"

    def play(self, book: str, *arguments: str) -> tuple[int, str]:
        quiet = {"ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false", "ANSIBLE_NOCOLOR": "1"}
        done = cluster.playbook(
            self.inventory,
            book,
            *arguments,
            environment=quiet,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout

    def reinstate(self, *arguments: str, branch: bool = True) -> tuple[int, str]:
        given = ["-e", f"standby_member={FORMER}", "-e", "reinstate_lost_by=failover", *arguments]
        if branch:
            given += ["-e", f"reinstate_branch_point={self.branch_point}"]
        return self.play("reinstate.yml", *given)

    def run(self, member: str, *argv: str) -> None:
        """Run one of the server's programs by hand; its children keep its output open, so that goes to a file."""
        home = self.home(member)
        path = f"{home}/bin:{home}/client/bin:{os.environ['PATH']}"
        environment = {**os.environ, "TB_HOME": str(home), "TB_SID": "orders", "PATH": path}
        with open(self.lab.directory / "by_hand.log", "a") as log:
            subprocess.run(
                argv, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=120, check=True
            )

    def sql(self, member: str, *statements: str) -> str:
        return demo.tbsql(self.lab, member, statements)

    def tsn(self, member: str) -> int:
        text = self.sql(member, "SET HEADING OFF", "SELECT CURRENT_TSN FROM V$DATABASE;")
        return int(re.findall(r"^\s*(\d+)\s*$", text, re.M)[-1])

    def fail_over(self) -> None:
        """Common history, then a failover that the former primary does not notice, then its end without a clean stop."""
        insert = "INSERT INTO big SELECT {0} + level, rpad('x', 900, 'y') FROM dual CONNECT BY level <= {1};"
        loads = [text for part in range(4) for text in (insert.format(part * ROWS, ROWS), "COMMIT;")]
        self.sql(FORMER, "CREATE TABLE big (id NUMBER PRIMARY KEY, pad VARCHAR(1000));", *loads)
        self.sql(FORMER, "CREATE TABLE orders (id NUMBER PRIMARY KEY, what VARCHAR(40));")
        self.sql(FORMER, "INSERT INTO orders VALUES (1, 'common');", "COMMIT;")
        wait_for("the standby to catch up", lambda: self.tsn(PRIMARY) >= self.tsn(FORMER), seconds=60)
        self.branch_point = self.tsn(PRIMARY)
        self.run(PRIMARY, "tbdown", "-t", "IMMEDIATE")
        self.sql(FORMER, f"{WRITES[0]};", "COMMIT;")
        self.run(PRIMARY, "tbboot", "-t", "FAILOVER")
        self.sql(FORMER, f"{WRITES[1]};", f"{WRITES[2]};", "COMMIT;")
        self.sql(FORMER, "INSERT INTO orders VALUES (9, 'undone');", "ROLLBACK;", "ALTER SYSTEM SWITCH LOGFILE;")
        self.sql(FORMER, f"{WRITES[3]};", "COMMIT;")
        self.sql(PRIMARY, "INSERT INTO orders VALUES (5, 'of the new primary');", "COMMIT;")


#: Everything that the former primary committed by itself, in order.
WRITES = (
    "INSERT INTO orders VALUES (2, 'lost while nobody was primary but me')",
    "INSERT INTO orders VALUES (3, 'it''s | lost <<too>>')",
    "UPDATE orders SET what = 'changed' WHERE id = 1",
    "DELETE FROM big WHERE id = 17",
)


@pytest.fixture(scope="module")
def made() -> Iterator[Cluster]:
    found = Cluster()
    try:
        found.fail_over()
        yield found
    finally:
        Lab(name=NAME).down()


def state_of(place: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file of a database."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in place.rglob("*") if path.is_file()}


def test_1_an_open_former_primary_is_refused(made: Cluster) -> None:
    code, output = made.reinstate()
    assert code != 0 and "2 members are primary" in output
    made.run(FORMER, "tbdown", "-t", "ABORT")
    # A server whose processes are still on their way out is neither stopped nor running, and would be refused as that.
    wait_for(
        "the server to be gone", lambda: made.lab.status()["hosts"][FORMER]["processes"], lambda left: left == 0, 60
    )


def test_2_without_a_branch_point_nothing_is_touched(made: Cluster) -> None:
    before = state_of(made.home(FORMER) / "database")
    code, output = made.reinstate("-e", '{"reinstate_overwrite": true}', branch=False)
    assert code != 0
    assert f"UNKNOWN at which TSN {PRIMARY} went its own way" in " ".join(output.split()), output[-3000:]
    assert state_of(made.home(FORMER) / "database") == before


def test_3_check_mode_says_what_it_cannot_tell(made: Cluster) -> None:
    before = state_of(made.home(FORMER) / "database")
    code, output = made.reinstate("--check", "-e", '{"reinstate_overwrite": true}')
    assert code == 0, output
    assert f"{FORMER}: UNKNOWN which method" in output
    assert state_of(made.home(FORMER) / "database") == before
    assert not (made.records(FORMER) / "divergence").exists()


def test_4_without_consent_it_is_exported_and_not_overwritten(made: Cluster) -> None:
    (made.home(FORMER) / "config" / "emulator.json").write_text('{"logminer": "on"}')
    code, output = made.reinstate()
    assert code != 0 and "not so: overwriting its files was allowed (reinstate_overwrite is false)" in " ".join(
        output.split()
    )
    assert (made.records(FORMER) / "divergence" / str(made.branch_point) / "manifest.json").exists()
    assert not (made.records(FORMER) / "reinstate.json").exists()


def test_5_the_listing_has_exactly_those_writes(made: Cluster) -> None:
    place = made.records(FORMER) / "divergence" / str(made.branch_point)
    listed = [json.loads(line) for line in (place / "writes.json").read_text().splitlines()]
    assert [row["sql"] for row in listed] == list(WRITES)
    assert all(int(row["tsn"]) > made.branch_point for row in listed)


def _copied(made: Cluster) -> tuple[int, int]:
    """Bytes that the resync sent, and those that a rebuild sends: all chunks of its size that are not of zeros."""
    sent = rebuilt = 0
    for part in ("data", "logs"):
        record: dict[str, Any] = json.loads((made.records(FORMER) / "seed" / part / "manifest.json").read_text())
        sent += record["summary"]["bytes_sent"]
        for item in record["items"]:
            with open(Path(item["root"]) / item["relative"], "rb") as source:
                for piece in iter(lambda source=source: source.read(4 * 1024 * 1024), b""):  # type: ignore[misc]
                    rebuilt += len(piece) if piece.strip(b"\0") else 0
    return sent, rebuilt


def test_6_it_becomes_a_standby_by_a_resync_that_sends_less_than_a_rebuild(made: Cluster) -> None:
    code, output = made.reinstate("-e", '{"reinstate_overwrite": true}')
    assert code == 0, output
    assert f"{FORMER}: resync of the blocks that differ (resync)" in output
    sent, rebuilt = _copied(made)
    assert 0 < sent < rebuilt / 2, (sent, rebuilt)
    assert f"{sent} bytes were sent" in " ".join(output.split())


def test_7_its_data_is_that_of_the_primary_and_has_no_write_of_its_own(made: Cluster) -> None:
    made.sql(PRIMARY, "INSERT INTO orders VALUES (6, 'after the reinstatement');", "COMMIT;")
    deadline = time.monotonic() + 60
    while made.tsn(FORMER) < made.tsn(PRIMARY):
        assert time.monotonic() < deadline, "the standby does not follow"
    made.sql(FORMER, "ALTER DATABASE OPEN READ ONLY CONTINUE RECOVERY;")
    asked = ("SELECT id, what FROM orders ORDER BY id;", "SELECT COUNT(*), SUM(id), MIN(pad), MAX(pad) FROM big;")
    here, there = made.sql(FORMER, *asked), made.sql(PRIMARY, *asked)
    made.sql(FORMER, "ALTER DATABASE STANDBY;")
    assert here == there
    assert "after the reinstatement" in here and "lost" not in here and "changed" not in here


def test_8_a_second_run_changes_nothing_and_says_so(made: Cluster) -> None:
    code, output = made.reinstate("-e", '{"reinstate_overwrite": true}')
    assert code == 0, output
    assert f"{FORMER} is a standby already: nothing to do" in output
    assert set(re.findall(r"changed=(\d+)", output)) == {"0"}


def test_9_the_export_is_still_there_and_whole(made: Cluster) -> None:
    place = made.records(FORMER) / "divergence" / str(made.branch_point)
    record = json.loads((place / "manifest.json").read_text())
    for one in record["files"]:
        assert hashlib.sha256((place / one["copy"]).read_bytes()).hexdigest() == one["sha256"]
