# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The client's alias file (``$TB_HOME/client/config/tbdsn.tbr``).

Public API
    parse(text, strict=True) -> Document           lossless; strict=False keeps lines that are no tbdsn lines (kind
                                                   OTHER)
    render(document) -> str                        the text, to the byte
    names(document) -> tuple of str                aliases in order, each once
    get(document, name) -> Alias or None           .instances, .load_balance, .use_failover, .force_failover_delay,
                                                   .use_ssl, .extra
    upsert(document, alias) -> (Document, changed) one alias, no other byte; parameters we do not know are kept
    remove(document, name) -> (Document, changed)
    globals_of(document) -> tuple of (name, value) TB_NLS_LANG and the like
    problems(document) -> tuple of Problem         duplicate aliases, unreadable lines, values that are no host or port
    placeholders(document) -> tuple of str         ``@X@`` that nobody filled in

Source: recordings of versions 6 and 7, administrator's guide appendix A (H):
``alias=((INSTANCE=(HOST=h)(PORT=p)(DB_NAME=d))...(OPTION=v))``, white space free, ``#`` starts a comment line, global
``NAME=value`` lines. Alias names are case-sensitive (H, older guide); those we write consist of letters, digits and
underscores, because the guides disagree on the hyphen. Entries without INSTANCE (gateways) are read as trees and left
alone. Comments between the parentheses of an alias are read as such (L). Nothing is known of a ``#`` behind a value: it
is read as part of the value, reported, and never rewritten.
"""

import re
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError

BLANK = "blank"
COMMENT = "comment"
GLOBAL = "global"
ALIAS = "alias"
OTHER = "other"


class Param(NamedTuple):
    """One parenthesis: ``(NAME=value)`` has a value and no children, ``(NAME=(...)(...))`` children and the value "".

    children is a tuple of Param; the type is written loosely because NamedTuple classes cannot refer to themselves on
    Python 3.6.
    """

    name: str
    value: str
    children: Tuple["Param", ...]  # type: ignore[misc, unused-ignore]
    line: int


class Item(NamedTuple):
    """A stretch of the file.

    text: its exact characters; name: alias or global; value: of a global; params: of an alias; comments: those between
    the parentheses of an alias, without line ends.
    """

    kind: str
    line: int
    text: str
    name: str
    value: str
    params: Tuple[Param, ...]
    comments: Tuple[str, ...] = ()


class Document(NamedTuple):
    """A tbdsn.tbr as a sequence of items whose texts, joined, are the file."""

    items: Tuple[Item, ...]


class Instance(NamedTuple):
    """One server of an alias.

    port is the text as written (it may be a placeholder); extra: parameters we do not know.
    """

    host: str
    port: str
    db_name: str
    extra: Tuple[Param, ...] = ()

    @property
    def port_number(self) -> Optional[int]:
        """The port as a number, or None if it is missing or no number."""
        return int(self.port) if re.match(r"[0-9]{1,5}\Z", self.port) else None


class Alias(NamedTuple):
    """One alias.

    None in an option means that the option is not written; line is where it starts (0 for a wanted one).
    """

    name: str
    instances: Tuple[Instance, ...]
    load_balance: Optional[bool] = None
    use_failover: Optional[bool] = None
    force_failover_delay: Optional[int] = None
    use_ssl: Optional[bool] = None
    extra: Tuple[Param, ...] = ()
    line: int = 0

    @property
    def is_tibero(self) -> bool:
        """False for an entry without INSTANCE: a gateway or something newer than this grammar."""
        return bool(self.instances)


class Problem(NamedTuple):
    """Something that a client would trip over or that we cannot read."""

    line: int
    name: str
    text: str


_NAME = re.compile(r"[A-Za-z0-9_@.$#-]*[A-Za-z0-9_@.$-]")
_WRITABLE_NAME = re.compile(r"[A-Za-z0-9_]+\Z")
_WRITABLE_VALUE = re.compile(r"[A-Za-z0-9_.:%@$-]+\Z")
_EQUALS = re.compile(r"[ \t]*=")
_SPACE = re.compile(r"[ \t\r\n]*")
_PLACEHOLDER = re.compile(r"@[A-Za-z_][A-Za-z0-9_]*@")
_PARAM_START = re.compile(r"\([ \t\r\n]*([A-Za-z0-9_.@$-]+)[ \t\r\n]*=")
_PARAM_VALUE = re.compile(r"[^()\r\n]*")
_COMMENT_BEHIND = "%s %r: whether a comment may stand behind a value is not documented"


# ---------------------------------------------------------------------------------------------------- reading


class _Reader:
    """Walks over the text once.

    Every loop moves `position` forward, so reading is linear and nesting depth costs no stack.
    """

    def __init__(self, text: str, strict: bool) -> None:
        self.text = text
        self.strict = strict
        self.position = 0
        self.items: List[Item] = []
        self.comments: List[str] = []
        self._counted_to = 0
        self._line = 1

    def line_at(self, position: int) -> int:
        """Return the line number of a position; positions must not decrease by more than one item."""
        if position >= self._counted_to:
            self._line += self.text.count("\n", self._counted_to, position)
        else:
            self._line -= self.text.count("\n", position, self._counted_to)
        self._counted_to = position
        return self._line

    def error(self, what: str, position: int, expected: str) -> GrammarError:
        line_start = self.text.rfind("\n", 0, position) + 1
        end = self.text.find("\n", position)
        seen = self.text[position : end if end >= 0 else len(self.text)].rstrip("\r")
        return GrammarError(
            what,
            seen or "the end of the %s" % ("line" if end >= 0 else "file"),
            expected,
            self.line_at(position),
            position - line_start + 1,
        )

    def line_end(self, position: int) -> int:
        end = self.text.find("\n", position)
        return len(self.text) if end < 0 else end + 1

    def add(
        self, kind: str, start: int, end: int, name: str = "", value: str = "", params: Tuple[Param, ...] = ()
    ) -> None:
        comments = tuple(self.comments) if kind == ALIAS else ()
        self.items.append(Item(kind, self.line_at(start), self.text[start:end], name, value, params, comments))
        self.position = end

    def run(self) -> Document:
        while self.position < len(self.text):
            self.item()
        return Document(tuple(self.items))

    def item(self) -> None:
        start = self.position
        end = self.line_end(start)
        lead = start
        while lead < end and self.text[lead] in " \t\ufeff":
            lead += 1
        body = self.text[lead:end].rstrip("\r\n")
        if not body:
            self.add(BLANK, start, end)
            return
        try:
            if body[0] == "#":
                self.one_line(lead, end)
                self.add(COMMENT, start, end)
            else:
                self.entry(start, lead, end)
        except GrammarError:
            if self.strict:
                raise
            self.add(OTHER, start, end)

    def one_line(self, start: int, end: int) -> str:
        """Return a comment or global without its line end.

        :raises GrammarError: for the line ends of another system, behind which an alias would vanish.
        """
        line = self.text[start:end].rstrip("\r\n")
        if "\r" in line:
            expected = "a line feed at the end of each line, not a carriage return alone"
            raise self.error("tbdsn.tbr", start + line.index("\r"), expected)
        return line

    def entry(self, start: int, lead: int, end: int) -> None:
        name = _NAME.match(self.text, lead)
        equals = _EQUALS.match(self.text, name.end()) if name else None
        if name is None or equals is None:
            raise self.error("tbdsn.tbr", lead, "alias=(...), NAME=value, a comment starting with #, or a blank line")
        behind = _SPACE.match(self.text, equals.end())
        position = behind.end() if behind else equals.end()
        if position < len(self.text) and self.text[position] == "(":
            params, position = self.body("alias %r" % name.group(), position)
            rest = self.line_end(position)
            # What follows the last parenthesis in its line belongs to the alias only if it is blank; a comment is an
            # item of its own.
            if self.text[position:rest].strip(" \t\r\n"):
                rest = position
            self.add(ALIAS, start, rest, name.group(), "", params)
            return
        value = self.one_line(equals.end(), end).strip(" \t")
        self.add(GLOBAL, start, end, name.group(), value)

    def body(self, what: str, position: int) -> Tuple[Tuple[Param, ...], int]:
        """Read ``((A=..)(B=..))``.

        ``(A=..)(B=..)`` without the outer parentheses, as people write it, is read as well.
        """
        wrapped = _PARAM_START.match(self.text, position) is None
        opened = position
        if wrapped:
            position += 1
        top: List[Param] = []
        self.comments = []
        # One frame per open parenthesis: its name, the line it opened in, and the parameters read inside it.
        stack: List[Tuple[str, int, List[Param]]] = [("", self.line_at(opened), top)]
        while True:
            position = self.skip(position)
            if position >= len(self.text):
                raise self.error("%s (opened in line %d)" % (what, stack[-1][1]), position, "a closing parenthesis")
            character = self.text[position]
            if character == ")":
                name, where, children = stack.pop()
                position += 1
                if not stack:
                    return tuple(top), position
                stack[-1][2].append(Param(name, "", tuple(children), where))
            elif character == "(":
                position = self.param(what, position, stack)
            else:
                raise self.error(what, position, "(NAME=value) or a closing parenthesis")
            if not wrapped and len(stack) == 1:
                after = _SPACE.match(self.text, position)
                if after is None or self.text[after.end() : after.end() + 1] != "(":
                    return tuple(top), position

    def param(self, what: str, position: int, stack: List[Tuple[str, int, List[Param]]]) -> int:
        start = _PARAM_START.match(self.text, position)
        if start is None:
            raise self.error(what, position, "(NAME=value)")
        seen = len(self.comments)
        inside = self.skip(start.end())
        if self.text[inside : inside + 1] == "(":
            stack.append((start.group(1), self.line_at(position), []))
            return inside
        del self.comments[seen:]  # what looked like a comment is the value
        value = _PARAM_VALUE.match(self.text, start.end())
        end = value.end() if value else start.end()
        closing = self.skip(end)
        if self.text[closing : closing + 1] != ")":
            raise self.error(
                "%s, parameter %s" % (what, start.group(1)), closing, "a closing parenthesis after the value"
            )
        stack[-1][2].append(
            Param(start.group(1), self.text[start.end() : end].strip(" \t"), (), self.line_at(position))
        )
        return closing + 1

    def skip(self, position: int) -> int:
        """Skip white space and comments inside an alias; keep the comments."""
        while True:
            space = _SPACE.match(self.text, position)
            position = space.end() if space else position
            if self.text[position : position + 1] != "#":
                return position
            end = self.line_end(position)
            self.comments.append(self.one_line(position, end))
            position = end


def parse(text: str, strict: bool = True) -> Document:
    """Read a tbdsn.tbr.

    :arg strict: raise on what is no alias, global, comment or blank line; if false, such a line is kept with kind
        OTHER.
    :raises GrammarError: with line and column.
    """
    return _Reader(text, strict).run()


def render(document: Document) -> str:
    """Return the text of the document; render(parse(text)) == text."""
    return "".join([item.text for item in document.items])


# ---------------------------------------------------------------------------------------------------- looking


def names(document: Document) -> Tuple[str, ...]:
    """Return the alias names in the order of the file, each once."""
    seen: List[str] = []
    for item in document.items:
        if item.kind == ALIAS and item.name not in seen:
            seen.append(item.name)
    return tuple(seen)


def globals_of(document: Document) -> Tuple[Tuple[str, str], ...]:
    """Return the global lines as (name, value)."""
    return tuple([(item.name, item.value) for item in document.items if item.kind == GLOBAL])


def get(document: Document, name: str) -> Optional[Alias]:
    """Return an alias, or None. If the name is there twice, the first (problems() tells)."""
    for item in document.items:
        if item.kind == ALIAS and item.name == name:
            return _alias_of(item)
    return None


def problems(document: Document) -> Tuple[Problem, ...]:
    """Return duplicate aliases, instances without host, port or DB_NAME or with values that are none, comments behind
    values, and unreadable lines."""
    found: List[Problem] = []
    first: Dict[str, int] = {}
    for item in document.items:
        if item.kind == OTHER:
            found.append(Problem(item.line, "", "not a tbdsn line: %s" % item.text.strip()[:80]))
        elif item.kind == GLOBAL and "#" in item.value:
            found.append(Problem(item.line, item.name, _COMMENT_BEHIND % (item.name, item.value)))
        elif item.kind == ALIAS:
            if item.name in first:
                found.append(
                    Problem(
                        item.line,
                        item.name,
                        "alias %s is defined twice, first in line %d" % (item.name, first[item.name]),
                    )
                )
            else:
                first[item.name] = item.line
            found.extend(_alias_problems(item))
    return tuple(found)


def _alias_problems(item: Item) -> List[Problem]:
    found: List[Problem] = []
    for instance in _alias_of(item).instances:
        for field, value in (("HOST", instance.host), ("PORT", instance.port), ("DB_NAME", instance.db_name)):
            if not value:
                found.append(Problem(item.line, item.name, "an INSTANCE of alias %s has no %s" % (item.name, field)))
    for param in item.params:
        instance_params = param.children if param.name.upper() == "INSTANCE" else ()
        for part in (param,) + instance_params:
            text = _value_problem(part, part is not param)
            if text:
                found.append(Problem(part.line, item.name, "alias %s: %s" % (item.name, text)))
    return found


def _value_problem(param: Param, of_instance: bool) -> str:
    """What is wrong with a value, or "". A placeholder is the business of placeholders()."""
    name, value = param.name.upper(), param.value
    if "#" in value:
        return _COMMENT_BEHIND % (param.name, value)
    if not of_instance or not value:
        return ""
    if name == "PORT" and not _is_port(value) and not _PLACEHOLDER.fullmatch(value):
        return "PORT %r is no port between 1 and 65535" % value
    if name in ("HOST", "DB_NAME") and re.search(r"\s", value):
        return "%s %r holds blanks" % (name, value)
    return ""


def _is_port(text: str) -> bool:
    return bool(re.match(r"[0-9]{1,5}\Z", text)) and 1 <= int(text) <= 65535


def placeholders(document: Document) -> Tuple[str, ...]:
    """Return the ``@X@`` outside comments, each once, in order."""
    seen: List[str] = []
    for item in document.items:
        if item.kind in (ALIAS, GLOBAL):
            for name in _PLACEHOLDER.findall(item.text):
                if name not in seen:
                    seen.append(name)
    return tuple(seen)


def _yes(value: str) -> Optional[bool]:
    upper = value.upper()
    if upper in ("Y", "YES", "ON"):
        return True
    if upper in ("N", "NO", "OFF"):
        return False
    return None


def _alias_of(item: Item) -> Alias:
    instances: List[Instance] = []
    extra: List[Param] = []
    flags = {}
    delay: Optional[int] = None
    for param in item.params:
        upper = param.name.upper()
        if upper == "INSTANCE":
            instances.append(_instance_of(param))
        elif upper in ("LOAD_BALANCE", "USE_FAILOVER", "USE_SSL") and _yes(param.value) is not None:
            flags[upper] = _yes(param.value)
        elif upper == "FORCE_FAILOVER_DELAY" and re.match(r"[0-9]{1,9}\Z", param.value):
            delay = int(param.value)
        else:
            extra.append(param)
    return Alias(
        item.name,
        tuple(instances),
        flags.get("LOAD_BALANCE"),
        flags.get("USE_FAILOVER"),
        delay,
        flags.get("USE_SSL"),
        tuple(extra),
        item.line,
    )


def _instance_of(param: Param) -> Instance:
    known = {"HOST": "", "PORT": "", "DB_NAME": ""}
    extra: List[Param] = []
    for child in param.children:
        upper = child.name.upper()
        if upper in known and not known[upper] and not child.children:
            known[upper] = child.value
        else:
            extra.append(child)
    return Instance(known["HOST"], known["PORT"], known["DB_NAME"], tuple(extra))


# ---------------------------------------------------------------------------------------------------- writing


def upsert(document: Document, wanted: Alias) -> Tuple[Document, bool]:
    """Add an alias, or bring an existing one to the wanted meaning, without touching any other byte.

    If the alias means the same already, the document is returned as it is. Parameters we do not know are carried
    over, comments between parentheses as lines of their own. A second definition of the same alias is removed with its
    comments: which of the two a client reads is not documented.

    :returns: the document and whether it changed.
    :raises GrammarError: if a name or value cannot be written, if the existing alias is no Tibero alias (it is never
        overwritten), or if it has to change and holds a ``#`` in a value.
    """
    _check(wanted)
    places = [index for index, item in enumerate(document.items) if item.kind == ALIAS and item.name == wanted.name]
    if not places:
        return _append(document, wanted), True
    present = document.items[places[0]]
    current = _alias_of(present)
    if not current.is_tibero:
        raise GrammarError(
            "alias %r" % wanted.name,
            present.text.strip(),
            "an alias with INSTANCE; this one belongs to a gateway: choose another name",
            present.line,
        )
    items = [item for index, item in enumerate(document.items) if index not in places[1:]]
    if _meaning(current) == _meaning(wanted):
        return (Document(tuple(items)), True) if len(places) > 1 else (document, False)
    _refuse_comments_in_values(present)
    lead = present.text[: len(present.text) - len(present.text.lstrip(" \t\ufeff"))]
    body = present.text.rstrip(" \t\r\n")
    written = _render_alias(_carry_over(wanted, current), _line_end(document), present.comments)
    text = lead + written + present.text[len(body) :]
    items[places[0]] = parse(text).items[0]._replace(line=present.line)
    return Document(tuple(items)), True


def remove(document: Document, name: str) -> Tuple[Document, bool]:
    """Remove every definition of an alias with its line; return the document and whether it changed."""
    items = tuple([item for item in document.items if item.kind != ALIAS or item.name != name])
    if len(items) == len(document.items):
        return document, False
    return Document(items), True


def _meaning(alias: Alias) -> Tuple[object, ...]:
    instances = tuple([(i.host, i.port, i.db_name) for i in alias.instances])
    return (
        instances,
        bool(alias.load_balance),
        bool(alias.use_failover),
        alias.force_failover_delay,
        bool(alias.use_ssl),
    )


def _carry_over(wanted: Alias, current: Alias) -> Alias:
    extras = {(i.host, i.port, i.db_name): i.extra for i in current.instances}
    instances = [i._replace(extra=i.extra or extras.get((i.host, i.port, i.db_name), ())) for i in wanted.instances]
    return wanted._replace(instances=tuple(instances), extra=wanted.extra or current.extra)


def _refuse_comments_in_values(item: Item) -> None:
    """What stands behind the ``#`` may be a comment, which would be lost, or end up before a closing parenthesis."""
    work = list(item.params)
    while work:
        param = work.pop()
        work.extend(param.children)
        if "#" in param.value:
            raise GrammarError(
                "alias %r, parameter %s" % (item.name, param.name),
                param.value,
                "a value without #, before this alias can be changed: put a comment on a line of its own",
                param.line,
            )


