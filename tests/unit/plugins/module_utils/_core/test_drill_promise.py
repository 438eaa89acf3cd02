# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be there at the end of a drill is missed when it is not: ledgers, and looks at hosts that are no members."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import (
    evidence_check,
    evidence_compose,
    evidence_folder,
    verdict,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_promise import (
    LEFT_SCHEMA,
    PROBING,
    Promise,
    left_of,
    promise_of,
)
from tests.unit.plugins.module_utils._core.drill_scene import CLIENT, SECOND, WALL, Scene, sealed

LEDGER = f"raw/ledgers/{CLIENT}/w02.ledger"
LOOK = f"raw/observations/left-end-{CLIENT}.json"
HOST = [{"host": "app", "start": "s", "end": "e"}]


def look(*what: str, unseen: Any = ()) -> bytes:
    left = [{"kind": "key" if each == "old" else "process", "what": each} for each in what]
    return json.dumps({"schema": LEFT_SCHEMA, "host": "app", "left": left, "unseen": list(unseen)}).encode()


def objective(judged: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in judged["R"]["objectives"]["value"] if each["objective"] == name)


def test_the_event_log_promises() -> None:
    events = [
        ("touched", {"ledgers": ["no"]}),
        (PROBING, {"ledgers": ["b", "a"], "hosts": HOST}),
        (PROBING, {"ledgers": ["a", "c"]}),
    ]
    assert promise_of(events) == Promise(("a", "b", "c"), (("app", "s", "e"),))
    assert promise_of([(PROBING, {"ledgers": "a", "hosts": ["x"]})]) == Promise((), ())


def test_what_lay_there_before_is_not_the_drills() -> None:
    promise = promise_of([(PROBING, {"hosts": HOST})])
    (seen,) = left_of(promise, {"s": look("old"), "e": look("old", "new", unseen=[{"what": "timer", "why": "dark"}])})
    assert (seen.found, seen.why, seen.source) == (("new",), ("timer: dark",), "e")
    (own,) = left_of(promise, {"s": look("new"), "e": look("new")})
    assert own.found == ("new",), "what has the id of the drill cannot be older, however early it was seen"
    (without,) = left_of(promise, {"e": look("old")})
    assert without.found == ("old",), "without a first look nothing excuses it"


@pytest.mark.parametrize("files", [{}, {"e": b"{"}, {"e": b"[]"}, {"e": b'{"schema": "other"}'}])
def test_a_look_that_is_not_there_leaves_it_open(files: dict[str, bytes]) -> None:
    (seen,) = left_of(promise_of([(PROBING, {"hosts": HOST})]), files)
    assert seen.found == () and seen.why == ("e is not there or cannot be read",)


# ------------------------------------------------------------------------------------------------------------- verdict


def vanish(scene: Scene, stream: str) -> None:
    """A ledger, its rows, and every word of it in drill.json are gone."""
    ledgers = [f"raw/ledgers/{CLIENT}/{each}.ledger" for each in scene.kinds if each != stream]
    scene.drill["ledgers"] = ledgers
    scene.dropped.add(f"raw/ledgers/{CLIENT}/{stream}.ledger")
    for file, rows in scene.rows.items():
        scene.rows[file] = [row for row in rows if row.writer != stream]


def test_a_ledger_that_is_gone_with_all_its_rows_is_missed() -> None:
    scene = Scene()
    vanish(scene, "w02")
    judged = verdict.judge(scene.inputs())
    assert judged["R"]["overall"]["value"] == "inconclusive"
    assert any(f"the ledger {LEDGER} is not there" in each for each in judged["R"]["reasons"]["value"])
    assert judged["L"]["counts"]["value"]["alien"] == 0, "nothing else would have shown it"


def test_a_drill_whose_event_log_promises_nothing_concludes_nothing() -> None:
    inputs = Scene().inputs()._replace(promise=Promise((), ()), left=())
    judged = verdict.judge(inputs)
    assert judged["R"]["overall"]["value"] == "inconclusive"
    assert "so a lost one is not missed" in objective(judged, "rto")["reasons"][0]


def test_what_is_left_on_a_client_is_judged_and_points_at_the_look() -> None:
    scene = Scene()
    scene.looks[LOOK]["left"] = [{"kind": "file", "what": "the directory /var/tmp/firedrill-01"}]
    judged = verdict.judge(scene.inputs())
    assert objective(judged, "way_back")["verdict"] == "not met" and judged["R"]["overall"]["value"] == "not met"
    (found,) = [each for each in judged["Q"]["findings"]["value"] if "behind" in each["what"]]
    assert found["source"] == LOOK and found["what"].startswith(
        "client1: the drill left the directory /var/tmp/firedrill-01"
    )


