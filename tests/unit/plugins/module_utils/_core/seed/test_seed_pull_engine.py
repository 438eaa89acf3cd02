# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy against a real agent: what is sent, what is not, and what becomes of it when the line, the disk or the
source misbehaves.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import (
    agent,
    manifest,
    pull,
    target,
    transport,
)

CHUNK = 64 * 1024


def test_copy_is_exact_and_counted(lab: Any, noise: Any) -> None:
    lab.add("system001.dtf", noise(10 * CHUNK + 17, 1), mode=0o640)
    lab.add("c1.ctl", noise(CHUNK, 2), "controlfile").chmod(0o644)
    lab.add(".passwd", b"secret", "password").chmod(0o644)
    lab.add("empty.log", b"", "redo").chmod(0o600)
    result = lab.pull()
    assert lab.same()
    total = 11 * CHUNK + 17 + 6
    assert (result["bytes_total"], result["bytes_sent"], result["bytes_skipped"], result["bytes_zero"]) == (
        total,
        total,
        0,
        0,
    )
    assert result["changed"] and result["method"] == "pull over local" and result["reconnects"] == 0
    modes = {
        name: stat.S_IMODE((lab.target / name).stat().st_mode)
        for name in ("system001.dtf", "c1.ctl", ".passwd", "empty.log")
    }
    assert modes == {"system001.dtf": 0o640, "c1.ctl": 0o600, ".passwd": 0o600, "empty.log": 0o600}
    record = manifest.load(str(lab.seed_dir))
    assert record is not None and record.state == manifest.FINISHED
    with open(lab.target / "system001.dtf", "rb") as file:
        assert (
            manifest.file_digest(file.fileno(), record.algorithm, CHUNK)
            == result["digests"][str(lab.target / "system001.dtf")]
        )
    assert pull.is_finished(lab.wish()) is not None and pull.digests_match(record) == []


def test_zero_chunks_are_not_sent(lab: Any, noise: Any) -> None:
    lab.add("sparse.dtf", bytes(3 * CHUNK) + noise(CHUNK) + bytes(2 * CHUNK + 5))
    result = lab.pull()
    assert lab.same()
    assert (result["bytes_sent"], result["bytes_zero"]) == (CHUNK, 5 * CHUNK + 5)


def test_tree_keeps_modes_times_links_and_leaves_out_what_is_excluded(lab: Any, noise: Any) -> None:
    home = lab.source / "home"
    for name, content, mode in (
        ("bin/tbsvr", noise(3 * CHUNK), 0o755),
        ("lib/a.so", b"x", 0o444),
        ("license/license.xml", b"l", 0o600),
        ("instance/x", b"i", 0o600),
    ):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)
        (home / name).chmod(mode)
        os.utime(home / name, (1000, 1000))
    (home / "client" / "empty").mkdir(parents=True)
    (home / "bin" / "tb").symlink_to("tbsvr")
    (home / "bin" / "away").symlink_to("/nowhere/at/all")
    (home / "bin").chmod(0o550)
    os.mkfifo(home / "pipe")
    lab.trees.append(manifest.Tree(str(home), str(lab.target / "copy"), ("license.xml", "instance")))
    result = lab.pull()
    copy = lab.target / "copy"
    wanted = ["bin", "bin/away", "bin/tb", "bin/tbsvr", "client", "client/empty", "lib", "lib/a.so", "license"]
    assert sorted(str(path.relative_to(copy)) for path in copy.rglob("*")) == wanted
    assert os.readlink(copy / "bin/away") == "/nowhere/at/all"
    assert (
        stat.S_IMODE((copy / "bin").stat().st_mode) == 0o550
        and stat.S_IMODE((copy / "bin/tbsvr").stat().st_mode) == 0o755
    )
    assert (copy / "bin/tbsvr").stat().st_mtime == 1000
    assert result["left_out"] == [str(home / "pipe")]
    assert result["trees"][0]["files"] == 2
    (home / "bin").chmod(0o750)
    (copy / "bin").chmod(0o750)


