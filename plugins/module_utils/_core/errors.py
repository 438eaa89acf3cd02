# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What can go wrong, said so that a person woken at night can act on it.

Every error carries three sentences: what was *seen*, what it *means*, and the *remedy*. One place, :meth:`StandbyError.as_failure`,
turns them into the arguments of ``fail_json``.
"""

from typing import Any, Dict, Mapping, Optional


class StandbyError(Exception):
    """Base of all errors of the collection.

    :arg seen: what was observed, with the value itself; never a secret.
    :arg meaning: what follows from it, in one sentence.
    :arg remedy: what to do next, with the command or the variable to change.
    :arg details: further structured data for the result, such as the command that was run.
    """

    #: True when it is certain that nothing had been changed at the time of the error.
    nothing_changed = False

    def __init__(self, seen: str, meaning: str, remedy: str, details: Optional[Mapping[str, Any]] = None) -> None:
        super().__init__(seen)
        self.seen = seen.rstrip(".")
        self.meaning = meaning.rstrip(".")
        self.remedy = remedy.rstrip(".")
        self.details: Dict[str, Any] = dict(details or {})

    def __str__(self) -> str:
        return "{0}. {1}. To do: {2}.".format(self.seen, self.meaning, self.remedy)

    def as_failure(self) -> Dict[str, Any]:
        """The arguments of ``fail_json``: ``msg``, ``seen``, ``meaning``, ``remedy``, ``nothing_changed`` and ``details``."""
        return {
            "msg": str(self),
            "seen": self.seen,
            "meaning": self.meaning,
            "remedy": self.remedy,
            "nothing_changed": self.nothing_changed,
            "details": self.details,
        }


class Refusal(StandbyError):
    """The wish is understood and will not be done; nothing was changed."""

    nothing_changed = True


class UnknownState(Refusal):
    """What was seen is not recognised, so nothing is done. Unknown is a grade of its own, never "probably fine"."""


class CommandFailed(StandbyError):
    """A program ran and did not do what it was asked for."""


class DeadlineExceeded(StandbyError):
    """A wait ended without its condition; ``details['last_seen']`` holds the last state observed."""
