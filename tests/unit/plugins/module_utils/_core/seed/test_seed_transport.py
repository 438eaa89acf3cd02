# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ssh is told, what it says when it fails, and one copy over a real sshd on loopback."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed, run
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import offer, pull, transport
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin")
ENDPOINT = transport.Endpoint(
    "ssh", (), "10.0.0.1", 2222, "tibero", ("ssh-ed25519 AAAA comment", "ssh-rsa BBBB"), "/seed dir"
)


def test_ssh_trusts_and_offers_nothing_but_the_seeds_own() -> None:
    argv = transport.ssh_argv(ENDPOINT, ["aes128-gcm@openssh.com", "aes128-ctr"])
    assert argv[:8] == ["ssh", "-F", "none", "-T", "-p", "2222", "-l", "tibero"]
    assert argv[-3:] == ["--", "10.0.0.1", "firedrill-seed"]
    options = {
        argv[number + 1].partition("=")[0]: argv[number + 1].partition("=")[2]
        for number, word in enumerate(argv)
        if word == "-o"
    }
    assert (
        options["StrictHostKeyChecking"] == "yes"
        and options["BatchMode"] == "yes"
        and options["IdentitiesOnly"] == "yes"
    )
    assert options["UserKnownHostsFile"] == '"/seed dir/known_hosts"' and options["GlobalKnownHostsFile"] == "/dev/null"
    assert options["IdentityFile"] == '"/seed dir/key"' and options["Ciphers"] == "aes128-gcm@openssh.com,aes128-ctr"
    assert options["ControlPath"] == "none" and options["ForwardAgent"] == "no"


def test_known_hosts_are_the_given_keys_only() -> None:
    assert transport.known_hosts_text(ENDPOINT) == "[10.0.0.1]:2222 ssh-ed25519 AAAA\n[10.0.0.1]:2222 ssh-rsa BBBB\n"
    assert transport.known_hosts_text(ENDPOINT._replace(port=22)).startswith("10.0.0.1 ssh-ed25519 AAAA\n")


def test_ciphers_unknown_to_the_local_ssh_are_left_out() -> None:
    def ssh(command: Command) -> Completed:
        assert command.argv == ("ssh", "-Q", "cipher")
        return Completed(command.argv, 0, "3des-cbc\naes256-ctr\naes128-ctr\naes128-gcm@openssh.com\n", "", 0.0, False)

    assert transport.ssh_ciphers(ssh) == ["aes128-gcm@openssh.com", "aes128-ctr", "aes256-ctr"]


@pytest.mark.parametrize(
    ("said", "reason", "again"),
    [
        ("ssh: connect to host 10.0.0.1 port 22: Connection refused", "refused", True),
        ("ssh: connect to host 10.0.0.1 port 22: Connection timed out", "timeout", True),
        ("ssh: connect to host 10.0.0.1 port 22: No route to host", "timeout", True),
        ("Timeout, server 10.0.0.1 not responding.", "timeout", True),
        ("ssh: Could not resolve hostname nowhere: Name or service not known", "name", False),
        ("tibero@10.0.0.1: Permission denied (publickey).", "key_refused", False),
        (
            "No ED25519 host key is known for 10.0.0.1 and you have requested strict checking.\nHost "
            "key verification failed.",
            "host_key",
            False,
        ),
        (
            "@@@@@@@@@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     "
            "@\n@@@@@@@@@@@@\nHost key verification failed.",
            "host_key",
            False,
        ),
        (
            "Unable to negotiate with 10.0.0.1 port 22: no matching cipher found. Their offer: aes256-cbc",
            "negotiation",
            False,
        ),
        (
            "kex_exchange_identification: Connection closed by remote host\nConnection closed by 10.0.0.1 port 22",
            "dropped",
            True,
        ),
        ("client_loop: send disconnect: Broken pipe", "dropped", True),
        ("offer s1 expired at 2026-01-01T00:00:00Z", "offer", False),
        ("/usr/bin/python3: can't open file '/x/agent.py': [Errno 2] No such file or directory", "python", False),
        ("Traceback (most recent call last):\nValueError: x", "agent_died", True),
    ],
)
def test_what_ssh_says_is_told_apart(said: str, reason: str, again: bool) -> None:
    error = transport.explain(ENDPOINT, 255, said)
    assert (error.reason, error.again) == (reason, again)
    assert error.details["said"] == said and "tibero@10.0.0.1:2222" in error.seen
    assert "@@@" not in error.seen


def test_program_that_is_not_there_is_told() -> None:
    with pytest.raises(transport.Unreachable, match="no-such-program cannot be started"):
        transport.open_channel(ENDPOINT, ["no-such-program"])


class Sshd:
    """A private SSH server of the current user on a high port."""

    def __init__(self, base: Path) -> None:
        assert SSHD is not None
        self.base = base
        self.base.mkdir(mode=0o700)
        self.keys = base / "authorized_keys"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(base / "host")], check=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        (base / "config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {base}/host\nAuthorizedKeysFile "
            f"{self.keys}\nPidFile none\n"
            "StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nLogLevel VERBOSE\n"
        )
        self.log = base / "log"
        self.process = subprocess.Popen(
            [SSHD, "-D", "-f", str(base / "config"), "-E", str(self.log)], start_new_session=True
        )
        wait_until(self._answers, bool, 20, "sshd to answer", "", interval=0.05)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


