# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tibero_reinstate on a played former primary: which method, why, and what may be overwritten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.journal import Change
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import reinstate, role_record, role_steps
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.role_change_task import journal_of
from tests.unit.plugins.modules.test_tibero_divergence import Former

DBID = "881590366"


class Member(Former):
    """A former primary that was exported and stopped, as the role does."""

    def reinstate(self, state: str = "planned", check_mode: bool = False, **params: Any) -> Any:
        given = {
            "state": state,
            "member": "seoul1",
            "branch_point": "1203",
            "lost_by": "failover",
            "switchover_stop": {},
            "primary_database_id": DBID,
            "primary_parameters": {"LOG_REPLICATION_MODE": "PERFORMANCE", "_LNW_REVERSE_SYNC": "N"},
            "primary_transport": "LGWR ASYNC",
            "export_directory": None,
            "method": "auto",
            "reverse_sync": False,
            "structure_unchanged": False,
            "seed_method": "hot",
            "overwrite": True,
            **params,
        }
        return reinstate.reinstate(self.context(check_mode, **given))

    @property
    def record(self) -> Path:
        return self.home / "instance" / "orders" / "firedrill" / "reinstate.json"


@pytest.fixture
def member(tmp_path: Path) -> Member:
    made = Member(tmp_path)
    made.export()
    made.process = ""
    return made


def test_played_resync_after_a_failover_and_why(member: Member) -> None:
    values = member.reinstate().values
    assert values["method"] == "resync" and values["reuse"] is True and values["seed"] is True
    assert values["lines"] == [
        "seoul1: resync of the blocks that differ (resync)",
        "  because overwriting its files was allowed",
        "  because the database is copied file by file",
        "  because its files are there and can be compared",
        "  not rejoin as it is:",
        "    not so: the role was given up by a switchover, which ships all redo first (lost_by is failover)",
        "    UNKNOWN whether nobody has booted the instance since the SWITCHOVER stop (record of the SWITCHOVER stop: none is given)",
        "    UNKNOWN whether the new primary held what this member had at that stop (record of the SWITCHOVER stop: none is given)",
        "  not reverse synchronisation:",
        "    it is taken only when it is asked for by name",
    ]
    assert [Path(path).name for path in values["replaces"]["data"]] == [".passwd", "system001.dtf", "usr001.dtf"]
    assert [Path(path).name for path in values["replaces"]["logs"]] == [
        "log-t0-r0-s6.arc",
        "c1.ctl",
        "log0.log",
        "log1.log",
        "log2.log",
    ]
    assert [Path(path).name for path in values["keeps"]] == ["log-t0-r0-s4.arc", "log-t0-r0-s5.arc"]
    assert not member.record.exists()


def test_played_a_file_that_is_gone_makes_it_a_rebuild(member: Member) -> None:
    (member.data / "usr001.dtf").unlink()
    values = member.reinstate().values
    assert (values["method"], values["reuse"]) == ("rebuild", False)
    assert (
        f"not so: its files are there and can be compared ({member.data}/usr001.dtf cannot be read and written)"
        in (values["choice"]["rejected"][-1]["reasons"])
    )


def test_played_without_consent_nothing_is_chosen(member: Member) -> None:
    with pytest.raises(Refusal) as caught:
        member.reinstate("begun", overwrite=False)
    assert "not so: overwriting its files was allowed (reinstate_overwrite is false)" in caught.value.seen
    assert not member.record.exists()


def test_played_without_an_export_nothing_is_chosen(member: Member) -> None:
    with pytest.raises(UnknownState):
        member.reinstate(branch_point="1204")


def test_played_redo_that_changed_since_the_export_is_not_discarded(member: Member) -> None:
    (member.data / "log0.log").write_bytes(b"written after the export")
    with pytest.raises(Refusal, match="its redo has changed since the export"):
        member.reinstate("begun")
    assert not member.record.exists()


def test_played_another_database_is_refused(member: Member) -> None:
    with pytest.raises(Refusal, match="it holds the same database as the primary"):
        member.reinstate(primary_database_id="1")
    with pytest.raises(UnknownState):
        member.reinstate(primary_database_id="")


def test_played_an_open_former_primary_is_refused(member: Member) -> None:
    member.views.pop("V$DATABASE")
    member.enter("NORMAL")
    for state in ("looked", "planned", "begun"):
        with pytest.raises(Refusal, match="is open as a primary"):
            member.reinstate(state)


def _stop(member: Member) -> dict[str, Any]:
    return {"position": "1203", "control_files": role_steps.control_file_stamps(member.client())}


def test_played_rejoin_after_a_switchover_that_nobody_undid(member: Member) -> None:
    given = {"lost_by": "switchover", "switchover_stop": _stop(member), "branch_point": "1203"}
    assert member.reinstate("looked", **given).values["to_do"] == "rejoin"
    values = member.reinstate(**given).values
    assert (values["method"], values["seed"], values["replaces"]) == ("rejoin", False, {"data": [], "logs": []})
    assert not member.reinstate("begun", **given).changed, "nothing is overwritten, so nothing has to be recorded"
    assert not member.record.exists()


