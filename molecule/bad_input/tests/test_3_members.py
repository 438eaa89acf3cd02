# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the members can tell: licences, space, the target, and whether the two databases can go together."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench import PRIMARY, STANDBY, Bench, Played, says

from lab.cluster import make_licence


def play_with(bench: Bench, **variables: Any) -> Played:
    """setup_standby.yml with variables of the standby changed."""
    return bench.play("setup_standby.yml", changes={STANDBY: variables})


def book(bench: Bench, name: str, plays: list[dict[str, Any]]) -> Played:
    """Play what is no playbook of ours."""
    path = bench.workplace / name
    path.write_text(json.dumps(plays))
    return bench.play(str(path))


def as_tibero(host: str, *tasks: dict[str, Any]) -> dict[str, Any]:
    """A play on one member with the collection's usual options."""
    options = {"tb_home": "/home/tibero/tibero7", "tb_sid": "orders", "sys_password": "{{ tibero_sys_password }}"}
    return {
        "hosts": host,
        "gather_facts": False,
        "become": True,
        "become_user": "tibero",
        "module_defaults": {"group/firedrill.standby.tibero": options},
        "tasks": list(tasks),
    }


# ------------------------------------------------------------------------------------------------- licence


def licence(tmp_path: Path, host: str, age: int = 0) -> str:
    """A licence for 30 days that was made some days ago."""
    path = tmp_path / "license.xml"
    first = datetime.datetime.now(tz=datetime.UTC).date() - datetime.timedelta(days=age)
    make_licence(host, 7, 30, path, first.strftime("%Y/%m/%d"))
    return str(path)


def test_no_licence(bench: Bench, untouched: None):
    played = play_with(bench, tibero_license_file=None)
    says(
        played,
        "licence.own: observed no file",
        "expected a licence",
        "variable tibero_license_file",
        "nothing was changed",
    )


def test_expired_licence(bench: Bench, untouched: None, tmp_path: Path):
    played = play_with(bench, tibero_license_file=licence(tmp_path, STANDBY, age=40))
    says(
        played,
        "licence.own: observed expired on",
        "expected valid more than",
        "variable tibero_license_file",
        "nothing was changed",
    )


def test_foreign_licence(bench: Bench, untouched: None, tmp_path: Path):
    played = play_with(bench, tibero_license_file=licence(tmp_path, "daegu7"))
    says(
        played,
        "bound to host daegu7, this host calls itself busan1",
        "for this host and version",
        "variable tibero_license_file",
    )


# --------------------------------------------------------------------------------------- space and target


@pytest.fixture
def small_disk(bench: Bench) -> Iterator[None]:
    """The data directory of the standby on a disk that cannot hold the database."""
    bench.lab.run(STANDBY, ["sh", "-c", "mkdir -p /tbdata && mount -t tmpfs -o size=4m none /tbdata"])
    yield
    bench.lab.run(STANDBY, ["sh", "-c", "umount /tbdata && rmdir /tbdata"])


def test_no_space(bench: Bench, small_disk: None, untouched: None):
    says(play_with(bench), "FAIL space.", "MiB free", "/tbdata", "-> ", "nothing was changed")


@pytest.fixture
def somebodys_file(bench: Bench) -> Iterator[None]:
    """A file of somebody else where the database is to lie."""
    bench.lab.run(STANDBY, ["sh", "-c", "mkdir -p /tbdata/orders && echo precious > /tbdata/orders/system001.dtf"])
    yield
    bench.lab.run(STANDBY, ["sh", "-c", "grep -q precious /tbdata/orders/system001.dtf && rm -r /tbdata"])


def test_target_not_empty(bench: Bench, somebodys_file: None, untouched: None):
    says(
        play_with(bench),
        "target.state: observed foreign: /tbdata/orders/system001.dtf",
        "expected empty, or an unfinished copy of ours",
        "Move /tbdata/orders away if it may go; nothing is overwritten",
    )


# ------------------------------------------------------------------------------------- what must be equal


def test_another_db_name(bench: Bench, untouched: None):
    other = {"tibero_db_name": "other", "tibero_sid": "orders"}
    played = bench.play("setup_standby.yml", changes={PRIMARY: other, STANDBY: other})
    says(
        played,
        "database.name: observed other",
        "expected orders (primary)",
        "Set tibero_db_name to the name of the primary's database",
    )


def test_another_block_size(bench: Bench, untouched: None):
    played = play_with(bench, tibero_block_size=4096)
    says(
        played,
        "database.block_size: observed 4096",
        "expected 8192 (primary)",
        "Set tibero_block_size to the value of the primary",
    )


def test_another_byte_order(bench: Bench, untouched: None):
    # No host of another platform can be had here: the primary's own facts are handed over with another byte order and another processor.
    options = {
        "tb_home": "/home/tibero/tibero7",
        "tb_sid": "orders",
        "sys_password": "{{ tibero_sys_password }}",
        "judge": False,
    }
    options.update(
        member="{{ inventory_hostname }}", data_dir="{{ tibero_data_dir | default('/none') }}", archive_dir="/none"
    )
    foreign = "{{ hostvars.seoul1.seen.facts | combine({'endianness': {'value': 'big', 'source': 'made up'}, "
    foreign += "'cpu_architecture': {'value': 's390x', 'source': 'made up'}}) | to_json | b64encode }}"
    look = {"firedrill.standby.tibero_preflight": options, "register": "seen"}
    judge = {
        "firedrill.standby.tibero_preflight": {**options, "judge": True, "primary": foreign, "primary_member": PRIMARY}
    }
    plays = [
        {"hosts": host, "gather_facts": False, "tasks": [task]} for host, task in ((PRIMARY, look), (STANDBY, judge))
    ]
    says(
        book(bench, "platform.yml", plays),
        "platform.endianness: observed little; expected big (primary)",
        "platform.cpu_architecture: observed x86_64; expected s390x (primary)",
        "Take a host of the same kind",
    )


# ------------------------------------------------------------------------------------------- the primary


@pytest.fixture
def no_archives(bench: Bench) -> Iterator[None]:
    """The primary in NOARCHIVELOG."""

    def switch(state: str) -> None:
        played = book(
            bench,
            "archives.yml",
            [as_tibero(PRIMARY, {"firedrill.standby.tibero_archivelog": {"state": state, "restart": True}})],
        )
        assert played.code == 0, played.text

    switch("noarchivelog")
    yield
    switch("archivelog")


def test_noarchivelog_with_arch_async(bench: Bench, no_archives: None, untouched: None):
    says(
        play_with(bench),
        "primary.archive_mode: observed NOARCHIVELOG",
        "expected ARCHIVELOG (needed by ARCH ASYNC and a hot copy)",
        "ALTER DATABASE ARCHIVELOG",
    )


@pytest.fixture
def primary_down(bench: Bench) -> Iterator[None]:
    """The primary, stopped."""
    bench.tibero(PRIMARY, "tbdown", "-t", "IMMEDIATE")
    yield
    bench.tibero(PRIMARY, "tbboot")


def test_primary_down(bench: Bench, primary_down: None, untouched: None):
    says(play_with(bench), "No running primary; seen: seoul1", "stopped", "start the primary on its host with `tbboot`")
