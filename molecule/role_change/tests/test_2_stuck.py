# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switchovers that get stuck half-way: what they say, what they leave, and where the command that they name next leads."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from lab.cluster import LAB_PASSWORD, make_licence
from lab.hosts.system import wait_for
from lab.sweep.bench import HOME, Bench, journal_state

RECORDS = f"{HOME}/instance/orders/firedrill/role_change"
LICENCE = f"{HOME}/license/license.xml"


def switchover(bench: Bench, target: str, **more: object) -> tuple[int, str]:
    """Run it; exit code and output, blanks folded."""
    code, text = bench.play("switchover.yml", "-e", json.dumps({"standby_target": target, **more}))
    assert "Traceback" not in text
    return code, re.sub(r"\s+", " ", text).replace("''", "'")


def words(bench: Bench, member: str) -> str:
    """What the journal of a member says to people."""
    return str(json.loads(bench.lab.run(member, ["cat", f"{RECORDS}/change.json"]).stdout)["words"])


@contextmanager
def session(bench: Bench, member: str, when: str = "true") -> Iterator[None]:
    """A login that stays, made as soon as a shell condition holds; its program is there already, so that it is quick. MARK is a file made just before."""
    mark = f"/tmp/held-{uuid.uuid4().hex[:8]}"
    script = (
        f"touch {mark}; (until {when.replace('MARK', mark)}; do sleep 0.02; done; echo \"CONN sys/'{LAB_PASSWORD}'\"; "
        f"while [ -e {mark} ]; do sleep 0.2; done) | tbsql -s >{mark}.said 2>&1; touch {mark}.over\n"
    )

    def there(path: str) -> None:
        wait_for(path, lambda: bench.lab.run(member, ["test", "-e", path], check=False).rc == 0, seconds=20)

    bench.lab.run(member, ["su", "-", "tibero", "-c", f"umask 077; cat > {mark}.sh"], stdin=script)
    bench.lab.run(member, ["su", "-", "tibero", "-c", f"nohup sh {mark}.sh </dev/null >/dev/null 2>&1 &"])
    there(mark)
    try:
        yield
    finally:
        bench.lab.run(member, ["rm", "-f", mark])
        there(f"{mark}.over")
        bench.lab.run(member, ["sh", "-c", f"rm -f {mark}.*"])


def test_sessions_that_stay_beyond_their_deadline(bench: Bench):
    with session(bench, "seoul1"):
        code, said = switchover(bench, "seoul2", role_change_sessions="wait", role_change_session_deadline=3)
    assert code != 0 and "After 3 s sessions are still connected to orders: (SID=" in said, said[-3000:]
    assert "The change is undone: taken back: seoul1 is primary as before." in said
    assert bench.primaries() == ["seoul1"]
    assert [journal_state(bench, name) for name in ("seoul1", "seoul2")] == ["undone", "undone"]


def test_a_stop_that_hangs_on_a_session_which_came_after_the_look(bench: Bench):
    with session(bench, "seoul1", when=f"[ {RECORDS}/lease -nt MARK ]"):
        code, said = switchover(bench, "seoul2", tibero_timeout=10)
        assert code != 0 and "tbdown -t SWITCHOVER still waits after 10 s; sessions seen before it: SID=" in said, said[
            -3000:
        ]
        assert "The change is needs a person: The stop of seoul1 was begun and waits, seoul2 is standby" in said
        assert journal_state(bench, "seoul1") == "needs a person"
        told = words(bench, "seoul1")
        assert "Next: end the programs of these sessions on their hosts and run the same command again" in told
        assert "RECOVERY" in bench.roles()["seoul2"], "nobody is promoted beside a primary that may still serve"
    code, said = switchover(bench, "seoul2")
    assert code == 0 and "stopped half-way and goes on" in said, said[-3000:]
    assert bench.primaries() == ["seoul2"]
    assert [journal_state(bench, name) for name in ("seoul1", "seoul2")] == ["done", "done"]


def test_a_promotion_that_fails_after_the_demotion(bench: Bench):
    expired = bench.place / "expired.xml"
    make_licence("seoul1", 7, 30, expired, "2020/01/01")
    bench.lab.run("seoul1", ["cp", "-p", LICENCE, f"{LICENCE}.good"])
    # Readiness would have told. An instance reads it at its boot only.
    bench.lab.run("seoul1", ["sh", "-c", f"cat > {LICENCE}"], stdin=expired.read_text())
    try:
        code, said = switchover(bench, "seoul1")
        assert code != 0 and "tbboot -t FAILOVER came to 'license': ERROR: License expired!!" in said, said[-3000:]
        assert "Taking it back failed too: tbboot -t RECOVERY came to 'license'" in said
        assert bench.primaries() == [] and "RECOVERY" in bench.roles()["seoul2"]
        for name in ("seoul1", "seoul2"):
            assert journal_state(bench, name) == "needs a person"
            told = words(bench, name)
            assert "Next: Get a new licence" in told and "run the same command again, which tries it once more" in told
    finally:
        bench.lab.run("seoul1", ["mv", f"{LICENCE}.good", LICENCE])
    code, said = switchover(bench, "seoul1")
    assert code == 0 and "stopped half-way and is taken back" in said, said[-3000:]
    assert bench.primaries() == ["seoul2"]
    assert [journal_state(bench, name) for name in ("seoul1", "seoul2")] == ["undone", "undone"]
    code, said = switchover(bench, "seoul1")
    assert code == 0 and bench.primaries() == ["seoul1"], said[-3000:]
