# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tibero_database, tibero_system_scripts and tibero_password, called as their modules call them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import (
    accounts,
    create_database,
    system_scripts,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import LoginFailed, script_argv
from tests.unit.plugins.module_utils._tibero.fake_tibero import PASSWORD, FakeTibero, FakeTime, recording

NEW = "New-planted.1"
DATABASE: dict[str, Any] = {
    name: spec.get("default") for name, spec in create_database.DATABASE_SPEC.items() if "default" in spec
}


@pytest.fixture
def empty(tmp_path: Path) -> FakeTibero:
    """An instance without a database: SYS logs in with the vendor's default."""
    fake = FakeTibero(tmp_path, password="tibero")
    (fake.data / "c1.ctl").unlink()
    (fake.data / ".passwd").unlink()

    def created(text: str) -> str:
        (fake.data / "c1.ctl").write_bytes(b"control")
        fake.process = ""
        fake.passwords["sys"] = NEW
        return "Database created."

    fake.replies["create database"] = created
    fake.passwords.pop("sys")
    fake.passwords["sys"] = "tibero"
    return fake


@pytest.fixture
def fake(tmp_path: Path) -> FakeTibero:
    fake = FakeTibero(tmp_path)
    fake.enter("NORMAL")
    return fake


def create(fake: FakeTibero, check: bool = False, **params: Any) -> Any:
    given = {**DATABASE, "name": None, "nomount_password": None, "data_dir": None, "sys_password": NEW, **params}
    context = fake.context(check, **given)
    outcome = create_database.ensure_database(context, FakeTime().clock())
    assert NEW not in json.dumps([outcome.values, outcome.before, outcome.after])
    return outcome


# ----------------------------------------------------------------------------------------- create


def test_create_runs_at_nomount_and_ends_stopped(empty: FakeTibero) -> None:
    outcome = create(empty)
    assert outcome.changed and empty.programs() == ["tbboot -t NOMOUNT"] and empty.process == ""
    statement = next(text for text in empty.statements if text.startswith("create database"))
    assert statement.split("\n")[:2] == ['create database "orders"', f"user sys identified by '{NEW}'"]
    assert f"group 0 '{empty.data}/log000.log' size 50M,\ngroup 1" in statement and "\narchivelog\n" in statement
    assert f"datafile '{empty.data}/system001.dtf' size 100M autoextend on next 10M maxsize unlimited" in statement
    assert statement.endswith("extent management local autoallocate;") and statement.count(";") == 1
    assert "identified by ********" in outcome.values["statement"]
    assert (empty.data / "arch").is_dir(), "missing directories are made"
    assert not create(empty).changed and len(empty.programs()) == 1


def test_create_check_mode_makes_nothing(empty: FakeTibero) -> None:
    assert create(empty, check=True).changed
    assert not empty.calls and not (empty.data / "arch").exists()


def test_create_is_never_killed_and_says_so(empty: FakeTibero) -> None:
    empty.slow.add("tbsql")
    empty.enter("NOMOUNT")
    with pytest.raises(DeadlineExceeded) as caught:
        create(empty, create_timeout=9000)
    call = next(call for call in empty.of("tbsql") if "create database" in call.stdin)
    assert call.deadline == 9000 and call.kill_on_deadline is False
    assert "CREATE DATABASE had not ended after 9000 s" in str(caught.value)
    assert "tbsql was not killed" in str(caught.value) and "tibero_create_timeout" in str(caught.value)
    assert NEW not in json.dumps(caught.value.as_failure())


def test_the_script_has_the_same_limit(fake: FakeTibero) -> None:
    fake.slow.add("system_install.sh")
    fake._system_install_sh = lambda command: "Creating the role DBA...\n"  # type: ignore[attr-defined]
    with pytest.raises(CommandFailed, match="tibero_create_timeout is its limit"):
        scripts(fake, create_timeout=9000)
    call = next(call for call in fake.calls if str(call.argv[-1]).endswith("system_install.sh"))
    assert call.deadline == 9000 and call.kill_on_deadline is False


def test_create_takes_the_nomount_password(empty: FakeTibero) -> None:
    empty.passwords["sys"] = "Nomount-1"
    assert create(empty, nomount_password="Nomount-1").changed


def test_create_falls_back_to_the_declared_password(empty: FakeTibero) -> None:
    empty.passwords["sys"] = NEW
    assert create(empty).changed


