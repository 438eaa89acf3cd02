# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stopping, continuing and killing all processes of a host, whatever it forks meanwhile."""

import signal
from collections.abc import Callable

from lab.hosts.system import ProcessId, ProcessStat, all_processes, kill_all, process_stat, send, until

Members = Callable[[], list[ProcessStat]]
STOPPED = "Tt"
GONE = "ZX"


def identity(stat: ProcessStat) -> ProcessId:
    """The identity of a process once read."""
    return ProcessId(stat.pid, stat.start)


def by_depth(stats: list[ProcessStat]) -> list[ProcessStat]:
    """Parents before children."""
    parents = {stat.pid: stat.ppid for stat in stats}

    def depth(pid: int) -> int:
        steps = 0
        while pid in parents and steps <= len(parents):
            pid = parents[pid]
            steps += 1
        return steps

    return sorted(stats, key=lambda stat: depth(stat.pid))


def stop_all(members: Members, timeout: float = 10.0) -> list[ProcessId]:
    """SIGSTOP every member until none runs; returns those that had been stopped before.

    Parents come first, so that none sees a child stop.
    """
    before = [identity(stat) for stat in members() if stat.state in STOPPED]

    def probe() -> tuple[bool, str]:
        running = [stat for stat in by_depth(members()) if stat.state not in STOPPED + GONE]
        for stat in running:
            send(identity(stat), signal.SIGSTOP)
        return not running, f"still running: {[stat.pid for stat in running]}"

    until("stop of all processes of the host", probe, timeout)
    return before


def continue_all(members: Members, keep: list[ProcessId], timeout: float = 10.0) -> None:
    """SIGCONT every stopped member but those in `keep`; children come first, so that no parent sees one stopped."""

    def probe() -> tuple[bool, str]:
        found = reversed(by_depth(members()))
        stopped = [stat for stat in found if stat.state in STOPPED and identity(stat) not in keep]
        for stat in stopped:
            send(identity(stat), signal.SIGCONT)
        return not stopped, f"still stopped: {[stat.pid for stat in stopped]}"

    until("continuation of all processes of the host", probe, timeout)


def kill_members(members: Members, timeout: float = 10.0) -> None:
    """SIGKILL every member, and what they fork meanwhile, until none is left."""

    def probe() -> tuple[bool, str]:
        left = [stat for stat in members() if stat.state not in GONE]
        for stat in left:
            send(identity(stat), signal.SIGKILL)
        return not left, f"still there: {[stat.pid for stat in left]}"

    until("end of all processes of the host", probe, timeout)


def kill_tree(pid: int) -> None:
    """SIGKILL a process and all below it: who enters a host leaves a child there that outlives the one outside."""
    stats = list(all_processes())
    kill_all(identity(stat) for stat in descendants({pid}, stats))


def descendants(roots: set[int], stats: list[ProcessStat]) -> list[ProcessStat]:
    """The processes of `stats` that are in `roots` or below one of them."""
    wanted = set(roots)
    grown = True
    while grown:
        more = {stat.pid for stat in stats if stat.ppid in wanted} - wanted
        wanted |= more
        grown = bool(more)
    return [stat for stat in stats if stat.pid in wanted and process_stat(stat.pid) is not None]
