# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab decides without touching the machine: specifications, cuts, rates, inventory, state."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lab.hosts import faults, inventory, state
from lab.hosts.errors import LabError
from lab.hosts.spec import LabSpec, state_root
from lab.hosts.state import Edge, Fault, Host, LabState, Store, dump, load, locked, made_and_locked
from lab.hosts.system import ProcessId

HOSTS = ["seoul1", "seoul2", "busan1"]
names = st.sampled_from([*HOSTS, "controller"])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (LabSpec("Lab", ("a",)), "lab name 'Lab' is not allowed"),
        (LabSpec("lab", ()), "1 to 32 hosts; asked for: 0"),
        (LabSpec("lab", ("a", "a")), "host named twice: a"),
        (LabSpec("lab", ("a_b",)), "host name 'a_b' is not allowed"),
        (LabSpec("lab", ("controller",)), "host name 'controller' is taken"),
        (LabSpec("lab", ("a",), backend="docker"), "backend 'docker' is unknown; allowed: auto,"),
        (LabSpec("lab", ("a",), subnet="10.1.2.0/16"), "has host bits set"),
        (LabSpec("lab", ("a",), subnet="10.1.0.0/16"), "a private IPv4 network of /24 is needed"),
        (LabSpec("lab", ("a",), subnet="8.8.8.0/24"), "a private IPv4 network of /24 is needed"),
        (LabSpec("lab", ("a",), port_base=80), "port base 80 is out of range"),
        (LabSpec("lab", ("a",), shares=("etc",)), "shared path 'etc' must be absolute and exist"),
    ],
)
def test_refused_specifications(spec: LabSpec, message: str) -> None:
    with pytest.raises(LabError) as caught:
        spec.checked()
    assert message in str(caught.value)


def test_state_root_refuses_what_an_overlay_cannot_name() -> None:
    with pytest.raises(LabError, match="holds a blank"):
        state_root("/tmp/a:b")


def test_cut_between_two() -> None:
    assert faults.edges(HOSTS, "seoul1", "busan1") == [Edge("seoul1", "busan1", 0), Edge("busan1", "seoul1", 0)]
    assert faults.edges(HOSTS, "seoul1", "busan1", one_way=True, port=5) == [Edge("seoul1", "busan1", 5)]


def test_cut_from_everyone_takes_the_controller_unless_told() -> None:
    targets = {edge.target for edge in faults.edges(HOSTS, "seoul1", one_way=True)}
    assert targets == {"seoul2", "busan1", "controller"}
    targets = {edge.target for edge in faults.edges(HOSTS, "seoul1", one_way=True, controller=False)}
    assert targets == {"seoul2", "busan1"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("seoul9", ""), "no host 'seoul9'; there are: seoul1, seoul2, busan1, controller"),
        (("seoul1", "seoul1"), "a link has two ends"),
    ],
)
def test_refused_cuts(arguments: tuple[str, str], message: str) -> None:
    with pytest.raises(LabError, match=message):
        faults.edges(HOSTS, *arguments)


@given(st.lists(st.tuples(names, names), max_size=6), names)
def test_heal_of_a_host_leaves_nothing_of_it_and_all_else(pairs: list[tuple[str, str]], host: str) -> None:
    cut = [Edge(source, target, 0) for source, target in pairs]
    left = faults.left_after_heal(cut, host)
    assert left == [edge for edge in cut if host not in (edge.source, edge.target)]
    assert faults.left_after_heal(cut) == []


def test_heal_one_way_leaves_the_way_back() -> None:
    cut = faults.edges(HOSTS, "seoul1", "seoul2")
    assert faults.left_after_heal(cut, "seoul1", "seoul2", one_way=True) == [Edge("seoul2", "seoul1", 0)]


