# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Cuts in the network of a host: rules in a table, or chains, of our own, so that taking them away takes away nothing else.

Packets are dropped without a word, as a dead link does. What is not cut is left to the other rules of the host: a rule of ours never accepts a
packet for them. The loopback interface and the SSH connection of the controller are let through before anything is dropped.

Public: :class:`Cut`, :class:`Group`, :func:`networks`, :func:`control_of`, :func:`choose`, :class:`Nft`, :class:`Iptables`.
"""

import ipaddress
import re
from typing import Callable, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed, Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed, Runner

NFT = "nft"
IPTABLES = "iptables"
#: Seconds for one call of nft or iptables.
LIMIT = 30.0
#: Most ports of one rule of iptables.
PORTS_OF_A_RULE = 15
#: Most processes between this one and the SSH server.
DEPTH = 64

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


class Group(NamedTuple):
    """Whom to cut off from what: TCP to ``local`` ports of this host and to ``remote`` ports of theirs; all traffic without any port."""

    addresses: Tuple[str, ...]
    local: Tuple[int, ...] = ()
    remote: Tuple[int, ...] = ()


class Cut(NamedTuple):
    """A cut. ``table``: name of the nft table; ``chain``: begin of the names of the chains of iptables, at most 24 characters.
    ``control``: address of the controller and the port of this host's SSH server on which it came."""

    table: str
    chain: str
    control: Tuple[Tuple[str, int], ...]
    groups: Tuple[Group, ...]


# ------------------------------------------------------------------------------------------------------------ addresses


def networks(option: str, given: Sequence[str], resolve: Callable[[str], Tuple[List[str], str]]) -> Tuple[str, ...]:
    """Addresses, networks and names as networks, without overlaps.

    :arg option: what the addresses are called in errors. :arg resolve: addresses of a name, and why there are none.
    :raises Refusal: for a name without address, and for addresses that cutting would not cut a drill's peers.
    """
    found: List[Network] = []
    for text in given:
        try:
            found.append(ipaddress.ip_network(text, strict=False))
            continue
        except ValueError:
            pass  # no address, so it may be a name
        addresses, why = resolve(text) if re.match(r"[A-Za-z0-9._-]+\Z", text) else ([], "it is no name")
        if not addresses:
            raise Refusal(
                seen="{0} holds {1!r}, which is no address and has none: {2}".format(option, text, why),
                meaning="Whom to cut off is not known",
                remedy="Write an address or a network, such as 192.0.2.10 or 192.0.2.0/24",
            )
        found += [ipaddress.ip_network(address.partition("%")[0]) for address in addresses]
    for each in found:
        if each.prefixlen == 0 or each.is_loopback or each.is_multicast or each.is_unspecified:
            raise Refusal(
                seen="{0} holds {1}".format(option, each),
                meaning="That is this host itself or everybody, its name servers, storage and clock among them; a drill cuts off its peers",
                remedy="Name the addresses or networks of the peers",
            )
    four = ipaddress.collapse_addresses(each for each in found if isinstance(each, ipaddress.IPv4Network))
    six = ipaddress.collapse_addresses(each for each in found if isinstance(each, ipaddress.IPv6Network))
    return tuple(str(each) for each in four) + tuple(str(each) for each in six)


