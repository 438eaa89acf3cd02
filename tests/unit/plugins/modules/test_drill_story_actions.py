# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""drill_record and drill_clock_info, as a playbook meets them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.action import drill_clock_info, drill_record
from ansible_collections.firedrill.standby.plugins.filter.standby import standby_drill_ways
from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, fingerprint, ledger
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.probe_session import DRIVER
from ansible_collections.firedrill.standby.plugins.modules.drill_clock_info import read_clock
from tests.unit.plugins.module_utils._core.test_drill_story import journal, told
from tests.unit.plugins.module_utils._core.test_fingerprint import cluster
from tests.unit.plugins.module_utils._core.test_fingerprint import made as made_of


def act(monkeypatch: pytest.MonkeyPatch, action: Any, answer: Any = None, **arguments: Any) -> dict[str, Any]:
    """One run of an action; ``answer`` plays the module."""
    plugin = action.ActionModule.__new__(action.ActionModule)
    plugin._task = SimpleNamespace(args=arguments, check_mode=False)
    monkeypatch.setattr(action.ActionBase, "run", lambda *_: {})
    monkeypatch.setattr(action.ActionModule, "_execute_module", lambda *_args, **_named: answer(), raising=False)
    return dict(plugin.run(task_vars={}))


# -------------------------------------------------------------------------------------------------------- the record


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    for name in ("rows/there-a-busan1.jsonl", "ledgers/there-desk-w00.ledger", "observations/there-seoul1.json"):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text("{}\n")
    (tmp_path / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in journal()) + '{"torn')
    return tmp_path


def story(staging: Path, **more: Any) -> dict[str, Any]:
    made = told(**{"emulator": True, **more})
    for leg in made["legs"]:
        del leg["journal"]
        leg["log"] = str(staging / "journal.jsonl")
    return made


def test_the_record_and_the_files_that_go_with_it(monkeypatch: pytest.MonkeyPatch, staging: Path) -> None:
    made = act(monkeypatch, drill_record, story=story(staging), staging=str(staging))
    assert not made.get("failed"), made
    assert sorted(made["record"]["legs"][0]["marks"]) == ["t0", "t3", "t4", "t5", "t9"]
    assert [each["dest"] for each in made["raw"]] == [
        "raw/drill.json",
        "raw/journals/there.jsonl",
        "raw/rows/there-a-busan1.jsonl",
        "raw/ledgers/there-desk-w00.ledger",
        "raw/observations/there-seoul1.json",
    ]
    assert made["raw"][0]["content"] == made["record"]


def pack(path: Path, names: list[str]) -> None:
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 3
            archive.addfile(member, io.BytesIO(b"{}\n"))


def test_ledgers_that_came_in_one_piece_are_evidence_one_by_one(monkeypatch: pytest.MonkeyPatch, staging: Path) -> None:
    pack(staging / "ledgers" / "there-app1" / "probe.tar", ["w00.ledger", "w01.ledger"])
    for _again in range(2):
        made = act(monkeypatch, drill_record, story=story(staging), staging=str(staging))
        assert [each["dest"] for each in made["raw"] if "ledgers" in each["dest"]] == [
            "raw/ledgers/there-app1-w00.ledger",
            "raw/ledgers/there-app1-w01.ledger",
            "raw/ledgers/there-desk-w00.ledger",
        ]
    assert (staging / "ledgers" / "there-app1" / "w01.ledger").read_bytes() == b"{}\n"


@pytest.mark.parametrize("name", ["../journal.jsonl", "/etc/x", "a/b.ledger"])
def test_a_client_cannot_write_anywhere_else(monkeypatch: pytest.MonkeyPatch, staging: Path, name: str) -> None:
    pack(staging / "ledgers" / "there-app1" / "probe.tar", [name])
    made = act(monkeypatch, drill_record, story=story(staging), staging=str(staging))
    assert made["failed"] and name in made["msg"] and (staging / "journal.jsonl").stat().st_size > 3


