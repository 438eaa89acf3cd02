# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Options that the modules for Tibero share, and what is built from them."""

from typing import Any, Dict, Mapping, Sequence

from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Login, Tibero

#: Which instance.
INSTANCE_SPEC: Dict[str, Any] = {
    "tb_home": {"type": "path", "required": True},
    "tb_sid": {"type": "str", "required": True},
    "timeout": {"type": "int", "default": 300},
}

#: Who logs in.
LOGIN_SPEC: Dict[str, Any] = {
    "sys_user": {"type": "str", "default": "sys"},
    "sys_password": {"type": "str", "no_log": True},
    "alias": {"type": "str"},
}

COMMON_SPEC: Dict[str, Any] = dict(INSTANCE_SPEC, **LOGIN_SPEC)


def client_of(context: Context) -> Tibero:
    """The client for the instance and login of a module's parameters."""
    params = context.params
    login = Login(params.get("sys_user") or "sys", params.get("sys_password") or "", params.get("alias") or "")
    return Tibero(params["tb_home"], params["tb_sid"], context.runner, login, params.get("timeout") or 300)


def secrets_of(params: Mapping[str, Any]) -> Sequence[str]:
    """The secrets among the parameters of a module, for the last scrubbing of its result."""
    return [
        str(value) for name, value in params.items() if name.endswith("password") and isinstance(value, str) and value
    ]
