#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A former primary's own redo, kept."""

DOCUMENTATION = r"""
module: tibero_divergence_export
short_description: Copy a former primary's own redo to a safe place before it is discarded
version_added: 0.1.0
description:
  - Copies every log and archive that holds, or may hold, redo beyond the branch point, and a control file, into a
    directory of the member that only its owner can read, and writes a manifest with their SHA-256 digests. Each copy is
    read again.
  - Asks the server which writes that redo holds. No public document says that Tibero can tell; where it cannot, the
    copied redo is all there is, and RV(listing.why) says so.
  - No database is opened for this. An export is never overwritten and never removed; when the redo has changed since, a
    further one is made beside it.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.action_group
  - firedrill.standby.tibero
  - firedrill.standby.tibero.login
attributes:
  check_mode:
    support: full
    details:
      - An instance that is stopped would be mounted first, so its files cannot be told in check mode.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  branch_point:
    description:
      - The last TSN that both histories share, as digits. An empty value is refused as UNKNOWN.
    type: str
    required: true
  directory:
    description:
      - Where exports are kept, each in a directory of its own named after the branch point.
      - Default is C($TB_HOME/instance/$TB_SID/firedrill/divergence).
    type: path
  listing:
    description:
      - Whether the server is asked for the writes. With V(required) it is an error when it does not tell them.
      - The listing holds data of the database; it is written to the export and never returned.
    type: str
    choices: [auto, never, required]
    default: auto
  allow_gaps:
    description:
      - Export what is there although some of the redo is known to be missing. The manifest then says so.
    type: bool
    default: false
seealso:
  - module: firedrill.standby.tibero_divergence_info
  - module: firedrill.standby.tibero_reinstate
"""

EXAMPLES = r"""
- name: Mount the fenced former primary
  firedrill.standby.tibero_instance:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    mode: mount

- name: Keep what it wrote by itself
  firedrill.standby.tibero_divergence_export:
    tb_home: /tibero/tibero7
    tb_sid: orders
    sys_password: "{{ tibero_sys_password }}"
    branch_point: "{{ standby_branch_point }}"
  register: exported
"""

RETURN = r"""
directory:
  description: Directory of the export.
  type: str
  returned: success
manifest:
  description: Its manifest.
  type: str
  returned: success, except in check mode for a stopped instance
files:
  description: What was copied, with its place, the name of the copy, size and digest.
  type: list
  elements: dict
  returned: success, except in check mode for a stopped instance
  sample: [{path: /tibero/tbdata/orders/log001.log, copy: thread0-seq7-0-log001.log, kind: redo, thread: 0, sequence: 7, size:
    52428800, mtime_ns: 1751000000000000000, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}]
bytes:
  description: Bytes of all copies.
  type: int
  returned: success, except in check mode for a stopped instance
listing:
  description: What the server told of the writes.
  type: dict
  returned: success, except in check mode for a stopped instance
  contains:
    known:
      description: Whether it told them.
      type: bool
    why:
      description: Why it did not.
      type: str
    writes:
      description: Number of writes beyond the branch point, none when it is not known.
      type: int
    file:
      description: Name of the listing in the export, one JSON object a line.
      type: str
    sha256:
      description: Digest of that file.
      type: str
    summary:
      description: Number of writes by owner, name and operation.
      type: list
      elements: dict
sid:
  description: TB_SID of the member.
  type: str
  returned: success, except in check mode for a stopped instance
host:
  description: Host of the member.
  type: str
  returned: success, except in check mode for a stopped instance
gaps_allowed:
  description: Whether redo that is missing was accepted.
  type: bool
  returned: success, except in check mode for a stopped instance
exported_at:
  description: When, in UTC by the clock of the member.
  type: str
  returned: success, except in check mode for a stopped instance
msg:
  description: Why nothing more can be told.
  type: str
  returned: in check mode for a stopped instance, and on failure
branch_point:
  description: The last TSN that both histories share.
  type: str
  returned: success, except in check mode for a stopped instance
database_id:
  description: DBID of the database.
  type: str
  returned: success, except in check mode for a stopped instance
db_name:
  description: Name of the database.
  type: str
  returned: success, except in check mode for a stopped instance
diverged:
  description: Whether there is redo beyond the branch point; V(true) or UNKNOWN. That there is none cannot be proven here.
  type: raw
  returned: success, except in check mode for a stopped instance
first_tsn:
  description: First TSN beyond the branch point.
  type: str
  returned: success, except in check mode for a stopped instance
last_tsn:
  description: Last TSN that this member is known to have reached, or UNKNOWN.
  type: str
  returned: success, except in check mode for a stopped instance
last_tsn_source:
  description: Where it was read.
  type: str
  returned: success, except in check mode for a stopped instance
certainty:
  description: V(at_least) when further redo may follow RV(last_tsn), V(unknown) when nothing tells.
  type: str
  returned: success, except in check mode for a stopped instance
logs:
  description:
    - The logs that hold redo beyond the branch point, C(holds) is V(yes), or may hold it, V(maybe), with every file in
      which they lie.
  type: list
  elements: dict
  returned: success, except in check mode for a stopped instance
  sample: [{thread: 0, sequence: 7, first: 1204, end: null, current: true, paths: [/tibero/tbdata/orders/log001.log], holds:
    maybe}]
gaps:
  description: In words, why the logs may not be all redo beyond the branch point; empty when they are.
  type: list
  elements: str
  returned: success, except in check mode for a stopped instance
database_files:
  description: Every file of the database, as of M(firedrill.standby.tibero_files_info).
  type: list
  elements: dict
  returned: success, except in check mode for a stopped instance
own_archives:
  description: Archives that hold or may hold redo beyond the branch point; the new history uses their names again.
  type: list
  elements: str
  returned: success, except in check mode for a stopped instance
other_archives:
  description: Archives of the common history.
  type: list
  elements: str
  returned: success, except in check mode for a stopped instance
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
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.divergence_export import (
    EXPORT_SPEC,
    divergence_export,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.options import secrets_of


def main() -> None:
    """Run the module."""
    run_module(EXPORT_SPEC, divergence_export, secrets_of)


if __name__ == "__main__":
    main()
