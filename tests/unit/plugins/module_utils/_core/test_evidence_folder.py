# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence folder: frozen, filled, sealed, verified by a file that stands alone, and every edit of it is named."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import (
    evidence,
    evidence_check,
    evidence_compose,
    evidence_folder,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed, Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed
from tests.unit.plugins.module_utils._core.drill_scene import POLICY, WALL, Scene, sealed

LEDGER = "raw/ledgers/client1/w02.ledger"
ROWS = "raw/rows/back-a-seoul1.jsonl"
CORE = "from ansible_collections.firedrill.standby.plugins.module_utils._core.{0} import {1}\n"


def verify(folder: Path, python: str = sys.executable) -> tuple[int, str]:
    done = subprocess.run(
        [python, "-I", str(folder / "verify.py")],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={"LC_ALL": "C"},
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(sealed(str(tmp_path_factory.mktemp("evidence")), Scene()))


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    copied = tmp_path / good.name
    shutil.copytree(good, copied)
    return copied


def remake_manifest(folder: Path) -> None:
    (folder / "MANIFEST.sha256").write_text(evidence_check.manifest_text(evidence_check.read_folder(str(folder))))


def edit(path: Path) -> None:
    """Change the last byte but the line end."""
    data = bytearray(path.read_bytes())
    data[-2] = data[-2] ^ 1
    path.write_bytes(bytes(data))


def test_a_good_folder_passes_alone(good: Path) -> None:
    code, text = verify(good)
    assert code == 0, text
    assert "every figure agree" in text and "01KJMA8A00RWC6DP1VG4X2N7QE: met" in text and "0 lost of" in text
    document = json.loads((good / "evidence.json").read_text())
    assert evidence.problems(document) == []
    assert document["C"]["frozen_wall_ns"]["value"] < document["C"]["first_touch_wall_ns"]["value"]
    assert document["E"]["approver_differs"]["value"] is True and document["R"]["overall"]["value"] == "met"
    missing = [path for path in evidence.sources(document) if not (good / path).exists()]
    assert set(missing) <= {"raw/console/mode.txt"}, "sources point at files of the folder"
    done = subprocess.run(["sha256sum", "--quiet", "-c", "MANIFEST.sha256"], cwd=good, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("version", ["3.6", "3.12"])
def test_old_and_new_python_agree(good: Path, version: str) -> None:
    found = shutil.which(f"python{version}")
    if found is None or subprocess.run([found, "-V"], capture_output=True, check=False).returncode:
        found = sys.executable
    assert verify(good, found)[0] == 0


def test_each_file_with_another_byte_is_named(good: Path, folder: Path) -> None:
    paths = sorted(
        str(path.relative_to(good)) for path in good.rglob("*") if path.is_file() and path.name != "verify.py"
    )
    assert len(paths) > 20
    for path in paths:
        edit(folder / path)
        found = evidence_check.check(str(folder))
        assert any(problem.startswith(path) for problem in found) or path == "MANIFEST.sha256", (path, found)
        assert found, path
        shutil.copy2(good / path, folder / path)
    assert evidence_check.check(str(folder)) == []


@pytest.mark.parametrize(
    "path",
    [LEDGER, ROWS, "raw/drill.json", "raw/events.jsonl", "raw/previous.json", "objectives.json", "evidence.json"],
)
def test_an_edit_is_named_although_the_manifest_was_made_again(folder: Path, path: str) -> None:
    edit(folder / path)
    remake_manifest(folder)
    code, text = verify(folder)
    assert code == 1 and "NOT AS IT WAS SEALED" in text and f"  {path}" in text, text


@pytest.mark.parametrize("path", [LEDGER, ROWS, "raw/events.jsonl", "MANIFEST.sha256"])
def test_a_line_that_was_removed_is_named(folder: Path, path: str) -> None:
    lines = (folder / path).read_bytes().split(b"\n")
    (folder / path).write_bytes(b"\n".join(lines[:1] + lines[2:]))
    if path != "MANIFEST.sha256":
        remake_manifest(folder)
    code, text = verify(folder)
    assert code == 1 and (f"  {path}" in text or path == "MANIFEST.sha256"), text


@pytest.mark.parametrize("again", [False, True])
def test_files_that_came_or_went_are_named(folder: Path, again: bool) -> None:
    (folder / ROWS).unlink()
    (folder / "raw/more.txt").write_text("x\n")
    if again:
        remake_manifest(folder)
    code, text = verify(folder)
    assert code == 1 and f"  {ROWS}: was removed" in text and "  raw/more.txt: was added" in text, text


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            lambda d: d["K"]["outages"]["value"][0].update(hi_ns=1),
            "K.outages.value[0].hi_ns is 1, computed from raw data it is 15",
        ),
        (lambda d: d["L"]["counts"]["value"].update(acked=1), "L.counts.value.acked is 1"),
        (
            lambda d: d["R"]["overall"].update(value="not met"),
            'R.overall.value is "not met", computed from raw data it is "met"',
        ),
        (lambda d: d["N"]["accepted_after_fence"].update(value=7), "N.accepted_after_fence.value is 7"),
        (lambda d: d["S"]["statistics"]["value"][0].update(n=59), "S.statistics.value[0].n is 59"),
        (lambda d: d["C"]["rto_ns"].update(value=10**12), "C.rto_ns.value is 1000000000000"),
        (lambda d: d["Q"]["findings"]["value"].append({"what": "x"}), "Q.findings.value is"),
    ],
)
def test_a_figure_that_was_changed_is_named(folder: Path, change: Any, named: str) -> None:
    document = json.loads((folder / "evidence.json").read_text())
    change(document)
    (folder / "evidence.json").write_text(evidence.canonical(document))
    remake_manifest(folder)
    code, text = verify(folder)
    assert code == 1 and f"evidence.json: {named}" in text, text


