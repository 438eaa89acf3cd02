# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This plugin utility is private to the collection firedrill.standby: other collections must not import it.
"""What tasks of other hosts have registered, for action plugins that decide over a whole cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.firedrill.standby.plugins.module_utils._core import journal
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import cluster


def result(variables: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """The result that a task of this host has registered, None when there is none or when it is a failure."""
    found = variables.get(name) or {}
    if not found or found.get("failed") or found.get("unreachable") or found.get("skipped"):
        return None
    return dict(found)


def members(hostvars: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> list[cluster.Member]:
    """The descriptions of all members. :raises Refusal: when one of them was refused."""
    refused = [name for name in names if result(hostvars[name], "standby_described") is None]
    if refused:
        raise Refusal(
            seen=f"The description of {', '.join(refused)} was refused (see above)",
            meaning="A cluster is planned as a whole, or not at all",
            remedy="correct that description",
            details={"members": refused},
        )
    return [cluster.Member(**hostvars[name]["standby_described"]["member"]) for name in names]


def journals(hostvars: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> dict[str, journal.Record | None]:
    """The journals of role changes that the members hold.

    :raises UnknownState: when one of them cannot be read.
    """
    found: dict[str, journal.Record | None] = {}
    for name in names:
        raw = (result(hostvars[name], "standby_observation") or {}).get("role_change") or {}
        if raw.get("unreadable"):
            raise UnknownState(
                seen=f"{name}: {raw['unreadable']}",
                meaning="Whether a role change is half done is not known",
                remedy="see the remedy above",
                details={"member": name},
            )
        found[name] = journal.record_from(raw) if raw else None
    return found


def refuse_half_done(hostvars: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> None:
    """Nothing else is done to a cluster in the middle of a role change.

    :raises Refusal: naming the change and the command that brings it to its end.
    """
    found = journal.merge(journals(hostvars, names))
    if found is None:
        return
    change = found.change
    book = "failover" if change.kind == "failover" else "switchover"
    raise Refusal(
        seen=f"The {change.kind} {change.id} from {change.old} to {change.new} is half done (begun by {change.holder} at {journal.since(change.started_at)})",
        meaning="Who shall be primary is not settled, so nothing is built or changed beside it",
        remedy=f"run playbooks/{book}.yml -e standby_target={change.new}, which goes on or takes it back, then run this again",
        details={"change": change.as_dict()},
    )


def refuse_fenced(hostvars: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> None:
    """A member that was fenced comes back by a reinstatement only.

    :raises Refusal: naming it, since when and why.
    """
    for name in names:
        fence = (result(hostvars[name], "standby_observation") or {}).get("fenced") or {}
        if fence:
            raise Refusal(
                seen=f"{name} is fenced since {fence['at'] or 'an unknown time'} ({fence['reason'] or 'no reason given'}): its tip is {fence['tip']}",
                meaning="It was the primary, and another member took its place; building over it could destroy redo that only it has",
                remedy=f"run playbooks/reinstate.yml -e standby_member={name}, or take it out of the group",
                details={"member": name, "fence": fence},
            )
