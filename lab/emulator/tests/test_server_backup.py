# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hot and cold copies judged as standbys: what is accepted, what is refused, in which words."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_harness import Node, clone, make_standby, wait_for


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    source, target = Node(tmp_path / "a"), Node(tmp_path / "b")
    try:
        source.create(log_mb=2)
        source.sql("create table tibero.t (a number primary key, b varchar(100))")
        source.sql(
            "insert into tibero.t select level, rpad('x', 100, 'x') from dual connect by level <= 1000", "commit"
        )
        yield source, target
    finally:
        source.stop_hard()
        target.stop_hard()


def archives(source: Node, target: Node) -> None:
    """Copy all archives, as the last step of a hot copy."""
    wait_for(
        lambda: (
            source.value("select count(*) from v$log where archived = 'NO' and status <> 'CURRENT' and sequence# > 0")
            == "0"
        )
    )
    shutil.copytree(source.data / "arch", target.data / "arch", dirs_exist_ok=True)


def convert(target: Node) -> None:
    target.up("MOUNT")
    target.sql("alter database standby controlfile")
    target.down()


def boot_refused(target: Node, mode: str, code: int) -> str:
    event = target.boot(mode)
    assert (event["event"], event.get("code"), event.get("mode")) == ("suspended", code, "MOUNT"), (
        event,
        target.slog()[-1500:],
    )
    return str(event["text"])


def hot_copy(source: Node, target: Node) -> None:
    """BEGIN BACKUP, copy while rows change, END BACKUP."""
    assert source.sql("alter database begin backup").message == "Database altered."
    source.sql("update tibero.t set b = 'during' where a <= 500", "commit", "alter system checkpoint")
    clone(source, target)
    source.sql("insert into tibero.t values (5001, 'after the copy')", "commit")
    assert source.sql("alter database end backup").message == "Database altered."


def rows_of(node: Node) -> list[list[str | None]]:
    return node.sql("select a, b from tibero.t order by a").rows


def open_read_only(node: Node) -> None:
    node.sql("alter database open read only continue recovery")


def test_backup_mode_states(pair: tuple[Node, Node]) -> None:
    source, _target = pair
    assert source.refusal("alter database end backup") == 24055
    assert source.refusal("alter tablespace usr end backup") == 24011
    source.sql("alter tablespace usr begin backup")
    assert source.refusal("alter tablespace usr begin backup") == 24010
    assert source.sql("select file#, status from v$backup where status = 'ACTIVE'").rows == [["2", "ACTIVE"]]
    assert source.value("select max(status) from _vt_backup") == "1"
    assert source.down("IMMEDIATE") == {
        "event": "error",
        "code": 24029,
        "text": f"Unable to shut down: file 2 ('{source.data / 'usr001.dtf'}') has online backup set.",
    }
    source.sql("alter tablespace usr end backup")
    assert source.down("IMMEDIATE")["event"] == "terminated"


def test_crash_during_backup(pair: tuple[Node, Node]) -> None:
    """OCF idiom: MOUNT, END BACKUP, OPEN."""
    source, _target = pair
    source.sql("alter database begin backup", "insert into tibero.t values (7000, 'x')", "commit")
    source.kill()
    boot_refused(source, "NORMAL", 1049)
    source.sql("alter database end backup", "alter database open")
    assert source.value("select count(*) from tibero.t") == "1001"
    source.kill()
    source.up()
    assert source.value("select count(*) from tibero.t") == "1001"


def test_backup_needs_archivelog(tmp_path: Path) -> None:
    node = Node(tmp_path / "n")
    try:
        node.create(archivelog=False)
        assert node.refusal("alter database begin backup") == 590001
    finally:
        node.stop_hard()


def test_cold_copy(pair: tuple[Node, Node]) -> None:
    source, target = pair
    expected = rows_of(source)
    source.down()
    make_standby(source, target)
    assert target.value("select member from v$logfile where group# = 0") == str(target.data / "log01.log")
    assert target.refusal("select 1 from dual", user="tibero", password="tmax") == 12004
    open_read_only(target)
    assert rows_of(target) == expected
    assert target.value("select count(*) from t", user="tibero", password="tmax") == "1000"


def test_hot_copy_with_archives(pair: tuple[Node, Node]) -> None:
    source, target = pair
    hot_copy(source, target)
    for _ in range(4):
        source.sql("alter system switch logfile")
    archives(source, target)
    expected = rows_of(source)
    convert(target)
    target.up("RECOVERY")
    open_read_only(target)
    assert rows_of(target) == expected


