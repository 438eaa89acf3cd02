# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every check of readiness in every verdict that it can have: one good cluster, and one thing changed at a time."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from readiness_scene import (
    DARK,
    GIB,
    MEMBERS,
    MIB,
    described,
    destinations,
    good,
    group,
    identity,
    item,
    items,
    login,
    one,
    report,
    tip,
    tried,
)

from ansible_collections.firedrill.standby.plugins.module_utils._core import checks, facts, readiness
from ansible_collections.firedrill.standby.plugins.module_utils._core.checks import FAIL, OK, UNKNOWN, WARN
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.readiness import FAILOVER, SWITCHOVER, WAY_BACK
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import cluster
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.readiness import NOT_RUN, Asked
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.readiness_task import archives

Verdicts = dict[str, str]


def verdicts_of(found: readiness.Report, name: str) -> Verdicts:
    return readiness.verdicts(found, next(each for each in found.candidates if each.name == name))


# ------------------------------------------------------------------------------------------------ the whole


def test_a_good_cluster_can_switch_over_and_back_and_fail_over_with_a_warning() -> None:
    found = report()
    bad = {each.check.id: each.check.observed for each in items(found) if each.check.verdict in (FAIL, UNKNOWN)}
    assert set(bad) == {
        "PC-C7.logging", "PC-C11.xa", "PC-D2.pages", "PC-D6.checksums", "PC-E7.backups", "PC-E8.clients", "PC-H2.backup",
    }  # fmt: skip
    assert [each.check.id for each in items(found, "seoul2") if each.check.verdict == WARN] == [
        "PC-C5.lossless.seoul2",
        "PC-G6.fences.seoul2",
        "PC-H1.after_failover.seoul2",
    ]
    for name in ("seoul2", "busan1"):
        assert verdicts_of(found, name) == {SWITCHOVER: OK, FAILOVER: WARN, WAY_BACK: OK}
    assert readiness.overall(found, readiness.OPERATIONS) == WARN
    assert found.primary == "seoul1" and [each.name for each in found.candidates] == ["seoul2", "busan1"]


def test_what_no_document_of_tibero_shows_blocks_unless_it_is_accepted() -> None:
    strict = report(tolerate=())
    assert verdicts_of(strict, "seoul2") == {SWITCHOVER: UNKNOWN, FAILOVER: UNKNOWN, WAY_BACK: WARN}
    assert "PC-D6.checksums" not in readiness.blocking(strict, strict.candidates[0], SWITCHOVER), (
        "only a warning: advisory"
    )


def test_every_check_has_an_id_of_the_catalogue_and_says_what_it_must() -> None:
    found = report(silent=("busan1",))
    for candidate in ("seoul2", "busan1"):
        every = [each.check for each in items(found, candidate)]
        assert len({check.id for check in every}) == len(every)
        for check in every:
            assert check.id.startswith("PC-") and check.id.split(".")[0][3] in "ABCDEFGH", check
            assert all([check.question.endswith("?"), check.expected, check.observed, check.source]), check
            assert check.verdict == OK or check.remedy, check


def test_the_catalogue_is_covered() -> None:
    """Each row of the catalogue for Tibero is a check or is listed with the reason why it is not asked."""
    rows = {
        "A": 7, "B": 9, "C": 13, "D": 6, "E": 11, "F": 6, "G": 6, "H": 4,
    }  # fmt: skip
    asked = {each.check.id.split(".")[0] for each in items(report())} | {name for name, _why in NOT_RUN}
    assert {f"PC-{letter}{number}" for letter, last in rows.items() for number in range(1, last + 1)} - asked == set()


def test_nothing_known_blocks_everything_and_raises_nothing() -> None:
    found = report(silent=tuple(MEMBERS))
    assert readiness.overall(found, readiness.OPERATIONS) == UNKNOWN
    assert found.silent == tuple(MEMBERS)


# ----------------------------------------------------------------------------------------- dead and silent members


def test_a_silent_primary_does_not_hide_that_the_standbys_can_take_over() -> None:
    dead = {name: reach(name, tried("seoul1", 8629, "timeout")) for name in ("seoul2", "busan1")}
    found = report(dead, silent=("seoul1",))
    assert found.primary == "" and [each.name for each in found.candidates] == ["seoul2", "busan1"]
    for name in ("seoul2", "busan1"):
        assert verdicts_of(found, name)[FAILOVER] in (OK, WARN), readiness.blocking(
            found, found.candidates[0], FAILOVER
        )
        assert verdicts_of(found, name)[SWITCHOVER] == FAIL, "its listener does not answer"


def test_a_silent_primary_whose_port_is_closed_is_one_fence() -> None:
    changes = {"seoul2": {"reach": [tried("seoul1", 8629, "timeout"), tried("busan1", 8633)]}}
    found = report(changes, silent=("seoul1",))
    assert (one(found, "PC-G6.fences.seoul2").verdict, one(found, "PC-G6.fences.seoul2").observed) == (
        WARN,
        "its listener does not answer seoul2",
    )
    assert one(found, "PC-G6.fences.busan1").verdict == FAIL, "it still reaches it"


