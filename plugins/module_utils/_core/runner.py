# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Running programs: the only place of the collection that starts processes on a managed host.

A program of a database vendor is not a well-behaved filter. ``tbboot`` leaves children behind that keep its standard output open, so a
pipe never reaches its end (source: public field scripts and the vendor's Pacemaker agent; mark H). The runner therefore gives every program
regular files for output and input, waits for the program itself and never for the end of its output, and always has a deadline.

Everything that needs a program takes a :data:`Runner` as an argument, so that a unit test can play the program's part. A program that is
talked to line by line comes from a :data:`Spawner` in the same way.
"""

import fcntl
import os
import pty
import signal
import subprocess
import tempfile
import termios
import time
import tty
from typing import IO, Any, Callable, Dict, Mapping, NamedTuple, Optional, Tuple

#: Seconds that a program gets between SIGTERM and SIGKILL after its deadline.
GRACE = 5.0


class Command(NamedTuple):
    """A program to run.

    ``stdin`` is the whole input, the only way a secret may travel; ``deadline`` is in seconds; ``environment`` is added to a small,
    predictable environment (never the caller's own, whose TB_SID could be another instance's); ``kill_on_deadline`` is False for
    programs that must not be interrupted half-way (a clean stop that waits for sessions): they are left running and reported.
    """

    argv: Tuple[str, ...]
    stdin: str = ""
    environment: Mapping[str, str] = {}
    deadline: float = 60.0
    cwd: Optional[str] = None
    kill_on_deadline: bool = True


class Completed(NamedTuple):
    """What a program did. ``returncode`` is None when it was still running at its deadline; ``duration`` is in seconds."""

    argv: Tuple[str, ...]
    returncode: Optional[int]
    output: str
    errors: str
    duration: float
    timed_out: bool

    def describe(self) -> Dict[str, Any]:
        """A record for results and journals. It holds no input and no environment, where secrets travel."""
        return {
            "argv": list(self.argv),
            "rc": self.returncode,
            "stdout": self.output,
            "stderr": self.errors,
            "duration": round(self.duration, 3),
            "timed_out": self.timed_out,
        }


Runner = Callable[[Command], Completed]


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a program and its process group: first politely, then for good."""
    for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(timeout=patience)
            return
        except subprocess.TimeoutExpired:
            continue


def _text(stream: IO[bytes]) -> str:
    """What was written so far. Bytes that are not UTF-8 stay visible instead of ending the run."""
    stream.seek(0)
    return stream.read().decode("utf-8", "backslashreplace")


def _environment(command: Command) -> Dict[str, str]:
    """A small environment that does not depend on the caller's, and what the command adds to it."""
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "LANG": "C.UTF-8",
    }
    for name in ("HOME", "USER", "LOGNAME", "TZ"):
        if name in os.environ:
            environment[name] = os.environ[name]
    environment.update(command.environment)
    return environment


def run(command: Command) -> Completed:
    """Run a program to its end or its deadline.

    :arg command: what to run.
    :returns: :class:`Completed`; a deadline that passed is in the result, not an exception.
    :raises OSError: when the program cannot be started at all.
    """
    environment = _environment(command)
    start = time.monotonic()
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(command.stdin.encode("utf-8"))
        stdin.seek(0)
        process = subprocess.Popen(
            list(command.argv),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=environment,
            cwd=command.cwd,
            start_new_session=True,
            close_fds=True,
        )
        timed_out = False
        try:
            process.wait(timeout=command.deadline)
        except subprocess.TimeoutExpired:
            timed_out = True
            if command.kill_on_deadline:
                _end(process)
        except BaseException:
            # Ctrl-C and the like: a child must not live on with nobody to read it, unless it was declared uninterruptible.
            if command.kill_on_deadline:
                _end(process)
            raise
        return Completed(
            argv=command.argv,
            returncode=process.poll() if not timed_out else None,
            output=_text(stdout),
            errors=_text(stderr),
            duration=time.monotonic() - start,
            timed_out=timed_out,
        )


class Child:
    """A program that is talked to: bytes in, bytes out, and none of its calls ever waits.

    :arg process: the program. :arg inlet: where it is written to. :arg outlet: where its output comes from; both are non-blocking.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", inlet: int, outlet: int) -> None:
        self._process = process
        self._inlet = inlet
        self._outlet = outlet

    def fileno(self) -> int:
        """What a poll waits on for output."""
        return self._outlet

    def say(self, data: bytes) -> None:
        """Send bytes. :raises OSError: when the program is gone, or does not take them (its input is full)."""
        if os.write(self._inlet, data) != len(data):
            raise BlockingIOError("the program takes no more input")

    def hear(self) -> Optional[bytes]:
        """What has come: None when there is nothing yet, empty when the program has closed its output."""
        try:
            return os.read(self._outlet, 65536)
        except BlockingIOError:
            return None
        except OSError:
            # A terminal whose other side was closed answers EIO and not an end of file.
            return b""

    def kill(self) -> None:
        """End it for good, with everything that it started, and let go of it."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.close(self._inlet)
        os.close(self._outlet)
        # A killed process ends at once; what it may still do cannot be waited for here.
        try:
            self._process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            pass


Spawner = Callable[[Command], Child]


def _outlet() -> Tuple[int, int]:
    """Two ends for the output of a program: a terminal in raw mode, or a pipe where the system gives no terminal.

    A program that buffers its output when it is no terminal would keep its answers until its end; whether tbsql does is recorded nowhere (L).
    """
    try:
        ours, theirs = pty.openpty()
    except OSError:
        return os.pipe()
    tty.setraw(theirs, termios.TCSANOW)
    return ours, theirs


def spawn(command: Command) -> Child:
    """Start a program that is talked to. ``stdin``, ``deadline`` and ``kill_on_deadline`` of the command have no meaning here.

    :raises OSError: when the program cannot be started.
    """
    inlet, its_input = os.pipe()[::-1]
    outlet, its_output = _outlet()
    try:
        process = subprocess.Popen(
            list(command.argv),
            stdin=its_input,
            stdout=its_output,
            stderr=its_output,
            env=_environment(command),
            cwd=command.cwd,
            start_new_session=True,
            close_fds=True,
        )
    except BaseException:
        os.close(inlet)
        os.close(outlet)
        raise
    finally:
        os.close(its_input)
        os.close(its_output)
    for handle in (inlet, outlet):
        fcntl.fcntl(handle, fcntl.F_SETFL, fcntl.fcntl(handle, fcntl.F_GETFL) | os.O_NONBLOCK)
    return Child(process, inlet, outlet)
