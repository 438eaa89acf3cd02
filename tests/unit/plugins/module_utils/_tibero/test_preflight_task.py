# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module tibero_preflight without Ansible: a fresh host, two looks and a judgement, and refusals that change
nothing."""

from __future__ import annotations

import base64
import json
import os
import socket
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts, network
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import manifest
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import held_ports, preflight_task
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.preflight_task import PREFLIGHT_SPEC

LICENCE = """<?xml version="1.0" encoding="ISO-8859-1"?>
<tmax_license><license version="1.1"><product version="7.2.3">Tibero</product>
<start_date>2025/01/01</start_date><end_date>{end}</end_date><edition>trial</edition><type>demo</type>
<identified_by_host>{host}</identified_by_host><signature>X</signature></license></tmax_license>"""


def licence_of(**named: str) -> str:
    """A licence as the option takes it."""
    return base64.b64encode(LICENCE.format(**named).encode()).decode()


def programs(command: Command) -> Completed:
    """Plays tbboot -version and ps; no instance runs."""
    text = {"tbboot": "Change core dump dir to /x.\nTibero 7   254994 FS02\n"}.get(
        Path(command.argv[0]).name, "UID PID\n"
    )
    return Completed(command.argv, 0, text, "", 0.0, False)


def port_pair() -> int:
    """A port whose fourth neighbour is free too. Each worker of pytest has ports of its own."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    for port in range(21000 + 1000 * worker, 22000 + 1000 * worker, 10):
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("0.0.0.0", port))
                second.bind(("0.0.0.0", port + 4))
            except OSError:
                continue
            return port
    raise AssertionError("no free ports")


class Host:
    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name, self.port = root / name, name, port_pair()
        self.sid = f"sid_{name}"
        self.root.mkdir()

    def install(self, **parameters: str) -> None:
        for path in ("home/bin/tbboot", "home/config/x"):
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text("")
        lines = [f"{key}={value}" for key, value in {"DB_NAME": "orders", **parameters}.items()]
        (self.root / f"home/config/{self.sid}.tip").write_text("\n".join(lines) + "\n")

    def run(self, **params: t.Any) -> Outcome:
        everything = {name: spec.get("default") for name, spec in PREFLIGHT_SPEC.items()}
        own = {
            "tb_home": str(self.root / "home"),
            "tb_sid": self.sid,
            "member": self.name,
            "listener_port": self.port,
            "data_dir": str(self.root / "data"),
            "archive_dir": str(self.root / "arch"),
            "seed_dir": str(self.root / "seed"),
            "version": "7",
            "block_size": 8192,
        }
        return preflight_task.run(Context({**everything, **own, **params}, False, programs))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path, "seoul2")
    yield host
    held_ports.release(held_ports.PREFLIGHT, str(host.root / "home"), host.sid)


def value(outcome: Outcome, name: str) -> t.Any:
    return outcome.values["facts"][name]["value"]


def check(outcome: Outcome, name: str) -> dict[str, t.Any]:
    return next(each for each in outcome.values["checks"] if each["id"] == name)


def test_a_fresh_host_is_read_without_any_tibero(fresh: Host) -> None:
    found = fresh.run(judge=False)
    assert not found.changed
    assert value(found, "installed") is False and value(found, "role") == facts.NO_DATABASE
    assert value(found, "target")["state"] == "absent"
    assert value(found, "db_name") == facts.UNKNOWN
    assert value(found, "db_block_size") == 8192
    assert value(found, "licence") == {"missing": True, "path": str(fresh.root / "home/license/license.xml")}
    assert {port["state"] for port in value(found, "ports")} == {"free"}
    json.dumps(found.values)


def test_an_installed_host_tells_version_build_and_tip(fresh: Host) -> None:
    fresh.install(DB_BLOCK_SIZE="16K", LOG_ARCHIVE_FORMAT='"x%s.arc"')
    found = fresh.run(judge=False)
    assert value(found, "tibero_version") == "7" and value(found, "tibero_build") == "Tibero 7 254994 FS02"
    assert value(found, "db_name") == "orders" and value(found, "db_block_size") == 16384
    assert value(found, "log_archive_format") == "x%s.arc"


