# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tibero's SQL to sqlite's, with the types of the result.

Two passes: the tokens (functions and pseudo-columns get names of our own, so that the parser does not reinterpret
them), then the tree (tables to their inner names, ROWNUM, CONNECT BY LEVEL, date arithmetic, NULL-safe
concatenation). sqlglot is loaded on first use: plain statements never need it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tibero_emulator.server.catalog import DATE, NUMBER, TIMESTAMP, Column, Kind, Table
from tibero_emulator.server.errors import TbrError
from tibero_emulator.server.lexer import PUNCT, QUOTED, STRING, WORD, Token, split_commas, tokenize

if TYPE_CHECKING:
    from sqlglot import exp

FUNCTIONS = {
    name: f"TB_{name}"
    for name in [
        "TO_CHAR",
        "TO_NUMBER",
        "TO_DATE",
        "TO_TIMESTAMP",
        "ADD_MONTHS",
        "MONTHS_BETWEEN",
        "LAST_DAY",
        "TRUNC",
        "ROUND",
        "MOD",
        "INSTR",
        "SUBSTR",
        "LPAD",
        "RPAD",
        "DECODE",
        "ORA_HASH",
        "INITCAP",
        "TRANSLATE",
        "ASCII",
        "CHR",
        "SYS_GUID",
        "NVL2",
    ]
}
NO_ARGUMENTS = {"SYSDATE": "TB_SYSDATE()", "SYSTIMESTAMP": "TB_SYSTIMESTAMP()", "SYS_GUID": "TB_SYS_GUID()"}
DATE_FUNCTIONS = {"TB_SYSDATE", "TB_TO_DATE", "TB_ADD_MONTHS", "TB_LAST_DAY", "TB_DATE", "TB_DATE_ADD"}
NUMBER_FUNCTIONS = {
    "TB_TO_NUMBER",
    "TB_MOD",
    "TB_DIV",
    "TB_INSTR",
    "TB_MONTHS_BETWEEN",
    "TB_DATE_DIFF",
    "TB_ORA_HASH",
    "TB_ASCII",
    "TB_NEXTVAL",
    "TB_CURRVAL",
    "TB_RANDOM_VALUE",
    "CEIL",
    "FLOOR",
    "POWER",
    "SQRT",
}


@dataclass
class Translated:
    """What to run. columns: None when the types are to be taken from the values. views: names of V$ views it reads."""

    sql: str
    kind: str
    columns: list[Column] | None = None
    table: Table | None = None
    views: set[str] = field(default_factory=set)
    second: str | None = None
    locks: bool = False
    sequences: bool = False


class Context:
    """What a translation asks of the session.

    table(owner, name) -> Table of a user table, view or V$ view (raises TBR-8033); sequence(owner, name) -> inner
    key or None.
    """

    def __init__(
        self,
        table: Callable[[str | None, str], Table],
        sequence: Callable[[str | None, str], str | None],
        is_view: Callable[[Table], bool],
    ) -> None:
        self.table = table
        self.sequence = sequence
        self.is_view = is_view


def quote(name: str) -> str:
    """An identifier for the engine. Backticks, because sqlite takes an unknown name in double quotes for a string."""
    return "`" + name.replace("`", "``") + "`"


def _render(node: Any) -> str:
    """sqlite's text of a tree, identifiers in backticks."""
    text: str = node.sql(dialect=_backtick_dialect())
    return text


@functools.lru_cache(maxsize=1)
def _backtick_dialect() -> Any:
    from sqlglot.dialects import sqlite

    base: Any = sqlite.SQLite
    tokenizer = type("Tokenizer", (base.Tokenizer,), {"IDENTIFIERS": ["`"]})
    return type("Backtick", (base,), {"Tokenizer": tokenizer})


