# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Checks a sealed evidence folder: manifest, chains, frozen objectives, and every figure computed again from raw data.

It reads files and prints; it runs no program and needs nothing but Python 3.6. Public: :func:`read_folder`, :func:`check`, :func:`main`.
"""

import hashlib
import json
import os
import sys
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence import canonical, problems
from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence_compose import (
    EVENTS,
    EVIDENCE,
    FROZEN,
    MANIFEST,
    OBJECTIVES_FILE,
    OUTSIDE,
    SEALED,
    TOUCHED,
    compose,
    parse_events,
    promised,
)

#: Edits of evidence.json that are named one by one.
NAMED_EDITS = 20


def read_folder(root: str) -> Dict[str, bytes]:
    """All files of a folder by their path with slashes. :raises ValueError: for a link or anything else that is no plain file."""
    found = {}
    for directory, names, files in os.walk(root):
        for name in sorted(names + files):
            path = os.path.join(directory, name)
            relative = os.path.relpath(path, root).replace(os.sep, "/")
            if os.path.islink(path) or not (os.path.isdir(path) or os.path.isfile(path)):
                raise ValueError("{0}: is a link or no plain file; evidence holds none".format(relative))
        for name in files:
            path = os.path.join(directory, name)
            with open(path, "rb") as source:
                found[os.path.relpath(path, root).replace(os.sep, "/")] = source.read()
    return found


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def manifest_text(files: Mapping[str, bytes]) -> str:
    """The manifest of a folder, as ``sha256sum -c`` reads it."""
    return "".join("{0}  {1}\n".format(digest(files[path]), path) for path in sorted(files) if path not in OUTSIDE)


def manifest_problems(files: Mapping[str, bytes]) -> List[str]:
    """Files that were edited, removed or added against the manifest, in words."""
    if MANIFEST not in files:
        return ["{0}: is not there".format(MANIFEST)]
    listed = {}
    found = []
    for number, line in enumerate(files[MANIFEST].decode("utf-8", "backslashreplace").splitlines(), 1):
        wanted, _blank, path = line.partition("  ")
        if len(wanted) != 64 or not path:
            found.append("{0}: line {1} cannot be read".format(MANIFEST, number))
        listed[path] = wanted
    for path in sorted(set(listed) | set(files)):
        if path in OUTSIDE:
            continue
        if path not in files:
            found.append("{0}: was removed; it is in the manifest".format(path))
        elif path not in listed:
            found.append("{0}: was added; it is not in the manifest".format(path))
        elif digest(files[path]) != listed[path]:
            found.append("{0}: was edited; its SHA-256 is not that of the manifest".format(path))
    return found


def _unsigned(files: Mapping[str, bytes], signature: Any) -> List[str]:
    """Of a folder that says it is signed: that the signature is gone. Whether it is right, only a program that knows the key can tell."""
    if not signature:
        return []
    told = signature if isinstance(signature, dict) else {}
    name = str(told.get("file") or MANIFEST + ".sig")
    if name in OUTSIDE and files.get(name):
        return []
    text = "{0}: is not there or empty, although the folder says that it is signed by {1} ({2}): it was taken away, or the signing failed; "
    text += "without it nothing shows that the manifest is the one that was sealed"
    return [text.format(name, told.get("identity") or "somebody", told.get("method") or "unknown method")]


def _events(files: Mapping[str, bytes]) -> List[str]:
    events, damage = parse_events(files.get(EVENTS, b""))
    found = ["{0}: {1}".format(EVENTS, each) for each in damage]
    numbers = {event.event: number for number, event in reversed(list(enumerate(events)))}
    if FROZEN not in numbers:
        found.append("{0}: says nothing of the objectives".format(EVENTS))
    elif events[numbers[FROZEN]].data.get("sha256") != digest(files.get(OBJECTIVES_FILE, b"")):
        found.append("{0}: was edited after it was frozen; {1} has another digest".format(OBJECTIVES_FILE, EVENTS))
    if FROZEN in numbers and numbers.get(TOUCHED, len(events)) < numbers[FROZEN]:
        found.append("{0}: the drill touched the cluster before the objectives were frozen".format(EVENTS))
    if SEALED not in numbers:
        return found + ["{0}: the folder was never sealed".format(EVENTS)]
    found += _unsigned(files, events[numbers[SEALED]].data.get("signature"))
    sealed = events[numbers[SEALED]].data.get("files")
    sealed = sealed if isinstance(sealed, dict) else {}
    for path in sorted(sealed):
        if path in files and digest(files[path]) != sealed[path]:
            found.append(
                "{0}: was edited after the folder was sealed, also if the manifest was made again".format(path)
            )
        elif path not in files:
            found.append("{0}: was removed after the folder was sealed".format(path))
    for path in sorted(set(files) - set(sealed) - set(OUTSIDE) - {EVENTS, EVIDENCE}):
        found.append("{0}: was added after the folder was sealed".format(path))
    return found


def _differences(path: str, there: Any, computed: Any, found: List[str]) -> None:
    if len(found) >= NAMED_EDITS or there == computed:
        return
    if isinstance(there, dict) and isinstance(computed, dict):
        for key in sorted(set(there) | set(computed)):
            _differences("{0}.{1}".format(path, key) if path else key, there.get(key), computed.get(key), found)
    elif isinstance(there, list) and isinstance(computed, list) and len(there) == len(computed):
        for number, (one, other) in enumerate(zip(there, computed)):
            _differences("{0}[{1}]".format(path, number), one, other, found)
    else:
        text = "{0}: {1} is {2}, computed from raw data it is {3}"
        found.append(text.format(EVIDENCE, path, json.dumps(there)[:80], json.dumps(computed)[:80]))


def _figures(files: Mapping[str, bytes]) -> List[str]:
    try:
        document = json.loads(files.get(EVIDENCE, b"").decode("utf-8"))
    except ValueError as error:
        return ["{0}: is not there or no JSON: {1}".format(EVIDENCE, error)]
    if not isinstance(document, dict):
        return ["{0}: holds no object".format(EVIDENCE)]
    try:
        computed = json.loads(canonical(compose(files)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return ["the figures cannot be computed again: {0}".format(error)]
    found: List[str] = []
    _differences("", document, computed, found)
    if not found and canonical(document).encode("utf-8") != files[EVIDENCE]:
        found.append("{0}: was edited; its text is not the canonical one".format(EVIDENCE))
    return found + ["{0}: {1}".format(EVIDENCE, each) for each in (problems(document) if not found else [])]


def _gone(files: Mapping[str, bytes]) -> List[str]:
    """What the event log says must be there, and is not, without a word of it in the evidence: it went after the drill was judged."""
    promise = promised(files)
    told = files.get(EVIDENCE, b"").decode("utf-8", "backslashreplace")
    wanted = promise.ledgers + tuple(path for _host, _start, end in promise.hosts for path in (end,))
    text = "{0}: is not there, and {1} does not say so; {2} says that there was to be one"
    return [
        text.format(path, EVIDENCE, EVENTS)
        for path in wanted
        if path not in files and "{0} is not there".format(path) not in told
    ]


def check(root: str) -> List[str]:
    """Everything that is wrong with a folder, in words, each beginning with the file; empty if it is as it was sealed."""
    try:
        files = read_folder(root)
    except (OSError, ValueError) as error:
        return [str(error)]
    if not files:
        return ["{0}: there is nothing here".format(root)]
    return manifest_problems(files) + _events(files) + _gone(files) + _figures(files)


def _report(root: str) -> List[str]:
    """The verdict as it was computed, for a person."""
    with open(os.path.join(root, *EVIDENCE.split("/")), "rb") as source:
        document = json.loads(source.read().decode("utf-8"))
    lines = ["drill {0}: {1}".format(document["A"]["drill_id"]["value"], document["R"]["overall"]["value"])]
    for each in document["R"]["objectives"]["value"]:
        text = "  {objective}: {verdict}, measured [{measured_lo}, {measured_hi}] {unit} against {target}"
        lines.append(text.format(**each))
    lines.append("  " + document["L"]["statement"]["value"])
    return lines + ["  reason: " + each for each in document["R"]["reasons"]["value"]]


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Check the folder given, or the one in which this file lies; print what is wrong. :returns: 0 if nothing is, else 1."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    root = given[0] if given else os.path.dirname(os.path.abspath(__file__))
    found = check(root)
    if found:
        sys.stdout.write("NOT AS IT WAS SEALED\n" + "".join("  {0}\n".format(each) for each in found))
        return 1
    lines = ["as it was sealed: manifest, chains, objectives and every figure agree"] + _report(root)
    for name, command in ((".sig", "ssh-keygen -Y verify -n firedrill-evidence"), (".asc", "gpg --verify")):
        if os.path.exists(os.path.join(root, MANIFEST + name)):
            lines.append("the signature {0}{1} is checked with: {2}".format(MANIFEST, name, command))
    sys.stdout.write("".join(line + "\n" for line in lines))
    return 0
