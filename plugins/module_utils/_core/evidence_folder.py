# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The evidence folder of a drill: frozen objectives first, raw data as it comes, sealed at the end. It lies on the controller.

Public: :func:`ulid`, :func:`freeze`, :func:`log`, :func:`add_raw`, :func:`previous`, :func:`assemble`, :func:`seal`,
:class:`Signer`.
"""

import json
import os
import re
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.detached import (
    private_directory,
    write_atomically,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed, Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence import canonical, value_of
from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence_check import (
    digest,
    manifest_problems,
    manifest_text,
    read_folder,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence_compose import (
    EVENTS,
    EVIDENCE,
    FROZEN,
    LEDGERS,
    MANIFEST,
    NOTHING,
    OBJECTIVES_FILE,
    OBJECTIVES_SCHEMA,
    OUTSIDE,
    PREVIOUS,
    REDACTIONS,
    ROWS,
    SEALED,
    VERIFY,
    compose,
    event_line,
    parse_events,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.redaction import HIDDEN, redact
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Runner
from ansible_collections.firedrill.standby.plugins.module_utils._core.trend import entry

#: Crockford's alphabet of a ULID.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}\Z")
_IMPORT = re.compile(
    r"^from ansible_collections\.firedrill\.standby\.plugins\.module_utils\._core\.(\w+) import (\([^)]*\)|.*)\n", re.M
)
_NAME = re.compile(r"^(?:def|class) (\w+)|^(\w+)(?:: [^=\n]+)? = ", re.M)
#: The namespace of ssh-keygen's signatures.
NAMESPACE = "firedrill-evidence"


class Signer(NamedTuple):
    """How a folder is signed. ``method``: "ssh", ``key``: file of a private key or of the public key of one that an agent holds; or "gpg", ``key``:
    name of a key. ``identity``: who signs, for the verifier."""

    method: str
    key: str
    identity: str


def ulid(milliseconds: int, randomness: bytes) -> str:
    """The name of a drill: 48 bits of time and 80 of chance, so that names sort by time. :arg randomness: 10 bytes."""
    number = (milliseconds << 80) | int.from_bytes(randomness[:10], "big")
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def _now() -> int:
    # time.time_ns came with Python 3.7; a microsecond is finer than any wall clock is right.
    return int(time.time() * 1000000) * 1000


def freeze(
    root: str,
    drill_id: str,
    policy: Mapping[str, Any],
    figures: Mapping[str, Any],
    facts: Mapping[str, Any],
    clock: Callable[[], int] = _now,
) -> Dict[str, Any]:
    """Make the folder of a drill and write its objectives down, before anything is touched.

    :arg facts: what was seen while freezing, for the event: approver_differs, notes. Whether the drill keeps to its window is known at its end only.
    :returns: folder, sha256, at_wall_ns.
    :raises Refusal: when the id is no ULID, or the folder exists.
    """
    if not _ULID.match(drill_id):
        raise Refusal(
            seen="The drill is called {0!r}".format(drill_id),
            meaning="A drill is named by a ULID: 26 characters of Crockford's alphabet",
            remedy="leave the name away, and one is made",
        )
    folder = os.path.join(root, drill_id)
    if os.path.lexists(folder):
        raise Refusal(
            seen="{0} exists".format(folder),
            meaning="Evidence of a drill is never written over",
            remedy="give the next drill a name of its own, or leave the name away",
        )
    private_directory(os.path.join(folder, "raw"))
    at = clock()
    text = canonical(
        {
            "schema": OBJECTIVES_SCHEMA,
            "drill_id": drill_id,
            "frozen_wall_ns": at,
            "policy": dict(policy),
            "figures": dict(figures),
        }
    )
    write_atomically(os.path.join(folder, OBJECTIVES_FILE), text)
    sha256 = digest(text.encode("utf-8"))
    log(folder, FROZEN, dict(facts, sha256=sha256), clock=lambda: at)
    return {"folder": folder, "sha256": sha256, "at_wall_ns": at}


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as source:
            return source.read()
    except FileNotFoundError:
        return b""


def log(folder: str, event: str, data: Mapping[str, Any], clock: Callable[[], int] = _now) -> int:
    """Append to the event log. :returns: the number of the event.

    :raises UnknownState: when the chain is broken, or the folder is sealed.
    """
    path = os.path.join(folder, EVENTS)
    events, damage = parse_events(_read(path))
    if damage or any(each.event == SEALED for each in events):
        raise UnknownState(
            seen="{0}: {1}".format(path, damage[0] if damage else "the folder is sealed"),
            meaning="Nothing is added to a log that is closed, or that is not as it was written",
            remedy="keep the folder as it is, and run the drill again for a new one",
        )
    number = len(events) + 1
    line = event_line(number, event, clock(), data, events[-1].hash if events else NOTHING)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(handle, "ab") as target:
        target.write(line.encode("ascii"))
        target.flush()
        os.fsync(target.fileno())
    return number


def _inside(folder: str, relative: str) -> str:
    """The path of a raw file. :raises Refusal: when it would not lie below raw/."""
    parts = relative.split("/")
    if parts[0] != "raw" or len(parts) < 2 or any(part in ("", ".", "..") for part in parts):
        raise Refusal(
            seen="A raw file shall lie at {0!r}".format(relative),
            meaning="Raw data lies below raw/ of the drill's folder",
            remedy="give a path such as raw/console/seoul1/tbboot.txt",
        )
    return os.path.join(folder, *parts)


def add_raw(folder: str, relative: str, data: bytes, secrets: Sequence[str] = ()) -> int:
    """Add a raw file; secrets are taken out, and each place is noted in redactions.json.

    Ledgers and rows carry a digest of their own bytes, so nothing can be taken out of them: they are refused instead.

    :returns: number of places. :raises Refusal: for a path outside of raw/, or a secret in a ledger or in rows.
    """
    path = _inside(folder, relative)
    text, places = redact(data.decode("utf-8", "surrogateescape"), secrets)
    if places and relative.startswith((LEDGERS, ROWS)):
        raise Refusal(
            seen="{0} holds a secret in line {1}".format(relative, places[0]),
            meaning="Its bytes are its proof, so the secret cannot be taken out, and evidence with a secret is not kept",
            remedy="change that password, and find out how it came into an error text of the probe",
            details={"file": relative, "lines": places},
        )
    private_directory(os.path.dirname(path))
    write_atomically(path, text)
    if places:
        log_path = os.path.join(folder, REDACTIONS)
        known = json.loads(_read(log_path).decode("utf-8") or '{"places": []}')["places"]
        known = [each for each in known if each["file"] != relative]
        known += [{"file": relative, "line": line} for line in places]
        write_atomically(log_path, canonical({"places": known, "shown_as": HIDDEN}))
    return len(places)


def documents(root: str, cluster: str, before: str) -> Tuple[List[Dict[str, Any]], List[Dict[str, str]]]:
    """The evidence of the drills of a cluster whose names sort before ``before``, oldest first, and the folders that are not as they were sealed."""
    found: List[Dict[str, Any]] = []
    left_out: List[Dict[str, str]] = []
    for name in sorted(os.listdir(root)) if os.path.isdir(root) else []:
        if not _ULID.match(name) or name >= before:
            continue
        try:
            files = read_folder(os.path.join(root, name))
            document = json.loads(files[EVIDENCE].decode("utf-8"))
            if value_of(document, "A.cluster") != cluster:
                continue
            wrong = manifest_problems(files)
        except (OSError, ValueError, KeyError) as error:
            wrong, document = ["it cannot be read: {0}".format(error)], {}
        if wrong:
            left_out.append({"drill_id": name, "why": wrong[0]})
        else:
            found.append(document)
    return found, left_out


def previous(root: str, cluster: str, drill_id: str, last: int) -> Dict[str, Any]:
    """Earlier drills of a cluster, oldest first, at most ``last``; a folder that is not as it was sealed is left out and named."""
    found, left_out = documents(root, cluster, drill_id)
    return {"drills": [entry(each) for each in found[-last:]] if last else [], "left_out": left_out}


def _apart(sources: Mapping[str, str]) -> Dict[str, str]:
    """The sources with a name that two of them define called otherwise in the one that nobody imports it from.

    :raises UnknownState: when both are imported, so that one would take the place of the other.
    """
    used = {
        (module, word)
        for source in sources.values()
        for module, words in _IMPORT.findall(source)
        for word in re.findall(r"\w+", words)
    }
    owners: Dict[str, str] = {}
    changed = dict(sources)
    for name, source in sources.items():
        for match in _NAME.finditer(source):
            word = match.group(1) or match.group(2)
            first = owners.setdefault(word, name)
            if first == name:
                continue
            loser = name if (name, word) not in used else first
            if (loser, word) in used:
                raise UnknownState(
                    seen="{0} and {1} both define {2}, and both are imported".format(first, name, word),
                    meaning="verify.py holds them in one file, where one would take the place of the other",
                    remedy="rename one of them",
                )
            other = "{0}_OF_{1}" if word.isupper() else "{0}_of_{1}"
            new = other.format(word, loser.upper() if word.isupper() else loser)
            changed[loser] = re.sub(r"(?<![.\w\"'])" + word + r"\b(?![\"'])", new, changed[loser])
            owners[word] = name if loser == first else first
    return changed


def assemble() -> str:
    """The text of verify.py: the sources of the arithmetic themselves, in the order in which they need each other, and a call of the check.

    :raises UnknownState: when two of them use one name, which would make one arithmetic another.
    """
    here = os.path.dirname(os.path.abspath(__file__))
    order: List[str] = []

    def visit(name: str) -> None:
        for needed in _IMPORT.findall(_read(os.path.join(here, name + ".py")).decode("utf-8")):
            visit(needed[0])
        if name not in order:
            order.append(name)

    visit("evidence_check")
    parts = [
        "#!/usr/bin/env python3\n",
        "# Checks this folder and computes its figures again; Python 3.6 or later, nothing else:  python3 verify.py\n",
        "# Made from the sources of the Ansible collection firedrill.standby, which judged the drill by the same lines.\n",
    ]
    sources = {name: _read(os.path.join(here, name + ".py")).decode("utf-8") for name in order}
    for name, source in _apart(sources).items():
        parts.append("\n# ---- {0}.py\n{1}".format(name, _IMPORT.sub("", source)))
    parts.append('\nif __name__ == "__main__":\n    sys.exit(main())\n')
    return "".join(parts)


def _sign(folder: str, signer: Signer, runner: Runner) -> None:
    manifest = os.path.join(folder, MANIFEST)
    if signer.method == "ssh":
        argv: Tuple[str, ...] = ("ssh-keygen", "-Y", "sign", "-f", signer.key, "-n", NAMESPACE, manifest)
        made = manifest + ".sig"
    else:
        made = manifest + ".asc"
        argv = (
            "gpg",
            "--batch",
            "--yes",
            "--armor",
            "--local-user",
            signer.key,
            "--output",
            made,
            "--detach-sign",
            manifest,
        )
    done = runner(Command(argv, deadline=60.0))
    if done.returncode != 0 or not os.path.exists(made):
        raise CommandFailed(
            seen="{0} ended with {1}: {2}".format(argv[0], done.returncode, " ".join(done.errors.split())[:300]),
            meaning="The folder is complete, but it says that it is signed and is not: its verify.py fails until it is",
            remedy="make the key usable without a passphrase prompt (an agent), and sign {0} by hand: {1}".format(
                MANIFEST, " ".join(argv)
            ),
            details=done.describe(),
        )


def seal(
    folder: str, signer: Optional[Signer] = None, runner: Optional[Runner] = None, clock: Callable[[], int] = _now
) -> Dict[str, Any]:
    """Close a folder: verify.py, the digests of all files in the event log, evidence.json, manifest, signature.

    :returns: the evidence document.
    :raises Refusal: when the folder is sealed already, or what the verdict rests on is not there.
    """
    files = read_folder(folder)
    events, damage = parse_events(files.get(EVENTS, b""))
    if damage or any(each.event == SEALED for each in events):
        raise Refusal(
            seen="{0}: {1}".format(folder, damage[0] if damage else "is sealed already"),
            meaning="A folder is sealed once",
            remedy="run verify.py in it; for other raw data run another drill",
        )
    try:
        compose(files)
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal(
            seen="{0}: {1}".format(folder, error),
            meaning="The verdict cannot be computed from what lies there",
            remedy="add what is missing (drill_evidence), and seal again",
        ) from error
    write_atomically(os.path.join(folder, VERIFY), assemble(), mode=0o700)
    digests = {
        path: digest(data) for path, data in read_folder(folder).items() if path not in OUTSIDE + (EVENTS, EVIDENCE)
    }
    signature = None
    if signer is not None:
        suffix = ".sig" if signer.method == "ssh" else ".asc"
        signature = {"method": signer.method, "file": MANIFEST + suffix, "identity": signer.identity}
    log(folder, SEALED, {"files": digests, "signature": signature}, clock)
    document = compose(read_folder(folder))
    write_atomically(os.path.join(folder, EVIDENCE), canonical(document))
    write_atomically(os.path.join(folder, MANIFEST), manifest_text(read_folder(folder)))
    if signer is not None and runner is not None:
        _sign(folder, signer, runner)
    return document


def write_previous(folder: str, cluster: str, last: int) -> Dict[str, Any]:
    """Write raw/previous.json from the folders beside this one. :returns: its contents."""
    found = previous(os.path.dirname(folder), cluster, os.path.basename(folder), last)
    write_atomically(_inside(folder, PREVIOUS), canonical(found))
    return found
