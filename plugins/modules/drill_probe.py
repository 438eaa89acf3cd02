#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe of a drill."""

DOCUMENTATION = r"""
module: drill_probe
short_description: Run the probe of a drill on a client host
version_added: 0.1.0
description:
  - Starts and stops a detached job that writes and reads on a fixed schedule through many client sessions, and keeps a ledger of what it
    meant to do and what became of it. An intent is given to the kernel before its statement is sent.
  - The schedule is an open loop. A slow server does not slow it down, nothing is tried again, and what could not be sent in its slot is
    counted with the reason. A login has 500 ms, a statement one second.
  - An operation is acknowledged when the commit was confirmed, failed when it is certain that nothing was written, and unknown in every other
    case.
  - The job ends by itself when O(lease_seconds) have passed without another run of this module. Running it again with the same options renews
    the lease.
  - The module refuses on a host on which a server of O(tb_sid) runs.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.action_group
  - firedrill.standby.tibero
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - A probe that has ended is not started again with the same O(prefix), because its ledgers are there; this is refused.
options:
  sys_user:
    description: Database account of the sessions. It needs the table of the drill as C(DRILL_LEDGER).
    type: str
    default: sys
  sys_password:
    description: Password of O(sys_user). It travels to C(tbsql) on standard input and is kept in the memory of the job only.
    type: str
  state:
    description:
      - V(started) has the probe running, V(stopped) has it ended, with the end line in every ledger.
    type: str
    choices: [started, stopped]
    default: started
  directory:
    description:
      - Directory on the client host for the ledgers and the files of the job, used for nothing else. It is made with mode 0700 for the user
        of the task.
    type: path
    required: true
  name:
    description: Name of the job, so that a second one, such as that of the guards, can run from the same directory.
    type: str
    default: probe
  drill:
    description: Name of the drill; every row of it begins with it. Required if O(state=started).
    type: str
    default: ''
  paths:
    description: Ways to the database that are measured.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: V(application) for what the application uses, V(direct:MEMBER) for one member.
        type: str
        required: true
      alias:
        description: Alias of C(tbdsn.tbr) on this host.
        type: str
        required: true
      writers:
        description: Sessions that write, each with a sequence of its own.
        type: int
        default: 0
      readers:
        description: Sessions that read.
        type: int
        default: 0
  guards:
    description: Members whose port is tried all the time, to see whether one accepts writes that must not.
    type: list
    elements: dict
    default: []
    suboptions:
      member:
        description: Name of the member.
        type: str
        required: true
      alias:
        description: Alias of C(tbdsn.tbr) with this member only.
        type: str
        required: true
      host:
        description: Address of its listener; it is tried before each login.
        type: str
        required: true
      port:
        description: Port of its listener.
        type: int
        required: true
  prefix:
    description:
      - Begins the name of every stream. Streams of two client hosts, and of two starts in one drill, need different ones, because the name of
        a writer is part of the key of its rows.
    type: str
    default: ''
  interval_ms:
    description: Milliseconds between two slots of a session. The sessions of a path are spread evenly over it.
    type: int
    default: 100
  guard_interval_ms:
    description: Milliseconds between two tries of a guard.
    type: int
    default: 50
  payload_size:
    description: Characters of the payload of a row, 60 to 2000.
    type: int
    default: 100
  epoch:
    description: Role epoch that is written into ledgers and rows. A running probe is told another one without a restart.
    type: int
    default: 1
  lease_seconds:
    description: Seconds after which the probe ends when this module is not run again.
    type: int
    default: 60
  members:
    description: Name of a member for what it says of itself, C(host name:port) or C(host name).
    type: dict
    default: {}
  client:
    description: Name of this client host in the ledgers. Default is the name that its kernel tells.
    type: str
    default: ''
  lab_host:
    description: Whether this host is a whole lab, so that servers beside the probe are no members that it would share its fate with.
    type: bool
    default: false
seealso:
  - module: firedrill.standby.drill_probe_info
  - module: firedrill.standby.drill_table
"""

EXAMPLES = r"""
- name: Measure through the path of the application, and straight to each member
  firedrill.standby.drill_probe:
    tb_home: /opt/tibero-client
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    directory: /var/lib/firedrill/2026-03-01
    drill: 2026-03-01
    paths:
      - {name: application, alias: orders, writers: 16, readers: 4}
      - {name: "direct:seoul1", alias: seoul1, readers: 1}
      - {name: "direct:busan1", alias: busan1, readers: 1}
    members: {"db1:8629": seoul1, "db2:8629": busan1}
  delegate_to: localhost

- name: End it
  firedrill.standby.drill_probe:
    tb_home: /opt/tibero-client
    tb_sid: orders
    directory: /var/lib/firedrill/2026-03-01
    state: stopped
  delegate_to: localhost
"""

RETURN = r"""
job_state:
  description: State of the job, V(none), V(running), V(finished), V(failed), V(cancelled) or V(died).
  type: str
  returned: success
pid:
  description: Process of the running job.
  type: int
  returned: success
age:
  description: Seconds since its start.
  type: float
  returned: success
heartbeat_age:
  description: Seconds since its last sign of life.
  type: float
  returned: success
counts:
  description:
    - What all streams have seen so far. C(acked), C(failed) and C(unknown) are operations by outcome; C(slots) is how many slots of the
      schedule have come; C(late) intents were sent behind their slot; nothing was sent in C(busy) slots, because the operation before had no
      answer yet, in C(starting) slots, because the client program was not ready, and in C(behind) slots, because the probe was too slow.
    - C(worst_late_ms) is the largest distance of an intent behind its slot, C(seconds) how long the schedule has run.
    - C(quiet_seconds) is how long no write of any stream was acknowledged; null before the first and after the end.
  type: dict
  returned: success
  sample: {acked: 4711, failed: 12, unknown: 16, slots: 4800, late: 0, behind: 0, busy: 61, starting: 0, worst_late_ms: 1.2, seconds: 30.0, quiet_seconds: 0.0}
kept_schedule:
  description: V(false) when more than one in a hundred slots were late or missed by the fault of the probe itself; null before the first count.
  type: bool
  returned: success
broken:
  description: Stream to why its ledger could not be written any more; such a stream has sent nothing since.
  type: dict
  returned: success
ledgers:
  description: Names of the ledgers that this probe writes, each a file of O(directory); empty if O(state=stopped).
  type: list
  elements: str
  returned: success
  sample: [w00.ledger, r00.ledger]
reason:
  description: Why the job ended, V(stopped) or V(lease lapsed).
  type: str
  returned: success
error:
  description: The error with which the job failed, if it did.
  type: dict
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
  description: Further data, with secrets hidden.
  returned: failure
  type: dict
"""

from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.probe_task import PROBE_SPEC, ensure_probe


def main() -> None:
    """Run the module."""
    run_module(PROBE_SPEC, ensure_probe, secrets_of, required_if=[("state", "started", ["drill", "sys_password"])])


if __name__ == "__main__":
    main()
