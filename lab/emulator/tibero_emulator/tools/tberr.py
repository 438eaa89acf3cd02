# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tberr: explains a message number (output form invented; texts of the catalogue)."""

from __future__ import annotations

import re

from .. import messages
from . import common


def main(arguments: list[str]) -> int:
    """The program; returns its exit code."""
    number = re.sub(r"\A(TBR|TBS|JDBC)?-", "", arguments[0].upper()) if len(arguments) == 1 else ""
    if not number.isdigit():
        common.say("Usage: tberr ERROR_NUMBER\n")
        return 1
    try:
        found = messages.entry(int(number))
    except messages.UnknownMessage:
        common.say(f"{number}: unknown error number in the emulator's catalogue.\n")
        return 1
    text = re.sub(r"\{\d\}", "%s", found.text)
    common.say(f"{messages.prefix(found.number)}-{found.number}: {text}\nOccasion: {found.occasion}\n")
    return 0


if __name__ == "__main__":
    common.run(main)
