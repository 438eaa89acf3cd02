# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What a host has already that differs from what we would have made: reported, never changed without being asked. Pure."""

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

#: Places of gid and shell in an entry of passwd without its name, as getent gives it.
_GID, _SHELL = 2, 5


class Account(NamedTuple):
    """The OS user as it would be made. ``gid`` is None while the group does not exist."""

    user: str
    group: str
    gid: Optional[int]
    shell: str


def differences(
    account: Account, passwd: Optional[Sequence[Any]], directories: Sequence[Mapping[str, Any]], mode: str
) -> List[Dict[str, Any]]:
    """Compare what exists with what would be made.

    :arg passwd: the entry of the user, None without one. :arg directories: each with ``path`` (or ``item``, in the results of a loop)
        and ``stat``, as the module stat returns it; what does not exist differs in nothing.
    :returns: one record a difference: ``what``, ``seen``, ``wanted``, and ``unusable``: whether the user cannot write there.
    """
    found: List[Dict[str, Any]] = []
    if passwd and account.gid is not None and str(passwd[_GID]) != str(account.gid):
        wanted = "{0} ({1})".format(account.group, account.gid)
        found.append(_record("group of user {0}".format(account.user), "gid {0}".format(passwd[_GID]), wanted))
    if passwd and str(passwd[_SHELL]) != account.shell:
        found.append(_record("shell of user {0}".format(account.user), str(passwd[_SHELL]), account.shell))
    for each in directories:
        stat = each.get("stat") or {}
        if not stat.get("exists"):
            continue
        seen = (_owner(stat, "pw_name", "uid"), _owner(stat, "gr_name", "gid"), str(stat.get("mode") or ""))
        wanted_three = (account.user, account.group, mode)
        if seen[:2] != wanted_three[:2] or not _same_mode(seen[2], mode):
            unusable = not _writes(seen, account)
            found.append(
                _record(
                    str(each.get("path") or each.get("item")),
                    "{0}:{1} {2}".format(*seen),
                    "{0}:{1} {2}".format(*wanted_three),
                    unusable,
                )
            )
    return found


def _record(what: str, seen: str, wanted: str, unusable: bool = False) -> Dict[str, Any]:
    return {"what": what, "seen": seen, "wanted": wanted, "unusable": unusable}


def _owner(stat: Mapping[str, Any], name: str, number: str) -> str:
    return str(stat.get(name) or stat.get(number))


def _bits(mode: str) -> int:
    try:
        return int(mode, 8)
    except ValueError:
        return -1


def _same_mode(one: str, other: str) -> bool:
    """Modes as octal digits; a symbolic one (``u=rwx``) cannot be compared and differs in nothing."""
    return -1 in (_bits(one), _bits(other)) or _bits(one) == _bits(other)


def _writes(seen: Sequence[str], account: Account) -> bool:
    """Whether the user may make files there, by owner, group and mode; access control lists are not looked at."""
    owner, group, mode = seen
    bits = _bits(mode)
    if account.user == "root" or bits == -1:
        return True
    shift = 6 if owner == account.user else 3 if group == account.group else 0
    return bits >> shift & 3 == 3
