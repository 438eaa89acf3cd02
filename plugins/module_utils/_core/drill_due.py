# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""When a drill is due: one rule for the alarm beforehand and for the evidence afterwards. Pure, in whole nanoseconds since 1970.

Public: :class:`Held`, :class:`DueBy`, :func:`due_by`.
"""

from typing import List, NamedTuple, Optional, Sequence

DAY_NS = 86400 * 10**9


class Held(NamedTuple):
    """An earlier drill of the same type and environment that came to a verdict; of one that is inconclusive nothing is known, so it counts as none."""

    drill_id: str
    began: int
    due_date: str


class DueBy(NamedTuple):
    """When the next drill is due, and by what: ``days`` after the drill ``drill_id``, or by ``date`` of the policy."""

    at: int
    days: int = 0
    drill_id: str = ""
    date: str = ""

    @property
    def why(self) -> str:
        """In words."""
        if self.date:
            return "due_date {0} of the policy".format(self.date)
        return "{0} days after drill {1}".format(self.days, self.drill_id)


def due_by(cadence: Optional[int], date: str, date_end: Optional[int], held: Sequence[Held]) -> Optional[DueBy]:
    """The last drill and the cadence, or the date of the policy, whichever is earlier; None: not known.

    :arg cadence: longest time between two drills, in days. :arg date: of the policy, empty without one. :arg date_end: the end of its day, at which it is
        over. It is met by a drill that came to a verdict under that very date.
    """
    found: List[DueBy] = []
    if held and cadence is not None:
        last = max(held, key=lambda each: each.began)
        found.append(DueBy(last.began + cadence * DAY_NS, cadence, last.drill_id))
    if date and date_end is not None and not any(each.due_date == date for each in held):
        found.append(DueBy(date_end, date=date))
    return min(found, key=lambda each: each.at) if found else None
