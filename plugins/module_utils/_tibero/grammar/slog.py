# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The server log ``$TB_HOME/instance/$TB_SID/log/slog/sys.log``.

Public API
    parse(text) -> tuple of Entry                 never raises; lines without a head belong to the entry before them
    mode_changes(entries) -> tuple of ModeChange  ``Server is running at <mode> mode (bootmode : <mode>, bootflag :
    <n>)``

Source: lines of a NOMOUNT boot of 7.2.2 (H). The time may lack the year (parameter _SLOG_DISPLAY_YEAR), so it is kept
as text. Old lines stay in the log, so a mode change found here is history, not the present state. Lines about LNW,
LNR and SMR were never seen.
"""

import re
from typing import List, NamedTuple, Optional, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.lines import split_plain


class Entry(NamedTuple):
    """One entry.

    time: as printed, without brackets; module: "FRM-00"; level: "I"; text: its lines joined by line feeds.
    """

    time: str
    module: str
    level: str
    text: str


class ModeChange(NamedTuple):
    """The server reached a mode. boot_mode: what tbboot asked for; boot_flag: as printed, or ""."""

    time: str
    mode: str
    boot_mode: str
    boot_flag: str


_HEAD = re.compile(r"[ \t]*\[([^\]\n]{1,40})\][ \t]*\[([A-Za-z_]{1,8}-?[0-9]*)\][ \t]*\[([A-Za-z])\][ \t]?(.*)")
_MODE = re.compile(
    r"Server[ \t]*is[ \t]*running[ \t]*at[ \t]*(\w+)[ \t]*mode(?:[ \t]*\([ \t]*bootmode[ \t]*:[ \t]*(\w+)"
    r"(?:[ \t]*,[ \t]*bootflag[ \t]*:[ \t]*(\w+))?)?",
    re.IGNORECASE,
)


def parse(text: str) -> Tuple[Entry, ...]:
    """Read the log. Lines before the first head (a log cut at its start) are dropped."""
    entries: List[Entry] = []
    head: Optional[Entry] = None
    more: List[str] = []
    for line in split_plain(text):
        match = _HEAD.match(line)
        if match is None:
            if head is not None and line.strip():
                more.append(line)
            continue
        if head is not None:
            entries.append(head._replace(text="\n".join([head.text] + more)))
        head = Entry(match.group(1), match.group(2), match.group(3), match.group(4).rstrip())
        more = []
    if head is not None:
        entries.append(head._replace(text="\n".join([head.text] + more)))
    return tuple(entries)


def mode_changes(entries: Tuple[Entry, ...]) -> Tuple[ModeChange, ...]:
    """Return the modes the server reported, in order."""
    found: List[ModeChange] = []
    for entry in entries:
        match = _MODE.search(entry.text)
        if match:
            found.append(ModeChange(entry.time, match.group(1), match.group(2) or "", match.group(3) or ""))
    return tuple(found)
