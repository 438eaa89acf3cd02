# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switchovers that must not begin: the message, and that the primary stayed what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from lab.sweep.bench import HOME, Bench

JOURNAL = f"{HOME}/instance/orders/firedrill/role_change/change.json"


def refused(bench: Bench, *arguments: str, target: str = "seoul2") -> str:
    """The output of a run that was refused, blanks folded; the roles are as before."""
    code, text = bench.play("switchover.yml", "-e", f"standby_target={target}", *arguments)
    folded = re.sub(r"\s+", " ", text).replace("''", "'")
    assert code != 0, folded[-2000:]
    assert "To do:" in folded and "Traceback" not in folded
    assert bench.primaries() == ["seoul1"]
    return folded


@contextmanager
def stopped(bench: Bench, member: str) -> Iterator[None]:
    """A standby that is stopped for a while."""
    tibero(bench, member, "tbdown")
    try:
        yield
    finally:
        tibero(bench, member, "tbboot -t RECOVERY")


def tibero(bench: Bench, member: str, line: str) -> None:
    """Run a program of Tibero, whose daemons keep nothing open that we wait for."""
    bench.lab.run(member, ["su", "-", "tibero", "-c", f"{line} </dev/null >/tmp/said 2>&1"], timeout=120)


def test_a_target_that_is_no_member(bench: Bench):
    assert "standby_target is 'seoul9'. Allowed is one of the members: seoul1, seoul2, busan1" in refused(
        bench, target="seoul9"
    )


def test_a_target_that_is_stopped(bench: Bench):
    with stopped(bench, "seoul2"):
        assert "seoul2 is stopped" in refused(bench)


def test_a_target_that_lags_beyond_the_limit(bench: Bench):
    assert "The limit is -1" in refused(bench, "-e", "role_change_max_lag=-1")


def test_a_member_that_does_not_answer(bench: Bench):
    bench.lab.cut("busan1", "controller")
    try:
        assert "No answer from busan1" in refused(bench)
    finally:
        bench.lab.heal("busan1", "controller")


def test_sessions_are_named(bench: Bench):
    held = f"(echo \"CONN sys/'lab_Sys-7.secret'\"; sleep 60) | {HOME}/client/bin/tbsql -s"
    script = f"su - tibero -c 'nohup sh -c {quoted(held)} >/dev/null 2>&1 & echo $!'"
    number = bench.lab.run("seoul1", ["sh", "-c", script]).stdout.strip().splitlines()[-1]
    try:
        said = refused(bench)
        assert re.search(r"1 session\(s\) are connected to orders: \(SID=\d+; SERIAL#=\d+; USERNAME=SYS", said), said[
            -2000:
        ]
        assert "role_change_sessions" in said
    finally:
        bench.lab.run("seoul1", ["sh", "-c", f"pkill -P {number}; kill {number}; pkill -u tibero tbsql; true"])


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'


def test_too_few_forks(bench: Bench):
    assert "forks is 1" in refused(bench, "-f", "1")


def test_the_shorter_order_only_in_performance(bench: Bench):
    said = refused(bench, "-e", '{"role_change_promote_first": true, "tibero_protection_mode": "availability"}')
    assert "role_change_promote_first is true and tibero_protection_mode is 'availability'" in said


def test_a_journal_that_cannot_be_read(bench: Bench):
    bench.lab.run(
        "busan1", ["su", "-", "tibero", "-c", f"mkdir -p -m 700 $(dirname {JOURNAL}) && echo torn > {JOURNAL}"]
    )
    try:
        assert "cannot be read as a journal" in refused(bench)
    finally:
        bench.lab.run("busan1", ["rm", "-f", JOURNAL])


def test_an_observer_is_recognised(bench: Bench):
    tip = f"{HOME}/config/orders.tip"
    bench.lab.run("seoul2", ["sh", "-c", f"cp -p {tip} /tmp/tip && echo STANDBY_USE_OBSERVER=Y >> {tip}"])
    try:
        assert "cmrctl switchover" in refused(bench)
    finally:
        bench.lab.run("seoul2", ["cp", "-p", "/tmp/tip", tip])


def test_what_was_refused_leaves_nothing_in_the_way(bench: Bench):
    code, text = bench.play("switchover.yml", "-e", "standby_target=seoul1")
    assert code == 0, text[-2000:]
