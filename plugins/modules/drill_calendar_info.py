#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a drill is due and whether it may begin."""

DOCUMENTATION = r"""
module: drill_calendar_info
short_description: Tell when a drill is due, and whether it may begin now
version_added: 0.1.0
description:
  - Judges a policy and the drills that were held, by the same code as the timers of M(firedrill.standby.drill_schedule).
  - The next drill is due O(policy) C(cadence_days) after the last one that came to a verdict, or at the end of C(due_date), whichever is earlier. A drill
    that came to a verdict under that very C(due_date) meets it. An inconclusive drill, and a folder that is not as it was sealed, count as none.
  - It does not look at the lock of a run.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.info
options:
  policy:
    description: The policy, as M(firedrill.standby.drill_objectives) takes it; of it the window, C(blackout_dates), C(cadence_days), C(due_date) and
      C(environment) are read.
    type: dict
    required: true
  cluster:
    description: Name of the cluster as it stands in the evidence.
    type: str
    required: true
  playbook:
    description: The playbook of the drill, which tells its type. Drills of another type prove nothing of this one.
    type: str
    choices: [drill_failover.yml, drill_switchover.yml]
    required: true
  evidence:
    description: Directory of the evidence on this host.
    type: path
    required: true
seealso:
  - module: firedrill.standby.drill_schedule
"""

EXAMPLES = r"""
- name: See when the next switchover is due
  firedrill.standby.drill_calendar_info:
    policy: "{{ drill_policy }}"
    cluster: orders
    playbook: drill_switchover.yml
    evidence: /srv/dr/evidence
  delegate_to: localhost
  register: calendar
"""

RETURN = r"""
may_begin:
  description: Whether a drill may begin now.
  type: bool
  returned: success
grade:
  description: C(began) if it may; else C(postponed) when the window has a moment left for it, C(missed) when it has none, C(done) when the drill of this
    window was held.
  type: str
  returned: success
why:
  description: Why it may not.
  type: str
  returned: success
window:
  description: C(start) and C(end) of the window.
  type: dict
  returned: success
due:
  description: When the next drill is due, in the zone of the window; null when it is not known.
  type: str
  returned: success
  sample: "2026-05-30T02:00:00+09:00"
due_by:
  description: By what it is due.
  type: str
  returned: success
overdue:
  description: Whether that has passed; null when it is not known.
  type: bool
  returned: success
last:
  description: The last drill that came to a verdict; empty when there is none.
  type: str
  returned: success
left_out:
  description: Folders that count as none, with C(drill_id) and C(why).
  type: list
  elements: dict
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
  description: Further data, such as the key of the policy.
  returned: failure
  type: dict
"""

from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_schedule_task import (
    CALENDAR_SPEC,
    calendar_info,
)
from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module


def main() -> None:
    """Run the module."""
    run_module(CALENDAR_SPEC, calendar_info)


if __name__ == "__main__":
    main()
