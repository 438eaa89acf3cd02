# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drill that is held late, or after missed ones, and a probe that is late: each is a finding, and none is where nothing was promised."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import drill_calendar, evidence, ledger
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_calendar import Attempt
from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence_compose import (
    DRILL,
    OBJECTIVES_FILE,
    OBJECTIVES_SCHEMA,
    PREVIOUS,
    compose,
    inputs_from,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.verdict import judge
from tests.unit.plugins.module_utils._core.drill_scene import SECOND, WALL, Scene
from tests.unit.plugins.module_utils._core.test_evidence_compose import folder

__all__ = ["folder"]

HOUR, DAY = 3600 * SECOND, 86400 * SECOND
#: The wall clock of the scene begins at 2026-03-01 00:00:00 UTC, nine o'clock in Seoul.
WINDOW = {"start": "2026-03-01T09:00:00+09:00", "end": "2026-03-01T20:00:00+09:00"}
TYPE = Scene().record()["type"]


def earlier(days: int, **more: Any) -> dict[str, Any]:
    entry = {
        "drill_id": "01EARLIER", "type": TYPE, "fault": "", "environment": "ci", "started_wall_ns": WALL - days * DAY, "overall": "met",
        "due_date": "", "outage": "never", "rto_hi_ns": None, "rto_reads_hi_ns": None, "loss": "never", "lost": None, "lost_hi_ns": None,
        "acked": None, "findings_open": 0, "findings_closed": 0,
    }  # fmt: skip
    return {**entry, **more}


def made(
    folder: dict[str, bytes], policy: dict[str, Any], *drills: dict[str, Any], began: int = WALL, **document: Any
) -> dict[str, Any]:
    record = json.loads(folder[DRILL])
    fields = {"A.started_wall_ns": began, "A.ended_wall_ns": began + SECOND, **document}
    record["document"] = {path: {"value": value, "kind": "observed", "source": DRILL} for path, value in fields.items()}
    frozen = {
        "schema": OBJECTIVES_SCHEMA,
        "policy": {"environment": "ci", "window": WINDOW, **policy},
        "figures": Scene().objectives,
    }
    previous = {PREVIOUS: json.dumps({"drills": list(drills)}).encode()} if drills else {}
    return compose(
        {**folder, **previous, DRILL: json.dumps(record).encode(), OBJECTIVES_FILE: json.dumps(frozen).encode()}
    )


def told(document: dict[str, Any], word: str = "after it was due") -> list[str]:
    return [str(each["what"]) for each in document["Q"]["findings"]["value"] if word in each["what"]]


def lateness(document: dict[str, Any]) -> tuple[int | None, int | None]:
    return document["B"]["due_wall_ns"]["value"], document["B"]["late_ns"]["value"]


def test_a_drill_after_its_cadence_is_late_by_whole_hours_rounded_up(folder: dict[str, bytes]) -> None:
    document = made(folder, {"cadence_days": 30}, earlier(31), began=WALL + 1)
    assert lateness(document) == (WALL - DAY, DAY + 1)
    assert told(document) == ["the drill began 25 h after it was due, 30 days after drill 01EARLIER"]
    assert document["R"]["overall"]["value"] == "met with findings"
    in_time = made(folder, {"cadence_days": 30}, earlier(30))
    assert lateness(in_time) == (WALL, 0) and told(in_time) == [] and in_time["R"]["overall"]["value"] == "met"


@pytest.mark.parametrize(
    ("began", "words"),
    [(WALL + 15 * HOUR, []), (WALL + 15 * HOUR + 1, ["the drill began 1 h after it was due on 2026-03-01"])],
)
def test_a_due_date_is_over_at_its_midnight_in_the_zone_of_the_window(
    folder: dict[str, bytes], began: int, words: list[str]
) -> None:
    assert told(made(folder, {"due_date": "2026-03-01"}, began=began)) == words


@pytest.mark.parametrize(
    ("cadence", "date", "due"),
    [(30, "2026-03-05", WALL - DAY), (300, "2026-02-20", WALL - 9 * DAY + 15 * HOUR), (30, "2026-02-20", WALL - 9 * DAY + 15 * HOUR)],
)  # fmt: skip
def test_the_earlier_of_cadence_and_date_counts(folder: dict[str, bytes], cadence: int, date: str, due: int) -> None:
    assert lateness(made(folder, {"cadence_days": cadence, "due_date": date}, earlier(31)))[0] == due


@pytest.mark.parametrize(
    "drill",
    [
        earlier(1, type="tabletop"),
        earlier(1, environment="production"),
        earlier(1, overall="inconclusive"),
    ],
)
def test_another_type_another_environment_and_an_inconclusive_drill_prove_nothing(
    folder: dict[str, bytes], drill: dict[str, Any]
) -> None:
    document = made(folder, {"cadence_days": 30}, earlier(31), drill)
    assert told(document) == ["the drill began 24 h after it was due, 30 days after drill 01EARLIER"]


def test_what_is_not_known_is_unknown_and_no_finding(folder: dict[str, bytes]) -> None:
    for document in (
        made(folder, {"cadence_days": 30}),
        made(folder, {}, earlier(999)),
        made(folder, {"due_date": "2026-02-30"}),
        made(folder, {"due_date": "2026-01-01", "window": {"start": "2026-03-01 09:00"}}),
    ):
        assert lateness(document) == (None, None) and told(document) == []
        assert document["B"]["late_ns"]["unknown"] == "neither a due date nor an earlier drill tells when it was due"


def test_a_date_that_was_met_counts_no_more(folder: dict[str, bytes]) -> None:
    document = made(folder, {"due_date": "2026-02-01"}, earlier(40, due_date="2026-02-01"))
    assert lateness(document) == (None, None) and told(document) == []


@pytest.mark.parametrize(
    ("policy", "drills"),
    [
        ({"cadence_days": 30}, [(31, "met", ""), (45, "not met", "")]),
        ({"cadence_days": 30, "due_date": "2026-02-20"}, [(31, "met", "2026-02-20")]),
        ({"cadence_days": 300, "due_date": "2026-02-20"}, [(31, "met", ""), (2, "inconclusive", "2026-02-20")]),
        ({"due_date": "2026-03-01"}, []),
        ({"cadence_days": 7}, []),
    ],
)
def test_the_alarm_beforehand_and_the_evidence_afterwards_agree(
    folder: dict[str, bytes], policy: dict[str, Any], drills: list[tuple[int, str, str]]
) -> None:
    entries = [earlier(days, drill_id=f"01D{days}", overall=said, due_date=date) for days, said, date in drills]
    held = [
        drill_calendar.Drill(each["drill_id"], TYPE, "ci", each["started_wall_ns"], each["overall"], each["due_date"])
        for each in entries
    ]
    beforehand = drill_calendar.due({"window": WINDOW, **policy}, held)
    expected = None if beforehand is None else drill_calendar.wall(beforehand.at)
    assert lateness(made(folder, policy, *entries))[0] == expected


# --------------------------------------------------------------------------------------------- missed


def attempt(at: int, grade: str, code: int, ended: bool = True) -> Attempt:
    return Attempt(at, grade, code, "" if code in (0, 127) else f"why {at}", at if ended else None)


@pytest.mark.parametrize(
    ("attempts", "found"),
    [
        ([], []),
        ([attempt(1, "missed", 83)], [1]),
        ([attempt(1, "missed", 83), attempt(2, "began", 0, ended=False)], [1]),
        ([attempt(1, "missed", 83), attempt(2, "began", 0), attempt(3, "missed", 82), attempt(4, "began", 0, ended=False)], [3]),
        ([attempt(1, "postponed", 84), attempt(2, "began", 0, ended=False), attempt(3, "done", 85)], []),
        ([attempt(1, "began", 127), attempt(2, "missed", 86), attempt(3, "began", 0, ended=False), attempt(4, "missed", 82)], [1, 2]),
        # Closed by hand: the run of the schedule has ended, and is one.
        ([attempt(1, "missed", 83), attempt(2, "began", 4), attempt(3, "missed", 82)], [3]),
    ],
)  # fmt: skip
def test_what_was_missed_since_the_last_run_before_this_one(attempts: list[Attempt], found: list[int]) -> None:
    assert [each.at_wall_ns for each in drill_calendar.missed(attempts)] == found


def test_what_the_schedule_missed_is_a_finding_each(folder: dict[str, bytes]) -> None:
    missed = [
        {
            "at_wall_ns": WALL - day * DAY,
            "code": 83,
            "why": "a blackout date",
            "source": "raw/observations/attempts.json",
        }
        for day in (7, 14)
    ]
    document = made(folder, {}, **{"B.missed": missed})
    assert (
        told(document, "schedule could not") == ["the schedule could not begin the drill before: a blackout date"] * 2
    )
    found = [each for each in document["Q"]["findings"]["value"] if "schedule could not" in each["what"]]
    assert [each["when_wall_ns"] for each in found] == [WALL - 7 * DAY, WALL - 14 * DAY]
    assert {each["source"] for each in found} == {"raw/observations/attempts.json"}
    assert evidence.value_of(document, "B.missed") == missed


# ---------------------------------------------------------------------------------------------- probe


@pytest.mark.parametrize(
    ("late", "behind", "said"), [(0, 0, False), (1, 0, False), (2, 0, True), (0, 2, True), (1, 1, True)]
)
def test_a_probe_that_was_late_by_its_own_fault_is_a_finding(
    folder: dict[str, bytes], late: int, behind: int, said: bool
) -> None:
    """One percent of its slots is let pass."""
    inputs = inputs_from(
        {
            **folder,
            OBJECTIVES_FILE: json.dumps(
                {"schema": OBJECTIVES_SCHEMA, "policy": {}, "figures": Scene().objectives}
            ).encode(),
        }
    )
    client = next(iter(inputs.ledgers.values())).header["client"]
    own = {path: each for path, each in inputs.ledgers.items() if each.header["client"] == client}
    slots = sum(len(each.operations) for each in own.values())
    path, parts = min(own), slots // 100
    missed = (
        ledger.Missed(0, 7, ledger.BUSY),
        ledger.Missed(0, behind * parts, ledger.BEHIND),
    )
    changed = own[path]._replace(late=tuple(ledger.Late(number, 0) for number in range(late * parts)), missed=missed)
    document = judge(inputs._replace(ledgers={**inputs.ledgers, path: changed}))
    words = [each["what"] for each in document["Q"]["findings"]["value"] if "did not keep its schedule" in each["what"]]
    assert bool(words) is said, words
    if said:
        total = slots + 7 + behind * parts
        assert words == [
            f"the probe of {client} did not keep its schedule: {late * parts} of {total} slots late, {behind * parts} not sent because it was behind"
        ]


@pytest.mark.parametrize(
    ("started", "kind", "said"), [(WALL + 5, TYPE, True), (WALL + 9, TYPE, False), (WALL - 1, TYPE, False), (WALL + 5, "tabletop", False)]
)  # fmt: skip
def test_the_alarm_of_a_run_that_was_refused_says_why(
    folder: dict[str, bytes], started: int, kind: str, said: bool
) -> None:
    """By the evidence that the run left, and not by that of another one."""
    why = "The drill was refused at readiness: Readiness is FAIL: busan1 FAIL"
    record = json.loads(folder[DRILL])
    record.update(findings=[{"severity": "failure", "what": why}], type=kind, drill_id="01REFUSED")
    policy = {"environment": "ci", "window": WINDOW}
    document = made({**folder, DRILL: json.dumps(record).encode()}, policy, began=started)
    document["A"]["environment"] = {"value": "ci", "kind": "declared", "source": OBJECTIVES_FILE}
    run = Attempt(WALL, "began", 2, "", WALL + 8)
    seen = drill_calendar.Seen("spring", "orders", TYPE, policy, [drill_calendar.drill_of(document)], [run], False)
    [alarm] = [each for each in drill_calendar.alarms(seen, drill_calendar.at_wall(WALL + HOUR)) if each.kind == "run"]
    began = "the run of 2026-03-01T00:00:00+00:00 ended with 2"
    assert alarm.text.startswith(f"{began}: 01REFUSED: {why}; " if said else began + "; ")
