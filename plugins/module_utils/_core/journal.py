# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The journal of a role change: every step is written down on the member that it touches before it runs.

A member's journal is one file, ``change.json``, in a directory of its own. It holds the whole change, so that any member that
is left can tell what was meant, and the marks of the steps of *this* member. The marks of all members together tell
how far a change came. The next change moves the file of an ended one to ``<id>.json``.

Public: :class:`Step`, :class:`Change`, :class:`Record`, :class:`Journal`, :func:`merge`.
"""

import calendar
import json
import os
import re
import time
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.detached import (
    private_directory,
    read_json,
    write_atomically,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError, UnknownState

#: Marks of a step. NOT_BEGUN stands in no file.
NOT_BEGUN = "not begun"
BEGUN = "begun"
DONE = "done"
FAILED = "failed"

#: States of a change. Every one but OPEN is an end.
OPEN = "open"
CHANGE_DONE = "done"
UNDONE = "undone"
NEEDS_PERSON = "needs a person"
ENDS = (CHANGE_DONE, UNDONE)

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\Z")
_FILE = "change.json"
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"


class Step(NamedTuple):
    """One step: its number from 1, the member it runs on, the engine's action, and in words what it does and what takes it back."""

    number: int
    member: str
    action: str
    title: str
    undo: str


class Change(NamedTuple):
    """A role change as it was decided.

    ``kind``: "switchover", "failover" or "undo". ``old``, ``new``: the primary before and after. ``holder``: who runs it
    (user, host and process of the controller). ``undoes``: the id of the change that this one takes back or replaces, else "".
    ``evidence``: what it was decided on, plain data; a run that takes it up says the same again.
    """

    id: str
    kind: str
    old: str
    new: str
    holder: str
    started_at: str
    steps: Tuple[Step, ...]
    undoes: str = ""
    evidence: Mapping[str, Any] = {}

    def as_dict(self) -> Dict[str, Any]:
        """Plain data for files and results."""
        record = dict(self._asdict())
        record["steps"] = [dict(step._asdict()) for step in self.steps]
        record["evidence"] = dict(self.evidence)
        return record


def change_from(record: Mapping[str, Any]) -> Change:
    """The change read back from :meth:`Change.as_dict`.

    :raises UnknownState: when it is none, or its id cannot be a file name.
    """
    try:
        steps = tuple(
            Step(int(raw["number"]), *(str(raw[name]) for name in Step._fields[1:])) for raw in record["steps"]
        )
        texts = {name: str(record[name]) for name in Change._fields if name not in ("steps", "undoes", "evidence")}
        evidence = dict(record.get("evidence") or {})
        change = Change(steps=steps, undoes=str(record.get("undoes", "")), evidence=evidence, **texts)
    except (KeyError, TypeError, ValueError) as error:
        raise UnknownState(
            seen="The journal holds no role change that is known ({0}: {1})".format(type(error).__name__, error),
            meaning="It was written by another version, or by hand; how far the change came is not known",
            remedy="Look at the members with playbooks/status.yml, bring each where it belongs, then remove the journal",
        ) from error
    if not _ID.match(change.id) or [step.number for step in steps] != list(range(1, len(steps) + 1)):
        raise UnknownState(
            seen="The journal names the change {0!r} with the steps {1}".format(
                change.id, [step.number for step in steps]
            ),
            meaning="Such a change cannot have been written by this collection",
            remedy="Look at the members with playbooks/status.yml, bring each where it belongs, then remove the journal",
        )
    return change


class Mark(NamedTuple):
    """What became of a step: BEGUN, DONE or FAILED, when (UTC), what was seen, and how often it was begun."""

    state: str
    at: str
    seen: Dict[str, Any]
    times: int = 1


class Record(NamedTuple):
    """One member's journal: the change, its state, words for people, and the marks of this member's steps by number."""

    change: Change
    state: str
    words: str
    marks: Dict[int, Mark]

    @property
    def is_open(self) -> bool:
        """Whether it waits to be resumed, taken back or looked at."""
        return self.state not in ENDS

    def as_dict(self) -> Dict[str, Any]:
        return {
            "change": self.change.as_dict(),
            "state": self.state,
            "words": self.words,
            "marks": {str(number): dict(mark._asdict()) for number, mark in sorted(self.marks.items())},
        }


