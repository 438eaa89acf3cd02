# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Sending redo: the destinations and the protection mode of a running primary, and the read-only opening of a standby.

Destinations and mode are changed by ALTER SYSTEM while the primary runs (H, MAN, section "adding a standby"); the tip is changed apart from it,
because the server does not rewrite it (L). Each statement is read back before the next one, since the next may rest on it.
"""

import os
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    Refusal,
    StandbyError,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import decide_replication as plan
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import member, options
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Answer, Query, Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.database_files import FILE_QUERIES
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.decide_role import (
    AT_NORMAL,
    AT_RECOVERY,
    OPEN_READ_ONLY,
    OPEN_READ_WRITE,
    OPEN_WORDS,
    STATUS_WORDS,
    class_of,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.trouble import advice

#: Refusals that mean "not yet": 7514 standby not RUNNING, 7515 no LGWR SYNC standby, 7516 LNW not ready (C, catalogue).
NOT_YET = (7514, 7515, 7516)
#: The word of a destination that sends: TBR-7514 proves it (C); the column in which it stands is not documented.
RUNNING_WORDS = ("RUNNING",)

REPLICATION_SPEC = dict(
    options.COMMON_SPEC,
    mode={"type": "str", "required": True, "choices": ["unprotected", "performance", "availability", "protection"]},
    destinations={"type": "dict", "required": True},
    suspended={"type": "list", "elements": "str", "default": []},
    aliases={"type": "dict", "default": {}},
    remove_extra={"type": "bool", "default": False},
    enable_parameter={"type": "str", "default": plan.ENABLE_NAME},
    running_words={"type": "list", "elements": "str", "default": list(RUNNING_WORDS)},
)
READ_ONLY_SPEC = dict(
    options.COMMON_SPEC, state={"type": "str", "default": "present", "choices": ["present", "absent"]}
)


class Wish(NamedTuple):
    """What is wanted of a primary, beside the state itself: aliases of standbys by number, and how to go about it."""

    sending: plan.Sending
    aliases: Dict[int, str]
    remove_extra: bool
    enable_name: str
    running_words: Tuple[str, ...]


def wish_of(params: Mapping[str, Any]) -> Wish:
    """The parameters of the module, checked. :raises Refusal: for keys and values that cannot be meant."""
    links = {
        plan.number_of(str(key)): plan.Link(plan.plain(str(value), str(key)))
        for key, value in params["destinations"].items()
    }
    off = frozenset(plan.number_of(key) for key in params["suspended"])
    unknown = sorted(off - set(links))
    if unknown:
        raise Refusal(
            seen="suspended names LOG_REPLICATION_DEST_{0}, destinations does not".format(unknown[0]),
            meaning="Only a destination that is there can be suspended",
            remedy="Name it in both options, or in neither",
        )
    name = str(params["enable_parameter"])
    if name.count("{n}") != 1:
        raise Refusal(
            seen="enable_parameter is {0!r}".format(name),
            meaning="It must hold {n} once, in the place of the destination's number",
            remedy="Use {0}, or LOG_RELICATION_{{n}}_ENABLE as the manual prints it".format(plan.ENABLE_NAME),
        )
    return Wish(
        plan.Sending(str(params["mode"]).upper(), links, off),
        {plan.number_of(str(key)): str(alias) for key, alias in params["aliases"].items()},
        bool(params["remove_extra"]),
        name,
        tuple(str(word).upper() for word in params["running_words"]),
    )


# ------------------------------------------------------------------------------- what is proven


def _standby_says(client: Tibero, alias: str) -> Tuple[Optional[bool], Optional[int], str]:
    """What the standby itself says: whether it is in recovery, its position, and the words. SYS may log in there (H)."""
    if not alias:
        return None, None, "its standby was not asked: no alias is named for it"
    try:
        instance, database = client.at(alias).ask(
            [Query("V$INSTANCE", ("STATUS",)), Query("V$DATABASE", ("CURRENT_TSN", "OPEN_MODE"))]
        )
    except StandbyError as error:
        return None, None, client.scrub("its standby ({0}) does not answer: {1}".format(alias, error.seen))
    status = _cell(instance, "STATUS")
    opened = _cell(database, "OPEN_MODE")
    kind, how = class_of(status, STATUS_WORDS), class_of(opened, OPEN_WORDS)
    alive = (kind == AT_RECOVERY and how != OPEN_READ_WRITE) or (kind == AT_NORMAL and how == OPEN_READ_ONLY)
    position = _cell(database, "CURRENT_TSN")
    words = "its standby ({0}) says {1}, {2}, position {3}".format(
        alias, status or instance.why or "nothing", opened or "open mode unreadable", position or "unknown"
    )
    return alive, int(position) if position.isdigit() else None, words


def _cell(answer: Answer, column: str) -> str:
    return str(answer.rows[0].get(column) or "") if len(answer.rows) == 1 else ""


def examine(client: Tibero, state: facts.MemberState, now: plan.Sending, wish: Wish) -> plan.Sending:
    """The same state with what is known of each LGWR SYNC link.

    A link runs when the standby itself says that it is in recovery and has reached the position that the primary had before it was asked, and
    the primary's own view does not contradict. That view's columns are documented nowhere, so it never decides alone: a word that is not one
    of ``running_words`` refutes, and none at all leaves it to the standby.
    """
    head = state.position.value if state.position.is_known else None
    words = {one.number: one.state for one in state.destinations.value or ()} if state.destinations.is_known else {}
    links = {}
    for number, link in now.links.items():
        if not link.sync:
            links[number] = link
            continue
        alive, position, said = _standby_says(client, wish.aliases.get(number, ""))
        word = words.get(number)
        shown = "the primary says {0}".format(
            "nothing of it" if word is None else word.value if word.is_known else "nothing readable"
        )
        running: Optional[bool] = None
        if word is not None and word.is_known and str(word.value).upper() not in wish.running_words:
            running = False
        elif alive is not None and position is not None and head is not None:
            running = alive and position >= int(head)
        elif alive is False:
            running = False
        links[number] = link._replace(running=running, alive=alive, seen="{0}; {1}".format(said, shown))
    return now._replace(links=links)


# ------------------------------------------------------------------------------------- the work


def _live(client: Tibero) -> plan.Sending:
    return plan.observed(client.live_parameters())


def _prove(client: Tibero, wish: Wish, seconds: float) -> None:
    """Wait until one of the wanted LGWR SYNC links is proven to run."""

    def look() -> plan.Sending:
        return examine(client, member.observe(client), _live(client), wish)

    def told(seen: plan.Sending) -> List[int]:
        return [number for number in plan.protected(seen) if number in wish.sending.links]

    wait_until(
        lambda: _Shown(look()),
        lambda shown: bool(told(shown.sending)),
        seconds,
        "an LGWR SYNC standby to be proven running before mode {0}".format(wish.sending.mode),
        "The primary runs on in a weaker mode. Check that the standby is booted RECOVERY and that its port is reachable from the primary, then "
        "run again",
        interval=1.0,
    )


class _Shown:
    """A state that prints in the error of a wait what is known of its links."""

    def __init__(self, sending: plan.Sending) -> None:
        self.sending = sending

    def __str__(self) -> str:
        sync = [(number, link) for number, link in sorted(self.sending.links.items()) if link.sync]
        return "; ".join("{0}: {1}".format(number, link.seen) for number, link in sync) or "no LGWR SYNC destination"


def _alter(client: Tibero, step: plan.Step, timeout: float) -> None:
    """Run a step and read it back; a refusal that only means "not yet" is tried again until the deadline."""

    def attempt() -> Tuple[str, str]:
        try:
            client.execute(step.statement, ("altered",), proof=lambda: _shows(_live(client), step))
        except CommandFailed as error:
            if error.details.get("code") in NOT_YET:
                return "not yet", error.seen
            raise
        return "done", ""

    wait_until(
        attempt,
        lambda seen: seen[0] == "done",
        timeout,
        "{0} to be accepted".format(step.statement),
        "Check that the standby is booted RECOVERY and that its port is reachable from the primary, then run again",
        interval=1.0,
    )
    seen = _live(client)
    if not _shows(seen, step):
        raise CommandFailed(
            seen="After {0!r} the server shows {1}".format(step.statement, plan.shown(seen)),
            meaning="The statement was confirmed, but the running values are others, so no further one was run",
            remedy="Look at the parameters of the primary by hand; if they cannot be changed while it runs, write the tip with "
            "firedrill.standby.tibero_tip and plan a restart",
            details={"statement": step.statement},
        )


def _shows(seen: plan.Sending, step: plan.Step) -> bool:
    if step.action == plan.SET_MODE:
        return seen.mode == step.value
    if step.action in (plan.SET, plan.CLEAR):
        link = seen.links.get(step.number)
        return (link.value if link else "") == step.value
    return (step.number in seen.off) == (step.action == plan.SUSPEND)


def _require_primary(client: Tibero) -> facts.MemberState:
    state = member.observe(client)
    if not state.role.equals(facts.PRIMARY) or not state.open_mode.equals(facts.READ_WRITE):
        raise UnknownState(
            seen="Role of {0} is {1!r}, open mode {2!r}".format(client.tb_sid, state.role, state.open_mode),
            meaning="Destinations count on an open primary only (H, MAN: LOG_REPLICATION_* is ignored outside NORMAL mode)",
            remedy="Run this on the primary; playbooks/status.yml shows who that is",
            details={"state": state.as_dict()},
        )
    return state


def _refuse_silent(state: facts.MemberState, wanted: plan.Sending) -> None:
    """Archives that are not written cannot be sent, and the server says nothing of it (H, MAN)."""
    late = [number for number, link in sorted(wanted.links.items()) if link.transport == plan.ARCHIVE]
    if late and state.archive_mode.equals(False):
        raise Refusal(
            seen="LOG_REPLICATION_DEST_{0} receives by {1}, and the primary runs in NOARCHIVELOG".format(
                late[0], plan.ARCHIVE
            ),
            meaning="The primary boots and says nothing, and the standby receives nothing",
            remedy="Switch archiving on with firedrill.standby.tibero_archivelog, or choose another transport",
        )


def ensure_replication(context: Context) -> Outcome:
    """Bring destinations and mode of the running primary to what is wanted; see the module's documentation."""
    client = options.client_of(context)
    wish = wish_of(context.params)
    state = _require_primary(client)
    _refuse_silent(state, wish.sending)
    before = _live(client)
    extra = sorted(set(before.links) - set(wish.sending.links))
    remove = extra if wish.remove_extra else []
    now, wanted = before, wish.sending
    if wanted.mode in plan.STRONG or before.mode in plan.STRONG:
        now = examine(client, state, before, wish)
        wanted = _known(client, state, now, wish)
    steps = plan.decide(now, wanted, remove, wish.enable_name)
    if context.check_mode:
        reached = now
        for step in steps:
            reached = plan.after(reached, step)
    else:
        for step in steps:
            if step.action == plan.PROVE:
                _prove(client, wish, client.timeout)
            else:
                _alter(client, step, client.timeout)
        reached = _reached(client, wish, remove) if steps else now
    return _outcome(client, before, reached, steps, [] if steps and remove else extra, remove)


