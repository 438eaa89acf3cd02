# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that cannot be asked, and what has to lie on the controller."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench import PRIMARY, STANDBY, Bench, says

pytestmark = pytest.mark.usefixtures("untouched")
#: Passwords of a login user and of root on one lab host, which only this machine can reach.
LOGIN, ROOT_PASSWORD = "login.Lab-9", "root.Lab-9"


@pytest.fixture(scope="module")
def login_user(bench: Bench) -> str:
    """A user of the standby's host who has to give a password to become root."""
    script = f"useradd -m ops && echo 'ops:{LOGIN}\nroot:{ROOT_PASSWORD}' | chpasswd"
    bench.lab.run(STANDBY, ["sh", "-c", script])
    return "ops"


@pytest.fixture
def cut(bench: Bench) -> Iterator[None]:
    """The network of the standby's host, gone."""
    bench.lab.cut(STANDBY)
    yield
    bench.lab.heal(STANDBY)


def test_host_unreachable(bench: Bench, cut: None):
    # Without a kept connection: the one of an earlier run would first have to be found dead.
    fresh = (
        bench.host(STANDBY)["ansible_ssh_common_args"]
        .replace("ControlPersist=10m", "ControlPersist=1s")
        .replace("ControlPath=", "ControlPath=/nonexistent")
    )
    played = bench.play(
        "setup_standby.yml",
        changes={STANDBY: {"ansible_ssh_common_args": fresh.replace("ControlMaster=auto", "ControlMaster=no")}},
    )
    address = bench.host(STANDBY)["ansible_host"]
    says(
        played,
        f"busan1 cannot be reached at {address}:22 as root",
        "may be the primary",
        f"correct ansible_host ('{address}')",
        "take the host out of the group",
    )


def test_nobody_listens_at_the_port(bench: Bench):
    says(
        bench.play("setup_standby.yml", changes={STANDBY: {"ansible_port": 2222}}),
        "busan1 cannot be reached",
        ":2222",
        "ansible_port (2222)",
    )


def test_wrong_password_to_become_root(bench: Bench, login_user: str):
    played = bench.play(
        "setup_standby.yml",
        changes={
            STANDBY: {
                "ansible_user": login_user,
                "ansible_become_method": "su",
                "ansible_become_password": "wrong",
            }
        },
    )
    says(
        played,
        "ops on busan1 cannot become root by su",
        "Incorrect su password",
        "set ansible_become_password",
        "standby_become: false",
    )


@pytest.fixture
def without_sudo(bench: Bench) -> Iterator[None]:
    """The standby's host as it is where nobody installed sudo."""
    bench.lab.run(STANDBY, ["mv", "/usr/bin/sudo", "/usr/bin/sudo.away"])
    yield
    bench.lab.run(STANDBY, ["mv", "/usr/bin/sudo.away", "/usr/bin/sudo"])


def test_the_way_to_become_root_is_not_installed(bench: Bench, login_user: str, without_sudo: None):
    played = bench.play(
        "setup_standby.yml", changes={STANDBY: {"ansible_user": login_user, "ansible_become_method": "sudo"}}
    )
    says(played, "ops on busan1 cannot become root by sudo", "choose another ansible_become_method (now 'sudo')")


def test_python_missing(bench: Bench):
    played = bench.play(
        "setup_standby.yml", changes={STANDBY: {"ansible_python_interpreter": "/opt/python9/bin/python9"}}
    )
    says(
        played,
        "ansible_python_interpreter of busan1 is '/opt/python9/bin/python9', and there is none",
        "Allowed is the path of a Python 3.6 or later",
        "install python3 on the host",
    )


def test_wrong_password_of_sys(bench: Bench):
    played = bench.play(
        "setup_standby.yml", changes={name: {"tibero_sys_password": "wrong.Lab-9"} for name in (PRIMARY, STANDBY)}
    )
    says(
        played,
        "SYS cannot log in on seoul1",
        "TBR-17001",
        "allowed is the one password of SYS that all members share",
        "correct tibero_sys_password",
    )
    assert "wrong.Lab-9" not in played.text


def test_no_tb_home_while_the_primary_runs_from_another(bench: Bench):
    changes = {PRIMARY: {"tibero_home": "/home/tibero/none"}}
    server = bench.lab.run(PRIMARY, ["pgrep", "-o", "-f", "^tbsvr .*-SVR_SID orders"]).stdout.split()[0]
    for book in ("setup_standby.yml", "setup_primary.yml"):
        says(
            bench.play(book, changes=changes),
            "tibero_home of seoul1 is /home/tibero/none, and there is no Tibero below it",
            f"process {server} on it is a server of TB_SID orders with TB_HOME /home/tibero/tibero7",
            "set tibero_home of seoul1 to /home/tibero/tibero7",
        )
    shown = bench.play("status.yml", changes=changes)
    assert shown.code == 0 and "seoul1 no software - UNKNOWN" in shown.text
    assert "no Tibero below tibero_home /home/tibero/none" in shown.text


def test_no_software_and_no_tarball(bench: Bench):
    played = bench.play("setup_standby.yml", changes={STANDBY: {"tibero_tarball": None}})
    says(
        played,
        "tibero_tarball of busan1 is not set",
        "Allowed is a file on the controller that has this checksum",
        "set tibero_software_source to clone",
    )


def test_a_tarball_with_another_checksum(bench: Bench):
    played = bench.play("setup_standby.yml", changes={STANDBY: {"tibero_tarball_checksum": "sha256:" + "0" * 64}})
    says(
        played,
        "tibero_tarball of busan1",
        "tibero_tarball_checksum is sha256:0000",
        "Allowed is a file",
        "correct the two variables",
    )


def test_no_software_and_no_tarball_for_a_first_primary(bench: Bench):
    nowhere = {"tibero_home": "/home/tibero/none", "tibero_sid": "none"}
    played = bench.play(
        "setup_primary.yml",
        changes={
            PRIMARY: {**nowhere, "tibero_tarball": "/nowhere.tar.gz", "tibero_listener_port": 9629},
            STANDBY: nowhere,
        },
    )
    says(played, "tibero_tarball of seoul1 is /nowhere.tar.gz", "there is no such file", "correct the two variables")


def test_no_licence_for_a_first_primary(bench: Bench):
    nowhere = {"tibero_home": "/home/tibero/none", "tibero_sid": "none"}
    played = bench.play(
        "setup_primary.yml",
        changes={PRIMARY: {**nowhere, "tibero_license_file": None, "tibero_listener_port": 9629}, STANDBY: nowhere},
    )
    says(
        played,
        "licence.own: observed no file /home/tibero/none/license/license.xml",
        "expected a licence",
        "variable tibero_license_file",
    )
