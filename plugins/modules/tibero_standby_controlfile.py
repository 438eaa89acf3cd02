#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the control file of a standby."""

DOCUMENTATION = r"""
module: tibero_standby_controlfile
short_description: Turn a copied control file into that of a standby
version_added: 0.1.0
description:
  - Runs C(ALTER DATABASE STANDBY CONTROLFILE) on an instance in MOUNT. The statement sets the standby role and writes
    the paths converted by C(STANDBY_FILE_NAME_CONVERT) into the control file; it is always required after a copy.
  - The role is recorded in C($TB_HOME/instance/$TB_SID/firedrill/role.json), so that a later NORMAL boot is refused.
  - A running standby needs nothing. In MOUNT no view tells the role, so there the record counts, as long as the
    control files are the ones it names.
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
seealso:
  - module: firedrill.standby.tibero_instance
"""

EXAMPLES = r"""
- name: Mount the copy
  firedrill.standby.tibero_instance:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    mode: mount

- name: Make it a standby
  firedrill.standby.tibero_standby_controlfile:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
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
record:
  description: Where the role is recorded.
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.standby_tasks import (
    CONTROLFILE_SPEC,
    ensure_standby_controlfile,
)


def main() -> None:
    """Run the module."""
    run_module(CONTROLFILE_SPEC, ensure_standby_controlfile, secrets_of)


if __name__ == "__main__":
    main()
