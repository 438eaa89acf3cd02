# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Faults of a drill on their target, each begun once, with consent, and healed by a timer on the target itself.

One detached process does all of it: it writes down what it is about to do, does it, waits, and heals. So there is no moment in which a fault is
in force and nobody is there to heal it: when the controller, its SSH session or the module dies, that process goes on; when it is asked to end, it
heals first. Should it be killed itself, its record tells ``state: absent`` what to heal.

The record stays after the timer has healed, because somebody has to be told when that was. ``state: absent`` tells it and removes it.

Public: :func:`ensure`, :class:`Wish`, :class:`Engine`, :class:`Ports`.
"""

import hashlib
import json
import os
import signal
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, fault_cut, fault_process, network
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_policy import CONSENTS
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
    StandbyError,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.fault_process import Family, System
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Runner
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until

PRESENT, ABSENT = "present", "absent"
NO_FAULT, KILL, CRASH, FREEZE = "none", "kill_server", "crash_host", "freeze"
CUT_CLIENTS, CUT_STANDBY, CUT_BOTH = "cut_clients", "cut_standby", "cut_both"
CUTS = (CUT_CLIENTS, CUT_STANDBY, CUT_BOTH)
#: Methods beside those of the cuts, as the evidence names them.
SIGSTOP, SIGKILL, SYSRQ, COMMAND = "SIGSTOP", "SIGKILL", "sysrq", "command"
#: How far a fault has come, as its record says.
ARMED, ANNOUNCED, BEGUN, IN_FORCE, HEALED, DONE = "armed", "announced", "begun", "in_force", "healed", "done"
#: States of a result that are no phase: its process is gone and it is in force; the host was booted anew since; a deed that cannot be undone was
#: begun and is not known to be complete.
UNHEALED, REBOOTED, FAILED = "unhealed", "rebooted", "failed"
TIMER, DRILL, NOBODY = "timer", "drill", "nobody"

JOB = "fault"
#: Survives a boot, so that the record of a crash can be collected; open to every user, so private to ours below it.
BASE = "/var/tmp"
LONGEST = 86400
#: Seconds between the answer of the module and the crash of the host, so that the answer arrives.
CRASH_DELAY = 3.0
#: Seconds until a fault is in force, and until it is healed by one attempt or another.
BEGIN_LIMIT, HEAL_LIMIT, HEAL_PAUSE = 90.0, 600.0, 2.0
#: Seconds that ``absent`` waits for the timer's process.
ABSENT_LIMIT = 90.0
#: Seconds for the lock of a process that is gone.
LOCK_LIMIT = 10.0
#: Seconds between two looks at the clock and at the wish to end.
INTERVAL = 0.1

TRIGGER = "/proc/sysrq-trigger"
#: Name spaces of a host that is no container; their numbers are constants of Linux (include/linux/proc_ns.h).
HOST_SPACES = (("/proc/self/ns/pid", "pid:[4026531836]"), ("/proc/self/ns/uts", "uts:[4026531838]"))


class Wish(NamedTuple):
    """What the options say; see the documentation of drill_fault."""

    state: str
    fault: str = ""
    consent: str = ""
    seconds: int = 300
    drill: str = ""
    member: str = ""
    client_addresses: Tuple[str, ...] = ()
    standby_addresses: Tuple[str, ...] = ()
    whole_host: bool = False
    control_address: str = ""
    control_port: int = 22
    crash_command: Tuple[str, ...] = ()
    boot_command: Tuple[str, ...] = ()


class Ports(NamedTuple):
    """TCP ports of an instance: ``service`` for clients, ``replication`` on which it receives, ``remote`` to which it sends."""

    service: Tuple[int, ...]
    replication: Tuple[int, ...]
    remote: Tuple[int, ...]


class Engine(NamedTuple):
    """What only the engine can tell. ``name``: the instance in words; ``key``: what tells it from others on this host; ``owner``: user id of
    its installation, None when there is none."""

    name: str
    key: str
    owner: Optional[int]
    look: Callable[[], Family]
    ports: Callable[[], Ports]


class Host(NamedTuple):
    """Where a fault is done: programs, the system, and where records are kept."""

    runner: Runner
    system: System
    base: str = BASE


class Plan(NamedTuple):
    """A fault that may be begun: everything was checked. ``begin`` gets the diary and returns when the fault is in force."""

    method: str
    source: str
    begin: Callable[["Diary"], None]
    processes: List[Dict[str, Any]]
    warnings: Tuple[str, ...] = ()


class Diary:
    """The record of a fault: the status of its job, written before each deed."""

    def __init__(self, job: detached.Job, system: System) -> None:
        self._job = job
        self.system = system
        self.values: Dict[str, Any] = {}

    def note(self, **values: Any) -> None:
        """Write values down; they are with the kernel when this returns."""
        self.values.update(values)
        self._job.progress(**values)
        self._job.write()

    def note_durably(self, directory: str, **values: Any) -> None:
        """Write values down so that a host that is crashed at once has them on its disk; nothing else of it is flushed."""
        self.values.update(values)
        self._job.progress(**values)
        self._job.write(durable=True)
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def begun(self) -> None:
        """Write down that the first deed comes now, and when the timer heals."""
        if "begun_wall_ns" not in self.values:
            wall, seconds = self.system.wall_ns(), int(self.values["seconds"])
            self.note(
                phase=BEGUN,
                begun_wall_ns=wall,
                heals_at_wall_ns=wall + seconds * 10**9 if seconds else None,
                heals_at_monotonic=time.monotonic() + seconds,
            )


def directory_of(base: str, engine: Engine, user: int) -> str:
    """Where the record of a fault is kept, by the user who does it."""
    return os.path.join(base, ".firedrill-fault-{0}-{1}-{2}".format(user, engine.name, _digest(engine)))


def _digest(engine: Engine) -> str:
    return hashlib.sha256(os.fsencode(engine.key)).hexdigest()[:12]


def _empty_cut(engine: Engine) -> fault_cut.Cut:
    """The names of a cut of this instance."""
    digest = _digest(engine)
    return fault_cut.Cut("firedrill_{0}_{1}".format(engine.name, digest), "FIREDRILL-{0}".format(digest), (), ())


# ------------------------------------------------------------------------------------------------------------------ plans


def _refuse_consent(wish: Wish) -> None:
    if wish.consent != CONSENTS[wish.fault]:
        raise Refusal(
            seen="The fault {0} has the consent {1!r}".format(wish.fault, wish.consent),
            meaning="A fault is done only to those who say what it does",
            remedy="Set consent to {0!r}".format(CONSENTS[wish.fault]),
        )


def _refuse_numbers(wish: Wish) -> None:
    if not 1 <= wish.seconds <= LONGEST or not 1 <= wish.control_port <= 65535:
        raise Refusal(
            seen="seconds is {0}, control_port is {1}".format(wish.seconds, wish.control_port),
            meaning="A fault heals after 1 to {0} seconds, and a port is a number up to 65535".format(LONGEST),
            remedy="Correct them",
        )


def _refuse_killed_timer(host: Host) -> None:
    """A login manager that kills what a session leaves behind would kill the timer too.

    :raises Refusal: when systemd-logind says that it does and this process belongs to a session of another user than root, whose sessions it
        spares by default.
    """
    try:
        if "session-" not in host.system.read("/proc/self/cgroup"):
            return
        user = host.system.read("/proc/self/loginuid").strip()
    except OSError:
        return
    manager = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
    try:
        done = host.runner(Command(("busctl", "get-property", *manager, "KillUserProcesses"), deadline=10.0))
    except FileNotFoundError:
        return
    if done.returncode == 0 and done.output.split() == ["b", "true"] and user != "0":
        raise Refusal(
            seen="KillUserProcesses of systemd-logind is on, and this task runs in a login session of user {0}".format(
                user
            ),
            meaning="The process that heals the fault would be killed with the SSH session, and the fault would stay",
            remedy="Set KillUserProcesses=no in logind.conf, or let lingering processes of this user live with KillExcludeUsers",
        )


def _family(engine: Engine, system: System) -> Family:
    """The processes to be stopped or killed.

    :raises Refusal: when there are none, one is stopped already, or one may not be touched by this user.
    """
    family = engine.look()
    if not family.members:
        raise Refusal(
            seen="No process of {0} runs on this host".format(engine.name),
            meaning="There is nothing to stop or to kill",
            remedy="Check tb_home, tb_sid and the host; a fault is done to a member that runs",
        )
    stopped = [str(each.process.pid) for each in family.members if fault_process.is_stopped(each, system)]
    if stopped:
        raise Refusal(
            seen="Process {0} of {1} is stopped already, and not by a drill of this user".format(
                ", ".join(stopped), engine.name
            ),
            meaning="Somebody else stopped it, and would not expect a drill to let it go on",
            remedy="Find out who did; 'kill -CONT' lets it go on",
        )
    for each in family.members:
        try:
            system.send(each.process, 0)
        except PermissionError as error:
            raise Refusal(
                seen="Process {0} ({1}) belongs to another user".format(each.process.pid, each.name),
                meaning="This task may not send it a signal",
                remedy="Run the task as the OS user of the database or as root (become)",
            ) from error
    return family


def _refuse_lasting_death(wish: Wish) -> None:
    """A killed server lives again only by a command. :raises Refusal: without one."""
    if not wish.boot_command:
        raise Refusal(
            seen="boot_command is empty, and the fault is {0}".format(KILL),
            meaning="Nothing would start the server again if the controller were lost: this fault would never heal",
            remedy="Have role service on the member (standby_service: true, then playbooks/setup_standby.yml), whose program asks the others before it "
            "starts anything, or set boot_command (of a drill: drill_boot_command) to what starts the server only in the role in which it may run",
        )
    _refuse_program("boot_command", wish.boot_command)


def _plan_processes(wish: Wish, engine: Engine, host: Host) -> Plan:
    system = host.system
    if wish.fault == KILL:
        _refuse_lasting_death(wish)
    family = _family(engine, system)
    _refuse_killed_timer(host)

    def keep(diary: Diary, targets: Sequence[fault_process.Target]) -> None:
        diary.note(targets=[target.as_dict() for target in targets])
        diary.begun()

    def begin(diary: Diary) -> None:
        # All are stopped first, also to be killed, so that none forks a child that nobody knows of.
        kept = fault_process.freeze(engine.look, system, lambda targets: keep(diary, targets))
        if not kept:
            raise CommandFailed(
                seen="The processes of {0} were gone before one could be stopped".format(engine.name),
                meaning="The fault was not done",
                remedy="Look at why the instance ended",
            )
        if wish.fault == KILL:
            diary.note(killing=True)
        count = fault_process.kill(kept, system) if wish.fault == KILL else len(kept)
        diary.note(count=count, processes_in_force=fault_process.seen(kept, system))

    what = "{0} to {1} processes of {2}, each by pid and start time".format(
        "SIGKILL" if wish.fault == KILL else "SIGSTOP", len(family.members), engine.name
    )
    return Plan(
        SIGKILL if wish.fault == KILL else SIGSTOP,
        what,
        begin,
        fault_process.seen(family.members, system),
        tuple("{0} may belong to the instance and is left alone".format(each) for each in family.undecided),
    )


def _groups(wish: Wish, engine: Engine) -> Tuple[fault_cut.Group, ...]:
    """Whom the fault cuts off, from which ports."""
    sides = (
        ("client_addresses", wish.client_addresses, wish.fault in (CUT_CLIENTS, CUT_BOTH)),
        ("standby_addresses", wish.standby_addresses, wish.fault in (CUT_STANDBY, CUT_BOTH)),
    )
    ports = Ports((), (), ()) if wish.whole_host else engine.ports()
    groups = []
    for option, given, wanted in sides:
        if not wanted:
            continue
        if not given:
            raise Refusal(
                seen="{0} is empty".format(option),
                meaning="The fault {0} needs to know whom it cuts off".format(wish.fault),
                remedy="Set {0} to addresses or networks".format(option),
            )
        addresses = fault_cut.networks(option, given, network.resolve)
        if option == "client_addresses":
            groups.append(fault_cut.Group(addresses, ports.service))
        else:
            ours = tuple(sorted(set(ports.service + ports.replication)))
            groups.append(fault_cut.Group(addresses, ours, ports.remote))
    return tuple(groups)


def _plan_cut(wish: Wish, engine: Engine, host: Host) -> Plan:
    if host.system.euid() != 0:
        raise Refusal(
            seen="The task runs as user {0}".format(host.system.euid()),
            meaning="Only root may lay rules for packets",
            remedy="Run the task with become: true and become_user: root",
        )
    control = fault_cut.control_of(host.system.read, wish.control_address, wish.control_port)
    cut = _empty_cut(engine)._replace(control=control, groups=_groups(wish, engine))
    firewall = fault_cut.choose(host.runner, cut)
    if firewall.present():
        raise Refusal(
            seen="Rules of a drill of {0} are there, and no record of them".format(engine.name),
            meaning="A cut is in force that nobody heals",
            remedy="Run the module with state: absent; it takes them away",
        )
    _refuse_killed_timer(host)

    def begin(diary: Diary) -> None:
        diary.note(cut=_as_data(cut))
        diary.begun()
        firewall.lay()
        diary.note(rules_in_force=firewall.show())

    what = "; ".join(
        "{0}: {1}".format(
            ", ".join(group.addresses),
            "all traffic"
            if wish.whole_host
            else "TCP to ports {0} here{1}".format(
                ", ".join(map(str, group.local)),
                " and {0} there".format(", ".join(map(str, group.remote))) if group.remote else "",
            ),
        )
        for group in cut.groups
    )
    kept = ", ".join("{0} to port {1}".format(address, port) for address, port in control)
    return Plan(firewall.name, "dropped without a word, {0}; let through: {1}".format(what, kept), begin, [])


def _as_data(cut: fault_cut.Cut) -> Dict[str, Any]:
    """A cut as its record has it."""
    return {
        "table": cut.table,
        "chain": cut.chain,
        "control": [list(each) for each in cut.control],
        "groups": [[list(part) for part in group] for group in cut.groups],
    }


def _cut_of(raw: Mapping[str, Any]) -> fault_cut.Cut:
    """The cut of a record."""
    groups = tuple(fault_cut.Group(tuple(each[0]), tuple(each[1]), tuple(each[2])) for each in raw["groups"])
    control = tuple((str(address), int(port)) for address, port in raw["control"])
    return fault_cut.Cut(str(raw["table"]), str(raw["chain"]), control, groups)


def _refuse_sysrq(system: System) -> None:
    if system.euid() != 0:
        raise Refusal(
            seen="The task runs as user {0}".format(system.euid()),
            meaning="Only root may crash the host",
            remedy="Run the task with become: true and become_user: root, or set crash_command",
        )
    for path, expected in HOST_SPACES:
        try:
            found = system.link(path)
        except OSError as error:
            found = str(error)
        if found != expected:
            raise UnknownState(
                seen="{0} is {1!r}, not {2!r}".format(path, found, expected),
                meaning="This looks like a container, and the trigger would crash the host that it shares with others",
                remedy="Run it on the host itself, or set crash_command to what ends only this member",
            )
    try:
        setting = system.read("/proc/sys/kernel/sysrq").strip()
    except OSError as error:
        setting = error.strerror or str(error)
    # The number is about the keyboard; root may write to the trigger whatever it is. 0 is a decision of the site all the same.
    if not setting.isdigit() or setting == "0" or not system.writable(TRIGGER):
        raise Refusal(
            seen="kernel.sysrq is {0}, {1} can{2} be written".format(
                setting, TRIGGER, "" if system.writable(TRIGGER) else "not"
            ),
            meaning="The host cannot be crashed this way, or its owners switched that off",
            remedy="Set kernel.sysrq to 1 or to a mask, or set crash_command",
        )


def _refuse_program(option: str, command: Sequence[str]) -> None:
    if command and not (os.path.isabs(command[0]) and os.access(command[0], os.X_OK)):
        raise Refusal(
            seen="{0} begins with {1!r}".format(option, command[0]),
            meaning="That is no absolute path of a program that this user may run",
            remedy="Correct {0}; it is a list of a program and its arguments".format(option),
        )


def _plan_crash(wish: Wish, host: Host, directory: str) -> Plan:
    system, command = host.system, wish.crash_command
    _refuse_program("crash_command", command)
    if not command:
        _refuse_sysrq(system)

    def begin(diary: Diary) -> None:
        lease = detached.lease_path(directory, JOB)
        diary.note(phase=ANNOUNCED, begun_wall_ns=system.wall_ns() + int(CRASH_DELAY * 10**9), heals_at_wall_ns=None)
        if _wait_for_end(lease, time.monotonic() + CRASH_DELAY):
            raise detached.Cancelled()
        diary.note_durably(directory, phase=BEGUN, begun_wall_ns=system.wall_ns())
        if not command:
            system.write(TRIGGER, "b")
            raise CommandFailed(
                seen="'b' was written to {0}, and this process lives".format(TRIGGER),
                meaning="The kernel did not boot the host",
                remedy="Look at the kernel's messages (dmesg)",
            )
        done = host.runner(Command(command, deadline=BEGIN_LIMIT))
        diary.note(command=done.describe())
        if done.returncode != 0:
            raise CommandFailed(
                seen="{0} ended with {1}".format(command[0], "its deadline" if done.timed_out else done.returncode),
                meaning="The host was not crashed, or not yet",
                remedy="Read its output in the details",
                details=done.describe(),
            )

    what = (
        "the command {0}".format(" ".join(command))
        if command
        else "'b' to {0}: a boot without sync or unmount".format(TRIGGER)
    )
    return Plan(COMMAND if command else SYSRQ, "{0}, {1:g} s after the answer".format(what, CRASH_DELAY), begin, [])


def plan(wish: Wish, engine: Engine, host: Host, directory: str) -> Plan:
    """Check everything that a fault needs; nothing is changed. :raises Refusal: when something is missing."""
    _refuse_numbers(wish)
    if wish.fault in CUTS:
        return _plan_cut(wish, engine, host)
    if wish.fault == CRASH:
        return _plan_crash(wish, host, directory)
    return _plan_processes(wish, engine, host)


# ---------------------------------------------------------------------------------------------------------------- the job


def _wait_for_end(lease: str, deadline: float) -> bool:
    """Wait until the lease is taken away (True) or it is ``deadline`` by the monotonic clock (False)."""
    end = wait_until(
        lambda: (not os.path.lexists(lease), time.monotonic() >= deadline),
        any,
        float("inf"),
        "the end of the fault",
        "",
        interval=INTERVAL,
    )
    return end.value[0]


def heal(record: Mapping[str, Any], host: Host) -> Dict[str, Any]:
    """Undo a fault as its record tells it. Safe to be done again, and on a host that was booted meanwhile.

    :returns: what is there afterwards, and the rules with their counters just before: values for the record.
    """
    method = str(record.get("method"))
    found: Dict[str, Any] = {}
    if method in (SIGSTOP, SIGKILL) and record.get("targets"):
        targets = [fault_process.target_of(each) for each in record["targets"]]
        fault_process.thaw(targets, host.system)
        found["processes_healed"] = fault_process.seen(targets, host.system)
    if method in (fault_cut.NFT, fault_cut.IPTABLES) and record.get("cut"):
        firewall = fault_cut.of_method(method, host.runner, _cut_of(record["cut"]))
        last = firewall.show()
        firewall.remove()
        left = firewall.show()
        if left:
            raise CommandFailed(
                seen="Rules of the drill are there still: {0}".format("; ".join(left)[:300]),
                meaning="The cut is in force",
                remedy="Take them away by hand; their names begin with firedrill",
            )
        found.update({"rules_healed": left, **({"rules_last": last} if last else {})})
    return found


def _heal_until_done(diary: Diary, host: Host, by: str) -> None:
    """Heal, again when it fails: a lock of the firewall's, say, is soon gone."""
    last: List[StandbyError] = []

    def attempt() -> bool:
        try:
            values = heal(diary.values, host)
        except StandbyError as error:
            last[:] = [error]
            diary.note(heal_error=error.as_failure())
            return False
        diary.note(phase=HEALED, healed_wall_ns=host.system.wall_ns(), healed_by=by, **values)
        return True

    # Asked to end now, this process would leave the fault in force.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        wait_until(attempt, bool, HEAL_LIMIT, "the fault to be healed", "", interval=HEAL_PAUSE)
    except DeadlineExceeded as error:
        raise last[-1] from error


