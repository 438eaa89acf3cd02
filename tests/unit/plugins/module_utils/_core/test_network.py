# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets, probes and the temporary listener, on the loopback interface of this machine."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import network
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until

TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:21B5 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 4711 1 0000000000000000 100
   1: 0102A8C0:8A2E 0202A8C0:21B9 01 00000000:00000000 00:00000000 00000000  1001        0 4712 1 0000000000000000 20
"""
V6 = "0000000000000000FFFF0000"
TCP6 = f"   0: {V6}0102A8C0:21B5 {V6}0902A8C0:D431 01 00000000:00000000 00:00000000 00000000     0        0 99 1\n"


@pytest.fixture
def free_port() -> int:
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return int(each.getsockname()[1])


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[str]:
    path = str(tmp_path / "listener")
    yield path
    network.stop_listening(path)


def test_parse_sockets() -> None:
    listening, sending = network.parse_sockets(TCP)
    assert (listening.local_host, listening.local_port, listening.listening, listening.uid, listening.inode) == (
        "127.0.0.1",
        8629,
        True,
        1001,
        "4711",
    )
    assert (sending.remote_host, sending.remote_port, sending.established) == ("192.168.2.2", 8633, True)
    mapped = network.parse_sockets(TCP6)[0]
    assert (mapped.local_host, mapped.remote_host) == ("192.168.2.1", "192.168.2.9")
    assert network.parse_sockets("nothing\nof this shape\n") == []


def test_a_standing_connection_is_not_tried() -> None:
    seen = network.parse_sockets(TCP)
    (result,) = network.probe_all([("192.168.2.2", 8633)], seen, 0.1)
    assert result.outcome == network.ESTABLISHED
    assert not network.standing("192.168.2.2", 8629, seen) and not network.standing("192.168.2.3", 8633, seen)


def test_refused_and_unresolved(free_port: int) -> None:
    assert network.probe("127.0.0.1", free_port).outcome == network.REFUSED
    assert network.probe("no-such-host.invalid", free_port).outcome == network.UNRESOLVED


def test_silence_is_a_timeout() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        crowd = []
        try:
            for _ in range(4):  # fill the backlog: further connections get no answer
                each = socket.socket()
                each.setblocking(False)
                each.connect_ex(("127.0.0.1", port))
                crowd.append(each)
            assert network.probe("127.0.0.1", port, timeout=0.3).outcome == network.TIMEOUT
        finally:
            for each in crowd:
                each.close()


def test_a_server_that_says_nothing_is_connected_but_did_not_answer() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(5)
        result = network.probe("127.0.0.1", server.getsockname()[1], greeting=0.2)
    assert (result.outcome, result.answered, result.ahead) == (network.CONNECTED, False, None)


def test_listener_answers_with_the_time_and_is_gone_afterwards(directory: str, free_port: int) -> None:
    assert network.listen(directory, [free_port], 30) == {"held": [free_port], "failed": {}}
    for result in network.probe_all([("127.0.0.1", free_port)] * 3, []):
        assert result.outcome == network.CONNECTED and result.answered and result.ahead
        low, high = result.ahead
        assert low <= 0.0 <= high and high - low < 5.0
    assert network.stop_listening(directory)
    assert not Path(directory).exists()
    assert network.probe("127.0.0.1", free_port).outcome == network.REFUSED
    with socket.socket() as server:  # without SO_REUSEADDR: nothing of ours may linger on the port
        server.bind(("0.0.0.0", free_port))


def test_listener_tells_which_port_it_could_not_hold(directory: str) -> None:
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen(1)
        port = other.getsockname()[1]
        answer = network.listen(directory, [port], 5)
    assert answer["held"] == [] and "in use" in answer["failed"][str(port)]
    assert not os.path.exists(directory)


def test_a_listener_that_ends_by_itself_leaves_nothing(directory: str, free_port: int) -> None:
    assert network.listen(directory, [free_port], 0.2)["held"] == [free_port]
    wait_until(lambda: os.path.exists(directory), lambda there: not there, 10.0, "its files to be gone", "none")


def test_listener_ends_by_itself(directory: str, free_port: int) -> None:
    network.listen(directory, [free_port], 0.5)
    end = time.monotonic() + 10
    while network.probe("127.0.0.1", free_port).outcome != network.REFUSED:
        assert time.monotonic() < end, "the listener outlived its time"


def test_a_second_listener_replaces_the_first(directory: str, free_port: int) -> None:
    network.listen(directory, [free_port], 30)
    assert network.listen(directory, [free_port], 30)["held"] == [free_port]


def test_own_sockets_and_their_holder(free_port: int) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port))
        server.listen(1)
        mine = [each for each in network.sockets() if each.listening and each.local_port == free_port]
        assert len(mine) == 1
        assert network.holders([mine[0].inode]) == {mine[0].inode: os.getpid()}
