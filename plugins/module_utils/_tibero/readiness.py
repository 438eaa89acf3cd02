# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Readiness of a Tibero cluster: which checks there are, and what each one counts for. Pure: the facts of all members
in, a report of ``_core.readiness`` out.

A member that did not answer has no facts: its checks are UNKNOWN, and block only what cannot be done without it. So a
primary that is dead blocks the switchover, and not the failover that it is there for.
"""

from typing import Collection, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts as core_facts
from ansible_collections.firedrill.standby.plugins.module_utils._core import readiness as core
from ansible_collections.firedrill.standby.plugins.module_utils._core.checks import FAIL, OK, UNKNOWN, WARN, Check
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import PRIMARY, STANDBY, unknown
from ansible_collections.firedrill.standby.plugins.module_utils._core.readiness import (
    FAILOVER,
    SWITCHOVER,
    WAY_BACK,
    Candidate,
    Item,
    NotRun,
    Report,
    Thresholds,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import cluster
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import readiness_checks as alone
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import readiness_pairs as pairs
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.readiness_checks import (
    Question,
    Seen,
    answer,
    ident,
    parameter,
    told,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.readiness_facts import MemberFacts

ALL = (SWITCHOVER, FAILOVER, WAY_BACK)
#: What needs the present primary: a failover does not.
BOTH = (SWITCHOVER, WAY_BACK)

#: Questions that no documented means of Tibero answers: id, question, why, what to do instead, and what they block.
#: The role's default accepts them by name; they are shown all the same.
UNSEEN: Tuple[Tuple[str, str, str, str, Tuple[str, ...]], ...] = (
    (
        "PC-C7.logging",
        "Is everything logged, direct path loads too?",
        "no view tells of unlogged changes; direct path loads are said to be logged while a standby is connected (T6)",
        "Let no direct path load run while a destination is off; compare a row count after a load",
        (SWITCHOVER, FAILOVER),
    ),
    (
        "PC-C11.xa",
        "Is no prepared distributed transaction pending?",
        "no view of prepared transactions is documented",
        "Ask the transaction monitor before a switchover",
        (SWITCHOVER,),
    ),
    (
        "PC-D2.pages",
        "Do the pages of the standby verify?",
        "no program that verifies the files of a running standby is documented",
        "Open the standby read only now and then and read the tables, or restore it in a drill",
        (SWITCHOVER, FAILOVER),
    ),
    (
        "PC-E7.backups",
        "Will backups and retention run on the new primary?",
        "backup jobs are no part of the description of the cluster",
        "See that the backup job asks for the role, or exists on every member",
        (SWITCHOVER, FAILOVER),
    ),
    (
        "PC-E8.clients",
        "Do the limits of the clients' drivers outlast the outage?",
        "clients are no part of the description of the cluster",
        "Compare login and read timeouts of the clients with the measured outage of a drill",
        (SWITCHOVER, FAILOVER),
    ),
    (
        "PC-H2.backup",
        "Is there a backup that was restored once?",
        "V$BACKUP_SET lists sets of RMGR only, and whether one can be restored is proved by restoring it",
        "Restore the newest backup in a drill",
        (SWITCHOVER, FAILOVER),
    ),
)
#: The same, where the catalogue only warns.
UNSEEN_ADVISORY: Tuple[Tuple[str, str, str, str], ...] = (
    (
        "PC-D6.checksums",
        "Are page checksums on?",
        "no parameter or view for them is documented",
        "Ask the vendor for the version in use",
    ),
)

#: Questions of the catalogue that do not apply, and why.
NOT_RUN: Tuple[Tuple[str, str], ...] = (
    ("PC-A1", "belongs to a drill: its frozen specification"),
    ("PC-A2", "belongs to a drill: approval and window"),
    ("PC-A3", "a role change holds the lock itself and names the holder; an unfinished one is PC-A7"),
    ("PC-A5", "asked as PC-E10 (Observer) and PC-G4 (what boots Tibero on the host)"),
    ("PC-A6", "nothing here changes roles by itself; an Observer is PC-E10"),
    ("PC-B9", "belongs to a drill: the fingerprint before it"),
    ("PC-C6", "for engines whose standbys can have transactions of their own; a Tibero standby takes no writes"),
    ("PC-C8", "for engines with logical slots or dump threads"),
    ("PC-C9", "an apply delay has no documented form; a destination with more words than are known is UNKNOWN"),
    ("PC-C10", "writes a row; the role change does it before the outage begins"),
    ("PC-C13", "Tibero has no dry run of a role change"),
    ("PC-E3", "nine destinations are always there (H); sessions are PC-E1, MAX_SESSION_COUNT"),
    ("PC-E5", "jobs and services that belong to a role are no part of the description"),
    ("PC-E6", "the role change boots the database itself; nothing opens by itself"),
    ("PC-E9", "needs a measured role change on these hosts"),
    ("PC-E11", "no hooks are declared"),
    ("PC-F2", "asked with PC-G2.login: the login has to arrive at the member that the alias means"),
    ("PC-F3", "no virtual address or name is managed"),
    ("PC-F4", "asked live by PC-F1: the port of the future standby is held open and tried"),
    ("PC-F5", "belongs to snapshot and restore drills"),
    ("PC-H3", "belongs to a drill: its compensations and timers"),
    ("PC-H4", "belongs to snapshot drills"),
    ("PC-M1 to PC-M4", "belong to a drill: the measurement"),
    ("PC-R1 to PC-R3", "belong to restore drills"),
    ("PC-S1", "belongs to seeding, see the role preflight"),
)


class Asked(NamedTuple):
    """What is asked of a cluster: its name, a candidate or "" for all, limits, and members with a fence command."""

    cluster: str
    target: str = ""
    limits: Thresholds = Thresholds()
    fences: Tuple[str, ...] = ()


def silent(member: cluster.Member, why: str) -> Seen:
    """A member that did not answer: every fact is unknown, for this reason."""
    fact = unknown("-", why)
    return Seen(member, MemberFacts(dict.fromkeys(MemberFacts.NAMES, fact)), False)


def _nobody(like: cluster.Member) -> Seen:
    """Stands for a primary that is not known."""
    return silent(like._replace(name="", address=""), "no primary is known")


def _is_primary(seen: Seen) -> bool:
    return seen.answered and seen.facts["role"].equals(PRIMARY) and seen.facts["process"].equals(True)


def find_primary(members: Sequence[Seen]) -> Optional[Seen]:
    """The one running primary. Without one: the member that must have been it, which is the only one that does not say
    it is a standby."""
    primaries = [seen for seen in members if _is_primary(seen)]
    if primaries:
        return primaries[0] if len(primaries) == 1 else None
    others = [seen for seen in members if not seen.facts["role"].equals(STANDBY) and not _was_standby(seen)]
    return others[0] if len(others) == 1 else None


def _was_standby(seen: Seen) -> bool:
    """A stopped member of which our record of its control files says that it is a standby."""
    return seen.facts["recorded_role"].equals(STANDBY) and not seen.facts["role"].is_known


def check_target(members: Sequence[Seen], target: str) -> None:
    """:raises Refusal: for a target that is no member, or that is primary already."""
    names = [seen.name for seen in members]
    if target not in names:
        raise Refusal(
            seen="standby_target is {0!r}".format(target),
            meaning="Allowed is a member of the cluster: {0}".format(", ".join(names)),
            remedy="correct -e standby_target",
            details={"variable": "standby_target", "value": target},
        )
    if _is_primary(next(seen for seen in members if seen.name == target)):
        raise Refusal(
            seen="standby_target is {0!r}, which is the primary".format(target),
            meaning="Only a standby can take over",
            remedy="name one of {0}".format(", ".join(name for name in names if name != target)),
            details={"variable": "standby_target", "value": target},
        )


def judge(members: Sequence[Seen], asked: Asked, tolerate: Collection[str] = ()) -> Report:
    """All checks of a cluster.

    :arg members: every member, in the order of the inventory. :arg tolerate: ids, or groups of ids, whose UNKNOWN is
        accepted.
    :returns: the report. :raises Refusal: for a target that cannot be one.
    """
    if asked.target:
        check_target(members, asked.target)
    found = find_primary(members)
    primary = found or _nobody(members[0].described)
    candidates = [seen for seen in members if seen is not found and asked.target in ("", seen.name)]
    candidates = [seen for seen in candidates if not _is_primary(seen)]
    report = Report(
        cluster=asked.cluster,
        engine="tibero",
        primary=primary.name if _is_primary(primary) else "",
        items=tuple(_common(members, primary, asked)),
        candidates=tuple(
            Candidate(seen.name, tuple(_of_candidate(seen, primary, members, asked))) for seen in candidates
        ),
        not_run=tuple(NotRun(*each) for each in NOT_RUN) + _not_run(candidates, primary),
        silent=tuple(seen.name for seen in members if not seen.answered),
    )
    return core.tolerate(report, tolerate)


def _not_run(candidates: Sequence[Seen], primary: Seen) -> Tuple[NotRun, ...]:
    if any(pairs.standby_redo_agrees(seen, primary) for seen in candidates):
        return ()
    return (NotRun("PC-C12.standby_redo", "no tip uses standby redo logs"),)


# ---------------------------------------------------------------------------------- what concerns every candidate


def _common(members: Sequence[Seen], primary: Seen, asked: Asked) -> List[Item]:
    limits = asked.limits
    found = [_one_primary(members), Item(_observer(members), ALL)]
    found += [Item(alone.journal(seen), ALL) for seen in members if seen.answered]
    if primary.name:
        found += _of_primary(primary, [seen.described.transport for seen in members if seen is not primary], limits)
    found.append(Item(_mode(members, primary), BOTH, (FAILOVER,)))
    found += [
        Item(told(Question(id_, text, "seen", todo), UNKNOWN, "UNKNOWN: " + why, "-"), blocks)
        for id_, text, why, todo, blocks in UNSEEN
    ]
    found += [
        Item(told(Question(id_, text, "seen", todo, True), UNKNOWN, "UNKNOWN: " + why, "-"), BOTH)
        for id_, text, why, todo in UNSEEN_ADVISORY
    ]
    return found


def _of_primary(primary: Seen, transports: Sequence[str], limits: Thresholds) -> List[Item]:
    """The present primary by itself: what a switchover does to it, and what it needs to be a standby."""
    found = [Item(alone.answers(primary), BOTH), Item(alone.own_login(primary), BOTH)]
    found += [Item(check, (SWITCHOVER,)) for check in alone.backup(primary)]
    found += [
        Item(check, (SWITCHOVER,))
        for check in (
            alone.unfinished(primary),
            alone.faulted(primary),
            alone.sessions(primary, limits),
            alone.transactions(primary, limits),
            alone.recover_files(primary),
            alone.notes(primary),
        )
    ]
    found += [
        Item(alone.backlog(primary, limits), (SWITCHOVER,), (FAILOVER,)),
        Item(alone.archive_mode(primary, transports), BOTH, (FAILOVER,)),
        Item(alone.supervisors(primary), (SWITCHOVER,), (FAILOVER,)),
    ]
    found += [
        Item(check, BOTH)
        for check in (
            alone.licence(primary, limits),
            alone.files(primary),
            alone.datafiles(primary),
            alone.redo_files(primary),
            alone.archive_place(primary),
            alone.room(primary, "data", limits),
            alone.room(primary, "archive", limits),
            alone.described(primary),
            alone.own_ports(primary),
            pairs.live_is_kept(primary),
            pairs.receive_port(primary),
        )
    ]
    if alone.uses_standby_redo(primary.facts):
        found.append(Item(alone.standby_redo(primary), BOTH))
    return found


def _one_primary(members: Sequence[Seen]) -> Item:
    """PC-B1: by each member's own word."""
    question = Question(
        "PC-B1.one_primary",
        "Is exactly one member primary, by each one's own word?",
        "one",
        "With two: decide which one is right and stop the other (tbdown -t IMMEDIATE), keeping its files. With none: "
        "start the primary, or fail over",
    )
    primaries = [seen.name for seen in members if _is_primary(seen)]
    doubtful = [
        seen.name
        for seen in members
        if not seen.answered or (not seen.facts["role"].is_known and not seen.facts["process"].equals(False))
    ]
    text = "{0} say so{1}".format(
        ", ".join(primaries) or "none", "; not known of " + ", ".join(doubtful) if doubtful else ""
    )
    source = "role of each member"
    if len(primaries) > 1:
        return Item(told(question, FAIL, text, source), ALL)
    if not primaries:
        return Item(told(question, UNKNOWN if doubtful else FAIL, text, source), BOTH, (FAILOVER,))
    return Item(told(question, WARN if doubtful else OK, text, source), ALL)


