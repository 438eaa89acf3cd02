# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Standby redo logs by the rules of each version: exact statements in the vendor's order, a restart only with consent. Played."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    Refusal,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import role_record
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.standby_redo import (
    Group,
    Logs,
    add_statement,
    ensure_standby_redo,
    wanted_groups,
)
from tests.unit.plugins.module_utils._tibero.fake_tibero import FakeTibero

SIZE = 50 * 1024 * 1024
ADDED = re.compile(r"ALTER DATABASE ADD STANDBY LOGFILE (?:THREAD 0 )?GROUP (\d+) '([^']+)' SIZE 50M;")
ENABLE, RECOVER = (
    "ALTER DATABASE ENABLE PUBLIC STANDBY REDO THREAD 0;",
    "ALTER DATABASE RECOVER AUTOMATIC FOR STANDBY;",
)


class Standby(FakeTibero):
    """A standby that keeps log groups, and the primary behind the alias seoul1."""

    def __init__(self, home: Path) -> None:
        super().__init__(home / "standby")
        self.enter("RECOVERY")
        self.rows: list[dict[str, Any]] = []
        self.views["V$LOG"] = [
            {"GROUP#": str(one), "BYTES": str(SIZE), "SEQUENCE#": "7", "STATUS": "CURRENT", "THREAD#": "0"}
            for one in range(3)
        ]
        self.views["V$STANDBY_LOGFILE"] = self.rows
        self.replies = {"ALTER DATABASE": self.altered}
        self.fails: dict[str, int] = {}
        self.primary = FakeTibero(home / "standby")
        self.primary.enter("NORMAL")
        self.primary.parameters = {
            "LOG_REPLICATION_MODE": "AVAILABILITY",
            "LOG_REPLICATION_DEST_1": "10.0.0.2:8633 LGWR SYNC",
        }
        self.primary.views["V$STANDBY_DEST"] = [{"DEST_ID": "1", "STATUS": "RUNNING"}]

    def altered(self, text: str) -> str | int:
        for word, code in self.fails.items():
            if word in text:
                return code
        found = ADDED.match(text)
        if found:
            assert self.process == "MOUNT" and self.parameters.get("USE_STANDBY_REDO_LOG") == "Y"
            self.rows.append({"GROUP#": found.group(1), "MEMBER": found.group(2), "BYTES": str(SIZE)})
        return "Database altered."

    def enter(self, word: str) -> None:
        super().enter(word)
        for name in ("USE_STANDBY_REDO_LOG", "_USE_STANDBY_REDO_LOG"):
            if f"{name}=Y" in self.tip.read_text():
                self.parameters[name] = "Y"

    def __call__(self, command: Command) -> Completed:
        return self.primary(command) if "@seoul1" in command.stdin else super().__call__(command)

    def ensure(self, check: bool = False, **more: Any) -> Any:
        options = {
            "groups": 0,
            "directory": None,
            "parameter": None,
            "version": 7,
            "restart": True,
            "primary_alias": "seoul1",
            "destination": 1,
            **more,
        }
        return ensure_standby_redo(self.context(check, **options))

    def altering(self) -> list[str]:
        return [text for text in self.statements if text.startswith("ALTER")]


@pytest.fixture
def standby(tmp_path: Path) -> Standby:
    return Standby(tmp_path)


def test_through_mount_and_back(standby: Standby):
    predicted = standby.ensure(check=True)
    assert standby.altering() == [] and standby.programs() == []
    outcome = standby.ensure()
    assert standby.altering() == [
        *(
            f"ALTER DATABASE ADD STANDBY LOGFILE THREAD 0 GROUP {one} '{standby.data}/standby00{one}.log' SIZE 50M;"
            for one in range(3)
        ),
        ENABLE,
        RECOVER,
    ]
    assert standby.programs() == ["tbdown -t IMMEDIATE", "tbboot -t MOUNT", "tbdown -t IMMEDIATE", "tbboot -t RECOVERY"]
    assert "USE_STANDBY_REDO_LOG=Y" in standby.tip.read_text()
    assert outcome.values["restarted"] and [one["group"] for one in outcome.values["groups"]] == [0, 1, 2]
    assert (predicted.changed, predicted.values, predicted.after) == (True, outcome.values, outcome.after)
    again = standby.ensure(restart=False, primary_alias=None, destination=None)
    assert (again.changed, again.values["steps"]) == (False, [])


def test_a_restart_needs_consent(standby: Standby):
    for check in (True, False):
        with pytest.raises(Refusal, match=r"standby_redo_restart: true"):
            standby.ensure(check, restart=False)
    assert standby.programs() == [] and "USE_STANDBY" not in standby.tip.read_text()


