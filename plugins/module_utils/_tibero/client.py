# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Running Tibero's programs: argument lists, environment, standard input, and what their output means.

Everything goes through the injected runner, which writes output to files, because children of ``tbboot`` keep it open
(H). Passwords travel on standard input only: ``tbsql`` is started unconnected and told ``CONN user/password`` (H).
"""

import os
import re
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
    StandbyError,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed, Runner
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import config_file, held_ports
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.decide_role import Words
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import console, marks, ps, tbsql, tip
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.trouble import advice

#: What stands in errors where a secret would have stood.
HIDDEN = "********"
#: Passwords that a new database has (H); everybody knows them, so they are no secrets.
VENDOR_PASSWORDS = ("tibero", "syscat", "tmax", "sysgis", "outln", "sysbackup", "lbacsys")
#: What programs printed that boot and stop an instance, while a drill lasts; a file of the records of a member.
CONSOLE = "console.txt"
#: Boot modes whose question 270107 we may answer: they were asked for by name (C: which mode asks is unknown).
CONFIRMED_BOOTS = ("FAILOVER", "RESETLOGS")
#: Characters of a password that can be quoted; nothing is known of an escape for a quote, and ``/`` and ``@``
#: separate (H).
_PASSWORD = re.compile(r"[A-Za-z0-9_#$%^*+=.,:?!~-]+\Z")
#: Such a password means the same with and without quotes on every server, because unquoted ones are case-insensitive
#: (H, utility guide).
_PLAIN_PASSWORD = re.compile(r"[a-z_][a-z0-9_]*\Z")
_USER = re.compile(r"[A-Za-z][A-Za-z0-9_$#]*\Z")
_ALIAS = re.compile(r"[A-Za-z0-9_]+\Z")
_SID = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}\Z")


#: Errors that say where the server stands, not that the question was wrong: asking again with SELECT * would not help
#: (C).
MODE_ERRORS = (12028, 22003, 12039, 17003, 17008, 17020)
#: Shells for scripts that do not name theirs, the best first.
SHELLS = ("/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash", "/bin/sh")
#: Seconds that a question may take.
QUESTION_LIMIT = 60.0
#: Printed before each statement, so that an error can be told from that of its neighbour. PROMPT works without a
#: login (H).
_FENCE = "firedrill-statement-"
# Before it stand prompts, and the line numbers of a statement of several lines, because the input is not echoed.
_FENCE_LINE = re.compile(r"(?m)^[ \t]*(?:(?:SQL>|[0-9]+)[ \t]*)*" + _FENCE + r"([0-9]+)[ \t\r]*$\n?")


#: Where processes come and go all the time they are listed so often again, at most.
_LISTINGS = 5


class Login(NamedTuple):
    """Who logs in, and through which alias ("" = the entry of the instance itself)."""

    user: str = "sys"
    password: str = ""
    alias: str = ""

    def __repr__(self) -> str:
        return "Login(user={0!r}, alias={1!r})".format(self.user, self.alias)


class Query(NamedTuple):
    """A question to a view.

    ``columns``: names, or (name, SQL expression) pairs; empty means ``SELECT *``, for views whose columns are not
    known. ``source``: the view. ``where``, ``order_by`` and ``group_by``, the last only with columns: SQL of our own,
    with values through :func:`marks.literal`. ``again``: whether to try ``SELECT *`` when the view turns out to lack a
    column, which is never done where there is ``group_by``.
    """

    source: str
    columns: Tuple[Any, ...] = ()
    where: str = ""
    order_by: str = ""
    again: bool = True
    group_by: str = ""


class Answer(NamedTuple):
    """The answer to a :class:`Query`: its rows as column -> text or None, or the error ``code`` (0 = none) and
    ``why`` there are none."""

    rows: Tuple[Dict[str, Optional[str]], ...] = ()
    code: int = 0
    why: str = ""

    @property
    def is_known(self) -> bool:
        return not self.why


class Stranger(NamedTuple):
    """A server that carries our TB_SID and belongs to another installation; ``tb_home`` is "" where its environment
    cannot be read."""

    pid: int
    tb_home: str


class Reply(NamedTuple):
    """What tbsql printed for one statement."""

    statement: str
    text: str
    run: tbsql.Run


class LoginFailed(CommandFailed):
    """The server could not be asked; ``code`` is its error number, 0 when none was printed."""

    def __init__(self, code: int, seen: str, details: Mapping[str, Any]) -> None:
        says = advice(code)
        super().__init__(seen, says.meaning, says.remedy, details)
        self.code = code


def password_literal(password: str, what: str = "sys_password") -> str:
    """A password as it is written in ``CONN`` and in ``IDENTIFIED BY``: always in the same form, so that both mean
    the same.

    Source: user names and passwords are case-insensitive unless quoted, passwords with single quotes (H, utility
    guide).

    :raises Refusal: for characters that cannot be written safely; the message never holds the password.
    """
    if not password:
        raise Refusal(
            seen="{0} is empty or not set".format(what),
            meaning="Every question to the server needs a login",
            remedy="Set {0}, best from a vault".format(what),
        )
    if not _PASSWORD.match(password) or len(password) > 128:
        raise Refusal(
            seen="{0} holds a character that tbsql cannot be given safely, or more than 128 of them".format(what),
            meaning="Quotes, blanks, '/', '@', '&', ';' and backslashes have a meaning of their own in tbsql",
            remedy="Choose a password of letters, digits and _ # $ % ^ * + - = . , : ? ! ~",
        )
    return password if _PLAIN_PASSWORD.match(password) else "'{0}'".format(password)


class Tibero:
    """One instance, as its programs see it.

    :arg tb_home: absolute path of the installation. :arg tb_sid: name of the instance. :arg runner: runs the
        programs.
    :arg login: who logs in for SQL. :arg timeout: seconds that a boot or a stop may take; questions get at most 60 of
        them.
    :arg words: accept lists for the words of the status views; every observation through this client uses them.
    :raises Refusal: for a path or name that no Tibero could have.
    """

    def __init__(
        self,
        tb_home: str,
        tb_sid: str,
        runner: Runner,
        login: Optional[Login] = None,
        timeout: float = 300.0,
        words: Optional[Words] = None,
    ) -> None:
        if not os.path.isabs(tb_home) or re.search(r"[\s'\"#,]", tb_home):
            raise Refusal(
                seen="tb_home is {0!r}".format(tb_home),
                meaning="Tibero needs an absolute path without blanks, quotes, commas and #",
                remedy="Set tb_home to the installation directory, such as /tibero/tibero7",
            )
        if not _SID.match(tb_sid):
            raise Refusal(
                seen="tb_sid is {0!r}".format(tb_sid),
                meaning="The name of an instance starts with a letter and holds at most 40 letters, digits and "
                "underscores",
                remedy="Correct tb_sid",
            )
        self.tb_home = tb_home.rstrip("/") or "/"
        self.tb_sid = tb_sid
        self.login = login or Login()
        self.timeout = float(timeout)
        self.words = words or Words()
        self._runner = runner
        self._secrets: List[str] = []
        self.hide(self.login.password)

    def at(self, alias: str) -> "Tibero":
        """The same login through another alias of this host's tbdsn.tbr: another member, asked from here."""
        return Tibero(self.tb_home, self.tb_sid, self._runner, self.login._replace(alias=alias), self.timeout)

    def observed(self, tell: Callable[[Tuple[str, ...]], None]) -> "Tibero":
        """The same client, which tells the arguments of each program before it is run."""

        def runner(command: Command) -> Completed:
            tell(command.argv)
            return self._runner(command)

        found = Tibero(self.tb_home, self.tb_sid, runner, self.login, self.timeout, self.words)
        found._secrets = self._secrets  # pylint: disable=protected-access
        return found

    # -------------------------------------------------------------------- environment and running

    @property
    def environment(self) -> Dict[str, str]:
        """What the programs need exported (H); nothing is taken from the caller, whose TB_SID could be another
        one's."""
        home = self.tb_home
        return {
            "TB_HOME": home,
            "TB_SID": self.tb_sid,
            "LD_LIBRARY_PATH": "{0}/lib:{0}/client/lib".format(home),
            "PATH": "{0}/bin:{0}/client/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".format(home),
        }

    @property
    def instance_directory(self) -> str:
        return os.path.join(self.tb_home, "instance", self.tb_sid)

    @property
    def record_directory(self) -> str:
        """Where we keep our own records of this member; never part of a copy."""
        return os.path.join(self.instance_directory, "firedrill")

    @property
    def tip_path(self) -> str:
        return config_file.tip_path(self.tb_home, self.tb_sid)

    @property
    def installed(self) -> bool:
        """Whether there is a Tibero below tb_home: a program without which no instance was ever booted from it."""
        return os.path.exists(os.path.join(self.tb_home, "bin", "tbboot"))

    def program(self, name: str) -> str:
        """Absolute path of a program of this installation. :raises Refusal: when it is not there."""
        for directory in ("bin", "client/bin", "config", "scripts"):
            path = os.path.join(self.tb_home, directory, name)
            if os.path.exists(path):
                return path
        raise Refusal(
            seen="{0} is neither in bin nor in client/bin of {1}".format(name, self.tb_home),
            meaning="There is no Tibero installed below tb_home, or the user of this task may not read it",
            remedy="Check tb_home and become_user; the role firedrill.standby.software installs it",
        )

    def run(
        self,
        argv: Sequence[str],
        stdin: str = "",
        deadline: Optional[float] = None,
        kill: bool = True,
        directory: str = "",
    ) -> Completed:
        """Run one program of this installation in its environment, in a directory of its own or in TB_HOME."""
        limit = self.timeout if deadline is None else deadline
        return self._runner(Command(tuple(argv), stdin, self.environment, limit, directory or self.tb_home, kill))

    # -------------------------------------------------------------------------- boot, stop, clean

    def boot(self, mode: str) -> "Booted":
        """``tbboot -t MODE``. A boot is never killed at its deadline: it goes on, and the error says so.

        :returns: what the console text came to; only "started" is success, and the caller still looks at the instance
            (rule: marker and probe).

        A port that a check of ours still holds, because it was interrupted, is let go before.
        """
        held_ports.release_all(self.tb_home, self.tb_sid)
        stdin = "yes\n" if mode in CONFIRMED_BOOTS else ""
        done = self._shown(self.run((self.program("tbboot"), "-t", mode), stdin, kill=False))
        return Booted(console.parse_boot(_both(done)), done)

    def down(self, mode: str) -> "Downed":
        """``tbdown -t MODE``, never killed: a stop that waits for sessions stays under way and is reported."""
        done = self._shown(self.run((self.program("tbdown"), "-t", mode), kill=False))
        return Downed(console.parse_down(_both(done)), done)

    def clean(self) -> "Downed":
        """``tbdown clean``, answering its question with ``y`` (M: every public script feeds it). Call it only after
        proof that no server lives."""
        done = self._shown(self.run((self.program("tbdown"), "clean"), "y\n", deadline=min(self.timeout, 60.0)))
        return Downed(console.parse_down(_both(done)), done)

    def _shown(self, done: Completed) -> Completed:
        """Append what a program printed to the console of a drill, where one lies; it is made and taken away by the drill.

        One write, so that two programs at a time do not mix. A disk that is full must keep no instance from booting: then the line is missing there.
        """
        code = "still running" if done.returncode is None else "ended with {0}".format(done.returncode)
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        words = [os.path.basename(done.argv[0])] + list(done.argv[1:])
        text = "--- {0} {1}: {2} after {3:.3f} s\n{4}\n".format(
            moment, " ".join(words), code, done.duration, _both(done).rstrip()
        )
        path = os.path.join(self.record_directory, CONSOLE)
        try:
            handle = os.open(
                path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
            )
        except OSError:
            return done
        try:
            os.write(handle, self.scrub(text).encode("utf-8", "backslashreplace"))
        except OSError:
            pass
        finally:
            os.close(handle)
        return done

    def gen_tip(self) -> console.GenTip:
        """Let the vendor's script make a first tip; only where none exists.

        :raises Refusal: when there is a tip. :raises CommandFailed: when none is there afterwards.
        """
        if os.path.exists(self.tip_path):
            raise Refusal(
                seen="{0} exists".format(self.tip_path),
                meaning="What gen_tip.sh does to an existing tip is not documented",
                remedy="Change the tip with firedrill.standby.tibero_tip, or move it away first",
            )
        done = self.run(script_argv(self.program("gen_tip.sh")), deadline=60.0)
        result = console.parse_gen_tip(_both(done))
        if not result.done or not os.path.exists(self.tip_path):
            raise CommandFailed(
                seen="gen_tip.sh did not say Done, or left no {0}".format(self.tip_path),
                meaning="The installation is incomplete or its config directory is not writable",
                remedy="Read its output in the details; run it by hand as the OS user of Tibero",
                details=self.describe(done),
            )
        return result

    def system_script(self) -> Optional[str]:
        """The script that creates the dictionary: system_install.sh where it exists (7), else system.sh (conflict
        19), None without either."""
        for name in ("system_install.sh", "system.sh"):
            path = os.path.join(self.tb_home, "scripts", name)
            if os.path.exists(path):
                return path
        return None

    # ---------------------------------------------------------------------------------------- SQL

    def session(
        self,
        statements: Sequence[str],
        settings: Sequence[str] = (),
        deadline: Optional[float] = None,
        kill: bool = True,
    ) -> List[Reply]:
        """Run statements in one tbsql session, each after its own fence line.

        :arg statements: one statement each, ending with ``;`` where SQL needs it, without comments (a trailing
            comment breaks the next one, H).
        :arg settings: SET lines before them. An error of a statement does not end the run (H): the caller looks at
            each reply.
        :arg kill: whether a session that does not end in time is ended; False for what must not be cut off half-way.
        :raises LoginFailed: when the server did not let us in. :raises DeadlineExceeded: when the session did not end
            in time.
        """
        limit = min(self.timeout, QUESTION_LIMIT) if deadline is None else deadline
        lines = list(settings) + [self.connect_line()]
        for number, statement in enumerate(statements):
            lines.append("PROMPT {0}{1}".format(_FENCE, number))
            lines.append(statement)
        lines.append("PROMPT {0}{1}".format(_FENCE, len(statements)))
        lines.append("EXIT")
        # -i: a tbsql.login of the current directory must not change our settings (H).
        done = self.run((self.program("tbsql"), "-i"), "\n".join(lines) + "\n", limit, kill)
        if done.timed_out and not kill:
            # What it printed may still be in its buffer, so nothing can be told from it, not even whether it has logged in.
            raise DeadlineExceeded(
                seen="tbsql had not ended after {0:.0f} s".format(limit),
                meaning="It goes on; it was not killed, because its statement must not be cut off half-way",
                remedy="Wait for its end and look at the instance and at its sys.log",
                details=self.describe(done),
            )
        parts = _FENCE_LINE.split(_both(done))
        self._check_login(done, parts[0])
        texts = {int(number): text for number, text in zip(parts[1::2], parts[2::2])}
        if done.timed_out or len(statements) not in texts:
            raise DeadlineExceeded(
                seen="tbsql {0} before its last statement ({1} of {2} answered)".format(
                    "was stopped after {0:.0f} s".format(limit) if done.timed_out else "ended",
                    max(len(texts) - 1, 0),
                    len(statements),
                ),
                meaning="The server does not answer, or it ended the session; whether the last statement took "
                "effect is not known",
                remedy="Look at the instance and at its sys.log; ask again when it answers",
                details=self.describe(done),
            )
        return [
            Reply(statement, texts[number], tbsql.parse(texts[number])) for number, statement in enumerate(statements)
        ]

    def connect_line(self) -> str:
        """The line that logs in; it holds the password, so it goes to standard input and nowhere else.

        :raises Refusal: for an account, a password or an alias that tbsql cannot be given.
        """
        user, password, alias = self.login
        if not _USER.match(user):
            raise Refusal(
                seen="sys_user is {0!r}".format(user),
                meaning="An account name starts with a letter and holds letters, digits, _ $ and #",
                remedy="Correct sys_user",
            )
        if alias and not _ALIAS.match(alias):
            raise Refusal(
                seen="alias is {0!r}".format(alias),
                meaning="tbsql takes an alias of tbdsn.tbr only, of letters, digits and underscores; host:port "
                "is rejected (TBS-70003)",
                remedy="Name an alias, made with firedrill.standby.tibero_dsn",
            )
        return "CONN {0}/{1}{2}".format(user, password_literal(password), "@" + alias if alias else "")

    def _check_login(self, done: Completed, text: str) -> None:
        """Nothing before the first fence but a connection is a login."""
        run = tbsql.parse(text)
        if run.connected and not run.errors:
            return
        if run.errors:
            error = run.errors[-1]
            seen = "Login of {0} to {1} failed: {2}-{3}: {4}".format(
                self.login.user, self.tb_sid, error.prefix, error.code, error.text
            )
            raise LoginFailed(error.code, self.scrub(seen), self.describe(done))
        seen = "tbsql did not connect {0} to {1}{2}".format(
            self.login.user, self.tb_sid, " in time" if done.timed_out else ""
        )
        raise LoginFailed(0, seen, self.describe(done))

    def ask(self, queries: Sequence[Query]) -> List[Answer]:
        """Ask several questions in one login; a second one follows only when a view turned out to lack a column asked
        for.

        :returns: one :class:`Answer` for each query, in order. :raises LoginFailed: when the server could not be
            asked at all.
        """
        # Tables first: SETTINGS turns headings off, and how to turn a page size back is not documented.
        order = sorted(range(len(queries)), key=lambda index: bool(queries[index].columns))
        tables = [index for index in order if not queries[index].columns]
        marked = [index for index in order if queries[index].columns]
        statements = [_select_all(queries[index]) for index in tables]
        if marked:
            statements.extend(marks.SETTINGS)
            statements.extend(_select_marked(index, queries[index]) for index in marked)
        replies = self.session(statements, ("SET LINESIZE 200",))
        answers: Dict[int, Answer] = {}
        for index, reply in zip(tables, replies):
            answers[index] = self._table_answer(reply)
        for index, reply in zip(marked, replies[len(replies) - len(marked) :]):
            answers[index] = self._marked_answer(index, queries[index], reply)
        again = [
            index
            for index in marked
            if queries[index].again
            and not queries[index].group_by
            and answers[index].code
            and answers[index].code not in MODE_ERRORS
        ]
        if again:
            for index, answer in zip(again, self.ask([queries[index]._replace(columns=()) for index in again])):
                answers[index] = _narrowed(answer, queries[index]) if answer.is_known else answers[index]
        return [answers[index] for index in range(len(queries))]

    def _table_answer(self, reply: Reply) -> Answer:
        errors = reply.run.errors
        if errors:
            return Answer(
                code=errors[0].code,
                why=self.scrub("{0}-{1}: {2}".format(errors[0].prefix, errors[0].code, errors[0].text)),
            )
        if not reply.run.tables:
            return Answer(why="tbsql printed no result for: {0}".format(reply.statement))
        table = reply.run.tables[-1]
        if table.damaged:
            return Answer(why="the printed result cannot be taken apart with certainty")
        return Answer(tuple(tbsql.dicts(table)))

    def _marked_answer(self, index: int, query: Query, reply: Reply) -> Answer:
        errors = reply.run.errors
        if errors:
            return Answer(
                code=errors[0].code,
                why=self.scrub("{0}-{1}: {2}".format(errors[0].prefix, errors[0].code, errors[0].text)),
            )
        try:
            return Answer(tuple(marks.read_marked(reply.text, _tag(index), query.columns)))
        except GrammarError as error:
            return Answer(why=str(error))

    def execute(
        self,
        statement: str,
        expected: Sequence[str],
        deadline: Optional[float] = None,
        shown: str = "",
        kill: bool = True,
        proof: Optional[Callable[[], bool]] = None,
    ) -> Reply:
        """Run one statement that changes something, in a session of its own.

        :arg expected: last words of the replies that mean success ("altered", "switched"); no reply at all is not
            success.
        :arg shown: what errors call the statement when its text holds a secret. :arg kill: as for :meth:`session`.
        :arg proof: for statements whose reply is recorded nowhere: tells, by looking at the instance, whether the statement took
            effect. A reply without an error and without the expected words counts only then.
        :raises CommandFailed: with the error number, its meaning and remedy, or when the reply is not one of the
            expected.
        """
        reply = self.session(
            [statement if statement.endswith(";") else statement + ";"], deadline=deadline or self.timeout, kill=kill
        )[0]
        name = shown or statement
        if reply.run.errors:
            raise self.failed(name, reply.run.errors[0])
        confirmed = [feedback for feedback in reply.run.feedback if feedback.verb in expected]
        if not confirmed and not (proof is not None and _proven(proof)):
            raise CommandFailed(
                seen="The reply to {0!r} was {1!r}".format(name, self.scrub(reply.text.strip())[:200]),
                meaning="It holds neither an error nor the confirmation that is known, so the statement may or "
                "may not have taken effect"
                + ("" if proof is None else "; the state seen afterwards does not show its effect"),
                remedy="Look at the instance with firedrill.standby.tibero_instance_info before going on",
                details={"statement": name, "stdout": self.scrub(reply.text)},
            )
        return reply

    def failed(self, statement: str, error: tbsql.Error) -> CommandFailed:
        """The failure for an error of a statement."""
        says = advice(error.code)
        return CommandFailed(
            seen=self.scrub("{0!r} failed: {1}-{2}: {3}".format(statement, error.prefix, error.code, error.text)),
            meaning=says.meaning,
            remedy=says.remedy,
            details={"statement": statement, "code": error.code},
        )

    def live_parameters(self) -> Dict[str, str]:
        """Parameters of the running instance: name in upper case -> value as the view prints it.

        SYS reads _VT_PARAMETER, which also has hidden names; V$PARAMETERS is the fallback (conflict 15).

        :raises CommandFailed: when neither can be read.
        """
        answers = self.ask([Query("_VT_PARAMETER", ("NAME", "VALUE")), Query("V$PARAMETERS", ("NAME", "VALUE"))])
        for answer in answers:
            if answer.is_known and answer.rows:
                return {(row.get("NAME") or "").upper(): row.get("VALUE") or "" for row in answer.rows}
        raise CommandFailed(
            seen="The running parameters of {0} cannot be read: {1}".format(
                self.tb_sid, answers[-1].why or "both views are empty"
            ),
            meaning="What the instance runs with is not known",
            remedy="Ask again when the instance is at MOUNT or further",
        )

    # ------------------------------------------------------------------------ processes and files

    def processes(self) -> Optional[Tuple[ps.Instance, ...]]:
        """The running servers of this instance, from ``ps``; None when the list could not be read.

        Where no server runs and processes live on that one has left behind, they are the answer, as one instance that is ``orphaned``: they may
        still write, so an empty answer would be no proof that nothing lives. :meth:`orphans` names them.

        Two installations on one host may use the same TB_SID, so a server counts only if its environment does not
        name another TB_HOME.
        """
        found = self._list()
        if found is None:
            return None
        servers = tuple(item for item in self._servers(found) if self._is_ours(item.pid))
        left = None if servers else ps.remains(self._orphans(found), self.tb_sid)
        return servers if left is None else (left,)

    def orphans(self) -> Tuple[ps.Process, ...]:
        """Processes of this instance whose server is gone; none where the list could not be read."""
        found = self._list()
        return () if found is None else self._orphans(found)

    def strangers(self) -> Tuple[Stranger, ...]:
        """Servers of this TB_SID that belong to another installation; none where the list could not be read."""
        processes = self._list()
        servers = () if processes is None else self._servers(processes)
        found = [item.pid for item in servers if not self._is_ours(item.pid)]
        homes = []
        for pid in found:
            try:
                homes.append(self._home_of(pid))
            except OSError:
                homes.append("")
        return tuple(Stranger(pid, home) for pid, home in zip(found, homes))

    def _list(self) -> Optional[ps.Processes]:
        """What ``ps`` shows, once nothing of this TB_SID has vanished meanwhile: whose such a process was cannot be read any more, and one that ended while
        it was looked at, such as another installation's, would count as ours."""
        known: Set[int] = set()
        found = self._listed()
        for _listing in range(_LISTINGS):
            vanished = set() if found is None else self._vanished(found)
            if vanished <= known:
                break
            known |= vanished
            found = self._listed()
        return found

    def _vanished(self, processes: ps.Processes) -> Set[int]:
        pids = [item.pid for item in processes.instances if item.sid == self.tb_sid]
        pids += [item.pid for item in processes.orphans if item.title.sid == self.tb_sid]
        return {pid for pid in pids if not os.path.exists("/proc/{0}".format(pid))}

    def _listed(self) -> Optional[ps.Processes]:
        done = self._runner(Command(("ps", "-efww"), deadline=30.0))
        if done.timed_out or done.returncode not in (0, None) or not done.output.strip():
            return None
        return ps.parse(done.output)

    def _servers(self, processes: ps.Processes) -> Tuple[ps.Instance, ...]:
        """Servers of this TB_SID on this host, also those of another installation."""
        found = [item for item in processes.instances if item.sid == self.tb_sid]
        return tuple(item for item in found if not self.is_elsewhere(item.pid))

    def _orphans(self, processes: ps.Processes) -> Tuple[ps.Process, ...]:
        found = [item for item in processes.orphans if item.title.sid == self.tb_sid]
        return tuple(item for item in found if not self.is_elsewhere(item.pid) and self._is_ours(item.pid))

    @staticmethod
    def is_elsewhere(pid: int) -> bool:
        """Whether a process is known to run in a container: the host's list shows it, but its server is none of this host's."""
        try:
            return os.readlink("/proc/{0}/ns/pid".format(pid)) != os.readlink("/proc/self/ns/pid")
        except OSError:
            return False

    @staticmethod
    def _home_of(pid: int) -> str:
        """TB_HOME of a process, "" where it has none.

        :raises OSError: when its environment cannot be read.
        """
        with open("/proc/{0}/environ".format(pid), "rb") as source:
            entries = source.read().split(b"\0")
        homes = [entry[8:].decode("utf-8", "surrogateescape") for entry in entries if entry.startswith(b"TB_HOME=")]
        return homes[0] if homes else ""

    def _is_ours(self, pid: int) -> bool:
        """False only if the process is known to belong to another installation.

        The environment of another user's process cannot be read; then the owners decide: an instance runs as the owner of its installation.
        """
        try:
            home = self._home_of(pid)
        except PermissionError:
            return self._same_owner("/proc/{0}".format(pid))
        except OSError:
            return True
        return not home or os.path.realpath(home) == os.path.realpath(self.tb_home)

    def _same_owner(self, process: str) -> bool:
        """Whether a process belongs to the owner of this installation; without an installation it cannot."""
        try:
            return os.stat(process).st_uid == os.stat(self.tb_home).st_uid
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def tip(self) -> Optional[tip.Document]:
        """The tip file, None without one."""
        return config_file.read_tip(self.tb_home, self.tb_sid)

    def parameter(self, name: str) -> str:
        """A parameter as the tip has it, "" when it has none."""
        document = self.tip()
        value = tip.get(document, name) if document is not None else None
        return value.text if value is not None else ""

    def control_files(self) -> Optional[Tuple[str, ...]]:
        """Paths of CONTROL_FILES in the tip; None when there is no tip or no such key."""
        document = self.tip()
        value = tip.get(document, "CONTROL_FILES") if document is not None else None
        return value.items if value is not None else None

    # ------------------------------------------------------------------------------------ secrets

    def hide(self, secret: str) -> None:
        """Hide a further secret in errors: a new password that is part of a statement, say."""
        # The vendor's defaults are public, and hiding the word "tibero" would make every path unreadable.
        if secret and secret not in VENDOR_PASSWORDS and secret not in self._secrets:
            self._secrets.append(secret)

    def scrub(self, text: str) -> str:
        """A text without secrets, for errors. Results of queries are not touched: a password may be a word of the
        data."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text

    def describe(self, done: Completed) -> Dict[str, Any]:
        """A record of a run for results: no input, no environment, no password in what was printed."""
        record = done.describe()
        for field in ("stdout", "stderr"):
            record[field] = self.scrub(record[field])
        return record


def _proven(proof: Callable[[], bool]) -> bool:
    """Whether the instance shows the effect; one that does not answer shows nothing."""
    try:
        return proof()
    except StandbyError:
        return False


def script_argv(path: str) -> List[str]:
    """How to run a script of the vendor that may have lost its x bit: by its own first line, else by bash.

    Not by /bin/sh, which on some systems is a dash that does not know what such scripts use (public field scripts name bash: M).
    """
    with open(path, "rb") as source:
        first = source.readline(256).decode("utf-8", "replace").strip()
    words = first[2:].strip().split(None, 1) if first.startswith("#!") else []
    if not words or not os.path.exists(words[0]):
        words = [next(shell for shell in SHELLS if os.path.exists(shell))]
    return words + [path]


class Booted(NamedTuple):
    """A boot: what its text came to, and the run."""

    report: console.Boot
    done: Completed


class Downed(NamedTuple):
    """A stop or a clean: what its text came to, and the run."""

    report: console.Down
    done: Completed


def _tag(index: int) -> str:
    return "q{0}".format(index)


def _select_marked(index: int, query: Query) -> str:
    return marks.select_marked(_tag(index), query.columns, query.source, query.where, query.order_by, query.group_by)


def _select_all(query: Query) -> str:
    statement = "SELECT * FROM {0}".format(query.source)
    if query.where:
        statement += " WHERE {0}".format(query.where)
    if query.order_by:
        statement += " ORDER BY {0}".format(query.order_by)
    return statement + ";"


def _narrowed(answer: Answer, query: Query) -> Answer:
    """Rows of SELECT * cut to the columns asked for; a column the view lacks is simply not in the rows."""
    names = [column if isinstance(column, str) else column[0] for column in query.columns]
    return answer._replace(rows=tuple({name: row[name] for name in names if name in row} for row in answer.rows))


def _both(done: Completed) -> str:
    """Output and error output as one text for the parsers."""
    return done.output + ("\n" + done.errors if done.errors else "")
