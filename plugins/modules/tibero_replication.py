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
  - The primary is never left in V(protection) or V(availability) without an LGWR SYNC destination that is on and proven to run. So the mode is
    lowered before the last such destination is touched, and raised last, after one is proven.
  - Proven means that the standby itself, asked through its alias, is in recovery and has reached the position of the primary, and that the
    primary's own view does not contradict. A mode that cannot be proven is refused, and the legal way is named.
  - Each statement is read back before the next one is run.
  - The tip is not touched; write the same values with M(firedrill.standby.tibero_tip), because the server does not.
  - Destinations of the server that O(destinations) does not name are left as they are and returned in RV(extra), unless O(remove_extra) is set.
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
      - Standbys are asked in check mode too. That one which answers is still running when the mode is raised cannot be predicted.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  mode:
    description:
      - The protection mode of the cluster.
      - V(unprotected) sends nothing, and is legal only without any destination.
    type: str
    required: true
    choices: [unprotected, performance, availability, protection]
  destinations:
    description: Keys V(LOG_REPLICATION_DEST_1) to V(LOG_REPLICATION_DEST_9) with their values.
    type: dict
    required: true
  suspended:
    description:
      - Keys of O(destinations) to which no redo is sent for the time being.
      - What a standby misses is sent later from the primary's logs and archives, so archives must be kept until then.
    type: list
    elements: str
    default: []
  aliases:
    description:
      - For a key of O(destinations) the alias in this host's C(tbdsn.tbr) by which its standby can be asked.
      - Needed for standbys with C(LGWR SYNC) when the mode is V(availability) or V(protection).
    type: dict
    default: {}
  remove_extra:
    description:
      - Remove destinations of the server that O(destinations) does not name.
      - A destination is removed by giving it an empty value, which the manual does not show; the statement is read back.
    type: bool
    default: false
  enable_parameter:
    description:
      - Name of the parameter that switches one destination on and off, with C({n}) for its number.
      - The manual describes it and prints it misspelt, as V(LOG_RELICATION_{n}_ENABLE).
    type: str
    default: LOG_REPLICATION_{n}_ENABLE
  running_words:
    description: Words of C(V$STANDBY_DEST) for a destination that sends. The view's columns are not documented.
    type: list
    elements: str
    default: [RUNNING]
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

- name: Keep commits on two hosts, and send nothing to the remote one for now
  firedrill.standby.tibero_replication:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    mode: availability
    destinations:
      LOG_REPLICATION_DEST_1: "10.0.0.2:8633 LGWR SYNC"
      LOG_REPLICATION_DEST_2: "10.9.0.2:8633 LGWR ASYNC"
    suspended: [LOG_REPLICATION_DEST_2]
    aliases:
      LOG_REPLICATION_DEST_1: seoul2
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
removed:
  description: Destinations that were removed, or would be in check mode.
  type: list
  elements: str
  returned: success
suspended:
  description: Destinations that are switched off afterwards.
  type: list
  elements: str
  returned: success
parameters:
  description: Mode and destinations as the server shows them afterwards.
  type: dict
  returned: success
mode_before:
  description: The protection mode before.
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
    REPLICATION_SPEC,
    ensure_replication,
)


def main() -> None:
    """Run the module."""
    run_module(REPLICATION_SPEC, ensure_replication, secrets_of)


if __name__ == "__main__":
    main()
