# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields that are made when the document is put together: they say what was seen, and nothing that nobody looked at."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_promise import PROBING
from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence_compose import (
    DRILL,
    EVENTS,
    FROZEN,
    NOTHING,
    OBJECTIVES_FILE,
    OBJECTIVES_SCHEMA,
    compose,
    event_line,
)
from tests.unit.plugins.module_utils._core.drill_scene import SECOND, WALL, Scene

#: The wall clock of the scene begins at 2026-03-01 00:00:00 UTC.
WINDOW = {"start": "2026-03-01T09:00:00+09:00", "end": "2026-03-01T00:02Z"}


@pytest.fixture(scope="module")
def folder() -> dict[str, bytes]:
    scene = Scene()
    record = scene.record()
    frozen = event_line(1, FROZEN, WALL, {"approver_differs": True, "inside_window": True}, NOTHING)
    events = frozen + event_line(2, PROBING, WALL, scene.probing(), json.loads(frozen)["hash"])
    return {**scene.files(), DRILL: json.dumps(record).encode(), EVENTS: events.encode()}


def made(folder: dict[str, bytes], window: Any, began: int | None, ended: int | None) -> dict[str, Any]:
    record = json.loads(folder[DRILL])
    times = {"A.started_wall_ns": began, "A.ended_wall_ns": ended}
    record["document"] = {
        path: {"value": value, "kind": "observed", "source": DRILL}
        for path, value in times.items()
        if value is not None
    }
    policy = {"window": window} if window is not None else {}
    frozen = {"schema": OBJECTIVES_SCHEMA, "policy": policy, "figures": Scene().objectives}
    return compose({**folder, DRILL: json.dumps(record).encode(), OBJECTIVES_FILE: json.dumps(frozen).encode()})


@pytest.mark.parametrize(
    ("began", "ended", "inside"),
    [
        (0, 120 * SECOND, True),
        (0, 120 * SECOND + 1, False),
        (-1, 60 * SECOND, False),
        (121 * SECOND, 180 * SECOND, False),
    ],
)
def test_a_drill_ran_inside_of_its_window_when_it_began_and_ended_there(
    folder: dict[str, bytes], began: int, ended: int, inside: bool
) -> None:
    """Whatever was written down before it began: the event of the freezing says yes in each case."""
    field = made(folder, WINDOW, WALL + began, WALL + ended)["E"]["inside_window"]
    assert field == {"value": inside, "kind": "observed", "source": DRILL}


@pytest.mark.parametrize(
    ("window", "began", "ended"),
    [
        (None, WALL, WALL),
        ({"start": "2026-03-01T09:00:00+09:00"}, WALL, WALL),
        ({**WINDOW, "end": "tomorrow"}, WALL, WALL),
        ({**WINDOW, "end": "2026-03-01T00:02:00"}, WALL, WALL),
        ({**WINDOW, "end": "2026-02-30T00:02:00Z"}, WALL, WALL),
        (WINDOW, None, WALL),
        (WINDOW, WALL, None),
    ],
)
def test_without_window_begin_or_end_it_is_not_known(
    folder: dict[str, bytes], window: Any, began: int | None, ended: int | None
) -> None:
    field = made(folder, window, began, ended)["E"]["inside_window"]
    assert (
        field["value"] is None
        and field["unknown"] == "the window, the begin and the end of the drill are not all known"
    )


def test_which_standbys_were_in_step_is_not_claimed(folder: dict[str, bytes]) -> None:
    value = made(folder, WINDOW, WALL, WALL)["G"]["mode_in_force"]["value"]
    assert (value["mode"], value["guaranteed"], value["source"]) == ("AVAILABILITY", True, "raw/console/mode.txt")
    assert value["synchronous"] is None
    assert value["why"] == "a connection to a standby that stands does not tell whether the standby was in step"


def findings(document: dict[str, Any]) -> list[str]:
    return [str(each["what"]) for each in document["Q"]["findings"]["value"] if "window" in each["what"]]


def test_a_drill_that_goes_on_past_its_window_carries_a_finding(folder: dict[str, bytes]) -> None:
    inside = made(folder, WINDOW, WALL, WALL + 120 * SECOND)
    assert findings(inside) == [] and inside["R"]["overall"]["value"] == "met"
    over = made(folder, WINDOW, WALL - 1, WALL + 121 * SECOND + 1)
    told = ["the drill began 1 s before its window", "the drill went on 2 s past the end of its window"]
    assert findings(over) == told and over["R"]["overall"]["value"] == "met with findings"
    assert [each for each in over["R"]["reasons"]["value"] if "window" in each] == told
    [late] = [each for each in over["Q"]["findings"]["value"] if each["what"] == told[1]]
    assert (late["severity"], late["when_wall_ns"]) == ("warning", WALL + 120 * SECOND)
    assert findings(made(folder, None, WALL, WALL + 999 * SECOND)) == []


def test_an_approval_past_the_window_is_a_finding_and_one_within_is_none(folder: dict[str, bytes]) -> None:
    record = json.loads(folder[DRILL])
    approvals = [
        {"step": "back", "person": "lee", "at_wall_ns": WALL + after * SECOND, "source": "raw/events.jsonl"}
        for after in (120, 150)
    ]
    record["document"] = {"E.approvals": {"value": approvals, "kind": "observed", "source": "raw/events.jsonl"}}
    frozen = {"schema": OBJECTIVES_SCHEMA, "policy": {"window": WINDOW}, "figures": Scene().objectives}
    document = compose({**folder, DRILL: json.dumps(record).encode(), OBJECTIVES_FILE: json.dumps(frozen).encode()})
    assert findings(document) == ["step back was approved by lee 30 s past the end of the window"]


def test_a_check_that_was_waived_is_a_finding(folder: dict[str, bytes]) -> None:
    record = json.loads(folder[DRILL])
    check = {
        "id": "PC-B8.licence.busan1",
        "verdict": "FAIL",
        "waiver": {"who": "lee", "why": "it is ordered", "until": "2026-03-31"},
    }
    checks = [check, {**check, "id": "PC-C1.lag.busan1", "waiver": None}]
    record["document"] = {
        "H.checks": {"value": checks, "kind": "observed", "source": "raw/observations/readiness.json"}
    }
    frozen = {"schema": OBJECTIVES_SCHEMA, "policy": {}, "figures": Scene().objectives}
    document = compose({**folder, DRILL: json.dumps(record).encode(), OBJECTIVES_FILE: json.dumps(frozen).encode()})
    [finding] = [each for each in document["Q"]["findings"]["value"] if "waived" in each["what"]]
    assert finding["what"] == (
        "check PC-B8.licence.busan1 stood in the way and was waived by lee until 2026-03-31: it is ordered"
    )
    assert (finding["severity"], finding["source"]) == ("warning", "raw/observations/readiness.json")
    assert document["R"]["overall"]["value"] == "met with findings"
