# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The password file `.passwd`: SYS's verifier, 44 bytes, hidden in DB_CREATE_FILE_DEST (recording
t7-ls-database-directory).

The same password gives the same file, so that redo transport works when the SYS passwords match (tibero.md 10);
contents invented.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os

from tibero_emulator.server.errors import TbrError

NAME = ".passwd"
LENGTH = 44


def verifier(password: str) -> str:
    """44 characters that stand for a password. Not meant to resist an attacker: this is an emulator."""
    return base64.b64encode(hashlib.sha256(b"tibero-emulator:" + password.encode()).digest()).decode()


def matches(stored: str, password: str) -> bool:
    """Exact first, then upper-cased: unquoted passwords were folded when they were set."""
    return any(hmac.compare_digest(stored, verifier(each)) for each in (password, password.upper()))


def path(directory: str) -> str:
    return os.path.join(directory, NAME)


def read(directory: str) -> str:
    """The stored verifier. Raises TBR-17007 when the file is missing or not what it should be."""
    try:
        with open(path(directory), encoding="ascii") as handle:
            text = handle.read()
        if len(text) != LENGTH or len(base64.b64decode(text, validate=True)) != 32:
            raise TbrError(17007)
    except (OSError, ValueError) as error:
        raise TbrError(17007) from error
    return text


def write(directory: str, password: str) -> None:
    os.makedirs(directory, exist_ok=True)
    fresh = path(directory) + ".new"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(fd, verifier(password).encode("ascii"))
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(fresh, path(directory))


def proof(stored: str, nonce: str, purpose: str) -> str:
    """Answer to a challenge of the redo transport."""
    return hmac.new(stored.encode(), f"{purpose}:{nonce}".encode(), hashlib.sha256).hexdigest()