def test_hot_copy_without_the_redo_until_end_backup(pair: tuple[Node, Node]) -> None:
    source, target = pair
    hot_copy(source, target)
    for _ in range(4):
        source.sql("alter system switch logfile")
    convert(target)
    text = boot_refused(target, "RECOVERY", 24111)
    assert text == "Backup datafiles need more redo logs at least until END_BACKUP to recover."
    target.down()
    archives(source, target)
    target.up("RECOVERY")


def test_hot_copy_lenient_switch(pair: tuple[Node, Node]) -> None:
    """With the switch off, the copy boots and waits for the primary, but cannot be opened or promoted."""
    source, target = pair
    target.settings["end_backup_needed_at_recovery_boot"] = False
    hot_copy(source, target)
    for _ in range(4):
        source.sql("alter system switch logfile")
    convert(target)
    target.up("RECOVERY")
    assert target.refusal("alter database open read only continue recovery") == 24111


def test_copy_without_backup_mode_is_refused(pair: tuple[Node, Node]) -> None:
    source, target = pair
    clone(source, target)
    for _ in range(4):
        source.sql("alter system switch logfile")
    archives(source, target)
    convert(target)
    boot_refused(target, "RECOVERY", 1036)
    assert "copied while the database was open and not in backup mode" in target.slog()


def test_one_file_copied_outside_backup_mode_is_refused(pair: tuple[Node, Node]) -> None:
    source, target = pair
    shutil.copy(source.data / "usr001.dtf", source.root / "early")
    hot_copy(source, target)
    shutil.copy(source.root / "early", target.data / "usr001.dtf")
    for _ in range(4):
        source.sql("alter system switch logfile")
    archives(source, target)
    convert(target)
    boot_refused(target, "RECOVERY", 1036)


def test_unconverted_copy(pair: tuple[Node, Node]) -> None:
    source, target = pair
    source.down()
    clone(source, target)
    boot_refused(target, "RECOVERY", 1127)


def test_paths_not_converted(pair: tuple[Node, Node]) -> None:
    source, target = pair
    source.down()
    clone(source, target)
    del target.tip["STANDBY_FILE_NAME_CONVERT"]
    convert(target)
    hidden = source.data.rename(source.root / "hidden")
    text = boot_refused(target, "RECOVERY", 1024)
    assert str(source.data) in text
    hidden.rename(source.data)


def test_standby_booted_normal_is_refused(pair: tuple[Node, Node]) -> None:
    source, target = pair
    source.down()
    make_standby(source, target)
    target.down()
    text = boot_refused(target, "NORMAL", 1098)
    assert text == "Database in standby mode. Failover is required to boot as primary."
    assert target.refusal("alter database open") == 1098
    assert target.refusal("alter database recover automatic database") == 7577
    target.down()
    target.up("RECOVERY")


def test_missing_pieces(pair: tuple[Node, Node]) -> None:
    source, target = pair
    source.down()
    clone(source, target)
    (target.data / ".passwd").unlink()
    target.up("MOUNT")
    assert target.refusal("alter database standby controlfile") == 17007
    target.down()
    shutil.copy(source.data / ".passwd", target.data / ".passwd")
    convert(target)
    (target.data / "temp001.dtf").unlink()
    target.up("RECOVERY")
    assert target.refusal("alter database open read only continue recovery") == 24140
    target.down()
    (target.data / "log11.log").unlink()
    assert str(target.data / "log11.log") in boot_refused(target, "RECOVERY", 1024)
    target.down()
    (target.data / "usr001.dtf").unlink()
    shutil.copy(source.data / "log11.log", target.data / "log11.log")
    assert str(target.data / "usr001.dtf") in boot_refused(target, "RECOVERY", 1024)


def test_torn_block_in_a_copy(pair: tuple[Node, Node]) -> None:
    source, target = pair
    source.down()
    clone(source, target)
    with open(target.data / "usr001.dtf", "r+b") as handle:
        handle.seek(4 * 8192 + 600)
        handle.write(b"broken")
    convert(target)
    assert "checksum" in boot_refused(target, "RECOVERY", 1024)


def test_mixed_cold_copy_is_refused(pair: tuple[Node, Node]) -> None:
    """One data file older than the rest and no archives to bring it up: not a consistent copy."""
    source, target = pair
    source.down()
    shutil.copy(source.data / "usr001.dtf", source.root / "old")
    source.up()
    for _ in range(5):
        source.sql("update tibero.t set b = 'n' where a < 10", "commit", "alter system switch logfile")
    source.down()
    clone(source, target)
    shutil.rmtree(target.data / "arch")
    shutil.rmtree(source.data / "arch")  # on another host the source's archives would be out of reach
    shutil.copy(source.root / "old", target.data / "usr001.dtf")
    convert(target)
    boot_refused(target, "RECOVERY", 1036)


