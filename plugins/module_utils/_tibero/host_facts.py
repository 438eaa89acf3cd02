# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Reading a host: what it is, what it allows a user, which ports and how much room it has. Reads only; nothing here
asks Tibero.

Every function returns a :class:`Fact`: a value with its source, or unknown with the reason. ``root`` is the directory
that stands for ``/``,
so that a test can play a host.
"""

import hashlib
import os
import platform
import re
import resource
import sys
import time
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import network
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import Fact, known, unknown
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import ps

#: Rounds of PBKDF2 for the digest of the password file: it may hold a guessable password's hash, and the digest travels
#: to the controller.
ROUNDS = 100000

_KERNEL_FILES: Mapping[str, str] = {
    "shmmax": "kernel/shmmax",
    "shmall": "kernel/shmall",
    "shmmni": "kernel/shmmni",
    "file_max": "fs/file-max",
    "aio_max_nr": "fs/aio-max-nr",
    "reserved_ports": "net/ipv4/ip_local_reserved_ports",
    "local_ports": "net/ipv4/ip_local_port_range",
}


class OwnProcesses(NamedTuple):
    """What tells our processes from foreign ones: TB_HOME and TB_SID of the instance."""

    tb_home: str
    tb_sid: str


def read(path: str) -> Optional[str]:
    """The text of a small file, or None if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return source.read()
    except OSError:
        return None


# -------------------------------------------------------------------------------- platform


def os_release(root: str = "/") -> str:
    """Distribution and version, such as "rocky 9.3"; "" where /etc/os-release is missing."""
    text = read(os.path.join(root, "etc/os-release")) or ""
    values = dict(re.findall(r"""^(\w+)=["']?([^"'\n]*)""", text, re.MULTILINE))
    return "{0} {1}".format(values.get("ID", ""), values.get("VERSION_ID", "")).strip()


def platform_facts(root: str = "/") -> Dict[str, "Fact[Any]"]:
    """CPU, byte order, operating system, host name, day and clock."""
    name = os.uname()
    release = os_release(root)
    return {
        "host_name": known(name.nodename, "uname"),
        "cpu_architecture": known(name.machine, "uname"),
        "word_size": known(
            int(os.sysconf("SC_LONG_BIT")) if "SC_LONG_BIT" in os.sysconf_names else 8 * _pointer(), "sysconf"
        ),
        "endianness": known(sys.byteorder, "CPU"),
        "os_name": known(name.sysname, "uname"),
        "os_release": known(release, "/etc/os-release")
        if release
        else unknown("/etc/os-release", "not there or empty"),
        "kernel": known(name.release, "uname"),
        "today": known(time.strftime("%Y-%m-%d"), "clock of the host"),
        "clock": known({"wall": time.time(), "monotonic": time.monotonic()}, "clock of the host"),
    }


def _pointer() -> int:
    return 8 if platform.architecture()[0] == "64bit" else 4


def memory(root: str = "/") -> "Fact[Any]":
    """``{ram_bytes, page_size}``."""
    source = os.path.join(root, "proc/meminfo")
    match = re.search(r"^MemTotal:\s+(\d+) kB", read(source) or "", re.MULTILINE)
    if match is None:
        return unknown(source, "has no line MemTotal")
    return known({"ram_bytes": int(match.group(1)) * 1024, "page_size": os.sysconf("SC_PAGE_SIZE")}, "/proc/meminfo")


def kernel_parameters(root: str = "/") -> "Fact[Any]":
    """Kernel parameters that Tibero needs, as texts; None where this kernel or namespace does not show one."""
    base = os.path.join(root, "proc/sys")
    if not os.path.isdir(base):
        return unknown(base, "no such directory")
    values: Dict[str, Any] = {
        name: (read(os.path.join(base, path)) or "").strip() or None for name, path in _KERNEL_FILES.items()
    }
    values["sem"] = [int(word) for word in (read(os.path.join(base, "kernel/sem")) or "").split() if word.isdigit()]
    return known(values, "/proc/sys")


def limits() -> "Fact[Any]":
    """Soft limits of this session; -1 is unlimited."""

    def soft(kind: int) -> int:
        value = resource.getrlimit(kind)[0]
        return -1 if value == resource.RLIM_INFINITY else value

    return known(
        {"nofile": soft(resource.RLIMIT_NOFILE), "nproc": soft(resource.RLIMIT_NPROC)}, "limits of this session"
    )


def _logind_files(root: str) -> List[str]:
    """Configuration of logind in the order in which later values win (logind.conf(5))."""
    drop_ins: Dict[str, str] = {}
    for place in ("usr/lib/systemd", "run/systemd", "etc/systemd"):
        directory = os.path.join(root, place, "logind.conf.d")
        for name in os.listdir(directory) if os.path.isdir(directory) else []:
            if name.endswith(".conf"):
                drop_ins[name] = os.path.join(directory, name)
    return [os.path.join(root, "etc/systemd/logind.conf")] + [drop_ins[name] for name in sorted(drop_ins)]


