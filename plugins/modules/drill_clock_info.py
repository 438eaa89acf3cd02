# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: drill_clock_info
short_description: Read the clock of a client host beside that of the controller
version_added: 0.1.0
author:
  - The firedrill.standby authors (@firedrill)
description:
  - Reads the clock on which the probe of this host keeps its ledgers, between two readings of the controller's, so that a moment that the controller knows can
    be told on the clock of the client, with a bound.
  - A host whose kernel was booted as the same one as the controller's has the same clock; this is told as C(same) of RV(reading).
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.info
options:
  client:
    description: Name of the host in the ledgers. Default is the name that its kernel tells.
    type: str
    default: ''
  controller:
    description: Whether only the controller's own clock is read, which asks no host and takes no time; O(client) does not count then.
    type: bool
    default: false
seealso:
  - module: firedrill.standby.drill_probe
"""

EXAMPLES = r"""
- name: Read the clock of the client host
  firedrill.standby.drill_clock_info:
    client: desk
  delegate_to: desk
  register: clock
"""

RETURN = r"""
reading:
  description:
    - C(client); C(before) and C(after), the controller's clock around the question; C(wall), the wall clock of the controller before it; C(mono), the
      clock of the client; C(client_wall), its wall clock; C(clock), which of the kernel's clocks it is; C(same), whether both are one clock. All times are
      nanoseconds.
  type: dict
  returned: success
  sample: {client: desk, before: 5000000000, after: 5300000000, wall: 1772323200000000000, mono: 910000000000, client_wall: 1772323200100000000,
    clock: CLOCK_BOOTTIME, same: false}
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
  description: Further data.
  returned: failure
  type: dict
"""

import os

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, ledger
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module


def read_clock(context: Context) -> Outcome:
    """Both clocks of this host side by side; the action of the same name adds those of the controller."""
    name, now = ledger.clock()
    anchor = ledger.anchor(now)
    reading = {
        "client": str(context.params["client"]) or os.uname().nodename,
        "mono": anchor.mono,
        "client_wall": anchor.wall,
        "clock": name,
        "boot_id": detached.boot_id(),
    }
    return Outcome(False, {"reading": reading})


def main() -> None:
    """Run the module."""
    spec = {"client": {"type": "str", "default": ""}, "controller": {"type": "bool", "default": False}}
    run_module(spec, read_clock)


if __name__ == "__main__":
    main()
