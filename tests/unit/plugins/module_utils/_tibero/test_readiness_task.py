# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module tibero_readiness_info with played programs: what it reads, what it holds open, and that it changes nothing."""

from __future__ import annotations

import json
import os
import socket
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_tibero import PASSWORD, SID, FakeTibero, FakeTime

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts, network
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.fault import directory_of as fault_directory
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import held_ports
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.fault import engine
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.leftovers import journal_path, leftovers
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.readiness_facts import MemberFacts
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.readiness_task import (
    READINESS_SPEC,
    readiness_info,
    supervisors,
)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Host:
    """A member whose programs are played."""

    def __init__(self, root: Path) -> None:
        self.tibero = FakeTibero(root / "tb")
        self.data = self.tibero.data
        self.arch = self.data / "arch"
        self.arch.mkdir()
        self.port = free_port()
        dsn = self.tibero.home / "client" / "config" / "tbdsn.tbr"
        dsn.write_text("busan1=((INSTANCE=(HOST=192.0.2.3)(PORT=8629)(DB_NAME=orders)))\n")
        (self.data / "system001.dtf").write_bytes(b"x" * 10)
        (self.data / "log01.log").write_bytes(b"x" * 20)
        self.tibero.enter("NORMAL")
        self.tibero.views.update(
            {
                "V$LOG": [
                    {"THREAD#": "0", "GROUP#": "0", "SEQUENCE#": "7", "BYTES": "20", "STATUS": "CURRENT"},
                    {"THREAD#": "0", "GROUP#": "1", "SEQUENCE#": "-1", "BYTES": "20", "STATUS": "UNUSED"},
                ],
                "V$LOGFILE": [{"GROUP#": "0", "MEMBER": "log01.log"}, {"GROUP#": "1", "MEMBER": "/gone.log"}],
                "V$DATAFILE": [{"NAME": str(self.data / "system001.dtf")}, {"NAME": "/gone.dtf"}],
                "V$TEMPFILE": [],
                "V$ARCHIVED_LOG": [{"THREAD#": "0", "SEQUENCE#": "6", "NAME": "/gone.arc"}],
                "V$RECOVER_FILE": [],
                "V$SESSION": [{"SID": "1", "USERNAME": "SYS", "STATUS": "RUNNING"}],
                "V$TRANSACTION": [{"SESS_ID": "9", "USED_BLK": "1", "FLOOR((SYSDATE - START_TIME) * 86400)": "75"}],
                "V$STANDBY_LOGFILE": [],
            }
        )

    def run(self, check_mode: bool = False, time: FakeTime | None = None, **params: t.Any) -> Outcome:
        everything = {name: spec.get("default") for name, spec in READINESS_SPEC.items()}
        own = {
            "member": "seoul1",
            "standby_port": self.port,
            "listener_port": self.port + 1,
            "data_dir": str(self.data),
            "archive_dir": str(self.arch),
            "seed_dir": str(self.tibero.home / "instance" / SID / "firedrill" / "seed"),
        }
        context = self.tibero.context(check_mode, **{**everything, **own, **params})
        context = context._replace(
            params={
                **context.params,
                "tb_home": str(self.tibero.home),
                "tb_sid": SID,
                "sys_password": PASSWORD,
                "timeout": 5,
            }
        )
        return readiness_info(context, time.clock() if time else None)

    def fingerprint(self) -> dict[str, tuple[int, int, int]]:
        """Every file with its size, mode and time of the last write."""
        found = {}
        for base, directories, names in os.walk(self.tibero.home):
            for name in directories + names:
                status = os.lstat(os.path.join(base, name))
                found[os.path.join(base, name)] = (status.st_size, status.st_mode, status.st_mtime_ns)
        return found


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    held_ports.release(held_ports.READINESS, str(made.tibero.home), SID)


def facts_of(outcome: Outcome) -> MemberFacts:
    return MemberFacts.read(outcome.values["state"])


def value(outcome: Outcome, name: str) -> t.Any:
    fact = facts_of(outcome)[name]
    assert fact.is_known, fact
    return fact.value


def test_an_open_primary_is_read(host: Host) -> None:
    found = host.run()
    assert not found.changed
    assert value(found, "role") == facts.PRIMARY
    assert value(found, "identity")["dbid"] == "881590366"
    groups = value(found, "redo")
    assert [(each["group"], each["bytes"], each["sequence"]) for each in groups] == [("0", 20, 7), ("1", 20, None)]
    assert groups[0]["missing"] == [] and groups[1]["missing"] == ["/gone.log"], (
        "a relative name lies below DB_CREATE_FILE_DEST"
    )
    assert value(found, "datafiles") == [
        {"path": str(host.data / "system001.dtf"), "bytes": 10},
        {"path": "/gone.dtf", "bytes": None},
    ]
    assert value(found, "archives") == {"highest": 6, "present": [], "missing": [6]}
    assert value(found, "transactions") == [{"session": "9", "age": 75, "blocks": "1"}]
    assert value(found, "sessions") == ["SID=1,USERNAME=SYS,STATUS=RUNNING"]
    assert value(found, "archive_place") == {"path": str(host.arch), "exists": True, "writable": True}
    assert {each["kind"]: each["state"] for each in value(found, "files")} == {
        "tip": "ok", "aliases": "ok", "control file": "ok", "password file": "ok",
    }  # fmt: skip
    assert value(found, "leftovers") == []
    assert value(found, "observer") == {"configured": False, "by": str(host.tibero.tip), "manager": ""}
    assert value(found, "password_file")["digest"] and PASSWORD not in json.dumps(found.values)


