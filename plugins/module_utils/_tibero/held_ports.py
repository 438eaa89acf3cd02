# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Ports that a check of ours holds open for a while, so that other members can try the ways to them.

A check lets them go when it is over, or when its time is. A check that was interrupted may hold them still when an
instance is booted, perhaps in a failover at night, and the server would find its port taken. So each boot lets go what
we hold of that instance.
"""

import hashlib
import os
from typing import Any, Dict, Sequence

from ansible_collections.firedrill.standby.plugins.module_utils._core import network

#: Who holds ports. Each has a directory of its own, so that they never end each other's.
PREFLIGHT = "preflight"
READINESS = "readiness"


def directory(holder: str, tb_home: str, tb_sid: str) -> str:
    """Private to this user and this instance; below /tmp because TB_HOME need not exist yet.

    Two members of a lab may be directories of one host with the same TB_SID, so TB_HOME is part of the name.
    """
    home = hashlib.sha256(os.fsencode(tb_home)).hexdigest()[:12]
    return "/tmp/.firedrill-{0}-{1}-{2}-{3}".format(holder, os.geteuid(), tb_sid, home)


def hold(holder: str, tb_home: str, tb_sid: str, ports: Sequence[int], seconds: float) -> Dict[str, Any]:
    """Hold free ports open in a process of its own, that ends after so many seconds whatever happens to us.

    :returns: ``held``: ports that are open now; ``failed``: reasons by port. Both are empty without a port.
    """
    if not ports:
        return {"held": [], "failed": {}}
    return network.listen(directory(holder, tb_home, tb_sid), ports, seconds)


def release(holder: str, tb_home: str, tb_sid: str) -> None:
    """Let the ports of one holder go; they are free afterwards."""
    network.stop_listening(directory(holder, tb_home, tb_sid))


def release_all(tb_home: str, tb_sid: str) -> None:
    """Let every port go that we hold of this instance, as this user."""
    for holder in (PREFLIGHT, READINESS):
        release(holder, tb_home, tb_sid)
