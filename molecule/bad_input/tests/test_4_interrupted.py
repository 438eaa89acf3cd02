# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C at several moments, the network gone in mid-copy, the same playbook twice at once: nothing is lost, and the right input works."""

from __future__ import annotations

from bench import PRIMARY, STANDBY, Bench
from fingerprint import difference

#: Bytes per second: a copy that lasts long enough to be interrupted.
SLOW = {PRIMARY: {"standby_seed_rate_limit": 24000000}, STANDBY: {"standby_seed_rate_limit": 24000000}}
COPYING = "TASK [firedrill.standby.standby : Copy the files (data)]"


def processes(found: dict[str, object]) -> set[str]:
    return {f"{key} {value}" for key, value in found.items() if key.startswith("process ") and "tbsvr" in str(value)}


def bytes_there(bench: Bench) -> int:
    """Bytes that lie in the data directory of the standby."""
    return int(bench.lab.run(STANDBY, ["sh", "-c", "cat $(find /tbdata -type f 2>/dev/null) /dev/null | wc -c"]).stdout)


def test_ctrl_c_in_the_preflight(bench: Bench):
    before = bench.fingerprint()
    played = bench.interrupt(
        {}, when=lambda text: "TASK [firedrill.standby.preflight : Look at the primary" in text, held=STANDBY
    )
    assert played.code != 0
    # The ports that are held open for the other side close by themselves, after a while.
    left = difference(before, bench.fingerprint())
    assert [line for line in left if "process" not in line and "/tmp/.firedrill-preflight" not in line] == []


def test_ctrl_c_in_the_copy(bench: Bench):
    before = processes(bench.fingerprint()[PRIMARY])
    played = bench.interrupt(SLOW, when=lambda text: COPYING in text and bytes_there(bench) > 1000000)
    assert played.code != 0
    assert before <= processes(bench.fingerprint()[PRIMARY])


def test_ctrl_c_between_the_parts(bench: Bench):
    before = processes(bench.fingerprint()[PRIMARY])
    played = bench.interrupt(
        {}, when=lambda text: "TASK [firedrill.standby.standby : Make a key for the copy (logs)]" in text
    )
    assert played.code != 0
    assert before <= processes(bench.fingerprint()[PRIMARY])
