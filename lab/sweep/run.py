# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break an operation at its moment, run it again until it is at an end, and see what must always hold."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from lab.cluster import ROOT
from lab.hosts.api import Lab
from lab.hosts.system import wait_for
from lab.sweep.bench import LIMIT, Bench, journal_state, tsn
from lab.sweep.cases import TASKS, Case
from lab.sweep.fingerprint import REINSTATED, ROLE_CHANGE, RUNNING, Excuse, Fingerprint, fingerprint, unexplained
from lab.sweep.load import Load, Prober, lost, two_at_once
from lab.sweep.residue import residue

#: Seconds for which a cut link stays cut and a frozen host frozen: longer than the members wait for their controller.
FAULT_SECONDS = 30.0
#: Further runs within which an operation must be at its end.
RUNS = 3
STANDBYS = ("seoul1", "seoul2")
JOURNALS = {"switchover": "role_change_journal_dir", "failover": "failover_journal_dir", "reinstate": ""}


class Result(NamedTuple):
    """What became of cases that were run together: how they ended, in how many further runs, and what did not hold."""

    cases: tuple[Case, ...]
    ended: str
    runs: int
    seconds: float
    broken: tuple[str, ...]


class Operation(NamedTuple):
    """A playbook with its arguments, and which member is struck when it is broken."""

    name: str
    arguments: tuple[str, ...]
    struck: str

    def start(self, bench: Bench) -> tuple[subprocess.Popen[bytes], Path]:
        """Start it."""
        return bench.start(f"{self.name}.yml", *self.arguments, journals=JOURNALS[self.name])

    def play(self, bench: Bench) -> tuple[int, str]:
        """Run it to its end; its exit code and output."""
        return bench.play(f"{self.name}.yml", *self.arguments, journals=JOURNALS[self.name])


def run_cases(bench: Bench, cases: tuple[Case, ...]) -> Result:
    """Break what the cases name, run it again until it is at an end, and look. The cluster is whole before and after.

    :arg cases: a switchover, or a failover, or a reinstatement, or one of each of the latter: the way back of that failover.
    """
    started = time.monotonic()
    by = {case.operation: case for case in cases}
    before = fingerprint(bench.lab, bench.members)
    if "switchover" in by:
        runs, broken = broken_switchover(bench, by["switchover"])
    elif "takeover" in by:
        runs, broken = taken_over(bench, by["takeover"])
    else:
        runs, broken = there_and_back(bench, by.get("failover"), by.get("reinstate"))
    # After something that does not hold, these would only be its consequences.
    broken = broken or as_it_was(bench, before, ROLE_CHANGE if "switchover" in by else REINSTATED) or refuses(bench)
    ended = "done" if runs <= RUNS else "stopped"
    return Result(cases, ended, runs, time.monotonic() - started, tuple(broken))


def broken_switchover(bench: Bench, case: Case) -> tuple[int, list[str]]:
    """To the other SYNC member, with a prober on every member meanwhile."""
    old = only_primary(bench)
    new = other(old)
    struck = {"1": old, "2": new, "3": old, "4": new}[case.moment]
    operation = Operation("switchover", ("-e", f"standby_target={new}"), struck)
    table = make_table(bench, old)
    with Prober(bench, table) as prober:
        break_it(bench, case, operation)
        runs, broken = until_done(bench, operation)
    return runs, broken + at_the_end(bench, new, table, prober, old)


def taken_over(bench: Bench, case: Case) -> tuple[int, list[str]]:
    """A switchover whose controller and one host are lost, the failover that ends it, and the way back of that host: as it is, with nothing copied, where
    its own SWITCHOVER stop allows that. The prober goes on until it is back."""
    old = only_primary(bench)
    new = other(old)
    lost_host, goal = (new, old) if case.moment == "new" else (old, new)
    table = make_table(bench, old)
    with Prober(bench, table) as prober:
        lose(bench, old, new, "4" if case.moment == "promote" else "2", lost_host)
        if case.moment == "promote":
            bench.lab.crash(new)
            bench.lab.start(new)
        consent = json.dumps({"standby_allow_data_loss": True, "failover_fence_command": power_switch(bench.lab)})
        failover = Operation("failover", ("-e", f"standby_target={goal}", "-e", consent), goal)
        runs, broken = until_done(bench, failover)
        broken += whole(bench, goal, table, prober.acknowledged, without=lost_host)
        if broken:
            return RUNS + 1, broken
        bench.lab.start(lost_host)
        more, broken = until_done(bench, Operation("reinstate", way_back(lost_host, case.moment != "old"), lost_host))
    return max(runs, more), broken + at_the_end(bench, goal, table, prober, lost_host)


def way_back(member: str, overwrites: bool) -> tuple[str, ...]:
    """Arguments of the reinstatement. Without consent to overwrite only a rejoin is possible."""
    return ("-e", f"standby_member={member}", "-e", json.dumps({"reinstate_overwrite": overwrites}))


