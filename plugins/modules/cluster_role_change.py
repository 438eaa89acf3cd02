# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a virtual module: the work is done by the action plugin of the same name, on the controller.

DOCUMENTATION = r"""
module: cluster_role_change
short_description: Decide what a role change of a cluster does next
version_added: 0.1.0
author:
  - The firedrill.standby authors (@firedrill)
description:
  - Decides, from what all members are and from what their journals say, whether a switchover begins, goes on, is taken back, or has
    nothing to do, and with which steps.
  - Runs on the controller; it reads the results RV(ignore:standby_described) and RV(ignore:standby_observation) of every member of the play.
    Meant for C(run_once).
  - Two primaries, no primary, a member that does not answer, a target that is no standby or lags too far, and a role change of somebody
    else that is under way are refused.
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
    description: Inventory names of the members. By default all hosts of the play.
    type: list
    elements: str
  target:
    description: The member that shall become the primary.
    type: str
    default: ""
  max_lag:
    description: Greatest lag of the target in TSN.
    type: int
    default: 1000
  promote_first:
    description: The shorter order; only in the protection mode PERFORMANCE.
    type: bool
    default: false
  kind:
    description:
      - V(failover) picks the standby that takes over from a primary that is lost, and says who has to be fenced and what may be lost. The
        members that answered are enough.
    type: str
    choices: [switchover, failover]
    default: switchover
  allow_data_loss:
    description: Whether a failover may lose acknowledged redo.
    type: bool
    default: false
  overrides:
    description:
      - What a person takes upon himself in a failover, each with C(by), the name, and C(reason); kept in the journal. C(primary) gives up a primary that
        answers, C(fence) goes on where a lost member cannot be fenced.
    type: dict
    default: {}
  fenced:
    description:
      - Members that have been fenced for this failover. They stay lost, whatever they look like now; what the others hold is judged anew, since a
        primary that was cut off may have gone on sending until its fence.
    type: list
    elements: str
    default: []
  fences:
    description: What the tasks that fenced them registered, item by item; how each was fenced is kept in the journal.
    type: list
    elements: dict
    default: []
  reached:
    description: The TSN at which a primary that answered was seen before its fence, V(0) without one.
    type: int
    default: 0
  change_id:
    description: The id that an earlier look of the same run gave to the change. By default a new one.
    type: str
    default: ""
  retreat:
    description: A step has just failed, so a change that is open is taken back where that is possible, and not tried again.
    type: bool
    default: false
  journal_dir:
    description: Directory on the controller for its journals. By default C(~/.local/state/firedrill).
    type: path
seealso:
  - module: firedrill.standby.tibero_role_change
"""

EXAMPLES = r"""
- name: Decide
  firedrill.standby.cluster_role_change:
    target: busan1
  run_once: true
"""

RETURN = r"""
ansible_facts:
  description: The decision as a fact.
  returned: success
  type: dict
  contains:
    standby_change:
      description:
        - RV(ignore:mode) is V(nothing), V(begin), V(resume), V(undo) or V(close). RV(ignore:change) is the change with its steps,
          RV(ignore:todo) the numbers of those to run, RV(ignore:own) the same by member.
        - RV(ignore:result) and RV(ignore:words) are how the journals are closed afterwards, RV(ignore:primary) is who is primary then.
        - RV(ignore:guard) is, by the member that watches it, how the former primary is reached, as M(firedrill.standby.tibero_role_change) takes it.
        - RV(ignore:plan) is what was printed. Of a failover there are RV(ignore:lost), the members to be fenced, RV(ignore:loss), what may be
          lost, RV(ignore:ports), their ports for clients, RV(ignore:lower_mode), whether the protection mode cannot be kept, and RV(ignore:ahead),
          the standbys that hold more than the new primary and have to be built anew.
      returned: always
      type: dict
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
  description: Further data, such as the members that are primary.
  returned: failure
  type: dict
"""
