# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""drill_table, drill_rows_info, drill_probe and drill_probe_info with a played server and played sessions."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, ledger, probe_job
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_record import parse_rows
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.ledger import Survivor
from ansible_collections.firedrill.standby.plugins.module_utils._core.probe_session import NullSession
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import drill_table, probe_task
from tests.unit.plugins.module_utils._tibero.fake_tibero import PASSWORD, FakeTibero


def row(writer: str, seq: int, drill: str = "d1", payload: str = "") -> dict[str, str]:
    text = f"{drill} {writer} {seq} ..."
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {
        "WRITER": writer,
        "SEQ": str(seq),
        "UUID": f"{seq:032x}",
        "PAYLOAD": payload or text,
        "PAYLOAD_HASH": digest,
        "NODE": "seoul1",
        "ROLE_EPOCH": "1",
        "DB_TS": "2026-03-01 08:00:00",
    }


class Server(FakeTibero):
    """An open primary with the table of a drill, which answers the few questions that are asked of it."""

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.enter("NORMAL")
        self.rows: list[dict[str, str]] | None = None
        self.grows = False
        #: The first sequence of the page from which on the connection is lost; 0: it is not.
        self.deaf_from = 0
        self.replies["CREATE TABLE"] = self._create
        self.replies["DROP TABLE"] = self._drop

    def _create(self, _text: str) -> str:
        self.rows = []
        return "Table 'DRILL_LEDGER' created."

    def _drop(self, _text: str) -> str:
        self.rows = None
        return "Table 'DRILL_LEDGER' dropped."

    def view(self, name: str) -> Any:
        if name == "USER_TABLES":
            return [] if self.rows is None else [{"TABLE_NAME": "DRILL_LEDGER"}]
        if name != "DRILL_LEDGER":
            return super().view(name)
        if self.deaf_from and "BETWEEN {0} AND".format(self.deaf_from) in self.statements[-1]:
            return 2131
        return 8033 if self.rows is None else self._answer(self.statements[-1], self.rows)

    def _answer(self, text: str, rows: list[dict[str, str]]) -> list[dict[str, Any]]:
        if "1 = 0" in text:
            return []
        found = [each for each in rows if self._fits(text, each)]
        if "COUNT(*)" in text:
            if self.grows:
                rows.append(row("w99", len(rows) + 1))
            return [{"COUNT(*)": str(len(found))}]
        if "MAX(SEQ)" in text:
            assert text.endswith("\nGROUP BY WRITER\nORDER BY WRITER;")
            last = {
                name: max(int(each["SEQ"]) for each in found if each["WRITER"] == name)
                for name in sorted({each["WRITER"] for each in found})
            }
            return [{"WRITER": name, "MAX(SEQ)": str(number)} for name, number in last.items()]
        shown = [{**each, "TO_CHAR(DB_TS,'YYYY-MM-DD HH24:MI:SS')": each["DB_TS"]} for each in found]
        return sorted(shown, key=lambda each: int(each["SEQ"]))

    @staticmethod
    def _fits(text: str, each: dict[str, str]) -> bool:
        where = text.partition("\nWHERE ")[2]
        like = re.search(r"PAYLOAD LIKE '(.*)%'", where)
        writer = re.search(r"WRITER = '(\w+)'", where)
        between = re.search(r"BETWEEN (\d+) AND (\d+)", where)
        return (
            (not like or each["PAYLOAD"].startswith(like[1]))
            and (not writer or each["WRITER"] == writer[1])
            and (not between or int(between[1]) <= int(each["SEQ"]) <= int(between[2]))
        )


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path / "server")


def table(server: Server, check: bool = False, **params: Any) -> Any:
    return drill_table.ensure_table(server.context(check, **{"state": "present", "drill": "d1", **params}))


# ---------------------------------------------------------------------------------------------------------- the table