def test_create_with_an_unknown_password(empty: FakeTibero) -> None:
    empty.passwords["sys"] = "something-else"
    with pytest.raises(LoginFailed) as caught:
        create(empty)
    assert NEW not in json.dumps(caught.value.as_failure())


def test_create_in_other_places(empty: FakeTibero, tmp_path: Path) -> None:
    places = {"data_dir": str(tmp_path / "data"), "redo_dirs": [str(tmp_path / "r1"), str(tmp_path / "r2")]}
    statement = create(empty, **places, redo_groups=2, usr={"size": "1G", "next": "100M", "max": "10G"}).values[
        "statement"
    ]
    first, second = f"{tmp_path}/r1/log000a.log", f"{tmp_path}/r2/log000b.log"
    assert f"group 0 ('{first}','{second}') size 50M" in statement and "group 2" not in statement
    assert f"'{tmp_path}/data/usr001.dtf' size 1G autoextend on next 100M maxsize 10G" in statement
    assert (tmp_path / "r2").is_dir()


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"name": "other"}, "TBR-7067"),
        ({"name": 'a"b'}, "name is"),
        ({"character_set": "UTF8; drop"}, "character_set"),
        ({"redo_size": "many"}, "redo_size"),
        ({"redo_groups": 1}, "2 to 255"),
        ({"usr": {"size": "1G'", "next": "10M", "max": "unlimited"}}, "usr.size"),
        ({"usr": {"size": "1G", "next": "10M", "max": "endless"}}, "usr.max"),
        ({"data_dir": "relative"}, "absolute"),
        ({"data_dir": "/a'b"}, "without quotes"),
        ({"redo_dirs": ["/a b"]}, "without quotes"),
        ({"max_datafiles": 0}, "max_datafiles"),
        ({"sys_user": "scott"}, "sys_user"),
        ({"sys_password": "with'quote"}, "sys_password"),
        ({"sys_password": ""}, "sys_password"),
    ],
)
def test_create_refusals_change_nothing(empty: FakeTibero, params: dict[str, Any], says: str) -> None:
    with pytest.raises(Refusal) as caught:
        create(empty, **params)
    assert says in str(caught.value) and "with'quote" not in str(caught.value)
    assert not empty.calls


def test_create_needs_a_tip(empty: FakeTibero) -> None:
    empty.tip.unlink()
    with pytest.raises(Refusal, match="tibero_tip"):
        create(empty)
    assert create(empty, check=True).changed, "in check mode the task before has not written it"


def test_create_does_not_overwrite_data_without_control_file(empty: FakeTibero) -> None:
    (empty.data / "system001.dtf").write_bytes(b"precious")
    with pytest.raises(Refusal, match=r"system001\.dtf, but none of the control files"):
        create(empty)
    assert not empty.calls


def test_an_unfinished_creation_is_not_taken_for_a_database(empty: FakeTibero) -> None:
    def broken(text: str) -> str:
        (empty.data / "c1.ctl").write_bytes(b"half")
        return ""

    empty.replies["create database"] = broken
    with pytest.raises(CommandFailed, match="CREATE DATABASE"):
        create(empty)
    with pytest.raises(Refusal, match="half made"):
        create(empty)


def test_create_errors_do_not_show_the_password(empty: FakeTibero) -> None:
    empty.replies["create database"] = (
        f"TBR-8004: Syntax error.\nat line 2, column 5:\nuser sys identified by '{NEW}'\n    ^"
    )
    with pytest.raises(CommandFailed) as caught:
        create(empty)
    assert "TBR-8004" in caught.value.seen and NEW not in json.dumps(caught.value.as_failure())


def test_create_waits_for_the_stop(empty: FakeTibero) -> None:
    def created(text: str) -> str:
        (empty.data / "c1.ctl").write_bytes(b"control")
        return "Database created."

    empty.replies["create database"] = created
    with pytest.raises(DeadlineExceeded, match="stop by itself"):
        create(empty)


# --------------------------------------------------------------------------------- system scripts

SCRIPTS = {
    "syscat_password": "Cat-planted",
    "answers": ["y"] * 4,
    "passwords_by": "stdin",
    "force": False,
    "create_timeout": 7200,
}


def scripts(fake: FakeTibero, check: bool = False, **params: Any) -> Any:
    outcome = system_scripts.ensure_system_scripts(fake.context(check, **{**SCRIPTS, **params}))
    assert PASSWORD not in json.dumps(outcome.values) and "planted" not in json.dumps(outcome.values)
    return outcome


