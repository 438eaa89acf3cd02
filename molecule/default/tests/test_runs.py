# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the runs said of themselves: predictions hold, second runs change nothing."""

from __future__ import annotations

import scenario

CHECKED, BUILT, AGAIN, CHECKED_AGAIN = scenario.runs("converge.yml")
AFTER_FIRST = scenario.runs("setup_primary.yml")
STANDBYS = set(scenario.members()[1:])


def test_they_were_what_they_were_meant_to_be():
    assert [run["check"] for run in (CHECKED, BUILT, AGAIN, CHECKED_AGAIN)] == [True, False, False, True]


def test_no_run_failed_on_any_host():
    everything = [CHECKED, BUILT, AGAIN, CHECKED_AGAIN, *AFTER_FIRST]
    assert [scenario.failed(run) for run in everything] == [set()] * len(everything)


def test_setting_up_the_primary_again_changed_nothing():
    assert [run["changed"] for run in AFTER_FIRST] == [[]]


def test_check_mode_said_which_hosts_would_change():
    assert scenario.changing(CHECKED) >= STANDBYS
    assert scenario.changing(CHECKED) == scenario.changing(BUILT)


def test_what_was_predicted_of_a_task_came_about():
    # A task that check mode could only announce as a whole has another name.
    announced = {tuple(one) for one in CHECKED["changed"] if "Say what check mode cannot ask" not in one[1]}
    assert announced
    assert announced - {tuple(one) for one in BUILT["changed"]} == set()


def test_the_second_run_changed_nothing():
    assert AGAIN["changed"] == []


def test_check_mode_on_what_was_built_predicts_nothing():
    assert CHECKED_AGAIN["changed"] == []
