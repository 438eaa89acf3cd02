# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The one login that sees the others out while a SWITCHOVER stop waits for them.

A SWITCHOVER stop waits until every login has left (H). Applications with a pool log in again as soon as their session is ended, so sessions that are
ended *before* the stop are back when it begins, and the stop waits for ever. Once it has begun, the server takes no new login (TBR-12039, C), so whoever
is ended then stays away; but nobody can log in any more to end them either. So one ``tbsql`` logs in before the stop, ends the others while the stop
waits, not before, and leaves last.

Which row of V$SESSION is our own no documented view tells (L). While our question is answered our session is RUNNING, and an idle one is not: idle
ones are ended first. Where several stay RUNNING, they are all ended, ours among them, which is a way to leave too.

Should a session be left all the same (a server that takes logins during its stop, a session that cannot be ended), the stop is not over within its
limit. It goes on: a ``tbdown`` is never killed, and nobody can log in any more. So the change is neither undone nor tried again by itself, but ends with
a person (``role_plan``), who is told the sessions and what to run; a later run goes on as soon as the stop is over.
"""

import os
import select
import threading
from typing import Any, Dict, List, Optional, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Spawner, spawn
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.conversation import Conversation, Gone
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import marks, tbsql
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError

RUNNING = "RUNNING"
COLUMNS = ("SID", "SERIAL#", "STATUS", "USERNAME")
#: Seconds for one answer; between two looks; that nobody else must have been there, counted from when the stop had begun, before the escort leaves; that
#: several sessions may stay in the middle of a statement before they are ended.
ANSWER_LIMIT, INTERVAL, CALM, CROWDED = 10.0, 0.1, 0.5, 3.0


class Escort:
    """See the module's text. Use it as a context around the stop; :attr:`client` is the one that has to run the stop.

    :arg client: the instance and the login. :arg spawner: starts tbsql. :arg clock: for the waiting.
    """

    def __init__(self, client: Tibero, spawner: Spawner = spawn, clock: Optional[Clock] = None) -> None:
        self._asked = client
        self._spawner = spawner
        self._clock = clock or Clock()
        self._stopping = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._see_out, daemon=True)
        self._talk: Optional[Conversation] = None
        self.ended = 0
        self.notes: List[str] = []
        self.client = client.observed(self._on_program)

    def _on_program(self, argv: Tuple[str, ...]) -> None:
        if os.path.basename(argv[0]) == "tbdown":
            self._stopping.set()

    def __enter__(self) -> "Escort":
        self._login()
        self._thread.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._over.set()
        self._thread.join()
        if self._talk is not None:
            self._talk.end()
        if self.ended:
            self.notes.append("{0} session(s) of others were ended while the stop waited".format(self.ended))

    # ------------------------------------------------------------------------------------------------- seeing out

    def _see_out(self) -> None:
        """Until nobody else is left, once the stop has begun; or until the stop is over."""
        calm = crowded = None
        try:
            while not self._over.is_set():
                rows = self._sessions()
                now = self._clock.now()
                idle = [row for row in rows if row["STATUS"] != RUNNING]
                # Before the stop has begun whoever is ended comes back, and clients would see two outages.
                for row in idle if self._stopping.is_set() else []:
                    self._end(row)
                alone = not idle and len(rows) == 1 and self._stopping.is_set()
                calm = (calm or now) if alone else None
                crowded = (crowded or now) if not idle and len(rows) > 1 else None
                if calm is not None and now - calm >= CALM:
                    break
                if crowded is not None and now - crowded >= CROWDED and self._stopping.is_set():
                    for row in rows:
                        self._end(row)
                    self.ended -= 1
                    self.notes.append(
                        "{0} session(s) did not leave their statement; all were ended, ours among them".format(
                            len(rows) - 1
                        )
                    )
                    return
                self._over.wait(INTERVAL)
            self._there().leave()
        except Gone as gone:
            # The server is down, or we were the last of several to be ended; the stop tells which.
            self.notes.append("the login that saw the others out ended: {0}".format(gone))

    def _sessions(self) -> List[Dict[str, str]]:
        """Sessions of users, ours among them."""
        said = self._ask(marks.select_marked("session", COLUMNS, "V$SESSION"))
        errors = tbsql.parse(said).errors
        if errors:
            raise Gone("{0}-{1}: {2}".format(errors[0].prefix, errors[0].code, errors[0].text))
        try:
            rows = marks.read_marked(said, "session", COLUMNS)
        except GrammarError as error:
            raise Gone("its answer cannot be read: {0}".format(error)) from error
        found = [{name: row[name] or "" for name in COLUMNS} for row in rows]
        if not found:
            raise Gone("V$SESSION shows nobody, not even itself: {0}".format(" ".join(said.split())[-160:]))
        # Rows without a user are the server's own threads.
        return [row for row in found if row["USERNAME"]]

    def _end(self, row: Dict[str, str]) -> None:
        """``ALTER SYSTEM KILL SESSION (sid, serial#)`` stands in two public scripts for Tibero (M). One that left by itself is an error here, and none."""
        said = self._ask("ALTER SYSTEM KILL SESSION ({0}, {1});".format(row["SID"], row["SERIAL#"]))
        if not tbsql.parse(said).errors:
            self.ended += 1

    # ------------------------------------------------------------------------------------------------- conversation

    def _login(self) -> None:
        """:raises Gone: when it cannot."""
        self._talk = Conversation(self._asked, self._spawner)
        self._ask(*marks.SETTINGS)
        said = tbsql.parse(self._ask(self._asked.connect_line()))
        if said.errors or not said.connected:
            raise Gone(
                "it could not log in: {0}".format(said.errors[0].text if said.errors else "no connection that is known")
            )

    def _there(self) -> Conversation:
        if self._talk is None:
            raise Gone("tbsql was not started")
        return self._talk

    def _ask(self, *lines: str) -> str:
        """What is printed for these lines. :raises Gone: without an answer in time."""
        talk = self._there()
        talk.say(lines)
        end = self._clock.now() + ANSWER_LIMIT
        while not talk.answered():
            left = end - self._clock.now()
            if left <= 0:
                raise Gone("no answer within {0:.0f} s".format(ANSWER_LIMIT))
            select.select([talk.fileno()], [], [], left)
        return talk.parts(1)[0]
