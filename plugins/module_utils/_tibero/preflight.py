# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Preflight: may this host carry a Tibero instance, and may it become a standby of that primary?

:func:`judge` is pure: facts in, checks out. The facts are read by ``host_facts``. What must be equal between the
members of a standby
cluster: CPU word size, endianness, operating system, DB_NAME, DB_BLOCK_SIZE (H, MAN), the version of the binaries (M,
BOOK), and the
LOG_ARCHIVE_FORMAT (H, OWL). A licence is checked by Tibero only at boot (M), so an expired one shows when it is too
late: both are checked.

Shapes of the facts: see FACTS.
"""

import base64
import datetime
import json
import re
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Type, TypeVar

from ansible_collections.firedrill.standby.plugins.module_utils._core import checks as core
from ansible_collections.firedrill.standby.plugins.module_utils._core.checks import FAIL, OK, UNKNOWN, WARN, Check
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import (
    MOUNTED,
    PRIMARY,
    READ_WRITE,
    STANDBY,
    STARTING,
    Fact,
    known,
    unknown,
)

#: The facts of one member, by name, and the shape of each value. A fact that is missing counts as unknown.
FACTS: Mapping[str, str] = {
    "host_name": "str, as the kernel tells it",
    "cpu_architecture": "str",
    "word_size": "int, bits",
    "endianness": "'little' or 'big'",
    "os_name": "str, such as Linux",
    "os_release": "str, such as 'rocky 9.3'",
    "kernel": "str",
    "today": "str, YYYY-MM-DD, by the clock of the member",
    "clock": "{wall, monotonic}: seconds, read together",
    "clock_offset": "{low, high, how}: seconds that the clock of this member is ahead of the primary's, as an interval",
    "installed": "bool, TB_HOME holds the programs of Tibero",
    "tibero_version": "str, major version",
    "tibero_build": "str, what the binaries say of themselves",
    "parameters": "{NAME: text}: the tip as it is or as it will be written",
    "db_name": "str",
    "db_block_size": "int, bytes",
    "log_archive_format": "str",
    "character_set": "str",
    "licence": "{path, product_version, start_date, end_date, duration, edition, type, host}: texts, duration in days if "
    "the end was reckoned from it; None where the file has none",
    "ports": "[{name, port, state: free|ours|foreign|unknown, holder}]",
    "reach": "[{name, host, port, outcome: connected|established|refused|timeout|unresolved|unreachable, answered, "
    "detail}]",
    "space": "{data|archive: {path, device, free_bytes, free_inodes}}",
    "database_size": "{bytes, files, redo_bytes}",
    "password_file": "{path, digest, salt}; digest None if there is no file",
    "kernel_parameters": "{sem: [int], shmmax, shmall, shmmni, file_max, aio_max_nr, reserved_ports, local_ports}: "
    "texts as in /proc/sys",
    "memory": "{ram_bytes, page_size}",
    "remove_ipc": "'yes', 'no' or 'default'; 'exempt' for a system user or a host without logind",
    "limits": "{nofile, nproc}: soft limits, -1 for unlimited",
    "names": "[{name, addresses, error}]",
    "target": "{state: absent|empty|ours|unfinished|replaced|foreign, path, detail, bytes}",
    "process": "bool, the server's processes live",
    "role": "role word of _core.facts",
    "recorded_role": "str: the role our own record names for these very control files, '' without one",
    "open_mode": "open-mode word of _core.facts",
    "archive_mode": "bool",
    "backup_open": "bool",
    "backup_ours": "bool, the open backup was begun by this collection",
    "rmgr_jobs": "[str], command lines of running tbrmgr",
}

_NO_FACT: "Fact[Any]" = unknown("-", "was not collected")
# Parameters that belong to one host, or that the roles derive from the cluster description for each member.
_OWN_PARAMETERS = re.compile(
    r"(CONTROL_FILES|DB_CREATE_FILE_DEST|LOG_ARCHIVE_DEST|STANDBY_FILE_NAME_CONVERT|LISTENER_IP|.*_PORT|.*_ADDR|.*_DEST|.*_DEST_\d+"
    r"|.*_FILE|.*_MAP|CM_NAME|INSTANCE_NAME|THREAD|UNDO_TABLESPACE|LOG_REPLICATION_\w+|_STANDBY_\w+)\Z"
)
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Limits(NamedTuple):
    """Where a verdict turns. Times in seconds, space as a factor of what is needed."""

    licence_warn_days: int = 30
    clock_warn: float = 5.0
    clock_fail: float = 60.0
    space_ok: float = 1.5
    space_fail: float = 1.1
    nofile: int = 65536
    nproc: int = 16384
    sem: Tuple[int, ...] = (10000, 32000, 10000, 10000)
    file_max: int = 6815744
    aio_max_nr: int = 1048576


class Wish(NamedTuple):
    """What the host is to become. ``transport``: "LGWR SYNC", "LGWR ASYNC" or "ARCH ASYNC"; ``seed_method``: hot, cold
    or rmgr. ``prepared``: the role host will prepare the operating system later in the same run, so what it sets is not
    asked for yet. ``opens_ports``: it will open the ports in the firewall of this host too. ``keeps_files``: nothing is
    copied; a former primary follows with its files as they are.
    """

    transport: str = ""
    seed_method: str = "hot"
    character_set: str = ""
    prepared: bool = False
    opens_ports: bool = False
    keeps_files: bool = False


LIMITS = Limits()
WISH = Wish()
#: Outcomes of a try that a firewall can bring about.
BLOCKED = ("refused", "timeout", "unreachable")
#: Open modes in which an instance serves nobody yet.
BELOW_OPEN = (STARTING, MOUNTED)


FactsType = TypeVar("FactsType", bound="Facts")


class Facts:
    """The facts of one member by name; one that was not collected is unknown and says so."""

    #: The facts that there are. A collection with more of them has its own.
    NAMES: Mapping[str, str] = FACTS

    def __init__(self, facts: Mapping[str, "Fact[Any]"]) -> None:
        self._facts = dict(facts)

    def __getitem__(self, name: str) -> "Fact[Any]":
        if name not in self.NAMES:
            raise KeyError(name)
        return self._facts.get(name, _NO_FACT)

    def with_fact(self: FactsType, name: str, fact: "Fact[Any]") -> FactsType:
        """The same facts with one of them replaced."""
        if name not in self.NAMES:
            raise KeyError(name)
        changed = dict(self._facts)
        changed[name] = fact
        return type(self)(changed)

    def as_dict(self) -> Dict[str, Any]:
        """Plain data: every fact as ``{value, source}``, or ``{value: "UNKNOWN", source, why}``."""
        return {name: fact.as_dict() for name, fact in sorted(self._facts.items())}

    def as_state(self) -> str:
        """The same as one word, base64 of JSON, to hand on to a later run.

        Ansible masks a secret wherever it occurs in a result. A password that is part of a path, such as the vendor's
        default "tibero" in /home/tibero, would make facts unusable that do not hold the password at all.
        """
        return base64.b64encode(json.dumps(self.as_dict(), sort_keys=True).encode("utf-8")).decode("ascii")

    @classmethod
    def read(cls: Type[FactsType], handed_on: Any) -> FactsType:
        """Facts from :meth:`as_state` or :meth:`as_dict`. Raises ValueError for anything else."""
        if not isinstance(handed_on, str):
            return cls.from_dict(handed_on)
        try:
            record = json.loads(base64.b64decode(handed_on, validate=True).decode("utf-8"))
        except ValueError as error:
            raise ValueError(
                "{0!r}... is not the 'state' of a preflight ({1})".format(handed_on[:40], error)
            ) from error
        return cls.from_dict(record)

    @classmethod
    def from_dict(cls: Type[FactsType], record: Mapping[str, Any]) -> FactsType:
        """Read back :meth:`as_dict`. Raises ValueError for a name or a shape that is not ours."""
        facts: Dict[str, "Fact[Any]"] = {}
        if not isinstance(record, Mapping):
            raise ValueError("{0!r} is not the 'facts' of a preflight".format(record))
        for name, plain in record.items():
            if name not in cls.NAMES or not isinstance(plain, Mapping) or "value" not in plain:
                raise ValueError("{0!r} is not a fact of a preflight, as returned in its result 'facts'".format(name))
            source = str(plain.get("source", "-"))
            facts[name] = unknown(source, str(plain["why"])) if plain.get("why") else known(plain["value"], source)
        return cls(facts)


def size(text: Optional[str]) -> Optional[int]:
    """Bytes of a size in a tip file (1024, 512M, 2G), or None if it is not one."""
    match = re.match(r"\s*(\d+)\s*([KMGT]?)\s*\Z", (text or "").replace('"', ""), re.IGNORECASE)
    return int(match.group(1)) * _SIZES[match.group(2).upper()] if match else None


def port_ranges(text: str) -> List[Tuple[int, int]]:
    """Ranges of ``ip_local_reserved_ports`` or ``ip_local_port_range``: "8629-8633,9000" or "1024\\t65500"."""
    cleaned = re.sub(r"^(\d+)\s+(\d+)$", r"\1-\2", text.strip())
    found = re.findall(r"(\d+)(?:-(\d+))?", cleaned)
    return [(int(low), int(high or low)) for low, high in found]


def say(fact: "Fact[Any]") -> str:
    """A fact for a person."""
    return str(fact.value) if fact.is_known else "UNKNOWN: {0}".format(fact.why)


def readable(amount: float) -> str:
    """Bytes for a person."""
    return (
        "{0:.2f} GiB".format(amount / float(1 << 30))
        if amount >= 1 << 28
        else "{0:.1f} MiB".format(amount / float(1 << 20))
    )


def _cannot_tell(
    name: str, question: str, expected: str, fact: "Fact[Any]", remedy: str = "", advisory: bool = False
) -> Check:
    return Check(
        name,
        question,
        expected,
        say(fact),
        fact.source,
        UNKNOWN,
        remedy or "Look at {0} on the host; if it is right, name {1} in preflight_tolerate".format(fact.source, name),
        advisory,
    )


def _equal(
    name: str,
    question: str,
    field: str,
    own: Facts,
    primary: Facts,
    remedy: str,
    differ: str = FAIL,
    advisory: bool = False,
) -> Check:
    mine, theirs = own[field], primary[field]
    expected = "{0} (primary)".format(say(theirs))
    source = mine.source if mine.source == theirs.source else "{0}; primary: {1}".format(mine.source, theirs.source)
    for fact, who in ((theirs, "of the primary"), (mine, "of this host")):
        if not fact.is_known:
            hint = "Find out why the value {0} cannot be read ({1}: {2}), or name {3} in preflight_tolerate".format(
                who, fact.source, fact.why, name
            )
            return Check(name, question, expected, say(mine), source, UNKNOWN, hint, advisory)
    return Check(
        name, question, expected, say(mine), source, OK if mine.value == theirs.value else differ, remedy, advisory
    )


def _built(own: Facts) -> bool:
    """True if the host carries a standby already: by the word of its instance, or, while it is stopped, by our record
    of its control files."""
    return own["role"].equals(STANDBY) or (own["process"].equals(False) and own["recorded_role"].equals(STANDBY))


# ------------------------------------------------------------------------------ what must be equal


def _platform(own: Facts, primary: Facts) -> List[Check]:
    other = "Take a host of the same kind: the files of a database are copied as they are and can only be read there"
    return [
        _equal(
            "platform.cpu_architecture", "Is the CPU of the same architecture?", "cpu_architecture", own, primary, other
        ),
        _equal("platform.word_size", "Has the CPU the same word size, in bits?", "word_size", own, primary, other),
        _equal("platform.endianness", "Is the byte order the same?", "endianness", own, primary, other),
        _equal("platform.os", "Is the operating system the same?", "os_name", own, primary, other),
        _equal(
            "platform.os_release",
            "Is the release of the operating system the same?",
            "os_release",
            own,
            primary,
            "Tibero supports it, but a role change then moves the database to another system library; plan to make "
            "them equal",
            differ=WARN,
            advisory=True,
        ),
        _equal(
            "platform.kernel",
            "Is the kernel the same?",
            "kernel",
            own,
            primary,
            "Different kernels are no obstacle; after a role change they may explain a difference in speed",
            differ=WARN,
            advisory=True,
        ),
    ]


def _build(own: Facts, primary: Facts, install: str) -> Check:
    name, question = "tibero.build", "Is it the same build of Tibero?"
    if own["installed"].equals(False):
        # Nothing can be compared before the installation, which must not begin before the other checks: asked again
        # after it.
        expected = "{0} (primary)".format(say(primary["tibero_build"]))
        observed = "not installed yet; compared after the installation"
        return Check(name, question, expected, observed, own["installed"].source, UNKNOWN, install, advisory=True)
    return _equal(name, question, "tibero_build", own, primary, install)


def _database(own: Facts, primary: Facts) -> List[Check]:
    install = "Install the same build on both, or set tibero_software_source: clone to copy the software of the primary"
    return [
        _equal("tibero.version", "Is it the same major version of Tibero?", "tibero_version", own, primary, install),
        _build(own, primary, install),
        _equal(
            "database.name",
            "Is DB_NAME the same?",
            "db_name",
            own,
            primary,
            "Set tibero_db_name to the name of the primary's database. DB_NAME is common to all members; "
            "tibero_sid may differ",
        ),
        _equal(
            "database.block_size",
            "Is DB_BLOCK_SIZE the same?",
            "db_block_size",
            own,
            primary,
            "Set tibero_block_size to the value of the primary; it cannot be changed after CREATE DATABASE",
        ),
        _equal(
            "database.log_archive_format",
            "Is LOG_ARCHIVE_FORMAT the same?",
            "log_archive_format",
            own,
            primary,
            "Set LOG_ARCHIVE_FORMAT in tibero_parameters to the value of the primary: gaps are filled from "
            "archives found by their names",
        ),
    ]


def _character_set(own: Facts, primary: Facts, wish: Wish) -> Check:
    name, question = "database.character_set", "Is the character set the same?"
    if own["character_set"].is_known:
        remedy = "The databases are not copies of one another: find out which database this host carries"
        return _equal(name, question, "character_set", own, primary, remedy)
    theirs = primary["character_set"]
    if not theirs.is_known:
        return _cannot_tell(name, question, wish.character_set or "the primary's", theirs, advisory=True)
    # A physical copy brings the primary's character set along; only the description can contradict it.
    agrees = not wish.character_set or wish.character_set.upper() == str(theirs.value).upper()
    return Check(
        name,
        question,
        "{0} (primary)".format(theirs.value),
        "comes with the copy; tibero_character_set: {0}".format(wish.character_set or "not set"),
        theirs.source,
        OK if agrees else WARN,
        "Correct tibero_character_set in the inventory; it has no effect on a standby",
    )


def differing_parameters(
    own: Mapping[str, str], other: Mapping[str, str]
) -> List[Tuple[str, Optional[str], Optional[str]]]:
    """Parameters that are not bound to one host and differ: name, own value and the other's, None where it is not set."""

    def shared(parameters: Mapping[str, str]) -> Dict[str, str]:
        return {key: str(value).replace('"', "") for key, value in parameters.items() if not _OWN_PARAMETERS.match(key)}

    def same(left: Optional[str], right: Optional[str]) -> bool:
        return left == right or (size(left) is not None and size(left) == size(right))

    ours, theirs = shared(own), shared(other)
    return [
        (key, ours.get(key), theirs.get(key))
        for key in sorted(set(ours) | set(theirs))
        if not same(ours.get(key), theirs.get(key))
    ]


