# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tibero_instance, tibero_instance_info, tibero_query, tibero_standby_controlfile and tibero_archivelog, called as
their modules call them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    Refusal,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import member, options, role_record
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.apply_wait import await_applied
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.instance_tasks import (
    ensure_instance,
    instance_info,
    settled,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.query_tasks import (
    clean_statement,
    is_reading,
    run_query,
    unsupported,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.standby_tasks import (
    ensure_archive_mode,
    ensure_standby_controlfile,
)
from tests.unit.plugins.module_utils._tibero.fake_tibero import BOOT_BANNER, PASSWORD, PID, FakeTibero, FakeTime

INSTANCE = {
    "state": "started",
    "mode": None,
    "down_mode": "immediate",
    "restart": "below",
    "clean_garbage": False,
    "stop_suspended": False,
}
DESTINATION = {"LOG_REPLICATION_MODE": "PERFORMANCE", "LOG_REPLICATION_DEST_1": "10.0.0.2:8633 LGWR ASYNC"}


@pytest.fixture
def fake(tmp_path: Path) -> FakeTibero:
    return FakeTibero(tmp_path)


def instance(fake: FakeTibero, check: bool = False, **params: Any) -> Any:
    outcome = ensure_instance(fake.context(check, **{**INSTANCE, **params}))
    assert PASSWORD not in json.dumps([outcome.values, outcome.before, outcome.after])
    return outcome


def info(fake: FakeTibero, **params: Any) -> Any:
    outcome = instance_info(fake.context(True, **{"status_words": {}, "open_mode_words": {}, **params}))
    assert PASSWORD not in json.dumps(outcome.values) and not outcome.changed
    return outcome.values


# --------------------------------------------------------------------------------------- elsewhere


@pytest.fixture
def server_elsewhere(fake: FakeTibero, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A living process that ps shows as our server, with another TB_HOME in its environment."""
    process = subprocess.Popen(["sleep", "60"], env={"TB_HOME": "/tibero/other", "PATH": os.environ["PATH"]})
    title = f"tibero {process.pid} 1 0 14:14 ? 00:00:00 tbsvr          -t NORMAL -SVR_SID {fake.sid}\n"
    monkeypatch.setattr(fake, "_ps", lambda: "UID PID PPID C STIME TTY TIME CMD\n" + title)
    yield process.pid
    process.kill()
    process.wait()


def test_info_names_the_server_of_another_home(fake: FakeTibero, server_elsewhere: int) -> None:
    values = info(fake)
    assert values["running"] is False and values["state"]["software"]["value"] is True
    assert values["elsewhere"] == [{"pid": server_elsewhere, "tb_home": "/tibero/other"}]


def test_info_tells_no_software_from_no_database(fake: FakeTibero) -> None:
    fake.tip.unlink()
    source = "no control file where the tip says"
    assert info(fake)["state"]["role"] == {"value": "none", "source": source} and info(fake)["elsewhere"] == []
    (fake.home / "bin" / "tbboot").unlink()
    state = info(fake)["state"]
    assert state["software"] == {"value": False, "source": f"no Tibero below tibero_home {fake.home}"}
    assert state["role"] == {"value": "none", "source": f"no Tibero below tibero_home {fake.home}"}


# --------------------------------------------------------------------------------------- settling


def test_an_instance_that_is_just_booting_is_waited_for(fake: FakeTibero) -> None:
    fake.enter("RECOVERY")
    fake.login_error, time = 2131, FakeTime()
    time.on_sleep = lambda now: setattr(fake, "login_error", 2131 if now < 1.5 else 0)
    seen = settled(fake.client(), 60.0, time.clock())
    assert seen.answers and seen.state.role.value == "standby" and time.time == 1.5


def test_one_that_is_just_stopping_is_waited_for(fake: FakeTibero) -> None:
    fake.enter("RECOVERY")
    fake.login_error, time = 2131, FakeTime()
    time.on_sleep = lambda now: setattr(fake, "process", "")
    assert settled(fake.client(), 60.0, time.clock()).state.process.equals(False) and time.time == 0.5


@pytest.mark.parametrize(("error", "waited"), [(2131, 2.0), (17001, 0.0)])
def test_a_silent_one_is_told_as_it_is_at_the_limit_and_a_wrong_password_at_once(
    fake: FakeTibero, error: int, waited: float
) -> None:
    fake.enter("RECOVERY")
    fake.login_error, time = error, FakeTime()
    seen = settled(fake.client(), 2.0, time.clock())
    assert seen.login == error and not seen.answers and time.time == waited
    assert info(fake)["open_mode"] == "UNKNOWN"


# --------------------------------------------------------------------------------------- instance


def test_instance_boots_and_reports(fake: FakeTibero) -> None:
    outcome = instance(fake, mode="recovery")
    assert outcome.changed and fake.programs() == ["tbboot -t RECOVERY"]
    assert outcome.values["role"] == "standby" and outcome.values["open_mode"] == "recovery"
    assert outcome.values["running"] is True and outcome.values["recorded_role"] == "standby"
    assert outcome.values["steps"] == ["tbboot -t RECOVERY (asked for)"]
    assert outcome.before["open_mode"] == "stopped" and outcome.after["open_mode"] == "recovery"
    assert not instance(fake, mode="recovery").changed


def test_instance_check_mode_tells_the_steps(fake: FakeTibero) -> None:
    fake.suspend("NORMAL", "MOUNT")
    outcome = instance(fake, check=True, mode="normal")
    assert outcome.changed and len(outcome.values["steps"]) == 2 and not fake.programs()
    assert "tbboot -t NORMAL" in outcome.after["open_mode"]
    assert instance(fake, check=True, state="stopped").after["running"] is False


def test_instance_check_mode_refuses_what_the_run_would(fake: FakeTibero) -> None:
    fake.enter("RECOVERY")
    with pytest.raises(Refusal, match="lost as a standby"):
        instance(fake, check=True, mode="normal", restart="always")


def test_instance_stops(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    assert instance(fake, state="stopped", down_mode="post_tx").changed
    assert fake.programs() == ["tbdown -t POST_TX"]
    assert not instance(fake, state="stopped").changed


# ------------------------------------------------------------------------------------------- info


def test_info_never_fails(fake: FakeTibero) -> None:
    assert (info(fake)["role"], info(fake)["running"], info(fake)["open_mode"]) == ("UNKNOWN", False, "stopped")
    fake.enter("NORMAL")
    assert (info(fake)["role"], info(fake)["boot_request"]) == ("primary", "NORMAL")
    fake.login_error = 17008
    assert info(fake)["role"] == "UNKNOWN" and info(fake)["running"] is True
    fake.ps_fails = True
    assert info(fake)["running"] == "UNKNOWN"
    fake.ps_fails = False
    fake.slow.add("tbsql")
    assert info(fake)["role"] == "UNKNOWN"
    assert info(fake, sys_password=None)["running"] is True


WORDS = {"status_words": {"recovery": ["STANDBY"]}, "open_mode_words": {"closed": ["APPLYING"]}}


def test_every_observation_takes_further_words(fake: FakeTibero) -> None:
    """Not only the info module: whatever boots, stops, waits or checks reads the same words (played)."""

    def boots() -> str:
        fake.enter("RECOVERY")
        fake.status, fake.open_mode = "STANDBY", "APPLYING"
        return f"{BOOT_BANNER}Tibero instance started up (RECOVERY mode).\n"

    fake.boots["RECOVERY"] = boots
    assert instance(fake, mode="recovery", **WORDS).values["open_mode"] == "recovery"
    assert not instance(fake, mode="recovery", **WORDS).changed
    applied = await_applied(fake.context(position="1", apply_timeout=1, **WORDS))
    assert applied.values["role"] == "standby"
    assert member.observe(options.client_of(fake.context(**WORDS))).role.equals("standby")
    assert not member.observe(options.client_of(fake.context())).role.is_known


def test_a_word_with_two_meanings_is_refused(fake: FakeTibero) -> None:
    with pytest.raises(Refusal, match="has the word 'NORMAL' in the classes recovery and normal"):
        info(fake, status_words={"recovery": ["normal"]})


def test_info_takes_further_words(fake: FakeTibero) -> None:
    fake.enter("RECOVERY")
    fake.status, fake.open_mode = "STANDBY", "APPLYING"
    assert info(fake)["role"] == "UNKNOWN"
    words = {"status_words": {"recovery": ["STANDBY"]}, "open_mode_words": {"closed": ["APPLYING"]}}
    assert info(fake, **words)["role"] == "standby"
    with pytest.raises(Refusal, match="status_words names the class nonsense"):
        info(fake, status_words={"nonsense": ["X"]})


# ------------------------------------------------------------------------------------------ query


def query(fake: FakeTibero, text: str, check: bool = False, allow: bool = False) -> Any:
    return run_query(fake.context(check, query=text, allow_changes=allow))


def test_query_returns_rows(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.views["EMP"] = [{"ID": "1", "NAME": "kim"}, {"ID": "2", "NAME": None}]
    outcome = query(fake, "SELECT * FROM EMP;\n")
    assert outcome.values["rows"] == [{"ID": "1", "NAME": "kim"}, {"ID": "2", "NAME": None}]
    assert (outcome.values["row_count"], outcome.values["columns"]) == (2, ["ID", "NAME"])
    assert not outcome.changed and fake.statements == ["SELECT * FROM EMP;"]
    fake.views["EMP"] = []
    assert query(fake, "select * from EMP".upper()).values["rows"] == []


def test_query_reports_errors(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    with pytest.raises(CommandFailed, match="TBR-8053"):
        query(fake, "SELECT * FROM NOWHERE")


def test_query_result_that_cannot_be_taken_apart(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.replies["SELECT"] = "ID NAME\n-- ----\n 1 kim\n\n3 rows selected."
    with pytest.raises(UnknownState, match="certainty"):
        query(fake, "SELECT ID, NAME FROM EMP")


def test_query_changes_need_consent(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.replies["INSERT"] = "1 row inserted."
    for text in ("INSERT INTO t VALUES (1)", "SELECT a FROM t FOR UPDATE", "DROP TABLE t"):
        with pytest.raises(Refusal, match="allow_changes"):
            query(fake, text)
    assert not fake.statements
    assert query(fake, "INSERT INTO t VALUES (1)", check=True, allow=True).changed and not fake.statements
    outcome = query(fake, "INSERT INTO t VALUES (1)", allow=True)
    assert outcome.changed and (outcome.values["reply"], outcome.values["row_count"]) == ("1 row inserted.", 1)


def test_query_without_confirmation_is_unknown(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.replies["INSERT"] = ""
    with pytest.raises(UnknownState, match="may or may not"):
        query(fake, "INSERT INTO t VALUES (1)", allow=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ; ",
        "SELECT 1 FROM DUAL; DROP TABLE t",
        "SELECT 1 FROM DUAL -- comment",
        "SELECT /* x */ 1 FROM DUAL",
        "SELECT 'open FROM DUAL",
        "BEGIN NULL; END;",
        "CREATE OR REPLACE PROCEDURE p IS BEGIN NULL; END",
        "EXIT",
        "HOST rm -rf /",
        "!rm",
        "@script",
        "SELECT 1\n/\nFROM DUAL",
        "SELECT 1\n!rm\nFROM DUAL",
    ],
)
def test_query_takes_one_plain_statement(text: str) -> None:
    with pytest.raises(Refusal, match="exactly one plain SQL statement"):
        clean_statement(text)


def test_query_statements_are_read_with_their_quotes() -> None:
    assert clean_statement("SELECT ';--/*' FROM DUAL\n\n;") == "SELECT ';--/*' FROM DUAL"
    assert is_reading("SELECT 'for update' FROM t") and not is_reading("select a from t for  update")
    assert is_reading("WITH x AS (SELECT 1 FROM DUAL) SELECT * FROM x") and not is_reading("SELECTED")


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLESPACE usr READ ONLY",
        "alter tablespace usr read write",
        "ALTER DATABASE ADD LOGFILE GROUP 4 'x' SIZE 1M",
        "ALTER DATABASE\nDROP LOGFILE GROUP 4",
        "ALTER DATABASE TEMPFILE 'x' RESIZE 1M",
        "ALTER DATABASE RENAME FILE 'a' TO 'b'",
        "CREATE GLOBAL TEMPORARY TABLE t (a NUMBER)",
    ],
)
def test_query_refuses_what_redo_apply_cannot_follow(fake: FakeTibero, text: str) -> None:
    assert unsupported(text)
    fake.enter("NORMAL")
    fake.parameters = dict(DESTINATION)
    fake.replies[text.split()[0]] = "Database altered."
    with pytest.raises(Refusal, match="built anew"):
        query(fake, text, allow=True)
    fake.parameters = {"LOG_REPLICATION_MODE": "UNPROTECTED"}
    assert query(fake, text, allow=True).changed


# --------------------------------------------------------------------------- standby control file


def controlfile(fake: FakeTibero, check: bool = False) -> Any:
    return ensure_standby_controlfile(fake.context(check))


def test_controlfile_is_converted_once(fake: FakeTibero) -> None:
    fake.enter("MOUNT")
    fake.replies["ALTER DATABASE STANDBY CONTROLFILE;"] = "Database altered."
    assert controlfile(fake, check=True).changed and "ALTER DATABASE STANDBY CONTROLFILE;" not in fake.statements
    outcome = controlfile(fake)
    assert outcome.changed and outcome.values["recorded_role"] == "standby"
    assert fake.statements.count("ALTER DATABASE STANDBY CONTROLFILE;") == 1
    assert outcome.after == {"control_file": "standby"} != outcome.before
    assert not controlfile(fake).changed
    fake.enter("RECOVERY")
    assert not controlfile(fake).changed
    assert fake.statements.count("ALTER DATABASE STANDBY CONTROLFILE;") == 1


def test_a_fresh_copy_is_converted_again(fake: FakeTibero) -> None:
    role_record.write(fake.client(), "standby", "test")
    (fake.data / "c1.ctl").rename(fake.data / "old.ctl")
    (fake.data / "c1.ctl").write_bytes(b"a new copy")
    fake.enter("MOUNT")
    fake.replies["ALTER DATABASE STANDBY"] = "Database altered."
    assert controlfile(fake).changed


def test_a_running_standby_needs_no_record(fake: FakeTibero) -> None:
    fake.enter("RECOVERY")
    assert not controlfile(fake).changed and not [text for text in fake.statements if text.startswith("ALTER")]


@pytest.mark.parametrize(("word", "says"), [("", "stopped"), ("NORMAL", "read_write"), ("NOMOUNT", "nomount")])
def test_controlfile_needs_mount(fake: FakeTibero, word: str, says: str) -> None:
    if word:
        fake.enter(word)
    with pytest.raises(Refusal, match=f"is {says}.*MOUNT"):
        controlfile(fake)


def test_controlfile_of_a_recorded_primary_is_refused(fake: FakeTibero) -> None:
    role_record.write(fake.client(), "primary", "test")
    fake.enter("MOUNT")
    with pytest.raises(Refusal, match="records these control files as those of a primary"):
        controlfile(fake)


def test_controlfile_errors(fake: FakeTibero) -> None:
    fake.enter("MOUNT")
    fake.replies["ALTER DATABASE STANDBY"] = 1096
    with pytest.raises(CommandFailed, match="TBR-1096"):
        controlfile(fake)
    assert role_record.read(fake.client()).role == ""
    fake.status = "ODD"
    with pytest.raises(UnknownState, match="ODD"):
        controlfile(fake)


# ----------------------------------------------------------------------------------- archive mode


def archive(fake: FakeTibero, state: str = "archivelog", check: bool = False, **params: Any) -> Any:
    def altered(text: str) -> str:
        fake.log_mode = "NOARCHIVELOG" if "NOARCHIVELOG" in text else "ARCHIVELOG"
        return "Database altered."

    fake.replies.setdefault("ALTER DATABASE", altered)
    base = {"state": state, "restart": False, "down_mode": "immediate"}
    return ensure_archive_mode(fake.context(check, **{**base, **params}))


def test_archive_mode_that_is_there(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    assert not archive(fake).changed and not fake.programs()


def test_archive_mode_by_way_of_mount(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.log_mode = "NOARCHIVELOG"
    with pytest.raises(Refusal, match="restart: true"):
        archive(fake)
    steps = ["tbdown", "tbboot -t MOUNT", "ALTER DATABASE ARCHIVELOG", "tbdown", "tbboot -t NORMAL"]
    assert archive(fake, check=True, restart=True).values["steps"] == steps and not fake.programs()
    outcome = archive(fake, restart=True)
    assert outcome.changed and (outcome.before, outcome.after) == ({"archive_mode": False}, {"archive_mode": True})
    assert fake.programs() == [
        "tbdown -t IMMEDIATE",
        "tbboot -t MOUNT",
        "tbdown -t IMMEDIATE",
        "tbboot -t NORMAL",
    ]
    assert not archive(fake, restart=True).changed


def test_archive_mode_goes_back_to_where_it_was(fake: FakeTibero) -> None:
    fake.enter("MOUNT")
    fake.log_mode = "NOARCHIVELOG"
    assert archive(fake).changed and not fake.programs() and fake.process == "MOUNT"
    ensure_instance(fake.context(**{**INSTANCE, "state": "stopped"}))
    fake.calls.clear()
    assert archive(fake, "noarchivelog").changed
    assert fake.programs() == ["tbboot -t MOUNT", "tbdown -t IMMEDIATE"]


def test_archive_mode_reopens_after_a_failed_statement(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.log_mode = "NOARCHIVELOG"
    fake.replies["ALTER DATABASE"] = 7004
    with pytest.raises(CommandFailed, match="TBR-7004"):
        archive(fake, restart=True)
    assert fake.process == "NORMAL"


def test_archive_mode_refusals(fake: FakeTibero) -> None:
    fake.enter("RECOVERY")
    fake.log_mode = "NOARCHIVELOG"
    with pytest.raises(Refusal, match="is a standby"):
        archive(fake, restart=True)
    fake.enter("NORMAL")
    fake.log_mode = "ARCHIVELOG"
    fake.parameters = dict(DESTINATION)
    with pytest.raises(Refusal, match="catch up after a gap"):
        archive(fake, "noarchivelog", restart=True)
    fake.log_mode = "NOARCHIVELOG"
    fake.parameters["LOG_REPLICATION_MODE"] = "PROTECTION"
    with pytest.raises(Refusal, match="does not boot without its standby"):
        archive(fake, restart=True)
    fake.parameters["LOG_REPLICATION_MODE"] = "PERFORMANCE"
    assert archive(fake, check=True, restart=True).changed
    fake.status = "ODD"
    with pytest.raises(UnknownState):
        archive(fake, restart=True)
    assert not fake.programs()


def test_a_server_in_a_container_is_none_of_this_host(fake: FakeTibero, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.enter("NORMAL")
    plain = os.readlink

    def elsewhere(path: str) -> str:
        return "pid:[4026531999]" if path == f"/proc/{PID}/ns/pid" else plain(path)

    assert info(fake)["running"] is True
    monkeypatch.setattr(os, "readlink", elsewhere)
    assert info(fake)["running"] is False and info(fake)["elsewhere"] == []
