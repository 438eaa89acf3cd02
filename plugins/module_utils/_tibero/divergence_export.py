# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""A former primary's own redo, copied to where no resync reaches it (module tibero_divergence_export).

The instance is mounted and stays mounted: nothing here opens a database. Opening a fenced former primary to compare it
with the new one was thought through and is not done: it would write redo of its own, its jobs would start, and its
destinations could be standbys that follow the new primary by now.

The manifest is written last and durable, so that an export without one is an unfinished one. An export is never
overwritten or removed by us: another measure gets another directory.
"""

import hashlib
import json
import os
import time
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import STOPPED
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed.manifest import sync_directory
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import divergence, options
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.divergence import Found, Mined
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import look

AUTO, NEVER, REQUIRED = "auto", "never", "required"

EXPORT_SPEC: Dict[str, Any] = dict(
    divergence.INFO_SPEC,
    directory={"type": "path"},
    listing={"type": "str", "choices": [AUTO, NEVER, REQUIRED], "default": AUTO},
    allow_gaps={"type": "bool", "default": False},
)

FORMAT = 1
MANIFEST = "manifest.json"
WRITES = "writes.json"
BLOCK = 1024 * 1024
#: Room that must be left beside what is copied, for the manifest and the listing.
MARGIN = 16 * 1024 * 1024


class Source(NamedTuple):
    """A file to be copied, and its name in the export."""

    path: str
    name: str
    kind: str
    thread: Optional[int]
    sequence: Optional[int]


def base_of(client: Tibero, directory: Optional[str]) -> str:
    """Where the exports of a member lie."""
    return directory or os.path.join(client.record_directory, "divergence")


def sources(found: Found) -> List[Source]:
    """What is copied: for each log that holds or may hold redo beyond the branch point its archive, or else every member
    of its group; and one control file."""
    archives = {str(item["path"]) for item in found.archives}
    chosen: List[Source] = []
    for one in found.measure.logs:
        mine = [path for path in one.log.paths if path in archives] or list(one.log.paths)
        for number, path in enumerate(mine):
            kind = "archive" if path in archives else "redo"
            name = "thread{0}-seq{1}-{2}-{3}".format(one.log.thread, one.log.sequence, number, os.path.basename(path))
            chosen.append(Source(path, name, kind, one.log.thread, one.log.sequence))
    for item in found.files:
        if item["kind"] == "controlfile":
            chosen.append(
                Source(str(item["path"]), "control-" + os.path.basename(item["path"]), "controlfile", None, None)
            )
            break
    return chosen


def read_manifest(directory: str) -> Optional[Dict[str, Any]]:
    """The manifest of a finished export, None without one.

    :raises UnknownState: for one that this version does not understand.
    """
    path = os.path.join(directory, MANIFEST)
    record = detached.read_json(path)
    if record is None:
        return None
    if record.get("format") != FORMAT or not isinstance(record.get("files"), list):
        raise UnknownState(
            seen="{0} is not a manifest of format {1}".format(path, FORMAT),
            meaning="What was exported there cannot be told",
            remedy="Look at it, and move the directory away if it is not needed; it is never overwritten",
        )
    return record


def exports(base: str, branch_point: int) -> Iterator[Tuple[str, Optional[Dict[str, Any]]]]:
    """Directories of this branch point's exports, oldest first, each with its manifest or None; the last is a free one."""
    number = 1
    while True:
        place = os.path.join(base, str(branch_point) if number == 1 else "{0}-{1}".format(branch_point, number))
        if not os.path.lexists(place):
            yield place, None
            return
        yield place, read_manifest(place)
        number += 1


def _stamp(path: str) -> Optional[List[int]]:
    try:
        seen = os.stat(path)
    except OSError:
        return None
    return [seen.st_size, seen.st_mtime_ns]


def still_same(record: Mapping[str, Any]) -> bool:
    """Whether the redo that was exported is still what lies at its source, and its copies are all there."""
    for one in record["files"]:
        copy = os.path.join(str(record["directory"]), str(one["copy"]))
        if not os.path.isfile(copy) or os.path.getsize(copy) != one["size"]:
            return False
        # A control file is written to by every boot.
        if one["kind"] != "controlfile" and _stamp(str(one["path"])) != [one["size"], one["mtime_ns"]]:
            return False
    return True