def test_a_silent_standby_is_shown_and_the_other_one_judged() -> None:
    found = report(silent=("busan1",))
    assert verdicts_of(found, "busan1") == {SWITCHOVER: UNKNOWN, FAILOVER: UNKNOWN, WAY_BACK: UNKNOWN}
    assert verdicts_of(found, "seoul2") == {SWITCHOVER: WARN, FAILOVER: WARN, WAY_BACK: WARN}
    assert one(found, "PC-B1.one_primary").observed == "seoul1 say so; not known of busan1"
    assert readiness.overall(found, readiness.OPERATIONS) == UNKNOWN
    assert readiness.overall(found, readiness.OPERATIONS, readiness.ONE) == WARN


def test_a_stopped_standby_is_known_to_be_one_by_its_record_only() -> None:
    stopped = {"process": False, "role": DARK, "open_mode": facts.STOPPED, "recorded_role": facts.STANDBY}
    found = report({"busan1": stopped})
    check = one(found, "PC-B2.target.busan1")
    assert (check.verdict, check.observed) == (FAIL, "its instance does not run; our record says standby")
    assert verdicts_of(found, "busan1")[FAILOVER] == FAIL
    assert verdicts_of(found, "seoul2")[SWITCHOVER] == WARN


def test_a_stopped_primary_leaves_the_failover() -> None:
    stopped = {
        "process": False,
        "role": DARK,
        "open_mode": facts.STOPPED,
        "recorded_role": facts.PRIMARY,
        "positions": DARK,
    }
    found = report({"seoul1": stopped})
    assert found.primary == ""
    assert verdicts_of(found, "seoul2")[SWITCHOVER] == FAIL and verdicts_of(found, "seoul2")[FAILOVER] == WARN
    assert one(found, "PC-H1.after_switchover.seoul2").verdict == FAIL


def test_two_primaries_block_everything() -> None:
    found = report({"busan1": {"role": facts.PRIMARY, "open_mode": facts.READ_WRITE}})
    check = one(found, "PC-B1.one_primary")
    assert (check.verdict, check.observed) == (FAIL, "seoul1, busan1 say so")
    assert verdicts_of(found, "seoul2") == {SWITCHOVER: FAIL, FAILOVER: FAIL, WAY_BACK: FAIL}


def test_the_target() -> None:
    found = report(asked=Asked("orders", "busan1"))
    assert [each.name for each in found.candidates] == ["busan1"]
    with pytest.raises(
        Refusal, match=r"standby_target is 'busan2'. Allowed is a member of the cluster: seoul1, seoul2, busan1"
    ):
        report(asked=Asked("orders", "busan2"))
    with pytest.raises(
        Refusal, match=r"which is the primary. Only a standby can take over. To do: name one of seoul2, busan1"
    ):
        report(asked=Asked("orders", "seoul1"))


# ---------------------------------------------------------------------------------------------- one thing at a time

STANDBY_REDO = {"USE_STANDBY_REDO_LOG": "Y"}
SRL = [{"GROUP#": str(number), "BYTES": str(50 * MIB)} for number in range(3)]


def with_tip(name: str, mode: str = "performance", **changes: t.Any) -> dict[str, t.Any]:
    values = {**tip(name, mode), **changes}
    return {"parameters": {key: value for key, value in values.items() if value is not None}}


def journal(state: str) -> dict[str, t.Any]:
    return {"leftovers": [{"kind": "role change", "state": state, "detail": "change.json"}]}


def copy_left(state: str) -> dict[str, t.Any]:
    return {"leftovers": [{"kind": "copy", "state": state, "detail": "x"}]}


def ends(*days: int) -> dict[str, t.Any]:
    end = datetime.date(2026, 8, 1) + datetime.timedelta(days=days[0])
    return {"licence": {"path": "/l", "start_date": None, "end_date": end.isoformat(), "host": None}}


def moved(*positions: int) -> dict[str, t.Any]:
    return {"positions": [{"position": each, "at": number} for number, each in enumerate(positions)]}


def space(place: str, free: int, inodes: int | None = 9999) -> dict[str, t.Any]:
    found = good()["seoul1"]["space"]
    return {"space": {**found, place: {"path": "/x", "device": "1", "free_bytes": free, "free_inodes": inodes}}}


def reach(name: str, *changed: dict[str, t.Any]) -> dict[str, t.Any]:
    found = {(each["name"], each["port"]): each for each in good()[name]["reach"]}
    found.update({(each["name"], each["port"]): each for each in changed})
    return {"reach": list(found.values())}


def off(number: int) -> list[dict[str, t.Any]]:
    found = destinations("seoul1")
    found[number]["enabled"] = {"value": False, "source": "s"}
    return found


