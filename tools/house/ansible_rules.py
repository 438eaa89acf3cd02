# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for playbooks, roles and tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tools.house.source import LINE, Finding, Rule, Task, Tree, plain

TASK_FILE_LINES = 200
#: The role whose variables describe the cluster; the other roles share them.
SHARED_ROLE = "cluster"
PREFIXES = ("standby_", "tibero_")

SECRET = re.compile(r"password|passwd|secret|vault|token|private_key", re.I)
EXPRESSION = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.S)
QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
NAME = re.compile(r"(?<![\w.])((?:standby|tibero)_\w+)(?!\w*\s*\()(?!\s*=[^=])")
SETS = re.compile(r"\|\s*(difference|intersect|symmetric_difference|union)\([^()]*\)\s*(?!\s*\|\s*(?:length|sort)\b)")
#: Keywords whose text is an expression without braces.
BARE = ("when", "failed_when", "changed_when", "until", "that")


def no_swallowed_errors(tree: Tree) -> Iterator[Finding]:
    for path in tree.task_files:
        tasks = list(tree.tasks(path))
        for number, task in enumerate(tasks):
            if task.body.get("ignore_errors") or any(block.get("ignore_errors") for block in task.blocks):
                yield Finding(path, task.line, "ignore_errors; register the result and assert what is expected")
            if task.body.get("failed_when") is False:
                yield from _unjudged(task, tasks[number + 1 :])


def _unjudged(task: Task, later: list[Task]) -> Iterator[Finding]:
    if any("rescue" in block for block in task.blocks):
        yield Finding(
            task.path, task.line, "failed_when: false inside a block with a rescue, which can never be reached"
        )
    register = task.body.get("register")
    judges = [
        other
        for other in later
        if other.action()[0] in ("assert", "fail") and register and _mentions(other.body, str(register))
    ]
    if not judges:
        yield Finding(task.path, task.line, "failed_when: false without a later assert on the registered result")


