# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tibero_tip and tibero_dsn: what is written, what is refused, what is left alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed, Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import config_file
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.config_tasks import ensure_dsn, ensure_tip
from tests.unit.plugins.module_utils._tibero.fake_tibero import FakeTibero

TIP = {"absent": [], "exclusive": False, "generate": False, "backup": False}


@pytest.fixture
def fake(tmp_path: Path) -> FakeTibero:
    return FakeTibero(tmp_path)


def tip(fake: FakeTibero, parameters: dict[str, Any], check: bool = False, **more: Any) -> Any:
    return ensure_tip(fake.context(check, **{**TIP, "parameters": parameters, **more}))


def test_tip_changes_once_and_keeps_the_rest(fake: FakeTibero) -> None:
    fake.tip.write_text(fake.tip.read_text() + "# by hand\nMEMORY_TARGET=2048M#was 4G\n")
    outcome = tip(fake, {"MEMORY_TARGET": "4G", "LOG_REPLICATION_DEST_1": "10.0.0.2:8633 LGWR ASYNC"})
    text = fake.tip.read_text()
    assert outcome.changed and "MEMORY_TARGET=4G#was 4G" in text and "# by hand" in text
    assert 'LOG_REPLICATION_DEST_1="10.0.0.2:8633 LGWR ASYNC"' in text
    assert [change["kind"] for change in outcome.values["changes"]] == ["changed", "added"]
    assert outcome.before != outcome.after == text
    assert os.stat(fake.tip).st_mode & 0o777 == 0o640
    again = tip(fake, {"MEMORY_TARGET": "4096M", "LOG_REPLICATION_DEST_1": "10.0.0.2:8633 lgwr async"})
    assert not again.changed and fake.tip.read_text() == text


def test_tip_check_mode_predicts_and_writes_nothing(fake: FakeTibero) -> None:
    before = fake.tip.read_text()
    outcome = tip(fake, {"MEMORY_TARGET": "4G"}, check=True)
    assert outcome.changed and "MEMORY_TARGET=4G" in outcome.after and fake.tip.read_text() == before
    assert tip(fake, {"MEMORY_TARGET": "4G"}).after == outcome.after


def test_tip_absent_exclusive_and_backup(fake: FakeTibero) -> None:
    tip(fake, {"MAX_SESSION_COUNT": 20, "BOOT_WITH_AUTO_DOWN_CLEAN": False})
    assert "BOOT_WITH_AUTO_DOWN_CLEAN=N" in fake.tip.read_text()
    outcome = tip(fake, {}, absent=["MAX_SESSION_COUNT"], backup=True)
    assert "MAX_SESSION_COUNT" not in fake.tip.read_text()
    assert "MAX_SESSION_COUNT=20" in Path(outcome.values["backup_file"]).read_text()
    kept = {"DB_NAME": "orders", "LISTENER_PORT": 8629, "CONTROL_FILES": [f"{fake.data}/c1.ctl"]}
    tip(fake, kept, exclusive=True)
    assert [line.split("=")[0] for line in fake.tip.read_text().split()] == list(kept)


def test_tip_reads_values_as_they_stand_in_a_tip(fake: FakeTibero) -> None:
    assert tip(fake, {"CONTROL_FILES": '"/a/c1.ctl","/b/c2.ctl"'}).changed
    assert 'CONTROL_FILES="/a/c1.ctl","/b/c2.ctl"' in fake.tip.read_text()
    assert not tip(fake, {"CONTROL_FILES": ["/a/c1.ctl", "/b/c2.ctl"]}).changed


@pytest.mark.parametrize(
    ("parameters", "absent", "says"),
    [
        ({"CONTROL_FILES": ["relative.ctl"]}, [], "260042"),
        ({"LOG_REPLICATION_MODE": "SAFEST"}, [], "350004"),
        ({"LOG_REPLICATION_DEST_1": "10.0.0.2 LGWR ASYNC"}, [], "LGWR SYNC, LGWR ASYNC, ARCH ASYNC"),
        ({"LOG_REPLICATION_DEST_1": "10.0.0.2:8633 ARCH SYNC"}, [], "LGWR SYNC"),
        ({"STANDBY_FILE_NAME_CONVERT": "/a,b"}, [], "not absolute"),
        ({"STANDBY_FILE_NAME_CONVERT": "/a"}, [], "pairs"),
        ({"MEMORY_TARGET": "@MEM@"}, [], "placeholder"),
        ({"MEMORY_TARGET": "it's"}, [], "without quotes"),
        ({"MEMORY_TARGET": None}, [], "absent"),
        ({"MEMORY_TARGET": {"a": 1}}, [], "absent"),
        ({"MEMORY_TARGET": "1G"}, ["memory_target"], "Both present and absent"),
        ({}, ["DB_NAME"], "260021"),
    ],
)
def test_tip_refuses_what_tbboot_would(
    fake: FakeTibero, parameters: dict[str, Any], absent: list[str], says: str
) -> None:
    before = fake.tip.read_text()
    with pytest.raises(Refusal) as caught:
        tip(fake, parameters, absent=absent)
    assert says in str(caught.value) and caught.value.nothing_changed
    assert fake.tip.read_text() == before