def _check(alias: Alias) -> None:
    if not _WRITABLE_NAME.match(alias.name):
        raise GrammarError("alias name", alias.name, "letters, digits and underscores")
    if not alias.instances:
        raise GrammarError("alias %r" % alias.name, "no instance", "at least one instance with host, port and DB_NAME")
    for instance in alias.instances:
        if not _is_port(instance.port):
            raise GrammarError("alias %r, PORT" % alias.name, instance.port, "a port between 1 and 65535")
        for field, value in (("HOST", instance.host), ("DB_NAME", instance.db_name)):
            if not _WRITABLE_VALUE.match(value):
                raise GrammarError(
                    "alias %r, %s" % (alias.name, field),
                    value,
                    "a value without blanks, quotes, parentheses and line breaks",
                )


def _line_end(document: Document) -> str:
    for item in document.items:
        if "\r\n" in item.text:
            return "\r\n"
        if "\n" in item.text:
            return "\n"
    return "\n"


def _append(document: Document, wanted: Alias) -> Document:
    end = _line_end(document)
    text = render(document)
    glue = "" if not text or text.endswith("\n") else end
    items = list(document.items)
    if glue:
        items[-1] = items[-1]._replace(text=items[-1].text + glue)
    line = text.count("\n") + (1 if glue else 0) + 1
    added = parse(_render_alias(wanted, end) + end).items[0]
    return Document(tuple(items + [added._replace(line=line)]))


