# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible and hosts say of a failed look (texts as seen with ansible-core 2.19), told in terms of the variables."""

from __future__ import annotations

import pytest

from ansible_collections.firedrill.standby.plugins.plugin_utils import _reach

WAY = _reach.Way("busan1", "10.0.0.2", "22", "ops", "/usr/bin/python9", "root", "su")


@pytest.mark.parametrize(
    ("said", "unreachable", "variable"),
    [
        (
            "Failed to connect to the host via ssh: ssh: connect to host 10.0.0.2 port 22: Connection timed out",
            True,
            "ansible_host",
        ),
        (
            "Data could not be sent to remote host. Make sure this host can be reached over ssh: Permission denied",
            True,
            "ansible_host",
        ),
        ("Incorrect su password", False, "ansible_become_password"),
        ("Missing sudo password", False, "ansible_become_password"),
        ("Timeout (32s) waiting for privilege escalation prompt:", True, "ansible_become_password"),
        (
            "Module result deserialization failed: No start of json char found /bin/sh: 1: sudo: not found",
            False,
            "ansible_become_password",
        ),
        ("ops is not in the sudoers file.", False, "ansible_become_password"),
        (
            "The module interpreter '/usr/bin/python9' was not found. /bin/sh: 1: /usr/bin/python9: not found",
            False,
            "ansible_python_interpreter",
        ),
        ("MODULE FAILURE bash: /usr/bin/python9: No such file or directory", False, "ansible_python_interpreter"),
    ],
)
def test_the_variable_is_named_with_what_was_said(said, unreachable, variable):
    trouble = _reach.refusal(WAY, said, unreachable)
    assert trouble.details["variable"] == variable
    assert said.rstrip(".") in trouble.seen
    assert variable in str(trouble)
    assert trouble.remedy
    assert trouble.nothing_changed


def test_without_become_nothing_is_blamed_on_it():
    trouble = _reach.refusal(WAY._replace(become_user="", become_method=""), "Incorrect su password", True)
    assert trouble.details["variable"] == "ansible_host"


def test_what_is_not_recognised_is_shown_as_it_is():
    trouble = _reach.refusal(WAY, "No space left on device:\n /tmp", False)
    assert trouble.seen == "busan1 answers, but its facts cannot be gathered: No space left on device: /tmp"
    assert "variable" not in trouble.details


def test_a_failed_result_is_read_wherever_it_speaks():
    assert _reach.said_by({"msg": "a", "module_stderr": "b", "module_stdout": "", "rc": 1}) == "a b"
