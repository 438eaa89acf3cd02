#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot and stop an instance."""

DOCUMENTATION = r"""
module: tibero_instance
short_description: Boot or stop a Tibero instance in a given mode
version_added: 0.1.0
description:
  - Brings one instance to a boot mode, or to a stop, and proves it. A boot counts when C(tbboot) said so and the
    instance is seen in that mode; a stop counts when no server process is left.
  - An instance that is there already is left alone.
  - Nothing is escalated. A stop that waits for sessions is left waiting and reported with the sessions seen; a boot
    that takes too long is left running and reported. C(tbdown) is never called with another mode than asked for.
  - A standby is never booted V(normal) or V(resetlogs). The role is taken from the running instance; when it is not
    running, from a record that the collection keeps in C($TB_HOME/instance/$TB_SID/firedrill/role.json).
  - When the state cannot be told, the module fails and says what it saw.
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
    description:
      - Whether the instance shall run.
    type: str
    choices: [started, stopped]
    default: started
  mode:
    description:
      - The boot mode to be in. Required if O(state=started).
      - V(recovery) is the only operating mode of a standby; a standby opened read only counts as being there.
      - V(failover) promotes a standby and V(resetlogs) starts a new line of redo; both are done only when named here.
        A question the program may ask on the way is answered with C(yes).
    type: str
    choices: [nomount, mount, normal, recovery, resetlogs, failover]
  down_mode:
    description:
      - How to stop, for O(state=stopped) and on the way to another mode.
      - V(normal), V(post_tx) and V(switchover) wait for others; V(abort) and V(abnormal) leave crash recovery to the
        next boot.
    type: str
    choices: [normal, post_tx, immediate, abort, abnormal, switchover]
    default: immediate
  restart:
    description:
      - Whether a running instance may be stopped to reach another O(mode).
      - With V(below) only one that is at nomount or mount, where it serves nobody.
    type: str
    choices: [never, below, always]
    default: below
  clean_garbage:
    description:
      - Whether C(tbdown clean) may remove the leftovers of an instance that died. It runs only after proof that no
        server process of this instance lives.
    type: bool
    default: false
  stop_suspended:
    description:
      - What to do when the boot leaves the instance up below the wanted mode. By default it is left there to be
        looked at; V(true) stops it again, because our own boot caused it. The task fails in both cases.
    type: bool
    default: false
seealso:
  - module: firedrill.standby.tibero_instance_info
  - module: firedrill.standby.tibero_tip
"""

EXAMPLES = r"""
- name: The standby applies redo
  firedrill.standby.tibero_instance:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    mode: recovery

- name: Stop it cleanly
  firedrill.standby.tibero_instance:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    state: stopped
"""

RETURN = r"""
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
steps:
  description: What was done, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: ["tbboot -t RECOVERY (asked for)"]
notes:
  description: Remarks of the programs, such as warnings of C(tbboot).
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.instance_tasks import (
    INSTANCE_SPEC,
    ensure_instance,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of


def main() -> None:
    """Run the module."""
    run_module(INSTANCE_SPEC, ensure_instance, secrets_of, required_if=[("state", "started", ["mode"])])


if __name__ == "__main__":
    main()
