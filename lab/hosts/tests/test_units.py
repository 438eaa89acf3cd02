# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab host takes from units, and what it refuses; and on a real one, what it starts at boot."""

from pathlib import Path

import pytest

from lab.hosts import Lab, LabError, units
from lab.hosts.pytest_plugin import LabFactory, needs_root
from lab.hosts.system import wait_for
from lab.hosts.units import UnitError, parse, wanted

UNIT = """\
# A comment
[Unit]
Description=Says something
After=network-online.target firedrill-orders-watch.service

[Service]
Type=oneshot
RemainAfterExit=yes
User=tibero
ExecStart=/usr/local/sbin/firedrill-orders /etc/orders.json boot
KillMode=process

[Install]
WantedBy=multi-user.target
"""


def test_a_unit_as_it_is_run() -> None:
    found = parse("firedrill-orders.service", UNIT)
    assert found.argv == ("/usr/local/sbin/firedrill-orders", "/etc/orders.json", "boot")
    assert (found.user, found.oneshot, found.restart) == ("tibero", True, False)
    assert found.after == ("firedrill-orders-watch.service",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("KillMode=process", "ProtectSystem=strict", "is not known here"),
        ("Type=oneshot", "Type=notify", "Type is 'notify'"),
        ("[Install]", "[Socket]", "section"),
        ("RemainAfterExit=yes", "User=root", "twice"),
        ("ExecStart=/usr/local/sbin/firedrill-orders", "ExecStart=-/bin/true", "not an absolute path"),
        ("ExecStart=/usr/local/sbin/firedrill-orders", "ExecStart=/bin/echo $HOME", "plain words"),
        ("WantedBy=multi-user.target", "WantedBy=graphical.target", "WantedBy"),
        ("KillMode=process", "Restart=on-failure", "Restart is"),
        ("KillMode=process", "RestartSec=2min", "RestartSec"),
        ("KillMode=process", "LimitNOFILE=1 \\\\", "not known here"),
    ],
)
def test_what_is_not_known_is_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(UnitError, match=said):
        parse("firedrill-orders.service", UNIT.replace(old, new.replace("\\\\", "\\")))


def enable(directory: Path, name: str, text: str) -> None:
    (directory / units.WANTS).mkdir(exist_ok=True)
    (directory / name).write_text(text)
    (directory / units.WANTS / name).symlink_to(directory / name)


def test_only_ours_are_started_and_in_their_order(tmp_path: Path) -> None:
    enable(tmp_path, "firedrill-orders.service", UNIT)
    enable(tmp_path, "firedrill-orders-watch.service", "[Service]\nExecStart=/bin/true\nRestart=always\n")
    enable(tmp_path, "cron.service", "[Nonsense]\n")
    (tmp_path / "firedrill-sales.service").write_text(UNIT)
    assert [unit.name for unit in wanted(str(tmp_path))] == [
        "firedrill-orders-watch.service",
        "firedrill-orders.service",
    ]
    assert wanted(str(tmp_path / "nowhere")) == []


def test_units_that_wait_for_each_other(tmp_path: Path) -> None:
    for name, other in (("firedrill-a.service", "firedrill-b.service"), ("firedrill-b.service", "firedrill-a.service")):
        enable(tmp_path, name, f"[Unit]\nAfter={other}\n[Service]\nExecStart=/bin/true\n")
    with pytest.raises(UnitError, match="wait for each other"):
        wanted(str(tmp_path))


@needs_root
def test_a_host_starts_at_boot_what_is_enabled(lab_factory: LabFactory) -> None:
    lab: Lab = lab_factory("units", "seoul1", backend="namespaces")
    directory = units.DIRECTORY

    def put(name: str, text: str) -> None:
        lab.run("seoul1", ["tee", f"{directory}/{name}"], stdin=text)
        lab.run("seoul1", ["mkdir", "-p", f"{directory}/{units.WANTS}"])
        lab.run("seoul1", ["ln", "-s", f"{directory}/{name}", f"{directory}/{units.WANTS}/{name}"])

    def log(name: str) -> str:
        return str(lab.run("seoul1", ["cat", f"{units.LOGS}/{name}.log"], check=False).stdout)

    once, always = "firedrill-once.service", "firedrill-always.service"
    put(
        once, "[Service]\nType=oneshot\nUser=nobody\nExecStart=/usr/bin/id -un\n[Install]\nWantedBy=multi-user.target\n"
    )
    put(always, "[Service]\nExecStart=/usr/bin/id -un\nRestart=always\nRestartSec=1\n")
    assert log(once) == ""  # nothing starts before the next boot
    lab.crash("seoul1")
    lab.start("seoul1")
    wait_for("the unit to have run", lambda: log(once), lambda text: text == "nobody\n", 15)
    wait_for("the unit to run again", lambda: log(always), lambda text: text.count("root\n") >= 2, 15)
    put("firedrill-strange.service", "[Service]\nExecStart=/bin/true\nPrivateTmp=yes\n")
    before = log(once)
    lab.crash("seoul1")
    lab.start("seoul1")
    with pytest.raises(LabError, match="not reached"):
        wait_for("a host with a unit that is not understood to start one", lambda: log(once) != before, seconds=2)
    assert "PrivateTmp" in (lab.directory / "boot.log").read_text()
