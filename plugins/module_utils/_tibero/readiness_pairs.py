# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The checks of readiness that hold two members against each other: a candidate and the present primary, or a sibling.
Pure: facts in, checks out."""

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.checks import FAIL, OK, UNKNOWN, WARN, Check
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import (
    READ_ONLY,
    RECOVERING,
    STANDBY,
    Fact,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.log_gap import missing, online_of
from ansible_collections.firedrill.standby.plugins.module_utils._core.readiness import Thresholds
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import cluster, host_facts, preflight
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import tip
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.readiness_checks import (
    Question,
    Seen,
    answer,
    ident,
    parameter,
    told,
    uses_standby_redo,
)

#: Modes in which a primary does not boot without a synchronous standby (H, MAN).
NEEDING_STANDBY = ("PROTECTION", "AVAILABILITY")
#: Parameters that must be at least as large on the candidate, or the same load does not fit.
AT_LEAST = ("MAX_SESSION_COUNT", "TOTAL_SHM_SIZE", "MEMORY_TARGET")
#: Parameters whose difference changes how the cluster works after the role change.
SAME = ("DB_NAME", "DB_BLOCK_SIZE", "LOG_REPLICATION_MODE", "USE_STANDBY_REDO_LOG", "_USE_STANDBY_REDO_LOG")
#: The word of V$STANDBY_DEST for a destination at work: TBR-7514 proves that there is such a status (C); its column is
#: not documented (L), so it is never decided on alone.
RUNNING = "RUNNING"


# ------------------------------------------------------------------------------------------ is it what it should be


def is_standby(own: Seen) -> Check:
    """PC-B2: by its own word."""
    question = Question(
        ident("PC-B2", "target", own.name),
        "Is {0} a running standby by its own word?".format(own.name),
        "standby, running",
        "Start it with `tbboot -t RECOVERY` (never NORMAL), or build it with playbooks/setup_standby.yml",
    )
    facts = own.facts
    if facts["process"].equals(False):
        recorded = facts["recorded_role"].value if facts["recorded_role"].is_known else ""
        text = "its instance does not run{0}".format("; our record says {0}".format(recorded) if recorded else "")
        return answer(question, [facts["process"]], lambda: (FAIL, text))
    role = facts["role"]
    return answer(question, [facts["process"], role], lambda: (OK if role.value == STANDBY else FAIL, str(role.value)))


def recovering(own: Seen) -> Check:
    """PC-B3: open mode of the candidate."""
    question = Question(
        ident("PC-B3", "recovering", own.name),
        "Does {0} apply redo, and is it open for nobody?".format(own.name),
        "recovery",
        "Bring it to recovery: `tbboot -t RECOVERY` if it is stopped; readers of an open one are cut off by a change",
    )
    mode = own.facts["open_mode"]
    verdicts = {RECOVERING: OK, READ_ONLY: WARN}
    return answer(question, [mode], lambda: (verdicts.get(str(mode.value), FAIL), str(mode.value)))


def destination_of(primary: Seen, own: Seen) -> Optional[Mapping[str, Any]]:
    """The destination of the running primary that leads to a member, or None."""
    wanted = (own.described.address, own.described.standby_port)
    for each in primary.facts["destinations"].value or []:
        if (str(each["host"]).strip("[]"), int(each["port"])) == wanted:
            return dict(each)
    return None


def reached(source: Seen, target: Seen, port: int) -> Optional[Mapping[str, Any]]:
    """The try of a port of a member, or None if it was not tried."""
    for each in source.facts["reach"].value or []:
        if each["name"] == target.name and int(each["port"]) == port:
            return dict(each)
    return None


def attached(own: Seen, primary: Seen) -> Check:
    """PC-B2: configured is not connected, so the connection itself is looked for."""
    question = Question(
        ident("PC-B2", "attached", own.name),
        "Does {0} send redo to {1} now?".format(primary.name or "the primary", own.name),
        "a destination that is enabled, and a connection that stands",
        "See that {0} runs in RECOVERY and that its port {1} is open; then playbooks/setup_standby.yml switches the "
        "destination on".format(own.name, own.described.standby_port),
    )
    facts = primary.facts

    def judge() -> Tuple[str, str]:
        found = destination_of(primary, own)
        if found is None:
            return FAIL, "no destination {0}:{1}".format(own.described.address, own.described.standby_port)
        said = "LOG_REPLICATION_DEST_{0} {1}".format(found["number"], found["transport"])
        if found["enabled"].get("value") is False:
            return FAIL, "{0} is switched off".format(said)
        tried = reached(primary, own, own.described.standby_port)
        if tried is None:
            return UNKNOWN, "{0}; the port was not tried".format(said)
        if tried["outcome"] == "established":
            return OK, "{0}, the connection stands".format(said)
        if tried["outcome"] == "connected" and found["transport"] == cluster.ARCHIVE:
            return WARN, "{0}, no connection stands at the moment".format(said)
        return FAIL, "{0}, no connection stands (a try: {1})".format(said, tried["outcome"])

    return answer(question, [facts["destinations"], facts["reach"]], judge)


def equal(own: Seen, other: Seen, number: str, field: str, what: str, remedy: str) -> Check:
    """A fact that has to be the same on both."""
    question = Question(
        ident(number, field, own.name),
        "Is the {0} of {1} that of {2}?".format(what, own.name, other.name or "the primary"),
        str(other.facts[field].value) if other.facts[field].is_known else "that of the primary",
        remedy,
    )
    mine, theirs = own.facts[field], other.facts[field]
    return answer(
        question, [theirs, mine], lambda: (OK if mine.value == theirs.value else FAIL, "{0}".format(mine.value))
    )


def same_platform(own: Seen, other: Seen) -> List[Check]:
    """PC-B4, PC-B5."""
    copy = "The files of a database can only be read on a host of the same kind; take another candidate"
    build = "Install the same build on both, for example with tibero_software_source: clone"
    return [
        equal(own, other, "PC-B4", "db_block_size", "DB_BLOCK_SIZE", copy),
        equal(own, other, "PC-B4", "endianness", "byte order", copy),
        equal(own, other, "PC-B4", "word_size", "word size", copy),
        equal(own, other, "PC-B4", "cpu_architecture", "CPU architecture", copy),
        equal(own, other, "PC-B5", "tibero_version", "version of Tibero", build),
        equal(own, other, "PC-B5", "tibero_build", "build of Tibero", build),
    ]


def same_database(own: Seen, other: Seen) -> Check:
    """PC-B6."""
    question = Question(
        ident("PC-B6", "identity", own.name),
        "Is it the same database on {0} and {1}?".format(own.name, other.name or "the primary"),
        "the same DBID",
        "It is another database: build the standby anew, after you know what this one is",
    )

    def judge() -> Tuple[str, str]:
        mine, theirs = ((seen.facts["identity"].value or {}).get("dbid") for seen in (own, other))
        if not mine or not theirs:
            return UNKNOWN, "DBID {0}, there {1}".format(mine or "UNKNOWN", theirs or "UNKNOWN")
        return (OK if mine == theirs else FAIL), "DBID {0}, there {1}".format(mine, theirs)

    return answer(question, [own.facts["identity"], other.facts["identity"]], judge)


# ------------------------------------------------------------------------------------------------- redo


def _positions(fact: "Fact[Any]") -> List[int]:
    return [int(each["position"]) for each in fact.value or []]


def lag(own: Seen, primary: Seen, limits: Thresholds) -> Check:
    """PC-C1: the difference of positions, sample by sample, and whether they move. A TSN is no time, and what a
    standby's CURRENT_TSN means is not documented (L): it is called the reported position."""
    question = Question(
        ident("PC-C1", "lag", own.name),
        "Is the lag of {0} small, over several samples?".format(own.name),
        "below {0} TSN".format(limits.lag_warn),
        "Find out what holds up redo (network, disk, apply), and look again; a switchover ships what is missing, a "
        "failover loses it",
    )
    facts = [primary.facts["positions"], own.facts["positions"]]

    def judge() -> Tuple[str, str]:
        theirs, mine = _positions(facts[0]), _positions(facts[1])
        pairs = list(zip(theirs, mine))
        if len(pairs) < 3:
            return UNKNOWN, "{0} samples, 3 are needed".format(len(pairs))
        behind = [max(head - tail, 0) for head, tail in pairs]
        text = "{0} TSN at the most, now {1}; {2} moved by {3}, {4} by {5}".format(
            max(behind), behind[-1], primary.name, theirs[-1] - theirs[0], own.name, mine[-1] - mine[0]
        )
        if behind[-1] >= limits.lag_fail:
            return FAIL, text
        stuck = mine[-1] == mine[0] and behind[-1] > 0
        if stuck and theirs[-1] > theirs[0]:
            return FAIL, text + ": the standby stands still"
        return (WARN if stuck or behind[-1] >= limits.lag_warn else OK), text

    return answer(question, facts, judge)


