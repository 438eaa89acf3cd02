# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes and ports are an instance's, and the module drill_fault on a played instance."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_policy import CONSENTS
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.fault import Ports
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import fault, fault_task
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import Tibero
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar import ps
from ansible_collections.firedrill.standby.plugins.modules import drill_fault
from tests.unit.plugins.module_utils._tibero.fake_tibero import FakeTibero, recording
from tests.unit.plugins.modules.test_tibero_modules import compare, documented

OWN = 1000


class Processes:
    """A list of processes, and what /proc says of each."""

    def __init__(self, fake: FakeTibero) -> None:
        self.fake = fake
        self.lines = ["UID          PID    PPID  C STIME TTY          TIME CMD"]
        self.files: dict[str, Any] = {}
        self.owners: dict[str, int] = {str(fake.home): OWN}
        fake._ps = lambda: "\n".join(self.lines) + "\n"  # type: ignore[method-assign]

    def add(self, pid: int, parent: int, title: str, environment: Any = PermissionError, owner: int = OWN) -> Processes:
        self.lines.append(f"tibero   {pid} {parent}  0 14:14 ?        00:00:00 {title}")
        self.files[f"/proc/{pid}/cmdline"] = title.encode()
        self.files[f"/proc/{pid}/environ"] = environment
        self.owners[f"/proc/{pid}"] = owner
        return self

    def read(self, path: str) -> bytes:
        found = self.files[path]
        if isinstance(found, type):
            raise found(path)
        return found if isinstance(found, bytes) else "\0".join(f"{k}={v}" for k, v in found.items()).encode()

    def look(self) -> Any:
        proc = fault.Proc(
            lambda pid: detached.Process(pid, str(pid * 10), "boot"), self.read, lambda path: self.owners[path]
        )
        return fault.family(self.fake.client(), proc)

    def pids(self) -> list[int]:
        return [target.process.pid - 4194000 for target in self.look().members]


def number(pid: int) -> int:
    """A pid that no process of the test machine can have."""
    return 4194000 + pid


@pytest.fixture
def fake(tmp_path: Path) -> FakeTibero:
    return FakeTibero(tmp_path)


@pytest.fixture
def processes(fake: FakeTibero) -> Processes:
    found = Processes(fake)
    found.add(number(1000), 1, "tbsvr          -t NORMAL -SVR_SID orders")
    found.add(number(1001), number(1000), "tbsvr_MGWP     -t NORMAL -SVR_SID orders")
    found.add(number(1002), number(1000), "tblistener -n 8629")
    return found


def test_the_server_its_children_and_their_children(processes: Processes) -> None:
    processes.add(number(900), number(1001), "tbsvr_FGWP000  -t NORMAL -SVR_SID orders")
    processes.add(number(1100), 1, "tbsvr          -t NORMAL -SVR_SID another")
    processes.add(number(1101), number(1100), "tbsvr_MGWP     -t NORMAL -SVR_SID another")
    processes.add(number(1102), number(1100), "tblistener -n 8729")
    processes.add(number(1200), 1, "grep tbsvr -SVR_SID orders")
    assert processes.pids() == [1000, 1001, 1002, 900]
    assert processes.look().members[0].name == "tbsvr"
    assert processes.look().undecided == ()


def test_what_has_no_server_above_it_counts_by_its_environment(processes: Processes) -> None:
    home = str(processes.fake.home)
    processes.add(number(2001), 1, "tblistener -n 8629", {"TB_HOME": home, "TB_SID": "orders"})
    processes.add(number(2002), 1, "tblistener -n 8729", {"TB_HOME": home, "TB_SID": "another"})
    processes.add(number(2003), 1, "tblistener -n 8829", {"TB_HOME": "/elsewhere", "TB_SID": "orders"})
    processes.add(number(2004), 1, "tblistener -n 8929", PermissionError, owner=OWN + 1)
    processes.add(number(2005), 1, "tblistener -n 9029")
    processes.add(number(2006), 1, "tbsvr_DBWR     -t NORMAL -SVR_SID orders", {"TB_HOME": home, "TB_SID": "orders"})
    processes.add(number(2007), 1, "tbsvr_DBWR     -t NORMAL -SVR_SID another", {"TB_HOME": home, "TB_SID": "orders"})
    processes.add(number(2008), 1, "tblistener -n 9129", FileNotFoundError)
    assert processes.pids() == [1000, 1001, 1002, 2001, 2006]
    assert processes.look().undecided == (f"process {number(2005)} (tblistener, parent 1)",)


def test_the_orphan_of_a_title_alone_is_undecided_and_no_server(fake: FakeTibero) -> None:
    found = Processes(fake)
    found.add(number(2006), 1, "tbsvr_DBWR     -t NORMAL -SVR_SID orders")
    assert found.look().members == ()
    assert found.look().undecided == (f"process {number(2006)} (tbsvr_DBWR, parent 1)",)


