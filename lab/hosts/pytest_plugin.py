# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs for tests: load with `-p lab.hosts.pytest_plugin`, or import `lab_factory` in a conftest.py.

For testinfra: `lab.inventory()` written to a file, then `--hosts=ansible://GROUP --ansible-inventory=FILE`.
"""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.hosts.api import Lab
from lab.hosts.spec import CONTROLLER, LabSpec

LabFactory = Callable[..., Lab]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="hosts as network name spaces need root")

_CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3])).close()
except OSError as error:
    print(type(error).__name__)
else:
    print("connected")
"""


def connect(lab: Lab, source: str, target: str, port: int = 22, timeout: float = 1.5) -> bool:
    """Whether a TCP connection from one host, or `controller`, to another's port comes about in `timeout` seconds."""
    address = lab.address(target) if target != CONTROLLER else lab.state().controller_address
    if source != CONTROLLER:
        argv = ["/usr/bin/python3", "-c", _CONNECT, address, str(port), str(timeout)]
        return lab.run(source, argv, timeout=timeout + 20).stdout.strip() == "connected"
    try:
        socket.create_connection((address, port), timeout).close()
    except OSError:
        return False
    return True


def write_inventory(lab: Lab, path: Path, *groups: str) -> Path:
    """Write the lab's inventory to a file and return it."""
    path.write_text(lab.inventory(groups))
    return path


@pytest.fixture(scope="session")
def lab_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of the labs of this test run."""
    return tmp_path_factory.mktemp("labs") / "state"


@pytest.fixture(scope="module")
def lab_factory(lab_root: Path) -> Iterator[LabFactory]:
    """Makes labs: `lab_factory("name", "host1", "host2", backend="namespaces")`; removes them after the module."""
    made: list[Lab] = []

    def make(name: str, *hosts: str, **options: object) -> Lab:
        made.append(Lab(lab_root, name))
        return Lab.up(LabSpec(name, tuple(hosts), **options), lab_root)  # type: ignore[arg-type]

    yield make
    for lab in made:
        lab.down()
