# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of the statements keeps a primary alive at every step, and what has no safe order is refused with the legal way."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import decide_replication as plan
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.decide_replication import Link, Sending

SYNC, ASYNC = "10.0.0.2:8633 LGWR SYNC", "10.0.0.3:8633 LGWR ASYNC"
OTHER = "10.0.0.4:8633 LGWR SYNC"
MODE = "ALTER SYSTEM SET LOG_REPLICATION_MODE="


def runs(value: str) -> Link:
    return Link(value, True, True, "it runs")


def alive(value: str) -> Link:
    return Link(value, None, True, "it is in recovery")


def dead(value: str) -> Link:
    return Link(value, False, False, "its standby (seoul2) does not answer")


def dest(number: int, value: str) -> str:
    return f'ALTER SYSTEM SET LOG_REPLICATION_DEST_{number} = "{value}"'


def said(now: Sending, wanted: Sending, *remove: int) -> list[str]:
    return [step.statement or "prove" for step in plan.decide(now, wanted, remove)]


def test_nothing_to_do():
    now = Sending("AVAILABILITY", {1: runs(SYNC)})
    assert said(now, now) == []


def test_from_unprotected_the_mode_comes_first_then_the_destination():
    assert said(Sending("UNPROTECTED", {}), Sending("PERFORMANCE", {1: Link(ASYNC)})) == [
        MODE + "PERFORMANCE",
        dest(1, ASYNC),
    ]


@pytest.mark.parametrize("mode", plan.STRONG)
def test_a_stronger_mode_is_set_last_after_proof(mode: str):
    assert said(Sending("UNPROTECTED", {}), Sending(mode, {1: alive(SYNC)})) == [
        MODE + "PERFORMANCE",
        dest(1, SYNC),
        "prove",
        MODE + mode,
    ]


def test_a_weaker_mode_is_set_before_a_destination_changes():
    assert said(Sending("PROTECTION", {1: runs(SYNC)}), Sending("PERFORMANCE", {1: Link(ASYNC)})) == [
        MODE + "PERFORMANCE",
        dest(1, ASYNC),
    ]


def test_the_mode_is_lowered_while_the_only_sync_standby_is_exchanged():
    now = Sending("PROTECTION", {1: runs(SYNC)})
    assert said(now, Sending("PROTECTION", {2: alive(OTHER)}), 1) == [
        MODE + "PERFORMANCE",
        dest(1, ""),
        dest(2, OTHER),
        "prove",
        MODE + "PROTECTION",
    ]


def test_the_mode_stays_while_another_sync_standby_is_proven():
    now = Sending("PROTECTION", {1: runs(SYNC), 2: runs(OTHER)})
    assert said(now, Sending("PROTECTION", {2: runs(OTHER)}), 1) == [dest(1, "")]


def test_between_the_two_strong_modes():
    links = {1: runs(SYNC)}
    assert said(Sending("PROTECTION", links), Sending("AVAILABILITY", links)) == [MODE + "AVAILABILITY"]
    assert said(Sending("AVAILABILITY", links), Sending("PROTECTION", links)) == ["prove", MODE + "PROTECTION"]


def test_the_last_destination_goes_with_the_mode():
    assert said(Sending("PROTECTION", {1: runs(SYNC)}), Sending("UNPROTECTED", {}), 1) == [
        MODE + "PERFORMANCE",
        dest(1, ""),
        MODE + "UNPROTECTED",
    ]


def test_suspended_and_sent_to_again():
    links = {1: Link(SYNC), 2: Link(ASYNC)}
    on, off = Sending("PERFORMANCE", links), Sending("PERFORMANCE", links, frozenset([2]))
    assert said(on, off) == ["ALTER SYSTEM SET LOG_REPLICATION_2_ENABLE=N"]
    assert said(off, on) == ["ALTER SYSTEM SET LOG_REPLICATION_2_ENABLE=Y"]
    misprinted = plan.decide(on, off, (), "LOG_RELICATION_{n}_ENABLE")
    assert [step.statement for step in misprinted] == ["ALTER SYSTEM SET LOG_RELICATION_2_ENABLE=N"]


def test_a_new_destination_can_only_be_suspended_once_it_exists():
    now, wanted = Sending("PERFORMANCE", {}), Sending("PERFORMANCE", {1: Link(ASYNC)}, frozenset([1]))
    assert said(now, wanted) == [dest(1, ASYNC), "ALTER SYSTEM SET LOG_REPLICATION_1_ENABLE=N"]


def test_a_number_that_was_suspended_is_switched_on_for_its_next_standby():
    now = Sending("PERFORMANCE", {}, frozenset([1]))
    assert said(now, Sending("PERFORMANCE", {1: Link(ASYNC)})) == [
        dest(1, ASYNC),
        "ALTER SYSTEM SET LOG_REPLICATION_1_ENABLE=Y",
    ]


def test_two_destinations_never_feed_one_standby():
    now = Sending("PERFORMANCE", {1: Link(SYNC), 2: Link(ASYNC)})
    assert said(now, Sending("PERFORMANCE", {1: Link(ASYNC), 2: Link(SYNC)})) == [
        dest(1, ""),
        dest(2, ""),
        dest(1, ASYNC),
        dest(2, SYNC),
    ]
    with pytest.raises(Refusal, match=r"LOG_REPLICATION_DEST_1 of the primary leads to 10.0.0.2"):
        plan.decide(now, Sending("PERFORMANCE", {3: Link(SYNC)}))


