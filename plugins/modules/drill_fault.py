#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault of a drill."""

DOCUMENTATION = r"""
module: drill_fault
short_description: Do to a member what a disaster would do, with consent, for a bounded time
version_added: 0.1.0
description:
  - Injects the fault of a failover drill. It runs on the host of the member that is hit. Everything is checked beforehand, O(consent) before
    all else, so a refusal has touched nothing.
  - V(kill_server) kills the processes of the instance with SIGKILL, V(freeze) stops them with SIGSTOP. Which ones these are is told by the
    server with this O(tb_sid) and O(tb_home), its children, and what names both in its environment; each is known by pid and start time, and
    no process is ever found by a pattern. They are all stopped first, also to be killed, so that none escapes by forking.
  - V(cut_clients), V(cut_standby) and V(cut_both) drop packets with rules in a table of C(nft) of their own, or in chains of C(iptables) of
    their own where there is no C(nft). Nothing of other rules is touched, the loopback interface is not cut, and the SSH connection of the
    controller is let through. They need root.
  - V(crash_host) boots the host at once without sync or unmount, through C(/proc/sysrq-trigger), or runs O(crash_command). It needs root.
  - V(none) is the control case of a drill. It changes nothing and says so.
  - The fault is done, watched and healed by a detached process on the target itself, which heals V(freeze) and the cuts after O(seconds) also
    when the controller and the SSH session are gone. When it is told to end (SIGTERM, such as at a shutdown of the host) it heals first. When
    it is killed, O(state=absent) heals by its record.
  - V(kill_server) is healed by O(boot_command) after O(seconds), if nobody ended it until then. Without one it is refused, since a timer cannot know
    whether another member has been promoted meanwhile, and a fault that never heals is none for a drill. In a drill the way back is the
    reinstatement of the member. A cluster manager or service unit that starts the server again does so against the drill; switch it off
    beforehand.
  - What cannot be known of V(crash_host) is the end of it. The module returns about three seconds before the host dies, so
    RV(begun_wall_ns) is what was announced; whether and when the host died is only seen from outside, by the clients of the drill. Later
    O(state=absent) tells with RV(host_rebooted) whether the host has been booted since. The host comes back by itself only if its firmware
    boots it, and the database only if something starts it.
  - The record of a fault, a directory in C(/var/tmp) of the user of this task, stays until O(state=absent) has told how the fault ended. It is
    then removed, and nothing is left.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
  - firedrill.standby.attributes.action_group
  - firedrill.standby.tibero
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - A fault that is there is not done a second time and not prolonged, also when it was healed and its record is not collected yet.
options:
  state:
    description:
      - V(present) has the fault done. Another one of the same instance is refused until the first is V(absent).
      - V(absent) heals what is in force, whichever fault it is, tells how it ended, and removes its record. It also takes away rules of a
        drill whose record is lost.
    type: str
    choices: [present, absent]
    default: present
  fault:
    description: What to do. Required if O(state=present).
    type: str
    choices: [crash_host, cut_both, cut_clients, cut_standby, freeze, kill_server, none]
  consent:
    description:
      - The damage in words. V(kill_server) needs V(the_server_is_killed), V(crash_host) V(the_host_is_crashed), V(freeze)
        V(the_server_is_frozen), V(cut_clients) V(clients_are_cut_off), V(cut_standby) V(the_standby_is_cut_off), V(cut_both)
        V(the_member_is_isolated), and V(none) nothing.
    type: str
    default: ''
  seconds:
    description: Seconds after which V(freeze) and the cuts heal by themselves, 1 to 86400, counted on the monotonic clock.
    type: int
    default: 300
  drill:
    description: Name of the drill; a fault of another drill is another fault.
    type: str
    default: ''
  member:
    description: Name of the member, for RV(executed).
    type: str
    default: ''
  client_addresses:
    description:
      - Addresses, networks or names of the clients that are cut off from the listener, its special port and its TLS port.
    type: list
    elements: str
    default: []
  standby_addresses:
    description:
      - Addresses, networks or names of the members that are cut off. TCP from them to the ports of the instance is dropped, and TCP to the
        ports of its destinations on them.
    type: list
    elements: str
    default: []
  whole_host:
    description:
      - Whether all traffic with the addresses is cut instead of that of the instance. Other databases on this host suffer too; only the SSH
        connection of the controller is let through.
    type: bool
    default: false
  control_address:
    description:
      - Address of the controller as this host sees it. It is found by itself in the SSH session of the task; where it cannot be found, such as
        over another connection than SSH, a cut is refused without this option.
    type: str
    default: ''
  control_port:
    description: Port of the SSH server of this host for O(control_address).
    type: int
    default: 22
  crash_command:
    description:
      - Program and arguments that crash the host, such as a call to the power switch or the hypervisor, instead of the trigger of the kernel.
        The program is named by an absolute path and runs on this host. No secret may stand in it.
    type: list
    elements: str
    default: []
  boot_command:
    description:
      - Program and arguments that start the server in the role in which it may run, or refuse, such as the program that P(firedrill.standby.service#role)
        installs. It runs O(seconds) after V(kill_server) if nobody ended the fault until then, as when the controller is lost, and is to exit with 0 only
        when the server runs. Required for V(kill_server).
      - The program is named by an absolute path. No secret may stand in it.
    type: list
    elements: str
    default: []
seealso:
  - module: firedrill.standby.drill_objectives
  - module: firedrill.standby.tibero_fence
  - module: firedrill.standby.tibero_reinstate
"""

