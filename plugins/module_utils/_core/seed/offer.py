# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Offering files on the source: the agent, the list of what it may read, and one line of ``authorized_keys``; and
taking all of it away.

Everything of an offer is under ``<directory>/<seed>/`` (0700). The line carries the marker ``firedrill-seed=<seed>``
and lets one key, from given addresses, run the agent on this one list and nothing else. An offer that is forgotten does
no harm: the agent refuses it after its expiry, sshd refuses the key where it knows ``expiry-time`` (OpenSSH 7.7), and
the next offer in the same directory removes it.
"""

import fcntl
import inspect
import ipaddress
import json
import os
import pwd
import re
import shlex
import socket
import stat
import time
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, network
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Runner
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import agent, target, transport
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed.manifest import check_seed_id

MARKER = "firedrill-seed="
#: Programs that end a session instead of running a command.
NO_SHELLS = ("nologin", "false", "true", "sync")
#: Without `restrict` (OpenSSH before 7.2) each thing is forbidden by its name.
RESTRICTIONS = "no-pty,no-port-forwarding,no-agent-forwarding,no-X11-forwarding,no-user-rc"
#: Stands for the key that a run outside check mode would get from the target.
KEY_TO_COME = "ssh-ed25519 AAAA"
_KEY_LINE = re.compile(r"(ssh-[a-z0-9-]+|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]+={0,3}( |\Z)")


class Wish(NamedTuple):
    """What is to be offered.

    ``allowed_from``: addresses or patterns of authorized_keys' ``from``. ``lifetime``: seconds. ``lease``: the lease
    file that the agent may renew, or None. ``port``: of sshd, None to find it out. ``address``: under which the target
    reaches this host. ``authorized_keys``: None for the user's own. ``python``: interpreter for the agent.
    """

    seed: str
    directory: str
    transport: str
    public_key: str
    allowed_from: Tuple[str, ...]
    files: Tuple[str, ...]
    trees: Tuple[Tuple[str, Tuple[str, ...]], ...]
    lease: Optional[str]
    lifetime: int
    port: Optional[int]
    address: str
    authorized_keys: Optional[str]
    python: str


class Server(NamedTuple):
    """The SSH server of this host: its port, its host keys (``type base64``), its banner ("" when it was not seen)."""

    port: int
    host_keys: Tuple[str, ...]
    banner: str


def check_wish(wish: Wish) -> None:
    """Refuse an offer that contradicts itself or that could never be used.

    :raises Refusal: naming the option and the value.
    """
    check_seed_id(wish.seed)
    for path in wish.files + tuple(tree[0] for tree in wish.trees) + (wish.directory,):
        target.check_path(path, "path")
    problem = ""
    if not wish.files and not wish.trees:
        problem = "neither files nor trees are given"
    elif wish.transport == "ssh" and not _KEY_LINE.match(wish.public_key.strip()):
        problem = "public_key {0!r} is not a line of an OpenSSH public key".format(wish.public_key[:60])
    elif wish.transport == "ssh" and not wish.allowed_from:
        problem = "allowed_from is empty"
    elif any(not re.match(r"[A-Za-z0-9.:*?/_%-]+\Z", one) or one.startswith("!") for one in wish.allowed_from):
        problem = "allowed_from is {0!r}".format(list(wish.allowed_from))
    elif not 60 <= wish.lifetime <= 30 * 86400:
        problem = "expires_in is {0} s; allowed are 60 s to 30 days".format(wish.lifetime)
    if problem:
        raise Refusal(
            seen="The offer cannot be made: {0}".format(problem),
            meaning="Only one key, from known addresses, for named files and a limited time, is ever let in",
            remedy="Correct the option; the public key is what seed_pull with state=prepared returned on the target",
        )
    missing = [path for path in wish.files if not os.path.isfile(path)] + [
        tree[0] for tree in wish.trees if not os.path.isdir(tree[0])
    ]
    unreadable = [path for path in wish.files if path not in missing and not os.access(path, os.R_OK)]
    if missing or unreadable:
        raise Refusal(
            seen="Not there: {0}; not readable for user {1}: {2}".format(missing[:10], os.geteuid(), unreadable[:10]),
            meaning="What cannot be read cannot be offered",
            remedy="Correct the list, or run as the database's OS user",
            details={"missing": missing, "unreadable": unreadable},
        )


def resolved(allowed_from: Sequence[str]) -> Tuple[str, ...]:
    """What stands in ``from``: each name followed by all its addresses, as this host resolves it.

    sshd compares the peer's address, and its name only with ``UseDNS yes``, which is not the default (sshd_config(5)).
    The name stays, for a host that has it. Addresses, networks and patterns are left as they are.

    :raises Refusal: for a name that does not resolve.
    """
    found: List[str] = []
    for one in allowed_from:
        found.append(one)
        if _is_address(one) or re.search(r"[*?/]", one):
            continue
        addresses, error = network.resolve(one)
        if not addresses:
            raise Refusal(
                seen="{0} does not resolve on {1}: {2}".format(one, socket.gethostname(), error),
                meaning="sshd lets a key in from addresses, and those of this name are not known here",
                remedy="Add {0} to DNS or to /etc/hosts of this host, or give an address (in the roles: "
                "tibero_address of that member)".format(one),
                details={"name": one},
            )
        found += addresses
    return tuple(one for number, one in enumerate(found) if one not in found[:number])


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def agent_text() -> str:
    """The agent's file as it is laid on the source; works from the archive that a module runs from."""
    read = getattr(getattr(agent, "__loader__", None), "get_source", None)
    text = read(agent.__name__) if read is not None else None
    return str(text) if text else inspect.getsource(agent)


