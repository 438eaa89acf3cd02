# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What tbrmgr prints.

Public API
    parse(text) -> Rmgr         never raises

Only the banner is recorded (H, 7). What tbrmgr prints when it succeeds is unknown, so no text is read as success:
``failed`` is True if an error number is printed, and a caller proves success otherwise (backup set in V$BACKUP_SET,
files in place).
"""

import re
from typing import NamedTuple, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.lines import split_plain
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.tbsql import Error, find_errors


class Rmgr(NamedTuple):
    """What tbrmgr printed.

    started: the banner was there; messages: the lines that are neither banner nor error, and those in which an error
    stands behind other words.
    """

    started: bool
    failed: bool
    errors: Tuple[Error, ...]
    messages: Tuple[str, ...]
    text: str


_BANNER = re.compile(r"Recovery[ \t]*Manager[ \t]*\(RMGR\)[ \t]*starts", re.IGNORECASE)
_BOX = re.compile(r"[ \t]*=.*=?[ \t]*\Z")
_COPYRIGHT = re.compile(r"All[ \t]*rights[ \t]*reserved", re.IGNORECASE)
_ERROR = re.compile(r"\b(TB[RS])-([0-9]{1,18})")
_AT_START = re.compile(r"[\s=*]*TB[RS]-[0-9]")


def _errors(lines: Sequence[str]) -> Tuple[Error, ...]:
    """The errors as tbsql prints them, and every other line with an error number: where tbrmgr puts it is not recorded."""
    found = list(find_errors("\n".join(lines)))
    known = {error.line for error in found}
    for number, line in enumerate(lines, 1):
        match = _ERROR.search(line)
        if match and number not in known:
            rest = line[match.end() :]
            text = rest if re.search(r"\w", rest) else line
            found.append(Error(match.group(1), int(match.group(2)), text.strip(" \t:=*"), number))
    return tuple(sorted(found, key=lambda error: error.line))


def _is_message(line: str) -> bool:
    if _ERROR.search(line):
        return not _AT_START.match(line)
    return bool(line.strip()) and not _BOX.match(line) and not _COPYRIGHT.search(line)


def parse(text: str) -> Rmgr:
    """Read the output of tbrmgr."""
    # Progress is written over itself: what stands behind a carriage return, an error for one, is a line of its own.
    lines = [part for line in split_plain(text) for part in line.split("\r")]
    started = any(_BANNER.search(line) for line in lines)
    errors = _errors(lines)
    messages = [line.strip() for line in lines if _is_message(line)]
    return Rmgr(started, bool(errors), errors, tuple(messages), text)
