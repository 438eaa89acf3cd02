# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for Python: layers, who may start programs or sleep, purity of grammar, sizes."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Iterator

from tools.house.source import Finding, Rule, Tree

PLUGINS = "ansible_collections.firedrill.standby.plugins."
UTILS = "plugins/module_utils/"

#: Who may start processes, and why. Everybody else takes a runner as an argument.
MAY_START_PROCESSES = {
    "plugins/module_utils/_core/runner.py": "the runner itself",
    "plugins/module_utils/_core/detached.py": "forks the module that goes on in the background; starts no program",
    "plugins/module_utils/_core/drill_program.py": "becomes ansible-playbook, which then holds its lock; starts nothing beside itself",
    "plugins/module_utils/_core/seed/agent.py": "streams the copy through ssh, which the runner's files cannot do",
    "plugins/module_utils/_core/seed/transport.py": "streams the copy through ssh, which the runner's files cannot do",
}
#: Who may sleep, and why.
MAY_SLEEP = {
    "plugins/module_utils/_core/wait.py": "the one waiter",
    "lab/emulator/tibero_emulator/settings.py": "the timing profile: a boot takes the seconds that a real one takes",
    "lab/emulator/tibero_emulator/tools/common.py": "the emulator is packed without the rest of the project, and has a waiter of its own",
    "lab/emulator/tests/server_harness.py": "the same, for its tests",
    "benchmarks/seed_copy.py": "samples the memory of processes again and again",
    "molecule/shared/writer.py": "runs alone on a client host, where nothing of the project is",
}
PROCESS_MODULES = frozenset(("subprocess", "pty", "multiprocessing"))
PROCESS_CALLS = ("exec", "spawn", "posix_spawn", "fork", "popen", "system", "startfile")
#: What grammar may import: modules that compute and neither read nor write.
PURE = frozenset(
    (
        *("__future__", "abc", "bisect", "collections", "copy", "datetime", "decimal", "enum", "functools", "hashlib"),
        *(
            "itertools",
            "json",
            "math",
            "operator",
            "re",
            "string",
            "struct",
            "textwrap",
            "typing",
            "unicodedata",
            "xml",
        ),
    )
)
READS_OR_WRITES = frozenset(("open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"))

FUNCTION_LINES = 60
MAIN_LINES = 10
MODULE_LINES = 150