def test_tip_with_a_key_twice_is_refused_unless_the_key_is_named(fake: FakeTibero) -> None:
    fake.tip.write_text(fake.tip.read_text() + "MEMORY_TARGET=1G\nMEMORY_TARGET=2G\n")
    with pytest.raises(Refusal, match="defined twice"):
        tip(fake, {"MAX_SESSION_COUNT": 10})
    assert tip(fake, {"MEMORY_TARGET": "2G"}).changed
    assert fake.tip.read_text().count("MEMORY_TARGET") == 1


def test_tip_is_generated_only_where_there_is_none(fake: FakeTibero) -> None:
    fake.tip.unlink()
    with pytest.raises(Refusal, match="260021"):
        tip(fake, {"MEMORY_TARGET": "1G"})
    assert not fake.tip.exists()
    outcome = tip(fake, {"MEMORY_TARGET": "1G"}, generate=True)
    assert outcome.changed and outcome.values["generated"] and "DB_NAME=orders" in fake.tip.read_text()
    assert not tip(fake, {"MEMORY_TARGET": "1G"}, generate=True).changed
    assert len(fake.of("gen_tip.sh")) == 1


def test_tip_without_installation(fake: FakeTibero) -> None:
    with pytest.raises(Refusal, match="not a directory"):
        tip(fake, {}, tb_home="/nowhere/tibero")


def test_tip_tells_what_needs_a_restart(fake: FakeTibero) -> None:
    fake.enter("NORMAL")
    fake.parameters = {
        "MEMORY_TARGET": "2147483648",
        "MAX_SESSION_COUNT": "20",
        "CONTROL_FILES": f"{fake.data}/c1.ctl",
        "BOOT_WITH_AUTO_DOWN_CLEAN": "NO",
    }
    values = tip(
        fake,
        {
            "MEMORY_TARGET": "2G",
            "MAX_SESSION_COUNT": 30,
            "CONTROL_FILES": [f"{fake.data}/c1.ctl"],
            "BOOT_WITH_AUTO_DOWN_CLEAN": False,
            "_UNLISTED": "x",
        },
    ).values
    assert (values["restart_required"], values["restart_check"]) == (["MAX_SESSION_COUNT"], "done")


def test_tip_says_when_the_running_values_are_not_known(fake: FakeTibero) -> None:
    assert tip(fake, {"MEMORY_TARGET": "2G"}).values["restart_check"] == "stopped"
    fake.enter("NORMAL")
    fake.login_error = 17001
    values = tip(fake, {"MEMORY_TARGET": "2G"}).values
    assert values["restart_required"] == [] and "17001" in values["restart_check"]


