# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detached work: it outlives its starter, is attached to, refused, cancelled, found dead; the dead man acts once or
never.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import DeadlineExceeded, Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until


@pytest.fixture
def place(tmp_path: Path) -> Iterator[str]:
    directory = str(tmp_path / "jobs")
    yield directory
    for record in Path(directory).glob("*.json"):
        detached.cancel(directory, record.stem)


def ended(place: str, name: str) -> detached.Status:
    return wait_until(
        lambda: detached.ask(place, name), lambda seen: not seen.is_running, 20, "the job", "", interval=0.02
    ).value


def until(predicate: Callable[[], Any], what: str) -> Any:
    return wait_until(predicate, bool, 20, what, "", interval=0.02).value


def test_result_and_progress_are_in_the_status(place: str) -> None:
    def work(job: detached.Job) -> dict[str, Any]:
        job.progress(bytes=7)
        return {"pid": os.getpid(), "ppid_is_caller": os.getppid() == caller, "sid": os.getsid(0)}

    caller = os.getpid()
    started = detached.start(place, "copy", "seed-1", work)
    assert not started.attached
    status = ended(place, "copy")
    assert status.state == detached.FINISHED
    assert status.progress == {"bytes": 7}
    assert status.result["pid"] not in (caller, 0)
    assert not status.result["ppid_is_caller"]
    assert status.result["sid"] != os.getsid(0)


def test_never_started_is_none(place: str) -> None:
    assert detached.ask(place, "copy").state == detached.NONE
    assert detached.cancel(place, "copy").state == detached.NONE


def test_second_start_attaches_or_is_refused(place: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    def work(job: detached.Job) -> dict[str, Any]:
        until(gate.exists, "the gate")
        return {"by": os.getpid()}

    first = detached.start(place, "copy", "seed-1", work)
    second = detached.start(place, "copy", "seed-1", work)
    assert second.attached and second.status.process == first.status.process
    with pytest.raises(Refusal) as refused:
        detached.start(place, "copy", "seed-2", work)
    assert first.status.process is not None
    assert "process {0}".format(first.status.process.pid) in str(refused.value) and "'seed-1'" in str(refused.value)
    gate.touch()
    assert ended(place, "copy").result == {"by": first.status.process.pid}


@pytest.mark.parametrize("mask", [0o022, 0o027])
def test_what_a_job_starts_makes_its_files_as_it_does_elsewhere(place: str, tmp_path: Path, mask: int) -> None:
    """A backup agent reads by its group what an instance archives, whoever booted that."""
    made = tmp_path / "archive"

    def work(job: detached.Job) -> dict[str, Any]:
        subprocess.run(["/bin/sh", "-c", f": > {made}"], check=True)
        return {}

    before = os.umask(mask)
    try:
        detached.start(place, "boot", "k", work)
        ended(place, "boot")
    finally:
        os.umask(before)
    assert made.stat().st_mode & 0o777 == 0o666 & ~mask
    assert not [each for each in Path(place).iterdir() if each.stat().st_mode & 0o077], (
        "files of ours are for their owner"
    )


def test_killed_process_is_found_dead_and_can_be_started_again(place: str) -> None:
    started = detached.start(place, "copy", "k", lambda job: until(lambda: False, "the end of time"))
    assert started.status.process is not None
    os.kill(started.status.process.pid, signal.SIGKILL)
    assert until(lambda: detached.ask(place, "copy").state == detached.DIED, "death")
    again = detached.start(place, "copy", "k", lambda job: {"again": True})
    assert not again.attached
    assert ended(place, "copy").result == {"again": True}


def test_start_right_after_the_end_does_not_wait_for_the_old_lock(place: str) -> None:
    for number in range(15):
        started = detached.start(place, "copy", "k", lambda job, number=number: {"number": number})
        assert not started.attached
        assert ended(place, "copy").result == {"number": number}


def test_reused_pid_is_not_mistaken(place: str) -> None:
    detached.private_directory(place)
    me = detached.identify(os.getpid())
    assert me is not None
    record = {"state": "running", "process": dict(me._asdict(), started="1"), "boot": me.boot}
    Path(place, "copy.json").write_text(json.dumps(record))
    assert detached.ask(place, "copy").state == detached.DIED
    record["process"] = dict(me._asdict())
    Path(place, "copy.json").write_text(json.dumps(record))
    assert detached.ask(place, "copy").state == detached.RUNNING
    record["process"] = dict(me._asdict(), boot="another")
    Path(place, "copy.json").write_text(json.dumps(record))
    assert detached.ask(place, "copy").state == detached.DIED


def test_failure_and_unexpected_error(place: str) -> None:
    def refuse(job: detached.Job) -> dict[str, Any]:
        raise Refusal("Seen", "Meaning", "Remedy")

    detached.start(place, "copy", "k", refuse)
    status = ended(place, "copy")
    assert status.state == detached.FAILED and status.error["msg"] == "Seen. Meaning. To do: Remedy."

    def fall(job: detached.Job) -> dict[str, Any]:
        raise ZeroDivisionError("by zero")

    detached.start(place, "copy", "k", fall)
    status = ended(place, "copy")
    assert status.error["seen"] == "ZeroDivisionError: by zero"
    assert "ZeroDivisionError" in Path(place, "copy.log").read_text()


def test_cancel_is_idempotent(place: str) -> None:
    detached.start(place, "copy", "k", lambda job: until(lambda: False, "the end of time"))
    assert detached.cancel(place, "copy").state == detached.CANCELLED
    assert detached.cancel(place, "copy").state == detached.CANCELLED


def test_foreign_or_open_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("open", "link"):
        with pytest.raises(Refusal):
            detached.start(str(tmp_path / name), "copy", "k", lambda job: {})


def test_job_outlives_its_starter_and_holds_no_pipe(place: str) -> None:
    program = (
        "import sys; sys.path.insert(0, {0!r})\n"
        "from ansible_collections.firedrill.standby.plugins.module_utils._core import detached as d\n"
        "import time\n"
        "d.start({1!r}, 'copy', 'k', lambda job: time.sleep(30) or {{}})\n"
        "print('started')\n"
    ).format(str(Path(detached.__file__).parents[6]), place)
    before = time.monotonic()
    # subprocess.run returns only when standard output is closed by everybody: a job that kept it would hold us for 30
    # s.
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=25, check=True
    )
    assert done.stdout == b"started\n" and time.monotonic() - before < 20
    assert detached.ask(place, "copy").is_running


