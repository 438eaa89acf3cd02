# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Reaching the agent on the source, and telling apart why it cannot be reached.

Beside ``runner`` this is the one place that starts a process, because a conversation needs its pipes: ``ssh`` with the
seed's own key and its own list of host keys, or the agent itself where source and target are directories of one host
and one user (a lab without root).
"""

import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Runner
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import agent

KEY = "key"
KNOWN_HOSTS = "known_hosts"

#: AES-GCM is three times as fast as the others on a processor with AES instructions. What the local ssh does not know
#: is left out.
CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
#: Seconds: to connect, between two signs of life asked of a silent server, and how many of them it may miss.
CONNECT_LIMIT = 20
ALIVE_INTERVAL = 15
ALIVE_MISSES = 4
#: Seconds without a byte after which an agent that owes an answer is given up.
SILENCE_LIMIT = 300.0
#: Seconds that ssh gets to end after its input was closed.
GRACE = 5.0


class Endpoint(NamedTuple):
    """Where the files come from.

    ``transport``: ssh or local. ``argv``: the agent's command for local. ``host``, ``port``, ``user`` and ``host_keys``
    (lines ``type base64``) for ssh. ``seed_dir``: holds the key and, unless ``known_hosts`` is another path, the list
    of host keys.
    """

    transport: str
    argv: Tuple[str, ...]
    host: str
    port: int
    user: str
    host_keys: Tuple[str, ...]
    seed_dir: str
    known_hosts: str = ""

    @property
    def known_hosts_path(self) -> str:
        return self.known_hosts or os.path.join(self.seed_dir, KNOWN_HOSTS)

    @property
    def name(self) -> str:
        return "{0}@{1}:{2}".format(self.user, self.host, self.port) if self.transport == "ssh" else "this host"


class Unreachable(StandbyError):
    """The conversation with the source did not begin or broke off.

    ``again``: True when another try may succeed by itself.
    """

    def __init__(self, seen: str, meaning: str, remedy: str, again: bool, reason: str, said: str = "") -> None:
        super().__init__(seen, meaning, remedy, {"reason": reason, "said": said})
        self.again = again
        self.reason = reason


class Channel:
    """A conversation with a running agent, as bytes. Tests put their own faults around it."""

    def __init__(self, process: "subprocess.Popen[bytes]", errors: Any, endpoint: Endpoint) -> None:
        self._process = process
        self._errors = errors
        self._endpoint = endpoint
        if process.stdin is None or process.stdout is None:
            raise AssertionError("a conversation needs a process that was started with pipes")
        self._sink = process.stdin.fileno()
        self._source = process.stdout.fileno()
        for handle in (self._sink, self._source):
            agent.widen_pipe(handle)

    @property
    def pid(self) -> int:
        return self._process.pid

    def read_into(self, view: memoryview) -> int:
        """Read at least one byte and at most the view; 0 when the other side ended.

        :raises Unreachable: when nothing came for SILENCE_LIMIT seconds.
        """
        if not select.select([self._source], [], [], SILENCE_LIMIT)[0]:
            raise Unreachable(
                seen="The agent on {0} sent nothing for {1:.0f} s".format(self._endpoint.name, SILENCE_LIMIT),
                meaning="Its disk, the host or the network stands still",
                remedy="Look at the source's load and disks; run again, the copy goes on where it stopped",
                again=True,
                reason="silent",
            )
        return os.readv(self._source, [view])

    def write(self, data: bytes) -> None:
        """Write all of it. :raises OSError: when the other side ended."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._sink, rest) :]

    def stop(self) -> None:
        """Ask the process to end, now.

        Its reader then sees the end of the conversation. The agent writes nothing, so any moment is safe.
        """
        try:
            os.killpg(self._process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass

    def ending(self) -> Tuple[Optional[int], str]:
        """Wait for the end of the process, hasten it if need be: what it returned and what it said on standard error.

        The pipes stay open: another thread may be using them, and a descriptor that is closed under it may soon be
        another file.
        """
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if number is not None:
                try:
                    os.killpg(self._process.pid, number)
                except ProcessLookupError:
                    pass
            try:
                self._process.wait(timeout=GRACE)
                break
            except subprocess.TimeoutExpired:
                continue
        size = os.fstat(self._errors.fileno()).st_size
        said = os.pread(self._errors.fileno(), 8192, max(size - 8192, 0)).decode("utf-8", "backslashreplace").strip()
        return self._process.returncode, said

    def close(self) -> None:
        """End the conversation and let go of its pipes. Only when no other thread uses it any more."""
        self.stop()
        if not self._errors.closed:
            self.ending()
            self._errors.close()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                try:
                    stream.close()
                except OSError:
                    pass  # the pipe is gone with the process: closing is all that was wanted


Connect = Callable[[Endpoint], Channel]


def ssh_ciphers(run: Runner) -> List[str]:
    """The ciphers of CIPHERS that the local ssh knows, fastest first."""
    known = run(Command(("ssh", "-Q", "cipher"), deadline=20.0)).output.split()
    return [cipher for cipher in CIPHERS if cipher in known]


def ssh_argv(endpoint: Endpoint, ciphers: Sequence[str]) -> List[str]:
    """The ssh command. It reads no configuration file and no other key, and it trusts the given host keys only."""
    options = [
        ("BatchMode", "yes"),
        ("IdentitiesOnly", "yes"),
        ("IdentityFile", os.path.join(endpoint.seed_dir, KEY)),
        ("IdentityAgent", "none"),
        ("PreferredAuthentications", "publickey"),
        ("StrictHostKeyChecking", "yes"),
        ("UserKnownHostsFile", endpoint.known_hosts_path),
        ("GlobalKnownHostsFile", "/dev/null"),
        ("ConnectTimeout", str(CONNECT_LIMIT)),
        ("ServerAliveInterval", str(ALIVE_INTERVAL)),
        ("ServerAliveCountMax", str(ALIVE_MISSES)),
        ("ControlPath", "none"),
        ("ForwardAgent", "no"),
        ("ClearAllForwardings", "yes"),
        ("Compression", "no"),
        ("LogLevel", "ERROR"),
    ]
    if ciphers:
        options.append(("Ciphers", ",".join(ciphers)))
    argv = ["ssh", "-F", "none", "-T", "-p", str(endpoint.port), "-l", endpoint.user]
    for name, value in options:
        argv += ["-o", "{0}={1}".format(name, '"{0}"'.format(value) if " " in value else value)]
    # The server runs the command of its authorized_keys whatever is asked for here.
    return argv + ["--", endpoint.host, "firedrill-seed"]


def known_hosts_text(endpoint: Endpoint) -> str:
    """The text of the seed's own list of host keys."""
    name = endpoint.host if endpoint.port == 22 else "[{0}]:{1}".format(endpoint.host, endpoint.port)
    return "".join("{0} {1}\n".format(name, " ".join(key.split()[:2])) for key in endpoint.host_keys)


def open_channel(endpoint: Endpoint, argv: Sequence[str]) -> Channel:
    """Start the process of a conversation.

    :raises Unreachable: when the program cannot be started at all.
    """
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the conversation
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "LANG": "C"}
    environment.update((name, os.environ[name]) for name in ("HOME", "USER", "LOGNAME") if name in os.environ)
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            bufsize=0,
            close_fds=True,
            start_new_session=True,
            env=environment,
        )
    except OSError as error:
        errors.close()
        raise Unreachable(
            seen="{0} cannot be started: {1}".format(argv[0], error.strerror),
            meaning="The source cannot be asked for anything",
            remedy="Install the OpenSSH client on the target" if argv[0] == "ssh" else "Offer the files again",
            again=False,
            reason="no_program",
        ) from error
    return Channel(process, errors, endpoint)


