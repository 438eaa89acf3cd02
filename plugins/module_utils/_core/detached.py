# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Work that outlives the module call that started it, and the dead man's timer.

A copy of a terabyte must not hang on one SSH session of the controller, and backup mode must end although the
controller is dead. Both are done by a Python callable that runs on in a process of its own:

* ``start`` forks twice and *does not* execute anything: the archive that Ansible runs a module from is deleted as soon
  as the module ends, so everything the work needs must have been imported before, and secrets stay in memory, in no
  file and no argument list;
* a lock (``flock``) is held for the life of the process: a second start attaches to the same work or is refused with
  the holder's pid and age;
* a status file (JSON, replaced atomically, 0600) tells state, progress, result; a process is named by pid, start time
  and boot, so a pid that was given to another process later is never mistaken for ours;
* ``dead_man`` waits for its lease file: renewed, it waits on; not renewed for so many seconds, it acts; removed, it
  ends without acting.

Four files per job in its directory: ``NAME.lock``, ``NAME.json`` (status), ``NAME.log`` (output and tracebacks),
``NAME.lease`` (dead man only).

Limits: a host whose logind has ``KillUserProcesses=yes`` kills such processes with the login session; the job is then
found dead and resumed.
"""

import errno
import fcntl
import json
import os
import resource
import signal
import stat
import sys
import tempfile
import threading
import time
import traceback
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until

#: States of a job. NONE: never started here. DIED: its process is gone and left neither result nor error.
NONE = "none"
RUNNING = "running"
FINISHED = "finished"
FAILED = "failed"
CANCELLED = "cancelled"
DIED = "died"

#: Seconds between two signs of life in the status file.
HEARTBEAT = 5.0
#: Seconds between two writes of progress, so that a fast loop may report as often as it likes.
PROGRESS_INTERVAL = 1.0
#: Seconds between two looks of a dead man at his lease.
LEASE_INTERVAL = 0.5
#: Seconds that a start may take until the first status is written.
START_LIMIT = 30.0


class Process(NamedTuple):
    """A process that cannot be mistaken: ``started`` is its start time in clock ticks since ``boot``; both "" where the
    system has no /proc.
    """

    pid: int
    started: str
    boot: str


class Status(NamedTuple):
    """What is known of a job.

    ``state``: one of the words above. ``key``: what the job works on, as given at the start. ``age`` and
    ``heartbeat_age``: seconds since the start and since the last sign of life (None when unknown). ``progress``,
    ``result``: as reported by the work. ``error``: arguments of ``fail_json`` when the work failed.
    """

    name: str
    state: str
    key: str
    process: Optional[Process]
    age: Optional[float]
    heartbeat_age: Optional[float]
    progress: Dict[str, Any]
    result: Dict[str, Any]
    error: Dict[str, Any]

    @property
    def is_running(self) -> bool:
        return self.state == RUNNING

    def as_dict(self) -> Dict[str, Any]:
        """Plain data for results."""
        record = dict(self._asdict())
        record["process"] = dict(self.process._asdict()) if self.process else None
        return record


class Started(NamedTuple):
    """The end of :func:`start`: ``attached`` is True when the work had been running already."""

    status: Status
    attached: bool


class Cancelled(Exception):
    """Raised inside the work when somebody asked for its end (SIGTERM)."""


def boot_id() -> str:
    """Identity of this boot of the host, "" where the system does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii", errors="replace") as source:
            return source.read().strip()
    except OSError:
        return ""


def identify(pid: int) -> Optional[Process]:
    """The process that has this pid now, or None. A zombie counts as gone."""
    try:
        with open("/proc/{0}/stat".format(pid), "rb") as source:
            # The command in parentheses may hold blanks and parentheses itself: the fields start behind the last one.
            fields = source.read().rpartition(b")")[2].split()
        if fields[0] in (b"Z", b"X"):
            return None
        return Process(pid, fields[19].decode("ascii"), boot_id())
    except (OSError, IndexError):
        pass
    if os.path.isdir("/proc/self"):
        return None
    try:
        os.kill(pid, 0)
    except OSError as error:
        return Process(pid, "", "") if error.errno == errno.EPERM else None
    return Process(pid, "", "")


