#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A former primary becomes a standby again: which way, and how far it is."""

DOCUMENTATION = r"""
module: tibero_reinstate
short_description: Choose how a former primary becomes a standby again, and record what was begun
version_added: 0.1.0
description:
  - O(state=looked) tells what there is to do before anything is mounted. O(state=planned) chooses the cheapest method
    that is proven possible and says why, and why each cheaper one is not. O(state=begun) chooses in the same way and
    writes down which files may be overwritten. O(state=finished) closes that record once the member is seen as a
    standby, and the journal of a role change that another one replaced.
  - The methods, from cheap to dear, are V(rejoin) as it is after a switchover, V(reverse_sync) when asked for,
    V(resync) of the blocks that differ, and V(rebuild) from a whole copy. A condition that is not known rules a method
    out.
  - The module overwrites nothing itself; M(firedrill.standby.seed_pull) does, with RV(replaces).
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
      - What to do, see above. Only V(begun) and V(finished) change anything, and only the record.
    type: str
    choices: [looked, planned, begun, finished]
    default: planned
  member:
    description:
      - Name of the member, for messages.
    type: str
    required: true
  branch_point:
    description:
      - The last TSN that both histories share; the export of M(firedrill.standby.tibero_divergence_export) for it is
        looked for.
    type: str
    default: ""
  lost_by:
    description:
      - How the member lost its role, as the role change recorded it. Empty when nobody did.
    type: str
    choices: [switchover, failover, ""]
    default: ""
  switchover_stop:
    description:
      - What the role change recorded right after the SWITCHOVER stop. C(control_files) is a list of path, size and time of
        change in nanoseconds of each control file, C(position) the TSN at which it was stopped.
    type: dict
    default: {}
  primary_database_id:
    description:
      - DBID of the new primary.
    type: str
    default: ""
  primary_parameters:
    description:
      - Running parameters of the new primary, by name; for V(reverse_sync) LOG_REPLICATION_MODE and _LNW_REVERSE_SYNC.
    type: dict
    default: {}
  primary_transport:
    description:
      - How the new primary sends redo to this member, such as V(LGWR ASYNC).
    type: str
    default: ""
  export_directory:
    description:
      - Where exports are kept, if not in the default place.
    type: path
  method:
    description:
      - V(auto), or the only method that is wanted.
    type: str
    choices: [auto, rejoin, reverse_sync, resync, rebuild]
    default: auto
  reverse_sync:
    description:
      - Whether reverse synchronisation is asked for.
    type: bool
    default: false
  structure_unchanged:
    description:
      - The operator's word for what no view tells. No tablespace or data file was added, dropped or resized on either side
        since the branch point, and no control file was made anew.
    type: bool
    default: false
  seed_method:
    description:
      - How the database is copied to standbys. With V(rmgr) nothing is copied file by file.
    type: str
    choices: [hot, cold, rmgr]
    default: hot
  overwrite:
    description:
      - Consent to overwrite the files of the former primary.
    type: bool
    default: false
seealso:
  - module: firedrill.standby.tibero_divergence_export
  - module: firedrill.standby.seed_pull
"""

EXAMPLES = r"""
- name: Say which way the former primary comes back
  firedrill.standby.tibero_reinstate:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    member: seoul1
    branch_point: "{{ standby_branch_point }}"
    lost_by: failover
    primary_database_id: "881590366"
    overwrite: true
  register: chosen
"""

RETURN = r"""
to_do:
  description:
    - V(nothing) when the member is a standby, V(go_on) when a reinstatement was begun, V(rejoin) when it can be booted as
      it is, V(measure) when its redo has to be measured first.
  type: str
  returned: when O(state=looked)
method:
  description: The method.
  type: str
  returned: when one is chosen or recorded
choice:
  description: The method with its reasons, and the cheaper ones with theirs.
  type: dict
  returned: when one is chosen or recorded
  sample: {method: resync, reasons: [its files are there and can be compared], rejected: [{method: reverse_sync, reasons: [it is
    taken only when it is asked for by name]}]}
lines:
  description: The same, for a person.
  type: list
  elements: str
  returned: when one is chosen or recorded
replaces:
  description: Files that the two parts of the copy, C(data) and C(logs), may overwrite or remove.
  type: dict
  returned: when a method is chosen or recorded
keeps:
  description: Archives of the common history, which stay.
  type: list
  elements: str
  returned: when a method is chosen or recorded
reuse:
  description: Whether blocks that are the same are kept.
  type: bool
  returned: when a method is chosen or recorded
seed:
  description: Whether a copy has to be made; V(false) also when an interrupted run got past it.
  type: bool
  returned: when a method is chosen or recorded
manifest:
  description: Manifest of the export, empty without one.
  type: str
  returned: when a method is chosen or recorded
begun:
  description: Whether the reinstatement was begun.
  type: bool
  returned: when a method is chosen or recorded, and when O(state=finished)
record:
  description: Where what was begun is recorded.
  type: str
  returned: success
state:
  description: The instance as observed, see M(firedrill.standby.tibero_instance_info).
  type: dict
  returned: success, except without a record when O(state=finished)
role:
  description: Its role, or UNKNOWN.
  type: str
  returned: success, except without a record when O(state=finished)
open_mode:
  description: Its open mode, or UNKNOWN.
  type: str
  returned: success, except without a record when O(state=finished)
running:
  description: Whether it runs, or UNKNOWN.
  type: raw
  returned: success, except without a record when O(state=finished)
recorded_role:
  description: The role that our own record names.
  type: str
  returned: success, except without a record when O(state=finished)
boot_request:
  description: The boot mode that it was asked for.
  type: str
  returned: success, except without a record when O(state=finished)
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.reinstate import REINSTATE_SPEC, reinstate


def main() -> None:
    """Run the module."""
    run_module(REINSTATE_SPEC, reinstate, secrets_of)


if __name__ == "__main__":
    main()