def test_the_table_is_made_once_and_dropped_once(server: Server) -> None:
    assert table(server, check=True).changed and server.rows is None
    assert table(server).changed and not table(server).changed
    assert server.rows is not None
    server.rows += [row("w00", 1)]
    assert table(server).values == {"table": "DRILL_LEDGER", "rows": 1}
    assert table(server, check=True, state="absent").changed and server.rows is not None
    assert table(server, state="absent").changed and not table(server, state="absent").changed


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("check", [False, True])
def test_a_table_with_other_content_is_refused_and_stays(server: Server, state: str, check: bool) -> None:
    server.rows = [row("w00", 1), row("w00", 2, drill="d0")]
    with pytest.raises(Refusal, match="is there already with 2 rows, of which 1 are of drill d1"):
        table(server, check=check, state=state)
    assert len(server.rows) == 2 and not [text for text in server.statements if text.startswith(("CREATE", "DROP"))]


def test_a_table_with_other_columns_is_refused(server: Server) -> None:
    server.rows = []
    server.lacks.add(("DRILL_LEDGER", "PAYLOAD_HASH"))
    with pytest.raises(Refusal, match="has other columns"):
        table(server)


def test_a_standby_gets_no_table(server: Server) -> None:
    server.enter("RECOVERY")
    with pytest.raises(UnknownState, match="open mode"):
        table(server)


# ----------------------------------------------------------------------------------------------------------- the rows


def rows(server: Server, place: Path, check: bool = False) -> Any:
    path = str(place / "rows" / "seoul1.jsonl")
    head = {"leg": "there", "read": "b", "member": "seoul1"}
    return drill_table.rows_info(server.context(check, path=path, drill="d1", **head))


def read(path: str) -> tuple[Survivor, ...]:
    """The rows of a file, as the verdict reads it."""
    found = parse_rows(Path(path).read_bytes())
    assert found.damage == () and found.head["leg"] == "there" and found.head["member"] == "seoul1"
    return found.survivors


def test_all_rows_are_read_page_by_page_with_a_digest(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drill_table, "PAGE", 3)
    server.rows = [row("w01", seq) for seq in range(1, 8)] + [row("w00", seq) for seq in (1, 2, 5)]
    found = rows(server, tmp_path)
    path = Path(found.values["file"])
    assert found.values["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest() and not found.changed
    assert (found.values["rows"], found.values["damaged"], found.values["alien"]) == (10, 0, 0)
    survivors = read(str(path))
    assert [(each.writer, each.seq) for each in survivors] == sorted(
        (each["WRITER"], int(each["SEQ"])) for each in server.rows
    )
    assert {each.payload_hash for each in survivors} == {each["PAYLOAD_HASH"] for each in server.rows}
    assert os.stat(path).st_mode & 0o777 == 0o600
    # w00 has sequences to 5, w01 to 7: twelve that may be there are four pages, and each page is one login.
    asked = re.findall(r"WRITER = '(\w+)' AND SEQ BETWEEN (\d+) AND (\d+)", "\n".join(server.statements))
    assert asked == [("w00", "1", "3"), ("w00", "4", "5"), ("w01", "1", "1"), ("w01", "2", "4"), ("w01", "5", "7")]


def test_the_digest_is_that_of_the_payload_and_never_what_the_row_claims(server: Server, tmp_path: Path) -> None:
    server.rows = [row("w00", 1), row("w00", 2, payload="d1 w00 2 damaged")]
    found = rows(server, tmp_path)
    assert found.values["damaged"] == 1
    survivors = read(found.values["file"])
    assert survivors[1].payload_hash == hashlib.sha256(b"d1 w00 2 damaged").hexdigest()


def test_rows_of_another_drill_are_kept_and_counted(server: Server, tmp_path: Path) -> None:
    server.rows = [row("w00", 1), row("w00", 2, drill="d10")]
    assert rows(server, tmp_path).values["alien"] == 1


def test_a_table_that_changes_meanwhile_is_refused_and_no_file_is_left(server: Server, tmp_path: Path) -> None:
    server.rows, server.grows = [row("w00", 1)], True
    with pytest.raises(UnknownState, match="The table changed while it was read"):
        rows(server, tmp_path)
    assert os.listdir(tmp_path / "rows") == []


def test_a_page_without_an_answer_is_refused_and_no_file_is_left(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drill_table, "PAGE", 2)
    server.rows = [row("w00", seq) for seq in range(1, 6)]
    server.deaf_from = 3
    with pytest.raises(UnknownState, match="What the table of the drill is or holds") as refused:
        rows(server, tmp_path)
    assert refused.value.details["code"] == 2131
    assert os.listdir(tmp_path / "rows") == []


def test_check_mode_counts_and_writes_nothing(server: Server, tmp_path: Path) -> None:
    server.rows = [row("w00", 1)]
    assert rows(server, tmp_path, check=True).values["rows"] == 1
    assert not (tmp_path / "rows").exists()


def test_an_empty_table_is_an_empty_file(server: Server, tmp_path: Path) -> None:
    server.rows = []
    assert rows(server, tmp_path).values["rows"] == 0


# ---------------------------------------------------------------------------------------------------------- the probe


class Client(FakeTibero):
    """A host with tbsql, whose clock nobody disciplines."""

    def __call__(self, command: Command) -> Completed:
        if command.argv[0] in ("chronyc", "timedatectl"):
            raise FileNotFoundError(2, "No such file or directory")
        return super().__call__(command)


@pytest.fixture
def client_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTibero]:
    """A host with tbsql and without a server; sessions acknowledge at once."""
    monkeypatch.setattr(probe_task, "TiberoSession", lambda *arguments: NullSession())
    fake = Client(tmp_path / "client")
    fake.process = ""
    yield fake
    probe_job.stop(str(tmp_path / "probe"), "probe")


