# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Which server a drill ran on, by what was seen of it: whether the table of outcomes holds for it, and whether it was a real one. Pure.

Public: :data:`TESTED`, :func:`engine_of`, :func:`classification`, :func:`emulated`.
"""

import re
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.probe_session import DRIVER

ENGINE = "tibero"
#: Driver and major version of the server -> what its table of certain failures (probe_session.CERTAIN) rests on. What is not here was never compared
#: with anything, so nothing can be concluded from its outcomes.
TESTED: Mapping[Tuple[str, str], str] = {
    (
        DRIVER,
        "6",
    ): "the vendor's message catalogue and recordings of version 6; played on the emulator of this collection",
    (
        DRIVER,
        "7",
    ): "the vendor's message catalogue and recordings of version 7; played on the emulator of this collection",
}
#: By this line every program of the emulator says what it is. It stands in no text of the vendor's.
_EMULATOR = re.compile(r"\bEmulator \S+ of Tibero\b|\bThis is not Tibero\b", re.IGNORECASE)


def _major(version: Any) -> str:
    found = re.match(r"[0-9]+", str(version or ""))
    return found.group() if found else ""


def classification(drivers: Sequence[Tuple[str, str]], versions: Mapping[str, Sequence[Any]]) -> Dict[str, Any]:
    """``classification`` of raw/drill.json.

    :arg drivers: engine and driver by the head of each ledger. :arg versions: member -> what it, and its programs, say of their version; what is not
        known is None.
    :returns: ``engine``, ``driver``, ``versions`` (each once), ``valid``, ``why`` (not valid), ``basis`` (what the table rests on).
    """
    seen = sorted(set(drivers))
    majors = sorted({_major(each) for said in versions.values() for each in said if each})
    silent = sorted(name for name, said in versions.items() if not [each for each in said if _major(each)])
    driver = seen[0][1] if len(seen) == 1 else DRIVER
    why: List[str] = []
    if not seen:
        why.append("no ledger tells which driver wrote it")
    for engine, name in seen:
        if engine != ENGINE or name not in {each for each, _major_of in TESTED}:
            why.append("driver {0} of {1} is not in the table".format(name or "UNKNOWN", engine or "UNKNOWN"))
    for major in majors:
        if (driver, major) not in TESTED:
            known = " and ".join(sorted({each for _driver, each in TESTED}))
            why.append(
                "version {0} of {1} is not in the table, which has {2}".format(major or "UNKNOWN", ENGINE, known)
            )
    for name in silent:
        why.append("the version of {0} is not known".format(name))
    if not versions:
        why.append("the version of no member is known")
    basis = "; ".join(TESTED[(driver, major)] for major in majors if (driver, major) in TESTED)
    return {
        "engine": ENGINE,
        "driver": driver,
        "versions": majors,
        "valid": not why,
        "why": "; ".join(why),
        "basis": "" if why else basis,
    }


def engine_of(
    drivers: Sequence[Tuple[str, str]], versions: Mapping[str, Sequence[Any]], said: Mapping[str, Any], declared: bool
) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """``classification``, and field ``A.engine``. Arguments as of :func:`classification` and :func:`emulated`; ``declared``: whether an emulator was."""
    judged = classification(drivers, versions)
    told = sorted({str(each) for words in versions.values() for each in words[:1] if each})
    engine = dict(emulated(said), declared=declared, name=ENGINE, driver=judged["driver"], version=" and ".join(told))
    return judged, engine


def emulated(said: Mapping[str, Any]) -> Dict[str, Any]:
    """Whether the servers were emulated, by what their programs say of themselves.

    :arg said: member -> the lines of ``tbboot -version`` that tell product and build, None where they are not known.
    :returns: ``emulator``: True, False, or None where it cannot be told, then ``why``.
    """
    silent = sorted(name for name in said if not said[name])
    found = {name: bool(_EMULATOR.search(str(said[name]))) for name in said if said[name]}
    if silent or not found:
        return {
            "emulator": None,
            "why": "what the programs of {0} are is not known".format(", ".join(silent) or "all members"),
        }
    if len(set(found.values())) > 1:
        real = ", ".join(sorted(name for name in found if not found[name]))
        return {
            "emulator": None,
            "why": "the programs of {0} are real ones, those of the others an emulator's".format(real),
        }
    return {"emulator": set(found.values()) == {True}, "why": ""}
