#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What starts an instance with its host."""

DOCUMENTATION = r"""
module: tibero_service
short_description: Have a host start its instance in the role that it must have
version_added: 0.1.0
description:
  - Installs one program on a member, C(/usr/local/sbin/firedrill-DATABASE), and the units or cron entries that run it as O(user).
  - At boot it starts a registered standby with C(tbboot -t RECOVERY). A registered primary starts NORMAL only when every other member has answered
    and none of them is or may be a primary, or knows of a later role change. Everything else stays down and says why, and what to do.
  - While the host is up it answers the other members, and stops and fences its own primary when it sees that another member has taken over,
    such as after a host was frozen or cut off.
  - It never starts an instance again that a role change, a copy or a person has stopped.
  - Members ask each other over TCP, with an HMAC of O(key). No password of the database is kept, and nothing can be asked for but roles.
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
    description: Absolute path of the Tibero installation (E(TB_HOME)).
    type: path
    required: true
  tb_sid:
    description: Name of the instance (E(TB_SID)).
    type: str
    required: true
  timeout:
    description: Seconds that a boot or a stop of the instance may take.
    type: int
    default: 300
  state:
    description: V(absent) takes program, units and key away. The instance and the records of the member stay as they are.
    type: str
    choices: [present, absent]
    default: present
  database:
    description: Name of the cluster, which becomes part of file names.
    type: str
    required: true
  user:
    description: OS user of the instance.
    type: str
    default: tibero
  member:
    description: Name of this member, the same on all members.
    type: str
    required: true
  address:
    description: Address of this host at which the other members reach it.
    type: str
    required: true
  port:
    description: Port at which this member answers the others.
    type: int
    required: true
  others:
    description: All other members of the cluster. One that is missing here would not be asked, so members with different lists do not start a primary.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the member.
        type: str
        required: true
      address:
        description: Address of its host.
        type: str
        required: true
      port:
        description: Port at which it answers.
        type: int
        required: true
  key:
    description: Secret of at least 16 characters by which the members know each other. Needed for O(state=present).
    type: str
  role:
    description: Role that was seen just now and shall be registered, if it is not. Without it nothing is registered.
    type: str
    choices: [primary, standby]
  primary:
    description: Member that was seen as the primary. It corrects what role changes that are known say, such as after a change by hand.
    type: str
  manager:
    description: What starts programs at boot. V(auto) takes systemd where it runs, else cron.
    type: str
    choices: [auto, systemd, cron]
    default: auto
  units:
    description: Texts of C(firedrill-DATABASE.service) and C(firedrill-DATABASE-watch.service) by name, for systemd.
    type: dict
    default: {}
  cron:
    description: Text of C(/etc/cron.d/firedrill-DATABASE), for hosts without systemd.
    type: str
    default: ""
  unreachable:
    description:
      - What a registered primary does at boot when O(wait) is over and a member did not answer. V(stay_down) is the safe one.
      - V(start) starts it when all that answered are no primaries and know of none. It makes a second primary when the one that is silent has become
        the primary and nobody else knows.
    type: str
    choices: [stay_down, start]
    default: stay_down
  wait:
    description: Seconds that a registered primary waits at boot for the other members.
    type: int
    default: 300
  interval:
    description: Seconds between two looks at the other members. A primary that was taken over from may accept writes for about that long after its
      host is back.
    type: int
    default: 3
  foreign:
    description: What becomes of other units, init scripts and cron tables of the system that boot Tibero. V(refuse) changes nothing and names them.
    type: str
    choices: [refuse, report]
    default: refuse
seealso:
  - module: firedrill.standby.tibero_fence
  - module: firedrill.standby.tibero_instance
"""

EXAMPLES = r"""
- name: Start the instance with its host, in its role
  firedrill.standby.tibero_service:
    tb_home: /tibero/tibero7
    tb_sid: orders
    database: orders
    member: seoul1
    address: 10.0.0.1
    port: 8634
    others:
      - {name: busan1, address: 10.0.0.2, port: 8634}
    key: "{{ vault_standby_service_key }}"
    role: primary
    primary: seoul1
    manager: cron
    cron: |
      @reboot tibero /usr/local/sbin/firedrill-orders /etc/firedrill-standby/orders.json watch --detach
      @reboot tibero /usr/local/sbin/firedrill-orders /etc/firedrill-standby/orders.json boot
  become: true
"""

RETURN = r"""
manager:
  description: What starts the program at boot, C(systemd) or C(cron); empty when it was removed.
  type: str
  returned: success
program:
  description: Path of the program. With the path of its configuration and C(status) it shows what the members say and what a boot would do.
  type: str
  returned: success
  sample: /usr/local/sbin/firedrill-orders
written:
  description: Files and links that were not as they are now.
  type: list
  elements: str
  returned: success
removed:
  description: Files and links that were removed.
  type: list
  elements: str
  returned: success
registered:
  description: Whether the role had to be registered.
  type: bool
  returned: success
started:
  description: Units that had to be started.
  type: list
  elements: str
  returned: success
foreign:
  description: What else boots Tibero on this host.
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
  description: Further data, with secrets hidden.
  returned: failure
  type: dict
"""

from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.service_task import (
    SERVICE_SPEC,
    ensure_service,
    secrets_of,
)


def main() -> None:
    """Run the module."""
    run_module(SERVICE_SPEC, ensure_service, secrets_of)


if __name__ == "__main__":
    main()
