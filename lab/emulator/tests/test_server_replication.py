# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redo transport: methods, protection modes, gaps, role changes, refusals."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from server_harness import Node, alive, clone, destination, make_standby, wait_for

from tibero_emulator import wire

ALL = "select count(*), sum(a) from tibero.t"


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Callable[[int], list[Node]]]:
    made: list[Node] = []

    def build(standbys: int) -> list[Node]:
        """A stopped primary with a table, and standbys in RECOVERY made from it by cold copy."""
        for name in ["a", "b", "c"][: standbys + 1]:
            made.append(Node(tmp_path / name))
        primary = made[0]
        primary.create(log_mb=2)
        primary.sql(
            "create table tibero.t (a number primary key, b varchar(100))",
            "insert into tibero.t values (0, 'first')",
            "commit",
        )
        primary.down()
        for standby in made[1:]:
            make_standby(primary, standby)
        return made

    try:
        yield build
    finally:
        for node in made:
            node.stop_hard()


def replicate(primary: Node, mode: str, *methods: tuple[Node, str]) -> None:
    """Put LOG_REPLICATION_* into the primary's tip."""
    primary.tip["LOG_REPLICATION_MODE"] = mode
    primary.tip["_STANDBY_NETWORK_TIMEOUT"] = "5"
    for number, (standby, method) in enumerate(methods, 1):
        primary.tip[f"LOG_REPLICATION_DEST_{number}"] = destination(standby, method)


def insert(node: Node, first: int, count: int) -> None:
    """One commit for each row."""
    client = node.connect()
    for value in range(first, first + count):
        client.execute(f"insert into tibero.t values ({value}, 'row')")
        client.execute("commit")
    client.close()


def status_of(primary: Node, number: int = 1) -> str | None:
    return primary.value(f"select status from v$standby_dest where dest_id = {number}")


def error_of(primary: Node, number: int = 1) -> str:
    return primary.value(f"select error from v$standby_dest where dest_id = {number}") or ""


def caught_up(primary: Node, standby: Node) -> None:
    tsn = primary.status()["tsn"]
    wait_for(lambda: standby.status()["tsn"] >= tsn, what=f"standby at TSN {tsn}")


def same_rows(primary: Node, standby: Node) -> None:
    """Open the standby read only and compare."""
    caught_up(primary, standby)
    if standby.value("select open_mode from v$database") != "READ ONLY":
        assert standby.sql("alter database open read only continue recovery").message == "Database altered."
    assert standby.sql(ALL).rows == primary.sql(ALL).rows


@pytest.mark.parametrize("method", ["LGWR SYNC", "LGWR ASYNC"])
def test_redo_travels_and_is_applied(nodes: Callable[[int], list[Node]], method: str) -> None:
    primary, standby = nodes(1)
    replicate(primary, "PERFORMANCE", (standby, method))
    primary.up()
    wait_for(lambda: status_of(primary) == "RUNNING")
    insert(primary, 1, 50)
    primary.sql("alter system switch logfile")
    insert(primary, 100, 50)
    same_rows(primary, standby)
    primary.sql("create table tibero.t2 (x varchar(10))", "insert into tibero.t2 values ('new')", "commit")
    caught_up(primary, standby)
    assert standby.value("select x from t2", user="tibero", password="tmax") == "new"
    assert standby.refusal("insert into tibero.t values (1, 'x')") == 21042
    assert standby.refusal("create table tibero.t3 (x number)") == 1035
    assert standby.value("select open_mode from v$database") == "READ ONLY"
    assert standby.sql("alter database standby").message == "Database altered."
    assert standby.refusal("select 1 from dual", user="tibero", password="tmax") == 12004
    insert(primary, 1000, 5)
    same_rows(primary, standby)
    first = (primary.data / "log01.log").read_bytes()
    other = (standby.data / "log01.log").read_bytes()
    assert first[512:] == other[512:]