def covers(record: Mapping[str, Any], chosen: Sequence[Source]) -> bool:
    """Whether an export holds exactly the logs that would be exported now."""
    wanted = {(one.path, one.sequence) for one in chosen if one.kind != "controlfile"}
    return wanted == {(str(one["path"]), one["sequence"]) for one in record["files"] if one["kind"] != "controlfile"}


# ------------------------------------------------------------------------------------------- copy


def _copy(source: Source, directory: str) -> Dict[str, Any]:
    """Copy one file, durable, and prove the copy by reading it again."""
    part, target = os.path.join(directory, source.name + ".part"), os.path.join(directory, source.name)
    digest = hashlib.sha256()
    size = 0
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as sink, open(source.path, "rb") as origin:
        before = os.fstat(origin.fileno())
        while True:
            block = origin.read(BLOCK)
            if not block:
                break
            sink.write(block)
            digest.update(block)
            size += len(block)
        sink.flush()
        os.fsync(sink.fileno())
    again = digest_of(part)
    if (
        again != digest.hexdigest()
        or _stamp(source.path) != [before.st_size, before.st_mtime_ns]
        or size != before.st_size
    ):
        raise StandbyError(
            seen="The copy {0} reads {1}, read from {2} was {3} ({4} bytes)".format(
                part, again, source.path, digest.hexdigest(), size
            ),
            meaning="The disk gives back other bytes than were written, or the redo changes while it is copied; the export is "
            "unfinished and nothing was discarded",
            remedy="See that no instance writes there, check the disk, and run again",
        )
    os.rename(part, target)
    return {
        "path": source.path,
        "copy": source.name,
        "kind": source.kind,
        "thread": source.thread,
        "sequence": source.sequence,
        "size": size,
        "mtime_ns": before.st_mtime_ns,
        "sha256": digest.hexdigest(),
    }


