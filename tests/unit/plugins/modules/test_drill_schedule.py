# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""drill_schedule below a directory of its own: what is installed, predicted, refused and removed; and the role by a real ansible-playbook."""

from __future__ import annotations

import datetime as dt
import getpass
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import drill_schedule_task, drill_units
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed, Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed, run
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from tests.unit.plugins.module_utils._core.drill_scene import Scene, sealed

ROOT = Path(__file__).parents[4]
ANSIBLE = str(Path(sys.executable).parent / "ansible-playbook")
POLICY: dict[str, Any] = {
    "environment": "ci",
    "objectives": {"rto_seconds": 5, "rpo_seconds": 0},
    "window": {"start": "2026-03-07T02:00:00+09:00", "end": "2026-03-07T04:00:00+09:00"},
    "cadence_days": 90,
}
POLICY_FILE = "/srv/policy 100%.yml"
TIMER, ALARM = "firedrill-drill-spring.timer", "firedrill-drills-alarm.timer"


class Host:
    """A controller below a directory, and its systemd."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls: list[str] = []
        self.active: set[str] = set()
        self.fails = ""
        self.analyze = False
        self.running = root / "run"
        for name in ("units", "cron", "run"):
            (root / name).mkdir()

    def __call__(self, command: Command) -> Completed:
        if command.argv[0] == "systemd-analyze":
            if not self.analyze:
                raise FileNotFoundError(2, "No such file or directory", "systemd-analyze")
            return run(command)
        assert command.argv[0] == "systemctl"
        words = " ".join(command.argv[1:])
        self.calls.append(words)
        code = 1 if self.fails and self.fails in words else 0
        if words.startswith("is-active"):
            code = 0 if command.argv[-1] in self.active else 3
        if words.startswith("restart"):
            self.active.add(command.argv[-1])
        return Completed(command.argv, code, "", "it does not", 0.0, False)

    def drill(self, **changed: Any) -> dict[str, Any]:
        spec = drill_schedule_task.DRILL_SPEC
        given = {
            "name": "spring",
            "playbook": "drill_switchover.yml",
            "cluster": "orders",
            "inventory": "/srv/hosts.yml",
            "policy": POLICY_FILE,
            "when": "Sat *-*-* 02:00:00 Asia/Seoul",
            "cron": "0 2 * * 6",
            "user": getpass.getuser(),
            "evidence": "/srv/evidence",
            **changed,
        }
        return {name: given.get(name, option.get("default")) for name, option in spec.items()}

    def params(self, *drills: dict[str, Any], **changed: Any) -> dict[str, Any]:
        given = {
            "drills": list(drills) or [self.drill()],
            "policies": {POLICY_FILE: {"drill_policy": POLICY}},
            "digests": {POLICY_FILE: "ab"},
            "manager": "systemd",
            "ansible_playbook": ANSIBLE,
            "program": str(self.root / "sbin/firedrill-drills"),
            "config": str(self.root / "etc/firedrill-drills.json"),
            "state_dir": str(self.root / "state"),
            "unit_dir": str(self.root / "units"),
            "cron_dir": str(self.root / "cron"),
            "textfile": str(self.root / "due.prom"),
            "alarm": {
                "when": "*-*-* 07:00:00",
                "cron": "0 7 * * *",
                "user": getpass.getuser(),
                "command": ["mail", "dr"],
            },
            **changed,
        }
        return {
            name: given.get(name, option.get("default")) for name, option in drill_schedule_task.SCHEDULE_SPEC.items()
        }

    def ensure(self, *drills: dict[str, Any], check: bool = False, **changed: Any) -> Outcome:
        params = self.params(*drills, **changed)
        return drill_schedule_task.ensure_schedule(Context(params, check, self), str(self.running))

    def tree(self) -> set[str]:
        return {
            str(path.relative_to(self.root)) for path in self.root.rglob("*") if not path.is_dir() or path.is_symlink()
        }


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def live(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Systemd runs, and takes its units from there."""
    monkeypatch.setattr(drill_schedule_task, "LIVE", (str(host.root / "units"),))
    return host


FILES = {
    "sbin/firedrill-drills",
    "etc/firedrill-drills.json",
    "state/lock.drills",
    "units/firedrill-drill-spring.service",
    f"units/{TIMER}",
    "units/firedrill-drills-alarm.service",
    f"units/{ALARM}",
    f"units/timers.target.wants/{TIMER}",
    f"units/timers.target.wants/{ALARM}",
}


