# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waivers of checks: by whom, why, until when, and of what never."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import drill_policy, waiver
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal

TODAY = datetime.date(2026, 3, 1)
GIVEN = {"check": "PC-B8.licence", "person": "lee", "reason": "the new one is ordered", "until": "2026-03-01"}


def test_a_waiver_is_good_until_the_end_of_its_day() -> None:
    [found] = waiver.read([GIVEN], TODAY)
    assert found.as_dict() == {"who": "lee", "why": "the new one is ordered", "until": "2026-03-01"}
    with pytest.raises(Refusal, match=r"PC-B8\.licence by lee was good until 2026-03-01, and today is 2026-03-02"):
        waiver.read([GIVEN], TODAY + datetime.timedelta(days=1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"check": "licence"}, "That is no name of a check"),
        ({"check": "PC-B8."}, "That is no name of a check"),
        ({"check": ""}, "That is no name of a check"),
        ({"check": "PC-B3.apply.seoul2"}, "What PC-B3 asks cannot be waived"),
        ({"check": "PC-H3"}, "What PC-H3 asks cannot be waived"),
        ({"person": " "}, "Somebody answers for what is waived"),
        ({"reason": ""}, "Somebody answers for what is waived"),
        ({"until": ""}, "a waiver without an end is none"),
        ({"until": "2026-02-30"}, "a waiver without an end is none"),
        ({"until": "never"}, "a waiver without an end is none"),
    ],
)
def test_what_is_no_waiver_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal) as caught:
        waiver.read([{**GIVEN, **change}], TODAY)
    assert words in caught.value.meaning and caught.value.details == {"policy": "waivers"}


def test_one_person_answers_for_a_check() -> None:
    with pytest.raises(Refusal, match="is waived 2 times"):
        waiver.read([GIVEN, {**GIVEN, "person": "kim"}], TODAY)


def test_a_group_covers_its_checks_and_no_others() -> None:
    [found] = waiver.read([GIVEN], TODAY)
    assert found.covers("PC-B8.licence.busan1") and found.covers("PC-B8.licence")
    assert not found.covers("PC-B8.licences.busan1") and not found.covers("PC-B8")


@pytest.mark.parametrize(
    ("check", "known"),
    [
        ("PC-B8", True),
        ("PC-B8.licence.seoul2", True),
        ("PC-B8.licence.busan1", True),
        ("PC-B8.licence.tokyo1", False),
        ("PC-B8.license", False),
        ("PC-Z9", False),
    ],
)
def test_a_name_that_means_no_check_is_told(check: str, known: bool) -> None:
    """busan1 is a member that nobody asks about now: another drill of this policy may."""
    waivers = waiver.read([{**GIVEN, "check": check}], TODAY)
    ids = ["PC-B8.licence.seoul2", "PC-C1.lag.seoul2"]
    assert waiver.unknown(waivers, ids, ["seoul1", "seoul2", "busan1"]) == ([] if known else [check])


@pytest.mark.parametrize(("until", "refused"), [("2026-02-28", True), ("2026-03-01", False)])
def test_the_day_is_that_of_the_window(until: str, refused: bool) -> None:
    """In Seoul it is the first of March already; in UTC it is not."""
    policy = {
        "name": "orders-dr",
        "version": "1",
        "objectives": {"rto_seconds": 5, "rpo_seconds": 0},
        "requester": "kim",
        "approvers": ["lee"],
        "window": {"start": "2026-03-01T00:00:00+09:00", "end": "2026-03-01T02:00:00+09:00"},
        "waivers": [{**GIVEN, "until": until}],
    }
    now = datetime.datetime(2026, 2, 28, 15, 30, tzinfo=datetime.UTC)
    if refused:
        with pytest.raises(Refusal, match="was good until 2026-02-28, and today is 2026-03-01"):
            drill_policy.decide(policy, now)
    else:
        assert drill_policy.decide(policy, now).policy["waivers"] == policy["waivers"]
