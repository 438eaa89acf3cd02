# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot modes, refusals, crash recovery and damaged files of a single instance."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_harness import Node, alive, wait_for

from tibero_emulator import wire
from tibero_emulator.server import blocks, control


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path / "a")
    try:
        yield made
    finally:
        made.stop_hard()


@pytest.fixture
def created(node: Node) -> Node:
    node.create()
    node.sql("create table tibero.t (a number primary key, b varchar(100))")
    node.sql("insert into tibero.t select level, rpad('x', 100, 'x') from dual connect by level <= 1000", "commit")
    return node


def suspended(node: Node, mode: str, code: int, at: str = "MOUNT") -> dict[str, object]:
    event = node.boot(mode)
    assert (event["event"], event.get("code"), event.get("mode")) == ("suspended", code, at), (
        event,
        node.slog()[-1500:],
    )
    assert node.running()
    return event


def test_nomount(node: Node) -> None:
    node.up("NOMOUNT")
    assert node.events[0] == {"event": "listening", "ports": [node.port]}
    assert node.events[-1]["mode"] == "NOMOUNT"
    assert node.refusal("select 1 from dual") == 12028
    assert node.refusal("create table t (a number)") == 7004
    assert node.refusal("alter database archivelog") == 7004
    assert node.refusal("select 1 from dual", user="tibero", password="tmax") == 12021
    assert node.refusal('create database "other" user sys identified by tibero') == 7067
    assert node.refusal("create database user sys identified by tibero logfile group") == 8004
    assert node.down()["event"] == "terminated"


def test_create_database_stops_the_instance_and_is_clean(created: Node) -> None:
    names = {each.name for each in created.data.iterdir()}
    assert names >= {
        "c1.ctl",
        "c2.ctl",
        ".passwd",
        "log01.log",
        "log11.log",
        "log21.log",
        "system001.dtf",
        "undo001.dtf",
        "usr001.dtf",
        "temp001.dtf",
        "syssub001.dtf",
    }
    assert (created.data / "c1.ctl").stat().st_mode & 0o777 == 0o600
    assert "Server is running at NOMOUNT mode (bootmode : NOMOUNT, bootflag : 0)" in created.slog()


def test_default_create_database(node: Node) -> None:
    node.up("NOMOUNT")
    pid = node.pid()
    assert node.sql(f'create database "{node.tip["DB_NAME"]}"').message == "Database created."
    wait_for(lambda: not alive(pid))
    assert not (node.root / "instance" / node.sid / "path" / "proc_info").exists()
    node.up()
    assert node.value("select log_mode from v$database") == "NOARCHIVELOG"


def test_processes(created: Node) -> None:
    info = created.proc_info()
    titles = [Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode() for pid in [info["pid"], *info["pids"]]]
    assert titles[0] == "tbsvr          -t NORMAL -SVR_SID tb"
    assert titles[1] == "tbsvr_MGWP     -t NORMAL -SVR_SID tb"
    assert {title.split()[0] for title in titles} >= {
        "tbsvr_FGWP000",
        "tbsvr_PEWP000",
        "tbsvr_AGNT",
        "tbsvr_DBWR",
        "tbsvr_RCWP",
        "tblistener",
    }
    created.kill()
    wait_for(lambda: not any(alive(pid) for pid in info["pids"]), what="children die with the server")


def test_mount_mode(created: Node) -> None:
    created.down()
    created.up("MOUNT")
    assert created.value("select log_mode from v$database") == "ARCHIVELOG"
    assert created.value("select status from v$instance") == "MOUNT"
    assert created.refusal("select * from dba_tables") == 22003
    assert created.refusal("select * from tibero.t") == 8142
    assert created.refusal("insert into tibero.t values (1, 'x')") == 8142
    assert created.refusal("create table x (a number)") == 7004
    assert created.refusal("select 1 from dual", user="tibero", password="tmax") == 12021
    assert created.sql("alter database noarchivelog").message == "Database altered."
    assert created.sql("alter database open").message == "Database altered."
    assert created.value("select log_mode from v$database") == "NOARCHIVELOG"
    assert created.value("select count(*) from tibero.t", user="tibero", password="tmax") == "1000"


