# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long 10,000 lines of tbsql output take to parse: the limit is 0.5 s.

Run: ``python benchmarks/parse_tbsql.py``; exit code 1 if a case takes longer than the limit, or more than linear time.
Cases: a mix of everything a session prints; one long table; folded rows; rows that lost their blanks (the slow path);
marked rows.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINES = 10_000
LIMIT_SECONDS = 0.5
# Twice the lines may take this many times as long before it counts as more than linear.
GROWTH = 3.0


def _grammar() -> tuple[Callable[[str], object], Callable[..., object]]:
    spec = importlib.util.spec_from_file_location("conftest_of_tests", ROOT / "tests" / "conftest.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import marks, tbsql

    return tbsql.parse, marks.read_marked


SESSION = """SQL> select GROUP#, member from v$logfile;

    GROUP# MEMBER
---------- -----------------------------------
         0 /tibero/tbdata/tibero/log01.log
         1 /tibero/tbdata/tibero/log11.log

2 rows selected.

SQL> alter system switch logfile;
System altered.

TBR-8004: Syntax error.
TBR-1072: Current online log file (thread 0 seq 7) is outdated.
Need a log with seq 8 to recover from TSN 38568
Recovery is incomplete and resetlogs is required.

10000 rows inserted.
"""
FOLDED_HEAD = """
INSTANCE_NUMBER INSTANCE_NAME
--------------- ----------------------------------------
DB_NAME
----------------------------------------
STATUS           SHUTDOWN_PENDING
---------------- ----------------
"""
FOLDED_ROW = "              0 tiberotestdb\ntiberotestdb\nNORMAL           NO\n\n"


def repeat(block: str, lines: int) -> str:
    """Return the block repeated up to a number of lines."""
    count = block.count("\n")
    return block * (lines // count)


def table(lines: int) -> str:
    """Return one table of that many rows."""
    rows = "".join("%10d /tibero/tbdata/tibero/arch/log-t0-r0-s%d.arc\n" % (n, n) for n in range(lines))
    return "\n SEQUENCE# NAME\n---------- %s\n%s\n%d rows selected.\n" % ("-" * 60, rows, lines)


def folded(lines: int) -> str:
    """Return one folded table of about that many lines."""
    rows = lines // 4
    return FOLDED_HEAD + FOLDED_ROW * rows + "\n%d rows selected.\n" % rows


def shifted(lines: int) -> str:
    """Return a table whose rows lost the blanks before their first number."""
    return table(lines).replace("\n ", "\n").replace("      ", "")


def marked(lines: int) -> str:
    """Return that many marked rows."""
    return "".join("<<log|=%d|=/tibero/arch/log-%d.arc|->>\n" % (n, n) for n in range(lines))


def seconds(run: Callable[[str], object], text: str) -> float:
    """Return the processor seconds of the best of five runs, so that other work on the machine does not decide."""
    best = float("inf")
    for _attempt in range(5):
        start = time.process_time()
        run(text)
        best = min(best, time.process_time() - start)
    return best


def main() -> int:
    """Measure every case and print a line for each."""
    parse, read_marked = _grammar()
    cases: list[tuple[str, Callable[[int], str], Callable[[str], object]]] = [
        ("session", lambda lines: repeat(SESSION, lines), parse),
        ("one table", table, parse),
        ("folded rows", folded, parse),
        ("lost blanks", shifted, parse),
        ("marked rows", marked, lambda text: read_marked(text, "log", ["N", "NAME", "X"])),
    ]
    failed = False
    for name, make, run in cases:
        text, double = make(LINES), make(2 * LINES)
        once = seconds(run, text)
        twice = seconds(run, double)
        growth = twice / once
        bad = once > LIMIT_SECONDS or growth > GROWTH
        failed = failed or bad
        print(
            "%-12s %6d lines  %.3f s (limit %.1f s)  x2 lines: x%.1f%s"
            % (name, text.count("\n"), once, LIMIT_SECONDS, growth, "  TOO SLOW" if bad else "")
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
