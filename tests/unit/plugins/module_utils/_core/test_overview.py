# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The overview never guesses: unknown positions give an unknown lag, silent hosts stay in the table."""

from __future__ import annotations

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts
from ansible_collections.firedrill.standby.plugins.module_utils._core.overview import overview, table


def state(role, mode, position, process=True, **more):
    record = {
        "role": {"value": role, "source": "x"},
        "open_mode": {"value": mode, "source": "x"},
        "position": {"value": position, "source": "x"},
        "process": {"value": process, "source": "ps"},
    }
    record.update(more)
    return record


PRIMARY = state(facts.PRIMARY, facts.READ_WRITE, "120")
STANDBY = state(facts.STANDBY, facts.RECOVERING, "117")


def health(observations):
    return {row.member: (row.health, row.lag) for row in overview(observations, {"b": "LGWR SYNC"})}


def test_lag_is_the_difference_of_positions():
    assert health({"a": PRIMARY, "b": STANDBY}) == {"a": ("OK", "-"), "b": ("OK", "3")}


def test_a_standby_read_after_its_primary_is_not_ahead():
    assert health({"a": PRIMARY, "b": state(facts.STANDBY, facts.RECOVERING, "130")})["b"] == ("OK", "0")


def test_an_unknown_position_gives_an_unknown_lag_and_health():
    assert health({"a": PRIMARY, "b": state(facts.STANDBY, facts.RECOVERING, facts.UNKNOWN)})["b"] == (
        "UNKNOWN",
        "UNKNOWN",
    )


def test_without_a_primary_no_lag_is_claimed():
    assert health({"b": STANDBY})["b"] == ("UNKNOWN", "UNKNOWN")


def test_two_primaries_fail_both():
    assert {verdict for verdict, lag in health({"a": PRIMARY, "b": PRIMARY}).values()} == {"FAIL"}


def test_a_silent_host_is_shown():
    rows = overview({"a": None}, {})
    assert rows[0].health == "UNKNOWN"
    assert any("the host did not answer" in line for line in table(rows))


def test_a_stopped_instance_and_a_mounted_standby_fail():
    stopped = state(facts.UNKNOWN, facts.STOPPED, facts.UNKNOWN, process=False)
    mounted = state(facts.STANDBY, facts.MOUNTED, "1")
    assert [verdict for verdict, lag in health({"a": stopped, "b": mounted}).values()] == ["FAIL", "FAIL"]


def test_an_open_backup_and_missing_archives_warn():
    backup = state(facts.PRIMARY, facts.READ_WRITE, "1", backup_open={"value": True, "source": "x"})
    plain = state(facts.PRIMARY, facts.READ_WRITE, "1", archive_mode={"value": False, "source": "x"})
    assert health({"a": backup})["a"][0] == "WARN"
    assert health({"a": plain})["a"][0] == "WARN"


def test_a_host_without_software_is_not_called_a_host_without_database():
    nowhere = {"value": False, "source": "no Tibero below tibero_home /wrong"}
    bare = state(facts.NO_DATABASE, facts.STOPPED, facts.UNKNOWN, process=False, software=nowhere)
    row = overview({"a": bare}, {})[0]
    assert (row.role, row.open_mode, row.health) == ("no software", "-", "FAIL")
    assert row.why == "no Tibero below tibero_home /wrong"