@pytest.mark.parametrize("cut", [10, 5000, 3 * CHUNK + 1, 7 * CHUNK])
def test_connection_cut_is_made_again_and_nothing_is_sent_twice(lab: Any, noise: Any, cut: int) -> None:
    lab.add("a.dtf", noise(8 * CHUNK))
    lab.fault.cut_after = [cut]
    result = lab.pull()
    assert lab.same() and result["reconnects"] == 1 and lab.slept == [0.5]
    assert result["bytes_sent"] == 8 * CHUNK


def test_agent_killed_again_and_again_still_ends(lab: Any, noise: Any) -> None:
    lab.add("a.dtf", noise(80 * CHUNK))  # more than pipes hold, so that no killed agent is at its end
    lab.fault.kill_after = [5 * CHUNK, 3 * CHUNK, 6 * CHUNK]
    result = lab.pull()
    assert lab.same() and result["reconnects"] == 3 and result["bytes_sent"] == 80 * CHUNK
    assert any(report.get("phase") == "reconnecting" for report in lab.reports)


def test_broken_run_resumes_without_sending_what_is_right(lab: Any, noise: Any) -> None:
    source = lab.add("a.dtf", noise(10 * CHUNK))
    lab.fault.cut_after = [6 * CHUNK + 100]
    with pytest.raises(transport.Unreachable):
        lab.pull(retries=0)
    assert not (lab.target / "a.dtf").exists() and (lab.target / ("a.dtf" + manifest.PART_SUFFIX)).exists()
    arrived = sum(
        1
        for offset in range(0, 10 * CHUNK, CHUNK)
        if (lab.target / ("a.dtf" + manifest.PART_SUFFIX)).read_bytes()[offset : offset + CHUNK]
        == source.read_bytes()[offset : offset + CHUNK]
    )
    assert 4 <= arrived <= 6
    result = lab.pull()
    assert lab.same()
    assert (result["bytes_sent"], result["bytes_skipped"]) == ((10 - arrived) * CHUNK, arrived * CHUNK)


def test_source_that_changed_since_sends_only_what_differs(lab: Any, noise: Any) -> None:
    source = lab.add("a.dtf", noise(10 * CHUNK))
    lab.pull("backup-1")
    with source.open("r+b") as file:
        file.seek(3 * CHUNK + 5)
        file.write(b"changed")
        file.seek(9 * CHUNK)
        file.write(bytes(CHUNK))
    assert pull.is_finished(lab.wish("backup-2")) is None
    result = lab.pull("backup-2")
    assert lab.same()
    assert (result["bytes_sent"], result["bytes_zero"], result["bytes_skipped"]) == (CHUNK, CHUNK, 8 * CHUNK)


def test_target_corrupted_between_runs_is_put_right(lab: Any, noise: Any) -> None:
    lab.add("a.dtf", noise(10 * CHUNK))
    lab.fault.cut_after = [6 * CHUNK]
    with pytest.raises(transport.Unreachable):
        lab.pull(retries=0)
    part = lab.target / ("a.dtf" + manifest.PART_SUFFIX)
    with part.open("r+b") as file:
        file.seek(CHUNK + 7)
        file.write(b"!")
    result = lab.pull()
    assert lab.same() and result["bytes_skipped"] >= 3 * CHUNK


def test_bit_turned_on_the_way_is_found_and_sent_again(lab: Any, noise: Any) -> None:
    lab.add("a.dtf", noise(8 * CHUNK))
    lab.fault.flip_at = [4 * CHUNK + 1000]
    result = lab.pull()
    assert lab.same() and result["reconnects"] == 1


