# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Process lists: which Tibero instances run, booted how, with which children.

Public API
    parse(text) -> Processes                 output of ``ps -ef``, ``ps -eo pid,ppid,user,args`` or ``ps aux``; never
                                             raises
    parse_cmdline(data) -> Title or None     content of ``/proc/<pid>/cmdline`` (bytes or text)
    parse_boots(text) -> tuple of Process    the ``tbboot`` of the same lists: servers that are about to be; never raises
    group(processes) -> Processes            the same from Process records read elsewhere, e.g. from /proc
    instance(processes, sid) -> Instance or None
    remains(orphans, sid) -> Instance or None   what a dead server left alive

Source: recordings of version 7 (H): ``tbsvr          -t NORMAL -SVR_SID <sid>`` with children ``tbsvr_MGWP`` and so
                                                      on; of version 5 and
early 6 the names ``tbsvr_TBMP``, ``tbsvr_WP000`` (M). The word after ``-t`` is the boot *request*; whether it changes
later is unknown (L).
"""

import re
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.lines import decode, split_plain


class Title(NamedTuple):
    """A process title. name: "tbsvr", "tbsvr_MGWP", "tblistener"; mode, sid: "" if the title does not say."""

    name: str
    mode: str
    sid: str


class Process(NamedTuple):
    """One Tibero process; ppid is None in lists that do not show it."""

    pid: int
    ppid: Optional[int]
    user: str
    title: Title


class Instance(NamedTuple):
    """One running server. mode: the boot request as printed; children: their names in the order of the list.

    orphaned: the server itself is gone and only children of it live. Then mode is "", because nothing is served any more in the mode that they
    were started for, and pid and user are those of the first child.
    """

    sid: str
    mode: str
    pid: int
    user: str
    children: Tuple[str, ...]
    orphaned: bool = False


class Processes(NamedTuple):
    """All Tibero processes of a list.

    orphans: children, and children of children, whose server is gone (crashed, killed) and nothing else claims.
    """

    instances: Tuple[Instance, ...]
    listeners: Tuple[Process, ...]
    orphans: Tuple[Process, ...]
    processes: Tuple[Process, ...]


_NAME = re.compile(r"(?:\S*/)?(tbsvr(?:_\w+)?|tblistener)\Z")
# The tree of ``ps --forest`` and ``ps axf``.
_BRANCH = re.compile(r"\A(?:\|[ \t]+)*\\_[ \t]+")
_MODE = re.compile(r"(?:^|\s)-t\s+(\S+)")
_SID = re.compile(r"(?:^|\s)-SVR_SID\s+(\S+)")
# By itself, or as a script that a shell runs; an editor or a pager that has it open is none.
_BOOT = re.compile(r"(?:-?(?:\S*/)?(?:ba|da|k|z)?sh\s+)?(?:\S*/)?tbboot(?:\s|\Z)")
# user pid ppid ... command (ps -ef), pid ppid user command (ps -eo), user pid %cpu %mem vsz rss tty stat start time
# command (ps aux)
_EF = re.compile(r"\s*(\S+)\s+([0-9]+)\s+([0-9]+)\s+[0-9]+\s+(?:\S+|[A-Z][a-z]{2}\s+[0-9]+)\s+\S+\s+[0-9:.-]+\s+(\S.*)")
_EO = re.compile(r"\s*([0-9]+)\s+([0-9]+)\s+(\S+)\s+(\S.*)")
_AUX = re.compile(r"\s*(\S+)\s+([0-9]+)\s+[0-9.]+\s+[0-9.]+\s+[0-9]+\s+[0-9]+\s+\S+\s+\S+\s+\S+\s+[0-9:]+\s+(\S.*)")


def _title(command: str) -> Optional[Title]:
    words = _BRANCH.sub("", command, count=1).split(None, 1)
    match = _NAME.match(words[0].lstrip("-")) if words else None
    if match is None:
        return None
    rest = words[1] if len(words) > 1 else ""
    mode = _MODE.search(rest)
    sid = _SID.search(rest)
    return Title(match.group(1), mode.group(1) if mode else "", sid.group(1) if sid else "")


def parse_cmdline(data: Union[bytes, str]) -> Optional[Title]:
    """Read ``/proc/<pid>/cmdline``; None if it is no Tibero process. Arguments are separated by NUL, or by blanks
    where Tibero wrote its title over them."""
    text = decode(data) if isinstance(data, bytes) else data
    return _title(text.replace("\0", " ").strip())


def _boot_title(command: str) -> Optional[Title]:
    text = _BRANCH.sub("", command, count=1)
    if not _BOOT.match(text):
        return None
    mode = _MODE.search(text)
    return Title("tbboot", mode.group(1) if mode else "", "")


def _process(line: str, names: Sequence[str], title_of: Callable[[str], Optional[Title]]) -> Optional[Process]:
    # Most lines of a list are other programs', so they are passed over before the patterns are tried.
    if not [name for name in names if name in line]:
        return None
    for pattern, pid, ppid, user, command in ((_EF, 2, 3, 1, 4), (_EO, 1, 2, 3, 4), (_AUX, 2, 0, 1, 3)):
        match = pattern.match(line)
        if match:
            title = title_of(match.group(command))
            if title is not None:
                return Process(
                    int(match.group(pid)), int(match.group(ppid)) if ppid else None, match.group(user), title
                )
    return None


def _server_above(process: Process, servers: Dict[int, Process], known: Dict[int, Process]) -> Optional[int]:
    """The pid of the server that a process descends from, None without one. A child's child belongs to the server too."""
    passed = {process.pid}
    parent = process.ppid
    while parent is not None and parent not in servers and parent in known and parent not in passed:
        passed.add(parent)
        parent = known[parent].ppid
    return parent if parent in servers else None


