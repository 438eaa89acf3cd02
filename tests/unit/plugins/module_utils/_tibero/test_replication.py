# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running primary is told, played: exact statements, each read back, and nothing after the first that does not hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.replication import (
    ensure_read_only,
    ensure_replication,
)
from tests.unit.plugins.module_utils._tibero.fake_tibero import FakeTibero

D1, D2 = "LOG_REPLICATION_DEST_1", "LOG_REPLICATION_DEST_2"
SYNC, ASYNC = "10.0.0.2:8633 LGWR SYNC", "10.0.0.3:8633 LGWR ASYNC"


class Pair:
    """A primary, and a standby that is asked through the alias seoul2; both answer behind one runner."""

    def __init__(self, home: Path) -> None:
        self.primary = FakeTibero(home / "primary")
        self.primary.enter("NORMAL")
        self.primary.replies = {"ALTER SYSTEM SET": self.alter}
        self.standby = FakeTibero(home / "primary")
        self.standby.enter("RECOVERY")
        self.word: str | None = "RUNNING"
        self.deaf = False
        self.refuse: dict[str, list[int]] = {}
        self.set: list[str] = []
        self.view()

    def view(self) -> None:
        rows = [
            {"DEST_ID": key[-1], "STATUS": self.word}
            for key, value in self.primary.parameters.items()
            if "_DEST_" in key and value
        ]
        self.primary.views["V$STANDBY_DEST"] = rows if self.word else 8053

    def alter(self, text: str) -> str | int:
        statement = text.rstrip(";")
        left = self.refuse.get(statement)
        if left:
            return left.pop(0)
        self.set.append(statement.replace("ALTER SYSTEM SET ", ""))
        if not self.deaf:
            found = re.match(r"ALTER SYSTEM SET (\w+)\s*=\s*\"?([^\"]*)\"?$", statement)
            assert found, statement
            self.primary.parameters[found.group(1)] = found.group(2)
            self.view()
        return "System altered."

    def __call__(self, command: Command) -> Completed:
        asked = self.standby if "@seoul2" in command.stdin else self.primary
        return asked(command)

    def ensure(self, mode: str, destinations: dict[str, str], check: bool = False, **more: Any) -> Any:
        options = {
            "mode": mode,
            "destinations": destinations,
            "suspended": [],
            "aliases": {D1: "seoul2"},
            "remove_extra": False,
            "enable_parameter": "LOG_REPLICATION_{n}_ENABLE",
            "running_words": ["RUNNING"],
            **more,
        }
        context = self.primary.context(check, **options)._replace(runner=self)
        return ensure_replication(context)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def test_availability_from_nothing(pair: Pair):
    outcome = pair.ensure("availability", {D1: SYNC})
    assert pair.set == ["LOG_REPLICATION_MODE=PERFORMANCE", f'{D1} = "{SYNC}"', "LOG_REPLICATION_MODE=AVAILABILITY"]
    assert outcome.changed and outcome.values["parameters"] == {"LOG_REPLICATION_MODE": "AVAILABILITY", D1: SYNC}
    assert outcome.values["mode_before"] == "UNPROTECTED"
    assert pair.ensure("availability", {D1: SYNC}).changed is False


def test_check_mode_predicts_and_sets_nothing(pair: Pair):
    outcome = pair.ensure("availability", {D1: SYNC}, check=True)
    assert pair.set == [] and outcome.changed
    assert outcome.after == {"LOG_REPLICATION_MODE": "AVAILABILITY", D1: SYNC}
    done = pair.ensure("availability", {D1: SYNC})
    assert (outcome.after, outcome.values["statements"]) == (done.after, done.values["statements"])


def test_a_mode_without_proof_is_never_set(pair: Pair):
    pair.standby.process = ""
    with pytest.raises(UnknownState, match=r"No LGWR SYNC standby is proven to run"):
        pair.ensure("protection", {D1: SYNC})
    assert pair.set == []


def test_without_an_alias_nothing_is_proven(pair: Pair):
    with pytest.raises(UnknownState, match=r"its standby was not asked: no alias is named for it"):
        pair.ensure("protection", {D1: SYNC}, aliases={})
    assert pair.set == []


def test_a_standby_that_is_an_open_primary_proves_nothing(pair: Pair):
    pair.standby.enter("NORMAL")
    with pytest.raises(UnknownState, match=r"says NORMAL, READ WRITE"):
        pair.ensure("protection", {D1: SYNC})
    assert pair.set == []


@pytest.mark.parametrize("behind", ["word", "position"])
def test_the_mode_stays_low_while_the_standby_is_behind(pair: Pair, behind: str):
    pair.word = "CATCHUP" if behind == "word" else None
    pair.view()
    pair.standby.tsn = pair.primary.tsn - (behind == "position")
    with pytest.raises(DeadlineExceeded, match=r"The primary runs on in a weaker mode"):
        pair.ensure("protection", {D1: SYNC}, timeout=1)
    assert pair.set == ["LOG_REPLICATION_MODE=PERFORMANCE", f'{D1} = "{SYNC}"']


def test_a_view_of_unknown_columns_leaves_it_to_the_standby(pair: Pair):
    pair.word = None
    pair.view()
    assert pair.ensure("protection", {D1: SYNC}).values["parameters"]["LOG_REPLICATION_MODE"] == "PROTECTION"