def probe(fake: FakeTibero, place: Path, check: bool = False, **params: Any) -> Any:
    defaults = {name: option.get("default") for name, option in probe_task.PROBE_SPEC.items()}
    paths = [{"name": "application", "alias": "orders", "writers": 2, "readers": 1}]
    given = {"directory": str(place / "probe"), "drill": "d1", "paths": paths, "interval_ms": 20, **params}
    common = {"tb_home": str(fake.home), "tb_sid": fake.sid, "timeout": 5, "sys_password": PASSWORD, "sys_user": "sys"}
    return probe_task.ensure_probe(fake.context(check, **{**defaults, **common, **given}))


def info(fake: FakeTibero, place: Path) -> Any:
    return probe_task.probe_info(fake.context(directory=str(place / "probe"), name="probe", ledgers=True))


def test_the_probe_is_started_renewed_told_and_stopped(client_host: FakeTibero, tmp_path: Path) -> None:
    assert probe(client_host, tmp_path, check=True).changed and not (tmp_path / "probe").exists()
    started = probe(client_host, tmp_path)
    assert started.changed and started.values["job_state"] == detached.RUNNING and started.after == {"probe": "running"}
    lease = detached.lease_path(str(tmp_path / "probe"), "probe")
    os.utime(lease, ns=(1, 1))
    assert not probe(client_host, tmp_path).changed and os.stat(lease).st_mtime_ns > 1, "the lease is renewed"
    assert probe(client_host, tmp_path, check=True, epoch=2).changed
    assert probe(client_host, tmp_path, epoch=2).changed and not probe(client_host, tmp_path, epoch=2).changed
    assert info(client_host, tmp_path).values["epoch"] == 2
    with pytest.raises(Refusal, match="is already at work"):
        probe(client_host, tmp_path, interval_ms=30)
    assert probe(client_host, tmp_path, check=True, state="stopped").changed
    assert info(client_host, tmp_path).values["job_state"] == detached.RUNNING
    assert probe(client_host, tmp_path, state="stopped").changed
    assert not probe(client_host, tmp_path, state="stopped").changed
    found = info(client_host, tmp_path).values
    assert found["reason"] == probe_job.STOPPED and found["counts"]["acked"] > 0
    assert [each["stream"] for each in found["ledgers"]] == ["r00", "w00", "w01"]
    assert all(each["closed"] and each["damage"] == [] for each in found["ledgers"])
    with pytest.raises(Refusal, match="has ledgers of"):
        probe(client_host, tmp_path, check=True)
    assert probe(client_host, tmp_path, prefix="b-").changed