def _drift(own: Facts, primary: Facts) -> Check:
    name, question = "tip.drift", "Do the parameters agree that are not bound to one host?"
    mine, theirs = own["parameters"], primary["parameters"]
    for fact in (mine, theirs):
        if not fact.is_known:
            return _cannot_tell(name, question, "the tip of the primary", fact, advisory=True)
    differing = differing_parameters(mine.value or {}, theirs.value or {})
    observed = "; ".join(
        "{0}: {1}, primary {2}".format(key, "not set" if ours is None else ours, "not set" if other is None else other)
        for key, ours, other in differing
    )
    return Check(
        name,
        question,
        "equal",
        observed or "equal",
        mine.source,
        WARN if differing else OK,
        "Put what is meant for every member into tibero_parameters; the difference shows after a role change",
    )


# ---------------------------------------------------------------------------------------- licence


def _date(text: Optional[str]) -> Optional[datetime.date]:
    match = re.match(r"\s*(\d{4})[/-](\d{1,2})[/-](\d{1,2})\s*\Z", text or "")
    try:
        return datetime.date(int(match.group(1)), int(match.group(2)), int(match.group(3))) if match else None
    except ValueError:
        return None


def _licence_dates(licence: Mapping[str, Any], today: datetime.date, warn_days: int) -> Tuple[str, str]:
    """Verdict and reason. The form YYYY/MM/DD is recorded (H); how a licence without end looks is not (L)."""
    begin, end = _date(licence.get("start_date")), _date(licence.get("end_date"))
    if begin is not None and today < begin:
        return FAIL, "valid only from {0}, today is {1}".format(begin, today)
    if end is None and licence.get("end_date"):
        return UNKNOWN, "end_date {0!r} is not a date".format(licence["end_date"])
    if end is None:
        return WARN, "no end_date: taken for a licence without end, which was never seen"
    days = licence.get("duration")
    reckoned = " (by its start and its duration of {0} days; it names no end)".format(days) if days else ""
    if end < today:
        return FAIL, "expired on {0}, today is {1}{2}".format(end, today, reckoned)
    left = (end - today).days
    return (WARN if left <= warn_days else OK), "valid until {0}, {1} days left{2}".format(end, left, reckoned)


