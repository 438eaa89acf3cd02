# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe's conversation with tbsql: what counts as acknowledged, as a certain failure, and that all else is unknown."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core.ledger import ACKED, FAILED, UNKNOWN
from ansible_collections.firedrill.standby.plugins.module_utils._core.probe_session import Answer, Request
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, spawn
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import probe_session as module
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Login, Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.messages import CATALOGUE
from tests.unit.plugins.module_utils._tibero.fake_tibero import PASSWORD, FakeTibero

MS = 10**6
ROW = Request("write", "w03", 7, "ab" * 16, "d1 w03 7 ...", "cd" * 32, 2)
READ = ROW._replace(kind="read", payload="", payload_hash="")
INSERTED, COMMITTED = "\n1 row inserted.\n\n", "\nCommit completed.\n\n"


# ------------------------------------------------------------------------------------------------------- the table


def test_only_a_completed_commit_of_one_row_is_an_acknowledgement() -> None:
    assert module.classify_insert("SQL> 2 3 4 5 " + INSERTED, "SQL> " + COMMITTED) == Answer(ACKED)


@pytest.mark.parametrize(
    ("insert", "commit"),
    [
        (INSERTED, ""),
        ("", COMMITTED),
        ("", ""),
        ("\n2 rows inserted.\n\n", COMMITTED),
        (INSERTED, "TBR-2131: Generic I/O error.\n"),
        (INSERTED, "TBR-21042: Unable to begin new transaction in read only server mode.\n"),
        (INSERTED + "TBR-10007: UNIQUE constraint violation.\n", COMMITTED),
        ("TBR-2131: Generic I/O error.\n", COMMITTED),
        ("TBR-12039: Server instance is shutting down.\n", "TBR-2131: Generic I/O error.\n"),
        ("TBR-99999: Nobody has seen this.\n", COMMITTED),
        ("TBR-10007: UNIQUE.\nTBR-2131: Generic I/O error.\n", COMMITTED),
        ("Rollback completed.\n", COMMITTED),
    ],
)
def test_everything_else_is_unknown(insert: str, commit: str) -> None:
    assert module.classify_insert(insert, commit).outcome == UNKNOWN


@pytest.mark.parametrize("code", sorted(module.CERTAIN))
def test_an_error_of_the_table_is_a_certain_failure_of_the_insert_only(code: int) -> None:
    line = f"{'TBS' if 70000 <= code < 80000 else 'TBR'}-{code}: As the server says it.\n\n"
    answer = module.classify_insert("SQL> " + line, COMMITTED)
    assert answer.outcome == FAILED and str(code) in answer.error
    assert module.classify_insert(INSERTED, line).outcome == UNKNOWN


def test_every_entry_of_the_table_has_a_mark_and_a_reason() -> None:
    catalogue = {code: message.mark for code, message in CATALOGUE.items()}
    for code, rule in module.CERTAIN.items():
        assert rule.mark in ("H", "C", "M") and rule.why
        if code in catalogue and rule.mark == "H":
            assert catalogue[code] == "H", f"{code} is not recorded"
    assert not {2131, 12039} & set(module.CERTAIN), "a lost connection leaves the commit in doubt"


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_text_is_mistaken_for_an_acknowledgement(insert: str, commit: str) -> None:
    assert module.classify_insert(insert, commit).outcome != ACKED


def test_a_read_is_answered_or_not() -> None:
    table = "\n     FOUND\n----------\n         1\n\n1 row selected.\n\n"
    assert module.classify_read(table) == Answer(ACKED)
    assert module.classify_read("TBR-2131: Generic I/O error.\n").outcome == FAILED
    assert module.classify_read("SQL> ").outcome == UNKNOWN


def test_who_answers_is_named_as_far_as_it_is_known() -> None:
    said = "SQL> \n<<h|db7>>\n\n1 row selected.\n\n<<p|8629>>\n"
    assert module.node_of(said, {"db7:8629": "seoul1", "db7": "other"}) == "seoul1"
    assert module.node_of(said, {}) == "db7:8629"
    assert (
        module.node_of("<<h|db7>>\nTBR-8033: Specified schema object was not found.\n", {"db7": "seoul1"}) == "seoul1"
    )
    assert module.node_of("TBR-8033: Specified schema object was not found.\n", {}) == ""


# ------------------------------------------------------------------------------------------------- the conversation


