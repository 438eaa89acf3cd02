# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What a member says of itself, and what follows for a member whose host boots, or whose host was frozen. Pure.

Two questions, asked on a member without any controller. :func:`decide_at_boot`: in which role does its instance start, if at all?
:func:`must_stop`: does its running primary have to stop, because another member has taken over? Both work on :class:`Standing`: the member's
own, and those of the others as far as they answered. Whoever does not answer may be anything.

Role changes are ordered by the time that the controller gave them, then by their id; a new change is later than all that its controller saw.
The latest one that anybody knows of tells who may be the primary, and members pass on what they know, so that one of two that did not take part
in a change tells a third.
"""

from typing import Any, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import journal
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import PRIMARY, STANDBY

#: How an instance runs, by its boot request. OTHER: below the operating modes when it was booted, and it may have been opened since.
RUNS_NOT = "not"
RUNS_AS_STANDBY = "standby"
RUNS_AS_PRIMARY = "primary"
RUNS_OTHERWISE = "otherwise"
RUNS_UNKNOWN = "unknown"
RUNS = (RUNS_NOT, RUNS_AS_STANDBY, RUNS_AS_PRIMARY, RUNS_OTHERWISE, RUNS_UNKNOWN)

#: The kind of a change that nobody made with a journal: a controller saw who is primary, and no known change says so.
OBSERVED = "observed"

#: What a primary does at boot when not all of the others answer.
STAY_DOWN = "stay_down"
START = "start"

#: Verdicts.
BOOT_STANDBY = "boot as standby"
BOOT_PRIMARY = "boot as primary"
LEAVE = "leave as it is"
WAIT = "wait"
STAY = "stay down"


class Latest(NamedTuple):
    """A role change as far as others have to know of it. ``old`` may name several members, separated by commas."""

    started_at: str
    id: str
    kind: str
    state: str
    old: str
    new: str

    @property
    def settled(self) -> bool:
        """Whether it has come to an end that needs nobody."""
        return self.state in journal.ENDS

    @property
    def holders(self) -> FrozenSet[str]:
        """The members of which one may be the primary by this change."""
        old = frozenset(name for name in self.old.split(",") if name)
        new = frozenset((self.new,))
        if self.kind == OBSERVED:
            return new
        if self.kind == "undo":
            return old if self.settled else old | new
        if self.state == journal.CHANGE_DONE:
            return new
        if self.kind == "failover" and self.state != journal.UNDONE:
            # It was begun after its controller had fenced the old primary, or had been told that it is dead.
            return new
        if self.kind == "switchover" and self.state == journal.UNDONE:
            return old
        return old | new

    def text(self) -> str:
        """In a few words, for people."""
        if self.kind == OBSERVED:
            return "{0} was seen as primary at {1}".format(self.new, self.started_at)
        return "the {0} {1} from {2} to {3} ({4})".format(
            self.kind, self.id, self.old or "nobody", self.new, self.state
        )


class Standing(NamedTuple):
    """What one member says of itself.

    ``members``: all members of the cluster as it was told. ``recorded``: the role that its own record names for the control files that lie there,
    "" without one. ``runs``: one of RUNS. ``database``: whether control files lie there, None when that is not known. ``fenced``: since when and
    why, "" if it is not. ``kept``: any other reason for which it must not be started. ``latest``: the latest role change that it knows of.
    """

    member: str
    cluster: str
    members: Tuple[str, ...]
    recorded: str = ""
    runs: str = RUNS_UNKNOWN
    database: Optional[bool] = None
    fenced: str = ""
    kept: str = ""
    latest: Optional[Latest] = None

    def as_dict(self) -> Dict[str, Any]:
        """Plain data for an answer."""
        record = dict(self._asdict())
        record["members"] = list(self.members)
        record["latest"] = dict(self.latest._asdict()) if self.latest else None
        return record

    def text(self) -> str:
        """In a few words, for people."""
        words = "recorded as {0}, runs {1}".format(
            self.recorded or "nothing", {RUNS_NOT: "not at all"}.get(self.runs, self.runs)
        )
        return words + "".join("; " + each for each in (self.fenced, self.kept) if each)


def latest_from(raw: Any) -> Optional[Latest]:
    """A change read back, None for what is none."""
    if not isinstance(raw, Mapping) or not all(isinstance(raw.get(name), str) for name in Latest._fields):
        return None
    return Latest(**{name: raw[name] for name in Latest._fields})


def standing_from(raw: Mapping[str, Any]) -> Optional[Standing]:
    """An answer read back, None for one that this version does not understand."""
    texts = ("member", "cluster", "recorded", "runs", "fenced", "kept")
    if not all(isinstance(raw.get(name), str) for name in texts) or raw["runs"] not in RUNS:
        return None
    members, database, change = raw.get("members"), raw.get("database"), raw.get("latest")
    if not isinstance(members, list) or database not in (True, False, None):
        return None
    latest = latest_from(change)
    if change is not None and latest is None:
        return None
    values = {name: raw[name] for name in texts}
    return Standing(members=tuple(str(name) for name in members), database=database, latest=latest, **values)


def of_record(record: Optional[journal.Record]) -> Optional[Latest]:
    """The change of a member's own journal."""
    if record is None:
        return None
    change = record.change
    return Latest(change.started_at, change.id, change.kind, record.state, change.old, change.new)


