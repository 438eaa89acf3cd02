# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of Tibero's programs, played behind the injected runner.

It answers with recorded texts where there are recordings, checks what every call must have (environment, no secret in
the argument list, one statement a line, EXIT at the end), and keeps a list of calls for the tests to assert.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Login, Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import marks

RECORDINGS = Path(__file__).resolve().parents[4] / "recordings" / "tibero"
PASSWORD = "S3cret-planted"
SID = "orders"
#: No process can have this number, so nothing of the test machine is mistaken for the server.
PID = 4194305

BANNER = "\ntbSQL 7\n\nTmaxTibero Corporation Copyright (c) 2020-. All rights reserved.\n\n"
BOOT_BANNER = (
    "Change core dump dir to /tibero/tibero7/bin/prof.\nListener port = 8629\n\nTibero 7\n\n"
    "TmaxTibero Corporation Copyright (c) 2020-. All rights reserved.\n"
)
ERRORS = {
    1096: "Can't perform standby side controlfile operation: file",
    1098: "Database in standby mode. Failover is required to boot as primary.",
    7004: "This DDL statement is not permitted in the current boot mode.",
    8004: "Syntax error.",
    8026: "Invalid identifier.",
    8053: "Not found.",
    12028: "Only DDL statements are allowed in NOMOUNT boot mode.",
    17001: "Login failed: invalid user name or password.",
    17006: "Account is locked.",
    17007: "Password file is corrupted or missing: Unable to log in.",
    17008: "Unable to log in: server is booting up or shutting down.",
    22003: "Virtual table 'V$DATABASE' is not supported in current boot mode.",
    24011: "Tablespace USR is not in online backup mode.",
    24029: "Unable to shut down: file 0 ('/d/system001.dtf') has online backup set.",
    2131: "Generic I/O error.",
    70004: "Not connected to the server.",
}


def recording(name: str) -> str:
    """A recording without its comment line."""
    return (RECORDINGS / name).read_text(encoding="utf-8").split("\n", 1)[1]


def box(mode: str, code: int, text: str) -> str:
    """The recorded form of a boot that stays below the wanted mode."""
    stars = "*" * 56
    return (
        f"{stars}\n* Critical Warning : Raise svmode failed. The reason is\n*   TBR-{code} :  {text}\n"
        f"*   Current server mode is {mode}.\n{stars}\n\nTibero 7\n\n"
        "TmaxTibero Corporation Copyright (c) 2020-. All rights reserved.\n"
        f"Tibero instance started suspended at {mode} mode.\n"
    )


