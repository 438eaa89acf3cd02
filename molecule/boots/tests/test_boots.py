# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that come back on the emulator: a standby applies again, and a former primary never is one again, whether it was dead or frozen.

A lab host has no systemd; its process 1 starts what our enabled units say (lab/hosts/units.py).
"""

from __future__ import annotations

import json
import re
import time

import pytest

from lab.hosts.system import wait_for
from lab.sweep.bench import HOME, Bench
from lab.sweep.load import Guard

INTERVAL = 1
RECORDS = f"{HOME}/instance/orders/firedrill"
LOGS = "/var/log/firedrill-orders.service.log"
SERVICE = (
    "-e",
    json.dumps(
        {
            "standby_service": True,
            "standby_service_key": "lab_Service-7.secret",
            "standby_service_manager": "systemd",
            "standby_service_wait": 10,
            "standby_service_interval": INTERVAL,
        }
    ),
)
LOST = json.dumps(
    {
        "standby_allow_data_loss": True,
        "failover_probe_timeout": 20,
        "failover_fence_override": {"by": "the test", "reason": "it is dead or frozen"},
    }
)


def folded(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("''", "'")


def out(bench: Bench, member: str, *argv: str) -> str:
    return str(bench.lab.run(member, argv, check=False).stdout)


def follows(bench: Bench, member: str) -> bool:
    return bench.roles()[member].startswith("RECOVERY")


def position(bench: Bench, member: str) -> int:
    text = bench.sql(member, ["SELECT '<<'||TO_CHAR(CURRENT_TSN)||'>>' FROM V$DATABASE;"])
    found = re.search(r"<<(\d+)>>", text)
    return int(found.group(1)) if found else -1


def reinstate(bench: Bench, member: str) -> None:
    code, text = bench.play(
        "reinstate.yml", "-e", f"standby_member={member}", "-e", '{"reinstate_overwrite": true}', *SERVICE
    )
    assert code == 0, folded(text)[-3000:]
    assert follows(bench, member)


def fail_over(bench: Bench) -> str:
    """The new primary."""
    (code, text) = bench.play("failover.yml", "-e", LOST, journals="failover_journal_dir")
    assert code == 0, folded(text)[-3000:]
    found = re.search(r"(\w+) is chosen", folded(text)) or re.search(r"to (\w+): ", folded(text))
    assert found is not None, folded(text)[-1500:]
    return found.group(1)


@pytest.fixture(scope="module", autouse=True)
def served(bench: Bench) -> None:
    """A whole cluster, whatever the tests before have left, with a service on each member; a second run changes nothing."""
    (primary,) = bench.primaries()
    for member in bench.members:
        if member != primary and not follows(bench, member):
            reinstate(bench, member)
    for expected in ("changed=[1-9]", "changed=0"):
        code, text = bench.play("setup_standby.yml", *SERVICE)
        assert code == 0, folded(text)[-3000:]
        recap = [line for line in text.splitlines() if re.match(r"(seoul|busan)\d +:", line)]
        assert len(recap) == 3 and [line for line in recap if re.search(expected, line)], recap
    assert not [line for line in recap if "changed=0" not in line], recap


def test_a_standby_applies_again(bench: Bench) -> None:
    (primary,) = bench.primaries()
    member = next(name for name in bench.members if name != primary)
    bench.lab.crash(member)
    bench.sql(primary, ["CREATE TABLE booted (id NUMBER PRIMARY KEY);", "INSERT INTO booted VALUES (1);", "COMMIT;"])
    reached = position(bench, primary)
    bench.lab.start(member)
    wait_for("the standby to follow", lambda: follows(bench, member), seconds=60)
    wait_for("it to catch up", lambda: position(bench, member) >= reached, seconds=60)
    assert "boot as standby" in out(bench, member, "cat", LOGS)


def test_a_primary_that_nobody_took_over_from_comes_back(bench: Bench) -> None:
    (primary,) = bench.primaries()
    bench.lab.crash(primary)
    bench.lab.start(primary)
    wait_for("the primary", bench.primaries, lambda seen: seen == [primary], 60)


def test_a_primary_whose_others_do_not_answer_stays_down(bench: Bench) -> None:
    (primary,) = bench.primaries()
    bench.lab.crash(primary)
    bench.lab.cut(primary)
    try:
        bench.lab.start(primary)
        wait_for(
            "its reason", lambda: out(bench, primary, "cat", LOGS), lambda log: "stay down: no answer from" in log, 60
        )
        assert bench.primaries() == []
    finally:
        bench.lab.heal(primary)
    command = "/usr/local/sbin/firedrill-orders /etc/firedrill-standby/orders.json boot"
    assert bench.lab.run(primary, ["su", "-", "tibero", "-c", command], timeout=60).rc == 0
    assert bench.primaries() == [primary]


def numbers(bench: Bench, member: str) -> set[int]:
    """The rows of the guard that a member shows."""
    return set(map(int, re.findall(r"<<(\d+)>>", bench.sql(member, ["SELECT '<<'||id||'>>' FROM guarded;"]))))


def exported(bench: Bench, member: str) -> set[int]:
    """The rows of the guard that the listing of a member's own redo has."""
    listed = out(bench, member, "sh", "-c", f"cat {RECORDS}/divergence/*/writes.json")
    return set(map(int, re.findall(r"INSERT INTO guarded VALUES \((\d+),", listed)))


