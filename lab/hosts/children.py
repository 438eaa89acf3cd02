# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Children that outlive the caller: started, identified, and marked so that `down` finds them even without state."""

import os
import select
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from lab.hosts.errors import LabError
from lab.hosts.system import PATH, ProcessId, all_processes, environment, identify

# In the environment of every process the lab starts for itself; its value is the lab's directory.
MARK = "FIREDRILL_LAB"


class Child:
    """A program that forks, tells `pid N` on a pipe, and goes on in the background after a line on another pipe."""

    def __init__(self, what: str, argv: Sequence[str], directory: Path, log: Path, cwd: str = "/") -> None:
        """Start `argv` with two file descriptor numbers appended and read the identity of what it forked.

        Args:
            what: its name in errors.
            argv: program and arguments.
            directory: the lab's directory, the value of its mark.
            log: file for its output.
            cwd: working directory it starts in.

        Raises:
            LabError: it could not be started or ended without telling.
        """
        self._what = what
        self._log = log
        self._buffer = b""
        status_read, status_write = os.pipe()
        go_read, go_write = os.pipe()
        self._status, self._go = status_read, go_write
        try:
            with log.open("ab") as output:
                starter = subprocess.Popen(
                    [*argv, str(status_write), str(go_read)],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=cwd,
                    env={"PATH": PATH, "LANG": "C.UTF-8", MARK: str(directory)},
                    pass_fds=(status_write, go_read),
                    start_new_session=True,
                )
        except OSError as error:
            self.close()
            raise LabError(f"cannot run {argv[0]}: {error.strerror}") from error
        finally:
            os.close(status_write)
            os.close(go_read)
        try:
            self.process = self._first(starter)
        except BaseException:
            self.close()
            raise

    def _first(self, starter: "subprocess.Popen[bytes]") -> ProcessId:
        line = self.line(15.0)
        starter.wait(15.0)
        if not line.startswith("pid "):
            raise LabError(f"{self._what}: {line or 'ended at once'}; see {self._log}")
        process = identify(int(line.split()[1]))
        if process is None:
            raise LabError(f"{self._what}: process {line.split()[1]} ended at once; see {self._log}")
        return process

    def line(self, timeout: float) -> str:
        """The next line it tells, without the line end; an empty text at its end.

        Raises:
            LabError: nothing came within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._status], [], [], left)[0]:
                raise LabError(f"{self._what}: said nothing for {timeout:g} s; see {self._log}")
            data = os.read(self._status, 4096)
            if not data:
                break
            self._buffer += data
        text, _, self._buffer = self._buffer.partition(b"\n")
        return text.decode("utf-8", "replace")

    def go(self, timeout: float) -> None:
        """Let it go on and wait until it says `ready`.

        Raises:
            LabError: it said something else, ended, or did not say it in time.
        """
        try:
            os.write(self._go, b"\n")
            line = self.line(timeout)
        finally:
            self.close()
        if line != "ready":
            raise LabError(f"{self._what}: {line or 'ended while starting'}; see {self._log}")

    def close(self) -> None:
        """Close our ends; before `go` that ends the child."""
        for name in ("_status", "_go"):
            handle = getattr(self, name)
            if handle >= 0:
                os.close(handle)
                setattr(self, name, -1)


def marked(directory: Path) -> list[ProcessId]:
    """Every process carrying the lab's mark, this one and its ancestors never."""
    found = []
    for stat in all_processes():
        if stat.pid != os.getpid() and environment(stat.pid).get(MARK) == str(directory):
            process = identify(stat.pid)
            if process is not None:
                found.append(process)
    return found
