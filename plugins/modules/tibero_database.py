#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create a database."""

DOCUMENTATION = r"""
module: tibero_database
short_description: Create a Tibero database
version_added: 0.1.0
description:
  - Creates the database of an instance with C(CREATE DATABASE) at NOMOUNT, unless one of the control files named in
    the tip exists.
  - Directories that are missing are made. An instance that is stopped is booted to NOMOUNT first; afterwards the
    server stops by itself and is left stopped.
  - The statement travels on standard input. The password of SYS in it, O(sys_password), is in no argument
    list, log or result.
  - Data files, logs or control files that lie in the way without a control file are refused, and so is a creation
    that was begun and never ended.
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
  name:
    description:
      - Name of the database; must be C(DB_NAME) of the tip, which is the default.
    type: str
  nomount_password:
    description:
      - Password of SYS before there is a database.
      - Default is the vendor's default; O(sys_password) is tried when that fails.
    type: str
  data_dir:
    description:
      - Directory of data, temp and redo files.
      - Default is C(DB_CREATE_FILE_DEST) of the tip.
    type: path
  redo_dirs:
    description:
      - Directories of the redo members; each group has one member in each of them.
      - Default is O(data_dir).
    type: list
    elements: path
    default: []
  redo_groups:
    description:
      - Number of redo groups.
    type: int
    default: 3
  redo_size:
    description:
      - Size of each redo log.
    type: str
    default: 50M
  character_set:
    description:
      - Character set.
    type: str
    default: UTF8
  national_character_set:
    description:
      - National character set.
    type: str
    default: UTF16
  archivelog:
    description:
      - Whether redo is archived. A standby needs it.
    type: bool
    default: true
  system:
    description:
      - First file of the system tablespace, 100M by default.
    type: dict
    default: {}
    suboptions:
      size:
        description: First size, such as V(100M).
        type: str
      next:
        description: By how much it grows.
        type: str
        default: 10M
      max:
        description: How far it may grow.
        type: str
        default: unlimited
  syssub:
    description:
      - First file of SYSSUB, 10M by default.
    type: dict
    default: {}
    suboptions:
      size:
        description: First size, such as V(100M).
        type: str
      next:
        description: By how much it grows.
        type: str
        default: 10M
      max:
        description: How far it may grow.
        type: str
        default: unlimited
  temp:
    description:
      - First temp file, 100M by default.
    type: dict
    default: {}
    suboptions:
      size:
        description: First size, such as V(100M).
        type: str
      next:
        description: By how much it grows.
        type: str
        default: 10M
      max:
        description: How far it may grow.
        type: str
        default: unlimited
  undo:
    description:
      - First file of the undo tablespace, 200M by default.
    type: dict
    default: {}
    suboptions:
      size:
        description: First size, such as V(100M).
        type: str
      next:
        description: By how much it grows.
        type: str
        default: 10M
      max:
        description: How far it may grow.
        type: str
        default: unlimited
  usr:
    description:
      - First file of the default tablespace USR, 100M by default.
    type: dict
    default: {}
    suboptions:
      size:
        description: First size, such as V(100M).
        type: str
      next:
        description: By how much it grows.
        type: str
        default: 10M
      max:
        description: How far it may grow.
        type: str
        default: unlimited
  undo_tablespace:
    description:
      - Name of the undo tablespace.
    type: str
    default: UNDO
  max_datafiles:
    description:
      - Highest number of data files.
    type: int
    default: 100
  max_instances:
    description:
      - Highest number of instances.
    type: int
    default: 8
  create_timeout:
    description:
      - Seconds that C(CREATE DATABASE) may take. It is never killed; what takes longer goes on and is reported.
    type: int
    default: 7200
seealso:
  - module: firedrill.standby.tibero_instance
  - module: firedrill.standby.tibero_system_scripts
"""

EXAMPLES = r"""
- name: The database
  firedrill.standby.tibero_database:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    data_dir: /tibero/tbdata/orders
    redo_size: 100M
"""

RETURN = r"""
name:
  description: The database.
  type: str
  returned: success
control_files:
  description: Its control files.
  type: list
  elements: str
  returned: success
statement:
  description: The statement, without the password; empty when nothing was to be done.
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.create_database import (
    DATABASE_SPEC,
    ensure_database,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of


def main() -> None:
    """Run the module."""
    run_module(DATABASE_SPEC, ensure_database, secrets_of)


if __name__ == "__main__":
    main()
