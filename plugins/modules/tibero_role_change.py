#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A member's part of a role change."""

DOCUMENTATION = r"""
module: tibero_role_change
short_description: Do one member's part of a role change
version_added: 0.1.0
description:
  - Runs the steps of one member in a role change that M(firedrill.standby.cluster_role_change) has planned. It is called on all
    members with a part at the same time, which hand over to each other.
  - Before anything stops, a worker is prepared on each member. It has everything in memory and waits; while clients wait, a step
    costs one shell command on a connection that is open already. Nothing begins before every member is prepared.
  - Each step is written down in a journal on the member before it runs, and on the controller. The journal on the member holds the
    whole change, so that any member and any controller can tell what was meant.
  - A worker ends by itself, between two steps and never inside one, when nobody gives it a sign of life. So a run that broke off
    leaves a known state, and the next run of the same playbook goes on or takes the change back.
  - Before the first step sessions are listed, a log switch and a checkpoint are made, and a configured Observer is refused. The
    target is promoted only when it is proven to hold every TSN.
  - With O(guard) somebody tries to write on the former primary from when it has handed over, and counts what comes of it; it is a process of its own, so
    clients do not wait for it. What it saw is in a file beside the journal.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.action_group
  - firedrill.standby.tibero
  - firedrill.standby.tibero.login
attributes:
  check_mode:
    support: full
    details: Looks for what would be refused, and says which steps would run.
  diff_mode:
    support: partial
    details: Only for O(state=closed).
  idempotent:
    support: partial
    details: A plan is for one run; that a second run has nothing to do is found by M(firedrill.standby.cluster_role_change).
options:
  state:
    description:
      - V(armed) runs the steps of this member. V(closed) writes the end of the change into the journal.
      - V(guarded) ends the guard and tells what it saw; it fails when the former primary took a write.
      - V(settled) waits until no worker of an earlier run is left here.
    type: str
    choices: [armed, guarded, closed, settled]
    default: armed
  member:
    description: Inventory name of this member.
    type: str
    required: true
  change:
    description: The change, as planned. Required unless O(state=settled).
    type: dict
  todo:
    description: Numbers of the steps of this member, in their order.
    type: list
    elements: int
    default: []
  order:
    description: Numbers of the steps of all members, in their order.
    type: list
    elements: int
    default: []
  involved:
    description: The members with a part.
    type: list
    elements: str
    default: []
  payload:
    description: What steps of an earlier run saw, by action.
    type: dict
    default: {}
  run:
    description: Name of this run. Required if O(state=armed).
    type: str
    default: ""
  log:
    description: The controller's journal of the change.
    type: path
  patience:
    description: Seconds without a sign of life after which a worker ends by itself.
    type: float
    default: 20.0
  sessions:
    description:
      - What becomes of sessions, since a SWITCHOVER stop waits until every login has left.
      - V(refuse) refuses while there are any. V(wait) waits for O(session_deadline). V(disconnect) ends them; what they have not
        committed is rolled back.
    type: str
    choices: [refuse, wait, disconnect]
    default: refuse
  session_deadline:
    description: Seconds that sessions get to leave.
    type: float
    default: 60.0
  accept_unproven:
    description: Whether a target may be promoted although it is not proven to hold every TSN. It may lose what was committed last.
    type: bool
    default: false
  guard:
    description:
      - Whose writes are tried from here while and after the roles change; only for the member that becomes the primary. Nobody's without it.
      - An attempt logs in as SYS and makes the table C(FIREDRILL_GUARD); one that is made is dropped at once. The first attempt is made when this member gets
        its first step, so behind the last step of the former primary, or behind its fence.
    type: dict
    suboptions:
      members:
        description: The former primary; after a failover all that were fenced, which are tried in turn.
        type: list
        elements: dict
        required: true
        suboptions:
          member:
            description: Its name.
            type: str
            required: true
          alias:
            description: Its alias in C(tbdsn.tbr) of this host.
            type: str
            required: true
          host:
            description: Its address.
            type: str
            required: true
          port:
            description: Port of its listener.
            type: int
            required: true
      interval:
        description: Seconds from the end of one attempt to the next.
        type: float
        default: 1.0
      limit:
        description: Seconds without a sign of life from the controller after which the guard ends by itself.
        type: float
        default: 120.0
  result:
    description: The end of the change, for O(state=closed).
    type: str
    choices: [done, undone, needs a person]
  words:
    description: What is to be said about the end, for O(state=closed).
    type: str
    default: ""
seealso:
  - module: firedrill.standby.cluster_role_change
  - module: firedrill.standby.tibero_instance_info
"""

EXAMPLES = r"""
- name: Change the roles
  firedrill.standby.tibero_role_change:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    member: "{{ inventory_hostname }}"
    change: "{{ standby_change.change }}"
    order: "{{ standby_change.todo }}"
    todo: "{{ standby_change.own[inventory_hostname] }}"
    involved: "{{ standby_change.involved }}"
    payload: "{{ standby_change.payload }}"
    run: "{{ standby_change.run }}"
    log: "{{ standby_change.log }}"
  when: inventory_hostname in standby_change.involved
"""

RETURN = r"""
directory:
  description: Directory of the journal on the member.
  type: str
  returned: success
pid:
  description: The worker's process; 0 when none was started.
  type: int
  returned: success
steps:
  description: The steps of this member.
  type: list
  elements: str
  returned: success
  sample: ["tbdown -t SWITCHOVER on seoul1"]
notes:
  description: What was done before the first step.
  type: list
  elements: str
  returned: success
working:
  description: Whether a worker of another run is still at work.
  type: bool
  returned: O(state=settled)
done:
  description: The steps that came to their end, each with its RV(ignore:seconds) and what it RV(ignore:seen).
  type: list
  elements: dict
  returned: O(state=armed), outside check mode
  sample: [{step: 1, title: "tbdown -t SWITCHOVER on seoul1", seconds: 2.1, seen: {position: "4711", notes: []}}]
guard:
  description:
    - What the guard saw. RV(ignore:attempts) is the number of attempts to write on RV(ignore:member), V(refused), V(accepted), V(no_answer) and V(unclear) how
      many ended so, RV(ignore:began_at) and RV(ignore:ended_at) are moments of this host, RV(ignore:said) lists the different answers with their numbers.
    - A member that gave no answer may be dead, frozen or cut off, so this alone does not prove that it took no writes.
  type: dict
  returned: O(state=guarded)
  sample: {member: seoul1, attempts: 9, refused: 9, accepted: 0, no_answer: 0, unclear: 0, began_at: "2026-11-28T12:00:04Z", ended_at: "2026-11-28T12:00:15Z",
    said: [[refused, nobody listens, 3], [refused, "TBR-7501: No DML or DDL is allowed in a replication (standby) database.", 6]]}
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.role_change_task import (
    ROLE_CHANGE_SPEC,
    ensure_role_change,
)

REQUIRED = [
    ("state", "armed", ("change", "run")),
    ("state", "guarded", ("change",)),
    ("state", "closed", ("change", "result")),
]


def main() -> None:
    """Run the module."""
    run_module(ROLE_CHANGE_SPEC, ensure_role_change, secrets_of, required_if=REQUIRED)


if __name__ == "__main__":
    main()