def _live(diary: Diary, wish: Wish, prepared: Plan, host: Host, lease: str) -> None:
    """Begin the fault, wait for the end of its time or of the lease, heal it.

    :raises Cancelled: at any line, once, when somebody asks this process to end (SIGTERM).
    """
    heals = wish.fault == FREEZE or wish.fault in CUTS
    boots = wish.fault == KILL
    diary.note(
        lease=lease,
        phase=ARMED,
        fault=wish.fault,
        drill=wish.drill,
        member=wish.member,
        method=prepared.method,
        source=prepared.source,
        seconds=wish.seconds if heals or boots else 0,
        processes_before=prepared.processes,
    )
    try:
        prepared.begin(diary)
    except Exception:
        # A crash has nothing that could be undone; what else was begun is undone at once.
        if wish.fault != CRASH:
            _heal_until_done(diary, host, TIMER)
        raise
    if not heals:
        diary.note(phase=DONE, in_force_wall_ns=host.system.wall_ns(), healed_by=NOBODY)
        if boots and not _wait_for_end(lease, float(diary.values["heals_at_monotonic"])):
            _boot(diary, wish.boot_command, host)
        return
    diary.note(phase=IN_FORCE, in_force_wall_ns=host.system.wall_ns())
    ended = _wait_for_end(lease, float(diary.values["heals_at_monotonic"]))
    _heal_until_done(diary, host, DRILL if ended else TIMER)


