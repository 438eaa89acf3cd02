# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds the licence to files that lack it: part of `make format`.

python -m tools.house.headers [FILE...]     default: every file that the rule `headers` names
"""

from __future__ import annotations

import sys

from tools.house.source import Tree
from tools.house.text_rules import FIRST_LINES, HEADER, headers
from tools.tree import ROOT


def with_header(text: str) -> str:
    """The text with the licence after the lines that must stay first."""
    lines = text.split("\n")
    first = 0
    while first < len(lines) and lines[first].startswith(FIRST_LINES):
        first += 1
    gap = [] if first < len(lines) and (lines[first].startswith('"""') or not lines[first].strip()) else ["#"]
    if first < len(lines) and not lines[first].startswith(("#", '"""')):
        gap = []
    return "\n".join([*lines[:first], *HEADER, *gap, *lines[first:]])


def main() -> int:
    tree = Tree(ROOT)
    chosen = set(sys.argv[1:])
    for finding in headers(tree):
        if chosen and finding.path not in chosen:
            continue
        path = ROOT / finding.path
        path.write_text(with_header(tree.text(finding.path)), encoding="utf-8")
        print(f"licence added: {finding.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
