# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This plugin utility is private to the collection firedrill.standby: other collections must not import it.
"""One language of the views: its words, the sentences of the verdict in it, and figures as a person reads them.

Figures are never shown better than they are: an upper end is rounded up, a lower end down. Public: :class:`Language`, :func:`span`, :func:`number`,
:func:`wall`, :func:`percent`.
"""

from __future__ import annotations

import datetime
import re
from typing import Any

from ansible_collections.firedrill.standby.plugins.plugin_utils._views.messages import (
    LANGUAGES,
    MESSAGES,
    SENTENCES,
    WORDS,
)

_HOLE = re.compile(r"\{(\d)\}")


def _pattern(sentence: str) -> tuple[re.Pattern[str], list[int]]:
    """What recognises a sentence, and the number of each hole in the order in which they come."""
    parts = _HOLE.split(sentence)
    text = "".join(re.escape(part) if index % 2 == 0 else "(.+?)" for index, part in enumerate(parts))
    return re.compile(text, re.S), [int(part) for part in parts[1::2]]


_PATTERNS = tuple((*_pattern(english), (english, korean, chinese)) for english, korean, chinese in SENTENCES)


def span(nanoseconds: int, up: bool = True) -> str:
    """A length of time, to the millisecond above one second and to the microsecond below. :arg up: round up, as for an upper end, or down."""

    def rounded(unit: int) -> int:
        return -(-nanoseconds // unit) if up else nanoseconds // unit

    if nanoseconds == 0:
        return "0 s"
    if abs(nanoseconds) < 10**9:
        return f"{_fraction(rounded(10**3))} ms"
    if nanoseconds < 600 * 10**9:
        return f"{_fraction(rounded(10**6))} s"
    minutes = rounded(60 * 10**9)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _fraction(thousandths: int) -> str:
    sign, size = ("-" if thousandths < 0 else ""), abs(thousandths)
    return f"{sign}{size // 1000}.{size % 1000:03d}" if size % 1000 else f"{sign}{size // 1000}"


def number(value: int) -> str:
    """A whole number with its thousands apart, by a narrow blank that does not break, as SI wants it."""
    return f"{value:,}".replace(",", "\u202f")


def wall(nanoseconds: int) -> str:
    """An instant in UTC, to the second."""
    # datetime.UTC came with Python 3.11, and ansible-core 2.16 runs on 3.10.
    zone = datetime.timezone.utc  # noqa: UP017
    return datetime.datetime.fromtimestamp(nanoseconds // 10**9, zone).strftime("%Y-%m-%d %H:%M:%S UTC")


def percent(ppm: int) -> str:
    """Millionths as per cent, rounded up: a bound is never said to be better than it is."""
    tenths = -(-ppm // 1000)
    return f"{tenths // 10}.{tenths % 10} %"


class Language:
    """The words of one language. :arg code: one of :data:`LANGUAGES`."""

    def __init__(self, code: str) -> None:
        self.code = code
        self._column = LANGUAGES.index(code)

    def say(self, key: str, **values: Any) -> str:
        """A message. :raises KeyError: for a key that is not in the table."""
        text = MESSAGES[key][self._column]
        return text.format(**values) if values else text

    def word(self, family: str, name: Any) -> str:
        """A word of a family such as ``verdict``; what the family does not know is shown as it is."""
        key = f"{family}.{name}"
        return self.say(key) if key in MESSAGES else str(name)

    def told(self, sentence: str) -> str | None:
        """A sentence of the verdict in this language; None when the table does not know it, so that it must be shown as a quotation."""
        if self._column == 0:
            return sentence
        for pattern, order, texts in _PATTERNS:
            match = pattern.fullmatch(sentence)
            if match is None:
                continue
            parts = {str(hole): self._piece(text) for hole, text in zip(order, match.groups(), strict=True)}
            return _HOLE.sub(lambda hole, parts=parts: parts[hole.group(1)], texts[self._column])  # type: ignore[misc]
        return None

    def _piece(self, text: str) -> str:
        """What stands in a hole: a word, a figure with a unit, a sentence in the sentence, a name, or a quotation."""
        if text in WORDS:
            return WORDS[text][self._column - 1]
        figure = re.fullmatch(r"(\S+) (transactions|writes|rows|bytes|differences)", text)
        if figure:
            return f"{self._piece(figure.group(1))} {WORDS[figure.group(2)][self._column - 1]}"
        inner = self.told(text)
        if inner is not None:
            return inner
        return f'"{text}"' if len(text.split()) > 2 else text
