# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which role a member boots: never as a primary beside one that is or may be one, whatever the members are and whoever answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import journal, standing
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import PRIMARY, STANDBY
from ansible_collections.firedrill.standby.plugins.module_utils._core.standing import (
    BOOT_PRIMARY,
    BOOT_STANDBY,
    LEAVE,
    OBSERVED,
    RUNS_AS_PRIMARY,
    RUNS_AS_STANDBY,
    RUNS_NOT,
    RUNS_OTHERWISE,
    RUNS_UNKNOWN,
    STAY,
    WAIT,
    Latest,
    Standing,
    Terms,
    decide_at_boot,
    must_stop,
)

NAMES = ("seoul1", "seoul2", "busan1")
PATIENT = Terms(patience=True)
LAST = Terms()
LENIENT = Terms(unreachable=standing.START)


def change(
    number: int, kind: str = "switchover", old: str = "seoul1", new: str = "seoul2", state: str = journal.CHANGE_DONE
) -> Latest:
    return Latest(f"2026-11-27T06:00:{number:02}Z", f"c{number}", kind, state, old, new)


def one(member: str, recorded: str = STANDBY, runs: str = RUNS_AS_STANDBY, **more: Any) -> Standing:
    return Standing(member, "orders", NAMES, recorded, runs, **{"database": True, **more})


def primary(**more: Any) -> Standing:
    return one("seoul1", PRIMARY, RUNS_NOT, **more)


OTHERS = {"seoul2": one("seoul2"), "busan1": one("busan1")}


def boot(own: Standing, terms: Terms = LAST, **changed: Standing | None) -> Any:
    return decide_at_boot(own, {**OTHERS, **changed}, terms)


# ------------------------------------------------------------------------------------------- the table


def test_a_registered_standby_boots_without_asking_anybody() -> None:
    own = one("seoul2", runs=RUNS_NOT)
    assert decide_at_boot(own, dict.fromkeys(NAMES[1:]), LAST).verdict == BOOT_STANDBY


def test_a_registered_primary_boots_when_all_others_are_standbys() -> None:
    assert boot(primary()).verdict == BOOT_PRIMARY
    resting = one("seoul2", runs=RUNS_NOT)
    assert boot(primary(), seoul2=resting).verdict == BOOT_PRIMARY


def test_one_that_does_not_answer_may_be_the_primary() -> None:
    assert boot(primary(), PATIENT, busan1=None).verdict == WAIT
    found = boot(primary(), busan1=None)
    assert found.verdict == STAY and "no answer from busan1" in found.why and "tbboot -t NORMAL" in found.remedy


def test_silence_is_passed_over_only_as_declared_and_only_at_the_end() -> None:
    assert boot(primary(), LENIENT._replace(patience=True), busan1=None).verdict == WAIT
    found = boot(primary(), LENIENT, busan1=None)
    assert found.verdict == BOOT_PRIMARY and "passed over as declared" in found.why
    told = one("seoul2", latest=change(1, "failover", "seoul1", "busan1"))
    assert boot(primary(), LENIENT, busan1=None, seoul2=told).verdict == STAY


