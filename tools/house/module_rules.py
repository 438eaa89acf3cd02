# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for modules and their documentation."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from typing import Any

from tools.house.source import Finding, Rule, Tree, plain

ATTRIBUTES = ("check_mode", "diff_mode", "idempotent")
FRAGMENTS = "firedrill.standby."
#: The fragment with the connection options; what uses it belongs to the action group of the same name.
CONNECTION = "firedrill.standby.tibero"
GROUP = "tibero"


def strings(module: ast.Module) -> dict[str, str]:
    """The string constants that a file assigns at its top: DOCUMENTATION, EXAMPLES, RETURN."""
    found = {}
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = node.value.value
    return found


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Two documentations in one: mappings are joined, what the first says counts."""
    result = dict(second)
    for key, value in first.items():
        result[key] = (
            merged(value, result[key]) if isinstance(value, dict) and isinstance(result.get(key), dict) else value
        )
    return result


@cache
def _fragment(tree: Tree, name: str) -> dict[str, Any]:
    """One documentation fragment, ``file`` or ``file.part``; empty if there is none."""
    file, _, part = name.partition(".")
    path = f"plugins/doc_fragments/{file}.py"
    if path not in tree.files:
        return {}
    for node in tree.module(path).body:
        if isinstance(node, ast.ClassDef):
            found = strings(ast.Module(body=node.body, type_ignores=[])).get((part or "DOCUMENTATION").upper(), "")
            return _mapping(tree, path, found, part or "DOCUMENTATION")
    return {}


def _mapping(tree: Tree, path: str, text: str, what: str) -> dict[str, Any]:
    documents = tree.parse(path, text, what)
    return plain(documents[0]) if documents and isinstance(documents[0], dict) else {}


def block(tree: Tree, path: str, name: str) -> dict[str, Any]:
    """DOCUMENTATION or RETURN of a module, without its fragments; empty if it is missing or unreadable."""
    return _mapping(tree, path, strings(tree.module(path)).get(name, ""), name)


def documentation(tree: Tree, path: str) -> dict[str, Any]:
    """A module's DOCUMENTATION with all its fragments."""
    found = block(tree, path, "DOCUMENTATION")
    names = found.get("extends_documentation_fragment") or []
    for name in [names] if isinstance(names, str) else names:
        if name.startswith(FRAGMENTS):
            found = merged(found, _fragment(tree, name.removeprefix(FRAGMENTS)))
    return found


def fragments(tree: Tree, path: str) -> list[str]:
    """The fragments that a module extends."""
    names = block(tree, path, "DOCUMENTATION").get("extends_documentation_fragment") or []
    return [names] if isinstance(names, str) else list(names)


def readable(tree: Tree) -> Iterator[Finding]:
    """Parses everything that the other rules read, so that what they had to skip is a finding of its own."""
    for path in tree.python:
        tree.module(path)
    for path in tree.files:
        if path.endswith((".yml", ".yaml")) and not path.startswith("tests/recordings/"):
            tree.document(path)
    for path in tree.matching("plugins/modules/*.py"):
        documentation(tree, path)
        for name in ("RETURN", "EXAMPLES"):
            block(tree, path, name)
    yield from tree.broken


def complete_documentation(tree: Tree) -> Iterator[Finding]:
    for path in tree.matching("plugins/modules/*.py"):
        name = path.split("/")[-1].removesuffix(".py")
        blocks = strings(tree.module(path))
        for part in ("DOCUMENTATION", "EXAMPLES", "RETURN"):
            if not any(tree.parse(path, blocks.get(part, ""), part)):
                yield Finding(path, 1, f"{part} is missing, empty or unreadable")
        found = documentation(tree, path)
        if found.get("module") != name:
            yield Finding(path, 1, f"documents the module {found.get('module')}, the file is {name}")
        for key in ("version_added", "author", "short_description", "description"):
            if not found.get(key):
                yield Finding(path, 1, f"says nothing of {key}")
        if f"firedrill.standby.{name}:" not in blocks.get("EXAMPLES", ""):
            yield Finding(path, 1, f"no example uses firedrill.standby.{name}")
        for key, value in block(tree, path, "RETURN").items():
            for part in ("description", "returned", "type"):
                if not isinstance(value, dict) or not value.get(part):
                    yield Finding(path, 1, f"RETURN: {key} has no {part}")


def declared_attributes(tree: Tree) -> Iterator[Finding]:
    for path in tree.matching("plugins/modules/*.py"):
        attributes = documentation(tree, path).get("attributes") or {}
        for name in ATTRIBUTES:
            support = (attributes.get(name) or {}).get("support")
            if support is None:
                yield Finding(path, 1, f"does not say how far it supports {name}")
            elif support != "full" and not attributes[name].get("details"):
                yield Finding(path, 1, f"supports {name} as {support!r} without details of what that means")


