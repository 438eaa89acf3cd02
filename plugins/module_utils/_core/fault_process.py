# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Faults of processes: stop them, let them go on, kill them. Which processes belong to an instance is the engine's to tell.

A process is named by pid, start time and boot. A signal is sent through a handle of the process where the system has such handles (Linux 5.3
and Python 3.9), so that between the look at the start time and the signal nobody else can get the pid; elsewhere those are two system calls
in a row.

Public: :class:`Target`, :class:`Family`, :class:`System`, :func:`freeze`, :func:`kill`, :func:`thaw`.
"""

import os
import signal
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, ledger
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until

#: Seconds for all processes to be seen stopped; a process in the middle of a disk access stops when that is over.
FREEZE_LIMIT = 20.0
#: Seconds for all processes to be gone after SIGKILL, and to be seen running after SIGCONT.
END_LIMIT = 20.0
#: States in /proc/PID/stat of a process that does not run because of a signal, or of a debugger.
STOPPED = ("T", "t")
GONE = "gone"


class Target(NamedTuple):
    """A process of the instance: which one it is, and its name in the list of processes."""

    process: detached.Process
    name: str

    def as_dict(self) -> Dict[str, Any]:
        """Plain data, which :func:`target_of` reads."""
        return dict(self.process._asdict(), name=self.name)


def target_of(raw: Mapping[str, Any]) -> Target:
    """The process of a record."""
    return Target(
        detached.Process(int(raw["pid"]), str(raw["started"]), str(raw["boot"])),
        str(raw.get("name", "")),
    )


class Family(NamedTuple):
    """The processes of an instance at one moment, its server first. ``undecided``: processes in words that may belong to it, which nothing
    proves; they are never touched."""

    members: Tuple[Target, ...] = ()
    undecided: Tuple[str, ...] = ()


def state_of(pid: int) -> str:
    """State of a process as /proc shows it, one letter; "gone" without such a process."""
    try:
        with open("/proc/{0}/stat".format(pid), "rb") as source:
            return source.read().rpartition(b")")[2].split()[0].decode("ascii")
    except (OSError, IndexError):
        return GONE


def send(process: detached.Process, number: int) -> bool:
    """Send a signal to this very process; 0 only asks whether it may be done.

    :returns: False when the process is gone, whoever has its pid now.
    :raises PermissionError: when it belongs to another user.
    """
    opener: Any = getattr(os, "pidfd_open", None)
    sender: Any = getattr(signal, "pidfd_send_signal", None)
    handle = -1
    try:
        if opener is not None and sender is not None:
            try:
                handle = opener(process.pid)
            except ProcessLookupError:
                return False
            except OSError:
                handle = -1  # a kernel that has no such handles, or a sandbox that forbids them
        if not detached.is_alive(process):
            return False
        if handle >= 0:
            sender(handle, number)
        else:
            os.kill(process.pid, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        if handle >= 0:
            os.close(handle)


def read_text(path: str) -> str:
    """The text of a small file of the system."""
    with open(path, encoding="utf-8", errors="surrogateescape") as source:
        return source.read()


def write_text(path: str, text: str) -> None:
    """Write to a file of the system that is there already."""
    handle = os.open(path, os.O_WRONLY)
    try:
        os.write(handle, text.encode("ascii"))
    finally:
        os.close(handle)


class System(NamedTuple):
    """What is asked of the operating system and told to it without a program. A test passes its own and harms nobody."""

    identify: Callable[[int], Any] = detached.identify
    state: Callable[[int], str] = state_of
    send: Callable[[detached.Process, int], bool] = send
    read: Callable[[str], str] = read_text
    write: Callable[[str, str], None] = write_text
    writable: Callable[[str], bool] = lambda path: os.access(path, os.W_OK)
    link: Callable[[str], str] = os.readlink
    wall_ns: Callable[[], int] = ledger.wall_clock
    euid: Callable[[], int] = os.geteuid
    boot: Callable[[], str] = detached.boot_id


def seen(targets: Sequence[Target], system: System) -> List[Dict[str, Any]]:
    """Processes as results show them: ``pid``, ``started``, ``boot``, ``name``, ``state`` (one letter, or "gone")."""
    return [
        dict(
            target.as_dict(),
            state=system.state(target.process.pid) if _alive(target, system) else GONE,
        )
        for target in targets
    ]


def _alive(target: Target, system: System) -> bool:
    return bool(system.identify(target.process.pid) == target.process)


def is_stopped(target: Target, system: System) -> bool:
    """Whether this very process is stopped."""
    return _alive(target, system) and system.state(target.process.pid) in STOPPED


def freeze(
    look: Callable[[], Family],
    system: System,
    keep: Callable[[Sequence[Target]], None],
    limit: float = FREEZE_LIMIT,
) -> List[Target]:
    """Stop every process of an instance (SIGSTOP), looking again until none runs and none is new: a server forks while it is being stopped.

    :arg look: the processes at this moment, the server first, because a parent that is stopped forks no more.
    :arg keep: writes down which processes are about to be stopped; it returns before the first of them gets its signal.
    :returns: the processes that were stopped.
    :raises DeadlineExceeded: when one is seen running still.
    """
    kept: List[Target] = []

    def stop() -> List[Dict[str, Any]]:
        fresh = [target for target in look().members if target not in kept]
        if fresh:
            kept.extend(fresh)
            keep(kept)
        for target in kept:
            if not is_stopped(target, system):
                system.send(target.process, signal.SIGSTOP)
        running = [target for target in kept if _alive(target, system) and not is_stopped(target, system)]
        # A process that is new was stopped only now: what it forked before is seen by the next look.
        return seen(fresh + [target for target in running if target not in fresh], system)

    wait_until(
        stop,
        lambda left: not left,
        limit,
        "every process of the instance to be stopped",
        "Look at the processes in 'details' with ps; one in state D waits for a disk",
        interval=0.02,
    )
    return kept


def kill(targets: Sequence[Target], system: System, limit: float = END_LIMIT) -> int:
    """Kill processes (SIGKILL) and wait until they are gone.

    :returns: how many got the signal.
    :raises DeadlineExceeded: when one lives on.
    """
    count = len([target for target in targets if system.send(target.process, signal.SIGKILL)])
    wait_until(
        lambda: [item for item in seen(targets, system) if item["state"] != GONE],
        lambda left: not left,
        limit,
        "the killed processes to be gone",
        "Look at the processes in 'details' with ps; one in state D waits for a disk",
        interval=0.02,
    )
    return count


def thaw(targets: Sequence[Target], system: System, limit: float = END_LIMIT) -> int:
    """Let stopped processes go on (SIGCONT), children before their server. Safe to be done again.

    :returns: how many live and got the signal; the others have ended meanwhile.
    :raises DeadlineExceeded: when one is stopped still.
    """

    def go_on() -> List[Target]:
        left = [target for target in reversed(targets) if is_stopped(target, system)]
        for target in left:
            system.send(target.process, signal.SIGCONT)
        return left

    alive = len([target for target in targets if _alive(target, system)])
    wait_until(
        go_on,
        lambda left: not left,
        limit,
        "every stopped process to go on",
        "Send SIGCONT by hand ('kill -CONT PID'); a process that a debugger holds goes on when the debugger lets it",
        interval=0.02,
    )
    return alive
