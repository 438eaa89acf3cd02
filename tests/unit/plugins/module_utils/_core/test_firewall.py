# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firewalls, played by a function: firewalld, ufw, both absent, and one that does not obey."""

from __future__ import annotations

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import firewall
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome

UFW_STATUS = """Status: active

To                         Action      From
--                         ------      ----
22/tcp                     ALLOW       Anywhere
8629                       ALLOW IN    Anywhere
9000:9010/tcp              ALLOW       Anywhere
8633/tcp                   ALLOW       10.0.0.0/8
8634/udp                   ALLOW       Anywhere
8635/tcp                   DENY        Anywhere
22/tcp (v6)                ALLOW       Anywhere (v6)
"""


class Host:
    """A host with one firewall; remembers the commands that change something."""

    def __init__(
        self, kind: str, now: list[str] | None = None, later: list[str] | None = None, obedient: bool = True
    ) -> None:
        self.kind = kind
        self.ports = {"now": now or [], "later": later or []}
        self.obedient = obedient
        self.acts: list[tuple[str, ...]] = []

    def __call__(self, command: Command) -> Completed:
        argv = command.argv
        if (argv[0] == "firewall-cmd") != (self.kind == "firewalld") or (argv[0] == "ufw") != (
            self.kind.startswith("ufw")
        ):
            raise FileNotFoundError(argv[0])
        return Completed(
            argv, 0, self._firewalld(argv) if argv[0] == "firewall-cmd" else self._ufw(argv), "", 0.0, False
        )

    def _firewalld(self, argv: tuple[str, ...]) -> str:
        place = "later" if "--permanent" in argv else "now"
        if "--list-ports" in argv:
            return " ".join(self.ports[place]) + "\n"
        added = [word.partition("=")[2] for word in argv if word.startswith("--add-port=")]
        if added:
            self.acts.append(argv)
            self.ports[place] += added if self.obedient else []
        return "success\n"

    def _ufw(self, argv: tuple[str, ...]) -> str:
        if argv[1] == "allow":
            self.acts.append(argv)
            self.ports["now"].append(argv[2])
            return "Rule added\n"
        rows = "".join(f"{port}   ALLOW   Anywhere\n" for port in self.ports["now"])
        return "Status: inactive\n" if self.kind == "ufw-inactive" else f"Status: active\n\n{rows}"


def ensure(host: Host, ports: list[int], check: bool = False, zone: str = "") -> Outcome:
    return firewall.ensure(Context({"ports": ports, "zone": zone}, check, host))


def test_parse_ufw() -> None:
    assert firewall.parse_ufw(UFW_STATUS) == (True, [(22, 22), (8629, 8629), (9000, 9010)])
    assert firewall.parse_ufw("Status: inactive\n") == (False, [])


def test_parse_firewalld() -> None:
    assert firewall.parse_firewalld("22/tcp 8629-8633/tcp 53/udp\n") == [(22, 22), (8629, 8633)]


def test_firewalld_opens_now_and_later_only_what_is_closed() -> None:
    host = Host("firewalld", ["8629/tcp"], [])
    result = ensure(host, [8633, 8629], zone="dmz")
    assert result.changed and result.values == {"firewall": "firewalld", "opened": [8629, 8633]}
    assert host.acts == [
        ("firewall-cmd", "--zone=dmz", "--add-port=8633/tcp"),
        ("firewall-cmd", "--permanent", "--zone=dmz", "--add-port=8629/tcp", "--add-port=8633/tcp"),
    ]
    assert not ensure(host, [8633, 8629]).changed


def test_ufw() -> None:
    host = Host("ufw")
    assert ensure(host, [8629, 8633]).values["opened"] == [8629, 8633]
    assert host.acts == [("ufw", "allow", "8629/tcp"), ("ufw", "allow", "8633/tcp")]
    assert not ensure(host, [8629, 8633]).changed


@pytest.mark.parametrize("kind", ["none", "ufw-inactive"])
def test_no_active_firewall_is_left_so(kind: str) -> None:
    host = Host(kind)
    result = ensure(host, [8629])
    assert not result.changed and result.values == {"firewall": "none", "opened": []} and host.acts == []


def test_check_mode_predicts_and_does_nothing() -> None:
    host = Host("firewalld")
    result = ensure(host, [8629], check=True)
    assert result.changed and result.values["opened"] == [8629] and host.acts == []


def test_a_firewall_that_does_not_obey_is_an_error() -> None:
    with pytest.raises(CommandFailed, match="does not show them as open"):
        ensure(Host("firewalld", obedient=False), [8629])