def _render_param(param: Param) -> str:
    # Iterative, because a hand-written tree may be nested deeper than the stack.
    parts: List[str] = []
    work: List[object] = [param]
    while work:
        current = work.pop()
        if isinstance(current, Param):
            parts.append("(%s=%s" % (current.name, current.value))
            work.append(")")
            work.extend(reversed(current.children))
        else:
            parts.append(str(current))
    return "".join(parts)


def _render_alias(alias: Alias, end: str, comments: Sequence[str] = ()) -> str:
    lines = ["%s=(" % alias.name]
    lines.extend(comments)  # at the start of the line, as the recorded ones
    for instance in alias.instances:
        extra = "".join([_render_param(param) for param in instance.extra])
        lines.append(
            "    (INSTANCE=(HOST=%s)(PORT=%s)(DB_NAME=%s)%s)" % (instance.host, instance.port, instance.db_name, extra)
        )
    for name, flag in (
        ("LOAD_BALANCE", alias.load_balance),
        ("USE_FAILOVER", alias.use_failover),
        ("USE_SSL", alias.use_ssl),
    ):
        if flag is not None:
            lines.append("    (%s=%s)" % (name, "Y" if flag else "N"))
    if alias.force_failover_delay is not None:
        lines.append("    (FORCE_FAILOVER_DELAY=%d)" % alias.force_failover_delay)
    for param in alias.extra:
        lines.append("    " + _render_param(param))
    return end.join(lines + [")"])
