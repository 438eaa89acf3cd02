# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calendar of drills: never outside of the window, never on a blackout date, due dates that only move on, and what the alarm says."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import drill_calendar, drill_policy
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_calendar import Attempt, Drill, Seen
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal

SECOND = dt.timedelta(seconds=1)
START = dt.datetime(2026, 3, 1, 0, 0, tzinfo=dt.UTC)
POLICY: dict[str, Any] = {
    "environment": "production",
    "window": {"start": "2026-03-01T09:00:00+09:00", "end": "2026-03-01T11:00:00+09:00"},
    "blackout_dates": [],
    "cadence_days": 90,
    "due_date": "2026-03-31",
}


def drill(days: int = 0, overall: str = "met", kind: str = "switchover_and_back", **changed: Any) -> Drill:
    began = drill_calendar.wall(START + dt.timedelta(days=days))
    made = Drill(f"D{days}", kind, "production", began, overall, "")
    return made._replace(**changed)


def seen(*drills: Drill, policy: Any = POLICY, attempts: Any = (), running: bool = False, trouble: str = "") -> Seen:
    return Seen("spring", "orders", "switchover_and_back", policy, drills, attempts, running, trouble)


offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))


@st.composite
def scenes(draw: st.DrawFn) -> tuple[dict[str, Any], dt.datetime]:
    """A policy with a window and blackout dates about it, and a moment inside of the window or near it."""
    start = START + draw(st.integers(-4 * 86400, 4 * 86400)) * SECOND
    length = draw(st.integers(1, 6 * 86400))
    first, second = draw(offsets), draw(offsets)
    days = st.integers(-1, 7).map(lambda day: (start.date() + dt.timedelta(days=day)).isoformat())
    dates = draw(st.lists(days, max_size=3))
    window = {
        "start": start.astimezone(first).isoformat(),
        "end": (start + length * SECOND).astimezone(second).isoformat(),
    }
    at = start + draw(st.integers(-3600, length + 3600)) * SECOND
    return {**POLICY, "window": window, "blackout_dates": dates}, at


@given(scenes(), offsets)
def test_nothing_begins_outside_of_the_window_or_on_a_blackout_date(
    scene: tuple[dict[str, Any], dt.datetime], zone: dt.timezone
) -> None:
    policy, at = scene
    start = drill_calendar.may_begin(policy, at.astimezone(zone))
    opens, closes = (dt.datetime.fromisoformat(policy["window"][key]) for key in ("start", "end"))
    inside = opens <= at < closes
    black = at.astimezone(opens.tzinfo).date().isoformat() in policy["blackout_dates"]
    assert (start.code == 0) == (inside and not black)
    try:
        drill_policy.when(policy, at)
        assert start.code == 0
    except Refusal:
        # The drill itself would refuse it as well: there is one rule.
        assert start.code in (drill_calendar.NOT_YET, drill_calendar.OVER, drill_calendar.BLACKOUT) and start.why


@given(scenes())
def test_postponed_is_what_still_has_a_moment(scene: tuple[dict[str, Any], dt.datetime]) -> None:
    policy, at = scene
    start = drill_calendar.may_begin(policy, at)
    window = drill_calendar.window_of(policy)
    # A slow reference: each midnight of the window's zone, its first moment, and now.
    tries, each = [max(at, window.start)], window.start.replace(hour=0, minute=0, second=0)
    while each < window.end:
        tries.append(each)
        each += dt.timedelta(days=1)
    left = any(window.allows(one) for one in tries if one >= at)
    assert drill_calendar.chance_left(window, at) == left
    if start.code:
        assert start.grade == (drill_calendar.POSTPONED if left else drill_calendar.MISSED)


