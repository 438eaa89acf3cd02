# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The checks of readiness that look at one member by itself. Pure: facts in, checks out.

Ids are those of the catalogue of prechecks of the drills, such as PC-D4, with what is looked at and the member.
"""

import datetime
import re
from typing import Any, Callable, List, Mapping, NamedTuple, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.checks import FAIL, OK, UNKNOWN, WARN, Check
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import Fact
from ansible_collections.firedrill.standby.plugins.module_utils._core.readiness import Thresholds
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import cluster, leftovers, preflight
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.readiness_facts import MemberFacts

#: Smallest number of redo groups that a database has (H, CREATE DATABASE).
LEAST_GROUPS = 2
#: Bytes of archives for which there has to be room: this many times the online redo, an estimate (L).
REDO_TURNS = 2


class Seen(NamedTuple):
    """A member as described and as read; ``answered`` is False if its host did not answer or could not be read."""

    described: cluster.Member
    facts: MemberFacts
    answered: bool

    @property
    def name(self) -> str:
        return self.described.name


class Question(NamedTuple):
    """A check before it is answered."""

    id: str
    text: str
    expected: str
    remedy: str
    advisory: bool = False


def ident(number: str, *parts: object) -> str:
    """An id of parts without dots of their own: "PC-F1", "reach", "seoul1", 8633."""
    return ".".join([number] + [str(part).replace(".", "_") for part in parts])


def answer(question: Question, facts: "Sequence[Fact[Any]]", judge: Callable[[], Tuple[str, str]]) -> Check:
    """UNKNOWN with the reason if one of the facts is not known, else what ``judge`` says: verdict and observation."""
    sources = "; ".join(sorted({fact.source for fact in facts}))
    for fact in facts:
        if not fact.is_known or fact.value is None:
            return _check(question, UNKNOWN, "UNKNOWN: {0}".format(fact.why or "no value"), fact.source)
    verdict, observed = judge()
    return _check(question, verdict, observed, sources)


def told(question: Question, verdict: str, observed: str, source: str) -> Check:
    """A check whose answer does not rest on facts of a member."""
    return _check(question, verdict, observed, source)


def _check(question: Question, verdict: str, observed: str, source: str) -> Check:
    return Check(
        question.id,
        question.text,
        question.expected,
        observed,
        source,
        verdict,
        "" if verdict == OK else question.remedy,
        question.advisory,
    )


def parameter(facts: MemberFacts, name: str) -> str:
    """A parameter of the tip without quotes, "" if it is not set."""
    values: Mapping[str, str] = facts["parameters"].value or {}
    return str(values.get(name) or "").replace('"', "").strip()


def uses_standby_redo(facts: MemberFacts) -> bool:
    """Whether the tip asks for standby redo logs, in the spelling of 7 or of 6 (H)."""
    words = (parameter(facts, "USE_STANDBY_REDO_LOG"), parameter(facts, "_USE_STANDBY_REDO_LOG"))
    return any(word.upper() in ("Y", "YES") for word in words)


# ------------------------------------------------------------------------------------------- is it there at all


def answers(seen: Seen) -> Check:
    """PC-G1: whether the member could be read at all."""
    question = Question(
        ident("PC-G1", "answers", seen.name),
        "Does {0} answer: ssh, privilege, Python, Tibero?".format(seen.name),
        "answers",
        "Make the host reachable and look again; a host that cannot be seen is not known to be down",
    )
    observed = "answers" if seen.answered else "UNKNOWN: {0}".format(seen.facts["process"].why)
    return told(question, OK if seen.answered else UNKNOWN, observed, "the run itself")


def own_login(seen: Seen) -> Check:
    """PC-G2: SYS at its own instance."""
    question = Question(
        ident("PC-G2", "own_login", seen.name),
        "Can SYS log in on {0} itself?".format(seen.name),
        "SYS is let in",
        "Correct tibero_sys_password, or copy the password file of the primary to {0}".format(seen.name),
    )
    return answer(question, [seen.facts["identity"]], lambda: (OK, "SYS is let in"))


def journal(seen: Seen) -> Check:
    """PC-A7: an unfinished role change."""
    question = Question(
        ident("PC-A7", "journal", seen.name),
        "Is no role change unfinished on {0}?".format(seen.name),
        "none, or one that is done or undone",
        "Run the playbook of that role change again: it resumes or undoes it",
    )

    def judge() -> Tuple[str, str]:
        found = leftovers.by_kind(seen.facts["leftovers"], leftovers.ROLE_CHANGE)
        if not found:
            return OK, "none"
        bad = [each for each in found if each["state"] != leftovers.UNREADABLE]
        return (FAIL if bad else UNKNOWN), "; ".join("{state}: {detail}".format(**each) for each in found)

    return answer(question, [seen.facts["leftovers"]], judge)


def unfinished(seen: Seen) -> Check:
    """PC-A7: copies, recoveries and backups of earlier runs."""
    question = Question(
        ident("PC-A7", "copies", seen.name),
        "Is no copy, recovery or backup of an earlier run unfinished on {0}?".format(seen.name),
        "none",
        "Run playbooks/setup_standby.yml again: it finishes what was begun, and ends what is open",
    )
    kinds = (leftovers.COPY, leftovers.RECOVERY, leftovers.COLD_COPY, leftovers.HOT_BACKUP)

    def judge() -> Tuple[str, str]:
        found = leftovers.by_kind(seen.facts["leftovers"], *kinds)
        bad = [each for each in found if each["state"] != leftovers.UNREADABLE]
        text = "; ".join("{kind} {state}: {detail}".format(**each) for each in found)
        return (FAIL if bad else UNKNOWN if found else OK), text or "none"

    return answer(question, [seen.facts["leftovers"]], judge)


def faulted(seen: Seen) -> Check:
    """PC-A7: a fault of an earlier drill of which nobody has heard the end."""
    question = Question(
        ident("PC-A7", "fault", seen.name),
        "Is no fault of an earlier drill left on {0}?".format(seen.name),
        "none",
        "Close that drill with playbooks/drill_close.yml, which heals it; without its folder run firedrill.standby.drill_fault with state absent as the "
        "user whom the path names",
    )

    def judge() -> Tuple[str, str]:
        found = leftovers.by_kind(seen.facts["leftovers"], leftovers.FAULT)
        return (FAIL if found else OK), "; ".join(each["detail"] for each in found) or "none"

    return answer(question, [seen.facts["leftovers"]], judge)


def notes(seen: Seen) -> Check:
    """PC-D3: what the observation remarked."""
    question = Question(
        ident("PC-D3", "health", seen.name),
        "Has the observation of {0} nothing to remark?".format(seen.name),
        "no remark",
        "Look into what is remarked before a role is changed",
    )

    def judge() -> Tuple[str, str]:
        found = [str(note) for note in seen.facts["notes"].value or []]
        bad = [note for note in found if note.startswith(("A shutdown is pending", "More than one server"))]
        return (FAIL if bad else WARN if found else OK), "; ".join(found) or "no remark"

    return answer(question, [seen.facts["notes"]], judge)


# ------------------------------------------------------------------------------------------------- licence, files


def licence(seen: Seen, limits: Thresholds) -> Check:
    """PC-B8: the licence that the next boot reads; Tibero looks at it at boot only (M)."""
    who = seen.name
    day = seen.facts["today"]
    if not day.is_known:
        today = datetime.date.min
    else:
        today = datetime.date(*[int(part) for part in str(day.value).split("-")])
    found = preflight.licence_check(
        seen.facts, who, today, preflight.LIMITS._replace(licence_warn_days=limits.licence_warn_days)
    )
    if not day.is_known:
        found = found._replace(verdict=UNKNOWN, observed="UNKNOWN: {0}".format(day.why), source=day.source)
    question = "Would Tibero accept the licence at the boot of {0} in its other role?".format(who)
    return found._replace(
        id=ident("PC-B8", "licence", who), question=question, remedy="" if found.verdict == OK else found.remedy
    )


def files(seen: Seen) -> Check:
    """PC-D4: control files, tip, aliases, password file."""
    question = Question(
        ident("PC-D4", "files", seen.name),
        "Are control files, tip, aliases and password file of {0} there and readable?".format(seen.name),
        "all there",
        "Bring the named file back: copy .passwd of the other member with mode 0600, write tip and aliases with "
        "playbooks/setup_standby.yml",
    )

    def judge() -> Tuple[str, str]:
        found = seen.facts["files"].value or []
        bad = ["{kind} {path} is {state}".format(**each) for each in found if each["state"] != "ok"]
        if not [each for each in found if each["kind"] == "control file"]:
            bad.append("the tip names no control file")
        return (FAIL if bad else OK), "; ".join(bad) or "all {0} there".format(len(found))

    return answer(question, [seen.facts["files"]], judge)


def datafiles(seen: Seen) -> Check:
    """PC-D1: every data file that the control file names is on disk, and none waits for recovery on an open primary."""
    question = Question(
        ident("PC-D1", "datafiles", seen.name),
        "Is every data file of {0} there?".format(seen.name),
        "all there",
        "Build the standby anew, or bring the file back and recover it",
    )

    def judge() -> Tuple[str, str]:
        found = seen.facts["datafiles"].value or []
        gone = [each["path"] for each in found if each["bytes"] is None and not each["path"].startswith("+")]
        if not found:
            return UNKNOWN, "V$DATAFILE shows no file"
        return (FAIL if gone else OK), "not there: {0}".format(", ".join(gone)) if gone else "{0} files".format(
            len(found)
        )

    return answer(question, [seen.facts["datafiles"]], judge)


def recover_files(seen: Seen) -> Check:
    """PC-D1: files that wait for media recovery."""
    question = Question(
        ident("PC-D1", "recovery", seen.name),
        "Does no data file of {0} wait for media recovery?".format(seen.name),
        "none",
        "Recover the file before a role is changed",
    )

    def judge() -> Tuple[str, str]:
        found = ["file {file}: {error}".format(**each) for each in seen.facts["recover_files"].value or []]
        return (FAIL if found else OK), "; ".join(found) or "none"

    return answer(question, [seen.facts["recover_files"]], judge)


def redo_files(seen: Seen) -> Check:
    """PC-C12: the online redo logs are there."""
    question = Question(
        ident("PC-C12", "redo_files", seen.name),
        "Has {0} redo groups enough, with every member there?".format(seen.name),
        "{0} groups or more, all members there".format(LEAST_GROUPS),
        "Bring the missing member back, or build the standby anew; log groups are not added while a standby exists (H)",
    )

    def judge() -> Tuple[str, str]:
        groups = seen.facts["redo"].value or []
        gone = [path for group in groups for path in group["missing"]]
        bare = [str(group["group"]) for group in groups if not group["members"]]
        text = "{0} groups".format(len(groups))
        if gone:
            text += ", not there: {0}".format(", ".join(gone))
        if bare:
            text += ", groups without a member: {0}".format(", ".join(bare))
        return (FAIL if gone or bare or len(groups) < LEAST_GROUPS else OK), text

    return answer(question, [seen.facts["redo"]], judge)


def standby_redo(seen: Seen) -> Check:
    """PC-C12: standby redo logs, where the tip uses them: as large as the online ones (H; TBR-1132)."""
    question = Question(
        ident("PC-C12", "standby_redo", seen.name),
        "Has {0} standby redo groups of the size of its online ones?".format(seen.name),
        "as many as online groups or more, each as large",
        "Add the missing groups in MOUNT (ALTER DATABASE ADD STANDBY LOGFILE); they are needed while it is a standby",
    )

    def judge() -> Tuple[str, str]:
        rows = seen.facts["standby_redo"].value or []
        online = seen.facts["redo"].value or []
        sizes = [str(row.get("BYTES") or "") for row in rows]
        largest = max([int(group["bytes"]) for group in online] or [0])
        text = "{0} standby groups for {1} online ones".format(len(rows), len(online))
        if rows and not all(re.match(r"[0-9]+\Z", size) for size in sizes):
            return UNKNOWN, text + ", sizes UNKNOWN (the columns of the view are not documented)"
        small = [size for size in sizes if int(size) < largest]
        if small:
            text += ", smaller than {0} bytes: {1}".format(largest, ", ".join(small))
        return (FAIL if small or len(rows) < len(online) else OK), text

    return answer(question, [seen.facts["standby_redo"], seen.facts["redo"]], judge)


# --------------------------------------------------------------------------------------------- places and room


def archive_place(seen: Seen) -> Check:
    """PC-C4: where this member archives, now or after the change."""
    question = Question(
        ident("PC-C4", "archive_place", seen.name),
        "Can {0} write to its archive directory?".format(seen.name),
        "there and writable",
        "Create {0} and give it to the OS user of the database".format(seen.described.archive_dir),
    )

    def judge() -> Tuple[str, str]:
        found = seen.facts["archive_place"].value or {}
        text = "not there" if not found["exists"] else "there and writable" if found["writable"] else "not writable"
        return (OK if found["writable"] else FAIL), "{0}: {1}".format(found["path"], text)

    return answer(question, [seen.facts["archive_place"]], judge)


def room(seen: Seen, place: str, limits: Thresholds) -> Check:
    """PC-G5: space and inodes, for the archives and for growth, each by the size of the online redo."""
    question = Question(
        ident("PC-G5", place, seen.name),
        "Is there room in the {0} directory of {1}?".format(place, seen.name),
        "{0:g} times {1} turns of the online redo".format(limits.space_ok, REDO_TURNS),
        "Give the file system more room, or remove archives that every standby and a backup have",
    )

    def judge() -> Tuple[str, str]:
        here = (seen.facts["space"].value or {})[place]
        needed = REDO_TURNS * sum(int(group["bytes"]) for group in seen.facts["redo"].value or [])
        free, inodes = int(here["free_bytes"]), here.get("free_inodes")
        text = "{0} free in {1} for {2}".format(preflight.readable(free), here["path"], preflight.readable(needed))
        if inodes is not None and int(inodes) < 16:
            return FAIL, "{0} inodes free in {1}".format(inodes, here["path"])
        factor = float(free) / needed if needed else limits.space_ok
        return (OK if factor >= limits.space_ok else WARN if factor >= limits.space_fail else FAIL), text

    return answer(question, [seen.facts["space"], seen.facts["redo"]], judge)


def described(seen: Seen) -> Check:
    """PC-G3: the tip, which the boot in the other role reads, says what the inventory says."""
    member = seen.described
    question = Question(
        ident("PC-G3", "description", seen.name),
        "Does the tip of {0} say what the inventory says?".format(seen.name),
        "the same names, ports and places",
        "Run playbooks/setup_standby.yml, which writes the tip; or correct the inventory",
    )
    wanted = {
        "DB_NAME": member.db_name,
        "LISTENER_PORT": str(member.listener_port),
        "LOG_ARCHIVE_DEST": member.archive_dir,
        "DB_CREATE_FILE_DEST": member.data_dir,
        "CONTROL_FILES": ",".join(member.control_files),
    }

    def judge() -> Tuple[str, str]:
        bad = []
        for name, value in wanted.items():
            found = re.sub(r"\s*,\s*", ",", parameter(seen.facts, name))
            if found.rstrip("/") != value.rstrip("/"):
                bad.append("{0} is {1}, described {2}".format(name, found or "not set", value))
        return (FAIL if bad else OK), "; ".join(bad) or "the same"

    return answer(question, [seen.facts["parameters"]], judge)


def own_ports(seen: Seen) -> Check:
    """PC-F1: the ports that the member uses now, and those that it will use in its other role."""
    question = Question(
        ident("PC-F1", "own_ports", seen.name),
        "Are the ports of {0} free, or held by its own instance?".format(seen.name),
        "free or ours",
        "Stop what holds the port, or choose another with tibero_listener_port or tibero_standby_port",
    )

    def judge() -> Tuple[str, str]:
        found = seen.facts["ports"].value or []
        verdicts = {"free": OK, "ours": OK, "foreign": FAIL}
        said = ["{name} {port} {state}".format(**each) for each in found]
        bad = ["{port} is held by {holder}".format(**each) for each in found if each["state"] == "foreign"]
        odd = [each for each in found if str(each["state"]) not in verdicts]
        return (FAIL if bad else UNKNOWN if odd else OK), "; ".join(bad or said)

    return answer(question, [seen.facts["ports"]], judge)


def supervisors(seen: Seen) -> Check:
    """PC-G4: what could start a fenced primary again."""
    question = Question(
        ident("PC-G4", "supervisors", seen.name),
        "Does nothing on {0} boot Tibero that does not know the roles?".format(seen.name),
        "nothing, or units of this collection",
        "Disable it, or make it ask for the role: a former primary that boots NORMAL by itself makes two primaries",
    )

    def judge() -> Tuple[str, str]:
        found = seen.facts["supervisors"].value or []
        foreign = [str(each["path"]) for each in found if not each["ours"]]
        ours = [str(each["path"]) for each in found if each["ours"]]
        return (WARN if foreign else OK), ", ".join(foreign or ours) or "nothing found"

    return answer(question, [seen.facts["supervisors"]], judge)


# --------------------------------------------------------------------------------------- the primary at work


def backup(primary: Seen) -> List[Check]:
    """PC-A4: a backup forbids a clean stop (TBR-24029, C)."""
    opened = Question(
        ident("PC-A4", "backup", primary.name),
        "Is no hot backup open on {0}?".format(primary.name),
        "none",
        "Let the backup end, or end a forgotten one with ALTER DATABASE END BACKUP",
    )
    jobs = Question(
        ident("PC-A4", "rmgr", primary.name),
        "Does no tbrmgr run on {0}?".format(primary.name),
        "none",
        "Wait until the RMGR job has ended",
    )
    state, running = primary.facts["backup_open"], primary.facts["rmgr_jobs"]
    return [
        answer(opened, [state], lambda: (FAIL, "open") if state.value else (OK, "none")),
        answer(
            jobs, [running], lambda: (FAIL if running.value else OK, "; ".join(map(str, running.value or [])) or "none")
        ),
    ]


def sessions(primary: Seen, limits: Thresholds) -> Check:
    """PC-C11: a stop for a switchover waits for every login (H)."""
    question = Question(
        ident("PC-C11", "sessions", primary.name),
        "Are there few sessions on {0} for which the stop would wait?".format(primary.name),
        "at most {0}".format(limits.sessions_warn),
        "Let the clients leave first: tbdown -t SWITCHOVER waits for all logins; what is done with those that stay is "
        "a policy of the switchover",
    )

    def judge() -> Tuple[str, str]:
        # One of them is the session that asked.
        found = primary.facts["sessions"].value or []
        count = max(len(found) - 1, 0)
        text = "{0}{1}".format(count, ": {0}".format("; ".join(found[:5])) if count else "")
        return (WARN if count > limits.sessions_warn else OK), text

    return answer(question, [primary.facts["sessions"]], judge)


def transactions(primary: Seen, limits: Thresholds) -> Check:
    """PC-C11: transactions that would have to be waited for, or rolled back."""
    question = Question(
        ident("PC-C11", "transactions", primary.name),
        "Is no transaction on {0} open for long?".format(primary.name),
        "none older than {0} s".format(limits.transaction_warn),
        "Find its owner by V$SESSION; let it commit, or roll it back",
    )

    def judge() -> Tuple[str, str]:
        found = sorted(primary.facts["transactions"].value or [], key=lambda each: -int(each["age"]))
        oldest = int(found[0]["age"]) if found else 0
        text = "{0} open".format(len(found))
        if found:
            text += ", the oldest {0} s in session {1}".format(oldest, found[0]["session"])
        bad = oldest >= limits.transaction_fail
        return (FAIL if bad else WARN if oldest > limits.transaction_warn else OK), text

    return answer(question, [primary.facts["transactions"]], judge)


def backlog(primary: Seen, limits: Thresholds) -> Check:
    """PC-C4: logs that wait to be archived. A full archive directory is the classic outage (TBR-1063, C)."""
    question = Question(
        ident("PC-C4", "backlog", primary.name),
        "Is every full log of {0} archived?".format(primary.name),
        "fewer than {0} wait".format(limits.backlog_warn),
        "Look at the room in the archive directory and at sys.log",
    )
    facts = primary.facts

    def judge() -> Tuple[str, str]:
        highest, current = (facts["archives"].value or {}).get("highest"), int(facts["log_sequence"].value or 0)
        if not facts["archive_mode"].value:
            return OK, "logs are not archived, see PC-C4.archive_mode"
        online = [int(each["sequence"]) for each in facts["redo"].value or [] if each["sequence"]]
        if highest is None:
            highest = min(online) - 1 if online else current - 1
        waiting = max(current - 1 - int(highest), 0)
        verdict = FAIL if waiting >= limits.backlog_fail else WARN if waiting >= limits.backlog_warn else OK
        return verdict, "{0} wait: current log {1}, archived up to {2}".format(waiting, current, highest)

    return answer(question, [facts["archives"], facts["log_sequence"], facts["archive_mode"], facts["redo"]], judge)


def archive_mode(primary: Seen, transports: Sequence[str]) -> Check:
    """PC-C4: ARCH ASYNC ships nothing on NOARCHIVELOG, without a word (H), and no gap can be closed."""
    question = Question(
        ident("PC-C4", "archive_mode", primary.name),
        "Does {0} archive its logs?".format(primary.name),
        "ARCHIVELOG",
        "Switch it on with setup_primary.yml before standbys depend on it",
    )
    worst = FAIL if cluster.ARCHIVE in transports else WARN
    fact = primary.facts["archive_mode"]
    return answer(question, [fact], lambda: (OK, "ARCHIVELOG") if fact.value else (worst, "NOARCHIVELOG"))