def _observer(members: Sequence[Seen]) -> Check:
    """PC-E10: with an Observer only it may change roles (H: never mix both paths)."""
    question = Question(
        "PC-E10.observer",
        "Is no Observer configured that changes roles by itself?",
        "STANDBY_USE_OBSERVER is not Y",
        "With an Observer use `cmrctl switchover --tscid N`; the playbooks of this collection refuse, because both "
        "ways must never be mixed",
    )
    known = [seen for seen in members if seen.answered]
    if not known:
        return told(question, UNKNOWN, "UNKNOWN: no member answered", "tip")

    def judge() -> Tuple[str, str]:
        said = {seen.name: seen.facts["observer"].value or {} for seen in known}
        used = ["{0}: STANDBY_USE_OBSERVER is Y".format(name) for name, found in said.items() if found["configured"]]
        managers = ["{0}: {1}".format(name, found["manager"]) for name, found in said.items() if found["manager"]]
        text = "; ".join(used + managers) or "not configured on {0}".format(", ".join(said))
        return (FAIL if used else WARN if managers else OK), text

    return answer(question, [seen.facts["observer"] for seen in known], judge)


def _mode(members: Sequence[Seen], primary: Seen) -> Check:
    """PC-C3: which protection is in force, not which is configured. PROTECTION: a primary that runs proves it (H, it
    would have stopped). AVAILABILITY lapses in silence: a connection that stands to a synchronous standby, and
    V$STANDBY_DEST as far as its columns can be understood (L), have to agree."""
    described = members[0].described.protection_mode.upper()
    question = Question(
        "PC-C3.mode",
        "Which protection mode is in force?",
        described,
        "See why no LGWR SYNC standby answers; set the mode as declared with playbooks/setup_standby.yml",
    )
    facts = primary.facts

    def judge() -> Tuple[str, str]:
        mode = str(facts["protection_mode"].value)
        if mode != described:
            return FAIL, "{0} is configured, described is {1}".format(mode, described)
        if mode != "AVAILABILITY":
            return OK, "{0}{1}".format(mode, ", proved by the primary that runs" if mode == "PROTECTION" else "")
        said = []
        for seen in members:
            if seen is primary or seen.described.transport != cluster.SYNC:
                continue
            destination = pairs.destination_of(primary, seen) or {}
            state = str((destination.get("state") or {}).get("value", core_facts.UNKNOWN))
            tried = pairs.reached(primary, seen, seen.described.standby_port) or {}
            stands = tried.get("outcome") == "established"
            said.append(
                (
                    stands,
                    state,
                    "{0} {1}, status {2}".format(seen.name, "connected" if stands else "not connected", state),
                )
            )
        text = "AVAILABILITY; {0}".format("; ".join(each[2] for each in said) or "no LGWR SYNC standby")
        if any(stands and state.upper() == pairs.RUNNING for stands, state, _text in said):
            return OK, text
        return (UNKNOWN if any(stands for stands, _state, _text in said) else FAIL), text

    return answer(question, [facts["protection_mode"], facts["destinations"], facts["reach"]], judge)


