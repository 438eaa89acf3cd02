# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tibero_divergence_info and tibero_divergence_export on a played former primary: measured at MOUNT, copied, never opened."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import UNKNOWN
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import divergence, divergence_export
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import marks
from tests.unit.plugins.module_utils._tibero.fake_tibero import FakeTibero

COLUMNS = [name for name, _sql in divergence._MINED]
WRITE = {
    "TSN": "1210",
    "TIME": "2026/08/01 10:00:00",
    "OPERATION": "INSERT",
    "OWNER": "APP",
    "NAME": "ORDERS",
    "ACCOUNT": "APP",
    "SQL": "INSERT INTO ORDERS VALUES (7, 'a | b <<x>>')",
}


class Former(FakeTibero):
    """A fenced former primary, mounted: log 5 is common history, 6 is archived, 7 is current; branch point 1203."""

    def __init__(self, tb_home: Path) -> None:
        super().__init__(tb_home)
        self.enter("MOUNT")
        arch = self.data / "arch"
        arch.mkdir()
        for name in ("system001.dtf", "usr001.dtf", "log0.log", "log1.log", "log2.log"):
            (self.data / name).write_bytes(name.encode() * 9)
        for number in (4, 5, 6):
            (arch / f"log-t0-r0-s{number}.arc").write_bytes(b"archive %d" % number)
        self.views["V$DATAFILE"] = [{"NAME": f"{self.data}/system001.dtf"}, {"NAME": f"{self.data}/usr001.dtf"}]
        self.views["V$CONTROLFILE"] = [{"NAME": f"{self.data}/c1.ctl"}]
        self.views["V$TEMPFILE"] = []
        self.views["V$LOGFILE"] = [{"GROUP#": str(n), "MEMBER": f"{self.data}/log{n}.log"} for n in (0, 1, 2)]
        self.views["V$DATABASE"] = [
            {
                "DBID": "881590366",
                "NAME": "orders",
                "CURRENT_TSN": "0",
                "CKPT_TSN": "1190",
                "OPEN_MODE": "MOUNTED",
                "LOG_MODE": "ARCHIVELOG",
                "RESETLOG_TSN": "0",
            }
        ]
        self.views["V$LOG"] = [
            {"THREAD#": "0", "GROUP#": "0", "SEQUENCE#": "7", "STATUS": "CURRENT", "FIRST_CHANGE#": "1206"},
            {"THREAD#": "0", "GROUP#": "1", "SEQUENCE#": "5", "STATUS": "INACTIVE", "FIRST_CHANGE#": "1100"},
            {"THREAD#": "0", "GROUP#": "2", "SEQUENCE#": "6", "STATUS": "ACTIVE", "FIRST_CHANGE#": "1150"},
        ]
        self.views["V$ARCHIVED_LOG"] = [
            {
                "THREAD#": "0",
                "SEQUENCE#": str(number),
                "NAME": f"{arch}/log-t0-r0-s{number}.arc",
                "FIRST_CHANGE#": str(first),
                "NEXT_CHANGE#": str(end),
            }
            for number, first, end in ((4, 1000, 1100), (5, 1100, 1150), (6, 1150, 1206))
        ]
        self.mined: list[dict[str, str]] | int = 8033
        self.replies["CALL DBMS_LOGMNR"] = lambda text: self.mined if isinstance(self.mined, int) else "PSM completed."

    def view(self, name: str) -> Any:
        if name == "V$LOGMNR_CONTENTS":
            return self.mined
        return super().view(name)

    def _statement(self, text: str, connected: bool) -> str:
        if "V$LOGMNR_CONTENTS" in text and isinstance(self.mined, list):
            self.statements.append(text)
            return "".join(marks.print_marked("mined", [row[name] for name in COLUMNS]) + "\n" for row in self.mined)
        return super()._statement(text, connected)

    def info(self, branch_point: str = "1203", **params: Any) -> Any:
        return divergence.divergence_info(self.context(branch_point=branch_point, **params))

    def export(self, branch_point: str = "1203", check_mode: bool = False, **params: Any) -> Any:
        given = {"branch_point": branch_point, "directory": None, "listing": "auto", "allow_gaps": False, **params}
        return divergence_export.divergence_export(self.context(check_mode, **given))


@pytest.fixture
def former(tmp_path: Path) -> Former:
    return Former(tmp_path)


# ------------------------------------------------------------------------------------------- info


