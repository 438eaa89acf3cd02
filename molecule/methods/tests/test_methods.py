# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A standby copied cold and one recovered from a backup set: the rows travelled, and the means are gone."""

from __future__ import annotations

import json

import pytest
import scenario

testinfra_hosts = ["ansible://orders"]
(STOPPED,) = scenario.runs("cold.yml")
BUILT, AGAIN = scenario.runs("converge.yml")
SEEN = json.loads((scenario.WORK / "cold_rows.json").read_text(encoding="utf-8"))
PRIMARY, COLD, RMGR = scenario.members()
RECORDS = f"{scenario.home()}/instance/orders/firedrill"


def hosts_of(run: dict, task: str) -> set[str]:
    """The hosts on which a task of the role standby changed something."""
    return {host for host, name in run["changed"] if name.rpartition(" : ")[2] == task}


def test_no_run_failed():
    assert [scenario.failed(run) for run in (STOPPED, BUILT, AGAIN)] == [set(), set(), set()]


def test_the_primary_was_stopped_for_the_cold_copy_and_started_again():
    assert hosts_of(STOPPED, "Stop the primary for the copy") == {PRIMARY}
    assert hosts_of(STOPPED, "Start the primary again") == {PRIMARY}
    assert hosts_of(STOPPED, "Copy the files (data)") == {COLD}


def test_the_other_came_from_a_backup_set():
    assert hosts_of(BUILT, "Make the backup set") == {PRIMARY}
    assert hosts_of(BUILT, "Copy the files (set)") == {RMGR}
    assert hosts_of(BUILT, "Recover from the backup set") == {RMGR}


def test_the_second_run_changed_nothing():
    assert AGAIN["changed"] == []


@pytest.mark.parametrize("member", scenario.members())
def test_rows_from_before_the_copies_are_on_every_member(member: str):
    assert [row["WHAT"] for row in SEEN["rows"][member]] == ["before the copy", "복사하기 전에"]


def test_the_list_of_files_is_whole():
    kinds = [file["kind"] for file in SEEN["files"]]
    assert {"datafile", "redo", "controlfile", "tempfile", "password"} == set(kinds)
    assert all(file["size"] for file in SEEN["files"])


def test_no_backup_set_and_no_record_of_the_copy_is_left(host):
    for path in (
        f"{RECORDS}/rmgr/set",
        "/tbdata/staging",
        f"{RECORDS}/cold_copy/stop.json",
        f"{RECORDS}/cold_copy/cold_copy.lease",
    ):
        assert not host.file(path).exists, path
    for name in ("backup", "recovery"):
        assert not host.file(f"{RECORDS}/rmgr_records/{name}.json").exists, name
