# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time: a lease that is renewed is refused by name, one that is not lapses and is taken."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
    for job in (run_lock.JOB, run_lock.ROLES):
        detached.cancel(directory, job)


def shell(script: str) -> int:
    return int(run(Command(("/bin/sh", "-c", script))).returncode or 0)


def take(place: str, name: str, seconds: float = 1.0, check: bool = False, **more: Any) -> Any:
    params = {"directory": place, "seconds": seconds, "run": name, "holder": f"{name}@bastion, process 1"}
    params.update({"state": "held", "locks": [run_lock.JOB], "where": None, **more})
    return run_lock.hold(Context(params, check, run))


@contextmanager
def renewed(place: str, job: str = run_lock.JOB) -> Iterator[None]:
    """The lease is renewed meanwhile, as the keeper of a living run does."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(0.2):
            detached.renew_lease(detached.lease_path(place, job))

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_the_second_run_is_told_who_and_since_when(place: str) -> None:
    first = take(place, "one", 20.0)
    assert not first.changed and first.values["pids"]["run"] > 1
    renewing = threading.Timer(0.5, lambda: detached.renew_lease(detached.lease_path(place, run_lock.JOB)))
    renewing.start()
    with pytest.raises(Refusal) as caught:
        take(place, "two", 20.0)
    renewing.join()
    said = re.sub(r", [0-9]+ s ago", ", 1 s ago", str(caught.value))
    assert said == (
        f"Another run is at work on this cluster: one@bastion, process 1, since {first.values['since']}, 1 s ago. Two runs at once would take away "
        "from each other what they need; its controller gave a sign of life just now. To do: Wait for its end, or end it there (Ctrl-C), look at "
        "playbooks/status.yml and run again; a run whose controller is gone gives way by itself within a minute."
    )
    assert caught.value.nothing_changed and run_lock.seen(place).run == "one"


def test_a_run_that_was_killed_gives_way(place: str) -> None:
    take(place, "one")
    assert take(place, "two", 1.0).values["run"] == "two"
    assert run_lock.seen(place).run == "two"


def test_the_same_run_keeps_its_lease(place: str) -> None:
    first = take(place, "one", 20.0)
    assert take(place, "one", 20.0).values == first.values and first.values["other"] == -1


def test_check_mode_takes_nothing_and_refuses_beside_a_run(place: str) -> None:
    assert take(place, "one", check=True).values["pids"] == {}
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
    pids = take(place, "one", 1.0).values["pids"]
    looks = iter([True] * 25)
    before = run_lock.seen(place).mark

    process = detached.Process(1, "", "")
    renewals: list[int] = []

    def alive(_process: detached.Process) -> bool:
        renewals.append(run_lock.seen(place).mark)
        return next(looks, False)

    action.keep(process, shell, place, pids, alive)
    assert max(renewals) > before and run_lock.seen(place).run in ("", "one")
    assert detached.cancel(place, run_lock.JOB).state == detached.CANCELLED


def test_the_keeper_touches_no_lease_but_its_own(place: str) -> None:
    take(place, "one", 20.0)
    lease = Path(detached.lease_path(place, run_lock.JOB))

    action.keep(detached.Process(1, "", ""), shell, place, {run_lock.JOB: 4194305}, lambda process: False)
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
    assert take(place, own, 20.0).values["pids"] == take(place, own, 20.0).values["pids"]
    monkeypatch.setattr(action.constants, "DEFAULT_LOCAL_TMP", "/tmp/ansible-local-7xyz", raising=False)
    assert action.name_of_run(7) != own, "a pid may come again"


def test_of_runs_that_begin_at_the_same_moment_one_wins(place: str, tmp_path: Path) -> None:
    """Nobody has left a journal yet, so nothing but the lock keeps them apart."""
    ready, names = threading.Barrier(4), [f"run{number}" for number in range(4)]
    won: list[str] = []
    lost: list[str] = []

    def begin(name: str) -> None:
        ready.wait()
        try:
            take(place, name, 20.0, locks=["run", "roles"])
        except Refusal as refused:
            lost.append(str(refused.details["run"]))
        else:
            won.append(name)

    with renewed(place), renewed(place, run_lock.ROLES):
        threads = [threading.Thread(target=begin, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(won) == 1 and lost == won * 3
    assert run_lock.seen(place).run == run_lock.seen(place, run_lock.ROLES).run == won[0]


def test_a_failover_waits_for_one_who_changes_roles_and_for_nobody_else(place: str) -> None:
    take(place, "drill", 20.0)
    assert take(place, "failover", 20.0, locks=["roles"]).values["pids"]["roles"] > 1
    with renewed(place, run_lock.ROLES), pytest.raises(Refusal) as caught:
        take(place, "switchover", 20.0, locks=["roles"])
    assert str(caught.value).startswith(
        "Another run changes the roles of this cluster: failover@bastion, process 1, since"
    )


def test_all_locks_or_none(place: str) -> None:
    take(place, "failover", 20.0, locks=["roles"])
    with renewed(place, run_lock.ROLES), pytest.raises(Refusal):
        take(place, "switchover", 20.0, locks=["run", "roles"])
    wait_until(lambda: run_lock.seen(place).run, lambda held: held == "", 10.0, "the first lock to be given back", "")
    assert run_lock.seen(place, run_lock.ROLES).run == "failover"


def test_a_lock_that_the_run_had_before_is_not_given_back_with_the_others(place: str) -> None:
    take(place, "drill", 20.0)
    take(place, "failover", 20.0, locks=["roles"])
    with renewed(place, run_lock.ROLES), pytest.raises(Refusal):
        take(place, "drill", 20.0, locks=["run", "roles"])
    assert Path(detached.lease_path(place, run_lock.JOB)).exists()


def test_a_run_gives_back_its_own_and_no_other(place: str) -> None:
    take(place, "drill", 20.0, locks=["run", "roles"])
    take(place, "else", state="released", locks=["roles"])
    take(place, "drill", state="released", locks=["roles"], check=True)
    assert Path(detached.lease_path(place, run_lock.ROLES)).exists()
    take(place, "drill", state="released", locks=["roles"])
    assert take(place, "failover", 20.0, locks=["roles"]).values["pids"]
    assert run_lock.seen(place).run == "drill"


def test_it_tells_how_long_ago_somebody_else_was_at_work(place: str) -> None:
    take(place, "one", 20.0, locks=["roles"])
    take(place, "one", state="released", locks=["roles"])
    assert 0 <= take(place, "two", 20.0, locks=["run", "roles"]).values["other"] <= 10


def test_where_there_is_no_instance_nothing_is_taken(place: str, tmp_path: Path) -> None:
    assert take(place, "one", where=str(tmp_path / "instance")).values["pids"] == {}
    assert not Path(place).exists()


def test_the_keeper_goes_on_with_the_lock_that_is_left(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action, "RENEW", 0.2)
    monkeypatch.setattr(action, "LOOK", 0.1)
    pids = {**take(place, "one", 20.0).values["pids"], run_lock.ROLES: 4194305}
    said: list[str] = []

    def told(script: str) -> int:
        said.append(re.findall(r"(\w+)\.lease", script)[0])
        return shell(script)

    looks = iter([True] * 12)
    action.keep(detached.Process(1, "", ""), told, place, pids, lambda process: next(looks, False))
    assert said.count("roles") == 1 and said.count("run") > 2
    assert not Path(detached.lease_path(place, run_lock.JOB)).exists()
