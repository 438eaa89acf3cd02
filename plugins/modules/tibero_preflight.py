#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of a member, and the comparison of a future standby with its primary."""

DOCUMENTATION = r"""
module: tibero_preflight
short_description: Check whether a host may become a standby of a Tibero primary
version_added: 0.1.0
description:
  - Reads a host and the Tibero instance on it, and answers one question at a time, each with what is expected, what
    was observed, the source, and a verdict V(OK), V(WARN), V(FAIL) or V(UNKNOWN).
  - With O(primary) it compares what must be equal on all members, and names both values.
  - It fails, with a table of the checks that stand in the way, when one is V(FAIL), or V(UNKNOWN) and not advisory
    and not named in O(tolerate). Nothing was changed then.
  - A future standby is looked at twice. The first time, with O(listen) and without judging, it holds its free ports
    open; then the primary is looked at and tries them by O(reach); then the standby judges, with the facts of both.
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
      - The module changes nothing. With O(listen) a process holds free ports open until the judgement, or until its
        time is over, in check mode too.
  idempotent:
    support: full
  platform:
    support: full
options:
  member:
    description:
      - Name of this member, as in RV(ignore:reach) of the others.
    type: str
    required: true
  listener_port:
    description:
      - LISTENER_PORT. The special port is the next one.
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
      - Directory of the journal of the copy. Files that it proves to be of our own copy are not foreign.
    type: path
  version:
    description:
      - Major version that will be installed, for a host without Tibero.
    type: str
  block_size:
    description:
      - DB_BLOCK_SIZE of the description, for a host without a database.
    type: int
  character_set:
    description:
      - Character set of the description; a warning is given when the primary has another.
    type: str
    default: ""
  parameters:
    description:
      - The tip as it will be written. Without it the present tip is compared.
    type: dict
  licence:
    description:
      - The licence that will be installed, in base64, since its encoding may be another than UTF-8. Without it the
        present file is read.
    type: str
  transport:
    description:
      - How the standby will receive redo, such as V(LGWR ASYNC).
    type: str
    default: ""
  seed_method:
    description:
      - How the database will be copied.
    type: str
    default: hot
    choices: [hot, cold, rmgr]
  prepared:
    description:
      - Whether the role P(firedrill.standby.host#role) prepares the operating system later in the same run. What it
        sets is then not asked for yet.
    type: bool
    default: false
  opens_ports:
    description:
      - With O(prepared=true), whether that role opens the ports in this host's firewall as well. A port of this host
        that the primary cannot open now is then no obstacle yet; see RV(to_open).
    type: bool
    default: false
  keeps_files:
    description:
      - Whether nothing is copied, because a former primary follows with its files as they are. Space for a copy is not asked for then, and its
        files stand in nobody's way.
    type: bool
    default: false
  reach:
    description:
      - Ports of other members to try, each with the keys C(member), C(host) and C(port). A port to which a connection
        stands already is not tried.
    type: list
    elements: dict
    default: []
  reach_timeout:
    description:
      - Seconds to wait for a connection.
    type: float
    default: 5.0
  listen:
    description:
      - Seconds for which the free ports of this member are held open, so that others can try them. V(0) is not at
        all. Only with O(judge=false).
    type: int
    default: 0
  release:
    description:
      - Whether to do nothing but let the held ports go. Each boot of the instance by this collection lets them go too.
    type: bool
    default: false
  facts:
    description:
      - Facts of this host from an earlier run of the module, its RV(state) or RV(facts). Without them they are read.
    type: raw
  primary:
    description:
      - Facts of the primary, RV(state) or RV(facts) of the module there. Without them the host is judged by itself.
    type: raw
  primary_member:
    description:
      - Name of the primary, for the offset of the clocks.
    type: str
  judge:
    description:
      - Whether to judge, and to fail if a check stands in the way.
    type: bool
    default: true
  tolerate:
    description:
      - Ids of checks, or groups of them, whose V(UNKNOWN) is accepted, such as V(primary.rmgr) or V(reach). A V(FAIL)
        cannot be accepted.
    type: list
    elements: str
    default: []
  limits:
    description:
      - Limits other than the defaults; C(licence_warn_days), C(clock_warn) and C(clock_fail) in seconds, C(space_ok)
        and C(space_fail) as factors of what is needed, C(nofile), C(nproc), C(file_max), C(aio_max_nr).
    type: dict
    default: {}
notes:
  - The password file is compared by a salted digest. Neither its content nor the SYS password is returned.
  - The licence is checked by Tibero at boot only. An expired one is found here before anything is stopped.
seealso:
  - module: firedrill.standby.tibero_instance_info
"""

EXAMPLES = r"""
- name: Look at a future standby, and hold its ports open
  firedrill.standby.tibero_preflight:
    tb_home: /tibero/tibero7
    tb_sid: orders
    member: seoul2
    data_dir: /tibero/data
    archive_dir: /tibero/arch
    listen: 120
    judge: false
  register: look

- name: Judge
  firedrill.standby.tibero_preflight:
    tb_home: /tibero/tibero7
    tb_sid: orders
    member: seoul2
    data_dir: /tibero/data
    archive_dir: /tibero/arch
    facts: "{{ look.state }}"
    primary: "{{ hostvars['seoul1'].look.state }}"
    primary_member: seoul1
    transport: LGWR SYNC
    tolerate: [primary.rmgr]
"""

RETURN = r"""
facts:
  description:
    - What was read, by name; each with C(value) and C(source), or with C(value) V(UNKNOWN) and C(why).
  type: dict
  returned: success
  sample: {"db_name": {"value": "orders", "source": "/tibero/tibero7/config/orders.tip"}}
state:
  description:
    - RV(facts) as one word, base64 of JSON, for O(facts) and O(primary) of a later run.
    - Ansible masks a password wherever it occurs in a result, so a password that is part of a path or name, such as
      the vendor's default, makes RV(facts) unusable for that.
  type: str
  returned: success
checks:
  description:
    - The checks, each with C(id), C(question), C(expected), C(observed), C(source), C(verdict), C(remedy),
      C(advisory) and C(tolerated).
  type: list
  elements: dict
  returned: success
verdict:
  description: The worst verdict of all checks; V(UNKNOWN) if nothing was judged.
  type: str
  returned: success
  sample: WARN
table:
  description: The checks as lines of a table, worst first.
  type: list
  elements: str
  returned: success
notes:
  description: What is not V(OK), as lines for a person, with what to do.
  type: list
  elements: str
  returned: success
to_open:
  description:
    - With O(opens_ports=true), the ports of this host that the primary could not open and that the role
      P(firedrill.standby.host#role) will open. They have to be tried again after it.
  type: list
  elements: int
  returned: success
  sample: [8633]
listening:
  description: Ports that are held open now, and those that could not be, with the reason.
  type: dict
  returned: success
  sample: {"held": [8633], "failed": {}}
seen:
  description: The table of the checks that stand in the way.
  type: str
  returned: failure
meaning:
  description: What follows from it.
  type: str
  returned: failure
remedy:
  description: What to do next.
  type: str
  returned: failure
nothing_changed:
  description: Always V(true), since the module changes nothing.
  type: bool
  returned: failure
details:
  description:
    - C(verdict), C(blocking), the ids of the checks that stand in the way, and C(notes), what else is not V(OK).
  type: dict
  returned: failure
"""

from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.preflight_task import PREFLIGHT_SPEC, run


def main() -> None:
    """Run the module."""
    run_module(PREFLIGHT_SPEC, run, secrets_of)


if __name__ == "__main__":
    main()
