# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cuts: whom they name, the rules they become, the controller they spare; by played programs and by real ones in name spaces of their own."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import fault_cut
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed, Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.fault_cut import Cut, Group, Iptables, Nft
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed, run
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until

CUT = Cut(
    "firedrill_orders_1",
    "FIREDRILL-1",
    (("10.9.0.1", 22),),
    (
        Group(("10.9.0.2/32", "2001:db8::/64"), (8629, 8630)),
        Group(("10.9.0.3/32",), (8629, 8633), (8633,)),
    ),
)


def no_names(name: str) -> tuple[list[str], str]:
    return [], "unknown"


# -------------------------------------------------------------------------------------------- addresses


def test_addresses_become_networks_without_overlaps() -> None:
    found = fault_cut.networks(
        "client_addresses",
        ["10.9.0.7", "10.9.0.0/24", "2001:db8::1", "db2"],
        lambda name: (["10.9.1.1", "fe80::1%eth0"], ""),
    )
    assert found == ("10.9.0.0/24", "10.9.1.1/32", "2001:db8::1/128", "fe80::1/128")


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0", "127.0.0.1", "127.0.0.0/8", "::1", "224.0.0.1", "0.0.0.0"])
def test_this_host_and_everybody_are_no_peers(text: str) -> None:
    with pytest.raises(Refusal, match="Name the addresses or networks"):
        fault_cut.networks("client_addresses", [text], no_names)


@pytest.mark.parametrize("text", ["db9", "10.9.0.300", "10.9.0.1/33", "a b", "10.9.0.1; drop", ""])
def test_a_name_without_address_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="client_addresses holds"):
        fault_cut.networks("client_addresses", [text], no_names)


@given(
    st.lists(
        st.ip_addresses(v=4).filter(lambda ip: not (ip.is_loopback or ip.is_multicast or int(ip) == 0)), min_size=1
    )
)
def test_nobody_is_lost_and_nobody_is_added(addresses: list[Any]) -> None:
    found = [ipaddress.ip_network(each) for each in fault_cut.networks("x", [str(ip) for ip in addresses], no_names)]
    assert sum(each.num_addresses for each in found) == len(set(addresses))
    assert all(any(ip in each for each in found) for ip in addresses)


# -------------------------------------------------------------------------------------------- controller


def reader(files: dict[str, str]) -> Any:
    def read(path: str) -> str:
        if path not in files:
            raise FileNotFoundError(path)
        return files[path]

    return read


def test_the_controller_is_found_above_sudo() -> None:
    files = {
        "/proc/self/environ": "PATH=/bin\0SUDO_USER=ops\0",
        "/proc/self/stat": "9 (python3 (x) y) S 8 9 9 0",
        # sudo of another user cannot be read
        "/proc/8/stat": "8 (sudo) S 7 8 8 0",
        "/proc/7/environ": "HOME=/home/ops\0SSH_CONNECTION=::ffff:10.9.0.1 51000 10.9.0.5 2222\0",
    }
    assert fault_cut.control_of(reader(files), "", 22) == (("10.9.0.1", 2222),)
    both = fault_cut.control_of(reader(files), "10.9.0.99", 22)
    assert both == (("10.9.0.1", 2222), ("10.9.0.99", 22))


@pytest.mark.parametrize("value", ["UNKNOWN 65535 UNKNOWN 65535", "10.9.0.1 51000 10.9.0.5", "10.9.0.1 5 10.9.0.5 0"])
def test_a_connection_that_tells_nothing_is_none(value: str) -> None:
    files = {"/proc/self/environ": f"SSH_CONNECTION={value}\0", "/proc/self/stat": "9 (python3) S 1 9 9 0"}
    with pytest.raises(Refusal, match="Set control_address"):
        fault_cut.control_of(reader(files), "", 22)
    assert fault_cut.control_of(reader(files), "10.9.0.1", 22) == (("10.9.0.1", 22),)


def test_a_declared_address_is_an_address() -> None:
    with pytest.raises(Refusal, match="control_address is"):
        fault_cut.control_of(reader({}), "controller", 22)


# -------------------------------------------------------------------------------------------- rules as text