def test_the_whole_chain_made_again_still_shows_other_figures(folder: Path) -> None:
    """A row is taken out, its file, the log's seal and the manifest are all made again: the figures tell."""
    rows = (folder / ROWS).read_bytes().split(b"\n")
    body = b"\n".join(rows[:5] + rows[6:-2]) + b"\n"
    end = {"rows": len(rows) - 4, "sha256": evidence_check.digest(body)}
    (folder / ROWS).write_bytes(body + (json.dumps(end, sort_keys=True) + "\n").encode())
    events, _damage = evidence_compose.parse_events((folder / "raw/events.jsonl").read_bytes())
    text, last = "", evidence_compose.NOTHING
    for event in events:
        data = dict(event.data)
        if event.event == "sealed":
            data["files"] = {**data["files"], ROWS: evidence_check.digest((folder / ROWS).read_bytes())}
        line = evidence_compose.event_line(event.number, event.event, event.wall, data, last)
        last = json.loads(line)["hash"]
        text += line
    (folder / "raw/events.jsonl").write_text(text)
    remake_manifest(folder)
    code, found = verify(folder)
    assert code == 1 and "evidence.json: L.counts.value.lost is 0, computed from raw data it is 1" in found


def test_objectives_that_were_frozen_too_late(tmp_path: Path) -> None:
    frozen = evidence_folder.freeze(
        str(tmp_path), "01KJMA8A00RWC6DP1VG4X2N7QE", POLICY, Scene().objectives, {}, lambda: WALL
    )
    log = Path(frozen["folder"]) / "raw/events.jsonl"
    log.write_text(evidence_compose.event_line(1, "touched", 1, {}, evidence_compose.NOTHING))
    evidence_folder.log(frozen["folder"], "frozen", {"sha256": frozen["sha256"]})
    assert any("touched the cluster before the objectives" in each for each in evidence_check.check(frozen["folder"]))


def test_a_link_is_no_evidence(folder: Path) -> None:
    (folder / "raw/link").symlink_to("/etc/hostname")
    assert evidence_check.check(str(folder)) == ["raw/link: is a link or no plain file; evidence holds none"]


def test_an_inconclusive_drill_is_sealed_and_verified_too(tmp_path: Path) -> None:
    scene = Scene()
    scene.open_streams.add("w02")
    code, text = verify(Path(sealed(str(tmp_path), scene)))
    assert code == 0 and "inconclusive" in text and "w02.ledger has no end" in text


# ------------------------------------------------------------------------ writing


def test_a_folder_is_never_written_over_and_sealed_once(folder: Path) -> None:
    with pytest.raises(Refusal, match="exists"):
        evidence_folder.freeze(str(folder.parent), folder.name, POLICY, {}, {})
    with pytest.raises(Refusal, match="sealed already"):
        evidence_folder.seal(str(folder))
    with pytest.raises(UnknownState, match="the folder is sealed"):
        evidence_folder.log(str(folder), "more", {})


def test_a_name_is_a_ulid(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="ULID"):
        evidence_folder.freeze(str(tmp_path), "../other", POLICY, {}, {})
    name = evidence_folder.ulid(1_772_323_200_000, bytes(10))
    assert len(name) == 26
    assert (
        evidence_folder.ulid(1, bytes(10)) < evidence_folder.ulid(2, bytes(10)) < evidence_folder.ulid(2, b"\xff" * 10)
    )
    assert evidence_folder.ulid(2**48 - 1, b"\xff" * 10) == "7" + "Z" * 25