def _licence_host(licence: Mapping[str, Any], host: "Fact[Any]") -> Tuple[str, str]:
    wanted = licence.get("host")
    if not wanted:
        return OK, "not bound to a host"
    if not host.is_known:
        return UNKNOWN, "bound to {0}; name of this host UNKNOWN: {1}".format(wanted, host.why)
    have = str(host.value)
    if wanted == have:
        return OK, "bound to this host, {0}".format(have)
    if wanted.lower().split(".", maxsplit=1)[0] == have.lower().split(".", maxsplit=1)[0]:
        # How strictly the server compares is not known, so the near miss is shown and not decided.
        return WARN, "bound to {0}, the host calls itself {1}".format(wanted, have)
    return FAIL, "bound to host {0}, this host calls itself {1}".format(wanted, have)


def _licence_product(licence: Mapping[str, Any], version: "Fact[Any]") -> Tuple[str, str]:
    product = str(licence.get("product_version") or "")
    if not product or not version.is_known:
        return OK, "product version {0}".format(product or "not stated")
    verdict = OK if product.split(".", maxsplit=1)[0] == str(version.value).split(".", maxsplit=1)[0] else FAIL
    return verdict, "for version {0}, installed is {1}".format(product, version.value)


def licence_check(member: Facts, who: str, today: datetime.date, limits: Limits) -> Check:
    """Whether the next boot of a member would get past its licence; ``who`` ends the id of the check."""
    name, question = "licence.{0}".format(who), "Would Tibero accept the licence at its next boot?"
    fact = member["licence"]
    remedy = (
        "Put a licence for this host and version into place (variable tibero_license_file) before anything "
        "is stopped; Tibero reads it at boot only"
    )
    if not fact.is_known or fact.value is None:
        return _cannot_tell(name, question, "a readable licence", fact, remedy)
    licence = fact.value
    if licence.get("missing"):
        return Check(name, question, "a licence", "no file {0}".format(licence.get("path")), fact.source, FAIL, remedy)
    parts = [
        _licence_dates(licence, today, limits.licence_warn_days),
        _licence_host(licence, member["host_name"]),
        _licence_product(licence, member["tibero_version"]),
    ]
    kind = " ".join(str(licence[key]) for key in ("edition", "type") if licence.get(key))
    verdict = max((part[0] for part in parts), key=core.SEVERITY.index)
    observed = "; ".join([part[1] for part in parts] + (["edition and type: {0}".format(kind)] if kind else []))
    return Check(
        name,
        question,
        "valid more than {0} days, for this host and version".format(limits.licence_warn_days),
        observed,
        fact.source,
        verdict,
        remedy,
    )