def test_codes_grades_and_words() -> None:
    def begin(at: str, **options: Any) -> drill_calendar.Start:
        return drill_calendar.may_begin(POLICY, dt.datetime.fromisoformat(at), **options)

    assert begin("2026-02-28T23:59:59Z")[:2] == (81, "postponed")
    assert begin("2026-03-01T00:00:00Z")[:2] == (0, "began")
    assert begin("2026-03-01T02:00:00Z")[:2] == (82, "missed")
    assert begin("2026-03-01T01:59:59Z", holder="orders-failover runs") == (84, "postponed", "orders-failover runs")
    wall = drill_calendar.wall(START + SECOND)
    again = begin("2026-03-01T01:00:00Z", begun=[wall])
    assert again[:2] == (85, "done") and "2026-03-01T00:00:01+00:00" in again.why
    assert begin("2026-03-01T01:00:00Z", begun=[wall - 2 * 10**9]).code == 0
    black = drill_calendar.may_begin({**POLICY, "blackout_dates": ["2026-03-01"]}, START)
    assert black[:2] == (83, "missed") and "2026-03-01 is a blackout date" in black.why
    night = {
        "window": {"start": "2026-03-01T00:00:00+09:00", "end": "2026-03-01T04:00:00+09:00"},
        "blackout_dates": ["2026-03-01"],
    }
    # In UTC it is still the day before.
    assert drill_calendar.may_begin(night, START - dt.timedelta(hours=8))[:2] == (83, "missed")
    assert drill_calendar.may_begin(None, START).code == 0
    assert drill_calendar.may_begin(None, START, holder="x").code == 84


@pytest.mark.parametrize(
    "changed",
    [
        {"window": {"start": "2026-03-01T09:00:00", "end": "2026-03-01T11:00:00+09:00"}},
        {"window": {"start": "2026-03-01T09:00:00+09:00", "end": "2026-03-01T09:00:00+09:00"}},
        {"window": None},
        {"blackout_dates": ["1.3.2026"]},
        {"blackout_dates": ["2026-02-30"]},
    ],
)
def test_a_policy_that_cannot_be_read_begins_nothing(changed: dict[str, Any]) -> None:
    start = drill_calendar.may_begin({**POLICY, **changed}, START + SECOND)
    assert start.code == drill_calendar.BROKEN and "policy" in start.why


def test_a_window_over_a_change_to_summer_time() -> None:
    # In Berlin 02:00 to 03:00 does not exist on that day; the window is one hour long and not two.
    policy = {**POLICY, "window": {"start": "2026-03-29T01:30:00+01:00", "end": "2026-03-29T03:30:00+02:00"}}
    berlin = ZoneInfo("Europe/Berlin")
    for text, code in (("01:29", 81), ("01:30", 0), ("03:29", 0), ("03:30", 82)):
        at = dt.datetime.fromisoformat(f"2026-03-29T{text}:00").replace(tzinfo=berlin)
        assert drill_calendar.may_begin(policy, at.astimezone(dt.UTC)).code == code


# ------------------------------------------------------------------------------------------- due

drills = st.builds(
    lambda days, overall, date: drill(days, overall, due_date=date),
    st.integers(-400, 400),
    st.sampled_from(["met", "met with findings", "not met", "inconclusive"]),
    st.sampled_from(["", "2026-03-31", "2025-12-31"]),
)


@given(st.lists(drills, max_size=6), drills, st.sampled_from([None, 1, 30, 365]), st.sampled_from([None, "2026-03-31"]))
def test_a_later_drill_never_makes_the_next_one_due_earlier(
    held: list[Drill], new: Drill, cadence: int | None, date: str | None
) -> None:
    policy = {**POLICY, "cadence_days": cadence, "due_date": date}
    last = drill_calendar.last_of(held)
    new = new._replace(started_wall_ns=max([new.started_wall_ns, *(each.started_wall_ns + 1000 for each in held)]))
    before, after = drill_calendar.due(policy, held), drill_calendar.due(policy, [*held, new])
    if last is not None and before is not None and after is not None:
        assert after.at >= before.at
    if new.overall == "inconclusive":
        assert after == before


