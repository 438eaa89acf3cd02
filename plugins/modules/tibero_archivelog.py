#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archive mode of a database."""

DOCUMENTATION = r"""
module: tibero_archivelog
short_description: Switch archiving of redo on or off
version_added: 0.1.0
description:
  - Brings a database to ARCHIVELOG or NOARCHIVELOG. The server allows that in MOUNT only; an open database is stopped
    and started twice, and only with O(restart=true). An instance that is found in MOUNT or stopped is left as it was
    found.
  - A standby is refused, and so is switching archiving off while the instance has destinations.
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
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - The archive mode.
    type: str
    choices: [archivelog, noarchivelog]
    default: archivelog
  restart:
    description:
      - Whether an open database may be stopped and started for it.
    type: bool
    default: false
  down_mode:
    description:
      - How to stop it then.
    type: str
    choices: [normal, post_tx, immediate, abort, abnormal, switchover]
    default: immediate
seealso:
  - module: firedrill.standby.tibero_instance
"""

EXAMPLES = r"""
- name: Archive redo
  firedrill.standby.tibero_archivelog:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    restart: true
"""

RETURN = r"""
state:
  description:
    - The instance as observed. Every fact is a dictionary of C(value) and C(source); a fact that is not known has the
      value V(UNKNOWN) and says C(why).
  type: dict
  returned: success
  sample: {name: orders, engine: tibero, open_mode: {value: recovery, source: "ps -t RECOVERY, ..."}, role: {value:
    standby, source: "..."}}
role:
  description: V(primary), V(standby), V(snapshot_standby), V(none) (no database) or V(UNKNOWN).
  type: str
  returned: success
  sample: standby
open_mode:
  description: V(stopped), V(nomount), V(mount), V(recovery), V(read_only), V(read_write) or V(UNKNOWN).
  type: str
  returned: success
  sample: recovery
running:
  description: V(true), V(false), or V(UNKNOWN) when the process list could not be read.
  type: raw
  returned: success
recorded_role:
  description: The role that our own record on the member names, empty without a record. It is never taken as the
    observed role.
  type: str
  returned: success
boot_request:
  description: The mode the running instance was booted with, from the process list.
  type: str
  returned: success
  sample: RECOVERY
steps:
  description: What was done, or would be in check mode.
  type: list
  elements: str
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.standby_tasks import (
    ARCHIVELOG_SPEC,
    ensure_archive_mode,
)


def main() -> None:
    """Run the module."""
    run_module(ARCHIVELOG_SPEC, ensure_archive_mode, secrets_of)


if __name__ == "__main__":
    main()