# ---------------------------------------------------------------------------------------- what concerns one of them


def _of_candidate(own: Seen, primary: Seen, members: Sequence[Seen], asked: Asked) -> List[Item]:
    siblings = [seen for seen in members if seen is not own and seen is not primary]
    found = _by_itself(own, asked.limits)
    found += _beside(own, primary, siblings, asked.limits)
    found += _between(own, primary)
    for other in siblings:
        found.append(Item(_sibling(own, other), (), ALL))
        found.append(Item(pairs.login(own, other), (), ALL))
        found.append(Item(pairs.password_file(own, other), (), ALL))
        found.append(Item(pairs.way(own, other, other.described.standby_port, "redo"), (), ALL))
    found.append(Item(_fences(own, primary, asked.fences), (FAILOVER,)))
    found += _way_back(own, primary)
    return found


def _by_itself(own: Seen, limits: Thresholds) -> List[Item]:
    found = [
        Item(check, ALL)
        for check in (
            alone.answers(own),
            pairs.is_standby(own),
            pairs.recovering(own),
            alone.own_login(own),
            alone.unfinished(own),
            alone.faulted(own),
            alone.notes(own),
            alone.licence(own, limits),
            alone.files(own),
            alone.datafiles(own),
            alone.redo_files(own),
            alone.archive_place(own),
            alone.room(own, "data", limits),
            alone.room(own, "archive", limits),
            alone.described(own),
            alone.own_ports(own),
        )
    ]
    if alone.uses_standby_redo(own.facts):
        found.append(Item(alone.standby_redo(own), (WAY_BACK,)))
    return found


