# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a virtual module: the work is done by the action plugin of the same name, on the controller.

DOCUMENTATION = r"""
module: drill_record
short_description: Put together what a drill saw that no ledger tells
version_added: 0.1.0
author:
  - The firedrill.standby authors (@firedrill)
description:
  - Makes the contents of C(raw/drill.json) from the journals of the role changes on the controller, readings of clocks, and what the drill noted, and lists the
    files that go into the evidence with it. It changes nothing.
  - A step's end lies between the word for it plus the duration that the member measured, and the news of it; so no clock of another host is trusted.
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.info
options:
  story:
    description:
      - C(drill_id), C(type), C(members), C(ledgers), C(legs), C(readings), C(classification), C(human_ns), C(document).
      - What the way back is told from, C(fingerprints_before) and C(fingerprints_after) by member, C(expected), C(original_layout) and C(left); and what else
        was looked at, C(readiness), C(states) and C(hosts). All of them may be missing.
      - A leg has C(name), C(kind), C(old), C(new), C(stamps), C(log), the controller's journal of the role change, C(mode), C(positions) and C(reads).
    type: dict
    required: true
  staging:
    description: Directory on the controller with C(rows), C(ledgers), C(console) and C(observations), as far as they are there.
    type: path
    required: true
  attempts:
    description:
      - File in which the program of M(firedrill.standby.drill_schedule) noted the attempts of the schedule. What it could not begin since its last run is told
        in the field C(B.missed). One that cannot be read is a finding.
    type: path
seealso:
  - module: firedrill.standby.drill_evidence
  - module: firedrill.standby.drill_clock_info
"""

EXAMPLES = r"""
- name: Tell the story
  firedrill.standby.drill_record:
    staging: "{{ drill_frozen.folder }}.staging"
    story: "{{ drill_noted }}"
  run_once: true
  register: drill_told
"""

RETURN = r"""
record:
  description: The contents of C(raw/drill.json).
  type: dict
  returned: success
raw:
  description: It and all other files, as O(firedrill.standby.drill_evidence#module:raw) takes them.
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
  description: Further data.
  returned: failure
  type: dict
"""
