# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of a drill: what is written is read back, and whatever happens to the bytes is told and never raised."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import ledger
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.ledger import Anchor, Late, Missed, Operation

HEADER: dict[str, Any] = {"client": "desk", "stream": "w00", "kind": "write", "path": "application", "note": "서울"}

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
OUTCOMES = st.sampled_from((ledger.ACKED, ledger.FAILED, ledger.UNKNOWN, None))
#: What happens to one intent: its outcome or none, the node, the error, and whether it was late.
STORIES = st.lists(st.tuples(OUTCOMES, TEXTS, TEXTS, st.booleans()), max_size=30)


def write(path: Path, stories: list[Any], close: bool = True) -> list[Operation]:
    """Write a stream; what a reader must make of it."""
    writer, expected, now = ledger.Writer(str(path), HEADER), [], 1000
    for seq, (outcome, node, error, late) in enumerate(stories, 1):
        now += 10
        writer.intent(seq, "%032x" % seq, "" if seq % 7 == 0 else "ab" * 32, 3, now)
        if late:
            writer.late(seq, now - 5)
        if outcome is not None:
            writer.outcome(outcome, seq, now + 5, node, error)
        digest = "" if seq % 7 == 0 else "ab" * 32
        story = (None, ledger.UNKNOWN, "", "") if outcome is None else (now + 5, outcome, error, node)
        expected.append(
            Operation("desk", "w00", "write", "application", seq, "%032x" % seq, digest, 3, now, story[0], *story[1:])
        )
        if seq % 5 == 0:
            writer.missed(now, 2, ledger.BUSY)
            writer.anchor(Anchor(now + 6, 1_700_000_000_000_000_000 + now, 40))
    if close:
        writer.close()
    else:
        writer.abandon()
    return expected


def parse(data: bytes) -> ledger.Ledger:
    return ledger.read_from(io.BytesIO(data))


@settings(max_examples=40, deadline=None)
@given(STORIES, st.booleans())
def test_what_is_written_is_read_back(stories: list[Any], close: bool) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "w00"
        expected = write(path, stories, close)
        seen = ledger.read(str(path))
    assert list(seen.operations) == expected
    assert seen.damage == () and seen.closed is close
    assert dict(seen.header) == {**HEADER, "schema": ledger.SCHEMA}
    assert [late.seq for late in seen.late] == [number for number, story in enumerate(stories, 1) if story[3]]
    assert len(seen.missed) == len(seen.anchors) == len(stories) // 5


