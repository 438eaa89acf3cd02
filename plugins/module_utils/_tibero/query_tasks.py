# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What the module tibero_query does: one statement, read-only unless told otherwise."""

import re
from typing import Any, Dict, List

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import options
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import ddl, tbsql
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import observe

QUERY_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC,
    query={"type": "str", "required": True},
    allow_changes={"type": "bool", "default": False},
)

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_READING = re.compile(r"(SELECT|WITH)\b", re.IGNORECASE)
_BLOCK = re.compile(
    r"(BEGIN|DECLARE|CREATE\s+(OR\s+REPLACE\s+)?(FUNCTION|PROCEDURE|PACKAGE|TRIGGER|TYPE))\b", re.IGNORECASE
)
_SQL = re.compile(
    r"(SELECT|WITH|INSERT|UPDATE|DELETE|MERGE|CREATE|ALTER|DROP|TRUNCATE|GRANT|REVOKE|COMMENT|RENAME|ANALYZE|CALL|LOCK|PURGE|FLASHBACK)\b",
    re.IGNORECASE,
)


def clean_statement(text: str) -> str:
    """One SQL statement without its final semicolon and without empty lines.

    :raises Refusal: for several statements, comments, PSM blocks and commands of tbsql, which do not survive its
        standard input unharmed (H: two statements on a line fail, a trailing comment breaks the next statement).
    """
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    statement = "\n".join(lines).strip().rstrip(";").rstrip()
    bare = _QUOTED.sub("''", statement)
    why = ""
    if not statement:
        why = "it is empty"
    elif ";" in bare:
        why = "it holds more than one statement"
    elif "--" in bare or "/*" in bare:
        why = "it holds a comment"
    elif "'" in bare.replace("''", "") or '"' in bare:
        why = "a quote is not closed"
    elif _BLOCK.match(statement):
        why = "it is a PSM block"
    elif not _SQL.match(statement):
        why = "it does not start with a word of SQL"
    elif any(line.strip() in ("/", ".") or line.lstrip().startswith(("@", "!")) for line in lines):
        why = "a line of it is a command of tbsql"
    if why:
        raise Refusal(
            seen="The statement cannot be run: {0}: {1!r}".format(why, text[:120]),
            meaning="The module runs exactly one plain SQL statement",
            remedy="Split it into tasks, or run a script with tbsql by hand",
        )
    return statement


def is_reading(statement: str) -> bool:
    """True for SELECT and WITH without FOR UPDATE. A function called by a query can still write; that cannot be seen
    here."""
    bare = _QUOTED.sub("''", statement)
    return bool(_READING.match(bare)) and not re.search(r"\bFOR\s+UPDATE\b", bare, re.IGNORECASE)


def unsupported(statement: str) -> str:
    """The name of a statement that redo apply cannot follow, or ""."""
    for one in ddl.split(statement):
        verdict = ddl.judge(one)
        if verdict.grade == ddl.UNSUPPORTED:
            return verdict.why
    return ""


def run_query(context: Context) -> Outcome:
    """Run the statement; see the module's documentation."""
    params = context.params
    statement = clean_statement(params["query"])
    reading = is_reading(statement)
    if not reading and not params["allow_changes"]:
        raise Refusal(
            seen="The statement {0!r} does more than read".format(statement[:120]),
            meaning="Without allow_changes only SELECT (and WITH ... SELECT) is run, without FOR UPDATE",
            remedy="Set allow_changes: true if it is meant",
        )
    client = options.client_of(context)
    if not reading:
        _refuse_unsupported(client, statement)
        if context.check_mode:
            return Outcome(True, {"rows": [], "row_count": 0, "columns": [], "reply": ""})
    return _result(client, statement, reading)


def _refuse_unsupported(client: Tibero, statement: str) -> None:
    name = unsupported(statement)
    if not name:
        return
    destinations = observe(client).destinations
    if destinations.is_known and not destinations.value:
        return
    raise Refusal(
        seen="{0} was asked for; destinations: {1!r}".format(name, destinations),
        meaning="Redo apply cannot follow it, so every standby would have to be built anew",
        remedy="Do it while no standby is configured, then build the standbys anew",
    )


def _result(client: Tibero, statement: str, reading: bool) -> Outcome:
    reply = client.session([statement + ";"], ("SET LINESIZE 200", "SET LONG 4000"), deadline=client.timeout)[0]
    if reply.run.errors:
        raise client.failed(statement[:200], reply.run.errors[0])
    rows: List[Dict[str, Any]] = []
    columns: List[str] = []
    if reading:
        if not reply.run.tables or reply.run.tables[-1].damaged:
            raise UnknownState(
                seen="The printed result of {0!r} cannot be taken apart with certainty".format(statement[:120]),
                meaning="tbsql prints tables of fixed columns; values with line breaks or of great width do not "
                "survive that",
                remedy="Select fewer or narrower columns (SUBSTR, REPLACE of CHR(10))",
                details={"stdout": client.scrub(reply.text)[-4000:]},
            )
        table = reply.run.tables[-1]
        rows, columns = list(tbsql.dicts(table)), list(table.columns)
    texts = " ".join(feedback.text for feedback in reply.run.feedback)
    counts = [
        int(number.group())
        for number in (re.match(r"[0-9]+", feedback.text) for feedback in reply.run.feedback)
        if number
    ]
    if not reading and not texts:
        raise UnknownState(
            seen="The reply to {0!r} was {1!r}".format(statement[:120], client.scrub(reply.text.strip())[:200]),
            meaning="It holds neither an error nor a confirmation, so the statement may or may not have taken effect",
            remedy="Look at the data before running it again",
        )
    values = {
        "rows": rows,
        "row_count": len(rows) if reading else (counts[-1] if counts else 0),
        "columns": columns,
        "reply": texts,
    }
    return Outcome(not reading, values)