def gap(own: Seen, primary: Seen) -> Check:
    """PC-C2: redo that the standby lacks and that is in no online log of the primary has to be in its archives
    (TBR-1027, C). How far the standby is, is its current log by its own V$LOG, since received redo is written to its
    online logs (H); what the view shows there was never seen (L)."""
    question = Question(
        ident("PC-C2", "gap", own.name),
        "Has {0} every log that {1} still needs?".format(primary.name or "the primary", own.name),
        "in the online logs, or archived and there",
        "Bring the archive back to the archive directory of {0}; if it is lost, build the standby anew".format(
            primary.name or "the primary"
        ),
    )
    facts = [own.facts["log_sequence"], primary.facts["redo"], primary.facts["archives"]]

    def judge() -> Tuple[str, str]:
        needed = int(facts[0].value or 0)
        online = online_of(facts[1].value or [])
        if not online:
            return UNKNOWN, "no log of {0} has a sequence".format(primary.name)
        if needed >= min(online):
            return OK, "{0} is at log {1}, online are {2} to {3}".format(own.name, needed, min(online), max(online))
        gone = missing(needed, online, (facts[2].value or {}).get("present") or [])
        text = "{0} needs logs {1} to {2} from archives".format(own.name, needed, min(online) - 1)
        if not gone:
            return OK, text + ", all there"
        return FAIL, "{0}; not there: {1}".format(
            text, str(gone[0]) if len(gone) == 1 else "{0} to {1} ({2} logs)".format(gone[0], gone[-1], len(gone))
        )

    return answer(question, facts, judge)


