# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingerprints: equal ones have no difference, a changed one has one, and nothing is explained that no rule explains."""

from __future__ import annotations

import copy
import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import fingerprint as fp
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence import canonical
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import Fact, known, unknown

Sections = dict[str, dict[str, "Fact[t.Any]"]]

JOURNAL = {"kind": "switchover", "state": "done", "old": "seoul1", "new": "busan1"}


def member(role: str) -> Sections:
    """A member of a good cluster, of which tests change one thing at a time."""
    found: Sections = {name: {} for name in fp.SECTIONS}
    primary = role == "primary"
    found[fp.INSTANCE] = {
        fp.ROLE: known(role, "s"),
        fp.OPEN_MODE: known("read_write" if primary else "recovery", "s"),
        "database_id": known("881590366", "s"),
        fp.BACKUP_MODE: known(False, "s"),
        fp.FROZEN: known(0, "s"),
    }
    found[fp.DESTINATIONS] = {
        "192.0.2.2:8633": known({"number": 1, "transport": "LGWR SYNC"}, "s"),
        "192.0.2.2:8633 enabled": known(primary, "s"),
    }
    found[fp.PARAMETERS] = {"DB_NAME": known("orders", "s"), "MAX_SESSION_COUNT": known("50", "s")}
    found[fp.FILES] = {"tip": known({"path": "/t", "sha256": "ab"}, "s"), "licence": known({"sha256": "cd"}, "s")}
    found[fp.DATA_FILES] = {"/d/1.dtf": known({"bytes": 100, "there": "yes"}, "s")}
    found[fp.TEMP_FILES] = {"/d/t.dtf": known({"bytes": 100, "there": "yes"}, "s")}
    found[fp.STANDBY_REDO] = {fp.WHOLE: unknown("V$STANDBY_LOGFILE", "TBR-8053")}
    found[fp.RECORDS] = {
        fp.ROLE_RECORD: known({"role": role, "rebuild": "", "same_control_files": True}, "s"),
        "create.json": known({"sha256": "ef"}, "s"),
    }
    found[fp.JOURNALS] = {"c0": known(JOURNAL, "s")}
    found[fp.FENCE] = {"fence": known(fp.NONE, "s")}
    found[fp.DRILL] = {"table DRILL_LEDGER": known(fp.ABSENT if primary else fp.NOT_ASKED, "s")}
    return found


def cluster() -> dict[str, Sections]:
    return {"seoul1": member("primary"), "busan1": member("standby"), "busan2": member("standby")}


def made(sections: Sections, name: str = "seoul1") -> dict[str, t.Any]:
    moving = {"position": known("36092", "V$DATABASE.CURRENT_TSN")}
    return fp.build(name, name + ".example", sections, moving, {"tip": fp.PARAMETERS})


def taken(members: t.Mapping[str, Sections]) -> dict[str, dict[str, t.Any]]:
    return {name: made(sections, name) for name, sections in members.items()}


def differences(
    after: t.Mapping[str, Sections],
    expected: fp.Expected = fp.AS_AT_THE_START,
    before: t.Mapping[str, Sections] | None = None,
) -> list[dict[str, str]]:
    return fp.compare(taken(before or cluster()), taken(after), expected)


def entries(members: t.Mapping[str, Sections]) -> list[tuple[str, str, str]]:
    return [(name, part, key) for name, parts in members.items() for part, keys in parts.items() for key in keys]


EVERY = entries(cluster())
WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=("Cs",)), max_size=8)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    WORDS,
    st.lists(WORDS, max_size=2),
    st.dictionaries(WORDS, st.integers(), max_size=2),
)
FACTS = st.builds(known, VALUES, WORDS) | st.builds(unknown, WORDS, WORDS)
KEYS = WORDS.filter(lambda key: key != fp.WHOLE)
#: Few entries, in any of the sections: what is tried is the form, not the amount.
PARTS = st.lists(st.tuples(st.sampled_from(fp.SECTIONS), KEYS, FACTS), max_size=4).map(
    lambda chosen: {name: {key: fact for section, key, fact in chosen if section == name} for name in fp.SECTIONS}
)


# ------------------------------------------------------------------------------------------------------- the form