def _word_to(tokens: list[Token], index: int, context: Context) -> tuple[str, int] | None:
    """Replacement of the token at `index` and how many tokens it takes, or None to keep it."""
    token = tokens[index]
    word = token.upper
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    before = tokens[index - 1].text if index else ""
    opens = following is not None and following.text == "("
    if following is not None and following.text == "." and index + 2 < len(tokens):
        return _dotted(tokens, index, context)
    if before == ".":
        return None
    if opens and word in FUNCTIONS:
        return FUNCTIONS[word], 1
    if opens and word in ("SYS_CONTEXT", "USERENV"):
        return _context_call(tokens, index)
    if not opens and word in NO_ARGUMENTS:
        return NO_ARGUMENTS[word], 1
    if word == "USER" and not opens:
        return "TB_CONTEXT('SESSION_USER')", 1
    if word in ("DATE", "TIMESTAMP") and following is not None and following.kind == STRING:
        form = "YYYY-MM-DD" if word == "DATE" else "YYYY-MM-DD HH24:MI:SS.FF"
        return f"TB_TO_{word}({following.text}, '{form}')", 2
    return None


def _dotted(tokens: list[Token], index: int, context: Context) -> tuple[str, int] | None:
    """seq.NEXTVAL, owner.seq.CURRVAL, DBMS_RANDOM.VALUE."""
    names = [tokens[index]]
    position = index
    while position + 2 < len(tokens) and tokens[position + 1].text == "." and len(names) < 3:
        position += 2
        names.append(tokens[position])
    last = names[-1].upper
    if last in ("NEXTVAL", "CURRVAL") and len(names) >= 2:
        key = context.sequence(names[0].value if len(names) == 3 else None, names[-2].value)
        if key is None:
            raise TbrError(8033)
        return f"TB_{last}('{key}')", position - index + 1
    if names[0].upper == "DBMS_RANDOM" and last in ("VALUE", "STRING"):
        name = "TB_RANDOM_VALUE" if last == "VALUE" else "TB_RANDOM_STRING"
        called = position + 1 < len(tokens) and tokens[position + 1].text == "("
        return name + ("" if called else "()"), position - index + 1
    return None


def _context_call(tokens: list[Token], index: int) -> tuple[str, int]:
    """SYS_CONTEXT('USERENV', 'X') and USERENV('X')."""
    strings = []
    position = index + 2
    while position < len(tokens) and tokens[position].text != ")":
        if tokens[position].kind == STRING:
            strings.append(tokens[position].value)
        position += 1
    return f"TB_CONTEXT('{strings[-1].upper() if strings else ''}')", position - index + 1


def prepare(tokens: list[Token], context: Context) -> str:
    """First pass: the statement as text that sqlglot parses without changing our functions."""
    parts = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        change = _word_to(tokens, index, context) if token.kind == WORD else None
        if change is not None:
            parts.append(change[0])
            index += change[1]
            continue
        if token.kind == STRING and token.text == "''":
            parts.append("NULL")
        elif token.kind == WORD and ("$" in token.text or "#" in token.text):
            parts.append('"' + token.text.upper() + '"')
        else:
            parts.append(token.text)
        index += 1
    return " ".join(parts)


def headings(tokens: list[Token]) -> list[str]:
    """Heading of each item of the outermost select list, as Tibero prints an expression without alias."""
    index, depth = 0, 0
    while index < len(tokens) and not (tokens[index].upper == "SELECT" and depth == 0):
        depth += (tokens[index].text == "(") - (tokens[index].text == ")")
        index += 1
    index += 1
    if index < len(tokens) and tokens[index].upper in ("DISTINCT", "ALL", "UNIQUE"):
        index += 1
    start, depth = index, 0
    while index < len(tokens) and not (tokens[index].upper == "FROM" and depth == 0):
        depth += (tokens[index].text == "(") - (tokens[index].text == ")")
        index += 1
    return [_heading(part) for part in split_commas(tokens[start:index])]


