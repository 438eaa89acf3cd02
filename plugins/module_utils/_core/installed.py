# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Files that root installs on a host: what they shall be, whether they are so, and putting them there at once.

Public: :class:`File`, :func:`is_as`, :func:`write`, :func:`shown`, :func:`target_of`, :func:`lay_link`.
"""

import os
from typing import NamedTuple, Optional


class File(NamedTuple):
    """A file as it shall be: who owns it, its mode, and how its content is shown in a diff ("" = as it is)."""

    content: bytes
    mode: int
    owner: int = 0
    shown: str = ""


def is_as(path: str, file: File) -> bool:
    """Whether a file is as it shall be."""
    try:
        seen = os.lstat(path)
        with open(path, "rb") as source:
            content = source.read()
    except OSError:
        return False
    owner = seen.st_uid == file.owner or os.geteuid() != 0
    return owner and (seen.st_mode & 0o7777, content) == (file.mode, file.content)


def write(path: str, file: File) -> None:
    """Replace a file at once, in a directory of root's."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    temporary = "{0}.{1}.new".format(path, os.getpid())
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as target:
            target.write(file.content)
            target.flush()
            if os.geteuid() == 0:
                os.fchown(target.fileno(), file.owner, 0)
            os.fchmod(target.fileno(), file.mode)
            os.fsync(target.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def shown(path: str, file: Optional[File]) -> str:
    """A file in a diff, as :class:`File` says; a secret never is."""
    try:
        with open(path, "rb") as source:
            content = source.read()
    except OSError:
        return "absent"
    if file is not None and file.shown:
        return file.shown if content == file.content else "another one"
    return content.decode("utf-8", "replace")


def target_of(path: str) -> str:
    """Where a link leads; "" when there is none."""
    try:
        return os.readlink(path)
    except OSError:
        return ""


def lay_link(path: str, target: str) -> None:
    """Have a link lead there, at once."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    temporary = "{0}.{1}.new".format(path, os.getpid())
    os.symlink(target, temporary)
    os.rename(temporary, path)