def _beside(own: Seen, primary: Seen, siblings: Sequence[Seen], limits: Thresholds) -> List[Item]:
    """The candidate held against the present primary."""
    mode = primary.facts["protection_mode"]
    found = [Item(check, BOTH) for check in pairs.same_platform(own, primary)]
    found += [
        Item(check, BOTH, (FAILOVER,))
        for check in (
            pairs.same_database(own, primary),
            pairs.gap(own, primary),
            pairs.redo_sizes(own, primary),
            pairs.attached(own, primary),
            pairs.reverse_destinations(own, primary, siblings),
            pairs.password_file(own, primary),
        )
    ]
    found += [
        Item(check, (SWITCHOVER,), (FAILOVER,))
        for check in [pairs.lag(own, primary, limits), pairs.parameters(own, primary)]
        + pairs.power(own, primary, limits)
    ]
    found += [
        Item(pairs.lossless(own, str(mode.value) if mode.is_known else ""), (), (FAILOVER,)),
        Item(pairs.tempfiles(own, primary), (SWITCHOVER, FAILOVER)),
        Item(pairs.synchronous_after(own, [primary] + list(siblings), SWITCHOVER), (SWITCHOVER,)),
        Item(pairs.synchronous_after(own, siblings, FAILOVER), (FAILOVER,)),
        Item(pairs.clock(own, primary, limits), BOTH),
    ]
    return found