@settings(max_examples=100, deadline=None)
@given(STORIES, st.data())
def test_a_line_that_is_removed_changed_or_added_is_told(stories: list[Any], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "w00"
        write(path, stories)
        lines = path.read_bytes().splitlines(keepends=True)
    place_of = data.draw(st.integers(0, len(lines) - 1))
    how = data.draw(st.sampled_from(("remove", "change", "add", "swap", "tear")))
    line = lines[place_of]
    if how == "remove":
        del lines[place_of]
    elif how == "change":
        offset = data.draw(st.integers(0, len(line) - 1))
        byte = data.draw(st.integers(0, 255).filter(lambda value: value != line[offset]))
        lines[place_of] = line[:offset] + bytes([byte]) + line[offset + 1 :]
    elif how == "add":
        lines.insert(place_of + 1, data.draw(st.sampled_from((line, b"M 1 1 busy\n", b"\n", b"A 1 2000 - \n"))))
    elif how == "swap" and place_of and lines[place_of - 1] != line:
        lines[place_of - 1], lines[place_of] = line, lines[place_of - 1]
    else:
        lines[place_of] = line[: data.draw(st.integers(0, len(line) - 1))]
    seen = parse(b"".join(lines))
    assert seen.damage or not seen.closed
    # Only what takes the end line away looks like a probe that was killed, and then the stream is not closed: a torn line takes the next one with it, as
    # the text of its error.
    takes_end = place_of >= len(lines) - 2 if how == "tear" else how == "remove" and place_of == len(lines)
    if not takes_end:
        assert seen.damage


@pytest.mark.parametrize("kept", [b"A 1 1015 ", b"F 1 1015 seoul1 ", b"A 1 1015 seoul1 -", b""])
def test_a_torn_line_that_takes_the_end_with_it_leaves_the_stream_open(tmp_path: Path, kept: bytes) -> None:
    path = tmp_path / "w00"
    write(path, [("A", "", "", False)])
    lines = path.read_bytes().splitlines(keepends=True)
    outcome = next(number for number, line in enumerate(lines) if line.startswith(b"A 1 "))
    assert lines[outcome + 1].startswith(b"Z ")
    seen = parse(b"".join([*lines[:outcome], kept + lines[outcome + 1]]))
    # What stands before it has no digest then: the verdict treats such a stream as lost.
    assert not seen.closed or seen.damage
    assert seen.covered == 0


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=400), st.lists(st.sampled_from((
    b"H {}\n", b"H []\n", b'H {"schema": 1}\n', b"I 1 u - 0 5\n", b"I 0 u - 0 5\n", b"I 9 u h 1 2\n", b"A 1 6 - \n", b"A 1 6 %ff x\n",
    b"F 1 7 n \\q\n", b"? 1 3 n x\n", b"W 1 2\n", b"W 1 2 3\n", b"C 1 00\n", b"Z 1 \xff\n", b"L 1 1\n", b"M 99999999999999999999999 1\n",
    b"X\n", b"\n", b"I 1 u - 0 5", b"H " + b"[" * 5000 + b"\n",
)), max_size=12).map(b"".join)))  # fmt: skip
def test_no_bytes_make_the_reader_raise(data: bytes) -> None:
    seen = parse(data)
    assert seen.damage or not seen.closed
    assert all(isinstance(text, str) and "\n" not in text for text in seen.damage)


def long_stream(path: Path, close: bool = True) -> list[bytes]:
    write(path, [(ledger.ACKED, "seoul1", "", False)] * 1200, close)
    return path.read_bytes().splitlines(keepends=True)


def test_a_mark_follows_each_thousand_lines(tmp_path: Path) -> None:
    lines = long_stream(tmp_path / "w00")
    marks = [number for number, line in enumerate(lines, 1) if line.startswith(b"C ")]
    assert marks == [1001, 2001] and lines[-1].startswith(b"Z %d " % (len(lines) - 1))
    seen = ledger.read(str(tmp_path / "w00"))
    assert seen.damage == () and seen.covered == len(lines)


def test_a_removed_mark_is_told(tmp_path: Path) -> None:
    lines = long_stream(tmp_path / "w00", close=False)
    del lines[1000]
    assert any("the mark after 1000 lines is missing" in each for each in parse(b"".join(lines)).damage)


def test_a_change_is_placed_between_the_marks_around_it(tmp_path: Path) -> None:
    lines = long_stream(tmp_path / "w00")
    place = next(number for number in range(1500, 1510) if lines[number].startswith(b"I "))
    lines[place] = lines[place].replace(b" 3 ", b" 4 ")
    damage = parse(b"".join(lines)).damage
    assert damage[0].startswith("line 2001: the digest does not match: a byte of the lines 1002 to 2000")
    assert damage[1].startswith("1 further digests")


def test_a_stream_that_was_lost_is_not_closed_and_tells_how_much_is_covered(tmp_path: Path) -> None:
    long_stream(tmp_path / "w00", close=False)
    seen = ledger.read(str(tmp_path / "w00"))
    assert (seen.damage, seen.closed, seen.covered) == ((), False, 2001)


