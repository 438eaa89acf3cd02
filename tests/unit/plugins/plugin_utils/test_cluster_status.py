# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table shows what a wait in vain saw last, not that the host did not answer."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.firedrill.standby.plugins.action import cluster_status as action


def test_a_wait_in_vain_is_shown_with_what_it_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    state = {
        "process": {"value": True, "source": "ps"},
        "role": {"value": "standby", "source": "x"},
        "open_mode": {"value": "recovery", "source": "x"},
        "position": {"value": "7", "source": "x"},
    }
    failed = {"failed": True, "msg": "Waited", "details": {"state": state, "last_seen": "TSN 7"}}
    plugin = action.ActionModule.__new__(action.ActionModule)
    plugin._task = SimpleNamespace(args={"members": ["busan1", "gone1"]})
    monkeypatch.setattr(action.ActionBase, "run", lambda *_: {})
    monkeypatch.setattr(action, "display", SimpleNamespace(display=lambda line: None))
    hostvars = {"busan1": {"standby_observation": failed}, "gone1": {}}
    rows = plugin.run(task_vars={"hostvars": hostvars, "ansible_play_hosts_all": []})["members"]
    busan, gone = ({key.lower(): value for key, value in row.items()} for row in rows)
    assert (busan["role"], busan["open_mode"], busan["position"]) == ("standby", "recovery", "7")
    assert gone["role"] == "UNKNOWN"