def test_a_container_on_this_host_is_not_this_host(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {"TB_HOME": str(processes.fake.home), "TB_SID": "orders"}
    processes.add(number(2001), 900, "tblistener -n 8629", ours)
    monkeypatch.setattr(Tibero, "is_elsewhere", staticmethod(lambda pid: pid == number(2001)))
    assert processes.pids() == [1000, 1001, 1002] and processes.look().undecided == ()


def test_a_pid_that_changed_hands_since_the_list_is_none_of_it(processes: Processes) -> None:
    processes.files[f"/proc/{number(1001)}/cmdline"] = b"vi\0notes"
    processes.files[f"/proc/{number(1002)}/cmdline"] = FileNotFoundError
    assert processes.pids() == [1000]


def test_a_list_that_cannot_be_read_is_no_empty_list(fake: FakeTibero) -> None:
    fake.ps_fails = True
    with pytest.raises(UnknownState, match="cannot be read"):
        fault.family(fake.client())


def test_every_process_of_a_recorded_server_is_found(fake: FakeTibero) -> None:
    text = recording("t7-ps-processes-and-v_instance.txt").replace("tiberotestdb", "orders")
    found = ps.parse(text).processes
    fake._ps = lambda: text  # type: ignore[method-assign]
    titles = {item.pid: f"{item.title.name} -t {item.title.mode} -SVR_SID {item.title.sid}" for item in found}
    proc = fault.Proc(
        lambda pid: detached.Process(pid, "1", "boot"),
        lambda path: titles[int(path.split("/")[2])].encode(),
        lambda path: OWN,
    )
    members = fault.family(fake.client(), proc).members
    assert len(members) == len(found) == len(titles) and members[0].name == "tbsvr"


# ----------------------------------------------------------------------------------------------- ports


def test_ports_come_from_the_tip(fake: FakeTibero) -> None:
    assert fault.ports(fake.client()) == Ports((8629, 8630, 8631), (8633,), (8633,))
    fake.tip.write_text(
        fake.tip.read_text() + "_LSNR_SPECIAL_PORT=9001\n_LSNR_SSL_PORT=9002\n_STANDBY_CONN_PORT=9003\n"
        'LOG_REPLICATION_DEST_1="10.9.0.3:9004 LGWR ASYNC"\nLOG_REPLICATION_DEST_2="db3:9005 LGWR SYNC"\n'
    )
    assert fault.ports(fake.client()) == Ports((8629, 9001, 9002), (9003,), (9003, 9004, 9005))


@pytest.mark.parametrize("line", ["_STANDBY_CONN_PORT=soon", "_LSNR_SSL_PORT=70000", 'LOG_REPLICATION_DEST_1="db2"'])
def test_a_port_that_is_not_understood_is_not_guessed(fake: FakeTibero, line: str) -> None:
    fake.tip.write_text(fake.tip.read_text() + line + "\n")
    with pytest.raises(UnknownState, match="whole_host: true"):
        fault.ports(fake.client())


def test_without_a_tip_no_port_is_known(fake: FakeTibero) -> None:
    fake.tip.unlink()
    with pytest.raises(Refusal, match="is not there"):
        fault.ports(fake.client())


# ----------------------------------------------------------------------------------------------- the module


def module(fake: FakeTibero, base: Path, check: bool = True, **options: Any) -> Any:
    params = {
        name: entry.get("default") for name, entry in fault_task.FAULT_SPEC.items() if name not in ("tb_home", "tb_sid")
    }
    context = fake.context(check, **{**params, **options})

    def runner(command: Command) -> Completed:
        if command.argv[0] in ("nft", "iptables", "ip6tables", "busctl"):
            raise FileNotFoundError(command.argv[0])
        return fake(command)

    return fault_task.ensure_fault(context._replace(runner=runner), base=str(base))


def test_options_reach_the_core(fake: FakeTibero, tmp_path: Path) -> None:
    outcome = module(fake, tmp_path / "base", fault="none", member="seoul1", drill="d1")
    assert not outcome.changed and outcome.values["executed"]["member"] == "seoul1"
    assert not module(fake, tmp_path / "base", state="absent").changed
    with pytest.raises(Refusal, match="Known are crash_host"):
        module(fake, tmp_path / "base")
    with pytest.raises(Refusal, match="Set consent to 'the_server_is_frozen'"):
        module(fake, tmp_path / "base", fault="freeze")
    with pytest.raises(Refusal, match="No process of orders runs"):
        module(fake, tmp_path / "base", fault="freeze", consent="the_server_is_frozen")
    assert not (tmp_path / "base").exists()


def test_no_program_is_asked_before_the_consent(fake: FakeTibero, tmp_path: Path) -> None:
    for name in set(CONSENTS) - {"none"}:
        with pytest.raises(Refusal, match="Set consent"):
            module(fake, tmp_path, fault=name)
    assert fake.calls == []


def test_the_documentation_names_every_consent_and_fault() -> None:
    document = yaml.safe_load(drill_fault.DOCUMENTATION)
    assert document["options"]["fault"]["choices"] == sorted(CONSENTS)
    text = " ".join(document["options"]["consent"]["description"]).split()
    for name, consent in CONSENTS.items():
        assert f"V({name})" in " ".join(text) and (not consent or f"V({consent})" in " ".join(text))


def test_documentation_and_argument_specification_agree() -> None:
    compare(fault_task.FAULT_SPEC, documented("drill_fault"), "drill_fault")


def test_every_returned_value_is_documented(fake: FakeTibero, tmp_path: Path) -> None:
    returned = yaml.safe_load(drill_fault.RETURN)
    values = module(fake, tmp_path, fault="none").values
    assert set(values) == {name for name, entry in returned.items() if entry["returned"] == "success"}


def test_instances_of_one_name_have_records_of_their_own(tmp_path: Path) -> None:
    keys = {fault.engine(FakeTibero(tmp_path / name).client()).key for name in ("a", "b")}
    assert len(keys) == 2 and fault.engine(FakeTibero(tmp_path / "c").client()).owner == os.geteuid()
