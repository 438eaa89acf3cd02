# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This plugin utility is private to the collection firedrill.standby: other collections must not import it.
"""Which variables the collection documents: the argument specs of its own roles are the one list."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.common.yaml import yaml_load
from ansible.module_utils.parsing.convert_bool import BOOLEANS_FALSE, BOOLEANS_TRUE

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal

#: Facts and options of playbooks that no role argument spec lists. What a role registers is there when another role follows it in the same run.
OF_PLAYBOOKS = frozenset(
    {
        "standby_backup",
        "standby_backup_ended",
        "standby_change",
        "standby_cluster",
        "standby_described",
        "standby_member",
        "standby_observation",
        "standby_offers",
        "standby_os_user",
        "standby_plan",
        "standby_preflight",
        "standby_replaced",
        "standby_seed_copied",
        "standby_seed_key",
        "standby_seed_sent",
    }
)


#: Consents that are given on the command line, where -e NAME=true is a text, the second as the default of its role. The filter "bool" would take a mapping for
#: false.
IN_WORDS = ("standby_allow_data_loss", "failover_allow_data_loss")
_TRUTH = "true or false, also as a text"
#: Variables without a default that every role needs.
ALWAYS = ("tibero_sys_password",)
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false, and not as a text",
    "list": "a list",
    "dict": "a mapping of names to values",
}


@functools.cache
def documented_options() -> Mapping[str, Mapping[str, Any]]:
    """Options of ``roles/*/meta/argument_specs.yml`` by name, each as its specification."""
    roles = Path(__file__).resolve().parent.parent.parent / "roles"
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(roles.glob("*/meta/argument_specs.yml")):
        # Ansible's own loader is the one of libyaml where there is one: every worker of a run reads these files again.
        specs = yaml_load(path.read_text(encoding="utf-8"))["argument_specs"]
        for entry in specs.values():
            found.update(entry.get("options", {}))
    return found


def documented_variables() -> frozenset[str]:
    """Names of all options beside the facts of the playbooks."""
    return OF_PLAYBOOKS | frozenset(documented_options())


def check_value(name: str, value: Any, option: Mapping[str, Any], host: str) -> None:
    """Hold a value against the type and the choices of its specification.

    Ansible does the same at the start of a role, but prints the whole specification and neither the remedy nor, for a type, the value.

    :raises Refusal: with the variable, the value unless it is a secret, what is allowed and what to do.
    """
    if value is None:
        return
    if name in IN_WORDS:
        truth(name, value, host)
        return
    choices = [str(one) for one in option.get("choices", ())]
    kind = str(option.get("type", "str"))
    if choices:
        wrong = [str(one) for one in (value if isinstance(value, list) else [value]) if str(one) not in choices]
        if not wrong:
            return
        allowed = ("a list of " if isinstance(value, list) else "one of ") + ", ".join(choices)
        near = difflib.get_close_matches(wrong[0], choices, 1, 0.4)
        remedy = f"set {name} to one of these" + (f", for example {near[0]!r}" if near else "")
    elif _fits(value, kind):
        return
    else:
        allowed, remedy = _WORDS[kind], f"write {name} as {_WORDS[kind]}"
        if kind == "bool":
            remedy += f": {name}: true in YAML, {name}=True in an INI inventory, -e '{{\"{name}\": true}}' on the command line"
    shown = "of the wrong kind" if option.get("no_log") else repr(value)
    raise Refusal(
        seen=f"{name} of {host} is {shown}",
        meaning=f"Allowed is {allowed}",
        remedy=remedy,
        details={"variable": name, "host": host, "allowed": allowed},
    )


def truth(name: str, value: Any, host: str = "") -> bool:
    """A value that may be a text of the command line as what it means.

    :raises Refusal: it is neither true nor false, such as a mapping, which a bare ``bool`` takes for one of the two without a word.
    """
    word = value.strip().lower() if isinstance(value, str) else value
    if isinstance(word, (bool, int, str)):
        if word in BOOLEANS_TRUE:
            return True
        if word in BOOLEANS_FALSE:
            return False
    raise Refusal(
        seen=f"{name}{' of ' * bool(host)}{host} is {value!r}",
        meaning=f"Allowed is {_TRUTH}",
        remedy=f"give it as true or false, such as -e {name}=true",
        details={"variable": name, "host": host, "allowed": _TRUTH},
    )


def _fits(value: Any, kind: str) -> bool:
    if kind in ("int", "float"):
        try:
            (int if kind == "int" else float)(str(value))
        except ValueError:
            return False
    elif kind == "bool":
        # The text "false", from -e name=false or an INI inventory, would be true in a condition.
        return isinstance(value, bool)
    elif kind in ("list", "dict"):
        # A text becomes a list with one element, or a mapping by Ansible's own rules.
        return isinstance(value, (str, list if kind == "list" else dict))
    return True


def check_given(names: Iterable[str], host: str, more: Iterable[str] = ()) -> None:
    """Whether every required variable of a description is there.

    :arg names: variables of the host; :arg more: those that a playbook requires beside those that every role requires.
    :raises Refusal: naming the variable.
    """
    options = documented_options()
    given = set(names)
    for name in [*ALWAYS, *more]:
        if name not in given:
            secret = bool(options.get(name, {}).get("no_log"))
            raise Refusal(
                seen=f"{name} of {host} is not set",
                meaning=f"Allowed is {'a password, kept in a vault' if secret else 'any value'}; there is no default",
                remedy=f"set {name} in the inventory" + (", encrypted with ansible-vault" if secret else ""),
                details={"variable": name, "host": host},
            )
