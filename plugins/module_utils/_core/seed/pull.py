# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The chunk engine: pulls the files of a seed from the source's agent, proves every chunk, resumes without sending
again what is right.

Order of a copy: ask the source what there is -> check everything on the target -> write the manifest ``unfinished`` ->
copy into parts -> verify -> make durable -> give the files their names -> write the manifest ``finished``. Until the
manifest is written nothing on the target has changed.

A file of an open database may grow or shrink while it is copied: what it had at the last look is copied, its tail too,
and the result names it in ``resized``. With ``source_quiet`` any change is an error instead, and every file is read
again on the source at the end.
"""

import collections
import os
import queue
import stat
import threading
from typing import Any, Callable, Deque, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import agent, manifest, target, transport
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed.manifest import Item, Manifest
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed.session import (
    Chunk,
    Corrupted,
    Failure,
    Session,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed.transport import (
    Connect,
    Endpoint,
    Unreachable,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import Clock

#: Requests under way: enough to keep the source reading over a long line, few enough to be sent again after a cut.
WINDOW_CHUNKS = 4
#: With small chunks so many bytes are under way all the same, for a resync asks for much and gets little. Not under a
#: rate limit: the requests would be spread over so much time that answers and the lease had to wait for them.
WINDOW_BYTES = 16 * 1024 * 1024
WINDOW_REQUESTS = 64
#: Bytes written between two requests to the disk to begin with them, so that the end is not one long wait.
FLUSH_BYTES = 64 * 1024 * 1024
#: Seconds between two questions for the lease.
LEASE_INTERVAL = 5.0
#: A growing file is followed so many times; then what it had is taken, for the engine's redo covers the rest.
GROWTH_ROUNDS = 5
#: Phase of a copy that has changed nothing yet.
CHECKING = "checking"
#: Seconds that one chunk may take under a rate limit.
SLOWEST_CHUNK = 120.0
#: The file that each poll of the controller touches.
POLLED = "polled"


class Options(NamedTuple):
    """How to copy.

    ``chunk``: bytes. ``rate_limit``: bytes a second, 0 for none. ``margin``: share of the needed space left free.
    ``source_quiet``: nobody writes to the source. ``read_back``: read every file of the target again at the end.
    ``retries``: tries after a broken conversation without any progress between them; ``retry_delay``: seconds before
    the first, doubled each time. ``tolerated``: see ``target.check_empty``. ``overwrite_finished``: a finished seed
    whose files changed since may be overwritten. ``replaces``: files of an older copy of the same database, which the
    caller has proven to be that and which may go: those that are targets are overwritten, the others removed; with
    ``reuse`` their chunks that are as the source's are kept, and only the others are sent.
    """

    chunk: int = 4 * 1024 * 1024
    rate_limit: int = 0
    margin: float = 0.05
    source_quiet: bool = False
    read_back: bool = False
    retries: int = 5
    retry_delay: float = 2.0
    tolerated: Tuple[str, ...] = ()
    overwrite_finished: bool = False
    replaces: Tuple[str, ...] = ()
    reuse: bool = True


class Wish(NamedTuple):
    """A whole seed: ``generation`` names the state of the source (one hot backup, say); another generation is compared
    chunk by chunk.
    """

    seed: str
    generation: str
    seed_dir: str
    endpoint: Endpoint
    files: Tuple[manifest.File, ...]
    trees: Tuple[manifest.Tree, ...]
    options: Options

    @property
    def digest(self) -> str:
        extra = {"quiet": self.options.source_quiet}
        return manifest.wish_digest(self.seed, self.generation, self.files, self.trees, extra)

    @property
    def job_key(self) -> str:
        """What a running copy says it works on."""
        return "seed {0}, generation {1!r}, wish {2}".format(self.seed, self.generation, self.digest[:12])

    @property
    def roots(self) -> List[str]:
        return sorted({os.path.dirname(file.target) for file in self.files} | {tree.target for tree in self.trees})


class Survey(NamedTuple):
    """What is to be done, after every check.

    ``spaces``: see ``target``. ``left_out``: paths of trees that cannot be copied (sockets, devices).
    """

    items: Tuple[Item, ...]
    left_out: Tuple[str, ...]
    spaces: Tuple[target.Space, ...]
    before: Optional[Manifest]
    source: str
    algorithm: str
    chunk: int


def check_wish(wish: Wish) -> None:
    """Refuse a wish that contradicts itself, before anybody is asked.

    :raises Refusal: naming the option and the value.
    """
    targets = [file.target for file in wish.files] + [tree.target for tree in wish.trees]
    sources = [file.source for file in wish.files] + [tree.source for tree in wish.trees]
    for path in sources:
        target.check_path(path, "source")
    for path in targets:
        target.check_path(path, "target")
    # One file may have several targets, such as the copies of a control file; a tree may not.
    roots = [tree.source for tree in wish.trees]
    for name, paths in (("source", [path for path in sources if path in roots]), ("target", targets)):
        twice = sorted(path for path, times in collections.Counter(paths).items() if times > 1)
        if twice:
            raise Refusal(
                seen="{0} {1} is given more than once".format(name, ", ".join(twice)),
                meaning="Every target has one source, and a tree has one target",
                remedy="Remove the duplicates from files and trees",
            )
    _check_replaces(wish)
    unknown = sorted({file.kind for file in wish.files} - set(manifest.KINDS))
    if unknown or not targets:
        raise Refusal(
            seen="kind {0!r}".format(unknown[0]) if unknown else "Neither files nor trees are given",
            meaning="Allowed kinds are {0}".format(", ".join(manifest.KINDS))
            if unknown
            else "There is nothing to copy",
            remedy="Correct files and trees",
        )
    if not 4096 <= wish.options.chunk <= agent.MAX_CHUNK:
        raise Refusal(
            seen="chunk_size is {0} bytes".format(wish.options.chunk),
            meaning="Allowed are 4096 to {0}".format(agent.MAX_CHUNK),
            remedy="Leave it at its default of 4 MiB",
        )
    if wish.options.rate_limit and wish.options.chunk / float(wish.options.rate_limit) > SLOWEST_CHUNK:
        raise Refusal(
            seen="rate_limit is {0} bytes a second for chunks of {1} bytes".format(
                wish.options.rate_limit, wish.options.chunk
            ),
            meaning="One chunk would take more than {0:.0f} s, and the source takes a silent target for dead".format(
                SLOWEST_CHUNK
            ),
            remedy="Allow at least {0} bytes a second, or make chunk_size smaller".format(
                int(wish.options.chunk / SLOWEST_CHUNK) + 1
            ),
        )


def _check_replaces(wish: Wish) -> None:
    """Refuse to replace what is no plain path below one of the directories of this copy."""
    for path in wish.options.replaces:
        target.check_path(path, "replaces")
    outside = [
        path
        for path in wish.options.replaces
        if not any(path.startswith(root.rstrip("/") + "/") for root in wish.roots)
    ]
    if outside:
        raise Refusal(
            seen="replaces names {0}, which lies below none of {1}".format(outside[0], ", ".join(wish.roots)),
            meaning="A file elsewhere is not of the copy that is replaced, or its place is not known to us",
            remedy="Find out whose it is; move it away by hand if it may go",
            details={"outside": outside[:1000]},
        )


def still_matches(item: Item) -> bool:
    """True when a finished file is as it was finished: type and size, and for files the time stamp as well."""
    try:
        seen = os.lstat(item.target)
        if item.type == "l":
            return stat.S_ISLNK(seen.st_mode) and os.readlink(item.target) == item.link
    except OSError:
        return False
    if item.type == "d":
        return stat.S_ISDIR(seen.st_mode)
    return stat.S_ISREG(seen.st_mode) and seen.st_size == item.size and seen.st_mtime_ns == item.mtime_ns


def digests_match(record: Manifest) -> List[str]:
    """Targets of finished files whose contents are not as recorded; reads every file."""
    wrong = []
    for item in record.files:
        handle = os.open(item.target, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            if manifest.file_digest(handle, record.algorithm, record.chunk) != item.digest:
                wrong.append(item.target)
        finally:
            os.close(handle)
    return wrong


def is_finished(wish: Wish) -> Optional[Manifest]:
    """The manifest, when this very wish was finished and its files are as they were then; None otherwise.

    Asks nobody and changes nothing.
    """
    record = manifest.load(wish.seed_dir)
    if record is None or record.state != manifest.FINISHED or record.wish != wish.digest:
        return None
    return record if all(still_matches(item) for item in record.items) else None


def _refuse_lived_on(wish: Wish, before: Optional[Manifest]) -> None:
    if before is None:
        return
    if before.seed != wish.seed:
        raise Refusal(
            seen="{0} belongs to seed {1!r}, asked for is {2!r}".format(wish.seed_dir, before.seed, wish.seed),
            meaning="Another copy began or ended in these directories",
            remedy="Use the same seed_id to go on with it, or another seed_dir and empty directories",
        )
    replaced = set(wish.options.replaces)
    changed = [item.target for item in before.items if item.target not in replaced and not still_matches(item)]
    if before.state == manifest.FINISHED and changed and not wish.options.overwrite_finished:
        raise Refusal(
            seen="Seed {0!r} was finished, and {1} of its files changed since: {2}".format(
                before.seed, len(changed), ", ".join(changed[:5])
            ),
            meaning="A database has probably lived on these files; overwriting them could lose data",
            remedy="If no instance uses them and they are not wanted any more, set overwrite_finished to true",
            details={"changed_since": changed[:1000]},
        )


def survey(wish: Wish, session: Session) -> Survey:
    """Ask the source and check the target. Changes nothing.

    :raises Refusal: naming what is wrong.
    """
    before = manifest.load(wish.seed_dir)
    _refuse_lived_on(wish, before)
    items, left_out = manifest.items_of(wish.files, wish.trees, session.entries())
    ours: Set[str] = set()
    for item in list(items) + list(before.items if before else ()):
        if before is not None:
            ours.update((item.target, item.part))
    ours.update(path + suffix for path in wish.options.replaces for suffix in ("", manifest.PART_SUFFIX))
    target.check_unused(wish.options.replaces)
    roots = wish.roots
    target.check_directories(roots)
    target.check_empty(roots, ours, wish.options.tolerated + (wish.seed_dir,))
    found = target.spaces(items, wish.options.margin)
    target.check_space(found)
    same_chunks = before is not None and before.chunk == wish.options.chunk
    algorithm = (
        before.algorithm if before is not None and same_chunks else choose_algorithm(session.hello.get("rates") or {})
    )
    return Survey(
        tuple(items),
        tuple(left_out),
        tuple(found),
        before,
        str(session.hello.get("host", "")),
        algorithm,
        wish.options.chunk,
    )


def choose_algorithm(theirs: Mapping[str, int], ours: Optional[Mapping[str, int]] = None) -> str:
    """The digest whose slower side is the faster: with SHA instructions it is sha256, without them blake2b."""
    own = agent.measure_rates() if ours is None else ours
    return max(agent.ALGORITHMS, key=lambda name: min(own.get(name, 0), theirs.get(name, 0)))


class Pacer:
    """Keeps a stream below a rate. :arg rate: bytes a second, 0 for none."""

    def __init__(self, rate: int, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._free_at = clock.now()

    def wait(self, amount: int) -> None:
        """Return when so many bytes may be asked for."""
        if not self._rate:
            return
        now = self._clock.now()
        if self._free_at > now:
            self._clock.sleep(self._free_at - now)
        # Time that was not used is not saved up: a limit is a limit after a pause as well.
        self._free_at = max(self._free_at, now) + amount / float(self._rate)


class Flusher:
    """Sends written bytes to the disk beside the copy, in a thread."""

    def __init__(self) -> None:
        self._jobs: "queue.Queue[Optional[Tuple[int, str]]]" = queue.Queue()
        self._error: Optional[Tuple[OSError, str]] = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def flush(self, handle: int, path: str) -> None:
        """Begin to make durable what was written; the descriptor may be closed right after."""
        self.check()
        self._jobs.put((os.dup(handle), path))

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            try:
                os.fsync(job[0])
            except OSError as error:
                self._error = self._error or (error, job[1])
            finally:
                os.close(job[0])

    def check(self) -> None:
        """:raises StandbyError: when a disk did not take what was written."""
        if self._error is not None:
            raise target.disk_error(self._error[1], self._error[0], 0)

    def finish(self) -> None:
        """Wait until everything is durable."""
        self.abandon()
        self._thread.join()
        self.check()

    def abandon(self) -> None:
        """Let the thread end after what it was given."""
        self._jobs.put(None)


class Meter:
    """Counts bytes and tells rate and remaining time."""

    def __init__(self, total: int, clock: Clock) -> None:
        self.total = total
        self.sent = 0
        self.skipped = 0
        self.zero = 0
        self._clock = clock
        self._start = clock.now()
        self._marks: Deque[Tuple[float, int]] = collections.deque([(self._start, 0)], maxlen=200)

    @property
    def done(self) -> int:
        return self.sent + self.skipped + self.zero

    @property
    def duration(self) -> float:
        return self._clock.now() - self._start

    def report(self) -> Dict[str, Any]:
        """Progress: bytes, percent, rate over the last ten seconds in bytes a second, remaining seconds (None when not
        to be told).
        """
        now = self._clock.now()
        if now - self._marks[-1][0] >= 0.25:
            self._marks.append((now, self.done))
        while len(self._marks) > 2 and now - self._marks[0][0] > 10.0:
            self._marks.popleft()
        span = now - self._marks[0][0]
        rate = (self.done - self._marks[0][1]) / span if span > 0 else 0.0
        left = max(self.total - self.done, 0)
        return {
            "bytes_total": self.total,
            "bytes_done": self.done,
            "bytes_sent": self.sent,
            "bytes_skipped": self.skipped,
            "bytes_zero": self.zero,
            "percent": int(100.0 * min(self.done, self.total) / self.total) if self.total else 100,
            "rate": int(rate),
            "eta": int(left / rate) if rate > 0 else None,
            "elapsed": round(now - self._start, 1),
        }


class _Copy:
    """One file under way: its part, and the digests of its chunks so far.

    ``outstanding``: requests made and not yet applied. ``all_asked``: no further request will be made. ``ended``: the
    source's file was found to end before its listed size, so answers for what lies behind are dropped.
    """

    def __init__(self, item: Item, algorithm: str, table: Optional[Any]) -> None:
        self.item = item
        self.size = item.size
        self.outstanding = 0
        self.all_asked = False
        self.ended = False
        self.rounds = 0
        self.unflushed = 0
        self._table = table
        self._whole = agent.digest_of(algorithm)
        self._before_last = self._whole.copy()
        self.handle, self.existed = target.open_part(item)

    @property
    def is_complete(self) -> bool:
        return self.all_asked and not self.outstanding

    def add(self, digest: bytes) -> None:
        """Note the digest of the next chunk."""
        self._before_last = self._whole.copy()
        self._whole.update(digest)
        if self._table is not None:
            self._table.write(digest)

    def drop_last(self) -> None:
        """Forget the last chunk: it is asked for again, longer."""
        self._whole = self._before_last.copy()
        if self._table is not None:
            self._table.seek(-32, os.SEEK_CUR)

    def digest(self, algorithm: str, chunk: int) -> str:
        return manifest.name_digest(algorithm, chunk, self._whole.digest())

    def close(self) -> None:
        os.close(self.handle)
        if self._table is not None:
            self._table.truncate()
            self._table.close()


class _Recheck:
    """One file of a quiet source that is read again there, for its digest only."""

    def __init__(self, item: Item, algorithm: str) -> None:
        self.item = item
        self.whole = agent.digest_of(algorithm)


class _Request(NamedTuple):
    """A chunk asked for. ``fresh``: the target's bytes there are known to be zero."""

    copy: Any
    offset: int
    length: int
    have: bytes
    fresh: bool


