#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a database."""

DOCUMENTATION = r"""
module: tibero_files_info
short_description: List the files that a database consists of
version_added: 0.1.0
description:
  - Returns every file that a copy of the database consists of, as the server's own views name them, the hidden password
    file included, and the archives of its redo.
  - The instance has to be open or mounted. A kind of files that cannot be listed is an error, because a list that lacks
    some of the files is worse than none.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.info
  - firedrill.standby.attributes.action_group
  - firedrill.standby.tibero
  - firedrill.standby.tibero.login
options:
  first_sequence:
    description:
      - Number of the first log whose archive is listed.
      - Default is the oldest log that is still online, so that the archives join the online logs without a gap.
    type: int
seealso:
  - module: firedrill.standby.tibero_hot_backup
  - module: firedrill.standby.tibero_cold_copy
  - module: firedrill.standby.tibero_rmgr
"""

EXAMPLES = r"""
- name: List the files
  firedrill.standby.tibero_files_info:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
  register: orders_files

- name: List all archives that are still there
  firedrill.standby.tibero_files_info:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    first_sequence: 1
"""

RETURN = r"""
files:
  description:
    - The files, archives excepted. C(kind) is V(datafile), V(redo), V(controlfile), V(tempfile) or V(password); C(size)
      is in bytes, or none if the file cannot be looked at. C(when) is V(during) for what a hot copy takes in backup
      mode, and V(after) for what it takes afterwards.
  type: list
  elements: dict
  returned: success
  sample: [{path: /tibero/tbdata/orders/system001.dtf, kind: datafile, size: 104857600, when: during}]
archives:
  description: The archives from RV(first_sequence) on that exist.
  type: list
  elements: dict
  returned: success
  sample: [{path: /tibero/tbdata/orders/arch/log-t0-r0-s5.arc, kind: archive, size: 52428800, when: after, sequence:
    5}]
first_sequence:
  description: Number of the first log whose archive was looked for.
  type: int
  returned: success
bytes:
  description: Bytes of RV(files).
  type: int
  returned: success
bytes_archives:
  description: Bytes of RV(archives).
  type: int
  returned: success
missing:
  description: Paths of RV(files) that the server names and that cannot be looked at.
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.database_files import (
    FILES_INFO_SPEC,
    files_info,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of


def main() -> None:
    """Run the module."""
    run_module(FILES_INFO_SPEC, files_info, secrets_of)


if __name__ == "__main__":
    main()
