# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab has made, in one JSON file: processes, interfaces, mounts, rules; `down` ends exactly those."""

import dataclasses
import errno
import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lab.hosts.errors import LabError
from lab.hosts.spec import check_name
from lab.hosts.system import ProcessId

VERSION = 1
LOCK_TIMEOUT = 120.0
# Made first in every lab's directory; without it `down` removes nothing.
PROOF = ".firedrill-lab"


class Edge(NamedTuple):
    """Traffic that is lost: from `source` to `target`, all of it (`port` 0) or what has that port at either end."""

    source: str
    target: str
    port: int


@dataclass
class Fault:
    """One injected fault.

    `kind` is cut, rate, freeze or crash. `until` is a point on the machine's monotonic clock in seconds (0: until
    healed by hand), `healer` the detached process that ends the fault then.
    """

    number: int
    kind: str
    host: str
    edges: list[Edge] = field(default_factory=list)
    rate: str = ""
    direction: str = "both"
    stopped_before: list[ProcessId] = field(default_factory=list)
    until: float = 0.0
    healer: ProcessId | None = None
    error: str = ""


@dataclass
class Host:
    """One host: `status` is new, up or crashed; `init` is its process 1 as seen from the machine (namespaces only)."""

    name: str
    index: int
    address: str
    directory: str
    port_base: int = 0
    status: str = "new"
    init: ProcessId | None = None
    interface: str = ""
    mounts: list[str] = field(default_factory=list)


@dataclass
class LabState:
    """All of one lab. `rules` are the nft rules in force, `mounts` those made outside the hosts' own mount spaces."""

    name: str
    backend: str
    hosts: dict[str, Host] = field(default_factory=dict)
    subnet: str = ""
    controller_address: str = ""
    interface: str = ""
    switch: ProcessId | None = None
    mounts: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    next_fault: int = 1
    control_directory: str = ""
    python: str = ""
    shares: list[str] = field(default_factory=list)
    complete: bool = False
    version: int = VERSION

    def host(self, name: str) -> Host:
        """The host of that name; LabError names those there are."""
        if name not in self.hosts:
            raise LabError(f"lab {self.name} has no host {name!r}; it has: {', '.join(self.hosts)}")
        return self.hosts[name]

    def fault_of(self, kind: str, host: str) -> Fault | None:
        """The first fault of that kind on that host."""
        return next((fault for fault in self.faults if fault.kind == kind and fault.host == host), None)


def _process(raw: Any) -> ProcessId | None:
    return None if raw is None else ProcessId(int(raw[0]), int(raw[1]))


def dump(state: LabState) -> str:
    """The JSON text of a state."""
    return json.dumps(dataclasses.asdict(state), indent=1) + "\n"


def load(text: str) -> LabState:
    """The state of a JSON text written by `dump`.

    Raises:
        LabError: not such a text, or of another version of the lab.
    """
    try:
        raw = json.loads(text)
        if raw["version"] != VERSION:
            raise LabError(f"lab state of version {raw['version']}, this program reads {VERSION}")
        raw["hosts"] = {name: Host(**{**host, "init": _process(host["init"])}) for name, host in raw["hosts"].items()}
        raw["faults"] = [
            Fault(
                **{
                    **fault,
                    "edges": [Edge(*edge) for edge in fault["edges"]],
                    "stopped_before": [ProcessId(*process) for process in fault["stopped_before"]],
                    "healer": _process(fault["healer"]),
                }
            )
            for fault in raw["faults"]
        ]
        raw["switch"] = _process(raw["switch"])
        return LabState(**raw)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LabError(f"lab state cannot be read: {type(error).__name__}: {error}") from error


@contextmanager
def locked(directory: Path, timeout: float = LOCK_TIMEOUT) -> Iterator[None]:
    """Hold an exclusive lock on a directory itself, so that no lock file is left behind.

    Raises:
        LabError: the directory does not exist, or another command keeps the lock for longer than `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    handle = _lock(directory, deadline)
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def made_and_locked(directory: Path, timeout: float = LOCK_TIMEOUT) -> Iterator[None]:
    """Hold an exclusive lock on a directory, made where it is missing: the last lab's `down` may remove it meanwhile.

    Raises:
        LabError: it cannot be made, or another command keeps the lock for longer than `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LabError(f"cannot make {directory}: {error.strerror}; choose another with --state") from error
        try:
            handle = _lock(directory, deadline)
        except LabError:
            if directory.exists() or time.monotonic() >= deadline:
                raise
            continue
        try:
            yield
        finally:
            os.close(handle)
        return


def _lock(directory: Path, deadline: float) -> int:
    pause = threading.Event()
    while True:
        try:
            handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise LabError(f"{directory} does not exist") from error
        except PermissionError as error:
            raise LabError(f"{directory} belongs to another user; do this as that user") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The directory may have been removed, and made again, while we waited for the old one.
            if os.path.exists(directory) and os.path.samestat(os.fstat(handle), os.stat(directory)):
                return handle
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES, errno.ENOENT):
                os.close(handle)
                raise
        os.close(handle)
        if time.monotonic() >= deadline:
            raise LabError(f"{directory} is locked by another lab command that did not end in time")
        pause.wait(0.02)


class Store:
    """The place of one lab's state: `<root>/<name>/state.json`."""

    def __init__(self, root: Path, name: str) -> None:
        check_name("lab name", name)
        self.root = root
        self.name = name
        self.directory = root / name
        self.file = self.directory / "state.json"
        self._proof = self.directory / PROOF

    def exists(self) -> bool:
        """Whether there is anything of this lab, half-built included."""
        return self.directory.exists()

    def create(self) -> None:
        """Make the lab's directory, with the proof that it is one."""
        self.directory.mkdir(mode=0o700)
        self._proof.touch()

    def is_ours(self) -> bool:
        """Whether the directory was made by `create` and may be removed; an empty one may too."""
        try:
            return self._proof.exists() or not any(self.directory.iterdir())
        except PermissionError as error:
            raise LabError(self._foreign("remove")) from error

    def _foreign(self, verb: str) -> str:
        return f"lab {self.name!r} in {self.directory} belongs to another user; {verb} it as that user"

    def read(self) -> LabState:
        """The state without a lock, as last saved."""
        try:
            return load(self.file.read_text())
        except FileNotFoundError as error:
            text = f"there is no lab {self.name!r} under {self.root}"
            raise LabError(f"{text}; make it with: python3 -m lab up --name {self.name} HOST...") from error
        except PermissionError as error:
            raise LabError(self._foreign("use")) from error

    def save(self, state: LabState) -> None:
        """Write the state so that a reader sees the old or the new one, never half of it."""
        temporary = self.directory / "state.json.new"
        temporary.write_text(dump(state))
        temporary.replace(self.file)

    @contextmanager
    def transaction(self) -> Iterator[LabState]:
        """The state under the lab's lock. Saving is the caller's business, step by step."""
        if not self.exists():
            self.read()
        with locked(self.directory):
            yield self.read()


def lab_names(root: Path) -> list[str]:
    """Names of the labs, half-built included, that keep state under `root`."""
    if not root.is_dir():
        return []
    return sorted(entry.name for entry in root.iterdir() if (entry / PROOF).exists())