def test_line_that_always_corrupts_ends_with_an_error(lab: Any, noise: Any) -> None:
    lab.add("a.dtf", noise(CHUNK))
    lab.fault.flip_at = [CHUNK // 2 + 1000] * 10
    with pytest.raises(StandbyError, match="do not agree with their digest") as caught:
        lab.pull()
    assert caught.value.details["tries"] == 4


def test_reading_back_finds_a_lying_disk(lab: Any, noise: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.add("a.dtf", noise(3 * CHUNK))
    original = os.pwrite

    def lie(handle: int, data: Any, offset: int) -> int:
        return original(handle, bytes(len(data)) if offset == CHUNK else data, offset)

    monkeypatch.setattr(pull.os, "pwrite", lie)
    with pytest.raises(StandbyError, match="written was"):
        lab.pull(read_back=True)
    monkeypatch.undo()
    result = lab.pull(read_back=True)
    assert lab.same() and result["bytes_sent"] == CHUNK


def test_disk_full_in_the_middle_is_told_and_resumed(lab: Any, noise: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.add("a.dtf", noise(6 * CHUNK))
    original = os.pwrite

    def full(handle: int, data: Any, offset: int) -> int:
        if offset >= 4 * CHUNK:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(handle, data, offset)

    monkeypatch.setattr(pull.os, "pwrite", full)
    with pytest.raises(StandbyError, match=r"a\.dtf.*No space left on device; the file has 393216 bytes, \d+ are free"):
        lab.pull()
    monkeypatch.undo()
    assert lab.pull()["bytes_sent"] == 2 * CHUNK
    assert lab.same()


def test_lack_of_space_is_refused_before_anything_is_written(
    lab: Any, noise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.add("a.dtf", noise(4 * CHUNK))
    before = lab.state()

    class Small:
        f_frsize, f_bavail = 4096, 3 * CHUNK // 4096

    monkeypatch.setattr(target.spaces, "__defaults__", (lambda path: Small,))
    with pytest.raises(
        Refusal, match="{0}: {1} bytes needed, {2} free".format(lab.target, int(4 * CHUNK * 1.05), 3 * CHUNK)
    ):
        lab.pull()
    assert lab.state() == before and os.listdir(lab.seed_dir) == []


def test_target_that_is_not_ours_is_refused_by_name(lab: Any, noise: Any) -> None:
    lab.add("a.dtf", noise(CHUNK))
    (lab.target / "empty" / "deep").mkdir(parents=True)
    (lab.target / "lost+found").mkdir()
    (lab.target / "other.dtf").write_text("precious")
    (lab.target / "a.dtf").write_text("precious too")
    before = lab.state()
    with pytest.raises(Refusal, match=r"The target is not empty: .*a.dtf, .*other.dtf") as caught:
        lab.pull()
    assert caught.value.nothing_changed and lab.state() == before
    (lab.target / "a.dtf").unlink()
    lab.pull(tolerated=("other.dtf",))
    assert lab.same() and (lab.target / "other.dtf").read_text() == "precious"


def test_files_of_another_seed_are_refused(lab: Any, noise: Any) -> None:
    lab.add("a.dtf", noise(CHUNK))
    lab.pull()
    record = manifest.load(str(lab.seed_dir))
    assert record is not None
    manifest.save(str(lab.seed_dir), record._replace(seed="other", state=manifest.UNFINISHED))
    with pytest.raises(Refusal, match="belongs to seed 'other', asked for is 's1'"):
        lab.pull("g2")


def test_database_that_lived_on_the_copy_is_not_overwritten(lab: Any, noise: Any) -> None:
    lab.add("a.dtf", noise(2 * CHUNK))
    lab.pull()
    (lab.target / "a.dtf").write_bytes(b"standby lived here")
    before = lab.state()
    with pytest.raises(Refusal, match="was finished, and 1 of its files changed since"):
        lab.pull("g2")
    assert lab.state() == before
    lab.pull("g2", overwrite_finished=True)
    assert lab.same()


def test_links_in_the_target_are_never_followed(lab: Any, noise: Any, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    lab.add("a.dtf", noise(CHUNK))
    (lab.target / "a.dtf").symlink_to(victim)
    with pytest.raises(Refusal, match="not empty"):
        lab.pull()
    (lab.target / "a.dtf").unlink()

    def plant(values: dict[str, Any]) -> None:
        # After the check, before the file is opened: the moment an attacker waits for.
        (lab.target / ("a.dtf" + manifest.PART_SUFFIX)).symlink_to(victim)

    copied = pull.Pull(lab.wish(), lab.connect, lab.report)
    original = copied._prepare

    def prepare(plan: Any) -> None:
        original(plan)
        plant({})

    copied._prepare = prepare  # type: ignore[method-assign]
    with pytest.raises(StandbyError, match="cannot be written safely"):
        copied.run()
    assert victim.read_text() == "precious"


def test_link_in_place_of_a_tree_directory_is_refused(lab: Any, noise: Any, tmp_path: Path) -> None:
    home = lab.source / "home"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "tbsvr").write_bytes(noise(CHUNK))
    lab.trees.append(manifest.Tree(str(home), str(lab.target / "copy"), ()))
    lab.pull()
    outside = tmp_path / "outside"
    outside.mkdir()
    (lab.target / "copy" / "bin" / "tbsvr").unlink()
    (lab.target / "copy" / "bin").rmdir()
    (lab.target / "copy" / "bin").symlink_to(outside)
    with pytest.raises(StandbyError):
        lab.pull("g2", overwrite_finished=True)
    assert list(outside.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_directory_that_cannot_be_written_is_refused(lab: Any, noise: Any) -> None:
    lab.add("a.dtf", noise(CHUNK))
    lab.target.chmod(0o500)
    try:
        with pytest.raises(Refusal, match="cannot be written by user"):
            lab.pull()
    finally:
        lab.target.chmod(0o700)


def test_denied_write_is_told(lab: Any, noise: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.add("a.dtf", noise(CHUNK))
    original = os.open

    def deny(path: Any, *args: Any, **named: Any) -> int:
        if str(path).endswith(manifest.PART_SUFFIX):
            raise PermissionError(errno.EACCES, "Permission denied")
        return original(path, *args, **named)

    monkeypatch.setattr(target.os, "open", deny)
    with pytest.raises(StandbyError, match=r"Permission denied. The file cannot be written by user"):
        lab.pull()


def test_world_writable_target_is_refused(lab: Any, noise: Any) -> None:
    lab.add("a.dtf", noise(CHUNK))
    lab.target.chmod(0o777)
    with pytest.raises(Refusal, match="can be written by others"):
        lab.pull()


@pytest.mark.parametrize("more", [1, CHUNK, 5 * CHUNK + 3])
@pytest.mark.parametrize("size", [CHUNK // 2, 4 * CHUNK, 4 * CHUNK + 9])
def test_file_that_grows_is_followed(lab: Any, noise: Any, size: int, more: int) -> None:
    source = lab.add("a.dtf", noise(size))
    copied = pull.Pull(lab.wish(), lab.connect, lab.report)
    original = copied._prepare

    def prepare(plan: Any) -> None:
        original(plan)
        with source.open("ab") as file:
            file.write(noise(more, 3))

    copied._prepare = prepare  # type: ignore[method-assign]
    result = copied.run()
    assert lab.same()
    assert result["resized"] == [{"target": str(lab.target / "a.dtf"), "listed": size, "copied": size + more}]
    record = manifest.load(str(lab.seed_dir))
    assert record is not None and pull.digests_match(record) == []


@pytest.mark.parametrize("left", [0, 1, 2 * CHUNK, 3 * CHUNK + 1])
def test_file_that_shrinks_is_cut(lab: Any, noise: Any, left: int) -> None:
    source = lab.add("a.dtf", noise(12 * CHUNK + 5))
    lab.add("b.dtf", noise(3 * CHUNK, 2))
    copied = pull.Pull(lab.wish(), lab.connect, lab.report)
    original = copied._prepare

    def prepare(plan: Any) -> None:
        original(plan)
        os.truncate(source, left)

    copied._prepare = prepare  # type: ignore[method-assign]
    result = copied.run()
    assert lab.same() and result["resized"][0]["copied"] == left
    record = manifest.load(str(lab.seed_dir))
    assert record is not None and pull.digests_match(record) == []


def test_quiet_source_that_changes_is_an_error(lab: Any, noise: Any) -> None:
    source = lab.add("a.dtf", noise(4 * CHUNK))

    def write_once(values: dict[str, Any]) -> None:
        if values.get("bytes_done") == 4 * CHUNK:
            with source.open("r+b") as file:
                file.write(b"#")

    lab.on_report = write_once
    with pytest.raises(StandbyError, match="changed on the source while it was copied: its digest"):
        lab.pull(source_quiet=True)
    assert not (lab.target / "a.dtf").exists()
    lab.on_report = lambda values: None
    result = lab.pull(source_quiet=True)
    assert lab.same() and result["bytes_sent"] == CHUNK
    with source.open("ab") as file:
        file.write(b"longer")
    lab.on_report = lambda values: None


def test_quiet_source_that_grows_is_an_error(lab: Any, noise: Any) -> None:
    source = lab.add("a.dtf", noise(4 * CHUNK))
    copied = pull.Pull(lab.wish(source_quiet=True), lab.connect, lab.report)
    original = copied._prepare

    def prepare(plan: Any) -> None:
        original(plan)
        with source.open("ab") as file:
            file.write(b"more")

    copied._prepare = prepare  # type: ignore[method-assign]
    with pytest.raises(StandbyError, match="its size went from 262144 to 262148 bytes"):
        copied.run()


def test_lease_is_renewed_when_polled_and_its_lapse_ends_the_copy(
    lab: Any, noise: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "LEASE_INTERVAL", 0.0)
    lease = tmp_path / "end_backup.lease"
    lease.touch()
    lab.lease = str(lease)
    lab.add("a.dtf", noise(20 * CHUNK))
    polled = lab.seed_dir / pull.POLLED
    seen = []

    def poll(values: dict[str, Any]) -> None:
        seen.append(lease.stat().st_mtime_ns)
        polled.touch()

    lab.on_report = poll
    lab.pull()
    assert len(set(seen)) > 1, "the agent never renewed the lease"

    def lapse(values: dict[str, Any]) -> None:
        if values.get("bytes_done", 0) > 0:
            detached.remove_lease(str(lease))

    (lab.target / "a.dtf").unlink()
    lab.on_report = lapse
    with pytest.raises(StandbyError, match="lease on this host is not held any more"):
        lab.pull("g2", overwrite_finished=True)
    assert not (lab.target / "a.dtf").exists()


def test_missing_and_unreadable_sources_are_all_named(lab: Any, noise: Any) -> None:
    lab.add("a.dtf", noise(CHUNK))
    for name in ("gone1.dtf", "gone2.dtf"):
        lab.add(name, b"x").unlink()
    lab.trees.append(manifest.Tree(str(lab.source / "no"), str(lab.target / "no"), ()))
    with pytest.raises(
        Refusal, match=r"3 of the offered files: .*gone1.dtf: No such file.*gone2.dtf.*no: No such"
    ) as caught:
        lab.pull()
    assert caught.value.nothing_changed and os.listdir(lab.target) == []


def test_file_that_disappears_on_the_way_is_told(lab: Any, noise: Any) -> None:
    source = lab.add("a.dtf", noise(CHUNK))
    copied = pull.Pull(lab.wish(), lab.connect, lab.report)
    original = copied._prepare

    def prepare(plan: Any) -> None:
        original(plan)
        source.unlink()

    copied._prepare = prepare  # type: ignore[method-assign]
    with pytest.raises(StandbyError, match=r"cannot read .*a.dtf: No such file"):
        copied.run()


def test_file_that_left_the_tree_between_two_runs_leaves_the_target_too(lab: Any, noise: Any) -> None:
    home = lab.source / "home"
    home.mkdir()
    for name in ("stays", "goes"):
        (home / name).write_bytes(noise(CHUNK))
    lab.trees.append(manifest.Tree(str(home), str(lab.target / "copy"), ()))
    lab.pull("g1")
    (home / "goes").unlink()
    result = lab.pull("g2")
    assert sorted(os.listdir(lab.target / "copy")) == ["stays"] and result["bytes_sent"] == 0


def test_rate_is_limited(lab: Any, noise: Any) -> None:
    lab.add("a.dtf", noise(10 * CHUNK))
    lab.pull(rate_limit=CHUNK)
    # Sleeping is only recorded, so the debt grows by a second with every chunk: the last wait is the sum of nine.
    assert 8.0 < max(lab.slept) < 9.1


def test_other_seed_or_version_of_agent_is_refused(lab: Any, noise: Any) -> None:
    lab.add("a.dtf", noise(CHUNK))
    wish = lab.wish()._replace(seed="s2")
    with pytest.raises(UnknownState, match="version 1 for seed 's1'"):
        pull.Pull(wish, lab.connect, lab.report).run()


def test_expired_offer_is_refused_with_its_reason(lab: Any, noise: Any) -> None:
    lab.add("a.dtf", noise(CHUNK))
    lab.expires = 1.0
    with pytest.raises(
        transport.Unreachable, match=r"offer s1 expired at 1970-01-01.*does not offer these files any more"
    ) as caught:
        lab.pull()
    assert not caught.value.again


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"files": (manifest.File("relative", "/t/a", "datafile", None),)}, "source 'relative' is not absolute"),
        ({"files": (manifest.File("/s/a", "t", "datafile", None),)}, "target 't' is not absolute"),
        ({"files": (manifest.File("/s/a'b", "/t/a", "datafile", None),)}, "holds a quote"),
        ({"files": (manifest.File("/s/../a", "/t/a", "datafile", None),)}, "is not a plain path"),
        ({"files": (manifest.File("/s/a", "/t/" + "n" * 245, "datafile", None),)}, "more than 240 bytes"),
        (
            {"files": (manifest.File("/s/a", "/t/a", "datafile", None), manifest.File("/s/b", "/t/a", "redo", None))},
            "target /t/a is given more",
        ),
        (
            {"files": (), "trees": (manifest.Tree("/s/a", "/t/a", ()), manifest.Tree("/s/a", "/t/b", ()))},
            "source /s/a is given more",
        ),
        ({"files": (manifest.File("/s/a", "/t/a", "carrot", None),)}, "kind 'carrot'"),
        ({"files": (), "trees": ()}, "Neither files nor trees"),
        ({"options": pull.Options(chunk=100)}, "chunk_size is 100 bytes"),
        ({"options": pull.Options(rate_limit=1000)}, "rate_limit is 1000 bytes a second"),
    ],
)
def test_contradictory_wish_is_refused(lab: Any, change: dict[str, Any], message: str) -> None:
    lab.add("a.dtf", b"x")
    with pytest.raises(Refusal, match=message):
        pull.check_wish(lab.wish()._replace(**change))


def test_agent_reads_nothing_that_is_not_offered(lab: Any, noise: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    home = lab.source / "home"
    (home / "sub").mkdir(parents=True)
    (home / "kept").write_text("kept")
    (home / "away").symlink_to(tmp_path)
    (home / "link").symlink_to(secret)
    offer = agent.Offer(
        {
            "seed": "s",
            "expires": 0,
            "files": [str(home / "kept")],
            "trees": [{"path": str(home), "exclude": ["sub"]}],
            "lease": None,
        }
    )
    os.close(offer.open(agent.key_of(str(home / "kept"))))
    os.close(offer.open(agent.key_of(str(home), "kept")))
    (home / "sub" / "x").write_text("x")
    for path, relative in (
        (str(home), "away/secret"),
        (str(home), "link"),
        (str(home), "sub/x"),
        (str(home), "../../secret"),
        (str(home), "."),
        (str(tmp_path), "secret"),
    ):
        with pytest.raises((agent.Refused, OSError)):
            offer.open(agent.key_of(path, relative))
    for key in (agent.key_of(str(secret)), "f", "", "x\0y", "t\0/\0etc/passwd"):
        with pytest.raises(agent.Refused):
            offer.open(key)


def test_noise_of_login_scripts_before_the_agent_is_passed_over(lab: Any, noise: Any) -> None:
    lab.add("a.dtf", noise(CHUNK))
    wish = lab.wish()
    loud = ("/bin/sh", "-c", 'echo Welcome; echo to the host; exec "$@"', "sh") + wish.endpoint.argv
    pull.Pull(wish._replace(endpoint=wish.endpoint._replace(argv=loud)), lab.connect, lab.report).run()
    assert lab.same()
    dead = ("/bin/sh", "-c", "echo This account is currently not available.; exit 1")
    with pytest.raises(
        transport.Unreachable, match=r"This account is currently not available. The source's login shell"
    ):
        pull.Pull(
            wish._replace(generation="g2", endpoint=wish.endpoint._replace(argv=dead)), lab.connect, lab.report
        ).run()
