# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the payloads that Ansible builds of modules from one run of ansible-playbook to the next, in the directory that FIREDRILL_MODULE_STORE names.

Ansible reads some ten thousand lines of Python to pack one of our modules with what it imports, does so once for each module and run, and forgets it at the end
of the run. The tests play hundreds of runs of the same modules: this was a third of their time on the controller. A payload is kept for exactly the plugins,
the ansible-core and the Python that it was built of and by, so a changed line is a new payload.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase
from ansible.release import __version__

DOCUMENTATION = """
name: module_store
type: aggregate
short_description: Keep payloads of modules between runs
description: [Part of the tests of firedrill.standby.]
"""

COLLECTION = "ansible_collections.firedrill.standby"


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Lays out what earlier runs built when a run begins, and adds what this one built when it ends."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "module_store"

    def __init__(self) -> None:
        super().__init__()
        place = os.environ.get("FIREDRILL_MODULE_STORE", "")
        #: The collection is the one that this run uses, which tests of our tools replace by others.
        found = [Path(one) / "plugins" for one in _paths_of(COLLECTION)] if place else []
        self._store = Path(place) / built_of(found[0]) if found else None
        #: Where Ansible looks for a payload before it builds one: in a directory of this one run.
        self._own = Path(constants.DEFAULT_LOCAL_TMP) / "ansiballz_cache"

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """The run begins."""
        if self._store:
            self._store.mkdir(parents=True, exist_ok=True)
            self._own.mkdir(parents=True, exist_ok=True)
            _link_all(self._store, self._own)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The run ends."""
        if self._store and self._own.is_dir():
            _link_all(self._own, self._store)


def _paths_of(package: str) -> list[str]:
    try:
        return list(importlib.import_module(package).__path__)
    except ImportError:
        return []


def built_of(plugins: Path) -> str:
    """A name for everything that decides what a payload holds: the plugins, the version of ansible-core, the Python."""
    digest = hashlib.sha256(f"{__version__} {sys.version}".encode())
    for path in sorted(plugins.rglob("*.py")):
        digest.update(f"\0{path.relative_to(plugins)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:20]


def _link_all(source: Path, target: Path) -> None:
    # Ansible writes a payload under NAME-part beside NAME.lock, renames it when it is whole, and never writes to it again: a link is as good as a copy.
    for path in source.iterdir():
        if not path.name.endswith(("-part", ".lock")):
            with suppress(FileExistsError):
                os.link(path, target / path.name)
