# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What a module's function gets and gives, without Ansible in it, so that everything below the modules can be tested
by calling it."""

from typing import Any, Mapping, NamedTuple, Sequence

from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Runner


class Context(NamedTuple):
    """What a module's function gets: its parameters, whether it may act, and the runner for programs."""

    params: Mapping[str, Any]
    check_mode: bool
    runner: Runner


class Outcome(NamedTuple):
    """What a module's function returns.

    ``changed``: seen, not believed. ``values``: the module's documented return values. ``before``/``after``: plain
    data for the diff; both None means that there is no diff to show. ``header``: what the diff is about.
    """

    changed: bool
    values: Mapping[str, Any] = {}
    before: Any = None
    after: Any = None
    header: str = ""
    warnings: Sequence[str] = ()
