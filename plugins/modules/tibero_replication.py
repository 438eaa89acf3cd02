#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Destinations and protection mode of a running primary."""

DOCUMENTATION = r"""
module: tibero_replication
short_description: Set where a running Tibero primary sends its redo
version_added: 0.1.0
description:
  - Brings destinations and protection mode of a running primary to the wanted values by C(ALTER SYSTEM), without a restart.
  - Redo is first sent in V(performance); a stronger O(mode) is set last, after the destinations, and is tried again until O(timeout)
    while the server answers that the standby is not ready.
  - The tip is not touched; write the same values with M(firedrill.standby.tibero_tip), because the server does not.
  - Destinations of the server that O(destinations) does not name are left as they are and returned in RV(extra).
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
  mode:
    description: The protection mode of the cluster.
    type: str
    required: true
    choices: [performance, availability, protection]
  destinations:
    description: Keys V(LOG_REPLICATION_DEST_1) to V(LOG_REPLICATION_DEST_9) with their values.
    type: dict
    required: true
seealso:
  - module: firedrill.standby.tibero_tip
  - module: firedrill.standby.tibero_instance
"""

EXAMPLES = r"""
- name: Send redo to a new standby
  firedrill.standby.tibero_replication:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    mode: performance
    destinations:
      LOG_REPLICATION_DEST_1: "10.0.0.2:8633 LGWR ASYNC"
"""

RETURN = r"""
statements:
  description: The statements that were run, or would be in check mode.
  type: list
  elements: str
  returned: success
extra:
  description: Destinations of the server that were not named and were left alone.
  type: list
  elements: str
  returned: success
parameters:
  description: Mode and destinations as the server shows them afterwards.
  type: dict
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
    REPLICATION_SPEC,
    ensure_replication,
)


def main() -> None:
    """Run the module."""
    run_module(REPLICATION_SPEC, ensure_replication, secrets_of)


if __name__ == "__main__":
    main()
