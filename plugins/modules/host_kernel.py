#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel parameters that a database needs at least."""

DOCUMENTATION = r"""
module: host_kernel
short_description: Give a host the kernel parameters that a database needs at least
version_added: 0.1.0
description:
  - Writes a file for C(sysctl.d), loads what the kernel does not have yet, and reads it back.
  - A value is never lowered, and reserved ports are added to those that are reserved already, because other software
    on the host has needs of its own.
  - What the kernel does not take, for example in a container or a network namespace, is returned in RV(not_loaded)
    and is no failure of the module; a play decides.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
attributes:
  check_mode:
    support: full
    details:
      - Whether the kernel would take a value is only known when it is told; RV(not_loaded) then names only parameters
        that are not there.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - As long as the kernel refuses a value, the module tries again each time. That is not reported as a change.
  platform:
    support: full
options:
  path:
    description:
      - File below C(/etc/sysctl.d) to write.
    type: path
    default: /etc/sysctl.d/98-firedrill-standby.conf
  at_least:
    description:
      - Least values by name. A value of several words, such as that of C(kernel.sem), is compared word by word.
    type: dict
    default: {}
  reserved_ports:
    description:
      - TCP ports that outgoing connections must not take, for C(net.ipv4.ip_local_reserved_ports).
    type: list
    elements: int
    default: []
  shared_memory:
    description:
      - Size of the shared memory segment of the instance, such as V(4G). C(kernel.shmmax) and C(kernel.shmall) are
        set to a fifth more.
      - A size that is larger than the memory of the host is refused.
    type: str
  load:
    description:
      - Whether to load the values into the running kernel. V(false) only writes the file, for hosts that share their
        kernel with others.
    type: bool
    default: true
seealso:
  - module: firedrill.standby.host_firewall
"""

EXAMPLES = r"""
- name: Kernel parameters for an instance with 4 GiB of shared memory
  firedrill.standby.host_kernel:
    at_least:
      kernel.sem: 10000 32000 10000 10000
      fs.file-max: 6815744
    shared_memory: 4G
    reserved_ports: [8629, 8630, 8631, 8633]
  become: true
"""

RETURN = r"""
values:
  description: What the file holds.
  type: dict
  returned: success
  sample: {"kernel.sem": "10000 32000 10000 10000"}
loaded:
  description: Names of the parameters that the kernel was told, or would be told in check mode.
  type: list
  elements: str
  returned: success
  sample: [kernel.sem]
not_loaded:
  description: Parameters that the kernel does not have as wanted, each with the reason.
  type: dict
  returned: success
  sample: {"net.core.rmem_max": "this kernel or network namespace has no such parameter"}
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

from ansible_collections.firedrill.standby.plugins.module_utils._core.kernel import HOST_KERNEL_SPEC, ensure
from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module


def main() -> None:
    """Run the module."""
    run_module(HOST_KERNEL_SPEC, ensure)


if __name__ == "__main__":
    main()