def test_committed_survives_kill_and_nothing_else(created: Node) -> None:
    open_session = created.connect()
    for value in range(2000, 2050):
        open_session.execute(f"insert into tibero.t values ({value}, 'kept')")
        open_session.execute("commit")
    open_session.execute("insert into tibero.t values (9999, 'never committed')")
    created.kill()
    with pytest.raises(wire.WireError):
        open_session.execute("commit")
    created.up()
    assert created.value("select count(*) from tibero.t") == "1050"
    assert created.value("select count(*) from tibero.t where a = 9999") == "0"


def test_kill_amid_log_switches(created: Node) -> None:
    """Redo of a transaction larger than a chunk, over several switches, then kill: whole or not at all."""
    client = created.connect()
    for _ in range(3):
        client.execute("delete from tibero.t")
        client.execute("insert into tibero.t select level, rpad('y', 100, 'y') from dual connect by level <= 8000")
        client.execute("commit")
    client.execute("alter system switch logfile")
    client.execute("update tibero.t set b = 'z' where a <= 4000")
    created.kill()
    created.up()
    assert created.value("select count(*) from tibero.t where b like 'y%'") == "8000"
    created.down("ABORT")
    created.clean()
    created.up()
    assert created.value("select count(*) from tibero.t") == "8000"


def test_abort_leaves_garbage_and_recovery_is_needed(created: Node) -> None:
    created.sql("insert into tibero.t values (5000, 'x')", "commit")
    pid = created.pid()
    assert created.down("ABORT") == {"event": "terminated", "mode": "ABORT"}
    assert (created.root / "instance" / "tb" / "path" / "proc_info").exists()
    assert not alive(pid)
    created.clean()
    created.up()
    assert created.value("select count(*) from tibero.t") == "1001"


def test_shutdown_modes(created: Node) -> None:
    client = created.connect("tibero", "tmax")
    client.execute("insert into t values (6000, 'open')")
    answers: list[dict[str, object]] = []

    waiting = threading.Thread(target=lambda: answers.append(created.down("NORMAL")))
    waiting.start()
    wait_for(lambda: created.status() and "shutdown NORMAL requested" in created.slog())
    assert created.refusal("select 1 from dual") == 12039
    assert client.execute("select count(*) from t").rows == [["1001"]]
    assert not answers
    client.execute("commit")
    client.close()
    waiting.join(20)
    assert answers == [{"event": "terminated", "mode": "NORMAL"}]
    created.up()
    other = created.connect("tibero", "tmax")
    other.execute("insert into t values (6001, 'open')")
    assert created.down("IMMEDIATE")["event"] == "terminated"
    with pytest.raises(wire.WireError):
        other.execute("commit")
    created.up()
    assert created.value("select count(*) from tibero.t") == "1001"
    third = created.connect("tibero", "tmax")
    assert third.execute("select 1 from dual").rows == [["1"]]
    assert created.down("POST_TX") == {"event": "terminated", "mode": "POST_TX"}
    assert not (created.root / "instance" / "tb" / "path" / "proc_info").exists()


def test_port_in_use(node: Node) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", node.port))
        taken.listen()
        event = node.boot("NOMOUNT")
    assert (event["event"], event["code"]) == ("refused", 250120)
    assert f"[{node.port}]" in event["text"]


def test_control_file_faults(created: Node) -> None:
    created.down()
    first, second = (Path(name) for name in created.tip["CONTROL_FILES"])
    keep = second.read_bytes()
    second.unlink()
    event = suspended(created, "NORMAL", 24003, "NOMOUNT")
    assert event["extra"] == ["*   Warning: Control file open failed ", f"*   {second}"]
    created.down()
    second.write_bytes(bytes(len(keep)))
    suspended(created, "NORMAL", 24003, "NOMOUNT")
    created.down()
    second.write_bytes(keep)
    created.up()
    created.down()
    first.write_bytes(keep)  # an old copy of the control file
    suspended(created, "NORMAL", 24003, "NOMOUNT")


def test_control_file_copies_one_step_apart_are_accepted(tmp_path: Path) -> None:
    paths = [str(tmp_path / "c1"), str(tmp_path / "c2")]
    store = control.ControlStore.create(paths, control.Control("x", 1, 8192, 0.0, 0.0))
    shutil.copy(paths[1], tmp_path / "old")
    store.write()
    shutil.copy(tmp_path / "old", paths[1])
    assert control.ControlStore.open(paths).sequence == store.sequence + 1
    shutil.copy(tmp_path / "old", paths[1])
    with pytest.raises(control.ControlError):
        control.ControlStore.open(paths)


