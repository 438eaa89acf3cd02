#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time."""

DOCUMENTATION = r"""
module: cluster_lock
short_description: Keep a second run from a cluster while one is at work
version_added: 0.1.0
description:
  - Takes leases on the member for the whole run of C(ansible-playbook). A process of the run on the controller renews them every few seconds
    and gives them back when the run ends, well or not. When nobody renews them, because the controller is gone, they lapse.
  - Where another run holds it, the module refuses with who that is and since when. A lease that is not renewed is waited for until it lapses,
    for at most O(seconds).
  - In check mode nothing is taken; a run at work is refused all the same, because what it will have done cannot be predicted.
author:
  - The firedrill.standby authors (@firedrill)
extends_documentation_fragment:
  - firedrill.standby.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: The lease is no state of the member.
  idempotent:
    support: full
options:
  directory:
    description:
      - Directory on the member for the files of the leases, used for nothing else. It is made with mode 0700 for the user of the task.
    type: path
    required: true
  state:
    description:
      - V(held) takes what O(locks) names, all or none. V(released) gives back what this run holds of them, for a run that goes on for long without
        them.
    type: str
    choices: [held, released]
    default: held
  locks:
    description:
      - V(run) keeps away whatever builds or changes the cluster. V(roles) is that of role changes alone, so that a failover waits for nobody but one
        who changes roles.
    type: list
    elements: str
    choices: [run, roles]
    default: [run]
  where:
    description:
      - Directory without which nothing is taken, such as that of an instance which a member may not have yet.
    type: path
  seconds:
    description: Seconds without a sign of life after which the lease lapses.
    type: float
    default: 30
  run:
    description: Name of the run. Set by the action plugin, differently for each run.
    type: str
    default: ''
  holder:
    description: Who runs it, in words. Set by the action plugin to user, controller and process.
    type: str
    default: ''
seealso:
  - module: firedrill.standby.cluster_plan
"""

EXAMPLES = r"""
- name: Keep other runs away
  firedrill.standby.cluster_lock:
    directory: /tibero/tibero7/instance/orders/firedrill/run
  become: true
  become_user: tibero

- name: Keep other role changes away too
  firedrill.standby.cluster_lock:
    directory: /tibero/tibero7/instance/orders/firedrill/run
    where: /tibero/tibero7/instance/orders
    locks: [run, roles]
  become: true
  become_user: tibero
"""

RETURN = r"""
run:
  description: Name of this run.
  type: str
  returned: success
holder:
  description: Who holds the lease, that is this run.
  type: str
  returned: success
  sample: dba@bastion, process 4711
since:
  description: When the first of them was taken, UTC by the member's clock; empty where nothing was.
  type: str
  returned: success
  sample: "2026-03-01T08:00:00Z"
pids:
  description: Processes on the member that hold the leases, by lock; empty where none was taken.
  type: dict
  returned: success
  sample: {run: 4712, roles: 4713}
other:
  description: Seconds since another run was last known to hold one of them, V(-1) when none ever did. Observations that are older may be out of date.
  type: int
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
  description: The run that is at work, as data.
  returned: failure
  type: dict
"""

from ansible_collections.firedrill.standby.plugins.module_utils._core.run_lock import SPEC, hold
from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module


def main() -> None:
    """Run the module."""
    run_module(SPEC, hold)


if __name__ == "__main__":
    main()
