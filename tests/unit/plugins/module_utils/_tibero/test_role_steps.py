# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a role change on one played instance: the exact calls, the proof before a promotion, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
    StandbyError,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.journal import Step
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import role_plan, role_steps
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.instance_tasks import values_of
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import look
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.role_change_task import (
    ensure_role_change,
    seen_by,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.role_steps import Terms
from tests.unit.plugins.module_utils._tibero.fake_tibero import PASSWORD, FakeTibero, box

STEPS = role_steps.switchover("seoul1", "busan1")
DEMOTE = STEPS[0]
SESSION = {"SID": "7", "SERIAL#": "9", "USERNAME": "APP", "STATUS": "READY"}
OWN = {"SID": "8", "SERIAL#": "1", "USERNAME": "SYS", "STATUS": "RUNNING"}


@pytest.fixture
def fake(tmp_path: Path) -> FakeTibero:
    found = FakeTibero(tmp_path)
    found.views["V$SESSION"] = [dict(OWN, SID="1")]
    found.replies = {"ALTER SYSTEM": "System altered."}
    return found


def act(fake: FakeTibero, action: str, payload: dict[str, Any] | None = None, **terms: Any) -> dict[str, Any]:
    found = role_steps.actions(fake.client(), Terms(**terms))[action](DEMOTE, payload or {})
    assert PASSWORD not in json.dumps(found)
    return dict(found)


def sessions(fake: FakeTibero, *others: dict[str, str]) -> None:
    """Others stay, each look of ours is a login of its own."""
    looks = iter(range(100, 200))
    fake.view = _with_sessions(fake, looks, others)  # type: ignore[method-assign]


def _with_sessions(fake: FakeTibero, looks: Any, others: tuple[dict[str, str], ...]) -> Any:
    plain = FakeTibero.view

    def view(name: str) -> Any:
        if name == "V$SESSION":
            here = [each for each in others if each["SID"] not in gone]
            return [dict(OWN, SID=str(next(looks))), *here]
        return plain(fake, name)

    gone: list[str] = []
    fake.replies["ALTER SYSTEM KILL SESSION"] = lambda text: (
        gone.append(text.split("(")[1].split(",")[0]) or "System altered."
    )
    fake.replies = dict(sorted(fake.replies.items(), key=lambda item: -len(item[0])))
    return view


# ------------------------------------------------------------------------------------- the steps


def test_demote_reads_the_position_and_stops_by_switchover(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    (fake.data / "c1.ctl").write_bytes(b"as the stop left it")
    seen = act(fake, role_steps.DEMOTE)
    assert seen["position"] == seen["switchover_stop"]["position"] == "36092"
    assert seen["switchover_stop"]["control_files"] == role_steps.control_file_stamps(fake.client()) != []
    assert fake.programs() == ["tbdown -t SWITCHOVER"]


def test_stop_waits_for_the_position_of_the_primary(fake: FakeTibero) -> None:
    fake.enter("RECOVERY")
    assert act(fake, role_steps.STOP, {"demote": {"position": "36092"}})["position"] == "36092"
    assert fake.programs() == ["tbdown -t IMMEDIATE"]


def test_stop_does_not_stop_a_standby_that_lacks_redo(fake: FakeTibero) -> None:
    fake.enter("RECOVERY")
    client = fake.client(timeout=0.5)
    with pytest.raises(DeadlineExceeded, match="to hold TSN 36093 of the primary"):
        role_steps.actions(client, Terms())[role_steps.STOP](DEMOTE, {"demote": {"position": "36093"}})
    assert fake.programs() == []


def test_a_standby_that_went_down_is_asked_before_it_counts(fake: FakeTibero) -> None:
    assert act(fake, role_steps.STOP, {"demote": {"position": "36000"}})["position"] == "36092"
    assert fake.programs() == ["tbboot -t RECOVERY", "tbdown -t IMMEDIATE"]


def test_follow_boots_recovery(fake: FakeTibero) -> None:
    assert act(fake, role_steps.FOLLOW)["position"] == "36092"
    assert fake.programs() == ["tbboot -t RECOVERY"]


def test_promote_with_proof(fake: FakeTibero) -> None:
    payload = {"demote": {"position": "90"}, "stop": {"position": "100"}, "follow": {"position": "100"}}
    found = act(fake, role_steps.PROMOTE, payload)
    assert (found["branch_point"], found["position"]) == ("100", "36092")
    assert found["proof"].startswith("it held TSN 100 when it stopped; the former primary reported 90")
    assert fake.programs() == ["tbboot -t FAILOVER"]


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"stop": {"position": "100"}},
        # The shorter order: the former primary has not told its end, and what committed while it stopped is in no figure.
        {"stop": {"position": "100"}, "demote": {"position": "100"}},
        {"stop": {"position": "100"}, "demote": {"position": "100"}, "follow": {"position": "UNKNOWN"}},
        {"stop": {"position": "99"}, "follow": {"position": "100"}},
        {"stop": {"position": "99"}, "demote": {"position": "100"}},
        {"stop": {"position": "UNKNOWN"}, "follow": {"position": "100"}},
    ],
)
def test_promote_without_proof_is_refused_unless_that_is_accepted(fake: FakeTibero, payload: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="is not proven to hold every TSN"):
        act(fake, role_steps.PROMOTE, payload)
    assert fake.programs() == []
    assert act(fake, role_steps.PROMOTE, payload, accept_unproven=True)["proof"].startswith("NOT PROVEN, accepted by")


