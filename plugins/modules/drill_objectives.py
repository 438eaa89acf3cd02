# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a virtual module: the work is done by the action plugin of the same name, on the controller.

DOCUMENTATION = r"""
module: drill_objectives
short_description: Freeze the objectives of a drill, or refuse it
version_added: 0.1.0
author:
  - The firedrill.standby authors (@firedrill)
description:
  - Makes the evidence folder of a drill on the controller and writes the policy into it, with its digest and the time, before anything is touched.
  - Refuses a policy without objectives, one in which requester and approver are one person (unless it allows that), a time outside of the window or
    on a blackout date, and a fault without the consent that names its damage.
extends_documentation_fragment:
  - firedrill.standby.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: The folder is new; there is nothing to compare.
  idempotent:
    support: none
    details: Each run is a drill of its own, with a folder of its own.
options:
  policy:
    description: The policy.
    type: dict
    required: true
    suboptions:
      name:
        description: Name of the policy.
        type: str
        required: true
      version:
        description: Its version.
        type: str
        required: true
      title:
        description: The drill in one line.
        type: str
        required: true
      environment:
        description: Drills of V(ci) and V(production) are never mixed in a trend.
        type: str
        choices: [production, ci]
        default: production
      objectives:
        description: The objectives. Without them no drill begins.
        type: dict
        suboptions:
          rto_seconds:
            description: Longest outage of writes on the application's path; the sum, if the service comes and goes.
            type: float
            required: true
          rto_reads_seconds:
            description: The same for reads.
            type: float
          rpo_seconds:
            description: Longest stretch of writes that may be lost; V(0) means that no acknowledged write may be lost.
            type: float
            required: true
          rpo_transactions:
            description: Most acknowledged writes that may be lost.
            type: int
          rpo_bytes:
            description: Most bytes of log that may be lost. Where the engine's positions count no bytes this is inconclusive.
            type: int
          rtrr_seconds:
            description: Longest time until a standby holds everything again.
            type: float
          load_share_percent:
            description: The drill's load as a share of production's, at least. With less, a loss is inconclusive.
            type: float
          production_writes_per_second:
            description: Production's rate of writes.
            type: float
          steady_seconds:
            description: How long the steady state must hold to count.
            type: float
            default: 60
      minimum_service:
        description: Minimum service level, in words.
        type: str
      pass_criteria:
        description: Objectives that must be judged. One without a figure is refused.
        type: list
        elements: str
        choices: [rto, rto_reads, rpo, rpo_transactions, rpo_bytes, rtrr, fencing, integrity, way_back]
        default: []
      cadence_days:
        description: Longest time between two drills.
        type: int
      due_date:
        description: When this one is due, C(YYYY-MM-DD).
        type: str
      scope:
        description: What is drilled.
        type: list
        elements: str
        required: true
      out_of_scope:
        description: What is not, and why.
        type: list
        elements: dict
        default: []
        suboptions:
          what:
            description: What is not drilled.
            type: str
            required: true
          why:
            description: Why.
            type: str
            required: true
      services:
        description: Systems and services that depend on the cluster.
        type: list
        elements: str
        default: []
      criticality:
        description: In the organisation's own words.
        type: str
      standards:
        description: Clauses that the drill is evidence toward.
        type: list
        elements: dict
        default: []
        suboptions:
          standard:
            description: The standard.
            type: str
            required: true
          clause:
            description: Its clause.
            type: str
            default: ''
          grade:
            description: How far the drill speaks to it.
            type: str
            required: true
            choices: [direct, supporting, indirect]
          verified:
            description: When the wording was last checked, C(YYYY-MM-DD).
            type: str
            required: true
      narrative:
        description: The story of the disaster.
        type: str
      faults:
        description: Faults that are injected.
        type: list
        elements: dict
        default: []
        suboptions:
          fault:
            description: What is done; V(none) is the control case.
            type: str
            required: true
            choices: [crash_host, cut_both, cut_clients, cut_standby, freeze, kill_server, none]
          member:
            description: To which member; by default the primary.
            type: str
            default: ''
          consent:
            description: >-
              The damage in words, which must fit the fault. V(kill_server) needs C(the_server_is_killed), V(crash_host)
              C(the_host_is_crashed), V(freeze) C(the_server_is_frozen), V(cut_clients) C(clients_are_cut_off), V(cut_standby)
              C(the_standby_is_cut_off), V(cut_both) C(the_member_is_isolated).
            type: str
            default: ''
      realism:
        description: Load, time of day, what is unlike a real disaster.
        type: str
      assumptions:
        description: What is taken for granted.
        type: list
        elements: str
        default: []
      absent_people:
        description: People deliberately absent.
        type: list
        elements: str
        default: []
      requester:
        description: Who asks for the drill.
        type: str
        required: true
      approvers:
        description: Who approves it.
        type: list
        elements: str
        required: true
      two_persons:
        description: Whether an approver must be another person than the requester, who then approves no step either.
        type: bool
        default: true
      ticket:
        description: Change ticket.
        type: str
      window:
        description: When the drill may begin. Times have a zone, such as C(2026-03-01T09:00:00+09:00).
        type: dict
        required: true
        suboptions:
          start:
            description: Its start.
            type: str
            required: true
          end:
            description: Its end.
            type: str
            required: true
      blackout_dates:
        description: Dates in the zone of the window on which no drill begins, C(YYYY-MM-DD).
        type: list
        elements: str
        default: []
      waivers:
        description:
          - Checks of readiness that a person answers for. One that would refuse the drill only warns then, and is a finding of the drill. One that is not
            needed stands in the evidence too.
          - What could make the drill itself do harm cannot be waived, such as whether there is one primary, whether redo arrives, and whether the way
            back is open; nor can a check that does not exist.
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
            description: Its last day in the zone of the window, C(YYYY-MM-DD). From the day after the drill is refused.
            type: str
            required: true
      risk_assessment:
        description: Reference.
        type: str
      rollback_plan:
        description: Reference.
        type: str
      regulator_notice:
        description: Reference.
        type: str
      stop_conditions:
        description:
          - What ends the drill early. It is looked at before each step and while the drill waits; a role change that is under way is finished or undone
            by its journal first.
          - A person stops a drill with C(playbooks/drill_stop.yml), whatever is named here.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description:
              - V(outage_seconds), the clients of one host got no write through for O(policy.stop_conditions[].limit) seconds.
              - V(window_seconds_left), the window ends in so many seconds, or is over.
            type: str
            required: true
          limit:
            description: Its limit in seconds, 1 or more.
            type: int
            required: true
      abort_authority:
        description: Who may stop the drill.
        type: str
      switch_back:
        description: Whether the way home is part of the drill.
        type: bool
        default: true
      people:
        description: Who takes part.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name.
            type: str
            required: true
          role:
            description: Role.
            type: str
            required: true
          organisation:
            description: Organisation.
            type: str
            default: ''
          on_call:
            description: Whether on call.
            type: bool
            default: false
          observer:
            description: Whether only looking on.
            type: bool
            default: false
          auditor:
            description: Whether an auditor.
            type: bool
            default: false
      operator:
        description: Who runs it.
        type: str
      retention:
        description: Until when the evidence is kept.
        type: str
  directory:
    description: Directory on the controller under which each drill has a folder.
    type: path
    required: true
  drill_id:
    description: Name of the drill, a ULID; by default one is made.
    type: str
    default: ''
  mode_guaranteed:
    description: >-
      Whether the replication mode in force promises that nothing is lost. If it does not, or it is not known, an objective of no loss
      is warned of.
    type: bool
seealso:
  - module: firedrill.standby.drill_evidence
  - module: firedrill.standby.drill_verdict
"""

EXAMPLES = r"""
- name: Say beforehand what will be judged
  firedrill.standby.drill_objectives:
    policy: "{{ drill_policy }}"
    directory: "{{ playbook_dir }}/evidence"
  run_once: true
  register: drill
"""

RETURN = r"""
drill_id:
  description: Name of the drill.
  returned: success
  type: str
  sample: 01KJMA8A00RWC6DP1VG4X2N7QE
folder:
  description: Its folder on the controller.
  returned: success
  type: str
sha256:
  description: Digest of C(objectives.json); empty in check mode.
  returned: success
  type: str
figures:
  description: The objectives as whole numbers, as they are judged.
  returned: success
  type: dict
  sample: {"rto_ns": 30000000000, "rpo_ns": 0}
notes:
  description: What the operator is warned of.
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
  description: V(true) when it is certain that nothing was changed.
  returned: failure
  type: bool
details:
  description: Further data, such as the key of the policy, the file, or the problems.
  returned: failure
  type: dict
"""
