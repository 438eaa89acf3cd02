# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tibero_fence and tibero_marker on one played instance."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.fault_process import System
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import fault, fence, marker
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.instance_tasks import instance_info
from tests.unit.plugins.module_utils._tibero.fake_tibero import PID, FakeTibero

SERVER = "tbsvr          -t NORMAL -SVR_SID orders"
WORKER = "tbsvr_FGWP000  -t NORMAL -SVR_SID orders"
LISTENER = "tblistener -n 8629"


class Host:
    """The processes of a host, by pid, and what a signal does to them."""

    def __init__(self, fake: FakeTibero) -> None:
        self.fake = fake
        self.titles: dict[int, str] = {}
        self.parents: dict[int, int] = {}
        self.environments: dict[int, Any] = {}
        self.signals: list[tuple[int, int]] = []
        self.immortal: set[int] = set()
        fake._ps = self._ps  # type: ignore[method-assign]
        fake.downs["ABORT"] = "it hangs\n"

    def add(self, pid: int, parent: int, title: str, environment: Any = None) -> None:
        ours = {"TB_HOME": str(self.fake.home), "TB_SID": "orders"}
        self.titles[pid], self.parents[pid] = title, parent
        self.environments[pid] = ours if environment is None else environment

    def server(self, pid: int = PID) -> None:
        """A server with a worker and its listener."""
        self.add(pid, 1, SERVER)
        self.add(pid + 1, pid, WORKER)
        self.add(pid + 2, pid, LISTENER)

    def end(self, *pids: int) -> None:
        for pid in pids:
            del self.titles[pid]
            for child in [one for one, parent in self.parents.items() if parent == pid]:
                self.parents[child] = 1

    def _ps(self) -> str:
        lines = [f"tibero {pid} {self.parents[pid]} 0 14:14 ? 00:00:00 {title}" for pid, title in self.titles.items()]
        return "\n".join(["UID PID PPID C STIME TTY TIME CMD", *lines]) + "\n"

    def _read(self, path: str) -> bytes:
        pid, name = int(path.split("/")[2]), path.split("/")[3]
        if pid not in self.titles:
            raise FileNotFoundError(path)
        found = self.environments[pid]
        if name == "cmdline":
            return self.titles[pid].encode()
        if isinstance(found, type):
            raise found(path)
        return "\0".join(f"{key}={value}" for key, value in found.items()).encode()

    def _send(self, process: detached.Process, number: int) -> bool:
        self.signals.append((process.pid, number))
        if process.pid in self.titles and process.pid not in self.immortal:
            self.end(process.pid)
        return True

    def fence(self, check: bool = False, **params: Any) -> Any:
        proc = fault.Proc(
            lambda pid: detached.Process(pid, str(pid * 10), "boot") if pid in self.titles else None,
            self._read,
            lambda path: 1000,
        )
        context = self.fake.context(check, **{"state": "fenced", "reason": "failover to busan1", **params})
        return fence.ensure_fence(context, proc, System(send=self._send))


@pytest.fixture
def fake(tmp_path: Path) -> FakeTibero:
    return FakeTibero(tmp_path)