def test_mounted_and_just_converted_needs_no_restart(standby: Standby):
    standby.tip.write_text(standby.tip.read_text() + "USE_STANDBY_REDO_LOG=Y\n")
    standby.enter("MOUNT")
    role_record.write(standby.client(), "standby", "for the test")
    outcome = standby.ensure(restart=False)
    assert standby.programs() == [] and standby.altering()[-2:] == [ENABLE, RECOVER]
    assert outcome.values["restarted"] is False and standby.process == "MOUNT"


def test_the_last_synchronous_standby_is_not_stopped_in_protection(standby: Standby):
    standby.primary.parameters["LOG_REPLICATION_MODE"] = "PROTECTION"
    with pytest.raises(Refusal, match=r"Legal is AVAILABILITY or PERFORMANCE first"):
        standby.ensure()
    assert standby.programs() == []
    standby.primary.parameters["LOG_REPLICATION_DEST_2"] = "10.0.0.3:8633 LGWR SYNC"
    standby.primary.views["V$STANDBY_DEST"].append({"DEST_ID": "2", "STATUS": "RUNNING"})
    assert standby.ensure().changed


def test_a_primary_that_does_not_answer(standby: Standby):
    standby.primary.process = ""
    with pytest.raises(UnknownState, match=r"Whether it can do without this standby is not known"):
        standby.ensure()
    assert standby.programs() == []


def test_a_failure_brings_it_back_to_recovery_and_the_next_run_goes_on(standby: Standby):
    standby.fails = {"ENABLE": 1131}
    with pytest.raises(CommandFailed, match=r"TBR-1131"):
        standby.ensure()
    assert standby.process == "RECOVERY" and len(standby.rows) == 3
    standby.fails, standby.statements = {}, []
    assert standby.ensure().changed
    assert standby.altering() == [ENABLE, RECOVER]


def test_views_of_unknown_columns_are_refused(standby: Standby):
    standby.views["V$STANDBY_LOGFILE"] = [{"NUMMER": "1"}]
    with pytest.raises(UnknownState, match=r"V.STANDBY_LOGFILE cannot be read: its columns are NUMMER"):
        standby.ensure()
    standby.views["V$STANDBY_LOGFILE"] = 8053
    with pytest.raises(UnknownState, match=r"V.STANDBY_LOGFILE cannot be read"):
        standby.ensure()


def test_a_primary_has_none(standby: Standby):
    standby.enter("NORMAL")
    with pytest.raises(UnknownState, match=r"added to a standby"):
        standby.ensure()


def test_the_parameter_of_6(standby: Standby):
    standby.replies = {"ALTER DATABASE": "Database altered."}
    with pytest.raises(Exception, match=r"there is still to do"):
        standby.ensure(version=6)
    assert "_USE_STANDBY_REDO_LOG=Y" in standby.tip.read_text().splitlines()
    assert len(standby.altering()) == 8


ONLINE = Logs((0, 1, 2), SIZE, ())


def test_the_rules_of_the_versions():
    assert [one.group for one in wanted_groups(ONLINE, 0, 7, "/d")] == [0, 1, 2]
    assert [one.group for one in wanted_groups(ONLINE, 0, 6, "/d")] == [3, 4, 5, 6, 7, 8]
    assert [one.group for one in wanted_groups(ONLINE, 4, 6, "/d")] == [3, 4, 5, 6]
    group = Group(3, "/d/standby003.log", SIZE)
    assert add_statement(group, 6) == "ALTER DATABASE ADD STANDBY LOGFILE GROUP 3 '/d/standby003.log' SIZE 50M"
    assert add_statement(group, 7) == "ALTER DATABASE ADD STANDBY LOGFILE THREAD 0 GROUP 3 '/d/standby003.log' SIZE 50M"


@pytest.mark.parametrize(
    ("logs", "count", "version", "words"),
    [
        (ONLINE, 4, 7, "4 standby redo log groups were asked for; there are 3 online groups"),
        (Logs((0,), SIZE, (Group(0, "/d/s", 5),)), 0, 7, "TBR-1132"),
        (Logs((0,), SIZE, (Group(1, "/d/s", SIZE), Group(2, "/d/t", SIZE))), 1, 6, "cannot be taken away again"),
    ],
)
def test_what_a_version_does_not_allow(logs: Logs, count: int, version: int, words: str):
    with pytest.raises(Refusal, match=words):
        wanted_groups(logs, count, version, "/d")
