#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a former primary went by itself."""

DOCUMENTATION = r"""
module: tibero_divergence_info
short_description: Measure the redo that a former primary does not share with the cluster
version_added: 0.1.0
description:
  - After a failover the former primary may hold committed writes that no other member has. This module tells which
    logs and files hold them, how far they reach, and how sure that is.
  - The instance has to be mounted, because there nothing moves. A log that may hold such redo counts as one that does.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.info
  - firedrill.standby.attributes.action_group
  - firedrill.standby.tibero
  - firedrill.standby.tibero.login
options:
  branch_point:
    description:
      - The last TSN that both histories share, as digits. What the former primary wrote beyond it is its own.
      - A value that is too low lists redo that the cluster has as well; one that is too high hides redo. An empty value
        is refused as UNKNOWN.
    type: str
    required: true
seealso:
  - module: firedrill.standby.tibero_divergence_export
  - module: firedrill.standby.tibero_reinstate
"""

EXAMPLES = r"""
- name: Measure what the former primary wrote by itself
  firedrill.standby.tibero_divergence_info:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    branch_point: "{{ standby_branch_point }}"
  register: measured
"""

RETURN = r"""
branch_point:
  description: The last TSN that both histories share.
  type: str
  returned: success
database_id:
  description: DBID of the database.
  type: str
  returned: success
db_name:
  description: Name of the database.
  type: str
  returned: success
diverged:
  description: Whether there is redo beyond the branch point; V(true) or UNKNOWN. That there is none cannot be proven here.
  type: raw
  returned: success
first_tsn:
  description: First TSN beyond the branch point.
  type: str
  returned: success
last_tsn:
  description: Last TSN that this member is known to have reached, or UNKNOWN.
  type: str
  returned: success
last_tsn_source:
  description: Where it was read.
  type: str
  returned: success
certainty:
  description: V(at_least) when further redo may follow RV(last_tsn), V(unknown) when nothing tells.
  type: str
  returned: success
logs:
  description:
    - The logs that hold redo beyond the branch point, C(holds) is V(yes), or may hold it, V(maybe), with every file in
      which they lie.
  type: list
  elements: dict
  returned: success
  sample: [{thread: 0, sequence: 7, first: 1204, end: null, current: true, paths: [/tibero/tbdata/orders/log001.log], holds:
    maybe}]
gaps:
  description: In words, why the logs may not be all redo beyond the branch point; empty when they are.
  type: list
  elements: str
  returned: success
database_files:
  description: Every file of the database, as of M(firedrill.standby.tibero_files_info).
  type: list
  elements: dict
  returned: success
own_archives:
  description: Archives that hold or may hold redo beyond the branch point; the new history uses their names again.
  type: list
  elements: str
  returned: success
other_archives:
  description: Archives of the common history.
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
  description: Further data, with secrets hidden.
  returned: failure
  type: dict
"""

from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.divergence import INFO_SPEC, divergence_info
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of


def main() -> None:
    """Run the module."""
    run_module(INFO_SPEC, divergence_info, secrets_of)


if __name__ == "__main__":
    main()