def remove_ipc(root: str = "/", uid: Optional[int] = None) -> "Fact[Any]":
    """Whether logind removes shared memory at logout: "yes", "no", "default" (not set), or "exempt".

    logind leaves system users alone (logind.conf(5)); without systemd there is nobody who would remove anything.
    """
    own = os.getuid() if uid is None else uid
    if not os.path.isdir(os.path.join(root, "run/systemd/system")):
        return known("exempt", "/run/systemd/system is not there: no systemd")
    match = re.search(r"^\s*SYS_UID_MAX\s+(\d+)", read(os.path.join(root, "etc/login.defs")) or "", re.MULTILINE)
    if own <= int(match.group(1) if match else 999):
        return known("exempt", "uid {0} is a system user".format(own))
    value, source = "default", "logind.conf"
    for path in _logind_files(root):
        for found in re.findall(r"^\s*RemoveIPC\s*=\s*(\S+)", read(path) or "", re.MULTILINE):
            value = "yes" if found.lower() in ("yes", "true", "on", "1", "y", "t") else "no"
            source = "/" + os.path.relpath(path, root)
    return known(value, source)


# ---------------------------------------------------------------------------------------------------------------------
# file systems


def _existing(path: str) -> str:
    """The path itself, or its nearest ancestor that is there."""
    while not os.path.isdir(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


def space(places: Mapping[str, str]) -> "Fact[Any]":
    """Room in the file systems of directories that need not exist yet: by place ``{path, device, free_bytes,
    free_inodes}``."""
    found = {}
    for place, path in places.items():
        try:
            seen = os.statvfs(_existing(path))
            device = os.stat(_existing(path)).st_dev
        except OSError as error:
            return unknown("statvfs {0}".format(path), error.strerror or str(error))
        # File systems without a table of inodes report none at all.
        inodes = seen.f_favail if seen.f_files else None
        found[place] = {
            "path": path,
            "device": str(device),
            "free_bytes": seen.f_bavail * seen.f_frsize,
            "free_inodes": inodes,
        }
    return known(found, "statvfs")


def files_below(directory: str) -> Iterator[Tuple[str, int]]:
    """Path and size of every file below a directory, hidden ones too; a directory that cannot be read raises
    OSError."""

    def refuse(error: OSError) -> None:
        raise error

    for base, _directories, names in os.walk(directory, onerror=refuse):
        for name in names:
            path = os.path.join(base, name)
            yield path, os.lstat(path).st_size


def password_file(path: str, salt: str) -> "Fact[Any]":
    """``{path, digest, salt}``: a salted, slow digest of the password file, never its content; digest None if there is
    no file."""
    try:
        with open(path, "rb") as source:
            content = source.read(1 << 20)
    except FileNotFoundError:
        return known({"path": path, "digest": None, "salt": salt}, path)
    except OSError as error:
        return unknown(path, error.strerror or str(error))
    return known(
        {
            "path": path,
            "digest": hashlib.pbkdf2_hmac("sha256", content, salt.encode("utf-8"), ROUNDS).hex(),
            "salt": salt,
        },
        path,
    )


# -----------------------------------------------------------------------------------------------------------------
# ports and peers


def _command(pid: int, proc: str) -> bytes:
    try:
        with open(os.path.join(proc, str(pid), "cmdline"), "rb") as source:
            return source.read()
    except OSError:
        return b""


def _is_ours(pid: int, own: OwnProcesses, proc: str) -> bool:
    """True if a process is a server or listener of this instance, by its title or by the environment it was started
    with."""
    title = ps.parse_cmdline(_command(pid, proc))
    if title is None:
        return False
    try:
        with open(os.path.join(proc, str(pid), "environ"), "rb") as source:
            environment = dict(entry.split(b"=", 1) for entry in source.read().split(b"\0") if b"=" in entry)
    except OSError:
        return title.sid == own.tb_sid
    home = environment.get(b"TB_HOME", os.fsencode(own.tb_home))
    sid = os.fsencode(title.sid) if title.sid else environment.get(b"TB_SID", b"")
    return sid == os.fsencode(own.tb_sid) and os.path.realpath(home) == os.path.realpath(os.fsencode(own.tb_home))


def _unseen_holder(uid: int, own: OwnProcesses) -> Tuple[str, str]:
    """State and holder of a port whose socket was found among the open files of no process.

    Another user's process is foreign, for an instance runs as the owner of its installation. A process of ours may be the instance
    itself: the system hides open files of protected processes and of other process namespaces even from their owner.
    """
    ours = {os.geteuid()}
    try:
        ours.add(os.stat(own.tb_home).st_uid)
    except OSError:
        pass  # no installation, so nobody owns it
    if uid not in ours:
        return "foreign", "a process of uid {0}".format(uid)
    return (
        "unknown",
        "a process of our own uid {0} whose open files cannot be read, so it may be this instance or not".format(uid),
    )


def ports(wanted: Mapping[str, int], own: OwnProcesses, proc: str = "/proc") -> "Fact[Any]":
    """Who holds each port: ``[{name, port, state: free|ours|foreign|unknown, holder}]``."""
    try:
        listening = {each.local_port: each for each in network.sockets(proc) if each.listening}
    except OSError as error:
        return unknown("{0}/net/tcp".format(proc), error.strerror or str(error))
    taken = {port: listening[port] for port in wanted.values() if port in listening}
    pids = network.holders([each.inode for each in taken.values()], proc)
    found = []
    for name, port in sorted(wanted.items(), key=lambda item: item[1]):
        if port not in taken:
            found.append({"name": name, "port": port, "state": "free", "holder": ""})
            continue
        pid = pids.get(taken[port].inode)
        if pid is None:
            state, holder = _unseen_holder(taken[port].uid, own)
            found.append({"name": name, "port": port, "state": state, "holder": holder})
            continue
        words = _command(pid, proc).replace(b"\0", b" ").decode("utf-8", "replace").split()
        state = "ours" if _is_ours(pid, own, proc) else "foreign"
        found.append(
            {"name": name, "port": port, "state": state, "holder": "{0} [{1}]".format(words[0] if words else "?", pid)}
        )
    return known(found, "/proc/net/tcp")


def names(peers: Sequence[Mapping[str, Any]]) -> "Fact[Any]":
    """Addresses of the names of the peers: ``[{name, addresses, error}]``."""
    found = []
    for host in sorted({str(peer["host"]) for peer in peers}):
        addresses, error = network.resolve(host)
        found.append({"name": host, "addresses": addresses, "error": error})
    return known(found, "getaddrinfo")


def reach(peers: Sequence[Mapping[str, Any]], timeout: float) -> "Fact[Any]":
    """Try the ports of peers, ``{host, port, member}`` each: ``[{name, host, port, outcome, answered, detail,
    ahead}]``."""
    try:
        seen = network.sockets()
    except OSError:
        seen = []  # nothing is known of standing connections, so every port is tried
    probes = network.probe_all([(str(peer["host"]), int(peer["port"])) for peer in peers], seen, timeout)
    return known(
        [dict(probe.as_dict(), name=str(peer["member"])) for peer, probe in zip(peers, probes)], "TCP connection"
    )


def rmgr_jobs(root: str = "/") -> "Fact[Any]":
    """Command lines of the tbrmgr that this user may see."""
    proc = os.path.join(root, "proc")
    found = []
    try:
        pids = [int(name) for name in os.listdir(proc) if name.isdigit()]
    except OSError as error:
        return unknown(proc, error.strerror or str(error))
    for pid in sorted(pids):
        words = [word for word in _command(pid, proc).split(b"\0") if word]
        if any(os.path.basename(word) == b"tbrmgr" for word in words[:2]):
            # Only what it does: an option might be a wallet's password.
            found.append("tbrmgr {0} [{1}]".format(" ".join(_verbs(words)), pid))
    return known(found, "/proc")


def _verbs(words: Sequence[bytes]) -> List[str]:
    return [word.decode("ascii", "replace") for word in words if word in (b"backup", b"recover", b"delete")]


# --------------------------------------------------------------------------------------------------------------------
# clock offset


def _interval(fact: "Fact[Any]", member: str, sign: int) -> Optional[Tuple[float, float]]:
    """The narrowest interval that probes of one member gave; ``sign`` -1 turns "the other is ahead" round."""
    best: Optional[Tuple[float, float]] = None
    for probe in (fact.value or []) if fact.is_known else []:
        if probe["name"] == member and probe.get("ahead"):
            low, high = sorted(sign * float(end) for end in probe["ahead"])
            if best is None or high - low < best[1] - best[0]:
                best = (low, high)
    return best


def clock_offset(
    own: str, other: str, from_here: "Fact[Any]", from_there: "Fact[Any]", before: "Fact[Any]", theirs: "Fact[Any]"
) -> "Fact[Any]":
    """How far this host's clock is ahead of the primary's, as an interval in seconds.

    Wall clocks of two hosts are never subtracted as they are. A probe that our listener answered bounds the offset by
    its own duration, in
    either direction. Without one, the order of events does: this host was read, then the primary, then this host again
    (now).

    :arg own: name of this member, :arg other: of the primary. :arg from_here: our fact ``reach``, :arg from_there: the
        primary's.
    :arg before: our fact ``clock`` of the first reading, :arg theirs: the primary's, read after it.
    """
    found = [each for each in (_interval(from_there, own, 1), _interval(from_here, other, -1)) if each]
    if found:
        low, high = min(found, key=lambda each: each[1] - each[0])
        return known({"low": low, "high": high, "how": "a connection between the two"}, "temporary listener")
    if not before.is_known or not theirs.is_known or before.value is None or theirs.value is None:
        return unknown("clock", "neither did a probe meet our listener, nor was this host read before the primary")
    now, wall = time.time(), float(theirs.value["wall"])
    low, high = float(before.value["wall"]) - wall, now - wall
    return known({"low": low, "high": high, "how": "this host read before and after the primary"}, "clock")