def imports(tree: Tree, path: str) -> Iterator[tuple[int, str]]:
    """Every name that a file imports, as a dotted path; relative ones resolved."""
    package = "ansible_collections.firedrill.standby." + path.rsplit("/", 1)[0].replace("/", ".")
    for node in ast.walk(tree.module(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join(
                    [*package.split(".")[: len(package.split(".")) - node.level + 1], *([base] if base else [])]
                )
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def _layer(path: str) -> str:
    """``_core``, ``_tibero``, ... for what lies below module_utils, else the empty string."""
    parts = path.split("/")
    return parts[2] if path.startswith(UTILS) and len(parts) > 3 else ""


def layers(tree: Tree) -> Iterator[Finding]:
    for path in tree.matching("plugins/**/*.py"):
        own = _layer(path)
        for line, name in imports(tree, path):
            if name.startswith(PLUGINS + "modules."):
                yield Finding(path, line, "imports a module; put what is shared into module_utils")
            if name.split(".")[0] in ("lab", "tests", "tools", "tibero_emulator"):
                yield Finding(path, line, f"imports {name}, which is not part of the collection")
            other = (
                name.removeprefix(PLUGINS + "module_utils.").split(".")[0]
                if name.startswith(PLUGINS + "module_utils.")
                else ""
            )
            if not own or not other or other == own:
                continue
            if own == "_core":
                yield Finding(path, line, f"_core imports {other}; _core knows no engine and no Ansible")
            elif other != "_core":
                yield Finding(path, line, f"the engine {own} imports {other}; an engine imports _core and itself")


def ansible_only_in_adapter(tree: Tree) -> Iterator[Finding]:
    for path in tree.matching(UTILS + "**/*.py"):
        if path == UTILS + "_module.py":
            continue
        for line, name in imports(tree, path):
            if name.split(".")[0] == "ansible":
                yield Finding(path, line, f"imports {name}; only {UTILS}_module.py meets Ansible")


def standard_library_only(tree: Tree) -> Iterator[Finding]:
    known = sys.stdlib_module_names | {"ansible", "ansible_collections"}
    for path in tree.matching("plugins/modules/**/*.py", UTILS + "**/*.py"):
        for line, name in imports(tree, path):
            if name.split(".")[0] not in known:
                yield Finding(path, line, f"imports {name.split('.')[0]}; managed hosts have the standard library only")


def one_runner(tree: Tree) -> Iterator[Finding]:
    for path in tree.matching("plugins/**/*.py"):
        if path in MAY_START_PROCESSES:
            continue
        for line, name in imports(tree, path):
            if name.split(".")[0] in PROCESS_MODULES:
                yield Finding(path, line, f"imports {name.split('.')[0]}; programs run through the injected runner")
        for node in ast.walk(tree.module(path)):
            if not isinstance(node, ast.Attribute):
                continue
            if isinstance(node.value, ast.Name) and node.value.id == "os" and node.attr.startswith(PROCESS_CALLS):
                yield Finding(path, node.lineno, f"uses os.{node.attr}; programs run through the injected runner")
            if node.attr in ("run_command", "create_subprocess_exec", "create_subprocess_shell", "ProcessPoolExecutor"):
                yield Finding(path, node.lineno, f"uses {node.attr}; programs run through the injected runner")


def pure_grammar(tree: Tree) -> Iterator[Finding]:
    for path in tree.matching(UTILS + "*/grammar/**/*.py"):
        for line, name in imports(tree, path):
            top = name.split(".")[0]
            inside = name.startswith(PLUGINS + "module_utils.") and (
                ".grammar." in name or "._core.errors" in name or "._core.facts" in name
            )
            if not inside and top not in PURE:
                yield Finding(path, line, f"grammar imports {name}; it computes and does no I/O")
        for node in ast.walk(tree.module(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in READS_OR_WRITES:
                yield Finding(path, node.lineno, f"grammar calls {node.func.id}(); it computes and does no I/O")


def _functions(tree: Tree, path: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree.module(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def small_functions(tree: Tree) -> Iterator[Finding]:
    for path in tree.python:
        for node in _functions(tree, path):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield Finding(path, node.lineno, f"{node.name} has {lines} lines; the limit is {FUNCTION_LINES}")


def code_lines(text: str) -> int:
    """Lines that hold code: no comments, blanks, docstrings or documentation blocks."""
    skipped: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        value = node.value if isinstance(node, (ast.Expr, ast.Assign)) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            targets = (
                [target.id for target in node.targets if isinstance(target, ast.Name)]
                if isinstance(node, ast.Assign)
                else ["docstring"]
            )
            if set(targets) & {"DOCUMENTATION", "EXAMPLES", "RETURN", "docstring"}:
                skipped.update(range(value.lineno, (value.end_lineno or value.lineno) + 1))
    code: set[int] = set()
    nothing = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in nothing:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code - skipped)


def thin_modules(tree: Tree) -> Iterator[Finding]:
    for path in tree.matching("plugins/modules/*.py"):
        lines = code_lines(tree.text(path))
        if lines > MODULE_LINES:
            yield Finding(
                path, 1, f"{lines} lines of code; a module has at most {MODULE_LINES}: move the work into module_utils"
            )
        for node in _functions(tree, path):
            length = (node.end_lineno or node.lineno) - node.lineno
            if node.name == "main" and length > MAIN_LINES:
                yield Finding(path, node.lineno, f"main() has {length} lines; the limit is {MAIN_LINES}")


def no_bare_except(tree: Tree) -> Iterator[Finding]:
    for path in tree.python:
        for node in ast.walk(tree.module(path)):
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                yield Finding(path, node.lineno, "bare except; name what is expected")


def one_waiter(tree: Tree) -> Iterator[Finding]:
    """One in the collection, `_core/wait.py`, and one outside of it, `lab/hosts/system.py`, which waits for an event and not with a sleep."""
    for path in tree.matching(
        "plugins/**/*.py", "lab/**/*.py", "tools/**/*.py", "benchmarks/**/*.py", "molecule/**/*.py"
    ):
        if path in MAY_SLEEP:
            continue
        for line, name in imports(tree, path):
            if name == "time.sleep":
                yield Finding(
                    path, line, "imports time.sleep; wait with _core/wait.py, or with wait_for of lab/hosts/system.py"
                )
        for node in ast.walk(tree.module(path)):
            if isinstance(node, ast.Attribute) and node.attr == "sleep" and _is_time(node.value):
                yield Finding(path, node.lineno, "sleeps; a wait is a predicate with a deadline")


def _is_time(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("time", "asyncio")


def no_test_that_cannot_fail(tree: Tree) -> Iterator[Finding]:
    for path in tree.matching("tests/**/*.py", "molecule/**/*.py", "benchmarks/**/*.py"):
        for node in ast.walk(tree.module(path)):
            if isinstance(node, ast.Assert) and isinstance(node.test, ast.Constant) and node.test.value:
                yield Finding(path, node.lineno, "asserts a constant; a test that cannot fail proves nothing")
            if isinstance(node, ast.Assert) and isinstance(node.test, ast.Tuple) and node.test.elts:
                yield Finding(path, node.lineno, "asserts a tuple, which is always true")


def no_wall_clock(tree: Tree) -> Iterator[Finding]:
    # A comparison with a stored time of expiry is fine; a difference is a duration, which a step of the clock makes
    # wrong.
    for path in tree.matching("plugins/**/*.py"):
        for node in ast.walk(tree.module(path)):
            if (
                isinstance(node, ast.BinOp)
                and isinstance(node.op, ast.Sub)
                and any(map(_is_wall_clock, (node.left, node.right)))
            ):
                yield Finding(path, node.lineno, "subtracts time.time(); durations are measured with time.monotonic()")


def _is_wall_clock(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "time"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "time"
    )


def encodings_are_named(tree: Tree) -> Iterator[Finding]:
    # Python 3.6 takes the encoding of the locale, and under LC_ALL=C the first byte that is not ASCII ends the module.
    for path in tree.matching("plugins/modules/**/*.py", UTILS + "**/*.py"):
        for node in ast.walk(tree.module(path)):
            if not isinstance(node, ast.Call):
                continue
            given = {keyword.arg for keyword in node.keywords}
            for name in sorted(_needed_to_open(node) - given):
                yield Finding(path, node.lineno, f"opens a text without {name}; the locale of the host must not decide")


def _needed_to_open(node: ast.Call) -> set[str]:
    """The keywords that a call must have if it opens a text; nothing if it opens bytes, or nothing at all."""
    called = ast.unparse(node.func)
    if called in ("open", "io.open", "os.fdopen"):
        usual, place, needed = "r", 1, {"encoding", "errors"}
    elif called.startswith("tempfile.") and called.endswith("TemporaryFile"):
        # errors came with Python 3.8.
        usual, place, needed = "w+b", 0, {"encoding"}
    else:
        return set()
    mode: ast.expr = node.args[place] if len(node.args) > place else ast.Constant(usual)
    for keyword in node.keywords:
        mode = keyword.value if keyword.arg == "mode" else mode
    return set() if isinstance(mode, ast.Constant) and "b" in str(mode.value) else needed


RULES = (
    Rule("layers", "_core imports no engine, an engine no other engine, nothing imports a module", layers),
    Rule("one-adapter", "in module_utils only _module.py imports Ansible", ansible_only_in_adapter),
    Rule("standard-library", "what runs on managed hosts needs the standard library only", standard_library_only),
    Rule("one-runner", "only the runner and the listed exceptions start processes", one_runner),
    Rule("pure-grammar", "grammar computes: no I/O, no clock, no environment", pure_grammar),
    Rule("small-functions", f"a function has at most {FUNCTION_LINES} lines", small_functions),
    Rule(
        "thin-modules",
        f"a module has at most {MODULE_LINES} lines of code, its main() at most {MAIN_LINES}",
        thin_modules,
    ),
    Rule("no-bare-except", "every except names what it expects", no_bare_except),
    Rule("one-waiter", "only _core/wait.py and the listed exceptions sleep", one_waiter),
    Rule("no-wall-clock", "the collection computes no duration from time.time()", no_wall_clock),
    Rule("named-encodings", "what runs on managed hosts names encoding and errors of every text", encodings_are_named),
    Rule("tests-can-fail", "no test asserts a constant", no_test_that_cannot_fail),
)
