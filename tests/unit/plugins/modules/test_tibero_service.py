# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tibero_service below a root of its own: what is written, what is started, what is refused; and the units that the role renders."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import standing_wire
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed, Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import readiness_task, role_record, service
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.service_task import ensure_service
from lab.hosts import units
from tests.unit.plugins.module_utils._tibero.fake_tibero import FakeTibero

ROLE = Path(__file__).resolve().parents[4] / "roles" / "service"
KEY = "planted-Key-of-some-length"
BOOT, WATCH = "firedrill-orders.service", "firedrill-orders-watch.service"


def rendered(command: str = "/usr/local/sbin/firedrill-orders /etc/firedrill-standby/orders.json") -> dict[str, str]:
    """The templates as the role renders them."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROLE / "templates"), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    environment.filters.update(dirname=os.path.dirname)
    values: dict[str, Any] = {
        "tibero_db_name": "orders",
        "tibero_user": "root",
        "tibero_home": "/tibero",
        "tibero_data_dir": "/data",
        "tibero_archive_dir": "/data/arch",
        "tibero_control_files": ["/data/c1.ctl", "/control/c2.ctl"],
        "tibero_timeout": 300,
        "standby_service_wait": 300,
        "service_nofile": 65536,
        "service_nproc": 16384,
        "__service_command": command,
        "__service_watch_unit": WATCH,
        "__service_boot_unit": BOOT,
    }
    names = {BOOT: "boot.service.j2", WATCH: "watch.service.j2", "cron": "cron.j2"}
    return {name: environment.get_template(file).render(values) for name, file in names.items()}


class Host:
    """A host below a directory: the played instance, and the programs of the system."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.fake = FakeTibero(root / "tibero")
        self.calls: list[str] = []
        self.active: set[str] = set()
        self.fails = ""
        for place in ("etc/systemd/system", "etc/cron.d", "etc/init.d"):
            (root / place).mkdir(parents=True)
        with standing_wire.socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.server: standing_wire.Answering | None = None

    def __call__(self, command: Command) -> Completed:
        name = Path(command.argv[0]).name
        if name not in ("runuser", "systemctl"):
            return self.fake(command)
        assert KEY not in " ".join(command.argv)
        words = " ".join(command.argv[4:] if name == "runuser" else command.argv[1:])
        self.calls.append(words.replace(str(self.root), ""))
        code, output = 0, ""
        if self.fails and self.fails in words:
            return Completed(command.argv, 1, "", "it does not", 0.0, False)
        if " register " in words:
            said: list[str] = []
            code = service.main(["firedrill", *command.argv[5:]], self.fake, said.append)
            output = "\n".join(said)
        elif words.endswith("watch --detach") or words == f"restart {WATCH}":
            self.answer()
        elif words.startswith("is-active"):
            code = 0 if words.split()[-1] in self.active else 3
        elif words.startswith("start"):
            self.active.add(words.split()[-1])
        return Completed(command.argv, code, output, "", 0.0, False)

    def answer(self) -> None:
        """Play the watch of what lies there now."""
        self.close()
        etc = self.root / "etc/firedrill-standby"
        files = [str(self.root / "usr/local/sbin/firedrill-orders"), str(etc / "orders.json"), str(etc / "orders.key")]
        digest = service.digest_of(files)
        told = {"member": "seoul1", "program": digest}
        self.server = standing_wire.Answering("127.0.0.1", self.port, KEY.encode(), "orders", lambda: told)

    def close(self) -> None:
        if self.server is not None:
            self.server.close()
            self.server = None

    def ensure(self, check: bool = False, **changed: Any) -> Outcome:
        texts = rendered()
        params = {
            "tb_home": str(self.fake.home),
            "tb_sid": self.fake.sid,
            "timeout": 30,
            "state": "present",
            "database": "orders",
            "user": getpass.getuser(),
            "member": "seoul1",
            "address": "127.0.0.1",
            "port": self.port,
            "others": [{"name": "seoul2", "address": "10.0.0.2", "port": 8634}],
            "key": KEY,
            "role": "primary",
            "primary": "seoul1",
            "manager": "systemd",
            "units": {name: texts[name] for name in (BOOT, WATCH)},
            "cron": texts["cron"],
            "unreachable": "stay_down",
            "wait": 300,
            "interval": 3,
            "foreign": "refuse",
            **changed,
        }
        return ensure_service(Context(params, check, self), str(self.root))

    def tree(self) -> set[str]:
        found = [path for place in ("etc", "usr") for path in (self.root / place).rglob("*") if not path.is_dir()]
        return {str(path.relative_to(self.root)) for path in found}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    made.close()


