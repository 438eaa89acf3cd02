# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Which file of a primary becomes which file of a standby. Pure: paths in, paths out.

Public: :func:`standby_files`.
"""

import posixpath
from typing import Any, Dict, List, Mapping, Sequence

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal

#: Kinds whose place follows the data directory (H, MAN: STANDBY_FILE_NAME_CONVERT replaces one absolute directory by another).
_BY_DIRECTORY = ("datafile", "tempfile", "redo", "password")


def _below(path: str, directory: str) -> str:
    """The part of a path below a directory, or an empty text when it does not lie there."""
    prefix = directory.rstrip("/") + "/"
    return path[len(prefix) :] if path.startswith(prefix) else ""


def _moved(path: str, kind: str, primary: Mapping[str, Any], standby: Mapping[str, Any]) -> str:
    below = _below(path, str(primary["data_dir"]))
    if below:
        return posixpath.join(str(standby["data_dir"]), below)
    if primary["data_dir"] == standby["data_dir"]:
        return path
    raise Refusal(
        seen="{0} {1} of {2} does not lie below its tibero_data_dir {3}".format(
            kind, path, primary["name"], primary["data_dir"]
        ),
        meaning="{0} uses another directory, and STANDBY_FILE_NAME_CONVERT converts one directory only, so the file would have no place there".format(
            standby["name"]
        ),
        remedy="use the same tibero_data_dir on both members, or move the file below {0} on the primary".format(
            primary["data_dir"]
        ),
        details={"path": path, "kind": kind},
    )


def standby_files(
    files: Sequence[Mapping[str, Any]], primary: Mapping[str, Any], standby: Mapping[str, Any]
) -> List[Dict[str, str]]:
    """Map the files of a primary to a standby.

    :arg files: ``{path, kind}`` of each file; kinds are datafile, tempfile, redo, password, archive and controlfile.
    :arg primary: the member record of the primary; :arg standby: that of the standby.
    :returns: ``{source, target, kind}`` for each file to copy. One control file of the primary serves all of the standby's
        CONTROL_FILES, since its copies are equal.
    :raises Refusal: for a file that would have no place on the standby, or two files that would have the same.
    """
    result: List[Dict[str, str]] = []
    control = [str(item["path"]) for item in files if item["kind"] == "controlfile"]
    if control:
        result.extend(
            {"source": control[0], "target": str(target), "kind": "controlfile"} for target in standby["control_files"]
        )
    for item in files:
        path, kind = str(item["path"]), str(item["kind"])
        if kind in _BY_DIRECTORY:
            result.append({"source": path, "target": _moved(path, kind, primary, standby), "kind": kind})
        elif kind == "archive":
            result.append(
                {
                    "source": path,
                    "target": posixpath.join(str(standby["archive_dir"]), posixpath.basename(path)),
                    "kind": kind,
                }
            )
        elif kind != "controlfile":
            raise ValueError("unknown kind of file: {0!r}".format(kind))
    taken: Dict[str, str] = {}
    for entry in result:
        other = taken.setdefault(entry["target"], entry["source"])
        if other != entry["source"]:
            raise Refusal(
                seen="{0} and {1} would both become {2} on {3}".format(
                    other, entry["source"], entry["target"], standby["name"]
                ),
                meaning="One of the two files would be lost",
                remedy="check tibero_data_dir, tibero_archive_dir and tibero_control_files of {0}".format(
                    standby["name"]
                ),
                details={"target": entry["target"]},
            )
    return result
