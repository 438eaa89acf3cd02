# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds to the evidence folder of a drill on the controller, and seals it."""

from __future__ import annotations

import os
import pathlib
import typing as t

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.firedrill.standby.plugins.module_utils._core import evidence_folder
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence import canonical, value_of
from ansible_collections.firedrill.standby.plugins.module_utils._core.redaction import is_secret_name, leaves, without
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import run
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import VENDOR_PASSWORDS
from ansible_collections.firedrill.standby.plugins.plugin_utils import _drill

SPEC: dict[str, t.Any] = {
    "folder": {"type": "path", "required": True},
    "event": {"type": "str"},
    "data": {"type": "dict", "default": {}},
    "raw": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"dest": {"type": "str", "required": True}, "src": {"type": "path"}, "content": {"type": "raw"}},
    },
    "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
    "seal": {"type": "bool", "default": False},
    "cluster": {"type": "str"},
    "trend": {"type": "int", "default": 60},
    "sign": {
        "type": "dict",
        "options": {
            "method": {"type": "str", "choices": ["ssh", "gpg"], "required": True},
            "key": {"type": "str", "required": True},
            "identity": {"type": "str", "required": True},
        },
    },
}


#: Types of values that a vault holds, up to ansible-core 2.18 and from 2.19 on.
VAULTED = ("AnsibleVaultEncryptedUnicode", "EncryptedString")
#: Passwords that everybody knows are no secrets, and such a word stands in paths and rows.
PUBLIC = frozenset(VENDOR_PASSWORDS)


def _raw(hosts: t.Any, host: str) -> t.Mapping[str, t.Any]:
    """The variables of a host as they are written."""
    return hosts.raw_get(host) if hasattr(hosts, "raw_get") else hosts[host]


class ActionModule(ActionBase):
    """Logs an event, adds raw files without their secrets, seals."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Do what was asked, in the order event, raw, seal.

        :returns: ``number`` of the event, ``redactions``, and after a seal ``verdict`` and ``evidence``; or a failure.
        """
        result = super().run(tmp, task_vars)
        return _drill.settle(result, lambda: self._add(task_vars or {}))

    def _secrets(self, task_vars: t.Mapping[str, t.Any]) -> list[str]:
        """The values of all variables of the members that hold secrets by their names, or that a vault holds.

        A variable that cannot be told now (it is made of others that are not there) was used by no task either.
        """
        hosts = task_vars.get("hostvars") or {}
        own = [*dict(task_vars).items()]
        found: list[str] = []
        for name, value in own + [each for host in hosts for each in _raw(hosts, host).items()]:
            if not is_secret_name(str(name)) and type(value).__name__ not in VAULTED:
                continue
            try:
                found += leaves(self._templar.template(value))
            except AnsibleError:
                continue
        return found

    def _add(self, task_vars: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        given = _drill.arguments(SPEC, self._task.args)
        folder = given["folder"].rstrip("/")
        asked = bool(given["event"] or given["raw"] or given["seal"])
        values: dict[str, t.Any] = {"changed": asked, "number": 0, "redactions": 0, "verdict": "", "evidence": ""}
        if self._task.check_mode or not asked:
            return values
        if not os.path.isdir(folder):
            raise Refusal(
                seen=f"{folder} is no directory",
                meaning="A drill begins with its objectives, which make the folder",
                remedy="run firedrill.standby.drill_objectives first, and take the folder it returns",
            )
        secrets = sorted({*given["secrets"], *self._secrets(task_vars)} - PUBLIC)
        if given["event"]:
            values["number"] = evidence_folder.log(folder, given["event"], without(given["data"], secrets))
        for each in given["raw"]:
            values["redactions"] += evidence_folder.add_raw(folder, each["dest"], _bytes(each), secrets)
        if given["seal"]:
            evidence_folder.write_previous(folder, given["cluster"] or "", given["trend"])
            signer = evidence_folder.Signer(**given["sign"]) if given["sign"] else None
            document = evidence_folder.seal(folder, signer, run)
            values.update(verdict=value_of(document, "R.overall"), evidence=os.path.join(folder, "evidence.json"))
        return values


def _bytes(raw: t.Mapping[str, t.Any]) -> bytes:
    """What shall lie at one path: a file of the controller, a text, or data as canonical JSON.

    :raises Refusal: for both or neither, or numbers with a fraction.
    """
    if (raw["src"] is None) == (raw["content"] is None):
        raise Refusal(
            seen=f"{raw['dest']}: src is {raw['src']!r}, content is {'given' if raw['content'] is not None else 'not given'}",
            meaning="A raw file is a copy of a file of the controller or the content given, one of both",
            remedy="give src or content",
        )
    if raw["src"] is not None:
        return pathlib.Path(raw["src"]).read_bytes()
    if isinstance(raw["content"], str):
        return raw["content"].encode("utf-8", "surrogateescape")
    try:
        return canonical(raw["content"]).encode("utf-8")
    except ValueError as error:
        raise Refusal(
            seen=f"{raw['dest']}: {error}",
            meaning="A number with a fraction has more than one text",
            remedy="give whole numbers with a unit, such as nanoseconds",
        ) from error