def lossless(own: Seen, mode: str) -> Check:
    """PC-C5: whether a failover to this member can lose acknowledged redo, by mode and transport (H)."""
    question = Question(
        ident("PC-C5", "lossless", own.name),
        "Does {0} hold every acknowledged transaction at any time?".format(own.name),
        "LGWR SYNC in PROTECTION, or in AVAILABILITY while it does not lapse",
        "A failover to it may lose what was not sent yet; the failover says how much and asks for consent",
    )
    sync = own.described.transport == cluster.SYNC
    said = "{0}, {1}".format(mode or "mode UNKNOWN", own.described.transport)
    verdict = OK if sync and mode == "PROTECTION" else WARN
    if sync and mode == "AVAILABILITY":
        verdict, said = OK, said + ": as long as PC-C3 holds"
    return told(question, verdict, said, "tibero_transport, mode of the running primary")


def redo_sizes(own: Seen, primary: Seen) -> Check:
    """PC-C12: the online logs that the candidate will write as a primary."""
    question = Question(
        ident("PC-C12", "redo_sizes", own.name),
        "Has {0} the redo groups of {1}?".format(own.name, primary.name or "the primary"),
        "as many, as large",
        "Build the standby anew from the primary: log groups cannot be added while a standby exists (H)",
    )

    def sizes(seen: Seen) -> List[int]:
        return sorted(int(group["bytes"]) for group in seen.facts["redo"].value or [])

    def judge() -> Tuple[str, str]:
        mine, theirs = sizes(own), sizes(primary)
        text = "{0} groups of {1}; {2} has {3} of {4}".format(
            len(mine), _several(mine), primary.name, len(theirs), _several(theirs)
        )
        if mine == theirs:
            return OK, text
        return (FAIL if len(mine) < len(theirs) or sum(mine) < sum(theirs) else WARN), text

    return answer(question, [primary.facts["redo"], own.facts["redo"]], judge)


def _several(sizes: Sequence[int]) -> str:
    return ", ".join(preflight.readable(size) for size in sorted(set(sizes))) or "-"


def tempfiles(own: Seen, primary: Seen) -> Check:
    """PC-D5: temp files are not in the redo; without them a read-only open fails (TBR-24140, C) and sorting does."""
    question = Question(
        ident("PC-D5", "tempfiles", own.name),
        "Has {0} the temp files of {1}?".format(own.name, primary.name or "the primary"),
        "as many, all there",
        "After the change add them: ALTER TABLESPACE TEMP ADD TEMPFILE '...' SIZE ... REUSE",
    )

    def judge() -> Tuple[str, str]:
        mine = [each for each in own.facts["tempfiles"].value or [] if each["bytes"] is not None]
        listed = len(own.facts["tempfiles"].value or [])
        theirs = len(primary.facts["tempfiles"].value or []) if primary.facts["tempfiles"].is_known else listed
        text = "{0} of {1} listed are there; {2} has {3}".format(
            len(mine), listed, primary.name or "the primary", theirs if primary.facts["tempfiles"].is_known else "?"
        )
        return (FAIL if theirs and not mine else WARN if len(mine) < max(theirs, listed) else OK), text

    return answer(question, [own.facts["tempfiles"]], judge)