def test_due_is_the_earlier_of_cadence_and_date() -> None:
    def due(*held: Drill, **changed: Any) -> tuple[str, str] | None:
        found = drill_calendar.due({**POLICY, **changed}, held)
        return (found.at.isoformat(), found.why) if found else None

    by_date = ("2026-04-01T00:00:00+09:00", "due_date 2026-03-31 of the policy")
    assert due() == by_date
    assert due(drill(0)) == by_date
    assert due(drill(-80)) == ("2026-03-11T09:00:00+09:00", "90 days after drill D-80")
    assert due(drill(0, due_date="2026-03-31")) == ("2026-05-30T09:00:00+09:00", "90 days after drill D0")
    assert due(drill(0, "inconclusive", due_date="2026-03-31")) == by_date
    assert due(drill(0, due_date="2026-03-31"), cadence_days=None) is None
    assert due(due_date=None) is None
    for wrong in ({"cadence_days": 0}, {"cadence_days": "soon"}, {"due_date": "spring"}):
        with pytest.raises(Refusal, match=next(iter(wrong))):
            due(**wrong)


# ----------------------------------------------------------------------------------------- alarm


def keys(found: Seen, at: dt.datetime) -> list[str]:
    return [each.key.partition(":")[0] for each in drill_calendar.alarms(found, at)]


def attempt(at: dt.datetime, grade: str = "began", code: int = 0, ended: bool = True) -> Attempt:
    wall = drill_calendar.wall(at)
    return Attempt(wall, grade, code, "why", wall + 1 if ended else None)


def test_what_the_alarm_says_and_when() -> None:
    april = dt.datetime(2026, 3, 31, 15, 0, tzinfo=dt.UTC)
    inside = START + SECOND
    assert keys(seen(), START) == []
    assert keys(seen(drill(0, due_date="2026-03-31")), april) == []
    assert keys(seen(), april - SECOND) == ["window"]
    assert keys(seen(), april) == ["due", "window"]
    assert keys(seen(drill(0, "inconclusive")), april) == ["due"]
    assert keys(seen(drill(0, kind="failover_fence_reinstate", due_date="2026-03-31")), april) == ["due", "window"]
    assert keys(seen(drill(0, environment="ci", due_date="2026-03-31")), april) == ["due", "window"]
    assert keys(seen(attempts=[attempt(inside, code=2)]), START + dt.timedelta(days=1)) == ["run"]
    assert keys(seen(attempts=[attempt(inside, ended=False)]), inside) == ["run"]
    assert keys(seen(attempts=[attempt(inside, ended=False)], running=True), inside) == []
    assert keys(seen(attempts=[attempt(inside, "postponed", 84)]), april - SECOND) == ["window"]
    assert keys(seen(policy={**POLICY, "due_date": None}), START) == ["no-date"]
    assert keys(seen(policy={**POLICY, "window": {}}), START) == ["policy"]
    assert keys(seen(trouble="it was changed"), april) == ["trouble"]
    assert keys(seen(policy=None, attempts=[attempt(inside, code=2)]), april) == ["run"]
    said = drill_calendar.alarms(seen(drill(-80), attempts=[attempt(inside, "missed", 82)]), april)[0]
    assert said.text == (
        "it was due at 2026-03-11T09:00:00+09:00: 90 days after drill D-80; the last that came to a verdict is D-80 of "
        "2025-12-11T00:00:00+00:00: met; last attempt 2026-03-01T00:00:01+00:00: missed, why"
    )