@given(PARTS)
def test_equal_fingerprints_have_no_difference_wherever_they_were_read(sections: Sections) -> None:
    elsewhere = {
        name: {key: Fact(fact.value, "elsewhere", fact.why) for key, fact in keys.items()}
        for name, keys in sections.items()
    }
    before, after = made(sections), made(elsewhere)
    after["moving"]["position"] = known("99999", "later").as_dict()
    assert before["sha256"] == after["sha256"]
    assert fp.compare({"seoul1": before}, {"seoul1": fp.as_state(after)}) == []
    assert fp.read(json.loads(json.dumps(before))) == fp.read(fp.as_state(before)) == before


@given(PARTS, PARTS)
def test_the_digest_differs_exactly_where_something_differs(first: Sections, second: Sections) -> None:
    before, after = made(first), made(second)
    assert (before["sha256"] != after["sha256"]) == bool(fp.compare({"seoul1": before}, {"seoul1": after}))


@given(st.sampled_from(EVERY), st.one_of(FACTS, st.just(None)))
def test_any_single_change_is_exactly_one_difference(place: tuple[str, str, str], fact: Fact[t.Any] | None) -> None:
    name, section, key = place
    after = cluster()
    old = after[name][section][key]
    if fact is None:
        del after[name][section][key]
    else:
        after[name][section][key] = fact
        same = (fact.why, json.dumps(fact.value)) == (old.why, json.dumps(old.value))
        if same:
            return
    [found] = differences(after)
    assert found["member"] == name and found["what"] in (section, f"{section}: {key}")
    grown = (section, fact is not None and fact.is_known) in ((fp.DATA_FILES, True), (fp.TEMP_FILES, True))
    assert not found["explained"] or grown, "with a way back nothing but growth is explained"


@given(st.sampled_from(EVERY), FACTS)
def test_nothing_is_explained_without_a_rule(place: tuple[str, str, str], fact: Fact[t.Any]) -> None:
    name, section, key = place
    after = swapped()
    after[name][section][key] = fact
    found = fp.compare(taken(cluster()), taken(after), SWAPPED, rules=())
    assert found and not [each for each in found if each["explained"]]
    reasons = {rule.reason for rule in fp.RULES}
    assert {each["explained"] for each in fp.compare(taken(cluster()), taken(after), SWAPPED)} <= reasons | {""}


@given(st.sampled_from(EVERY), st.booleans(), WORDS)
def test_what_became_unknown_or_known_is_never_explained(place: tuple[str, str, str], at_start: bool, why: str) -> None:
    name, section, key = place
    before, after = cluster(), swapped()
    dark = unknown("x", why + "!")
    (before if at_start else after)[name][section][key] = dark
    found = [each for each in differences(after, SWAPPED, before) if each["member"] == name]
    [one] = [each for each in found if each["what"] in (section, f"{section}: {key}")]
    assert one["explained"] == "" and one["before" if at_start else "after"] == f"UNKNOWN: {why}!"


def test_no_rule_is_asked_about_what_is_unknown() -> None:
    always = [fp.Rule("any", name, ".*", lambda case: True, "anything") for name in fp.SECTIONS]
    after = cluster()
    after["seoul1"][fp.INSTANCE]["database_id"] = unknown("V$DATABASE", "TBR-22003")
    assert [each["explained"] for each in fp.compare(taken(cluster()), taken(after), rules=always)] == [""]
    assert [each["explained"] for each in fp.compare(taken(after), taken(cluster()), rules=always)] == [""]


def test_a_key_that_no_rule_knows_is_not_explained() -> None:
    after = swapped()
    after["seoul1"][fp.RECORDS]["fault/timer.json"] = known({"sha256": "12"}, "s")
    after["seoul1"][fp.INSTANCE]["colour"] = known("red", "s")
    found = {each["what"]: each["explained"] for each in differences(after, SWAPPED)}
    assert found["records: fault/timer.json"] == "" and found["instance: colour"] == ""


def test_unknown_for_the_same_reason_is_no_difference_and_is_told() -> None:
    assert differences(cluster()) == []
    assert fp.unseen(taken({"seoul1": member("primary")})) == [
        {"member": "seoul1", "what": "standby_redo", "why": "TBR-8053", "residue": False}
    ]
    after = cluster()
    after["seoul1"][fp.STANDBY_REDO] = {fp.WHOLE: unknown("V$STANDBY_LOGFILE", "TBR-8026")}
    [found] = differences(after)
    assert (found["before"], found["after"], found["explained"]) == ("UNKNOWN: TBR-8053", "UNKNOWN: TBR-8026", "")


