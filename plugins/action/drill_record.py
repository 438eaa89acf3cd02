# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""drill_record: what a drill saw that no ledger tells, put together on the controller."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pathlib
import re
import tarfile
import typing as t

import yaml
from ansible import constants
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ansible_collections.firedrill.standby.plugins.module_utils._core import ledger
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_baseline import baseline, fact
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_calendar import Attempt, missed
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_document import (
    checks_of,
    fingerprints_of,
    home_of,
    members_of,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_record import record_from
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_story import journal_path, story
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence import canonical
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.drill_engine import engine_of
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.probe_session import METHOD
from ansible_collections.firedrill.standby.plugins.plugin_utils import _drill

SPEC: dict[str, t.Any] = {
    "story": {"type": "dict", "required": True},
    "staging": {"type": "path", "required": True},
    "attempts": {"type": "path"},
}
#: Where the attempts of the schedule lie in the evidence.
ATTEMPTS = "raw/observations/attempts.json"
#: Why nothing is said of the way back after a real disaster.
DISASTER = "a real disaster changed the members, so what the drill itself would have left is not known"
#: Why a run that was noted as begun was none.
NEVER_STARTED = "ansible-playbook could not be started"
#: Directories of the staging place that go into the evidence as they are.
COPIED = ("rows", "ledgers", "console", "observations")

#: The begin of an entry in the log of Ansible, with the process that wrote it.
_ENTRY = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ p=(\d+) ")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")


class ActionModule(ActionBase):
    """Reads the journals that the legs name, and makes the record."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Make the record.

        :returns: ``record``, the contents of raw/drill.json; ``raw``, all files as drill_evidence takes them; or a failure.
        """
        result = super().run(tmp, task_vars)
        return _drill.settle(result, self._make)

    def _make(self) -> dict[str, t.Any]:
        given = _drill.arguments(SPEC, self._task.args)
        told, staging = dict(given["story"]), pathlib.Path(given["staging"])
        try:
            for packed in sorted((staging / "ledgers").glob("*/*.tar")):
                _unpack(packed)
            # A change that was decided, and ended before its first step, has a journal that was never written.
            told["legs"] = [
                {**leg, "log": log if log and pathlib.Path(log).exists() else ""}
                for leg, log in ((leg, str(leg.get("log") or "")) for leg in told["legs"])
            ]
            told["legs"] = [{**leg, "journal": _lines(str(leg["log"]))} for leg in told["legs"]]
            told.update(_looked_at(told, _drivers(staging)))
            told["document"]["T.console"] = {"value": _consoles(staging, told["members"]), "source": "raw/console"}
            before = _missed(given["attempts"]) if given["attempts"] else {}
            told["document"].update(before.get("document", {}))
            told["findings"] = [*(told.get("findings") or ()), *before.get("findings", ())]
            record = story(told)
            record_from(record)
        except (AttributeError, KeyError, TypeError, ValueError, tarfile.TarError) as error:
            raise Refusal(
                seen=f"The story of the drill cannot be told: {error!r}",
                meaning="Something that the drill should have noted is missing, or has another shape",
                remedy="keep the folder of the drill; its raw files are whole, and the role drill names what it notes",
            ) from error
        raw: list[dict[str, t.Any]] = [{"dest": "raw/drill.json", "content": record}]
        raw += [
            {"dest": journal_path(str(leg["name"])), "src": str(leg["log"])} for leg in told["legs"] if leg.get("log")
        ]
        raw += before.get("raw", [])
        raw += _journals(staging, {each["dest"] for each in raw}, {str(leg.get("log")) for leg in told["legs"]})
        for name in COPIED:
            files = sorted(path for path in (staging / name).rglob("*") if path.is_file())
            # A file in a directory of its client has that in its name.
            raw += [
                {"dest": f"raw/{name}/{'-'.join(path.relative_to(staging / name).parts)}", "src": str(path)}
                for path in files
            ]
        return {"changed": False, "record": record, "raw": raw}