def test_metrics_leave_out_what_is_not_known() -> None:
    unknown = seen(policy={**POLICY, "due_date": None})._replace(cluster='o"2')
    changed = seen(drill(0), trouble="changed")._replace(cluster="o3")
    text = drill_calendar.figures(
        [seen(drill(-80)), unknown, changed], {("orders", "switchover_and_back"): 2}, START + dt.timedelta(days=60)
    )
    labels = 'type="switchover_and_back",environment="production"}'
    assert f'firedrill_drill_due_timestamp_seconds{{cluster="orders",{labels} 1773187200\n' in text
    assert f'firedrill_drill_overdue{{cluster="orders",{labels} 1\n' in text
    assert f'firedrill_drill_last_timestamp_seconds{{cluster="orders",{labels} 1765411200\n' in text
    assert f'firedrill_drill_folders_left_out{{cluster="orders",{labels} 2\n' in text
    assert f'firedrill_drill_last_timestamp_seconds{{cluster="o3",{labels} 1772323200\n' in text
    known = [line for line in text.splitlines() if not line.startswith("firedrill_drill_alarms{")]
    assert sum("o3" in line for line in known) == 1 and 'o\\"2' not in "".join(known)
    for line in text.splitlines():
        assert re.match(r"# (HELP|TYPE) firedrill_drill_\w+ .+|firedrill_drill_\w+(\{.+\})? [0-9.]+\Z", line), line
    assert "overdue{" not in drill_calendar.figures([unknown], {}, START)
    assert f'overdue{{cluster="orders",{labels} 0\n' in drill_calendar.figures([seen(drill(-80))], {}, START)


def standing(*found: Seen, at: dt.datetime = START) -> dict[str, int]:
    """The gauge of the alarms, by kind."""
    lines = re.findall(r"^firedrill_drill_alarms\{(.+)\} (\d+)$", drill_calendar.figures(found, {}, at), re.M)
    return {re.findall(r'kind="([a-z-]+)"', labels)[0]: int(value) for labels, value in lines}


def test_every_alarm_that_stands_is_in_the_metrics() -> None:
    april = dt.datetime(2026, 3, 31, 15, 0, tzinfo=dt.UTC)
    quiet = {"trouble": 0, "policy": 0, "no-date": 0, "due": 0, "window": 0, "run": 0}
    bare = {**POLICY, "cadence_days": None, "due_date": None}
    assert standing(seen()) == quiet
    assert standing(seen(drill(-80), policy=bare), at=april) == {**quiet, "window": 1}, "no cadence, no due_date"
    assert standing(seen(), at=april) == {**quiet, "due": 1, "window": 1}
    assert standing(seen(policy={**POLICY, "due_date": None})) == {**quiet, "no-date": 1}
    assert standing(seen(policy={**POLICY, "window": {}})) == {"trouble": 0, "policy": 1, "run": 0}
    assert standing(seen(trouble="it was changed"), at=april) == {"trouble": 1, "run": 0}
    readiness = seen(policy=None, attempts=[attempt(START, code=2)])._replace(type="", name="look")
    assert standing(readiness) == {"trouble": 0, "run": 1}
    text = drill_calendar.figures([readiness], {}, START)
    assert 'firedrill_drill_alarms{cluster="orders",type="",environment="production",drill="look",kind="run"} 1' in text
    for kinds in (drill_calendar.alarms(seen(), april), drill_calendar.alarms(seen(trouble="x"), april)):
        assert {each.kind for each in kinds} <= set(drill_calendar.KINDS)


def test_a_run_that_failed_stands_until_a_later_one_ended_well() -> None:
    begun = [START + number * SECOND for number in range(3)]
    failed, broke = attempt(begun[0], code=2), attempt(begun[1], ended=False)
    assert standing(seen(drill(0), attempts=[failed]))["run"] == 1
    assert standing(seen(drill(0), attempts=[failed, broke]))["run"] == 2
    assert standing(seen(drill(0), attempts=[failed, broke], running=True))["run"] == 1
    good = seen(drill(0), attempts=[failed, broke, attempt(begun[2])])
    assert standing(good)["run"] == 0 and keys(good, START) == ["run", "run"], "it is told all the same"
    assert standing(seen(drill(0), attempts=[attempt(begun[0]), broke]))["run"] == 1