def test_played_no_rejoin_once_the_control_file_was_touched_or_nobody_recorded_the_stop(member: Member) -> None:
    stop = _stop(member)
    (member.data / "c1.ctl").write_bytes(b"opened since")
    for given in (stop, {}):
        looked = member.reinstate("looked", lost_by="switchover", switchover_stop=given)
        assert looked.values["to_do"] == "measure"
        assert member.reinstate(lost_by="switchover", switchover_stop=given).values["method"] == "resync"
    assert member.reinstate("looked", lost_by="", switchover_stop=_stop(member)).values["to_do"] == "measure"


@pytest.mark.parametrize("branch_point", ["1202", "", "UNKNOWN"])
def test_played_no_rejoin_where_the_new_primary_is_not_known_to_have_held_everything(
    member: Member, branch_point: str
) -> None:
    given = {"lost_by": "switchover", "switchover_stop": _stop(member), "branch_point": branch_point}
    assert member.reinstate("looked", **given).values["to_do"] == "measure"


def test_played_reverse_synchronisation_has_its_own_conditions(member: Member) -> None:
    parameters = {"LOG_REPLICATION_MODE": "PERFORMANCE", "_LNW_REVERSE_SYNC": "Y"}
    given = {"reverse_sync": True, "structure_unchanged": True, "primary_parameters": parameters}
    assert member.reinstate(**given).values["method"] == "reverse_sync"
    for change in (
        {"reverse_sync": False},
        {"structure_unchanged": False},
        {"primary_transport": "LGWR SYNC"},
        {"primary_transport": ""},
        {"primary_parameters": {"LOG_REPLICATION_MODE": "PERFORMANCE"}},
        {"primary_parameters": dict(parameters, LOG_REPLICATION_MODE="AVAILABILITY")},
        {"lost_by": ""},
    ):
        assert member.reinstate(**{**given, **change}).values["method"] == "resync", change


def test_played_no_file_copy_with_rmgr(member: Member) -> None:
    with pytest.raises(Refusal, match="not so: the database is copied file by file"):
        member.reinstate(seed_method="rmgr")


def test_played_what_was_begun_is_recorded_and_gone_on_with(member: Member) -> None:
    client = member.client()
    role_record.write(client, "standby", "of an earlier life")
    begun = member.reinstate("begun")
    assert begun.changed and begun.values["seed"] is True
    raw = json.loads(member.record.read_text())
    assert (raw["method"], raw["branch_point"], raw["database_id"]) == ("resync", "1203", DBID)
    assert role_record.read(client).role == "", "what was recorded of the old control files must not be believed"
    # Half of it is overwritten now: nothing is measured any more.
    for path in begun.values["replaces"]["logs"]:
        Path(path).unlink()
    assert member.reinstate("looked").values["to_do"] == "go_on"
    again = member.reinstate("begun", branch_point="", overwrite=False)
    assert not again.changed and again.values["method"] == "resync" and again.values["seed"] is True
    assert set(reinstate.begun_files(client)) >= set(begun.values["replaces"]["data"])


def test_played_after_the_conversion_nothing_is_copied_again(member: Member) -> None:
    member.reinstate("begun")
    role_record.write(member.client(), "standby", "ALTER DATABASE STANDBY CONTROLFILE")
    assert member.reinstate("begun").values["seed"] is False


def test_played_finished_only_when_it_is_seen_as_a_standby(member: Member) -> None:
    assert not member.reinstate("finished").changed
    member.reinstate("begun")
    with pytest.raises(UnknownState, match="It is not seen as a standby"):
        member.reinstate("finished")
    member.views.pop("V$DATABASE")
    member.enter("RECOVERY")
    assert member.reinstate("finished").changed
    assert not member.record.exists()
    assert member.reinstate("looked").values["to_do"] == "nothing"
    assert not member.reinstate("finished").changed


@pytest.mark.parametrize("overwrites", [True, False])
def test_played_the_journal_of_a_change_that_another_one_replaced_is_closed(member: Member, overwrites: bool) -> None:
    """Also after a rejoin, which leaves no record of ours."""
    own = journal_of(member.client())
    steps = role_steps.switchover("seoul1", "seoul2")
    own.open(Change("c1", "switchover", "seoul1", "seoul2", "ops", "2026-01-01T00:00:00Z", steps))
    if overwrites:
        member.reinstate("begun")
    with pytest.raises(UnknownState, match="It is not seen as a standby"):
        member.reinstate("finished")
    member.views.pop("V$DATABASE")
    member.enter("RECOVERY")
    assert member.reinstate("finished", check_mode=True).changed and own.read().is_open  # type: ignore[union-attr]
    assert member.reinstate("finished").changed
    assert own.read().state == "undone" and not member.record.exists()  # type: ignore[union-attr]
    assert not member.reinstate("finished").changed


def test_played_a_record_that_cannot_be_read_is_unknown(member: Member) -> None:
    member.record.write_text("{")
    with pytest.raises(UnknownState, match="cannot be read"):
        member.reinstate("looked")


def test_played_check_mode_predicts_and_writes_nothing(member: Member) -> None:
    assert member.reinstate("begun", check_mode=True).values["method"] == "resync"
    assert not member.record.exists()
    fresh = member.reinstate("begun", check_mode=True, branch_point="1100")
    assert fresh.changed and fresh.values["method"] == "UNKNOWN"
    assert "it is stopped, and would be mounted, measured and exported" in fresh.values["lines"][0]
    member.enter("MOUNT")
    mounted = member.reinstate("planned", check_mode=True, branch_point="1204")
    assert mounted.values["method"] == "resync"
