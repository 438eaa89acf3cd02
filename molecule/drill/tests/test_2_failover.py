# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drill of a disaster by the fault whose day it is; each has its turn within a week, with either target within two.

All of them: make soak KINDS="kill_server freeze ..." TRANSPORT=MIXED.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from contextlib import nullcontext

import pytest
from beside import Beside, Observer, outages_beside
from conftest import Drill

from lab import drills
from lab.sweep.bench import Bench

FAULTS = tuple(drills.CONSENTS)
#: The day is the seed; fault and target are part of the tests' names. In one week it is the SYNC standby that takes over, in the next the ASYNC one, which
#: holds less than the other.
DAY = int(time.time() // 86400)
TODAY = (FAULTS[DAY % len(FAULTS)], ("seoul2", "busan1")[DAY // len(FAULTS) % 2])
METHODS = {
    "kill_server": "SIGKILL",
    "freeze": "SIGSTOP",
    "crash_host": "command",
    "cut_both": "nft",
    "cut_clients": "nft",
    "cut_standby": "nft",
    "none": "none",
}
#: Who answers where no standby takes over: the primary hands over, or it serves on.
ANSWERS = {"cut_clients": "switchover", "cut_standby": "ride", "none": "ride"}


def test_without_consent_nothing_begins(bench: Bench, drill: Callable[..., Drill]) -> None:
    policy = drills.policy("Nobody agreed", {"rto_seconds": 120, "rpo_seconds": 0}, faults=[{"fault": "kill_server"}])
    made = drill("kill_server", drill_policy=policy)
    assert made.code != 0 and "the_server_is_killed" in made.text
    assert not made.document and bench.primaries() == ["seoul1"]


def test_a_kill_that_nothing_would_heal_is_refused_before_anything_is_frozen(
    bench: Bench, drill: Callable[..., Drill]
) -> None:
    made = drill("kill_server", drill_boot_command=[])
    said = " ".join(made.text.split())
    assert made.code != 0 and "boot_command is empty, and the fault is kill_server" in said, said[-3000:]
    assert "drill_boot_command" in said and not made.folder.exists() and bench.primaries() == ["seoul1"]


@pytest.fixture(scope="module", params=[TODAY], ids="-to-".join)
def today(request: pytest.FixtureRequest) -> tuple[str, str]:
    return (str(request.param[0]), str(request.param[1]))


@pytest.fixture(scope="module")
def fault(today: tuple[str, str]) -> str:
    return today[0]


@pytest.fixture(scope="module")
def target(today: tuple[str, str]) -> str:
    return today[1]


class Behind(Beside):
    """The link to the ASYNC standby is cut from the baseline until it is decided who takes over: it then holds less than the SYNC one for sure."""

    def __init__(self, bench: Bench, target: str) -> None:
        super().__init__(bench)
        self._target = target

    def run(self) -> None:
        self.wait("TASK [firedrill.standby.drill : See what is there under load]")
        self.bench.lab.cut(self._target, "seoul1")
        try:
            self.wait("To be fenced first: seoul1")
        finally:
            self.bench.lab.heal(self._target, "seoul1")


@pytest.fixture(scope="module")
def ahead(fault: str, target: str) -> list[str]:
    """The standbys that hold more than the one that takes over."""
    return ["seoul2"] if target == "busan1" and fault not in ANSWERS else []


@pytest.fixture(scope="module")
def observed(
    bench: Bench, drill: Callable[..., Drill], fault: str, target: str, ahead: list[str]
) -> tuple[Drill, Observer]:
    with Observer(bench, ("seoul1", target)) as observer, Behind(bench, target) if ahead else nullcontext():
        made = drill(fault, target=target)
    return made, observer


@pytest.fixture(scope="module")
def disaster(observed: tuple[Drill, Observer]) -> Drill:
    return observed[0]


def test_it_ends_with_a_verdict_and_everybody_home(bench: Bench, disaster: Drill) -> None:
    assert disaster.document and disaster.value("A.state") == "reported", disaster.text[-4000:]
    assert bench.primaries() == ["seoul1"]
    assert disaster.verify().returncode == 0


def test_what_was_done_is_in_the_evidence(disaster: Drill, fault: str, target: str) -> None:
    [done] = disaster.value("D.faults_executed")
    assert (done["fault"], done["member"], done["method"]) == (fault, "seoul1", METHODS[fault])
    fences = [each["member"] for each in disaster.value("N.fences")]
    assert fences == ([] if ANSWERS.get(fault) == "ride" else ["seoul1", target])
    assert disaster.value("N.accepted_after_fence") == 0
    if fault not in ANSWERS:
        assert disaster.value("O.reinstatement")["member"] == "seoul1"


def test_who_holds_more_than_the_new_primary_is_built_anew(disaster: Drill, ahead: list[str]) -> None:
    told = re.findall(r"To be built anew, since they hold more than \w+: (.*)\.", disaster.text)
    # Said before the fence, and again behind it, where it counts.
    assert told[-1:] == ([", ".join(ahead)] if ahead else [])
    rebuilt = {each["member"] for each in disaster.value("O.differences") if "built anew" in each["explained"]}
    assert set(ahead) <= rebuilt, disaster.value("O.differences")


def test_the_outage_is_bounded_and_no_acknowledged_row_is_missing_beyond_what_was_allowed(
    disaster: Drill, fault: str
) -> None:
    verdicts = disaster.verdicts()
    assert verdicts["rto"] in ("met", "met with findings"), disaster.value("R.reasons")
    assert verdicts["rtrr"] in ("met", "met with findings"), disaster.value("R.reasons")
    counts = disaster.value("L.counts")
    assert counts["acked"] > 100 and counts["phantom"] == counts["alien"] == counts["damaged"] == counts["holes"] == 0
    assert fault not in ANSWERS or counts["lost"] == 0
    predicted = disaster.value("L.predicted")
    assert len(predicted) == (0 if fault in ANSWERS else 1)
    assert [each for each in predicted if each["covered"] is not True] == [], predicted


@pytest.mark.parametrize("leg", ["disaster", "home"])
def test_its_outages_agree_with_an_observer_that_knows_nothing_of_it(
    observed: tuple[Drill, Observer], fault: str, target: str, leg: str
) -> None:
    """The observer sits on the members: what cuts clients off keeps it from nothing, so it sees the fence and the promotion only, a part of their outage."""
    made, observer = observed
    if ANSWERS.get(fault) == "ride":
        failed = [each for each in observer.attempts if each.name == "seoul1" and not each.well]
        assert len(observer.attempts) > 10 and (not failed or made.value("K.outages")), failed
        return
    old, new = ("seoul1", target) if leg == "disaster" else (target, "seoul1")
    measured, seen = outages_beside(made, observer, leg, old, new)
    whole = leg == "home" or not fault.startswith("cut_")
    assert seen[0] <= measured[1] and (measured[0] <= seen[1] or not whole), (leg, measured, seen)


def test_it_left_nothing(disaster: Drill) -> None:
    assert disaster.value("O.original_layout") is True and disaster.value("O.residue") == []
    open_ones = [each for each in disaster.value("O.differences") if not each["explained"]]
    assert not open_ones, json.dumps(open_ones, indent=1)


def test_a_stop_condition_heals_the_fault_and_nobody_is_promoted(bench: Bench, drill: Callable[..., Drill]) -> None:
    policy = drills.policy(
        "Stopped early",
        {"rto_seconds": 120, "rpo_seconds": 0},
        faults=drills.faults("kill_server"),
        stop_conditions=[{"name": "outage_seconds", "limit": 4}],
    )
    made = drill("kill_server", drill_policy=policy, drill_detect_seconds=40)
    assert made.code != 0 and made.value("A.state") == "stopped", made.text[-4000:]
    [stopped] = made.value("E.stopped_by")
    assert stopped["by"].startswith("outage_seconds: no write got through for ")
    assert made.value("N.fences") == []
    assert bench.primaries() == ["seoul1"] and made.value("O.original_layout") is True
    assert made.verify().returncode == 0