def test_a_section_that_was_not_read_is_one_difference() -> None:
    after = cluster()
    after["seoul1"][fp.PARAMETERS] = {fp.WHOLE: unknown("/t", "there is no tip")}
    after["seoul1"][fp.FILES]["tip"] = known({"path": "/t", "sha256": "absent"}, "s")
    [found] = differences(after)
    assert (found["what"], found["before"], found["after"]) == ("parameters", "2 entries", "UNKNOWN: there is no tip")


def test_a_digest_is_a_difference_only_where_its_content_shows_none() -> None:
    after = cluster()
    after["seoul1"][fp.FILES]["tip"] = known({"path": "/t", "sha256": "ba"}, "s")
    assert [each["what"] for each in differences(after)] == ["files: tip"], "a comment, say"
    after["seoul1"][fp.PARAMETERS]["DB_NAME"] = known("other", "s")
    assert [each["what"] for each in differences(after)] == ["parameters: DB_NAME"]
    after["seoul1"][fp.FILES]["licence"] = known({"sha256": "ba"}, "s")
    assert [each["what"] for each in differences(after)] == ["parameters: DB_NAME", "files: licence"]


def test_a_member_that_vanished_or_came_is_a_difference() -> None:
    after = cluster()
    del after["busan2"]
    after["daegu1"] = member("standby")
    assert [(each["member"], each["before"], each["after"], each["explained"]) for each in differences(after)] == [
        ("busan2", "was read", "was not read", ""),
        ("daegu1", "was not read", "was read", ""),
    ]


def test_true_and_one_are_two_values() -> None:
    after = cluster()
    after["seoul1"][fp.INSTANCE][fp.BACKUP_MODE] = known(0, "s")
    assert len(differences(after)) == 1
    assert len(fp.residue(taken(after))) == 1


def test_differences_fit_into_the_evidence() -> None:
    after = swapped()
    after["seoul1"][fp.PARAMETERS]["NAME"] = known({"ü": [1, None]}, "s")
    found = differences(after, SWAPPED)
    assert all(set(each) == {"member", "what", "before", "after", "explained"} for each in found)
    assert canonical({"differences": found, "residue": fp.residue(taken(after)), "before": made(cluster()["seoul1"])})


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw["sections"]["instance"].pop("role"),
        lambda raw: raw["sections"]["instance"]["role"].update(value="standby"),
        lambda raw: raw["sections"]["instance"]["role"].pop("source"),
        lambda raw: raw["sections"].pop("drill"),
        lambda raw: raw.update(schema="firedrill.standby/fingerprint/2"),
        lambda raw: raw.update(sections=[]),
        lambda raw: raw.update(sha256=""),
        lambda raw: raw.pop("moving"),
    ],
)
def test_a_fingerprint_that_was_changed_is_refused(change: t.Callable[[dict[str, t.Any]], t.Any]) -> None:
    raw = made(member("primary"))
    change(raw)
    for call in (
        lambda: fp.compare({"seoul1": raw}, {"seoul1": made(member("primary"))}),
        lambda: fp.residue({"seoul1": raw}),
        lambda: fp.unseen({"seoul1": fp.as_state(raw)}),
    ):
        with pytest.raises(UnknownState, match="To do: Hand on 'state'"):
            call()


@pytest.mark.parametrize("raw", ["", "no state", 7, None, [], "eyJ9"])
def test_what_is_no_fingerprint_is_refused(raw: t.Any) -> None:
    with pytest.raises(UnknownState):
        fp.read(raw)


def test_the_fingerprint_of_another_member_is_refused() -> None:
    with pytest.raises(UnknownState, match="The fingerprint of busan1 is given as that of seoul1"):
        fp.compare({"seoul1": made(member("primary"), "busan1")}, {"seoul1": made(member("primary"))})


def test_a_section_that_is_missing_or_a_fraction_is_an_error_of_ours() -> None:
    sections = member("primary")
    del sections[fp.DRILL]
    with pytest.raises(ValueError, match="drill"):
        made(sections)
    sections = member("primary")
    sections[fp.HOST]["load"] = known({"one": [0.5]}, "s")
    with pytest.raises(ValueError, match="fraction"):
        made(sections)