def test_a_seal_needs_what_the_verdict_rests_on(tmp_path: Path) -> None:
    made = evidence_folder.freeze(str(tmp_path), "01KJMA8A00RWC6DP1VG4X2N7QE", POLICY, {}, {})
    with pytest.raises(Refusal, match=r"raw/drill\.json is not there"):
        evidence_folder.seal(made["folder"])


def test_secrets_are_taken_out_and_noted_without_being_told(tmp_path: Path) -> None:
    made = evidence_folder.freeze(str(tmp_path), "01KJMA8A00RWC6DP1VG4X2N7QE", POLICY, {}, {})
    text = b"connect sys/tiger99\nok\ntiger99 tiger\n"
    assert evidence_folder.add_raw(made["folder"], "raw/console/a.txt", text, ["tiger", "tiger99", ""]) == 3
    kept = (Path(made["folder"]) / "raw/console/a.txt").read_text()
    assert "tiger" not in kept and kept.count("********") == 3
    log = (Path(made["folder"]) / "redactions.json").read_text()
    assert [each["line"] for each in json.loads(log)["places"]] == [1, 3, 3] and "tiger" not in log


@pytest.mark.parametrize("path", [LEDGER, ROWS])
def test_a_secret_in_what_proves_itself_is_refused(tmp_path: Path, path: str) -> None:
    made = evidence_folder.freeze(str(tmp_path), "01KJMA8A00RWC6DP1VG4X2N7QE", POLICY, {}, {})
    with pytest.raises(Refusal, match="holds a secret in line 2") as caught:
        evidence_folder.add_raw(made["folder"], path, b"x\ntiger\n", ["tiger"])
    assert "tiger" not in str(caught.value) and not (Path(made["folder"]) / path).exists()


@pytest.mark.parametrize("path", ["evidence.json", "raw", "raw/../x", "/raw/x", "raw//x", "raw/./x"])
def test_raw_data_lies_below_raw(tmp_path: Path, path: str) -> None:
    with pytest.raises(Refusal, match="shall lie at"):
        evidence_folder.add_raw(str(tmp_path), path, b"")


def test_bytes_that_are_no_text_stay_as_they_are(tmp_path: Path) -> None:
    made = evidence_folder.freeze(str(tmp_path), "01KJMA8A00RWC6DP1VG4X2N7QE", POLICY, {}, {})
    evidence_folder.add_raw(made["folder"], "raw/console/a.bin", b"\xff\xfe\x00\r\n", ["x"])
    assert (Path(made["folder"]) / "raw/console/a.bin").read_bytes() == b"\xff\xfe\x00\r\n"


def test_earlier_drills_make_the_trend_and_edited_ones_are_left_out(tmp_path: Path) -> None:
    scene = Scene()
    first = Path(sealed(str(tmp_path), scene, "01KJMA8A00RWC6DP1VG4X2N7QA"))
    second = Path(sealed(str(tmp_path), scene, "01KJMA8A00RWC6DP1VG4X2N7QB"))
    document = json.loads((second / "evidence.json").read_text())
    assert document["A"]["previous"]["value"]["drill_id"] == first.name
    assert [each["drill_id"] for each in document["S"]["drills"]["value"]] == [first.name, second.name]
    assert document["S"]["statistics"]["value"][0]["clean"] == 2
    edit(first / LEDGER)
    found = evidence_folder.previous(str(tmp_path), "orders", "01KJMA8A00RWC6DP1VG4X2N7QC", 5)
    assert [each["drill_id"] for each in found["drills"]] == [second.name]
    assert found["left_out"][0]["drill_id"] == first.name and LEDGER in found["left_out"][0]["why"]
    assert evidence_folder.previous(str(tmp_path), "other", "01KJMA8A00RWC6DP1VG4X2N7QC", 5) == {
        "drills": [],
        "left_out": [],
    }


# ------------------------------------------------------------------------ signature


def test_the_manifest_is_signed_with_exactly_this_command(tmp_path: Path) -> None:
    seen: list[Command] = []

    def runner(command: Command) -> Completed:
        seen.append(command)
        Path(str(command.argv[-1]) + ".sig").write_text("signature\n")
        return Completed(command.argv, 0, "", "", 0.1, False)

    folder = Path(sealed(str(tmp_path), Scene(), signer=evidence_folder.Signer("ssh", "/keys/dr", "dr"), runner=runner))
    manifest = str(folder / "MANIFEST.sha256")
    assert seen[0].argv == ("ssh-keygen", "-Y", "sign", "-f", "/keys/dr", "-n", "firedrill-evidence", manifest)
    assert json.loads((folder / "evidence.json").read_text())["T"]["signature"]["value"]["identity"] == "dr"
    code, text = verify(folder)
    assert code == 0 and "ssh-keygen -Y verify" in text