# ------------------------------------------------------------------------------------------- ports


def _ports(own: Facts) -> List[Check]:
    fact = own["ports"]
    if not fact.is_known:
        return [
            _cannot_tell("ports.own", "Are the ports of Tibero free, or held by this instance?", "free or ours", fact)
        ]
    found = []
    for port in fact.value or []:
        verdict = {"free": OK, "ours": OK, "foreign": FAIL}.get(str(port["state"]), UNKNOWN)
        held = "{0}: {1}{2}".format(
            port["port"], port["state"], ", held by {0}".format(port["holder"]) if port.get("holder") else ""
        )
        found.append(
            Check(
                "ports.{0}".format(port["name"]),
                "Is the {0} port free, or held by this instance?".format(port["name"]),
                "{0} free or ours".format(port["port"]),
                held,
                fact.source,
                verdict,
                "Stop what holds the port, or choose another with tibero_listener_port or tibero_standby_port",
            )
        )
    return found


def reach_verdict(probe: Mapping[str, Any]) -> Tuple[str, str]:
    """Verdict and reason of one try of a port."""
    outcome = str(probe["outcome"])
    if outcome == "established":
        return OK, "a connection stands already"
    if outcome == "connected":
        return OK, "connected" + (", our listener answered" if probe.get("answered") else "")
    if outcome == "refused":
        # The host answered, so the route is there; whether a firewall will let the port through cannot be told while
        # nobody listens.
        return UNKNOWN, "refused: nothing listens there at the moment, or a firewall rejects"
    return FAIL, "{0}{1}".format(outcome, ": {0}".format(probe["detail"]) if probe.get("detail") else "")


