# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A good cluster of one primary and two standbys as readiness reads it, of which tests change one thing at a time."""

from __future__ import annotations

import copy
import typing as t

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts
from ansible_collections.firedrill.standby.plugins.module_utils._core.checks import Check
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import known, unknown
from ansible_collections.firedrill.standby.plugins.module_utils._core.readiness import Item, Report
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import cluster, readiness
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.readiness import Asked
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.readiness_checks import Seen
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.readiness_facts import MemberFacts

GIB = 1 << 30
MIB = 1 << 20
DARK: t.Any = unknown("the test", "was hidden")
#: What the role accepts by default.
ACCEPTED = (
    "PC-C7.logging",
    "PC-C11.xa",
    "PC-D2.pages",
    "PC-D6.checksums",
    "PC-E7.backups",
    "PC-E8.clients",
    "PC-H2.backup",
)
MEMBERS = {
    "seoul1": ("192.0.2.1", "LGWR SYNC"),
    "seoul2": ("192.0.2.2", "LGWR SYNC"),
    "busan1": ("192.0.2.3", "LGWR ASYNC"),
}
MODE = "performance"

Change = t.Mapping[str, t.Any]


def described(name: str, mode: str = MODE) -> cluster.Member:
    address, transport = MEMBERS[name]
    return cluster.Member(
        name=name,
        address=address,
        db_name="orders",
        sid="orders",
        home="/tb",
        version=7,
        listener_port=8629,
        standby_port=8633,
        data_dir="/data",
        archive_dir="/arch",
        control_files=("/data/c1.ctl", "/data/c2.ctl"),
        protection_mode=mode,
        transport=transport,
        network_timeout=60,
        symmetric_tips=True,
        bootstrap=False,
        parameters={},
    )


def identity(name: str) -> dict[str, str]:
    return {
        "instance": "orders",
        "host": name,
        "tip": "/tb/config/orders.tip",
        "startup": "2026/01/01",
        "dbid": "881590366",
    }


def tip(name: str, mode: str) -> dict[str, str]:
    others = [other for other in MEMBERS if other != name]
    found = {
        "DB_NAME": "orders",
        "DB_BLOCK_SIZE": "8K",
        "LISTENER_PORT": "8629",
        "CONTROL_FILES": '"/data/c1.ctl","/data/c2.ctl"',
        "DB_CREATE_FILE_DEST": '"/data"',
        "LOG_ARCHIVE_DEST": '"/arch"',
        "LOG_REPLICATION_MODE": mode.upper(),
        "_STANDBY_CONN_PORT": "8633",
        "MAX_SESSION_COUNT": "50",
        "TOTAL_SHM_SIZE": "1G",
    }
    for number, other in enumerate(others, 1):
        found[f"LOG_REPLICATION_DEST_{number}"] = f'"{MEMBERS[other][0]}:8633 {MEMBERS[other][1]}"'
    return found


def destinations(name: str, status: str = "RUNNING") -> list[dict[str, t.Any]]:
    fact = {"value": True, "source": "s"}
    return [
        {
            "number": number,
            "host": MEMBERS[other][0],
            "port": 8633,
            "transport": MEMBERS[other][1],
            "enabled": fact,
            "state": {"value": status, "source": "V$STANDBY_DEST"},
        }
        for number, other in enumerate([other for other in MEMBERS if other != name], 1)
    ]


def tried(name: str, port: int, outcome: str = "connected", ahead: t.Any = None) -> dict[str, t.Any]:
    return {
        "name": name,
        "host": MEMBERS[name][0],
        "port": port,
        "outcome": outcome,
        "answered": ahead is not None,
        "detail": "",
        "ahead": ahead,
    }


def login(name: str, **changes: t.Any) -> dict[str, t.Any]:
    who = {key: value for key, value in identity(name).items() if key != "dbid"}
    return {"member": name, "alias": name, "outcome": "ok", "code": 0, "detail": "", "identity": who, **changes}


def group(number: int, sequence: int, size: int = 50 * MIB) -> dict[str, t.Any]:
    path = f"/data/log{number}1.log"
    return {
        "thread": "0",
        "group": str(number),
        "bytes": size,
        "sequence": sequence,
        "status": "x",
        "members": [path],
        "missing": [],
    }


