#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords of accounts."""

DOCUMENTATION = r"""
module: tibero_password
short_description: Set the passwords of SYS and other accounts
version_added: 0.1.0
description:
  - Makes sure that SYS has O(sys_password) and that further accounts have theirs, by trying to log in; only what does
    not fit is changed. SYS is changed from O(previous_password) or from the vendor's default.
  - Each run tries every account once, so a wrong O(sys_password) costs at most three failed logins of SYS.
  - The password file of the standbys is not changed by anybody when that of SYS changes; RV(copy_password_file) says
    when to copy it again.
  - On a standby the module only checks.
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
  previous_password:
    description:
      - Password that SYS may have now, besides the vendor's default.
    type: str
  accounts:
    description:
      - Further accounts; they are looked at on an open primary only.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the account.
        type: str
        required: true
      password:
        description: Its password.
        type: str
        required: true
seealso:
  - module: firedrill.standby.tibero_system_scripts
"""

EXAMPLES = r"""
- name: No vendor's defaults
  firedrill.standby.tibero_password:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    accounts:
      - {name: syscat, password: "{{ tibero_syscat_password }}"}
"""

RETURN = r"""
changed_accounts:
  description: Accounts whose password was changed, or would be in check mode.
  type: list
  elements: str
  returned: success
password_file:
  description: The password file, empty when it was not found.
  type: str
  returned: success
password_file_digest:
  description: Its SHA-256, to compare the members by.
  type: str
  returned: success
copy_password_file:
  description: Whether the password file has to be copied to the standbys again.
  type: bool
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.accounts import (
    PASSWORD_SPEC,
    ensure_passwords,
    secrets,
)


def main() -> None:
    """Run the module."""
    run_module(PASSWORD_SPEC, ensure_passwords, secrets)


if __name__ == "__main__":
    main()
