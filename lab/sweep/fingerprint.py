# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of a lab are made of, by which "nothing was changed" is seen, and what a role change may leave different. For labs of both kinds.

It reads the disks itself and shares no code with the collection, so that a fault of the collection's own fingerprint cannot hide here too.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lab.hosts.api import Lab
from lab.hosts.system import wait_for

Fingerprint = dict[str, dict[str, Any]]

#: Where a lab host of its own namespaces can be touched by a playbook: the rest of its disk is the machine's own.
PLACES = ("/home/tibero", "/home/ops", "/root/.ssh", "/tbdata", "/tbarch", "/etc/lab", "/etc/security", "/etc/sysctl.d")

#: Paths with owner, mode, digest and time of what is configuration, sizes of what a running database writes all the time, files of ours in
#: /tmp, users, processes. Logs and Ansible's own workplace are left out, and so are the leases that every run takes for itself: their directory
#: and the processes that end them.
_LOOK = r"""
import hashlib, json, os, sys
PLACES, MINE = json.loads(sys.argv[1])
FOUND = {}
LEASES = set()
def note(path):
    status = os.lstat(path)
    words = [oct(status.st_mode), status.st_uid, status.st_gid]
    if os.path.isfile(path) and not os.path.islink(path):
        if path.endswith((".dtf", ".ctl", ".log", ".redo", ".arc", ".dbf")):
            words.append(status.st_size)
        else:
            with open(path, "rb") as source:
                words += [status.st_mtime_ns, hashlib.sha256(source.read()).hexdigest()]
    FOUND[path] = words
for root in PLACES:
    for directory, names, files in os.walk(root):
        if directory.endswith("/firedrill") and "run" in names:
            names.remove("run")
            for name in os.listdir(os.path.join(directory, "run")):
                if name.endswith(".json"):
                    with open(os.path.join(directory, "run", name), encoding="utf-8") as source:
                        LEASES.add(str(json.load(source)["process"]["pid"]))
        names[:] = [name for name in names if name not in ("log", ".ansible", "dump")]
        # The first lease of all makes the directory that our records share.
        alone = [name for name in names if name == "firedrill" and os.listdir(os.path.join(directory, name)) == ["run"]]
        for name in [name for name in names if name not in alone] + files:
            try:
                note(os.path.join(directory, name))
            except FileNotFoundError:
                # A database that is open makes and removes files while we look.
                continue
    if os.path.lexists(root):
        note(root)
for name in os.listdir("/tmp"):
    if name.startswith(".firedrill"):
        FOUND["/tmp/" + name] = ["is there"]
for name in ("passwd", "group"):
    with open("/etc/" + name) as source:
        FOUND["/etc/" + name] = [line for line in source if line.startswith(("tibero:", "dba:", "ops:"))]
for number in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open("/proc/%s/cmdline" % number, "rb") as source:
            line = source.read().replace(b"\0", b" ").decode(errors="replace").strip()
        with open("/proc/%s/environ" % number, "rb") as source:
            surroundings = source.read().decode(errors="replace")
    except OSError:
        continue
    if line and "sshd" not in line and int(number) != os.getpid() and number not in LEASES and MINE in surroundings + line:
        FOUND["process " + number] = line[:120]
print(json.dumps(FOUND))
"""

#: What the command line of a shell has that Ansible runs a module in.
_SHELL_OF_A_MODULE = "BECOME-SUCCESS-"
#: Seconds that such shells get to end: a play that stops does not wait for the connections that it closes.
_ENDING = 60.0

_PROCESS, _FIRST = "process ", "/lab/hosts/hostinit.py "
#: A file as `_LOOK` describes it: mode, owner, group, time, digest; and which of these do not change when it is written anew as it was.
_WITH_TIME, _LASTING = 5, (0, 1, 2, 4)
#: The same for a member of every role: with which word it was booted.
_BOOT_WORD = re.compile(r"\s+-t [A-Z]+ ")


class Excuse(NamedTuple):
    """Paths that may differ, by a pattern of the whole path, and the reason. ``only_time``: written anew, but with the same content, owner and mode.
    ``alike``: others may come and go, but each with an owner and a mode that those before had."""

    pattern: str
    reason: str
    only_time: bool = False
    alike: bool = False


