# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a host: a directory plays the host, and this machine plays itself."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import network
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import known, unknown
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import host_facts, preflight
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.host_facts import OwnProcesses

OWN = OwnProcesses("/tibero/tibero7", "orders")


def put(root: Path, path: str, text: str | bytes) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(text if isinstance(text, bytes) else text.encode())


def test_every_fact_has_a_documented_name() -> None:
    assert set(host_facts.platform_facts()) <= set(preflight.FACTS)


def test_platform_of_this_machine() -> None:
    found = host_facts.platform_facts()
    assert found["host_name"].value == os.uname().nodename
    assert found["word_size"].value in (32, 64) and found["endianness"].value in ("little", "big")
    assert abs(found["clock"].value["wall"] - time.time()) < 5


def test_os_release(tmp_path: Path) -> None:
    assert host_facts.os_release(str(tmp_path)) == ""
    put(tmp_path, "etc/os-release", 'NAME="Rocky Linux"\nID="rocky"\nVERSION_ID="9.3"\n')
    assert host_facts.os_release(str(tmp_path)) == "rocky 9.3"
    assert host_facts.platform_facts(str(tmp_path / "none"))["os_release"].is_known is False


def test_kernel_parameters_as_far_as_they_are_shown(tmp_path: Path) -> None:
    assert not host_facts.kernel_parameters(str(tmp_path)).is_known
    put(tmp_path, "proc/sys/kernel/sem", "250\t32000\t32\t128\n")
    put(tmp_path, "proc/sys/kernel/shmmax", "18446744073692774399\n")
    values = host_facts.kernel_parameters(str(tmp_path)).value
    assert (
        values["sem"] == [250, 32000, 32, 128]
        and values["shmmax"] == "18446744073692774399"
        and values["aio_max_nr"] is None
    )


def test_memory(tmp_path: Path) -> None:
    put(tmp_path, "proc/meminfo", "MemTotal:       16316844 kB\nMemFree: 1 kB\n")
    assert host_facts.memory(str(tmp_path)).value["ram_bytes"] == 16316844 * 1024
    assert not host_facts.memory(str(tmp_path / "none")).is_known


@pytest.mark.parametrize(
    ("files", "uid", "value"),
    [
        ({}, 1001, "exempt"),
        ({"run/systemd/system/x": ""}, 1001, "default"),
        ({"run/systemd/system/x": ""}, 200, "exempt"),
        ({"run/systemd/system/x": "", "etc/login.defs": "SYS_UID_MAX 100\n"}, 200, "default"),
        ({"run/systemd/system/x": "", "etc/systemd/logind.conf": "[Login]\n#RemoveIPC=no\n"}, 1001, "default"),
        ({"run/systemd/system/x": "", "etc/systemd/logind.conf": "[Login]\nRemoveIPC=yes\n"}, 1001, "yes"),
        (
            {
                "run/systemd/system/x": "",
                "etc/systemd/logind.conf": "RemoveIPC=yes\n",
                "etc/systemd/logind.conf.d/50-tibero.conf": "RemoveIPC=no\n",
            },
            1001,
            "no",
        ),
        (
            {
                "run/systemd/system/x": "",
                "etc/systemd/logind.conf.d/10-a.conf": "RemoveIPC=no\n",
                "usr/lib/systemd/logind.conf.d/90-b.conf": "RemoveIPC=yes\n",
            },
            1001,
            "yes",
        ),
    ],
)
def test_remove_ipc(tmp_path: Path, files: dict[str, str], uid: int, value: str) -> None:
    for path, text in files.items():
        put(tmp_path, path, text)
    assert host_facts.remove_ipc(str(tmp_path), uid).value == value


def test_space_of_a_directory_that_is_not_there_yet(tmp_path: Path) -> None:
    found = host_facts.space({"data": str(tmp_path / "a" / "b"), "archive": str(tmp_path)}).value
    assert found["data"]["device"] == found["archive"]["device"] and found["data"]["free_bytes"] > 0
    assert found["data"]["path"].endswith("/a/b")


def test_password_file_never_shows_its_content(tmp_path: Path) -> None:
    path = tmp_path / ".passwd"
    assert host_facts.password_file(str(path), "salt").value["digest"] is None
    path.write_bytes(b"the secret of forty-four bytes")
    one, same, other = (host_facts.password_file(str(path), salt) for salt in ("salt", "salt", "pepper"))
    assert one == same and one.value["digest"] != other.value["digest"]
    assert "secret" not in repr(one)
    assert not host_facts.password_file(str(tmp_path), "salt").is_known


def test_ports_free_and_foreign() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert host_facts.ports({"listener": port}, OWN).value[0]["state"] == "free"
        server.listen(1)
        (held,) = host_facts.ports({"listener": port}, OWN).value
    assert held["state"] == "foreign" and str(os.getpid()) in held["holder"]


