# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Texts of what starts scheduled drills: units of systemd, or one file of cron. Pure.

They are made here and not by templates, because each word of a path has to be quoted for the one that reads it. Public: :class:`Timer`, :func:`units`,
:func:`cron_file`, :data:`MARK`.
"""

from typing import Dict, List, NamedTuple, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_calendar import HELD
from ansible_collections.firedrill.standby.plugins.module_utils._core.timer_grammar import cron_line, unit_word

#: The line by which a file is known as ours; one without it is never replaced or removed.
MARK = "# Managed by Ansible (firedrill.standby.drill_schedule): changes here are lost with the next run."
UNIT = "firedrill-drill-"
ALARM_UNIT = "firedrill-drills-alarm"
CRON_NAME = "firedrill-drills"


class Timer(NamedTuple):
    """When a verb of the program runs. ``name`` is empty for the alarm. ``timeout`` and ``delay`` are in seconds."""

    name: str
    title: str
    user: str
    when: str
    cron: str
    timeout: int
    delay: int
    words: Tuple[str, ...]
    ended: Tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """The name of its units, without the ending."""
        return UNIT + self.name if self.name else ALARM_UNIT


def _text(*lines: str) -> str:
    return "".join(line + "\n" for line in (MARK,) + lines)


def _service(timer: Timer) -> str:
    lines = ["[Unit]", "Description=" + timer.title.replace("%", "%%")]
    lines += [
        "Wants=network-online.target",
        "After=network-online.target time-sync.target",
        "",
        "[Service]",
        "Type=oneshot",
    ]
    lines += ["User=" + timer.user, "ExecStart=" + " ".join(unit_word(word) for word in timer.words)]
    if timer.ended:
        lines.append("ExecStopPost=" + " ".join(unit_word(word) for word in timer.ended))
        lines += ["# The drill of this window was held already: no failure.", "SuccessExitStatus={0}".format(HELD)]
    lines += ["TimeoutStartSec={0}".format(timer.timeout)]
    return _text(*lines)


def _timer(timer: Timer) -> str:
    return _text(
        "[Unit]",
        "Description=Timer: " + timer.title.replace("%", "%%"),
        "",
        "[Timer]",
        "OnCalendar=" + timer.when,
        "# A time that passed while the host was down is made up for at boot; the program judges the window then.",
        "Persistent=true",
        "RandomizedDelaySec={0}".format(timer.delay),
        "",
        "[Install]",
        "WantedBy=timers.target",
    )


def units(timers: Sequence[Timer]) -> Dict[str, str]:
    """The units by name."""
    found = {}
    for timer in timers:
        found[timer.unit + ".service"] = _service(timer)
        found[timer.unit + ".timer"] = _timer(timer)
    return found


def cron_file(timers: Sequence[Timer]) -> str:
    """The file of /etc/cron.d. What the program says goes to the system's log; cron itself knows no limit, so ``timeout`` holds it."""
    lines: List[str] = ["SHELL=/bin/sh", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    for timer in timers:
        command = cron_line(("timeout", "--kill-after=60", str(timer.timeout), *timer.words))
        if timer.ended:
            command += "; " + cron_line(timer.ended) + " $?"
        lines.append("{0} {1} ({2}) 2>&1 | logger -t {3}".format(timer.cron, timer.user, command, timer.unit))
    return _text(*lines)
