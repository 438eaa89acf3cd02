# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members that ask each other: with the same key only, and never twice with the same answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import standing_wire as wire
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState

KEY = b"a key of some length"


@pytest.fixture
def answering() -> Iterator[wire.Answering]:
    server = wire.Answering("127.0.0.1", 0, KEY, "orders", lambda: {"member": "seoul1"})
    yield server
    server.close()


def test_an_answer(answering: wire.Answering) -> None:
    assert wire.ask("127.0.0.1", answering.port, KEY, "orders") == {"member": "seoul1"}


@pytest.mark.parametrize(("key", "cluster"), [(b"another key, as long", "orders"), (KEY, "sales")])
def test_a_stranger_gets_no_answer(answering: wire.Answering, key: bytes, cluster: str) -> None:
    with pytest.raises(UnknownState, match="0 bytes"):
        wire.ask("127.0.0.1", answering.port, key, cluster)


def test_one_who_says_nothing_is_let_go(answering: wire.Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_connection(("127.0.0.1", answering.port)) as silent:
        assert wire.ask("127.0.0.1", answering.port, KEY, "orders") == {"member": "seoul1"}
        silent.settimeout(wire.LIMIT + 5)
        assert silent.recv(1) == b""


def test_a_flood_is_dropped_and_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "AT_A_TIME", 1)
    server = wire.Answering("127.0.0.1", 0, KEY, "orders", dict)
    try:
        with socket.create_connection(("127.0.0.1", server.port)), pytest.raises((UnknownState, OSError)):
            for _ in range(20):  # the first connection may not have been taken yet
                wire.ask("127.0.0.1", server.port, KEY, "orders")
    finally:
        server.close()


def test_an_answer_counts_for_its_own_question_only() -> None:
    line = wire.answer_to(KEY, "orders", wire.question(KEY, "orders", "n1"), lambda: {"runs": "not"})
    assert wire.read_answer(KEY, "orders", "n1", line) == {"runs": "not"}
    for nonce, text in (("n2", line), ("n1", line.replace("not", "as")), ("n1", ""), ("n1", "x [] \n")):
        with pytest.raises(UnknownState):
            wire.read_answer(KEY, "orders", nonce, text)


@given(st.text() | st.binary().map(lambda raw: raw.decode("utf-8", "replace")))
def test_no_line_of_a_stranger_is_answered(line: str) -> None:
    assert wire.answer_to(KEY, "orders", line, lambda: {"member": "seoul1"}) == ""


def test_a_short_key_is_none() -> None:
    with pytest.raises(Refusal, match="has 5 characters") as error:
        wire.check_key("short")
    assert "short" not in str(error.value).replace("too short", "")
    assert wire.check_key(" " + "x" * 16 + "\n") == b"x" * 16