def connector(run: Runner) -> Connect:
    """How an endpoint is reached on a real host."""

    def connect(endpoint: Endpoint) -> Channel:
        if endpoint.transport == "local":
            return open_channel(endpoint, endpoint.argv)
        return open_channel(endpoint, ssh_argv(endpoint, ssh_ciphers(run)))

    return connect


class _Cause(NamedTuple):
    reason: str
    pattern: str
    again: bool
    meaning: str
    remedy: str


#: What ssh says (OpenSSH 7 to 10) and what it means. The first match counts.
_CAUSES = (
    _Cause(
        "host_key",
        r"HOST IDENTIFICATION HAS CHANGED|Host key verification failed|host key is known for|No .* host key is known",
        False,
        "The server that answered is not the one that made the offer, or its host keys were replaced since",
        "Check what runs at this address and port; offer the files again to fetch the present host keys",
    ),
    _Cause(
        "key_refused",
        r"Permission denied \(|Too many authentication failures|no mutual signature",
        False,
        "The source's sshd does not accept the seed's key: the offer expired or was withdrawn, this "
        "host's address is not the offered one, "
        "or sshd does not let this user in (AllowUsers, a home directory that others can write, SELinux)",
        "Offer the files again; if it is refused again, read the source's sshd log (journalctl -u sshd) at this moment",
    ),
    _Cause(
        "refused",
        r"Connection refused",
        True,
        "The host answers, but nothing listens at this port",
        "Start sshd on the source, or set the port under which the target reaches it",
    ),
    _Cause(
        "timeout",
        r"timed out|Timeout, server|No route to host|Network is unreachable|Host is down",
        True,
        "The source does not answer from here: it is down, or a firewall drops the packets between the two members",
        "Open the SSH port from the target to the source, and check the address",
    ),
    _Cause(
        "name",
        r"Could not resolve hostname|Name or service not known|nodename nor servname",
        False,
        "The target cannot resolve the source's name",
        "Give the source's address as the target sees it",
    ),
    _Cause(
        "negotiation",
        r"no matching (cipher|host key|key exchange|MAC)|no matching .* found|Bad configuration option|Bad SSH2 cipher",
        False,
        "The two OpenSSH versions or their policies have no common algorithm",
        "Compare 'ssh -Q cipher' on the target with 'sshd -T' on the source",
    ),
    _Cause(
        "dropped",
        r"Connection closed|Connection reset|Broken pipe|closed by remote host|kex_exchange_identification|client_loop",
        True,
        "The connection was cut, or sshd closed it (MaxStartups, a restart, a firewall)",
        "Run again: the copy goes on where it stopped",
    ),
    _Cause(
        "offer",
        r"offer .*expired|offer withdrawn",
        False,
        "The source does not offer these files any more",
        "Offer the files again",
    ),
    _Cause(
        "no_shell",
        r"account is (currently )?not available|not allowed to log ?in|System is going down|pam_nologin",
        False,
        "The source's login shell, or its PAM, ends the session instead of running the agent",
        "Give the database's OS user on the source a login shell, and look whether /etc/nologin is there",
    ),
    _Cause(
        "python",
        r"command not found|No such file or directory|can't open file|SyntaxError",
        False,
        "The agent could not be run on the source",
        "Offer the files again; check that the Python named in the line of authorized_keys exists",
    ),
)


