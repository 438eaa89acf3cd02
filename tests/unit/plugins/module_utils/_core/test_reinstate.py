# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cheapest method that is proven possible, and never a cheaper one on a guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import reinstate
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import Fact, known, unknown
from ansible_collections.firedrill.standby.plugins.module_utils._core.reinstate import (
    DISCARDING,
    METHODS,
    REBUILD,
    REJOIN,
    RESYNC,
    REVERSE_SYNC,
    Case,
    Condition,
)

YES: Fact[bool] = known(True, "seen")
NO: Fact[bool] = known(False, "seen")
DOUBT: Fact[bool] = unknown("view", "not told")


def case(facts: dict[str, Fact[bool]], exported: Fact[bool] = YES, asked: bool = False, same: Fact[bool] = YES) -> Case:
    conditions = {method: (Condition(f"{method} can be", fact),) for method, fact in facts.items()}
    common = (Condition("it is the same database", same),)
    return Case("seoul1", common, conditions, Condition("its own redo is exported", exported), asked)


def test_the_cheapest_first_and_why_not_the_cheaper() -> None:
    found = reinstate.choose(case({REJOIN: NO, REVERSE_SYNC: YES, RESYNC: YES, REBUILD: YES}))
    assert found.lines("seoul1") == [
        "seoul1: resync of the blocks that differ (resync)",
        "  because resync can be",
        "  not rejoin as it is:",
        "    not so: rejoin can be (seen)",
        "  not reverse synchronisation:",
        "    it is taken only when it is asked for by name",
    ]
    assert reinstate.choose(case({REJOIN: YES, RESYNC: YES})).method == REJOIN


def test_reverse_synchronisation_only_when_asked_for() -> None:
    facts = {REVERSE_SYNC: YES, RESYNC: YES}
    assert reinstate.choose(case(facts, asked=True)).method == REVERSE_SYNC
    assert reinstate.choose(case(facts)).method == RESYNC


def test_unknown_rules_a_cheaper_method_out() -> None:
    found = reinstate.choose(case({REJOIN: DOUBT, RESYNC: DOUBT, REBUILD: YES}))
    assert found.method == REBUILD
    assert reinstate.find(found, RESYNC) == reinstate.Rejected(
        RESYNC, ("UNKNOWN whether resync can be (view: not told)",)
    )


def test_nothing_is_discarded_before_it_is_exported() -> None:
    with pytest.raises(Refusal) as caught:
        reinstate.choose(case({REVERSE_SYNC: YES, RESYNC: YES, REBUILD: YES}, exported=DOUBT, asked=True))
    assert "UNKNOWN whether its own redo is exported" in caught.value.seen
    assert caught.value.nothing_changed
    assert reinstate.choose(case({REJOIN: YES, RESYNC: YES}, exported=DOUBT)).method == REJOIN


def test_another_database_is_refused_whatever_else_holds() -> None:
    everything = dict.fromkeys(METHODS, YES)
    with pytest.raises(Refusal) as refused:
        reinstate.choose(case(everything, same=NO))
    assert not isinstance(refused.value, UnknownState)
    with pytest.raises(UnknownState):
        reinstate.choose(case(everything, same=DOUBT))


def test_a_method_by_name_is_taken_only_when_it_is_possible() -> None:
    facts = {REJOIN: YES, RESYNC: YES, REBUILD: YES}
    assert reinstate.choose(case(facts), REBUILD).reasons[0] == "it was asked for by name"
    with pytest.raises(Refusal) as caught:
        reinstate.choose(case({REJOIN: DOUBT, REBUILD: YES}), REJOIN)
    assert caught.value.meaning == "The method that was asked for is not proven possible"


FACTS = st.sampled_from([YES, NO, DOUBT])


@given(st.fixed_dictionaries(dict.fromkeys(METHODS, FACTS)), FACTS, st.booleans())
def test_what_is_chosen_is_proven_and_no_cheaper_one_was(
    facts: dict[str, Fact[bool]], exported: Fact[bool], asked: bool
) -> None:
    def possible(method: str) -> bool:
        return (
            facts[method].equals(True)
            and (method not in DISCARDING or exported.equals(True))
            and (method != REVERSE_SYNC or asked)
        )

    wanted = [method for method in METHODS if possible(method)]
    try:
        found = reinstate.choose(case(facts, exported, asked))
    except Refusal:
        assert not wanted
        return
    assert found.method == wanted[0]
    assert [one.method for one in found.rejected] == list(METHODS[: METHODS.index(found.method)])
