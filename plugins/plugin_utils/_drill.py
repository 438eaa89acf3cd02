# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This plugin utility is private to the collection firedrill.standby: other collections must not import it.
"""What the actions of drills have in common: an argument specification that is held, and the shape of a failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError


def arguments(spec: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a task as the specification wants them, defaults filled in.

    An action plugin has no AnsibleModule that would do it.

    :raises Refusal: naming what is wrong.
    """
    result = ArgumentSpecValidator(dict(spec)).validate(dict(given))
    if result.error_messages:
        raise Refusal(
            seen="; ".join(result.error_messages),
            meaning="The arguments of the task are not those that it knows",
            remedy="see ansible-doc for the names and types",
        )
    return dict(result.validated_parameters)


def settle(result: dict[str, Any], work: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Run the work of an action and put its values, or its failure, into the result."""
    try:
        result.update(work())
    except StandbyError as error:
        result.update(failed=True, changed=False, **error.as_failure())
    except OSError as error:
        failure = StandbyError(
            seen=f"{error.filename or 'operating system'}: {error.strerror or error}",
            meaning="A file of the evidence on the controller could not be used",
            remedy="check that the directory of the evidence can be written by the user who runs ansible-playbook, and is not full",
        )
        result.update(failed=True, changed=False, **failure.as_failure())
    return result
