# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What cmrctl and tbcm print: Cluster Manager and Observer.

Public API
    parse(text) -> tuple of reports, in order            never raises on text without a report; GrammarError on a
                                                         broken table
    parse_node(text) -> Node                             the last ``cmrctl show`` of a database node
    parse_observer(text) -> Observer                     the last ``cmrctl show`` of an Observer
    parse_tsc(text) -> Tsc                               the last ``cmrctl show --tscid T``
    parse_service(text) -> Service                       the last ``cmrctl show service --name S``
    parse_reply(text) -> Reply                           add, start, stop, set, switchover; never raises
    parse_tbcm(text) -> Manager                          ``tbcm -b`` and ``tbcmobs -b``; never raises

Source: recordings of 6 (retyped) and 7 (H). The first columns of the Observer's tables are printed in the first row
of a group only, so its fields are counted from the right. CLS_ID changes over time: use CM_NAME as the key.
"""

import enum
import re
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, TypeVar, Union

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.lines import split_plain


class Resource(NamedTuple):
    """A row of ``cmrctl show``.

    status as printed: UP, DOWN, DEACT, UP(NRML), UP(RECO), UP(R), INTR, UNKNOWN; detail: with its continuation lines.
    """

    cluster: str
    type: str
    name: str
    status: str
    detail: str


class Node(NamedTuple):
    """``cmrctl show`` on a database node. name: "" if the text has no title."""

    name: str
    resources: Tuple[Resource, ...]


class Member(NamedTuple):
    """A row of the Observer's ``cmrctl show``. role as printed: PRIMARY, TARGET, N; cls_id: "" where it is blank."""

    tsc_id: str
    cls_id: str
    cm_name: str
    nid: str
    cm_status: str
    instance_status: str
    role: str


class Observer(NamedTuple):
    """``cmrctl show`` on an Observer."""

    name: str
    members: Tuple[Member, ...]


class TscRow(NamedTuple):
    """A row of ``cmrctl show --tscid T``.

    cls_id: "" where it is blank; log: "-" for the primary; received_tsn: 0 for the primary, None where the row tells no
    number (L).
    """

    cls_id: str
    cm_name: str
    connected: str
    log: str
    heartbeat: str
    received_tsn: Optional[int]


class Tsc(NamedTuple):
    """``cmrctl show --tscid T``. failover: OFF, ON(TSN), ON(FIXED); mode: PROTECTIVE, DISASTER_PLAN."""

    tsc_id: str
    failover: str
    mode: str
    rows: Tuple[TscRow, ...]


class ServiceInstance(NamedTuple):
    """A row of the instance list of a service."""

    nid: str
    name: str
    status: str
    interrupt_status: str
    ack: str
    scheduled: str


class Service(NamedTuple):
    """``cmrctl show service``. fields: every ``label : value`` line as printed."""

    name: str
    type: str
    mode: str
    cluster: str
    fields: Tuple[Tuple[str, str], ...]
    instances: Tuple[ServiceInstance, ...]


class ReplyOutcome(enum.Enum):
    """What a command came to."""

    SUCCESS = "success"
    FAILED = "failed"
    UNRECOGNISED = "unrecognised"


class Reply(NamedTuple):
    """The answer to a command.

    resource: (type, name) of ``Resource add success! (network, inc1)`` or None; mode: of BOOT SUCCESS.
    """

    outcome: ReplyOutcome
    resource: Optional[Tuple[str, str]]
    mode: str
    messages: Tuple[str, ...]
    text: str


class Manager(NamedTuple):
    """``tbcm -b``.

    started: True, False, or None if the text says neither; name: of the manager; version, build: of the banner.
    """

    started: Optional[bool]
    name: str
    version: str
    build: str
    text: str


Report = Union[Node, Observer, Tsc, Service]