def _plain(address: str) -> str:
    """An address as rules have it: an IPv4 address that came in an IPv6 one is IPv4, a zone is left out.

    :raises ValueError: when it is no address.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def _connection(environment: str) -> Optional[Tuple[str, int]]:
    """The client's address and the server's port of SSH_CONNECTION in an environment, if there is one."""
    for entry in environment.split("\0"):
        name, _equals, value = entry.partition("=")
        words = value.split()
        if name == "SSH_CONNECTION" and len(words) == 4:
            try:
                port = int(words[3])
                return (_plain(words[0]), port) if 0 < port < 65536 else None
            except ValueError:
                return None
    return None


def control_of(read: Callable[[str], str], declared: str, port: int) -> Tuple[Tuple[str, int], ...]:
    """Where the controller comes from, and through which port of this host.

    :arg read: reads a file; the environment of this process and of those above it, since sudo takes SSH_CONNECTION out of its own.
    :arg declared: address of the controller as the options say, "" when they do not; it counts beside what is found.
    :arg port: port of the SSH server for the declared address.
    :raises Refusal: when the address is neither declared nor found.
    """
    found: List[Tuple[str, int]] = []
    if declared:
        try:
            found.append((_plain(declared), port))
        except ValueError as error:
            raise Refusal(
                seen="control_address is {0!r}".format(declared),
                meaning="That is no address",
                remedy="Write the address from which the controller reaches this host, as this host sees it",
            ) from error
    pid = "self"
    for _level in range(DEPTH):
        try:
            # The kernel shows the environment that the process was started with.
            connection = _connection(read("/proc/{0}/environ".format(pid)))
        except OSError:
            connection = None
        if connection is not None:
            return tuple(sorted({*found, connection}))
        try:
            pid = read("/proc/{0}/stat".format(pid)).rpartition(")")[2].split()[1]
        except (OSError, IndexError):
            break
        if int(pid) <= 1:
            break
    if not found:
        raise Refusal(
            seen="Neither this process nor one above it has SSH_CONNECTION in its environment, and control_address is not set",
            meaning="From where the controller reaches this host is not known, so the cut could cut it off too",
            remedy="Set control_address (and control_port) to what this host sees of the controller",
        )
    return tuple(found)


# ------------------------------------------------------------------------------------------------------------------ rules


def _is_six(address: str) -> bool:
    return ":" in address


def _braces(items: Iterable[object]) -> str:
    return "{{ {0} }}".format(", ".join(str(item) for item in items))


def _drops(group: Group, inward: bool) -> List[str]:
    """Rules of nft for one direction. Inward our ports are the destination, outward the source."""
    peer, ours, theirs = ("saddr", "dport", "sport") if inward else ("daddr", "sport", "dport")
    lines = []
    for family, six in (("ip", False), ("ip6", True)):
        addresses = [each for each in group.addresses if _is_six(each) == six]
        if not addresses:
            continue
        who = "{0} {1} {2}".format(family, peer, _braces(addresses))
        if not group.local and not group.remote:
            lines.append("{0} counter drop".format(who))
        if group.local:
            lines.append("{0} tcp {1} {2} counter drop".format(who, ours, _braces(group.local)))
        if group.remote:
            lines.append("{0} tcp {1} {2} counter drop".format(who, theirs, _braces(group.remote)))
    return lines


def _nft_chain(cut: Cut, name: str, hook: str, inward: bool) -> str:
    peer, port, interface = ("saddr", "dport", "iifname") if inward else ("daddr", "sport", "oifname")
    lines = ['{0} "lo" accept'.format(interface)]
    for address, number in cut.control:
        family = "ip6" if _is_six(address) else "ip"
        lines.append("{0} {1} {2} tcp {3} {4} accept".format(family, peer, address, port, number))
    for group in cut.groups:
        lines += _drops(group, inward)
    head = "type filter hook {0} priority 0; policy accept;".format(hook)
    return "  chain {0} {{\n    {1}\n{2}  }}\n".format(name, head, "".join("    {0}\n".format(line) for line in lines))


def nft_script(cut: Cut) -> str:
    """The whole table as a script; nft takes all of it or nothing. Pure."""
    chains = _nft_chain(cut, "inward", "input", True) + _nft_chain(cut, "outward", "output", False)
    return "table inet {0} {{\n{1}}}\n".format(cut.table, chains)


def count_drops(cut: Cut) -> int:
    """How many rules drop packets in the table of a cut."""
    return sum(len(_drops(group, inward)) for group in cut.groups for inward in (True, False))


def _matches(group: Group, inward: bool) -> List[List[str]]:
    """What the rules of iptables for one direction match beside the address."""
    ours, theirs = ("--dports", "--sports") if inward else ("--sports", "--dports")
    if not group.local and not group.remote:
        return [[]]
    found = []
    for flag, ports in ((ours, group.local), (theirs, group.remote)):
        for start in range(0, len(ports), PORTS_OF_A_RULE):
            some = ",".join(str(port) for port in ports[start : start + PORTS_OF_A_RULE])
            found.append(["-p", "tcp", "-m", "multiport", flag, some])
    return found


def iptables_rules(cut: Cut, six: bool) -> List[Tuple[str, str, List[List[str]]]]:
    """Chains for one family: name, the chain of the host that leads to it, and its rules. Pure; empty without an address of that family."""
    if not any(_is_six(address) == six for group in cut.groups for address in group.addresses):
        return []
    found = []
    for name, base, inward in ((cut.chain + "-IN", "INPUT", True), (cut.chain + "-OUT", "OUTPUT", False)):
        peer, port, interface = ("-s", "--dport", "-i") if inward else ("-d", "--sport", "-o")
        # RETURN and not ACCEPT: what the host's own rules say of the packet is theirs to say.
        rules = [[interface, "lo", "-j", "RETURN"]]
        for address, number in cut.control:
            if _is_six(address) == six:
                rules.append([peer, address, "-p", "tcp", port, str(number), "-j", "RETURN"])
        for group in cut.groups:
            for address in group.addresses:
                if _is_six(address) == six:
                    rules += [[peer, address, *match, "-j", "DROP"] for match in _matches(group, inward)]
        found.append((name, base, rules))
    return found


# --------------------------------------------------------------------------------------------------------------- programs


def _try(runner: Runner, argv: Sequence[str], stdin: str = "") -> Optional[Completed]:
    """The end of a program, None when there is no such program."""
    try:
        return runner(Command(tuple(argv), stdin=stdin, deadline=LIMIT))
    except FileNotFoundError:
        return None


def _must(runner: Runner, argv: Sequence[str], stdin: str = "") -> str:
    """The output of a program that succeeds. :raises CommandFailed: when it does not."""
    done = _try(runner, argv, stdin)
    if done is None or done.returncode != 0:
        raise CommandFailed(
            seen="{0} ended with {1}: {2}".format(
                " ".join(argv),
                "no such program" if done is None else done.returncode,
                (done.errors or done.output).strip()[:300] if done else "",
            ),
            meaning="Rules of the drill were not laid or not taken away",
            remedy="Read its output in 'details'; nft list ruleset and iptables-save show what is there",
            details=done.describe() if done else {},
        )
    return done.output


class Nft:
    """A cut as one table of nft."""

    name = NFT

    def __init__(self, runner: Runner, cut: Cut) -> None:
        self._runner = runner
        self._cut = cut

    def usable(self) -> bool:
        """Whether nft is there and the kernel answers it."""
        done = _try(self._runner, ["nft", "list", "tables"])
        return done is not None and done.returncode == 0

    def present(self) -> bool:
        """Whether the table is there."""
        lines = _must(self._runner, ["nft", "list", "tables"]).splitlines()
        return "table inet {0}".format(self._cut.table) in [" ".join(line.split()) for line in lines]

    def show(self) -> List[str]:
        """The table as nft prints it, with the counters of what it dropped; empty without one."""
        if not self.present():
            return []
        return _must(self._runner, ["nft", "list", "table", "inet", self._cut.table]).splitlines()

    def lay(self) -> None:
        """Lay the table, all at once. :raises CommandFailed: when nft does not show it afterwards."""
        _must(self._runner, ["nft", "-f", "-"], nft_script(self._cut))
        dropping = [line for line in self.show() if line.rstrip().endswith(" drop")]
        if len(dropping) != count_drops(self._cut):
            raise CommandFailed(
                seen="nft took the table {0} and shows {1} rules that drop, not {2}".format(
                    self._cut.table, len(dropping), count_drops(self._cut)
                ),
                meaning="The cut is not what was declared",
                remedy="Look at it with nft list ruleset",
            )

    def remove(self) -> None:
        """Take the table away, with everything in it. Safe to be done again."""
        if self.present():
            _must(self._runner, ["nft", "delete", "table", "inet", self._cut.table])


class Iptables:
    """A cut as two chains of iptables, and of ip6tables where a peer has an address of IPv6."""

    name = IPTABLES

    def __init__(self, runner: Runner, cut: Cut) -> None:
        self._runner = runner
        self._cut = cut

    def _families(self) -> List[Tuple[str, bool]]:
        """The programs of the families that have an address; both when the groups are not known, to look for what was left behind."""
        both = [("iptables", False), ("ip6tables", True)]
        return [each for each in both if iptables_rules(self._cut, each[1])] if self._cut.groups else both

    def usable(self) -> bool:
        """Whether the program of each family that is needed is there and may read its rules."""
        ends = [_try(self._runner, [program, "-w", "5", "-S"]) for program, _six in self._families()]
        return all(done is not None and done.returncode == 0 for done in ends)

    def _lines(self, program: str) -> List[str]:
        """The lines of iptables-save's language that name a chain of ours."""
        ours = re.compile(r"\s{0}-(?:IN|OUT)(?:\s|\Z)".format(re.escape(self._cut.chain)))
        return [line for line in _must(self._runner, [program, "-w", "5", "-S"]).splitlines() if ours.search(line)]

    def show(self) -> List[str]:
        """Our chains, and the rules that lead to them."""
        return ["{0} {1}".format(program, line) for program, _six in self._families() for line in self._lines(program)]

    def present(self) -> bool:
        """Whether any of our chains, or a way to one, is there."""
        return bool(self.show())

    def lay(self) -> None:
        """Fill the chains, then lead packets to them, so that no packet meets half of the rules."""
        self.remove()
        chains = [(program, each) for program, six in self._families() for each in iptables_rules(self._cut, six)]
        for program, (name, _base, rules) in chains:
            _must(self._runner, [program, "-w", "5", "-N", name])
            for rule in rules:
                _must(self._runner, [program, "-w", "5", "-A", name, *rule])
        for program, (name, base, _rules) in chains:
            _must(self._runner, [program, "-w", "5", "-I", base, "1", "-j", name])

    def remove(self) -> None:
        """Take the ways to our chains away, then the chains. Safe to be done again."""
        for program, _six in self._families():
            there = self._lines(program)
            for name, base in ((self._cut.chain + "-IN", "INPUT"), (self._cut.chain + "-OUT", "OUTPUT")):
                way = "-A {0} -j {1}".format(base, name)
                for _each in [line for line in there if line == way]:
                    _must(self._runner, [program, "-w", "5", "-D", base, "-j", name])
                if "-N {0}".format(name) in there:
                    _must(self._runner, [program, "-w", "5", "-F", name])
                    _must(self._runner, [program, "-w", "5", "-X", name])


Firewall = Union[Nft, Iptables]


def of_method(method: str, runner: Runner, cut: Cut) -> Firewall:
    """The rules of a cut by the method that a record names."""
    return Nft(runner, cut) if method == NFT else Iptables(runner, cut)


def choose(runner: Runner, cut: Cut) -> Firewall:
    """nft where it works, else iptables. :raises Refusal: where neither does."""
    candidates: Tuple[Firewall, ...] = (Nft(runner, cut), Iptables(runner, cut))
    for each in candidates:
        if each.usable():
            return each
    raise Refusal(
        seen="Neither nft nor iptables can be used on this host",
        meaning="There is no way to cut it off and to take the cut away again",
        remedy="Install nftables, run the task as root, or choose another fault",
    )