def test_a_view_that_is_not_there_is_unknown_and_not_left_out(host: Host) -> None:
    host.tibero.views["V$TRANSACTION"] = 8053
    host.tibero.views["V$SESSION"] = 22003
    found = facts_of(host.run())
    assert not found["transactions"].is_known and "TBR-8053" in found["transactions"].why
    assert not found["sessions"].is_known and "TBR-22003" in found["sessions"].why
    host.tibero.views["V$TRANSACTION"] = [
        {"SESS_ID": "9", "USED_BLK": "1", "FLOOR((SYSDATE - START_TIME) * 86400)": None}
    ]
    assert "is not a number" in facts_of(host.run())["transactions"].why


def test_a_stopped_instance_is_read_as_far_as_it_goes(host: Host) -> None:
    host.tibero.process = ""
    found = facts_of(host.run())
    assert found["process"].equals(False)
    for name in ("identity", "redo", "datafiles", "archives", "transactions"):
        assert not found[name].is_known and "stopped" in found[name].why, name
    assert found["files"].is_known and found["archive_place"].is_known and found["licence"].is_known


def test_a_wrong_password_is_told_by_its_number(host: Host) -> None:
    host.tibero.passwords["sys"] = "another"
    found = facts_of(host.run())
    assert "TBR-17001" in found["identity"].why and found["process"].equals(True)


def test_without_tibero_it_is_refused(host: Host) -> None:
    (host.tibero.home / "bin" / "tbboot").unlink()
    with pytest.raises(Refusal, match="tbboot is neither in bin"):
        host.run()


def test_nothing_is_changed_on_the_disk_nor_asked_of_the_server(host: Host) -> None:
    before = host.fingerprint()
    host.run()
    host.run(
        time=FakeTime(), peers=[{"member": "busan1", "host": "127.0.0.1", "ports": [host.port], "alias": "busan1"}]
    )
    host.run(release=True)
    assert host.fingerprint() == before
    assert host.tibero.programs() == ["tbboot -version"]
    assert {statement.split()[0] for statement in host.tibero.statements} <= {"SELECT"}


# --------------------------------------------------------------------------------------------- the port that is held


def test_an_open_primary_holds_its_standby_port_until_it_is_released(host: Host) -> None:
    found = host.run(listen=30)
    assert found.values["listening"] == {"held": [host.port], "failed": {}}
    assert network.probe("127.0.0.1", host.port).answered
    assert host.run(release=True).values["listening"]["held"] == []
    assert network.probe("127.0.0.1", host.port).outcome == network.REFUSED
    directory = held_ports.directory(held_ports.READINESS, str(host.tibero.home), SID)
    assert not os.path.exists(directory)


def test_a_standby_and_a_stopped_instance_hold_nothing(host: Host) -> None:
    host.tibero.enter("RECOVERY")
    assert host.run(listen=30).values["listening"]["held"] == []
    host.tibero.process = ""
    assert host.run(listen=30).values["listening"]["held"] == []


@pytest.mark.parametrize("text", ['{"state": "demoting"}', '{"state": 3}', "[]", "no json"])
def test_no_port_is_held_while_a_role_change_is_or_may_be_under_way(host: Host, text: str) -> None:
    path = Path(journal_path(host.tibero.client()))
    path.parent.mkdir(parents=True)
    path.write_text(text)
    found = host.run(listen=30)
    assert found.values["listening"]["held"] == []
    [left] = value(found, "leftovers")
    assert left["kind"] == "role change"
    assert left["state"] == ("unfinished" if "demoting" in text else "unreadable")


@pytest.mark.parametrize("state", ["done", "undone"])
def test_a_role_change_that_ended_is_no_leftover(host: Host, state: str) -> None:
    path = Path(journal_path(host.tibero.client()))
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"state": state}))
    assert value(host.run(), "leftovers") == []


