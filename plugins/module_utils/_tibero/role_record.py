# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Our own record of a member's role: ``$TB_HOME/instance/$TB_SID/firedrill/role.json``.

Below the operating modes no view tells whether a control file is a standby's. So what was done or seen is written
down, together with the identity of the control files, and used for two things only: to refuse a NORMAL boot, and to
not convert the same control file twice. It is never taken as the observed role.

It also holds the mark of a standby that redo can no longer bring to where the primary is, so that it is built anew before it gets redo again. The
mark belongs to these control files: a new copy has others, and none.
"""

import json
import os
import time
from typing import Any, Dict, List, NamedTuple, Optional

from ansible_collections.firedrill.standby.plugins.module_utils._core.detached import (
    private_directory,
    read_json,
    write_atomically,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero


class RoleRecord(NamedTuple):
    """``role`` as recorded ("" without a record), where, why it was written, whether the control files are still the
    same ones, and why it has to be built anew ("" if it has not)."""

    role: str
    path: str
    reason: str
    same_control_files: bool
    rebuild: str = ""


def path_of(client: Tibero) -> str:
    """Where the record of an instance lies."""
    return os.path.join(client.record_directory, "role.json")


def identities(client: Tibero) -> List[Any]:
    """Path and inode of each control file: a file that was copied anew is another file.

    Not its device: the kernel numbers devices anew at a boot of the host (device mapper, NFS). Not its size either: a
    running server may let it grow.
    """
    found: List[Any] = []
    for path in client.control_files() or ():
        try:
            found.append([path, os.stat(path).st_ino])
        except OSError:
            found.append([path, None])
    return found


def _recorded(identities: Any) -> List[Any]:
    """The identities of a record; an earlier form has the device between path and inode."""
    found: List[Any] = []
    for one in identities if isinstance(identities, list) else []:
        found.append([one[0], one[2]] if isinstance(one, list) and len(one) == 3 else one)
    return found


def read(client: Tibero) -> RoleRecord:
    """The record; role "" when there is none or when it cannot be read."""
    path = path_of(client)
    record: Optional[Dict[str, Any]] = read_json(path)
    if record is None:
        return RoleRecord("", path, "", False)
    recorded = _recorded(record.get("control_files"))
    same = bool(recorded) and recorded == identities(client)
    rebuild = str(record.get("rebuild", "")) if same else ""
    return RoleRecord(str(record.get("role", "")), path, str(record.get("reason", "")), same, rebuild)


def write(client: Tibero, role: str, reason: str) -> bool:
    """Record a role that was made or seen just now. :returns: False when the same was recorded already, so that
    nothing was written."""
    seen = read(client)
    if seen.role == role and seen.same_control_files:
        return False
    _store(client, role, reason, seen.rebuild)
    return True


def mark(client: Tibero, rebuild: str) -> bool:
    """Note why this standby has to be built anew. :returns: False when it was marked already, so that nothing was
    written."""
    seen = read(client)
    if seen.rebuild:
        return False
    _store(client, seen.role, seen.reason, rebuild)
    return True


def _store(client: Tibero, role: str, reason: str, rebuild: str) -> None:
    private_directory(client.record_directory)
    record = {
        "role": role,
        "reason": reason,
        "rebuild": rebuild,
        "control_files": identities(client),
        "recorded_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    write_atomically(path_of(client), json.dumps(record, indent=1, sort_keys=True) + "\n")


def forget(client: Tibero) -> bool:
    """Remove the record, such as before a new copy of the database. :returns: whether there was one."""
    try:
        os.unlink(path_of(client))
    except FileNotFoundError:
        return False
    return True
