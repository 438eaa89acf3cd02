#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Aliases of tbdsn.tbr."""

DOCUMENTATION = r"""
module: tibero_dsn
short_description: Manage the aliases of tbdsn.tbr
version_added: 0.1.0
description:
  - Adds, changes and removes aliases of the client file C($TB_HOME/client/config/tbdsn.tbr). Everything else in the
    file stays byte for byte.
  - Refuses when an alias of O(aliases) would have a value that clients trip over, such as one with a C(#) in it, and warns of other aliases and lines
    that do; those are left as they are.
  - For a standby cluster use one alias with a single instance for each member; C(tbsql) without an alias uses the
    entry named like the instance.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  tb_home:
    description:
      - Installation directory of Tibero or of its client. Must be absolute.
    type: path
    required: true
  path:
    description:
      - The alias file.
      - Default is C(client/config/tbdsn.tbr) below O(tb_home).
    type: path
  aliases:
    description:
      - Aliases to have.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the alias; letters, digits and underscores. It is case-sensitive.
        type: str
        required: true
      instances:
        description: Servers of the alias, tried in this order.
        type: list
        elements: dict
        required: true
        suboptions:
          host:
            description: Host name or address.
            type: str
            required: true
          port:
            description: Listener port.
            type: int
            required: true
          db_name:
            description: C(DB_NAME) of the database, common to all members of a standby cluster.
            type: str
            required: true
      load_balance:
        description: Whether sessions are spread over the instances.
        type: bool
      use_failover:
        description: Whether a lost session goes on at another instance.
        type: bool
  absent:
    description:
      - Names of aliases not to have.
    type: list
    elements: str
    default: []
  backup:
    description:
      - Keep a dated copy of the file before it is changed.
    type: bool
    default: false
seealso:
  - module: firedrill.standby.tibero_tip
"""

EXAMPLES = r"""
- name: One alias for each member
  firedrill.standby.tibero_dsn:
    tb_home: /tibero/tibero7
    aliases:
      - name: seoul1
        instances:
          - {host: 10.0.0.1, port: 8629, db_name: orders}
      - name: seoul2
        instances:
          - {host: 10.0.0.2, port: 8629, db_name: orders}
"""

RETURN = r"""
file:
  description: The alias file.
  type: str
  returned: success
  sample: /tibero/tibero7/client/config/tbdsn.tbr
changes:
  description: What happened to which alias.
  type: list
  elements: dict
  returned: success
  sample: [{alias: seoul2, kind: added}]
backup_file:
  description: The dated copy.
  type: str
  returned: when the file was changed and O(backup) is set
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.config_tasks import DSN_SPEC, ensure_dsn


def main() -> None:
    """Run the module."""
    run_module(DSN_SPEC, ensure_dsn)


if __name__ == "__main__":
    main()
