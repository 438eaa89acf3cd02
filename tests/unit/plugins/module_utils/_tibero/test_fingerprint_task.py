# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module tibero_fingerprint_info with played programs: what it reads, what it does not compare, and that each section turns red."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from fake_tibero import PASSWORD, SID, FakeTibero

from ansible_collections.firedrill.standby.plugins.module_utils._core import fingerprint as fp
from ansible_collections.firedrill.standby.plugins.module_utils._core import journal
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import held_ports, host_facts, role_record
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.fingerprint_task import (
    FINGERPRINT_SPEC,
    Roots,
    fingerprint_info,
)

TIP = "LOG_REPLICATION_DEST_1"


def change(identity: str = "c0", state: str = "done") -> dict[str, t.Any]:
    made = journal.Change(identity, "switchover", "seoul1", "busan1", "ops@host[1]", "2026-01-01T00:00:00Z", ())
    return journal.Record(made, state, "", {}).as_dict()


class Host:
    """A member whose programs and whose host are played."""

    def __init__(self, root: Path) -> None:
        self.tibero = FakeTibero(root / "tb")
        self.root, self.temporary, self.proc = root / "root", root / "tmp", root / "proc"
        self.data = self.tibero.data
        self.arch = self.data / "arch"
        self.records = self.tibero.home / "instance" / SID / "firedrill"
        for place in (self.arch, self.temporary, self.proc / "self", self.root / "etc/systemd/system", self.records):
            place.mkdir(parents=True)
        (self.tibero.home / "license").mkdir()
        (self.tibero.home / "license" / "license.xml").write_text("<licence/>")
        self.write("client/config/tbdsn.tbr", "busan1=(\n (INSTANCE=(HOST=192.0.2.3)(PORT=8629)(DB_NAME=orders)))\n")
        self.mounts = "1 0 8:1 / / rw,relatime - xfs /dev/a rw,attr2\n2 1 8:2 / {0} rw - ext4 /dev/b rw\n".format(
            self.data
        )
        (self.proc / "self" / "mountinfo").write_text(self.mounts)
        (self.data / "system001.dtf").write_bytes(b"x" * 10)
        (self.data / "log01.log").write_bytes(b"x" * 20)
        self.put("role_change/change.json", json.dumps(change()))
        self.put("create.json", '{"done": true}')
        self.put("role.json", "{}")
        self.boot("NORMAL")
        self._views()

    def boot(self, word: str) -> None:
        self.tibero.enter(word)
        role_record.write(self.tibero.client(), "standby" if word == "RECOVERY" else "primary", "seen")

    def _views(self) -> None:
        self.tibero.parameters = {
            "LOG_REPLICATION_MODE": "PERFORMANCE",
            TIP: '"192.0.2.3:8633 LGWR SYNC"',
            "LOG_REPLICATION_1_ENABLE": "Y",
        }
        log = {"THREAD#": "0", "GROUP#": "0", "SEQUENCE#": "7", "BYTES": "20", "STATUS": "CURRENT"}
        self.tibero.views.update(
            {
                "V$LOG": [log, dict(log, **{"GROUP#": "1", "SEQUENCE#": "-1", "STATUS": "UNUSED"})],
                "V$LOGFILE": [{"GROUP#": "0", "MEMBER": "log01.log"}, {"GROUP#": "1", "MEMBER": "/gone.log"}],
                "V$DATAFILE": [{"NAME": str(self.data / "system001.dtf"), "BYTES": "8192"}],
                "V$TEMPFILE": [{"NAME": "temp001.dtf", "BYTES": "4096"}],
                "V$CONTROLFILE": [{"NAME": str(self.data / "c1.ctl")}],
                "V$ARCHIVED_LOG": [{"THREAD#": "0", "SEQUENCE#": "6", "NAME": "/gone.arc"}],
                "V$STANDBY_LOGFILE": [
                    {
                        "THREAD#": "0",
                        "GROUP#": "4",
                        "MEMBER": "/s1",
                        "BYTES": "20",
                        "SEQUENCE#": "7",
                        "STATUS": "ACTIVE",
                    },
                    {
                        "THREAD#": "0",
                        "GROUP#": "4",
                        "MEMBER": "/s2",
                        "BYTES": "20",
                        "SEQUENCE#": "7",
                        "STATUS": "ACTIVE",
                    },
                ],
                "V$STANDBY_DEST": [{"DEST_ID": "1", "STATUS": "RUNNING"}],
                "USER_TABLES": [],
            }
        )

    def write(self, path: str, text: str) -> None:
        (self.tibero.home / path).write_text(text)

    def put(self, path: str, text: str = "x") -> None:
        """A file among our records."""
        whole = self.records / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(text)

    def starts(self, path: str, text: str) -> None:
        whole = self.root / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(text)

    def runs(self, pid: int, words: t.Sequence[str], log: str = "/dev/null", state: str = "S", home: str = "") -> None:
        """A process of the host."""
        place = self.proc / str(pid)
        (place / "fd").mkdir(parents=True)
        (place / "cmdline").write_bytes(b"".join(os.fsencode(word) + b"\0" for word in words))
        (place / "environ").write_bytes(os.fsencode("TB_HOME=" + (home or str(self.tibero.home))) + b"\0")
        (place / "stat").write_text(f"{pid} (a (b) c) {state} 1 1")
        (place / "fd" / "1").symlink_to(log)

    def run(self, **params: t.Any) -> dict[str, t.Any]:
        everything = {name: spec.get("default") for name, spec in FINGERPRINT_SPEC.items()}
        own = {
            "member": "seoul1",
            "data_dir": str(self.data),
            "archive_dir": str(self.arch),
            "seed_dir": str(self.records / "seed"),
            "tb_home": str(self.tibero.home),
            "tb_sid": SID,
            "sys_password": PASSWORD,
            "timeout": 5,
        }
        context = self.tibero.context()._replace(params={**everything, **own, **params})
        outcome = fingerprint_info(context, Roots(str(self.root), str(self.temporary), str(self.proc)))
        assert not outcome.changed
        return dict(outcome.values)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(host_facts, "ROUNDS", 10)
    return Host(tmp_path)


