# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break every operation at every moment in every way on a cluster of the lab, and print a table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lab.hosts.api import Lab
from lab.sweep.bench import MEMBERS, Bench, build
from lab.sweep.cases import cases, parse, together
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all cases, or those given; 0 if everything held."""
    parser = argparse.ArgumentParser(prog="make sweep", description=__doc__)
    parser.add_argument("case", nargs="*", type=parse, help="OPERATION:MOMENT:FAULT, default all")
    parser.add_argument("--keep", help="use the lab of this name, and leave it running")
    options = parser.parse_args(arguments)
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
            for some in together(options.case or cases()):
                print(f"{', '.join(map(str, some))} ...", flush=True)
                results.append(run_cases(bench, some))
                print(table(results[-1:]).splitlines()[-1], flush=True)
                if results[-1].broken:
                    break
    finally:
        if not options.keep:
            lab.down()
    print(table(results))
    return 1 if [each for each in results if each.broken] else 0


if __name__ == "__main__":
    sys.exit(main())
