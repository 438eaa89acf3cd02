# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tree of files as the rules see it: every file read and parsed once."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tools.tree import project_files

#: The key under which a mapping read from YAML carries the number of its first line.
LINE = "__line__"


class Finding(NamedTuple):
    """A place where a rule is broken, and how."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


class Loader(yaml.SafeLoader):
    """Reads YAML with line numbers; tags of Ansible, such as !vault, are read as their plain value."""


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    found = {
        loader.construct_object(key, deep=True): loader.construct_object(value, deep=True) for key, value in node.value
    }
    found[LINE] = node.start_mark.line + 1
    return found


def _tagged(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return None


Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
Loader.add_multi_constructor("!", _tagged)


def plain(value: Any) -> Any:
    """The same data without the line numbers."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key != LINE}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


class Task(NamedTuple):
    """One task with its file, its first line, the blocks around it, and the tasks that stand after it in the same
    file."""

    path: str
    line: int
    body: dict[str, Any]
    blocks: tuple[dict[str, Any], ...]

    def action(self) -> tuple[str, Any]:
        """The module's name, without the collection for ansible.builtin, and its arguments; ("", None) for none."""
        for key, value in self.body.items():
            if key == "action" and isinstance(value, str):
                return value.split()[0].removeprefix("ansible.builtin."), value
            if key not in KEYWORDS and not key.startswith("with_"):
                return key.removeprefix("ansible.builtin."), value
        return "", None


#: Keys of a task that are no module.
KEYWORDS = frozenset(
    (
        *(LINE, "any_errors_fatal", "args", "async", "become", "become_exe", "become_flags", "become_method"),
        *(
            "become_user",
            "changed_when",
            "check_mode",
            "collections",
            "connection",
            "debugger",
            "delay",
            "delegate_facts",
        ),
        *("delegate_to", "diff", "environment", "failed_when", "ignore_errors", "ignore_unreachable", "listen", "loop"),
        *("loop_control", "module_defaults", "name", "no_log", "notify", "poll", "port", "register", "remote_user"),
        *("retries", "run_once", "tags", "throttle", "timeout", "until", "vars", "when", "block", "rescue", "always"),
    )
)


def _glob(pattern: str) -> str:
    """A glob pattern as a regular expression: ``**/`` stands for any directories or none, ``*`` for part of one
    name."""
    escaped = re.escape(pattern).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
    return f"(?:{escaped})"


class Tree:
    """The files of a directory. For a checkout these are git's, for a sample all that there are."""

    def __init__(self, root: Path) -> None:
        self.root = root
        if (root / ".git").exists():
            names = [path.as_posix() for path in project_files(root)]
        else:
            names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
        self.files: tuple[str, ...] = tuple(names)
        self._texts: dict[str, str] = {}
        self._modules: dict[str, ast.Module] = {}
        self._documents: dict[str, Any] = {}
        #: What could not be parsed, found on the way.
        self.broken: list[Finding] = []

    def matching(self, *patterns: str) -> list[str]:
        """The files that match a glob pattern, ``**`` included, in order."""
        expression = re.compile("|".join(_glob(pattern) for pattern in patterns))
        return [name for name in self.files if expression.fullmatch(name)]

    def text(self, path: str) -> str:
        """A file's text; bytes that are no UTF-8 become a mark, so that binary files do not end the run."""
        if path not in self._texts:
            self._texts[path] = (self.root / path).read_text(encoding="utf-8", errors="replace")
        return self._texts[path]

    def module(self, path: str) -> ast.Module:
        """A Python file, parsed; one that cannot be parsed counts as empty and is a finding of :func:`unreadable`."""
        if path not in self._modules:
            try:
                self._modules[path] = ast.parse(self.text(path), filename=path)
            except SyntaxError as error:
                self.broken.append(Finding(path, error.lineno or 1, f"is no Python: {error.msg}"))
                self._modules[path] = ast.Module(body=[], type_ignores=[])
        return self._modules[path]

    def document(self, path: str) -> Any:
        """A YAML file, parsed with line numbers; several documents become a list. Unreadable ones as in
        :meth:`module`."""
        if path not in self._documents:
            documents = self.parse(path, self.text(path))
            self._documents[path] = documents[0] if len(documents) == 1 else documents
        return self._documents[path]

    def parse(self, path: str, text: str, what: str = "the file") -> list[Any]:
        """The YAML documents of a text that stands in a file; an empty list, and a finding, if it cannot be parsed."""
        try:
            return list(yaml.load_all(text, Loader=Loader))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f" (its line {mark.line + 1})" if mark else ""
            finding = Finding(path, 1, f"{what} is no YAML: {getattr(error, 'problem', error)}{where}")
            if finding not in self.broken:
                self.broken.append(finding)
            return []

    @cached_property
    def python(self) -> list[str]:
        """All Python files."""
        return [name for name in self.files if name.endswith(".py")]

    @cached_property
    def roles(self) -> list[str]:
        """Names of the roles."""
        return sorted({name.split("/")[1] for name in self.files if name.startswith("roles/") and name.count("/") > 1})

    @cached_property
    def task_files(self) -> list[str]:
        """Files that hold tasks or plays."""
        return self.matching(
            "roles/*/tasks/**/*.yml",
            "roles/*/handlers/**/*.yml",
            "playbooks/**/*.yml",
            "molecule/**/*.yml",
            "tests/integration/**/*.yml",
            "benchmarks/**/*.yml",
        )

    def tasks(self, path: str) -> Iterator[Task]:
        """Every task of a file, those inside of blocks and plays included, in the order of the text."""
        document = self.document(path)
        if isinstance(document, list):
            for entry in document:
                yield from _tasks_of(path, entry, ())


def _tasks_of(path: str, entry: Any, blocks: tuple[dict[str, Any], ...]) -> Iterator[Task]:
    if not isinstance(entry, dict):
        return
    if "hosts" in entry:
        parts: Sequence[str] = ("pre_tasks", "tasks", "post_tasks", "handlers")
    elif "block" in entry:
        parts = ("block", "rescue", "always")
        blocks = (*blocks, entry)
    else:
        yield Task(path, int(entry.get(LINE, 1)), entry, blocks)
        return
    for part in parts:
        for inner in entry.get(part) or []:
            yield from _tasks_of(path, inner, blocks)


class Rule(NamedTuple):
    """A rule: its name, what it says, and how it is broken."""

    name: str
    says: str
    findings: Callable[[Tree], Iterator[Finding]]
