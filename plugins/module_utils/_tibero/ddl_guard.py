# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What the modules tibero_ddl_guard and tibero_standby_mark do. The first only reads, the second only writes our own record."""

from typing import Any, Dict, List, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import member, options, role_record
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import ddl

GUARD_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC, statements={"type": "list", "elements": "str"}, script={"type": "path"}
)
MARK_SPEC: Dict[str, Any] = dict(options.INSTANCE_SPEC, reason={"type": "str", "required": True})

#: Grades that are not run while a standby follows.
REFUSED = (ddl.UNSUPPORTED, ddl.UNKNOWN)
#: A script is read whole; one larger than this is data, not DDL.
MAX_SCRIPT = 16 * 1024 * 1024


def read_input(statements: Sequence[str], script: str) -> Tuple[ddl.Statement, ...]:
    """The statements to judge. An element of the list may hold several; its line numbers count within it.

    :raises Refusal: for a script that cannot be read as text.
    """
    if not script:
        return tuple(one for text in statements for one in ddl.split(text))
    try:
        with open(script, "rb") as source:
            raw = source.read(MAX_SCRIPT + 1)
        if len(raw) > MAX_SCRIPT:
            raise ValueError("it is larger than {0} bytes".format(MAX_SCRIPT))
        return ddl.split(raw.decode("utf-8"))
    except (OSError, ValueError) as error:
        raise Refusal(
            seen="{0} cannot be read: {1}".format(script, error),
            meaning="What cannot be read cannot be judged",
            remedy="Name a script in UTF-8 on this host that the user of this task may read",
        ) from error


def decide(judged: Sequence[Tuple[ddl.Statement, ddl.Verdict]], standbys: "facts.Fact[Any]") -> bool:
    """Whether the statements are refused: one of them is not fine, and a standby may follow."""
    if ddl.worst([verdict.grade for _one, verdict in judged]) not in REFUSED:
        return False
    return not standbys.is_known or bool(standbys.value)


def procedure(destinations: Sequence[str]) -> List[str]:
    """The safe way, step by step."""
    return [
        "1. Choose a time without need of a standby: from step 2 on there is none until step 4 is done.",
        "2. Detach {0}: mode PERFORMANCE, then UNPROTECTED, and remove each destination from the primary and its tip.".format(
            ", ".join(destinations) or "every standby"
        ),
        "3. Run the statements on the primary, and see that they did what they should.",
        "4. Build every standby anew: playbooks/setup_standby.yml with standby_rebuild: true.",
        "playbooks/guarded_ddl.yml with standby_ddl_detach: true does steps 2 and 3 and marks the standbys for step 4.",
    ]


def runs(statement: ddl.Statement) -> str:
    """Whether a statement can be run in a session of its own, which commits when it ends: "yes", "skip" or "no"."""
    if statement.kind != ddl.SQL or not statement.words:
        return "no"
    if statement.words[0] == "COMMIT":
        return "skip"
    session = statement.words[0] in ("ROLLBACK", "SAVEPOINT", "SET", "LOCK", "EXPLAIN")
    return "no" if session or statement.words[:2] == ("ALTER", "SESSION") else "yes"


def guard(context: Context) -> Outcome:
    """Judge; see the documentation of tibero_ddl_guard."""
    params = context.params
    client = options.client_of(context)
    found = read_input(params.get("statements") or [], params.get("script") or "")
    judged = [(one, ddl.judge(one)) for one in found]
    state = member.observe(client)
    if state.role.equals(facts.STANDBY):
        raise Refusal(
            seen="{0} is a standby".format(client.tb_sid),
            meaning="No statement that changes anything can be run there (TBR-7501)",
            remedy="Ask the primary; playbooks/status.yml shows who that is",
        )
    destinations = state.destinations
    names = ["{0}:{1}".format(one.host, one.port) for one in destinations.value or ()] if destinations.is_known else []
    refused = decide(judged, destinations)
    values = {
        "grade": ddl.worst([verdict.grade for _one, verdict in judged]),
        "refused": refused,
        "statements": [
            {
                "line": one.line,
                "kind": one.kind,
                "text": one.text[:200],
                "sql": one.plain if runs(one) == "yes" else "",
                "runs": runs(one),
                "grade": verdict.grade,
                "why": verdict.why,
                "source": verdict.source,
            }
            for one, verdict in judged
        ],
        "standbys": names if destinations.is_known else facts.UNKNOWN,
        "procedure": procedure(names) if refused else [],
    }
    warnings = [
        "{0}: {1}".format(one.text[:80], verdict.why) for one, verdict in judged if verdict.grade == ddl.CAUTION
    ]
    return Outcome(False, values, warnings=warnings)


def ensure_mark(context: Context) -> Outcome:
    """Mark a standby; see the documentation of tibero_standby_mark."""
    client = options.client_of(context)
    reason = " ".join(str(context.params["reason"]).split())
    before = role_record.read(client)
    if before.role == facts.PRIMARY and before.same_control_files:
        raise Refusal(
            seen="{0} records these control files as those of a primary".format(before.path),
            meaning="Only a standby can be built anew from the primary",
            remedy="Mark the standbys",
        )
    if not client.control_files():
        raise UnknownState(
            seen="The tip of {0} names no control files".format(client.tb_sid),
            meaning="A mark belongs to the control files of a standby, and there are none to be seen",
            remedy="Nothing has to be marked on a host without a database",
        )
    changed = not before.rebuild
    if changed and not context.check_mode:
        role_record.mark(client, reason)
    seen = role_record.read(client).rebuild if not context.check_mode else before.rebuild or reason
    return Outcome(
        changed, {"rebuild": seen}, {"rebuild": before.rebuild}, {"rebuild": seen}, "record of " + client.tb_sid
    )