def _missed(path: str) -> dict[str, t.Any]:
    """What the schedule could not begin since its last run, or why that is not known: the drill is told all the same."""
    try:
        noted = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["attempts"]
        found = missed([Attempt(**each) for each in noted])
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"what the schedule missed before is not known: {path} cannot be read: {error}"
        return {"findings": [{"severity": "warning", "objective": "", "what": what}]}
    value = [
        {"at_wall_ns": each.at_wall_ns, "code": each.code, "why": each.why or NEVER_STARTED, "source": ATTEMPTS}
        for each in found
    ]
    return {"document": {"B.missed": {"value": value, "source": ATTEMPTS}}, "raw": [{"dest": ATTEMPTS, "src": path}]}


def _journals(staging: pathlib.Path, taken: t.Collection[str], logs: t.Collection[str]) -> list[dict[str, str]]:
    """Journals that no leg names: of the way home, and of what a killed run had begun."""
    found = []
    for path in sorted(staging.glob("journals-*/*/*.jsonl")):
        dest = journal_path(f"{path.parts[-3].partition('-')[2]}-{path.stem}")
        if str(path) not in logs and dest not in taken:
            found.append({"dest": dest, "src": str(path)})
    return found


def _consoles(staging: pathlib.Path, members: t.Sequence[str]) -> list[dict[str, str]]:
    """What programs printed, as field ``T.console``; the controller's own output is written here, where Ansible keeps a log of it."""
    place, found = staging / "console", []
    for name in members:
        files = sorted(path for path in (place / name).rglob("*") if path.is_file())
        found += [{"host": name, "source": f"raw/console/{name}-{path.name}", "why": ""} for path in files]
        if not files:
            found.append({"host": name, "source": "", "why": "nothing was fetched from there"})
    own = _own_output()
    if own:
        place.mkdir(mode=0o700, exist_ok=True)
        (place / "controller.txt").write_text(own, encoding="utf-8", errors="surrogateescape")
        return [*found, {"host": "controller", "source": "raw/console/controller.txt", "why": ""}]
    return [*found, {"host": "controller", "source": "", "why": "Ansible keeps no log (log_path)"}]


def _own_output() -> str:
    """What this run of ansible-playbook has said so far, from the log that Ansible keeps; empty where it keeps none.

    Other runs may write to the same file, so each line that begins an entry names the process. This is a child of the one that writes.
    """
    path, own, mine = str(constants.DEFAULT_LOG_PATH or ""), [], False
    if not path or not os.path.isfile(path):
        return ""
    with open(path, encoding="utf-8", errors="surrogateescape") as source:
        for line in source:
            entry = _ENTRY.match(line)
            mine = int(entry.group(1)) in (os.getppid(), os.getpid()) if entry else mine
            if mine:
                own.append(line)
    return "".join(own)


def _drivers(staging: pathlib.Path) -> list[tuple[str, str]]:
    """Engine and driver by the head of each ledger."""
    found = []
    for path in sorted((staging / "ledgers").rglob("*.ledger")):
        with path.open("rb") as source:
            head = ledger.read_from(io.BytesIO(source.readline(ledger.LINE_LIMIT))).header
        found.append((str(head.get("engine") or ""), str(head.get("driver") or "")))
    return found