def home_of_user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_dir


def authorized_keys_path(wish: Wish) -> str:
    """The file sshd reads for this user; behind a link the file itself, so that replacing it keeps the link."""
    return os.path.realpath(wish.authorized_keys or os.path.join(home_of_user(), ".ssh", "authorized_keys"))


def find_server(wish: Wish, run: Runner, configuration: str = "/etc/ssh/sshd_config") -> Server:
    """Ask this host's own SSH server for its host keys, over an address of this host so that nobody stands between.

    :raises Refusal: when none answers and no host key files can be read either.
    """
    port = wish.port or _port_of_this_session() or _port_configured(configuration) or 22
    for address in (wish.address, "127.0.0.1", "::1"):
        if not _is_own(address):
            continue
        done = run(Command(("ssh-keyscan", "-T", "5", "-p", str(port), address), deadline=30.0))
        keys = [
            " ".join(line.split()[1:3])
            for line in done.output.splitlines()
            if line.strip() and not line.startswith("#")
        ]
        banner = re.search(r"SSH-2\.0-(\S+)", done.output + done.errors)
        if keys:
            return Server(port, tuple(sorted(set(keys))), banner.group(1) if banner else "")
    keys = list(_host_key_files(os.path.dirname(configuration)))
    if not keys:
        raise Refusal(
            seen="No SSH server of this host answers at port {0}".format(port),
            meaning="The target could not reach the offered files",
            remedy="Start sshd, or set the port it listens at",
        )
    return Server(port, tuple(sorted(keys)), "")


def _is_own(address: str) -> bool:
    """True when a socket can be bound to the address: it is this host's own."""
    try:
        for family, kind, protocol, _name, place in socket.getaddrinfo(address, 0, 0, socket.SOCK_STREAM):
            with socket.socket(family, kind, protocol) as probe:
                probe.bind(place)
                return True
    except (OSError, UnicodeError):
        pass
    return False


def _port_of_this_session() -> Optional[int]:
    """The port that Ansible's own session came in by; sudo may have dropped the variable."""
    words = os.environ.get("SSH_CONNECTION", "").split()
    return int(words[3]) if len(words) == 4 and words[3].isdigit() else None


def _port_configured(configuration: str) -> Optional[int]:
    try:
        with open(configuration, encoding="utf-8", errors="replace") as source:
            for line in source:
                found = re.match(r"\s*Port\s+(\d+)", line, re.IGNORECASE)
                if found:
                    return int(found.group(1))
    except OSError:
        pass
    return None


