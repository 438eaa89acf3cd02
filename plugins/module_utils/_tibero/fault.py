# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What the faults of a drill need to know of an instance of Tibero: which processes and which ports are its own.

A server is known by its TB_SID and its installation. What it started is known by its parent (H: ``tbsvr_*`` are children of ``tbsvr``). Whose
child the listener is, and what becomes of children whose server is gone, is recorded nowhere (L), so these count only when their environment
names this TB_HOME and this TB_SID.
"""

import os
from typing import Callable, Dict, List, NamedTuple, Optional, Set

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.fault import Engine, Ports
from ansible_collections.firedrill.standby.plugins.module_utils._core.fault_process import Family, Target
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import ps, tip
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError

#: Ports counted from LISTENER_PORT (H): that of SYS for emergencies, that of TLS, and the one on which a standby receives redo.
SPECIAL, TLS, REPLICATION = 1, 2, 4


def _read(path: str) -> bytes:
    with open(path, "rb") as source:
        return source.read()


def _owner(path: str) -> int:
    return os.stat(path).st_uid


class Proc(NamedTuple):
    """What is read of a process beside the list; a test passes its own."""

    identify: Callable[[int], Optional[detached.Process]] = detached.identify
    read: Callable[[str], bytes] = _read
    owner: Callable[[str], int] = _owner


def _list(client: Tibero) -> str:
    done = client.run(("ps", "-efww"), deadline=30.0)
    if done.timed_out or done.returncode != 0 or not done.output.strip():
        raise UnknownState(
            seen="The process list of this host cannot be read",
            meaning="Which processes belong to {0} is not known, and none is touched".format(client.tb_sid),
            remedy="Make 'ps -efww' work for the user of this task",
        )
    return str(done.output)


def _environment(pid: int, proc: Proc) -> Dict[str, str]:
    """TB_HOME and TB_SID of a process. :raises OSError: when it may not be read, or is gone."""
    entries = proc.read("/proc/{0}/environ".format(pid)).decode("utf-8", "surrogateescape").split("\0")
    pairs = [entry.partition("=") for entry in entries]
    return {name: value for name, _equals, value in pairs if name in ("TB_HOME", "TB_SID")}


def _by_environment(client: Tibero, item: ps.Process, proc: Proc) -> Optional[bool]:
    """Whether a process without a server above it is one of this instance; None when nothing tells."""
    try:
        found = _environment(item.pid, proc)
    except FileNotFoundError:
        return False
    except OSError:
        found = {}
    if len(found) == 2:
        same_home = os.path.realpath(found["TB_HOME"]) == os.path.realpath(client.tb_home)
        return same_home and found["TB_SID"] == client.tb_sid
    try:
        # An instance runs as the owner of its installation, so what another user runs is no part of it.
        return None if proc.owner("/proc/{0}".format(item.pid)) == proc.owner(client.tb_home) else False
    except OSError:
        return None


def _still(item: ps.Process, proc: Proc) -> Optional[Target]:
    """The process of a line of the list, if it is still the one that the line was about: its start time is read first, its title after it."""
    process = proc.identify(item.pid)
    if process is None:
        return None
    try:
        title = ps.parse_cmdline(proc.read("/proc/{0}/cmdline".format(item.pid)))
    except OSError:
        return None
    return Target(process, item.title.name) if title == item.title else None


def family(client: Tibero, proc: Optional[Proc] = None) -> Family:
    """The processes of an instance at this moment, servers first.

    :raises UnknownState: when the list of processes cannot be read.
    """
    proc = proc or Proc()
    servers = client.processes()
    everything = [item for item in ps.parse(_list(client)).processes if not client.is_elsewhere(item.pid)]
    if servers is None:
        raise UnknownState(
            seen="The process list of this host cannot be read",
            meaning="Which processes belong to {0} is not known, and none is touched".format(client.tb_sid),
            remedy="Make 'ps -efww' work for the user of this task",
        )
    # What a dead server has left is no server: it is judged below, like everything without one above it.
    ours: Set[int] = {server.pid for server in servers if not server.orphaned}
    known = {item.pid for item in everything}
    found: List[ps.Process] = [item for item in everything if item.pid in ours]
    undecided: List[str] = []
    rest = [item for item in everything if item.pid not in ours and item.title.sid in ("", client.tb_sid)]
    # Children come before their own children, however the list is sorted.
    while True:
        children = [item for item in rest if item.ppid in ours]
        if not children:
            break
        found += children
        ours.update(item.pid for item in children)
        rest = [item for item in rest if item.pid not in ours]
    for item in rest:
        if item.ppid in known or item.title.name == "tbsvr":
            continue  # below the server of another instance, or such a server
        verdict = _by_environment(client, item, proc)
        if verdict:
            found.append(item)
        elif verdict is None:
            undecided.append(_in_words(item))
    targets = [_still(item, proc) for item in found]
    return Family(tuple(target for target in targets if target is not None), tuple(undecided))


def _in_words(item: ps.Process) -> str:
    return "process {0} ({1}, parent {2})".format(item.pid, item.title.name, item.ppid)


def boots(client: Tibero, proc: Optional[Proc] = None) -> Family:
    """The ``tbboot`` that are at work for an instance at this moment: servers of it are about to be.

    :raises UnknownState: when the list of processes cannot be read.
    """
    proc = proc or Proc()
    found: List[Target] = []
    undecided: List[str] = []
    for item in ps.parse_boots(_list(client)):
        # Who has this pid is read before its environment: were it given to another meanwhile, the signal would not reach that one.
        process = None if client.is_elsewhere(item.pid) else proc.identify(item.pid)
        verdict = _by_environment(client, item, proc) if process is not None else False
        if verdict and process is not None:
            found.append(Target(process, item.title.name))
        elif verdict is None:
            undecided.append(_in_words(item))
    return Family(tuple(found), tuple(undecided))


def _number(client: Tibero, name: str, default: Optional[int]) -> int:
    text = client.parameter(name).strip('" ')
    if not text and default is not None:
        return default
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise UnknownState(
            seen="{0} in {1} is {2!r}".format(name, client.tip_path, text),
            meaning="Which ports belong to {0} is not known".format(client.tb_sid),
            remedy="Correct the tip, or cut whole hosts off (whole_host: true)",
        )
    return int(text)


def ports(client: Tibero) -> Ports:
    """The TCP ports of an instance, as its tip has them.

    Defaults: LISTENER_PORT+1, +2 and +4 (H, vendor's manual). The ports that it sends to are those of its destinations, and the one on which it
    receives itself, since members of a cluster usually have the same.

    :raises Refusal: without a tip. :raises UnknownState: when a port or a destination in it is not understood.
    """
    document = client.tip()
    if document is None:
        raise Refusal(
            seen="{0} is not there".format(client.tip_path),
            meaning="Which ports belong to {0} is not known".format(client.tb_sid),
            remedy="Check tb_home and tb_sid, lift a fence, or cut whole hosts off (whole_host: true)",
        )
    listener = _number(client, "LISTENER_PORT", None)
    service = (
        listener,
        _number(client, "_LSNR_SPECIAL_PORT", listener + SPECIAL),
        _number(client, "_LSNR_SSL_PORT", listener + TLS),
    )
    receives = _number(client, "_STANDBY_CONN_PORT", listener + REPLICATION)
    remote = {receives}
    for number in range(1, 10):
        name = "LOG_REPLICATION_DEST_{0}".format(number)
        value = tip.get(document, name)
        if value is None or not value.text.strip('" '):
            continue
        try:
            remote.add(tip.parse_destination(value.text).port)
        except GrammarError as error:
            raise UnknownState(
                seen="{0}: {1}".format(name, error),
                meaning="To which ports {0} sends its redo is not known".format(client.tb_sid),
                remedy="Correct the tip, or cut whole hosts off (whole_host: true)",
            ) from error
    return Ports(tuple(sorted(set(service))), (receives,), tuple(sorted(remote)))


def engine(client: Tibero, proc: Optional[Proc] = None) -> Engine:
    """An instance of Tibero as the faults see it."""
    try:
        owner: Optional[int] = _owner(client.tb_home)
    except OSError:
        owner = None
    key = "{0}:{1}".format(os.path.realpath(client.tb_home), client.tb_sid)
    return Engine(client.tb_sid, key, owner, lambda: family(client, proc), lambda: ports(client))
