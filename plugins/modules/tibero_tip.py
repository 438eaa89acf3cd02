#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Initialization parameters of an instance."""

DOCUMENTATION = r"""
module: tibero_tip
short_description: Manage the initialization parameters (tip) of a Tibero instance
version_added: 0.1.0
description:
  - Brings keys of C($TB_HOME/config/$TB_SID.tip) to wanted values. The file is rendered whole and replaced at once;
    nothing is ever appended, and comments, order and keys that are not named stay.
  - Values are compared by meaning, so that V(1G) and V(1024M) are equal.
  - A tip that C(tbboot) would refuse is not written.
  - Nothing is restarted. RV(restart_required) tells which of the named keys have another value in the running
    instance.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.action_group
  - firedrill.standby.tibero
  - firedrill.standby.tibero.login
attributes:
  check_mode:
    support: full
    details:
      - Where O(generate=true) would first create the tip, the lines that C(gen_tip.sh) would add are not predicted.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  parameters:
    description:
      - Keys and values to have. A list becomes a comma-separated list, a boolean V(Y) or V(N).
      - Quotes are set where the tip needs them. A text that holds double quotes is read as it would stand in the tip.
    type: dict
    default: {}
  absent:
    description:
      - Keys not to have.
    type: list
    elements: str
    default: []
  exclusive:
    description:
      - Remove every key that O(parameters) does not name.
    type: bool
    default: false
  generate:
    description:
      - Let the vendor's C(gen_tip.sh) make a first tip (with C(psm_commands) and C(tbdsn.tbr)) when there is none. It
        is never run over an existing tip.
    type: bool
    default: false
  backup:
    description:
      - Keep a dated copy of the tip before it is changed.
    type: bool
    default: false
seealso:
  - module: firedrill.standby.tibero_instance
  - module: firedrill.standby.tibero_dsn
"""

EXAMPLES = r"""
- name: Replication parameters of a member
  firedrill.standby.tibero_tip:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    parameters:
      LOG_REPLICATION_MODE: PERFORMANCE
      LOG_REPLICATION_DEST_1: "10.0.0.2:8633 LGWR ASYNC"
      _STANDBY_CONN_PORT: 8633
    absent:
      - LOG_REPLICATION_DEST_2
  register: tip

- name: Say what still needs a restart
  ansible.builtin.debug:
    var: tip.restart_required
"""

RETURN = r"""
file:
  description: The tip.
  type: str
  returned: success
  sample: /tibero/tibero7/config/orders.tip
changes:
  description: What happened to which key, with the values as written.
  type: list
  elements: dict
  returned: success
  sample: [{key: MEMORY_TARGET, kind: changed, before: 2G, after: 4G}]
generated:
  description: Whether C(gen_tip.sh) made the tip.
  type: bool
  returned: success
restart_required:
  description: Named keys whose value in the running instance differs from the tip; empty when the instance is
    stopped.
  type: list
  elements: str
  returned: success
  sample: [TOTAL_SHM_SIZE]
restart_check:
  description: V(done), V(stopped), or why the running values could not be read; an empty RV(restart_required) proves
    nothing then.
  type: str
  returned: success
backup_file:
  description: The dated copy.
  type: str
  returned: when the tip was changed and O(backup) is set
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
  description: Further data, such as the program that was run, with secrets hidden.
  returned: failure
  type: dict
"""

from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.config_tasks import TIP_SPEC, ensure_tip
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of


def main() -> None:
    """Run the module."""
    run_module(TIP_SPEC, ensure_tip, secrets_of)


if __name__ == "__main__":
    main()