def test_what_is_no_archive_is_told(monkeypatch: pytest.MonkeyPatch, staging: Path) -> None:
    pack(staging / "ledgers" / "there-app1" / "probe.tar", [])
    (staging / "ledgers" / "there-app1" / "probe.tar").write_text("torn")
    assert act(monkeypatch, drill_record, story=story(staging), staging=str(staging))["failed"]


def test_a_change_that_never_began_has_no_journal(monkeypatch: pytest.MonkeyPatch, staging: Path) -> None:
    never = story(staging)
    never["legs"][0]["log"] = str(staging / "never.jsonl")
    made = act(monkeypatch, drill_record, story=never, staging=str(staging))
    assert not made.get("failed"), made
    assert "raw/journals/there.jsonl" not in [each["dest"] for each in made["raw"]]


def test_a_journal_that_no_leg_names_is_evidence_too(monkeypatch: pytest.MonkeyPatch, staging: Path) -> None:
    for leg in ("there", "way"):
        path = staging / f"journals-{leg}/orders/c-{leg}.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text((staging / "journal.jsonl").read_text())
    own = story(staging)
    own["legs"][0]["log"] = str(staging / "journals-there/orders/c-there.jsonl")
    made = act(monkeypatch, drill_record, story=own, staging=str(staging))
    found = {each["dest"]: each["src"] for each in made["raw"] if "journals" in each["dest"]}
    assert found == {
        "raw/journals/there.jsonl": str(staging / "journals-there/orders/c-there.jsonl"),
        "raw/journals/way-c-way.jsonl": str(staging / "journals-way/orders/c-way.jsonl"),
    }


def test_a_story_that_lacks_something_is_refused_with_its_name(monkeypatch: pytest.MonkeyPatch, staging: Path) -> None:
    broken = story(staging)
    del broken["readings"]
    made = act(monkeypatch, drill_record, story=broken, staging=str(staging))
    assert made["failed"] and "readings" in made["msg"] and "keep the folder" in made["msg"]


def test_what_was_looked_at_becomes_fields_and_the_way_back(monkeypatch: pytest.MonkeyPatch, staging: Path) -> None:
    print_of = {name: fingerprint.as_state(made_of(sections, name)) for name, sections in cluster().items()}
    looked = {
        "readiness": {"checks": [], "candidates": {}, "not_run": [{"id": "PC-C13", "why": "no dry run"}]},
        "states": {"seoul1": {"role": {"value": "primary", "source": "s"}}},
        "fingerprints_before": print_of,
        "fingerprints_after": print_of,
        "original_layout": True,
    }
    record = act(monkeypatch, drill_record, story=story(staging, **looked), staging=str(staging))["record"]
    assert record["way_back"] == {"original_layout": True, "differences": [], "residue": []}
    assert record["document"]["H.counts"]["value"] == {"OK": 0, "WARN": 0, "UNKNOWN": 0, "FAIL": 0, "not run": 1}
    assert record["document"]["G.members"]["value"][0]["role"] == "primary"
    assert [each["member"] for each in record["document"]["G.fingerprints"]["value"]] == ["busan1", "busan2", "seoul1"]


def test_after_a_real_disaster_the_drill_is_not_held_to_its_differences(
    monkeypatch: pytest.MonkeyPatch, staging: Path
) -> None:
    taken = {name: fingerprint.as_state(made_of(sections, name)) for name, sections in cluster().items()}
    more = {"fingerprints_before": taken, "fingerprints_after": taken, "original_layout": False}
    for disaster, home in (("", False), ("seoul2, the primary, is stopped", None)):
        own = {**story(staging), **more, "disaster": disaster}
        made = act(monkeypatch, drill_record, story=own, staging=str(staging))
        assert made["record"]["way_back"]["original_layout"] is home
        assert ("differences" in made["record"]["way_back"]) is (not disaster)
    assert made["record"]["way_back"]["why"] == drill_record.DISASTER


def test_without_fingerprints_nothing_is_said_of_the_way_back(monkeypatch: pytest.MonkeyPatch, staging: Path) -> None:
    record = act(monkeypatch, drill_record, story=story(staging, original_layout=True), staging=str(staging))["record"]
    assert record["way_back"]["original_layout"] is None and "not compared" in record["way_back"]["why"]