#: Check, member that changes, what changes, verdict, part of what is observed.
CASES: list[tuple[str, str, t.Any, str, str]] = [
    # unfinished things of earlier runs
    ("PC-A7.journal.busan1", "busan1", journal("unfinished"), FAIL, "change.json"),
    ("PC-A7.journal.seoul1", "seoul1", journal("unreadable"), UNKNOWN, "change.json"),
    ("PC-A7.journal.seoul1", "seoul1", {"leftovers": DARK}, UNKNOWN, "was hidden"),
    ("PC-A7.copies.seoul2", "seoul2", copy_left("unfinished"), FAIL, "copy unfinished"),
    ("PC-A7.copies.seoul2", "seoul2", copy_left("unreadable"), UNKNOWN, "unreadable"),
    ("PC-A7.fault.seoul1", "seoul1", {"leftovers": [{"kind": "fault of a drill", "state": "unfinished", "detail": "x"}]}, FAIL, "x"),
    ("PC-A7.fault.seoul2", "seoul2", {"leftovers": DARK}, UNKNOWN, "was hidden"),
    ("PC-A7.copies.seoul1", "seoul1", {"leftovers": [{"kind": "cold copy", "state": "unfinished", "detail": "at 1"}]}, FAIL, "cold copy"),
    # backup
    ("PC-A4.backup.seoul1", "seoul1", {"backup_open": True}, FAIL, "open"),
    ("PC-A4.backup.seoul1", "seoul1", {"backup_open": DARK}, UNKNOWN, "was hidden"),
    ("PC-A4.rmgr.seoul1", "seoul1", {"rmgr_jobs": ["tbrmgr backup [7]"]}, FAIL, "tbrmgr backup"),
    ("PC-A4.rmgr.seoul1", "seoul1", {"rmgr_jobs": DARK}, UNKNOWN, "was hidden"),
    # who is what
    ("PC-B2.target.seoul2", "seoul2", {"role": facts.SNAPSHOT_STANDBY}, FAIL, "snapshot_standby"),
    ("PC-B2.target.seoul2", "seoul2", {"role": DARK}, UNKNOWN, "was hidden"),
    ("PC-B2.attached.seoul2", "seoul1", {"destinations": []}, FAIL, "no destination 192.0.2.2:8633"),
    ("PC-B2.attached.seoul2", "seoul1", {"destinations": off(0)}, FAIL, "is switched off"),
    ("PC-B2.attached.seoul2", "seoul1", reach("seoul1", tried("seoul2", 8633)), FAIL, "no connection stands"),
    ("PC-B2.attached.seoul2", "seoul1", {"reach": []}, UNKNOWN, "was not tried"),
    ("PC-B2.attached.seoul2", "seoul1", {"destinations": DARK}, UNKNOWN, "was hidden"),
    ("PC-B3.recovering.seoul2", "seoul2", {"open_mode": facts.READ_ONLY}, WARN, "read_only"),
    ("PC-B3.recovering.seoul2", "seoul2", {"open_mode": facts.MOUNTED}, FAIL, "mount"),
    ("PC-B3.recovering.seoul2", "seoul2", {"open_mode": DARK}, UNKNOWN, "was hidden"),
    ("PC-B4.db_block_size.seoul2", "seoul2", {"db_block_size": 4096}, FAIL, "4096"),
    ("PC-B4.endianness.seoul2", "seoul2", {"endianness": "big"}, FAIL, "big"),
    ("PC-B4.word_size.seoul2", "seoul2", {"word_size": DARK}, UNKNOWN, "was hidden"),
    ("PC-B4.cpu_architecture.seoul2", "seoul2", {"cpu_architecture": "aarch64"}, FAIL, "aarch64"),
    ("PC-B5.tibero_version.seoul2", "seoul2", {"tibero_version": "6"}, FAIL, "6"),
    ("PC-B5.tibero_build.seoul2", "seoul2", {"tibero_build": DARK}, UNKNOWN, "was hidden"),
    ("PC-B6.identity.seoul2", "seoul2", {"identity": {**identity("seoul2"), "dbid": "1"}}, FAIL, "DBID 1, there 881590366"),
    ("PC-B6.identity.seoul2", "seoul2", {"identity": {**identity("seoul2"), "dbid": None}}, UNKNOWN, "DBID UNKNOWN"),
    ("PC-B7.sibling.seoul2.busan1", "busan1", {"role": facts.NO_DATABASE}, FAIL, "none, a destination"),
    ("PC-B7.sibling.seoul2.busan1", "seoul2", with_tip("seoul2", LOG_REPLICATION_DEST_2=None), FAIL, "no destination"),
    ("PC-B7.sibling.seoul2.busan1", "seoul2", with_tip("seoul2", LOG_REPLICATION_DEST_2='"nonsense"'), UNKNOWN, "nonsense"),
    # licence
    ("PC-B8.licence.seoul2", "seoul2", ends(31), OK, "31 days left"),
    ("PC-B8.licence.seoul2", "seoul2", ends(30), WARN, "30 days left"),
    ("PC-B8.licence.seoul2", "seoul2", ends(-1), FAIL, "expired on 2026-07-31"),
    ("PC-B8.licence.seoul1", "seoul1", {"host_name": "another"}, FAIL, "bound to host seoul1"),
    ("PC-B8.licence.seoul1", "seoul1", {"licence": DARK}, UNKNOWN, "was hidden"),
    ("PC-B8.licence.seoul1", "seoul1", {"today": DARK}, UNKNOWN, "was hidden"),
    # redo on its way
    ("PC-C1.lag.seoul2", "seoul2", moved(1000, 1001, 1002), OK, "0 TSN at the most"),
    ("PC-C1.lag.seoul2", "seoul1", moved(11000, 11001, 11002), WARN, "now 10000"),
    ("PC-C1.lag.seoul2", "seoul1", moved(200000, 200001, 200002), FAIL, "now 199000"),
    ("PC-C1.lag.seoul2", "seoul2", moved(990, 990, 990), FAIL, "the standby stands still"),
    ("PC-C1.lag.seoul2", "seoul1", moved(1000, 1001), UNKNOWN, "2 samples, 3 are needed"),
    ("PC-C1.lag.seoul2", "seoul2", {"positions": DARK}, UNKNOWN, "was hidden"),
    ("PC-C2.gap.seoul2", "seoul2", {"log_sequence": 3}, OK, "needs logs 3 to 4 from archives, all there"),
    ("PC-C2.gap.seoul2", "seoul2", {"log_sequence": DARK}, UNKNOWN, "was hidden"),
    ("PC-C3.mode", "seoul1", {"protection_mode": "UNPROTECTED"}, FAIL, "UNPROTECTED is configured, described is PERFORMANCE"),
    ("PC-C3.mode", "seoul1", {"protection_mode": DARK}, UNKNOWN, "was hidden"),
    ("PC-C4.archive_place.seoul2", "seoul2", {"archive_place": {"path": "/arch", "exists": False, "writable": False}}, FAIL, "not there"),
    ("PC-C4.archive_place.seoul1", "seoul1", {"archive_place": {"path": "/arch", "exists": True, "writable": False}}, FAIL, "not writable"),
    ("PC-C4.archive_place.seoul1", "seoul1", {"archive_place": DARK}, UNKNOWN, "was hidden"),
    ("PC-C4.backlog.seoul1", "seoul1", {"archives": {"highest": 4, "present": [[1, 4]], "missing": []}}, WARN, "2 wait"),
    ("PC-C4.backlog.seoul1", "seoul1", {"log_sequence": 17}, FAIL, "10 wait"),
    ("PC-C4.backlog.seoul1", "seoul1", {"archives": DARK}, UNKNOWN, "was hidden"),
    ("PC-C4.archive_mode.seoul1", "seoul1", {"archive_mode": False}, WARN, "NOARCHIVELOG"),
    ("PC-C4.archive_mode.seoul1", "seoul1", {"archive_mode": DARK}, UNKNOWN, "was hidden"),
    # the primary at work
    ("PC-C11.sessions.seoul1", "seoul1", {"sessions": ["x"] * 21}, OK, "20: x"),
    ("PC-C11.sessions.seoul1", "seoul1", {"sessions": ["x"] * 22}, WARN, "21: x"),
    ("PC-C11.sessions.seoul1", "seoul1", {"sessions": DARK}, UNKNOWN, "was hidden"),
    ("PC-C11.transactions.seoul1", "seoul1", {"transactions": [{"session": "9", "age": 61, "blocks": "1"}]}, WARN, "the oldest 61 s in session 9"),
    ("PC-C11.transactions.seoul1", "seoul1", {"transactions": [{"session": "9", "age": 3600, "blocks": "1"}]}, FAIL, "3600 s"),
    ("PC-C11.transactions.seoul1", "seoul1", {"transactions": DARK}, UNKNOWN, "was hidden"),
    # redo groups
    ("PC-C12.redo_files.seoul2", "seoul2", {"redo": [group(0, 5)]}, FAIL, "1 groups"),
    ("PC-C12.redo_files.seoul2", "seoul2", {"redo": [group(0, 5), {**group(1, 6), "missing": ["/gone"]}]}, FAIL, "not there: /gone"),
    ("PC-C12.redo_files.seoul1", "seoul1", {"redo": DARK}, UNKNOWN, "was hidden"),
    ("PC-C12.redo_sizes.seoul2", "seoul2", {"redo": [group(0, 5), group(1, 7)]}, FAIL, "2 groups of 50.0 MiB; seoul1 has 3"),
    ("PC-C12.redo_sizes.seoul2", "seoul2", {"redo": [group(number, 7) for number in range(4)]}, WARN, "4 groups"),
    ("PC-C12.redo_sizes.seoul2", "seoul2", {"redo": DARK}, UNKNOWN, "was hidden"),
    ("PC-C12.standby_redo.seoul2", "seoul2", {**with_tip("seoul2", **STANDBY_REDO), "standby_redo": SRL}, OK, "3 standby groups for 3"),
    ("PC-C12.standby_redo.seoul2", "seoul2", {**with_tip("seoul2", **STANDBY_REDO), "standby_redo": SRL[:2]}, FAIL, "2 standby groups for 3"),
    ("PC-C12.standby_redo.seoul2", "seoul2", {**with_tip("seoul2", **STANDBY_REDO), "standby_redo": [{**SRL[0], "BYTES": "1"}]}, FAIL, "smaller than"),
    ("PC-C12.standby_redo.seoul2", "seoul2", {**with_tip("seoul2", **STANDBY_REDO), "standby_redo": [{"X": "1"}]}, UNKNOWN, "sizes UNKNOWN"),
    # files
    ("PC-D1.datafiles.seoul2", "seoul2", {"datafiles": [{"path": "/data/x.dtf", "bytes": None}]}, FAIL, "not there: /data/x.dtf"),
    ("PC-D1.datafiles.seoul2", "seoul2", {"datafiles": []}, UNKNOWN, "shows no file"),
    ("PC-D1.datafiles.seoul1", "seoul1", {"datafiles": DARK}, UNKNOWN, "was hidden"),
    ("PC-D1.recovery.seoul1", "seoul1", {"recover_files": [{"file": "3", "error": "open failed"}]}, FAIL, "file 3: open failed"),
    ("PC-D1.recovery.seoul1", "seoul1", {"recover_files": DARK}, UNKNOWN, "was hidden"),
    ("PC-D3.health.seoul2", "seoul2", {"notes": ["something odd"]}, WARN, "something odd"),
    ("PC-D3.health.seoul1", "seoul1", {"notes": ["A shutdown is pending: a stop waits"]}, FAIL, "pending"),
    ("PC-D3.health.seoul1", "seoul1", {"notes": DARK}, UNKNOWN, "was hidden"),
    ("PC-D4.files.seoul2", "seoul2", {"files": [{"kind": "control file", "path": "/c", "state": "missing"}]}, FAIL, "control file /c is missing"),
    ("PC-D4.files.seoul2", "seoul2", {"files": []}, FAIL, "names no control file"),
    ("PC-D4.files.seoul2", "seoul2", {"files": DARK}, UNKNOWN, "was hidden"),
    ("PC-D5.tempfiles.seoul2", "seoul2", {"tempfiles": []}, FAIL, "0 of 0 listed"),
    ("PC-D5.tempfiles.seoul2", "seoul2", {"tempfiles": [{"path": "/t", "bytes": None}]}, FAIL, "0 of 1 listed"),
    ("PC-D5.tempfiles.seoul2", "seoul1", {"tempfiles": [{"path": "/t", "bytes": 1}] * 2}, WARN, "seoul1 has 2"),
    ("PC-D5.tempfiles.seoul2", "seoul2", {"tempfiles": DARK}, UNKNOWN, "was hidden"),
    # parameters
    ("PC-E1.parameters.seoul2", "seoul2", with_tip("seoul2", _HARMLESS="1"), WARN, "_HARMLESS 1, there not set"),
    ("PC-E1.parameters.seoul2", "seoul2", with_tip("seoul2", MAX_SESSION_COUNT="40"), FAIL, "MAX_SESSION_COUNT 40, there 50"),
    ("PC-E1.parameters.seoul2", "seoul2", with_tip("seoul2", MAX_SESSION_COUNT="60"), WARN, "MAX_SESSION_COUNT 60"),
    ("PC-E1.parameters.seoul2", "seoul2", with_tip("seoul2", BOOT_WITH_AUTO_DOWN_CLEAN="Y"), FAIL, "BOOT_WITH_AUTO_DOWN_CLEAN Y"),
    ("PC-E1.parameters.seoul2", "seoul2", {"parameters": DARK}, UNKNOWN, "was hidden"),
    ("PC-E1.kept.seoul1", "seoul1", {"live_parameters": {"LOG_REPLICATION_MODE": "PERFORMANCE"}}, FAIL, "runs with nothing, tip 192.0.2.2:8633"),
    ("PC-E1.kept.seoul1", "seoul1", {"live_parameters": DARK}, UNKNOWN, "was hidden"),
    ("PC-E2.destinations.seoul2", "seoul2", with_tip("seoul2", LOG_REPLICATION_DEST_1=None), FAIL, "none for seoul1"),
    ("PC-E2.destinations.seoul2", "seoul2", with_tip("seoul2", LOG_REPLICATION_MODE=None), FAIL, "LOG_REPLICATION_MODE is not set"),
    ("PC-E2.destinations.seoul2", "seoul2", with_tip("seoul2", LOG_REPLICATION_DEST_2='"192.0.2.3:8633 LGWR SYNC"'), FAIL, "described LGWR ASYNC"),
    ("PC-E2.destinations.seoul2", "seoul2", with_tip("seoul2", LOG_REPLICATION_DEST_2='"nonsense"'), UNKNOWN, "nonsense"),
    ("PC-E2.destinations.seoul2", "seoul2", {"parameters": DARK}, UNKNOWN, "was hidden"),
    ("PC-E2.receive_port.seoul1", "seoul1", with_tip("seoul1", _STANDBY_CONN_PORT=None), OK, "port 8633, by default"),
    ("PC-E2.receive_port.seoul1", "seoul1", with_tip("seoul1", _STANDBY_CONN_PORT="9000"), FAIL, "port 9000"),
    ("PC-E2.receive_port.seoul1", "seoul1", {"parameters": DARK}, UNKNOWN, "was hidden"),
    ("PC-E4.cpus.seoul2", "seoul2", {"cpus": 6}, WARN, "75 % (6, there 8)"),
    ("PC-E4.cpus.seoul2", "seoul2", {"cpus": 5}, FAIL, "62 % (5, there 8)"),
    ("PC-E4.cpus.seoul2", "seoul2", {"cpus": DARK}, UNKNOWN, "was hidden"),
    ("PC-E4.memory.seoul2", "seoul2", {"memory": {"ram_bytes": 8 * GIB}}, FAIL, "50 %"),
    ("PC-E10.observer", "busan1", {"observer": {"configured": True, "by": "tip", "manager": ""}}, FAIL, "busan1: STANDBY_USE_OBSERVER is Y"),
    ("PC-E10.observer", "seoul1", {"observer": {"configured": False, "by": "tip", "manager": "tbcm runs; x"}}, WARN, "tbcm runs"),
    ("PC-E10.observer", "seoul1", {"observer": DARK}, UNKNOWN, "was hidden"),
    # ways
    ("PC-F1.own_ports.seoul1", "seoul1", {"ports": [{"name": "standby", "port": 8633, "state": "foreign", "holder": "x [9]"}]}, FAIL, "8633 is held by x [9]"),
    ("PC-F1.own_ports.seoul1", "seoul1", {"ports": [{"name": "standby", "port": 8633, "state": "odd", "holder": ""}]}, UNKNOWN, "odd"),
    ("PC-F1.own_ports.seoul2", "seoul2", {"ports": DARK}, UNKNOWN, "was hidden"),
    ("PC-F1.reach.seoul2.seoul1.8633", "seoul2", reach("seoul2", tried("seoul1", 8633, "timeout")), FAIL, "timeout"),
    ("PC-F1.reach.seoul2.seoul1.8633", "seoul2", reach("seoul2", tried("seoul1", 8633, "refused")), UNKNOWN, "refused"),
    ("PC-F1.reach.seoul2.seoul1.8629", "seoul2", {"reach": []}, UNKNOWN, "was not tried"),
    ("PC-F1.reach.seoul1.seoul2.8629", "seoul1", reach("seoul1", tried("seoul2", 8629, "unreachable")), FAIL, "unreachable"),
    ("PC-F1.reach.seoul2.busan1.8633", "seoul2", reach("seoul2", tried("busan1", 8633, "timeout")), FAIL, "timeout"),
    ("PC-F6.clock.seoul2", "seoul2", reach("seoul2", tried("seoul1", 8633, "connected", [10.0, 10.1])), WARN, "-10.1"),
    ("PC-F6.clock.seoul2", "seoul2", reach("seoul2", tried("seoul1", 8633, "connected", [-70.1, -70.0])), FAIL, "+70"),
    ("PC-F6.clock.seoul2", "seoul2", reach("seoul2", tried("seoul1", 8633)), UNKNOWN, "neither"),
    # logins
    ("PC-G2.own_login.seoul1", "seoul1", {"identity": DARK}, UNKNOWN, "was hidden"),
    ("PC-G2.login.seoul2.seoul1", "seoul2", {"logins": [login("seoul1", outcome="failed", code=17001, detail="TBR-17001")]}, FAIL, "TBR-17001"),
    ("PC-G2.login.seoul1.seoul2", "seoul1", {"logins": [login("seoul2", outcome="no_alias", detail="has no such alias")]}, FAIL, "no such alias"),
    ("PC-G2.login.seoul1.seoul2", "seoul1", {"logins": [login("seoul2", identity=identity("busan1"))]}, FAIL, "another instance answered: host busan1"),
    ("PC-G2.login.seoul1.seoul2", "seoul1", {"logins": [login("seoul2", outcome="unreadable", detail="TBR-22003")]}, UNKNOWN, "TBR-22003"),
    ("PC-G2.login.seoul1.seoul2", "seoul1", {"logins": []}, UNKNOWN, "was not tried"),
    ("PC-G2.login.seoul1.seoul2", "seoul1", {"logins": [login("seoul2", identity={})]}, UNKNOWN, "does not say"),
    ("PC-G2.login.seoul1.seoul2", "seoul2", {"identity": DARK}, UNKNOWN, "who answered UNKNOWN"),
    ("PC-G2.password_file.seoul2.seoul1", "seoul2", {"password_file": {"path": "/p", "digest": "bb", "salt": "s"}}, FAIL, "another digest"),
    ("PC-G2.password_file.seoul2.seoul1", "seoul2", {"password_file": {"path": "/p", "digest": None, "salt": "s"}}, FAIL, "no file /p on seoul2"),
    ("PC-G2.password_file.seoul2.busan1", "busan1", {"password_file": {"path": "/p", "digest": "aa", "salt": "z"}}, UNKNOWN, "different salts"),
    ("PC-G2.password_file.seoul2.seoul1", "seoul1", {"password_file": DARK}, UNKNOWN, "was hidden"),
    # places
    ("PC-G3.description.seoul2", "seoul2", with_tip("seoul2", LOG_ARCHIVE_DEST='"/elsewhere"'), FAIL, "LOG_ARCHIVE_DEST is /elsewhere, described /arch"),
    ("PC-G3.description.seoul1", "seoul1", {"parameters": DARK}, UNKNOWN, "was hidden"),
    ("PC-G4.supervisors.seoul1", "seoul1", {"supervisors": [{"path": "/etc/rc.local", "ours": True}]}, OK, "/etc/rc.local"),
    ("PC-G4.supervisors.seoul1", "seoul1", {"supervisors": [{"path": "/etc/rc.local", "ours": False}]}, WARN, "/etc/rc.local"),
    ("PC-G4.supervisors.seoul1", "seoul1", {"supervisors": DARK}, UNKNOWN, "was hidden"),
    ("PC-G5.archive.seoul2", "seoul2", space("archive", 360 * MIB), WARN, "0.35 GiB free"),
    ("PC-G5.archive.seoul1", "seoul1", space("archive", 320 * MIB), FAIL, "0.31 GiB free"),
    ("PC-G5.data.seoul2", "seoul2", space("data", GIB, 3), FAIL, "3 inodes free"),
    ("PC-G5.data.seoul2", "seoul2", {"space": DARK}, UNKNOWN, "was hidden"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "member", "change", "verdict", "observed"),
    CASES,
    ids=[f"{case[0]}-{case[3]}-{number}" for number, case in enumerate(CASES)],
)
def test_one_thing_at_a_time(name: str, member: str, change: t.Any, verdict: str, observed: str) -> None:
    check = one(report({member: change}), name)
    assert check.verdict == verdict, check
    assert observed in check.observed, check