def newest(*known: Optional[Latest]) -> Optional[Latest]:
    """The latest of some changes. Of one change that is known in two states the ended one counts, since ends are final.

    Whoever compares the same records, in whatever order, has to come to the same one: the order is total, even over records that contradict each other.
    """
    found = [each for each in known if each is not None]
    return max(found, key=lambda each: (each.started_at, each.id, each.settled) + tuple(each)) if found else None


Answers = Mapping[str, Optional[Standing]]


def latest_known(own: Standing, answers: Answers) -> Optional[Latest]:
    """The latest change that this member or anybody who answered knows of."""
    return newest(own.latest, *(each.latest for each in answers.values() if each is not None))


class Terms(NamedTuple):
    """``unreachable``: STAY_DOWN or START. ``patience``: False once the time for waiting is over. ``needs_standby``: whether the protection mode
    keeps a primary without a running standby from booting."""

    unreachable: str = STAY_DOWN
    patience: bool = False
    needs_standby: bool = False


class Verdict(NamedTuple):
    """One of the verdicts above, what was seen, and what a person does next ("" where nothing is to be done)."""

    verdict: str
    why: str
    remedy: str = ""

    def text(self) -> str:
        return "{0}: {1}{2}".format(self.verdict, self.why, ". To do: " + self.remedy if self.remedy else "")


def decide_at_boot(own: Standing, answers: Answers, terms: Terms) -> Verdict:
    """In which role the instance of a member starts, if at all.

    A standby needs nobody's consent: RECOVERY opens nothing. A primary starts only when every other member has answered and none of them is or
    may be a primary (or, with the terms START, when all that answered say so and the time for waiting is over).

    :arg own: this member. :arg answers: every other member that this one was told of, None for one that did not answer.
    """
    if own.runs != RUNS_NOT:
        return _running(own)
    if own.fenced or own.kept:
        return Verdict(STAY, own.fenced or own.kept, _way_back(own))
    if own.recorded == STANDBY:
        return Verdict(BOOT_STANDBY, "it is registered as a standby")
    if own.recorded != PRIMARY:
        return Verdict(
            STAY,
            "no role is registered for the control files that lie here",
            "run playbooks/setup_standby.yml, which registers what it sees",
        )
    return _as_primary(own, answers, terms)


def _running(own: Standing) -> Verdict:
    if own.runs == RUNS_UNKNOWN:
        return Verdict(STAY, "the process list cannot be read", "look with ps whether the instance runs")
    return Verdict(LEAVE, "it runs already ({0})".format(own.runs))


def _way_back(own: Standing) -> str:
    if own.fenced:
        return "playbooks/reinstate.yml -e standby_member={0} makes it a standby again".format(own.member)
    return "look at playbooks/status.yml, then run the playbook again that was at work"


