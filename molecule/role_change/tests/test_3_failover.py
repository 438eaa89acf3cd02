# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failovers on the emulator: refused while the primary is well, refused without a fence, done when it is fenced, and never two primaries."""

from __future__ import annotations

import json
import re
import sys
import time

import pytest

from lab.cluster import ROOT
from lab.sweep.bench import HOME, Bench, tsn

ALLOWED = ("-e", "standby_allow_data_loss=true")


def folded(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("''", "'")


def failover(bench: Bench, *arguments: str) -> tuple[int, str]:
    code, text = bench.play("failover.yml", *arguments, journals="failover_journal_dir")
    assert "Traceback" not in text
    return code, folded(text)


@pytest.fixture(scope="module", autouse=True)
def rows(bench: Bench) -> str:
    """A row that was acknowledged and has arrived everywhere."""
    (primary,) = bench.primaries()
    bench.sql(primary, ["CREATE TABLE kept (id NUMBER PRIMARY KEY);", "INSERT INTO kept VALUES (1);", "COMMIT;"])
    return primary


def has(bench: Bench, member: str, number: int) -> bool:
    return f"<<{number}>>" in bench.sql(member, ["SELECT '<<'||id||'>>' FROM kept;"])


def test_a_healthy_primary_is_not_failed_over(bench: Bench, rows: str):
    code, said = failover(bench, *ALLOWED)
    assert code != 0 and f"{rows} is an open primary and answers" in said
    assert bench.primaries() == [rows]


def test_a_sick_primary_that_ssh_reaches(bench: Bench, rows: str):
    # Every process of the server stands still: the listener takes connections and nobody answers.
    bench.lab.run(rows, ["pkill", "-STOP", "-f", "tbsvr"])
    code, said = failover(bench)
    assert code != 0 and "Possible loss of acknowledged redo: TSN" in said and "standby_allow_data_loss" in said
    assert bench.lab.run(rows, ["test", "-e", f"{HOME}/config/orders.tip"], check=False).rc == 0, (
        "it was fenced without consent"
    )
    code, said = failover(bench, *ALLOWED)
    assert code == 0, said[-3000:]
    (new,) = bench.primaries()
    assert new != rows and has(bench, new, 1)
    # It is stopped, and nobody can boot it by mistake.
    assert bench.lab.run(rows, ["pgrep", "-f", "tbsvr"], check=False).stdout == ""
    bench.lab.run(rows, ["su", "-", "tibero", "-c", "tbboot </dev/null >/tmp/said 2>&1"], check=False, timeout=60)
    assert bench.lab.run(rows, ["pgrep", "-f", "tbsvr"], check=False).stdout == ""


def test_the_journal_keeps_what_it_may_have_cost(bench: Bench):
    (new,) = bench.primaries()
    found = json.loads(bench.lab.run(new, ["cat", f"{HOME}/instance/orders/firedrill/role_change/change.json"]).stdout)
    assert (found["state"], found["change"]["kind"]) == ("done", "failover")
    evidence = found["marks"]["2"]["seen"]["evidence"]
    assert evidence["allowed"] is True and evidence["loss"]["first"].isdigit() and evidence["loss"]["certainty"]
    assert [each["by"] for each in evidence["fences"]] == ["its own host"], "it was decided again behind the fence"
    seen = bench.guarded(new)
    assert seen["refused"] == seen["attempts"] > 0, seen


def test_a_second_run_changes_nothing(bench: Bench):
    (new,) = bench.primaries()
    code, said = failover(bench, "-e", f"standby_target={new}")
    assert code == 0 and f"Nothing to do: {new} is primary already." in said
    assert not re.search(r"changed=[1-9]", said)


def test_the_next_deployment_does_not_touch_the_fenced_member(bench: Bench, rows: str):
    code, text = bench.play("setup_standby.yml")
    said = folded(text)
    assert code != 0 and f"{rows} is fenced since" in said and "playbooks/reinstate.yml" in said
    assert not re.search(r"changed=[1-9]", said)


def test_a_primary_that_is_cut_off_and_goes_on_writing(bench: Bench, rows: str):
    (old,) = bench.primaries()
    bench.lab.cut(old)
    try:
        # SYNC is not required in PERFORMANCE, so it acknowledges what nobody else has.
        bench.sql(old, ["INSERT INTO kept VALUES (2);", "COMMIT;"])
        assert has(bench, old, 2)
        code, said = failover(bench, *ALLOWED)
        assert code != 0 and f"{old} cannot be fenced: SSH does not reach it" in said
        assert bench.primaries() == [old]
        switch = [
            "env",
            f"PYTHONPATH={ROOT}",
            sys.executable,
            "-m",
            "lab",
            "crash",
            "{member}",
            "--name",
            bench.lab.name,
        ]
        code, said = failover(bench, *ALLOWED, "-e", json.dumps({"failover_fence_command": switch}))
        assert code == 0, said[-3000:]
    finally:
        bench.lab.heal(old)
    (new,) = [name for name in bench.members if name not in (old, rows)]
    bench.lab.start(old)
    assert bench.primaries() == [new]
    assert has(bench, new, 1) and not has(bench, new, 2)


def test_what_it_wrote_alone_is_listed_and_kept_before_it_is_a_standby_again(bench: Bench, rows: str):
    (new,) = bench.primaries()
    (old,) = [name for name in bench.members if name not in (new, rows)]
    # Whether a real server lists the writes of a redo log is not known; the emulator does so when it is told to.
    bench.lab.run(old, ["su", "-", "tibero", "-c", f'echo \'{{"logminer": "on"}}\' > {HOME}/config/emulator.json'])
    given = {"standby_member": old, "reinstate_overwrite": True, "reinstate_reverse_sync": True}
    code, text = bench.play("reinstate.yml", "-e", json.dumps(given), journals="")
    said = folded(text)
    assert code == 0, said[-3000:]
    assert "not reverse synchronisation:" in said and "_LNW_REVERSE_SYNC" in said, "it has conditions of its own"
    listed = bench.lab.run(old, ["sh", "-c", f"cat {HOME}/instance/orders/firedrill/divergence/*/writes.json"]).stdout
    assert [json.loads(line)["sql"] for line in listed.splitlines()] == ["INSERT INTO kept VALUES (2)"]
    bench.sql(new, ["INSERT INTO kept VALUES (3);", "COMMIT;"])
    end = time.monotonic() + 60
    while tsn(bench, old) < tsn(bench, new):
        assert time.monotonic() < end, "it does not follow"
    bench.sql(old, ["ALTER DATABASE OPEN READ ONLY CONTINUE RECOVERY;"])
    assert has(bench, old, 1) and has(bench, old, 3) and not has(bench, old, 2)


def test_a_fenced_member_stays_fenced_when_its_way_back_ends_early(bench: Bench, rows: str):
    code, text = bench.play("reinstate.yml", "-e", f"standby_member={rows}", journals="")
    said = folded(text)
    assert code != 0 and "overwriting its files was allowed (reinstate_overwrite is false)" in said, said[-3000:]
    for place, there in ((f"{HOME}/config/orders.tip.fenced", 0), (f"{HOME}/config/orders.tip", 1)):
        assert bench.lab.run(rows, ["test", "-e", place], check=False).rc == there, place
    assert bench.lab.run(rows, ["pgrep", "-f", "tbsvr"], check=False).stdout == ""
    assert (
        "its reinstatement ended before anything was decided"
        in bench.lab.run(rows, ["cat", f"{HOME}/instance/orders/firedrill/fence.json"]).stdout
    )


def test_a_primary_that_a_person_took_for_dead_is_found_out(bench: Bench):
    """Two primaries, by an override that was not true: the one thing that nothing can prevent is at least not overlooked."""
    (old,) = bench.primaries()
    # Nobody gets in to look or to fence, and clients do.
    bench.lab.run(old, ["pkill", "sshd"], check=False)
    given = {"failover_fence_override": {"by": "kim", "reason": "its rack has no power"}}
    code, said = failover(bench, *ALLOWED, "-e", json.dumps(given))
    assert code != 0 and "There were two primaries" in said and f"Fence {old} now" in said, said[-3000:]
    (new,) = [name for name in bench.primaries() if name != old]
    seen = bench.guarded(new)
    # Who was fenced before is watched too, since it may have been the primary.
    assert old in seen["member"] and seen["accepted"] > 0, seen