_TITLE_NODE = re.compile(r"[ \t]*Resource[ \t]*List[ \t]*of[ \t]*Node[ \t]+(\S+)", re.IGNORECASE)
_TITLE_OBSERVER = re.compile(r"[ \t]*Resource[ \t]*List[ \t]*of[ \t]*Observer[ \t]+(\S+)", re.IGNORECASE)
_TITLE_TSC = re.compile(r"[ \t]*TSC[ \t]*\([ \t]*ID[ \t]*:[ \t]*(\w+)[ \t]*\)[ \t]*Information", re.IGNORECASE)
_TITLE_SERVICE = re.compile(r"[ \t]*Service[ \t]*Resource[ \t]*Info", re.IGNORECASE)
_HEADING_NODE = re.compile(r"[ \t]*CLUSTER[ \t]+TYPE[ \t]+NAME[ \t]+STATUS[ \t]+DETAIL[ \t]*\Z", re.IGNORECASE)
_RULE = re.compile(r"[ \t]*={8,}[ \t]*\Z")
_DASHES = re.compile(r"[ \t]*-+(?:[ \t]+-+)+[ \t]*\Z")
_RESOURCE = re.compile(r"[ \t]*(\S+)[ \t]+(\S+)[ \t]+(\S+)[ \t]+([A-Z]+(?:\([A-Za-z0-9_]*\))*)(?:[ \t]+(.*))?\Z")
_FIELD = re.compile(r"[ \t]*([A-Za-z][A-Za-z. /]{0,40}?)[ \t]*:[ \t]*(.*)\Z")


def _table(lines: Sequence[str], start: int) -> Tuple[str, List[Tuple[int, str]], int]:
    """Return the dash line, the rows with their line numbers, and the index behind the table that starts below a
    title."""
    dashes = ""
    rows: List[Tuple[int, str]] = []
    at = start
    rules = 0
    while at < len(lines):
        line = lines[at]
        if _RULE.match(line):
            rules += 1
            if rules == 2:
                return dashes, rows, at + 1
        elif _is_title(line):
            break
        elif _DASHES.match(line) and not dashes:
            dashes = line
        elif dashes and line.strip():
            rows.append((at + 1, line))
        at += 1
    raise GrammarError("cmrctl table", "its end", "a closing line of ===; the output was cut off", min(at, len(lines)))


def _is_title(line: str) -> bool:
    return any(pattern.match(line) for pattern in (_TITLE_NODE, _TITLE_OBSERVER, _TITLE_TSC, _TITLE_SERVICE))


def _node(lines: Sequence[str], start: int, name: str) -> Tuple[Node, int]:
    dashes, rows, end = _table(lines, start)
    groups = list(re.finditer("-+", dashes))
    detail_at = groups[4].start() if len(groups) >= 5 else None
    resources: List[Resource] = []
    for number, line in rows:
        if resources and detail_at is not None and not line[:detail_at].strip():
            last = resources[-1]
            resources[-1] = last._replace(detail=(last.detail + " " + line.strip()).strip())
            continue
        match = _RESOURCE.match(line)
        if match is None:
            raise GrammarError("cmrctl show", line.strip(), "cluster, type, name, status and detail", number, 1)
        resources.append(
            Resource(match.group(1), match.group(2), match.group(3), match.group(4), (match.group(5) or "").strip())
        )
    return Node(name, tuple(resources)), end


def _starts(dashes: str) -> List[int]:
    return [group.start() for group in re.finditer("-+", dashes)]


def _columns(line: str, dashes: str) -> List[int]:
    """Return for each word the column in which it starts. In a text that has lost its padding they are too small."""
    starts = _starts(dashes)
    return [
        max([0] + [column for column, start in enumerate(starts) if start <= word.start()])
        for word in re.finditer(r"\S+", line)
    ]


# The number of a node stands between its name and its states, so it shows whether the fields are counted rightly.
_NID = re.compile(r"(?:[0-9]+|-+|N/?A)\Z", re.IGNORECASE)


def _observer_words(line: str, dashes: str) -> List[str]:
    """Return the fields of a row, with "" for a blank CLS_ID; [] if a field is missing and it is not that one."""
    words = line.split()
    columns = _columns(line, dashes)
    if len(words) == 5 and columns[0] != 1:
        words.insert(0, "")
    elif len(words) == 6 and columns[0] == 0 and columns[1] >= 2:
        words.insert(1, "")
    return words if len(words) in (6, 7) and _NID.match(words[-4]) else []


