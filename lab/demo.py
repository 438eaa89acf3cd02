# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo`: one primary and two standbys built by our own playbooks, rows that travel, a table, and a drill with its report. No root, no licence, no Tibero.

The server is the emulator of `lab/emulator`, the hosts are directories of this machine. Everything is removed at the end unless --keep is given.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lab import cluster, drills
from lab.hosts.api import Lab
from lab.hosts.errors import LabError

NAME = "demo"
#: Where the evidence of the demo's drill stays when its lab is gone.
EVIDENCE = cluster.ROOT / "build" / "demo"
ROWS = 5
MEMBERS: dict[str, cluster.Vars] = {
    "seoul1": {"standby_bootstrap_primary": True},
    "seoul2": {"tibero_transport": "LGWR SYNC"},
    "busan1": {"tibero_transport": "LGWR ASYNC"},
}


class DemoError(Exception):
    """A step of the demo did not do what it shows."""


def _say(text: str) -> None:
    print(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def _play(inventory: Path, book: str, *arguments: str) -> None:
    """Run a playbook with its output in view; its result decides."""
    quiet = {"ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false", "ANSIBLE_DISPLAY_OK_HOSTS": "false", "ANSIBLE_FORKS": "3"}
    if sys.stdout.isatty():
        quiet["ANSIBLE_FORCE_COLOR"] = "1"
    if cluster.playbook(inventory, book, *arguments, environment=quiet).returncode:
        raise DemoError(f"playbooks/{book} failed; its output above says why")


def tbsql(lab: Lab, member: str, statements: Sequence[str]) -> str:
    """Run statements on a member of a `directories` lab as SYS, with the password on standard input."""
    home = next(Path(lab.state().host(member).directory).glob("tibero[67]"))
    lines = [f"CONN sys/'{cluster.LAB_PASSWORD}'", *statements, "EXIT"]
    environment = {
        **os.environ,
        "TB_HOME": str(home),
        "TB_SID": "orders",
        "PATH": f"{home}/bin:{home}/client/bin:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["tbsql", "-s"],
        input="\n".join(lines) + "\n",
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "TBR-" in done.stdout or "TBS-" in done.stdout:
        raise DemoError(f"tbsql on {member} said:\n{done.stdout}")
    return done.stdout


def _show_rows(lab: Lab, inventory: Path) -> None:
    """Insert rows on the primary, read them on both standbys."""
    _say(f"{ROWS} rows inserted on the primary ...")
    values = [
        f"INSERT INTO drill_demo VALUES ({number}, 'order {number} of {time.strftime('%F')}');"
        for number in range(1, ROWS + 1)
    ]
    print(
        tbsql(
            lab, "seoul1", ["CREATE TABLE drill_demo (id NUMBER PRIMARY KEY, what VARCHAR(40));", *values, "COMMIT;"]
        ).strip()
    )
    for member in ("seoul2", "busan1"):
        _say(f"... and read on {member}, opened read only while it applies redo")
        tbsql(lab, member, ["ALTER DATABASE OPEN READ ONLY CONTINUE RECOVERY;"])
        deadline = time.monotonic() + 30
        while True:
            text = tbsql(lab, member, ["SELECT id, what FROM drill_demo ORDER BY id;"])
            if f"order {ROWS} of" in text:
                break
            if time.monotonic() > deadline:
                raise DemoError(f"the rows did not reach {member} within 30 s; last seen:\n{text}")
        print(text.strip())
        tbsql(lab, member, ["ALTER DATABASE STANDBY;"])


def _drill(lab: Lab, inventory: Path) -> Path:
    """A drill of a switchover and back, whose client is this machine; returns the page of its report."""
    _say("playbooks/drill_switchover.yml: there and back under load, measured by probes, sealed with its evidence")
    objectives = {"rto_seconds": 60, "rpo_seconds": 0, "rtrr_seconds": 120, "steady_seconds": 1}
    given = drills.variables(
        drills.unpack_client(lab, inventory, lab.directory / "client"),
        EVIDENCE,
        "seoul2",
        drill_policy=drills.policy("A drill of the demo", objectives),
        # Somebody waits for the end.
        drill_baseline_seconds=2,
    )
    _play(inventory, "drill_switchover.yml", "-e", json.dumps(given))
    return max((EVIDENCE / "reports").glob("*/report.en.html"), key=lambda page: page.stat().st_mtime)


def _verify(program: Path) -> None:
    """What an auditor does with the evidence, on a machine without Ansible."""
    _say(f"python3 {program}: anybody can verify the evidence so")
    if subprocess.run([sys.executable, "-I", str(program)], check=False).returncode:
        raise DemoError("the evidence of the drill does not verify; what differs is above")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 if every step showed what it should."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    Lab(name=NAME).down()
    try:
        _say(
            "A lab of three hosts (directories), with an emulator of Tibero 7. It is an emulator: nothing here ran on a real Tibero."
        )
        lab, inventory = cluster.up(cluster.ClusterSpec(NAME, MEMBERS, backend="directories"))
        _say("playbooks/setup_primary.yml")
        _play(inventory, "setup_primary.yml")
        _say("playbooks/setup_standby.yml")
        _play(inventory, "setup_standby.yml")
        _show_rows(lab, inventory)
        _say("playbooks/status.yml")
        _play(inventory, "status.yml")
        report = _drill(lab, inventory)
        _verify(EVIDENCE / report.parent.name / "verify.py")
        _say(f"Done in {time.monotonic() - start:.0f} s. The report of the drill: {report}")
    except (DemoError, LabError, subprocess.CalledProcessError) as error:
        print(f"\nThe demo stopped: {error}", file=sys.stderr)
        return 1
    finally:
        if options.keep:
            print(
                f"Still running; inventory: {Lab(name=NAME).directory / 'inventory.yml'}; end it with: python3 -m lab down --name {NAME}"
            )
        else:
            Lab(name=NAME).down()
    return 0


if __name__ == "__main__":
    sys.exit(main())
