# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What the probe asks of an engine: a session takes one request at a time and answers with an outcome, without ever waiting.

An engine brings a :class:`Session` of its own. The rules that every one of them keeps:

* an answer is ACKED only when the engine confirmed the commit;
* it is FAILED only when it is certain that nothing can have been written: the request was never sent, or the engine's tested table says that
  the error it answered with comes before the commit;
* everything else is UNKNOWN, above all a time limit, a lost connection and an error that nobody has seen before;
* nothing is tried again: a retry would make two attempts look like one.
"""

from typing import NamedTuple, Optional, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.ledger import ACKED

#: What of a file descriptor is waited for.
READABLE, WRITABLE = "readable", "writable"

#: Nanoseconds until a connection must be there, and until a statement must be answered (drills.md 4.1).
CONNECT_LIMIT = 500 * 10**6
STATEMENT_LIMIT = 1000 * 10**6


class Request(NamedTuple):
    """What is to be done: a row to write (``kind`` "write" or "guard") or something to read ("read")."""

    kind: str
    stream: str
    seq: int
    uuid: str
    payload: str
    payload_hash: str
    epoch: int


class Answer(NamedTuple):
    """What became of a request: ACKED, FAILED or UNKNOWN, the engine's code and short text, and the member that answered."""

    outcome: str
    error: str = ""
    node: str = ""


class Session:
    """One client session. All times are nanoseconds on the probe's clock; no method waits."""

    def ready(self, now: int) -> bool:
        """Whether a request may be begun: none is open, and the client's own program runs. It need not be connected."""
        raise NotImplementedError

    def begin(self, request: Request, now: int) -> Optional[Answer]:
        """Begin a request. Its intent is in the ledger by now. :returns: the answer if it is there at once."""
        raise NotImplementedError

    def poll(self, now: int) -> Optional[Answer]:
        """Go on with what is open: take what came, keep the time limits. :returns: the answer when there is one."""
        raise NotImplementedError

    def waits(self) -> Optional[Tuple[int, str]]:
        """The descriptor to wait on and for what; None when there is none."""
        raise NotImplementedError

    def deadline(self) -> Optional[int]:
        """When :meth:`poll` is due although nothing came; None for never."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of everything; what is open stays without an answer."""
        raise NotImplementedError


class NullSession(Session):
    """Acknowledges at once: what is left is the cost of the probe itself. For the benchmark and for tests."""

    def ready(self, now: int) -> bool:
        return True

    def begin(self, request: Request, now: int) -> Optional[Answer]:
        return Answer(ACKED, "", "null")

    def poll(self, now: int) -> Optional[Answer]:
        return None

    def waits(self) -> Optional[Tuple[int, str]]:
        return None

    def deadline(self) -> Optional[int]:
        return None

    def close(self) -> None:
        return None