@pytest.mark.parametrize(
    ("title", "environ", "state"),
    [
        (b"tbsvr          -t NORMAL -SVR_SID orders\0", b"TB_HOME=/tibero/tibero7\0TB_SID=orders\0", "ours"),
        (b"/tibero/tibero7/bin/tblistener\0-n\0", b"TB_HOME=/tibero/tibero7\0TB_SID=orders\0", "ours"),
        (b"tbsvr          -t NORMAL -SVR_SID orders\0", None, "ours"),
        (b"tbsvr          -t NORMAL -SVR_SID orders\0", b"TB_HOME=/other\0TB_SID=orders\0", "foreign"),
        (b"tbsvr          -t NORMAL -SVR_SID stock\0", b"TB_HOME=/tibero/tibero7\0", "foreign"),
        (b"nginx: master\0", b"TB_HOME=/tibero/tibero7\0TB_SID=orders\0", "foreign"),
    ],
)
def test_whose_port_it_is(tmp_path: Path, title: bytes, environ: bytes | None, state: str) -> None:
    tcp = "  sl ...\n   0: 00000000:21B5 00000000:0000 0A 0:0 00:0 0 1001 0 4711 1\n"
    put(tmp_path, "net/tcp", tcp)
    put(tmp_path, "77/cmdline", title)
    (tmp_path / "77/fd").mkdir(parents=True)
    (tmp_path / "77/fd/5").symlink_to("socket:[4711]")
    if environ is not None:
        put(tmp_path, "77/environ", environ)
    (held,) = host_facts.ports({"listener": 8629}, OWN, str(tmp_path)).value
    assert held["state"] == state and "[77]" in held["holder"]


def test_a_holder_that_cannot_be_seen_is_foreign_with_its_uid(tmp_path: Path) -> None:
    put(tmp_path, "net/tcp", "   0: 00000000:21B5 00000000:0000 0A 0:0 00:0 0 1001 0 4711 1\n")
    (held,) = host_facts.ports({"listener": 8629}, OWN, str(tmp_path)).value
    assert held == {"name": "listener", "port": 8629, "state": "foreign", "holder": "a process of uid 1001"}
    assert not host_facts.ports({"listener": 8629}, OWN, str(tmp_path / "none")).is_known


def test_a_holder_of_our_own_uid_that_cannot_be_seen_is_unknown(tmp_path: Path) -> None:
    put(tmp_path, "net/tcp", f"   0: 00000000:21B5 00000000:0000 0A 0:0 00:0 0 {os.geteuid()} 0 4711 1\n")
    (held,) = host_facts.ports({"listener": 8629}, OWN, str(tmp_path)).value
    assert held["state"] == "unknown"
    assert held["holder"] == (
        f"a process of our own uid {os.geteuid()} whose open files cannot be read, so it may be this instance or not"
    )


def test_the_owner_of_the_installation_is_ours_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "net/tcp", f"   0: 00000000:21B5 00000000:0000 0A 0:0 00:0 0 {os.getuid()} 0 4711 1\n")
    monkeypatch.setattr(os, "geteuid", lambda: 4194304)
    own = OWN._replace(tb_home=str(tmp_path))
    assert host_facts.ports({"listener": 8629}, own, str(tmp_path)).value[0]["state"] == "unknown"


def test_a_file_that_was_closed_meanwhile_hides_no_holder(tmp_path: Path) -> None:
    put(tmp_path, "net/tcp", "   0: 00000000:21B5 00000000:0000 0A 0:0 00:0 0 1001 0 4711 1\n")
    (tmp_path / "77/fd").mkdir(parents=True)
    (tmp_path / "77/fd/1").write_text("no link: readlink fails, as it does for a file that is closed by now")
    (tmp_path / "77/fd/5").symlink_to("socket:[4711]")
    assert network.holders(["4711"], str(tmp_path)) == {"4711": 77}


def test_rmgr_jobs_show_what_they_do_and_no_secret(tmp_path: Path) -> None:
    put(tmp_path, "proc/12/cmdline", b"/tb/bin/tbrmgr\0recover\0--wallet\0hunter2\0")
    put(tmp_path, "proc/13/cmdline", b"vi\0tbrmgr.txt\0")
    assert host_facts.rmgr_jobs(str(tmp_path)).value == ["tbrmgr recover [12]"]
    assert not host_facts.rmgr_jobs(str(tmp_path / "none")).is_known


def test_names() -> None:
    found = host_facts.names([{"host": "127.0.0.1"}, {"host": "no-such-host.invalid"}]).value
    assert found[0]["addresses"] == ["127.0.0.1"] and found[1]["error"]


NOTHING = unknown("-", "-")


def probes(name: str, *ahead: tuple[float, float] | None):  # type: ignore[no-untyped-def]
    return known([{"name": name, "ahead": list(each) if each else None} for each in ahead], "t")


def test_clock_offset_prefers_the_narrowest_probe_and_knows_its_direction() -> None:
    # The primary saw our clock 3 s ahead of its own; we saw the primary's 3 s behind ours.
    wide, narrow = probes("seoul2", (2.0, 4.0), None), probes("seoul1", (-3.1, -2.9))
    found = host_facts.clock_offset("seoul2", "seoul1", narrow, wide, NOTHING, NOTHING).value
    assert (found["low"], found["high"]) == (2.9, 3.1)
    found = host_facts.clock_offset("seoul2", "seoul1", NOTHING, wide, NOTHING, NOTHING).value
    assert (found["low"], found["high"]) == (2.0, 4.0)
    assert not host_facts.clock_offset("busan1", "seoul1", NOTHING, wide, NOTHING, NOTHING).is_known


def test_clock_offset_by_the_order_of_events() -> None:
    now = time.time()
    found = host_facts.clock_offset(
        "a", "b", NOTHING, NOTHING, known({"wall": now - 4}, "t"), known({"wall": now - 1}, "t")
    ).value
    assert -3.1 < found["low"] < -2.9 and 0.9 < found["high"] < 3
    assert not host_facts.clock_offset("a", "b", NOTHING, NOTHING, NOTHING, known({"wall": now}, "t")).is_known