def _heading(part: list[Token]) -> str:
    if not part:
        return ""
    last = part[-1]
    named = last.kind in (WORD, QUOTED) and len(part) > 1
    if named and part[-2].upper == "AS":
        return last.value
    if named and (part[-2].kind != PUNCT or part[-2].text == ")") and last.upper not in ("END", "NULL"):
        return last.value
    if last.kind in (WORD, QUOTED) and all(each.kind in (WORD, QUOTED) or each.text == "." for each in part):
        return last.value
    text = ""
    for token in part:
        piece = token.text if token.kind in (STRING, QUOTED) else token.text.upper()
        joins = text and (text[-1].isalnum() or text[-1] == "_") and (piece[0].isalnum() or piece[0] == "_")
        text += (" " if joins else "") + piece
    return text


class _Tree:
    """Second pass over sqlglot's tree."""

    def __init__(self, context: Context) -> None:
        from sqlglot import exp as expressions

        self.exp = expressions
        self.context = context
        self.views: set[str] = set()
        self.locks = False

    # ------------------------------------------------------------------ names
    def call(self, name: str, *arguments: Any) -> Any:
        return self.exp.Anonymous(this=name, expressions=list(arguments))

    def upper_identifiers(self, tree: exp.Expression) -> None:
        for identifier in tree.find_all(self.exp.Identifier):
            if not identifier.quoted:
                identifier.set("this", identifier.this.upper())
                identifier.set("quoted", True)

    def with_names(self, tree: exp.Expression) -> set[str]:
        return {cte.alias for cte in tree.find_all(self.exp.CTE)}

    def tables(self, tree: exp.Expression) -> None:
        """Every table to its inner name; remembers the columns of each source on the node."""
        exp = self.exp
        local = self.with_names(tree)
        for node in list(tree.find_all(exp.Table)):
            name, owner = node.name, node.db or None
            if not name or (owner is None and name in local):
                continue
            if name == "DUAL" and owner in (None, "SYS"):
                dual = exp.select(exp.alias_(exp.Literal.string("X"), "DUMMY", quoted=True)).subquery(
                    exp.to_identifier(node.alias or "DUAL", quoted=True)
                )
                node.replace(dual)
                continue
            table = self.context.table(owner, name)
            if self.context.is_view(table):
                self.views.add(table.name)
            alias = node.alias or name
            new = exp.Table(this=exp.to_identifier(table.sql_name, quoted=True))
            new.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
            new.meta["table"] = table
            node.replace(new)
        for column in tree.find_all(exp.Column):
            if column.args.get("db"):
                column.set("db", None)
                column.set("catalog", None)

    # ------------------------------------------------------------------ types
    def sources(self, select: exp.Expression) -> list[tuple[str, list[Column] | None]]:
        """(alias, columns) of the FROM clause."""
        exp = self.exp
        found: list[tuple[str, list[Column] | None]] = []
        start = select.args.get("from_") or select.args.get("from")
        nodes = [start.this] if start is not None else []
        if isinstance(select, exp.Update) and isinstance(select.parent, exp.When):
            merge = select.find_ancestor(exp.Merge)
            return [
                (each.alias_or_name, self.source_columns(each, select)) for each in (merge.this, merge.args["using"])
            ]
        nodes += [join.this for join in select.args.get("joins") or []]
        if isinstance(select, (exp.Update, exp.Delete)):
            nodes.append(select.this)
        for node in nodes:
            found.append((node.alias_or_name, self.source_columns(node, select)))
        return found

    def source_columns(self, node: exp.Expression, select: exp.Expression) -> list[Column] | None:
        exp = self.exp
        if isinstance(node, exp.Table):
            table = node.meta.get("table")
            if table is not None:
                columns: list[Column] = table.columns
                return columns
            top = select
            while top is not None:
                holder = top.args.get("with_") or top.args.get("with")
                for cte in holder.expressions if holder is not None else []:
                    if cte.alias == node.name:
                        return self.output(cte.this)
                top = top.parent
            return None
        if isinstance(node, exp.Subquery):
            return self.output(node.this)
        return None

    def output(self, query: exp.Expression) -> list[Column] | None:
        """Columns a query delivers; None when a star cannot be resolved."""
        exp = self.exp
        if isinstance(query, exp.Subquery):
            return self.output(query.this)
        if isinstance(query, exp.SetOperation):
            return self.output(query.this)
        if not isinstance(query, exp.Select):
            return None
        sources = self.sources(query)
        columns: list[Column] = []
        for item in query.expressions:
            star = item.is_star
            if star:
                wanted = item.table if isinstance(item, exp.Column) else ""
                for alias, have in sources:
                    if wanted and alias != wanted:
                        continue
                    if have is None:
                        return None
                    columns.extend(have)
                continue
            inner = item.this if isinstance(item, exp.Alias) else item
            columns.append(Column(item.alias_or_name or "", self.infer(inner, sources)))
        return columns

    def infer(self, node: Any, sources: list[tuple[str, list[Column] | None]]) -> Kind:
        """Type of an expression; VARCHAR of width 0 when nothing is known (the width then comes from the values)."""
        exp = self.exp
        if isinstance(node, (exp.Paren, exp.Neg, exp.Alias, exp.Min, exp.Max)):
            return self.infer(node.this, sources)
        if isinstance(node, exp.Column):
            return self._column_kind(node, sources)
        if isinstance(node, exp.Literal):
            return Kind("VARCHAR", len(node.this)) if node.is_string else NUMBER
        if isinstance(node, exp.Anonymous):
            return self._call_kind(node, sources)
        if isinstance(node, (exp.Count, exp.Sum, exp.Avg, exp.Length, exp.RowNumber, exp.Abs, exp.Sign, exp.Window)):
            inner = node.this if isinstance(node, exp.Window) else None
            return self.infer(inner, sources) if isinstance(inner, (exp.Min, exp.Max, exp.Lag, exp.Lead)) else NUMBER
        if isinstance(node, exp.Binary) and isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)):
            kinds = {self.infer(node.left, sources).name, self.infer(node.right, sources).name}
            dates = kinds & {"DATE", "TIMESTAMP"}
            return DATE if dates and not (isinstance(node, exp.Sub) and len(kinds) == 1) else NUMBER
        if isinstance(
            node, (exp.Coalesce, exp.Upper, exp.Lower, exp.Trim, exp.Nullif, exp.Greatest, exp.Least, exp.Lag, exp.Lead)
        ):
            return self.infer(node.this, sources)
        if isinstance(node, exp.Case):
            branches = [each.args["true"] for each in node.args.get("ifs", [])] + [node.args.get("default")]
            kinds_of = [
                self.infer(each, sources) for each in branches if each is not None and not isinstance(each, exp.Null)
            ]
            return kinds_of[0] if kinds_of else Kind("VARCHAR")
        if isinstance(node, exp.Subquery):
            inside = self.output(node.this)
            return inside[0].kind if inside else Kind("VARCHAR")
        if isinstance(node, exp.Cast):
            return _cast_kind(node.to.sql("oracle"))
        return Kind("VARCHAR")

    def _column_kind(self, node: Any, sources: list[tuple[str, list[Column] | None]]) -> Kind:
        if node.name in ("ROWNUM", "LEVEL"):
            return NUMBER
        for alias, columns in sources:
            if node.table and node.table != alias:
                continue
            for column in columns or []:
                if column.name == node.name:
                    return column.kind
        return Kind("VARCHAR")

    def _call_kind(self, node: Any, sources: list[tuple[str, list[Column] | None]]) -> Kind:
        name = str(node.this).upper()
        if name in DATE_FUNCTIONS:
            return DATE
        if name in ("TB_SYSTIMESTAMP", "TB_TO_TIMESTAMP", "TB_TIMESTAMP"):
            return TIMESTAMP
        if name in NUMBER_FUNCTIONS:
            return NUMBER
        if name in ("TB_TRUNC", "TB_ROUND"):
            kind = self.infer(node.expressions[0], sources)
            return DATE if kind.name in ("DATE", "TIMESTAMP") else NUMBER
        if name in ("TB_DECODE", "TB_NVL2") and len(node.expressions) > 2:
            return self.infer(node.expressions[2 if name == "TB_DECODE" else 1], sources)
        return Kind("VARCHAR")

    # ------------------------------------------------------------------ rewriting
    def rewrite(self, tree: exp.Expression) -> exp.Expression:
        exp = self.exp
        self.upper_identifiers(tree)
        self.tables(tree)
        for select in list(tree.find_all(exp.Select)):
            if select.args.get("locks"):
                self.locks = True
                select.set("locks", [])
            self.connect_by(select)
        for select in [*tree.find_all(exp.Select), *tree.find_all(exp.Update), *tree.find_all(exp.Delete)]:
            self.expressions(select)
        for select in list(tree.find_all(exp.Select)):
            self.rownum(select)
        return tree

    def connect_by(self, select: exp.Expression) -> None:
        """CONNECT BY LEVEL <= n over DUAL; anything hierarchical beyond that is refused."""
        exp = self.exp
        connect = select.args.get("connect")
        if connect is None:
            return
        condition = connect.args.get("connect")
        if (
            connect.args.get("start")
            or not isinstance(condition, (exp.LTE, exp.LT))
            or condition.this.name not in ("LEVEL", "ROWNUM")
        ):
            raise TbrError(590002, "CONNECT BY other than LEVEL <= n")
        operator = "<=" if isinstance(condition, exp.LTE) else "<"
        limit = _render(condition.expression)
        name = "LEVEL"
        text = (
            f'WITH RECURSIVE "L"("{name}") AS (SELECT 1 UNION ALL SELECT "{name}" + 1 FROM "L" '
            f'WHERE "{name}" + 1 {operator} ({limit})) SELECT "{name}", \'X\' AS "DUMMY" FROM "L"'
        )
        import sqlglot

        series = sqlglot.parse_one(text, read="sqlite")
        select.set("connect", None)
        key = "from_" if "from_" in select.args else "from"
        select.set(key, exp.From(this=series.subquery(exp.to_identifier("DUAL", quoted=True))))
        for column in list(select.find_all(exp.Column)) + list(select.find_all(exp.Pseudocolumn)):
            if column.name in ("ROWNUM", "LEVEL") and column.find_ancestor(exp.Select) is select:
                column.replace(exp.column(exp.to_identifier("LEVEL", quoted=True)))

    def expressions(self, scope: exp.Expression) -> None:
        """Operators whose meaning differs, innermost first, for the nodes that belong to this scope."""
        exp = self.exp
        sources = self.sources(scope)
        kinds = (exp.DPipe, exp.Div, exp.Add, exp.Sub, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)
        nodes = [n for n in scope.find_all(*kinds) if n.find_ancestor(exp.Select, exp.Update, exp.Delete) is scope]
        for node in reversed(nodes):
            if isinstance(node, exp.DPipe):
                self._concat(node, sources)
            elif isinstance(node, exp.Div):
                node.replace(self.call("TB_DIV", node.left.copy(), node.right.copy()))
            elif isinstance(node, (exp.Add, exp.Sub)):
                self._date_arithmetic(node, sources)
            else:
                self._date_comparison(node, sources)

    def _concat(self, node: Any, sources: list[tuple[str, list[Column] | None]]) -> None:
        exp = self.exp
        for key in ("this", "expression"):
            side = node.args[key]
            bare = side.unnest()
            if isinstance(bare, (exp.DPipe, exp.Literal)) and (isinstance(bare, exp.DPipe) or bare.is_string):
                continue
            kind = self.infer(side, sources)
            shown: Any = side.copy()
            if kind.name == "NUMBER":
                shown = self.call("TB_TEXT", shown)
            elif kind.name in ("DATE", "TIMESTAMP"):
                shown = self.call("TB_TO_CHAR", shown)
            node.set(key, exp.Coalesce(this=shown, expressions=[exp.Literal.string("")]))

    def _date_arithmetic(self, node: Any, sources: list[tuple[str, list[Column] | None]]) -> None:
        exp = self.exp
        left = self.infer(node.left, sources).name in ("DATE", "TIMESTAMP")
        right = self.infer(node.right, sources).name in ("DATE", "TIMESTAMP")
        first, second = node.left.copy(), node.right.copy()
        if isinstance(node, exp.Sub) and left and right:
            node.replace(self.call("TB_DATE_DIFF", first, second))
        elif isinstance(node, exp.Sub) and left:
            node.replace(self.call("TB_DATE_ADD", first, exp.Neg(this=exp.Paren(this=second))))
        elif isinstance(node, exp.Add) and (left or right):
            node.replace(self.call("TB_DATE_ADD", *((first, second) if left else (second, first))))

    def _date_comparison(self, node: Any, sources: list[tuple[str, list[Column] | None]]) -> None:
        """A date compared with text: the text is converted by the session's format."""
        keys = ("this", "low", "high") if isinstance(node, self.exp.Between) else ("this", "expression")
        sides = [
            (key, node.args[key], self.infer(node.args[key], sources).name)
            for key in keys
            if node.args.get(key) is not None
        ]
        wanted = next((kind for _key, _side, kind in sides if kind in ("DATE", "TIMESTAMP")), None)
        if wanted is None:
            return
        for key, side, kind in sides:
            if kind == "VARCHAR" and isinstance(side, self.exp.Literal):
                node.set(key, self.call(f"TB_{wanted}", side.copy()))

    def rownum(self, select: exp.Expression) -> None:
        """ROWNUM <= n in WHERE becomes a LIMIT below the ORDER BY; elsewhere a row number."""
        exp = self.exp
        where = select.args.get("where")
        limit: Any = None
        if where is not None:
            kept = []
            for part in _conjuncts(where.this, exp):
                value = self._rownum_limit(part)
                if value is None:
                    kept.append(part.copy())
                else:
                    limit = value
            if limit is not None:
                select.set("where", exp.Where(this=exp.and_(*kept)) if kept else None)
        marks = [
            c
            for c in select.find_all(exp.Column, exp.Pseudocolumn)
            if c.name == "ROWNUM" and c.find_ancestor(exp.Select) is select
        ]
        for mark in marks:
            mark.replace(exp.Window(this=exp.RowNumber()))
        if limit is None:
            return
        if select.args.get("order") or select.args.get("group") or any(i.find(exp.AggFunc) for i in select.expressions):
            self._limit_below(select, limit)
        else:
            select.set("limit", exp.Limit(expression=limit))

    def _rownum_limit(self, part: Any) -> Any:
        """The row limit that `ROWNUM < n`, `<= n` or `= 1` sets, or None."""
        exp = self.exp
        if not isinstance(part, (exp.LT, exp.LTE, exp.EQ)) or getattr(part.this, "name", "") != "ROWNUM":
            return None
        value = part.expression.copy()
        return (
            exp.Sub(this=exp.Paren(this=value), expression=exp.Literal.number(1)) if isinstance(part, exp.LT) else value
        )

    def _limit_below(self, select: Any, limit: Any) -> None:
        """Put the limit into a subquery of the single source, so that it applies before ordering and grouping."""
        exp = self.exp
        key = "from_" if "from_" in select.args else "from"
        start = select.args.get(key)
        if start is None or select.args.get("joins"):
            select.set("limit", exp.Limit(expression=limit))
            return
        inner = exp.select("*").from_(start.this.copy()).limit(limit)
        if select.args.get("where"):
            inner.set("where", select.args["where"].copy())
            select.set("where", None)
        select.set(key, exp.From(this=inner.subquery(exp.to_identifier(start.this.alias_or_name, quoted=True))))