# ------------------------------------------------------------------------------------------------------ what explains


SWAPPED = fp.Expected({"seoul1": "standby", "busan1": "primary"}, ("c1",))


def swapped() -> dict[str, Sections]:
    """The cluster after a switchover that stays: everything that is then expected to differ, and nothing else."""
    found = cluster()
    found["seoul1"], found["busan1"] = member("standby"), member("primary")
    for name in ("seoul1", "busan1"):
        found[name][fp.JOURNALS]["c1"] = known(JOURNAL, "s")
        found[name][fp.RECORDS]["role_change/go-1"] = known("there", "s")
    found["busan1"][fp.RECORDS]["role_change/guard-c1.json"] = known({"guard_of": "c1", "ended": True}, "s")
    for name in found:
        found[name][fp.RECORDS][fp.LATEST_CHANGE] = known(
            {"id": "c1", "kind": "switchover", "state": "done", "old": "seoul1", "new": "busan1"}, "s"
        )
    return found


def test_roles_that_the_policy_leaves_changed_explain_what_follows_from_them() -> None:
    found = differences(swapped(), SWAPPED)
    assert not [each for each in found if not each["explained"]], found
    assert {each["what"] for each in found if each["member"] == "seoul1"} == {
        "instance: role",
        "instance: open_mode",
        "destinations: 192.0.2.2:8633 enabled",
        "records: role",
        "records: latest_change",
        "records: role_change/go-1",
        "journals: c1",
        "drill: table DRILL_LEDGER",
    }
    assert {each["what"] for each in found if each["member"] == "busan2"} == {"records: latest_change"}


def open_ones(after: t.Mapping[str, Sections], expected: fp.Expected) -> set[tuple[str, str]]:
    return {(each["member"], each["what"]) for each in differences(after, expected) if not each["explained"]}


def test_the_same_is_not_explained_when_the_policy_has_a_way_back() -> None:
    what = {
        "instance: role",
        "instance: open_mode",
        "destinations: 192.0.2.2:8633 enabled",
        "records: role",
        "drill: table DRILL_LEDGER",
    }
    assert open_ones(swapped(), fp.Expected({}, ("c1",))) == {
        (name, each) for name in ("seoul1", "busan1") for each in what
    }


def test_the_same_is_not_explained_for_a_change_of_another_id() -> None:
    found = open_ones(swapped(), SWAPPED._replace(changes=("c2",)))
    assert found == {
        *((name, "records: latest_change") for name in cluster()),
        *((name, what) for name in ("seoul1", "busan1") for what in ("journals: c1", "records: role_change/go-1")),
        ("busan1", "records: role_change/guard-c1.json"),
    }


