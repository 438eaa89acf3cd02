# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on links as values: which traffic a request means, what a heal leaves, and the rules for it. No I/O."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from lab.hosts.errors import LabError
from lab.hosts.spec import CONTROLLER
from lab.hosts.state import Edge, Fault

RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(kbit|mbit|gbit)")
_UNIT = {"kbit": 1_000, "mbit": 1_000_000, "gbit": 1_000_000_000}
TABLE = "lab"


def edges(
    hosts: Sequence[str], host: str, peer: str = "", *, one_way: bool = False, port: int = 0, controller: bool = True
) -> list[Edge]:
    """The traffic a `cut` means.

    Args:
        hosts: all hosts of the lab.
        host: the host cut off.
        peer: the other end: a host or `controller`; empty means every other host.
        one_way: only what `host` sends is lost.
        port: only TCP and UDP with this port at either end; 0 means everything.
        controller: whether, without a peer, the link to the controller is cut too.

    Raises:
        LabError: host and peer are the same, a name is unknown, or the port is out of range.
    """
    known = [*hosts, CONTROLLER]
    for name in (host, peer):
        if name and name not in known:
            raise LabError(f"no host {name!r}; there are: {', '.join(known)}")
    if host == peer:
        raise LabError(f"a link has two ends; both given are {host}")
    if not 0 <= port <= 65535:
        raise LabError(f"port {port} is out of range; allowed: 1 to 65535")
    peers = [peer] if peer else [name for name in known if name != host and (controller or name != CONTROLLER)]
    found = []
    for other in peers:
        found.append(Edge(host, other, port))
        if not one_way:
            found.append(Edge(other, host, port))
    return found


def left_after_heal(cut: Iterable[Edge], host: str = "", peer: str = "", *, one_way: bool = False) -> list[Edge]:
    """What stays cut after `heal`: without names nothing, with one what does not touch it, with two other links."""

    def healed(edge: Edge) -> bool:
        if not host:
            return True
        out = edge.source == host and (not peer or edge.target == peer)
        back = edge.target == host and (not peer or edge.source == peer)
        return out or (back and not one_way)

    return [edge for edge in cut if not healed(edge)]


def rules(faults: Iterable[Fault], interfaces: Mapping[str, str]) -> list[str]:
    """The nft rules for all cuts, in a stable order.

    Only IP is dropped and ARP passes: with ARP lost a one-way cut would, after a minute, become a cut both ways.

    Args:
        faults: the faults in force; other kinds than cuts are passed over.
        interfaces: switch port of each host and of the controller.
    """
    cut = {edge for fault in faults if fault.kind == "cut" for edge in fault.edges}
    found = []
    for edge in sorted(cut):
        path = f'iifname "{interfaces[edge.source]}" oifname "{interfaces[edge.target]}"'
        if edge.port:
            for end in ("sport", "dport"):
                found.append(f"{path} ether type ip meta l4proto {{ tcp, udp }} th {end} {edge.port} drop")
        else:
            found.append(f"{path} ether type {{ ip, ip6 }} drop")
    return found


def ruleset(lines: Iterable[str]) -> str:
    """A complete nft script that replaces the lab's table at once."""
    body = "".join(f"  {line}\n" for line in lines)
    chain = f" chain links {{\n  type filter hook forward priority 0; policy accept;\n{body} }}\n"
    return f"add table bridge {TABLE}\ndelete table bridge {TABLE}\ntable bridge {TABLE} {{\n{chain}}}\n"


class Bucket(NamedTuple):
    """Parameters of a token bucket: bits per second, burst in bytes, longest queueing delay in milliseconds."""

    rate: int
    burst: int
    latency: int


def bucket(rate: str) -> Bucket:
    """The token bucket for a rate such as `400mbit`.

    The burst is 5 ms of traffic and never less than three full frames, so that short transfers are slowed too.

    Raises:
        LabError: not a rate, or outside 8 kbit to 100 gbit.
    """
    match = RATE.fullmatch(rate)
    bits = int(float(match[1]) * _UNIT[match[2]]) if match else 0
    if not 8_000 <= bits <= 100_000_000_000:
        raise LabError(f"rate {rate!r} is not allowed; write e.g. 512kbit, 10mbit or 1gbit, from 8kbit to 100gbit")
    return Bucket(bits, max(bits // 8 // 200, 3 * 1514), 100)
