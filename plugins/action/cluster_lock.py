# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the lease of a run on a member, and leaves a process on the controller that renews it until the run ends."""

from __future__ import annotations

import getpass
import hashlib
import os
import shlex
import socket
import time
import typing as t

from ansible import constants
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until

#: Seconds between two renewals, and between two looks at whether the run still lives.
RENEW, LOOK = 5.0, 0.5
#: Exit code of the shell command: the process that holds the lease is gone.
GONE = 82

#: The lease is named by the process that holds it, so that nobody else's is touched.
_RENEW = "cd {directory} && kill -0 {pid} 2>/dev/null || exit 82; touch -c {job}.lease"
_RELEASE = "cd {directory} && kill -0 {pid} 2>/dev/null || exit 82; rm -f {job}.lease"


class ActionModule(ActionBase):
    """Names the run, takes the lease by the module of the same name, starts the keeper."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Take the lease.

        :returns: the module's result.
        """
        super().run(tmp, task_vars)
        # A task is worked on by a child of ansible-playbook, which itself is the run.
        playbook = detached.identify(os.getppid())
        arguments = dict(self._task.args, run=name_of_run(os.getppid()), holder=holder(os.getppid()))
        result: dict[str, t.Any] = self._execute_module(
            module_name="firedrill.standby.cluster_lock", module_args=arguments, task_vars=task_vars
        )
        pids = {str(job): int(pid) for job, pid in (result.get("pids") or {}).items() if pid}
        if not result.get("failed") and pids and playbook is not None:
            directory = shlex.quote(str(arguments["directory"]))
            detached.aside(lambda: keep(playbook, self._shell_on_member, directory, pids))
        return result

    def _shell_on_member(self, script: str) -> int:
        """Run a shell command on the member; its exit code, 255 when the member cannot be reached."""
        try:
            return int(self._low_level_execute_command(script, executable="/bin/sh")["rc"])
        except (AnsibleError, OSError):
            return 255


def name_of_run(pid: int) -> str:
    """The same for all plays of one run and for no other, so that a run may come upon its own lock: by the directory that Ansible makes for this run."""
    return hashlib.sha256(f"{holder(pid)} {constants.DEFAULT_LOCAL_TMP}".encode()).hexdigest()[:32]


def holder(pid: int) -> str:
    """Who runs this, for people."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}, process {pid}"


def keep(
    playbook: detached.Process,
    shell: t.Callable[[str], int],
    directory: str,
    pids: t.Mapping[str, int],
    alive: t.Callable[[detached.Process], bool] = detached.is_alive,
) -> None:
    """Renew the leases while the run lives, then give them back. Ends early when the last one is lost or was given back."""
    renewed = {"at": time.monotonic()}
    left = dict(pids)

    def over() -> bool:
        if not alive(playbook):
            return True
        if time.monotonic() - renewed["at"] >= RENEW:
            renewed["at"] = time.monotonic()
            for job, pid in list(left.items()):
                if shell(_RENEW.format(directory=directory, job=job, pid=pid)) == GONE:
                    del left[job]
        return not left

    wait_until(over, bool, float("inf"), "the end of the run", "", interval=LOOK)
    for job, pid in left.items():
        shell(_RELEASE.format(directory=directory, job=job, pid=pid))
