# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tibero_fence and tibero_marker on one played instance."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import fence, marker
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.instance_tasks import instance_info
from tests.unit.plugins.module_utils._tibero.fake_tibero import PID, FakeTibero


@pytest.fixture
def fake(tmp_path: Path) -> FakeTibero:
    return FakeTibero(tmp_path)


def fenced(fake: FakeTibero, check: bool = False, **params: Any) -> Any:
    return fence.ensure_fence(fake.context(check, **{"state": "fenced", "reason": "failover to busan1", **params}))


def test_the_tip_goes_before_the_server_does(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    hidden: list[bool] = []

    def stop() -> str:
        hidden.append(not fake.tip.exists())
        fake.process = ""
        return "Tibero instance terminated (ABORT mode).\n"

    fake.downs["ABORT"] = stop
    outcome = fenced(fake)
    assert outcome.changed and hidden == [True] and outcome.values["killed"] == []
    assert fake.programs() == ["tbdown -t ABORT"]
    assert outcome.values["fenced"]["reason"] == "failover to busan1"
    again = fenced(fake)
    assert not again.changed and len(fake.programs()) == 1


def test_what_abort_leaves_is_killed(fake: FakeTibero, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.enter("NORMAL")
    fake.downs["ABORT"] = "it hangs\n"
    killed: list[tuple[int, int]] = []

    def kill(pid: int, number: int) -> None:
        killed.append((pid, number))
        fake.process = ""

    monkeypatch.setattr(os, "kill", kill)
    assert fenced(fake).values["killed"] == [PID] and killed == [(PID, signal.SIGKILL)]


def test_a_server_that_lives_on_is_not_fenced(fake: FakeTibero, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.enter("NORMAL")
    fake.downs["ABORT"] = "it hangs\n"
    monkeypatch.setattr(os, "kill", lambda pid, number: None)
    monkeypatch.setattr(fence, "KILL_LIMIT", 0.2)
    with pytest.raises(CommandFailed, match=r"live on after SIGKILL.*Cut its power"):
        fenced(fake)


def test_check_mode_touches_nothing(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    assert fenced(fake, check=True).changed and fake.tip.exists() and not fake.programs()


def test_a_process_list_that_cannot_be_read_is_no_proof(fake: FakeTibero) -> None:
    fake.ps_fails = True
    with pytest.raises(UnknownState, match="cannot be read"):
        fenced(fake)


def test_an_installation_without_tip_is_not_taken_for_fenced(fake: FakeTibero) -> None:
    fake.tip.unlink()
    with pytest.raises(CommandFailed, match="this may be another installation"):
        fenced(fake)


def test_a_fence_is_seen_and_lifted(fake: FakeTibero) -> None:
    fenced(fake)
    values = instance_info(fake.context(True, status_words={}, open_mode_words={})).values
    assert values["fenced"]["tip"].endswith("orders.tip.fenced") and values["role"] == "UNKNOWN"
    assert fenced(fake, state="absent").changed and fake.tip.exists()
    assert not fenced(fake, state="absent").changed
    assert fence.seen_by(fake.client()) == {}


def test_a_new_tip_beside_a_fence_is_not_judged(fake: FakeTibero) -> None:
    fenced(fake)
    fake.tip.write_text("DB_NAME=orders\n")
    with pytest.raises(Refusal, match="both exist"):
        fenced(fake, state="absent")


# ------------------------------------------------------------------------------------------ marker


def marked(fake: FakeTibero, check: bool = False, **params: Any) -> Any:
    return marker.ensure_marker(fake.context(check, **{"marker": "c1", "position": None, **params}))


@pytest.mark.parametrize("there", [True, False])
def test_a_marker_is_written_on_the_primary(fake: FakeTibero, there: bool) -> None:
    fake.enter("NORMAL")
    fake.views["USER_TABLES"] = [{"TABLE_NAME": "FIREDRILL_MARKER"}] if there else []
    fake.replies = {
        "CREATE TABLE": "Table 'FIREDRILL_MARKER' created.",
        "INSERT": "1 row inserted.",
        "COMMIT": "Commit completed.",
    }
    assert marked(fake, state="written").values["position"] == "36092"
    written = [text for text in fake.statements if text.startswith(("CREATE", "INSERT", "COMMIT"))]
    assert written[-2:] == ["INSERT INTO FIREDRILL_MARKER VALUES ('c1', SYSDATE);", "COMMIT;"]
    assert len(written) == (2 if there else 3)


def test_an_error_of_the_marker_is_told(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.views["USER_TABLES"] = []
    with pytest.raises(CommandFailed, match="TBR-8004"):
        marked(fake, state="written")


@pytest.mark.parametrize("state", ["written", "absent"])
def test_a_standby_takes_no_marker(fake: FakeTibero, state: str) -> None:
    fake.enter("RECOVERY")
    with pytest.raises(UnknownState, match="Only an open primary"):
        marked(fake, state=state)


def test_the_table_is_dropped_once(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.views["USER_TABLES"] = [{"TABLE_NAME": "FIREDRILL_MARKER"}]
    fake.replies = {"DROP": "Table 'FIREDRILL_MARKER' dropped."}
    assert marked(fake, state="absent").changed
    fake.views["USER_TABLES"] = []
    assert not marked(fake, state="absent").changed
    assert [text for text in fake.statements if text.startswith("DROP")] == ["DROP TABLE FIREDRILL_MARKER;"]


def test_a_standby_in_recovery_is_judged_by_its_position(fake: FakeTibero) -> None:
    fake.enter("RECOVERY")
    fake.views["FIREDRILL_MARKER"] = 22003
    assert marked(fake, state="arrived", position="36092").values["read"] is False
    with pytest.raises(DeadlineExceeded, match="to have the marker c1 at TSN 36093"):
        marked(fake, state="arrived", position="36093", timeout=0.3)


def test_a_readable_standby_shows_the_row(fake: FakeTibero) -> None:
    fake.enter("RECOVERY")
    fake.open_mode = "READ ONLY"
    fake.views["FIREDRILL_MARKER"] = [{"ID": "c1"}]
    assert marked(fake, state="arrived", position="1").values["read"] is True
    fake.views["FIREDRILL_MARKER"] = []
    with pytest.raises(DeadlineExceeded):
        marked(fake, state="arrived", position="1", timeout=0.3)


@pytest.mark.parametrize("name", ["", "a'b", "x" * 65])
def test_a_marker_has_a_plain_name(fake: FakeTibero, name: str) -> None:
    with pytest.raises(Refusal, match="marker is"):
        marked(fake, state="absent", marker=name)
