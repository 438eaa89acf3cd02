# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What the modules tibero_tip and tibero_dsn do."""

import os
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import config_file, options
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import dsn, tip
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError

DSN_SPEC: Dict[str, Any] = {
    "tb_home": {"type": "path", "required": True},
    "path": {"type": "path"},
    "aliases": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "instances": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "host": {"type": "str", "required": True},
                    "port": {"type": "int", "required": True},
                    "db_name": {"type": "str", "required": True},
                },
            },
            "load_balance": {"type": "bool"},
            "use_failover": {"type": "bool"},
        },
    },
    "absent": {"type": "list", "elements": "str", "default": []},
    "backup": {"type": "bool", "default": False},
}

TIP_SPEC: Dict[str, Any] = dict(
    options.INSTANCE_SPEC,
    parameters={"type": "dict", "default": {}},
    absent={"type": "list", "elements": "str", "default": []},
    exclusive={"type": "bool", "default": False},
    generate={"type": "bool", "default": False},
    backup={"type": "bool", "default": False},
    **options.LOGIN_SPEC,
)


def _alias(raw: Mapping[str, Any]) -> dsn.Alias:
    instances = [dsn.Instance(str(one["host"]), str(one["port"]), str(one["db_name"])) for one in raw["instances"]]
    return dsn.Alias(str(raw["name"]), tuple(instances), raw.get("load_balance"), raw.get("use_failover"))


def ensure_dsn(context: Context) -> Outcome:
    """Bring the aliases to what is wanted; see the module's documentation."""
    params = context.params
    path = params.get("path") or config_file.dsn_path(params["tb_home"])
    twice = sorted({one["name"] for one in params["aliases"]} & set(params["absent"]))
    if twice or len({one["name"] for one in params["aliases"]}) != len(params["aliases"]):
        raise Refusal(
            seen="Aliases named more than once, or both wanted and absent: {0}".format(
                ", ".join(twice) or "see 'aliases'"
            ),
            meaning="Which of the two is meant cannot be told",
            remedy="Name each alias once",
        )
    _need_directory(path, "the client part of Tibero is not installed below tb_home")
    change = config_file.plan_dsn(
        path, config_file.read_text(path), [_alias(one) for one in params["aliases"]], params["absent"]
    )
    others = _refuse_problems(path, change.after, [one["name"] for one in params["aliases"]])
    return _apply(context, change, {})._replace(warnings=others)


def _refuse_problems(path: str, text: str, wanted: Sequence[str]) -> List[str]:
    """What clients would trip over in the file as it is to be: refused in an alias of ours, told of all others, which are not ours to judge.

    :returns: warnings. :raises Refusal: naming alias and value.
    """
    found = dsn.problems(dsn.parse(text))
    own = [problem.text for problem in found if problem.name in wanted]
    if own:
        raise Refusal(
            seen="{0}: {1}".format(path, "; ".join(own)),
            meaning="Clients would read another alias than the one that is wanted, or none",
            remedy="Correct the alias in the file or in 'aliases', then run again",
        )
    return ["{0}, line {1}: {2}; it was left as it is".format(path, each.line, each.text) for each in found]


def ensure_tip(context: Context) -> Outcome:
    """Bring the tip to what is wanted; see the module's documentation."""
    params = context.params
    client = options.client_of(context)
    path = client.tip_path
    _need_directory(path, "Tibero is not installed below tb_home")
    generated = False
    text = config_file.read_text(path)
    if text is None and params["generate"]:
        generated = True
        if not context.check_mode:
            client.gen_tip()
            text = config_file.read_text(path)
    change = config_file.plan_tip(path, text, params["parameters"], params["absent"], params["exclusive"])
    outcome = _apply(context, change, {"generated": generated}, generated)
    restart, checked = restart_required(client, change.after, sorted(params["parameters"]))
    return outcome._replace(values=dict(outcome.values, restart_required=restart, restart_check=checked))


def _need_directory(path: str, why: str) -> None:
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        raise Refusal(
            seen="{0} is not a directory".format(directory),
            meaning="The file cannot lie there: {0}".format(why),
            remedy="Check tb_home; the role firedrill.standby.software installs Tibero",
        )


def _apply(context: Context, change: config_file.FileChange, values: Dict[str, Any], changed: bool = False) -> Outcome:
    """Write the file unless in check mode, and read it back: what is reported as changed was seen."""
    # Not "path": AnsibleModule would add owner, mode and a "state" of its own to the result.
    values.update(file=change.path, changes=list(change.changes))
    if change.changed and not context.check_mode:
        kept = config_file.write(change, bool(context.params["backup"]))
        if kept:
            values["backup_file"] = kept
        if config_file.read_text(change.path) != change.after:
            raise StandbyError(
                seen="{0} does not hold what was just written".format(change.path),
                meaning="Something else writes the file at the same time, or the file system lies",
                remedy="Find out who else manages the file, then run again",
            )
    return Outcome(change.changed or changed, values, change.before, change.after, change.path)


def restart_required(client: Tibero, text: str, keys: Sequence[str]) -> Tuple[List[str], str]:
    """Which keys have another value in the running instance than in the tip.

    :arg text: the tip as it is to be. :arg keys: the keys to compare.
    :returns: the differing keys, and "done", "stopped" or why nothing could be compared. A key that the server does
        not list is passed over.
    """
    try:
        running = client.processes()
        if running is None:
            return [], "the process list could not be read"
        if not running:
            return [], "stopped"
        values = client.live_parameters()
    except StandbyError as error:
        return [], error.seen
    document = tip.parse(text)
    differing = []
    for key in keys:
        wanted = tip.get(document, key)
        live = values.get(key.upper())
        if wanted is None or live is None:
            continue
        if not _same(key, wanted, live):
            differing.append(key)
    return differing, "done"


def _same(key: str, wanted: tip.Value, live: str) -> bool:
    try:
        shown = tip.get(tip.parse("{0}={1}".format(key, live)), key)
    except GrammarError:
        shown = None
    if shown is None:
        return wanted.text == live
    # The form in which the views print lists is not documented (L), so a quoted list and a bare one count as equal.
    return tip.same_value(key, wanted, shown) or wanted.text.replace(" ", "") == shown.text.replace(" ", "")