class PlayedChild:
    """tbsql played: each line that is said goes to ``server``, whose answer is heard next."""

    def __init__(self, server: Callable[[str], str | None]) -> None:
        self.server, self.said, self.out = server, [], b""
        self.dead = self.killed = False

    def fileno(self) -> int:
        return 99

    def say(self, data: bytes) -> None:
        if self.dead:
            raise BrokenPipeError(32, "Broken pipe")
        self.said.append(data.decode())
        statement = ""
        for line in data.decode().splitlines():
            statement += line + "\n"
            if line.startswith(("PROMPT", "SET", "CONN")) or line.endswith(";"):
                answer = (line[7:] + "\n") if line.startswith("PROMPT") else self.server(statement)
                statement = ""
                if answer is None:
                    return
                self.out += b"SQL> " + answer.encode()

    def hear(self) -> bytes | None:
        out, self.out = self.out, b""
        return out or (b"" if self.dead else None)

    def kill(self) -> None:
        self.killed = True


class Played:
    """A server, its tbsql children, and a session on them."""

    def __init__(self, fake: FakeTibero, **options: Any) -> None:
        self.children: list[PlayedChild] = []
        self.commands: list[Command] = []
        self.answers: dict[str, str | None] = {
            "SET": "",
            "CONN": "Connected to Tibero.\n\n",
            "INSERT": INSERTED,
            "COMMIT": COMMITTED,
            "SELECT COUNT": "\n     FOUND\n----------\n         1\n\n1 row selected.\n\n",
            "SELECT '<<h": "<<h|db7>>\n",
            "SELECT '<<p": "<<p|8629>>\n",
        }
        client = Tibero(str(fake.home), fake.sid, fake, Login("sys", PASSWORD, "app"))
        self.session = module.TiberoSession(client, self.spawn, {"db7:8629": "seoul1"}, **options)

    def spawn(self, command: Command) -> Any:
        self.commands.append(command)
        self.children.append(PlayedChild(self.answer))
        return self.children[-1]

    def answer(self, statement: str) -> str | None:
        return next(text for start, text in self.answers.items() if statement.startswith(start))

    def launch(self, now: int = 0) -> None:
        assert not self.session.ready(now)
        assert self.session.poll(now) is None
        assert self.session.ready(now)

    def ask(self, request: Request = ROW, now: int = 10 * MS) -> Answer | None:
        """A request through all the steps that need no time."""
        answer = self.session.begin(request, now)
        for _step in range(6):
            answer = answer or self.session.poll(now)
        # One more: after its first success a connection asks who answers.
        assert answer is None or self.session.poll(now) is None
        return answer


@pytest.fixture
def played(tmp_path: Path) -> Played:
    found = Played(FakeTibero(tmp_path))
    found.launch()
    return found


def test_a_row_is_asked_for_in_one_conversation(played: Played) -> None:
    assert played.ask() == Answer(ACKED, "", "")
    assert played.ask() == Answer(ACKED, "", "seoul1"), "who answers is known from the second request on"
    (child,) = played.children
    assert played.commands[0].argv[1:] == ("-i",) and PASSWORD not in " ".join(played.commands[0].argv)
    assert child.said[0].startswith("SET EXITCOMMIT OFF\n")
    assert len([text for text in child.said if text.startswith("CONN")]) == 1
    insert = child.said[-1]
    assert re.search(r"(?s)INSERT INTO DRILL_LEDGER .*'w03', 7, .*;\nPROMPT \S+\nCOMMIT;\nPROMPT", insert)
    assert "'seoul1', 2, SYSDATE);" in insert and max(map(len, insert.splitlines())) < 200


def test_the_first_row_does_not_wait_for_the_name_of_the_member(played: Played) -> None:
    played.answers["SELECT '<<h"] = None
    assert played.ask() == Answer(ACKED, "", "")
    assert not played.session.ready(20 * MS)


def test_a_login_that_is_refused_is_a_certain_failure(played: Played) -> None:
    played.answers["CONN"] = "TBR-2131: Generic I/O error.\n\n"
    answer = played.ask()
    assert answer is not None and answer.outcome == FAILED and answer.error == "login: TBR-2131: Generic I/O error."
    assert not [text for text in played.children[0].said if "INSERT" in text]
    played.answers["CONN"] = "Connected to Tibero.\n\n"
    assert played.session.ready(20 * MS) and played.ask() == Answer(ACKED, "", "")
    assert len(played.children) == 1, "a refused login costs no new program"


