#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time."""

DOCUMENTATION = r"""
module: cluster_lock
short_description: Keep a second run from a cluster while one is at work
version_added: 0.1.0
description:
  - Takes a lease on the member for the whole run of C(ansible-playbook). A process of the run on the controller renews it every few seconds
    and gives it back when the run ends, well or not. When nobody renews it, because the controller is gone, it lapses.
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
      - Directory on the member for the files of the lease, used for nothing else. It is made with mode 0700 for the user of the task.
    type: path
    required: true
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
  description: When it was taken, UTC by the member's clock; empty in check mode.
  type: str
  returned: success
  sample: "2026-03-01T08:00:00Z"
pid:
  description: Process on the member that holds the lease; 0 in check mode.
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

from ansible_collections.firedrill.standby.plugins.module_utils._core.run_lock import SPEC, take
from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module


def main() -> None:
    """Run the module."""
    run_module(SPEC, take)


if __name__ == "__main__":
    main()
