# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A source and a target in two directories, the real agent as a child process between them, and faults to put on the
line.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import run
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import agent, manifest, pull, transport
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock

CHUNK = 64 * 1024


class Line:
    """A conversation with faults: cut after so many bytes, a bit turned at one byte, the agent killed."""

    def __init__(self, channel: transport.Channel, fault: Fault) -> None:
        self._channel = channel
        self._fault = fault
        self._seen = 0
        self._killed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def read_into(self, view: memoryview) -> int:
        fault = self._fault
        if fault.cut_after and self._seen + len(view) > fault.cut_after[0]:
            fault.cut_after.pop(0)
            self._channel.stop()
            return 0
        if fault.kill_after and not self._killed and self._seen + len(view) > fault.kill_after[0]:
            fault.kill_after.pop(0)
            self._killed = True
            os.kill(self._channel.pid, 9)
        got = self._channel.read_into(view)
        if fault.flip_at and self._seen <= fault.flip_at[0] < self._seen + got:
            view[fault.flip_at.pop(0) - self._seen] ^= 1
        self._seen += got
        return got


class Fault:
    def __init__(self) -> None:
        self.cut_after: list[int] = []
        self.kill_after: list[int] = []
        self.flip_at: list[int] = []
        self.connections = 0
        self.refuse: list[transport.Unreachable] = []


class Lab:
    """``source`` and ``target`` directories, ``seed_dir``, and a wish for what is in ``files`` and ``trees``."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.source, self.target, self.seed_dir = base / "source", base / "target", base / "seed"
        for place in (self.source, self.target):
            place.mkdir(mode=0o700)
        self.seed_dir.mkdir(mode=0o700)
        self.files: list[manifest.File] = []
        self.trees: list[manifest.Tree] = []
        self.fault = Fault()
        self.lease: str | None = None
        self.expires = time.time() + 600
        self.reports: list[dict[str, Any]] = []
        self.slept: list[float] = []
        self.on_report: Callable[[dict[str, Any]], None] = lambda values: None

    def add(self, name: str, content: bytes, kind: str = "datafile", mode: int | None = None) -> Path:
        path = self.source / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(content)
        self.files.append(manifest.File(str(path), str(self.target / name), kind, mode))
        return path

    @property
    def offer_file(self) -> Path:
        path = self.base / "offer.json"
        trees = [{"path": tree.source, "exclude": list(tree.exclude)} for tree in self.trees]
        record = {
            "seed": "s1",
            "expires": self.expires,
            "files": [file.source for file in self.files],
            "trees": trees,
            "lease": self.lease,
        }
        path.write_text(json.dumps(record))
        return path

    def wish(self, generation: str = "g1", **options: Any) -> pull.Wish:
        argv = tuple(transport.local_argv("", str(agent.__file__), str(self.offer_file)))
        endpoint = transport.Endpoint("local", argv, "", 0, "", (), str(self.seed_dir))
        chosen = pull.Options(**dict({"chunk": CHUNK, "retries": 3, "retry_delay": 0.5}, **options))
        return pull.Wish("s1", generation, str(self.seed_dir), endpoint, tuple(self.files), tuple(self.trees), chosen)

    def connect(self, endpoint: transport.Endpoint) -> Any:
        self.fault.connections += 1
        if self.fault.refuse:
            raise self.fault.refuse.pop(0)
        return Line(transport.connector(run)(endpoint), self.fault)

    def report(self, **values: Any) -> None:
        self.reports.append(values)
        self.on_report(values)

    def pull(self, generation: str = "g1", **options: Any) -> dict[str, Any]:
        clock = Clock(time.monotonic, self.slept.append)
        return pull.Pull(self.wish(generation, **options), self.connect, self.report, clock).run()

    def same(self) -> bool:
        """Every file of the target holds what the source's holds, and no part is left."""
        assert not list(self.base.rglob("*" + manifest.PART_SUFFIX))
        record = manifest.load(str(self.seed_dir))
        assert record is None or pull.digests_match(record) == []
        return all(Path(file.source).read_bytes() == Path(file.target).read_bytes() for file in self.files)

    def state(self) -> dict[str, Any]:
        """Everything on the target, to prove that nothing changed."""
        found = {}
        for path in sorted(self.target.rglob("*")):
            seen = path.lstat()
            content = path.read_bytes() if path.is_file() else None
            found[str(path)] = (seen.st_mode, seen.st_size, seen.st_mtime_ns, content)
        return found


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    yield Lab(tmp_path)


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that look random and are the same in every run."""
    import hashlib

    block = hashlib.shake_128(str(seed).encode()).digest(min(size, 1 << 20))
    return (block * (size // max(len(block), 1) + 1))[:size]


@pytest.fixture(name="noise")
def _noise() -> Callable[..., bytes]:
    return noise


@pytest.fixture(name="lab_class")
def _lab_class() -> type[Lab]:
    return Lab
