# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard only reads, and refuses while a standby may follow; the mark belongs to the control files it was set for. Played."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import role_record
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.ddl_guard import ensure_mark, guard
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.instance_tasks import instance_info
from tests.unit.plugins.module_utils._tibero.fake_tibero import FakeTibero

FORBIDDEN = "ALTER TABLESPACE hist READ ONLY"


@pytest.fixture
def fake(tmp_path: Path) -> FakeTibero:
    found = FakeTibero(tmp_path)
    found.enter("NORMAL")
    found.parameters = {"LOG_REPLICATION_MODE": "PERFORMANCE", "LOG_REPLICATION_DEST_1": "10.0.0.2:8633 LGWR ASYNC"}
    return found


def judged(fake: FakeTibero, *statements: str, script: str | None = None, check: bool = False):
    return guard(fake.context(check, statements=list(statements) or None, script=script))


@pytest.mark.parametrize("check", [True, False])
def test_a_forbidden_statement_is_refused_with_the_procedure(fake: FakeTibero, check: bool):
    outcome = judged(fake, "COMMIT", FORBIDDEN, check=check)
    assert (outcome.changed, outcome.values["refused"], outcome.values["grade"]) == (False, True, "unsupported")
    assert outcome.values["standbys"] == ["10.0.0.2:8633"]
    assert (
        "Detach 10.0.0.2:8633" in outcome.values["procedure"][1] and "standby_rebuild" in outcome.values["procedure"][3]
    )
    assert [item["grade"] for item in outcome.values["statements"]] == ["supported", "unsupported"]
    assert [text for text in fake.statements if not text.startswith(("SELECT", "SET"))] == []


def test_what_cannot_be_told_is_refused_too(fake: FakeTibero):
    assert judged(fake, "FROBNICATE").values["refused"] is True


def test_without_a_destination_nothing_is_refused(fake: FakeTibero):
    fake.parameters = {"LOG_REPLICATION_MODE": "UNPROTECTED"}
    outcome = judged(fake, FORBIDDEN)
    assert (outcome.values["refused"], outcome.values["grade"], outcome.values["procedure"]) == (
        False,
        "unsupported",
        [],
    )


def test_destinations_that_cannot_be_read_count_as_standbys(fake: FakeTibero):
    fake.process = ""
    outcome = judged(fake, FORBIDDEN)
    assert (outcome.values["refused"], outcome.values["standbys"]) == (True, "UNKNOWN")


def test_care_is_a_warning(fake: FakeTibero):
    outcome = judged(fake, "INSERT /*+ APPEND */ INTO t SELECT 1 FROM dual")
    assert outcome.values["refused"] is False and "direct path" in outcome.warnings[0]


def test_a_script_on_the_host(fake: FakeTibero, tmp_path: Path):
    script = tmp_path / "release.sql"
    script.write_text(f"SET ECHO ON\nCOMMIT;\n{FORBIDDEN};\n")
    outcome = judged(fake, script=str(script))
    found = [(item["line"], item["grade"], item["runs"]) for item in outcome.values["statements"]]
    assert found == [(1, "supported", "no"), (2, "supported", "skip"), (3, "unsupported", "yes")]


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_script_that_cannot_be_read(fake: FakeTibero, tmp_path: Path, content: bytes | None):
    script = tmp_path / "release.sql"
    if content:
        script.write_bytes(content)
    with pytest.raises(Refusal, match="What cannot be read cannot be judged"):
        judged(fake, script=str(script))


def test_a_standby_is_not_asked(fake: FakeTibero):
    fake.enter("RECOVERY")
    with pytest.raises(Refusal, match="TBR-7501"):
        judged(fake, "COMMIT")


# --------------------------------------------------------------------------------------- the mark


@pytest.fixture
def standby(tmp_path: Path) -> FakeTibero:
    found = FakeTibero(tmp_path)
    role_record.write(found.client(), "standby", "for the test")
    return found


def rebuild(fake: FakeTibero) -> str:
    return str(instance_info(fake.context(status_words={}, open_mode_words={})).values["rebuild"])


def test_marked_once_and_seen_by_the_info_module(standby: FakeTibero):
    assert ensure_mark(standby.context(True, reason="x")).changed and rebuild(standby) == ""
    assert ensure_mark(standby.context(reason="tablespace\nHIST")).changed
    assert rebuild(standby) == "tablespace HIST"
    again = ensure_mark(standby.context(reason="another"))
    assert (again.changed, again.values) == (False, {"rebuild": "tablespace HIST"})
    assert role_record.read(standby.client()).role == "standby"


def test_a_later_record_of_the_role_keeps_the_mark(standby: FakeTibero):
    ensure_mark(standby.context(reason="x"))
    assert role_record.write(standby.client(), "standby", "seen again") is False
    assert rebuild(standby) == "x"


def test_a_new_copy_has_no_mark(standby: FakeTibero):
    ensure_mark(standby.context(reason="x"))
    control = standby.data / "c1.ctl"
    control.rename(standby.data / "old")
    control.write_bytes(b"another")
    assert rebuild(standby) == ""


def test_a_primary_is_not_marked(standby: FakeTibero):
    role_record.write(standby.client(), "primary", "for the test")
    with pytest.raises(Refusal, match="Only a standby"):
        ensure_mark(standby.context(reason="x"))
