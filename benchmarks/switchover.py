# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long clients cannot write: our switchover against the same four commands fired by a hand-written ssh script, in turns.

Both on the same cluster of the lab, on the emulator with its realistic timing profile. What is measured is what a client sees: from the start
of the last write that was acknowledged to the end of the first one acknowledged afterwards. Neither an emulator's seconds nor their ratio to
another machine's say anything about a real Tibero; the ratio says what our tool adds to the commands.
"""

from __future__ import annotations

import argparse
import itertools
import operator
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from lab.cluster import LAB_PASSWORD, ROOT
from lab.hosts.api import Lab
from lab.hosts.system import wait_for
from lab.sweep import bench as sweep

sys.path.insert(0, str(ROOT / "lab" / "emulator"))
from tibero_emulator import wire

#: The most that our outage may be of the script's.
LIMIT = 1.15
ROUNDS = 10
NAME = "bench-switchover"
PORT = 8629
PAIR = ("seoul1", "seoul2")


class Probe:
    """Writes to both members, again and again, each time in a login of its own; remembers when a write was acknowledged."""

    def __init__(self, lab: Lab) -> None:
        self._addresses = [lab.state().host(name).address for name in PAIR]
        self._over = threading.Event()
        self.acknowledged: list[tuple[float, float]] = []
        self._threads = [
            threading.Thread(target=self._run, args=(address,), daemon=True) for address in self._addresses
        ]

    def __enter__(self) -> Probe:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self, address: str) -> None:
        while not self._over.wait(0.02):
            start = time.monotonic()
            try:
                client = wire.Client.connect(address, PORT, "sys", LAB_PASSWORD, "orders", 2.0)
            except (OSError, wire.WireError):
                continue
            try:
                client.execute("INSERT INTO bench_probe VALUES (1)")
                client.execute("COMMIT")
                self.acknowledged.append((start, time.monotonic()))
            except (OSError, wire.WireError):
                continue
            finally:
                client.close()

    def outage(self) -> float:
        """The longest time without an acknowledged write, in seconds."""
        seen = sorted(self.acknowledged, key=lambda each: each[1])
        return max((after[1] - before[0] for before, after in itertools.pairwise(seen)), default=0.0)


def by_hand(inventory: Path, old: str, new: str) -> None:
    """The vendor's four commands, one after the other, over connections that are open already."""
    lines = [
        (old, "tbdown -t SWITCHOVER"),
        (new, "tbdown -t IMMEDIATE"),
        (old, "tbboot -t RECOVERY"),
        (new, "tbboot -t FAILOVER"),
    ]
    ssh = ssh_of(inventory)
    for host, line in lines:
        remote = f"su - tibero -c '{line} </dev/null >/tmp/by_hand 2>&1'"
        subprocess.run([*ssh(host), remote], check=True, capture_output=True, timeout=120)


def ssh_of(inventory: Path) -> Callable[[str], list[str]]:
    """How the inventory's hosts are reached: as Ansible does, over a connection that is kept."""
    import yaml

    described = yaml.safe_load(inventory.read_text())["all"]["hosts"]

    def command(host: str) -> list[str]:
        own = described[host]
        options = shlex.split(own["ansible_ssh_common_args"])
        return [
            "ssh",
            "-i",
            own["ansible_ssh_private_key_file"],
            *options,
            f"{own['ansible_user']}@{own['ansible_host']}",
        ]

    return command


def by_us(bench: sweep.Bench, new: str) -> None:
    code, text = bench.play("switchover.yml", "-e", f"standby_target={new}")
    if code:
        raise SystemExit(f"the switchover failed:\n{text[-3000:]}")


def measure(bench: sweep.Bench, rounds: int) -> dict[str, list[float]]:
    """Outages in seconds, ours and the script's in turns."""
    found: dict[str, list[float]] = {"script": [], "ours": []}
    for number in range(rounds):
        for kind in ("script", "ours") if number % 2 else ("ours", "script"):
            (old,) = bench.primaries()
            new = next(name for name in PAIR if name != old)
            with Probe(bench.lab) as probe:
                count_of = partial(len, probe.acknowledged)
                wait_for("the probe to write", count_of, lambda seen: seen > 3, 60)
                by_us(bench, new) if kind == "ours" else by_hand(bench.inventory, old, new)
                enough = count_of() + 4
                wait_for("writes after the switchover", count_of, partial(operator.le, enough), 120)
            found[kind].append(probe.outage())
            print(f"   round {number + 1}: {kind:<6} {found[kind][-1]:7.2f} s", flush=True)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--keep", help="use the lab of this name, and leave it running")
    options = parser.parse_args(arguments)
    name = options.keep or NAME
    if options.keep:
        lab, inventory = Lab.open(name), Lab(name=name).directory / "inventory.yml"
    else:
        lab, inventory = sweep.build(name, lambda text: print(f"   {text}", flush=True))
    try:
        for host in sweep.MEMBERS:
            lab.run(host, ["sh", "-c", f'echo \'{{"timing": "realistic"}}\' > {sweep.HOME}/config/emulator.json'])
        with tempfile.TemporaryDirectory(prefix="bench-") as place:
            bench = sweep.Bench(lab, inventory, list(sweep.MEMBERS), Path(place))
            bench.sql(bench.primaries()[0], ["CREATE TABLE bench_probe (id NUMBER);"])
            found = measure(bench, options.rounds)
    finally:
        if not options.keep:
            lab.down()
    medians = {kind: statistics.median(figures) for kind, figures in found.items()}
    for kind, figures in found.items():
        print(
            f"   {kind:<6}  n {len(figures)}  median {medians[kind]:.2f} s  min {min(figures):.2f} s  max {max(figures):.2f} s"
        )
    ratio = medians["ours"] / medians["script"]
    print(f"   write outage, ours / script: {ratio:.3f} (at most {LIMIT})")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
