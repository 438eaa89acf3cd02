# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A switchover on the emulator, and back: predicted, done, not done twice, not undone by the next deployment, and nothing is left."""

from __future__ import annotations

import re

import pytest
from fingerprint import ROLE_CHANGE, RUNNING, Fingerprint, fingerprint, unexplained

from lab.sweep.bench import LIMIT, Bench

TARGET = ("-e", "standby_target=seoul2")
BACK = ("-e", "standby_target=seoul1")


def changed(text: str) -> list[str]:
    """Hosts with changes, by the recap."""
    return re.findall(r"^(\S+)\s+: ok=\d+\s+changed=[1-9]", text, re.MULTILINE)


@pytest.fixture(scope="module", autouse=True)
def before(bench: Bench) -> Fingerprint:
    assert bench.primaries() == ["seoul1"]
    return fingerprint(bench.lab, bench.members)


def test_check_mode_says_what_would_happen_and_does_nothing(bench: Bench):
    seen = fingerprint(bench.lab, bench.members)
    code, text = bench.play("switchover.yml", *TARGET, "--check")
    assert code == 0, text[-3000:]
    assert unexplained(seen, fingerprint(bench.lab, bench.members), RUNNING) == []
    assert "1. tbdown -t SWITCHOVER on seoul1" in text and "4. tbboot -t FAILOVER on seoul2" in text
    assert changed(text) == ["seoul1", "seoul2"]
    assert bench.primaries() == ["seoul1"]
    assert not list(bench.journals.glob("*/*"))


def test_rows_of_the_old_primary_are_on_the_new_one(bench: Bench):
    bench.sql("seoul1", ["CREATE TABLE travels (id NUMBER PRIMARY KEY);", "INSERT INTO travels VALUES (7);", "COMMIT;"])
    code, text = bench.play("switchover.yml", *TARGET)
    assert code == 0, text[-3000:]
    assert changed(text) == ["seoul1", "seoul2"]
    assert bench.primaries() == ["seoul2"]
    assert "<<7>>" in bench.sql("seoul2", ["SELECT '<<'||id||'>>' FROM travels;"])


def test_its_journals_tell_what_was_done(bench: Bench):
    (log,) = bench.journals.glob("orders/*.jsonl")
    text = log.read_text()
    assert text.count('"event": "end"') == 4 and '"event": "failed"' not in text
    found = bench.lab.run(
        "seoul2", ["cat", "/home/tibero/tibero7/instance/orders/firedrill/role_change/change.json"]
    ).stdout
    assert '"state": "done"' in found and "it held TSN" in found


def test_a_guard_has_tried_to_write_on_the_former_primary_all_the_while(bench: Bench):
    seen = bench.guarded("seoul2")
    assert seen["member"] == "seoul1" and seen["refused"] == seen["attempts"] > 2, seen
    # Behind its stop nobody listened; then it was a standby, which takes no writes.
    assert {said.split(":")[0] for _, said, _ in seen["said"]} >= {"TBR-7004"}, seen
    assert "FIREDRILL_GUARD" not in bench.sql("seoul2", ["SELECT TABLE_NAME FROM USER_TABLES;"])


def test_a_second_run_changes_nothing_and_says_so(bench: Bench):
    code, text = bench.play("switchover.yml", *TARGET)
    assert code == 0 and changed(text) == []
    assert "Nothing to do: seoul2 is primary already." in text


@pytest.mark.parametrize("arguments", [(), ("--check",)])
def test_the_next_deployment_does_not_undo_it(bench: Bench, arguments: tuple[str, ...]):
    code, text = bench.play("setup_standby.yml", *arguments)
    assert code == 0 and changed(text) == [], text[-3000:]
    assert bench.primaries() == ["seoul2"]


def test_back_again_by_two_who_begin_together_leaves_everything_as_it_was(bench: Bench, before: Fingerprint):
    runs = [bench.start("switchover.yml", *BACK) for _ in range(2)]
    codes = {running.wait(LIMIT): output.read_text() for running, output in runs}
    assert sorted(codes) == [0, 2], [text[-2000:] for text in codes.values()]
    refused = re.sub(r"\s+", " ", codes[2])
    assert re.search(r"Another run is at work on this cluster: \S+, process \d+, since \S+Z, \d+ s ago", refused)
    assert "To do: Wait for its end" in refused and changed(codes[2]) == []
    assert bench.primaries() == ["seoul1"]
    bench.sql("seoul1", ["DROP TABLE travels;"])
    assert "FIREDRILL_MARKER" not in bench.sql("seoul1", ["SELECT TABLE_NAME FROM USER_TABLES;"])
    # What may differ is named with its reason in lab/sweep/fingerprint.py.
    assert unexplained(before, fingerprint(bench.lab, bench.members), ROLE_CHANGE) == []
