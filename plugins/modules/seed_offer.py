#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Offers database files of this host to one other member."""

DOCUMENTATION = r"""
module: seed_offer
short_description: Offer files of this host to one other member of the cluster
version_added: 0.1.0
description:
  - Run it on the member that has the files, as the OS user of the database. It lets one key, from given addresses and
    for a limited time, read the named files
    and nothing else. M(firedrill.standby.seed_pull) on the other member then copies them directly.
  - It lays an agent and the list of files below O(directory) and adds one line to C(authorized_keys), marked with the
    seed's id, that can do nothing but run this agent
    on this list.
  - An offer that is forgotten does no harm. The agent refuses it after its time, sshd refuses the key as well where it
    knows C(expiry-time) (OpenSSH 7.7 or later), and
    the next offer in the same directory removes it.
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
    details:
      - An offer is renewed, and that is a change, when less than half of its time is left.
options:
  state:
    description:
      - V(present) makes the offer.
      - V(absent) removes the line of C(authorized_keys), the agent and the list, and nothing else.
    type: str
    choices: [present, absent]
    default: present
  seed_id:
    description:
      - Name of the copy, the same as for M(firedrill.standby.seed_pull). Letters, digits, dots, underscores and dashes.
    type: str
    required: true
  directory:
    description:
      - Directory of all offers of this database, made with mode 0700. Must be absolute.
    type: path
    required: true
  transport:
    description:
      - V(ssh) lets the key in by this host's SSH server.
      - V(local) is for a lab whose members are directories of one host and one user. No key is let in.
    type: str
    choices: [ssh, local]
    default: ssh
  public_key:
    description:
      - The public key that M(firedrill.standby.seed_pull) with O(firedrill.standby.seed_pull#module:state=prepared)
        returned on the target. Required for O(transport=ssh).
    type: str
    default: ""
  allowed_from:
    description:
      - Addresses, networks or patterns from which the key is let in, as in C(from) of C(authorized_keys). Required for
        O(transport=ssh).
      - A host name is resolved on this host, and all its IPv4 and IPv6 addresses are written beside it, because sshd
        compares addresses unless C(UseDNS) is on. A name that does not resolve is refused. Patterns of names cannot be
        resolved and need C(UseDNS).
    type: list
    elements: str
    default: []
  files:
    description:
      - Absolute paths of the files that may be read. A link among them is followed.
    type: list
    elements: path
    default: []
  trees:
    description:
      - Directories below which everything may be read. Links in them are not followed.
    type: list
    elements: dict
    default: []
    suboptions:
      source:
        description: Absolute path of the directory.
        type: path
        required: true
      exclude:
        description:
          - Patterns of what is not offered. One without a slash is held against each name in a path, one with a slash
            against the path below the tree.
        type: list
        elements: str
        default: []
  lease:
    description:
      - Lease file of the timer that ends backup mode. The copy renews it as long as the controller watches it, and
        fails when it has lapsed.
    type: path
  expires_in:
    description:
      - Seconds for which the offer holds, from 60 to 30 days.
    type: int
    default: 86400
  address:
    description:
      - Address or name under which the target reaches this host. It is returned in RV(source).
    type: str
    default: 127.0.0.1
  port:
    description:
      - Port of this host's SSH server.
      - Default is the port of Ansible's own session, then the first C(Port) of C(/etc/ssh/sshd_config), then 22.
    type: int
  authorized_keys:
    description:
      - The file of allowed keys. Default is C(.ssh/authorized_keys) in the user's home directory.
    type: path
notes:
  - The SSH server's host keys are asked of the server itself over an address of this host, so that nobody can stand
    between.
seealso:
  - module: firedrill.standby.seed_pull
"""

EXAMPLES = r"""
- name: Offer the database to the new standby
  firedrill.standby.seed_offer:
    seed_id: orders-busan1
    directory: /tibero/tibero7/instance/orders/firedrill/offers
    public_key: "{{ hostvars['busan1'].seed_prepared.public_key }}"
    allowed_from: [10.0.1.1]
    address: 10.0.0.1
    files:
      - /tbdata/orders/system001.dtf
      - /tbdata/orders/.passwd
    lease: "{{ backup.lease }}"
  register: seed_offered

- name: Take the offer away
  firedrill.standby.seed_offer:
    seed_id: orders-busan1
    directory: /tibero/tibero7/instance/orders/firedrill/offers
    state: absent
"""

RETURN = r"""
source:
  description:
    - What O(firedrill.standby.seed_pull#module:source) takes.
    - For SSH it has C(transport), C(host), C(port), C(user) and C(host_keys); for a local lab C(transport) and C(argv).
  type: dict
  returned: when O(state=present)
  sample: {transport: ssh, host: 10.0.0.1, port: 22, user: tibero, host_keys: ["ssh-ed25519 AAAAC3Nz"]}
expires:
  description: End of the offer, UTC.
  type: str
  returned: when O(state=present)
  sample: "2026-03-01T12:00:00Z"
removed_stale:
  description: Seed ids of other offers in O(directory) that had expired and are removed.
  type: list
  elements: str
  returned: when O(state=present)
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

from ansible_collections.firedrill.standby.plugins.module_utils._core.seed.offer_task import SPEC, seed_offer
from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module


def main() -> None:
    """Run the module."""
    run_module(SPEC, seed_offer)


if __name__ == "__main__":
    main()