@pytest.mark.parametrize("user", [0, os.getuid()])
def test_the_record_of_a_fault_is_found_whoever_began_it(host: Host, tmp_path: Path, user: int) -> None:
    client = host.tibero.client()
    assert leftovers(client, "", str(tmp_path)).value == []
    place = Path(fault_directory(str(tmp_path), engine(client), user))
    place.mkdir()
    [left] = leftovers(client, "", str(tmp_path)).value or []
    assert (left["kind"], left["state"]) == ("fault of a drill", "unfinished") and str(place) in left["detail"]


def test_what_copies_and_backups_left_is_found(host: Host) -> None:
    records = host.tibero.home / "instance" / SID / "firedrill"
    (records / "cold_copy").mkdir(parents=True)
    (records / "cold_copy" / "stop.json").write_text(json.dumps({"stopped_at": "2026-01-01", "left": [1]}))
    (records / "hot_backup").mkdir()
    (records / "hot_backup" / "backup.json").write_text(json.dumps({"begun": True, "ended": False, "tsn": "7"}))
    (records / "rmgr_records").mkdir()
    (records / "rmgr_records" / "recovery.json").write_text(json.dumps({"directory": "/s", "finished": False}))
    (records / "seed" / "data").mkdir(parents=True)
    (records / "seed" / "data" / "manifest.json").write_text("no manifest")
    found = {each["kind"]: each["state"] for each in value(host.run(), "leftovers")}
    assert found == {
        "cold copy": "unfinished",
        "hot backup": "unfinished",
        "copy": "unreadable",
        "recovery": "unfinished",
    }


# ------------------------------------------------------------------------------------------------ the ways to others


def peer(host: Host, **changes: t.Any) -> list[dict[str, t.Any]]:
    return [{"member": "busan1", "host": "127.0.0.1", "ports": [host.port], "alias": "busan1", **changes}]


def test_ways_logins_and_positions(host: Host) -> None:
    time = FakeTime()
    found = host.run(time=time, peers=peer(host), samples=3, interval=2)
    assert [each["outcome"] for each in value(found, "reach")] == ["refused"]
    [login] = value(found, "logins")
    assert (login["outcome"], login["identity"]["instance"]) == ("ok", SID)
    conn = [call.stdin for call in host.tibero.of("tbsql") if "@busan1" in call.stdin]
    assert len(conn) == 1 and f"CONN sys/'{PASSWORD}'@busan1\n" in conn[0], "the password goes by standard input"
    assert value(found, "positions") == [
        {"position": 36092, "at": 0.0},
        {"position": 36092, "at": 2.0},
        {"position": 36092, "at": 4.0},
    ]


def test_an_alias_that_is_not_there_is_not_tried(host: Host) -> None:
    [login] = value(host.run(time=FakeTime(), peers=peer(host, alias="pusan1")), "logins")
    assert login["outcome"] == "no_alias" and "tbdsn.tbr has no such alias" in login["detail"]
    (host.tibero.home / "client" / "config" / "tbdsn.tbr").unlink()
    [login] = value(host.run(time=FakeTime(), peers=peer(host)), "logins")
    assert login["outcome"] == "no_alias"


@pytest.mark.parametrize("code", [17001, 17006, 17007, 2131])
def test_a_login_that_fails_says_its_number(host: Host, code: int) -> None:
    host.tibero.login_error = code
    [login] = value(host.run(time=FakeTime(), peers=peer(host)), "logins")
    assert (login["outcome"], login["code"]) == ("failed", code) and f"TBR-{code}" in login["detail"]
    assert PASSWORD not in login["detail"]


def test_positions_that_cannot_be_read_are_unknown(host: Host) -> None:
    host.tibero.open_mode = 22003
    found = facts_of(host.run(time=FakeTime(), peers=peer(host)))
    assert not found["positions"].is_known and "0 of 3 samples" in found["positions"].why


def test_what_boots_tibero_on_the_host_is_listed(tmp_path: Path) -> None:
    units = tmp_path / "etc" / "systemd" / "system"
    units.mkdir(parents=True)
    (units / "tibero.service").write_text("ExecStart=/tb/bin/tbboot\n")
    (units / "firedrill-orders.service").write_text("# firedrill.standby\nExecStart=/x tbboot\n")
    (units / "other.service").write_text("ExecStart=/bin/true\n")
    found = supervisors(str(tmp_path))
    assert found.value == [
        {"path": "/etc/systemd/system/firedrill-orders.service", "ours": True},
        {"path": "/etc/systemd/system/tibero.service", "ours": False},
    ]


def test_an_observer_is_recognised(host: Host) -> None:
    with host.tibero.tip.open("a") as tip:
        tip.write("STANDBY_USE_OBSERVER=Y\n")
    assert value(host.run(), "observer")["configured"] is True
    host.tibero.parameters["STANDBY_USE_OBSERVER"] = "N"
    assert value(host.run(), "observer")["configured"] is False, "the running instance counts before its tip"
    host.tibero.parameters["STANDBY_USE_OBSERVER"] = "PERHAPS"
    assert not facts_of(host.run())["observer"].is_known
