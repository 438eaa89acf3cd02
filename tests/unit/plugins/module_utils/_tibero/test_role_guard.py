# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an attempt to write on a former primary comes to: by the port, by the login, by the statement; and what the module makes of the numbers."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from fake_tibero import PASSWORD, SID, FakeTibero

from ansible_collections.firedrill.standby.plugins.module_utils._core import guard, journal
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import role_guard
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Login, Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.role_change_task import (
    ensure_role_change,
    journal_of,
    seen_by,
)

CREATED = "Table 'FIREDRILL_GUARD' created."
DROPPED = "Table 'FIREDRILL_GUARD' dropped."


@pytest.fixture
def fake(tmp_path: Path) -> FakeTibero:
    found = FakeTibero(tmp_path / "tibero7")
    found.enter("NORMAL")
    return found


def client_of(fake: FakeTibero, password: str = PASSWORD) -> Tibero:
    return Tibero(str(fake.home), SID, fake, Login("sys", password))


def reached(server: socket.socket) -> dict[str, Any]:
    return {"member": "seoul1", "alias": "seoul1", "host": "127.0.0.1", "port": server.getsockname()[1]}


def attempt(fake: FakeTibero, password: str = PASSWORD) -> guard.Attempt:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return role_guard.attempts(client_of(fake, password), [reached(server)])()


def test_an_open_database_takes_it_and_it_is_removed_again(fake: FakeTibero):
    fake.replies = {"CREATE TABLE": CREATED, "DROP TABLE": DROPPED}
    assert attempt(fake) == (guard.ACCEPTED, "the table FIREDRILL_GUARD of sys was made")
    assert fake.statements == [role_guard.CREATE, role_guard.DROP]
    first = fake.of("tbsql")[0]
    assert first.stdin.split("\n")[0] == f"CONN sys/'{PASSWORD}'@seoul1"
    assert first.deadline == role_guard.STATEMENT_LIMIT


def test_one_that_cannot_be_removed_is_told(fake: FakeTibero):
    fake.replies = {"CREATE TABLE": CREATED, "DROP TABLE": 12039}
    assert attempt(fake) == (
        guard.ACCEPTED,
        "the table FIREDRILL_GUARD of sys was made, and could not be dropped again",
    )


@pytest.mark.parametrize("code", [7501, 8142, 12028, 21042, 7004])
def test_a_standby_refuses_it(fake: FakeTibero, code: int):
    fake.replies = {"CREATE TABLE": code}
    outcome, said = attempt(fake)
    assert outcome == guard.REFUSED and f"TBR-{code}: " in said
    assert fake.statements == [role_guard.CREATE]


@pytest.mark.parametrize("code", [2131, 12039, 7001, 8053])
def test_an_error_that_is_not_known_to_refuse_proves_nothing(fake: FakeTibero, code: int):
    fake.replies = {"CREATE TABLE": code}
    assert attempt(fake).outcome == guard.UNCLEAR


def test_an_answer_that_is_not_known_is_no_success(fake: FakeTibero):
    fake.replies = {"CREATE TABLE": "Well, well."}
    assert attempt(fake).outcome == guard.UNCLEAR


def test_a_login_that_a_booting_server_refuses(fake: FakeTibero):
    fake.login_error = 17008
    outcome, said = attempt(fake)
    assert (outcome, "TBR-17008" in said) == (guard.REFUSED, True)


def test_a_login_that_would_fail_on_an_open_primary_too(fake: FakeTibero):
    outcome, said = attempt(fake, "Another-1")
    assert outcome == guard.UNCLEAR and "TBR-17001" in said and "Another-1" not in said


def test_a_server_that_stands_still(fake: FakeTibero):
    fake.replies = {"CREATE TABLE": CREATED}
    fake.slow.add("tbsql")
    assert attempt(fake).outcome == guard.NO_ANSWER


def test_nobody_listens(fake: FakeTibero):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    asked = {"member": "seoul1", "alias": "seoul1", "host": "127.0.0.1", "port": port}
    assert role_guard.attempts(client_of(fake), [asked])() == (guard.REFUSED, "nobody listens")
    assert fake.calls == [], "tbsql is not asked for what the port tells"


def test_of_several_that_were_fenced_each_is_tried_in_turn(fake: FakeTibero):
    fake.replies = {"CREATE TABLE": 7004}
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as gone:
        away = {**reached(gone), "member": "busan1"}
        gone.close()
        tried = role_guard.attempts(client_of(fake), [reached(server), away])
        said = [tried().said for _ in range(4)]
    assert [each.split(":")[0] for each in said] == ["seoul1", "busan1", "seoul1", "busan1"]
    assert said[1] == "busan1: nobody listens" and "TBR-7004" in said[2]


def test_a_host_that_is_away_gives_no_answer(fake: FakeTibero, monkeypatch: pytest.MonkeyPatch):
    def away(*_: Any) -> None:
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", away)
    asked = {"member": "seoul1", "alias": "seoul1", "host": "192.0.2.1", "port": 8629}
    assert role_guard.attempts(client_of(fake), [asked])() == (guard.NO_ANSWER, "connect: timed out")