def _known(client: Tibero, state: facts.MemberState, now: plan.Sending, wish: Wish) -> plan.Sending:
    """What is wanted, with what is known of its standbys: of a new destination the standby can be asked all the same."""
    same = {
        number: now.links[number]
        for number, link in wish.sending.links.items()
        if number in now.links and now.links[number].value == link.value
    }
    fresh = examine(
        client,
        state,
        wish.sending._replace(links={n: link for n, link in wish.sending.links.items() if n not in same}),
        wish,
    )
    links = dict(fresh.links)
    links.update(same)
    return wish.sending._replace(links=links)


def _reached(client: Tibero, wish: Wish, remove: Sequence[int]) -> plan.Sending:
    """The state after the work, which must be what was wanted."""
    seen = _live(client)
    if wish.sending.mode in plan.STRONG:
        seen = examine(client, member.observe(client), seen, wish)
    good = seen.mode == wish.sending.mode and not [number for number in remove if number in seen.links]
    for number, link in wish.sending.links.items():
        held = seen.links.get(number)
        good = good and held is not None and held.value == link.value
        good = good and (number in seen.off) == (number in wish.sending.off)
    if not good:
        raise CommandFailed(
            seen="After all statements the server shows {0}".format(plan.shown(seen)),
            meaning="Each was confirmed and read back, and something changed them since",
            remedy="Find out who else changes destinations (another run, an Observer), then run again",
        )
    return seen