def head(**more: Any) -> bytes:
    return ("H " + json.dumps({"engine": "tibero", "driver": DRIVER, "stream": "w00", **more}) + "\n").encode()


def facts(version: str, build: str) -> dict[str, Any]:
    named = {"tibero_version": version, "tibero_build": build}
    return {
        "looked": {"seoul1": {name: {"value": value, "source": "tbboot -version"} for name, value in named.items()}}
    }


@pytest.mark.parametrize(
    ("version", "build", "valid", "emulator"),
    [
        ("7", "Tibero 7 254994 FS02", True, False),
        ("7", "Tibero 7 / Emulator 0.1.0 of Tibero 7 (lab). This is not Tibero.", True, True),
        ("9", "Tibero 9 1 FS01", False, False),
    ],
)
def test_engine_and_table_are_what_was_seen(
    monkeypatch: pytest.MonkeyPatch, staging: Path, version: str, build: str, valid: bool, emulator: bool
) -> None:
    (staging / "ledgers/there-desk-w00.ledger").write_bytes(head())
    seen = {"states": {"seoul1": {"version": {"value": version, "source": "s"}}}, **facts(version, build)}
    record = act(monkeypatch, drill_record, story=story(staging, **seen), staging=str(staging))["record"]
    assert record["classification"]["valid"] is valid and record["classification"]["driver"] == DRIVER
    engine = record["document"]["A.engine"]["value"]
    assert (engine["emulator"], engine["declared"], engine["version"]) == (emulator, True, version)


@pytest.mark.parametrize("said", ["True", "no", True, False])
def test_a_declaration_may_come_as_text(monkeypatch: pytest.MonkeyPatch, staging: Path, said: Any) -> None:
    record = act(monkeypatch, drill_record, story=story(staging, emulator=said), staging=str(staging))["record"]
    assert record["document"]["A.engine"]["value"]["declared"] is (said in ("True", True))


def test_a_ledger_of_an_unknown_driver_makes_the_table_invalid(monkeypatch: pytest.MonkeyPatch, staging: Path) -> None:
    (staging / "ledgers/there-desk-w00.ledger").write_bytes(head(driver="tbsql-conversation/9"))
    seen = {"states": {"seoul1": {"version": {"value": "7", "source": "s"}}}}
    record = act(monkeypatch, drill_record, story=story(staging, **seen), staging=str(staging))["record"]
    assert record["classification"]["valid"] is False and "tbsql-conversation/9" in record["classification"]["why"]


# -------------------------------------------------------------------------------------------------------- the consoles


def test_what_programs_printed_is_evidence(monkeypatch: pytest.MonkeyPatch, staging: Path) -> None:
    printed = staging / "console/seoul1/role_change-worker.log"
    printed.parent.mkdir(parents=True)
    printed.write_text("tbboot\n")
    log = staging / "ansible.log"
    entry = "2026-03-01 00:00:0{0},123 p={1} u=root n=ansible INFO| {2}\n"
    own = entry.format(1, os.getppid(), "TASK [Change]") + "ok: [seoul1]\n"
    log.write_text("of an older run\n" + own + entry.format(2, 1, "TASK of another run") + "changed\n")
    monkeypatch.setattr(drill_record.constants, "DEFAULT_LOG_PATH", str(log), raising=False)
    made = act(monkeypatch, drill_record, story=story(staging), staging=str(staging))
    assert made["record"]["document"]["T.console"]["value"] == [
        {"host": "seoul1", "source": "raw/console/seoul1-role_change-worker.log", "why": ""},
        {"host": "busan1", "source": "", "why": "nothing was fetched from there"},
        {"host": "controller", "source": "raw/console/controller.txt", "why": ""},
    ]
    dests = {each["dest"]: each["src"] for each in made["raw"] if "console" in each["dest"]}
    assert sorted(dests) == ["raw/console/controller.txt", "raw/console/seoul1-role_change-worker.log"]
    assert Path(dests["raw/console/controller.txt"]).read_text() == own