def test_a_frozen_primary_stops_when_its_host_goes_on(bench: Bench) -> None:
    """The failover had no fence but a word, so what holds is what docs/architecture.md promises of such a host: it accepts writes until its watch has looked
    once and ABORT has ended it, and none from then on; those few are in no other member, and are listed before they are discarded."""
    (old,) = bench.primaries()
    client = next(name for name in bench.members if name != old)
    bench.sql(old, ["CREATE TABLE guarded (id NUMBER PRIMARY KEY, what VARCHAR(20));"])
    bench.lab.freeze(old)
    with Guard(bench, client, old, "guarded") as guard:
        try:
            new = fail_over(bench)
            assert guard.accepted == []
        finally:
            bench.lab.thaw(old)
        thawed = time.monotonic()
        # One look of the watch, the ABORT, and the time of a machine that does other things too.
        wait_for(
            "the server to be gone",
            lambda: out(bench, old, "pgrep", "-f", "tbsvr"),
            lambda left: not left,
            INTERVAL + 14.0,
        )
        gone = time.monotonic()
        wait_for("tries after it was gone", lambda: [one for one in guard.ended if one.asked > gone], seconds=20)
        assert bench.primaries() == [new]
    fence = json.loads(out(bench, old, "cat", f"{RECORDS}/fence.json"))
    assert "stopped by its own watch" in fence["reason"] and new in fence["reason"], fence
    accepted = {one.number for one in guard.accepted}
    assert [one for one in guard.ended if one.asked < thawed], "nobody waited at its port when its host went on"
    assert [one for one in guard.accepted if one.asked > gone] == []
    assert not accepted & numbers(bench, new)
    # Whether a real server lists the writes of a redo log is not known; the emulator does so when it is told to.
    bench.lab.run(old, ["su", "-", "tibero", "-c", f'echo \'{{"logminer": "on"}}\' > {HOME}/config/emulator.json'])
    reinstate(bench, old)
    # One whose answer came too late for its client may be listed too.
    assert accepted <= exported(bench, old) <= guard.tried, f"{len(accepted)} were accepted"
    assert not accepted & numbers(bench, new)


def test_a_dead_primary_does_not_come_back_as_one(bench: Bench) -> None:
    (old,) = bench.primaries()
    bench.lab.crash(old)
    new = fail_over(bench)
    bench.lab.start(old)
    wait_for(
        "its reason",
        lambda: out(bench, old, "cat", LOGS).rsplit("orders runs", 1)[-1],
        lambda log: "stay down" in log,
        60,
    )
    said = json.loads(out(bench, old, "cat", f"{RECORDS}/service.json"))
    assert f"to {new}" in said["why"] and f"reinstate.yml -e standby_member={old}" in said["remedy"]
    assert bench.primaries() == [new]


def test_the_new_primary_comes_back_beside_the_former_one(bench: Bench) -> None:
    """The former one is down and knows why, so it keeps nobody from coming back."""
    (new,) = bench.primaries()
    bench.lab.crash(new)
    bench.lab.start(new)
    wait_for("the new primary", bench.primaries, lambda seen: seen == [new], 60)
    (old,) = [name for name in bench.members if name != new and not follows(bench, name)]
    assert not out(bench, old, "pgrep", "-f", "tbsvr")


def test_a_former_primary_that_is_booted_by_hand_is_stopped(bench: Bench) -> None:
    (new,) = bench.primaries()
    (old,) = [name for name in bench.members if name != new and not follows(bench, name)]
    boot = "(yes y | tbdown clean; tbboot -t NORMAL) </dev/null >/tmp/said 2>&1"
    bench.lab.run(old, ["su", "-", "tibero", "-c", boot], check=False, timeout=60)
    fenced = f"{HOME}/config/orders.tip.fenced"
    wait_for("the fence", lambda: bench.lab.run(old, ["test", "-e", fenced], check=False).rc, lambda rc: rc == 0, 30)
    wait_for("one primary", bench.primaries, lambda seen: seen == [new], 30)
    reinstate(bench, old)
