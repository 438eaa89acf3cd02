# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each member is what it should be, and nothing of the construction is left on it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import scenario

from lab.cluster import LAB_PASSWORD, LAB_SYSCAT_PASSWORD

testinfra_hosts = ["ansible://orders"]
EVIDENCE = scenario.evidence()
PRIMARY, *STANDBYS = scenario.members()
RECORDS = f"{scenario.home()}/instance/orders/firedrill"
#: As patterns that do not find the process that looks for them.
SECRETS = [f"{secret[:-1]}[{secret[-1]}]" for secret in (LAB_PASSWORD, LAB_SYSCAT_PASSWORD)]


def member_of(host: Any) -> str:
    return str(host.backend.host)


def settings(text: str) -> dict[str, str]:
    lines = [line.strip() for line in text.splitlines() if "=" in line and not line.lstrip().startswith("#")]
    return {key.strip(): value.strip().strip('"') for key, _, value in (line.partition("=") for line in lines)}


def test_its_processes_are_those_of_its_role_and_no_others(host):
    mode = "NORMAL" if member_of(host) == PRIMARY else "RECOVERY"
    lines = host.check_output("ps -u tibero -o args=").splitlines()
    assert [line for line in lines if line.split()[:3] == ["tbsvr", "-t", mode]]
    assert [line for line in lines if not line.startswith(("tbsvr", "tblistener"))] == []


@pytest.mark.parametrize("member", scenario.members())
def test_the_info_module_tells_its_role(member: str):
    seen = EVIDENCE["members"][member]
    expected = ("primary", "read_write") if member == PRIMARY else ("standby", "recovery")
    assert (seen["role"], seen["open_mode"]) == expected


def test_the_primary_is_in_no_backup_mode():
    assert EVIDENCE["members"][PRIMARY]["state"]["backup_open"]["value"] is False


def test_its_ports_are_open(host):
    ports = {8629, 8630} | ({8633} if member_of(host) in STANDBYS else set())
    closed = [port for port in sorted(ports) if not host.socket(f"tcp://0.0.0.0:{port}").is_listening]
    assert closed == []


def test_its_tip_names_the_others_and_its_own_paths(host):
    me = member_of(host)
    tip = settings(host.file(f"{scenario.home()}/config/orders.tip").content_string)
    assert tip["DB_NAME"] == "orders"
    assert tip["DB_CREATE_FILE_DEST"] == scenario.data_directory(me)
    assert tip["CONTROL_FILES"].replace('"', "").split(",")[0] == f"{scenario.data_directory(me)}/c1.ctl"
    destinations = [tip[f"LOG_REPLICATION_DEST_{number}"] for number in range(1, len(scenario.members()))]
    others = [other for other in scenario.members() if other != me]
    expected = {
        f"{address(other)}:8633 {scenario.variable(other, 'tibero_transport', 'LGWR ASYNC')}" for other in others
    }
    assert set(destinations) == expected
    converts = scenario.data_directory(me) != scenario.data_directory(PRIMARY)
    if converts:
        assert tip["STANDBY_FILE_NAME_CONVERT"] == f"{scenario.data_directory(PRIMARY)},{scenario.data_directory(me)}"


def address(member: str) -> str:
    """What the description calls it, a name in one scenario, else its address in the lab."""
    state = json.loads((scenario.LAB_DIRECTORY / "state.json").read_text(encoding="utf-8"))
    return scenario.variable(member, "tibero_address", str(state["hosts"][member]["address"]))


def test_its_tbdsn_leads_to_every_member(host):
    text = "".join(host.file(f"{scenario.home()}/client/config/tbdsn.tbr").content_string.split())
    for alias, member in [("orders", member_of(host)), *zip(scenario.members(), scenario.members(), strict=True)]:
        assert f"{alias}=((INSTANCE=(HOST={address(member)})(PORT=8629)(DB_NAME=orders)))" in text


def test_its_password_file_is_the_primarys_and_private(host):
    own = host.file(f"{scenario.data_directory(member_of(host))}/.passwd")
    assert (own.mode, own.user) == (0o600, "tibero")
    primary = type(host).get_host(f"ansible://{PRIMARY}", ansible_inventory=str(scenario.INVENTORY))
    assert own.sha256sum == primary.file(f"{scenario.data_directory(PRIMARY)}/.passwd").sha256sum


def test_no_offer_and_no_key_of_the_copy_is_left(host):
    keys = host.file("/home/tibero/.ssh/authorized_keys")
    assert not keys.exists or "firedrill" not in keys.content_string
    assert host.check_output(f"find {RECORDS}/offers -mindepth 1 -not -name .lock 2>/dev/null || true") == ""
    assert host.run(f"grep -rlE 'PRIVATE KE[Y]' {RECORDS} /home/tibero/.ssh").stdout == ""


def test_no_secret_lies_in_any_file(host):
    found = [
        host.run(f"grep -rslaE '{secret}' {scenario.home()} /home/tibero /tmp /var/tmp /var/log /etc").stdout
        for secret in SECRETS
    ]
    assert found == ["", ""]


@pytest.mark.parametrize("member", scenario.members())
def test_no_secret_was_ever_in_the_process_list(member: str):
    watched = EVIDENCE["watched"][member]
    assert watched["looks"] > 100
    assert watched["found"] == []


def test_no_secret_is_in_the_log_of_ansible():
    log = (scenario.WORK / "ansible.log").read_text(encoding="utf-8", errors="replace")
    assert "Build and attach" in log or "firedrill.standby" in log
    assert [secret for secret in (LAB_PASSWORD, LAB_SYSCAT_PASSWORD) if secret in log] == []


def test_firewall_and_security_modules_are_as_they_were(host):
    disk = scenario.LAB_DIRECTORY / "disks" / member_of(host) / "upper" / "etc"
    changed = {path.relative_to(disk).parts[0] for path in disk.rglob("*")}
    assert "sysctl.d" in changed
    assert changed & {"selinux", "apparmor.d", "ufw", "firewalld", "nftables.conf", "iptables", "pam.d"} == set()
    assert host.run("nft list ruleset").stdout == ""