def explain(endpoint: Endpoint, returncode: Optional[int], said: str, noise: str = "") -> Unreachable:
    """Why a conversation ended, from what the process returned and said.

    ``noise``: what came before the agent's first word.
    """
    text = "{0}\n{1}".format(said, noise)
    said_line = " ".join(line.strip() for line in said.splitlines() if line.strip() and not line.startswith("@"))[-600:]
    for cause in _CAUSES:
        if re.search(cause.pattern, text):
            return Unreachable(
                "No conversation with {0}: {1}".format(endpoint.name, said_line or noise.strip()[-300:]),
                cause.meaning,
                cause.remedy,
                cause.again,
                cause.reason,
                said,
            )
    ended = (
        "was ended by signal {0}".format(-returncode)
        if returncode is not None and returncode < 0
        else "ended with code {0}".format(returncode)
    )
    return Unreachable(
        seen="The agent on {0} {1}{2}{3}".format(
            endpoint.name,
            ended,
            ", saying: " + said_line if said_line else " without a word",
            "; before it had said: " + noise.strip()[-300:] if noise.strip() else "",
        ),
        meaning="The copy lost its source",
        remedy="Run again: the copy goes on where it stopped",
        again=True,
        reason="agent_died",
        said=said,
    )


def local_argv(python: str, agent_file: str, offer_file: str) -> List[str]:
    """The agent's command on the host where its offer is."""
    return [python or sys.executable, "-I", agent_file, offer_file]


def forget_key(seed_dir: str) -> bool:
    """Remove the seed's key pair and list of host keys. True when there was something to remove."""
    removed = False
    for name in (KEY, KEY + ".pub", KNOWN_HOSTS):
        try:
            os.unlink(os.path.join(seed_dir, name))
            removed = True
        except FileNotFoundError:
            continue
    return removed
