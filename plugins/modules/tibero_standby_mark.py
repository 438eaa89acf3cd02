#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mark of a standby that has to be built anew."""

DOCUMENTATION = r"""
module: tibero_standby_mark
short_description: Mark a Tibero standby that has to be built anew
version_added: 0.1.0
description:
  - Notes on the host why redo can no longer bring this standby to where the primary is. Nothing else is changed, and the instance may run or not.
  - A marked standby gets no redo from C(playbooks/standby.yml), and C(playbooks/setup_standby.yml) builds it anew when C(standby_rebuild) says so.
  - The mark belongs to the control files that lie there now; a new copy of the database has none.
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
  reason:
    description: Why, in words for the person who will read it.
    type: str
    required: true
seealso:
  - module: firedrill.standby.tibero_ddl_guard
  - module: firedrill.standby.tibero_instance_info
"""

EXAMPLES = r"""
- name: Note that it cannot follow
  firedrill.standby.tibero_standby_mark:
    tb_home: /tibero/tibero7
    tb_sid: orders
    reason: tablespace HIST was made read only on 2026-05-04
"""

RETURN = r"""
rebuild:
  description: Why it has to be built anew. An earlier mark stays as it is.
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
  description: Further data, such as the program that was run, with secrets hidden.
  returned: failure
  type: dict
"""

from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.ddl_guard import MARK_SPEC, ensure_mark
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of


def main() -> None:
    """Run the module."""
    run_module(MARK_SPEC, ensure_mark, secrets_of)


if __name__ == "__main__":
    main()
