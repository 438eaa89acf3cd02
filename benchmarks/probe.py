# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the probe itself can do: 2,000 acknowledged writes a second on one core, a look every 10 ms or less, in less than 150 MiB.

Run: ``python -m benchmarks.probe``; exit code 1 if it does not keep a figure. The sessions acknowledge at once, so what is measured is the
probe and its ledgers on a real disk, in a process bound to one core. With ``--emulator HOME SID`` the same is done with 16 sessions of
an emulator that runs there (the password of the labs); that figure is the emulator's, is only shown, and says nothing about a real Tibero.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RATE = 2_000
STEP_MS = 10.0
MEMORY_MIB = 150.0
SECONDS = 10.0
WRITERS = 16
#: Slots are planned a little closer than the rate asks for, so that single late ones do not decide.
MARGIN = 1.02
#: A busy machine takes the processor away; the best of so many runs counts.
RUNS = 3


def measure(place: str, make: Callable[[Any], Any], interval: int, seconds: float) -> dict[str, Any]:
    """Run writers for some seconds in this process; what came of it."""
    from ansible_collections.firedrill.standby.plugins.module_utils._core import ledger, probe

    specs = probe.spread([f"w{number:02d}" for number in range(WRITERS)], "write", "application", interval)
    headers = [{"client": "bench", "stream": each.name, "kind": each.kind, "path": each.path} for each in specs]
    writers = [
        ledger.Writer(probe.ledger_path(place, each.name), header) for each, header in zip(specs, headers, strict=True)
    ]
    payload = probe.payload_of("bench", 100)
    streams = [probe.Stream(each, make(each), writer, payload) for each, writer in zip(specs, writers, strict=True)]
    begun: list[float] = []

    def control() -> Any:
        over = bool(begun) and time.monotonic() - begun[0] > seconds
        return probe.Control(1, "the benchmark is over" if over else "")

    def report(_counts: dict[str, Any]) -> None:
        if not begun:
            begun.append(time.monotonic())

    syncer = probe.Syncer(writers)
    syncer.start()
    used = time.process_time()
    summary = probe.Probe(streams, control, report).run(before_end=syncer.stop)
    used = time.process_time() - used
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ledgers = [ledger.read(probe.ledger_path(place, each.name)) for each in specs]
    sent = sorted(operation.sent for each in ledgers for operation in each.operations)
    steps = sorted(after - before for before, after in itertools.pairwise(sent)) or [0]
    return {
        **summary.as_dict(),
        "rate": summary.counts.acked / summary.seconds,
        "core": used / summary.seconds,
        "memory": memory,
        "step": steps[len(steps) * 99 // 100] / 1e6,
        "longest": steps[-1] / 1e6,
        "damage": [text for each in ledgers for text in each.damage],
    }


def session_maker(options: argparse.Namespace) -> Callable[[Any], Any]:
    """Sessions that acknowledge at once, or those of an emulator."""
    from ansible_collections.firedrill.standby.plugins.module_utils._core.probe_session import NullSession

    if not options.emulator:
        return lambda _spec: NullSession()
    from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import run, spawn
    from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Login, Tibero
    from ansible_collections.firedrill.standby.plugins.module_utils._tibero.probe_session import TiberoSession
    from lab.cluster import LAB_PASSWORD

    home, sid = options.emulator
    client = Tibero(home, sid, run, Login("sys", LAB_PASSWORD, sid))
    return lambda _spec: TiberoSession(client, spawn)


def child(options: argparse.Namespace) -> int:
    """One run in a process of its own, on one core; prints its figures as JSON."""
    runpy.run_path(str(ROOT / "tests" / "conftest.py"))
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    interval = 100 * 10**6 if options.emulator else int(WRITERS * 10**9 / (RATE * MARGIN))
    with tempfile.TemporaryDirectory(dir=options.place) as place:
        print(json.dumps(measure(place, session_maker(options), interval, SECONDS)))
    return 0


def one_run(*arguments: str) -> dict[str, Any]:
    """The figures of one run in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.probe", "--child", *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def kept(figures: dict[str, Any]) -> bool:
    """Whether a run of the probe alone kept everything that it must.

    On a machine with other work the processor is taken away for longer than a step; the best of some runs counts.
    """
    return bool(
        figures["rate"] >= RATE
        and figures["longest"] <= STEP_MS
        and figures["kept_schedule"]
        and figures["memory"] < MEMORY_MIB
        and figures["core"] <= 1.0
        and not figures["damage"]
    )


def line(name: str, figures: dict[str, Any]) -> str:
    """The figures of a run in a line."""
    return (
        "%-9s %7.0f acknowledged/s (at least %d)  longest step %.1f ms (at most %.0f), p99 %.2f ms  %.0f %% of a core  %.0f MiB (below %.0f)  "
        "kept its schedule: %s"
    ) % (
        name,
        figures["rate"],
        RATE,
        figures["longest"],
        STEP_MS,
        figures["step"],
        100 * figures["core"],
        figures["memory"],
        MEMORY_MIB,
        "yes" if figures["kept_schedule"] else f"NO ({figures['late']} late, {figures['behind']} behind)",
    )


def main() -> int:
    """Measure and print; 1 if the probe alone does not keep its figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.probe", description=__doc__)
    parser.add_argument("--emulator", nargs=2, metavar=("HOME", "SID"), help="show what sessions of this emulator give")
    parser.add_argument("--place", help="directory for the ledgers")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(options)
    good = False
    for _run in range(RUNS):
        figures = one_run(*(["--place", options.place] if options.place else []))
        good = kept(figures)
        print(line("null", figures), flush=True)
        if good:
            break
    if options.emulator:
        print(line("emulator", one_run("--emulator", *options.emulator)))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