def test_a_login_without_an_answer_has_failed_after_its_limit_since_nothing_was_sent(played: Played) -> None:
    played.answers["CONN"] = None
    assert played.session.begin(ROW, 10 * MS) is None and played.session.deadline() == 510 * MS
    assert played.session.poll(509 * MS) is None
    answer = played.session.poll(1500 * MS)
    assert answer is not None and answer.outcome == FAILED and "nothing was sent" in answer.error
    assert played.children[0].killed and len(played.children) == 2


def test_a_statement_without_an_answer_is_unknown_after_its_limit_and_its_program_is_killed(played: Played) -> None:
    played.answers["COMMIT"] = None
    assert played.ask(now=2000 * MS) is None and played.session.deadline() == 3000 * MS
    answer = played.session.poll(3000 * MS)
    assert answer == Answer(UNKNOWN, "no answer within 1000 ms while asking", "")
    assert played.children[0].killed and len(played.children) == 2
    assert played.session.poll(3001 * MS) is None and played.session.ready(3001 * MS)


def test_a_program_that_dies_over_a_row_leaves_it_unknown(played: Played) -> None:
    played.answers["COMMIT"] = None
    assert played.ask(now=2000 * MS) is None
    played.children[0].dead = True
    answer = played.session.poll(2100 * MS)
    assert answer is not None and answer.outcome == UNKNOWN and "tbsql ended" in answer.error


def test_an_answer_that_comes_late_is_never_given_to_the_next_request(played: Played) -> None:
    played.answers["COMMIT"] = None
    assert played.ask(now=2000 * MS) is None
    assert played.session.poll(3000 * MS) is not None
    played.children[0].out = b"SQL> Commit completed.\nfiredrill-fence-9\n"
    assert played.session.poll(3010 * MS) is None


def test_after_a_lost_connection_the_session_logs_in_anew(played: Played) -> None:
    assert played.ask() == Answer(ACKED, "", "")
    played.answers["INSERT"] = "TBR-2131: Generic I/O error.\n\n"
    answer = played.ask()
    assert answer == Answer(UNKNOWN, "TBR-2131: Generic I/O error.", "seoul1")
    played.answers["INSERT"] = INSERTED
    assert played.ask() == Answer(ACKED, "", "")
    assert len([text for text in played.children[0].said if text.startswith("CONN")]) == 2


def test_a_program_that_cannot_stay_is_not_started_in_a_circle(tmp_path: Path) -> None:
    played = Played(FakeTibero(tmp_path))
    for now in range(0, 3000, 10):
        if not played.session.ready(now * MS):
            played.children[-1].dead = True
            played.session.poll(now * MS)
    assert len(played.children) <= 4


def test_no_password_in_an_error(played: Played) -> None:
    played.answers["CONN"] = f"conn sys/{PASSWORD}: who is that?\n"
    answer = played.ask()
    assert answer is not None and answer.outcome == FAILED and PASSWORD not in answer.error


def test_a_reader_asks_and_writes_nothing(played: Played) -> None:
    assert played.ask(READ) == Answer(ACKED, "", "")
    assert not [text for text in played.children[0].said if "INSERT" in text or "COMMIT;" in text]


def test_a_port_where_nobody_listens_is_told_without_a_login(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    played = Played(FakeTibero(tmp_path), knock=address)
    played.launch()
    answer = played.ask()
    assert answer == Answer(FAILED, "connect: Connection refused", "")
    assert not [text for text in played.children[0].said if text.startswith("CONN")]


def test_a_port_that_answers_is_followed_by_the_login(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        played = Played(FakeTibero(tmp_path), knock=listener.getsockname())
        played.launch()
        assert played.ask(ROW._replace(kind="guard")) == Answer(ACKED, "", "")


def test_a_real_program_is_talked_to_and_killed_with_its_children(tmp_path: Path) -> None:
    """The spawner itself: output arrives while the program runs, and nothing is left of it."""
    child = spawn(Command(("/bin/sh", "-c", "read line; echo heard $line; sleep 600"), cwd=str(tmp_path)))
    child.say(b"you\n")
    heard = b""
    while b"\n" not in heard:
        heard += child.hear() or b""
    assert heard == b"heard you\n"
    child.kill()
    assert child._process.returncode == -9
