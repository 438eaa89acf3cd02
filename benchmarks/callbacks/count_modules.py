# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts what is really executed on hosts: every call of a module, also those that an action plugin makes, fact gathering and loop items."""

from __future__ import annotations

import functools
import os
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: count_modules
type: aggregate
short_description: Append a line for every module execution to the file named by COUNT_MODULES_FILE
description: For benchmarks only; not part of the collection.
"""


def _count(original: Any) -> Any:
    @functools.wraps(original)
    def counted(self: ActionBase, *arguments: Any, **options: Any) -> Any:
        host = (options.get("task_vars") or {}).get("inventory_hostname", self._task.name)
        name = options.get("module_name") or (arguments[0] if arguments else None) or self._task.action
        with open(os.environ["COUNT_MODULES_FILE"], "a", encoding="utf-8") as log:
            log.write(f"{host}\t{name}\t{self._task.name}\n")
        return original(self, *arguments, **options)

    return counted


class CallbackModule(CallbackBase):
    """Wraps ActionBase before the workers are forked."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "count_modules"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        ActionBase._execute_module = _count(ActionBase._execute_module)