FILES = {
    "usr/local/sbin/firedrill-orders",
    "etc/firedrill-standby/orders.json",
    "etc/firedrill-standby/orders.key",
    f"etc/systemd/system/{BOOT}",
    f"etc/systemd/system/{WATCH}",
    f"etc/systemd/system/multi-user.target.wants/{BOOT}",
    f"etc/systemd/system/multi-user.target.wants/{WATCH}",
}


def test_it_is_installed_once(host: Host) -> None:
    predicted = host.ensure(check=True)
    assert predicted.changed and host.tree() == set() and not host.calls
    first = host.ensure()
    assert first.changed and host.tree() == FILES and first.values["registered"]
    assert (predicted.values, predicted.after) == (first.values, first.after)
    assert KEY not in json.dumps([first.values, first.before, first.after])
    modes = {
        name: (host.root / name).stat().st_mode & 0o777 for name in sorted(FILES) if "sbin" in name or ".key" in name
    }
    assert modes == {"etc/firedrill-standby/orders.key": 0o400, "usr/local/sbin/firedrill-orders": 0o755}
    assert role_record.read(host.fake.client()).role == "primary"
    for check in (True, False):
        again = host.ensure(check=check)
        assert not again.changed and again.values["written"] == again.values["started"] == []


def test_what_was_changed_by_hand_is_put_right(host: Host) -> None:
    host.ensure()
    (host.root / "etc/firedrill-standby/orders.key").chmod(0o644)
    (host.root / f"etc/systemd/system/multi-user.target.wants/{BOOT}").unlink()
    (host.root / f"etc/systemd/system/{BOOT}").write_text("[Service]\n")
    assert len(host.ensure().values["written"]) == 3 and not host.ensure().changed


def test_the_order_of_the_others_is_no_change(host: Host) -> None:
    others = [{"name": name, "address": "10.0.0.2", "port": 8634} for name in ("seoul2", "busan1")]
    host.ensure(others=others)
    assert not host.ensure(others=others[::-1]).changed


def test_a_watch_that_ended_is_started_again(host: Host) -> None:
    host.ensure()
    host.close()
    assert host.ensure(check=True).changed
    assert host.ensure().values["started"] == [WATCH] and not host.ensure().changed


def test_where_systemd_runs_it_is_told(host: Host) -> None:
    (host.root / "run/systemd/system").mkdir(parents=True)
    host.fake.enter("NORMAL")
    assert host.ensure(manager="auto").values["started"] == [WATCH, BOOT]
    assert [call for call in host.calls if not call.startswith("/usr")] == [
        "daemon-reload",
        f"restart {WATCH}",
        f"is-active --quiet {BOOT}",
        f"start {BOOT}",
    ]
    assert not host.ensure(manager="auto").changed and not host.fake.programs()
    host.fails = "daemon-reload"
    with pytest.raises(CommandFailed, match="daemon-reload ended with 1"):
        host.ensure(manager="auto", wait=10)


def test_an_instance_that_is_stopped_is_not_started(host: Host) -> None:
    (host.root / "run/systemd/system").mkdir(parents=True)
    assert host.ensure().values["started"] == [WATCH] and f"start {BOOT}" not in host.calls


def test_cron_where_there_is_no_systemd_and_back(host: Host) -> None:
    assert host.ensure(manager="auto").values["manager"] == "cron"
    assert host.tree() == {name for name in FILES if "systemd" not in name} | {"etc/cron.d/firedrill-orders"}
    assert "@reboot root " in (host.root / "etc/cron.d/firedrill-orders").read_text()
    back = host.ensure(manager="systemd")
    assert back.values["removed"] == [str(host.root / "etc/cron.d/firedrill-orders")] and host.tree() == FILES
    (host.root / "etc/cron.d").rmdir()
    with pytest.raises(UnknownState, match="Neither does systemd run"):
        host.ensure(manager="auto")


