# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may stand in a timer, and how words are quoted: accepted is only what systemd accepts as well, and a shell reads back what was meant."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import drill_units, timer_grammar
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal

GOOD = (
    "daily",
    "weekly UTC",
    "Sat 02:00",
    "Sat,Sun 02:00:30",
    "Mon..Fri *-*-* 02:00",
    "Sat *-*-01..07 02:00:00 Asia/Seoul",
    "Sat *-01,04,07,10-01..07 02:00/15",
    "2026-03-01",
    "03-01 00:00",
    "*:0/10",
    "saturday 01..05/2:30",
    "02:30 America/Argentina/Buenos_Aires",
)
BAD = (
    "",
    "sometimes",
    "Sat Sat 02:00",
    "02:00 Sat",
    "25:00",
    "*-13-01",
    "Fri..Mon 02:00",
    "02:60",
    "1-2-3-4",
    "Sat 2",
    "02:00 02:00",
    "*-*-0",
    "23/7:00",
    "*-*-31/1",
    "1..3/3:00",
)


@pytest.mark.parametrize("text", GOOD)
def test_known(text: str) -> None:
    timer_grammar.check_calendar(text)


@pytest.mark.parametrize("text", BAD)
def test_unknown_is_refused_and_shown(text: str) -> None:
    with pytest.raises(Refusal, match="is not known in"):
        timer_grammar.check_calendar(text)


def numbers(low: int, high: int) -> st.SearchStrategy[str]:
    one = st.integers(low, high)
    part = st.one_of(
        one.map("{:02}".format),
        st.tuples(one, one).map(lambda pair: "{:02}..{:02}".format(*sorted(pair))),
        st.tuples(st.integers(low, high - 5), st.integers(1, 5)).map(lambda pair: "{:02}/{}".format(*pair)),
        st.tuples(st.integers(low, high - 5), st.integers(1, 5)).map(
            lambda pair: f"{pair[0]:02}..{pair[0] + 5:02}/{pair[1]}"
        ),
    )
    return st.one_of(st.just("*"), st.lists(part, min_size=1, max_size=3).map(",".join))


calendars = st.builds(
    lambda day, month, date, hour, minute, zone: f"{day} *-{month}-{date} {hour}:{minute} {zone}".strip(),
    st.sampled_from(["", "Sat", "Mon..Wed,Sun", "friday"]),
    numbers(1, 12),
    numbers(1, 31),
    numbers(0, 23),
    numbers(0, 59),
    st.sampled_from(["", "UTC", "Asia/Seoul", "Europe/Berlin"]),
)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_knows_all_that_is_known_here() -> None:
    found: set[str] = {*GOOD, "friday *-01..01,01/5-* *:29..39,24/5 Europe/Berlin"}

    @given(calendars)
    def collect(text: str) -> None:
        timer_grammar.check_calendar(text)
        found.add(text)

    collect()
    done = subprocess.run(["systemd-analyze", "calendar", *found], capture_output=True, text=True, check=False)
    # What it has understood it may still give up on: a next elapse around a change of the clocks can be too far to look for.
    given_up = [line for line in done.stderr.splitlines() if line.startswith("Failed to determine next elapse for")]
    assert done.stderr.splitlines() == given_up, done.stderr
    assert done.stdout.count("Normalized form:") + len(given_up) == len(found)