def digest_of(path: str) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as source:
        for block in iter(lambda: source.read(BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


def _check_room(base: str, chosen: Sequence[Source]) -> None:
    place = base
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    needed = sum(os.path.getsize(one.path) for one in chosen) + MARGIN
    seen = os.statvfs(place)
    free = int(seen.f_bavail) * int(seen.f_frsize)
    if free < needed:
        raise Refusal(
            seen="{0}: {1} bytes needed for the export, {2} free".format(place, needed, free),
            meaning="The former primary's own redo would not be kept whole, so it must not be discarded",
            remedy="Free {0} bytes there, or name another directory".format(needed - free),
        )


def _refuse_gaps(found: Found, allowed: bool) -> None:
    if not found.measure.gaps or allowed:
        return
    raise UnknownState(
        seen="Redo beyond TSN {0} cannot be listed whole: {1}".format(
            found.measure.branch_point, "; ".join(found.measure.gaps)
        ),
        meaning="What is exported could lack writes of this member, and a resync would discard them for good",
        remedy="Bring the missing archives back, or accept the loss with allow_gaps: true, which is written into the manifest",
        details={"gaps": list(found.measure.gaps)},
    )


# ---------------------------------------------------------------------------------------- listing


def summary_of(mined: Mined) -> List[Dict[str, Any]]:
    """How many writes of which kind in which table, without what was written."""
    counts: Dict[Tuple[str, str, str], int] = {}
    for row in mined.rows:
        key = (str(row.get("OWNER") or ""), str(row.get("NAME") or ""), str(row.get("OPERATION") or ""))
        counts[key] = counts.get(key, 0) + 1
    return [
        {"owner": owner, "name": name, "operation": operation, "count": counts[(owner, name, operation)]}
        for owner, name, operation in sorted(counts)
    ]


def _list(client: Tibero, directory: str, record: Dict[str, Any], listing: str) -> Dict[str, Any]:
    """Write the listing, as far as the server tells: one line of JSON for each write."""
    if listing == NEVER:
        return {"known": False, "why": "it was not asked for", "writes": None, "file": "", "summary": []}
    paths: Dict[int, str] = {}
    for one in record["files"]:
        if one["sequence"] is not None:
            paths.setdefault(one["sequence"], os.path.join(directory, one["copy"]))
    mined = divergence.mine(client, [paths[number] for number in sorted(paths)], int(record["branch_point"]))
    if mined.why:
        if listing == REQUIRED:
            raise UnknownState(
                seen="The server does not tell the writes: {0}".format(mined.why),
                meaning="The redo is copied to {0}, but which writes it holds cannot be listed".format(directory),
                remedy="Set listing to auto to go on with the copied redo alone",
            )
        return {"known": False, "why": mined.why, "writes": None, "file": "", "summary": []}
    text = "".join(
        json.dumps({name.lower(): row.get(name) for name, _sql in divergence._MINED}, sort_keys=True) + "\n"
        for row in mined.rows
    )
    path = os.path.join(directory, WRITES)
    detached.write_atomically(path, text)
    os.chmod(path, 0o600)
    return {
        "known": True,
        "why": "",
        "writes": len(mined.rows),
        "file": WRITES,
        "sha256": digest_of(path),
        "summary": summary_of(mined),
    }


# ----------------------------------------------------------------------------------------- module


def divergence_export(context: Context) -> Outcome:
    """Export; see the documentation of the module tibero_divergence_export."""
    params = context.params
    branch_point = divergence.branch_point_of(params["branch_point"])
    client = options.client_of(context)
    base = base_of(client, params.get("directory"))
    seen = look(client)
    done = [record for _place, record in exports(base, branch_point) if record is not None]
    if seen.state.open_mode.equals(STOPPED) and done and still_same(done[-1]):
        return _outcome(done[-1], False)
    if context.check_mode and seen.state.open_mode.equals(STOPPED):
        return Outcome(
            True, {"directory": base, "msg": "A stopped instance cannot be measured: it would be mounted first."}
        )
    divergence.refuse_unmounted(seen)
    found = divergence.measure(client, branch_point)
    chosen = sources(found)
    for record in done:
        if record.get("database_id") == found.database_id and covers(record, chosen) and still_same(record):
            return _outcome(record, False)
    _refuse_gaps(found, params["allow_gaps"])
    _check_room(base, chosen)
    place = next(path for path, record in exports(base, branch_point) if record is None)
    record = _record(client, found, place, params)
    if context.check_mode:
        record["files"] = [{"path": one.path, "copy": one.name, "kind": one.kind} for one in chosen]
        return _outcome(record, True)
    detached.private_directory(client.record_directory)
    detached.private_directory(base)
    detached.private_directory(place)
    record["files"] = [_copy(one, place) for one in chosen]
    record["listing"] = _list(client, place, record, params["listing"])
    detached.write_atomically(os.path.join(place, MANIFEST), json.dumps(record, indent=1, sort_keys=True) + "\n")
    for directory in (place, base):
        sync_directory(directory)
    return _outcome(record, True)


def _record(client: Tibero, found: Found, place: str, params: Mapping[str, Any]) -> Dict[str, Any]:
    record = divergence.values_of(found)
    record.update(
        format=FORMAT,
        directory=place,
        sid=client.tb_sid,
        host=os.uname()[1],
        gaps_allowed=bool(params["allow_gaps"]) and bool(found.measure.gaps),
        exported_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        listing={"known": False, "why": "nothing is exported yet", "writes": None, "file": "", "summary": []},
    )
    return record


def _outcome(record: Mapping[str, Any], changed: bool) -> Outcome:
    values = {name: value for name, value in record.items() if name != "format"}
    values["manifest"] = os.path.join(str(record["directory"]), MANIFEST)
    values["bytes"] = sum(int(one.get("size") or 0) for one in record["files"])
    after = {str(one["path"]): str(one["copy"]) for one in record["files"]}
    return Outcome(changed, values, {} if changed else after, after, str(record["directory"]))
