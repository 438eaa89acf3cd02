# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tibero_apply_wait, called as its module calls it: one execution waits, and a time-out says what to do (played)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import DeadlineExceeded, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.apply_wait import await_applied
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.marker import ensure_marker
from tests.unit.plugins.module_utils._tibero.fake_tibero import FakeTibero, FakeTime


@pytest.fixture
def fake(tmp_path: Path) -> FakeTibero:
    played = FakeTibero(tmp_path)
    played.enter("RECOVERY")
    return played


def wait(fake: FakeTibero, time: FakeTime, check: bool = False, **params: Any) -> Any:
    return await_applied(fake.context(check, **{"position": "40000", "apply_timeout": 30, **params}), time.clock())


def test_it_waits_until_the_position_is_reached(fake: FakeTibero) -> None:
    time = FakeTime()
    time.on_sleep = lambda now: setattr(fake, "tsn", 36092 + int(now) * 1000)
    outcome = wait(fake, time)
    assert not outcome.changed and outcome.values["duration"] == 4.0
    assert outcome.values["role"] == "standby" and outcome.values["state"]["position"]["value"] == "40092"
    assert outcome.values["cold_copy"] == {} and outcome.values["role_change"] == {}


def test_a_timeout_names_the_variable_and_both_positions(fake: FakeTibero) -> None:
    with pytest.raises(DeadlineExceeded) as caught:
        wait(fake, FakeTime())
    assert str(caught.value) == (
        "Waited 30 s for orders to be a standby that has applied TSN 40000, where the primary was; last seen: TSN 36092, "
        "role standby, open mode recovery. The condition did not come true within its limit of 30 s. To do: Raise "
        "standby_apply_timeout (30 s now) if the last position grows from run to run and run again; else redo does not arrive or is "
        f"not applied: read sys.log below {fake.home}/instance/orders/log/slog and V$STANDBY_DEST of the primary."
    )
    assert caught.value.details["state"]["position"]["value"] == "36092"


def test_a_primary_at_that_position_is_no_standby(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    with pytest.raises(DeadlineExceeded, match="role primary"):
        wait(fake, FakeTime(), position="1")


def test_a_position_that_is_not_known_is_never_zero(fake: FakeTibero) -> None:
    with pytest.raises(UnknownState, match="The position of the primary is 'UNKNOWN'"):
        wait(fake, FakeTime(), position="UNKNOWN")


def test_check_mode_looks_once(fake: FakeTibero) -> None:
    time = FakeTime()
    assert wait(fake, time, check=True).values["duration"] == 0.0
    assert time.time == 0.0 and len(fake.of("tbsql")) == 1


def arrived(fake: FakeTibero, **params: Any) -> Any:
    return ensure_marker(fake.context(state="arrived", marker="change-1", timeout=1, **params))


def test_a_marker_waits_by_the_same_rule(fake: FakeTibero) -> None:
    outcome = arrived(fake, position="36000")
    assert outcome.values["position"] == "36092" and outcome.values["read"] is False
    with pytest.raises(DeadlineExceeded, match="marker change-1 at TSN 40000; last seen: TSN 36092, role standby"):
        arrived(fake, position="40000")
    with pytest.raises(UnknownState, match="The position of the marker is 'UNKNOWN'"):
        arrived(fake, position="UNKNOWN")


def test_a_readable_standby_must_show_the_marker_itself(fake: FakeTibero) -> None:
    fake.status, fake.open_mode = "NORMAL", "READ ONLY"
    fake.views["FIREDRILL_MARKER"] = []
    with pytest.raises(DeadlineExceeded, match="open mode read_only"):
        arrived(fake, position="1")
    fake.views["FIREDRILL_MARKER"] = [{"ID": "change-1"}]
    assert arrived(fake, position="1").values["read"] is True
