# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The target's side of the disk: what is there before anything is written, and files opened so that no link leads them
astray.
"""

import ctypes
import errno
import os
import stat
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed.manifest import PART_SUFFIX, Item

#: Names that a fresh file system has by itself.
ALWAYS_IGNORED = ("lost+found",)
#: A file name is limited to 255 bytes, of which the suffix of a part needs some.
NAME_LIMIT = 255 - len(PART_SUFFIX)
#: Mode of directories that are made for single files.
DIRECTORY_MODE = 0o750


class Space(NamedTuple):
    """One file system of the target: bytes that the copy needs there, and bytes that are free for this user."""

    path: str
    needed: int
    free: int

    def as_dict(self) -> Dict[str, Any]:
        return dict(self._asdict())


def check_path(path: str, what: str) -> None:
    """Refuse a path that is not absolute and plain.

    :arg what: the option it comes from, for the message.
    """
    problem = ""
    if not path.startswith("/"):
        problem = "is not absolute"
    elif os.path.normpath(path) != path or path == "/":
        problem = "is not a plain path (no '..', no doubled or trailing slash, not the root)"
    elif any(character in path for character in "'\"\\`$") or any(ord(character) < 32 for character in path):
        problem = "holds a quote, a dollar sign, a backslash or a control character"
    elif len(os.fsencode(os.path.basename(path))) > NAME_LIMIT:
        problem = "has a name of more than {0} bytes".format(NAME_LIMIT)
    if problem:
        raise Refusal(
            seen="{0} {1!r} {2}".format(what, path, problem),
            meaning="Such a path cannot be copied from or to without a doubt",
            remedy="Give a plain absolute path",
        )


def existing_ancestor(path: str) -> str:
    """The path itself or the nearest directory above it that exists."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path


def check_directories(roots: Sequence[str]) -> None:
    """Refuse target directories that this user cannot fill, or that others can change under our hands.

    :raises Refusal: naming each directory with its owner and mode.
    """
    problems = []
    for root in roots:
        place = existing_ancestor(root)
        seen = os.stat(place)
        owner = "{0} (owner {1}, mode {2:04o})".format(place, seen.st_uid, stat.S_IMODE(seen.st_mode))
        if not stat.S_ISDIR(seen.st_mode):
            problems.append("{0} is no directory".format(place))
        elif not os.access(place, os.W_OK | os.X_OK):
            problems.append("{0} cannot be written by user {1}".format(owner, os.geteuid()))
        elif place == root and (seen.st_uid not in (os.geteuid(), 0) or seen.st_mode & 0o002):
            problems.append("{0} belongs to or can be written by others than user {1}".format(owner, os.geteuid()))
    if problems:
        raise Refusal(
            seen="; ".join(problems),
            meaning="The copy would fail half-way, or another user could put a link in its way",
            remedy="Create the directories for user {0} with mode 0750, or run as the database's OS user".format(
                os.geteuid()
            ),
            details={"directories": problems},
        )


def check_empty(roots: Sequence[str], ours: Set[str], tolerated: Sequence[str]) -> None:
    """Refuse when a target directory holds anything that is not this very seed's.

    Empty directories are tolerated: there is nothing in them that could be lost.

    :arg roots: directories that files are copied to. :arg ours: every path that the seed's manifest proves to be its
        own.
    :arg tolerated: absolute paths, or names, that may be there; whatever is below them as well.
    :raises Refusal: naming what lies there.
    """
    foreign: List[str] = []
    for root in roots:
        for path in _files_below(root, tolerated):
            if path not in ours and path not in foreign:
                foreign.append(path)
    if foreign:
        shown = ", ".join(foreign[:8]) + (" and {0} more".format(len(foreign) - 8) if len(foreign) > 8 else "")
        raise Refusal(
            seen="The target is not empty: {0}".format(shown),
            meaning="These files are not of this unfinished seed, and nothing is overwritten that is "
            "not proven to be ours",
            remedy="Check whose they are; move them away or remove them by hand, then run again",
            details={"foreign": foreign[:1000]},
        )


def check_unused(paths: Sequence[str], proc: str = "/proc") -> None:
    """Refuse when a living process has one of the files open, whatever program it is.

    Of processes of other users the system does not tell which files they have open, unless we are root; a server runs as
    the owner of its files, which is us, or writing to them fails.

    :arg proc: where the system shows its processes.
    :raises Refusal: naming the processes and the files.
    """
    wanted = {}
    for path in paths:
        try:
            seen = os.stat(path)
        except OSError:
            continue
        wanted[(seen.st_dev, seen.st_ino)] = path
    if not wanted:
        return
    users: Dict[str, Set[str]] = {}
    for process in [name for name in os.listdir(proc) if name.isdigit()]:
        for path in _open_files(os.path.join(proc, process, "fd"), wanted):
            users.setdefault(process, set()).add(path)
    if users:
        told = ["process {0}: {1}".format(process, ", ".join(sorted(users[process])[:3])) for process in sorted(users)]
        raise Refusal(
            seen="Files that are to be replaced are open: {0}".format("; ".join(told[:5])),
            meaning="An instance lives on them; to overwrite them under it would damage both",
            remedy="Stop that instance, then run again",
            details={"processes": {process: sorted(found) for process, found in users.items()}},
        )


