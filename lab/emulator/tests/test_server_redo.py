# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redo records, blocks, control slots and number formats: round trips and damage, by property."""

from __future__ import annotations

import os
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tibero_emulator.server import blocks, functions, lexer, redolog
from tibero_emulator.server.errors import TbrError
from tibero_emulator.server.redolog import PageChange

PAGE = 1024


def btree_page(cells: int, content: int) -> bytes:
    """A leaf page whose gap lies between the cell pointers and `content`."""
    head = bytes([0x0D, 0, 0]) + cells.to_bytes(2, "big") + content.to_bytes(2, "big") + b"\0"
    body = bytes((i * 7) % 256 for i in range(PAGE))
    return head + body[: 2 * cells] + bytes(content - 8 - 2 * cells) + body[content:]


pages = st.one_of(
    st.binary(min_size=PAGE, max_size=PAGE).filter(lambda raw: raw[0] not in (0x0D, 0x05, 0x0A, 0x02)),
    st.tuples(st.integers(0, 50), st.integers(200, PAGE)).map(lambda t: btree_page(*t)),
)
changes = st.lists(
    st.builds(PageChange, st.integers(2, 1 << 31), st.integers(0, 99), st.integers(1, 1 << 31), pages), max_size=5
)


@given(changes, st.integers(0, 1 << 31))
@settings(max_examples=60)
def test_commit_round_trip(found: list[PageChange], size: int) -> None:
    assert redolog.decode_commit(redolog.encode_commit(size, found)) == (size, found)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=6), st.integers(0, 2000), st.data())
@settings(max_examples=60)
def test_records_end_at_the_first_damage(payloads: list[bytes], base: int, data: st.DataObject) -> None:
    raw = b"".join(redolog.encode_record(7, redolog.META, n, 1.0, payload) for n, payload in enumerate(payloads))
    found = list(redolog.parse(raw, base, 7))
    assert [record.tsn for record in found] == list(range(len(payloads)))
    assert found[0].offset == base and found[-1].end == base + len(raw)
    assert all(record.payload.startswith(payload) for record, payload in zip(found, payloads, strict=True))
    assert list(redolog.parse(raw, base, 8)) == []
    place = data.draw(st.integers(0, len(raw) - 1))
    damaged = bytearray(raw)
    damaged[place] ^= 0x5A
    whole = [record for record in found if record.end - base <= place]
    assert list(redolog.parse(bytes(damaged), base, 7)) == whole
    cut = data.draw(st.integers(0, len(raw)))
    assert list(redolog.parse(raw[:cut], base, 7)) == [record for record in found if record.end - base <= cut]


@given(st.integers(0, 4095), st.integers(1, 255))
@settings(max_examples=60)
def test_every_torn_byte_of_a_block_is_seen(place: int, flip: int) -> None:
    raw = bytearray(blocks.encode(11, 2, 5, 77, 123, bytes(range(256)) * 16))
    assert blocks.decode(bytes(raw), 11, 2, 5, 4096) == blocks.Block(5, 77, 123, bytes(range(256)) * 16)
    raw[blocks.PAYLOAD + place] ^= flip
    with pytest.raises(blocks.BlockError, match="torn write"):
        blocks.decode(bytes(raw), 11, 2, 5, 4096)


def test_long_record_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    header = redolog.LogHeader(1, "x", 0, 0, 3, 9, 1, 0.0)
    big = redolog.encode_record(3, redolog.PAGES, 1, 0.0, os.urandom(3 << 20))
    small = redolog.encode_record(3, redolog.META, 2, 0.0, b"{}")
    path.write_bytes(header.encode() + big + small + bytes(5000))
    log = redolog.LogFile.open(str(path))
    assert [record.tsn for record in log.records(redolog.HEADER_SIZE)] == [1, 2]
    log.close()
    with pytest.raises(redolog.LogError):
        redolog.decode_header(b"\0" * 512)


@given(st.integers(-(10**9), 10**9))
def test_number_format_of_integers(value: int) -> None:
    text = functions.format_number(value, "9,999,999,990")
    assert len(text) == len("9,999,999,990") + 1
    assert int(text.replace(",", "")) == value


@given(st.decimals(-99999, 99999, places=4))
def test_number_format_rounds_half_up(value: Decimal) -> None:
    number = float(value)
    text = functions.format_number(number, "FM99990.00")
    assert Decimal(text) == Decimal(repr(number)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def test_number_format_overflow() -> None:
    assert functions.format_number(12345, "999") == "####"


@given(st.datetimes(min_value=functions.datetime(1900, 1, 1), max_value=functions.datetime(2999, 12, 31)))
def test_date_format_round_trip(moment: functions.datetime) -> None:
    form = "YYYY/MM/DD HH24:MI:SS.FF6"
    assert functions.parse_date(functions.format_date(moment, form), form) == moment
    form = "DD-MON-YYYY HH12:MI:SS AM"
    assert functions.parse_date(functions.format_date(moment, form), form) == moment.replace(microsecond=0)


@given(st.text(alphabet="ab'\"();, \n-", max_size=40))
def test_lexer_never_hangs_and_loses_nothing(text: str) -> None:
    try:
        tokens = lexer.tokenize(text)
    except TbrError as error:
        assert error.code == 8004
        return
    for token in tokens:
        assert text[token.start : token.end] == token.text