@pytest.mark.parametrize("reverse", [False, True])
def test_a_key_of_this_instance_wins_wherever_it_stands(fresh: Host, reverse: bool) -> None:
    fresh.install()
    lines = [f"{fresh.sid}.DB_BLOCK_SIZE=16K", "DB_BLOCK_SIZE=8K", "other.DB_BLOCK_SIZE=32K", "other.THREAD=1"]
    path = fresh.root / f"home/config/{fresh.sid}.tip"
    path.write_text("\n".join(["DB_NAME=orders", *(reversed(lines) if reverse else lines), "DB_NAME=second"]) + "\n")
    found = fresh.run(judge=False)
    assert value(found, "parameters") == {"DB_NAME": "orders", "DB_BLOCK_SIZE": "16K"}
    assert value(found, "db_block_size") == 16384


def test_held_ports_are_let_go(fresh: Host) -> None:
    assert fresh.run(judge=False, listen=30).values["listening"]["held"] == [fresh.port, fresh.port + 4]
    released = fresh.run(release=True)
    assert not released.changed and released.values["listening"]["held"] == []
    for port in (fresh.port, fresh.port + 4):
        assert network.probe("127.0.0.1", port).outcome == network.REFUSED


def test_ports_are_held_open_until_the_judgement(fresh: Host) -> None:
    found = fresh.run(judge=False, listen=30)
    assert found.values["listening"] == {"held": [fresh.port, fresh.port + 4], "failed": {}}
    assert network.probe("127.0.0.1", fresh.port + 4).answered
    with pytest.raises(Refusal):
        fresh.run(facts=found.values["facts"])
    assert network.probe("127.0.0.1", fresh.port + 4).outcome == network.REFUSED


def test_the_licence_that_will_be_installed_counts(fresh: Host) -> None:
    host = os.uname().nodename
    good = fresh.run(judge=False, licence=licence_of(end="2999/12/31", host=host))
    assert value(good, "licence")["end_date"] == "2999-12-31" and value(good, "licence")["duration"] is None
    with pytest.raises(Refusal, match="expired on 2025-08-01"):
        fresh.run(licence=licence_of(end="2025/08/01", host=host))
    with pytest.raises(Refusal, match=r"licence\.own"):
        fresh.run(licence=base64.b64encode(b"no xml").decode())
    with pytest.raises(Refusal, match="not in base64"):
        fresh.run(licence="<license>")


def test_an_end_that_only_the_duration_tells_counts(fresh: Host) -> None:
    """A trial licence may name its start and its days alone."""
    text = LICENCE.format(end="", host=os.uname().nodename)
    days = text.replace("<end_date></end_date>", "<duration>30</duration>")
    assert days != text
    with pytest.raises(Refusal, match=r"expired on \S+, today is \S+ \(by its start and its duration of 30 days"):
        fresh.run(licence=base64.b64encode(days.encode()).decode())


def test_a_licence_in_the_encoding_of_its_country(fresh: Host) -> None:
    text = LICENCE.format(end="2999/12/31", host=os.uname().nodename)
    korean = text.replace("ISO-8859-1", "EUC-KR").replace("</license>", "<licensee>서울</licensee></license>")
    found = fresh.run(judge=False, licence=base64.b64encode(korean.encode("euc-kr")).decode())
    assert value(found, "licence")["end_date"] == "2999-12-31"


def as_primary(found: Outcome) -> dict[str, t.Any]:
    """The facts of a primary, made from those of this machine and what an open instance would have told."""
    told = {
        "process": True,
        "role": facts.PRIMARY,
        "open_mode": facts.READ_WRITE,
        "archive_mode": True,
        "backup_open": False,
        "character_set": "UTF8",
        "database_size": {"bytes": 1000, "files": 3, "redo_bytes": 100},
        "password_file": {"path": "/p/.passwd", "digest": "aa", "salt": "s"},
    }
    plain = {name: {"value": item, "source": "test"} for name, item in told.items()}
    return {**found.values["facts"], **plain}


