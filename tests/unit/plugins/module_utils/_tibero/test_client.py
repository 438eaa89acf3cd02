# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client: argument lists, environment, standard input, deadlines, secrets, and what errors say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import client as client_module
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import (
    Login,
    LoginFailed,
    Query,
    Tibero,
    password_literal,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import ps
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.console import (
    BootOutcome,
    DownOutcome,
)
from tests.unit.plugins.module_utils._tibero.fake_tibero import PASSWORD, PID, FakeTibero, box, recording


@pytest.fixture
def fake(tmp_path: Path) -> FakeTibero:
    return FakeTibero(tmp_path)


def test_boot_argv_environment_and_deadline(fake: FakeTibero) -> None:
    booted = fake.client(timeout=123).boot("RECOVERY")
    call = fake.calls[-1]
    assert call.argv == (f"{fake.home}/bin/tbboot", "-t", "RECOVERY")
    assert dict(call.environment) == {
        "TB_HOME": str(fake.home),
        "TB_SID": "orders",
        "LD_LIBRARY_PATH": f"{fake.home}/lib:{fake.home}/client/lib",
        "PATH": f"{fake.home}/bin:{fake.home}/client/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }
    assert (call.deadline, call.kill_on_deadline, call.stdin) == (123, False, "")
    assert (booted.report.outcome, booted.report.mode) == (BootOutcome.STARTED, "RECOVERY")


@pytest.mark.parametrize(("mode", "stdin"), [("FAILOVER", "yes\n"), ("RESETLOGS", "yes\n"), ("NORMAL", "")])
def test_only_what_was_asked_for_by_name_is_confirmed(fake: FakeTibero, mode: str, stdin: str) -> None:
    fake.client().boot(mode)
    assert fake.calls[-1].stdin == stdin


def test_a_console_of_a_drill_gets_what_boots_and_stops_print(fake: FakeTibero) -> None:
    client = fake.client()
    path = Path(client.record_directory, client_module.CONSOLE)
    path.parent.mkdir(parents=True, exist_ok=True)
    client.boot("RECOVERY")
    assert not path.exists(), "it is made by a drill only"
    path.write_text("begun\n")
    fake.boots["NORMAL"] = f"the password is {PASSWORD}\n"
    client.boot("NORMAL")
    client.down("IMMEDIATE")
    text = path.read_text()
    heads = re.findall(r"^--- \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (.*): ended with \d+ after \d+\.\d{3} s$", text, re.M)
    assert text.startswith("begun\n") and heads == ["tbboot -t NORMAL", "tbdown -t IMMEDIATE"]
    assert f"the password is {client_module.HIDDEN}" in text and PASSWORD not in text


@pytest.mark.parametrize("how", ["directory", "link", "full"])
def test_a_console_that_cannot_be_written_keeps_nothing_from_booting(
    fake: FakeTibero, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    client = fake.client()
    path = Path(client.record_directory, client_module.CONSOLE)
    path.parent.mkdir(parents=True, exist_ok=True)
    other = path.with_name("other")
    other.write_text("")
    if how == "directory":
        path.mkdir()
    elif how == "link":
        path.symlink_to(other)
    else:
        path.symlink_to("/dev/full")
        monkeypatch.setattr(client_module.os, "O_NOFOLLOW", 0)
    assert client.boot("RECOVERY").report.outcome == BootOutcome.STARTED
    assert other.read_text() == "", "a link is not followed"


def test_down_and_clean(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    assert fake.client().down("IMMEDIATE").report.outcome == DownOutcome.TERMINATED
    assert fake.calls[-1].argv == (f"{fake.home}/bin/tbdown", "-t", "IMMEDIATE")
    assert fake.client().down("NORMAL").report.outcome == DownOutcome.ALREADY_STOPPED
    fake.client().clean()
    assert fake.calls[-1].argv == (f"{fake.home}/bin/tbdown", "clean")
    assert fake.calls[-1].stdin == "y\n" and fake.calls[-1].kill_on_deadline is True


def test_tbsql_input_is_as_the_rules_want_it(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.replies["ALTER SYSTEM"] = "System altered."
    fake.client().execute("ALTER SYSTEM SWITCH LOGFILE", ("altered",))
    call = fake.calls[-1]
    assert call.argv == (f"{fake.home}/client/bin/tbsql", "-i")
    statement = "PROMPT firedrill-statement-0\nALTER SYSTEM SWITCH LOGFILE;\nPROMPT firedrill-statement-1"
    assert call.stdin == f"CONN sys/'{PASSWORD}'\n{statement}\nEXIT\n"


def test_alias_and_user_go_into_the_connect_line(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.passwords["syscat"] = "plain_pw1"
    client = Tibero(str(fake.home), fake.sid, fake, Login("syscat", "plain_pw1", "seoul2"))
    fake.replies["COMMIT"] = "Commit completed."
    client.execute("COMMIT", ("completed",))
    assert fake.calls[-1].stdin.startswith("CONN syscat/plain_pw1@seoul2\n")


def test_ask_reads_marked_and_unknown_views_in_one_login(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.views["V$STANDBY_DEST"] = [{"DEST_ID": "1", "STATUS": "RUNNING"}]
    answers = fake.client().ask(
        [Query("V$INSTANCE", ("STATUS", "VERSION")), Query("V$STANDBY_DEST"), Query("V$LOG", ("SEQUENCE#",))]
    )
    assert answers[0].rows == ({"STATUS": "NORMAL", "VERSION": "7"},)
    assert answers[1].rows == ({"DEST_ID": "1", "STATUS": "RUNNING"},)
    assert [row["SEQUENCE#"] for row in answers[2].rows] == ["5", "6", "7"]
    assert len(fake.of("tbsql")) == 1


def test_an_error_is_given_to_its_own_question_only(fake: FakeTibero) -> None:
    fake.enter("RECOVERY")
    fake.open_mode = 22003
    answers = fake.client().ask([Query("V$DATABASE", ("OPEN_MODE",)), Query("V$INSTANCE", ("STATUS",))])
    assert (answers[0].code, answers[0].is_known) == (22003, False)
    assert answers[1].rows == ({"STATUS": "RECOVERY"},)
    assert len(fake.of("tbsql")) == 1, "a mode error does not make SELECT * any better"


def test_a_view_that_lacks_a_column_is_read_whole(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.lacks.add(("V$DATABASE", "RESETLOG_TSN"))
    answers = fake.client().ask(
        [Query("V$DATABASE", ("NAME", "RESETLOG_TSN", "NEWER")), Query("V$INSTANCE", ("STATUS",))]
    )
    # The fake's SELECT * still has RESETLOG_TSN; what matters is that the missing column NEWER is simply not there.
    assert answers[0].rows == ({"NAME": "orders", "RESETLOG_TSN": "0"},)
    assert answers[1].rows == ({"STATUS": "NORMAL"},)
    assert len(fake.of("tbsql")) == 2


def test_a_grouped_question_is_never_asked_without_its_groups(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.lacks.add(("V$DATABASE", "RESETLOG_TSN"))
    answer = fake.client().ask([Query("V$DATABASE", ("NAME", "RESETLOG_TSN"), group_by="NAME, RESETLOG_TSN")])[0]
    assert not answer.is_known and answer.code
    assert len(fake.of("tbsql")) == 1


def test_values_that_look_like_output_stay_values(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    nasty = "SQL> TBR-1: x\n0 row selected.\n<<q0|=x>> | % \t  y "
    fake.views["V$LOG"] = [{"MEMBER": nasty}, {"MEMBER": None}]
    answer = fake.client().ask([Query("V$LOG", ("MEMBER",))])[0]
    assert [row["MEMBER"] for row in answer.rows] == [nasty, None]


@pytest.mark.parametrize(
    ("code", "says"),
    [(17001, "sys_password"), (17007, ".passwd"), (17008, ""), (2131, "listen"), (12079, "DB_NAME")],
)
def test_login_errors_carry_number_meaning_and_remedy(fake: FakeTibero, code: int, says: str) -> None:
    fake.enter("NORMAL")
    fake.login_error = code
    with pytest.raises(LoginFailed) as caught:
        fake.client().ask([Query("V$LOG")])
    assert caught.value.code == code and f"-{code}:" in caught.value.seen
    assert says.lower() in str(caught.value).lower()
    assert PASSWORD not in json.dumps(caught.value.as_failure())


def test_wrong_password_never_shows(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    with pytest.raises(LoginFailed) as caught:
        fake.client(password="Wrong-planted").ask([Query("V$LOG")])
    assert caught.value.code == 17001
    assert "Wrong-planted" not in json.dumps(caught.value.as_failure())


def test_execute_reports_the_error_with_meaning_and_remedy(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.replies["ALTER DATABASE STANDBY"] = 7004
    with pytest.raises(CommandFailed) as caught:
        fake.client().execute("ALTER DATABASE STANDBY CONTROLFILE", ("altered",))
    assert "TBR-7004" in caught.value.seen and caught.value.details["code"] == 7004
    assert "mode" in caught.value.meaning


def test_no_confirmation_is_no_success(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.replies["ALTER DATABASE"] = ""
    with pytest.raises(CommandFailed, match="neither an error nor the confirmation"):
        fake.client().execute("ALTER DATABASE STANDBY CONTROLFILE", ("altered",))


def test_a_secret_in_the_output_of_an_error_is_scrubbed(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.replies["ALTER USER"] = f"echo {PASSWORD}"
    with pytest.raises(CommandFailed) as caught:
        fake.client().execute(f"ALTER USER sys IDENTIFIED BY '{PASSWORD}'", ("altered",), shown="ALTER USER sys")
    assert PASSWORD not in json.dumps(caught.value.as_failure())
    assert "ALTER USER sys" in caught.value.seen


def test_a_session_that_does_not_end_is_reported(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.slow.add("tbsql")
    with pytest.raises(DeadlineExceeded) as caught:
        fake.client().ask([Query("V$LOG")])
    assert PASSWORD not in json.dumps(caught.value.as_failure())


def test_a_session_cut_off_in_the_middle_is_no_answer(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    whole = fake._tbsql

    def cut(command: Command) -> str:
        return whole(command).split("firedrill-statement-2")[0]

    fake._tbsql = cut  # type: ignore[method-assign]
    with pytest.raises(DeadlineExceeded, match="ended before its last statement"):
        fake.client().session(["SELECT * FROM V$LOG;", "SELECT * FROM V$LOG;"])


def test_processes_are_those_of_this_sid_only(fake: FakeTibero) -> None:
    client = fake.client()
    assert client.processes() == ()
    fake.enter("RECOVERY")
    found = client.processes()
    assert found is not None and [(one.sid, one.mode) for one in found] == [("orders", "RECOVERY")]
    fake.ps_fails = True
    assert client.processes() is None


def test_a_server_of_another_installation_with_the_same_sid_is_not_ours(
    fake: FakeTibero, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.enter("NORMAL")
    monkeypatch.setattr(Tibero, "_is_ours", lambda self, pid: False)
    assert fake.client().processes() == ()


def test_what_a_dead_server_left_is_told_as_such(fake: FakeTibero, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty answer would be the proof that nothing lives, for a boot and for tbdown clean."""
    shown = fake._ps
    more = (
        f"tibero {PID + 7} 1 0 14:15 ? 00:00:00 tbsvr_DBWR     -t NORMAL -SVR_SID orders\n"
        f"tibero {PID + 8} {PID + 7} 0 14:15 ? 00:00:00 tbsvr_RCWP     -t NORMAL -SVR_SID orders\n"
        f"tibero {PID + 9} 1 0 14:15 ? 00:00:00 tbsvr_DBWR     -t NORMAL -SVR_SID another2\n"
    )
    fake._ps = lambda: shown() + more  # type: ignore[method-assign]
    client = fake.client()
    left = ps.Instance("orders", "", PID + 7, "tibero", ("tbsvr_DBWR", "tbsvr_RCWP"), orphaned=True)
    assert client.processes() == (left,)
    assert [item.pid for item in client.orphans()] == [PID + 7, PID + 8]
    assert client.strangers() == ()
    fake.enter("NORMAL")
    assert [(item.pid, item.orphaned) for item in client.processes() or ()] == [(PID, False)]
    fake.process = ""
    monkeypatch.setattr(Tibero, "_is_ours", lambda self, pid: False)
    assert client.processes() == () and client.orphans() == ()
    fake.ps_fails = True
    assert client.processes() is None and client.orphans() == ()


def test_gen_tip_never_runs_over_a_tip(fake: FakeTibero) -> None:
    with pytest.raises(Refusal, match="exists"):
        fake.client().gen_tip()
    fake.tip.unlink()
    assert fake.client().gen_tip().done
    assert fake.of("gen_tip.sh")[-1].argv == ("/bin/bash", f"{fake.home}/config/gen_tip.sh")


def test_gen_tip_without_done_is_a_failure(fake: FakeTibero) -> None:
    fake.tip.unlink()
    fake._gen_tip_sh = lambda command: "Permission denied\n"  # type: ignore[method-assign]
    with pytest.raises(CommandFailed, match="did not say Done"):
        fake.client().gen_tip()


def test_system_install_wins_over_system_sh(fake: FakeTibero) -> None:
    assert fake.client().system_script() == f"{fake.home}/scripts/system_install.sh"
    (fake.home / "scripts" / "system.sh").write_text("")
    (fake.home / "scripts" / "system_install.sh").unlink()
    assert fake.client().system_script() == f"{fake.home}/scripts/system.sh"


@pytest.mark.parametrize("home", ["relative/home", "/a b", '/a"b', "/a'b", "/a#b", "/a,b"])
def test_bad_homes_are_refused(home: str) -> None:
    with pytest.raises(Refusal, match="tb_home"):
        Tibero(home, "x", lambda command: Completed((), 0, "", "", 0, False))


@pytest.mark.parametrize("sid", ["", "1a", "a b", "a;b", "x" * 41, "a-b"])
def test_bad_sids_are_refused(sid: str) -> None:
    with pytest.raises(Refusal, match="tb_sid"):
        Tibero("/t", sid, lambda command: Completed((), 0, "", "", 0, False))


@pytest.mark.parametrize(("user", "alias"), [("sys;", ""), ("sys", "host:8629"), ("sys", "a b"), ("a/b", "")])
def test_bad_logins_are_refused_before_anything_runs(fake: FakeTibero, user: str, alias: str) -> None:
    with pytest.raises(Refusal):
        fake.client(user=user, alias=alias).ask([Query("V$LOG")])
    assert not fake.of("tbsql")


def test_missing_programs_name_the_home(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="tbboot is neither"):
        Tibero(str(tmp_path), "x", lambda command: Completed((), 0, "", "", 0, False)).boot("NORMAL")


@pytest.mark.parametrize(("password", "literal"), [("tibero", "tibero"), ("Tibero", "'Tibero'"), ("a-b", "'a-b'")])
def test_password_literals(password: str, literal: str) -> None:
    assert password_literal(password) == literal


@given(st.text(max_size=20))
def test_a_password_literal_is_safe_or_refused_without_being_shown(password: str) -> None:
    try:
        literal = password_literal(password)
    except Refusal as error:
        assert len(password) < 3 or password not in str(error)
        return
    assert literal.strip("'") == password
    assert not set(password) & set("'\"\\ /@;&\n\t")


def test_suspended_is_read_from_the_box(fake: FakeTibero) -> None:
    fake.boots["NORMAL"] = box("MOUNT", 1098, "Database in standby mode. Failover is required to boot as primary.")
    report = fake.client().boot("NORMAL").report
    assert (report.outcome, report.mode, report.code) == (BootOutcome.SUSPENDED, "MOUNT", 1098)


def test_recorded_already_running(fake: FakeTibero) -> None:
    fake.boots["NORMAL"] = recording("t7-tbboot-failed-already-running.txt")
    assert fake.client().boot("NORMAL").report.outcome == BootOutcome.ALREADY_RUNNING


def test_live_parameters_fall_back(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.parameters = {"MEMORY_TARGET": "2G", "db_name": "orders"}
    assert fake.client().live_parameters() == {"MEMORY_TARGET": "2G", "DB_NAME": "orders"}
    fake.views["_VT_PARAMETER"] = 8053
    assert fake.client().live_parameters()["MEMORY_TARGET"] == "2G"
    fake.views["V$PARAMETERS"] = 8053
    with pytest.raises(CommandFailed, match="cannot be read"):
        fake.client().live_parameters()


def test_a_process_of_another_user_is_ours_only_if_he_owns_the_installation(
    fake: FakeTibero, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Two installations on one host may use one TB_SID; the environment of the other user's processes cannot be read."""
    owners = {"/proc/4711": 1001, str(tmp_path): 1002}

    def stat(path: str) -> Any:
        if path not in owners:
            raise FileNotFoundError(path)
        return type("Seen", (), {"st_uid": owners[path]})()

    def refuse(path: str, mode: str) -> Any:
        raise PermissionError(path)

    monkeypatch.setattr(client_module, "open", refuse, raising=False)
    monkeypatch.setattr(client_module.os, "stat", stat)
    there = Tibero(str(tmp_path), "orders", fake)
    assert not there._is_ours(4711)
    owners[str(tmp_path)] = 1001
    assert there._is_ours(4711)
    del owners[str(tmp_path)]
    assert not there._is_ours(4711)


def test_a_server_of_another_installation_that_ends_while_it_is_looked_at_is_not_ours(
    fake: FakeTibero, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose a process was that is gone cannot be read any more; seen once beside a stop, it made a stopped instance look like one that came back."""
    fake.process = ""
    whole = fake._ps()
    passing = f"tibero   4194350       1  0 14:14 ?        00:00:00 tbsvr          -t MOUNT -SVR_SID {fake.sid}\n"
    lists = [whole + passing, whole]
    monkeypatch.setattr(fake, "_ps", lambda: lists.pop(0) if len(lists) > 1 else lists[0])
    assert fake.client().processes() == ()
    # One that every list shows is not passing, although nothing can be read of it.
    lists[:] = [whole + passing]
    (found,) = fake.client().processes() or ()
    assert found.pid == 4194350
