# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory as YAML, without a YAML library."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from lab.hosts.errors import LabError

Vars = dict[str, Any]
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
# Words YAML 1.1 reads as something else than text.
_RESERVED = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def parse_variable(text: str) -> tuple[str, str, Any]:
    """Read `HOST:KEY=VALUE`; the value is JSON where it is valid JSON, else text.

    Raises:
        LabError: not of that form.
    """
    match = re.fullmatch(r"([^:=]+):([A-Za-z_][A-Za-z0-9_]*)=(.*)", text, re.DOTALL)
    if match is None:
        raise LabError(f"host variable {text!r} is not of the form HOST:KEY=VALUE, e.g. seoul1:tibero_port=8629")
    return match[1], match[2], parse_value(match[3])


def parse_value(text: str) -> Any:
    """JSON where it is valid JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def parse_group(text: str, hosts: Iterable[str]) -> tuple[str, list[str]]:
    """Read `GROUP` (all hosts) or `GROUP:host,host`.

    Raises:
        LabError: the group's name is not one Ansible takes, or a host is unknown.
    """
    name, colon, listed = text.partition(":")
    known = list(hosts)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or name in ("all", "ungrouped"):
        raise LabError(f"group name {name!r} is not allowed: letters, digits and '_', not starting with a digit")
    members = listed.split(",") if colon else known
    unknown = [member for member in members if member not in known]
    if unknown:
        raise LabError(f"group {name}: no host {', '.join(map(repr, unknown))}; there are: {', '.join(known)}")
    return name, members


def render(hosts: Mapping[str, Vars], groups: Mapping[str, Iterable[str]], group_vars: Mapping[str, Any]) -> str:
    """The inventory text.

    Args:
        hosts: variables of each host, in order.
        groups: members of each group.
        group_vars: variables of all hosts.
    """
    tree: Vars = {"hosts": dict(hosts)}
    if group_vars:
        tree["vars"] = dict(group_vars)
    if groups:
        tree["children"] = {name: {"hosts": {host: {} for host in members}} for name, members in groups.items()}
    return "---\n" + _lines({"all": tree}, 0)


def _lines(tree: Vars, depth: int) -> str:
    text = ""
    for key, value in tree.items():
        plain = _PLAIN_KEY.fullmatch(key) and key.lower() not in _RESERVED
        head = "  " * depth + (key if plain else flow(key)) + ":"
        if isinstance(value, dict) and value:
            text += head + "\n" + _lines(value, depth + 1)
        else:
            text += head + " " + flow(value) + "\n"
    return text


def flow(value: Any) -> str:
    """A value on one line: JSON, but for what YAML 1.1 reads differently (rare characters, numbers like 1e16)."""
    if isinstance(value, str):
        return '"' + "".join(map(_character, value)) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(str(key))}: {flow(inner)}" for key, inner in value.items()) + "}"
    text = json.dumps(value)
    if isinstance(value, float) and "e" in text and "." not in text:
        return text.replace("e", ".0e")
    return text


def _character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable() and character != "\ufeff":
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