Breaker = t.Callable[[dict[str, Sections]], t.Any]
#: What is wrong at the end of a drill that leaves the roles changed -> what stays without an explanation.
WRONG: dict[str, tuple[Breaker, set[tuple[str, str]]]] = {
    "a second primary": (
        lambda c: c["seoul1"].update(member("primary")),
        set(),
    ),
    "a guard that has not ended": (
        lambda c: c["busan1"][fp.RECORDS].update(
            {"role_change/guard-c1.json": known({"guard_of": "c1", "ended": False}, "s")}
        ),
        {("busan1", "records: role_change/guard-c1.json")},
    ),
    "a standby that is mounted only": (
        lambda c: c["seoul1"][fp.INSTANCE].update({fp.OPEN_MODE: known("mount", "s")}),
        {("seoul1", "instance: open_mode")},
    ),
    "a role that nobody declared": (
        lambda c: c["busan2"][fp.INSTANCE].update({fp.ROLE: known("primary", "s")}),
        {("busan2", "instance: role")},
    ),
    "a role that is none": (
        lambda c: c["busan1"][fp.INSTANCE].update({fp.ROLE: known("none", "s")}),
        {
            ("busan1", "instance: role"),
            ("busan1", "instance: open_mode"),
            ("busan1", "destinations: 192.0.2.2:8633 enabled"),
            ("busan1", "records: role"),
            ("busan1", "drill: table DRILL_LEDGER"),
        },
    ),
    "a new primary that sends nothing": (
        lambda c: c["busan1"][fp.DESTINATIONS].update(
            {"192.0.2.2:8633 enabled": known(False, "s"), "x enabled": known(False, "s")}
        ),
        {("busan1", "destinations: x enabled")},
    ),
    "another transport": (
        lambda c: c["busan1"][fp.DESTINATIONS].update(
            {"192.0.2.2:8633": known({"number": 1, "transport": "LGWR ASYNC"}, "s")}
        ),
        {("busan1", "destinations: 192.0.2.2:8633")},
    ),
    "an open journal": (
        lambda c: c["busan1"][fp.JOURNALS].update(c1=known(dict(JOURNAL, state="open"), "s")),
        {("busan1", "journals: c1"), ("busan1", "records: role_change/go-1")},
    ),
    "a journal that changed": (
        lambda c: c["busan1"][fp.JOURNALS].update(c0=known(dict(JOURNAL, state="undone"), "s")),
        {("busan1", "journals: c0")},
    ),
    "a mark in the record of the role": (
        lambda c: c["seoul1"][fp.RECORDS].update(
            {fp.ROLE_RECORD: known({"role": "standby", "rebuild": "it fell behind", "same_control_files": True}, "s")}
        ),
        {("seoul1", "records: role")},
    ),
    "a record of the other role": (
        lambda c: c["seoul1"][fp.RECORDS].update(
            {fp.ROLE_RECORD: known({"role": "none", "rebuild": "", "same_control_files": True}, "s")}
        ),
        {("seoul1", "records: role")},
    ),
    "a latest change that is open": (
        lambda c: c["busan2"][fp.RECORDS].update({fp.LATEST_CHANGE: known({"id": "c1", "state": "open"}, "s")}),
        {("busan2", "records: latest_change")},
    ),
    "a table that is still there": (
        lambda c: c["busan1"][fp.DRILL].update({"table DRILL_LEDGER": known("there", "s")}),
        {("busan1", "drill: table DRILL_LEDGER")},
    ),
    "a file that shrank": (
        lambda c: c["busan1"][fp.DATA_FILES].update({"/d/1.dtf": known({"bytes": 99, "there": "yes"}, "s")}),
        {("busan1", "data_files: /d/1.dtf")},
    ),
    "a file that grew and is gone": (
        lambda c: c["busan1"][fp.DATA_FILES].update({"/d/1.dtf": known({"bytes": 101, "there": "no"}, "s")}),
        {("busan1", "data_files: /d/1.dtf")},
    ),
    "a new file": (
        lambda c: c["busan1"][fp.TEMP_FILES].update({"/d/2.dtf": known({"bytes": 101, "there": "yes"}, "s")}),
        {("busan1", "temp_files: /d/2.dtf")},
    ),
    "a journal of a copy": (
        lambda c: c["seoul1"][fp.RECORDS].update({"seed/data/manifest.json": known({"sha256": "1"}, "s")}),
        {("seoul1", "records: seed/data/manifest.json")},
    ),
    "standby redo logs": (
        lambda c: c["seoul1"].update({fp.STANDBY_REDO: {"group 4": known({"bytes": 1}, "s")}}),
        {("seoul1", "standby_redo")},
    ),
}


@pytest.mark.parametrize("name", sorted(set(WRONG) - {"a second primary"}))
def test_what_is_wrong_beside_a_declared_swap_stays_unexplained(name: str) -> None:
    after = swapped()
    WRONG[name][0](after)
    assert open_ones(after, SWAPPED) == WRONG[name][1]


def test_a_former_primary_that_did_not_become_a_standby_explains_nothing() -> None:
    after = swapped()
    WRONG["a second primary"][0](after)
    assert not [each for each in differences(after, SWAPPED) if each["member"] == "seoul1"]
    before = swapped()
    assert open_ones(before, fp.Expected({"seoul1": "primary", "busan1": "primary"}, ("c1",))) >= {
        ("seoul1", "instance: role")
    }


def test_a_journal_that_was_there_before_is_not_the_drills() -> None:
    before, after = cluster(), cluster()
    before["seoul1"][fp.JOURNALS]["c1"] = known(dict(JOURNAL, state="open"), "s")
    after["seoul1"][fp.JOURNALS]["c1"] = known(JOURNAL, "s")
    [found] = differences(after, fp.Expected(changes=("c1",)), before)
    assert found["explained"] == ""


