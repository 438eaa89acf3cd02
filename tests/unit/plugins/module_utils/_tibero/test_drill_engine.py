# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which server a drill ran on is looked up and observed; nothing is taken on trust."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import verdict
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.drill_engine import (
    TESTED,
    classification,
    emulated,
    engine_of,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import console
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.probe_session import DRIVER
from tests.unit.plugins.module_utils._core.drill_scene import Scene

ROOT = Path(__file__).parents[5]
OURS = [("tibero", DRIVER)]
REAL = "Tibero 7 254994 FS02"
NOTICE = "Emulator 0.1.0 of Tibero 7 (firedrill.standby lab). This is not Tibero."


@pytest.mark.parametrize("version", ["6", "7", "7.2.3"])
def test_versions_of_the_table_are_valid(version: str) -> None:
    judged = classification([*OURS, *OURS], {"seoul1": (version, version[:1]), "busan1": (None, version)})
    assert judged["valid"] is True and judged["why"] == "" and judged["versions"] == [version[0]]
    assert f"version {version[0]}" in judged["basis"] and judged["driver"] == DRIVER


@pytest.mark.parametrize(
    ("drivers", "versions", "why"),
    [
        (OURS, {"a": ("8", None)}, "version 8 of tibero is not in the table, which has 6 and 7"),
        (OURS, {"a": ("7", "7"), "b": ("71", "7")}, "version 71 of tibero is not in the table, which has 6 and 7"),
        (OURS, {"a": ("7", "7"), "b": (None, None)}, "the version of b is not known"),
        (
            OURS,
            {"a": ("seven", "")},
            "version UNKNOWN of tibero is not in the table, which has 6 and 7; the version of a is not known",
        ),
        (OURS, {}, "the version of no member is known"),
        ([], {"a": ("7", "7")}, "no ledger tells which driver wrote it"),
        (
            [("tibero", "tbsql-conversation/2")],
            {"a": ("7", None)},
            "driver tbsql-conversation/2 of tibero is not in the table",
        ),
        ([*OURS, ("", "")], {"a": ("7", None)}, "driver UNKNOWN of UNKNOWN is not in the table"),
        ([("mysql", DRIVER)], {"a": ("7", None)}, f"driver {DRIVER} of mysql is not in the table"),
    ],
)
def test_what_is_not_in_the_table_is_not_valid(drivers: Any, versions: Any, why: str) -> None:
    judged = classification(drivers, versions)
    assert judged["valid"] is False and why in judged["why"] and judged["basis"] == ""


def test_the_table_is_that_of_the_driver_that_runs() -> None:
    assert {driver for driver, _major in TESTED} == {DRIVER}


@pytest.mark.parametrize(
    ("said", "emulator", "why"),
    [
        ({"a": REAL, "b": REAL}, False, ""),
        ({"a": f"{REAL} / {NOTICE}", "b": NOTICE}, True, ""),
        ({"a": REAL, "b": NOTICE}, None, "the programs of a are real ones, those of the others an emulator's"),
        ({"a": NOTICE, "b": None}, None, "what the programs of b are is not known"),
        ({"a": REAL, "b": ""}, None, "what the programs of b are is not known"),
        ({}, None, "what the programs of all members are is not known"),
        ({"a": "Tibero 7 (emulator of nothing)"}, False, ""),
    ],
)
def test_a_real_server_is_never_an_emulator_nor_the_reverse(said: dict[str, Any], emulator: Any, why: str) -> None:
    assert emulated(said) == {"emulator": emulator, "why": why}


def test_the_emulators_own_words_are_kept_by_the_grammar_and_recognised() -> None:
    """The line of lab/emulator itself, through the parser of ``tbboot -version``."""
    source = (ROOT / "lab/emulator/tibero_emulator/tools/common.py").read_text()
    assert 'f"Emulator {EMULATOR_VERSION} of {ctx.product} (firedrill.standby lab). This is not Tibero."' in source
    text = f"Tibero 7   254994 FS02\n{NOTICE}\n"
    assert emulated({"a": " / ".join(console.version_lines(text))})["emulator"] is True


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests/recordings/tibero").glob("t[67]-tb*.txt")), ids=lambda path: path.stem
)
def test_no_recording_of_a_real_server_is_taken_for_an_emulator(path: Path) -> None:
    text = path.read_text(encoding="utf-8", errors="backslashreplace")
    assert emulated({"a": text})["emulator"] is False


def test_the_field_says_what_was_seen_and_what_was_declared() -> None:
    judged, engine = engine_of(OURS, {"a": ("7.2", "7"), "b": ("7.2", None)}, {"a": NOTICE, "b": NOTICE}, False)
    assert judged["valid"] and engine == {
        "name": "tibero",
        "version": "7.2",
        "driver": DRIVER,
        "emulator": True,
        "why": "",
        "declared": False,
    }


# ------------------------------------------------------------------------------------------------------------- verdict


def judged_with(engine: Any, header: dict[str, Any] | None = None) -> dict[str, Any]:
    scene = Scene()
    scene.drill["document"]["A.engine"] = {"value": engine, "kind": "observed", "source": "raw/observations"}
    inputs = scene.inputs()
    for ledger in inputs.ledgers.values():
        ledger.header.update(header or {})  # type: ignore[attr-defined]
    return verdict.judge(inputs)


@pytest.mark.parametrize(
    ("engine", "what"),
    [
        (
            {"emulator": True, "declared": False},
            "the drill ran on an emulator, and was declared to run on a real server",
        ),
        (
            {"emulator": False, "declared": True},
            "the drill ran on a real server, and was declared to run on an emulator",
        ),
        ({"emulator": None, "why": "dark", "declared": True}, "whether the servers are real ones is not known: dark"),
    ],
)
def test_what_is_not_as_declared_is_a_finding(engine: Any, what: str) -> None:
    judged = judged_with(engine)
    (found,) = [each for each in judged["Q"]["findings"]["value"] if each["what"] == what]
    assert found["severity"] == "warning" and found["source"] == "raw/observations"
    assert judged["R"]["overall"]["value"] == "met with findings"


@pytest.mark.parametrize("same", [True, False])
def test_what_is_as_declared_is_none(same: bool) -> None:
    assert judged_with({"emulator": same, "declared": same})["R"]["overall"]["value"] == "met"


@pytest.mark.parametrize("head", [{"driver": "other/2"}, {"engine": "mysql"}])
def test_a_ledger_of_another_driver_than_was_looked_up_concludes_nothing(head: dict[str, Any]) -> None:
    judged = judged_with({}, head)
    assert judged["R"]["overall"]["value"] == "inconclusive"
    assert any("and the table of outcomes was looked up for" in each for each in judged["R"]["reasons"]["value"])