def test_a_write_that_fails_leaves_the_old_file(fake: FakeTibero, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fake.tip.read_text()

    def broken(source: str, target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(config_file.os, "rename", broken)
    with pytest.raises(OSError, match="No space"):
        tip(fake, {"MEMORY_TARGET": "2G"})
    assert fake.tip.read_text() == before
    assert not [name for name in os.listdir(fake.tip.parent) if name.startswith(".firedrill")]


def test_bytes_that_are_no_utf8_survive(fake: FakeTibero) -> None:
    fake.tip.write_bytes(fake.tip.read_bytes() + b"# \xc7\xd1\xb1\xdb\n")
    tip(fake, {"MEMORY_TARGET": "2G"})
    assert b"# \xc7\xd1\xb1\xdb\n" in fake.tip.read_bytes()


def alias(name: str, host: str = "10.0.0.1", port: int = 8629) -> dict[str, Any]:
    return {
        "name": name,
        "instances": [{"host": host, "port": port, "db_name": "orders"}],
        "load_balance": None,
        "use_failover": None,
    }


def dsn(fake: FakeTibero, aliases: list[dict[str, Any]], check: bool = False, **more: Any) -> Any:
    params = {"path": None, "aliases": aliases, "absent": [], "backup": False, **more}
    return ensure_dsn(fake.context(check, **params))


def test_dsn_adds_changes_removes_and_keeps(fake: FakeTibero) -> None:
    path = fake.home / "client" / "config" / "tbdsn.tbr"
    path.write_text("# mine\nother=((INSTANCE=(HOST=x)(PORT=1)(DB_NAME=y)))\n")
    assert dsn(fake, [alias("seoul1")], check=True).changed and "seoul1" not in path.read_text()
    assert dsn(fake, [alias("seoul1")]).values["changes"] == [{"alias": "seoul1", "kind": "added"}]
    assert path.read_text().startswith("# mine\nother=((INSTANCE=(HOST=x)(PORT=1)(DB_NAME=y)))\n")
    assert not dsn(fake, [alias("seoul1")]).changed
    assert dsn(fake, [alias("seoul1", port=9629)]).values["changes"] == [{"alias": "seoul1", "kind": "changed"}]
    outcome = dsn(fake, [], absent=["seoul1", "never"])
    assert outcome.values["changes"] == [{"alias": "seoul1", "kind": "removed"}]
    assert not dsn(fake, [], absent=["seoul1"]).changed


def test_dsn_makes_the_file_where_there_is_none(fake: FakeTibero) -> None:
    assert not dsn(fake, []).changed
    assert dsn(fake, [alias("seoul1")]).changed
    assert (fake.home / "client" / "config" / "tbdsn.tbr").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("aliases", "absent", "says"),
    [
        ([alias("seoul-1")], [], "letters, digits and underscores"),
        ([alias("a", host="x y")], [], "without blanks"),
        ([alias("a", port=0)], [], "between 1 and 65535"),
        ([alias("a"), alias("a")], [], "Name each alias once"),
        ([alias("a")], ["a"], "Name each alias once"),
    ],
)
def test_dsn_refusals(fake: FakeTibero, aliases: list[dict[str, Any]], absent: list[str], says: str) -> None:
    with pytest.raises(Refusal) as caught:
        dsn(fake, aliases, absent=absent)
    assert says in str(caught.value)


def test_a_gateway_alias_is_never_overwritten(fake: FakeTibero) -> None:
    path = fake.home / "client" / "config" / "tbdsn.tbr"
    path.write_text("gate=((GATEWAY=(LISTENER=(HOST=x)(PORT=1))))\n")
    with pytest.raises(Refusal, match="gateway"):
        dsn(fake, [alias("gate")])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("seoul1=((INSTANCE=(HOST=10.0.0.1)(PORT=8629)(DB_NAME=orders))(RETRY=3#4))\n", "alias seoul1: RETRY '3#4'"),
        ("seoul1=((INSTANCE=(HOST=10.0.0.1)(PORT=8629)(DB_NAME=orders)(NET=a#b)))\n", "alias seoul1: NET 'a#b'"),
    ],
)
def test_dsn_refuses_an_alias_of_ours_that_clients_would_trip_over(fake: FakeTibero, text: str, says: str) -> None:
    path = fake.home / "client" / "config" / "tbdsn.tbr"
    path.write_text(text)
    with pytest.raises(Refusal) as caught:
        dsn(fake, [alias("seoul1")])
    assert says in str(caught.value) and "To do: Correct the alias" in str(caught.value)
    assert path.read_text() == text


def test_dsn_tells_of_other_aliases_and_leaves_them(fake: FakeTibero) -> None:
    path = fake.home / "client" / "config" / "tbdsn.tbr"
    other = "else=((INSTANCE=(HOST=x)(PORT=99999)(DB_NAME=y)))\n"
    path.write_text(other)
    outcome = dsn(fake, [alias("seoul1")])
    assert outcome.changed and path.read_text().startswith(other)
    assert outcome.warnings == [
        f"{path}, line 1: alias else: PORT '99999' is no port between 1 and 65535; it was left as it is"
    ]


def test_gen_tip_that_fails_is_said(fake: FakeTibero) -> None:
    fake.tip.unlink()
    fake._gen_tip_sh = lambda command: "cannot write\n"  # type: ignore[method-assign]
    with pytest.raises(CommandFailed, match="Done"):
        tip(fake, {}, generate=True)


def test_gen_tip_without_its_x_bit_is_run_all_the_same(fake: FakeTibero) -> None:
    fake.tip.unlink()
    (fake.home / "config" / "gen_tip.sh").chmod(0o644)
    tip(fake, {}, generate=True)
    assert fake.of("gen_tip.sh")[0].argv == ("/bin/bash", f"{fake.home}/config/gen_tip.sh")
