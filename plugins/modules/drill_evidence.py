# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a virtual module: the work is done by the action plugin of the same name, on the controller.

DOCUMENTATION = r"""
module: drill_evidence
short_description: Add to the evidence folder of a drill, and seal it
version_added: 0.1.0
author:
  - The firedrill.standby authors (@firedrill)
description:
  - Logs an event in a hash chain, adds raw files without their secrets, and at the end seals the folder on the controller. Sealing computes the
    verdict, writes C(evidence.json), C(verify.py) and the manifest, and signs it if that is asked for.
  - A sealed folder is never changed again. A secret in a ledger or in rows, whose bytes are their proof, is refused.
  - O(event), O(raw) and O(seal) are done in this order.
extends_documentation_fragment:
  - firedrill.standby.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Evidence is only added, never changed.
  idempotent:
    support: partial
    details: A raw file can be added again, and the last one counts; an event is a line each time, and a folder is sealed once.
options:
  folder:
    description: The folder of the drill on the controller.
    type: path
    required: true
  event:
    description: An event to log. V(touched) is the first thing that the drill does to the cluster.
    type: str
  data:
    description: What belongs to the event; whole numbers and texts.
    type: dict
    default: {}
  raw:
    description: Raw files to add.
    type: list
    elements: dict
    default: []
    suboptions:
      dest:
        description: Path inside of the folder, below C(raw/).
        type: str
        required: true
      src:
        description: A file of the controller.
        type: path
      content:
        description: A text, or data that becomes canonical JSON.
        type: raw
  secrets:
    description: Texts that are taken out of the raw files, and noted without being told. Set C(no_log) on the task.
    type: list
    elements: str
    default: []
  seal:
    description: Whether to close the folder after that.
    type: bool
    default: false
  cluster:
    description: Name of the cluster, to find its earlier drills. Needed with O(seal=true) for a trend.
    type: str
  trend:
    description: How many earlier drills are in the trend at most.
    type: int
    default: 60
  sign:
    description: How the manifest is signed.
    type: dict
    suboptions:
      method:
        description: C(ssh-keygen -Y sign) or C(gpg --detach-sign).
        type: str
        required: true
        choices: [ssh, gpg]
      key:
        description: File of the key (ssh), or name of the key (gpg). It must be usable without a prompt.
        type: str
        required: true
      identity:
        description: Who signs.
        type: str
        required: true
seealso:
  - module: firedrill.standby.drill_objectives
  - module: firedrill.standby.drill_verdict
  - module: firedrill.standby.drill_report
"""

EXAMPLES = r"""
- name: Note that the drill begins
  firedrill.standby.drill_evidence:
    folder: "{{ drill.folder }}"
    event: touched
    data: {what: the lease of the drill}
  run_once: true

- name: Close the folder
  firedrill.standby.drill_evidence:
    folder: "{{ drill.folder }}"
    raw:
      - {dest: raw/drill.json, content: "{{ drill_record }}"}
    seal: true
    cluster: orders
    sign: {method: ssh, key: /etc/firedrill/evidence_key, identity: dr-evidence}
  run_once: true
"""

RETURN = r"""
number:
  description: Number of the event; 0 without one.
  returned: success
  type: int
redactions:
  description: Number of places at which a secret was taken out.
  returned: success
  type: int
verdict:
  description: The verdict of the whole; empty unless sealed.
  returned: success
  type: str
  sample: met with findings
evidence:
  description: Path of C(evidence.json); empty unless sealed.
  returned: success
  type: str
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
  description: Further data, such as the key of the policy, the file, or the problems.
  returned: failure
  type: dict
"""