def _as_primary(own: Standing, answers: Answers, terms: Terms) -> Verdict:
    """A member that was the primary when it was last written down."""
    latest = latest_known(own, answers)
    if latest is not None and own.member not in latest.holders:
        return Verdict(
            STAY,
            "it was the primary, and {0} came after that".format(latest.text()),
            "playbooks/reinstate.yml -e standby_member={0} makes it a standby; if the roles were changed by hand since then, run "
            "playbooks/setup_standby.yml, which registers them".format(own.member),
        )
    if latest is not None and not latest.settled:
        return Verdict(
            STAY, "{0} has not come to its end".format(latest.text()), "run the playbook of that change again"
        )
    silent: List[str] = []
    doubtful: List[str] = []
    # Who answers without being counted here is looked at as well: it counts members of its own, and may be a primary.
    for name in sorted((set(own.members) | set(answers)) - {own.member}):
        other = answers.get(name)
        if other is None:
            silent.append(name)
            continue
        refused = _refused_by(own, other, latest)
        if refused is not None:
            return refused
        if not _harmless(own, other):
            doubtful.append("{0} is {1}".format(name, other.text()))
    if doubtful:
        return _wait(terms, "; ".join(doubtful), "see that it runs as a standby or not at all")
    if silent and (terms.patience or terms.unreachable != START):
        return _wait(
            terms,
            "no answer from {0}, which may have become the primary".format(", ".join(silent)),
            "make it answer, or, when you know that it is no primary and stays none, boot this one by hand: tbboot -t NORMAL",
        )
    if terms.needs_standby and not [each for each in answers.values() if each and each.runs == RUNS_AS_STANDBY]:
        return _wait(
            terms,
            "its protection mode needs a standby that runs, and none does",
            "start a standby first, or lower the mode with playbooks/standby.yml -e tibero_protection_mode=performance",
        )
    if silent:
        return Verdict(
            BOOT_PRIMARY,
            "no answer from {0}, passed over as declared; nobody who answered is a primary or knows of one".format(
                ", ".join(silent)
            ),
        )
    return Verdict(BOOT_PRIMARY, "it is registered as the primary, and all others answered that they are none")


def _wait(terms: Terms, why: str, remedy: str) -> Verdict:
    return Verdict(WAIT if terms.patience else STAY, why, remedy)


def _refused_by(own: Standing, other: Standing, latest: Optional[Latest]) -> Optional[Verdict]:
    """What makes waiting useless."""
    if other.cluster != own.cluster or set(other.members) != set(own.members):
        return Verdict(
            STAY,
            "{0} counts {1} as the members of {2}, this one {3} of {4}".format(
                other.member, ", ".join(other.members), other.cluster, ", ".join(own.members), own.cluster
            ),
            "run playbooks/setup_standby.yml, which tells all members the same",
        )
    if other.runs == RUNS_AS_PRIMARY:
        return Verdict(
            STAY,
            "{0} runs as primary".format(other.member),
            "playbooks/reinstate.yml -e standby_member={0} makes this one a standby again".format(own.member),
        )
    if other.recorded == PRIMARY and not _settled_against(own, other, latest):
        return Verdict(
            STAY,
            "{0} is registered as primary too".format(other.member),
            "look at playbooks/status.yml, start the right one by hand, then run playbooks/setup_standby.yml",
        )
    return None


def _settled_against(own: Standing, other: Standing, latest: Optional[Latest]) -> bool:
    """Whether another former primary stays down by itself: it is fenced, or it knows of the change that made this one the primary."""
    if other.runs != RUNS_NOT:
        return False
    knows = latest is not None and latest.holders == {own.member} and other.latest == latest
    return bool(other.fenced) or knows


def _harmless(own: Standing, other: Standing) -> bool:
    """Whether a member that answered neither is a primary nor becomes one by itself."""
    if other.runs not in (RUNS_NOT, RUNS_AS_STANDBY):
        return False
    if other.runs == RUNS_AS_STANDBY or other.recorded in (STANDBY, PRIMARY):
        return True  # a registered primary that is not settled against was refused before
    return bool(other.fenced) or other.database is False


def must_stop(own: Standing, answers: Answers) -> Tuple[bool, str]:
    """Whether a running primary has to stop, because another member has taken over.

    The latest change has to say that this one is not the primary any more, *and* either a member that it names runs as primary, or it is a
    failover that is news here and whose new primary does not answer otherwise. A change that was known before is not enough: roles may have been
    changed by hand since. So the caller writes a change down only after it has acted on it.

    :returns: whether, and why; (False, words) when two run as primary and nothing tells which one is right: (False, "") is peace.
    """
    if own.runs != RUNS_AS_PRIMARY:
        return False, ""
    latest = latest_known(own, answers)
    rivals = sorted(name for name, each in answers.items() if each is not None and each.runs == RUNS_AS_PRIMARY)
    if latest is not None and own.member not in latest.holders:
        if [name for name in rivals if name in latest.holders]:
            return True, "{0}, and {1} runs as primary".format(latest.text(), ", ".join(rivals))
        named = [answers.get(name) for name in latest.holders]
        news = own.latest is None or own.latest.id != latest.id
        if latest.kind == "failover" and news and (not latest.settled or None in named):
            return True, latest.text()
    if rivals:
        return False, "{0} runs as primary too, and no role change that is known tells which one is right".format(
            ", ".join(rivals)
        )
    return False, ""