def action_group(tree: Tree) -> Iterator[Finding]:
    path = "meta/runtime.yml"
    if path not in tree.files:
        return
    groups = tree.document(path).get("action_groups") or {}
    named = {
        name for members in groups.values() if isinstance(members, list) for name in members if isinstance(name, str)
    }
    modules = {module.split("/")[-1].removesuffix(".py"): module for module in tree.matching("plugins/modules/*.py")}
    for name in sorted(named - set(modules)):
        yield Finding(path, 1, f"an action group names {name}, which is no module")
    for name, module in modules.items():
        connects = CONNECTION in fragments(tree, module)
        if name not in named:
            yield Finding(path, 1, f"{name} is in no action group")
        if connects and name not in (groups.get(GROUP) or []):
            yield Finding(path, 1, f"{name} has the options of {CONNECTION} and is not in the group {GROUP}")
        if not connects and name in (groups.get(GROUP) or []):
            yield Finding(path, 1, f"{name} is in the group {GROUP} and would refuse the options of {CONNECTION}")


def specification(tree: Tree, path: str) -> dict[str, Any] | None:
    """The arguments that a module gives to AnsibleModule, seen by running its main() up to there; None for a virtual
    module.

    :raises RuntimeError: when main() ends without making an AnsibleModule.
    """
    if not any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.module(path).body):
        return None
    from unittest.mock import patch

    from ansible.module_utils import basic

    class Seen(Exception):
        pass

    def stop(_self: Any, *arguments: Any, **options: Any) -> None:
        raise Seen({**({"argument_spec": arguments[0]} if arguments else {}), **options})

    names: dict[str, Any] = {"__name__": "judged_module", "__file__": str(tree.root / path)}
    exec(compile(tree.text(path), path, "exec"), names)
    with patch.object(basic.AnsibleModule, "__init__", stop):
        try:
            names["main"]()
        except Seen as seen:
            return dict(seen.args[0])
    raise RuntimeError(f"{path}: main() made no AnsibleModule")


def specification_is_documented(tree: Tree) -> Iterator[Finding]:
    for path in tree.matching("plugins/modules/*.py"):
        seen = specification(tree, path)
        if seen is None:
            continue
        options = documentation(tree, path).get("options") or {}
        for what in differences(seen["argument_spec"], options, ""):
            yield Finding(path, 1, what)
        attributes = documentation(tree, path).get("attributes") or {}
        check = (attributes.get("check_mode") or {}).get("support")
        if check in ("full", "partial") and not seen.get("supports_check_mode"):
            yield Finding(path, 1, "documents check mode and does not switch it on")


def differences(spec: dict[str, Any], options: dict[str, Any], prefix: str) -> Iterator[str]:
    """How an argument specification and documented options differ, suboptions included."""
    for name in sorted(set(spec) | set(options)):
        full = prefix + name
        if name not in options:
            yield f"option {full} is not documented"
        elif name not in spec:
            yield f"option {full} is documented and not in the argument specification"
        else:
            yield from _option(spec[name], options[name], full)


def _option(spec: dict[str, Any], option: dict[str, Any], name: str) -> Iterator[str]:
    for key, absent in (("type", "str"), ("required", False), ("default", None), ("elements", None)):
        there, here = spec.get(key, absent), option.get(key, absent)
        if there != here and not (key == "default" and str(there) == str(here)):
            yield f"option {name}: {key} is {there!r} in the argument specification, {here!r} in the documentation"
    for key in ("choices", "aliases"):
        there, here = list(spec.get(key) or []), list(option.get(key) or [])
        if sorted(map(str, there)) != sorted(map(str, here)):
            yield f"option {name}: {key} are {there} in the argument specification, {here} in the documentation"
    if spec.get("options") or option.get("suboptions"):
        yield from differences(spec.get("options") or {}, option.get("suboptions") or {}, name + ".")


def secrets_are_hidden(tree: Tree) -> Iterator[Finding]:
    for path in tree.matching("plugins/modules/*.py"):
        seen = specification(tree, path)
        for name, option in (seen or {}).get("argument_spec", {}).items():
            if any(word in name for word in ("password", "secret", "token", "passphrase")) and "no_log" not in option:
                yield Finding(path, 1, f"option {name} looks like a secret and does not set no_log")


RULES = (
    Rule("readable", "Python, YAML and the documentation inside of Python can be parsed", readable),
    Rule(
        "complete-documentation",
        "every module has DOCUMENTATION, EXAMPLES and RETURN, complete",
        complete_documentation,
    ),
    Rule(
        "declared-attributes",
        "every module says how far it supports check mode, diff mode and idempotence",
        declared_attributes,
    ),
    Rule("action-group", "every module is in an action group; those with connection options in theirs", action_group),
    Rule(
        "specification-is-documented",
        "a module's argument specification is its documentation",
        specification_is_documented,
    ),
    Rule("secrets-are-hidden", "options that look like secrets are no_log", secrets_are_hidden),
)
