#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A primary stopped for a cold copy."""

DOCUMENTATION = r"""
module: tibero_cold_copy
short_description: Stop a primary for a cold copy and start it again, with a dead man's timer
version_added: 0.1.0
description:
  - O(state=present) switches the logs, stops the open primary with C(tbdown -t IMMEDIATE), and returns the files that a
    copy consists of. O(state=absent) starts it again.
  - It refuses before the stop what could not be undone. Sessions of others, unless O(disconnect=true); an open backup;
    and a tip in PROTECTION or AVAILABILITY when no C(LGWR SYNC) standby takes a connection, because the primary would
    not boot again.
  - Before the stop a process is left on the primary that starts it again when its lease is not renewed for O(lease)
    seconds, so that a controller that dies leaves no database down. Whoever copies renews the lease by touching the
    file RV(lease.path), or by running the module again.
  - The stop is recorded on the host. M(firedrill.standby.tibero_instance_info) shows it in
    RV(firedrill.standby.tibero_instance_info#module:cold_copy), and O(state=absent) starts the primary also in a later
    run, but only while nobody has run the instance since.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.action_group
  - firedrill.standby.tibero
  - firedrill.standby.tibero.login
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - V(present) has the primary stopped for a copy. V(absent) has it open again, and does nothing to an instance that
        this module has not stopped.
    type: str
    choices: [present, absent]
    default: present
  lease:
    description:
      - Seconds after which the primary is started by itself when nobody renews the lease. At least 30.
    type: int
    default: 600
  disconnect:
    description:
      - Whether sessions of others may be disconnected. What they have not committed is rolled back.
    type: bool
    default: false
  log_switches:
    description:
      - How many log switches precede the stop.
    type: int
    default: 3
seealso:
  - module: firedrill.standby.tibero_hot_backup
  - module: firedrill.standby.tibero_instance
"""

EXAMPLES = r"""
- name: Stop the primary for the copy
  firedrill.standby.tibero_cold_copy:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
  register: stopped

- name: Start it again
  firedrill.standby.tibero_cold_copy:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    state: absent
"""

RETURN = r"""
files:
  description: What a copy consists of, archives excepted, as for M(firedrill.standby.tibero_files_info).
  type: list
  elements: dict
  returned: success
  sample: [{path: /tibero/tbdata/orders/system001.dtf, kind: datafile, size: 104857600, when: during}]
archives:
  description: The archives of those logs that are still online. Empty when the database does not archive.
  type: list
  elements: dict
  returned: success
  sample: [{path: /tibero/tbdata/orders/arch/log-t0-r0-s5.arc, kind: archive, size: 52428800, when: after, sequence:
    5}]
tsn:
  description: TSN of the primary just before the stop; none when there is no stop of ours.
  type: str
  returned: success
stopped_at:
  description: When it was stopped, UTC; none when there is no stop of ours.
  type: str
  returned: success
  sample: "2026-03-01T12:00:00Z"
running:
  description: Whether the instance runs, as seen.
  type: raw
  returned: success
lease:
  description: The lease of the dead man's timer.
  type: dict
  returned: success
  contains:
    path:
      description: File to touch so that the timer waits on.
      type: str
    directory:
      description: Directory of the timer's files.
      type: str
    name:
      description: Name of the timer there.
      type: str
    seconds:
      description: Seconds without renewal after which it acts.
      type: int
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
  description: Further data, such as the program that was run, with secrets hidden.
  returned: failure
  type: dict
"""

from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.cold_copy import COLD_COPY_SPEC, cold_copy
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of


def main() -> None:
    """Run the module."""
    run_module(COLD_COPY_SPEC, cold_copy, secrets_of)


if __name__ == "__main__":
    main()