def entry(found: t.Mapping[str, t.Any], section: str, key: str) -> t.Any:
    return found["fingerprint"]["sections"][section][key]


def differences(before: t.Mapping[str, t.Any], after: t.Mapping[str, t.Any]) -> list[str]:
    return [each["what"] for each in fp.compare({"seoul1": before["state"]}, {"seoul1": after["state"]})]


def test_an_open_primary_is_read(host: Host) -> None:
    found = host.run()
    sections = {
        name: {key: one["value"] for key, one in keys.items()}
        for name, keys in found["fingerprint"]["sections"].items()
    }
    assert found["unknown"] == [] and found["residue"] == []
    assert set(sections) == set(fp.SECTIONS) and found["sha256"] == found["fingerprint"]["sha256"]
    assert sections["instance"] == {
        "software": True,
        "process": True,
        "role": "primary",
        "open_mode": "read_write",
        "version": "7",
        "database_id": "881590366",
        "protection_mode": "PERFORMANCE",
        "archive_mode": True,
        "backup_mode": False,
        "frozen_processes": 0,
        "build": "Tibero 7 254994 FS02",
    }
    assert sections["destinations"] == {
        "192.0.2.3:8633": {"number": 1, "transport": "LGWR SYNC"},
        "192.0.2.3:8633 enabled": True,
    }
    assert sections["parameters"]["LISTENER_PORT"] == "8629"
    assert sections["aliases"] == {
        "busan1": [["INSTANCE", "", [["HOST", "192.0.2.3", []], ["PORT", "8629", []], ["DB_NAME", "orders", []]]]]
    }
    assert set(sections["files"]) == {"tip", "tbdsn.tbr", "licence", "password_file"}
    assert sections["control_files"] == {str(host.data / "c1.ctl"): {"there": "yes"}}
    assert sections["data_files"] == {str(host.data / "system001.dtf"): {"bytes": 8192, "there": "yes"}}
    assert sections["temp_files"] == {str(host.data / "temp001.dtf"): {"bytes": 4096, "there": "no"}}
    assert sections["redo"] == {
        "group 0": {"thread": "0", "bytes": 20, "members": {str(host.data / "log01.log"): "yes"}},
        "group 1": {"thread": "0", "bytes": 20, "members": {"/gone.log": "no"}},
    }
    assert sections["standby_redo"] == {"group 4": {"bytes": 20, "members": ["/s1", "/s2"]}}
    assert sections["host"]["file system of data"]["source"] == "/dev/b"
    assert sections["host"]["file system of home"]["source"] == "/dev/a"
    assert sections["journals"] == {"c0": {"kind": "switchover", "state": "done", "old": "seoul1", "new": "busan1"}}
    assert sections["records"]["role"] == {"role": "primary", "rebuild": "", "same_control_files": True}
    assert sections["drill"] == {"table DRILL_LEDGER": "absent", "table FIREDRILL_MARKER": "absent"}
    assert sections["fence"] == {"fence": "none"}
    assert PASSWORD not in json.dumps(found)