@pytest.mark.parametrize("instead", [None, "", "MANIFEST.sha256.asc"])
def test_a_signature_that_was_taken_away_is_named(tmp_path: Path, instead: str | None) -> None:
    def runner(command: Command) -> Completed:
        Path(str(command.argv[-1]) + ".sig").write_text("signature\n")
        return Completed(command.argv, 0, "", "", 0.1, False)

    folder = Path(sealed(str(tmp_path), Scene(), signer=evidence_folder.Signer("ssh", "/keys/dr", "dr"), runner=runner))
    signature = folder / "MANIFEST.sha256.sig"
    signature.unlink()
    if instead is not None:
        (folder / instead if instead else signature).write_text("x\n" if instead else "")
    code, text = verify(folder)
    assert code == 1 and "  MANIFEST.sha256.sig: is not there" in text and "signed by dr" in text, text


def test_a_signature_that_fails_is_said(tmp_path: Path) -> None:
    def runner(command: Command) -> Completed:
        assert command.argv[0] == "gpg" and "--detach-sign" in command.argv
        return Completed(command.argv, 2, "", "gpg: no secret key", 0.1, False)

    with pytest.raises(CommandFailed, match="gpg ended with 2: gpg: no secret key"):
        sealed(str(tmp_path), Scene(), signer=evidence_folder.Signer("gpg", "dr", "dr"), runner=runner)
    code, text = verify(tmp_path / "01KJMA8A00RWC6DP1VG4X2N7QE")
    assert code == 1 and "MANIFEST.sha256.asc: is not there" in text, "the log says that it is signed, and it is not"


# ------------------------------------------------------------------------ one arithmetic


def test_verify_is_made_of_the_sources_and_imports_nothing_else() -> None:
    text = evidence_folder.assemble()
    assert "from ansible" not in text
    imported = {line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))}
    calculating = {"bisect", "calendar", "datetime", "hashlib", "json", "re", "typing", "urllib.parse"}
    assert imported <= calculating | {"io", "os", "sys", "time"}
    here = Path(evidence_folder.__file__).parent
    for name in (
        "ledger",
        "outage",
        "loss",
        "verdict",
        "verdict_figures",
        "verdict_material",
        "trend",
        "evidence_check",
    ):
        body = (here / f"{name}.py").read_text().rsplit("\n\n\ndef ", 1)[-1].rsplit("\n\n\nclass ", 1)[-1]
        assert body in text, name


def test_two_of_one_name_are_kept_apart_or_refused() -> None:
    with pytest.raises(UnknownState, match=r"both define gaps, and both are imported"):
        evidence_folder._apart(
            {"a": CORE.format("b", "gaps") + "def gaps():\n", "b": "def gaps():\n", "c": CORE.format("a", "gaps")}
        )
    found = evidence_folder._apart(
        {"a": "LIMIT = 1\nx = LIMIT + a.LIMIT\n", "b": "LIMIT = 2\n", "c": CORE.format("b", "LIMIT")}
    )
    assert found["a"] == "LIMIT_OF_A = 1\nx = LIMIT_OF_A + a.LIMIT\n" and found["b"] == "LIMIT = 2\n"


@pytest.mark.parametrize("group", ["I", "J", "K", "L", "N", "Q", "R", "S"])
def test_the_sample_has_the_shape_of_what_is_computed(good: Path, group: str) -> None:
    """Views are built from the sample, so it must not be a dream."""
    sample = json.loads((Path(__file__).parent / "evidence_sample.json").read_text())
    document = json.loads((good / "evidence.json").read_text())
    for name, field in document[group].items():
        there, told = field["value"], sample[group][name]["value"]
        if isinstance(there, list) and isinstance(told, list) and there and told and isinstance(there[0], dict):
            assert set(there[0]) == set(told[0]), (group, name)
            for key, each in there[0].items():
                if isinstance(each, list) and each and isinstance(each[0], dict):
                    assert set(each[0]) == set(told[0][key][0]), (group, name, key)
        elif isinstance(there, dict) and isinstance(told, dict) and name not in ("classification", "limits"):
            assert set(there) == set(told), (group, name)