@pytest.mark.parametrize("path", [None, "", "/nonexistent/ansible.log"])
def test_without_a_log_of_ansible_that_is_said(monkeypatch: pytest.MonkeyPatch, staging: Path, path: Any) -> None:
    monkeypatch.setattr(drill_record.constants, "DEFAULT_LOG_PATH", path, raising=False)
    made = act(monkeypatch, drill_record, story=story(staging), staging=str(staging))
    assert "log_path" in made["record"]["document"]["T.console"]["value"][-1]["why"]


# ----------------------------------------------------------------------------------------------------------- the tool


def git(place: Path, *arguments: str) -> str:
    named = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", str(place), *named, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_commit_of_a_checkout_is_the_one_that_git_tells(tmp_path: Path) -> None:
    root, tree = tmp_path / "checkout", tmp_path / "worktree"
    root.mkdir()
    assert drill_record._commit(root) == "", "installed from an artefact"
    git(root, "init", "-q", "-b", "main")
    assert drill_record._commit(root) == "", "nothing is committed yet"
    git(root, "commit", "-q", "--allow-empty", "-m", "one")
    first = git(root, "rev-parse", "HEAD")
    assert drill_record._commit(root) == first and len(first) == 40
    git(root, "pack-refs", "--all")
    assert not (root / ".git/refs/heads/main").exists() and drill_record._commit(root) == first
    git(root, "worktree", "add", "-q", "-b", "side", str(tree))
    git(tree, "commit", "-q", "--allow-empty", "-m", "two")
    assert drill_record._commit(tree) == git(tree, "rev-parse", "HEAD") != first
    git(root, "checkout", "-q", "--detach")
    assert drill_record._commit(root) == first