def test_nothing_is_changed_on_the_disk_nor_asked_of_the_server(host: Host) -> None:
    def look() -> dict[str, t.Any]:
        return {
            os.path.join(base, name): os.lstat(os.path.join(base, name))[:9]
            for base, directories, names in os.walk(host.tibero.home.parent)
            for name in directories + names
        }

    before = {path: (status[0], status[6], status[8]) for path, status in look().items()}
    host.run()
    assert {path: (status[0], status[6], status[8]) for path, status in look().items()} == before
    assert host.tibero.programs() == ["tbboot -version"]
    assert {statement.split()[0] for statement in host.tibero.statements} <= {"SELECT"}


def test_what_moves_by_itself_is_not_compared(host: Host) -> None:
    before = host.run()
    host.tibero.tsn += 1000
    for row in host.tibero.views["V$LOG"]:
        row.update({"SEQUENCE#": "99", "STATUS": "ACTIVE"})
    for row in host.tibero.views["V$STANDBY_LOGFILE"]:
        row.update({"SEQUENCE#": "99", "STATUS": "CLOSED", "THREAD#": "1"})
    host.tibero.views["V$STANDBY_DEST"][0]["STATUS"] = "CONNECTING"
    host.tibero.views["V$ARCHIVED_LOG"][0]["SEQUENCE#"] = "98"
    (host.data / "c1.ctl").write_bytes(b"control file that grew")
    host.put("service.json", '{"verdict": "leave as it is"}')
    host.put("run/run.json", "{}")
    host.put("run/run.lease")
    role_record.forget(host.tibero.client())
    role_record.write(host.tibero.client(), "primary", "seen again, for another reason")
    after = host.run()
    assert differences(before, after) == [] and after["sha256"] == before["sha256"]
    moving = after["fingerprint"]["moving"]
    assert moving["position"]["value"] == "37092" and moving["highest_archive"]["value"] == 98
    assert moving["state of 192.0.2.3:8633"]["value"] == "CONNECTING"


Change = t.Callable[[Host], t.Any]


def view(name: str, number: int = 0, **changes: t.Any) -> Change:
    return lambda host: host.tibero.views[name][number].update(changes)


