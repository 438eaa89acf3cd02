# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gates: what each one runs, where, and for how long at most.

A gate is a list of commands that all must end with 0. It runs in the copy of :mod:`tools.tree` or, where it says so, in
the checkout. tests/gates/test_gates_bite.py runs the same commands over broken samples and sees each of them fail.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tools.tree import CACHE, COLLECTIONS, ROOT

BIN = Path(sys.executable).parent
PYTHON = sys.executable

#: The oldest Python of a managed host, for vermin: ansible-core 2.16 still reaches it.
MANAGED_PYTHON = "3.6"
MANAGED = ("plugins/modules", "plugins/module_utils")
PLUGIN_KINDS = ("module_utils", "modules", "action", "callback", "filter", "inventory", "doc_fragments")


class Gate(NamedTuple):
    """One gate: its name, what it proves, its commands, and its limit in seconds.

    ``commands`` is called with the directory that is judged and returns argument lists. ``in_checkout`` says that the
    gate needs the checkout itself, because it runs the project instead of reading it. ``alone`` says that nothing runs
    beside it: it uses all processors itself, or measures times. Gates that ``share`` something never run beside each other.
    """

    name: str
    proves: str
    commands: Callable[[Path], list[list[str]]]
    limit: int = 900
    in_checkout: bool = False
    alone: bool = False
    share: str = ""


def tool(name: str, *arguments: str) -> list[str]:
    """The argument list of a program of the virtual environment."""
    return [str(BIN / name), *arguments]


def python(*arguments: str) -> list[str]:
    """The argument list of a run of the virtual environment's Python."""
    return [PYTHON, *arguments]


def own(script: str, *arguments: str) -> list[str]:
    """The argument list of a script of tools/, always the checkout's own."""
    return [PYTHON, str(ROOT / "tools" / script), *arguments]


def existing(root: Path, *names: str) -> list[str]:
    """Those of the paths that are there: a gate names all that it reads, also what is still to come."""
    return [name for name in names if (root / name).exists()]


def environment(collections: Path = COLLECTIONS, isolated: bool = True) -> dict[str, str]:
    """The environment of a gate: nothing of the user's own Ansible settings, and the copy as the installed collection.

    ``isolated`` gives it a home directory below .cache too, since some tools leave logs and caches at home. What runs
    the project over SSH keeps the real one: the path of SSH's control sockets has to be short.
    """
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "MOLECULE_", "PYTEST_"))
    }
    home = {"HOME": str(isolated_home()), "ANSIBLE_HOME": str(CACHE / "ansible")} if isolated else {}
    return {
        **kept,
        **home,
        "PATH": os.pathsep.join([str(BIN), kept.get("PATH", os.defpath), "/usr/sbin", "/sbin"]),
        "VIRTUAL_ENV": str(BIN.parent),
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "MYPYPATH": str(collections),
        "ANSIBLE_NOCOLOR": "1",
        "NO_COLOR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
    }


def isolated_home(name: str = "home") -> Path:
    """A home directory below .cache with the user's configuration of pip."""
    home = CACHE / name
    home.mkdir(parents=True, exist_ok=True)
    real = Path(os.path.expanduser(f"~{pwd.getpwuid(os.getuid()).pw_name}"))
    for name in (".config", ".pip"):
        if (real / name).is_dir():
            with suppress(FileExistsError):
                (home / name).symlink_to(real / name)
    return home


def _ruff(_root: Path) -> list[list[str]]:
    cache = f"--cache-dir={CACHE / 'ruff'}"
    return [
        tool("ruff", "check", "--quiet", "--output-format=concise", cache, "."),
        tool("ruff", "format", "--check", "--quiet", "--output-format=concise", cache, "."),
    ]


def _mypy(root: Path) -> list[list[str]]:
    cache = f"--cache-dir={CACHE / 'mypy'}"
    kinds = [kind for kind in PLUGIN_KINDS if any((root / "plugins" / kind).rglob("*.py"))]
    packages = [part for kind in kinds for part in ("-p", f"ansible_collections.firedrill.standby.plugins.{kind}")]
    own_code = [name for name in ("tools", "tests/gates") if any((root / name).rglob("*.py"))]
    found = [tool("mypy", cache, *packages)]
    return [*found, tool("mypy", cache, "--python-version=3.11", *own_code)] if own_code else found


