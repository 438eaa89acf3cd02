#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Standby redo log groups."""

DOCUMENTATION = r"""
module: tibero_standby_redo
short_description: Give a Tibero standby its standby redo logs
version_added: 0.1.0
description:
  - Adds the log groups into which a standby writes the redo that it receives, and switches them on.
  - Their size is that of the online logs. On 7 there are as many as online groups, with their numbers, in thread 0. On 6 the number is free, and
    twice the online groups are recommended; their numbers follow those of the online groups, and no thread is named.
  - It is done in MOUNT, in the vendor's order - parameter, groups, thread, C(RECOVER AUTOMATIC FOR STANDBY) - and ends as it began, in MOUNT or in
    recovery. A standby in recovery is stopped for it only with O(restart).
  - They cannot be taken away again.
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
      - The primary is asked in check mode too, so that a refusal is predicted.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  groups:
    description: Number of groups. V(0) follows the vendor, see above; on 7 no other number than that of the online groups is allowed.
    type: int
    default: 0
  directory:
    description: Directory of the new logs; by default C(DB_CREATE_FILE_DEST) of the tip.
    type: path
  parameter:
    description:
      - The parameter that switches them on. By default what the tip has, else C(_USE_STANDBY_REDO_LOG) on 6 and C(USE_STANDBY_REDO_LOG) on 7. Late
        releases of 6 know the name of 7.
    type: str
    choices: [USE_STANDBY_REDO_LOG, _USE_STANDBY_REDO_LOG]
  version:
    description: Major version of Tibero.
    type: int
    choices: [6, 7]
    default: 7
  restart:
    description: Whether a standby in recovery may be stopped. It receives nothing meanwhile.
    type: bool
    default: false
  primary_alias:
    description:
      - Alias of the primary in this host's C(tbdsn.tbr). It is asked whether it can do without this standby, because in PROTECTION it ends with its
        last C(LGWR SYNC) standby.
      - Needed to stop a standby in recovery.
    type: str
  destination:
    description: Number of this standby's destination on the primary.
    type: int
seealso:
  - module: firedrill.standby.tibero_standby_controlfile
  - module: firedrill.standby.tibero_instance
"""

EXAMPLES = r"""
- name: Give a standby its standby redo logs
  firedrill.standby.tibero_standby_redo:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    restart: true
    primary_alias: seoul1
    destination: 1
"""

RETURN = r"""
groups:
  description: The standby redo log groups afterwards, each with RV(ignore:group), RV(ignore:member) and RV(ignore:bytes).
  type: list
  elements: dict
  returned: success
  sample: [{group: 0, member: /tibero/tibero7/database/orders/standby000.log, bytes: 52428800}]
parameter:
  description: The parameter in the tip.
  type: str
  returned: success
  sample: USE_STANDBY_REDO_LOG
steps:
  description: What was done, or would be in check mode.
  type: list
  elements: str
  returned: success
restarted:
  description: Whether the standby was stopped on the way.
  type: bool
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.standby_redo import (
    STANDBY_REDO_SPEC,
    ensure_standby_redo,
)


def main() -> None:
    """Run the module."""
    run_module(
        STANDBY_REDO_SPEC,
        ensure_standby_redo,
        secrets_of,
        required_if=[("restart", True, ("primary_alias", "destination"))],
    )


if __name__ == "__main__":
    main()
