# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After all that was refused and interrupted, the right input works at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench import HOME, STANDBY, Bench, says

#: Stands for ufw, which lab hosts lack: it says what it lets through, and lets through what it is told to.
UFW = """#!/bin/sh
case "$1" in
status)
    printf 'Status: active\\n\\nTo                         Action      From\\n--                         ------      ----\\n'
    sed 's/$/\\/tcp                   ALLOW       Anywhere/' /var/lib/lab-ufw ;;
allow)
    port=${2%/tcp}
    iptables -I INPUT -p tcp --dport "$port" -j ACCEPT && echo "$port" >> /var/lib/lab-ufw ;;
*)
    exit 2 ;;
esac
"""


@pytest.fixture
def firewall(bench: Bench) -> Iterator[None]:
    """The standby's host behind an active firewall that rejects as firewalld does."""
    script = "cat > /usr/sbin/ufw && chmod 0755 /usr/sbin/ufw && : > /var/lib/lab-ufw && "
    script += "iptables -A INPUT -p tcp --dport 8000:9999 -j REJECT --reject-with icmp-admin-prohibited"
    bench.lab.run(STANDBY, ["sh", "-c", script], stdin=UFW)
    yield
    bench.lab.run(STANDBY, ["sh", "-c", "iptables -F INPUT && rm /usr/sbin/ufw /var/lib/lab-ufw"])


def test_the_right_input_builds_the_standby(bench: Bench, firewall: None):
    played = bench.play("setup_standby.yml")
    assert played.code == 0, played.text[-3500:]
    assert played.changed() > 0
    assert "will be opened by role host, and tried again after it" in played.text
    assert "busan1 standby recovery" in played.text


def test_a_second_run_changes_nothing(bench: Bench):
    before = {key: value for key, value in bench.fingerprint()[STANDBY].items() if "/config/" in key}
    played = bench.play("setup_standby.yml")
    assert (played.code, played.changed()) == (0, 0), played.text[-3500:]
    assert {key: value for key, value in bench.fingerprint()[STANDBY].items() if "/config/" in key} == before


@pytest.fixture
def somebodys_instance(bench: Bench) -> Iterator[None]:
    """An instance on the standby's host of which nothing says that it is ours, and which does not tell its role."""
    records = f"{HOME}/instance/orders/firedrill"
    bench.tibero(STANDBY, "tbdown", "-t", "IMMEDIATE")
    bench.lab.run(STANDBY, ["mv", records, "/root/records"])
    bench.tibero(STANDBY, "tbboot", "-t", "NOMOUNT")
    yield
    bench.tibero(STANDBY, "tbdown", "-t", "IMMEDIATE")
    bench.lab.run(STANDBY, ["sh", "-c", f"rm -rf {records} && mv /root/records {records}"])
    bench.tibero(STANDBY, "tbboot", "-t", "RECOVERY")


def test_target_running(bench: Bench, somebodys_instance: None, untouched: None):
    played = bench.play("setup_standby.yml")
    says(
        played,
        "target.state: observed an instance runs here",
        "expected empty, or an unfinished copy of ours",
        "stop it with tbdown",
    )


def test_it_is_whole_again_and_nothing_is_left_behind(bench: Bench):
    played = bench.play("setup_standby.yml")
    assert (played.code, played.changed()) == (0, 0), played.text[-3500:]
    assert [key for found in bench.fingerprint().values() for key in found if key.startswith("/tmp/.firedrill")] == []