@pytest.fixture
def host(fake: FakeTibero, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(fence, "ABORT_LIMIT", 0.3)
    monkeypatch.setattr(fence, "KILL_LIMIT", 0.2)
    return Host(fake)


def fenced(fake: FakeTibero, check: bool = False, **params: Any) -> Any:
    return fence.ensure_fence(fake.context(check, **{"state": "fenced", "reason": "failover to busan1", **params}))


def test_the_tip_goes_before_the_server_does(fake: FakeTibero, host: Host) -> None:
    host.server()
    hidden: list[bool] = []

    def stop() -> str:
        hidden.append(not fake.tip.exists())
        host.end(*list(host.titles))
        return "Tibero instance terminated (ABORT mode).\n"

    fake.downs["ABORT"] = stop
    outcome = host.fence()
    assert outcome.changed and hidden == [True] and outcome.values["killed"] == [] and host.signals == []
    assert fake.programs() == ["tbdown -t ABORT"]
    assert outcome.values["fenced"]["reason"] == "failover to busan1"
    again = host.fence(reason="another")
    assert not again.changed and len(fake.programs()) == 1 and again.values["killed"] == []
    assert again.values["fenced"]["reason"] == "failover to busan1"
    assert not host.fence(check=True).changed


def test_what_abort_leaves_is_killed_with_workers_and_listener(host: Host) -> None:
    host.server()
    assert host.fence().values["killed"] == [PID, PID + 1, PID + 2]
    assert host.signals == [(PID + number, signal.SIGKILL) for number in range(3)] and not host.titles


def test_workers_and_a_listener_without_their_server_are_killed_too(fake: FakeTibero, host: Host) -> None:
    """Their sessions can still commit; there is no server that ABORT could be asked of."""
    host.add(PID + 1, 1, WORKER)
    host.add(PID + 2, 1, LISTENER)
    host.add(PID + 5, 1, "tbsvr          -t NORMAL -SVR_SID another", {"TB_HOME": "/x", "TB_SID": "another"})
    host.add(PID + 6, PID + 5, "tbsvr_FGWP000  -t NORMAL -SVR_SID another", {"TB_HOME": "/x", "TB_SID": "another"})
    host.add(PID + 7, 1, LISTENER, {"TB_HOME": "/elsewhere", "TB_SID": "orders"})
    assert host.fence(check=True).changed
    outcome = host.fence()
    assert outcome.changed and outcome.values["killed"] == [PID + 1, PID + 2]
    assert sorted(host.titles) == [PID + 5, PID + 6, PID + 7] and not fake.programs()
    assert not host.fence().changed


def test_a_worker_found_behind_an_old_fence_is_a_change(host: Host) -> None:
    host.fence()
    host.add(PID + 1, 1, WORKER)
    assert host.fence(check=True).changed
    outcome = host.fence()
    assert outcome.changed and outcome.values["killed"] == [PID + 1]


def test_a_worker_whose_environment_is_hidden_is_known_by_its_server_after_it(host: Host) -> None:
    host.server()
    host.environments[PID + 1] = host.environments[PID + 2] = PermissionError
    host.fake.downs["ABORT"] = lambda: host.end(PID) or "Tibero instance terminated (ABORT mode).\n"  # type: ignore[func-returns-value]
    assert host.fence().values["killed"] == [PID + 1, PID + 2]


def test_a_boot_under_way_does_not_escape(fake: FakeTibero, host: Host) -> None:
    """It had read the tip before the tip was hidden, and has forked no server yet."""
    boot = f"{fake.home}/bin/tbboot -t NORMAL"
    host.add(PID + 8, 1, boot)
    host.add(PID + 9, 1, boot, {"TB_HOME": str(fake.home), "TB_SID": "another"})
    outcome = host.fence()
    assert outcome.values["killed"] == [PID + 8] and sorted(host.titles) == [PID + 9]


def test_a_server_that_appears_during_the_kill_is_killed(fake: FakeTibero, host: Host) -> None:
    boot, send = f"/bin/sh {fake.home}/bin/tbboot", host._send
    host.add(PID + 8, 1, boot)

    def forks(process: detached.Process, number: int) -> bool:
        if process.pid == PID + 8:
            host.server(PID + 10)
        return send(process, number)

    host._send = forks  # type: ignore[method-assign]
    outcome = host.fence()
    assert outcome.values["killed"] == [PID + 8, PID + 10, PID + 11, PID + 12] and not host.titles
    assert fake.programs() == ["tbdown -t ABORT"]


def test_a_boot_that_forked_before_the_first_look_does_not_escape(fake: FakeTibero, host: Host) -> None:
    """The look comes behind the rename: whatever began before it is seen."""
    shown = fake._ps

    def ps() -> str:
        assert not fake.tip.exists()
        return shown()

    host.server()
    fake._ps = ps  # type: ignore[method-assign]
    assert host.fence().values["killed"] == [PID, PID + 1, PID + 2]


def test_a_server_that_lives_on_is_not_fenced(host: Host) -> None:
    host.server()
    host.immortal.add(PID + 1)
    with pytest.raises(
        CommandFailed, match=rf"Processes {PID + 1} \(tbsvr_FGWP000\).*live on after SIGKILL.*Cut its power"
    ):
        host.fence()


def test_a_process_that_may_not_be_killed_lives_on(host: Host) -> None:
    host.server()

    def refuse(process: detached.Process, number: int) -> bool:
        raise PermissionError(process.pid)

    host._send = refuse  # type: ignore[method-assign]
    with pytest.raises(CommandFailed, match="live on after SIGKILL"):
        host.fence()


def test_a_process_that_nothing_can_place_is_not_touched_and_not_called_fenced(host: Host) -> None:
    host.add(PID + 2, 1, LISTENER, PermissionError)
    for _number in range(2):
        with pytest.raises(
            CommandFailed, match=rf"Nothing tells.*process {PID + 2} \(tblistener, parent 1\)"
        ) as caught:
            host.fence()
        assert not caught.value.nothing_changed and host.signals == []
    with pytest.raises(CommandFailed, match="Nothing tells"):
        host.fence(check=True)


def test_a_server_that_the_list_shows_and_proc_does_not_is_no_end(fake: FakeTibero, monkeypatch: Any) -> None:
    """The list is the proof of the end, whatever else is asked."""
    monkeypatch.setattr(fence, "ABORT_LIMIT", 0.1)
    monkeypatch.setattr(fence, "KILL_LIMIT", 0.1)
    fake.enter("NORMAL")
    fake.downs["ABORT"] = "it hangs\n"
    with pytest.raises(CommandFailed, match=rf"Nothing tells.*process {PID} \(tbsvr\)"):
        fenced(fake)
    assert fake.programs() == ["tbdown -t ABORT"]


def test_without_its_programs_it_is_killed_all_the_same(fake: FakeTibero, host: Host) -> None:
    host.server()
    (fake.home / "bin" / "tbdown").unlink()
    assert host.fence().values["killed"] == [PID, PID + 1, PID + 2] and not fake.programs()


def test_a_full_disk_does_not_keep_the_server_alive(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: str, text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(detached, "write_atomically", full)
    host.server()
    outcome = host.fence()
    assert outcome.changed and not host.titles and outcome.values["fenced"]["reason"] == ""
    assert "No space left" in outcome.warnings[0]


def test_a_tip_made_behind_the_fence_is_hidden_too(fake: FakeTibero, host: Host) -> None:
    host.fence()
    fake.tip.write_text("DB_NAME=newer\n")
    assert host.fence(check=True).changed and host.fence().changed and not fake.tip.exists()
    assert fake.tip.with_name("orders.tip.fenced").read_text() == "DB_NAME=newer\n"
    assert "LISTENER_PORT=8629" in fake.tip.with_name("orders.tip.fenced.older").read_text()


def test_check_mode_touches_nothing(fake: FakeTibero, host: Host) -> None:
    host.server()
    assert host.fence(check=True).changed and fake.tip.exists() and not fake.programs() and not host.signals


def test_a_process_list_that_cannot_be_read_is_no_proof(fake: FakeTibero) -> None:
    fake.ps_fails = True
    with pytest.raises(UnknownState, match="cannot be read"):
        fenced(fake, check=True)
    assert fake.tip.exists()
    with pytest.raises(CommandFailed, match=r"cannot be read.*does not count as fenced") as caught:
        fenced(fake)
    assert not fake.tip.exists() and not caught.value.nothing_changed


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
