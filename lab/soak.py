# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make soak`: drills in a row on one lab under load, and the table of their figures.

One clean drill says little of the next. 59 in a row without a failure say, with 95 % confidence, that fewer than one in twenty fails on this lab: the
emulator, on this machine. They say nothing of a real server. The table is written to build/soak/figures-KINDS-TRANSPORT.md as it grows, so that a
run that is stopped leaves what it measured.

A drill by SYNC runs in PROTECTION, which promises that nothing acknowledged is lost; both standbys are SYNC, so that the mode still holds once one of them
is the primary. PROTECTION=availability has it in AVAILABILITY, which promises the same while a SYNC standby is connected.
One by ASYNC runs in PERFORMANCE, may lose the end of what each writer wrote, and then has to have said so before it promoted.
MIXED is ASYNC to the member that takes over and SYNC to the other one, which then holds more than the new primary and is built anew.
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
from lab.sweep.bench import HOME

PLACE = cluster.ROOT / "build" / "soak"
FORMER, TARGET = "seoul1", "seoul2"
SETTINGS = f"{HOME}/config/emulator.json"
#: The protection mode, and the seconds that a drill may lose, by how the standbys get their redo.
TRANSPORTS = {"SYNC": ("protection", 0), "ASYNC": ("performance", 10), "MIXED": ("performance", 10)}
#: A failover of two members on one machine rebuilds one of them, which takes its time.
OBJECTIVES = {"rto_seconds": 120, "rtrr_seconds": 400, "steady_seconds": 2}
GOOD = ("met", "met with findings")


class Write(NamedTuple):
    """A write that a member's redo tells of: its TSN and its statement."""

    tsn: int
    sql: str


class SoakError(Exception):
    """A round did not end as it should."""


class Ground(NamedTuple):
    """Where drills take place: the lab, its inventory, a client of it, how the standbys get their redo; the name of its files."""

    lab: Lab
    inventory: Path
    client: drills.Client
    transport: str
    label: str


def members(transport: str) -> dict[str, cluster.Vars]:
    """The members of a soak."""
    first, other = ("ASYNC", "SYNC") if transport == "MIXED" else (transport, transport)
    return {
        FORMER: {"standby_bootstrap_primary": True},
        TARGET: {"tibero_transport": f"LGWR {first}"},
        "busan1": {"tibero_transport": f"LGWR {other}"},
    }


def build(name: str, transport: str, protection: str, label: str) -> Ground:
    """The cluster, built by our playbooks."""
    backend = "namespaces" if os.geteuid() == 0 else "directories"
    spec = cluster.ClusterSpec(
        name, members(transport), backend=backend, variables={"tibero_protection_mode": protection}
    )
    lab, inventory = cluster.up(spec)
    for book in ("setup_primary.yml", "setup_standby.yml"):
        print(f"playbooks/{book}", flush=True)
        play(inventory, book, PLACE / f"{Path(book).stem}-{label}.log")
    return Ground(lab, inventory, drills.unpack_client(lab, inventory, lab.directory / "client"), transport, label)


def kept(name: str, transport: str, label: str) -> Ground:
    """A lab that runs already."""
    lab = Lab.open(name)
    inventory = lab.directory / "inventory.yml"
    return Ground(lab, inventory, drills.unpack_client(lab, inventory, lab.directory / "client"), transport, label)


def play(inventory: Path, book: str, log: Path, *arguments: str) -> None:
    """Run a playbook with its output in a file. :raises SoakError: naming the file."""
    with log.open("wb") as output:
        done = cluster.playbook(inventory, book, *arguments, stdout=output, stderr=subprocess.STDOUT)
    if done.returncode:
        raise SoakError(f"playbooks/{book} ended with {done.returncode}; what it said is in {log}")


def drill(ground: Ground, kind: str, number: int) -> drills.Figures:
    """One drill, its folder verified by its own program. :raises SoakError: when it was not met."""
    _, allowed = TRANSPORTS[ground.transport]
    policy = drills.policy("A drill of the soak", {**OBJECTIVES, "rpo_seconds": allowed}, faults=drills.faults(kind))
    more = drills.consents(kind, ground.lab)
    given = drills.variables(ground.client, PLACE, TARGET, drill_policy=policy, **more)
    before = set(PLACE.glob("*/evidence.json"))
    play(
        ground.inventory,
        drills.book(kind),
        PLACE / f"round-{ground.label}-{number}.log",
        "-e",
        json.dumps(given),
    )
    (made,) = set(PLACE.glob("*/evidence.json")) - before
    checked = subprocess.run(
        [sys.executable, "-I", str(made.parent / "verify.py")], capture_output=True, text=True, check=False
    )
    if checked.returncode:
        raise SoakError(f"{made.parent}/verify.py ended with {checked.returncode}: {checked.stdout[-400:]}")
    return drills.figures(made.parent)


def doubts(one: drills.Figures, writes: Sequence[Write] | None = None) -> list[str]:
    """What a drill may not show although its objectives were met: a hole, a loss that nobody had foreseen, or one that lies outside of what was foreseen.

    A failover whose target received ASYNC always foresees a loss, and names no end of it, because a lost primary cannot be asked. What can be wrong then is
    where it begins: it must not be later than where the new primary opened, and no lost write may lie before it. At which TSN a lost write lies only the
    former primary's own redo tells, so that is compared where its ``writes`` are listed. Seconds are compared where the failover names some, which it
    does not yet.
    """
    found = [f"{one.holes} acknowledged writes are lost from the middle"] if one.holes else []
    if one.lost and not one.foreseen:
        found.append(f"{one.lost} acknowledged writes are lost, and the failover had said that none can be")
    for said in [each for each in one.foretold if not each.none]:
        if said.first is None and said.lost:
            found.append("a loss was foreseen without saying from which TSN on")
        if said.first is not None and said.opened is not None and said.first > said.opened + 1:
            found.append(f"a loss was foreseen from TSN {said.first} on, and the new primary opened at {said.opened}")
        if said.seconds is not None and said.lost_seconds > said.seconds:
            found.append(f"{said.seconds} s of loss were foreseen, and {said.lost_seconds:.1f} s are lost")
    return found + (outside(one, writes) if writes is not None else [])


