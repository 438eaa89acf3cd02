# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence document: its sample is sound, its documentation is the schema, and what is unsound is named."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import evidence

HERE = Path(__file__).parent
SAMPLE = HERE / "evidence_sample.json"
DOCUMENT = Path(__file__).parents[5] / "docs" / "evidence.md"


@pytest.fixture
def sample() -> dict[str, Any]:
    return json.loads(SAMPLE.read_text(encoding="utf-8"))


def test_the_sample_is_sound_and_canonical(sample: dict[str, Any]) -> None:
    assert evidence.problems(sample) == []
    assert evidence.canonical(sample) == SAMPLE.read_text(encoding="utf-8")


def test_the_documentation_is_the_schema() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert "\n".join(evidence.table()) in text


def test_a_blank_document_is_sound_and_says_why() -> None:
    assert evidence.problems(evidence.blank("the drill was refused")) == []


def test_marks_and_parts_fit_each_other() -> None:
    marks = [mark for mark, _title in evidence.MARKS]
    assert all(first in marks and last in marks for _name, first, last in evidence.PARTS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["K"].pop("outages"), "K.outages is missing"),
        (lambda d: d.pop("Q"), "group Q is missing"),
        (lambda d: d.update(X={}), "X is no group"),
        (lambda d: d["K"].update(more={}), "K.more is no field of the schema"),
        (lambda d: d["C"]["rto_ns"].update(kind="observed"), "C.rto_ns: kind is 'observed', must be 'declared'"),
        (lambda d: d["K"]["outages"].update(source=""), "K.outages is observed and points at no raw data"),
        (lambda d: d["C"]["rto_ns"].update(value="30 s"), "C.rto_ns: 'str' is no int"),
        (lambda d: d["C"]["rto_ns"].update(value=True), "C.rto_ns: 'bool' is no int"),
        (lambda d: d["M"]["page_check"].pop("unknown"), "M.page_check has no value and does not say why"),
        (lambda d: d["C"]["rto_ns"].update(unknown="?"), "C.rto_ns has a value and says that it is unknown"),
        (lambda d: d["L"]["counts"]["value"].update(lost=0.5), "value.lost is 0.5"),
        (lambda d: d["A"]["type"].update(value="tabletop"), "a tabletop drill carries observed K"),
        (lambda d: d.update(schema="other/1"), "schema is 'other/1'"),
    ],
)
def test_what_is_unsound_is_named(sample: dict[str, Any], change: Any, message: str) -> None:
    broken = copy.deepcopy(sample)
    change(broken)
    assert any(message in problem for problem in evidence.problems(broken)), evidence.problems(broken)


def test_a_fraction_has_no_canonical_text() -> None:
    with pytest.raises(ValueError, match=r"\.rate\[0\] is 1\.5"):
        evidence.canonical({"rate": [1.5]})


def test_values_and_sources_are_found(sample: dict[str, Any]) -> None:
    assert evidence.value_of(sample, "C.rto_ns") == 30_000_000_000
    assert evidence.value_of(sample, "M.page_check", "no") == "no"
    assert "raw/events.jsonl" in evidence.sources(sample)
