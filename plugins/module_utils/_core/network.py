# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Ports of this host and ways to the ports of others, without a program to help.

A port on which a standby will receive cannot be tried before the standby runs: a refused connection tells nothing of a
firewall that lets
the port through or not. So the future receiver holds its ports open for a bounded time with :func:`listen`, and the
sender tries them
with :func:`probe`. The listener says the time of its wall clock, so each probe also bounds the offset of the two
clocks.
"""

import os
import select
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until

#: Outcomes of a probe.
CONNECTED = "connected"
ESTABLISHED = "established"
REFUSED = "refused"
TIMEOUT = "timeout"
UNRESOLVED = "unresolved"
UNREACHABLE = "unreachable"

#: What our listener says first, followed by its wall clock in seconds.
GREETING = "FIREDRILL-LISTENER"
JOB = "listener"
#: Seconds that a client of our listener gets to close its end first, so that the port of the future server does not
#: linger in TIME_WAIT.
POLITENESS = 2.0

_LISTEN_STATE = "0A"
_ESTABLISHED_STATE = "01"


class Socket(NamedTuple):
    """A TCP socket of this host, as /proc/net/tcp and tcp6 tell. Addresses are texts; IPv4 in IPv6 is given as IPv4."""

    local_host: str
    local_port: int
    remote_host: str
    remote_port: int
    listening: bool
    established: bool
    uid: int
    inode: str


class Probe(NamedTuple):
    """What came of one attempt. ``ahead``: seconds that the other's clock is ahead of ours, as an interval, if our
    listener answered there."""

    host: str
    port: int
    outcome: str
    answered: bool
    detail: str
    ahead: Optional[Tuple[float, float]]

    def as_dict(self) -> Dict[str, Any]:
        """Plain data for results."""
        record: Dict[str, Any] = dict(self._asdict())
        record["ahead"] = list(self.ahead) if self.ahead else None
        return record


def _address(text: str) -> str:
    """An address of /proc/net/tcp: hexadecimal words in the byte order of the host."""
    raw = b"".join(struct.pack("=I", int(text[start : start + 8], 16)) for start in range(0, len(text), 8))
    if len(raw) == 16 and raw[:12] == b"\0" * 10 + b"\xff\xff":
        raw = raw[12:]
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def parse_sockets(text: str) -> List[Socket]:
    """Read the text of /proc/net/tcp or /proc/net/tcp6. Lines of another shape are left out."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 10 or not words[0].rstrip(":").isdigit():
            continue
        local, remote = words[1].split(":"), words[2].split(":")
        found.append(
            Socket(
                _address(local[0]),
                int(local[1], 16),
                _address(remote[0]),
                int(remote[1], 16),
                words[3] == _LISTEN_STATE,
                words[3] == _ESTABLISHED_STATE,
                int(words[7]),
                words[9],
            )
        )
    return found


def sockets(proc: str = "/proc") -> List[Socket]:
    """All TCP sockets in the network of this process. Raises OSError if the system does not tell."""
    with open(os.path.join(proc, "net", "tcp"), encoding="ascii", errors="replace") as source:
        found = parse_sockets(source.read())
    try:
        with open(os.path.join(proc, "net", "tcp6"), encoding="ascii", errors="replace") as source:
            found += parse_sockets(source.read())
    except FileNotFoundError:
        pass  # IPv6 is switched off
    return found


def holders(inodes: Sequence[str], proc: str = "/proc") -> Dict[str, int]:
    """Process ids by the inode of a socket, as far as this user may see them."""
    wanted = {"socket:[{0}]".format(inode): inode for inode in inodes}
    found: Dict[str, int] = {}
    for pid in [entry for entry in os.listdir(proc) if entry.isdigit()] if wanted else []:
        directory = os.path.join(proc, pid, "fd")
        try:
            handles = os.listdir(directory)
        except OSError:
            continue  # another user's process, or one that ended meanwhile
        for handle in handles:
            try:
                inode = wanted.get(os.readlink(os.path.join(directory, handle)))
            except OSError:
                continue  # closed meanwhile; the others still count
            if inode:
                found.setdefault(inode, int(pid))
    return found


