# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make soak`: drills in a row on one lab under load, and the table of their figures.

One clean drill says little of the next. 59 in a row without a failure say, with 95 % confidence, that fewer than one in twenty fails on this lab: the
emulator, on this machine. They say nothing of a real server. The table is written to build/soak/figures-KINDS.md as it grows, so that a run that is stopped
leaves what it measured.
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
from typing import NamedTuple

from lab import cluster, drills
from lab.hosts.api import Lab
from lab.hosts.errors import LabError

NAME = "soak"
PLACE = cluster.ROOT / "build" / "soak"
MEMBERS: dict[str, cluster.Vars] = {
    "seoul1": {"standby_bootstrap_primary": True},
    "seoul2": {"tibero_transport": "LGWR SYNC"},
    "busan1": {"tibero_transport": "LGWR ASYNC"},
}
#: A failover of two members on one machine rebuilds one of them, which takes its time; without PROTECTION nothing promises that nothing is lost.
OBJECTIVES = {"rto_seconds": 120, "rpo_seconds": 0, "rtrr_seconds": 400, "steady_seconds": 2}
GOOD = ("met", "met with findings")


class SoakError(Exception):
    """A round did not end as it should."""


class Ground(NamedTuple):
    """Where drills take place: the lab, its inventory, a client of it, and which standby takes over."""

    lab: Lab
    inventory: Path
    client: drills.Client
    target: str


def build(target: str) -> Ground:
    """The cluster, built by our playbooks."""
    backend = "namespaces" if os.geteuid() == 0 else "directories"
    lab, inventory = cluster.up(cluster.ClusterSpec(NAME, MEMBERS, backend=backend))
    for book in ("setup_primary.yml", "setup_standby.yml"):
        print(f"playbooks/{book}", flush=True)
        play(inventory, book, PLACE / f"{Path(book).stem}.log")
    return Ground(lab, inventory, drills.unpack_client(lab, inventory, lab.directory / "client"), target)


def kept(name: str, target: str) -> Ground:
    """A lab that runs already."""
    lab = Lab.open(name)
    inventory = lab.directory / "inventory.yml"
    return Ground(lab, inventory, drills.unpack_client(lab, inventory, lab.directory / "client"), target)


def play(inventory: Path, book: str, log: Path, *arguments: str) -> None:
    """Run a playbook with its output in a file. :raises SoakError: naming the file."""
    with log.open("wb") as output:
        done = cluster.playbook(inventory, book, *arguments, stdout=output, stderr=subprocess.STDOUT)
    if done.returncode:
        raise SoakError(f"playbooks/{book} ended with {done.returncode}; what it said is in {log}")


def drill(ground: Ground, kind: str, number: int) -> drills.Figures:
    """One drill, its folder verified by its own program. :raises SoakError: when it was not met."""
    policy = drills.policy("A drill of the soak", OBJECTIVES, faults=drills.faults(kind))
    more = drills.consents(kind, ground.lab)
    given = drills.variables(ground.client, PLACE, ground.target, drill_policy=policy, **more)
    before = set(PLACE.glob("*/evidence.json"))
    play(ground.inventory, drills.book(kind), PLACE / f"round-{number}.log", "-e", json.dumps(given))
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


def table(found: Sequence[tuple[str, drills.Figures]], wanted: int) -> str:
    """The figures as Markdown: the distribution by kind, then each drill."""
    lines = [
        f"{len(found)} drills of {wanted}, on the emulator. Upper ends in seconds.",
        "",
        "| | n | min | median | max |",
        "|---|---|---|---|---|",
    ]
    for kind in dict.fromkeys(kind for kind, _ in found):
        own = [one for each, one in found if each == kind]
        for title, values in (("RTO", [one.rto_ns for one in own]), ("redundancy back", [one.rtrr_ns for one in own])):
            known = [value for value in values if value is not None]
            if known:
                middle = statistics.median_high(known)
                ends = f"{seconds(min(known))} | {seconds(middle)} | {seconds(max(known))}"
                lines.append(f"| {kind}, {title} | {len(known)} of {len(values)} | {ends} |")
    lines += [
        "",
        "| kind | drill | verdict | RTO | redundancy back | lost | acknowledged | differences |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind, one in found:
        times = f"{seconds(one.rto_ns)} | {seconds(one.rtrr_ns)}"
        differences = "unknown" if one.differences is None else one.differences
        lines.append(f"| {kind} | {one.drill} | {one.verdict} | {times} | {one.lost} | {one.acked} | {differences} |")
    return "\n".join(lines) + "\n"


def run(ground: Ground, kinds: Sequence[str], rounds: int) -> list[tuple[str, drills.Figures]]:
    """Drills in a row, their kinds in turn. :raises SoakError: at the first that is not met."""
    found: list[tuple[str, drills.Figures]] = []
    figures = PLACE / f"figures-{'-'.join(kinds)}.md"
    for number in range(1, rounds + 1):
        start, kind = time.monotonic(), kinds[(number - 1) % len(kinds)]
        one = drill(ground, kind, number)
        found.append((kind, one))
        figures.write_text(table(found, rounds), encoding="utf-8")
        said = f"{one.verdict}, RTO {seconds(one.rto_ns)} s, redundancy back {seconds(one.rtrr_ns)} s, {one.lost} lost of {one.acked}"
        print(f"{number:3} of {rounds} {kind}: {said}; {time.monotonic() - start:.0f} s", flush=True)
        if one.verdict not in GOOD:
            raise SoakError(f"{one.drill} is {one.verdict}; its report says why")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak; 0 if every drill was met and verified."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=59)
    parser.add_argument("kind", nargs="*", help=f"of {', '.join(drills.KINDS)}, in turn; default switchover")
    parser.add_argument("--target", choices=sorted(set(MEMBERS) - {"seoul1"}), default="seoul2")
    parser.add_argument("--keep", help="use the lab of this name, and leave it running")
    options = parser.parse_args(arguments)
    kinds = options.kind or ["switchover"]
    unknown = sorted(set(kinds) - set(drills.KINDS))
    if options.rounds < 1 or unknown:
        parser.error(f"unknown drills: {', '.join(unknown)}" if unknown else "ROUNDS is a number from 1 on")
    PLACE.mkdir(parents=True, exist_ok=True)
    if not options.keep:
        Lab(name=NAME).down()
    try:
        found = run(
            kept(options.keep, options.target) if options.keep else build(options.target), kinds, options.rounds
        )
    except (SoakError, LabError, subprocess.CalledProcessError) as error:
        print(f"\nThe soak stopped: {error}", file=sys.stderr)
        return 1
    finally:
        if not options.keep:
            Lab(name=NAME).down()
    print(table(found, options.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