class FakeTibero:
    """One instance. Tests set its state and rules; see the attributes in __init__."""

    def __init__(self, tb_home: Path, sid: str = SID, password: str = PASSWORD, major: int = 7) -> None:
        self.home = tb_home
        self.sid = sid
        self.major = major
        self.passwords = {"sys": password}
        self.calls: list[Command] = []
        self.process = ""  # the -t word, "" when stopped
        self.status: str | int = "NORMAL"  # a word, or an error number
        self.open_mode: str | int = "READ WRITE"
        self.log_mode = "ARCHIVELOG"
        self.tsn = 36092
        self.backup: list[str] | int = ["NOT ACTIVE", "NOT ACTIVE"]
        self.backup_begun = 0  # CHANGE# of the files in backup mode
        self.parameters: dict[str, str] = {"LOG_REPLICATION_MODE": "UNPROTECTED"}
        self.views: dict[str, Any] = {}  # further views: rows (list of dict) or an error number
        self.lacks: set[tuple[str, str]] = set()  # (view, column) that do not exist
        self.replies: dict[str, Any] = {}  # statement prefix -> reply text, error number or a function
        self.boots: dict[str, Any] = {}  # mode -> text, or a function that returns it
        self.downs: dict[str, Any] = {}
        self.slow: set[str] = set()  # programs that do not end before their deadline
        self.ps_fails = False
        self.login_error = 0
        self.statements: list[str] = []
        self._install()

    def _install(self) -> None:
        for name in ("bin/tbboot", "bin/tbdown", "client/bin/tbsql", "config/gen_tip.sh", "scripts/system_install.sh"):
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("#!/bin/bash\n")
        data = self.home / "database" / self.sid
        data.mkdir(parents=True, exist_ok=True)
        (self.home / "client" / "config").mkdir(parents=True, exist_ok=True)
        (self.home / "instance" / self.sid).mkdir(parents=True, exist_ok=True)
        (data / "c1.ctl").write_bytes(b"control")
        (data / ".passwd").write_bytes(b"x" * 44)
        self.tip = self.home / "config" / f"{self.sid}.tip"
        self.tip.write_text(
            f'DB_NAME={self.sid}\nLISTENER_PORT=8629\nCONTROL_FILES="{data}/c1.ctl"\nDB_CREATE_FILE_DEST="{data}"\n'
            f'LOG_ARCHIVE_DEST="{data}/arch"\n'
        )

    @property
    def data(self) -> Path:
        return self.home / "database" / self.sid

    # --------------------------------------------------------------------------------- the runner

    def __call__(self, command: Command) -> Completed:
        self.calls.append(command)
        for word in command.argv:
            for secret in self.passwords.values():
                assert secret not in word, f"a secret stands in the argument list: {command.argv}"
        program = self.name_of(command)
        if program == "ps":
            return self._done(command, "" if self.ps_fails else self._ps(), 1 if self.ps_fails else 0)
        assert command.environment["TB_HOME"] == str(self.home)
        assert command.environment["TB_SID"] == self.sid
        assert command.environment["LD_LIBRARY_PATH"] == f"{self.home}/lib:{self.home}/client/lib"
        assert command.environment["PATH"].startswith(f"{self.home}/bin:{self.home}/client/bin:")
        answer = getattr(self, "_" + program.replace(".", "_"))(command)
        if program in self.slow:
            return Completed(command.argv, None, answer, "", command.deadline, True)
        return self._done(command, answer)

    @staticmethod
    def _done(command: Command, output: str, code: int = 0) -> Completed:
        return Completed(command.argv, code, output, "", 0.01, False)

    def of(self, program: str) -> list[Command]:
        """The calls of one program."""
        return [call for call in self.calls if self.name_of(call) == program]

    @staticmethod
    def name_of(call: Command) -> str:
        """The program, or the script that a shell was given."""
        name = Path(call.argv[0]).name
        return Path(call.argv[1]).name if name in ("sh", "bash") else name

    def _ps(self) -> str:
        lines = ["UID          PID    PPID  C STIME TTY          TIME CMD"]
        if self.process:
            title = f"-t {self.process} -SVR_SID {self.sid}"
            lines.append(f"tibero   {PID}       1  1 14:14 ?        00:00:00 tbsvr          {title}")
            lines.append(f"tibero   {PID + 1} {PID}  0 14:15 ?        00:00:00 tbsvr_MGWP     {title}")
        lines.append("tibero   4194400       1  0 14:14 ?        00:00:00 tbsvr          -t NORMAL -SVR_SID another")
        return "\n".join(lines) + "\n"

    # ----------------------------------------------------------------------------- tbboot, tbdown

    def enter(self, word: str) -> None:
        """Take the state that a successful boot with this word has."""
        states = {
            "NOMOUNT": (12028, 12028),
            "MOUNT": ("MOUNT", "MOUNTED"),
            "RECOVERY": ("RECOVERY", "MOUNTED"),
        }
        self.process = word
        self.status, self.open_mode = states.get(word, ("NORMAL", "READ WRITE"))

    def suspend(self, word: str, level: str) -> None:
        self.enter(level)
        self.process = word

    def _tbboot(self, command: Command) -> str:
        if command.argv[1:] == ("-version",):
            return "Change core dump dir to /x.\nTibero 7   254994 FS02\n"
        assert command.argv[1] == "-t" and len(command.argv) == 3
        assert command.kill_on_deadline is False
        mode = command.argv[2]
        assert command.stdin == ("yes\n" if mode in ("FAILOVER", "RESETLOGS") else "")
        planned = self.boots.get(mode)
        if callable(planned):
            return str(planned())
        if planned is not None:
            return str(planned)
        self.enter(mode)
        words = {"RESETLOGS": "NORMAL RESETLOGS", "FAILOVER": "NORMAL FAILOVER"}.get(mode, mode)
        return f"{BOOT_BANNER}Tibero instance started up ({words} mode).\n"

    def _tbdown(self, command: Command) -> str:
        if command.argv[1:] == ("clean",):
            assert command.stdin == "y\n"
            planned = self.downs.get("clean", '"tbdown clean" is finished.\n')
            return str(planned() if callable(planned) else planned)
        assert command.argv[1] == "-t" and len(command.argv) == 3
        assert command.kill_on_deadline is False and command.stdin == ""
        mode = command.argv[2]
        planned = self.downs.get(mode)
        if callable(planned):
            return str(planned())
        if planned is not None:
            return str(planned)
        if not self.process:
            return recording("t6-tbdown-already-stopped.txt").split("\n", 1)[1]
        if "tbdown" not in self.slow:
            self.process = ""
        return f"Tibero instance terminated ({mode} mode).\n"

    def _gen_tip_sh(self, command: Command) -> str:
        self.tip.write_text(f'DB_NAME={self.sid}\nLISTENER_PORT=8629\nCONTROL_FILES="{self.data}/c1.ctl"\n')
        return recording("t6-gen_tip-output-and-tip.txt").split("Enter value")[0]

    def _system_sh(self, command: Command) -> str:
        return recording("t7-system_sh-output.txt")

    def _system_install_sh(self, command: Command) -> str:
        return recording("t7-system_sh-output.txt")

    # -------------------------------------------------------------------------------------- tbsql

    def _tbsql(self, command: Command) -> str:
        assert command.argv[1:] == ("-i",), "tbsql starts unconnected"
        lines = command.stdin.split("\n")
        assert lines[-2:] == ["EXIT", ""], "the input must end with EXIT"
        out = BANNER
        statement: list[str] = []
        connected = False
        for line in lines[:-2]:
            if statement:
                statement.append(line)
                out += f"{len(statement):>5} " if len(statement) > 1 else ""
                if line.endswith(";"):
                    out += self._statement("\n".join(statement), connected)
                    statement = []
            elif line.startswith("CONN "):
                error = self._login_error(line[5:])
                connected = not error
                out += "SQL> " + (self._error(error) if error else "Connected to Tibero.\n\n")
            elif line.startswith("PROMPT "):
                out += "SQL> " + line[7:] + "\n"
            elif line.startswith("SET "):
                out += "SQL> "
            elif line.endswith(";"):
                out += "SQL> " + self._statement(line, connected)
            else:
                out += "SQL> "
                statement = [line]
        assert not statement, f"a statement does not end: {statement}"
        return out + ("SQL> Disconnected.\n" if connected else "SQL> ")

    def _login_error(self, text: str) -> int:
        if not self.process:
            return 2131
        if self.login_error:
            return self.login_error
        user, _, rest = text.partition("/")
        password = rest.partition("@")[0]
        password = password[1:-1] if password.startswith("'") else password
        return 0 if self.passwords.get(user.lower()) == password else 17001

    @staticmethod
    def _error(code: int) -> str:
        prefix = "TBS" if code >= 70000 else "TBR"
        return f"{prefix}-{code}: {ERRORS.get(code, 'Some error.')}\n\n"

    def _statement(self, text: str, connected: bool) -> str:
        self.statements.append(text)
        if not connected:
            return self._error(70004)
        marked = re.match(r"SELECT '<'\|\|'<(\w+)\|'", text)
        star = re.match(r"SELECT \* FROM (\S+?)(?: WHERE .*| ORDER .*)?;$", text, re.DOTALL)
        if marked or star:
            source = star.group(1) if star else re.search(r"\nFROM (\S+?);?(?:\n|$)", text).group(1)  # type: ignore[union-attr]
            rows = self.view(source)
            if isinstance(rows, int):
                return self._error(rows)
            if star:
                return self._table(rows)
            columns = re.findall(r"CASE WHEN (.+?) IS NULL", text)
            if [name for name in columns if (source, name) in self.lacks]:
                return self._error(8026)
            tag = marked.group(1)  # type: ignore[union-attr]
            return "".join(marks.print_marked(tag, [row.get(name) for name in columns]) + "\n" for row in rows)
        for prefix, reply in self.replies.items():
            if text.upper().startswith(prefix.upper()):
                answer = reply(text) if callable(reply) else reply
                return self._error(answer) if isinstance(answer, int) else f"\n{answer}\n\n"
        return self._error(8004)

    @staticmethod
    def _table(rows: list[dict[str, Any]]) -> str:
        if not rows:
            return "0 row selected.\n\n"
        names = list(rows[0])
        widths = [max(len(name), *(len(str(row[name] or "")) for row in rows)) for name in names]
        lines = [" ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)).rstrip()]
        lines.append(" ".join("-" * width for width in widths))
        for row in rows:
            cells = [str(row[name] or "").ljust(width) for name, width in zip(names, widths, strict=True)]
            lines.append(" ".join(cells).rstrip())
        count = len(rows)
        return "\n" + "\n".join(lines) + f"\n\n{count} row{'s' if count > 1 else ''} selected.\n\n"

    def view(self, name: str) -> Any:
        """Rows of a view, or an error number."""
        if name in self.views:
            return self.views[name]
        if self.process and self.status == 12028:
            return 12028
        if name == "V$INSTANCE":
            row = {"INSTANCE_NAME": self.sid, "DB_NAME": self.sid, "VERSION": str(self.major), "STATUS": self.status}
            return self.status if isinstance(self.status, int) else [dict(row, SHUTDOWN_PENDING="NO")]
        if name == "V$DATABASE":
            if isinstance(self.open_mode, int):
                return self.open_mode
            row = {"DBID": "881590366", "NAME": self.sid, "CURRENT_TSN": str(self.tsn), "OPEN_MODE": self.open_mode}
            return [dict(row, LOG_MODE=self.log_mode, RESETLOG_TSN="0")]
        if name == "V$LOG":
            return [
                {"THREAD#": "0", "SEQUENCE#": str(n), "STATUS": "CURRENT" if n == 7 else "INACTIVE"} for n in (5, 6, 7)
            ]
        if name == "V$BACKUP":
            if isinstance(self.backup, int):
                return self.backup
            marks = {"ACTIVE": (str(self.backup_begun), "2026/03/01"), "NOT ACTIVE": ("0", None)}
            return [
                {"FILE#": str(number), "STATUS": word, "CHANGE#": marks[word][0], "TIME": marks[word][1]}
                for number, word in enumerate(self.backup)
            ]
        if name in ("_VT_PARAMETER", "V$PARAMETERS"):
            return [{"NAME": key, "VALUE": value} for key, value in self.parameters.items()]
        return 8053

    # --------------------------------------------------------------------------- helpers of tests

    def client(self, password: str | None = None, timeout: float = 5.0, user: str = "sys", alias: str = "") -> Tibero:
        secret = self.passwords["sys"] if password is None else password
        return Tibero(str(self.home), self.sid, self, Login(user, secret, alias), timeout)

    def context(self, check_mode: bool = False, **params: Any) -> Context:
        """The context of a module, with the common parameters set."""
        common = {"tb_home": str(self.home), "tb_sid": self.sid, "timeout": 5, "sys_user": "sys", "alias": None}
        common["settle_timeout"] = 0.0
        return Context({**common, "sys_password": self.passwords["sys"], **params}, check_mode, self)

    def programs(self) -> list[str]:
        """Programs that act, in the order they were called, with their arguments."""
        names = ("tbboot", "tbdown")
        return [" ".join((Path(c.argv[0]).name, *c.argv[1:])) for c in self.calls if Path(c.argv[0]).name in names]


class FakeTime:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0
        self.on_sleep: Callable[[float], None] = lambda now: None

    def clock(self) -> Clock:
        return Clock(lambda: self.time, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.time += max(seconds, 0.01)
        self.on_sleep(self.time)
