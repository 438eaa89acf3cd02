# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This plugin utility is private to the collection firedrill.standby: other collections must not import it.
"""Which variables the collection documents: the argument specs of its own roles are the one list."""

from __future__ import annotations

import functools
from pathlib import Path

import yaml

#: Facts and options of playbooks that no role argument spec lists.
OF_PLAYBOOKS = frozenset(
    {
        "standby_cluster",
        "standby_member",
        "standby_observation",
        "standby_plan",
        "standby_os_user",
        "standby_preflight",
    }
)


@functools.cache
def documented_variables() -> frozenset[str]:
    """Names of all options in ``roles/*/meta/argument_specs.yml`` beside the facts of the playbooks."""
    roles = Path(__file__).resolve().parent.parent.parent / "roles"
    names = set(OF_PLAYBOOKS)
    for path in sorted(roles.glob("*/meta/argument_specs.yml")):
        specs = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
        for entry in specs.values():
            names.update(entry.get("options", {}))
    return frozenset(names)
