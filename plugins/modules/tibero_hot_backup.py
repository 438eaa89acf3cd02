#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup mode of a primary."""

DOCUMENTATION = r"""
module: tibero_hot_backup
short_description: Begin and end the backup mode of a primary, with a dead man's timer
version_added: 0.1.0
description:
  - O(state=present) puts the open primary into backup mode, so that its files can be copied while it is in use, and
    returns the files that a copy consists of. O(state=absent) ends it, switches logs and returns the archives that
    the copy needs.
  - Before backup mode begins, a process is left on the primary that ends it when its lease is not renewed for
    O(lease) seconds, so that a controller that dies leaves no primary in backup mode. Whoever copies renews the lease
    by touching the file RV(lease.path), or by running the module again.
  - A backup that somebody else has open is refused, in both directions. One of ours is taken over. It is ours while
    that process runs; once it has ended our backup, an open one is somebody else's; and where it died, C(CHANGE#) and
    C(TIME) of C(V$BACKUP) must be those of our begin. What cannot be told is refused.
  - When our backup turns out to have ended early, O(state=absent) fails once and says so, because the copy is worth
    nothing then.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.action_group
  - firedrill.standby.tibero
  - firedrill.standby.tibero.login
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - Whether backup mode shall be on.
    type: str
    choices: [present, absent]
    default: present
  lease:
    description:
      - Seconds after which backup mode ends by itself when nobody renews the lease. At least 30.
    type: int
    default: 600
  controlfile_backup:
    description:
      - Where the server writes its backup of the control file, which is copied in place of the live one.
      - Default is a file below C($TB_HOME/instance/$TB_SID/firedrill/hot_backup).
    type: path
  log_switches:
    description:
      - How many log switches follow the end of the backup.
      - Default is the highest group number + 2.
    type: int
seealso:
  - module: firedrill.standby.tibero_archivelog
"""

EXAMPLES = r"""
- name: Begin
  firedrill.standby.tibero_hot_backup:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
  register: backup

- name: End
  firedrill.standby.tibero_hot_backup:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    state: absent
  register: ended
"""

RETURN = r"""
files:
  description:
    - What a copy consists of, archives excepted. C(kind) is V(datafile), V(redo), V(controlfile), V(tempfile) or
      V(password); C(size) is in bytes, or none if the file cannot be looked at. C(when) is V(during) for what has to
      be copied while backup mode is on, and V(after) for what has to be copied once it is over.
  type: list
  elements: dict
  returned: success
  sample: [{path: /tibero/tbdata/orders/system001.dtf, kind: datafile, size: 104857600, when: during}]
first_sequence:
  description: Number of the first log whose archive the copy needs.
  type: int
  returned: success
last_sequence:
  description: Number of the last log whose archive the copy needs.
  type: int
  returned: when O(state=absent)
archives:
  description: The archives the copy needs.
  type: list
  elements: dict
  returned: when O(state=absent)
  sample: [{path: /tibero/tbdata/orders/arch/log-t0-r0-s5.arc, kind: archive, size: 52428800, when: after, sequence:
    5}]
tsn:
  description: TSN of the primary just before the begin.
  type: str
  returned: success
controlfile_backup:
  description: The server's backup of its control file. It is made at the begin and made anew at the end.
  type: str
  returned: success
backup_open:
  description: Whether backup mode is on, as seen.
  type: raw
  returned: success
lease:
  description: The lease of the dead man's timer.
  type: dict
  returned: success
  contains:
    path:
      description: File to touch so that the timer waits on.
      type: str
    directory:
      description: Directory of the timer's files.
      type: str
    name:
      description: Name of the timer there.
      type: str
    seconds:
      description: Seconds without renewal after which it acts.
      type: int
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.hot_backup import HOT_BACKUP_SPEC, hot_backup
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of


def main() -> None:
    """Run the module."""
    run_module(HOT_BACKUP_SPEC, hot_backup, secrets_of)


if __name__ == "__main__":
    main()
