# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What the module seed_offer does: parameters in, an offer made or taken away."""

import sys
import time
from typing import Any, Dict

from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import offer
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome

_TREE: Dict[str, Any] = {
    "source": {"type": "path", "required": True},
    "exclude": {"type": "list", "elements": "str", "default": []},
}
SPEC: Dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "seed_id": {"type": "str", "required": True},
    "directory": {"type": "path", "required": True},
    "transport": {"type": "str", "choices": ["ssh", "local"], "default": "ssh"},
    "public_key": {"type": "str", "default": "", "no_log": False},
    "allowed_from": {"type": "list", "elements": "str", "default": []},
    "files": {"type": "list", "elements": "path", "default": []},
    "trees": {"type": "list", "elements": "dict", "options": _TREE, "default": []},
    "lease": {"type": "path"},
    "expires_in": {"type": "int", "default": 86400},
    "address": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int"},
    "authorized_keys": {"type": "path", "no_log": False},
}


def wish_of(params: Any) -> offer.Wish:
    """The parameters as a wish."""
    return offer.Wish(
        seed=str(params["seed_id"]),
        directory=str(params["directory"]),
        transport=str(params["transport"]),
        public_key=str(params["public_key"] or ""),
        allowed_from=tuple(params["allowed_from"]),
        files=tuple(params["files"]),
        trees=tuple((one["source"], tuple(one.get("exclude") or ())) for one in params["trees"]),
        lease=params["lease"],
        lifetime=int(params["expires_in"]),
        port=params["port"],
        address=str(params["address"]),
        authorized_keys=params["authorized_keys"],
        python=sys.executable,
    )


def seed_offer(context: Context) -> Outcome:
    """The module's function."""
    params = context.params
    if params["state"] == "absent":
        done = offer.absent(
            str(params["directory"]), str(params["seed_id"]), params["authorized_keys"], context.check_mode
        )
        return Outcome(done.changed, {}, done.before, done.after, str(params["directory"]))
    done = offer.present(wish_of(params), context.runner, context.check_mode)
    values = {
        "source": done.source,
        "expires": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(done.expires)),
        "removed_stale": list(done.removed_stale),
    }
    return Outcome(done.changed, values, done.before, done.after, str(params["directory"]), done.warnings)
