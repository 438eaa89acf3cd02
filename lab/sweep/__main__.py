# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break every operation at every moment in every way on a cluster of the lab, and print a table."""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from lab.hosts.api import Lab
from lab.sweep.bench import MEMBERS, Bench, build
from lab.sweep.cases import Case, cases, parse, together
from lab.sweep.run import Result, run_cases


def table(results: Sequence[Result]) -> str:
    """The results as a table."""
    lines = [
        "BROKEN                                              ENDED    RUNS  SECONDS  HOLDS",
        "--------------------------------------------------  -------  ----  -------  -----",
    ]
    for each in results:
        what, holds = ", ".join(map(str, each.cases)), "; ".join(each.broken) or "yes"
        lines.append(f"{what:<50}  {each.ended:<7}  {each.runs:<4}  {each.seconds:7.0f}  {holds}")
    return "\n".join(lines)


@contextmanager
def lab_of(name: str, keep: bool) -> Iterator[Bench]:
    """A cluster to break: one that is there and is left running, or a new one that is taken down."""
    if keep:
        lab, inventory = Lab.open(name), Lab(name=name).directory / "inventory.yml"
    else:
        lab, inventory = build(name, lambda text: print(f"{name}: {text}", flush=True))
    try:
        with tempfile.TemporaryDirectory(prefix=f"{name}-") as place:
            yield Bench(lab, inventory, list(MEMBERS), Path(place))
    finally:
        if not keep:
            lab.down()


class Queue:
    """What is still to be broken, and what became of the rest; labs take from it until it is empty, or until something does not hold."""

    def __init__(self, groups: Sequence[tuple[Case, ...]]) -> None:
        self._open: SimpleQueue[tuple[Case, ...]] = SimpleQueue()
        for some in groups:
            self._open.put(some)
        self._all = len(groups)
        self._over = threading.Event()
        self.results: list[Result] = []

    def stop(self) -> None:
        """Let each lab come to the end of what it is at, and take nothing more."""
        self._over.set()

    def serve(self, name: str, keep: bool = False) -> None:
        """Break one after the other on a lab of this name."""
        with suppress(Empty), lab_of(name, keep) as bench:
            while not self._over.is_set():
                some = self._open.get_nowait()
                print(f"{name}: {', '.join(map(str, some))} ...", flush=True)
                result = run_cases(bench, some)
                self.results.append(result)
                print(table([result]).splitlines()[-1] + f"  ({self._all - len(self.results)} to go)", flush=True)
                if result.broken:
                    self.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all cases, or those given; 0 if everything held."""
    parser = argparse.ArgumentParser(prog="make sweep", description=__doc__)
    parser.add_argument("case", nargs="*", type=parse, help="OPERATION:MOMENT:FAULT, default all")
    parser.add_argument("--keep", help="use the lab of this name, and leave it running")
    parser.add_argument("--jobs", type=int, default=1, help="labs at a time (default 1)")
    options = parser.parse_args(arguments)
    if options.keep and options.jobs != 1:
        parser.error("--keep uses one lab that is there; --jobs builds its own")
    queue = Queue(together(options.case or cases()))
    names = [options.keep or "sweep", *(f"sweep{number}" for number in range(2, options.jobs + 1))]
    try:
        with ThreadPoolExecutor(max_workers=len(names)) as pool:
            labs = [pool.submit(queue.serve, name, bool(options.keep)) for name in names]
            try:
                for each in as_completed(labs):
                    each.result()
            except BaseException:
                queue.stop()
                raise
    finally:
        print(table(queue.results))
    return 1 if [each for each in queue.results if each.broken] else 0


if __name__ == "__main__":
    sys.exit(main())
