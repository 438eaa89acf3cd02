# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tbsql: the command shell. Its looks are those of the recordings; its traps are those of tibero.md 3.1.

Where a blank line goes, as recorded: the reply of a statement is `\\n<text>\\n\\n` (6, in a script: without the first
`\\n`); a table is `\\n<heading><rows>\\n<feedback>\\n\\n`; an error line and `0 row selected.` follow the prompt at
once and are `<text>\\n\\n`.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from .. import messages, wire
from . import common, layout, sqltext, tbdown
from .common import Context
from .session import Login, ServerError, Session, open_session

USAGE = """Usage: tbsql [options] [connect_string] [start_script]

options
  -h, --help     : this help
  -v, --version  : version
  -s, --silent   : no start message, no prompt
  -i, --ignore   : do not run tbsql.login
connect_string   : username[/password][@connect_identifier]
start_script     : @filename[.ext] [parameter ...]
"""

# name: (shortest abbreviation, kind, default). Kinds: flag, number, text, feedback. Names: tibero.md 3.3.
SET_VARIABLES: dict[str, tuple[int, str, Any]] = {
    "AUTOCOMMIT": (4, "flag", False),
    "AUTOTRACE": (5, "text", "OFF"),
    "BLOCKTERMINATOR": (3, "text", "."),
    "CMDSEP": (4, "text", "OFF"),
    "COLSEP": (6, "text", " "),
    "CONCAT": (3, "text", "."),
    "DDLSTATS": (8, "flag", False),
    "DEFINE": (3, "text", "&"),
    "DESCRIBE": (4, "text", "10"),
    "ECHO": (4, "flag", False),
    "EDITFILE": (5, "text", ".tbedit.sql"),
    "ESCAPE": (3, "text", "OFF"),
    "EXITCOMMIT": (5, "flag", True),
    "FEEDBACK": (4, "feedback", 0),
    "HEADING": (3, "flag", True),
    "HEADSEP": (5, "text", "|"),
    "HISTORY": (4, "number", 50),
    "INTERVAL": (3, "number", 1),
    "LINESIZE": (3, "number", 80),
    "LONG": (4, "number", 80),
    "MARKUP": (4, "text", "OFF"),
    "NEWPAGE": (4, "number", 1),
    "NUMFORMAT": (4, "text", ""),
    "NUMWIDTH": (3, "number", 10),
    "PAGESIZE": (5, "number", 24),
    "PAUSE": (3, "text", "OFF"),
    "RECSEP": (6, "text", "WRAP"),
    "RECSEPCHAR": (10, "text", " "),
    "ROWS": (4, "flag", True),
    "SERVEROUTPUT": (9, "text", "OFF"),
    "SQLPROMPT": (4, "text", "SQL> "),
    "SQLTERMINATOR": (4, "text", ";"),
    "SUFFIX": (3, "text", "sql"),
    "TERMOUT": (4, "flag", True),
    "TIME": (2, "flag", False),
    "TIMEOUT": (7, "number", 0),
    "TIMING": (4, "flag", False),
    "TRIMOUT": (4, "flag", True),
    "TRIMSPOOL": (5, "flag", False),
    "UNDERLINE": (3, "text", "-"),
    "VERIFY": (3, "flag", True),
    "WRAP": (3, "flag", True),
}

MAX_SCRIPT_DEPTH = 64


