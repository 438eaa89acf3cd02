# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks: worst-of, what blocks, what may be tolerated, and the table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import checks
from ansible_collections.firedrill.standby.plugins.module_utils._core.checks import FAIL, OK, UNKNOWN, WARN, Check


def check(verdict: str, name: str = "group.name", advisory: bool = False) -> Check:
    return Check(name, "Is it so?", "so", "seen so", "a file", verdict, "" if verdict == OK else "make it so", advisory)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], UNKNOWN),
        ([OK], OK),
        ([OK, WARN], WARN),
        ([WARN, UNKNOWN, OK], UNKNOWN),
        ([UNKNOWN, FAIL, WARN, OK], FAIL),
    ],
)
def test_worst(verdicts: list[str], expected: str) -> None:
    assert checks.worst([check(verdict) for verdict in verdicts]) == expected


def test_nothing_looked_at_is_not_ok() -> None:
    assert checks.worst([]) == UNKNOWN


def test_fail_and_unknown_block_but_not_ok_and_warn() -> None:
    every = [check(verdict, verdict) for verdict in checks.SEVERITY]
    assert [blocker.verdict for blocker in checks.blockers(every)] == [UNKNOWN, FAIL]


def test_an_advisory_unknown_does_not_block_an_advisory_fail_does() -> None:
    assert checks.blockers([check(UNKNOWN, advisory=True)]) == []
    assert len(checks.blockers([check(FAIL, advisory=True)])) == 1


@pytest.mark.parametrize("name", ["licence.primary", "licence"])
def test_tolerance_by_id_or_group_covers_unknown_only(name: str) -> None:
    marked = checks.tolerate([check(UNKNOWN, "licence.primary"), check(FAIL, "licence.primary")], [name])
    assert [each.tolerated for each in marked] == [True, False]
    assert [each.verdict for each in checks.blockers(marked)] == [FAIL]


def test_tolerance_does_not_match_half_a_name() -> None:
    assert (
        len(checks.blockers(checks.tolerate([check(UNKNOWN, "licence.primary")], ["lic", "primary", "licence.prim"])))
        == 1
    )


def test_dictionary_round_trip() -> None:
    assert checks.from_dict(check(WARN, advisory=True).as_dict()) == check(WARN, advisory=True)
    with pytest.raises(ValueError, match="FINE"):
        checks.from_dict(check("FINE").as_dict())


def test_table_is_worst_first_with_remedies_and_counts() -> None:
    lines = checks.table([check(OK, "a.ok"), check(FAIL, "b.fail"), check(UNKNOWN, "c.unknown"), check(WARN, "d.warn")])
    assert lines[0] == "FAIL: 1 FAIL, 1 UNKNOWN, 1 WARN, 1 OK"
    text = "\n".join(lines)
    assert text.index("b.fail") < text.index("c.unknown") < text.index("d.warn") < text.index("a.ok")
    assert text.count("-> make it so") == 3


def test_a_listing_breaks_no_value() -> None:
    long = "/a/very/long/path/" + "x" * 200
    lines = checks.listing([check(OK), check(FAIL)._replace(observed=long)])
    assert lines[0].startswith("FAIL") and long in lines[0] and lines[1] == "        -> make it so"


@given(
    st.lists(
        st.builds(check, st.sampled_from(checks.SEVERITY), st.text("abc./ ", min_size=1, max_size=200)), max_size=8
    )
)
def test_no_line_of_the_table_is_wider_than_the_page(many: list[Check]) -> None:
    assert all(len(line) <= 120 for line in checks.table(many, 120))
