# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the copy, asks how far it is in short module calls, and shows it. The bytes never pass here."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import DeadlineExceeded
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock, wait_until

display = Display()

#: Seconds from one question to the next: soon at first, so that a short copy ends soon; later seldom, since each
#: question is a whole module call.
FIRST_INTERVAL = 0.5
LAST_INTERVAL = 5.0
#: A copy that takes longer than this shows how far it is.
QUIET_FOR = 10.0
#: Seconds for which the target may be unreachable before the task gives up watching; the copy itself goes on.
UNREACHABLE_LIMIT = 300.0

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def readable(amount: float) -> str:
    """Bytes for people: ``1.5 GiB``."""
    number = 0
    while amount >= 1024.0 and number < len(UNITS) - 1:
        amount /= 1024.0
        number += 1
    return f"{amount:.0f} {UNITS[number]}" if number == 0 else f"{amount:.1f} {UNITS[number]}"


def progress_line(host: str, progress: t.Mapping[str, t.Any]) -> str:
    """One line of progress: host, phase, per cent, bytes, rate, remaining time."""
    if "percent" not in progress:
        return f"{host}: copy is starting"
    eta = progress.get("eta")
    left = "unknown time" if eta is None else f"{eta // 3600}:{eta // 60 % 60:02d}:{eta % 60:02d}"
    line = (
        f"{host}: {progress.get('phase', 'copying')} {progress['percent']} %, "
        f"{readable(progress['bytes_done'])} of {readable(progress['bytes_total'])}, "
        f"{readable(progress['rate'])}/s, {left} left"
    )
    if progress.get("phase") == "reconnecting":
        line += f" ({progress.get('last_error')})"
    return line


class ActionModule(ActionBase):
    """Watches the module of the same name."""

    _supports_check_mode = True
    _supports_async = False
    #: Where its time comes from.
    clock = Clock()

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the module until it says ``finished``.

        :returns: the module's last result.
        """
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        wait = self._templar.template(arguments.pop("wait", True))
        arguments["wait"] = False
        result = self._ask(arguments, task_vars)
        if str(wait).lower() in ("false", "no", "0", "off") or self._task.check_mode:
            return result
        first = result
        arguments["job"] = result.get("job")
        host = str((task_vars or {}).get("inventory_hostname", "target"))
        started = shown = self.clock.now()
        interval = FIRST_INTERVAL
        while self._goes_on(result):
            now = self.clock.now()
            if now - started >= QUIET_FOR and now - shown >= LAST_INTERVAL:
                shown = now
                display.display(progress_line(host, result.get("progress") or {}))
            self.clock.sleep(interval)
            interval = min(interval * 1.5, LAST_INTERVAL)
            result = self._ask_patiently(arguments, task_vars, host)
        if "diff" in first and not result.get("failed"):
            result["diff"] = first["diff"]
        return result

    @staticmethod
    def _goes_on(result: t.Mapping[str, t.Any]) -> bool:
        return not result.get("failed") and result.get("finished") is False and bool(result.get("job"))

    def _ask(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        return self._execute_module(
            module_name="firedrill.standby.seed_pull", module_args=arguments, task_vars=task_vars
        )

    def _ask_patiently(
        self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any] | None, host: str
    ) -> dict[str, t.Any]:
        """One question; a target that cannot be reached for a while does not end the watch, for the copy does not need
        us.
        """

        def ask() -> dict[str, t.Any] | str:
            try:
                return self._ask(arguments, task_vars)
            except AnsibleConnectionFailure as error:
                display.warning(f"{host} cannot be reached, the copy on it goes on: {error}")
                return str(error)

        remedy = "run the same task again when the host answers; it attaches to the copy"
        try:
            seen = wait_until(ask, _is_answer, UNREACHABLE_LIMIT, host, remedy, LAST_INTERVAL, self.clock).value
        except DeadlineExceeded as over:
            raise AnsibleConnectionFailure(
                f"{host} cannot be reached for {UNREACHABLE_LIMIT:.0f} s: {over.details['last_seen']}. The copy on it "
                f"goes on by itself. To do: {remedy}."
            ) from over
        return t.cast("dict[str, t.Any]", seen)


def _is_answer(seen: dict[str, t.Any] | str) -> bool:
    return not isinstance(seen, str)