# ------------------------------------------------------------------------------------- parameters and the reverse


def parameters(own: Seen, primary: Seen) -> Check:
    """PC-E1: what bites after the change."""
    question = Question(
        ident("PC-E1", "parameters", own.name),
        "Does the tip of {0} suit a primary as that of {1} does?".format(own.name, primary.name or "the primary"),
        "no difference that bites",
        "Put what is meant for every member into tibero_parameters, run playbooks/setup_standby.yml, and restart the "
        "standby",
    )

    def judge() -> Tuple[str, str]:
        found = preflight.differing_parameters(
            own.facts["parameters"].value or {}, primary.facts["parameters"].value or {}
        )
        bad = []
        for name, mine, theirs in found:
            least = preflight.size(theirs)
            smaller = name in AT_LEAST and least is not None and (preflight.size(mine) or 0) < least
            if smaller or name in SAME:
                bad.append(name)
        if parameter(own.facts, "BOOT_WITH_AUTO_DOWN_CLEAN").upper() in ("Y", "YES"):
            bad.append("BOOT_WITH_AUTO_DOWN_CLEAN")
        text = "; ".join(
            "{0} {1}, there {2}".format(name, _set(mine), _set(theirs))
            for name, mine, theirs in sorted(found, key=lambda each: each[0] not in bad)
        )
        if "BOOT_WITH_AUTO_DOWN_CLEAN" in bad and not any(each[0] == "BOOT_WITH_AUTO_DOWN_CLEAN" for each in found):
            text += "; BOOT_WITH_AUTO_DOWN_CLEAN is Y"
        return (FAIL if bad else WARN if found else OK), text.lstrip("; ") or "no difference"

    return answer(question, [own.facts["parameters"], primary.facts["parameters"]], judge)


def _set(value: Optional[str]) -> str:
    return "not set" if value is None else str(value)


def live_is_kept(primary: Seen) -> Check:
    """PC-E1: a run-time change that is not in the tip is gone after the next boot (L: ALTER SYSTEM does not write it)."""
    question = Question(
        ident("PC-E1", "kept", primary.name),
        "Is what {0} runs with in its tip too?".format(primary.name),
        "mode and destinations the same",
        "Run playbooks/setup_standby.yml, which writes the tip; else the next boot falls back to it",
    )

    def judge() -> Tuple[str, str]:
        live = primary.facts["live_parameters"].value or {}
        bad = []
        for name in ["LOG_REPLICATION_MODE"] + ["LOG_REPLICATION_DEST_{0}".format(number) for number in range(1, 10)]:
            runs = " ".join(str(live.get(name) or "").replace('"', "").split())
            kept = " ".join(parameter(primary.facts, name).split())
            if runs != kept and not (name == "LOG_REPLICATION_MODE" and {runs, kept} == {"", "UNPROTECTED"}):
                bad.append("{0}: runs with {1}, tip {2}".format(name, runs or "nothing", kept or "nothing"))
        return (FAIL if bad else OK), "; ".join(bad) or "the same"

    return answer(question, [primary.facts["live_parameters"], primary.facts["parameters"]], judge)


def tip_destinations(seen: Seen) -> Dict[Tuple[str, int], str]:
    """Where a member would send redo as a primary, by its tip: transport by host and port.

    :raises GrammarError: for a destination that cannot be read.
    """
    found = {}
    for number in range(1, 10):
        text = parameter(seen.facts, "LOG_REPLICATION_DEST_{0}".format(number))
        if text:
            parsed = tip.parse_destination(text)
            found[(parsed.host.strip("[]"), parsed.port)] = parsed.transport
    return found


