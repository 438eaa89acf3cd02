# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The program that a member has for itself, ``/usr/local/sbin/firedrill-DATABASE``: no Ansible and no controller is there when a host boots.

    firedrill-orders CONFIG boot       start the instance in the role that it must have, or say why not
    firedrill-orders CONFIG stop       stop it, when the host goes down
    firedrill-orders CONFIG watch      answer the other members, and stop a primary beside whom another has taken over
    firedrill-orders CONFIG status     show what the members say and what a boot would do
    firedrill-orders CONFIG register ROLE PRIMARY     write down what a run of the collection saw

It runs as the OS user of the instance and has no password: that an instance runs is read from the process list, how it was booted from the ``-t``
word there (H, recorded); that the word stays after a later OPEN is inferred (L), so MOUNT and NOMOUNT prove nothing. Only ``boot`` ever starts an
instance, and nothing starts it a second time: what a role change, a copy or a person stops stays stopped.
"""

import argparse
import hashlib
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import (
    detached,
    journal,
    standing,
    standing_wire,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    DeadlineExceeded,
    Refusal,
    StandbyError,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import PRIMARY, STANDBY
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Runner, run
from ansible_collections.firedrill.standby.plugins.module_utils._core.standing import (
    Answers,
    Latest,
    Standing,
    Terms,
    Verdict,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock, wait_until
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import drive, fence, role_record
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.console import BootOutcome

#: Exit codes: done or nothing to do; it stays down; something went wrong; wrong usage.
DONE, STAYS_DOWN, FAILED, USAGE = 0, 3, 1, 2
#: Boot requests that open a primary (H), and the one of a standby (H).
PRIMARY_WORDS = ("NORMAL", "RESETLOGS", "FAILOVER")
STANDBY_WORD = "RECOVERY"
#: Seconds between two looks of a boot that waits for others.
BOOT_INTERVAL = 2.0
#: Seconds for the server to be seen in the process list after tbboot said that it started.
START_LIMIT = 10.0
#: Modes in which a primary does not boot without an LGWR SYNC standby (H, MAN).
STRICT_MODES = ("PROTECTION", "AVAILABILITY")


class Config(NamedTuple):
    """What the program was told when it was installed. ``others``: (name, address, port). Times in seconds."""

    cluster: str
    member: str
    address: str
    port: int
    others: Tuple[Tuple[str, str, int], ...]
    tb_home: str
    tb_sid: str
    key_file: str
    unreachable: str
    wait: int
    interval: int
    timeout: int

    @property
    def members(self) -> Tuple[str, ...]:
        return tuple(sorted([self.member] + [each[0] for each in self.others]))


def read_config(path: str) -> Config:
    """:raises UnknownState: when it is not one of this version."""
    raw = detached.read_json(path)
    try:
        values = dict(raw or {})
        values["others"] = tuple((str(name), str(host), int(port)) for name, host, port in values["others"])
        if values["unreachable"] not in (standing.STAY_DOWN, standing.START):
            raise ValueError("unreachable is {0!r}".format(values["unreachable"]))
        return Config(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise UnknownState(
            seen="{0} is no description of a member ({1}: {2})".format(path, type(error).__name__, error),
            meaning="Without it nobody knows which instance is meant, so none is started",
            remedy="Run playbooks/setup_standby.yml, which writes it",
        ) from error


class Member:
    """One member as the program sees it.

    :arg config: what it was told. :arg runner: runs the programs of Tibero.
    """

    def __init__(self, config: Config, runner: Runner = run) -> None:
        self.config = config
        self.runner = runner
        self.client = Tibero(config.tb_home, config.tb_sid, runner, timeout=config.timeout)

    @property
    def _learned_path(self) -> str:
        return os.path.join(self.client.record_directory, "latest_change.json")

    @property
    def verdict_path(self) -> str:
        """Where the last verdict of a boot or of the watch lies, for people and for status."""
        return os.path.join(self.client.record_directory, "service.json")

    def key(self) -> bytes:
        """:raises OSError: when it cannot be read."""
        with open(self.config.key_file, encoding="utf-8", errors="replace") as source:
            return standing_wire.check_key(source.read())

    # --------------------------------------------------------------------- what it says of itself

    def standing(self) -> Standing:
        """What this member says of itself now. What cannot be read is a reason to stay down, and never an error."""
        config = self.config
        own, unreadable = self._journal()
        record = role_record.RoleRecord("", "", "", False)
        database: Optional[bool] = None
        try:
            record = role_record.read(self.client)
            paths = self.client.control_files()
            database = None if paths is None else bool([path for path in paths if os.path.exists(path)])
        except StandbyError as error:
            unreadable = unreadable or error.seen
        fenced = fence.seen_by(self.client)
        return Standing(
            member=config.member,
            cluster=config.cluster,
            members=config.members,
            recorded=record.role if record.same_control_files else "",
            runs=self._runs(),
            database=None if fenced else database,
            fenced="it is fenced since {0} ({1})".format(fenced["at"] or "?", fenced["reason"] or "?")
            if fenced
            else "",
            kept=unreadable or self._kept(own, record),
            latest=standing.newest(standing.of_record(own), self._learned()),
        )

    def _journal(self) -> Tuple[Optional[journal.Record], str]:
        try:
            return journal.Journal(os.path.join(self.client.record_directory, "role_change")).read(), ""
        except UnknownState as error:
            return None, error.seen

    def _learned(self) -> Optional[Latest]:
        return standing.latest_from(detached.read_json(self._learned_path))

    def _runs(self) -> str:
        found = self.client.processes()
        if found is None:
            return standing.RUNS_UNKNOWN
        words = {instance.mode.upper() for instance in found}
        if not words:
            return standing.RUNS_NOT
        if words & set(PRIMARY_WORDS):
            return standing.RUNS_AS_PRIMARY
        return standing.RUNS_AS_STANDBY if words == {STANDBY_WORD} else standing.RUNS_OTHERWISE

    def _kept(self, own: Optional[journal.Record], record: role_record.RoleRecord) -> str:
        """Why the instance must not be started although nothing fences it: something is half done here."""
        change = standing.of_record(own)
        if change is not None and not change.settled:
            return "{0} is half done here".format(change.text())
        if record.rebuild:
            return "it has to be built anew, because {0}".format(record.rebuild)
        for name, words in (
            ("reinstate.json", "its reinstatement was begun and is not finished"),
            (os.path.join("cold_copy", "stop.json"), "a cold copy had stopped it and is not finished"),
        ):
            if os.path.lexists(os.path.join(self.client.record_directory, name)):
                return words
        return ""

    def answer(self, program: str) -> Dict[str, Any]:
        """The answer to another member. :arg program: which program answers, for the run that installed it."""
        return dict(self.standing().as_dict(), program=program)

    # -------------------------------------------------------------------------------- the others

    def others(self) -> Dict[str, Optional[Standing]]:
        """What the others say, all asked at once; None for one that gives no answer that can be used."""
        if not self.config.others:
            return {}
        key = self.key()

        def one(name: str, host: str, port: int) -> Optional[Standing]:
            try:
                found = standing.standing_from(standing_wire.ask(host, port, key, self.config.cluster))
            except (OSError, StandbyError):
                return None
            # Two addresses that lead to one member would make one answer count for two.
            return found if found is not None and found.member == name else None

        with ThreadPoolExecutor(max_workers=len(self.config.others)) as pool:
            asked = {name: pool.submit(one, name, host, port) for name, host, port in self.config.others}
            return {name: each.result() for name, each in asked.items()}

    def learn(self, answers: Answers, own: Standing) -> None:
        """Keep the latest change that anybody knows of, for those who ask this member later."""
        latest = standing.latest_known(own, answers)
        if latest is not None and latest != own.latest:
            self._write(self._learned_path, dict(latest._asdict()))

    def _write(self, path: str, record: Mapping[str, Any]) -> None:
        detached.private_directory(self.client.record_directory)
        detached.write_atomically(path, json.dumps(record, indent=1, sort_keys=True) + "\n")

    def register(self, role: str, primary: str) -> bool:
        """Write down what a run saw: the role of this member, and, where the changes that are known say otherwise, who is primary.

        :returns: whether anything had to be written.
        """
        written = role_record.write(self.client, role, "seen by a run of the collection")
        own = self.standing()
        if not needs_observation(own.latest, primary):
            return written
        after = journal.moment_after([own.latest.started_at] if own.latest else [])
        self._write(
            self._learned_path,
            dict(Latest(after, "observed-" + after, standing.OBSERVED, journal.CHANGE_DONE, "", primary)._asdict()),
        )
        return True

    def note(self, verdict: Verdict) -> None:
        """Keep a verdict where people look; a member without a home for records has nothing to keep."""
        if os.path.isdir(self.client.instance_directory):
            self._write(self.verdict_path, dict(verdict._asdict(), at=journal.now()))


def needs_observation(latest: Optional[Latest], primary: str) -> bool:
    """Whether the latest change that is known has ended and names another primary than the one that is seen."""
    return bool(primary) and latest is not None and latest.settled and latest.holders != {primary}


def needs_standby(client: Tibero) -> bool:
    """Whether the tip has a mode in which a primary boots only beside a standby. An unreadable tip needs one: nothing boots from it anyway."""
    try:
        return client.parameter("LOG_REPLICATION_MODE").strip().strip('"').upper() in STRICT_MODES
    except StandbyError:
        return True


# ------------------------------------------------------------------------------------------- boot


def boot(member: Member, say: Callable[[str], None], clock: Optional[Clock] = None) -> int:
    """Decide and start; see the module. :returns: the exit code."""
    config = member.config
    time_source = clock or Clock()
    started = time_source.now()
    said = [""]

    def look() -> Verdict:
        spent = time_source.now() - started
        own = member.standing()
        answers = member.others() if own.recorded == PRIMARY and own.runs == standing.RUNS_NOT else {}
        terms = Terms(config.unreachable, spent < config.wait, needs_standby(member.client))
        seen = standing.decide_at_boot(own, answers, terms)
        if seen.text() != said[0]:
            said[0] = seen.text()
            say("{0}: {1}".format(config.cluster, said[0]))
        member.learn(answers, own)
        return seen

    verdict = wait_until(
        look,
        lambda seen: seen.verdict != standing.WAIT,
        config.wait + 60.0,
        "the other members",
        "",
        BOOT_INTERVAL,
        clock,
    ).value
    member.note(verdict)
    if verdict.verdict == standing.LEAVE:
        return DONE
    if verdict.verdict == standing.STAY:
        return STAYS_DOWN
    mode = "NORMAL" if verdict.verdict == standing.BOOT_PRIMARY else STANDBY_WORD
    try:
        remarks = start(member.client, mode, clock)
    except StandbyError as error:
        member.note(Verdict(standing.STAY, "{0}. {1}".format(error.seen, error.meaning), error.remedy))
        raise
    for remark in remarks:
        say(remark)
    say("{0} runs: tbboot -t {1}".format(config.cluster, mode))
    return DONE


def start(client: Tibero, mode: str, clock: Optional[Clock] = None) -> List[str]:
    """Boot once, and once more after leftovers of a crash were cleaned. What stays below the mode is stopped again: it serves nobody.

    :returns: remarks. :raises StandbyError: when the instance does not run as asked.
    """
    remarks: List[str] = []
    booted = client.boot(mode)
    if booted.report.outcome == BootOutcome.GARBAGE_LEFT:
        remarks.extend(drive.clean(client))
        booted = client.boot(mode)
    if booted.done.timed_out:
        raise DeadlineExceeded(
            seen="tbboot -t {0} had not ended after {1:.0f} s".format(mode, booted.done.duration),
            meaning="The boot goes on; it was not killed, because a half-booted instance is worse than a slow one",
            remedy="Wait for its end (crash recovery can take long) and look at playbooks/status.yml",
        )
    if booted.report.outcome == BootOutcome.STARTED:
        wait_until(
            client.processes, bool, START_LIMIT, "the server of {0} to be seen".format(client.tb_sid), "", clock=clock
        )
        return remarks + list(booted.report.warnings)
    failure = drive.boot_failed(client, mode, booted)
    if booted.report.outcome == BootOutcome.SUSPENDED:
        drive.stop(client, "IMMEDIATE", clock)
    raise failure


def stop(member: Member, say: Callable[[str], None], clock: Optional[Clock] = None) -> int:
    """Stop the instance because its host goes down: IMMEDIATE, which waits for nobody (H). Never escalated."""
    runs = member.standing().runs
    if runs == standing.RUNS_NOT:
        say("{0} does not run".format(member.config.cluster))
        return DONE
    for remark in drive.stop(member.client, "IMMEDIATE", clock):
        say(remark)
    say("{0} is stopped: tbdown -t IMMEDIATE".format(member.config.cluster))
    return DONE


# ------------------------------------------------------------------------------------------ watch


class Watch:
    """Answers, and looks every few seconds. One look is :meth:`look`; :meth:`run` never ends by itself.

    :arg program: which program this is, as it tells whoever asks.
    """

    def __init__(self, member: Member, say: Callable[[str], None], program: str = "") -> None:
        self.member = member
        self._program = program
        self._say = say
        self._said: Dict[str, str] = {}
        self._answering: Optional[standing_wire.Answering] = None

    def look(self) -> bool:
        """Ask the others; stop a primary that was taken over from. :returns: whether it was stopped."""
        self._answer()
        own = self.member.standing()
        answers = self.member.others()
        stopped, why = standing.must_stop(own, answers)
        if stopped:
            self._fence(why)
        self._tell(
            "roles",
            "TWO PRIMARIES: {0}. To do: stop the wrong one with tbdown, see playbooks/status.yml".format(why)
            if why and not stopped
            else "",
        )
        self.member.learn(answers, own)
        return stopped

    def _fence(self, why: str) -> None:
        reason = "stopped by its own watch: {0}".format(why)
        self._say(reason)
        config = self.member.config
        params = {"tb_home": config.tb_home, "tb_sid": config.tb_sid, "timeout": config.timeout}
        fence.ensure_fence(Context(dict(params, state=fence.FENCED, reason=reason), False, self.member.runner))
        self.member.note(
            Verdict(
                standing.STAY,
                why,
                "playbooks/reinstate.yml -e standby_member={0} makes it a standby again".format(config.member),
            )
        )

    def _tell(self, topic: str, text: str) -> None:
        """Say something once, and again when it was over ("") in between."""
        if text and text != self._said.get(topic):
            self._say(text)
        self._said[topic] = text

    def _answer(self) -> None:
        """Begin to answer; at boot the address may not be there yet, so it is tried at every look."""
        if self._answering is not None:
            return
        config = self.member.config
        try:
            self._answering = standing_wire.Answering(
                config.address,
                config.port,
                self.member.key(),
                config.cluster,
                lambda: self.member.answer(self._program),
            )
        except (OSError, StandbyError) as error:
            self._tell("answering", "cannot answer at {0}:{1}: {2}".format(config.address, config.port, error))

    def close(self) -> None:
        """Answer no more."""
        if self._answering is not None:
            self._answering.close()
            self._answering = None

    def run(self, replaced: Callable[[], bool], clock: Optional[Clock] = None) -> None:
        """Look until the program is replaced. An error of one look is said, and the next look comes all the same."""

        def once() -> bool:
            try:
                self.look()
            except (StandbyError, OSError) as error:
                self._tell("look", "the watch could not look: {0}".format(error))
            return replaced()

        try:
            wait_until(once, bool, float("inf"), "a new program", "", float(self.member.config.interval), clock)
        finally:
            self.close()


# ---------------------------------------------------------------------------------- command line


def status(member: Member, say: Callable[[str], None]) -> int:
    """Print what the members say and what a boot would do now."""
    own = member.standing()
    answers = member.others()
    say("{0}: {1}".format(own.member, own.text()))
    for name, each in sorted(answers.items()):
        say("{0}: {1}".format(name, each.text() if each else "no answer"))
    latest = standing.latest_known(own, answers)
    say("latest change: {0}".format(latest.text() if latest else "none"))
    terms = Terms(member.config.unreachable, False, needs_standby(member.client))
    say("at boot: {0}".format(standing.decide_at_boot(own, answers, terms).text()))
    return DONE


def print_line(text: str) -> None:
    """A line for the system's journal or the log, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def digest_of(paths: Sequence[str]) -> str:
    """What tells one program with its configuration and its key from another; "" while one of them cannot be read."""
    found = hashlib.sha256()
    for path in paths:
        try:
            with open(path, "rb") as source:
                found.update(hashlib.sha256(source.read()).digest())
        except OSError:
            return ""
    return found.hexdigest()


