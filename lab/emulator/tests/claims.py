# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that no other test takes, and an end for servers that outlive a run of the tests that was killed."""

from __future__ import annotations

import os
import socket

from lab.hosts.system import ProcessId, alive, all_processes, environment, identify, kill_all

#: Above what the kernel gives to outgoing connections and what labs of directories use (lab/hosts/directories.py).
PORTS = range(61000, 65536)
#: Listener, special port, receive port and their neighbours.
BLOCK = 6
#: In the environment of whatever these tests start; its value says for which process of pytest.
MARK = "FIREDRILL_EMULATOR_TESTS"

_held: list[socket.socket] = []


def free_ports() -> int:
    """The first of six ports that are this process's until its end.

    A name in the kernel's abstract space stands for the block: unlike a port it stays taken while a server is down, all
    processes of the machine see it, and it goes with its process, however that ends.
    """
    for base in range(PORTS.start, PORTS.stop - BLOCK + 1, BLOCK):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0firedrill-emulator-tests-{base}")
        except OSError:
            claim.close()
            continue
        _held.append(claim)
        if all(_free(port) for port in range(base, base + BLOCK)):
            return base
    raise AssertionError(f"no {BLOCK} ports are free from {PORTS.start} to {PORTS.stop - 1}")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            # Another user of SO_REUSEADDR lets us bind; only listening shows that the port is really free.
            probe.listen(1)
        except OSError:
            return False
    return True


def mark() -> None:
    """From now on whatever this process starts can be told to be its own."""
    own = identify(os.getpid())
    assert own is not None
    os.environ[MARK] = f"{own.pid}:{own.start}"


def reap() -> list[ProcessId]:
    """End what processes of pytest that are gone have left, and say what it was."""
    left = []
    for stat in all_processes():
        owner = environment(stat.pid).get(MARK, "").split(":")
        process = identify(stat.pid)
        if len(owner) == 2 and process is not None and not alive(ProcessId(int(owner[0]), int(owner[1]))):
            left.append(process)
    kill_all(left)
    return left
