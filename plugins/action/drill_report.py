# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the views of a drill from its sealed folder on the controller: pages, Markdown, metrics, JUnit, and the trend of the cluster."""

from __future__ import annotations

import json
import os
import pathlib
import re
import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.firedrill.standby.plugins.module_utils._core import evidence_check, evidence_folder
from ansible_collections.firedrill.standby.plugins.module_utils._core.detached import write_atomically
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence import value_of
from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence_compose import EVIDENCE, MANIFEST
from ansible_collections.firedrill.standby.plugins.plugin_utils import _drill
from ansible_collections.firedrill.standby.plugins.plugin_utils._views import pages
from ansible_collections.firedrill.standby.plugins.plugin_utils._views.junit import junit
from ansible_collections.firedrill.standby.plugins.plugin_utils._views.messages import LANGUAGES
from ansible_collections.firedrill.standby.plugins.plugin_utils._views.metrics import metrics

SPEC: dict[str, t.Any] = {
    "folder": {"type": "path", "required": True},
    "directory": {"type": "path"},
    "languages": {"type": "list", "elements": "str", "choices": list(LANGUAGES), "default": list(LANGUAGES)},
    "textfile": {"type": "path"},
    "trend": {"type": "bool", "default": True},
}
#: A name that sorts behind every ULID, so that all drills are earlier than it.
_LATEST = "~"


class ActionModule(ActionBase):
    """Reads the folder, writes beside it; the same evidence gives the same bytes."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Check the folder, make the views, write those that are not there as they must be.

        :returns: ``directory``, ``report``, ``files``, ``verdict``; or a failure.
        """
        result = super().run(tmp, task_vars)
        return _drill.settle(result, self._make)

    def _make(self) -> dict[str, t.Any]:
        given = _drill.arguments(SPEC, self._task.args)
        folder = os.path.abspath(given["folder"])
        root, drill_id = os.path.split(folder)
        directory = os.path.abspath(given["directory"] or os.path.join(root, "reports", drill_id))
        languages = [each for each in LANGUAGES if each in given["languages"]] or [LANGUAGES[0]]
        if self._task.check_mode and not os.path.isdir(folder):
            return {"changed": True, "directory": directory, "report": "", "files": [], "verdict": ""}
        _outside(folder, [directory, given["textfile"]])
        data = _sealed(folder)
        document, sha256 = json.loads(data.decode("utf-8")), evidence_check.digest(data)
        views = {}
        for code in languages:
            views[os.path.join(directory, f"report.{code}.html")] = pages.html(document, code, folder, sha256)
            views[os.path.join(directory, f"report.{code}.md")] = pages.markdown(document, code, folder, sha256)
        views[os.path.join(directory, "junit.xml")] = junit(document)
        views[os.path.join(directory, "metrics.prom")] = metrics(document, sha256)
        if given["textfile"]:
            views[os.path.abspath(given["textfile"])] = metrics(document, sha256)
        if given["trend"]:
            views.update(_trend(root, os.path.dirname(directory), value_of(document, "A.cluster", ""), languages))
        changed = [path for path, text in views.items() if _differs(path, text)]
        for path in [] if self._task.check_mode else changed:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            # The exporter, a web server or a mail program reads them, under an account of its own.
            write_atomically(path, views[path], mode=0o644)
        return {
            "changed": bool(changed),
            "directory": directory,
            "report": os.path.join(directory, f"report.{languages[0]}.html"),
            "files": sorted(views),
            "verdict": value_of(document, "R.overall", ""),
        }


def _outside(folder: str, paths: t.Sequence[str | None]) -> None:
    """:raises Refusal: for a view that would lie inside of the sealed folder."""
    for path in paths:
        if path and os.path.commonpath([folder, os.path.realpath(path), folder]) == folder:
            raise Refusal(
                seen=f"The views shall be written to {path}, inside of {folder}",
                meaning="A sealed folder is never added to: its check would name every view as a file that was added",
                remedy="leave directory away, and they are written beside the folder",
            )


def _sealed(folder: str) -> bytes:
    """The bytes of evidence.json. :raises StandbyError: when the folder is not sealed, or not as it was sealed."""
    if not os.path.exists(os.path.join(folder, MANIFEST)):
        raise Refusal(
            seen=f"{folder} has no {MANIFEST}",
            meaning="Views are made of evidence that is closed, so that none shows what is not in it",
            remedy="seal it first: firedrill.standby.drill_evidence with seal: true",
        )
    problems = evidence_check.check(folder)
    if problems:
        raise StandbyError(
            seen="{0} is not as it was sealed: {1}".format(folder, "; ".join(problems[:5])),
            meaning="A page would make it look like evidence",
            remedy=f"run python3 {os.path.join(folder, 'verify.py')} for all of it, and keep the folder",
            details={"problems": problems},
        )
    return pathlib.Path(folder, EVIDENCE).read_bytes()


def _trend(root: str, directory: str, cluster: str, languages: t.Sequence[str]) -> dict[str, str]:
    """The pages of all drills of the cluster that lie beside this one, by their path."""
    found = evidence_folder.previous(root, cluster, _LATEST, 10**6)
    name = re.sub(r"[^A-Za-z0-9_-]", "_", cluster)
    return {
        os.path.join(directory, f"trend-{name}.{code}.html"): pages.trend_html(
            cluster, found["drills"], found["left_out"], code
        )
        for code in languages
    }


def _differs(path: str, text: str) -> bool:
    try:
        return pathlib.Path(path).read_bytes() != text.encode("utf-8")
    except FileNotFoundError:
        return True
