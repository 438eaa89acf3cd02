#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member is made of, before a drill and after it."""

DOCUMENTATION = r"""
module: tibero_fingerprint_info
short_description: Read what a Tibero member is made of, so that a drill can prove that everything is as it was
version_added: 0.1.0
description:
  - Reads role, configuration, files, what starts with the host, records of this collection, and what a drill could leave behind. Nothing is judged and
    nothing is changed. A drill takes a fingerprint of each member before it touches anything and another at its end, and compares them.
  - What moves by itself, such as the TSN and the log sequence, is in C(moving), which is never compared.
  - What cannot be read is C(UNKNOWN) with the reason. The module does not fail because the instance is stopped or does not let it log in.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.info
  - firedrill.standby.attributes.action_group
  - firedrill.standby.tibero
  - firedrill.standby.tibero.login
options:
  member:
    description:
      - Name of this member.
    type: str
    required: true
  data_dir:
    description:
      - Directory of the database files.
    type: path
    required: true
  archive_dir:
    description:
      - Directory of the archived logs.
    type: path
    required: true
  seed_dir:
    description:
      - Directory of the journals of copies, to find one that was not finished.
    type: path
  salt:
    description:
      - Any text, the same for both fingerprints, with which the digest of the password file is made. By default the name of the instance.
    type: str
    default: ""
notes:
  - The password file is told by a salted, slow digest. Neither its content nor the SYS password is returned; a parameter of the tip whose name says
    that it is a secret is told by such a digest too.
  - The tables of a drill are looked for among those of O(sys_user), and not on a standby in RECOVERY, which answers no query on tables.
  - Run it as the OS user of the database. What only root may read, such as rules of the firewall and tables of cron of other users, is not in it.
  - The lock that a run of this collection holds on the cluster is no part of it, since the run that takes the fingerprint holds it itself.
  - A login may leave a line in the login history of the server (parameter C(_USE_LOGIN_RECORD)).
seealso:
  - module: firedrill.standby.drill_evidence
  - module: firedrill.standby.tibero_readiness_info
"""

EXAMPLES = r"""
- name: Take the fingerprint of this member
  firedrill.standby.tibero_fingerprint_info:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    member: seoul1
    data_dir: /tibero/data
    archive_dir: /tibero/arch
    seed_dir: /tibero/tibero7/instance/orders/firedrill/seed
    salt: 01KJMA8A00RWC6DP1VG4X2N7QE
  register: drill_fingerprint_before
"""

RETURN = r"""
fingerprint:
  description:
    - C(schema), C(member), C(host), C(sections), C(moving) and C(sha256). Each section holds entries by name, each with C(value) and C(source), or with
      C(value) V(UNKNOWN) and C(why). A section that could not be read has the single entry C(*).
  type: dict
  returned: success
  sample: {"sections": {"instance": {"role": {"value": "primary", "source": "V$INSTANCE.STATUS, V$DATABASE.OPEN_MODE"}}}}
state:
  description:
    - RV(fingerprint) as one word, base64 of JSON, because Ansible masks a password wherever it occurs in a result, also as a part of a path.
      Compare and keep this one.
  type: str
  returned: success
sha256:
  description: Digest of what is compared. Two fingerprints without a difference have the same.
  type: str
  returned: success
residue:
  description: What is there that no drill may leave behind, each with C(host) and C(what).
  type: list
  elements: dict
  returned: success
  sample: [{"host": "seoul1.example", "what": "a lease: hot_backup/hot_backup.lease"}]
unknown:
  description: What could not be read, each with C(member), C(what), C(why), and C(residue), whether residue could hide there.
  type: list
  elements: dict
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
  description: Always V(true), since the module changes nothing.
  returned: failure
  type: bool
details:
  description: Further data, with secrets hidden.
  returned: failure
  type: dict
"""

from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.fingerprint_task import (
    FINGERPRINT_SPEC,
    fingerprint_info,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of


def main() -> None:
    """Run the module."""
    run_module(FINGERPRINT_SPEC, fingerprint_info, secrets_of)


if __name__ == "__main__":
    main()