def test_wrong_db_name_and_block_size(created: Node) -> None:
    created.down()
    created.tip["DB_NAME"] = "elsewhere"
    event = suspended(created, "NORMAL", 24027, "NOMOUNT")
    assert event["text"] == "Invalid DB_NAME value in .tip file: 'elsewhere' should be 'orders'."
    created.down()
    created.tip["DB_NAME"] = "orders"
    created.tip["DB_BLOCK_SIZE"] = "16384"
    suspended(created, "NORMAL", 24026, "NOMOUNT")


def test_missing_data_file(created: Node) -> None:
    created.down()
    path = created.data / "usr001.dtf"
    path.rename(created.data / "gone")
    event = suspended(created, "NORMAL", 1024)
    assert event["text"] == f"Database needs media recovery: open failed({path})."
    assert created.sql("select file#, error from v$recover_file").rows == [["2", "open failed"]]
    created.down()
    (created.data / "gone").rename(path)
    created.up()


def test_stale_data_file_and_media_recovery(created: Node) -> None:
    created.down()
    shutil.copy(created.data / "usr001.dtf", created.data / "old")
    created.up()
    created.sql(
        "insert into tibero.t values (7000, 'after the copy')",
        "commit",
        "alter system switch logfile",
        "alter system switch logfile",
    )
    created.sql("insert into tibero.t values (7001, 'later')", "commit")
    created.down()
    shutil.copy(created.data / "old", created.data / "usr001.dtf")
    suspended(created, "NORMAL", 1049)
    assert created.sql("select file#, error from v$recover_file").rows == [["2", "file restored"]]
    assert created.refusal("alter database open") == 1049
    assert created.refusal("alter database recover automatic for standby") == 7578
    assert created.sql("alter database recover automatic database").message == "Database altered."
    assert created.sql("alter database open").message == "Database altered."
    assert created.value("select count(*) from tibero.t") == "1002"


def test_media_recovery_without_archive(created: Node) -> None:
    created.down()
    shutil.copy(created.data / "usr001.dtf", created.data / "old")
    created.up()
    for _ in range(4):
        created.sql(
            "insert into tibero.t select a + 10000 * (select count(*) from tibero.t), b from tibero.t where a < 3",
            "commit",
            "alter system switch logfile",
        )
    created.down()
    shutil.copy(created.data / "old", created.data / "usr001.dtf")
    first = sorted((created.data / "arch").iterdir())[0]
    first.rename(created.data / "hidden.arc")
    suspended(created, "NORMAL", 1049)
    assert created.refusal("alter database recover automatic database") == 1027
    (created.data / "hidden.arc").rename(first)
    created.sql("alter database recover automatic database", "alter database open")


def test_torn_block(created: Node) -> None:
    created.down()
    path = created.data / "usr001.dtf"
    with open(path, "r+b") as handle:
        handle.seek(3 * 8192 + 1000)
        handle.write(b"torn")
    event = suspended(created, "NORMAL", 1024)
    assert "checksum" in str(event["text"]) and str(path) in str(event["text"])


def test_torn_block_within_redo_is_repaired(created: Node) -> None:
    created.sql("alter system checkpoint", "update tibero.t set b = 'changed'", "commit")
    created.kill()
    path = created.data / "usr001.dtf"
    with open(path, "r+b") as handle:
        handle.seek(3 * 8192 + 1000)
        handle.write(b"torn")
    created.up()
    assert created.value("select count(*) from tibero.t where b = 'changed'") == "1000"


def test_foreign_data_file(created: Node, tmp_path: Path) -> None:
    other = Node(tmp_path / "b")
    try:
        other.create()
        other.down()
        created.down()
        shutil.copy(other.data / "usr001.dtf", created.data / "usr001.dtf")
        suspended(created, "NORMAL", 1024)
        assert "belongs to database" in created.slog()
    finally:
        other.stop_hard()


def test_missing_current_log(created: Node) -> None:
    created.sql("alter system switch logfile", "insert into tibero.t values (8000, 'x')", "commit")
    created.kill()
    (created.data / "log11.log").unlink()
    event = suspended(created, "NORMAL", 1024)
    assert str(created.data / "log11.log") in str(event["text"])


def test_damaged_log_after_a_crash(created: Node) -> None:
    created.sql("alter system checkpoint", "insert into tibero.t values (8000, 'x')", "commit")
    created.kill()
    with open(created.data / "log01.log", "r+b") as handle:
        handle.seek(0)
        handle.write(b"X" * 100)
    suspended(created, "NORMAL", 1024)


