# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""drill_record: what a drill saw that no ledger tells, put together on the controller."""

from __future__ import annotations

import json
import pathlib
import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_document import (
    checks_of,
    fingerprints_of,
    home_of,
    members_of,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_record import record_from
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_story import journal_path, story
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.plugin_utils import _drill

SPEC: dict[str, t.Any] = {"story": {"type": "dict", "required": True}, "staging": {"type": "path", "required": True}}
#: Directories of the staging place that go into the evidence as they are.
COPIED = ("rows", "ledgers", "console", "observations")


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
        told = dict(given["story"])
        try:
            told["legs"] = [{**leg, "journal": _lines(str(leg.get("log") or ""))} for leg in told["legs"]]
            told.update(_looked_at(told))
            record = story(told)
            record_from(record)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Refusal(
                seen=f"The story of the drill cannot be told: {error!r}",
                meaning="Something that the drill should have noted is missing, or has another shape",
                remedy="keep the folder of the drill; its raw files are whole, and the role drill names what it notes",
            ) from error
        staging = pathlib.Path(given["staging"])
        raw: list[dict[str, t.Any]] = [{"dest": "raw/drill.json", "content": record}]
        raw += [
            {"dest": journal_path(str(leg["name"])), "src": str(leg["log"])} for leg in told["legs"] if leg.get("log")
        ]
        for name in COPIED:
            raw += [
                {"dest": f"raw/{name}/{path.name}", "src": str(path)} for path in sorted((staging / name).glob("*"))
            ]
        return {"changed": False, "record": record, "raw": raw}


def _looked_at(told: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The way back and the fields of the document that come from readiness, observations and fingerprints."""
    document = dict(told.get("document") or {})
    before, after = told.get("fingerprints_before") or {}, told.get("fingerprints_after") or {}
    if told.get("readiness"):
        document.update(checks_of(told["readiness"], "raw/observations/readiness.json"))
    if told.get("states"):
        place = "raw/observations/start-{0}.json"
        members = members_of(told["states"], told.get("hosts") or {}, place)
        document["G.members"] = {"value": members, "source": "raw/observations"}
    if before:
        taken = fingerprints_of(before, "raw/observations/fingerprint-start-{0}.txt")
        document["G.fingerprints"] = {"value": taken, "source": "raw/observations"}
    home = home_of(before, after, told.get("expected") or {}, told.get("original_layout"), told.get("left") or [])
    return {"document": document, "way_back": home}


def _lines(path: str) -> list[dict[str, t.Any]]:
    """The lines of a journal; none without one. The last line of a controller that was killed may be torn."""
    if not path:
        return []
    return [json.loads(line) for line in pathlib.Path(path).read_text(encoding="utf-8").split("\n")[:-1] if line]
