# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel parameters: never lowered, merged, loaded, and told when the kernel refuses. A directory plays the host."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import kernel
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import run
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome

GIB = 1 << 30


def host(root: Path, **values: str) -> kernel.Kernel:
    for name, value in {
        "kernel.sem": "250\t32000\t32\t128\n",
        **{key.replace("__", "."): text for key, text in values.items()},
    }.items():
        file = root / "proc/sys" / name.replace(".", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(value)
    (root / "proc/meminfo").write_text("MemTotal: 8388608 kB\n")
    return kernel.Kernel(str(root))


def ensure(root: Path, system: kernel.Kernel, check: bool = False, **params: t.Any) -> Outcome:
    everything = {
        "path": str(root / "98.conf"),
        "at_least": {},
        "reserved_ports": [],
        "shared_memory": None,
        "load": True,
    }
    return kernel.ensure(Context(dict(everything, **params), check, run), system)


SEM = {"kernel.sem": "10000 32000 10000 10000"}


def test_written_loaded_and_idempotent(tmp_path: Path) -> None:
    system = host(tmp_path)
    first = ensure(tmp_path, system, at_least=SEM)
    assert first.changed and first.values["loaded"] == ["kernel.sem"] and first.values["not_loaded"] == {}
    assert "kernel.sem = 10000 32000 10000 10000\n" in (tmp_path / "98.conf").read_text()
    assert system.get("kernel.sem") == "10000 32000 10000 10000"
    assert (tmp_path / "98.conf").stat().st_mode & 0o777 == 0o644
    again = ensure(tmp_path, system, at_least=SEM)
    assert not again.changed and again.values["loaded"] == []


def test_check_mode_writes_nothing_and_predicts(tmp_path: Path) -> None:
    system = host(tmp_path)
    planned = ensure(tmp_path, system, check=True, at_least=SEM)
    assert planned.changed and planned.values["loaded"] == ["kernel.sem"]
    assert not (tmp_path / "98.conf").exists() and system.get("kernel.sem") == "250 32000 32 128"


def test_a_larger_value_is_never_lowered(tmp_path: Path) -> None:
    system = host(tmp_path, kernel__sem="32000 1024000 500 32000")
    ensure(tmp_path, system, at_least=SEM)
    assert system.get("kernel.sem") == "32000 1024000 10000 32000"


def test_reserved_ports_are_added_to_those_there(tmp_path: Path) -> None:
    system = host(tmp_path, net__ipv4__ip_local_reserved_ports="8000,8628\n")
    ensure(tmp_path, system, reserved_ports=[8630, 8629, 8633])
    assert system.get(kernel.RESERVED_PORTS) == "8000,8628-8630,8633"


def test_file_only_leaves_the_kernel_alone(tmp_path: Path) -> None:
    system = host(tmp_path)
    assert ensure(tmp_path, system, at_least=SEM, load=False).changed
    assert system.get("kernel.sem") == "250 32000 32 128"
    assert not ensure(tmp_path, system, at_least=SEM, load=False).changed


@pytest.mark.parametrize("check", [True, False])
def test_what_the_kernel_does_not_have_is_told_and_is_no_change(tmp_path: Path, check: bool) -> None:
    system = host(tmp_path)
    wanted = {"net.core.rmem_max": "4194304"}
    if not check:
        ensure(tmp_path, system, at_least=wanted)
    result = ensure(tmp_path, system, check=check, at_least=wanted)
    assert result.values["loaded"] == [] and "no such parameter" in result.values["not_loaded"]["net.core.rmem_max"]
    assert result.changed is check  # the file is still to be written in check mode, and there already otherwise


def test_a_value_the_kernel_changes_or_refuses_is_told(tmp_path: Path) -> None:
    class Stubborn(kernel.Kernel):
        def get(self, name: str) -> str | None:
            return "250 32000 32 128"

    host(tmp_path)
    result = ensure(tmp_path, Stubborn(str(tmp_path)), at_least=SEM)
    assert result.values["not_loaded"] == {"kernel.sem": "the kernel took '250 32000 32 128'"}


def test_shared_memory_by_the_recorded_map() -> None:
    # t6-os-memory-kernel-map: 5G -> shmmax 6442450944, 10G -> 12884901888, 20G -> 25769803776
    for size, limit in (("5G", "6442450944"), ("10G", "12884901888"), ("20G", "25769803776")):
        values = kernel.shared_memory(size, None, 4096)
        assert values["kernel.shmmax"] == limit and int(values["kernel.shmall"]) * 4096 >= int(limit)


def test_shared_memory_beyond_the_memory_of_the_host_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"wants 9G of shared memory and the host has 8\.00 GiB"):
        ensure(tmp_path, host(tmp_path), shared_memory="9G")
    with pytest.raises(Refusal, match="'much'"):
        ensure(tmp_path, host(tmp_path), shared_memory="much")
    assert not (tmp_path / "98.conf").exists()


@pytest.mark.parametrize("bad", [{"no dots": "1"}, {"../kernel.sem": "1"}, {"kernel.sem": "1\n2; rm"}])
def test_odd_names_and_values_are_refused(tmp_path: Path, bad: dict[str, str]) -> None:
    with pytest.raises(Refusal):
        ensure(tmp_path, host(tmp_path), at_least=bad)


@given(st.sets(st.integers(1, 65535), max_size=50))
def test_ports_round_trip(ports: set[int]) -> None:
    assert kernel.parse_ports(kernel.render_ports(sorted(ports))) == sorted(ports)


@given(
    st.lists(st.integers(0, 10**12), min_size=1, max_size=4).flatmap(
        lambda a: st.tuples(st.just(a), st.permutations(a))
    )
)
def test_at_least_is_at_least_both(pair: tuple[list[int], list[int]]) -> None:
    have, want = pair
    result = [int(word) for word in kernel.at_least(" ".join(map(str, have)), " ".join(map(str, want))).split()]
    assert all(r >= h and r >= w and r in (h, w) for r, h, w in zip(result, have, want, strict=True))