def _observer(lines: Sequence[str], start: int, name: str) -> Tuple[Observer, int]:
    dashes, rows, end = _table(lines, start)
    members: List[Member] = []
    for number, line in rows:
        words = _observer_words(line, dashes)
        if not words or (len(words) == 6 and not members):
            raise GrammarError(
                "cmrctl show (Observer)", line.strip(), "6 fields, or 7 in the first row of a TSC", number, 1
            )
        tsc_id = words[-7] if len(words) == 7 else members[-1].tsc_id
        members.append(Member(tsc_id, words[-6], words[-5], words[-4], words[-3], words[-2], words[-1]))
    return Observer(name, tuple(members)), end


_CONNECTED = re.compile(r"[YN](?:\([A-Z]*\))?\Z")
_TSN = re.compile(r"([0-9]{1,30})\Z|(?:-[0-9]*|--+|N/?A|)\Z", re.IGNORECASE)


def _tsc_words(line: str, dashes: str, is_first: bool) -> List[str]:
    """Return the fields of a row, with "" for a blank CLS_ID or RCVD.TSN; [] if it is not certain which one is missing."""
    words = line.split()
    if len(words) == (7 if is_first else 5):
        columns = _columns(line, dashes)
        starts = _starts(dashes)
        before = len(words) - 5
        if before and not words[1][0].isalpha():
            return []  # FAILOVER or MODE is the one that is missing
        if _CONNECTED.match(words[-4]) and not _CONNECTED.match(words[-3]) and columns[before] != 2:
            words.insert(before, "")
        elif _CONNECTED.match(words[-3]) and len(starts) > 1 and starts[-2] < len(line.rstrip()) <= starts[-1]:
            words.append("")
    return words if len(words) == 8 or (len(words) == 6 and not is_first) else []


def _tsc(lines: Sequence[str], start: int, tsc_id: str) -> Tuple[Tsc, int]:
    dashes, rows, end = _table(lines, start)
    failover = mode = ""
    found: List[TscRow] = []
    for number, line in rows:
        words = _tsc_words(line, dashes, not found)
        received = _TSN.match(words[-1]) if words else None
        if received is None:
            raise GrammarError(
                "cmrctl show --tscid",
                line.strip(),
                "6 fields, or 8 in the first row, the last a number or '-'; only CLS_ID or RCVD.TSN may be blank",
                number,
                1,
            )
        if len(words) == 8 and not found:
            failover, mode = words[0], words[1]
        tsn = int(received.group(1)) if received.group(1) else None
        found.append(TscRow(words[-6], words[-5], words[-4], words[-3], words[-2], tsn))
    return Tsc(tsc_id, failover, mode, tuple(found)), end


def _service(lines: Sequence[str], start: int) -> Tuple[Service, int]:
    fields: List[Tuple[str, str]] = []
    instances: List[ServiceInstance] = []
    rules = 0
    at = start
    in_list = False
    while at < len(lines):
        line = lines[at]
        body = line.strip().strip("|").strip()
        if _RULE.match(line):
            rules += 1
            # One rule above the fields, one below them, one below the instance list.
            if rules == 3 or (rules == 2 and not _opens_list(lines, at + 1)):
                break
        elif _is_title(line):
            break
        elif rules == 1:
            match = _FIELD.match(line)
            if match:
                fields.append((match.group(1).strip(), match.group(2).strip()))
        elif rules == 2 and _DASHES.match(body):
            in_list = True
        elif rules == 2 and in_list and body:
            words = body.split()
            if len(words) != 6:
                raise GrammarError("cmrctl show service", body, "6 fields of an instance", at + 1, 1)
            instances.append(ServiceInstance(*words))
        at += 1
    known: Dict[str, str] = {name.lower(): value for name, value in fields}
    if "service name" not in known:
        raise GrammarError("cmrctl show service", "no service name", "a line 'Service name : <name>'", start)
    service = Service(
        known["service name"],
        known.get("service type", ""),
        known.get("service mode", ""),
        known.get("cluster", ""),
        tuple(fields),
        tuple(instances),
    )
    return service, at + 1