@pytest.mark.parametrize(
    ("other", "verdict", "said"),
    [
        (one("seoul2", PRIMARY, RUNS_AS_PRIMARY), STAY, "seoul2 runs as primary"),
        (one("seoul2", STANDBY, RUNS_AS_PRIMARY), STAY, "seoul2 runs as primary"),
        (one("seoul2", PRIMARY, RUNS_NOT), STAY, "registered as primary too"),
        (one("seoul2", PRIMARY, RUNS_AS_STANDBY), STAY, "registered as primary too"),
        (one("seoul2", STANDBY, RUNS_OTHERWISE), WAIT, "runs otherwise"),
        (one("seoul2", STANDBY, RUNS_UNKNOWN), WAIT, "runs unknown"),
        (one("seoul2", "", RUNS_NOT), WAIT, "recorded as nothing"),
        (one("seoul2", "", RUNS_NOT, database=None), WAIT, "recorded as nothing"),
        (one("seoul2", "", RUNS_NOT, database=False), BOOT_PRIMARY, ""),
        (one("seoul2", "", RUNS_NOT, database=None, fenced="it is fenced"), BOOT_PRIMARY, ""),
        (one("seoul2", "", RUNS_OTHERWISE, fenced="it is fenced"), WAIT, "fenced"),
        (one("seoul2", latest=change(1)), STAY, "the switchover c1 from seoul1 to seoul2 (done) came after that"),
        (one("seoul2", latest=change(1, state=journal.OPEN)), STAY, "has not come to its end"),
        (one("seoul2", latest=change(1, "failover", state=journal.OPEN)), STAY, "came after that"),
        (one("seoul2", latest=change(1, state=journal.UNDONE)), BOOT_PRIMARY, ""),
        (one("seoul2")._replace(members=NAMES[:2]), STAY, "counts seoul1, seoul2 as the members"),
        (one("seoul2")._replace(cluster="sales"), STAY, "of sales"),
    ],
)
def test_what_another_member_says(other: Standing, verdict: str, said: str) -> None:
    found = boot(primary(), PATIENT, seoul2=other)
    assert (found.verdict, said in found.why) == (verdict, True), found
    assert (found.remedy != "") is (verdict in (STAY, WAIT))


def test_what_one_learned_counts_though_the_new_primary_is_silent() -> None:
    told = one("busan1", latest=change(1, "failover", "seoul1", "seoul2"))
    assert boot(primary(), LENIENT, seoul2=None, busan1=told).verdict == STAY


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (primary(fenced="it is fenced since 06:00 (failover)"), "fenced since"),
        (primary(kept="the switchover c1 is half done here"), "half done"),
        (primary()._replace(recorded=""), "no role is registered"),
        (primary()._replace(recorded="snapshot_standby"), "no role is registered"),
        (primary(latest=change(1)), "came after that"),
        (one("seoul1", runs=RUNS_NOT, kept="it has to be built anew"), "built anew"),
        (one("seoul1", runs=RUNS_NOT, fenced="it is fenced"), "fenced"),
        (one("seoul1", runs=RUNS_UNKNOWN), "process list"),
    ],
)
def test_what_keeps_a_member_down(own: Standing, said: str) -> None:
    found = boot(own, PATIENT)
    assert found.verdict == STAY and said in found.why and found.remedy


def test_what_runs_is_left_as_it_is() -> None:
    assert boot(one("seoul1", PRIMARY, RUNS_AS_PRIMARY)).verdict == LEAVE


def test_a_strict_mode_waits_for_a_standby_that_runs() -> None:
    resting = {name: one(name, runs=RUNS_NOT) for name in NAMES[1:]}
    strict = PATIENT._replace(needs_standby=True)
    found = decide_at_boot(primary(), resting, strict)
    assert found.verdict == WAIT and "protection mode" in found.why
    assert decide_at_boot(primary(), resting, strict._replace(patience=False)).verdict == STAY
    assert boot(primary(), strict, seoul2=one("seoul2", runs=RUNS_NOT)).verdict == BOOT_PRIMARY


def test_a_former_primary_that_knows_it_does_not_keep_the_new_one_down() -> None:
    """seoul1 was lost and not fenced; it came back, and its program keeps it down."""
    known = change(1, "failover", "seoul1", "seoul2")
    own = one("seoul2", PRIMARY, RUNS_NOT, latest=known)
    former = one("seoul1", PRIMARY, RUNS_NOT, latest=known)
    assert decide_at_boot(own, {"seoul1": former, "busan1": one("busan1")}, LAST).verdict == BOOT_PRIMARY
    unaware = former._replace(latest=None)
    assert decide_at_boot(own, {"seoul1": unaware, "busan1": one("busan1")}, LAST).verdict == STAY


# ------------------------------------------------------------------------------------------- the watch

RUNNING = one("seoul1", PRIMARY, RUNS_AS_PRIMARY)
TAKEN_OVER = change(1, "failover", "seoul1", "seoul2")


