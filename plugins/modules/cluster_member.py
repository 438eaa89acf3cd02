# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a virtual module: the work is done by the action plugin of the same name, on the controller.

DOCUMENTATION = r"""
module: cluster_member
short_description: Check the description of one member of a cluster
version_added: 0.1.0
author:
  - The firedrill.standby authors (@firedrill)
description:
  - Checks and normalises the variables that describe one member, on the controller and before any host is touched.
  - A variable that begins with C(tibero_) or C(standby_) and that no role documents is refused, with the nearest documented name.
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
  description:
    description:
      - The variables of the role P(firedrill.standby.cluster#role) with their values for this host.
      - Without it, the variables that are set for this host are held against the argument specs of the roles, which says more than Ansible's
        own validation. For use before the first role.
    type: dict
  required:
    description: Variables without default that a playbook needs beside O(ignore:tibero_sys_password).
    type: list
    elements: str
    default: []
seealso:
  - module: firedrill.standby.cluster_plan
"""

EXAMPLES = r"""
- name: Check the description of this member
  firedrill.standby.cluster_member:
    description:
      standby_engine: tibero
      tibero_db_name: orders
  register: standby_described
"""

RETURN = r"""
member:
  description: The member, checked and normalised.
  returned: success, with O(description)
  type: dict
  sample: {"name": "seoul1", "db_name": "orders", "listener_port": 8629, "standby_port": 8633}
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
  description: The variable, the value and what is allowed, as data.
  returned: failure
  type: dict
"""