def to_be_opened(own: Facts, primary: Optional[Facts], wish: Wish) -> List[Mapping[str, Any]]:
    """Tries of the primary that a firewall of this host may have blocked, and whose ports the role host will open.

    They have to be made again after it. firewalld's reject is seen as "unreachable" (ICMP), a drop as a timeout, and a
    reset by a rule as "refused". Not for a host that is a standby: the role has been there.
    """
    if primary is None or not (wish.prepared and wish.opens_ports) or _built(own) or not primary["reach"].is_known:
        return []
    return [probe for probe in primary["reach"].value or [] if probe["outcome"] in BLOCKED]


def _reach(member: Facts, who: str, later: Sequence[Mapping[str, Any]] = ()) -> List[Check]:
    """``later``: tries that will be made again, see :func:`to_be_opened`."""
    fact = member["reach"]
    if not fact.is_known:
        return [
            _cannot_tell(
                "reach.from_{0}".format(who), "Does the network let the members reach each other?", "connected", fact
            )
        ]
    found = []
    for probe in fact.value or []:
        verdict, observed = reach_verdict(probe)
        if probe in later:
            verdict, observed = UNKNOWN, "{0}; will be opened by role host, and tried again after it".format(observed)
        found.append(
            Check(
                "reach.from_{0}.{1}.{2}".format(who, probe["name"].replace(".", "_"), probe["port"]),
                "Can {0} open {1} port {2} of {3}?".format(
                    "the primary" if who == "primary" else "this host", "TCP", probe["port"], probe["name"]
                ),
                "{0}:{1} connected".format(probe["host"], probe["port"]),
                observed,
                fact.source,
                verdict,
                "Open the port on the way to {0} (firewall, security group, route), or correct tibero_address".format(
                    probe["host"]
                ),
                advisory=probe in later,
            )
        )
    return found


def _names(own: Facts) -> List[Check]:
    fact = own["names"]
    if not fact.is_known:
        return [_cannot_tell("names.peers", "Do the names of the members resolve?", "an address each", fact)]
    bad = ["{0}: {1}".format(each["name"], each["error"]) for each in fact.value or [] if each.get("error")]
    good = [
        "{0} = {1}".format(each["name"], ", ".join(each["addresses"]))
        for each in fact.value or []
        if not each.get("error")
    ]
    return [
        Check(
            "names.peers",
            "Do the names of the members resolve?",
            "an address each",
            "; ".join(bad + good) or "no names asked",
            fact.source,
            FAIL if bad else OK,
            "Add the names to DNS or to /etc/hosts, or give addresses in tibero_address",
        )
    ]


# ---------------------------------------------------------------------------------- space and clock


def _needed(own: Facts, primary: Facts) -> Dict[str, Tuple[int, int]]:
    """Bytes and files needed on the target, by directory. Archives: twice the online redo, an estimate (L), as the copy
    time is not known."""
    amount = primary["database_size"].value or {}
    have = int((own["target"].value or {}).get("bytes") or 0) if own["target"].is_known else 0
    unfinished = own["target"].is_known and (own["target"].value or {}).get("state") == "unfinished"
    data = max(int(amount["bytes"]) - (have if unfinished else 0), 0)
    return {"data": (data, int(amount["files"])), "archive": (2 * int(amount["redo_bytes"]), 16)}


def _replaced(own: Facts) -> int:
    """Bytes that lie there already and will be overwritten in their place."""
    fact = own["target"]
    if not fact.is_known or fact.value is None or fact.value.get("state") != "replaced":
        return 0
    return int(fact.value.get("bytes") or 0)


def _space(own: Facts, primary: Facts, limits: Limits) -> List[Check]:
    question = "Is there room for the copy and for the archives that come in meanwhile?"
    space = own["space"]
    if _built(own):
        return [Check("space.data", question, "-", "already built; nothing will be copied", own["role"].source, OK)]
    for fact in (space, primary["database_size"]):
        if not fact.is_known:
            return [_cannot_tell("space.data", question, "room for the database of the primary", fact)]
    needed = _needed(own, primary)
    room: Mapping[str, Any] = space.value or {}
    devices: Dict[str, List[str]] = {}
    for place in sorted(room):
        devices.setdefault(str(room[place]["device"]), []).append(place)
    found = []
    for places in devices.values():
        here = room[places[0]]
        wanted = sum(needed[place][0] for place in places)
        files = sum(needed[place][1] for place in places)
        free = int(here["free_bytes"]) + (_replaced(own) if "data" in places else 0)
        factor = float(free) / wanted if wanted else limits.space_ok
        verdict = OK if factor >= limits.space_ok else WARN if factor >= limits.space_fail else FAIL
        inodes = here.get("free_inodes")
        if inodes is not None and inodes < files:
            verdict = FAIL
        found.append(
            Check(
                "space.{0}".format("_and_".join(sorted(places, reverse=True)) if len(places) > 1 else places[0]),
                question,
                "{0} times {1} ({2} files)".format(limits.space_ok, readable(wanted), files),
                "{0} free, {1} inodes, for {2}".format(
                    readable(free),
                    "unlimited" if inodes is None else inodes,
                    " and ".join(room[place]["path"] for place in places),
                ),
                space.source,
                verdict,
                "Give the file system of {0} more room, or choose another tibero_data_dir or tibero_archive_dir".format(
                    here["path"]
                ),
            )
        )
    return found


