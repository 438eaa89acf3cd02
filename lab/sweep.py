# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kill-point sweep: a switchover is broken at a step in a certain way, run again, and what must always hold is checked.

`make sweep` runs every step x fault on a cluster of the lab and prints a table; molecule/role_change runs a rotating tenth.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lab.cluster import LAB_PASSWORD, ROOT, ClusterSpec, playbook, up
from lab.hosts.api import Lab

STEPS = (1, 2, 3, 4)
FAULTS = ("controller", "ssh", "crash", "freeze")
#: Seconds for which a cut link stays cut and a frozen host frozen: longer than the members wait for their controller.
FAULT_SECONDS = 30.0
#: Seconds for one run of a playbook.
LIMIT = 300.0
HOME = "/home/tibero/tibero7"
MEMBERS: dict[str, dict[str, Any]] = {
    "seoul1": {"standby_bootstrap_primary": True, "tibero_transport": "LGWR SYNC"},
    "seoul2": {"tibero_transport": "LGWR SYNC"},
    "busan1": {"tibero_transport": "LGWR ASYNC"},
}


class Case(NamedTuple):
    """One way to break a switchover: at the beginning of a step, by a fault."""

    step: int
    fault: str


class Result(NamedTuple):
    """What became of a case: how it ended, in how many further runs, and what did not hold."""

    case: Case
    ended: str
    runs: int
    seconds: float
    broken: tuple[str, ...]


def cases() -> list[Case]:
    """All of them."""
    return [Case(step, fault) for step in STEPS for fault in FAULTS]


def tenth(day: int) -> list[Case]:
    """A rotating tenth, at least two: in ten days all of them had their turn. The day is the seed."""
    order = cases()
    random.Random(20261127).shuffle(order)
    return [order[(2 * day + offset) % len(order)] for offset in range(2)]


