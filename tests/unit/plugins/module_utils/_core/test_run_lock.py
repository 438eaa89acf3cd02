# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time: a lease that is renewed is refused by name, one that is not lapses and is taken."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.action import cluster_lock as action
from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, run_lock
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, run
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until


@pytest.fixture
def place(tmp_path: Path) -> Iterator[str]:
    directory = str(tmp_path / "firedrill" / "run")
    yield directory
    detached.cancel(directory, run_lock.JOB)


def shell(script: str) -> int:
    return int(run(Command(("/bin/sh", "-c", script))).returncode or 0)


def take(place: str, name: str, seconds: float = 1.0, check: bool = False) -> Any:
    params = {"directory": place, "seconds": seconds, "run": name, "holder": f"{name}@bastion, process 1"}
    return run_lock.take(Context(params, check, run))


def test_the_second_run_is_told_who_and_since_when(place: str) -> None:
    first = take(place, "one", 20.0)
    assert not first.changed and first.values["pid"] > 1
    renewing = threading.Timer(0.5, lambda: detached.renew_lease(detached.lease_path(place, run_lock.JOB)))
    renewing.start()
    with pytest.raises(Refusal) as caught:
        take(place, "two", 20.0)
    renewing.join()
    assert str(caught.value) == (
        f"Another run is at work on this cluster: one@bastion, process 1, since {first.values['since']}. Two runs at once would take away "
        "from each other what they need; its controller gave a sign of life just now. To do: Wait for its end, look at "
        "playbooks/status.yml and run again; a run whose controller is gone gives way by itself within a minute."
    )
    assert caught.value.nothing_changed and run_lock.seen(place).run == "one"


def test_a_run_that_was_killed_gives_way(place: str) -> None:
    take(place, "one")
    assert take(place, "two", 1.0).values["run"] == "two"
    assert run_lock.seen(place).run == "two"


def test_the_same_run_keeps_its_lease(place: str) -> None:
    first = take(place, "one", 20.0)
    assert take(place, "one", 20.0).values == first.values


def test_check_mode_takes_nothing_and_refuses_beside_a_run(place: str) -> None:
    assert take(place, "one", check=True).values["pid"] == 0
    assert not Path(place).exists()
    take(place, "one", 20.0)
    renewing = threading.Timer(0.5, lambda: detached.renew_lease(detached.lease_path(place, run_lock.JOB)))
    renewing.start()
    with pytest.raises(Refusal, match="Another run is at work"):
        take(place, "two", 20.0, check=True)
    renewing.join()


def test_the_keeper_renews_and_gives_back_when_the_run_ends(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action, "RENEW", 0.2)
    monkeypatch.setattr(action, "LOOK", 0.1)
    pid = take(place, "one", 1.0).values["pid"]
    looks = iter([True] * 25)
    before = run_lock.seen(place).mark

    process = detached.Process(1, "", "")
    words = {"directory": place, "pid": pid, "job": run_lock.JOB}
    renewals: list[int] = []

    def alive(_process: detached.Process) -> bool:
        renewals.append(run_lock.seen(place).mark)
        return next(looks, False)

    action.keep(process, shell, words, alive)
    assert max(renewals) > before and run_lock.seen(place).run in ("", "one")
    assert detached.cancel(place, run_lock.JOB).state == detached.CANCELLED


def test_the_keeper_touches_no_lease_but_its_own(place: str) -> None:
    take(place, "one", 20.0)
    lease = Path(detached.lease_path(place, run_lock.JOB))

    words = {"directory": place, "pid": 4194305, "job": run_lock.JOB}
    action.keep(detached.Process(1, "", ""), shell, words, lambda process: False)
    assert lease.exists()


def test_work_aside_neither_holds_up_nor_runs_twice(tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    def work() -> None:
        with mark.open("a") as out:
            out.write(f"{os.getpid()} {os.getsid(0) != parent}\n")
        raise ValueError("an error of the work ends nobody else")

    parent = os.getsid(0)
    detached.aside(work)
    wait_until(mark.exists, bool, 10.0, "the work to be done", "")
    said = wait_until(mark.read_text, lambda text: text.endswith("\n"), 10.0, "its line", "").value
    pid, own_session = said.split()
    assert int(pid) != os.getpid() and own_session == "True"


def test_a_run_comes_upon_its_own_lock_and_another_one_does_not(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action.constants, "DEFAULT_LOCAL_TMP", "/tmp/ansible-local-7abc", raising=False)
    own = action.name_of_run(7)
    assert action.name_of_run(7) == own and action.name_of_run(8) != own
    assert take(place, own, 20.0).values["pid"] == take(place, own, 20.0).values["pid"]
    monkeypatch.setattr(action.constants, "DEFAULT_LOCAL_TMP", "/tmp/ansible-local-7xyz", raising=False)
    assert action.name_of_run(7) != own, "a pid may come again"