def test_the_shorter_order_says_what_is_not_proven(fake: FakeTibero) -> None:
    payload = {"stop": {"position": "100"}, "demote": {"position": "90"}}
    with pytest.raises(
        Refusal, match=r"what was committed while the former primary stopped.*role_change_promote_first"
    ):
        act(fake, role_steps.PROMOTE, payload)
    proof = act(fake, role_steps.PROMOTE, payload, accept_unproven=True)["proof"]
    assert (
        "UNKNOWN as a standby" in proof and "what was committed while the former primary stopped is in neither" in proof
    )


def test_a_promotion_that_broke_off_may_have_made_a_primary(fake: FakeTibero) -> None:
    def refused() -> str:
        fake.suspend("FAILOVER", "MOUNT")
        return box("MOUNT", 1127, "Database not in standby mode.")

    fake.boots["FAILOVER"] = refused
    payload = {"stop": {"position": "100"}, "follow": {"position": "100"}}
    with pytest.raises(CommandFailed, match="TBR-1127"):
        act(fake, role_steps.PROMOTE, payload)
    assert "tbboot -t NORMAL" not in fake.programs()
    act(fake, role_steps.PROMOTE, {**payload, "promote": {"begun": True}})
    assert fake.programs()[-1] == "tbboot -t NORMAL"


def test_return_after_a_completed_stop_goes_through_recovery(fake: FakeTibero) -> None:
    act(fake, role_steps.RETURN)
    assert fake.programs() == ["tbboot -t RECOVERY", "tbdown -t IMMEDIATE", "tbboot -t FAILOVER"]


@pytest.mark.parametrize("code", role_steps.NOT_A_STANDBY)
def test_return_of_a_primary_that_never_became_a_standby(fake: FakeTibero, code: int) -> None:
    def refused() -> str:
        fake.suspend("RECOVERY", "MOUNT")
        return box("MOUNT", code, "no")

    fake.boots["RECOVERY"] = refused
    act(fake, role_steps.RETURN)
    assert fake.programs() == ["tbboot -t RECOVERY", "tbdown -t IMMEDIATE", "tbboot -t NORMAL"]


def test_return_opens_nothing_when_the_server_says_something_else(fake: FakeTibero) -> None:
    def refused() -> str:
        fake.suspend("RECOVERY", "MOUNT")
        return box("MOUNT", 1024, "Database needs media recovery: open failed(/d/system001.dtf).")

    fake.boots["RECOVERY"] = refused
    with pytest.raises(CommandFailed, match="TBR-1024"):
        act(fake, role_steps.RETURN)
    assert "tbboot -t NORMAL" not in fake.programs()


# --------------------------------------------------------------------- a stop that is still pending


def observed(fake: FakeTibero) -> role_plan.View:
    found = role_plan.view_of(values_of(look(fake.client())))
    assert found is not None
    return found