def test_scripts_run_once_with_the_passwords_on_stdin(fake: FakeTibero) -> None:
    assert scripts(fake, check=True).changed and not fake.of("system_install.sh")
    ran = []
    fake._system_install_sh = lambda command: ran.append(command) or recording("t7-system_sh-output.txt")  # type: ignore[attr-defined]
    outcome = scripts(fake)
    assert outcome.changed and outcome.values["log"] == "/tibero/tibero7/instance/tac1/log/system_init.log"
    assert ran[0].argv == ("/bin/bash", f"{fake.home}/scripts/system_install.sh")
    assert ran[0].cwd == f"{fake.home}/scripts"
    assert ran[0].stdin == f"{PASSWORD}\nCat-planted\n"
    again = scripts(fake)
    assert not again.changed and again.values["proof"] == "our record" and len(ran) == 1


def test_system_sh_gets_its_answers(fake: FakeTibero) -> None:
    (fake.home / "scripts" / "system_install.sh").rename(fake.home / "scripts" / "system.sh")
    ran = []
    fake._system_sh = lambda command: ran.append(command) or "Done.\n"  # type: ignore[attr-defined]
    scripts(fake, answers=["y", "n", "y", "N"])
    assert ran[0].argv[2:] == ("-a1", "y", "-a2", "n", "-a3", "y", "-a4", "n")
    with pytest.raises(Refusal, match="four questions"):
        scripts(fake, answers=["y"], force=True)


@pytest.mark.parametrize(
    ("first", "runs"),
    [
        ("#!/bin/sh", ["/bin/sh"]),
        ("#!/bin/bash -x", ["/bin/bash", "-x"]),
        ("#! /usr/bin/env bash", ["/usr/bin/env", "bash"]),
        ("#!/no/such/ksh", ["/bin/bash"]),
        ("echo no first line", ["/bin/bash"]),
        ("", ["/bin/bash"]),
    ],
)
def test_a_script_is_run_by_its_own_first_line(tmp_path: Path, first: str, runs: list[str]) -> None:
    script = tmp_path / "system.sh"
    script.write_text(f"{first}\n[[ 1 == 1 ]]\n")
    assert script_argv(str(script)) == [*runs, str(script)]


def test_scripts_are_proven_by_the_role(fake: FakeTibero) -> None:
    fake.views["DBA_ROLES"] = [{"ROLE": "DBA"}]
    outcome = scripts(fake)
    assert not outcome.changed and "role DBA" in outcome.values["proof"]


def test_accounts_count_on_a_database_that_is_not_ours(fake: FakeTibero) -> None:
    fake.views["DBA_USERS"] = [{"USERNAME": "OUTLN"}]
    assert not scripts(fake, check=True).changed
    create_database._record(fake.client(), True)
    assert scripts(fake, check=True).changed


def test_scripts_that_do_not_say_done(fake: FakeTibero) -> None:
    fake._system_install_sh = lambda command: f"Creating...\nerror near {PASSWORD}\n"  # type: ignore[attr-defined]
    with pytest.raises(CommandFailed, match="did not end with Done") as caught:
        scripts(fake)
    assert PASSWORD not in json.dumps(caught.value.as_failure())
    with pytest.raises(Refusal, match="never ended"):
        scripts(fake)
    fake._system_install_sh = lambda command: "Done.\n"  # type: ignore[attr-defined]
    assert scripts(fake, force=True).changed


def test_scripts_need_the_open_primary(fake: FakeTibero) -> None:
    fake.enter("RECOVERY")
    with pytest.raises(Refusal, match="open primary"):
        scripts(fake)
    fake.enter("NORMAL")
    (fake.home / "scripts" / "system_install.sh").unlink()
    with pytest.raises(Refusal, match="Neither"):
        scripts(fake)


# -------------------------------------------------------------------------------------- passwords


def passwords(fake: FakeTibero, sys_password: str, check: bool = False, **params: Any) -> Any:
    base = {"sys_password": sys_password, "previous_password": None, "accounts": []}
    outcome = accounts.ensure_passwords(fake.context(check, **{**base, **params}))
    text = json.dumps([outcome.values, outcome.before, outcome.after])
    assert "planted" not in text and sys_password not in text
    return outcome