def _boot(diary: Diary, command: Sequence[str], host: Host) -> None:
    """Nobody ended the drill: have the server started by who knows in which role it may run, if in any."""
    try:
        done = host.runner(Command(tuple(command), deadline=HEAL_LIMIT))
    except OSError as error:
        diary.note(heal_error={"seen": str(error)})
        return
    diary.note(command=done.describe())
    if done.returncode == 0:
        diary.note(phase=HEALED, healed_wall_ns=host.system.wall_ns(), healed_by=TIMER)


def _work(job: detached.Job, wish: Wish, prepared: Plan, host: Host, directory: str) -> Mapping[str, Any]:
    """The life of a fault, in the detached process."""
    lease = detached.lease_path(directory, JOB)
    os.close(os.open(lease, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600))
    diary = Diary(job, host.system)
    try:
        _live(diary, wish, prepared, host, lease)
    except detached.Cancelled:
        if diary.values.get("phase") == ANNOUNCED:
            diary.note(begun_wall_ns=None)
        if diary.values.get("phase") not in (DONE, HEALED):
            # A drill takes the lease away; with the lease there, a shutdown or a person ends this process before its time.
            _heal_until_done(diary, host, TIMER if os.path.lexists(lease) else DRILL)
    finally:
        detached.remove_lease(lease)
    return {}