def both(name: str, mode: str) -> dict[str, t.Any]:
    """What is alike on every member."""
    others = [other for other in MEMBERS if other != name]
    return {
        "process": True,
        "recorded_role": "",
        "today": "2026-08-01",
        "host_name": name,
        "cpu_architecture": "x86_64",
        "word_size": 64,
        "endianness": "little",
        "tibero_version": "7",
        "tibero_build": "Build 254994",
        "db_block_size": 8192,
        "parameters": tip(name, mode),
        "identity": identity(name),
        "licence": {
            "path": "/l",
            "product_version": "7.2.3",
            "start_date": "2026/01/01",
            "end_date": "2027/01/01",
            "host": name,
        },
        "ports": [{"name": "listener", "port": 8629, "state": "ours", "holder": "x"}],
        "space": {
            place: {"path": f"/{place}", "device": place, "free_bytes": 20 * GIB, "free_inodes": 9999}
            for place in ("data", "archive")
        },
        "memory": {"ram_bytes": 16 * GIB, "page_size": 4096},
        "cpus": 8,
        "password_file": {"path": "/data/.passwd", "digest": "aa", "salt": "s"},
        "protection_mode": mode.upper(),
        "log_sequence": 7,
        "redo": [group(0, 5), group(1, 6), group(2, 7)],
        "standby_redo": [],
        "datafiles": [{"path": "/data/system001.dtf", "bytes": GIB}],
        "tempfiles": [{"path": "/data/temp001.dtf", "bytes": GIB}],
        "archives": {"highest": 6, "present": [[1, 6]], "missing": []},
        "archive_place": {"path": "/arch", "exists": True, "writable": True},
        "archive_mode": True,
        "files": [
            {"kind": "control file", "path": "/data/c1.ctl", "state": "ok"},
            {"kind": "tip", "path": "/t", "state": "ok"},
        ],
        "observer": {"configured": False, "by": "tip", "manager": ""},
        "leftovers": [],
        "supervisors": [],
        "notes": [],
        "reach": [tried(other, port) for other in others for port in (8629, 8633)],
        "logins": [login(other) for other in others],
        "positions": [{"position": 1000 + step, "at": step} for step in range(3)],
    }


def good(mode: str = MODE) -> dict[str, dict[str, t.Any]]:
    """The facts of all members, by name."""
    found = {name: both(name, mode) for name in MEMBERS}
    live = {key: value for key, value in tip("seoul1", mode).items() if key.startswith("LOG_REPLICATION")}
    found["seoul1"].update(
        role=facts.PRIMARY,
        open_mode=facts.READ_WRITE,
        destinations=destinations("seoul1"),
        live_parameters=live,
        sessions=["SID=1,USERNAME=SYS"],
        transactions=[],
        recover_files=[],
        backup_open=False,
        rmgr_jobs=[],
        reach=[
            tried(other, port, "established" if port == 8633 else "connected")
            for other in ("seoul2", "busan1")
            for port in (8629, 8633)
        ],
    )
    for name in ("seoul2", "busan1"):
        found[name].update(role=facts.STANDBY, open_mode=facts.RECOVERING)
        # Our listener held the port of the primary: its word bounds the clocks.
        found[name]["reach"] = [
            tried(other, port, "connected", [-0.01, 0.01] if (other, port) == ("seoul1", 8633) else None)
            for other in MEMBERS
            if other != name
            for port in (8629, 8633)
        ]
    return found


def seen(values: t.Mapping[str, t.Any], name: str, mode: str = MODE) -> Seen:
    wrapped = {
        key: value if isinstance(value, facts.Fact) else known(value, "the test") for key, value in values.items()
    }
    return Seen(described(name, mode), MemberFacts(wrapped), True)


def report(
    changes: t.Mapping[str, Change] = {},
    silent: t.Sequence[str] = (),
    mode: str = MODE,
    asked: Asked | None = None,
    tolerate: t.Sequence[str] = ACCEPTED,
) -> Report:
    """The judgement of the good cluster with some facts of some members changed, and some members silent."""
    values = copy.deepcopy(good(mode))
    for name, change in changes.items():
        values[name].update(change)
    members = [
        readiness.silent(described(name, mode), f"{name} did not answer")
        if name in silent
        else seen(values[name], name, mode)
        for name in MEMBERS
    ]
    return readiness.judge(members, asked or Asked("orders"), tolerate)


def items(found: Report, candidate: str = "") -> list[Item]:
    every = list(found.items)
    for each in found.candidates:
        if candidate in ("", each.name):
            every += each.items
    return every


def one(found: Report, name: str) -> Check:
    matching = [item.check for item in items(found) if item.check.id == name]
    assert len(matching) == 1, f"{name} not once in {sorted(item.check.id for item in items(found))}"
    return matching[0]


def item(found: Report, name: str) -> Item:
    return next(each for each in items(found) if each.check.id == name)
