# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What is to be copied and what of it is there: the records of a seed, their file, and their arithmetic. No network
here.

The manifest is one JSON file in the seed's directory. It is the proof that files of a target are this very seed's:
without it, a target that is not empty is refused. It says ``unfinished`` from before the first byte is written until
every file is complete, verified and durable.

The digest of a file is the digest over the digests of its chunks in order, written ``sha256/4194304:<hex>`` (algorithm,
bytes of a chunk): it can be told of a file of any size after a resumed copy without reading the file again.
:func:`file_digest` computes it for a file on disk.
"""

import hashlib
import json
import os
import re
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import agent

FORMAT = 1
NAME = "manifest.json"

#: States of a seed.
UNFINISHED = "unfinished"
FINISHED = "finished"

#: What a file is to its database. Control and password files are for their owner only.
KINDS = ("datafile", "controlfile", "redo", "tempfile", "password", "archive", "software")
PRIVATE_KINDS = ("controlfile", "password")

#: A file has this suffix until the whole seed is complete, so that no database can be started on half a copy.
PART_SUFFIX = ".firedrill-part"


class File(NamedTuple):
    """A wish for one file: ``mode`` is None to keep the source's (0600 for control and password files)."""

    source: str
    target: str
    kind: str
    mode: Optional[int]


class Tree(NamedTuple):
    """A wish for everything below a directory, except what matches a pattern of ``exclude`` (see
    ``agent.is_excluded``).
    """

    source: str
    target: str
    exclude: Tuple[str, ...]


class Item(NamedTuple):
    """One thing that is made on the target.

    ``type``: f, d or l. ``root``: the directory that the caller named (a tree's target, or the directory of a single
    file's target);
    ``relative``: the path below it, of which no directory may be a link. ``key``: its name in the agent's protocol.
    ``digest`` and ``mtime_ns`` are those of the finished file on the target.
    """

    key: str
    type: str
    kind: str
    root: str
    relative: str
    size: int
    mode: int
    mtime_ns: int
    link: str
    digest: str

    @property
    def target(self) -> str:
        return os.path.join(self.root, self.relative)

    @property
    def part(self) -> str:
        return self.target + PART_SUFFIX

    @property
    def in_tree(self) -> bool:
        return self.key.startswith("t\0")


class Manifest(NamedTuple):
    """A seed as recorded: ``wish`` is the digest of what was asked for (:func:`wish_digest`), ``summary`` the result of
    the finished copy.
    """

    seed: str
    generation: str
    state: str
    wish: str
    algorithm: str
    chunk: int
    source: str
    items: Tuple[Item, ...]
    summary: Dict[str, Any]

    @property
    def files(self) -> List[Item]:
        return [item for item in self.items if item.type == "f"]


