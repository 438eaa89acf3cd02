# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Which role and open mode an instance has: a pure table over what was seen.

Tibero has no role column (V$DATABASE of 6 and 7, recorded), and what V$INSTANCE.STATUS and V$DATABASE.OPEN_MODE say
on a standby is not documented (L). So three independent witnesses must agree: the boot request in the process list
(``-t MODE``), the instance status and the open mode. Their words are accept lists that can be extended without a
change of code. Words that are not known, or witnesses that contradict each other, give UNKNOWN: never a guess.
"""

from typing import Dict, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import (
    MOUNTED,
    NO_DATABASE,
    PRIMARY,
    READ_ONLY,
    READ_WRITE,
    RECOVERING,
    STANDBY,
    STARTING,
    STOPPED,
    Fact,
    known,
    unknown,
)

#: Server says at a SELECT: only DDL at NOMOUNT (C, catalogue 12028).
NOMOUNT_ERROR = 12028
#: Server says at a view: not supported in the current boot mode (C, catalogue 22003).
VIEW_ERROR = 22003

#: Classes of status words and of open mode words.
AT_NOMOUNT = "nomount"
AT_MOUNT = "mount"
AT_RECOVERY = "recovery"
AT_NORMAL = "normal"
CLOSED = "closed"
OPEN_READ_ONLY = "read_only"
OPEN_READ_WRITE = "read_write"
UNREADABLE = "unreadable"

#: Words of V$INSTANCE.STATUS. NORMAL is recorded (H); the others by nature of the boot modes (M/L).
STATUS_WORDS: Dict[str, Tuple[str, ...]] = {
    AT_NOMOUNT: ("NOMOUNT",),
    AT_MOUNT: ("MOUNT", "MOUNTED"),
    AT_RECOVERY: ("RECOVERY",),
    AT_NORMAL: ("NORMAL",),
}

#: Words of V$DATABASE.OPEN_MODE. READ WRITE is recorded (H); the others are inferred (L).
OPEN_WORDS: Dict[str, Tuple[str, ...]] = {
    CLOSED: ("MOUNTED", "MOUNT", "RECOVERY", "STANDBY"),
    OPEN_READ_ONLY: ("READ ONLY",),
    OPEN_READ_WRITE: ("READ WRITE",),
}

#: Boot requests after which an instance may be an open primary. The word stays after ALTER DATABASE OPEN, as far as
#: is known (L), so it is a request only: MOUNT and NOMOUNT can be open by now.
PRIMARY_BOOTS = ("NOMOUNT", "MOUNT", "NORMAL", "RESETLOGS", "FAILOVER")

#: (status, open mode, was booted RECOVERY) -> (open mode, role). What is not here is UNKNOWN.
TABLE: Dict[Tuple[str, str, bool], Tuple[str, str]] = {
    (AT_NORMAL, OPEN_READ_WRITE, False): (READ_WRITE, PRIMARY),
    (AT_RECOVERY, CLOSED, True): (RECOVERING, STANDBY),
    (AT_RECOVERY, UNREADABLE, True): (RECOVERING, STANDBY),
    (AT_RECOVERY, OPEN_READ_ONLY, True): (READ_ONLY, STANDBY),
    (AT_NORMAL, OPEN_READ_ONLY, True): (READ_ONLY, STANDBY),
}

#: How far each boot request goes, lowest first; used to tell an instance that stayed below what was asked for.
LEVELS = {"NOMOUNT": 0, "MOUNT": 1, "RECOVERY": 2, "NORMAL": 2, "RESETLOGS": 2, "FAILOVER": 2}


class Reading(NamedTuple):
    """One word read from a view: the ``word``, or the error ``code`` and ``why`` it could not be read."""

    word: str = ""
    code: int = 0
    why: str = ""


class Evidence(NamedTuple):
    """What was seen of an instance.

    ``process``: None when the process list could not be read. ``boot_word``: upper case, "" when there was none.
    ``control_file``: whether a control file lies where the tip says; None when that is not known. ``recorded_role``:
    our own record, "" without one.
    """

    process: Optional[bool]
    boot_word: str = ""
    status: Reading = Reading()
    open_mode: Reading = Reading()
    control_file: Optional[bool] = None
    recorded_role: str = ""


class Words(NamedTuple):
    """Accept lists: class -> words."""

    status: Mapping[str, Sequence[str]] = STATUS_WORDS
    open_mode: Mapping[str, Sequence[str]] = OPEN_WORDS


class Judgement(NamedTuple):
    """Open mode and role with their sources, and remarks for a person."""

    open_mode: "Fact[str]"
    role: "Fact[str]"
    notes: Tuple[str, ...] = ()


def class_of(word: str, lists: Mapping[str, Sequence[str]]) -> str:
    """The class whose accept list holds the word, or ""."""
    plain = " ".join(word.upper().split())
    for name, words in lists.items():
        if plain in {" ".join(candidate.upper().split()) for candidate in words}:
            return name
    return ""


def _without_view(evidence: Evidence) -> str:
    """Why the role of an instance that is not open cannot be told."""
    if evidence.recorded_role:
        return (
            "no view tells the role below the operating modes; our own record says {0}, which only counts for refusals"
        ).format(evidence.recorded_role)
    return "no view tells the role below the operating modes, and nothing is recorded"


def _role_below(evidence: Evidence) -> "Fact[str]":
    if evidence.control_file is False:
        return known(NO_DATABASE, "no control file where the tip says")
    return unknown("control file", _without_view(evidence))


def judge(evidence: Evidence, words: Optional[Words] = None) -> Judgement:
    """Open mode and role from the evidence.

    :arg evidence: what was seen. :arg words: other accept lists, so that a real server's answer can be adopted as a
        setting.
    :returns: :class:`Judgement`; both facts may be unknown with the words that were seen.
    """
    accepted = words or Words()
    if evidence.process is None:
        why = "the process list could not be read"
        return Judgement(unknown("ps", why), unknown("ps", why))
    if not evidence.process:
        return Judgement(known(STOPPED, "ps"), _role_below(evidence))
    if NOMOUNT_ERROR in (evidence.status.code, evidence.open_mode.code):
        return Judgement(
            known(STARTING, "TBR-12028 at a SELECT"), _role_below(evidence), _half_booted(evidence, "NOMOUNT")
        )
    if evidence.boot_word == "NOMOUNT" and evidence.control_file is False and not evidence.status.word:
        # Before CREATE DATABASE there is no password file to log in with, but without a control file nothing can be
        # mounted either.
        return Judgement(
            known(STARTING, "ps -t NOMOUNT, and no control file where the tip says"), _role_below(evidence)
        )
    status = class_of(evidence.status.word, accepted.status)
    if status == AT_NOMOUNT:
        return Judgement(known(STARTING, "V$INSTANCE.STATUS"), _role_below(evidence), _half_booted(evidence, "NOMOUNT"))
    opened = class_of(evidence.open_mode.word, accepted.open_mode)
    if not opened and evidence.open_mode.code == VIEW_ERROR:
        opened = UNREADABLE
    if status == AT_MOUNT and opened in (CLOSED, UNREADABLE):
        return Judgement(known(MOUNTED, "V$INSTANCE.STATUS"), _role_below(evidence), _half_booted(evidence, "MOUNT"))
    return _operating(evidence, status, opened)


def _operating(evidence: Evidence, status: str, opened: str) -> Judgement:
    """An instance that claims to be in an operating mode: look it up in the table, or say what was seen."""
    source = "ps -t {0}, V$INSTANCE.STATUS {1}, V$DATABASE.OPEN_MODE {2}".format(
        evidence.boot_word or "?", _said(evidence.status), _said(evidence.open_mode)
    )
    recovery = evidence.boot_word == "RECOVERY"
    found = TABLE.get((status, opened, recovery))
    if found is not None and (recovery or evidence.boot_word in PRIMARY_BOOTS):
        return Judgement(known(found[0], source), known(found[1], source))
    why = "these three do not make a known combination"
    if not status:
        why = evidence.status.why or "the status word is not in the accept list"
    elif not opened:
        why = evidence.open_mode.why or "the open mode word is not in the accept list"
    return Judgement(unknown(source, why), unknown(source, why))


def _said(reading: Reading) -> str:
    if reading.word:
        return repr(reading.word)
    return "unreadable (TBR-{0})".format(reading.code) if reading.code else "unreadable"


def _half_booted(evidence: Evidence, level: str) -> Tuple[str, ...]:
    """A remark when the instance stayed below the mode it was booted with (the "suspended" state, H)."""
    asked = LEVELS.get(evidence.boot_word)
    if asked is None or asked <= LEVELS[level]:
        return ()
    return (
        "The instance was asked for {0} and stays suspended at {1}; read the reason in the output of its boot "
        "or in sys.log, "
        "and stop it before booting again".format(evidence.boot_word, level),
    )
