# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What the module drill_residue_info does: looks for what a drill left on a host that is no member."""

import os
import re
from typing import Any, Dict, List, Optional, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import client_look
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_promise import LEFT_SCHEMA
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock, wait_until
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import config_file
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import dsn
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError

RESIDUE_SPEC: Dict[str, Any] = {
    "drill": {"type": "str", "required": True},
    "host": {"type": "str", "required": True},
    "tb_home": {"type": "path", "default": ""},
    "aliases": {"type": "list", "elements": "str", "default": []},
    "kept": {"type": "list", "elements": "path", "default": []},
    "patience": {"type": "float", "default": 0.0},
}
#: A short id would be part of names that are none of the drill's.
_ID = re.compile(r"[A-Za-z0-9_.-]{8,}\Z")


def _aliases(home: str, names: List[str], unseen: client_look.Found) -> client_look.Found:
    """Aliases of the drill that are still in tbdsn.tbr."""
    path = config_file.dsn_path(home)
    try:
        document = dsn.parse(config_file.read_text(path) or "", strict=False)
    except (OSError, GrammarError) as error:
        unseen.append({"what": "alias", "why": "{0}: {1}".format(path, error)})
        return []
    there = {item.name for item in document.items if item.name}
    return [{"kind": "alias", "what": "the alias {0} in {1}".format(name, path)} for name in names if name in there]


def _look(context: Context) -> Tuple[client_look.Found, client_look.Found]:
    """What is left, and what could not be looked at."""
    params = context.params
    home = os.path.expanduser("~")
    place = client_look.Place(params["drill"], tuple(params["kept"]), home=home if os.path.isabs(home) else "")
    left, unseen = client_look.look(place, context.runner)
    if params["tb_home"] and params["aliases"]:
        left += _aliases(params["tb_home"], params["aliases"], unseen)
    return left, unseen


def residue_info(context: Context, clock: Optional[Clock] = None) -> Outcome:
    """See the documentation of drill_residue_info."""
    params = context.params
    if not _ID.match(params["drill"]):
        raise Refusal(
            seen="drill is {0!r}".format(params["drill"]),
            meaning="What is the drill's is told by its id, and one of fewer than 8 characters is part of other names too",
            remedy="give the id of the drill, the name of its folder",
        )
    source = clock or Clock()
    began = source.now()
    # Something that is left at the end of the time is an answer, and no failure.
    left, unseen = wait_until(
        lambda: _look(context),
        lambda found: not found[0] or source.now() - began >= params["patience"],
        float("inf"),
        "nothing to be left",
        "",
        interval=0.5,
        clock=source,
    ).value
    seen = {"schema": LEFT_SCHEMA, "host": params["host"], "uid": os.geteuid(), "left": left, "unseen": unseen}
    return Outcome(False, {"residue": seen})