def is_alive(process: Process) -> bool:
    """True only if this very process still runs: same pid, same start time, same boot."""
    return identify(process.pid) == process


def _path(directory: str, name: str, kind: str) -> str:
    return os.path.join(directory, "{0}.{1}".format(name, kind))


def lease_path(directory: str, name: str) -> str:
    """The lease file of a dead man: touch it (``renew``) and he waits on, remove it and he ends without acting."""
    return _path(directory, name, "lease")


def private_directory(path: str) -> None:
    """Create a directory of mode 0700, or prove that the existing one is ours and closed to others.

    :raises Refusal: when it is a link, no directory, of another owner, or writable by others.
    """
    os.makedirs(path, mode=0o700, exist_ok=True)
    seen = os.lstat(path)
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid() or seen.st_mode & 0o022:
        raise Refusal(
            seen="{0} has owner {1} and mode {2:o}".format(path, seen.st_uid, seen.st_mode),
            meaning="A directory for job files must be a directory of user {0} that nobody else can "
            "write, and no link".format(os.geteuid()),
            remedy="Remove it, or chown it to the user the task runs as and chmod it to 0700",
        )


def write_atomically(path: str, text: str, mode: int = 0o600, durable: bool = True) -> None:
    """Replace a file so that a reader sees the old text or the new text and nothing between.

    :arg durable: wait until the text is on the disk; without it a crash of the host may leave an older or no text.
    """
    temporary = "{0}.{1}.{2}.new".format(path, os.getpid(), threading.get_ident())
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), mode)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as target:
            target.write(text)
            target.flush()
            if durable:
                os.fsync(target.fileno())
        os.rename(temporary, path)
    except BaseException:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise


