# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Values between marks, so that prompts, banners, echoes and folding can never be mistaken for data.

Public API
    select_marked(tag, columns, source, where="", order_by="", group_by="") -> str     the SELECT, several short lines, ends with ";"
    read_marked(text, tag, columns) -> list of dict                       its rows: column -> str or None (NULL)
    literal(text) -> str                                                  a quoted SQL text
    SETTINGS                                                              the SET lines to run first, one statement a
                                                                          line
    cells(text) -> tuple of str                                           plain ``<<...>>`` values of hand-written
                                                                          statements

The scheme. A row is printed as ``<<tag|field|field>>``. A field is ``-`` for NULL or ``=`` and the value, in which
blank, tab, line feed, carriage return, ``%``, ``|``, ``<`` and ``>`` are written as ``%`` and two hexadecimal digits.
So no value can hold a mark, a separator or white space, and every blank or line end between the marks comes from
folding and is dropped. A row whose closing mark was cut off, or that has another number of fields, raises. The
statement itself never contains ``<<`` or ``>>`` (they are concatenated), so its echo is no row. Only TO_CHAR,
REPLACE, CHR, CASE and ``||`` are used. The idiom with marks is recorded (H); the escapes are ordinary SQL that was
never run on a real server by us (L). ``&`` is avoided because tbsql could take it for a substitution variable.
"""

import re
from typing import Dict, List, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.lines import decode, encode

#: One setting a line; all five are recorded on 7.2 (H) except TRIMOUT (UTIL, H).
SETTINGS = ("SET HEADING OFF", "SET FEEDBACK OFF", "SET PAGESIZE 0", "SET LINESIZE 200", "SET TRIMOUT ON")

_TAG = re.compile(r"[a-z][a-z0-9_]{0,30}\Z")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$#]{0,127}\Z")
_SOURCE = re.compile(r"[A-Za-z_][A-Za-z0-9_$#]*(?:\.[A-Za-z_][A-Za-z0-9_$#]*)?\Z")
# Percent first: it must not escape the escapes of the others.
_ESCAPES: Tuple[Tuple[str, str, str], ...] = (
    ("%", "'%'", "%25"),
    ("|", "'|'", "%7C"),
    ("<", "'<'", "%3C"),
    (">", "'>'", "%3E"),
    (" ", "' '", "%20"),
    ("\t", "CHR(9)", "%09"),
    ("\n", "CHR(10)", "%0A"),
    ("\r", "CHR(13)", "%0D"),
)
_DECODED = {code: character for character, _sql, code in _ESCAPES}
_ESCAPE = re.compile("%(?:25|7C|3C|3E|20|09|0A|0D)")
_FOLDING = re.compile("[ \t\r\n]+")


def literal(text: str) -> str:
    """Return a text as an SQL literal. :raises GrammarError: if it holds a line break or another control character."""
    for character in text:
        if ord(character) < 32 or ord(character) == 127:
            raise GrammarError("SQL text", text, "a text without line breaks and control characters")
    return "'%s'" % text.replace("'", "''")


def _field(expression: str) -> str:
    """Return the SQL of one field.

    Long statements are broken into lines, because the line length of tbsql is unknown.
    """
    value = "TO_CHAR(%s)" % expression
    for _character, sql, code in _ESCAPES:
        value = "REPLACE(%s,%s,'%s')" % (value, sql, code)
    return "CASE WHEN %s IS NULL THEN '-' ELSE '='\n||%s END" % (expression, value)


def _column(column: object) -> Tuple[str, str]:
    if isinstance(column, str):
        return column, column
    if isinstance(column, tuple) and len(column) == 2:
        return str(column[0]), str(column[1])
    raise GrammarError("marked column", repr(column), "a column name, or a pair of name and SQL expression")


def select_marked(
    tag: str, columns: Sequence[object], source: str, where: str = "", order_by: str = "", group_by: str = ""
) -> str:
    """Return a SELECT that prints each row between marks.

    :arg tag: names the statement, so that several can share one run: lower-case letters, digits, underscores.
    :arg columns: column names, or (name, SQL expression) pairs, e.g. ``("STARTED", "TO_CHAR(STARTUP_TIME,'YYYY/MM/DD
        HH24:MI:SS')")``.
    :arg source: a table or view, e.g. ``V$INSTANCE``.
    :arg where, order_by, group_by: SQL of the clauses without their keywords; values go through literal().
    :raises GrammarError: if a name or the tag is not safe, or no column is given. An expression is the caller's own
        SQL.
    """
    _check_tag(tag)
    if not columns:
        raise GrammarError("marked columns", "none", "at least one column")
    if not _SOURCE.match(source):
        raise GrammarError("view name", source, "letters, digits and _ $ #, with at most one dot")
    fields: List[str] = []
    for column in columns:
        name, expression = _column(column)
        if not _NAME.match(name):
            raise GrammarError("column name", name, "letters, digits and _ $ #")
        fields.append(_field(expression))
    sql = "SELECT '<'||'<%s|'||\n%s||\n'>'||'>'\nFROM %s" % (tag, "||'|'||\n".join(fields), source)
    if where:
        sql += "\nWHERE " + where
    if group_by:
        sql += "\nGROUP BY " + group_by
    if order_by:
        sql += "\nORDER BY " + order_by
    return sql + ";"


def _check_tag(tag: str) -> None:
    if not _TAG.match(tag):
        raise GrammarError("tag", tag, "lower-case letters, digits and underscores, e.g. inst")


def _names(columns: Sequence[object]) -> List[str]:
    return [_column(column)[0] for column in columns]


def read_marked(text: str, tag: str, columns: Sequence[object]) -> List[Dict[str, Optional[str]]]:
    """Return the rows that select_marked() with the same tag and columns has printed; [] if there are none.

    No rows is an answer only if the run had no error: look at tbsql.find_errors() first.

    :raises GrammarError: if a row is cut off, has another number of fields, or an unknown escape.
    """
    _check_tag(tag)
    names = _names(columns)
    rows: List[Dict[str, Optional[str]]] = []
    start = re.compile(r"<%s<%s%s%s\|" % (_GAP, _GAP, _GAP.join(tag), _GAP))
    position = 0
    while True:
        match = start.search(text, position)
        if match is None:
            return rows
        end = text.find(">", match.end())
        line = text.count("\n", 0, match.start()) + 1 if end < 0 else 0
        if end < 0 or _CLOSE.match(text, end) is None:
            shown = text[match.start() : match.start() + 60]
            raise GrammarError("marked row %r" % tag, shown, "a closing mark >>; the output was cut off", line or None)
        body = _FOLDING.sub("", text[match.end() : end])
        rows.append(_row(tag, body, names))
        position = end


_GAP = "[ \t\r\n]{0,4096}"
_CLOSE = re.compile(">" + _GAP + ">")


def _row(tag: str, body: str, names: Sequence[str]) -> Dict[str, Optional[str]]:
    if "<" in body:
        raise GrammarError(
            "marked row %r" % tag, body, "a closing mark before the next opening one; the output was cut off"
        )
    fields = body.split("|")
    if len(fields) != len(names):
        raise GrammarError("marked row %r" % tag, body, "%d fields (%s)" % (len(names), ", ".join(names)))
    row: Dict[str, Optional[str]] = {}
    for name, field in zip(names, fields):
        row[name] = _value(tag, name, field)
    return row


def _value(tag: str, name: str, field: str) -> Optional[str]:
    if field == "-":
        return None
    if not field.startswith("="):
        raise GrammarError("marked row %r, column %s" % (tag, name), field, "- for NULL or = and a value")
    encoded = field[1:]
    if len(_ESCAPE.findall(encoded)) != encoded.count("%"):
        raise GrammarError("marked row %r, column %s" % (tag, name), field, "only the escapes of this scheme after %")
    # tbsql folds at LINESIZE bytes and may have cut a character in two: with the line end gone its halves join again.
    return decode(encode(_ESCAPE.sub(lambda found: _DECODED[found.group()], encoded)))


def print_marked(tag: str, values: Sequence[Optional[str]]) -> str:
    """Return what the server prints for a row: the scheme from the other side, for stand-ins and tests."""
    _check_tag(tag)
    fields: List[str] = []
    for value in values:
        if value is None:
            fields.append("-")
            continue
        encoded = value
        for character, _sql, code in _ESCAPES:
            encoded = encoded.replace(character, code)
        fields.append("=" + encoded)
    return "<<%s|%s>>" % (tag, "|".join(fields))


def cells(text: str) -> Tuple[str, ...]:
    """Return the values of a hand-written ``'<<' || x || '>>'`` (H idiom), one for each line with marks.

    A value reaches from the first ``<<`` of its line to the last ``>>``, so it may hold ``>>`` itself, but there must
    be one cell a line and LINESIZE must be wide enough. A line that echoes the statement (the marks stand in quotes
    there) is no value.
    """
    found: List[str] = []
    for line in text.split("\n"):
        start = line.find("<<")
        end = line.rfind(">>")
        if start >= 0 and start + 2 <= end and not ("'<<" in line and ">>'" in line and "||" in line):
            found.append(line[start + 2 : end])
    return tuple(found)