@pytest.mark.parametrize(
    ("own", "others", "stops"),
    [
        (RUNNING, {"seoul2": one("seoul2", PRIMARY, RUNS_AS_PRIMARY, latest=TAKEN_OVER)}, True),
        # It stands still between its stop and its boot: it is promoted at this moment.
        (RUNNING, {"seoul2": one("seoul2", runs=RUNS_NOT, latest=TAKEN_OVER._replace(state=journal.OPEN))}, True),
        (RUNNING, {"seoul2": None, "busan1": one("busan1", latest=TAKEN_OVER)}, True),
        # Known for long, and nobody else runs as primary: roles were changed by hand since then.
        (RUNNING._replace(latest=TAKEN_OVER), {"seoul2": one("seoul2", latest=TAKEN_OVER)}, False),
        (RUNNING._replace(latest=TAKEN_OVER), {"seoul2": None}, False),
        (RUNNING._replace(latest=TAKEN_OVER), {"seoul2": one("seoul2", PRIMARY, RUNS_AS_PRIMARY)}, True),
        (RUNNING, {"seoul2": one("seoul2", runs=RUNS_AS_STANDBY, latest=TAKEN_OVER)}, False),
        # A switchover in which it takes part is the worker's work.
        (
            RUNNING._replace(latest=change(1, state=journal.OPEN)),
            {"seoul2": one("seoul2", latest=change(1, state=journal.OPEN))},
            False,
        ),
        (RUNNING, {"seoul2": None, "busan1": None}, False),
        (RUNNING, OTHERS, False),
        (one("seoul1"), {"seoul2": one("seoul2", PRIMARY, RUNS_AS_PRIMARY, latest=TAKEN_OVER)}, False),
    ],
)
def test_a_primary_stops_only_when_another_has_taken_over(
    own: Standing, others: dict[str, Standing | None], stops: bool
) -> None:
    assert must_stop(own, others)[0] is stops


def test_the_new_primary_does_not_stop_for_the_old_one() -> None:
    new = one("seoul2", PRIMARY, RUNS_AS_PRIMARY, latest=TAKEN_OVER)
    stops, said = must_stop(new, {"seoul1": RUNNING, "busan1": one("busan1")})
    assert not stops and "seoul1 runs as primary too" in said


def test_two_that_know_one_change_differently_still_agree() -> None:
    """A record that was damaged or edited: each would follow its own, and both primaries would stop."""
    to_busan = Latest("2026-11-27T06:00:01Z", "c1", "switchover", journal.OPEN, "seoul1", "busan1")
    to_itself = to_busan._replace(new="seoul1")
    assert standing.newest(to_busan, to_itself) == standing.newest(to_itself, to_busan)
    seoul1 = one("seoul1", PRIMARY, RUNS_AS_PRIMARY, latest=to_busan)
    busan1 = one("busan1", PRIMARY, RUNS_AS_PRIMARY, latest=to_itself)
    assert [must_stop(seoul1, {"busan1": busan1})[0], must_stop(busan1, {"seoul1": seoul1})[0]].count(True) <= 1


@given(st.data())
def test_of_two_primaries_never_both_stop(data: st.DataObject) -> None:
    """Members that see each other agree on the latest change, so at most those stop that it does not name."""
    members = {name: data.draw(standings(name)) for name in NAMES}
    stops = {
        name
        for name, own in members.items()
        if must_stop(own, {other: seen for other, seen in members.items() if other != name})[0]
    }
    running = {name for name, own in members.items() if own.runs == RUNS_AS_PRIMARY}
    latest = standing.newest(*(own.latest for own in members.values()))
    assert not stops or (latest is not None and stops <= running - latest.holders)


# ----------------------------------------------------------------------- never a primary beside another

LATESTS = st.none() | st.builds(
    Latest,
    st.sampled_from(["2026-11-27T06:00:00Z", "2026-11-27T06:00:01Z"]),
    st.sampled_from(["c1", "c2"]),
    st.sampled_from(["switchover", "failover", "undo", OBSERVED]),
    st.sampled_from([journal.OPEN, journal.CHANGE_DONE, journal.UNDONE, journal.NEEDS_PERSON]),
    st.sampled_from([*NAMES, "seoul1,busan1", ""]),
    st.sampled_from(NAMES),
)


