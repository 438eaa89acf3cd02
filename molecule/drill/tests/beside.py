# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs beside a drill in a thread of its own: an observer that knows nothing of its probes, and what waits for words of its output."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Self

from conftest import Drill

from lab.sweep.bench import Bench


class Beside:
    """Runs from the beginning of a drill to its end. :arg bench: what it may see and do."""

    #: Seconds that the end may take.
    LIMIT = 60.0

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.over = threading.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._guarded, daemon=True)
        self._before = set(bench.place.glob("*.txt"))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._thread.join(self.LIMIT)
        if error is None and self.error is not None:
            raise self.error
        assert error is not None or not self._thread.is_alive(), "what ran beside the drill has not ended"

    def _guarded(self) -> None:
        try:
            self.run()
        except Exception as error:  # noqa: BLE001 - raised again where the drill ends; in a thread nobody would hear of it
            self.error = error

    def run(self) -> None:
        """What it does; it ends soon after :attr:`over` is set."""
        raise NotImplementedError

    def said(self) -> str:
        """What the playbooks that began since have printed, on one line."""
        made = sorted(set(self.bench.place.glob("*.txt")) - self._before)
        return " ".join(" ".join(path.read_text(errors="replace") for path in made).split())

    def wait(self, words: str) -> None:
        """Until the output has the words, or the drill is over."""
        while words not in self.said() and not self.over.wait(0.1):
            pass


class Attempt(NamedTuple):
    """One row that was tried on a member: when, and whether it was committed."""

    name: str
    began: float
    ended: float
    well: bool


class Observer(Beside):
    """Writes one row after another wherever it is taken: when was the last success before the longest gap, and when the first after it?"""

    LIMIT = 120.0

    def __init__(self, bench: Bench, members: Sequence[str]) -> None:
        super().__init__(bench)
        self._members = tuple(members)
        self.attempts: list[Attempt] = []

    def __enter__(self) -> Self:
        self.bench.sql(self._members[0], ["CREATE TABLE observed (id NUMBER);"])
        return super().__enter__()

    def run(self) -> None:
        # Each attempt is a login of its own, on a machine that also runs what is measured.
        while not self.over.wait(0.4):
            for name in self._members:
                began = time.time()
                said = self.bench.sql(name, ["INSERT INTO observed VALUES (1);", "COMMIT;"], timeout=5)
                well = "1 row inserted" in said and "Commit completed" in said
                self.attempts.append(Attempt(name, began, time.time(), well))

    def gap(self, begin: float, end: float, old: str, new: str) -> tuple[float, float]:
        """The longest time without a success between two moments: at least, at most, in seconds.

        It was away at least from when the old primary had failed until it was tried for the last time in vain on the new one.
        """
        inside = [each for each in self.attempts if each.well and begin <= each.ended and each.began <= end]
        last, first = max(itertools.pairwise(inside), key=lambda pair: pair[1].began - pair[0].ended)
        vain = [each for each in self.attempts if not each.well and last.ended <= each.began < first.began]
        there, here = [each for each in vain if each.name == old], [each for each in vain if each.name == new]
        low = here[-1].began - there[0].ended if there and here else 0.0
        return max(low, 0.0), first.ended - last.began


def outages_beside(
    made: Drill, observer: Observer, leg: str, old: str, new: str
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The outage of writes straight to the members in a leg, by the evidence and by the observer: each at least, at most, in seconds."""
    known = [each for each in made.value("J.events") if each["leg"] == leg and each["wall_ns"] is not None]
    at = {each["mark"]: each["wall_ns"] / 1e9 for each in known}
    found = [
        (each["lo_ns"] / 1e9, math.inf if each["hi_ns"] is None else each["hi_ns"] / 1e9)
        for each in made.value("K.outages")
        if (each["leg"], each["path"], each["kind"]) == (leg, "database", "write")
    ]
    # Whoever comes and goes is away several times; the observer tells the longest.
    return max(found), observer.gap(at["t0"], at["t9"], old, new)