def test_installed_once_and_removed_again(live: Host) -> None:
    predicted = live.ensure(check=True)
    assert predicted.changed and live.tree() == set() and not [call for call in live.calls if "is-active" not in call]
    done = live.ensure()
    assert done.changed and live.tree() == FILES and done.values["started"] == [TIMER, ALARM]
    assert {key: predicted.values[key] for key in ("written", "removed", "started")} == {
        key: done.values[key] for key in ("written", "removed", "started")
    }
    assert (
        predicted.after == done.after
        and "OnCalendar=Sat *-*-* 02:00:00 Asia/Seoul" in done.after[str(live.root / "units" / TIMER)]
    )
    assert "daemon-reload" in live.calls and f"restart {TIMER}" in live.calls
    live.calls.clear()
    assert not live.ensure().changed and all("is-active" in call for call in live.calls)
    (live.root / "state/spring/attempts.json").write_text("{}")
    (live.root / "due.prom").write_text("\n")
    assert live.ensure(check=True, state="absent").changed and live.tree() > FILES
    gone = live.ensure(state="absent")
    assert gone.changed and live.tree() == set() and not (live.root / "state").exists()
    assert f"stop {TIMER}" in live.calls and "daemon-reload" in live.calls
    assert not live.ensure(state="absent").changed


def test_a_drill_that_left_the_list_loses_its_timer(live: Host) -> None:
    live.ensure(live.drill(), live.drill(name="autumn"))
    assert "units/firedrill-drill-autumn.timer" in live.tree()
    seen = live.ensure(live.drill())
    assert [Path(path).name for path in seen.values["removed"]] == [
        "firedrill-drill-autumn.service",
        "firedrill-drill-autumn.timer",
        "firedrill-drill-autumn.timer",
    ]
    assert live.tree() == FILES and "stop firedrill-drill-autumn.timer" in live.calls
    assert live.ensure(manager="cron").changed
    assert "cron/firedrill-drills" in live.tree() and not [path for path in live.tree() if path.startswith("units")]


def test_cron_where_systemd_does_not_run(host: Host) -> None:
    host.running.rmdir()
    assert host.ensure(manager="auto").values["manager"] == "cron" and not host.calls
    line = (host.root / "cron/firedrill-drills").read_text().splitlines()[3]
    program, config = host.root / "sbin/firedrill-drills", host.root / "etc/firedrill-drills.json"
    assert line == (
        f"0 2 * * 6 {getpass.getuser()} (timeout --kill-after=60 14400 {program} {config} run spring; {program} {config} ended spring $?)"
        " 2>&1 | logger -t firedrill-drill-spring"
    )
    assert not host.ensure(manager="auto").changed
    with pytest.raises(UnknownState, match="Neither does systemd run here"):
        host.ensure(manager="auto", cron_dir=str(host.root / "none"))