def test_bulk_and_new_files_reach_the_standby(nodes: Callable[[int], list[Node]]) -> None:
    primary, standby = nodes(1)
    replicate(primary, "PERFORMANCE", (standby, "LGWR ASYNC"))
    primary.up()
    primary.sql("create tablespace extra datafile 'extra.dtf' size 1M autoextend on next 1M")
    primary.sql("create table tibero.big (a number, b varchar(200)) tablespace extra")
    primary.sql(
        "insert into tibero.big select level, rpad('b', 200, 'b') from dual connect by level <= 14000", "commit"
    )
    caught_up(primary, standby)
    assert standby.value("select name from v$datafile where name like '%extra%'") == str(standby.data / "extra.dtf")
    standby.sql("alter database open read only continue recovery")
    assert standby.value("select count(*) from tibero.big") == "14000"
    standby.kill()
    standby.up("RECOVERY")
    insert(primary, 1, 20)
    same_rows(primary, standby)


def test_sync_commit_is_on_the_standby_when_acknowledged(nodes: Callable[[int], list[Node]]) -> None:
    """Both die at once after a SYNC commit: the standby has every acknowledged row."""
    primary, standby = nodes(1)
    replicate(primary, "AVAILABILITY", (standby, "LGWR SYNC"))
    primary.up()
    wait_for(lambda: status_of(primary) == "RUNNING")
    insert(primary, 1, 100)
    os.kill(standby.pid(), signal.SIGKILL)
    os.kill(primary.pid(), signal.SIGKILL)
    standby.clean()
    standby.up("FAILOVER")
    assert standby.value("select count(*) from tibero.t") == "101"


def test_arch_async(nodes: Callable[[int], list[Node]]) -> None:
    primary, standby = nodes(1)
    replicate(primary, "PERFORMANCE", (standby, "ARCH ASYNC"))
    primary.up()
    insert(primary, 1, 10)
    wait_for(lambda: status_of(primary) == "RUNNING")
    before = standby.status()["tsn"]
    insert(primary, 20, 10)
    assert standby.status()["tsn"] == before
    primary.sql("alter system switch logfile")
    wait_for(lambda: standby.status()["tsn"] > before)
    standby.sql("alter database open read only continue recovery")
    assert wait_for(lambda: standby.value("select count(*) from tibero.t") == "21")


def test_arch_async_without_archivelog_ships_nothing(nodes: Callable[[int], list[Node]]) -> None:
    primary, standby = nodes(1)
    replicate(primary, "PERFORMANCE", (standby, "ARCH ASYNC"))
    primary.up("MOUNT")
    primary.sql("alter database noarchivelog")
    primary.down()
    primary.up()
    wait_for(lambda: status_of(primary) in ("RUNNING", "CATCHUP"))
    before = standby.status()["tsn"]
    for _ in range(2):
        insert(primary, int(str(primary.value("select max(a) + 1 from tibero.t"))), 3)
        primary.sql("alter system switch logfile")
    assert standby.status()["tsn"] == before


def test_outage_is_resent_from_archives(nodes: Callable[[int], list[Node]]) -> None:
    primary, standby = nodes(1)
    replicate(primary, "PERFORMANCE", (standby, "LGWR ASYNC"))
    primary.up()
    insert(primary, 1, 5)
    caught_up(primary, standby)
    standby.down()
    for start in range(1000, 6000, 1000):
        insert(primary, start, 3)
        primary.sql("alter system switch logfile")
    wait_for(lambda: status_of(primary) == "ERROR")
    wait_for(lambda: "TBR-1038" in error_of(primary))
    standby.up("RECOVERY")
    same_rows(primary, standby)


def test_gap_when_an_archive_is_gone(nodes: Callable[[int], list[Node]]) -> None:
    primary, standby = nodes(1)
    replicate(primary, "PERFORMANCE", (standby, "LGWR ASYNC"))
    primary.up()
    insert(primary, 1, 5)
    caught_up(primary, standby)
    missing = primary.value("select max(sequence#) from v$log")
    standby.down()
    for start in range(1000, 6000, 1000):
        insert(primary, start, 3)
        primary.sql("alter system switch logfile")
    archive = primary.data / "arch" / f"log-t0-r0-s{missing}.arc"
    wait_for(archive.exists)
    archive.rename(primary.root / "hidden.arc")
    standby.up("RECOVERY")
    wait_for(lambda: "TBR-1027: Unable to find archive log file for thread 0 from change" in error_of(primary))
    (primary.root / "hidden.arc").rename(archive)
    same_rows(primary, standby)