def lose(bench: Bench, old: str, new: str, step: str, host: str) -> None:
    """Begin a switchover, and take the power of a host and the controller away as soon as a step has begun."""
    before = set(bench.journals.glob("*/*.jsonl"))
    running, output = Operation("switchover", ("-e", f"standby_target={new}"), old).start(bench)
    wait_for(
        f"step {step} of the switchover to begin",
        lambda: begun(set(bench.journals.glob("*/*.jsonl")) - before, int(step)) or running.poll() is not None,
        seconds=LIMIT,
    )
    if running.poll() is not None:
        raise AssertionError(f"the switchover ended before step {step}: {output.read_text()[-2000:]}")
    bench.lab.crash(host)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def failed_over(bench: Bench, new: str, case: Case | None) -> tuple[int, list[str]]:
    """The failover to a SYNC member of a primary whose host has no power, broken if there is a case."""
    consent = json.dumps({"standby_allow_data_loss": True, "failover_fence_command": power_switch(bench.lab)})
    operation = Operation("failover", ("-e", f"standby_target={new}", "-e", consent), new)
    if case is not None:
        break_it(bench, case, operation)
    return until_done(bench, operation)


def reinstated(bench: Bench, member: str, case: Case | None) -> tuple[int, list[str]]:
    """The host of a former primary comes back, and is reinstated, broken if there is a case."""
    bench.lab.start(member)
    operation = Operation("reinstate", way_back(member, True), member)
    if case is not None:
        break_it(bench, case, operation)
    return until_done(bench, operation)


def there_and_back(bench: Bench, failover: Case | None, reinstate: Case | None) -> tuple[int, list[str]]:
    """A primary's host that loses its power under load, the failover and the way back, each broken if there is a case, with a prober from before the loss
    to the end; the larger number of further runs."""
    old = only_primary(bench)
    new = other(old)
    table = make_table(bench, old)
    load = Load(bench, old, table)
    with Prober(bench, table) as prober:
        bench.lab.crash(old)
        load.stop()
        runs, broken = failed_over(bench, new, failover)
        broken += whole(bench, new, table, load.acknowledged + prober.acknowledged, without=old)
        if broken:
            return RUNS + 1, broken
        more, broken = reinstated(bench, old, reinstate)
    return max(runs, more), broken + at_the_end(bench, new, table, prober, old, load.acknowledged)


