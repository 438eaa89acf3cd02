# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drill of a failover: the server is killed, a standby takes over, the former primary is reinstated and takes over again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import Drill

from lab.sweep.bench import Bench

KILLED = [{"fault": "kill_server", "consent": "the_server_is_killed"}]


def test_without_consent_nothing_begins(bench: Bench, drill: Callable[..., Drill]) -> None:
    made = drill("drill_failover.yml", faults=[{"fault": "kill_server"}])
    assert made.code != 0 and "the_server_is_killed" in made.text
    assert not made.document and bench.primaries() == ["seoul1"]


@pytest.fixture(scope="module")
def disaster(bench: Bench, drill: Callable[..., Drill]) -> Drill:
    return drill("drill_failover.yml", faults=KILLED, standby_allow_data_loss=True, reinstate_overwrite=True)


def test_it_ends_with_a_verdict_and_everybody_home(bench: Bench, disaster: Drill) -> None:
    assert disaster.value("A.state") == "reported", disaster.text[-4000:]
    assert bench.primaries() == ["seoul1"]
    assert disaster.verify().returncode == 0


def test_what_was_done_is_in_the_evidence(disaster: Drill) -> None:
    [fault] = disaster.value("D.faults_executed")
    assert (fault["fault"], fault["method"], fault["member"]) == ("kill_server", "SIGKILL", "seoul1")
    assert [each["member"] for each in disaster.value("N.fences")] == ["seoul1", "seoul2"]
    assert disaster.value("N.accepted_after_fence") == 0
    assert disaster.value("O.reinstatement")["member"] == "seoul1"


def test_the_outage_is_bounded_and_no_acknowledged_row_is_missing_beyond_what_was_allowed(disaster: Drill) -> None:
    verdicts = disaster.verdicts()
    assert verdicts["rto"] in ("met", "met with findings"), disaster.value("R.reasons")
    assert verdicts["rtrr"] in ("met", "met with findings")
    counts = disaster.value("L.counts")
    assert counts["acked"] > 100 and counts["phantom"] == counts["alien"] == counts["damaged"] == counts["holes"] == 0


def test_it_left_nothing(disaster: Drill) -> None:
    assert disaster.value("O.original_layout") is True and disaster.value("O.residue") == []
    assert not [each for each in disaster.value("O.differences") if not each["explained"]], disaster.value(
        "O.differences"
    )