def test_protection_terminates_without_its_standby(nodes: Callable[[int], list[Node]]) -> None:
    primary, standby = nodes(1)
    replicate(primary, "PROTECTION", (standby, "LGWR SYNC"))
    primary.up()
    insert(primary, 1, 5)
    pid = primary.pid()
    standby.down()
    with pytest.raises(wire.WireError):
        insert(primary, 100, 5)
    wait_for(lambda: not alive(pid), what="end of the primary")
    assert "PROTECTION and no LGWR SYNC standby answers" in primary.slog()
    primary.clean()
    event = primary.boot("NORMAL")
    assert (event["event"], event["code"], event["text"]) == (
        "refused",
        350008,
        "LGWR SYNC standby DB is required for PROTECTION",
    )
    standby.up("RECOVERY")
    primary.up()
    assert primary.value("select count(*) from tibero.t where a < 100") == "6"


def test_availability_degrades_and_comes_back(nodes: Callable[[int], list[Node]]) -> None:
    primary, standby = nodes(1)
    replicate(primary, "AVAILABILITY", (standby, "LGWR SYNC"))
    standby.down()
    event = primary.boot("NORMAL")
    assert (event["event"], event["code"]) == ("refused", 350008)
    assert not primary.running()
    standby.up("RECOVERY")
    primary.up()
    insert(primary, 1, 5)
    standby.down()
    insert(primary, 100, 5)
    assert "primary runs without synchronous protection" in primary.slog()
    standby.up("RECOVERY")
    wait_for(lambda: status_of(primary) == "RUNNING")
    insert(primary, 200, 5)
    same_rows(primary, standby)


def test_frozen_standby_does_not_hold_availability_for_ever(nodes: Callable[[int], list[Node]]) -> None:
    primary, standby = nodes(1)
    replicate(primary, "AVAILABILITY", (standby, "LGWR SYNC"))
    primary.tip["_STANDBY_NETWORK_TIMEOUT"] = "1"
    primary.up()
    wait_for(lambda: status_of(primary) == "RUNNING")
    pid = standby.pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T", what="the stop")
        insert(primary, 1, 3)
        assert "no acknowledgement within" in primary.slog()
    finally:
        os.kill(pid, signal.SIGCONT)
    same_rows(primary, standby)


def test_static_checks_of_the_tip(nodes: Callable[[int], list[Node]]) -> None:
    primary, standby = nodes(1)
    replicate(primary, "PERFORMANCE")
    event = primary.boot("NORMAL")
    assert (event["event"], event["code"]) == ("refused", 350009)
    replicate(primary, "AVAILABILITY", (standby, "LGWR ASYNC"))
    event = primary.boot("NORMAL")
    assert (event["event"], event["code"]) == ("refused", 350008)


def test_replication_parameters_are_ignored_outside_normal(nodes: Callable[[int], list[Node]]) -> None:
    primary, standby = nodes(1)
    replicate(primary, "PROTECTION", (standby, "LGWR SYNC"))
    standby.down()
    primary.up("MOUNT")
    assert primary.sql("select * from v$standby_dest").rows == []


def test_switchover_both_ways(nodes: Callable[[int], list[Node]]) -> None:
    first, second = nodes(1)
    replicate(first, "AVAILABILITY", (second, "LGWR SYNC"))
    replicate(second, "AVAILABILITY", (first, "LGWR SYNC"))
    first.up()
    insert(first, 1, 20)
    assert first.down("SWITCHOVER") == {"event": "terminated", "mode": "SWITCHOVER"}
    second.down()
    first.up("RECOVERY")
    second.up("FAILOVER")
    assert second.events[-1] == {"event": "up", "mode": "NORMAL", "flag": "FAILOVER"}
    insert(second, 100, 20)
    same_rows(second, first)
    assert second.down("SWITCHOVER")["event"] == "terminated"
    first.sql("alter database standby")
    first.down()
    second.up("RECOVERY")
    first.up("FAILOVER")
    insert(first, 200, 5)
    same_rows(first, second)
    assert first.value("select count(*) from tibero.t") == "46"


