# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue and the switches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tools_support import recording

from tibero_emulator import messages
from tibero_emulator import settings as switches


def test_every_number_once_and_every_template_fillable() -> None:
    entries = messages.CATALOGUE + messages.ADDED
    numbers = [entry.number for entry in entries]
    assert len(numbers) == len(set(numbers))
    for entry in entries:
        assert entry.mark in "HCMI"
        assert "{" not in messages.text(entry.number, *"abcd")


def test_recorded_error_lines_are_reproduced() -> None:
    lines = recording("t7-tbsql-error-lines").splitlines()
    assert lines[0] == messages.line(8004)
    assert lines[1] == messages.line(8067)
    assert lines[2] == messages.line(11005, "-1")
    assert lines[3] == messages.line(8162)
    assert messages.line(70002, ".\\sql\\monitor.sql", "No such file or directory") in recording(
        "t5to6-tbsql-TBS-70002-file-not-found"
    )


def test_recorded_svmode_box_is_reproduced() -> None:
    box = messages.svmode_box(24003, messages.text(24003), "NOMOUNT")
    assert "\n" + box.rstrip("\n") == recording("t7-tbboot-suspended-TBR-24003").rstrip("\n")


def test_recorded_shared_memory_box_is_reproduced() -> None:
    text = messages.text(250081, "780d5c27", 3221225472, 28, "No space left on device")
    assert messages.box(messages.BOX_SHARED_MEMORY, *text.split("\n")) in recording("t5to7-tbboot-shmget-failed") + "\n"


def test_an_override_replaces_a_text_and_an_unknown_number_is_an_error() -> None:
    assert messages.line(1098, overrides={"1098": "Other."}) == "TBR-1098: Other."
    with pytest.raises(messages.UnknownMessage):
        messages.text(999999)


def test_settings_come_from_file_then_environment(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "emulator.json").write_text(
        json.dumps({"timing": "realistic", "exit_codes": {"tbboot_suspended": 5}})
    )
    found = switches.load(tmp_path, {"TB_EMULATOR_SETTINGS": '{"timing_seconds": {"down": 1.5}}'})
    assert found["exit_codes"]["tbboot_suspended"] == 5
    assert found["exit_codes"]["tbboot_up"] == 0
    assert switches.seconds(found, "down") == 1.5
    assert switches.seconds(found, "boot_mount") == switches.TIMING["realistic"]["boot_mount"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"timings": "fast"}', "unknown switch 'timings'"),
        ('{"timing": "slow"}', "'slow' is not one of 'fast', 'realistic'"),
        ('{"exit_codes": 3}', "must be a dict"),
        ("{", "not JSON"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(text: str, complaint: str) -> None:
    with pytest.raises(switches.SettingsError, match=complaint):
        switches.load(None, {"TB_EMULATOR_SETTINGS": text})


def test_every_switch_says_where_it_comes_from() -> None:
    for switch in switches.SWITCHES.values():
        assert switch.fidelity in ("recorded", "documented", "inferred", "invented")
        assert switch.meaning
        assert switch.source
