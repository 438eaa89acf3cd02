#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script of the dictionary."""

DOCUMENTATION = r"""
module: tibero_system_scripts
short_description: Run the vendor's script that fills the dictionary of a new database
version_added: 0.1.0
description:
  - Runs C(system_install.sh) where it exists, else C(system.sh), once for each database. That it has run is proven by
    our record for this database, or by accounts that only the script makes.
  - The scripts know two ways to take the passwords of SYS and SYSCAT - as arguments, which every user of the host can
    read while they run, and by asking. The questions are answered on standard input.
  - Success is the script's last word C(Done.), not its exit code.
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
  syscat_password:
    description:
      - Password of SYSCAT, which a new database has from the vendor.
    type: str
    default: syscat
  answers:
    description:
      - Answers to the four questions of C(system.sh). Not used for C(system_install.sh).
    type: list
    elements: str
    default: ["y", "y", "y", "y"]
  passwords_by:
    description:
      - How the script gets the passwords. Use V(arguments) only for a script that does not ask; the passwords are
        visible in the process list then.
    type: str
    choices: [stdin, arguments]
    default: stdin
  force:
    description:
      - Run the script although it has run, or was begun and did not end.
    type: bool
    default: false
  create_timeout:
    description:
      - Seconds that the script may take. It is never killed; what takes longer goes on and is reported.
    type: int
    default: 7200
seealso:
  - module: firedrill.standby.tibero_database
"""

EXAMPLES = r"""
- name: The dictionary
  firedrill.standby.tibero_system_scripts:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    create_timeout: 14400
"""

RETURN = r"""
script:
  description: The script.
  type: str
  returned: success
  sample: /tibero/tibero7/scripts/system_install.sh
proof:
  description: By what it is known to have run, or not.
  type: str
  returned: success
log:
  description: The log that the script names; empty when it was not run.
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.system_scripts import (
    SCRIPTS_SPEC,
    ensure_system_scripts,
)


def main() -> None:
    """Run the module."""
    run_module(SCRIPTS_SPEC, ensure_system_scripts, secrets_of)


if __name__ == "__main__":
    main()
