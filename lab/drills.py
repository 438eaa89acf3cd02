# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills on a lab: what demo, soak and scenario give to a playbook of a drill, and what they read in its evidence."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from lab.cluster import ROOT
from lab.hosts.api import Lab

#: Faults of failover drills with the consent that each needs.
CONSENTS = {
    "kill_server": "the_server_is_killed",
    "freeze": "the_server_is_frozen",
    "crash_host": "the_host_is_crashed",
    "cut_both": "the_member_is_isolated",
    "cut_clients": "clients_are_cut_off",
    "cut_standby": "the_standby_is_cut_off",
    "none": "",
}
#: Starts a killed server of a lab: tbboot refuses over what the dead one left.
BOOT = ("/bin/su", "-", "tibero", "-c", "echo y | tbdown clean && tbboot")
#: What a lab drills: a switchover and back, or a disaster by one of the faults.
KINDS = ("switchover", *CONSENTS)


class Client(NamedTuple):
    """This machine as a client of a lab: the home of its client program, variables by which Ansible reaches it, its address as members see it."""

    home: Path
    variables: dict[str, Any]
    address: str


def unpack_client(lab: Lab, inventory: Path, place: Path) -> Client:
    """Unpack the emulator as a client of Tibero."""
    member = next(iter(yaml.safe_load(inventory.read_text())["all"]["hosts"].values()))
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "-xzf", member["tibero_tarball"], "-C", str(place)], check=True)
    # Hosts that are directories share this machine, and their Python compiles a module once.
    local = member["ansible_connection"] == "local"
    given = {"ansible_python_interpreter": member["ansible_python_interpreter"]} if local else {}
    return Client(next(place.glob("tibero[67]")), given, lab.state().controller_address or "127.0.0.1")


def policy(title: str, objectives: dict[str, int], **more: Any) -> dict[str, Any]:
    """A policy of a drill that may begin now and for some hours."""
    now = datetime.datetime.now(datetime.UTC)
    window = {"start": now - datetime.timedelta(hours=1), "end": now + datetime.timedelta(hours=12)}
    return {
        "name": "orders-dr",
        "version": "1",
        "title": title,
        "environment": "ci",
        "scope": ["orders"],
        "requester": "kim",
        "approvers": ["lee"],
        "objectives": objectives,
        "window": {name: moment.isoformat(timespec="seconds") for name, moment in window.items()},
        **more,
    }


def book(kind: str) -> str:
    """The playbook of a drill of this kind."""
    return "drill_switchover.yml" if kind == "switchover" else "drill_failover.yml"


def faults(kind: str) -> list[dict[str, str]]:
    """What the policy of a drill of this kind says of faults."""
    return [] if kind == "switchover" else [{"fault": kind, "consent": CONSENTS[kind]}]


def consents(kind: str, lab: Lab) -> dict[str, Any]:
    """What a disaster of a lab needs beside its policy: consents to a loss, for a crash a power switch, which is the lab's, and for a killed server what
    starts it again if nobody ends the drill. Without role service that is its own tbboot, which finds no tip where it is fenced."""
    if kind == "switchover":
        return {}
    switch = ["/usr/bin/env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "lab"]
    power = {
        "drill_crash_command": ["/bin/sh", "-c", "kill -9 -1"],
        "failover_fence_command": [*switch, "crash", "--name", lab.name, "--state", str(lab.root), "{member}"],
        "drill_return_command": [*switch, "start", "--name", lab.name, "--state", str(lab.root), "{member}"],
    }
    given = {
        "standby_allow_data_loss": True,
        "reinstate_overwrite": True,
        "standby_rebuild": True,
        "drill_ride_seconds": 10,
    }
    more: dict[str, dict[str, Any]] = {"crash_host": power, "kill_server": {"drill_boot_command": list(BOOT)}}
    return {**given, **more.get(kind, {})}


def variables(client: Client, evidence: Path, target: str, **more: Any) -> dict[str, Any]:
    """Variables of a drill whose client is this machine. It runs the servers, the clients and Ansible, so there are few sessions, and the load does not
    slow down what it measures."""
    return {
        "drill_clients": [{"host": "localhost", "home": str(client.home), "address": client.address}],
        "drill_directory": str(evidence),
        "drill_writers": 2,
        "drill_direct_writers": 1,
        "drill_readers": 1,
        "drill_direct_readers": 1,
        "drill_interval_ms": 400,
        "drill_guard_interval_ms": 1000,
        "drill_baseline_seconds": 3,
        "drill_lab_host": True,
        "drill_emulator": True,
        "standby_target": target,
        **client.variables,
        **more,
    }


class Foretold(NamedTuple):
    """What a failover said before it promoted anybody: the TSNs that may be lost, ``last`` None where it named no end, and where the new primary opened;
    and what the drill found: how many acknowledged writes were lost, and in which seconds."""

    none: bool
    first: int | None
    last: int | None
    seconds: float | None
    opened: int | None
    lost: int
    lost_seconds: float


class Figures(NamedTuple):
    """What one drill measured: its id, its verdict, upper ends in nanoseconds (None: nothing bounds it), rows; whether a failover of it had said
    before the promotion that something may be lost, and what; and some of the lost writes, as they are written in their rows."""

    drill: str
    verdict: str
    rto_ns: int | None
    rtrr_ns: int | None
    lost: int
    acked: int
    differences: int | None
    holes: int = 0
    foreseen: bool = False
    foretold: tuple[Foretold, ...] = ()
    lost_ids: tuple[str, ...] = ()


def _number(text: Any) -> int | None:
    return int(text) if str(text).isdigit() else None


def foretold(document: dict[str, Any]) -> tuple[Foretold, ...]:
    """What the failovers of a document said. "2913 or more" names no end, and UNKNOWN no second."""
    found, group = [], document["L"]
    for said in group["predicted"]["value"]:
        opened = [each["new_open"] for each in group["positions"]["value"] if each["leg"] == said["leg"]]
        lost = [each["lo_ns"] for each in group["lost_time"]["value"] if each["leg"] == said["leg"]]
        seconds = said.get("at_most")
        found.append(
            Foretold(
                said["none"],
                _number(said["first"]),
                _number(said["last"]),
                None if seconds is None else float(seconds),
                opened[0] if opened else None,
                said["lost"] or 0,
                max([*lost, 0]) / 10**9,
            )
        )
    return tuple(found)


def figures(folder: Path) -> Figures:
    """The figures of a sealed folder."""
    document = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))
    upper = {each["objective"]: each["measured_hi"] for each in document["R"]["objectives"]["value"]}
    counts = document["L"]["counts"]["value"]
    verdict = document["R"]["overall"]["value"]
    said = foretold(document)
    return Figures(
        folder.name,
        verdict,
        upper["rto"],
        upper["rtrr"],
        counts["lost"],
        counts["acked"],
        upper["way_back"],
        counts["holes"],
        any(not each.none for each in said),
        said,
        tuple(document["L"]["ids"]["value"]["lost"]["sample"]),
    )
