# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of evidence made by a real run of ansible-playbook: frozen, filled, signed, sealed, judged, and verified by itself."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.redaction import HIDDEN
from tests.unit.plugins.module_utils._core.drill_scene import Scene
from tests.unit.plugins.modules.test_drill_actions import POLICY

ROOT = Path(__file__).parents[4]
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - firedrill.standby.drill_objectives:
        policy: "{{ policy }}"
        directory: "{{ directory }}"
      register: drill
    - firedrill.standby.drill_evidence:
        folder: "{{ drill.folder }}"
        event: touched
        data: {what: "the lease of the drill, told with {{ app_db_password }}"}
    - firedrill.standby.drill_evidence:
        folder: "{{ drill.folder }}"
        event: probing
        data: "{{ probing }}"
    - firedrill.standby.drill_evidence:
        folder: "{{ drill.folder }}"
        event: ended
        raw: "{{ raw + [{'dest': 'raw/drill.json', 'content': record | combine({'drill_id': drill.drill_id})}] }}"
        secrets: ["{{ secret }}"]
        seal: true
        cluster: orders
        sign: {method: ssh, key: "{{ key }}", identity: dr-evidence}
      no_log: true
    - firedrill.standby.drill_verdict:
        folder: "{{ drill.folder }}"
      register: judged
    - ansible.builtin.assert:
        that:
          - judged.sealed
          - judged.verdict in ['met', 'met with findings', 'not met', 'inconclusive']
    - firedrill.standby.drill_report:
        folder: "{{ drill.folder }}"
        directory: "{{ directory }}-views/drill"
      register: report
    - firedrill.standby.drill_report:
        folder: "{{ drill.folder }}"
        directory: "{{ directory }}-views/drill"
      register: again
    - ansible.builtin.assert:
        that:
          - report is changed
          - again is not changed
          - report.verdict == judged.verdict
"""


def variables(place: Path) -> dict[str, Any]:
    """The raw files of a drill in miniature, its policy with a window that is open now, and a key to sign with."""
    scene, raw = Scene(), []
    for number, (dest, data) in enumerate(scene.files().items()):
        path = place / f"raw{number}"
        path.write_bytes(data)
        raw.append({"dest": dest, "src": str(path)})
    raw.append({"dest": "raw/console/a.txt", "content": "CONN sys/tiger-9\n"})
    # As a program prints it, folded, quoted and in JSON; nobody has told the task of these.
    printed = [
        "IDENTIFIED BY 'Planted-''1'",
        "cannot reach Vaulted-Secr\n    et-2 here",
        '{"a": "Nested-\\"3"}',
        "tibero orders",
    ]
    raw.append({"dest": "raw/console/b.txt", "content": "\n".join(printed) + "\n"})
    now = datetime.datetime.now(datetime.UTC)
    hour = datetime.timedelta(hours=1)
    window = {"start": (now - hour).isoformat(timespec="seconds"), "end": (now + hour).isoformat(timespec="seconds")}
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place / "key")], check=True)
    return {
        "policy": {**POLICY, "window": window, "blackout_dates": []},
        "directory": str(place / "evidence"),
        "raw": raw,
        "record": scene.record(),
        "probing": scene.probing(),
        "secret": "tiger-9",
        "app_db_password": "Planted-'1",
        "app_token": "{{ made_of }}",
        "made_of": "Vaulted-Secret-2",
        "app_credentials": {"one": {"two": ['Nested-"3']}},
        "tibero_syscat_password": "tibero",
        "other_password": "{{ nowhere }}",
        "some_password_file": "orders",
        "key": str(place / "key"),
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the play has made."""
    place = tmp_path_factory.mktemp("drill")
    (place / "play.yml").write_text(PLAY)
    (place / "variables.json").write_text(json.dumps(variables(place)))
    program = str(Path(sys.executable).parent / "ansible-playbook")
    ran = subprocess.run(
        [program, "-i", "localhost,", str(place / "play.yml"), "-e", f"@{place / 'variables.json'}"],
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "tiger-9" not in ran.stdout
    (folder,) = (place / "evidence").iterdir()
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to be edited."""
    return Path(shutil.copytree(made, tmp_path / "folder"))


def test_secrets_of_the_inventory_are_taken_out_however_they_are_written(made: Path) -> None:
    text = (made / "raw/console/b.txt").read_text()
    assert text == f'IDENTIFIED BY \'{HIDDEN}\'\ncannot reach {HIDDEN}\n here\n{{"a": "{HIDDEN}"}}\ntibero orders\n'
    places = json.loads((made / "redactions.json").read_text())["places"]
    assert [each["line"] for each in places if each["file"] == "raw/console/b.txt"] == [1, 2, 4]
    events = (made / "raw/events.jsonl").read_text()
    assert "Planted" not in events and f"told with {HIDDEN}" in events


def test_its_report_names_the_evidence_in_three_languages(made: Path) -> None:
    digest = hashlib.sha256((made / "evidence.json").read_bytes()).hexdigest()
    views = made.parent.parent / "evidence-views" / "drill"
    for language in ("en", "ko", "zh"):
        page = (views / f"report.{language}.html").read_text(encoding="utf-8")
        assert digest in page and f'lang="{language}"' in page and "<script" not in page
    assert digest in (views / "metrics.prom").read_text(encoding="utf-8")


def verified(folder: Path) -> subprocess.CompletedProcess[str]:
    """A run of the folder's own program, by a Python that sees nothing of this project."""
    return subprocess.run(
        [sys.executable, "-I", str(folder / "verify.py")], cwd="/", capture_output=True, text=True, check=False
    )


def test_it_verifies_itself_and_names_what_was_edited(folder: Path) -> None:
    good = verified(folder)
    assert good.returncode == 0, good.stdout + good.stderr
    text = (folder / "raw/console/a.txt").read_text()
    assert "CONN sys/" in text and "tiger-9" not in text
    (folder / "raw/console/a.txt").write_text(text + "\n")
    edited = verified(folder)
    assert edited.returncode != 0 and "raw/console/a.txt" in edited.stdout + edited.stderr


def test_its_signature_is_that_of_the_key(made: Path, folder: Path) -> None:
    (signature,) = folder.glob("*.sig")
    signed = folder / signature.name.removesuffix(".sig")
    signers = folder.parent / "signers"
    signers.write_text(f"dr-evidence {(made.parent.parent / 'key.pub').read_text()}")
    argv = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", "dr-evidence", "-n", "firedrill-evidence"]

    def check() -> int:
        with signed.open("rb") as source:
            return subprocess.run(
                [*argv, "-s", str(signature)], stdin=source, capture_output=True, check=False
            ).returncode

    assert check() == 0
    signed.write_bytes(signed.read_bytes() + b"\n")
    assert check() != 0
