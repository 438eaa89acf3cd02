# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drill of a switchover and back: its figures, its evidence, and that it left nothing."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import Drill

from lab.sweep.bench import Bench

#: The application's own test: whether the present primary takes connections.
SMOKE = [
    "/usr/bin/python3",
    "-c",
    "import os, socket; print(os.environ['FIREDRILL_PRIMARY']); "
    "socket.create_connection((os.environ['FIREDRILL_ADDRESS'], int(os.environ['FIREDRILL_PORT'])), 10)",
]


class Attempt(NamedTuple):
    """One row that was tried on a member: when, and whether it was committed."""

    name: str
    began: float
    ended: float
    well: bool


class Observer:
    """Writes one row after another wherever it is taken, and knows nothing of the drill's probes: when was the last success before the longest gap, and
    when the first after it?
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.attempts: list[Attempt] = []

    def __enter__(self) -> Observer:
        self._bench.sql("seoul1", ["CREATE TABLE observed (id NUMBER);"])
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join(120)

    def _run(self) -> None:
        # Each attempt is a login of its own, on a machine that also runs what is measured.
        while not self._over.wait(0.4):
            for name in ("seoul1", "seoul2"):
                began = time.time()
                said = self._bench.sql(name, ["INSERT INTO observed VALUES (1);", "COMMIT;"], timeout=5)
                self.attempts.append(
                    Attempt(name, began, time.time(), "1 row inserted" in said and "Commit completed" in said)
                )

    def gap(self, begin: float, end: float, old: str, new: str) -> tuple[float, float]:
        """The longest time without a success between two moments: at least, at most, in seconds.

        It was away at least from when the old primary had failed until it was tried for the last time in vain on the new one.
        """
        inside = [each for each in self.attempts if each.well and begin <= each.ended and each.began <= end]
        last, first = max(itertools.pairwise(inside), key=lambda pair: pair[1].began - pair[0].ended)
        vain = [each for each in self.attempts if not each.well and last.ended <= each.began < first.began]
        there, here = [each for each in vain if each.name == old], [each for each in vain if each.name == new]
        low = here[-1].began - there[0].ended if there and here else 0.0
        return max(low, 0.0), first.ended - last.began


class Approver:
    """A person at another desk: waits until the drill waits, and lets it go on. Somebody whom the policy does not name tries first, in vain."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.refused = self.approved = (-1, "")

    def __enter__(self) -> Approver:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join(60)

    def _run(self) -> None:
        folder = ""
        while not folder and not self._over.wait(0.5):
            said = " ".join(path.read_text(errors="replace") for path in self._bench.place.glob("*.txt"))
            asked = r"Waiting for an approval of the step back, .*? -e drill_folder=(\S+) -e drill_step=back"
            told = re.search(asked, " ".join(said.split()))
            folder = told.group(1) if told else ""
        if folder:
            self.refused = self._approve(folder, "kim")
            self.approved = self._approve(folder, "lee")

    def _approve(self, folder: str, person: str) -> tuple[int, str]:
        given = {"drill_folder": folder, "drill_step": "back", "drill_person": person}
        return self._bench.play("drill_approve.yml", "-e", json.dumps(given), journals="")


@pytest.fixture(scope="module")
def there_and_back(bench: Bench, drill: Callable[..., Drill]) -> tuple[Drill, Observer, Approver]:
    with Observer(bench) as observer, Approver(bench) as approver:
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
    orders = {each["leg"]: each["wall_ns"] / 1e9 for each in made.value("J.events") if each["mark"] == "t0"}
    ends = {each["leg"]: each["wall_ns"] / 1e9 for each in made.value("J.events") if each["mark"] == "t9"}
    for leg, old, new in (("there", "seoul1", "seoul2"), ("back", "seoul2", "seoul1")):
        outage = next(
            each
            for each in made.value("K.outages")
            if (each["leg"], each["path"], each["kind"]) == (leg, "database", "write")
        )
        low, high = observer.gap(orders[leg], ends[leg], old, new)
        assert outage["lo_ns"] / 1e9 <= high and low <= outage["hi_ns"] / 1e9, (
            leg,
            outage["lo_ns"],
            outage["hi_ns"],
            low,
            high,
        )


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