def _opens_list(lines: Sequence[str], at: int) -> bool:
    return at < len(lines) and "INSTANCE LIST" in lines[at].upper()


def parse(text: str) -> Tuple[Report, ...]:
    """Return every table of a text, in order; prompts and commands between them are passed over.

    :raises GrammarError: if a table is cut off or a row has another number of fields, with the line.
    """
    lines = split_plain(text)
    reports: List[Report] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        node = _TITLE_NODE.match(line)
        observer = _TITLE_OBSERVER.match(line)
        tsc = _TITLE_TSC.match(line)
        report: Optional[Report] = None
        if node:
            report, at = _node(lines, at + 1, node.group(1))
        elif observer:
            report, at = _observer(lines, at + 1, observer.group(1))
        elif tsc:
            report, at = _tsc(lines, at + 1, tsc.group(1))
        elif _TITLE_SERVICE.match(line):
            report, at = _service(lines, at + 1)
        elif at > 0 and _HEADING_NODE.match(line) and _RULE.match(lines[at - 1]):
            # The title of the table is lost.
            report, at = _node(lines, at - 1, "")
        else:
            at += 1
        if report is not None:
            reports.append(report)
    return tuple(reports)


_R = TypeVar("_R", Node, Observer, Tsc, Service)


def _last(text: str, kind: Callable[..., _R], what: str) -> _R:
    found = [report for report in parse(text) if isinstance(report, kind)]  # type: ignore[arg-type]
    if not found:
        raise GrammarError("cmrctl", text.strip()[:100], what)
    return found[-1]  # type: ignore[return-value]


def parse_node(text: str) -> Node:
    """Return the last resource list of a node. :raises GrammarError: if there is none or it is broken."""
    return _last(text, Node, "a table 'Resource List of Node <name>'")


def parse_observer(text: str) -> Observer:
    """Return the last resource list of an Observer. :raises GrammarError: if there is none or it is broken."""
    return _last(text, Observer, "a table 'Resource List of Observer <name>'")


def parse_tsc(text: str) -> Tsc:
    """Return the last TSC table. :raises GrammarError: if there is none or it is broken."""
    return _last(text, Tsc, "a table 'TSC(ID: <n>) Information'")


def parse_service(text: str) -> Service:
    """Return the last service table. :raises GrammarError: if there is none or it is broken."""
    return _last(text, Service, "a table 'Service Resource Info'")


_ADDED = re.compile(
    r"Resource[ \t]*\w*[ \t]*success[ \t]*!?[ \t]*\([ \t]*(\w+)[ \t]*,[ \t]*([^)\s]+)[ \t]*\)", re.IGNORECASE
)
_BOOTED = re.compile(r"BOOT[ \t]*SUCCESS[ \t]*!?[ \t]*(?:\([ \t]*MODE[ \t]*:[ \t]*([^)\n]*)\))?", re.IGNORECASE)
_SUCCESS = re.compile(r"\bSUCCESS[ \t]*!", re.IGNORECASE)
_FAILED = re.compile(
    r"\b(?:SIG[A-Z]+ caught|fail(?:ed|ure|s)?|error|invalid|unknown|not exist|doesn'?t exist|cannot|refused|denied|timed? ?out)\b",
    re.IGNORECASE,
)
# A line that says success and this as well is no success.
_DENIED = re.compile(_FAILED.pattern + r"|\b(?:not|no|without|but)\b", re.IGNORECASE)
_COUNTER = re.compile(r"failed retry cnt", re.IGNORECASE)
_SHELL = re.compile(r"[ \t]*(?:\[[^\]\n]*\][ \t]*[$#>]+|[\w.@:~/-]*[$#]+)(?:[ \t]|\Z)")
# A boot that failed, in whatever box or behind whatever success: a program of the cluster only sent the request.
_BOOT_FAILED = re.compile(
    r"\bTB[RS]-[0-9]|(?i:\bBOOT[ \t]*FAILED|Critical[ \t]*Warning|\bsuspended\b|\bnot[ \t]+licensed|"
    r"standby[ \t]+DB[ \t]+is[ \t]+required)"
)
_STARRED = re.compile(r"[ \t]*\*")
_BORDER = re.compile(r"[ \t]*\*{8,}[ \t]*\Z")
_WARNED = re.compile(
    r"\*[*\s]*(?:A[ \t]+shared memory segment with the same key already exists|Warning[ \t]*:)", re.IGNORECASE
)


