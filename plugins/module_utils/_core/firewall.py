# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Opening TCP ports in the firewall that is active on a host, firewalld or ufw. The firewall itself stays as it is: on
or off.

Rules made by hand (iptables, nft) are nobody's to change here; the preflight then shows whether the ports are
reachable.
"""

import re
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed, Runner
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome

FIREWALLD = "firewalld"
UFW = "ufw"
NONE = "none"

HOST_FIREWALL_SPEC: Dict[str, Any] = {
    "ports": {"type": "list", "elements": "int", "required": True},
    "zone": {"type": "str", "default": ""},
}


class Found(NamedTuple):
    """The active firewall: its ``name``, and the ports of ours it lets through now and after its next start."""

    name: str
    open_now: Tuple[int, ...]
    open_later: Tuple[int, ...]


def _run(runner: Runner, argv: Sequence[str]) -> Optional[Completed]:
    """The end of a program, or None if there is no such program."""
    try:
        return runner(Command(tuple(argv), deadline=30.0))
    except FileNotFoundError:
        return None


def _must(runner: Runner, argv: Sequence[str]) -> str:
    done = _run(runner, argv)
    if done is None or done.returncode != 0:
        raise CommandFailed(
            seen="{0} ended with {1}".format(" ".join(argv), "no such program" if done is None else done.returncode),
            meaning="The state of the firewall is not known, or a port could not be opened",
            remedy="Read its output in the details, open the ports by hand, or set host_firewall: false",
            details=done.describe() if done else {},
        )
    return done.output


def parse_firewalld(text: str) -> List[Tuple[int, int]]:
    """TCP port ranges of ``firewall-cmd --list-ports``: "22/tcp 8629-8633/tcp 53/udp"."""
    return [(int(low), int(high or low)) for low, high in re.findall(r"(\d+)(?:-(\d+))?/tcp", text)]


def parse_ufw(text: str) -> Tuple[bool, List[Tuple[int, int]]]:
    """Of ``ufw status``: whether it is active, and the TCP port ranges allowed from anywhere."""
    active = re.search(r"^Status:\s+active\s*$", text, re.MULTILINE) is not None
    ranges = []
    for to, _source in re.findall(r"^(\S+)\s+ALLOW(?: IN)?\s+(Anywhere)\s*$", text, re.MULTILINE):
        match = re.match(r"([\d,:]+)(/tcp)?\Z", to)
        for part in match.group(1).split(",") if match else []:
            low, _colon, high = part.partition(":")
            ranges.append((int(low), int(high or low)))
    return active, ranges


def _open(ports: Sequence[int], ranges: Sequence[Tuple[int, int]]) -> Tuple[int, ...]:
    return tuple(port for port in ports if any(low <= port <= high for low, high in ranges))


def _zone(zone: str) -> List[str]:
    return ["--zone={0}".format(zone)] if zone else []


def look(runner: Runner, ports: Sequence[int], zone: str) -> Found:
    """Which firewall is active and what it lets through.

    :raises CommandFailed: when an active firewall does not tell.
    """
    state = _run(runner, ["firewall-cmd", "--state"])
    if state is not None and state.returncode == 0:
        now = parse_firewalld(_must(runner, ["firewall-cmd"] + _zone(zone) + ["--list-ports"]))
        later = parse_firewalld(_must(runner, ["firewall-cmd", "--permanent"] + _zone(zone) + ["--list-ports"]))
        return Found(FIREWALLD, _open(ports, now), _open(ports, later))
    status = _run(runner, ["ufw", "status"])
    if status is not None and status.returncode == 0:
        active, ranges = parse_ufw(status.output)
        if active:
            return Found(UFW, _open(ports, ranges), _open(ports, ranges))
    return Found(NONE, (), ())


def decide(found: Found, ports: Sequence[int], zone: str) -> List[List[str]]:
    """The commands that open what is not open. Pure."""
    now = ["--add-port={0}/tcp".format(port) for port in ports if port not in found.open_now]
    later = ["--add-port={0}/tcp".format(port) for port in ports if port not in found.open_later]
    if found.name == FIREWALLD:
        commands = [["firewall-cmd"] + _zone(zone) + now] if now else []
        return commands + ([["firewall-cmd", "--permanent"] + _zone(zone) + later] if later else [])
    if found.name == UFW:
        return [["ufw", "allow", "{0}/tcp".format(port)] for port in ports if port not in found.open_now]
    return []


def ensure(context: Context) -> Outcome:
    """Open the ports where a firewall is active.

    :returns: ``firewall`` (its name) and ``opened`` (ports), see the module's documentation.
    """
    ports: List[int] = sorted(set(context.params["ports"]))
    zone: str = context.params["zone"]
    found = look(context.runner, ports, zone)
    commands = decide(found, ports, zone)
    opened = [
        port for port in ports if found.name != NONE and not (port in found.open_now and port in found.open_later)
    ]
    if commands and not context.check_mode:
        for command in commands:
            _must(context.runner, command)
        after = look(context.runner, ports, zone)
        missing = sorted(set(ports) - (set(after.open_now) & set(after.open_later)))
        if missing:
            raise CommandFailed(
                seen="{0} was told to open {1} and does not show them as open".format(
                    found.name, ", ".join(map(str, missing))
                ),
                meaning="Redo or clients would not come through",
                remedy="Look at the rules of {0} by hand, or name the zone in host_firewall_zone".format(found.name),
            )
    return Outcome(
        changed=bool(commands),
        values={"firewall": found.name, "opened": opened},
        before={"open": list(found.open_now)},
        after={"open": sorted(set(found.open_now) | set(opened))},
        header="TCP ports in {0}".format(found.name),
    )