def _outcome(
    client: Tibero,
    before: plan.Sending,
    reached: plan.Sending,
    steps: Sequence[plan.Step],
    extra: Sequence[int],
    removed: Sequence[int],
) -> Outcome:
    values = {
        "statements": [step.statement for step in steps if step.statement],
        "extra": ["LOG_REPLICATION_DEST_{0}".format(number) for number in extra],
        "removed": ["LOG_REPLICATION_DEST_{0}".format(number) for number in removed],
        "suspended": ["LOG_REPLICATION_DEST_{0}".format(n) for n in sorted(reached.off) if n in reached.links],
        "parameters": plan.shown(reached),
        "mode_before": before.mode,
    }
    warnings = list(plan.remarks(reached))
    if extra:
        warnings.append(
            "The primary sends redo to destinations that are not described: {0}. They were left alone".format(
                ", ".join("{0} ({1})".format(number, before.links[number].value) for number in extra)
            )
        )
    return Outcome(
        bool(steps),
        values,
        plan.shown(before),
        plan.shown(reached),
        "running parameters of " + client.tb_sid,
        warnings,
    )


# ------------------------------------------------------------------------------------ read only


def _missing_temp_files(client: Tibero) -> List[str]:
    """Temp files that the standby's views name and that do not exist; empty when no view can be read, which is left to the server."""
    queries = [(column, query) for kind, column, query in FILE_QUERIES if kind == "tempfile"]
    for (column, _query), answer in zip(queries, client.ask([query for _column, query in queries])):
        paths = [str(row[column]) for row in answer.rows if row.get(column)]
        if answer.is_known and paths:
            base = client.parameter("DB_CREATE_FILE_DEST")
            whole = [path if os.path.isabs(path) else os.path.join(base, path) for path in paths]
            return [path for path in whole if not path.startswith("+") and not os.path.exists(path)]
    return []


