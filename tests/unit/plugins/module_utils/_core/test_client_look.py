# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill leaves on a client or the controller is found, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import client_look
from ansible_collections.firedrill.standby.plugins.module_utils._core.client_look import DRILL_VARIABLE, Place, look
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.residue_task import residue_info

ID = "01KJMA8A00RWC6DP1VG4X2N7QE"


def cron(output: str = "", timed_out: bool = False, there: bool = True) -> client_look.Runner:
    def runner(command: Command) -> Completed:
        assert command.argv == ("crontab", "-l")
        if not there:
            raise FileNotFoundError(2, "No such file or directory", "crontab")
        return Completed(command.argv, None if timed_out else 0, output, "", 0.1, timed_out)

    return runner


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A host on which there is nothing of the drill, and something of others in each place."""
    for name in ("scratch/firedrill-other", "units", "home/.ssh", "proc/7/fd"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "units/other.timer").write_text("OnCalendar=daily\n")
    (tmp_path / "home/.ssh/authorized_keys").write_text("# firedrill-seed=old\nssh-ed25519 AAAA kim@desk\n\n")
    (tmp_path / "proc/7/environ").write_bytes(f"{DRILL_VARIABLE}=other\0HOME=/\0".encode())
    (tmp_path / "proc/7/comm").write_text("tbsql\n")
    os.symlink("/", tmp_path / "proc/7/cwd")
    os.symlink("/var/tmp/firedrill-other/probe.lock", tmp_path / "proc/7/fd/3")
    (tmp_path / "proc/uptime").write_text("1 1\n")
    scratch, units = [str(tmp_path / "scratch"), str(tmp_path / "none")], [str(tmp_path / "units")]
    return Place(ID, (), scratch, units, str(tmp_path / "home"), str(tmp_path / "proc"))


def words(place: Place, runner: client_look.Runner | None = None) -> list[str]:
    left, unseen = look(place, runner or cron())
    assert unseen == []
    return [each["what"] for each in left]


def test_what_is_of_others_is_no_residue(place: Place) -> None:
    assert words(place, cron("0 3 * * * backup\n")) == [] and words(place, cron(there=False)) == []


def test_a_program_that_outlived_its_probe_is_found(place: Place) -> None:
    Path(place.proc, "7/environ").write_bytes(f"A=b\0{DRILL_VARIABLE}={ID}\0".encode())
    assert words(place) == ["the process 7 (tbsql), which a probe started"]


@pytest.mark.parametrize("link", ["cwd", "fd/3"])
def test_a_process_that_uses_files_of_the_drill_is_found(place: Place, link: str) -> None:
    path = Path(place.proc, "7", link)
    path.unlink()
    path.symlink_to(f"/var/tmp/firedrill-{ID}/there-probe/probe.lock (deleted)")
    (found,) = words(place)
    assert found.startswith("the process 7 (tbsql), which uses /var/tmp/firedrill-" + ID)
    assert words(place._replace(kept=[f"/var/tmp/firedrill-{ID}"])) == []


def test_who_looks_is_not_looked_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(place.proc, "7/environ").write_bytes(f"{DRILL_VARIABLE}={ID}\0".encode())
    Path(place.proc, "9").mkdir()
    Path(place.proc, "9/stat").write_text("9 (py) thon) S 7 9 9 0\n")
    monkeypatch.setattr(os, "getpid", lambda: 9)
    assert words(place) == [], "7 is the parent of 9, which looks"


def test_directories_files_timers_and_keys_are_found(place: Place) -> None:
    Path(place.scratch[0], f"firedrill-{ID}").mkdir()
    Path(place.home, f".x-{ID}").write_text("")
    Path(place.timers[0], f"heal-{ID}.timer").write_text("")
    Path(place.timers[0], "heal.service").write_text(f"ExecStart=/bin/heal {ID}\n")
    keys = Path(place.home, ".ssh/authorized_keys")
    keys.write_text(keys.read_text() + 'restrict,command="x" ssh-ed25519 SECRETLY firedrill-seed=42\n')
    found = words(place, cron(f"0 3 * * *   heal {ID}\n1 1 * * * x\n"))
    assert found == [
        f"the directory {place.scratch[0]}/firedrill-{ID}",
        f"the file {place.home}/.x-{ID}",
        f"the timer {place.timers[0]}/heal-{ID}.timer",
        f"the timer {place.timers[0]}/heal.service",
        f"the key firedrill-seed=42 in {keys}",
        f"the timer of cron 0 3 * * * heal {ID}",
    ]


def test_the_evidence_stays_by_intent(place: Place) -> None:
    folder = Path(place.scratch[0], ID)
    folder.mkdir()
    Path(f"{folder}.staging").mkdir()
    assert len(words(place)) == 2
    assert words(place._replace(kept=[str(folder), f"{folder}.staging"])) == []


def test_what_cannot_be_looked_at_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = os.listdir

    def dark(path: str) -> list[str]:
        if path == place.scratch[0]:
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "listdir", dark)
    left, unseen = look(place._replace(proc=f"{place.proc}/none"), cron(timed_out=True))
    assert left == [] and [each["what"] for each in unseen] == ["process", "file", "timer"]
    assert unseen[1]["why"] == f"{place.scratch[0]}: Permission denied"


def test_a_real_process_is_found_until_it_ends(tmp_path: Path) -> None:
    drill = f"hD-{os.getpid()}-test"
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; print(1, flush=True); sys.stdin.read()"],
        env={**os.environ, DRILL_VARIABLE: drill},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin and child.stdout and child.stdout.readline()
    nothing = Place(drill, scratch=[str(tmp_path)], timers=[], home="")
    assert [each.split(",")[1] for each in words(nothing)] == [" which a probe started"]
    child.communicate()
    assert words(nothing) == []


def context(**params: object) -> Context:
    given = {"drill": ID, "host": "app", "tb_home": "", "aliases": [], "kept": [], "patience": 0.0, **params}
    return Context(given, False, cron())


def test_the_module_looks_for_aliases_too(tmp_path: Path) -> None:
    path = tmp_path / "client/config/tbdsn.tbr"
    path.parent.mkdir(parents=True)
    entry = "{0}=((INSTANCE=(HOST=h)(PORT=1)(DB_NAME=orders)))\n"
    path.write_text(entry.format("orders_drill") + entry.format("orders"))
    seen = residue_info(context(tb_home=str(tmp_path), aliases=["orders_drill", "orders_drill_seoul1"])).values[
        "residue"
    ]
    assert seen["left"] == [{"kind": "alias", "what": f"the alias orders_drill in {path}"}] and seen["host"] == "app"
    path.unlink()
    path.mkdir()
    seen = residue_info(context(tb_home=str(tmp_path), aliases=["orders_drill"])).values["residue"]
    assert [each["what"] for each in seen["unseen"]] == ["alias"]


@pytest.mark.parametrize("goes", [True, False])
def test_what_needs_a_moment_gets_it_and_what_stays_is_told(monkeypatch: pytest.MonkeyPatch, goes: bool) -> None:
    passed = [0.0]

    def found(*_: object) -> tuple[client_look.Found, client_look.Found]:
        return ([] if goes and passed[0] >= 2 else [{"kind": "process", "what": "the process 7"}]), []

    monkeypatch.setattr(client_look, "look", found)
    clock = Clock(lambda: passed[0], lambda seconds: passed.__setitem__(0, passed[0] + seconds))
    seen = residue_info(context(patience=5.0), clock).values["residue"]
    assert (seen["left"] == []) is goes and passed[0] == (2 if goes else 5)


@pytest.mark.parametrize("drill", ["", "a", "../../etc", "0123 567"])
def test_an_id_that_is_part_of_other_names_is_refused(drill: str) -> None:
    with pytest.raises(Refusal, match="drill is"):
        residue_info(context(drill=drill))
