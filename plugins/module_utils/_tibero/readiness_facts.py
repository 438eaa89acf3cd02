# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What readiness has to know of a member beside what preflight knows: the names of the facts and their shapes."""

from typing import Mapping

from ansible_collections.firedrill.standby.plugins.module_utils._tibero import preflight

#: The facts of one member that preflight does not collect, by name, and the shape of each value.
MORE: Mapping[str, str] = {
    "identity": "{dbid, instance, host, tip, startup}: texts, None where the view has none",
    "protection_mode": "str, LOG_REPLICATION_MODE of the running instance, in upper case",
    "destinations": "[{number, host, port, transport, enabled, state}], the last two as plain facts",
    "log_sequence": "int, the current log",
    "redo": "[{thread, group, bytes, sequence, status, members: [path], missing: [path]}]",
    "standby_redo": "[{column: text}], rows of V$STANDBY_LOGFILE, whose columns are not documented",
    "datafiles": "[{path, bytes}]; bytes None if the file is not there",
    "tempfiles": "[{path, bytes}]; bytes None if the file is not there",
    "archives": "{highest: int or None, present: [[first, last]], missing: [int]}: sequences of archived logs that the "
    "view lists, and whether their files are there",
    "archive_place": "{path, exists, writable}",
    "files": "[{kind, path, state: ok|missing|unreadable, why}]",
    "live_parameters": "{NAME: text} of the running instance, as far as a role change depends on them",
    "sessions": "[text], one a session, our own included",
    "transactions": "[{session, age, blocks}]: texts and seconds",
    "recover_files": "[{file, error}]",
    "observer": "{configured: bool, by: text, manager: text, '' if none runs}",
    "leftovers": "[{kind, state: unfinished|unreadable|open, detail}]",
    "supervisors": "[{path, ours}]: files of the operating system that boot Tibero",
    "cpus": "int",
    "notes": "[str], remarks of the observation",
    "logins": "[{member, alias, outcome: ok|failed|no_alias|unreadable, code, detail, identity}]",
    "positions": "[{position: int, at: seconds since the first}]",
}


class MemberFacts(preflight.Facts):
    """The facts of a member that readiness judges."""

    NAMES = dict(preflight.FACTS, **MORE)
