# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arithmetic and records of the manifest."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import agent, manifest, pull
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock

SIZES = st.integers(0, 2000)
CHUNKS = st.integers(1, 300)


@given(SIZES, CHUNKS)
def test_chunks_cover_a_file_once_and_without_gaps(size: int, chunk: int) -> None:
    found = list(manifest.chunks(size, chunk))
    assert sum(length for _offset, length in found) == size
    assert [offset for offset, _length in found] == list(range(0, size, chunk))
    assert all(0 < length <= chunk for _offset, length in found)
    assert all(length == chunk for _offset, length in found[:-1])


@given(SIZES, SIZES, CHUNKS)
def test_chunks_of_a_grown_file_are_the_old_ones_and_the_tail(size: int, more: int, chunk: int) -> None:
    # What the engine does when a file grows: keep the full chunks, ask again from the partial one on.
    start = size - size % chunk
    kept = [one for one in manifest.chunks(size, chunk) if one[0] < start]
    assert kept + list(manifest.chunks(size + more, chunk, start)) == list(manifest.chunks(size + more, chunk))


@given(st.binary(max_size=5000), st.integers(1, 700), st.sampled_from(agent.ALGORITHMS))
def test_file_digest_is_the_digest_over_the_chunks(
    tmp_path_factory: Any, content: bytes, chunk: int, algorithm: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "digest"
    path.write_bytes(content)
    whole = agent.digest_of(algorithm)
    for offset, length in manifest.chunks(len(content), chunk):
        whole.update(agent.digest_of(algorithm, content[offset : offset + length]).digest())
    handle = os.open(path, os.O_RDONLY)
    try:
        assert manifest.file_digest(handle, algorithm, chunk) == f"{algorithm}/{chunk}:{whole.hexdigest()}"
    finally:
        os.close(handle)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_different_files_have_different_digests(tmp_path_factory: Any, one: bytes, other: bytes) -> None:
    base = tmp_path_factory.getbasetemp()
    digests = []
    for name, content in (("one", one), ("other", other)):
        (base / name).write_bytes(content)
        handle = os.open(base / name, os.O_RDONLY)
        digests.append(manifest.file_digest(handle, "sha256", 64))
        os.close(handle)
    assert (digests[0] == digests[1]) == (one == other)


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)


@given(NAMES, st.lists(NAMES, min_size=1, max_size=3))
def test_keys_come_back_as_their_parts(name: str, below: list[str]) -> None:
    assert agent.parts_of(agent.key_of("/" + name)) == ("/" + name, None)
    assert agent.parts_of(agent.key_of("/" + name, "/".join(below))) == ("/" + name, "/".join(below))


def entry(key: str, kind: str = "f", link: str = "") -> agent.Entry:
    return agent.Entry(key, kind, 5 if kind == "f" else 0, 0o640, 1, link, "")


FILES = (manifest.File("/s/a", "/t/b", "password", None),)
TREES = (manifest.Tree("/s/home", "/t/home", ()),)


def test_listing_becomes_items() -> None:
    listed = [
        entry(agent.key_of("/s/a")),
        entry(agent.key_of("/s/home", "d"), "d"),
        entry(agent.key_of("/s/home", "d/f")),
        entry(agent.key_of("/s/home", "p"), "?"),
    ]
    items, left_out = manifest.items_of(FILES, TREES, listed)
    assert [(item.target, item.type, item.mode, item.in_tree) for item in items] == [
        ("/t/b", "f", 0o600, False),
        ("/t/home/d", "d", 0o640, True),
        ("/t/home/d/f", "f", 0o640, True),
    ]
    assert left_out == ["/s/home/p"] and manifest.total_bytes(items) == 10


@pytest.mark.parametrize(
    "listed",
    [
        [agent.key_of("/s/other")],
        [agent.key_of("/s/a"), agent.key_of("/s/a")],
        [agent.key_of("/s/a"), agent.key_of("/etc", "passwd")],
        [agent.key_of("/s/a"), agent.key_of("/s/home", "../up")],
        [agent.key_of("/s/a"), agent.key_of("/s/home", "/etc/passwd")],
        [agent.key_of("/s/a"), agent.key_of("/s/home", "")],
        [],
    ],
)
def test_listing_that_contradicts_the_wish_is_refused(listed: list[str]) -> None:
    with pytest.raises(UnknownState, match=r"The source (listed|did not list)"):
        manifest.items_of(FILES, TREES, [entry(key) for key in listed])


def test_path_through_a_link_is_refused() -> None:
    listed = [
        entry(agent.key_of("/s/a")),
        entry(agent.key_of("/s/home", "l"), "l", "/etc"),
        entry(agent.key_of("/s/home", "l/passwd")),
    ]
    with pytest.raises(UnknownState, match="not asked for"):
        manifest.items_of(FILES, TREES, listed)


