# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sweep's own parts: which cases there are, which come today, and what counts as lost."""

from __future__ import annotations

import pytest
import yaml

from lab.cluster import ROOT
from lab.sweep.cases import FAULTS, MOMENTS, TASKS, cases, parse, tenth, together
from lab.sweep.load import lost


def test_in_ten_days_every_case_has_its_turn() -> None:
    for first in (0, 20783):
        seen = [case for day in range(first, first + 10) for some in tenth(day) for case in some]
        assert set(seen) == set(cases())


def test_a_day_is_about_a_tenth() -> None:
    assert {len(tenth(day)) for day in range(30)} == {-(-len(together(cases())) // 10)}


def test_each_reinstatement_is_the_way_back_of_a_failover() -> None:
    found = together(cases())
    assert sorted(case for some in found for case in some) == sorted(cases())
    assert {tuple(case.operation for case in some) for some in found} == {
        ("switchover",),
        ("takeover",),
        ("failover", "reinstate"),
        ("reinstate",),
    }


def test_a_case_is_written_as_it_is_read() -> None:
    assert all(parse(str(case)) == case for case in cases())
    assert len(cases()) == sum(len(each) * (1 if name == "takeover" else len(FAULTS)) for name, each in MOMENTS.items())
    for wrong in ("", "switchover:9:crash", "2:crash", "failover:fence:flood"):
        with pytest.raises(ValueError, match="OPERATION:MOMENT:FAULT"):
            parse(wrong)


@pytest.mark.parametrize("moment", TASKS, ids=":".join)
def test_the_tasks_that_mark_moments_exist(moment: tuple[str, str]) -> None:
    role, name = TASKS[moment].removesuffix("]").split(" : ")
    found = [
        task.get("name", "").replace("{{ standby_seed_part }}", "data")
        for path in (ROOT / "roles" / role / "tasks").glob("*.yml")
        for task in tasks_of(yaml.safe_load(path.read_text()) or [])
    ]
    assert name in found


def tasks_of(entries: list[dict[str, object]]) -> list[dict[str, str]]:
    """All tasks of a file, those in blocks too."""
    found: list[dict[str, str]] = []
    for entry in entries:
        found.append(entry)  # type: ignore[arg-type]
        for part in ("block", "rescue", "always"):
            found += tasks_of(entry.get(part) or [])  # type: ignore[arg-type]
    return found


def test_a_missing_suffix_is_lost_and_a_missing_middle_is_a_hole() -> None:
    assert lost([[1, 2, 3], [11, 12]], {1, 2, 3, 11, 12}) == ([], [])
    assert lost([[1, 2, 3], [11, 12]], {1, 2, 11}) == ([3, 12], [])
    missing, holes = lost([[1, 2, 3]], {1, 3})
    assert missing == [2] and len(holes) == 1 and "hole: 2" in holes[0]
