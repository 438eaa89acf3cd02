# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The program that timers start on the controller: it begins a drill or says why not, and tells when one was missed.

    firedrill-drills CONFIG run NAME          become ansible-playbook, or end with the exit code of why not
    firedrill-drills CONFIG ended NAME CODE   note how that run ended (the timer's service does; CODE, or EXIT_STATUS of systemd)
    firedrill-drills CONFIG alarm             write the metrics, and have the site told once of each missed or failed drill
    firedrill-drills CONFIG status            show when each drill is due and whether it could begin now

Exit codes of run: 81 the window is not open yet, 82 it is over, 83 a blackout date, 84 another drill runs, 85 the drill of this window was held already,
86 the configuration or the policy is not as it was installed.

It has no secret: ansible-playbook gets the path of a vault password file. The lock of a drill is held by the process that becomes ansible-playbook, so
it is free again when that ends, however it does.
"""

import argparse
import datetime
import fcntl
import hashlib
import json
import os
import sys
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import drill_calendar, evidence_folder
from ansible_collections.firedrill.standby.plugins.module_utils._core.detached import (
    read_json,
    take_lock,
    write_atomically,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_calendar import (
    BEGAN,
    BROKEN,
    MISSED,
    NOT_FOUND,
    Alarm,
    Attempt,
    Seen,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Runner, run
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock, wait_until

#: Attempts that are kept of each drill.
KEPT = 50
#: Seconds for a lock that somebody only looked at to be free again.
LOCK_LIMIT = 2.0
#: Seconds that the command of the site may take.
TELL_LIMIT = 120.0
#: A name that sorts behind every ULID, so that all drills are earlier than it.
_LATEST = "~"

Now = Callable[[], datetime.datetime]
Launch = Callable[[Sequence[str], str], None]
Say = Callable[[str], None]


class Scheduled(NamedTuple):
    """One scheduled drill, as it was installed."""

    name: str
    cluster: str
    type: str
    argv: Tuple[str, ...]
    directory: str
    evidence: str
    lock: str
    policy: Optional[Mapping[str, Any]]
    policy_file: str
    policy_sha256: str


class Config(NamedTuple):
    """What is installed on this controller."""

    state_dir: str
    textfile: str
    command: Tuple[str, ...]
    drills: Tuple[Scheduled, ...]

    def text(self) -> str:
        """As it stands in the file."""
        return (
            json.dumps(dict(self._asdict(), drills=[each._asdict() for each in self.drills]), indent=1, sort_keys=True)
            + "\n"
        )

    def drill(self, name: str) -> Scheduled:
        """:raises Refusal: when there is no such drill."""
        for each in self.drills:
            if each.name == name:
                return each
        raise Refusal(
            seen="No drill {0!r} is scheduled here, but {1}".format(
                name, ", ".join(d.name for d in self.drills) or "none"
            ),
            meaning="A timer of an earlier schedule may have been left",
            remedy="run playbooks/drill_schedule.yml again",
        )


def read_config(path: str) -> Config:
    """:raises Refusal: when it is not what the module wrote."""
    record = read_json(path)
    try:
        if record is None:
            raise ValueError("it is no JSON object, or cannot be read")
        drills = tuple(Scheduled(**dict(each, argv=tuple(each["argv"]))) for each in record["drills"])
        return Config(record["state_dir"], record["textfile"], tuple(record["command"]), drills)
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal(
            seen="{0}: {1}".format(path, error),
            meaning="What is scheduled is not known, so nothing begins",
            remedy="run playbooks/drill_schedule.yml again",
        ) from None


def now() -> datetime.datetime:
    """The time of this host, in UTC."""
    return datetime.datetime.now(datetime.timezone.utc)


def print_line(text: str) -> None:
    """A line for the system's journal or the log, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def become(argv: Sequence[str], directory: str) -> None:
    """Become another program; the lock goes with it. :raises OSError: when it cannot be started."""
    os.chdir(directory)
    os.execv(argv[0], list(argv))


# --------------------------------------------------------------------------------------- records


class Book:
    """The attempts of one drill, in a directory of the user who runs it."""

    def __init__(self, config: Config, name: str) -> None:
        self._directory = os.path.join(config.state_dir, name)
        self._path = os.path.join(self._directory, "attempts.json")

    def read(self) -> List[Attempt]:
        """Oldest first. What cannot be read is none: the next attempt writes it anew."""
        record = read_json(self._path) or {}
        try:
            return [Attempt(**each) for each in record.get("attempts", [])]
        except TypeError:
            return []

    def change(self, edit: Callable[[List[Attempt]], List[Attempt]]) -> None:
        """Replace the attempts; one writer at a time."""
        lock = wait_until(
            lambda: take_lock(self._directory, "attempts"),
            lambda handle: handle is not None,
            10.0,
            "{0} to be free".format(self._path),
            "see who holds {0}/attempts.lock".format(self._directory),
        ).value
        try:
            kept = [dict(each._asdict()) for each in edit(self.read())[-KEPT:]]
            # Whoever looks after the alarm reads it under another account; there is no secret in it.
            write_atomically(self._path, json.dumps({"attempts": kept}, indent=1, sort_keys=True) + "\n", mode=0o644)
        finally:
            if lock is not None:
                os.close(lock)


def lock_path(config: Config, lock: str) -> str:
    """The file whose lock a drill holds. Root's: users of the drills may only open and lock it."""
    return os.path.join(config.state_dir, "lock." + lock)


def hold(path: str, clock: Optional[Clock] = None) -> Optional[int]:
    """The descriptor of a lock that is passed on to what this process becomes; None while another drill has it."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))

    def once() -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    try:
        wait_until(once, bool, LOCK_LIMIT, path, "", clock=clock)
    except StandbyError:
        os.close(handle)
        return None
    os.set_inheritable(handle, True)
    return handle


def _is_held(path: str) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _running(config: Config, drill: Scheduled) -> str:
    """The name of the drill that has the lock, as far as the records tell; empty when none does."""
    if not _is_held(lock_path(config, drill.lock)):
        return ""
    for each in config.drills:
        attempts = Book(config, each.name).read()
        began = [attempt for attempt in attempts if attempt.grade == BEGAN]
        if each.lock == drill.lock and began and began[-1].ended_wall_ns is None:
            return each.name
    return "what nobody noted"


def trouble(drill: Scheduled) -> str:
    """Why the policy cannot be relied on: its file is not the one that was installed. Empty when it can."""
    if drill.policy is None:
        return ""
    try:
        with open(drill.policy_file, "rb") as source:
            seen = hashlib.sha256(source.read()).hexdigest()
    except OSError as error:
        return "{0} cannot be read: {1}".format(drill.policy_file, error.strerror)
    if seen == drill.policy_sha256:
        return ""
    return "{0} was changed since the schedule was installed; its window and dates are not known here: run playbooks/drill_schedule.yml again".format(
        drill.policy_file
    )


def _begun(attempts: Sequence[Attempt]) -> List[int]:
    """When runs began. One for which ansible-playbook could not even be started used up no approval."""
    return [each.at_wall_ns for each in attempts if each.grade == BEGAN and each.code != NOT_FOUND]


# ----------------------------------------------------------------------------------------- verbs


def run_drill(config: Config, name: str, clock: Now = now, launch: Launch = become, say: Say = print_line) -> int:
    """Begin a drill, or note and say why not. :returns: the exit code of why not; with the real ``launch`` it does not return if the drill begins."""
    drill, at = config.drill(name), clock()
    book = Book(config, name)
    why = trouble(drill)
    begun = _begun(book.read())
    start = drill_calendar.may_begin(drill.policy, at, begun)
    if why:
        start = drill_calendar.Start(BROKEN, MISSED, why)
    lock = None
    if start.code == 0:
        lock = hold(lock_path(config, drill.lock))
        if lock is None:
            holder = "The lock {0} is held by {1}; one drill at a time".format(drill.lock, _running(config, drill))
            start = drill_calendar.may_begin(drill.policy, at, begun, holder)
    wall = drill_calendar.wall(at)
    noted = Attempt(wall, start.grade, start.code, start.why, None if start.code == 0 else wall)
    book.change(lambda attempts: [*attempts, noted])
    if start.code != 0:
        say("{0} does not begin, {1} ({2}): {3}".format(name, start.grade, start.code, start.why))
        return start.code
    say("{0} begins: {1}".format(name, " ".join(drill.argv)))
    try:
        launch(drill.argv, drill.directory)
    except OSError as error:
        note_end(config, name, NOT_FOUND, clock)
        say("{0} cannot be started: {1}".format(drill.argv[0], error.strerror))
        return NOT_FOUND
    finally:
        if lock is not None:
            os.close(lock)
    return 0


def note_end(config: Config, name: str, code: int, clock: Now = now) -> None:
    """Note how the run ended that began last, if its end is not noted yet. A code of a drill that did not begin is the end of no run."""
    ended = drill_calendar.wall(clock())

    def edit(attempts: List[Attempt]) -> List[Attempt]:
        open_ones = [n for n, each in enumerate(attempts) if each.grade == BEGAN and each.ended_wall_ns is None]
        if open_ones and code not in drill_calendar.REFUSED:
            attempts[open_ones[-1]] = attempts[open_ones[-1]]._replace(code=code, ended_wall_ns=ended)
        return attempts

    Book(config, config.drill(name).name).change(edit)


def look(config: Config) -> Tuple[List[Seen], Dict[Tuple[str, str], List[Dict[str, str]]]]:
    """What is known of every drill, and the folders of evidence that count as none."""
    seen, left_out = [], {}
    read: Dict[Tuple[str, str], Tuple[List[Any], List[Dict[str, str]]]] = {}
    for drill in config.drills:
        place = (drill.evidence, drill.cluster)
        if drill.type and place not in read:
            documents, damaged = evidence_folder.documents(drill.evidence, drill.cluster, _LATEST)
            read[place] = ([drill_calendar.drill_of(each) for each in documents], damaged)
        drills, damaged = read.get(place, ([], [])) if drill.type else ([], [])
        left_out[(drill.cluster, drill.type)] = damaged
        seen.append(
            Seen(
                drill.name,
                drill.cluster,
                drill.type,
                drill.policy,
                drills,
                Book(config, drill.name).read(),
                _running(config, drill) == drill.name,
                trouble(drill),
            )
        )
    return seen, left_out


def _words(seen: Seen, news: Sequence[Alarm], damaged: Sequence[Mapping[str, str]]) -> str:
    of = "{0} of {1} ({2})".format(seen.type or "readiness", seen.cluster, seen.environment)
    lines = ["Drill {0}: {1}".format(seen.name, of)] + ["- " + each.text for each in news]
    lines += ["- folder {drill_id} counts as none: {why}".format(**each) for each in damaged]
    return "\n".join(lines) + "\n"


def alarm(config: Config, clock: Now = now, runner: Runner = run, say: Say = print_line) -> int:
    """Write the metrics and tell the site. :returns: 1 when the command of the site failed; then it is told again next time."""
    at = clock()
    seen, left_out = look(config)
    for damaged in {json.dumps(one, sort_keys=True): one for each in left_out.values() for one in each}.values():
        say("folder {drill_id} counts as none: {why}".format(**damaged))
    path = os.path.join(config.state_dir, "alarm", "told.json")
    before = (read_json(path) or {}).get("told")
    told: Dict[str, List[str]] = before if isinstance(before, dict) else {}
    after, code = {}, 0
    for each in seen:
        standing = drill_calendar.alarms(each, at)
        known = told.get(each.name, [])
        news = [one for one in standing if one.key not in known]
        words = _words(each, news, left_out[(each.cluster, each.type)])
        done = not news or _tell(config, words, runner, say)
        code = code if done else 1
        # What stands no longer is forgotten, so that it is told again when it comes back.
        after[each.name] = [one.key for one in standing if done or one.key in known]
    if after != told:
        write_atomically(path, json.dumps({"told": after}, indent=1, sort_keys=True) + "\n", mode=0o644)
    if config.textfile:
        counts = {key: len(one) for key, one in left_out.items()}
        write_atomically(config.textfile, drill_calendar.figures(seen, counts, at), mode=0o644)
    return code


def _tell(config: Config, words: str, runner: Runner, say: Say) -> bool:
    """Whether the site was told, or wants no command for it."""
    say(words.rstrip("\n"))
    if not config.command:
        return True
    try:
        done = runner(Command(config.command, stdin=words, deadline=TELL_LIMIT))
    except OSError as error:
        say("{0} cannot be started: {1}".format(config.command[0], error.strerror))
        return False
    if done.returncode != 0:
        say("{0} ended with {1}: {2}".format(config.command[0], done.returncode, done.errors.strip()[:500]))
    return done.returncode == 0


def status(config: Config, clock: Now = now, say: Say = print_line) -> int:
    """Show every drill: whether it could begin now, when it is due, what stands against it."""
    at = clock()
    seen, left_out = look(config)
    for each in seen:
        begun = _begun(each.attempts)
        start = drill_calendar.may_begin(each.policy, at, begun)
        say("{0}: {1}".format(each.name, each.trouble or start.why or "could begin now"))
        for line in _words(each, drill_calendar.alarms(each, at), left_out[(each.cluster, each.type)]).splitlines()[1:]:
            say("  " + line)
    return 0


def main(argv: Sequence[str]) -> int:
    """The program. :returns: the exit code."""
    parser = argparse.ArgumentParser(
        prog="firedrill-drills", description="Begin scheduled drills, and tell of missed ones."
    )
    parser.add_argument("config")
    parser.add_argument("verb", choices=("run", "ended", "alarm", "status"))
    parser.add_argument("arguments", nargs="*")
    given = parser.parse_args(list(argv[1:]))
    try:
        config = read_config(given.config)
        if given.verb == "alarm":
            return alarm(config)
        if given.verb == "status":
            return status(config)
        if not given.arguments:
            parser.error("{0} needs the name of a drill".format(given.verb))
        if given.verb == "run":
            return run_drill(config, given.arguments[0])
        # systemd gives the number, or the name of the signal.
        code = given.arguments[1] if len(given.arguments) > 1 else os.environ.get("EXIT_STATUS", "")
        note_end(config, given.arguments[0], int(code) if code.isdigit() else 128)
        return 0
    except StandbyError as error:
        print_line(str(error))
    except OSError as error:
        print_line("{0}: {1}".format(error.filename or "operating system", error.strerror or error))
    return BROKEN


if __name__ == "__main__":
    raise SystemExit(main(sys.argv))