# ---------------------------------------------------------------------------------------------------------------- results


def state_of(status: detached.Status, boot: str) -> str:
    """Where a fault stands: absent, a phase, unhealed, failed or rebooted. Pure."""
    record = status.progress
    phase, crash = str(record.get("phase", "")), record.get("fault") == CRASH
    rebooted = status.process is not None and status.process.boot != boot
    if status.state == detached.NONE:
        return ABSENT
    if status.is_running:
        return phase or ARMED
    if rebooted and (crash or phase not in (HEALED, DONE)):
        return REBOOTED
    if status.state == detached.FAILED and (record.get("killing") or (crash and phase == BEGUN)):
        return FAILED
    if phase in (HEALED, DONE) or (crash and phase == BEGUN):
        return phase if phase in (HEALED, DONE) else DONE
    # What was only armed or announced had touched nothing.
    return UNHEALED if phase in (BEGUN, IN_FORCE) or record.get("targets") or record.get("cut") else HEALED


def values_of(status: detached.Status, boot: str) -> Dict[str, Any]:
    """A fault as the module returns it. Pure but for the monotonic clock."""
    record, state = status.progress, state_of(status, boot)
    heals_at = record.get("heals_at_monotonic")
    running = status.is_running and state in (BEGUN, IN_FORCE) and heals_at is not None
    ended_by_nobody = state in (DONE, FAILED, REBOOTED) and not record.get("healed_wall_ns")
    executed = {
        "fault": str(record.get("fault", "")),
        "method": str(record.get("method", "")),
        "member": str(record.get("member", "")),
        "begun_wall_ns": record.get("begun_wall_ns"),
        "healed_wall_ns": record.get("healed_wall_ns"),
        "healed_by": NOBODY if ended_by_nobody else str(record.get("healed_by", "")),
        "source": str(record.get("source", "")),
    }
    return dict(
        executed,
        executed=executed if record.get("begun_wall_ns") else {},
        drill=str(record.get("drill", "")),
        fault_state=state,
        in_force_wall_ns=record.get("in_force_wall_ns"),
        heals_at_wall_ns=record.get("heals_at_wall_ns"),
        remaining_seconds=round(max(float(heals_at or 0.0) - time.monotonic(), 0.0), 1) if running else None,
        count=int(record.get("count", 0)),
        processes={
            "before": list(record.get("processes_before") or ()),
            "in_force": list(record.get("processes_in_force") or ()),
            "healed": list(record.get("processes_healed") or ()),
        },
        rules={
            "in_force": list(record.get("rules_in_force") or ()),
            "last": list(record.get("rules_last") or ()),
            "healed": list(record.get("rules_healed") or ()),
        },
        host_rebooted=bool(status.process is not None and status.process.boot != boot),
        timer_pid=status.process.pid if status.process is not None and status.is_running else None,
        command=dict(record.get("command") or {}),
        error=dict(status.error),
    )


