# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of a lab are made of, by which "nothing was changed" is seen. For labs of both kinds."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from lab.hosts.api import Lab
from lab.hosts.system import wait_for

Fingerprint = dict[str, dict[str, Any]]

#: Where a lab host of its own namespaces can be touched by a playbook: the rest of its disk is the machine's own.
PLACES = ("/home/tibero", "/home/ops", "/root/.ssh", "/tbdata", "/tbarch", "/etc/lab", "/etc/security", "/etc/sysctl.d")

#: Paths with owner, mode, digest and time of what is configuration, sizes of what a running database writes all the time, files of ours in
#: /tmp, users, processes. Logs and Ansible's own workplace are left out, and so is the lease that every run takes for itself: its directory
#: and the process that ends it.
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
            with open(os.path.join(directory, "run", "run.json"), encoding="utf-8") as source:
                LEASES.add(str(json.load(source)["process"]["pid"]))
        names[:] = [name for name in names if name not in ("log", ".ansible", "dump")]
        # The first lease of all makes the directory that our records share.
        alone = [name for name in names if name == "firedrill" and os.listdir(os.path.join(directory, name)) == ["run"]]
        for name in [name for name in names if name not in alone] + files:
            note(os.path.join(directory, name))
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
        return not any(key.startswith("process ") and _SHELL_OF_A_MODULE in line for key, line in found.items())

    return wait_for(f"the shells of modules on {name} to end", look, ended, _ENDING)


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