def _warnings(lines: Sequence[str]) -> List[bool]:
    """Tell of each line whether it stands in a box that only warns: the boot goes on."""
    found: List[bool] = []
    for line in lines:
        inside = _STARRED.match(line) is not None and not _BORDER.match(line)
        found.append(inside and ((bool(found) and found[-1]) or _WARNED.match(line.strip()) is not None))
    return found


def parse_reply(text: str) -> Reply:
    """Read the answer to a command. Success only if it says so; a failure anywhere outweighs a success (L for both
    orders), also that of the tbboot whose output stands in the answer.

    ``MSG SENDING SUCCESS!`` means that the request was sent, not that it was done: poll with ``cmrctl show`` (H).
    """
    outcome = ReplyOutcome.UNRECOGNISED
    resource: Optional[Tuple[str, str]] = None
    mode = ""
    messages: List[str] = []
    lines = split_plain(text)
    for line, is_warning in zip(lines, _warnings(lines)):
        if not line.strip() or _SHELL.match(line):
            continue
        added = _ADDED.search(line)
        booted = _BOOTED.search(line)
        said = added or booted or _SUCCESS.search(line)
        # The name of a resource may look like the number of an error.
        if _BOOT_FAILED.search(_ADDED.sub("", line)):
            outcome = ReplyOutcome.FAILED
            messages.append(line.strip())
        elif said and not _DENIED.search(line):
            if outcome == ReplyOutcome.UNRECOGNISED:
                outcome = ReplyOutcome.SUCCESS
            resource = (added.group(1), added.group(2)) if added else resource
            mode = (booted.group(1) or "").strip() if booted else mode
            messages.append(line.strip())
        elif said or (_FAILED.search(line) and not _COUNTER.search(line) and not is_warning):
            outcome = ReplyOutcome.FAILED
            messages.append(line.strip())
    return Reply(outcome, resource, mode, tuple(messages), text)


_MANAGER_UP = re.compile(r"cluster[ \t]*manager[ \t]*(?:\([^)\n]*\)[ \t]*)?started[ \t]*up", re.IGNORECASE)
_MANAGER_FAILED = re.compile(r"cluster[ \t]*manager[ \t]*(?:\(([^)\n]*)\)[ \t]*)?startup[ \t]*failed", re.IGNORECASE)
_LOCAL_NODE = re.compile(r"Local[ \t]*node[ \t]*name[ \t]*is[ \t]*\(([^):\n]*)(?::([0-9]+))?\)", re.IGNORECASE)
_TBCM_BANNER = re.compile(
    r"\bTBCM[ \t]+([0-9]+(?:\.[0-9]+)+)(?:[ \t]*\([ \t]*Build[ \t]*([0-9]+)[ \t]*\))?", re.IGNORECASE
)


def parse_tbcm(text: str) -> Manager:
    """Read the output of ``tbcm -b`` (H, 7). The last message decides."""
    started: Optional[bool] = None
    name = version = build = ""
    for line in split_plain(text):
        failed = _MANAGER_FAILED.search(line)
        local = _LOCAL_NODE.search(line)
        banner = _TBCM_BANNER.search(line)
        if failed:
            started = False
            name = failed.group(1) or name
        elif _MANAGER_UP.search(line):
            started = True
        if local:
            name = local.group(1)
        if banner:
            version, build = banner.group(1), banner.group(2) or ""
    return Manager(started, name, version, build, text)