def test_two_looks_and_a_judgement(tmp_path: Path, fresh: Host) -> None:
    """The whole dance on one machine: standby looks and listens, primary looks and tries, standby judges."""
    licence = licence_of(end="2999/12/31", host=os.uname().nodename)
    first = fresh.run(judge=False, listen=30, licence=licence)
    other = Host(tmp_path, "seoul1")
    other.install(DB_BLOCK_SIZE="8192")
    target = {"member": "seoul2", "host": "127.0.0.1", "port": fresh.port + 4}
    primary = as_primary(other.run(judge=False, licence=licence, reach=[target, dict(target, member="busan1", port=1)]))
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(4)
        back = {"member": "seoul1", "host": "127.0.0.1", "port": server.getsockname()[1]}
        judged = fresh.run(
            facts=first.values["facts"],
            primary=primary,
            primary_member="seoul1",
            reach=[back],
            parameters={"DB_NAME": '"orders"'},
            prepared=True,
            tolerate=["host"],
        )
    assert (
        check(judged, f"reach.from_primary.seoul2.{fresh.port + 4}")["observed"] == "connected, our listener answered"
    )
    assert not [each for each in judged.values["checks"] if "busan1" in each["id"]]
    offset = check(judged, "clock.offset")
    assert offset["verdict"] == "OK" and "a connection between the two" in offset["observed"]
    assert check(judged, "database.name")["verdict"] == "OK"
    assert judged.values["table"][0].startswith(judged.values["verdict"])
    assert check(judged, "tibero.build")["advisory"] is True


def test_ports_that_the_host_role_will_open_are_tried_again_after_it(tmp_path: Path, fresh: Host) -> None:
    """Before the role nobody gets through; after it the primary tries what is named, and then it is an obstacle."""
    licence = licence_of(end="2999/12/31", host=os.uname().nodename)
    look = fresh.run(judge=False, licence=licence)
    other = Host(tmp_path, "seoul1")
    other.install(DB_BLOCK_SIZE="8192")
    target = {"member": "seoul2", "host": "127.0.0.1", "port": fresh.port + 4}
    primary = as_primary(other.run(judge=False, licence=licence))
    reject = {"outcome": "unreachable", "answered": False, "detail": "No route to host", "ahead": None}
    primary["reach"] = {"value": [{**target, **reject, "name": "seoul2"}], "source": "TCP connection"}
    params = {
        "primary": primary,
        "primary_member": "seoul1",
        "parameters": {"DB_NAME": '"orders"'},
        "tolerate": ["host", "names", "clock"],
        "licence": licence,
    }
    before = fresh.run(facts=look.values["facts"], prepared=True, opens_ports=True, **params)
    assert before.values["to_open"] == [fresh.port + 4]
    blocked = f"reach.from_primary.seoul2.{fresh.port + 4}"
    assert check(before, blocked)["advisory"] is True
    with pytest.raises(Refusal, match="No route to host") as caught:
        fresh.run(facts=look.values["facts"], **params)
    assert blocked in caught.value.details["blocking"]
    fresh.run(judge=False, listen=30)
    tried = other.run(facts=primary, judge=False, reach=[target])
    after = fresh.run(facts=look.values["facts"], **dict(params, primary=tried.values["state"], prepared=True))
    assert check(after, blocked)["observed"] == "connected, our listener answered" and not after.values["to_open"]


def test_a_target_that_is_not_empty_is_refused_with_the_names(tmp_path: Path, fresh: Host) -> None:
    other = Host(tmp_path, "seoul1")
    other.install()
    (fresh.root / "data").mkdir()
    (fresh.root / "data" / ".hidden").write_text("precious")
    with pytest.raises(Refusal, match=r"foreign: .*/data/\.hidden") as caught:
        fresh.run(primary=as_primary(other.run(judge=False)), primary_member="seoul1")
    assert caught.value.nothing_changed
    assert "target.state" in caught.value.details["blocking"] and caught.value.details["verdict"] == "FAIL"
    assert (fresh.root / "data" / ".hidden").read_text() == "precious"


