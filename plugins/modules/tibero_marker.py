#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A marker row that travels."""

DOCUMENTATION = r"""
module: tibero_marker
short_description: Prove with a row that redo travels
version_added: 0.1.0
description:
  - Writes a row on the primary, waits until a standby has it, and removes what was made for it.
  - A standby in recovery answers no query on tables; there its reported position has to pass that of the marker. A standby that is open
    read only shows the row itself.
  - The row is in the table C(FIREDRILL_MARKER) of the account that logs in, which is made when it is missing.
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
    support: none
    details: The table is made for the marker and has no former state.
  idempotent:
    support: partial
    details: O(state=written) writes a row each time; a marker is for one proof.
options:
  state:
    description:
      - V(written) writes the marker on the primary. V(arrived) waits on a standby until it is there, for at most O(timeout) seconds.
        V(absent) drops the table on the primary.
    type: str
    choices: [written, arrived, absent]
    required: true
  marker:
    description: Name of the marker, different for each proof.
    type: str
    required: true
  position:
    description: Position that the primary had after it wrote the marker. Required if O(state=arrived).
    type: str
seealso:
  - module: firedrill.standby.tibero_role_change
"""

EXAMPLES = r"""
- name: Write a marker on the primary
  firedrill.standby.tibero_marker:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    state: written
    marker: change-4711
  register: marker
"""

RETURN = r"""
position:
  description: Position of the member, as text of digits; V(UNKNOWN) when it does not tell.
  type: str
  returned: success
  sample: "4711"
read:
  description: Whether the row itself was read here.
  type: bool
  returned: success
duration:
  description: Seconds until it had arrived.
  type: float
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.marker import MARKER_SPEC, ensure_marker
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of


def main() -> None:
    """Run the module."""
    run_module(MARKER_SPEC, ensure_marker, secrets_of, required_if=[("state", "arrived", ["position"])])


if __name__ == "__main__":
    main()
