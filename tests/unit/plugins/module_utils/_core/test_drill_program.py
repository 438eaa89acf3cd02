# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that timers start, with a played clock, a played ansible-playbook, and evidence that was really sealed."""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import archive, drill_program
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_program import Config, Scheduled
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed
from tests.unit.plugins.module_utils._core.drill_scene import Scene, sealed

NOON = dt.datetime(2026, 3, 14, 3, 0, tzinfo=dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


class Site:
    """A controller below a directory; time stands where the test puts it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.at = NOON
        self.said: list[str] = []
        self.launched: list[Sequence[str]] = []
        self.told: list[str] = []
        self.code = 0
        self.policy = root / "policy.yml"
        self.policy.write_text("drill_policy: {}\n")
        (root / "state").mkdir()
        for name in ("spring", "look", "alarm"):
            (root / "state" / name).mkdir()
        self.lock = root / "state" / "lock.drills"
        self.lock.write_bytes(b"")
        self.values: dict[str, Any] = {
            "environment": "ci",
            "window": {"start": "2026-03-14T12:00:00+09:00", "end": "2026-03-14T14:00:00+09:00"},
            "cadence_days": 30,
        }

    @property
    def config(self) -> Config:
        digest = hashlib.sha256(b"drill_policy: {}\n").hexdigest()
        argv = ("/bin/ansible-playbook", "drill")
        spring = Scheduled(
            "spring", "orders", "switchover_and_back", argv, "/", str(self.root / "evidence"), "drills", self.values,
            str(self.policy), digest,
        )  # fmt: skip
        look = spring._replace(name="look", type="", policy=None)
        textfile = str(self.root / "due.prom")
        config = Config(str(self.root / "state"), textfile, ("/bin/mail", "dr"), (spring, look))
        path = self.root / "config.json"
        path.write_text(config.text())
        assert drill_program.read_config(str(path)) == config
        return config

    def launch(self, argv: Sequence[str], directory: str) -> None:
        assert drill_program._is_held(str(self.lock)) and directory == "/"
        self.launched.append(argv)

    def runner(self, command: Command) -> Completed:
        assert command.argv == ("/bin/mail", "dr")
        self.told.append(command.stdin)
        return Completed(command.argv, self.code, "", "no way", 0.0, False)

    def run(self, name: str = "spring") -> int:
        return drill_program.run_drill(self.config, name, lambda: self.at, self.launch, self.said.append)

    def ended(self, code: int) -> None:
        drill_program.note_end(self.config, "spring", code, lambda: self.at)

    def alarm(self) -> int:
        return drill_program.alarm(self.config, lambda: self.at, self.runner, self.said.append)

    def attempts(self, name: str = "spring") -> list[tuple[str, int, bool]]:
        found = drill_program.Book(self.config, name).read()
        return [(each.grade, each.code, each.ended_wall_ns is not None) for each in found]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_drill_begins_once_in_its_window(site: Site) -> None:
    site.at = NOON - HOUR
    assert site.run() == 81 and not site.launched
    site.at = NOON
    assert site.run() == 0 and site.launched == [("/bin/ansible-playbook", "drill")]
    assert site.attempts() == [("postponed", 81, True), ("began", 0, False)]
    site.ended(0)
    site.ended(7)
    assert site.attempts()[1:] == [("began", 0, True)]
    assert site.run() == 85 and "approves one drill" in site.said[-1]
    site.at = NOON + 2 * HOUR
    site.values["window"] = {"start": "2026-03-14T12:30:00+09:00", "end": "2026-03-14T14:00:00+09:00"}
    assert site.run() == 82 and site.attempts()[-1] == ("missed", 82, True)
    assert len(site.launched) == 1


def test_an_attempt_beside_a_run_does_not_end_it(site: Site) -> None:
    site.run()
    assert site.run() == 85
    # What cron and systemd do after each attempt.
    site.ended(85)
    assert site.attempts() == [("began", 0, False), ("done", 85, True)]
    site.ended(0)
    assert site.attempts() == [("began", 0, True), ("done", 85, True)]


def test_the_words_of_a_drill_that_does_not_begin(site: Site) -> None:
    site.values["blackout_dates"] = ["2026-03-14"]
    assert site.run() == 83
    assert site.said == [
        "spring does not begin, missed (83): 2026-03-14 is a blackout date (in the zone of the window). On that day nothing that can be put off may "
        "disturb production. To do: choose another day."
    ]


def test_one_drill_at_a_time_and_the_holder_is_named(site: Site) -> None:
    site.run("look")
    handle = os.open(site.lock, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        assert site.run() == 84 and "held by look; one drill" in site.said[-1]
        assert site.attempts() == [("postponed", 84, True)] and len(site.launched) == 1
    finally:
        os.close(handle)
    assert site.run() == 0
    assert not drill_program._is_held(str(site.lock))


def test_a_policy_that_was_edited_after_it_was_installed_starts_nothing(site: Site) -> None:
    site.policy.write_text("drill_policy: {window: wider}\n")
    assert site.run() == 86 and "was changed since the schedule was installed" in site.said[-1]
    site.policy.unlink()
    assert site.run() == 86 and "cannot be read" in site.said[-1]
    assert not site.launched
    assert site.alarm() == 0 and "policy.yml cannot be read" in site.told[0]
    assert (
        'cluster="orders"' in (site.root / "due.prom").read_text()
        and "overdue" not in (site.root / "due.prom").read_text()
    )


def test_what_cannot_be_started_is_noted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(argv: Sequence[str], directory: str) -> None:
        raise FileNotFoundError(2, "No such file or directory", argv[0])

    monkeypatch.setattr(site, "launch", fail)
    assert site.run() == 127 and site.attempts() == [("began", 127, True)]
    # It used up no approval.
    assert site.run() == 127
    with pytest.raises(Refusal, match="No drill 'x' is scheduled here, but spring, look"):
        site.run("x")


def test_readiness_may_be_asked_for_at_any_time(site: Site) -> None:
    site.at = NOON + 30 * DAY
    assert site.run("look") == 0 and site.run("look") == 0


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("held")
    sealed(str(root), Scene())
    return root


def test_the_alarm_tells_once_of_each_missed_drill(site: Site, evidence: Path) -> None:
    os.symlink(evidence, site.root / "evidence")
    # The drill of the evidence began on 2026-03-01 and is judged; 30 days later the next one is due.
    assert site.alarm() == 0 and site.told == []
    metrics = (site.root / "due.prom").read_text()
    labels = '{cluster="orders",type="switchover_and_back",environment="ci"}'
    for line in (
        f"last_timestamp_seconds{labels} 1772323200",
        f"due_timestamp_seconds{labels} 1774915200",
        f"overdue{labels} 0",
    ):
        assert f"firedrill_drill_{line}\n" in metrics
    assert os.stat(site.root / "due.prom").st_mode & 0o777 == 0o644
    site.at = NOON + DAY
    assert site.alarm() == 0 and site.alarm() == 0
    assert len(site.told) == 1 and "no drill began in the window 2026-03-14T12:00:00+09:00" in site.told[0]
    site.at, site.code = dt.datetime(2026, 3, 31, tzinfo=dt.UTC), 1
    assert site.alarm() == 1 and "ended with 1: no way" in site.said[-1]
    site.code = 0
    assert site.alarm() == 0 and site.alarm() == 0
    assert len(site.told) == 3 and site.told[1] == site.told[2]
    assert site.told[2].startswith(
        "Drill spring: switchover_and_back of orders (ci)\n- it was due at 2026-03-31T09:00:00+09:00: 30 days after"
    )
    assert f"firedrill_drill_overdue{labels} 1\n" in (site.root / "due.prom").read_text()


def test_a_damaged_folder_counts_as_none_and_is_named(site: Site) -> None:
    folder = Path(sealed(str(site.root / "evidence"), Scene()))
    (folder / "raw" / "drill.json").write_text("{}")
    site.at = NOON + DAY
    assert site.alarm() == 0
    assert f"folder {folder.name} counts as none: raw/drill.json: was edited" in "\n".join(site.said)
    assert f"- folder {folder.name} counts as none" in site.told[0]
    metrics = (site.root / "due.prom").read_text()
    assert "last_timestamp_seconds{" not in metrics and "folders_left_out{" in metrics and " 1\n" in metrics


def test_a_run_that_failed_or_broke_off_is_told(site: Site) -> None:
    site.run()
    site.ended(2)
    site.alarm()
    assert "the run of 2026-03-14T03:00:00+00:00 ended with 2" in site.told[0]
    site.run("look")
    site.alarm()
    assert "Drill look: readiness of orders" in site.told[1] and "broke off: nothing noted its end" in site.told[1]
    drill_program.status(site.config, lambda: site.at, site.said.append)
    assert "spring: It began at 2026-03-14T03:00:00+00:00 already" in "\n".join(site.said)


def test_the_packed_program_becomes_ansible_playbook_and_keeps_the_lock(site: Site) -> None:
    program = site.root / "program"
    program.write_bytes(
        archive.program(
            "ansible_collections.firedrill.standby.plugins.module_utils._core.drill_program", sys.executable
        )
    )
    program.chmod(0o755)
    # What stands for ansible-playbook sees whether the lock came with it.
    script = "import fcntl,sys\ntry: fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)\nexcept OSError: sys.exit(5)"
    config = site.config
    look = config.drills[1]._replace(argv=(sys.executable, "-c", script, str(site.lock)))
    path = site.root / "config.json"
    path.write_text(config._replace(drills=(config.drills[0], look)).text())

    def call(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(program), str(path), *words],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **environment},
        )

    ran = call("run", "look")
    assert ran.returncode == 5 and ran.stdout.startswith("look begins: "), ran
    assert call("ended", "look", EXIT_STATUS="5").returncode == 0
    assert json.loads((site.root / "state/look/attempts.json").read_text())["attempts"][0]["code"] == 5
    assert call("run", "spring").returncode == 82
    assert call("run", "winter").returncode == 86
    assert call("status").returncode == 0
    path.write_text("[]")
    broken = call("alarm")
    assert broken.returncode == 86 and "run playbooks/drill_schedule.yml again" in broken.stdout
