# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""A ``tbsql`` that stays, and is talked to: what the probe and the escort of a role change have in common.

The password travels on standard input only, with ``CONN``. A fence line (``PROMPT``, which works without a login: H) follows each part of what is said, so
an answer can never be taken for its neighbour's. No call here waits; who waits, and for how long, is for the callers to decide.
"""

import re
from typing import List, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Spawner
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero

_FENCE = "firedrill-fence-"


class Gone(Exception):
    """The conversation is over: tbsql, the server or our session ended."""


class Conversation:
    """One running tbsql.

    :arg client: the installation and the login. :arg spawner: starts tbsql. :raises Gone: when it cannot be started.
    """

    def __init__(self, client: Tibero, spawner: Spawner) -> None:
        self._client = client
        command = Command((client.program("tbsql"), "-i"), "", client.environment, cwd=client.tb_home)
        try:
            self._child = spawner(command)
        except OSError as error:
            raise Gone("tbsql cannot be started: {0}".format(error)) from error
        self._heard = b""
        self._fence = 0

    def fileno(self) -> int:
        """What a poll waits on for output."""
        return self._child.fileno()

    def say(self, *parts: Sequence[str]) -> None:
        """Send the lines of each part, each part with its fence behind it. :raises Gone: when tbsql takes nothing."""
        lines: List[str] = []
        self._heard = b""
        for part in parts:
            self._fence += 1
            lines.extend(part)
            lines.append("PROMPT {0}{1}".format(_FENCE, self._fence))
        self._send(lines)

    def leave(self) -> None:
        """Say that it is over. :raises Gone: when tbsql takes nothing."""
        self._send(["EXIT;"])

    def _send(self, lines: Sequence[str]) -> None:
        try:
            self._child.say(("\n".join(lines) + "\n").encode("utf-8"))
        except OSError as error:
            raise Gone("tbsql takes no input: {0}".format(error.strerror or error)) from error

    def answered(self) -> bool:
        """Take what has come; whether the last fence is among it. :raises Gone: when tbsql has ended."""
        while True:
            heard = self._child.hear()
            if heard is None:
                break
            if not heard:
                raise Gone("tbsql ended: {0}".format(" ".join(self.text().split())[-120:]))
            self._heard += heard
        last = "{0}{1}\n".format(_FENCE, self._fence)
        return last.encode("ascii") in self._heard.replace(b"\r", b"")

    def text(self) -> str:
        """All that has come since something was said last, without secrets."""
        return self._client.scrub(self._heard.decode("utf-8", "backslashreplace").replace("\r", ""))

    def parts(self, count: int) -> Tuple[str, ...]:
        """What was printed for each of the last ``count`` parts."""
        text, found = self.text(), []
        for number in range(self._fence - count + 1, self._fence + 1):
            # Before a fence stand prompts, and the line numbers of a statement of several lines.
            pieces = re.split(
                r"(?m)^[ \t]*(?:(?:SQL>|[0-9]+)[ \t]*)*{0}{1}[ \t]*\n".format(_FENCE, number), text, maxsplit=1
            )
            found.append(pieces[0])
            text = pieces[1] if len(pieces) == 2 else ""
        return tuple(found)

    def end(self) -> None:
        """End tbsql for good, so that it cannot do anything more by our doing."""
        self._child.kill()