Report = Callable[..., None]


class Pull:
    """One run of a copy, from survey to finished manifest.

    :arg connect: how the source is reached. :arg report: gets progress as keyword arguments. :arg clock: time, for
        tests.
    """

    def __init__(self, wish: Wish, connect: Connect, report: Report, clock: Optional[Clock] = None) -> None:
        self.wish = wish
        self._connect = connect
        self._report = report
        self._clock = clock or Clock()
        self._pacer = Pacer(wish.options.rate_limit, self._clock)
        self._flusher = Flusher()
        self._meter = Meter(0, self._clock)
        self._pending: Deque[_Request] = collections.deque()
        self._again: Deque[_Request] = collections.deque()
        self._session: Optional[Session] = None
        self._done: Dict[str, Item] = {}
        self._opened: List[_Copy] = []
        self._resized: Dict[str, Dict[str, Any]] = {}
        self._broken = 0
        self._broken_in_all = 0
        self._buffer = memoryview(bytearray(wish.options.chunk))
        self._lease_asked = 0.0
        self._flush_duration = 0.0
        self._polled = self._poll_mark()
        self._removed: List[str] = []

    # -- the conversation

    def _open_session(self) -> Session:
        endpoint = self.wish.endpoint
        return Session(self._connect(endpoint), endpoint, self.wish.seed)

    def _poll_mark(self) -> int:
        try:
            return os.stat(os.path.join(self.wish.seed_dir, POLLED)).st_mtime_ns
        except OSError:
            return 0

    def _watch_lease(self, session: Session) -> None:
        """Renew the lease on the source when the controller has polled, ask for it otherwise, and stop when it is not
        held any more.
        """
        if session.lease_held is False:
            raise StandbyError(
                seen="The lease on {0} is not held any more".format(self.wish.endpoint.name),
                meaning="Nobody renewed it in time, so the source ended what it protected (backup "
                "mode): this copy cannot be used",
                remedy="Run again: backup mode is begun anew, and only what differs is sent",
                details={"reason": "lease_lapsed"},
            )
        now = self._clock.now()
        if session.lease_held is None or now - self._lease_asked < LEASE_INTERVAL:
            return
        mark = self._poll_mark()
        session.ask_lease(mark != self._polled)
        self._polled = mark
        self._lease_asked = now

    def _after_break(self, error: StandbyError) -> None:
        """Decide whether a broken conversation is worth another try, and wait before it.

        :raises StandbyError: the error itself, when it is not.
        """
        self._close_session()
        self._broken += 1
        self._broken_in_all += 1
        options = self.wish.options
        if (isinstance(error, Unreachable) and not error.again) or self._broken > options.retries:
            error.details["tries"] = self._broken
            raise error
        self._again.extendleft(reversed(self._pending))
        self._pending.clear()
        self._report(phase="reconnecting", last_error=error.seen, **self._meter.report())
        self._clock.sleep(min(options.retry_delay * 2 ** (self._broken - 1), 60.0))

    def _session_now(self, plan: Survey) -> Session:
        if self._session is None:
            self._session = self._open_session()
            self._session.begin(plan.algorithm, plan.chunk)
        return self._session

    # -- the steps

    def run(self) -> Dict[str, Any]:
        """Copy.

        :returns: ``{changed, bytes_total, bytes_sent, bytes_skipped, bytes_zero, files, trees, resized, left_out,
            removed, duration, rate, method, algorithm, reconnects, source_host}``.
        :raises StandbyError: with the copy resumable, unless it is a Refusal: then nothing was changed.
        """
        try:
            self._report(phase=CHECKING)
            plan = self._look()
            self._prepare(plan)
            self._report(phase="copying")
            self._meter = Meter(manifest.total_bytes(plan.items), self._clock)
            self._drive(plan, self._requests(plan), self._apply)
            if self.wish.options.source_quiet:
                self._compare_with_source(plan)
            self._prove_lease(plan)
            return self._finish(plan)
        finally:
            self._close_session()
            for copy in self._opened:
                copy.close()
            self._flusher.abandon()

    def _look(self) -> Survey:
        """The survey, over broken conversations. What cannot be reached at all is told at once.

        :raises StandbyError: with nothing changed.
        """
        while True:
            try:
                self._session = self._open_session()
                plan = survey(self.wish, self._session)
                self._session.begin(plan.algorithm, plan.chunk)
                return plan
            except (Unreachable, Corrupted) as error:
                error.nothing_changed = True
                if isinstance(error, Unreachable) and error.reason in ("refused", "timeout"):
                    raise
                self._after_break(error)

    def _close_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _prepare(self, plan: Survey) -> None:
        """Write the manifest, then make directories and links, then take away what an earlier listing of this seed left
        behind.
        """
        made_before = plan.before
        record = Manifest(
            self.wish.seed,
            self.wish.generation,
            manifest.UNFINISHED,
            self.wish.digest,
            plan.algorithm,
            plan.chunk,
            plan.source,
            plan.items + self._stale(plan),
            {},
        )
        manifest.save(self.wish.seed_dir, record)
        os.makedirs(os.path.join(self.wish.seed_dir, "chunks"), mode=0o700, exist_ok=True)
        for root in self.wish.roots:
            target.make_directories(root)
        if made_before is not None:
            stale = self._stale(plan)
            target.remove_ours([path for item in stale if item.type != "d" for path in (item.part, item.target)])
        self._removed = target.remove_ours(self._outdated(plan))
        for item in plan.items:
            if item.type == "d":
                place = target.open_directory(item.root, item.relative, make=True)
                os.fchmod(place, 0o700)
                os.close(place)
        for item in plan.items:
            if item.type == "l":
                target.make_link(item)

    @staticmethod
    def _stale(plan: Survey) -> Tuple[Item, ...]:
        if plan.before is None:
            return ()
        wanted = {item.target for item in plan.items}
        return tuple(item for item in plan.before.items if item.target not in wanted)

    def _outdated(self, plan: Survey) -> List[str]:
        """Files of the copy that is replaced which have no place in the new one, or may not be reused.

        An unfinished copy goes on with what it has: its files are new ones already, also of another generation.
        """
        options = self.wish.options
        wanted = {item.target for item in plan.items}
        before = plan.before
        resumes = before is not None and before.state == manifest.UNFINISHED
        return [path for path in options.replaces if path not in wanted or not (options.reuse or resumes)]

    def _table(self, number: int, item: Item, plan: Survey) -> Optional[Any]:
        if item.size <= plan.chunk:
            return None
        return open(os.path.join(self.wish.seed_dir, "chunks", "{0:06d}".format(number)), "wb")

    def _requests(self, plan: Survey) -> Iterator[_Request]:
        """Every chunk of every file; the database's files first and the big ones before the small ones."""
        files = [item for item in plan.items if item.type == "f"]
        for number, item in enumerate(sorted(files, key=lambda one: (one.in_tree, -one.size))):
            copy = _Copy(item, plan.algorithm, self._table(number, item, plan))
            self._opened.append(copy)
            self._allocate(copy)
            self._report(current=item.target)
            yield from self._chunks_of(copy, plan)

    @staticmethod
    def _allocate(copy: _Copy) -> None:
        try:
            target.preallocate(copy.handle, copy.size)
        except OSError as error:
            raise target.disk_error(copy.item.part, error, copy.size) from error

    def _chunks_of(self, copy: _Copy, plan: Survey) -> Iterator[_Request]:
        for offset, length in manifest.chunks(copy.size, plan.chunk):
            if copy.ended:
                break
            have = b""
            if copy.existed:
                filled = agent._fill(copy.handle, self._buffer[:length], offset)
                have = agent.digest_of(plan.algorithm, self._buffer[:filled]).digest()
            copy.outstanding += 1
            copy.all_asked = offset + length >= copy.size
            yield _Request(copy, offset, length, have, not copy.existed)
        if copy.ended or not copy.size:
            copy.all_asked = True
            if copy in self._opened and copy.is_complete:
                self._end_file(copy, plan)

    def _drive(
        self, plan: Survey, source: Iterator[_Request], apply: Callable[[_Request, Chunk, Survey], None], flags: int = 0
    ) -> None:
        """Keep requests under way and apply the answers, over broken conversations.

        New requests of ``_again`` go first.
        """
        exhausted = False
        while True:
            try:
                session = self._session_now(plan)
                while len(self._pending) < WINDOW_REQUESTS and self._under_way() < self._window(plan):
                    request = self._again.popleft() if self._again else next(source, None)
                    if request is None:
                        exhausted = True
                        break
                    self._pacer.wait(request.length)
                    self._pending.append(request)
                    session.ask(request.copy.item.key, request.offset, request.length, request.have, flags)
                if not self._pending:
                    if exhausted:
                        return
                    continue
                answer = session.answer()
                if isinstance(answer, Failure):
                    raise self._source_failed(answer)
                apply(self._pending.popleft(), answer, plan)
                session.release(answer)
                self._broken = 0
                self._watch_lease(session)
                self._report(phase="verifying" if flags else "copying", **self._meter.report())
            except (Unreachable, Corrupted) as error:
                self._after_break(error)

    def _under_way(self) -> int:
        return sum(one.length for one in self._pending)

    def _window(self, plan: Survey) -> int:
        few = WINDOW_CHUNKS * plan.chunk
        return few if self.wish.options.rate_limit else max(few, WINDOW_BYTES)

    def _source_failed(self, failure: Failure) -> StandbyError:
        return StandbyError(
            seen="{0} cannot read {1}: {2}".format(self.wish.endpoint.name, failure.path, failure.text),
            meaning="The file disappeared, or its disk or its rights fail, after the copy had begun",
            remedy="Check the file on the source; run again: the copy goes on where it stopped",
            details={"errno": failure.errno, "path": failure.path},
        )

    def _apply(self, request: _Request, chunk: Chunk, plan: Survey) -> None:
        """Write one answer into its file, and see whether the file is complete."""
        copy = request.copy
        copy.outstanding -= 1
        if not copy.ended:
            self._store(request, chunk)
            if chunk.length:
                copy.add(chunk.digest)
            if copy.unflushed >= FLUSH_BYTES:
                self._flusher.flush(copy.handle, copy.item.part)
                copy.unflushed = 0
            self._follow(request, chunk, plan)
        if copy.is_complete:
            self._end_file(copy, plan)

    def _store(self, request: _Request, chunk: Chunk) -> None:
        copy = request.copy
        try:
            if chunk.what == agent.DATA and chunk.data is not None:
                _write(copy.handle, memoryview(chunk.data)[: chunk.length], request.offset)
                copy.unflushed += chunk.length
                self._meter.sent += chunk.length
            elif chunk.what == agent.ZERO:
                if not request.fresh:
                    _write(copy.handle, memoryview(bytes(chunk.length)), request.offset)
                self._meter.zero += chunk.length
            elif chunk.what == agent.SAME and chunk.digest == request.have:
                self._meter.skipped += chunk.length
            else:
                raise Corrupted(
                    seen="The source answered {0} for {1} at {2}".format(chunk.what, copy.item.target, request.offset),
                    meaning="The answer does not fit the question",
                    remedy="Offer the files again with the same version of this collection",
                )
        except OSError as error:
            raise target.disk_error(copy.item.part, error, copy.size) from error

    def _follow(self, request: _Request, chunk: Chunk, plan: Survey) -> None:
        """After a chunk: has the source's file shrunk or grown?"""
        copy = request.copy
        is_last = request.offset + request.length >= copy.size
        if self.wish.options.source_quiet and chunk.size != copy.item.size:
            raise _not_quiet(copy.item, "its size went from {0} to {1} bytes".format(copy.item.size, chunk.size))
        if chunk.length < request.length:
            self._meter.total -= copy.size - request.offset - chunk.length
            copy.size = request.offset + chunk.length
            copy.ended = True
            self._note_resize(copy)
        elif is_last and chunk.size > copy.size and copy.rounds < GROWTH_ROUNDS:
            self._grow(request, chunk.size, plan)

    def _grow(self, request: _Request, size: int, plan: Survey) -> None:
        """Ask for the tail that a file has won, from the last chunk on if that was not a full one."""
        copy = request.copy
        start = copy.size
        if request.length < plan.chunk:
            start = request.offset
            copy.drop_last()
        copy.rounds += 1
        self._meter.total += size - start
        copy.size = size
        self._allocate(copy)
        for offset, length in manifest.chunks(size, plan.chunk, start):
            copy.outstanding += 1
            self._again.append(_Request(copy, offset, length, b"", False))
        self._note_resize(copy)

    def _note_resize(self, copy: _Copy) -> None:
        self._resized[copy.item.target] = {"target": copy.item.target, "listed": copy.item.size, "copied": copy.size}

    def _end_file(self, copy: _Copy, plan: Survey) -> None:
        """A file is complete: its size, mode and time; a file of a tree gets its name at once."""
        item = copy.item
        os.ftruncate(copy.handle, copy.size)
        os.fchmod(copy.handle, item.mode)
        if item.in_tree:
            os.utime(copy.handle, ns=(item.mtime_ns, item.mtime_ns))
        if copy.unflushed or not item.in_tree:
            self._flusher.flush(copy.handle, item.part)
        self._done[item.target] = item._replace(
            size=copy.size, digest=copy.digest(plan.algorithm, plan.chunk), mtime_ns=os.fstat(copy.handle).st_mtime_ns
        )
        self._opened.remove(copy)
        copy.close()
        if item.in_tree:
            target.place_part(item)

    # -- verification and end

    def _compare_with_source(self, plan: Survey) -> None:
        """Read every file of a quiet source again there; its digest must be the one of what was sent.

        :raises StandbyError: naming the file that changed.
        """
        checks = [_Recheck(item, plan.algorithm) for item in self._done.values()]

        def requests() -> Iterator[_Request]:
            for check in checks:
                for offset, length in manifest.chunks(check.item.size, plan.chunk):
                    yield _Request(check, offset, length, b"", False)

        def apply(request: _Request, chunk: Chunk, plan: Survey) -> None:
            if chunk.length != request.length or chunk.size != request.copy.item.size:
                raise _not_quiet(request.copy.item, "it has {0} bytes now".format(chunk.size))
            request.copy.whole.update(chunk.digest)

        self._drive(plan, requests(), apply, agent.DIGEST_ONLY)
        for check in checks:
            now = manifest.name_digest(plan.algorithm, plan.chunk, check.whole.digest())
            if now != check.item.digest:
                raise _not_quiet(
                    check.item, "its digest is {0} now, and was {1} when it was sent".format(now, check.item.digest)
                )

    def _prove_lease(self, plan: Survey) -> None:
        """The lease must have been held to the end of the last read."""
        while True:
            try:
                session = self._session_now(plan)
                session.await_lease()
                self._lease_asked = self._clock.now()
                self._watch_lease(session)
                return
            except (Unreachable, Corrupted) as error:
                self._after_break(error)

    def _read_back(self, plan: Survey) -> None:
        """Read every file of the target again, from the disk as far as the system lets go of its cache."""
        for item in self._done.values():
            self._report(phase="reading_back", current=item.target)
            path = item.target if item.in_tree else item.part
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                if hasattr(os, "posix_fadvise"):
                    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
                found = manifest.file_digest(handle, plan.algorithm, plan.chunk)
            finally:
                os.close(handle)
            if found != item.digest:
                raise StandbyError(
                    seen="{0} reads {1}, written was {2}".format(path, found, item.digest),
                    meaning="The disk gave back other bytes than were written to it, or somebody else writes there",
                    remedy="Check the disk of the target; run again: the wrong chunks are sent again",
                )

    def _finish(self, plan: Survey) -> Dict[str, Any]:
        """Make everything durable, give the files their names, and say so in the manifest."""
        self._report(phase="flushing", **self._meter.report())
        written = self._clock.now()
        self._flusher.finish()
        self._flush_duration = self._clock.now() - written
        if self.wish.options.read_back:
            self._read_back(plan)
        if any(item.in_tree for item in plan.items):
            # Thousands of small files: one sync of the host is cheaper than one for each of them.
            os.sync()
        for item in plan.items:
            if item.type == "f" and not item.in_tree:
                target.place_part(item)
        for item in sorted((one for one in plan.items if one.type == "d"), key=lambda one: -len(one.relative)):
            target.set_directory_mode(item)
        for root in self.wish.roots:
            manifest.sync_directory(root)
        items = tuple(self._done.get(item.target, item) for item in plan.items)
        result = self._result(plan, items)
        manifest.save(
            self.wish.seed_dir,
            Manifest(
                self.wish.seed,
                self.wish.generation,
                manifest.FINISHED,
                self.wish.digest,
                plan.algorithm,
                plan.chunk,
                plan.source,
                items,
                result,
            ),
        )
        transport.forget_key(self.wish.seed_dir)
        return result

    def _result(self, plan: Survey, items: Sequence[Item]) -> Dict[str, Any]:
        meter = self._meter
        duration = meter.duration
        return {
            "changed": True,
            "bytes_total": sum(item.size for item in items if item.type == "f"),
            "bytes_sent": meter.sent,
            "bytes_skipped": meter.skipped,
            "bytes_zero": meter.zero,
            "files": describe_files(self.wish, items),
            "trees": describe_trees(self.wish, items),
            "digests": {item.target: item.digest for item in items if item.type == "f" and not item.in_tree},
            "resized": [self._resized[name] for name in sorted(self._resized)],
            "left_out": list(plan.left_out),
            "removed": sorted(self._removed),
            "duration": round(duration, 3),
            "flush_duration": round(self._flush_duration, 3),
            "rate": int(meter.done / duration) if duration > 0 else 0,
            "method": "pull over {0}".format(self.wish.endpoint.transport),
            "algorithm": plan.algorithm,
            "reconnects": self._broken_in_all,
            "source_host": plan.source,
        }