def _mentions(value: Any, name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", str(plain(value))) is not None


def no_pause(tree: Tree) -> Iterator[Finding]:
    for path in tree.task_files:
        for task in tree.tasks(path):
            name, arguments = task.action()
            if name == "pause":
                yield Finding(path, task.line, "pause; a wait is a predicate with a deadline")
            if name == "wait_for" and not set(plain(arguments) or {}) & {"host", "port", "path"}:
                yield Finding(path, task.line, "wait_for without a condition is a sleep")
            if name in ("command", "shell") and re.search(r"(^|[\s'\"/])sleep\s+\d", str(plain(arguments))):
                yield Finding(path, task.line, "runs sleep; a wait is a predicate with a deadline")


def commands_are_lists(tree: Tree) -> Iterator[Finding]:
    for path in tree.task_files:
        for task in tree.tasks(path):
            name, arguments = task.action()
            if name in ("shell", "raw", "script") and SECRET.search(str(plain(arguments))):
                yield Finding(
                    path, task.line, f"{name} with a secret: command lines are logged; use stdin or a 0600 file"
                )
            if name == "command" and SECRET.search(str(_argv(arguments))):
                yield Finding(path, task.line, "command with a secret among its arguments: command lines are logged")
            if path.startswith(("roles/", "playbooks/")):
                if name == "command" and not (isinstance(arguments, dict) and "argv" in arguments):
                    yield Finding(path, task.line, "command as a string; give argv as a list")
                if name in ("shell", "raw"):
                    yield Finding(path, task.line, f"{name} in a role; use command with argv, or a module")
                if name in ("command", "shell") and "changed_when" not in task.body:
                    yield Finding(path, task.line, f"{name} without changed_when")


def _argv(arguments: Any) -> Any:
    if isinstance(arguments, dict):
        return [plain(value) for key, value in arguments.items() if key in ("argv", "cmd", "_raw_params")]
    return arguments


def changed_not_from_prose(tree: Tree) -> Iterator[Finding]:
    for path in tree.task_files:
        for task in tree.tasks(path):
            if re.search(r"\bstd(out|err)(_lines)?\b", str(task.body.get("changed_when", ""))):
                yield Finding(path, task.line, "changed_when reads the prose of a program; changed is a fact seen")


def short_task_files(tree: Tree) -> Iterator[Finding]:
    for path in tree.matching("roles/*/tasks/**/*.yml", "roles/*/handlers/**/*.yml"):
        lines = tree.text(path).count("\n")
        if lines > TASK_FILE_LINES:
            yield Finding(path, 1, f"{lines} lines; a task file has at most {TASK_FILE_LINES}")


def asserts_can_fail(tree: Tree) -> Iterator[Finding]:
    for path in tree.task_files:
        for task in tree.tasks(path):
            name, arguments = task.action()
            if name != "assert":
                continue
            conditions = arguments.get("that") if isinstance(arguments, dict) else None
            if (
                conditions is True
                or conditions in ([], None)
                or (isinstance(conditions, list) and all(item is True for item in conditions))
            ):
                yield Finding(path, task.line, "asserts nothing that could fail")


def roles_are_described(tree: Tree) -> Iterator[Finding]:
    for role in tree.roles:
        for name, why in (
            ("meta/argument_specs.yml", "its variables are checked before it runs"),
            ("meta/main.yml", "it names its dependencies, licence and platforms"),
            ("README.md", "it says in a few lines what it does"),
        ):
            if f"roles/{role}/{name}" not in tree.files:
                yield Finding(f"roles/{role}", 1, f"has no {name}; with it, {why}")


def role_options(tree: Tree, role: str) -> dict[str, Any]:
    """The options of a role's argument specification, of all its entry points together."""
    path = f"roles/{role}/meta/argument_specs.yml"
    if path not in tree.files:
        return {}
    points = plain((tree.document(path) or {}).get("argument_specs") or {})
    return {name: option for point in points.values() for name, option in (point.get("options") or {}).items()}


def role_defaults(tree: Tree, role: str) -> dict[str, Any]:
    """A role's defaults/main.yml."""
    path = f"roles/{role}/defaults/main.yml"
    return plain(tree.document(path) or {}) if path in tree.files else {}


def defaults_agree(tree: Tree) -> Iterator[Finding]:
    for role in tree.roles:
        options, defaults = role_options(tree, role), role_defaults(tree, role)
        spec, file = f"roles/{role}/meta/argument_specs.yml", f"roles/{role}/defaults/main.yml"
        for name in defaults:
            if name not in options and not name.startswith("__"):
                yield Finding(file, 1, f"{name} has a default and is not in the argument specification")
        for name, option in options.items():
            if not isinstance(option, dict):
                continue
            if option.get("required") and name in defaults:
                yield Finding(file, 1, f"{name} has a default although the argument specification requires it")
            if "default" in option and name not in defaults:
                yield Finding(
                    spec,
                    1,
                    f"{name} has a default in the argument specification and none in {file}, where it would count",
                )
            if (
                "default" in option
                and name in defaults
                and option["default"] != defaults[name]
                and not _computed(defaults[name])
            ):
                yield Finding(spec, 1, f"{name}: default {option['default']!r} there, {defaults[name]!r} in {file}")
            if (
                "default" not in option
                and name in defaults
                and not _computed(defaults[name])
                and not _empty(defaults[name])
            ):
                yield Finding(spec, 1, f"{name}: no default there, {defaults[name]!r} in {file}")


def _computed(value: Any) -> bool:
    """Whether a default is an expression: the documentation then says in words what it comes to."""
    return "{{" in str(value)


def _empty(value: Any) -> bool:
    return value in (None, "", [], {})


def variables_are_documented(tree: Tree) -> Iterator[Finding]:
    made = _made_anywhere(tree)
    shared = set(role_options(tree, SHARED_ROLE))
    for role in tree.roles:
        allowed = set(role_options(tree, role)) | shared | made
        files = tree.matching(
            f"roles/{role}/tasks/**/*.yml",
            f"roles/{role}/handlers/**/*.yml",
            f"roles/{role}/defaults/*.yml",
            f"roles/{role}/vars/*.yml",
        )
        for path in files:
            for line, name in _used(tree.document(path), 1):
                if name not in allowed:
                    yield Finding(path, line, f"uses {name}, which no argument specification documents")
        for path in tree.matching(f"roles/{role}/templates/**/*"):
            for line, name in _used(tree.text(path), 1):
                if name not in allowed:
                    yield Finding(path, line, f"uses {name}, which no argument specification documents")


def _made_anywhere(tree: Tree) -> set[str]:
    """Names that some task registers, sets as a fact, or gets as a loop or task variable, and facts that a module
    documents to return."""
    found: set[str] = set()
    for path in tree.task_files:
        for task in tree.tasks(path):
            found.update(str(key) for key in task.body.get("vars") or {})
            found.update(str(key) for block in task.blocks for key in block.get("vars") or {})
            found.add(str(task.body.get("register", "")))
            found.add(str((task.body.get("loop_control") or {}).get("loop_var", "")))
            name, arguments = task.action()
            if name == "set_fact" and isinstance(arguments, dict):
                found.update(str(key) for key in arguments)
    for path in tree.matching("plugins/modules/*.py"):
        for block in re.findall(r"ansible_facts:.*?contains:(.*?)(?:\n\S|\Z)", tree.text(path), re.S):
            found.update(re.findall(r"^ +((?:standby|tibero)_\w+):", block, re.M))
    return found


def _used(value: Any, line: int, bare: bool = False) -> Iterator[tuple[int, str]]:
    """The variables with a shared prefix in the expressions of a task, with the line of the mapping they stand in."""
    if isinstance(value, dict):
        line = int(value.get(LINE, line))
        for key, item in value.items():
            if key != LINE:
                yield from _used(item, line, bare=key in BARE)
    elif isinstance(value, list):
        for item in value:
            yield from _used(item, line, bare)
    elif isinstance(value, str):
        parts = [value] if bare else ["".join(match) for match in EXPRESSION.findall(value)]
        for part in parts:
            for name in NAME.findall(QUOTED.sub("''", part)):
                yield line, name


def own_names(tree: Tree) -> Iterator[Finding]:
    """Only the shared role brings variables without its own name in front: .ansible-lint-ignore names that one file."""
    shared = role_options(tree, SHARED_ROLE)
    for role in tree.roles:
        place = f"roles/{role}"
        # A role may demand a shared variable in its specification; a default of its own would contradict the shared
        # one.
        demanded = {name for name in role_options(tree, role) if name not in shared or role == SHARED_ROLE}
        for name in sorted(demanded | set(role_defaults(tree, role))):
            if role != SHARED_ROLE and not name.lstrip("_").startswith(role + "_"):
                where = f"what describes the cluster belongs to the role {SHARED_ROLE}, the rest begins with {role}_"
                yield Finding(place, 1, f"brings the variable {name}; {where}")
            if role == SHARED_ROLE and not name.startswith((*PREFIXES, "__", SHARED_ROLE + "_")):
                where = f"those of the cluster begin with {' or '.join(PREFIXES)}"
                yield Finding(place, 1, f"brings the variable {name}; {where}")


def lists_keep_their_order(tree: Tree) -> Iterator[Finding]:
    """Ansible makes sets of both lists, and the order of a set of texts is another in each run: a file that is made of it changes where nothing did."""
    for path in tree.matching("roles/*/*/**/*.yml", "playbooks/**/*.yml"):
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            for name in SETS.findall(line):
                yield Finding(
                    path, number, f"{name} loses the order of its list; use reject('in', ...) or select('in', ...)"
                )


RULES = (
    Rule(
        "no-swallowed-errors",
        "no ignore_errors; failed_when: false only with a later assert on the same result",
        no_swallowed_errors,
    ),
    Rule("no-pause", "no pause and no sleep in tasks", no_pause),
    Rule("commands-are-lists", "commands are argument lists with changed_when and without secrets", commands_are_lists),
    Rule("changed-is-seen", "changed is never read from a program's prose", changed_not_from_prose),
    Rule("short-task-files", f"a task file has at most {TASK_FILE_LINES} lines", short_task_files),
    Rule("lists-keep-their-order", "no filter that loses the order of a list", lists_keep_their_order),
    Rule("asserts-can-fail", "no assert of a constant", asserts_can_fail),
    Rule(
        "roles-are-described", "every role has an argument specification, meta data and a README", roles_are_described
    ),
    Rule("defaults-agree", "a role's defaults are those of its argument specification", defaults_agree),
    Rule(
        "variables-are-documented",
        "every shared variable that a role uses is in an argument specification",
        variables_are_documented,
    ),
    Rule("own-names", "only the role cluster brings variables without its name in front", own_names),
)