def _conjuncts(node: Any, exp: Any) -> list[Any]:
    if isinstance(node, exp.And):
        return _conjuncts(node.left, exp) + _conjuncts(node.right, exp)
    return [node]


def _cast_kind(text: str) -> Kind:
    upper = text.upper()
    if upper.startswith(("VARCHAR", "CHAR", "NVARCHAR", "CLOB")):
        digits = "".join(ch for ch in upper if ch.isdigit() or ch in "(,")
        return Kind("VARCHAR", int(digits.split("(")[1].split(",")[0]) if "(" in digits and digits.split("(")[1] else 0)
    if upper.startswith("DATE"):
        return DATE
    if upper.startswith("TIMESTAMP"):
        return TIMESTAMP
    return NUMBER


def store(kind: Kind, name: str, text: str) -> str:
    """SQL that converts an expression to what the column stores."""
    literal = name.replace("'", "''")
    if kind.name == "NUMBER":
        return f"TB_COL_NUMBER({text}, {kind.precision}, {kind.scale}, '{literal}')"
    if kind.name == "DATE":
        return f"TB_DATE({text})"
    if kind.name == "TIMESTAMP":
        return f"TB_TIMESTAMP({text})"
    if kind.name == "CHAR":
        return f"TB_COL_CHAR({text}, {kind.width}, '{literal}')"
    return f"TB_COL_TEXT({text}, {kind.width}, '{literal}')"


