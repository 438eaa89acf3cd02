# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of roles and open modes: known combinations, contradictions, words nobody knows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.decide_role import (
    OPEN_WORDS,
    STATUS_WORDS,
    Evidence,
    Reading,
    Words,
    judge,
)


def evidence(boot: str, status: str | int, opened: str | int, **more: object) -> Evidence:
    def reading(value: str | int) -> Reading:
        return Reading(code=value, why=f"TBR-{value}") if isinstance(value, int) else Reading(word=value)

    return Evidence(True, boot, reading(status), reading(opened), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("boot", "status", "opened", "open_mode", "role"),
    [
        ("NORMAL", "NORMAL", "READ WRITE", "read_write", "primary"),
        ("FAILOVER", "NORMAL", "READ WRITE", "read_write", "primary"),
        ("RESETLOGS", "NORMAL", "READ WRITE", "read_write", "primary"),
        ("MOUNT", "NORMAL", "READ WRITE", "read_write", "primary"),
        ("RECOVERY", "RECOVERY", "MOUNTED", "recovery", "standby"),
        ("RECOVERY", "RECOVERY", 22003, "recovery", "standby"),
        ("RECOVERY", "recovery", "read  only", "read_only", "standby"),
        ("RECOVERY", "NORMAL", "READ ONLY", "read_only", "standby"),
    ],
)
def test_known_combinations(boot: str, status: str, opened: str | int, open_mode: str, role: str) -> None:
    judged = judge(evidence(boot, status, opened))
    assert (judged.open_mode.value, judged.role.value) == (open_mode, role)
    assert boot in judged.role.source and not judged.notes


@pytest.mark.parametrize(
    ("boot", "status", "opened"),
    [
        ("RECOVERY", "NORMAL", "READ WRITE"),  # nothing turns a standby into a primary without a boot
        ("NORMAL", "RECOVERY", "MOUNTED"),
        ("NORMAL", "NORMAL", "READ ONLY"),
        ("NORMAL", "NORMAL", "SOMETHING"),
        ("NORMAL", "SOMETHING", "READ WRITE"),
        ("", "NORMAL", "READ WRITE"),
        ("NEWMODE", "NORMAL", "READ WRITE"),
        ("NORMAL", 17001, 17001),
        ("NORMAL", "NORMAL", 22003),
        ("MOUNT", "MOUNT", "READ WRITE"),
    ],
)
def test_what_is_not_in_the_table_is_unknown_and_says_what_was_seen(boot: str, status: str | int, opened: str) -> None:
    judged = judge(evidence(boot, status, opened))
    assert not judged.open_mode.is_known and not judged.role.is_known
    assert judged.role.why and f"ps -t {boot or '?'}" in judged.role.source
    assert judged.open_mode.value is None


def test_a_word_of_a_real_server_can_be_adopted_as_a_setting() -> None:
    seen = evidence("RECOVERY", "STANDBY APPLY", "READ ONLY WITH APPLY")
    assert not judge(seen).role.is_known
    words = Words(
        {**STATUS_WORDS, "recovery": (*STATUS_WORDS["recovery"], "standby apply")},
        {**OPEN_WORDS, "read_only": (*OPEN_WORDS["read_only"], "READ ONLY WITH APPLY")},
    )
    assert judge(seen, words).role.value == "standby"


def test_below_the_operating_modes_the_record_does_not_make_a_role() -> None:
    judged = judge(evidence("MOUNT", "MOUNT", "MOUNTED", control_file=True, recorded_role="standby"))
    assert judged.open_mode.value == "mount" and not judged.role.is_known
    assert "standby" in judged.role.why and "record" in judged.role.why


@pytest.mark.parametrize(("boot", "status", "level"), [("NORMAL", "MOUNT", "mount"), ("RECOVERY", 12028, "nomount")])
def test_an_instance_below_its_boot_request_is_called_suspended(boot: str, status: str | int, level: str) -> None:
    judged = judge(evidence(boot, status, status if isinstance(status, int) else "MOUNTED"))
    assert judged.open_mode.value == level
    assert len(judged.notes) == 1 and f"asked for {boot}" in judged.notes[0]


def test_stopped_without_a_control_file_is_no_database() -> None:
    judged = judge(Evidence(False, control_file=False))
    assert (judged.open_mode.value, judged.role.value) == ("stopped", "none")
    assert not judge(Evidence(False, control_file=True)).role.is_known
    assert not judge(Evidence(False, control_file=None)).role.is_known


def test_nomount_without_control_file_needs_no_login() -> None:
    assert judge(evidence("NOMOUNT", 17007, 17007, control_file=False)).open_mode.value == "nomount"
    assert not judge(evidence("NOMOUNT", 17007, 17007, control_file=True)).open_mode.is_known


def test_without_a_process_list_nothing_is_known() -> None:
    judged = judge(Evidence(None, "NORMAL", Reading("NORMAL"), Reading("READ WRITE")))
    assert not judged.open_mode.is_known and not judged.role.is_known


_words = st.sampled_from(["NORMAL", "MOUNT", "NOMOUNT", "RECOVERY", "READ WRITE", "READ ONLY", "MOUNTED", "", "X"])


@given(boot=_words, status=_words, opened=_words, code=st.sampled_from([0, 12028, 22003, 17001]))
def test_a_primary_is_never_guessed(boot: str, status: str, opened: str, code: int) -> None:
    judged = judge(Evidence(True, boot, Reading(status, code), Reading(opened, code)))
    if judged.role.value == "primary":
        assert status == "NORMAL" and opened == "READ WRITE" and boot not in ("RECOVERY", "", "X")
    if judged.role.value == "standby":
        assert boot == "RECOVERY"
