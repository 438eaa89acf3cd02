# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a virtual module: the work is done by the action plugin of the same name, on the controller.

DOCUMENTATION = r"""
module: cluster_status
short_description: Show the members of a cluster side by side
version_added: 0.1.0
author:
  - The firedrill.standby authors (@firedrill)
description:
  - Prints a table of all members with role, open mode, position, lag and health, from the results RV(ignore:standby_observation).
    A member that has no Tibero below C(tibero_home) is shown with the role C(no software).
  - Lag is the difference of the positions that the members reported, in the unit of the engine, and no time. What is not known is shown as C(UNKNOWN).
  - A host that did not answer is a line of the table and not an omission.
  - No host at all is refused, because a misspelt group would else pass in silence.
extends_documentation_fragment:
  - firedrill.standby.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Nothing is changed, so there is nothing to compare.
  idempotent:
    support: full
options:
  members:
    description: Inventory names of the members; by default all hosts of the play.
    type: list
    elements: str
seealso:
  - module: firedrill.standby.tibero_instance_info
"""

EXAMPLES = r"""
- name: Show the cluster
  firedrill.standby.cluster_status:
  run_once: true
"""

RETURN = r"""
members:
  description: One entry a member, with the texts of the table.
  returned: success
  type: list
  elements: dict
  sample:
    - {"member": "busan1", "role": "standby", "open_mode": "recovery", "position": "1201", "lag": "0",
       "transport": "LGWR ASYNC", "health": "OK", "why": ""}
table:
  description: The lines as printed.
  returned: success
  type: list
  elements: str
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
  description: The variable, as data.
  returned: failure
  type: dict
"""
