# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a virtual module: the work is done by the action plugin of the same name, on the controller.

DOCUMENTATION = r"""
module: drill_report
short_description: Make pages, metrics and JUnit from the evidence of a drill
version_added: 0.1.0
author:
  - The firedrill.standby authors (@firedrill)
description:
  - Makes the views of a sealed folder on the controller. A self-contained HTML page and Markdown in each language, metrics for the textfile collector
    of Prometheus' node exporter, JUnit XML, and a page with the trend of all drills of the cluster that lie beside it.
  - The folder is checked first, by the same code as its C(verify.py), and refused if it is not as it was sealed. Nothing is written into it.
  - Everything shown comes from C(evidence.json), whose SHA-256 each page names. The same evidence gives the same bytes.
extends_documentation_fragment:
  - firedrill.standby.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: The views are made from the evidence and nothing else; comparing two of them says nothing more.
  idempotent:
    support: full
options:
  folder:
    description: The sealed folder of the drill on the controller.
    type: path
    required: true
  directory:
    description: Where the views are written, outside of O(folder). By default C(reports/), with the name of the drill, beside the folder.
    type: path
  languages:
    description: Languages of the pages; English, Korean, Chinese.
    type: list
    elements: str
    choices: [en, ko, zh]
    default: [en, ko, zh]
  textfile:
    description: File for the metrics in the directory of the textfile collector, such as C(/var/lib/node_exporter/firedrill-orders.prom). Its name must end
      in C(.prom), and each cluster and type of drill needs one of its own.
    type: path
  trend:
    description: Whether to make the page of all drills of the cluster, in the directory above O(directory).
    type: bool
    default: true
seealso:
  - module: firedrill.standby.drill_evidence
  - module: firedrill.standby.drill_verdict
"""

EXAMPLES = r"""
- name: Make the report
  firedrill.standby.drill_report:
    folder: "{{ drill.folder }}"
    textfile: /var/lib/node_exporter/firedrill-orders.prom
  run_once: true
"""

RETURN = r"""
directory:
  description: Where the views of the drill lie.
  returned: success
  type: str
report:
  description: The HTML page in the first of the languages; empty when check mode made no folder.
  returned: success
  type: str
  sample: /srv/evidence/reports/01KJMA8A00RWC6DP1VG4X2N7QE/report.en.html
files:
  description: Every view, sorted, also those that were there already.
  returned: success
  type: list
  elements: str
verdict:
  description: The verdict of the whole; empty when check mode made no folder.
  returned: success
  type: str
  sample: met with findings
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
  description: Further data, such as the problems of the folder.
  returned: failure
  type: dict
"""
