# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This plugin utility is private to the collection firedrill.standby: other collections must not import it.
"""Metrics of a drill for the textfile collector of Prometheus' node exporter.

Names are stable; base units stand at their end. What is unknown is absent and counted in ``firedrill_drill_unknown_figures``, never 0: an alert on
``absent()`` or on that number sees it. The environment is a label, since drills of production and of tests are never mixed.

Public: :func:`metrics`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence import value_of
from ansible_collections.firedrill.standby.plugins.module_utils._core.prometheus import Families, seconds
from ansible_collections.firedrill.standby.plugins.module_utils._core.verdict import ORDER

DAY = 86400 * 10**9
PREFIX = "firedrill_drill_"


def _verdict(found: Families, document: Mapping[str, Any], sha256: str) -> None:
    overall = value_of(document, "R.overall", "inconclusive")
    engine = value_of(document, "A.engine", {})
    info = {
        "drill_id": value_of(document, "A.drill_id", ""),
        "version": engine.get("version", ""),
        "emulator": {True: "true", False: "false"}.get(engine.get("emulator"), "unknown"),
        "evidence_sha256": sha256,
    }
    found.gauge("info", "Identity of the last drill; the value is always 1.", (info, 1))
    words = [({"verdict": word}, int(word == overall)) for word in ORDER]
    found.gauge("verdict", "1 for the verdict of the last drill, 0 for the others; inconclusive is no pass.", *words)
    lucky = int(bool(value_of(document, "R.annotation")))
    found.gauge("not_guaranteed", "1 if nothing was lost in a mode that does not promise it.", ({}, lucky))
    verdicts = [
        ({"objective": each["objective"], "verdict": word}, int(each["verdict"] == word))
        for each in value_of(document, "R.objectives", [])
        for word in ORDER
    ]
    found.gauge("objective_verdict", "1 for the verdict of each objective, 0 for the others.", *verdicts)


def _times(found: Families, document: Mapping[str, Any]) -> None:
    began, cadence = value_of(document, "A.started_wall_ns"), value_of(document, "B.cadence_days")
    found.gauge("started_timestamp_seconds", "When the drill began, since 1970.", ({}, seconds(began)))
    ended = value_of(document, "A.ended_wall_ns")
    found.gauge("ended_timestamp_seconds", "When the drill ended, since 1970.", ({}, seconds(ended)))
    due = began + cadence * DAY if began is not None and cadence is not None else None
    found.gauge(
        "next_due_timestamp_seconds", "When the next drill is due by the policy, since 1970.", ({}, seconds(due))
    )


def _objectives(found: Families, document: Mapping[str, Any]) -> None:
    objectives = {each["objective"]: each for each in value_of(document, "R.objectives", [])}
    families = (
        ("outage", "Outage as clients saw it; the upper end is judged.", (("rto", "write"), ("rto_reads", "read"))),
        ("lost_time", "Stretch of acknowledged writes that were lost; the upper end is judged.", (("rpo", "write"),)),
        ("redundancy_restored", "Time until redundancy was restored.", (("rtrr", "all"),)),
    )
    for name, text, parts in families:
        own = [(kind, objectives[key]) for key, kind in parts if key in objectives]
        spans = [
            ({"kind": kind, "end": end}, seconds(each[f"measured_{short}"]))
            for kind, each in own
            for end, short in (("lower", "lo"), ("upper", "hi"))
        ]
        found.gauge(f"{name}_seconds", text, *spans)
        goals = [({"kind": kind}, seconds(each["target"])) for kind, each in own]
        found.gauge(f"{name}_objective_seconds", f"Objective of {PREFIX}{name}_seconds.", *goals)
    counts = value_of(document, "L.counts", {})
    writes = [({"outcome": name}, counts.get(name)) for name in ("acked", "survived", "lost", "unknown", "phantom")]
    found.gauge("writes", "Writes of the probe by what became of them; the worst of all reads.", *writes)
    wrong = [({"defect": name}, counts.get(name)) for name in ("alien", "duplicate", "damaged", "holes")]
    found.gauge("wrong_rows", "Rows that must not be there, or not be so.", *wrong)


def metrics(document: Mapping[str, Any], sha256: str) -> str:
    """The metrics of a drill in the text format of Prometheus. :arg sha256: of evidence.json."""
    labels = {
        "cluster": value_of(document, "A.cluster", ""),
        "engine": value_of(document, "A.engine", {}).get("name", ""),
        "type": value_of(document, "A.type", ""),
        "environment": value_of(document, "A.environment", ""),
    }
    found = Families(PREFIX, labels)
    _verdict(found, document, sha256)
    _times(found, document)
    _objectives(found, document)
    accepted = value_of(document, "N.accepted_after_fence")
    found.gauge("writes_after_fence", "Writes accepted on the old side after the fence; must be 0.", ({}, accepted))
    layout = value_of(document, "O.original_layout")
    found.gauge("original_layout", "1 if the roles are as at the start.", ({}, None if layout is None else int(layout)))
    residue = value_of(document, "O.residue")
    text = "Things that the drill left behind; must be 0."
    found.gauge("residue", text, ({}, None if residue is None else len(residue)))
    valid = value_of(document, "I.classification", {}).get("valid")
    text = "1 if the table of outcomes is valid for engine and driver; without it nothing can be concluded."
    found.gauge("outcome_table_valid", text, ({}, None if valid is None else int(valid is True)))
    findings = value_of(document, "Q.findings", [])
    kinds = [
        (
            {"severity": severity, "state": state},
            sum((each["severity"], each["state"]) == (severity, state) for each in findings),
        )
        for severity in ("info", "warning", "failure")
        for state in ("open", "closed")
    ]
    found.gauge("findings", "Findings of the drill.", *kinds)
    checks = value_of(document, "H.counts")
    verdicts = [({"verdict": name}, number) for name, number in sorted(checks.items())] if checks else [({}, None)]
    found.gauge("prechecks", "Prechecks by their verdict.", *verdicts)
    step = value_of(document, "I.sampling_step_ns")
    found.gauge("sampling_step_seconds", "A shorter outage could not be seen.", ({}, seconds(step)))
    text = "Figures that are not known, and therefore absent here."
    found.gauge("unknown_figures", text, ({}, found.unknown))
    return found.text()
