# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs gates and shows one line for each: what `make lint`, `make unit` and `make molecule` call.

    python -m tools.check lint              all lint gates, two at a time
    python -m tools.check lint ruff mypy    some of them
    python -m tools.check --list            every gate and what it proves

The full output of a gate is in .cache/logs/<gate>.log; of a gate that fails, the end is shown.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from pathlib import Path
from typing import IO, NamedTuple

from tools import gates, tree

LOGS = tree.CACHE / "logs"
#: Seconds after which a silent run says what is still under way: some CI services end a job that prints nothing.
HEARTBEAT = 60.0
#: Lines of the log of a failed gate that are shown.
SHOWN = 60
#: How lines begin that say what was found: ansible-test's, pytest's, Ansible's.
FINDINGS = ("ERROR:", "FAILED ", "E   ", "fatal:")


class Outcome(NamedTuple):
    """How a gate ended: ``trouble`` is empty when it is green, else one line of why."""

    gate: gates.Gate
    seconds: float
    trouble: str


class Running:
    """The processes under way, each in its own group, so that Ctrl-C or a limit ends them with their children, by
    id."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._children: set[subprocess.Popen[bytes]] = set()
        self._stopping = False

    def call(self, gate: gates.Gate, argv: Sequence[str], log: IO[bytes], deadline: float) -> str:
        """Run one command until the deadline (monotonic seconds); an empty string if it ended with 0, else why not."""
        with self._lock:
            if self._stopping:
                return "not run: the whole run was stopped"
            child = subprocess.Popen(
                argv,
                cwd=place_of(gate),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=gates.environment(isolated=not gate.in_checkout),
                start_new_session=True,
            )
            self._children.add(child)
        try:
            code = child.wait(timeout=max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            _end(child)
            return "did not end within its limit"
        finally:
            with self._lock:
                self._children.discard(child)
        return "" if code == 0 else f"exit code {code}"

    def stop(self) -> None:
        """End everything that is under way and start nothing more."""
        with self._lock:
            self._stopping = True
            children = list(self._children)
        for child in children:
            _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child's process group: politely at first, then for good; its own children may outlive the child itself."""
    for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(child.pid, number)
            child.wait(timeout=patience)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


#: What gates share, each with the lock of whoever has it.
SHARED: dict[str, threading.Lock] = defaultdict(threading.Lock)


def run_gate(gate: gates.Gate, running: Running) -> Outcome:
    """Run a gate, once it has what it shares with others."""
    with SHARED[gate.share] if gate.share else nullcontext():
        return _run_commands(gate, running)


def _run_commands(gate: gates.Gate, running: Running) -> Outcome:
    """Run the commands of one gate, all of them even if the first fails, so that one run shows all there is to mend."""
    start = time.monotonic()
    troubles = []
    with open(log_of(gate), "wb") as log:
        for argv in gate.commands(place_of(gate)):
            log.write(("$ " + " ".join(argv) + "\n").encode())
            log.flush()
            trouble = running.call(gate, argv, log, start + gate.limit)
            if trouble:
                troubles.append(trouble)
    if troubles and "limit" in troubles[-1]:
        troubles = [f"did not end within {gate.limit} s"]
    return Outcome(gate, time.monotonic() - start, ", ".join(dict.fromkeys(troubles)))


def place_of(gate: gates.Gate) -> Path:
    """Where a gate runs."""
    return tree.ROOT if gate.in_checkout else tree.COPY


def log_of(gate: gates.Gate) -> Path:
    """Where a gate's output goes."""
    return LOGS / f"{gate.name.replace(':', '-').replace('/', '-')}.log"


