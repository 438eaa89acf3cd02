# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps these tests apart from each other and from former runs of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import claims
from server_harness import Node, alive

from lab.hosts.system import identify, until

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[2]


def _elsewhere(code: str, **more: str) -> str:
    path = os.pathsep.join(map(str, (HERE, HERE.parent, CHECKOUT)))
    environment = {**os.environ, "PYTHONPATH": path, **more}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def test_no_block_of_ports_is_given_out_twice() -> None:
    """Nothing listens on any of them meanwhile, as when a server is down for a moment."""
    code = "import claims; print(*(claims.free_ports() for _ in range(5)))"
    mine = [claims.free_ports() for _ in range(5)]
    # The other process has ended before we go on, so that its claims are gone: only ours count.
    others = [int(word) for word in _elsewhere(code).split()]
    assert len({*mine, *others}) == 10
    assert all(abs(one - other) >= claims.BLOCK for one in mine for other in others)


def test_block_with_a_busy_port_is_left_out() -> None:
    code = "import claims; print(claims.free_ports())"
    base = int(_elsewhere(code))
    with socket.create_server(("127.0.0.1", base + 4)):
        assert int(_elsewhere(code)) != base


def test_server_of_a_killed_run_is_ended_by_the_next(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, signal, sys, claims, server_harness\n"
        "claims.mark()\n"
        f"server_harness.Node(pathlib.Path({str(tmp_path)!r}) / 'a').up('NOMOUNT')\n"
        "sys.stdout.flush()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = os.pathsep.join(map(str, (HERE, HERE.parent, CHECKOUT)))
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, check=False)
    node = Node(tmp_path / "a")
    info = node.proc_info()
    pids = [info["pid"], *info["pids"]]
    assert len(pids) > 3 and all(alive(pid) for pid in pids)
    # What a run that goes on has started stays.
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as ours:
        assert {process.pid for process in claims.reap()} >= set(pids)
        assert identify(ours.pid) is not None
        assert ours.stdin is not None
        ours.stdin.close()
    until("end of the server", lambda: (not any(alive(pid) for pid in pids), str(pids)), 10)
