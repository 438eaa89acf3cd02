#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scheduled drills and the alarm on the controller."""

DOCUMENTATION = r"""
module: drill_schedule
short_description: Install timers for drills, and an alarm for missed ones
version_added: 0.1.0
description:
  - Installs on a controller one program, O(program), and the timers of systemd or the entries of cron that run it. O(drills) is the whole schedule
    of the controller; a drill that is no longer in it loses its timer.
  - At its time a drill begins only inside of the window of its policy, on no blackout date, while no other drill of the same lock runs, and once for each
    window. Otherwise it ends with an exit code of its own, says why, and notes it. Then it becomes C(ansible-playbook).
  - The alarm writes metrics, and has O(alarm.command) told once of each drill that is overdue, whose window passed without it, that failed or broke off.
  - A policy is installed with its digest. When its file changes, its drill is refused until this module runs again.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description: V(absent) takes away program, timers, records and metrics. Evidence stays, and a drill that runs goes on.
    type: str
    choices: [present, absent]
    default: present
  drills:
    description: All drills of this controller.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the schedule; small letters, digits, C(-) and C(_). V(alarm) is taken.
        type: str
        required: true
      playbook:
        description: The playbook. V(readiness.yml) only asks, so it needs no policy.
        type: str
        choices: [drill_failover.yml, drill_switchover.yml, readiness.yml]
        required: true
      cluster:
        description: Name of the cluster as it stands in the evidence, and in the metrics.
        type: str
        required: true
      inventory:
        description: Inventory on the controller.
        type: path
        required: true
      policy:
        description: File with the variable C(drill_policy), which is also given to the playbook. Needed for every drill.
        type: path
      when:
        description: When the timer fires, as in C(OnCalendar=) of systemd. Without a zone it is that of the controller.
        type: str
        default: ""
      cron:
        description: The same in the five fields of cron, for hosts without systemd. The zone is that of the controller.
        type: str
        default: ""
      extra_vars:
        description: File of variables for the playbook.
        type: path
      group:
        description: Group of the inventory, given to the playbook as C(standby_cluster).
        type: str
        default: ""
      user:
        description: OS user that runs the drill.
        type: str
        required: true
      vault_password_file:
        description: File with the password of the vault. Only its path is installed.
        type: path
      evidence:
        description: Directory of the evidence, given to the playbook as C(drill_directory). Needed for every drill.
        type: path
      directory:
        description: Directory in which C(ansible-playbook) runs, and finds its C(ansible.cfg).
        type: path
        default: /
      lock:
        description: Drills with the same lock never run at the same time. Clusters that share no host may have locks of their own.
        type: str
        default: drills
      timeout:
        description: Seconds that the run may take; then it is ended.
        type: int
        default: 14400
      delay:
        description: Longest random delay of a timer of systemd in seconds. Cron has none.
        type: int
        default: 0
  policies:
    description: What stands in the files of O(drills[].policy), by the name of the file, as data or as a text of JSON. The policy may also stand there
      without C(drill_policy) around it.
    type: dict
    default: {}
  digests:
    description: SHA-256 of the same files, by their names. A drill is refused while its file has another one.
    type: dict
    default: {}
  manager:
    description: What starts the program. V(auto) takes systemd where it runs, else cron.
    type: str
    choices: [auto, systemd, cron]
    default: auto
  ansible_playbook:
    description: The program that runs the drills.
    type: path
    default: /usr/bin/ansible-playbook
  playbook_dir:
    description: Directory of the playbooks. Without it they are those of the collection that is installed for the user, by their full names.
    type: path
  program:
    description: Where the program is installed.
    type: path
    default: /usr/local/sbin/firedrill-drills
  config:
    description: Where its configuration is installed.
    type: path
    default: /etc/firedrill-drills.json
  state_dir:
    description: Directory for locks and records, used for nothing else.
    type: path
    default: /var/lib/firedrill-drills
  unit_dir:
    description: Directory of units. Timers are started only if systemd runs and reads them from there.
    type: path
    default: /etc/systemd/system
  cron_dir:
    description: Directory of cron's files.
    type: path
    default: /etc/cron.d
  textfile:
    description: File for the metrics in the directory of the textfile collector, ending in C(.prom). Without it none are written.
    type: path
  alarm:
    description: When the alarm looks, as whom, and whom it tells.
    type: dict
    default: {}
    suboptions:
      when:
        description: As O(drills[].when).
        type: str
        default: "*-*-* 07:00:00"
      cron:
        description: As O(drills[].cron).
        type: str
        default: "0 7 * * *"
      user:
        description: OS user that reads the evidence of all drills and writes the metrics.
        type: str
        default: root
      command:
        description: A command that gets the words on its standard input, as a list. When it fails, it is told again next time.
        type: list
        elements: str
        default: []
seealso:
  - module: firedrill.standby.drill_calendar_info
  - module: firedrill.standby.drill_objectives
"""

EXAMPLES = r"""
- name: Drill a switchover on the first Saturday of a quarter
  firedrill.standby.drill_schedule:
    drills:
      - name: orders-switchover
        playbook: drill_switchover.yml
        cluster: orders
        inventory: /srv/dr/hosts.yml
        policy: /srv/dr/orders-policy.yml
        when: Sat *-01,04,07,10-01..07 02:00:00 Asia/Seoul
        cron: 0 2 1-7 1,4,7,10 *
        user: ansible
        evidence: /srv/dr/evidence
    policies: {/srv/dr/orders-policy.yml: "{{ policy_text | from_yaml | to_json }}"}
    digests: {/srv/dr/orders-policy.yml: "{{ policy_text | ansible.builtin.hash('sha256') }}"}
    textfile: /var/lib/node_exporter/firedrill-due.prom
    alarm:
      command: [mail, -s, "A drill was missed", dr@example.com]
  become: true
"""

RETURN = r"""
manager:
  description: What starts the drills, C(systemd) or C(cron); empty when they were removed.
  type: str
  returned: success
program:
  description: Path of the program. With the path of its configuration and C(status) it shows when each drill is due and whether it could begin.
  type: str
  returned: success
  sample: /usr/local/sbin/firedrill-drills
written:
  description: Files, links and directories that were not as they are now.
  type: list
  elements: str
  returned: success
removed:
  description: Files, links and directories that were removed.
  type: list
  elements: str
  returned: success
started:
  description: Timers that had to be started.
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
  description: Further data, such as what systemd said.
  returned: failure
  type: dict
"""

from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_schedule_task import (
    SCHEDULE_SPEC,
    ensure_schedule,
)
from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module


def main() -> None:
    """Run the module."""
    run_module(SCHEDULE_SPEC, ensure_schedule)


if __name__ == "__main__":
    main()
