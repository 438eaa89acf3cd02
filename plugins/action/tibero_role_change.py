# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conducts one member's part of a role change: the module prepares a worker on it, this plugin says go when it is its turn.

All members with a part are worked on at the same time, each by a process of its own; they hand over through a file on the
controller. While clients wait, a step costs one shell command on a connection that is open already.
"""

from __future__ import annotations

import json
import shlex
import time
import typing as t
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until
from ansible_collections.firedrill.standby.plugins.plugin_utils._events import Events

display = Display()

#: Seconds until every member must be prepared.
MEETING = 120.0
#: Seconds that one shell command waits on the member for the end of a step before it answers "not yet".
ANSWER = 10
#: Seconds between two signs of life to the own worker while others are at work.
SIGN_OF_LIFE = 3.0
#: Seconds for which a member may be out of reach before it counts as lost; its worker goes on with the step it is in.
LOST = 60.0
#: Seconds for another member's step. Its own process gives up long before; this is for the case that the process itself died.
LONGEST = 7200.0
#: Exit codes of the shell command: no journal directory, the worker is gone, the step is not at its end.
NO_DIRECTORY, NO_WORKER, NOT_YET = 81, 82, 83

_GO = (
    "cd {directory} || exit 81; touch lease; "
    "[ -e go-{number} ] || {{ printf %s {payload} > go-{number}.new && mv go-{number}.new go-{number}; }}; "
    "n=0; while [ ! -e end-{number} ]; do "
    "if ! kill -0 {pid} 2>/dev/null; then [ -e end-{number} ] && break; exit 82; fi; "
    "n=$((n+1)); [ $n -gt {turns} ] && exit 83; sleep 0.05; done; cat end-{number}"
)


class ActionModule(ActionBase):
    """Prepares, conducts, tells."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Do this member's part.

        :returns: the module's result with ``done``, the steps with what they saw and their seconds; or a failure.
        """
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        log = str(arguments.pop("log", ""))
        payload = arguments.pop("payload", None) or {}
        involved = [str(name) for name in arguments.pop("involved", None) or []]
        order = [int(number) for number in arguments.pop("order", None) or []]
        if arguments.get("state", "armed") != "armed" or self._task.check_mode:
            result = self._module(arguments, task_vars)
            for note in result.get("notes") or []:
                display.display(f"{arguments['member']}: {note}")
            return result
        member = str(arguments["member"])
        events = Events(Path(log), str(arguments["run"]), member)
        try:
            armed = self._module(arguments, task_vars)
        except AnsibleConnectionFailure as error:
            events.say("refused", seen=f"it cannot be reached: {error}")
            raise
        if armed.get("failed"):
            events.say("refused", seen=armed.get("seen") or armed.get("msg"))
            return armed
        events.say("armed", change=arguments["change"])
        conductor = _Conductor(self, arguments, armed, events, payload, order)
        try:
            armed["done"] = conductor.conduct(involved)
        except StandbyError as error:
            armed.update(failed=True, changed=bool(conductor.done), done=conductor.done, **error.as_failure())
            return armed
        armed["changed"] = bool(conductor.done)
        return armed

    def _module(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        return self._execute_module(
            module_name="firedrill.standby.tibero_role_change", module_args=arguments, task_vars=task_vars
        )

    def shell(self, script: str) -> tuple[int, str]:
        """Run a shell command on the member under the OS user of the database; exit code and output."""
        done = self._low_level_execute_command(script, executable="/bin/sh")
        return int(done["rc"]), str(done["stdout"])


class _Conductor:
    """One member's view of a run."""

    def __init__(
        self,
        action: ActionModule,
        arguments: t.Mapping[str, t.Any],
        armed: t.Mapping[str, t.Any],
        events: Events,
        payload: t.Mapping[str, t.Any],
        order: t.Sequence[int],
    ) -> None:
        self._action = action
        self._member = str(arguments["member"])
        self._steps = {int(step["number"]): step for step in arguments["change"]["steps"]}
        self._order = list(order)
        self._armed = armed
        self._events = events
        self._payload: dict[str, t.Any] = dict(payload)
        self._alive = time.monotonic()
        self._run = str(arguments["run"])
        self.done: list[dict[str, t.Any]] = []

    def conduct(self, involved: t.Sequence[str]) -> list[dict[str, t.Any]]:
        """Go through all steps in their order: say go for the own ones, wait for the others."""
        self._meet(involved)
        for number in self._order:
            step = self._steps[number]
            ended = self._own(number) if step["member"] == self._member else self._other(number)
            self._payload[str(step["action"])] = ended["seen"]
        return self.done

    def _meet(self, involved: t.Sequence[str]) -> None:
        """Nothing begins before everybody is prepared."""

        def all_here(events: list[dict[str, t.Any]]) -> t.Mapping[str, t.Any] | None:
            refused = [event for event in events if event["event"] == "refused"]
            if refused:
                return refused[0]
            here = {event["member"] for event in events if event["event"] == "armed"}
            return {"event": "all"} if here >= set(involved) else None

        met = self._events.until(all_here, MEETING, self._sign_of_life)
        if met is not None and met["event"] == "all":
            return
        self._release()
        here = {event["member"] for event in self._events.seen() if event["event"] == "armed"}
        missing = ", ".join(sorted(set(involved) - here)) or "nobody"
        raise StandbyError(
            seen=f"{met['member']} refused: {met['seen']}"
            if met
            else f"After {MEETING:.0f} s these are not prepared: {missing}",
            meaning="The role change did not begin; no step was run",
            remedy="follow the message of that member, then run the same command again",
        )

    def _own(self, number: int) -> t.Mapping[str, t.Any]:
        """Say go and wait for the end."""
        step = self._steps[number]
        self._events.say("begin", number, title=step["title"])
        display.display(f"{self._member}: {step['title']}")
        answer = self._await(number)
        if "failed" in answer:
            self._events.say("failed", number, failure=answer["failed"])
            failure = answer["failed"]
            raise StandbyError(failure["seen"], failure["meaning"], failure["remedy"], failure.get("details"))
        self._events.say("end", number, seen=answer["seen"], seconds=answer["seconds"])
        self.done.append({"step": number, "title": step["title"], "seconds": answer["seconds"], "seen": answer["seen"]})
        return answer

    def _await(self, number: int) -> dict[str, t.Any]:
        go = json.dumps({"run": self._run, "payload": self._payload})
        script = _GO.format(
            directory=shlex.quote(str(self._armed["directory"])),
            number=number,
            payload=shlex.quote(go),
            pid=int(self._armed["pid"]),
            turns=ANSWER * 20,
        )
        reached = {"at": time.monotonic()}

        def attempt() -> tuple[int, str]:
            try:
                code, output = self._action.shell(script)
            except AnsibleConnectionFailure as error:
                return 255, str(error)
            if code in (0, NO_DIRECTORY, NO_WORKER, NOT_YET):
                reached["at"] = time.monotonic()
            return code, output

        code, output = wait_until(
            attempt,
            lambda seen: seen[0] in (0, NO_DIRECTORY, NO_WORKER) or time.monotonic() - reached["at"] > LOST,
            float("inf"),
            "the end of a step",
            "",
            interval=0.05,
        ).value
        if code in (NO_DIRECTORY, NO_WORKER):
            raise self._lost(number, "its worker is gone")
        if code != 0:
            raise self._lost(number, f"it cannot be reached: {output.strip()[-200:]}")
        return dict(json.loads(output))

    def _lost(self, number: int, why: str) -> StandbyError:
        self._events.say("lost", number, why=why)
        return StandbyError(
            seen=f"{self._member} in step {number} ({self._steps[number]['title']}): {why}",
            meaning="How far this step came is not known here; the journal on the member tells, and what is under way there goes on",
            remedy="make the host reachable and run the same command again, which goes on or takes the change back; if the host is lost, "
            "run playbooks/failover.yml",
        )

    def _other(self, number: int) -> t.Mapping[str, t.Any]:
        """Wait for the end of another member's step."""
        step = self._steps[number]

        def ended(events: list[dict[str, t.Any]]) -> t.Mapping[str, t.Any] | None:
            return next(
                (each for each in events if each["step"] == number and each["event"] in ("end", "failed", "lost")), None
            )

        event = self._events.until(ended, LONGEST, self._sign_of_life)
        if event is not None and event["event"] == "end":
            return event
        self._release()
        said = "nothing was heard of it" if event is None else event.get("failure", {}).get("seen") or event.get("why")
        raise StandbyError(
            seen=f"Step {number} on {step['member']} ({step['title']}) did not come to its end: {said}",
            meaning=f"{self._member} did nothing more",
            remedy=f"follow the message of {step['member']}; running the same command again goes on or takes the change back",
        )

    def _release(self) -> None:
        """End the own worker, which waits for a go that will not come, so that the next run need not wait for it."""
        try:
            self._action.shell(f"kill {int(self._armed['pid'])}")
        except AnsibleConnectionFailure as error:
            display.vvv(f"{self._member} cannot be told to end its worker, which it does by itself: {error}")

    def _sign_of_life(self) -> None:
        """Tell the own worker that its controller lives."""
        if time.monotonic() - self._alive < SIGN_OF_LIFE:
            return
        self._alive = time.monotonic()
        try:
            self._action.shell(f"touch {shlex.quote(str(self._armed['directory']))}/lease")
        except AnsibleConnectionFailure as error:
            display.vvv(f"{self._member} cannot be told that the controller lives: {error}")
