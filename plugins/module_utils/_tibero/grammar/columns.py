# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Cuts the lines of a printed table into columns, given the line of dashes under its heading.

Public API
    is_dashes(line) -> bool
    fold_of(heading, dashes) -> Fold              column places and names of one heading line
    cells_of(line, fold) -> (cells, certain)      the values of one line of a row; None for blank

A line is cut at the gaps between the dash groups. Copies that people publish have lost or gained blanks, and text that
is not ASCII
is padded by its width on the screen or by its bytes; then the cut is moved until every value stands at an edge of its
column again:
text at the left one, numbers at the right one. What cannot be made to fit is still handed out, but not as certain.
"""

import re
import unicodedata
from typing import List, NamedTuple, Optional, Sequence, Tuple


class Span(NamedTuple):
    """One dash group: columns [start, end) of the screen."""

    start: int
    end: int


class Fold(NamedTuple):
    """One heading line with its dash groups.

    right: the heading stands at the right end, so numbers stand below it; aligned: each heading stands at an edge of
    its dashes, at least if the whole line is moved. If not, the copy has lost blanks within its lines.
    """

    spans: Tuple[Span, ...]
    names: Tuple[str, ...]
    right: Tuple[bool, ...]
    aligned: bool = True


# Beyond this a line is no row of a terminal table, and trying distances would cost too much.
_LONGEST_LINE = 4000
_LONGEST_SHIFT = 200
# How many blanks a publisher loses or adds within a line and is still believed.
_DRIFT = 3
# Stands for the further screen columns of a wide character.
_FILLER = "\0"
_NOT_ASCII = re.compile("[^\x00-\x7f]")
_DASHES = re.compile(r"[ \t]*-+(?:[ \t]+-+)*[ \t]*\Z")

_Cut = Tuple[List[str], bool]


def is_dashes(line: str) -> bool:
    """Tell whether a line consists of groups of dashes only."""
    return _DASHES.match(line) is not None


def _is_ascii(line: str) -> bool:
    return _NOT_ASCII.search(line) is None


def _expanded(line: str) -> List[str]:
    """Return the line as it would be cut if each character took its screen columns, or its bytes, or one place.

    Which of them tbsql counts depends on its client character set (L); the one in which the values stand at edges is
    right.
    """
    if _is_ascii(line) or len(line) > _LONGEST_LINE:
        return [line]
    screen = [
        character + (_FILLER if character > "\x7f" and unicodedata.east_asian_width(character) in "WF" else "")
        for character in line
    ]
    stored = [
        character + _FILLER * (len(character.encode("utf-8")) - 1)
        if "\x7f" < character < "\ud800" or character > "\udfff"
        else character
        for character in line
    ]
    return ["".join(screen), "".join(stored), line]


def _clean(cell: str) -> str:
    return cell.replace(_FILLER, "").strip(" \t")


def _cut(line: str, spans: Sequence[Span]) -> Optional[List[str]]:
    """Cut at the dash groups; None if a gap between two groups, or the room behind the last, holds a character."""
    for left, right in zip(spans, spans[1:]):
        if line[left.end : right.start].strip(" \t"):
            return None
    if line[spans[-1].end :].strip(" \t" + _FILLER) or line[: spans[0].start].strip(" \t"):
        return None
    return [line[span.start : span.end] for span in spans]


def _at_edges(cells: Sequence[str], spans: Sequence[Span]) -> bool:
    for cell, span in zip(cells, spans):
        if cell.strip(" \t") and cell[0] in " \t" and (len(cell) < span.end - span.start or cell[-1] in " \t"):
            return False
    return True


def _plausible(cells: Sequence[str], right: Sequence[bool]) -> bool:
    """Tell whether a cut can be right: under a right-aligned heading stand numbers, and a number holds no blank."""
    return not any(is_right and " " in cell.strip(" \t") for cell, is_right in zip(cells, right))


def _holds_gap(cells: Sequence[str]) -> bool:
    return any("  " in _clean(cell) for cell in cells)


def _shifted(line: str, fold: Fold) -> Optional[List[str]]:
    """Cut a line that has lost blanks at its start: move it right until every value stands at an edge."""
    spans = fold.spans
    body = line.rstrip(" \t")
    stripped = body.lstrip(" \t")
    lead = len(body) - len(stripped)
    first = stripped.split(None, 1)[0] if stripped else ""
    for distance in range(1, min(spans[-1].end - lead, _LONGEST_SHIFT)):
        cut = _cut(" " * distance + body, spans)
        if cut is None or not _plausible(cut, fold.right):
            continue
        if _at_edges(cut, spans) or (fold.right[0] and lead + distance + len(first) == spans[0].end):
            return cut
    return None


def _drifted(line: str, fold: Fold) -> Optional[List[str]]:
    """Cut a line that has lost or gained a few blanks in its middle: take the blank next to where the gap should be.

    None unless every value then stands at an edge of its moved column.
    """
    cells: List[str] = []
    start = fold.spans[0].start
    drift = 0
    for index, span in enumerate(fold.spans):
        before = drift
        if index + 1 < len(fold.spans):
            end = _blank_near(line, span.end + drift, start)
            if end is None:
                return None
            drift = end - span.end
        else:
            end = max(len(line), span.end + drift)
        cell = line[start:end]
        stripped = cell.strip(" \t")
        if stripped:
            # A wide gap inside a value of a line that has to be repaired is more likely the gap between two columns.
            if "  " in stripped:
                return None
            first = start + len(cell) - len(cell.lstrip(" \t"))
            last = start + len(cell.rstrip(" \t"))
            if first != span.start + before and last != span.end + drift:
                return None
        cells.append(cell)
        start = end + 1
    return cells if _plausible(cells, fold.right) else None


def _blank_near(line: str, place: int, lowest: int) -> Optional[int]:
    for distance in range(_DRIFT + 1):
        for candidate in (place - distance, place + distance):
            if candidate >= lowest and (candidate >= len(line) or line[candidate] in " \t"):
                return candidate
    return None


def _by_words(line: str, spans: Sequence[Span]) -> Optional[_Cut]:
    """Match words to columns in order: words with two or more blanks between them first, then single words.

    Certain if each word lies in its column or next to it.
    """
    for pattern in (r"\S+(?: \S+)*", r"\S+"):
        words = list(re.finditer(pattern, line))
        if len(words) == len(spans):
            near = all(
                word.start() <= span.end + _DRIFT and word.end() >= span.start - _DRIFT
                for word, span in zip(words, spans)
            )
            return [word.group() for word in words], near
    return None


def _by_place(line: str, spans: Sequence[Span]) -> Optional[List[str]]:
    """Give each group of words to the column it overlaps most; None if two of them would meet in one column."""
    cells = ["" for _span in spans]
    for match in re.finditer(r"\S+(?: \S+)*", line):
        overlaps = [min(match.end(), span.end) - max(match.start(), span.start) for span in spans]
        best = overlaps.index(max(overlaps))
        if cells[best]:
            return None
        cells[best] = match.group()
    return cells


def _repaired(line: str, fold: Fold) -> Optional[_Cut]:
    """Cut a line that has lost blanks at its start or in its middle. If both can be read into it, neither is certain."""
    shifted = _shifted(line, fold)
    drifted = _drifted(line, fold)
    if shifted is None or drifted is None:
        cut = shifted if drifted is None else drifted
        return None if cut is None else (cut, True)
    return drifted, [_clean(cell) for cell in shifted] == [_clean(cell) for cell in drifted]


def _cut_somehow(line: str, fold: Fold) -> _Cut:
    spans = fold.spans
    forms = _expanded(line)
    cuts = [cut for cut in (_cut(form, spans) for form in forms) if cut is not None and _plausible(cut, fold.right)]
    if len(forms) == 1 and cuts and fold.aligned:
        return cuts[0], True
    # Where width is in doubt, a cut counts only if it puts every value at an edge; one that leaves two values in a
    # column, with the gap between them, comes last.
    fitting = sorted([cut for cut in cuts if _at_edges(cut, spans)], key=_holds_gap)
    if fitting:
        return fitting[0], True
    if len(line) <= _LONGEST_LINE:
        for form in forms:
            repaired = _repaired(form, fold)
            if repaired is not None:
                return repaired
    words = _by_words(line, spans)
    if words is not None:
        return words
    placed = _by_place(line, spans)
    return (placed if placed is not None else [line] + ["" for _span in spans[1:]]), False


def cells_of(line: str, fold: Fold) -> Tuple[List[Optional[str]], bool]:
    """Return the values of one line of a row, and whether they are certain. A table of one column has nothing to
    cut."""
    if len(fold.spans) == 1:
        return [line.strip(" \t") or None], True
    cut, certain = _cut_somehow(line, fold)
    cells = [_clean(cell) or None for cell in cut]
    if not fold.aligned and None in cells:
        # Where runs of blanks became one, two values stand in one column, and the empty one beside it is not empty.
        body = line.strip(" \t")
        certain = certain and ("  " in body or " " not in body)
    return cells, certain


def fold_of(heading: str, dashes: str) -> Fold:
    """Return places and names of the columns. A name is "" if the heading has lost it."""
    spans = tuple([Span(match.start(), match.end()) for match in re.finditer("-+", dashes)])
    unknown = tuple([False for _span in spans])
    if len(spans) == 1:
        names: List[str] = [heading.strip(" \t")]
    else:
        cells, _certain = _cut_somehow(heading, Fold(spans, (), unknown))
        names = [_clean(cell) for cell in cells]
        if "" in names:
            words = _by_words(heading, spans)
            names = words[0] if words is not None else names
    right = []
    for name, span in zip(names, spans):
        at_end = heading[: span.end].endswith(name) and heading[span.start : span.start + 1] == " "
        right.append(len(name) < span.end - span.start and at_end)
    if names[0] and heading.startswith(" ") and len(names[0]) < spans[0].end - spans[0].start and spans[0].start == 0:
        # A number column is the only one whose heading does not start at the left edge.
        right[0] = True
    fold = Fold(spans, tuple(names), tuple(right))
    if len(spans) == 1 or any(_stands(_cut(form, spans), spans) for form in _expanded(heading)):
        return fold
    room = min(spans[-1].end - len(heading.strip(" \t")), _LONGEST_SHIFT)
    if not any(_stands(_cut(" " * distance + heading, spans), spans) for distance in range(1, room + 1)):
        return fold._replace(aligned=False)
    # The line has lost the blanks at its start, which only the heading of numbers has.
    return fold._replace(right=(True,) + tuple(right[1:]))


def _stands(cut: Optional[Sequence[str]], spans: Sequence[Span]) -> bool:
    """Tell whether every column has a heading, each at an edge of its dashes."""
    return cut is not None and all(map(_clean, cut)) and _at_edges(cut, spans)
