# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""All members of a cluster at one glance: who is what, how far, how far behind, and what is not known.

Public: :func:`overview`, :func:`table`, :class:`Row`.
"""

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.firedrill.standby.plugins.module_utils._core import checks, facts

#: What stands in place of a role where nobody could have looked for a database.
NO_SOFTWARE = "no software"


class Row(NamedTuple):
    """One member. All fields are texts for people except ``health``, a verdict of ``_core.checks``; ``why`` explains a health that is not OK."""

    member: str
    role: str
    open_mode: str
    position: str
    lag: str
    transport: str
    health: str
    why: str


def _value(state: Mapping[str, Any], field: str) -> Any:
    """The value of a fact in its plain form; UNKNOWN stays the word it is."""
    return state.get(field, {}).get("value", facts.UNKNOWN)


def _why(state: Mapping[str, Any], field: str) -> str:
    record = state.get(field, {})
    return "{0}: {1}".format(field.replace("_", " "), record.get("why", "not observed"))


def _number(text: Any) -> Optional[int]:
    try:
        return int(str(text))
    except ValueError:
        return None


def _health(role: str, mode: str, state: Mapping[str, Any], lag: str) -> Sequence[str]:
    if _value(state, "software") is False:
        return (checks.FAIL, str(state["software"]["source"]))
    if _value(state, "process") is False:
        return (checks.FAIL, "the instance is not running")
    for field, value in (("role", role), ("open_mode", mode)):
        if value == facts.UNKNOWN:
            return (checks.UNKNOWN, _why(state, field))
    if role == facts.PRIMARY:
        if mode != facts.READ_WRITE:
            return (checks.FAIL, "a primary must be open read write")
        if _value(state, "archive_mode") is False:
            return (checks.WARN, "logs are not archived: a gap could not be closed")
        if _value(state, "backup_open") is True:
            return (checks.WARN, "a hot backup is open")
        return (checks.OK, "")
    if role == facts.STANDBY:
        if mode not in (facts.RECOVERING, facts.READ_ONLY):
            return (checks.FAIL, "a standby must be in recovery or open read only")
        return (
            (checks.OK, "")
            if lag != facts.UNKNOWN
            else (checks.UNKNOWN, "lag: positions of primary and standby are not both known")
        )
    return (checks.FAIL if role == facts.NO_DATABASE else checks.WARN, "role is {0}".format(role))


def overview(observations: Mapping[str, Optional[Mapping[str, Any]]], transports: Mapping[str, str]) -> List[Row]:
    """Judge the members side by side.

    :arg observations: for each member the plain form of its :class:`facts.MemberState`, or None where the host did not answer.
    :arg transports: how each member receives redo, in the engine's words.
    :returns: one row a member, in the given order. ``lag`` is the difference of reported positions, in the engine's unit, and never a guess:
        it is UNKNOWN unless exactly one primary is seen and both positions are numbers.
    """
    primaries = [
        state
        for state in observations.values()
        if state and _value(state, "role") == facts.PRIMARY and _value(state, "process") is True
    ]
    head = _number(_value(primaries[0], "position")) if len(primaries) == 1 else None
    rows = []
    for member, state in observations.items():
        if state is None:
            rows.append(
                Row(
                    member,
                    facts.UNKNOWN,
                    facts.UNKNOWN,
                    facts.UNKNOWN,
                    facts.UNKNOWN,
                    transports.get(member, ""),
                    checks.UNKNOWN,
                    "the host did not answer",
                )
            )
            continue
        role, mode, position = (str(_value(state, field)) for field in ("role", "open_mode", "position"))
        if _value(state, "software") is False:
            role, mode = NO_SOFTWARE, "-"
        own = _number(position)
        lag = facts.UNKNOWN
        if role == facts.PRIMARY:
            lag = "-"
        elif head is not None and own is not None:
            # The primary was read at another instant, so a standby may seem ahead by what was committed in between.
            lag = str(max(head - own, 0))
        health, why = _health(role, mode, state, lag)
        if role == facts.PRIMARY and len(primaries) > 1:
            health, why = checks.FAIL, "{0} members are primary".format(len(primaries))
        rows.append(
            Row(
                member,
                role,
                mode,
                position,
                lag,
                "-" if role == facts.PRIMARY else transports.get(member, ""),
                health,
                why,
            )
        )
    return rows


def table(rows: Sequence[Row]) -> List[str]:
    """The rows as lines of text with a heading, each column as wide as it must be."""
    heads = Row("MEMBER", "ROLE", "OPEN MODE", "POSITION", "LAG", "RECEIVES BY", "HEALTH", "WHY")
    widths = [max(len(row[column]) for row in [heads] + list(rows)) for column in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [heads] + list(rows)]
    return [lines[0], "  ".join("-" * width for width in widths)] + lines[1:]


def as_dicts(rows: Sequence[Row]) -> List[Dict[str, str]]:
    """The rows as plain data for results."""
    return [dict(row._asdict()) for row in rows]
