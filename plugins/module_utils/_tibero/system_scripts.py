# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The vendor's script that fills the dictionary of a new database (module tibero_system_scripts).

The scripts take passwords as arguments (``-p1``, ``-p2``), where every user of the host can read them, or ask for
them (recorded: ``Enter SYS password:``, ``Enter SYSCAT password:``). They are answered on standard input here, unless
the arguments are asked for by name.
"""

import json
import os
import time
from typing import Any, Dict, List

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed, Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import PRIMARY, READ_WRITE
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import options
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import (
    Query,
    Tibero,
    password_literal,
    script_argv,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.create_database import created_here
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import console
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import Seen, look

SCRIPTS_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC,
    syscat_password={"type": "str", "no_log": True, "default": "syscat"},
    answers={"type": "list", "elements": "str", "default": ["y", "y", "y", "y"]},
    passwords_by={"type": "str", "no_log": False, "choices": ["stdin", "arguments"], "default": "stdin"},
    force={"type": "bool", "default": False},
    create_timeout={"type": "int", "default": 7200},
)

#: The role that the script makes (recorded: "Creating the role DBA..."). The view itself may be missing before it has
#: run (L).
_ROLE_PROBE = Query("DBA_ROLES", ("ROLE",), "ROLE='DBA'", again=False)
#: Accounts that come with a new database (H); whether CREATE DATABASE or the script makes them is not documented, so
#: they are a weak sign.
_ACCOUNT_PROBE = Query("DBA_USERS", ("USERNAME",), "USERNAME IN ('SYSGIS','OUTLN','LBACSYS')", again=False)


def _record_path(client: Tibero) -> str:
    return os.path.join(client.record_directory, "system_scripts.json")


def _record(client: Tibero, database: str, done: bool, script: str) -> None:
    detached.private_directory(client.record_directory)
    record = {
        "database": database,
        "done": done,
        "script": script,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    detached.write_atomically(_record_path(client), json.dumps(record, sort_keys=True) + "\n")


class _Proof:
    """Whether the script has run.

    By our record of this very database, or by the role DBA. Accounts count only on a database that we have not
    created ourselves: there it is better to believe that somebody has run the script than to run it on a database in
    use.
    """

    def __init__(self, client: Tibero, database: str) -> None:
        record = detached.read_json(_record_path(client)) or {}
        ours = record.get("database") == database
        self.begun = ours and not record.get("done")
        self.recorded = bool(ours and record.get("done"))
        self.created_here = created_here(client)
        roles, accounts = client.ask([_ROLE_PROBE, _ACCOUNT_PROBE])
        self.role = bool(roles.rows)
        self.accounts = tuple(sorted(str(row["USERNAME"]) for row in accounts.rows if row.get("USERNAME")))

    @property
    def done(self) -> bool:
        return self.recorded or (not self.begun and (self.role or (bool(self.accounts) and not self.created_here)))

    @property
    def words(self) -> str:
        if self.recorded:
            return "our record"
        if self.role:
            return "the role DBA exists"
        if self.accounts:
            return "accounts {0} exist".format(", ".join(self.accounts))
        return "neither the role DBA nor an account of the vendor exists"


def ensure_system_scripts(context: Context) -> Outcome:
    """Run the script once; see the module's documentation."""
    params = context.params
    client = options.client_of(context)
    seen = look(client)
    _refuse_state(seen)
    database = str(seen.state.database_id.value or "")
    proof = _Proof(client, database)
    script = client.system_script()
    values: Dict[str, Any] = {"script": script, "proof": proof.words, "log": ""}
    if proof.done and not params["force"]:
        return _outcome(client, False, values)
    if proof.begun and not params["force"]:
        raise Refusal(
            seen="{0} was begun on this database and never ended".format(script),
            meaning="The dictionary may be half made; whether the script can run twice is not documented",
            remedy="Read {0}/log/system_init.log; set force: true to run it again".format(client.instance_directory),
        )
    if script is None:
        raise Refusal(
            seen="Neither system_install.sh nor system.sh in {0}/scripts".format(client.tb_home),
            meaning="The dictionary cannot be made without the vendor's script",
            remedy="Check the installation",
        )
    if context.check_mode:
        return _outcome(client, True, values)
    _record(client, database, False, script)
    report = _run(client, params, script)
    after = _Proof(client, database)
    _record(client, database, True, script)
    values.update(log=report.log, proof=after.words)
    warnings = ["{0}-{1}: {2}".format(error.prefix, error.code, client.scrub(error.text)) for error in report.errors]
    return _outcome(client, True, values)._replace(warnings=warnings)


def _refuse_state(seen: Seen) -> None:
    state = seen.state
    if not state.role.equals(PRIMARY) or not state.open_mode.equals(READ_WRITE):
        raise Refusal(
            seen="{0} is {1!r}, role {2!r}".format(state.name, state.open_mode, state.role),
            meaning="The script needs the open primary; a standby gets the dictionary with the copy",
            remedy="Boot the primary in mode normal first",
            details={"state": state.as_dict()},
        )
    if not state.database_id.is_known:
        raise UnknownState(
            seen="The identity of the database is not known: {0!r}".format(state.database_id),
            meaning="Whether our record belongs to it cannot be told",
            remedy="Make V$DATABASE readable for the account",
        )


def _run(client: Tibero, params: Any, script: str) -> console.Script:
    """Run the script; success is its last word, not its exit code."""
    password_literal(client.login.password)
    password_literal(params["syscat_password"], "syscat_password")
    client.hide(params["syscat_password"])
    argv = script_argv(script)
    shown = len(argv)
    stdin = ""
    if params["passwords_by"] == "arguments":
        argv += ["-p1", client.login.password, "-p2", params["syscat_password"]]
    else:
        stdin = "{0}\n{1}\n".format(client.login.password, params["syscat_password"])
    if os.path.basename(script) == "system.sh":
        for number, answer in enumerate(_answers(params["answers"]), 1):
            argv += ["-a{0}".format(number), answer]
    done = client.run(
        argv, stdin, deadline=float(params["create_timeout"]), kill=False, directory=os.path.dirname(script)
    )
    report = console.parse_script(done.output + "\n" + done.errors)
    details = client.describe(done)
    details["argv"] = argv[:shown]
    if done.timed_out or not report.done:
        raise CommandFailed(
            seen="{0} {1}: {2}".format(
                os.path.basename(script),
                "still runs after {0:.0f} s".format(done.duration) if done.timed_out else "did not end with Done.",
                client.scrub(" / ".join(line for line in done.output.splitlines() if line.strip())[-300:])
                or "it printed nothing",
            ),
            meaning="The dictionary is not complete, so later statements will fail in odd ways",
            remedy="Wait for its end{1}, or read {0}/log/system_init.log, then run again with force: true".format(
                client.instance_directory,
                " (it was not killed; tibero_create_timeout is its limit)" if done.timed_out else "",
            ),
            details=details,
        )
    return report


def _answers(given: List[str]) -> List[str]:
    answers = [answer.lower() for answer in given]
    if len(answers) != 4 or not set(answers) <= {"y", "n"}:
        raise Refusal(
            seen="answers is {0!r}".format(given),
            meaning="system.sh asks four questions, each answered y or n",
            remedy="Give four answers",
        )
    return answers


def _outcome(client: Tibero, changed: bool, values: Dict[str, Any]) -> Outcome:
    before = {"system_scripts": "not run" if changed else "run"}
    return Outcome(changed, values, before, {"system_scripts": "run"}, "dictionary of {0}".format(client.tb_sid))
