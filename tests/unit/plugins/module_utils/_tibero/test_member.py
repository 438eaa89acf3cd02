# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observing an instance: every fact with its source, or UNKNOWN and why."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import known, unknown_fields
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import role_record
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Answer
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import held_age, look, observe
from tests.unit.plugins.module_utils._tibero.fake_tibero import PASSWORD, FakeTibero


@pytest.fixture
def fake(tmp_path: Path) -> FakeTibero:
    return FakeTibero(tmp_path)


def test_a_primary(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.parameters = {
        "LOG_REPLICATION_MODE": "PERFORMANCE",
        "LOG_REPLICATION_DEST_1": "10.0.0.2:8633 LGWR ASYNC",
        "LOG_REPLICATION_DEST_2": '"10.0.0.3:8633 LGWR SYNC"',
        "LOG_REPLICATION_DEST_3": "",
        "LOG_REPLICATION_2_ENABLE": "N",
    }
    fake.views["V$STANDBY_DEST"] = [{"DEST_ID": "2", "STATUS": "RUNNING"}, {"DEST_ID": "1", "STATUS": "DOWN"}]
    state = observe(fake.client())
    assert (state.process.value, state.open_mode.value, state.role.value) == (True, "read_write", "primary")
    assert (state.database_id.value, state.position.value, state.log_sequence.value) == ("881590366", "36092", 7)
    assert (state.archive_mode.value, state.protection_mode.value, state.backup_open.value) == (
        True,
        "PERFORMANCE",
        False,
    )
    first, second = state.destinations.value or ()
    assert (first.number, first.host, first.port, first.transport) == (1, "10.0.0.2", 8633, "LGWR ASYNC")
    assert not first.enabled.is_known and second.enabled.value is False
    assert (first.state.value, second.state.value) == ("DOWN", "RUNNING")
    assert unknown_fields(state) == ["received"]
    assert len(fake.of("tbsql")) == 1, "one login for the whole observation"
    assert json.loads(json.dumps(state.as_dict()))["position"] == {"value": "36092", "source": "V$DATABASE.CURRENT_TSN"}


def test_a_standby(fake: FakeTibero) -> None:
    fake.enter("RECOVERY")
    fake.views["V$STANDBY"] = [{"WHATEVER": "x", "RCVD_TSN": "40000"}]
    state = observe(fake.client())
    assert (state.open_mode.value, state.role.value) == ("recovery", "standby")
    assert state.received.value == "40000" and "not documented" in state.received.source


def test_a_standby_whose_views_are_closed(fake: FakeTibero) -> None:
    fake.enter("RECOVERY")
    fake.open_mode = 22003
    fake.backup = 22003
    state = observe(fake.client())
    assert (state.open_mode.value, state.role.value) == ("recovery", "standby")
    assert not state.position.is_known and "22003" in state.position.why
    assert not state.backup_open.is_known


def test_stopped_asks_nothing(fake: FakeTibero) -> None:
    state = observe(fake.client())
    assert (state.process.value, state.open_mode.value) == (False, "stopped")
    assert not state.role.is_known and state.position.why == "the instance is stopped"
    assert not fake.of("tbsql") and not state.notes


def test_stopped_without_database(fake: FakeTibero) -> None:
    (fake.data / "c1.ctl").unlink()
    assert observe(fake.client()).role.value == "none"
    fake.tip.unlink()
    assert observe(fake.client()).role.value == "none", "without a tip nothing was ever created"
    fake.tip.write_text("DB_NAME=orders\n")
    assert not observe(fake.client()).role.is_known, "the default directory is not empty"


def test_crashed(fake: FakeTibero) -> None:
    (fake.home / "instance" / fake.sid / ".proc.list").write_text("x")
    seen = look(fake.client())
    assert seen.garbage and "died" in seen.state.notes[0]
    fake.enter("NORMAL")
    assert not look(fake.client()).garbage


def test_suspended(fake: FakeTibero) -> None:
    fake.suspend("NORMAL", "MOUNT")
    state = observe(fake.client())
    assert state.open_mode.value == "mount" and "asked for NORMAL" in state.notes[0]


def test_nomount(fake: FakeTibero) -> None:
    fake.enter("NOMOUNT")
    state = observe(fake.client())
    assert state.open_mode.value == "nomount" and not state.role.is_known and "12028" in state.position.why


def test_wrong_password_gives_unknown_and_says_why(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    seen = look(fake.client(password="Wrong-planted"))
    assert seen.state.process.value is True and not seen.state.open_mode.is_known
    assert "TBR-17001" in seen.state.open_mode.why and seen.login == 17001
    assert "planted" not in json.dumps(seen.state.as_dict())


def test_no_password_gives_unknown_and_says_why(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    state = observe(fake.client(password=""))
    assert state.process.value is True and "sys_password" in state.open_mode.why


def test_no_process_list(fake: FakeTibero) -> None:
    fake.ps_fails = True
    state = observe(fake.client())
    assert not state.process.is_known and not state.open_mode.is_known


def test_backup_by_either_view(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.backup = ["NOT ACTIVE", "ACTIVE"]
    assert observe(fake.client()).backup_open.value is True
    fake.backup = 8053
    fake.views["_VT_BACKUP"] = [{"STATUS": "1"}]
    assert observe(fake.client()).backup_open.value is True
    fake.views["_VT_BACKUP"] = []
    assert observe(fake.client()).backup_open.value is False
    fake.views["_VT_BACKUP"] = [{"STATUS": "maybe"}]
    assert not observe(fake.client()).backup_open.is_known


@pytest.mark.parametrize(
    ("field", "prepare"),
    [
        ("archive_mode", lambda fake: setattr(fake, "log_mode", "SOMETIMES")),
        ("position", lambda fake: setattr(fake, "tsn", "n/a")),
        ("log_sequence", lambda fake: fake.views.update({"V$LOG": []})),
        ("destinations", lambda fake: fake.parameters.update({"LOG_REPLICATION_DEST_1": "nonsense"})),
        ("protection_mode", lambda fake: setattr(fake, "parameters", {})),
    ],
)
def test_words_that_are_not_known_are_not_guessed(fake: FakeTibero, field: str, prepare: object) -> None:
    fake.enter("NORMAL")
    prepare(fake)  # type: ignore[operator]
    fact = getattr(observe(fake.client()), field)
    assert not fact.is_known and fact.why


def test_pending_shutdown_is_noted(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.views["V$INSTANCE"] = [{"STATUS": "NORMAL", "VERSION": "7", "SHUTDOWN_PENDING": "YES"}]
    assert "shutdown is pending" in observe(fake.client()).notes[0]


def test_record_is_private_and_names_the_control_files(fake: FakeTibero) -> None:
    client = fake.client()
    assert role_record.read(client).role == ""
    assert role_record.write(client, "standby", "test") is True
    assert role_record.write(client, "standby", "test") is False
    record = role_record.read(client)
    assert record.role == "standby" and record.same_control_files
    assert os.stat(record.path).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(record.path)).st_mode & 0o777 == 0o700
    os.rename(fake.data / "c1.ctl", fake.data / "old.ctl")
    (fake.data / "c1.ctl").write_bytes(b"another copy")
    assert not role_record.read(client).same_control_files
    assert role_record.forget(client) is True and role_record.forget(client) is False


def test_record_holds_after_the_host_has_booted(fake: FakeTibero, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of a device is another one after a boot; the conversion must not be done twice for that."""
    client = fake.client()
    role_record.write(client, "standby", "test")
    real = os.stat

    def renumbered(path: Any, **more: Any) -> os.stat_result:
        seen = real(path, **more)
        return os.stat_result((*seen[:2], seen.st_dev + 7, *seen[3:10]))

    monkeypatch.setattr(role_record.os, "stat", renumbered)
    assert role_record.read(client).same_control_files
    assert role_record.write(client, "standby", "test") is False


def test_record_of_an_older_release_is_read(fake: FakeTibero) -> None:
    client = fake.client()
    role_record.write(client, "standby", "test")
    path = Path(role_record.path_of(client))
    record = json.loads(path.read_text())
    control_file = fake.data / "c1.ctl"
    for inode, same in ((control_file.stat().st_ino, True), (control_file.stat().st_ino + 1, False)):
        path.write_text(json.dumps(dict(record, control_files=[[str(control_file), 64768, inode]])))
        assert role_record.read(client).same_control_files is same


def test_a_record_against_the_observation_is_noted(fake: FakeTibero) -> None:
    role_record.write(fake.client(), "standby", "test")
    fake.enter("NORMAL")
    state = observe(fake.client())
    assert state.role.value == "primary" and "records the role standby" in state.notes[0]


def test_secrets_are_nowhere(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    assert PASSWORD not in json.dumps(observe(fake.client()).as_dict())


def test_the_current_log_is_the_one_that_says_so(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    rows = [("6", "CURRENT"), ("9", "UNUSED")]
    fake.views["V$LOG"] = [{"THREAD#": "0", "SEQUENCE#": number, "STATUS": status} for number, status in rows]
    assert observe(fake.client()).log_sequence.value == 6
    fake.views["V$LOG"] = [{"THREAD#": "0", "SEQUENCE#": number, "STATUS": "WORD"} for number, _status in rows]
    fact = observe(fake.client()).log_sequence
    assert fact.value == 9 and "highest" in fact.source


def log(sequence: str, first: str, age: str | None) -> dict[str, str | None]:
    return {"SEQUENCE#": sequence, "FIRST_CHANGE#": first, "AGE": age}


@pytest.mark.parametrize(
    ("rows", "age", "says"),
    [
        ([log("4", "20", "90"), log("5", "101", "57"), log("6", "102", "3")], 58, "log 5 began at TSN 101"),
        # Of logs without writes that began at the same TSN the latest counts.
        ([log("4", "101", "90"), log("5", "101", "57")], 58, "log 5"),
        ([log("5", "102", "57")], None, "it shows no log that began at or before TSN 100"),
        ([log("5", "20", None), log("x", "20", "1"), log("5", "", "1")], None, "it shows no log"),
        ([log("5", "20", "-4")], None, "log 5 began 4 s ahead of the clock of this host"),
    ],
)
def test_for_how_long_something_may_be_missing_on_a_standby(
    fake: FakeTibero, rows: list[Any], age: int | None, says: str
) -> None:
    seen = look(fake.client())
    position = known("100", "V$DATABASE.CURRENT_TSN")
    answers = {**seen.answers, "begun": Answer(tuple(rows))}
    found = held_age(seen._replace(state=seen.state._replace(position=position), answers=answers))
    assert found.value == age if age is not None else not found.is_known
    assert says in (found.source if found.is_known else found.why)


def test_for_how_long_is_unknown_where_the_view_lacks_a_column_or_nobody_answers(fake: FakeTibero) -> None:
    seen = look(fake.client())
    answers = {**seen.answers, "begun": Answer(code=8026, why="TBR-8026: no such column")}
    position = known("100", "V$DATABASE.CURRENT_TSN")
    found = held_age(seen._replace(state=seen.state._replace(position=position), answers=answers))
    assert not found.is_known and found.why == "TBR-8026: no such column"
    stopped = held_age(seen._replace(answers={}))
    assert not stopped.is_known and stopped.why
