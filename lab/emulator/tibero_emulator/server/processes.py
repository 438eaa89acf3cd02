# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Process titles and helper processes, as `ps` shows them on a real host (recordings t7-ps-*)."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import sys
from typing import NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15


def argv_area() -> tuple[int, int]:
    """(address, size) of the memory that /proc/<pid>/cmdline shows."""
    with open("/proc/self/stat", "rb") as handle:
        fields = handle.read().rsplit(b")", 1)[1].split()
    start, end = int(fields[45]), int(fields[46])
    return start, end - start


def set_title(title: str, name: str) -> None:
    """Overwrite argv in place, so that whoever reads the command line sees `title`; cut when there is no room."""
    try:
        start, size = argv_area()
    except (OSError, ValueError, IndexError):
        return
    if not start or size < 2:
        return
    text = title.encode()[: size - 1]
    ctypes.memmove(start, text.ljust(size, b"\0"), size)
    _prctl(PR_SET_NAME, name.encode()[:15] + b"\0")


def _prctl(option: int, argument: int | bytes) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, argument, 0, 0, 0)


def title_of(role: str, mode: str, sid: str) -> str:
    """`tbsvr          -t NORMAL -SVR_SID tibero`: the program padded to 14 characters."""
    return f"{role:<14} -t {mode} -SVR_SID {sid}"


class Helpers:
    """Children that live exactly as long as the server."""

    def __init__(self, mode: str, sid: str) -> None:
        self.mode = mode
        self.sid = sid
        self.pids: list[int] = []
        self._read_end, self._write_end = os.pipe()

    def spawn(self, roles: list[str]) -> None:
        """Fork one idle child per role. Call before any thread is started."""
        for role in roles:
            pid = self._fork(role)
            if pid == 0:
                self._idle()
            self.pids.append(pid)

    def _fork(self, role: str) -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.close(self._write_end)
            set_title(title_of(role, self.mode, self.sid), role)
            if os.getppid() != parent:
                os._exit(0)
        return pid

    def _idle(self) -> NoReturn:
        """Wait for the parent's end: its side of the pipe closes."""
        os.read(self._read_end, 1)
        os._exit(0)

    def spawn_listener(self, sockets: list[socket.socket]) -> socket.socket:
        """Fork tblistener: accepts connections and hands them to the server. Returns the server's end."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = self._fork("tblistener")
        if pid == 0:
            ours.close()
            _accept_for_ever(sockets, theirs, self._read_end)
        self.pids.append(pid)
        theirs.close()
        for each in sockets:
            each.close()
        return ours

    def stop(self) -> None:
        """End the children and collect them."""
        os.close(self._write_end)
        for pid in self.pids:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                continue


def _accept_for_ever(sockets: list[socket.socket], server: socket.socket, parent: int) -> NoReturn:
    poll = select.poll()
    by_fd = {each.fileno(): each for each in sockets}
    for fd in [*by_fd, parent, server.fileno()]:
        poll.register(fd, select.POLLIN | select.POLLHUP)
    while True:
        for fd, _event in poll.poll():
            if fd not in by_fd:
                os._exit(0)
            try:
                client, peer = by_fd[fd].accept()
            except OSError:
                continue
            with client:
                try:
                    socket.send_fds(server, [f"{peer[0]}:{peer[1]}".encode()], [client.fileno()])
                except OSError:
                    os._exit(0)


def daemonize() -> None:
    """Leave the starter's session: the first process ends, the second is adopted by init (ppid 1)."""
    if os.fork():
        os._exit(0)
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.setswitchinterval(0.001)
