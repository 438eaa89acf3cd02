# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tbdsn.tbr as the client reads it (tibero.md 7; recordings t6-tbdsn-*, t7-tbdsn-gen_tip-generated)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple


class DsnError(Exception):
    """A tbdsn.tbr that cannot be read, or an alias that is not in it."""


class Target(NamedTuple):
    """One INSTANCE of an alias."""

    host: str
    port: int
    db_name: str


class Alias(NamedTuple):
    """One alias: its instances in order and its switches."""

    name: str
    targets: tuple[Target, ...]
    load_balance: bool
    use_failover: bool


_ALIAS = re.compile(r"(?P<name>[A-Za-z0-9_.\-]+)\s*=\s*\(")
_PAIR = re.compile(r"\(\s*(?P<key>[A-Za-z_]+)\s*=\s*(?P<value>[^()]*?)\s*\)")


def _without_comments(text: str) -> str:
    return "\n".join(line.split("#", 1)[0] for line in text.splitlines())


def _closing(text: str, start: int) -> int:
    """Index after the parenthesis that closes the one at `start`; raises DsnError."""
    depth = 0
    for index in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[index], 0)
        if depth == 0:
            return index + 1
    raise DsnError("a parenthesis of tbdsn.tbr is not closed")


def _instances(body: str) -> tuple[list[Target], str]:
    """The INSTANCE blocks of an alias body, and the rest of it."""
    targets: list[Target] = []
    rest = body
    while True:
        match = re.search(r"\(\s*INSTANCE\s*=", rest, re.IGNORECASE)
        if match is None:
            return targets, rest
        end = _closing(rest, match.start())
        pairs = {pair["key"].upper(): pair["value"] for pair in _PAIR.finditer(rest[match.end() : end])}
        try:
            targets.append(Target(pairs["HOST"], int(pairs["PORT"]), pairs.get("DB_NAME", "")))
        except (KeyError, ValueError) as error:
            raise DsnError(f"INSTANCE without a usable HOST and PORT: {error}") from error
        rest = rest[: match.start()] + rest[end:]


def parse(text: str) -> dict[str, Alias]:
    """All aliases of a tbdsn.tbr by name (case-sensitive); global lines such as TB_NLS_LANG= are passed over.

    Raises:
        DsnError: an unclosed parenthesis, an INSTANCE without host or port.
    """
    clean = _without_comments(text)
    found: dict[str, Alias] = {}
    position = 0
    while True:
        match = _ALIAS.search(clean, position)
        if match is None:
            return found
        end = _closing(clean, match.end() - 1)
        targets, rest = _instances(clean[match.end() : end])
        pairs = {pair["key"].upper(): pair["value"].upper() for pair in _PAIR.finditer(rest)}
        if targets:
            found[match["name"]] = Alias(
                match["name"], tuple(targets), pairs.get("LOAD_BALANCE") == "Y", pairs.get("USE_FAILOVER") == "Y"
            )
        position = end


def lookup(tb_home: str, name: str) -> Alias:
    """The alias `name` of `$TB_HOME/client/config/tbdsn.tbr`; raises DsnError."""
    path = Path(tb_home) / "client" / "config" / "tbdsn.tbr"
    try:
        aliases = parse(path.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise DsnError(f"{path}: {error.strerror}") from error
    if name not in aliases:
        raise DsnError(f"{path}: no alias '{name}'")
    return aliases[name]
