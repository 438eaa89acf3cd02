# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Logs that a standby still needs and that are nowhere any more. Pure.

Public: :func:`online_of`, :func:`missing`.
"""

from typing import Any, List, Mapping, Sequence


def online_of(redo: Sequence[Mapping[str, Any]]) -> List[int]:
    """The sequences of the online logs; a group that was never written has none."""
    return [int(each["sequence"]) for each in redo if each["sequence"]]


def missing(needed: int, online: Sequence[int], archived: Sequence[Sequence[int]]) -> List[int]:
    """The logs that are neither online nor archived, from the one that the standby needs next on.

    :arg online: not empty. :arg archived: first and last of each range.
    """
    return [
        number for number in range(needed, min(online)) if not any(first <= number <= last for first, last in archived)
    ]