def _key(wish: Wish) -> str:
    """What makes a fault another one; its length does not, since a fault that is there is not prolonged."""
    parts = {
        "fault": wish.fault,
        "drill": wish.drill,
        "clients": sorted(wish.client_addresses) if wish.fault in (CUT_CLIENTS, CUT_BOTH) else [],
        "standbys": sorted(wish.standby_addresses) if wish.fault in (CUT_STANDBY, CUT_BOTH) else [],
        "whole_host": wish.whole_host if wish.fault in CUTS else False,
    }
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode("utf-8")).hexdigest()[:12]
    return "{0} of drill {1!r}, {2}".format(wish.fault, wish.drill, digest)


def _outcome(changed: bool, status: detached.Status, before: str, host: Host, warnings: Sequence[str] = ()) -> Outcome:
    values = values_of(status, host.system.boot())
    return Outcome(
        changed, values, {"fault": before}, {"fault": values["fault_state"]}, "fault of the drill", tuple(warnings)
    )


# ------------------------------------------------------------------------------------------------------- present and absent


def _refuse_foreign(engine: Engine, host: Host) -> None:
    """A fault of another user is that user's to heal. Who owns neither this host nor the installation has no say here."""
    own = host.system.euid()
    for user in sorted({0, own if engine.owner is None else engine.owner} - {own}):
        path = directory_of(host.base, engine, user)
        try:
            there = os.lstat(path).st_uid == user
        except FileNotFoundError:
            continue
        if there:
            raise Refusal(
                seen="A fault of {0} was begun by user {1}: {2}".format(engine.name, user, path),
                meaning="This task runs as user {0}, who cannot tell whether it is in force".format(own),
                remedy="Run the task as that user",
            )


