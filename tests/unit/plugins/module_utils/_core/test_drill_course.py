# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill takes for a real disaster and what for its own doing, and which way home is safe without a person."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.filter.standby import standby_drill_lost, standby_drill_way

MEMBERS = ("busan1", "seoul1", "seoul2")


def member(role: str, open_mode: str = "", **more: Any) -> dict[str, Any]:
    mode = open_mode or {"primary": "read_write", "standby": "recovery"}.get(role, "UNKNOWN")
    return {"role": role, "open_mode": mode, "running": True, "fenced": {}, "role_change": {}, **more}


STOPPED = member("UNKNOWN", "stopped", running=False)
SILENT: dict[str, Any] = {"unreachable": True, "msg": "no route to host"}


def change(kind: str = "switchover", number: str = "c1", state: str = "done") -> dict[str, Any]:
    told = {"id": number, "kind": kind, "old": "seoul1", "new": "seoul2", "holder": "lee@desk", "started_at": "10:00"}
    return {"change": told, "state": state}


def cluster(**more: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """seoul2 is primary, as after a failover of the drill."""
    return {"seoul1": member("standby"), "seoul2": member("primary"), "busan1": member("standby"), **more}


def lost(seen: dict[str, dict[str, Any]], **course: Any) -> list[str]:
    return standby_drill_lost(seen, MEMBERS, {"primary": "seoul2", **course})


def way(seen: dict[str, dict[str, Any]], origin: str = "seoul1", back: bool = True) -> dict[str, str]:
    return {name: word for name, word in standby_drill_way(seen, MEMBERS, origin, back).items() if word}


@pytest.mark.parametrize(
    ("name", "seen", "course", "words"),
    [
        ("seoul2", STOPPED, {}, "seoul2, the primary, is stopped"),
        ("seoul2", SILENT, {}, "seoul2, the primary, does not answer"),
        ("seoul2", member("standby"), {}, "seoul2, the primary, is standby, recovery"),
        ("seoul2", member("primary", "mount"), {}, "seoul2, the primary, is primary, mount"),
        ("seoul2", member("UNKNOWN"), {"quiet": True}, "seoul2, the primary, is UNKNOWN, UNKNOWN"),
        ("seoul1", STOPPED, {}, "seoul1, a standby, is stopped"),
        ("busan1", SILENT, {"hit": ["seoul1"]}, "busan1, a standby, does not answer"),
    ],
)
def test_who_is_lost_and_was_not_hit_is_a_real_disaster(
    name: str, seen: dict[str, Any], course: dict[str, Any], words: str
) -> None:
    assert lost(cluster(), **course) == []
    assert lost(cluster(**{name: seen}), **course) == [words]


@pytest.mark.parametrize("seen", [STOPPED, SILENT, member("primary", "mount")])
def test_who_was_hit_is_none(seen: dict[str, Any]) -> None:
    assert lost(cluster(seoul1=seen), hit=["seoul1"]) == []
    assert lost(cluster(seoul1=seen), primary="seoul1") != []


def test_a_primary_that_does_not_tell_what_it_is_is_lost_only_where_clients_are_not_served_either() -> None:
    assert lost(cluster(seoul2=member("UNKNOWN"))) == []
    assert lost(cluster(seoul1=member("UNKNOWN")), quiet=True) == []


def test_a_role_change_of_somebody_else_is_one_whoever_was_hit() -> None:
    seen = {name: {**each, "role_change": change("failover")} for name, each in cluster().items()}
    words = "the failover c1 to seoul2, begun by lee@desk at 10:00, is not the drill's"
    assert lost(seen) == lost(seen, hit=MEMBERS) == [words]
    assert lost(seen, own=["c1"]) == lost(seen, known=["c1"]) == lost(seen, kinds=["switchover"]) == []


def test_a_fence_tells_of_a_failover_that_has_no_journal_yet() -> None:
    fenced = {**STOPPED, "fenced": {"reason": "failover c9 to seoul2"}}
    words = ["the failover c9 to seoul2 is not the drill's, and has fenced"]
    assert lost(cluster(seoul1=fenced), hit=["seoul1"]) == words
    assert lost(cluster(seoul1=fenced), hit=["seoul1"], own=["c9"]) == []
    again = {**STOPPED, "fenced": {"reason": "its reinstatement ended before anything was decided: no space"}}
    assert lost(cluster(seoul1=again), hit=["seoul1"]) == []


def test_a_member_in_the_middle_of_a_change_of_the_drill_is_told_by_its_journal() -> None:
    seen = cluster(seoul2={**STOPPED, "role_change": change(state="open")})
    assert lost(seen, own=["c1"]) == []
    assert lost(cluster(seoul2={**STOPPED, "role_change": change()}), own=["c1"]) != []


@pytest.mark.parametrize(
    ("seen", "back", "steps"),
    [
        ({}, True, {"switch": "seoul1"}),
        ({}, False, {}),
        ({"seoul1": STOPPED}, True, {"reinstate": "seoul1", "switch": "seoul1"}),
        ({"seoul1": STOPPED}, False, {"reinstate": "seoul1"}),
        ({"seoul1": member("standby", fenced={"reason": "x"})}, False, {"reinstate": "seoul1"}),
        ({"seoul1": member("primary"), "seoul2": member("standby")}, True, {}),
        ({"seoul2": {**STOPPED, "role_change": change(state="open")}, "seoul1": STOPPED}, True, {"finish": "seoul2"}),
        ({"seoul2": {**STOPPED, "role_change": change("undo", state="open")}}, True, {"finish": "seoul1"}),
    ],
)
def test_the_way_home_is_what_is_left_to_do(seen: dict[str, dict[str, Any]], back: bool, steps: dict[str, str]) -> None:
    assert way(cluster(**seen), back=back) == steps


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ({"busan1": SILENT}, "make busan1 answer"),
        ({"seoul2": STOPPED}, "no member is an open primary: look at them with playbooks/status.yml, and start seoul1"),
        ({"seoul1": member("primary")}, "seoul1 and seoul2 are primary: look at them"),
        ({"seoul1": member("primary", "mount")}, "seoul1 is primary, mount: see playbooks/status.yml"),
        ({"seoul1": member("UNKNOWN")}, "seoul1 is UNKNOWN, UNKNOWN: see playbooks/status.yml"),
        ({"seoul1": {**STOPPED, "role_change": change("failover", state="open")}}, "run playbooks/failover.yml -e standby_target=seoul2"),
        ({"seoul2": {**STOPPED, "role_change": change(state="needs a person")}}, "c1 needs a person"),
    ],
)  # fmt: skip
def test_what_is_not_safe_is_left_to_a_person(seen: dict[str, dict[str, Any]], words: str) -> None:
    found = way(cluster(**seen))
    assert list(found) == ["why"] and found["why"].startswith(words), found


def test_no_way_home_is_gone_beside_a_second_primary_or_without_an_answer() -> None:
    states = (member("primary"), member("standby"), STOPPED, SILENT, member("UNKNOWN"), member("primary", "mount"))
    for seen in itertools.product(states, repeat=3):
        found = way(dict(zip(MEMBERS, seen, strict=True)))
        acts = {"finish", "reinstate", "switch"} & set(found)
        sure = [each for each in seen if each.get("role") == "primary" and each["open_mode"] == "read_write"]
        assert not acts or (len(sure) == 1 and SILENT not in seen and "why" not in found), (seen, found)
