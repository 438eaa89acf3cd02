# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What a drill left on a host that is no member: processes, timers, files, keys. Reads only.

It is looked for as the user of the probe, who could make nothing that another user must look for. What is the drill's is told by its id: in names of
files, in what a process has open, in an entry of its environment; a key for copying files has the word of those.

Public: :data:`DRILL_VARIABLE`, :class:`Place`, :func:`look`.
"""

import os
import re
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Runner
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed.offer import MARKER

#: The variable by which every program that a probe starts can be told later, also when the probe is gone.
DRILL_VARIABLE = "FIREDRILL_DRILL"
#: Where programs put what lives as long as a boot or less.
SCRATCH = ("/tmp", "/var/tmp", "/dev/shm", "/run")
#: Where systemd and cron have what they start.
TIMERS = ("/run/systemd/transient", "/run/systemd/system", "/etc/systemd/system", "/etc/cron.d")
KEYS = ("authorized_keys", "authorized_keys2")
#: Bytes of a unit or a table of cron that are read.
_LIMIT = 65536

Found = List[Dict[str, str]]


class Place(NamedTuple):
    """Where to look. ``drill``: its id. ``kept``: paths that stay by intent, as the evidence. The rest: the host's, or a test's."""

    drill: str
    kept: Sequence[str] = ()
    scratch: Sequence[str] = SCRATCH
    timers: Sequence[str] = TIMERS
    home: str = ""
    proc: str = "/proc"


def look(place: Place, runner: Runner) -> Tuple[Found, Found]:
    """What is left, ``[{kind, what}]``, and what could not be looked at, ``[{what, why}]``."""
    left: Found = []
    unseen: Found = []
    for kind, seek in (("process", _processes), ("file", _files), ("timer", _timers), ("key", _keys)):
        try:
            for words in seek(place):
                left.append({"kind": kind, "what": words})
        except OSError as error:
            unseen.append({"what": kind, "why": "{0}: {1}".format(error.filename or kind, error.strerror or error)})
    for words in _crontab(place, runner, unseen):
        left.append({"kind": "timer", "what": words})
    return left, unseen


# ------------------------------------------------------------------------------------------------------------ processes


def _ancestors(proc: str) -> List[int]:
    """This process and all above it: who looks is not what is looked for."""
    found, pid = [], os.getpid()
    while pid > 0 and pid not in found:
        found.append(pid)
        try:
            with open(os.path.join(proc, str(pid), "stat"), "rb") as source:
                pid = int(source.read().rpartition(b")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            break
    return found


def _processes(place: Place) -> Iterator[str]:
    """Processes that have something of the drill open, stand in it, or were started by its probe. :raises OSError: where there is no list of them."""
    own = _ancestors(place.proc)
    for name in sorted(os.listdir(place.proc), key=lambda each: (len(each), each)):
        if not name.isdigit() or int(name) in own:
            continue
        at = os.path.join(place.proc, name)
        why = _belongs(at, place)
        if why:
            yield "the process {0} ({1}), {2}".format(name, _read(os.path.join(at, "comm")).strip() or "?", why)


def _belongs(at: str, place: Place) -> str:
    """Why a process is the drill's, in words; empty for one that is not, that has ended, or that belongs to another user."""
    mark = "{0}={1}".format(DRILL_VARIABLE, place.drill)
    if mark in _read(os.path.join(at, "environ")).split("\0"):
        return "which a probe started"
    links = [os.path.join(at, "cwd")]
    try:
        links += [os.path.join(at, "fd", handle) for handle in os.listdir(os.path.join(at, "fd"))]
    except OSError:
        pass  # it has ended meanwhile, or it is another user's
    for link in links:
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if place.drill in target and not _is_kept(target, place):
            return "which uses {0}".format(target)
    return ""


def _read(path: str) -> str:
    """The begin of a file; empty for one that cannot be read."""
    try:
        with open(path, "rb") as source:
            return source.read(_LIMIT).decode("utf-8", "backslashreplace")
    except OSError:
        return ""


# ---------------------------------------------------------------------------------------------------------------- files


def _is_kept(path: str, place: Place) -> bool:
    return any(path == each or path.startswith(each.rstrip("/") + "/") for each in place.kept if each)


def _names(directory: str) -> List[str]:
    """The entries of a directory; none without one. :raises OSError: for one that is there and cannot be read."""
    try:
        return sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _files(place: Place) -> Iterator[str]:
    """Files and directories with the drill in their names. :raises OSError: for a place that cannot be read."""
    for directory in list(place.scratch) + ([place.home] if place.home else []):
        for name in _names(directory):
            path = os.path.join(directory, name)
            if place.drill in name and not _is_kept(path, place):
                yield "the {0} {1}".format("directory" if os.path.isdir(path) else "file", path)


def _timers(place: Place) -> Iterator[str]:
    for directory in place.timers:
        for name in _names(directory):
            path = os.path.join(directory, name)
            if place.drill in name or (os.path.isfile(path) and place.drill in _read(path)):
                yield "the timer {0}".format(path)


def _crontab(place: Place, runner: Runner, unseen: Found) -> Iterator[str]:
    """Lines of the user's table of cron. A host without the program has none."""
    try:
        done = runner(Command(("crontab", "-l"), deadline=20.0))
    except OSError:
        return
    if done.timed_out:
        unseen.append({"what": "timer", "why": "crontab -l gave no answer"})
    for line in done.output.splitlines():
        if place.drill in line:
            yield "the timer of cron {0}".format(" ".join(line.split())[:200])


def _keys(place: Place) -> Iterator[str]:
    """Keys that let somebody fetch files, by their names: the rest of such a line is nobody's business."""
    for name in KEYS if place.home else ():
        path = os.path.join(place.home, ".ssh", name)
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8", errors="backslashreplace") as source:
            for line in source:
                words = line.split()
                if not words or line.lstrip().startswith("#"):
                    continue
                if place.drill in line or words[-1].startswith(MARKER):
                    yield "the key {0} in {1}".format(re.sub(r"[^\w=.-]", "?", words[-1])[:80], path)