def test_an_intent_without_an_outcome_is_unknown(tmp_path: Path) -> None:
    write(tmp_path / "w00", [(None, "", "", False)], close=False)
    (operation,) = ledger.read(str(tmp_path / "w00")).operations
    assert (operation.ended, operation.outcome) == (None, ledger.UNKNOWN)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (b"I 1 u - 0 5\nI 4 u - 0 6\n", "intents 2 to 3 are missing"),
        (b"I 1 u - 0 5\nI 1 u - 0 6\n", "its sequence 1 came before"),
        (b"A 1 6 - \n", "has no open intent"),
        (b"I 1 u - 0 5\nA 1 6 - \nA 1 7 - \n", "has no open intent"),
        (b"I 1 u - 0 5\nA 1 4 - \n", "ended before it was sent"),
        (b"I 1 u - 0 5\nI 2 u - 0 4\n", "lies before that of an earlier line"),
        (b"I 1 u - 0 5\nA 1 6", "torn"),
        (b'H {"schema": 1}\n', "a second header"),
        (b"M 5 1 lazy\n", "why nothing was sent is not known"),
        (b"C 7 00\n", "lines are missing or were added"),
    ],
)
def test_what_does_not_fit_together_is_told_in_words(lines: bytes, words: str) -> None:
    assert any(words in each for each in parse(b'H {"schema": 1}\n' + lines).damage)


def test_another_schema_is_damage() -> None:
    assert "the schema is 2, not 1" in parse(b'H {"schema": 2}\n').damage[0]


def test_a_file_that_is_not_there_is_damage_too(tmp_path: Path) -> None:
    assert "cannot be read" in ledger.read(str(tmp_path / "none")).damage[0]


def test_garbage_without_end_is_told_and_not_listed(tmp_path: Path) -> None:
    seen = parse(b"x\n" * 500)
    assert len(seen.damage) == ledger.DAMAGE_LIMIT + 1 and "further damages are not listed" in seen.damage[-1]


def test_a_ledger_is_never_written_twice(tmp_path: Path) -> None:
    write(tmp_path / "w00", [])
    with pytest.raises(Refusal, match="is there already"):
        ledger.Writer(str(tmp_path / "w00"), HEADER)


def test_a_full_disk_ends_the_stream_before_anything_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = ledger.Writer(str(tmp_path / "w00"), HEADER)
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:10]))
    with pytest.raises(ledger.LedgerBroken, match="only 10 of"):
        writer.intent(1, "u", "", 0, 5)
    monkeypatch.undo()
    writer.abandon()
    assert "torn" in ledger.read(str(tmp_path / "w00")).damage[0]


def test_an_intent_survives_kill_9(tmp_path: Path) -> None:
    """The promise itself: a process that is killed right after the call leaves the intent in the file."""
    program = (
        "import os\n"
        "from ansible_collections.firedrill.standby.plugins.module_utils._core import ledger\n"
        "ledger.Writer({0!r}, {{}}).intent(1, 'u', '', 0, 5); os.kill(os.getpid(), 9)\n"
    ).format(str(tmp_path / "w00"))
    conftest = Path(__file__).resolve().parents[4] / "conftest.py"
    done = subprocess.run(
        [sys.executable, "-c", f"import runpy; runpy.run_path({str(conftest)!r})\n{program}"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr.decode()
    assert [each.uuid for each in ledger.read(str(tmp_path / "w00")).operations] == ["u"]


def test_late_and_missed_slots_are_read_back(tmp_path: Path) -> None:
    writer = ledger.Writer(str(tmp_path / "w00"), HEADER)
    writer.intent(1, "u", "", 0, 500)
    writer.late(1, 100)
    writer.missed(600, 4, ledger.BEHIND)
    writer.close()
    seen = ledger.read(str(tmp_path / "w00"))
    assert seen.late == (Late(1, 100),) and seen.missed == (Missed(600, 4, ledger.BEHIND),)


def test_the_clock_goes_forward_and_has_a_name() -> None:
    name, read = ledger.clock()
    assert name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC")
    first = read()
    seen = ledger.anchor(read)
    assert first <= seen.mono <= seen.mono + seen.width <= read()
