# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An unpacked home and its programs, for the tests that run the emulator from end to end."""

from __future__ import annotations

import compileall
import re
import socket
import subprocess
from pathlib import Path

import pack
from claims import free_ports
from tools_support import context, environment, recording, unpacked

from tibero_emulator.tools import common

SID = "tibero"
PASSWORD = "tibero"
LIMIT = 60.0


class Life:
    """One unpacked home and how to run its programs. Output goes to files, as the brief for real servers says."""

    def __init__(self, folder: Path, version: str) -> None:
        self.home = unpacked(folder, version)
        # Its programs run many times, and none of them writes down what it has compiled.
        compileall.compile_dir(self.home / "lib" / "python", quiet=2)
        self.version = version
        self.port = free_ports()
        self.log = folder / "out.txt"
        self.ctx = context(self.home, version, SID)

    def run(self, program: str, *arguments: str, typed: str = "", **more: str) -> str:
        """Run a program of the home by its installed path; returns what it printed."""
        place = {"tbsql": "client/bin", "gen_tip.sh": "config"}.get(
            program, "scripts" if program.endswith(".sh") else "bin"
        )
        with self.log.open("wb") as output:
            process = subprocess.Popen(
                [str(self.home / place / program), *arguments],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(self.home, SID, PYTHONPATH="", **more),
                cwd=self.home,
            )
            assert process.stdin
            process.stdin.write(typed.encode())
            process.stdin.close()
            process.wait(LIMIT)
        return self.log.read_text(encoding="utf-8")

    def sql(self, *statements: str, login: str = f"sys/{PASSWORD}") -> str:
        """Statements over standard input; what is printed between `Connected` and `Disconnected.`."""
        printed = self.run("tbsql", login, typed="".join(f"{one}\n" for one in statements))
        return printed.split("Connected to Tibero.\n\n", 1)[-1]

    def value(self, query: str, login: str = f"sys/{PASSWORD}") -> str:
        """One value by the working idiom of the field."""
        printed = self.sql("SET HEADING OFF", "SET FEEDBACK OFF", f"SELECT '<<' || {query};", login=login)
        found = re.search(r"<<(.*)>>", printed)
        assert found, printed
        return found.group(1)

    def down(self) -> bool:
        """Whether no process of the instance is left, waiting for it."""
        return common.wait_until(lambda: not common.live_pids(self.ctx), LIMIT)

    def configure(self, *lines: str) -> None:
        """gen_tip.sh, our port in tip and tbdsn.tbr, further tip lines, a licence for this host."""
        assert self.run("gen_tip.sh").endswith("Done.\n")
        tip = self.home / "config" / f"{SID}.tip"
        for path in (tip, self.home / "client" / "config" / "tbdsn.tbr"):
            path.write_text(path.read_text().replace("8629", str(self.port)))
        with tip.open("a") as stream:
            stream.write("".join(f"{line}\n" for line in lines))
        self.license()

    def license(self) -> None:
        """A licence for this host."""
        options = ["--licence", socket.gethostname(), "--output", str(self.home / "license"), "--version", self.version]
        assert pack.main(options) == 0

    def create_database(self, archivelog: bool) -> str:
        """NOMOUNT boot and the recorded CREATE DATABASE, its files small; returns what tbsql printed."""
        statement = re.sub(r"size \d+M", "size 10M", recording("t7-tbsql-create-database-relative-paths"))
        if archivelog:
            statement = statement.replace("noarchivelog", "archivelog")
        (self.home / "create.sql").write_text(statement)
        return self.run("tbsql", f"sys/{PASSWORD}", "@create.sql")
