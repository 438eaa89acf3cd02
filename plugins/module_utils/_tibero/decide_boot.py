# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""From what is seen of an instance and what is wanted to the steps between: pure, and all that check mode runs.

What is never decided here, whatever is wished: a NORMAL boot of a standby (it is lost as a standby then; H, MAN and
course book), an escalation to ABORT, and any step at all when the state is UNKNOWN.
"""

from typing import NamedTuple, Optional, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import (
    MOUNTED,
    PRIMARY,
    READ_ONLY,
    READ_WRITE,
    RECOVERING,
    SNAPSHOT_STANDBY,
    STANDBY,
    STARTING,
    STOPPED,
    MemberState,
)

#: Modes an instance can be asked for, as options of the modules; STOPPED is the word of _core.facts.
BOOT_MODES = ("nomount", "mount", "normal", "recovery", "resetlogs", "failover")
#: Ways to stop (H: tbdown -h of T6).
DOWN_MODES = ("normal", "post_tx", "immediate", "abort", "abnormal", "switchover")
#: Stops that wait until others leave: NORMAL for all logins, POST_TX for transactions, SWITCHOVER for logins and for
#: the standby (H).
WAITING_DOWN_MODES = ("normal", "post_tx", "switchover")
#: Stops that leave crash recovery to the next boot (H).
HARD_DOWN_MODES = ("abort", "abnormal")

#: When a running instance may be stopped to reach another boot mode.
NEVER = "never"
BELOW = "below"
ALWAYS = "always"

#: Open modes that satisfy each boot mode. A standby opened read only still applies redo (H, MAN): its boot mode is
#: RECOVERY all the same.
SATISFIED = {
    "nomount": (STARTING,),
    "mount": (MOUNTED,),
    "normal": (READ_WRITE,),
    "resetlogs": (READ_WRITE,),
    "failover": (READ_WRITE,),
    "recovery": (RECOVERING, READ_ONLY),
}

#: Boots that open the database as a primary.
OPENING = ("normal", "resetlogs")

BOOT = "boot"
DOWN = "down"
CLEAN = "clean"


class Wish(NamedTuple):
    """What is wanted: a boot mode or STOPPED, how to stop, when a running instance may be stopped for it, and whether
    leftovers may go."""

    mode: str
    down_mode: str = "immediate"
    restart: str = BELOW
    clean_garbage: bool = False
    stop_suspended: bool = False


class Step(NamedTuple):
    """One thing to do: BOOT, DOWN or CLEAN with its mode, and why."""

    action: str
    mode: str
    why: str

    def as_text(self) -> str:
        words = {BOOT: "tbboot -t {0}", DOWN: "tbdown -t {0}", CLEAN: "tbdown {0}"}
        return "{0} ({1})".format(words[self.action].format(self.mode), self.why)


class Scene(NamedTuple):
    """What decisions are made of: the observed state, leftovers of a dead instance, and our own record of the role
    ("" without one)."""

    state: MemberState
    garbage: bool = False
    recorded_role: str = ""
    record_path: str = ""


def is_satisfied(state: MemberState, mode: str) -> bool:
    """True when the instance is seen in the wanted mode (or stopped, when that is wanted)."""
    if mode == STOPPED:
        return state.process.equals(False)
    if not state.open_mode.is_known or state.open_mode.value not in SATISFIED[mode]:
        return False
    if mode in ("normal", "resetlogs", "failover"):
        return state.role.equals(PRIMARY)
    return mode != "recovery" or state.role.equals(STANDBY)


def decide(scene: Scene, wish: Wish) -> Tuple[Step, ...]:
    """The steps from the state seen to the state wanted; empty when it is there already.

    :raises Refusal: when the wish is understood and must not be done. :raises UnknownState: when the state is not
        known.
    """
    if is_satisfied(scene.state, wish.mode):
        if wish.mode == STOPPED and scene.garbage and wish.clean_garbage:
            return (Step(CLEAN, "clean", "leftovers of a dead instance"),)
        return ()
    _refuse_unknown(scene.state, wish)
    if wish.mode == STOPPED:
        return (down_step(scene.state, wish.down_mode, "asked for"),)
    _refuse_role(scene, wish)
    boot = Step(BOOT, wish.mode.upper(), "asked for")
    if scene.state.process.equals(False):
        if scene.garbage and wish.clean_garbage:
            return (Step(CLEAN, "clean", "leftovers of a dead instance"), boot)
        return (boot,)
    _refuse_restart(scene.state, wish)
    return (down_step(scene.state, wish.down_mode, "it runs in another mode"), boot)


def _seen(state: MemberState) -> str:
    """The state in a few words, for messages."""
    return "{0} is {1}, role {2}".format(
        state.name,
        state.open_mode.value
        if state.open_mode.is_known
        else "UNKNOWN ({0}: {1})".format(state.open_mode.source, state.open_mode.why),
        state.role.value if state.role.is_known else "UNKNOWN",
    )


def _refuse_unknown(state: MemberState, wish: Wish) -> None:
    if state.process.is_known and state.open_mode.is_known:
        return
    if wish.mode == STOPPED and wish.down_mode in HARD_DOWN_MODES and state.process.equals(True):
        return  # these stops need no login and were named explicitly
    raise UnknownState(
        seen=_seen(state),
        meaning="What state the instance is in cannot be told, so it is neither booted nor stopped",
        remedy="Make it answer first (password, alias, listener), look at it with "
        "firedrill.standby.tibero_instance_info, or act by hand",
        details={"state": state.as_dict()},
    )


def _refuse_role(scene: Scene, wish: Wish) -> None:
    """A standby must never be opened by a NORMAL or RESETLOGS boot; a primary that is open is not turned into a
    standby by a boot."""
    state = scene.state
    standby: Optional[str] = None
    if state.role.is_known and state.role.value in (STANDBY, SNAPSHOT_STANDBY):
        standby = "it is a {0} ({1})".format(state.role.value, state.role.source)
    elif not state.role.is_known and scene.recorded_role in (STANDBY, SNAPSHOT_STANDBY):
        standby = "{0} records it as {1}".format(scene.record_path or "our record", scene.recorded_role)
    if wish.mode in OPENING and standby:
        raise Refusal(
            seen="{0} was asked for mode {1}, but {2}".format(state.name, wish.mode, standby),
            meaning=(
                "A standby that is opened by a {0} boot is lost as a standby; the server refuses it with "
                "TBR-1098 at best"
            ).format(wish.mode.upper()),
            remedy="Use mode recovery; to make it the primary use mode failover. If the record is wrong because "
            "this host holds a proven "
            "primary, remove {0}".format(scene.record_path or "the record"),
            details={"state": state.as_dict()},
        )
    if wish.mode == "recovery" and state.role.equals(PRIMARY):
        raise Refusal(
            seen="{0} is an open primary and was asked for mode recovery".format(state.name),
            meaning="A primary becomes a standby by a role change or by a new copy, never by a mere boot (TBR-1127)",
            remedy="Run the switchover, or stop it first with state stopped and down mode switchover",
            details={"state": state.as_dict()},
        )


def _refuse_restart(state: MemberState, wish: Wish) -> None:
    """Stopping a running instance on the way needs consent; an instance that serves nobody needs less of it."""
    below = state.open_mode.value in (STARTING, MOUNTED)
    if wish.restart == ALWAYS or (wish.restart == BELOW and below):
        return
    raise Refusal(
        seen="{0}; mode {1} was asked for".format(_seen(state), wish.mode),
        meaning="Reaching that mode needs a stop (tbdown {0}), which restart={1} does not allow".format(
            wish.down_mode, wish.restart
        ),
        remedy="Set restart to {0}, or stop the instance first".format("below or always" if below else "always"),
        details={"state": state.as_dict()},
    )


def down_step(state: MemberState, down_mode: str, why: str) -> Step:
    """The stop, after the checks that concern every stop.

    :raises Refusal: an open hot backup (TBR-24029, C) or a SWITCHOVER stop of something that is not a primary.
    """
    if state.backup_open.equals(True) and down_mode not in HARD_DOWN_MODES:
        raise Refusal(
            seen="{0} has a hot backup open ({1})".format(state.name, state.backup_open.source),
            meaning="The server refuses a clean stop while files are in backup mode (TBR-24029)",
            remedy="End the backup first: firedrill.standby.tibero_hot_backup with state absent",
            details={"state": state.as_dict()},
        )
    if down_mode == "switchover" and not state.role.equals(PRIMARY):
        raise Refusal(
            seen="{0}; down mode switchover was asked for".format(_seen(state)),
            meaning="Only an open primary can ship the rest of its redo and stop for a switchover",
            remedy="Stop it with down mode immediate",
            details={"state": state.as_dict()},
        )
    return Step(DOWN, down_mode.upper(), why)