#: One change of each kind of thing -> the one difference that it has to make.
CHANGES: dict[str, tuple[Change, str]] = {
    "identity": (
        lambda host: host.tibero.views.update({"V$DATABASE": [dict(host.tibero.view("V$DATABASE")[0], DBID="7")]}),
        "instance: database_id",
    ),
    "version": (lambda host: setattr(host.tibero, "major", 8), "instance: version"),
    "archiving": (lambda host: setattr(host.tibero, "log_mode", "NOARCHIVELOG"), "instance: archive_mode"),
    "backup mode": (lambda host: setattr(host.tibero, "backup", ["ACTIVE"]), "instance: backup_mode"),
    "protection mode": (
        lambda host: host.tibero.parameters.update(LOG_REPLICATION_MODE="AVAILABILITY"),
        "instance: protection_mode",
    ),
    "a frozen process": (
        lambda host: host.runs(7, ["tbsvr", "-t", "NORMAL", "-SVR_SID", SID], state="T"),
        "instance: frozen_processes",
    ),
    "transport": (
        lambda host: host.tibero.parameters.update({TIP: '"192.0.2.3:8633 LGWR ASYNC"'}),
        "destinations: 192.0.2.3:8633",
    ),
    "enabled": (
        lambda host: host.tibero.parameters.update(LOG_REPLICATION_1_ENABLE="N"),
        "destinations: 192.0.2.3:8633 enabled",
    ),
    "tip": (lambda host: host.tibero.tip.open("a").write("MAX_SESSION_COUNT=50\n"), "parameters: MAX_SESSION_COUNT"),
    "a comment in the tip": (lambda host: host.tibero.tip.open("a").write("# by hand\n"), "files: tip"),
    "alias": (
        lambda host: host.write(
            "client/config/tbdsn.tbr", "busan1=(\n (INSTANCE=(HOST=192.0.2.9)(PORT=8629)(DB_NAME=orders)))\n"
        ),
        "aliases: busan1",
    ),
    "licence": (lambda host: host.write("license/license.xml", "<licence />"), "files: licence"),
    "password file": (lambda host: (host.data / ".passwd").write_bytes(b"y" * 44), "files: password_file"),
    "control file": (view("V$CONTROLFILE", NAME="/elsewhere.ctl"), "control_files: /elsewhere.ctl"),
    "data file": (view("V$DATAFILE", BYTES="8193"), "data_files: "),
    "temporary file": (view("V$TEMPFILE", BYTES="8193"), "temp_files: "),
    "redo": (view("V$LOG", 1, BYTES="21"), "redo: group 1"),
    "member of a group": (view("V$LOGFILE", 1, MEMBER="/other.log"), "redo: group 1"),
    "a lost member": (lambda host: (host.data / "log01.log").unlink(), "redo: group 0"),
    "standby redo": (view("V$STANDBY_LOGFILE", 1, MEMBER="/s3"), "standby_redo: group 4"),
    "read-only file system": (
        lambda host: (host.proc / "self" / "mountinfo").write_text(
            host.mounts.replace("ext4 /dev/b rw", "ext4 /dev/b ro")
        ),
        "host: file system of data",
    ),
    "archive directory": (lambda host: host.arch.rmdir(), "host: directory of archive"),
    "unit": (
        lambda host: host.starts("etc/systemd/system/tibero.service", "ExecStart=/tb/bin/tbboot\n"),
        "autostart: /etc/systemd/system/tibero.service",
    ),
    "our program": (
        lambda host: host.starts("usr/local/sbin/firedrill-orders", "x"),
        "autostart: /usr/local/sbin/firedrill-orders",
    ),
    "the watch": (
        lambda host: host.runs(
            7, ["python3", "/usr/local/sbin/firedrill-orders", "/etc/firedrill-standby/orders.json", "watch"]
        ),
        "services: firedrill-orders watch",
    ),
    "record": (lambda host: host.put("create.json", '{"done": false}'), "records: create.json"),
    "a record nobody knows": (lambda host: host.put("new/thing.json", "{}"), "records: new/thing.json"),
    "an empty directory": (lambda host: (host.records / "empty").mkdir(), "records: empty/"),
    "record of the role": (
        lambda host: role_record.mark(host.tibero.client(), "redo cannot reach it"),
        "records: role",
    ),
    "new control files": (
        lambda host: (
            (host.data / "c1.ctl").rename(host.data / "old"),
            (host.data / "c1.ctl").write_bytes(b"c"),
            (host.data / "old").unlink(),
        ),
        "records: role",
    ),
    "journal": (lambda host: host.put("role_change/c1.json", json.dumps(change("c1"))), "journals: c1"),
    "a journal that is open": (
        lambda host: host.put("role_change/change.json", json.dumps(change("c0", "needs a person"))),
        "journals: c0",
    ),
    "no journal": (lambda host: host.put("role_change/x.json", "no json"), "journals: x.json"),
    "unfinished work": (
        lambda host: host.put("cold_copy/stop.json", json.dumps({"stopped_at": "2026", "left": [1]})),
        "leftovers: cold copy",
    ),
    "record of a fence": (lambda host: host.put("fence.json", "{}"), "fence: fence"),
    "lease": (lambda host: host.put("hot_backup/hot_backup.lease"), "leases: hot_backup/hot_backup.lease"),
    "offer": (lambda host: host.put("offers/orders-busan1-data/offer.json", "{}"), "offers: orders-busan1-data"),
    "in /tmp": (lambda host: (host.temporary / ".firedrill-x").mkdir(), "temporary: "),
    "beside the tip": (lambda host: host.write("config/.firedrill-abc", ""), "temporary: "),
    "job": (
        lambda host: host.runs(7, ["python3", "/x/AnsiballZ"], str(host.records / "fault" / "timer.log")),
        "processes: fault/timer.log",
    ),
    "rows of a drill": (lambda host: host.put("drill/rows.jsonl"), "drill: file drill/rows.jsonl"),
    "table of a drill": (
        lambda host: host.tibero.views["USER_TABLES"].append({"TABLE_NAME": "DRILL_LEDGER"}),
        "drill: table DRILL_LEDGER",
    ),
}
#: Those that no drill may leave, whoever made them.
RESIDUE = (
    "backup mode",
    "a frozen process",
    "a journal that is open",
    "unfinished work",
    "record of a fence",
    "lease",
    "offer",
    "in /tmp",
    "beside the tip",
    "job",
    "rows of a drill",
    "table of a drill",
)


