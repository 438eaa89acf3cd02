# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What earlier runs of this collection left unfinished on a member, by their own records. Reads only."""

import json
import os
from typing import Any, Dict, List, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import fault as core_fault
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import Fact, known, unknown
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import manifest
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import (
    cold_copy,
    fault,
    hot_backup,
    preflight_task,
    rmgr,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero

UNFINISHED = "unfinished"
UNREADABLE = "unreadable"
#: Kinds of leftovers.
ROLE_CHANGE = "role change"
COPY = "copy"
RECOVERY = "recovery"
COLD_COPY = "cold copy"
HOT_BACKUP = "hot backup"
FAULT = "fault of a drill"
#: States of a journal of a role change after which nothing is left to do.
ENDED = ("done", "undone")


def journal_path(client: Tibero) -> str:
    """The journal of the role change that this member takes part in, or took part in last."""
    return os.path.join(client.record_directory, "role_change", "change.json")


def _journal(client: Tibero) -> List[Dict[str, str]]:
    path = journal_path(client)
    try:
        with open(path, encoding="utf-8", errors="backslashreplace") as source:
            record = json.load(source)
        state = record["state"] if isinstance(record, dict) else None
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError) as error:
        return [{"kind": ROLE_CHANGE, "state": UNREADABLE, "detail": "{0}: {1}".format(path, error)}]
    if not isinstance(state, str):
        return [{"kind": ROLE_CHANGE, "state": UNREADABLE, "detail": "{0} holds no state".format(path)}]
    if state in ENDED:
        return []
    return [{"kind": ROLE_CHANGE, "state": UNFINISHED, "detail": "{0} says {1}".format(path, state)}]


def _copies(client: Tibero, seed_dir: str) -> List[Dict[str, str]]:
    found = []
    records = []
    try:
        records = preflight_task.manifests(seed_dir)
    except StandbyError as error:
        found.append({"kind": COPY, "state": UNREADABLE, "detail": error.seen})
    for record in records:
        if record.state == manifest.UNFINISHED:
            found.append({"kind": COPY, "state": UNFINISHED, "detail": "copy {0} in {1}".format(record.seed, seed_dir)})
    recovery = rmgr.read_record(client, rmgr.RECOVERY)
    if recovery and not recovery.get("finished"):
        detail = "recovery from {0}".format(recovery.get("directory"))
        found.append({"kind": RECOVERY, "state": UNFINISHED, "detail": detail})
    return found


def _backups(client: Tibero) -> List[Dict[str, str]]:
    found = []
    stop = cold_copy.read_record(client)
    if stop is not None:
        found.append({"kind": COLD_COPY, "state": UNFINISHED, "detail": "stopped for a copy at " + stop.stopped_at})
    backup = hot_backup.read_record(client)
    if backup is not None and backup.begun and not backup.ended:
        found.append({"kind": HOT_BACKUP, "state": UNFINISHED, "detail": "begun at TSN {0}".format(backup.tsn)})
    return found


def _faults(client: Tibero, base: str) -> List[Dict[str, str]]:
    """Records of faults lie there until somebody has heard how they ended, whoever began them."""
    engine = fault.engine(client)
    users = {0, os.geteuid()} | ({engine.owner} if engine.owner is not None else set())
    places = [core_fault.directory_of(base, engine, user) for user in sorted(users)]
    return [
        {"kind": FAULT, "state": UNFINISHED, "detail": "its record is {0}".format(place)}
        for place in places
        if os.path.lexists(place)
    ]


def leftovers(client: Tibero, seed_dir: str, base: str = core_fault.BASE) -> "Fact[Any]":
    """``[{kind, state, detail}]``: unfinished or unreadable records of earlier runs; empty if there are none.

    :arg base: where faults of drills keep their records.
    """
    source = client.record_directory
    try:
        return known(_journal(client) + _copies(client, seed_dir) + _backups(client) + _faults(client, base), source)
    except (OSError, ValueError) as error:
        return unknown(source, str(error))


def by_kind(found: "Fact[Any]", *kinds: str) -> Tuple[Dict[str, str], ...]:
    """The leftovers of some kinds; of a fact that is not known, none."""
    return tuple(each for each in found.value or [] if each["kind"] in kinds) if found.is_known else ()