def standings(name: str) -> st.SearchStrategy[Standing]:
    return st.builds(
        Standing,
        st.just(name),
        st.sampled_from(["orders", "orders", "orders", "sales"]),
        st.sampled_from([NAMES, NAMES, NAMES, NAMES[:2]]),
        st.sampled_from([PRIMARY, STANDBY, ""]),
        st.sampled_from(standing.RUNS),
        st.sampled_from([True, False, None]),
        st.sampled_from(["", "", "it is fenced"]),
        st.sampled_from(["", "", "half done"]),
        LATESTS,
    )


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "cluster": st.just("sales"),
    "members": st.just(NAMES[:2]),
    "recorded": st.sampled_from([PRIMARY, STANDBY, ""]),
    "runs": st.sampled_from(standing.RUNS),
    "database": st.sampled_from([True, False, None]),
    "fenced": st.just("it is fenced"),
    "kept": st.just("half done"),
    "latest": LATESTS,
}


@st.composite
def scenes(draw: st.DrawFn) -> dict[str, Standing]:
    """A cluster after a loss of power, with up to four things that are not as they should be: wild members would hardly ever boot."""
    members = {"seoul1": primary(), **{name: one(name, runs=RUNS_NOT) for name in NAMES[1:]}}
    for _ in range(draw(st.integers(0, 4))):
        name, field = draw(st.sampled_from(NAMES)), draw(st.sampled_from(sorted(VALUES)))
        members[name] = members[name]._replace(**{field: draw(VALUES[field])})
    return members


def may_be_primary(seen: Standing) -> bool:
    """Not by the code under test: what is not proven to be closed may be open, or opens by itself."""
    if seen.runs in (RUNS_AS_PRIMARY, RUNS_OTHERWISE, RUNS_UNKNOWN):
        return True
    return seen.runs == RUNS_NOT and seen.recorded == "" and not seen.fenced and seen.database is not False


TERMS = st.builds(Terms, st.sampled_from([standing.STAY_DOWN, standing.START]), st.booleans(), st.booleans())


def test_an_answer_of_one_that_is_not_counted_here_is_looked_at() -> None:
    two = NAMES[:2]
    own, other = primary()._replace(members=two), one("seoul2", runs=RUNS_NOT)._replace(members=two)
    third = one("busan1", "", RUNS_NOT)
    assert decide_at_boot(own, {"seoul2": other}, LAST).verdict == BOOT_PRIMARY
    found = decide_at_boot(own, {"seoul2": other, "busan1": third}, LAST)
    assert found.verdict == STAY and "busan1 counts seoul1, seoul2, busan1" in found.why
    assert decide_at_boot(own, {"seoul2": other, "busan1": None}, LAST).verdict == STAY


@settings(max_examples=400)
@given(scenes(), st.sampled_from([(), (), ("seoul2",), ("seoul2", "busan1")]), TERMS)
def test_no_answers_open_a_member_beside_another(
    members: dict[str, Standing], silent: tuple[str, ...], terms: Terms
) -> None:
    own = members["seoul1"]
    answers = {name: None if name in silent else members[name] for name in NAMES[1:]}
    found = decide_at_boot(own, answers, terms)
    assert found.verdict in (BOOT_PRIMARY, BOOT_STANDBY, LEAVE, WAIT, STAY)
    assert found.verdict != WAIT or terms.patience
    if found.verdict != BOOT_PRIMARY:
        return
    assert (own.recorded, own.runs, own.fenced, own.kept) == (PRIMARY, RUNS_NOT, "", "")
    assert terms.unreachable == standing.START or None not in answers.values()
    for seen in answers.values():
        assert seen is None or not may_be_primary(seen)
    known = [each.latest for each in (own, *answers.values()) if each is not None and each.latest is not None]
    assert not known or own.member in standing.newest(*known).holders  # type: ignore[union-attr]


@settings(max_examples=400)
@given(scenes())
def test_of_members_that_boot_together_at_most_one_opens(members: dict[str, Standing]) -> None:
    opened = []
    for name, own in members.items():
        reached = {other: seen for other, seen in members.items() if other != name}
        if decide_at_boot(own, reached, LAST).verdict == BOOT_PRIMARY:
            opened.append(name)
    running = [name for name, seen in members.items() if seen.runs == RUNS_AS_PRIMARY]
    assert len(opened) <= 1 and not (opened and running)


