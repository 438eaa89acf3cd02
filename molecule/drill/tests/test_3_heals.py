# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults whose controller is killed as soon as they are in force: the timer on the member heals each of them, and leaves nothing but its record.

A crash of the host has no timer: what heals it is the boot of the host (scenario boots).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from lab import drills
from lab.hosts.system import wait_for
from lab.sweep.bench import HOME, Bench

#: Seconds until the timer heals; longer than it takes to see the fault in force on a machine that has other work.
SECONDS = 15
#: Each fault on a member of its own, as far as there are members; only a primary is started by a plain tbboot.
ROUNDS = (
    {"seoul1": "kill_server", "seoul2": "freeze", "busan1": "cut_both"},
    {"seoul1": "cut_clients", "seoul2": "cut_standby"},
)
PROCESSES = "ps -eo stat=,args= | grep '[t]bsvr'; true"
RULES = "nft list tables; true"


def play(place: Path, faults: dict[str, str], bench: Bench, **more: Any) -> Path:
    """A playbook that has the faults done, and then waits for a controller that is killed."""
    addresses = {name: bench.lab.address(name) for name in bench.members}
    given = {
        name: {
            "fault": kind,
            "consent": drills.CONSENTS[kind],
            "client_addresses": [bench.lab.state().controller_address],
            "standby_addresses": [address for other, address in addresses.items() if other != name],
        }
        for name, kind in faults.items()
    }
    fault = {
        "tb_home": HOME,
        "tb_sid": "orders",
        "drill": "01HEALS",
        "member": "{{ inventory_hostname }}",
        "seconds": SECONDS,
        "boot_command": list(drills.BOOT),
        **{name: "{{ given[inventory_hostname]." + name + " }}" for name in next(iter(given.values()))},
        **more,
    }
    begin = {
        "name": "Have it",
        "firedrill.standby.drill_fault": fault,
        "become": True,
        "become_user": "root",
        "register": "told",
    }
    hold = {"name": "In force", "ansible.builtin.wait_for": {"timeout": 300}, "delegate_to": "localhost"}
    tell = {
        "name": "Tell",
        "ansible.builtin.debug": {"msg": "{{ told.executed.fault }} healed by {{ told.executed.healed_by }}"},
    }
    tasks = [begin, tell if fault.get("state") == "absent" else hold]
    book = [{"hosts": list(given), "gather_facts": False, "vars": {"given": given}, "tasks": tasks}]
    (place / "fault.yml").write_text(json.dumps(book))
    return place / "fault.yml"


def kill_the_controller_when_in_force(bench: Bench, book: Path) -> None:
    started, output = bench.start(str(book), journals="")
    try:
        said = wait_for(
            "the faults",
            lambda: output.read_text(errors="replace"),
            lambda text: "[In force]" in text or started.poll() is not None,
            90,
        )
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()
    assert "[In force]" in said, said[-3000:]


def look(bench: Bench, member: str, command: str) -> str:
    return str(bench.lab.run(member, ["sh", "-c", command], check=False).stdout)


def in_force(bench: Bench, member: str, kind: str) -> bool:
    """What a person on the host would see of it."""
    if kind.startswith("cut_"):
        return "firedrill_" in look(bench, member, RULES)
    seen = look(bench, member, PROCESSES).splitlines()
    return not seen if kind == "kill_server" else bool(seen) and all(line.startswith("T") for line in seen)


@pytest.mark.parametrize("faults", ROUNDS, ids=lambda faults: "-".join(faults.values()))
def test_timers_heal_them_although_the_controller_is_gone(bench: Bench, tmp_path: Path, faults: dict[str, str]) -> None:
    collect = play(tmp_path, faults, bench, state="absent").rename(tmp_path / "collect.yml")
    try:
        kill_the_controller_when_in_force(bench, play(tmp_path, faults, bench))
        assert [name for name, kind in faults.items() if not in_force(bench, name, kind)] == []
        for name, kind in faults.items():
            wait_for(
                f"{kind} to heal",
                lambda name=name, kind=kind: in_force(bench, name, kind),
                lambda seen: not seen,
                SECONDS + 30,
            )
        wait_for("the primary", bench.primaries, lambda seen: seen == ["seoul1"], 60)
    finally:
        # Whatever the test saw, the next fault begins with no record.
        code, text = bench.play(str(collect), journals="")
    assert code == 0, text[-3000:]
    assert set(re.findall(r"(\w+) healed by (\w+)", text)) == {(kind, "timer") for kind in faults.values()}, text[
        -3000:
    ]
    assert [look(bench, name, "ls -d /var/tmp/.firedrill-fault-*; true") for name in faults] == [""] * len(faults)