def test_the_view_tells_a_pending_stop_by_the_refused_login(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    assert not observed(fake).stopping
    for code in (12039, 17008):
        fake.login_error = code
        assert observed(fake).stopping
    fake.login_error = 17001
    assert not observed(fake).stopping
    fake.process = ""
    assert not observed(fake).stopping


def test_the_view_tells_a_pending_stop_where_the_server_still_answers(
    fake: FakeTibero, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.enter("NORMAL")
    plain = FakeTibero.view

    def view(self: FakeTibero, name: str) -> Any:
        rows = plain(self, name)
        return [dict(row, SHUTDOWN_PENDING="YES") for row in rows] if name == "V$INSTANCE" else rows

    monkeypatch.setattr(FakeTibero, "view", view)
    assert observed(fake).is_primary and observed(fake).stopping


# ------------------------------------------------------------------------- before anything stops


def prepared(fake: FakeTibero, steps: list[Step], act_too: bool = True, **terms: Any) -> list[str]:
    return role_steps.prepare(fake.client(), steps, Terms(**terms), act_too)


def test_a_log_switch_and_a_checkpoint_come_before_the_outage(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    sessions(fake)
    prepared(fake, [DEMOTE])
    assert [text for text in fake.statements if text.startswith("ALTER")] == [
        "ALTER SYSTEM SWITCH LOGFILE;",
        "ALTER SYSTEM CHECKPOINT;",
    ]


def test_check_mode_prepares_nothing(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    sessions(fake)
    assert prepared(fake, [DEMOTE], act_too=False) == []
    assert not [text for text in fake.statements if text.startswith("ALTER")]


def test_an_observer_is_recognised(fake: FakeTibero) -> None:
    fake.tip.write_text(fake.tip.read_text() + "STANDBY_USE_OBSERVER=Y\n")
    with pytest.raises(Refusal, match=r"STANDBY_USE_OBSERVER=Y.*cmrctl switchover"):
        prepared(fake, [STEPS[1]])


def test_an_open_backup_is_refused(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.backup = ["ACTIVE"]
    with pytest.raises(Refusal, match="TBR-24029"):
        prepared(fake, [DEMOTE])


def test_sessions_are_listed_and_refused(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    sessions(fake, SESSION)
    with pytest.raises(Refusal, match=r"1 session\(s\) are connected to orders: \(SID=7; SERIAL#=9; USERNAME=APP"):
        prepared(fake, [DEMOTE])


def test_sessions_that_cannot_be_listed_are_unknown(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.views["V$SESSION"] = 22003
    with pytest.raises(StandbyError, match="cannot be listed"):
        prepared(fake, [DEMOTE])


def test_sessions_are_seen_out_while_the_stop_waits(fake: FakeTibero, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.enter("NORMAL")
    sessions(fake, SESSION)
    seen: list[str] = []

    class Played:
        """An escort that ends one session; what it does is tested in test_escort.py."""

        notes: ClassVar[list[str]] = ["1 session(s) of others were ended while the stop waited"]

        def __init__(self, client: Any, spawner: Any) -> None:
            self.client = client

        def __enter__(self) -> Played:
            seen.append(f"in, after {fake.programs()}")
            return self

        def __exit__(self, *exception: Any) -> None:
            seen.append(f"out, after {fake.programs()}")

    monkeypatch.setattr(role_steps, "Escort", Played)
    found = act(fake, role_steps.DEMOTE, sessions="disconnect")
    assert seen == ["in, after []", "out, after ['tbdown -t SWITCHOVER']"]
    assert found["notes"][-1] == Played.notes[0]


def test_without_sessions_nobody_has_to_be_seen_out(fake: FakeTibero, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.enter("NORMAL")
    sessions(fake)
    monkeypatch.setattr(role_steps, "Escort", None)
    act(fake, role_steps.DEMOTE, sessions="disconnect")
    assert fake.programs() == ["tbdown -t SWITCHOVER"]


def test_without_an_escort_the_primary_is_not_stopped(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    sessions(fake, SESSION)
    with pytest.raises(
        Refusal, match=r"The sessions of orders cannot be ended: tbsql cannot be started.*nothing was changed"
    ):
        act(fake, role_steps.DEMOTE, sessions="disconnect")
    assert fake.programs() == []


def test_sessions_that_do_not_leave_keep_the_primary_open(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    sessions(fake, SESSION)
    with pytest.raises(Refusal, match=r"After 0 s sessions are still connected to orders: \(SID=7"):
        act(fake, role_steps.DEMOTE, sessions="wait", session_deadline=0.1)
    assert fake.programs() == []


# -------------------------------------------------------------------------------------- the module

MODULE: dict[str, Any] = {
    "state": "armed",
    "member": "busan1",
    "change": {
        "id": "c1", "kind": "switchover", "old": "seoul1", "new": "busan1", "holder": "ops@desk", "started_at": "now",
        "steps": [dict(step._asdict()) for step in STEPS],
    },
    "todo": [2, 4], "run": "r1", "patience": 0.5, "sessions": "refuse", "session_deadline": 1.0, "accept_unproven": False,
    "result": None, "words": "",
}  # fmt: skip


def module(fake: FakeTibero, check: bool = False, **params: Any) -> Any:
    return ensure_role_change(fake.context(check, **{**MODULE, **params}))


def test_check_mode_says_which_steps_would_run(fake: FakeTibero) -> None:
    outcome = module(fake, check=True)
    assert outcome.changed and outcome.values["steps"] == ["tbdown on busan1", "tbboot -t FAILOVER on busan1"]
    assert seen_by(fake.client()) == {} and fake.programs() == []


def test_steps_of_another_member_are_refused(fake: FakeTibero) -> None:
    with pytest.raises(Refusal, match=r"todo of busan1 is \[1, 2\]"):
        module(fake, todo=[1, 2])


def test_the_module_leaves_a_journal_and_a_worker(fake: FakeTibero) -> None:
    outcome = module(fake)
    assert outcome.values["pid"] > 0
    seen = seen_by(fake.client())
    assert (seen["state"], seen["change"]["id"], seen["marks"]) == ("open", "c1", {})
    settled = module(fake, state="settled")
    assert settled.values["working"] is False and not settled.changed
    closed = module(fake, state="closed", result="undone", words="taken back")
    assert closed.changed and not module(fake, state="closed", result="undone", words="taken back").changed
    assert seen_by(fake.client())["state"] == "undone"


def test_a_journal_that_cannot_be_read_is_said(fake: FakeTibero) -> None:
    path = Path(fake.client().record_directory, "role_change", "change.json")
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_text("torn")
    assert "cannot be read as a journal" in seen_by(fake.client())["unreadable"]


def test_closing_where_no_journal_is_changes_nothing(fake: FakeTibero) -> None:
    assert not module(fake, state="closed", result="done").changed
