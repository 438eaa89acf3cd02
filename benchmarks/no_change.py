# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much a run of setup_standby.yml executes on a built cluster of one primary and two standbys: at most 25 modules a host, 0 changed.

As root over SSH with the preparation of hosts, else in directories without it; the line that is printed says which.
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from lab import cluster
from lab.demo import MEMBERS
from lab.hosts.api import Lab

LIMIT = 25
NAME = "bench-nochange"


def counted_run(inventory: Path, log: Path) -> tuple[dict[str, collections.Counter[str]], int]:
    """Run the playbook once; returns executions by host and task, and the number of changed tasks."""
    environment = {
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callbacks"),
        "ANSIBLE_CALLBACKS_ENABLED": "count_modules",
        "COUNT_MODULES_FILE": str(log),
    }
    done = cluster.playbook(
        inventory,
        "setup_standby.yml",
        environment=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise SystemExit(f"setup_standby.yml failed:\n{done.stdout[-3000:]}")
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for line in log.read_text(encoding="utf-8").splitlines():
        host, module, task = line.split("\t")
        counts[host][f"{task} [{module}]"] += 1
    changed = sum(int(number) for number in re.findall(r"changed=(\d+)", done.stdout.rpartition("PLAY RECAP")[2]))
    return counts, changed


def main() -> int:
    """Build, run once for good measure, count the next run; 0 if the limits hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inventory", type=Path, help="count on this built cluster instead of a new one")
    options = parser.parse_args()
    try:
        inventory = options.inventory
        if inventory is None:
            Lab(name=NAME).down()
            _, inventory = cluster.up(cluster.ClusterSpec(NAME, MEMBERS))
            for book in ("setup_primary.yml", "setup_standby.yml"):
                built = cluster.playbook(inventory, book, capture_output=True, text=True, stdin=subprocess.DEVNULL)
                if built.returncode:
                    raise SystemExit(f"{book} failed:\n{built.stdout[-3000:]}")
        with tempfile.TemporaryDirectory() as folder:
            counts, changed = counted_run(inventory, Path(folder) / "count")
    finally:
        if options.inventory is None:
            Lab(name=NAME).down()
    where = "over SSH, hosts prepared" if os.geteuid() == 0 else "in directories, hosts not prepared"
    members = {host: tasks for host, tasks in counts.items() if host != "localhost"}
    for host, tasks in members.items():
        print(f"{host}: {tasks.total()} module executions")
        for task, times in tasks.items():
            print(f"   {times} x {task}")
    worst = max(tasks.total() for tasks in members.values())
    print(
        f"no-change run of setup_standby.yml, 1+2 members, {where}: {worst} module executions a host at most (limit {LIMIT}), {changed} changed"
    )
    return 0 if worst <= LIMIT and changed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
