# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab is asked to be: names, backend, options; checked before anything is made."""

import hashlib
import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path

from lab.hosts.errors import LabError

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
#: A lab may be named after a test scenario, and those are named like Python modules.
LAB_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
CONTROLLER = "controller"
MAX_HOSTS = 32
BACKENDS = ("auto", "namespaces", "directories")
STATE_VARIABLE = "FIREDRILL_LAB_STATE"


@dataclass(frozen=True)
class LabSpec:
    """A lab as asked for.

    Args:
        name: lab name; addresses, ports and interface names are derived from it.
        hosts: host names, in the order in which addresses and port blocks are given out.
        backend: `namespaces` (root), `directories` (no root), or `auto`: the first as root, else the second.
        subnet: IPv4 /24 for `namespaces`; empty means a free 10.78.x.0/24.
        port_base: first port of the first host for `directories`; 0 means a free block.
        shares: absolute paths of the machine that hosts see read-only although their surroundings are hidden.
        install: whether missing packages may be installed with apt-get.
        python: interpreter named in the inventory; empty means the backend's own choice.
    """

    name: str
    hosts: tuple[str, ...]
    backend: str = "auto"
    subnet: str = ""
    port_base: int = 0
    shares: tuple[str, ...] = ()
    install: bool = True
    python: str = ""

    def checked(self) -> "LabSpec":
        """This specification with `auto` resolved.

        Raises:
            LabError: a value is not allowed; the text names it.
        """
        check_name("lab name", self.name)
        if not 1 <= len(self.hosts) <= MAX_HOSTS:
            raise LabError(f"a lab has 1 to {MAX_HOSTS} hosts; asked for: {len(self.hosts)}")
        for host in self.hosts:
            check_name("host name", host)
            if host in (CONTROLLER, "localhost"):
                raise LabError(f"host name {host!r} is taken: it names the machine the lab runs on; choose another")
        twice = sorted({host for host in self.hosts if self.hosts.count(host) > 1})
        if twice:
            raise LabError(f"host named twice: {', '.join(twice)}")
        if self.backend not in BACKENDS:
            raise LabError(f"backend {self.backend!r} is unknown; allowed: {', '.join(BACKENDS)}")
        if self.subnet:
            check_subnet(self.subnet)
        if self.port_base and not 1024 <= self.port_base <= 65000:
            raise LabError(f"port base {self.port_base} is out of range; allowed: 1024 to 65000")
        for share in self.shares:
            if not os.path.isabs(share) or not os.path.exists(share):
                raise LabError(f"shared path {share!r} must be absolute and exist")
        backend = self.backend
        if backend == "auto":
            backend = "namespaces" if os.geteuid() == 0 else "directories"
        return LabSpec(**{**self.__dict__, "backend": backend})


def check_name(what: str, name: str) -> None:
    """Refuse a name that could not be a host name, a file name and a YAML key at once."""
    pattern, marks = (LAB_NAME, ", '-' or '_'") if what == "lab name" else (NAME, " or '-'")
    if not pattern.fullmatch(name):
        raise LabError(
            f"{what} {name!r} is not allowed: a lower-case letter, then letters, digits{marks}, at most 31 in all"
        )


def check_subnet(text: str) -> ipaddress.IPv4Network:
    """Parse a lab subnet: IPv4, private, /24."""
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise LabError(f"subnet {text!r} is not an IPv4 network: {error}") from error
    if network.prefixlen != 24 or not network.is_private:
        raise LabError(f"subnet {text!r} is not allowed: a private IPv4 network of /24 is needed, e.g. 10.78.5.0/24")
    return network


def checkout() -> Path:
    """The directory that holds the `lab` package."""
    return Path(__file__).resolve().parent.parent.parent


def state_root(given: str | os.PathLike[str] | None = None) -> Path:
    """Where labs keep state: the argument, else $FIREDRILL_LAB_STATE, else .cache/lab of the checkout (not tracked)."""
    chosen = given or os.environ.get(STATE_VARIABLE) or checkout() / ".cache" / "lab"
    path = Path(os.path.abspath(chosen))
    if re.search(r"[,:\\\s'\"]", str(path)):
        text = f"state directory {str(path)!r} holds a blank, quote, comma, colon or backslash"
        raise LabError(f"{text}; choose another with --state or {STATE_VARIABLE}")
    return path


def digest(text: str) -> int:
    """A stable number for a text (Python's own hash changes from run to run)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