def _vermin(root: Path) -> list[list[str]]:
    options = ("--no-tips", "--violations", "--eval-annotations", f"--target={MANAGED_PYTHON}-")
    found = [tool("vermin", *options, *existing(root, *MANAGED))]
    # Where there is a real Python of that age, it has the last word: it reads every file.
    oldest = oldest_python()
    return [*found, [oldest, str(ROOT / "tools" / "compile_all.py"), *existing(root, *MANAGED)]] if oldest else found


def oldest_python() -> str | None:
    """A working interpreter of the oldest version, from PATH or pyenv; None if there is none, which is usual."""
    name = f"python{MANAGED_PYTHON}"
    found = [shutil.which(name), *map(str, sorted(Path.home().glob(f".pyenv/versions/{MANAGED_PYTHON}.*/bin/{name}")))]
    for program in found:
        if program and subprocess.run([program, "-c", ""], capture_output=True, check=False).returncode == 0:
            return program
    return None


def _yamllint(_root: Path) -> list[list[str]]:
    return [tool("yamllint", "--strict", ".")]


def _shellcheck(root: Path) -> list[list[str]]:
    scripts = [str(path.relative_to(root)) for path in sorted(root.glob("**/*.sh"))] + existing(root, ".ci/run")
    return [tool("shellcheck", "--severity=warning", *scripts)] if scripts else []


def _ansible_lint(_root: Path) -> list[list[str]]:
    # Syntax checks of playbooks happen in the tool itself; it finds the collection in the copy.
    return [tool("ansible-lint", "--offline", "--strict", "--nocolor", "-q", "--format", "pep8")]


def _changelog(_root: Path) -> list[list[str]]:
    return [
        tool("antsibull-changelog", "lint"),
        tool("antsibull-changelog", "lint-changelog-yaml", "--strict", "changelogs/changelog.yaml"),
    ]


def _docs(_root: Path) -> list[list[str]]:
    options = ("--plugin-docs", "--validate-collection-refs=self", "--check-extra-docs-refs")
    return [tool("antsibull-docs", "lint-collection-docs", *options, ".")]


def _reuse(_root: Path) -> list[list[str]]:
    return [tool("reuse", "lint", "--lines")]


def _house(_root: Path) -> list[list[str]]:
    return [pytest("tests/gates/test_house_rules.py")]


def _artefact(_root: Path) -> list[list[str]]:
    return [pytest("tests/gates/test_artefact.py")]


def _bite(_root: Path) -> list[list[str]]:
    tests = ("test_gates_bite.py", "test_tools.py", "test_returned_keys.py", "test_module_store.py")
    return [pytest(*(f"tests/gates/{name}" for name in tests))]


def _importer(root: Path) -> list[list[str]]:
    return [own("importer.py", str(root))]


def _sanity(root: Path) -> list[list[str]]:
    return [own("sanity.py", str(root))]


def pytest(*arguments: str, interpreter: str = PYTHON) -> list[str]:
    """The argument list of a quiet run of pytest that leaves nothing behind and lets no test be skipped unseen."""
    return [interpreter, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "tools.skips", *arguments]


#: The long ones first, so that the short ones fill the gaps beside them and none runs on alone at the end.
LINT = (
    Gate("sanity", "ansible-test sanity on what the artefact holds", _sanity, limit=900),
    Gate("gates-bite", "each gate fails on a broken sample", _bite, limit=900, in_checkout=True),
    Gate("ansible-lint", "production profile, strict, no code excluded", _ansible_lint),
    Gate("docs", "documentation can be rendered, its references lead somewhere", _docs),
    Gate(
        "artefact",
        "the artefact installs offline; documentation and playbooks work from it",
        _artefact,
        in_checkout=True,
    ),
    Gate("house", "the rules of the house, tests/gates/test_house_rules.py", _house, in_checkout=True),
    Gate("importer", "Galaxy's importer takes the artefact without a warning", _importer),
    Gate("mypy", "strict types of plugins and tools", _mypy),
    Gate("ruff", "style, imports, types present, usual mistakes; formatting at 120 columns", _ruff),
    Gate("vermin", f"managed-host code runs on Python {MANAGED_PYTHON}", _vermin),
    Gate("yamllint", "YAML of code, docs and examples", _yamllint),
    Gate("shellcheck", "shell scripts", _shellcheck),
    Gate("changelog", "changelog and fragments", _changelog),
    Gate("reuse", "every file has its licence", _reuse),
)


