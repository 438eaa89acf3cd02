# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The one place where the collection meets AnsibleModule.

A module is its argument specification and one function; :func:`run_module` builds what the function needs, runs it,
and turns every
:class:`StandbyError` into ``fail_json`` with what was seen, what it means and what to do.
"""

from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-untyped, unused-ignore]

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Runner, run
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome

#: What stands in a result where a secret would have stood.
HIDDEN = "********"


Action = Callable[[Context], Outcome]


def as_text(value: Any) -> str:
    """A diff side as text: text stays as it is, data becomes sorted lines that compare well."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return "".join("{0}\n".format(line) for line in _lines(value, ""))


def _lines(value: Any, prefix: str) -> List[str]:
    """One line for every leaf of plain data: ``path: value``."""
    if isinstance(value, Mapping):
        found: List[str] = []
        for key in sorted(value, key=str):
            found.extend(_lines(value[key], "{0}.{1}".format(prefix, key) if prefix else str(key)))
        return found
    if isinstance(value, (list, tuple)):
        return [line for number, item in enumerate(value) for line in _lines(item, "{0}[{1}]".format(prefix, number))]
    return ["{0}: {1}".format(prefix, value)]


def scrub(value: Any, secrets: Sequence[str]) -> Any:
    """The same data without the secrets, at any depth, keys included.

    AnsibleModule hides values of ``no_log`` options in results too; this second lock also covers exceptions, diffs
    and the journal, and secrets that reach us inside a dictionary.
    """
    if isinstance(value, str):
        for secret in secrets:
            if secret:
                value = value.replace(secret, HIDDEN)
        return value
    if isinstance(value, Mapping):
        return {scrub(key, secrets): scrub(item, secrets) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [scrub(item, secrets) for item in value]
    return value


def result_of(outcome: Outcome, diff_mode: bool) -> Dict[str, Any]:
    """The arguments of ``exit_json``."""
    result: Dict[str, Any] = dict(outcome.values)
    result["changed"] = outcome.changed
    if outcome.warnings:
        result["warnings"] = list(outcome.warnings)
    if diff_mode and (outcome.before is not None or outcome.after is not None):
        result["diff"] = {
            "before_header": outcome.header,
            "after_header": outcome.header,
            "before": as_text(outcome.before),
            "after": as_text(outcome.after),
        }
    return result


def run_module(
    argument_spec: Mapping[str, Any],
    action: Action,
    secrets: Callable[[Mapping[str, Any]], Sequence[str]] = lambda params: (),
    runner: Optional[Runner] = None,
    **options: Any,
) -> None:
    """Run a module and end the process with its result.

    :arg argument_spec: options of the module. :arg action: what it does.
    :arg secrets: names the secrets among the parameters; they are cut out of everything that is returned.
    :arg runner: plays the programs in tests; default the real one.
    :arg options: further arguments of AnsibleModule, such as ``required_if``.
    """
    module = AnsibleModule(argument_spec=dict(argument_spec), supports_check_mode=True, **options)
    hidden = [secret for secret in secrets(module.params) if secret]
    try:
        outcome = action(Context(module.params, bool(module.check_mode), runner or run))
    except StandbyError as error:
        module.fail_json(**scrub(error.as_failure(), hidden))
    except OSError as error:
        failure = StandbyError(
            seen="{0}: {1}".format(error.filename or "operating system", error.strerror or error),
            meaning="A file or program could not be used",
            remedy="Check that the path exists and that the user of this task (the OS user of the database) may use it",
        )
        module.fail_json(**scrub(failure.as_failure(), hidden))
    else:
        module.exit_json(**scrub(result_of(outcome, bool(module._diff)), hidden))