def _nothing(wish: Wish, host: Host) -> Outcome:
    """The control case: a drill without a fault, to see what the drill itself does to clients."""
    wall = host.system.wall_ns()
    record = {
        "fault": NO_FAULT,
        "method": NO_FAULT,
        "member": wish.member,
        "drill": wish.drill,
        "begun_wall_ns": wall,
        "healed_wall_ns": wall,
        "healed_by": NOBODY,
        "source": "the control case: nothing was done",
    }
    status = detached.Status(JOB, detached.NONE, "", None, None, None, record, {}, {})
    return Outcome(False, values_of(status, ""))


def _existing(wish: Wish, engine: Engine, host: Host, status: detached.Status) -> Optional[Outcome]:
    """What a fault that is there already means for the wish for one; None when a new one may begin."""
    state = state_of(status, host.system.boot())
    if state == ABSENT or (status.state == detached.FAILED and state == HEALED):
        return None
    if state in (UNHEALED, FAILED) or status.key != _key(wish):
        raise Refusal(
            seen="{0} has the fault {1}, state {2}".format(engine.name, status.key, state),
            meaning={
                UNHEALED: "The process that would heal it is gone",
                FAILED: "It was begun, and is not known to be complete",
            }.get(state, "One fault at a time, and its end is collected before the next one"),
            remedy="Run the module with state: absent first; it heals what is in force and tells how it ended",
            details={"fault": values_of(status, host.system.boot())},
        )
    ended = state in (HEALED, DONE, REBOOTED)
    warnings = ["The fault was begun before and is {0}; it is not done a second time".format(state)] if ended else []
    return _outcome(False, status, state, host, warnings)


