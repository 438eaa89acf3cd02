# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a role gives a module the login, it also gives it the cluster's words of the status views."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TASKS = sorted(
    path.relative_to(ROOT)
    for path in ROOT.glob("roles/*/tasks/*.yml")
    if "sys_password:" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("path", TASKS, ids=str)
def test_words_go_with_the_login(path: Path) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    logins = text.count("sys_password:")
    assert text.count('status_words: "{{ tibero_status_words }}"') == logins
    assert text.count('open_mode_words: "{{ tibero_open_mode_words }}"') == logins
