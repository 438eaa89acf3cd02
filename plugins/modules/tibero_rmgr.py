#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup set of tbrmgr for a standby."""

DOCUMENTATION = r"""
module: tibero_rmgr
short_description: Make a backup set with tbrmgr, and recover a standby from it
version_added: 0.1.0
description:
  - O(state=present) has a backup set in O(directory), made by C(tbrmgr backup) on the open primary. O(state=recovered)
    has the database of this host recovered from the set by C(tbrmgr recover). O(state=absent) removes the set that was
    made or recovered from here, and leaves the database.
  - What tbrmgr prints on success is not documented, and neither are its exit codes. Success is therefore judged by what
    it leaves. Otherwise the module fails and shows what was printed.
  - It runs in a process of its own, so that it outlives a connection that breaks. The next run waits for it then.
  - tbrmgr is run without C(--userid), so that no password stands in an argument list. It then works as the OS user of
    Tibero.
  - After a recovery the instance is stopped, and its control file still has to be made that of a standby with
    M(firedrill.standby.tibero_standby_controlfile).
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
    details:
      - A finished set of the same options, whose files are as they were left, is not made again.
options:
  state:
    description:
      - What to have, see above.
    type: str
    choices: [present, recovered, absent]
    default: present
  directory:
    description:
      - Directory of the backup set. It must be empty or a set of ours, and lie neither below nor above a directory of
        the database.
    type: path
    required: true
  for_standby:
    description:
      - Whether to run tbrmgr with C(--for-standby). A recovery with it needs a set that was made with it (TBR-24105).
    type: bool
    default: true
  with_archivelog:
    description:
      - Whether to run tbrmgr with C(--with-archivelog).
    type: bool
    default: true
  with_password_file:
    description:
      - Whether to run tbrmgr with C(--with-password-file).
    type: bool
    default: true
  rmgr_timeout:
    description:
      - Seconds that tbrmgr may take. It is ended then.
    type: int
    default: 86400
  space_margin:
    description:
      - Space that must stay free beside the set or the database, in per cent of what is needed.
    type: float
    default: 5.0
seealso:
  - module: firedrill.standby.tibero_hot_backup
  - module: firedrill.standby.tibero_cold_copy
"""

EXAMPLES = r"""
- name: Make a backup set on the primary
  firedrill.standby.tibero_rmgr:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    directory: /backup/orders

- name: Recover on the new standby, to which the set was copied
  firedrill.standby.tibero_rmgr:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    state: recovered
    directory: /backup/orders
"""

RETURN = r"""
directory:
  description: Directory of the set.
  type: str
  returned: success
bytes:
  description: Bytes of the set; none in check mode.
  type: int
  returned: success
files:
  description: Number of files of the set; 0 in check mode.
  type: int
  returned: success
tsn:
  description: TSN of the primary just before the backup.
  type: str
  returned: when O(state=present)
backup_set:
  description: The row of C(V$BACKUP_SET) that came with the set; empty when the view cannot be read.
  type: dict
  returned: success
  sample: {SET_ID: "1", BACKUP_TYPE: FULL, STATUS: COMPLETED}
space:
  description: What was needed and what was free, in bytes.
  type: dict
  returned: success
  sample: {needed: 1073741824, free: 5368709120}
printed:
  description: What tbrmgr printed; empty when it did not run.
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.rmgr import RMGR_SPEC, tbrmgr


def main() -> None:
    """Run the module."""
    run_module(RMGR_SPEC, tbrmgr, secrets_of)


if __name__ == "__main__":
    main()