def _between(own: Seen, primary: Seen) -> List[Item]:
    """Ports and logins, both ways, for the roles after the change and for the way back."""
    ways = [
        (own, primary, primary.described.listener_port, "listener"),
        (own, primary, primary.described.standby_port, "redo"),
        (primary, own, own.described.listener_port, "listener"),
        (primary, own, own.described.standby_port, "redo"),
    ]
    if not primary.name:
        return []
    found = [Item(pairs.way(*each), BOTH) for each in ways]
    return found + [Item(pairs.login(own, primary), BOTH), Item(pairs.login(primary, own), BOTH)]


def _sibling(own: Seen, other: Seen) -> Check:
    """PC-B7: whether another standby could follow the new primary."""
    question = Question(
        ident("PC-B7", "sibling", own.name, other.name),
        "Could {0} follow {1} as its primary?".format(other.name, own.name),
        "a running standby, and a destination for it in the tip of {0}".format(own.name),
        "Bring it back to RECOVERY, or build it anew; without it the change leaves one standby less",
    )

    def judge() -> Tuple[str, str]:
        role = str(other.facts["role"].value)
        wanted = (other.described.address, other.described.standby_port)
        try:
            there = wanted in pairs.tip_destinations(own)
        except ValueError as error:
            return UNKNOWN, str(error)
        text = "{0}, {1} destination for it".format(role, "a" if there else "no")
        return (OK if role == STANDBY and there else FAIL), text

    return answer(question, [other.facts["role"], own.facts["parameters"]], judge)


