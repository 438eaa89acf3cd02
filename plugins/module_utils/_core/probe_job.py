# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The probe as a job of its own on a client host: started, renewed, told the role epoch, stopped; and its ledgers summed up.

The job ends by itself when its lease is not renewed: a probe whose controller is gone would fill disks and tables for ever. Its files lie in one
directory: those of the job, ``NAME.epoch``, and a ``.ledger`` for each stream.
"""

import hashlib
import os
import re
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached, ledger, probe
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.probe_session import Session
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Runner
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until

STOPPED, LAPSED = "stopped", "lease lapsed"
#: Seconds that a start may take until the job says that it runs, and a stop until the job has ended.
LIMIT = 60.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}\Z")


def checked_name(option: str, value: str) -> str:
    """A name that is part of file names and of rows. :raises Refusal: when it is none."""
    if not _NAME.match(value):
        raise Refusal(
            seen="{0} is {1!r}".format(option, value),
            meaning="It becomes part of file names and rows: up to 40 letters, digits, dots, dashes and underscores",
            remedy="Correct {0}".format(option),
        )
    return value


def epoch_path(directory: str, name: str) -> str:
    """Where the controller writes the role epoch for a running probe."""
    return os.path.join(directory, "{0}.epoch".format(name))


def read_epoch(directory: str, name: str) -> Optional[int]:
    """The role epoch that the probe is told; None when there is none that can be read."""
    try:
        with open(epoch_path(directory, name), encoding="ascii", errors="replace") as source:
            text = source.read().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


class Steering:
    """What the controller wants, from the lease and the epoch file.

    :arg seconds: of the lease, counted on the monotonic clock from the last renewal that was seen. :arg now: that clock, in seconds.
    """

    def __init__(self, directory: str, name: str, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._directory, self._name, self._seconds, self._now = directory, name, seconds, now
        self._lease = detached.lease_path(directory, name)
        self._mark = 0
        self._since = now()
        self._epoch = 0
        self._epoch_mark = 0

    def __call__(self) -> probe.Control:
        try:
            mark = os.stat(self._lease).st_mtime_ns
        except OSError:
            return probe.Control(self._epoch, STOPPED)
        if mark != self._mark:
            self._mark, self._since = mark, self._now()
        if self._now() - self._since >= self._seconds:
            detached.remove_lease(self._lease)
            return probe.Control(self._epoch, LAPSED)
        try:
            epoch_mark = os.stat(epoch_path(self._directory, self._name)).st_mtime_ns
        except OSError:
            return probe.Control(self._epoch)
        if epoch_mark != self._epoch_mark:
            read = read_epoch(self._directory, self._name)
            if read is not None:
                self._epoch, self._epoch_mark = read, epoch_mark
        return probe.Control(self._epoch)


class Plan(NamedTuple):
    """What a probe is to do.

    ``key``: tells two plans apart. ``header``: of every ledger, without what belongs to a stream. ``make``: a session for a stream; it is
    called in the job.
    """

    directory: str
    name: str
    key: str
    lease_seconds: float
    header: Mapping[str, Any]
    streams: Sequence[probe.StreamSpec]
    make: Callable[[probe.StreamSpec], Session]
    payload: Callable[[str, int, str], str]


def clock_sync(runner: Runner) -> Dict[str, str]:
    """What this host says of the discipline of its clock: the output of chronyc or timedatectl, or why there is none."""
    missing = []
    for argv in (("chronyc", "-n", "tracking"), ("timedatectl", "show")):
        try:
            done = runner(Command(argv, deadline=5.0))
        except OSError as error:
            missing.append("{0}: {1}".format(argv[0], error.strerror or error))
            continue
        if done.returncode == 0 and done.output.strip():
            return {"source": " ".join(argv), "seen": done.output[:4000]}
        missing.append("{0}: {1}".format(argv[0], (done.errors or done.output).strip()[:200] or "said nothing"))
    return {"source": "", "seen": "; ".join(missing)}


def refuse_old_ledgers(plan: Plan) -> None:
    """:raises Refusal: when a ledger of the plan is there already."""
    old = [spec.name for spec in plan.streams if os.path.lexists(probe.ledger_path(plan.directory, spec.name))]
    if old:
        raise Refusal(
            seen="{0} has ledgers of {1} already".format(plan.directory, ", ".join(sorted(old)[:5])),
            meaning="A ledger is written once: a second start would need the same rows in the database again",
            remedy="Give the streams another 'prefix' to go on in the same drill, or another directory for another drill",
        )


def _writers(plan: Plan, clock: probe.Clock) -> List[ledger.Writer]:
    found = []
    for spec in plan.streams:
        header = dict(
            plan.header,
            stream=spec.name,
            kind=spec.kind,
            path=spec.path,
            interval_ns=spec.interval,
            offset_ns=spec.offset,
            late_ns=probe.LATE,
            clock=clock.name,
            boot_id=detached.boot_id(),
        )
        found.append(ledger.Writer(probe.ledger_path(plan.directory, spec.name), header))
    return found


def _work(plan: Plan, job: detached.Job) -> Dict[str, Any]:
    """The job itself."""
    lease = detached.lease_path(plan.directory, plan.name)
    os.close(os.open(lease, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600))
    job.progress(phase="starting", lease=lease, lease_seconds=plan.lease_seconds)
    clock = probe.real_clock()
    writers = _writers(plan, clock)
    streams = [probe.Stream(spec, plan.make(spec), writer, plan.payload) for spec, writer in zip(plan.streams, writers)]
    syncer = probe.Syncer(writers)
    steering = Steering(plan.directory, plan.name, plan.lease_seconds)
    running = probe.Probe(streams, steering, lambda counts: job.progress(phase="running", **counts), clock)
    syncer.start()
    try:
        summary = running.run(before_end=syncer.stop)
    finally:
        syncer.stop()
    detached.remove_lease(lease)
    return dict(summary.as_dict(), disk_trouble=syncer.trouble, streams=len(streams))


def start(plan: Plan, epoch: int) -> detached.Started:
    """Start the probe, or renew the lease of the one that works on the same plan.

    :raises Refusal: when another plan is at work there, or when ledgers of this one are there from before.
    """
    detached.private_directory(plan.directory)
    if not detached.ask(plan.directory, plan.name).is_running:
        refuse_old_ledgers(plan)
        set_epoch(plan.directory, plan.name, epoch)
    started = detached.start(plan.directory, plan.name, plan.key, lambda job: _work(plan, job))
    if started.attached:
        return detached.Started(detached.renew(plan.directory, plan.name), True)
    status = wait_until(
        lambda: detached.ask(plan.directory, plan.name),
        lambda seen: not seen.is_running or seen.progress.get("phase") == "running",
        LIMIT,
        "the probe to run",
        "Look at {0}/{1}.log".format(plan.directory, plan.name),
    ).value
    return detached.Started(status, False)


def set_epoch(directory: str, name: str, epoch: int) -> bool:
    """Tell a probe the role epoch. :returns: whether it was another one before."""
    if read_epoch(directory, name) == epoch:
        return False
    detached.write_atomically(epoch_path(directory, name), "{0}\n".format(epoch), durable=False)
    return True


def stop(directory: str, name: str) -> detached.Status:
    """End the probe in good order: open operations get their answers, every ledger its end line."""
    return detached.cancel(directory, name, LIMIT)


def summary_of(path: str) -> Dict[str, Any]:
    """What one ledger holds, in numbers: ``{stream, kind, path, epochs, operations, acked, failed, unknown, open, late, busy, starting,
    behind, first_sent, last_ended, closed, covered, damage, bytes, sha256}``."""
    seen = ledger.read(path)
    record: Dict[str, Any] = {
        "file": os.path.basename(path),
        "stream": str(seen.header.get("stream", "")),
        "kind": str(seen.header.get("kind", "")),
        "path": str(seen.header.get("path", "")),
        "client": str(seen.header.get("client", "")),
        "epochs": sorted({operation.epoch for operation in seen.operations}),
        "nodes": sorted({operation.node for operation in seen.operations if operation.node}),
        "operations": len(seen.operations),
        "open": len([1 for operation in seen.operations if operation.ended is None]),
        "late": len(seen.late),
        "first_sent": seen.operations[0].sent if seen.operations else None,
        "last_ended": max([operation.ended or 0 for operation in seen.operations], default=None),
        "closed": seen.closed,
        "covered": seen.covered,
        "damage": list(seen.damage),
    }
    for name, outcome in (("acked", ledger.ACKED), ("failed", ledger.FAILED), ("unknown", ledger.UNKNOWN)):
        record[name] = len([1 for operation in seen.operations if operation.outcome == outcome])
    for why in (ledger.BUSY, ledger.STARTING, ledger.BEHIND):
        record[why] = sum(missed.slots for missed in seen.missed if missed.why == why)
    record.update(_digest(path))
    return record


def _digest(path: str) -> Dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    try:
        with open(path, "rb") as source:
            for piece in iter(lambda: source.read(1 << 20), b""):
                digest.update(piece)
                size += len(piece)
    except OSError:
        return {"bytes": None, "sha256": ""}
    return {"bytes": size, "sha256": digest.hexdigest()}


def summaries(directory: str) -> List[Dict[str, Any]]:
    """The ledgers of a directory, each summed up, in the order of their names. :raises OSError: when the directory cannot be read."""
    names = sorted(name for name in os.listdir(directory) if name.endswith(".ledger"))
    return [summary_of(os.path.join(directory, name)) for name in names]