def record_from(raw: Mapping[str, Any]) -> Record:
    """A record read back from :meth:`Record.as_dict`. :raises UnknownState: when it is none."""
    change = change_from(raw.get("change") or {})
    try:
        marks = {
            int(number): Mark(str(each["state"]), str(each["at"]), dict(each["seen"]), int(each["times"]))
            for number, each in dict(raw["marks"]).items()
        }
        state = str(raw["state"])
    except (KeyError, TypeError, ValueError) as error:
        raise UnknownState(
            seen="The journal of {0} cannot be read ({1}: {2})".format(change.id, type(error).__name__, error),
            meaning="How far the change came is not known",
            remedy="Look at the members with playbooks/status.yml, bring each where it belongs, then remove the journal",
        ) from error
    if state not in (OPEN, NEEDS_PERSON) + ENDS or [
        mark.state for mark in marks.values() if mark.state not in (BEGUN, DONE, FAILED)
    ]:
        raise UnknownState(
            seen="The journal of {0} says {1!r} with the marks {2}".format(
                change.id, state, {number: mark.state for number, mark in marks.items()}
            ),
            meaning="These are no words of this collection, so how far the change came is not known",
            remedy="Look at the members with playbooks/status.yml, bring each where it belongs, then remove the journal",
        )
    return Record(change, state, str(raw.get("words", "")), marks)


def now() -> str:
    """This moment in UTC, for people; no interval is ever computed from it."""
    return time.strftime(_MOMENT, time.gmtime())


