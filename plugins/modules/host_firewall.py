#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports in the firewall that is active on a host."""

DOCUMENTATION = r"""
module: host_firewall
short_description: Open TCP ports in the firewall that is active on a host
version_added: 0.1.0
description:
  - Finds out whether firewalld or ufw is active and opens the ports there, now and for the next start.
  - Where neither is active nothing is done. The firewall itself is neither switched on nor off.
  - Other ports, and rules made by hand with iptables or nft, are not touched.
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
  platform:
    support: full
options:
  ports:
    description:
      - TCP ports to open.
    type: list
    elements: int
    required: true
  zone:
    description:
      - Zone of firewalld; empty is the default zone.
    type: str
    default: ""
seealso:
  - module: firedrill.standby.host_kernel
"""

EXAMPLES = r"""
- name: Let clients and the redo of the primary through
  firedrill.standby.host_firewall:
    ports: [8629, 8633]
  become: true
"""

RETURN = r"""
firewall:
  description: The active firewall, V(firewalld), V(ufw) or V(none).
  type: str
  returned: success
  sample: firewalld
opened:
  description: Ports that were opened, or would be in check mode.
  type: list
  elements: int
  returned: success
  sample: [8629, 8633]
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

from ansible_collections.firedrill.standby.plugins.module_utils._core.firewall import HOST_FIREWALL_SPEC, ensure
from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module


def main() -> None:
    """Run the module."""
    run_module(HOST_FIREWALL_SPEC, ensure)


if __name__ == "__main__":
    main()
