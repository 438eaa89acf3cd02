# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's network: one switch (a bridge in a network name space of its own), a port for each host and the controller.

Everything but the controller's own end of its cable lives in that name space, so the machine's firewall rules and
bridges are neither used nor touched, and the end of the switch is the end of all of it.
"""

import hashlib
import ipaddress
import json
from collections.abc import Iterable
from pathlib import Path

from lab.hosts import faults
from lab.hosts.errors import LabError
from lab.hosts.spec import CONTROLLER, check_subnet, digest
from lab.hosts.state import Host, LabState
from lab.hosts.system import ProcessId, Runner

CONTROLLER_PORT = "ctl"
BRIDGE = "switch"


def interface_name(directory: Path) -> str:
    """The controller's interface, derived from the lab's directory so that `down` knows it without state."""
    return "lab-" + hashlib.sha256(str(directory).encode()).hexdigest()[:8]


def host_port(host: Host) -> str:
    """The switch port of a host."""
    return f"h{host.index}"


def hardware_address(address: str) -> str:
    """A fixed hardware address, so that a host that boots again is known to its neighbours."""
    return "02:fd:" + ":".join(f"{int(part):02x}" for part in address.split("."))


class Network:
    """Commands on the switch and in the hosts' network name spaces."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def inside(self, process: ProcessId, argv: Iterable[str], stdin: str = "", check: bool = True) -> str:
        """Run a program in the network name space of a process; returns its output."""
        space = f"--net=/proc/{process.pid}/ns/net"
        return self._runner.run(["nsenter", space, "--", *argv], stdin=stdin, check=check).stdout

    def _ip(self, process: ProcessId, commands: Iterable[str]) -> None:
        self.inside(process, ["ip", "-batch", "-"], "".join(f"{command}\n" for command in commands))

    def used(self) -> dict[ipaddress.IPv4Network, str]:
        """IPv4 networks the machine knows, each with the interface that has it."""
        found: dict[ipaddress.IPv4Network, str] = {}
        for route in json.loads(self._runner.run(["ip", "-j", "-4", "route", "show"]).stdout or "[]"):
            if route.get("dst", "default") != "default":
                found[ipaddress.IPv4Network(route["dst"], strict=False)] = route.get("dev", "?")
        for link in json.loads(self._runner.run(["ip", "-j", "-4", "address", "show"]).stdout or "[]"):
            for info in link.get("addr_info", []):
                network = ipaddress.IPv4Network(f"{info['local']}/{info['prefixlen']}", strict=False)
                found[network] = link["ifname"]
        return found

    def choose_subnet(self, name: str, wanted: str) -> ipaddress.IPv4Network:
        """The wanted subnet if it is free, or a free 10.78.x.0/24 beginning at one derived from the lab's name.

        Raises:
            LabError: the wanted one, or all of them, are in use; the text names the interface.
        """
        used = self.used()
        if wanted:
            network = check_subnet(wanted)
            for other, device in used.items():
                if network.overlaps(other):
                    raise LabError(f"subnet {wanted} is in use: {device} has {other}; choose another with --subnet")
            return network
        for step in range(256):
            network = ipaddress.IPv4Network(f"10.78.{(digest(name) + step) % 256}.0/24")
            if not any(network.overlaps(other) for other in used):
                return network
        raise LabError("no 10.78.x.0/24 is free on this machine; name a free private /24 with --subnet")

    def build_switch(self, state: LabState) -> None:
        """Make the bridge and the controller's cable."""
        switch = _need(state.switch)
        self._ip(
            switch,
            [
                "link set lo up",
                f"link add {BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                f"link set {BRIDGE} up",
            ],
        )
        address = hardware_address(state.controller_address)
        self._runner.run(
            ["ip", "link", "add", state.interface, "address", address, "type", "veth"]
            + ["peer", "name", CONTROLLER_PORT, "netns", str(switch.pid)]
        )
        self._ip(switch, [f"link set {CONTROLLER_PORT} master {BRIDGE} up"])
        # No IPv6 of the interface's own: the machine's IPv6 routes and neighbours stay as they are.
        self._runner.run(["ip", "link", "set", state.interface, "addrgenmode", "none"])
        self._runner.run(["ip", "address", "add", f"{state.controller_address}/24", "dev", state.interface])
        self._runner.run(["ip", "link", "set", state.interface, "up"])

    def plug(self, state: LabState, host: Host) -> None:
        """Give a host that has just been started its cable, address and route."""
        switch, init = _need(state.switch), _need(host.init)
        port = host_port(host)
        self.unplug(state, host)
        hardware = hardware_address(host.address)
        self._ip(
            switch,
            [
                f"link add {port} type veth peer name eth0 address {hardware} netns {init.pid}",
                f"link set {port} master {BRIDGE} up",
            ],
        )
        self._ip(
            init,
            [
                "link set lo up",
                f"address add {host.address}/24 brd + dev eth0",
                "link set eth0 up",
                f"route add default via {state.controller_address}",
            ],
        )

    def silence(self, state: LabState, host: Host) -> None:
        """Pull a host's cable: its neighbours get no farewell when its processes are killed, as with lost power."""
        self.inside(_need(state.switch), ["ip", "link", "set", host_port(host), "down"], check=False)

    def unplug(self, state: LabState, host: Host) -> None:
        """Remove both ends of a host's cable if they are still there."""
        switch = _need(state.switch)
        listed = json.loads(self.inside(switch, ["ip", "-j", "link", "show"]) or "[]")
        if any(link["ifname"] == host_port(host) for link in listed):
            self.inside(switch, ["ip", "link", "delete", host_port(host)], check=False)

    def apply_cuts(self, state: LabState) -> list[str]:
        """Put exactly the cuts of the state in force; returns the rules."""
        ports = {host.name: host_port(host) for host in state.hosts.values()} | {CONTROLLER: CONTROLLER_PORT}
        lines = faults.rules(state.faults, ports)
        self.inside(_need(state.switch), ["nft", "-f", "-"], faults.ruleset(lines))
        return lines

    def apply_rate(self, state: LabState, host: Host) -> None:
        """Put exactly the rate limits of the state in force on one host's cable."""
        own = [fault for fault in state.faults if fault.kind == "rate" and fault.host == host.name]
        limits = {fault.direction: fault.rate for fault in own}
        ends = {"in": (_need(state.switch), host_port(host)), "out": (host.init, "eth0")}
        for direction, (process, device) in ends.items():
            if process is None:
                continue
            rate = limits.get(direction) or limits.get("both")
            if rate is None:
                self.inside(process, ["tc", "qdisc", "delete", "dev", device, "root"], check=False)
                continue
            shape = faults.bucket(rate)
            self.inside(
                process,
                ["tc", "qdisc", "replace", "dev", device, "root", "tbf", "rate", f"{shape.rate}bit"]
                + ["burst", str(shape.burst), "latency", f"{shape.latency}ms"],
            )


def _need(process: ProcessId | None) -> ProcessId:
    if process is None:
        raise LabError("the lab is only half built; remove it with: python3 -m lab down")
    return process
