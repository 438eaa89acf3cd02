# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster of the lab: playbooks played on it, and what its members say of themselves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lab.cluster import LAB_PASSWORD, ROOT, ClusterSpec, playbook, up
from lab.hosts.api import Lab
from lab.hosts.errors import LabError

#: Seconds for one run of a playbook.
LIMIT = 300.0
HOME = "/home/tibero/tibero7"
MEMBERS: dict[str, dict[str, Any]] = {
    "seoul1": {"standby_bootstrap_primary": True, "tibero_transport": "LGWR SYNC"},
    "seoul2": {"tibero_transport": "LGWR SYNC"},
    "busan1": {"tibero_transport": "LGWR ASYNC"},
}


class Bench:
    """A cluster of the lab, its inventory, and a place for what runs print."""

    def __init__(self, lab: Lab, inventory: Path, members: Sequence[str], place: Path) -> None:
        self.lab = lab
        self.inventory = inventory
        self.members = tuple(members)
        self.place = place
        self.journals = place / "journals"
        self._runs = 0

    def start(
        self, book: str, *arguments: str, journals: str = "role_change_journal_dir"
    ) -> tuple[subprocess.Popen[bytes], Path]:
        """Start a playbook in a process group of its own; ``journals`` is the variable that says where it keeps its journal, if it does."""
        self._runs += 1
        output = self.place / f"run{self._runs}.txt"
        program = Path(sys.executable).parent / "ansible-playbook"
        command = [str(program), "-i", str(self.inventory), str(ROOT / "playbooks" / book), *arguments]
        command += ["-e", f"{journals}={self.journals}"] if journals else []
        kept = {name: value for name, value in os.environ.items() if name != "FIREDRILL_RUNS"}
        with output.open("wb") as file:
            started = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**kept, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return started, output

    def play(
        self, book: str, *arguments: str, journals: str = "role_change_journal_dir", limit: float = LIMIT
    ) -> tuple[int, str]:
        """Run a playbook to its end, for at most ``limit`` seconds; its exit code and output."""
        started, output = self.start(book, *arguments, journals=journals)
        try:
            code = started.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()
            code = -9
        text = output.read_text(errors="replace")
        assert LAB_PASSWORD not in text
        return code, text

    def sql(self, member: str, statements: Sequence[str], timeout: float = 60.0) -> str:
        """What tbsql on a member says to statements of SYS; empty when the host does not answer."""
        lines = [f"CONN sys/'{LAB_PASSWORD}'", *statements, "EXIT"]
        try:
            done = self.lab.run(
                member,
                ["su", "-", "tibero", "-c", "tbsql -s"],
                stdin="\n".join(lines) + "\n",
                check=False,
                timeout=timeout,
            )
        except LabError:
            return ""
        return str(done.stdout)

    def roles(self) -> dict[str, str]:
        """Each member's word for itself: STATUS and OPEN_MODE, or what it said instead."""
        found = {}
        for name in self.members:
            text = self.sql(
                name, ["SELECT '<<'||STATUS||'>>' FROM V$INSTANCE;", "SELECT '<<'||OPEN_MODE||'>>' FROM V$DATABASE;"]
            )
            words = [part.split(">>")[0] for part in text.split("<<")[1:] if ">>" in part]
            found[name] = "/".join(word for word in words if "|" not in word) or " ".join(text.split())[-60:]
        return found

    def guarded(self, member: str) -> dict[str, Any]:
        """What the guard of the last change saw from a member."""
        place = f"{HOME}/instance/orders/firedrill/role_change"
        script = 'cat "$(ls -t {0}/guard-*.json | head -1)"'.format(place)
        found: dict[str, Any] = json.loads(self.lab.run(member, ["sh", "-c", script]).stdout)
        return found

    def primaries(self) -> list[str]:
        return [name for name, words in self.roles().items() if words == "NORMAL/READ WRITE"]


def tsn(bench: Bench, member: str) -> int:
    """CURRENT_TSN of a member, -1 when it does not say."""
    text = bench.sql(member, ["SELECT '<<'||CURRENT_TSN||'>>' FROM V$DATABASE;"])
    words = [part.split(">>")[0] for part in text.split("<<")[1:]]
    return int(words[-1]) if words and words[-1].isdigit() else -1


def journal_state(bench: Bench, member: str) -> str:
    """The state that a member's journal has, empty without one."""
    path = f"{HOME}/instance/orders/firedrill/role_change/change.json"
    text = bench.lab.run(member, ["cat", path], check=False).stdout
    return str(json.loads(text)["state"]) if text else ""


def build(name: str, say: Callable[[str], None]) -> tuple[Lab, Path]:
    """One primary and two standbys."""
    Lab(name=name).down()
    lab, inventory = up(ClusterSpec(name, MEMBERS, backend="namespaces"))
    for book in ("setup_primary.yml", "setup_standby.yml"):
        say(f"playbooks/{book}")
        done = playbook(inventory, book, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"playbooks/{book} failed:\n{done.stdout[-4000:]}")
    return lab, inventory
