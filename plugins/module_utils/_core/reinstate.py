# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""How a former primary becomes a standby again: the cheapest method that is proven possible. Pure; knows no engine.

From cheap to dear: rejoin as it is, reverse synchronisation, resync of changed blocks, rebuild. A method needs every one
of its conditions to be *known* to hold; one that is unknown rules it out, as one that is known not to hold does. The
methods that overwrite files need the former primary's own redo to be exported first.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import Fact

REJOIN = "rejoin"
REVERSE_SYNC = "reverse_sync"
RESYNC = "resync"
REBUILD = "rebuild"
#: From cheap to dear.
METHODS = (REJOIN, REVERSE_SYNC, RESYNC, REBUILD)
AUTO = "auto"
#: Methods that overwrite the files of the member.
OVERWRITING = (RESYNC, REBUILD)
#: Methods after which the member's own redo is gone.
DISCARDING = (REVERSE_SYNC, RESYNC, REBUILD)
WORDS = {
    REJOIN: "rejoin as it is",
    REVERSE_SYNC: "reverse synchronisation",
    RESYNC: "resync of the blocks that differ",
    REBUILD: "rebuild from a whole copy",
}


class Condition(NamedTuple):
    """Something that has to hold for a method. ``text``: what it is, as a statement; ``fact``: whether it holds."""

    text: str
    fact: "Fact[bool]"

    @property
    def holds(self) -> bool:
        return self.fact.equals(True)

    @property
    def why_not(self) -> str:
        """Why it does not count, in words; "" when it holds."""
        if self.holds:
            return ""
        if self.fact.is_known:
            return "not so: {0} ({1})".format(self.text, self.fact.source)
        return "UNKNOWN whether {0} ({1}: {2})".format(self.text, self.fact.source, self.fact.why)


class Case(NamedTuple):
    """Everything that the choice is made from.

    ``common``: conditions of every method. ``conditions``: those of each method; a method that is not in it is not
    offered. ``reverse_asked``: reverse synchronisation was asked for by name. ``exported``: the member's own redo is
    safe, or proven to be none.
    """

    member: str
    common: Tuple[Condition, ...]
    conditions: Dict[str, Tuple[Condition, ...]]
    exported: Condition
    reverse_asked: bool = False


class Rejected(NamedTuple):
    """A cheaper method that was not taken, and why."""

    method: str
    reasons: Tuple[str, ...]


class Choice(NamedTuple):
    """The method, why it is possible, and why each cheaper one is not."""

    method: str
    reasons: Tuple[str, ...]
    rejected: Tuple[Rejected, ...]

    def as_dict(self) -> Dict[str, Any]:
        return {
            "method": self.method,
            "reasons": list(self.reasons),
            "rejected": [{"method": one.method, "reasons": list(one.reasons)} for one in self.rejected],
        }

    def lines(self, member: str) -> List[str]:
        """For a person: the method, its reasons, and the cheaper ones with theirs."""
        found = ["{0}: {1} ({2})".format(member, WORDS[self.method], self.method)]
        found += ["  because {0}".format(reason) for reason in self.reasons]
        for one in self.rejected:
            found.append("  not {0}:".format(WORDS[one.method]))
            found += ["    {0}".format(reason) for reason in one.reasons]
        return found


def _rule_out(case: Case, method: str) -> Tuple[str, ...]:
    """Why a method cannot be taken, empty when it can."""
    if method not in case.conditions:
        return ("it does not exist for this engine",)
    if method == REVERSE_SYNC and not case.reverse_asked:
        return ("it is taken only when it is asked for by name",)
    reasons = [one.why_not for one in case.conditions[method] if not one.holds]
    if method in DISCARDING and not case.exported.holds:
        reasons.append(case.exported.why_not)
    return tuple(reasons)


def choose(case: Case, wanted: str = AUTO) -> Choice:
    """The cheapest method that is proven possible, or the one that is wanted if it is.

    :raises UnknownState: when a condition of every method is not known. :raises Refusal: when such a condition is known
        not to hold, when no method is possible, or not the one that is wanted.
    """
    _check_common(case)
    offered = METHODS if wanted == AUTO else (wanted,)
    rejected: List[Rejected] = []
    for method in offered:
        reasons = _rule_out(case, method)
        if not reasons:
            found = tuple(one.text for one in case.conditions[method])
            if wanted != AUTO:
                found = ("it was asked for by name",) + found
            return Choice(method, found, tuple(rejected))
        rejected.append(Rejected(method, reasons))
    raise _nothing(case, rejected, wanted)


def _check_common(case: Case) -> None:
    for one in case.common:
        if one.holds:
            continue
        error = Refusal if one.fact.is_known else UnknownState
        raise error(
            seen="{0}: {1}".format(case.member, one.why_not),
            meaning="Without that nothing of this member may be overwritten or started as a standby",
            remedy="Find out by hand what this member is; nothing was changed",
            details={"condition": one.text, "fact": one.fact.as_dict()},
        )


def _nothing(case: Case, rejected: Sequence[Rejected], wanted: str) -> Refusal:
    told = "; ".join(
        "{0}: {1}".format(WORDS[one.method], ", ".join(reason for reason in one.reasons)) for one in rejected
    )
    by_name = wanted != AUTO
    return Refusal(
        seen="{0} cannot be made a standby again: {1}".format(case.member, told),
        meaning="The method that was asked for is not proven possible"
        if by_name
        else "No method is proven possible, and a guess could lose data",
        remedy="See the reasons above; {0}".format(
            "leave the choice to 'auto', or mend what rules it out" if by_name else "mend one of them, then run again"
        ),
        details={"rejected": [{"method": one.method, "reasons": list(one.reasons)} for one in rejected]},
    )


def find(choice: Choice, method: str) -> Optional[Rejected]:
    """Why a method was passed over; None when it was not."""
    return next((one for one in choice.rejected if one.method == method), None)
