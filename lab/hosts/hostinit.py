# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Process 1 of a lab host, and the keeper of a lab's switch. A program of its own: nothing of the lab is imported.

    python3 -I hostinit.py host|switch CONFIG.json STATUS_FD GO_FD

It makes the name spaces, forks, tells the new process's id as seen outside (`pid N` on STATUS_FD) and leaves. The
child waits for a line on GO_FD (the network is ready; end of file means that the builder died, so it dies too),
mounts the host's own file systems, starts sshd and the services of ours that are enabled (units.py), says `ready` or
`error: ...`, and from then on reaps what is orphaned. Who kills it ends everything in the host, as a loss of power would.
"""

import ctypes
import errno
import importlib.util
import json
import os
import signal
import site
import socket
import stat
import sys
import threading
import time
import traceback
from typing import Any, NoReturn

Config = dict[str, Any]

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

#: The directory of zip_cache.py, in which each user makes one of its own.
PYTHON_CACHE = "/var/cache/lab-python"
NODES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
# Kernel settings that belong to a host's own IPC or network name space: writing them changes that host only.
OWN_SETTINGS = (
    "net",
    "fs/mqueue",
    *(f"kernel/{key}" for key in ("sem", "shmmax", "shmall", "shmmni", "shm_rmid_forced")),
    *(f"kernel/{key}" for key in ("msgmax", "msgmnb", "msgmni", "hostname", "domainname")),
)
# Settings of the whole machine that preparations of database hosts write: they get a private copy without effect.
SHADOWED_SETTINGS = (
    *(f"fs/{key}" for key in ("file-max", "aio-max-nr", "nr_open", "suid_dumpable")),
    *(f"kernel/{key}" for key in ("core_pattern", "core_uses_pid", "panic", "panic_on_oops", "pid_max", "threads-max")),
    *(f"kernel/{key}" for key in ("randomize_va_space", "numa_balancing")),
    *(f"vm/{key}" for key in ("swappiness", "overcommit_memory", "overcommit_ratio", "max_map_count")),
    *(f"vm/{key}" for key in ("dirty_ratio", "dirty_background_ratio", "dirty_expire_centisecs", "min_free_kbytes")),
    *(f"vm/{key}" for key in ("nr_hugepages", "hugetlb_shm_group", "zone_reclaim_mode", "dirty_writeback_centisecs")),
)

libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Leave the name spaces in `flags`."""
    _check(libc.unshare(flags), "unshare")


def mount(
    source: "str | None", target: str, kind: "str | None" = None, flags: int = 0, options: "str | None" = None
) -> None:
    """mount(2)."""
    arguments = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    result = libc.mount(arguments[0], arguments[1], arguments[2], ctypes.c_ulong(flags), arguments[3])
    _check(result, f"mount {kind or 'bind'} {source} on {target}")


def bind(source: str, target: str, read_only: bool = False) -> None:
    """Show `source` at `target` too."""
    mount(source, target, None, MS_BIND | MS_REC)
    if read_only:
        mount(None, target, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID)


def mount_disk(config: Config) -> None:
    """Mount the overlay: the machine's `/` below, the host's disk above.

    After a crash the kernel lets go of the former mount a moment later; `index=on` makes it say so (EBUSY) instead of
    mounting one disk twice.
    """
    layers = f"lowerdir=/,upperdir={config['upper']},workdir={config['work']}"
    deadline = time.monotonic() + 15
    pause = threading.Event()
    while True:
        try:
            mount("lab", config["merged"], "overlay", 0, layers + ",index=on")
            return
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
        pause.wait(0.02)