def watch(member: Member, files: Sequence[str], detach: bool) -> int:
    """Watch until one of the files is replaced, so that whoever started it starts the new one.

    :arg files: the program, its configuration, its key. :arg detach: go on in the background, unless this very program answers already.
    """
    before = digest_of(files)

    def replaced() -> bool:
        return digest_of(files) != before

    def in_background(job: detached.Job) -> Mapping[str, Any]:
        lock = take_turn(member)
        if lock is not None:
            Watch(member, print_line, before).run(replaced)
        return {}

    if detach:
        if answering(member.config, member.key()) != before:
            detached.start(member.client.record_directory, "watch", member.config.cluster, in_background)
        return DONE
    # One watch at a time: what the system starts takes over when one of a run of the collection ends.
    locks: List[int] = []

    def turn() -> bool:
        lock = take_turn(member)
        locks.extend([lock] if lock is not None else [])
        return bool(locks) or replaced()

    wait_until(turn, bool, float("inf"), "the turn of this watch", "", float(member.config.interval))
    if locks:
        Watch(member, print_line, before).run(replaced)
    return DONE


def take_turn(member: Member) -> Optional[int]:
    """The turn of the one watch, held until this process ends; None while another one has it."""
    detached.private_directory(member.client.record_directory)
    return detached.take_lock(member.client.record_directory, "watch.turn")