class World:
    """Members that live on: what each records by the rules of the role changes, and boots by the code under test."""

    def __init__(self) -> None:
        self.now = 0
        self.members = {
            name: one(
                name,
                PRIMARY if name == "seoul1" else STANDBY,
                RUNS_AS_PRIMARY if name == "seoul1" else RUNS_AS_STANDBY,
            )
            for name in NAMES
        }
        self.cut: set[str] = set()

    def set(self, name: str, **changed: Any) -> None:
        self.members[name] = self.members[name]._replace(**changed)

    @property
    def open(self) -> list[str]:
        return [name for name, seen in self.members.items() if seen.runs == RUNS_AS_PRIMARY]

    def answers(self, name: str) -> dict[str, Standing | None]:
        away = name in self.cut
        return {
            other: (None if away or other in self.cut else seen)
            for other, seen in self.members.items()
            if other != name
        }

    def crash(self, name: str) -> None:
        self.set(name, runs=RUNS_NOT)

    def boot(self, name: str) -> None:
        own, answers = self.members[name], self.answers(name)
        verdict = decide_at_boot(own, answers, LAST).verdict
        runs = {BOOT_PRIMARY: RUNS_AS_PRIMARY, BOOT_STANDBY: RUNS_AS_STANDBY}.get(verdict, own.runs)
        self.set(name, runs=runs, latest=standing.latest_known(own, answers))

    def look(self, name: str) -> None:
        own, answers = self.members[name], self.answers(name)
        if must_stop(own, answers)[0]:
            self.set(name, runs=RUNS_NOT, recorded="", fenced="it is fenced")
        self.set(name, latest=standing.latest_known(own, answers))

    def switch(self, new: str) -> None:
        if self.cut or len(self.open) != 1 or self.members[new].runs != RUNS_AS_STANDBY:
            return
        (old,) = self.open
        self.now += 1
        made = change(self.now, "switchover", old, new)
        self.set(old, recorded=STANDBY, runs=RUNS_AS_STANDBY, latest=made)
        self.set(new, recorded=PRIMARY, runs=RUNS_AS_PRIMARY, latest=made)

    def fail_over(self, new: str) -> None:
        """To a standby that runs, when no primary can be seen; one that runs unseen has lost its power first."""
        if new in self.cut or self.members[new].runs != RUNS_AS_STANDBY or set(self.open) - self.cut:
            return
        for name in self.open:
            self.crash(name)
        self.now += 1
        lost = ",".join(name for name in NAMES if name in self.cut or self.members[name].recorded == PRIMARY)
        self.set(new, recorded=PRIMARY, runs=RUNS_AS_PRIMARY, latest=change(self.now, "failover", lost, new))


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["crash", "boot", "look", "switch", "fail_over", "cut", "heal"]), st.sampled_from(NAMES)),
    max_size=25,
)


@settings(max_examples=200)
@given(ACTIONS)
def test_no_history_has_two_primaries(actions: list[tuple[str, str]]) -> None:
    world = World()
    for action, name in actions:
        if action == "cut":
            world.cut.add(name)
        elif action == "heal":
            world.cut.discard(name)
        else:
            getattr(world, action)(name)
        assert len(world.open) <= 1, (action, name, world.members)


# ------------------------------------------------------------------------------------------- as text


@given(st.data())
def test_an_answer_is_read_as_it_was_given(data: st.DataObject) -> None:
    told = data.draw(standings("seoul2"))
    assert standing.standing_from(json.loads(json.dumps(told.as_dict()))) == told


JSON = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.just([])
    | st.just(["seoul1", 1])
    | st.just({"id": "c1"})
)


@given(st.dictionaries(st.sampled_from(Standing._fields), JSON))
def test_a_strange_answer_is_none(raw: dict[str, Any]) -> None:
    found = standing.standing_from(raw)
    assert found is None or found.as_dict() == {**raw, "members": [str(name) for name in raw["members"]]}


def test_an_end_counts_before_what_was_open() -> None:
    opened = change(1, state=journal.OPEN)
    assert standing.newest(opened, change(1), None) == change(1)
    assert standing.newest(None) is None