#: Where sshd of root shuts its unprivileged part in: made at boot where the service runs, and missing where it does not.
PRIVSEP = Path("/run/sshd")
OURS = PRIVSEP / ".made-by-tests-of-firedrill"


@contextmanager
def privilege_separation() -> Iterator[None]:
    """The directory that sshd needs when root runs it. The last of the tests that run at once removes what was made."""
    if os.geteuid() != 0:
        yield
        return
    handle = os.open(PRIVSEP.parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        try:
            PRIVSEP.mkdir(mode=0o755)
            OURS.touch()
        except FileExistsError:
            pass  # the machine's own, or made by a test beside this one
        try:
            yield
        finally:
            _remove_privilege_separation(handle)
    finally:
        os.close(handle)


def _remove_privilege_separation(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # a test beside this one needs it still
    if OURS.exists():
        OURS.unlink()
        PRIVSEP.rmdir()


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    if SSHD is None or shutil.which("ssh-keyscan") is None:
        pytest.skip("no sshd on this host")
    with privilege_separation():
        server = Sshd(tmp_path / "sshd")
        yield server
        server.stop()


def _offer(lab: Any, sshd: Sshd, **changes: Any) -> offer.Wish:
    wish = offer.Wish(
        "s1",
        str(lab.base / "offers"),
        "ssh",
        (lab.seed_dir / "key.pub").read_text(),
        ("127.0.0.1",),
        tuple(file.source for file in lab.files),
        (),
        None,
        3600,
        sshd.port,
        "127.0.0.1",
        str(sshd.keys),
        "/usr/bin/python3" if Path("/usr/bin/python3").exists() else "",
    )
    return wish._replace(**changes)


def _endpoint(lab: Any, offered: offer.Offered) -> transport.Endpoint:
    source = offered.source
    endpoint = transport.Endpoint(
        "ssh", (), source["host"], source["port"], source["user"], tuple(source["host_keys"]), str(lab.seed_dir)
    )
    (lab.seed_dir / "known_hosts").write_text(transport.known_hosts_text(endpoint))
    return endpoint


def test_copy_over_a_real_sshd(lab: Any, noise: Any, sshd: Sshd) -> None:
    chunk = 64 * 1024
    lab.add("a.dtf", noise(30 * chunk + 1))
    lab.add(".passwd", b"x", "password")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(lab.seed_dir / "key")], check=True)
    sshd.keys.write_text("# the administrator's own\nssh-ed25519 AAAAC3Nz someone@else")
    wish = _offer(lab, sshd)
    offered = offer.present(wish, run, False)
    line = sshd.keys.read_text().splitlines()[-1]
    assert (
        line.startswith("restrict,command=")
        and 'from="127.0.0.1"' in line
        and "expiry-time=" in line
        and line.endswith(" firedrill-seed=s1")
    )
    assert offered.source["user"] == pwd.getpwuid(os.geteuid()).pw_name
    endpoint = _endpoint(lab, offered)
    lab.fault.cut_after = [10 * chunk]
    result = pull.Pull(lab.wish()._replace(endpoint=endpoint), lab.connect, lab.report).run()
    assert lab.same() and result["reconnects"] == 1 and result["bytes_sent"] == 30 * chunk + 2
    assert not (lab.seed_dir / "key").exists() and not (lab.seed_dir / "known_hosts").exists()
    assert not offer.present(wish, run, False).changed
    assert offer.absent(str(lab.base / "offers"), "s1", str(sshd.keys), False).changed
    assert sshd.keys.read_text() == "# the administrator's own\nssh-ed25519 AAAAC3Nz someone@else\n"
    assert not offer.absent(str(lab.base / "offers"), "s1", str(sshd.keys), False).changed


def test_key_runs_the_agent_and_nothing_else(lab: Any, noise: Any, sshd: Sshd) -> None:
    lab.add("a.dtf", noise(10))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(lab.seed_dir / "key")], check=True)
    endpoint = _endpoint(lab, offer.present(_offer(lab, sshd), run, False))
    argv = transport.ssh_argv(endpoint, ())[:-1] + ["cat /etc/passwd"]
    done = run(Command(tuple(argv), deadline=60.0))
    assert done.output.startswith("FIREDRILL-SEED-1\n") and "root:" not in done.output


def test_refused_key_changed_host_key_and_dead_server_are_told_apart(lab: Any, noise: Any, sshd: Sshd) -> None:
    lab.add("a.dtf", noise(10))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(lab.seed_dir / "key")], check=True)
    endpoint = _endpoint(lab, offer.present(_offer(lab, sshd, allowed_from=("192.0.2.1",)), run, False))

    def reason(at: transport.Endpoint) -> str:
        with pytest.raises(transport.Unreachable) as caught:
            pull.Pull(lab.wish(retries=0)._replace(endpoint=at), lab.connect, lab.report).run()
        return caught.value.reason

    assert reason(endpoint) == "key_refused"
    (lab.seed_dir / "known_hosts").write_text(
        transport.known_hosts_text(endpoint._replace(host_keys=((lab.seed_dir / "key.pub").read_text(),)))
    )
    assert reason(endpoint) == "host_key"
    sshd.stop()
    assert reason(endpoint) == "refused"
