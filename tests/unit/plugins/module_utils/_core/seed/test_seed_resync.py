# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy over the files of an older copy: only chunks that differ are sent, against a real agent."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import manifest, target

CHUNK = 64 * 1024
SMALL = 4096


def _old(lab: Any, name: str, content: bytes) -> str:
    path = lab.target / name
    path.write_bytes(content)
    return str(path)


def _diverged(content: bytes, *chunks: int) -> bytes:
    """The same with one byte of each named chunk turned."""
    changed = bytearray(content)
    for number in chunks:
        changed[number * CHUNK + 5] ^= 0xFF
    return bytes(changed)


def test_only_chunks_that_differ_are_sent(lab: Any, noise: Any) -> None:
    content = noise(20 * CHUNK + 100, 1)
    lab.add("system001.dtf", content)
    old = _old(lab, "system001.dtf", _diverged(content, 3, 17))
    result = lab.pull(replaces=(old,), read_back=True)
    assert lab.same()
    assert (result["bytes_sent"], result["bytes_skipped"], result["removed"]) == (2 * CHUNK, 18 * CHUNK + 100, [])


def test_a_rebuild_sends_everything_and_ends_with_the_same_files(lab: Any, noise: Any) -> None:
    content = noise(20 * CHUNK, 1)
    lab.add("system001.dtf", content)
    old = _old(lab, "system001.dtf", _diverged(content, 3))
    result = lab.pull(replaces=(old,), reuse=False)
    assert lab.same()
    assert (result["bytes_sent"], result["bytes_skipped"], result["removed"]) == (20 * CHUNK, 0, [old])


def test_longer_and_shorter_files_and_those_without_a_place(lab: Any, noise: Any) -> None:
    lab.add("longer.dtf", noise(6 * CHUNK, 1))
    lab.add("shorter.dtf", noise(2 * CHUNK + 7, 2))
    olds = [
        _old(lab, "longer.dtf", noise(6 * CHUNK, 1)[: 4 * CHUNK + 9]),
        _old(lab, "shorter.dtf", noise(9 * CHUNK, 2)),
        _old(lab, "own001.dtf", b"made after the branch point"),
    ]
    result = lab.pull(replaces=tuple(olds))
    assert lab.same()
    assert result["removed"] == [olds[2]] and not Path(olds[2]).exists()
    assert result["bytes_sent"] <= 2 * CHUNK + 7 + CHUNK


def test_what_the_caller_did_not_prove_stays_a_refusal_and_nothing_changes(lab: Any, noise: Any) -> None:
    lab.add("system001.dtf", noise(2 * CHUNK, 1))
    old = _old(lab, "system001.dtf", noise(2 * CHUNK, 9))
    _old(lab, "stranger.txt", b"whose?")
    before = lab.state()
    with pytest.raises(Refusal, match=r"The target is not empty: .*/stranger\.txt"):
        lab.pull(replaces=(old,))
    assert lab.state() == before


def test_without_replaces_an_older_copy_is_never_overwritten(lab: Any, noise: Any) -> None:
    lab.add("system001.dtf", noise(2 * CHUNK, 1))
    _old(lab, "system001.dtf", noise(2 * CHUNK, 9))
    before = lab.state()
    with pytest.raises(Refusal, match="The target is not empty"):
        lab.pull()
    assert lab.state() == before


def test_a_file_that_a_process_has_open_is_not_overwritten(lab: Any, noise: Any) -> None:
    lab.add("system001.dtf", noise(2 * CHUNK, 1))
    old = _old(lab, "system001.dtf", noise(2 * CHUNK, 9))
    before = lab.state()
    with open(old, "rb"), pytest.raises(Refusal, match=f"process {os.getpid()}: ") as caught:
        lab.pull(replaces=(old,))
    assert caught.value.nothing_changed
    assert lab.state() == before


def test_a_file_elsewhere_is_refused_before_anybody_is_asked(lab: Any, noise: Any, tmp_path: Path) -> None:
    lab.add("system001.dtf", noise(CHUNK, 1))
    from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import pull

    with pytest.raises(Refusal, match="which lies below none of"):
        pull.check_wish(lab.wish(replaces=(str(tmp_path / "elsewhere" / "x.dtf"),)))
    assert lab.fault.connections == 0


def test_interrupted_it_resumes_and_sends_nothing_twice(lab: Any, noise: Any) -> None:
    content = noise(24 * CHUNK, 1)
    lab.add("system001.dtf", content)
    old = _old(lab, "system001.dtf", _diverged(content, *range(0, 24, 2)))
    lab.fault.cut_after = [5 * CHUNK]
    with pytest.raises(StandbyError):
        lab.pull(replaces=(old,), retries=0)
    record = manifest.load(str(lab.seed_dir))
    assert record is not None and record.state == manifest.UNFINISHED
    assert not Path(old).exists() and Path(old + manifest.PART_SUFFIX).exists(), "no database can start on half a copy"
    result = lab.pull(replaces=(old,))
    assert lab.same()
    assert result["bytes_sent"] < 12 * CHUNK