def test_standby_redo_logs(pair: tuple[Node, Node]) -> None:
    source, target = pair
    source.down()
    clone(source, target)
    target.up("MOUNT")
    assert target.refusal("alter database add standby logfile thread 0 group 0 'srl01.redo' size 2M") == 1107
    target.down()
    target.tip["USE_STANDBY_REDO_LOG"] = "Y"
    target.up("MOUNT")
    target.sql("alter database standby controlfile")
    assert target.refusal("alter database enable public standby redo thread 0") == 1131
    assert target.refusal("alter database add standby logfile thread 0 group 0 'srl01.redo' size 1M") == 1132
    for group in range(3):
        target.sql(f"alter database add standby logfile thread 0 group {group} 'srl0{group}.redo' size 2M")
    assert target.sql("alter database enable public standby redo thread 0").message == "Database altered."
    assert target.sql("alter database recover automatic for standby").message == "Database altered."
    assert target.sql("select group#, status from v$standby_logfile").rows == [[str(i), "UNASSIGNED"] for i in range(3)]
    target.down()
    target.up("RECOVERY")


def fuzzy_copy(source: Path, target: Path, chooser: random.Random) -> None:
    """Copy in pieces of 512 bytes in random order, as a slow copy of a busy file may come out: torn, of mixed times."""
    size = source.stat().st_size
    with open(source, "rb") as reader, open(target, "wb") as writer:
        writer.write(reader.read(8192))  # the header first: it must be from after BEGIN BACKUP
        writer.truncate(size)
        places = [place for place in range(8192, size, 512) if place < 3 << 20]
        chooser.shuffle(places)
        for place in places:
            reader.seek(place)
            piece = reader.read(512)
            if piece.strip(b"\0"):
                writer.seek(place)
                writer.write(piece)


def torn_copy(source: Node, target: Node, chooser: random.Random) -> None:
    """Control file by the server, datafiles in pieces and out of order, logs as they are at the moment."""
    target.data.mkdir()
    (target.data / "arch").mkdir()
    control = target.data / "c1.ctl"
    source.sql(f"alter database backup controlfile to '{control}'")
    shutil.copy(control, target.data / "c2.ctl")
    for name in ("system001.dtf", "usr001.dtf", "undo001.dtf", "syssub001.dtf"):
        fuzzy_copy(source.data / name, target.data / name, chooser)
    for name in ("log01.log", "log11.log", "log21.log"):
        shutil.copy(source.data / name, target.data / name)


def test_fuzzy_hot_copy_under_load(pair: tuple[Node, Node]) -> None:
    """Rows change, checkpoints run and logs switch during a torn copy; the redo until END BACKUP makes it whole."""
    source, target = pair
    stop = threading.Event()
    last: list[int] = [0]

    def writer() -> None:
        client = source.connect()
        value = 10000
        while not stop.is_set():
            value += 1
            client.execute(f"insert into tibero.t values ({value}, rpad('w', 100, 'w'))")
            client.execute(f"update tibero.t set b = 'u{value}' where a = {value % 1000 + 1}")
            client.execute("commit")
            last[0] = value
        client.close()

    def dbwr() -> None:
        client = source.connect()
        while not stop.is_set():
            client.execute("alter system checkpoint")
            client.execute("alter system switch logfile")
        client.close()

    threads = [threading.Thread(target=writer), threading.Thread(target=dbwr)]
    chooser = random.Random(20240229)
    source.sql("alter database begin backup")
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: last[0] > 10050)
        torn_copy(source, target, chooser)
        mark = last[0]
        wait_for(lambda: last[0] > mark + 50)
        source.sql("alter database end backup")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for name in (".passwd", "temp001.dtf"):
        shutil.copy(source.data / name, target.data / name)
    for _ in range(4):
        source.sql("alter system switch logfile")
    archives(source, target)
    target.tip["STANDBY_FILE_NAME_CONVERT"] = f"{source.data}, {target.data}"
    convert(target)
    target.up("RECOVERY")
    open_read_only(target)
    assert rows_of(target) == rows_of(source)
    assert target.sql("select count(*) from tibero.t where a > 10000").rows == [[str(last[0] - 10000)]]
    target.down()
    target.up("FAILOVER")
    target.sql("insert into tibero.t values (1000000, 'promoted')", "commit")
    target.kill()
    target.up()
    assert target.value("select b from tibero.t where a = 1000000") == "promoted"