def test_growth_is_explained_and_names_both_sizes() -> None:
    after = cluster()
    after["seoul1"][fp.DATA_FILES]["/d/1.dtf"] = known({"bytes": 101, "there": "yes"}, "s")
    [found] = differences(after)
    assert "extends its files" in found["explained"]
    assert (found["before"], found["after"]) == ('{"bytes": 100, "there": "yes"}', '{"bytes": 101, "there": "yes"}')


def test_a_rebuilt_member_keeps_journal_export_and_standby_redo() -> None:
    before, after = cluster(), cluster()
    for each in (before, after):
        each["seoul1"][fp.STANDBY_REDO] = {}
    after["seoul1"][fp.RECORDS].update(
        {
            "seed/data/manifest.json": known({"sha256": "1"}, "s"),
            "divergence/c1/manifest.json": known({"sha256": "2"}, "s"),
        }
    )
    after["seoul1"][fp.STANDBY_REDO] = {"group 4": known({"bytes": 1}, "s")}
    assert all(each["explained"] for each in differences(after, fp.Expected(rebuilt=("seoul1",)), before))
    assert not [each for each in differences(after, fp.Expected(rebuilt=("busan1",)), before) if each["explained"]]
    before["seoul1"][fp.STANDBY_REDO] = {"group 4": known({"bytes": 2}, "s")}
    found = {each["what"]: each["explained"] for each in differences(after, fp.Expected(rebuilt=("seoul1",)), before)}
    assert found["standby_redo: group 4"] == "", "of another size"


@pytest.mark.parametrize(
    ("job", "explained"),
    [("finished", True), ("cancelled", True), ("running", False), ("failed", False), ("died", False)],
)
def test_a_backup_that_is_over_is_explained_on_the_source_of_a_rebuilt_member(job: str, explained: bool) -> None:
    after = cluster()
    after["busan1"][fp.RECORDS]["hot_backup/hot_backup.json"] = known({"job": job}, "s")
    [found] = differences(after, fp.Expected(rebuilt=("seoul1",)))
    assert bool(found["explained"]) is explained
    [found] = differences(after, fp.Expected(rebuilt=("busan1",)))
    assert found["explained"] == "", "nobody copied from itself"


def first_change() -> tuple[dict[str, Sections], dict[str, Sections]]:
    """Before and after the first role change that busan2 ever had; its role is the same as before."""
    before, after = cluster(), cluster()
    del before["busan2"][fp.RECORDS][fp.ROLE_RECORD]
    after["busan2"][fp.JOURNALS]["c1"] = known(JOURNAL, "s")
    return before, after


def test_the_first_record_of_a_role_that_is_as_it_was_is_explained() -> None:
    before, after = first_change()
    found = {each["what"]: each["explained"] for each in differences(after, fp.Expected(changes=("c1",)), before)}
    assert "the one that it had at the start" in found["records: role"]
    # Without a role change of the drill, and for another role than the member has, nobody knows who wrote it.
    found = {each["what"]: each["explained"] for each in differences(after, fp.AS_AT_THE_START, before)}
    assert found["records: role"] == ""
    after["busan2"][fp.RECORDS][fp.ROLE_RECORD] = known({"role": "primary"}, "s")
    found = {each["what"]: each["explained"] for each in differences(after, fp.Expected(changes=("c1",)), before)}
    assert found["records: role"] == ""


def test_every_rule_explains_something_here() -> None:
    """A rule that nothing needs would explain what nobody thought of."""
    after, before = swapped(), cluster()
    after["busan1"][fp.DATA_FILES]["/d/1.dtf"] = known({"bytes": 101, "there": "yes"}, "s")
    after["busan1"][fp.TEMP_FILES]["/d/t.dtf"] = known({"bytes": 101, "there": "yes"}, "s")
    for each in (before, after):
        each["busan2"][fp.STANDBY_REDO] = {}
    after["busan2"][fp.STANDBY_REDO] = {"group 4": known({"bytes": 1}, "s")}
    after["busan2"][fp.RECORDS].update({"seed/x": known(1, "s"), "divergence/x": known(1, "s")})
    del before["busan2"][fp.RECORDS][fp.ROLE_RECORD]
    after["busan2"][fp.JOURNALS]["c1"] = known(JOURNAL, "s")
    after["busan1"][fp.RECORDS]["hot_backup/last.json"] = known({"sha256": "1"}, "s")
    found = differences(after, SWAPPED._replace(rebuilt=("busan2",)), before)
    assert {each["explained"] for each in found} == {rule.reason for rule in fp.RULES}
    for rule in fp.RULES:
        rest = [each for each in fp.RULES if each is not rule]
        left = fp.compare(taken(before), taken(after), SWAPPED._replace(rebuilt=("busan2",)), rest)
        assert [each for each in left if not each["explained"]], rule.name