EXAMPLES = r"""
- name: The primary hangs for two minutes at most
  firedrill.standby.drill_fault:
    tb_home: /tibero/tibero7
    tb_sid: orders
    drill: 2026-03-01
    member: seoul1
    fault: freeze
    consent: the_server_is_frozen
    seconds: 120

- name: Clients lose the primary, the standby does not
  firedrill.standby.drill_fault:
    tb_home: /tibero/tibero7
    tb_sid: orders
    fault: cut_clients
    consent: clients_are_cut_off
    client_addresses: [192.0.2.0/24, "2001:db8:1::/64"]
    seconds: 90
  become: true
  become_user: root

- name: Heal it, and hear how it ended
  firedrill.standby.drill_fault:
    tb_home: /tibero/tibero7
    tb_sid: orders
    state: absent
  become: true
  become_user: root
  register: fault
"""

RETURN = r"""
fault:
  description: The fault that is or was there; empty without one.
  type: str
  returned: success
  sample: freeze
fault_state:
  description:
    - V(absent) without a fault; V(armed), V(announced), V(begun) on the way; V(in_force); V(healed); V(done) for what nothing heals;
      V(unhealed) when it is in force and its process is gone; V(failed) when a deed that cannot be undone is not known to be complete;
      V(rebooted) when the host was booted since.
    - With O(state=absent) it is how the fault ended.
  type: str
  returned: success
  sample: in_force
method:
  description: How it was done, V(SIGSTOP), V(SIGKILL), V(nft), V(iptables), V(sysrq), V(command) or V(none).
  type: str
  returned: success
  sample: SIGSTOP
member:
  description: The member as O(member) has it.
  type: str
  returned: success
drill:
  description: The drill as O(drill) has it.
  type: str
  returned: success
begun_wall_ns:
  description:
    - Wall clock of the target just before the first deed, in nanoseconds since 1970; null when nothing was done.
  type: int
  returned: success
  sample: 1772323200000000000
in_force_wall_ns:
  description: Wall clock when the fault was seen to be in force as a whole.
  type: int
  returned: success
heals_at_wall_ns:
  description: When the timer heals, by the wall clock at the begin; null for what no timer heals.
  type: int
  returned: success
remaining_seconds:
  description: Seconds until the timer heals; null when nothing is in force.
  type: float
  returned: success
  sample: 87.3
healed_wall_ns:
  description: Wall clock when it was seen to be healed; null before, and when nobody saw it.
  type: int
  returned: success
healed_by:
  description:
    - V(timer) of the target, also when that was told to end before its time; V(drill) for O(state=absent); V(nobody) when nothing of ours
      healed it; empty before.
  type: str
  returned: success
  sample: timer
source:
  description: What was done, in words.
  type: str
  returned: success
  sample: SIGSTOP to 23 processes of orders, each by pid and start time
count:
  description: Processes that got the signal.
  type: int
  returned: success
processes:
  description:
    - Processes of the instance, each with C(pid), C(started), C(boot), C(name) and C(state) (a letter of C(/proc), or C(gone)), as they were
      seen C(before) the fault, with it C(in_force), and C(healed).
  type: dict
  returned: success
rules:
  description:
    - Lines of the rules as the firewall prints them, with the cut C(in_force), C(last) before they were taken away (C(nft) counts the packets
      that were dropped), and C(healed), which is empty when all are gone.
  type: dict
  returned: success
executed:
  description: The fault as the evidence of the drill has it, C(D.faults_executed); empty when nothing was done.
  type: dict
  returned: success
  sample:
    fault: freeze
    method: SIGSTOP
    member: seoul1
    begun_wall_ns: 1772323200000000000
    healed_wall_ns: 1772323320104000000
    healed_by: timer
    source: SIGSTOP to 23 processes of orders, each by pid and start time
host_rebooted:
  description: Whether the host has been booted since the fault was begun.
  type: bool
  returned: success
timer_pid:
  description: The process on the target that will heal it; null when there is none.
  type: int
  returned: success
command:
  description: What O(crash_command) printed and how it ended, where the host lived to tell.
  type: dict
  returned: success
error:
  description: The error with which the process of the fault ended, if it did.
  type: dict
  returned: success
seen:
  description: What was seen, with the value.
  returned: failure
  type: str
meaning:
  description: What follows from it.
  returned: failure
  type: str
remedy:
  description: What to do next.
  returned: failure
  type: str
nothing_changed:
  description: V(true) when it is certain that nothing was changed.
  returned: failure
  type: bool
details:
  description: Further data, with secrets hidden.
  returned: failure
  type: dict
"""

from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.fault_task import FAULT_SPEC, ensure_fault


def main() -> None:
    """Run the module."""
    run_module(FAULT_SPEC, ensure_fault, required_if=[("state", "present", ["fault"])])


if __name__ == "__main__":
    main()
