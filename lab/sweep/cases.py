# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sweep breaks: three operations, their moments, four faults; and switchovers that a failover has to end."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import zip_longest
from typing import NamedTuple

#: Moments are steps of the journal, by number, or tasks of the playbook, by a word of ours.
MOMENTS = {
    "switchover": ("1", "2", "3", "4"),
    "failover": ("fence", "1", "2", "prove"),
    "reinstate": ("mount", "export", "record", "copy", "boot", "close"),
    # Whose host is lost for good in the middle of a switchover: the former primary's, the target's, or the former primary's while the target dies too.
    "takeover": ("old", "new", "promote"),
}
FAULTS = ("controller", "ssh", "crash", "freeze")
#: The line of the playbook's output that says that a moment has come.
TASKS = {
    ("failover", "fence"): "failover : Fence it by the command of the site]",
    ("failover", "prove"): "role_change : See that this member has its role]",
    ("reinstate", "mount"): "reinstate : Mount it, where its redo stands still]",
    ("reinstate", "export"): "reinstate : Copy its own redo to where nothing is overwritten]",
    ("reinstate", "record"): "reinstate : Record what may be overwritten from here on]",
    ("reinstate", "copy"): "standby : Copy the files (data)]",
    ("reinstate", "boot"): "standby : Run as a standby]",
    ("reinstate", "close"): "reinstate : Close the record of the reinstatement]",
}


class Case(NamedTuple):
    """One way to break an operation: at a moment, by a fault."""

    operation: str
    moment: str
    fault: str

    def __str__(self) -> str:
        return f"{self.operation}:{self.moment}:{self.fault}"


def parse(text: str) -> Case:
    """A case from OPERATION:MOMENT:FAULT.

    Raises:
        ValueError: there is no such case.
    """
    case = Case(*([*text.split(":"), "", "", ""][:3]))
    if case not in cases():
        raise ValueError(f"{text!r} is no case; write OPERATION:MOMENT:FAULT, for example {cases()[0]}")
    return case


def cases() -> list[Case]:
    """All of them."""
    return [
        Case(operation, moment, fault)
        for operation, moments in MOMENTS.items()
        for moment in moments
        for fault in (FAULTS if operation != "takeover" else ("crash",))
    ]


def together(chosen: Iterable[Case]) -> list[tuple[Case, ...]]:
    """Cases that one run of the cluster can serve: each reinstatement is the way back of a failover."""
    chosen = list(chosen)
    by = {operation: [case for case in chosen if case.operation == operation] for operation in MOMENTS}
    ways = zip_longest(by["failover"], by["reinstate"])
    return [(case,) for case in by["switchover"] + by["takeover"]] + [
        tuple(case for case in pair if case) for pair in ways
    ]


def tenth(day: int) -> list[tuple[Case, ...]]:
    """A rotating tenth of what runs together: in ten days each case had its turn at least once. The day is the seed."""
    order = together(cases())
    random.Random(20261127).shuffle(order)
    size = -(-len(order) // 10)
    return [order[(size * day + offset) % len(order)] for offset in range(size)]