def resolve(name: str) -> Tuple[List[str], str]:
    """Addresses of a name, and the error in words if there are none."""
    try:
        answers = socket.getaddrinfo(name, None, 0, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return [], getattr(error, "strerror", None) or str(error)
    return sorted({str(answer[4][0]) for answer in answers}), ""


def _greeting_of(connection: socket.socket, patience: float) -> Optional[float]:
    """The wall clock that our listener told, or None if something else answers, or nothing."""
    connection.settimeout(patience)
    text = b""
    try:
        while b"\n" not in text and len(text) < 200:
            more = connection.recv(200)
            if not more:
                break
            text += more
    except OSError:
        return None
    words = text.decode("ascii", "replace").split()
    try:
        return float(words[1]) if len(words) == 2 and words[0] == GREETING else None
    except ValueError:
        return None


def probe(host: str, port: int, timeout: float = 5.0, greeting: float = 1.0) -> Probe:
    """Try to connect to a port.

    :arg timeout: seconds for the connection. :arg greeting: seconds to wait for the word of our listener; a database
        says nothing first.
    """
    began = time.time()
    try:
        connection = socket.create_connection((host, port), timeout)
    except socket.timeout:
        return Probe(host, port, TIMEOUT, False, "no answer within {0:g} s".format(timeout), None)
    except ConnectionRefusedError:
        return Probe(host, port, REFUSED, False, "", None)
    except (socket.gaierror, UnicodeError) as error:
        return Probe(host, port, UNRESOLVED, False, str(error), None)
    except OSError as error:
        return Probe(host, port, UNREACHABLE, False, error.strerror or str(error), None)
    with connection:
        theirs = _greeting_of(connection, greeting)
        ended = time.time()
    ahead = (theirs - ended, theirs - began) if theirs is not None else None
    return Probe(host, port, CONNECTED, theirs is not None, "", ahead)


def standing(host: str, port: int, seen: Sequence[Socket]) -> bool:
    """True if a connection of this host to that port stands already; then nothing needs to be tried, and nobody is
    disturbed."""
    addresses = resolve(host)[0]
    return any(each.established and each.remote_port == port and each.remote_host in addresses for each in seen)


def probe_all(targets: Sequence[Tuple[str, int]], seen: Sequence[Socket], timeout: float = 5.0) -> List[Probe]:
    """Try several ports at the same time, in the order given; a port to which a connection stands is not tried.

    :arg seen: sockets of this host, from :func:`sockets`.
    """

    def attempt(target: Tuple[str, int]) -> Probe:
        host, port = target
        if standing(host, port, seen):
            return Probe(host, port, ESTABLISHED, False, "", None)
        return probe(host, port, timeout)

    if not targets:
        return []
    with ThreadPoolExecutor(max_workers=min(len(targets), 20)) as pool:
        return list(pool.map(attempt, targets))


# ---------------------------------------------------------------------------------------------------------- the
# temporary listener


def _bind(port: int) -> List[socket.socket]:
    """Listening sockets for a port on all addresses, IPv4 and IPv6 where there is IPv6."""
    bound: List[socket.socket] = []
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            each = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue  # this family is switched off
        try:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            each.bind((address, port))
            each.listen(16)
            bound.append(each)
        except OSError:
            each.close()
            if family == socket.AF_INET:
                raise
    return bound


def _answer(connection: socket.socket) -> None:
    """Tell the time; the client closes first, or is cut off without leaving the port in TIME_WAIT."""
    with connection:
        connection.settimeout(POLITENESS)
        try:
            connection.sendall("{0} {1:.6f}\n".format(GREETING, time.time()).encode("ascii"))
            connection.recv(1)
        except OSError:
            pass  # the client went away; that is what we wait for
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _serve(ports: Sequence[int], seconds: float, job: "detached.Job") -> Mapping[str, Any]:
    """Hold the ports and answer until the time is over or the job is cancelled."""
    waiting: List[socket.socket] = []
    failed: Dict[str, str] = {}
    held: List[int] = []
    for port in ports:
        try:
            waiting += _bind(port)
            held.append(port)
        except OSError as error:
            failed[str(port)] = error.strerror or str(error)
    job.progress(held=held, failed=failed)
    job.write()
    # Without a port it is at its end at once, and what it says has still to be read.
    job.transient = bool(held)
    end = time.monotonic() + seconds
    try:
        while waiting and time.monotonic() < end:
            ready = select.select(waiting, [], [], max(end - time.monotonic(), 0.0))[0]
            for each in ready:
                _answer(each.accept()[0])
    finally:
        for each in waiting:
            each.close()
    return {"held": held, "failed": failed}


def listen(directory: str, ports: Sequence[int], seconds: float) -> Dict[str, Any]:
    """Hold free ports open for a while, in a process of its own, and answer each connection with the time.

    :arg directory: for the files of the job; gone when it is at its end.
    :arg seconds: the process ends after that, whatever happens to the one who started it.
    :returns: ``held``: ports that are open now; ``failed``: reasons by port.
    """
    wanted = sorted(set(ports))
    stop_listening(directory)
    detached.start(directory, JOB, ",".join(str(port) for port in wanted), lambda job: _serve(wanted, seconds, job))
    seen = wait_until(
        lambda: detached.ask(directory, JOB),
        lambda status: "held" in status.progress or not status.is_running,
        10.0,
        "the temporary listener to open its ports",
        "Look at the files in {0}".format(directory),
    ).value
    if not seen.progress.get("held"):
        detached.remove(directory, JOB)
    return {"held": list(seen.progress.get("held", [])), "failed": dict(seen.progress.get("failed", {}))}


def stop_listening(directory: str) -> bool:
    """End the temporary listener of this directory and remove its files; True if one was running."""
    if not os.path.isdir(directory) or os.path.islink(directory):
        return False
    was_running = detached.ask(directory, JOB).is_running
    if was_running:
        detached.cancel(directory, JOB)
    detached.remove(directory, JOB)
    return was_running