#: What differs on a member that is merely looked at.
RUNNING = (
    Excuse(
        r".*/instance/[^/]+/path/[^/]+",
        "what a running instance keeps for itself, its sockets and memory too: every boot makes it anew",
    ),
)
#: What a change of roles leaves different. All else has to be as it was; of processes that is what `comparable` makes of them.
ROLE_CHANGE = (
    *RUNNING,
    Excuse(
        r".*/arch/[^/]+\.arc",
        "a log switch before the outage, and each boot as another role, archives a log",
        alike=True,
    ),
    Excuse(r".*/firedrill/role\.json", "our own record of the role, with the change by which it came"),
    Excuse(
        r".*/firedrill/role_change(/[^/]+)?",
        "the journals of role changes are kept, and the files by which worker and controller speak are replaced",
    ),
)
#: What a reinstatement leaves different beside that, on the member and on the one that it was copied from.
REINSTATED = (
    *ROLE_CHANGE,
    Excuse(r".*/firedrill/seed(/.*)?", "the records of the copy by which it was built anew, which is finished"),
    Excuse(r".*/firedrill/hot_backup(/[^/]+)?", "the records of the backup that was copied, which is over"),
    Excuse(
        r".*/firedrill/offers(/\.lock)?", "the first copy makes the directory of offers; an offer itself would show"
    ),
    Excuse(r".*/firedrill/divergence(/.*)?", "its own redo, exported before its files were replaced, is kept"),
    Excuse(r".*/\.passwd", "the password file is copied with the rest; it is the same on every member", only_time=True),
    Excuse(r".*/\.ssh/authorized_keys", "the key of a copy is put in and taken out", only_time=True),
)


def fingerprint(lab: Lab, members: Sequence[str]) -> Fingerprint:
    """What each member is made of: by path, and by process.

    Raises:
        LabError: a shell of a module does not come to its end.
    """
    return {name: _settled(lab, name) for name in members}


def _settled(lab: Lab, name: str) -> dict[str, Any]:
    host = lab.state().host(name)
    own = lab.state().backend == "directories"
    places = [str(host.directory)] if own else list(PLACES)
    mine = str(host.directory) if own else ""
    python = sys.executable if own else "/usr/bin/python3"

    def look() -> dict[str, Any]:
        return dict(json.loads(lab.run(name, [python, "-c", _LOOK, json.dumps([places, mine])]).stdout))

    def ended(found: Mapping[str, Any]) -> bool:
        return not any(key.startswith(_PROCESS) and _SHELL_OF_A_MODULE in line for key, line in found.items())

    return wait_for(f"the shells of modules on {name} to end", look, ended, _ENDING)


def comparable(found: Mapping[str, Mapping[str, Any]], excuses: Sequence[Excuse]) -> Fingerprint:
    """A fingerprint without what is excused, and with the processes as a list of what they are: an instance that was booted again has other numbers."""
    kept: Fingerprint = {}
    for name, things in found.items():
        # Process 1 is the lab's own; it differs when the host was without power.
        lines = [str(line) for key, line in things.items() if key.startswith(_PROCESS) and _FIRST not in str(line)]
        kept[name] = {"processes": sorted(_BOOT_WORD.sub(" ", line) for line in lines)}
        for key, value in things.items():
            excuse = next((each for each in excuses if re.fullmatch(each.pattern, key)), None)
            if key.startswith(_PROCESS) or (excuse is not None and not excuse.only_time):
                continue
            kept[name][key] = [value[place] for place in _LASTING] if excuse and len(value) == _WITH_TIME else value
    return kept


def difference(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Lines for what differs between two fingerprints."""
    lines = []
    for name in before:
        old, new = before[name], after[name]
        lines += [
            f"{name}: {key}: {old.get(key)} -> {new.get(key)}"
            for key in sorted(set(old) | set(new))
            if old.get(key) != new.get(key)
        ]
    return lines


def unexplained(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]], excuses: Sequence[Excuse]
) -> list[str]:
    """Lines for what differs and has no excuse."""
    odd = [line for each in excuses if each.alike for line in unlike(before, after, each.pattern)]
    return difference(comparable(before, excuses), comparable(after, excuses)) + odd


def unlike(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]], pattern: str) -> list[str]:
    """Lines for files with a mode or an owner that none of their kind had: on the same member, or on any where that one had none."""

    def kinds(things: Mapping[str, Any]) -> dict[str, list[Any]]:
        return {path: list(value[:3]) for path, value in things.items() if re.fullmatch(pattern, path)}

    everywhere = [kind for things in before.values() for kind in kinds(things).values()]
    lines = []
    for name, things in after.items():
        known = list(kinds(before.get(name, {})).values()) or everywhere
        lines += [
            f"{name}: {path}: mode, owner and group {kind}, and before there was no such file but with {known[0]}"
            for path, kind in sorted(kinds(things).items())
            if known and kind not in known
        ]
    return lines