def make_devices(root: str) -> None:
    """A /dev of the host's own."""
    dev = f"{root}/dev"
    mount("dev", dev, "tmpfs", MS_NOSUID, "mode=755,size=1m")
    for name, (major, minor) in NODES.items():
        os.mknod(f"{dev}/{name}", stat.S_IFCHR | 0o666, os.makedev(major, minor))
    for name in ("pts", "shm", "mqueue"):
        os.mkdir(f"{dev}/{name}")
    mount("devpts", f"{dev}/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620,gid=5")
    mount("shm", f"{dev}/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    mount("mqueue", f"{dev}/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
    for name, target in links.items():
        os.symlink(target, f"{dev}/{name}")


def make_settings(root: str) -> None:
    """/proc/sys read-only but for what is the host's own; some settings of the machine as copies without effect."""
    settings = f"{root}/proc/sys"
    shadow = f"{root}/run/lab-settings"
    os.mkdir(shadow, 0o755)
    own = [key for key in OWN_SETTINGS if os.path.exists(f"{settings}/{key}")]
    copies = {}
    for key in SHADOWED_SETTINGS:
        try:
            with open(f"{settings}/{key}", encoding="ascii") as source:
                value = source.read()
        except OSError:
            continue
        copies[key] = f"{shadow}/{key.replace('/', '.')}"
        with open(copies[key], "w", encoding="ascii") as target:
            target.write(value)
    mount(f"{settings}", settings, None, MS_BIND | MS_REC)
    for key in own:
        mount(f"{settings}/{key}", f"{settings}/{key}", None, MS_BIND)
    for key, copy in copies.items():
        mount(copy, f"{settings}/{key}", None, MS_BIND)
    mount(None, settings, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    trigger = f"{root}/proc/sysrq-trigger"
    if os.path.exists(trigger):
        bind(trigger, trigger, read_only=True)


def hide(root: str, config: Config) -> None:
    """Cover the paths of the machine a host has no business with, then show the shared ones read-only."""
    hidden = [path for path in config["hidden"] if os.path.isdir(root + path)]
    for path in hidden:
        mount("hidden", root + path, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755")
    for path in config["shares"]:
        if os.path.isdir(path):
            os.makedirs(root + path, mode=0o755, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(root + path), mode=0o755, exist_ok=True)
            if not os.path.exists(root + path):
                os.close(os.open(root + path, os.O_CREAT | os.O_WRONLY, 0o600))
        bind(path, root + path, read_only=True)
    for path in hidden:
        mount(None, root + path, None, MS_BIND | MS_REMOUNT | MS_RDONLY)


def make_root(config: Config) -> None:
    """All file systems of the host, then make them its `/`."""
    root = config["merged"]
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    mount_disk(config)
    mount("proc", f"{root}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    mount("sysfs", f"{root}/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY)
    mount("run", f"{root}/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    os.mkdir(f"{root}/run/lock")
    os.chmod(f"{root}/run/lock", 0o1777)
    os.mkdir(f"{root}/run/sshd", 0o755)
    mount(config["tmp"], f"{root}/tmp", None, MS_BIND)
    make_devices(root)
    make_settings(root)
    hide(root, config)
    os.chdir(root)
    # The same directory twice: the old root lands on top of the new one and is let go.
    _check(libc.pivot_root(b".", b"."), "pivot_root")
    _check(libc.umount2(b".", MNT_DETACH), "umount of the machine's root")
    os.chdir("/")


def write_files(files: "dict[str, tuple[str, int]]") -> None:
    """Write what makes this host itself; done once, so that a later boot finds what the host made of it."""
    for path, (text, mode) in files.items():
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        if os.path.islink(path):
            os.unlink(path)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        try:
            os.write(handle, text.encode())
            os.fchmod(handle, mode)
        finally:
            os.close(handle)


def start_sshd(config: Config) -> None:
    """Start sshd with clean signals: it must not inherit what process 1 blocks."""
    log = os.open("/var/log/lab-sshd.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.posix_spawn(
        config["sshd"][0],
        config["sshd"],
        {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
        file_actions=[(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2), (os.POSIX_SPAWN_CLOSE, log)],
        setsigmask=[],
        setsigdef=[signal.SIGPIPE, signal.SIGCHLD, signal.SIGTERM, signal.SIGXFSZ, signal.SIGHUP, signal.SIGINT],
    )
    os.close(log)


def load_units() -> Any:
    """units.py from beside this file, which no path of Python leads to, while the machine's own root is still there."""
    spec = importlib.util.spec_from_file_location("lab_units", os.path.join(os.path.dirname(__file__), "units.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reap(manager: Any = None) -> NoReturn:
    """What process 1 does for the rest of its life: reap, and start again what its unit says has to run always."""
    due: list[tuple[float, Any]] = []
    while True:
        soonest = min((moment for moment, _ in due), default=None)
        if soonest is None:
            signal.sigwait({signal.SIGCHLD})
        else:
            signal.sigtimedwait({signal.SIGCHLD}, max(soonest - time.monotonic(), 0.0))
        try:
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                again = manager.ended(pid) if manager else None
                if again is not None:
                    due.append((time.monotonic() + again.pause, again))
        except ChildProcessError:
            pass
        for moment, unit in [each for each in due if each[0] <= time.monotonic()]:
            due.remove((moment, unit))
            manager.start(unit)


def live(kind: str, config: Config, status: int, go: int) -> NoReturn:
    """The child: become the host (or the switch) and stay."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT})
    if os.read(go, 1) == b"":
        os._exit(1)
    os.close(go)
    manager = None
    try:
        if kind == "host":
            units = load_units()
            socket.sethostname(config["name"])
            os.umask(0)
            make_root(config)
            os.umask(0o022)
            if config["first_boot"]:
                write_files(config["files"])
                # This program is run by the Python that the host will have.
                packages = site.getsitepackages()[0]
                write_files({f"{packages}/{name}": file for name, file in config["python_files"].items()})
                os.makedirs(PYTHON_CACHE, exist_ok=True)
                os.chmod(PYTHON_CACHE, 0o1777)
            start_sshd(config)
            manager = units.Manager()
            units.start_all(manager)
        os.write(status, b"ready\n")
    except Exception as error:  # noqa: BLE001 - whatever it was, the builder must be told
        traceback.print_exc()
        os.write(status, f"error: {error}\n".encode())
        os._exit(1)
    os.close(status)
    reap(manager)


def main(arguments: "list[str]") -> int:
    """Make the name spaces, fork, tell, leave."""
    kind, path, status, go = arguments[0], arguments[1], int(arguments[2]), int(arguments[3])
    with open(path, encoding="utf-8") as source:
        config = json.load(source)
    spaces = CLONE_NEWNET
    if kind == "host":
        spaces |= CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID
    try:
        unshare(spaces)
    except OSError as error:
        os.write(status, f"error: {error}\n".encode())
        return 1
    child = os.fork()
    if child == 0:
        live(kind, config, status, go)
    os.write(status, f"pid {child}\n".encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