def translate(sql: str, context: Context) -> Translated:
    """Translate one query or DML statement.

    Raises: TBR-8004 (syntax), 8033 (no such object), 8026 (no such column in a target list), 590002 (not supported
    here).
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    tokens = tokenize(sql)
    try:
        trees = sqlglot.parse(prepare(tokens, context), read="oracle")
    except SqlglotError as error:
        raise TbrError(8004) from error
    if len(trees) != 1 or trees[0] is None or isinstance(trees[0], exp.Command):
        raise TbrError(8004)
    tree: Any = trees[0]
    if isinstance(tree, exp.Insert) and tree.expression is None:
        raise TbrError(8004)
    builder = _Tree(context)
    if isinstance(tree, exp.Query):
        return _query(tree, builder, tokens)
    if isinstance(tree, exp.Insert):
        return _insert(tree, builder)
    if isinstance(tree, exp.Update):
        return _update(tree, builder)
    if isinstance(tree, exp.Delete):
        target = _target(tree.this, context)
        builder.rewrite(tree)
        return Translated(_render(tree), "DELETE", table=target, views=builder.views)
    if isinstance(tree, exp.Merge):
        return _merge(tree, builder)
    raise TbrError(8004)


def _query(tree: Any, builder: _Tree, tokens: list[Token]) -> Translated:
    for select in tree.find_all(builder.exp.Select):
        if any(getattr(column, "args", {}).get("join_mark") for column in select.find_all(builder.exp.Column)):
            from sqlglot.transforms import eliminate_join_marks

            tree = eliminate_join_marks(tree)
            break
    builder.upper_identifiers(tree)
    tree = builder.rewrite(tree)
    columns = builder.output(tree)
    names = headings(tokens)
    stars = any(name.endswith("*") and not name.endswith("(*)") for name in names)
    if columns is not None and not stars and len(names) == len(columns):
        columns = [Column(name, column.kind) for name, column in zip(names, columns, strict=True)]
    return Translated(_render(tree), "SELECT", columns, views=builder.views, locks=builder.locks)


def _target(node: Any, context: Context) -> Table:
    name = node.this if type(node).__name__ == "Schema" else node
    identifier = name.this
    owner = name.args.get("db")
    table = context.table(
        None if owner is None else (owner.name if owner.quoted else owner.name.upper()),
        identifier.name if identifier.quoted else identifier.name.upper(),
    )
    if context.is_view(table) or table.view_text is not None:
        raise TbrError(590002, "DML on a view")
    return table


def _insert(tree: Any, builder: _Tree) -> Translated:
    exp = builder.exp
    table = _target(tree.this, builder.context)
    given = (
        [each.name if each.quoted else each.name.upper() for each in tree.this.expressions]
        if isinstance(tree.this, exp.Schema)
        else []
    )
    names = given or [column.name for column in table.columns]
    columns = []
    for name in names:
        column = table.column(name)
        if column is None:
            raise TbrError(8026)
        columns.append(column)
    target = f"INSERT INTO {quote(table.sql_name)}({', '.join(quote(name) for name in names)})"
    source = tree.expression
    if isinstance(source, exp.Values):
        rows = []
        for row in source.expressions:
            values = row.expressions if isinstance(row, exp.Tuple) else [row]
            if len(values) != len(columns):
                raise TbrError(8004)
            holder = exp.select(*[value.copy() for value in values])
            holder = builder.rewrite(holder)
            stored = [
                column.default or "NULL"
                if value.sql().strip('"').upper() == "DEFAULT"
                else store(column.kind, column.name, _render(value))
                for column, value in zip(columns, holder.expressions, strict=True)
            ]
            rows.append("(" + ", ".join(stored) + ")")
        return Translated(f"{target} VALUES {', '.join(rows)}", "INSERT", table=table, views=builder.views)
    query = builder.rewrite(source)
    marks = [f"X{i}" for i in range(len(columns))]
    stored = [store(column.kind, column.name, quote(mark)) for column, mark in zip(columns, marks, strict=True)]
    text = (
        f"{target} SELECT {', '.join(stored)} FROM (WITH Q({', '.join(quote(m) for m in marks)}) AS ({_render(query)})"
        f" SELECT * FROM Q)"
    )
    return Translated(text, "INSERT", table=table, views=builder.views)


def _assignments(items: list[Any], table: Table, exp: Any) -> list[str]:
    """SET clauses with conversion to the column's type."""
    parts = []
    for item in items:
        if not isinstance(item, exp.EQ) or not isinstance(item.this, exp.Column):
            raise TbrError(590002, "UPDATE of several columns by one subquery")
        column = table.column(item.this.name)
        if column is None:
            raise TbrError(8026)
        parts.append(f"{quote(column.name)} = {store(column.kind, column.name, _render(item.expression))}")
    return parts