class Bench:
    """A cluster of the lab, its inventory, and a place for what runs print."""

    def __init__(self, lab: Lab, inventory: Path, members: Sequence[str], place: Path) -> None:
        self.lab = lab
        self.inventory = inventory
        self.members = tuple(members)
        self.place = place
        self.journals = place / "journals"
        self._runs = 0

    def start(
        self, book: str, *arguments: str, journals: str = "role_change_journal_dir"
    ) -> tuple[subprocess.Popen[bytes], Path]:
        """Start a playbook in a process group of its own; ``journals`` is the variable that says where it keeps its journal."""
        self._runs += 1
        output = self.place / f"run{self._runs}.txt"
        program = Path(sys.executable).parent / "ansible-playbook"
        command = [str(program), "-i", str(self.inventory), str(ROOT / "playbooks" / book), *arguments]
        command += ["-e", f"{journals}={self.journals}"]
        kept = {name: value for name, value in os.environ.items() if name != "FIREDRILL_RUNS"}
        with output.open("wb") as file:
            started = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**kept, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return started, output

    def play(self, book: str, *arguments: str, journals: str = "role_change_journal_dir") -> tuple[int, str]:
        """Run a playbook to its end; its exit code and output."""
        started, output = self.start(book, *arguments, journals=journals)
        try:
            code = started.wait(LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()
            code = -9
        text = output.read_text(errors="replace")
        assert LAB_PASSWORD not in text
        return code, text

    def sql(self, member: str, statements: Sequence[str], timeout: float = 60.0) -> str:
        """What tbsql on a member says to statements of SYS; empty when the host does not answer."""
        lines = [f"CONN sys/'{LAB_PASSWORD}'", *statements, "EXIT"]
        done = self.lab.run(
            member,
            ["su", "-", "tibero", "-c", "tbsql -s"],
            stdin="\n".join(lines) + "\n",
            check=False,
            timeout=timeout,
        )
        return str(done.stdout)

    def roles(self) -> dict[str, str]:
        """Each member's word for itself: STATUS and OPEN_MODE, or what it said instead."""
        found = {}
        for name in self.members:
            text = self.sql(
                name, ["SELECT '<<'||STATUS||'>>' FROM V$INSTANCE;", "SELECT '<<'||OPEN_MODE||'>>' FROM V$DATABASE;"]
            )
            words = [part.split(">>")[0] for part in text.split("<<")[1:] if ">>" in part]
            found[name] = "/".join(word for word in words if "|" not in word) or " ".join(text.split())[-60:]
        return found

    def primaries(self) -> list[str]:
        return [name for name, words in self.roles().items() if words == "NORMAL/READ WRITE"]


class Writer:
    """Writes one row after another on every member that takes it, each in a login of its own; knows which were acknowledged.

    A row that a member acknowledged must be in the database of the last primary. One that a former primary accepted beside a new one would be
    missing there.
    """

    def __init__(self, bench: Bench, table: str) -> None:
        self._bench = bench
        self._table = table
        self._over = threading.Event()
        self.acknowledged: dict[int, str] = {}
        self._count = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(120)

    def _run(self) -> None:
        while not self._over.wait(0.3):
            for name in self._bench.members:
                self._write(name)

    def _write(self, name: str) -> None:
        self._count += 1
        number = self._count
        try:
            said = self._bench.sql(
                name, [f"INSERT INTO {self._table} VALUES ({number}, '{name}');", "COMMIT;"], timeout=5
            )
        except Exception:  # noqa: BLE001 - a host that is down or frozen acknowledges nothing
            return
        if "1 row inserted." in said and "Commit completed." in said:
            self.acknowledged[number] = name


def break_it(bench: Bench, case: Case, old: str, new: str) -> None:
    """Start a switchover, wait until the controller has begun the step, and strike."""
    before = set(bench.journals.glob("*/*.jsonl"))
    running, _output = bench.start("switchover.yml", "-e", f"standby_target={new}")
    member = {1: old, 2: new, 3: old, 4: new}[case.step]

    def begun() -> bool:
        for path in set(bench.journals.glob("*/*.jsonl")) - before:
            for line in path.read_text().splitlines():
                event = json.loads(line)
                if (event["event"], event["step"]) == ("begin", case.step):
                    return True
        return running.poll() is not None

    wait(begun, LIMIT, f"step {case.step} to begin")
    if running.poll() is not None:
        raise AssertionError(f"the switchover ended before step {case.step}: {_output.read_text()[-2000:]}")
    strike(bench.lab, case.fault, member, running)
    try:
        running.wait(LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


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


def wait(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for a predicate."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)


def run_case(bench: Bench, case: Case) -> Result:
    """Break a switchover, run it again until it is at an end, and look."""
    started = time.monotonic()
    (old,) = bench.primaries()
    new = next(name for name in ("seoul1", "seoul2") if name != old)
    table = f"sweep_{case.step}_{case.fault}_{int(time.time())}"
    bench.sql(old, [f"CREATE TABLE {table} (id NUMBER PRIMARY KEY, what VARCHAR(20));"])
    writer = Writer(bench, table)
    writer.start()
    try:
        break_it(bench, case, old, new)
        wait(lambda: not bench.lab.status()["faults"], 2 * FAULT_SECONDS, "faults to heal")
        runs, code, text = 0, 1, ""
        while code != 0 and runs < 3:
            runs += 1
            code, text = bench.play("switchover.yml", "-e", f"standby_target={new}")
    finally:
        writer.stop()
    ended = "done" if code == 0 else "stopped"
    broken = [] if code == 0 else [f"{runs} further runs did not end it: {text[-1500:]}"]
    broken += check(bench, table, writer)
    return Result(case, ended, runs, time.monotonic() - started, tuple(broken))


def check(bench: Bench, table: str, writer: Writer) -> list[str]:
    """What must hold after every case; a sentence for each that does not."""
    broken = []
    roles = bench.roles()
    primaries = [name for name, words in roles.items() if words == "NORMAL/READ WRITE"]
    standbys = [name for name, words in roles.items() if words.startswith("RECOVERY/")]
    if len(primaries) != 1 or len(standbys) != len(bench.members) - 1:
        return [f"I3, I8: roles are {roles}"]
    text = bench.sql(primaries[0], [f"SELECT '<<'||id||'>>' FROM {table};"])
    rows = {part.split(">>")[0] for part in text.split("<<")[1:]}
    lost = {number: name for number, name in writer.acknowledged.items() if str(number) not in rows}
    if lost:
        broken.append(f"I1, I3: acknowledged and not in the database of {primaries[0]}: {lost}")
    if not writer.acknowledged:
        broken.append("no row was acknowledged, so nothing was proved about rows")
    bench.sql(primaries[0], [f"DROP TABLE {table};"])
    end = tsn(bench, primaries[0])
    for name in standbys:
        wait(lambda name=name: tsn(bench, name) >= end, 60, f"I8: {name} to reach TSN {end}")  # type: ignore[misc]
    open_journals = [name for name in bench.members if journal_state(bench, name) not in ("", "done", "undone")]
    if open_journals:
        broken.append(f"I10: journals are open on {open_journals}")
    left = [
        name
        for name in bench.members
        if bench.lab.run(name, ["pgrep", "-fc", "go-[0-9]"], check=False).stdout.strip() not in ("0", "")
    ]
    if left:
        broken.append(f"I7: shells of a role change are left on {left}")
    return broken


def tsn(bench: Bench, member: str) -> int:
    """CURRENT_TSN of a member, -1 when it does not say."""
    text = bench.sql(member, ["SELECT '<<'||CURRENT_TSN||'>>' FROM V$DATABASE;"])
    words = [part.split(">>")[0] for part in text.split("<<")[1:]]
    return int(words[-1]) if words and words[-1].isdigit() else -1


def journal_state(bench: Bench, member: str) -> str:
    """The state that a member's journal has, empty without one."""
    path = f"{HOME}/instance/orders/firedrill/role_change/change.json"
    text = bench.lab.run(member, ["cat", path], check=False).stdout
    return str(json.loads(text)["state"]) if text else ""


def build(name: str, say: Callable[[str], None]) -> tuple[Lab, Path]:
    """One primary and two standbys."""
    Lab(name=name).down()
    lab, inventory = up(ClusterSpec(name, MEMBERS, backend="namespaces"))
    for book in ("setup_primary.yml", "setup_standby.yml"):
        say(f"playbooks/{book}")
        done = playbook(inventory, book, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"playbooks/{book} failed:\n{done.stdout[-4000:]}")
    return lab, inventory


def table(results: Sequence[Result]) -> str:
    """The results as a table."""
    lines = ["STEP  FAULT       ENDED    RUNS  SECONDS  HOLDS", "----  ----------  -------  ----  -------  -----"]
    for each in results:
        holds = "; ".join(each.broken) or "yes"
        lines.append(
            f"{each.case.step:<4}  {each.case.fault:<10}  {each.ended:<7}  {each.runs:<4}  {each.seconds:7.0f}  {holds}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all cases, or those given as STEP:FAULT; 0 if everything held."""
    parser = argparse.ArgumentParser(prog="make sweep", description=__doc__)
    parser.add_argument("case", nargs="*", help="STEP:FAULT, default all")
    parser.add_argument("--keep", help="use the lab of this name, and leave it running")
    options = parser.parse_args(arguments)
    chosen = [Case(int(text.split(":")[0]), text.split(":")[1]) for text in options.case] or cases()
    name = options.keep or "sweep"
    lab, inventory = (
        (Lab.open(name), Lab(name=name).directory / "inventory.yml")
        if options.keep
        else build(name, lambda text: print(text, flush=True))
    )
    results = []
    try:
        with tempfile.TemporaryDirectory(prefix="sweep-") as place:
            bench = Bench(lab, inventory, list(MEMBERS), Path(place))
            for case in chosen:
                print(f"step {case.step}, {case.fault} ...", flush=True)
                results.append(run_case(bench, case))
                print(table(results[-1:]).splitlines()[-1], flush=True)
    finally:
        if not options.keep:
            lab.down()
    print(table(results))
    return 1 if [each for each in results if each.broken] else 0


if __name__ == "__main__":
    sys.exit(main())