def _fences(own: Seen, primary: Seen, commands: Sequence[str]) -> Check:
    """PC-G6: what could keep the present primary from writing after a failover, each with evidence of its own."""
    question = Question(
        ident("PC-G6", "fences", own.name),
        "By how many independent ways could {0} be fenced?".format(primary.name or "the primary"),
        "two or more",
        "Declare a fence command that does not need the host itself, such as a power switch; without any, a failover "
        "needs an override that is recorded",
    )
    found = []
    if primary.answered:
        found.append("its instance can be stopped over ssh")
    if primary.name in commands:
        found.append("a fence command is declared")
    reach = own.facts["reach"]
    if not primary.name or not (primary.answered or reach.is_known):
        why = "no former primary is known" if not primary.name else reach.why
        return told(question, UNKNOWN, "UNKNOWN: {0}".format(why), "this run")
    tried = pairs.reached(own, primary, primary.described.listener_port) or {}
    if not primary.answered and tried.get("outcome") in ("refused", "timeout", "unreachable"):
        found.append("its listener does not answer {0}".format(own.name))
    verdict = OK if len(found) > 1 else WARN if found else FAIL
    return told(question, verdict, "; ".join(found) or "none", "this run")


def _way_back(own: Seen, primary: Seen) -> List[Item]:
    """PC-H1: after a switchover the former primary boots RECOVERY as it is (H); after a failover it has to be rebuilt
    (H), unless reverse synchronisation is set and its own conditions hold (H, TADTI023)."""
    rejoin = Question(
        ident("PC-H1", "after_switchover", own.name),
        "After a switchover, could {0} come back without a copy?".format(primary.name or "the primary"),
        "it runs, and boots RECOVERY after a clean SWITCHOVER stop",
        "Start the primary first; after a failover it has to be built anew",
    )
    rebuild = Question(
        ident("PC-H1", "after_failover", own.name),
        "After a failover, could the former primary come back without a copy?",
        "more than a rebuild",
        "Plan the time and the way of a rebuild; reinstatement measures what is cheaper when it is known what happened",
    )
    process = primary.facts["process"]
    reverse = [
        seen.name for seen in (own, primary) if parameter(seen.facts, "_LNW_REVERSE_SYNC").upper() in ("Y", "YES")
    ]
    text = "rebuild only"
    if len(reverse) == 2:
        text = "reverse synchronisation is set on both; whether it is possible is known after the failover only"
    return [
        Item(
            answer(
                rejoin, [process], lambda: (OK, "it runs") if process.value else (FAIL, "its instance does not run")
            ),
            (WAY_BACK,),
        ),
        Item(told(rebuild, WARN, text, "tips"), (), (FAILOVER,)),
    ]


def fences_declared(variables: Mapping[str, str]) -> Tuple[str, ...]:
    """Members for which a fence command is set."""
    return tuple(sorted(name for name, command in variables.items() if str(command or "").strip()))