def test_each_check_is_ok_in_the_good_cluster_and_was_seen_in_another_verdict_here() -> None:
    """A check that can only be OK is no check: each kind was seen red or UNKNOWN above, or in a test of its own."""
    elsewhere = {
        "PC-B1.one_primary",
        "PC-G1.answers",
        "PC-G6.fences",
        "PC-H1.after_switchover",
        "PC-H1.after_failover",
        "PC-C5.lossless",
    }
    elsewhere |= {"PC-E2.sync_after_switchover", "PC-E2.sync_after_failover"}
    kinds = {".".join(case[0].split(".")[:2]) for case in CASES if case[3] != OK} | elsewhere
    unseen = {
        "PC-C7.logging",
        "PC-C11.xa",
        "PC-D2.pages",
        "PC-D6.checksums",
        "PC-E7.backups",
        "PC-E8.clients",
        "PC-H2.backup",
    }
    assert {".".join(each.check.id.split(".")[:2]) for each in items(report())} - kinds - unseen == set()


# -------------------------------------------------------------------------------------------- what needs more than one


def test_a_gap_names_the_exact_range() -> None:
    archived = {"highest": 19, "present": [[1, 11], [14, 19]], "missing": [12, 13]}
    primary = {"redo": [group(0, 20), group(1, 21), group(2, 22)], "archives": archived}
    check = one(report({"seoul1": primary, "seoul2": {"log_sequence": 11}}), "PC-C2.gap.seoul2")
    assert check.verdict == FAIL
    assert check.observed == "seoul2 needs logs 11 to 19 from archives; not there: 12 to 13 (2 logs)"
    check = one(report({"seoul1": primary, "seoul2": {"log_sequence": 14}}), "PC-C2.gap.seoul2")
    assert check.verdict == OK, "an archive that no standby needs any more may be gone"


