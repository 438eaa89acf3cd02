# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The target's side of the protocol against frames that no honest agent sends, and the disk's early refusal."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import agent, session, target, transport

CHUNK = 4096
ENDPOINT = transport.Endpoint("local", ("agent",), "", 0, "", (), "/seed")


class Played:
    """An agent whose whole speech is given beforehand."""

    def __init__(self, speech: bytes) -> None:
        self.rest = speech
        self.heard = b""

    def read_into(self, view: memoryview) -> int:
        part, self.rest = self.rest[: len(view)], self.rest[len(view) :]
        view[: len(part)] = part
        return len(part)

    def write(self, data: bytes) -> None:
        self.heard += data

    def ending(self) -> tuple[int | None, str]:
        return 1, "played to the end"

    def stop(self) -> None:
        self.rest = b""

    def close(self) -> None:
        self.rest = b""


def frame(kind: int, value: Any, number: int = 0) -> bytes:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return agent.HEADER.pack(kind, number, len(body)) + body


HELLO = agent.MAGIC + frame(agent.HELLO, {"version": 1, "seed": "s1", "rates": {}})
BEGUN = HELLO + frame(agent.BEGIN, {}) + frame(agent.LEASE, {"held": None})


def chunk(what: int, length: int, digest: bytes, data: bytes = b"", size: int = 10**6) -> bytes:
    return frame(agent.CHUNK, agent.CHUNK_HEAD.pack(what, length, size, len(digest)) + digest + data)


def digest(data: bytes) -> bytes:
    found: bytes = agent.digest_of("sha256", data).digest()
    return found


def answer_to(speech: bytes) -> Any:
    played = session.Session(Played(speech), ENDPOINT, "s1")  # type: ignore[arg-type]
    try:
        played.begin("sha256", CHUNK)
        return played.answer()
    finally:
        played.close()


def test_honest_answers() -> None:
    data = b"x" * CHUNK
    got = answer_to(BEGUN + chunk(agent.DATA, CHUNK, digest(data), data))
    assert (got.what, got.length, got.digest, bytes(got.data)) == (agent.DATA, CHUNK, digest(data), data)
    assert answer_to(BEGUN + chunk(agent.ZERO, 100, digest(bytes(100)))).what == agent.ZERO
    refused = answer_to(BEGUN + frame(agent.ERROR, {"errno": 2, "text": "No such file", "path": "/a"}))
    assert refused == session.Failure(0, 2, "No such file", "/a")


@pytest.mark.parametrize(
    "speech",
    [
        chunk(agent.DATA, CHUNK, digest(b"other"), b"x" * CHUNK),
        chunk(agent.ZERO, CHUNK, digest(b"not zeros")),
        chunk(agent.ZERO, CHUNK, digest(bytes(CHUNK - 1))),
        chunk(agent.DATA, CHUNK + 1, digest(b"x" * (CHUNK + 1)), b"x" * (CHUNK + 1)),
        chunk(agent.DATA, 10, digest(b"x" * 10), b"x" * 9),
        chunk(agent.SAME, 10, digest(b"x"), b"surplus"),
        frame(99, b""),
        frame(0, b""),
        agent.HEADER.pack(agent.CHUNK, 0, 2**31),
        agent.HEADER.pack(agent.ERROR, 0, agent.MAX_BODY + 1),
        frame(agent.ERROR, b"{not json"),
    ],
)
def test_what_no_agent_sends_is_not_believed(speech: bytes) -> None:
    with pytest.raises(session.Corrupted):
        answer_to(BEGUN + speech)


def test_end_in_the_middle_is_told() -> None:
    whole = BEGUN + chunk(agent.DATA, CHUNK, digest(b"x" * CHUNK), b"x" * CHUNK)
    for length in range(0, len(whole), 97):
        with pytest.raises(transport.Unreachable, match="played to the end"):
            answer_to(whole[:length])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_one_changed_byte_never_becomes_wrong_data(data: Any) -> None:
    content = bytes(range(256)) * 8
    speech = bytearray(BEGUN + chunk(agent.DATA, len(content), digest(content), content))
    place = data.draw(st.integers(len(BEGUN), len(speech) - 1))
    speech[place] ^= data.draw(st.integers(1, 255))
    try:
        got = answer_to(bytes(speech))
    except StandbyError:
        return
    # A byte of the number or of the file's size may change unseen: neither decides what is written.
    if isinstance(got, session.Chunk) and got.what == agent.DATA:
        assert got.data is not None and bytes(got.data[: got.length]) == content
    elif isinstance(got, session.Chunk):
        # SAME and DIGEST are only believed by the engine when it has that digest itself.
        assert got.what in (agent.SAME, agent.DIGEST, agent.NOT_YET) or got.digest == digest(bytes(got.length))


def test_full_disk_shows_before_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = os.open(tmp_path / "a", os.O_RDWR | os.O_CREAT)
    asked = []

    def fallocate(*arguments: int) -> int:
        asked.append(arguments)
        return -1

    monkeypatch.setattr(target, "_fallocate", fallocate)
    monkeypatch.setattr(target.ctypes, "get_errno", lambda: errno.ENOSPC)
    with pytest.raises(OSError, match="No space left"):
        target.preallocate(handle, 10**6)
    assert asked == [(handle, 0, 0, 10**6)]
    monkeypatch.setattr(target.ctypes, "get_errno", lambda: errno.EOPNOTSUPP)
    target.preallocate(handle, 10**6)
    assert os.fstat(handle).st_size == 10**6, "a file system without the call gives the size at least"
    target.preallocate(handle, 10)
    assert os.fstat(handle).st_size == 10
    os.close(handle)
