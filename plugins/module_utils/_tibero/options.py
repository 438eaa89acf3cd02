# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Options that the modules for Tibero share, and what is built from them."""

from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Login, Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.decide_role import (
    OPEN_WORDS,
    STATUS_WORDS,
    Words,
)

#: Which instance.
INSTANCE_SPEC: Dict[str, Any] = {
    "tb_home": {"type": "path", "required": True},
    "tb_sid": {"type": "str", "required": True},
    "timeout": {"type": "int", "default": 300},
}

#: Who logs in, and how the words of the status views are read.
LOGIN_SPEC: Dict[str, Any] = {
    "sys_user": {"type": "str", "default": "sys"},
    "sys_password": {"type": "str", "no_log": True},
    "alias": {"type": "str"},
    "status_words": {"type": "dict", "default": {}},
    "open_mode_words": {"type": "dict", "default": {}},
}

COMMON_SPEC: Dict[str, Any] = dict(INSTANCE_SPEC, **LOGIN_SPEC)


def client_of(context: Context, login: Optional[Login] = None) -> Tibero:
    """The client for the instance and login of a module's parameters.

    :arg login: another login than that of the parameters.
    """
    params = context.params
    own = Login(params.get("sys_user") or "sys", params.get("sys_password") or "", params.get("alias") or "")
    return Tibero(
        params["tb_home"],
        params["tb_sid"],
        context.runner,
        login or own,
        params.get("timeout") or 300,
        words_of(params),
    )


def words_of(params: Mapping[str, Any]) -> Words:
    """The accept lists for the words of the status views, with the further words of a module's parameters."""
    return Words(
        _merged("status_words", STATUS_WORDS, params.get("status_words") or {}),
        _merged("open_mode_words", OPEN_WORDS, params.get("open_mode_words") or {}),
    )


def _merged(option: str, defaults: Mapping[str, Sequence[str]], more: Mapping[str, Any]) -> Dict[str, Tuple[str, ...]]:
    """Accept lists with further words. :raises Refusal: for a class that is not known, or a word that has two meanings."""
    unknown = sorted(set(more) - set(defaults))
    if unknown:
        raise Refusal(
            seen="{0} names the class {1}".format(option, ", ".join(unknown)),
            meaning="Known classes are {0}".format(", ".join(sorted(defaults))),
            remedy="Name one of these; the variable is tibero_{0}".format(option),
        )
    given = {name: [words] if isinstance(words, str) else list(words or ()) for name, words in more.items()}
    merged = {name: tuple(words) + tuple(str(word) for word in given.get(name, ())) for name, words in defaults.items()}
    classes: Dict[str, str] = {}
    for name, words in merged.items():
        for word in words:
            plain = " ".join(word.upper().split())
            if classes.setdefault(plain, name) != name:
                raise Refusal(
                    seen="{0} has the word {1!r} in the classes {2} and {3}".format(option, word, classes[plain], name),
                    meaning="A word that means two things tells nothing of an instance",
                    remedy="Leave it in one class; the variable is tibero_{0}".format(option),
                )
    return merged


def secrets_of(params: Mapping[str, Any]) -> Sequence[str]:
    """The secrets among the parameters of a module, for the last scrubbing of its result."""
    return [
        str(value) for name, value in params.items() if name.endswith("password") and isinstance(value, str) and value
    ]
