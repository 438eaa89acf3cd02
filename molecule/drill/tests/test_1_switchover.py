# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drill of a switchover and back: its figures, its evidence, and that it left nothing."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from beside import Beside, Observer, outages_beside
from conftest import Drill

from lab import drills
from lab.sweep.bench import Bench

#: The application's own test: whether the present primary takes connections.
SMOKE = [
    "/usr/bin/python3",
    "-c",
    "import os, socket; print(os.environ['FIREDRILL_PRIMARY']); "
    "socket.create_connection((os.environ['FIREDRILL_ADDRESS'], int(os.environ['FIREDRILL_PORT'])), 10)",
]


class Approver(Beside):
    """A person at another desk: waits until the drill waits, and lets it go on. Somebody whom the policy does not name tries first, in vain."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.refused = self.approved = (-1, "")

    def run(self) -> None:
        asked = r"Waiting for an approval of the step back, .*? -e drill_folder=(\S+) -e drill_step=back"
        folder = ""
        while not folder and not self.over.wait(0.5):
            told = re.search(asked, self.said())
            folder = told.group(1) if told else ""
        if folder:
            self.refused = self._approve(folder, "kim")
            self.approved = self._approve(folder, "lee")

    def _approve(self, folder: str, person: str) -> tuple[int, str]:
        given = {"drill_folder": folder, "drill_step": "back", "drill_person": person}
        return self.bench.play("drill_approve.yml", "-e", json.dumps(given), journals="")


@pytest.fixture(scope="module")
def there_and_back(bench: Bench, drill: Callable[..., Drill]) -> tuple[Drill, Observer, Approver]:
    with Observer(bench, ("seoul1", "seoul2")) as observer, Approver(bench) as approver:
        made = drill("switchover", drill_approve_before=["back"], drill_approval_timeout=300, drill_smoke_command=SMOKE)
    return made, observer, approver


def test_check_mode_touches_nothing(bench: Bench, drill: Callable[..., Drill]) -> None:
    made = drill("switchover", "--check")
    assert made.code == 0, made.text[-3000:]
    assert "The drill would begin: readiness is" in made.text
    assert not made.folder.exists() and bench.primaries() == ["seoul1"]


def test_a_member_that_is_the_primary_cannot_be_the_target(bench: Bench, drill: Callable[..., Drill]) -> None:
    made = drill("switchover", standby_target="seoul1")
    assert made.code != 0 and "allowed is a member that is not the primary (seoul1): seoul2, busan1" in " ".join(
        made.text.split()
    )
    assert not made.folder.exists()


def test_a_drill_that_was_left_open_is_named(bench: Bench, drill: Callable[..., Drill], tmp_path: Path) -> None:
    for name, member in (("01OPEN", "seoul1"), ("01OTHER", "tokyo1")):
        (tmp_path / f"{name}.staging").mkdir()
        (tmp_path / f"{name}.staging" / "state.json").write_text(json.dumps({"drill_starts": {member: {}}}))
    made = drill("switchover", "--check", drill_directory=str(tmp_path))
    said = " ".join(made.text.split())
    assert made.code != 0 and f"{tmp_path}/01OPEN was begun and not closed" in said, said[-3000:]
    assert f"playbooks/drill_close.yml -e drill_folder={tmp_path}/01OPEN" in said and "01OTHER" not in said
    assert bench.primaries() == ["seoul1"]


def test_one_whose_cluster_is_not_ready_is_refused_before_anything_is_touched(
    bench: Bench, drill: Callable[..., Drill], tmp_path: Path
) -> None:
    """The link between the primary and the standby that would take over is cut. It says why, also beside a waiver of something else."""
    waiver = {"check": "PC-B8.licence", "person": "lee", "reason": "the new one is ordered", "until": "2999-12-31"}
    attempts = tmp_path / "attempts.json"
    blackout = {"at_wall_ns": 1, "grade": "missed", "code": 83, "why": "a blackout date", "ended_wall_ns": 1}
    attempts.write_text(json.dumps({"attempts": [blackout]}))
    policy = drills.policy("Not ready", {"rto_seconds": 120, "rpo_seconds": 0}, waivers=[waiver], due_date="2026-01-01")
    bench.lab.cut("seoul2", "seoul1")
    try:
        made = drill("switchover", drill_policy=policy, drill_attempts=str(attempts))
    finally:
        bench.lab.heal("seoul2", "seoul1")
    assert made.code != 0 and made.value("A.state") == "refused", made.text[-4000:]
    found = {each["what"]: each["severity"] for each in made.value("Q.findings")}
    [why] = [each for each in found if each.startswith("The drill was refused at readiness: Readiness is ")]
    assert "seoul2" in why and made.value("H.counts")["FAIL"] + made.value("H.counts")["UNKNOWN"] > 0
    assert [each for each in found if re.match(r"the drill began \d+ h after it was due on 2026-01-01", each)]
    assert "the schedule could not begin the drill before: a blackout date" in found
    assert made.value("E.waivers") == [waiver] and made.value("C.first_touch_wall_ns") is None
    assert (
        "Object was not found" in (said := bench.sql("seoul1", ["SELECT COUNT(*) FROM DRILL_LEDGER;"]))
        or "TBR-8033" in said
    ), said
    assert made.verify().returncode == 0 and bench.primaries() == ["seoul1"]


def test_a_waiver_that_means_no_check_would_refuse_the_drill(bench: Bench, drill: Callable[..., Drill]) -> None:
    waiver = {"check": "PC-B8.license", "person": "lee", "reason": "we know", "until": "2999-12-31"}
    policy = drills.policy("Waived", {"rto_seconds": 120, "rpo_seconds": 0}, waivers=[waiver])
    made = drill("switchover", "--check", drill_policy=policy)
    assert "The drill would be refused: readiness is FAIL" in " ".join(made.text.split()), made.text[-3000:]
    assert "no check of this cluster is meant by the waiver of PC-B8.license" in made.text and not made.folder.exists()


def test_one_that_is_stopped_is_reported_all_the_same_and_leaves_nothing(
    bench: Bench, drill: Callable[..., Drill]
) -> None:
    made = drill("switchover", drill_stop_before=["there"])
    assert made.code != 0 and "The drill was stopped at there" in " ".join(made.text.split())
    assert made.value("A.state") == "stopped" and len(made.value("E.stopped_by")) == 1
    assert made.value("O.residue") == [] and made.value("O.original_layout") is True
    assert (made.folder.parent / "reports" / made.folder.name / "report.en.html").exists()
    assert made.verify().returncode == 0 and bench.primaries() == ["seoul1"]


@pytest.mark.parametrize(
    "skip", [{"back": {"by": "kim", "reason": "late"}}, {"readiness": {"by": "kim"}}, {"readiness": "kim"}]
)
def test_what_cannot_be_skipped_or_lacks_its_reason_is_refused(
    bench: Bench, drill: Callable[..., Drill], skip: dict[str, Any]
) -> None:
    made = drill("switchover", "--check", drill_skip=skip)
    said = " ".join(made.text.split())
    assert made.code != 0 and f"drill_skip holds {next(iter(skip))}: " in said, said[-3000:]
    assert "Allowed is readiness, each with by (a person's name) and reason" in said.replace("''", "'")
    assert not made.folder.exists()


def test_one_that_nobody_approves_goes_home_by_itself_and_is_reported(
    bench: Bench, drill: Callable[..., Drill]
) -> None:
    made = drill("switchover", drill_approve_before=["back"], drill_approval_timeout=3, drill_baseline_seconds=1)
    said = " ".join(made.text.split())
    assert made.code != 0 and "Nobody approved the step back within 3 s, so the drill ends before it" in said, said[
        -3000:
    ]
    assert [each["leg"] for each in made.value("J.events") if each["mark"] == "t6"] == ["there"]
    assert made.value("R.overall") == "inconclusive", made.value("R.reasons")
    assert "the drill broke off before its end" in made.value("R.reasons")
    assert not [each for each in made.value("O.differences") if not each["explained"]]
    assert len(list((made.folder / "raw/journals").glob("way-*.jsonl"))) == 1
    assert made.value("A.state") == "interrupted" and made.value("O.original_layout") is True
    assert made.value("O.residue") == [] and made.value("E.approvals") == []
    assert made.verify().returncode == 0 and bench.primaries() == ["seoul1"]


def test_it_is_met_and_home_again(bench: Bench, there_and_back: tuple[Drill, Observer, Approver]) -> None:
    made = there_and_back[0]
    assert made.code == 0, made.text[-4000:]
    assert made.value("R.overall") in ("met", "met with findings"), made.value("R.reasons")
    assert set(made.verdicts().values()) <= {"met", "met with findings"}
    assert bench.primaries() == ["seoul1"]


def test_a_person_let_it_go_on_and_the_time_of_waiting_is_kept_apart(
    there_and_back: tuple[Drill, Observer, Approver],
) -> None:
    made, _observer, approver = there_and_back
    assert approver.refused[0] != 0 and "who may approve: lee" in " ".join(approver.refused[1].split())
    assert approver.approved[0] == 0, approver.approved[1]
    [approval] = made.value("E.approvals")
    assert (approval["step"], approval["person"]) == ("back", "lee")
    assert made.value("K.human_ns") > 10**9


def test_rows_were_written_and_none_is_lost(there_and_back: tuple[Drill, Observer, Approver]) -> None:
    counts = there_and_back[0].value("L.counts")
    assert counts["acked"] > 200 and counts["lost"] == 0 and counts["survived"] >= counts["acked"]
    assert counts["alien"] == counts["phantom"] == counts["duplicate"] == counts["damaged"] == counts["holes"] == 0


def test_its_outages_agree_with_an_observer_that_knows_nothing_of_it(
    there_and_back: tuple[Drill, Observer, Approver],
) -> None:
    made, observer, _approver = there_and_back
    for leg, old, new in (("there", "seoul1", "seoul2"), ("back", "seoul2", "seoul1")):
        measured, seen = outages_beside(made, observer, leg, old, new)
        assert measured[0] <= seen[1] and seen[0] <= measured[1], (leg, measured, seen)


def test_it_left_nothing(there_and_back: tuple[Drill, Observer, Approver]) -> None:
    made = there_and_back[0]
    assert made.value("O.original_layout") is True and made.value("O.residue") == []
    assert not [each for each in made.value("O.differences") if not each["explained"]]
    assert not list(Path("/var/tmp").glob(f"firedrill-{made.folder.name}*"))
    assert not Path(f"{made.folder}.staging").exists()


def test_its_evidence_is_verified_and_a_tampered_copy_is_not(
    there_and_back: tuple[Drill, Observer, Approver], tmp_path: Path
) -> None:
    made = there_and_back[0]
    assert made.verify().returncode == 0
    copy = tmp_path / made.folder.name
    shutil.copytree(made.folder, copy)
    ledger = max((copy / "raw/ledgers").glob("*w0*.ledger"), key=lambda path: path.stat().st_size)
    ledger.write_text("".join(ledger.read_text().splitlines(keepends=True)[:-3]))
    tampered = made.verify(copy)
    assert tampered.returncode != 0 and ledger.name in tampered.stdout + tampered.stderr


def test_members_hold_the_same_rows_and_the_application_works(
    there_and_back: tuple[Drill, Observer, Approver],
) -> None:
    made = there_and_back[0]
    asked = {each["leg"]: each["result"] for each in made.value("M.smoke_test")}
    assert asked == {"there": "passed", "back": "passed"}
    said = [(made.folder / f"raw/observations/smoke-{leg}.txt").read_text().split() for leg in ("there", "back")]
    assert said == [["seoul2"], ["seoul1"]]
    digests = made.value("M.digests")
    assert {(each["leg"], each["read"]) for each in digests if each["equal"]} == {("there", "b"), ("back", "b")}
    assert made.value("G.gaps") == []


def test_the_report_is_there_in_three_languages(there_and_back: tuple[Drill, Observer, Approver]) -> None:
    made = there_and_back[0]
    reports = made.folder.parent / "reports" / made.folder.name
    assert {path.name for path in reports.glob("report.*.html")} == {
        "report.en.html",
        "report.ko.html",
        "report.zh.html",
    }