def _unit(root: Path) -> list[list[str]]:
    return [pytest("-n", "2", "--dist", "worksteal", *existing(root, "tests/unit", "tests/recordings"))]


def _core(version: str) -> Gate:
    def commands(_root: Path) -> list[list[str]]:
        return [own("core.py", version)]

    return Gate(f"core-{version}", f"modules and playbooks under ansible-core {version}", commands, in_checkout=True)


def cores() -> list[str]:
    """The supported versions of ansible-core, from requirements/cores.txt: ``["2.16", ...]``."""
    lines = (ROOT / "requirements" / "cores.txt").read_text(encoding="utf-8").splitlines()
    return [".".join(line.split("==")[1].split(".")[:2]) for line in lines if line.startswith("ansible-core==")]


def _lab(part: str) -> Callable[[Path], list[list[str]]]:
    def commands(_root: Path) -> list[list[str]]:
        # More workers than processors, since many of them wait. A file's tests share a lab or a server and follow each other: one worker has them.
        return [pytest("-n", "4", "--dist", "loadfile", f"lab/{part}/tests")]

    return commands


UNIT = (
    Gate("unit", "unit tests, and every recording of a real server", _unit, limit=900, in_checkout=True, alone=True),
    Gate("lab-emulator", "the emulator of Tibero against recorded output", _lab("emulator"), in_checkout=True),
    Gate("lab-changes", "the way back after a failover, on a lab of directories", _lab("changes"), in_checkout=True),
    Gate("lab-hosts", "the lab's hosts work, break, heal and leave nothing", _lab("hosts"), in_checkout=True),
    *(_core(version) for version in cores()),
)


def _scenario(name: str) -> Gate:
    def commands(_root: Path) -> list[list[str]]:
        return [own("returned_keys.py", *tool("molecule", "test", "--scenario-name", name))]

    return Gate(
        f"molecule:{name}",
        f"molecule/{name} over real SSH on the emulator",
        commands,
        limit=2400,
        in_checkout=True,
        share=DIRECTORIES if name == "operating" else "",
    )


#: Labs of directories have their ports on one address.
DIRECTORIES = "labs of directories"


def _demo(_root: Path) -> list[list[str]]:
    return [python("-m", "lab.demo")]


DEMO = Gate(
    "demo", "make demo: rows that travel, a drill, evidence that verifies", _demo, in_checkout=True, share=DIRECTORIES
)


#: These begin first: they hold most runs of playbooks, and what begins last should not run alone for long.
LONG = ("bad_input", "role_change", "drill", "broken", "boots", "default", "resume", "methods")


def scenarios(root: Path = ROOT) -> list[str]:
    """The names of molecule's scenarios, found and never listed, so that none is forgotten; the long ones first."""
    names = sorted(path.parent.name for path in root.glob("molecule/*/molecule.yml"))
    return sorted(names, key=lambda name: LONG.index(name) if name in LONG else len(LONG))


STAGES = ("lint", "unit", "molecule")
#: Gates at a time, of those that bear another beside them. The lab of a scenario has a name, a subnet and
#: directories of its own. With two scenarios a quarter of two processors is idle, with three a twentieth: a third gains
#: little, and brings each nearer to its limits on a slower machine.
JOBS = {"lint": 2, "unit": 3, "molecule": 2}
EMPTY = {"molecule": "no molecule/*/molecule.yml exists. A run without a scenario proves nothing, so it fails."}


def stage(name: str) -> list[Gate]:
    """The gates of a stage."""
    if name == "molecule":
        found = [_scenario(scenario) for scenario in scenarios()]
        return [*found[:2], DEMO, *found[2:]] if found else []
    return list(LINT if name == "lint" else UNIT)