def test_not_yet_is_tried_again(pair: Pair):
    pair.refuse["ALTER SYSTEM SET LOG_REPLICATION_MODE=AVAILABILITY"] = [7515, 7514]
    assert pair.ensure("availability", {D1: SYNC}).changed


def test_another_refusal_is_not_retried(pair: Pair):
    pair.refuse[f'ALTER SYSTEM SET {D2} = ""'] = [7004]
    pair.primary.parameters.update({"LOG_REPLICATION_MODE": "PERFORMANCE", D2: ASYNC})
    with pytest.raises(CommandFailed, match=r"TBR-7004"):
        pair.ensure("performance", {D1: SYNC}, remove_extra=True)
    assert pair.set == []


def test_a_statement_that_does_not_take_stops_the_rest(pair: Pair):
    """The mode is believed lowered only when the server shows it; until then no destination is touched."""
    pair.primary.parameters.update({"LOG_REPLICATION_MODE": "PROTECTION", D1: SYNC})
    pair.view()
    pair.deaf = True
    with pytest.raises(CommandFailed, match=r"so no further one was run"):
        pair.ensure("performance", {D1: ASYNC})
    assert pair.set == ["LOG_REPLICATION_MODE=PERFORMANCE"]


def test_extra_destinations_are_reported_and_left(pair: Pair):
    pair.primary.parameters.update({"LOG_REPLICATION_MODE": "PERFORMANCE", D1: SYNC, D2: ASYNC})
    outcome = pair.ensure("performance", {D1: SYNC})
    assert (outcome.changed, outcome.values["extra"], outcome.values["removed"]) == (False, [D2], [])
    assert f"2 ({ASYNC})" in outcome.warnings[0]
    removed = pair.ensure("performance", {D1: SYNC}, remove_extra=True)
    assert pair.set == [f'{D2} = ""'] and (removed.values["extra"], removed.values["removed"]) == ([], [D2])


def test_a_destination_is_suspended_by_the_name_of_choice(pair: Pair):
    pair.primary.parameters.update({"LOG_REPLICATION_MODE": "PERFORMANCE", D1: SYNC})
    outcome = pair.ensure("performance", {D1: SYNC}, suspended=[D1], enable_parameter="LOG_RELICATION_{n}_ENABLE")
    assert pair.set == ["LOG_RELICATION_1_ENABLE=N"] and outcome.values["suspended"] == [D1]
    assert outcome.after[D1] == SYNC + " (suspended)"


def test_archives_that_are_not_written_cannot_be_sent(pair: Pair):
    pair.primary.log_mode = "NOARCHIVELOG"
    with pytest.raises(Refusal, match=r"NOARCHIVELOG.*the standby receives nothing"):
        pair.ensure("performance", {D1: "10.0.0.2:8633 ARCH ASYNC"})


def test_only_an_open_primary_is_changed(pair: Pair):
    pair.primary.enter("RECOVERY")
    with pytest.raises(UnknownState, match=r"Destinations count on an open primary only"):
        pair.ensure("performance", {D1: SYNC})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"suspended": [D2]}, "suspended names LOG_REPLICATION_DEST_2, destinations does not"),
        ({"enable_parameter": "LOG_ENABLE"}, "must hold {n} once"),
    ],
)
def test_options_that_cannot_be_meant(pair: Pair, more: dict[str, Any], words: str):
    with pytest.raises(Refusal, match=words):
        pair.ensure("performance", {D1: SYNC}, **more)


# ------------------------------------------------------------------------------------ read only


@pytest.fixture
def standby(tmp_path: Path) -> FakeTibero:
    fake = FakeTibero(tmp_path)
    fake.enter("RECOVERY")

    def opens(text: str) -> str:
        fake.open_mode = "READ ONLY" if "READ ONLY" in text else "MOUNTED"
        return "Database altered."

    fake.replies = {"ALTER DATABASE": opens}
    return fake


def altered(fake: FakeTibero) -> list[str]:
    return [text for text in fake.statements if text.startswith("ALTER")]


def test_read_only_and_back(standby: FakeTibero):
    assert ensure_read_only(standby.context(state="present")).changed
    assert not ensure_read_only(standby.context(state="present")).changed
    assert ensure_read_only(standby.context(state="absent")).changed
    assert not ensure_read_only(standby.context(state="absent")).changed
    assert altered(standby) == [
        "ALTER DATABASE OPEN READ ONLY CONTINUE RECOVERY;",
        "ALTER DATABASE STANDBY;",
    ]


@pytest.mark.parametrize("check", [True, False])
def test_missing_temp_files_are_refused_with_the_remedy(standby: FakeTibero, check: bool):
    standby.views["V$TEMPFILE"] = [{"NAME": "/nowhere/temp001.dtf"}]
    with pytest.raises(
        Refusal, match=r"Temp file /nowhere/temp001.dtf.*TBR-24140.*Copy the temp files from the primary"
    ):
        ensure_read_only(standby.context(check, state="present"))
    assert altered(standby) == []


def test_the_servers_own_refusal_names_the_remedy_too(standby: FakeTibero):
    standby.replies = {"ALTER DATABASE": 24140}
    with pytest.raises(CommandFailed, match=r"TBR-24140.*Copy the temp files from the primary"):
        ensure_read_only(standby.context(state="present"))
