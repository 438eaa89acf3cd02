#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill left on a host that is no member."""

DOCUMENTATION = r"""
module: drill_residue_info
short_description: Look for what a drill left on a client or the controller
version_added: 0.1.0
description:
  - Looks for processes of a probe, files and directories, timers, keys and aliases of one drill. Nothing is removed.
  - What is the drill's is told by its id, in the names of files, in what a process has open, and in the variable
    C(FIREDRILL_DRILL) of every program that a probe starts. A key for copying files is told by its own mark, whoever laid it.
  - It looks as the user of the task, so run it as the user of the probe. What another user could have made is not seen.
  - Members are looked at by M(firedrill.standby.tibero_fingerprint_info).
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.info
options:
  drill:
    description: Id of the drill, the name of its folder; at least eight characters.
    type: str
    required: true
  host:
    description: What the evidence calls this host.
    type: str
    required: true
  tb_home:
    description: Directory of Tibero's client, whose C(tbdsn.tbr) is looked at.
    type: path
    default: ''
  aliases:
    description: Aliases that the drill made there.
    type: list
    elements: str
    default: []
  kept:
    description: Paths that stay by intent, such as the evidence itself.
    type: list
    elements: path
    default: []
  patience:
    description: Seconds that what is left may take to be gone, as a program that was killed; what is there then is returned.
    type: float
    default: 0.0
seealso:
  - module: firedrill.standby.drill_probe
  - module: firedrill.standby.tibero_fingerprint_info
"""

EXAMPLES = r"""
- name: See whether the drill left anything on this client
  firedrill.standby.drill_residue_info:
    drill: 01KJMA8A00RWC6DP1VG4X2N7QE
    host: app1
    tb_home: /opt/tibero-client
    aliases: [orders_drill]
  register: seen
"""

RETURN = r"""
residue:
  description:
    - What was seen, as it becomes a file of the evidence. C(left) is what is there, each with C(kind) and C(what); C(unseen) is what could not be
      looked at, each with C(what) and C(why).
  type: dict
  returned: success
  sample: {schema: firedrill.standby/left/1, host: app1, uid: 1001, left: [{kind: file, what: the directory
    /var/tmp/firedrill-01KJMA8A00RWC6DP1VG4X2N7QE}], unseen: []}
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.residue_task import RESIDUE_SPEC, residue_info


def main() -> None:
    """Run the module."""
    run_module(RESIDUE_SPEC, residue_info)


if __name__ == "__main__":
    main()
