# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What must be there at the end of a drill, because the event log says so since the probes began; and what hosts showed that are no members. Pure.

A ledger that goes with all its rows leaves no trace in what is left. So the names of all ledgers are written into the hash chain of the event log as
soon as a probe runs, and with them the hosts that must be looked at for what the drill left.

Public: :data:`PROBING`, :class:`Promise`, :func:`promise_of`, :class:`Left`, :func:`left_of`.
"""

import json
from typing import Any, Iterable, List, Mapping, NamedTuple, Optional, Set, Tuple

#: The event that names the ledgers of a probe and the hosts to look at.
PROBING = "probing"
#: Kinds of things that may be older than the drill: the others are told by its id.
OLDER = ("key", "alias")
LEFT_SCHEMA = "firedrill.standby/left/1"


class Promise(NamedTuple):
    """``ledgers``: paths in the evidence. ``hosts``: each with the files of its first and its last look."""

    ledgers: Tuple[str, ...]
    hosts: Tuple[Tuple[str, str, str], ...]


class Left(NamedTuple):
    """What a drill left on a host that is no member: ``found`` in words; ``why``: what of it is not known, in words. ``source``: the last look."""

    host: str
    source: str
    found: Tuple[str, ...]
    why: Tuple[str, ...]


def promise_of(logged: Iterable[Tuple[str, Mapping[str, Any]]]) -> Promise:
    """What the event log promises. :arg logged: name and data of each event; what has another shape promises nothing."""
    ledgers: Set[str] = set()
    hosts: Set[Tuple[str, str, str]] = set()
    for name, data in logged:
        if name != PROBING:
            continue
        ledgers.update(str(path) for path in _list(data.get("ledgers")))
        for each in _list(data.get("hosts")):
            if isinstance(each, Mapping):
                hosts.add((str(each.get("host")), str(each.get("start")), str(each.get("end"))))
    return Promise(tuple(sorted(ledgers)), tuple(sorted(hosts)))


def _list(value: Any) -> List[Any]:
    return value if isinstance(value, list) else []


def _look(files: Mapping[str, bytes], path: str) -> Optional[Mapping[str, Any]]:
    """A look at a host; None for one that is not there or cannot be read."""
    try:
        seen = json.loads(files[path].decode("utf-8"))
    except (KeyError, ValueError):
        return None
    return seen if isinstance(seen, dict) and seen.get("schema") == LEFT_SCHEMA else None


def _words(seen: Mapping[str, Any], kinds: Optional[Tuple[str, ...]] = None) -> List[str]:
    found = [each for each in _list(seen.get("left")) if isinstance(each, Mapping)]
    return [str(each.get("what")) for each in found if kinds is None or each.get("kind") in kinds]


def left_of(promise: Promise, files: Mapping[str, bytes]) -> Tuple[Left, ...]:
    """What each host showed that had to be looked at. A key or an alias that was there before the drill is not the drill's; what has its id is.

    :arg files: of the folder, by path.
    """
    found = []
    for host, start, end in promise.hosts:
        before, after = _look(files, start), _look(files, end)
        if after is None:
            found.append(Left(host, end, (), ("{0} is not there or cannot be read".format(end),)))
            continue
        known = _words(before, OLDER) if before is not None else []
        words = tuple(each for each in _words(after) if each not in known)
        hidden = [each for each in _list(after.get("unseen")) if isinstance(each, Mapping)]
        why = tuple("{0}: {1}".format(each.get("what"), each.get("why")) for each in hidden)
        found.append(Left(host, end, words, why))
    return tuple(found)