def test_played_logs_beyond_the_branch_point_and_how_sure(former: Former) -> None:
    values = former.info().values
    assert (values["diverged"], values["first_tsn"], values["last_tsn"]) == (True, "1204", "1205")
    assert (values["certainty"], values["last_tsn_source"]) == ("at_least", "end of log 6")
    assert [(one["sequence"], one["holds"]) for one in values["logs"]] == [(6, "yes"), (7, "maybe")]
    assert values["gaps"] == []
    assert values["own_archives"] == [f"{former.data}/arch/log-t0-r0-s6.arc"]
    assert [Path(path).name for path in values["other_archives"]] == ["log-t0-r0-s4.arc", "log-t0-r0-s5.arc"]
    assert {Path(one["path"]).name for one in values["database_files"]} == {
        "system001.dtf",
        "usr001.dtf",
        "log0.log",
        "log1.log",
        "log2.log",
        "c1.ctl",
        ".passwd",
    }
    assert not [call for call in former.calls if Path(call.argv[0]).name in ("tbboot", "tbdown")]


def test_played_a_current_tsn_of_zero_at_mount_is_no_position(former: Former) -> None:
    former.views["V$LOG"] = [dict(row, **{"FIRST_CHANGE#": None}) for row in former.views["V$LOG"]]
    former.views["V$ARCHIVED_LOG"] = []
    values = former.info().values
    assert (values["last_tsn"], values["diverged"]) == ("1190", UNKNOWN)
    former.views["V$DATABASE"][0]["CKPT_TSN"] = None
    values = former.info().values
    assert (values["last_tsn"], values["certainty"]) == (UNKNOWN, "unknown")


def test_played_without_change_numbers_every_log_counts(former: Former) -> None:
    former.lacks |= {("V$LOG", "FIRST_CHANGE#"), ("V$ARCHIVED_LOG", "FIRST_CHANGE#")}
    former.views["V$LOG"] = [
        {name: value for name, value in row.items() if name != "FIRST_CHANGE#"} for row in former.views["V$LOG"]
    ]
    former.views["V$ARCHIVED_LOG"] = [
        {name: row[name] for name in ("THREAD#", "SEQUENCE#", "NAME")} for row in former.views["V$ARCHIVED_LOG"]
    ]
    values = former.info().values
    assert [(one["sequence"], one["holds"]) for one in values["logs"]] == [
        (4, "maybe"),
        (5, "maybe"),
        (6, "maybe"),
        (7, "maybe"),
    ]
    assert values["gaps"] == ["where log 4 of thread 0 begins is not told, so earlier logs may be needed"]


@pytest.mark.parametrize("given", ["", "UNKNOWN", "12a", "-1"])
def test_played_an_unknown_branch_point_is_refused(former: Former, given: str) -> None:
    for act in (former.info, former.export):
        with pytest.raises(UnknownState) as caught:
            act(given)
        assert caught.value.seen == f"branch_point is {given!r}"
        assert caught.value.nothing_changed
    assert former.calls == []


def test_played_an_open_former_primary_is_not_measured(former: Former) -> None:
    former.views.pop("V$DATABASE")
    former.enter("NORMAL")
    with pytest.raises(Refusal) as caught:
        former.info()
    assert "not fenced: fence it first" in caught.value.remedy
    former.process = ""
    with pytest.raises(Refusal, match="is 'stopped'"):
        former.info()


def test_played_a_view_that_cannot_be_read_is_unknown(former: Former) -> None:
    former.views["V$LOGFILE"] = 22003
    with pytest.raises(UnknownState, match=r"V\$LOGFILE cannot be read: TBR-22003"):
        former.info()


# ----------------------------------------------------------------------------------------- export


def test_played_export_holds_the_redo_a_control_file_and_their_digests(former: Former) -> None:
    outcome = former.export()
    assert outcome.changed
    place = Path(outcome.values["directory"])
    assert place == former.home / "instance" / "orders" / "firedrill" / "divergence" / "1203"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    record = json.loads((place / "manifest.json").read_text())
    assert [(one["kind"], one["sequence"], one["copy"]) for one in record["files"]] == [
        ("archive", 6, "thread0-seq6-0-log-t0-r0-s6.arc"),
        ("redo", 7, "thread0-seq7-0-log0.log"),
        ("controlfile", None, "control-c1.ctl"),
    ]
    for one in record["files"]:
        copy = place / one["copy"]
        assert copy.read_bytes() == Path(one["path"]).read_bytes()
        assert hashlib.sha256(copy.read_bytes()).hexdigest() == one["sha256"]
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert record["database_id"] == "881590366"
    assert record["listing"] == {
        "known": False,
        "why": "TBR-8033: Some error.",
        "writes": None,
        "file": "",
        "summary": [],
    }
    assert not [call for call in former.calls if Path(call.argv[0]).name in ("tbboot", "tbdown")], "nothing is opened"


