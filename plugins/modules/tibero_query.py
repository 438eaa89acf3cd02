#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one SQL statement."""

DOCUMENTATION = r"""
module: tibero_query
short_description: Run one SQL statement on a Tibero instance
version_added: 0.1.0
description:
  - Runs one statement with C(tbsql) and returns its rows as dictionaries. The statement travels on standard input.
  - Only SELECT is run unless O(allow_changes=true).
  - Statements that redo apply cannot follow are refused while the instance has destinations, whatever
    O(allow_changes) says.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.action_group
  - firedrill.standby.tibero
  - firedrill.standby.tibero.login
attributes:
  check_mode:
    support: full
    details:
      - With O(allow_changes=true) a statement that is no SELECT is not run and reported as changed.
  diff_mode:
    support: none
    details:
      - What a statement changes cannot be told from outside.
  idempotent:
    support: partial
    details:
      - SELECT never reports a change; any other statement always does.
options:
  query:
    description:
      - The statement, without comments; the final semicolon may be left out.
    type: str
    required: true
  allow_changes:
    description:
      - Run statements that are no SELECT too. They are committed when C(tbsql) leaves.
    type: bool
    default: false
seealso:
  - module: firedrill.standby.tibero_instance_info
"""

EXAMPLES = r"""
- name: Which logs there are
  firedrill.standby.tibero_query:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    query: SELECT GROUP#, SEQUENCE#, STATUS FROM V$LOG
  register: logs
"""

RETURN = r"""
rows:
  description: The rows; every value is a text, or none for NULL and for a text of blanks only.
  type: list
  elements: dict
  returned: success
  sample: [{"GROUP#": "0", "SEQUENCE#": "7", "STATUS": "CURRENT"}]
columns:
  description: The headings, in order; empty when there were no rows, because C(tbsql) prints none then.
  type: list
  elements: str
  returned: success
row_count:
  description: Number of rows read, or the number the reply named.
  type: int
  returned: success
reply:
  description: What C(tbsql) said of a statement that is no SELECT.
  type: str
  returned: success
  sample: 1 row inserted.
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.query_tasks import QUERY_SPEC, run_query


def main() -> None:
    """Run the module."""
    run_module(QUERY_SPEC, run_query, secrets_of)


if __name__ == "__main__":
    main()
