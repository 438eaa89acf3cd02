# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a virtual module: the work is done by the action plugin of the same name, on the controller.

DOCUMENTATION = r"""
module: cluster_readiness
short_description: Judge whether the roles of a cluster could be changed, and come back
version_added: 0.1.0
author:
  - The firedrill.standby authors (@firedrill)
description:
  - Judges the results of M(firedrill.standby.tibero_readiness_info) of all members, RV(ignore:readiness_look) and
    RV(ignore:readiness_ways), for the state after a role change and for the way back, and prints a summary and the
    checks that are not V(OK), worst first.
  - Each check has the number of the catalogue of prechecks, such as C(PC-C1.lag.seoul2), what was expected and observed,
    its source, and the remedy. It blocks the operations that cannot be done because of it, or only warns them.
  - A member that did not answer is judged too. Its checks are V(UNKNOWN), and those of the others are not hidden by it.
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
  members:
    description: Inventory names of the members; by default all hosts of the play.
    type: list
    elements: str
  cluster:
    description: What the cluster is called in the report.
    type: str
  target:
    description: The only candidate to judge. By default every member that is not primary.
    type: str
  limits:
    description: Limits other than the defaults, see O(firedrill.standby.readiness#role:main:readiness_limits).
    type: dict
    default: {}
  tolerate:
    description: Checks, or groups of checks, whose V(UNKNOWN) is accepted, such as V(PC-D2) or V(PC-D2.pages). A V(FAIL)
      cannot be accepted.
    type: list
    elements: str
    default: []
  waivers:
    description:
      - Checks that a person answers for. One that would stand in the way only warns, and O(waivers[].person) and the reason stand beside it.
      - A name that means no check of this cluster makes RV(verdict) V(FAIL). Checks without which a drill could do harm by itself cannot be waived.
    type: list
    elements: dict
    default: []
    suboptions:
      check:
        description: Id of the check, such as V(PC-B8.licence.busan1), or of a group of them, such as V(PC-B8.licence).
        type: str
        required: true
      person:
        description: Who answers for it.
        type: str
        required: true
      reason:
        description: Why.
        type: str
        required: true
      until:
        description: Its last day, C(YYYY-MM-DD). Once it is over everywhere on Earth it is refused.
        type: str
        required: true
  operations:
    description: The operations whose verdicts make RV(verdict).
    type: list
    elements: str
    choices: [switchover, failover, way_back]
    default: [switchover, failover, way_back]
  require:
    description: Whether every candidate has to be ready, or one of them; then the others only warn.
    type: str
    choices: [every, one]
    default: every
  enforce:
    description: Whether to fail when RV(verdict) is V(FAIL) or V(UNKNOWN).
    type: bool
    default: true
  everything:
    description: Whether to print the checks that are V(OK) too, and the questions that are not asked. Verbosity does it as well.
    type: bool
    default: false
seealso:
  - module: firedrill.standby.tibero_readiness_info
"""

EXAMPLES = r"""
- name: Judge
  firedrill.standby.cluster_readiness:
    target: busan1
    operations: [failover]
  run_once: true
"""

RETURN = r"""
readiness:
  description:
    - The report, the same for all engines.
    - C(checks) are those that concern every candidate; C(candidates) has C(verdicts), C(blocking) and C(checks) of each
      candidate; C(not_run) the questions of the catalogue that do not apply, with the reason; C(silent) the members that
      did not answer.
  returned: success
  type: dict
  sample:
    cluster: orders
    engine: tibero
    primary: seoul1
    verdict: WARN
    silent: []
    candidates: {"seoul2": {"verdicts": {"switchover": "OK", "failover": "WARN", "way_back": "OK"}, "blocking": {}, "checks": []}}
    checks: []
    not_run: [{"id": "PC-C13", "why": "Tibero has no dry run of a role change"}]
verdict:
  description: The verdict of what was asked about. V(UNKNOWN) is one that is neither advisory nor accepted.
  returned: success
  type: str
  sample: WARN
summary:
  description: One line for each candidate, under a heading.
  returned: success
  type: list
  elements: str
table:
  description: All checks as lines of text.
  returned: success
  type: list
  elements: str
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
  description: Always V(true).
  returned: failure
  type: bool
details:
  description: The verdict, and the checks that stand in the way by candidate and operation; or the variable, as data.
  returned: failure
  type: dict
"""
