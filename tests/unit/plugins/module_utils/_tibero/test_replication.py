# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of the statements keeps a primary alive at every step."""

from __future__ import annotations

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.replication import decide, plain

DEST = "LOG_REPLICATION_DEST_1"
SYNC = "10.0.0.2:8633 LGWR SYNC"


def statements(live, mode, **destinations):
    return [step.statement for step in decide(live, mode, destinations)]


def test_nothing_to_do():
    assert (
        decide(
            {"LOG_REPLICATION_MODE": "PERFORMANCE", DEST: "10.0.0.2:8633  lgwr sync"},
            "performance",
            {DEST: f'"{SYNC}"'},
        )
        == []
    )


def test_from_unprotected_the_mode_comes_first_then_the_destination():
    assert statements({}, "performance", **{DEST: SYNC}) == [
        "ALTER SYSTEM SET LOG_REPLICATION_MODE=PERFORMANCE",
        f'ALTER SYSTEM SET {DEST} = "{SYNC}"',
    ]


def test_a_stronger_mode_is_set_last_after_performance():
    assert statements({"LOG_REPLICATION_MODE": "UNPROTECTED"}, "protection", **{DEST: SYNC}) == [
        "ALTER SYSTEM SET LOG_REPLICATION_MODE=PERFORMANCE",
        f'ALTER SYSTEM SET {DEST} = "{SYNC}"',
        "ALTER SYSTEM SET LOG_REPLICATION_MODE=PROTECTION",
    ]
    assert statements({"LOG_REPLICATION_MODE": "PERFORMANCE"}, "availability", **{DEST: SYNC})[-1].endswith(
        "=AVAILABILITY"
    )


def test_a_weaker_mode_is_set_before_a_destination_changes():
    assert statements(
        {"LOG_REPLICATION_MODE": "PROTECTION", DEST: SYNC}, "performance", **{DEST: "10.0.0.9:8633 LGWR ASYNC"}
    ) == [
        "ALTER SYSTEM SET LOG_REPLICATION_MODE=PERFORMANCE",
        f'ALTER SYSTEM SET {DEST} = "10.0.0.9:8633 LGWR ASYNC"',
    ]


def test_only_what_differs_is_set():
    live = {"LOG_REPLICATION_MODE": "PERFORMANCE", DEST: SYNC}
    assert statements(live, "performance", **{DEST: SYNC, "LOG_REPLICATION_DEST_2": "h:1 ARCH ASYNC"}) == [
        'ALTER SYSTEM SET LOG_REPLICATION_DEST_2 = "h:1 ARCH ASYNC"'
    ]


def test_a_foreign_key_is_refused():
    with pytest.raises(Refusal, match="LISTENER_PORT"):
        decide({}, "performance", {"LISTENER_PORT": "1"})


def test_values_compare_by_meaning():
    assert plain(' "Host:1   lgwr  async" ') == "host:1 LGWR ASYNC"
    assert plain("performance") == "PERFORMANCE"