def test_the_nft_table() -> None:
    assert (
        fault_cut.nft_script(CUT)
        == """table inet firedrill_orders_1 {
  chain inward {
    type filter hook input priority 0; policy accept;
    iifname "lo" accept
    ip saddr 10.9.0.1 tcp dport 22 accept
    ip saddr { 10.9.0.2/32 } tcp dport { 8629, 8630 } counter drop
    ip6 saddr { 2001:db8::/64 } tcp dport { 8629, 8630 } counter drop
    ip saddr { 10.9.0.3/32 } tcp dport { 8629, 8633 } counter drop
    ip saddr { 10.9.0.3/32 } tcp sport { 8633 } counter drop
  }
  chain outward {
    type filter hook output priority 0; policy accept;
    oifname "lo" accept
    ip daddr 10.9.0.1 tcp sport 22 accept
    ip daddr { 10.9.0.2/32 } tcp sport { 8629, 8630 } counter drop
    ip6 daddr { 2001:db8::/64 } tcp sport { 8629, 8630 } counter drop
    ip daddr { 10.9.0.3/32 } tcp sport { 8629, 8633 } counter drop
    ip daddr { 10.9.0.3/32 } tcp dport { 8633 } counter drop
  }
}
"""
    )
    assert fault_cut.count_drops(CUT) == 8


def test_the_chains_of_iptables_accept_nothing_for_others() -> None:
    four, six = fault_cut.iptables_rules(CUT, False), fault_cut.iptables_rules(CUT, True)
    assert [(name, base) for name, base, _rules in four] == [("FIREDRILL-1-IN", "INPUT"), ("FIREDRILL-1-OUT", "OUTPUT")]
    assert four[0][2][:3] == [
        ["-i", "lo", "-j", "RETURN"],
        ["-s", "10.9.0.1", "-p", "tcp", "--dport", "22", "-j", "RETURN"],
        ["-s", "10.9.0.2/32", "-p", "tcp", "-m", "multiport", "--dports", "8629,8630", "-j", "DROP"],
    ]
    assert len(six[0][2]) == 2 and not any("10.9" in word for _n, _b, rules in six for rule in rules for word in rule)
    assert {rule[-1] for _name, _base, rules in four + six for rule in rules} == {"RETURN", "DROP"}


@given(st.sets(st.integers(1, 65535), min_size=1, max_size=60))
def test_no_port_is_lost_between_rules(ports: set[int]) -> None:
    group = Group(("10.9.0.2/32",), tuple(sorted(ports)))
    rules = fault_cut.iptables_rules(Cut("t", "c", (), (group,)), False)[0][2]
    lists = [rule[rule.index("--dports") + 1].split(",") for rule in rules if "--dports" in rule]
    assert sorted(int(port) for each in lists for port in each) == sorted(ports)
    assert all(len(each) <= 15 for each in lists)


def test_a_whole_host_is_cut_without_ports() -> None:
    cut = Cut("t", "c", (("10.9.0.2", 22),), (Group(("10.9.0.2/32",)),))
    lines = fault_cut.nft_script(cut).splitlines()
    let, drop = "    ip saddr 10.9.0.2 tcp dport 22 accept", "    ip saddr { 10.9.0.2/32 } counter drop"
    assert lines.index(let) < lines.index(drop)
    assert ["-s", "10.9.0.2/32", "-j", "DROP"] in fault_cut.iptables_rules(cut, False)[0][2]


# -------------------------------------------------------------------------------------------- played programs


def answering(code: int, output: str = "") -> Any:
    return lambda command: Completed(command.argv, code, output, "no", 0.0, False)


def missing(command: Command) -> Completed:
    raise FileNotFoundError(command.argv[0])


def test_without_a_firewall_a_cut_is_refused() -> None:
    for runner in (missing, answering(1)):
        with pytest.raises(Refusal, match="Neither nft nor iptables"):
            fault_cut.choose(runner, CUT)


def test_iptables_needs_the_program_of_each_family() -> None:
    def four_only(command: Command) -> Completed:
        return answering(0 if command.argv[0] == "iptables" else 1)(command)

    with pytest.raises(Refusal):
        fault_cut.choose(four_only, CUT)
    assert fault_cut.choose(four_only, CUT._replace(groups=CUT.groups[1:])).name == "iptables"


def test_rules_that_nft_does_not_show_are_no_cut() -> None:
    shown = "table inet firedrill_orders_1"
    with pytest.raises(CommandFailed, match="shows 0 rules that drop, not 8"):
        Nft(answering(0, shown), CUT).lay()
    with pytest.raises(CommandFailed, match="ended with 1: no"):
        Nft(answering(1), CUT).lay()


def test_a_table_with_a_longer_name_is_not_ours() -> None:
    assert not Nft(answering(0, "table inet firedrill_orders_12\n"), CUT).present()
    assert not Iptables(answering(0, "-N FIREDRILL-12-IN\n-A INPUT -j FIREDRILL-12-IN\n"), CUT).present()


# -------------------------------------------------------------------------------------------- real name spaces