def _looked_at(told: t.Mapping[str, t.Any], drivers: t.Sequence[tuple[str, str]]) -> dict[str, t.Any]:
    """The way back, and what comes from ledgers, readiness, observations and fingerprints."""
    document = dict(told.get("document") or {})
    before, after = told.get("fingerprints_before") or {}, told.get("fingerprints_after") or {}
    states, facts = told.get("states") or {}, told.get("looked") or {}
    versions = {name: (fact(states[name], "version"), fact(facts.get(name) or {}, "tibero_version")) for name in states}
    said = {name: fact(facts.get(name) or {}, "tibero_build") for name in states}
    judged, engine = engine_of(drivers, versions, said, boolean(told["emulator"]))
    document["A.engine"] = {"value": engine, "source": "raw/observations"}
    document["I.classification"] = {"value": {**judged, "source": "docs/evidence.md"}, "source": "raw/ledgers"}
    for name, words in METHOD.items():
        document[f"I.{name}"] = {"value": words, "source": "raw/ledgers"}
    document.setdefault("A.tool", {"value": _tool(), "source": "raw/drill.json"})
    if told.get("described"):
        digest = hashlib.sha256(canonical(told["described"]).encode("utf-8")).hexdigest()
        document["A.configuration_sha256"] = {"value": digest, "source": "raw/drill.json"}
    if told.get("readiness"):
        document.update(checks_of(told["readiness"], "raw/observations/readiness.json"))
    if states:
        place = "raw/observations/start-{0}.json"
        members = members_of(states, told.get("hosts") or {}, place, facts)
        document["G.members"] = {"value": members, "source": "raw/observations"}
        document.update(baseline(facts, states, told.get("clocks") or {}, str(told.get("primary") or "")))
    if before:
        taken = fingerprints_of(before, "raw/observations/fingerprint-start-{0}.txt")
        document["G.fingerprints"] = {"value": taken, "source": "raw/observations"}
    if told.get("disaster"):
        # What of the differences is the drill's cannot be told; the fingerprints are raw data.
        return {"document": document, "way_back": {"original_layout": None, "why": DISASTER}, "classification": judged}
    home = home_of(before, after, told.get("expected") or {}, told.get("original_layout"))
    return {"document": document, "way_back": home, "classification": judged}


def _unpack(packed: pathlib.Path) -> None:
    """Lay the ledgers of a client, which came in one piece, beside that piece, which is removed.

    :raises ValueError: for anything that is no plain file of this directory: a client is not trusted with paths.
    """
    with tarfile.open(packed) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is None or member.name != pathlib.PurePosixPath(member.name).name:
                raise ValueError(f"{packed} holds {member.name!r}, which is no ledger")
            (packed.parent / member.name).write_bytes(content.read())
    packed.unlink()


def _commit(root: pathlib.Path) -> str:
    """The commit that a checkout is at, read without git; empty where it is none, or where git keeps it in a way that is not known here.

    Whether its files were changed since only git itself can tell, by reading all of them, so nothing is said of that.
    """
    place = root / ".git"
    try:
        if place.is_file():  # a worktree, or a submodule
            place = root / place.read_text(encoding="utf-8").partition("gitdir:")[2].strip()
        common = place / "commondir"
        shared = place / common.read_text(encoding="utf-8").strip() if common.is_file() else place
        said = (place / "HEAD").read_text(encoding="utf-8").strip()
        if said.startswith("ref:"):
            said = _reference(said[4:].strip(), (place, shared))
    except (OSError, UnicodeDecodeError):
        return ""
    return said if _COMMIT.match(said) else ""


def _reference(name: str, places: t.Sequence[pathlib.Path]) -> str:
    """What a reference points at, from its own file or else from packed-refs; empty where neither holds it."""
    for place in places:
        if (place / name).is_file():
            return (place / name).read_text(encoding="utf-8").strip()
    packed = places[-1] / "packed-refs"
    lines = packed.read_text(encoding="utf-8").splitlines() if packed.is_file() else []
    return next((line.split(" ")[0] for line in lines if line.partition(" ")[2] == name), "")


def _tool() -> dict[str, str]:
    """This collection, its version and its commit, from what it was installed with or from its own checkout."""
    root = pathlib.Path(__file__).resolve().parents[2]
    manifest, galaxy = root / "MANIFEST.json", root / "galaxy.yml"
    if manifest.exists():
        told = json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]
    else:
        told = yaml.safe_load(galaxy.read_text(encoding="utf-8"))
    return {
        "collection": f"{told['namespace']}.{told['name']}",
        "version": str(told["version"]),
        "commit": _commit(root),
    }


def _lines(path: str) -> list[dict[str, t.Any]]:
    """The lines of a journal; none without one. The last line of a controller that was killed may be torn."""
    if not path:
        return []
    return [json.loads(line) for line in pathlib.Path(path).read_text(encoding="utf-8").split("\n")[:-1] if line]