def break_it(bench: Bench, case: Case, operation: Operation) -> None:
    """Start an operation, wait until its moment has come, and strike."""
    before = set(bench.journals.glob("*/*.jsonl"))
    running, output = operation.start(bench)
    task = TASKS.get((case.operation, case.moment))

    def come() -> bool:
        if task is not None:
            return task in output.read_text(errors="replace")
        return begun(set(bench.journals.glob("*/*.jsonl")) - before, int(case.moment))

    wait_for(f"{case} to come", lambda: come() or running.poll() is not None, seconds=LIMIT)
    if running.poll() is not None:
        raise AssertionError(f"the {case.operation} ended before {case.moment}: {output.read_text()[-2000:]}")
    strike(bench.lab, case.fault, operation.struck, running)
    try:
        running.wait(LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    wait_for("faults to heal", lambda: only_crashes(bench.lab), seconds=2 * FAULT_SECONDS)


def begun(journals: set[Path], step: int) -> bool:
    """Whether a journal of the controller says that a step has begun."""
    lines = [line for path in journals for line in path.read_text().splitlines()]
    return any((event["event"], event["step"]) == ("begin", step) for event in map(json.loads, lines))


def strike(lab: Lab, fault: str, member: str, running: subprocess.Popen[bytes]) -> None:
    """One fault; those of hosts heal by themselves, a crashed host is started again."""
    if fault == "controller":
        os.killpg(running.pid, signal.SIGKILL)
    elif fault == "ssh":
        lab.cut(member, "controller", seconds=FAULT_SECONDS)
    elif fault == "freeze":
        lab.freeze(member, seconds=FAULT_SECONDS)
    else:
        lab.crash(member)
        lab.start(member)


def only_crashes(lab: Lab) -> bool:
    """Whether nothing is broken but hosts that have no power, which stay so until they are started."""
    return all(fault["kind"] == "crash" for fault in lab.status()["faults"])


def power_switch(lab: Lab) -> list[str]:
    """A command that takes a member's power away, also one that has none."""
    program = f"PYTHONPATH={ROOT} {sys.executable} -m lab"
    down = f"{program} status --name {lab.name} | grep -Eq '^ *{{member}} +(down|dead)'"
    return ["sh", "-c", f"{down} || {program} crash {{member}} --name {lab.name}"]


def until_done(bench: Bench, operation: Operation) -> tuple[int, list[str]]:
    """Run an operation until it is at its end; the number of runs, one too many if it did not come to it."""
    text = ""
    for runs in range(1, RUNS + 1):
        code, text = operation.play(bench)
        if code == 0:
            return runs, []
        do_as_told(bench, text)
    return RUNS + 1, [f"I10: {RUNS} further runs did not end it: {text[-2500:]}"]


def do_as_told(bench: Bench, said: str) -> None:
    """Do what a playbook asks a person for: start the member that is stopped, on its own host, in the role that it has."""
    found = re.search(r"standby_target is '+(\w+)'+: stopped, and our own record says that it is", said)
    asked = re.search(r"Start it on its host with `(tbboot(?: -t RECOVERY)?)`", said)
    if found and asked:
        boot = f"yes | tbdown clean; {asked[1]} </dev/null"
        bench.lab.run(found[1], ["su", "-", "tibero", "-c", f"({boot}) >/dev/null 2>&1"], check=False, timeout=120)


def only_primary(bench: Bench) -> str:
    """The primary; there must be one."""
    found = bench.primaries()
    assert len(found) == 1, f"I3: roles are {bench.roles()}"
    return found[0]


def other(member: str) -> str:
    """The other one of the two SYNC members."""
    return STANDBYS[1 - STANDBYS.index(member)]


def make_table(bench: Bench, primary: str) -> str:
    """A table of its own for each case."""
    table = f"sweep_{time.time_ns() // 1000000}"
    said = bench.sql(primary, [f"CREATE TABLE {table} (id NUMBER PRIMARY KEY, what VARCHAR(20));"])
    assert "created." in said, said
    return table


def whole(bench: Bench, primary: str, table: str, acknowledged: list[list[int]], without: str = "") -> list[str]:
    """What must hold when an operation is at its end, of all members but one that is without power; a sentence for each that does not."""
    members = [name for name in bench.members if name != without]
    roles = {name: words for name, words in bench.roles().items() if name != without}
    standbys = [name for name, words in roles.items() if words.startswith("RECOVERY/")]
    if roles[primary] != "NORMAL/READ WRITE" or len(standbys) != len(members) - 1:
        return [f"I3, I6, I8: {primary} should be the primary and the others follow it, and roles are {roles}"]
    missing, holes = lost(acknowledged, rows_of(bench, primary, table))
    broken = [f"I2: {hole}" for hole in holes]
    if missing:
        broken.append(f"I1, I3: acknowledged and not in the database of {primary}: {missing[:20]}")
    end = tsn(bench, primary)
    for name in standbys:
        wait_for(f"I8: {name} to reach TSN {end}", partial(tsn, bench, name), lambda seen: seen >= end, 60)
    return broken + open_journals(bench, members)


def at_the_end(
    bench: Bench, primary: str, table: str, prober: Prober, former: str, more: Sequence[list[int]] = ()
) -> list[str]:
    """What must hold when a case is at its end and its prober was stopped. The table of the case goes.

    :arg former: the member that must not have accepted a row after the primary did. :arg more: acknowledged rows beside those of the prober.
    """
    broken = two_at_once(prober.answers) + prober.watched(former, primary)
    broken += whole(bench, primary, table, [*more, *prober.acknowledged])
    if not broken:
        bench.sql(primary, [f"DROP TABLE {table};"])
        broken = [f"I7: {each}" for each in residue(bench, bench.members, primary)]
    return broken


def as_it_was(bench: Bench, before: Fingerprint, excuses: Sequence[Excuse]) -> list[str]:
    """Sentences for what a case left different and nothing excuses (I6); that roles are others is told by :func:`whole`."""
    found = unexplained(before, fingerprint(bench.lab, bench.members), excuses)
    return [f"I6: {each}" for each in found[:20]]


def refuses(bench: Bench) -> list[str]:
    """A failover of a primary that is well has to be refused with a reason and a remedy, and to change nothing (I5), however much consent it is given."""
    primary = only_primary(bench)
    before, journals = fingerprint(bench.lab, bench.members), set(bench.journals.glob("*/*"))
    consent = json.dumps({"standby_allow_data_loss": True, "failover_fence_command": power_switch(bench.lab)})
    code, text = bench.play(
        "failover.yml", "-e", f"standby_target={other(primary)}", "-e", consent, journals=JOURNALS["failover"]
    )
    said = " ".join(text.split())
    if code == 0 or f"{primary} is an open primary and answers." not in said or "To do:" not in said:
        return [f"I5: a failover of a healthy primary ended with {code}: {text[-2500:]}"]
    changed = unexplained(before, fingerprint(bench.lab, bench.members), RUNNING)
    changed += [f"{path} was written" for path in sorted(set(bench.journals.glob("*/*")) - journals)]
    return [f"I5: a refused failover changed {each}" for each in changed]


def rows_of(bench: Bench, member: str, table: str) -> set[int]:
    """The numbers that a table has on a member."""
    text = bench.sql(member, [f"SELECT '<<'||id||'>>' FROM {table};"])
    return {int(part.split(">>")[0]) for part in text.split("<<")[1:] if part.split(">>")[0].isdigit()}


def open_journals(bench: Bench, members: list[str]) -> list[str]:
    """A sentence for journals that are not at an end."""
    found = [name for name in members if journal_state(bench, name) not in ("", "done", "undone")]
    return [f"I10: journals are open on {found}"] if found else []
