# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads the recordings.

Line 1 of each file is our note on its source; everything below it is the recording, byte for byte.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "tibero"
NAMES = sorted(path.name for path in FOLDER.glob("*.txt"))


def recording_bytes(name: str) -> bytes:
    """Return a recording without its first line."""
    return (FOLDER / name).read_bytes().split(b"\n", 1)[1]


def recording(name: str) -> str:
    """Return a recording without its first line, as the grammar gets it."""
    from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.lines import decode

    return decode(recording_bytes(name))