def test_what_was_expected_is_read_strictly() -> None:
    assert fp.expected_from({}) == fp.AS_AT_THE_START
    raw = {"roles": {"seoul1": "standby"}, "changes": ["c1"], "rebuilt": ["seoul1"]}
    assert fp.expected_from(raw) == fp.Expected({"seoul1": "standby"}, ("c1",), ("seoul1",))
    wrong: list[dict[str, t.Any]] = [
        {"role": {}},
        {"roles": {"seoul1": "none"}},
        {"roles": ["seoul1"]},
        {"changes": "c1"},
        {"rebuilt": {"seoul1": True}},
    ]
    for each in wrong:
        with pytest.raises(UnknownState, match="What a drill was to leave"):
            fp.expected_from(each)


# -------------------------------------------------------------------------------------------------------------- residue


TRACES: list[tuple[str, str, t.Any, str]] = [
    (fp.INSTANCE, fp.BACKUP_MODE, True, "backup mode, which is open"),
    (fp.INSTANCE, fp.FROZEN, 2, "processes of the server that are frozen: 2"),
    (
        fp.LEFTOVERS,
        "hot backup",
        "unfinished: begun at TSN 7",
        "unfinished work: hot backup: unfinished: begun at TSN 7",
    ),
    (fp.FENCE, "fence", {"tip": "/t.fenced"}, 'a fence: {"tip": "/t.fenced"}'),
    (fp.LEASES, "hot_backup/hot_backup.lease", "there", "a lease: hot_backup/hot_backup.lease"),
    (fp.OFFERS, "orders-busan1-data", "there", "an offer of files: orders-busan1-data"),
    (fp.TEMPORARY, "/tmp/.firedrill-x", "there", "a temporary file: /tmp/.firedrill-x"),
    (fp.PROCESSES, "fault/timer.log", "runs", "a process: fault/timer.log"),
    (fp.DRILL, "table DRILL_LEDGER", "there", "table DRILL_LEDGER: there"),
    (fp.DRILL, "file drill/rows.jsonl", "there", "file drill/rows.jsonl: there"),
    (fp.JOURNALS, "c1", dict(JOURNAL, state="needs a person"), "the open journal of role change c1"),
    (fp.JOURNALS, "c1", "", "the open journal of role change c1"),
]


@pytest.mark.parametrize(("section", "key", "value", "words"), TRACES)
def test_each_trace_is_residue_on_its_host(section: str, key: str, value: t.Any, words: str) -> None:
    after = cluster()
    assert fp.residue(taken(after)) == []
    after["busan1"][section][key] = known(value, "s")
    [found] = fp.residue(taken(after))
    assert found["host"] == "busan1.example" and found["what"].startswith(words)


def test_every_trace_that_is_declared_is_tried_above() -> None:
    assert {trace.section for trace in fp.TRACES} | {fp.JOURNALS} == {
        section for section, _key, _value, _words in TRACES
    }


def test_residue_that_cannot_be_looked_for_is_told() -> None:
    after = copy.copy(member("primary"))
    after[fp.PROCESSES] = {fp.WHOLE: unknown("/proc", "Permission denied")}
    after[fp.JOURNALS] = {"change.json": unknown("/j", "cannot be read")}
    after[fp.INSTANCE][fp.BACKUP_MODE] = unknown("V$BACKUP", "TBR-8053")
    after[fp.INSTANCE]["version"] = unknown("V$INSTANCE", "TBR-8053")
    raw = taken({"seoul1": after})
    assert fp.residue(raw) == []
    assert [(each["what"], each["residue"]) for each in fp.unseen(raw)] == [
        ("instance: backup_mode", True),
        ("instance: version", False),
        ("standby_redo", False),
        ("journals: change.json", True),
        ("processes", True),
    ]
