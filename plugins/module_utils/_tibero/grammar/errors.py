# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The one error of the grammar.

Public API: GrammarError(what, seen, expected, line=None, column=None).
"""

from typing import Optional

# Longer quotations push the part that matters off the screen.
_SEEN_LIMIT = 120


class GrammarError(ValueError):
    """A text that does not follow the grammar, or a value that cannot be written in it.

    Arguments:
        what: what was being read, e.g. "tip file" or "alias 'tibero'".
        seen: the text that was found there.
        expected: what is allowed there, in words, and what to do if that is not obvious.
        line: 1-based line number, or None if the text has no lines (a single value).
        column: 1-based column (in characters), or None.
    """

    def __init__(
        self, what: str, seen: str, expected: str, line: Optional[int] = None, column: Optional[int] = None
    ) -> None:
        self.what = what
        self.seen = seen
        self.expected = expected
        self.line = line
        self.column = column
        super().__init__(self._message())

    def _message(self) -> str:
        place = ""
        if self.line is not None:
            place = ", line %d" % self.line
            if self.column is not None:
                place += ", column %d" % self.column
        seen = self.seen if len(self.seen) <= _SEEN_LIMIT else self.seen[:_SEEN_LIMIT] + "..."
        return "%s%s: saw %r, expected %s" % (self.what, place, seen, self.expected)