class Leave(Exception):
    """EXIT, QUIT, the end of input, or WHENEVER ... EXIT: carries the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Arguments(NamedTuple):
    """The command line, cut up. connect is None for a start without a login."""

    action: str
    silent: bool
    ignore: bool
    connect: str | None
    script: str | None
    parameters: list[str]


def parse_arguments(arguments: list[str]) -> Arguments:
    """The command line -> Arguments; an unknown option asks for help."""
    action, silent, ignore = "run", False, False
    connect: str | None = None
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in ("-s", "--silent"):
            silent = True
        elif option in ("-i", "--ignore"):
            ignore = True
        elif option in ("-v", "--version"):
            action = "version"
        else:
            action = "help"
    if rest and not rest[0].startswith("@"):
        connect = rest.pop(0)
    script = rest.pop(0)[1:] if rest else None
    if script == "" and rest:
        script = rest.pop(0)
    return Arguments(action, silent, ignore, connect, script, rest)


def _split_outside_quotes(text: str, separator: str) -> tuple[str, str | None]:
    """Cut at the first `separator` that is not in quotes; second part None when there is none."""
    quote = ""
    for index, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == separator:
            return text[:index], text[index + 1 :]
    return text, None


def parse_connect(text: str) -> tuple[str, str | None, str]:
    """ "user[/password][@alias]" -> (user, password or None, alias).

    Raises:
        ValueError: a host:port identifier, which tbsql does not know (TBS-70003, recorded on 7.2).
    """
    user, rest = _split_outside_quotes(text, "/")
    password: str | None = None
    if rest is None:
        user, alias = _split_outside_quotes(user, "@")
    else:
        head, tail = _split_outside_quotes(rest[::-1], "@")  # the last @: a password may hold one
        password, alias = (rest, None) if tail is None else (tail[::-1], head[::-1])
    if alias and re.search(r"[:/]", alias):
        raise ValueError(alias)
    if password and len(password) > 1 and password[0] == password[-1] == "'":
        password = password[1:-1]  # single quotes keep the case (utility guide); they are no part of the password
    return user.strip(), password, (alias or "").strip()


class Shell:
    """One tbsql run."""

    def __init__(self, ctx: Context, silent: bool = False, source: IO[str] | None = None) -> None:
        self.ctx = ctx
        self.input = source if source is not None else sys.stdin
        self.session: Session | None = None
        self.variables = {name: default for name, (_, _, default) in SET_VARIABLES.items()}
        self.formats: dict[str, layout.ColumnFormat] = {}
        self.defines: dict[str, str] = {}
        self.last = ""
        self.depth = 0
        self.on_error: int | None = None
        self.spool: IO[str] | None = None
        residue = ctx.settings["tbsql_silent_residue"]
        self.shows = {part: not silent or part in residue for part in ("banner", "connected", "prompt", "disconnected")}
        self.buffer = sqltext.Buffer(ctx.settings["tbsql_trailing_comment"] == "breaks")

    # --- output -----------------------------------------------------------------------------------------------------

    def out(self, text: str, spooled: str | None = None) -> None:
        """Write to the screen (unless TERMOUT OFF in a script) and to the spool file."""
        if self.variables["TERMOUT"] or self.depth == 0:
            common.say(text)
        if self.spool is not None:
            self.spool.write(text if spooled is None else spooled)
            self.spool.flush()

    def reply(self, text: str) -> None:
        """The one-line answer of a statement."""
        rule = self.ctx.settings["tbsql_blank_before_reply"][self.ctx.version]
        prompted = self.depth == 0 and self.shows["prompt"]
        blank = "\n" if rule == "always" or (rule == "prompt" and prompted) else ""
        self.out(f"{blank}{text}\n\n")

    def trouble(self, text: str) -> None:
        """An error line or `0 row selected.`."""
        blank = "\n" if self.ctx.settings["tbsql_blank_before_error"] else ""
        self.out(f"{blank}{text}\n\n")

    def fail(self, line: str) -> None:
        """An error: print it, and leave if WHENEVER SQLERROR EXIT says so."""
        self.trouble(line)
        if self.on_error is not None:
            self.finish()
            raise Leave(self.on_error)

    def invalid(self) -> None:
        """TBS-70003."""
        self.fail(self.ctx.line(70003))

    # --- session ----------------------------------------------------------------------------------------------------

    def ask(self, question: str, secret: bool) -> str:
        """One answer from the terminal (secrets unseen) or from standard input."""
        if secret and self.input.isatty():
            import getpass  # A tenth of a start, which most starts do without.

            return getpass.getpass(question)
        self.out(question)
        return self.input.readline().rstrip("\n")

    def login(self, text: str) -> bool:
        """Log in with a connect string, asking for what it lacks; prints the outcome and returns it."""
        try:
            user, password, alias = parse_connect(text)
        except ValueError:
            self.trouble(self.ctx.line(70003))
            return False
        if not user and password is None:
            user = self.ask("Enter Username: ", False)
        if password is None:
            password = self.ask("Enter Password: ", True)
        self.drop_session()
        try:
            self.session = open_session(self.ctx.tb_home, self.ctx.sid, Login(user, password, alias))
        except ServerError as error:
            self.trouble(error.line)
            return False
        if self.shows["connected"]:
            self.out("Connected to Tibero.\n\n")
        return True

    def drop_session(self) -> None:
        """Commit if EXITCOMMIT is on, and log out."""
        if self.session is None:
            return
        if self.variables["EXITCOMMIT"] and self.session.alive:
            try:
                self.session.execute("COMMIT")
            except ServerError:
                pass  # the server has gone or refuses commits in its mode: leaving must still work
        self.session.close()
        self.session = None

    def finish(self) -> None:
        """Log out with `Disconnected.` if there was a login."""
        connected = self.session is not None
        self.drop_session()
        if connected and self.shows["disconnected"]:
            self.out("Disconnected.\n")

    # --- statements -------------------------------------------------------------------------------------------------

    def options(self, pad_headings: bool) -> layout.Options:
        """The SET variables of the layout."""
        names = ("linesize", "pagesize", "newpage", "numwidth", "heading", "wrap", "colsep", "underline")
        chosen = {name: self.variables[name.upper()] for name in names}
        return layout.Options(**chosen, pad_headings=pad_headings, formats=self.formats, version=self.ctx.version)

    def show_table(self, columns: list[dict[str, Any]], rows: Sequence[Sequence[str | None]]) -> None:
        """A result with rows: an empty line, the pages."""
        choice = self.ctx.settings["tbsql_pad_headings"]
        texts = []
        for padded in (choice == "always", choice in ("always", "spool")):
            texts.append("".join(f"{line}\n" for line in layout.table(columns, rows, self.options(padded))))
        self.out(texts[0], texts[1])

    def show_result(self, answer: wire.Result) -> None:
        """What a statement gave: rows with feedback, or a message."""
        if answer.columns:
            rows = answer.rows
            wanted = self.variables["FEEDBACK"]
            if not rows:
                if wanted >= 0:
                    self.trouble(layout.feedback(0))
                return
            self.show_table(answer.columns, rows)
            quiet = self.variables["PAGESIZE"] == 0 and wanted < 0
            if not quiet:
                self.out("\n")
            if 0 <= wanted <= len(rows):
                self.out(f"{layout.feedback(len(rows))}\n\n")
        elif answer.message and self.variables["FEEDBACK"] >= 0:
            self.reply(answer.message)

    def execute(self, statement: sqltext.Statement) -> None:
        """Run one finished statement and print what came of it; an error does not end the run."""
        if not statement.text:
            return
        self.last = statement.text
        if self.session is None:
            self.fail(self.ctx.line(70004))
            return
        started = time.monotonic()
        try:
            if statement.broken:
                raise ServerError(8004, self.ctx.text(8004))
            answer = self.session.execute(statement.text)
            self.show_result(answer)
            if self.variables["AUTOCOMMIT"] and sqltext.first_word(statement.text) in (
                "INSERT",
                "UPDATE",
                "DELETE",
                "MERGE",
            ):
                self.session.execute("COMMIT")
        except ServerError as error:
            self.fail(error.line)
        if self.variables["TIMING"]:
            self.out(f"Total elapsed time 00:00:{time.monotonic() - started:09.6f}\n\n")

    # --- input ------------------------------------------------------------------------------------------------------

    def substitute(self, line: str) -> str:
        """Replace &1 and &name where a script argument or DEFINE gives them; other & stay as they are."""
        if not self.defines or str(self.variables["DEFINE"]).upper() == "OFF":
            return line

        def value(match: re.Match[str]) -> str:
            return self.defines.get(match.group(1).upper(), match.group(0))

        return re.sub(r"&&?([A-Za-z0-9_]+)\.?", value, line)

    def take(self, line: str) -> None:
        """One line of input, from a terminal, a pipe or a script."""
        line = self.substitute(line.rstrip("\r\n"))
        if self.buffer:
            if line.strip() == str(self.variables["BLOCKTERMINATOR"]):
                self.buffer.clear()
                return
            self.feed(line)
            return
        bare = line.strip()
        if not bare or bare.startswith("--"):
            return
        if bare == "/":
            self.execute(sqltext.Statement(self.last, False, ""))
            return
        if bare[0] in "@!":
            self.special(bare)
            return
        word = sqltext.first_word(bare)
        command = find_command(word)
        if command is not None:
            command(self, re.sub(r";\s*\Z", "", bare[len(word) :]).strip())
        elif word in sqltext.SQL_WORDS or bare[0] == "(" or bare.startswith("/*"):
            self.feed(line)
        else:
            self.invalid()

    def feed(self, line: str) -> None:
        """A line of a statement."""
        statement = self.buffer.feed(line)
        if statement is not None:
            self.execute(statement)

    def special(self, bare: str) -> None:
        """`@file args` and `!command`."""
        if bare.startswith("!"):
            command_host(self, bare[1:].strip())
        else:
            command_start(self, bare.lstrip("@").rstrip(";").strip())

    def prompt(self) -> None:
        """`SQL> `, or the number of the next line of a statement."""
        if self.shows["prompt"]:
            self.out(f"{len(self.buffer.text.splitlines()) + 1:>4} " if self.buffer else self.variables["SQLPROMPT"])

    def interactive(self) -> None:
        """Standard input to its end; the end counts as EXIT."""
        while True:
            self.prompt()
            line = self.input.readline()
            if not line:
                self.finish()
                raise Leave(self.ctx.exit_code("tbsql_ok"))
            self.take(line)

    def run_file(self, path: str, parameters: list[str]) -> None:
        """A script. Without EXIT in it, tbsql returns to the prompt and waits (tibero.md 3.1)."""
        opened = None
        candidates = [path] if Path(path).suffix else [path, f"{path}.{self.variables['SUFFIX']}"]
        reason = "No such file or directory"
        for candidate in candidates:
            try:
                opened = open(candidate, encoding="utf-8", errors="surrogateescape")  # noqa: SIM115  (closed below)
                break
            except OSError as error:
                reason = error.strerror or reason
        if opened is None or self.depth >= MAX_SCRIPT_DEPTH:
            self.fail(self.ctx.line(70002, path, reason))
            return
        kept = dict(self.defines)
        self.defines.update({str(number): value for number, value in enumerate(parameters, 1)})
        self.depth += 1
        try:
            with opened:
                for line in opened:
                    if self.variables["ECHO"]:
                        self.out(f"{self.variables['SQLPROMPT']}{line.rstrip()}\n")
                    self.take(line)
        finally:
            self.depth -= 1
            self.defines = kept


# --- commands: each takes the shell and the text after the command word ---------------------------------------------


def command_exit(shell: Shell, text: str) -> None:
    """EXIT [n]: commit unless EXITCOMMIT is off, log out, end. ROLLBACK as argument rolls back."""
    word = text.upper()
    if word == "ROLLBACK":
        shell.variables["EXITCOMMIT"] = False
    shell.finish()
    raise Leave(int(word) & 255 if word.isdigit() else shell.ctx.exit_code("tbsql_ok"))


def command_connect(shell: Shell, text: str) -> None:
    """CONNECT [user[/password][@alias]]."""
    shell.login(text)


def command_disconnect(shell: Shell, text: str) -> None:
    """DISCONNECT."""
    del text
    if shell.session is None:
        shell.fail(shell.ctx.line(70004))
    else:
        shell.drop_session()
        shell.out("Disconnected.\n\n")


def _set_variable(name: str) -> str | None:
    """The full name of a SET variable or of an abbreviation of it."""
    for full, (shortest, _, _) in SET_VARIABLES.items():
        if full.startswith(name) and len(name) >= shortest:
            return full
    return None


def set_value(kind: str, text: str) -> Any:
    """The value of a SET variable; raises ValueError for one that is not of its kind."""
    word = text.upper()
    if kind == "flag":
        return {"ON": True, "OFF": False}[word] if word in ("ON", "OFF") else _bad(text)
    if kind == "number":
        return int(text)
    if kind == "feedback":
        return {"ON": 0, "OFF": -1}[word] if word in ("ON", "OFF") else int(text)
    quoted = re.fullmatch(r"'([^']*)'|\"([^\"]*)\"", text)
    return (quoted.group(1) or quoted.group(2) or "") if quoted else text


def _bad(text: str) -> Any:
    raise ValueError(text)


def command_set(shell: Shell, text: str) -> None:
    """SET name value: one variable a line; anything else is TBS-70003."""
    name, _, value = text.partition(" ")
    full = _set_variable(name.upper()) if name else None
    value = value.strip()
    if full is None or not value:
        shell.invalid()
        return
    kind = SET_VARIABLES[full][1]
    try:
        shell.variables[full] = set_value(kind, value)
    except ValueError:
        shell.invalid()


def command_column(shell: Shell, text: str) -> None:
    """COLUMN name [FORMAT A<n>|mask] [HEADING text] [NOPRINT|PRINT] [CLEAR]."""
    words = re.findall(r"'[^']*'|\"[^\"]*\"|\S+", text)
    if not words:
        return
    name = words.pop(0).strip("\"'").upper()
    form = shell.formats.get(name, layout.ColumnFormat())
    while words:
        word = words.pop(0).upper()
        if "FORMAT".startswith(word) and len(word) >= 3 and words:
            mask = words.pop(0)
            sized = re.fullmatch(r"[Aa](\d+)", mask)
            if sized and int(sized.group(1)) > 0:
                form = form._replace(width=int(sized.group(1)), mask="")
            elif re.fullmatch(r"[90,.$]+", mask):
                form = form._replace(mask=mask, width=0)
            else:
                shell.invalid()
                return
        elif "HEADING".startswith(word) and len(word) >= 3 and words:
            form = form._replace(heading=words.pop(0).strip("\"'"))
        elif word in ("NOPRINT", "NOPRI", "PRINT", "PRI"):
            form = form._replace(hidden=word.startswith("NO"))
        elif word in ("CLEAR", "CLE"):
            form = layout.ColumnFormat()
        elif word not in ("ON", "OFF", "TRUNCATED", "TRUNC", "WRAPPED", "WRAP", "WORD_WRAPPED"):
            shell.invalid()
            return
    shell.formats[name] = form


def command_prompt(shell: Shell, text: str) -> None:
    """PROMPT text."""
    shell.out(f"{text}\n")


def command_spool(shell: Shell, text: str) -> None:
    """SPOOL file | OFF. The start message is recorded, the stop is silent (unknown)."""
    if shell.spool is not None:
        shell.spool.close()
        shell.spool = None
    words = text.split()
    if not words or words[0].upper() in ("OFF", "OUT"):
        return
    mode = "a" if len(words) > 1 and words[1].upper().startswith("APP") else "w"
    path = words[0] if "." in Path(words[0]).name else f"{words[0]}.lst"
    try:
        opened = open(path, mode, encoding="utf-8", errors="surrogateescape")  # noqa: SIM115  (until SPOOL OFF)
    except OSError as error:
        shell.fail(shell.ctx.line(70002, path, error.strerror))
        return
    shell.out("Spooling is started.\n")
    shell.spool = opened


def command_host(shell: Shell, text: str) -> None:
    """HOST command and !command: run by the shell."""
    if not text:
        return
    command = ["/bin/sh", "-c", text]
    import subprocess  # As with getpass.

    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    shell.out(done.stdout.decode("utf-8", "surrogateescape"))


def command_start(shell: Shell, text: str) -> None:
    """START file args, @file args."""
    words = text.split()
    if words:
        shell.run_file(words[0].strip("\"'"), words[1:])
    else:
        shell.invalid()


def command_whenever(shell: Shell, text: str) -> None:
    """WHENEVER SQLERROR|OSERROR CONTINUE|EXIT [SUCCESS|FAILURE|n]; CONTINUE is recorded as working, EXIT is not (L)."""
    words = text.upper().split()
    if len(words) < 2 or words[0] not in ("SQLERROR", "OSERROR") or words[1] not in ("CONTINUE", "EXIT"):
        shell.invalid()
    elif words[0] == "SQLERROR":
        codes = {"SUCCESS": 0, "FAILURE": 1}
        last = words[2] if len(words) > 2 else "SUCCESS"
        code = codes.get(last, int(last) & 255 if last.isdigit() else 1)
        shell.on_error = code if words[1] == "EXIT" else None


def command_archive(shell: Shell, text: str) -> None:
    """ARCHIVE LOG LIST: a NAME/VALUE table without feedback (recording t7-tbsql-archivelog-enable-and-list)."""
    if text.upper().split() != ["LOG", "LIST"]:
        shell.invalid()
        return
    try:
        if shell.session is None:
            raise ServerError(70004, shell.ctx.text(70004))
        answer = shell.session.execute("ARCHIVE LOG LIST")
    except ServerError as error:
        shell.fail(error.line)
        return
    formats, shell.formats = shell.formats, {}  # COLUMN is about the columns of queries
    shell.show_table(answer.columns, answer.rows)
    shell.formats = formats
    shell.out("\n")


def command_tbdown(shell: Shell, text: str) -> None:
    """TBDOWN [mode]: stops the instance of TB_SID; our own login would keep NORMAL waiting, so it leaves first."""
    mode = text.upper() or "NORMAL"
    if mode not in tbdown.MODES:
        shell.fail(shell.ctx.line(70028))
        return
    if shell.session is None:
        shell.fail(shell.ctx.line(70004))
        return
    if shell.session.login.user.strip('"').upper() != "SYS":
        shell.fail(shell.ctx.line(17003))
        return
    shell.drop_session()
    tbdown.stop(shell.ctx, mode)


def command_describe(shell: Shell, text: str) -> None:
    """DESCRIBE object (form invented)."""
    try:
        if shell.session is None:
            raise ServerError(70004, shell.ctx.text(70004))
        answer = shell.session.execute(f"SELECT * FROM {text} WHERE 1 = 0")
    except ServerError as error:
        shell.fail(error.line)
        return
    columns = [
        {"name": "COLUMN_NAME", "type": "VARCHAR", "width": 40},
        {"name": "TYPE", "type": "VARCHAR", "width": 18},
    ]
    shell.show_table(columns, [[column["name"], column.get("type", "")] for column in answer.columns])
    shell.out("\n")


def command_define(shell: Shell, text: str) -> None:
    """DEFINE name = value."""
    name, equals, value = text.partition("=")
    if equals:
        shell.defines[name.strip().upper()] = value.strip().strip("\"'")


def command_ping(shell: Shell, text: str) -> None:
    """PING alias (form invented): whether the listener of an alias answers."""
    try:
        open_session(shell.ctx.tb_home, shell.ctx.sid, Login("", "", text)).close()
    except ServerError as error:
        if error.code in (2131, 2173):
            shell.fail(error.line)
            return
    shell.out("Server is alive.\n\n")


def command_help(shell: Shell, text: str) -> None:
    """HELP."""
    del text
    shell.out(f"{common.emulator_notice(shell.ctx)}\n{', '.join(sorted(COMMANDS))}\n\n")


def command_nothing(shell: Shell, text: str) -> None:
    """REM, CLEAR, PAUSE and the like: accepted, without effect here."""
    del shell, text


# word -> (shortest abbreviation, function)
COMMANDS: dict[str, tuple[int, Callable[[Shell, str], None]]] = {
    "ARCHIVE": (7, command_archive),
    "CLEAR": (2, command_nothing),
    "COLUMN": (3, command_column),
    "CONNECT": (4, command_connect),
    "DEFINE": (3, command_define),
    "DESCRIBE": (4, command_describe),
    "DISCONNECT": (4, command_disconnect),
    "EXIT": (4, command_exit),
    "HELP": (1, command_help),
    "HOST": (2, command_host),
    "PAUSE": (3, command_nothing),
    "PING": (4, command_ping),
    "PROMPT": (3, command_prompt),
    "QUIT": (1, command_exit),
    "REMARK": (3, command_nothing),
    "SET": (3, command_set),
    "SPOOL": (2, command_spool),
    "START": (3, command_start),
    "TBDOWN": (6, command_tbdown),
    "UNDEFINE": (5, command_nothing),
    "WHENEVER": (8, command_whenever),
}


def find_command(word: str) -> Callable[[Shell, str], None] | None:
    """The command a word names, abbreviations included, or None."""
    for full, (shortest, function) in COMMANDS.items():
        if full.startswith(word) and len(word) >= shortest:
            return function
    return None


def login_scripts() -> Iterator[str]:
    """Where tbsql.login may lie: the current directory, then TB_SQLPATH."""
    yield "tbsql.login"
    for directory in os.environ.get("TB_SQLPATH", "").split(":"):
        if directory:
            yield os.path.join(directory, "tbsql.login")


def session_run(shell: Shell, arguments: Arguments) -> int:
    """Banner, login, scripts, standard input; returns the exit code."""
    ctx = shell.ctx
    if shell.shows["banner"]:
        title = f"tbSQL {ctx.version}" + " " * int(ctx.settings.get("banner_trailing_blanks", 0))
        shell.out(f"\n{title}\n\n{ctx.copyright}\n\n")
    try:
        if arguments.connect is not None and not shell.login(arguments.connect):
            return ctx.exit_code("tbsql_login_failed")
        if not arguments.ignore:
            path = next((path for path in login_scripts() if os.path.isfile(path)), None)
            if path:
                shell.run_file(path, [])
        if arguments.script:
            shell.run_file(arguments.script, arguments.parameters)
        shell.interactive()
    except Leave as leave:
        return leave.code
    finally:
        if shell.spool is not None:
            shell.spool.close()
    return ctx.exit_code("tbsql_ok")


def main(arguments: list[str]) -> int:
    """The program; returns its exit code."""
    try:
        ctx = common.context(need_sid=False)
    except common.MissingEnvironment:
        common.say(messages.text(250092, "tbsql") + "\n")
        return 1
    parsed = parse_arguments(arguments)
    if parsed.action == "help":
        common.say(f"{USAGE}\n{common.emulator_notice(ctx)}\n")
        return 0
    if parsed.action == "version":
        common.say(f"tbSQL {ctx.version}\n{common.emulator_notice(ctx)}\n")
        return 0
    return session_run(Shell(ctx, parsed.silent), parsed)


if __name__ == "__main__":
    common.run(main)
