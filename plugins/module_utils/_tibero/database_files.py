# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Which files a database consists of, as its own views name them (module tibero_files_info, and every method of copying).

Public: :func:`list_files`, :func:`archives`, :func:`oldest_online_sequence`, :func:`files_info`.
"""

import os
import re
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import options
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Answer, Query, Tibero

FILES_INFO_SPEC: Dict[str, Any] = dict(options.COMMON_SPEC, first_sequence={"type": "int"})

#: Kinds that are copied after the end of a hot backup.
AFTER = ("redo", "controlfile", "archive")

#: Where each kind of file is listed. V$TEMPFILE is not in the documents at hand (L), so a second view is asked too.
FILE_QUERIES: Tuple[Tuple[str, str, Query], ...] = (
    ("datafile", "NAME", Query("V$DATAFILE", ("NAME",))),
    ("redo", "MEMBER", Query("V$LOGFILE", ("MEMBER",))),
    ("controlfile", "NAME", Query("V$CONTROLFILE", ("NAME",))),
    ("tempfile", "NAME", Query("V$TEMPFILE", ("NAME",))),
    ("tempfile", "FILE_NAME", Query("DBA_TEMP_FILES", ("FILE_NAME",), again=False)),
)


def list_files(client: Tibero, controlfile: str = "") -> List[Dict[str, Any]]:
    """Everything a copy of the database consists of, archives excepted: ``{path, kind, size, when}``.

    ``size``: bytes, None for a file that cannot be looked at. ``when``: for a hot copy "during" for what has to be
    copied while backup mode is on, "after" for what has to be copied once it is over, because a copy of it made
    earlier would end before the redo of END BACKUP (TBR-24111).

    :arg controlfile: the server's backup of its control file, which stands for the live ones if it exists.
    :raises UnknownState: when a list cannot be read: a copy without some of its files is no copy.
    :raises Refusal: when there is no password file.
    """
    answers = client.ask([query for _kind, _column, query in FILE_QUERIES])
    base = client.parameter("DB_CREATE_FILE_DEST")
    files: List[Dict[str, Any]] = []
    for kind in ("datafile", "redo", "controlfile", "tempfile"):
        paths = _paths(kind, answers)
        if kind == "controlfile" and controlfile and os.path.exists(controlfile):
            paths = [controlfile]  # a live control file changes under the copy; its backup does not
        files.extend(_file(path if os.path.isabs(path) else os.path.join(base, path), kind) for path in paths)
    files.append(_file(_password_file(client, files), "password"))
    return files


def _paths(kind: str, answers: Sequence[Answer]) -> List[str]:
    why = []
    for (name, column, query), answer in zip(FILE_QUERIES, answers):
        if name != kind:
            continue
        paths = [str(row[column]) for row in answer.rows if row.get(column)]
        if answer.is_known and (paths or kind == "tempfile"):
            return paths
        why.append("{0}: {1}".format(query.source, answer.why or "no rows"))
    raise UnknownState(
        seen="The files of kind {0} cannot be listed: {1}".format(kind, "; ".join(why)),
        meaning="A copy that lacks some of the files is no copy",
        remedy="Log in as sys on an open primary",
    )


def _password_file(client: Tibero, files: Sequence[Mapping[str, Any]]) -> str:
    """The hidden password file (H): in DB_CREATE_FILE_DEST, else beside the control or data files."""
    places = [client.parameter("DB_CREATE_FILE_DEST")] + [os.path.dirname(item["path"]) for item in files]
    places.append(os.path.join(client.tb_home, "database", client.tb_sid))
    for place in places:
        path = os.path.join(place, ".passwd")
        if place and os.path.exists(path):
            return path
    raise Refusal(
        seen="No password file .passwd in any of {0}".format(", ".join(sorted({place for place in places if place}))),
        meaning="A standby without the primary's password file does not let the primary in (TBR-17007)",
        remedy="Check DB_CREATE_FILE_DEST in the tip",
    )


def _file(path: str, kind: str) -> Dict[str, Any]:
    try:
        size: Optional[int] = os.path.getsize(path)
    except OSError:
        size = None
    return {"path": path, "kind": kind, "size": size, "when": "after" if kind in AFTER else "during"}


def archives(client: Tibero, first: int, last: Optional[int] = None) -> List[Dict[str, Any]]:
    """The archives of log sequences ``first`` to ``last`` (None: to the newest) that exist, in order: ``{path, kind,
    size, when, sequence}``.

    V$ARCHIVED_LOG gives the number that is also in the file name; V$ARCHIVE_DEST_FILES is one higher (H, recorded).

    :raises UnknownState: when the view cannot be read.
    """
    answer = client.ask([Query("V$ARCHIVED_LOG", ("THREAD#", "SEQUENCE#", "NAME"))])[0]
    if not answer.is_known:
        raise UnknownState(
            seen="V$ARCHIVED_LOG cannot be read: {0}".format(answer.why),
            meaning="Which archives the copy needs cannot be told",
            remedy="Copy every archive since log sequence {0}".format(first),
        )
    found: Dict[int, Dict[str, Any]] = {}
    for row in answer.rows:
        if re.match(r"[0-9]+\Z", row.get("SEQUENCE#") or "") and row.get("NAME"):
            number = int(str(row["SEQUENCE#"]))
            if number >= first and (last is None or number <= last) and os.path.exists(str(row["NAME"])):
                found[number] = dict(_file(str(row["NAME"]), "archive"), sequence=number)
    return [found[number] for number in sorted(found)]


def oldest_online_sequence(client: Tibero) -> int:
    """The lowest sequence number among the online logs; archives of older logs are in no online log any more.

    :raises UnknownState: when V$LOG cannot be read.
    """
    answer = client.ask([Query("V$LOG", ("GROUP#", "SEQUENCE#", "STATUS"))])[0]
    numbers = [int(str(row["SEQUENCE#"])) for row in answer.rows if re.match(r"[0-9]+\Z", row.get("SEQUENCE#") or "")]
    # A group that was never used shows no sequence, or one of 0 or less.
    used = [number for number in numbers if number > 0]
    if not used:
        raise UnknownState(
            seen="V$LOG shows no log sequence: {0}".format(answer.why or "no rows"),
            meaning="Which archives belong to the copy cannot be told",
            remedy="Make V$LOG readable for the account",
        )
    return min(used)


def total(files: Sequence[Mapping[str, Any]]) -> int:
    """Bytes of all files that could be looked at."""
    return sum(int(item["size"] or 0) for item in files)


def files_info(context: Context) -> Outcome:
    """List; see the documentation of the module tibero_files_info."""
    client = options.client_of(context)
    files = list_files(client)
    wanted = context.params.get("first_sequence")
    first = int(wanted) if wanted is not None else oldest_online_sequence(client)
    archived = archives(client, first)
    values = {
        "files": files,
        "archives": archived,
        "first_sequence": first,
        "bytes": total(files),
        "bytes_archives": total(archived),
        "missing": [item["path"] for item in files if item["size"] is None],
    }
    return Outcome(False, values)