def test_dead_man_acts_once_when_not_renewed(place: str, tmp_path: Path) -> None:
    secret, acts = "not on any disk", tmp_path / "acts"

    def act() -> dict[str, Any]:
        with acts.open("a") as out:
            out.write("x" if secret == "not on any disk" else "?")
        return {"ended": "BACKUP"}

    started = detached.dead_man(place, "end_backup", 0.3, act)
    assert started.status.is_running
    status = ended(place, "end_backup")
    assert status.result == {"lapsed": True, "acted": {"ended": "BACKUP"}, "attempts": 1}
    assert acts.read_text() == "x"
    # The copy's agent knows the lease by its file only: a lapsed one must be gone, or a worthless copy would go on.
    assert not detached.renew_lease(detached.lease_path(place, "end_backup"))
    assert not any(secret in path.read_text() for path in Path(place).iterdir())
    with pytest.raises(Refusal, match="cannot be renewed: its job is finished"):
        detached.renew(place, "end_backup")
    assert detached.cancel(place, "end_backup").state == detached.FINISHED


def test_renewed_lease_does_not_lapse_and_cancelled_one_never_acts(place: str, tmp_path: Path) -> None:
    acts = tmp_path / "acts"

    def act() -> dict[str, Any]:
        acts.touch()
        return {}

    detached.dead_man(place, "end_backup", 1.0, act)
    end = time.monotonic() + 2.5

    def renewed() -> bool:
        detached.renew(place, "end_backup")
        return time.monotonic() > end

    until(renewed, "two and a half leases")
    assert detached.dead_man(place, "end_backup", 1.0, act).attached
    assert detached.cancel(place, "end_backup").state == detached.CANCELLED
    assert detached.cancel(place, "end_backup").state == detached.CANCELLED
    assert not acts.exists() and not os.path.exists(detached.lease_path(place, "end_backup"))


def test_renewing_by_the_file_alone_is_enough(place: str, tmp_path: Path) -> None:
    detached.dead_man(place, "end_backup", 1.0, dict)
    end = time.monotonic() + 2.0
    until(
        lambda: detached.renew_lease(detached.lease_path(place, "end_backup")) and time.monotonic() > end, "two leases"
    )
    assert detached.ask(place, "end_backup").is_running
    assert detached.remove_lease(detached.lease_path(place, "end_backup"))
    assert not detached.renew_lease(detached.lease_path(place, "end_backup"))
    assert ended(place, "end_backup").state == detached.CANCELLED


def test_failing_act_is_tried_again_and_its_failure_recorded(place: str, tmp_path: Path) -> None:
    tries = tmp_path / "tries"

    def fail_once() -> dict[str, Any]:
        if not tries.exists():
            tries.touch()
            raise Refusal("Busy", "Locked", "Wait")
        return {"second": True}

    detached.dead_man(place, "one", 0.1, fail_once, pause=0.05)
    assert ended(place, "one").result == {"lapsed": True, "acted": {"second": True}, "attempts": 2}

    def fail() -> dict[str, Any]:
        raise Refusal("Down", "Gone", "Boot it")

    detached.dead_man(place, "two", 0.1, fail, attempts=2, pause=0.05)
    assert ended(place, "two").error["seen"] == "Down"


@pytest.mark.parametrize("slow", ["json", "log", "lock"])
def test_a_job_that_clears_up_slowly_does_not_take_the_files_of_the_next_one(
    place: str, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    unlink, starter = os.unlink, os.getpid()

    def slowly(path: str) -> None:
        if path.endswith("." + slow) and os.getpid() != starter:
            time.sleep(0.3)
        unlink(path)

    def transient(job: detached.Job) -> dict[str, Any]:
        job.transient = True
        return {}

    monkeypatch.setattr(detached.os, "unlink", slowly)
    detached.start(place, "ports", "k", transient)
    until(lambda: detached.ask(place, "ports").state != detached.RUNNING, "the end of the first")
    second = detached.start(place, "ports", "other", lambda job: until(lambda: False, "the end of time"))
    assert not second.attached and second.status.is_running
    # The late removal would come now; only its absence can be waited for.
    time.sleep(0.5)
    seen = detached.ask(place, "ports")
    assert seen.is_running and seen.process == second.status.process
    assert detached.cancel(place, "ports").state == detached.CANCELLED
    detached.remove(place, "ports")
    assert not os.path.exists(place)


def test_files_of_a_job_at_work_are_not_removed(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detached, "START_LIMIT", 0.3)
    detached.start(place, "copy", "k", lambda job: until(lambda: False, "the end of time"))
    with pytest.raises(DeadlineExceeded):
        detached.remove(place, "copy")
    assert detached.ask(place, "copy").is_running