def record(**changes: Any) -> manifest.Manifest:
    item = manifest.Item(agent.key_of("/s/\udcff"), "f", "datafile", "/t", "\udcff", 5, 0o600, 1, "", "sha256/4:00")
    return manifest.Manifest("s1", "g", manifest.UNFINISHED, "w", "sha256", 4096, "host", (item,), {"a": 1})._replace(
        **changes
    )


def test_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    assert manifest.load(str(tmp_path)) is None
    manifest.save(str(tmp_path), record())
    assert manifest.load(str(tmp_path)) == record()
    assert (tmp_path / manifest.NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1}', "not json"])
def test_manifest_that_is_not_understood_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / manifest.NAME).write_text(text)
    with pytest.raises(UnknownState, match="is not a manifest of format 1"):
        manifest.load(str(tmp_path))


def test_wish_digest_tells_wishes_apart_but_not_their_order() -> None:
    files = (manifest.File("/s/a", "/t/a", "redo", None), manifest.File("/s/b", "/t/b", "redo", 0o600))
    base = manifest.wish_digest("s", "g", files, TREES, {})
    assert manifest.wish_digest("s", "g", files[::-1], TREES, {}) == base
    others = [
        ("x", "g", files, TREES, {}),
        ("s", "x", files, TREES, {}),
        ("s", "g", files[:1], TREES, {}),
        ("s", "g", files, (), {}),
        ("s", "g", files, TREES, {"quiet": True}),
    ]
    assert len({manifest.wish_digest(*other) for other in others} | {base}) == len(others) + 1


@pytest.mark.parametrize("seed", ["", "a b", "../x", "-x", ".x", "a/b", "x" * 65, "a\n"])
def test_seed_id_is_a_plain_word(seed: str) -> None:
    with pytest.raises(Refusal, match="seed_id is"):
        manifest.check_seed_id(seed)


def test_tree_digest_sees_every_difference() -> None:
    items = [
        manifest.Item("t\0/s\0a", "f", "software", "/t", "a", 5, 0o600, 1, "", "d1"),
        manifest.Item("t\0/s\0l", "l", "software", "/t", "l", 0, 0o777, 1, "a", ""),
    ]
    base = manifest.tree_digest(items)
    assert manifest.tree_digest(items[::-1]) == base
    for changed in (items[0]._replace(mode=0o644), items[0]._replace(digest="d2"), items[0]._replace(relative="b")):
        assert manifest.tree_digest([changed, items[1]]) != base
    assert manifest.tree_digest([items[0], items[1]._replace(link="b")]) != base
    assert manifest.tree_digest([items[0]._replace(mtime_ns=9), items[1]]) == base


def test_faster_of_the_slower_sides_is_chosen() -> None:
    assert pull.choose_algorithm({"sha256": 1700, "blake2b": 900}, {"sha256": 1600, "blake2b": 800}) == "sha256"
    assert pull.choose_algorithm({"sha256": 1700, "blake2b": 900}, {"sha256": 300, "blake2b": 640}) == "blake2b"
    assert pull.choose_algorithm({}, {"sha256": 300, "blake2b": 640}) == "sha256"


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=50), st.integers(1, 10**8))
def test_pacer_never_exceeds_its_rate(amounts: list[int], rate: int) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    pacer = pull.Pacer(rate, Clock(lambda: now[0], sleep))
    let_through = 0
    for amount in amounts:
        pacer.wait(amount)
        # What was let through before this request has had its time.
        assert let_through <= rate * now[0] * (1 + 1e-9) + 1e-6
        let_through += amount


def test_meter_tells_rate_and_rest() -> None:
    now = [100.0]
    meter = pull.Meter(1000, Clock(lambda: now[0], lambda seconds: None))
    assert meter.report()["eta"] is None and meter.report()["percent"] == 0
    now[0] += 2.0
    meter.sent, meter.skipped, meter.zero = 100, 200, 100
    told = meter.report()
    assert (told["bytes_done"], told["rate"], told["eta"], told["percent"]) == (400, 200, 3, 40)
    assert pull.Meter(0, Clock()).report()["percent"] == 100


@pytest.mark.parametrize(
    ("path", "patterns", "excluded"),
    [
        ("license/license.xml", ["license.xml"], True),
        ("instance/orders/log/x", ["instance"], True),
        ("bin/instance", ["bin/inst*"], True),
        ("lib/instance2", ["instance"], False),
        ("a/b/c", ["b/c"], False),
        ("a/b/c", ["a/b"], True),
        ("a/b/c", ["a/b/"], True),
        ("x.log", ["*.log"], True),
        ("x.log/y", ["*.log"], True),
        ("x", [], False),
    ],
)
def test_patterns_of_exclusion(path: str, patterns: list[str], excluded: bool) -> None:
    assert agent.is_excluded(path, patterns) is excluded


def test_digests_are_the_librarys() -> None:
    assert agent.digest_of("sha256", b"x").hexdigest() == hashlib.sha256(b"x").hexdigest()
    assert agent.digest_of("blake2b", b"x").digest_size == 32
    with pytest.raises(agent.Refused):
        agent.digest_of("md5")