def ensure_read_only(context: Context) -> Outcome:
    """Open a standby read only with apply going on, or bring it back to recovery; see the module's documentation."""
    client = options.client_of(context)
    state = member.observe(client)
    if not state.role.equals(facts.STANDBY) or state.open_mode.value not in (facts.RECOVERING, facts.READ_ONLY):
        raise UnknownState(
            seen="Role of {0} is {1!r}, open mode {2!r}".format(client.tb_sid, state.role, state.open_mode),
            meaning="Only a standby in recovery can be opened read only, and only such a one brought back",
            remedy="Boot the standby with `tbboot -t RECOVERY`; playbooks/status.yml shows what each member is",
            details={"state": state.as_dict()},
        )
    wanted = facts.READ_ONLY if context.params["state"] == "present" else facts.RECOVERING
    before = {"open_mode": state.open_mode.value}
    if state.open_mode.equals(wanted):
        return Outcome(False, {"open_mode": wanted}, before, before, client.tb_sid)
    if wanted == facts.READ_ONLY:
        missing = _missing_temp_files(client)
        if missing:
            raise Refusal(
                seen="Temp file {0} of {1} does not exist".format(", ".join(missing), client.tb_sid),
                meaning="A standby without its temp files is not opened (TBR-24140). " + advice(24140).meaning,
                remedy=advice(24140).remedy,
                details={"missing": missing},
            )
    if context.check_mode:
        return Outcome(True, {"open_mode": wanted}, before, {"open_mode": wanted}, client.tb_sid)
    # H, MAN: open read only. M, two independent notes: the way back. Replies are not recorded: "altered" is expected, and another text
    # without an error counts once the mode is seen.
    opening = (
        "ALTER DATABASE OPEN READ ONLY CONTINUE RECOVERY" if wanted == facts.READ_ONLY else "ALTER DATABASE STANDBY"
    )
    timeout = float(context.params["timeout"])
    client.execute(opening, ("altered",), proof=lambda: bool(_await_mode(client, wanted, timeout)))
    after = _await_mode(client, wanted, timeout)
    return Outcome(True, {"open_mode": wanted}, before, {"open_mode": after}, client.tb_sid)


def _await_mode(client: Tibero, wanted: str, timeout: float) -> str:
    """The open mode of the standby, once it is the wanted one."""
    seen = wait_until(
        lambda: member.observe(client),
        lambda state: state.open_mode.equals(wanted) and state.role.equals(facts.STANDBY),
        timeout,
        "{0} to be a standby that is {1}".format(client.tb_sid, wanted),
        "Read the instance's sys.log",
    ).value
    return str(seen.open_mode.value)
