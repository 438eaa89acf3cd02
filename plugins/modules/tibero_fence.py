#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fence an instance."""

DOCUMENTATION = r"""
module: tibero_fence
short_description: Stop an instance for good and keep it from starting
version_added: 0.1.0
description:
  - Fences one instance on its own host, before another member is promoted in its place.
  - Its tip is renamed to C($TB_SID.tip.fenced), so that neither a service unit nor a script nor a person boots it by mistake; then it is stopped
    with C(tbdown -t ABORT), and what lives on is killed. It is fenced when none of its processes is left - no server, no worker of one
    (C(tbsvr_*)), no listener, and no C(tbboot) that had begun before.
  - A process that may belong to the instance, which nothing proves, is not touched, and the module fails then - the host does not count as fenced.
  - This stops a running database without warning. What was not committed is gone, crash recovery follows at its next boot.
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
    support: full
options:
  state:
    description:
      - V(fenced) stops the instance and keeps it from starting. V(absent) gives the tip its name back and starts nothing.
    type: str
    choices: [fenced, absent]
    default: fenced
  reason:
    description: Why, for whoever finds the fence.
    type: str
    default: ""
seealso:
  - module: firedrill.standby.tibero_instance
"""

EXAMPLES = r"""
- name: The former primary never comes back by itself
  firedrill.standby.tibero_fence:
    tb_home: /tibero/tibero7
    tb_sid: orders
    reason: failover to busan1
"""

RETURN = r"""
fenced:
  description: The fence as it is now, RV(ignore:tip), RV(ignore:reason) and RV(ignore:at); empty without one.
  type: dict
  returned: success
  sample: {tip: /tibero/tibero7/config/orders.tip.fenced, reason: failover to busan1, at: "2026-11-27T06:00:00Z"}
killed:
  description: Processes of the instance that C(tbdown) did not end - servers, their workers, listeners, C(tbboot).
  type: list
  elements: int
  returned: success
tip:
  description: The tip's own name.
  type: str
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.fence import FENCE_SPEC, ensure_fence


def main() -> None:
    """Run the module."""
    run_module(FENCE_SPEC, ensure_fence)


if __name__ == "__main__":
    main()