def group(processes: Sequence[Process]) -> Processes:
    """Sort processes into instances with children, listeners and orphans."""
    known = {process.pid: process for process in processes}
    servers = {process.pid: process for process in processes if process.title.name == "tbsvr"}
    by_sid = {
        process.title.sid: process.pid for process in processes if process.title.name == "tbsvr" and process.title.sid
    }
    children: Dict[int, List[str]] = {pid: [] for pid in servers}
    listeners: List[Process] = []
    orphans: List[Process] = []
    for process in processes:
        if process.pid in servers and process.title.name == "tbsvr":
            continue
        if process.title.name == "tblistener":
            listeners.append(process)
            continue
        parent = _server_above(process, servers, known)
        if parent is None and process.ppid is None:
            # Without parent numbers (ps aux) the SID is the only bond.
            parent = by_sid.get(process.title.sid)
        if parent is None:
            orphans.append(process)
        else:
            children[parent].append(process.title.name)
    instances = [
        Instance(process.title.sid, process.title.mode, process.pid, process.user, tuple(children[process.pid]))
        for process in servers.values()
    ]
    return Processes(tuple(instances), tuple(listeners), tuple(orphans), tuple(processes))


def parse(text: str) -> Processes:
    """Read a process list. Lines of other programs (headers, ``grep tbsvr``, shells, remarks) are passed over. Never
    raises.

    While tbboot is still working there may be a second ``tbsvr`` of the same SID; both are returned.
    """
    return group(_read(text, ("tbsvr", "tblistener"), _title))


def parse_boots(text: str) -> Tuple[Process, ...]:
    """Every ``tbboot`` of a process list. Its title does not say which instance it boots: its environment does. Never raises."""
    return tuple(_read(text, ("tbboot",), _boot_title))


def _read(text: str, names: Sequence[str], title_of: Callable[[str], Optional[Title]]) -> List[Process]:
    found = [_process(line, names, title_of) for line in split_plain(text)]
    # A text may hold two lists of the same moment; a process is one process.
    return list({process.pid: process for process in found if process is not None}.values())


def instance(processes: Processes, sid: str) -> Optional[Instance]:
    """Return the running instance of a SID (exact spelling), or None. Of several, the one with the most children."""
    found = [item for item in processes.instances if item.sid == sid]
    return max(found, key=lambda item: len(item.children)) if found else None


def remains(orphans: Sequence[Process], sid: str) -> Optional[Instance]:
    """What a dead server of a SID (exact spelling) left alive, as one :class:`Instance` that is ``orphaned``; None without any."""
    found = [item for item in orphans if item.title.sid == sid]
    if not found:
        return None
    names = tuple(item.title.name for item in found)
    return Instance(sid, "", found[0].pid, found[0].user, names, orphaned=True)