def _update(tree: Any, builder: _Tree) -> Translated:
    table = _target(tree.this, builder.context)
    alias = tree.this.alias or table.name
    builder.upper_identifiers(tree)
    # The conditions of SET look like comparisons to a rewriter of operators: lift them out, rewrite the sides, put
    # them back.
    tree = builder.rewrite(tree)
    parts = _assignments(tree.expressions, table, builder.exp)
    where = tree.args.get("where")
    alias = alias if tree.this.alias is None else tree.this.alias
    text = f"UPDATE {quote(table.sql_name)} AS {quote(alias)} SET {', '.join(parts)}"
    return Translated(
        text + (f" {_render(where)}" if where is not None else ""), "UPDATE", table=table, views=builder.views
    )


def _merge(tree: Any, builder: _Tree) -> Translated:
    """MERGE as UPDATE ... FROM followed by INSERT ... WHERE NOT EXISTS."""
    exp = builder.exp
    table = _target(tree.this, builder.context)
    tree = builder.rewrite(tree)
    alias = quote(tree.this.alias or table.name)
    using = _render(tree.args["using"])
    condition = _render(tree.args["on"])
    name = quote(table.sql_name)
    update, insert = None, None
    whens = tree.args.get("whens")
    for when in whens.expressions if whens is not None else tree.expressions:
        then = when.args["then"]
        if when.args.get("matched") and isinstance(then, exp.Update):
            parts = _assignments(then.expressions, table, exp)
            update = f"UPDATE {name} AS {alias} SET {', '.join(parts)} FROM {using} WHERE {condition}"
        elif not when.args.get("matched") and isinstance(then, exp.Insert):
            names = (
                [each.name for each in then.this.expressions]
                if then.this is not None
                else [c.name for c in table.columns]
            )
            columns = [table.column(each) for each in names]
            values = then.expression.expressions
            stored = [store(c.kind, c.name, _render(v)) for c, v in zip(columns, values, strict=True) if c is not None]
            insert = (
                f"INSERT INTO {name}({', '.join(quote(each) for each in names)}) "
                f"SELECT {', '.join(stored)} FROM {using} "
                f"WHERE NOT EXISTS (SELECT 1 FROM {name} AS {alias} WHERE {condition})"
            )
    first = update or insert
    if first is None:
        raise TbrError(8004)
    return Translated(first, "MERGE", table=table, views=builder.views, second=insert if update else None)
