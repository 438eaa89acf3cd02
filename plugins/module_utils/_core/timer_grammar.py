# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What may stand in a timer: OnCalendar of systemd (systemd.time(7)) and the five fields of cron (crontab(5)); and how words are quoted for both.

Only what is known is accepted; systemd itself accepts more. Public: :func:`check_calendar`, :func:`cron_times`, :func:`cron_line`,
:func:`unit_word`.
"""

import re
import shlex
import time
from typing import FrozenSet, List, NamedTuple, Sequence, Set

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal

_SHORT = ("minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually", "yearly", "annually")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FULL = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_PART = re.compile(r"(\d{1,4})(?:\.\.(\d{1,4}))?(?:/(\d{1,4}))?\Z")
_ZONE = re.compile(r"UTC\Z|[A-Z][A-Za-z]+(?:/[A-Z][A-Za-z0-9_+-]*){1,2}\Z")
_CRON_PART = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?\Z")
_CRON_SHORT = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


class CronTimes(NamedTuple):
    """When a line of cron fires. ``either``: day of month and day of week are both restricted, and one of them is enough."""

    minutes: FrozenSet[int]
    hours: FrozenSet[int]
    days: FrozenSet[int]
    months: FrozenSet[int]
    weekdays: FrozenSet[int]
    either: bool

    def fires(self, at: time.struct_time) -> bool:
        """Whether it fires in a minute of the host's local time."""
        if at.tm_min not in self.minutes or at.tm_hour not in self.hours or at.tm_mon not in self.months:
            return False
        day, weekday = at.tm_mday in self.days, (at.tm_wday + 1) % 7 in self.weekdays
        return day or weekday if self.either else day and weekday


def _refuse(text: str, part: str, how: str) -> Refusal:
    return Refusal(
        seen="{0!r} is not known in {1!r}".format(part, text),
        meaning="A timer that is not understood would fire at another time, or never",
        remedy="write it as {0}".format(how),
        details={"when": text},
    )


CALENDAR = "in systemd.time(7), such as 'Sat *-*-01..07 02:00:00 Asia/Seoul'"
CRON = "five fields as in crontab(5), such as '0 2 1-7 * *'"


def check_calendar(text: str) -> None:
    """OnCalendar of systemd: [weekdays] [date] [time] [zone], or a word such as daily. :raises Refusal: for what is not known."""
    words = text.split()
    if len(words) > 1 and _ZONE.match(words[-1]):
        words = words[:-1]
    if len(words) == 1 and words[0].lower() in _SHORT:
        return
    seen: List[int] = []
    for word in words:
        if word[0].isalpha():
            kind, right = 0, _weekdays(word)
        elif ":" in word:
            kind, right = 2, _time(word)
        else:
            kind, right = 1, "-" in word and _date(word)
        if not right or (seen and kind <= seen[-1]):
            raise _refuse(text, word, CALENDAR)
        seen.append(kind)
    if not seen:
        raise _refuse(text, text, CALENDAR)


def _weekdays(word: str) -> bool:
    for part in word.lower().split(","):
        names = part.split("..")
        if len(names) > 2 or any(name not in _DAYS and name not in _FULL for name in names):
            return False
        numbers = [_DAYS.index(name[:3]) for name in names]
        if numbers != sorted(numbers):
            return False
    return True


def _component(text: str, low: int, high: int) -> bool:
    if text == "*":
        return True
    for part in text.split(","):
        found = _PART.match(part)
        if not found:
            return False
        first, last = int(found.group(1)), int(found.group(2) or found.group(1))
        if not low <= first <= last <= high:
            return False
        step, end = found.group(3), last if found.group(2) else high
        # A step that leads nowhere is refused by systemd too.
        if step is not None and not 1 <= int(step) <= end - first:
            return False
    return True


def _date(word: str) -> bool:
    parts = word.split("-")
    if len(parts) == 3 and not re.match(r"\*\Z|\d{4}(?:\.\.\d{4})?\Z", parts[0]):
        return False
    limits = ((1970, 2199), (1, 12), (1, 31))
    return len(parts) in (2, 3) and all(
        _component(part, low, high) for part, (low, high) in zip(parts, limits[3 - len(parts) :])
    )


def _time(word: str) -> bool:
    parts = word.split(":")
    return len(parts) in (2, 3) and all(_component(part, 0, high) for part, high in zip(parts, (23, 59, 59)))


def _number(name: str, names: Sequence[str], first: int) -> int:
    if name.isdigit():
        return int(name)
    return names.index(name.lower()) + first if name.lower() in names else -1


def _field(text: str, field: str, low: int, high: int, names: Sequence[str] = ()) -> FrozenSet[int]:
    found: Set[int] = set()
    for part in field.split(","):
        matched = _CRON_PART.match(part)
        if not matched:
            raise _refuse(text, part, CRON)
        every, first, last, step = matched.groups()
        begin = low if every else _number(first, names, low)
        # A step without a range goes on to the end.
        end = high if every or (step and not last) else _number(last or first, names, low)
        if not low <= begin <= end <= high or (step is not None and int(step) < 1):
            raise _refuse(text, part, CRON)
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


def cron_times(text: str) -> CronTimes:
    """The five fields, or a word such as @daily. :raises Refusal: for what is not known, such as @reboot, which is no time."""
    fields = _CRON_SHORT.get(text.strip(), text).split()
    if len(fields) != 5:
        raise _refuse(text, text, CRON)
    weekdays = _field(text, fields[4], 0, 7, ("sun",) + _DAYS[:6])
    return CronTimes(
        _field(text, fields[0], 0, 59),
        _field(text, fields[1], 0, 23),
        _field(text, fields[2], 1, 31),
        _field(text, fields[3], 1, 12, _MONTHS),
        frozenset(each % 7 for each in weekdays),
        not fields[2].startswith("*") and not fields[4].startswith("*"),
    )


def _plain(word: str) -> str:
    if not word or re.search(r"[\x00-\x1f\x7f]", word):
        raise Refusal(
            seen="{0!r} shall stand in a unit or in a line of cron".format(word),
            meaning="An empty word, or one with a line end in it, would make another command of it",
            remedy="correct that path or name",
        )
    return word


def cron_line(words: Sequence[str]) -> str:
    """A command for /etc/cron.d: quoted for the shell, and each % escaped, which would be a line end to cron (crontab(5))."""
    return " ".join(shlex.quote(_plain(word)) for word in words).replace("%", "\\%")


def unit_word(word: str) -> str:
    """A word of ExecStart= (systemd.service(5), systemd.syntax(7)): %, $ and backslash stand for themselves."""
    escaped = _plain(word).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return '"{0}"'.format(escaped) if escaped != word or re.search(r"[\s';]", word) else escaped