def clock_check(own: Facts, limits: Limits) -> Check:
    """Whether the fact ``clock_offset`` is within the limits."""
    name, question = "clock.offset", "Do the clocks of this host and of the primary agree?"
    fact = own["clock_offset"]
    expected = "within {0:g} s".format(limits.clock_warn)
    remedy = (
        "Run a time service (chronyd or ntpd) on both hosts: redo with times that do not fit is refused (TBR-24112, C)"
    )
    if not fact.is_known or fact.value is None:
        return _cannot_tell(name, question, expected, fact, remedy, advisory=True)
    low, high = float(fact.value["low"]), float(fact.value["high"])
    observed = "ahead of the primary by {0:+.3f} to {1:+.3f} s ({2})".format(low, high, fact.value["how"])
    nearest = 0.0 if low <= 0.0 <= high else min(abs(low), abs(high))
    farthest = max(abs(low), abs(high))
    if nearest > limits.clock_fail:
        verdict = FAIL
    elif nearest > limits.clock_warn:
        verdict = WARN
    else:
        verdict = OK if farthest <= limits.clock_warn else UNKNOWN
    return Check(name, question, expected, observed, fact.source, verdict, remedy, advisory=True)


# --------------------------------------------------------------------------- the host's own fitness


def _kernel(own: Facts, limits: Limits) -> List[Check]:
    fact, memory = own["kernel_parameters"], own["memory"]
    if not fact.is_known or fact.value is None:
        return [
            _cannot_tell(
                "host.kernel", "Do the kernel parameters suffice?", "as the role host sets them", fact, advisory=True
            )
        ]
    role = "Run the role host with root rights, or set {0} by hand"
    values = fact.value
    sem = [int(each) for each in values.get("sem") or []]
    found = [
        Check(
            "host.semaphores",
            "Are there enough semaphores?",
            "kernel.sem at least {0}".format(" ".join(map(str, limits.sem))),
            " ".join(map(str, sem)) or "not readable",
            "/proc/sys/kernel/sem",
            OK if len(sem) == 4 and all(a >= b for a, b in zip(sem, limits.sem)) else WARN,
            role.format("kernel.sem"),
        )
    ]
    for key, name, least in (
        ("file_max", "fs.file-max", limits.file_max),
        ("aio_max_nr", "fs.aio-max-nr", limits.aio_max_nr),
    ):
        have = size(values.get(key))
        verdict = UNKNOWN if have is None else OK if have >= least else WARN
        found.append(
            Check(
                "host.{0}".format(key),
                "Is {0} high enough?".format(name),
                "at least {0}".format(least),
                str(values.get(key)),
                "/proc/sys",
                verdict,
                role.format(name),
                True,
            )
        )
    wanted = size((own["parameters"].value or {}).get("TOTAL_SHM_SIZE")) if own["parameters"].is_known else None
    if wanted is not None:
        found.append(_shared_memory(values, memory, wanted, role))
    return found


def _shared_memory(values: Mapping[str, Any], memory: "Fact[Any]", wanted: int, role: str) -> Check:
    name, question = "host.shared_memory", "Does the shared memory of the instance fit?"
    page = int((memory.value or {}).get("page_size") or 4096) if memory.is_known else 4096
    ram = int(memory.value["ram_bytes"]) if memory.is_known and memory.value else None
    shmmax, shmall = size(values.get("shmmax")), size(values.get("shmall"))
    expected = "TOTAL_SHM_SIZE {0}".format(readable(wanted))
    observed = "shmmax {0}, shmall {1} pages, RAM {2}".format(
        values.get("shmmax"), values.get("shmall"), "UNKNOWN" if ram is None else readable(ram)
    )
    if ram is not None and wanted > ram:
        return Check(
            "host.memory",
            question,
            expected,
            observed,
            "/proc",
            FAIL,
            "Lower tibero_total_shm_size: it is more than the memory of this host",
        )
    if shmmax is None or shmall is None:
        return Check(
            name, question, expected, observed, "/proc", UNKNOWN, role.format("kernel.shmmax and kernel.shmall"), True
        )
    fits = shmmax >= wanted and shmall * page >= wanted
    return Check(
        name,
        question,
        expected,
        observed,
        "/proc",
        OK if fits else FAIL,
        role.format("kernel.shmmax and kernel.shmall"),
    )


def _reserved(own: Facts) -> List[Check]:
    fact, ports = own["kernel_parameters"], own["ports"]
    if not fact.is_known or not ports.is_known or fact.value is None:
        return []
    reserved, local = (
        port_ranges(str(fact.value.get("reserved_ports") or "")),
        port_ranges(str(fact.value.get("local_ports") or "")),
    )

    def inside(port: int, ranges: Sequence[Tuple[int, int]]) -> bool:
        return any(low <= port <= high for low, high in ranges)

    loose = [
        str(each["port"])
        for each in ports.value or []
        if inside(int(each["port"]), local) and not inside(int(each["port"]), reserved)
    ]
    return [
        Check(
            "host.reserved_ports",
            "Are the ports of Tibero kept from outgoing connections?",
            "reserved or outside {0}".format(" ".join(str(fact.value.get("local_ports")).split())),
            "not reserved: {0}".format(", ".join(loose)) if loose else "kept",
            "/proc/sys/net/ipv4/ip_local_reserved_ports",
            WARN if loose else OK,
            "Run the role host with root rights, or add the ports to net.ipv4.ip_local_reserved_ports; otherwise a "
            "client connection may take one before Tibero boots",
        )
    ]


