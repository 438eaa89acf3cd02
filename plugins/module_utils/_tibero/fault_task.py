# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Faults of a drill on the host of an instance of Tibero. What the module drill_fault does."""

from typing import Any, Dict, Mapping, Optional

from ansible_collections.firedrill.standby.plugins.module_utils._core import fault as core
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_policy import CONSENTS
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.fault_process import System
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import fault, options

FAULT_SPEC: Dict[str, Any] = dict(
    options.INSTANCE_SPEC,
    state={"type": "str", "choices": [core.PRESENT, core.ABSENT], "default": core.PRESENT},
    fault={"type": "str", "choices": sorted(CONSENTS)},
    consent={"type": "str", "default": ""},
    seconds={"type": "int", "default": 300},
    drill={"type": "str", "default": ""},
    member={"type": "str", "default": ""},
    client_addresses={"type": "list", "elements": "str", "default": []},
    standby_addresses={"type": "list", "elements": "str", "default": []},
    whole_host={"type": "bool", "default": False},
    control_address={"type": "str", "default": ""},
    control_port={"type": "int", "default": 22},
    crash_command={"type": "list", "elements": "str", "default": []},
    boot_command={"type": "list", "elements": "str", "default": []},
)


def _wish(params: Mapping[str, Any]) -> core.Wish:
    if params["state"] == core.PRESENT and params["fault"] not in CONSENTS:
        raise Refusal(
            seen="fault is {0!r}".format(params["fault"]),
            meaning="Known are {0}".format(", ".join(sorted(CONSENTS))),
            remedy="Name one of them",
        )
    return core.Wish(
        state=str(params["state"]),
        fault=str(params["fault"] or ""),
        consent=str(params["consent"]),
        seconds=int(params["seconds"]),
        drill=str(params["drill"]),
        member=str(params["member"]),
        client_addresses=tuple(params["client_addresses"]),
        standby_addresses=tuple(params["standby_addresses"]),
        whole_host=bool(params["whole_host"]),
        control_address=str(params["control_address"]),
        control_port=int(params["control_port"]),
        crash_command=tuple(params["crash_command"]),
        boot_command=tuple(params["boot_command"]),
    )


def ensure_fault(context: Context, system: Optional[System] = None, base: str = core.BASE) -> Outcome:
    """Begin a fault, or end it; see the documentation of drill_fault.

    :arg system: what is asked of the operating system without a program. :arg base: where records are kept.
    """
    client = options.client_of(context)
    host = core.Host(context.runner, system or System(), base)
    return core.ensure(_wish(context.params), fault.engine(client), host, context.check_mode)