def test_rules_name_ports_of_the_switch() -> None:
    fault = Fault(1, "cut", "seoul1", edges=[Edge("seoul1", "busan1", 0), Edge("busan1", "seoul1", 8633)])
    lines = faults.rules([fault, fault], {"seoul1": "h1", "busan1": "h3"})
    assert lines == [
        'iifname "h3" oifname "h1" ether type ip meta l4proto { tcp, udp } th sport 8633 drop',
        'iifname "h3" oifname "h1" ether type ip meta l4proto { tcp, udp } th dport 8633 drop',
        'iifname "h1" oifname "h3" ether type { ip, ip6 } drop',
    ]
    assert faults.ruleset(lines).startswith("add table bridge lab\ndelete table bridge lab\n")


def test_bucket() -> None:
    assert faults.bucket("400mbit") == (400_000_000, 250_000, 100)
    assert faults.bucket("0.5mbit").burst == 3 * 1514


@pytest.mark.parametrize("rate", ["", "10", "10mb", "-1mbit", "0mbit", "1kbit", "1000gbit", "10 mbit"])
def test_refused_rates(rate: str) -> None:
    with pytest.raises(LabError, match=r"is not allowed; write e\.g\. 512kbit"):
        faults.bucket(rate)


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(), one, max_size=3))


@given(st.dictionaries(st.text(min_size=1), values, max_size=4))
def test_inventory_reads_back_as_written(variables: dict[str, object]) -> None:
    text = inventory.render({"seoul1": variables, "client1": {}}, {"orders": ["seoul1"]}, {"x": 1})
    read = yaml.safe_load(text)["all"]
    assert read["hosts"] == {"seoul1": variables, "client1": {}}
    assert read["children"] == {"orders": {"hosts": {"seoul1": {}}}}
    assert read["vars"] == {"x": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("8629", 8629), ("LGWR SYNC", "LGWR SYNC"), ("", ""), ("[1, 2]", [1, 2]), ("a=b:c", "a=b:c")],
)
def test_host_variable(text: str, value: object) -> None:
    assert inventory.parse_variable(f"seoul1:key={text}") == ("seoul1", "key", value)


def test_refused_variables_and_groups() -> None:
    with pytest.raises(LabError, match="not of the form HOST:KEY=VALUE"):
        inventory.parse_variable("key=value")
    with pytest.raises(LabError, match="group name 'all' is not allowed"):
        inventory.parse_group("all", HOSTS)
    with pytest.raises(LabError, match="group orders: no host 'x'; there are: seoul1"):
        inventory.parse_group("orders:seoul1,x", HOSTS)


def test_state_reads_back_as_written() -> None:
    fault = Fault(3, "freeze", "a", edges=[Edge("a", "b", 5)], stopped_before=[ProcessId(7, 8)], healer=ProcessId(1, 2))
    hosts = {"a": Host("a", 1, "10.0.0.1", "/x", init=ProcessId(5, 6)), "b": Host("b", 2, "10.0.0.2", "/y")}
    state = LabState("lab", "namespaces", hosts=hosts, faults=[fault], switch=ProcessId(3, 4))
    assert load(dump(state)) == state


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 1}', '{"version": 99}'])
def test_damaged_state_is_refused(text: str) -> None:
    with pytest.raises(LabError, match="lab state"):
        load(text)


def test_lock_is_exclusive_and_leaves_no_file(tmp_path: Path) -> None:
    with locked(tmp_path):
        with pytest.raises(LabError, match="locked by another lab command"), locked(tmp_path, timeout=0.05):
            pass
        assert list(tmp_path.iterdir()) == []
    with locked(tmp_path, timeout=0.05):
        pass


def test_directory_that_is_removed_while_it_is_waited_for_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last lab's `down` removes the directory of all labs just when another is built."""
    directory = tmp_path / "labs"
    really = state._lock
    removed: list[Path] = []

    def lock(wanted: Path, deadline: float) -> int:
        if not removed:
            removed.append(wanted)
            wanted.rmdir()
        return really(wanted, deadline)

    monkeypatch.setattr(state, "_lock", lock)
    with made_and_locked(directory, timeout=20.0):
        assert removed == [directory] and directory.is_dir()


def test_missing_lab_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"there is no lab 'x'.*python3 -m lab up --name x HOST"):
        Store(tmp_path, "x").read()