def check_seed_id(seed: str) -> None:
    """Refuse a seed id that cannot be a file name and part of a comment without quoting."""
    if not re.match(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z", seed):
        raise Refusal(
            seen="seed_id is {0!r}".format(seed),
            meaning="Allowed are 1 to 64 letters, digits, dots, underscores and dashes, beginning "
            "with a letter or digit",
            remedy="Choose another seed_id, such as the name of the standby",
        )


def chunks(size: int, chunk: int, start: int = 0) -> Iterator[Tuple[int, int]]:
    """(offset, length) of the chunks of a file of ``size`` bytes, from the chunk boundary ``start`` on.

    They cover it once and without gaps.
    """
    for offset in range(start, size, chunk):
        yield offset, min(chunk, size - offset)


def last_chunk(size: int, chunk: int) -> int:
    """Offset of the last chunk of a file, 0 for an empty one."""
    return (size - 1) // chunk * chunk if size else 0


def total_bytes(items: Sequence[Item]) -> int:
    """Bytes of all files of a seed."""
    return sum(item.size for item in items if item.type == "f")


def name_digest(algorithm: str, chunk: int, value: bytes) -> str:
    """The written form of a file's digest."""
    return "{0}/{1}:{2}".format(algorithm, chunk, "".join("{0:02x}".format(byte) for byte in value))


def file_digest(handle: int, algorithm: str, chunk: int) -> str:
    """The digest of an open file, read from its beginning in chunks.

    :arg handle: a descriptor open for reading.
    :raises OSError: as the system says.
    """
    whole = agent.digest_of(algorithm)
    buffer = memoryview(bytearray(chunk))
    offset = 0
    while True:
        filled = agent._fill(handle, buffer, offset)
        if filled:
            whole.update(agent.digest_of(algorithm, buffer[:filled]).digest())
        if filled < chunk:
            return name_digest(algorithm, chunk, whole.digest())
        offset += filled


def tree_digest(items: Sequence[Item]) -> str:
    """One digest for many items: paths, types, modes, links and file digests, in the order of their paths."""
    whole = hashlib.sha256()
    for item in sorted(items, key=lambda one: one.relative):
        record = (item.relative, item.type, item.mode if item.type != "l" else 0, item.link, item.digest)
        whole.update(json.dumps(record).encode("ascii") + b"\n")
    return "sha256:" + whole.hexdigest()


def wish_digest(
    seed: str, generation: str, files: Sequence[File], trees: Sequence[Tree], extra: Mapping[str, Any]
) -> str:
    """Identity of what is asked for, to tell whether a running or finished copy is the one that is meant."""
    record = [
        seed,
        generation,
        sorted(list(one) for one in files),
        sorted([one.source, one.target, sorted(one.exclude)] for one in trees),
        extra,
    ]
    return hashlib.sha256(json.dumps(record, sort_keys=True, default=str).encode("ascii")).hexdigest()


def mode_of(file: File, source_mode: int) -> int:
    """The mode that a file gets on the target."""
    if file.mode is not None:
        return file.mode
    return 0o600 if file.kind in PRIVATE_KINDS else source_mode


def items_of(
    files: Sequence[File], trees: Sequence[Tree], entries: Sequence[agent.Entry]
) -> Tuple[List[Item], List[str]]:
    """What the agent listed, as things to be made on the target.

    :returns: the items, directories before what is in them; and the paths that are neither file nor directory nor link
        and are left out.
    :raises Refusal: naming every offered file that the source cannot read, or a listing that contradicts what was asked
        for.
    """
    problems = [entry.error for entry in entries if entry.error]
    if problems:
        raise Refusal(
            seen="The source cannot serve {0} of the offered files: {1}".format(
                len(problems), "; ".join(problems[:10])
            ),
            meaning="A copy of these files would not be complete",
            remedy="Correct the list of files, or their owner and mode on the source, and offer them again",
            details={"unreadable": problems},
        )
    items: List[Item] = []
    left_out: List[str] = []
    links: Set[str] = set()
    by_source: Dict[str, List[File]] = {}
    for file in files:
        by_source.setdefault(file.source, []).append(file)
    trees_by_source = {tree.source: tree for tree in trees}
    for entry in entries:
        path, relative = agent.parts_of(entry.key)
        if relative is None and path in by_source:
            for file in by_source.pop(path):  # one control file serves all of a standby's
                root, name = os.path.split(file.target)
                items.append(_item(entry, file.kind, root, name, mode_of(file, entry.mode)))
        elif relative is None or path not in trees_by_source or not _is_below(path, relative, links):
            raise _contradiction("listed {0!r}, which was not asked for".format(entry.key.replace("\0", " ")))
        elif entry.type == "?":
            left_out.append(os.path.join(path, relative))
        else:
            if entry.type == "l":
                links.add(os.path.join(path, relative))
            items.append(_item(entry, "software", trees_by_source[path].target, relative, entry.mode))
    if by_source:
        raise _contradiction("did not list {0}".format(", ".join(sorted(by_source))))
    return items, left_out


def _contradiction(what: str) -> UnknownState:
    return UnknownState(
        seen="The source {0}".format(what),
        meaning="The source's offer is another one than the target's wish, or its listing is not to be trusted",
        remedy="Offer the files again with the same list of files and trees as the copy",
    )


def _item(entry: agent.Entry, kind: str, root: str, relative: str, mode: int) -> Item:
    return Item(entry.key, entry.type, kind, root, relative, entry.size, mode, entry.mtime_ns, entry.link, "")


def _is_below(tree: str, relative: str, links: Set[str]) -> bool:
    """True for a clean path below a tree that does not lead through a link."""
    parts = relative.split("/")
    if not all(parts) or "." in parts or ".." in parts:
        return False
    return not any(os.path.join(tree, *parts[:end]) in links for end in range(1, len(parts)))


def path(seed_dir: str) -> str:
    """Where the manifest of a seed is."""
    return os.path.join(seed_dir, NAME)


def load(seed_dir: str) -> Optional[Manifest]:
    """The manifest of a seed's directory, None when there is none.

    :raises UnknownState: when there is one that this version does not understand.
    """
    place = path(seed_dir)
    if not os.path.lexists(place):
        return None
    record = detached.read_json(place)
    try:
        if record is None or record.pop("format") != FORMAT:
            raise ValueError("format")
        record["items"] = tuple(Item(**item) for item in record["items"])
        return Manifest(**record)
    except (KeyError, TypeError, ValueError) as error:
        raise UnknownState(
            seen="{0} is not a manifest of format {1} ({2})".format(place, FORMAT, error),
            meaning="What the target holds cannot be proven to be ours",
            remedy="Look at the directory; if its copy is not wanted any more, remove the copied "
            "files and then the directory by hand",
        ) from error


def save(seed_dir: str, manifest: Manifest) -> None:
    """Write the manifest, durable before this returns."""
    record = dict(manifest._asdict(), format=FORMAT, items=[dict(item._asdict()) for item in manifest.items])
    detached.write_atomically(path(seed_dir), json.dumps(record, indent=None, sort_keys=True) + "\n")
    sync_directory(seed_dir)


def sync_directory(place: str) -> None:
    """Make renames in a directory durable."""
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
