# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This plugin utility is private to the collection firedrill.standby: other collections must not import it.
"""Why a host could not be asked anything, in terms of the variables that say how to reach it. Pure.

Ansible's own words name neither the variable nor its value, and differ between its versions; they are kept as what was seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal

_BECOME = re.compile(
    r"(incorrect|missing) \S+ password|privilege escalation|become password|password is required|not in the sudoers|(sudo|su|doas): ",
    re.IGNORECASE,
)
_INTERPRETER = re.compile(
    r"interpreter .*(not found|was not)|python\S*: (not found|no such file)|no such file or directory.*python",
    re.IGNORECASE,
)


class Way(NamedTuple):
    """How a host is reached: texts as the connection and become plugins have them, empty where there is none."""

    host: str
    address: str
    port: str
    user: str
    interpreter: str
    become_user: str
    become_method: str


def refusal(way: Way, said: str, unreachable: bool) -> Refusal:
    """The refusal for a host whose facts could not be gathered.

    :arg said: all that Ansible and the host said of it.
    :arg unreachable: whether the connection itself failed.
    """
    text = re.sub(r"\s+", " ", said).strip()
    if way.become_user and _BECOME.search(text):
        return _become(way, text)
    if unreachable:
        return _unreachable(way, text)
    if _INTERPRETER.search(text):
        return _interpreter(way, text)
    return Refusal(
        seen=f"{way.host} answers, but its facts cannot be gathered: {text}",
        meaning="Modules need Python 3.6 or later and a writable home or /tmp on the host",
        remedy=f"see what `ansible -m ansible.builtin.setup {way.host}` says, correct it, and run again",
        details={"host": way.host},
    )


def _unreachable(way: Way, text: str) -> Refusal:
    place = f"{way.address}:{way.port}" if way.port else way.address
    return Refusal(
        seen=f"{way.host} cannot be reached at {place} as {way.user or 'the current user'}: {text}",
        meaning="A member that cannot be seen may be the primary, so nothing is planned around it",
        remedy=f"correct ansible_host ({way.address!r}), ansible_port ({way.port or 'default'}), ansible_user or the key until "
        f"`ansible -m ansible.builtin.ping {way.host}` succeeds, or take the host out of the group if it is gone for good",
        details={"variable": "ansible_host", "value": way.address, "host": way.host},
    )


def _become(way: Way, text: str) -> Refusal:
    return Refusal(
        seen=f"{way.user or 'The login user'} on {way.host} cannot become {way.become_user} by {way.become_method}: {text}",
        meaning="standby_become is true, so the login user must be allowed to become root and the OS user of the database",
        remedy="set ansible_become_password (in a vault) or allow it without one, choose another ansible_become_method "
        f"(now {way.become_method!r}), or set standby_become: false where the login user owns software and database",
        details={"variable": "ansible_become_password", "host": way.host, "method": way.become_method},
    )


def _interpreter(way: Way, text: str) -> Refusal:
    return Refusal(
        seen=f"ansible_python_interpreter of {way.host} is {way.interpreter!r}, and there is none: {text}",
        meaning="Allowed is the path of a Python 3.6 or later on the host; modules run on it",
        remedy="install python3 on the host, or set ansible_python_interpreter to where it is",
        details={"variable": "ansible_python_interpreter", "value": way.interpreter, "host": way.host},
    )


def said_by(result: Mapping[str, Any]) -> str:
    """What a failed result of `setup` says, wherever it says it."""
    words = [str(result.get(key) or "") for key in ("msg", "module_stderr", "module_stdout")]
    return " ".join(word for word in words if word)
