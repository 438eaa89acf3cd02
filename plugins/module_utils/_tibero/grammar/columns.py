# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Cuts the lines of a printed table into columns, given the line of dashes under its heading.

Public API
    is_dashes(line) -> bool
    fold_of(heading, dashes) -> Fold              column places and names of one heading line
    settled(folds, rows) -> list of Fold          the same, with what all lines of the table tell about lost blanks
    cells_of(line, fold) -> (cells, certain)      the values of one line of a row; None for blank
    fits(line, fold) -> bool                      could the line, as it stands, be one of a row
    may_continue(before, cells, fold) -> bool     could the row be the rest of a value of the row before

A line is cut at the gaps between the dash groups. Copies that people publish have lost or gained blanks, and text that
is not ASCII
is padded by its width on the screen or by its bytes; then the cut is moved until every value stands at an edge of its
column again:
text at the left one, numbers at the right one. A line that lost blanks can also fit where it does not belong; so a cut
that leaves a column empty is believed only if nothing speaks for another one. What cannot be made to fit is still
handed out, but not as certain.
"""

import re
import unicodedata
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple


class Span(NamedTuple):
    """One dash group: columns [start, end) of the screen."""

    start: int
    end: int


class Fold(NamedTuple):
    """One heading line with its dash groups.

    right: the heading stands at the right end, so numbers stand below it; aligned: each heading stands at an edge of
    its dashes, at least if the whole line is moved. If not, the copy has lost blanks within its lines.

    numeric: numbers stand here by the place of the heading or, where that does not show, by its name; dated: the name
    says DATE. The rest is what the heading shows of the copy, and after settled() what the whole table shows.
    stripped: blanks at the start of the lines are lost; indented: some are there; spaced: several blanks stand
    together within a line, spaced_rows: within a line of a row.
    """

    spans: Tuple[Span, ...]
    names: Tuple[str, ...]
    right: Tuple[bool, ...]
    aligned: bool = True
    numeric: Tuple[bool, ...] = ()
    dated: Tuple[bool, ...] = ()
    stripped: bool = False
    indented: bool = True
    spaced: bool = True
    spaced_rows: bool = True


# Beyond this a line is no row of a terminal table, and trying distances would cost too much.
_LONGEST_LINE = 4000
_LONGEST_SHIFT = 200
# How many blanks a publisher loses or adds within a line and is still believed.
_DRIFT = 3
# Stands for the further screen columns of a wide character.
_FILLER = "\0"
_NOT_ASCII = re.compile("[^\x00-\x7f]")
_DASHES = re.compile(r"[ \t]*-+(?:[ \t]+-+)*[ \t]*\Z")
_NUMBER = re.compile(r"(?:[-+]?(?:[0-9][0-9,]*(?:\.[0-9]*)?|\.[0-9]+)(?:E[-+]?[0-9]+)?[KMGT]?B?%?|#+)\Z", re.IGNORECASE)
_NUMBER_NAME = re.compile(
    r"(?:\w+_)?(?:NUMBER|TSN|DBID|BYTES|BLOCKS|COUNT|(?:MAX)?SIZE)(?:_[KMG]B|\([A-Z%]+\))?\Z|[\w$]+#\Z"
    r"|(?:COUNT|SUM|AVG)\(.*\)\Z"
)
_DATE_NAME = re.compile(r"(?:\w+_)?DATE\Z")
_DATE = re.compile(r"(?=.*[0-9]).{6}")
_GROUPS = re.compile(r"\S+(?: \S+)*")
_WORDS = re.compile(r"\S+")

_Cut = Tuple[List[str], bool]
# A line in the form in which it was cut, and its cells.
_Formed = Tuple[str, List[str]]


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


def _contradicts(texts: Sequence[str], fold: Fold) -> bool:
    """Tell whether a value cannot be one of its column. Dates count only where blanks are known to be lost: an
    ``EXPIRE_DATE`` may well be "unlimited".
    """
    for text, numeric in zip(texts, fold.numeric):
        if numeric and text and not _NUMBER.match(text):
            return True
    return fold.stripped and any(dated and text and not _DATE.match(text) for text, dated in zip(texts, fold.dated))


def _ends_right(cell: str, span: Span) -> bool:
    """Tell whether a cell is a number at the right edge of its column."""
    full = len(cell) == span.end - span.start and cell[-1] not in " \t"
    return full and _NUMBER.match(_clean(cell)) is not None


def _firm(cut: Sequence[str], fold: Fold) -> bool:
    """Tell whether text stands at the left edge of its column and each number of a number column at the right one."""
    for cell, span, numeric in zip(cut, fold.spans, fold.numeric):
        if not cell.strip(" \t"):
            continue
        if not _ends_right(cell, span) and (numeric or cell[0] in " \t"):
            return False
    return True


def _moved(line: str, fold: Fold) -> Iterator[List[str]]:
    """Cut a line that has lost blanks at its start: move it right, until what stands first is at an edge."""
    spans = fold.spans
    group = _GROUPS.search(line)
    if group is None:
        return
    lead = group.start()
    ends = {group.end(), lead + len(group.group().split(" ", 1)[0])}
    places = {span.start - lead for span in spans} | {span.end - end for span in spans for end in ends}
    # Nothing may stand behind the last column.
    most = min(spans[-1].end - len(line), _LONGEST_SHIFT)
    for distance in sorted(places):
        if 0 < distance <= most:
            cut = _cut(" " * distance + line, spans)
            if cut is not None and _plausible(cut, fold.right) and _at_edges(cut, spans[:1]):
                yield cut


def _shifted(line: str, fold: Fold) -> Optional[_Cut]:
    """Cut a line that has lost blanks at its start so that as many columns as possible have a value, each at an edge.

    Not certain if that can be done in two ways, or not without text at the right edge or a value that contradicts its
    column.
    """
    ranked = []
    for cut in _moved(line, fold):
        texts = [_clean(cell) for cell in cut]
        firm = _firm(cut, fold)
        # A number at the end of the first column is right, even if more blanks are lost further on.
        led = fold.right[0] and _ends_right(cut[0], fold.spans[0])
        if firm or led or _at_edges(cut, fold.spans):
            sound = (firm or led) and not _contradicts(texts, fold)
            ranked.append(((sound, not _holds_gap(cut), firm, _filled(texts)), texts, cut))
    if not ranked:
        return None
    best = max(rank for rank, _texts, _moved_cut in ranked)
    found = [(texts, cut) for rank, texts, cut in ranked if rank == best]
    return found[0][1], best[0] and all(texts == found[0][0] for texts, _moved_cut in found)


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
            if "  " in stripped or len(stripped) > span.end - span.start:
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
    for pattern in (_GROUPS, _WORDS):
        words = list(pattern.finditer(line))
        if len(words) == len(spans):
            near = all(
                word.start() <= span.end + _DRIFT
                and word.end() >= span.start - _DRIFT
                and len(word.group()) <= span.end - span.start
                for word, span in zip(words, spans)
            )
            return [word.group() for word in words], near
    return None


def _by_kind(line: str, fold: Fold) -> Optional[List[str]]:
    """Match single words to columns in order where that can be done in one way: each number column gets a number, and
    no two columns of text stand side by side, between which a word could move.
    """
    words = line.split()
    if len(words) != len(fold.spans) or not any(fold.numeric):
        return None
    if any(not left and not right for left, right in zip(fold.numeric, fold.numeric[1:])):
        return None
    return None if _contradicts(words, fold) else words


def _by_place(line: str, spans: Sequence[Span]) -> Optional[List[str]]:
    """Give each group of words to the column it overlaps most; None if two of them would meet in one column."""
    cells = ["" for _span in spans]
    for match in _GROUPS.finditer(line):
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
    if drifted is None:
        return shifted
    texts = [_clean(cell) for cell in drifted]
    if shifted is not None and [_clean(cell) for cell in shifted[0]] != texts:
        return drifted, False
    # Prose has a blank near any gap.
    prose = not fold.spaced_rows and _is_bare(line, fold.spans) and any(" " in text for text in texts)
    return drifted, not prose and not _contradicts(texts, fold)


def _best_form(cuts: Sequence[_Formed], fold: Fold) -> Tuple[_Formed, bool]:
    """Choose between the cuts of a line of which it is not known how wide its characters count.

    One that leaves two values in a column, with the gap between them, comes last, and text at the right edge before
    it. Of the others that differ, one is certain if it gives the most columns a value and has the most numbers at the
    right edge of number columns.
    """
    if len(cuts) == 1:
        return cuts[0], True
    whole = [formed for formed in cuts if not _holds_gap(formed[1])] or list(cuts)
    whole = [formed for formed in whole if _firm(formed[1], fold)] or whole
    ends = [
        sum(numeric and _ends_right(cell, span) for cell, span, numeric in zip(cut, fold.spans, fold.numeric))
        for _form, cut in whole
    ]
    filled = [_filled(cut) for _form, cut in whole]
    best = filled.index(max(filled))
    texts = [[_clean(cell) for cell in cut] for _form, cut in whole]
    certain = all(
        found == texts[best] or (number < filled[best] and end < ends[best])
        for found, number, end in zip(texts, filled, ends)
    )
    return whole[best], certain


def _filled(cells: Sequence[str]) -> int:
    return sum(1 for cell in cells if _clean(cell))


def _is_bare(line: str, spans: Sequence[Span]) -> bool:
    """Tell whether a line holds several words, but no two blanks in a row: so looks one whose runs of blanks became
    one."""
    return " " in line.strip(" \t") and "  " not in line[spans[0].start :]


def _stray_gap(cut: Sequence[str], fold: Fold) -> Tuple[bool, bool]:
    """Tell whether a value with a wide gap in it stands beside an empty column, or beside a value at no edge; and
    whether the part behind or before the gap is where a value of that column would be, but for a few blanks.
    """
    found = astray = False
    for index, cell in enumerate(cut):
        parts = list(_GROUPS.finditer(cell)) if "  " in _clean(cell) else []
        for beside, part in zip((index - 1, index + 1), parts[:1] + parts[-1:]):
            if not 0 <= beside < len(cut):
                continue
            goal = fold.spans[beside]
            if _clean(cut[beside]) and _at_edges([cut[beside]], [goal]):
                continue
            found = True
            start, end = (place + fold.spans[index].start for place in part.span())
            number = _NUMBER.match(part.group()) is not None
            if (beside > index and goal.start - start <= _DRIFT) or (number and abs(goal.end - end) <= _DRIFT):
                astray = True
    return found, astray


def _weighed(cut: List[str], line: str, fold: Fold) -> _Cut:
    """Doubt a cut that fits: where a column is empty, what stands beside it may be its value.

    :returns: the cut, or the only other reading where this one is not sensible; and whether it is certain.
    """
    texts = [_clean(cell) for cell in cut]
    loose = not _firm(cut, fold)
    if "" not in texts and not loose:
        return cut, True
    # A name can mislead: where every column has a value, one word of text is a value of a NUMBER, too.
    open_to_doubt = "" in texts or any(" " in text for text, numeric in zip(texts, fold.numeric) if numeric)
    wrong = open_to_doubt and _contradicts(texts, fold)
    intact = fold.aligned and fold.spaced
    # Where runs of blanks became one, two values stand in one column, and the empty one beside it is not empty.
    if "" in texts and _is_bare(line, fold.spans):
        words = None if fold.spaced_rows else _by_kind(line, fold)
        if words is not None:
            # With the blanks of the heading in their place, the rows may be as they were printed.
            return (cut, False) if intact and not wrong else (words, True)
        if not intact and not wrong:
            return cut, False
    gap, astray = _stray_gap(cut, fold)
    # "5 x" at the start can be two values: a number ends where its column ends, beside which the next one begins.
    led = " " in texts[0] and _NUMBER.match(texts[0].split(" ", 1)[0]) is not None
    if wrong or gap or loose or fold.stripped or led:
        moved = _elsewhere(cut, line, fold, not (wrong or gap or loose))
        if moved is not None:
            return moved[0], moved[1] and (intact or "" not in moved[0] or not _is_bare(line, fold.spans))
    return cut, not wrong and not (gap and (astray or not intact))


def _elsewhere(cut: List[str], line: str, fold: Fold, sensible: bool) -> Optional[_Cut]:
    """Decide between a cut that fits and those further to the right, for a line that may have lost its first blanks.

    :arg sensible: nothing but the lost blanks of other lines speaks against the cut. :returns: None if nothing speaks
        for another one.
    """
    texts = [_clean(cell) for cell in cut]
    moved = [[_clean(cell) for cell in found] for found in _moved(line, fold) if _firm(found, fold)]
    others = [found for found in moved if not ("" in found and _holds_gap(found)) and not _contradicts(found, fold)]
    if not any(found != texts for found in others):
        return None
    most = max(map(_filled, others))
    if fold.indented or line[:1] in " \t":
        # Other lines of the copy still have their first blanks.
        return None if sensible else (cut, False)
    if sensible and not fold.stripped:
        return None if most <= _filled(texts) else (cut, False)
    # A line that is wrong as it stands proves that it has lost something, but one value alone could go anywhere.
    if most == 1 and not fold.stripped:
        return cut, False
    best = [found for found in others + ([texts] if sensible else []) if _filled(found) == most]
    return (best[0], True) if best and all(found == best[0] for found in best) else (cut, False)


def _cut_somehow(line: str, fold: Fold) -> _Cut:
    spans = fold.spans
    forms = _expanded(line)
    cuts: List[_Formed] = []
    for form in forms:
        cut = _cut(form, spans)
        if cut is None or not _plausible(cut, fold.right):
            continue
        # Where width or blanks are in doubt, a cut counts only if it puts every value at an edge.
        if (len(forms) == 1 and fold.aligned) or _at_edges(cut, spans):
            cuts.append((form, cut))
    if cuts:
        (form, cut), certain = _best_form(cuts, fold)
        return _weighed(cut, form, fold) if certain else (cut, False)
    words = _by_kind(line, fold) if not fold.spaced_rows and _is_bare(line, spans) else None
    if words is not None:
        return words, True
    mended = [_repaired(form, fold) for form in forms] if len(line) <= _LONGEST_LINE else []
    found = [repaired for repaired in mended if repaired is not None]
    if found:
        texts = [[_clean(cell) for cell in cells] for cells, _certain in found]
        agreed = found[0][1] and all(other == texts[0] for other in texts)
        bare = "" in texts[0] and _is_bare(line, spans)
        return found[0][0], agreed and not (bare and not (fold.aligned and fold.spaced_rows))
    matched = _by_words(line, spans)
    if matched is not None:
        return matched[0], matched[1] and not _contradicts(matched[0], fold)
    placed = _by_place(line, spans)
    return (placed if placed is not None else [line] + ["" for _span in spans[1:]]), False


def cells_of(line: str, fold: Fold) -> Tuple[List[Optional[str]], bool]:
    """Return the values of one line of a row, and whether they are certain. A table of one column has nothing to
    cut."""
    if len(fold.spans) == 1:
        return [line.strip(" \t") or None], True
    cut, certain = _cut_somehow(line.rstrip(" \t"), fold)
    return [_clean(cell) or None for cell in cut], certain


def fits(line: str, fold: Fold) -> bool:
    """Tell whether a line, as it stands, can be one of a row: it is cut without a remainder, each value at an edge."""
    cuts = [_cut(form, fold.spans) for form in _expanded(line.rstrip(" \t"))]
    return any(cut is not None and _plausible(cut, fold.right) and _at_edges(cut, fold.spans) for cut in cuts)


def may_continue(before: Sequence[Optional[str]], cells: Sequence[Optional[str]], fold: Fold) -> bool:
    """Tell whether a row can be the rest of a wrapped value: it has one value only, and above it one fills its
    column."""
    filled = [index for index, cell in enumerate(cells) if cell is not None]
    if len(cells) == 1 or len(filled) != 1 or fold.right[filled[0]]:
        return False
    span = fold.spans[filled[0]]
    above = before[filled[0]] or ""
    return any(len(form) >= span.end - span.start for form in _expanded(above))


def _heading_cut(heading: str, spans: Sequence[Span]) -> Tuple[Optional[List[str]], int]:
    """Cut a heading line so that every column has a heading at an edge of its dashes.

    :returns: the cut, or None; and by how many blanks at its start, which the copy has lost, the line was moved.
    """
    room = min(spans[-1].end - len(heading.strip(" \t")), _LONGEST_SHIFT)
    for distance in range(max(room, 0) + 1):
        for form in _expanded(heading):
            cut = _cut(" " * distance + form, spans)
            if cut is not None and all(map(_clean, cut)) and _at_edges(cut, spans):
                return cut, distance
    return None, 0


def fold_of(heading: str, dashes: str) -> Fold:
    """Return places and names of the columns. A name is "" if the heading has lost it."""
    spans = tuple([Span(match.start(), match.end()) for match in re.finditer("-+", dashes)])
    unknown = tuple([False for _span in spans])
    indented = _is_indented(heading, spans)
    spaced = "  " in heading[spans[0].start :].rstrip(" \t")
    if len(spans) == 1:
        return Fold(
            spans, (heading.strip(" \t"),), unknown, numeric=unknown, dated=unknown, indented=indented, spaced=spaced
        )
    cut, distance = _heading_cut(heading, spans)
    if cut is not None:
        names = [_clean(cell) for cell in cut]
        left = [cell[0] not in " \t" and len(_clean(cell)) < span.end - span.start for cell, span in zip(cut, spans)]
        right = [cell[0] in " \t" for cell in cut]
    else:
        cells, _certain = _cut_somehow(heading.rstrip(" \t"), Fold(spans, (), unknown, numeric=unknown))
        names = [_clean(cell) for cell in cells]
        if "" in names:
            words = _by_words(heading, spans)
            names = words[0] if words is not None else names
        left = list(unknown)
        right = [
            len(name) < span.end - span.start
            and heading[: span.end].endswith(name)
            and heading[span.start : span.start + 1] == " "
            for name, span in zip(names, spans)
        ]
    if names[0] and heading.startswith(" ") and len(names[0]) < spans[0].end - spans[0].start and spans[0].start == 0:
        # A number column is the only one whose heading does not start at the left edge.
        right[0] = True
    numeric = [
        is_right or (not is_left and _NUMBER_NAME.match(name) is not None)
        for name, is_left, is_right in zip(names, left, right)
    ]
    if distance > 0 and not spaced:
        # Where runs of blanks became one, the heading could have been moved to the right edge by mistake.
        numeric[0] = _NUMBER_NAME.match(names[0]) is not None
    return Fold(
        spans,
        tuple(names),
        tuple(right),
        aligned=cut is not None,
        numeric=tuple(numeric),
        dated=tuple([_DATE_NAME.match(name) is not None for name in names]),
        stripped=distance > 0 and not indented,
        indented=indented,
        spaced=spaced,
    )


def _is_indented(line: str, spans: Sequence[Span]) -> bool:
    """Tell whether a line has a blank where the first column begins."""
    return bool(line) and not line[: spans[0].start + 1].strip(" \t")


def settled(folds: Sequence[Fold], rows: Sequence[str]) -> List[Fold]:
    """Return the folds with what all lines of their table tell about the copy: a copy that has lost blanks in one line
    has lost them elsewhere, too.
    """
    lines = [line for line in rows if line.strip(" \t")]
    indented = any(fold.indented for fold in folds) or any(_is_indented(line, folds[0].spans) for line in lines)
    spaced_rows = any("  " in line[folds[0].spans[0].start :].rstrip(" \t") for line in lines)
    aligned = all(fold.aligned for fold in folds)
    stripped = any(fold.stripped for fold in folds) and not indented
    spaced = spaced_rows or any(fold.spaced for fold in folds)
    return [
        fold._replace(aligned=aligned, stripped=stripped, indented=indented, spaced=spaced, spaced_rows=spaced_rows)
        for fold in folds
    ]