def test_recovery_of_a_primary(created: Node) -> None:
    created.down()
    suspended(created, "RECOVERY", 1127)
    created.down()
    suspended(created, "FAILOVER", 1127)
    created.down()
    created.up()


def test_resetlogs(created: Node) -> None:
    created.sql("alter system switch logfile")
    created.down()
    created.up("RESETLOGS")
    assert created.events[-1] == {"event": "up", "mode": "NORMAL", "flag": "RESETLOGS"}
    assert created.value("select resetlog_tsn from v$database") != "0"
    assert created.value("select max(sequence#) from v$log") == "1"
    created.sql("insert into tibero.t values (8000, 'x')", "commit", "alter system switch logfile")
    created.kill()
    created.up()
    assert created.value("select count(*) from tibero.t") == "1001"


def test_archive_destination_full_blocks_and_recovers(created: Node) -> None:
    """TBR-1063: the log writer waits until the archiver can write again; nothing is lost."""

    arch = created.data / "arch"
    if arch.exists():
        shutil.rmtree(arch)
    arch.write_text("in the way")
    client = created.connect(timeout=60)
    done: list[str | None] = []

    def work() -> None:
        for _ in range(4):
            client.execute("alter system switch logfile")
        done.append(client.execute("insert into tibero.t values (9000, 'x')").message)
        client.execute("commit")
        done.append("committed")

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(lambda: "TBR-1063: Log writer is waiting for all logfiles to be archived." in created.slog())
    assert not done
    arch.unlink()
    thread.join(30)
    assert done[-1] == "committed"
    client.close()
    created.kill()
    created.up()
    assert created.value("select count(*) from tibero.t") == "1001"


def test_multiplexed_members(node: Node) -> None:
    node.up("NOMOUNT")
    pid = node.pid()
    groups = ", ".join(f"group {i} ('m1/log{i}a.log', 'm2/log{i}b.log') size 2M" for i in range(3))
    node.sql(f"create database user sys identified by tibero logfile {groups} noarchivelog")
    wait_for(lambda: not alive(pid))
    node.up()
    node.sql("create table tibero.t (a number)", "insert into tibero.t values (1)", "commit")
    assert len(node.sql("select member from v$logfile").rows) == 6
    assert (node.data / "m1" / "log0a.log").read_bytes() == (node.data / "m2" / "log0b.log").read_bytes()
    node.kill()
    (node.data / "m1" / "log0a.log").unlink()
    node.up()
    assert node.value("select count(*) from tibero.t") == "1"


def test_version_6_layouts(tmp_path: Path) -> None:
    node = Node(tmp_path / "six", version="6")
    try:
        node.create(archivelog=False)
        result = node.sql("select * from v$database")
        assert [each["name"] for each in result.columns][:3] == ["DBID", "NAME", "CREATE_DATE"]
        assert result.columns[2]["width"] == 32
    finally:
        node.stop_hard()


def test_block_says_where_it_belongs(created: Node) -> None:
    created.down()
    fd = os.open(created.data / "usr001.dtf", os.O_RDONLY)
    try:
        state = control.Control.from_json(control.read_copy(created.tip["CONTROL_FILES"][0])[1])
        header = blocks.read_header(fd, state.dbid, 2, 8192)
        assert not header.fuzzy and header.backup is None and header.hwm > 10
        raw = os.pread(fd, 8192, 3 * 8192)
        found = blocks.decode(raw, state.dbid, 2, 3, 4096)
        assert found is not None and found.block == 3 and found.tsn > 0
        with pytest.raises(blocks.BlockError, match="belongs to database"):
            blocks.decode(raw, state.dbid + 1, 2, 3, 4096)
        with pytest.raises(blocks.BlockError, match="header says file 2 block 3"):
            blocks.decode(raw, state.dbid, 2, 4, 4096)
    finally:
        os.close(fd)


def test_no_login_during_creation(node: Node) -> None:

    node.settings["timing_seconds"] = {"create_database": 2.0}
    node.up("NOMOUNT")
    client = node.connect()
    thread = threading.Thread(target=lambda: client.execute("create database user sys identified by tibero"))
    thread.start()
    try:
        assert wait_for(lambda: node.refusal("select 1 from dual") == 17020)
    finally:
        thread.join()
