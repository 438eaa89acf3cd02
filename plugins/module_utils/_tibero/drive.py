# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Driving one instance: observe, decide, act, observe again.

A boot is done when tbboot said so *and* the instance is seen in the wanted mode; a stop is done when no server
process is left. Nothing here escalates: a stop that waits for sessions is reported with the sessions, an instance
that stays suspended is reported and only stopped again when that was asked for and our own boot caused it.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
    StandbyError,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import (
    PRIMARY,
    STANDBY,
    STOPPED,
    MemberState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock, wait_until
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import role_record
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Booted, Downed, Query, Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.decide_boot import (
    BOOT,
    CLEAN,
    DOWN,
    HARD_DOWN_MODES,
    WAITING_DOWN_MODES,
    Step,
    Wish,
    decide,
    is_satisfied,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import ps
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.console import BootOutcome, DownOutcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import Seen, has_leftovers, look
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.trouble import advice

#: Login errors that no waiting cures: wrong password, locked, no password file, wrong DB_NAME, unknown alias.
LASTING_ERRORS = (17001, 17006, 17007, 17018, 12079, 2173)
#: Columns of V$SESSION worth showing, as far as they exist (L: the view's columns are not documented here).
_SESSION_COLUMNS = (
    "SID",
    "SERIAL#",
    "USERNAME",
    "USER_NAME",
    "STATUS",
    "TYPE",
    "MACHINE",
    "OSUSER",
    "PROG_NAME",
    "IPADDR",
    "CLIENT_PID",
)
#: Seconds that a stop whose text is not recognised gets to prove itself by the end of its processes.
_SILENT_STOP = 30.0
#: Seconds that the children of a dead server get to end by themselves before a boot, a stop or a clean.
_DYING = 30.0
#: Sessions in the details of an error, and in its text.
_SESSIONS_KEPT, _SESSIONS_SHOWN = 50, 10


class Driven(NamedTuple):
    """What was done: the state before and after, the steps, and remarks. In check mode ``after`` is the state
    before."""

    before: Seen
    after: Seen
    steps: Tuple[Step, ...]
    notes: Tuple[str, ...]
    changed: bool


def ensure(client: Tibero, wish: Wish, check_mode: bool = False, clock: Optional[Clock] = None) -> Driven:
    """Bring the instance to the wanted mode, or to a stop.

    :arg wish: the mode and what is allowed on the way. :arg check_mode: decide only.
    :raises Refusal: before anything was done. :raises UnknownState: when processes live on that a dead server has left.
    :raises CommandFailed, DeadlineExceeded: when a step did not come to its end; the details hold the state seen and the output.
    """
    # A stop that is hard needs no state, and may end what lives on.
    if wish.mode != STOPPED or wish.down_mode not in HARD_DOWN_MODES:
        _await_orphans(client, clock)
    before = look(client)
    steps = decide(before.scene, wish)
    if wish.mode != STOPPED and steps and not client.login.password:
        raise Refusal(
            seen="sys_password is not set",
            meaning="Whether the instance reached the mode is proven by asking it, which needs a login",
            remedy="Set sys_password, best from a vault",
        )
    if check_mode or not steps:
        return Driven(before, before, steps, (), bool(steps))
    notes: List[str] = []
    for step in steps:
        if step.action == CLEAN:
            notes.extend(clean(client, clock))
        elif step.action == DOWN:
            notes.extend(stop(client, step.mode, clock))
        elif step.action == BOOT:
            notes.extend(_start(client, step.mode, wish, clock))
    after = look(client)
    if not is_satisfied(after.state, wish.mode):
        raise CommandFailed(
            seen="{0} is {1!r} after the steps {2}".format(
                client.tb_sid, after.state.open_mode, "; ".join(step.as_text() for step in steps)
            ),
            meaning="It reached {0} and left it again at once".format(wish.mode),
            remedy="Read sys.log below {0}/log/slog".format(client.instance_directory),
            details={"state": after.state.as_dict()},
        )
    _record(client, after)
    after = after._replace(record=role_record.read(client))
    return Driven(before, after, steps, tuple(notes), fingerprint(before) != fingerprint(after))


def fingerprint(seen: Seen) -> Tuple[Any, ...]:
    """What counts as a change of an instance."""
    state = seen.state
    return (state.process.value, state.open_mode.value, state.role.value, seen.garbage)


def _record(client: Tibero, after: Seen) -> None:
    """Write the role down that was just proven, so that a later boot in a lower mode still knows it."""
    role = after.state.role
    if role.equals(STANDBY) or (role.equals(PRIMARY) and after.record.role):
        role_record.write(client, str(role.value), "observed after a boot: {0}".format(role.source))


# ------------------------------------------------------------------------------------------- boot


def _start(client: Tibero, mode: str, wish: Wish, clock: Optional[Clock]) -> List[str]:
    """Boot and wait for the answer. Leftovers of a crash are cleaned once, if allowed and proven dead."""
    booted = client.boot(mode)
    notes: List[str] = []
    if booted.report.outcome == BootOutcome.GARBAGE_LEFT and wish.clean_garbage:
        notes.extend(clean(client, clock))
        booted = client.boot(mode)
    if booted.done.timed_out:
        raise _boot_still_running(client, mode, booted)
    if booted.report.outcome == BootOutcome.SUSPENDED:
        raise _suspended(client, mode, booted, wish, clock)
    if booted.report.outcome != BootOutcome.STARTED:
        raise boot_failed(client, mode, booted)
    notes.extend(booted.report.warnings)
    _await_mode(client, wish.mode, booted, clock)
    return notes


def _await_mode(client: Tibero, mode: str, booted: Booted, clock: Optional[Clock]) -> None:
    def over(seen: Seen) -> bool:
        return is_satisfied(seen.state, mode) or seen.state.process.equals(False) or seen.login in LASTING_ERRORS

    def last(seen: Seen) -> str:
        return "{0!r}".format(seen.state.open_mode)

    try:
        seen = wait_until(
            lambda: _Shown(look(client), last),
            lambda shown: over(shown.seen),
            client.timeout,
            "{0} to be seen in mode {1}".format(client.tb_sid, mode),
            "Look at it with firedrill.standby.tibero_instance_info and read sys.log below {0}/log/slog".format(
                client.instance_directory
            ),
            interval=0.5,
            clock=clock,
        ).value.seen
    except DeadlineExceeded as error:
        error.details.update(client.describe(booted.done))
        raise
    if is_satisfied(seen.state, mode):
        return
    says = advice(seen.login or None)
    raise CommandFailed(
        seen="tbboot said {0!r}, but {1}".format(
            _marker(booted),
            "the server process is gone" if seen.state.process.equals(False) else seen.state.open_mode.why,
        ),
        meaning=says.meaning if seen.login else "The instance died right after its boot",
        remedy=says.remedy if seen.login else "Read sys.log below {0}/log/slog".format(client.instance_directory),
        details=dict(client.describe(booted.done), state=seen.state.as_dict()),
    )


class _Shown:
    """A state that prints itself shortly in the error of a wait."""

    def __init__(self, seen: Seen, text: Any) -> None:
        self.seen = seen
        self._text = text

    def __str__(self) -> str:
        return str(self._text(self.seen))


def _marker(booted: Booted) -> str:
    for line in booted.report.text.splitlines():
        if "instance started" in line:
            return line.strip()
    return booted.report.outcome.value


def _reason(client: Tibero, booted: Booted) -> str:
    """The lines that matter of a boot that failed."""
    report = booted.report
    if report.errors:
        numbered = ["{0}-{1}: {2}".format(e.prefix, e.code, e.text) if e.prefix else e.text for e in report.errors]
        return client.scrub("; ".join(numbered))
    if report.boxes:
        return client.scrub(" ".join(report.boxes[-1].lines))
    lines = [line.strip() for line in report.text.splitlines() if line.strip()]
    return client.scrub(" / ".join(lines[-3:])) or "it printed nothing"


def boot_failed(client: Tibero, mode: str, booted: Booted) -> StandbyError:
    """The failure for a boot that did not start the instance, with the state seen afterwards."""
    after = look(client)
    says = advice(booted.report.code, booted.report.outcome.name)
    recognised = booted.report.outcome != BootOutcome.UNRECOGNISED
    return CommandFailed(
        seen="tbboot -t {0} came to {1!r}: {2}".format(mode, booted.report.outcome.value, _reason(client, booted)),
        meaning=says.meaning
        if recognised
        else "The text is not one that is known, so it does not count as success; seen now: {0!r}".format(
            after.state.open_mode
        ),
        remedy=says.remedy
        if recognised
        else "Look at the instance and at sys.log below {0}/log/slog".format(client.instance_directory),
        details=dict(
            client.describe(booted.done),
            code=booted.report.code,
            outcome=booted.report.outcome.value,
            state=after.state.as_dict(),
        ),
    )


def _boot_still_running(client: Tibero, mode: str, booted: Booted) -> DeadlineExceeded:
    after = look(client)
    return DeadlineExceeded(
        seen="tbboot -t {0} had not ended after {1:.0f} s; seen now: {2!r}".format(
            mode, booted.done.duration, after.state.open_mode
        ),
        meaning="The boot goes on; it was not killed, because a half-booted instance is worse than a slow one",
        remedy="Wait for its end (crash recovery can take long), then run again; raise 'timeout' if this is "
        "normal here",
        details=dict(client.describe(booted.done), state=after.state.as_dict()),
    )


def _suspended(client: Tibero, mode: str, booted: Booted, wish: Wish, clock: Optional[Clock]) -> CommandFailed:
    """The instance is up, but below the mode (H). It is stopped again only when asked for: our boot caused it."""
    report = booted.report
    says = advice(report.code)
    left = "It is up at {0} and was left running".format(report.mode)
    if wish.stop_suspended:
        try:
            stop(client, "IMMEDIATE", clock)
            left = "It was up at {0}; as our boot caused that, it was stopped again".format(report.mode)
        except StandbyError as error:
            left = "It is up at {0}, and stopping it failed: {1}".format(report.mode, error.seen)
    after = look(client)
    return CommandFailed(
        seen="tbboot -t {0} was suspended at {1}: {2}".format(mode, report.mode, _reason(client, booted)),
        meaning="{0}. {1}".format(says.meaning, left),
        remedy="{0}. {1}".format(
            says.remedy, "" if after.state.process.equals(False) else "Stop the instance before any retry"
        ).strip(" ."),
        details=dict(
            client.describe(booted.done),
            code=report.code,
            outcome=report.outcome.value,
            mode=report.mode,
            state=after.state.as_dict(),
        ),
    )


# ------------------------------------------------------------------------------------------- stop


def stop(client: Tibero, mode: str, clock: Optional[Clock] = None) -> List[str]:
    """Stop the instance and wait until its processes are gone. :returns: remarks."""
    waiting = mode.lower() in WAITING_DOWN_MODES
    sessions = sessions_of(client) if waiting else []
    downed = client.down(mode)
    outcome = downed.report.outcome
    if downed.done.timed_out:
        raise _stop_still_waiting(client, mode, downed, sessions)
    if outcome in (DownOutcome.TERMINATED, DownOutcome.ALREADY_STOPPED, DownOutcome.UNRECOGNISED):
        limit = client.timeout if outcome == DownOutcome.TERMINATED else min(client.timeout, _SILENT_STOP)
        try:
            _await_end(client, limit, clock)
        except DeadlineExceeded as error:
            error.details.update(client.describe(downed.done))
            if outcome == DownOutcome.TERMINATED:
                raise
            raise _stop_failed(client, mode, downed) from error
        if outcome == DownOutcome.UNRECOGNISED:
            return ["tbdown -t {0} printed nothing that is known, but no server process is left".format(mode)]
        return []
    raise _stop_failed(client, mode, downed)


def _await_end(client: Tibero, limit: float, clock: Optional[Clock]) -> None:
    def pids() -> Optional[Tuple[int, ...]]:
        instances = client.processes()
        return None if instances is None else tuple(instance.pid for instance in instances)

    wait_until(
        pids,
        lambda seen: seen == (),
        limit,
        "the server processes of {0} to end".format(client.tb_sid),
        "Look at them with 'ps -ef | grep {0}'; read sys.log below {1}/log/slog".format(
            client.tb_sid, client.instance_directory
        ),
        clock=clock,
    )


def _stop_failed(client: Tibero, mode: str, downed: Downed) -> CommandFailed:
    report = downed.report
    says = advice(report.code)
    text = " / ".join(line.strip() for line in report.text.splitlines() if line.strip())[-400:]
    state = look(client).state
    return CommandFailed(
        seen="tbdown -t {0} came to {1!r}: {2}".format(
            mode, report.outcome.value, client.scrub(text) or "it printed nothing"
        ),
        meaning=says.meaning
        if report.code
        else "The instance was not stopped; seen now: {0!r}".format(state.open_mode),
        remedy=says.remedy
        if report.code
        else "Look at it with firedrill.standby.tibero_instance_info; nothing was escalated",
        details=dict(
            client.describe(downed.done), code=report.code, outcome=report.outcome.value, state=state.as_dict()
        ),
    )


def _stop_still_waiting(client: Tibero, mode: str, downed: Downed, sessions: List[Dict[str, str]]) -> DeadlineExceeded:
    state: MemberState = look(client).state
    users = _of_users(sessions)
    return DeadlineExceeded(
        seen="tbdown -t {0} still waits after {1:.0f} s; sessions seen before it: {2}".format(
            mode, downed.done.duration, _session_text(users)
        ),
        meaning=("A {0} stop waits until others have left; it goes on and was neither killed nor escalated").format(
            mode
        ),
        remedy="Let these sessions end, then run again; or end the waiting tbdown and stop with another down mode",
        details=dict(
            client.describe(downed.done),
            sessions=users[:_SESSIONS_KEPT],
            sessions_left_out=max(len(users) - _SESSIONS_KEPT, 0),
            state=state.as_dict(),
        ),
    )


def sessions_of(client: Tibero) -> List[Dict[str, str]]:
    """All sessions as V$SESSION shows them, with the columns it turns out to have; empty when it cannot be read.

    None is left out here: the server's own threads may fill the first rows, and who looks for users would miss those behind them.
    """
    try:
        answer = client.ask([Query("V$SESSION")])[0]
    except StandbyError:
        return []
    return [{name: row[name] or "" for name in _SESSION_COLUMNS if row.get(name)} for row in answer.rows]


def _of_users(sessions: List[Dict[str, str]]) -> List[Dict[str, str]]:
    """Sessions that somebody is logged in with; all of them where the view names nobody."""
    found = [row for row in sessions if row.get("USERNAME") or row.get("USER_NAME")]
    return found or sessions


def _session_text(sessions: List[Dict[str, str]]) -> str:
    if not sessions:
        return "unknown"
    shown = [
        ",".join("{0}={1}".format(name, value) for name, value in session.items())
        for session in sessions[:_SESSIONS_SHOWN]
    ]
    more = len(sessions) - len(shown)
    return "; ".join(shown) + ("; and {0} more".format(more) if more else "")


def _await_orphans(client: Tibero, clock: Optional[Clock]) -> None:
    """Wait for the end of what a dead server has left behind; nothing is waited for where a server runs, or none has left anything.

    :raises UnknownState: when they live on: a boot beside them, or a clean, would have two writers of the same files (rule 5 of the reference).
    """

    def left() -> Optional[ps.Instance]:
        found = client.processes()
        return found[0] if found and found[0].orphaned else None

    limit = min(client.timeout, _DYING)
    try:
        wait_until(left, lambda seen: seen is None, limit, "the children of a dead server to end", "", 0.5, clock)
    except DeadlineExceeded as error:
        orphans = client.orphans()
        raise UnknownState(
            seen="The server of {0} is gone, but processes that it started live on: {1}".format(
                client.tb_sid, ", ".join("{0} ({1})".format(item.pid, item.title.name) for item in orphans)
            ),
            meaning="They may still write, so it is not stopped, and it is neither booted nor cleaned; they did not end within "
            "{0:.0f} s".format(limit),
            remedy="Look at them with 'ps -ef | grep {0}' and at sys.log below {1}/log/slog; end them with kill, as the OS user of Tibero, then run "
            "again".format(client.tb_sid, client.instance_directory),
            details={"orphans": [dict(item.title._asdict(), pid=item.pid, ppid=item.ppid) for item in orphans]},
        ) from error


def clean(client: Tibero, clock: Optional[Clock] = None) -> List[str]:
    """``tbdown clean``, after proof that no server of this instance lives, and nothing that one has left. :returns: remarks.

    :raises Refusal: when a server lives, when processes live on that a dead server has left, or when the process list cannot be read.
    :raises CommandFailed: when the program refuses.
    """
    _await_orphans(client, clock)
    instances = client.processes()
    if instances is None or instances:
        raise Refusal(
            seen="Processes of {0}: {1}".format(
                client.tb_sid, "unknown" if instances is None else [instance.pid for instance in instances]
            ),
            meaning="tbdown clean takes the ground from under a living instance; it runs only after proof that "
            "none lives",
            remedy="Stop the instance, or find out why the process list cannot be read",
        )
    seen_before = has_leftovers(client)
    cleaned = client.clean()
    refused = cleaned.done.timed_out or cleaned.report.outcome in (
        DownOutcome.CLEAN_REFUSED,
        DownOutcome.REFUSED,
        DownOutcome.BAD_MODE,
        DownOutcome.HELP,
    )
    # Neither the question nor the words of success are known (L), so a text that is not recognised is judged by what
    # it left.
    if refused or (seen_before and has_leftovers(client)):
        raise CommandFailed(
            seen="tbdown clean came to {0!r}: {1}".format(
                cleaned.report.outcome.value, cleaned.report.text.strip()[-300:]
            ),
            meaning="The leftovers of the dead instance are still there",
            remedy="Run 'tbdown clean' by hand and read what it says",
            details=client.describe(cleaned.done),
        )
    return ["Leftovers of a dead instance were removed with tbdown clean"]
