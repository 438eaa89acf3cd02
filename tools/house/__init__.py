# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the house that a program can see.

Each rule is a function from a :class:`~tools.house.source.Tree` to findings. tests/gates/test_house_rules.py holds the
project to every rule and, in the same run, shows each rule a broken sample that it must find.
"""

from __future__ import annotations

from tools.house import ansible_rules, module_rules, python_rules, text_rules
from tools.house.source import Rule

RULES: tuple[Rule, ...] = python_rules.RULES + ansible_rules.RULES + module_rules.RULES + text_rules.RULES
