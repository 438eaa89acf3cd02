# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How tbsql lays out a result: pure functions from columns and rows to text.

Recorded (t6-tbsql-v_database, t7-tbsql-v_instance, t6-tbsql-table-alignment, t7-tbsql-begin-end-backup-v_backup):
numbers right and text left, heading included; dashes as wide as the column; a number is at least NUMWIDTH wide; a
column never wider than LINESIZE; columns that do not fit into LINESIZE go on further heading and value lines, and then
an empty line follows each row; trailing blanks of value lines are dropped.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

NUMBER_TYPES = ("NUMBER", "BINARY_FLOAT", "BINARY_DOUBLE", "INTEGER", "FLOAT")
DEFAULT_DATE_WIDTH = {"6": 32, "7": 64}


class Options(NamedTuple):
    """The SET variables that touch the layout. formats: upper-case column name -> ColumnFormat."""

    linesize: int = 80
    pagesize: int = 24
    newpage: int = 1
    numwidth: int = 10
    heading: bool = True
    wrap: bool = True
    colsep: str = " "
    underline: str = "-"
    pad_headings: bool = False
    formats: Mapping[str, ColumnFormat] = {}
    version: str = "7"


class ColumnFormat(NamedTuple):
    """What COLUMN says of one name: width of A<n>, number mask, heading, hidden."""

    width: int = 0
    mask: str = ""
    heading: str | None = None
    hidden: bool = False


class Cell(NamedTuple):
    """One laid-out column: heading, width, right-aligned, mask."""

    heading: str
    width: int
    right: bool
    mask: str


def display_width(text: str) -> int:
    """Screen columns of a text: wide East Asian characters count twice."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def pad(text: str, width: int, right: bool) -> str:
    """Fill with blanks to `width` screen columns."""
    blanks = " " * max(0, width - display_width(text))
    return blanks + text if right else text + blanks


def pieces(text: str, width: int) -> list[str]:
    """Cut a text into parts of at most `width` screen columns, at line ends first."""
    if len(text) <= width and text.isascii() and "\n" not in text:
        return [text]
    parts: list[str] = []
    for line in text.split("\n"):
        current, used = "", 0
        for character in line:
            size = display_width(character)
            if used + size > width:
                parts.append(current)
                current, used = "", 0
            current += character
            used += size
        parts.append(current)
    return parts


def apply_mask(text: str, mask: str) -> str:
    """A number under a mask such as 999,990.99; "####" when it does not fit."""
    whole_mask, _, fraction_mask = mask.partition(".")
    try:
        number = f"{float(text):.{len(fraction_mask)}f}" if "." in text or fraction_mask else str(int(text))
    except ValueError:
        return text
    whole, _, fraction = number.partition(".")
    if "," in whole_mask:
        sign = "-" if whole.startswith("-") else ""
        whole = f"{sign}{int(whole.lstrip('-')):,}"
    if len(whole.lstrip("-")) > len(whole_mask):
        return "#" * (len(mask) + 1)
    return f"{whole}.{fraction}" if fraction_mask else whole


def cells(columns: Sequence[Mapping[str, Any]], options: Options) -> list[Cell | None]:
    """One Cell a column; None for one that COLUMN ... NOPRINT hides."""
    found: list[Cell | None] = []
    for column in columns:
        name = str(column["name"])
        form = options.formats.get(name.upper(), ColumnFormat())
        if form.hidden:
            found.append(None)
            continue
        kind = str(column.get("type") or "VARCHAR").upper()
        heading = form.heading if form.heading is not None else name
        right = kind.split("(")[0] in NUMBER_TYPES
        if form.width:
            width = form.width
        elif form.mask:
            width = max(len(form.mask) + 1, len(heading))
        elif right:
            width = max(options.numwidth, len(heading))
        else:
            given = int(column.get("width") or 0)
            if not given and kind.startswith(("DATE", "TIMESTAMP")):
                given = DEFAULT_DATE_WIDTH[options.version]
            width = max(given, display_width(heading), 1)
        found.append(Cell(heading, min(width, options.linesize), right, form.mask))
    return found


def fold(cells_shown: Sequence[Cell], linesize: int, separator: int) -> list[list[int]]:
    """Indices of the columns on each physical line."""
    lines: list[list[int]] = []
    used = 0
    for index, cell in enumerate(cells_shown):
        if lines and used + separator + cell.width <= linesize:
            lines[-1].append(index)
            used += separator + cell.width
        else:
            lines.append([index])
            used = cell.width
    return lines


def heading_lines(shown: Sequence[Cell], folded: Sequence[Sequence[int]], options: Options) -> list[str]:
    """Names and dashes of every physical line."""
    lines = []
    for indices in folded:
        names = options.colsep.join(
            pad("".join(pieces(shown[index].heading, shown[index].width)[:1]), shown[index].width, shown[index].right)
            for index in indices
        )
        lines.append(names if options.pad_headings else names.rstrip())
        lines.append(options.colsep.join(options.underline * shown[index].width for index in indices))
    return lines


def cell_lines(value: str | None, cell: Cell, wrap: bool) -> list[str]:
    """The text of one value on one or more lines of its column."""
    if value is None:
        return [""]
    if cell.right:
        text = apply_mask(value, cell.mask) if cell.mask else value
        return [text if len(text) <= cell.width else "#" * cell.width]
    parts = pieces(value, cell.width)
    return parts if wrap else parts[:1]


def row_lines(
    row: Sequence[str | None], shown: Sequence[Cell], folded: Sequence[Sequence[int]], options: Options
) -> tuple[list[str], bool]:
    """The lines of one row, and whether it took more than one."""
    lines: list[str] = []
    for indices in folded:
        texts = [cell_lines(row[index], shown[index], options.wrap) for index in indices]
        for depth in range(max(len(text) for text in texts)):
            line = options.colsep.join(
                pad(text[depth] if depth < len(text) else "", shown[index].width, shown[index].right)
                for index, text in zip(indices, texts, strict=True)
            )
            lines.append(line.rstrip())
    return lines, len(lines) > 1


def table(columns: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[Any]], options: Options) -> Iterator[str]:
    """The lines of a result with at least one row, page by page, without newlines and without the feedback line.

    PAGESIZE 0 gives neither headings nor empty lines between pages.
    """
    all_cells = cells(columns, options)
    keep = [index for index, cell in enumerate(all_cells) if cell is not None]
    shown = [cell for cell in all_cells if cell is not None]
    if not shown:
        return
    folded = fold(shown, options.linesize, len(options.colsep))
    head = heading_lines(shown, folded, options) if options.heading and options.pagesize else []
    used = 0
    for row in rows:
        values = [None if row[index] is None else str(row[index]) for index in keep]
        lines, several = row_lines(values, shown, folded, options)
        if several:
            lines.append("")
        if options.pagesize and (used == 0 or used + len(lines) > options.pagesize):
            yield from [""] * options.newpage
            yield from head
            used = options.newpage + len(head)
        yield from lines
        used += len(lines)


def feedback(count: int) -> str:
    """ "0 row selected.", "1 row selected.", "2 rows selected." (recorded)."""
    return f"{count} row selected." if count < 2 else f"{count} rows selected."
