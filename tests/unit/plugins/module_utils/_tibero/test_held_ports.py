# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that a check holds: a boot finds them free, also after a check that was interrupted."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import network
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import held_ports
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Login, Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.decide_boot import Wish
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.drive import ensure
from tests.unit.plugins.module_utils._tibero.fake_tibero import PASSWORD, SID, FakeTibero

HOLDERS = (held_ports.PREFLIGHT, held_ports.READINESS)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeTibero]:
    made = FakeTibero(tmp_path)
    yield made
    held_ports.release_all(str(made.home), SID)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("0.0.0.0", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_boot_finds_the_port_free_that_an_interrupted_check_holds(fake: FakeTibero, port: int, holder: str) -> None:
    assert held_ports.hold(holder, str(fake.home), SID, [port], 60.0) == {"held": [port], "failed": {}}
    tried = []

    def runner(command: Command) -> Completed:
        if os.path.basename(command.argv[0]) == "tbboot":
            with socket.socket() as server:  # as the server does, which is refused while anybody listens
                server.bind(("0.0.0.0", port))
                tried.append(command.argv[1:])
        return fake(command)

    client = Tibero(str(fake.home), SID, runner, Login("sys", PASSWORD, ""))
    assert ensure(client, Wish("nomount")).changed
    assert tried == [("-t", "NOMOUNT")]
    assert not os.path.exists(held_ports.directory(holder, str(fake.home), SID))


def test_holders_and_instances_do_not_end_each_other_s(fake: FakeTibero, port: int) -> None:
    held_ports.hold(held_ports.READINESS, str(fake.home), SID, [port], 60.0)
    held_ports.release(held_ports.PREFLIGHT, str(fake.home), SID)
    held_ports.release_all(str(fake.home), "other")
    held_ports.release_all(str(fake.home) + "2", SID)
    assert network.probe("127.0.0.1", port).answered
    held_ports.release_all(str(fake.home), SID)
    assert network.probe("127.0.0.1", port).outcome == network.REFUSED


def test_without_a_port_nothing_is_held(fake: FakeTibero) -> None:
    assert held_ports.hold(held_ports.PREFLIGHT, str(fake.home), SID, [], 60.0) == {"held": [], "failed": {}}
    assert not os.path.exists(held_ports.directory(held_ports.PREFLIGHT, str(fake.home), SID))