def reverse_destinations(own: Seen, primary: Seen, siblings: Sequence[Seen]) -> Check:
    """PC-E2: as a primary the candidate reads its own tip, so that has to name the others (H)."""
    question = Question(
        ident("PC-E2", "destinations", own.name),
        "Would {0} as a primary send redo to all the others?".format(own.name),
        "mode {0} and a destination for each".format(own.described.protection_mode.upper()),
        "Run playbooks/setup_standby.yml with tibero_symmetric_tips: true, which writes the tip of every member",
    )

    def judge() -> Tuple[str, str]:
        try:
            found = tip_destinations(own)
        except GrammarError as error:
            return UNKNOWN, str(error)
        mode = parameter(own.facts, "LOG_REPLICATION_MODE").upper()
        bad = []
        if mode != own.described.protection_mode.upper():
            bad.append("LOG_REPLICATION_MODE is {0}".format(mode or "not set"))
        for other in [primary] * bool(primary.name) + list(siblings):
            transport = found.get((other.described.address, other.described.standby_port))
            if transport is None:
                bad.append("none for {0}".format(other.name))
            elif transport != other.described.transport:
                bad.append("{0} by {1}, described {2}".format(other.name, transport, other.described.transport))
        return (FAIL if bad else OK), "; ".join(bad) or "{0}, {1} destinations".format(mode, len(found))

    return answer(question, [own.facts["parameters"]], judge)


def synchronous_after(own: Seen, others: Sequence[Seen], what: str) -> Check:
    """PC-E2: in PROTECTION and AVAILABILITY a primary does not boot without a standby by LGWR SYNC (H, MAN)."""
    question = Question(
        ident("PC-E2", "sync_after_{0}".format(what), own.name),
        "Would {0} boot as a primary after a {1} in this mode?".format(own.name, what),
        "PERFORMANCE, or a standby that answers and receives by LGWR SYNC",
        "Set tibero_transport: LGWR SYNC for one more member, or be ready to lower the mode to performance first",
    )

    def judge() -> Tuple[str, str]:
        mode = parameter(own.facts, "LOG_REPLICATION_MODE").upper()
        if mode not in NEEDING_STANDBY:
            return OK, mode or "no mode"
        try:
            found = tip_destinations(own)
        except GrammarError as error:
            return UNKNOWN, str(error)
        sync = [
            each.name
            for each in others
            if each.answered
            and found.get((each.described.address, each.described.standby_port), "").upper() == cluster.SYNC
        ]
        return (OK if sync else FAIL), "{0}, by LGWR SYNC: {1}".format(mode, ", ".join(sync) or "nobody that answers")

    return answer(question, [own.facts["parameters"]], judge)


def receive_port(primary: Seen) -> Check:
    """PC-E2: where the present primary would receive redo as a standby; default LISTENER_PORT + 4 (H)."""
    wanted = primary.described.standby_port
    question = Question(
        ident("PC-E2", "receive_port", primary.name),
        "Would {0} as a standby receive redo where the others send it?".format(primary.name),
        "port {0}".format(wanted),
        "Run playbooks/setup_standby.yml, which writes _STANDBY_CONN_PORT",
    )

    def judge() -> Tuple[str, str]:
        text = parameter(primary.facts, "_STANDBY_CONN_PORT")
        found = text or str(primary.described.listener_port + cluster.STANDBY_PORT_OFFSET)
        return (OK if found == str(wanted) else FAIL), "port {0}{1}".format(found, "" if text else ", by default")

    return answer(question, [primary.facts["parameters"]], judge)


def power(own: Seen, primary: Seen, limits: Thresholds) -> List[Check]:
    """PC-E4: CPU and memory for the load of the primary."""

    def one(what: str, mine: "Fact[Any]", theirs: "Fact[Any]", key: str) -> Check:
        question = Question(
            ident("PC-E4", what, own.name),
            "Has {0} the {1} of {2}?".format(own.name, what, primary.name or "the primary"),
            "{0:.0f} % or more".format(100 * limits.power_ok),
            "Expect it to be slower under the same load, or give the host more",
        )

        def judge() -> Tuple[str, str]:
            here, there = ((fact.value or {}).get(key) if key else fact.value for fact in (mine, theirs))
            part = float(here or 0) / float(there or 1)
            verdict = OK if part >= limits.power_ok else WARN if part >= limits.power_fail else FAIL
            return verdict, "{0:.0f} % ({1}, there {2})".format(100 * part, here, there)

        return answer(question, [theirs, mine], judge)

    return [
        one("cpus", own.facts["cpus"], primary.facts["cpus"], ""),
        one("memory", own.facts["memory"], primary.facts["memory"], "ram_bytes"),
    ]


# ------------------------------------------------------------------------------------------------- ways and logins


