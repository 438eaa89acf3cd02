# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loaded by every Python of a lab host: modules imported from a zip file are compiled once and not at each import.

Ansible sends a module with its utilities as a zip file of sources, so a managed host compiles some ten thousand lines at every task. A real host
has the time; a lab of three hosts on two processors spends more than half of its time with it. The cache is keyed by the source, so what runs
is what was sent. A host in whose Python this does not fit works as if it were not there.
"""

import _imp
import marshal
import os
import zipimport

# Every Python of a host pays for what is imported here, most of them without ever importing from a zip file.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable

DIRECTORY = "/var/cache/lab-python"


def cached(compile_source: "Callable[[str, bytes], types.CodeType]", directory: str) -> "Callable[..., types.CodeType]":
    """A function that compiles like zipimport's own, and keeps the result in a directory, which it makes if need be."""

    def compile_once(pathname: str, source: bytes) -> "types.CodeType":
        import hashlib

        kept = os.path.join(directory, hashlib.sha256(source).hexdigest())
        try:
            with open(kept, "rb") as file:
                code = marshal.loads(file.read())
        except (OSError, EOFError, ValueError, TypeError):
            code = compile_source(pathname, source)
            keep(code, kept)
        else:
            _imp._fix_co_filename(code, pathname)
        return code

    return compile_once


def keep(code: "types.CodeType", path: str) -> None:
    """Write code to a file of the cache in one step; a disk that takes nothing is no trouble of the import."""
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        name = f"{path}.{os.getpid()}"
        with open(name, "xb") as file:
            file.write(marshal.dumps(code))
        os.replace(name, path)
    except OSError:
        return


def install(directory: str = DIRECTORY) -> None:
    """Put the cache of this user before zipimport's compiler. Root never reads what another user wrote."""
    own = getattr(zipimport, "_compile_source", None)
    if own is not None and os.path.isdir(directory):
        zipimport._compile_source = cached(own, os.path.join(directory, str(os.getuid())))
