#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the probe of a drill does and what its ledgers hold."""

DOCUMENTATION = r"""
module: drill_probe_info
short_description: Read the state and the ledgers of a probe
version_added: 0.1.0
description:
  - Tells whether the probe runs and how it fares, and sums up every ledger in its directory, with its digest and every damage in words.
  - The operations themselves stay in the files.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.info
options:
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
  ledgers:
    description: Whether the ledgers are read, which takes some seconds for a million lines.
    type: bool
    default: true
seealso:
  - module: firedrill.standby.drill_probe
"""

EXAMPLES = r"""
- name: See what the clients saw
  firedrill.standby.drill_probe_info:
    directory: /var/lib/firedrill/2026-03-01
  register: probe
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
reason:
  description: Why the job ended, V(stopped) or V(lease lapsed).
  type: str
  returned: success
error:
  description: The error with which the job failed, if it did.
  type: dict
  returned: success
epoch:
  description: The role epoch that the probe was told last; null when it was told none.
  type: int
  returned: success
ledgers:
  description:
    - Each ledger in numbers. C(closed) tells that the stream was stopped and not lost, C(damage) is empty when it is sound, C(open) operations
      have no end, C(covered) is how many lines a digest covers. Times are nanoseconds of the clock of the client.
  type: list
  elements: dict
  returned: success
  sample: [{file: w00.ledger, stream: w00, kind: write, path: application, client: desk, epochs: [1], nodes: [seoul1], operations: 300, acked: 298,
    failed: 1, unknown: 1, open: 0, late: 0, busy: 9, starting: 0, behind: 0, first_sent: 1000, last_ended: 31000, closed: true,
    covered: 640, damage: [], bytes: 70000, sha256: 0f3a}]
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.probe_task import INFO_SPEC, probe_info


def main() -> None:
    """Run the module."""
    run_module(INFO_SPEC, probe_info)


if __name__ == "__main__":
    main()