def describe_files(wish: Wish, items: Sequence[Item]) -> List[Dict[str, Any]]:
    """The single files of a seed, for results: source, target, kind, size, mode, digest."""
    return [
        {
            "source": agent.parts_of(item.key)[0],
            "target": item.target,
            "kind": item.kind,
            "size": item.size,
            "mode": "{0:04o}".format(item.mode),
            "digest": item.digest,
        }
        for item in items
        if not item.in_tree
    ]


def describe_trees(wish: Wish, items: Sequence[Item]) -> List[Dict[str, Any]]:
    """The trees of a seed, for results: source, target, number of files, bytes, and one digest for all of it."""
    found = []
    for tree in wish.trees:
        mine = [item for item in items if item.in_tree and item.root == tree.target]
        files = [item for item in mine if item.type == "f"]
        found.append(
            {
                "source": tree.source,
                "target": tree.target,
                "files": len(files),
                "bytes": sum(item.size for item in files),
                "digest": manifest.tree_digest(mine) if all(item.digest for item in files) else "",
            }
        )
    return found


def _write(handle: int, view: memoryview, offset: int) -> None:
    while view:
        written = os.pwrite(handle, view, offset)
        view = view[written:]
        offset += written


def _not_quiet(item: Item, what: str) -> StandbyError:
    return StandbyError(
        seen="{0} changed on the source while it was copied: {1}".format(agent.parts_of(item.key)[0], what),
        meaning="source_quiet promised that nobody writes there; a cold copy of a running database is worthless",
        remedy="Stop the source's instance for a cold copy, or use the hot method; run again: only "
        "what differs is sent",
        details={"reason": "not_quiet", "target": item.target},
    )