@pytest.mark.parametrize(
    ("now", "wanted", "words"),
    [
        (
            Sending("PERFORMANCE", {1: runs(ASYNC)}),
            Sending("AVAILABILITY", {1: runs(ASYNC)}),
            "Mode AVAILABILITY was asked for; no destination receives by LGWR SYNC. .*Legal is PERFORMANCE first",
        ),
        (
            Sending("PROTECTION", {1: runs(SYNC)}),
            Sending("PROTECTION", {1: runs(SYNC)}, frozenset([1])),
            r"every LGWR SYNC destination is to be suspended \(1\)",
        ),
        (
            Sending("PERFORMANCE", {1: dead(SYNC)}),
            Sending("PROTECTION", {1: dead(SYNC)}),
            "LOG_REPLICATION_DEST_1 10.0.0.2:8633 LGWR SYNC: its standby .seoul2. does not answer.*Legal is: start such a standby",
        ),
        (
            Sending("AVAILABILITY", {1: dead(SYNC)}),
            Sending("AVAILABILITY", {1: dead(SYNC), 2: Link(ASYNC)}),
            "No LGWR SYNC standby is proven to run",
        ),
        (Sending("UNPROTECTED", {}), Sending("PERFORMANCE", {}), "no destination.*350009"),
        (Sending("PERFORMANCE", {1: runs(SYNC)}), Sending("UNPROTECTED", {}), "with destination 1"),
        (
            Sending("PERFORMANCE", {}),
            Sending("PERFORMANCE", {1: Link(SYNC), 2: Link("10.0.0.2:8633 LGWR ASYNC")}),
            "named by more than one",
        ),
    ],
)
def test_what_is_refused(now: Sending, wanted: Sending, words: str):
    with pytest.raises((Refusal, UnknownState), match=r"(?s)" + words):
        plan.decide(now, wanted)


def test_what_the_server_shows_is_read():
    live = {
        "LOG_REPLICATION_MODE": "availability",
        "LOG_REPLICATION_DEST_1": ' "Host:8633   lgwr  async" ',
        "LOG_REPLICATION_DEST_2": "",
        "LOG_REPLICATION_1_ENABLE": "N",
        "LOG_RELICATION_3_ENABLE": "n",
    }
    assert plan.observed(live) == Sending("AVAILABILITY", {1: Link("host:8633 LGWR ASYNC")}, frozenset([1, 3]))
    assert plan.observed({}).mode == "UNPROTECTED"


@pytest.mark.parametrize(
    "live",
    [
        {"LOG_REPLICATION_MODE": "MAXIMUM"},
        {"LOG_REPLICATION_DEST_1": "somewhere"},
        {"LOG_REPLICATION_1_ENABLE": "perhaps"},
    ],
)
def test_what_is_not_recognised_is_refused(live: dict[str, str]):
    with pytest.raises(UnknownState):
        plan.observed(live)


def test_a_foreign_key_is_refused():
    with pytest.raises(Refusal, match=r"LISTENER_PORT"):
        plan.number_of("LISTENER_PORT")


def test_remarks():
    assert "PROTECTION rests on one standby" in plan.remarks(Sending("PROTECTION", {1: runs(SYNC)}))[0]
    assert "would not boot; it ends at its next commit" in plan.remarks(Sending("PROTECTION", {1: dead(SYNC)}))[0]
    assert plan.remarks(Sending("AVAILABILITY", {1: runs(SYNC)})) == ()


# ------------------------------------------------------------------------------------ properties

VALUES = [f"10.0.0.{host}:8633 {how}" for host in (2, 3, 4, 5) for how in ("LGWR SYNC", "LGWR ASYNC", "ARCH ASYNC")]


@st.composite
def sendings(draw: st.DrawFn, observed: bool) -> Sending:
    numbers = draw(st.lists(st.integers(1, 5), max_size=4, unique=True))
    hosts = draw(st.permutations((2, 3, 4, 5)))
    links = {}
    for number, host in zip(numbers, hosts, strict=False):
        how = draw(st.sampled_from(("LGWR SYNC", "LGWR ASYNC", "ARCH ASYNC")))
        knows = draw(st.sampled_from((True, False, None)))
        links[number] = Link(
            f"10.0.0.{host}:8633 {how}", draw(st.sampled_from((True, False, None))) if observed else None, knows
        )
    off = draw(st.sets(st.integers(1, 5) if observed else st.sampled_from(sorted(links) or [0])))
    mode = draw(st.sampled_from(plan.MODES))
    return Sending(mode, links, frozenset(off if observed else off & set(links)))


@settings(max_examples=400)
@given(sendings(observed=True), sendings(observed=False), st.booleans())
def test_no_state_of_any_plan_could_stop_the_primary(now: Sending, wanted: Sending, remove: bool):
    gone = sorted(set(now.links) - set(wanted.links)) if remove else []
    try:
        steps = plan.decide(now, wanted, gone)
    except (Refusal, UnknownState):
        return
    state = now
    for step in steps:
        state = plan.after(state, step)
        assert state.mode not in plan.STRONG or plan.protected(state), (step, steps)
        addresses = [link.address for link in state.links.values()]
        assert len(addresses) == len(set(addresses)), (step, steps)
    assert state.mode == wanted.mode
    for number, link in wanted.links.items():
        assert state.links[number].value == link.value
        assert (number in state.off) == (number in wanted.off)
    assert not set(gone) & set(state.links)


@settings(max_examples=150)
@given(sendings(observed=True), sendings(observed=False))
def test_a_plan_leads_to_where_nothing_is_left_to_do(now: Sending, wanted: Sending):
    gone = sorted(set(now.links) - set(wanted.links))
    try:
        steps = plan.decide(now, wanted, gone)
    except (Refusal, UnknownState):
        return
    for step in steps:
        now = plan.after(now, step)
    assert plan.decide(now, wanted, gone) == []