def read_json(path: str) -> Optional[Dict[str, Any]]:
    """The record in a JSON file, or None when there is none or when it is unreadable."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as source:
            record = json.load(source)
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


class Job:
    """The work's own view of its job: report with :meth:`progress`; ``record`` is written to the status file.

    Work that sets ``transient`` says that its end interests nobody: its files are removed with it.
    """

    def __init__(self, directory: str, name: str, key: str) -> None:
        self._file = _path(directory, name, "json")
        self._guard = threading.Lock()
        self._ended = threading.Event()
        self._written = 0.0
        self.transient = False
        process = identify(os.getpid()) or Process(os.getpid(), "", "")
        self._record: Dict[str, Any] = {
            "name": name,
            "key": key,
            "state": RUNNING,
            "process": dict(process._asdict()),
            "boot": boot_id(),
            "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "started": time.monotonic(),
            "progress": {},
            "result": {},
            "error": {},
        }

    def write(self, durable: bool = False) -> None:
        """Write the status file now, with a sign of life.

        Only the end is made durable: on a disk that is busy with the work itself, waiting for it every second would
        halve the work's speed, and after a crash of the host the work is found dead whatever its last progress was.
        """
        with self._guard:
            if self._ended.is_set() and not durable:
                return  # a beat that comes behind the end; the files may be removed already
            self._record["heartbeat"] = time.monotonic()
            self._written = time.monotonic()
            write_atomically(self._file, json.dumps(self._record, indent=1, sort_keys=True) + "\n", durable=durable)

    def progress(self, **values: Any) -> None:
        """Report progress: values are merged into ``progress`` of the status.

        Written at most once a second, but at once when ``phase`` is another one.
        """
        before = self._record["progress"]
        self._record["progress"] = dict(before, **values)
        if (
            before.get("phase") != self._record["progress"].get("phase")
            or time.monotonic() - self._written >= PROGRESS_INTERVAL
        ):
            self.write()

    def end(
        self, state: str, result: Optional[Mapping[str, Any]] = None, error: Optional[Mapping[str, Any]] = None
    ) -> None:
        """Record the end of the work."""
        self._ended.set()
        self._record.update(state=state, result=dict(result or {}), error=dict(error or {}), ended=time.monotonic())
        self.write(durable=True)

    def start_heartbeat(self) -> None:
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT):
            try:
                self.write()
            except OSError:
                # A full disk must not end the sign of life for good: the next beat tries again.
                continue


Work = Callable[[Job], Mapping[str, Any]]


def ask(directory: str, name: str) -> Status:
    """What is known of a job. Reads only; never waits.

    :arg directory: where the job's files are. :arg name: the job's name there.
    """
    record = read_json(_path(directory, name, "json"))
    if record is None:
        return Status(name, NONE, "", None, None, None, {}, {}, {})
    raw = record.get("process") or {}
    process = Process(int(raw.get("pid", 0)), str(raw.get("started", "")), str(raw.get("boot", "")))
    state = str(record.get("state"))
    if state == RUNNING and not is_alive(process):
        # The last status may have been written between the read and the look at the process.
        record = read_json(_path(directory, name, "json")) or record
        state = str(record.get("state"))
        state = DIED if state == RUNNING else state
    same_boot = record.get("boot") == boot_id()
    now = time.monotonic()
    return Status(
        name=name,
        state=state,
        key=str(record.get("key", "")),
        process=process,
        age=round(now - float(record.get("started", now)), 1) if same_boot else None,
        heartbeat_age=round(now - float(record.get("heartbeat", now)), 1) if same_boot else None,
        progress=dict(record.get("progress") or {}),
        result=dict(record.get("result") or {}),
        error=dict(record.get("error") or {}),
    )


def take_lock(directory: str, name: str) -> Optional[int]:
    """The descriptor of the lock of a job, or of a turn that has no job; None when another process holds it.

    It is held until the descriptor is closed, so until the process ends at the latest. The directory must be there.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    path = _path(directory, name, "lock")
    handle = os.open(path, flags, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its last holder may have removed the file between the two calls: then what is held here locks nobody out.
        if os.path.samestat(os.fstat(handle), os.lstat(path)):
            return handle
    except OSError:
        pass
    os.close(handle)
    return None


def _lock_or_holder(directory: str, name: str) -> Tuple[Optional[int], Status]:
    # Each time anew: a transient job that ends takes the directory with it.
    private_directory(directory)
    try:
        lock = take_lock(directory, name)
    except FileNotFoundError:
        lock = None
    return lock, ask(directory, name)


def busy(status: Status) -> Refusal:
    """The refusal that names who holds a job."""
    pid = status.process.pid if status.process else "unknown"
    return Refusal(
        seen="Job {0} is already at work: process {1}, since {2} s, on {3!r}".format(
            status.name, pid, "unknown" if status.age is None else int(status.age), status.key
        ),
        meaning="The same directory cannot serve two different jobs at once",
        remedy="Wait for its end, or end it with 'kill {0}' on this host and run again".format(pid),
        details={"holder": status.as_dict()},
    )


def start(directory: str, name: str, key: str, work: Work) -> Started:
    """Start work in a process of its own, or attach to the same work when it is running already.

    :arg directory: where the job's files are kept; created 0700, must be ours.
    :arg name: name of the job, one at a time per directory and name.
    :arg key: what the job works on; a running job of the same key is attached to.
    :arg work: gets the :class:`Job` and returns a JSON-able result. Everything it needs must be imported before, see
        the module's text.
    :returns: :class:`Started` with the first status.
    :raises Refusal: when a job of another key holds the lock, or when the directory is not ours.
    """
    # A process that ends writes its last status, or dies, a moment before the system takes its lock away: look again.
    seen = wait_until(
        lambda: _lock_or_holder(directory, name),
        lambda found: found[0] is not None or found[1].is_running,
        START_LIMIT,
        "the lock of job {0}, or for its holder to say what it does".format(name),
        "Look for the process that holds {0}".format(_path(directory, name, "lock")),
        interval=0.05,
    ).value
    lock, holder = seen
    if lock is None:
        if holder.key != key:
            raise busy(holder)
        return Started(holder, True)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _in_child(directory, name, key, work, lock, reader, writer)
    os.close(writer)
    os.close(lock)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read().decode("utf-8", "replace")
    os.waitpid(child, 0)
    if answer != "ok":
        raise StandbyError(
            seen="The detached process of job {0} did not start: {1}".format(name, answer or "it said nothing"),
            meaning="Nothing was begun",
            remedy="Look at {0} and at the limits of the user (ulimit -u)".format(_path(directory, name, "log")),
        )
    return Started(ask(directory, name), False)


def _in_child(directory: str, name: str, key: str, work: Work, lock: int, reader: int, writer: int) -> None:
    """The middle process: it only makes the one that stays and never returns to the caller's code."""
    try:
        os.close(reader)
        os.setsid()
        if os.fork() == 0:
            _become_daemon(directory, name, (lock, writer))
            _work(directory, name, key, work, writer)
    except BaseException as error:  # noqa: BLE001 - the caller's code must not run twice, whatever happened: tell it and leave
        try:
            os.write(writer, str(error).encode("utf-8", "replace") or b"unknown error")
        except OSError:
            pass
        os._exit(1)
    os._exit(0)


def _become_daemon(directory: str, name: str, keep: Tuple[int, int]) -> None:
    """Let go of everything that ties this process to the session that started it."""
    os.chdir("/")
    # The umask stays: an instance that is booted from here makes its files as it does otherwise. Our own have their modes.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Secrets are in this process's memory only; a core file would put them on a disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The directory that a module's temporary files went to is removed with the module.
    tempfile.tempdir = None
    log = os.open(
        _path(directory, name, "log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600
    )
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    last = 3
    for handle in sorted(keep):
        os.closerange(last, handle)
        last = handle + 1
    os.closerange(last, min(limit, 65536) if limit != resource.RLIM_INFINITY else 65536)
    sys.stdout = os.fdopen(1, "w", 1, encoding="utf-8", errors="backslashreplace")
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace")


def _on_term(number: int, frame: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Cancelled()


def _work(directory: str, name: str, key: str, work: Work, writer: int) -> None:
    """The process that stays: run the work, record its end, exit."""
    job = Job(directory, name, key)
    code = 0
    try:
        # From here on a wish to cancel is heard, before anybody can know of the job.
        signal.signal(signal.SIGTERM, _on_term)
        job.write()
        os.write(writer, b"ok")
        os.close(writer)
        job.start_heartbeat()
        result = work(job)
        # What is done is done: a wish to cancel comes too late now and must not spoil the record.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        job.end(FINISHED, result=result)
    except Cancelled:
        job.end(CANCELLED)
    except StandbyError as error:
        job.end(FAILED, error=error.as_failure())
    except BaseException as error:  # noqa: BLE001 - whatever it was, it is recorded
        traceback.print_exc()
        job.end(FAILED, error=_unexpected(error, _path(directory, name, "log")))
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    if job.transient:
        _remove_files(directory, name)
    os._exit(code)


def remove(directory: str, name: str) -> None:
    """Remove the files of a job that is at its end, and the directory if it is empty then.

    Waits for the job's process to be gone, so that it cannot remove the files of the next job of this name.

    :raises DeadlineExceeded: when a process keeps the job's lock, so when the job is not at its end.
    """
    if not os.path.isdir(directory):
        return
    lock = wait_until(
        lambda: _lock_to_remove(directory, name),
        lambda found: found is not None,
        START_LIMIT,
        "the process of job {0} to be gone".format(name),
        "Look for the process that holds {0}".format(_path(directory, name, "lock")),
        interval=0.05,
    ).value
    if lock is not None and lock >= 0:
        _remove_files(directory, name)
        os.close(lock)


def _lock_to_remove(directory: str, name: str) -> Optional[int]:
    """The lock of a job, None while another process has it, -1 when the directory is gone and nothing is to be done."""
    try:
        return take_lock(directory, name)
    except FileNotFoundError:
        return -1


def _remove_files(directory: str, name: str) -> None:
    """Remove the files of a job whose lock this process holds; the lock last, so that nobody can begin meanwhile."""
    for kind in ("json", "log", "lease", "lock"):
        try:
            os.unlink(_path(directory, name, kind))
        except FileNotFoundError:
            pass
    try:
        os.rmdir(directory)
    except OSError:
        pass  # somebody else keeps files there, which are not ours to remove, or it is gone


def _unexpected(error: BaseException, log: str) -> Dict[str, Any]:
    return StandbyError(
        seen="{0}: {1}".format(type(error).__name__, error),
        meaning="The detached work ended with an error that it does not know",
        remedy="Read {0} on this host and report the error; running the same task again resumes the work".format(log),
    ).as_failure()


def cancel(directory: str, name: str, deadline: float = 30.0) -> Status:
    """End a job without its result. Idempotent: a job that is not running stays as it is.

    For a dead man the decision falls under the lock of his lease: either he has not acted and never will, or he has and
    the status tells.

    :arg deadline: seconds to wait for the end.
    :returns: the last status; CANCELLED, or FINISHED or FAILED when the work was faster.
    :raises DeadlineExceeded: when the process did not end.
    """
    remove_lease(lease_path(directory, name))
    status = ask(directory, name)
    is_dead_man = bool(status.progress.get("lease"))
    if status.is_running and status.process is not None and not is_dead_man and is_alive(status.process):
        os.kill(status.process.pid, signal.SIGTERM)
    if not status.is_running:
        return status
    return wait_until(
        lambda: ask(directory, name),
        lambda seen: not seen.is_running,
        deadline,
        "job {0} to end".format(name),
        "Look at {0}; end the process by hand".format(_path(directory, name, "log")),
    ).value


def _with_lease(path: str, act: Callable[[int], Any]) -> Tuple[bool, Any]:
    """Do something under the lock of a lease file; (False, None) when there is no such lease any more."""
    try:
        handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return False, None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            if not os.path.samestat(os.fstat(handle), os.lstat(path)):
                return False, None
        except FileNotFoundError:
            return False, None
        return True, act(handle)
    finally:
        os.close(handle)


def renew_lease(path: str) -> bool:
    """Renew a lease by its file.

    False when it has lapsed or was cancelled: then the dead man has acted or will not act any more.
    """
    return _with_lease(path, os.utime)[0]


def remove_lease(path: str) -> bool:
    """Take a lease away so that its dead man ends without acting. False when there was none."""
    return _with_lease(path, lambda handle: os.unlink(path))[0]


def renew(directory: str, name: str) -> Status:
    """Renew the lease of a dead man.

    :raises Refusal: when he does not wait any more; the error tells what became of him.
    """
    renewed = renew_lease(lease_path(directory, name))
    status = ask(directory, name)
    if not renewed or not status.is_running:
        raise Refusal(
            seen="The lease {0} cannot be renewed: its job is {1}".format(lease_path(directory, name), status.state),
            meaning="What the lease protected has been ended, or nobody watches over it any more",
            remedy="Begin it anew; the result of the job is in 'details'",
            details={"job": status.as_dict()},
        )
    return status


def dead_man(
    directory: str,
    name: str,
    seconds: float,
    act: Callable[[], Mapping[str, Any]],
    key: str = "",
    attempts: int = 3,
    pause: float = 20.0,
) -> Started:
    """Arm a dead man's timer: when its lease is not renewed for ``seconds``, ``act`` runs once with success.

    Time is counted on the monotonic clock from the last change of the lease file that was seen, so a step of the wall
    clock neither lengthens nor shortens it.

    :arg act: what to do when the lease lapses, such as to end backup mode; returns a JSON-able result. Secrets it needs
        are kept in memory only.
    :arg key: what is protected; an armed timer of the same key is attached to and its lease renewed (its ``seconds``
        stay as they were).
    :arg attempts: how often a failing ``act`` is tried. :arg pause: seconds between two tries.
    :returns: :class:`Started`. The end of the timer is in the status: FINISHED with ``result = {lapsed: true, acted:
        {...}, attempts}``, FAILED with the last error when all tries failed, CANCELLED when :func:`cancel` was faster.
    """
    private_directory(directory)
    path = lease_path(directory, name)

    def wait_for_lapse(job: Job) -> Mapping[str, Any]:
        # The lease is laid here, under the job's lock, so that attaching cannot replace the lease of a timer that runs.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600))
        job.progress(lease=path, seconds=seconds, armed=True)
        job.write()
        if not _await_lapse(path, seconds):
            raise Cancelled()
        job.progress(armed=False)
        job.write()
        return _act(act, attempts, pause)

    started = start(directory, name, key, wait_for_lapse)
    if started.attached:
        return Started(renew(directory, name), True)
    armed = wait_until(
        lambda: ask(directory, name),
        lambda status: not status.is_running or "armed" in status.progress,
        START_LIMIT,
        "the dead man's timer {0} to be armed".format(name),
        "Look at {0}".format(_path(directory, name, "log")),
        interval=0.02,
    ).value
    return Started(armed, False)


def _await_lapse(path: str, seconds: float) -> bool:
    """Wait until a lease was not renewed for so long (True; the lease is gone then) or was taken away (False)."""
    state = {"mark": 0, "since": time.monotonic()}

    def check(handle: int) -> bool:
        mark = os.fstat(handle).st_mtime_ns
        if mark != state["mark"]:
            state.update(mark=mark, since=time.monotonic())
        if time.monotonic() - state["since"] < seconds:
            return False
        os.unlink(path)
        return True

    end = wait_until(
        lambda: _with_lease(path, check),
        lambda seen: not seen[0] or bool(seen[1]),
        float("inf"),
        "the lease {0} to lapse".format(path),
        "",
        interval=min(LEASE_INTERVAL, max(seconds / 10.0, 0.01)),
    )
    return bool(end.value[0])


def _act(act: Callable[[], Mapping[str, Any]], attempts: int, pause: float) -> Dict[str, Any]:
    """Run the action of a dead man, again when it fails: the engine may just be busy."""
    errors = []

    def attempt() -> Optional[Mapping[str, Any]]:
        try:
            return act()
        except Exception as error:  # noqa: BLE001 - whatever it was, it is recorded
            traceback.print_exc()
            errors.append(error)
            return None

    end = wait_until(
        attempt,
        lambda value: value is not None or len(errors) >= attempts,
        float("inf"),
        "the action",
        "",
        interval=pause,
    )
    if end.value is None:
        raise errors[-1]
    return {"lapsed": True, "acted": dict(end.value), "attempts": len(errors) + 1}


def aside(work: Callable[[], None]) -> None:
    """Do something in a process of its own without lock, status or log, for which neither its parent nor Ctrl-C waits.

    Unlike :func:`start` it keeps all open files but the standard ones, which connections of the controller need.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    # Whatever happens, the caller's code must not run twice.
    try:
        os.setsid()
        if os.fork() == 0:
            null = os.open(os.devnull, os.O_RDWR)
            for handle in (0, 1, 2):
                os.dup2(null, handle)
            work()
    finally:
        os._exit(0)
