# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row that the writer saw acknowledged is on every member, and nothing that was never written."""

from __future__ import annotations

import hashlib
import json

import pytest
import scenario

EVIDENCE = scenario.evidence()
STEPS = [json.loads(line) for line in EVIDENCE["ledger"].splitlines()]
STANDBYS = scenario.members()[1:]


def ledger(outcome: str) -> dict[str, str]:
    return {str(step["id"]): step["what"] for step in STEPS if step["outcome"] == outcome}


def rows(member: str) -> dict[str, str]:
    return {row["ID"]: row["WHAT"] for row in EVIDENCE["rows"][member]}


def digest(member: str) -> str:
    return hashlib.sha256(json.dumps(sorted(rows(member).items())).encode()).hexdigest()


def test_the_writer_worked_all_the_time_and_never_met_an_error():
    assert [step for step in STEPS if step["outcome"] == "unknown"] == []
    assert len(ledger("acknowledged")) > 100
    assert ledger("acknowledged") == ledger("attempted")


@pytest.mark.parametrize("member", scenario.members())
def test_every_acknowledged_row_is_there(member: str):
    missing = {number: what for number, what in ledger("acknowledged").items() if rows(member).get(number) != what}
    assert missing == {}


@pytest.mark.parametrize("member", scenario.members())
def test_no_row_is_there_that_was_never_sent(member: str):
    assert set(rows(member)) <= set(ledger("attempted"))


@pytest.mark.parametrize("member", STANDBYS)
def test_the_table_has_the_digest_of_the_primarys(member: str):
    assert digest(member) == digest(scenario.members()[0])
