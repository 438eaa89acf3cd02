#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a drill as a member shows them."""

DOCUMENTATION = r"""
module: drill_rows_info
short_description: Read all rows of a drill on one member into a file
version_added: 0.1.0
description:
  - Reads the whole table C(DRILL_LEDGER) on this member and writes it into a file on it, because a drill has more rows than a result can hold. The
    file has the form of C(raw/rows/) of the evidence; a head with leg, read and member, a line of JSON for each row, and an end with number and digest.
  - The digest of a payload is computed from the payload that is there. A row whose own C(payload_hash) says something else is counted as
    damaged; its line has the digest that was computed.
  - A table that changes while it is read is refused. A standby answers only while it is open read only.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.info
  - firedrill.standby.attributes.action_group
  - firedrill.standby.tibero
  - firedrill.standby.tibero.login
options:
  path:
    description: File to write, replaced when it exists. Its directory is made with mode 0700 and must be of the user of the task.
    type: path
    required: true
  drill:
    description: Name of the drill.
    type: str
    required: true
  leg:
    description: Name of the role change after which it is read.
    type: str
    required: true
  read:
    description: V(a) is the new primary, V(b) another member, V(c) the primary after the way home.
    type: str
    choices: [a, b, c]
    required: true
  member:
    description: Name of this member.
    type: str
    required: true
notes:
  - In check mode the rows are counted and no file is written.
seealso:
  - module: firedrill.standby.drill_probe
"""

EXAMPLES = r"""
- name: Read what survived
  firedrill.standby.drill_rows_info:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    drill: 2026-03-01
    leg: there
    read: a
    member: busan1
    path: /tibero/tibero7/instance/orders/firedrill/drill/rows.jsonl
"""

RETURN = r"""
file:
  description: The file that was written; with the name of the option, Ansible would add owner, mode and size of it.
  type: str
  returned: success
rows:
  description: Rows in it.
  type: int
  returned: success
damaged:
  description: Rows whose payload has another digest than they claim.
  type: int
  returned: success
alien:
  description: Rows that are not of the drill.
  type: int
  returned: success
sha256:
  description: Digest of the file; empty in check mode.
  type: str
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.drill_table import ROWS_SPEC, rows_info
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of


def main() -> None:
    """Run the module."""
    run_module(ROWS_SPEC, rows_info, secrets_of)


if __name__ == "__main__":
    main()
