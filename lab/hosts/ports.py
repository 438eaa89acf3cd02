# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has a TCP port of this machine."""

import os
import pwd
import socket
from pathlib import Path

from lab.hosts.system import all_processes, command_line, link_of

LISTEN = "0A"


def user_of(port: int) -> str:
    """Who uses a TCP port, in words, or an empty text when 127.0.0.1 would give it to us."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            # Another user of SO_REUSEADDR lets us bind; only listening shows that the port is really free.
            probe.listen(1)
            return ""
        except OSError:
            pass
    for inode, uid in _sockets(port):
        for stat in all_processes():
            if _holds(stat.pid, inode):
                return f"process {stat.pid} ({command_line(stat.pid)[:80]})"
        return f"a process of user {_user(uid)} (its number is not shown to us)"
    return "a connection closed a moment ago; the kernel keeps its port for a minute"


def _sockets(port: int) -> list[tuple[str, int]]:
    """Inode and user of each socket bound to a port, listening ones first."""
    found = []
    for name in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/net/{name}").read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[1].endswith(f":{port:04X}") and fields[9] != "0":
                found.append((fields[3] != LISTEN, fields[9], int(fields[7])))
    return [(inode, uid) for _, inode, uid in sorted(found)]


def _holds(pid: int, inode: str) -> bool:
    try:
        handles = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False
    return any(link_of(pid, f"fd/{handle}") == f"socket:[{inode}]" for handle in handles)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