def outside(one: drills.Figures, writes: Sequence[Write]) -> list[str]:
    """Lost writes that the former primary's own redo does not list, or that lie at a TSN at which no loss was foreseen."""
    ranges = [(each.first, each.last) for each in one.foretold if each.first is not None]
    found = []
    for name in one.lost_ids:
        at = [write.tsn for write in writes if name in write.sql]
        if not at:
            found.append(f"the lost write {name} is not listed in what the former primary had alone")
        elif not any(first <= at[0] <= (at[0] if last is None else last) for first, last in ranges):
            found.append(f"the lost write {name} lies at TSN {at[0]}, and a loss was foreseen at {ranges}")
    return found


def compared(one: drills.Figures, writes: Sequence[Write] | None) -> str:
    """In words, with what the lost writes were compared."""
    if writes is None:
        return "their TSN is not known, so only where the foreseen loss begins was compared"
    at = sorted(write.tsn for write in writes if any(name in write.sql for name in one.lost_ids))
    return f"at TSN {at}, foreseen from {[each.first for each in one.foretold]} on"


def list_writes(lab: Lab) -> bool:
    """Have the members list the writes of redo, which the emulator does when it is told to; whether all do."""
    if lab.state().backend != "namespaces":
        return False
    told = f'test -e {SETTINGS} || echo \'{{"logminer": "on"}}\' > {SETTINGS}; grep -q \'"logminer": "on"\' {SETTINGS}'
    return all(lab.run(name, ["su", "-", "tibero", "-c", told], check=False).rc == 0 for name in members("SYNC"))


def listed(lab: Lab, one: drills.Figures) -> list[Write]:
    """What the former primary listed before its own redo was discarded."""
    opened = [each.opened for each in one.foretold if each.opened is not None]
    places = [f"{HOME}/instance/orders/firedrill/divergence/{each}" for each in opened]
    files = [f"{place}{end}/writes.json" for place in places for end in ("", "-*")]
    text = lab.run(FORMER, ["sh", "-c", f"cat {' '.join(files)} </dev/null"], check=False).stdout
    return [Write(int(each["tsn"]), each["sql"] or "") for each in map(json.loads, text.splitlines())]


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
    told = list_writes(ground.lab)
    figures = PLACE / f"figures-{'-'.join(dict.fromkeys(kinds))}-{ground.label}.md"
    for number in range(1, rounds + 1):
        start, kind = time.monotonic(), kinds[(number - 1) % len(kinds)]
        one = drill(ground, kind, number)
        found.append((kind, one))
        figures.write_text(table(found, rounds), encoding="utf-8")
        said = f"{one.verdict}, RTO {seconds(one.rto_ns)} s, redundancy back {seconds(one.rtrr_ns)} s, {one.lost} lost of {one.acked}"
        print(f"{number:3} of {rounds} {kind}: {said}; {time.monotonic() - start:.0f} s", flush=True)
        if one.verdict not in GOOD:
            raise SoakError(f"{one.drill} is {one.verdict}; its report says why")
        writes = listed(ground.lab, one) if told else None
        if one.lost:
            print(f"    of {len(one.lost_ids)} lost writes: {compared(one, writes)}", flush=True)
        doubted = doubts(one, writes)
        if doubted:
            raise SoakError(f"{one.drill}: {'; '.join(doubted)}")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak; 0 if every drill was met and verified."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=59)
    parser.add_argument("kind", nargs="*", help=f"of {', '.join(drills.KINDS)}, in turn; default switchover")
    parser.add_argument("--transport", choices=list(TRANSPORTS), default="SYNC", help="how the standbys get their redo")
    parser.add_argument("--protection", choices=["protection", "availability"], help="for SYNC; default protection")
    parser.add_argument("--keep", help="use the lab of this name, and leave it running")
    options = parser.parse_args(arguments)
    kinds = options.kind or ["switchover"]
    unknown = sorted(set(kinds) - set(drills.KINDS))
    if options.rounds < 1 or unknown:
        parser.error(f"unknown drills: {', '.join(unknown)}" if unknown else "ROUNDS is a number from 1 on")
    if options.protection and options.transport != "SYNC":
        parser.error(f"{options.protection} needs SYNC to every standby, and TRANSPORT is {options.transport}")
    PLACE.mkdir(parents=True, exist_ok=True)
    protection = options.protection or TRANSPORTS[options.transport][0]
    label = options.transport.lower() + (f"-{options.protection}" if options.protection else "")
    name = options.keep or f"soak-{label}"
    try:
        if not options.keep:
            Lab(name=name).down()
        ground = (
            kept(name, options.transport, label) if options.keep else build(name, options.transport, protection, label)
        )
        found = run(ground, kinds, options.rounds)
    except (SoakError, LabError, subprocess.CalledProcessError) as error:
        print(f"\nThe soak stopped: {error}", file=sys.stderr)
        return 1
    finally:
        if not options.keep:
            Lab(name=name).down()
    print(table(found, options.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
