#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A standby that is open read only."""

DOCUMENTATION = r"""
module: tibero_read_only
short_description: Open a Tibero standby read only while it applies redo
version_added: 0.1.0
description:
  - Opens a standby with C(ALTER DATABASE OPEN READ ONLY CONTINUE RECOVERY), or brings it back to recovery with C(ALTER DATABASE STANDBY).
  - Apply goes on, so that the result of a query changes with time.
  - Temporary files must exist. A standby whose views name one that does not is refused, with the remedy.
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
    description: V(present) opens the standby read only, V(absent) brings it back to recovery.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: firedrill.standby.tibero_instance
"""

EXAMPLES = r"""
- name: Let users read the standby
  firedrill.standby.tibero_read_only:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
"""

RETURN = r"""
open_mode:
  description: The open mode afterwards, V(read_only) or V(recovery).
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
  description: Further data, such as the program that was run, with secrets hidden.
  returned: failure
  type: dict
"""

from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.replication import (
    READ_ONLY_SPEC,
    ensure_read_only,
)


def main() -> None:
    """Run the module."""
    run_module(READ_ONLY_SPEC, ensure_read_only, secrets_of)


if __name__ == "__main__":
    main()
