# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file of a primary gets its place on the standby, or a reason why it has none."""

from __future__ import annotations

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.files import standby_files

PRIMARY = {
    "name": "seoul1",
    "data_dir": "/db/orders",
    "archive_dir": "/db/arch",
    "control_files": ["/db/orders/c1.ctl"],
}
ELSEWHERE = {
    "name": "busan1",
    "data_dir": "/data/o",
    "archive_dir": "/data/arch",
    "control_files": ["/c/1.ctl", "/c/2.ctl"],
}
SAME = {**PRIMARY, "name": "seoul2"}


def test_paths_follow_the_data_directory():
    found = [
        {"path": "/db/orders/system001.dtf", "kind": "datafile"},
        {"path": "/db/orders/sub/.passwd", "kind": "password"},
        {"path": "/db/arch/log-t0-r0-s5.arc", "kind": "archive"},
        {"path": "/db/orders/c1.ctl", "kind": "controlfile"},
    ]
    targets = [entry["target"] for entry in standby_files(found, PRIMARY, ELSEWHERE)]
    assert targets == [
        "/c/1.ctl",
        "/c/2.ctl",
        "/data/o/system001.dtf",
        "/data/o/sub/.passwd",
        "/data/arch/log-t0-r0-s5.arc",
    ]


def test_a_file_elsewhere_keeps_its_path_only_if_the_directories_agree():
    found = [{"path": "/other/x.dtf", "kind": "datafile"}]
    assert standby_files(found, PRIMARY, SAME)[0]["target"] == "/other/x.dtf"
    with pytest.raises(Refusal, match=r"/other/x\.dtf of seoul1"):
        standby_files(found, PRIMARY, ELSEWHERE)


def test_a_neighbour_with_the_same_beginning_is_not_below():
    with pytest.raises(Refusal):
        standby_files([{"path": "/db/orders2/x.dtf", "kind": "datafile"}], PRIMARY, ELSEWHERE)


def test_two_files_never_share_a_place():
    found = [{"path": "/a/log1.arc", "kind": "archive"}, {"path": "/b/log1.arc", "kind": "archive"}]
    with pytest.raises(Refusal, match="would both become"):
        standby_files(found, PRIMARY, ELSEWHERE)


def test_an_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match="unknown kind"):
        standby_files([{"path": "/x", "kind": "magic"}], PRIMARY, SAME)
