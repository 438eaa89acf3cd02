# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Running programs: the only place of the collection that starts processes on a managed host.

A program of a database vendor is not a well-behaved filter. ``tbboot`` leaves children behind that keep its standard output open, so a
pipe never reaches its end (source: public field scripts and the vendor's Pacemaker agent; mark H). The runner therefore gives every program
regular files for output and input, waits for the program itself and never for the end of its output, and always has a deadline.

Everything that needs a program takes a :data:`Runner` as an argument, so that a unit test can play the program's part.
"""

import os
import signal
import subprocess
import tempfile
import time
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


def run(command: Command) -> Completed:
    """Run a program to its end or its deadline.

    :arg command: what to run.
    :returns: :class:`Completed`; a deadline that passed is in the result, not an exception.
    :raises OSError: when the program cannot be started at all.
    """
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "LANG": "C.UTF-8",
    }
    for name in ("HOME", "USER", "LOGNAME", "TZ"):
        if name in os.environ:
            environment[name] = os.environ[name]
    environment.update(command.environment)
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
