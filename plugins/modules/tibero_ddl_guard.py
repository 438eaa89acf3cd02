#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements that a standby cluster cannot follow."""

DOCUMENTATION = r"""
module: tibero_ddl_guard
short_description: Recognise statements that a standby cluster of Tibero cannot follow
version_added: 0.1.0
description:
  - Judges statements from their text, before anything is run. It only reads; what to do about the verdict is left to the caller.
  - The vendor's manual lists statements that redo apply cannot follow, after which every standby has to be built anew.
  - A statement is V(supported) only if its first words are on a list of what travels as redo. What is neither on that list nor forbidden is
    V(unknown), and so are blocks that are run, commands of C(tbsql) that call something else, variables, and text that cannot be taken apart.
  - V(caution) is not refused; it says what has to be looked after.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.action_group
  - firedrill.standby.tibero
  - firedrill.standby.tibero.login
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - Nothing is changed.
  idempotent:
    support: full
options:
  statements:
    description:
      - Statements of SQL. An element may hold several.
      - Exactly one of O(statements) and O(script) is needed.
    type: list
    elements: str
  script:
    description: A script on the host, in UTF-8, as C(tbsql) would be given it. Scripts that it calls are not followed.
    type: path
seealso:
  - module: firedrill.standby.tibero_query
  - module: firedrill.standby.tibero_standby_mark
"""

EXAMPLES = r"""
- name: Judge a script before it is run
  firedrill.standby.tibero_ddl_guard:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    script: /home/tibero/release_42.sql
  register: verdict

- name: Refuse what a standby cannot follow
  ansible.builtin.assert:
    that: not verdict.refused
    fail_msg: "{{ verdict.procedure }}"
"""

RETURN = r"""
grade:
  description: The worst grade of all statements, V(supported), V(caution), V(unknown) or V(unsupported).
  type: str
  returned: success
  sample: unsupported
refused:
  description: Whether a statement is V(unsupported) or V(unknown) while the instance has destinations, or while that is not known.
  type: bool
  returned: success
statements:
  description: Each statement with RV(ignore:line), RV(ignore:kind), RV(ignore:text) (its beginning), RV(ignore:sql) (without comments), RV(ignore:runs)
    (whether it can be run in a session of its own, V(yes), V(no), or V(skip) for a commit), RV(ignore:grade), RV(ignore:why) and RV(ignore:source).
  type: list
  elements: dict
  returned: success
  sample: [{line: 3, kind: sql, text: ALTER TABLESPACE hist READ ONLY, grade: unsupported, why: ALTER TABLESPACE ... READ ONLY}]
standbys:
  description: Addresses of the instance's destinations, or V(UNKNOWN).
  type: raw
  returned: success
procedure:
  description: The safe way to run them all the same, step by step; empty when they are not refused.
  type: list
  elements: str
  returned: success
seen:
  description: What was seen, with the value.
  returned: failure
  type: str
meaning:
  description: What follows from it.
  returned: failure
  type: str
remedy:
  description: What to do next.
  returned: failure
  type: str
nothing_changed:
  description: V(true) when it is certain that nothing was changed.
  returned: failure
  type: bool
details:
  description: Further data, such as the program that was run, with secrets hidden.
  returned: failure
  type: dict
"""

from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.ddl_guard import GUARD_SPEC, guard
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of


def main() -> None:
    """Run the module."""
    run_module(
        GUARD_SPEC,
        guard,
        secrets_of,
        mutually_exclusive=[("statements", "script")],
        required_one_of=[("statements", "script")],
    )


if __name__ == "__main__":
    main()