def way(source: Seen, target: Seen, port: int, what: str) -> Check:
    """PC-F1: a port of another member, tried live."""
    question = Question(
        ident("PC-F1", "reach", source.name, target.name, port),
        "Can {0} open the {1} port {2} of {3}?".format(source.name, what, port, target.name),
        "connected",
        "Open port {0} on the way from {1} to {2} (firewall, security group, route), or start what listens "
        "there".format(port, source.name, target.name),
    )

    def judge() -> Tuple[str, str]:
        tried = reached(source, target, port)
        if tried is None:
            return UNKNOWN, "was not tried"
        return preflight.reach_verdict(tried)

    return answer(question, [source.facts["reach"]], judge)


def login(source: Seen, target: Seen) -> Check:
    """PC-G2: SYS through the alias, and that it arrived where it should (PC-F2)."""
    question = Question(
        ident("PC-G2", "login", source.name, target.name),
        "Can SYS log in from {0} to {1} through tbdsn?".format(source.name, target.name),
        "let in, by {0} itself".format(target.name),
        "Copy .passwd of the primary if the password differs (nobody spreads a change of it); write the aliases with "
        "playbooks/setup_standby.yml; see that {0} runs".format(target.name),
    )

    def judge() -> Tuple[str, str]:
        found = [each for each in source.facts["logins"].value or [] if each["member"] == target.name]
        if not found:
            return UNKNOWN, "was not tried"
        tried = found[0]
        if tried["outcome"] == "ok":
            return _arrived(tried, target)
        return (UNKNOWN if tried["outcome"] == "unreadable" else FAIL), str(tried["detail"])

    return answer(question, [source.facts["logins"]], judge)


def _arrived(tried: Mapping[str, Any], target: Seen) -> Tuple[str, str]:
    said = "let in through {0}".format(tried["alias"])
    identity = target.facts["identity"]
    if not identity.is_known or not identity.value:
        return UNKNOWN, "{0}; who answered UNKNOWN: {1}".format(said, identity.why)
    names = [name for name, value in tried["identity"].items() if value]
    differ = [name for name in names if tried["identity"][name] != identity.value.get(name)]
    if not names:
        return UNKNOWN, "{0}; who answered does not say".format(said)
    if differ:
        wrong = ", ".join(
            "{0} {1} instead of {2}".format(name, tried["identity"][name], identity.value.get(name)) for name in differ
        )
        return FAIL, "{0}, but another instance answered: {1}".format(said, wrong)
    return OK, said


def password_file(own: Seen, other: Seen) -> Check:
    """PC-G2: the file itself, by a salted digest (H: the SYS passwords must match; nobody spreads a change)."""
    question = Question(
        ident("PC-G2", "password_file", own.name, other.name or "primary"),
        "Have {0} and {1} the same password file?".format(own.name, other.name or "the primary"),
        "the same digest",
        "Copy .passwd of the primary to the other member with mode 0600, owned by the OS user of the database",
    )

    def judge() -> Tuple[str, str]:
        mine, theirs = (seen.facts["password_file"].value or {} for seen in (own, other))
        for seen, value in ((own, mine), (other, theirs)):
            if not value.get("digest"):
                return FAIL, "no file {0} on {1}".format(value.get("path"), seen.name)
        if mine.get("salt") != theirs.get("salt"):
            return UNKNOWN, "the digests were made with different salts"
        return (OK, "the same digest") if mine["digest"] == theirs["digest"] else (FAIL, "another digest")

    return answer(question, [own.facts["password_file"], other.facts["password_file"]], judge)


def clock(own: Seen, primary: Seen, limits: Thresholds) -> Check:
    """PC-F6: by connections between the two; wall clocks of two hosts are never subtracted as they are."""
    offset = host_facts.clock_offset(
        own.name,
        primary.name,
        own.facts["reach"],
        primary.facts["reach"],
        _NOTHING,
        _NOTHING,
    )
    bounds = preflight.LIMITS._replace(clock_warn=limits.clock_warn, clock_fail=limits.clock_fail)
    found = preflight.clock_check(own.facts.with_fact("clock_offset", offset), bounds)
    return found._replace(id=ident("PC-F6", "clock", own.name), remedy="" if found.verdict == OK else found.remedy)


_NOTHING: "Fact[Any]" = preflight.Facts({})["clock"]


def standby_redo_agrees(own: Seen, primary: Seen) -> bool:
    """Whether one of the two uses standby redo logs, so that both are asked for them."""
    return uses_standby_redo(own.facts) or uses_standby_redo(primary.facts)
