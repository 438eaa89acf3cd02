# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Fields of the evidence that come from what a drill looked at besides its legs: readiness, observations, fingerprints. Pure.

Public: :func:`checks_of`, :func:`members_of`, :func:`fingerprints_of`, :func:`home_of`.
"""

from typing import Any, Dict, List, Mapping, Optional

from ansible_collections.firedrill.standby.plugins.module_utils._core import drill_baseline, fingerprint
from ansible_collections.firedrill.standby.plugins.module_utils._core.checks import SEVERITY

NOT_RUN = "not run"
#: The keys of a check in field H.checks that are those of readiness.
CHECK_KEYS = ("id", "question", "expected", "observed", "verdict", "source", "remedy")


def _check(seen: Mapping[str, Any], candidate: str = "") -> Dict[str, Any]:
    found: Dict[str, Any] = {key: str(seen.get(key) or "") for key in CHECK_KEYS}
    if candidate:
        found["question"] = "{0} ({1})".format(found["question"], candidate)
    return dict(found, waiver=seen.get("waiver"))


def checks_of(report: Mapping[str, Any], source: str) -> Dict[str, Dict[str, Any]]:
    """``H.checks`` and ``H.counts`` from a report of readiness, those that do not apply included.

    :arg report: ``readiness`` of cluster_readiness. :arg source: its path in the evidence.
    :returns: fields by path, with value and source. :raises KeyError: for a report of another shape.
    """
    found = [_check(each) for each in report["checks"]]
    for name in sorted(report["candidates"]):
        found += [_check(each, name) for each in report["candidates"][name]["checks"]]
    for each in report["not_run"]:
        found.append(_check({"id": each["id"], "question": each["why"], "verdict": NOT_RUN, "source": source}))
    counts = {word: len([each for each in found if each["verdict"] == word]) for word in SEVERITY + (NOT_RUN,)}
    return {"H.checks": {"value": found, "source": source}, "H.counts": {"value": counts, "source": source}}


def members_of(
    states: Mapping[str, drill_baseline.Facts],
    hosts: Mapping[str, str],
    source: str,
    looked: Optional[Mapping[str, drill_baseline.Facts]] = None,
) -> List[Dict[str, Any]]:
    """``G.members`` from observations; what is not known of a member is null.

    :arg states: member -> ``state`` of tibero_instance_info. :arg hosts: member -> its address. :arg source: a pattern with ``{0}`` for the member.
    :arg looked: member -> facts of readiness.
    """
    found = []
    for name in sorted(states):
        state = states[name]
        found.append(
            dict(
                drill_baseline.details((looked or {}).get(name) or {}),
                name=name,
                host=hosts.get(name, ""),
                role=drill_baseline.fact(state, "role"),
                version=drill_baseline.fact(state, "version"),
                source=source.format(name),
            )
        )
    return found


def fingerprints_of(taken: Mapping[str, str], source: str) -> List[Dict[str, Any]]:
    """``G.fingerprints``: the digest of each member's fingerprint at the start.

    :arg taken: member -> ``state`` of tibero_fingerprint_info. :arg source: a pattern with ``{0}`` for the member.
    :raises UnknownState: for a fingerprint that is none.
    """
    return [
        {"member": name, "sha256": fingerprint.read(taken[name])["sha256"], "source": source.format(name)}
        for name in sorted(taken)
    ]


def home_of(
    before: Mapping[str, str],
    after: Mapping[str, str],
    expected: Mapping[str, Any],
    layout: Optional[bool],
) -> Dict[str, Any]:
    """``way_back``: whether everything is as it was.

    :arg before: member -> fingerprint at the start. :arg after: at the end; both may be empty where a drill broke off before. :arg expected: as
        :func:`fingerprint.expected_from` takes it. :arg layout: whether the roles are those of the start, None when it is not known.
    :raises UnknownState: for a fingerprint that is none, or was changed.
    """
    if not before or not after:
        return {"original_layout": None, "why": "the members were not compared with the start"}
    hidden = [each for each in fingerprint.unseen(after) if each["residue"]]
    home: Dict[str, Any] = {
        "original_layout": layout,
        "differences": fingerprint.compare(before, after, fingerprint.expected_from(expected)),
        "residue": fingerprint.residue(after),
    }
    if hidden and layout:
        # Nothing was found, but something could not be looked at.
        words = "; ".join("{0}: {1}: {2}".format(each["member"], each["what"], each["why"]) for each in hidden)
        home.update(original_layout=None, why="residue could hide where nothing could be read: " + words)
    elif layout is None:
        home["why"] = "the roles at the end are not known"
    return home