def answering(config: Config, key: bytes) -> str:
    """Which program answers for this member on this host, "" when none does."""
    try:
        found = standing_wire.ask(config.address, config.port, key, config.cluster)
    except (OSError, StandbyError):
        return ""
    return str(found.get("program", "")) if found.get("member") == config.member else ""


def main(argv: Sequence[str], runner: Runner = run, say: Callable[[str], None] = print_line) -> int:
    """The program. :returns: the exit code."""
    parser = argparse.ArgumentParser(prog="firedrill", description="Start one instance in the role that it must have.")
    parser.add_argument("config")
    parser.add_argument("verb", choices=("boot", "stop", "watch", "status", "register"))
    parser.add_argument(
        "--detach", action="store_true", help="watch: go on in the background, for hosts without systemd"
    )
    parser.add_argument("arguments", nargs="*")
    given = parser.parse_args(list(argv[1:]))
    try:
        member = Member(read_config(given.config), runner)
        if given.verb == "boot":
            return boot(member, say)
        if given.verb == "stop":
            return stop(member, say)
        if given.verb == "status":
            return status(member, say)
        if given.verb == "register":
            return _register(member, given.arguments, say)
        return watch(member, (argv[0], given.config, member.config.key_file), given.detach)
    except StandbyError as error:
        say(str(error))
        return FAILED
    except OSError as error:
        say("{0}: {1}".format(error.filename or "operating system", error.strerror or error))
        return FAILED


def _register(member: Member, arguments: Sequence[str], say: Callable[[str], None]) -> int:
    if len(arguments) != 2 or arguments[0] not in (PRIMARY, STANDBY):
        raise Refusal(
            seen="register was given {0!r}".format(list(arguments)),
            meaning="Allowed are a role (primary, standby) and the name of the primary",
            remedy="Leave it to playbooks/setup_standby.yml",
        )
    say(json.dumps({"changed": member.register(arguments[0], arguments[1])}))
    return DONE