@pytest.mark.parametrize("host", [CLIENT, "localhost"])
def test_a_host_that_nobody_looked_at_leaves_the_way_back_open(host: str) -> None:
    scene = Scene()
    scene.dropped.add(f"raw/observations/left-end-{host}.json")
    judged = verdict.judge(scene.inputs())
    assert objective(judged, "way_back")["verdict"] == "inconclusive"
    assert f"left-end-{host}.json is not there" in objective(judged, "way_back")["reasons"][0]
    assert verdict.residue_of(scene.inputs()) is None, "none is not the same as not looked for"


def test_what_could_not_be_looked_at_leaves_the_way_back_open() -> None:
    scene = Scene()
    scene.looks[LOOK]["unseen"] = [{"what": "process", "why": "/proc: Permission denied"}]
    judged = verdict.judge(scene.inputs())
    assert objective(judged, "way_back")["verdict"] == "inconclusive"


# ----------------------------------------------------------------------------------------------------------- tampering


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(sealed(str(tmp_path_factory.mktemp("evidence")), Scene()))


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / good.name))


def reseal(folder: Path, keep_verdict: bool) -> None:
    """What somebody does who removed a file: the seal is made again, and the manifest; the verdict too, or the old one stays."""
    events = folder / "raw/events.jsonl"
    lines = events.read_bytes().splitlines(keepends=True)
    assert b'"sealed"' in lines[-1]
    events.write_bytes(b"".join(lines[:-1]))
    old = (folder / "evidence.json").read_bytes()
    for name in ("evidence.json", "MANIFEST.sha256", "verify.py"):
        (folder / name).unlink()
    evidence_folder.seal(str(folder), clock=lambda: WALL + 100 * SECOND)
    if keep_verdict:
        (folder / "evidence.json").write_bytes(old)
        text = evidence_check.manifest_text(evidence_check.read_folder(str(folder)))
        (folder / "MANIFEST.sha256").write_text(text)


def forget(folder: Path, path: str) -> None:
    """Take a file, and what else tells of it but the event log."""
    (folder / path).unlink()
    record = json.loads((folder / "raw/drill.json").read_text())
    record["ledgers"] = [each for each in record["ledgers"] if each != path]
    (folder / "raw/drill.json").write_text(json.dumps(record))


@pytest.mark.parametrize("path", [LEDGER, LOOK])
def test_a_file_that_is_gone_is_named_although_the_seal_was_made_again(folder: Path, path: str) -> None:
    forget(folder, path)
    reseal(folder, keep_verdict=True)
    found = evidence_check.check(str(folder))
    assert any(each.startswith(f"{path}: is not there, and evidence.json does not say so") for each in found), found


@pytest.mark.parametrize("path", [LEDGER, LOOK])
def test_whoever_judges_again_without_it_gets_no_better_verdict(folder: Path, path: str) -> None:
    forget(folder, path)
    reseal(folder, keep_verdict=False)
    document = json.loads((folder / "evidence.json").read_text())
    assert document["R"]["overall"]["value"] == "inconclusive"
    assert any(path in each for each in document["R"]["reasons"]["value"])
    assert evidence_check.check(str(folder)) == [], "it is told, so it is as it was sealed"
    if path == LOOK:
        assert document["O"]["residue"]["value"] is None and path in document["O"]["residue"]["unknown"]


@pytest.mark.parametrize("path", [LOOK, "raw/console/seoul1-console.txt"])
@pytest.mark.parametrize("how", ["removed", "edited"])
def test_what_programs_printed_and_what_was_seen_on_clients_is_sealed(folder: Path, path: str, how: str) -> None:
    if how == "removed":
        (folder / path).unlink()
    else:
        (folder / path).write_text((folder / path).read_text().replace("o", "0", 1))
    found = evidence_check.check(str(folder))
    assert any(each.startswith(f"{path}: was {how}") for each in found), found


def test_what_was_found_on_a_client_cannot_be_edited_away(tmp_path: Path) -> None:
    scene = Scene()
    scene.looks[LOOK]["left"] = [{"kind": "process", "what": "the process 7 (tbsql), which a probe started"}]
    folder = Path(sealed(str(tmp_path), scene))
    document = json.loads((folder / "evidence.json").read_text())
    assert document["O"]["residue"]["value"] == [
        {"host": CLIENT, "what": "the process 7 (tbsql), which a probe started", "source": LOOK}
    ]
    clean = shutil.copytree(folder, tmp_path / "clean")
    (clean / LOOK).write_bytes(look())
    (clean / "MANIFEST.sha256").write_text(evidence_check.manifest_text(evidence_check.read_folder(str(clean))))
    found = evidence_check.check(str(clean))
    assert any(each.startswith(LOOK) for each in found) and any("O.residue" in each for each in found), found


def test_compose_reads_the_promise_from_the_log(folder: Path) -> None:
    promise = evidence_compose.promised(evidence_check.read_folder(str(folder)))
    assert (
        LEDGER in promise.ledgers
        and ("controller", *[f"raw/observations/left-{each}-localhost.json" for each in ("start", "end")])
        in promise.hosts
    )
