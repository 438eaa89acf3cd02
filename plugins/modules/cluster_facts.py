# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a virtual module: the work is done by the action plugin of the same name, on the controller.

DOCUMENTATION = r"""
module: cluster_facts
short_description: Gather what the roles must know of a host, or say why it cannot be asked
version_added: 0.1.0
author:
  - The firedrill.standby authors (@firedrill)
description:
  - Runs M(ansible.builtin.setup) with the few subsets that the roles of this collection use.
  - A host that cannot be reached, a login user who may not become another, and a Python that is not there are refused with the variable, its value
    and what to do. Each of them is a failure, so that a play with C(any_errors_fatal) ends.
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
options: {}
seealso:
  - module: ansible.builtin.setup
"""

EXAMPLES = r"""
- name: Reach the host
  firedrill.standby.cluster_facts:
  become: true
"""

RETURN = r"""
ansible_facts:
  description: The facts of the host, as M(ansible.builtin.setup) returns them.
  returned: success
  type: dict
  sample: {"os_family": "RedHat", "service_mgr": "systemd"}
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
  description: The variable and its value, as data.
  returned: failure
  type: dict
"""