def test_switchover_waits_for_logins(nodes: Callable[[int], list[Node]]) -> None:
    primary, standby = nodes(1)
    replicate(primary, "PERFORMANCE", (standby, "LGWR ASYNC"))
    primary.up()
    wait_for(lambda: status_of(primary) == "RUNNING")
    client = primary.connect()
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(primary.down("SWITCHOVER")))
    thread.start()
    wait_for(lambda: "shutdown SWITCHOVER requested" in primary.slog())
    client.execute("insert into tibero.t values (500, 'late')")
    client.execute("commit")
    assert not answers
    client.close()
    thread.join(20)
    assert answers == [{"event": "terminated", "mode": "SWITCHOVER"}]
    standby.down()
    standby.up("FAILOVER")
    assert standby.value("select count(*) from tibero.t") == "2"
    primary.up("RECOVERY")


def test_switchover_without_a_standby_is_refused(nodes: Callable[[int], list[Node]]) -> None:
    primary, standby = nodes(1)
    replicate(primary, "PERFORMANCE", (standby, "LGWR ASYNC"))
    standby.down()
    primary.up()
    assert primary.down("SWITCHOVER")["code"] == 7514
    insert(primary, 1, 1)


def test_normal_boot_after_a_switchover_stop(nodes: Callable[[int], list[Node]]) -> None:
    """Invented: the way back when the standby was not promoted."""
    primary, standby = nodes(1)
    replicate(primary, "PERFORMANCE", (standby, "LGWR SYNC"))
    primary.up()
    wait_for(lambda: status_of(primary) == "RUNNING")
    primary.down("SWITCHOVER")
    primary.up("NORMAL")
    insert(primary, 1, 5)
    same_rows(primary, standby)


def test_former_primary_after_a_failover(nodes: Callable[[int], list[Node]]) -> None:
    """Diverged: RECOVERY refuses with TBR-1036, a converted copy is refused by the new primary, NORMAL splits the
    brain."""
    first, second = nodes(1)
    replicate(first, "PERFORMANCE", (second, "LGWR ASYNC"))
    replicate(second, "PERFORMANCE", (first, "LGWR ASYNC"))
    first.up()
    insert(first, 1, 10)
    caught_up(first, second)
    second.down()
    insert(first, 100, 10)
    first.down()
    second.up("FAILOVER")
    insert(second, 200, 5)
    event = first.boot("RECOVERY")
    assert (event["event"], event["code"]) == ("suspended", 1036)
    first.down()
    first.up("MOUNT")
    first.sql("alter database standby controlfile")
    first.down()
    first.up("RECOVERY")
    wait_for(lambda: "TBR-1036: Standby consistency check failed." in error_of(second))
    assert "refused: TBR-1036" in first.slog() or "TBR-1036" in first.slog()
    first.down()
    event = first.boot("NORMAL")
    assert event["code"] == 1098


def test_split_brain_is_possible(nodes: Callable[[int], list[Node]]) -> None:
    first, second = nodes(1)
    replicate(first, "PERFORMANCE", (second, "LGWR ASYNC"))
    first.up()
    insert(first, 1, 3)
    caught_up(first, second)
    first.kill()
    second.up("FAILOVER") if second.down() else None
    first.up("NORMAL")
    assert first.value("select count(*) from tibero.t") == second.value("select count(*) from tibero.t") == "4"


def test_second_standby_follows_the_promoted_one(nodes: Callable[[int], list[Node]]) -> None:
    first, second, third = nodes(2)
    replicate(first, "PERFORMANCE", (second, "LGWR SYNC"), (third, "LGWR ASYNC"))
    replicate(second, "PERFORMANCE", (third, "LGWR ASYNC"))
    first.up()
    wait_for(lambda: status_of(first, 1) == "RUNNING" and status_of(first, 2) == "RUNNING")
    insert(first, 1, 30)
    caught_up(first, third)
    first.kill()
    second.down()
    second.up("FAILOVER")
    insert(second, 100, 10)
    wait_for(lambda: status_of(second) == "RUNNING")
    same_rows(second, third)
    third.kill()
    third.up("RECOVERY")
    insert(second, 300, 10)
    same_rows(second, third)