def _session(own: Facts, limits: Limits) -> List[Check]:
    found = []
    remove = own["remove_ipc"]
    question = "Does logind leave the shared memory alone when the user logs out?"
    if not remove.is_known:
        found.append(_cannot_tell("host.remove_ipc", question, "RemoveIPC=no", remove, advisory=True))
    else:
        verdict = {"no": OK, "exempt": OK, "default": WARN, "yes": FAIL}.get(str(remove.value), UNKNOWN)
        advice = (
            "Set RemoveIPC=no in logind.conf (role host): else logind removes the semaphores and shared "
            "memory of a running instance"
        )
        found.append(
            Check("host.remove_ipc", question, "RemoveIPC=no", str(remove.value), remove.source, verdict, advice, True)
        )
    fact = own["limits"]
    if not fact.is_known or fact.value is None:
        return found + [
            _cannot_tell("host.limits", "Are the limits of the user high enough?", "nofile, nproc", fact, advisory=True)
        ]
    for key, least in (("nofile", limits.nofile), ("nproc", limits.nproc)):
        have = int(fact.value[key])
        found.append(
            Check(
                "host.{0}".format(key),
                "Is the limit {0} of the user high enough?".format(key),
                "at least {0}".format(least),
                "unlimited" if have < 0 else str(have),
                fact.source,
                OK if have < 0 or have >= least else WARN,
                "Run the role host with root rights, or raise it in /etc/security/limits.d and log in again",
            )
        )
    return found


# ------------------------------------------------------------------------- the copy and the primary


def _target(own: Facts, wish: Wish) -> Check:
    name, question = "target.state", "May the copy be put here without losing anything?"
    if wish.keeps_files and own["process"].equals(False):
        source = own["process"].source
        return Check(name, question, "a stopped former primary that rejoins", "nothing is copied", source, OK)
    if _built(own):
        return Check(name, question, "empty, or a standby of this primary", "a standby already", own["role"].source, OK)
    fact = own["target"]
    expected = "empty, or an unfinished copy of ours"
    if not fact.is_known or fact.value is None:
        return _cannot_tell(name, question, expected, fact)
    ours = str(fact.value["state"]) in ("unfinished", "ours")
    if ours and own["process"].equals(True) and own["open_mode"].is_known and own["open_mode"].value in BELOW_OPEN:
        observed = "mounted by an interrupted run of ours: {0}".format(fact.value.get("detail"))
        return Check(name, question, expected, observed, fact.source, OK)
    if ours and own["process"].equals(True) and not own["open_mode"].is_known:
        # Such as one that is booted or stopped at this very moment, by a run that was interrupted.
        return Check(
            name,
            question,
            expected,
            "an instance runs here beside an unfinished copy of ours, and does not tell its mode: {0}".format(
                own["open_mode"].why
            ),
            own["process"].source,
            FAIL,
            "It may start or stop right now, by a run that was interrupted: run again in a minute. If it stays so, stop it with tbdown",
        )
    if own["process"].equals(True):
        return Check(
            name,
            question,
            expected,
            "an instance runs here, role {0}".format(say(own["role"])),
            own["process"].source,
            FAIL,
            "Find out what this instance is. If it may go: stop it with tbdown and move its data directory away",
        )
    state = str(fact.value["state"])
    verdict = OK if state in ("absent", "empty", "unfinished", "ours", "replaced") else FAIL
    observed = "{0}: {1}".format(state, fact.value.get("detail") or fact.value.get("path"))
    return Check(
        name,
        question,
        expected,
        observed,
        fact.source,
        verdict,
        "Move {0} away if it may go; nothing is overwritten".format(fact.value.get("path")),
    )


def _password_file(own: Facts, primary: Facts) -> Check:
    name, question = "password_file", "Is the password file the same?"
    mine, theirs = own["password_file"], primary["password_file"]
    if not theirs.is_known or theirs.value is None:
        return _cannot_tell(name, question, "the file of the primary", theirs)
    if not theirs.value["digest"]:
        remedy = (
            "Find the password file of the primary (.passwd in DB_CREATE_FILE_DEST): without it SYS cannot "
            "log in from outside (TBR-17007, C)"
        )
        return Check(
            name,
            question,
            "a file on the primary",
            "no file {0}".format(theirs.value["path"]),
            theirs.source,
            FAIL,
            remedy,
        )
    if not mine.is_known or mine.value is None:
        return _cannot_tell(name, question, "the file of the primary", mine)
    if not mine.value["digest"]:
        verdict = FAIL if _built(own) else OK
        observed = "no file {0}{1}".format(mine.value["path"], "" if _built(own) else "; it comes with the copy")
    else:
        same = mine.value["digest"] == theirs.value["digest"] and mine.value["salt"] == theirs.value["salt"]
        verdict, observed = (OK, "the same digest") if same else (FAIL, "another digest, or another salt")
    if verdict == FAIL and not _built(own):
        verdict, observed = OK, observed + "; it will be replaced by the copy"
    return Check(
        name,
        question,
        "as on the primary",
        observed,
        mine.source,
        verdict,
        "Copy {0} of the primary to {1} with mode 0600: nobody spreads a change of the SYS password, and redo "
        "stops when they differ".format(theirs.value["path"], mine.value["path"]),
    )


def _primary_state(primary: Facts) -> List[Check]:
    found = []
    role, mode = primary["role"], primary["open_mode"]
    remedy = "Open the primary (tbboot) and run again; a standby is copied from, and follows, an open primary"
    question = "Is the primary open, and a primary by its own word?"
    observed = "role {0}, open mode {1}".format(say(role), say(mode))
    if primary["process"].equals(False):
        found.append(
            Check(
                "primary.open",
                question,
                "primary, read_write",
                "its instance does not run",
                primary["process"].source,
                FAIL,
                remedy,
            )
        )
    elif not role.is_known and "TBR-17" in role.why:
        login = "Correct tibero_sys_password: it must be the password of SYS on the primary"
        found.append(_cannot_tell("primary.open", question, "primary, read_write", role, login))
    elif not role.is_known or not mode.is_known:
        found.append(
            _cannot_tell("primary.open", question, "primary, read_write", mode if role.is_known else role, remedy)
        )
    else:
        fine = role.value == PRIMARY and mode.value == READ_WRITE
        found.append(
            Check("primary.open", question, "primary, read_write", observed, role.source, OK if fine else FAIL, remedy)
        )
    return found