@pytest.mark.parametrize("name", CHANGES)
def test_each_section_turns_red_when_it_is_changed(host: Host, name: str) -> None:
    before = host.run()
    CHANGES[name][0](host)
    after = host.run()
    found = differences(before, after)
    wanted = CHANGES[name][1]
    # A control file shows as the one that is gone and the one that came; unfinished work lies in a file as well; the archive is below the data.
    others = {"control file": 2, "unfinished work": 2, "read-only file system": 2}
    assert [each for each in found if each.startswith(wanted)] and len(found) == others.get(name, 1), found
    assert before["sha256"] != after["sha256"]
    assert len(after["residue"]) == (1 if name in RESIDUE else 0), after["residue"]


def test_no_section_is_without_such_a_change() -> None:
    assert {wanted.split(":")[0] for _change, wanted in CHANGES.values()} == set(fp.SECTIONS)


def test_a_standby_in_recovery_is_not_asked_for_tables(host: Host) -> None:
    host.boot("RECOVERY")
    host.tibero.views["USER_TABLES"] = 7004
    found = host.run()
    assert entry(found, "drill", "table DRILL_LEDGER") == {"value": fp.NOT_ASKED, "source": "the role"}
    assert "USER_TABLES" not in " ".join(host.tibero.statements) and found["residue"] == []
    host.boot("NORMAL")
    assert entry(host.run(), "drill", "table DRILL_LEDGER")["why"].startswith("TBR-7004")


def test_a_stopped_instance_is_read_as_far_as_it_goes(host: Host) -> None:
    before = host.run()
    host.tibero.process = ""
    found = host.run()
    for section in ("destinations", "data_files", "temp_files", "redo", "standby_redo"):
        assert "stopped" in entry(found, section, "*")["why"], section
    assert "stopped" in entry(found, "drill", "table DRILL_LEDGER")["why"]
    assert entry(found, "control_files", str(host.data / "c1.ctl"))["value"] == {"there": "yes"}, "by the tip"
    assert {"instance: role", "data_files", "redo"} <= set(differences(before, found))
    assert {each["what"] for each in found["unknown"] if each["residue"]} >= {"instance: backup_mode"}
    assert differences(found, host.run()) == []


def test_a_wrong_password_and_a_view_that_is_not_there_are_unknown(host: Host) -> None:
    host.tibero.views["V$STANDBY_LOGFILE"] = 8053
    assert "TBR-8053" in entry(host.run(), "standby_redo", "*")["why"]
    host.tibero.views["V$STANDBY_LOGFILE"] = [{"NO": "1"}]
    assert entry(host.run(), "standby_redo", "*")["why"] == "its columns are NO"
    host.tibero.passwords["sys"] = "another"
    assert "TBR-17001" in entry(host.run(), "data_files", "*")["why"]


