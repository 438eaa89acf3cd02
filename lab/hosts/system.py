# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operating system as the lab uses it: programs, deadlines, and processes known by id and start time."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

from lab.hosts.errors import LabError

T = TypeVar("T")

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Result(NamedTuple):
    """What a finished program left: its argument list, exit code, and both outputs as text."""

    argv: tuple[str, ...]
    rc: int
    stdout: str
    stderr: str


class Runner:
    """Runs programs for the lab. Tests pass another one to see or to refuse what would be run."""

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str = "",
        timeout: float = 30.0,
        check: bool = True,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> Result:
        """Run `argv` and wait for its own end only.

        Output goes through files and not pipes: a daemon that inherits stdout must not keep the caller waiting.

        Args:
            argv: the program and its arguments.
            stdin: text the program reads.
            timeout: seconds; then the program's process group is killed.
            check: raise LabError when the exit code is not 0.
            env: the whole environment; None means the caller's, in the C locale and with the system programs on PATH.
            cwd: working directory.

        Raises:
            LabError: the program is missing, failed (with `check`), or did not end in time.
        """
        if env is None:
            env = {**os.environ, "LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:{PATH}".lstrip(":")}
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write(stdin.encode())
            given.seek(0)
            try:
                process = subprocess.Popen(
                    list(argv), stdin=given, stdout=out, stderr=err, env=env, cwd=cwd, start_new_session=True
                )
            except OSError as error:
                raise LabError(f"cannot run {argv[0]}: {error.strerror or error}") from error
            try:
                rc = process.wait(timeout)
            except subprocess.TimeoutExpired as error:
                _kill_session(process)
                said = _tail(err) or _tail(out) or "(nothing)"
                text = f"{' '.join(argv)} did not end within {timeout:g} s; it said: {said}"
                raise LabError(text) from error
            except BaseException:
                _kill_session(process)
                raise
            result = Result(tuple(argv), rc, _text(out), _text(err))
        if check and rc != 0:
            said = (result.stderr.strip() or result.stdout.strip() or "(nothing)")[-2000:]
            raise LabError(f"{' '.join(argv)} ended with code {rc}; it said: {said}")
        return result


def _kill_session(process: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait(10)


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", "replace")


def _tail(stream: IO[bytes]) -> str:
    return _text(stream).strip()[-500:]


def until(what: str, probe: Callable[[], tuple[bool, str]], timeout: float, interval: float = 0.02) -> None:
    """Wait until `probe` says so.

    Args:
        what: what is waited for, in words for the error.
        probe: returns (reached, what was seen).
        timeout: seconds on the monotonic clock.
        interval: seconds between two looks.

    Raises:
        LabError: the time is over; the text carries the last thing seen.
    """
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        reached, seen = probe()
        if reached:
            return
        if time.monotonic() >= deadline:
            raise LabError(f"{what}: not reached within {timeout:g} s; last seen: {seen}")
        pause.wait(interval)


def wait_for(
    what: str, look: Callable[[], T], good: Callable[[T], object] = bool, seconds: float = 120.0, interval: float = 0.1
) -> T:
    """Look until what is seen is good.

    Args:
        what: what is waited for, in words for the error.
        look: says what is seen now.
        good: tells whether that is what is waited for.
        seconds: on the monotonic clock.
        interval: seconds between two looks.

    Returns:
        what was seen last, which is good.

    Raises:
        LabError: the time is over; the text carries the last thing seen.
    """
    found: list[T] = []

    def probe() -> tuple[bool, str]:
        found[:] = [look()]
        return bool(good(found[0])), repr(found[0])

    until(what, probe, seconds, interval)
    return found[0]


class ProcessId(NamedTuple):
    """A process that cannot be mistaken for a later one: its id and its start time in clock ticks since boot."""

    pid: int
    start: int


class ProcessStat(NamedTuple):
    """The part of /proc/<pid>/stat the lab reads."""

    pid: int
    state: str
    ppid: int
    start: int


def process_stat(pid: int) -> ProcessStat | None:
    """Read one process, or None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The program name stands in brackets and may hold anything, brackets included.
    fields = text[text.rindex(")") + 2 :].split()
    return ProcessStat(pid, fields[0], int(fields[1]), int(fields[19]))


def identify(pid: int) -> ProcessId | None:
    """The identity of a live process, or None."""
    stat = process_stat(pid)
    return None if stat is None or stat.state in "ZX" else ProcessId(pid, stat.start)


def alive(process: ProcessId | None) -> bool:
    """Whether exactly this process still runs (a zombie does not)."""
    return process is not None and identify(process.pid) == process


def send(process: ProcessId, number: signal.Signals) -> bool:
    """Signal exactly this process; False when it is gone. A reused process id is never hit."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        # The handle pins the process, so the identity read now belongs to whatever the handle will signal.
        if identify(process.pid) != process:
            return False
        signal.pidfd_send_signal(handle, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)


def kill_all(processes: Iterable[ProcessId], timeout: float = 10.0) -> None:
    """SIGKILL each process and wait until all are gone.

    Raises:
        LabError: one outlived the deadline (uninterruptible in the kernel).
    """
    wanted = list(processes)
    for process in wanted:
        send(process, signal.SIGKILL)

    def probe() -> tuple[bool, str]:
        left = [process.pid for process in wanted if alive(process)]
        return not left, f"still there: {left}"

    until("end of the killed processes", probe, timeout)


def all_processes() -> Iterator[ProcessStat]:
    """Every process this user may list, in the order of /proc."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = process_stat(int(entry))
            if stat is not None:
                yield stat


def environment(pid: int) -> dict[str, str]:
    """The environment a process was started with; empty when it is not ours to read."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (item.partition(b"=") for item in raw.split(b"\0") if b"=" in item)
    return {os.fsdecode(key): os.fsdecode(value) for key, _, value in pairs}


def link_of(pid: int, name: str) -> str:
    """The target of /proc/<pid>/<name> (cwd, exe, ns/pid ...), or an empty text."""
    try:
        return os.readlink(f"/proc/{pid}/{name}")
    except OSError:
        return ""


def command_line(pid: int) -> str:
    """The command line of a process, blanks between arguments; empty for kernel threads and lost processes."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return os.fsdecode(raw.rstrip(b"\0").replace(b"\0", b" "))


def ancestors(pid: int) -> set[int]:
    """`pid` and the processes above it."""
    found: set[int] = set()
    while pid > 0 and pid not in found:
        found.add(pid)
        stat = process_stat(pid)
        pid = 0 if stat is None else stat.ppid
    return found