def altering(fake: FakeTibero) -> None:
    def alter(text: str) -> str:
        name, password = text.rstrip(";").split("ALTER USER ")[1].split(" IDENTIFIED BY ")
        fake.passwords[name.lower()] = password.strip("'")
        if name.lower() == "sys":
            (fake.data / ".passwd").write_bytes(password.encode().ljust(44))
        return "User altered."

    fake.replies["ALTER USER"] = alter


def test_passwords_leave_the_vendors_defaults(tmp_path: Path) -> None:
    fake = FakeTibero(tmp_path, password="tibero")
    fake.passwords["syscat"] = "syscat"
    fake.enter("NORMAL")
    altering(fake)
    wanted = [{"name": "syscat", "password": "Cat-planted"}]
    assert passwords(fake, NEW, check=True, accounts=wanted).changed and "ALTER" not in "".join(fake.statements)
    outcome = passwords(fake, NEW, accounts=wanted)
    assert outcome.values["changed_accounts"] == ["sys", "syscat"] and fake.passwords["sys"] == NEW
    assert outcome.values["copy_password_file"] is False, "there are no standbys yet"
    assert len(outcome.values["password_file_digest"]) == 64
    again = passwords(fake, NEW, accounts=wanted)
    assert not again.changed and again.values["changed_accounts"] == []


def test_passwords_say_when_the_file_must_be_copied(fake: FakeTibero) -> None:
    altering(fake)
    fake.parameters = {"LOG_REPLICATION_MODE": "PERFORMANCE", "LOG_REPLICATION_DEST_1": "h:8633 LGWR SYNC"}
    outcome = passwords(fake, NEW, previous_password=PASSWORD)
    assert outcome.changed and outcome.values["copy_password_file"] is True
    assert passwords(fake, NEW).values["copy_password_file"] is False


def test_passwords_that_nobody_knows(fake: FakeTibero) -> None:
    with pytest.raises(LoginFailed) as caught:
        passwords(fake, NEW, previous_password="Prev-planted")
    assert "planted" not in json.dumps(caught.value.as_failure())
    assert len(fake.of("tbsql")) == 3, "declared, previous, vendor's default: no more, the account may lock"


@pytest.mark.parametrize("code", [17006, 17008, 2131])
def test_other_login_errors_are_not_taken_for_a_wrong_password(fake: FakeTibero, code: int) -> None:
    fake.login_error = code
    with pytest.raises(LoginFailed) as caught:
        passwords(fake, PASSWORD)
    assert caught.value.code == code and len(fake.of("tbsql")) == 1


def test_passwords_on_a_standby_are_only_checked(fake: FakeTibero) -> None:
    fake.enter("RECOVERY")
    assert not passwords(fake, PASSWORD, accounts=[{"name": "syscat", "password": "Cat-planted"}]).changed
    with pytest.raises(Refusal, match="is a standby"):
        passwords(fake, NEW, previous_password=PASSWORD)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([{"name": "sys", "password": "aaa"}], "sys_password"),
        ([{"name": "a", "password": "aaa"}, {"name": "A", "password": "b"}], "twice"),
        ([{"name": "a", "password": "it's"}], "password of a"),
    ],
)
def test_passwords_refusals(fake: FakeTibero, given: list[dict[str, str]], says: str) -> None:
    with pytest.raises(Refusal, match=says):
        passwords(fake, PASSWORD, accounts=given)
    assert not fake.calls


def test_a_change_that_does_not_hold_is_a_failure(fake: FakeTibero) -> None:
    fake.passwords["syscat"] = "syscat"
    fake.replies["ALTER USER"] = "User altered."
    with pytest.raises(CommandFailed, match="logging in with it fails") as caught:
        passwords(fake, PASSWORD, accounts=[{"name": "syscat", "password": "Cat-planted"}])
    assert "planted" not in json.dumps(caught.value.as_failure())


def test_a_change_that_fails_shows_no_password(fake: FakeTibero) -> None:
    fake.passwords["syscat"] = "syscat"
    fake.replies["ALTER USER"] = lambda text: f"TBR-8004: Syntax error.\nat line 1, column 1:\n{text}\n    ^"
    with pytest.raises(CommandFailed) as caught:
        passwords(fake, PASSWORD, accounts=[{"name": "syscat", "password": "Cat-planted"}])
    assert "planted" not in json.dumps(caught.value.as_failure())