def _present(wish: Wish, engine: Engine, host: Host, check_mode: bool) -> Outcome:
    _refuse_consent(wish)
    if wish.fault == NO_FAULT:
        return _nothing(wish, host)
    _refuse_foreign(engine, host)
    directory = directory_of(host.base, engine, host.system.euid())
    found = _existing(wish, engine, host, detached.ask(directory, JOB))
    if found is not None:
        return found
    prepared = plan(wish, engine, host, directory)
    if check_mode:
        record = {
            "fault": wish.fault,
            "method": prepared.method,
            "member": wish.member,
            "drill": wish.drill,
            "source": prepared.source,
            "processes_before": prepared.processes,
        }
        status = detached.Status(JOB, detached.NONE, "", None, None, None, record, {}, {})
        return Outcome(
            True,
            values_of(status, ""),
            {"fault": ABSENT},
            {"fault": IN_FORCE},
            "fault of the drill",
            prepared.warnings,
        )
    started = detached.start(directory, JOB, _key(wish), lambda job: _work(job, wish, prepared, host, directory))
    status = wait_until(
        lambda: detached.ask(directory, JOB),
        lambda seen: not seen.is_running or seen.progress.get("phase") in (ANNOUNCED, IN_FORCE, DONE),
        BEGIN_LIMIT,
        "the fault to be in force",
        "Run the module with state: absent, which ends it",
        interval=0.02,
    ).value
    if status.state != detached.FINISHED and not status.is_running:
        raise _failed(status, engine, host, directory)
    return _outcome(not started.attached, status, ABSENT, host, prepared.warnings)


