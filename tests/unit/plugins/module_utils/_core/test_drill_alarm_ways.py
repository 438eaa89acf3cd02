# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the alarm of a missed drill arrives: by curl at a real HTTP server, by the command line of a mail program at a stand-in for it, and in a textfile
that keeps to the grammar of Prometheus."""

from __future__ import annotations

import datetime as dt
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import drill_program
from tests.unit.plugins.module_utils._core.test_drill_program import NOON, Site

#: A line of the text format, as its description has it: HELP, TYPE, or a sample whose values of labels escape backslash, quote and line end.
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
HELP, TYPE = re.compile(rf"# HELP ({NAME}) (?:[^\\\n]|\\[\\n])*"), re.compile(rf"# TYPE ({NAME}) gauge")
SAMPLE = re.compile(rf"({NAME})(\{{{LABEL}(?:,{LABEL})*\}})? (-?\d+(?:\.\d+)?)")


class Door(http.server.ThreadingHTTPServer):
    """Takes what is posted; answers with a code that the test sets."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Visitor)
        self.bodies: list[str] = []
        self.code = 204


class Visitor(http.server.BaseHTTPRequestHandler):
    server: Door

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(self.server.code)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Not into the output of the tests."""


@pytest.fixture
def door() -> Iterator[Door]:
    made = Door()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join(20)
    made.server_close()


class Alarmed(Site):
    """A site that is told by real programs: nothing is played but the time."""

    command: tuple[str, ...] = ()

    def alarm(self) -> int:
        config = self.config._replace(command=self.command)
        return drill_program.alarm(config, lambda: self.at, say=self.said.append)


@pytest.fixture
def missed(tmp_path: Path) -> Alarmed:
    """The window of the drill has passed, and the schedule found a blackout date in it."""
    site = Alarmed(tmp_path)
    site.values["blackout_dates"] = ["2026-03-14"]
    assert site.run() == 83
    site.at = NOON + dt.timedelta(hours=3)
    return site


def test_the_webhook_is_told_once_and_again_after_it_did_not_answer(
    missed: Alarmed, door: Door, tmp_path: Path
) -> None:
    """The address may be a secret, so it stands in a file of curl's, not in its arguments."""
    (tmp_path / "webhook.conf").write_text(f'url = "http://127.0.0.1:{door.server_port}/drills"\n')
    missed.command = (
        "/usr/bin/curl", "--fail", "--silent", "--show-error", "--config", str(tmp_path / "webhook.conf"), "--data-binary", "@-",
    )  # fmt: skip
    door.code = 503
    assert missed.alarm() == 1 and "503" in missed.said[-1]
    door.code = 204
    assert missed.alarm() == 0
    assert missed.alarm() == 0
    first, second = door.bodies
    assert first == second and first.startswith("Drill spring: switchover_and_back of orders (ci)\n")
    assert "no drill began in the window 2026-03-14T12:00:00+09:00 to 2026-03-14T14:00:00+09:00" in first
    assert "last attempt 2026-03-14T03:00:00+00:00: missed, 2026-03-14 is a blackout date" in first


def test_the_mail_program_gets_subject_receiver_and_the_words(missed: Alarmed, tmp_path: Path) -> None:
    mail = tmp_path / "mail"
    mail.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$0.arguments"\ncat > "$0.words"\n')
    mail.chmod(0o755)
    missed.command = (str(mail), "-s", "A drill was missed", "dr@example.com")
    assert missed.alarm() == 0
    assert (tmp_path / "mail.arguments").read_text() == "-s\nA drill was missed\ndr@example.com\n"
    assert "no drill began in the window" in (tmp_path / "mail.words").read_text()


def samples(text: str) -> dict[str, str]:
    """All samples of a text, which is seen to keep to the grammar: HELP and TYPE before the samples of a family, no series twice, a line end at the end."""
    assert text.endswith("\n")
    found: dict[str, str] = {}
    families: list[str] = []
    described = ""
    for line in text.splitlines():
        if help_ := HELP.fullmatch(line):
            described = help_.group(1)
            assert described not in families, line
        elif kind := TYPE.fullmatch(line):
            assert kind.group(1) == described, line
            families.append(described)
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample is not None, line
            assert sample.group(1) == families[-1] and line.rsplit(" ", 1)[0] not in found, line
            found[line.rsplit(" ", 1)[0]] = sample.group(3)
    return found


def test_the_textfile_is_one_that_prometheus_reads(missed: Alarmed) -> None:
    assert missed.alarm() == 0
    found = samples((missed.root / "due.prom").read_text())
    labels = 'cluster="orders",type="switchover_and_back",environment="ci",drill="spring"'
    assert found[f'firedrill_drill_alarms{{{labels},kind="window"}}'] == "1"
    checked = int(missed.at.timestamp())
    assert found["firedrill_drill_schedule_checked_timestamp_seconds"] == str(checked)


def test_names_with_quotes_and_line_ends_stay_inside_of_their_labels(missed: Alarmed) -> None:
    config = missed.config
    odd = config.drills[0]._replace(cluster='or"de\\rs\n')
    drill_program.alarm(config._replace(drills=(odd,), command=()), lambda: missed.at, say=missed.said.append)
    found = samples((missed.root / "due.prom").read_text())
    assert [each for each in found if 'cluster="or\\"de\\\\rs\\n"' in each]
