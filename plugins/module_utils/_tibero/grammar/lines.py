# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Lines and bytes, the same way for every parser of this package.

Public API
    decode(data) -> str                bytes of a file or program to text; any byte survives
    encode(text) -> bytes              the inverse of decode
    split_keep(text) -> list           lines with their line ends; "".join() gives the text back
    split_plain(text) -> list          lines as a reader sees them: no line ends, no carriage returns, no terminal
                                       colours and titles, no byte order mark
    last_value(values, default)        the last of a sequence
"""

import re
from typing import List, Sequence, TypeVar

_T = TypeVar("_T")

# Colours, cursor codes, window titles and character sets reach us when a program was run on a pseudo terminal.
_TERMINAL_CODE = re.compile("\x1b(?:\\[[0-9;?]*[A-Za-z]|\\][^\x07\x1b\n]{0,200}(?:\x07|\x1b\\\\)|[()][0-9A-B]|[=>78])")
_MARK = "\ufeff"


def decode(data: bytes) -> str:
    """Return the bytes as text.

    Bytes that are no UTF-8 (e.g. MSWIN949) become lone surrogates, so encode() restores them.
    """
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Return the bytes that decode() made the text of."""
    return text.encode("utf-8", "surrogateescape")


def split_keep(text: str) -> List[str]:
    """Return the lines of a text with their line ends.

    Only a line feed ends a line: str.splitlines() also cuts at form feeds, U+0085, U+2028 and others, which are data
    here.
    """
    lines = text.split("\n")
    kept = [line + "\n" for line in lines[:-1]]
    if lines[-1]:
        kept.append(lines[-1])
    return kept


def split_plain(text: str) -> List[str]:
    """Return the lines of a program's output without line ends, carriage returns at their end and terminal codes.

    A byte order mark at the start, which Windows writes into redirected output, is dropped as well.
    """
    if text.startswith(_MARK):
        text = text[len(_MARK) :]
    if "\x1b" in text:
        text = _TERMINAL_CODE.sub("", text)
    return [line.rstrip("\r") for line in text.split("\n")]


def last_value(values: Sequence[_T], default: _T) -> _T:
    """Return the last value of a sequence, or the default if there is none."""
    return values[-1] if values else default