def test_archive_mode_with_arch_async_is_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MEMBERS, "busan1", ("192.0.2.3", "ARCH ASYNC"))
    assert one(report({"seoul1": {"archive_mode": False}}), "PC-C4.archive_mode.seoul1").verdict == FAIL
    quiet = reach("seoul1", tried("busan1", 8633))
    assert one(report({"seoul1": quiet}), "PC-B2.attached.busan1").verdict == WARN, "it connects for each archive"


def test_lossless_by_mode_and_transport() -> None:
    assert one(report(mode="protection"), "PC-C5.lossless.seoul2").verdict == OK
    assert one(report(mode="availability"), "PC-C5.lossless.seoul2").verdict == OK
    assert one(report(mode="protection"), "PC-C5.lossless.busan1").verdict == WARN


def test_availability_that_lapsed_is_found() -> None:
    assert one(report(mode="availability"), "PC-C3.mode").verdict == OK
    lapsed = reach("seoul1", tried("seoul2", 8633, "refused"))
    assert one(report({"seoul1": lapsed}, mode="availability"), "PC-C3.mode").verdict == FAIL
    odd = {"destinations": destinations("seoul1", "BUSY")}
    assert one(report({"seoul1": odd}, mode="availability"), "PC-C3.mode").verdict == UNKNOWN