@pytest.fixture
def spaces() -> Iterator[tuple[Any, Any]]:
    """Two hosts as network name spaces of their own, 10.9.0.5 (the target) and 10.9.0.2: a runner for each."""
    if os.geteuid() != 0:
        pytest.skip("hosts as network name spaces need root")
    holders = [subprocess.Popen(["unshare", "-n", "sleep", "120"]) for _each in range(2)]

    def inside(holder: subprocess.Popen[bytes]) -> Any:
        prefix = ("nsenter", f"--net=/proc/{holder.pid}/ns/net")
        return lambda command: run(command._replace(argv=prefix + command.argv))

    def moved(holder: subprocess.Popen[bytes]) -> bool:
        own = os.readlink("/proc/self/ns/net")
        return os.readlink(f"/proc/{holder.pid}/ns/net") != own

    try:
        for holder in holders:
            wait_until(lambda holder=holder: moved(holder), bool, 10, "the name space", "", interval=0.01)  # type: ignore[misc]
        target, client = inside(holders[0]), inside(holders[1])
        link = f"ip link add eth0 type veth peer name eth0 netns /proc/{holders[1].pid}/ns/net"
        for runner, line in (
            (target, link),
            (target, "ip addr add 10.9.0.5/24 dev eth0"),
            (target, "ip link set lo up"),
            (target, "ip link set eth0 up"),
            (client, "ip addr add 10.9.0.2/24 dev eth0"),
            (client, "ip link set eth0 up"),
        ):
            done = runner(Command(tuple(line.split())))
            assert done.returncode == 0, done.errors
        yield target, client
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()


SERVER = """
import select, socket
listeners = [socket.create_server(("0.0.0.0", port)) for port in (22, 8629, 9999)]
while True:
    for each in select.select(listeners, [], [])[0]:
        each.accept()[0].close()
"""
CLIENT = """
import socket
for port in (22, 8629, 9999):
    try:
        socket.create_connection(("10.9.0.5", port), 0.7).close()
        print("open")
    except OSError as error:
        print(type(error).__name__)
"""


def reached(client: Any) -> list[str]:
    return str(client(Command((sys.executable, "-c", CLIENT))).output).split()


@pytest.fixture
def served(spaces: tuple[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """The same, with servers on the ports 22, 8629 and 9999 of the target."""
    server: list[subprocess.Popen[bytes]] = []

    def start(command: Command) -> None:
        server.append(subprocess.Popen(list(command.argv)))

    target, client = spaces
    spy = target.__closure__[0].cell_contents
    start(Command((*spy, sys.executable, "-c", SERVER)))
    try:
        wait_until(lambda: reached(client), lambda seen: seen == ["open"] * 3, 20, "the servers", "", interval=0.05)
        yield target, client
    finally:
        for each in server:
            each.kill()
            each.wait()


FOREIGN = "table inet site {\n\tchain input {\n\t\ttcp dport 1 accept\n\t}\n}\n"


def real_cut(whole: bool) -> Cut:
    group = Group(("10.9.0.2/32",), () if whole else (8629,))
    return CUT._replace(control=(("10.9.0.2", 22),), groups=(group,))


@pytest.mark.parametrize("kind", [Nft, Iptables])
@pytest.mark.parametrize("whole", [False, True])
def test_a_real_cut_cuts_what_it_names_and_leaves_no_trace(served: tuple[Any, Any], kind: Any, whole: bool) -> None:
    target, client = served
    assert target(Command(("nft", "-f", "-"), stdin=FOREIGN)).returncode == 0
    # A rule in both, because iptables makes its own chains of the host, empty, with the first rule in them.
    for chain in ("INPUT", "OUTPUT"):
        assert target(Command(("iptables", "-A", chain, "-p", "tcp", "--dport", "2", "-j", "ACCEPT"))).returncode == 0

    def everything() -> str:
        return str(target(Command(("nft", "list", "ruleset"))).output)

    before = everything()
    firewall = kind(target, real_cut(whole))
    assert firewall.usable() and not firewall.present()
    firewall.lay()
    assert firewall.present()
    # The controller's SSH passes though it is one of the clients that are cut off; the port of another database does too.
    assert reached(client) == ["open", "TimeoutError", "TimeoutError" if whole else "open"]
    if kind is Nft:
        assert any("counter packets" in line and "packets 0 " not in line for line in firewall.show())
    firewall.remove()
    firewall.remove()
    assert reached(client) == ["open"] * 3
    assert not firewall.present() and everything() == before


def test_half_of_a_cut_is_taken_away_too(spaces: tuple[Any, Any]) -> None:
    target, _client = spaces
    calls: list[Command] = []

    def failing(command: Command) -> Completed:
        calls.append(command)
        if "-I" in command.argv and "OUTPUT" in command.argv:
            return Completed(command.argv, 4, "", "locked", 0.0, False)
        done: Completed = target(command)
        return done

    firewall = Iptables(failing, real_cut(False))
    with pytest.raises(CommandFailed, match="locked"):
        firewall.lay()
    assert firewall.present()
    firewall.remove()
    assert "FIREDRILL" not in target(Command(("iptables", "-S"))).output
