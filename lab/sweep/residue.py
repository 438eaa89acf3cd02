# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role change must not leave behind, on its members and on the controller (I7)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from lab.hosts.errors import LabError
from lab.hosts.system import wait_for
from lab.sweep.bench import HOME, Bench

#: Seconds in which the lease of a run that was killed ends by itself, with the process that watches it.
_LEASES_END = 45.0

#: Every file in /tmp, which is a lab host's own; fences, leases, offers of files, jobs that say that they run, and processes of ours.
_LOOK = r"""
import json, os, re, sys
HOME = sys.argv[1]
LEFT = ["/tmp/" + name for name in os.listdir("/tmp")]

def alive(process):
    # The record of a job whose host lost its power says that it runs; a job is what runs.
    try:
        with open("/proc/%s/stat" % process["pid"], "rb") as source:
            fields = source.read().rpartition(b")")[2].split()
    except OSError:
        return False
    return process.get("started") in (None, fields[19].decode())

LEFT += ["fence " + name for name in os.listdir(HOME + "/config") if name.endswith(".fenced")]
for directory, names, files in os.walk(HOME + "/instance"):
    if "/firedrill" not in directory:
        continue
    for name in files:
        path = os.path.join(directory, name)
        if name == "watch.json":
            continue  # of our service, where there is one: it runs all the time
        if name == "fence.json":
            LEFT.append("fence " + path)
        elif name.endswith(".lease"):
            LEFT.append("lease " + path)
        elif "/offers/" in path and name != ".lock":
            LEFT.append("offer " + path)
        elif name.endswith(".json"):
            with open(path, encoding="utf-8") as source:
                text = source.read()
            job = json.loads(text) if text.lstrip().startswith("{") and "process" in text else {}
            if "process" in job and alive(job["process"]) and job.get("state") not in ("finished", "cancelled", "failed"):
                LEFT.append("job %s is %s" % (path, job.get("state")))
for number in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open("/proc/%s/cmdline" % number, "rb") as source:
            line = source.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        continue
    if "/usr/local/sbin/firedrill-" in line:
        continue
    if int(number) != os.getpid() and re.search(r"firedrill|ansible|AnsiballZ|BECOME-SUCCESS-|go-[0-9]|tbsql|tbdown|tbboot", line):
        LEFT.append("process " + line[:120])
print(json.dumps(LEFT))
"""


def _on_member(bench: Bench, name: str) -> list[str]:
    found = bench.lab.run(name, ["/usr/bin/python3", "-I", "-c", _LOOK, HOME]).stdout
    return [f"{name}: {each}" for each in json.loads(found)]


def is_playbook(words: Sequence[str]) -> bool:
    """Whether a command line is one of ansible-playbook, by its own name or behind that of its interpreter."""
    return "ansible-playbook" in [Path(word).name for word in words[:2]]


def _on_controller(bench: Bench) -> list[str]:
    """Processes of playbooks on this cluster: a controller that was killed takes its workers with it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        # The tests name the inventory too.
        if is_playbook(line.split()) and str(bench.inventory) in line:
            found.append(f"controller: process {line[:120]}")
    return found


def _backup_mode(bench: Bench, primary: str) -> list[str]:
    said = bench.sql(primary, ["SELECT '<<'||STATUS||'>>' FROM V$BACKUP;"])
    if "<<ACTIVE>>" in said or "<<NOT ACTIVE>>" not in said:
        return [f"{primary}: a datafile is in backup mode, or does not say: {' '.join(said.split())[-200:]}"]
    return []


def residue(bench: Bench, members: Sequence[str], primary: str) -> list[str]:
    """What is left when the operation is at its end; a sentence for each."""

    def look() -> list[str]:
        return [line for name in members for line in _on_member(bench, name)] + _on_controller(bench)

    try:
        left = wait_for("nothing to be left", look, lambda found: not found, _LEASES_END, 0.5)
    except LabError:
        # The time is over. Looked at anew, so that a host that does not answer is no host without residue.
        left = look()
    return left + _backup_mode(bench, primary)