def report(outcome: Outcome) -> None:
    """One line for a gate; for a red one also the end of its log."""
    word = "FAILED" if outcome.trouble else "ok"
    print(
        f"  {outcome.gate.name:<22} {word:<7}{outcome.seconds:7.1f} s   {outcome.trouble or outcome.gate.proves}",
        flush=True,
    )
    if not outcome.trouble:
        return
    lines = log_of(outcome.gate).read_text(encoding="utf-8", errors="replace").splitlines()
    hidden = max(len(lines) - SHOWN, 0)
    # What a tool says was wrong may stand far above its end: the first of those lines are shown too.
    for line in [line for line in lines[:hidden] if line.startswith(FINDINGS)][:SHOWN]:
        print(f"      {line}")
    if hidden:
        print(f"      ... {hidden} lines before these are in {log_of(outcome.gate).relative_to(tree.ROOT)}")
    for line in lines[hidden:]:
        print(f"      {line}")
    sys.stdout.flush()


def run_gates(chosen: Iterable[gates.Gate], jobs: int) -> list[Outcome]:
    """Run gates, those that want to be alone one after the other, then the others, some at a time."""
    wanted = list(chosen)
    outcomes = _run_together([gate for gate in wanted if gate.alone], 1)
    return outcomes + _run_together([gate for gate in wanted if not gate.alone], jobs)


def _run_together(chosen: Sequence[gates.Gate], jobs: int) -> list[Outcome]:
    """Run gates, some at a time, report each as it ends, and say now and then what is still under way."""
    running = Running()
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        futures: dict[Future[Outcome], gates.Gate] = {pool.submit(run_gate, gate, running): gate for gate in chosen}
        try:
            while futures:
                done, _ = wait(futures, timeout=HEARTBEAT, return_when=FIRST_COMPLETED)
                if not done:
                    busy = [gate.name for future, gate in futures.items() if future.running()]
                    print(f"  ... still running: {', '.join(busy)}", flush=True)
                for future in done:
                    del futures[future]
                    outcomes.append(future.result())
                    report(outcomes[-1])
        except BaseException:
            for future in futures:
                future.cancel()
            running.stop()
            raise
    return outcomes


def choose(names: Sequence[str], stage: str) -> list[gates.Gate]:
    """The gates of a stage, or the named ones of them; an unknown name stops the run with the names there are."""
    offered = {gate.name: gate for gate in gates.stage(stage)}
    unknown = [name for name in names if name not in offered]
    if unknown:
        raise SystemExit(f"No gate {', '.join(unknown)} in the stage {stage}. There are: {', '.join(offered)}.")
    return [offered[name] for name in names] if names else list(offered.values())


def main() -> int:
    parser = argparse.ArgumentParser(description="Run gates of the project.")
    parser.add_argument("stage", nargs="?", choices=gates.STAGES, default="lint")
    parser.add_argument("gate", nargs="*")
    parser.add_argument("--list", action="store_true", help="list all gates and end")
    parser.add_argument("--jobs", type=int, default=0, help="gates at a time (default: what the stage bears)")
    options = parser.parse_args()
    if options.list:
        for name in gates.STAGES:
            for gate in gates.stage(name):
                print(f"{name:<9} {gate.name:<22} {gate.proves}")
        return 0
    return run_stage(options.stage, options.gate, options.jobs or gates.JOBS[options.stage])


def run_stage(stage: str, names: Sequence[str], jobs: int) -> int:
    """Run one stage and end with a line that says how it went."""
    LOGS.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    chosen = choose(names, stage)
    if not chosen:
        print(f"make {stage}: there is nothing to run: {gates.EMPTY.get(stage, 'no gate is known')}")
        return 1
    print(f"make {stage}", flush=True)
    with tree.alone(stage):
        with tree.alone("copy"):
            tree.copy_to(tree.COPY)
        outcomes = run_gates(chosen, jobs)
    red = [outcome.gate.name for outcome in outcomes if outcome.trouble]
    seconds = time.monotonic() - start
    print(
        f"make {stage}: {len(outcomes) - len(red)} of {len(outcomes)} passed in {seconds:.0f} s"
        + (f"; FAILED: {', '.join(red)}" if red else "")
    )
    return 1 if red else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nStopped by Ctrl-C; everything that this run had started was ended.", file=sys.stderr)
        sys.exit(130)
    except RuntimeError as error:
        print(f"Stopped: {error}", file=sys.stderr)
        sys.exit(1)
