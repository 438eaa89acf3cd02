# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What this collection has on a member, for a fingerprint: its records, temporary files and processes. Reads only.

Every file below ``instance/SID/firedrill`` counts. Those that are written anew each time (with a moment, an inode, a process) are read for what they
say; of every other one the digest is taken, so a file that nobody thought of still shows. The lock of the run that takes the fingerprint is left out.
"""

import hashlib
import os
import pwd
import re
import stat
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, fingerprint, journal, run_lock
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import StandbyError, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import Fact, known, unknown
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import offer
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import fence, held_ports, role_record
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import ps

Found = Dict[str, "Fact[Any]"]

THERE = "there"
#: Files up to this size are told by their digest, larger ones (an export of redo) by their size.
DIGEST_LIMIT = 16 << 20
#: Beginnings of directories and files in which a drill keeps what it needs on a member.
DRILL_NAMES = ("drill", "fault", "probe")
#: Files that say nothing by what is in them: the program that watches, and what was printed.
_SILENT = re.compile(r".*\.(lock|log)\Z|watch\.[a-z.]+\Z")
_OFFERED = re.compile(r"offers/([^/]+)/.*\Z")
_OURS = re.compile(r"\.firedrill-")
#: Directories of ours in /tmp for one instance (held_ports), so that another instance of this host is not taken for this one.
_HELD = re.compile(r"\.firedrill-[a-z]+-[0-9]+-.+-[0-9a-f]{12}\Z")


class Records(NamedTuple):
    """Sections of a fingerprint, and what moves."""

    sections: Dict[str, Found]
    moving: Found


def collect(client: Tibero, temporary: str = "/tmp", proc: str = "/proc") -> Records:
    """Everything of ours on this member but unfinished work, which :mod:`leftovers` tells.

    :arg temporary: stands for /tmp, :arg proc: for /proc in tests.
    """
    names = (
        fingerprint.RECORDS,
        fingerprint.JOURNALS,
        fingerprint.LEASES,
        fingerprint.OFFERS,
        fingerprint.DRILL,
    )
    sections: Dict[str, Found] = {name: {} for name in names}
    moving: Found = {}
    base = client.record_directory
    try:
        for path in _paths(base):
            _file(client, path, sections, moving)
    except OSError as error:
        for name in names:
            sections[name] = {fingerprint.WHOLE: _unreadable(base, error)}
    sections[fingerprint.OFFERS].update(_keys(client))
    sections[fingerprint.FENCE] = {"fence": _fence(client, moving)}
    sections[fingerprint.TEMPORARY] = _temporary(client, temporary)
    sections[fingerprint.PROCESSES], sections[fingerprint.SERVICES] = _processes(client, temporary, proc)
    held = run_lock.seen(os.path.join(base, run_lock.JOB))
    moving["run"] = known(held.holder or "nobody", os.path.join(base, run_lock.JOB))
    return Records(sections, moving)


def _unreadable(path: str, error: OSError) -> "Fact[Any]":
    return unknown(error.filename or path, error.strerror or str(error))


# ------------------------------------------------------------------------------------------------------------- files


def _paths(base: str) -> Iterator[str]:
    """Every file below a directory relative to it, and every empty directory with a slash at the end; not the lock of the runs."""

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    for place, directories, files in os.walk(base, onerror=refuse):
        if place == base and run_lock.JOB in directories:
            directories.remove(run_lock.JOB)
        elif not directories and not files and place != base:
            yield os.path.relpath(place, base) + "/"
        for name in files:
            yield os.path.relpath(os.path.join(place, name), base)


def _file(client: Tibero, path: str, sections: Dict[str, Found], moving: Found) -> None:
    """Put one file of ours where it belongs."""
    whole = os.path.join(client.record_directory, path)
    directory, name = os.path.split(path)
    offered = _OFFERED.match(path)
    if path.startswith(DRILL_NAMES):
        sections[fingerprint.DRILL]["file " + path] = known(THERE, whole)
    elif offered:
        sections[fingerprint.OFFERS][offered.group(1)] = known(THERE, os.path.dirname(whole))
    elif name.endswith(".lease"):
        sections[fingerprint.LEASES][path] = known(THERE, whole)
    elif path == "role.json":
        sections[fingerprint.RECORDS][fingerprint.ROLE_RECORD] = _role(client, moving)
    elif path == "latest_change.json":
        sections[fingerprint.RECORDS][fingerprint.LATEST_CHANGE] = _fields(whole, ("id", "kind", "state", "old", "new"))
    elif path == "standby_redo.json":
        sections[fingerprint.RECORDS][path] = _standby_redo(client, whole)
    elif path == "fence.json":
        return  # read with the fence itself
    elif path == "service.json":
        moving["service"] = _fields(whole, ())
    elif directory == "role_change":
        _change(whole, sections)
    elif _SILENT.match(path) or path.endswith("/"):
        sections[fingerprint.RECORDS][path] = known(THERE, whole)
    else:
        sections[fingerprint.RECORDS][path] = _plain(whole)


def _role(client: Tibero, moving: Found) -> "Fact[Any]":
    """The record of the role without what each boot writes anew; inodes of control files are told by whether they are the same."""
    path = role_record.path_of(client)
    try:
        found = role_record.read(client)
    except StandbyError as error:
        return unknown(path, error.seen)
    if not found.role and detached.read_json(path) is None:
        return unknown(path, "it cannot be read as a record of ours")
    moving["role_reason"] = known(found.reason, path)
    return known({"role": found.role, "rebuild": found.rebuild, "same_control_files": found.same_control_files}, path)


def _fields(path: str, names: Tuple[str, ...]) -> "Fact[Any]":
    """Fields of a record, all of them without names, as texts."""
    record = detached.read_json(path)
    if record is None:
        return unknown(path, "it cannot be read as a record of ours")
    return known({name: str(record.get(name)) for name in names or sorted(record)}, path)


def _standby_redo(client: Tibero, path: str) -> "Fact[Any]":
    record = detached.read_json(path)
    if record is None:
        return unknown(path, "it cannot be read as a record of ours")
    try:
        same = record.get("control_files") == role_record.identities(client)
    except StandbyError as error:
        return unknown(path, error.seen)
    return known({"finished": bool(record.get("finished")), "same_control_files": same}, path)


def _change(path: str, sections: Dict[str, Found]) -> None:
    """A file beside the journal of role changes: a journal, or what worker and controller speak by."""
    name = os.path.basename(path)
    key = fingerprint.CHANGE_FILES + name
    if not name.endswith(".json") or name == "worker.json":
        sections[fingerprint.RECORDS][key] = known(THERE, path)
        return
    raw = detached.read_json(path)
    guarded = fingerprint.GUARD_RECORD.fullmatch(name)
    if guarded:
        # What it saw is judged by the change itself.
        ended = bool(raw and raw.get("ended_at"))
        sections[fingerprint.RECORDS][key] = known({"guard_of": guarded.group(1), "ended": ended}, path)
        return
    try:
        if raw is None:
            raise UnknownState("it cannot be read as a journal", "-", "-")
        record = journal.record_from(raw)
    except UnknownState as error:
        sections[fingerprint.JOURNALS][name] = unknown(path, error.seen)
        return
    change = record.change
    sections[fingerprint.JOURNALS][change.id] = known(
        {"kind": change.kind, "state": record.state, "old": change.old, "new": change.new}, path
    )


def _plain(path: str) -> "Fact[Any]":
    """Any other file: the state of a job, or what it is by digest."""
    try:
        seen = os.lstat(path)
        if not stat.S_ISREG(seen.st_mode):
            return known({"mode": oct(seen.st_mode)}, path)
        record = detached.read_json(path) if path.endswith(".json") and seen.st_size <= DIGEST_LIMIT else None
        if record is not None and {"name", "key", "state", "process", "heartbeat"} <= set(record):
            return known({"job": detached.ask(os.path.dirname(path), str(record["name"])).state}, path)
        if seen.st_size > DIGEST_LIMIT:
            return known({"bytes": seen.st_size}, path)
        return known({"sha256": sha256_of(path)}, path)
    except OSError as error:
        return _unreadable(path, error)


def sha256_of(path: str) -> str:
    """SHA-256 of a file, read in pieces. :raises OSError: when it cannot be read."""
    total = hashlib.sha256()
    with open(path, "rb") as source:
        for piece in iter(lambda: source.read(1 << 20), b""):
            total.update(piece)
    return total.hexdigest()


# --------------------------------------------------------------------------------------- what must be gone after a drill


def _keys(client: Tibero) -> Found:
    """Lines of authorized_keys that open files of this instance to another member."""
    try:
        path = os.path.join(pwd.getpwuid(os.geteuid()).pw_dir, ".ssh", "authorized_keys")
        lines = offer.read_lines(path)
    except (OSError, KeyError) as error:
        return {"authorized_keys": unknown("authorized_keys", str(error))}
    return {
        "key of " + offer.seed_of(line): known(THERE, path)
        for line in lines
        if offer.seed_of(line) and client.record_directory in line
    }


def _fence(client: Tibero, moving: Found) -> "Fact[Any]":
    """Whether the instance is fenced; a record that outlived its fence counts too."""
    seen, path = fence.seen_by(client), fence.record_path(client)
    if seen:
        moving["fenced_at"] = known(seen["at"], path)
        return known({"tip": seen["tip"], "reason": seen["reason"]}, seen["tip"])
    if os.path.lexists(path):
        return known("no fence, but its record is there: {0}".format(path), path)
    return known(fingerprint.NONE, client.tip_path + fence.SUFFIX)


def _temporary(client: Tibero, temporary: str) -> Found:
    """Files of ours that no run leaves: in /tmp, and beside the files of the configuration."""
    own = {os.path.basename(held_ports.directory(holder, client.tb_home, client.tb_sid)) for holder in _HOLDERS}
    places = [temporary] + [os.path.join(client.tb_home, name) for name in ("config", "client/config")]
    found: Found = {}
    for place in places:
        try:
            names = sorted(os.listdir(place))
        except FileNotFoundError:
            continue
        except OSError as error:
            found[place] = _unreadable(place, error)
            continue
        for name in names:
            if _OURS.match(name) and (name in own or not _HELD.match(name)):
                found[os.path.join(place, name)] = known(THERE, place)
    return found


_HOLDERS = (held_ports.PREFLIGHT, held_ports.READINESS)


# ------------------------------------------------------------------------------------------------------------- processes


def _pids(proc: str) -> List[int]:
    return sorted(int(name) for name in os.listdir(proc) if name.isdigit())


def _output(pid: int, proc: str) -> str:
    """Where a process writes to; "" for one that is gone or of another user."""
    try:
        return os.readlink(os.path.join(proc, str(pid), "fd", "1"))
    except OSError:
        return ""


def _words(pid: int, proc: str) -> List[str]:
    try:
        with open(os.path.join(proc, str(pid), "cmdline"), "rb") as source:
            return [os.fsdecode(word) for word in source.read().split(b"\0") if word]
    except OSError:
        return []


def _processes(client: Tibero, temporary: str, proc: str) -> Tuple[Found, Found]:
    """Jobs of ours that run, told by the log that each writes to, and the program that watches, by its command line.

    A job is a fork of a module, so its command line tells nothing; it ties its output to a log of its own (:mod:`detached`).
    """
    jobs: Found = {}
    services: Found = {}
    own = [client.record_directory + "/"]
    own += [held_ports.directory(holder, client.tb_home, client.tb_sid) + "/" for holder in _HOLDERS]
    own = [
        place.replace("/tmp/", temporary + "/", 1) if place.startswith("/tmp/.firedrill") else place for place in own
    ]
    lock = os.path.join(client.record_directory, run_lock.JOB) + "/"
    try:
        pids = _pids(proc)
    except OSError as error:
        nothing = {fingerprint.WHOLE: _unreadable(proc, error)}
        return nothing, dict(nothing)
    for pid in pids:
        log = _output(pid, proc)
        words = _words(pid, proc)
        program = _program(client, words)
        if program is not None:
            services[program] = known("runs", proc)
        elif log.startswith(tuple(own)) and not log.startswith(lock):
            name = log.split(" (deleted)")[0]
            jobs[os.path.relpath(name, client.record_directory) if name.startswith(own[0]) else name] = known(
                "runs", proc
            )
    return jobs, services


def _program(client: Tibero, words: List[str]) -> Optional[str]:
    """The verb with which the program of a member runs (:mod:`service`), None for any other process and for another instance's."""
    for position, word in enumerate(words[:4]):
        if os.path.basename(word).startswith("firedrill-") and len(words) > position + 2:
            config: Mapping[str, Any] = detached.read_json(words[position + 1]) or {}
            if (
                config.get("tb_home", client.tb_home) == client.tb_home
                and config.get("tb_sid", client.tb_sid) == client.tb_sid
            ):
                return " ".join([os.path.basename(word), words[position + 2]])
    return None


def frozen(client: Tibero, proc: str = "/proc") -> "Fact[int]":
    """How many processes of this server are stopped by a signal (state T of proc(5)), as a freeze leaves them."""
    count = 0
    try:
        pids = _pids(proc)
    except OSError as error:
        return _unreadable(proc, error)
    for pid in pids:
        title = ps.parse_cmdline(b"\0".join(os.fsencode(word) for word in _words(pid, proc)))
        if title is None or title.sid != client.tb_sid or not _belongs(client, pid, proc):
            continue
        try:
            with open(os.path.join(proc, str(pid), "stat"), "rb") as source:
                fields = source.read().rpartition(b")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        count += fields[:1] == [b"T"]
    return known(count, "{0}, state T".format(proc))


def _belongs(client: Tibero, pid: int, proc: str) -> bool:
    """Whether a process of this TB_SID names no other TB_HOME; what may not be read counts as ours."""
    try:
        with open(os.path.join(proc, str(pid), "environ"), "rb") as source:
            homes = [entry[8:] for entry in source.read().split(b"\0") if entry.startswith(b"TB_HOME=")]
    except OSError:
        return True
    return not homes or os.path.realpath(os.fsdecode(homes[0])) == os.path.realpath(client.tb_home)