def _failed(status: detached.Status, engine: Engine, host: Host, directory: str) -> StandbyError:
    """The error of a fault that could not be brought in force. What was healed leaves nothing behind."""
    state = state_of(status, host.system.boot())
    if state == HEALED:
        detached.remove(directory, JOB)
    return CommandFailed(
        seen=str(status.error.get("seen") or "The process of the fault of {0} is gone".format(engine.name)),
        meaning="{0}. {1}".format(
            status.error.get("meaning") or "The fault did not come in force",
            "What had been done of it was undone" if state == HEALED else "What was done of it is not undone",
        ),
        remedy=str(status.error.get("remedy") or "Run the module with state: absent"),
        details={"fault": values_of(status, host.system.boot()), "cause": dict(status.error)},
    )


def _leftover(engine: Engine, host: Host) -> Optional[fault_cut.Firewall]:
    """Rules of a cut whose record is lost; only root can see them."""
    if host.system.euid() != 0:
        return None
    cut = _empty_cut(engine)
    for firewall in (fault_cut.Nft(host.runner, cut), fault_cut.Iptables(host.runner, cut)):
        if firewall.usable() and firewall.present():
            return firewall
    return None


def _heal_here(status: detached.Status, engine: Engine, host: Host, directory: str) -> detached.Status:
    """Heal what the dead process of a fault left in force."""
    # A process that died is seen dead a moment before the system takes its lock away.
    lock = wait_until(
        lambda: detached.take_lock(directory, JOB),
        lambda handle: handle is not None,
        LOCK_LIMIT,
        "the lock of the fault of {0}, whose process is gone".format(engine.name),
        "Somebody else may be healing it; run the module again",
        interval=INTERVAL,
    ).value
    try:
        values = heal(status.progress, host)
    finally:
        if lock is not None:
            os.close(lock)
    record = dict(status.progress, phase=HEALED, healed_wall_ns=host.system.wall_ns(), healed_by=DRILL, **values)
    return status._replace(progress=record)


def _absent(engine: Engine, host: Host, check_mode: bool) -> Outcome:
    _refuse_foreign(engine, host)
    directory = directory_of(host.base, engine, host.system.euid())
    status = detached.ask(directory, JOB)
    before = state_of(status, host.system.boot())
    if before == ABSENT:
        left = _leftover(engine, host)
        if left is None:
            return _outcome(False, status, ABSENT, host)
        rules = left.show()
        if not check_mode:
            left.remove()
        record = {"method": left.name, "source": "rules without a record were taken away", "rules_last": rules}
        return _outcome(True, status._replace(progress=record), "rules without a record", host)
    if check_mode:
        return _outcome(True, status, before, host)._replace(after={"fault": ABSENT})
    if status.is_running:
        status = detached.cancel(directory, JOB, ABSENT_LIMIT)
    state = state_of(status, host.system.boot())
    if state == UNHEALED:
        status = _heal_here(status, engine, host, directory)
    elif state == REBOOTED:
        heal(status.progress, host)  # rules that somebody saved come back with a boot; processes do not
    detached.remove(directory, JOB)
    return _outcome(True, status, before, host)._replace(after={"fault": ABSENT})


def ensure(wish: Wish, engine: Engine, host: Host, check_mode: bool) -> Outcome:
    """Begin a fault, or end it and collect its record; see the documentation of drill_fault."""
    if wish.state == ABSENT:
        return _absent(engine, host, check_mode)
    return _present(wish, engine, host, check_mode)
