# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stop conditions of a drill: what trips, what does not, and which are refused beforehand."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.filter.standby import standby_drill_tripped
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_policy import (
    STOP_CONDITIONS,
    decide,
    tripped,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from tests.unit.plugins.modules.test_drill_actions import MODULES, POLICY

NOW = datetime.datetime(2026, 3, 1, 1, 0, tzinfo=datetime.UTC)  # the window ends an hour later


def policy(*conditions: tuple[str, Any]) -> dict[str, Any]:
    return {**POLICY, "stop_conditions": [{"name": name, "limit": limit} for name, limit in conditions]}


def test_without_conditions_nothing_trips_but_the_button() -> None:
    assert tripped(POLICY, [9999.0], NOW) == []
    said = tripped(POLICY, [], NOW, {"by": "lee", "reason": "the branch opens early"})
    assert said == ["lee stopped it: the branch opens early"]


@given(st.lists(st.none() | st.floats(0, 1000)), st.integers(1, 1000))
def test_an_outage_trips_exactly_when_the_clients_of_some_host_waited_as_long(
    quiet: list[float | None], limit: int
) -> None:
    longest = [each for each in quiet if each is not None and each >= limit]
    assert bool(tripped(policy(("outage_seconds", limit)), quiet, NOW)) == bool(longest)


@pytest.mark.parametrize(("limit", "trips"), [(3599, False), (3600, True), (3601, True)])
def test_the_end_of_the_window_trips_at_its_limit_in_the_zone_of_the_window(limit: int, trips: bool) -> None:
    said = tripped(policy(("window_seconds_left", limit)), [], NOW)
    assert bool(said) is trips
    assert not trips or "the window ends 2026-03-01T11:00:00+09:00, in 3600 s" in said[0]


def test_all_that_tripped_is_said() -> None:
    said = tripped(
        policy(("outage_seconds", 5), ("window_seconds_left", 7200)), [None, 5.0], NOW, {"by": "a", "reason": "b"}
    )
    assert [each.split(":")[0] for each in said] == ["a stopped it", "outage_seconds", "window_seconds_left"]


@pytest.mark.parametrize(
    ("name", "limit", "seen"),
    [("temperature", 40, "'temperature'"), ("outage_seconds", 0, "limit of outage_seconds is 0")],
)
def test_what_nothing_watches_is_refused_before_anything_is_frozen(name: str, limit: int, seen: str) -> None:
    with pytest.raises(Refusal) as refused:
        decide(policy((name, limit)), NOW)
    assert seen in refused.value.seen and refused.value.details["policy"] == "stop_conditions"


def test_a_policy_with_conditions_is_frozen_with_them() -> None:
    given_ = policy(("outage_seconds", 300))
    assert decide(given_, NOW).policy["stop_conditions"] == given_["stop_conditions"]


def test_every_condition_is_documented() -> None:
    options = yaml.safe_load(
        (MODULES / "drill_objectives.py").read_text().split('DOCUMENTATION = r"""')[1].split('"""')[0]
    )["options"]
    text = str(options["policy"]["suboptions"]["stop_conditions"]["suboptions"]["name"]["description"])
    assert all(f"V({name})" in text for name in STOP_CONDITIONS)


def test_the_filter_looks_at_the_time_of_now() -> None:
    assert standby_drill_tripped(policy(("window_seconds_left", 1)), [0.0]), "the window of 2026-03-01 is over"
    assert standby_drill_tripped(policy(("outage_seconds", 9)), [8.9], {}) == []
