#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What readiness has to know of one member."""

DOCUMENTATION = r"""
module: tibero_readiness_info
short_description: Read everything of a Tibero member that a role change depends on
version_added: 0.1.0
description:
  - Reads a member for M(firedrill.standby.cluster_readiness), which judges all members together. Nothing is judged and
    nothing is changed here.
  - Without O(peers) it reads the member by itself. With O(listen), an open primary then holds the port open on which it
    would receive redo as a standby, so that the others can try it; not while a role change is unfinished.
  - With O(peers) it tries the ports of the other members, logs in to them through their aliases, and reads its own
    position several times.
  - With O(release) it lets the held port go. That happens by itself when the time of O(listen) is over.
  - The module does not fail because the instance is stopped or does not let it log in.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.info
  - firedrill.standby.attributes.action_group
  - firedrill.standby.tibero
  - firedrill.standby.tibero.login
attributes:
  check_mode:
    support: full
    details:
      - The module changes nothing. With O(listen) a process holds a free port open for a bounded time, in check mode
        too.
  idempotent:
    support: full
  platform:
    support: full
options:
  member:
    description:
      - Name of this member, as the others know it.
    type: str
    required: true
  listener_port:
    description:
      - LISTENER_PORT.
    type: int
    default: 8629
  standby_port:
    description:
      - Port on which this member receives redo as a standby. By default O(listener_port) + 4.
    type: int
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
  control_files:
    description:
      - Paths of the control files, as far as they lie elsewhere.
    type: list
    elements: path
    default: []
  seed_dir:
    description:
      - Directory of the journals of copies, to find one that was not finished.
    type: path
  salt:
    description:
      - Any text, the same for all members of one run, so that the digests of their password files can be compared.
    type: str
    default: ""
  listen:
    description:
      - Seconds for which an open primary holds its free standby port open at most. V(0) is not at all.
    type: int
    default: 0
  peers:
    description:
      - The other members, each with C(member), C(host), C(ports), a list of numbers, and C(alias), its name in
        C(tbdsn.tbr).
    type: list
    elements: dict
    default: []
  reach_timeout:
    description:
      - Seconds to wait for a connection.
    type: float
    default: 5.0
  samples:
    description:
      - How often the position is read.
    type: int
    default: 3
  interval:
    description:
      - Seconds between two samples.
    type: float
    default: 1.0
  release:
    description:
      - Whether to do nothing but let the held port go.
    type: bool
    default: false
notes:
  - The password file is compared by a salted digest. Neither its content nor the SYS password is returned.
  - A login may leave a line in the login history of the server (parameter C(_USE_LOGIN_RECORD)).
seealso:
  - module: firedrill.standby.cluster_readiness
  - module: firedrill.standby.tibero_preflight
"""

EXAMPLES = r"""
- name: Read this member
  firedrill.standby.tibero_readiness_info:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    member: seoul1
    data_dir: /tibero/data
    archive_dir: /tibero/arch
    listen: 60
  register: readiness_look

- name: Try the ways to the others
  firedrill.standby.tibero_readiness_info:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    member: seoul1
    data_dir: /tibero/data
    archive_dir: /tibero/arch
    peers:
      - {member: busan1, host: 192.0.2.21, ports: [8629, 8633], alias: busan1}
  register: readiness_ways
"""

RETURN = r"""
facts:
  description:
    - What was read, by name; each with C(value) and C(source), or with C(value) V(UNKNOWN) and C(why).
  type: dict
  returned: success
  sample: {"log_sequence": {"value": 17, "source": "V$LOG, status CURRENT"}}
state:
  description:
    - RV(facts) as one word, base64 of JSON, because Ansible masks a password wherever it occurs in a result, also as a
      part of a path. Empty with O(release).
  type: str
  returned: success
listening:
  description: Ports that are held open now, and those that could not be, with the reason.
  type: dict
  returned: success
  sample: {"held": [8633], "failed": {}}
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.readiness_task import (
    READINESS_SPEC,
    readiness_info,
)


def main() -> None:
    """Run the module."""
    run_module(READINESS_SPEC, readiness_info, secrets_of)


if __name__ == "__main__":
    main()
