# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab of this scenario, our playbooks played on it, and fingerprints by which "nothing was changed" is seen."""

from __future__ import annotations

import copy
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from fingerprint import Fingerprint, fingerprint

from lab.cluster import LAB_PASSWORD, LAB_SYSCAT_PASSWORD, ROOT
from lab.hosts.api import Lab
from lab.hosts.system import wait_for

NAME = os.environ.get("FIREDRILL_BAD_INPUT_LAB", "molecule-bad_input")
PRIMARY, STANDBY = "seoul1", "busan1"
#: Seconds for one run of a playbook on a busy machine.
LIMIT = 240.0
HOME = "/home/tibero/tibero7"


class Played(NamedTuple):
    """A run of a playbook: its exit code, and its output with blanks folded and YAML's quotes undone."""

    code: int
    text: str

    def changed(self) -> int:
        """How many tasks reported a change, all hosts together."""
        return sum(int(number) for number in re.findall(r"changed=(\d+)", self.text))


def folded(output: str) -> str:
    return re.sub(r"\s+", " ", output).replace("''", "'")


class Bench:
    """Plays playbooks on the lab with parts of the inventory changed."""

    def __init__(self, workplace: Path) -> None:
        self.lab = Lab.open(NAME)
        self.workplace = workplace
        self.source = self.lab.directory / "inventory.yml"
        self.described = yaml.safe_load(self.source.read_text())
        self._number = 0

    def host(self, name: str) -> dict[str, Any]:
        """A copy of a host's variables."""
        return copy.deepcopy(self.described["all"]["hosts"][name])

    def inventory(self, changes: Mapping[str, Mapping[str, Any]]) -> Path:
        """The lab's inventory with variables of hosts changed; a host that is not in it is added, None takes a variable away."""
        described = copy.deepcopy(self.described)
        for name, variables in changes.items():
            own = described["all"]["hosts"].setdefault(name, {})
            described["all"]["children"]["orders"]["hosts"].setdefault(name, {})
            own.update(variables)
            for key in [key for key, value in own.items() if value is None]:
                del own[key]
        self._number += 1
        path = self.workplace / f"inventory{self._number}.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(described))
        return path

    def start(
        self, book: str, changes: Mapping[str, Mapping[str, Any]], arguments: Sequence[str], output: Path
    ) -> subprocess.Popen[bytes]:
        """Start a playbook in a process group of its own, as a terminal does; its output goes to a file that can be read meanwhile."""
        program = Path(sys.executable).parent / "ansible-playbook"
        path = book if book.startswith("/") else str(ROOT / "playbooks" / book)
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("ANSIBLE_") or "CALLBACK" in key or "COLLECTIONS" in key
        }
        kept.pop("FIREDRILL_RUNS", None)
        with output.open("wb") as file:
            return subprocess.Popen(
                [str(program), "-i", str(self.inventory(changes)), path, *arguments],
                cwd=ROOT,
                env={
                    **kept,
                    "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                    "ANSIBLE_NOCOLOR": "1",
                    "PYTHONUNBUFFERED": "1",
                },
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def play(self, book: str, *arguments: str, changes: Mapping[str, Mapping[str, Any]] | None = None) -> Played:
        """Play a playbook to its end."""
        output = self.workplace / f"output{self._number}.txt"
        running = self.start(book, changes or {}, arguments, output)
        return self.end(running, output)

    def end(self, running: subprocess.Popen[bytes], output: Path) -> Played:
        """Wait for a run's end; nothing it prints may hold a secret."""
        try:
            code = running.wait(LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            raise AssertionError(f"no end within {LIMIT} s; it said: {output.read_text()[-3000:]}") from None
        text = output.read_text(errors="replace")
        for secret in (LAB_PASSWORD, LAB_SYSCAT_PASSWORD):
            assert secret not in text
        return Played(code, folded(text))

    def interrupt(
        self,
        changes: Mapping[str, Mapping[str, Any]],
        *arguments: str,
        when: Callable[[str], bool],
        held: str | None = None,
    ) -> Played:
        """Start setup_standby.yml and send SIGINT to its group, as Ctrl-C does, as soon as `when` is true of its output.

        It is sent again when the run goes on, as a person does: Ansible loses one that arrives while it reads an included file. Where the
        test is about one moment, the host `held` stands still until the run has ended, so that a lost signal does not move the moment.
        """
        output = self.workplace / f"output{self._number}.txt"
        running = self.start("setup_standby.yml", changes, arguments, output)
        deadline = time.monotonic() + LIMIT
        wait_for(
            "the moment to interrupt",
            lambda: output.read_text(errors="replace"),
            lambda text: when(text) or running.poll() is not None,
            LIMIT,
            interval=0.05,
        )
        assert running.poll() is None, f"the run ended before it could be interrupted: {output.read_text()[-3000:]}"
        with self.still(held):
            while running.poll() is None:
                os.killpg(running.pid, signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    running.wait(5)
                assert time.monotonic() < deadline, f"it does not end: {output.read_text()[-3000:]}"
        return self.end(running, output)

    @contextmanager
    def still(self, host: str | None) -> Iterator[None]:
        """A host that stands still meanwhile; nothing happens without one."""
        if host is None:
            yield
            return
        self.lab.freeze(host)
        try:
            yield
        finally:
            self.lab.thaw(host)

    def fingerprint(self) -> Fingerprint:
        """What each member is made of."""
        return fingerprint(self.lab, (PRIMARY, STANDBY))

    def tibero(self, name: str, program: str, *arguments: str) -> None:
        """Run a program of Tibero on a member as its OS user; it must succeed. Its daemons keep nothing open that we wait for."""
        line = f"TB_HOME={HOME} TB_SID=orders PATH={HOME}/bin:{HOME}/client/bin:/usr/bin:/bin LD_LIBRARY_PATH={HOME}/lib:{HOME}/client/lib"
        script = f"cd /tmp && {line} {program} {' '.join(arguments)} < /dev/null"
        self.lab.run(name, ["su", "-s", "/bin/sh", "tibero", "-c", script], timeout=120)


def says(played: Played, *words: str) -> None:
    """The run failed, and its message has all these words and no traceback."""
    assert played.code not in (0, None), played.text[-2000:]
    missing = [word for word in words if word not in played.text]
    assert not missing, f"the message lacks {missing}: {played.text[-3500:]}"
    assert "Traceback" not in played.text
    assert "To do:" in played.text