def test_standby_refusals_at_connect(nodes: Callable[[int], list[Node]], tmp_path: Path) -> None:
    """Another SYS password, a foreign database, a closed port: the transport says why and recovers."""
    primary, standby = nodes(1)
    replicate(primary, "PERFORMANCE", (standby, "LGWR ASYNC"))
    primary.up()
    wait_for(lambda: status_of(primary) == "RUNNING")
    primary.sql("alter user sys identified by changed")
    standby.down()
    standby.up("RECOVERY")
    wait_for(lambda: "TBR-17001" in str(primary.sql("select error from v$standby_dest", password="changed").rows))
    shutil.copy(primary.data / ".passwd", standby.data / ".passwd")
    wait_for(lambda: primary.sql("select status from v$standby_dest", password="changed").rows == [["RUNNING"]])


def test_foreign_standby(tmp_path: Path) -> None:
    one, two, three = (Node(tmp_path / name) for name in "abc")
    try:
        for node in (one, two):
            node.create()
            node.down()
        make_standby(two, three)
        replicate(one, "PERFORMANCE", (three, "LGWR ASYNC"))
        one.up()
        wait_for(lambda: "TBR-1036" in error_of(one))
    finally:
        for node in (one, two, three):
            node.stop_hard()


def test_other_version_is_refused(nodes: Callable[[int], list[Node]]) -> None:
    primary, standby = nodes(1)
    replicate(primary, "PERFORMANCE", (standby, "LGWR ASYNC"))
    standby.down()
    standby.version = "6"
    standby.up("RECOVERY")
    primary.up()
    wait_for(lambda: "TBR-1030" in error_of(primary))


def test_unsupported_ddl(nodes: Callable[[int], list[Node]]) -> None:
    primary, standby = nodes(1)
    replicate(primary, "PERFORMANCE", (standby, "LGWR ASYNC"))
    primary.up()
    for statement in (
        "alter tablespace usr read only",
        "alter tablespace usr read write",
        "alter database add logfile group 9 'x.log' size 2M",
        "alter database drop logfile group 0",
        f"alter database tempfile '{primary.data}/temp001.dtf' resize 10M",
        "alter database rename file 'a' to 'b'",
        "create global temporary table g (a number)",
    ):
        assert primary.refusal(statement) == 7512, statement
    assert standby.refusal("alter database add logfile group 9 'x.log' size 2M") == 7501
    primary.sql("alter system set log_replication_1_enable=N")
    assert primary.sql("alter database add logfile group 9 'x.log' size 2M").message == "Database altered."


def test_destinations_change_at_run_time(nodes: Callable[[int], list[Node]]) -> None:
    primary, second, third = nodes(2)
    replicate(primary, "PERFORMANCE", (second, "LGWR SYNC"))
    primary.up()
    wait_for(lambda: status_of(primary) == "RUNNING")
    assert primary.refusal("alter system set log_replication_2_enable=Y") == 350012
    assert (
        primary.sql(f'ALTER SYSTEM SET LOG_REPLICATION_DEST_2 = "{destination(third, "LGWR ASYNC")}"').message
        == "System altered."
    )
    wait_for(lambda: status_of(primary, 2) == "RUNNING")
    assert primary.refusal("alter system set log_replication_dest_3 = 'nonsense'") == 350007
    assert primary.refusal("alter system set log_replication_mode = sideways") == 350004
    assert primary.sql("alter system set log_replication_mode=PROTECTION").message == "System altered."
    assert primary.refusal("alter system set log_replication_1_enable=N") == 7515
    assert primary.refusal('alter system set log_replication_dest_1 = ""') == 7515
    assert primary.refusal("alter system set log_replication_2_enable=Y") == 7564
    primary.sql("alter system set log_replication_mode=PERFORMANCE", "alter system set log_replication_1_enable=N")
    assert status_of(primary) == "DISABLED"
    assert primary.refusal("alter system set log_replication_mode=AVAILABILITY") == 7515
    insert(primary, 1, 5)
    same_rows(primary, third)
    primary.sql("alter system set log_replication_1_enable=Y")
    same_rows(primary, second)
    assert primary.value("select value from v$parameters where name = 'LOG_REPLICATION_1_ENABLE'") == "Y"


