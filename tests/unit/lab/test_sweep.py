# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sweep's own parts: which cases there are, which come today, and what counts as lost."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from lab.cluster import ROOT
from lab.sweep import __main__ as sweep
from lab.sweep.cases import FAULTS, MOMENTS, TASKS, Case, cases, parse, tenth, together
from lab.sweep.fingerprint import REINSTATED, ROLE_CHANGE, RUNNING, Excuse, comparable, unexplained
from lab.sweep.load import Answer, lost, two_at_once
from lab.sweep.residue import _LOOK, is_playbook
from lab.sweep.run import Result, do_as_told


def test_in_ten_days_every_case_has_its_turn() -> None:
    for first in (0, 20783):
        seen = [case for day in range(first, first + 10) for some in tenth(day) for case in some]
        assert set(seen) == set(cases())


def test_a_day_is_about_a_tenth() -> None:
    assert {len(tenth(day)) for day in range(30)} == {-(-len(together(cases())) // 10)}


def test_each_reinstatement_is_the_way_back_of_a_failover() -> None:
    found = together(cases())
    assert sorted(case for some in found for case in some) == sorted(cases())
    assert {tuple(case.operation for case in some) for some in found} == {
        ("switchover",),
        ("takeover",),
        ("failover", "reinstate"),
        ("reinstate",),
    }


def test_a_case_is_written_as_it_is_read() -> None:
    assert all(parse(str(case)) == case for case in cases())
    assert len(cases()) == sum(len(each) * (1 if name == "takeover" else len(FAULTS)) for name, each in MOMENTS.items())
    for wrong in ("", "switchover:9:crash", "2:crash", "failover:fence:flood"):
        with pytest.raises(ValueError, match="OPERATION:MOMENT:FAULT"):
            parse(wrong)


@pytest.mark.parametrize("moment", TASKS, ids=":".join)
def test_the_tasks_that_mark_moments_exist(moment: tuple[str, str]) -> None:
    role, name = TASKS[moment].removesuffix("]").split(" : ")
    found = [
        task.get("name", "").replace("{{ standby_seed_part }}", "data")
        for path in (ROOT / "roles" / role / "tasks").glob("*.yml")
        for task in tasks_of(yaml.safe_load(path.read_text()) or [])
    ]
    assert name in found


def tasks_of(entries: list[dict[str, object]]) -> list[dict[str, str]]:
    """All tasks of a file, those in blocks too."""
    found: list[dict[str, str]] = []
    for entry in entries:
        found.append(entry)  # type: ignore[arg-type]
        for part in ("block", "rescue", "always"):
            found += tasks_of(entry.get(part) or [])  # type: ignore[arg-type]
    return found


def test_a_missing_suffix_is_lost_and_a_missing_middle_is_a_hole() -> None:
    assert lost([[1, 2, 3], [11, 12]], {1, 2, 3, 11, 12}) == ([], [])
    assert lost([[1, 2, 3], [11, 12]], {1, 2, 11}) == ([3, 12], [])
    missing, holes = lost([[1, 2, 3]], {1, 3})
    assert missing == [2] and len(holes) == 1 and "hole: 2" in holes[0]


@pytest.fixture
def labs(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """No labs, but the names of those that a sweep would have used."""
    used: set[str] = set()

    @contextmanager
    def lab_of(name: str, keep: bool) -> Iterator[str]:
        used.add(name)
        yield name

    monkeypatch.setattr(sweep, "lab_of", lab_of)
    return used


def test_labs_share_the_cases(labs: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    both = threading.Barrier(2)

    def run(_bench: object, some: tuple[Case, ...]) -> Result:
        both.wait(10)
        return Result(some, "done", 1, 0.0, ())

    monkeypatch.setattr(sweep, "run_cases", run)
    wanted = ["switchover:1:ssh", "switchover:2:ssh", "switchover:3:ssh", "switchover:4:ssh"]
    assert sweep.main(["--jobs", "2", *wanted]) == 0
    assert labs == {"sweep", "sweep2"}
    shown = capsys.readouterr().out.split("BROKEN")[1]
    assert all(shown.count(case) == 1 for case in wanted)


@pytest.mark.parametrize("end", ["does not hold", "stops"])
def test_nothing_more_is_broken_after_what_does_not_hold(labs: set[str], monkeypatch: pytest.MonkeyPatch, end: str):
    ran = []

    def run(_bench: object, some: tuple[Case, ...]) -> Result:
        ran.append(some)
        if end == "stops":
            raise AssertionError("the lab does not answer")
        return Result(some, "stopped", 4, 0.0, ("two primaries",))

    monkeypatch.setattr(sweep, "run_cases", run)
    wanted = ["switchover:1:ssh", "switchover:2:ssh"]
    if end == "stops":
        with pytest.raises(AssertionError, match="does not answer"):
            sweep.main(wanted)
    else:
        assert sweep.main(wanted) == 1
    assert len(ran) == 1


@pytest.mark.parametrize(
    ("role", "remedy", "boots"),
    [
        ("the primary", "Start it on its host with `tbboot`, after", ["tbboot </dev/null"]),
        ("a standby", "Start it on its host with `tbboot -t RECOVERY`, after", ["tbboot -t RECOVERY </dev/null"]),
        ("a standby", "Look at it", []),
    ],
)
def test_what_a_playbook_asks_a_person_for_is_done(role: str, remedy: str, boots: list[str]) -> None:
    ran: list[tuple[str, str]] = []
    lab = SimpleNamespace(run=lambda member, argv, **_: ran.append((member, argv[-1])))
    said = f"standby_target is 'seoul2': stopped, and our own record says that it is {role}. {remedy}"
    do_as_told(SimpleNamespace(lab=lab), said)  # type: ignore[arg-type]
    assert [member for member, _ in ran] == ["seoul2"] * len(boots)
    assert all(f"tbdown clean; {boot})" in command for boot, (_, command) in zip(boots, ran, strict=True))


HOME = "/home/tibero/tibero7"
TIP, JOURNAL = f"{HOME}/config/orders.tip", f"{HOME}/instance/orders/firedrill/role_change/change.json"
PASSWORDS = f"{HOME}/database/orders/.passwd"


def file(time: int, digest: str = "a", mode: str = "0o100600") -> list[object]:
    return [mode, 1002, 1001, time, digest]


def test_what_has_a_reason_may_differ_and_nothing_else() -> None:
    before = {"seoul1": {TIP: file(1), JOURNAL: file(1)}}
    assert unexplained(before, {"seoul1": {TIP: file(1), JOURNAL: file(2, "b")}}, ROLE_CHANGE) == []
    for name in (TIP, f"{TIP}.fenced", f"{HOME}/instance/orders/firedrill/fence.json"):
        changed = {"seoul1": {**before["seoul1"], name: file(2, "b")}}
        assert unexplained(before, changed, REINSTATED), name
    assert unexplained(before, {"seoul1": {TIP: file(1), JOURNAL: file(2, "b")}}, RUNNING), (
        "a refusal writes no journal"
    )


def test_a_file_that_is_written_anew_must_be_the_same() -> None:
    before = {"seoul1": {PASSWORDS: file(1)}}
    assert unexplained(before, {"seoul1": {PASSWORDS: file(2)}}, REINSTATED) == []
    for changed in (file(2, "b"), file(2, "a", "0o100644")):
        assert unexplained(before, {"seoul1": {PASSWORDS: changed}}, REINSTATED)
    assert unexplained(before, {"seoul1": {PASSWORDS: file(2)}}, ROLE_CHANGE)


def test_an_instance_that_was_booted_again_is_the_same_and_another_process_is_not() -> None:
    before = {"seoul1": {"process 7": "tbsvr          -t NORMAL -SVR_SID orders"}}
    again = {"seoul1": {"process 9": "tbsvr          -t RECOVERY -SVR_SID orders"}}
    assert comparable(before, ()) == comparable(again, ())
    assert unexplained(before, {"seoul1": {**again["seoul1"], "process 11": "python3 worker"}}, REINSTATED)
    assert unexplained(before, {"seoul1": {}}, REINSTATED)


def test_an_archive_may_come_and_grow_but_not_with_another_owner_or_mode() -> None:
    old, new = "/tbarch/orders/arch/log1.arc", "/tbarch/orders/arch/log2.arc"
    good = ["0o100640", 1000, 1000, 4096]
    before = {"seoul1": {old: good}, "seoul2": {}}
    grown = {"seoul1": {old: [*good[:3], 8192], new: good}, "seoul2": {new: good}}
    assert unexplained(before, grown, ROLE_CHANGE) == []
    assert unexplained(before, {"seoul1": {}, "seoul2": {}}, ROLE_CHANGE) == []
    for member in ("seoul1", "seoul2"):
        for strange in (["0o100666", 1000, 1000, 4096], ["0o100640", 0, 1000, 4096], ["0o100640", 1000, 0, 4096]):
            found = unexplained(before, {**grown, member: {new: strange}}, REINSTATED)
            assert len(found) == 1 and f"{member}: {new}: mode, owner and group" in found[0]
    changed = unexplained(before, {**grown, "seoul1": {old: ["0o100600", 1000, 1000, 4096]}}, ROLE_CHANGE)
    assert len(changed) == 1 and old in changed[0]


@pytest.mark.parametrize("excuse", REINSTATED, ids=lambda each: each.pattern)
def test_no_excuse_covers_what_is_configured_or_a_fence(excuse: Excuse) -> None:
    assert excuse.reason
    for path in (
        TIP,
        f"{TIP}.fenced",
        f"{HOME}/instance/orders/firedrill/fence.json",
        f"{HOME}/license/license.xml",
        "/tmp/.firedrill-x",
    ):
        assert comparable({"a": {path: ["x"]}}, [excuse])["a"].get(path) == ["x"]


def answer(number: int, member: str, asked: float) -> Answer:
    return Answer(number, member, asked, asked + 0.5)


def test_two_that_accept_rows_at_once_are_seen() -> None:
    moved = [answer(1, "seoul1", 0), answer(2, "seoul1", 1), answer(3, "seoul2", 5), answer(4, "seoul2", 6)]
    assert two_at_once(moved) == [] and two_at_once([]) == []
    (found,) = two_at_once([*moved, answer(5, "seoul1", 5.6)])
    assert "I3: seoul1 accepted rows after seoul2" in found and "[5]" in found
    # Asked before the other one had answered: that is the order of answers, which proves nothing.
    assert two_at_once([*moved, answer(5, "seoul1", 5.2)]) == []


def left_in(home: Path) -> set[str]:
    """What is found in a home of Tibero; /tmp and the processes are those of this machine, and left out."""
    said = subprocess.run([sys.executable, "-I", "-c", _LOOK, str(home)], capture_output=True, text=True, check=True)
    return {each for each in json.loads(said.stdout) if str(home) in each or each.startswith("fence")}


def test_residue_is_fences_leases_offers_and_jobs_that_run(tmp_path: Path) -> None:
    records = tmp_path / "instance" / "orders" / "firedrill"
    for name in ("run", "offers/abc", "role_change"):
        (records / name).mkdir(parents=True)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "orders.tip").touch()
    (records / "offers" / ".lock").touch()
    (records / "role_change" / "lease").touch()
    (records / "role.json").write_text('{"role": "primary"}')
    (records / "run" / "run.json").write_text('{"state": "cancelled", "process": {"pid": 1}}')
    assert left_in(tmp_path) == set()
    (tmp_path / "config" / "orders.tip.fenced").touch()
    (records / "fence.json").touch()
    (records / "run" / "run.lease").touch()
    (records / "offers" / "abc" / "key").touch()
    (records / "run" / "run.json").write_text('{"state": "running", "process": {"pid": 1}}')
    assert left_in(tmp_path) == {
        "fence orders.tip.fenced",
        f"fence {records}/fence.json",
        f"lease {records}/run/run.lease",
        f"offer {records}/offers/abc/key",
        f"job {records}/run/run.json is running",
    }
    # Of a process that is gone, or of another one that has its number now, only the record is left.
    for gone in ('{"pid": 1, "started": "no", "boot": ""}', '{"pid": 999999999, "started": "1", "boot": ""}'):
        (records / "run" / "run.json").write_text('{"state": "running", "process": %s}' % gone)
        assert f"job {records}/run/run.json is running" not in left_in(tmp_path)


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("/v/bin/python /v/bin/ansible-playbook -i /lab/inventory.yml playbooks/failover.yml", True),
        ("/v/bin/ansible-playbook -i /lab/inventory.yml", True),
        ("/v/bin/python /v/bin/pytest --ansible-inventory /lab/inventory.yml", False),
        ("/v/bin/python /v/bin/molecule test", False),
        ("", False),
    ],
)
def test_a_test_of_playbooks_is_no_playbook(line: str, is_one: bool) -> None:
    assert is_playbook(line.split()) is is_one
