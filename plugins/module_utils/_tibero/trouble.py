# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What Tibero's error numbers mean for the person at the keyboard, and what to do about them.

The catalogue itself is part of the grammar; here is only what our own options add to it, and what to say where no
number is printed.
"""

from typing import Dict, NamedTuple, Optional

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.messages import lookup


class Advice(NamedTuple):
    """What an error means and what to do."""

    meaning: str
    remedy: str


#: Where our own options give a shorter way out than the catalogue does.
ADVICE: Dict[int, Advice] = {
    17001: Advice(
        "User or password is wrong on this member",
        "Check sys_password; SYS must have the same password on all members: copy the password file .passwd of "
        "the primary again",
    ),
    24029: Advice("A hot backup is open", "End it first: firedrill.standby.tibero_hot_backup with state absent"),
    250110: Advice(
        "An instance died here and left its files behind",
        "Set clean_garbage: true, or run 'tbdown clean' after proof that no tbsvr of this TB_SID lives",
    ),
    250111: Advice("The instance runs already", "Stop it first, or leave it as it is"),
}

_CONSOLE: Dict[str, Advice] = {
    "LICENSE": Advice(
        "The licence is missing or not valid here", "Put a valid licence for this host at $TB_HOME/license/license.xml"
    ),
    "TIP_ERROR": Advice(
        "The tip has a parameter that this server refuses", "Correct it with firedrill.standby.tibero_tip"
    ),
    "PORT_TAKEN": Advice("Another program holds the listener port", "Find it with 'ss -ltnp', or change LISTENER_PORT"),
    "NO_SHARED_MEMORY": Advice(
        "The system gives no shared memory segment of that size",
        "Compare TOTAL_SHM_SIZE with kernel.shmmax, shmall and /dev/shm; look for leftovers with 'ipcs -m'",
    ),
    "PERMISSION": Advice(
        "A directory cannot be used",
        "Check the owner of $TB_HOME and of the directories named; run as the OS user of Tibero",
    ),
    "BAD_MODE": Advice("This tbboot does not know the mode", "Check the version of Tibero"),
    "QUESTION": Advice(
        "The program asks a question that must not be answered without being asked for",
        "Run it by hand and read the question",
    ),
    "GARBAGE_LEFT": ADVICE[250110],
    "ALREADY_RUNNING": ADVICE[250111],
}

_UNKNOWN = Advice(
    "Tibero refused it", "Look the number up with 'tberr' and read sys.log below $TB_HOME/instance/$TB_SID/log/slog"
)


def advice(code: Optional[int], outcome: str = "") -> Advice:
    """What to say about an error number, or about the name of a console outcome when the number has no entry of its
    own."""
    if code is not None and code in ADVICE:
        return ADVICE[code]
    message = lookup(code) if code is not None else None
    if message is not None:
        return Advice(message.meaning.rstrip("."), message.remedy.rstrip("."))
    return _CONSOLE.get(outcome, _UNKNOWN)