def test_cut_connection_heals(nodes: Callable[[int], list[Node]]) -> None:
    """Through a relay that is cut without a FIN: the primary notices, reconnects, and the new connection supersedes
    the old."""
    primary, standby = nodes(1)
    relay = Relay(standby.port + 4)
    try:
        replicate(primary, "AVAILABILITY", (standby, "LGWR SYNC"))
        primary.tip["LOG_REPLICATION_DEST_1"] = f"127.0.0.1:{relay.port} LGWR SYNC"
        primary.tip["_STANDBY_NETWORK_TIMEOUT"] = "1"
        primary.up()
        wait_for(lambda: status_of(primary) == "RUNNING")
        insert(primary, 1, 5)
        relay.freeze()
        insert(primary, 100, 5)
        relay.thaw()
        wait_for(lambda: status_of(primary) == "RUNNING")
        insert(primary, 200, 5)
        same_rows(primary, standby)
    finally:
        relay.close()


class Relay:
    """A TCP relay whose connections can be made to hang."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.frozen = threading.Event()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _peer = self.server.accept()
            except OSError:
                return
            if self.frozen.is_set():
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.target))
            dead = threading.Event()
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink, dead), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, dead: threading.Event) -> None:
        """Copy bytes; a connection that was frozen once stays silent for ever, as after a lost route."""
        while True:
            data = source.recv(65536)
            if self.frozen.is_set():
                dead.set()
            if dead.is_set():
                continue_reading = bool(data)
                if not continue_reading:
                    return
                continue
            if not data:
                sink.close()
                return
            sink.sendall(data)

    def freeze(self) -> None:
        self.frozen.set()

    def thaw(self) -> None:
        self.frozen.clear()

    def close(self) -> None:
        self.server.close()


def test_standby_redo_logs_receive(nodes: Callable[[int], list[Node]]) -> None:
    primary, standby = nodes(1)
    standby.down()
    clone(primary, standby)
    standby.tip["USE_STANDBY_REDO_LOG"] = "Y"
    standby.up("MOUNT")
    standby.sql("alter database standby controlfile")
    for group in range(3):
        standby.sql(f"alter database add standby logfile thread 0 group {group} 'srl{group}.redo' size 2M")
    standby.sql("alter database enable public standby redo thread 0", "alter database recover automatic for standby")
    standby.down()
    standby.up("RECOVERY")
    replicate(primary, "AVAILABILITY", (standby, "LGWR SYNC"))
    primary.up()
    wait_for(lambda: status_of(primary) == "RUNNING")
    for start in range(1000, 6000, 1000):
        insert(primary, start, 3)
        primary.sql("alter system switch logfile")
    insert(primary, 9000, 3)
    caught_up(primary, standby)
    assert standby.value("select count(*) from v$standby_logfile where status = 'ACTIVE'") == "1"
    same_rows(primary, standby)
    standby.kill()
    standby.up("RECOVERY")
    insert(primary, 9100, 3)
    same_rows(primary, standby)
    primary.kill()
    standby.down()
    standby.up("FAILOVER")
    insert(standby, 20000, 3)
    standby.kill()
    standby.up("NORMAL")
    assert standby.value("select count(*) from tibero.t") == "25"


def test_failover_with_a_protected_mode_needs_its_own_standby(nodes: Callable[[int], list[Node]]) -> None:
    """A refused FAILOVER boot changes nothing: it can be repeated."""
    first, second, third = nodes(2)
    replicate(first, "PERFORMANCE", (second, "LGWR SYNC"))
    replicate(second, "AVAILABILITY", (third, "LGWR SYNC"))
    first.up()
    wait_for(lambda: status_of(first) == "RUNNING")
    insert(first, 1, 3)
    first.kill()
    second.down()
    third.down()
    event = second.boot("FAILOVER")
    assert (event["event"], event["code"]) == ("refused", 350008)
    third.up("RECOVERY")
    second.up("FAILOVER")
    assert second.value("select count(*) from tibero.t") == "4"
    same_rows(second, third)


def test_standby_killed_again_and_again_loses_nothing(nodes: Callable[[int], list[Node]]) -> None:
    primary, standby = nodes(1)
    replicate(primary, "PERFORMANCE", (standby, "LGWR ASYNC"))
    primary.up()
    stop = threading.Event()
    written: list[int] = []

    def writer() -> None:
        client = primary.connect()
        value = 10
        while not stop.is_set():
            client.execute(f"insert into tibero.t values ({value}, rpad('w', 100, 'w'))")
            client.execute("commit")
            written.append(value)
            value += 1
        client.close()

    thread = threading.Thread(target=writer)
    thread.start()
    try:
        for _ in range(4):
            mark = len(written)
            wait_for(lambda mark=mark: len(written) > mark + 200)
            standby.kill()
            standby.up("RECOVERY")
    finally:
        stop.set()
        thread.join()
    same_rows(primary, standby)
    assert standby.value("select count(*) from tibero.t") == str(len(written) + 1)


def test_protection_needs_only_one_of_two(nodes: Callable[[int], list[Node]]) -> None:
    primary, second, third = nodes(2)
    replicate(primary, "PROTECTION", (second, "LGWR SYNC"), (third, "LGWR SYNC"))
    primary.up()
    wait_for(lambda: status_of(primary, 1) == status_of(primary, 2) == "RUNNING")
    insert(primary, 1, 5)
    second.kill()
    insert(primary, 100, 5)
    second.up("RECOVERY")
    wait_for(lambda: status_of(primary, 1) == "RUNNING")
    third.kill()
    insert(primary, 200, 5)
    same_rows(primary, second)


def test_nine_destinations(nodes: Callable[[int], list[Node]]) -> None:
    """Nine senders, one of them to a standby that is there."""
    primary, standby = nodes(1)
    replicate(primary, "PERFORMANCE", (standby, "LGWR ASYNC"))
    for number in range(2, 10):
        primary.tip[f"LOG_REPLICATION_DEST_{number}"] = f"127.0.0.1:{standby.port + 3} ARCH ASYNC"
    primary.up()
    wait_for(lambda: status_of(primary) == "RUNNING")
    assert primary.value("select count(*) from v$standby_dest") == "9"
    insert(primary, 1, 5)
    same_rows(primary, standby)


def test_readers_do_not_starve_the_apply(nodes: Callable[[int], list[Node]]) -> None:
    primary, standby = nodes(1)
    replicate(primary, "PERFORMANCE", (standby, "LGWR SYNC"))
    primary.up()
    standby.sql("alter database open read only continue recovery")
    stop = threading.Event()
    seen: list[int] = []

    def reader() -> None:
        client = standby.connect("tibero", "tmax")
        while not stop.is_set():
            seen.append(int(str(client.execute("select count(*) from t").rows[0][0])))
        client.close()

    threads = [threading.Thread(target=reader) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        insert(primary, 1, 300)
        caught_up(primary, standby)
        mark = len(seen)
        wait_for(lambda: len(seen) > mark + 10)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert seen[-1] == 301
    same_rows(primary, standby)


def test_reversed_switchover_order(nodes: Callable[[int], list[Node]]) -> None:
    """PERFORMANCE: the new primary first, the old one as standby afterwards (shorter outage)."""
    first, second = nodes(1)
    for node, peer in ((first, second), (second, first)):
        replicate(node, "PERFORMANCE", (peer, "LGWR ASYNC"))
    first.up()
    wait_for(lambda: status_of(first) == "RUNNING")
    insert(first, 1, 20)
    first.down("SWITCHOVER")
    second.down()
    second.up("FAILOVER")
    insert(second, 100, 20)
    first.up("RECOVERY")
    insert(second, 200, 20)
    same_rows(second, first)
    assert first.value("select count(*) from tibero.t") == "61"
