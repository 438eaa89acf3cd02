# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Waivers: a person answers, for a reason and until a day, for a check of readiness that would refuse a drill. Pure.

A waived check is judged and shown as ever; what it says only warns. Checks without which the drill itself could do harm cannot be waived.

Public: :class:`Waiver`, :data:`NEVER`, :data:`SPEC`, :func:`read`, :func:`unknown`.
"""

import datetime
import re
from typing import Any, Collection, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal

#: Rows of the catalogue that nobody may waive (drills reference, 3, marked there).
NEVER: Tuple[str, ...] = tuple(
    "PC-" + each
    for each in (
        *(
            "A1",
            "A2",
            "A3",
            "A5",
            "A7",
            "B1",
            "B2",
            "B3",
            "B4",
            "B6",
            "C1",
            "C2",
            "C5",
            "C6",
            "C8",
            "C10",
            "C12",
            "C13",
        ),
        *("D1", "D3", "D4", "E1", "E2", "E3", "E10", "F1", "F3", "F4", "F5", "G1", "G2", "G3", "G4", "G5", "G6", "H1"),
        *("H3", "H4", "M1", "M3", "M4", "R1", "R2", "R3", "S1"),
    )
)
#: The options of one waiver.
SPEC: Dict[str, Any] = {name: {"type": "str", "required": True} for name in ("check", "person", "reason", "until")}
_NAME = re.compile(r"(PC-[A-Z]\d+)(\.[A-Za-z0-9_-]+)*\Z")


class Waiver(NamedTuple):
    """A waiver of one check, or of a group of them. ``until``: its last day, ``YYYY-MM-DD``."""

    check: str
    person: str
    reason: str
    until: str

    def covers(self, ident: str) -> bool:
        """Whether a check is meant: by its id, or by the group that it belongs to."""
        return ident == self.check or ident.startswith(self.check + ".")

    def as_dict(self) -> Dict[str, str]:
        """As the evidence has it, field ``H.checks``."""
        return {"who": self.person, "why": self.reason, "until": self.until}


def _refuse(seen: str, meaning: str, remedy: str) -> Refusal:
    return Refusal(seen, meaning, remedy, details={"policy": "waivers"})


def _until(check: str, text: str) -> datetime.date:
    try:
        return datetime.datetime.strptime(text + " +0000", "%Y-%m-%d %z").date()
    except ValueError:
        raise _refuse(
            "The waiver of {0} is good until {1!r}".format(check, text),
            "Its last day is written YYYY-MM-DD; a waiver without an end is none",
            "correct until",
        ) from None


def _read(raw: Mapping[str, Any], on: datetime.date) -> Waiver:
    check, person, reason, until = (str(raw.get(name) or "").strip() for name in ("check", "person", "reason", "until"))
    found = _NAME.match(check)
    if not found:
        raise _refuse(
            "A waiver is for {0!r}".format(check),
            "That is no name of a check, such as PC-B8.licence.busan1, or of a group of them, such as PC-B8.licence",
            "name the check as playbooks/readiness.yml shows it",
        )
    if found.group(1) in NEVER:
        raise _refuse(
            "A waiver is for {0}".format(check),
            "What {0} asks cannot be waived: a drill that ignores it could do harm by itself".format(found.group(1)),
            "mend what the check shows, and take the waiver out",
        )
    if not person or not reason:
        raise _refuse(
            "The waiver of {0} is by {1!r}, with the reason {2!r}".format(check, person, reason),
            "Somebody answers for what is waived, and says why",
            "set person and reason",
        )
    if _until(check, until) < on:
        raise _refuse(
            "The waiver of {0} by {1} was good until {2}, and today is {3}".format(
                check, person, until, on.isoformat()
            ),
            "What it excused should have been mended by then",
            "mend what the check shows, or have {0} waive it anew".format(person),
        )
    return Waiver(check, person, reason, until)


def read(raw: Sequence[Mapping[str, Any]], on: datetime.date) -> Tuple[Waiver, ...]:
    """The waivers of a policy.

    :arg on: the day of the drill. :raises Refusal: for a name that is none, a check that cannot be waived, no person, no reason, a day that is none or is
        over, a check that is waived twice.
    """
    found = tuple(_read(each, on) for each in raw)
    names = [each.check for each in found]
    for name in names:
        if names.count(name) > 1:
            raise _refuse(
                "{0} is waived {1} times".format(name, names.count(name)),
                "Who answers for it must be one",
                "keep one of them",
            )
    return found


def unknown(waivers: Sequence[Waiver], ids: Collection[str], members: Collection[str]) -> List[str]:
    """Names of waivers that mean no check.

    :arg ids: of all checks, those that were not asked included. :arg members: of the cluster: one of another candidate is known, although nobody asks
        about that one now.
    """
    kinds = {".".join(each.split(".")[:2]) for each in ids}
    found = []
    for each in waivers:
        parts = each.check.split(".")
        asked = any(each.covers(ident) for ident in ids)
        about_another = len(parts) > 2 and ".".join(parts[:2]) in kinds and set(parts[2:]) <= set(members)
        if not asked and not about_another:
            found.append(each.check)
    return found