def test_a_mode_that_would_not_let_the_new_primary_boot_is_found_before() -> None:
    """After a failover to seoul2 only busan1 is left, which receives by LGWR ASYNC (H: then the boot fails)."""
    found = report(mode="availability")
    assert one(found, "PC-E2.sync_after_switchover.seoul2").verdict == OK
    check = one(found, "PC-E2.sync_after_failover.seoul2")
    assert (check.verdict, check.observed) == (FAIL, "AVAILABILITY, by LGWR SYNC: nobody that answers")
    assert one(found, "PC-E2.sync_after_failover.busan1").verdict == OK, "seoul2 is left"
    assert one(report(silent=("seoul2",), mode="availability"), "PC-E2.sync_after_failover.busan1").verdict == FAIL
    dark = report({"busan1": {"parameters": DARK}}, mode="availability")
    assert one(dark, "PC-E2.sync_after_failover.busan1").verdict == UNKNOWN
    bad = report({"seoul2": with_tip("seoul2", LOG_REPLICATION_DEST_1='"x"', LOG_REPLICATION_MODE="PROTECTION")})
    assert one(bad, "PC-E2.sync_after_switchover.seoul2").verdict == UNKNOWN


def test_fences() -> None:
    declared = report(asked=Asked("orders", fences=("seoul1",)))
    assert one(declared, "PC-G6.fences.seoul2").verdict == OK
    assert one(report(), "PC-G6.fences.seoul2").verdict == WARN
    assert item(declared, "PC-G6.fences.seoul2").blocks == (FAILOVER,)