def _open_files(directory: str, wanted: Mapping[Tuple[int, int], str]) -> Iterator[str]:
    """Which of the wanted files a process has open; none when it has ended or may not be looked into."""
    try:
        handles = os.listdir(directory)
    except OSError:
        return
    for handle in handles:
        try:
            seen = os.stat(os.path.join(directory, handle))
        except OSError:
            continue
        if (seen.st_dev, seen.st_ino) in wanted:
            yield wanted[(seen.st_dev, seen.st_ino)]


def _files_below(root: str, tolerated: Sequence[str]) -> Iterator[str]:
    """Everything below a directory that is no directory."""
    try:
        names = sorted(os.listdir(root))
    except FileNotFoundError:
        return
    for name in names:
        path = os.path.join(root, name)
        if name in ALWAYS_IGNORED or name in tolerated or path in tolerated:
            continue
        if os.path.isdir(path) and not os.path.islink(path):
            yield from _files_below(path, tolerated)
        else:
            yield path


Statvfs = Callable[[str], Any]


def spaces(items: Sequence[Item], margin: float, statvfs: Statvfs = os.statvfs) -> List[Space]:
    """What a copy needs of each file system: the rounded sizes, less what is allocated already, and a margin.

    :arg margin: share of the needed bytes that must be left free beside them, such as 0.05.
    """
    needed: Dict[int, int] = {}
    places: Dict[int, str] = {}
    anchors: Dict[str, Tuple[int, str, int]] = {}
    for item in items:
        if item.root not in anchors:
            place = existing_ancestor(item.root)
            anchors[item.root] = (os.stat(place).st_dev, place, max(int(statvfs(place).f_frsize), 512))
        device, place, block = anchors[item.root]
        places.setdefault(device, place)
        size = -(-item.size // block) * block if item.type == "f" else block
        allocated = max(_allocated(item.part), _allocated(item.target)) if item.type == "f" else 0
        needed[device] = needed.get(device, 0) + max(size - allocated, 0)
    found = []
    for device, place in sorted(places.items(), key=lambda pair: pair[1]):
        seen = statvfs(place)
        found.append(Space(place, int(needed[device] * (1.0 + margin)), int(seen.f_bavail) * int(seen.f_frsize)))
    return found


def _allocated(path: str) -> int:
    try:
        seen = os.lstat(path)
    except OSError:
        return 0
    return seen.st_blocks * 512 if stat.S_ISREG(seen.st_mode) else 0


def check_space(found: Sequence[Space]) -> None:
    """Refuse when a file system has not room enough; every one that lacks it is named."""
    short = [space for space in found if space.needed > space.free]
    if short:
        raise Refusal(
            seen="; ".join(
                "{0}: {1} bytes needed, {2} free".format(space.path, space.needed, space.free) for space in short
            ),
            meaning="The copy does not fit, with the margin that is asked for",
            remedy="Free or add at least {0} bytes there, or choose other directories".format(
                max(space.needed - space.free for space in short)
            ),
            details={"spaces": [space.as_dict() for space in found]},
        )


def make_directories(path: str, mode: int = DIRECTORY_MODE) -> List[str]:
    """Create a directory and those above it that are missing; the ones made, topmost first."""
    made: List[str] = []
    while not os.path.isdir(path):
        made.insert(0, path)
        path = os.path.dirname(path)
    for place in made:
        os.mkdir(place, 0o700)
        os.chmod(place, mode)
    return made


def open_directory(root: str, relative: str, make: bool = False) -> int:
    """A descriptor of a directory at or below ``root``; no component below the root may be a link.

    :arg relative: the path below the root, "" for the root itself. :arg make: create what is missing, 0700.
    :raises Refusal: when a link or a file is in the way.
    """
    place = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in [part for part in relative.split("/") if part]:
            if make:
                try:
                    os.mkdir(part, 0o700, dir_fd=place)
                except FileExistsError:
                    pass
            deeper = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
            os.close(place)
            place = deeper
        return place
    except OSError as error:
        os.close(place)
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise _in_the_way(os.path.join(root, relative), "a link or a file is in its way") from error
        raise
    except BaseException:
        os.close(place)
        raise


def _in_the_way(path: str, what: str) -> StandbyError:
    return StandbyError(
        seen="{0} cannot be written safely: {1}".format(path, what),
        meaning="Somebody put it there after the target was checked, and writing would follow it to another file",
        remedy="Find out who did; remove it, then run again",
    )


def open_part(item: Item) -> Tuple[int, bool]:
    """Open the part of a file for reading and writing, made if it is missing.

    A finished file of the same seed (from a run that broke off while files were put into their places) becomes the part
    again.

    :returns: the descriptor, and whether there was something in it already.
    :raises StandbyError: when what is there is a link, no plain file, another user's or has a second name.
    """
    directory = open_directory(item.root, os.path.dirname(item.relative), make=True)
    try:
        name = os.path.basename(item.relative)
        if _exists(name, directory) and not _exists(name + PART_SUFFIX, directory):
            os.rename(name, name + PART_SUFFIX, src_dir_fd=directory, dst_dir_fd=directory)
        try:
            handle = os.open(
                name + PART_SUFFIX, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600, dir_fd=directory
            )
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
                raise _in_the_way(item.part, os.strerror(error.errno or 0)) from error
            raise _denied(item.part, error) from error
        seen = os.fstat(handle)
        if not stat.S_ISREG(seen.st_mode) or seen.st_uid != os.geteuid() or seen.st_nlink != 1:
            os.close(handle)
            raise _in_the_way(
                item.part, "mode {0:o}, owner {1}, {2} names".format(seen.st_mode, seen.st_uid, seen.st_nlink)
            )
        return handle, seen.st_size > 0
    finally:
        os.close(directory)


def _exists(name: str, directory: int) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
        return True
    except FileNotFoundError:
        return False


def _denied(path: str, error: OSError) -> StandbyError:
    return StandbyError(
        seen="{0}: {1}".format(path, error.strerror),
        meaning="The file cannot be written by user {0}; the copy is unfinished".format(os.geteuid()),
        remedy="Correct owner and mode of the directory and run again: the copy goes on where it stopped",
    )


def disk_error(path: str, error: OSError, size: int) -> StandbyError:
    """The error for a write that failed, with what is free when the disk is full."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return _denied(path, error)
    seen = os.statvfs(os.path.dirname(path))
    return StandbyError(
        seen="{0}: {1}; the file has {2} bytes, {3} are free".format(
            path, error.strerror, size, seen.f_bavail * seen.f_frsize
        ),
        meaning="Something else filled the file system after the space was checked, or a quota is "
        "reached; the copy is unfinished",
        remedy="Free space there and run again: the copy goes on where it stopped",
    )


def place_part(item: Item) -> None:
    """Give a complete part its final name."""
    directory = open_directory(item.root, os.path.dirname(item.relative))
    try:
        name = os.path.basename(item.relative)
        if _exists(name + PART_SUFFIX, directory):
            os.rename(name + PART_SUFFIX, name, src_dir_fd=directory, dst_dir_fd=directory)
    finally:
        os.close(directory)


def make_link(item: Item) -> None:
    """Create a link of a tree, or correct the one of an earlier run of the same seed."""
    directory = open_directory(item.root, os.path.dirname(item.relative), make=True)
    name = os.path.basename(item.relative)
    try:
        try:
            if os.readlink(name, dir_fd=directory) == item.link:
                return
            os.unlink(name, dir_fd=directory)
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno == errno.EINVAL:
                raise _in_the_way(item.target, "it is no link") from error
            raise
        os.symlink(item.link, name, dir_fd=directory)
    finally:
        os.close(directory)


def set_directory_mode(item: Item) -> None:
    """Give a directory of a tree the mode and time of the source's; after its contents, since it may be read-only."""
    place = open_directory(item.root, item.relative)
    try:
        os.fchmod(place, item.mode)
        os.utime(place, ns=(item.mtime_ns, item.mtime_ns))
    finally:
        os.close(place)


def remove_ours(paths: Sequence[str]) -> List[str]:
    """Remove files that a manifest proves to be ours, never a directory; the ones that were there."""
    removed = []
    for path in paths:
        try:
            os.unlink(path)
            removed.append(path)
        except FileNotFoundError:
            continue
    return removed


def _load_fallocate() -> Optional[Any]:
    try:
        function = ctypes.CDLL(None, use_errno=True).fallocate64
    except (OSError, AttributeError):
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return function


_fallocate = _load_fallocate()


def preallocate(handle: int, size: int) -> None:
    """Give a file its size and, where the file system can, its blocks, so that a full disk shows at the start and not
    near the end.

    ``posix_fallocate`` is not used: where the file system has no such call, the C library writes into every block of
    the file instead.

    :raises OSError: ENOSPC.
    """
    if os.fstat(handle).st_size > size:
        os.ftruncate(handle, size)
    if size and _fallocate is not None and _fallocate(handle, 0, 0, size) != 0:
        code = ctypes.get_errno()
        if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise OSError(code, os.strerror(code))
    os.ftruncate(handle, size)
