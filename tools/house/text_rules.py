# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for the text of any file: licence headers, machine paths, links, recordings, shell scripts."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator

from tools.house.source import Finding, Rule, Tree

# REUSE-IgnoreStart
HEADER = (
    "# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)",
    "# SPDX-License-Identifier: GPL-3.0-or-later",
)
# REUSE-IgnoreEnd
#: Lines that must stay before it.
FIRST_LINES = ("#!", "---", "# -*- coding")
#: Endings of files that begin with the header, after lines that must stay first (#!, ---, the coding).
WITH_HEADER = (".py", ".sh", ".yml", ".yaml", ".toml", ".cfg", ".j2")
#: Files whose licence REUSE.toml tells, since their format has no comments or another tool writes them.
WITHOUT_HEADER = re.compile(
    r"tests/recordings/.*|changelogs/.*|galaxy\.yml|lab/emulator/vendor/.*|tests/sanity/.*|.*/fixtures/.*"
)

#: Paths of the machine that the project happens to be written on, spelled so that this file does not break its own
#: rule.
MACHINE = re.compile(r"(?<![\w./])/wor[k]/|/far[m]/|\.librar[y]/|/opt/wheel[s]|/opt/pyp[i]")
#: Who or what writes a text is no part of it.
WRITERS = re.compile(r"\b(?:clau[d]e|anthropi[c]|chatgp[t]|copilo[t]|LL[M]s?|sub-?agen[t]s?|AI assistan[t])\b", re.I)

RECORDINGS = "tests/recordings/tibero/"
DIGESTS = "tests/gates/recordings.sha256"

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def headers(tree: Tree) -> Iterator[Finding]:
    for path in tree.files:
        if not path.endswith(WITH_HEADER) or WITHOUT_HEADER.fullmatch(path) or not tree.text(path).strip():
            continue  # ansible-test wants an __init__.py of module_utils to be empty
        lines = tree.text(path).split("\n", 6)
        while lines and lines[0].startswith(FIRST_LINES):
            lines = lines[1:]
        if tuple(lines[:2]) != HEADER:
            yield Finding(path, 1, "does not begin with the two lines of the licence")


def no_machine_paths(tree: Tree) -> Iterator[Finding]:
    for path in tree.files:
        if path.startswith("tests/recordings/"):
            continue
        for number, line in enumerate(tree.text(path).split("\n"), 1):
            if MACHINE.search(line):
                yield Finding(path, number, "names a path of the machine it was written on")
            if WRITERS.search(line):
                yield Finding(path, number, "talks of who wrote it instead of what it is")


def links_lead_somewhere(tree: Tree) -> Iterator[Finding]:
    for path in tree.matching("**/*.md"):
        for number, line in enumerate(tree.text(path).split("\n"), 1):
            for target in LINK.findall(line):
                if "://" in target or target.startswith(("#", "mailto:")):
                    continue
                there = (tree.root / path).parent / target.split("#")[0]
                if not there.exists():
                    yield Finding(path, number, f"links to {target}, which is not there")


def recordings_are_untouched(tree: Tree) -> Iterator[Finding]:
    if DIGESTS not in tree.files:
        yield Finding(DIGESTS, 1, "is missing; it holds the digests of the recordings of real servers")
        return
    wanted = {path: digest for digest, path in (line.split(maxsplit=1) for line in tree.text(DIGESTS).splitlines())}
    there = {
        path: hashlib.sha256((tree.root / path).read_bytes()).hexdigest()
        for path in tree.files
        if path.startswith(RECORDINGS)
    }
    for path in sorted(set(wanted) | set(there)):
        if path not in there:
            yield Finding(path, 1, "this recording is gone")
        elif path not in wanted:
            yield Finding(path, 1, f"this recording is new; add its digest to {DIGESTS}")
        elif wanted[path] != there[path]:
            yield Finding(path, 1, "this recording was changed; recordings are what a real server printed")


def shell_scripts(tree: Tree) -> Iterator[Finding]:
    for path in tree.files:
        text = tree.text(path)
        if not re.match(r"#!.*\bbash\b", text):
            continue
        if not re.search(r"^set -euo pipefail$", text, re.M):
            yield Finding(path, 1, "a script of ours says: set -euo pipefail")
        done = subprocess.run(["bash", "-n", str(tree.root / path)], capture_output=True, text=True, check=False)
        if done.returncode:
            yield Finding(path, 1, f"bash cannot read it: {done.stderr.strip().splitlines()[-1]}")


def clean_text(tree: Tree) -> Iterator[Finding]:
    for path in tree.files:
        if path.startswith("tests/recordings/") or "/fixtures/" in path or path.endswith((".png", ".gz", ".tar")):
            continue
        text = tree.text(path)
        if text and not text.endswith("\n"):
            yield Finding(path, text.count("\n") + 1, "the last line has no end")
        for number, line in enumerate(text.split("\n"), 1):
            if line.rstrip(" \t\r") != line and not path.endswith(".txt"):
                yield Finding(path, number, "blanks at the end of the line")
            if "\t" in line and not path.endswith(("Makefile", ".txt")):
                yield Finding(path, number, "a tab")


RULES = (
    Rule("headers", "every file begins with its licence", headers),
    Rule("no-machine-paths", "no file names a path of one machine", no_machine_paths),
    Rule("links", "links between documents lead somewhere", links_lead_somewhere),
    Rule("recordings", "recordings of real servers are as they were recorded", recordings_are_untouched),
    Rule("shell-scripts", "shell scripts parse and stop at the first error", shell_scripts),
    Rule("clean-text", "no tabs, no trailing blanks, a last line with an end", clean_text),
)