def manifest_of(seed_dir: Path, state: str, target: Path) -> None:
    seed_dir.mkdir(parents=True)
    item = manifest.Item("f", "f", "datafile", str(target.parent), target.name, 4, 0o600, 0, "", "")
    record = manifest.Manifest("orders-seoul2-" + seed_dir.name, "1", state, "", "sha256", 4096, "", (item,), {})
    manifest.save(str(seed_dir), record)


def test_an_interrupted_copy_of_several_parts_is_ours(fresh: Host) -> None:
    data = fresh.root / "data"
    data.mkdir()
    (data / "system001.dtf").write_text("data")
    (data / "log001.log.firedrill-part").write_text("redo")
    manifest_of(fresh.root / "seed" / "data", manifest.FINISHED, data / "system001.dtf")
    assert value(fresh.run(judge=False), "target")["state"] == "foreign", "the part of the redo is nobody's yet"
    manifest_of(fresh.root / "seed" / "logs", manifest.UNFINISHED, data / "log001.log")
    seen = value(fresh.run(judge=False), "target")
    assert (seen["state"], seen["bytes"]) == ("unfinished", 8)
    assert "orders-seoul2-data" in seen["detail"] and "orders-seoul2-logs" in seen["detail"]
    (data / "somebodys.dtf").write_text("precious")
    seen = value(fresh.run(judge=False), "target")
    assert (seen["state"], seen["detail"]) == ("foreign", str(data / "somebodys.dtf"))


def test_a_recovery_from_a_backup_set_is_ours(fresh: Host) -> None:
    data = fresh.root / "data"
    data.mkdir()
    (data / "system001.dtf").write_text("data")
    records = fresh.root / "home" / "instance" / fresh.sid / "firedrill" / "rmgr_records"
    records.mkdir(parents=True)
    record = {"directory": "/staging", "places": [str(data)], "finished": False}
    (records / "recovery.json").write_text(json.dumps(record))
    assert value(fresh.run(judge=False), "target")["state"] == "unfinished"
    (records / "recovery.json").write_text(json.dumps(dict(record, finished=True)))
    assert value(fresh.run(judge=False), "target")["state"] == "ours"
    (records / "recovery.json").write_text(json.dumps(dict(record, places=[f"{data}2"])))
    assert value(fresh.run(judge=False), "target")["state"] == "foreign"


def test_facts_are_handed_on_as_one_word_that_no_masking_of_a_password_spoils(fresh: Host) -> None:
    first = fresh.run(judge=False)
    assert str(fresh.root) not in first.values["state"]
    with pytest.raises(Refusal, match="Preflight of seoul2"):
        fresh.run(facts=first.values["state"], primary=first.values["state"])
    with pytest.raises(Refusal, match="is not the 'state'"):
        fresh.run(facts=first.values["state"].replace("e", "********"))


def test_nonsense_from_the_caller_is_refused(fresh: Host) -> None:
    with pytest.raises(Refusal, match="not a fact"):
        fresh.run(facts={"bogus": 1})
    with pytest.raises(Refusal, match="not a fact"):
        fresh.run(primary={"bogus": 1})
    with pytest.raises(Refusal, match="'licence_warn_day' is not known"):
        fresh.run(limits={"licence_warn_day": 3})


def test_the_password_file_travels_as_a_digest_only(tmp_path: Path, fresh: Host) -> None:
    (fresh.root / "data").mkdir()
    (fresh.root / "data/.passwd").write_bytes(b"secret of 44 bytes")
    found = fresh.run(judge=False)
    assert value(found, "password_file")["digest"] and "secret of 44" not in json.dumps(found.values)
