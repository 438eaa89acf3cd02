#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for redo to be applied."""

DOCUMENTATION = r"""
module: tibero_apply_wait
short_description: Wait until a standby has applied what the primary had
version_added: 0.1.0
description:
  - Waits on a standby until the position that it reports is the given one or a later one, then returns the standby as
    M(firedrill.standby.tibero_instance_info) does.
  - What a standby's C(CURRENT_TSN) means is not documented. For a proof by a row see M(firedrill.standby.tibero_marker).
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.action_group
  - firedrill.standby.tibero
  - firedrill.standby.tibero.login
attributes:
  check_mode:
    support: full
    details: The module looks once and does not wait.
  diff_mode:
    support: none
    details: Nothing is changed.
  idempotent:
    support: full
options:
  position:
    description: Position of the primary, as RV(firedrill.standby.tibero_instance_info#module:state) of it tells. One that is not known is refused.
    type: str
    required: true
  apply_timeout:
    description: Seconds to wait.
    type: int
    default: 300
seealso:
  - module: firedrill.standby.tibero_instance_info
  - module: firedrill.standby.tibero_marker
"""

EXAMPLES = r"""
- name: Wait until the standby is where the primary was
  firedrill.standby.tibero_apply_wait:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    position: "{{ hostvars['seoul1'].observed.state.position.value }}"
    apply_timeout: 600
"""

RETURN = r"""
duration:
  description: Seconds until the position was reached.
  type: float
  returned: success
state:
  description:
    - The instance as observed. Every fact is a dictionary of C(value) and C(source); a fact that is not known has the
      value V(UNKNOWN) and says C(why).
  type: dict
  returned: success
  sample: {name: orders, engine: tibero, open_mode: {value: recovery, source: "ps -t RECOVERY, ..."}, role: {value:
    standby, source: "..."}}
role:
  description: V(primary), V(standby), V(snapshot_standby), V(none) (no database) or V(UNKNOWN).
  type: str
  returned: success
  sample: standby
open_mode:
  description: V(stopped), V(nomount), V(mount), V(recovery), V(read_only), V(read_write) or V(UNKNOWN).
  type: str
  returned: success
  sample: recovery
running:
  description: V(true), V(false), or V(UNKNOWN) when the process list could not be read.
  type: raw
  returned: success
recorded_role:
  description: The role that our own record on the member names, empty without a record. It is never taken as the
    observed role.
  type: str
  returned: success
boot_request:
  description: The mode the running instance was booted with, from the process list.
  type: str
  returned: success
  sample: RECOVERY
elsewhere:
  description: Servers of this O(tb_sid) that run from another TB_HOME, looked for while this instance does not run.
  type: list
  elements: dict
  returned: success
  contains:
    pid:
      description: Process id of the server.
      type: int
    tb_home:
      description: Its TB_HOME, empty where its environment cannot be read.
      type: str
rebuild:
  description: Why this standby has to be built anew before it gets redo again, empty if it has not.
  type: str
  returned: success
standby_redo_parameter:
  description: The parameter for standby redo logs that is on in the tip, empty without one.
  type: str
  returned: success
  sample: USE_STANDBY_REDO_LOG
fenced:
  description: The fence of this instance, see M(firedrill.standby.tibero_fence); empty without one.
  type: dict
  returned: success
cold_copy:
  description: Empty, unless the instance is stopped because M(firedrill.standby.tibero_cold_copy) stopped it.
  type: dict
  returned: success
  contains:
    stopped_at:
      description: When, UTC.
      type: str
    resumable:
      description: Whether nobody has run it since, so that the module starts it again.
      type: bool
    why:
      description: Why not.
      type: str
role_change:
  description: What the journal of a role change on the member tells; empty without one.
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.apply_wait import APPLY_SPEC, await_applied
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of


def main() -> None:
    """Run the module."""
    run_module(APPLY_SPEC, await_applied, secrets_of)


if __name__ == "__main__":
    main()
