# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a virtual module: the work is done by the action plugin of the same name, on the controller.

DOCUMENTATION = r"""
module: cluster_plan
short_description: Decide what a member of a cluster shall be
version_added: 0.1.0
author:
  - The firedrill.standby authors (@firedrill)
description:
  - Decides, from the descriptions and the observations of all members, who is primary and what this member shall be.
  - Runs on the controller; it reads the results RV(ignore:standby_described) and RV(ignore:standby_observation) of every member of the play.
  - Two primaries, no running primary beside an existing database, and members that do not answer are refused.
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
    description:
      - Inventory names of the members, in an order that stays the same, since it numbers new destinations.
      - By default all hosts of the play.
    type: list
    elements: str
  primary_required:
    description: Whether to refuse when no primary runs yet, instead of planning the first one.
    type: bool
    default: false
  built:
    description:
      - Whether nothing is built, only operated. Members without a database then get no redo, and a running member of unknown role is refused.
    type: bool
    default: false
  fenced:
    description:
      - Whether members that are fenced may be planned for, which only their reinstatement does.
      - It concerns one member, so another one that has to be built anew is no reason to refuse, and gets no redo.
    type: bool
    default: false
  rebuild:
    description: Whether standbys that are marked for it are built anew. Without it they get no redo.
    type: bool
    default: false
  copies:
    description: Whether members are copied, by name, where something else has decided that, such as the reinstatement of a former primary.
    type: dict
    default: {}
  observed:
    description: V(false) only checks the descriptions of all members side by side, before any host is touched.
    type: bool
    default: true
seealso:
  - module: firedrill.standby.cluster_member
  - module: firedrill.standby.tibero_instance_info
"""

EXAMPLES = r"""
- name: Decide what this member shall be
  firedrill.standby.cluster_plan:
"""

RETURN = r"""
ansible_facts:
  description: The plan of this member as a fact.
  returned: success, when O(observed=true)
  type: dict
  contains:
    standby_plan:
      description:
        - RV(ignore:role) is V(primary) or V(standby); RV(ignore:primary) names the primary; RV(ignore:seed) tells whether a copy is needed.
        - RV(ignore:parameters), RV(ignore:replication) are the keys of the tip that belong to this member; RV(ignore:absent) must not be there.
        - RV(ignore:links) are its destinations; RV(ignore:rebuild) tells why it has to be built anew.
      type: dict
      sample: {"name": "busan1", "role": "standby", "primary": "seoul1", "seed": true}
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
  description: Further data, such as the members that did not answer.
  returned: failure
  type: dict
"""
