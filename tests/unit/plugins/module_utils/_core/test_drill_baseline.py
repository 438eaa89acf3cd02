# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Group G: what the members were at the start, and nothing that was not seen."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_baseline import baseline, details, fact


def known(value: Any) -> dict[str, Any]:
    return {"value": value, "source": "s"}


UNREAD = {"value": "UNKNOWN", "source": "s", "why": "no login"}
LOOKED = {
    "seoul1": {
        "space": known({"data": {"path": "/data", "device": 1, "free_bytes": 500, "free_inodes": 9}}),
        "database_size": known({"bytes": 4096, "files": 3, "redo_bytes": 100}),
        "parameters": known({"DB_NAME": "orders", "MAX_SESSION_COUNT": "20"}),
        "licence": known({"end_date": "2027/01/31", "edition": None}),
        "db_block_size": known(8192),
    },
    "busan1": {"space": UNREAD, "parameters": known({"DB_NAME": "orders", "MAX_SESSION_COUNT": "10", "MORE": "1"})},
    "busan2": {},
}
STATES = {"seoul1": {"position": known("120")}, "busan1": {"position": known("100")}, "busan2": {"position": UNREAD}}
READING = {"before": 1000, "after": 1301, "wall": 9_000_000, "client_wall": 9_000_400}


def test_what_was_seen_is_told_with_its_member() -> None:
    found = baseline(LOOKED, STATES, {"seoul1": READING}, "seoul1")
    assert found["G.free_space"]["value"] == [{"member": "seoul1", "path": "/data", "free_bytes": 500}]
    assert found["G.data_bytes"]["value"] == 4096
    assert found["G.differences"]["value"] == [
        {"key": "MAX_SESSION_COUNT", "values": {"busan1": "10", "seoul1": "20"}},
        {"key": "MORE", "values": {"busan1": "1", "seoul1": None}},
    ]
    lag = {each["member"]: each["positions"] for each in found["G.lag"]["value"]}
    assert lag == {"busan1": 20, "busan2": None}
    assert {each["source"] for each in found.values()} == {"raw/observations"}


def test_a_clock_has_a_bound_that_covers_when_it_was_read() -> None:
    [clock] = baseline({}, {}, {"seoul1": READING}, "")["G.clocks"]["value"]
    assert (clock["host"], clock["offset_ns"], clock["bound_ns"]) == ("seoul1", 250, 151)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(-(10**12), 10**12))
def test_the_true_offset_of_a_clock_lies_within_its_bound(width: int, moment: int, ahead: int) -> None:
    """The client was read at some moment between the controller's two readings."""
    moment = min(moment, width)
    reading = {"before": 0, "after": width, "wall": 10**15, "client_wall": 10**15 + moment + ahead}
    [clock] = baseline({}, {}, {"seoul1": reading}, "")["G.clocks"]["value"]
    assert abs(clock["offset_ns"] - ahead) <= clock["bound_ns"]


def test_nothing_is_filled_in_where_nothing_was_seen() -> None:
    found = baseline({"seoul1": {}}, {"seoul1": {"position": UNREAD}}, {}, "seoul1")
    assert found == {}
    assert set(details({}).values()) == {None} and fact({"space": UNREAD}, "space") is None


def test_a_standby_that_was_asked_later_is_not_behind() -> None:
    states = {"seoul1": {"position": known("100")}, "busan1": {"position": known("103")}}
    assert baseline({}, states, {}, "seoul1")["G.lag"]["value"][0]["positions"] == 0


def test_a_member_is_told_in_detail() -> None:
    told = details(LOOKED["seoul1"])
    assert (told["page_size_bytes"], told["licence_until"], told["build"]) == (8192, "2027/01/31", None)


REDO = known([{"sequence": 7}, {"sequence": 8}, {"sequence": 0}])


def gaps(archives: Any, **needed: Any) -> Any:
    looked = {"seoul1": {"redo": REDO, "archives": archives}}
    looked.update({name: {"log_sequence": known(number)} for name, number in needed.items()})
    return baseline(looked, {}, {}, "seoul1").get("G.gaps", {}).get("value", "unknown")


def test_a_gap_is_what_nobody_has_and_no_gap_is_told_as_such() -> None:
    some = known({"present": [[2, 3], [6, 6]]})
    assert gaps(some, busan1=7, busan2=6) == []
    assert gaps(some, busan1=3, busan2=8) == [{"member": "busan1", "from": 4, "to": 5}]
    assert gaps(UNREAD, busan1=7) == [], "archives do not matter to one that needs none"
    assert gaps(UNREAD, busan1=6) == "unknown"
    assert gaps(some) == "unknown", "there is no standby"
    assert baseline({"seoul1": {"redo": REDO}, "busan1": {}}, {}, {}, "seoul1") == {}