def _archiving(own: Facts, primary: Facts, wish: Wish) -> Check:
    name, question = "primary.archive_mode", "Does the primary archive its logs, as the transport and the copy need it?"
    fact = primary["archive_mode"]
    because = [
        text
        for text, needs in (
            ("ARCH ASYNC", wish.transport == "ARCH ASYNC"),
            ("a hot copy", wish.seed_method == "hot" and not _built(own)),
        )
        if needs
    ]
    expected = "ARCHIVELOG" + (" (needed by {0})".format(" and ".join(because)) if because else "")
    remedy = (
        "Switch it on: tip LOG_ARCHIVE_DEST, tbboot mount, ALTER DATABASE ARCHIVELOG, tbdown, tbboot; or run "
        "setup_primary.yml"
    )
    if not fact.is_known:
        return _cannot_tell(name, question, expected, fact, remedy)
    if fact.value:
        return Check(name, question, expected, "ARCHIVELOG", fact.source, OK)
    # On NOARCHIVELOG an ARCH ASYNC primary boots and ships nothing, without a word (H, MAN): it must be caught here.
    return Check(name, question, expected, "NOARCHIVELOG", fact.source, FAIL if because else WARN, remedy)


def _jobs(own: Facts, primary: Facts) -> List[Check]:
    found = []
    backup, ours = primary["backup_open"], primary["backup_ours"]
    question, remedy = (
        "Is no backup open on the primary?",
        "Let the backup end, or end a forgotten one with ALTER DATABASE END BACKUP on the primary",
    )
    if not backup.is_known:
        found.append(_cannot_tell("primary.backup", question, "none", backup, remedy))
    elif backup.value and not ours.is_known:
        found.append(_cannot_tell("primary.backup", question, "none, or ours", ours, remedy))
    elif backup.value and ours.value:
        found.append(
            Check(
                "primary.backup",
                question,
                "none, or ours",
                "open, begun by this collection",
                backup.source,
                WARN,
                "It ends with the copy, or by its dead-man timer",
            )
        )
    else:
        found.append(
            Check(
                "primary.backup",
                question,
                "none",
                "open" if backup.value else "none",
                backup.source,
                FAIL if backup.value else OK,
                remedy,
            )
        )
    jobs = primary["rmgr_jobs"]
    question = "Does no tbrmgr run on the primary?"
    if not jobs.is_known:
        found.append(_cannot_tell("primary.rmgr", question, "none", jobs, advisory=True))
    else:
        running = "; ".join(jobs.value or [])
        found.append(
            Check(
                "primary.rmgr",
                question,
                "none",
                running or "none",
                jobs.source,
                FAIL if running and not _built(own) else OK,
                "Wait until the RMGR job has ended",
            )
        )
    return found


# ------------------------------------------------------------------------------------------- judging


def _to_be_set(check: Check) -> Check:
    """A check of what the role host sets anyway before it is needed."""
    if not check.id.startswith("host.") or check.id == "host.memory" or check.verdict not in (WARN, FAIL):
        return check
    return check._replace(verdict=OK, observed="{0}; the role host will set it".format(check.observed))


def _own_checks(own: Facts, today: datetime.date, limits: Limits, wish: Wish) -> List[Check]:
    found = [licence_check(own, "own", today, limits)]
    found += _ports(own) + _names(own) + _kernel(own, limits) + _reserved(own) + _session(own, limits)
    return [_to_be_set(check) for check in found] if wish.prepared else found


def judge(
    own: Facts,
    primary: Optional[Facts],
    today: datetime.date,
    limits: Limits = LIMITS,
    wish: Wish = WISH,
    tolerate: Iterable[str] = (),
) -> List[Check]:
    """All checks of one host.

    :arg own: facts of the host that is judged.
    :arg primary: facts of the primary of the cluster, for a host that is to follow it; None if the host is judged by
    itself.
    :arg today: the day to measure licences by.
    :arg tolerate: ids of checks, or groups of ids, whose UNKNOWN the operator accepts.
    :returns: the checks; ask :func:`_core.checks.blockers` which of them forbid to go on.
    """
    found = _own_checks(own, today, limits, wish)
    if primary is not None:
        found = (
            _platform(own, primary)
            + _database(own, primary)
            + [_character_set(own, primary, wish), _drift(own, primary)]
            + found
        )
        found += [licence_check(primary, "primary", today, limits)]
        found += _reach(own, "here") + _reach(primary, "primary", to_be_opened(own, primary, wish))
        found += [] if wish.keeps_files else _space(own, primary, limits)
        found += [clock_check(own, limits), _password_file(own, primary), _target(own, wish)]
        found += _primary_state(primary) + [_archiving(own, primary, wish)] + _jobs(own, primary)
    found = core.tolerate(found, list(tolerate))
    if [check for check in core.blockers(found) if check.id == "primary.open"]:
        # What a primary cannot tell that is down, or lets nobody in, follows from that one obstacle, and would hide it.
        found = [check if check.id == "primary.open" else _follows(check) for check in found]
    return found


def _follows(check: Check) -> Check:
    told = check.id.startswith(("primary.", "space.", "database.block_size"))
    return check._replace(advisory=True) if told and check.verdict == UNKNOWN else check