def test_an_interrupted_rebuild_keeps_what_it_has(lab: Any, noise: Any) -> None:
    content = noise(24 * CHUNK, 1)
    lab.add("system001.dtf", content)
    old = _old(lab, "system001.dtf", _diverged(content, 1))
    lab.fault.cut_after = [9 * CHUNK]
    with pytest.raises(StandbyError):
        lab.pull(replaces=(old,), reuse=False, retries=0)
    result = lab.pull(replaces=(old,), reuse=False)
    assert lab.same()
    assert 0 < result["bytes_sent"] < 24 * CHUNK


def test_a_rebuild_that_broke_off_after_its_files_had_their_names_sends_nothing_again(
    lab: Any, noise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = noise(8 * CHUNK, 1)
    lab.add("system001.dtf", content)
    old = _old(lab, "system001.dtf", _diverged(content, 1))
    real = manifest.save

    def save(seed_dir: str, record: manifest.Manifest) -> None:
        if record.state == manifest.FINISHED:
            raise OSError(28, "No space left on device")
        real(seed_dir, record)

    monkeypatch.setattr(manifest, "save", save)
    with pytest.raises(OSError):
        lab.pull("g1", replaces=(old,), reuse=False)
    monkeypatch.setattr(manifest, "save", real)
    result = lab.pull("g2", replaces=(old,), reuse=False)
    assert lab.same() and (result["bytes_sent"], result["removed"]) == (0, [])


def test_over_the_files_of_an_earlier_finished_seed(lab: Any, noise: Any) -> None:
    content = noise(8 * CHUNK, 1)
    lab.add("system001.dtf", content)
    lab.pull("g1")
    _old(lab, "system001.dtf", _diverged(content, 2))
    with pytest.raises(Refusal, match="was finished, and 1 of its files changed since"):
        lab.pull("g2")
    result = lab.pull("g2", replaces=(str(lab.target / "system001.dtf"),))
    assert lab.same() and result["bytes_sent"] == CHUNK


def test_a_second_run_changes_nothing(lab: Any, noise: Any) -> None:
    from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import pull

    content = noise(4 * CHUNK, 1)
    lab.add("system001.dtf", content)
    old = _old(lab, "system001.dtf", _diverged(content, 2))
    lab.pull(replaces=(old,))
    assert pull.is_finished(lab.wish(replaces=(old,))) is not None


blocks = st.lists(st.integers(0, 2), min_size=1, max_size=12)


@given(blocks, blocks, st.integers(0, SMALL - 1), st.integers(0, SMALL - 1))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_sent_are_those_of_the_chunks_that_differ(
    lab_class: Any, ours: list[int], theirs: list[int], cut: int, cut_theirs: int
) -> None:
    """Chunks of zeros (0) or of one of two contents, last ones cut short: exact result, exact count."""

    def content(numbers: list[int], cut_off: int) -> bytes:
        whole = b"".join(bytes([number]) * SMALL for number in numbers)
        return whole[: len(whole) - cut_off]

    source, old = content(theirs, cut_theirs), content(ours, cut)
    with tempfile.TemporaryDirectory() as place:
        lab = lab_class(Path(place))
        lab.add("a.dtf", source)
        path = _old(lab, "a.dtf", old)
        result = lab.pull(replaces=(path,), chunk=SMALL)
        assert lab.same()
        wanted = 0
        for offset in range(0, len(source), SMALL):
            piece = source[offset : offset + SMALL]
            padded = (old[: len(source)] + bytes(max(len(source) - len(old), 0)))[offset : offset + len(piece)]
            if piece != padded and any(piece):
                wanted += len(piece)
        if old:
            assert result["bytes_sent"] == wanted
        assert result["bytes_sent"] + result["bytes_skipped"] + result["bytes_zero"] == len(source)


def test_who_has_a_file_open(tmp_path: Path) -> None:
    wanted = tmp_path / "a.dtf"
    wanted.write_bytes(b"x")
    proc = tmp_path / "proc"
    (proc / "41" / "fd").mkdir(parents=True)
    (proc / "41" / "fd" / "7").symlink_to(wanted)
    (proc / "42" / "fd").mkdir(parents=True)
    (proc / "self").mkdir()
    target.check_unused([str(tmp_path / "missing.dtf")], str(proc))
    with pytest.raises(Refusal, match=r"process 41: .*/a\.dtf\.") as caught:
        target.check_unused([str(wanted)], str(proc))
    assert caught.value.details == {"processes": {"41": [str(wanted)]}}