def _host_key_files(directory: str) -> Iterator[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return
    for name in names:
        if name.startswith("ssh_host_") and name.endswith("_key.pub"):
            with open(os.path.join(directory, name), encoding="utf-8", errors="replace") as source:
                yield " ".join(source.read().split()[:2])


def version_of(banner: str) -> Tuple[int, int]:
    """(major, minor) of an OpenSSH banner, (0, 0) for any other."""
    found = re.match(r"OpenSSH_(?:for_\w+_)?(\d+)\.(\d+)", banner)
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)


def key_line(wish: Wish, expires: float, banner: str) -> str:
    """The line of authorized_keys.

    An option that this sshd does not know would make it ignore the line, so the newer ones depend on its version.
    """
    version = version_of(banner)
    place = os.path.join(wish.directory, wish.seed)
    command = " ".join(
        shlex.quote(word)
        for word in transport.local_argv(
            wish.python, os.path.join(place, "agent.py"), os.path.join(place, "offer.json")
        )
    )
    options = [
        "restrict" if version >= (7, 2) else RESTRICTIONS,
        'command="{0}"'.format(command),
        'from="{0}"'.format(",".join(wish.allowed_from)),
    ]
    if version >= (7, 7):
        options.append('expiry-time="{0}"'.format(_local_time(expires)))
    kind, data = wish.public_key.split()[:2]
    return "{0} {1} {2} {3}{4}\n".format(",".join(options), kind, data, MARKER, wish.seed)


def _local_time(moment: float) -> str:
    """The host's own local time, whatever TZ this process was given: that is how sshd reads ``expiry-time``."""
    kept = os.environ.pop("TZ", None)
    time.tzset()
    try:
        return time.strftime("%Y%m%d%H%M%S", time.localtime(moment))
    finally:
        if kept is not None:
            os.environ["TZ"] = kept
            time.tzset()


def offer_record(wish: Wish, expires: float) -> Dict[str, Any]:
    """The offer as the agent reads it."""
    return {
        "seed": wish.seed,
        "expires": int(expires),
        "lifetime": wish.lifetime,
        "files": list(wish.files),
        "trees": [{"path": path, "exclude": list(exclude)} for path, exclude in wish.trees],
        "lease": wish.lease,
    }


class Found(NamedTuple):
    """An offer as it is: its record, whether the agent's file is the present one, its line of authorized_keys, and
    other offers that expired.
    """

    record: Optional[Dict[str, Any]]
    agent_is_current: bool
    line: str
    stale: Tuple[str, ...]


def observe(wish: Wish, now: float) -> Found:
    """What is there of this offer, and which others of ours have expired."""
    place = os.path.join(wish.directory, wish.seed)
    try:
        with open(os.path.join(place, "agent.py"), encoding="utf-8", errors="surrogateescape") as source:
            current = source.read() == agent_text()
    except OSError:
        current = False
    line = "".join(one for one in read_lines(authorized_keys_path(wish)) if seed_of(one) == wish.seed)
    return Found(detached.read_json(os.path.join(place, "offer.json")), current, line, _stale(wish, now))


def _stale(wish: Wish, now: float) -> Tuple[str, ...]:
    try:
        names = sorted(os.listdir(wish.directory))
    except OSError:
        return ()
    found = []
    for name in names:
        record = detached.read_json(os.path.join(wish.directory, name, "offer.json"))
        if (
            name != wish.seed
            and record is not None
            and record.get("seed") == name
            and float(record.get("expires", now)) < now
        ):
            found.append(name)
    return tuple(found)