def test_a_view_without_sizes_is_completed_by_the_file_system(host: Host) -> None:
    host.tibero.lacks = {("V$DATAFILE", "BYTES")}
    host.tibero.views["V$DATAFILE"] = [{"FILE#": "0", "NAME": str(host.data / "system001.dtf")}]
    assert entry(host.run(), "data_files", str(host.data / "system001.dtf")) == {
        "value": {"bytes": 10, "there": "yes"},
        "source": "V$DATAFILE, stat",
    }
    host.tibero.views["V$DATAFILE"] = [{"FILE#": "0", "NAME": "/gone.dtf"}]
    assert entry(host.run(), "data_files", "/gone.dtf")["why"] == "neither tells its size"


def test_a_fence_is_seen(host: Host) -> None:
    before = host.run()
    host.tibero.tip.rename(str(host.tibero.tip) + ".fenced")
    host.put("fence.json", json.dumps({"reason": "failover c1", "at": "2026-01-01T00:00:00Z"}))
    found = host.run()
    assert entry(found, "fence", "fence")["value"] == {"tip": f"{host.tibero.tip}.fenced", "reason": "failover c1"}
    assert {"parameters", "fence: fence"} <= set(differences(before, found))
    assert [each for each in found["residue"] if each["what"].startswith("a fence: ")]


def test_a_secret_in_the_tip_never_leaves_the_member(host: Host) -> None:
    host.tibero.tip.open("a").write("_WALLET_PASSWORD=Planted-9\n")
    before = host.run()
    assert "Planted-9" not in json.dumps(before)
    assert entry(before, "parameters", "_WALLET_PASSWORD")["value"].startswith("hidden: ")
    text = host.tibero.tip.read_text()
    host.tibero.tip.write_text(text.replace("Planted-9", "Planted-8"))
    assert differences(before, host.run()) == ["parameters: _WALLET_PASSWORD"]
    host.tibero.tip.write_text(text)
    assert differences(before, host.run()) == []
    other = host.run(salt="another")
    assert differences(before, other) == ["parameters: _WALLET_PASSWORD", "files: password_file"], (
        "digests of two salts"
    )


def test_a_parameter_that_stands_twice_is_told_twice(host: Host) -> None:
    host.tibero.tip.open("a").write("LISTENER_PORT=9999\n")
    found = host.run()
    assert entry(found, "parameters", "LISTENER_PORT (2)")["value"] == "9999"


def test_what_belongs_to_another_instance_of_the_host_is_not_ours(host: Host) -> None:
    before = host.run()
    other = os.path.basename(held_ports.directory(held_ports.READINESS, "/other/home", SID))
    (host.temporary / other).mkdir()
    config = host.root / "other.json"
    config.write_text(json.dumps({"tb_home": "/other", "tb_sid": SID}))
    host.runs(7, ["/usr/local/sbin/firedrill-orders", str(config), "watch"])
    host.runs(8, ["tbsvr", "-t", "NORMAL", "-SVR_SID", SID], state="T", home="/other")
    host.runs(9, ["tbsvr", "-t", "NORMAL", "-SVR_SID", "another"], state="T")
    host.runs(10, ["python3"], str(host.records / "run" / "run.log"))
    (host.proc / "11").mkdir()
    assert differences(before, host.run()) == []


def test_a_temporary_listener_of_ours_is_residue(host: Host) -> None:
    own = os.path.basename(held_ports.directory(held_ports.READINESS, str(host.tibero.home), SID))
    (host.temporary / own).mkdir()
    log = str(host.temporary / own / "listener.log")
    host.runs(7, ["python3"], log + " (deleted)")
    found = host.run()
    assert sorted(each["what"] for each in found["residue"]) == [
        f"a process: {log}",
        f"a temporary file: {host.temporary / own}",
    ]


def test_a_job_is_told_by_its_state_and_its_process_by_the_real_proc(host: Host) -> None:
    status = {"name": "hot_backup", "key": "", "state": "finished", "process": {}, "heartbeat": 1.5, "started": 0.5}
    host.put("hot_backup/hot_backup.json", json.dumps(status))
    before = host.run()
    assert entry(before, "records", "hot_backup/hot_backup.json")["value"] == {"job": "finished"}
    host.put("hot_backup/hot_backup.json", json.dumps(dict(status, heartbeat=99.5)))
    assert differences(before, host.run()) == []
    host.proc = Path("/proc")
    host.put("fault/timer.log")
    with (host.records / "fault" / "timer.log").open("w") as log:
        worker = subprocess.Popen(
            [sys.executable, "-c", "print(flush=True); input()"], stdin=subprocess.PIPE, stdout=log
        )
    try:
        assert entry(host.run(), "processes", "fault/timer.log")["value"] == "runs"
    finally:
        worker.communicate(b"\n")
    assert host.run()["fingerprint"]["sections"]["processes"] == {}