def test_the_way_back_after_a_failover_is_a_rebuild_and_only_warns() -> None:
    on = {"_LNW_REVERSE_SYNC": "Y"}
    found = report({"seoul1": with_tip("seoul1", **on), "seoul2": with_tip("seoul2", **on)})
    check = one(found, "PC-H1.after_failover.seoul2")
    assert check.verdict == WARN and "reverse synchronisation is set on both" in check.observed
    assert item(found, "PC-H1.after_failover.seoul2").blocks == ()


def test_limits_of_the_operator_count() -> None:
    strict = readiness.thresholds({"lag_warn": 1, "lag_fail": 2, "sessions_warn": 0, "power_ok": 2})
    found = report({"seoul1": moved(1002, 1003, 1004)}, asked=Asked("orders", limits=strict))
    assert one(found, "PC-C1.lag.seoul2").verdict == FAIL
    assert one(found, "PC-E4.cpus.seoul2").verdict == WARN


def test_archives_are_ranges_of_what_is_there(tmp_path: t.Any) -> None:
    from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Answer

    rows = []
    for number in (3, 4, 5, 8):
        path = tmp_path / f"log-t0-r0-s{number}.arc"
        if number != 4:
            path.write_text("x")
        rows.append({"THREAD#": "0", "SEQUENCE#": str(number), "NAME": str(path)})
    assert archives(Answer(tuple(rows))).value == {"highest": 8, "present": [[3, 3], [5, 5], [8, 8]], "missing": [4]}
    assert not archives(Answer(why="TBR-22003")).is_known
    assert archives(Answer()).value == {"highest": None, "present": [], "missing": []}


def test_tables_hold_no_check_twice_and_read_well() -> None:
    found = report(silent=("seoul1",))
    lines = readiness.lines(found)
    assert lines[0] == "READINESS of orders: primary UNKNOWN; no answer from seoul1"
    assert any("checks are UNKNOWN: seoul1 did not answer" in line for line in lines)
    assert checks.worst([each.check for each in items(found)]) in (FAIL, UNKNOWN)


def test_the_peers_of_a_member_are_the_others_with_their_ports_and_aliases() -> None:
    named = [described(name)._replace(name=name.replace("1", "-1")) for name in MEMBERS]
    assert cluster.peers(named, "seoul-1") == [
        {"member": "seoul2", "host": "192.0.2.2", "ports": [8629, 8633], "alias": "seoul2"},
        {"member": "busan-1", "host": "192.0.2.3", "ports": [8629, 8633], "alias": "busan_1"},
    ]
    assert cluster.peers(named, "seoul2")[0]["alias"] == "seoul_1"
