# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A primary that an interrupted cold copy left stopped is found again, while nobody can have taken its place."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import cluster
from tests.unit.plugins.module_utils._tibero.test_cluster import three

NAMES = ("seoul1", "seoul2", "busan1")
STOPPED = {"stopped_at": "2026-03-01T12:00:00Z", "resumable": True, "why": ""}
TOUCHED = {"stopped_at": "2026-03-01T12:00:00Z", "resumable": False, "why": "somebody has run it"}


def planned(host: str, roles: list[str], running: list[bool], cold: dict[str, Any], recorded: Any = None) -> Any:
    return cluster.plan(
        three(),
        host,
        dict(zip(NAMES, roles, strict=True)),
        dict(zip(NAMES, running, strict=True)),
        dict.fromkeys(NAMES, "") | (recorded or {}),
        cold,
    )


@pytest.mark.parametrize(
    "others",
    [
        ([facts.NO_DATABASE, facts.NO_DATABASE], [False, False]),
        ([facts.STANDBY, facts.NO_DATABASE], [True, False]),
        ([facts.STANDBY, facts.UNKNOWN], [True, False]),
    ],
)
def test_it_is_the_primary_and_has_to_be_started_first(others: tuple[list[str], list[bool]]) -> None:
    roles, running = others
    plans = {name: planned(name, [facts.UNKNOWN, *roles], [False, *running], {"seoul1": STOPPED}) for name in NAMES}
    assert {plan.primary for plan in plans.values()} == {"seoul1"}
    assert [name for name, plan in plans.items() if plan.resume] == ["seoul1"]


def test_a_running_primary_outweighs_the_record() -> None:
    plan = planned("seoul1", [facts.UNKNOWN, facts.PRIMARY, facts.STANDBY], [False, True, True], {"seoul1": STOPPED})
    assert (plan.primary, plan.resume, plan.role) == ("seoul2", False, facts.STANDBY)


@pytest.mark.parametrize(
    ("roles", "running", "cold", "recorded"),
    [
        ([facts.UNKNOWN, facts.STANDBY, facts.STANDBY], [False, True, True], {"seoul1": TOUCHED}, {}),
        ([facts.UNKNOWN, facts.UNKNOWN, facts.STANDBY], [False, True, True], {"seoul1": STOPPED}, {}),
        ([facts.UNKNOWN] * 2 + [facts.STANDBY], [False] * 3, {"seoul1": STOPPED}, {"seoul2": facts.PRIMARY}),
        ([facts.UNKNOWN] * 2 + [facts.STANDBY], [False] * 3, {"seoul1": STOPPED, "seoul2": STOPPED}, {}),
    ],
)
def test_in_doubt_nothing_is_started_and_the_record_is_named(
    roles: list[str], running: list[bool], cold: dict[str, Any], recorded: dict[str, str]
) -> None:
    with pytest.raises(UnknownState, match=r"seoul1: .*stopped by this collection for a cold copy at 2026") as caught:
        planned("seoul1", roles, running, cold, recorded)
    assert "tbboot" in caught.value.remedy
    if cold["seoul1"] is TOUCHED:
        assert "somebody has run it" in caught.value.seen
