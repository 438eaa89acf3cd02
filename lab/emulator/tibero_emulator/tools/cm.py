# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tbcm and cmrctl share: the CM tip, the registered resources, whether the CM is up.

Only the node's side exists, and only as records: there is no daemon, no heartbeat and no Observer. It serves to show
the recorded texts (t6-cmrctl-show-node-and-help, t7-tbcm-*, t7-cmrctl-add-and-start-tac) to what parses them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .common import Context, live_pids

KNOWN = (
    "CM_NAME",
    "CM_UI_PORT",
    "CM_RESOURCE_FILE",
    "CM_HEARTBEAT_EXPIRE",
    "CM_WATCHDOG_EXPIRE",
    "CM_MODE_OBSERVER",
    "CM_OBSERVER_PORT",
    "CM_ENABLE_FAST_NET_ERROR_DETECTION",
    "CM_FENCE",
    "LOG_LVL_CM",
    "_CM_CHECK_RUNLEVEL",
)


class CmError(Exception):
    """A CM tip or a resource file that cannot be used."""


class Cm(NamedTuple):
    """One cluster manager: its tip's values and where its records lie."""

    sid: str
    values: dict[str, str]
    state: Path

    @property
    def name(self) -> str:
        """CM_NAME."""
        return self.values["CM_NAME"]

    @property
    def resource_file(self) -> Path:
        """CM_RESOURCE_FILE."""
        return Path(self.values["CM_RESOURCE_FILE"])


def read(tb_home: str, environ: Mapping[str, str] | None = None) -> Cm:
    """The CM of CM_SID: `$TB_HOME/config/$CM_SID.tip`; raises CmError."""
    environment = os.environ if environ is None else environ
    sid = environment.get("CM_SID", "")
    path = Path(tb_home) / "config" / f"{sid}.tip"
    if not sid or not path.exists():
        raise CmError(f"CM_SID is not set, or there is no {path}")
    values: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        key, equals, value = line.split("#", 1)[0].partition("=")
        if not key.strip():
            continue
        if not equals or key.strip() not in KNOWN or key.strip() in values:
            raise CmError(f"{path}: {line}")
        values[key.strip()] = value.strip().strip('"')
    for needed in ("CM_NAME", "CM_UI_PORT"):
        if needed not in values:
            raise CmError(f"{path}: no {needed}")
    observer = values.get("CM_MODE_OBSERVER", "N").upper().startswith("Y")
    if not observer and "CM_RESOURCE_FILE" not in values:
        raise CmError(f"{path}: no CM_RESOURCE_FILE")
    return Cm(sid, values, Path(tb_home) / "instance" / sid / "cm_state")


def is_up(cm: Cm) -> bool:
    """Whether `tbcm -b` ran and `tbcm -d` did not."""
    return cm.state.exists()


def resources(cm: Cm) -> list[dict[str, Any]]:
    """The registered resources in order of registration."""
    if not cm.resource_file.exists():
        return []
    try:
        found: list[dict[str, Any]] = json.loads(cm.resource_file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CmError(f"{cm.resource_file}: {error}") from error
    return found


def save(cm: Cm, found: list[dict[str, Any]]) -> None:
    """Write them back."""
    cm.resource_file.parent.mkdir(parents=True, exist_ok=True)
    cm.resource_file.write_text(json.dumps(found, indent=1), encoding="utf-8")


def instance_status(ctx: Context, sid: str) -> str:
    """UP(NRML), UP(RECO), UP(<word>) or DOWN, from the process title of the instance."""
    of_sid = ctx._replace(sid=sid)
    for pid in live_pids(of_sid):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().split()
        except OSError:
            continue
        if words and words[0] == "tbsvr" and "-t" in words:
            word = words[words.index("-t") + 1]
            return {"NORMAL": "UP(NRML)", "RECOVERY": "UP(RECO)", "FAILOVER": "UP(NRML)"}.get(word, f"UP({word[:4]})")
    return "DOWN"
