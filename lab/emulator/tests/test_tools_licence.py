# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Licences: the recorded structure, and one refusal for each thing that can be wrong."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from tools_support import recording

from tibero_emulator import licence
from tibero_emulator import settings as switches

SETTINGS = {**switches.defaults(), "licence_host": "db1"}
TODAY = date(2026, 3, 10)


def install(home: Path, text: str) -> str:
    (home / "license").mkdir(exist_ok=True)
    (home / "license" / "license.xml").write_text(text, encoding="iso-8859-1")
    return str(home)


def made(host: str = "db1", days: int = 30, **more: object) -> str:
    return licence.render(licence.make(host, days, start=TODAY, **more))  # type: ignore[arg-type]


def test_a_good_licence_passes_on_its_first_and_last_day_only(tmp_path: Path) -> None:
    home = install(tmp_path, made(days=3))
    assert licence.check(home, "7", SETTINGS, date(2026, 3, 10)).limit_user == "20"
    assert licence.check(home, "7", SETTINGS, date(2026, 3, 12)).end_date == "2026/03/12"
    for day in (date(2026, 3, 9), date(2026, 3, 13)):
        with pytest.raises(licence.LicenceError, match="License expired"):
            licence.check(home, "7", SETTINGS, day)


def test_the_structure_is_the_recorded_one() -> None:
    tags = re.compile(r"^(\t*)<(/?\w+)", re.MULTILINE)
    ours = [found for found in tags.findall(made()) if found[1] != "tsc"]
    assert ours == tags.findall(recording("t7-license-xml-structure"))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda text: text.replace("<end_date>2026", "<end_date>2036"), 360007),
        (lambda text: text.replace(">db1<", ">db2<"), 360007),
        (lambda text: text.replace("7.2.3", "6"), 360006),
        (lambda text: text[:200], 360006),
        (lambda text: text.replace("limit_user", "limit_users"), 360006),
        (lambda text: recording("t7-license-xml-structure"), 360007),
    ],
)
def test_a_changed_licence_is_refused(tmp_path: Path, change: object, code: int) -> None:
    home = install(tmp_path, change(made()))  # type: ignore[operator]
    with pytest.raises(licence.LicenceError) as caught:
        licence.check(home, "7", SETTINGS, TODAY)
    assert caught.value.code == code


def test_a_foreign_host_is_refused_unless_switched_off(tmp_path: Path) -> None:
    home = install(tmp_path, made("db2"))
    with pytest.raises(licence.LicenceError, match="Mismatch host id"):
        licence.check(home, "7", SETTINGS, TODAY)
    licence.check(home, "7", {**SETTINGS, "licence_check_host": False}, TODAY)


def test_a_missing_licence_names_the_path_in_a_box_of_73(tmp_path: Path) -> None:
    with pytest.raises(licence.LicenceError) as caught:
        licence.check(str(tmp_path), "7", SETTINGS, TODAY)
    lines = caught.value.render().splitlines()
    assert lines[0] == lines[-1] == "*" * 73
    assert lines[1] == "* ERROR: Can't open the license file!!"
    assert lines[2] == f"* (1) Check the license file - {tmp_path}/license/license.xml"


def test_kinds_differ_in_what_they_allow() -> None:
    allowed = {kind: licence.make("h", 1, kind) for kind in licence.KINDS}
    assert [kind for kind, one in allowed.items() if licence.allows_replication(one)] == ["tsc", "trial", "single"]
    assert [kind for kind, one in allowed.items() if licence.allows_read_only_standby(one)] == ["tsc", "trial"]