@pytest.mark.parametrize("head", ["ref: refs/heads/none", "not a commit", "\udcff", ""])
def test_what_is_no_commit_is_not_told_as_one(tmp_path: Path, head: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").write_text(head, encoding="utf-8", errors="surrogateescape")
    assert drill_record._commit(tmp_path) == ""


def test_the_record_names_the_tool(monkeypatch: pytest.MonkeyPatch, staging: Path) -> None:
    monkeypatch.setattr(drill_record, "_commit", lambda root: f"of {Path(root, 'galaxy.yml').exists()}")
    record = act(monkeypatch, drill_record, story=story(staging), staging=str(staging))["record"]
    assert record["document"]["A.tool"]["value"]["commit"] == "of True"


# --------------------------------------------------------------------------------------------------------- the clocks


def test_a_client_with_the_kernel_of_the_controller_has_its_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer() -> dict[str, Any]:
        return dict(read_clock(Context({"client": "desk"}, False, lambda _command: pytest.fail("no program"))).values)

    reading = act(monkeypatch, drill_clock_info, answer)["reading"]
    assert reading["same"] and reading["client"] == "desk" and "boot_id" not in reading
    assert reading["before"] <= reading["mono"] <= reading["after"]
    assert abs(reading["wall"] - time.time_ns()) < 60 * 10**9


@pytest.mark.parametrize(
    ("boot", "clock"), [("another", ledger.clock()[0]), ("", ledger.clock()[0]), (None, "CLOCK_OTHER")]
)
def test_another_kernel_or_another_clock_is_another_clock(
    monkeypatch: pytest.MonkeyPatch, boot: str | None, clock: str
) -> None:
    booted = detached.boot_id() if boot is None else boot
    answer = {"reading": {"client": "desk", "mono": 5, "client_wall": 6, "clock": clock, "boot_id": booted}}
    assert act(monkeypatch, drill_clock_info, lambda: answer)["reading"]["same"] is False


def test_the_controllers_own_clock_asks_no_host(monkeypatch: pytest.MonkeyPatch) -> None:
    reading = act(monkeypatch, drill_clock_info, lambda: pytest.fail("a host was asked"), controller=True)["reading"]
    assert reading["same"] and reading["before"] == reading["mono"] <= reading["after"]
    assert abs(reading["wall"] - time.time_ns()) < 60 * 10**9


def test_a_client_that_does_not_answer_is_a_failure_and_no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    made = act(monkeypatch, drill_clock_info, lambda: {"failed": True, "msg": "no Python"})
    assert made["failed"] and "reading" not in made


# ----------------------------------------------------------------------------------------------------------- the ways


def member(name: str, port: int) -> dict[str, Any]:
    own = {"name": name, "address": f"10.0.0.{port}", "listener_port": port, "standby_port": port + 4, "version": 7}
    rest = {"db_name": "orders", "sid": "orders", "home": "/t", "data_dir": "/d", "archive_dir": "/a"}
    more = {"control_files": (), "protection_mode": "performance", "transport": "LGWR SYNC", "network_timeout": 60}
    return {**own, **rest, **more, "symmetric_tips": True, "bootstrap": False, "parameters": {}}


def test_the_ways_to_the_members() -> None:
    ways = standby_drill_ways(
        [member("seoul1", 1), member("busan-1", 2)], "app", {"writers": 16, "readers": 4}, {"writers": 1, "readers": 0}
    )
    through, first, second = ways["aliases"]
    assert (
        through["name"] == "app"
        and through["use_failover"]
        and [each["port"] for each in through["instances"]] == [1, 2]
    )
    # Never the members' own aliases, which a client may have: what the drill makes it takes away.
    assert (first["name"], second["name"]) == ("app_seoul1", "app_busan_1")
    assert ways["paths"][0] == {"name": "application", "alias": "app", "writers": 16, "readers": 4}
    assert ways["paths"][2] == {"name": "direct:busan-1", "alias": "app_busan_1", "writers": 1, "readers": 0}
    assert ways["guards"]["busan-1"] == {"member": "busan-1", "alias": "app_busan_1", "host": "10.0.0.2", "port": 2}
    assert ways["names"]["busan-1:2"] == ways["names"]["busan-1"] == "busan-1"


def test_what_the_schedule_missed_is_told_and_its_file_is_evidence(
    monkeypatch: pytest.MonkeyPatch, staging: Path, tmp_path: Path
) -> None:
    attempts = tmp_path / "attempts.json"
    noted = [
        {"at_wall_ns": 1, "grade": "missed", "code": 83, "why": "a blackout date", "ended_wall_ns": 1},
        {"at_wall_ns": 2, "grade": "began", "code": 127, "why": "", "ended_wall_ns": 2},
        {"at_wall_ns": 3, "grade": "began", "code": 0, "why": "", "ended_wall_ns": None},
    ]
    attempts.write_text(json.dumps({"attempts": noted}))
    made = act(monkeypatch, drill_record, story=story(staging), staging=str(staging), attempts=str(attempts))
    field = made["record"]["document"]["B.missed"]
    told = [(each["at_wall_ns"], each["code"], each["why"]) for each in field["value"]]
    assert told == [(1, 83, "a blackout date"), (2, 127, "ansible-playbook could not be started")]
    assert field["source"] == "raw/observations/attempts.json"
    assert {"dest": field["source"], "src": str(attempts)} in made["raw"] and made["record"]["findings"] == []


@pytest.mark.parametrize("content", [None, "{", "{}", '{"attempts": [{"when": 1}]}'])
def test_a_schedule_that_cannot_be_read_is_a_finding_and_the_drill_is_told(
    monkeypatch: pytest.MonkeyPatch, staging: Path, tmp_path: Path, content: str | None
) -> None:
    attempts = tmp_path / "attempts.json"
    if content is not None:
        attempts.write_text(content)
    made = act(monkeypatch, drill_record, story=story(staging), staging=str(staging), attempts=str(attempts))
    [finding] = made["record"]["findings"]
    assert finding["severity"] == "warning"
    assert finding["what"].startswith(f"what the schedule missed before is not known: {attempts} cannot be read: ")
    assert "B.missed" not in made["record"]["document"]
    assert [each for each in made["raw"] if "attempts" in each["dest"]] == []
