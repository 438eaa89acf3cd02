# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""system.sh (6) and system_install.sh (7): the dictionary's roles and users, with the lines of t7-system_sh-output.

The lines between the recorded beginning and end were cut by the publishers; none is invented here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from .. import messages
from .. import settings as switches
from . import common
from .common import Context, say
from .session import Login, ServerError, Session, open_session

ROLES = ("CONNECT", "RESOURCE", "DBA")
SYSTEM_USERS = (("SYSGIS", "sysgis"), ("OUTLN", "outln"), ("SYSBACKUP", "sysbackup"), ("LBACSYS", "lbacsys"))
EXAMPLE_USERS = (("TIBERO", "tmax"), ("TIBERO1", "tmax"))


class Step(NamedTuple):
    """One printed line with the statements behind it; question: number of the -a answer that decides, 0 = always."""

    line: str
    statements: tuple[str, ...] = ()
    question: int = 0


def _role_statements() -> tuple[str, ...]:
    return tuple(f"CREATE ROLE {role}" for role in ROLES)


def _user_statements(users: tuple[tuple[str, str], ...], role: str) -> tuple[str, ...]:
    made = []
    for name, password in users:
        made += [f"CREATE USER {name} IDENTIFIED BY {password}", f"GRANT {role} TO {name}"]
    return tuple(made)


def steps(version: str) -> list[Step]:
    """The steps in the recorded order. 6: only the beginning is recorded (t6-tbboot-nomount-...), the end is taken from
    7."""
    begin = [
        Step("Creating additional system index..."),
        Step("Dropping agent table..."),
        Step("Creating client policy table ..."),
        Step("Creating text packages table ..."),
    ]
    if version == "6":
        begin = [begin[1], begin[3]]
    middle = [
        Step("Creating the role DBA...", _role_statements()),
        Step("Creating system users & roles...", _user_statements(SYSTEM_USERS, "CONNECT"), 1),
        Step("Creating example users...", _user_statements(EXAMPLE_USERS, "DBA"), 1),
    ]
    end = [
        Step("Creating internal system jobs...", (), 3),
        Step("Creating Japanese Lexer epa source ..."),
        Step("Creating internal system notice queue ..."),
        Step("Creating sql translator profiles ..."),
        Step("Creating agent table..."),
    ]
    return begin + middle + end


# Only the first text is recorded (t7-gen_tip-boot-create-single); the others are invented.
QUESTIONS = {
    1: "create default system users & roles?(Y/N):",
    2: "create system tables related to profile?(Y/N):",
    3: "register dbms stats job to Job Scheduler?(Y/N):",
    4: "create TUDI table?(Y/N):",
}


class Answers(NamedTuple):
    """Options of the script: passwords and -a answers as given."""

    passwords: dict[str, str]
    questions: dict[int, bool]


class Usage(Exception):
    """Options nobody knows."""


def parse_arguments(arguments: list[str], version: str) -> Answers:
    """-p1 and -p2 passwords, for 6 also -a1 ... -a4 y|n; raises Usage."""
    passwords: dict[str, str] = {}
    questions: dict[int, bool] = {}
    rest = list(arguments)
    while rest:
        option = rest.pop(0)
        if option in ("-p1", "-p2") and rest:
            passwords[option] = rest.pop(0)
        elif version == "6" and option in ("-a1", "-a2", "-a3", "-a4") and rest:
            questions[int(option[2])] = rest.pop(0).lower() in ("y", "yes")
        else:
            raise Usage(option)
    return Answers(passwords, questions)


def ask_line(question: str) -> str:
    """A question on a line of its own, answered on standard input."""
    say(question)
    answer = sys.stdin.readline().rstrip("\n")
    say("\n")
    return answer


def decide(answers: Answers, number: int, version: str) -> bool:
    """The answer to question `number`; 7 does not ask."""
    if number == 0 or version == "7":
        return True
    if number not in answers.questions:
        answers.questions[number] = ask_line(QUESTIONS[number]).strip().lower() in ("y", "yes")
    return answers.questions[number]


def run_statements(session: Session, statements: tuple[str, ...], log: IO[str]) -> Iterator[str]:
    """Run statements, writing each outcome to the log; yields the error lines."""
    for statement in statements:
        try:
            outcome = session.execute(statement).message or ""
        except ServerError as error:
            outcome = error.line
            yield outcome
        log.write(f"{statement.split(' IDENTIFIED ')[0]}\n{outcome}\n")


def install(ctx: Context, answers: Answers, session: Session) -> None:
    """All steps, with their lines on the screen and their statements in system_init.log."""
    path = ctx.instance / "log" / "system_init.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    switches.take_time(ctx.settings, "system_script")
    with open(path, "a", encoding="utf-8") as log:
        log.write(f"--- {time.strftime('%Y/%m/%d %H:%M:%S')} ({common.emulator_notice(ctx)})\n")
        for step in steps(ctx.version):
            if not decide(answers, step.question, ctx.version):
                continue
            say(f"{step.line}\n")
            log.write(f"{step.line}\n")
            for _ in run_statements(session, step.statements, log):
                pass  # an existing role or user is not a failure of the script; the log shows it
        try:
            session.execute("COMMIT")
        except ServerError as error:
            log.write(f"{error.line}\n")
    say(f"Done.\nFor details, check {path}.\n")


def main(arguments: list[str]) -> int:
    """The program; returns its exit code."""
    try:
        ctx = common.context()
    except common.MissingEnvironment:
        say(messages.text(250092, "system.sh") + "\n")
        return 1
    name = "system.sh" if ctx.version == "6" else "system_install.sh"
    try:
        answers = parse_arguments(arguments, ctx.version)
    except Usage as error:
        extra = " [-a1 y|n -a2 y|n -a3 y|n -a4 y|n]" if ctx.version == "6" else ""
        say(f"{name}: invalid option {error}\nUsage: {name} [-p1 SYS_PASSWORD] [-p2 SYSCAT_PASSWORD]{extra}\n")
        say(f"{common.emulator_notice(ctx)}\n")
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 1
    for option, user in (("-p1", "SYS"), ("-p2", "SYSCAT")):
        if option not in answers.passwords:
            answers.passwords[option] = ask_line(f"Enter {user} password:\n")
    if not Path(ctx.tip_path).exists():
        say(f"{ctx.tip_path}: No such file or directory\n")
        return 1
    try:
        open_session(ctx.tb_home, ctx.sid, Login("SYSCAT", answers.passwords["-p2"], "")).close()
        session = open_session(ctx.tb_home, ctx.sid, Login("SYS", answers.passwords["-p1"], ""))
    except ServerError as error:
        say(f"{error.line}\n")
        return 1
    try:
        install(ctx, answers, session)
    finally:
        session.close()
    return 0


if __name__ == "__main__":
    common.run(main)
