# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Bringing the tip file and tbdsn.tbr to a wanted content: read, decide, replace the whole file at once, never
append."""

import os
import re
import shutil
import tempfile
import time
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import dsn, tip
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.lines import decode, encode

#: Mode of both files: the group may read, nobody else. Ports and paths are in them, no passwords.
MODE = 0o640
#: Values of LOG_REPLICATION_MODE (H: administrator's guide; UNPROTECTED is the default by a vendor article).
PROTECTION_MODES = ("PROTECTION", "AVAILABILITY", "PERFORMANCE", "UNPROTECTED")
#: Without these no instance boots (H: every recorded tip has them).
MANDATORY = ("DB_NAME", "LISTENER_PORT", "CONTROL_FILES")

_DESTINATION_KEY = re.compile(r"LOG_REPLICATION_DEST_(\d+)\Z", re.IGNORECASE)


class FileChange(NamedTuple):
    """A file before and after. ``changes``: what happened to which key. ``before`` is "" and ``existed`` False for a
    new file."""

    path: str
    existed: bool
    before: str
    after: str
    changes: Tuple[Dict[str, Any], ...]

    @property
    def changed(self) -> bool:
        return not self.existed or self.before != self.after


def tip_path(tb_home: str, tb_sid: str) -> str:
    """Where the tip of an instance lies (H)."""
    return os.path.join(tb_home, "config", "{0}.tip".format(tb_sid))


def dsn_path(tb_home: str) -> str:
    """Where the alias file lies (H)."""
    return os.path.join(tb_home, "client", "config", "tbdsn.tbr")


def read_text(path: str) -> Optional[str]:
    """A file as text that keeps every byte, or None when it does not exist."""
    try:
        with open(path, "rb") as source:
            return decode(source.read())
    except FileNotFoundError:
        return None


def as_refusal(error: GrammarError, path: str, remedy: str) -> Refusal:
    """A grammar error said as a refusal that names the file."""
    return Refusal(
        seen="{0}: {1}".format(path, error), meaning="The file is not written as Tibero would read it", remedy=remedy
    )


def read_tip(tb_home: str, tb_sid: str) -> Optional[tip.Document]:
    """The tip of an instance, or None when there is none. :raises Refusal: when it cannot be read as a tip."""
    path = tip_path(tb_home, tb_sid)
    text = read_text(path)
    if text is None:
        return None
    try:
        return tip.parse(text)
    except GrammarError as error:
        raise as_refusal(error, path, "Correct that line of the tip by hand") from error


def plan_tip(
    path: str, text: Optional[str], present: Mapping[str, Any], absent: Sequence[str], exclusive: bool = False
) -> FileChange:
    """What the tip has to become.

    :arg text: the tip as it is, None when there is none. :arg present: keys and values to have. :arg absent: keys not
        to have.
    :arg exclusive: no other keys may stay (comments do).
    :raises Refusal: when the result would be refused by tbboot: duplicate keys, placeholders, bad destinations,
        missing mandatory keys.
    """
    try:
        wanted = _wanted(present, absent)
        document = tip.parse(text or "")
        if exclusive:
            kept = {key.upper() for key in present}
            for line in document.lines:
                if line.kind == tip.PARAMETER and line.key.upper() not in kept:
                    wanted.setdefault(line.key, None)
        merged, changes = tip.merge(document, wanted)
        validate_tip(path, merged)
    except GrammarError as error:
        raise as_refusal(
            error, path, "Correct the value in 'parameters', or that line of the tip; nothing was written"
        ) from error
    rendered = tip.render(merged)
    return FileChange(path, text is not None, text or "", rendered, tuple(dict(change._asdict()) for change in changes))


def _wanted(present: Mapping[str, Any], absent: Sequence[str]) -> Dict[str, Optional[tip.Wanted]]:
    wanted: Dict[str, Optional[tip.Wanted]] = {}
    for key, value in present.items():
        if isinstance(value, str) and '"' in value:
            # Written as in a tip file, quotes included: take it apart as the tip reader would.
            written = tip.get(tip.parse("{0}={1}".format(key, value)), key)
            wanted[key] = list(written.items) if written is not None else ""
        elif isinstance(value, (list, tuple)):
            wanted[key] = [str(item) for item in value]
        elif isinstance(value, (bool, int, str)):
            wanted[key] = value
        else:
            raise Refusal(
                seen="Parameter {0} has the value {1!r} ({2})".format(key, value, type(value).__name__),
                meaning="A tip parameter is a text, a whole number, a boolean or a list of texts",
                remedy="Correct the value, or name the key under 'absent' to remove it",
            )
    twice = sorted({key.upper() for key in present} & {key.upper() for key in absent})
    if twice:
        raise Refusal(
            seen="Both present and absent: {0}".format(", ".join(twice)),
            meaning="The same parameter cannot be wanted and unwanted",
            remedy="Name each parameter once",
        )
    for key in absent:
        wanted[key] = None
    return wanted


def validate_tip(path: str, document: tip.Document) -> None:
    """Refuse a tip that tbboot would refuse, with the reason it would give (C: catalogue 260021-260054,
    350004-350010).

    :raises Refusal: naming all findings at once. :raises GrammarError: from values that cannot be parsed.
    """
    findings = [problem.text for problem in tip.problems(document)]
    findings.extend("placeholder {0} was never filled in".format(name) for name in tip.placeholders(document))
    missing = [key for key in MANDATORY if tip.get(document, key) is None]
    findings.extend("mandatory parameter {0} is missing (260021)".format(key) for key in missing)
    control_files = tip.get(document, "CONTROL_FILES")
    for item in control_files.items if control_files else ():
        if not item.startswith(("/", "+")):
            findings.append("control file path {0} is not absolute (260042)".format(item))
    mode = tip.get(document, "LOG_REPLICATION_MODE")
    if mode is not None and mode.text.upper() not in PROTECTION_MODES:
        findings.append(
            "LOG_REPLICATION_MODE {0} is none of {1} (350004)".format(mode.text, ", ".join(PROTECTION_MODES))
        )
    findings.extend(_replication_findings(document))
    if findings:
        raise Refusal(
            seen="{0} would hold: {1}".format(path, "; ".join(findings)),
            meaning="tbboot refuses such a tip",
            remedy="Correct the parameters; nothing was written",
        )


def _replication_findings(document: tip.Document) -> List[str]:
    findings = []
    for line in document.lines:
        number = _DESTINATION_KEY.match(line.name) if line.kind == tip.PARAMETER else None
        if number and line.value is not None and line.value.text:
            if not 1 <= int(number.group(1)) <= 9:
                findings.append("{0}: destinations are numbered 1 to 9".format(line.key))
            tip.parse_destination(line.value.text)
    convert = tip.get(document, "STANDBY_FILE_NAME_CONVERT")
    if convert is not None and convert.text:
        for pair in tip.parse_convert(convert):
            findings.extend(
                "STANDBY_FILE_NAME_CONVERT: {0} is not absolute".format(side)
                for side in pair
                if not side.startswith(("/", "+"))
            )
    return findings


def plan_dsn(path: str, text: Optional[str], present: Sequence[dsn.Alias], absent: Sequence[str]) -> FileChange:
    """What tbdsn.tbr has to become: aliases to have and not to have; everything else stays byte for byte.

    :raises Refusal: for a name or value that cannot be written, or an alias that belongs to a gateway.
    """
    changes: List[Dict[str, Any]] = []
    try:
        document = dsn.parse(text or "")
        for alias in present:
            known = alias.name in dsn.names(document)
            document, changed = dsn.upsert(document, alias)
            if changed:
                changes.append({"alias": alias.name, "kind": "changed" if known else "added"})
        for name in absent:
            document, changed = dsn.remove(document, name)
            if changed:
                changes.append({"alias": name, "kind": "removed"})
    except GrammarError as error:
        raise as_refusal(error, path, "Correct the alias; names hold letters, digits and underscores only") from error
    rendered = dsn.render(document)
    existed = text is not None or not rendered
    return FileChange(path, existed, text or "", rendered, tuple(changes))


def write(change: FileChange, backup: bool = False, mode: int = MODE) -> str:
    """Replace the file at once; owner and group of an existing file are kept as far as we may.

    :returns: path of the backup, "" without one.
    """
    kept = ""
    if backup and change.existed and os.path.exists(change.path):
        # The form of AnsibleModule.backup_local, so that people find it where they look for it.
        kept = "{0}.{1}.{2}~".format(change.path, os.getpid(), time.strftime("%Y-%m-%d@%H:%M:%S", time.localtime()))
        shutil.copy2(change.path, kept)
    directory = os.path.dirname(change.path)
    handle, temporary = tempfile.mkstemp(prefix=".firedrill-", dir=directory)
    try:
        with os.fdopen(handle, "wb") as target:
            target.write(encode(change.after))
            target.flush()
            os.fsync(target.fileno())
        os.chmod(temporary, mode)
        _keep_owner(change.path, temporary)
        os.rename(temporary, change.path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    return kept


def _keep_owner(path: str, temporary: str) -> None:
    """Only root can give files away; for everybody else the new file is theirs, as it would be with an editor."""
    try:
        seen = os.stat(path)
        os.chown(temporary, seen.st_uid, seen.st_gid)
    except (FileNotFoundError, PermissionError):
        return
