# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make soak`: drills in a row on one lab, each a switchover and back under load, and the table of their figures.

One clean drill says little of the next. 59 in a row without a failure say, with 95 % confidence, that fewer than one in twenty fails on this lab: the
emulator, on this machine. They say nothing of a real server. The table is written to build/soak/figures.md as it grows, so that a run that is stopped leaves
what it measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lab import cluster, drills
from lab.hosts.api import Lab
from lab.hosts.errors import LabError

NAME = "soak"
PLACE = cluster.ROOT / "build" / "soak"
TARGET = "seoul2"
MEMBERS: dict[str, cluster.Vars] = {
    "seoul1": {"standby_bootstrap_primary": True},
    TARGET: {"tibero_transport": "LGWR SYNC"},
    "busan1": {"tibero_transport": "LGWR ASYNC"},
}
OBJECTIVES = {"rto_seconds": 60, "rpo_seconds": 0, "rtrr_seconds": 120, "steady_seconds": 2}
GOOD = ("met", "met with findings")


class SoakError(Exception):
    """A round did not end as it should."""


def build() -> tuple[Path, drills.Client]:
    """The cluster: its inventory, and a client of it."""
    backend = "namespaces" if os.geteuid() == 0 else "directories"
    lab, inventory = cluster.up(cluster.ClusterSpec(NAME, MEMBERS, backend=backend))
    for book in ("setup_primary.yml", "setup_standby.yml"):
        print(f"playbooks/{book}", flush=True)
        play(inventory, book, PLACE / f"{Path(book).stem}.log")
    return inventory, drills.unpack_client(inventory, lab.directory / "client")


def play(inventory: Path, book: str, log: Path, *arguments: str) -> None:
    """Run a playbook with its output in a file. :raises SoakError: naming the file."""
    with log.open("wb") as output:
        done = cluster.playbook(inventory, book, *arguments, stdout=output, stderr=subprocess.STDOUT)
    if done.returncode:
        raise SoakError(f"playbooks/{book} ended with {done.returncode}; what it said is in {log}")


def drill(inventory: Path, client: drills.Client, number: int) -> drills.Figures:
    """One drill, its folder verified by its own program. :raises SoakError: when it was not met."""
    given = drills.variables(client, PLACE, TARGET, drill_policy=drills.policy("A drill of the soak", OBJECTIVES))
    before = set(PLACE.glob("*/evidence.json"))
    play(inventory, "drill_switchover.yml", PLACE / f"round-{number}.log", "-e", json.dumps(given))
    (made,) = set(PLACE.glob("*/evidence.json")) - before
    checked = subprocess.run(
        [sys.executable, "-I", str(made.parent / "verify.py")], capture_output=True, text=True, check=False
    )
    if checked.returncode:
        raise SoakError(f"{made.parent}/verify.py ended with {checked.returncode}: {checked.stdout[-400:]}")
    return drills.figures(made.parent)


def seconds(nanoseconds: int | None) -> str:
    """Seconds, rounded up: no figure is shown better than it is."""
    return "unbounded" if nanoseconds is None else f"{-(-nanoseconds // 10**8) / 10:.1f}"


def table(found: Sequence[drills.Figures], wanted: int) -> str:
    """The figures as Markdown: the distribution, then each drill."""
    lines = [
        f"{len(found)} drills of {wanted}, on the emulator. Upper ends in seconds.",
        "",
        "| | n | min | median | max |",
        "|---|---|---|---|---|",
    ]
    for title, values in (("RTO", [one.rto_ns for one in found]), ("redundancy back", [one.rtrr_ns for one in found])):
        known = [value for value in values if value is not None]
        if known:
            middle = statistics.median_high(known)
            ends = f"{seconds(min(known))} | {seconds(middle)} | {seconds(max(known))}"
            lines.append(f"| {title} | {len(known)} of {len(values)} | {ends} |")
    lines += [
        "",
        "| drill | verdict | RTO | redundancy back | lost | acknowledged | differences |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in found:
        times = f"{seconds(one.rto_ns)} | {seconds(one.rtrr_ns)}"
        differences = "unknown" if one.differences is None else one.differences
        lines.append(f"| {one.drill} | {one.verdict} | {times} | {one.lost} | {one.acked} | {differences} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak; 0 if every drill was met and verified."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=59)
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("ROUNDS is a number from 1 on")
    PLACE.mkdir(parents=True, exist_ok=True)
    found: list[drills.Figures] = []
    Lab(name=NAME).down()
    try:
        inventory, client = build()
        for number in range(1, options.rounds + 1):
            start = time.monotonic()
            found.append(drill(inventory, client, number))
            (PLACE / "figures.md").write_text(table(found, options.rounds), encoding="utf-8")
            one = found[-1]
            said = f"{one.verdict}, RTO {seconds(one.rto_ns)} s, redundancy back {seconds(one.rtrr_ns)} s, {one.lost} lost of {one.acked}"
            print(f"{number:3} of {options.rounds}: {said}; {time.monotonic() - start:.0f} s", flush=True)
            if one.verdict not in GOOD:
                raise SoakError(f"{one.drill} is {one.verdict}; its report says why")
    except (SoakError, LabError, subprocess.CalledProcessError) as error:
        print(f"\nThe soak stopped after {len(found)} drills: {error}", file=sys.stderr)
        return 1
    finally:
        Lab(name=NAME).down()
    print(table(found, options.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
