#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a drill."""

DOCUMENTATION = r"""
module: drill_table
short_description: Make or drop the table that the probe of a drill writes
version_added: 0.1.0
description:
  - Makes the table C(DRILL_LEDGER) of the account that logs in on the primary, or drops it.
  - A table of that name with other columns, or with rows that are not of O(drill), is neither used nor dropped; the module refuses.
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
    support: full
  idempotent:
    support: full
options:
  state:
    description: V(present) makes the table when it is missing, V(absent) drops it with the rows of O(drill).
    type: str
    choices: [present, absent]
    default: present
  drill:
    description: Name of the drill.
    type: str
    required: true
seealso:
  - module: firedrill.standby.drill_probe
"""

EXAMPLES = r"""
- name: Make the table
  firedrill.standby.drill_table:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    drill: 2026-03-01
"""

RETURN = r"""
table:
  description: Name of the table.
  type: str
  returned: success
rows:
  description: Rows of the drill that were there.
  type: int
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
  description: Further data, with secrets hidden.
  returned: failure
  type: dict
"""

from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.drill_table import TABLE_SPEC, ensure_table
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of


def main() -> None:
    """Run the module."""
    run_module(TABLE_SPEC, ensure_table, secrets_of)


if __name__ == "__main__":
    main()