def test_a_killed_probe_leaves_ledgers_that_are_sound_and_not_closed(client_host: FakeTibero, tmp_path: Path) -> None:
    started = probe(client_host, tmp_path)
    os.kill(started.values["pid"], 9)
    probe_job.wait_until(
        lambda: info(client_host, tmp_path).values["job_state"], lambda seen: seen == detached.DIED, 30, "its end", ""
    )
    found = info(client_host, tmp_path).values
    assert [(each["closed"], each["damage"]) for each in found["ledgers"]] == [(False, [])] * 3


def test_the_password_is_in_no_file(client_host: FakeTibero, tmp_path: Path) -> None:
    probe(client_host, tmp_path)
    probe(client_host, tmp_path, state="stopped")
    for path in (tmp_path / "probe").iterdir():
        assert PASSWORD.encode() not in path.read_bytes(), path


def test_the_header_tells_what_was_measured_and_how(client_host: FakeTibero, tmp_path: Path) -> None:
    guards = [{"member": "seoul1", "alias": "seoul1", "host": "127.0.0.1", "port": 1}]
    probe(client_host, tmp_path, guards=guards, client="desk")
    probe(client_host, tmp_path, state="stopped")
    header = ledger.read(str(tmp_path / "probe" / "g-seoul1.ledger")).header
    assert (header["kind"], header["path"], header["stream"]) == ("guard", "direct:seoul1", "g-seoul1")
    assert (header["client"], header["interval_ns"], header["drill"]) == ("desk", 50_000_000, "d1")
    assert {"boot_id", "clock", "engine", "driver", "table", "clock_sync", "offset_ns", "schema"} <= set(header)
    second = ledger.read(str(tmp_path / "probe" / "w01.ledger")).header
    assert second["offset_ns"] == 10_000_000, "the second of two writers starts at half of the interval"


def test_a_probe_beside_a_server_is_refused(client_host: FakeTibero, tmp_path: Path) -> None:
    client_host.enter("NORMAL")
    for check in (True, False):
        with pytest.raises(Refusal, match="A server of orders runs on this host"):
            probe(client_host, tmp_path, check=check)
    assert not (tmp_path / "probe").exists()
    assert probe(client_host, tmp_path, check=True, lab_host=True).changed


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"paths": []}, "0 streams"),
        ({"drill": "../x"}, "drill is"),
        ({"prefix": "a/"}, "prefix"),
        ({"interval_ms": 0}, "interval_ms: 0"),
        ({"payload_size": 10}, "payload_size: 10"),
        ({"sys_password": ""}, "sys_password is empty"),
        ({"paths": [{"name": "application", "alias": "h:1", "writers": 1, "readers": 0}]}, "alias is"),
        ({"guards": [{"member": "a", "alias": "a", "host": "h", "port": 1}] * 2}, "5 streams"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_made(
    client_host: FakeTibero, tmp_path: Path, wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refusal, match=words):
        probe(client_host, tmp_path, **wrong)
    assert not (tmp_path / "probe").exists()


def test_nothing_is_known_of_a_probe_that_never_was(client_host: FakeTibero, tmp_path: Path) -> None:
    found = info(client_host, tmp_path).values
    assert (found["job_state"], found["ledgers"], found["epoch"]) == (detached.NONE, [], None)