def test_what_wants_a_unit_and_its_mode_count(host: Host) -> None:
    host.starts("etc/systemd/system/firedrill-orders.service", "# tbboot\n")
    host.starts("etc/firedrill-standby/orders.key", "secret")
    before = host.run()
    key = entry(before, "autostart", "/etc/firedrill-standby/orders.key")["value"]
    assert key["sha256"] == "not read"
    host.starts("etc/systemd/system/multi-user.target.wants/firedrill-orders.service", "")
    after = host.run()
    assert entry(after, "autostart", "/etc/systemd/system/firedrill-orders.service")["value"]["wanted by"] == [
        "multi-user.target.wants"
    ]
    (host.root / "etc/firedrill-standby/orders.key").chmod(0o604)
    assert differences(before, host.run()) == [
        "autostart: /etc/firedrill-standby/orders.key",
        "autostart: /etc/systemd/system/firedrill-orders.service",
    ]


def test_keys_of_offers_are_found(host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    line = 'command="python3 {0}/offers/x/agent.py" ssh-ed25519 AAAA firedrill-seed={1}\n'
    (home / ".ssh" / "authorized_keys").write_text(
        line.format(host.records, "mine") + line.format("/other", "theirs") + "ssh-ed25519 AAAA person\n"
    )
    from ansible_collections.firedrill.standby.plugins.module_utils._tibero import fingerprint_records

    class Entry(t.NamedTuple):
        pw_dir: str = str(home)
        pw_name: str = "tibero"

    monkeypatch.setattr(fingerprint_records.pwd, "getpwuid", lambda uid: Entry())
    assert host.run()["residue"] == [{"host": os.uname().nodename, "what": "an offer of files: key of mine"}]


def test_our_records_that_cannot_be_read_are_unknown(host: Host) -> None:
    host.put("role.json", "no json")
    host.put("latest_change.json", "[]")
    host.put("standby_redo.json", "{")
    found = host.run()
    for key in ("role", "latest_change", "standby_redo.json"):
        assert entry(found, "records", key)["why"] == "it cannot be read as a record of ours"


def test_records_of_other_work_are_read_for_what_they_say(host: Host) -> None:
    own = role_record.identities(host.tibero.client())
    host.put("standby_redo.json", json.dumps({"finished": True, "control_files": own}))
    host.put(
        "latest_change.json",
        json.dumps({"id": "c0", "state": "done", "started_at": "x", "kind": "k", "old": "a", "new": "b"}),
    )
    host.put("role_change/go-1", "{}")
    host.put("role_change/worker.json", "{}")
    found = host.run()
    assert entry(found, "records", "standby_redo.json")["value"] == {"finished": True, "same_control_files": True}
    assert entry(found, "records", "latest_change")["value"] == {
        "id": "c0",
        "kind": "k",
        "state": "done",
        "old": "a",
        "new": "b",
    }
    host.put("role_change/guard-c0.json", '{"member": "a", "ended_at": "2026-03-01T00:00:09Z", "accepted": 0}')
    host.put("role_change/guard-c1.json", '{"member": "a", "ended_at": "", "accepted": 0}')
    guarded = host.run()
    ended = [entry(guarded, "records", f"role_change/guard-c{number}.json")["value"] for number in (0, 1)]
    assert ended == [{"guard_of": "c0", "ended": True}, {"guard_of": "c1", "ended": False}]
    (host.records / "role_change/guard-c0.json").unlink()
    (host.records / "role_change/guard-c1.json").unlink()
    host.put("role_change/go-1", '{"run": "2"}')
    host.put("role_change/worker.json", '{"state": "finished"}')
    assert differences(found, host.run()) == []


def test_without_tibero_it_is_refused(host: Host) -> None:
    (host.tibero.home / "bin" / "tbboot").unlink()
    with pytest.raises(Refusal, match="tbboot is neither in bin"):
        host.run()
