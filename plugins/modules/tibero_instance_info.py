#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observe an instance."""

DOCUMENTATION = r"""
module: tibero_instance_info
short_description: Observe a Tibero instance
version_added: 0.1.0
description:
  - Tells process, open mode, role, position, log sequence, archive mode, protection mode and destinations of one
    instance, each with its source, or V(UNKNOWN) and why.
  - The module does not fail because the instance is stopped, suspended or does not let it log in.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.info
  - firedrill.standby.attributes.action_group
  - firedrill.standby.tibero
  - firedrill.standby.tibero.login
options:
  settle_timeout:
    description:
      - How long to wait, in seconds, for a server that runs and takes no login, as one that is just starting or stopping. V(0) looks once.
      - The module does not fail when the limit is reached; it tells what it saw last.
    type: float
    default: 0.0
seealso:
  - module: firedrill.standby.tibero_instance
"""

EXAMPLES = r"""
- name: Look at the member
  firedrill.standby.tibero_instance_info:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
  register: member
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
rebuild:
  description: Why this standby has to be built anew before it gets redo again, empty if it has not.
  type: str
  returned: success
standby_redo_parameter:
  description: The parameter for standby redo logs that is on in the tip, empty without one.
  type: str
  returned: success
  sample: USE_STANDBY_REDO_LOG
tip:
  description: C(LOG_REPLICATION_MODE) and C(STANDBY_USE_OBSERVER) as the tip has them, in upper case; empty where it has
    none, V(UNKNOWN) where it cannot be read.
  type: dict
  returned: success
  sample: {LOG_REPLICATION_MODE: PERFORMANCE, STANDBY_USE_OBSERVER: ""}
held_age:
  description:
    - For how many seconds, at most, what the primary acknowledged may be missing on this standby, counted back from when it was looked at. By the age
      of the latest log whose beginning it holds, of which it and the primary have to have the same time.
    - A dictionary of C(value) and C(source); where it is not known C(value) is V(UNKNOWN) and C(why) says why.
  type: dict
  returned: success
  sample: {value: 57, source: "V$LOG.FIRST_CHANGE#, FIRST_TIME (columns not documented): log 5 began at TSN 20"}
fenced:
  description: The fence of this instance, see M(firedrill.standby.tibero_fence); empty without one.
  type: dict
  returned: success
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.instance_tasks import INFO_SPEC, instance_info
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of


def main() -> None:
    """Run the module."""
    run_module(INFO_SPEC, instance_info, secrets_of)


if __name__ == "__main__":
    main()
