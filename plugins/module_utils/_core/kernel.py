# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Kernel parameters a database needs at least: decided against what the kernel has, written to a file, loaded, and read
back.

A value is never lowered and a reserved port never taken away: other software on the host has its own needs.
"""

import os
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.detached import write_atomically
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome

RESERVED_PORTS = "net.ipv4.ip_local_reserved_ports"
_HEAD = "# Managed by Ansible (firedrill.standby.host_kernel): what a database needs, never less than there was.\n"
_NAME = re.compile(r"[a-z0-9_]+(\.[A-Za-z0-9_-]+)+\Z")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}

HOST_KERNEL_SPEC: Dict[str, Any] = {
    "path": {"type": "path", "default": "/etc/sysctl.d/98-firedrill-standby.conf"},
    "at_least": {"type": "dict", "default": {}},
    "reserved_ports": {"type": "list", "elements": "int", "default": []},
    "shared_memory": {"type": "str"},
    "load": {"type": "bool", "default": True},
}


class Plan(NamedTuple):
    """``values``: what the file holds. ``load``: what the kernel must be told, a part of them."""

    values: Dict[str, str]
    load: Dict[str, str]


def parse_ports(text: str) -> List[int]:
    """Ports of "8629-8631,8633", sorted."""
    found: Set[int] = set()
    for low, high in re.findall(r"(\d+)(?:-(\d+))?", text):
        found.update(range(int(low), int(high or low) + 1))
    return sorted(found)


def render_ports(ports: Sequence[int]) -> str:
    """Ports as the kernel writes them: "8629-8631,8633"."""
    ranges: List[List[int]] = []
    for port in sorted(set(ports)):
        if ranges and ranges[-1][1] == port - 1:
            ranges[-1][1] = port
        else:
            ranges.append([port, port])
    return ",".join(str(low) if low == high else "{0}-{1}".format(low, high) for low, high in ranges)


def at_least(current: Optional[str], wanted: str) -> str:
    """Both values, word by word the larger one; words that are no numbers are taken from ``wanted``."""
    want, have = wanted.split(), (current or "").split()
    if len(want) != len(have):
        return " ".join(want)
    return " ".join(str(max(int(w), int(h))) if w.isdigit() and h.isdigit() else w for w, h in zip(want, have))


def shared_memory(size: str, ram: Optional[int], page: int) -> Dict[str, str]:
    """Limits of System V shared memory for one segment of this size, with a fifth more (field values, M: 6 GiB for 5,
    12 for 10, 24 for 20).

    :arg size: such as 1G. :arg ram: bytes of memory, None if not known. :arg page: bytes of a page.
    :raises Refusal: for a text that is no size, or more than the memory of the host.
    """
    match = re.match(r"\s*(\d+)\s*([KMGT]?)\s*\Z", size, re.IGNORECASE)
    if match is None:
        raise Refusal(
            seen="shared_memory is {0!r}".format(size),
            meaning="A size is a number with K, M, G or T behind it, or bytes",
            remedy="Correct tibero_total_shm_size, such as 1G",
        )
    wanted = int(match.group(1)) * _UNITS[match.group(2).upper()]
    if ram is not None and wanted > ram:
        raise Refusal(
            seen="The instance wants {0} of shared memory and the host has {1:.2f} GiB of memory".format(
                size, ram / float(1 << 30)
            ),
            meaning="The instance would not boot, or the host would swap",
            remedy="Lower tibero_total_shm_size, or give the host more memory",
        )
    limit = wanted * 6 // 5
    return {"kernel.shmmax": str(limit), "kernel.shmall": str(-(-limit // page)), "kernel.shmmni": "4096"}


def decide(wanted: Mapping[str, str], reserved: Sequence[int], current: Mapping[str, Optional[str]]) -> Plan:
    """What to write and what to load. Pure.

    :arg wanted: least values by name. :arg reserved: ports to reserve. :arg current: what the kernel has; None where it
        shows nothing.
    """
    values = {name: at_least(current.get(name), text) for name, text in wanted.items()}
    if reserved:
        ports = render_ports(parse_ports(current.get(RESERVED_PORTS) or "") + list(reserved))
        values[RESERVED_PORTS] = ports

    def differs(name: str) -> bool:
        return (current.get(name) or "").split() != values[name].split()

    return Plan(values, {name: text for name, text in values.items() if differs(name)})


def render(values: Mapping[str, str]) -> str:
    """The file of sysctl.d, sorted by name."""
    return _HEAD + "".join("{0} = {1}\n".format(name, values[name]) for name in sorted(values))


class Kernel:
    """The parameters of the running kernel. ``root`` stands for ``/``, so that a test can play a host."""

    def __init__(self, root: str = "/") -> None:
        self._root = root

    def _file(self, name: str) -> str:
        # In the part after net.ipv4.conf. and the like a name may hold dots of its own, written as slashes; ours hold
        # none.
        return os.path.join(self._root, "proc/sys", name.replace(".", "/"))

    def get(self, name: str) -> Optional[str]:
        """The present value, or None where this kernel or namespace does not show it."""
        try:
            with open(self._file(name), encoding="utf-8", errors="replace") as source:
                return " ".join(source.read().split())
        except OSError:
            return None

    def set(self, name: str, value: str) -> str:
        """Load a value. :returns: "" if it holds now, or why not."""
        try:
            with open(self._file(name), "w", encoding="utf-8", errors="surrogateescape") as target:
                target.write(value)
        except FileNotFoundError:
            return "this kernel or network namespace has no such parameter"
        except OSError as error:
            return error.strerror or str(error)
        now = self.get(name) or ""
        return "" if now.split() == value.split() else "the kernel took {0!r}".format(now)

    def ram(self) -> Optional[int]:
        """Bytes of memory, None if not known."""
        try:
            with open(os.path.join(self._root, "proc/meminfo"), encoding="utf-8", errors="replace") as source:
                match = re.search(r"^MemTotal:\s+(\d+) kB", source.read(), re.MULTILINE)
        except OSError:
            return None
        return int(match.group(1)) * 1024 if match else None


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as source:
            return source.read()
    except FileNotFoundError:
        return ""


def _wanted(params: Mapping[str, Any], kernel: Kernel) -> Dict[str, str]:
    wanted = {str(name): " ".join(str(value).split()) for name, value in params["at_least"].items()}
    for name, value in wanted.items():
        if not _NAME.match(name) or not re.match(r"[\w .:/,-]+\Z", value):
            raise Refusal(
                seen="Kernel parameter {0!r} with value {1!r}".format(name, value),
                meaning="A name looks like kernel.sem, a value is made of words and numbers",
                remedy="Correct host_sysctl",
            )
    if params["shared_memory"]:
        wanted.update(shared_memory(params["shared_memory"], kernel.ram(), os.sysconf("SC_PAGE_SIZE")))
    return wanted


def ensure(context: Context, kernel: Optional[Kernel] = None) -> Outcome:
    """Bring the file and, if asked for, the kernel to the least values.

    :returns: ``values``, ``loaded`` (names) and ``not_loaded`` (reason by name), see the module's documentation.
    """
    params = context.params
    system = kernel or Kernel()
    wanted = _wanted(params, system)
    names = list(wanted) + ([RESERVED_PORTS] if params["reserved_ports"] else [])
    current = {name: system.get(name) for name in names}
    plan = decide(wanted, params["reserved_ports"], current)
    text = render(plan.values)
    before = _read(params["path"])
    load = plan.load if params["load"] else {}
    loaded, not_loaded = _act(context, params["path"], text if text != before else None, load, system, current)
    shown = {name: current[name] for name in loaded}
    return Outcome(
        changed=text != before or bool(loaded),
        values={"values": plan.values, "loaded": sorted(loaded), "not_loaded": not_loaded},
        before={"file": before.splitlines(), "kernel": shown},
        after={"file": text.splitlines(), "kernel": {name: plan.values[name] for name in loaded}},
        header=params["path"],
    )


def _act(
    context: Context,
    path: str,
    text: Optional[str],
    load: Mapping[str, str],
    system: Kernel,
    current: Mapping[str, Optional[str]],
) -> Tuple[List[str], Dict[str, str]]:
    """Write and load; in check mode only say what would be loaded and what certainly would not."""
    loaded: List[str] = []
    not_loaded: Dict[str, str] = {}
    if text is not None and not context.check_mode:
        write_atomically(path, text, 0o644)
    for name, value in sorted(load.items()):
        if context.check_mode:
            why = "" if current.get(name) is not None else "this kernel or network namespace has no such parameter"
        else:
            why = system.set(name, value)
        if why:
            not_loaded[name] = why
        else:
            loaded.append(name)
    return loaded, not_loaded