# ------------------------------------------------------------------------------------ the module

STEPS = (
    journal.Step(1, "seoul1", "demote", "tbdown -t SWITCHOVER on seoul1", "back"),
    journal.Step(2, "seoul2", "stop", "tbdown on seoul2", "back"),
)
CHANGE = journal.Change("c1", "switchover", "seoul1", "seoul2", "kim", "2026-11-28T06:00:00Z", STEPS)


def module(fake: FakeTibero, state: str, **more: Any) -> Any:
    given = {
        "tb_home": str(fake.home), "tb_sid": SID, "sys_password": PASSWORD, "state": state, "member": "seoul2", "change": CHANGE.as_dict(),
        "todo": [2], "run": "r1", "patience": 0.2, "sessions": "refuse", "session_deadline": 1.0, "accept_unproven": False, "words": "",
    }  # fmt: skip
    return ensure_role_change(Context({**given, **more}, False, fake))


def saw(fake: FakeTibero, **numbers: int) -> str:
    """Lay down what a guard saw; its directory."""
    own = journal_of(client_of(fake))
    own.open(CHANGE)
    seen = {"member": "seoul1", "began_at": "a", "ended_at": "b", "attempts": sum(numbers.values()), "said": []}
    path = Path(guard.path_of(own.directory, "c1"))
    path.write_text(json.dumps({**seen, **dict.fromkeys(guard.OUTCOMES, 0), **numbers}))
    return own.directory


def test_no_write_was_taken(fake: FakeTibero):
    saw(fake, refused=7, no_answer=1)
    done = module(fake, "guarded")
    assert not done.changed and done.warnings == () and done.values["guard"]["refused"] == 7
    assert done.values["notes"] == [
        "8 attempt(s) to write on seoul1 after it had handed over: 7 refused, 1 without an answer, 0 unclear, 0 accepted"
    ]


def test_a_write_that_was_taken_fails_it(fake: FakeTibero):
    saw(fake, refused=7, accepted=1)
    with pytest.raises(CommandFailed) as raised:
        module(fake, "guarded")
    assert "1 accepted" in raised.value.seen and "two primaries" in raised.value.meaning
    assert raised.value.remedy.startswith("Fence seoul1 now") and raised.value.details["guard"]["accepted"] == 1


def test_of_several_the_one_that_took_it_is_to_be_fenced():
    said = [["refused", "seoul1: nobody listens", 6], ["accepted", "busan1: the table was made", 6]]
    assert role_guard.takers({"member": "seoul1, busan1", "said": said}) == "busan1"
    assert role_guard.takers({"member": "seoul1", "said": said}) == "seoul1"
    assert role_guard.takers({"member": "seoul1, busan1", "said": said[:1]}) == "seoul1, busan1"


@pytest.mark.parametrize("numbers", [{"no_answer": 4}, {"refused": 3, "unclear": 1}])
def test_what_proves_nothing_is_warned_of(fake: FakeTibero, numbers: dict[str, int]):
    saw(fake, **numbers)
    done = module(fake, "guarded")
    assert "not proven that it took no writes" in done.warnings[0]


def test_without_an_attempt_nothing_is_said_to_be_proved(fake: FakeTibero):
    journal_of(client_of(fake)).open(CHANGE)
    done = module(fake, "guarded")
    assert done.values["guard"] == {} and "not known whether it took writes" in done.warnings[0]


def test_the_member_that_takes_over_watches_from_its_first_step(fake: FakeTibero):
    fake.replies = {"CREATE TABLE": CREATED, "DROP TABLE": DROPPED}
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked = {"members": [reached(server)], "interval": 0.01, "limit": 30.0}
        done = module(fake, "armed", guard=asked, patience=30.0)
        assert done.values["notes"] == []
        directory = Path(done.values["directory"])
        assert seen_by(client_of(fake))["watching"] is True
        assert not guard.is_watching(str(directory), "c0"), "it is the guard of another change"
        assert guard.detached.ask(str(directory), guard.JOB).is_running
        assert not guard.read(str(directory), "c1"), "it began before the former primary had handed over"
        # Not the go of the run, so the worker stands still.
        (directory / "go-2").write_text("{}")
        guard.wait_until(
            lambda: guard.detached.ask(str(directory), guard.JOB).progress.get("attempts", 0),
            bool,
            20,
            "an attempt",
            "",
        )
        guard.detached.cancel(str(directory), "worker")
        with pytest.raises(CommandFailed, match="There were two primaries"):
            module(fake, "guarded")
        assert seen_by(client_of(fake))["watching"] is False


def test_a_change_that_is_taken_back_ends_it(fake: FakeTibero):
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked = {"members": [reached(server)], "interval": 0.01, "limit": 30.0}
        directory = module(fake, "armed", guard=asked, patience=30.0).values["directory"]
        guard.detached.cancel(directory, "worker")
        module(fake, "closed", result="undone", words="")
        assert not guard.detached.ask(directory, guard.JOB).is_running
