# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a virtual module: the work is done by the action plugin of the same name, on the controller.

DOCUMENTATION = r"""
module: drill_verdict
short_description: Judge the evidence folder of a drill
version_added: 0.1.0
author:
  - The firedrill.standby authors (@firedrill)
description:
  - Computes the verdict from ledgers, rows and C(raw/drill.json), prints it, and fails if it is not accepted. The upper end of each interval is judged.
  - A folder that is sealed is checked first, by the same code as its C(verify.py). Nothing is written.
extends_documentation_fragment:
  - firedrill.standby.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Nothing is changed, so there is nothing to compare.
  idempotent:
    support: full
options:
  folder:
    description: The folder of the drill on the controller.
    type: path
    required: true
  enforce:
    description: Whether to fail when the verdict is not in O(accept).
    type: bool
    default: true
  accept:
    description: Verdicts with which the task succeeds.
    type: list
    elements: str
    choices: [met, met with findings, inconclusive, not met]
    default: [met, met with findings]
seealso:
  - module: firedrill.standby.drill_objectives
  - module: firedrill.standby.drill_evidence
"""

EXAMPLES = r"""
- name: Judge
  firedrill.standby.drill_verdict:
    folder: "{{ drill.folder }}"
  run_once: true
"""

RETURN = r"""
verdict:
  description: V(met), V(met with findings), V(not met) or V(inconclusive); empty when check mode made no folder.
  returned: success, and when the verdict is not accepted
  type: str
  sample: met
annotation:
  description: V(met, not guaranteed) when nothing was lost in a mode that does not promise it.
  returned: success, and when the verdict is not accepted
  type: str
objectives:
  description: Each objective with target, measured interval, unit, verdict and reasons.
  returned: success, and when the verdict is not accepted
  type: list
  elements: dict
reasons:
  description: Why it is not met, or why nothing can be concluded.
  returned: success, and when the verdict is not accepted
  type: list
  elements: str
sealed:
  description: Whether the folder is sealed, and was found as it was sealed.
  returned: success, and when the verdict is not accepted
  type: bool
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