@pytest.mark.parametrize(
    ("path", "enabled", "refused"),
    [
        ("etc/systemd/system/tibero.service", True, True),
        ("etc/systemd/system/tibero.service", False, False),
        ("etc/init.d/tibero", False, True),
        ("etc/cron.d/tibero", False, True),
    ],
)
def test_what_boots_tibero_by_itself_is_refused(host: Host, path: str, enabled: bool, refused: bool) -> None:
    (host.root / path).write_text("ExecStart=/tibero/bin/tbboot\n")
    if enabled:
        wants = host.root / "etc/systemd/system/graphical.target.wants"
        wants.mkdir()
        (wants / "tibero.service").symlink_to(host.root / path)
    if not refused:
        assert host.ensure().values["foreign"] == []
        return
    with pytest.raises(Refusal, match=f"/{path} boots Tibero on seoul1.*knows no roles"):
        host.ensure()
    assert not FILES & host.tree()
    reported = host.ensure(foreign="report")
    assert reported.values["foreign"] == [f"/{path}"] and reported.warnings


def test_our_own_units_are_known_as_such(host: Host) -> None:
    host.ensure()
    found = readiness_task.supervisors(str(host.root)).value or []
    assert [each["ours"] for each in found if each["path"].endswith(BOOT)] == [True]
    host.ensure(manager="cron")
    assert not host.ensure(manager="cron").values["foreign"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"key": "short"}, "has 5 characters"),
        ({"key": None}, "has 0 characters"),
        ({"database": "or/ders"}, "database is"),
        ({"user": "nobody-of-this-host"}, "no user nobody-of-this-host"),
        ({"port": 0}, "ports are"),
        ({"others": [{"name": "seoul1", "address": "10.0.0.2", "port": 1}]}, "Each member is named once"),
        ({"units": {}}, "units are none"),
    ],
)
def test_what_is_refused_changes_nothing(host: Host, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        host.ensure(**changed)
    assert host.tree() == set() and not host.calls


def test_a_program_that_does_not_answer_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "ansible_collections.firedrill.standby.plugins.module_utils._tibero.service_task.ANSWER_LIMIT", 0.1
    )
    monkeypatch.setattr(host, "answer", lambda: None)
    with pytest.raises(service.DeadlineExceeded, match=r"to answer at 127\.0\.0\.1"):
        host.ensure()


def test_it_is_removed_and_the_instance_runs_on(host: Host) -> None:
    host.ensure()
    host.fake.enter("NORMAL")
    assert host.ensure(check=True, state="absent").changed and host.tree() == FILES
    assert host.ensure(state="absent").changed and host.tree() == set() and host.fake.process == "NORMAL"
    assert role_record.read(host.fake.client()).role == "primary"
    assert not host.ensure(state="absent").changed


# ----------------------------------------------------------------------------------------- the units


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze on this host")
    texts = rendered("/bin/true")
    for name in (BOOT, WATCH):
        (tmp_path / name).write_text(texts[name])

    def complaints() -> list[str]:
        done = subprocess.run(
            [program, "verify", "--man=no", str(tmp_path / BOOT), str(tmp_path / WATCH)],
            capture_output=True,
            text=True,
            check=False,
        )
        return [line for line in done.stderr.splitlines() if "firedrill-" in line]

    assert complaints() == []
    (tmp_path / BOOT).write_text(texts[BOOT].replace("KillMode", "KillMoode"))
    assert complaints(), "it would have taken anything"


def test_the_lab_takes_the_units() -> None:
    texts = rendered()
    boot, watch = units.parse(BOOT, texts[BOOT]), units.parse(WATCH, texts[WATCH])
    assert boot.argv[-1] == "boot" and boot.oneshot and boot.after == (WATCH,)
    assert watch.argv[-1] == "watch" and watch.restart


def test_nothing_starts_what_was_stopped_on_purpose() -> None:
    """Role changes, copies and people stop the instance: the unit that boots it runs once, and is never restarted."""
    text = rendered()[BOOT]
    assert "Restart" not in text and "Type=oneshot" in text and "RemainAfterExit=yes" in text
    boots = [line for line in rendered()["cron"].splitlines() if " boot " in line and not line.startswith("#")]
    assert len(boots) == 1 and boots[0].startswith("@reboot ")