def since(moment: str, at: Optional[float] = None) -> str:
    """A moment with its age, for people: "2026-11-27T10:00:00Z, 5 min ago". Without an age where it is no moment, or lies ahead of this clock.

    :arg at: seconds since the epoch, by default now.
    """
    try:
        age = (time.time() if at is None else at) - calendar.timegm(time.strptime(moment, _MOMENT))
    except ValueError:
        return moment
    if age < 0:
        return moment
    for least, unit, word in ((172800, 86400, "days"), (7200, 3600, "h"), (120, 60, "min"), (0, 1, "s")):
        if age >= least:
            return "{0}, {1} {2} ago".format(moment, int(age // unit), word)
    return moment


def moment_after(known: Iterable[str]) -> str:
    """This moment, or one second after the latest of some moments where a clock is behind: changes are ordered by their moments.

    :arg known: moments as :func:`now` writes them; anything else is passed over.
    """
    latest = now()
    for each in known:
        try:
            later = time.gmtime(calendar.timegm(time.strptime(each, _MOMENT)) + 1)
        except ValueError:
            continue
        latest = max(latest, time.strftime(_MOMENT, later))
    return latest


class Journal:
    """The journal of one member, below a directory that nobody else may write.

    :arg directory: made with mode 0700 at the first write.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.path = os.path.join(directory, _FILE)

    def read(self) -> Optional[Record]:
        """The latest change, None without one. :raises UnknownState: for a file that is not one of ours."""
        if not os.path.lexists(self.path):
            return None
        raw = read_json(self.path)
        if raw is None:
            raise UnknownState(
                seen="{0} is there and cannot be read as a journal".format(self.path),
                meaning="Whether a role change is half done here is not known",
                remedy="Read it by hand; when every member is where it belongs (playbooks/status.yml), remove it",
            )
        return record_from(raw)

    def open(self, change: Change) -> Record:
        """Begin a change, or go on with it when it is the one that is open.

        :raises Refusal: when another change is open here.
        """
        seen = self.read()
        if seen is not None and seen.change.id == change.id:
            return self._write(seen._replace(change=change, state=OPEN, words=""))
        if seen is not None and seen.is_open and seen.change.id != change.undoes:
            raise Refusal(
                seen="{0} holds the open {1} {2} from {3} to {4}, begun by {5} at {6}".format(
                    self.path,
                    seen.change.kind,
                    seen.change.id,
                    seen.change.old,
                    seen.change.new,
                    seen.change.holder,
                    since(seen.change.started_at),
                ),
                meaning="One role change at a time; a new one on top of a half-done one would hide where it stopped",
                remedy="Run the playbook of that change again, which resumes it or takes it back",
                details={"change": seen.change.as_dict()},
            )
        if seen is not None:
            os.rename(self.path, os.path.join(self.directory, "{0}.json".format(seen.change.id)))
        return self._write(Record(change, OPEN, "", {}))

    def begin(self, number: int) -> None:
        """Write down that a step is about to run."""
        record = self._current()
        before = record.marks.get(number)
        self._mark(record, number, Mark(BEGUN, now(), {}, before.times + 1 if before else 1))

    def finish(self, number: int, seen: Mapping[str, Any]) -> None:
        """Write down that a step is done, with what was seen; never a secret."""
        record = self._current()
        self._mark(record, number, Mark(DONE, now(), dict(seen), record.marks[number].times))

    def fail(self, number: int, error: StandbyError) -> None:
        """Write down that a step did not come to its end."""
        record = self._current()
        failure = error.as_failure()
        seen = {name: failure[name] for name in ("seen", "meaning", "remedy")}
        self._mark(record, number, Mark(FAILED, now(), seen, record.marks[number].times))

    def close(self, change_id: str, state: str, words: str) -> bool:
        """End the change. :returns: whether that was written; an ended one stays as it is.

        :raises Refusal: when the journal is that of another change.
        """
        record = self._current()
        if record.change.id != change_id:
            raise Refusal(
                seen="{0} is the journal of {1}, not of {2}".format(self.path, record.change.id, change_id),
                meaning="Another role change has begun meanwhile",
                remedy="Look at the members with playbooks/status.yml before going on",
            )
        if (record.state, record.words) == (state, words) or not record.is_open:
            return False
        self._write(record._replace(state=state, words=words))
        return True

    def _current(self) -> Record:
        record = self.read()
        if record is None:
            raise UnknownState(
                seen="{0} is gone".format(self.path),
                meaning="The journal of the change that runs was removed; nothing more is done without one",
                remedy="Look at the members with playbooks/status.yml, then run the playbook again",
            )
        return record

    def _mark(self, record: Record, number: int, mark: Mark) -> None:
        if number not in [step.number for step in record.change.steps]:
            raise UnknownState(
                seen="{0} has no step {1}".format(record.change.id, number),
                meaning="A step that was not planned is not run",
                remedy="Report this as an error of the collection",
            )
        marks = dict(record.marks)
        marks[number] = mark
        self._write(record._replace(marks=marks))

    def _write(self, record: Record) -> Record:
        private_directory(self.directory)
        write_atomically(self.path, json.dumps(record.as_dict(), indent=1, sort_keys=True) + "\n")
        return record


class Merged(NamedTuple):
    """The journals of all members as one: the change, its steps' marks, and who holds a journal of it."""

    change: Change
    marks: Dict[int, Mark]
    holders: Tuple[str, ...]

    def state_of(self, number: int) -> str:
        """The mark of a step, NOT_BEGUN without one."""
        mark = self.marks.get(number)
        return mark.state if mark else NOT_BEGUN


def merge(records: Mapping[str, Optional[Record]]) -> Optional[Merged]:
    """The open change of a cluster, from the journals of its members.

    :arg records: member -> its journal, None without one.
    :returns: None when no member holds an open change.
    :raises UnknownState: when members hold different open changes, unless one of them takes the other back.
    """
    # A member that was away keeps the open journal of a change that the others have taken back or replaced meanwhile.
    replaced = {record.change.undoes for record in records.values() if record is not None}
    held: Dict[str, List[str]] = {}
    for name, record in sorted(records.items()):
        if record is not None and record.is_open and record.change.id not in replaced:
            held.setdefault(record.change.id, []).append(name)
    if not held:
        return None
    found = {record.change.id: record.change for record in records.values() if record and record.change.id in held}
    latest = list(found.values())
    if len(latest) != 1:
        raise UnknownState(
            seen="Open role changes: {0}".format(
                "; ".join(
                    "{0} {1} to {2} on {3}".format(each.kind, each.id, each.new, ", ".join(held[each.id]))
                    for each in latest
                )
            ),
            meaning="Two changes that do not know of each other were left half done; which one counts is not known",
            remedy="Look at the members with playbooks/status.yml, bring each where it belongs, then remove the journals",
            details={"changes": sorted(held)},
        )
    change = latest[0]
    marks: Dict[int, Mark] = {}
    for record in records.values():
        if record is not None and record.change.id == change.id:
            marks.update(record.marks)
    return Merged(change, marks, tuple(held[change.id]))
