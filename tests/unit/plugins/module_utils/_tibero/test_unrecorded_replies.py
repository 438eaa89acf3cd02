# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replies that no recording knows: without an error they count only when the instance shows the effect (played)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import hot_backup, replication
from tests.unit.plugins.module_utils._tibero.fake_tibero import FakeTibero

ODD = "Backup is started."


@pytest.fixture
def fake(tmp_path: Path) -> FakeTibero:
    played = FakeTibero(tmp_path)
    played.enter("NORMAL")
    return played


def effect(fake: FakeTibero, reply: str, **state: Any) -> Any:
    """A reply with its effect on the instance."""

    def run(text: str) -> str:
        for name, value in state.items():
            setattr(fake, name, value)
        return reply

    return run


def test_an_odd_reply_counts_with_its_effect_and_not_without(fake: FakeTibero) -> None:
    client = fake.client()
    fake.replies["ALTER DATABASE BEGIN BACKUP"] = effect(fake, ODD, backup=["ACTIVE", "ACTIVE"])
    assert client.execute(hot_backup.BEGIN, ("altered",), proof=lambda: hot_backup._all_active(client)).text
    fake.replies["ALTER DATABASE BEGIN BACKUP"] = effect(fake, ODD, backup=["ACTIVE", "NOT ACTIVE"])
    with pytest.raises(CommandFailed) as caught:
        client.execute(hot_backup.BEGIN, ("altered",), proof=lambda: hot_backup._all_active(client))
    assert ODD in str(caught.value)
    assert "the state seen afterwards does not show its effect" in str(caught.value)


def test_an_error_is_an_error_whatever_the_state_shows(fake: FakeTibero) -> None:
    fake.replies["ALTER DATABASE BEGIN BACKUP"] = 24011
    with pytest.raises(CommandFailed, match="TBR-24011"):
        fake.client().execute(hot_backup.BEGIN, ("altered",), proof=lambda: True)


def test_an_instance_that_does_not_answer_proves_nothing(fake: FakeTibero) -> None:
    client = fake.client()
    fake.replies["ALTER DATABASE BEGIN BACKUP"] = effect(fake, ODD, login_error=17008)
    with pytest.raises(CommandFailed, match="does not show its effect"):
        client.execute(hot_backup.BEGIN, ("altered",), proof=lambda: bool(client.live_parameters()))


def test_the_backup_of_the_control_file_is_proved_by_the_file(fake: FakeTibero, tmp_path: Path) -> None:
    place = tmp_path / "backup.ctl"
    client = fake.client()
    fake.replies["ALTER DATABASE BACKUP CONTROLFILE"] = lambda text: place.write_text("control") and "Done so."
    hot_backup._backup_controlfile(client, str(place))
    fake.replies["ALTER DATABASE BACKUP CONTROLFILE"] = "Done so."
    with pytest.raises(CommandFailed, match="does not show its effect"):
        hot_backup._backup_controlfile(client, str(tmp_path / "other.ctl"))


@pytest.mark.parametrize("arrives", [True, False])
def test_a_destination_is_proved_by_the_running_parameter(fake: FakeTibero, arrives: bool) -> None:
    shown = {"LOG_REPLICATION_MODE": "PERFORMANCE", "LOG_REPLICATION_DEST_1": "10.0.0.2:8633 LGWR ASYNC"}
    fake.parameters = {"LOG_REPLICATION_MODE": "PERFORMANCE"}
    fake.replies["ALTER SYSTEM SET"] = effect(fake, "Parameter set.", **({"parameters": shown} if arrives else {}))
    given = {
        name: option.get("default") for name, option in replication.REPLICATION_SPEC.items() if "default" in option
    }
    wanted = {
        "mode": "performance",
        "destinations": {"LOG_REPLICATION_DEST_1": "10.0.0.2:8633 LGWR ASYNC"},
        "timeout": 1,
    }
    context = fake.context(**{**{name: value for name, value in given.items() if name != "timeout"}, **wanted})
    if arrives:
        assert replication.ensure_replication(context).changed
    else:
        with pytest.raises(CommandFailed, match="Parameter set"):
            replication.ensure_replication(context)


@pytest.mark.parametrize("arrives", [True, False])
def test_read_only_is_proved_by_the_open_mode(fake: FakeTibero, arrives: bool) -> None:
    fake.enter("RECOVERY")
    opened = {"status": "NORMAL", "open_mode": "READ ONLY"} if arrives else {}
    fake.replies["ALTER DATABASE OPEN READ ONLY"] = effect(fake, "Database opened.", **opened)
    context = fake.context(state="present", timeout=1)
    if arrives:
        assert replication.ensure_read_only(context).values["open_mode"] == "read_only"
    else:
        with pytest.raises(CommandFailed, match="Database opened"):
            replication.ensure_read_only(context)