def test_what_the_timer_will_run(host: Host) -> None:
    host.ensure(host.drill(extra_vars="/srv/x.yml", group="orders", vault_password_file="/srv/.vault"))
    (drill,) = json.loads((host.root / "etc/firedrill-drills.json").read_text())["drills"]
    assert drill["argv"] == [
        *(
            ANSIBLE,
            "-i",
            "/srv/hosts.yml",
            "firedrill.standby.drill_switchover",
            "-e",
            "@" + POLICY_FILE,
            "-e",
            "@/srv/x.yml",
        ),
        *(
            "-e",
            '{"standby_cluster": "orders"}',
            "-e",
            '{"drill_directory": "/srv/evidence"}',
            "-e",
            json.dumps({"drill_attempts": str(host.root / "state" / "spring" / "attempts.json")}),
            "--vault-password-file",
            "/srv/.vault",
        ),
    ]
    assert (
        drill["type"] == "switchover_and_back"
        and drill["policy_sha256"] == "ab"
        and drill["policy"]["cadence_days"] == 90
    )
    host.ensure(
        host.drill(name="look", playbook="readiness.yml", policy=None, evidence=None), playbook_dir="/srv/playbooks"
    )
    (look,) = json.loads((host.root / "etc/firedrill-drills.json").read_text())["drills"]
    assert look["argv"][3:] == ["/srv/playbooks/readiness.yml"] and look["policy"] is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"name": "Spring"}, "It becomes part of file names"),
        ({"name": "alarm"}, "alarm is taken"),
        ({"user": "nobody-at-all"}, "there is no user"),
        ({"when": ""}, "when is not set, and timers here are those of systemd"),
        ({"when": "sometimes"}, "'sometimes' is not known"),
        ({"when": "daily\nExecStart=/bin/sh"}, "holds a line end or %"),
        ({"policy": None}, "policy is not set"),
        ({"evidence": None}, "evidence is not set"),
        ({"evidence": 'x"'}, "write an absolute path"),
        ({"inventory": "hosts.yml"}, "write an absolute path"),
        ({"group": "a b"}, "group is 'a b'"),
        ({"lock": "../x"}, "lock is '../x'"),
        ({"timeout": 1}, "timeout is 1 s"),
        ({"playbook": "readiness.yml"}, "needs none"),
        ({"policy": "/srv/other.yml"}, "/srv/other.yml holds no drill_policy with objectives"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_written(
    host: Host, changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refusal) as refused:
        host.ensure(host.drill(**changed))
    assert words in str(refused.value) and host.tree() == set()


def test_further_refusals(host: Host) -> None:
    with pytest.raises(Refusal, match="The drills are named spring, spring"):
        host.ensure(host.drill(), host.drill())
    with pytest.raises(Refusal, match="is not there, or no program"):
        host.ensure(ansible_playbook="/nowhere")
    with pytest.raises(Refusal, match="textfile is"):
        host.ensure(textfile="/srv/due.txt")
    with pytest.raises(Refusal, match="'61' is not known"):
        host.ensure(host.drill(cron="61 * * * *"), manager="cron")
    for changed, words in (
        ({"objectives": {}}, "no drill_policy with"),
        ({"window": {"start": "soon"}}, "window.start is 'soon'"),
    ):
        with pytest.raises(Refusal, match=words):
            host.ensure(policies={POLICY_FILE: {**POLICY, **changed}})
    (host.root / "units" / TIMER).write_text("[Timer]\n")
    with pytest.raises(Refusal, match="was not written by this collection"):
        host.ensure()
    assert not host.ensure(state="absent").changed
    (host.root / "state").mkdir()
    (host.root / "state/letter").write_text("dear")
    with pytest.raises(Refusal, match="holds more than the records"):
        host.ensure(state="absent")


def test_a_policy_may_come_as_a_text_of_json_and_any_other_text_is_none(host: Host) -> None:
    host.ensure(policies={POLICY_FILE: json.dumps({"drill_policy": POLICY})})
    with pytest.raises(Refusal, match="holds no drill_policy with objectives"):
        host.ensure(policies={POLICY_FILE: "{'drill_policy': datetime.datetime(2026, 3, 7)}"})


def test_timers_that_systemd_does_not_take(live: Host) -> None:
    live.fails = "restart"
    with pytest.raises(
        CommandFailed, match=r"systemctl restart firedrill-drill-spring\.timer ended with 1: it does not"
    ):
        live.ensure()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_itself_reads_the_units_before_they_are_written(host: Host) -> None:
    host.analyze = True
    with pytest.raises(Refusal, match="calendar specification, ignoring: sometimes"):
        host.ensure(host.drill(when="sometimes"))
    assert host.tree() == set()
    done = host.ensure(host.drill(directory="/srv/a b 100%$x"))
    assert done.changed and done.warnings == []
    summer = host.ensure(
        host.drill(when="Sat 02:00:00 Asia/Tokyo"), host.drill(name="late", when="Sat 04:30 Asia/Seoul")
    )
    assert (
        len(summer.warnings) == 1 and "drill late: its timer 'Sat 04:30 Asia/Seoul' does not fire" in summer.warnings[0]
    )
    assert (
        "2026-03-07T02:00:00+09:00 to" in summer.warnings[0] and "but 2026-03-06T19:30:00+00:00" in summer.warnings[0]
    )
    never = host.ensure(host.drill(when="2020-01-01 02:00"))
    assert "never after its start" in never.warnings[0]


def test_cron_that_never_fires_in_the_window_is_said(host: Host) -> None:
    def warned(hours: int, cron: str) -> list[str]:
        context = Context(host.params(host.drill(cron=cron), manager="cron"), True, host)
        wanted = drill_schedule_task.wish(context.params, "cron")
        return drill_schedule_task.remarks(context, wanted, lambda at: time.gmtime(at + hours * 3600))

    assert warned(9, "0 2 * * 6") == [] and warned(0, "59 18 * * 5") == []
    (said,) = warned(0, "0 2 * * 6")
    assert "drill spring: its timer '0 2 * * 6' does not fire within the window 2026-03-07T02:00:00+09:00" in said
    assert warned(9, "0 4 * * 6") and not warned(10, "0 4 * * 6")


def test_calendar_info(tmp_path: Path) -> None:
    folder = sealed(str(tmp_path), Scene())
    params = {"policy": POLICY, "cluster": "orders", "playbook": "drill_switchover.yml", "evidence": str(tmp_path)}

    def ask(text: str) -> dict[str, Any]:
        context = Context(params, True, run)
        return dict(drill_schedule_task.calendar_info(context, lambda: dt.datetime.fromisoformat(text)).values)

    inside = ask("2026-03-06T18:00:00+00:00")
    assert inside["may_begin"] and inside["grade"] == "began" and inside["why"] == ""
    assert (
        inside["due"] == "2026-05-30T09:00:00+09:00"
        and inside["overdue"] is False
        and inside["last"] == Path(folder).name
    )
    assert inside["window"] == {"start": "2026-03-07T02:00:00+09:00", "end": "2026-03-07T04:00:00+09:00"}
    late = ask("2026-05-30T00:00:00+00:00")
    assert not late["may_begin"] and late["grade"] == "missed" and late["overdue"] is True
    Path(folder, "MANIFEST.sha256").unlink()
    nothing = ask("2026-03-06T18:00:00+00:00")
    assert nothing["due"] is None and nothing["overdue"] is None and len(nothing["left_out"]) == 1


# ------------------------------------------------------------------------- the role, really played

POLICY_TEXT = """
drill_policy:
  name: orders-dr
  environment: ci
  objectives: {rto_seconds: 5, rpo_seconds: 0}
  window: {start: 2026-03-07T02:00:00+09:00, end: "2026-03-07T04:00:00+09:00"}
  blackout_dates: [2026-03-08]
  due_date: 2026-03-31
"""


class Role:
    """The playbook of the collection, on a directory instead of the host."""

    def __init__(self, root: Path) -> None:
        self.root = root / "host"
        self.root.mkdir()
        (root / "policy.yml").write_text(POLICY_TEXT)
        host = Host(root)
        places = {
            f"drill_schedule_{name}": str(self.root / place)
            for name, place in {
                "program": "sbin/firedrill-drills",
                "config": "etc/firedrill-drills.json",
                "state_dir": "state",
                "unit_dir": "units",
                "cron_dir": "cron",
                "textfile": "due.prom",
            }.items()
        }
        drills = [
            host.drill(policy=str(root / "policy.yml")),
            {
                "name": "look",
                "playbook": "readiness.yml",
                "cluster": "orders",
                "inventory": "/srv/hosts.yml",
                "when": "daily",
            },
        ]
        for drill in drills:
            drill.update(user=getpass.getuser())
        given = [{key: value for key, value in drill.items() if value not in (None, "")} for drill in drills]
        self.variables = root / "variables.json"
        self.variables.write_text(
            json.dumps(
                {
                    **places,
                    "drill_schedule_drills": given,
                    "drill_schedule_manager": "systemd",
                    "drill_schedule_become": False,
                    "drill_schedule_alarm_user": getpass.getuser(),
                }
            )
        )

    def play(self, *options: str) -> tuple[int, str]:
        """:returns: how many tasks changed something, and what was shown."""
        ran = subprocess.run(
            [
                ANSIBLE,
                "-i",
                "localhost,",
                "--connection",
                "local",
                str(ROOT / "playbooks/drill_schedule.yml"),
                "-e",
                f"@{self.variables}",
                "-e",
                f"ansible_python_interpreter={sys.executable}",
                *options,
            ],
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return int(ran.stdout.rpartition("changed=")[2].split()[0]), ran.stdout

    def tree(self) -> list[str]:
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if not path.is_dir())


def test_the_role_predicts_installs_once_and_removes(tmp_path: Path) -> None:
    role = Role(tmp_path)
    changed, shown = role.play("--check", "--diff")
    assert changed == 1 and "OnCalendar=Sat" in shown and role.tree() == []
    assert role.play()[0] == 1
    there = role.tree()
    assert {f"units/{TIMER}", "units/firedrill-drill-look.timer", "sbin/firedrill-drills", "state/lock.drills"} <= set(
        there
    )
    assert all(
        (role.root / path).read_text().startswith(drill_units.MARK) for path in there if path.startswith("units")
    )
    spring, look = json.loads((role.root / "etc/firedrill-drills.json").read_text())["drills"]
    assert spring["policy"]["blackout_dates"] == ["2026-03-08"] and spring["policy"]["due_date"] == "2026-03-31"
    assert look["policy"] is None and look["type"] == ""
    assert role.play()[0] == 0 and role.tree() == there
    program = subprocess.run(
        [role.root / "sbin/firedrill-drills", role.root / "etc/firedrill-drills.json", "run", "spring"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert program.returncode == (82 if dt.datetime.now(dt.UTC) > dt.datetime(2026, 3, 6, 19, tzinfo=dt.UTC) else 81)
    assert "the window is 2026-03-0" in program.stdout
    assert role.play("-e", "drill_schedule_state=absent")[0] == 1 and role.tree() == []
    assert role.play("-e", "drill_schedule_state=absent")[0] == 0