def test_played_listing_when_the_server_tells(former: Former) -> None:
    former.mined = [WRITE, dict(WRITE, TSN="1211", OPERATION="DELETE", SQL="DELETE FROM ORDERS WHERE ID = 1")]
    values = former.export().values
    place = Path(values["directory"])
    calls = [text for text in former.statements if text.startswith("CALL")]
    assert calls == [
        f"CALL DBMS_LOGMNR.ADD_LOGFILE('{place}/thread0-seq6-0-log-t0-r0-s6.arc', 1);",
        f"CALL DBMS_LOGMNR.ADD_LOGFILE('{place}/thread0-seq7-0-log0.log', 3);",
        "CALL DBMS_LOGMNR.START_LOGMNR(0, 0, NULL, NULL, NULL, 2);",
        "CALL DBMS_LOGMNR.END_LOGMNR();",
    ]
    assert any("WHERE SCN > 1203" in text for text in former.statements)
    rows = [json.loads(line) for line in (place / "writes.json").read_text().splitlines()]
    assert rows[0] == {name.lower(): value for name, value in WRITE.items()}
    assert values["listing"]["summary"] == [
        {"owner": "APP", "name": "ORDERS", "operation": "DELETE", "count": 1},
        {"owner": "APP", "name": "ORDERS", "operation": "INSERT", "count": 1},
    ]
    assert "a | b" not in json.dumps(values), "data of the database is not returned"


def test_played_listing_that_is_required_and_not_told(former: Former) -> None:
    with pytest.raises(UnknownState, match="The server does not tell the writes: TBR-8033"):
        former.export(listing="required")
    assert not list(former.home.rglob("manifest.json"))


def test_played_second_run_changes_nothing_also_when_stopped(former: Former) -> None:
    first = former.export()
    assert not former.export().changed
    former.process = ""
    again = former.export()
    assert not again.changed
    assert again.values["files"] == first.values["files"]


def test_played_redo_that_changed_since_gets_a_further_export(former: Former) -> None:
    former.export()
    (former.data / "log0.log").write_bytes(b"more redo of its own")
    second = former.export()
    assert second.changed and Path(second.values["directory"]).name == "1203-2"
    assert (Path(second.values["directory"]).parent / "1203" / "manifest.json").exists()


def test_played_a_stopped_member_whose_redo_changed_is_not_believed(former: Former) -> None:
    former.export()
    (former.data / "log0.log").write_bytes(b"more redo of its own")
    former.process = ""
    with pytest.raises(Refusal, match="is 'stopped'"):
        former.export()


def test_played_an_unfinished_export_is_done_again(former: Former, monkeypatch: pytest.MonkeyPatch) -> None:
    real = divergence_export._copy

    def copy(source: Any, directory: str) -> Any:
        if source.kind == "redo":
            raise OSError(28, "No space left on device", source.path)
        return real(source, directory)

    monkeypatch.setattr(divergence_export, "_copy", copy)
    with pytest.raises(OSError):
        former.export()
    assert not list(former.home.rglob("manifest.json")), "without a manifest nothing counts as exported"
    monkeypatch.setattr(divergence_export, "_copy", real)
    assert Path(former.export().values["directory"]).name == "1203"


def test_played_missing_redo_is_refused_unless_it_is_accepted(former: Former) -> None:
    os.unlink(former.data / "log0.log")
    with pytest.raises(UnknownState, match="log 7 of thread 0 lies nowhere any more"):
        former.export()
    values = former.export(allow_gaps=True).values
    assert values["gaps_allowed"] is True
    assert values["gaps"] == ["log 7 of thread 0 lies nowhere any more"]


def test_played_check_mode_writes_nothing(former: Former) -> None:
    outcome = former.export(check_mode=True)
    assert outcome.changed and [one["kind"] for one in outcome.values["files"]] == ["archive", "redo", "controlfile"]
    former.process = ""
    stopped = former.export(check_mode=True)
    assert stopped.changed and "would be mounted first" in stopped.values["msg"]
    assert not (former.home / "instance" / "orders" / "firedrill").exists()


def test_played_no_room(former: Former, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(divergence_export, "MARGIN", 1 << 60)
    with pytest.raises(Refusal, match="bytes needed for the export") as caught:
        former.export()
    assert caught.value.nothing_changed


def test_played_a_copy_that_reads_otherwise(former: Former, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(divergence_export, "digest_of", lambda path: "0" * 64)
    with pytest.raises(StandbyError, match="reads 0000"):
        former.export()
    assert not list(former.home.rglob("manifest.json"))