def read_lines(path: str) -> List[str]:
    """The lines of authorized_keys with their ends; bytes that are no UTF-8 stay as they are."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as source:
            return source.read().splitlines(True)
    except FileNotFoundError:
        return []


def seed_of(line: str) -> str:
    """The seed that a line of authorized_keys was made for, "" for a line that is not ours."""
    words = line.split()
    if line.lstrip().startswith("#") or not words or not words[-1].startswith(MARKER):
        return ""
    return words[-1][len(MARKER) :]


def write_lines(path: str, lines: Sequence[str]) -> None:
    """Replace authorized_keys atomically, with the mode it had, 0600 when it is new."""
    mode = stat.S_IMODE(os.stat(path).st_mode) if os.path.exists(path) else 0o600
    temporary = "{0}.firedrill.{1}".format(path, os.getpid())
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as sink:
            sink.write("".join(lines))
            sink.flush()
            os.fchmod(sink.fileno(), mode)
            os.fsync(sink.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def add_line(lines: Sequence[str], line: str, seed: str) -> List[str]:
    """The lines with the one of this seed replaced or added at the end; all others byte for byte as they were."""
    kept = [one for one in lines if seed_of(one) != seed]
    if kept and not kept[-1].endswith("\n"):
        kept[-1] += "\n"
    return kept + [line]


def warnings_for(wish: Wish) -> List[str]:
    """What makes sshd refuse a key although its line is right (StrictModes)."""
    found = []
    place = authorized_keys_path(wish)
    home = home_of_user()
    for path in (place, os.path.dirname(place), home):
        if os.path.exists(path):
            seen = os.stat(path)
            if seen.st_mode & 0o022 or seen.st_uid not in (0, os.geteuid()):
                found.append(
                    "{0} has owner {1} and mode {2:04o}: sshd with StrictModes (the default) ignores "
                    "keys below a path that others can write".format(path, seen.st_uid, stat.S_IMODE(seen.st_mode))
                )
    return found


def check_shell() -> None:
    """Refuse a user whose login shell cannot run the agent."""
    shell = pwd.getpwuid(os.geteuid()).pw_shell
    if os.path.basename(shell) in NO_SHELLS:
        raise Refusal(
            seen="The login shell of user {0} is {1}".format(os.geteuid(), shell),
            meaning="sshd runs the agent through the login shell, and this one runs nothing",
            remedy="Give the database's OS user a shell, such as 'usermod -s /bin/bash USER'",
        )


class Offered(NamedTuple):
    """The end of :func:`present` or :func:`absent`. ``source``: what ``seed_pull`` takes as O(source)."""

    changed: bool
    expires: int
    source: Dict[str, Any]
    removed_stale: Tuple[str, ...]
    warnings: Tuple[str, ...]
    before: Dict[str, Any]
    after: Dict[str, Any]


def present(wish: Wish, run: Runner, check_mode: bool, now: Optional[float] = None) -> Offered:
    """Make the offer, or leave it when it is as wanted and at least half of its time is left.

    :raises Refusal: before anything was changed.
    """
    if check_mode and wish.transport == "ssh" and not wish.public_key:
        # In check mode the target's key is not made yet either.
        wish = wish._replace(public_key=KEY_TO_COME)
    check_wish(wish)
    moment = time.time() if now is None else now
    server = Server(0, (), "")
    if wish.transport == "ssh":
        wish = wish._replace(allowed_from=resolved(wish.allowed_from))
        check_shell()
        server = find_server(wish, run)
    found = observe(wish, moment)
    expires = _keep_expiry(wish, found, moment) or int(moment + wish.lifetime)
    record = offer_record(wish, expires)
    line = key_line(wish, expires, server.banner) if wish.transport == "ssh" else ""
    changed = (
        found.record is None or dict(found.record, made=None) != dict(record, made=None) or not found.agent_is_current
    )
    changed = changed or found.line != line or bool(found.stale)
    if changed and not check_mode:
        _install(wish, record, line, found)
        if wish.transport == "ssh":
            _relabel(authorized_keys_path(wish), run)
    return Offered(
        changed,
        expires,
        _source(wish, server),
        found.stale,
        tuple(warnings_for(wish)) if wish.transport == "ssh" else (),
        _describe(found.record, found.line),
        _describe(record, line),
    )


def _keep_expiry(wish: Wish, found: Found, now: float) -> Optional[int]:
    if found.record is None or found.record.get("lifetime") != wish.lifetime:
        return None
    expires = int(found.record.get("expires", 0))
    return expires if expires - now >= wish.lifetime / 2.0 else None


def _source(wish: Wish, server: Server) -> Dict[str, Any]:
    place = os.path.join(wish.directory, wish.seed)
    argv = transport.local_argv(wish.python, os.path.join(place, "agent.py"), os.path.join(place, "offer.json"))
    if wish.transport == "local":
        return {"transport": "local", "argv": argv}
    return {
        "transport": "ssh",
        "host": wish.address,
        "port": server.port,
        "user": pwd.getpwuid(os.geteuid()).pw_name,
        "host_keys": list(server.host_keys),
    }


def _describe(record: Optional[Dict[str, Any]], line: str) -> Dict[str, Any]:
    shown = {key: value for key, value in (record or {}).items() if key not in ("made", "lifetime")}
    return {"offer": shown or None, "authorized_keys": line.strip() or None}


class _Locked:
    """Holds the directory of offers against a second one that edits authorized_keys at the same time."""

    def __init__(self, directory: str) -> None:
        detached.private_directory(directory)
        self._handle = os.open(os.path.join(directory, ".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)

    def __enter__(self) -> None:
        fcntl.flock(self._handle, fcntl.LOCK_EX)

    def __exit__(self, *_error: Any) -> None:
        os.close(self._handle)


def _install(wish: Wish, record: Dict[str, Any], line: str, found: Found) -> None:
    with _Locked(wish.directory):
        place = os.path.join(wish.directory, wish.seed)
        detached.private_directory(place)
        keys = authorized_keys_path(wish)
        made = list((found.record or {}).get("made") or [])
        if line:
            made += _make_ssh_directory(keys)
        # The list is laid before the key: there is no moment at which the key opens more than the present offer.
        detached.write_atomically(
            os.path.join(place, "offer.json"), json.dumps(dict(record, made=made), indent=1, sort_keys=True) + "\n"
        )
        detached.write_atomically(os.path.join(place, "agent.py"), agent_text())
        lines = read_lines(keys)
        wanted = add_line(lines, line, wish.seed) if line else [one for one in lines if seed_of(one) != wish.seed]
        wanted = [one for one in wanted if seed_of(one) not in found.stale]
        if wanted != lines:
            write_lines(keys, wanted)
        for name in found.stale:
            _remove_files(os.path.join(wish.directory, name))


def _make_ssh_directory(keys: str) -> List[str]:
    """Make the directory of authorized_keys when it is missing; the paths that are new, the file among them."""
    made = [] if os.path.exists(keys) else [keys]
    directory = os.path.dirname(keys)
    if not os.path.isdir(directory):
        os.mkdir(directory, 0o700)
        made.append(directory)
    return made


def _relabel(keys: str, run: Runner) -> None:
    """Give the file the SELinux label that sshd may read. Where there is no such program there is no such need."""
    if os.path.exists("/sys/fs/selinux/enforce"):
        for program in ("/sbin/restorecon", "/usr/sbin/restorecon"):
            if os.path.exists(program):
                run(Command((program, "-R", os.path.dirname(keys)), deadline=30.0))
                return


def _remove_files(place: str) -> None:
    for name in ("agent.py", "offer.json"):
        try:
            os.unlink(os.path.join(place, name))
        except FileNotFoundError:
            continue
    try:
        os.rmdir(place)
    except OSError:
        pass  # something that is not ours is in it, or it was not there: it stays as it is


def absent(directory: str, seed: str, authorized_keys: Optional[str], check_mode: bool) -> Offered:
    """Take an offer away: its line, its files, and what was made for it and is empty now."""
    check_seed_id(seed)
    target.check_path(directory, "path")
    wish = Wish(seed, directory, "ssh", "", (), (), (), None, 60, None, "", authorized_keys, "")
    found = observe(wish, 0.0)
    place = os.path.join(directory, seed)
    changed = (
        bool(found.line)
        or os.path.exists(os.path.join(place, "offer.json"))
        or os.path.exists(os.path.join(place, "agent.py"))
    )
    if changed and not check_mode:
        with _Locked(directory):
            keys = authorized_keys_path(wish)
            lines = read_lines(keys)
            kept = [one for one in lines if seed_of(one) != seed]
            if kept != lines:
                write_lines(keys, kept)
            _remove_files(place)
            _remove_made((found.record or {}).get("made") or [], keys)
    return Offered(changed, 0, {}, (), (), _describe(found.record, found.line), _describe(None, ""))


def _remove_made(made: Sequence[str], keys: str) -> None:
    """Remove authorized_keys and its directory when they were made for an offer and hold nothing now."""
    if keys in made and os.path.exists(keys) and os.path.getsize(keys) == 0:
        os.unlink(keys)
    if os.path.dirname(keys) in made:
        try:
            os.rmdir(os.path.dirname(keys))
        except OSError:
            pass  # somebody has put something there since
