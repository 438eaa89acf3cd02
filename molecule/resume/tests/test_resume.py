# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy that is broken half-way goes on where it stopped, however it was broken, and ends in a standby that works.

The tests build on each other in the order in which they stand here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import scenario
from drive import Play, backup_open, console, journal, lab, lose_disk, play, sent, sql

from lab.hosts.system import wait_for

PRIMARY, STANDBY = "seoul1", "busan1"
CHUNK = 4 * 1024 * 1024
#: Rows of 2000 bytes, so that there is something to send beside zeros: 28 MiB, in transactions that fit into the redo.
DOUBLINGS, MORE = 11, 6
#: Half-way: bytes of the table have come, and more are to come.
HALF = 5 * CHUNK


@pytest.fixture(autouse=True, scope="module")
def _much_to_copy() -> Iterator[None]:
    statements = [
        "CREATE TABLE bulk (id NUMBER, what VARCHAR(2000));",
        "INSERT INTO bulk VALUES (1, RPAD('x', 2000, 'y'));",
    ]
    statements += ["INSERT INTO bulk SELECT 1, what FROM bulk;", "COMMIT;"] * DOUBLINGS
    statements += [
        f"INSERT INTO bulk SELECT 2, what FROM bulk WHERE id = 1 AND ROWNUM <= {2**DOUBLINGS};",
        "COMMIT;",
    ] * MORE
    said = sql(PRIMARY, statements)
    assert "TBR-" not in said, said
    yield
    lab().heal()


@pytest.fixture
def broken() -> Iterator[Play]:
    """A run whose copy is half-way, on a standby that has nothing."""
    lose_disk(STANDBY)
    run = Play()
    wait_for("the copy is half-way", lambda: (sent(STANDBY), run.running), lambda seen: seen[0] >= HALF or not seen[1])
    assert run.running, run.output[-4000:]
    yield run
    if run.running:
        run.kill()


def is_a_working_standby() -> None:
    """A new row arrives."""
    sql(PRIMARY, ["INSERT INTO bulk VALUES (0, 'new');", "COMMIT;"])
    rows = sql(PRIMARY, ["SELECT COUNT(*) AS N FROM bulk;"])
    sql(STANDBY, ["ALTER DATABASE OPEN READ ONLY CONTINUE RECOVERY;"])
    wait_for(
        "the row arrives", lambda: sql(STANDBY, ["SELECT COUNT(*) AS N FROM bulk;"]), lambda seen: seen == rows, 60
    )
    sql(STANDBY, ["ALTER DATABASE STANDBY;"])


def test_the_copying_process_is_killed(broken: Play):
    before = journal(STANDBY)
    console(STANDBY, "kill", "-9", str(before["process"]["pid"]))
    assert broken.end() != 0
    assert "died" in broken.output
    play("-e", "standby_seed_rate_limit=0")
    after = journal(STANDBY)["result"]
    assert after["bytes_skipped"] >= before["progress"]["bytes_sent"] - 2 * CHUNK
    assert not backup_open(PRIMARY)
    is_a_working_standby()


def test_the_link_between_the_members_is_cut_and_healed(broken: Play):
    before = journal(STANDBY)
    lab().cut(STANDBY, PRIMARY)
    # Nobody can renew the lease: the primary does not stay in backup mode for a standby that is out of reach.
    wait_for("the dead man ends backup mode", lambda: backup_open(PRIMARY), lambda is_open: not is_open, 60)
    lab().heal(STANDBY, PRIMARY)
    assert broken.end() != 0
    assert "backup mode is begun anew, and only what differs is sent" in " ".join(broken.output.split())
    play("-e", "standby_seed_rate_limit=0")
    after = journal(STANDBY)["result"]
    assert after["bytes_skipped"] >= before["progress"]["bytes_sent"] - 6 * CHUNK
    is_a_working_standby()


def test_the_controller_is_killed(broken: Play):
    before = journal(STANDBY)
    assert backup_open(PRIMARY)
    broken.kill()
    wait_for("the copy ends by itself", lambda: journal(STANDBY)["state"], lambda state: state == "finished")
    wait_for("the dead man ends backup mode", lambda: backup_open(PRIMARY), lambda is_open: not is_open, 60)
    whole = journal(STANDBY)["result"]["bytes_sent"]
    play("-e", "standby_seed_rate_limit=0")
    after = journal(STANDBY)["result"]
    assert whole > before["progress"]["bytes_sent"]
    # The backup was begun anew, so blocks at the head of each file are others now; all the rest was right already.
    assert after["bytes_sent"] <= whole / 2
    is_a_working_standby()


def test_two_runs_at_once():
    """The run that comes second names the first and changes nothing; the first ends well."""
    lose_disk(STANDBY)
    runs = [Play(), Play()]
    codes = [run.end() for run in runs]
    assert sorted(code == 0 for code in codes) == [False, True], [run.output[-4000:] for run in runs]
    first, second = sorted(runs, key=lambda run: codes[runs.index(run)])
    said = " ".join(second.output.split())
    named = re.search(
        r"Another run is at work on this cluster: (\S+)@(\S+), process (\d+), since (\S+Z), \d+ s ago\.", said
    )
    assert named is not None, second.output[-4000:]
    assert named.group(3) == str(first.pid)
    assert "gives way by itself within a minute" in said
    assert second.record["changed"] == []
    assert play().record["changed"] == []
    assert not backup_open(PRIMARY)
    is_a_working_standby()


def left(member: str) -> list[str]:
    """What runs as the database's user beside the database."""
    lines = console(member, "ps", "-u", "tibero", "-o", "pid=,etimes=,args=").splitlines()
    return [line for line in lines if not line.split(maxsplit=2)[2].startswith("tb")]


def test_nothing_of_all_this_is_left():
    for member in scenario.members():
        # What watches over a copy sees its end in its next round.
        wait_for(
            f"everything of ours on {member} has ended", lambda each=member: left(each), lambda lines: not lines, 60
        )
        assert "firedrill" not in console(member, "cat", "/home/tibero/.ssh/authorized_keys")