@pytest.mark.parametrize(
    ("text", "fires", "not_then"),
    [
        ("0 2 * * 6", "2026-02-28 02:00", "2026-03-01 02:00"),
        ("*/15 2-4 * * sat,sun", "2026-03-01 04:45", "2026-03-01 04:46"),
        ("0 2 1-7 1,4,7,10 *", "2026-04-07 02:00", "2026-04-08 02:00"),
        ("30 2 1 * mon", "2026-03-02 02:30", "2026-03-03 02:30"),
        ("30 2 1 mar 0", "2026-03-01 02:30", "2026-04-01 02:30"),
        ("0 0 * * 7", "2026-03-01 00:00", "2026-03-02 00:00"),
        ("5/20 * * * *", "2026-03-01 00:45", "2026-03-01 00:46"),
        ("@weekly", "2026-03-01 00:00", "2026-03-02 00:00"),
    ],
)
def test_cron(text: str, fires: str, not_then: str) -> None:
    times = timer_grammar.cron_times(text)
    assert times.fires(time.strptime(fires, "%Y-%m-%d %H:%M"))
    assert not times.fires(time.strptime(not_then, "%Y-%m-%d %H:%M"))


@pytest.mark.parametrize(
    "text",
    ["", "* * * *", "60 * * * *", "* 24 * * *", "@reboot", "* * * * 8", "5-1 * * * *", "*/0 * * * *", "a * * * *"],
)
def test_cron_that_is_not_known(text: str) -> None:
    with pytest.raises(Refusal, match="crontab"):
        timer_grammar.cron_times(text)


words = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=1)


@given(st.lists(words, min_size=1))
def test_cron_and_its_shell_read_the_words_back(given_words: list[str]) -> None:
    line = timer_grammar.cron_line(given_words)
    # crontab(5): a % that no backslash stands before ends the command.
    assert not [at for at, sign in enumerate(line) if sign == "%" and line[at - 1 : at] != "\\"]
    assert shlex.split(line.replace("\\%", "%")) == given_words


@given(words)
def test_systemd_reads_a_word_back(word: str) -> None:
    text = timer_grammar.unit_word(word)
    inner = text[1:-1] if text.startswith('"') else text
    back, at = "", 0
    while at < len(inner):
        back += inner[at + 1] if inner[at] in "\\%$" else inner[at]
        at += 2 if inner[at] in "\\%$" else 1
    assert back == word


def test_a_line_end_is_refused() -> None:
    for quote in (timer_grammar.unit_word, lambda word: timer_grammar.cron_line([word])):
        for word in ("a\nb", "", "a\rb"):
            with pytest.raises(Refusal, match="another command"):
                quote(word)


TIMER = drill_units.Timer(
    "orders",
    "Drill of orders 100%",
    "dr",
    "Sat 02:00",
    "0 2 * * 6",
    3600,
    60,
    ("/opt/a b/100%/run", "/etc/c", "run", "orders"),
    ("/opt/a b/100%/run", "/etc/c", "ended", "orders"),
)


def test_units_and_cron_as_text() -> None:
    units = drill_units.units([TIMER, TIMER._replace(name="", ended=())])
    assert set(units) == {
        "firedrill-drill-orders.service",
        "firedrill-drill-orders.timer",
        "firedrill-drills-alarm.service",
        "firedrill-drills-alarm.timer",
    }
    service = units["firedrill-drill-orders.service"].splitlines()
    assert service[0] == drill_units.MARK
    for line in (
        "Type=oneshot",
        "User=dr",
        "TimeoutStartSec=3600",
        'ExecStart="/opt/a b/100%%/run" /etc/c run orders',
        'ExecStopPost="/opt/a b/100%%/run" /etc/c ended orders',
        "SuccessExitStatus=85",
        "Description=Drill of orders 100%%",
    ):
        assert line in service
    assert "ExecStopPost" not in units["firedrill-drills-alarm.service"]
    timer = units["firedrill-drill-orders.timer"].splitlines()
    for line in ("OnCalendar=Sat 02:00", "Persistent=true", "RandomizedDelaySec=60", "WantedBy=timers.target"):
        assert line in timer
    assert drill_units.cron_file([TIMER]).splitlines()[-1] == (
        "0 2 * * 6 dr (timeout --kill-after=60 3600 '/opt/a b/100\\%/run' /etc/c run orders; '/opt/a b/100\\%/run' /etc/c ended orders $?)"
        " 2>&1 | logger -t firedrill-drill-orders"
    )
